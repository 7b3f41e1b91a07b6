//! Standard streams: what they can be granted as, and what the guest sees of it.

use crate::abi::Errno::*;
use crate::abi::{Subscription, fdflag, filetype};
use crate::sys::{DATA, MEMORY, Sys};
use crate::world::World;
use bailiwick_loader::wasi::{Input, Output, WasiCtx};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A pseudo-terminal: the end of the terminal, and that of the program in it.
pub fn terminal() -> (File, OwnedFd) {
    let (mut outer, mut inner) = (-1, -1);
    let null = std::ptr::null_mut();
    // SAFETY: two places for the results, and nothing else asked for.
    let made = unsafe { libc::openpty(&raw mut outer, &raw mut inner, null, null.cast(), null.cast()) };
    assert_eq!(made, 0, "a pseudo-terminal");
    // SAFETY: the call opened both, for us alone.
    unsafe { (File::from_raw_fd(outer), OwnedFd::from_raw_fd(inner)) }
}

#[test]
fn without_a_grant_there_are_none() {
    let mut sys = Sys::inert();
    for fd in 0..3 {
        assert_eq!(sys.fd_read(fd, 1), Err(BADF));
        assert_eq!(sys.fd_write(fd, "x"), Err(BADF));
        assert_eq!(sys.fd_fdstat_get(fd), Err(BADF));
    }
}

#[test]
fn one_without_the_others_keeps_its_number() {
    let mut sys = Sys::new(|builder| {
        builder.stderr(Output::Null);
    });
    assert_eq!(sys.fd_write(2, "x"), Ok(1));
    assert_eq!(sys.fd_write(1, "x"), Err(BADF));
    assert_eq!(sys.fd_read(0, 1), Err(BADF));
}

#[test]
fn null_is_at_its_end_and_takes_everything() {
    let mut sys = Sys::new(|builder| {
        builder.stdin(Input::Null).stdout(Output::Null).stderr(Output::Null);
    });
    assert_eq!(sys.fd_read(0, 100).unwrap(), b"");
    assert_eq!(sys.fd_write(1, vec![0; 100_000]), Ok(100_000));
    assert_eq!(sys.fd_fdstat_get(1).unwrap().filetype, filetype::UNKNOWN, "no terminal");
    let events = sys.poll_oneoff(&[Subscription::read(1, 0), Subscription::write(2, 1)]).unwrap();
    assert_eq!(events.len(), 2);
}

#[test]
fn bytes_come_in_any_pieces_and_end() {
    let mut sys = Sys::new(|builder| {
        builder.stdin_bytes("0123456789");
    });
    assert_eq!(sys.fd_read(0, 3).unwrap(), b"012");
    assert_eq!(sys.fd_readv(0, &[(DATA, 1), (DATA + 10, 0), (DATA + 4, 2)]), Ok(3));
    assert_eq!((sys.get(DATA, 1), sys.get(DATA + 4, 2)), (b"3".to_vec(), b"45".to_vec()));
    assert_eq!(sys.fd_read(0, 0).unwrap(), b"");
    assert_eq!(sys.fd_read(0, 100).unwrap(), b"6789");
    assert_eq!(sys.fd_read(0, 100).unwrap(), b"");
}

#[test]
fn a_capture_has_what_was_written_up_to_its_limit() {
    let mut captures = Vec::new();
    let mut sys = Sys::new(|builder| captures = vec![builder.capture_stdout(10), builder.capture_stderr(4)]);
    assert_eq!(sys.fd_write(1, "out"), Ok(3));
    assert_eq!(sys.fd_write(2, "err"), Ok(3));
    assert_eq!(sys.fd_write(2, "or"), Ok(1), "as much as fits");
    assert_eq!(sys.fd_write(2, "x"), Err(NOSPC));
    assert_eq!(sys.fd_write(2, ""), Ok(0));
    assert_eq!(captures[0].contents(), b"out");
    assert_eq!(captures[1].contents(), b"erro");
}

#[test]
fn a_pipe_is_read_as_it_comes() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut sys = Sys::new(|builder| {
        builder.stdin(Input::File(reader.into()));
    });
    writer.write_all(b"abc").unwrap();
    assert_eq!(sys.fd_read(0, 2).unwrap(), b"ab");
    assert_eq!(sys.fd_read(0, 100).unwrap(), b"c", "what is there, not what was asked for");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            writer.write_all(b"later").unwrap();
        });
        assert_eq!(sys.fd_read(0, 100).unwrap(), b"later", "waits");
        assert_eq!(sys.fd_read(0, 100).unwrap(), b"", "until the end");
    });
}

