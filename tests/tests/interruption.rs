//! Ending guests from outside: by a handle from any thread, and by `--timeout`.

mod common;

use bailiwick_loader::wasi::{self, Input, Output, WasiCtx, WasiCtxBuilder};
use bailiwick_loader::{Artifact, Caller, Error, Group, HostError, Imports, Instance, TrapCode};
use bailiwick_tests::compile::artifact;
use common::{EMULATED, Place, Random, ended, text, times};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How soon a guest ends: 10 ms, where nothing else runs. A machine that is busy with other tests is not held to that,
/// unless `BAILIWICK_TIMING` is set.
fn soon() -> Duration {
    Duration::from_millis(if std::env::var_os("BAILIWICK_TIMING").is_some() { 10 } else { 2000 })
}

/// Guests that never end, or not soon, each with what it does. `host.begun` is called before.
const ENDLESS: &[(&str, &str)] = &[
    ("an empty loop", "(func (export \"run\") (call $begun) (loop $l (br $l)))"),
    (
        "nested loops",
        "(func (export \"run\") (local $i i32) (call $begun)
            (loop $a (loop $b (loop $c
                (br_if $c (i32.and (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 255)))
                (br_if $b (i32.and (local.get $i) (i32.const 65535))))
                (br $a))))",
    ),
    (
        "a loop that an optimiser could count",
        "(func (export \"run\") (result i64) (local $i i64) (call $begun)
            (loop $l (br_if $l (i64.ne (local.tee $i (i64.add (local.get $i) (i64.const 1))) (i64.const 0))))
            (local.get $i))",
    ),
    (
        "a loop by br_table",
        "(func (export \"run\") (local $i i32) (call $begun)
            (loop $l (block $x (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_table $l $l $x (i32.const 1)))))",
    ),
    (
        "recursion without a loop",
        "(func $fib (param i32) (result i32)
            (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))
                (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                               (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
        (func (export \"run\") (result i32) (call $begun) (call $fib (i32.const 80)))",
    ),
    (
        "mutual recursion through a table",
        "(type $t (func (param i32) (result i32))) (table funcref (elem $a $b))
        (func $a (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1))
                               (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))))
                (else (i32.const 1))))
        (func $b (type $t) (call_indirect (type $t) (local.get 0) (i32.const 0)))
        (func (export \"run\") (result i32) (call $begun) (call $a (i32.const 70)))",
    ),
    (
        "a loop of indirect calls",
        "(type $t (func)) (table 1 1 funcref) (func $leaf) (elem (i32.const 0) $leaf)
        (func (export \"run\") (call $begun) (loop $l (call_indirect (type $t) (i32.const 0)) (br $l)))",
    ),
    ("a loop of host calls", "(func (export \"run\") (call $begun) (loop $l (call $nothing) (br $l)))"),
    (
        "a loop of loads and stores",
        "(memory 1) (func (export \"run\") (call $begun)
            (loop $l (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1))) (br $l)))",
    ),
    (
        "a loop of large fills",
        "(memory 4096) (func (export \"run\") (call $begun)
            (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x10000000)) (br $l)))",
    ),
    (
        "one huge fill",
        "(memory 65536) (func (export \"run\") (call $begun)
            (memory.fill (i32.const 0) (i32.const 1) (i32.const 0xffffffff)))",
    ),
    (
        "one huge copy",
        "(memory 65536) (func (export \"run\") (call $begun)
            (memory.copy (i32.const 1) (i32.const 0) (i32.const 0xfffffff0)))",
    ),
    (
        "a loop of table fills",
        "(table $t 9000000 funcref) (func (export \"run\") (call $begun)
            (loop $l (table.fill $t (i32.const 0) (ref.null func) (i32.const 9000000)) (br $l)))",
    ),
    (
        "a loop of table copies",
        "(table $t 9000000 externref) (func (export \"run\") (call $begun)
            (loop $l (table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 8999999)) (br $l)))",
    ),
    (
        "growth that fails again and again",
        "(memory 1 1) (func (export \"run\") (call $begun)
            (loop $l (drop (memory.grow (i32.const 1))) (br $l)))",
    ),
];

/// A module with such a body, and an export that ends.
fn module(body: &str) -> String {
    format!(
        r#"(module (import "host" "begun" (func $begun)) (import "host" "nothing" (func $nothing)) {body}
            (global $runs (mut i32) (i32.const 0))
            (func (export "work") (result i32)
                (global.set $runs (i32.add (global.get $runs) (i32.const 1))) (global.get $runs)))"#
    )
}

