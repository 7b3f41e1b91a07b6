//! `fd_read`, `fd_pread`.

use crate::abi::Errno::*;
use crate::abi::{FILE_RIGHTS, fdflag, right, whence};
use crate::calls::Open;
use crate::sys::{DATA, DIR, IOVS, MEMORY, OUT, Sys, call};
use crate::world::World;

const DIGITS: &str = "0123456789";

fn world() -> World {
    let world = World::new();
    world.file("digits", DIGITS);
    world.file("empty", "");
    world
}

fn digits(sys: &mut Sys) -> u32 {
    sys.path_open(DIR, "digits", Open::file()).unwrap()
}

#[test]
fn reading_goes_on_where_it_ended() {
    let mut sys = Sys::over(&world());
    let fd = digits(&mut sys);
    assert_eq!(sys.fd_read(fd, 4).unwrap(), b"0123");
    assert_eq!(sys.fd_tell(fd), Ok(4));
    assert_eq!(sys.fd_read(fd, 4).unwrap(), b"4567");
    assert_eq!(sys.fd_read(fd, 4).unwrap(), b"89", "as much as there is");
    assert_eq!(sys.fd_tell(fd), Ok(10));
    assert_eq!(sys.fd_read(fd, 4).unwrap(), b"", "nothing at the end");
    assert_eq!(sys.fd_tell(fd), Ok(10));
}

#[test]
fn beyond_the_end_there_is_nothing() {
    let mut sys = Sys::over(&world());
    let fd = digits(&mut sys);
    for offset in [10, 11, 1 << 40, i64::MAX as u64 - 100] {
        assert_eq!(sys.fd_pread(fd, 4, offset).unwrap(), b"", "{offset}");
    }
    sys.fd_seek(fd, 100, whence::SET).unwrap();
    assert_eq!(sys.fd_read(fd, 4).unwrap(), b"");
    let empty = sys.path_open(DIR, "empty", Open::file()).unwrap();
    assert_eq!(sys.fd_read(empty, 4).unwrap(), b"");
}

#[test]
fn reading_at_an_offset_leaves_the_descriptors_own() {
    let mut sys = Sys::over(&world());
    let fd = digits(&mut sys);
    sys.fd_seek(fd, 3, whence::SET).unwrap();
    assert_eq!(sys.fd_pread(fd, 4, 5).unwrap(), b"5678");
    assert_eq!(sys.fd_pread(fd, 4, 8).unwrap(), b"89");
    assert_eq!(sys.fd_tell(fd), Ok(3));
    assert_eq!(sys.fd_read(fd, 1).unwrap(), b"3");
}

#[test]
fn an_offset_that_no_file_can_have_is_invalid() {
    let mut sys = Sys::over(&world());
    let fd = digits(&mut sys);
    for offset in [1 << 63, u64::MAX] {
        assert_eq!(sys.fd_pread(fd, 4, offset), Err(INVAL), "{offset:#x}");
    }
}

#[test]
fn vectors_are_filled_in_their_order() {
    let mut sys = Sys::over(&world());
    let fd = digits(&mut sys);
    sys.poison();
    // Neither in the order of addresses, nor without empty ones, nor aligned.
    let vectors = [(DATA + 101, 3), (DATA + 50, 0), (DATA, 2), (MEMORY, 0), (DATA + 200, 100)];
    assert_eq!(sys.fd_readv(fd, &vectors), Ok(10));
    assert_eq!(sys.get(DATA + 101, 3), b"012");
    assert_eq!(sys.get(DATA, 2), b"34");
    assert_eq!(sys.get(DATA + 200, 5), b"56789");
    sys.only_written(&[(IOVS, 40), (OUT, 4), (DATA + 101, 3), (DATA, 2), (DATA + 200, 5)]);

    let (iovs, count) = sys.put_iovs(&[(DATA + 1, 1), (DATA, 1)]);
    assert_eq!(call!(sys, fd_pread(fd, iovs, count, 7u64, OUT)), Ok(()));
    assert_eq!((sys.u32_at(OUT), sys.get(DATA, 2)), (2, b"87".to_vec()));
}

#[test]
fn no_vectors_and_empty_vectors_read_nothing() {
    let mut sys = Sys::over(&world());
    let fd = digits(&mut sys);
    sys.poison();
    assert_eq!(sys.fd_readv(fd, &[]), Ok(0));
    assert_eq!(sys.fd_readv(fd, &[(DATA, 0), (0, 0), (MEMORY, 0)]), Ok(0));
    assert_eq!(call!(sys, fd_read(fd, MEMORY, 0, OUT)), Ok(()), "an array of none, at the end of the memory");
    assert_eq!(call!(sys, fd_pread(fd, MEMORY, 0, 0u64, OUT)), Ok(()));
    sys.only_written(&[(IOVS, 24), (OUT, 4)]);
    assert_eq!(sys.fd_tell(fd), Ok(0));
}

