//! `path_open`.

use super::ctx::WasiCtx;
use super::descriptors::{Descriptor, Kind};
use super::dircap::DirCap;
use super::errno::{Errno, Rule};
use super::grant::DirRights;
use super::growth;
use super::memory::GuestMemory;
use super::open_file::{OpenDir, OpenFile};
use super::resolve::GuestPath;
use super::types::{FdFlags, OpenFlags, Rights, follows};
use rustix::fs::{FileType, OFlags};
use std::sync::Arc;

/// What a guest asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) follow: bool,
    pub(super) oflags: OpenFlags,
    pub(super) base: Rights,
    pub(super) inheriting: Rights,
    pub(super) fdflags: FdFlags,
}

/// Opens a file or directory, and writes its descriptor at `opened`.
///
/// Whether it is opened for reading or writing, the rights asked for decide, as under Wasmtime: `FD_READ`, `FD_WRITE`.
/// Rights that do not apply to the file, or that the grant does not allow, are left out; those that can't be inherited are
/// refused.
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
    let asked = Asked::new(lookup, oflags, base, inheriting, fdflags)?;
    let through = ctx.descriptors.get(fd)?;
    let dir = through.dir()?.enter()?;
    asked.check(through, dir.cap())?;
    dir.cap().note(DirRights::NONE);
    let path = GuestPath::read(mem, path, path_len)?;
    mem.check(opened, 4)?;
    ctx.descriptors.vacancy()?;
    let counted = dir.cap().open_one()?;

    let found = growth::open(&dir, &path, asked.host_flags())?;
    let cap = Arc::clone(dir.cap());
    let applicable = if found.kind == FileType::Directory { Rights::DIRECTORY } else { Rights::FILE };
    asked.check_inherited(through, applicable)?;
    if found.kind == FileType::RegularFile && asked.base.contains(Rights::FD_READ) {
        cap.may(DirRights::READ)?;
    }
    let mut kept = asked.base.intersection(applicable).intersection(cap.allowed());
    let descriptor = if found.kind == FileType::Directory {
        Descriptor {
            base: kept,
            inheriting: asked.inheriting.intersection(through.inheriting),
            kind: Kind::Dir(OpenDir::new(found, cap, counted)?),
            // None of the others means anything for a directory.
            flags: asked.fdflags.intersection(FdFlags::NONBLOCK),
        }
    } else {
        if !kept.contains(Rights::FD_WRITE) {
            kept = kept.difference(Rights::FD_ALLOCATE | Rights::FD_FILESTAT_SET_SIZE);
        }
        Descriptor {
            base: kept,
            inheriting: Rights::NONE,
            kind: Kind::File(OpenFile::new(found, cap, counted)?),
            flags: asked.fdflags,
        }
    };
    drop(dir);
    let fd = ctx.descriptors.insert(descriptor)?;
    mem.write_u32(opened, fd)
}

impl Asked {
    /// `INVAL` for flags without a name, and for creating a directory, which some kernels answer with a file.
    pub(super) fn new(lookup: u32, oflags: u32, base: u64, inheriting: u64, fdflags: u32) -> Result<Asked, Errno> {
        let oflags = u16::try_from(oflags).map(OpenFlags::from_raw).map_err(|_| Errno::INVAL)?;
        let fdflags = u16::try_from(fdflags).map(FdFlags::from_raw).map_err(|_| Errno::INVAL)?;
        if !OpenFlags::ALL.contains(oflags) || !FdFlags::ALL.contains(fdflags) {
            return Err(Errno::INVAL);
        }
        if oflags.contains(OpenFlags::CREAT | OpenFlags::DIRECTORY) {
            return Err(Errno::INVAL);
        }
        let (base, inheriting) = (Rights::from_raw(base), Rights::from_raw(inheriting));
        Ok(Asked { follow: follows(lookup)?, oflags, base, inheriting, fdflags })
    }

    fn creates(&self) -> bool {
        self.oflags.contains(OpenFlags::CREAT)
    }

    fn truncates(&self) -> bool {
        self.oflags.contains(OpenFlags::TRUNC)
    }

