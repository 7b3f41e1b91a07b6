//! Modules of all kinds: text, binary, artifacts, reactors, and several together.

use super::*;

#[test]
fn text_binary_and_artifact_run_alike() {
    let place = Place::new();
    let wat = place.file("hello.wat", HELLO);
    let wasm = place.file("hello.wasm", bailiwick_tests::compile::binary(HELLO));
    let artifact = place.compiled(&wat);
    // What a module is, its content says, not its name.
    let unnamed = place.path("hello");
    fs::copy(&wasm, &unnamed).unwrap();
    for file in [&wat, &wasm, &artifact, &unnamed] {
        place.run(&[text(file)]).with(0).prints("hello\n").silently();
        place.run(&["--no-cache", text(file)]).with(0).prints("hello\n").silently();
    }
}

#[test]
fn a_file_whose_name_begins_with_a_dash_is_run_by_its_path() {
    let place = Place::new();
    place.file("-hello.wat", HELLO);
    let run = |arguments: &[&str]| ended(place.command().current_dir(place.folder.path()).arg("run").args(arguments));
    run(&["./-hello.wat"]).with(0).prints("hello\n");
    run(&["-hello.wat"]).with(2);
}

#[test]
fn an_export_is_invoked_with_numbers() {
    let place = Place::new();
    let wat = r#"(module
        (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
        (func (export "both") (param i64 f64) (result f64 i64) (local.get 1) (local.get 0))
        (func (export "boom") unreachable)
        (func (export "ref") (param externref))
        (memory (export "memory") 1))"#;
    let file = place.file("math.wat", wat);
    let file = text(&file);
    place.run(&["--invoke", "add", file, "2", "3"]).with(0).prints("5\n").silently();
    place.run(&["--invoke", "add", file, "-2", "0xffffffff"]).with(0).prints("-3\n");
    place.run(&["--invoke", "both", file, "-9223372036854775808", "1.5"]).with(0).prints("1.5\n-9223372036854775808\n");
    place.run(&["--invoke", "boom", file]).with(134).prints("").says(&["unreachable", "wasm backtrace:"]);
    place.run(&["--invoke", "add", file, "2"]).with(2).says(&["(i32, i32) -> (i32)"]);
    place.run(&["--invoke", "add", file, "2", "x"]).with(2).says(&["\"x\"", "i32"]);
    place.run(&["--invoke", "add", file, "2", "4294967296"]).with(2);
    place.run(&["--invoke", "ref", file, "1"]).with(2).says(&["externref"]);
    place.run(&["--invoke", "absent", file]).with(1).says(&["absent", "\"add\"", "\"both\""]);
    place.run(&["--invoke", "memory", file]).with(1);
    place.run(&[file]).with(1).says(&["_start", "--invoke", "\"add\""]);
}

#[test]
fn a_reactor_is_initialised_before_its_export_is_invoked() {
    let place = Place::new();
    let wat = r#"(module (global $g (mut i32) (i32.const 1))
        (func (export "_initialize") (global.set $g (i32.const 5)))
        (func (export "get") (result i32) (global.get $g)))"#;
    let file = place.file("reactor.wat", wat);
    place.run(&["--invoke", "get", text(&file)]).with(0).prints("5\n");
    place.run(&[text(&file)]).with(0).prints("");
}

#[test]
fn another_module_provides_imports() {
    let place = Place::new();
    let lib = place.file(
        "lib.wat",
        r#"(module (global $n (mut i32) (i32.const 40))
            (func (export "_initialize") (global.set $n (i32.const 41)))
            (func (export "next") (result i32)
                (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"#,
    );
    let middle = place.file(
        "middle.wat",
        r#"(module (import "lib" "next" (func $next (result i32)))
            (func (export "twice") (result i32) (i32.mul (call $next) (i32.const 2))))"#,
    );
    let app = place.file(
        "app.wat",
        r#"(module (import "lib" "next" (func $next (result i32))) (import "middle" "twice" (func $twice (result i32)))
            (func (export "run") (result i32 i32 i32) (call $next) (call $twice) (call $next)))"#,
    );
    let lib_grant = format!("lib={}", text(&place.compiled(&lib)));
    let middle_grant = format!("middle={}", text(&middle));
    place
        .run(&["--preload", &lib_grant, "--preload", &middle_grant, "--invoke", "run", text(&app)])
        .with(0)
        .prints("42\n86\n44\n");
    place.run(&["--preload", &lib_grant, "--invoke", "run", text(&app)]).with(3).says(&["middle", "twice"]);
    place.run(&["--preload", "lib=/missing.wasm", "--invoke", "run", text(&app)]).with(1).says(&["/missing.wasm"]);
}

#[test]
fn a_start_function_that_traps_is_a_trap() {
    let place = Place::new();
    let file = place.file("start.wat", "(module (func $begin unreachable) (start $begin) (func (export \"_start\")))");
    place.run(&[text(&file)]).with(134).says(&["unreachable", "begin"]);
}
