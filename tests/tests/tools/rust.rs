//! Modules in Rust, where there is what builds them.

use super::{build, run, said};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;

/// The folder of modules in Rust, if they can be built here.
fn modules() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| here.join("../target"), PathBuf::from);
        let folder = std::path::absolute(target.join("apps/rust")).expect("a path");
        let output = Command::new("bash").arg(here.join("apps/rust/build")).arg(&folder).output().expect("bash");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        print!("{}", text(&output.stdout));
        folder.join("client.wasm").is_file().then_some(folder)
    });
    built.as_deref()
}

/// Rust and C on the two sides of one interface, each by its own generator: records, variants and handles mean the same.
#[test]
fn a_module_by_the_macro_takes_the_place_of_one_in_c() {
    let Some(modules) = modules() else { return };
    let folder = build::application("kv", "bailiwick.toml", &["keeper", "teller", "app"]);
    let in_c = said(&run(folder.path(), &["run", "."]), 0);
    fs::copy(modules.join("teller.wasm"), folder.path().join("teller.wasm")).expect("the module");
    assert!(said(&run(folder.path(), &["check"]), 0).contains("ok: 3 instances"));
    assert_eq!(said(&run(folder.path(), &["run", "."]), 0), in_c);
}

/// The example's client, without a library.
#[test]
fn the_client_in_rust_gets_what_it_may() {
    let Some(modules) = modules() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("apps/web");
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let manifest = fs::read_to_string(sources.join("bailiwick.toml")).expect("the manifest");
    let manifest = manifest.replace("localhost:8080", &format!("127.0.0.1:{port}"));
    fs::write(folder.path().join("bailiwick.toml"), manifest).expect("the manifest");
    fs::copy(modules.join("client.wasm"), folder.path().join("client.wasm")).expect("the module");
    fs::copy(sources.join("client.wit"), folder.path().join("client.wit")).expect("its WIT");

    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut lines = BufReader::new(stream.try_clone().expect("the connection")).lines();
        let request: Vec<String> =
            lines.by_ref().map(|line| line.expect("a line")).take_while(|line| !line.is_empty()).collect();
        // More than the client has room for at a time, and the empty line in two pieces.
        stream.write_all(b"HTTP/1.1 200 OK\r\nServer: x\r\n\r").expect("the head");
        stream.flush().expect("the head");
        thread::sleep(std::time::Duration::from_millis(50));
        stream.write_all(format!("\n{}\n", "0123456789".repeat(2000)).as_bytes()).expect("the body");
        drop(stream);
        // Nothing else reaches it.
        listener.set_nonblocking(true).expect("it is set");
        (request, move || listener.accept().is_err())
    });
    let url = format!("http://127.0.0.1:{port}/a/b");
    let text = said(&run(folder.path(), &["run", ".", &url]), 0);
    assert!(text == format!("{}\n", "0123456789".repeat(2000)), "{} bytes: {text:.200}", text.len());
    let (request, nothing_more) = server.join().expect("the server");
    assert_eq!(request, ["GET /a/b HTTP/1.1", &format!("Host: 127.0.0.1:{port}"), "Connection: close"]);

    let text = said(&run(folder.path(), &["run", ".", "http://127.0.0.2:1/", "nonsense"]), 1);
    assert_eq!(text, "client: can't get http://127.0.0.2:1/\nclient: can't get nonsense\n");
    assert!(nothing_more());
}
