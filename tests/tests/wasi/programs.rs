//! The same from a program's view: guests in C (`guests/wasi_*.c`), against wasi-libc.

use crate::watchdog::Watched;
use crate::world::{World, preopen};
use bailiwick_loader::wasi::{self, Capture, DirGrant, Input, Output, WasiCtx, WasiCtxBuilder};
use bailiwick_loader::{Artifact, Error, Group, Imports};
use bailiwick_tests::cli::built_guests;
use bailiwick_tests::compile::compile;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Runs a program to its end; gives its exit status.
pub fn start(artifact: &[u8], ctx: WasiCtx) -> i32 {
    match try_start(artifact, ctx) {
        Ok(()) => 0,
        Err(Error::Exit(status)) => status,
        Err(other) => panic!("{other}"),
    }
}

fn try_start(artifact: &[u8], ctx: WasiCtx) -> Result<(), Error> {
    let mut imports = Imports::new();
    wasi::add_to_imports(&mut imports, Arc::new(Mutex::new(ctx)));
    let mut group = Group::new()?;
    let _watched = Watched::new(group.interrupt_handle());
    let artifact = Artifact::from_bytes(artifact, "program")?;
    let instance = group.instantiate(&artifact, &imports)?;
    instance.func(&mut group, "_start")?.call(&mut group, &[]).map(drop)
}

/// The artifact of a program, compiled once.
fn program(name: &str) -> Vec<u8> {
    static COMPILED: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let mut compiled = COMPILED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let artifact = compiled.entry(name.to_owned()).or_insert_with(|| {
        let wasm = std::fs::read(built_guests().join(format!("{name}.wasm"))).unwrap();
        compile(&wasm).unwrap_or_else(|refusal| panic!("{name}: {refusal}"))
    });
    artifact.clone()
}

/// What a program did.
struct Ran {
    status: i32,
    out: String,
    err: String,
}

fn text(capture: &Capture) -> String {
    String::from_utf8(capture.contents()).unwrap()
}

/// Runs a program with arguments behind its name; standard output and error are captured, unless granted otherwise.
fn run(name: &str, args: &[&[u8]], grant: impl FnOnce(&mut WasiCtxBuilder)) -> Ran {
    let mut builder = WasiCtx::builder();
    builder.arg(name).args(args.iter().copied());
    let (out, err) = (builder.capture_stdout(1 << 20), builder.capture_stderr(1 << 20));
    grant(&mut builder);
    let status = start(&program(name), builder.build().unwrap());
    Ran { status, out: text(&out), err: text(&err) }
}

/// Runs a program over an empty folder, which is its only argument.
fn over(name: &str, world: &World) -> Ran {
    run(name, &[b"/folder"], |builder| {
        builder.stdin(Input::Null);
        preopen(builder, world, "/folder", DirGrant::all());
    })
}

#[test]
fn folders_are_listed() {
    let ran = over("wasi_dirents", &World::new());
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert_eq!(
        ran.out,
        "at first: 0\n\
         files: 400\n\
         seekdir: 0 wrong\n\
         inodes: 402 right\n\
         inner: 3\n\
         sorted: a b c\n\
         left: 2\n\
         of a file: Not a directory\n\
         of nothing: No such file or directory\n"
    );
}

#[test]
fn files_are_read_and_written() {
    let world = World::new();
    let ran = over("wasi_files", &world);
    assert_eq!(
        ran.out,
        "create again: File exists\n\
         pwrite: 0AB3456789\n\
         writev: 0AB3456xyz\n\
         readv: 0A B3456xyz\n\
         a hole: 0AB3456xyz...end\n\
         seek before the beginning: Invalid argument\n\
         seek from nowhere: Invalid argument\n\
         cut: 0AB34\n\
         extended: 0AB34...\n\
         a negative size: Invalid argument\n\
         allocated: 12\n\
         bad advice: Invalid argument\n\
         read what is open for writing: Bad file descriptor\n\
         appended: ONE-two\n\
         O_APPEND: ONE-two-three\n\
         write what is open for reading: Bad file descriptor\n\
         cut what is open for reading: Capabilities insufficient\n\
         unlinked: 0 links, 13 bytes\n\
         close again: Bad file descriptor\n\
         read what is closed: Bad file descriptor\n\
         open what is gone: No such file or directory\n\
         open nothing: No such file or directory\n\
         write a folder: Is a directory\n"
    );
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert_eq!(world.names("."), [""; 0]);
}