/// A group with such a module, and when it begins.
fn start(body: &str) -> (Group, Instance, std::sync::mpsc::Receiver<()>) {
    let (begun, begins) = channel();
    let mut imports = Imports::new();
    imports.func("host", "begun", move |_: &mut Caller<'_>| {
        let _ = begun.send(());
        Ok(())
    });
    imports.func("host", "nothing", |_: &mut Caller<'_>| Ok(()));
    let mut group = Group::new().unwrap();
    let instance = group.instantiate(&artifact(&module(body)), &imports).unwrap();
    (group, instance, begins)
}

fn call(group: &mut Group, instance: Instance, name: &str) -> Result<(), Error> {
    instance.func(group, name)?.call(group, &[]).map(|_| ())
}

fn work(group: &mut Group, instance: Instance) -> Result<i32, Error> {
    instance.typed_func::<(), i32>(group, "work")?.call(group, ())
}

#[track_caller]
fn is_interrupted<T: std::fmt::Debug>(result: Result<T, Error>, what: &str) {
    assert_eq!(result.expect_err(what).trap_code(), Some(TrapCode::Interrupt), "{what}");
}

#[test]
fn every_endless_guest_ends_soon_and_its_group_goes_on() {
    for (what, body) in ENDLESS {
        let (mut group, instance, mut begins) = start(body);
        let mut best = Duration::MAX;
        for round in 1..=times(3, 1) as i32 {
            let handle = group.interrupt_handle();
            let (asked, when) = channel();
            std::thread::scope(|scope| {
                let begins = &mut begins;
                scope.spawn(move || {
                    begins.recv().unwrap();
                    // It runs, and would go on.
                    std::thread::sleep(Duration::from_millis(5));
                    asked.send(Instant::now()).unwrap();
                    handle.interrupt().unwrap();
                });
                is_interrupted(call(&mut group, instance, "run"), what);
            });
            best = best.min(when.recv().unwrap().elapsed());
            // Until it is resumed, nothing runs in it.
            is_interrupted(work(&mut group, instance), what);
            group.resume().unwrap();
            assert_eq!(work(&mut group, instance).unwrap(), round, "{what}");
        }
        println!("{what}: {best:?}");
        assert!(EMULATED || best < soon(), "{what} took {best:?}");
    }
}

#[test]
fn a_trap_by_interruption_has_a_backtrace() {
    let (mut group, instance, begins) =
        start("(func $spin (loop $l (br $l))) (func (export \"run\") (call $begun) (call $spin))");
    let handle = group.interrupt_handle();
    let thread = std::thread::spawn(move || {
        begins.recv().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        handle.interrupt().unwrap();
    });
    let error = call(&mut group, instance, "run").unwrap_err();
    thread.join().unwrap();
    let Error::Trap(trap) = &error else { panic!("{error}") };
    let names: Vec<_> = trap.backtrace().frames().iter().map(|f| f.name()).collect();
    assert_eq!(names.first(), Some(&Some("spin")), "{error}");
}

#[test]
fn nothing_runs_in_a_group_that_was_interrupted_before() {
    let (mut group, instance, _) = start("");
    group.interrupt_handle().interrupt().unwrap();
    for _ in 0..3 {
        is_interrupted(work(&mut group, instance), "work");
    }
    group.resume().unwrap();
    // The first run: none of those above came as far as counting.
    assert_eq!(work(&mut group, instance).unwrap(), 1);
}

#[test]
fn a_module_is_not_started_in_an_interrupted_group() {
    let mut group = Group::new().unwrap();
    let handle = group.interrupt_handle();
    handle.interrupt().unwrap();
    let artifact = artifact("(module (func $spin (loop $l (br $l))) (start $spin))");
    is_interrupted(group.instantiate(&artifact, &Imports::new()), "the start function");
    // Nor is one that begins to run when it is instantiated, or any that comes later.
    group.resume().unwrap();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        handle.interrupt().unwrap();
    });
    is_interrupted(group.instantiate(&artifact, &Imports::new()), "the start function");
    is_interrupted(group.instantiate(&artifact, &Imports::new()), "the start function");
    thread.join().unwrap();
}

