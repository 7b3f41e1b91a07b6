//! `fd_seek`, `fd_tell`.

use crate::abi::Errno::*;
use crate::abi::whence::{CUR, END, SET};
use crate::calls::Open;
use crate::sys::{DIR, MEMORY, OUT, Sys, call};
use crate::world::{World, preopen};
use bailiwick_loader::wasi::DirGrant;

fn world() -> World {
    let world = World::new();
    world.file("digits", "0123456789");
    world
}

fn digits(sys: &mut Sys) -> u32 {
    sys.path_open(DIR, "digits", Open::file()).unwrap()
}

#[test]
fn offsets_count_from_the_beginning_the_present_place_or_the_end() {
    let mut sys = Sys::over(&world());
    let fd = digits(&mut sys);
    for (offset, whence, place, next) in [
        (4, SET, 4, "4"),
        (2, CUR, 7, "7"),
        (-1, CUR, 7, "7"),
        (0, CUR, 8, "8"),
        (-10, END, 0, "0"),
        (-1, END, 9, "9"),
        (0, END, 10, ""),
        (5, END, 15, ""),
        (-15, CUR, 0, "0"),
        (0, SET, 0, "0"),
    ] {
        assert_eq!(sys.fd_seek(fd, offset, whence), Ok(place), "{offset} {whence}");
        assert_eq!(sys.fd_tell(fd), Ok(place));
        assert_eq!(sys.fd_read(fd, 1).unwrap(), next.as_bytes(), "{offset} {whence}");
    }
}

#[test]
fn a_place_before_the_beginning_or_beyond_all_files_is_invalid() {
    let mut sys = Sys::over(&world());
    let fd = digits(&mut sys);
    sys.fd_seek(fd, 5, SET).unwrap();
    for (offset, whence) in [
        (-1, SET),
        (i64::MIN, SET),
        (-6, CUR),
        (i64::MIN, CUR),
        (i64::MAX, CUR),
        (-11, END),
        (i64::MIN, END),
        (i64::MAX, END),
    ] {
        assert!(matches!(sys.fd_seek(fd, offset, whence), Err(INVAL | OVERFLOW)), "{offset} {whence}");
        assert_eq!(sys.fd_tell(fd), Ok(5), "and the place is the same");
    }
}

#[test]
fn there_are_three_bases() {
    let mut sys = Sys::over(&world());
    let fd = digits(&mut sys);
    sys.fd_seek(fd, 5, SET).unwrap();
    for whence in [3, 4, 255, 256, 258, u32::MAX] {
        assert_eq!(sys.fd_seek(fd, 1, whence), Err(INVAL), "{whence}");
    }
    assert_eq!(sys.fd_tell(fd), Ok(5));
}

#[test]
fn seeking_alone_does_not_change_the_file() {
    let world = world();
    let mut sys = Sys::over(&world);
    let fd = digits(&mut sys);
    assert_eq!(sys.fd_seek(fd, 1 << 40, SET), Ok(1 << 40));
    assert_eq!(world.stat("digits").len(), 10);
}

#[test]
fn each_opening_has_its_own_place() {
    let mut sys = Sys::over(&world());
    let (one, other) = (digits(&mut sys), digits(&mut sys));
    sys.fd_seek(one, 7, SET).unwrap();
    assert_eq!(sys.fd_tell(other), Ok(0));
}

#[test]
fn streams_do_not_seek_even_where_the_host_has_a_file() {
    let world = world();
    let mut sys = Sys::new(|builder| {
        builder.stdin_bytes("x");
        crate::world::stdout_to(builder, std::fs::File::create(world.path("out")).unwrap().into());
        builder.capture_stderr(9);
    });
    for fd in [0, 1, 2] {
        for (offset, whence) in [(0, SET), (0, CUR), (1, CUR), (0, END)] {
            assert_eq!(sys.fd_seek(fd, offset, whence), Err(SPIPE), "{fd} {offset} {whence}");
        }
        assert_eq!(sys.fd_tell(fd), Err(SPIPE), "{fd}");
    }
}

#[test]
fn directories_do_not_seek() {
    let mut sys = Sys::over(&world());
    let again = sys.path_open(DIR, ".", Open::directory()).unwrap();
    for fd in [DIR, again] {
        for whence in [SET, CUR, END] {
            assert!(matches!(sys.fd_seek(fd, 0, whence), Err(BADF | ISDIR | NOTCAPABLE)), "{fd} {whence}");
        }
        assert!(matches!(sys.fd_tell(fd), Err(BADF | ISDIR | NOTCAPABLE)), "{fd}");
    }
}

#[test]
fn results_go_where_the_pointer_says_or_the_place_stays() {
    let world = world();
    let mut sys = Sys::new(|builder| preopen(builder, &world, "/", DirGrant::all()));
    let fd = digits(&mut sys);
    sys.poison();
    for at in [MEMORY - 8, OUT + 7] {
        assert_eq!(call!(sys, fd_seek(fd, 5u64, SET, at)), Ok(()));
        assert_eq!(sys.u64_at(at), 5);
        assert_eq!(call!(sys, fd_tell(fd, at)), Ok(()));
        assert_eq!(sys.u64_at(at), 5);
    }
    for at in [MEMORY - 7, MEMORY, u32::MAX - 7, u32::MAX] {
        assert_eq!(call!(sys, fd_seek(fd, 1u64, SET, at)), Err(FAULT), "{at:#x}");
        assert_eq!(call!(sys, fd_seek(fd, 0u64, CUR, at)), Err(FAULT), "{at:#x}");
        assert_eq!(call!(sys, fd_tell(fd, at)), Err(FAULT), "{at:#x}");
    }
    sys.only_written(&[(MEMORY - 8, 8), (OUT + 7, 8)]);
    assert_eq!(sys.fd_tell(fd), Ok(5));
}
