//! `poll_oneoff`.

use crate::abi::Errno::*;
use crate::abi::clock::{MONOTONIC, PROCESS_CPUTIME, REALTIME, THREAD_CPUTIME};
use crate::abi::{Event, Subscription};
use crate::calls::Open;
use crate::sys::{DATA, DIR, IOVS, MEMORY, OUT, Sys, call};
use crate::world::{World, preopen};
use bailiwick_loader::wasi::{DirGrant, Input};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

const MS: u64 = 1_000_000;
const HOUR: u64 = 3600 * 1000 * MS;

/// An event without an error of a clock.
fn rings(userdata: u64) -> Event {
    Event { userdata, error: SUCCESS, kind: 0, nbytes: 0, hangup: false }
}

/// The userdata of events, sorted.
fn which(events: &[Event]) -> Vec<u64> {
    let mut which: Vec<u64> = events.iter().map(|event| event.userdata).collect();
    which.sort_unstable();
    which
}

fn with_clocks() -> Sys {
    Sys::new(|builder| {
        builder.host_clocks();
    })
}

/// A guest whose standard input is a pipe, and the pipe's other end.
fn with_pipe() -> (Sys, std::io::PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    let sys = Sys::new(|builder| {
        builder.host_clocks().stdin(Input::File(OwnedFd::from(reader)));
        builder.capture_stdout(100);
    });
    (sys, writer)
}

#[test]
fn no_subscriptions_are_invalid() {
    let mut sys = with_clocks();
    assert_eq!(sys.poll_oneoff(&[]), Err(INVAL));
    assert_eq!(call!(sys, poll_oneoff(MEMORY, MEMORY, 0, OUT)), Err(INVAL));
}

#[test]
fn a_length_of_time_passes() {
    let mut sys = with_clocks();
    for clock in [MONOTONIC, REALTIME] {
        let begun = Instant::now();
        let events = sys.poll_oneoff(&[Subscription::after(0xdead_beef_0123_4567, clock, 30 * MS)]).unwrap();
        assert_eq!(events, [rings(0xdead_beef_0123_4567)]);
        let passed = begun.elapsed();
        assert!(passed >= Duration::from_millis(29) && passed < Duration::from_secs(20), "{passed:?}");
    }
}

#[test]
fn a_time_of_the_clock_comes() {
    let mut sys = with_clocks();
    for clock in [MONOTONIC, REALTIME] {
        let at = sys.clock_time_get(clock).unwrap() + 30 * MS;
        assert_eq!(sys.poll_oneoff(&[Subscription::at(1, clock, at)]).unwrap(), [rings(1)]);
        assert!(sys.clock_time_get(clock).unwrap() >= at, "not before its time");
    }
}

#[test]
fn a_time_that_has_come_is_not_waited_for() {
    let mut sys = with_clocks();
    for clock in [MONOTONIC, REALTIME] {
        let now = sys.clock_time_get(clock).unwrap();
        let past = [Subscription::at(1, clock, 0), Subscription::at(2, clock, now), Subscription::after(3, clock, 0)];
        assert_eq!(which(&sys.poll_oneoff(&past).unwrap()), [1, 2, 3]);
    }
}

#[test]
fn the_earliest_ends_the_wait() {
    let mut sys = with_clocks();
    let now = sys.clock_time_get(REALTIME).unwrap();
    let events = sys.poll_oneoff(&[
        Subscription::after(1, MONOTONIC, HOUR),
        Subscription::after(2, REALTIME, 10 * MS),
        Subscription::at(3, REALTIME, now + HOUR),
        Subscription::after(4, MONOTONIC, u64::MAX),
        Subscription::at(5, MONOTONIC, u64::MAX),
        Subscription::at(6, REALTIME, u64::MAX),
    ]);
    assert_eq!(events.unwrap(), [rings(2)]);
}

#[test]
fn files_are_always_ready_for_both() {
    let world = World::new();
    world.file("digits", "0123456789");
    let mut sys = Sys::new(|builder| {
        preopen(builder, &world, "/", DirGrant::all());
        builder.host_clocks();
    });
    let fd = sys.path_open(DIR, "digits", Open::file()).unwrap();
    sys.fd_seek(fd, 4, 0).unwrap();
    let events = sys
        .poll_oneoff(&[
            Subscription::read(1, fd),
            Subscription::write(2, fd),
            Subscription::after(3, MONOTONIC, HOUR),
            Subscription::read(4, fd),
        ])
        .unwrap();
    assert_eq!(which(&events), [1, 2, 4], "the same descriptor may be asked for twice");
    let read = events.iter().find(|event| event.userdata == 1).unwrap();
    assert_eq!((read.error, read.kind, read.nbytes), (SUCCESS, 1, 6), "the bytes that are left");
    assert_eq!(events.iter().find(|event| event.userdata == 2).unwrap().kind, 2);
    sys.fd_seek(fd, 0, 2).unwrap();
    let at_the_end = sys.poll_oneoff(&[Subscription::read(1, fd)]).unwrap();
    assert_eq!((at_the_end[0].error, at_the_end[0].nbytes), (SUCCESS, 0));
}

