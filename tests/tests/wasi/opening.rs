//! `path_open`.

use crate::abi::Errno::*;
use crate::abi::oflag::{CREAT, DIRECTORY, EXCL, TRUNC};
use crate::abi::right::{FD_READ, FD_WRITE};
use crate::abi::{FILE_RIGHTS, FOLLOW, fdflag, filetype};
use crate::calls::Open;
use crate::sys::{DIR, MEMORY, OUT, PATH, Sys, call};
use crate::world::World;
use std::os::unix::fs::PermissionsExt;

fn world() -> World {
    let world = World::with(&["file", "other"]);
    world.dir("sub");
    world.file("sub/deep", "deep");
    world.link("file", "link");
    world.link("sub", "way");
    world.link("gone", "dangling");
    world.link("loop", "loop");
    world
}

fn read(sys: &mut Sys, path: &str) -> Result<String, crate::abi::Errno> {
    let fd = sys.path_open(DIR, path, Open::rights(FD_READ))?;
    Ok(String::from_utf8(sys.fd_read(fd, 100)?).unwrap())
}

#[test]
fn an_existing_file_is_opened_as_it_is() {
    let world = world();
    let mut sys = Sys::over(&world);
    let before = world.snapshot();
    for oflags in [0, CREAT] {
        for rights in [0, FD_READ, FD_WRITE, FILE_RIGHTS] {
            let fd = sys.path_open(DIR, "file", Open::rights(rights).oflags(oflags)).unwrap();
            assert!(fd > 2 && fd < 1 << 31, "{fd}: not a standard stream's number, and less than 2^31");
            assert_eq!(sys.fd_close(fd), Ok(()));
        }
    }
    assert_eq!(world.snapshot(), before);
    assert_eq!(read(&mut sys, "sub/deep").unwrap(), "deep");
    let file = sys.path_open(DIR, "file", Open::file()).unwrap();
    assert_eq!(sys.fd_tell(file), Ok(0), "at its beginning");
}

#[test]
fn each_opening_has_a_number_of_its_own() {
    let mut sys = Sys::over(&world());
    let mut fds: Vec<u32> = (0..100).map(|_| sys.path_open(DIR, "file", Open::file()).unwrap()).collect();
    fds.sort_unstable();
    fds.dedup();
    assert_eq!(fds.len(), 100);
}

#[test]
fn a_missing_file_is_made_if_asked() {
    let world = world();
    let mut sys = Sys::over(&world);
    assert_eq!(sys.path_open(DIR, "new", Open::rights(FILE_RIGHTS)), Err(NOENT));
    assert!(!world.exists("new"));
    let fd = sys.path_open(DIR, "new", Open::rights(FILE_RIGHTS).oflags(CREAT)).unwrap();
    sys.fd_write(fd, "contents").unwrap();
    assert_eq!(world.text("new"), "contents");
    assert_eq!(world.stat("new").permissions().mode() & 0o111, 0, "not to be executed");
    sys.path_open(DIR, "sub/new", Open::rights(0).oflags(CREAT)).unwrap();
    assert_eq!(world.text("sub/new"), "");
    assert_eq!(sys.path_open(DIR, "gone/new", Open::rights(0).oflags(CREAT)), Err(NOENT));
    assert_eq!(sys.path_open(DIR, "file/new", Open::rights(0).oflags(CREAT)), Err(NOTDIR));
}

#[test]
fn exclusive_means_new() {
    let world = world();
    let mut sys = Sys::over(&world);
    let exclusive = Open::rights(FILE_RIGHTS).oflags(CREAT | EXCL);
    let before = world.snapshot();
    for path in ["file", "sub", "link", "dangling", "loop", "way", "."] {
        for lookup in [0, FOLLOW] {
            assert_eq!(sys.path_open(DIR, path, exclusive.lookup(lookup)), Err(EXIST), "{path} {lookup}");
        }
    }
    assert_eq!(world.snapshot(), before);
    assert!(sys.path_open(DIR, "new", exclusive).is_ok());
    assert_eq!(sys.path_open(DIR, "new", exclusive), Err(EXIST));
}

