//! Calls by whatever way a module makes them: through tables, through other modules of its group, while it is made.

use super::harness::{Application, Outcome, module};

const WIT: &str = "package test:linking;
interface api { shout: func(text: string) -> string; add: func(a: u32, b: u64) -> u64; }
world caller { import api; }
world callee { export api; }
world nothing {}";

const CALLEE: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func $upper (param $at i32) (param $len i32)
        (if (local.get $len) (then
            (i32.store8 (local.get $at) (i32.and (i32.load8_u (local.get $at)) (i32.const 0xdf)))
            (call $upper (i32.add (local.get $at) (i32.const 1)) (i32.sub (local.get $len) (i32.const 1))))))
    (func (export "test:linking/api#shout") (param i32 i32) (result i32)
        (call $upper (local.get 0) (local.get 1))
        (i32.store (i32.const 0) (local.get 0))
        (i32.store (i32.const 4) (local.get 1))
        (i32.const 0))
    (func (export "test:linking/api#add") (param i32 i64) (result i64)
        (i64.add (i64.extend_i32_u (local.get 0)) (local.get 1))))"#;

/// What callers have: a memory with `text` at 64, an allocator, `$print`, and the calls.
const PARTS: &str = r#"
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "test:linking/api" "shout" (func $shout (param i32 i32 i32)))
    (import "test:linking/api" "add" (func $add (param i32 i64) (result i64)))"#;
const BODY: &str = r#"
    (data (i32.const 64) "text")
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 2048))
    (func $print (drop (call $fd_write (i32.const 1) (i32.const 128) (i32.const 1) (i32.const 32))))"#;
/// Shouts, prints what comes back, and checks a sum; `$shout` and `$add` are called.
const CALLS: &str = r#"
    (call $shout (i32.const 64) (i32.const 4) (i32.const 128))
    (call $print)
    (if (i64.ne (call $add (i32.const -1) (i64.const 1)) (i64.const 0x100000000)) (then unreachable))"#;

fn run(package: &str, modules: &[(&str, &str, &str)]) -> Outcome {
    let manifest = format!(
        "[package]\nname = \"app\"\n{package}\n\
         [host]\nout = {{ kind = \"stdio\", stdout = \"capture\" }}\n[grants]\nout = \"out\"\n\
         [deps.callee]\nmodule = \"callee.wasm\"\n"
    );
    let mut all = vec![("callee", module(CALLEE, WIT, "callee"))];
    all.extend(modules.iter().map(|(name, wat, world)| (*name, module(wat, WIT, world))));
    let all: Vec<_> = all.iter().map(|(name, artifact)| (*name, artifact)).collect();
    let outcome = Application::new(&manifest, &all).both();
    assert_eq!((&outcome.ended, outcome.deaths.len()), (&Ok(0), 0), "{outcome:?}");
    outcome
}

const ALONE: &str = "module = \"caller.wasm\"";

#[test]
fn through_a_table_and_by_reference() {
    let caller = format!(
        r#"(module {PARTS} (memory (export "memory") 1) {BODY}
        (type $shouts (func (param i32 i32 i32)))
        (type $adds (func (param i32 i64) (result i64)))
        (table 4 funcref)
        (elem (i32.const 1) func $shout $add)
        (func (export "_start")
            (call_indirect (type $shouts) (i32.const 64) (i32.const 4) (i32.const 128) (i32.const 1))
            (call $print)
            (if (i64.ne (call_indirect (type $adds) (i32.const 5) (i64.const 6) (i32.const 2)) (i64.const 11))
                (then unreachable))
            (table.set (i32.const 3) (ref.func $shout))
            (call_indirect (type $shouts) (i32.const 64) (i32.const 3) (i32.const 128) (i32.const 3))
            (call $print)))"#
    );
    assert_eq!(run(ALONE, &[("caller", &caller, "caller")]).stream("app"), b"TEXTTEX");
}

#[test]
fn while_an_instance_is_made() {
    for (start, initialize) in [("(start $calls)", ""), ("", "(export \"_initialize\")")] {
        let caller = format!(
            r#"(module {PARTS} (memory (export "memory") 1) {BODY} {start}
            (func $calls {initialize} {CALLS})
            (func (export "_start") {CALLS}))"#
        );
        assert_eq!(run(ALONE, &[("caller", &caller, "caller")]).stream("app"), b"TEXTTEXT");
    }
}

#[test]
fn by_the_other_modules_of_a_group() {
    let group = "group = { face = \"face.wasm\", lib = \"lib.wasm\" }";
    // The library calls, and its memory is the one that values lie in.
    let lib = format!(
        r#"(module {PARTS} (memory (export "memory") 1) {BODY}
        (export "shout" (func $shout))
        (func (export "calls") {CALLS}))"#
    );
    let face = r#"(module
        (import "lib" "calls" (func $calls))
        (memory (export "memory") 1)
        (func (export "_start") (call $calls)))"#;
    assert_eq!(run(group, &[("face", face, "nothing"), ("lib", &lib, "caller")]).stream("app"), b"TEXT");
}

#[test]
fn with_the_memory_of_another_module() {
    let group = "group = { face = \"face.wasm\", lib = \"lib.wasm\" }";
    let lib = r#"(module (memory (export "memory") 1) (data (i32.const 64) "other"))"#;
    let face = format!(
        r#"(module (import "lib" "memory" (memory 1)) {PARTS} (export "memory" (memory 0)) {BODY}
        (func (export "_start") {CALLS}))"#
    );
    assert_eq!(run(group, &[("face", &face, "caller"), ("lib", lib, "nothing")]).stream("app"), b"TEXT");
}

