//! `sock_accept`, `sock_recv`, `sock_send`, `sock_shutdown`.

use crate::abi::Errno::*;
use crate::abi::clock::MONOTONIC;
use crate::abi::riflag::{PEEK, WAITALL};
use crate::abi::right::{
    FD_FDSTAT_SET_FLAGS, FD_READ, FD_SEEK, FD_TELL, FD_WRITE, POLL_FD_READWRITE, SOCK_ACCEPT, SOCK_SHUTDOWN,
};
use crate::abi::sdflag::{RD, WR};
use crate::abi::{Subscription, fdflag, filetype};
use crate::calls::Open;
use crate::sys::{DATA, DIR, IOVS, MEMORY, OUT, OUT2, Sys, call};
use crate::world::{World, preopen};
use bailiwick_loader::wasi::DirGrant;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// The number of the only listener, where no directory is granted.
const LISTENER: u32 = 3;
const MS: u64 = 1_000_000;
const HOUR: u64 = 3600 * 1000 * MS;

/// A guest with a listener, and its address.
fn listening() -> (Sys, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let sys = Sys::new(|builder| {
        builder.host_clocks().stdin_bytes("x");
        builder.listener(listener.into()).unwrap();
    });
    (sys, address)
}

/// A guest with a connection, its number, and the other end.
fn connected() -> (Sys, u32, TcpStream) {
    let (mut sys, address) = listening();
    let peer = TcpStream::connect(address).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let fd = sys.sock_accept(LISTENER, 0).unwrap();
    (sys, fd, peer)
}

/// Waits until the guest can read from `fd`.
fn arrived(sys: &mut Sys, fd: u32) {
    sys.poll_oneoff(&[Subscription::read(1, fd)]).unwrap();
}

#[test]
fn a_connection_is_accepted_and_carries_bytes_both_ways() {
    let (mut sys, fd, mut peer) = connected();
    assert!(fd > LISTENER && fd < 1 << 31);
    peer.write_all(b"question").unwrap();
    arrived(&mut sys, fd);
    assert_eq!(sys.sock_recv(fd, 100, 0), Ok((b"question".to_vec(), 0)));
    assert_eq!(sys.sock_send(fd, "answer", 0), Ok(6));
    let mut answer = [0; 6];
    peer.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"answer");
    // fd_read and fd_write are the same.
    peer.write_all(b"again").unwrap();
    arrived(&mut sys, fd);
    assert_eq!(sys.fd_read(fd, 100).unwrap(), b"again");
    assert_eq!(sys.fd_write(fd, "and"), Ok(3));
    peer.read_exact(&mut answer[..3]).unwrap();
    assert_eq!(&answer[..3], b"and");
}

#[test]
fn listeners_come_behind_the_directories_in_the_order_granted() {
    let worlds = [World::new(), World::new()];
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
    let [first, second] = listeners;
    let mut sys = Sys::new(|builder| {
        builder.listener(first.into()).unwrap();
        preopen(builder, &worlds[0], "/a", DirGrant::all());
        builder.listener(second.into()).unwrap();
        preopen(builder, &worlds[1], "/b", DirGrant::all());
    });
    assert_eq!([3, 4].map(|fd| sys.fd_prestat_dir_name(fd).unwrap()), ["/a", "/b"]);
    assert_eq!(sys.fd_prestat_get(5), Err(BADF), "a listener is no directory: here wasi-libc's search ends");
    for (fd, address) in [(5, addresses[0]), (6, addresses[1])] {
        let mut peer = TcpStream::connect(address).unwrap();
        let connection = sys.sock_accept(fd, 0).unwrap();
        peer.write_all(format!("for {fd}").as_bytes()).unwrap();
        arrived(&mut sys, connection);
        assert_eq!(sys.fd_read(connection, 100).unwrap(), format!("for {fd}").into_bytes());
    }
}

