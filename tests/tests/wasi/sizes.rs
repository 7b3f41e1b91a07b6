//! `fd_filestat_get`, `fd_filestat_set_size`, `fd_allocate`, `fd_advise`, `fd_sync`, `fd_datasync`.

use crate::abi::Errno::*;
use crate::abi::{FILE_RIGHTS, FileStat, filetype, right, whence};
use crate::calls::Open;
use crate::sys::{DIR, MEMORY, OUT, Sys, call};
use crate::world::{World, preopen};
use bailiwick_loader::wasi::DirGrant;
use std::os::unix::fs::MetadataExt;

fn world() -> World {
    let world = World::new();
    world.file("digits", "0123456789");
    world.dir("sub");
    world
}

fn digits(sys: &mut Sys) -> u32 {
    sys.path_open(DIR, "digits", Open::file()).unwrap()
}

fn expected(stat: &std::fs::Metadata, filetype: u8) -> FileStat {
    let ns = |seconds: i64, nanos: i64| (seconds * 1_000_000_000 + nanos) as u64;
    FileStat {
        device: stat.dev(),
        inode: stat.ino(),
        filetype,
        links: stat.nlink(),
        size: stat.size(),
        atim: ns(stat.atime(), stat.atime_nsec()),
        mtim: ns(stat.mtime(), stat.mtime_nsec()),
        ctim: ns(stat.ctime(), stat.ctime_nsec()),
    }
}

#[test]
fn stat_is_what_the_file_system_says() {
    let world = world();
    std::fs::hard_link(world.path("digits"), world.path("second")).unwrap();
    let mut sys = Sys::over(&world);
    let fd = digits(&mut sys);
    assert_eq!(sys.fd_filestat_get(fd).unwrap(), expected(&world.stat("digits"), filetype::REGULAR_FILE));
    assert_eq!(sys.fd_filestat_get(fd).unwrap().links, 2);
    assert_eq!(sys.fd_filestat_get(DIR).unwrap(), expected(&world.stat("."), filetype::DIRECTORY));
    let sub = sys.path_open(DIR, "sub", Open::directory()).unwrap();
    assert_eq!(sys.fd_filestat_get(sub).unwrap(), expected(&world.stat("sub"), filetype::DIRECTORY));
    sys.fd_write(fd, "0123456789abc").unwrap();
    assert_eq!(sys.fd_filestat_get(fd).unwrap().size, 13);
    sys.path_unlink_file(DIR, "digits").unwrap();
    assert_eq!(sys.fd_filestat_get(fd).unwrap().links, 1);
}

#[test]
fn of_a_stream_nearly_nothing_is_known() {
    let mut sys = Sys::new(|builder| {
        builder.stdin_bytes("abc");
        builder.capture_stdout(9);
    });
    for fd in [0, 1] {
        let stat = sys.fd_filestat_get(fd).unwrap();
        assert_eq!((stat.filetype, stat.size, stat.device, stat.inode), (filetype::UNKNOWN, 0, 0, 0), "{fd}");
    }
}

#[test]
fn stat_writes_64_bytes_or_none() {
    let mut sys = Sys::over(&world());
    sys.poison();
    for at in [MEMORY - 64, OUT + 3] {
        assert_eq!(call!(sys, fd_filestat_get(DIR, at)), Ok(()));
    }
    for at in [MEMORY - 63, MEMORY, u32::MAX - 63, u32::MAX] {
        assert_eq!(call!(sys, fd_filestat_get(DIR, at)), Err(FAULT), "{at:#x}");
    }
    sys.only_written(&[(MEMORY - 64, 64), (OUT + 3, 64)]);
}

#[test]
fn a_file_is_cut_or_extended_with_zeros() {
    let world = world();
    let mut sys = Sys::over(&world);
    let fd = digits(&mut sys);
    sys.fd_seek(fd, 7, whence::SET).unwrap();
    assert_eq!(sys.fd_filestat_set_size(fd, 3), Ok(()));
    assert_eq!(world.read("digits"), b"012");
    assert_eq!(sys.fd_filestat_set_size(fd, 5), Ok(()));
    assert_eq!(world.read("digits"), b"012\0\0");
    assert_eq!(sys.fd_tell(fd), Ok(7), "the descriptor's offset stays");
    assert_eq!(sys.fd_filestat_set_size(fd, 0), Ok(()));
    assert_eq!(world.read("digits"), b"");
    assert_eq!(sys.fd_filestat_set_size(fd, 1 << 32), Ok(()), "a hole needs no room");
    assert_eq!(world.stat("digits").len(), 1 << 32);
}

#[test]
fn a_size_that_no_file_can_have_is_refused() {
    let world = world();
    let mut sys = Sys::over(&world);
    let fd = digits(&mut sys);
    for size in [1 << 63, u64::MAX] {
        assert!(matches!(sys.fd_filestat_set_size(fd, size), Err(INVAL | FBIG)), "{size:#x}");
        assert!(matches!(sys.fd_allocate(fd, 0, size), Err(INVAL | FBIG)), "{size:#x}");
        assert!(matches!(sys.fd_allocate(fd, size, 1), Err(INVAL | FBIG)), "{size:#x}");
    }
    // This one is a size, but there is no such room.
    assert!(matches!(sys.fd_allocate(fd, 0, i64::MAX as u64), Err(FBIG | NOSPC)));
    assert!(matches!(sys.fd_allocate(fd, i64::MAX as u64, i64::MAX as u64), Err(INVAL | FBIG)));
    assert_eq!(world.text("digits"), "0123456789");
}

