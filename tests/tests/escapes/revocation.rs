//! A directory that is taken away while it is used: once that is done, nothing more happens there.

use super::grants::{builder, dir, imports, puppet_of, run};
use super::puppet::{ALL, CREAT, DIR, DIRECTORY, FOLLOW, READ, call};
use super::world::World;
use crate::common::times;
use bailiwick_loader::wasi::{DirGrant, Errno, Rule};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Guests that do something in a loop, as `guests/attack_race.c` has it, each in a folder of its own beneath the same
/// capability, which is revoked somewhere in the middle.
#[test]
fn nothing_happens_after_it_was_revoked() {
    const KINDS: [&str; 8] = ["write", "create", "unlink", "mkdir", "rename", "symlink", "link", "times"];
    for round in 0..times(40, 2) {
        let world = World::new();
        for kind in KINDS {
            world.dir(&format!("{kind}/d")).file(&format!("{kind}/own"), "in");
            for name in ["w", "u", "a", "f"] {
                world.file(&format!("{kind}/d/{name}"), "in");
            }
        }
        let root = dir(&world.granted(), DirGrant::all());
        let (begun, done) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for kind in KINDS {
                let part = root.derive(kind, DirGrant::all()).expect("a part");
                let (begun, done) = (&begun, &done);
                scope.spawn(move || {
                    let (mut builder, _) = builder();
                    builder.args(["race", kind, "3000"]);
                    builder.preopen(&part, "/").expect("a preopened directory");
                    let imports = imports(builder);
                    begun.fetch_add(1, Ordering::Relaxed);
                    assert_eq!(run("race", &imports), 0);
                    done.fetch_add(1, Ordering::Relaxed);
                });
            }
            while begun.load(Ordering::Relaxed) < KINDS.len() as u64 {
                std::thread::yield_now();
            }
            std::thread::sleep(Duration::from_micros(500 * round as u64 % 10_000));
            root.revoke();
            let revoked = world.within();
            for _ in 0..5 {
                std::thread::sleep(Duration::from_millis(1));
                revoked.is_still(&world.within(), "after it was revoked");
            }
        });
        assert_eq!(done.load(Ordering::Relaxed), KINDS.len() as u64, "all of them end");
    }
}

#[test]
fn nothing_that_was_open_can_be_used() {
    let world = World::new();
    world.dir("sub").file("file", "contents").file("sub/file", "contents");
    let root = dir(&world.granted(), DirGrant::all());
    let part = root.derive("sub", DirGrant::all()).expect("a part");
    let (mut puppet, denials) = puppet_of(&[&root, &part]);
    let file = puppet.open(DIR, "file", 0, ALL).expect("a file");
    let sub = puppet.open(DIR, "sub", DIRECTORY, ALL & !(1 << 6)).expect("a folder");
    let below = puppet.open(4, "file", 0, ALL).expect("a file");
    let before = world.within();
    root.revoke();
    for fd in [file, below] {
        assert_eq!(puppet.read(fd), Err(Errno::STALE));
        assert_eq!(puppet.write(fd, b"x"), Err(Errno::STALE));
        assert_eq!(puppet.write_at(fd, b"x", 0), Err(Errno::STALE));
        assert_eq!(call!(puppet, "fd_filestat_set_size", fd, 0u64), Err(Errno::STALE));
        assert_eq!(call!(puppet, "fd_allocate", fd, 0u64, 100u64), Err(Errno::STALE));
        assert_eq!(puppet.set_times_fd(fd), Err(Errno::STALE));
        assert_eq!(puppet.stat_fd(fd), Err(Errno::STALE));
        assert_eq!(call!(puppet, "fd_sync", fd), Err(Errno::STALE));
        assert_eq!(call!(puppet, "fd_seek", fd, 1u64, 0u32, 64u32), Err(Errno::STALE));
    }
    for fd in [DIR, 4, sub] {
        assert_eq!(puppet.open(fd, "file", 0, READ), Err(Errno::STALE));
        assert_eq!(puppet.open(fd, "new", CREAT, ALL), Err(Errno::STALE));
        assert_eq!(puppet.list(fd), Err(Errno::STALE));
        assert_eq!(puppet.stat(fd, FOLLOW, "file"), Err(Errno::STALE));
        assert_eq!(puppet.mkdir(fd, "new"), Err(Errno::STALE));
        assert_eq!(puppet.unlink(fd, "file"), Err(Errno::STALE));
        assert_eq!(puppet.rename(fd, "file", fd, "new"), Err(Errno::STALE));
        assert_eq!(puppet.link(fd, "file", fd, "new"), Err(Errno::STALE));
        assert_eq!(puppet.symlink("file", fd, "new"), Err(Errno::STALE));
        assert_eq!(puppet.readlink(fd, "file"), Err(Errno::STALE));
        assert_eq!(puppet.set_times(fd, 0, "file"), Err(Errno::STALE));
    }
    // Moving a descriptor does not revive it.
    call!(puppet, "fd_renumber", file, below).expect("to move");
    assert_eq!(puppet.read(below), Err(Errno::STALE));
    assert!(denials.take().iter().all(|denied| denied.rule == Rule::Revoked));
    before.is_still(&world.within(), "by what was revoked");
    assert!(root.derive("sub", DirGrant::all()).is_err() && part.derive(".", DirGrant::all()).is_err());
    // Only that: who is granted the folder anew has it.
    let (mut other, _) = puppet_of(&[&dir(&world.granted(), DirGrant::all())]);
    assert_eq!(other.read_file(DIR, "file").expect("to read"), b"contents");
}