#[test]
fn stat_says_what_a_socket_is() {
    let (mut sys, fd, _peer) = connected();
    let listener = sys.fd_fdstat_get(LISTENER).unwrap();
    assert_eq!((listener.filetype, listener.flags), (filetype::SOCKET_STREAM, 0));
    let needed = SOCK_ACCEPT | POLL_FD_READWRITE | FD_FDSTAT_SET_FLAGS;
    assert_eq!(listener.base & needed, needed);
    let connection = sys.fd_fdstat_get(fd).unwrap();
    assert_eq!((connection.filetype, connection.flags), (filetype::SOCKET_STREAM, 0));
    let needed = FD_READ | FD_WRITE | POLL_FD_READWRITE | SOCK_SHUTDOWN | FD_FDSTAT_SET_FLAGS;
    assert_eq!(connection.base & needed, needed);
    assert_eq!(connection.base & (SOCK_ACCEPT | FD_SEEK | FD_TELL), 0);
    assert_eq!(connection.base & !listener.inheriting, 0, "it has what could be inherited");
    assert!(matches!(sys.fd_filestat_get(fd).unwrap().filetype, filetype::SOCKET_STREAM));
}

#[test]
fn nobody_there_is_waited_for_unless_asked_not_to() {
    let (mut sys, address) = listening();
    sys.fd_fdstat_set_flags(LISTENER, fdflag::NONBLOCK).unwrap();
    assert_eq!(sys.sock_accept(LISTENER, 0), Err(AGAIN));
    sys.fd_fdstat_set_flags(LISTENER, 0).unwrap();
    let peer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        TcpStream::connect(address).unwrap()
    });
    assert!(sys.sock_accept(LISTENER, 0).is_ok(), "waits");
    drop(peer.join().unwrap());
}

#[test]
fn a_connection_blocks_or_not_as_it_was_accepted() {
    let (mut sys, address) = listening();
    for flags in [0, fdflag::NONBLOCK] {
        let mut peer = TcpStream::connect(address).unwrap();
        let fd = sys.sock_accept(LISTENER, flags).unwrap();
        assert_eq!(sys.fd_fdstat_get(fd).unwrap().flags, flags);
        sys.fd_fdstat_set_flags(fd, fdflag::NONBLOCK).unwrap();
        assert_eq!(sys.sock_recv(fd, 1, 0), Err(AGAIN));
        assert_eq!(sys.fd_read(fd, 1), Err(AGAIN));
        assert_eq!(sys.sock_recv(fd, 1, PEEK), Err(AGAIN));
        sys.fd_fdstat_set_flags(fd, 0).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(30));
                peer.write_all(b"x").unwrap();
            });
            assert_eq!(sys.sock_recv(fd, 9, 0).unwrap().0, b"x", "waits");
        });
    }
    for flags in [fdflag::APPEND, fdflag::SYNC, fdflag::NONBLOCK | fdflag::DSYNC, 0x20, 0x1_0000] {
        assert_eq!(sys.sock_accept(LISTENER, flags), Err(INVAL), "{flags:#x}");
    }
}

#[test]
fn looking_takes_nothing_and_waiting_for_all_gets_all() {
    let (mut sys, fd, mut peer) = connected();
    peer.write_all(b"first ").unwrap();
    arrived(&mut sys, fd);
    assert_eq!(sys.sock_recv(fd, 3, PEEK).unwrap().0, b"fir");
    assert_eq!(sys.sock_recv(fd, 100, PEEK).unwrap().0, b"first ");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for part in [b"sec", b"ond"] {
                std::thread::sleep(Duration::from_millis(20));
                peer.write_all(part).unwrap();
            }
        });
        assert_eq!(sys.sock_recv(fd, 12, WAITALL), Ok((b"first second".to_vec(), 0)));
    });
    peer.write_all(b"rest").unwrap();
    drop(peer);
    assert_eq!(sys.sock_recv(fd, 100, WAITALL).unwrap().0, b"rest", "all that there is when it ends");
}

