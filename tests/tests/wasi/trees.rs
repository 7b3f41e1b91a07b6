//! `path_create_directory`, `path_remove_directory`, `path_unlink_file`.

use crate::abi::Errno::*;
use crate::calls::Open;
use crate::sys::{DIR, Sys};
use crate::world::World;

fn world() -> World {
    let world = World::with(&["file"]);
    world.dir("empty");
    world.dir("full");
    world.file("full/file", "x");
    world.link("file", "link");
    world.link("empty", "way");
    world.link("gone", "dangling");
    world
}

#[test]
fn directories_are_made_where_nothing_is() {
    let world = world();
    let mut sys = Sys::over(&world);
    for path in ["new", "new/below", "new/slash/", "full/../new/./dots", "way/through-a-link"] {
        assert_eq!(sys.path_create_directory(DIR, path), Ok(()), "{path}");
        assert!(world.stat(path).is_dir());
    }
    assert_eq!(world.names("new"), ["below", "dots", "slash"]);
    assert_eq!(world.names("empty"), ["through-a-link"]);
}

#[test]
fn what_exists_is_not_made() {
    let world = world();
    let mut sys = Sys::over(&world);
    let before = world.snapshot();
    for path in
        ["file", "empty", "full", "link", "way", "dangling", ".", "./", "full/.", "full/..", "empty/", "dangling/"]
    {
        assert_eq!(sys.path_create_directory(DIR, path), Err(EXIST), "{path}");
    }
    assert_eq!(sys.path_create_directory(DIR, "gone/new"), Err(NOENT), "one at a time");
    assert_eq!(world.snapshot(), before);
}

#[test]
fn empty_directories_are_removed() {
    let world = world();
    world.dir("full/a");
    world.dir("full/b");
    let mut sys = Sys::over(&world);
    for path in ["empty", "full/a/", "full/../full/b//"] {
        assert_eq!(sys.path_remove_directory(DIR, path), Ok(()), "{path}");
        assert!(!world.exists(path));
    }
    assert_eq!(sys.path_remove_directory(DIR, "empty"), Err(NOENT), "once");
}

#[test]
fn what_is_no_empty_directory_stays() {
    let world = world();
    let mut sys = Sys::over(&world);
    let before = world.snapshot();
    assert_eq!(sys.path_remove_directory(DIR, "full"), Err(NOTEMPTY));
    assert_eq!(sys.path_remove_directory(DIR, "full/"), Err(NOTEMPTY));
    for path in ["file", "file/", "link", "way", "way/", "dangling"] {
        assert_eq!(sys.path_remove_directory(DIR, path), Err(NOTDIR), "{path}");
    }
    for path in ["gone", "gone/", "full/gone"] {
        assert_eq!(sys.path_remove_directory(DIR, path), Err(NOENT), "{path}");
    }
    for path in [".", "empty/."] {
        assert!(matches!(sys.path_remove_directory(DIR, path), Err(INVAL | BUSY | NOTEMPTY)), "{path}");
    }
    assert!(matches!(sys.path_remove_directory(DIR, "empty/.."), Err(INVAL | BUSY | NOTEMPTY)));
    assert_eq!(world.snapshot(), before);
}

#[test]
fn an_open_directory_can_be_removed_and_then_nothing_is_made_in_it() {
    let world = world();
    let mut sys = Sys::over(&world);
    let fd = sys.path_open(DIR, "empty", Open::directory()).unwrap();
    assert_eq!(sys.path_remove_directory(DIR, "empty"), Ok(()));
    assert!(sys.names(fd).is_ok_and(|names| names.is_empty()) || sys.names(fd) == Err(NOENT));
    assert_eq!(sys.path_create_directory(fd, "new"), Err(NOENT));
}

#[test]
fn files_and_links_are_unlinked_and_what_links_lead_to_stays() {
    let world = world();
    let mut sys = Sys::over(&world);
    for path in ["link", "way", "dangling", "full/file", "./file"] {
        assert_eq!(sys.path_unlink_file(DIR, path), Ok(()), "{path}");
        assert!(!world.exists(path));
        assert!(world.exists("empty"));
    }
    assert_eq!(sys.path_unlink_file(DIR, "file"), Err(NOENT), "once");
}

#[test]
fn what_is_not_a_file_is_not_unlinked() {
    let world = world();
    let mut sys = Sys::over(&world);
    let before = world.snapshot();
    for path in ["empty", "full", "empty/", "full//", ".", "full/..", "full/."] {
        assert_eq!(sys.path_unlink_file(DIR, path), Err(ISDIR), "{path}");
    }
    for path in ["file/", "file//", "link/"] {
        assert_eq!(sys.path_unlink_file(DIR, path), Err(NOTDIR), "{path}");
    }
    for path in ["gone", "gone/", "full/gone"] {
        assert_eq!(sys.path_unlink_file(DIR, path), Err(NOENT), "{path}");
    }
    // A link to a directory is a link, but with a slash it would be the directory.
    assert!(matches!(sys.path_unlink_file(DIR, "way/"), Err(ISDIR | NOTDIR)));
    assert_eq!(world.snapshot(), before);
}

#[test]
fn an_open_file_outlives_its_name() {
    let world = world();
    let mut sys = Sys::over(&world);
    let fd = sys.path_open(DIR, "file", Open::file()).unwrap();
    sys.path_unlink_file(DIR, "file").unwrap();
    assert_eq!(sys.fd_read(fd, 9).unwrap(), b"file");
    sys.fd_write(fd, " and more").unwrap();
    assert_eq!(sys.fd_filestat_get(fd).unwrap().size, 13);
    let new = sys.path_open(DIR, "file", Open::file()).unwrap();
    assert_eq!(sys.fd_read(new, 9).unwrap(), b"", "another of the same name");
}
