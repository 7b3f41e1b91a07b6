//! The calls of the host that make something beneath a capability grow or less, each counted as `quota.rs` tells.
//!
//! Each takes the lock of the ledger, if anybody counts, looks at what there is, refuses what can't be afforded, acts, and
//! charges what was done. Nobody else calls the host to write, to size, or to make or remove a name.

use super::dircap::DirCap;
use super::errno::{Errno, retry};
use super::grant::DirRights;
use super::inodes::Inode;
use super::open_file::Entered;
use super::quota::{Counting, ENTRY_BYTES, EXHAUSTED};
use super::resolve::{self, Base, GuestPath, Leaf, Opened};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FallocateFlags, FileType, Mode, OFlags, RenameFlags, Stat};
use std::io::IoSlice;

/// How often a file that is there and gone again is opened or created.
const MAX_RACES: u32 = 16;

/// Where a write begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Where the descriptor stands; it moves on.
    Here,
    /// At an offset; the descriptor stays.
    At(u64),
}

/// `writev(2)` or `pwritev(2)`: writes what fits into what may be spent. `DQUOT` if nothing does.
pub(super) fn write(file: &Entered<'_>, place: Place, appends: bool, slices: &[IoSlice<'_>]) -> Result<usize, Errno> {
    let Some(mut counting) = file.cap().growing() else { return write_uncounted(file, place, slices) };
    let start = match place {
        Place::Here => retry(|| rustix::fs::tell(file))?,
        Place::At(offset) => offset,
    };
    let len: u64 = slices.iter().map(|slice| slice.len() as u64).sum();
    // The host says what is wrong with an offset that no file has.
    if len == 0 || i64::try_from(start).is_err() {
        return write_uncounted(file, place, slices);
    }
    let size = size(file)?;
    let start = if appends { size } else { start };
    let mut fits = len;
    if start + len > size {
        counting.seen(file.inode(), size);
        fits = len.min(size.saturating_add(counting.room()).saturating_sub(start));
        if fits == 0 {
            return Err(EXHAUSTED);
        }
    }
    let written = if fits == len {
        write_uncounted(file, place, slices)?
    } else {
        write_uncounted(file, place, &first_bytes(slices, fits))?
    };
    // Of nothing written, not even a hole comes about.
    if written > 0 {
        counting.resized(file.inode(), size, size.max(start + written as u64));
    }
    Ok(written)
}

fn write_uncounted(file: &Entered<'_>, place: Place, slices: &[IoSlice<'_>]) -> Result<usize, Errno> {
    match place {
        Place::Here => retry(|| rustix::io::writev(file, slices)),
        Place::At(offset) => retry(|| rustix::io::pwritev(file, slices, offset)),
    }
}

