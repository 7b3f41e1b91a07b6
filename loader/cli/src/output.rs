//! Writing results so that a file is there whole or not at all, and so that nothing but a regular file is replaced.

use super::exit::Failure;
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use std::ffi::OsString;
use std::fs::{File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Most symbolic links that are followed, as in the kernel.
const MAX_LINKS: u32 = 40;

/// Writes a file whole or not at all, by way of another in the same folder, which then takes its name and has its
/// permissions. A device or a pipe is written to as it is; a symbolic link stays one.
pub fn write_file(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write(file, bytes).map_err(|e| Failure::new(format!("{}: {e}", file.display())))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = target(path)?;
    let was = match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) if !metadata.is_file() => {
            let flags = OFlags::NOCTTY.bits() as i32;
            return File::options().write(true).custom_flags(flags).open(&path)?.write_all(bytes);
        }
        Ok(metadata) => Some(writable(&path, metadata)?),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(e),
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let temporary = temporary(&path)?;
    let permissions = was.map(|metadata| Permissions::from_mode(metadata.permissions().mode() & 0o777));
    match unnamed(folder, &temporary, bytes, permissions.as_ref()) {
        // Not every file system has files without a name.
        Err(error) if error.raw_os_error().is_some_and(unsupported) => {
            named(&temporary, bytes, permissions.as_ref())?;
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

/// To replace a file asks for the folder's permission only; whoever made the file read-only meant it.
fn writable(path: &Path, metadata: Metadata) -> io::Result<Metadata> {
    if metadata.permissions().readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    File::options().write(true).open(path)?;
    Ok(metadata)
}

fn unsupported(errno: i32) -> bool {
    use rustix::io::Errno;
    [Errno::OPNOTSUPP, Errno::ISDIR, Errno::NOENT, Errno::INVAL, Errno::XDEV, Errno::PERM]
        .iter()
        .any(|known| known.raw_os_error() == errno)
}

/// Writes a file that has no name until it is complete, so that nothing is left behind however this process ends.
fn unnamed(folder: &Path, temporary: &Path, bytes: &[u8], permissions: Option<&Permissions>) -> io::Result<()> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::open(folder, flags, Mode::from_raw_mode(0o666))?);
    fill(&mut file, bytes, permissions)?;
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, link, CWD, temporary, AtFlags::SYMLINK_FOLLOW)?;
    Ok(())
}

fn named(temporary: &Path, bytes: &[u8], permissions: Option<&Permissions>) -> io::Result<()> {
    let mut file = File::create_new(temporary)?;
    fill(&mut file, bytes, permissions).inspect_err(|_| {
        let _ = std::fs::remove_file(temporary);
    })
}

fn fill(file: &mut File, bytes: &[u8], permissions: Option<&Permissions>) -> io::Result<()> {
    if let Some(permissions) = permissions {
        file.set_permissions(permissions.clone())?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

/// Beside the file, and nobody else's: process numbers repeat in containers that share a folder.
fn temporary(path: &Path) -> io::Result<PathBuf> {
    let file = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let mut random = [0; 8];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    let mut name = OsString::from(".");
    name.push(file);
    name.push(format!(".{:016x}.tmp", u64::from_le_bytes(random)));
    Ok(path.with_file_name(name))
}
