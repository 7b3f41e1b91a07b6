//! The world outside of a guest: a folder, how it is granted, and what is in it afterwards.

use bailiwick_loader::wasi::{Dir, DirGrant, WasiCtxBuilder};
use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// A folder that is a test's own. Clones are the same; it is removed with the last.
#[derive(Clone)]
pub struct World {
    folder: Arc<TempDir>,
}

impl World {
    pub fn new() -> World {
        World { folder: Arc::new(tempfile::tempdir().expect("a temporary folder")) }
    }

    /// A folder with these files, each with its own name as contents.
    pub fn with(files: &[&str]) -> World {
        let world = World::new();
        files.iter().for_each(|name| world.file(name, name));
        world
    }

    /// The path of a name in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.path(name), contents).unwrap();
    }

    pub fn dir(&self, name: &str) {
        fs::create_dir(self.path(name)).unwrap();
    }

    /// A symbolic link.
    pub fn link(&self, target: &str, name: &str) {
        symlink(target, self.path(name)).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// A file's contents as text.
    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub fn target(&self, name: &str) -> String {
        fs::read_link(self.path(name)).unwrap().to_str().unwrap().to_owned()
    }

    /// Of the name itself: links are not followed.
    pub fn stat(&self, name: &str) -> fs::Metadata {
        self.path(name).symlink_metadata().unwrap()
    }

    /// Access and modification time of the name itself, in nanoseconds.
    pub fn times(&self, name: &str) -> (u64, u64) {
        let stat = self.stat(name);
        let ns = |seconds: i64, nanos: i64| (seconds * 1_000_000_000 + nanos) as u64;
        (ns(stat.atime(), stat.atime_nsec()), ns(stat.mtime(), stat.mtime_nsec()))
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    /// The sorted names in a folder of it.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Everything in it, by path: what it is, its links, its modification time, and its contents or target.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let mut all = BTreeMap::new();
        record(self.folder.path(), &mut all);
        all
    }

    /// A descriptor of the folder.
    pub fn fd(&self) -> OwnedFd {
        fs::File::open(self.folder.path()).unwrap().into()
    }
}

fn record(path: &Path, all: &mut BTreeMap<PathBuf, String>) {
    let stat = path.symlink_metadata().unwrap();
    let what = if stat.is_symlink() {
        format!("link to {:?}", fs::read_link(path).unwrap())
    } else if stat.is_file() {
        format!("file {:?}", String::from_utf8_lossy(&fs::read(path).unwrap()))
    } else {
        format!("{:?}", stat.file_type())
    };
    all.insert(
        path.to_owned(),
        format!("{what} links {} modified {}.{}", stat.nlink(), stat.mtime(), stat.mtime_nsec()),
    );
    if stat.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| record(&entry.unwrap().path(), all));
    }
}

/// Grants the folder of `world`.
pub fn preopen(builder: &mut WasiCtxBuilder, world: &World, guest_path: &str, grant: DirGrant) {
    let dir = Dir::open(world.fd(), grant).expect("a capability");
    builder.preopen(&dir, guest_path).expect("a grant");
}

/// Grants a descriptor of the host as standard output.
pub fn stdout_to(builder: &mut WasiCtxBuilder, fd: OwnedFd) {
    builder.stdout(bailiwick_loader::wasi::Output::File(fd));
}
