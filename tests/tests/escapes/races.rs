//! Attack 6: what a path leads through is exchanged while the guest walks it.
//!
//! Another thread exchanges two names without pause, each time in one step of the kernel's, so that a name is never
//! absent. Most kinds of call are made through `d`, which is a folder or a link to one outside with the same names;
//! some by a last component that is a file or a link; some through `..` of a folder that is moved away.

use super::grants::{builder, dir, imports, puppet, run};
use super::host::Exchange;
use super::naive::{self, Without};
use super::puppet::{ALL, CREAT, DIR, DIRECTORY, Puppet, WRITE};
use super::world::{SECRET, Tree, World};
use crate::common::{EMULATED, times};
use bailiwick_loader::Imports;
use bailiwick_loader::wasi::{DirGrant, Rule};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Which two names are exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Swap {
    /// `d`: a folder, or a link to one outside.
    Folder,
    /// `last`: a file, or a link to one outside.
    Last,
    /// `p/q`: a folder, which is outside when another has its place.
    Parent,
}

/// Every kind of call, as `guests/attack_race.c` has it, what is exchanged meanwhile, and without what it gets outside.
const KINDS: &[(&str, Swap)] = &[
    ("read", Swap::Folder),
    ("write", Swap::Folder),
    ("create", Swap::Folder),
    ("unlink", Swap::Folder),
    ("mkdir", Swap::Folder),
    ("rmdir", Swap::Folder),
    ("rename", Swap::Folder),
    ("fetch", Swap::Folder),
    ("symlink", Swap::Folder),
    ("link", Swap::Folder),
    ("launder", Swap::Folder),
    ("stat", Swap::Folder),
    ("times", Swap::Folder),
    ("readlink", Swap::Folder),
    ("through", Swap::Folder),
    ("last", Swap::Last),
    ("last-followed", Swap::Last),
    ("last-read", Swap::Last),
    ("last-stat", Swap::Last),
    ("last-times", Swap::Last),
    ("up", Swap::Parent),
    ("up-write", Swap::Parent),
    ("up-create", Swap::Parent),
];

/// How many rounds there are in all.
const ROUNDS: usize = times(1_000_000, 20_000);

/// A world in which what is outside has the same names as what is inside. Inside, contents are `in`.
fn world(swap: Swap, absolute: bool) -> World {
    let world = World::new();
    world.dir("d/e").dir("p/q").link("in", "d/ln").file("own", "in");
    for name in ["d/f", "d/w", "d/u", "d/a", "d/r", "p/f", "p/w", "last"] {
        world.file(name, "in");
    }
    for name in ["dir/f", "dir/w", "dir/u", "dir/a", "dir/r", "f", "w", "last"] {
        fs::write(world.outside(name), SECRET).expect(name);
    }
    for name in ["dir/e", "q"] {
        fs::create_dir(world.outside(name)).expect(name);
    }
    std::os::unix::fs::symlink("outside", world.outside("dir/ln")).expect("a link");
    let target = |name: &str| if absolute { world.outside(name) } else { Path::new("../outside").join(name) };
    match swap {
        Swap::Folder => world.link(target("dir"), "other"),
        Swap::Last => world.link(target("last"), "other"),
        Swap::Parent => &world,
    };
    world
}

/// The two names.
fn exchange(world: &World, swap: Swap) -> Exchange {
    match swap {
        Swap::Folder => Exchange::new(&world.inside("d"), &world.inside("other")),
        Swap::Last => Exchange::new(&world.inside("last"), &world.inside("other")),
        Swap::Parent => Exchange::new(&world.inside("p/q"), &world.outside("q")),
    }
}

/// What became of the rounds.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    done: u64,
    refused: u64,
    leaked: u64,
    exchanged: u64,
}

/// Held by a race: another one at the same time would take its processor.
static RACING: Mutex<()> = Mutex::new(());

