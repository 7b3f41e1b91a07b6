//! `wasi_unstable`: the same functions under the older name, where only some layouts differ.

use crate::abi::Errno::*;
use crate::abi::clock::{MONOTONIC, REALTIME};
use crate::abi::{Event, filetype, u32_in, u64_in};
use crate::calls::Open;
use crate::sys::{DATA, DIR, GUEST, IOVS, MEMORY, OUT, PATH, Sys, call};
use crate::world::{World, preopen};
use bailiwick_loader::wasi::{DirGrant, WasiCtx, WasiCtxBuilder};
use bailiwick_tests::compile::artifact_bytes;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, OnceLock};

/// The guest of the other tests, as a module of `wasi_unstable`.
fn guest(grant: impl FnOnce(&mut WasiCtxBuilder)) -> Sys {
    static COMPILED: OnceLock<Vec<u8>> = OnceLock::new();
    let compiled = COMPILED.get_or_init(|| {
        let lines = GUEST.lines().map(|line| match line.contains("(import") && line.contains("\"sock_accept\"") {
            true => "(func $sock_accept (param i32 i32 i32) (result i32) (i32.const 52))".to_owned(),
            false => line.replace("\"wasi_snapshot_preview1\"", "\"wasi_unstable\""),
        });
        let text = lines.collect::<Vec<String>>().join("\n");
        assert_eq!(text.matches("(import \"wasi_unstable\"").count(), 45);
        // It is the last import, so a function may stand in its place.
        artifact_bytes(&text)
    });
    let mut builder = WasiCtx::builder();
    grant(&mut builder);
    Sys::of(compiled, &Arc::new(Mutex::new(builder.build().unwrap())))
}

fn over(world: &World) -> Sys {
    guest(|builder| preopen(builder, world, "/", DirGrant::all()))
}

/// `subscription` of `wasi_unstable`, 56 bytes, of a clock.
fn timer(userdata: u64, clock: u32, timeout_ns: u64, flags: u16) -> [u8; 56] {
    let mut bytes = [0xa5; 56];
    bytes[0..8].copy_from_slice(&userdata.to_le_bytes());
    bytes[8] = 0;
    // 16: a number that means nothing.
    bytes[24..28].copy_from_slice(&clock.to_le_bytes());
    bytes[32..40].copy_from_slice(&timeout_ns.to_le_bytes());
    bytes[40..48].copy_from_slice(&0u64.to_le_bytes());
    bytes[48..50].copy_from_slice(&flags.to_le_bytes());
    bytes
}

/// The same, of a descriptor to be read (1) or written (2).
fn ready(userdata: u64, tag: u8, fd: u32) -> [u8; 56] {
    let mut bytes = [0xa5; 56];
    bytes[0..8].copy_from_slice(&userdata.to_le_bytes());
    bytes[8] = tag;
    bytes[16..20].copy_from_slice(&fd.to_le_bytes());
    bytes
}

fn poll(sys: &mut Sys, subscriptions: &[[u8; 56]]) -> Vec<Event> {
    sys.put(IOVS, subscriptions.concat());
    call!(sys, poll_oneoff(IOVS, DATA, subscriptions.len() as u32, OUT)).unwrap();
    let count = sys.u32_at(OUT);
    (0..count).map(|index| Event::decode(&sys.get(DATA + 32 * index, 32))).collect()
}

#[test]
fn all_45_functions_are_there() {
    let mut sys = over(&World::new());
    assert_eq!(sys.fd_prestat_dir_name(DIR).unwrap(), "/");
    assert_eq!(sys.args_sizes_get(), Ok((0, 0)));
    assert_eq!(sys.random_get(8).unwrap().len(), 8);
    assert!(matches!(sys.proc_exit(3), bailiwick_loader::Error::Exit(3)));
}

#[test]
fn seeking_has_its_bases_in_another_order() {
    let world = World::new();
    world.file("digits", "0123456789");
    let mut sys = over(&world);
    let fd = sys.path_open(DIR, "digits", Open::file()).unwrap();
    let (cur, end, set) = (0, 1, 2);
    for (offset, whence, place) in [(4, set, 4), (2, cur, 6), (-1, cur, 5), (0, cur, 5), (-3, end, 7), (0, set, 0)] {
        assert_eq!(sys.fd_seek(fd, offset, whence), Ok(place), "{offset} {whence}");
        assert_eq!(sys.fd_tell(fd), Ok(place));
    }
    assert_eq!(sys.fd_seek(fd, 0, 3), Err(INVAL));
}

#[test]
fn the_right_to_tell_is_enough_for_seeking_by_nothing() {
    use crate::abi::right::{FD_SEEK, FD_TELL};
    let world = World::with(&["file"]);
    let mut sys = over(&world);
    let fd = sys.path_open(DIR, "file", Open::rights(FD_SEEK | FD_TELL)).unwrap();
    sys.fd_fdstat_set_rights(fd, FD_TELL, 0).unwrap();
    assert_eq!(sys.fd_seek(fd, 0, 0), Ok(0));
    assert_eq!(sys.fd_seek(fd, 0, 2), Err(NOTCAPABLE), "to the beginning is a move");
}

