//! Attack 22: what a guest does to its descriptors and to itself, it does to nobody else.

use super::grants::{builder, dir, imports, only, puppet, puppet_of};
use super::host::{open_dir, status_flags};
use super::puppet::{ALL, APPEND, CREAT, DIR, DIRECTORY, NONBLOCK, Puppet, READ, WRITE, call};
use super::world::World;
use crate::common::{child, ended, task};
use bailiwick_loader::wasi::{DirGrant, DirRights, Errno, Input, MODULE, Output, Rule};
use bailiwick_loader::{Caller, Error, Imports};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};

/// Closes and moves everything that can be, several times over.
fn ravage(puppet: &mut Puppet) {
    for from in 0..6u32 {
        for to in 0..6u32 {
            let _ = call!(puppet, "fd_renumber", from, to);
        }
        let _ = call!(puppet, "fd_fdstat_set_flags", from, NONBLOCK | APPEND);
        let _ = call!(puppet, "fd_fdstat_set_rights", from, 0u64, 0u64);
    }
    for fd in (0..1100u32).chain([u32::MAX, 1 << 31, (1 << 31) - 1]) {
        let _ = puppet.close(fd);
    }
}

/// The descriptors of this process, with what they are open on.
fn host_descriptors() -> BTreeSet<String> {
    let entries = fs::read_dir("/proc/self/fd").expect("/proc/self/fd").map(|entry| entry.expect("an entry").path());
    let named = entries.filter_map(|path| Some(format!("{} {}", path.display(), fs::read_link(&path).ok()?.display())));
    // But for the one that lists them.
    named.filter(|name| !name.contains("/proc/") || !name.ends_with("/fd")).collect()
}

#[test]
fn a_guest_closes_nothing_of_its_host() {
    const NAME: &str = "own::a_guest_closes_nothing_of_its_host";
    if task().is_none() {
        let ended = ended(&mut child(NAME, "ravage")).with(0);
        assert!(ended.out.contains("still there"), "{ended:#?}");
        assert!(ended.err.contains("and here"), "{ended:#?}");
        return;
    }
    let world = World::new();
    let before = host_descriptors();
    let flags = [0, 1, 2].map(|fd: i32| status_flags(&fd));
    let (mut builder, _) = builder();
    builder.inherit_stdio();
    builder.preopen(&dir(&world.granted(), DirGrant::all()), "/").expect("a preopened directory");
    let mut puppet = Puppet::new(&imports(builder));
    ravage(&mut puppet);
    assert_eq!(puppet.write(1, b"x"), Err(Errno::BADF));
    drop(puppet);
    println!("still there");
    eprintln!("and here");
    assert_eq!([0, 1, 2].map(|fd: i32| status_flags(&fd)), flags);
    assert_eq!(host_descriptors(), before);
}

/// The control: an interface whose numbers are the host's.
#[test]
fn a_guest_closes_its_host_where_numbers_are_the_hosts() {
    const NAME: &str = "own::a_guest_closes_its_host_where_numbers_are_the_hosts";
    if task().is_none() {
        let ended = ended(&mut child(NAME, "ravage"));
        assert!(!ended.out.contains("still there"), "the attack is broken: {ended:#?}");
        return;
    }
    let (builder, _) = builder();
    let mut imports = imports(builder);
    imports.func(MODULE, "fd_close", |_: &mut Caller<'_>, fd: i32| {
        // SAFETY: it is not: it closes what this process uses, which is to be shown. The process ends soon.
        Ok(unsafe { libc::close(fd) })
    });
    ravage_streams(&imports);
    let _ = std::io::stdout().write_all(b"still there\n");
}

fn ravage_streams(imports: &Imports) {
    let mut puppet = Puppet::new(imports);
    for fd in 0..3u64 {
        let _ = puppet.raw("fd_close", &[fd]);
    }
}