#[test]
fn vectors_are_filled_and_sent_in_their_order() {
    let (mut sys, fd, mut peer) = connected();
    peer.write_all(b"0123456789").unwrap();
    arrived(&mut sys, fd);
    sys.poison();
    let (iovs, count) = sys.put_iovs(&[(DATA + 9, 3), (DATA, 0), (DATA, 2), (MEMORY, 0), (DATA + 20, 50)]);
    assert_eq!(call!(sys, sock_recv(fd, iovs, count, 0, OUT, OUT2)), Ok(()));
    assert_eq!(sys.u32_at(OUT), 10);
    assert_eq!(
        [(DATA + 9, 3), (DATA, 2), (DATA + 20, 5)].map(|(at, len)| sys.get(at, len)),
        [b"012".to_vec(), b"34".to_vec(), b"56789".to_vec()]
    );
    sys.only_written(&[(IOVS, 40), (OUT, 4), (OUT2, 2), (DATA + 9, 3), (DATA, 2), (DATA + 20, 5)]);
    let (iovs, count) = sys.put_iovs(&[(DATA + 20, 5), (DATA, 0), (DATA, 2)]);
    assert_eq!(call!(sys, sock_send(fd, iovs, count, 0, OUT)), Ok(()));
    let mut sent = [0; 7];
    peer.read_exact(&mut sent).unwrap();
    assert_eq!((sys.u32_at(OUT), &sent), (7, b"5678934"));
}

#[test]
fn flags_without_a_name_are_invalid() {
    let (mut sys, fd, mut peer) = connected();
    peer.write_all(b"x").unwrap();
    for flags in [4, 8, 0x8000, 0x1_0000, 0x1_0001, u32::MAX] {
        assert_eq!(sys.sock_recv(fd, 1, flags), Err(INVAL), "{flags:#x}");
    }
    for flags in [1, 2, 0x8000, 0x1_0000, u32::MAX] {
        assert_eq!(sys.sock_send(fd, "x", flags), Err(INVAL), "{flags:#x}: none are defined");
    }
    for how in [0, 4, 5, 8, 256, 257, u32::MAX] {
        assert_eq!(sys.sock_shutdown(fd, how), Err(INVAL), "{how:#x}");
    }
    arrived(&mut sys, fd);
    assert_eq!(sys.sock_recv(fd, 1, 0).unwrap().0, b"x", "and nothing was taken");
}

#[test]
fn shutting_down_sending_is_the_end_for_the_other_side() {
    let (mut sys, fd, mut peer) = connected();
    sys.sock_send(fd, "last", 0).unwrap();
    assert_eq!(sys.sock_shutdown(fd, WR), Ok(()));
    let mut all = String::new();
    peer.read_to_string(&mut all).unwrap();
    assert_eq!(all, "last");
    assert_eq!(sys.sock_send(fd, "x", 0), Err(PIPE), "an error, and no signal");
    assert_eq!(sys.fd_write(fd, "x"), Err(PIPE));
    peer.write_all(b"but this way").unwrap();
    arrived(&mut sys, fd);
    assert_eq!(sys.sock_recv(fd, 100, 0).unwrap().0, b"but this way");
}

#[test]
fn shutting_down_receiving_is_the_end_for_this_side() {
    let (mut sys, fd, mut peer) = connected();
    assert_eq!(sys.sock_shutdown(fd, RD), Ok(()));
    assert_eq!(sys.sock_recv(fd, 9, 0).unwrap().0, b"");
    assert_eq!(sys.sock_send(fd, "still", 0), Ok(5));
    let mut sent = [0; 5];
    peer.read_exact(&mut sent).unwrap();
    assert_eq!(sys.sock_shutdown(fd, RD | WR), Ok(()));
    assert_eq!(sys.sock_send(fd, "x", 0), Err(PIPE));
}

#[test]
fn the_others_end_is_told() {
    let (mut sys, fd, peer) = connected();
    peer.shutdown(Shutdown::Write).unwrap();
    arrived(&mut sys, fd);
    let event = sys.poll_oneoff(&[Subscription::read(1, fd)]).unwrap()[0];
    assert_eq!((event.error, event.kind, event.nbytes), (SUCCESS, 1, 0));
    for _ in 0..2 {
        assert_eq!(sys.sock_recv(fd, 9, 0).unwrap().0, b"");
    }
    drop(peer);
}

