//! Listing a directory.
//!
//! A cookie is the number of entries before the one it stands for, in the order in which the kernel tells them: small, so
//! that wasi-libc's 32-bit `telldir` keeps it, and the same however often entries are asked for. Each descriptor keeps
//! the entries that were read and not yet delivered, one batch of the kernel's, so a listing goes on where it was even if
//! what was listed has been deleted meanwhile, and its memory does not grow with the directory. Cookie 0 begins anew; a
//! cookie from before the batch is found by beginning anew and skipping.
//!
//! All batches of a guest together have a limit. A listing beyond it keeps none: it goes on by the kernel's own cookie of
//! the last entry that was delivered, and reads again what follows.
//!
//! An entry that does not fit is cut off in the middle, as preview 1 wants it: a full buffer means that there is more.
//!
//! ```text
//! dirent, 24 bytes    0 next cookie: u64    8 inode: u64    16 length of name: u32    20 type: u8    24 name
//! ```

use super::ctx::WasiCtx;
use super::descriptors::Kind;
use super::errno::{Errno, retry};
use super::memory::GuestMemory;
use super::types::{FileKind, Rights};
use super::wait::Stop;
use rustix::fd::AsFd;
use rustix::fs::{FileType, RawDir, SeekFrom};
use std::ops::Range;

/// The bytes of one batch. The kernel needs room for one entry at least, and none is longer than 280 bytes.
const BATCH_BYTES: usize = 16 << 10;

/// The most bytes that the batches of all of a guest's directories hold together.
const MAX_BATCHES_BYTES: usize = 1 << 20;

/// The bytes of an entry before its name.
const DIRENT_BYTES: usize = 24;

/// How far a directory was listed.
#[derive(Debug, Default)]
pub(super) struct DirStream {
    /// Entries that the kernel told and the guest has not got, in order, from `next` on.
    batch: Vec<u8>,
    next: usize,
    /// The cookie of the first of them.
    first: u64,
    /// The kernel's cookie of the same.
    place: u64,
    /// Whether the host's descriptor is not where the batch ends, but anywhere.
    adrift: bool,
}

/// An entry of a batch: the kernel's cookie of the next one, the inode, the length of the name in 16 bits, the kind, the
/// name. In this form a batch is never longer than the kernel's.
#[derive(Debug, PartialEq, Eq)]
struct Entry<'a> {
    next_place: u64,
    inode: u64,
    kind: u8,
    name: &'a [u8],
}

/// The bytes of an [`Entry`] before its name.
const ENTRY_BYTES: usize = 19;

impl<'a> Entry<'a> {
    fn append_to(&self, batch: &mut Vec<u8>) {
        batch.extend(self.next_place.to_le_bytes());
        batch.extend(self.inode.to_le_bytes());
        batch.extend((self.name.len() as u16).to_le_bytes());
        batch.push(self.kind);
        batch.extend(self.name);
    }

    /// The entry at the beginning of `bytes`, and its length there.
    fn first_of(bytes: &'a [u8]) -> Option<(Entry<'a>, usize)> {
        let word = |range: Range<usize>| Some(u64::from_le_bytes(bytes.get(range)?.try_into().ok()?));
        let name_len = usize::from(u16::from_le_bytes(bytes.get(16..18)?.try_into().ok()?));
        let len = ENTRY_BYTES + name_len;
        let (next_place, inode, kind) = (word(0..8)?, word(8..16)?, *bytes.get(18)?);
        Some((Entry { next_place, inode, kind, name: bytes.get(ENTRY_BYTES..len)? }, len))
    }
}

impl DirStream {
    /// The bytes that it holds.
    pub(super) fn held_bytes(&self) -> usize {
        self.batch.capacity()
    }

    /// Gives them up; the listing goes on all the same.
    fn let_go(&mut self) {
        *self = DirStream { first: self.first, place: self.place, adrift: true, ..DirStream::default() };
    }

    fn pending(&self) -> &[u8] {
        &self.batch[self.next..]
    }

    /// Passes the first entry that is pending.
    fn pass(&mut self) {
        if let Some((Entry { next_place, .. }, len)) = Entry::first_of(self.pending()) {
            self.next += len;
            self.first += 1;
            self.place = next_place;
        }
    }

