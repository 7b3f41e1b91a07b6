//! `fd_write`, `fd_pwrite`.

use crate::abi::Errno::*;
use crate::abi::{FILE_RIGHTS, fdflag, oflag, right, whence};
use crate::calls::Open;
use crate::sys::{DATA, DIR, IOVS, MEMORY, OUT, Sys, call};
use crate::world::{World, preopen};
use bailiwick_loader::wasi::{DirGrant, Output};

fn new_file(sys: &mut Sys) -> u32 {
    sys.path_open(DIR, "file", Open::file()).unwrap()
}

#[test]
fn writing_goes_on_where_it_ended() {
    let world = World::new();
    let mut sys = Sys::over(&world);
    let fd = new_file(&mut sys);
    assert_eq!(sys.fd_write(fd, "hello"), Ok(5));
    assert_eq!(sys.fd_tell(fd), Ok(5));
    assert_eq!(sys.fd_write(fd, " world"), Ok(6));
    assert_eq!(world.text("file"), "hello world", "at once, without closing or syncing");
    sys.fd_seek(fd, 1, whence::SET).unwrap();
    assert_eq!(sys.fd_write(fd, "ipp"), Ok(3));
    assert_eq!(world.text("file"), "hippo world");
}

#[test]
fn writing_beyond_the_end_leaves_zeros() {
    let world = World::new();
    let mut sys = Sys::over(&world);
    let fd = new_file(&mut sys);
    sys.fd_seek(fd, 3, whence::SET).unwrap();
    sys.fd_write(fd, "x").unwrap();
    assert_eq!(world.read("file"), b"\0\0\0x");
    sys.fd_pwrite(fd, "y", 6).unwrap();
    assert_eq!(world.read("file"), b"\0\0\0x\0\0y");
}

#[test]
fn writing_at_an_offset_leaves_the_descriptors_own() {
    let world = World::new();
    let mut sys = Sys::over(&world);
    let fd = new_file(&mut sys);
    sys.fd_write(fd, "0123456789").unwrap();
    sys.fd_seek(fd, 2, whence::SET).unwrap();
    assert_eq!(sys.fd_pwrite(fd, "XY", 8), Ok(2));
    assert_eq!(sys.fd_tell(fd), Ok(2));
    sys.fd_write(fd, "_").unwrap();
    assert_eq!(world.text("file"), "01_34567XY");
}

#[test]
fn an_offset_that_no_file_can_have_is_invalid() {
    let world = World::new();
    let mut sys = Sys::over(&world);
    let fd = new_file(&mut sys);
    for offset in [1 << 63, u64::MAX] {
        assert_eq!(sys.fd_pwrite(fd, "x", offset), Err(INVAL), "{offset:#x}");
    }
    // This one is an offset, but of no file that could be stored.
    assert!(matches!(sys.fd_pwrite(fd, "xx", i64::MAX as u64), Err(FBIG | INVAL)));
    assert_eq!(world.stat("file").len(), 0);
}

#[test]
fn appending_writes_at_the_end_wherever_the_offset_is() {
    let world = World::with(&["file"]);
    let mut sys = Sys::over(&world);
    let fd = sys.path_open(DIR, "file", Open::file().fdflags(fdflag::APPEND)).unwrap();
    let other = new_file(&mut sys);
    assert_eq!(sys.fd_write(fd, "-one"), Ok(4));
    sys.fd_seek(fd, 0, whence::SET).unwrap();
    sys.fd_pwrite(other, "-other", 8).unwrap();
    assert_eq!(sys.fd_write(fd, "-two"), Ok(4));
    assert_eq!(world.text("file"), "file-one-other-two");
    assert_eq!(sys.fd_tell(fd), Ok(18), "behind what was written");
    assert_eq!(sys.fd_pread(fd, 4, 0).unwrap(), b"file", "reading goes by the offset");
}

#[test]
fn appending_goes_before_an_offset_as_under_linux() {
    // "Always appended to the file's end", the definition has it; POSIX would write at the offset.
    let world = World::with(&["file"]);
    let mut sys = Sys::over(&world);
    let fd = sys.path_open(DIR, "file", Open::file().fdflags(fdflag::APPEND)).unwrap();
    assert_eq!(sys.fd_pwrite(fd, "end", 0), Ok(3));
    assert_eq!(world.text("file"), "fileend");
    assert_eq!(sys.fd_tell(fd), Ok(0));
}

