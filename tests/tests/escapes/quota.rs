//! Attack 2's bomb in every disguise: having more bytes on the disk than a grant allows, by being credited for what is
//! not gone, or charged for less than was made.

use super::grants::{bytes, dir, puppet_of};
use super::puppet::{ALL, APPEND, Answer, CREAT, DIR, DIRECTORY, FOLLOW, Puppet, READ, TRUNC, WRITE, call};
use super::world::World;
use crate::common::{Random, times};
use bailiwick_loader::wasi::{Dir, DirGrant, DirLimits, DirRights, Errno, Rule};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const KIB: u64 = 1 << 10;

/// What a guest may spend.
const QUOTA: u64 = 256 * KIB;

/// What a directory may grow by at one step beyond that.
const STEP: u64 = 16 * KIB;

/// A world, its granted folder as a capability with a quota, and a guest that holds it.
fn setup() -> (World, Dir, Puppet) {
    let world = World::new();
    let shared = dir(&world.granted(), bytes(QUOTA));
    let (puppet, _) = puppet_of(&[&shared]);
    (world, shared, puppet)
}

/// The bytes of all files below a folder by their length, each file once, and how many names there are.
fn used(root: &Path) -> (u64, u64) {
    let (mut files, mut names) = (BTreeMap::new(), 0);
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).expect("a folder") {
            let path = entry.expect("an entry").path();
            let meta = fs::symlink_metadata(&path).expect("it is there");
            names += 1;
            match meta.is_dir() {
                true => dirs.push(path),
                false if meta.is_file() => drop(files.insert(meta.ino(), meta.len())),
                false => {}
            }
        }
    }
    (files.values().sum(), names)
}

/// Writes into a descriptor until that is refused; how much it took.
fn fill(puppet: &mut Puppet, fd: u32) -> u64 {
    let mut written = 0;
    loop {
        match puppet.write(fd, &[b'x'; 50_000]) {
            Ok(len) => written += u64::from(len),
            Err(errno) => {
                assert_eq!(errno, Errno::DQUOT);
                return written;
            }
        }
        assert!(written <= 4 * QUOTA, "it never ends");
    }
}

#[test]
fn files_that_are_deleted_and_open_still_count() {
    let (world, shared, mut puppet) = setup();
    let mut held = 0;
    for i in 0..50 {
        let Ok(fd) = puppet.open(DIR, "file", CREAT, ALL) else { break };
        held += fill(&mut puppet, fd);
        let gone = if i % 2 == 0 {
            puppet.unlink(DIR, "file")
        } else {
            // By another that takes its name.
            fs::write(world.inside("other"), "").expect("a file");
            puppet.rename(DIR, "other", DIR, "file").and_then(|()| puppet.unlink(DIR, "file"))
        };
        gone.expect("to remove");
        // What has no name can be written on.
        held += fill(&mut puppet, fd);
        assert!(held <= QUOTA, "{held} bytes in files without a name, of {QUOTA}");
    }
    assert!(held > QUOTA - 2 * 4096 - STEP, "{held}");
    // Closed, they are gone.
    drop(puppet);
    assert!(shared.usage().bytes <= STEP, "{:?}", shared.usage());
}

#[test]
fn a_file_of_many_names_is_one_file() {
    let (world, shared, mut puppet) = setup();
    let fd = puppet.open(DIR, "file", CREAT, ALL).expect("a file");
    let written = fill(&mut puppet, fd);
    call!(puppet, "fd_filestat_set_size", fd, written - 10 * 4096).expect("room for names");
    for _ in 0..20 {
        puppet.link(DIR, "file", DIR, "one").expect("to link");
        puppet.rename(DIR, "one", DIR, "two").expect("to rename");
        // Two names of one file: nothing happens.
        puppet.rename(DIR, "two", DIR, "file").expect("to rename");
        puppet.unlink(DIR, "two").expect("to remove");
        let (bytes, names) = used(&world.granted());
        assert!(shared.usage().bytes >= bytes + names * 4096, "{:?} for {bytes} bytes, {names} names", shared.usage());
    }
    puppet.close(fd).expect("to close");
    let fd = puppet.open(DIR, "file", 0, ALL).expect("the file");
    call!(puppet, "fd_filestat_set_size", fd, 0u64).expect("to cut");
    assert!(fill(&mut puppet, fd) <= QUOTA);
}