#[test]
fn bytes_and_captures_are_always_ready() {
    let mut sys = Sys::new(|builder| {
        builder.host_clocks().stdin_bytes("hello");
        builder.capture_stdout(100);
    });
    let both = [Subscription::read(1, 0), Subscription::write(2, 1), Subscription::after(3, MONOTONIC, HOUR)];
    assert_eq!(which(&sys.poll_oneoff(&both).unwrap()), [1, 2]);
    sys.fd_read(0, 100).unwrap();
    assert_eq!(which(&sys.poll_oneoff(&both).unwrap()), [1, 2], "the end can be read, too");
}

#[test]
fn what_nothing_comes_from_is_waited_for_until_the_time_is_over() {
    let (mut sys, writer) = with_pipe();
    let events = sys.poll_oneoff(&[Subscription::read(1, 0), Subscription::after(2, MONOTONIC, 30 * MS)]).unwrap();
    assert_eq!(events, [rings(2)]);
    drop(writer);
}

#[test]
fn what_comes_meanwhile_ends_the_wait() {
    let (mut sys, mut writer) = with_pipe();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            writer.write_all(b"abc").unwrap();
            // It stays open: that alone shall not be what ends the wait.
            std::thread::sleep(Duration::from_millis(200));
        });
        let begun = Instant::now();
        let events = sys.poll_oneoff(&[Subscription::after(1, MONOTONIC, HOUR), Subscription::read(2, 0)]).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(60));
        assert_eq!(events, [Event { userdata: 2, error: SUCCESS, kind: 1, nbytes: 3, hangup: false }]);
        assert_eq!(sys.fd_read(0, 100).unwrap(), b"abc", "looking takes nothing");
    });
}

#[test]
fn an_end_without_a_time_limit_is_waited_for() {
    let (mut sys, writer) = with_pipe();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            drop(writer);
        });
        let events = sys.poll_oneoff(&[Subscription::read(1, 0)]).unwrap();
        assert_eq!((events[0].error, events[0].kind, events[0].hangup), (SUCCESS, 1, true));
        assert_eq!(sys.fd_read(0, 100).unwrap(), b"");
    });
}

#[test]
fn several_that_are_ready_are_all_told() {
    let world = World::with(&["file"]);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut sys = Sys::new(|builder| {
        preopen(builder, &world, "/", DirGrant::all());
        builder.host_clocks().stdin(Input::File(reader.into()));
        builder.capture_stdout(100);
    });
    writer.write_all(b"x").unwrap();
    let fd = sys.path_open(DIR, "file", Open::file()).unwrap();
    let events = sys
        .poll_oneoff(&[
            Subscription::read(10, 0),
            Subscription::after(11, MONOTONIC, 0),
            Subscription::after(12, MONOTONIC, HOUR),
            Subscription::write(13, 1),
            Subscription::read(14, fd),
            Subscription::at(15, REALTIME, 1),
        ])
        .unwrap();
    assert_eq!(which(&events), [10, 11, 13, 14, 15]);
    assert!(events.iter().all(|event| event.error == SUCCESS));
}

#[test]
fn a_bad_subscription_is_an_event_with_an_error_and_the_others_are_told_too() {
    let world = World::with(&["file"]);
    let mut sys = Sys::new(|builder| {
        preopen(builder, &world, "/", DirGrant::all());
        builder.host_clocks();
        builder.capture_stdout(100);
    });
    let fd = sys.path_open(DIR, "file", Open::file()).unwrap();
    let events = sys
        .poll_oneoff(&[
            Subscription::after(1, MONOTONIC, HOUR),
            Subscription::read(2, 99),
            Subscription::write(3, u32::MAX),
            Subscription::read(4, 1),
            Subscription::read(5, DIR),
            Subscription::write(6, fd),
            Subscription::after(7, 4, 0),
            Subscription::after(8, THREAD_CPUTIME, 0),
            Subscription::after(9, PROCESS_CPUTIME, HOUR),
        ])
        .unwrap();
    assert_eq!(which(&events), [2, 3, 4, 5, 6, 7, 8, 9]);
    for event in events {
        let good = match event.userdata {
            6 => event.error == SUCCESS,
            7 => event.error == INVAL,
            8 | 9 => matches!(event.error, NOTSUP | INVAL),
            _ => matches!(event.error, BADF | NOTCAPABLE),
        };
        assert!(good, "{event:?}");
        let kind = match event.userdata {
            2 | 4 | 5 => 1,
            3 | 6 => 2,
            _ => 0,
        };
        assert_eq!(event.kind, kind, "{event:?}");
    }
}

#[test]
fn a_bad_subscription_alone_does_not_wait() {
    let mut sys = with_clocks();
    assert_eq!(sys.poll_oneoff(&[Subscription::read(1, 99)]).unwrap()[0].error, BADF);
}