/// Runs the guest for so many rounds while two names are exchanged, an even number of times.
fn race(exchange: &Exchange, imports: &Imports, printed: impl Fn() -> Vec<u8>) -> Count {
    let _alone = RACING.lock().unwrap_or_else(PoisonError::into_inner);
    let (stop, exchanged) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        /// Stops the other thread, also when the guest fails: the scope waits for it.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        scope.spawn(|| {
            let mut times = 0_u64;
            // An even number of times: at the end everything is where it was.
            while !stop.load(Ordering::Relaxed) || times % 2 == 1 {
                exchange.now();
                times += 1;
                // Both hold the locks of the same folders: who never pauses never lets the guest have them. The pauses
                // differ, so that the two do not fall into step, and come in both states.
                (0..times * 37 % 256).for_each(|_| std::hint::spin_loop());
                if times.is_multiple_of(33) {
                    std::thread::yield_now();
                }
            }
            exchanged.store(times, Ordering::Relaxed);
        });
        let _stop = Stop(&stop);
        assert_eq!(run("race", imports), 0);
    });
    let printed = String::from_utf8(printed()).expect("text");
    let last = printed.lines().last().expect("a line");
    let numbers: Vec<u64> = last.split_whitespace().map(|number| number.parse().expect("a number")).collect();
    let [done, refused, leaked] = numbers[..] else { panic!("{printed}") };
    Count { done, refused, leaked, exchanged: exchanged.into_inner() }
}

/// What is outside: all of it, but for the times of what the other thread itself exchanges.
fn around(world: &World, swap: Swap) -> Tree {
    let tree = world.around();
    if swap == Swap::Parent { tree.without_times() } else { tree }
}

#[test]
fn no_exchange_opens_a_way_out() {
    let begun = Instant::now();
    let mut all = Count::default();
    for (i, &(kind, swap)) in KINDS.iter().enumerate() {
        // One half of the links is absolute.
        let world = world(swap, i % 2 == 1);
        let (mut builder, _) = builder();
        let rounds = ROUNDS / KINDS.len() + usize::from(i < ROUNDS % KINDS.len());
        builder.args(["race".to_owned(), kind.to_owned(), rounds.to_string()]);
        let stdout = builder.capture_stdout(4096);
        builder.preopen(&dir(&world.granted(), DirGrant::all()), "/").expect("a preopened directory");
        let imports = imports(builder);
        let before = around(&world, swap);
        let kind_begun = Instant::now();
        let count = race(&exchange(&world, swap), &imports, || stdout.contents());
        println!("{kind}: {count:?} in {:?}", kind_begun.elapsed());
        before.is_still(&around(&world, swap), kind);
        assert_eq!(count.leaked, 0, "{kind} got hold of something outside");
        all.done += count.done;
        all.refused += count.refused;
        all.exchanged += count.exchanged;
    }
    println!("{} rounds in {:?}: {all:?}", all.done + all.refused, begun.elapsed());
    assert_eq!(all.done + all.refused, ROUNDS as u64);
    // Both sides were met, or else it would not have been a race.
    assert!(EMULATED || all.done.min(all.refused) > ROUNDS as u64 / 20, "{all:?}");
}

#[test]
fn an_interface_that_looks_first_and_acts_then_is_led_out() {
    // Emulated, the window is another; the call is the same.
    const CHUNK: usize = 2_000;
    const CHUNKS: usize = times(250, 50);
    // How many kinds got outside by each exchange.
    let mut escapes = [0, 0, 0];
    for &(kind, swap) in KINDS {
        let world = world(swap, false);
        let exchange = exchange(&world, swap);
        let before = around(&world, swap);
        let escaped = (1..=CHUNKS).find_map(|chunk| {
            let args = ["race", kind, &CHUNK.to_string()];
            let (imports, printed) = naive::imports(Without::Atomicity, &[&world.granted()], Vec::new(), &args);
            let count = race(&exchange, &imports, || printed.bytes());
            let changed = !before.changes(&around(&world, swap)).is_empty();
            (count.leaked > 0 || changed).then_some((chunk * CHUNK, count.leaked, changed))
        });
        match escaped {
            Some((rounds, leaked, changed)) => {
                escapes[swap as usize] += 1;
                println!("{kind}: within {rounds} rounds, {leaked} looks at the outside; outside changed: {changed}");
            }
            // A walk's way up is a narrow one: one of those kinds meets it.
            None if EMULATED || swap == Swap::Parent => println!("{kind}: the window was never met"),
            None => panic!("the attack is broken: {kind}"),
        }
    }
    println!("{} of {} kinds of call got outside", escapes.iter().sum::<u32>(), KINDS.len());
    let met = escapes.iter().filter(|kinds| **kinds > 0).count();
    assert!(met == 3 || EMULATED && met > 0, "the attack is broken: {escapes:?}");
}