#[test]
fn what_was_there_before_gives_no_room() {
    let world = World::new();
    for name in ["cut", "removed", "replaced", "truncated", "appended", "new"] {
        world.file(name, vec![b'x'; 1 << 20]);
    }
    let shared = dir(&world.granted(), bytes(QUOTA));
    let (mut puppet, denials) = puppet_of(&[&shared]);
    let fd = puppet.open(DIR, "cut", 0, ALL).expect("a file");
    call!(puppet, "fd_filestat_set_size", fd, 0u64).expect("to cut");
    puppet.unlink(DIR, "removed").expect("to remove");
    puppet.rename(DIR, "new", DIR, "replaced").expect("to replace");
    let truncated = puppet.open(DIR, "truncated", TRUNC, ALL).expect("to truncate");
    let appended = puppet.open_with(DIR, FOLLOW, b"appended", 0, ALL, APPEND).expect("to append");
    let mut written = 0;
    for fd in [fd, truncated, appended] {
        written += fill(&mut puppet, fd);
    }
    written += puppet.open(DIR, "removed", CREAT, ALL).map_or(0, |fd| fill(&mut puppet, fd));
    assert!(written <= QUOTA, "{written} bytes of {QUOTA}");
    assert!(denials.take().iter().all(|denied| denied.rule == Rule::Bytes));
    // What was there can be written over: nothing grows.
    assert_eq!(puppet.open(DIR, "replaced", 0, WRITE).and_then(|fd| puppet.write(fd, &[b'y'; 1000])), Ok(1000));
}

#[test]
fn holes_are_bytes() {
    let (world, _, mut puppet) = setup();
    let fd = puppet.open(DIR, "file", CREAT, ALL).expect("a file");
    for size in [QUOTA, QUOTA + 1, 1 << 40] {
        assert_eq!(call!(puppet, "fd_filestat_set_size", fd, size), Err(Errno::DQUOT), "the name has its price");
        assert_eq!(puppet.write_at(fd, b"x", size), Err(Errno::DQUOT));
    }
    call!(puppet, "fd_filestat_set_size", fd, QUOTA - 8192).expect("a hole");
    // It is filled without another charge, and ends where it ends.
    let mut filled = 0;
    while let Ok(len) = puppet.write_at(fd, &[b'x'; 10_000], filled) {
        filled += u64::from(len);
    }
    assert!((QUOTA - 8192..=QUOTA).contains(&filled), "{filled}");
    assert!(used(&world.granted()).0 <= QUOTA);
    // A seek beyond the end writes nothing, and the write there does not fit.
    call!(puppet, "fd_seek", fd, 1u64 << 30, 0u32, 64u32).expect("to seek");
    assert_eq!(puppet.write(fd, b"x"), Err(Errno::DQUOT));
}

#[test]
fn several_descriptors_of_one_file_are_one_file() {
    let (world, shared, mut puppet) = setup();
    let at: Vec<u32> = (0..4).map(|_| puppet.open(DIR, "file", CREAT, ALL).expect("a file")).collect();
    let to: Vec<u32> =
        (0..4).map(|_| puppet.open_with(DIR, FOLLOW, b"file", CREAT, ALL, APPEND).expect("a file")).collect();
    let mut random = Random::new(8);
    for _ in 0..times(3000, 200) {
        let fd = [random.of(&at), random.of(&to)][random.below(2)];
        let _ = match random.below(5) {
            0 => call!(puppet, "fd_filestat_set_size", fd, random.below(QUOTA as usize * 2) as u64),
            1 => call!(puppet, "fd_allocate", fd, random.below(QUOTA as usize) as u64, random.below(100_000) as u64),
            2 => puppet.write_at(fd, &[b'x'; 9999], random.below(QUOTA as usize * 2) as u64).map(drop),
            3 => call!(puppet, "fd_fdstat_set_flags", fd, [0, APPEND][random.below(2)]),
            _ => puppet.write(fd, &[b'x'; 9999]).map(drop),
        };
        let (bytes, usage) = (used(&world.granted()).0, shared.usage().bytes);
        assert!(bytes + 4096 <= usage && usage <= QUOTA, "{bytes} bytes, {usage} charged");
    }
}

