//! Attack 3: changing what was granted for reading only. The control of each is the same call under a grant of
//! everything.

use super::grants::{Denied, builder, imports, puppet};
use super::puppet::Definition::{Preview1, Unstable};
use super::puppet::{
    ALL, APPEND, Answer, CREAT, DIR, DIRECTORY, EXCL, FOLLOW, NEITHER, Puppet, READ, TRUNC, WRITE, call,
};
use super::world::World;
use bailiwick_loader::wasi::{DirGrant, Errno, Rule};

/// A file to be changed, a folder and things in it, and a link.
fn world() -> World {
    let world = World::new();
    world.file("data", b"0123456789").dir("sub/empty").file("sub/data", b"0123456789").link("data", "link");
    world
}

/// A file's descriptor with every right that can be had.
fn opened(puppet: &mut Puppet, dir: u32) -> Answer<u32> {
    puppet.open(dir, "data", 0, ALL).or_else(|_| puppet.open(dir, "data", 0, ALL & !WRITE))
}

/// Opens, and writes if that went well: a change, if it is one.
fn open_and_write(puppet: &mut Puppet, dir: u32, path: &str, oflags: u16, rights: u64, fdflags: u16) -> Answer {
    let fd = puppet.open_with(dir, FOLLOW, path.as_bytes(), oflags, rights, fdflags)?;
    puppet.write(fd, b"changed").map(drop)
}

