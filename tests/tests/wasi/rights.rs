//! Rights: `fd_fdstat_set_rights`, which only ever takes away, what each right is good for, and what is inherited.

use crate::abi::Errno::{self, *};
use crate::abi::{
    DIRECTORY_RIGHTS, FILE_RIGHTS, FOLLOW, Subscription, fdflag, fstflag, oflag, right, right::*, whence,
};
use crate::calls::Open;
use crate::sys::{DIR, Sys};
use crate::world::{World, preopen};
use bailiwick_loader::wasi::DirGrant;

/// A world with a file, a folder, links and a file to remove, for one call of each kind.
fn world() -> World {
    let world = World::with(&["file", "other"]);
    world.dir("sub");
    world.dir("empty");
    world.link("file", "link");
    world
}

#[test]
fn rights_can_be_given_up_one_by_one_and_never_come_back() {
    let mut sys = Sys::over(&world());
    for fd in [sys.path_open(DIR, "file", Open::file()).unwrap(), sys.path_open(DIR, "sub", Open::directory()).unwrap()]
    {
        let mut now = sys.fd_fdstat_get(fd).unwrap();
        for &bit in right::EACH {
            let (base, inheriting) = (now.base & !bit, now.inheriting & !bit);
            assert_eq!(sys.fd_fdstat_set_rights(fd, base, inheriting), Ok(()));
            let narrowed = sys.fd_fdstat_get(fd).unwrap();
            assert_eq!((narrowed.base, narrowed.inheriting), (base, inheriting));
            if now.base != base {
                assert_eq!(sys.fd_fdstat_set_rights(fd, now.base, inheriting), Err(NOTCAPABLE));
            }
            if now.inheriting != inheriting {
                assert_eq!(sys.fd_fdstat_set_rights(fd, base, now.inheriting), Err(NOTCAPABLE));
            }
            assert_eq!(sys.fd_fdstat_get(fd).unwrap(), narrowed, "a refusal changes nothing");
            now = narrowed;
        }
        assert_eq!((now.base, now.inheriting), (0, 0));
        assert_eq!(sys.fd_close(fd), Ok(()), "closing needs no right");
    }
}

#[test]
fn asking_for_the_same_rights_succeeds_and_for_more_fails() {
    let mut sys = Sys::over(&world());
    let fd = sys.path_open(DIR, "file", Open::file()).unwrap();
    for fd in [DIR, fd] {
        let stat = sys.fd_fdstat_get(fd).unwrap();
        assert_eq!(sys.fd_fdstat_set_rights(fd, stat.base, stat.inheriting), Ok(()));
        for extra in [SOCK_ACCEPT, 1 << 30, 1 << 63, u64::MAX] {
            assert_eq!(sys.fd_fdstat_set_rights(fd, stat.base | extra, stat.inheriting), Err(NOTCAPABLE), "{extra:#x}");
            assert_eq!(sys.fd_fdstat_set_rights(fd, stat.base, stat.inheriting | extra), Err(NOTCAPABLE), "{extra:#x}");
            // Not even what could be given up at the same time.
            assert_eq!(sys.fd_fdstat_set_rights(fd, extra, 0), Err(NOTCAPABLE), "{extra:#x}");
        }
        assert_eq!(sys.fd_fdstat_get(fd), Ok(stat));
    }
}

#[test]
fn rights_are_a_descriptors_own() {
    let mut sys = Sys::over(&world());
    let (one, other) =
        (sys.path_open(DIR, "file", Open::file()).unwrap(), sys.path_open(DIR, "file", Open::file()).unwrap());
    sys.fd_fdstat_set_rights(one, 0, 0).unwrap();
    assert_eq!(sys.fd_read(other, 9).unwrap(), b"file");
    let spare = sys.path_open(DIR, "other", Open::file()).unwrap();
    sys.fd_renumber(one, spare).unwrap();
    assert_eq!(sys.fd_fdstat_get(spare).unwrap().base, 0, "and go with it");
}

/// A call that needs rights of a descriptor.
type Call = fn(&mut Sys, u32) -> Result<(), Errno>;