#[test]
fn names_without_contents_are_not_free() {
    type Make = fn(&mut Puppet, &str) -> Answer;
    let makes: [(&str, Make); 5] = [
        ("files", |p, name| p.open(DIR, name, CREAT, 0).and_then(|fd| p.close(fd))),
        ("folders", |p, name| p.mkdir(DIR, name)),
        ("links", |p, name| p.symlink(&"t".repeat(4000), DIR, name)),
        ("hard links", |p, name| p.link(DIR, "file", DIR, name)),
        ("folders in folders", |p, name| {
            let top = p.open(DIR, ".", DIRECTORY, ALL & !WRITE)?;
            let made = p.mkdir(top, name).and_then(|()| p.mkdir(top, &format!("{name}/below")));
            p.close(top)?;
            made
        }),
    ];
    for (what, make) in makes {
        let (world, _, mut puppet) = setup();
        puppet.open(DIR, "file", CREAT, 0).expect("a file");
        let mut refused = 0;
        for i in 0..400 {
            let name = format!("{i:0>250}");
            if let Err(errno) = make(&mut puppet, &name) {
                assert_eq!(errno, Errno::DQUOT, "{what}");
                refused += 1;
            }
        }
        let (_, names) = used(&world.granted());
        assert!(refused > 0 && names <= QUOTA / 4096, "{names} {what}");
    }
}

#[test]
fn a_directory_that_only_ever_grows_is_bounded() {
    let (world, shared, mut puppet) = setup();
    puppet.mkdir(DIR, "sub").expect("a folder");
    // Names that come and go make a directory grow, on file systems where it does not become less.
    for i in 0..times(20_000, 500) {
        let name = format!("sub/{i:0>240}");
        let made = puppet.open(DIR, &name, CREAT, 0).and_then(|fd| puppet.close(fd));
        if i % 50 != 0 {
            let _ = puppet.unlink(DIR, &name);
        }
        assert!(made.is_ok() || made == Err(Errno::DQUOT), "{made:?}");
    }
    let grown = fs::metadata(world.inside("sub")).expect("it is there").len();
    assert!(grown <= QUOTA + STEP && shared.usage().bytes <= QUOTA + STEP, "{grown}, {:?}", shared.usage());
}

#[test]
fn two_children_do_not_overdraw_their_parent() {
    let world = World::new();
    world.dir("a").dir("b");
    let parent = dir(&world.granted(), bytes(QUOTA));
    let derive = |sub, max_bytes| parent.derive(sub, bytes(max_bytes)).expect("a part");
    let (a, b) = (derive("a", QUOTA), derive("b", QUOTA));
    let ((mut one, _), (mut other, denials)) = (puppet_of(&[&a]), puppet_of(&[&b]));
    let open = |puppet: &mut Puppet| puppet.open(DIR, "file", CREAT, ALL).expect("a file");
    let (first, second) = (open(&mut one), open(&mut other));
    let half = QUOTA / 2;
    call!(one, "fd_allocate", first, 0u64, half).expect("a half");
    denials.take();
    let rest = fill(&mut other, second);
    assert!(rest <= QUOTA - half, "{rest}");
    denials.one_by(&[Rule::Bytes], "the other's");
    assert_eq!(one.write_at(first, b"x", half), Err(Errno::DQUOT));
    assert_eq!(parent.usage().bytes, a.usage().bytes + b.usage().bytes);
    // What one gives back the other can have; not more.
    call!(one, "fd_filestat_set_size", first, 0u64).expect("to cut");
    let more = fill(&mut other, second);
    assert!(rest + more <= QUOTA && more > 0, "{rest}, {more}");
    // Nor does a grandchild help, whatever it was granted.
    let grandchild = b.derive(".", bytes(QUOTA)).expect("a part");
    let (mut third, _) = puppet_of(&[&grandchild]);
    assert!(third.write_file(DIR, "new", &[b'x'; 20_000]).is_err());
    // A part can't be wider than the whole.
    for max_bytes in [None, Some(QUOTA + 1)] {
        let grant = DirGrant { limits: DirLimits { max_bytes, max_open: None }, ..DirGrant::all() };
        assert!(b.derive(".", grant).is_err());
    }
}

