//! `fd_readdir`.

use crate::abi::Errno::*;
use crate::abi::{Entry, filetype, u64_in};
use crate::calls::Open;
use crate::sys::{DATA, DIR, MEMORY, OUT, Sys, call};
use crate::world::{World, preopen};
use bailiwick_loader::wasi::DirGrant;
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

fn world() -> World {
    let world = World::with(&["file", "a", "some-longer-name"]);
    world.dir("sub");
    world.link("file", "link");
    world
}

/// Names of entries, but for `.` and `..`.
fn names(entries: &[Entry]) -> BTreeSet<&str> {
    entries.iter().map(|entry| entry.name.as_str()).filter(|name| !matches!(*name, "." | "..")).collect()
}

#[test]
fn every_entry_is_there_once_with_its_inode_and_type() {
    let world = world();
    for mut sys in [Sys::over(&world), Sys::read_only(&world)] {
        let entries = sys.list_by(DIR, 4096).unwrap();
        assert_eq!(entries.len(), 7);
        assert_eq!(names(&entries), BTreeSet::from(["file", "a", "some-longer-name", "sub", "link"]));
        for entry in &entries {
            let kind = match entry.name.as_str() {
                "." | ".." | "sub" => filetype::DIRECTORY,
                "link" => filetype::SYMBOLIC_LINK,
                _ => filetype::REGULAR_FILE,
            };
            assert_eq!(entry.filetype, kind, "{entry:?}");
            if entry.name != ".." {
                assert_eq!(entry.inode, world.stat(&entry.name).ino(), "{entry:?}");
            }
        }
    }
}

#[test]
fn the_first_entries_are_the_directory_and_its_parent() {
    let world = World::new();
    let mut sys = Sys::over(&world);
    let entries = sys.list_by(DIR, 256).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), [".", ".."]);
    assert_eq!(entries[0].inode, sys.fd_filestat_get(DIR).unwrap().inode);
}

#[test]
fn what_the_parent_of_a_grant_is_stays_outside() {
    let world = world();
    let mut sys = Sys::over(&world);
    let outside = std::fs::metadata(world.path("..")).unwrap().ino();
    let parent = sys.list_by(DIR, 4096).unwrap().into_iter().find(|entry| entry.name == "..").unwrap();
    assert_ne!(parent.inode, outside);
}

#[test]
fn each_cookie_leads_to_the_entries_behind_it() {
    let mut sys = Sys::over(&world());
    let all = sys.list_by(DIR, 4096).unwrap();
    // Forwards, backwards, and the same one again.
    let order: Vec<usize> = (0..all.len()).chain((0..all.len()).rev()).chain([3, 3, 0, 6, 1]).collect();
    for index in order {
        let answer = sys.fd_readdir(DIR, 4096, all[index].next).unwrap();
        assert_eq!(Entry::decode_all(&answer).0, all[index + 1..], "behind entry {index}");
    }
    assert_eq!(Entry::decode_all(&sys.fd_readdir(DIR, 4096, 0).unwrap()).0, all, "0 is the beginning");
    let cookies: BTreeSet<u64> = all.iter().map(|entry| entry.next).collect();
    assert_eq!(cookies.len(), all.len(), "each is another");
    assert!(!cookies.contains(&0), "and none the beginning");
}

#[test]
fn a_full_buffer_means_more_and_one_that_is_not_full_the_end() {
    let world = world();
    let mut sys = Sys::over(&world);
    let whole = sys.fd_readdir(DIR, 4096, 0).unwrap();
    assert_eq!(Entry::decode_all(&whole).1, whole.len(), "entries and nothing else");
    // Every size from nothing to everything: a beginning of the whole.
    for len in 0..whole.len() + 2 {
        let answer = sys.fd_readdir(DIR, len as u32, 0).unwrap();
        assert_eq!(answer.len(), len.min(whole.len()), "as much as fits");
        assert_eq!(answer, whole[..answer.len()], "{len}");
    }
}

#[test]
fn nothing_is_written_behind_what_is_used() {
    let mut sys = Sys::over(&world());
    for len in [0, 1, 23, 24, 25, 60, 1000] {
        sys.poison();
        assert_eq!(call!(sys, fd_readdir(DIR, DATA, len, 0u64, OUT)), Ok(()));
        let used = sys.u32_at(OUT);
        sys.only_written(&[(DATA, used), (OUT, 4)]);
    }
}

