//! What a path may be: the same for every function that takes one.

use crate::abi::Errno::{self, *};
use crate::abi::{FOLLOW, fstflag, oflag};
use crate::calls::Open;
use crate::sys::{DATA, DIR, MEMORY, OUT, PATH, Sys, call};
use crate::world::{World, preopen};
use bailiwick_loader::wasi::{Dir, DirGrant};

/// A call with one path that is the test's choice, given as pointer and length, the rest of its arguments being good.
type Call = fn(&mut Sys, u32, u32, u32) -> Result<(), Errno>;

/// A good path for those calls that take a second one.
const GOOD: u32 = 0x3_0000;

/// Every path of every function. The descriptor is that of the directory that the path is relative to.
const CALLS: &[(&str, Call)] = &[
    ("path_create_directory", |sys, fd, ptr, len| call!(sys, path_create_directory(fd, ptr, len))),
    ("path_filestat_get", |sys, fd, ptr, len| call!(sys, path_filestat_get(fd, 0, ptr, len, OUT))),
    ("path_filestat_get, following", |sys, fd, ptr, len| call!(sys, path_filestat_get(fd, FOLLOW, ptr, len, OUT))),
    ("path_filestat_set_times", |sys, fd, ptr, len| {
        call!(sys, path_filestat_set_times(fd, FOLLOW, ptr, len, 1u64, 1u64, fstflag::MTIM))
    }),
    ("path_link, old", |sys, fd, ptr, len| call!(sys, path_link(fd, 0, ptr, len, DIR, GOOD, 3))),
    ("path_link, new", |sys, fd, ptr, len| call!(sys, path_link(DIR, 0, GOOD + 16, 4, fd, ptr, len))),
    ("path_open", |sys, fd, ptr, len| call!(sys, path_open(fd, FOLLOW, ptr, len, 0, 2u64, 0u64, 0, OUT))),
    ("path_open that creates", |sys, fd, ptr, len| {
        call!(sys, path_open(fd, FOLLOW, ptr, len, oflag::CREAT | oflag::TRUNC, 64u64, 0u64, 0, OUT))
    }),
    ("path_readlink", |sys, fd, ptr, len| call!(sys, path_readlink(fd, ptr, len, DATA, 9, OUT))),
    ("path_remove_directory", |sys, fd, ptr, len| call!(sys, path_remove_directory(fd, ptr, len))),
    ("path_rename, old", |sys, fd, ptr, len| call!(sys, path_rename(fd, ptr, len, DIR, GOOD, 3))),
    ("path_rename, new", |sys, fd, ptr, len| call!(sys, path_rename(DIR, GOOD + 16, 4, fd, ptr, len))),
    ("path_symlink, new", |sys, fd, ptr, len| call!(sys, path_symlink(GOOD + 16, 4, fd, ptr, len))),
    ("path_unlink_file", |sys, fd, ptr, len| call!(sys, path_unlink_file(fd, ptr, len))),
];

fn world() -> World {
    let world = World::with(&["file", "outside"]);
    world.dir("in");
    for name in ["in/file", "in/other"] {
        world.file(name, name);
    }
    world.dir("in/sub");
    world.link("loop", "in/loop");
    world.link("..", "in/up");
    world
}

/// A guest that was granted `in` of the world, with good second paths in its memory.
fn guest(world: &World) -> Sys {
    let mut sys = Sys::new(|builder| {
        let inside = Dir::open(std::fs::File::open(world.path("in")).unwrap().into(), DirGrant::all()).unwrap();
        builder.preopen(&inside, "/").unwrap();
        preopen(builder, world, "/all", DirGrant::read_only());
        builder.stdin_bytes("");
    });
    sys.put(GOOD, "new");
    sys.put(GOOD + 16, "file");
    sys
}

/// Makes every call with `path`, and asserts its answer, and that the world is as it was.
#[track_caller]
fn all_refuse(path: impl AsRef<[u8]>, allowed: &[Errno]) {
    let world = world();
    let before = world.snapshot();
    let mut sys = guest(&world);
    let (ptr, len) = sys.put(PATH, path.as_ref());
    for (name, call) in CALLS {
        let answer = call(&mut sys, DIR, ptr, len);
        let text = String::from_utf8_lossy(path.as_ref()).chars().take(60).collect::<String>();
        assert!(answer.is_err_and(|errno| allowed.contains(&errno)), "{name} of {text:?}: {answer:?}");
        assert_eq!(world.snapshot(), before, "{name} of {text:?}");
    }
}

#[test]
fn the_empty_path_names_nothing() {
    all_refuse("", &[NOENT]);
}

#[test]
fn absolute_paths_name_nothing_that_was_granted() {
    for path in ["/", "//", "/file", "/in/file", "//file", "/etc/passwd", "/.", "/..", "/proc/self/mem"] {
        all_refuse(path, &[NOTCAPABLE]);
    }
}