type Attempt = (&'static str, fn(&mut Puppet, u32) -> Answer);

/// Every way of changing `data`, `link`, `empty` or the folder `dir` that they are in.
const ATTEMPTS: &[Attempt] = &[
    ("open to write", |p, dir| open_and_write(p, dir, "data", 0, WRITE, 0)),
    ("open to read and write", |p, dir| open_and_write(p, dir, "data", 0, READ | WRITE, 0)),
    ("open to append", |p, dir| open_and_write(p, dir, "data", 0, ALL, APPEND)),
    ("open through a link", |p, dir| open_and_write(p, dir, "link", 0, ALL, 0)),
    ("truncate, opening to read", |p, dir| p.open(dir, "data", TRUNC, READ).map(drop)),
    ("truncate, opening for nothing", |p, dir| p.open(dir, "data", TRUNC, 0).map(drop)),
    ("truncate, opening for all but reading and writing", |p, dir| p.open(dir, "data", TRUNC, NEITHER).map(drop)),
    ("truncate what may be created", |p, dir| p.open(dir, "data", TRUNC | CREAT, READ).map(drop)),
    ("create", |p, dir| p.open(dir, "new", CREAT, READ).map(drop)),
    ("create for nothing", |p, dir| p.open(dir, "new", CREAT, 0).map(drop)),
    ("create what is not there", |p, dir| p.open(dir, "new", CREAT | EXCL, READ | WRITE).map(drop)),
    ("write", |p, dir| opened(p, dir).and_then(|fd| p.write(fd, b"changed")).map(drop)),
    ("write in the middle", |p, dir| opened(p, dir).and_then(|fd| p.write_at(fd, b"changed", 5)).map(drop)),
    ("write once it appends", |p, dir| {
        let fd = opened(p, dir)?;
        call!(p, "fd_fdstat_set_flags", fd, APPEND)?;
        p.write(fd, b"changed").map(drop)
    }),
    ("allocate", |p, dir| opened(p, dir).and_then(|fd| call!(p, "fd_allocate", fd, 5u64, 4096u64))),
    ("cut", |p, dir| opened(p, dir).and_then(|fd| call!(p, "fd_filestat_set_size", fd, 3u64))),
    ("extend", |p, dir| opened(p, dir).and_then(|fd| call!(p, "fd_filestat_set_size", fd, 3000u64))),
    ("date a descriptor", |p, dir| opened(p, dir).and_then(|fd| p.set_times_fd(fd))),
    ("date the folder's descriptor", |p, dir| p.set_times_fd(dir)),
    ("date", |p, dir| p.set_times(dir, 0, "data")),
    ("date through a link", |p, dir| p.set_times(dir, FOLLOW, "link")),
    ("date the folder", |p, dir| p.set_times(dir, FOLLOW, ".")),
    ("make a folder", |p, dir| p.mkdir(dir, "new")),
    ("remove a folder", |p, dir| p.rmdir(dir, "empty")),
    ("remove a file", |p, dir| p.unlink(dir, "data")),
    ("remove a link", |p, dir| p.unlink(dir, "link")),
    ("rename", |p, dir| p.rename(dir, "data", dir, "new")),
    ("rename over another", |p, dir| p.rename(dir, "link", dir, "data")),
    ("rename a folder", |p, dir| p.rename(dir, "empty", dir, "new")),
    ("link", |p, dir| p.link(dir, "data", dir, "new")),
    ("make a link", |p, dir| p.symlink("data", dir, "new")),
    ("take rights", |p, dir| {
        let fd = p.open(dir, "data", 0, READ)?;
        call!(p, "fd_fdstat_set_rights", fd, ALL, ALL)?;
        p.write(fd, b"changed").map(drop)
    }),
    ("take rights of the folder", |p, dir| {
        call!(p, "fd_fdstat_set_rights", dir, ALL, ALL)?;
        p.mkdir(dir, "new")
    }),
    ("open the folder anew", |p, dir| {
        let fd = p.open(dir, ".", DIRECTORY, ALL & !WRITE)?;
        p.mkdir(fd, "new")
    }),
    ("move a file's number onto the folder's", |p, dir| {
        let fd = opened(p, dir)?;
        let place = p.open(dir, ".", DIRECTORY, NEITHER)?;
        call!(p, "fd_renumber", fd, place)?;
        p.write(place, b"changed").map(drop)
    }),
];

/// Makes every attempt in a world of its own, in the granted folder itself and in one below, which is opened for it,
/// and by the definition before preview 1.
fn each(grant: &DirGrant, mut check: impl FnMut(&str, &World, Answer, Vec<Denied>, String)) {
    for (definition, below) in [(Preview1, false), (Preview1, true), (Unstable, false)] {
        for (what, attempt) in ATTEMPTS {
            let world = world();
            // Below, there is nothing but the same names.
            if below {
                std::fs::rename(world.inside("link"), world.inside("sub/link")).expect("a link");
            } else {
                std::fs::rename(world.inside("sub/empty"), world.inside("empty")).expect("a folder");
            }
            let (before, around) = (world.within(), world.around());
            let (mut builder, denials) = builder();
            builder.preopen(&super::grants::dir(&world.granted(), *grant), "/").expect("a preopened directory");
            let mut puppet = Puppet::by(definition, &imports(builder));
            let dir = if below { puppet.open(DIR, "sub", DIRECTORY, ALL & !WRITE).expect("a folder") } else { DIR };
            let answer = attempt(&mut puppet, dir);
            around.is_still(&world.around(), what);
            check(what, &world, answer, denials.take(), before.changes(&world.within()));
        }
    }
}

#[test]
fn what_is_granted_for_reading_stays_as_it_is() {
    each(&DirGrant::read_only(), |what, _, answer, denied, changes| {
        assert_eq!(changes, "", "{what}: bytes, names and times stay");
        let errno = answer.expect_err(what);
        assert!([Errno::PERM, Errno::NOTCAPABLE, Errno::BADF].contains(&errno), "{what}: {errno}");
        let rules: Vec<Rule> = denied.iter().map(|denied| denied.rule).collect();
        assert!(!rules.is_empty(), "{what}: no record of the denial");
        assert!(rules.iter().all(|rule| matches!(rule, Rule::Grant | Rule::Rights)), "{what}: {denied:?}");
    });
}

#[test]
fn what_is_granted_for_everything_changes() {
    each(&DirGrant::all(), |what, _, answer, denied, changes| {
        if what.starts_with("take rights") {
            // Nobody can take what he has not: the grant is not what decides.
            assert_eq!(answer, Err(Errno::NOTCAPABLE), "{what}");
            return;
        }
        assert_eq!(answer, Ok(()), "the attack is broken: {what}: {denied:?}");
        assert_ne!(changes, "", "the attack is broken: {what}");
    });
}

#[test]
fn reading_is_no_change() {
    let world = world();
    let before = world.within();
    let (mut puppet, denials) = puppet(&[(&world.granted(), DirGrant::read_only())]);
    assert_eq!(puppet.read_file(DIR, "data").expect("to read"), b"0123456789");
    assert_eq!(puppet.list(DIR).expect("to list").len(), 5);
    assert_eq!(puppet.readlink(DIR, "link").expect("to read a link"), b"data");
    assert_eq!(puppet.stat(DIR, 0, "data").expect("to look").size, 10);
    for (call, arguments) in [("fd_sync", &[3][..]), ("fd_datasync", &[3])] {
        assert_eq!(puppet.raw(call, arguments).expect("it returns"), Some(0), "{call}");
    }
    assert_eq!(denials.take(), []);
    // But for the time of access, of which reading consists.
    let changes = before.changes(&world.within());
    assert!(changes.lines().count() <= 2 && !changes.contains("new"), "{changes}");
}
