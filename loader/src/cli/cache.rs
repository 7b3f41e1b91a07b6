//! The cache of compiled artifacts: files named by a hash of all that shaped them, in a folder of the user's own.
//!
//! An entry is written to a temporary file and renamed, so that concurrent runs see it whole or not at all.

use super::exit::Failure;
use bailiwick_loader::Artifact;
use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};
use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// What an entry is found by.
pub struct Key(String);

impl Key {
    /// From everything that shapes an artifact; the parts' lengths are hashed too.
    pub fn new(parts: &[&[u8]]) -> Key {
        let mut hash = Sha256::new();
        hash.update(b"bailiwick cache 1");
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Key(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
    }
}

/// The cache folder.
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// `$BAILIWICK_CACHE`, or `bailiwick` in the user's cache folder; made if it is missing, with mode 0700.
    pub fn open() -> Result<Cache, String> {
        let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let folder = variable("BAILIWICK_CACHE")
            .or_else(|| variable("XDG_CACHE_HOME").filter(|p| p.is_absolute()).map(|p| p.join("bailiwick")))
            .or_else(|| variable("HOME").map(|p| p.join(".cache/bailiwick")))
            .ok_or("neither BAILIWICK_CACHE, XDG_CACHE_HOME nor HOME is set")?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|e| format!("{}: {e}", folder.display()))?;
        // Entries are mapped and run: nobody else may be able to put one there.
        let metadata = std::fs::metadata(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        if metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o022 != 0 {
            return Err(format!(
                "{}: it belongs to somebody else or others may write to it; chmod 700 it, or set BAILIWICK_CACHE",
                folder.display()
            ));
        }
        Ok(Cache { folder })
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(format!("{}.bwk", key.0))
    }

    /// The entry, if there is one that can be used.
    pub fn get(&self, key: &Key) -> Option<Artifact> {
        Artifact::open(self.path(key)).ok()
    }

    /// A file for a new entry.
    pub fn begin(&self, key: &Key) -> Result<Pending, String> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary = self.folder.join(format!(".{}.{}.{number}.tmp", key.0, std::process::id()));
        // A file of that name can only be left over from a dead process of the same number.
        let _ = std::fs::remove_file(&temporary);
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::open(&temporary, flags, Mode::from_raw_mode(0o600))
            .map_err(|e| format!("{}: {}", temporary.display(), std::io::Error::from(e)))?;
        Ok(Pending { file: file.into(), temporary, path: self.path(key), done: false })
    }
}

/// An entry being written. Removed on drop unless finished.
pub struct Pending {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    done: bool,
}

impl Pending {
    /// Where to write it.
    pub fn file(&self) -> std::io::Result<File> {
        self.file.try_clone()
    }

    /// Checks what was written, and makes it the entry. `source` is for messages.
    pub fn finish(mut self, source: &Path) -> Result<Artifact, Failure> {
        let file = self.file.try_clone().map_err(|e| Failure::new(format!("{}: {e}", self.temporary.display())))?;
        let artifact = Artifact::from_file(file, source).map_err(|e| Failure::from_error(source, &e))?;
        std::fs::rename(&self.temporary, &self.path)
            .map_err(|e| Failure::new(format!("{}: can't rename into the cache: {e}", self.path.display())))?;
        self.done = true;
        Ok(artifact)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.done {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}