#[test]
fn sockets_are_waited_for() {
    let (mut sys, address) = listening();
    let soon = Subscription::after(9, MONOTONIC, 30 * MS);
    assert_eq!(sys.poll_oneoff(&[Subscription::read(1, LISTENER), soon]).unwrap()[0].userdata, 9, "nobody there");
    let mut peer = TcpStream::connect(address).unwrap();
    let hour = Subscription::after(9, MONOTONIC, HOUR);
    assert_eq!(sys.poll_oneoff(&[hour, Subscription::read(1, LISTENER)]).unwrap()[0].userdata, 1);
    let fd = sys.sock_accept(LISTENER, 0).unwrap();
    assert_eq!(sys.poll_oneoff(&[Subscription::read(1, fd), soon]).unwrap()[0].userdata, 9, "nothing said");
    assert_eq!(sys.poll_oneoff(&[hour, Subscription::write(2, fd)]).unwrap()[0].userdata, 2);
    peer.write_all(b"12345").unwrap();
    let events = sys.poll_oneoff(&[hour, Subscription::read(1, fd)]).unwrap();
    assert_eq!((events[0].userdata, events[0].error), (1, SUCCESS));
    assert!((1..=5).contains(&events[0].nbytes));
}

#[test]
fn a_full_connection_blocks_only_who_wants_it() {
    let (mut sys, fd, mut peer) = connected();
    sys.fd_fdstat_set_flags(fd, fdflag::NONBLOCK).unwrap();
    let mut sent = 0u64;
    let full = loop {
        match sys.sock_send(fd, vec![b'x'; 60_000], 0) {
            Ok(count) => sent += u64::from(count),
            Err(errno) => break errno,
        }
        assert!(sent < 1 << 30, "buffers are limited");
    };
    assert_eq!(full, AGAIN);
    sys.fd_fdstat_set_flags(fd, 0).unwrap();
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            let mut all = 0;
            let mut buffer = vec![0; 1 << 16];
            loop {
                match peer.read(&mut buffer) {
                    Ok(0) => return all,
                    Ok(count) => all += count as u64,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted),
                }
            }
        });
        sent += u64::from(sys.sock_send(fd, "the end", 0).unwrap());
        sys.fd_close(fd).unwrap();
        assert_eq!(reader.join().unwrap(), sent, "nothing is lost or sent twice");
    });
}

#[test]
fn rights_are_asked_for() {
    let (mut sys, address) = listening();
    let peers = [(); 4].map(|()| TcpStream::connect(address).unwrap());
    let fds = [(); 3].map(|()| sys.sock_accept(LISTENER, 0).unwrap());
    for (fd, right) in fds.into_iter().zip([FD_READ, FD_WRITE, SOCK_SHUTDOWN]) {
        let base = sys.fd_fdstat_get(fd).unwrap().base;
        sys.fd_fdstat_set_rights(fd, base & !right, 0).unwrap();
    }
    assert_eq!(sys.sock_recv(fds[0], 1, 0), Err(BADF));
    assert_eq!(sys.sock_send(fds[1], "x", 0), Err(BADF));
    assert_eq!(sys.sock_shutdown(fds[2], RD), Err(NOTCAPABLE));
    assert_eq!(sys.sock_send(fds[0], "x", 0), Ok(1));
    // What the listener can't hand on, no connection has.
    let stat = sys.fd_fdstat_get(LISTENER).unwrap();
    sys.fd_fdstat_set_rights(LISTENER, stat.base, stat.inheriting & !FD_WRITE).unwrap();
    let fd = sys.sock_accept(LISTENER, 0).unwrap();
    assert_eq!(sys.sock_send(fd, "x", 0), Err(BADF));
    sys.fd_fdstat_set_rights(LISTENER, stat.base & !SOCK_ACCEPT, 0).unwrap();
    assert_eq!(sys.sock_accept(LISTENER, 0), Err(NOTCAPABLE));
    drop(peers);
}

#[test]
fn what_is_no_socket_is_none() {
    let world = World::with(&["file"]);
    let mut sys = Sys::new(|builder| {
        preopen(builder, &world, "/", DirGrant::all());
        builder.stdin_bytes("x");
        builder.capture_stdout(9);
    });
    let file = sys.path_open(DIR, "file", Open::file()).unwrap();
    for fd in [0, 1, DIR, file] {
        assert_eq!(sys.sock_accept(fd, 0), Err(NOTSOCK), "{fd}");
        assert_eq!(sys.sock_recv(fd, 1, 0), Err(NOTSOCK), "{fd}");
        assert_eq!(sys.sock_send(fd, "x", 0), Err(NOTSOCK), "{fd}");
        assert_eq!(sys.sock_shutdown(fd, RD), Err(NOTSOCK), "{fd}");
    }
}