#[test]
fn truncating_empties_a_file() {
    let world = world();
    let mut sys = Sys::over(&world);
    for rights in [FD_WRITE, FILE_RIGHTS, FD_READ, 0] {
        world.file("file", "contents");
        assert!(sys.path_open(DIR, "file", Open::rights(rights).oflags(TRUNC)).is_ok(), "{rights:#x}");
        assert_eq!(world.text("file"), "");
    }
    assert_eq!(sys.path_open(DIR, "gone", Open::rights(FD_WRITE).oflags(TRUNC)), Err(NOENT));
    assert_eq!(sys.path_open(DIR, "sub", Open::rights(0).oflags(TRUNC)), Err(ISDIR));
    world.file("file", "contents");
    sys.path_open(DIR, "link", Open::rights(FD_WRITE).oflags(TRUNC | CREAT)).unwrap();
    assert_eq!(world.text("file"), "");
}

#[test]
fn directories_are_opened_but_not_for_writing() {
    let mut sys = Sys::over(&world());
    for (path, oflags) in
        [("sub", 0), ("sub", DIRECTORY), ("sub/", 0), ("sub///", DIRECTORY), (".", 0), ("./.", DIRECTORY)]
    {
        let fd = sys.path_open(DIR, path, Open::rights(FD_READ).oflags(oflags)).unwrap();
        assert_eq!(sys.fd_fdstat_get(fd).unwrap().filetype, filetype::DIRECTORY, "{path}");
        assert_eq!(sys.path_open(DIR, path, Open::rights(FD_WRITE).oflags(oflags)), Err(ISDIR), "{path}");
        assert_eq!(sys.path_open(DIR, path, Open::rights(FD_READ | FD_WRITE).oflags(oflags)), Err(ISDIR), "{path}");
    }
    for path in ["file", "file/", "link"] {
        assert_eq!(sys.path_open(DIR, path, Open::rights(FD_READ).oflags(DIRECTORY)), Err(NOTDIR), "{path}");
    }
    assert_eq!(sys.path_open(DIR, "gone", Open::rights(0).oflags(DIRECTORY)), Err(NOENT));
}

#[test]
fn a_directory_is_not_made_by_opening() {
    let world = world();
    let mut sys = Sys::over(&world);
    let before = world.snapshot();
    assert_eq!(sys.path_open(DIR, "new", Open::rights(0).oflags(CREAT | DIRECTORY)), Err(INVAL));
    assert!(matches!(sys.path_open(DIR, "new/", Open::rights(FD_WRITE).oflags(CREAT)), Err(ISDIR | NOENT | NOTDIR)));
    assert_eq!(world.snapshot(), before);
}

#[test]
fn links_on_the_way_are_followed_and_the_last_if_asked() {
    let world = world();
    let mut sys = Sys::over(&world);
    assert_eq!(read(&mut sys, "link").unwrap(), "file");
    assert_eq!(read(&mut sys, "way/deep").unwrap(), "deep");
    let nofollow = Open::rights(FD_READ).lookup(0);
    assert!(sys.path_open(DIR, "way/deep", nofollow).is_ok());
    for path in ["link", "way", "dangling", "loop"] {
        assert_eq!(sys.path_open(DIR, path, nofollow), Err(LOOP), "{path}");
        assert!(matches!(sys.path_open(DIR, path, nofollow.oflags(DIRECTORY)), Err(LOOP | NOTDIR)), "{path}");
        assert!(matches!(sys.path_open(DIR, path, nofollow.oflags(CREAT)), Err(LOOP | EXIST)), "{path}");
    }
    // A slash behind it makes it a way.
    assert!(sys.path_open(DIR, "way/", nofollow).is_ok());
    assert_eq!(sys.path_open(DIR, "link/", nofollow), Err(NOTDIR));
    assert_eq!(sys.path_open(DIR, "loop", Open::rights(0)), Err(LOOP));
    assert_eq!(sys.path_open(DIR, "loop/x", Open::rights(0)), Err(LOOP));
    assert_eq!(sys.path_open(DIR, "dangling", Open::rights(0)), Err(NOENT));
    assert!(!world.exists("gone"));
    sys.path_open(DIR, "dangling", Open::file()).unwrap();
    assert!(world.exists("gone"), "made where the link leads");
}

