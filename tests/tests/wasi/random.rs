//! `random_get`.

use crate::abi::Errno::*;
use crate::sys::{DATA, MEMORY, Sys, call};
use bailiwick_loader::wasi::RandomSource;
use bailiwick_loader::{TrapCode, Val};
use std::time::Duration;

#[test]
fn a_buffer_is_filled_and_nothing_beside_it() {
    let mut sys = Sys::inert();
    for (at, len) in [(DATA, 1), (DATA + 1, 7), (DATA, 64), (DATA + 3, 4097), (MEMORY - 300, 300)] {
        sys.poison();
        assert_eq!(call!(sys, random_get(at, len)), Ok(()));
        sys.only_written(&[(at, len)]);
    }
}

#[test]
fn bytes_are_random() {
    let mut sys = Sys::inert();
    let bytes = sys.random_get(1 << 16).unwrap();
    let mut counts = [0u32; 256];
    bytes.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    // 256 of each are expected, with a deviation of 16; ten of those happen once in 10^23 tries.
    assert!(counts.iter().all(|count| (96..416).contains(count)), "{counts:?}");
    assert_ne!(sys.random_get(32), sys.random_get(32));
    assert_ne!(sys.random_get(32), Sys::inert().random_get(32), "each guest has its own");
}

#[test]
fn no_bytes_are_no_work() {
    let mut sys = Sys::inert();
    sys.poison();
    for at in [0, DATA, MEMORY] {
        assert_eq!(call!(sys, random_get(at, 0u32)), Ok(()));
    }
    sys.only_written(&[]);
}

#[test]
fn a_buffer_outside_the_memory_is_a_fault_and_nothing_is_written() {
    let mut sys = Sys::inert();
    sys.poison();
    for (at, len) in [(MEMORY - 1, 2), (MEMORY, 1), (0, MEMORY + 1), (1, u32::MAX), (u32::MAX, u32::MAX)] {
        assert_eq!(call!(sys, random_get(at, len)), Err(FAULT), "{at:#x} {len:#x}");
    }
    sys.only_written(&[]);
}

#[test]
fn a_long_call_can_be_ended() {
    let mut sys = Sys::inert();
    // A gibibyte takes seconds.
    sys.grow(16_384);
    let handle = sys.group.interrupt_handle();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            handle.interrupt().unwrap();
        });
        let ended = sys.try_call("random_get", &[0, 1 << 30].map(Val::I32)).unwrap_err();
        assert_eq!(ended.trap_code(), Some(TrapCode::Interrupt));
    });
    assert_eq!(sys.memory().last(), Some(&0), "long before it is done");
}

#[test]
fn a_seed_determines_all_bytes_however_they_are_asked_for() {
    let seeded = |seed: u8| {
        Sys::new(|builder| {
            builder.random(RandomSource::Seeded([seed; 32]));
        })
    };
    let whole = seeded(1).random_get(10_000).unwrap();
    assert_eq!(seeded(1).random_get(10_000).unwrap(), whole);
    let mut sys = seeded(1);
    let parts: Vec<u8> =
        [1, 31, 32, 33, 0, 4096, 5807].into_iter().flat_map(|len| sys.random_get(len).unwrap()).collect();
    assert_eq!(parts, whole);
    assert_ne!(seeded(2).random_get(10_000).unwrap(), whole);
    let distinct: std::collections::BTreeSet<&[u8]> = whole.chunks(8).collect();
    assert_eq!(distinct.len(), 1250, "and nothing comes again soon");
}