    /// Makes the entry of `cookie` the first one that is pending, or the end if there are fewer.
    fn seek(&mut self, dir: &impl AsFd, cookie: u64, mem: &GuestMemory<'_>) -> Result<(), Stop> {
        if cookie == 0 || cookie < self.first {
            *self = DirStream { adrift: true, ..DirStream::default() };
        }
        while self.first < cookie {
            if self.pending().is_empty() {
                mem.proceed()?;
                if !self.fill(dir)? {
                    break;
                }
            }
            self.pass();
        }
        Ok(())
    }

    /// Reads a batch, where nothing is pending; false if there are no more entries.
    fn fill(&mut self, dir: &impl AsFd) -> Result<bool, Errno> {
        if self.adrift {
            retry(|| rustix::fs::seek(dir, SeekFrom::Start(self.place)))?;
            self.adrift = false;
        }
        (self.batch, self.next) = (Vec::new(), 0);
        let mut buffer = Vec::with_capacity(BATCH_BYTES);
        let mut entries = RawDir::new(dir.as_fd(), buffer.spare_capacity_mut());
        loop {
            let entry = match entries.next() {
                None => break,
                Some(Err(rustix::io::Errno::INTR)) => continue,
                Some(entry) => entry.map_err(Errno::from)?,
            };
            let name = entry.file_name().to_bytes();
            let kind = match entry.file_type() {
                // Some file systems do not tell.
                FileType::Unknown => super::resolve::kind_of(dir.as_fd(), name).unwrap_or(FileType::Unknown),
                kind => kind,
            };
            // What `..` is, is none of the guest's business: it may lie outside.
            let inode = if name == b".." { 0 } else { entry.ino() };
            let kind = FileKind::from(kind) as u8;
            Entry { next_place: entry.next_entry_cookie(), inode, kind, name }.append_to(&mut self.batch);
            if entries.is_buffer_empty() {
                break;
            }
        }
        self.batch.shrink_to_fit();
        Ok(!self.batch.is_empty())
    }

    /// Writes entries to `out` until it is full or none is pending; says how much was written.
    fn deliver(&mut self, out: &mut [u8]) -> usize {
        let mut used = 0;
        while used < out.len() {
            let Some((entry, _)) = Entry::first_of(self.pending()) else { break };
            let mut header = [0; DIRENT_BYTES];
            header[0..8].copy_from_slice(&(self.first + 1).to_le_bytes());
            header[8..16].copy_from_slice(&entry.inode.to_le_bytes());
            header[16..20].copy_from_slice(&(entry.name.len() as u32).to_le_bytes());
            header[20] = entry.kind;
            for part in [&header[..], entry.name] {
                let fits = part.len().min(out.len() - used);
                out[used..used + fits].copy_from_slice(&part[..fits]);
                used += fits;
                if fits < part.len() {
                    // Cut off: the guest asks for this entry again.
                    return used;
                }
            }
            self.pass();
        }
        used
    }
}

/// Writes entries of a directory from `cookie` on at `buf`, and how many bytes that were at `used`: fewer than `len` if
/// the directory ends there.
pub fn fd_readdir(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    buf: u32,
    len: u32,
    cookie: u64,
    used: u32,
) -> Result<(), Stop> {
    let descriptor = ctx.descriptors.get(fd)?;
    drop(descriptor.dir_for(Rights::FD_READDIR)?);
    mem.check(used, 4)?;
    mem.check(buf, len)?;
    let held_bytes = ctx.descriptors.held_bytes();
    let Kind::Dir(dir) = &mut ctx.descriptors.get_mut(fd)?.kind else { return Err(Errno::NOTDIR.into()) };
    let others_bytes = held_bytes - dir.stream.held_bytes();
    let (dir, stream) = dir.enter_stream()?;

    stream.seek(&dir, cookie, mem)?;
    let mut written = 0;
    while written < len {
        if stream.pending().is_empty() {
            mem.proceed()?;
            if !stream.fill(&dir)? {
                break;
            }
        }
        // It lies within the memory, as was checked.
        written += stream.deliver(mem.slice_mut(buf + written, len - written)?) as u32;
    }
    if others_bytes + stream.held_bytes() > MAX_BATCHES_BYTES {
        stream.let_go();
    }
    Ok(mem.write_u32(used, written)?)
}