/// The first `len` bytes of them.
fn first_bytes<'a>(slices: &'a [IoSlice<'_>], len: u64) -> Vec<IoSlice<'a>> {
    let mut left = usize::try_from(len).unwrap_or(usize::MAX);
    let mut first = Vec::new();
    for slice in slices {
        let part = &slice[..slice.len().min(left)];
        left -= part.len();
        first.push(IoSlice::new(part));
        if left == 0 {
            break;
        }
    }
    first
}

/// `fallocate(2)`: the file is as long as the range's end, at least.
pub(super) fn allocate(file: &Entered<'_>, offset: u64, len: u64) -> Result<(), Errno> {
    let allocate = || retry(|| rustix::fs::fallocate(file, FallocateFlags::empty(), offset, len));
    let Some(mut counting) = file.cap().growing() else { return allocate() };
    let before = size(file)?;
    afford_size(&mut counting, file, before, offset.saturating_add(len))?;
    let result = allocate();
    // It may have come part of the way.
    counting.resized(file.inode(), before, size(file)?.max(before));
    result
}

/// `ftruncate(2)`: cuts the file, or extends it with zeros.
pub(super) fn set_size(file: &Entered<'_>, len: u64) -> Result<(), Errno> {
    let set_size = || retry(|| rustix::fs::ftruncate(file, len));
    let Some(mut counting) = file.cap().shrinking() else { return set_size() };
    let before = size(file)?;
    afford_size(&mut counting, file, before, len)?;
    set_size()?;
    counting.resized(file.inode(), before, len);
    Ok(())
}

/// `DQUOT` if a file must not become so long. Of a length that no file has, the host says so.
fn afford_size(counting: &mut Counting<'_>, file: &Entered<'_>, before: u64, after: u64) -> Result<(), Errno> {
    if after > before && i64::try_from(after).is_ok() {
        counting.seen(file.inode(), before);
        counting.afford(after - before)?;
    }
    Ok(())
}

/// Opens a file, creates it if `flags` say so, cuts it if they say so.
///
/// Where nobody counts and nothing is refused, that is one call of the host. Else what is there is opened first; and if
/// nothing is, the file is made in its parent, where a symbolic link that leads nowhere is `LOOP`.
pub(super) fn open(dir: &Entered<'_>, path: &GuestPath, flags: OFlags) -> Result<Opened, Errno> {
    let cap = dir.cap();
    let (creates, truncates) = (flags.contains(OFlags::CREATE), flags.contains(OFlags::TRUNC));
    let mut counting = if truncates { cap.shrinking() } else { None };
    if creates && counting.is_none() {
        counting = cap.growing();
    }
    let may_create = cap.may(DirRights::CREATE);
    if !creates || (counting.is_none() && may_create.is_ok() && !dir.base().cross_mounts) {
        return open_existing(dir.base(), path, flags, counting.as_mut());
    }
    let exclusive = flags.contains(OFlags::EXCL);
    let flags = flags.difference(OFlags::CREATE | OFlags::EXCL);
    for _ in 0..MAX_RACES {
        let found = if exclusive {
            resolve::locate(dir.base(), path, false).and_then(|_| Err(Errno::EXIST))
        } else {
            open_existing(dir.base(), path, flags, counting.as_mut())
        };
        match found {
            // What the host says of creating a directory.
            Ok(opened) if opened.kind == FileType::Directory => return Err(Errno::ISDIR),
            Err(errno) if errno == Errno::NOENT => {}
            found => return found,
        }
        match create(dir.base(), path, flags, may_create, counting.as_mut()) {
            Err(errno) if errno == Errno::EXIST => {}
            created => return created,
        }
    }
    Err(Errno::AGAIN)
}

/// Opens what is there, or what the host makes if `flags` say so; credits for what it cuts off.
fn open_existing(
    base: Base<'_>,
    path: &GuestPath,
    flags: OFlags,
    counting: Option<&mut Counting<'_>>,
) -> Result<Opened, Errno> {
    let counting = counting.filter(|_| flags.contains(OFlags::TRUNC));
    let before = match &counting {
        Some(_) => stat_of(resolve::locate(base, path, !flags.contains(OFlags::NOFOLLOW))).ok(),
        None => None,
    };
    let opened = resolve::open(base, path, flags)?;
    if let (Some(counting), Some(before)) = (counting, before)
        && Inode::from(&before) == Inode::from(&opened.stat)
    {
        counting.resized(Inode::from(&before), len(&before), len(&opened.stat));
    }
    Ok(opened)
}

fn create(
    base: Base<'_>,
    path: &GuestPath,
    flags: OFlags,
    may_create: Result<(), Errno>,
    counting: Option<&mut Counting<'_>>,
) -> Result<Opened, Errno> {
    let leaf = resolve::leaf(base, path)?;
    let (parent, name, slash) = match &leaf {
        Leaf::Name { parent, name, slash } => (parent.as_fd(), name, *slash),
        // It was not there a moment ago.
        Leaf::Dots => return Err(Errno::ISDIR),
    };
    may_create?;
    if slash {
        return Err(Errno::ISDIR);
    }
    let make = || match resolve::create(base, parent, name, flags) {
        Err(errno) if errno == Errno::EXIST && resolve::kind_of(parent, name) == Ok(FileType::Symlink) => {
            Err(Errno::LOOP)
        }
        created => created,
    };
    let Some(counting) = counting else { return make() };
    let before = begin_entry(counting, parent)?;
    let opened = make()?;
    end_entry(counting, parent, before, Some(&opened.stat));
    Ok(opened)
}

/// What a call acts on: a plain name in a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    base: Base<'a>,
    cap: &'a DirCap,
    parent: BorrowedFd<'a>,
    /// A plain component, as of [`Leaf::Name`].
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
fn begin_entry(counting: &Counting<'_>, parent: BorrowedFd<'_>) -> Result<Stat, Errno> {
    counting.afford(ENTRY_BYTES)?;
    retry(|| rustix::fs::fstat(parent))
}

/// Charges for a name that was made, and for what its directory has grown by.
fn end_entry(counting: &mut Counting<'_>, parent: BorrowedFd<'_>, before: Stat, made: Option<&Stat>) {
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

/// `renameat2(2)`; `EXIST` instead of replacing something, unless `replaces`.
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

fn stat_of(found: Result<OwnedFd, Errno>) -> Result<Stat, Errno> {
    let found = found?;
    retry(|| rustix::fs::fstat(&found))
}

fn size(file: &Entered<'_>) -> Result<u64, Errno> {
    Ok(len(&retry(|| rustix::fs::fstat(file))?))
}

fn len(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::dircap::Dir;
    use super::super::errno::Rule;
    use super::super::fd::{fd_allocate, fd_close, fd_filestat_set_size};
    use super::super::fd_io::{fd_pwrite, fd_seek};
    use super::super::grant::{DirGrant, DirLimits};
    use super::super::path::{path_create_directory, path_remove_directory, path_rename, path_unlink_file};
    use super::super::testing::{DIR, Guest, TempDir, link, make_symlink, one, two};
    use super::super::types::Rights;
    use super::*;

    const CREAT: u16 = 1;
    const TRUNC: u16 = 8;
    const APPEND: u16 = 1;

    fn limited(max_bytes: u64) -> DirGrant {
        DirGrant { limits: DirLimits { max_bytes: Some(max_bytes), max_open: None }, ..DirGrant::all() }
    }

    /// A capability of `dir` with this much to spend, after a file is made in it, and a guest that has the file open.
    fn with_file(dir: &TempDir, room: u64) -> (Dir, Guest, u32) {
        // What the file costs, and its name in a directory that may grow by it.
        let cost = dir.grant(limited(u64::MAX));
        Guest::over(&cost).open("scratch", CREAT, Rights::FILE, 0).unwrap();
        std::fs::remove_file(dir.path().join("scratch")).unwrap();
        let granted = dir.grant(limited(cost.usage().bytes + room));
        let mut guest = Guest::over(&granted);
        let fd = guest.open("file", CREAT, Rights::FILE, 0).unwrap();
        (granted, guest, fd)
    }

    fn room(dir: &Dir) -> u64 {
        dir.grant().limits.max_bytes.unwrap() - dir.usage().bytes
    }

    fn close(guest: &mut Guest, fd: u32) {
        guest.call(|ctx, mem| fd_close(ctx, mem, fd)).unwrap();
    }

    fn pwrite(guest: &mut Guest, fd: u32, data: &[u8], offset: u64) -> Result<u32, Errno> {
        let (ptr, len) = guest.put(4096, data);
        guest.put(32, &ptr.to_le_bytes());
        guest.put(36, &len.to_le_bytes());
        guest.call(|ctx, mem| fd_pwrite(ctx, mem, fd, 32, 1, offset, 16))?;
        Ok(guest.u32_at(16))
    }

    fn set_size(guest: &mut Guest, fd: u32, size: u64) -> Result<(), Errno> {
        guest.call(|ctx, mem| fd_filestat_set_size(ctx, mem, fd, size))
    }

    fn exhausted<T: std::fmt::Debug>(result: Result<T, Errno>) {
        let errno = result.unwrap_err();
        assert_eq!((errno, errno.rule()), (Errno::DQUOT, Some(Rule::Bytes)));
    }

    #[test]
    fn a_write_is_cut_to_what_there_is_left() {
        let temp = TempDir::new();
        let (dir, mut guest, fd) = with_file(&temp, 100);
        assert_eq!(guest.write(fd, &[1; 70]), Ok(70));
        assert_eq!(guest.write(fd, &[2; 70]), Ok(30));
        exhausted(guest.write(fd, &[3; 70]));
        assert_eq!(guest.write(fd, &[]), Ok(0));
        assert_eq!((room(&dir), temp.read("file")), (0, [vec![1; 70], vec![2; 30]].concat()));
        // What does not grow costs nothing.
        guest.call(|ctx, mem| fd_seek(ctx, mem, fd, 50, 0, 16)).unwrap();
        assert_eq!(guest.write(fd, &[4; 70]), Ok(50));
        exhausted(one(&mut guest, path_create_directory, "new"));
        exhausted(guest.open("new", CREAT, Rights::FILE, 0));
        exhausted(make_symlink(&mut guest, "x", "new"));
        exhausted(two(&mut guest, link, (DIR, DIR), "file", "new"));
        assert!(!temp.exists("new"));
        assert_eq!(two(&mut guest, path_rename, (DIR, DIR), "file", "renamed"), Ok(()));
    }

    #[test]
    fn vectors_are_cut_in_the_middle() {
        let temp = TempDir::new();
        let (_, mut guest, fd) = with_file(&temp, 7);
        for (at, word) in [(32, 5000u32), (36, 4), (40, 6000), (44, 9), (48, 7000), (52, 9)] {
            guest.put(at, &word.to_le_bytes());
        }
        guest.put(5000, b"abcd");
        guest.put(6000, b"efghijklm");
        guest.call(|ctx, mem| super::super::fd_io::fd_write(ctx, mem, fd, 32, 3, 16)).unwrap();
        assert_eq!((guest.u32_at(16), temp.read("file")), (7, b"abcdefg".to_vec()));
    }

    #[test]
    fn whatever_makes_a_file_longer_is_counted() {
        let temp = TempDir::new();
        let (dir, mut guest, fd) = with_file(&temp, 1000);
        assert_eq!(pwrite(&mut guest, fd, b"x", 99), Ok(1));
        assert_eq!(room(&dir), 900, "the hole counts");
        exhausted(pwrite(&mut guest, fd, b"x", 1000));
        assert_eq!(pwrite(&mut guest, fd, b"xy", 999), Ok(1), "one byte before the end");
        assert_eq!((room(&dir), temp.read("file").len()), (0, 1000));
        exhausted(pwrite(&mut guest, fd, b"x", 1 << 40));
        assert_eq!(pwrite(&mut guest, fd, b"x", u64::MAX), Err(Errno::INVAL));
        exhausted(set_size(&mut guest, fd, 1001));
        exhausted(set_size(&mut guest, fd, i64::MAX as u64));
        set_size(&mut guest, fd, 500).unwrap();
        assert_eq!(room(&dir), 500);
        exhausted(guest.call(|ctx, mem| fd_allocate(ctx, mem, fd, 0, 1001)));
        exhausted(guest.call(|ctx, mem| fd_allocate(ctx, mem, fd, 900, 101)));
        match guest.call(|ctx, mem| fd_allocate(ctx, mem, fd, 0, 600)) {
            Ok(()) => assert_eq!(room(&dir), 400),
            Err(errno) => assert_eq!((errno, room(&dir)), (Errno::NOTSUP, 500)),
        }
        set_size(&mut guest, fd, 0).unwrap();
        let appending = guest.open("file", 0, Rights::FILE, APPEND).unwrap();
        guest.write(fd, &[0; 900]).unwrap();
        assert_eq!(guest.write(appending, &[1; 900]), Ok(100), "from the end, wherever the descriptor stands");
        assert_eq!(temp.read("file").len(), 1000);
    }

    #[test]
    fn cutting_credits_what_was_charged_and_no_more() {
        let temp = TempDir::new();
        temp.file("theirs", &[7; 5000]);
        let (dir, mut guest, fd) = with_file(&temp, 1000);
        guest.write(fd, &[1; 600]).unwrap();
        let theirs = guest.open("theirs", 0, Rights::FILE, 0).unwrap();
        set_size(&mut guest, theirs, 1000).unwrap();
        assert_eq!(room(&dir), 400, "nobody was charged for it");
        set_size(&mut guest, theirs, 1100).unwrap();
        set_size(&mut guest, theirs, 50).unwrap();
        assert_eq!(room(&dir), 400);
        let again = guest.open("file", TRUNC, Rights::FILE, 0).unwrap();
        assert_eq!(room(&dir), 1000);
        guest.open("theirs", TRUNC, Rights::FD_READ, 0).unwrap();
        assert_eq!(room(&dir), 1000);
        assert_eq!(guest.write(again, &[1; 2000]), Ok(1000));
        guest.open("file", CREAT | TRUNC, Rights::FD_READ, 0).unwrap();
        assert_eq!(room(&dir), 1000);
        // What somebody else cuts off is known when the file grows again.
        pwrite(&mut guest, again, &[1; 10], 0).unwrap();
        std::fs::write(temp.path().join("file"), b"").unwrap();
        assert_eq!(pwrite(&mut guest, again, &[1; 2000], 0), Ok(1000));
    }

    #[test]
    fn bytes_are_credited_when_the_last_name_and_the_last_descriptor_are_gone() {
        let temp = TempDir::new();
        let (dir, mut guest, fd) = with_file(&temp, 10_000);
        let before = dir.usage().bytes;
        guest.write(fd, &[1; 1000]).unwrap();
        two(&mut guest, link, (DIR, DIR), "file", "hard").unwrap();
        let with_link = dir.usage().bytes;
        assert!(with_link >= before + 1000 + ENTRY_BYTES);
        one(&mut guest, path_unlink_file, "file").unwrap();
        assert!(dir.usage().bytes <= with_link - ENTRY_BYTES, "a name is gone");
        assert!(dir.usage().bytes >= before + 1000, "its bytes have another");
        one(&mut guest, path_unlink_file, "hard").unwrap();
        assert!(dir.usage().bytes >= before + 1000, "its bytes are open");
        guest.write(fd, &[1; 500]).unwrap();
        assert!(dir.usage().bytes >= before + 1500, "and it grows");
        set_size(&mut guest, fd, 100).unwrap();
        assert!((before..before + 500).contains(&dir.usage().bytes));
        let other = guest.open(".", 2, Rights::NONE, 0).unwrap();
        close(&mut guest, fd);
        assert!(dir.usage().bytes <= before - ENTRY_BYTES);
        close(&mut guest, other);
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
        assert_eq!(room(&dir), 100);
        close(&mut reader, held);
        assert!(room(&dir) >= 1000);
        assert_eq!(outer.usage().bytes, 0, "where nothing is limited, nothing is counted");
    }

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
        assert!((before - 1000 - ENTRY_BYTES - 64..=before - 1000 - ENTRY_BYTES).contains(&dir.usage().bytes));
        // Two names of one file: nothing is replaced, and nothing is gone.
        two(&mut guest, link, (DIR, DIR), "file", "same").unwrap();
        let before = dir.usage().bytes;
        two(&mut guest, path_rename, (DIR, DIR), "same", "file").unwrap();
        assert!(temp.exists("same"));
        assert_eq!(dir.usage().bytes, before);
        // Nor is somebody else's file of use.
        two(&mut guest, path_rename, (DIR, DIR), "same", "theirs").unwrap();
        assert!((before - 64..=before).contains(&dir.usage().bytes), "two names are left, as were charged");
        one(&mut guest, path_unlink_file, "file").unwrap();
        one(&mut guest, path_unlink_file, "theirs").unwrap();
        assert!(dir.usage().bytes < 64);
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
        assert!(dir.usage().bytes < 64);
    }

    #[test]
    fn two_children_spend_what_their_parent_has() {
        let temp = TempDir::new();
        let parent = temp.grant(limited(100_000));
        let (one_dir, other_dir) =
            (parent.derive(".", limited(70_000)).unwrap(), parent.derive(".", limited(100_000)).unwrap());
        let (mut first, mut second) = (Guest::over(&one_dir), Guest::over(&other_dir));
        let fill = |guest: &mut Guest, fd| {
            let mut written = 0;
            while let Ok(bytes) = guest.write(fd, &[1; 10_000]) {
                written += u64::from(bytes);
            }
            written
        };
        let fd = first.open("one", CREAT, Rights::FILE, 0).unwrap();
        let written = fill(&mut first, fd);
        assert!((70_000 - ENTRY_BYTES - 64..=70_000 - ENTRY_BYTES).contains(&written));
        let other = second.open("other", CREAT, Rights::FILE, 0).unwrap();
        assert!((30_000 - ENTRY_BYTES - 64..=30_000 - ENTRY_BYTES).contains(&fill(&mut second, other)));
        assert_eq!((parent.usage().bytes, one_dir.usage().bytes, other_dir.usage().bytes), (100_000, 70_000, 30_000));
        // One can cut what the other was charged for: it is the other who is credited.
        let cut = second.open("one", TRUNC, Rights::FILE, 0).unwrap();
        assert_eq!(one_dir.usage().bytes, 70_000 - written);
        assert_eq!((other_dir.usage().bytes, parent.usage().bytes), (30_000, 100_000 - written));
        assert_eq!(fill(&mut second, cut), written);
        // The parent's own guests too, and what is left when a child is gone.
        close(&mut first, fd);
        close(&mut second, cut);
        drop((second, other_dir));
        let mut above = Guest::over(&parent);
        one(&mut above, path_unlink_file, "one").unwrap();
        one(&mut above, path_unlink_file, "other").unwrap();
        assert!(parent.usage().bytes < 128 && one_dir.usage().bytes < 128);
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
        assert!(child.usage().bytes < 64);
    }

    #[test]
    fn two_guests_do_not_use_the_last_bytes_twice() {
        let temp = TempDir::new();
        let parent = temp.grant(limited(1_000_000));
        // Two share a file, to which both append.
        let guests = [0, 0, 1, 1].map(|number| {
            let mut guest = Guest::over(&parent.derive(".", limited(900_000)).unwrap());
            let fd = guest.open(&format!("{number}"), CREAT, Rights::FILE, APPEND).unwrap();
            (guest, fd)
        });
        std::thread::scope(|scope| {
            for (mut guest, fd) in guests {
                scope.spawn(move || while guest.write(fd, &[1; 777]).is_ok() {});
            }
        });
        let written = temp.read("0").len() + temp.read("1").len();
        assert!((1_000_000 - 2 * ENTRY_BYTES as usize - 128..=1_000_000 - 2 * ENTRY_BYTES as usize).contains(&written));
        assert_eq!(parent.usage().bytes, 1_000_000);
    }
}
