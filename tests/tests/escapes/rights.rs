//! Each right alone allows its effect and nothing else; and so does every set of rights.

use super::grants::{only, puppet};
use super::puppet::{
    ALL, APPEND, Answer, CREAT, DIR, DIRECTORY, EXCL, FOLLOW, NEITHER, Puppet, READ, TRUNC, WRITE, call,
};
use super::world::{Tree, World};
use crate::common::EMULATED;
use bailiwick_loader::wasi::{DirRights, Errno, Rule};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

const NONE: DirRights = DirRights::NONE;
const LIST: DirRights = DirRights::LIST;
const RD: DirRights = DirRights::READ;
const WR: DirRights = DirRights::WRITE;
const CREATE: DirRights = DirRights::CREATE;
const DELETE: DirRights = DirRights::DELETE;
const RENAME: DirRights = DirRights::RENAME;
const LINK: DirRights = DirRights::LINK;
const SYMLINK: DirRights = DirRights::SYMLINK;
const TIMES: DirRights = DirRights::TIMES;

/// Every right there is.
const EACH: [DirRights; 9] = [LIST, RD, WR, CREATE, DELETE, RENAME, LINK, SYMLINK, TIMES];

/// An effect, the rights that it takes, how a guest has it, and whether it changes the folder.
struct Effect {
    what: &'static str,
    takes: DirRights,
    changes: bool,
    act: fn(&mut Puppet) -> Answer,
}

const fn change(what: &'static str, takes: DirRights, act: fn(&mut Puppet) -> Answer) -> Effect {
    Effect { what, takes, changes: true, act }
}

const fn look(what: &'static str, takes: DirRights, act: fn(&mut Puppet) -> Answer) -> Effect {
    Effect { what, takes, changes: false, act }
}

/// Opens, does something, and closes.
fn with(p: &mut Puppet, path: &str, oflags: u16, rights: u64, act: impl FnOnce(&mut Puppet, u32) -> Answer) -> Answer {
    let fd = p.open(DIR, path, oflags, rights)?;
    let answer = act(p, fd);
    p.close(fd)?;
    answer
}

fn nothing(_: &mut Puppet, _: u32) -> Answer {
    Ok(())
}

/// What was read, if it is what is there.
fn is(read: Answer<Vec<u8>>, wanted: &[u8]) -> Answer {
    assert_eq!(read?, wanted);
    Ok(())
}

const EFFECTS: &[Effect] = &[
    look("to look at a file", NONE, |p| p.stat(DIR, FOLLOW, "file").map(drop)),
    look("to look at a link", NONE, |p| p.stat(DIR, 0, "link").map(drop)),
    look("to look at the folder", NONE, |p| p.stat_fd(DIR).map(drop)),
    look("to open a folder", NONE, |p| with(p, "sub", DIRECTORY, ALL & !WRITE, nothing)),
    look("to look at a descriptor", NONE, |p| with(p, "file", 0, NEITHER, |p, fd| p.stat_fd(fd).map(drop))),
    look("names", LIST, |p| p.list(DIR).map(|names| assert_eq!(names.len(), 6, "{names:?}"))),
    look("names in a folder", LIST, |p| with(p, "sub", DIRECTORY, ALL & !WRITE, |p, fd| p.list(fd).map(drop))),
    look("contents", RD, |p| is(p.read_file(DIR, "file"), b"contents")),
    look("contents through a link", RD, |p| is(p.read_file(DIR, "link"), b"contents")),
    look("contents at an offset", RD, |p| {
        with(p, "file", 0, READ | 1 << 2, |p, fd| {
            p.put_vector(4096, 4);
            call!(p, "fd_pread", fd, 0u32, 1u32, 4u64, 64u32)
        })
    }),
    look("a link's target", RD, |p| is(p.readlink(DIR, "link"), b"file")),
    change("to write", WR, |p| with(p, "file", 0, WRITE, |p, fd| p.write(fd, b"C").map(drop))),
    change("to append", WR, |p| {
        let fd = p.open_with(DIR, FOLLOW, b"file", 0, WRITE, APPEND)?;
        let answer = p.write(fd, b"C").map(drop);
        p.close(fd)?;
        answer
    }),
    change("to write at an offset", WR, |p| {
        with(p, "file", 0, WRITE | 1 << 2, |p, fd| p.write_at(fd, b"C", 3).map(drop))
    }),
    change("to truncate by opening", WR, |p| with(p, "file", TRUNC, 0, nothing)),
    change("to cut", WR, |p| with(p, "file", 0, ALL & !READ, |p, fd| call!(p, "fd_filestat_set_size", fd, 2u64))),
    change("to extend", WR, |p| with(p, "file", 0, ALL & !READ, |p, fd| call!(p, "fd_filestat_set_size", fd, 99u64))),
    change("to allocate", WR, |p| with(p, "file", 0, ALL & !READ, |p, fd| call!(p, "fd_allocate", fd, 0u64, 99u64))),
    change("to read and write", RD.union(WR), |p| {
        with(p, "file", 0, READ | WRITE, |p, fd| {
            is(p.read(fd), b"contents")?;
            p.write(fd, b"more").map(drop)
        })
    }),
    change("to create a file", CREATE, |p| with(p, "new", CREAT, 0, nothing)),
    change("to create what must be new", CREATE, |p| with(p, "new", CREAT | EXCL, 0, nothing)),
    change("to create in a folder", CREATE, |p| with(p, "sub/new", CREAT, 0, nothing)),
    change("to create and write", CREATE.union(WR), |p| {
        with(p, "new", CREAT, WRITE, |p, fd| p.write(fd, b"x").map(drop))
    }),
    change("to create, to be truncated", CREATE.union(WR), |p| with(p, "new", CREAT | TRUNC, 0, nothing)),
    change("to create and read", CREATE.union(RD), |p| with(p, "new", CREAT, READ, |p, fd| is(p.read(fd), b""))),
    change("to make a folder", CREATE, |p| p.mkdir(DIR, "new")),
    change("to remove a file", DELETE, |p| p.unlink(DIR, "file")),
    change("to remove a link", DELETE, |p| p.unlink(DIR, "link")),
    change("to remove a folder", DELETE, |p| p.rmdir(DIR, "empty")),
    change("to rename", RENAME, |p| p.rename(DIR, "file", DIR, "new")),
    change("to rename a folder", RENAME, |p| p.rename(DIR, "sub", DIR, "new")),
    change("to move into a folder", RENAME, |p| p.rename(DIR, "file", DIR, "empty/new")),
    change("to replace a file", RENAME.union(DELETE), |p| p.rename(DIR, "file", DIR, "sub/file")),
    change("to replace a folder", RENAME.union(DELETE), |p| p.rename(DIR, "sub", DIR, "empty")),
    change("to replace by a link's name", RENAME.union(DELETE), |p| p.rename(DIR, "link", DIR, "file")),
    change("to link", LINK, |p| p.link(DIR, "file", DIR, "new")),
    change("to make a link", SYMLINK, |p| p.symlink("file", DIR, "new")),
    change("to date", TIMES, |p| p.set_times(DIR, 0, "file")),
    change("to date through a link", TIMES, |p| p.set_times(DIR, FOLLOW, "link")),
    change("to date a link", TIMES, |p| p.set_times(DIR, 0, "link")),
    change("to date a descriptor", TIMES, |p| with(p, "file", 0, NEITHER, Puppet::set_times_fd)),
    change("to date the folder", TIMES, |p| p.set_times_fd(DIR)),
    change("to date a folder", TIMES, |p| with(p, "sub", DIRECTORY, ALL & !WRITE, Puppet::set_times_fd)),
];

