//! Directories as capabilities: what each right of a grant is good for, derivation, revocation, mounts.

use crate::abi::Errno::{self, *};
use crate::abi::right::{FD_FILESTAT_GET, FD_READ, FD_WRITE};
use crate::abi::{FILE_RIGHTS, FOLLOW, FdStat, fdflag, fstflag, oflag, whence};
use crate::calls::Open;
use crate::descriptors::every_call_on;
use crate::sys::{DIR, Sys};
use crate::world::World;
use bailiwick_loader::wasi::{DeriveError, Dir, DirGrant, DirLimits, DirRights, PreopenError, WasiCtx};

fn world() -> World {
    let world = World::with(&["file", "other"]);
    world.dir("sub");
    world.file("sub/inner", "inner");
    world.dir("empty");
    world.link("file", "link");
    world.link("sub", "way");
    world
}

fn guest_of(dirs: &[(&Dir, &str)]) -> Sys {
    Sys::new(|builder| {
        for (dir, name) in dirs {
            builder.preopen(dir, name).unwrap();
        }
    })
}

type Effect = fn(&mut Sys) -> Result<(), Errno>;

fn open(sys: &mut Sys, path: &str, rights: u64, oflags: u32) -> Result<u32, Errno> {
    sys.path_open(DIR, path, Open::rights(rights).oflags(oflags))
}

/// What can be done beneath a directory, and the rights of the grant that it takes, whatever flags it is done by.
const EFFECTS: &[(&str, DirRights, Effect)] = &[
    ("look at a file", DirRights::NONE, |sys| sys.path_filestat_get(DIR, FOLLOW, "link").map(drop)),
    ("look at a link", DirRights::NONE, |sys| sys.path_filestat_get(DIR, 0, "link").map(drop)),
    ("look at the directory", DirRights::NONE, |sys| sys.fd_filestat_get(DIR).map(drop)),
    ("open a directory", DirRights::NONE, |sys| open(sys, "sub", 0, oflag::DIRECTORY).map(drop)),
    ("look at an open file", DirRights::NONE, |sys| {
        let fd = open(sys, "file", FD_FILESTAT_GET, 0)?;
        sys.fd_filestat_get(fd).map(drop)
    }),
    ("open what is there with O_CREAT", DirRights::NONE, |sys| open(sys, "file", 0, oflag::CREAT).map(drop)),
    ("list", DirRights::LIST, |sys| sys.fd_readdir(DIR, 100, 0).map(drop)),
    ("list a directory beneath", DirRights::LIST, |sys| {
        let sub = sys.path_open(DIR, "sub", Open::directory())?;
        sys.fd_readdir(sub, 100, 0).map(drop).map_err(|errno| if errno == NOTCAPABLE { PERM } else { errno })
    }),
    ("read", DirRights::READ, |sys| {
        let fd = open(sys, "file", FD_READ, 0)?;
        sys.fd_read(fd, 9).map(drop)
    }),
    ("read through a link", DirRights::READ, |sys| open(sys, "link", FD_READ, 0).map(drop)),
    ("read with O_APPEND", DirRights::READ, |sys| {
        sys.path_open(DIR, "file", Open::rights(FD_READ).fdflags(fdflag::APPEND)).map(drop)
    }),
    ("read a link", DirRights::READ, |sys| sys.path_readlink(DIR, "link", 9).map(drop)),
    ("write", DirRights::WRITE, |sys| {
        let fd = open(sys, "file", FD_WRITE, 0)?;
        sys.fd_write(fd, "x").map(drop)
    }),
    ("append", DirRights::WRITE, |sys| {
        let fd = sys.path_open(DIR, "file", Open::rights(FD_WRITE).fdflags(fdflag::APPEND))?;
        sys.fd_write(fd, "x").map(drop)
    }),
    ("truncate while opening to read nothing", DirRights::WRITE, |sys| open(sys, "file", 0, oflag::TRUNC).map(drop)),
    ("read and write", DirRights::READ.union(DirRights::WRITE), |sys| open(sys, "file", FILE_RIGHTS, 0).map(drop)),
    ("truncate what is read", DirRights::READ.union(DirRights::WRITE), |sys| {
        open(sys, "file", FD_READ, oflag::TRUNC).map(drop)
    }),
    ("make a file", DirRights::CREATE, |sys| open(sys, "new", 0, oflag::CREAT).map(drop)),
    ("make a file where a link leads", DirRights::CREATE, |sys| {
        open(sys, "way/new", 0, oflag::CREAT | oflag::EXCL).map(drop)
    }),
    ("make and write a file", DirRights::CREATE.union(DirRights::WRITE), |sys| {
        let fd = open(sys, "new", FD_WRITE, oflag::CREAT)?;
        sys.fd_write(fd, "x").map(drop)
    }),
    ("make a directory", DirRights::CREATE, |sys| sys.path_create_directory(DIR, "new")),
    ("remove a file", DirRights::DELETE, |sys| sys.path_unlink_file(DIR, "file")),
    ("remove a link", DirRights::DELETE, |sys| sys.path_unlink_file(DIR, "link")),
    ("remove a directory", DirRights::DELETE, |sys| sys.path_remove_directory(DIR, "empty")),
    ("rename", DirRights::RENAME, |sys| sys.path_rename(DIR, "file", DIR, "sub/new")),
    ("rename over something", DirRights::RENAME.union(DirRights::DELETE), |sys| {
        sys.path_rename(DIR, "file", DIR, "other")
    }),
    ("rename over an empty directory", DirRights::RENAME.union(DirRights::DELETE), |sys| {
        sys.path_rename(DIR, "sub", DIR, "empty")
    }),
    ("link", DirRights::LINK, |sys| sys.path_link(DIR, "file", DIR, "new")),
    ("make a symbolic link", DirRights::SYMLINK, |sys| sys.path_symlink("file", DIR, "new")),
    ("set times", DirRights::TIMES, |sys| sys.path_filestat_set_times(DIR, FOLLOW, "file", (1, 1), fstflag::MTIM)),
    ("set times to now", DirRights::TIMES, |sys| {
        sys.path_filestat_set_times(DIR, 0, "link", (1, 1), fstflag::ATIM_NOW)
    }),
    ("set the directory's times", DirRights::TIMES, |sys| sys.fd_filestat_set_times(DIR, 1, 1, fstflag::MTIM)),
];