#[test]
fn a_guest_changes_no_description_that_it_shares() {
    let (mut builder, denials) = builder();
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    fs::write(&log, "written before\n").expect("a file");
    let file = || File::options().read(true).append(true).open(&log).expect("the file");
    let (mine, (reader, writer)) = (file(), std::io::pipe().expect("a pipe"));
    let others: Vec<OwnedFd> = vec![mine.try_clone().expect("a copy").into(), reader.into(), writer.into()];
    let copies: Vec<OwnedFd> = others.iter().map(|fd| fd.try_clone().expect("a copy")).collect();
    let before: Vec<i32> = others.iter().map(status_flags).collect();
    let [out, input, err] = <[OwnedFd; 3]>::try_from(copies).expect("three");
    builder.stdin(Input::File(input)).stdout(Output::File(out)).stderr(Output::File(err));
    let mut puppet = Puppet::new(&imports(builder));
    for fd in 0..3u32 {
        for flags in [0, APPEND, NONBLOCK, APPEND | NONBLOCK] {
            let _ = call!(puppet, "fd_fdstat_set_flags", fd, flags);
            let now: Vec<i32> = others.iter().map(status_flags).collect();
            assert_eq!(now, before, "flags {flags} of {fd}");
        }
        let _ = call!(puppet, "fd_fdstat_set_flags", fd, 0u16);
        // A stream is a stream: what lies in the file is neither cut nor read nor dated, nor is its place moved.
        for (call, numbers) in [
            ("fd_filestat_set_size", &[u64::from(fd), 0][..]),
            ("fd_filestat_set_times", &[fd.into(), 5, 6, 5]),
            ("fd_allocate", &[fd.into(), 0, 1 << 20]),
            ("fd_seek", &[fd.into(), 0, 0, 64]),
            ("fd_seek", &[fd.into(), 0, 1, 64]),
            ("fd_tell", &[fd.into(), 64]),
            ("fd_pread", &[fd.into(), 0, 1, 0, 64]),
            ("fd_pwrite", &[fd.into(), 0, 1, 0, 64]),
            ("fd_readdir", &[fd.into(), 4096, 4096, 0, 64]),
            ("sock_recv", &[fd.into(), 0, 1, 0, 64, 72]),
            ("sock_send", &[fd.into(), 0, 1, 0, 64]),
            ("sock_shutdown", &[fd.into(), 3]),
            ("sock_accept", &[fd.into(), 0, 64]),
        ] {
            let returned = puppet.raw(call, numbers).expect("it returns");
            assert_ne!(returned, Some(0), "{call} of {fd}");
        }
    }
    assert_eq!(puppet.read(1), Err(Errno::BADF), "what is there to be written is not read");
    assert_eq!(puppet.write(1, b"by the guest\n"), Ok(13));
    assert_eq!(puppet.write(0, b"x"), Err(Errno::BADF), "nor the other way");
    ravage(&mut puppet);
    drop(puppet);
    writeln!(&mine, "written after").expect("it is open");
    assert_eq!(fs::read_to_string(&log).expect("the file"), "written before\nby the guest\nwritten after\n");
    assert_eq!(others.iter().map(status_flags).collect::<Vec<_>>(), before);
    drop(denials);
}

#[test]
fn what_one_guest_closes_another_keeps() {
    let world = World::new();
    world.file("file", "contents");
    let shared = dir(&world.granted(), DirGrant::all());
    let ((mut one, _), (mut other, denials)) = (puppet_of(&[&shared]), puppet_of(&[&shared]));
    let fd = other.open(DIR, "file", 0, READ).expect("to open");
    ravage(&mut one);
    assert_eq!(one.open(DIR, "file", 0, READ), Err(Errno::BADF));
    assert_eq!(other.read(fd).expect("to read"), b"contents");
    assert_eq!(other.read_file(DIR, "file").expect("to read"), b"contents");
    // The directory can be granted anew.
    let (mut third, _) = puppet_of(&[&shared]);
    assert_eq!(third.read_file(DIR, "file").expect("to read"), b"contents");
    assert_eq!(denials.take(), []);
}

