//! `fd_filestat_set_times`, `path_filestat_set_times`.

use crate::abi::Errno::*;
use crate::abi::fstflag::{ATIM, ATIM_NOW, MTIM, MTIM_NOW};
use crate::abi::{Errno, FILE_RIGHTS, FOLLOW, right};
use crate::calls::Open;
use crate::sys::{DIR, MEMORY, PATH, Sys, call};
use crate::world::World;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Times with nanoseconds that do not come about by accident.
const OLD: (u64, u64) = (1_000_000_000_123_456_789, 1_100_000_000_987_654_321);
const NEW: (u64, u64) = (1_500_000_000_000_000_001, 1_600_000_000_999_999_999);

fn world() -> World {
    let world = World::with(&["file"]);
    world.dir("sub");
    world.link("file", "link");
    world.link("gone", "dangling");
    let file = std::fs::File::open(world.path("file")).unwrap();
    let time = |ns| UNIX_EPOCH + Duration::from_nanos(ns);
    file.set_times(std::fs::FileTimes::new().set_accessed(time(OLD.0)).set_modified(time(OLD.1))).unwrap();
    world
}

fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

/// Sets the times of `file` in both ways, each in a world of its own, and tells them.
fn set(times: (u64, u64), flags: u32) -> [Result<(u64, u64), Errno>; 2] {
    let by_descriptor = || {
        let world = world();
        let mut sys = Sys::over(&world);
        let fd = sys.path_open(DIR, "file", Open::rights(FILE_RIGHTS & !right::FD_WRITE))?;
        let answer = sys.fd_filestat_set_times(fd, times.0, times.1, flags);
        let after = world.times("file");
        assert!(answer.is_ok() || after == OLD, "a refusal changes nothing");
        answer.map(|()| after)
    };
    let by_path = || {
        let world = world();
        let mut sys = Sys::over(&world);
        let answer = sys.path_filestat_set_times(DIR, FOLLOW, "file", times, flags);
        let after = world.times("file");
        assert!(answer.is_ok() || after == OLD, "a refusal changes nothing");
        answer.map(|()| after)
    };
    [by_descriptor(), by_path()]
}

#[test]
fn each_time_is_set_if_its_flag_says_so() {
    assert_eq!(set(NEW, 0), [Ok(OLD); 2]);
    assert_eq!(set(NEW, ATIM), [Ok((NEW.0, OLD.1)); 2]);
    assert_eq!(set(NEW, MTIM), [Ok((OLD.0, NEW.1)); 2]);
    assert_eq!(set(NEW, ATIM | MTIM), [Ok(NEW); 2]);
    assert_eq!(set((0, 1), ATIM | MTIM), [Ok((0, 1)); 2], "1970");
}

#[test]
fn now_is_the_hosts() {
    for flags in [ATIM_NOW, MTIM_NOW, ATIM_NOW | MTIM_NOW, ATIM | MTIM_NOW, ATIM_NOW | MTIM] {
        // The kernel's clock for files ticks in some milliseconds.
        let before = now_ns() - 100_000_000;
        for times in set(NEW, flags) {
            let times = times.unwrap();
            let is_now = |ns: u64| (before..=now_ns()).contains(&ns);
            match flags & (ATIM | ATIM_NOW) {
                ATIM => assert_eq!(times.0, NEW.0),
                ATIM_NOW => assert!(is_now(times.0)),
                _ => assert_eq!(times.0, OLD.0),
            }
            match flags & (MTIM | MTIM_NOW) {
                MTIM => assert_eq!(times.1, NEW.1),
                MTIM_NOW => assert!(is_now(times.1)),
                _ => assert_eq!(times.1, OLD.1),
            }
        }
    }
}

#[test]
fn a_time_is_not_both_a_value_and_now_and_there_are_four_flags() {
    for flags in [ATIM | ATIM_NOW, MTIM | MTIM_NOW, 15, 16, 0x8000, 0x1_0000, 0x1_0001, u32::MAX] {
        assert_eq!(set(NEW, flags), [Err(INVAL); 2], "{flags:#x}");
    }
}

