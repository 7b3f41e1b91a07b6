//! What the tests of this folder share: a temporary directory, and a guest to make calls with.

use super::ctx::WasiCtx;
use super::dircap::DirAccess;
use super::errno::Errno;
use super::memory::GuestMemory;
use super::types::Rights;
use super::wait::Stop;
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
}

impl Guest {
    pub(super) fn new(dir: &TempDir, access: DirAccess) -> Guest {
        let mut builder = WasiCtx::builder();
        builder.preopen_dir(dir.open(), "/", access).unwrap();
        Guest::with(builder.build().unwrap())
    }

    pub(super) fn with(ctx: WasiCtx) -> Guest {
        Guest { ctx, bytes: vec![0; 1 << 16] }
    }

    /// Makes a call, again when what it waits for has come.
    pub(super) fn call<T, E: Into<Stop>>(
        &mut self,
        mut call: impl FnMut(&mut WasiCtx, &mut GuestMemory<'_>) -> Result<T, E>,
    ) -> Result<T, Errno> {
        loop {
            match call(&mut self.ctx, &mut GuestMemory::new(&mut self.bytes)).map_err(Into::into) {
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
