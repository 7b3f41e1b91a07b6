//! What the tests of this folder share: a temporary directory, and a guest to make calls with.

use super::ctx::WasiCtx;
use super::dircap::Dir;
use super::errno::{Errno, Rule};
use super::grant::{DirGrant, DirLimits};
use super::memory::GuestMemory;
use super::types::Rights;
use super::unstable::Layout;
use super::wait::{Attempt, Stop};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A directory that is removed with the value.
pub(super) struct TempDir {
    path: PathBuf,
    owned: bool,
}

impl TempDir {
    pub(super) fn new() -> TempDir {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("bailiwick-wasi-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        TempDir { path, owned: true }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A directory within, not removed on its own.
    pub(super) fn sub(&self, name: &str) -> TempDir {
        TempDir { path: self.path.join(name), owned: false }
    }

    pub(super) fn dir(&self, name: &str) {
        std::fs::create_dir(self.path.join(name)).unwrap();
    }

    pub(super) fn file(&self, name: &str, contents: &[u8]) {
        std::fs::write(self.path.join(name), contents).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path.join(name)).unwrap()
    }

    pub(super) fn exists(&self, name: &str) -> bool {
        self.path.join(name).symlink_metadata().is_ok()
    }

    pub(super) fn open(&self) -> OwnedFd {
        rustix::fs::open(&self.path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap()
    }
}

impl TempDir {
    /// A capability of it, the root of a tree.
    pub(super) fn grant(&self, grant: DirGrant) -> Dir {
        Dir::open(self.open(), grant).unwrap()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if self.owned {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// The descriptor of the only directory that [`Guest::new`] grants.
pub(super) const DIR: u32 = 3;

/// A context and a memory of 64 KiB, with helpers that put arguments where the functions expect pointers.
pub(super) struct Guest {
    pub(super) ctx: WasiCtx,
    pub(super) bytes: Vec<u8>,
    /// Which definition it calls by.
    pub(super) layout: Layout,
}

impl Guest {
    pub(super) fn new(dir: &TempDir, grant: DirGrant) -> Guest {
        Guest::over(&dir.grant(grant))
    }

    pub(super) fn over(dir: &Dir) -> Guest {
        let mut builder = WasiCtx::builder();
        builder.preopen(dir, "/").unwrap();
        Guest::with(builder.build().unwrap())
    }

    pub(super) fn with(ctx: WasiCtx) -> Guest {
        Guest { ctx, bytes: vec![0; 1 << 16], layout: Layout::Preview1 }
    }

    /// Makes a call, again when what it waits for has come.
    pub(super) fn call<T, E: Into<Stop>>(
        &mut self,
        mut call: impl FnMut(&mut WasiCtx, &mut GuestMemory<'_>) -> Result<T, E>,
    ) -> Result<T, Errno> {
        let mut attempt = Attempt::default();
        loop {
            let mut mem = GuestMemory::new(&mut self.bytes).again(self.layout, attempt);
            let result = call(&mut self.ctx, &mut mem);
            attempt = mem.attempt;
            match result.map_err(Into::into) {
                Ok(result) => return Ok(result),
                Err(Stop::Errno(errno)) => return Err(errno),
                Err(Stop::Wait(wait)) => wait.sleep(None)?,
                Err(Stop::Interrupted) => unreachable!("nobody interrupts"),
            }
        }
    }

    /// Writes `text` at `at`, and says where it lies.
    pub(super) fn put(&mut self, at: u32, text: &[u8]) -> (u32, u32) {
        self.bytes[at as usize..][..text.len()].copy_from_slice(text);
        (at, text.len() as u32)
    }

    pub(super) fn u32_at(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap())
    }

    pub(super) fn u64_at(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes[at..at + 8].try_into().unwrap())
    }

    /// `path_open` with links followed.
    pub(super) fn open(&mut self, path: &str, oflags: u16, rights: Rights, fdflags: u16) -> Result<u32, Errno> {
        let (ptr, len) = self.put(1024, path.as_bytes());
        let (inheriting, oflags, fdflags) = (Rights::ALL.raw(), oflags.into(), fdflags.into());
        self.call(|ctx, mem| {
            super::path_open::path_open(ctx, mem, DIR, 1, ptr, len, oflags, rights.raw(), inheriting, fdflags, 16)
        })?;
        Ok(self.u32_at(16))
    }

    /// `fd_write` of one buffer.
    pub(super) fn write(&mut self, fd: u32, data: &[u8]) -> Result<u32, Errno> {
        let (ptr, len) = self.put(4096, data);
        self.put(32, &ptr.to_le_bytes());
        self.put(36, &len.to_le_bytes());
        self.call(|ctx, mem| super::fd_io::fd_write(ctx, mem, fd, 32, 1, 16))?;
        Ok(self.u32_at(16))
    }

    /// `fd_read` into one buffer of `len` bytes.
    pub(super) fn read(&mut self, fd: u32, len: u32) -> Result<Vec<u8>, Errno> {
        self.put(32, &4096u32.to_le_bytes());
        self.put(36, &len.to_le_bytes());
        self.call(|ctx, mem| super::fd_io::fd_read(ctx, mem, fd, 32, 1, 16))?;
        Ok(self.bytes[4096..][..self.u32_at(16) as usize].to_vec())
    }
}

/// A function of one path.
pub(super) type OnePath = fn(&mut WasiCtx, &mut GuestMemory<'_>, u32, u32, u32) -> Result<(), Errno>;
/// A function of two paths, each beneath its directory.
pub(super) type TwoPaths = fn(&mut WasiCtx, &mut GuestMemory<'_>, u32, u32, u32, u32, u32, u32) -> Result<(), Errno>;

/// Makes a call of one path beneath the granted directory.
pub(super) fn one(guest: &mut Guest, call: OnePath, path: &str) -> Result<(), Errno> {
    let (ptr, len) = guest.put(2048, path.as_bytes());
    guest.call(|ctx, mem| call(ctx, mem, DIR, ptr, len))
}

/// Makes a call of two paths.
pub(super) fn two(guest: &mut Guest, call: TwoPaths, fds: (u32, u32), old: &str, new: &str) -> Result<(), Errno> {
    let (old, old_len) = guest.put(2048, old.as_bytes());
    let (new, new_len) = guest.put(8192, new.as_bytes());
    guest.call(|ctx, mem| call(ctx, mem, fds.0, old, old_len, fds.1, new, new_len))
}

/// `path_link`, with its arguments as those of [`TwoPaths`].
#[expect(clippy::too_many_arguments, reason = "as the function that it calls")]
pub(super) fn link(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    a: u32,
    b: u32,
    to: u32,
    c: u32,
    d: u32,
) -> Result<(), Errno> {
    super::path::path_link(ctx, mem, fd, 0, a, b, to, c, d)
}

/// `path_symlink`.
pub(super) fn make_symlink(guest: &mut Guest, target: &str, path: &str) -> Result<(), Errno> {
    let (target, target_len) = guest.put(2048, target.as_bytes());
    let (path, len) = guest.put(8192, path.as_bytes());
    guest.call(|ctx, mem| super::path::path_symlink(ctx, mem, target, target_len, DIR, path, len))
}

/// All rights, and this many bytes.
pub(super) fn limited(max_bytes: u64) -> DirGrant {
    DirGrant { limits: DirLimits { max_bytes: Some(max_bytes), max_open: None }, ..DirGrant::all() }
}

/// A capability of `dir` with this much to spend, after a file is made in it, and a guest that has the file open.
pub(super) fn with_file(dir: &TempDir, room: u64) -> (Dir, Guest, u32) {
    // What the file costs, and its name in a directory that may grow by it.
    let cost = dir.grant(limited(u64::MAX));
    Guest::over(&cost).open("scratch", 1, Rights::FILE, 0).unwrap();
    std::fs::remove_file(dir.path().join("scratch")).unwrap();
    let granted = dir.grant(limited(cost.usage().bytes + room));
    let mut guest = Guest::over(&granted);
    let fd = guest.open("file", 1, Rights::FILE, 0).unwrap();
    (granted, guest, fd)
}

/// The bytes that are left.
pub(super) fn room(dir: &Dir) -> u64 {
    dir.grant().limits.max_bytes.unwrap() - dir.usage().bytes
}

/// `fd_close`.
pub(super) fn close(guest: &mut Guest, fd: u32) {
    guest.call(|ctx, mem| super::fd::fd_close(ctx, mem, fd)).unwrap();
}

/// `fd_filestat_set_size`.
pub(super) fn set_size(guest: &mut Guest, fd: u32, size: u64) -> Result<(), Errno> {
    guest.call(|ctx, mem| super::fd::fd_filestat_set_size(ctx, mem, fd, size))
}

/// That there were not bytes enough.
pub(super) fn exhausted<T: std::fmt::Debug>(result: Result<T, Errno>) {
    let errno = result.unwrap_err();
    assert_eq!((errno, errno.rule()), (Errno::DQUOT, Some(Rule::Bytes)));
}
