//! Limits: bytes that a directory may grow by, descriptors that may be open, enforced by the call that would exceed them.

use crate::abi::Errno::*;
use crate::abi::{FILE_RIGHTS, fdflag, oflag, whence};
use crate::calls::Open;
use crate::sys::{DATA, DIR, Sys};
use crate::world::World;
use bailiwick_loader::wasi::{Dir, DirGrant, DirLimits, DirUsage};

/// What a new name costs.
const ENTRY: u64 = 4096;

fn limited(max_bytes: Option<u64>, max_open: Option<u32>) -> DirGrant {
    DirGrant { limits: DirLimits { max_bytes, max_open }, ..DirGrant::all() }
}

/// A guest with one directory that may grow by `max_bytes`, and what is granted.
fn guest(world: &World, max_bytes: u64) -> (Sys, Dir) {
    let dir = Dir::open(world.fd(), limited(Some(max_bytes), None)).unwrap();
    let sys = Sys::new(|builder| {
        builder.preopen(&dir, "/").unwrap();
    });
    (sys, dir)
}

fn world() -> World {
    let world = World::new();
    world.file("ten", "0123456789");
    world.file("empty", "");
    world
}

#[test]
fn the_last_byte_fits_and_the_next_does_not() {
    let world = world();
    let (mut sys, dir) = guest(&world, 100);
    let fd = sys.path_open(DIR, "empty", Open::file()).unwrap();
    assert_eq!(sys.fd_write(fd, [b'x'; 60]), Ok(60));
    assert_eq!(dir.usage().bytes, 60);
    assert_eq!(sys.fd_write(fd, [b'y'; 60]), Ok(40), "as much as fits, as on a disk that is nearly full");
    assert_eq!(sys.fd_write(fd, "z"), Err(DQUOT));
    assert_eq!(sys.fd_pwrite(fd, "z", 100), Err(DQUOT));
    assert_eq!(sys.fd_tell(fd), Ok(100));
    assert_eq!(world.text("empty"), format!("{}{}", "x".repeat(60), "y".repeat(40)));
    assert_eq!(dir.usage().bytes, 100);
    assert_eq!(sys.fd_write(fd, ""), Ok(0), "nothing always fits");
}

#[test]
fn what_is_there_may_be_overwritten() {
    let world = world();
    let (mut sys, dir) = guest(&world, 0);
    let fd = sys.path_open(DIR, "ten", Open::file()).unwrap();
    assert_eq!(sys.fd_write(fd, "9876543210"), Ok(10));
    assert_eq!(sys.fd_write(fd, "x"), Err(DQUOT));
    sys.fd_seek(fd, 8, whence::SET).unwrap();
    assert_eq!(sys.fd_write(fd, "abc"), Ok(2), "up to the end");
    assert_eq!((world.text("ten").as_str(), dir.usage().bytes), ("98765432ab", 0));
}

#[test]
fn holes_appending_and_vectors_are_counted() {
    let world = world();
    let (mut sys, _) = guest(&world, 100);
    let fd = sys.path_open(DIR, "ten", Open::file()).unwrap();
    assert_eq!(sys.fd_pwrite(fd, "x", 110), Err(DQUOT), "the hole before it would not fit");
    assert_eq!(sys.fd_pwrite(fd, "x", 1 << 40), Err(DQUOT));
    assert_eq!(world.stat("ten").len(), 10);
    assert_eq!(sys.fd_pwrite(fd, "xy", 50), Ok(2));
    assert_eq!(world.stat("ten").len(), 52);
    let appending = sys.path_open(DIR, "ten", Open::file().fdflags(fdflag::APPEND)).unwrap();
    assert_eq!(sys.fd_write(appending, [b'a'; 50]), Ok(50));
    sys.put(DATA, "0123456789");
    assert_eq!(sys.fd_writev(appending, &[(DATA, 5), (DATA, 0), (DATA + 5, 5)]), Ok(8), "cut in the second vector");
    assert_eq!(sys.fd_writev(appending, &[(DATA, 5)]), Err(DQUOT));
    assert_eq!(world.stat("ten").len(), 110);
    assert!(world.text("ten").ends_with("a01234567"));
}

