//! Ending a guest from outside, wherever it is.

use bailiwick_loader::{Caller, Group, HostError, Imports, InterruptHandle, TrapCode};
use bailiwick_tests::compile::artifact;
use bailiwick_tests::guest::Guest;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Ways never to end, each a body of `$run`. `$ready` tells the test that it has begun.
const ENDLESS: &[(&str, &str)] = &[
    ("a loop", "(loop $l (br $l))"),
    ("a loop with a condition", "(loop $l (br_if $l (i32.load (i32.const 0))) (unreachable))"),
    ("a loop by br_table", "(loop $l (br_table $l $l (i32.const 0)))"),
    (
        "nested loops that count",
        "(local $i i32) (loop $o (local.set $i (i32.const 1000))
            (loop $l (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $l (local.get $i))) (br $o))",
    ),
    ("a loop that calls", "(loop $l (call $nothing) (br $l))"),
    ("a loop that calls through a table", "(loop $l (call_indirect (i32.const 0)) (br $l))"),
    ("a loop that calls the host", "(loop $l (call $host) (br $l))"),
    ("a loop that stores", "(loop $l (i32.store (i32.const 4) (i32.const 1)) (br $l))"),
    ("a loop that fills memory", "(loop $l (memory.fill (i32.const 8) (i32.const 1) (i32.const 65528)) (br $l))"),
    ("a loop that copies memory", "(loop $l (memory.copy (i32.const 8) (i32.const 9) (i32.const 60000)) (br $l))"),
    ("a loop that fails to grow", "(loop $l (drop (memory.grow (i32.const 1))) (br $l))"),
    ("recursion that takes for ever", "(drop (call $tree (i32.const 1000)))"),
];

fn module(body: &str) -> String {
    format!(
        r#"(module
            (import "host" "ready" (func $ready)) (import "host" "nothing" (func $host))
            (memory 1 1) (table 1 funcref) (elem (i32.const 0) $nothing) (data (i32.const 0) "\01")
            (func $nothing)
            (func $tree (param i32) (result i32)
                (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
                    (else (i32.add (call $tree (i32.sub (local.get 0) (i32.const 1)))
                                   (call $tree (i32.sub (local.get 0) (i32.const 1)))))))
            (func $run (export "run") (call $begin))
            (func $begin (call $ready) (call $endless))
            (func $endless {body})
            (func (export "ok") (result i32) (i32.const 1)))"#
    )
}

/// Grants what [`module`] wants.
fn grants(begun: Sender<()>) -> Imports {
    let mut imports = Imports::new();
    imports.func("host", "ready", move |_: &mut Caller<'_>| {
        let _ = begun.send(());
        Ok::<(), HostError>(())
    });
    imports.func("host", "nothing", |_: &mut Caller<'_>| Ok::<(), HostError>(()));
    imports
}

/// Longest that an interrupt may take, under an emulator and on a busy machine.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn whatever_a_guest_does_an_interrupt_ends_it_and_it_can_go_on_later() {
    for (what, body) in ENDLESS {
        let (begun, has_begun) = channel();
        let mut guest = Guest::with(&module(body), &grants(begun));
        let handle = guest.group.interrupt_handle();
        for _ in 0..2 {
            thread::scope(|scope| {
                let running = scope.spawn(|| guest.trap("run", &[]));
                has_begun.recv().unwrap();
                thread::sleep(Duration::from_millis(5));
                let asked = Instant::now();
                handle.interrupt().unwrap();
                let trap = running.join().unwrap();
                assert!(asked.elapsed() < SOON, "{what}: it took {:?}", asked.elapsed());
                assert_eq!(trap.code(), TrapCode::Interrupt, "{what}");
                let names: Vec<_> = trap.backtrace().frames().iter().filter_map(|f| f.name()).collect();
                // The outermost frames are cut off where there are many.
                assert!(names.contains(&"endless") || names.len() == 64, "{what}: {names:?}");
            });
            // Until it is told otherwise, nothing of the group runs.
            assert_eq!(guest.trap_code("ok", &[]), TrapCode::Interrupt, "{what}");
            guest.group.resume().unwrap();
            assert_eq!(guest.i32("ok"), 1, "{what}");
        }
    }
}