#[test]
fn a_folder_that_was_renamed_after_the_grant_is_still_the_one() {
    let world = World::new();
    world.dir("sub").file("sub/file", "granted");
    let (mut puppet, _) = puppet(&[(&world.granted(), DirGrant::all())]);
    // Another one takes its place, and its name.
    let moved = world.outer().join("moved");
    fs::rename(world.granted(), &moved).expect("to rename");
    fs::create_dir(world.granted()).expect("a folder");
    fs::create_dir(world.inside("sub")).expect("a folder");
    fs::write(world.inside("sub/file"), SECRET).expect("a file");
    assert_eq!(puppet.read_file(DIR, "sub/file").expect("to read"), b"granted");
    puppet.write_file(DIR, "sub/new", b"new").expect("to write");
    assert_eq!(fs::read(moved.join("sub/new")).expect("the file"), b"new");
    assert_eq!(fs::read_dir(world.inside("sub")).expect("a folder").count(), 1);
    // It may even be moved below another; what is above it stays out of reach.
    fs::rename(&moved, world.outside("below")).expect("to rename");
    let before = Tree::of(world.outer(), Some(&world.outside("below")));
    assert_eq!(puppet.read_file(DIR, "sub/file").expect("to read"), b"granted");
    assert!(puppet.open(DIR, "../secret", 0, ALL & !WRITE).is_err());
    assert!(puppet.open(DIR, "sub/../../made", CREAT, WRITE).is_err());
    before.is_still(&Tree::of(world.outer(), Some(&world.outside("below"))), "moved below another");
}

#[test]
fn a_folder_that_was_deleted_is_nobody_elses() {
    let world = World::new();
    world.dir("sub");
    let (mut puppet, denials) = puppet(&[(&world.granted(), DirGrant::all())]);
    let sub = puppet.open(DIR, "sub", DIRECTORY, ALL & !WRITE).expect("a folder");
    fs::remove_dir_all(world.granted()).expect("to delete");
    fs::create_dir_all(world.inside("sub")).expect("a folder");
    fs::write(world.inside("sub/file"), SECRET).expect("a file");
    for fd in [DIR, sub] {
        for path in ["file", "sub/file", "../file", "../sub/file", "../../seed.json", ".."] {
            assert!(puppet.open(fd, path, 0, ALL & !WRITE).is_err(), "{path}");
            assert!(puppet.open(fd, path, CREAT, WRITE).is_err(), "{path}");
        }
        assert!(puppet.mkdir(fd, "new").is_err());
    }
    assert!(denials.take().iter().all(|denied| denied.rule == Rule::Outside));
    puppet.knows_no_secret();
    assert_eq!(world.within().paths(), ["sub", "sub/file"]);
}

/// The same as [`no_exchange_opens_a_way_out`] for descriptors that are open already: a folder that the guest holds is
/// moved outside and back, while the guest walks up from it.
#[test]
fn a_folder_that_is_held_and_moved_away_leads_nowhere() {
    let world = World::new();
    world.dir("p/q/r");
    fs::create_dir(world.outside("q")).expect("a folder");
    let (mut puppet, _) = puppet(&[(&world.granted(), DirGrant::all())]);
    let mut held: Vec<u32> = Vec::new();
    for path in ["p", "p/q", "p/q/r"] {
        held.push(puppet.open(DIR, path, DIRECTORY, ALL & !WRITE).expect(path));
    }
    let exchange = exchange(&world, Swap::Parent);
    for _ in 0..2 {
        for &fd in &held {
            for path in
                ["../secret", "../../secret", "../../../seed.json", "r/../../secret", "../dir/file", "q/../../secret"]
            {
                assert!(puppet.open(fd, path, 0, ALL & !WRITE).is_err(), "{path}");
                assert!(look(&mut puppet, fd, path), "{path}");
            }
        }
        exchange.now();
    }
    puppet.knows_no_secret();
}

/// Whether nothing can be known of a path.
fn look(puppet: &mut Puppet, fd: u32, path: &str) -> bool {
    puppet.stat(fd, 0, path).is_err() && puppet.readlink(fd, path).is_err()
}
