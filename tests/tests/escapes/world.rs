//! The world around a grant, and how it is known that nothing in it changed.
//!
//! ```text
//! outer/
//!   granted/                 what a guest is granted: the only part that may change
//!   outside/
//!     secret                 holds [`SECRET`]
//!     dir/file
//!   seed.json                holds [`SECRET`]
//! ```

use super::host;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What no guest may ever have in its memory or print.
pub const SECRET: &str = "SEED-7f3a91c4";

/// A folder with things that a guest has no business with, and one that it is granted.
#[derive(Debug)]
pub struct World {
    folder: TempDir,
}

impl World {
    pub fn new() -> World {
        let world = World { folder: tempfile::tempdir().expect("a temporary folder") };
        for dir in ["granted", "outside", "outside/dir"] {
            fs::create_dir(world.outer().join(dir)).expect(dir);
        }
        for file in ["seed.json", "outside/secret", "outside/dir/file"] {
            fs::write(world.outer().join(file), SECRET).expect(file);
        }
        world.age_outside();
        world
    }

    /// The folder around everything.
    pub fn outer(&self) -> &Path {
        self.folder.path()
    }

    /// What the guest is granted.
    pub fn granted(&self) -> PathBuf {
        self.outer().join("granted")
    }

    /// A path in the granted folder.
    pub fn inside(&self, path: &str) -> PathBuf {
        self.granted().join(path)
    }

    /// A path in the folder beside the granted one.
    pub fn outside(&self, path: &str) -> PathBuf {
        self.outer().join("outside").join(path)
    }

    /// Puts a file into the granted folder.
    pub fn file(&self, path: &str, contents: impl AsRef<[u8]>) -> &World {
        fs::write(self.inside(path), contents).expect(path);
        self
    }

    /// Puts a directory into the granted folder.
    pub fn dir(&self, path: &str) -> &World {
        fs::create_dir_all(self.inside(path)).expect(path);
        self
    }

    /// Puts a symbolic link into the granted folder.
    pub fn link(&self, target: impl AsRef<Path>, path: &str) -> &World {
        symlink(target, self.inside(path)).expect(path);
        self
    }

    /// Dates everything outside long ago, so that even a look at a file's contents would be seen.
    pub fn age_outside(&self) {
        for path in ["seed.json", "outside/secret", "outside/dir/file", "outside/dir", "outside"] {
            host::age(&self.outer().join(path));
        }
    }

    /// Everything but the granted folder.
    pub fn around(&self) -> Tree {
        Tree::of(self.outer(), Some(&self.granted()))
    }

    /// The granted folder.
    pub fn within(&self) -> Tree {
        Tree::of(&self.granted(), None)
    }
}

/// All that can be known of a folder and everything below it, so that two that are equal are the same.
///
/// A file's time of access counts too, because that is how a look at its contents is seen; that of folders and links
/// does not, because to walk by them is no escape.
#[derive(Clone, PartialEq, Eq)]
pub struct Tree {
    entries: BTreeMap<PathBuf, Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    kind: Kind,
    mode: u32,
    owner: (u32, u32),
    links: u64,
    device: u64,
    inode: u64,
    modified_ns: i128,
    changed_ns: i128,
    accessed_ns: Option<i128>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Directory,
    File(Vec<u8>),
    Link(PathBuf),
    Other(&'static str),
}

impl Tree {
    /// The tree at `root`; of `without` only that it is there.
    pub fn of(root: &Path, without: Option<&Path>) -> Tree {
        let mut tree = Tree { entries: BTreeMap::new() };
        tree.add(root, root, without);
        tree
    }

    fn add(&mut self, root: &Path, path: &Path, without: Option<&Path>) {
        if without == Some(path) {
            return;
        }
        let meta = fs::symlink_metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let ns = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        let accessed_ns = ns(meta.atime(), meta.atime_nsec());
        let ty = meta.file_type();
        let kind = if ty.is_dir() {
            Kind::Directory
        } else if ty.is_file() {
            Kind::File(contents(path))
        } else if ty.is_symlink() {
            Kind::Link(fs::read_link(path).expect("a link"))
        } else if ty.is_fifo() {
            Kind::Other("fifo")
        } else if ty.is_socket() {
            Kind::Other("socket")
        } else {
            Kind::Other("device")
        };
        let entry = Entry {
            accessed_ns: matches!(kind, Kind::File(_)).then_some(accessed_ns),
            kind,
            mode: meta.mode(),
            owner: (meta.uid(), meta.gid()),
            links: meta.nlink(),
            device: meta.dev(),
            inode: meta.ino(),
            modified_ns: ns(meta.mtime(), meta.mtime_nsec()),
            changed_ns: ns(meta.ctime(), meta.ctime_nsec()),
        };
        let below = entry.kind == Kind::Directory;
        self.entries.insert(path.strip_prefix(root).expect("below the root").to_owned(), entry);
        if below {
            for entry in fs::read_dir(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())) {
                self.add(root, &entry.expect("an entry").path(), without);
            }
        }
    }

    /// What differs, a line each; nothing if they are the same.
    pub fn changes(&self, after: &Tree) -> String {
        let mut out = String::new();
        for (path, entry) in &self.entries {
            match after.entries.get(path) {
                None => writeln!(out, "{} is gone", path.display()),
                Some(now) if now != entry => writeln!(out, "{}: {entry:?}\n  became {now:?}", path.display()),
                Some(_) => Ok(()),
            }
            .expect("to a string");
        }
        for (path, entry) in &after.entries {
            if !self.entries.contains_key(path) {
                writeln!(out, "{} is new: {entry:?}", path.display()).expect("to a string");
            }
        }
        out
    }

    /// Fails unless nothing changed.
    #[track_caller]
    pub fn is_still(&self, after: &Tree, what: &str) {
        let changes = self.changes(after);
        assert!(changes.is_empty(), "{what}: the world outside of the grant changed:\n{changes}");
    }

    /// The same without times of access: for a tree that is read.
    pub fn without_accesses(mut self) -> Tree {
        self.entries.values_mut().for_each(|entry| entry.accessed_ns = None);
        self
    }

    /// The same without times: for a tree in which somebody else renames.
    pub fn without_times(mut self) -> Tree {
        for entry in self.entries.values_mut() {
            (entry.modified_ns, entry.changed_ns, entry.accessed_ns) = (0, 0, None);
        }
        self
    }

    /// The paths in it, but for its root.
    pub fn paths(&self) -> Vec<String> {
        let named = self.entries.keys().filter(|path| !path.as_os_str().is_empty());
        named.map(|path| path.to_string_lossy().into_owned()).collect()
    }
}

/// What a file holds, read so that its time of access stays.
fn contents(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = fs::File::options().read(true).custom_flags(libc::O_NOATIME).open(path);
    let mut file = file.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    file.read_to_end(&mut bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    bytes
}

/// Whether bytes hold the secret.
pub fn has_secret(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
}