    /// Asks the capability and the descriptor for what can be known before anything is opened, that it has an effect.
    ///
    /// Of what the grant lacks, creating is left to when it is known that there is something to create, and reading to when
    /// it is known that it is not a directory, of which nothing is read this way.
    fn check(&self, through: &Descriptor, cap: &DirCap) -> Result<(), Errno> {
        // Who can't write does not append, whatever the flags say.
        let writes = self.base.contains(Rights::FD_WRITE);
        if writes || self.truncates() {
            cap.may(DirRights::WRITE)?;
        }
        let is_file = writes || self.truncates() || self.creates();
        if is_file && self.base.contains(Rights::FD_READ) {
            cap.may(DirRights::READ)?;
        }
        let mut required = Rights::PATH_OPEN;
        if self.creates() && cap.may(DirRights::CREATE).is_ok() {
            required = required | Rights::PATH_CREATE_FILE;
        }
        if self.truncates() {
            required = required | Rights::PATH_FILESTAT_SET_SIZE;
        }
        // The right to sync includes that to sync the data.
        if self.fdflags.contains(FdFlags::RSYNC) {
            required = required | Rights::FD_SYNC;
        } else if self.fdflags.contains(FdFlags::DSYNC) && !through.base.contains(Rights::FD_SYNC) {
            required = required | Rights::FD_DATASYNC;
        }
        through.require(required)?;
        self.check_inherited(through, if is_file { Rights::FILE } else { Rights::FD_READ | Rights::FD_WRITE })
    }

    /// `NOTCAPABLE` if rights were asked for that apply and can't be inherited: fewer than asked for would be a lie.
    fn check_inherited(&self, through: &Descriptor, applicable: Rights) -> Result<(), Errno> {
        if through.inheriting.contains(self.base.intersection(applicable)) {
            Ok(())
        } else {
            Err(Errno::NOTCAPABLE.by(Rule::Rights))
        }
    }

    /// The host's flags, least authority first: a descriptor that needs no writing has none.
    fn host_flags(&self) -> OFlags {
        let mut flags = match (self.base.contains(Rights::FD_READ), self.base.contains(Rights::FD_WRITE)) {
            (true, true) => OFlags::RDWR,
            (false, true) => OFlags::WRONLY,
            (_, false) => OFlags::RDONLY,
        };
        for (set, flag) in [
            (!self.follow, OFlags::NOFOLLOW),
            (self.creates(), OFlags::CREATE),
            (self.truncates(), OFlags::TRUNC),
            (self.oflags.contains(OpenFlags::DIRECTORY), OFlags::DIRECTORY),
            (self.oflags.contains(OpenFlags::EXCL), OFlags::EXCL),
            (self.fdflags.contains(FdFlags::APPEND), OFlags::APPEND),
            (self.fdflags.contains(FdFlags::DSYNC), OFlags::DSYNC),
            (self.fdflags.intersects(FdFlags::SYNC | FdFlags::RSYNC), OFlags::SYNC),
        ] {
            if set {
                flags |= flag;
            }
        }
        flags
    }
}

#[cfg(test)]
mod tests {
    use super::super::grant::DirGrant;
    use super::super::testing::{DIR, Guest, TempDir};
    use super::*;
    use std::os::unix::fs::symlink;

    const CREAT: u16 = 1;
    const DIRECTORY: u16 = 2;
    const EXCL: u16 = 4;
    const TRUNC: u16 = 8;

