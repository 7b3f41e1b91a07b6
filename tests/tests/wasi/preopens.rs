//! `fd_prestat_get`, `fd_prestat_dir_name`: how a program finds what it was granted.

use crate::abi::Errno::*;
use crate::calls::Open;
use crate::sys::{DATA, DIR, MEMORY, OUT, Sys, call};
use crate::world::{World, preopen};
use bailiwick_loader::wasi::DirGrant;

const LONG: &str = "/a/name/that/is/longer";

fn guest(world: &World) -> Sys {
    Sys::new(|builder| {
        preopen(builder, world, "/", DirGrant::all());
        preopen(builder, world, "grüße", DirGrant::read_only());
        preopen(builder, world, LONG, DirGrant::all());
        builder.stdin_bytes("");
        builder.capture_stdout(100);
    })
}

#[test]
fn granted_directories_are_found_in_the_order_granted_until_the_first_that_is_none() {
    // This is wasi-libc's loop at the start of a program.
    let mut sys = guest(&World::new());
    let mut names = Vec::new();
    for fd in 3.. {
        match sys.fd_prestat_get(fd) {
            Ok((kind, len)) => {
                assert_eq!(kind, 0, "a directory");
                let name = sys.fd_prestat_dir_name(fd).unwrap();
                assert_eq!(name.len() as u32, len, "bytes, without a NUL");
                names.push(name);
            }
            Err(errno) => {
                assert_eq!(errno, BADF);
                break;
            }
        }
    }
    assert_eq!(names, ["/", "grüße", LONG]);
}

#[test]
fn a_name_is_written_without_a_nul_and_without_filling_the_buffer() {
    let mut sys = guest(&World::new());
    for (fd, name) in [(3u32, "/"), (4, "grüße"), (5, LONG)] {
        for room in [name.len(), name.len() + 1, 1000] {
            sys.poison();
            assert_eq!(call!(sys, fd_prestat_dir_name(fd, DATA, room as u32)), Ok(()));
            assert_eq!(sys.get(DATA, name.len() as u32), name.as_bytes());
            sys.only_written(&[(DATA, name.len() as u32)]);
        }
        sys.poison();
        for room in 0..name.len() {
            assert_eq!(call!(sys, fd_prestat_dir_name(fd, DATA, room as u32)), Err(NAMETOOLONG), "{name} in {room}");
        }
        sys.only_written(&[]);
    }
}

#[test]
fn only_what_was_granted_is_a_preopen() {
    let world = World::with(&["file"]);
    world.dir("sub");
    let mut sys = guest(&world);
    let file = sys.path_open(DIR, "file", Open::file()).unwrap();
    let sub = sys.path_open(DIR, "sub", Open::directory()).unwrap();
    sys.poison();
    for fd in [0, 1, 2, file, sub, 99, u32::MAX] {
        assert_eq!(call!(sys, fd_prestat_get(fd, OUT)), Err(BADF), "{fd}");
        assert!(matches!(call!(sys, fd_prestat_dir_name(fd, DATA, 100u32)), Err(BADF | NOTDIR)), "{fd}");
    }
    sys.only_written(&[]);
}

#[test]
fn a_closed_preopen_is_gone_and_the_others_are_not() {
    let mut sys = guest(&World::new());
    sys.fd_close(4).unwrap();
    assert_eq!(sys.fd_prestat_get(4), Err(BADF));
    assert_eq!(sys.fd_prestat_dir_name(3).unwrap(), "/");
    assert_eq!(sys.fd_prestat_dir_name(5).unwrap(), LONG);
}

#[test]
fn what_lies_on_a_preopens_number_afterwards_is_none() {
    let world = World::new();
    world.dir("sub");
    let mut sys = guest(&world);
    let sub = sys.path_open(DIR, "sub", Open::directory()).unwrap();
    sys.fd_renumber(sub, 4).unwrap();
    assert_eq!(sys.fd_prestat_get(4), Err(BADF));
}

#[test]
fn results_go_where_the_pointer_says_or_nowhere() {
    let mut sys = guest(&World::new());
    sys.poison();
    for at in [MEMORY - 8, OUT + 1] {
        assert_eq!(call!(sys, fd_prestat_get(3u32, at)), Ok(()));
        assert_eq!((sys.get(at, 1)[0], sys.u32_at(at + 4)), (0, 1));
    }
    assert_eq!(call!(sys, fd_prestat_dir_name(3u32, MEMORY - 1, 1u32)), Ok(()));
    for at in [MEMORY - 7, u32::MAX] {
        assert_eq!(call!(sys, fd_prestat_get(3u32, at)), Err(FAULT));
    }
    for at in [MEMORY - 4, u32::MAX] {
        assert_eq!(call!(sys, fd_prestat_dir_name(5u32, at, LONG.len() as u32)), Err(FAULT));
    }
    sys.only_written(&[(MEMORY - 8, 8), (OUT + 1, 8)]);
}
