//! `fd_close`, `fd_renumber`, `fd_fdstat_get`, `fd_fdstat_set_flags`.

use crate::abi::Errno::*;
use crate::abi::{DIRECTORY_RIGHTS, FILE_RIGHTS, FOLLOW, FdStat, fdflag, filetype, oflag, right, whence};
use crate::calls::Open;
use crate::sys::{DATA, DIR, IOVS, MEMORY, OUT, OUT2, PATH, Sys, call};
use crate::world::{World, preopen};
use bailiwick_loader::wasi::DirGrant;

fn file(sys: &mut Sys, name: &str) -> u32 {
    sys.path_open(DIR, name, Open::file()).unwrap()
}

/// Every function that takes a descriptor, each argument but that one being good: what it answers for this one.
pub fn every_call_on(sys: &mut Sys, fd: u32) -> Vec<(&'static str, Result<(), crate::abi::Errno>)> {
    sys.put(PATH, "x");
    sys.put_iovs(&[(DATA, 8)]);
    let mut answers = Vec::new();
    macro_rules! each {
        ($($name:ident($($argument:expr),*);)*) => { $(answers.push((stringify!($name), call!(sys, $name($($argument),*))));)* };
    }
    each! {
        fd_advise(fd, 0u64, 1u64, 0u32);
        fd_allocate(fd, 0u64, 1u64);
        fd_datasync(fd);
        fd_fdstat_get(fd, OUT);
        fd_fdstat_set_flags(fd, 0u32);
        fd_fdstat_set_rights(fd, 0u64, 0u64);
        fd_filestat_get(fd, OUT);
        fd_filestat_set_size(fd, 1u64);
        fd_filestat_set_times(fd, 1u64, 1u64, 5u32);
        fd_pread(fd, IOVS, 1u32, 0u64, OUT);
        fd_prestat_get(fd, OUT);
        fd_prestat_dir_name(fd, DATA, 100u32);
        fd_pwrite(fd, IOVS, 1u32, 0u64, OUT);
        fd_read(fd, IOVS, 1u32, OUT);
        fd_readdir(fd, DATA, 100u32, 0u64, OUT);
        fd_renumber(fd, DIR);
        fd_renumber(DIR, fd);
        fd_seek(fd, 0u64, whence::CUR, OUT);
        fd_seek(fd, 1u64, whence::SET, OUT);
        fd_sync(fd);
        fd_tell(fd, OUT);
        fd_write(fd, IOVS, 1u32, OUT);
        path_create_directory(fd, PATH, 1u32);
        path_filestat_get(fd, FOLLOW, PATH, 1u32, OUT);
        path_filestat_set_times(fd, FOLLOW, PATH, 1u32, 1u64, 1u64, 5u32);
        path_link(fd, 0u32, PATH, 1u32, DIR, PATH, 1u32);
        path_link(DIR, 0u32, PATH, 1u32, fd, PATH, 1u32);
        path_open(fd, FOLLOW, PATH, 1u32, oflag::CREAT, FILE_RIGHTS, 0u64, 0u32, OUT);
        path_readlink(fd, PATH, 1u32, DATA, 100u32, OUT);
        path_remove_directory(fd, PATH, 1u32);
        path_rename(fd, PATH, 1u32, DIR, PATH, 1u32);
        path_rename(DIR, PATH, 1u32, fd, PATH, 1u32);
        path_symlink(PATH, 1u32, fd, PATH, 1u32);
        path_unlink_file(fd, PATH, 1u32);
        sock_accept(fd, 0u32, OUT);
        sock_recv(fd, IOVS, 1u32, 0u32, OUT, OUT2);
        sock_send(fd, IOVS, 1u32, 0u32, OUT);
        sock_shutdown(fd, 3u32);
        fd_close(fd);
    }
    answers
}

#[test]
fn a_number_that_is_not_open_is_bad_for_every_function() {
    let world = World::with(&["x"]);
    let mut sys = Sys::over(&world);
    let closed = file(&mut sys, "x");
    sys.fd_close(closed).unwrap();
    let before = world.snapshot();
    // The host's own descriptors are open under such numbers: a guest's say nothing of them.
    for fd in [closed, 0, 1, 2, 5, 6, 7, 8, 9, 1000, 1 << 16, i32::MAX.cast_unsigned(), 1 << 31, u32::MAX] {
        for (name, answer) in every_call_on(&mut sys, fd) {
            assert_eq!(answer, Err(BADF), "{name} of {fd}");
        }
    }
    assert_eq!(world.snapshot(), before);
    assert_eq!(sys.fd_prestat_dir_name(DIR).unwrap(), "/", "what is open stays so");
}

#[test]
fn closing_closes_once() {
    let world = World::with(&["a", "b"]);
    let mut sys = Sys::over(&world);
    let (a, b) = (file(&mut sys, "a"), file(&mut sys, "b"));
    assert_ne!(a, b);
    assert_eq!(sys.fd_close(a), Ok(()));
    assert_eq!(sys.fd_close(a), Err(BADF));
    assert_eq!(sys.fd_read(b, 9).unwrap(), b"b");
    let again = file(&mut sys, "a");
    assert_eq!(sys.fd_read(again, 9).unwrap(), b"a", "whatever number it has now, it is a new descriptor");
}

