//! `memory.atomic.wait` and `notify`, and what ends a wait.

use crate::common::{Place, eventually};
use crate::{guest, memory, soon};
use bailiwick_loader::{Artifact, Group, Imports, MemoryType, SharedMemory, TrapCode, Val};
use bailiwick_tests::compile::artifact;
use bailiwick_tests::guest::Guest;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const WAITER: &str = "(module (memory (import \"env\" \"memory\") 1 1 shared)
  (func (export \"wait32\") (param i32 i32 i64) (result i32)
    (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
  (func (export \"wait64\") (param i32 i64 i64) (result i32)
    (memory.atomic.wait64 (local.get 0) (local.get 1) (local.get 2)))
  (func (export \"notify\") (param i32 i32) (result i32) (memory.atomic.notify (local.get 0) (local.get 1))))";

const FOR_EVER: i64 = -1;

fn wait32(guest: &mut Guest, address: i32, expected: i32, timeout: i64) -> i32 {
    let arguments = [Val::I32(address), Val::I32(expected), Val::I64(timeout)];
    match guest.call("wait32", &arguments).unwrap_or_else(|e| panic!("{e}"))[..] {
        [Val::I32(result)] => result,
        ref other => panic!("{other:?}"),
    }
}

fn notify(guest: &mut Guest, address: i32, count: i32) -> Val {
    guest.call("notify", &[Val::I32(address), Val::I32(count)]).unwrap()[0]
}

/// Waits for so many to wait.
fn until(memory: &SharedMemory, waiters: usize) {
    eventually("all wait", || memory.waiters() == waiters);
}

fn parts() -> (Artifact, SharedMemory) {
    (artifact(WAITER), memory(1, 1))
}

#[test]
fn another_value_is_1_and_the_time_over_is_2() {
    let (artifact, memory) = parts();
    let mut guest = guest(&artifact, &memory);
    memory.write(8, &7u64.to_le_bytes()).unwrap();
    assert_eq!(wait32(&mut guest, 8, 0, FOR_EVER), 1);
    assert_eq!(wait32(&mut guest, 8, 7, 0), 2);
    let long = |high: i64| [Val::I32(8), Val::I64(7 | high << 32), Val::I64(0)];
    assert_eq!(guest.call("wait64", &long(0)).unwrap(), [Val::I32(2)]);
    // All of the eight bytes are compared.
    assert_eq!(guest.call("wait64", &long(1)).unwrap(), [Val::I32(1)]);
    for milliseconds in [1, 20, 100] {
        let begun = Instant::now();
        assert_eq!(wait32(&mut guest, 8, 7, milliseconds * 1_000_000), 2);
        let (took, asked) = (begun.elapsed(), Duration::from_millis(milliseconds as u64));
        assert!(took >= asked && took < asked + soon(), "{took:?} instead of {asked:?}");
    }
    assert_eq!(memory.waiters(), 0);
}

#[test]
fn as_many_are_woken_as_asked_for_those_first_who_came_first() {
    let (artifact, memory) = parts();
    let (woken, order) = channel();
    std::thread::scope(|scope| {
        for number in 0..5 {
            let (artifact, memory, woken) = (&artifact, &memory, woken.clone());
            scope.spawn(move || {
                let result = wait32(&mut guest(artifact, memory), 16, 0, FOR_EVER);
                woken.send((number, result)).unwrap();
            });
            until(memory, number + 1);
        }
        let mut guest = guest(&artifact, &memory);
        assert_eq!(notify(&mut guest, 16, 0), Val::I32(0));
        // Others' addresses are others' queues.
        assert_eq!(notify(&mut guest, 20, -1), Val::I32(0));
        for number in 0..2 {
            assert_eq!(notify(&mut guest, 16, 1), Val::I32(1));
            assert_eq!(order.recv().unwrap(), (number, 0));
        }
        // The count is unsigned, and the host may notify too.
        assert_eq!(memory.notify(16, 2).unwrap(), 2);
        assert_eq!(notify(&mut guest, 16, -1), Val::I32(1));
        assert_eq!(notify(&mut guest, 16, -1), Val::I32(0));
    });
    let mut rest: Vec<_> = order.try_iter().collect();
    rest.sort_unstable();
    assert_eq!(rest, [(2, 0), (3, 0), (4, 0)]);
    assert_eq!(memory.waiters(), 0);
}

#[test]
fn both_widths_wait_in_one_queue() {
    let (artifact, memory) = parts();
    std::thread::scope(|scope| {
        let long = scope.spawn(|| {
            let arguments = [Val::I32(0), Val::I64(0), Val::I64(FOR_EVER)];
            guest(&artifact, &memory).call("wait64", &arguments).unwrap()
        });
        let short = scope.spawn(|| wait32(&mut guest(&artifact, &memory), 0, 0, FOR_EVER));
        until(&memory, 2);
        assert_eq!(memory.notify(0, 9).unwrap(), 2);
        assert_eq!((long.join().unwrap(), short.join().unwrap()), (vec![Val::I32(0)], 0));
    });
}

#[test]
fn who_wakes_up_for_another_reason_waits_on() {
    let (artifact, memory) = parts();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wait32(&mut guest(&artifact, &memory), 0, 0, FOR_EVER));
        until(&memory, 1);
        for _ in 0..20 {
            waiting.thread().unpark();
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!waiting.is_finished() && memory.waiters() == 1);
        assert_eq!(memory.notify(0, 1).unwrap(), 1);
        assert_eq!(waiting.join().unwrap(), 0);
    });
}

#[test]
fn an_interrupt_ends_a_wait_and_leaves_nobody_in_a_queue() {
    let (artifact, memory) = parts();
    for timeout in [FOR_EVER, i64::MAX] {
        std::thread::scope(|scope| {
            let mut waiter = guest(&artifact, &memory);
            let handle = waiter.group.interrupt_handle();
            let waiting = scope.spawn(move || {
                let arguments = [Val::I32(0), Val::I32(0), Val::I64(timeout)];
                let trap = waiter.trap_code("wait32", &arguments);
                (Instant::now(), trap, waiter)
            });
            until(&memory, 1);
            let asked = Instant::now();
            handle.interrupt().unwrap();
            let (ended, trap, mut waiter) = waiting.join().unwrap();
            assert_eq!(trap, TrapCode::Interrupt);
            assert!(ended - asked < soon(), "{:?}", ended - asked);
            assert_eq!((memory.waiters(), memory.notify(0, 1).unwrap()), (0, 0));
            // As long as it is interrupted it does not begin to wait either; afterwards it does again.
            assert_eq!(waiter.trap_code("wait32", &[Val::I32(0), Val::I32(0), Val::I64(-1)]), TrapCode::Interrupt);
            waiter.group.resume().unwrap();
            assert_eq!(wait32(&mut waiter, 0, 0, 1000), 2);
        });
    }
}

#[test]
fn interrupts_and_notifications_at_the_same_time_lose_nothing() {
    let (artifact, memory) = parts();
    let mut counted = 0;
    let mut woken = 0;
    for _ in 0..200 {
        std::thread::scope(|scope| {
            let mut waiter = guest(&artifact, &memory);
            let handle = waiter.group.interrupt_handle();
            let waiting =
                scope.spawn(move || waiter.call("wait32", &[Val::I32(0), Val::I32(0), Val::I64(FOR_EVER)]).is_ok());
            until(&memory, 1);
            let interrupting = scope.spawn(move || handle.interrupt().unwrap());
            counted += memory.notify(0, 1).unwrap();
            interrupting.join().unwrap();
            woken += u32::from(waiting.join().unwrap());
            assert_eq!(memory.waiters(), 0);
        });
    }
    // Who was counted may be interrupted on its way out, but nobody gets through who was not.
    assert!(woken <= counted, "{woken} {counted}");
}

#[test]
fn a_memory_that_is_not_shared_is_nothing_to_wait_on() {
    let mut guest = Guest::new(
        "(module (memory 1)
           (func (export \"wait\") (result i32) (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))
           (func (export \"notify\") (result i32) (memory.atomic.notify (i32.const 0) (i32.const 1))))",
    );
    let trap = guest.trap("wait", &[]);
    assert_eq!((trap.code(), trap.code().message()), (TrapCode::ExpectedShared, "expected shared memory"));
    assert_eq!(guest.i32("notify"), 0);
}

#[test]
fn a_program_that_waits_ends_when_its_time_is_over() {
    let place = Place::new();
    let wat = "(module (memory (export \"memory\") 1 1 shared)
      (func (export \"_start\") (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))))";
    let module = place.compiled("waits", wat, &[]);
    let begun = Instant::now();
    let ended = place.run(&["--timeout", "200ms", module.to_str().unwrap()]);
    assert!(begun.elapsed() < Duration::from_secs(30), "{ended:?}");
    ended.with(124);
}

#[test]
fn an_address_above_2_gib_has_no_sign() {
    let memory = SharedMemory::new(MemoryType::shared(65_536, 65_536)).unwrap();
    let artifact = artifact(
        "(module (memory (import \"env\" \"memory\") 65536 65536 shared)
           (func (export \"wait32\") (param i32) (result i32)
             (memory.atomic.wait32 offset=8 (local.get 0) (i32.const -2) (i64.const 1000000)))
           (func (export \"wait64\") (param i32) (result i32)
             (memory.atomic.wait64 offset=8 (local.get 0) (i64.const 0xfffffffe) (i64.const 1000000)))
           (func (export \"notify\") (param i32) (result i32)
             (memory.atomic.notify offset=8 (local.get 0) (i32.const -1))))",
    );
    let mut imports = Imports::new();
    imports.shared_memory("env", "memory", &memory);
    let mut group = Group::new().unwrap();
    let instance = group.instantiate(&artifact, &imports).unwrap();
    let mut guest = Guest { group, instance };
    for at in [0x7fff_fff8, 0x8000_0000, 0xffff_fff0_u32] {
        memory.write(u64::from(at) + 8, &0xffff_fffe_u64.to_le_bytes()).unwrap();
        for (name, expected) in [("wait32", 2), ("wait64", 2), ("notify", 0)] {
            assert_eq!(
                guest.call(name, &[Val::I32(at.cast_signed())]).unwrap(),
                [Val::I32(expected)],
                "{name} {at:#x}"
            );
        }
    }
    // Not at the beginning either.
    for name in ["wait32", "wait64", "notify"] {
        assert_eq!(guest.trap_code(name, &[Val::I32(-8)]), TrapCode::MemoryOutOfBounds, "{name}");
    }
}
