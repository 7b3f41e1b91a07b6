//! `path_link`, `path_symlink`, `path_readlink`.

use crate::abi::Errno::*;
use crate::abi::right::FD_READ;
use crate::abi::{FOLLOW, filetype};
use crate::calls::Open;
use crate::sys::{DATA, DIR, MEMORY, OUT, PATH, PATH2, Sys, call};
use crate::world::{World, preopen};
use bailiwick_loader::wasi::{Dir, DirGrant};
use std::os::unix::fs::MetadataExt;

fn world() -> World {
    let world = World::with(&["file", "other"]);
    world.dir("sub");
    world.link("file", "link");
    world.link("sub", "way");
    world.link("gone", "dangling");
    world
}

#[test]
fn a_hard_link_is_another_name() {
    let world = world();
    let mut sys = Sys::over(&world);
    for (old, new) in [("file", "new"), ("new", "sub/new"), ("sub/../file", "way/again")] {
        assert_eq!(sys.path_link(DIR, old, DIR, new), Ok(()), "{old} {new}");
        assert_eq!(world.stat(new).ino(), world.stat("file").ino());
    }
    assert_eq!(world.stat("file").nlink(), 4);
    world.file("file", "changed");
    assert_eq!(world.text("sub/again"), "changed");
    let sub = sys.path_open(DIR, "sub", Open::directory()).unwrap();
    assert_eq!(sys.path_link(sub, "new", DIR, "from-sub"), Ok(()));
    assert_eq!(sys.path_link(DIR, "other", sub, "to-sub"), Ok(()));
    assert_eq!((world.text("from-sub"), world.text("sub/to-sub")), ("changed".to_owned(), "other".to_owned()));
}

#[test]
fn a_hard_link_to_a_link_is_to_the_link_itself() {
    let world = world();
    let mut sys = Sys::over(&world);
    for link in ["link", "way", "dangling"] {
        let new = format!("new-{link}");
        assert_eq!(sys.path_link(DIR, link, DIR, &new), Ok(()));
        assert_eq!(world.target(&new), world.target(link));
    }
}

#[test]
fn no_link_replaces_what_is_there() {
    let world = world();
    let mut sys = Sys::over(&world);
    let before = world.snapshot();
    for new in ["other", "file", "sub", "link", "way", "dangling", ".", "sub/.."] {
        assert_eq!(sys.path_link(DIR, "file", DIR, new), Err(EXIST), "{new}");
        assert_eq!(sys.path_symlink("file", DIR, new), Err(EXIST), "{new}");
    }
    assert_eq!(world.snapshot(), before);
}

#[test]
fn directories_have_one_name() {
    let world = world();
    let mut sys = Sys::over(&world);
    let before = world.snapshot();
    for old in ["sub", "sub/", "."] {
        assert!(matches!(sys.path_link(DIR, old, DIR, "new"), Err(PERM | ACCES)), "{old}");
    }
    assert_eq!(world.snapshot(), before);
}

#[test]
fn links_end_in_a_name() {
    let world = world();
    let mut sys = Sys::over(&world);
    let before = world.snapshot();
    assert_eq!(sys.path_link(DIR, "file", DIR, "new/"), Err(NOENT));
    assert_eq!(sys.path_link(DIR, "file/", DIR, "new"), Err(NOTDIR));
    assert!(matches!(sys.path_link(DIR, "file", DIR, "other/"), Err(EXIST | NOTDIR)));
    assert_eq!(sys.path_symlink("file", DIR, "new/"), Err(NOENT));
    assert!(matches!(sys.path_symlink("file", DIR, "other/"), Err(EXIST | NOTDIR)));
    assert_eq!(sys.path_symlink("file", DIR, "sub/"), Err(EXIST));
    assert_eq!(sys.path_link(DIR, "gone", DIR, "new"), Err(NOENT));
    assert_eq!(sys.path_link(DIR, "file", DIR, "gone/new"), Err(NOENT));
    assert_eq!(sys.path_symlink("file", DIR, "gone/new"), Err(NOENT));
    assert_eq!(world.snapshot(), before);
}