#[test]
fn closing_really_closes() {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut sys = Sys::new(|builder| {
        crate::world::stdout_to(builder, writer.into());
    });
    assert_eq!(sys.fd_write(1, "last words"), Ok(10));
    sys.fd_close(1).unwrap();
    // Were it still open, this would wait for ever.
    assert_eq!(std::io::read_to_string(reader).unwrap(), "last words");
    assert_eq!(sys.fd_write(1, "more"), Err(BADF));
}

#[test]
fn renumbering_moves_a_descriptor_with_all_that_it_is() {
    let world = World::with(&["a", "b"]);
    let mut sys = Sys::over(&world);
    let rights = FILE_RIGHTS & !right::FD_ADVISE;
    let a = sys.path_open(DIR, "a", Open::rights(rights).fdflags(fdflag::APPEND)).unwrap();
    let b = file(&mut sys, "b");
    sys.fd_seek(a, 1, whence::SET).unwrap();
    assert_eq!(sys.fd_renumber(a, b), Ok(()));
    assert_eq!(sys.fd_fdstat_get(a), Err(BADF), "the old number is free");
    let stat = sys.fd_fdstat_get(b).unwrap();
    assert_eq!((stat.base, stat.flags), (rights, fdflag::APPEND));
    assert_eq!(sys.fd_tell(b), Ok(1));
    sys.fd_write(b, "ppended").unwrap();
    assert_eq!((world.text("a"), world.text("b")), ("appended".to_owned(), "b".to_owned()));
}

#[test]
fn renumbering_closes_what_was_there() {
    let (reader, writer) = std::io::pipe().unwrap();
    let world = World::new();
    let mut sys = Sys::new(|builder| {
        preopen(builder, &world, "/", DirGrant::all());
        crate::world::stdout_to(builder, writer.into());
    });
    let log = file(&mut sys, "log");
    sys.fd_write(1, "to the pipe").unwrap();
    sys.fd_renumber(log, 1).unwrap();
    assert_eq!(std::io::read_to_string(reader).unwrap(), "to the pipe");
    assert_eq!(sys.fd_write(1, "to the file"), Ok(11));
    assert_eq!(world.text("log"), "to the file");
}

#[test]
fn renumbering_to_itself_changes_nothing() {
    let world = World::with(&["a"]);
    let mut sys = Sys::over(&world);
    let a = file(&mut sys, "a");
    for fd in [a, DIR] {
        let before = sys.fd_fdstat_get(fd);
        assert_eq!(sys.fd_renumber(fd, fd), Ok(()));
        assert_eq!(sys.fd_fdstat_get(fd), before);
    }
    assert_eq!(sys.fd_read(a, 9).unwrap(), b"a");
    assert_eq!(sys.fd_prestat_dir_name(DIR).unwrap(), "/");
}

#[test]
fn renumbering_needs_two_open_numbers() {
    let world = World::with(&["a"]);
    let mut sys = Sys::over(&world);
    let a = file(&mut sys, "a");
    for (from, to) in [(a, a + 1), (a + 1, a), (a, u32::MAX), (u32::MAX, a), (a, 0), (0, a), (a + 1, a + 1), (9, 8)] {
        assert_eq!(sys.fd_renumber(from, to), Err(BADF), "{from} {to}");
    }
    assert_eq!(sys.fd_read(a, 9).unwrap(), b"a", "and none is closed by the attempt");
}

#[test]
fn a_preopen_can_be_overwritten_and_moved() {
    let (one, other) = (World::with(&["in one"]), World::with(&["in other"]));
    let mut sys = Sys::new(|builder| {
        preopen(builder, &one, "/one", DirGrant::all());
        preopen(builder, &other, "/other", DirGrant::all());
    });
    assert_eq!(sys.fd_renumber(4, 3), Ok(()));
    assert_eq!(sys.names(3).unwrap(), ["in other"]);
    assert_eq!(sys.fd_prestat_dir_name(3).unwrap(), "/other");
    assert_eq!(sys.fd_prestat_get(4), Err(BADF));
    assert_eq!(sys.names(4), Err(BADF));
}

#[test]
fn stat_says_what_a_descriptor_is() {
    let world = World::with(&["a"]);
    world.dir("sub");
    let mut sys = Sys::over(&world);
    let all = FILE_RIGHTS | DIRECTORY_RIGHTS;
    assert_eq!(
        sys.fd_fdstat_get(DIR).unwrap(),
        FdStat { filetype: filetype::DIRECTORY, flags: 0, base: DIRECTORY_RIGHTS, inheriting: all }
    );
    let sub = sys.path_open(DIR, "sub", Open::directory()).unwrap();
    assert_eq!(
        sys.fd_fdstat_get(sub).unwrap(),
        FdStat { filetype: filetype::DIRECTORY, flags: 0, base: DIRECTORY_RIGHTS, inheriting: all }
    );
    let a = file(&mut sys, "a");
    assert_eq!(
        sys.fd_fdstat_get(a).unwrap(),
        FdStat { filetype: filetype::REGULAR_FILE, flags: 0, base: FILE_RIGHTS, inheriting: 0 }
    );
}

