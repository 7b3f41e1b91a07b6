//! `path_open`.

use super::ctx::WasiCtx;
use super::descriptors::{Descriptor, Kind, OpenDir, OpenFile};
use super::dircap::DirAccess;
use super::errno::Errno;
use super::memory::GuestMemory;
use super::readdir::DirStream;
use super::resolve::{self, GuestPath, Opened};
use super::types::{FdFlags, LOOKUP_SYMLINK_FOLLOW, OpenFlags, Rights};
use rustix::fd::AsFd;
use rustix::fs::{FileType, OFlags};
use std::sync::Arc;

/// Opens a file or directory, and writes its descriptor at `opened`.
///
/// Whether it is opened for reading or writing, the rights asked for decide, as under Wasmtime: `FD_READ`, `FD_WRITE`. What
/// the descriptor may inherit bounds both. Other rights are cut down to what applies to the file and can be inherited.
#[expect(clippy::too_many_arguments, reason = "preview 1's signature")]
pub fn path_open(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    path_len: u32,
    oflags: u32,
    base: u64,
    inheriting: u64,
    fdflags: u32,
    opened: u32,
) -> Result<(), Errno> {
    let oflags = u16::try_from(oflags).map(OpenFlags::from_raw).map_err(|_| Errno::INVAL)?;
    let fdflags = u16::try_from(fdflags).map(FdFlags::from_raw).map_err(|_| Errno::INVAL)?;
    if !OpenFlags::ALL.contains(oflags) || !FdFlags::ALL.contains(fdflags) {
        return Err(Errno::INVAL);
    }
    let (base, inheriting) = (Rights::from_raw(base), Rights::from_raw(inheriting));
    let (read, write) = (base.contains(Rights::FD_READ), base.contains(Rights::FD_WRITE));
    let (creates, truncates) = (oflags.contains(OpenFlags::CREAT), oflags.contains(OpenFlags::TRUNC));

    let through = ctx.descriptors.get(fd)?;
    let dir = through.dir()?;
    if write || creates || truncates || fdflags.contains(FdFlags::APPEND) {
        dir.cap.may_change()?;
    }
    let mut required = Rights::PATH_OPEN;
    if creates {
        required = required | Rights::PATH_CREATE_FILE;
    }
    if truncates {
        required = required | Rights::PATH_FILESTAT_SET_SIZE;
    }
    through.require(required)?;
    let transfers = base.intersection(Rights::FD_READ | Rights::FD_WRITE);
    if !through.inheriting.contains(transfers) {
        return Err(Errno::NOTCAPABLE);
    }
    let path = GuestPath::read(mem, path, path_len)?;
    mem.check(opened, 4)?;
    ctx.descriptors.vacancy()?;

    let mut flags = resolve::access_flags(dir.cap.access(), read, write)?;
    for (set, flag) in [
        (lookup & LOOKUP_SYMLINK_FOLLOW == 0, OFlags::NOFOLLOW),
        (creates, OFlags::CREATE),
        (truncates, OFlags::TRUNC),
        (oflags.contains(OpenFlags::DIRECTORY), OFlags::DIRECTORY),
        (oflags.contains(OpenFlags::EXCL), OFlags::EXCL),
        (fdflags.contains(FdFlags::APPEND), OFlags::APPEND),
        (fdflags.contains(FdFlags::DSYNC), OFlags::DSYNC),
        (fdflags.intersects(FdFlags::SYNC | FdFlags::RSYNC), OFlags::SYNC),
    ] {
        if set {
            flags |= flag;
        }
    }
    let Opened { fd: host, kind } = resolve::open(dir.fd.as_fd(), &path, flags)?;

    let cap = Arc::clone(&dir.cap);
    let mut kept = base.intersection(through.inheriting);
    if cap.access() == DirAccess::ReadOnly {
        kept = kept.difference(Rights::CHANGES);
    }
    let descriptor = if kind == FileType::Directory {
        Descriptor {
            base: kept.intersection(Rights::DIRECTORY),
            inheriting: inheriting.intersection(through.inheriting),
            kind: Kind::Dir(OpenDir { fd: host, cap, preopen: None, stream: DirStream::default() }),
            // None of the others means anything for a directory.
            flags: fdflags.intersection(FdFlags::NONBLOCK),
        }
    } else {
        if !write {
            kept = kept.difference(Rights::FD_ALLOCATE | Rights::FD_FILESTAT_SET_SIZE);
        }
        Descriptor {
            base: kept.intersection(Rights::FILE),
            inheriting: Rights::NONE,
            kind: Kind::File(OpenFile { fd: host, cap }),
            flags: fdflags,
        }
    };
    let fd = ctx.descriptors.insert(descriptor)?;
    mem.write_u32(opened, fd)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{DIR, Guest, TempDir};
    use super::*;
    use std::os::unix::fs::symlink;

    const CREAT: u16 = 1;
    const DIRECTORY: u16 = 2;
    const EXCL: u16 = 4;
    const TRUNC: u16 = 8;

    fn writable(dir: &TempDir) -> Guest {
        Guest::new(dir, DirAccess::ReadWrite)
    }

    #[test]
    fn opening_does_what_the_flags_say() {
        let dir = TempDir::new();
        dir.dir("sub");
        dir.file("file", b"old");
        symlink("file", dir.path().join("link")).unwrap();
        let mut guest = writable(&dir);
        assert_eq!(guest.open("gone", 0, Rights::FD_READ, 0), Err(Errno::NOENT));
        assert_eq!(guest.open("file", CREAT | EXCL, Rights::FD_READ, 0), Err(Errno::EXIST));
        assert_eq!(guest.open("file", DIRECTORY, Rights::FD_READ, 0), Err(Errno::NOTDIR));
        assert_eq!(guest.open("file/", 0, Rights::FD_READ, 0), Err(Errno::NOTDIR));
        assert_eq!(guest.open("sub", 0, Rights::FD_WRITE, 0), Err(Errno::ISDIR));
        assert_eq!(guest.open("file", 0x10, Rights::FD_READ, 0), Err(Errno::INVAL));
        assert_eq!(guest.open("file", 0, Rights::FD_READ, 0x20), Err(Errno::INVAL));
        assert!(guest.open("sub/", 0, Rights::FD_READDIR, 0).is_ok());
        assert!(guest.open("sub/../link", 0, Rights::FD_READ, 0).is_ok());
        let (ptr, len) = guest.put(2048, b"link");
        let nofollow = |ctx: &mut WasiCtx, mem: &mut GuestMemory<'_>| {
            path_open(ctx, mem, DIR, 0, ptr, len, 0, Rights::FD_READ.raw(), 0, 0, 16)
        };
        assert_eq!(guest.call(nofollow), Err(Errno::LOOP));
        guest.open("link", TRUNC, Rights::NONE, 0).unwrap();
        assert_eq!(dir.read("file"), b"");
        guest.open("sub/new", CREAT, Rights::FD_WRITE, 0).unwrap();
        assert!(dir.exists("sub/new"));
    }

    #[test]
    fn the_result_goes_somewhere_or_nothing_happens() {
        let dir = TempDir::new();
        let mut guest = writable(&dir);
        let (ptr, len) = guest.put(2048, b"new");
        let rights = Rights::FD_WRITE.raw();
        let open = |ctx: &mut WasiCtx, mem: &mut GuestMemory<'_>| {
            path_open(ctx, mem, DIR, 0, ptr, len, CREAT.into(), rights, 0, 0, 65_533)
        };
        assert_eq!(guest.call(open), Err(Errno::FAULT));
        assert!(!dir.exists("new"));
        while guest.open(".", DIRECTORY, Rights::NONE, 0).is_ok() {}
        assert_eq!(guest.open("new", CREAT, Rights::FD_WRITE, 0), Err(Errno::MFILE));
        assert!(!dir.exists("new"));
        assert_eq!(guest.open("gone", 0, Rights::FD_READ, 0), Err(Errno::MFILE));
    }

    /// A directory is exchanged for a link that leads outside, again and again, while the guest opens files through it. The
    /// naive call gets outside now and then, or else the race would not be one; ours never does.
    #[test]
    fn a_directory_exchanged_for_a_link_is_no_way_out() {
        use std::sync::atomic::{AtomicBool, Ordering};
        /// Stops the other thread, also when an assertion fails: the scope waits for it.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let outer = TempDir::new();
        outer.file("file", b"outside");
        outer.dir("in");
        outer.dir("in/dir");
        outer.file("in/dir/file", b"inside");
        symlink("..", outer.path().join("in/link")).unwrap();
        let (inner, done) = (outer.sub("in"), AtomicBool::new(false));
        let mut guest = Guest::new(&inner, DirAccess::ReadWrite);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let dir = inner.open();
                while !done.load(Ordering::Relaxed) {
                    let exchange = rustix::fs::RenameFlags::EXCHANGE;
                    rustix::fs::renameat_with(&dir, "dir", &dir, "link", exchange).unwrap();
                }
            });
            let _stop = Stop(&done);
            let (mut naive_escapes, mut opened, mut refused) = (0, 0, 0);
            for round in 0..200_000 {
                if round >= 5_000 && naive_escapes > 0 && opened > 0 && refused > 0 {
                    break;
                }
                let naive = std::fs::read(inner.path().join("dir/file"));
                naive_escapes += u32::from(naive.is_ok_and(|contents| contents == b"outside"));
                match guest.open("dir/file", 0, Rights::FD_READ, 0) {
                    Ok(fd) => {
                        opened += 1;
                        assert_eq!(guest.read(fd, 99).unwrap(), b"inside");
                        guest.call(|ctx, mem| super::super::fd::fd_close(ctx, mem, fd)).unwrap();
                    }
                    Err(errno) => {
                        refused += 1;
                        assert!([Errno::NOTCAPABLE, Errno::AGAIN].contains(&errno), "{errno}");
                    }
                }
            }
            assert!(naive_escapes > 0 && opened > 0 && refused > 0, "{naive_escapes} {opened} {refused}");
        });
    }
}