#[test]
fn sizes_and_allocations_are_counted() {
    let world = world();
    let (mut sys, dir) = guest(&world, 100);
    let fd = sys.path_open(DIR, "ten", Open::file()).unwrap();
    assert_eq!(sys.fd_filestat_set_size(fd, 111), Err(DQUOT));
    assert_eq!(sys.fd_allocate(fd, 0, 111), Err(DQUOT));
    assert_eq!(sys.fd_allocate(fd, 111, 1), Err(DQUOT));
    assert_eq!(world.text("ten"), "0123456789");
    assert_eq!(sys.fd_filestat_set_size(fd, 60), Ok(()));
    assert_eq!(sys.fd_allocate(fd, 0, 110), Ok(()));
    assert_eq!(dir.usage().bytes, 100);
    assert_eq!(sys.fd_filestat_set_size(fd, 111), Err(DQUOT));
    // What is cut is to be had again, but no more than was charged.
    assert_eq!(sys.fd_filestat_set_size(fd, 0), Ok(()));
    assert_eq!(dir.usage().bytes, 0);
    assert_eq!(sys.fd_filestat_set_size(fd, 101), Err(DQUOT));
    assert_eq!(sys.fd_filestat_set_size(fd, 100), Ok(()));
}

#[test]
fn cutting_and_removing_what_others_wrote_earns_nothing() {
    let world = world();
    world.file("theirs", [b'x'; 1000]);
    world.file("theirs-too", [b'x'; 1000]);
    let (mut sys, dir) = guest(&world, 100);
    sys.path_open(DIR, "theirs", Open::rights(FILE_RIGHTS).oflags(oflag::TRUNC)).unwrap();
    sys.path_unlink_file(DIR, "theirs-too").unwrap();
    let fd = sys.path_open(DIR, "theirs", Open::file()).unwrap();
    assert_eq!(sys.fd_write(fd, [b'y'; 1000]), Ok(100));
    assert_eq!(sys.fd_write(fd, "y"), Err(DQUOT));
    assert_eq!(dir.usage().bytes, 100);
}

#[test]
fn truncating_and_removing_ones_own_is_credited() {
    let world = world();
    let (mut sys, dir) = guest(&world, 3 * ENTRY);
    let fd = sys.path_open(DIR, "new", Open::file()).unwrap();
    let made = dir.usage().bytes;
    assert!((ENTRY..2 * ENTRY).contains(&made), "{made}: a name, and what the directory grew by");
    sys.fd_write(fd, vec![b'x'; 2000]).unwrap();
    assert_eq!(dir.usage().bytes, made + 2000);
    sys.path_open(DIR, "new", Open::rights(FILE_RIGHTS).oflags(oflag::TRUNC)).unwrap();
    assert_eq!(dir.usage().bytes, made);
    sys.fd_pwrite(fd, vec![b'x'; 1000], 0).unwrap();
    // A file without a name takes up its room as long as somebody has it open.
    sys.path_unlink_file(DIR, "new").unwrap();
    assert!(dir.usage().bytes >= 1000);
    drop(sys);
    assert!(dir.usage().bytes < ENTRY, "{:?}", dir.usage());
}

#[test]
fn names_are_counted_whatever_they_are_of() {
    type Make = fn(&mut Sys, &str) -> Result<(), crate::abi::Errno>;
    let makers: [Make; 4] = [
        |sys, name| sys.path_open(DIR, name, Open::rights(0).oflags(oflag::CREAT)).map(drop),
        |sys, name| sys.path_create_directory(DIR, name),
        |sys, name| sys.path_symlink("x", DIR, name),
        |sys, name| sys.path_link(DIR, "ten", DIR, name),
    ];
    for (index, make) in makers.into_iter().enumerate() {
        let world = world();
        let (mut sys, _) = guest(&world, 5 * ENTRY + 100);
        let refused =
            (0..100).find_map(|number| make(&mut sys, &format!("new-{number}")).err().map(|errno| (number, errno)));
        let (made, errno) = refused.expect("a limit");
        assert_eq!(errno, DQUOT, "{index}");
        assert!((1..=5).contains(&made), "{index}: {made}");
        assert_eq!(world.names(".").len(), 2 + made, "{index}: the one that was refused is not there");
    }
}