#[test]
fn what_is_imported_and_exported_again() {
    // By another module of the group: the memory is the one of who imports it.
    let group = "group = { face = \"face.wasm\", lib = \"lib.wasm\" }";
    let lib = format!(
        r#"(module {PARTS} (memory (export "memory") 1) {BODY}
        (export "shout" (func $shout)) (export "add" (func $add)) (export "print" (func $print)))"#
    );
    let face = format!(
        r#"(module
        (import "lib" "shout" (func $shout (param i32 i32 i32)))
        (import "lib" "add" (func $add (param i32 i64) (result i64)))
        (import "lib" "print" (func $print))
        (memory (export "memory") 1)
        (data (i32.const 64) "mine")
        (func (export "_start") {CALLS}))"#
    );
    assert_eq!(run(group, &[("face", &face, "nothing"), ("lib", &lib, "caller")]).stream("app"), b"TEXT");
}

#[test]
fn an_export_that_is_itself_a_call_over_an_edge() {
    let wit = "package test:linking;
        interface api { add: func(a: u32, b: u64) -> u64; }
        world caller { import api; }
        world middle { import api; export api; }
        world callee { export api; }";
    let import = r#"(import "test:linking/api" "add" (func $add (param i32 i64) (result i64)))"#;
    let caller = format!(
        r#"(module {import}
        (func (export "_start")
            (if (i64.ne (call $add (i32.const 5) (i64.const 6)) (i64.const 11)) (then unreachable))
            (drop (call $add (i32.const 0) (i64.const 6)))))"#
    );
    let middle = format!(r#"(module {import} (export "test:linking/api#add" (func $add)))"#);
    let callee = r#"(module (func (export "test:linking/api#add") (param i32 i64) (result i64)
        (if (i32.eqz (local.get 0)) (then unreachable))
        (i64.add (i64.extend_i32_u (local.get 0)) (local.get 1))))"#;
    let manifest = "[package]\nname = \"app\"\nmodule = \"caller.wasm\"\n[deps.middle]\nmodule = \"middle.toml\"\n";
    let library = "[package]\nname = \"middle\"\nmodule = \"middle.wasm\"\n[deps.callee]\nmodule = \"callee.wasm\"\n";
    let modules = [(caller.as_str(), "caller"), (middle.as_str(), "middle"), (callee, "callee")];
    let modules = modules.map(|(wat, world)| (world, module(wat, wit, world)));
    let modules = modules.each_ref().map(|(name, artifact)| (*name, artifact));
    let outcome = Application::with_files(manifest, &[("middle.toml", library)], &modules).both();
    let reason = "wasm `unreachable` instruction executed";
    assert!(outcome.death("app/middle/callee").is_some_and(|death| death.contains(reason)), "{outcome:#?}");
    assert!(outcome.death("app/middle").is_some_and(|death| death.contains("callee is dead")), "{outcome:#?}");
    assert!(outcome.ended.is_err_and(|error| error.contains("middle is dead")));
}

/// An exception of a callee ends the callee, as a trap does, and its caller by what it learns of that; one of the caller's
/// own allocator, which runs in the middle of a call, ends the caller. Neither gets what was thrown.
#[test]
fn an_exception_does_not_cross_an_edge() {
    let wit = "package test:linking;
        interface api { f: func(x: u32) -> u32; g: func() -> string; }
        world caller { import api; }
        world callee { export api; }";
    let caller = |call: &str| {
        format!(
            r#"(module
            (import "test:linking/api" "f" (func $f (param i32) (result i32)))
            (import "test:linking/api" "g" (func $g (param i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (tag $e (param i32)) (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (throw $e (i32.const 5)))
            (func (export "_start")
                (block $h (try_table (catch_all $h) {call}))
                (call $exit (i32.const 9))))"#
        )
    };
    let callee = r#"(module
        (tag $e (param i32)) (memory (export "memory") 1)
        (func (export "test:linking/api#f") (param i32) (result i32)
            (block $h (result i32) (try_table (catch $e $h) (throw $e (i32.const 3))) unreachable)
            (if (i32.eq (local.get 0)) (then (throw $e (i32.const 4))))
            (i32.const 1))
        (func (export "test:linking/api#g") (result i32) (i32.store (i32.const 4) (i32.const 8)) (i32.const 0)))"#;
    let manifest = "[package]\nname = \"app\"\nmodule = \"caller.wasm\"\n[deps.callee]\nmodule = \"callee.wasm\"\n";
    let run = |call: &str| {
        let modules = [(caller(call), "caller"), (callee.to_owned(), "callee")];
        let modules = modules.map(|(wat, world)| (world, module(&wat, wit, world)));
        let modules = modules.each_ref().map(|(name, artifact)| (*name, artifact));
        Application::new(manifest, &modules).both()
    };
    // Within the callee it is caught.
    let outcome = run("(drop (call $f (i32.const 2)))");
    assert_eq!(outcome.ended, Ok(9), "{outcome:#?}");
    assert!(outcome.deaths.is_empty());
    let outcome = run("(drop (call $f (i32.const 3)))");
    assert!(
        outcome.death("app/callee").is_some_and(|death| death.contains("uncaught exception (i32 4)")),
        "{outcome:#?}"
    );
    assert!(outcome.ended.as_ref().is_err_and(|error| error.contains("callee is dead")), "{outcome:#?}");
    let outcome = run("(call $g (i32.const 16))");
    assert!(outcome.deaths.is_empty(), "{outcome:#?}");
    assert!(outcome.ended.as_ref().is_err_and(|error| error.contains("uncaught exception (i32 5)")), "{outcome:#?}");
}
