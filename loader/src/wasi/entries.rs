//! The calls of the host that make, remove and rename what is beneath a capability, each counted as `quota.rs` tells: a
//! name costs, what has lost its last one is credited, and a directory is what it has grown to.
//!
//! Nobody else calls the host to make or remove a name, but for opening a file that is new.

use super::dircap::DirCap;
use super::errno::{Errno, retry};
use super::inodes::Inode;
use super::open_file::Entered;
use super::quota::{Counting, ENTRY_BYTES};
use super::resolve::{self, Base};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, RenameFlags, Stat};

/// What a call acts on: a plain name in a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    base: Base<'a>,
    cap: &'a DirCap,
    parent: BorrowedFd<'a>,
    /// A plain component, as of [`resolve::Leaf::Name`].
    name: &'a [u8],
}

impl<'a> Entry<'a> {
    /// A name in `parent`, which is beneath a directory of `dir`'s capability.
    pub(super) fn new(dir: &'a Entered<'_>, parent: BorrowedFd<'a>, name: &'a [u8]) -> Entry<'a> {
        Entry { base: dir.base(), cap: dir.cap(), parent, name }
    }
}

/// `mkdirat(2)`.
pub(super) fn make_directory(entry: Entry<'_>) -> Result<(), Errno> {
    make(entry, || retry(|| rustix::fs::mkdirat(entry.parent, entry.name, Mode::from_raw_mode(0o777))))
}

/// `symlinkat(2)`.
pub(super) fn make_symlink(entry: Entry<'_>, target: &[u8]) -> Result<(), Errno> {
    make(entry, || retry(|| rustix::fs::symlinkat(target, entry.parent, entry.name)))
}

/// `linkat(2)`, not following `old`.
pub(super) fn make_link(old: Entry<'_>, new: Entry<'_>) -> Result<(), Errno> {
    make(new, || retry(|| rustix::fs::linkat(old.parent, old.name, new.parent, new.name, AtFlags::empty())))
}

/// Charges for a name that `make` makes.
fn make(entry: Entry<'_>, make: impl FnOnce() -> Result<(), Errno>) -> Result<(), Errno> {
    let Some(mut counting) = entry.cap.growing() else { return make() };
    let before = begin_entry(&counting, entry.parent)?;
    make()?;
    let made = stat_of(resolve::locate_name(entry.base, entry.parent, entry.name));
    end_entry(&mut counting, entry.parent, before, made.as_ref().ok());
    Ok(())
}

/// `DQUOT` if there can't be one more name. Says how it is with the directory that it is to be in.
pub(super) fn begin_entry(counting: &Counting<'_>, parent: BorrowedFd<'_>) -> Result<Stat, Errno> {
    counting.afford(ENTRY_BYTES)?;
    retry(|| rustix::fs::fstat(parent))
}

/// Charges for a name that was made, and for what its directory has grown by.
pub(super) fn end_entry(counting: &mut Counting<'_>, parent: BorrowedFd<'_>, before: Stat, made: Option<&Stat>) {
    match made {
        Some(made) => {
            let is_directory = FileType::from_raw_mode(made.st_mode) == FileType::Directory;
            // A directory of more than that is one of a file system with large blocks.
            let more = if is_directory { len(made).saturating_sub(ENTRY_BYTES) } else { 0 };
            counting.charge(Inode::from(made), more, 1);
        }
        // Somebody has taken it away already: nobody is credited for it.
        None => counting.charge_for_good(ENTRY_BYTES),
    }
    resettle(counting, parent, &before);
}

/// `unlinkat(2)`, of a directory if `flags` say so.
pub(super) fn remove(entry: Entry<'_>, flags: AtFlags) -> Result<(), Errno> {
    let remove = || retry(|| rustix::fs::unlinkat(entry.parent, entry.name, flags));
    let Some(mut counting) = entry.cap.shrinking() else { return remove() };
    let victim = Victim::at(entry);
    let before = retry(|| rustix::fs::fstat(entry.parent))?;
    remove()?;
    victim.settle(&mut counting);
    resettle(&mut counting, entry.parent, &before);
    Ok(())
}