#[test]
fn each_effect_takes_its_rights_and_no_others() {
    let singles = DirRights::ALL.names().into_iter().map(|name| DirRights::from_name(name).unwrap());
    let mut grants = vec![DirRights::NONE, DirRights::ALL, DirRights::READ_ONLY];
    for right in singles {
        grants.extend([right, DirRights::ALL.difference(right)]);
    }
    for &(name, needed, effect) in EFFECTS {
        for &rights in grants.iter().chain([&needed]) {
            let world = world();
            let before = world.snapshot();
            let dir = Dir::open(world.fd(), DirGrant::of(rights)).unwrap();
            let answer = effect(&mut guest_of(&[(&dir, "/")]));
            if rights.contains(needed) {
                assert_eq!(answer, Ok(()), "{name} with {rights}");
            } else {
                // A rename that must not replace is one to a name that exists.
                let replaces = name.starts_with("rename over") && rights.contains(DirRights::RENAME);
                assert_eq!(answer, Err(if replaces { EXIST } else { PERM }), "{name} with {rights}");
                assert_eq!(world.snapshot(), before, "{name} with {rights}");
            }
        }
    }
}

#[test]
fn sizes_are_written() {
    // Descriptors opened for writing beneath a grant that has it can size; none can beneath one that has not.
    let world = world();
    for rights in [DirRights::ALL, DirRights::ALL.difference(DirRights::WRITE)] {
        let dir = Dir::open(world.fd(), DirGrant::of(rights)).unwrap();
        let mut sys = guest_of(&[(&dir, "/")]);
        let asked = if rights == DirRights::ALL { FILE_RIGHTS } else { FILE_RIGHTS & !FD_WRITE };
        let fd = open(&mut sys, "file", asked, 0).unwrap();
        let (sized, allocated) = (sys.fd_filestat_set_size(fd, 2), sys.fd_allocate(fd, 0, 6));
        assert_eq!((sized.is_ok(), allocated.is_ok()), (rights == DirRights::ALL, rights == DirRights::ALL));
    }
}