/// What can be done with a file, and the rights that it needs, by the definition.
const OF_FILES: &[(&str, u64, Call)] = &[
    ("fd_advise", FD_ADVISE, |sys, fd| sys.fd_advise(fd, 0, 1, 0)),
    ("fd_allocate", FD_ALLOCATE, |sys, fd| sys.fd_allocate(fd, 0, 1)),
    ("fd_datasync", FD_DATASYNC, |sys, fd| sys.fd_datasync(fd)),
    ("fd_fdstat_set_flags", FD_FDSTAT_SET_FLAGS, |sys, fd| sys.fd_fdstat_set_flags(fd, fdflag::APPEND)),
    ("fd_filestat_get", FD_FILESTAT_GET, |sys, fd| sys.fd_filestat_get(fd).map(drop)),
    ("fd_filestat_set_size", FD_FILESTAT_SET_SIZE, |sys, fd| sys.fd_filestat_set_size(fd, 2)),
    ("fd_filestat_set_times", FD_FILESTAT_SET_TIMES, |sys, fd| sys.fd_filestat_set_times(fd, 1, 1, fstflag::MTIM)),
    ("fd_pread", FD_READ | FD_SEEK, |sys, fd| sys.fd_pread(fd, 1, 0).map(drop)),
    ("fd_pwrite", FD_WRITE | FD_SEEK, |sys, fd| sys.fd_pwrite(fd, "x", 0).map(drop)),
    ("fd_read", FD_READ, |sys, fd| sys.fd_read(fd, 1).map(drop)),
    ("fd_seek to a place", FD_SEEK, |sys, fd| sys.fd_seek(fd, 1, whence::SET).map(drop)),
    ("fd_seek by some bytes", FD_SEEK, |sys, fd| sys.fd_seek(fd, 1, whence::CUR).map(drop)),
    ("fd_seek by no bytes", FD_TELL, |sys, fd| sys.fd_seek(fd, 0, whence::CUR).map(drop)),
    ("fd_seek to the end", FD_SEEK, |sys, fd| sys.fd_seek(fd, 0, whence::END).map(drop)),
    ("fd_sync", FD_SYNC, |sys, fd| sys.fd_sync(fd)),
    ("fd_tell", FD_TELL, |sys, fd| sys.fd_tell(fd).map(drop)),
    ("fd_write", FD_WRITE, |sys, fd| sys.fd_write(fd, "x").map(drop)),
    ("poll_oneoff for reading", POLL_FD_READWRITE | FD_READ, |sys, fd| poll(sys, Subscription::read(0, fd))),
    ("poll_oneoff for writing", POLL_FD_READWRITE | FD_WRITE, |sys, fd| poll(sys, Subscription::write(0, fd))),
];