#[test]
fn stat_has_links_of_32_bits_and_56_bytes() {
    let world = World::with(&["file"]);
    std::fs::hard_link(world.path("file"), world.path("second")).unwrap();
    let mut sys = over(&world);
    let fd = sys.path_open(DIR, "file", Open::file()).unwrap();
    let host = world.stat("file");
    for by_path in [false, true] {
        sys.poison();
        let (path, len) = sys.put(PATH, "file");
        match by_path {
            true => call!(sys, path_filestat_get(DIR, 0, path, len, OUT)).unwrap(),
            false => call!(sys, fd_filestat_get(fd, OUT)).unwrap(),
        }
        sys.only_written(&[(PATH, 4), (OUT, 56)]);
        let stat = sys.get(OUT, 56);
        assert_eq!((u64_in(&stat, 0), u64_in(&stat, 8)), (host.dev(), host.ino()));
        assert_eq!((stat[16], u32_in(&stat, 20), u64_in(&stat, 24)), (filetype::REGULAR_FILE, 2, 4));
        assert_eq!((u64_in(&stat, 32), u64_in(&stat, 40)), world.times("file"));
        assert!(u64_in(&stat, 48) > 1_600_000_000_000_000_000);
    }
    assert_eq!(call!(sys, fd_filestat_get(fd, MEMORY - 56)), Ok(()));
    assert_eq!(call!(sys, fd_filestat_get(fd, MEMORY - 55)), Err(FAULT));
}

#[test]
fn subscriptions_have_56_bytes() {
    let world = World::with(&["file"]);
    let mut sys = guest(|builder| {
        preopen(builder, &world, "/", DirGrant::all());
        builder.host_clocks();
    });
    let fd = sys.path_open(DIR, "file", Open::file()).unwrap();
    let hour = 3600 * 1_000_000_000;
    let events = poll(
        &mut sys,
        &[
            timer(1, MONOTONIC, hour, 0),
            ready(2, 1, fd),
            ready(3, 2, fd),
            timer(4, REALTIME, 1, 1),
            ready(5, 1, 99),
            timer(6, MONOTONIC, 0, 0),
        ],
    );
    let told: Vec<(u64, u8, crate::abi::Errno)> =
        events.iter().map(|event| (event.userdata, event.kind, event.error)).collect();
    assert_eq!(told, [(2, 1, SUCCESS), (3, 2, SUCCESS), (4, 0, SUCCESS), (5, 1, BADF), (6, 0, SUCCESS)]);
    let events = poll(&mut sys, &[timer(7, MONOTONIC, 1_000_000, 0), timer(8, REALTIME, hour, 0)]);
    assert_eq!(events.iter().map(|event| event.userdata).collect::<Vec<_>>(), [7]);
    sys.put(MEMORY - 55, timer(1, MONOTONIC, 0, 0).get(..55).unwrap());
    assert_eq!(call!(sys, poll_oneoff(MEMORY - 55, DATA, 1, OUT)), Err(FAULT));
    assert_eq!(call!(sys, poll_oneoff(IOVS, DATA, 0, OUT)), Err(INVAL));
}

#[test]
fn everything_else_is_the_same() {
    let world = World::new();
    let mut sys = over(&world);
    sys.path_create_directory(DIR, "sub").unwrap();
    let fd = sys.path_open(DIR, "sub/file", Open::file()).unwrap();
    sys.fd_write(fd, "contents").unwrap();
    assert_eq!(sys.fd_pread(fd, 100, 3).unwrap(), b"tents");
    sys.path_rename(DIR, "sub/file", DIR, "moved").unwrap();
    sys.path_symlink("moved", DIR, "link").unwrap();
    assert_eq!(sys.path_readlink(DIR, "link", 99).unwrap(), "moved");
    assert_eq!(sys.names(DIR).unwrap(), ["link", "moved", "sub"]);
    assert_eq!(sys.path_remove_directory(DIR, "sub"), Ok(()));
    assert_eq!(sys.path_open(DIR, "../x", Open::file()), Err(NOTCAPABLE));
    assert_eq!(sys.sock_shutdown(fd, 1), Err(NOTSOCK));
    assert_eq!(world.text("moved"), "contents");
}

#[test]
fn one_guest_may_use_both_names() {
    let text = r#"(module
        (import "wasi_unstable" "fd_write" (func $old (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $new (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\10\00\00\00\03\00\00\00\13\00\00\00\04\00\00\00oldnew\n")
        (func (export "_start")
            (drop (call $old (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))
            (drop (call $new (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 32)))))"#;
    let mut builder = WasiCtx::builder();
    let capture = builder.capture_stdout(100);
    let ran = crate::programs::start(&artifact_bytes(text), builder.build().unwrap());
    assert_eq!((ran, capture.contents().as_slice()), (0, b"oldnew\n".as_slice()));
}