#[test]
fn as_many_vectors_as_linux_takes_and_no_more() {
    let mut sys = Sys::over(&world());
    let fd = digits(&mut sys);
    let vectors: Vec<(u32, u32)> = (0..1024).map(|index| (DATA + 2 * index, 1)).collect();
    assert_eq!(sys.fd_readv(fd, &vectors), Ok(10));
    assert_eq!(sys.get(DATA, 19).iter().step_by(2).copied().collect::<Vec<u8>>(), DIGITS.as_bytes());
    sys.fd_seek(fd, 0, whence::SET).unwrap();
    let vectors: Vec<(u32, u32)> = (0..1025).map(|index| (DATA + 2 * index, 1)).collect();
    assert_eq!(sys.fd_readv(fd, &vectors), Err(INVAL));
    assert_eq!(call!(sys, fd_read(fd, 0, u32::MAX, OUT)), Err(INVAL));
    assert_eq!(sys.fd_tell(fd), Ok(0));
}

#[test]
fn overlapping_vectors_get_a_beginning_of_the_file_and_nothing_else_is_written() {
    for vectors in [[(DATA, 6), (DATA + 3, 6)], [(DATA + 3, 6), (DATA, 6)], [(DATA, 5), (DATA, 5)]] {
        let mut sys = Sys::over(&world());
        let fd = digits(&mut sys);
        sys.poison();
        let nread = sys.fd_readv(fd, &vectors).unwrap();
        assert!((1..=10).contains(&nread), "{vectors:x?}: {nread}");
        assert_eq!(sys.fd_tell(fd), Ok(nread.into()), "what was not read is still to come");
        sys.only_written(&[(IOVS, 16), (OUT, 8), (DATA, 9)]);
        // The first vector has its part, unless the second one wrote over it.
        if nread <= vectors[0].1 {
            assert_eq!(sys.get(vectors[0].0, nread), &DIGITS.as_bytes()[..nread as usize]);
        }
    }
}

#[test]
fn a_buffer_may_lie_over_the_vectors_and_over_the_result() {
    let mut sys = Sys::over(&world());
    let fd = digits(&mut sys);
    // The vectors are read before anything is written over them.
    let (iovs, count) = sys.put_iovs(&[(IOVS, 8), (IOVS + 8, 2)]);
    assert_eq!(call!(sys, fd_read(fd, iovs, count, OUT)), Ok(()));
    assert_eq!((sys.u32_at(OUT), sys.get(IOVS, 10)), (10, DIGITS.as_bytes().to_vec()));
    // The result is written last.
    sys.fd_seek(fd, 0, whence::SET).unwrap();
    let (iovs, count) = sys.put_iovs(&[(DATA, 10)]);
    assert_eq!(call!(sys, fd_read(fd, iovs, count, DATA + 3)), Ok(()));
    assert_eq!(sys.u32_at(DATA + 3), 10);
    assert_eq!((sys.get(DATA, 3), sys.get(DATA + 7, 3)), (b"012".to_vec(), b"789".to_vec()));
}

#[test]
fn memory_is_used_up_to_its_last_byte() {
    let mut sys = Sys::over(&world());
    let fd = digits(&mut sys);
    assert_eq!(sys.fd_readv(fd, &[(MEMORY - 4, 4)]), Ok(4));
    assert_eq!(sys.get(MEMORY - 4, 4), b"0123");
    sys.put(MEMORY - 12, [DATA, 2].map(u32::to_le_bytes).concat());
    assert_eq!(call!(sys, fd_read(fd, MEMORY - 12, 1, MEMORY - 4)), Ok(()));
    assert_eq!((sys.u32_at(MEMORY - 4), sys.get(DATA, 2)), (2, b"45".to_vec()));
    assert_eq!(sys.fd_readv(fd, &[(0, MEMORY)]), Ok(4), "all of it at once");
    assert_eq!(sys.get(0, 4), b"6789");
}

#[test]
fn pointers_have_any_alignment() {
    let mut sys = Sys::over(&world());
    let fd = digits(&mut sys);
    for shift in 1..8 {
        let vectors = [(DATA + shift, 3), (DATA + 101 + shift, 2)];
        sys.put(
            IOVS + shift,
            vectors.iter().flat_map(|&(ptr, len)| [ptr, len]).flat_map(u32::to_le_bytes).collect::<Vec<u8>>(),
        );
        assert_eq!(call!(sys, fd_pread(fd, IOVS + shift, 2, u64::from(shift), OUT + shift)), Ok(()));
        assert_eq!(sys.u32_at(OUT + shift), 5.min(10 - shift));
        assert_eq!(sys.get(DATA + shift, 3), &DIGITS.as_bytes()[shift as usize..][..3]);
        sys.fd_seek(fd, 0, whence::SET).unwrap();
        assert_eq!(call!(sys, fd_read(fd, IOVS + shift, 2, OUT + shift)), Ok(()));
        assert_eq!((sys.u32_at(OUT + shift), sys.get(DATA + 101 + shift, 2)), (5, b"34".to_vec()));
    }
}

