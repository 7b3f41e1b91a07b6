//! `clock_res_get`, `clock_time_get`.

use crate::abi::Errno::*;
use crate::abi::Subscription;
use crate::abi::clock::{MONOTONIC, PROCESS_CPUTIME, REALTIME, THREAD_CPUTIME};
use crate::sys::{MEMORY, OUT, Sys, call};
use bailiwick_loader::wasi::ClockSource;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const HOUR: u64 = 3600 * 1_000_000_000;

const ALL: [u32; 4] = [REALTIME, MONOTONIC, PROCESS_CPUTIME, THREAD_CPUTIME];

fn with_host_clocks() -> Sys {
    Sys::new(|builder| {
        builder.host_clocks();
    })
}

fn since_1970_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

#[test]
fn every_clock_has_a_resolution() {
    for mut sys in [with_host_clocks(), Sys::inert()] {
        for id in ALL {
            let resolution_ns = sys.clock_res_get(id).unwrap();
            assert!((1..1_000_000_000).contains(&resolution_ns), "clock {id}: {resolution_ns} ns");
        }
    }
}

#[test]
fn what_is_no_clock_is_invalid() {
    let mut sys = with_host_clocks();
    sys.poison();
    for id in [4, 5, 255, 1 << 16, u32::MAX] {
        assert_eq!(call!(sys, clock_res_get(id, OUT)), Err(INVAL), "{id}");
        assert_eq!(call!(sys, clock_time_get(id, 0u64, OUT)), Err(INVAL), "{id}");
    }
    sys.only_written(&[]);
}

#[test]
fn real_time_is_nanoseconds_since_1970() {
    let mut sys = with_host_clocks();
    let (before, time, after) = (since_1970_ns(), sys.clock_time_get(REALTIME).unwrap(), since_1970_ns());
    assert!((before..=after).contains(&time), "{before} <= {time} <= {after}");
}

#[test]
fn monotonic_time_and_processor_time_never_go_back() {
    let mut sys = with_host_clocks();
    for id in [MONOTONIC, PROCESS_CPUTIME, THREAD_CPUTIME] {
        let times: Vec<u64> = (0..1000).map(|_| sys.clock_time_get(id).unwrap()).collect();
        assert!(times.is_sorted(), "clock {id}");
        assert!(times[0] < times[999], "clock {id} stands still");
    }
}

#[test]
fn any_precision_will_do() {
    let mut sys = with_host_clocks();
    for precision_ns in [0, 1, 1_000_000, u64::MAX] {
        assert_eq!(call!(sys, clock_time_get(REALTIME, precision_ns, OUT)), Ok(()));
        assert!(sys.u64_at(OUT) > 0);
    }
}

#[test]
fn results_go_where_the_pointer_says_or_nowhere() {
    let mut sys = with_host_clocks();
    sys.poison();
    for at in [MEMORY - 8, OUT + 3] {
        assert_eq!(call!(sys, clock_res_get(MONOTONIC, at)), Ok(()));
        assert_eq!(call!(sys, clock_time_get(MONOTONIC, 0u64, at)), Ok(()));
    }
    for at in [MEMORY - 7, MEMORY, u32::MAX - 7, u32::MAX] {
        assert_eq!(call!(sys, clock_res_get(MONOTONIC, at)), Err(FAULT), "{at:#x}");
        assert_eq!(call!(sys, clock_time_get(MONOTONIC, 0u64, at)), Err(FAULT), "{at:#x}");
    }
    sys.only_written(&[(MEMORY - 8, 8), (OUT + 3, 8)]);
}

#[test]
fn without_a_grant_time_stands_still() {
    let mut sys = Sys::inert();
    for id in ALL {
        let times: Vec<u64> = (0..100).map(|_| sys.clock_time_get(id).unwrap()).collect();
        assert_eq!(times, [0; 100], "clock {id}");
    }
}

#[test]
fn a_fixed_clock_shows_one_time_for_ever() {
    const NS: u64 = 1_700_000_000_123_456_789;
    let mut sys = Sys::new(|builder| {
        builder.clock(ClockSource::Fixed { ns: NS });
    });
    for _ in 0..3 {
        for id in ALL {
            assert_eq!(sys.clock_time_get(id), Ok(NS), "clock {id}");
        }
        let begun = Instant::now();
        for sleep in [Subscription::after(1, MONOTONIC, HOUR), Subscription::at(1, REALTIME, NS + HOUR)] {
            assert_eq!(sys.poll_oneoff(&[sleep]).unwrap().len(), 1, "nobody sleeps for ever");
        }
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
}

#[test]
fn a_virtual_clock_moves_by_sleeping_and_to_the_nanosecond() {
    const START: u64 = 1_700_000_000_000_000_000;
    let mut sys = Sys::new(|builder| {
        builder.clock(ClockSource::Virtual { start_ns: START });
    });
    let begun = Instant::now();
    assert_eq!(ALL.map(|id| sys.clock_time_get(id)), [Ok(START); 4]);
    sys.poll_oneoff(&[Subscription::after(1, MONOTONIC, HOUR)]).unwrap();
    assert_eq!(ALL.map(|id| sys.clock_time_get(id)), [Ok(START + HOUR); 4]);
    sys.poll_oneoff(&[Subscription::after(1, REALTIME, 7), Subscription::after(2, MONOTONIC, 9)]).unwrap();
    assert_eq!(sys.clock_time_get(MONOTONIC), Ok(START + HOUR + 7));
    sys.poll_oneoff(&[Subscription::at(1, REALTIME, START + 2 * HOUR)]).unwrap();
    assert_eq!(sys.clock_time_get(REALTIME), Ok(START + 2 * HOUR));
    sys.poll_oneoff(&[Subscription::at(1, REALTIME, START)]).unwrap();
    assert_eq!(sys.clock_time_get(REALTIME), Ok(START + 2 * HOUR), "and never back");
    assert!(begun.elapsed() < Duration::from_secs(60));
}
