//! Modules that stand between another one and the world, and what becomes of that one if they lie, trap, or never return:
//! it sees errors, whoever called it goes on, and nobody else notices.

use super::*;

/// What the library finds with everything honest.
const HONEST: &str = "\
open ok
read 13
fstat 13
seek 13
close ok
write 5
pread 234
readlink 8
entries 2
clock 1000000000
random 4
home /data
";

/// An application whose library has files by `stand` and the rest by an honest one, beside somebody who has a file of his
/// own.
fn app(stand: &str, rest: &str) -> App {
    let app = App::stands(&format!(
        r#"
[package]
name = "stage"
module = "stage.wasm"
[host]
own = {{ kind = "dir", path = "own", rights = ["list", "read"] }}
out = {{ kind = "stdio", stdout = "inherit", stderr = "inherit" }}
[grants]
out = "out"
[deps.stand]
module = "{stand}.wasm"
limits = {{ time = "500ms/call", memory = "16MiB", stack = "256KiB" }}
[deps.honest]
module = "stand_0.wasm"
grants.out = "out"
[deps.witness]
module = "witness.wasm"
grants.own = "own"
[deps.victim]
module = "victim.wasm"
on_fault = "error"
imports.fs = {{ module = "stand" }}
imports.clock = {{ module = "honest" }}
imports.random = {{ module = "honest" }}
imports.env = {{ module = "honest" }}
{rest}"#
    ));
    app.file("own/file", "mine");
    app
}

/// What each of two calls finds, if both find the same.
fn twice(found: &str) -> String {
    format!("{found}--\n{found}--\nwitness: mine\n")
}

#[test]
fn a_library_that_believes_it_has_a_disk_a_clock_and_an_environment() {
    app("stand_0", "").run(&[]).with(0).prints(&twice(HONEST)).without("died");
}

/// What is written goes through two of them, each of which puts it in brackets.
#[test]
fn who_stands_between_may_have_somebody_between_himself_and_the_world() {
    let app = app("stand_0", "imports.stdio = { module = \"stand\" }\n");
    app.edit("bailiwick.toml", "limits = { time", "imports.stdio = { module = \"honest\" }\nlimits = { time");
    let ended = app.run(&[]).with(0).prints(&twice(HONEST));
    let ended = ended.says(&["1[0[said"]);
    assert_eq!(ended.err.matches("said").count(), 2, "{ended:#?}");
}

/// Lies of which the library learns by an error of the one call, or not at all, and goes on.
#[test]
fn a_lie_is_an_error_of_the_call_or_a_word_like_any_other() {
    for (lie, from, to, audited) in [
        // More bytes than were asked for.
        (2, "read 13", "read I/O error", true),
        // A listing without an end, and one that goes round.
        (12, "entries 2", "entries I/O error", true),
        (13, "entries 2", "entries I/O error", true),
        (15, "seek 13", "seek Invalid argument", false),
        // More bytes than were to be written, and none.
        (16, "write 5", "write I/O error", true),
        (17, "write 5", "write I/O error", true),
        // One byte at a time.
        (18, "read 13", "read 1", false),
        (20, "open ok", "open I/O error", true),
        (23, "entries 2", "entries none: Success", true),
        (30, "readlink 8", "readlink I/O error", true),
    ] {
        let app = app(&format!("stand_{lie}"), "");
        let ended = app.bailiwick(&["run", "--audit", "audit", "bailiwick.toml"]).with(0).without("died");
        let lines = |line: &str| ended.out.lines().filter(|said| *said == line).count();
        assert_eq!((lines(from), lines(to)), (0, 2), "{lie}: {ended:#?}");
        assert!(ended.out.ends_with("home /data\n--\nwitness: mine\n"), "{lie}: {ended:#?}");
        // Once is enough, and it says how.
        let audit = app.read("audit");
        let told = audit.matches("\"rule\":\"virtualizer\",\"why\":").count();
        assert_eq!(told, usize::from(audited), "{lie}: {audit}");
    }
}

/// What no module survives: the library has no files from then on, and everything else.
#[test]
fn who_stands_between_dies_alone() {
    for (lie, first, reason) in [
        (1, "read I/O error", "wasm `unreachable` instruction executed"),
        (3, "entries none: Success", "has a string that is no UTF-8"),
        (4, "read I/O error", "a call of it took more than 500ms"),
        (5, "read I/O error", "out of bounds memory access"),
        (6, "read I/O error", "wasm `unreachable` instruction executed"),
        (7, "read I/O error", "the guest ended with exit status 0"),
        (8, "read I/O error", "has a list of 131072 bytes at address 4294901760"),
        (9, "open I/O error", "has case 7 of 2"),
        (10, "open I/O error", "has case 200 of 77"),
        (19, "open I/O error", "has an allocation of 5 bytes at address 4294967280"),
        (21, "readlink I/O error", "has a string that is no UTF-8"),
        (27, "close I/O error", "wasm `unreachable` instruction executed"),
        (29, "open I/O error", "has case 99 of 8"),
    ] {
        let app = app(&format!("stand_{lie}"), "");
        let ended = app.bailiwick(&["run", "--audit", "audit", "bailiwick.toml"]).with(0).shows(&[first]);
        let ended = ended.says(&["stage/stand died: ", reason]);
        assert!(!ended.err.contains("victim died"), "{lie}: {ended:#?}");
        let (_, later) = ended.out.split_once("--\n").expect("two calls");
        let lost = "open I/O error\nread Bad file descriptor\n";
        assert!(later.starts_with(lost), "{lie}: {ended:#?}");
        assert!(later.ends_with("clock 1000000000\nrandom 4\nhome /data\n--\nwitness: mine\n"), "{lie}: {ended:#?}");
        let audit = app.read("audit");
        assert_eq!(audit.matches("\"rule\":\"virtualizer\"").count(), 1, "{lie}: {audit}");
    }
}