#[test]
fn a_guest_ends_itself_alone() {
    let world = World::new();
    let (mut one, _) = puppet(&[(&world.granted(), DirGrant::all())]);
    let (mut other, _) = puppet(&[(&world.granted(), DirGrant::all())]);
    for code in [0u64, 1, 255, u64::from(u32::MAX)] {
        match one.raw("proc_exit", &[code]) {
            Err(Error::Exit(status)) => assert_eq!(status, code as i32),
            other => panic!("{other:?}"),
        }
    }
    // There are no signals to send: neither to itself nor to the process.
    for signal in 0..70u64 {
        assert_ne!(one.raw("proc_raise", &[signal]).expect("it returns"), Some(0), "signal {signal}");
    }
    other.write_file(DIR, "file", b"still here").expect("the other goes on");
}

#[test]
fn no_number_that_a_guest_makes_up_is_a_descriptor() {
    let world = World::new();
    // The host has files open by numbers like these.
    let secret = File::open(world.outside("secret")).expect("a file");
    let outside = open_dir(&world.outside(""));
    let (mut puppet, denials) = puppet(&[(&world.granted(), DirGrant::all())]);
    let around = world.around();
    let made_up = [secret.as_raw_fd() as u32, outside.as_raw_fd() as u32];
    for fd in (0..300).filter(|&fd| fd != DIR).chain([1 << 16, (1 << 31) - 1, 1 << 31, u32::MAX]).chain(made_up) {
        if fd == DIR {
            continue;
        }
        assert_eq!(puppet.read(fd), Err(Errno::BADF), "{fd}");
        assert_eq!(puppet.open(fd, "secret", 0, READ), Err(Errno::BADF), "{fd}");
        assert_eq!(puppet.open(fd, "made", CREAT, WRITE), Err(Errno::BADF), "{fd}");
        assert_eq!(call!(puppet, "fd_renumber", DIR, fd), Err(Errno::BADF), "{fd}");
        assert_eq!(call!(puppet, "fd_renumber", fd, DIR), Err(Errno::BADF), "{fd}");
    }
    assert!(denials.take().iter().all(|denied| denied.rule == Rule::NoDescriptor));
    around.is_still(&world.around(), "numbers that are made up");
    puppet.knows_no_secret();
}

#[test]
fn a_moved_descriptor_takes_its_rights_along() {
    let world = World::new();
    world.file("file", "contents").dir("sub");
    let grants: [(_, DirGrant); 2] = [(world.inside("sub"), DirGrant::all()), (world.granted(), DirGrant::read_only())];
    let (mut puppet, _) = puppet(&[(&grants[0].0, grants[0].1), (&grants[1].0, grants[1].1)]);
    // The read-only one comes to be known by the number of the other.
    call!(puppet, "fd_renumber", 4u32, 3u32).expect("to move");
    let before = world.within();
    assert!(puppet.write_file(DIR, "file", b"changed").is_err());
    assert!(puppet.mkdir(DIR, "sub/new").is_err());
    assert_eq!(puppet.open(4, ".", DIRECTORY, ALL & !WRITE), Err(Errno::BADF));
    before.is_still(&world.within(), "by the number of a writable folder");
    // A file in the place of a folder is a file, and a folder in the place of a stream is none.
    let fd = puppet.open(DIR, "file", 0, READ).expect("to open");
    call!(puppet, "fd_renumber", fd, DIR).expect("to move");
    assert_eq!(puppet.open(DIR, "file", 0, READ), Err(Errno::NOTDIR));
    assert_eq!(call!(puppet, "fd_prestat_get", DIR, 64u32), Err(Errno::BADF));
    assert_eq!(puppet.read(DIR).expect("to read"), b"contents");
}