#[test]
fn an_interrupt_before_the_call_and_before_the_instantiation_counts() {
    let (begun, _has_begun) = channel();
    let imports = grants(begun);
    let mut group = Group::new().unwrap();
    group.interrupt_handle().interrupt().unwrap();
    let started = artifact("(module (func $f (loop (br 0))) (start $f))");
    let error = group.instantiate(&started, &Imports::new()).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::Interrupt));
    group.resume().unwrap();
    let instance = group.instantiate(&artifact(&module(ENDLESS[0].1)), &imports).unwrap();
    group.interrupt_handle().interrupt().unwrap();
    let run = instance.typed_func::<(), ()>(&mut group, "run").unwrap();
    assert_eq!(run.call(&mut group, ()).unwrap_err().trap_code(), Some(TrapCode::Interrupt));
}

#[test]
fn an_interrupt_ends_one_group_and_no_other_of_the_same_artifact() {
    let artifact = artifact(&module("(loop $l (br $l))"));
    let start = |artifact: &bailiwick_loader::Artifact| -> (InterruptHandle, thread::JoinHandle<Option<TrapCode>>) {
        let (begun, has_begun) = channel();
        let mut group = Group::new().unwrap();
        let instance = group.instantiate(artifact, &grants(begun)).unwrap();
        let handle = group.interrupt_handle();
        let run = instance.typed_func::<(), ()>(&mut group, "run").unwrap();
        let running = thread::spawn(move || run.call(&mut group, ()).unwrap_err().trap_code());
        has_begun.recv().unwrap();
        (handle, running)
    };
    let (first, first_running) = start(&artifact);
    let (second, second_running) = start(&artifact);
    first.interrupt().unwrap();
    assert_eq!(first_running.join().unwrap(), Some(TrapCode::Interrupt));
    thread::sleep(Duration::from_millis(20));
    assert!(!second_running.is_finished());
    second.interrupt().unwrap();
    assert_eq!(second_running.join().unwrap(), Some(TrapCode::Interrupt));
    // Both groups are gone, and with them what there was to interrupt.
    first.interrupt().unwrap();
    second.interrupt().unwrap();
}

#[test]
fn a_host_function_is_not_ended_but_its_return_to_the_guest_is() {
    let (begun, has_begun) = channel();
    let (go_on, goes_on) = channel::<()>();
    let goes_on = std::sync::Mutex::new(goes_on);
    let mut imports = Imports::new();
    imports.func("host", "wait", move |_: &mut Caller<'_>| {
        begun.send(()).unwrap();
        goes_on.lock().unwrap().recv().unwrap();
        Ok::<(), HostError>(())
    });
    let mut guest = Guest::with(
        r#"(module (import "host" "wait" (func $wait)) (func (export "run") (result i32) (call $wait) (i32.const 1)))"#,
        &imports,
    );
    let handle = guest.group.interrupt_handle();
    thread::scope(|scope| {
        let running = scope.spawn(|| guest.trap("run", &[]));
        has_begun.recv().unwrap();
        handle.interrupt().unwrap();
        thread::sleep(Duration::from_millis(10));
        assert!(!running.is_finished());
        go_on.send(()).unwrap();
        let trap = running.join().unwrap();
        assert_eq!(trap.code(), TrapCode::Interrupt);
        assert_eq!(trap.backtrace().frames()[0].name(), Some("run"));
    });
}

#[test]
fn interrupts_and_groups_that_end_by_themselves_race_without_harm() {
    let artifact = artifact(r#"(module (func (export "run") (result i32) (i32.const 1)))"#);
    for _ in 0..200 {
        let mut group = Group::new().unwrap();
        let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
        let run = instance.typed_func::<(), i32>(&mut group, "run").unwrap();
        let handle = group.interrupt_handle();
        let interrupting = thread::spawn(move || handle.interrupt().unwrap());
        match run.call(&mut group, ()) {
            Ok(value) => assert_eq!(value, 1),
            Err(error) => assert_eq!(error.trap_code(), Some(TrapCode::Interrupt)),
        }
        drop(group);
        interrupting.join().unwrap();
    }
}
