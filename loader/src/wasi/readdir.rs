//! Listing a directory.
//!
//! A cookie is the number of entries before the one it stands for, in the order in which the kernel tells them: small, so
//! that wasi-libc's 32-bit `telldir` keeps it, and the same however often entries are asked for. Each descriptor keeps
//! the entries that were read and not yet delivered, one batch of the kernel's, so a listing goes on where it was even if
//! what was listed has been deleted meanwhile, and its memory does not grow with the directory. Cookie 0 begins anew; a
//! cookie from before the batch is found by beginning anew and skipping.
//!
//! An entry that does not fit is cut off in the middle, as preview 1 wants it: a full buffer means that there is more.
//!
//! ```text
//! dirent, 24 bytes    0 next cookie: u64    8 inode: u64    16 length of name: u32    20 type: u8    24 name
//! ```

use super::ctx::WasiCtx;
use super::descriptors::{Kind, OpenDir};
use super::errno::{Errno, retry};
use super::memory::GuestMemory;
use super::types::{FileKind, Rights};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{FileType, RawDir, SeekFrom};
use std::collections::VecDeque;

/// The bytes of one batch. The kernel needs room for one entry at least, and none is longer than 280 bytes.
const BATCH_BYTES: usize = 16 << 10;

/// The bytes of an entry before its name.
const DIRENT_BYTES: usize = 24;

/// How far a directory was listed.
#[derive(Debug, Default)]
pub(super) struct DirStream {
    /// Entries that the kernel told and the guest has not got, in order.
    pending: VecDeque<Entry>,
    /// The cookie of the first of them.
    first: u64,
}

#[derive(Debug)]
struct Entry {
    inode: u64,
    kind: FileKind,
    name: Vec<u8>,
}

impl DirStream {
    /// Makes the entry of `cookie` the first one that is pending.
    fn seek(&mut self, dir: BorrowedFd<'_>, cookie: u64) -> Result<(), Errno> {
        if cookie == 0 || cookie < self.first {
            retry(|| rustix::fs::seek(dir, SeekFrom::Start(0)))?;
            *self = DirStream::default();
        }
        while self.first < cookie {
            if self.pending.is_empty() && !self.fill(dir)? {
                break;
            }
            self.pending.pop_front();
            self.first += 1;
        }
        Ok(())
    }

    /// Reads a batch behind what is pending; false if there are no more entries.
    fn fill(&mut self, dir: BorrowedFd<'_>) -> Result<bool, Errno> {
        let mut buffer = Vec::with_capacity(BATCH_BYTES);
        let mut batch = RawDir::new(dir, buffer.spare_capacity_mut());
        let before = self.pending.len();
        loop {
            let entry = match batch.next() {
                None => break,
                Some(Err(rustix::io::Errno::INTR)) => continue,
                Some(entry) => entry?,
            };
            let name = entry.file_name().to_bytes();
            let kind = match entry.file_type() {
                // Some file systems do not tell.
                FileType::Unknown => super::resolve::kind_of(dir, name).unwrap_or(FileType::Unknown),
                kind => kind,
            };
            // What `..` is, is none of the guest's business: it may lie outside.
            let inode = if name == b".." { 0 } else { entry.ino() };
            self.pending.push_back(Entry { inode, kind: kind.into(), name: name.to_vec() });
            if batch.is_buffer_empty() {
                break;
            }
        }
        Ok(self.pending.len() > before)
    }

    /// Writes entries to `out` until it is full or there are no more; says how much was written.
    fn deliver(&mut self, dir: BorrowedFd<'_>, out: &mut [u8]) -> Result<usize, Errno> {
        let mut used = 0;
        while used < out.len() {
            if self.pending.is_empty() && !self.fill(dir)? {
                break;
            }
            let Some(entry) = self.pending.front() else { break };
            let mut header = [0; DIRENT_BYTES];
            header[0..8].copy_from_slice(&(self.first + 1).to_le_bytes());
            header[8..16].copy_from_slice(&entry.inode.to_le_bytes());
            header[16..20].copy_from_slice(&(entry.name.len() as u32).to_le_bytes());
            header[20] = entry.kind as u8;
            for part in [&header[..], &entry.name] {
                let fits = part.len().min(out.len() - used);
                out[used..used + fits].copy_from_slice(&part[..fits]);
                used += fits;
                if fits < part.len() {
                    // Cut off: the guest asks for this entry again.
                    return Ok(used);
                }
            }
            self.pending.pop_front();
            self.first += 1;
        }
        Ok(used)
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
) -> Result<(), Errno> {
    let descriptor = ctx.descriptors.get_mut(fd)?;
    descriptor.dir_for(Rights::FD_READDIR)?;
    let Kind::Dir(OpenDir { fd: dir, stream, .. }) = &mut descriptor.kind else { return Err(Errno::NOTDIR) };
    mem.check(used, 4)?;
    let out = mem.slice_mut(buf, len)?;
    stream.seek(dir.as_fd(), cookie)?;
    let written = stream.deliver(dir.as_fd(), out)?;
    mem.write_u32(used, written as u32)
}

#[cfg(test)]
mod tests {
    use super::super::dircap::DirAccess;
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
        let mut guest = Guest::new(&dir, DirAccess::ReadOnly);
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
        let mut guest = Guest::new(&dir, DirAccess::ReadOnly);
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
        let mut guest = Guest::new(&dir, DirAccess::ReadOnly);
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
        let mut guest = Guest::new(&dir, DirAccess::ReadWrite);
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
        let mut guest = Guest::new(&dir, DirAccess::ReadOnly);
        let fd = guest.open("file", 0, Rights::FD_READ, 0).unwrap();
        let read = |guest: &mut Guest, fd, buf| guest.call(|ctx, mem| fd_readdir(ctx, mem, fd, buf, 64, 0, 16));
        assert_eq!(read(&mut guest, fd, 1000), Err(Errno::NOTDIR));
        assert_eq!(read(&mut guest, DIR, 65_500), Err(Errno::FAULT));
        assert_eq!(read(&mut guest, 77, 1000), Err(Errno::BADF));
        guest.call(|ctx, mem| super::super::fd::fd_fdstat_set_rights(ctx, mem, DIR, 0, 0)).unwrap();
        assert_eq!(read(&mut guest, DIR, 1000), Err(Errno::NOTCAPABLE));
    }
}
