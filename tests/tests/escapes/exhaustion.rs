//! Attack 8: a guest that makes its host spend what is not its own: descriptors, memory, time.
//!
//! What takes memory runs in a child that measures itself, since other tests would be counted. Budgets are of the
//! host's own memory, beyond the guest's.

use super::grants::{bytes, dir, imports, puppet, puppet_of};
use super::host::{Resource, limit, resident_bytes};
use super::puppet::{ALL, Answer, BUFFER, CREAT, DIR, DIRECTORY, FOLLOW, Puppet, READ, WRITE, call};
use super::world::World;
use crate::common::{EMULATED, child, ended, eventually, task, times};
use bailiwick_loader::wasi::{Capture, Dir, DirGrant, DirLimits, Errno, Output, Rule, WasiCtx};
use bailiwick_loader::{Error, TrapCode};
use std::fs::{self, File};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// How soon a guest is ended in the middle of a call, on a machine that does other things too.
const SOON: Duration = Duration::from_secs(if EMULATED { 20 } else { 4 });

/// Runs the rest of a test in a child, where `true` is returned.
fn in_child(name: &str) -> bool {
    if task().is_some() {
        return true;
    }
    let ended = ended(&mut child(name, "measure")).with(0);
    ended.out.lines().filter(|line| line.contains("host:")).for_each(|line| println!("{line}"));
    false
}

