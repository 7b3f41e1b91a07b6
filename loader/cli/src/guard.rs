//! What a guest must not be able to write: what decides which code runs next.
//!
//! Folders are told apart by device and inode, not by path: a bind mount, a symbolic link or another spelling is the same
//! folder. Whoever can write to any folder on the way to a file, a link's folder included, decides what the path means.

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Stat};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

/// A folder, whatever it is called.
type Identity = (u64, u64);

fn identity(stat: &Stat) -> Identity {
    #[allow(clippy::unnecessary_cast, reason = "the fields' types differ by architecture")]
    (stat.st_dev as u64, stat.st_ino as u64)
}

/// Most folders above one that are looked at.
const MAX_DEPTH: u32 = 10_000;

/// Most symbolic links that are followed, as in the kernel.
const MAX_LINKS: u32 = 40;

/// Whether whoever can write below `granted` can change what `path`, which need not exist, leads to or holds.
pub fn reaches(granted: BorrowedFd<'_>, path: &Path) -> rustix::io::Result<bool> {
    let own = identity(&rustix::fs::fstat(granted)?);
    let (visited, end, whole) = walk(path)?;
    let mut on_the_way = visited;
    on_the_way.extend(ancestors(end.as_fd())?);
    if on_the_way.contains(&own) {
        return Ok(true);
    }
    // Or the folder granted lies within the one that the path leads to, if it leads to one.
    if !whole {
        return Ok(false);
    }
    let end = identity(&rustix::fs::fstat(&end)?);
    Ok(ancestors(granted)?.contains(&end))
}

/// The folder itself and all above it.
fn ancestors(folder: BorrowedFd<'_>) -> rustix::io::Result<Vec<Identity>> {
    let mut found = vec![identity(&rustix::fs::fstat(folder)?)];
    let mut at = open(folder, Path::new("."))?;
    // Paths are at most 4096 bytes, but a folder may lie deeper than any path reaches.
    for _ in 0..MAX_DEPTH {
        at = open(at.as_fd(), Path::new(".."))?;
        let above = identity(&rustix::fs::fstat(&at)?);
        // The root is its own parent.
        if found.last() == Some(&above) {
            return Ok(found);
        }
        found.push(above);
    }
    // What was not looked at is not granted.
    Err(rustix::io::Errno::NAMETOOLONG)
}

fn open(at: BorrowedFd<'_>, path: &Path) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(at, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())
}

/// Every folder that looking the path up visits, the last one that exists, and whether the path leads to that one.
fn walk(path: &Path) -> rustix::io::Result<(Vec<Identity>, OwnedFd, bool)> {
    let mut visited = Vec::new();
    let start = if path.is_absolute() { "/" } else { "." };
    let mut at = open(CWD, Path::new(start))?;
    let mut left: VecDeque<OsString> = components(path);
    let mut links = 0;
    visited.push(identity(&rustix::fs::fstat(&at)?));
    while let Some(name) = left.pop_front() {
        let stat = match rustix::fs::statat(&at, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            // From here on nothing exists: whoever makes it needs to write to the last folder.
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok((visited, at, false)),
            Err(e) => return Err(e),
        };
        match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
            rustix::fs::FileType::Symlink => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(rustix::io::Errno::LOOP);
                }
                let target = rustix::fs::readlinkat(&at, &name, Vec::new())?;
                let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                for name in components(&target).into_iter().rev() {
                    left.push_front(name);
                }
            }
            rustix::fs::FileType::Directory => {
                at = open(at.as_fd(), Path::new(&name))?;
                visited.push(identity(&rustix::fs::fstat(&at)?));
            }
            // A file, at the end of the path.
            _ => return Ok((visited, at, false)),
        }
    }
    Ok((visited, at, true))
}

/// A path's components; the first of an absolute one is `/`.
fn components(path: &Path) -> VecDeque<OsString> {
    path.components().filter(|c| !matches!(c, Component::CurDir)).map(|c| c.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{create_dir_all, remove_dir_all};
    use std::os::unix::fs::symlink;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("bailiwick-guard-{name}-{}", std::process::id()));
            let _ = remove_dir_all(&path);
            create_dir_all(&path).unwrap();
            Folder(path.canonicalize().unwrap())
        }
        fn join(&self, path: &str) -> PathBuf {
            let path = self.0.join(path);
            create_dir_all(&path).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = remove_dir_all(&self.0);
        }
    }

    fn granted(path: &Path, protected: &Path) -> bool {
        let folder = open(CWD, path).unwrap();
        reaches(folder.as_fd(), protected).unwrap()
    }

    #[test]
    fn every_folder_on_the_way_is_protected_and_no_other() {
        let folder = Folder::new("way");
        let cache = folder.join("a/b/cache");
        for holder in ["", "a", "a/b", "a/b/cache", "a/b/cache/within"] {
            assert!(granted(&folder.join(holder), &cache), "{holder:?}");
        }
        for other in ["x", "a/x", "a/b/x"] {
            assert!(!granted(&folder.join(other), &cache), "{other:?}");
        }
        assert!(granted(Path::new("/"), &cache));
    }

    #[test]
    fn the_current_folder_is_on_no_way_but_its_own() {
        let folder = Folder::new("current");
        let cache = folder.join("cache");
        assert!(!granted(Path::new("."), &cache), "the tests run elsewhere");
        assert!(granted(Path::new("."), Path::new("cache/that/is/not/there")));
    }

    #[test]
    fn a_cache_that_does_not_exist_yet_is_protected_where_it_would_be_made() {
        let folder = Folder::new("missing");
        let data = folder.join("data");
        assert!(granted(&data, &data.join("cache/bailiwick")));
        assert!(!granted(&folder.join("data/beside"), &data.join("cache/bailiwick")));
        assert!(!granted(&folder.join("other"), &data.join("cache/bailiwick")));
    }

    #[test]
    fn a_link_on_the_way_is_protected_where_it_lies_and_where_it_leads() {
        let folder = Folder::new("link");
        let (home, disk) = (folder.join("home"), folder.join("disk/caches"));
        symlink(&disk, home.join("cache")).unwrap();
        let cache = home.join("cache/bailiwick");
        assert!(granted(&home, &cache));
        assert!(granted(&disk, &cache));
        assert!(granted(&folder.join("disk"), &cache));
        assert!(!granted(&folder.join("elsewhere"), &cache));
    }
}
