//! `wasi_unstable`, the definition before preview 1, by the same functions: what differs is how three things are laid out,
//! and that `sock_accept` is not there.
//!
//! | | `wasi_unstable` | `wasi_snapshot_preview1` |
//! |---|---|---|
//! | `filestat` | 56 bytes: links are 32 bits wide | 64 bytes |
//! | `whence` | current, end, start | start, current, end |
//! | `subscription` | 56 bytes: a clock has 64 bits of its own in front, which mean nothing | 48 bytes |
//!
//! Error numbers, rights, flags and all other structures are the same; the sources are `typenames.witx` of either, in the
//! folders `preview0` and `preview1` of the definition's repository.

use super::errno::Errno;
use super::types::Whence;

/// The name under which guests import it.
pub const MODULE: &str = "wasi_unstable";

/// The function of preview 1 that it has not.
pub(super) const MISSING: &str = "sock_accept";

/// How structures lie in the memory of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As `wasi_unstable` has it.
    Unstable,
    /// As `wasi_snapshot_preview1` has it.
    Preview1,
}

impl Layout {
    /// What a seek counts from.
    ///
    /// # Errors
    /// `INVAL` for a number that means nothing.
    pub(super) fn whence(self, raw: u32) -> Result<Whence, Errno> {
        match (self, raw) {
            (Layout::Preview1, 0) | (Layout::Unstable, 2) => Ok(Whence::Start),
            (Layout::Preview1, 1) | (Layout::Unstable, 0) => Ok(Whence::Current),
            (Layout::Preview1, 2) | (Layout::Unstable, 1) => Ok(Whence::End),
            _ => Err(Errno::INVAL),
        }
    }

    /// Bytes of a subscription.
    pub(super) fn subscription_bytes(self) -> u32 {
        match self {
            Layout::Unstable => 56,
            Layout::Preview1 => 48,
        }
    }

    /// Where in a subscription to a clock its number stands; the rest follows.
    pub(super) fn clock_offset(self) -> u32 {
        match self {
            Layout::Unstable => 24,
            Layout::Preview1 => 16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fd::fd_filestat_get;
    use super::super::fd_io::fd_seek;
    use super::super::grant::DirGrant;
    use super::super::path::path_filestat_get;
    use super::super::testing::{DIR, Guest, TempDir};
    use super::super::types::Rights;
    use super::*;

    fn guest(dir: &TempDir) -> Guest {
        Guest { layout: Layout::Unstable, ..Guest::new(dir, DirGrant::read_only()) }
    }

    #[test]
    fn a_seek_counts_from_where_its_numbers_say() {
        let dir = TempDir::new();
        dir.file("file", b"0123456789");
        let mut guest = guest(&dir);
        let fd = guest.open("file", 0, Rights::FD_READ | Rights::FD_SEEK, 0).unwrap();
        for (offset, whence, expected) in [(4, 2, 4), (2, 0, 6), (-1, 1, 9), (0, 0, 9), (-10, 1, 0)] {
            let offset = i64::cast_unsigned(offset);
            guest.call(|ctx, mem| fd_seek(ctx, mem, fd, offset, whence, 16)).unwrap();
            assert_eq!(guest.u64_at(16), expected, "{whence}");
        }
        assert_eq!(guest.call(|ctx, mem| fd_seek(ctx, mem, fd, 0, 3, 16)), Err(Errno::INVAL));
    }

    #[test]
    fn what_is_known_of_a_file_is_56_bytes() {
        let dir = TempDir::new();
        dir.file("file", b"0123456789");
        std::fs::hard_link(dir.path().join("file"), dir.path().join("other")).unwrap();
        let mut guest = guest(&dir);
        let fd = guest.open("file", 0, Rights::FD_READ | Rights::FD_FILESTAT_GET, 0).unwrap();
        let (ptr, len) = guest.put(512, b"file");
        for by_path in [false, true] {
            guest.bytes[64..128].fill(0xee);
            match by_path {
                true => guest.call(|ctx, mem| path_filestat_get(ctx, mem, DIR, 0, ptr, len, 64)),
                false => guest.call(|ctx, mem| fd_filestat_get(ctx, mem, fd, 64)),
            }
            .unwrap();
            assert_eq!((guest.bytes[80], guest.u32_at(84), guest.u64_at(88)), (4, 2, 10));
            assert!(guest.u64_at(104) > 1_700_000_000_000_000_000, "modified");
            assert_eq!(guest.bytes[120..128], [0xee; 8], "and nothing behind");
        }
        // The last that fits.
        let end = guest.bytes.len() as u32;
        assert_eq!(guest.call(|ctx, mem| fd_filestat_get(ctx, mem, fd, end - 56)), Ok(()));
        assert_eq!(guest.call(|ctx, mem| fd_filestat_get(ctx, mem, fd, end - 55)), Err(Errno::FAULT));
    }
}
