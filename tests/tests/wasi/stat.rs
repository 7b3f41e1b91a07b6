//! `path_filestat_get`.

use crate::abi::Errno::*;
use crate::abi::{FOLLOW, filetype};
use crate::calls::Open;
use crate::sys::{DIR, MEMORY, OUT, PATH, Sys, call};
use crate::world::World;
use std::os::unix::fs::MetadataExt;

fn world() -> World {
    let world = World::with(&["file"]);
    world.dir("sub");
    world.file("sub/deep", "deeper");
    world
}

#[test]
fn a_path_is_what_it_leads_to() {
    let world = world();
    let mut sys = Sys::over(&world);
    for grant in [false, true] {
        if grant {
            sys = Sys::read_only(&world);
        }
        for (path, kind) in [
            ("file", filetype::REGULAR_FILE),
            ("./sub/../file", filetype::REGULAR_FILE),
            ("sub", filetype::DIRECTORY),
            ("sub/", filetype::DIRECTORY),
            (".", filetype::DIRECTORY),
            ("sub/..", filetype::DIRECTORY),
            ("sub/deep", filetype::REGULAR_FILE),
        ] {
            let (stat, host) = (sys.path_filestat_get(DIR, 0, path).unwrap(), world.stat(path));
            assert_eq!(stat.filetype, kind, "{path}");
            assert_eq!((stat.device, stat.inode, stat.size), (host.dev(), host.ino(), host.len()), "{path}");
            assert_eq!(stat.links, host.nlink());
            assert_eq!((stat.atim, stat.mtim), world.times(path));
            assert!(stat.ctim > 1_600_000_000_000_000_000, "{}", stat.ctim);
        }
    }
}

#[test]
fn a_path_and_a_descriptor_are_told_alike() {
    let world = world();
    let mut sys = Sys::over(&world);
    let fd = sys.path_open(DIR, "file", Open::file()).unwrap();
    assert_eq!(sys.fd_filestat_get(fd), sys.path_filestat_get(DIR, 0, "file"));
    let sub = sys.path_open(DIR, "sub", Open::directory()).unwrap();
    assert_eq!(sys.fd_filestat_get(sub), sys.path_filestat_get(DIR, 0, "sub"));
    assert_eq!(sys.path_filestat_get(sub, 0, "deep"), sys.path_filestat_get(DIR, 0, "sub/deep"));
}

#[test]
fn things_that_cannot_be_opened_can_be_looked_at() {
    let world = world();
    let _socket = std::os::unix::net::UnixListener::bind(world.path("socket")).unwrap();
    let path = std::ffi::CString::new(world.path("fifo").to_str().unwrap()).unwrap();
    // SAFETY: a C string that lives through the call.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    let mut sys = Sys::over(&world);
    let kind = |sys: &mut Sys, path: &str| sys.path_filestat_get(DIR, FOLLOW, path).unwrap().filetype;
    assert!([filetype::SOCKET_STREAM, filetype::SOCKET_DGRAM].contains(&kind(&mut sys, "socket")));
    assert_eq!(kind(&mut sys, "fifo"), filetype::UNKNOWN, "there is no type for it");
}

#[test]
fn what_is_not_there_is_not_told() {
    let mut sys = Sys::over(&world());
    for (path, errno) in [("gone", NOENT), ("gone/", NOENT), ("sub/gone", NOENT), ("file/", NOTDIR), ("file/.", NOTDIR)]
    {
        assert_eq!(sys.path_filestat_get(DIR, 0, path), Err(errno), "{path}");
        assert_eq!(sys.path_filestat_get(DIR, FOLLOW, path), Err(errno), "{path}");
    }
}

#[test]
fn lookup_flags_without_a_name_are_invalid() {
    let mut sys = Sys::over(&world());
    for lookup in [2, 3, 1 << 31, u32::MAX] {
        assert_eq!(sys.path_filestat_get(DIR, lookup, "file"), Err(INVAL), "{lookup:#x}");
    }
}

#[test]
fn stat_writes_64_bytes_or_none() {
    let mut sys = Sys::over(&world());
    sys.poison();
    let (path, len) = sys.put(PATH, "file");
    for at in [MEMORY - 64, OUT + 1] {
        assert_eq!(call!(sys, path_filestat_get(DIR, 0, path, len, at)), Ok(()));
    }
    for at in [MEMORY - 63, MEMORY, u32::MAX - 63, u32::MAX] {
        assert_eq!(call!(sys, path_filestat_get(DIR, 0, path, len, at)), Err(FAULT), "{at:#x}");
    }
    sys.only_written(&[(MEMORY - 64, 64), (OUT + 1, 64), (PATH, 4)]);
}