/// Fails if the process has more memory after `act` than `budget` bytes over what it had before, most of which `act`
/// may have given back meanwhile: the peak counts.
#[track_caller]
fn within_budget<T>(what: &str, budget: u64, act: impl FnOnce() -> T) -> T {
    let (begun, before) = (Instant::now(), resident_bytes());
    let done = Arc::new(AtomicBool::new(false));
    let peak = Arc::new(AtomicU64::new(before));
    let watch = std::thread::spawn({
        let (done, peak) = (Arc::clone(&done), Arc::clone(&peak));
        move || {
            while !done.load(Ordering::Relaxed) {
                peak.fetch_max(resident_bytes(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    let result = act();
    peak.fetch_max(resident_bytes(), Ordering::Relaxed);
    done.store(true, Ordering::Relaxed);
    watch.join().expect("the watch");
    let grown = peak.load(Ordering::Relaxed).saturating_sub(before);
    println!("host: {what}: {} KiB of {} KiB, {:?}", grown / KIB, budget / KIB, begun.elapsed());
    // The emulator's own memory is counted, which grows with what it translates.
    assert!(EMULATED || grown <= budget, "{what}: the host has {grown} bytes more, of {budget}");
    result
}

/// A grant of everything, but of so many descriptors.
fn max_open(max_open: u32) -> DirGrant {
    DirGrant { limits: DirLimits { max_open: Some(max_open), ..DirLimits::default() }, ..DirGrant::all() }
}

/// Opens until that fails.
fn open_all(puppet: &mut Puppet) -> (u32, Errno) {
    let mut opened = 0;
    loop {
        match puppet.open(DIR, "file", CREAT, READ | WRITE) {
            Ok(_) => opened += 1,
            Err(errno) => return (opened, errno),
        }
    }
}

#[test]
fn a_guest_has_its_own_limit_of_descriptors() {
    let world = World::new();
    let shared = dir(&world.granted(), DirGrant::all());
    let (mut builder, denials) = super::grants::builder();
    builder.preopen(&shared, "/").expect("a preopened directory");
    builder.max_descriptors(64);
    let mut greedy = Puppet::new(&imports(builder));
    let (opened, errno) = open_all(&mut greedy);
    assert_eq!((opened, errno), (60, Errno::MFILE), "numbers below 64, but for the streams' and the directory's");
    denials.one_by(&[Rule::Descriptors], "the 65th");
    // Nor by any other call that makes one; and nothing was done before it failed.
    assert_eq!(greedy.open(DIR, "new", CREAT, WRITE), Err(Errno::MFILE));
    assert_eq!(greedy.open(DIR, ".", DIRECTORY, ALL & !WRITE), Err(Errno::MFILE));
    assert_eq!(world.within().paths(), ["file"]);
    // Moving frees exactly one.
    call!(greedy, "fd_renumber", 63u32, 62u32).expect("to move");
    assert_eq!(open_all(&mut greedy), (1, Errno::MFILE));
    let (mut other, _) = puppet_of(&[&shared]);
    assert!(other.read_file(DIR, "file").is_ok());
}

#[test]
fn a_directory_has_its_own_limit_of_descriptors() {
    let world = World::new();
    let shared = dir(&world.granted(), max_open(10));
    let ((mut one, denials), (mut other, _)) = (puppet_of(&[&shared]), puppet_of(&[&shared]));
    assert_eq!(open_all(&mut one), (10, Errno::MFILE));
    denials.one_by(&[Rule::Descriptors], "the eleventh");
    assert_eq!(other.open(DIR, "file", 0, READ), Err(Errno::MFILE), "it is the directory's limit, whoever opens");
    assert_eq!(shared.usage().open, 10);
    // Whatever is done to numbers, what is open is counted: closed, moved, moved onto itself, failed.
    for _ in 0..50 {
        one.close(5).expect("to close");
        assert_eq!(shared.usage().open, 9);
        assert!(one.open(DIR, "no such", 0, READ).is_err());
        assert!(one.open(DIR, "../outside", 0, READ).is_err());
        assert_eq!(one.open(DIR, "file", 0, READ), Ok(5));
        call!(one, "fd_renumber", 5u32, 5u32).expect("to move");
        call!(one, "fd_renumber", 6u32, 5u32).expect("to move");
        assert_eq!(one.open(DIR, "file", 0, READ), Ok(6));
        assert_eq!(shared.usage().open, 10);
        assert_eq!(one.open(DIR, "file", 0, READ), Err(Errno::MFILE));
    }
    drop(one);
    assert_eq!(shared.usage().open, 0, "what a guest leaves open is closed with it");
    assert!(other.open(DIR, "file", 0, READ).is_ok());
}

/// A process may open 1024 files by default. A guest that has no limit said may not have them all.
#[test]
fn a_guest_does_not_take_its_hosts_descriptors() {
    const NAME: &str = "exhaustion::a_guest_does_not_take_its_hosts_descriptors";
    if !in_child(NAME) {
        return;
    }
    limit(Resource::OpenFiles, 1024);
    let world = World::new();
    let shared = dir(&world.granted(), DirGrant::all());
    let ((mut greedy, _), (mut other, _)) = (puppet_of(&[&shared]), puppet_of(&[&shared]));
    let (opened, errno) = open_all(&mut greedy);
    println!("host: a guest opened {opened} of 1024, then {errno}");
    assert!(other.read_file(DIR, "file").is_ok(), "another guest can't open anything");
    assert!(File::open("/dev/null").is_ok(), "the host can't open anything");
}

#[test]
fn gigabytes_of_randomness_are_interrupted() {
    const NAME: &str = "exhaustion::gigabytes_of_randomness_are_interrupted";
    if !in_child(NAME) {
        return;
    }
    let mut puppet = Puppet::new(&imports(WasiCtx::builder()));
    for (at, len) in [(0u64, u64::from(u32::MAX)), (1 << 31, 1 << 31), (131_072, 1), (u64::from(u32::MAX), 1)] {
        assert_eq!(call!(puppet, "random_get", at, len), Err(Errno::FAULT), "{len} at {at}");
    }
    puppet.grow_to(3 << 30);
    let handle = puppet.group.interrupt_handle();
    let (begun, wait) = (Instant::now(), Duration::from_millis(50));
    let interrupter = std::thread::spawn(move || {
        std::thread::sleep(wait);
        handle.interrupt().expect("to interrupt");
        Instant::now()
    });
    let before = resident_bytes();
    let ended = puppet.raw("random_get", &[0, 1 << 31]);
    let (now, interrupted) = (Instant::now(), interrupter.join().expect("the thread"));
    let code = ended.as_ref().err().and_then(Error::trap_code);
    assert_eq!(code, Some(TrapCode::Interrupt), "{ended:?} after {:?}", begun.elapsed());
    assert!(now - interrupted < SOON, "{:?}", now - interrupted);
    // What was filled of the guest's memory is its own; the host has no buffer.
    let filled =
        puppet.bytes().chunks(4096).position(|page| page.iter().all(|&byte| byte == 0)).unwrap_or(0) as u64 * 4096;
    let grown = resident_bytes().saturating_sub(before);
    println!("host: {} MiB filled; {} KiB more", filled / MIB, grown.saturating_sub(filled) / KIB);
    assert!(EMULATED || grown < filled + 4 * MIB, "{grown} bytes for {filled}");
}

/// Puts `count` vectors of the same `len` bytes at `at`.
fn put_vectors(puppet: &mut Puppet, at: u32, count: u32, len: u32) {
    let vector = [BUFFER.to_le_bytes(), len.to_le_bytes()].concat();
    puppet.put(at, &vector.repeat(count as usize));
}

#[test]
fn a_gigabyte_of_output_takes_no_memory_of_the_host() {
    const NAME: &str = "exhaustion::a_gigabyte_of_output_takes_no_memory_of_the_host";
    if !in_child(NAME) {
        return;
    }
    const LIMIT: usize = 1 << 20;
    let capture = Capture::new(LIMIT);
    let (mut builder, denials) = super::grants::builder();
    builder.stdout(Output::Null).stderr(Output::Capture(capture.clone()).inert_escapes());
    let mut puppet = Puppet::new(&imports(builder));
    puppet.grow_to(16 * MIB);
    puppet.bytes()[BUFFER as usize..].fill(b'x');
    // A thousand vectors of 8 MiB each, which overlap.
    let vectors = 1024;
    put_vectors(&mut puppet, 0, vectors, 8 << 20);
    within_budget("a gigabyte to nowhere", 2 * MIB, || {
        let mut written = 0;
        while written < 1 << 30 {
            call!(puppet, "fd_write", 1u32, 0u32, vectors, 32_768u32).expect("to write");
            written += u64::from(puppet.u32_at(32_768));
        }
    });
    // A buffer that grows has twice what it needs.
    within_budget("a gigabyte to a buffer of 1 MiB", 2 * LIMIT as u64 + 2 * MIB, || {
        let mut refused = 0;
        while refused < 100 {
            refused += usize::from(call!(puppet, "fd_write", 2u32, 0u32, vectors, 32_768u32) == Err(Errno::NOSPC));
        }
    });
    assert_eq!(capture.contents().len(), LIMIT);
    assert!(denials.take().iter().all(|denied| denied.rule == Rule::HostMemory));
}

#[test]
fn vectors_without_number_or_end_are_refused() {
    let world = World::new();
    let mut builder = WasiCtx::builder();
    builder.preopen(&dir(&world.granted(), bytes(MIB)), "/").expect("a preopened directory");
    builder.stdin_bytes(vec![b'x'; 1 << 16]).stdout(Output::Null);
    let mut puppet = Puppet::new(&imports(builder));
    let file = puppet.open(DIR, "file", CREAT, ALL).expect("a file");
    put_vectors(&mut puppet, 0, 1025, 1);
    for (fd, call) in [(0, "fd_read"), (1, "fd_write"), (file, "fd_read"), (file, "fd_write")] {
        for count in [1025, 1 << 20, 1 << 29, (1 << 29) + 1, 1 << 31, u32::MAX] {
            let answer = puppet.call(call, &[fd.into(), 0u32.into(), count.into(), 64_000u32.into()]);
            assert!([Err(Errno::INVAL), Err(Errno::FAULT)].contains(&answer), "{call} of {count} vectors: {answer:?}");
        }
    }
    // One vector in the end that does not lie in the memory: nothing is transferred.
    for (at, len) in [(u32::MAX, 1u32), (0, u32::MAX), (131_071, 2), (u32::MAX, u32::MAX), (1 << 31, 1 << 31)] {
        put_vectors(&mut puppet, 0, 1024, 1);
        puppet.put(1023 * 8, &[at.to_le_bytes(), len.to_le_bytes()].concat());
        for (fd, call) in [(0, "fd_read"), (1, "fd_write"), (file, "fd_read"), (file, "fd_write")] {
            let answer = puppet.call(call, &[fd.into(), 0u32.into(), 1024u32.into(), 64_000u32.into()]);
            assert_eq!(answer, Err(Errno::FAULT), "{call} of {len} bytes at {at}");
        }
    }
    assert_eq!(fs::metadata(world.inside("file")).expect("the file").len(), 0);
}

#[test]
fn a_large_directory_is_listed_in_bounded_memory_and_time() {
    const NAME: &str = "exhaustion::a_large_directory_is_listed_in_bounded_memory_and_time";
    if !in_child(NAME) {
        return;
    }
    const ENTRIES: usize = times(100_000, 2_000);
    let world = World::new();
    for i in 0..ENTRIES {
        File::create(world.inside(&format!("a-name-that-is-not-short-{i:010}"))).expect("a file");
    }
    let (mut puppet, _) = puppet(&[(&world.granted(), DirGrant::read_only())]);
    puppet.grow_to(32 * MIB);
    // So that the pages of the guest are there already.
    puppet.bytes().fill(1);
    let list = |puppet: &mut Puppet, fd: u32, len: u32, cookie: u64| -> Answer<u32> {
        call!(puppet, "fd_readdir", fd, BUFFER, len, cookie, 64u32)?;
        Ok(puppet.u32_at(64))
    };
    within_budget("a hundred thousand entries", 2 * MIB, || {
        let used = list(&mut puppet, DIR, 30 << 20, 0).expect("to list");
        assert!(used as usize > ENTRIES * 55, "all of it at once");
    });
    within_budget("absurd cookies", 2 * MIB, || {
        let before = Instant::now();
        for cookie in [u64::MAX, i64::MAX as u64, 1 << 63, 1 << 32, u64::from(u32::MAX), ENTRIES as u64 + 100] {
            assert_eq!(list(&mut puppet, DIR, 4096, cookie), Ok(0), "beyond the end, from {cookie}");
            assert_eq!(list(&mut puppet, DIR, 4096, ENTRIES as u64 / 2), Ok(4096), "back again");
        }
        // Each is at most one walk over the directory.
        assert!(before.elapsed() < 20 * SOON, "{:?}", before.elapsed());
    });
    within_budget("five hundred listings at a time", 4 * MIB, || {
        for i in 0..500u64 {
            let fd = puppet.open(DIR, ".", DIRECTORY, ALL & !WRITE).expect("the folder");
            list(&mut puppet, fd, 30, i % 100).expect("to list");
        }
    });
    // Somebody else ends it in the middle of a walk.
    let handle = puppet.group.interrupt_handle();
    let begun = Arc::new(AtomicBool::new(false));
    let interrupter = std::thread::spawn({
        let begun = Arc::clone(&begun);
        move || {
            eventually("the guest lists", || begun.load(Ordering::Acquire));
            std::thread::sleep(Duration::from_millis(5));
            handle.interrupt().expect("to interrupt");
            Instant::now()
        }
    });
    begun.store(true, Ordering::Release);
    let ended = (0..1_000_000).find_map(|i: u64| {
        puppet
            .raw("fd_readdir", &[DIR.into(), BUFFER.into(), 4096, if i.is_multiple_of(2) { u64::MAX } else { 1 }, 64])
            .err()
    });
    let (now, interrupted) = (Instant::now(), interrupter.join().expect("the thread"));
    assert_eq!(ended.and_then(|error| error.trap_code()), Some(TrapCode::Interrupt));
    assert!(now - interrupted < SOON, "{:?}", now - interrupted);
}

#[test]
fn long_and_deep_paths_are_bounded() {
    const NAME: &str = "exhaustion::long_and_deep_paths_are_bounded";
    if !in_child(NAME) {
        return;
    }
    let world = World::new();
    let (mut puppet, _) = puppet(&[(&world.granted(), DirGrant::all())]);
    puppet.grow_to(8 * MIB);
    puppet.bytes().fill(1);
    let around = world.around();
    within_budget("paths", MIB, || {
        for len in [255, 256, 4095, 4096, 4097, 65_535, 200_000] {
            for unit in ["a", "a/", "../", "./", "/", "\u{e9}", "x/../"] {
                let path = unit.repeat(len / unit.len());
                for answer in [
                    puppet.open(DIR, &path, CREAT, WRITE).map(drop),
                    puppet.stat(DIR, FOLLOW, &path).map(drop),
                    puppet.mkdir(DIR, &path),
                    puppet.unlink(DIR, &path),
                    puppet.rename(DIR, &path, DIR, "x"),
                    puppet.link(DIR, &path, DIR, "x"),
                    puppet.readlink(DIR, &path).map(drop),
                ] {
                    let short = path.len() <= 4096;
                    assert!(short || answer == Err(Errno::NAMETOOLONG), "{} bytes of {unit}: {answer:?}", path.len());
                }
            }
        }
    });
    // A tree that is as deep as a guest has patience for. Each directory is opened through the one above.
    const DEPTH: usize = 400;
    within_budget("a deep tree", 2 * MIB, || {
        let (name, mut fd) = ("d".repeat(200), DIR);
        for _ in 0..DEPTH {
            puppet.mkdir(fd, &name).expect("to make");
            fd = puppet.open(fd, &name, DIRECTORY, ALL & !WRITE).expect("to open");
        }
        // Far below a path's longest length, and still no way up beyond the grant.
        assert_eq!(puppet.open(fd, &format!("{}seed.json", "../".repeat(DEPTH + 1)), 0, READ), Err(Errno::NOTCAPABLE));
        puppet.write_file(fd, "file", b"deep").expect("to write");
    });
    // Links that lead to links: as many as the kernel follows.
    within_budget("links", 2 * MIB, || {
        for i in 0..60 {
            puppet.symlink(&format!("l{}/{}", i + 1, "./".repeat(1000)), DIR, &format!("l{i}")).expect("a link");
        }
        assert_eq!(puppet.stat(DIR, FOLLOW, "l0/file"), Err(Errno::LOOP));
        puppet.symlink("self", DIR, "self").expect("a link");
        assert_eq!(puppet.open(DIR, "self", CREAT, WRITE), Err(Errno::LOOP));
    });
    around.is_still(&world.around(), "long and deep paths");
}

/// A subscription to a stream, or to a time from now.
fn subscription(kind: u8, fd_or_clock: u32, timeout_ns: u64) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[8] = kind;
    bytes[16..20].copy_from_slice(&fd_or_clock.to_le_bytes());
    bytes[24..32].copy_from_slice(&timeout_ns.to_le_bytes());
    bytes
}

#[test]
fn subscriptions_are_bounded_and_waits_end() {
    const NAME: &str = "exhaustion::subscriptions_are_bounded_and_waits_end";
    if !in_child(NAME) {
        return;
    }
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut builder = WasiCtx::builder();
    builder.host_clocks().stdin(bailiwick_loader::wasi::Input::File(reader.into()));
    let mut puppet = Puppet::new(&imports(builder));
    puppet.grow_to(8 * MIB);
    puppet.bytes().fill(1);
    const EVENTS: u32 = 4 << 20;
    let poll = |puppet: &mut Puppet, count: u32| call!(puppet, "poll_oneoff", 4096u32, EVENTS, count, 64u32);
    within_budget("subscriptions", 4 * MIB, || {
        for count in [1, 4096, 4097, 65_536] {
            let soon = subscription(0, 1, 1_000_000);
            puppet.put(4096, &[soon, subscription(1, 0, 0)].concat().repeat(count as usize / 2 + 1));
            let answer = poll(&mut puppet, count);
            assert!(answer.is_ok() == (count <= 4096), "{count}: {answer:?}");
        }
        for count in [1 << 20, 1 << 27, 1 << 31, u32::MAX] {
            let answer = poll(&mut puppet, count);
            assert!([Err(Errno::INVAL), Err(Errno::FAULT)].contains(&answer), "{count}: {answer:?}");
        }
    });
    // Waits without an end: for a pipe, for a time in five hundred years, for both, for the most that there can be.
    let never = subscription(0, 1, u64::MAX);
    let pipe = subscription(1, 0, 0);
    for (what, count, subscriptions) in [
        ("a pipe", 1, vec![pipe]),
        ("a time", 1, vec![never]),
        ("both", 2, vec![never, pipe]),
        ("4096", 4096, vec![pipe; 4096]),
    ] {
        puppet.put(4096, &subscriptions.concat());
        let handle = puppet.group.interrupt_handle();
        let interrupter = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            handle.interrupt().expect("to interrupt");
            Instant::now()
        });
        let ended = puppet.raw("poll_oneoff", &[4096, EVENTS.into(), count, 64]);
        let waited = interrupter.join().expect("the thread").elapsed();
        assert_eq!(ended.as_ref().err().and_then(Error::trap_code), Some(TrapCode::Interrupt), "{what}: {ended:?}");
        assert!(waited < SOON, "{what}: {waited:?}");
        puppet.group.resume().expect("to go on");
    }
    drop(writer);
}

#[test]
fn a_flood_of_denials_is_told_and_not_kept() {
    const NAME: &str = "exhaustion::a_flood_of_denials_is_told_and_not_kept";
    if !in_child(NAME) {
        return;
    }
    const DENIALS: u64 = times(1_000_000, 20_000) as u64;
    let world = World::new();
    let told = Arc::new(AtomicU64::new(0));
    let mut builder = WasiCtx::builder();
    builder.preopen(&dir(&world.granted(), DirGrant::read_only()), "/").expect("a preopened directory");
    builder.auditor({
        let told = Arc::clone(&told);
        move |denial| {
            // A record is small, whatever the guest says.
            assert!(format!("{denial:?}").len() < 16 * 1024);
            told.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut puppet = Puppet::new(&imports(builder));
    let path = [b"../".repeat(100), b"\x1b\xff\0\xf0\x9f".repeat(200)].concat();
    puppet.put(4096, &path);
    within_budget("a flood of denials", 2 * MIB, || {
        for i in 0..DENIALS {
            let len = [9, 300, path.len() as u64][i as usize % 3];
            let answer = match i % 2 {
                0 => puppet.raw("path_unlink_file", &[DIR.into(), 4096, len]),
                _ => puppet.raw("fd_close", &[4096 + i]),
            };
            assert_ne!(answer.expect("it returns"), Some(0));
        }
    });
    assert_eq!(told.load(Ordering::Relaxed), DENIALS);
}

/// What a file is to be grown to is not spent before it is known that it may be.
#[test]
fn no_call_allocates_beyond_a_quota() {
    let world = World::new();
    let shared: Dir = dir(&world.granted(), bytes(MIB));
    let (mut puppet, denials) = puppet_of(&[&shared]);
    let fd = puppet.open(DIR, "file", CREAT, ALL).expect("a file");
    denials.take();
    for size in [MIB + 1, 1 << 30, 1 << 40, (1 << 63) - 1] {
        let begun = Instant::now();
        assert_eq!(call!(puppet, "fd_allocate", fd, 0u64, size), Err(Errno::DQUOT), "{size}");
        denials.one_by(&[Rule::Bytes], "to allocate");
        assert_eq!(call!(puppet, "fd_allocate", fd, size - 1, 1u64), Err(Errno::DQUOT), "{size}");
        denials.one_by(&[Rule::Bytes], "to allocate at the end");
        assert_eq!(call!(puppet, "fd_filestat_set_size", fd, size), Err(Errno::DQUOT), "{size}");
        denials.one_by(&[Rule::Bytes], "to extend");
        assert_eq!(puppet.write_at(fd, b"x", size - 1), Err(Errno::DQUOT), "{size}");
        denials.one_by(&[Rule::Bytes], "to write beyond");
        assert!(begun.elapsed() < SOON);
    }
    for size in [1 << 63, u64::MAX] {
        assert!(call!(puppet, "fd_allocate", fd, 0u64, size).is_err());
        assert!(call!(puppet, "fd_allocate", fd, size, size).is_err());
        assert!(call!(puppet, "fd_filestat_set_size", fd, size).is_err());
        assert!(puppet.write_at(fd, b"x", size).is_err());
    }
    let meta = fs::metadata(world.inside("file")).expect("the file");
    assert_eq!((meta.len(), std::os::unix::fs::MetadataExt::blocks(&meta)), (0, 0));
}