#[test]
fn names_links_and_times_are_as_on_linux() {
    let world = World::new();
    let ran = over("wasi_links", &world);
    assert_eq!(
        ran.out,
        "hard: file, 2 links, contains 1\n\
         link over a file: File exists\n\
         link a folder: Operation not permitted\n\
         soft: link, 1 links, says one, leads somewhere\n\
         dangling: link, 1 links, says nothing, leads nowhere\n\
         symlink over a link: File exists\n\
         an absolute link: Capabilities insufficient\n\
         readlink of a file: Invalid argument\n\
         open a link itself: Symbolic link loop\n\
         one: file, 2 links, contains through\n\
         one: file, 1 links, contains 2\n\
         hard: file, 1 links, contains through\n\
         rename what is gone: No such file or directory\n\
         rename a file over a folder: Is a directory\n\
         rename a folder over a file: Not a directory\n\
         rename over a full folder: Directory not empty\n\
         rename into itself: Invalid argument\n\
         folder/inner: file, 1 links, contains i\n\
         moved: link, 1 links, says one, leads somewhere\n\
         one: 1000000000.123456789 1100000000.987654321\n\
         one: 1000000000.123456789 1200000000.000000001\n\
         moved: 5.000000006 7.000000008\n\
         one: 1000000000.123456789 1200000000.000000001\n\
         one: 1300000000.000000001 1400000000.000000002\n\
         unlink a folder: Is a directory\n\
         rmdir a file: Not a directory\n\
         rmdir a full folder: Directory not empty\n\
         one: file, 1 links, contains 2\n\
         access: done\n\
         access to what is gone: No such file or directory\n"
    );
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert_eq!(world.names("."), ["one"]);
}

#[test]
fn a_read_only_folder_is_looked_at_and_nothing_else() {
    let world = World::new();
    for name in ["wasi_files", "wasi_links", "wasi_dirents"] {
        let ran = run(name, &[b"/folder"], |builder| preopen(builder, &world, "/folder", DirGrant::read_only()));
        assert_eq!(ran.status, 1, "{name}");
        assert!(ran.out.contains("Operation not permitted"), "{name}: {}", ran.out);
        assert_eq!(world.names("."), [""; 0]);
    }
}

#[test]
fn waiting_for_input_and_for_times() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let (told, out) = std::io::pipe().unwrap();
    std::thread::scope(|scope| {
        // The other side of the conversation: it says something when the program waits for it.
        let heard = scope.spawn(move || {
            let mut heard = Vec::new();
            for line in BufReader::new(told).lines().map(|line| line.unwrap()) {
                if line == "now" {
                    std::thread::sleep(Duration::from_millis(30));
                    writer.write_all(b"hi\n").unwrap();
                }
                if line == "end" {
                    std::thread::sleep(Duration::from_millis(30));
                    writer = std::io::pipe().unwrap().1;
                }
                heard.push(line);
            }
            heard
        });
        let ran = run("wasi_wait", &[], |builder| {
            builder.host_clocks().stdin(Input::File(reader.into())).stdout(Output::File(out.into()));
        });
        assert_eq!(ran.status, 0);
        assert_eq!(
            heard.join().unwrap(),
            [
                "nanosleep: 0",
                "clock_nanosleep: 0",
                "clock_nanosleep to a time: 0",
                "usleep: 0",
                "slept long enough: yes",
                "poll without waiting: 0",
                "poll for 20 ms: 0",
                "select for 20 ms: 0",
                "now",
                "poll for an hour: 1, standard input",
                "select for an hour: 1, standard input",
                "read: 3",
                "end",
                "poll for ever: 1",
                "read the end: 0",
                "poll for writing: 1",
                "can be written",
            ]
        );
    });
}

#[test]
fn streams_are_known_for_what_they_are() {
    let world = World::new();
    let (pipe, other_end) = std::io::pipe().unwrap();
    drop(other_end);
    for (input, read) in [
        (Input::Null, ""),
        (Input::Bytes(std::io::Cursor::new(b"one\ntwo".to_vec())), "in: one\nin: two"),
        (Input::File(pipe.into()), ""),
    ] {
        let out = std::fs::File::create(world.path("out")).unwrap();
        let ran = run("wasi_streams", &[], |builder| {
            builder.stdin(input).stdout(Output::File(out.into()));
        });
        assert_eq!((ran.status, world.text("out")), (0, format!("{read}end\n")));
        assert_eq!(
            ran.err,
            "0: other, Not a tty, Invalid seek\n\
             1: file, Not a tty, Invalid seek\n\
             2: other, Not a tty, Invalid seek\n"
        );
    }
}