#[test]
fn rights_that_were_given_up_do_not_come_back() {
    let world = World::new();
    world.file("file", "contents").dir("sub");
    let (mut puppet, _) = puppet(&[(&world.granted(), DirGrant::all())]);
    let reading = READ | 1 << 13 | 1 << 14 | 1 << 18 | 1 << 21; // path_open, fd_readdir, both of filestat_get
    call!(puppet, "fd_fdstat_set_rights", DIR, reading & !READ, reading).expect("to narrow");
    let before = world.within();
    let mut dirs = vec![DIR];
    for path in [".", "sub/..", "sub/../"] {
        dirs.push(puppet.open(DIR, path, DIRECTORY, reading & !READ).expect(path));
        // What is asked for and not there is left out, or refused; it is not given.
        if let Ok(fd) = puppet.open(DIR, path, DIRECTORY, ALL & !WRITE) {
            dirs.push(fd);
        }
    }
    for &dir in &dirs {
        let (base, inheriting) = puppet.rights(dir).expect("its rights");
        assert_eq!((base & !reading, inheriting & !reading), (0, 0), "{dir}");
        assert!(call!(puppet, "fd_fdstat_set_rights", dir, ALL, ALL).is_err());
        assert!(puppet.write_file(dir, "file", b"changed").is_err());
        assert!(puppet.open(dir, "new", CREAT, 0).is_err());
        assert!(puppet.mkdir(dir, "new").is_err());
        assert!(puppet.unlink(dir, "file").is_err());
        assert!(puppet.rename(dir, "file", DIR, "new").is_err());
        assert!(puppet.link(dir, "file", DIR, "new").is_err());
        assert!(puppet.symlink("file", dir, "new").is_err());
        assert!(puppet.set_times(dir, 0, "file").is_err());
        assert!(puppet.set_times_fd(dir).is_err());
    }
    let (moved, onto) = (dirs[1], dirs[2]);
    call!(puppet, "fd_renumber", moved, onto).expect("to move");
    assert!(puppet.mkdir(onto, "new").is_err());
    before.is_still(&world.within(), "after giving up rights");
}

/// A descriptor of a capability that may do less does not become more by being opened through one that may do more.
#[test]
fn two_grants_do_not_add_up() {
    let world = World::new();
    world.file("file", "contents");
    let reads = only(DirRights::READ | DirRights::LIST);
    let writes = only(DirRights::WRITE);
    let (mut puppet, _) = puppet(&[(&world.granted(), reads), (&world.granted(), writes)]);
    assert!(puppet.open(3, "file", 0, READ | WRITE).is_err());
    assert!(puppet.open(4, "file", 0, READ | WRITE).is_err());
    let (reader, writer) =
        (puppet.open(3, "file", 0, READ).expect("to read"), puppet.open(4, "file", 0, WRITE).expect("to write"));
    assert_eq!(puppet.write(reader, b"x"), Err(Errno::BADF));
    assert_eq!(puppet.read(writer), Err(Errno::BADF));
    let mut contents = String::new();
    File::open(world.inside("file")).expect("the file").read_to_string(&mut contents).expect("to read");
    assert_eq!(contents, "contents");
}

/// A call that waits in the middle looks at its vectors anew, and they may be what it has received.
#[test]
fn vectors_that_are_overwritten_lead_nowhere() {
    const VECTORS: u32 = 1000;
    for pattern in [0x00, 0x01, 0x08, 0x7f, 0x80, 0xff] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("its address");
        let (mut builder, _) = builder();
        builder.listener(listener.into()).expect("a listener");
        let mut puppet = Puppet::new(&imports(builder));
        let mut peer = std::net::TcpStream::connect(address).expect("to connect");
        call!(puppet, "sock_accept", DIR, 0u32, 64u32).expect("to accept");
        let connection = puppet.u32_at(64);
        // Four vectors, the first of which is where they lie themselves.
        for (i, (at, len)) in [(VECTORS, 32u32), (5000, 100), (6000, 100), (7000, 100)].into_iter().enumerate() {
            puppet.put(VECTORS + 8 * i as u32, &[at.to_le_bytes(), len.to_le_bytes()].concat());
        }
        let sender = std::thread::spawn(move || {
            for _ in 0..20 {
                if peer.write_all(&[pattern; 20]).is_err() {
                    return;
                }
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        });
        // All of it is waited for.
        let received = puppet.raw("sock_recv", &[connection.into(), VECTORS.into(), 4, 2, 64, 72]);
        assert!(received.is_ok(), "{pattern:#x}: {received:?}");
        drop(puppet);
        sender.join().expect("it ends");
    }
}