#[test]
fn what_is_no_kind_of_event_is_invalid() {
    let mut sys = with_clocks();
    for tag in [3, 4, 255] {
        let mut odd = Subscription::after(1, MONOTONIC, 0);
        odd.0[8] = tag;
        assert_eq!(sys.poll_oneoff(&[odd]), Err(INVAL), "{tag}");
        assert_eq!(sys.poll_oneoff(&[Subscription::after(1, MONOTONIC, 0), odd]), Err(INVAL), "{tag}");
    }
    // Clock flags without a name.
    let mut odd = Subscription::after(1, MONOTONIC, 0);
    odd.0[40] = 2;
    match sys.poll_oneoff(&[odd]) {
        Err(errno) => assert_eq!(errno, INVAL),
        Ok(events) => assert_eq!(events[0].error, INVAL),
    }
}

#[test]
fn events_are_written_whole_and_only_as_many_as_there_are() {
    let mut sys = with_clocks();
    let subscriptions = [Subscription::after(1, MONOTONIC, 0), Subscription::after(2, MONOTONIC, HOUR)];
    sys.poison();
    sys.put(IOVS, subscriptions.iter().flat_map(|subscription| subscription.0).collect::<Vec<u8>>());
    assert_eq!(call!(sys, poll_oneoff(IOVS, DATA, 2, OUT)), Ok(()));
    assert_eq!(sys.u32_at(OUT), 1);
    sys.only_written(&[(IOVS, 96), (DATA, 32), (OUT, 4)]);
}

#[test]
fn arrays_lie_anywhere_in_the_memory_and_nowhere_else() {
    let mut sys = with_clocks();
    let now = Subscription::after(1, MONOTONIC, 0);
    sys.put(MEMORY - 48, now.0);
    assert_eq!(call!(sys, poll_oneoff(MEMORY - 48, MEMORY - 32, 1, OUT)), Ok(()), "over the subscription itself");
    assert_eq!(Event::decode(&sys.get(MEMORY - 32, 32)), rings(1));
    sys.put(IOVS + 3, now.0);
    assert_eq!(call!(sys, poll_oneoff(IOVS + 3, DATA + 1, 1, OUT + 1)), Ok(()), "at any alignment");
    let later = Subscription::after(1, MONOTONIC, HOUR);
    sys.put(IOVS, later.0);
    sys.put(MEMORY - 48, later.0);
    for (subscriptions, events, count, nevents) in [
        (MEMORY - 47, DATA, 1, OUT),
        (MEMORY - 48, DATA, 2, OUT),
        (u32::MAX, DATA, 1, OUT),
        (IOVS, MEMORY - 31, 1, OUT),
        (IOVS, u32::MAX, 1, OUT),
        (IOVS, DATA, 1, MEMORY - 3),
        (IOVS, DATA, 1, u32::MAX),
    ] {
        let answer = call!(sys, poll_oneoff(subscriptions, events, count, nevents));
        assert_eq!(answer, Err(FAULT), "{subscriptions:x} {events:x} {count} {nevents:x}: before any wait");
    }
    for count in [0x0555_5556, 1 << 28, u32::MAX] {
        // Counts whose product with the size of a subscription does not fit 32 bits.
        assert!(matches!(call!(sys, poll_oneoff(IOVS, DATA, count, OUT)), Err(FAULT | INVAL | TOOBIG)), "{count}");
    }
}

#[test]
fn many_subscriptions_are_one_wait() {
    let mut sys = with_clocks();
    let mut subscriptions = vec![Subscription::after(0, MONOTONIC, HOUR); 1000];
    subscriptions[777] = Subscription::after(777, MONOTONIC, 5 * MS);
    assert_eq!(sys.poll_oneoff(&subscriptions).unwrap(), [rings(777)]);
}

#[test]
fn without_a_clock_of_the_host_sleeping_takes_no_time() {
    let mut sys = Sys::inert();
    let begun = Instant::now();
    assert_eq!(sys.poll_oneoff(&[Subscription::after(1, MONOTONIC, HOUR)]).unwrap(), [rings(1)]);
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(sys.clock_time_get(MONOTONIC), Ok(HOUR), "but the virtual clock has moved");
}

#[test]
fn a_guest_that_waits_can_be_ended() {
    let (mut sys, writer) = with_pipe();
    let handle = sys.group.interrupt_handle();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            handle.interrupt().unwrap();
        });
        sys.put(IOVS, Subscription::read(1, 0).0);
        let arguments = [IOVS, DATA, 1, OUT].map(|argument| bailiwick_loader::Val::I32(argument.cast_signed()));
        let ended = sys.try_call("poll_oneoff", &arguments).unwrap_err();
        assert_eq!(ended.trap_code(), Some(bailiwick_loader::TrapCode::Interrupt));
    });
    drop(writer);
}