#[test]
fn who_does_not_want_to_wait_is_told_to_come_again() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut sys = Sys::new(|builder| {
        builder.stdin(Input::File(reader.into()));
    });
    sys.fd_fdstat_set_flags(0, fdflag::NONBLOCK).unwrap();
    assert_eq!(sys.fd_read(0, 9), Err(AGAIN));
    writer.write_all(b"x").unwrap();
    assert_eq!(sys.fd_read(0, 9).unwrap(), b"x");
    assert_eq!(sys.fd_read(0, 9), Err(AGAIN));
    drop(writer);
    assert_eq!(sys.fd_read(0, 9).unwrap(), b"");
}

#[test]
fn what_the_guest_sets_stays_with_the_guest() {
    // The description of an open file is shared with whoever else has it: a shell, another process.
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut shared = reader.try_clone().unwrap();
    let mut sys = Sys::new(|builder| {
        builder.stdin(Input::File(reader.into()));
    });
    sys.fd_fdstat_set_flags(0, fdflag::NONBLOCK).unwrap();
    assert_eq!(sys.fd_read(0, 9), Err(AGAIN));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            writer.write_all(b"x").unwrap();
        });
        let mut byte = [0];
        assert_eq!(shared.read(&mut byte).unwrap(), 1, "this one still waits");
    });
}

#[test]
fn a_full_pipe_is_waited_for_and_nothing_is_lost() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut sys = Sys::new(|builder| crate::world::stdout_to(builder, writer.into()));
    let data: Vec<u8> = (0..MEMORY / 4).flat_map(u32::to_le_bytes).collect();
    sys.put(0, &data);
    std::thread::scope(|scope| {
        let all = scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            all
        });
        let (mut at, end) = (DATA, MEMORY);
        while at < end {
            at += sys.fd_writev(1, &[(at, end - at)]).unwrap();
        }
        sys.fd_close(1).unwrap();
        assert!(all.join().unwrap() == data[DATA as usize..]);
    });
}

#[test]
fn a_full_pipe_is_not_waited_for_by_who_does_not_want_to() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut sys = Sys::new(|builder| crate::world::stdout_to(builder, writer.into()));
    sys.fd_fdstat_set_flags(1, fdflag::NONBLOCK).unwrap();
    let mut written = 0;
    let full = loop {
        match sys.fd_write(1, vec![b'x'; 50_000]) {
            Ok(count) => written += count,
            Err(errno) => break errno,
        }
        assert!(written < 1 << 28, "a pipe is limited");
    };
    assert_eq!(full, AGAIN);
    let mut room = vec![0; written as usize];
    reader.read_exact(&mut room).unwrap();
    assert_eq!(sys.fd_write(1, "x"), Ok(1));
}

#[test]
fn a_guest_that_waits_for_input_or_output_can_be_ended() {
    let (reader, _kept) = std::io::pipe().unwrap();
    let (_unread, writer) = std::io::pipe().unwrap();
    for (name, fd) in [("fd_read", 0), ("fd_write", 1)] {
        let mut sys = Sys::new(|builder| {
            builder.stdin(Input::File(reader.try_clone().unwrap().into()));
            crate::world::stdout_to(builder, writer.try_clone().unwrap().into());
        });
        let handle = sys.group.interrupt_handle();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(50));
                handle.interrupt().unwrap();
            });
            sys.put_iovs(&[(DATA, 100_000)]);
            let arguments = [fd, crate::sys::IOVS, 1, crate::sys::OUT];
            let arguments = arguments.map(|argument| bailiwick_loader::Val::I32(argument.cast_signed()));
            let ended = sys.try_call(name, &arguments).unwrap_err();
            assert_eq!(ended.trap_code(), Some(bailiwick_loader::TrapCode::Interrupt), "{name}");
        });
    }
}