#[test]
fn allocating_extends_and_never_cuts_or_overwrites() {
    let world = world();
    let mut sys = Sys::over(&world);
    let fd = digits(&mut sys);
    sys.fd_seek(fd, 7, whence::SET).unwrap();
    assert_eq!(sys.fd_allocate(fd, 0, 5), Ok(()));
    assert_eq!(world.text("digits"), "0123456789");
    assert_eq!(sys.fd_allocate(fd, 8, 8), Ok(()));
    assert_eq!(world.read("digits"), b"0123456789\0\0\0\0\0\0");
    assert_eq!(sys.fd_allocate(fd, 100_000, 1), Ok(()));
    assert_eq!(world.stat("digits").len(), 100_001);
    assert_eq!(sys.fd_tell(fd), Ok(7));
    assert_eq!(sys.fd_allocate(fd, 0, 0), Err(INVAL), "no bytes are none to allocate, as POSIX has it");
}

#[test]
fn a_read_only_descriptor_and_a_read_only_grant_keep_the_size() {
    let world = world();
    let before = world.snapshot();
    for (mut sys, rights) in
        [(Sys::over(&world), right::FD_READ), (Sys::read_only(&world), FILE_RIGHTS & !right::FD_WRITE)]
    {
        let fd = sys.path_open(DIR, "digits", Open::rights(rights)).unwrap();
        assert!(matches!(sys.fd_filestat_set_size(fd, 1), Err(NOTCAPABLE | PERM | BADF | INVAL)));
        assert!(matches!(sys.fd_allocate(fd, 0, 100), Err(NOTCAPABLE | PERM | BADF | INVAL)));
        assert_eq!(world.snapshot(), before);
    }
    // Asked for by name, these rights do not make a descriptor that was not opened for writing writable.
    let mut sys = Sys::over(&world);
    let fd = sys.path_open(DIR, "digits", Open::rights(FILE_RIGHTS & !right::FD_WRITE)).unwrap();
    assert!(sys.fd_filestat_set_size(fd, 1).is_err() && sys.fd_allocate(fd, 0, 100).is_err());
    assert_eq!(world.snapshot(), before);
}

#[test]
fn advice_is_taken_and_changes_nothing() {
    let world = world();
    let mut sys = Sys::over(&world);
    let fd = digits(&mut sys);
    let before = world.snapshot();
    for advice in 0..6 {
        for (offset, len) in
            [(0, 0), (0, 10), (5, 0), (5, 100), (1 << 40, 1), (0, i64::MAX as u64), (i64::MAX as u64, 0)]
        {
            assert_eq!(sys.fd_advise(fd, offset, len, advice), Ok(()), "{offset} {len} {advice}");
        }
    }
    assert_eq!(world.snapshot(), before);
}

#[test]
fn unknown_advice_and_ranges_of_no_file_are_invalid() {
    let mut sys = Sys::over(&world());
    let fd = digits(&mut sys);
    for advice in [6, 7, 255, 256, u32::MAX] {
        assert_eq!(sys.fd_advise(fd, 0, 1, advice), Err(INVAL), "{advice}");
    }
    for (offset, len) in [(1 << 63, 1), (0, 1 << 63), (u64::MAX, u64::MAX)] {
        assert_eq!(sys.fd_advise(fd, offset, len, 0), Err(INVAL), "{offset:#x} {len:#x}");
    }
}

#[test]
fn syncing_succeeds_for_files_and_directories_however_they_are_open() {
    let world = world();
    for (mut sys, open) in [
        (Sys::over(&world), Open::file()),
        (Sys::over(&world), Open::rights(FILE_RIGHTS & !right::FD_WRITE)),
        (Sys::read_only(&world), Open::rights(FILE_RIGHTS & !right::FD_WRITE)),
    ] {
        let fd = sys.path_open(DIR, "digits", open).unwrap();
        let sub = sys.path_open(DIR, "sub", Open::directory()).unwrap();
        for fd in [fd, sub, DIR] {
            assert_eq!(sys.fd_sync(fd), Ok(()));
            assert_eq!(sys.fd_datasync(fd), Ok(()));
        }
    }
}

#[test]
fn only_files_have_a_size_to_set() {
    let world = world();
    let mut sys = Sys::new(|builder| {
        preopen(builder, &world, "/", DirGrant::all());
        builder.stdin_bytes("x");
        builder.capture_stdout(9);
    });
    let sub = sys.path_open(DIR, "sub", Open::directory()).unwrap();
    for dir in [DIR, sub] {
        assert!(matches!(sys.fd_filestat_set_size(dir, 0), Err(ISDIR | INVAL | BADF | NOTCAPABLE)));
        assert!(matches!(sys.fd_allocate(dir, 0, 1), Err(ISDIR | BADF | NOTCAPABLE)));
        assert!(matches!(sys.fd_advise(dir, 0, 1, 0), Err(ISDIR | BADF | NOTCAPABLE)));
    }
    for stream in [0, 1] {
        assert!(matches!(sys.fd_filestat_set_size(stream, 0), Err(INVAL | BADF | NOTCAPABLE)));
        assert!(matches!(sys.fd_allocate(stream, 0, 1), Err(SPIPE | INVAL | BADF | NOTCAPABLE)));
        assert!(matches!(sys.fd_advise(stream, 0, 1, 0), Err(SPIPE | BADF | NOTCAPABLE)));
        assert!(matches!(sys.fd_sync(stream), Err(INVAL | NOTSUP | NOTCAPABLE)));
        assert!(matches!(sys.fd_datasync(stream), Err(INVAL | NOTSUP | NOTCAPABLE)));
    }
}