/// A C library ends itself if it can't learn what is open: that is its own doing, and its caller learns of it.
#[test]
fn who_does_not_say_what_is_open_is_asked_once() {
    for lie in [11, 22, 24, 25, 26] {
        let app = app(&format!("stand_{lie}"), "");
        let ended = app.bailiwick(&["run", "--audit", "audit", "bailiwick.toml"]).with(0);
        let failed = "failed: victim is dead: as it was made: the guest ended with exit status 71";
        ended.prints(&twice(failed)).says(&["stage/victim died"]);
        let audit = app.read("audit");
        assert_eq!(audit.matches("\"rule\":\"virtualizer\"").count(), 1, "{lie}: {audit}");
    }
}

/// Two have their files from the same module, which tells both of the same folder.
#[test]
fn who_closes_what_is_open_from_the_beginning_closes_it_for_himself() {
    let app = App::empty();
    app.file(
        "closer.wat",
        r#"(module
            (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "go") (result i32) (call $close (i32.const 3))))"#,
    );
    app.file("closer.wit", "package test:closer;\nworld closer { export go: func() -> u32; }\n");
    app.file(
        "user.wat",
        r#"(module
            (import "wasi_snapshot_preview1" "path_create_directory" (func $make (param i32 i32 i32) (result i32)))
            (memory (export "memory") 1) (data (i32.const 0) "mine")
            (func (export "look") (result i32) (call $make (i32.const 3) (i32.const 0) (i32.const 4))))"#,
    );
    app.file("user.wit", "package test:user;\nworld user { export look: func() -> u32; }\n");
    app.file(
        "root.wat",
        r#"(module
            (import "$root" "go" (func $go (result i32)))
            (import "$root" "look" (func $look (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)
            (func (export "_start") (call $exit (i32.or (call $go) (call $look)))))"#,
    );
    app.file("root.wit", "package test:root;\nworld root { import go: func() -> u32; import look: func() -> u32; }\n");
    let confined =
        |name: &str| format!("[deps.{name}]\nmodule = \"{name}.wat\"\nimports.fs = {{ module = \"mem\" }}\n");
    app.file(
        "bailiwick.toml",
        format!(
            "[package]\nname = \"app\"\nmodule = \"root.wat\"\n[deps.mem]\nmodule = \"bailiwick:memfs\"\n{}{}",
            confined("closer"),
            confined("user")
        ),
    );
    app.run(&[]).with(0);
}

/// What has no end of its own ends with the time of who sleeps for others, and is an I/O error, then and later. (C's
/// `nanosleep` makes ENOTSUP of any error.)
#[test]
fn who_never_wakes_up_dies_and_sleeping_is_an_error() {
    let app = App::empty();
    app.file(
        "clock.wat",
        r#"(module (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
            (func (export "bailiwick:virt/clock#now") (param i32) (result i32) unreachable)
            (func (export "bailiwick:virt/clock#resolution") (param i32) (result i32) unreachable)
            (func (export "bailiwick:virt/clock#sleep") (param i64) (loop $ever (br $ever))))"#,
    );
    app.file("clock.wit", "package test:clock;\nworld clock { export bailiwick:virt/clock; }\n");
    app.file(
        "user.wat",
        r#"(module
            (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func $sleep (result i32) (call $poll (i32.const 100) (i32.const 400) (i32.const 1) (i32.const 16)))
            (func (export "look") (result i32)
                ;; The clock that always goes on, for so many nanoseconds.
                (i32.store (i32.const 116) (i32.const 1)) (i64.store (i32.const 124) (i64.const 5000))
                (i32.add (i32.mul (call $sleep) (i32.const 4)) (call $sleep))))"#,
    );
    app.file("user.wit", "package test:user;\nworld user { export look: func() -> u32; }\n");
    app.file(
        "root.wat",
        r#"(module
            (import "$root" "look" (func $look (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)
            (func (export "_start") (call $exit (call $look))))"#,
    );
    app.file("root.wit", "package test:root;\nworld root { import look: func() -> u32; }\n");
    app.file(
        "bailiwick.toml",
        "[package]\nname = \"app\"\nmodule = \"root.wat\"\n\
         [deps.clock]\nmodule = \"clock.wat\"\nlimits = { time = \"200ms/call\" }\n\
         [deps.user]\nmodule = \"user.wat\"\nimports.clock = { module = \"clock\" }\n",
    );
    const IO: i32 = 29;
    app.run(&[]).with(IO * 4 + IO).says(&["app/clock died: a call of it took more than 200ms"]);
}