#[test]
fn who_waits_keeps_nobody_else_from_working() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut builder = WasiCtx::builder();
    builder.host_clocks().stdin(Input::File(reader.into()));
    let capture = builder.capture_stdout(100);
    let ctx = Arc::new(Mutex::new(builder.build().unwrap()));
    let (mut one, mut other, mut third) = (Sys::sharing(&ctx), Sys::sharing(&ctx), Sys::sharing(&ctx));
    std::thread::scope(|scope| {
        let reads = scope.spawn(move || one.fd_read(0, 9).unwrap());
        let polls = scope.spawn(move || other.poll_oneoff(&[Subscription::read(7, 0)]).unwrap().len());
        std::thread::sleep(Duration::from_millis(30));
        // Both wait now, for what nobody has written yet; the third has the same descriptors and goes on.
        for _ in 0..10 {
            assert_eq!(third.fd_write(1, "x"), Ok(1));
        }
        assert_eq!(capture.contents(), [b'x'; 10]);
        writer.write_all(b"now").unwrap();
        drop(writer);
        assert_eq!(polls.join().unwrap(), 1);
        let read = reads.join().unwrap();
        assert_eq!(read, b"now");
    });
}

#[test]
fn a_file_of_the_host_is_a_stream() {
    let world = World::new();
    world.file("in", "0123456789");
    world.file("out", "before ");
    let mut sys = Sys::new(|builder| {
        builder.stdin(Input::File(File::open(world.path("in")).unwrap().into()));
        let out = File::options().append(true).open(world.path("out")).unwrap();
        crate::world::stdout_to(builder, out.into());
    });
    assert_eq!(sys.fd_read(0, 4).unwrap(), b"0123");
    assert_eq!(sys.fd_read(0, 100).unwrap(), b"456789");
    assert_eq!(sys.fd_read(0, 100).unwrap(), b"");
    assert_eq!(sys.fd_write(1, "after"), Ok(5));
    assert_eq!(world.text("out"), "before after");
    // The guest reaches neither what was there nor what it wrote, nor can it change its size.
    assert_eq!(sys.fd_seek(1, 0, 0), Err(SPIPE));
    assert_eq!(sys.fd_pread(1, 5, 0), Err(SPIPE));
    assert_eq!(sys.fd_pwrite(1, "x", 0), Err(SPIPE));
    assert!(sys.fd_filestat_set_size(1, 0).is_err() && sys.fd_allocate(1, 0, 100).is_err());
    assert!(sys.fd_filestat_set_times(1, 1, 1, 5).is_err());
    assert_eq!(world.text("out"), "before after");
    assert_eq!(sys.fd_read(1, 5), Err(BADF));
    assert_eq!(sys.fd_write(0, "x"), Err(BADF));
}

#[test]
fn only_a_terminal_is_a_character_device() {
    let (mut outer, inner) = terminal();
    let mut sys = Sys::new(|builder| {
        builder.stdin(Input::File(File::open("/dev/null").unwrap().into()));
        crate::world::stdout_to(builder, inner);
        builder.stderr(Output::Null);
    });
    let kinds = [0, 1, 2].map(|fd| sys.fd_fdstat_get(fd).unwrap().filetype);
    // wasi-libc's isatty: a character device that can neither seek nor tell.
    assert_eq!(kinds, [filetype::UNKNOWN, filetype::CHARACTER_DEVICE, filetype::UNKNOWN]);
    assert_eq!(sys.fd_write(1, "to the terminal"), Ok(15));
    let mut shown = [0; 15];
    outer.read_exact(&mut shown).unwrap();
    assert_eq!(&shown, b"to the terminal");
}

#[test]
fn escapes_can_be_made_inert() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut sys = Sys::new(|builder| {
        builder.stdout(Output::File(writer.into()).inert_escapes());
    });
    let text = "plain\ttext\n\u{1b}[31mred\u{1b}]0;title\u{7}größe\u{9b}1m";
    assert_eq!(sys.fd_write(1, text), Ok(text.len() as u32), "the guest is told that all was written");
    for byte in "ö".bytes() {
        assert_eq!(sys.fd_write(1, [byte]), Ok(1), "however it is cut");
    }
    sys.fd_close(1).unwrap();
    let mut shown = String::new();
    reader.read_to_string(&mut shown).unwrap();
    assert!(shown.starts_with("plain\ttext\n") && shown.contains("größe") && shown.ends_with('ö'), "{shown:?}");
    assert!(shown.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'), "{shown:?}");
}

#[test]
fn streams_can_be_closed_and_stay_closed() {
    let mut sys = Sys::new(|builder| {
        builder.stdin_bytes("x");
        builder.capture_stdout(9);
    });
    for fd in [0, 1] {
        assert_eq!(sys.fd_close(fd), Ok(()));
        assert_eq!(sys.fd_close(fd), Err(BADF));
    }
    assert_eq!((sys.fd_read(0, 1), sys.fd_write(1, "x")), (Err(BADF), Err(BADF)));
}
