//! What a guest makes has the modes that the host's owner chose by his mask, and nothing else about it.

use super::grants::puppet;
use super::puppet::{ALL, APPEND, CREAT, DIR, DIRECTORY, EXCL, TRUNC, WRITE};
use super::world::World;
use crate::common::{child, ended, task};
use bailiwick_loader::wasi::{DirGrant, Errno};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

fn mode(world: &World, path: &str) -> u32 {
    fs::symlink_metadata(world.inside(path)).expect(path).mode() & 0o7777
}

/// A child for each mask, because that is the process's.
#[test]
fn new_files_and_folders_have_plain_modes() {
    const NAME: &str = "modes::new_files_and_folders_have_plain_modes";
    let Some(mask) = task() else {
        for mask in ["0", "22", "77", "777"] {
            ended(&mut child(NAME, mask)).with(0);
        }
        return;
    };
    let mask = libc::mode_t::from_str_radix(&mask, 8).expect("a mask");
    let world = World::new();
    let (mut puppet, _) = puppet(&[(&world.granted(), DirGrant::all())]);
    // SAFETY: it has no other effect than on the modes of new files.
    unsafe { libc::umask(mask) };
    for (i, oflags) in [CREAT, CREAT | EXCL, CREAT | TRUNC, CREAT | EXCL | TRUNC].into_iter().enumerate() {
        for (j, rights) in [0, WRITE, ALL, u64::MAX].into_iter().enumerate() {
            for fdflags in [0, APPEND] {
                let name = format!("file{i}{j}{fdflags}");
                puppet.open_with(DIR, 0, name.as_bytes(), oflags, rights, fdflags).expect(&name);
                assert_eq!(mode(&world, &name), 0o666 & !mask, "{oflags} {rights:#x} {fdflags}");
            }
        }
    }
    puppet.mkdir(DIR, "dir").expect("to make");
    assert_eq!(mode(&world, "dir"), 0o777 & !mask);
    let meta = fs::metadata(world.inside("file000")).expect("a file");
    // SAFETY: neither has an effect.
    assert_eq!((meta.uid(), meta.gid()), unsafe { (libc::geteuid(), libc::getegid()) });
}

#[test]
fn no_flags_make_a_file_without_a_name_or_a_folder_by_opening() {
    let world = World::new();
    world.dir("dir");
    let (mut puppet, _) = puppet(&[(&world.granted(), DirGrant::all())]);
    for path in ["new", "dir", "dir/new", ".", "dir/"] {
        for oflags in [CREAT | DIRECTORY, CREAT | DIRECTORY | EXCL, CREAT | DIRECTORY | TRUNC, DIRECTORY | TRUNC] {
            for rights in [0, WRITE, ALL] {
                let _ = puppet.open(DIR, path, oflags, rights).map(|fd| puppet.close(fd));
                assert_eq!(world.within().paths(), ["dir"], "{path} with {oflags}");
            }
        }
        // Flags that there are not, which are the host's for something else: to look, to have no name, to wait for
        // nobody.
        for oflags in [0x10, 0x40, 0x4000, 0x8000, 0xfff0] {
            assert_eq!(puppet.open(DIR, path, CREAT | oflags, WRITE), Err(Errno::INVAL), "{path} with {oflags:#x}");
        }
        for fdflags in [0x20, 0x800, 0x4000, 0xffe0] {
            assert_eq!(
                puppet.open_with(DIR, 0, path.as_bytes(), CREAT, WRITE, fdflags),
                Err(Errno::INVAL),
                "{fdflags:#x}"
            );
        }
        assert_eq!(world.within().paths(), ["dir"], "{path}");
    }
}

#[test]
fn what_is_written_over_keeps_its_mode_and_owner() {
    let world = World::new();
    for (name, mode) in [("private", 0o600), ("program", 0o755), ("shared", 0o664)] {
        world.file(name, "before");
        fs::set_permissions(world.inside(name), PermissionsExt::from_mode(mode)).expect("to set");
    }
    let (mut puppet, _) = puppet(&[(&world.granted(), DirGrant::all())]);
    for (name, wanted) in [("private", 0o600), ("program", 0o755), ("shared", 0o664)] {
        puppet.write_file(DIR, name, b"after").expect("to write");
        puppet.link(DIR, name, DIR, "link").expect("to link");
        puppet.rename(DIR, "link", DIR, "renamed").expect("to rename");
        assert_eq!((mode(&world, name), mode(&world, "renamed")), (wanted, wanted), "{name}");
        puppet.unlink(DIR, "renamed").expect("to remove");
    }
}
