//! The calls of the host that make files beneath a capability longer or shorter, or new, each counted as `quota.rs` tells.
//!
//! Each takes the lock of the ledger, if anybody counts, looks at what there is, refuses what can't be afforded, acts, and
//! charges what was done. Nobody else calls the host to write a file or to set its size.

use super::entries::{begin_entry, end_entry, len, stat_of};
use super::errno::{Errno, retry};
use super::grant::DirRights;
use super::inodes::Inode;
use super::open_file::Entered;
use super::quota::{Counting, EXHAUSTED};
use super::resolve::{self, Base, GuestPath, Leaf, Opened};
use rustix::fd::AsFd;
use rustix::fs::{FallocateFlags, FileType, OFlags};
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
    let may_create = cap.could(DirRights::CREATE);
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

/// Makes a file that was not there a moment ago, if the grant and what there is to spend allow one. `EXIST` if it is there
/// by now.
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
        // Nothing is made under such a name.
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

fn size(file: &Entered<'_>) -> Result<u64, Errno> {
    Ok(len(&retry(|| rustix::fs::fstat(file))?))
}

#[cfg(test)]
mod tests {
    use super::super::fd::fd_allocate;
    use super::super::fd_io::{fd_pwrite, fd_seek};
    use super::super::path::{path_create_directory, path_rename, path_unlink_file};
    use super::super::quota::ENTRY_BYTES;
    use super::super::testing::{
        DIR, Guest, TempDir, close, exhausted, limited, link, make_symlink, one, room, set_size, two, with_file,
    };
    use super::super::types::Rights;
    use super::*;

    const CREAT: u16 = 1;
    const TRUNC: u16 = 8;
    const APPEND: u16 = 1;

    fn pwrite(guest: &mut Guest, fd: u32, data: &[u8], offset: u64) -> Result<u32, Errno> {
        let (ptr, len) = guest.put(4096, data);
        guest.put(32, &ptr.to_le_bytes());
        guest.put(36, &len.to_le_bytes());
        guest.call(|ctx, mem| fd_pwrite(ctx, mem, fd, 32, 1, offset, 16))?;
        Ok(guest.u32_at(16))
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