/// Two guests of one tree, and now and then somebody who is no guest, do anything. At no time is there more than was
/// charged, nor more charged than may be; and at the end everything is given back.
#[test]
fn whatever_is_done_what_is_there_was_charged() {
    for seed in 0..times(8, 1) as u64 {
        let world = World::new();
        world.dir("a").dir("b");
        let parent = dir(&world.granted(), bytes(QUOTA));
        let child = parent.derive("a", DirGrant { rights: DirRights::ALL, ..bytes(QUOTA / 2) }).expect("a part");
        let mut guests = [puppet_of(&[&parent]).0, puppet_of(&[&child]).0];
        let mut open: [Vec<u32>; 2] = Default::default();
        let mut random = Random::new(seed);
        for step in 0..times(4000, 300) {
            let who = random.below(2);
            let (guest, fds) = (&mut guests[who], &mut open[who]);
            let dirs: &[&str] = if who == 0 { &["a/", "b/", ""] } else { &["", "s/"] };
            let mut path = || format!("{}{}", random.of(dirs), random.of(&["f", "g", "h", "s", "s/f", "s/g"]));
            let (one, other) = (path(), path());
            let size = random.below(QUOTA as usize / 2) as u64;
            let fd = if fds.is_empty() { 99 } else { random.of(fds) };
            let _ = match random.below(15) {
                0 | 1 => {
                    let oflags = random.of(&[0, CREAT, CREAT, CREAT | TRUNC, TRUNC]);
                    let fdflags = random.of(&[0, 0, APPEND]);
                    guest.open_with(DIR, FOLLOW, one.as_bytes(), oflags, ALL, fdflags).map(|fd| fds.push(fd))
                }
                2 => guest.close(fd).map(|()| fds.retain(|&open| open != fd)),
                3 => guest.write(fd, &vec![b'x'; size as usize % 30_000]).map(drop),
                4 => guest.write_at(fd, &vec![b'x'; size as usize % 5_000], size).map(drop),
                5 => call!(guest, "fd_filestat_set_size", fd, size),
                6 => call!(guest, "fd_allocate", fd, size / 2, size / 2 + 1),
                7 => guest.unlink(DIR, &one),
                8 => guest.rename(DIR, &one, DIR, &other),
                9 => guest.link(DIR, &one, DIR, &other),
                10 => guest.symlink("f", DIR, &one),
                11 => guest.mkdir(DIR, &one),
                12 => guest.rmdir(DIR, &one),
                13 => call!(guest, "fd_seek", fd, size, 0u32, 64u32),
                _ => call!(guest, "fd_fdstat_set_flags", fd, random.of(&[0, APPEND])),
            };
            // Files that have a name, and those that are only open.
            let (mut bytes, names) = used(&world.granted());
            let mut nameless = BTreeMap::new();
            for (guest, fds) in guests.iter_mut().zip(&open) {
                for &fd in fds {
                    match guest.stat_fd(fd) {
                        Ok(stat) if stat.kind == 4 && stat.links == 0 => drop(nameless.insert(stat.inode, stat.size)),
                        _ => {}
                    }
                }
            }
            bytes += nameless.values().sum::<u64>();
            let charged = parent.usage().bytes;
            let what = format!("seed {seed}, step {step}: {bytes} bytes, {names} names, {charged} charged");
            // Two folders were there before.
            assert!(bytes + (names - 2) * 4096 <= charged, "{what}");
            assert!(charged <= QUOTA + STEP, "{what}");
            assert!(child.usage().bytes <= QUOTA / 2 + STEP, "{what}: {:?}", child.usage());
        }
        for (guest, fds) in guests.iter_mut().zip(open) {
            fds.into_iter().for_each(|fd| guest.close(fd).expect("to close"));
            for path in
                ["a/s/f", "a/s/g", "a/f", "a/g", "a/h", "a/s", "b/f", "b/g", "b/h", "f", "g", "h", "s/f", "s/g", "s"]
            {
                let _ = guest.unlink(DIR, path);
                let _ = guest.rmdir(DIR, path);
            }
        }
        remove_rest(&mut guests[0]);
        assert!(parent.usage().bytes <= STEP, "seed {seed}: {:?} in an empty folder", parent.usage());
        assert_eq!((parent.usage().open, child.usage().open), (0, 0));
    }
}

