//! A guest that calls anything with anything: whatever it passes, the world outside stays as it is, and the host lives.

use super::grants::{builder, bytes, dir, imports};
use super::puppet::{DIR, Definition, Puppet};
use super::world::World;
use crate::common::{Random, times};
use bailiwick_loader::wasi::{DirGrant, Input, Output};
use bailiwick_loader::{Error, TrapCode};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Every function, but for `sock_accept`, with the width of its parameters in bits.
const FUNCTIONS: &[(&str, &[u32])] = &[
    ("args_get", &[32, 32]),
    ("args_sizes_get", &[32, 32]),
    ("clock_res_get", &[32, 32]),
    ("clock_time_get", &[32, 64, 32]),
    ("environ_get", &[32, 32]),
    ("environ_sizes_get", &[32, 32]),
    ("fd_advise", &[32, 64, 64, 32]),
    ("fd_allocate", &[32, 64, 64]),
    ("fd_close", &[32]),
    ("fd_datasync", &[32]),
    ("fd_fdstat_get", &[32, 32]),
    ("fd_fdstat_set_flags", &[32, 32]),
    ("fd_fdstat_set_rights", &[32, 64, 64]),
    ("fd_filestat_get", &[32, 32]),
    ("fd_filestat_set_size", &[32, 64]),
    ("fd_filestat_set_times", &[32, 64, 64, 32]),
    ("fd_pread", &[32, 32, 32, 64, 32]),
    ("fd_prestat_dir_name", &[32, 32, 32]),
    ("fd_prestat_get", &[32, 32]),
    ("fd_pwrite", &[32, 32, 32, 64, 32]),
    ("fd_read", &[32, 32, 32, 32]),
    ("fd_readdir", &[32, 32, 32, 64, 32]),
    ("fd_renumber", &[32, 32]),
    ("fd_seek", &[32, 64, 32, 32]),
    ("fd_sync", &[32]),
    ("fd_tell", &[32, 32]),
    ("fd_write", &[32, 32, 32, 32]),
    ("path_create_directory", &[32, 32, 32]),
    ("path_filestat_get", &[32, 32, 32, 32, 32]),
    ("path_filestat_set_times", &[32, 32, 32, 32, 64, 64, 32]),
    ("path_link", &[32, 32, 32, 32, 32, 32, 32]),
    ("path_open", &[32, 32, 32, 32, 32, 64, 64, 32, 32]),
    ("path_readlink", &[32, 32, 32, 32, 32, 32]),
    ("path_remove_directory", &[32, 32, 32]),
    ("path_rename", &[32, 32, 32, 32, 32, 32]),
    ("path_symlink", &[32, 32, 32, 32, 32]),
    ("path_unlink_file", &[32, 32, 32]),
    ("poll_oneoff", &[32, 32, 32, 32]),
    ("proc_exit", &[32]),
    ("proc_raise", &[32]),
    ("random_get", &[32, 32]),
    ("sched_yield", &[]),
    ("sock_recv", &[32, 32, 32, 32, 32, 32]),
    ("sock_send", &[32, 32, 32, 32, 32]),
    ("sock_shutdown", &[32, 32]),
];

/// Of these, paths are put together.
const PARTS: &[&str] =
    &["a", "b", "a", "b", "..", ".", "", "up", "out", "seed", "new", "dir", "file", "etc", "passwd", "\u{e9}", "x\0"];

/// Where paths lie, each in so many bytes, the length of which is put behind it.
const PATHS: u32 = 8192;
const PATH_BYTES: u32 = 64;
const PATH_COUNT: u32 = 64;

/// Puts new paths, vectors and subscriptions into the guest's memory; says how long the paths are.
fn furnish(puppet: &mut Puppet, random: &mut Random) -> Vec<u32> {
    let noise: Vec<u8> = (0..2048).map(|_| (random.next() % 24) as u8).collect();
    puppet.put(2048, &noise);
    // Vectors, most of which lie in the memory.
    for i in 0..64u32 {
        let (at, len) = (random.below(100_000) as u32, random.below(5000) as u32);
        puppet.put(8 * i, &[at.to_le_bytes(), len.to_le_bytes()].concat());
    }
    (0..PATH_COUNT)
        .map(|i| {
            let parts: Vec<&str> = (0..=random.below(4)).map(|_| random.of(PARTS)).collect();
            let path = parts.join("/") + random.of(&["", "", "/", "/."]);
            puppet.put(PATHS + i * PATH_BYTES, path.as_bytes());
            path.len() as u32
        })
        .collect()
}

/// An argument that may mean something.
fn argument(random: &mut Random, bits: u32) -> u64 {
    match random.below(16) {
        0 => random.next(),
        1 => 1 << random.below(bits as usize),
        2 => (1_u64 << random.below(bits as usize)).wrapping_sub(1 + random.below(3) as u64),
        3 if bits == 64 => u64::MAX,
        4 | 5 if bits == 64 => (1 << 30) - 1,
        6 => random.below(131_072) as u64,
        _ => random.below(24) as u64,
    }
}