    fn writable(dir: &TempDir) -> Guest {
        Guest::new(dir, DirGrant::all())
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

    /// What is opened with all rights but some, and whether that is granted: by effect, whatever the flags are called.
    #[test]
    fn effects_decide_what_right_is_needed() {
        use DirRights as R;
        const APPEND: u16 = 1;
        let (read, write) = (Rights::FD_READ, Rights::FD_WRITE);
        for (lacking, path, oflags, rights, fdflags, result) in [
            (R::READ, "file", 0, read, 0, Err(Errno::PERM)),
            (R::READ, "file", 0, read | write, 0, Err(Errno::PERM)),
            (R::READ, "file", CREAT, read, 0, Err(Errno::PERM)),
            (R::READ, "new", CREAT, read, 0, Err(Errno::PERM)),
            (R::READ, "file", 0, write, 0, Ok(())),
            (R::READ, "file", 0, Rights::FD_FILESTAT_GET, 0, Ok(())),
            (R::READ, "sub", DIRECTORY, read | Rights::FD_READDIR, 0, Ok(())),
            (R::READ, "sub", 0, read, 0, Ok(())),
            (R::LIST, "sub", DIRECTORY, Rights::FD_READDIR, 0, Ok(())),
            (R::WRITE, "file", 0, write, 0, Err(Errno::PERM)),
            (R::WRITE, "file", 0, write, APPEND, Err(Errno::PERM)),
            (R::WRITE, "file", 0, read, APPEND, Ok(())),
            (R::WRITE, "file", TRUNC, read, 0, Err(Errno::PERM)),
            (R::WRITE, "file", TRUNC, Rights::NONE, 0, Err(Errno::PERM)),
            (R::WRITE, "new", CREAT, write, 0, Err(Errno::PERM)),
            (R::WRITE, "new", CREAT, read, 0, Ok(())),
            (R::WRITE, "file", 0, read, 0, Ok(())),
            (R::CREATE, "new", CREAT, read, 0, Err(Errno::PERM)),
            (R::CREATE, "new", CREAT | EXCL, write, 0, Err(Errno::PERM)),
            (R::CREATE, "new", CREAT | TRUNC, write, 0, Err(Errno::PERM)),
            (R::CREATE, "dangling", CREAT, write, 0, Err(Errno::PERM)),
            (R::CREATE, "gone/new", CREAT, write, 0, Err(Errno::NOENT)),
            (R::CREATE, "file", CREAT, read | write, 0, Ok(())),
            (R::CREATE, "file", CREAT | TRUNC, write, 0, Ok(())),
            (R::CREATE, "link", CREAT, write, 0, Ok(())),
            (R::CREATE, "file", CREAT | EXCL, write, 0, Err(Errno::EXIST)),
            (R::CREATE, "dangling", CREAT | EXCL, write, 0, Err(Errno::EXIST)),
            (R::CREATE, "sub", CREAT, read, 0, Err(Errno::ISDIR)),
            (R::CREATE, "file/", CREAT, read, 0, Err(Errno::NOTDIR)),
            (R::CREATE, "../new", CREAT, read, 0, Err(Errno::NOTCAPABLE)),
            (R::CREATE, "up", CREAT, read, 0, Err(Errno::NOTCAPABLE)),
            (
                R::DELETE | R::RENAME | R::LINK | R::SYMLINK | R::TIMES,
                "new",
                CREAT | TRUNC,
                read | write,
                APPEND,
                Ok(()),
            ),
        ] {
            let case = format!("{path} {oflags:#x} {rights:?} {fdflags} without {lacking}");
            let outer = TempDir::new();
            outer.dir("in");
            let dir = outer.sub("in");
            dir.dir("sub");
            dir.file("file", b"old");
            symlink("file", dir.path().join("link")).unwrap();
            symlink("target", dir.path().join("dangling")).unwrap();
            symlink("../new", dir.path().join("up")).unwrap();
            let mut guest = Guest::new(&dir, DirGrant::of(R::ALL.difference(lacking)));
            let opened = guest.open(path, oflags, rights, fdflags);
            assert_eq!(opened.map(drop), result, "{case}");
            if let Err(errno) = opened {
                let denied = [Errno::PERM, Errno::NOTCAPABLE].contains(&errno);
                assert_eq!(errno.rule().is_some(), denied, "{case}");
                assert_eq!(dir.read("file"), b"old", "{case}");
                assert!(!dir.exists("new") && !dir.exists("target") && !outer.exists("new"), "{case}");
            }
        }
    }

    #[test]
    fn what_a_file_may_be_used_for_agrees_with_the_grant() {
        let dir = TempDir::new();
        dir.file("file", b"old");
        for (granted, asked, shown) in [
            (DirRights::WRITE, Rights::FD_WRITE | Rights::FD_SEEK, Rights::FD_WRITE | Rights::FD_SEEK),
            (
                DirRights::READ,
                Rights::FILE.difference(Rights::FD_WRITE),
                Rights::FILE.difference(
                    Rights::FD_WRITE
                        | Rights::FD_ALLOCATE
                        | Rights::FD_FILESTAT_SET_SIZE
                        | Rights::FD_FILESTAT_SET_TIMES,
                ),
            ),
            (DirRights::NONE, Rights::FD_FILESTAT_GET | Rights::FD_FILESTAT_SET_TIMES, Rights::FD_FILESTAT_GET),
            (DirRights::TIMES, Rights::FD_FILESTAT_SET_TIMES, Rights::FD_FILESTAT_SET_TIMES),
        ] {
            let mut guest = Guest::new(&dir, DirGrant::of(granted));
            let fd = guest.open("file", 0, asked, 0).unwrap();
            assert_eq!(guest.ctx.descriptors.get(fd).unwrap().base, shown, "{granted}");
            assert_eq!(
                guest.ctx.descriptors.get(DIR).unwrap().base,
                Rights::DIRECTORY.intersection(granted.preview1())
            );
        }
    }

    /// A descriptor that has made a file may not do more with it than any other.
    #[test]
    fn creating_is_not_writing() {
        let dir = TempDir::new();
        let mut guest = Guest::new(&dir, DirGrant::of(DirRights::CREATE));
        assert_eq!(guest.open("file", CREAT, Rights::FD_WRITE, 0), Err(Errno::PERM));
        let fd = guest.open("file", CREAT, Rights::FD_SEEK, 0).unwrap();
        assert_eq!(guest.write(fd, b"x"), Err(Errno::BADF));
        let grown = guest.call(|ctx, mem| super::super::fd::fd_filestat_set_size(ctx, mem, fd, 1));
        assert_eq!(grown, Err(Errno::PERM));
        assert_eq!(dir.read("file"), b"");
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
        let mut guest = Guest::new(&inner, DirGrant::all());
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