#[test]
fn all_instances_of_a_group_end_and_no_other_group() {
    let (mut group, first, _) = start("");
    let (mut other, stranger, _) = start("");
    let mut imports = Imports::new();
    imports.func("host", "begun", |_: &mut Caller<'_>| Ok(()));
    imports.func("host", "nothing", |_: &mut Caller<'_>| Ok(()));
    let second = group.instantiate(&artifact(&module("")), &imports).unwrap();
    group.interrupt_handle().interrupt().unwrap();
    is_interrupted(work(&mut group, first), "the first");
    is_interrupted(work(&mut group, second), "the second");
    assert_eq!(work(&mut other, stranger).unwrap(), 1);
}

#[test]
fn a_host_function_finishes_and_does_not_return_to_the_guest() {
    let finished = Arc::new(AtomicBool::new(false));
    let (mut group, handle) = {
        let group = Group::new().unwrap();
        let handle = group.interrupt_handle();
        (group, handle)
    };
    let mut imports = Imports::new();
    let seen = finished.clone();
    imports.func("host", "slow", move |_: &mut Caller<'_>| {
        handle.interrupt().map_err(HostError::from)?;
        seen.store(true, Ordering::Relaxed);
        Ok(())
    });
    let wat = r#"(module (import "host" "slow" (func $slow)) (global $after (export "after") (mut i32) (i32.const 0))
        (func (export "run") (call $slow) (global.set $after (i32.const 1))))"#;
    let instance = group.instantiate(&artifact(wat), &imports).unwrap();
    is_interrupted(call(&mut group, instance, "run"), "run");
    assert!(finished.load(Ordering::Relaxed));
    let after = instance.global(&mut group, "after").unwrap().get(&mut group).unwrap();
    assert_eq!(after, bailiwick_loader::Val::I32(0), "the guest went on");
}

#[test]
fn a_guest_within_a_host_function_within_a_guest_ends_with_all() {
    let mut imports = Imports::new();
    let (begun, begins) = channel();
    imports.func("host", "turn", move |caller: &mut Caller<'_>, n: i32| {
        if n == 0 {
            let _ = begun.send(());
        }
        let run = caller.export("run").ok_or_else(|| HostError::message("no run"))?;
        Ok(run.typed::<i32, ()>(caller)?.call(caller, n - 1)?)
    });
    let wat = r#"(module (import "host" "turn" (func $turn (param i32)))
        (func (export "run") (param i32)
            (if (i32.ge_s (local.get 0) (i32.const 0)) (then (call $turn (local.get 0))) (else (loop $l (br $l))))))"#;
    let mut group = Group::new().unwrap();
    let instance = group.instantiate(&artifact(wat), &imports).unwrap();
    let handle = group.interrupt_handle();
    let thread = std::thread::spawn(move || {
        begins.recv().unwrap();
        std::thread::sleep(Duration::from_millis(10));
        handle.interrupt().unwrap();
    });
    let run = instance.typed_func::<i32, ()>(&mut group, "run").unwrap();
    is_interrupted(run.call(&mut group, 10), "the innermost");
    thread.join().unwrap();
}

#[test]
fn a_handle_outlives_its_group() {
    let handles: Vec<_> = (0..20)
        .map(|_| {
            let (mut group, instance, _) = start("");
            assert_eq!(work(&mut group, instance).unwrap(), 1);
            group.interrupt_handle()
        })
        .collect();
    // These lie where the freed ones did.
    let mut groups: Vec<_> = (0..20).map(|_| start("")).collect();
    for handle in &handles {
        handle.interrupt().unwrap();
    }
    for (group, instance, _) in &mut groups {
        assert_eq!(work(group, *instance).unwrap(), 1);
    }
}