#[test]
fn vectors_are_written_in_their_order_and_may_overlap() {
    let world = World::new();
    let mut sys = Sys::over(&world);
    let fd = new_file(&mut sys);
    sys.put(DATA, "0123456789");
    let vectors = [(DATA + 7, 3), (DATA, 0), (DATA, 2), (MEMORY, 0), (DATA + 1, 4)];
    assert_eq!(sys.fd_writev(fd, &vectors), Ok(9));
    assert_eq!(world.text("file"), "789011234");
    let (iovs, count) = sys.put_iovs(&[(DATA + 9, 1), (DATA, 1)]);
    assert_eq!(call!(sys, fd_pwrite(fd, iovs, count, 1u64, OUT)), Ok(()));
    assert_eq!((sys.u32_at(OUT), world.text("file")), (2, "790011234".to_owned()));
}

#[test]
fn nothing_written_is_nothing_changed() {
    let world = World::with(&["file"]);
    let mut sys = Sys::over(&world);
    let fd = new_file(&mut sys);
    let before = world.snapshot();
    assert_eq!(sys.fd_writev(fd, &[]), Ok(0));
    assert_eq!(sys.fd_writev(fd, &[(DATA, 0), (MEMORY, 0)]), Ok(0));
    assert_eq!(call!(sys, fd_write(fd, MEMORY, 0, OUT)), Ok(()));
    assert_eq!(sys.fd_pwrite(fd, "", 100), Ok(0));
    assert_eq!(world.snapshot(), before);
    assert_eq!(sys.fd_tell(fd), Ok(0));
}

#[test]
fn as_many_vectors_as_linux_takes_and_no_more() {
    let world = World::new();
    let mut sys = Sys::over(&world);
    let fd = new_file(&mut sys);
    sys.put(DATA, "ab");
    assert_eq!(sys.fd_writev(fd, &[(DATA, 2); 1024]), Ok(2048));
    assert_eq!(world.text("file"), "ab".repeat(1024));
    assert_eq!(sys.fd_writev(fd, &[(DATA, 2); 1025]), Err(INVAL));
    assert_eq!(call!(sys, fd_write(fd, 0, u32::MAX, OUT)), Err(INVAL));
    assert_eq!(world.stat("file").len(), 2048);
}

#[test]
fn what_one_call_can_write_is_bounded() {
    let mut sys = Sys::new(|builder| {
        builder.stdout(Output::Null);
    });
    // The whole memory, a thousand times: 256 MiB.
    let written = sys.fd_writev(1, &[(0, MEMORY); 1024]).unwrap();
    assert!((1..=64 << 20).contains(&written), "{written}");
}

#[test]
fn what_lies_outside_the_memory_is_a_fault_and_nothing_is_written() {
    let world = World::with(&["file"]);
    let mut sys = Sys::over(&world);
    let fd = new_file(&mut sys);
    let before = world.snapshot();
    let good = (DATA, 10);
    for bad in [(MEMORY - 1, 2), (MEMORY, 1), (0, MEMORY + 1), (1, u32::MAX), (u32::MAX, 1), (u32::MAX, u32::MAX)] {
        for vectors in [vec![bad], vec![good, bad], vec![bad, good], vec![good, bad, good]] {
            assert_eq!(sys.fd_writev(fd, &vectors), Err(FAULT), "{vectors:x?}");
            let (iovs, count) = sys.put_iovs(&vectors);
            assert_eq!(call!(sys, fd_pwrite(fd, iovs, count, 0u64, OUT)), Err(FAULT), "{vectors:x?}");
        }
    }
    sys.put_iovs(&[good]);
    for (iovs, count, nwritten) in [
        (MEMORY - 7, 1, OUT),
        (MEMORY - 8, 2, OUT),
        (u32::MAX - 3, 1, OUT),
        (IOVS, 1, MEMORY - 3),
        (IOVS, 1, MEMORY),
        (IOVS, 1, u32::MAX),
    ] {
        assert_eq!(call!(sys, fd_write(fd, iovs, count, nwritten)), Err(FAULT), "{iovs:x} {count} {nwritten:x}");
        assert_eq!(call!(sys, fd_pwrite(fd, iovs, count, 0u64, nwritten)), Err(FAULT), "{iovs:x} {count} {nwritten:x}");
    }
    assert_eq!(world.snapshot(), before);
    assert_eq!(sys.fd_tell(fd), Ok(0));
}

