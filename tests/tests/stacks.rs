//! Stacks: overflow, threads, and guests that the host enters again.

use bailiwick_loader::{AsGroup, Caller, Error, Group, GroupConfig, HostError, Imports, TrapCode, Val};
use bailiwick_tests::compile::artifact;
use bailiwick_tests::guest::Guest;
use std::thread;

const DEEP: &str = r#"(module
    (global $depth (mut i32) (i32.const 0))
    (func (export "depth") (result i32) (global.get $depth))
    (func $down (export "down") (param i64) (result i64)
        (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
        (i64.add (call $down (i64.add (local.get 0) (i64.const 1))) (local.get 0)))
    (func $levels (export "levels") (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0))
            (then (i32.const 0))
            (else (i32.add (i32.const 1) (call $levels (i32.sub (local.get 0) (i32.const 1))))))))"#;

/// Overflows the guest's stack twice, and calls what fits in between.
fn overflow(guest: &mut Guest) {
    for _ in 0..2 {
        let trap = guest.trap("down", &[Val::I64(0)]);
        assert_eq!(trap.code(), TrapCode::StackOverflow);
        // The innermost frames are kept.
        assert_eq!(trap.backtrace().frames().len(), 64);
        assert!(
            trap.backtrace().frames().iter().skip(1).all(|f| f.name() == Some("down") && f.wasm_offset().is_some())
        );
        assert!(trap.to_string().ends_with('…'));
        assert_eq!(guest.call("levels", &[Val::I32(1000)]).unwrap(), [Val::I32(1000)]);
    }
}

#[test]
fn a_stack_overflow_is_a_trap_and_again_afterwards() {
    overflow(&mut Guest::new(DEEP));
}

#[test]
fn a_stack_overflow_on_threads_is_a_trap_of_each() {
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| overflow(&mut Guest::new(DEEP)));
        }
    });
    // And on this thread, after those have taken their signal stacks with them.
    overflow(&mut Guest::new(DEEP));
}

#[test]
fn a_large_frame_does_not_jump_over_the_guard() {
    // So many live values of 8 bytes that a frame is larger than the steps of its probes.
    let locals = 20_000;
    let mut body = String::new();
    for i in 1..=locals {
        body += &format!("(local.set {i} (i64.load offset={} (i32.const 0)))", (i * 8) % 60_000);
    }
    body += "(call $big (i32.add (local.get 0) (i32.const 1)))";
    for i in 1..=locals {
        body += &format!("(i64.store offset={} (i32.const 0) (local.get {i}))", (i * 8) % 60_000);
    }
    let wat = format!(
        r#"(module (memory 1) (func $big (export "big") (param i32) (local {}) {body}))"#,
        "i64 ".repeat(locals)
    );
    let mut guest = Guest::new(&wat);
    for _ in 0..2 {
        assert_eq!(guest.trap_code("big", &[Val::I32(0)]), TrapCode::StackOverflow);
    }
}

#[test]
fn the_stack_has_the_size_that_was_asked_for() {
    let artifact = artifact(DEEP);
    let mut depths = Vec::new();
    for stack_size in [64 << 10, 1 << 20, 8 << 20] {
        let mut config = GroupConfig::default();
        config.stack_size = stack_size;
        let mut group = Group::with_config(config).unwrap();
        let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
        let down = instance.typed_func::<i64, i64>(&mut group, "down").unwrap();
        assert_eq!(down.call(&mut group, 0).unwrap_err().trap_code(), Some(TrapCode::StackOverflow));
        let depth = instance.typed_func::<(), i32>(&mut group, "depth").unwrap().call(&mut group, ()).unwrap();
        depths.push(depth);
    }
    // 16 times and 8 times the size; a few KiB are the entry's.
    assert!(depths[0] > 500, "{depths:?}");
    assert!(depths[1] > depths[0] * 14 && depths[2] > depths[1] * 7, "{depths:?}");
}

#[test]
fn a_stack_size_beyond_the_bounds_is_an_error() {
    for stack_size in [0, 1 << 10, 1 << 30, usize::MAX] {
        let mut config = GroupConfig::default();
        config.stack_size = stack_size;
        match Group::with_config(config) {
            Err(Error::StackSize { bytes }) => assert_eq!(bytes, stack_size),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_group_moves_between_threads() {
    let mut guest = Guest::new(
        r#"(module (global $n (mut i32) (i32.const 0)) (memory 1)
            (func (export "next") (result i32)
                (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
            (func (export "bad") (drop (i32.load (i32.const -1)))))"#,
    );
    for expected in 1..=10 {
        guest = thread::spawn(move || {
            assert_eq!(guest.i32("next"), expected);
            assert_eq!(guest.trap_code("bad", &[]), TrapCode::MemoryOutOfBounds);
            guest
        })
        .join()
        .unwrap();
    }
    assert_eq!(guest.i32("next"), 11);
}

#[test]
fn many_groups_run_and_trap_at_the_same_time() {
    let artifact = artifact(DEEP);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let mut group = Group::new().unwrap();
                    let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
                    let levels = instance.typed_func::<i32, i32>(&mut group, "levels").unwrap();
                    let down = instance.typed_func::<i64, i64>(&mut group, "down").unwrap();
                    assert_eq!(levels.call(&mut group, 50).unwrap(), 50);
                    assert_eq!(down.call(&mut group, 1).unwrap_err().trap_code(), Some(TrapCode::StackOverflow));
                }
            });
        }
    });
}