#[test]
fn an_entry_that_was_cut_off_comes_again_from_the_cookie_before_it() {
    let world = world();
    let mut sys = Sys::over(&world);
    let all = sys.list_by(DIR, 4096).unwrap();
    // Two entries of the longest name fit: smaller buffers are those in which a program must grow its own.
    let longest = Entry::HEADER + "some-longer-name".len();
    for len in longest as u32..=2 * longest as u32 {
        assert_eq!(sys.list_by(DIR, len).unwrap(), all, "{len}");
    }
    // Cut in the header or in the name: the beginning is right, so that a program can see how long it is.
    for (index, entry) in all.iter().enumerate().skip(1) {
        let size = Entry::HEADER + entry.name.len();
        for len in [1, 8, 16, 20, 23, 24, 25, size - 1] {
            let answer = sys.fd_readdir(DIR, len as u32, all[index - 1].next).unwrap();
            assert_eq!(answer.len(), len);
            if len >= 8 {
                assert_eq!(u64_in(&answer, 0), entry.next, "{len} bytes of {}", entry.name);
            }
            if len >= 24 {
                assert_eq!(answer[24..], entry.name.as_bytes()[..len - 24]);
            }
        }
    }
}

#[test]
fn behind_the_end_there_is_nothing() {
    let mut sys = Sys::over(&world());
    let all = sys.list_by(DIR, 4096).unwrap();
    let last = all.last().unwrap().next;
    for cookie in [last, last + 1, 1 << 40, i64::MAX as u64, 1 << 63, u64::MAX] {
        match sys.fd_readdir(DIR, 4096, cookie) {
            Ok(answer) => assert_eq!(answer, b"", "{cookie:#x}"),
            // Such a cookie was never given out.
            Err(errno) => assert!(cookie > last && matches!(errno, INVAL | OVERFLOW), "{cookie:#x} {errno:?}"),
        }
    }
    assert_eq!(sys.list_by(DIR, 4096).unwrap(), all, "and no harm is done");
}

#[test]
fn each_descriptor_lists_by_itself() {
    let mut sys = Sys::over(&world());
    let one = sys.path_open(DIR, ".", Open::directory()).unwrap();
    let all = sys.list_by(DIR, 4096).unwrap();
    let (first, second) = (all[0].next, all[1].next);
    let next = |sys: &mut Sys, fd, cookie| Entry::decode_all(&sys.fd_readdir(fd, 60, cookie).unwrap()).0.remove(0);
    assert_eq!(next(&mut sys, one, 0), all[0]);
    assert_eq!(next(&mut sys, DIR, first), all[1]);
    assert_eq!(next(&mut sys, one, first), all[1]);
    assert_eq!(next(&mut sys, one, second), all[2]);
    assert_eq!(next(&mut sys, DIR, 0), all[0]);
}

#[test]
fn what_is_made_or_removed_is_seen_from_the_beginning() {
    let world = world();
    let mut sys = Sys::over(&world);
    sys.list_by(DIR, 40).unwrap();
    world.file("new", "");
    std::fs::remove_file(world.path("a")).unwrap();
    let entries = sys.list_by(DIR, 4096).unwrap();
    assert_eq!(names(&entries), BTreeSet::from(["file", "new", "some-longer-name", "sub", "link"]));
    // Also by the guest's own doing.
    sys.path_create_directory(DIR, "made").unwrap();
    sys.path_unlink_file(DIR, "new").unwrap();
    let entries = sys.list_by(DIR, 4096).unwrap();
    assert_eq!(names(&entries), BTreeSet::from(["file", "made", "some-longer-name", "sub", "link"]));
}

#[test]
fn removing_what_was_listed_leaves_none_out() {
    // As `rm -r` does it; buffers of different sizes break the listing at different places.
    for len in [64, 300, 4096] {
        let world = World::new();
        (0..1000).for_each(|index| world.file(&format!("file-{index}"), ""));
        let mut sys = Sys::over(&world);
        let (mut cookie, mut removed) = (0, 0);
        loop {
            let answer = sys.fd_readdir(DIR, len, cookie).unwrap();
            for entry in Entry::decode_all(&answer).0 {
                cookie = entry.next;
                if entry.filetype == filetype::REGULAR_FILE {
                    sys.path_unlink_file(DIR, entry.name).unwrap();
                    removed += 1;
                }
            }
            if answer.len() < len as usize {
                break;
            }
        }
        assert_eq!((removed, world.names(".")), (1000, vec![]), "{len}");
    }
}