#[cfg(test)]
mod tests {
    use super::super::grant::DirGrant;
    use super::super::testing::{DIR, Guest, TempDir};
    use super::*;

    /// Entries whole in the answer to one call: name, cookie of the next, type; and whether the buffer was full.
    fn list(guest: &mut Guest, len: u32, cookie: u64) -> (Vec<(String, u64, u8)>, bool) {
        guest.call(|ctx, mem| fd_readdir(ctx, mem, DIR, 1000, len, cookie, 16)).unwrap();
        let used = guest.u32_at(16) as usize;
        let bytes = guest.bytes[1000..1000 + used].to_vec();
        let (mut at, mut entries) = (0, Vec::new());
        while at + 24 <= used {
            let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            let (next, name_len) = (u64::from(word(at)) | u64::from(word(at + 4)) << 32, word(at + 16) as usize);
            if at + 24 + name_len > used {
                break;
            }
            let name = String::from_utf8(bytes[at + 24..at + 24 + name_len].to_vec()).unwrap();
            entries.push((name, next, bytes[at + 20]));
            at += 24 + name_len;
        }
        (entries, used == len as usize)
    }

    /// The whole directory, in pieces of `len` bytes, as wasi-libc reads it.
    fn list_all(guest: &mut Guest, len: u32) -> Vec<(String, u64, u8)> {
        let (mut all, mut cookie) = (Vec::new(), 0);
        loop {
            let (entries, full) = list(guest, len, cookie);
            assert!(!entries.is_empty() || !full, "no progress with {len}");
            cookie = entries.last().map_or(cookie, |entry| entry.1);
            all.extend(entries);
            if !full {
                return all;
            }
        }
    }

