//! What `bailiwick run --help` says behind its options.

/// Examples, and what the options' lines have no room for.
pub const RUN: &str = "\
Examples:
  bailiwick run hello.bwk                          an artifact: no compiler is needed
  bailiwick run hello.wasm one two                 WebAssembly, compiled by bailiwickc and cached
  bailiwick run --dir ./data::/data app.wasm       the guest sees ./data as /data
  bailiwick run --dir-ro . --env LANG app.wasm     read only; with the host's LANG
  bailiwick run --dir-with rights=list+create+write,max-bytes=200MiB out::/out app.wasm
  bailiwick run --audit denied.jsonl app.wasm      what it was refused
  bailiwick run --invoke add math.wat 2 3          call one exported function, print its results
  bailiwick run --timeout 2s --max-memory 64MiB app.wasm
  bailiwick run --deterministic --stdin in.txt --stdout out.txt app.wasm
  bailiwick run --tcp-listen 127.0.0.1:8080 server.wasm
  bailiwick run --preload lib=lib.wasm app.wasm    lib.wasm provides the imports from \"lib\"

Folders: HOST may be a symbolic link, and the folder it leads to now is granted; below it, no link leads out.
KEYS of --dir-with, separated by commas:
  rights=R+R…      list, read, write, create, delete, rename, link, symlink, times, stat; all unless said, stat always
  max-bytes=SIZE   by how much what is below may grow, in all
  max-open=N       how many descriptors may be open below at once
  cross-mounts     also what is mounted below it
A folder that holds the cache of compiled code or the audit is not granted but for reading.

Audit: one line for each call or import that was denied, as {\"t\":…, \"seq\":1, \"pid\":…, \"module\":\"app.wasm\",
\"sha256\":…, \"call\":\"wasi_snapshot_preview1.path_open\", \"args\":{\"fd\":3, \"path\":\"../seed.json\", …},
\"verdict\":\"deny\", \"errno\":\"notcapable\", \"rule\":\"outside\"}. It is written before the guest goes on; if it can't be,
the guest is ended. After 10000 lines or 16 MiB of one run, further denials are counted, and the last line has the
counts. To standard error the guest writes too, and could write what looks like a line, but for --stderr.

Sockets: the guest has them as descriptors behind its folders: from 3 if it has none, as programs that heed
LISTEN_FDS expect. It can accept connections, but make none.

--deterministic: the time begins with 1970, whatever SOURCE_DATE_EPOCH says (--clock virtual:@$SOURCE_DATE_EPOCH
goes with it). What the guest reads of files, streams and sockets is the host's all the same.

The guest gets standard streams, clocks and randomness, and nothing else that is not named here.
An artifact is trusted like an executable: its machine code is not verified. Run only what a
compiler that you trust has written.";