/// Calls `host.again` with one less until 0, where it ends as `$bottom` says.
fn ladder(bottom: &str) -> String {
    format!(
        r#"(module (import "host" "again" (func $again (param i32) (result i32)))
            (func $bottom (result i32) {bottom})
            (func $step (export "step") (param i32) (result i32)
                (if (result i32) (i32.eqz (local.get 0))
                    (then (call $bottom))
                    (else (i32.add (i32.const 1) (call $again (i32.sub (local.get 0) (i32.const 1))))))))"#
    )
}

/// Calls the guest's export `step`.
fn step(group: &mut impl AsGroup, func: Option<bailiwick_loader::Func>, n: i32) -> Result<i32, HostError> {
    let func = func.ok_or_else(|| HostError::message("no step"))?;
    Ok(func.typed::<i32, i32>(group)?.call(group, n)?)
}

fn again(caller: &mut Caller<'_>, n: i32) -> Result<i32, HostError> {
    let func = caller.export("step");
    step(caller, func, n)
}

#[test]
fn host_and_guest_call_each_other_in_turns() {
    let mut imports = Imports::new();
    imports.func("host", "again", again);
    let mut guest = Guest::with(&ladder("i32.const 1000"), &imports);
    for n in [0, 1, 2, 50] {
        assert_eq!(guest.call("step", &[Val::I32(n)]).unwrap(), [Val::I32(1000 + n)]);
    }
}

#[test]
fn a_trap_in_the_innermost_guest_ends_all_if_nobody_stops_it() {
    let mut imports = Imports::new();
    imports.func("host", "again", again);
    let mut guest = Guest::with(&ladder("unreachable"), &imports);
    let trap = guest.trap("step", &[Val::I32(2)]);
    assert_eq!(trap.code(), TrapCode::Unreachable);
    let names: Vec<_> = trap.backtrace().frames().iter().filter_map(|f| f.name()).collect();
    assert_eq!(names, ["bottom", "step", "step", "step"]);
    // Nothing of it is left.
    assert_eq!(guest.trap("step", &[Val::I32(0)]).backtrace().frames().len(), 2);
}

#[test]
fn a_host_function_can_stop_the_trap_of_an_inner_guest() {
    let mut imports = Imports::new();
    imports.func("host", "again", |caller: &mut Caller<'_>, n: i32| match again(caller, n) {
        Err(HostError::Nested(error)) if error.trap_code() == Some(TrapCode::Unreachable) => Ok(500),
        other => other,
    });
    let mut guest = Guest::with(&ladder("unreachable"), &imports);
    // The innermost host function stops it; the ones further out see a number.
    assert_eq!(guest.call("step", &[Val::I32(3)]).unwrap(), [Val::I32(503)]);
}

#[test]
fn an_overflow_in_an_inner_guest_is_its_trap() {
    let deep = "(i32.add (call $bottom) (i32.const 1))";
    let mut imports = Imports::new();
    imports.func("host", "again", |caller: &mut Caller<'_>, n: i32| match again(caller, n) {
        Err(HostError::Nested(error)) if error.trap_code() == Some(TrapCode::StackOverflow) => Ok(500),
        other => other,
    });
    let mut guest = Guest::with(&ladder(deep), &imports);
    for _ in 0..2 {
        assert_eq!(guest.call("step", &[Val::I32(3)]).unwrap(), [Val::I32(503)]);
    }
}

#[test]
fn exit_in_an_inner_guest_ends_all() {
    let mut imports = Imports::new();
    imports.func("host", "again", again);
    imports.func("host", "exit", |_: &mut Caller<'_>| Err::<i32, _>(HostError::exit(9)));
    let wat = ladder("call $exit").replace("(module", r#"(module (import "host" "exit" (func $exit (result i32)))"#);
    let mut guest = Guest::with(&wat, &imports);
    assert!(matches!(guest.call("step", &[Val::I32(3)]), Err(Error::Exit(9))));
}

#[test]
fn too_many_turns_are_a_trap() {
    let mut imports = Imports::new();
    imports.func("host", "again", again);
    let mut guest = Guest::with(&ladder("i32.const 0"), &imports);
    for _ in 0..2 {
        assert_eq!(guest.trap_code("step", &[Val::I32(i32::MAX)]), TrapCode::HostStackExhausted);
        assert_eq!(guest.call("step", &[Val::I32(20)]).unwrap(), [Val::I32(20)]);
    }
}

#[test]
fn turns_between_several_groups_count_together() {
    // Each turn makes a group of its own: the guest's stacks are fresh, only the host's is used up.
    fn again(_: &mut Caller<'_>, n: i32) -> Result<i32, HostError> {
        let mut imports = Imports::new();
        imports.func("host", "again", again);
        static ARTIFACT: std::sync::OnceLock<bailiwick_loader::Artifact> = std::sync::OnceLock::new();
        let artifact = ARTIFACT.get_or_init(|| artifact(&ladder("i32.const 0")));
        let mut group = Group::new()?;
        let instance = group.instantiate(artifact, &imports)?;
        let func = instance.func(&mut group, "step").ok();
        step(&mut group, func, n)
    }
    let mut imports = Imports::new();
    imports.func("host", "again", again);
    let mut guest = Guest::with(&ladder("i32.const 0"), &imports);
    assert_eq!(guest.call("step", &[Val::I32(20)]).unwrap(), [Val::I32(20)]);
    assert_eq!(guest.trap_code("step", &[Val::I32(i32::MAX)]), TrapCode::HostStackExhausted);
}

#[test]
fn a_thread_with_too_small_a_stack_gets_a_trap() {
    let mut guest = Guest::new(DEEP);
    let run = move || guest.trap_code("levels", &[Val::I32(1)]);
    let code = thread::Builder::new().stack_size(128 << 10).spawn(run).unwrap().join().unwrap();
    assert_eq!(code, TrapCode::HostStackExhausted);
}