/// Removes what a guest can see, from below.
fn remove_rest(guest: &mut Puppet) {
    fn below(guest: &mut Puppet, path: &str) {
        let Ok(fd) = guest.open_with(DIR, 0, path.as_bytes(), DIRECTORY, ALL & !WRITE, 0) else { return };
        let names = guest.list(fd).expect("to list");
        guest.close(fd).expect("to close");
        for name in names.iter().filter(|name| !matches!(name.as_str(), "." | "..")) {
            let path = format!("{path}/{name}");
            if guest.unlink(DIR, &path).is_err() {
                below(guest, &path);
                guest.rmdir(DIR, &path).expect(&path);
            }
        }
    }
    below(guest, ".");
}

/// Somebody who is no guest cuts and removes files meanwhile: a guest is not credited for more than it made.
#[test]
fn what_others_do_gives_no_room() {
    for seed in 0..times(8, 1) as u64 {
        let (world, shared, mut puppet) = setup();
        let mut random = Random::new(100 + seed);
        let mut fds: Vec<u32> = Vec::new();
        for step in 0..times(2000, 200) {
            let name = random.of(&["f", "g", "h"]);
            let size = random.below(QUOTA as usize) as u64;
            let fd = if fds.is_empty() { 99 } else { random.of(&fds) };
            let _ = match random.below(8) {
                0 | 1 => puppet.open(DIR, name, CREAT, READ | WRITE | 1 << 8 | 1 << 22).map(|fd| fds.push(fd)),
                2 => puppet.close(fd).map(|()| fds.retain(|&open| open != fd)),
                3 => puppet.write(fd, &vec![b'x'; size as usize % 60_000]).map(drop),
                4 => call!(puppet, "fd_filestat_set_size", fd, size),
                5 => puppet.unlink(DIR, name),
                6 => {
                    let _ =
                        fs::OpenOptions::new().write(true).open(world.inside(name)).and_then(|f| f.set_len(size / 9));
                    Ok(())
                }
                _ => {
                    let _ = fs::remove_file(world.inside(name));
                    Ok(())
                }
            };
            // Only what has names is looked at: what others removed while it was open is theirs to answer for. They
            // extend files too, by a ninth of the quota at most, of which there are three.
            let (bytes, _) = used(&world.granted());
            assert!(bytes <= QUOTA + QUOTA / 3 + 3, "seed {seed}, step {step}: {bytes} bytes");
            assert!(shared.usage().bytes <= QUOTA + STEP, "seed {seed}, step {step}: {:?}", shared.usage());
        }
    }
}
