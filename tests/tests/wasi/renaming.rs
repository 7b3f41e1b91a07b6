//! `path_rename`.

use crate::abi::Errno::*;
use crate::calls::Open;
use crate::sys::{DIR, Sys};
use crate::world::{World, preopen};
use bailiwick_loader::wasi::DirGrant;
use std::os::unix::fs::MetadataExt;

fn world() -> World {
    let world = World::with(&["file", "other"]);
    world.dir("empty");
    world.dir("full");
    world.file("full/inner", "inner");
    world.link("file", "link");
    world.link("full", "way");
    world
}

#[test]
fn a_name_moves() {
    let world = world();
    let mut sys = Sys::over(&world);
    let inode = world.stat("file").ino();
    for (old, new) in
        [("file", "new"), ("new", "full/file"), ("full/file", "empty/../way/again"), ("full/again", "./file")]
    {
        assert_eq!(sys.path_rename(DIR, old, DIR, new), Ok(()), "{old} {new}");
        assert!(!world.exists(old));
        assert_eq!(world.text(new), "file");
    }
    assert_eq!(world.stat("file").ino(), inode, "it is the same file");
    assert_eq!(sys.path_rename(DIR, "full", DIR, "moved"), Ok(()));
    assert_eq!(world.text("moved/inner"), "inner");
}

#[test]
fn directories_may_be_named_with_a_slash() {
    let world = world();
    let mut sys = Sys::over(&world);
    for (old, new) in [("empty/", "a"), ("a", "b/"), ("b/", "c/"), ("c//", "full/../d//")] {
        assert_eq!(sys.path_rename(DIR, old, DIR, new), Ok(()), "{old} {new}");
    }
    assert!(world.stat("d").is_dir());
}

#[test]
fn from_one_descriptor_to_another_of_the_same_grant() {
    let world = world();
    let mut sys = Sys::over(&world);
    let (full, empty) = (
        sys.path_open(DIR, "full", Open::directory()).unwrap(),
        sys.path_open(DIR, "empty", Open::directory()).unwrap(),
    );
    assert_eq!(sys.path_rename(full, "inner", empty, "outer"), Ok(()));
    assert_eq!(world.text("empty/outer"), "inner");
    assert_eq!(sys.path_rename(empty, "outer", DIR, "top"), Ok(()));
    assert_eq!(world.text("top"), "inner");
}

#[test]
fn what_is_there_is_replaced_by_its_like() {
    let world = world();
    let mut sys = Sys::over(&world);
    let replaced = sys.path_open(DIR, "other", Open::file()).unwrap();
    assert_eq!(sys.path_rename(DIR, "file", DIR, "other"), Ok(()));
    assert_eq!(world.text("other"), "file");
    assert_eq!(sys.fd_read(replaced, 9).unwrap(), b"other", "who has it open keeps it");
    assert_eq!(sys.path_rename(DIR, "full", DIR, "empty"), Ok(()));
    assert_eq!(world.text("empty/inner"), "inner");
}

#[test]
fn what_is_unlike_is_not_replaced() {
    let world = world();
    let mut sys = Sys::over(&world);
    let before = world.snapshot();
    assert_eq!(sys.path_rename(DIR, "file", DIR, "empty"), Err(ISDIR));
    assert_eq!(sys.path_rename(DIR, "link", DIR, "empty"), Err(ISDIR));
    assert_eq!(sys.path_rename(DIR, "empty", DIR, "file"), Err(NOTDIR));
    assert_eq!(sys.path_rename(DIR, "empty", DIR, "way"), Err(NOTDIR), "not even a link to a directory");
    assert!(matches!(sys.path_rename(DIR, "empty", DIR, "full"), Err(NOTEMPTY | EXIST)));
    assert_eq!(world.snapshot(), before);
}

#[test]
fn a_slash_is_for_directories() {
    let world = world();
    let mut sys = Sys::over(&world);
    let before = world.snapshot();
    for (old, new) in
        [("file/", "new"), ("file", "new/"), ("file/", "new/"), ("link/", "new"), ("way/", "new"), ("file", "other/")]
    {
        assert_eq!(sys.path_rename(DIR, old, DIR, new), Err(NOTDIR), "{old} {new}");
    }
    assert!(matches!(sys.path_rename(DIR, "file", DIR, "empty/"), Err(NOTDIR | ISDIR)));
    assert_eq!(world.snapshot(), before);
}

#[test]
fn links_are_renamed_and_not_followed() {
    let world = world();
    let mut sys = Sys::over(&world);
    sys.path_rename(DIR, "link", DIR, "moved").unwrap();
    assert_eq!(world.target("moved"), "file");
    sys.path_rename(DIR, "other", DIR, "moved").unwrap();
    assert_eq!((world.text("moved"), world.text("file")), ("other".to_owned(), "file".to_owned()));
}

#[test]
fn renaming_to_itself_and_between_links_of_one_file_changes_nothing() {
    let world = world();
    std::fs::hard_link(world.path("file"), world.path("hard")).unwrap();
    let mut sys = Sys::over(&world);
    let before = world.snapshot();
    for (old, new) in [("file", "file"), ("full", "full"), ("link", "link"), ("file", "hard")] {
        assert_eq!(sys.path_rename(DIR, old, DIR, new), Ok(()), "{old} {new}");
    }
    assert_eq!(world.snapshot(), before);
}

#[test]
fn what_is_not_there_or_has_no_name_is_not_renamed() {
    let world = world();
    let mut sys = Sys::over(&world);
    let before = world.snapshot();
    for (old, new) in [("gone", "new"), ("full/gone", "new"), ("gone/", "new"), ("file", "gone/new"), ("gone", "file")]
    {
        assert_eq!(sys.path_rename(DIR, old, DIR, new), Err(NOENT), "{old} {new}");
    }
    for (old, new) in
        [(".", "new"), ("full/.", "new"), ("full/..", "new"), ("full", "."), ("full", "empty/."), ("full", "empty/..")]
    {
        assert!(matches!(sys.path_rename(DIR, old, DIR, new), Err(BUSY | INVAL | NOTEMPTY | EXIST)), "{old} {new}");
    }
    assert_eq!(world.snapshot(), before);
}

#[test]
fn a_directory_does_not_move_into_itself() {
    let world = world();
    let mut sys = Sys::over(&world);
    world.dir("full/sub");
    let before = world.snapshot();
    for new in ["full/new", "full/sub/new", "full/sub", "way/new"] {
        assert_eq!(sys.path_rename(DIR, "full", DIR, new), Err(INVAL), "{new}");
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
    let before = one.snapshot();
    assert_eq!(sys.path_rename(3, "file", 4, "file"), Err(XDEV));
    assert_eq!(sys.path_rename(3, "file", 5, "new"), Err(XDEV), "though it is the same folder");
    assert_eq!(one.snapshot(), before);
    assert_eq!(other.names("."), [""; 0]);
}
