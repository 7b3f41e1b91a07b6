//! Quotas against a model: two guests do anything to one tree, in any order, and after each call what is there has grown
//! by no more than was charged, and what was charged is no more than may be.

use super::dircap::Dir;
use super::errno::Errno;
use super::fd::{fd_allocate, fd_close, fd_filestat_get, fd_filestat_set_size};
use super::fd_io::fd_pwrite;
use super::grant::{DirGrant, DirLimits};
use super::path::{path_create_directory, path_remove_directory, path_rename, path_unlink_file};
use super::quota::ENTRY_BYTES;
use super::testing::{DIR, Guest, TempDir, link, make_symlink, one, two};
use super::types::Rights;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const LIMIT: u64 = 80_000;

/// A directory on some file systems grows by a few bytes for each name, which is counted when it has.
const SLACK: u64 = 64;

/// Pseudo-random numbers (xorshift64), the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn name(&mut self) -> String {
        let folder = ["", "", "d/", "e/", "d/e/"][self.below(5) as usize];
        let name = ["a", "b", "c", "d", "e", "theirs"][self.below(6) as usize];
        format!("{folder}{name}")
    }
}

/// What there is: the length of each file and directory by its number, and how many names.
#[derive(Clone, Debug, Default)]
struct Found {
    files: BTreeMap<u64, u64>,
    names: u64,
}

impl Found {
    /// A directory's name pays for its first block.
    fn add(&mut self, inode: u64, len: u64, is_dir: bool) {
        self.files.insert(inode, if is_dir { len.saturating_sub(ENTRY_BYTES) } else { len });
    }

    fn look(path: &Path, found: &mut Found) {
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            let stat = path.symlink_metadata().unwrap();
            found.names += 1;
            if stat.is_symlink() {
                continue;
            }
            found.add(stat.ino(), stat.len(), stat.is_dir());
            if stat.is_dir() {
                Found::look(&path, found);
            }
        }
    }
}

/// A guest, and the files that it has open.
struct Holder {
    guest: Guest,
    open: Vec<u32>,
}

impl Holder {
    fn new(dir: &Dir) -> Holder {
        Holder { guest: Guest::over(dir), open: Vec::new() }
    }

    /// Any call, with any result.
    fn act(&mut self, numbers: &mut Numbers) -> Result<(), Errno> {
        let (name, other) = (numbers.name(), numbers.name());
        let guest = &mut self.guest;
        let fd = self.open.get(numbers.below(8) as usize).copied().unwrap_or(DIR);
        let amount = [0, 1, 100, 3000, 9000, 50_000][numbers.below(6) as usize] + numbers.below(50);
        match numbers.below(16) {
            0..=2 => {
                let (oflags, fdflags) = (numbers.below(16) as u16 & !2, numbers.below(2) as u16);
                let opened = guest.open(&name, oflags | 1, Rights::FILE, fdflags)?;
                self.open.push(opened);
                Ok(())
            }
            3 => {
                let opened =
                    guest.open(&name, 2 * numbers.below(2) as u16, Rights::FD_READ | Rights::FD_FILESTAT_GET, 0)?;
                self.open.push(opened);
                Ok(())
            }
            4 | 5 => guest.write(fd, &vec![1; amount as usize]).map(drop),
            6 => {
                let data = vec![2; amount as usize];
                let (ptr, len) = guest.put(4096, &data);
                guest.put(32, &ptr.to_le_bytes());
                guest.put(36, &len.to_le_bytes());
                let offset = numbers.below(20_000);
                guest.call(|ctx, mem| fd_pwrite(ctx, mem, fd, 32, 1, offset, 16))
            }
            7 => guest.call(|ctx, mem| fd_filestat_set_size(ctx, mem, fd, amount)),
            8 => guest.call(|ctx, mem| fd_allocate(ctx, mem, fd, amount / 2, amount)),
            9 => one(guest, path_create_directory, &name),
            10 => one(guest, path_remove_directory, &name),
            11 => one(guest, path_unlink_file, &name),
            12 => two(guest, path_rename, (DIR, DIR), &name, &other),
            13 => two(guest, link, (DIR, DIR), &name, &other),
            14 => make_symlink(guest, &other, &name),
            _ => {
                self.open.retain(|&open| open != fd);
                if fd == DIR { Ok(()) } else { guest.call(|ctx, mem| fd_close(ctx, mem, fd)) }
            }
        }
    }