#[test]
fn interrupts_at_any_moment_end_what_runs_and_nothing_else() {
    // Interrupting races with instantiating, entering, trapping, growing, resuming and freeing.
    let module = artifact(
        r#"(module (memory (export "memory") 1) (func (export "spin") (loop $l (br $l)))
            (func (export "trap") unreachable)
            (func (export "grow") (result i32) (memory.grow (i32.const 1)))
            (func (export "fill") (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536))))"#,
    );
    let mut random = Random::new(7);
    let mut interrupted = 0;
    let rounds = times(400, 30);
    for round in 0..rounds {
        let mut group = Group::new().unwrap();
        let handles = [group.interrupt_handle(), group.interrupt_handle()];
        let pauses = [random.below(200), random.below(200)];
        let ready = Arc::new(AtomicU32::new(0));
        let threads: Vec<_> = handles
            .into_iter()
            .zip(pauses)
            .map(|(handle, pause)| {
                let ready = ready.clone();
                std::thread::spawn(move || {
                    ready.fetch_add(1, Ordering::Release);
                    std::thread::sleep(Duration::from_micros(pause as u64));
                    handle.interrupt().unwrap();
                })
            })
            .collect();
        while ready.load(Ordering::Acquire) < 2 {
            std::hint::spin_loop();
        }
        let instance = group.instantiate(&module, &Imports::new()).unwrap();
        for name in ["fill", "trap", "grow", "spin"] {
            match (name, call(&mut group, instance, name)) {
                (_, Err(error)) if error.trap_code() == Some(TrapCode::Interrupt) => interrupted += 1,
                ("trap", Err(error)) => assert_eq!(error.trap_code(), Some(TrapCode::Unreachable), "round {round}"),
                ("spin", result) => panic!("an endless loop ended: {result:?}"),
                (_, result) => result.unwrap(),
            }
        }
        if round % 2 == 0 {
            for thread in threads {
                thread.join().unwrap();
            }
            group.resume().unwrap();
            call(&mut group, instance, "fill").unwrap();
        } else {
            // The other one may come when the group is gone.
            drop(group);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
    }
    assert!(interrupted >= rounds, "{interrupted}");
}

#[test]
fn an_artifact_says_whether_it_can_be_interrupted() {
    let place = Place::new();
    let wat = "(module (func (export \"f\") (loop $l (br_if $l (i32.const 0)))))";
    for (name, options, expected) in
        [("default", &[][..], true), ("yes", &["--interruptible=yes"], true), ("no", &["--interruptible=no"], false)]
    {
        let path = place.compiled(name, wat, options);
        assert_eq!(Artifact::open(&path).unwrap().interruptible(), expected, "{name}");
        let report = ended(place.command().arg("inspect").arg(&path)).with(0);
        assert!(!report.out.is_empty());
    }
}

// Waits in the system interface.