#[test]
fn a_grant_and_the_guests_own_rights_both_count() {
    let world = world();
    let dir = Dir::open(world.fd(), DirGrant::of(DirRights::READ | DirRights::CREATE)).unwrap();
    let mut sys = guest_of(&[(&dir, "/")]);
    let FdStat { base, .. } = sys.fd_fdstat_get(DIR).unwrap();
    assert_eq!(sys.path_create_directory(DIR, "one"), Ok(()));
    sys.fd_fdstat_set_rights(DIR, base & !crate::abi::right::PATH_CREATE_DIRECTORY, 0).unwrap();
    assert_eq!(sys.path_create_directory(DIR, "two"), Err(NOTCAPABLE), "the guest's own");
    assert_eq!(sys.path_unlink_file(DIR, "file"), Err(PERM), "the grant's");
}

#[test]
fn the_same_capability_under_two_names_is_one() {
    let world = world();
    let dir = Dir::open(world.fd(), DirGrant::all()).unwrap();
    let mut sys = guest_of(&[(&dir, "/a"), (&dir.clone(), "/b")]);
    assert_eq!(sys.path_rename(3, "file", 4, "moved"), Ok(()));
    assert_eq!(sys.path_link(4, "moved", 3, "linked"), Ok(()));
    assert_eq!(world.text("linked"), "file");
}

#[test]
fn what_is_derived_is_another_capability_and_never_leaves_its_place() {
    let world = world();
    let dir = Dir::open(world.fd(), DirGrant::all()).unwrap();
    let sub = dir.derive("sub", DirGrant::all()).unwrap();
    let mut sys = guest_of(&[(&sub, "/sub"), (&dir, "/")]);
    assert_eq!(sys.names(3).unwrap(), ["inner"]);
    assert_eq!(sys.path_filestat_get(3, 0, "../file"), Err(NOTCAPABLE));
    assert_eq!(sys.path_open(3, "..", Open::directory()), Err(NOTCAPABLE));
    assert_eq!(sys.path_rename(3, "inner", 4, "stolen"), Err(XDEV));
    assert_eq!(sys.path_link(4, "file", 3, "stolen"), Err(XDEV));
    assert_eq!(sys.path_filestat_get(4, 0, "sub/inner").unwrap().size, 5, "the other reaches it");
    for whole in [".", ""] {
        let again = dir.derive(whole, DirGrant::read_only()).unwrap();
        assert_eq!(guest_of(&[(&again, "/")]).names(DIR), Sys::over(&world).names(DIR));
    }
}

#[test]
fn nothing_wider_is_derived() {
    let world = world();
    let limits = DirLimits { max_bytes: Some(100), max_open: Some(5) };
    let held = DirGrant { limits, ..DirGrant::of(DirRights::LIST | DirRights::WRITE) };
    let dir = Dir::open(world.fd(), held).unwrap();
    let derived = |grant| dir.derive("sub", grant).map(drop);
    assert!(derived(held).is_ok());
    assert!(derived(DirGrant { rights: DirRights::NONE, ..held }).is_ok());
    assert!(derived(DirGrant { limits: DirLimits { max_bytes: Some(0), max_open: Some(1) }, ..held }).is_ok());
    let wider = |rights| derived(DirGrant { rights, ..held });
    assert!(
        matches!(wider(DirRights::LIST | DirRights::READ), Err(DeriveError::Rights { excess, .. }) if excess == DirRights::READ)
    );
    assert!(matches!(wider(DirRights::ALL), Err(DeriveError::Rights { .. })));
    for limits in [
        DirLimits { max_bytes: Some(101), ..limits },
        DirLimits { max_bytes: None, ..limits },
        DirLimits { max_open: Some(6), ..limits },
        DirLimits { max_open: None, ..limits },
    ] {
        assert!(matches!(derived(DirGrant { limits, ..held }), Err(DeriveError::Limit { .. })), "{limits:?}");
    }
    assert!(matches!(derived(DirGrant { cross_mounts: true, ..held }), Err(DeriveError::CrossMounts)));
}