#[test]
fn what_lies_outside_the_memory_is_a_fault_and_nothing_is_read() {
    let mut sys = Sys::over(&world());
    let fd = digits(&mut sys);
    // Buffers: one bad among good ones is enough, wherever it stands, even where the file ends before it.
    let good = (DATA, 100);
    for bad in [(MEMORY - 1, 2), (MEMORY, 1), (0, MEMORY + 1), (1, u32::MAX), (u32::MAX, 1), (u32::MAX, u32::MAX)] {
        for vectors in [vec![bad], vec![good, bad], vec![bad, good], vec![good, bad, good]] {
            assert_eq!(sys.fd_readv(fd, &vectors), Err(FAULT), "{vectors:x?}");
            let (iovs, count) = sys.put_iovs(&vectors);
            assert_eq!(call!(sys, fd_pread(fd, iovs, count, 0u64, OUT)), Err(FAULT), "{vectors:x?}");
        }
    }
    // The array of vectors, and the place of the result.
    sys.put_iovs(&[good]);
    sys.put(MEMORY - 8, [DATA, 2].map(u32::to_le_bytes).concat());
    for (iovs, count, nread) in [
        (MEMORY - 7, 1, OUT),
        (MEMORY - 8, 2, OUT),
        (MEMORY, 1, OUT),
        (u32::MAX - 3, 1, OUT),
        (IOVS, 1, MEMORY - 3),
        (IOVS, 1, MEMORY),
        (IOVS, 1, u32::MAX),
        (IOVS, 0, u32::MAX),
    ] {
        assert_eq!(call!(sys, fd_read(fd, iovs, count, nread)), Err(FAULT), "{iovs:x} {count} {nread:x}");
        assert_eq!(call!(sys, fd_pread(fd, iovs, count, 0u64, nread)), Err(FAULT), "{iovs:x} {count} {nread:x}");
    }
    assert_eq!(sys.get(DATA, 10), [0; 10]);
    assert_eq!(sys.fd_tell(fd), Ok(0));
}

#[test]
fn only_what_is_open_for_reading_is_read() {
    let world = world();
    world.dir("sub");
    let mut sys = Sys::new(|builder| {
        crate::world::preopen(builder, &world, "/", bailiwick_loader::wasi::DirGrant::all());
        builder.stdin_bytes(DIGITS);
        builder.capture_stdout(9);
    });
    let writer = sys.path_open(DIR, "digits", Open::rights(FILE_RIGHTS & !right::FD_READ)).unwrap();
    assert_eq!(sys.fd_read(writer, 1), Err(BADF));
    assert_eq!(sys.fd_pread(writer, 1, 0), Err(BADF));
    assert_eq!(sys.fd_read(1, 1), Err(BADF), "standard output");
    let sub = sys.path_open(DIR, "sub", Open::directory()).unwrap();
    for dir in [DIR, sub] {
        assert_eq!(sys.fd_read(dir, 1), Err(ISDIR));
        assert_eq!(sys.fd_pread(dir, 1, 0), Err(ISDIR));
    }
    for stream in [0, 1] {
        assert_eq!(sys.fd_pread(stream, 1, 0), Err(SPIPE), "a stream has no offsets");
    }
    assert_eq!(sys.fd_read(0, 100).unwrap(), DIGITS.as_bytes());
}

#[test]
fn a_file_never_blocks() {
    let mut sys = Sys::over(&world());
    let fd = sys.path_open(DIR, "empty", Open::file().fdflags(fdflag::NONBLOCK)).unwrap();
    assert_eq!(sys.fd_read(fd, 1).unwrap(), b"");
}

#[test]
fn what_others_write_and_remove_is_seen() {
    let world = world();
    let mut sys = Sys::over(&world);
    let fd = digits(&mut sys);
    assert_eq!(sys.fd_read(fd, 100).unwrap().len(), 10);
    world.file("digits", "0123456789and more");
    assert_eq!(sys.fd_read(fd, 100).unwrap(), b"and more");
    std::fs::remove_file(world.path("digits")).unwrap();
    assert_eq!(sys.fd_pread(fd, 3, 10).unwrap(), b"and", "an open file stays, whatever becomes of its name");
}

#[test]
fn a_long_read_may_be_short_but_loses_nothing() {
    let world = World::new();
    let contents: Vec<u8> = (0..3_000_000u32).map(|index| (index % 251) as u8).collect();
    world.file("long", &contents);
    let mut sys = Sys::over(&world);
    sys.grow(64);
    let fd = sys.path_open(DIR, "long", Open::file()).unwrap();
    let mut all = Vec::new();
    loop {
        let part = sys.fd_read(fd, 4_000_000).unwrap();
        if part.is_empty() {
            break;
        }
        all.extend(part);
    }
    assert!(all == contents);
}