/// A module in the text format with what it imports from the system interface, a function that sleeps, and more.
fn system(imports: &str, more: &str) -> String {
    format!(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "sock_recv"
                (func $recv (param i32 i32 i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
            {imports}
            (memory (export "memory") 2)
            (data (i32.const 0) "\40\00\00\00\00\80\00\00")
            (func $fib (param i32) (result i32)
                (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))
                    (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                                   (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
            (func $sleep (param $seconds i64)
                (i32.store8 (i32.const 256) (i32.const 1)) (i32.store8 (i32.const 264) (i32.const 0))
                (i32.store (i32.const 272) (i32.const 1))
                (i64.store (i32.const 280) (i64.mul (local.get $seconds) (i64.const 1000000000)))
                (i64.store (i32.const 288) (i64.const 0)) (i32.store16 (i32.const 296) (i32.const 0))
                (drop (call $poll (i32.const 256) (i32.const 512) (i32.const 1) (i32.const 768))))
            {more})"#
    )
}

/// A guest that waits, with what it waits for: it is granted, or kept so that nothing comes.
struct Waiting {
    what: &'static str,
    context: WasiCtx,
    kept: Vec<OwnedFd>,
    body: &'static str,
}

fn waiting(what: &'static str, body: &'static str, grant: impl FnOnce(&mut WasiCtxBuilder) -> Vec<OwnedFd>) -> Waiting {
    let mut builder = WasiCtx::builder();
    let kept = grant(&mut builder);
    Waiting { what, context: builder.build().unwrap(), kept, body }
}

fn stdin_pipe(builder: &mut WasiCtxBuilder) -> Vec<OwnedFd> {
    let (reader, writer) = std::io::pipe().unwrap();
    builder.stdin(Input::File(reader.into()));
    vec![writer.into()]
}

fn stdout_pipe(builder: &mut WasiCtxBuilder, wrap: fn(Output) -> Output) -> Vec<OwnedFd> {
    let (reader, writer) = std::io::pipe().unwrap();
    builder.stdout(wrap(Output::File(writer.into())));
    vec![reader.into()]
}

/// A listening socket, and a connection to it.
fn listener(builder: &mut WasiCtxBuilder, connections: usize) -> Vec<OwnedFd> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    builder.listener(listener.into()).unwrap();
    (0..connections).map(|_| TcpStream::connect(address).unwrap().into()).collect()
}

const READ: &str = "(drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))";
const WRITE: &str = "(loop $l (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))) (br $l))";
const POLL_READ: &str = "(i32.store8 (i32.const 264) (i32.const 1)) (i32.store (i32.const 272) (i32.const 0))
    (drop (call $poll (i32.const 256) (i32.const 512) (i32.const 1) (i32.const 768)))";
const ACCEPT: &str = "(drop (call $accept (i32.const 3) (i32.const 0) (i32.const 16)))";

/// Every kind of wait that a guest can be in.
fn waits() -> Vec<Waiting> {
    vec![
        waiting("fd_read of an empty pipe", READ, stdin_pipe),
        waiting("fd_read of a socket", READ, |builder| {
            let (socket, other) = UnixStream::pair().unwrap();
            builder.stdin(Input::File(socket.into()));
            vec![other.into()]
        }),
        waiting("fd_write to a full pipe", WRITE, |builder| stdout_pipe(builder, |output| output)),
        waiting("fd_write to a full pipe, made inert", WRITE, |builder| stdout_pipe(builder, Output::inert_escapes)),
        waiting("poll_oneoff for a stream", POLL_READ, stdin_pipe),
        waiting("poll_oneoff for a time", "(call $sleep (i64.const 1000))", |builder| {
            builder.host_clocks();
            Vec::new()
        }),
        waiting("sock_accept", ACCEPT, |builder| listener(builder, 0)),
        waiting(
            "sock_recv of all",
            "(drop (call $accept (i32.const 3) (i32.const 0) (i32.const 16)))
            (drop (call $recv (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 2) (i32.const 16)
                (i32.const 20)))",
            |builder| listener(builder, 8),
        ),
        waiting(
            "random_get of gigabytes",
            "(drop (memory.grow (i32.const 65534)))
            (drop (call $random (i32.const 0) (i32.const 0xfffeffff)))",
            |_| Vec::new(),
        ),
    ]
}

/// A group with a guest that waits, and when it begins.
fn start_waiting(body: &str, context: &Arc<Mutex<WasiCtx>>) -> (Group, Instance, std::sync::mpsc::Receiver<()>) {
    let wat = system(
        r#"(import "host" "begun" (func $begun))"#,
        &format!(
            r#"(global $runs (mut i32) (i32.const 0))
            (func (export "work") (result i32)
                (global.set $runs (i32.add (global.get $runs) (i32.const 1))) (global.get $runs))
            (func (export "run") (call $begun) {body})"#
        ),
    );
    let (begun, begins) = channel();
    let mut imports = Imports::new();
    imports.func("host", "begun", move |_: &mut Caller<'_>| {
        let _ = begun.send(());
        Ok(())
    });
    wasi::add_to_imports(&mut imports, Arc::clone(context));
    let mut group = Group::new().unwrap();
    let instance = group.instantiate(&artifact(&wat), &imports).unwrap();
    (group, instance, begins)
}

#[test]
fn every_wait_ends_soon_and_its_group_goes_on() {
    for Waiting { what, context, kept, body } in waits() {
        let context = Arc::new(Mutex::new(context));
        let (mut group, instance, mut begins) = start_waiting(body, &context);
        let mut best = Duration::MAX;
        for round in 1..=times(3, 1) as i32 {
            let handle = group.interrupt_handle();
            let (asked, when) = channel();
            std::thread::scope(|scope| {
                let begins = &mut begins;
                scope.spawn(move || {
                    begins.recv().unwrap();
                    std::thread::sleep(Duration::from_millis(10));
                    asked.send(Instant::now()).unwrap();
                    handle.interrupt().unwrap();
                });
                is_interrupted(call(&mut group, instance, "run"), what);
            });
            best = best.min(when.recv().unwrap().elapsed());
            is_interrupted(work(&mut group, instance), what);
            group.resume().unwrap();
            assert_eq!(work(&mut group, instance).unwrap(), round, "{what}");
        }
        println!("{what}: {best:?}");
        assert!(EMULATED || best < soon(), "{what} took {best:?}");
        drop(kept);
    }
}

#[test]
fn no_wait_misses_an_interrupt_whenever_it_comes() {
    let mut random = Random::new(11);
    for Waiting { what, context, kept, body } in waits() {
        // A connection is taken once.
        let rounds = if body.contains("$accept") { 8 } else { times(100, 10) };
        let (mut group, instance, mut begins) = start_waiting(body, &Arc::new(Mutex::new(context)));
        for _ in 0..rounds {
            let handle = group.interrupt_handle();
            let pause = Duration::from_micros(random.below(60) as u64);
            std::thread::scope(|scope| {
                let begins = &mut begins;
                scope.spawn(move || {
                    begins.recv().unwrap();
                    let begin = Instant::now();
                    while begin.elapsed() < pause {}
                    handle.interrupt().unwrap();
                });
                is_interrupted(call(&mut group, instance, "run"), what);
            });
            group.resume().unwrap();
        }
        drop(kept);
    }
}

#[test]
fn an_instance_that_waits_keeps_nobody_else_from_the_same_grants() {
    for Waiting { what, context, kept, body } in waits() {
        let context = Arc::new(Mutex::new(context));
        let (mut group, instance, begins) = start_waiting(body, &context);
        let handle = group.interrupt_handle();
        let thread = std::thread::spawn(move || call(&mut group, instance, "run"));
        begins.recv().unwrap();
        std::thread::sleep(Duration::from_millis(5));
        // The other one makes a call with the same state again and again.
        let (mut other, neighbour, _begins) =
            start_waiting("(drop (call $random (i32.const 1024) (i32.const 8)))", &context);
        let begin = Instant::now();
        for _ in 0..5 {
            call(&mut other, neighbour, "run").unwrap();
        }
        assert!(EMULATED || begin.elapsed() < soon(), "{what}: {:?}", begin.elapsed());
        assert!(!thread.is_finished(), "{what}");
        handle.interrupt().unwrap();
        is_interrupted(thread.join().unwrap(), what);
        drop(kept);
    }
}

#[test]
fn what_comes_ends_a_wait_and_signals_do_not() {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: the handler does nothing, and no other test uses this signal.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR2, &action, std::ptr::null_mut()), 0);
    }
    let mut context = WasiCtx::builder();
    context.host_clocks();
    let writer = stdin_pipe(&mut context).pop().unwrap();
    let context = Arc::new(Mutex::new(context.build().unwrap()));
    let (mut group, instance, begins) = start_waiting(
        &format!("(call $sleep (i64.const 1)) (call $begun) {READ} (global.set $runs (i32.load (i32.const 16)))"),
        &context,
    );
    // SAFETY: this thread lives as long as the one that signals it, which is joined below.
    let waiter = unsafe { libc::pthread_self() };
    // Before the sleep, however late the other thread is.
    let begin = Instant::now();
    let signaller = std::thread::spawn(move || {
        begins.recv().unwrap();
        let signal = || {
            // SAFETY: see above.
            assert_eq!(unsafe { libc::pthread_kill(waiter, libc::SIGUSR2) }, 0);
            std::thread::sleep(Duration::from_millis(20));
        };
        while begins.try_recv().is_err() {
            signal();
        }
        let slept = begin.elapsed();
        (0..5).for_each(|_| signal());
        std::io::Write::write_all(&mut std::fs::File::from(writer), b"four").unwrap();
        slept
    });
    call(&mut group, instance, "run").unwrap();
    let slept = signaller.join().unwrap();
    assert!((Duration::from_secs(1)..Duration::from_secs(30)).contains(&slept), "{slept:?}");
    assert_eq!(work(&mut group, instance).unwrap(), 4 + 1, "the bytes that came, and one run");
}