#[test]
fn what_is_no_directory_beneath_is_not_derived() {
    let outer = world();
    outer.link("..", "sub/up");
    outer.link("/etc", "sub/etc");
    let dir = Dir::open(outer.fd(), DirGrant::all()).unwrap();
    let sub = dir.derive("sub", DirGrant::all()).unwrap();
    let refused = |path: &str| sub.derive(path, DirGrant::all()).unwrap_err();
    for path in ["..", "../sub", "/", "/etc", "a/../b", "a//b", "./a", "a/", "a\0b"] {
        assert!(matches!(refused(path), DeriveError::BadPath { .. }), "{path:?}");
    }
    for path in ["up", "up/sub", "etc"] {
        assert!(matches!(refused(path), DeriveError::Outside { .. }), "{path:?}");
    }
    assert!(matches!(refused("inner"), DeriveError::NotADirectory { .. }));
    assert!(matches!(refused("gone"), DeriveError::Unopened { .. }));
    assert!(dir.derive("way", DirGrant::all()).is_ok(), "a link that stays beneath is followed");
}

#[test]
fn after_revocation_nothing_more_happens() {
    let world = world();
    world.file("x", "x");
    let dir = Dir::open(world.fd(), DirGrant::all()).unwrap();
    let mut sys = guest_of(&[(&dir, "/")]);
    let sub = sys.path_open(DIR, "sub", Open::directory()).unwrap();
    let file = sys.path_open(DIR, "x", Open::file()).unwrap();
    dir.revoke();
    assert!(dir.is_revoked());
    let before = world.snapshot();
    for fd in [DIR, sub, file] {
        // Renumbering and closing are between the guest and its own table.
        let own = [
            "fd_close",
            "fd_renumber",
            "fd_fdstat_get",
            "fd_fdstat_set_rights",
            "fd_prestat_get",
            "fd_prestat_dir_name",
        ];
        for (name, answer) in every_call_on(&mut sys, fd) {
            if !own.contains(&name) {
                assert!(answer.is_err(), "{name} of {fd}");
            }
            let reaches = ["fd_filestat_get", "fd_sync", "fd_datasync"];
            if reaches.contains(&name) {
                assert!(matches!(answer, Err(STALE | NOTCAPABLE)), "{name} of {fd}: {answer:?}");
            }
        }
    }
    assert_eq!(world.snapshot(), before);
}

#[test]
fn revoked_descriptors_are_stale_for_every_use() {
    let world = world();
    let dir = Dir::open(world.fd(), DirGrant::all()).unwrap();
    let mut sys = guest_of(&[(&dir, "/")]);
    let sub = sys.path_open(DIR, "sub", Open::directory()).unwrap();
    let file = sys.path_open(DIR, "file", Open::file()).unwrap();
    sys.fd_seek(file, 2, whence::SET).unwrap();
    dir.revoke();
    assert_eq!(sys.fd_read(file, 9), Err(STALE));
    assert_eq!(sys.fd_pread(file, 9, 0), Err(STALE));
    assert_eq!(sys.fd_write(file, "x"), Err(STALE));
    assert_eq!(sys.fd_pwrite(file, "x", 0), Err(STALE));
    assert_eq!(sys.fd_seek(file, 0, whence::SET), Err(STALE));
    assert_eq!(sys.fd_tell(file), Err(STALE));
    assert_eq!(sys.fd_filestat_get(file), Err(STALE));
    assert_eq!(sys.fd_filestat_set_size(file, 0), Err(STALE));
    assert_eq!(sys.fd_allocate(file, 0, 99), Err(STALE));
    assert_eq!(sys.fd_filestat_set_times(file, 1, 1, fstflag::MTIM), Err(STALE));
    for fd in [DIR, sub] {
        assert_eq!(sys.fd_readdir(fd, 99, 0), Err(STALE));
        assert_eq!(sys.path_open(fd, "inner", Open::file()), Err(STALE));
        assert_eq!(sys.path_filestat_get(fd, 0, "inner"), Err(STALE));
        assert_eq!(sys.path_create_directory(fd, "new"), Err(STALE));
        assert_eq!(sys.path_unlink_file(fd, "inner"), Err(STALE));
        assert_eq!(sys.path_symlink("x", fd, "new"), Err(STALE));
        assert_eq!(sys.path_rename(fd, "inner", fd, "new"), Err(STALE));
        assert_eq!(sys.path_readlink(fd, "link", 9), Err(STALE));
    }
    for fd in [file, sub, DIR] {
        assert_eq!(sys.fd_close(fd), Ok(()), "closing is always possible");
    }
    assert!(matches!(WasiCtx::builder().preopen(&dir, "/"), Err(PreopenError::Revoked)));
    assert!(matches!(dir.derive("sub", DirGrant::all()), Err(DeriveError::Revoked)));
}

