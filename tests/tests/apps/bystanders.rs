//! What a caller does to an instance that others call too: nothing. And what a library may not bring along.

use super::App;
use bailiwick_tests::cli::bailiwickc;
use bailiwick_tests::compile::host;

/// A time that is over before the loops below are, and long enough for what is honest.
const SHORT: &str = if cfg!(target_arch = "aarch64") { "2s/call" } else { "100ms/call" };

/// `(loop …)` in a function with the local `$i`: longer than [`SHORT`].
const LONG: &str =
    "(loop $l (br_if $l (i64.lt_u (local.tee $i (i64.add (local.get $i) (i64.const 1))) (i64.const 1000000000))))";

/// Files of an application, WIT beside each module.
fn app(manifest: &str, wit: &str, modules: &[(&str, &str)]) -> App {
    let app = App::empty();
    app.file("bailiwick.toml", manifest);
    for (name, text) in modules {
        app.file(&format!("{name}.wat"), text);
        app.file(&format!("{name}.wit"), wit);
    }
    app
}

/// Calls the shared one, has somebody else call it, calls it again, and ends with 42, or 43 if it is dead.
const ROOT: &str = r#"(module
  (import "t:s/p" "go" (func $go (result i32)))
  (import "t:s/s" "work" (func $work (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $work (i32.const 0)))
    (drop (call $go))
    (call $exit (i32.add (i32.const 42) (call $work (i32.const 0))))))"#;

#[test]
fn what_is_shared_outlives_a_caller_whose_time_is_over_and_may_still_call_others() {
    let wit = "package t:s; interface p { go: func() -> result; } interface s { work: func(long: bool) -> result; }
        interface t { leaf: func() -> result; } world w-root { import p; import s; }
        world w-p { import s; export p; } world w-s { import t; export s; } world w-t { export t; }";
    let manifest = format!(
        r#"
        [package]
        name = "app"
        module = "root.wat"
        world = "w-root"
        [shared.s]
        module = "s/bailiwick.toml"
        on_fault = "error"
        [deps.p]
        module = "p.wat"
        world = "w-p"
        shared = ["s"]
        on_fault = "error"
        limits = {{ time = "{SHORT}" }}
        "#
    );
    let caller = r#"(module (import "t:s/s" "work" (func $work (param i32) (result i32))) (memory (export "memory") 1)
        (func (export "t:s/p#go") (result i32) (local $i i64) (drop (call $work (i32.const 1))) LONG (i32.const 0)))"#;
    let shared = r#"(module (import "t:s/t" "leaf" (func $leaf (result i32))) (memory (export "memory") 1)
        (func (export "t:s/s#work") (param $long i32) (result i32) (local $i i64)
          (if (local.get $long) (then LONG)) (call $leaf)))"#;
    let leaf = r#"(module (memory (export "memory") 1) (func (export "t:s/t#leaf") (result i32) (i32.const 0)))"#;
    let (caller, shared) = (caller.replace("LONG", LONG), shared.replace("LONG", LONG));
    let app = app(&manifest, wit, &[("root", ROOT), ("p", &caller), ("s/s", &shared), ("s/t", leaf)]);
    app.file(
        "s/bailiwick.toml",
        r#"
        [package]
        name = "s"
        module = "s.wat"
        world = "w-s"
        [deps.t]
        module = "t.wat"
        world = "w-t"
        limits = { time = "100s/call" }
        "#,
    );
    let ended = app.run(&[]).with(42);
    assert!(ended.err.contains("app/p died") && !ended.err.contains("app/s died"), "{ended:#?}");
}

#[test]
fn a_callers_allocator_takes_its_own_time() {
    let wit =
        "package t:s; interface p { go: func() -> result; } interface s { work: func() -> result<string, string>; }
        world w-root { import p; import s; } world w-p { import s; export p; } world w-s { export s; }";
    let manifest = format!(
        r#"
        [package]
        name = "app"
        module = "root.wat"
        world = "w-root"
        [shared.s]
        module = "s.wat"
        world = "w-s"
        on_fault = "error"
        limits = {{ time = "{SHORT}" }}
        [deps.p]
        module = "p.wat"
        world = "w-p"
        shared = ["s"]
        on_fault = "error"
        "#
    );
    let root = r#"(module
        (import "t:s/p" "go" (func $go (result i32)))
        (import "t:s/s" "work" (func $work (param i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func (export "_start")
          (drop (call $go))
          (call $work (i32.const 16))
          (call $exit (i32.add (i32.const 42) (i32.load8_u (i32.const 16))))))"#;
    let caller = r#"(module (import "t:s/s" "work" (func $work (param i32))) (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $i i64) LONG (i32.const 1024))
        (func (export "t:s/p#go") (result i32) (call $work (i32.const 16)) (i32.const 0)))"#;
    let shared = r#"(module (memory (export "memory") 1) (data (i32.const 64) "hello")
        (func (export "t:s/s#work") (result i32)
          (i32.store8 (i32.const 0) (i32.const 0)) (i32.store (i32.const 4) (i32.const 64))
          (i32.store (i32.const 8) (i32.const 5)) (i32.const 0))
        (func (export "cabi_post_t:s/s#work") (param i32) (loop $l (br_if $l (i32.const 0)))))"#;
    let caller = caller.replace("LONG", LONG);
    let app = app(&manifest, wit, &[("root", root), ("p", &caller), ("s", shared)]);
    app.run(&[]).with(42).without("died");
}