#[test]
fn directories_have_times() {
    let world = world();
    let mut sys = Sys::over(&world);
    let sub = sys.path_open(DIR, "sub", Open::directory()).unwrap();
    sys.fd_filestat_set_times(sub, NEW.0, NEW.1, ATIM | MTIM).unwrap();
    assert_eq!(world.times("sub"), NEW);
    sys.path_filestat_set_times(DIR, 0, "sub/", OLD, ATIM | MTIM).unwrap();
    assert_eq!(world.times("sub"), OLD);
    sys.path_filestat_set_times(DIR, 0, ".", NEW, MTIM).unwrap();
    assert_eq!(world.times(".").1, NEW.1);
    sys.fd_filestat_set_times(DIR, OLD.0, OLD.1, MTIM).unwrap();
    assert_eq!(world.times(".").1, OLD.1);
}

#[test]
fn a_link_in_the_last_place_is_followed_if_asked() {
    let world = world();
    let mut sys = Sys::over(&world);
    sys.path_filestat_set_times(DIR, 0, "link", NEW, ATIM | MTIM).unwrap();
    assert_eq!((world.times("link"), world.times("file")), (NEW, OLD));
    let mut sys = Sys::over(&world);
    sys.path_filestat_set_times(DIR, FOLLOW, "link", (3, 4), ATIM | MTIM).unwrap();
    assert_eq!(world.times("file"), (3, 4));
    sys.path_filestat_set_times(DIR, 0, "dangling", NEW, ATIM | MTIM).unwrap();
    assert_eq!(world.times("dangling"), NEW);
    assert_eq!(sys.path_filestat_set_times(DIR, FOLLOW, "dangling", NEW, MTIM), Err(NOENT));
}

#[test]
fn lookup_flags_without_a_name_are_invalid() {
    let world = world();
    let mut sys = Sys::over(&world);
    for lookup in [2, 3, 1 << 31, u32::MAX] {
        assert_eq!(sys.path_filestat_set_times(DIR, lookup, "file", NEW, MTIM), Err(INVAL), "{lookup:#x}");
    }
    assert_eq!(world.times("file"), OLD);
}

#[test]
fn an_open_file_has_times_when_its_name_is_gone() {
    let world = world();
    let mut sys = Sys::over(&world);
    let fd = sys.path_open(DIR, "file", Open::file()).unwrap();
    std::fs::remove_file(world.path("file")).unwrap();
    sys.fd_filestat_set_times(fd, NEW.0, NEW.1, ATIM | MTIM).unwrap();
    let stat = sys.fd_filestat_get(fd).unwrap();
    assert_eq!((stat.atim, stat.mtim), NEW);
}

#[test]
fn a_read_only_grant_keeps_the_times() {
    let world = world();
    let before = (world.times("file"), world.times("link"), world.times("."));
    let mut sys = Sys::read_only(&world);
    let fd = sys.path_open(DIR, "file", Open::rights(FILE_RIGHTS & !right::FD_WRITE)).unwrap();
    for flags in [ATIM, MTIM, ATIM_NOW, MTIM_NOW, ATIM | MTIM] {
        assert_eq!(sys.fd_filestat_set_times(fd, NEW.0, NEW.1, flags), Err(PERM), "{flags}");
        assert_eq!(sys.fd_filestat_set_times(DIR, NEW.0, NEW.1, flags), Err(PERM), "{flags}");
        for (lookup, path) in [(FOLLOW, "file"), (0, "link"), (FOLLOW, "link"), (0, ".")] {
            assert_eq!(sys.path_filestat_set_times(DIR, lookup, path, NEW, flags), Err(PERM), "{path} {flags}");
        }
    }
    assert_eq!((world.times("file"), world.times("link"), world.times(".")), before);
}

#[test]
fn streams_have_no_times() {
    let mut sys = Sys::new(|builder| {
        builder.stdin_bytes("x");
        builder.capture_stdout(9);
    });
    for fd in [0, 1] {
        assert!(matches!(sys.fd_filestat_set_times(fd, 1, 1, MTIM), Err(NOTCAPABLE | BADF | INVAL)), "{fd}");
    }
}

#[test]
fn a_path_outside_the_memory_is_a_fault() {
    let mut sys = Sys::over(&world());
    for (path, len) in [(MEMORY - 3, 4), (MEMORY, 1), (u32::MAX, 4), (PATH, u32::MAX)] {
        let answer = call!(sys, path_filestat_set_times(DIR, 0, path, len, 1u64, 1u64, 5));
        assert!(matches!(answer, Err(FAULT | NAMETOOLONG)), "{path:#x} {len:#x}");
    }
}
