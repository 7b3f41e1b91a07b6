//! How a run ends: statuses, traps, broken pipes, usage, deadlines and limits.

use super::guest::guest;
use super::*;

#[test]
fn the_exit_status_is_the_guests() {
    let place = Place::new();
    for (file, _) in both(&place, "status") {
        let file = text(&file);
        place.run(&[file]).with(0).prints("").silently();
        place.run(&[file, "return", "0"]).with(0).prints("beforeat end\n").silently();
        place.run(&[file, "return", "7"]).with(7).prints("beforeat end\n").silently();
        place.run(&[file, "exit", "42"]).with(42).prints("beforeat end\n").silently();
        place.run(&[file, "exit", "255"]).with(255).silently();
        place.run(&[file, "exit", "256"]).with(0).silently();
        place.run(&[file, "quick", "3"]).with(3).prints("").silently();
        place.run(&[file, "exit", "134"]).with(134).silently();
        place.run(&[file, "closed"]).with(0).prints("before").says(&["write failed"]);
    }
}

#[test]
fn a_trap_ends_with_134_a_message_and_a_backtrace() {
    let place = Place::new();
    let traps = [
        ("load", "out of bounds memory access", "load_wild"),
        ("store", "out of bounds memory access", "store_wild"),
        ("far", "out of bounds memory access", "load_far"),
        ("copy", "out of bounds memory access", ""),
        ("stack", "out of bounds memory access", ""),
        ("divide", "integer divide by zero", "main"),
        ("remainder", "integer divide by zero", "main"),
        ("overflow", "integer overflow", "main"),
        ("convert", "integer overflow", "main"),
        ("recursion", "call stack exhausted", "recurse"),
        ("unreachable", "unreachable", "main"),
        ("abort", "unreachable", "abort"),
        ("null", "uninitialized element", "main"),
        ("type", "indirect call type mismatch", "main"),
        ("table", "undefined element", "main"),
    ];
    let [(artifact, _), (wasm, _)] = both(&place, "traps");
    for (kind, message, function) in traps {
        for file in [&artifact, &wasm] {
            place.run(&[text(file), kind]).with(134).prints(&format!("about to: {kind}\n")).says(&[
                "bailiwick: ",
                text(file),
                message,
                "wasm backtrace:",
                "0x",
                function,
            ]);
        }
    }
    place.run(&[text(&artifact), "nonsense"]).with(2);
}

#[test]
fn a_reader_that_goes_away_ends_it_silently() {
    let place = Place::new();
    let endless = place.file(
        "endless.wat",
        HELLO
            .replace("(func (export \"_start\")", "(func (export \"_start\") (loop $l")
            .replace("(i32.const 100)))))", "(i32.const 100))) (br $l))))"),
    );
    let file = place.compiled(&endless);
    let mut child =
        place.command().arg("run").arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 6];
    std::io::Read::read_exact(&mut child.stdout.take().unwrap(), &mut first).unwrap();
    assert_eq!(&first, b"hello\n");
    // The pipe is closed now, as by `head -1`.
    let ended = told(child.wait_with_output().unwrap());
    assert!(ended.err.is_empty(), "{ended:#?}");
    assert!(ended.signal == Some(13) || ended.status == Some(141), "{ended:#?}");
}

#[test]
fn wrong_usage_ends_with_2() {
    let place = Place::new();
    let hello = place.file("hello.wat", HELLO);
    for arguments in [
        &[][..],
        &["--nonsense"],
        &["--nonsense", text(&hello)],
        &["--dir", "", text(&hello)],
        &["--preload", "x", text(&hello)],
    ] {
        let ended = place.run(arguments).with(2).prints("");
        assert!(!ended.err.is_empty(), "{arguments:?}");
    }
    ended(place.command().arg("nonsense")).with(2);
    ended(&mut place.command()).with(2);
    for help in [&["--help"][..], &["run", "--help"], &["inspect", "--help"]] {
        let ended = ended(place.command().args(help)).with(0).silently();
        assert!(ended.out.contains("Usage"), "{ended:#?}");
    }
    let ended = ended(place.command().arg("--version")).with(0);
    assert!(ended.out.starts_with("bailiwick "), "{ended:#?}");
}