#[test]
fn memory_is_used_up_to_its_last_byte() {
    let world = World::new();
    let mut sys = Sys::over(&world);
    let fd = new_file(&mut sys);
    sys.put(MEMORY - 4, "last");
    assert_eq!(sys.fd_writev(fd, &[(MEMORY - 4, 4)]), Ok(4));
    let (iovs, count) = sys.put_iovs(&[(MEMORY - 2, 2)]);
    assert_eq!(call!(sys, fd_write(fd, iovs, count, MEMORY - 4)), Ok(()), "the result may lie over the data");
    assert_eq!(sys.u32_at(MEMORY - 4), 2);
    assert_eq!(world.text("file"), "lastst");
}

#[test]
fn only_what_is_open_for_writing_is_written() {
    let world = World::with(&["file"]);
    world.dir("sub");
    let mut sys = Sys::new(|builder| {
        preopen(builder, &world, "/", DirGrant::all());
        builder.stdin_bytes("x");
        builder.capture_stdout(9);
    });
    let before = world.snapshot();
    let reader = sys.path_open(DIR, "file", Open::rights(FILE_RIGHTS & !right::FD_WRITE)).unwrap();
    assert_eq!(sys.fd_write(reader, "x"), Err(BADF));
    assert_eq!(sys.fd_pwrite(reader, "x", 0), Err(BADF));
    assert_eq!(sys.fd_write(0, "x"), Err(BADF), "standard input");
    let sub = sys.path_open(DIR, "sub", Open::directory()).unwrap();
    for dir in [DIR, sub] {
        assert_eq!(sys.fd_write(dir, "x"), Err(ISDIR));
        assert_eq!(sys.fd_pwrite(dir, "x", 0), Err(ISDIR));
    }
    for stream in [0, 1] {
        assert_eq!(sys.fd_pwrite(stream, "x", 0), Err(SPIPE), "a stream has no offsets");
    }
    assert_eq!(world.snapshot(), before);
}

#[test]
fn a_read_only_grant_is_never_written() {
    let world = World::with(&["file"]);
    let mut sys = Sys::read_only(&world);
    let before = world.snapshot();
    let fd = sys.path_open(DIR, "file", Open::rights(FILE_RIGHTS & !right::FD_WRITE)).unwrap();
    assert_eq!(sys.fd_write(fd, "x"), Err(BADF));
    assert_eq!(sys.fd_pwrite(fd, "x", 0), Err(BADF));
    for oflags in [0, oflag::TRUNC, oflag::CREAT] {
        let open = Open::rights(right::FD_WRITE).oflags(oflags);
        assert_eq!(sys.path_open(DIR, "file", open), Err(PERM), "{oflags}");
    }
    assert_eq!(world.snapshot(), before);
}

#[test]
fn synced_writes_are_writes() {
    let world = World::new();
    let mut sys = Sys::over(&world);
    for (index, flags) in [fdflag::DSYNC, fdflag::SYNC, fdflag::RSYNC | fdflag::APPEND].into_iter().enumerate() {
        let fd = sys.path_open(DIR, "file", Open::file().fdflags(flags)).unwrap();
        sys.fd_seek(fd, 0, whence::END).unwrap();
        assert_eq!(sys.fd_write(fd, "x"), Ok(1));
        assert_eq!(world.stat("file").len(), index as u64 + 1);
    }
}

#[test]
fn a_host_file_that_is_full_says_so() {
    let mut sys = Sys::new(|builder| {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        crate::world::stdout_to(builder, full.into());
    });
    assert_eq!(sys.fd_write(1, "x"), Err(NOSPC));
}

#[test]
fn a_pipe_that_nobody_reads_is_broken() {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut sys = Sys::new(|builder| crate::world::stdout_to(builder, writer.into()));
    drop(reader);
    assert_eq!(sys.fd_write(1, "x"), Err(PIPE));
}