#[test]
fn stat_writes_24_bytes_or_none() {
    let mut sys = Sys::over(&World::new());
    sys.poison();
    for at in [MEMORY - 24, OUT + 5] {
        assert_eq!(call!(sys, fd_fdstat_get(DIR, at)), Ok(()));
    }
    for at in [MEMORY - 23, MEMORY, u32::MAX - 23, u32::MAX] {
        assert_eq!(call!(sys, fd_fdstat_get(DIR, at)), Err(FAULT), "{at:#x}");
    }
    sys.only_written(&[(MEMORY - 24, 24), (OUT + 5, 24)]);
}

#[test]
fn flags_are_those_of_the_opening() {
    let world = World::with(&["a"]);
    let mut sys = Sys::over(&world);
    for flags in 0..32 {
        let fd = sys.path_open(DIR, "a", Open::rights(FILE_RIGHTS).fdflags(flags)).unwrap();
        assert_eq!(sys.fd_fdstat_get(fd).unwrap().flags, flags);
        sys.fd_close(fd).unwrap();
    }
}

#[test]
fn appending_can_be_switched_on_and_off() {
    let world = World::new();
    world.file("a", "0123456789");
    let mut sys = Sys::over(&world);
    let a = file(&mut sys, "a");
    sys.fd_fdstat_set_flags(a, fdflag::APPEND).unwrap();
    assert_eq!(sys.fd_fdstat_get(a).unwrap().flags, fdflag::APPEND);
    sys.fd_write(a, "end").unwrap();
    assert_eq!(world.text("a"), "0123456789end");
    sys.fd_fdstat_set_flags(a, 0).unwrap();
    assert_eq!(sys.fd_fdstat_get(a).unwrap().flags, 0);
    sys.fd_seek(a, 0, whence::SET).unwrap();
    sys.fd_write(a, "x").unwrap();
    assert_eq!(world.text("a"), "x123456789end");
}

#[test]
fn not_blocking_can_be_switched_on_and_off() {
    let world = World::with(&["a"]);
    let mut sys = Sys::over(&world);
    let a = file(&mut sys, "a");
    for flags in [fdflag::NONBLOCK, fdflag::NONBLOCK | fdflag::APPEND, 0] {
        assert_eq!(sys.fd_fdstat_set_flags(a, flags), Ok(()));
        assert_eq!(sys.fd_fdstat_get(a).unwrap().flags, flags);
    }
    assert_eq!(sys.fd_read(a, 9).unwrap(), b"a", "a file never blocks");
}

#[test]
fn flags_are_a_descriptors_own() {
    let world = World::with(&["a"]);
    let mut sys = Sys::over(&world);
    let (one, other) = (file(&mut sys, "a"), file(&mut sys, "a"));
    sys.fd_fdstat_set_flags(one, fdflag::APPEND).unwrap();
    assert_eq!(sys.fd_fdstat_get(other).unwrap().flags, 0);
    sys.fd_write(other, "b").unwrap();
    assert_eq!(world.text("a"), "b");
}

#[test]
fn how_writes_are_synced_is_settled_when_opening() {
    let world = World::with(&["a"]);
    let mut sys = Sys::over(&world);
    let plain = file(&mut sys, "a");
    let synced = sys.path_open(DIR, "a", Open::rights(FILE_RIGHTS).fdflags(fdflag::SYNC)).unwrap();
    for flag in [fdflag::DSYNC, fdflag::RSYNC, fdflag::SYNC] {
        // The definition names no error; it must not succeed without doing it.
        assert!(matches!(sys.fd_fdstat_set_flags(plain, flag), Err(NOTSUP | INVAL)), "{flag}");
    }
    assert!(matches!(sys.fd_fdstat_set_flags(synced, 0), Err(NOTSUP | INVAL)));
    assert_eq!(sys.fd_fdstat_get(plain).unwrap().flags, 0);
    assert_eq!(sys.fd_fdstat_get(synced).unwrap().flags, fdflag::SYNC);
}

#[test]
fn flags_without_a_name_are_invalid() {
    let world = World::with(&["a"]);
    let mut sys = Sys::over(&world);
    let a = file(&mut sys, "a");
    for flags in [0x20, 0x21, 0x8000, 0x1_0000, 0x1_0001, u32::MAX] {
        assert_eq!(sys.fd_fdstat_set_flags(a, flags), Err(INVAL), "{flags:#x}");
    }
    assert_eq!(sys.fd_fdstat_get(a).unwrap().flags, 0);
}