#[test]
fn what_is_made_meanwhile_hides_nothing_that_was_there() {
    let world = World::new();
    (0..500).for_each(|index| world.file(&format!("old-{index}"), ""));
    let mut sys = Sys::over(&world);
    let (mut cookie, mut seen, mut made) = (0, BTreeSet::new(), 0);
    loop {
        let answer = sys.fd_readdir(DIR, 500, cookie).unwrap();
        for entry in Entry::decode_all(&answer).0 {
            cookie = entry.next;
            assert!(seen.insert(entry.name.clone()), "{} came twice", entry.name);
        }
        if answer.len() < 500 {
            break;
        }
        made += 1;
        world.file(&format!("new-{made}"), "");
        assert!(made < 1000, "it ends");
    }
    assert!((0..500).all(|index| seen.contains(&format!("old-{index}"))));
}

#[test]
fn many_entries_are_listed_by_any_buffer_and_from_any_cookie() {
    let world = World::new();
    (0..3000).for_each(|index| world.file(&format!("{index:0>40}"), ""));
    let mut sys = Sys::over(&world);
    let all = sys.list_by(DIR, 65_536).unwrap();
    assert_eq!(names(&all).len(), 3000);
    for len in [64, 100, 1023, 32_768, 100_000] {
        assert_eq!(sys.list_by(DIR, len).unwrap(), all, "{len}");
    }
    for index in (0..all.len()).step_by(479).chain([all.len() - 2]).rev() {
        let answer = sys.fd_readdir(DIR, 640, all[index].next).unwrap();
        let entries = Entry::decode_all(&answer).0;
        assert_eq!(entries, all[index + 1..][..entries.len()], "behind entry {index}");
    }
}

#[test]
fn a_name_that_is_not_utf_8_is_told_as_it_is_and_hides_no_other() {
    let world = world();
    let odd = std::ffi::OsStr::from_bytes(b"odd-\xff\xfe");
    std::fs::write(world.path("").join(odd), "").unwrap();
    let mut sys = Sys::over(&world);
    let answer = sys.fd_readdir(DIR, 4096, 0).unwrap();
    assert!(answer.windows(6).any(|bytes| bytes == b"odd-\xff\xfe"));
    assert_eq!(Entry::decode_all(&answer).0.len(), 8);
    assert_eq!(sys.path_open(DIR, b"odd-\xff\xfe", Open::file()), Err(ILSEQ), "though no path can say it");
}

#[test]
fn what_can_be_listed_of_links_is_the_directory_behind() {
    let world = world();
    world.file("sub/inner", "");
    world.link("sub", "way");
    let mut sys = Sys::over(&world);
    let fd = sys.path_open(DIR, "way", Open::directory()).unwrap();
    assert_eq!(sys.names(fd).unwrap(), ["inner"]);
}

#[test]
fn results_go_where_the_pointers_say_or_nowhere() {
    let mut sys = Sys::over(&world());
    sys.poison();
    for (buf, len, used) in [
        (MEMORY - 99, 100, OUT),
        (MEMORY, 1, OUT),
        (u32::MAX, 100, OUT),
        (DATA, u32::MAX, OUT),
        (DATA, 100, MEMORY - 3),
        (DATA, 100, u32::MAX),
    ] {
        assert_eq!(call!(sys, fd_readdir(DIR, buf, len, 0u64, used)), Err(FAULT), "{buf:x} {len:x} {used:x}");
    }
    sys.only_written(&[]);
    assert_eq!(call!(sys, fd_readdir(DIR, MEMORY - 30, 30, 0u64, OUT + 1)), Ok(()));
    assert_eq!(sys.u32_at(OUT + 1), 30);
    assert_eq!(call!(sys, fd_readdir(DIR, MEMORY, 0, 0u64, MEMORY - 4)), Ok(()));
    assert_eq!(sys.u32_at(MEMORY - 4), 0);
    // A buffer that is the whole memory: the result is written last.
    assert_eq!(call!(sys, fd_readdir(DIR, 0, MEMORY, 0u64, 0)), Ok(()));
    assert!((1..1000).contains(&sys.u32_at(0)));
}

#[test]
fn only_directories_are_listed() {
    let world = world();
    let mut sys = Sys::new(|builder| {
        preopen(builder, &world, "/", DirGrant::all());
        builder.stdin_bytes("");
    });
    let file = sys.path_open(DIR, "file", Open::file()).unwrap();
    for fd in [file, 0] {
        assert!(matches!(sys.fd_readdir(fd, 100, 0), Err(NOTDIR | BADF | NOTCAPABLE)), "{fd}");
    }
}