#[test]
fn what_was_derived_dies_with_it_and_nothing_else_does() {
    let world = world();
    let root = Dir::open(world.fd(), DirGrant::all()).unwrap();
    let (child, sibling) =
        (root.derive("sub", DirGrant::all()).unwrap(), root.derive("empty", DirGrant::all()).unwrap());
    let grandchild = child.derive(".", DirGrant::read_only()).unwrap();
    let stranger = Dir::open(world.fd(), DirGrant::all()).unwrap();
    let dirs = [(&root, "/r"), (&child, "/c"), (&sibling, "/s"), (&grandchild, "/g"), (&stranger, "/x")];
    let mut sys = guest_of(&dirs);
    let alive = |sys: &mut Sys| [3, 4, 5, 6, 7].map(|fd| sys.names(fd).is_ok());
    assert_eq!(alive(&mut sys), [true; 5]);
    child.revoke();
    assert_eq!(alive(&mut sys), [true, false, true, false, true]);
    root.revoke();
    assert_eq!(alive(&mut sys), [false, false, false, false, true]);
    assert_eq!([&root, &child, &sibling, &grandchild, &stranger].map(Dir::is_revoked), [true, true, true, true, false]);
}

#[test]
fn other_mounts_are_outside_unless_granted_and_the_kernels_never_inside() {
    let root = || std::fs::File::open("/").unwrap().into();
    let mut sys = guest_of(&[(&Dir::open(root(), DirGrant::read_only()).unwrap(), "/")]);
    for path in ["proc", "proc/self/mem", "sys", "dev/pts"] {
        assert_eq!(sys.path_filestat_get(DIR, FOLLOW, path), Err(NOTCAPABLE), "{path}");
        assert_eq!(sys.path_open(DIR, path, Open::rights(FD_READ)), Err(NOTCAPABLE), "{path}");
    }
    let crossing = Dir::open(root(), DirGrant { cross_mounts: true, ..DirGrant::read_only() }).unwrap();
    let mut sys = guest_of(&[(&crossing, "/")]);
    for path in ["proc", "proc/self/mem", "proc/self/status", "sys", "dev/pts", "dev/null"] {
        assert_eq!(sys.path_open(DIR, path, Open::rights(FD_READ)), Err(NOTCAPABLE), "{path}");
    }
    for path in ["proc/self/root", "proc/self/root/etc/passwd", "proc/self/exe", "proc/self/cwd"] {
        assert!(matches!(sys.path_open(DIR, path, Open::rights(FD_READ)), Err(NOTCAPABLE | LOOP)), "{path}");
    }
    let device = |path: &str| std::fs::metadata(path).map(|stat| std::os::unix::fs::MetadataExt::dev(&stat)).ok();
    match device("/dev/shm") {
        Some(shm) if Some(shm) != device("/") => {
            assert!(sys.path_open(DIR, "dev/shm", Open::rights(0)).is_ok());
        }
        _ => println!("not checked: /dev/shm is no mount here"),
    }
    for path in ["/proc", "/sys", "/dev/pts"] {
        let fd = std::fs::File::open(path).unwrap();
        let refused = Dir::open(fd.into(), DirGrant { cross_mounts: true, ..DirGrant::all() });
        assert!(matches!(refused, Err(PreopenError::ForbiddenFileSystem { .. })), "{path}");
    }
}