// `bailiwick run --timeout`.

/// A program in the text format whose `_start` is `body`.
fn program(body: &str) -> String {
    system("", &format!("(func (export \"_start\") {body})"))
}

/// Programs that do not end within ten seconds.
const PROGRAMS: &[(&str, &str)] = &[
    ("spin", "(loop $l (br $l))"),
    ("recursion", "(drop (call $fib (i32.const 80)))"),
    (
        "fills",
        "(drop (memory.grow (i32.const 4096)))
        (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x10000000)) (br $l))",
    ),
    ("sleep", "(call $sleep (i64.const 10))"),
    ("naps", "(loop $l (call $sleep (i64.const 0)) (br $l))"),
    ("read", "(drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))"),
    ("write", "(loop $l (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))) (br $l))"),
    ("complain", "(loop $l (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 16))) (br $l))"),
];

/// Runs an artifact with its standard streams as pipes that nobody reads or writes. Status, time, standard error.
fn run(place: &Place, artifact: &std::path::Path, options: &[&str]) -> (Option<i32>, Duration, String) {
    let mut command = place.command();
    command.arg("run").args(options).arg(artifact);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    let status = common::wait(&mut child, Duration::from_secs(9));
    let time = begun.elapsed();
    let mut err = String::new();
    let mut stderr = child.stderr.take().unwrap();
    let _ = std::io::Read::read_to_string(&mut std::io::Read::take(&mut stderr, 1 << 20), &mut err);
    (status.and_then(|status| status.code()), time, err)
}