#[test]
fn chains_of_links_are_followed_as_far_as_linux_goes() {
    let world = world();
    world.link("file", "link0");
    (1..=40).for_each(|index| world.link(&format!("link{}", index - 1), &format!("link{index}")));
    let mut sys = Sys::over(&world);
    assert_eq!(read(&mut sys, "link39").unwrap(), "file");
    assert_eq!(read(&mut sys, "link40"), Err(LOOP));
}

#[test]
fn dots_are_taken_as_they_stand() {
    let mut sys = Sys::over(&world());
    for path in ["./file", "sub/../file", "sub/.././sub/..//file", "way/../file", "sub/./../file"] {
        assert_eq!(read(&mut sys, path).unwrap(), "file", "{path}");
    }
    assert_eq!(read(&mut sys, "gone/../file"), Err(NOENT), "what is on the way must be there");
    assert_eq!(read(&mut sys, "file/../file"), Err(NOTDIR));
    assert_eq!(read(&mut sys, "sub/.."), Err(ISDIR));
}

#[test]
fn flags_without_a_name_are_invalid() {
    let world = world();
    let mut sys = Sys::over(&world);
    let before = world.snapshot();
    let open = Open::rights(FD_READ).oflags(CREAT);
    for oflags in [0x10, 0x11, 0x8001, 0x1_0001, u32::MAX] {
        assert_eq!(sys.path_open(DIR, "new", open.oflags(oflags)), Err(INVAL), "oflags {oflags:#x}");
    }
    for fdflags in [0x20, 0x21, 0x8000, 0x1_0000, u32::MAX] {
        assert_eq!(sys.path_open(DIR, "new", open.fdflags(fdflags)), Err(INVAL), "fdflags {fdflags:#x}");
    }
    for lookup in [2, 3, 1 << 31, u32::MAX] {
        assert_eq!(sys.path_open(DIR, "new", open.lookup(lookup)), Err(INVAL), "lookup {lookup:#x}");
    }
    assert_eq!(world.snapshot(), before);
}

#[test]
fn opened_directories_are_opened_through() {
    let world = world();
    let mut sys = Sys::over(&world);
    let sub = sys.path_open(DIR, "sub", Open::directory()).unwrap();
    let deep = sys.path_open(sub, "deep", Open::file()).unwrap();
    assert_eq!(sys.fd_read(deep, 9).unwrap(), b"deep");
    assert_eq!(sys.path_open(sub, "../file", Open::file()), Err(NOTCAPABLE), "what it was opened through is outside");
    assert_eq!(sys.path_open(deep, "x", Open::file()), Err(NOTDIR));
    std::fs::rename(world.path("sub"), world.path("moved")).unwrap();
    assert!(sys.path_open(sub, "deep", Open::file()).is_ok(), "wherever it is now");
    std::fs::remove_dir_all(world.path("moved")).unwrap();
    assert_eq!(sys.path_open(sub, "new", Open::file()), Err(NOENT), "no longer anywhere");
}