#[test]
fn listeners_do_not_talk_and_connections_do_not_listen() {
    let (mut sys, fd, _peer) = connected();
    assert!(matches!(sys.sock_accept(fd, 0), Err(INVAL | NOTCAPABLE)));
    assert!(matches!(sys.sock_recv(LISTENER, 1, 0), Err(NOTCONN | BADF | NOTCAPABLE | INVAL)));
    assert!(matches!(sys.sock_send(LISTENER, "x", 0), Err(NOTCONN | PIPE | BADF | NOTCAPABLE | INVAL)));
    for socket in [fd, LISTENER] {
        assert_eq!(sys.fd_seek(socket, 0, 1), Err(SPIPE));
        assert_eq!(sys.fd_tell(socket), Err(SPIPE));
        assert_eq!(sys.fd_pread(socket, 1, 0), Err(SPIPE));
        assert_eq!(sys.fd_pwrite(socket, "x", 0), Err(SPIPE));
        assert_eq!(sys.path_create_directory(socket, "x"), Err(NOTDIR));
    }
}

#[test]
fn results_go_where_the_pointers_say_or_nothing_is_taken() {
    let (mut sys, fd, mut peer) = connected();
    peer.write_all(b"data").unwrap();
    arrived(&mut sys, fd);
    let second = TcpStream::connect(peer.peer_addr().unwrap()).unwrap();
    for at in [MEMORY - 3, MEMORY, u32::MAX] {
        assert_eq!(call!(sys, sock_accept(LISTENER, 0, at)), Err(FAULT), "{at:#x}");
    }
    sys.put_iovs(&[(DATA, 4)]);
    for (iovs, nread, flags) in [
        (MEMORY - 7, OUT, OUT2),
        (u32::MAX, OUT, OUT2),
        (IOVS, MEMORY - 3, OUT2),
        (IOVS, u32::MAX, OUT2),
        (IOVS, OUT, MEMORY - 1),
        (IOVS, OUT, u32::MAX),
    ] {
        assert_eq!(call!(sys, sock_recv(fd, iovs, 1, 0, nread, flags)), Err(FAULT), "{iovs:x} {nread:x} {flags:x}");
    }
    for bad in [(MEMORY - 1, 2), (u32::MAX, 1)] {
        let (iovs, count) = sys.put_iovs(&[(DATA, 1), bad]);
        assert_eq!(call!(sys, sock_recv(fd, iovs, count, 0, OUT, OUT2)), Err(FAULT));
        assert_eq!(call!(sys, sock_send(fd, iovs, count, 0, OUT)), Err(FAULT));
    }
    sys.put_iovs(&[(DATA, 1)]);
    assert_eq!(call!(sys, sock_send(fd, IOVS, 1, 0, MEMORY - 3)), Err(FAULT));
    sys.put_iovs(&[(DATA, 100)]);
    assert_eq!(call!(sys, sock_recv(fd, IOVS, 1, 0, MEMORY - 4, MEMORY - 6)), Ok(()), "up to the last byte");
    assert_eq!((sys.u32_at(MEMORY - 4), sys.get(DATA, 4)), (4, b"data".to_vec()));
    assert!(sys.sock_accept(LISTENER, 0).is_ok());
    drop(second);
    peer.set_nonblocking(true).unwrap();
    assert_eq!(peer.read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock, "nothing was sent");
}

#[test]
fn a_guest_that_waits_for_a_connection_can_be_ended() {
    let (mut sys, _) = listening();
    let handle = sys.group.interrupt_handle();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            handle.interrupt().unwrap();
        });
        let arguments = [LISTENER, 0, OUT].map(|argument| bailiwick_loader::Val::I32(argument.cast_signed()));
        let ended = sys.try_call("sock_accept", &arguments).unwrap_err();
        assert_eq!(ended.trap_code(), Some(bailiwick_loader::TrapCode::Interrupt));
    });
}
