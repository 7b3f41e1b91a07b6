//! Writing results so that a file is there whole or not at all.

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes `bytes` to the file at `path` by way of another in the same folder, which then takes its name. What was there
/// before stays there on any error.
pub fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A device or a pipe is written, not replaced.
    if let Ok(metadata) = std::fs::metadata(path) {
        if metadata.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        if !metadata.is_file() {
            return File::options().write(true).open(path)?.write_all(bytes);
        }
    }
    // A symbolic link stays one.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let temporary = temporary_name(&path);
    match unnamed(folder, &temporary, bytes) {
        // Not every file system has files without a name.
        Err(error) if matches!(error.raw_os_error(), Some(errno) if unsupported(errno)) => named(&temporary, bytes)?,
        result => result?,
    }
    std::fs::rename(&temporary, &path).inspect_err(|_| {
        let _ = std::fs::remove_file(&temporary);
    })
}

fn unsupported(errno: i32) -> bool {
    use rustix::io::Errno;
    [Errno::OPNOTSUPP, Errno::ISDIR, Errno::NOENT, Errno::INVAL, Errno::XDEV, Errno::PERM]
        .iter()
        .any(|known| known.raw_os_error() == errno)
}

/// Writes a file that has no name until it is complete, so that nothing is left behind however this process ends.
fn unnamed(folder: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
    let mode = Mode::from_raw_mode(0o666);
    let file = rustix::fs::open(folder, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, mode)?;
    let mut file = File::from(file);
    file.write_all(bytes)?;
    let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
    rustix::fs::linkat(CWD, link, CWD, temporary, AtFlags::SYMLINK_FOLLOW)?;
    Ok(())
}

fn named(temporary: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(temporary)?;
    file.write_all(bytes).inspect_err(|_| {
        let _ = std::fs::remove_file(temporary);
    })
}

fn temporary_name(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
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
        named(&path, b"bytes").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"bytes");
        assert!(named(&path, b"bytes").is_err());
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
    }

    #[test]
    fn a_folder_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(write_file(folder.path(), b"x").unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert!(write_file(&folder.path().join("missing/out.bwk"), b"x").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