#[test]
fn an_import_that_is_not_granted_ends_with_3_and_its_name() {
    let place = Place::new();
    let file =
        place.file("wants.wat", r#"(module (import "world" "peace" (func (param i32))) (func (export "_start")))"#);
    place.run(&[text(&file)]).with(3).prints("").says(&[text(&file), "world", "peace", "(i32)", "not granted"]);
}

#[test]
fn a_mismatch_is_an_error_that_says_both_types() {
    let place = Place::new();
    let wat = r#"(module (import "wasi_snapshot_preview1" "fd_close" (func (param i64))) (func (export "_start")))"#;
    let file = place.file("wants.wat", wat);
    place.run(&[text(&file)]).with(1).says(&["fd_close", "(i64) -> ()", "(i32) -> (i32)"]);
}

const LIMITED: &str = r#"(module (memory (export "memory") 1) (table $t (export "t") 1 funcref)
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "table") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)))
    (func $deep (export "deep") (param i32) (result i32)
        (if (result i32) (local.get 0)
            (then (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
            (else (i32.const 0))))
    (func (export "spin") (loop (br 0))))"#;

#[test]
fn a_guest_that_takes_too_long_ends_with_124() {
    let place = Place::new();
    let limited = place.file("limited.wat", LIMITED);
    let file = text(&limited);
    place.run(&["--timeout", "300ms", "--invoke", "spin", file]).with(124).prints("").says(&[file, "--timeout"]);
    // Waiting for input that does not come.
    let mut command = place.command();
    command.args(["run", "--timeout", "300ms"]).arg(wasm("wordcount"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdin = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    told(output).with(124).prints("").says(&["--timeout"]);
    place.run(&["--timeout", "1h", "--invoke", "deep", file, "5"]).with(0).prints("5\n").silently();
    place.run(&["--timeout", "soon", file]).with(2);
}

#[test]
fn a_guest_that_fills_standard_error_does_not_keep_the_process() {
    let place = Place::new();
    let body = "(loop $again (drop (call $write (i32.const 2) (i32.const 0) (i32.const 65536))) (br $again))";
    let file = place.file("flood.wat", guest(b"", body));
    let mut command = place.command();
    command.args(["run", "--timeout", "300ms"]).arg(&file).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Nobody reads what it says.
    let stderr = child.stderr.take();
    let begun = std::time::Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(124));
    assert!(begun.elapsed() < std::time::Duration::from_secs(20));
    drop(stderr);
}

#[test]
fn memory_stack_and_tables_have_the_limits_that_are_asked_for() {
    let place = Place::new();
    let limited = place.file("limited.wat", LIMITED);
    let file = text(&limited);
    place.run(&["--max-memory", "128KiB", "--invoke", "grow", file, "1"]).with(0).prints("1\n");
    assert_eq!(place.run(&["--max-memory", "128KiB", "--invoke", "grow", file, "2"]).with(0).out, "-1\n");
    place.run(&["--max-memory", "1KiB", "--invoke", "grow", file, "0"]).with(1).says(&["memory"]);
    place.run(&["--max-table", "3", "--invoke", "table", file, "2"]).with(0).prints("1\n");
    assert_eq!(place.run(&["--max-table", "3", "--invoke", "table", file, "3"]).with(0).out, "-1\n");
    place.run(&["--max-stack", "16MiB", "--invoke", "deep", file, "60000"]).with(0).prints("60000\n");
    place.run(&["--max-stack", "64KiB", "--invoke", "deep", file, "60000"]).with(134).says(&["call stack exhausted"]);
    for wrong in [["--max-stack", "1KiB"], ["--max-stack", "1GiB"], ["--max-memory", "much"], ["--max-table", "-1"]] {
        let ended = place.run(&[wrong[0], wrong[1], "--invoke", "deep", file, "1"]);
        assert!(matches!(ended.status, Some(1 | 2)) && ended.out.is_empty(), "{wrong:?}: {ended:#?}");
    }
}