    /// The lengths of what it has open and has no name.
    fn nameless(&mut self, found: &mut Found) {
        for &fd in &self.open {
            self.guest.call(|ctx, mem| fd_filestat_get(ctx, mem, fd, 64)).unwrap();
            let [inode, links, size] = [72, 88, 96].map(|at| self.guest.u64_at(at));
            if links == 0 {
                found.add(inode, size, self.guest.bytes[80] == 3);
            }
        }
    }
}

/// By how much what there is has grown at least: only by what is longer than it was, and by names.
fn growth(before: &Found, now: &Found) -> u64 {
    let longer = |(inode, len): (&u64, &u64)| len.saturating_sub(*before.files.get(inode).unwrap_or(&0));
    now.files.iter().map(longer).sum::<u64>() + ENTRY_BYTES * now.names.saturating_sub(before.names)
}

/// Has the guests remove what is in a folder, in turn.
fn remove_all(holders: &mut [Holder; 2], root: &Path, folder: &str) {
    for entry in std::fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{folder}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            remove_all(holders, root, &format!("{name}/"));
            one(&mut holders[0].guest, path_remove_directory, &name).unwrap();
        } else {
            one(&mut holders[1].guest, path_unlink_file, &name).unwrap();
        }
    }
}

#[test]
fn nothing_grows_beyond_what_was_charged_and_nothing_is_charged_beyond_the_limit() {
    let mut calls = [0; 2];
    for seed in 1..=30 {
        let temp = TempDir::new();
        temp.file("theirs", &[7; 20_000]);
        temp.dir("d");
        temp.file("d/theirs", &[7; 20_000]);
        let mut before = Found::default();
        Found::look(temp.path(), &mut before);
        let limit = |max_bytes| DirGrant { limits: DirLimits { max_bytes, max_open: None }, ..DirGrant::all() };
        let parent = temp.grant(limit(Some(LIMIT)));
        let children = [50_000, LIMIT].map(|bytes| parent.derive(".", limit(Some(bytes))).unwrap());
        let mut holders = [0, 1].map(|index: usize| Holder::new(&children[index]));
        // Another tree over the same place: it may look at files, and keep them.
        let mut reader = Holder::new(&temp.grant(DirGrant::read_only()));
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15 * seed);
        for step in 0..400 {
            let result = match numbers.below(12) {
                0 => reader.act(&mut numbers),
                which => holders[which as usize % 2].act(&mut numbers),
            };
            calls[usize::from(result.is_ok())] += 1;
            let mut now = Found::default();
            Found::look(temp.path(), &mut now);
            for holder in holders.iter_mut().chain([&mut reader]) {
                holder.nameless(&mut now);
            }
            // A number that is free can be another file's next.
            before.files.retain(|inode, _| now.files.contains_key(inode));
            let spent = parent.usage().bytes;
            let own = children.each_ref().map(|child| child.usage().bytes);
            let case = format!("seed {seed}, step {step}: {own:?}, {before:?}, {now:?}");
            assert!(growth(&before, &now) <= spent, "{case}");
            assert_eq!(own[0] + own[1], spent, "{case}");
            assert!(spent <= LIMIT + SLACK && own[0] <= 50_000 + SLACK, "{case}");
        }
        // When all is gone again, nothing is charged.
        for holder in holders.iter_mut().chain([&mut reader]) {
            for fd in std::mem::take(&mut holder.open) {
                holder.guest.call(|ctx, mem| fd_close(ctx, mem, fd)).unwrap();
            }
        }
        remove_all(&mut holders, temp.path(), "");
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0);
        let left = parent.usage().bytes;
        assert!(left <= SLACK, "seed {seed}: {left}");
    }
    assert!(calls[0] > 1000 && calls[1] > 1000, "{calls:?}");
}