    fn names(entries: &[(String, u64, u8)]) -> Vec<&str> {
        let mut names: Vec<&str> = entries.iter().map(|entry| entry.0.as_str()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn entries_have_names_types_and_cookies() {
        let dir = TempDir::new();
        dir.file("file", b"");
        dir.dir("sub");
        std::os::unix::fs::symlink("x", dir.path().join("link")).unwrap();
        let mut guest = Guest::new(&dir, DirGrant::read_only());
        let all = list_all(&mut guest, 4096);
        assert_eq!(names(&all), [".", "..", "file", "link", "sub"]);
        let kind = |name: &str| all.iter().find(|entry| entry.0 == name).unwrap().2;
        assert_eq!((kind("."), kind(".."), kind("file"), kind("link"), kind("sub")), (3, 3, 4, 7, 3));
        assert_eq!(all.iter().map(|entry| entry.1).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn any_size_of_buffer_lists_the_same() {
        let dir = TempDir::new();
        for number in 0..1500 {
            dir.file(&format!("file-{number:04}"), b"");
        }
        let mut guest = Guest::new(&dir, DirGrant::read_only());
        let whole = list_all(&mut guest, 64_000);
        assert_eq!(whole.len(), 1502);
        for len in [40, 63, 256, 4096] {
            assert_eq!(list_all(&mut guest, len), whole, "{len}");
        }
    }

    #[test]
    fn cookies_lead_back() {
        let dir = TempDir::new();
        for number in 0..600 {
            dir.file(&format!("{number}"), b"");
        }
        let mut guest = Guest::new(&dir, DirGrant::read_only());
        let whole = list_all(&mut guest, 64_000);
        for index in [599usize, 3, 300, 601, 1] {
            let (entries, _) = list(&mut guest, 64_000, index as u64);
            assert_eq!(entries, whole[index..], "{index}");
        }
        assert_eq!(list(&mut guest, 64_000, 602), (vec![], false));
        assert_eq!(list(&mut guest, 64_000, u64::MAX), (vec![], false));
        dir.file("new", b"");
        assert_eq!(list_all(&mut guest, 64_000).len(), 603, "cookie 0 begins anew");
        assert_eq!(list(&mut guest, 10, 0), (vec![], true));
        dir.file("newer", b"");
        assert_eq!(list_all(&mut guest, 64_000).len(), 604, "even where nothing was delivered since");
    }

    #[test]
    fn deleting_while_listing_leaves_none_out() {
        let dir = TempDir::new();
        for number in 0..2000 {
            dir.file(&format!("{number}"), b"");
        }
        let mut guest = Guest::new(&dir, DirGrant::all());
        let mut cookie = 0;
        loop {
            let (entries, full) = list(&mut guest, 300, cookie);
            for (name, next, kind) in entries {
                cookie = next;
                if kind == 4 {
                    std::fs::remove_file(dir.path().join(name)).unwrap();
                }
            }
            if !full {
                break;
            }
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_directory_is_not_listed() {
        let dir = TempDir::new();
        dir.file("file", b"");
        let mut guest = Guest::new(&dir, DirGrant::read_only());
        let fd = guest.open("file", 0, Rights::FD_READ, 0).unwrap();
        let read = |guest: &mut Guest, fd, buf| guest.call(|ctx, mem| fd_readdir(ctx, mem, fd, buf, 64, 0, 16));
        assert_eq!(read(&mut guest, fd, 1000), Err(Errno::NOTDIR));
        assert_eq!(read(&mut guest, DIR, 65_500), Err(Errno::FAULT));
        assert_eq!(read(&mut guest, 77, 1000), Err(Errno::BADF));
        guest.call(|ctx, mem| super::super::fd::fd_fdstat_set_rights(ctx, mem, DIR, 0, 0)).unwrap();
        assert_eq!(read(&mut guest, DIR, 1000), Err(Errno::NOTCAPABLE));
    }
    #[test]
    fn entries_are_kept_as_they_were() {
        let entries = [
            Entry { next_place: u64::MAX, inode: 7, kind: 4, name: b"name" },
            Entry { next_place: 0, inode: u64::MAX, kind: 0, name: b"" },
            Entry { next_place: 1, inode: 2, kind: 3, name: &[b'x'; 1000] },
        ];
        let mut batch = Vec::new();
        entries.iter().for_each(|entry| entry.append_to(&mut batch));
        let mut rest = batch.as_slice();
        for entry in entries {
            let (found, len) = Entry::first_of(rest).unwrap();
            assert_eq!(found, entry);
            rest = &rest[len..];
        }
        assert_eq!(Entry::first_of(rest), None);
        assert_eq!(Entry::first_of(&batch[..ENTRY_BYTES + 3]), None, "cut off");
    }

    /// Many listings at a time are all in their middle, and together hold no more than they may.
    #[test]
    fn what_is_held_for_listings_is_bounded() {
        let dir = TempDir::new();
        for number in 0..300 {
            dir.file(&format!("{number:0100}"), b"");
        }
        let mut guest = Guest::new(&dir, DirGrant::read_only());
        let whole = list_all(&mut guest, 64_000);
        let fds: Vec<u32> = (0..150).map(|_| guest.open(".", 2, Rights::FD_READDIR, 0).unwrap()).collect();
        let mut next = |fd: u32, cookie: u64| {
            guest.call(|ctx, mem| fd_readdir(ctx, mem, fd, 1000, 124, cookie, 16)).unwrap();
            assert!(guest.ctx.descriptors.held_bytes() <= MAX_BATCHES_BYTES);
            let len = guest.u32_at(1016) as usize;
            String::from_utf8(guest.bytes[1024..1024 + len.min(100)].to_vec()).unwrap()
        };
        for (cookie, (name, ..)) in whole.iter().enumerate().take(200) {
            for &fd in &fds {
                assert_eq!(next(fd, cookie as u64), *name, "{fd} {cookie}");
            }
        }
        assert!(guest.ctx.descriptors.held_bytes() > MAX_BATCHES_BYTES / 2);
        for fd in fds {
            guest.call(|ctx, mem| super::super::fd::fd_close(ctx, mem, fd)).unwrap();
        }
        assert!(guest.ctx.descriptors.held_bytes() < 2 * BATCH_BYTES);
    }

    #[test]
    fn a_guest_is_ended_between_batches() {
        use std::sync::atomic::AtomicBool;
        let dir = TempDir::new();
        let mut guest = Guest::new(&dir, DirGrant::read_only());
        let end = AtomicBool::new(true);
        let mut mem = GuestMemory::interruptible(&mut guest.bytes, &end);
        for cookie in [0, 1, u64::MAX] {
            let listed = fd_readdir(&mut guest.ctx, &mut mem, DIR, 1000, 1000, cookie, 16);
            assert!(matches!(listed, Err(Stop::Interrupted)), "{cookie}");
        }
    }
}