#[test]
fn a_timeout_ends_any_program_in_time() {
    let place = Place::new();
    let tries = times(5, 1);
    let nothing = place.compiled("nothing", &program(""), &[]);
    let start = (0..tries)
        .map(|_| {
            let (status, time, err) = run(&place, &nothing, &["--timeout", "9s"]);
            assert_eq!((status, err.as_str()), (Some(0), ""), "a program that ends in time");
            time
        })
        .min()
        .unwrap();
    let timeout = Duration::from_millis(100);
    for (name, body) in PROGRAMS {
        let artifact = place.compiled(name, &program(body), &[]);
        let mut best = Duration::MAX;
        for _ in 0..tries {
            let (status, time, err) = run(&place, &artifact, &["--timeout", "100ms"]);
            assert_eq!(status, Some(124), "{name}: {time:?} {err:.300}");
            // Where the program itself has filled standard error, there is no room for it.
            if *name != "complain" {
                assert!(err.contains("ended after 100ms (--timeout)") && err.contains(name), "{name}: {err:.300}");
            }
            assert!(time >= timeout, "{name}: {time:?}");
            best = best.min(time);
            if best < start + timeout + soon() {
                break;
            }
        }
        println!("{name}: {best:?}, of which the start is {start:?}");
        assert!(EMULATED || best < start + timeout + soon(), "{name}: {best:?}, of which the start is {start:?}");
    }
}

#[test]
fn without_a_timeout_the_same_programs_go_on() {
    // The control: none of them ends by itself.
    let place = Place::new();
    let children: Vec<_> = PROGRAMS
        .iter()
        .map(|(name, body)| {
            let artifact = place.compiled(name, &program(body), &[]);
            let mut command = place.command();
            command.arg("run").arg(&artifact).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            (name, command.spawn().unwrap())
        })
        .collect();
    std::thread::sleep(Duration::from_millis(times(400, 2000) as u64));
    for (name, mut child) in children {
        let ended = child.try_wait().unwrap();
        let _ = child.kill();
        let _ = child.wait();
        assert_eq!(ended, None, "{name}");
    }
}

#[test]
fn a_timeout_counts_for_start_functions_and_preloaded_modules() {
    let place = Place::new();
    let spin = "(module (func $spin (loop $l (br $l))) (start $spin) (func (export \"_start\")))";
    let spin = place.compiled("spinning", spin, &[]);
    let nothing = place.compiled("nothing", &program(""), &[]);
    let (status, _, err) = run(&place, &spin, &["--timeout", "50ms"]);
    assert_eq!(status, Some(124), "{err}");
    let preload = format!("lib={}", text(&spin));
    let (status, _, err) = run(&place, &nothing, &["--timeout", "50ms", "--preload", &preload]);
    assert_eq!(status, Some(124), "{err}");
}

#[test]
fn what_can_not_be_interrupted_is_refused_with_a_timeout_and_runs_without() {
    let place = Place::new();
    let artifact = place.compiled("stubborn", &program(""), &["--interruptible=no"]);
    place.run(&["--timeout", "1s", text(&artifact)]).with(1).prints("").says(&[
        "stubborn.bwk",
        "--interruptible=no",
        "--timeout",
    ]);
    place.run(&[text(&artifact)]).with(0).silently();
    // So is a library that the guest calls.
    let main = place.compiled("main", &program(""), &[]);
    let preload = format!("lib={}", text(&artifact));
    place.run(&["--timeout", "1s", "--preload", &preload, text(&main)]).with(1).says(&["stubborn.bwk"]);
}

#[test]
fn a_timeout_has_to_be_a_duration() {
    let place = Place::new();
    let nothing = place.compiled("nothing", &program(""), &[]);
    for wrong in ["", "1", "ten", "-1s", "1parsec"] {
        place.run(&[&format!("--timeout={wrong}"), text(&nothing)]).with(2).says(&["--timeout"]);
    }
    for right in ["9s", "9000ms", "1m 30s"] {
        place.run(&["--timeout", right, text(&nothing)]).with(0).silently();
    }
}
