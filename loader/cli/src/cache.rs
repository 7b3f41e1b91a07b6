//! The cache of compiled artifacts: files named by a hash of all that shaped them, in a folder of the user's own.
//!
//! An entry is written to a temporary file and renamed, so that concurrent runs see it whole or not at all.

use bailiwick_loader::{Artifact, FormatError};
use bailiwick_runtime_abi::format::EXTENSION;
use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};
use std::fs::{DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

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

    /// Of a copy of a file, by what tells the file's states apart. No other key has a hyphen.
    pub fn of_copy(state: [u64; 5]) -> Key {
        Key(state.iter().fold("copy".to_owned(), |name, number| format!("{name}-{number:x}")))
    }
}

/// The cache folder.
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// `$BAILIWICK_CACHE`, or `bailiwick` in the user's cache folder.
    pub fn folder() -> Result<PathBuf, String> {
        let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        variable("BAILIWICK_CACHE")
            .or_else(|| variable("XDG_CACHE_HOME").filter(|p| p.is_absolute()).map(|p| p.join("bailiwick")))
            .or_else(|| variable("HOME").map(|p| p.join(".cache/bailiwick")))
            .ok_or_else(|| "neither BAILIWICK_CACHE, XDG_CACHE_HOME nor HOME is set".to_owned())
    }

    /// The folder, made if it is missing, with mode 0700.
    pub fn open() -> Result<Cache, String> {
        let folder = Cache::folder()?;
        let found = std::fs::metadata(&folder).ok().filter(std::fs::Metadata::is_dir);
        let made = || {
            DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
            std::fs::metadata(&folder)
        };
        let metadata = found.map_or_else(made, Ok).map_err(|e| format!("{}: {e}", folder.display()))?;
        // Entries are mapped and run: nobody else may be able to put one there.
        if metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o022 != 0 {
            return Err(format!(
                "{}: it belongs to somebody else or others may write to it; chmod 700 it, or set BAILIWICK_CACHE",
                folder.display()
            ));
        }
        let mount = rustix::fs::statvfs(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        if mount.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC) {
            return Err(format!("{}: it lies on a file system mounted noexec", folder.display()));
        }
        Ok(Cache { folder })
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(format!("{}.bwk", key.0))
    }

    /// The entry, if there is one that can be used.
    pub fn get(&self, key: &Key, sharing: Sharing) -> Option<Artifact> {
        let path = self.path(key);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW;
        let file = File::from(rustix::fs::open(&path, flags, Mode::empty()).ok()?);
        open_entry(file, &path, sharing)
    }

    /// Hashes every entry of this release: how many entries there are, and the paths of those that are damaged and what
    /// is wrong with them. Those of other releases are left alone: nothing uses them.
    pub fn verify(&self) -> std::io::Result<(usize, Vec<(PathBuf, FormatError)>)> {
        let (mut count, mut bad) = (0, Vec::new());
        for entry in self.files()? {
            if entry.extension().is_some_and(|e| e == EXTENSION) {
                count += 1;
                match check(&std::fs::read(&entry)?) {
                    Ok(()) | Err(FormatError::Abi { .. } | FormatError::FormatVersion { .. }) => {}
                    Err(e) => bad.push((entry, e)),
                }
            }
        }
        Ok((count, bad))
    }

    /// Removes every entry, and what runs that were killed have left. How many files there were.
    pub fn clean(&self) -> std::io::Result<usize> {
        let files = self.files()?;
        for file in &files {
            std::fs::remove_file(file)?;
        }
        Ok(files.len())
    }

    /// The cache's own files.
    fn files(&self) -> std::io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
            if name.ends_with(".bwk") || (name.starts_with('.') && name.ends_with(".tmp")) {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    /// Makes an artifact, whose content was verified, the entry: whole or not at all, whatever happens meanwhile.
    pub fn put(&self, key: &Key, artifact: &Artifact) -> Result<(), String> {
        // Process numbers repeat in containers that share a folder.
        let mut random = [0u8; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).map_err(|e| e.to_string())?;
        let random = u64::from_le_bytes(random);
        let temporary = self.folder.join(format!(".{}.{random:016x}.tmp", key.0));
        let result = self.write(&temporary, &self.path(key), artifact.bytes());
        result.map_err(|e| {
            let _ = std::fs::remove_file(&temporary);
            format!("{}: {e}", self.folder.display())
        })
    }

    fn write(&self, temporary: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mut file = File::from(rustix::fs::open(temporary, flags, Mode::from_raw_mode(0o600))?);
        file.write_all(bytes)?;
        // A power loss must not leave an entry whose pages never reached the disk.
        file.sync_data()?;
        std::fs::rename(temporary, path)
    }
}

/// Whether an entry may be mapped itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Yes: all processes that run it share its pages.
    Mapped,
    /// No, a sealed copy: the guest is granted a folder to write to, and a hard link to the entry may lie in it.
    Copied,
}

fn check(bytes: &[u8]) -> Result<(), FormatError> {
    // The tables are read in place, aligned.
    let mut aligned = vec![0u64; bytes.len().div_ceil(8)];
    let aligned = &mut zerocopy::IntoBytes::as_mut_bytes(&mut aligned[..])[..bytes.len()];
    aligned.copy_from_slice(bytes);
    bailiwick_loader::verify_content(aligned)
}

/// The entry, if it is the cache's alone: through another name a guest may have written to it.
fn open_entry(file: File, name: &Path, sharing: Sharing) -> Option<Artifact> {
    let metadata = file.metadata().ok()?;
    if metadata.uid() != rustix::process::geteuid().as_raw() || metadata.nlink() != 1 {
        return None;
    }
    let artifact = match sharing {
        // SAFETY: the folder is the user's own and nobody else's to write to, entries are replaced by renaming and never
        // written again, the file has no other name, and no guest of this process is granted a folder to write to.
        Sharing::Mapped => unsafe { Artifact::map(file, name) },
        Sharing::Copied => Artifact::from_file(file, name),
    };
    artifact.ok()
}