#[test]
fn a_hard_link_does_not_follow() {
    let world = world();
    let mut sys = Sys::over(&world);
    let before = world.snapshot();
    let ((old, old_len), (new, new_len)) = (sys.put(PATH, "link"), sys.put(PATH2, "new"));
    for lookup in [FOLLOW, 2, 3, u32::MAX] {
        assert_eq!(call!(sys, path_link(DIR, lookup, old, old_len, DIR, new, new_len)), Err(INVAL), "{lookup:#x}");
    }
    assert_eq!(world.snapshot(), before);
}

#[test]
fn two_grants_are_two_file_systems() {
    let (one, other) = (world(), World::new());
    let mut sys = Sys::new(|builder| {
        preopen(builder, &one, "/one", DirGrant::all());
        preopen(builder, &other, "/other", DirGrant::all());
        preopen(builder, &one, "/one-again", DirGrant::all());
    });
    assert_eq!(sys.path_link(3, "file", 4, "file"), Err(XDEV));
    assert_eq!(sys.path_link(3, "file", 5, "new"), Err(XDEV), "though it is the same folder");
    assert_eq!(other.names("."), [""; 0]);
}

#[test]
fn a_symbolic_link_is_made_as_it_is_said() {
    let world = world();
    let mut sys = Sys::over(&world);
    for (target, path) in [
        ("file", "to-file"),
        ("gone/for/now", "to-nothing"),
        ("./sub/../file", "to-dots"),
        ("itself", "itself"),
        ("sub/", "to-slash"),
        ("größe", "sub/to-utf8"),
    ] {
        assert_eq!(sys.path_symlink(target, DIR, path), Ok(()), "{target}");
        assert_eq!(world.target(path), target);
        assert_eq!(sys.path_readlink(DIR, path, 100).unwrap(), target);
    }
    let longest = "x/".repeat(2047);
    assert_eq!(sys.path_symlink(&longest, DIR, "long"), Ok(()));
    assert_eq!(sys.path_readlink(DIR, "long", 5000).unwrap(), longest);
    let sub = sys.path_open(DIR, "sub", Open::directory()).unwrap();
    assert_eq!(sys.path_symlink("../file", sub, "up"), Ok(()), "up, and still inside");
    assert_eq!(world.target("sub/up"), "../file");
}

#[test]
fn a_symbolic_link_may_say_what_is_outside_and_leads_nowhere_then() {
    let world = World::new();
    world.dir("in");
    world.file("secret", "secret");
    let inside = Dir::open(std::fs::File::open(world.path("in")).unwrap().into(), DirGrant::all()).unwrap();
    let mut sys = Sys::new(|builder| {
        builder.preopen(&inside, "/").unwrap();
    });
    for (target, path) in [("../secret", "one"), ("..", "two"), ("two/secret", "three"), ("../in/../secret", "four")] {
        assert_eq!(sys.path_symlink(target, DIR, path), Ok(()), "{target}: a file may say anything, too");
        assert_eq!(sys.path_open(DIR, path, Open::rights(FD_READ)), Err(NOTCAPABLE), "{target}");
        assert_eq!(sys.path_filestat_get(DIR, FOLLOW, path), Err(NOTCAPABLE), "{target}");
        assert_eq!(sys.path_filestat_get(DIR, 0, path).unwrap().filetype, filetype::SYMBOLIC_LINK);
    }
}

#[test]
fn no_symbolic_link_says_an_absolute_path_or_none() {
    let world = world();
    let mut sys = Sys::over(&world);
    let before = world.snapshot();
    for target in ["/", "/etc/passwd", "//x"] {
        assert!(matches!(sys.path_symlink(target, DIR, "new"), Err(NOTCAPABLE | PERM)), "{target}");
    }
    assert_eq!(sys.path_symlink("", DIR, "new"), Err(NOENT));
    assert!(matches!(sys.path_symlink("a\0b", DIR, "new"), Err(INVAL | ILSEQ)));
    assert_eq!(sys.path_symlink(b"\xff", DIR, "new"), Err(ILSEQ));
    assert_eq!(sys.path_symlink("x".repeat(4097), DIR, "new"), Err(NAMETOOLONG));
    assert_eq!(world.snapshot(), before);
}