#[test]
fn all_descriptors_of_a_grant_share_its_limit() {
    let world = world();
    let (mut sys, _) = guest(&world, 100);
    let fds = [(); 3].map(|()| sys.path_open(DIR, "empty", Open::file()).unwrap());
    let other = sys.path_open(DIR, "ten", Open::file()).unwrap();
    assert_eq!(sys.fd_write(fds[0], [b'x'; 40]), Ok(40));
    assert_eq!(sys.fd_write(fds[1], [b'y'; 40]), Ok(40), "the same place again grows nothing");
    assert_eq!(sys.fd_pwrite(other, [b'z'; 60], 10), Ok(60));
    assert_eq!(sys.fd_write(fds[2], [b'x'; 60]), Ok(40));
    assert_eq!(sys.fd_write(fds[2], "x"), Err(DQUOT));
}

#[test]
fn two_that_were_derived_do_not_spend_more_than_there_is() {
    let world = world();
    world.dir("a");
    world.dir("b");
    world.file("a/file", "");
    world.file("b/file", "");
    let root = Dir::open(world.fd(), limited(Some(100), None)).unwrap();
    let dirs = ["a", "b"].map(|name| root.derive(name, limited(Some(100), None)).unwrap());
    let mut guests = dirs.each_ref().map(|dir| {
        Sys::new(|builder| {
            builder.preopen(dir, "/").unwrap();
        })
    });
    let fds = guests.each_mut().map(|sys| sys.path_open(DIR, "file", Open::file()).unwrap());
    assert_eq!(guests[0].fd_write(fds[0], [b'x'; 70]), Ok(70));
    assert_eq!(guests[1].fd_write(fds[1], [b'x'; 70]), Ok(30));
    assert_eq!(guests[0].fd_write(fds[0], "x"), Err(DQUOT));
    assert_eq!((root.usage().bytes, dirs[0].usage().bytes, dirs[1].usage().bytes), (100, 70, 30));
    assert_eq!(guests[0].fd_filestat_set_size(fds[0], 20), Ok(()));
    assert_eq!(guests[1].fd_write(fds[1], [b'x'; 70]), Ok(50), "what one gives back the other may have");
}

#[test]
fn as_many_descriptors_as_the_grant_says() {
    let world = world();
    let dir = Dir::open(world.fd(), limited(None, Some(3))).unwrap();
    let mut sys = Sys::new(|builder| {
        builder.preopen(&dir, "/").unwrap();
    });
    assert_eq!(dir.usage(), DirUsage::default(), "what is granted is not counted");
    let file = sys.path_open(DIR, "ten", Open::file()).unwrap();
    let sub = sys.path_open(DIR, ".", Open::directory()).unwrap();
    sys.path_open(sub, "ten", Open::file()).unwrap();
    assert_eq!(dir.usage().open, 3);
    for open in [Open::file(), Open::directory(), Open::rights(0).oflags(oflag::CREAT)] {
        assert_eq!(sys.path_open(DIR, "new", open), Err(MFILE));
        assert_eq!(sys.path_open(sub, "new", open), Err(MFILE));
    }
    assert!(!world.exists("new"), "and nothing is made");
    sys.fd_close(file).unwrap();
    assert!(sys.path_open(DIR, "new", Open::file()).is_ok());
    assert_eq!(sys.path_open(DIR, "ten", Open::file()), Err(MFILE));
    sys.fd_renumber(sub, DIR).unwrap();
    assert_eq!(dir.usage().open, 3, "moved, not closed");
    drop(sys);
    assert_eq!(dir.usage().open, 0, "a guest that ends gives back all of them");
}

#[test]
fn as_many_descriptors_as_a_guest_may_have() {
    let world = world();
    for limit in [4, 10, 100] {
        let dir = Dir::open(world.fd(), DirGrant::all()).unwrap();
        let mut sys = Sys::new(|builder| {
            builder.preopen(&dir, "/").unwrap().max_descriptors(limit);
        });
        let mut opened = 0;
        let errno = loop {
            match sys.path_open(DIR, "ten", Open::file()) {
                Ok(fd) => assert!(fd < limit, "{fd}"),
                Err(errno) => break errno,
            }
            opened += 1;
        };
        // The standard streams have their places, and the directory.
        assert_eq!((errno, opened), (MFILE, limit - 4));
        assert_eq!(sys.path_open(DIR, "new", Open::file()), Err(MFILE));
        assert!(!world.exists("new"));
    }
}