/// The arguments of one call: pairs of a pointer and a length are often those of a path.
fn arguments(random: &mut Random, name: &str, widths: &[u32], lengths: &[u32]) -> Vec<u64> {
    let mut numbers: Vec<u64> = widths.iter().map(|&bits| argument(random, bits)).collect();
    let places: &[usize] = match name {
        "path_link" => &[2, 5],
        "path_rename" => &[1, 4],
        "path_symlink" => &[0, 3],
        "path_open" | "path_filestat_get" | "path_filestat_set_times" => &[2],
        name if name.starts_with("path_") => &[1],
        _ => &[],
    };
    for &place in places {
        let i = random.below(lengths.len());
        numbers[place] = u64::from(PATHS + i as u32 * PATH_BYTES);
        numbers[place + 1] = u64::from(lengths[i]);
    }
    // Mostly the first folder, and mostly what may be done.
    if name.starts_with("path_") && random.below(4) > 0 {
        let fds: &[usize] = match name {
            "path_symlink" => &[2],
            "path_link" => &[0, 4],
            "path_rename" => &[0, 3],
            _ => &[0],
        };
        fds.iter().for_each(|&fd| numbers[fd] = DIR.into());
    }
    if name == "path_open" && random.below(4) > 0 {
        numbers[4] = random.below(16) as u64;
        (numbers[5], numbers[6], numbers[7]) = ((1 << 30) - 1, (1 << 30) - 1, 0);
    }
    numbers
}

/// A guest that has two folders, a listener and streams.
fn guest(definition: Definition, world: &World) -> Puppet {
    let (mut builder, _) = builder();
    builder
        .args(["anything"])
        .stdin_bytes(vec![b'x'; 10_000])
        .stdout(Output::Null)
        .stderr(Output::Null.inert_escapes());
    builder.preopen(&dir(&world.granted(), bytes(8 << 20)), "/").expect("a preopened directory");
    builder.preopen(&dir(&world.inside("dir"), DirGrant::read_only()), "/dir").expect("a preopened directory");
    builder.listener(TcpListener::bind("127.0.0.1:0").expect("a listener").into()).expect("a listener");
    builder.stdin(Input::Null);
    Puppet::by(definition, &imports(builder))
}

/// A guest's folder: with ways out that are none, and files.
fn world() -> World {
    let world = World::new();
    world.dir("dir/dir").file("file", "contents").file("dir/file", "contents");
    world.link("..", "up").link("../outside", "out").link("../seed.json", "seed").link("../made", "dir/up");
    world
}

fn calls(definition: Definition, seed: u64, count: usize) {
    let world = world();
    let around = world.around();
    let mut random = Random::new(seed);
    let mut puppet = guest(definition, &world);
    let mut lengths = furnish(&mut puppet, &mut random);
    let stop = Arc::new(AtomicBool::new(false));
    let (mut ended, mut succeeded) = (0, 0);
    for i in 0..count {
        if i % 5000 == 0 {
            // Now and then another guest, which has everything again.
            puppet.knows_no_secret();
            puppet = guest(definition, &world);
            // Whoever waits for ever is woken.
            let (handle, stop) = (puppet.group.interrupt_handle(), Arc::clone(&stop));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(100));
                    handle.interrupt().expect("to interrupt");
                }
            });
        }
        if i % 20 == 0 {
            lengths = furnish(&mut puppet, &mut random);
        }
        let (name, widths) = random.of(FUNCTIONS);
        let numbers = arguments(&mut random, name, widths, &lengths);
        match puppet.raw(name, &numbers) {
            Ok(number) => succeeded += usize::from(number == Some(0)),
            Err(Error::Exit(_)) if name == "proc_exit" => {}
            Err(error) => {
                assert_eq!(error.trap_code(), Some(TrapCode::Interrupt), "seed {seed}, {name} {numbers:?}: {error}");
                puppet.group.resume().expect("to go on");
                ended += 1;
            }
        }
        if i % 5000 == 4999 {
            around.is_still(&world.around(), &format!("seed {seed}, {definition:?}, call {i}"));
        }
    }
    stop.store(true, Ordering::Relaxed);
    around.is_still(&world.around(), &format!("seed {seed}, {definition:?}"));
    puppet.knows_no_secret();
    println!("{definition:?}, seed {seed}: {count} calls, {succeeded} succeeded, {ended} were woken");
    assert!(succeeded > count / 50, "{succeeded} of {count} succeeded: too few to mean anything");
}

#[test]
fn any_call_leaves_the_world_outside_as_it_is() {
    for seed in 0..4 {
        calls(Definition::Preview1, seed, times(50_000, 3_000));
    }
}

#[test]
fn any_call_of_the_older_definition_does_so_too() {
    calls(Definition::Unstable, 99, times(50_000, 3_000));
}