/// What can be done with a directory, and the rights that it needs, by the definition.
const OF_DIRECTORIES: &[(&str, u64, Call)] = &[
    ("fd_datasync", FD_DATASYNC, |sys, fd| sys.fd_datasync(fd)),
    ("fd_fdstat_set_flags", FD_FDSTAT_SET_FLAGS, |sys, fd| sys.fd_fdstat_set_flags(fd, 0)),
    ("fd_filestat_get", FD_FILESTAT_GET, |sys, fd| sys.fd_filestat_get(fd).map(drop)),
    ("fd_filestat_set_times", FD_FILESTAT_SET_TIMES, |sys, fd| sys.fd_filestat_set_times(fd, 1, 1, fstflag::MTIM)),
    ("fd_readdir", FD_READDIR, |sys, fd| sys.fd_readdir(fd, 100, 0).map(drop)),
    ("fd_sync", FD_SYNC, |sys, fd| sys.fd_sync(fd)),
    ("path_create_directory", PATH_CREATE_DIRECTORY, |sys, fd| sys.path_create_directory(fd, "new")),
    ("path_filestat_get", PATH_FILESTAT_GET, |sys, fd| sys.path_filestat_get(fd, FOLLOW, "file").map(drop)),
    ("path_filestat_set_times", PATH_FILESTAT_SET_TIMES, |sys, fd| {
        sys.path_filestat_set_times(fd, FOLLOW, "file", (1, 1), fstflag::MTIM)
    }),
    ("path_link from it", PATH_LINK_SOURCE, |sys, fd| sys.path_link(fd, "file", DIR, "new")),
    ("path_link to it", PATH_LINK_TARGET, |sys, fd| sys.path_link(DIR, "file", fd, "new")),
    ("path_link within it", PATH_LINK_SOURCE | PATH_LINK_TARGET, |sys, fd| sys.path_link(fd, "file", fd, "new")),
    ("path_open", PATH_OPEN, |sys, fd| open(sys, fd, "file", 0, 0)),
    ("path_open of a directory", PATH_OPEN, |sys, fd| open(sys, fd, "sub", oflag::DIRECTORY, 0)),
    ("path_open that creates", PATH_OPEN | PATH_CREATE_FILE, |sys, fd| open(sys, fd, "new", oflag::CREAT, 0)),
    ("path_open that truncates", PATH_OPEN | PATH_FILESTAT_SET_SIZE, |sys, fd| open(sys, fd, "file", oflag::TRUNC, 0)),
    ("path_open with DSYNC", PATH_OPEN | FD_DATASYNC, |sys, fd| open(sys, fd, "file", 0, fdflag::DSYNC)),
    ("path_open with RSYNC", PATH_OPEN | FD_SYNC, |sys, fd| open(sys, fd, "file", 0, fdflag::RSYNC)),
    ("path_readlink", PATH_READLINK, |sys, fd| sys.path_readlink(fd, "link", 9).map(drop)),
    ("path_remove_directory", PATH_REMOVE_DIRECTORY, |sys, fd| sys.path_remove_directory(fd, "empty")),
    ("path_rename from it", PATH_RENAME_SOURCE, |sys, fd| sys.path_rename(fd, "file", DIR, "new")),
    ("path_rename to it", PATH_RENAME_TARGET, |sys, fd| sys.path_rename(DIR, "file", fd, "new")),
    ("path_rename within it", PATH_RENAME_SOURCE | PATH_RENAME_TARGET, |sys, fd| {
        sys.path_rename(fd, "file", fd, "new")
    }),
    ("path_symlink", PATH_SYMLINK, |sys, fd| sys.path_symlink("file", fd, "new")),
    ("path_unlink_file", PATH_UNLINK_FILE, |sys, fd| sys.path_unlink_file(fd, "file")),
];

fn poll(sys: &mut Sys, subscription: Subscription) -> Result<(), Errno> {
    match sys.poll_oneoff(&[subscription])?[0].error {
        SUCCESS => Ok(()),
        errno => Err(errno),
    }
}

/// Opens without asking for any right.
fn open(sys: &mut Sys, fd: u32, path: &str, oflags: u32, fdflags: u32) -> Result<(), Errno> {
    sys.path_open(fd, path, Open::rights(0).oflags(oflags).fdflags(fdflags)).map(drop)
}

/// Makes the call with a descriptor that has exactly `base`, in a world of its own.
fn with_rights(path: &str, all: Open, base: u64, call: Call) -> Result<(), Errno> {
    let world = world();
    let mut sys = Sys::over(&world);
    let fd = sys.path_open(DIR, path, all).unwrap();
    let inheriting = sys.fd_fdstat_get(fd).unwrap().inheriting;
    sys.fd_fdstat_set_rights(fd, base, inheriting).unwrap();
    let before = world.snapshot();
    let answer = call(&mut sys, fd);
    if answer.is_err() {
        assert_eq!(world.snapshot(), before, "a refusal changes nothing");
    }
    answer
}

/// Each call succeeds with just its rights, and fails with all but any one of them.
fn check(calls: &[(&str, u64, Call)], path: &str, open: Open, all: u64) {
    for &(name, needed, call) in calls {
        assert_eq!(with_rights(path, open, needed, call), Ok(()), "{name} with just its rights");
        for (&bit, bit_name) in right::EACH.iter().zip(right::NAMES).filter(|&(&bit, _)| needed & bit != 0) {
            // The right to seek includes telling, that to sync opening with DSYNC.
            let implied = match bit {
                FD_TELL => FD_SEEK,
                FD_DATASYNC => FD_SYNC,
                _ => 0,
            };
            let answer = with_rights(path, open, all & !bit & !implied, call);
            let expected = if bit & (FD_READ | FD_WRITE) != 0 { BADF } else { NOTCAPABLE };
            assert_eq!(answer, Err(expected), "{name} without {bit_name}");
        }
    }
}

#[test]
fn each_call_on_a_file_needs_its_rights_and_no_others() {
    check(OF_FILES, "file", Open::file(), FILE_RIGHTS);
}

