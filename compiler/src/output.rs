//! Writing results so that a file is there whole or not at all.

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use std::ffi::OsString;
use std::fs::{File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Most symbolic links that are followed, as in the kernel.
const MAX_LINKS: u32 = 40;

/// Writes `bytes` to the file at `path` by way of another in the same folder, which then takes its name and has its
/// permissions. What was there before stays there on any error. A device or a pipe is written to as it is; a symbolic link
/// stays one.
pub fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = target(path)?;
    let was = match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) if !metadata.is_file() => {
            let flags = OFlags::NOCTTY.bits() as i32;
            return File::options().write(true).custom_flags(flags).open(&path)?.write_all(bytes);
        }
        Ok(metadata) => Some(permissions(&path, &metadata)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let temporary = temporary_name(&path)?;
    match unnamed(folder, &temporary, bytes, was.as_ref()) {
        // Not every file system has files without a name.
        Err(error) if matches!(error.raw_os_error(), Some(errno) if unsupported(errno)) => {
            named(&temporary, bytes, was.as_ref())?
        }
        result => result?,
    }
    std::fs::rename(&temporary, &path).inspect_err(|_| {
        let _ = std::fs::remove_file(&temporary);
    })
}

/// Where a path leads to, which need not be there.
fn target(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_symlink() => path = path.with_file_name("").join(std::fs::read_link(&path)?),
            _ => return Ok(path),
        }
    }
    Err(rustix::io::Errno::LOOP.into())
}

/// The permissions of a file that may be written to. To replace it asks for the folder's permission only; but whoever made
/// it read-only meant it.
fn permissions(path: &Path, metadata: &Metadata) -> io::Result<Permissions> {
    if metadata.permissions().readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    File::options().write(true).open(path)?;
    Ok(Permissions::from_mode(metadata.permissions().mode() & 0o777))
}

fn unsupported(errno: i32) -> bool {
    use rustix::io::Errno;
    [Errno::OPNOTSUPP, Errno::ISDIR, Errno::NOENT, Errno::INVAL, Errno::XDEV, Errno::PERM]
        .iter()
        .any(|known| known.raw_os_error() == errno)
}

/// Writes a file that has no name until it is complete, so that nothing is left behind however this process ends.
fn unnamed(folder: &Path, temporary: &Path, bytes: &[u8], permissions: Option<&Permissions>) -> io::Result<()> {
    let mode = Mode::from_raw_mode(0o666);
    let file = rustix::fs::open(folder, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, mode)?;
    let mut file = File::from(file);
    fill(&mut file, bytes, permissions)?;
    let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
    rustix::fs::linkat(CWD, link, CWD, temporary, AtFlags::SYMLINK_FOLLOW)?;
    Ok(())
}

fn named(temporary: &Path, bytes: &[u8], permissions: Option<&Permissions>) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(temporary)?;
    fill(&mut file, bytes, permissions).inspect_err(|_| {
        let _ = std::fs::remove_file(temporary);
    })
}

fn fill(file: &mut File, bytes: &[u8], permissions: Option<&Permissions>) -> io::Result<()> {
    if let Some(permissions) = permissions {
        file.set_permissions(permissions.clone())?;
    }
    file.write_all(bytes)
}

/// Beside the file, and nobody else's: process numbers repeat in containers that share a folder.
fn temporary_name(path: &Path) -> io::Result<PathBuf> {
    let file = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let mut random = [0; 8];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    let mut name = OsString::from(".");
    name.push(file);
    name.push(format!(".{:016x}.tmp", u64::from_le_bytes(random)));
    Ok(path.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.bwk");
        write_file(&path, b"first").unwrap();
        write_file(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_named_way_works_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tmp");
        named(&path, b"bytes", None).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"bytes");
        assert!(named(&path, b"bytes", None).is_err());
    }

    #[test]
    fn a_symbolic_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("out.bwk"), folder.path().join("link.bwk"));
        std::fs::write(&path, b"old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write_file(&link, b"new").unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        // One that leads to what is not there yet, too.
        std::fs::remove_file(&path).unwrap();
        write_file(&link, b"newer").unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read(&path).unwrap(), b"newer");
        std::os::unix::fs::symlink("round", folder.path().join("round")).unwrap();
        assert!(write_file(&folder.path().join("round"), b"x").is_err());
    }

    #[test]
    fn permissions_are_kept_and_heeded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.bwk");
        write_file(&path, b"old").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        write_file(&path, b"new").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        std::fs::set_permissions(&path, Permissions::from_mode(0o440)).unwrap();
        assert_eq!(write_file(&path, b"newer").unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_device_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/full", &link).unwrap();
        for path in [link.as_path(), Path::new("/dev/full")] {
            assert_eq!(write_file(path, b"x").unwrap_err().kind(), io::ErrorKind::StorageFull);
        }
        write_file(Path::new("/dev/null"), b"x").unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(write_file(folder.path(), b"x").unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert!(write_file(&folder.path().join("missing/out.bwk"), b"x").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