#[test]
fn what_is_outside_the_directory_was_not_granted() {
    for path in
        ["..", "../", "../outside", "sub/../../outside", "./..", "up/outside", "up/in/file", "../in/file", "sub/../.."]
    {
        all_refuse(path, &[NOTCAPABLE]);
    }
}

#[test]
fn a_path_has_no_nul() {
    for path in ["\0", "fi\0le", "file\0", "\0file", "sub/\0"] {
        all_refuse(path, &[INVAL, ILSEQ]);
    }
}

#[test]
fn a_path_is_utf_8() {
    // A lone continuation, a cut sequence, an overlong slash, a surrogate, a number beyond Unicode.
    for path in [&b"\x80"[..], b"fil\xc3", b"sub\xc0\xaffile", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff"] {
        all_refuse(path, &[ILSEQ]);
    }
}

#[test]
fn a_path_is_not_too_long() {
    all_refuse("x".repeat(256), &[NAMETOOLONG]);
    all_refuse(format!("sub/{}", "x".repeat(256)), &[NAMETOOLONG]);
    for len in [4096, 4097, 10_000] {
        all_refuse(format!("{}file", "./".repeat(len / 2)), &[NAMETOOLONG]);
    }
    let (world, longest) = (world(), "x".repeat(255));
    let mut sys = guest(&world);
    assert_eq!(sys.path_create_directory(DIR, &longest), Ok(()));
    assert_eq!(sys.path_filestat_get(DIR, 0, format!("{}file", "./".repeat(2000))).map(|stat| stat.size), Ok(7));
}

#[test]
fn what_is_on_the_way_must_be_a_directory_and_there() {
    all_refuse("gone/x", &[NOENT]);
    all_refuse("sub/gone/x", &[NOENT]);
    all_refuse("file/x", &[NOTDIR]);
    all_refuse("file/./x", &[NOTDIR]);
    all_refuse("loop/x", &[LOOP]);
}

#[test]
fn a_path_lies_in_the_memory() {
    let world = world();
    let before = world.snapshot();
    let mut sys = guest(&world);
    for (name, call) in CALLS {
        for (ptr, len) in [(MEMORY - 3, 4), (MEMORY, 1), (u32::MAX, 1), (u32::MAX - 3, 5), (MEMORY - 1, 4096)] {
            assert_eq!(call(&mut sys, DIR, ptr, len), Err(FAULT), "{name} {ptr:#x} {len:#x}");
        }
        for len in [MEMORY + 1, u32::MAX] {
            assert!(matches!(call(&mut sys, DIR, 0, len), Err(FAULT | NAMETOOLONG)), "{name} {len:#x}");
        }
    }
    assert_eq!(world.snapshot(), before);
    let at = MEMORY - 4;
    sys.put(at, "file");
    assert_eq!(call!(sys, path_filestat_get(DIR, 0, at, 4, OUT)), Ok(()), "up to its last byte");
}

#[test]
fn paths_are_relative_to_directories_only() {
    let world = world();
    let mut sys = guest(&world);
    let file = sys.path_open(DIR, "file", Open::file()).unwrap();
    let before = world.snapshot();
    let (ptr, len) = sys.put(PATH, "other");
    for (name, call) in CALLS {
        assert_eq!(call(&mut sys, file, ptr, len), Err(NOTDIR), "{name}");
        assert!(matches!(call(&mut sys, 0, ptr, len), Err(NOTDIR | BADF | NOTCAPABLE)), "{name} of a stream");
        assert_eq!(call(&mut sys, 99, ptr, len), Err(BADF), "{name}");
    }
    assert_eq!(world.snapshot(), before);
}

#[test]
fn a_read_only_grant_permits_no_change() {
    let world = world();
    let before = world.snapshot();
    let mut sys = guest(&world);
    let read_only = DIR + 1;
    for path in ["file", "in/file", "in/sub", "in", "new"] {
        let (ptr, len) = sys.put(PATH, path);
        for (name, call) in CALLS {
            let answer = call(&mut sys, read_only, ptr, len);
            match *name {
                "path_filestat_get" | "path_filestat_get, following" | "path_open" | "path_readlink" => {
                    assert_ne!(answer, Err(PERM), "{name} of {path}");
                }
                _ => assert_eq!(answer, Err(PERM), "{name} of {path}"),
            }
        }
    }
    assert_eq!(world.snapshot(), before);
}

#[test]
fn unusual_names_are_names() {
    let world = World::new();
    let mut sys = Sys::over(&world);
    let names = ["größe 漢字 🦀", " ", "a\nb", "..\\x", "...", "-rf", "C:", "*", "~", ". .", "con", "x\u{200b}"];
    for name in names {
        let fd = sys.path_open(DIR, name, Open::file()).unwrap();
        sys.fd_write(fd, name).unwrap();
        assert_eq!(world.text(name), name);
    }
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    assert_eq!(sys.names(DIR).unwrap(), sorted);
}