#[test]
fn a_terminal_is_one() {
    let (_outer, inner) = crate::streams::terminal();
    let ran = run("wasi_streams", &[], |builder| {
        builder.stdin(Input::Null).stdout(Output::File(inner));
    });
    assert_eq!(ran.status, 0);
    assert!(ran.err.contains("1: character device, terminal, Invalid seek"), "{}", ran.err);
}

#[test]
fn a_program_without_streams_is_told_so() {
    let mut builder = WasiCtx::builder();
    builder.arg("wasi_streams");
    assert_eq!(start(&program("wasi_streams"), builder.build().unwrap()), 3, "standard error could not be written");
}

#[test]
fn arguments_and_variables_are_bytes() {
    let ran = run("wasi_process", &[b"a b", b"", b"\xfe\x01", "ö".as_bytes(), b"return", b"5"], |builder| {
        builder
            .env("TWICE", "first")
            .env("EMPTY", "")
            .env("ODD", b"\xff\n=".as_slice())
            .env("TWICE", "second")
            .host_clocks();
    });
    assert_eq!(
        ran.out,
        "argument wasi_process\n\
         argument a<20>b\n\
         argument \n\
         argument <fe><01>\n\
         argument <c3><b6>\n\
         argument return\n\
         argument 5\n\
         then none\n\
         variable TWICE=second\n\
         variable EMPTY=\n\
         variable ODD=<ff><0a>=\n\
         TWICE is second\n\
         ODD is <ff><0a>=\n\
         getentropy: 0 0, different\n\
         too much: I/O error\n\
         clocks: 0 0 0 0, fine\n\
         at exit\n"
    );
    assert_eq!(ran.status, 5);
}

#[test]
fn programs_end_in_their_own_way() {
    for (how, status) in [("return", 0), ("return", 1), ("exit", 42), ("exit", 255), ("exit", 256), ("exit", -1)] {
        let ran = run("wasi_process", &[how.as_bytes(), status.to_string().as_bytes()], |_| {});
        assert_eq!(ran.status, status, "{how}");
        assert!(ran.out.ends_with("at exit\n"), "{how} {status}");
    }
    let ran = run("wasi_process", &[b"_exit", b"9"], |_| {});
    assert_eq!(ran.status, 9);
    assert!(!ran.out.contains("at exit"));
    let mut builder = WasiCtx::builder();
    builder.args(["wasi_process", "abort", "0"]);
    let aborted = try_start(&program("wasi_process"), builder.build().unwrap()).unwrap_err();
    assert_eq!(aborted.trap_code(), Some(bailiwick_loader::TrapCode::Unreachable));
}

#[test]
fn descriptors_are_moved_as_a_shell_does_it() {
    let world = World::new();
    let ran = over("wasi_redirect", &world);
    assert_eq!((ran.status, ran.out.as_str()), (0, "to the old standard output\n"), "{}", ran.err);
    assert_eq!(
        ran.err,
        "close the old number: Bad file descriptor\n\
         standard output has a place now, and contains: file\n\
         standard input: line 1\n\
         renumber what is closed: Bad file descriptor\n\
         renumber to what is closed: Bad file descriptor\n\
         granted: no more\n"
    );
    assert_eq!(world.text("log"), "to the filestill there\n");
    assert_eq!(world.names("sub"), ["made"]);
}

#[test]
fn a_server_serves() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let clients = std::thread::spawn(move || {
        let answers = ["one\ntwo\n", "", "x"].map(|said| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            for byte in said.bytes() {
                stream.write_all(&[byte]).unwrap();
            }
            stream.shutdown(Shutdown::Write).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
        assert_eq!(answers, ["ONE\nTWO\n2 lines\n", "0 lines\n", "X0 lines\n"]);
    });
    let ran = run("wasi_server", &[b"3", b"3"], |builder| {
        builder.host_clocks().stdin_bytes("");
        builder.listener(listener.into()).unwrap();
    });
    assert_eq!(
        ran.out,
        "begins with o\n\
         begins with \n\
         begins with x\n\
         then: Resource temporarily unavailable\n\
         a file: Not a socket\n"
    );
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    clients.join().unwrap();
}