#[test]
fn what_is_neither_file_nor_directory_is_refused_without_waiting() {
    let world = world();
    let path = std::ffi::CString::new(world.path("fifo").to_str().unwrap()).unwrap();
    // SAFETY: a C string that lives through the call.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    let _socket = std::os::unix::net::UnixListener::bind(world.path("socket")).unwrap();
    world.link("fifo", "to-fifo");
    let mut sys = Sys::over(&world);
    for path in ["fifo", "socket", "to-fifo"] {
        for rights in [0, FD_READ, FD_WRITE, FILE_RIGHTS] {
            for oflags in [0, CREAT, TRUNC] {
                let refused = sys.path_open(DIR, path, Open::rights(rights).oflags(oflags));
                assert_eq!(refused, Err(NOTCAPABLE), "{path} {rights:#x} {oflags}");
            }
        }
    }
}

#[test]
fn the_hosts_permissions_are_the_hosts() {
    let world = world();
    std::fs::set_permissions(world.path("file"), PermissionsExt::from_mode(0o0)).unwrap();
    // SAFETY: asks only.
    if unsafe { libc::geteuid() } == 0 {
        println!("not checked: nothing is forbidden to root");
        return;
    }
    let mut sys = Sys::over(&world);
    assert_eq!(sys.path_open(DIR, "file", Open::rights(FD_READ)), Err(ACCES));
    assert_eq!(sys.path_open(DIR, "file", Open::rights(FD_WRITE)), Err(ACCES));
}

#[test]
fn the_number_goes_where_the_pointer_says_or_nothing_is_opened() {
    let world = world();
    let mut sys = Sys::over(&world);
    let before = world.snapshot();
    let (path, len) = sys.put(PATH, "new");
    for at in [MEMORY - 3, MEMORY, u32::MAX - 3, u32::MAX] {
        let answer = call!(sys, path_open(DIR, FOLLOW, path, len, CREAT, FD_WRITE, 0u64, 0, at));
        assert_eq!(answer, Err(FAULT), "{at:#x}");
    }
    let next = sys.path_open(DIR, "file", Open::file()).unwrap();
    assert_eq!(next, DIR + 1, "no number is lost");
    assert_eq!(world.snapshot(), before);
    sys.poison();
    let (path, len) = sys.put(MEMORY - 7, "new");
    assert_eq!(call!(sys, path_open(DIR, FOLLOW, path, len, CREAT, FD_WRITE, 0u64, 0, MEMORY - 4)), Ok(()));
    assert!(sys.u32_at(MEMORY - 4) > DIR);
    let (path, len) = sys.put(PATH, "file");
    assert_eq!(call!(sys, path_open(DIR, FOLLOW, path, len, 0, FD_READ, 0u64, 0, OUT + 1)), Ok(()));
    sys.only_written(&[(MEMORY - 7, 7), (PATH, 4), (OUT + 1, 4)]);
}

#[test]
fn a_full_table_says_so_and_nothing_is_made() {
    let world = world();
    let mut sys = Sys::over(&world);
    let mut fds = Vec::new();
    let full = loop {
        match sys.path_open(DIR, "file", Open::rights(FD_READ)) {
            Ok(fd) => fds.push(fd),
            Err(errno) => break errno,
        }
        assert!(fds.len() < 1 << 16, "a table is limited");
    };
    assert!(matches!(full, MFILE | NFILE), "{full:?}");
    assert_eq!(sys.path_open(DIR, "new", Open::file()), Err(full));
    assert!(!world.exists("new"));
    sys.fd_close(fds[fds.len() / 2]).unwrap();
    assert!(sys.path_open(DIR, "new", Open::file()).is_ok());
}

#[test]
fn appending_and_the_like_are_told_by_the_descriptor() {
    let mut sys = Sys::over(&world());
    let open = Open::rights(FILE_RIGHTS).fdflags(fdflag::APPEND | fdflag::NONBLOCK);
    let fd = sys.path_open(DIR, "file", open).unwrap();
    assert_eq!(sys.fd_fdstat_get(fd).unwrap().flags, fdflag::APPEND | fdflag::NONBLOCK);
    // Directories have nothing to append to, and opening one is not refused for that.
    assert!(sys.path_open(DIR, "sub", Open { fdflags: fdflag::NONBLOCK, ..Open::directory() }).is_ok());
}