#[test]
fn each_call_on_a_directory_needs_its_rights_and_no_others() {
    check(OF_DIRECTORIES, ".", Open::directory(), DIRECTORY_RIGHTS);
}

#[test]
fn the_right_to_seek_includes_telling() {
    assert_eq!(with_rights("file", Open::file(), FD_SEEK, |sys, fd| sys.fd_tell(fd).map(drop)), Ok(()));
    assert_eq!(with_rights("file", Open::file(), FD_SEEK, |sys, fd| sys.fd_seek(fd, 0, whence::CUR).map(drop)), Ok(()));
}

#[test]
fn the_right_to_sync_includes_opening_with_dsync() {
    let rights = PATH_OPEN | FD_SYNC;
    assert_eq!(with_rights(".", Open::directory(), rights, |sys, fd| open(sys, fd, "file", 0, fdflag::DSYNC)), Ok(()));
}

#[test]
fn a_descriptor_without_rights_is_good_for_nothing() {
    for &(name, _, call) in OF_FILES {
        assert!(matches!(with_rights("file", Open::file(), 0, call), Err(NOTCAPABLE | BADF)), "{name}");
    }
    for &(name, _, call) in OF_DIRECTORIES {
        assert_eq!(with_rights(".", Open::directory(), 0, call), Err(NOTCAPABLE), "{name}");
    }
}

#[test]
fn an_opened_file_has_the_rights_asked_for_and_no_others() {
    let mut sys = Sys::over(&world());
    for rights in [0, FD_READ, FD_READ | FD_SEEK, FD_WRITE | FD_FILESTAT_GET, FD_READ | FD_WRITE, FILE_RIGHTS] {
        let fd = sys.path_open(DIR, "file", Open::rights(rights)).unwrap();
        let stat = sys.fd_fdstat_get(fd).unwrap();
        assert_eq!((stat.base, stat.inheriting), (rights, 0), "{rights:#x}");
    }
}

#[test]
fn rights_that_do_not_apply_to_the_file_are_left_out() {
    let mut sys = Sys::over(&world());
    let everything = FILE_RIGHTS | DIRECTORY_RIGHTS;
    let fd = sys.path_open(DIR, "file", Open::rights(everything)).unwrap();
    assert_eq!(sys.fd_fdstat_get(fd).unwrap().base, FILE_RIGHTS);
    let fd = sys.path_open(DIR, "sub", Open::rights(everything & !FD_WRITE)).unwrap();
    assert_eq!(sys.fd_fdstat_get(fd).unwrap().base, DIRECTORY_RIGHTS);
    // Rust's standard library asks for what it does not know whether it will need.
    let fd = sys.path_open(DIR, "file", Open { inheriting: u64::MAX, ..Open::rights(FD_READ) }).unwrap();
    assert_eq!(sys.fd_fdstat_get(fd).unwrap().inheriting, 0);
}

#[test]
fn nothing_is_opened_with_more_than_can_be_inherited() {
    let world = world();
    let mut sys = Sys::over(&world);
    let dir = sys.path_open(DIR, ".", Open::directory()).unwrap();
    let before = world.snapshot();
    sys.fd_fdstat_set_rights(dir, DIRECTORY_RIGHTS, FD_READ | FD_SEEK | PATH_OPEN).unwrap();
    for rights in [FD_WRITE, FD_READ | FD_WRITE, FD_READ | FD_FILESTAT_GET, FILE_RIGHTS] {
        let refused = sys.path_open(dir, "file", Open::rights(rights));
        assert_eq!(refused, Err(NOTCAPABLE), "{rights:#x}: fewer rights than asked for would be a lie");
        assert_eq!(sys.path_open(dir, "new", Open::rights(rights).oflags(oflag::CREAT)), Err(NOTCAPABLE));
        assert_eq!(sys.path_open(dir, "file", Open::rights(rights).oflags(oflag::TRUNC)), Err(NOTCAPABLE));
    }
    assert_eq!(world.snapshot(), before);
    let fd = sys.path_open(dir, "file", Open::rights(FD_READ | FD_SEEK | PATH_OPEN)).unwrap();
    assert_eq!(sys.fd_fdstat_get(fd).unwrap().base, FD_READ | FD_SEEK);
    assert_eq!(sys.fd_read(fd, 9).unwrap(), b"file");
}