#[test]
fn a_target_outside_the_memory_is_a_fault() {
    let world = world();
    let mut sys = Sys::over(&world);
    let (path, len) = sys.put(PATH2, "new");
    for (target, target_len) in [(MEMORY - 3, 4), (MEMORY, 1), (u32::MAX, 1)] {
        assert_eq!(call!(sys, path_symlink(target, target_len, DIR, path, len)), Err(FAULT));
    }
    assert!(!world.exists("new"));
}

#[test]
fn reading_a_link_gives_as_much_as_fits() {
    let mut sys = Sys::over(&world());
    for room in 0..10 {
        sys.poison();
        let (path, len) = sys.put(PATH, "dangling");
        assert_eq!(call!(sys, path_readlink(DIR, path, len, DATA, room, OUT)), Ok(()), "{room}");
        let used = room.min(4);
        assert_eq!(sys.u32_at(OUT), used);
        assert_eq!(sys.get(DATA, used), b"gone"[..used as usize]);
        sys.only_written(&[(PATH, 8), (DATA, used), (OUT, 4)]);
    }
}

#[test]
fn only_links_are_read() {
    let mut sys = Sys::over(&world());
    for path in ["file", "sub", ".", "sub/."] {
        assert_eq!(sys.path_readlink(DIR, path, 10), Err(INVAL), "{path}");
    }
    assert_eq!(sys.path_readlink(DIR, "gone", 10), Err(NOENT));
    assert_eq!(sys.path_readlink(DIR, "link/", 10), Err(NOTDIR), "a slash follows it");
    assert_eq!(sys.path_readlink(DIR, "way/", 10), Err(INVAL), "to a directory");
    assert_eq!(sys.path_readlink(DIR, "way", 10).unwrap(), "sub");
}

#[test]
fn what_a_link_says_goes_where_the_pointers_say_or_nowhere() {
    let mut sys = Sys::over(&world());
    let (path, len) = sys.put(PATH, "link");
    assert_eq!(call!(sys, path_readlink(DIR, path, len, MEMORY - 4, 4, 1)), Ok(()));
    assert_eq!((sys.get(MEMORY - 4, 4), sys.u32_at(1)), (b"file".to_vec(), 4));
    assert_eq!(call!(sys, path_readlink(DIR, path, len, MEMORY, 0, OUT)), Ok(()));
    for (buf, room, used) in
        [(MEMORY - 3, 4, OUT), (MEMORY, 1, OUT), (u32::MAX, 9, OUT), (DATA, u32::MAX, OUT), (DATA, 9, MEMORY - 3)]
    {
        sys.poison();
        let (path, len) = sys.put(PATH, "link");
        assert_eq!(call!(sys, path_readlink(DIR, path, len, buf, room, used)), Err(FAULT), "{buf:x} {room:x} {used:x}");
        sys.only_written(&[(PATH, 4)]);
    }
}

#[test]
fn looking_at_a_link_or_through_it() {
    let world = world();
    let mut sys = Sys::over(&world);
    for (link, through) in [("link", filetype::REGULAR_FILE), ("way", filetype::DIRECTORY)] {
        let stat = sys.path_filestat_get(DIR, 0, link).unwrap();
        assert_eq!(stat.filetype, filetype::SYMBOLIC_LINK);
        assert_eq!(stat.size, world.target(link).len() as u64, "the length of what it says");
        assert_eq!(sys.path_filestat_get(DIR, FOLLOW, link).unwrap().filetype, through);
    }
    assert_eq!(sys.path_filestat_get(DIR, 0, "dangling").unwrap().filetype, filetype::SYMBOLIC_LINK);
    assert_eq!(sys.path_filestat_get(DIR, FOLLOW, "dangling"), Err(NOENT));
    assert_eq!(sys.path_filestat_get(DIR, 0, "way/").unwrap().filetype, filetype::DIRECTORY);
    assert_eq!(sys.path_filestat_get(DIR, 0, "link/"), Err(NOTDIR));
}