/// Makes what is in a folder anew.
fn furnish(dir: &Path) {
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        let is_dir = fs::symlink_metadata(&path).expect("it is there").is_dir();
        if is_dir { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.expect("to remove");
    }
    for sub in ["sub", "empty"] {
        fs::create_dir(dir.join(sub)).expect(sub);
    }
    for file in ["file", "sub/file"] {
        fs::write(dir.join(file), "contents").expect(file);
    }
    symlink("file", dir.join("link")).expect("a link");
}

/// The folder, without the times of access, which reading changes.
fn within(world: &World) -> Tree {
    world.within().without_accesses()
}

/// Has every effect tried by a guest with these rights.
fn check(world: &World, rights: DirRights) {
    furnish(&world.granted());
    let (mut puppet, denials) = puppet(&[(&world.granted(), only(rights))]);
    let mut before = within(world);
    for Effect { what, takes, changes, act } in EFFECTS {
        let what = format!("{what}, with {rights}");
        let answer = act(&mut puppet);
        let after = within(world);
        let (changed, denied) = (before.changes(&after), denials.take());
        if rights.contains(*takes) {
            assert_eq!(answer, Ok(()), "{what}: {denied:?}");
            assert_eq!(!changed.is_empty(), *changes, "{what}: {changed}");
            assert_eq!(denied, [], "{what}");
        } else {
            let errno = answer.expect_err(&what);
            // What would be replaced, and must not be, is there.
            assert!(errno == Errno::PERM || errno == Errno::EXIST && *takes == RENAME.union(DELETE), "{what}: {errno}");
            assert_eq!(changed, "", "{what}");
            assert!(!denied.is_empty() && denied.iter().all(|denied| denied.rule == Rule::Grant), "{what}: {denied:?}");
        }
        if !changed.is_empty() {
            furnish(&world.granted());
        }
        before = within(world);
    }
}

#[test]
fn a_set_of_rights_allows_their_effects_and_nothing_else() {
    let world = World::new();
    let around = world.around();
    let mut sets = 0;
    for bits in 0..1_u32 << EACH.len() {
        // Emulated: none, each alone, all but each, all.
        let few = [0, 1, EACH.len() as u32 - 1, EACH.len() as u32].contains(&bits.count_ones());
        if EMULATED && !few {
            continue;
        }
        let among = EACH.iter().enumerate().filter(|(bit, _)| bits & 1 << bit != 0);
        check(&world, among.fold(NONE, |set, (_, right)| set.union(*right)));
        sets += 1;
    }
    around.is_still(&world.around(), "any rights");
    println!("{sets} sets of rights, {} effects", EFFECTS.len());
}

#[test]
fn every_right_has_an_effect() {
    for right in EACH {
        assert!(EFFECTS.iter().any(|effect| effect.takes == right), "{right}");
    }
    assert_eq!(EACH.into_iter().fold(NONE, DirRights::union), DirRights::ALL, "a right that is not looked at here");
}