/// `renameat2(2)`; `EXIST` instead of replacing something, unless `replaces`; `INVAL` on a file system that can't do so.
pub(super) fn rename(old: Entry<'_>, new: Entry<'_>, replaces: bool) -> Result<(), Errno> {
    let flags = if replaces { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
    let rename = || retry(|| rustix::fs::renameat_with(old.parent, old.name, new.parent, new.name, flags));
    let Some(mut counting) = new.cap.shrinking() else { return rename() };
    counting.solvent()?;
    let victim = Victim::at(new);
    let [old_before, new_before] = [old.parent, new.parent].map(|parent| retry(|| rustix::fs::fstat(parent)));
    let (old_before, new_before) = (old_before?, new_before?);
    rename()?;
    victim.settle(&mut counting);
    resettle(&mut counting, new.parent, &new_before);
    if Inode::from(&old_before) != Inode::from(&new_before) {
        resettle(&mut counting, old.parent, &old_before);
    }
    Ok(())
}

/// Charges, or credits, for what a directory has grown or shrunk by.
fn resettle(counting: &mut Counting<'_>, parent: BorrowedFd<'_>, before: &Stat) {
    if let Ok(after) = retry(|| rustix::fs::fstat(parent)) {
        counting.resized(Inode::from(before), len(before), len(&after));
    }
}

/// What a name stands for that is about to go, if anything.
struct Victim(Option<(OwnedFd, Stat)>);

impl Victim {
    fn at(entry: Entry<'_>) -> Victim {
        let found = resolve::locate_name(entry.base, entry.parent, entry.name);
        Victim(found.and_then(|found| retry(|| rustix::fs::fstat(&found)).map(|stat| (found, stat))).ok())
    }

    /// Credits for what is gone: what the kernel says of the file itself, whatever has become of its names.
    fn settle(self, counting: &mut Counting<'_>) {
        let Some((file, before)) = self.0 else { return };
        let Ok(after) = retry(|| rustix::fs::fstat(&file)) else { return };
        // Its bytes are there as long as it is open, here too.
        drop(file);
        let is_directory = FileType::from_raw_mode(before.st_mode) == FileType::Directory;
        if after.st_nlink == 0 {
            counting.lost_last_name(Inode::from(&before));
        } else if after.st_nlink < before.st_nlink && !is_directory {
            // A directory's links are those of its children too, and it has one name only.
            counting.lost_name(Inode::from(&before));
        }
    }
}

/// What a file is that was found.
pub(super) fn stat_of(found: Result<OwnedFd, Errno>) -> Result<Stat, Errno> {
    let found = found?;
    retry(|| rustix::fs::fstat(&found))
}

/// The length of a file.
pub(super) fn len(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::grant::DirGrant;
    use super::super::path::{path_create_directory, path_remove_directory, path_rename, path_unlink_file};
    use super::super::testing::{
        DIR, Guest, TempDir, close, exhausted, limited, link, make_symlink, one, room, set_size, two, with_file,
    };
    use super::super::types::Rights;
    use super::*;

    const CREAT: u16 = 1;

    /// By how much a directory may grow or shrink with a few names.
    const SLACK: u64 = 64;

    #[test]
    fn a_rename_credits_what_it_replaces() {
        let temp = TempDir::new();
        temp.file("theirs", &[7; 5000]);
        let (dir, mut guest, fd) = with_file(&temp, 20_000);
        guest.write(fd, &[1; 1000]).unwrap();
        let new = guest.open("new", CREAT, Rights::FILE, 0).unwrap();
        guest.write(new, &[2; 300]).unwrap();
        close(&mut guest, new);
        close(&mut guest, fd);
        let before = dir.usage().bytes;
        two(&mut guest, path_rename, (DIR, DIR), "new", "file").unwrap();
        assert!((before - 1000 - ENTRY_BYTES - SLACK..=before - 1000 - ENTRY_BYTES).contains(&dir.usage().bytes));
        // Two names of one file: nothing is replaced, and nothing is gone.
        two(&mut guest, link, (DIR, DIR), "file", "same").unwrap();
        let before = dir.usage().bytes;
        two(&mut guest, path_rename, (DIR, DIR), "same", "file").unwrap();
        assert!(temp.exists("same"));
        assert_eq!(dir.usage().bytes, before);
        // Nor is somebody else's file of use.
        two(&mut guest, path_rename, (DIR, DIR), "same", "theirs").unwrap();
        assert!((before - SLACK..=before).contains(&dir.usage().bytes), "two names are left, as were charged");
        one(&mut guest, path_unlink_file, "file").unwrap();
        one(&mut guest, path_unlink_file, "theirs").unwrap();
        assert!(dir.usage().bytes < SLACK);
    }

    #[test]
    fn every_name_costs() {
        let temp = TempDir::new();
        temp.dir("theirs");
        temp.file("theirs/file", &[7; 9000]);
        let dir = temp.grant(limited(10 * ENTRY_BYTES));
        let mut guest = Guest::over(&dir);
        let mut made = 0;
        loop {
            let name = format!("{made}");
            let result = match made % 3 {
                0 => one(&mut guest, path_create_directory, &name),
                1 => make_symlink(&mut guest, "anywhere", &name),
                _ => guest.open(&name, CREAT, Rights::NONE, 0).map(drop),
            };
            match result {
                Ok(()) => made += 1,
                Err(errno) => break assert_eq!(errno, Errno::DQUOT),
            }
        }
        assert!((8..=10).contains(&made), "{made}");
        // What others have made is no help.
        one(&mut guest, path_unlink_file, "theirs/file").unwrap();
        one(&mut guest, path_remove_directory, "theirs").unwrap();
        exhausted(one(&mut guest, path_create_directory, "more"));
        one(&mut guest, path_remove_directory, "0").unwrap();
        one(&mut guest, path_create_directory, "more").unwrap();
        exhausted(one(&mut guest, path_create_directory, "still more"));
        one(&mut guest, path_unlink_file, "1").unwrap();
        make_symlink(&mut guest, "x", "1").unwrap();
    }

    /// On many file systems a directory keeps its size when its names are gone: they are credited, it is not.
    #[test]
    fn directories_are_counted_as_long_as_they_are_large() {
        let temp = TempDir::new();
        let dir = temp.grant(limited(1 << 30));
        let mut guest = Guest::over(&dir);
        one(&mut guest, path_create_directory, "sub").unwrap();
        let made = temp.path().join("sub").metadata().unwrap().len();
        let before = dir.usage().bytes;
        let name = |number: u32| format!("sub/{number:0200}");
        for number in 0..200 {
            make_symlink(&mut guest, "x", &name(number)).unwrap();
        }
        for number in 0..200 {
            one(&mut guest, path_unlink_file, &name(number)).unwrap();
        }
        let grown = temp.path().join("sub").metadata().unwrap().len().saturating_sub(made);
        assert_eq!(dir.usage().bytes, before + grown);
        one(&mut guest, path_remove_directory, "sub").unwrap();
        assert!(dir.usage().bytes < SLACK);
    }

    #[test]
    fn bytes_are_credited_when_the_last_name_and_the_last_descriptor_are_gone() {
        let temp = TempDir::new();
        let (dir, mut guest, fd) = with_file(&temp, 10_000);
        let before = dir.usage().bytes;
        // Where directories shrink with each name, they shrink by little.
        let uses = |bytes: u64| (before + bytes - SLACK..=before + bytes + SLACK).contains(&dir.usage().bytes);
        guest.write(fd, &[1; 1000]).unwrap();
        two(&mut guest, link, (DIR, DIR), "file", "hard").unwrap();
        assert!(uses(1000 + ENTRY_BYTES));
        one(&mut guest, path_unlink_file, "file").unwrap();
        assert!(uses(1000), "a name is gone, its bytes have another");
        one(&mut guest, path_unlink_file, "hard").unwrap();
        assert!(uses(1000), "its bytes are open");
        guest.write(fd, &[1; 500]).unwrap();
        assert!(uses(1500), "and it grows");
        set_size(&mut guest, fd, 100).unwrap();
        assert!(uses(100), "and is cut");
        let again = guest.open(".", 2, Rights::NONE, 0).unwrap();
        close(&mut guest, fd);
        assert!(dir.usage().bytes <= before - ENTRY_BYTES);
        close(&mut guest, again);
    }

    #[test]
    fn what_is_open_elsewhere_is_not_credited() {
        let temp = TempDir::new();
        temp.dir("sub");
        // Another grant, which overlaps and has no limit.
        let outer = temp.grant(DirGrant::read_only());
        let sub = temp.sub("sub");
        let (dir, mut guest, fd) = with_file(&sub, 1000);
        guest.write(fd, &[1; 900]).unwrap();
        close(&mut guest, fd);
        let mut reader = Guest::over(&outer);
        let held = reader.open("sub/file", 0, Rights::FD_READ, 0).unwrap();
        one(&mut guest, path_unlink_file, "file").unwrap();
        assert!((100..=100 + SLACK).contains(&room(&dir)));
        close(&mut reader, held);
        assert!(room(&dir) >= 1000);
        assert_eq!(outer.usage().bytes, 0, "where nothing is limited, nothing is counted");
    }

    #[test]
    fn a_parent_without_a_limit_credits_its_children() {
        let temp = TempDir::new();
        let parent = temp.grant(DirGrant::all());
        let child = parent.derive(".", limited(10_000)).unwrap();
        let (mut above, mut below) = (Guest::over(&parent), Guest::over(&child));
        let fd = below.open("file", CREAT, Rights::FILE, 0).unwrap();
        below.write(fd, &[1; 4000]).unwrap();
        let own = above.open("own", CREAT, Rights::FILE, 0).unwrap();
        assert_eq!(above.write(own, &[1; 50_000]), Ok(50_000));
        close(&mut below, fd);
        assert!(child.usage().bytes >= 8000 && parent.usage().bytes == child.usage().bytes);
        one(&mut above, path_unlink_file, "file").unwrap();
        assert!(child.usage().bytes < SLACK);
    }
}