#[test]
fn inheriting_only_narrows_from_directory_to_directory() {
    let world = world();
    world.dir("sub/sub");
    world.file("sub/sub/deep", "deep");
    let mut sys = Sys::over(&world);
    let inheriting = FD_READ | FD_WRITE | PATH_OPEN | FD_READDIR;
    let one = sys.path_open(DIR, "sub", Open { base: PATH_OPEN, inheriting, ..Open::directory() }).unwrap();
    assert_eq!(sys.fd_fdstat_get(one).unwrap().inheriting, inheriting);
    let narrower = FD_READ | PATH_OPEN;
    let two = sys.path_open(one, "sub", Open { base: PATH_OPEN, inheriting: narrower, ..Open::directory() }).unwrap();
    assert_eq!(sys.fd_fdstat_get(two).unwrap().inheriting, narrower);
    // A maximum that asks for more is cut down to what there is.
    let again = sys.path_open(two, ".", Open { base: PATH_OPEN, inheriting: u64::MAX, ..Open::directory() }).unwrap();
    assert_eq!(sys.fd_fdstat_get(again).unwrap().inheriting, narrower);
    assert_eq!(sys.path_open(again, "deep", Open::rights(FD_WRITE)), Err(NOTCAPABLE));
    assert!(sys.path_open(again, "deep", Open::rights(FD_READ)).is_ok());
}

#[test]
fn a_read_only_grant_shows_what_cannot_be_done() {
    let mut sys = Sys::read_only(&world());
    let changing = DIRECTORY_RIGHTS
        & (PATH_CREATE_DIRECTORY
            | PATH_CREATE_FILE
            | PATH_LINK_SOURCE
            | PATH_LINK_TARGET
            | PATH_RENAME_SOURCE
            | PATH_RENAME_TARGET
            | PATH_FILESTAT_SET_SIZE
            | PATH_FILESTAT_SET_TIMES
            | FD_FILESTAT_SET_TIMES
            | PATH_SYMLINK
            | PATH_REMOVE_DIRECTORY
            | PATH_UNLINK_FILE);
    assert_eq!(sys.fd_fdstat_get(DIR).unwrap().base, DIRECTORY_RIGHTS & !changing);
    let fd = sys.path_open(DIR, "file", Open::rights(FILE_RIGHTS & !FD_WRITE)).unwrap();
    let shown = sys.fd_fdstat_get(fd).unwrap().base;
    assert_eq!(shown, FILE_RIGHTS & !(FD_WRITE | FD_ALLOCATE | FD_FILESTAT_SET_SIZE | FD_FILESTAT_SET_TIMES));
}

#[test]
fn standard_streams_can_be_read_or_written_and_hardly_more() {
    let mut sys = Sys::new(|builder| {
        builder.stdin_bytes("x");
        builder.capture_stdout(9);
        builder.capture_stderr(9);
    });
    for (fd, transfer, other) in [(0, FD_READ, FD_WRITE), (1, FD_WRITE, FD_READ), (2, FD_WRITE, FD_READ)] {
        let stat = sys.fd_fdstat_get(fd).unwrap();
        assert_eq!(stat.base & (transfer | POLL_FD_READWRITE), transfer | POLL_FD_READWRITE, "{fd}");
        // By these wasi-libc's isatty knows that it is no terminal, and stdio that it does not seek.
        assert_eq!(stat.base & (other | FD_SEEK | FD_TELL), 0, "{fd}");
        assert_eq!(stat.base & (DIRECTORY_RIGHTS & !FILE_RIGHTS), 0, "{fd}");
        assert_eq!(sys.fd_fdstat_set_rights(fd, stat.base & !transfer, 0), Ok(()));
    }
    assert_eq!(sys.fd_read(0, 1), Err(BADF));
    assert_eq!(sys.fd_write(1, "x"), Err(BADF));
}

#[test]
fn two_preopens_of_one_folder_have_their_own_rights() {
    let world = world();
    let mut sys = Sys::new(|builder| {
        preopen(builder, &world, "/a", DirGrant::all());
        preopen(builder, &world, "/b", DirGrant::all());
    });
    sys.fd_fdstat_set_rights(3, 0, 0).unwrap();
    assert_eq!(sys.path_create_directory(3, "new"), Err(NOTCAPABLE));
    assert_eq!(sys.path_create_directory(4, "new"), Ok(()));
}