#[test]
fn more_handles_than_may_be_held_at_all_are_the_fault_of_who_passes_them() {
    let wit = "package t:s; interface p { go: func() -> result; }
        interface s { use bailiwick:fs/types.{dir}; work: func(dirs: list<borrow<dir>>) -> result; }
        world w-root { import p; import s; } world w-p { import s; export p; } world w-s { export s; }";
    let manifest = r#"
        [package]
        name = "app"
        module = "root.wat"
        world = "w-root"
        [host]
        data = { kind = "dir", path = "d", rights = ["list", "read"] }
        [shared.s]
        module = "s.wat"
        world = "w-s"
        on_fault = "error"
        limits = { handles = 4 }
        [deps.p]
        module = "p.wat"
        world = "w-p"
        shared = ["s"]
        on_fault = "error"
        grants = { data = "data" }
        "#;
    let root = r#"(module
        (import "t:s/p" "go" (func $go (result i32)))
        (import "t:s/s" "work" (func $work (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start")
          (drop (call $go))
          (call $exit (i32.add (i32.const 42) (call $work (i32.const 64) (i32.const 0))))))"#;
    let caller = r#"(module (import "t:s/s" "work" (func $work (param i32 i32) (result i32))) (memory (export "memory") 1)
        (data (i32.const 64) "\03\00\00\00\03\00\00\00\03\00\00\00\03\00\00\00\03\00\00\00")
        (func (export "t:s/p#go") (result i32) (call $work (i32.const 64) (i32.const COUNT))))"#;
    let shared = r#"(module (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func (export "t:s/s#work") (param i32 i32) (result i32) (i32.const 0)))"#;
    for (count, dies) in [("4", false), ("5", true)] {
        let app = app(manifest, wit, &[("root", root), ("p", &caller.replace("COUNT", count)), ("s", shared)]);
        app.file("d/file", "");
        let ended = app.run(&[]).with(42);
        assert_eq!(ended.err.contains("app/p died"), dies, "{ended:#?}");
        assert!(!ended.err.contains("app/s died"), "{ended:#?}");
    }
}

#[test]
fn of_two_imports_of_one_name_the_one_that_is_used_is_granted() {
    let root = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $unused (param i32)))
        (memory (export "memory") 1)
        (func (export "_start") (call $exit (i32.const 42))))"#;
    let app = App::empty();
    app.file("root.wat", root);
    app.file("bailiwick.toml", "[package]\nname = \"app\"\nmodule = \"root.wat\"\n");
    app.run(&[]).with(42);
}

#[test]
fn machine_code_that_a_library_names_for_others_is_no_less_its_own() {
    let wit = "package t:n; interface api { f: func(); } world w-root { import api; } world w-lib { import inner: interface \
               { g: func(); } export api; } world w-inner { export inner: interface { g: func(); } }";
    let root = r#"(module (import "t:n/api" "f" (func $f)) (memory (export "memory") 1)
        (func (export "_start") (call $f)))"#;
    let library = r#"(module (import "inner" "g" (func $g)) (memory (export "memory") 1)
        (func (export "t:n/api#f") (call $g)))"#;
    let inner = r#"(module (memory (export "memory") 1) (func (export "inner#g")))"#;
    let manifest = r#"
        [package]
        name = "app"
        module = "root.wat"
        world = "w-root"
        [deps.lib]
        module = "lib/bailiwick.toml"
        "#;
    let modules = [("root", root), ("lib/lib", library), ("lib/inner", inner)];
    let app = app(manifest, wit, &modules);
    let compile = bailiwickc()
        .args(["compile", "inner.wat", "-o", "inner.bwk", "--wit", "inner.wit", "--world", "w-inner"])
        .args(["--target", &format!("{}-unknown-linux-gnu", host().name())])
        .current_dir(app.path("lib"))
        .output()
        .expect("bailiwickc starts");
    assert!(compile.status.success(), "{compile:?}");
    // What is found beside a module would be compiled with it.
    std::fs::remove_file(app.path("lib/inner.wit")).expect("a file");
    for names in [
        "[deps.inner]\nmodule = \"inner.bwk\"",
        "[shared.inner]\nmodule = \"inner.bwk\"",
        "[deps.inner]\ngroup = { face = \"inner.bwk\" }",
    ] {
        let library = "[package]\nname = \"lib\"\nmodule = \"lib.wat\"\nworld = \"w-lib\"";
        app.file("lib/bailiwick.toml", format!("{library}\n{names}\n"));
        for command in [&["check"][..], &["run", "bailiwick.toml"], &["build", "-o", "out"]] {
            let ended = app.bailiwick(command).with(3);
            assert!((ended.out.clone() + &ended.err).contains("E-LOCK"), "{names}: {command:?}: {ended:#?}");
        }
        // Somebody looked at it.
        app.bailiwick(&["lock"]).with(0);
        app.run(&[]).with(0);
        std::fs::remove_file(app.path("bailiwick.lock")).expect("a lock");
    }
}
