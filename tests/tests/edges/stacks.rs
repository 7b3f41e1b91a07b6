//! Callers whose stack is nearly full, and stacks of all sizes.

use super::harness::{Application, Outcome, module};

const WIT: &str = "package test:stacks;
interface api { echo: func(n: u32, text: string) -> tuple<u32, string>; }
interface run { go: func() -> result<u32, string>; }
interface pulse { alive: func() -> u32; }
world driver { import run; import pulse; }
world caller { import api; export run; }
world callee { export api; export pulse; }";

/// Calls the caller, and then the callee; writes down what the caller returned and what the callee is.
const DRIVER: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "test:stacks/run" "go" (func $go (param i32)))
    (import "test:stacks/pulse" "alive" (func $alive (result i32)))
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "_start")
        (call $go (i32.const 64))
        (i32.store (i32.const 76) (call $alive))
        (i64.store (i32.const 0) (i64.const 0x1000000040))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

/// Counts its calls, and returns what it got.
const CALLEE: &str = r#"(module
    (memory (export "memory") 1)
    (global $calls (mut i32) (i32.const 0))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "test:stacks/api#echo") (param i32 i32 i32) (result i32)
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (i32.store (i32.const 0) (local.get 0))
        (i32.store (i32.const 4) (local.get 1))
        (i32.store (i32.const 8) (local.get 2))
        (i32.const 0))
    (func (export "test:stacks/pulse#alive") (result i32) (global.get $calls)))"#;

/// Calls at each step of a recursion, `depth` steps deep, and checks what it gets. `frame`: 64-bit values that are kept over
/// the call, which make its frames as large. `allocator`: how deep the recursion of its allocator is.
fn application(depth: u32, frame: usize, stack: &str, allocator: u32) -> Application {
    let names: String = (0..frame).map(|i| format!("(local $x{i} i64)")).collect();
    let load = |i: usize| format!("(i64.load (i32.const {}))", 2048 + 8 * i);
    let keeps: String = (0..frame).map(|i| format!("(local.set $x{i} {})", load(i))).collect();
    let kept: String =
        (0..frame).map(|i| format!("(i64.store (i32.const {}) (local.get $x{i}))", 2048 + 8 * i)).collect();
    let caller = format!(
        r#"(module
        (import "test:stacks/api" "echo" (func $echo (param i32 i32 i32 i32)))
        (memory (export "memory") 1)
        (data (i32.const 64) "some text")
        (func $deep (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
                (else (i32.const {}))))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (call $deep (i32.const {allocator})))
        (func $step (param $depth i32)
            {names}
            {keeps}
            (i64.store (i32.const 0) (i64.const 0))
            (i32.store (i32.const 8) (i32.const 0))
            (call $echo (local.get $depth) (i32.const 64) (i32.const 9) (i32.const 0))
            (if (i32.ne (i32.load (i32.const 0)) (local.get $depth)) (then unreachable))
            (if (i64.ne (i64.load (i32.const 4)) (i64.const 0x900000400)) (then unreachable))
            (if (i64.ne (i64.load (i32.const 1025)) (i64.load (i32.const 65))) (then unreachable))
            (if (local.get $depth) (then (call $step (i32.sub (local.get $depth) (i32.const 1)))))
            {kept})
        (func (export "test:stacks/run#go") (result i32)
            (call $step (i32.const {depth}))
            (i64.store (i32.const 0) (i64.const 0x700000000))
            (i32.const 0)))"#,
        1024 - allocator as i32
    );
    let manifest = format!(
        "[package]\nname = \"driver\"\nmodule = \"driver.wasm\"\n\
         [host]\nout = {{ kind = \"stdio\", stdout = \"capture\" }}\n[grants]\nout = \"out\"\n\
         [shared.callee]\nmodule = \"callee.wasm\"\n\
         [deps.caller]\nmodule = \"caller.wasm\"\non_fault = \"error\"\nshared = [\"callee\"]\n\
         limits = {{ stack = \"{stack}\" }}\n"
    );
    let modules = [(DRIVER, "driver"), (&caller, "caller"), (CALLEE, "callee")];
    let modules = modules.map(|(wat, world)| (world, module(wat, WIT, world)));
    Application::new(&manifest, &modules.each_ref().map(|(name, artifact)| (*name, artifact)))
}

/// How many calls the callee has seen: it lives.
fn calls(outcome: &Outcome) -> u32 {
    assert_eq!(outcome.ended, Ok(0), "{outcome:?}");
    u32::from_le_bytes(outcome.stream("driver")[12..16].try_into().expect("4 bytes"))
}

#[test]
fn a_recursion_that_calls_at_each_step_ends_as_an_overflow_of_the_caller() {
    // Frames of all sizes, so that the end is met in the caller's own functions as well as in what makes the call.
    for frame in 0..24 {
        let application = application(u32::MAX, frame, "256KiB", 0);
        for interpreted in [true, false] {
            let outcome = application.run(interpreted);
            let reason = outcome.death("driver/caller").unwrap_or_else(|| panic!("{outcome:?}"));
            assert!(reason.ends_with("call stack exhausted"), "{reason}");
            assert_eq!(outcome.deaths.len(), 1, "{outcome:?}");
            assert!(calls(&outcome) > 200, "{outcome:?}");
        }
    }
}

#[test]
fn calls_at_any_depth_return_what_they_should() {
    for stack in ["64KiB", "96KiB", "128KiB", "160KiB", "1MiB"] {
        for frame in [0, 11] {
            let outcome = application(60, frame, stack, 0).both();
            assert_eq!((calls(&outcome), outcome.deaths.len()), (61, 0), "{stack}: {outcome:?}");
        }
    }
}

#[test]
fn an_allocator_that_overflows_the_callers_stack_is_the_callers_fault() {
    for depth in [50, 100, 200, 400, 600, 800, 1000, 2000, 100_000] {
        let application = application(u32::MAX, 1, "256KiB", depth);
        for interpreted in [true, false] {
            let outcome = application.run(interpreted);
            let reason = outcome.death("driver/caller").unwrap_or_else(|| panic!("{outcome:?}"));
            assert!(reason.ends_with("call stack exhausted"), "{depth}: {reason}");
            assert_eq!(outcome.deaths.len(), 1, "{outcome:?}");
            assert!(calls(&outcome) > 0, "{outcome:?}");
        }
        // Where there is room, it is harmless.
        let outcome = self::application(3, 1, "8MiB", depth).both();
        assert_eq!((calls(&outcome), outcome.deaths.len()), (4, 0), "{outcome:?}");
    }
}
