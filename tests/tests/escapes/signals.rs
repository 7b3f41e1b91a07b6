//! Signals that the kernel sends to a process for what a guest does: none of them may end it.

use super::grants::{builder, dir, imports};
use super::host::{Resource, default_action, limit};
use super::naive::{self, Without};
use super::puppet::{ALL, CREAT, DIR, Puppet, call};
use super::world::World;
use crate::common::{EMULATED, child, ended, task};
use bailiwick_loader::wasi::{DirGrant, Errno, Output};
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};

/// The longest file that the process may write.
const LONGEST: u64 = 1 << 20;

/// A limit of the process on the length of files (`RLIMIT_FSIZE`): beyond it the kernel sends `SIGXFSZ`, which ends a
/// process that says nothing else.
#[test]
fn a_file_beyond_the_limit_of_the_process_is_an_error() {
    const NAME: &str = "signals::a_file_beyond_the_limit_of_the_process_is_an_error";
    if task().is_none() {
        let ended = ended(&mut child(NAME, "write"));
        assert_eq!(ended.signal, None, "the guest has ended its host: {ended:#?}");
        assert!(ended.with(0).out.contains("still there"));
        return;
    }
    let world = World::new();
    let log = File::create(world.outer().join("log")).expect("a file");
    default_action(libc::SIGXFSZ);
    limit(Resource::FileSize, LONGEST);
    let (mut builder, _) = builder();
    builder.preopen(&dir(&world.granted(), DirGrant::all()), "/").expect("a preopened directory");
    builder.stdout(Output::File(log.into()));
    let mut puppet = Puppet::new(&imports(builder));
    let fd = puppet.open(DIR, "file", CREAT, ALL).expect("a file");
    for beyond in [LONGEST, LONGEST + 1, 1 << 40] {
        for answer in [
            call!(puppet, "fd_filestat_set_size", fd, beyond + 1),
            call!(puppet, "fd_allocate", fd, beyond, 1u64),
            puppet.write_at(fd, b"x", beyond).map(drop),
        ] {
            assert_eq!(answer, Err(Errno::FBIG), "beyond {beyond}");
        }
    }
    // What fits is written, and no more.
    let mut written = 0;
    let full = loop {
        match puppet.write(fd, &[b'x'; 60_000]) {
            Ok(len) => written += u64::from(len),
            Err(errno) => break errno,
        }
    };
    assert_eq!((written, full), (LONGEST, Errno::FBIG));
    // A stream that is a file has the same limit.
    let mut printed = 0;
    let full = loop {
        match puppet.write(1, &[b'x'; 60_000]) {
            Ok(len) => printed += u64::from(len),
            Err(errno) => break errno,
        }
    };
    assert_eq!((printed, full), (LONGEST, Errno::FBIG));
    println!("still there");
}

/// The control: an interface that just writes ends with its guest.
#[test]
fn a_file_beyond_the_limit_ends_a_process_that_does_not_look() {
    const NAME: &str = "signals::a_file_beyond_the_limit_ends_a_process_that_does_not_look";
    if task().is_none() {
        let ended = ended(&mut child(NAME, "write"));
        assert!(EMULATED || ended.signal == Some(libc::SIGXFSZ), "the attack is broken: {ended:#?}");
        return;
    }
    let world = World::new();
    let (imports, _) = naive::imports(Without::Links, &[&world.granted()], Vec::new(), &[]);
    let mut puppet = Puppet::new(&imports);
    let fd = puppet.open(DIR, "file", CREAT, ALL).expect("a file");
    // After what the loader does when it first runs a guest.
    default_action(libc::SIGXFSZ);
    limit(Resource::FileSize, LONGEST);
    for _ in 0..100 {
        let _ = puppet.write(fd, &[b'x'; 60_000]);
    }
}

/// A peer that is gone: `SIGPIPE` ends a process that has not chosen otherwise, as programs that are not Rust's have
/// not.
#[test]
fn a_connection_whose_peer_is_gone_is_an_error() {
    const NAME: &str = "signals::a_connection_whose_peer_is_gone_is_an_error";
    if task().is_none() {
        let ended = ended(&mut child(NAME, "send"));
        assert_eq!(ended.signal, None, "the guest has ended its host: {ended:#?}");
        assert!(ended.with(0).out.contains("still there"));
        return;
    }
    default_action(libc::SIGPIPE);
    let folder = tempfile::tempdir().expect("a folder");
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = tcp.local_addr().expect("its address");
    let path = folder.path().join("socket");
    let unix = UnixListener::bind(&path).expect("a listener");
    let (stdout, peer) = UnixStream::pair().expect("two sockets");
    let (mut builder, _) = builder();
    builder.listener(tcp.into()).expect("a listener").listener(unix.into()).expect("a listener");
    builder.stdout(Output::File(stdout.into()));
    let mut puppet = Puppet::new(&imports(builder));
    drop(peer);
    for (listener, connect) in [(3u32, 0), (4, 1)] {
        if connect == 0 {
            drop(TcpStream::connect(address).expect("to connect"));
        } else {
            drop(UnixStream::connect(&path).expect("to connect"));
        }
        call!(puppet, "sock_accept", listener, 0u32, 64u32).expect("to accept");
        let connection = puppet.u32_at(64);
        puppet.put_vector(4096, 1000);
        let mut last = Ok(());
        for _ in 0..100 {
            last = call!(puppet, "sock_send", connection, 0u32, 1u32, 0u32, 64u32);
            last = last.and(puppet.write(connection, b"more").map(drop));
            if last.is_err() {
                break;
            }
            // The peer's answer that it is gone takes its way.
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let errno = last.expect_err("nobody is there");
        assert!([Errno::PIPE, Errno::CONNRESET].contains(&errno), "{errno}");
        let _ = call!(puppet, "sock_shutdown", connection, 3u32);
        assert_eq!(puppet.write(connection, b"after"), Err(Errno::PIPE));
    }
    assert_eq!(puppet.write(1, b"to nobody"), Err(Errno::PIPE));
    println!("still there");
}
