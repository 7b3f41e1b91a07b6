//! Files that manifests name: opened without waiting, bounded in size, and shown as a person would write them.
//!
//! A manifest may be a stranger's, and so may be what it leads to: a pipe that nobody writes to, a device, a file that never
//! ends. Only regular files are opened, and never more is read than may be there.

use rustix::fs::{CWD, FileType, Mode, OFlags};
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system refuses.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It is something else.
    #[error("it is {0}, and no regular file")]
    NotAFile(&'static str),
    /// It is too large, in bytes.
    #[error("it is larger than {}", bytesize::ByteSize(*most))]
    TooLarge {
        /// The most that there may be.
        most: u64,
    },
    /// It is no text.
    #[error("it is no text in UTF-8")]
    NotText,
}

/// Opens a regular file of at most `most` bytes, for reading. It does not wait, whatever the path leads to.
///
/// # Errors
/// [`FileError`]
pub fn open_regular(path: &Path, most: u64) -> Result<File, FileError> {
    let check = |stat: &rustix::fs::Stat| match what(stat) {
        Some(other) => Err(FileError::NotAFile(other)),
        None if u64::try_from(stat.st_size).unwrap_or(u64::MAX) > most => Err(FileError::TooLarge { most }),
        None => Ok(()),
    };
    // Looked at first: to open a device can do something already.
    check(&rustix::fs::statat(CWD, path, rustix::fs::AtFlags::empty()).map_err(std::io::Error::from)?)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(std::io::Error::from)?);
    check(&rustix::fs::fstat(&file).map_err(std::io::Error::from)?)?;
    Ok(file)
}

/// The text of a regular file of at most `most` bytes.
///
/// # Errors
/// [`FileError`]
pub fn read_text(path: &Path, most: u64) -> Result<String, FileError> {
    let mut bytes = Vec::new();
    // Files of the kernel's have no size, and content.
    open_regular(path, most)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(FileError::TooLarge { most });
    }
    String::from_utf8(bytes).map_err(|_| FileError::NotText)
}

/// What something is that is no regular file.
pub(super) fn what(stat: &rustix::fs::Stat) -> Option<&'static str> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => None,
        FileType::Directory => Some("a folder"),
        FileType::Fifo => Some("a pipe"),
        FileType::CharacterDevice | FileType::BlockDevice => Some("a device"),
        FileType::Socket => Some("a socket"),
        _ => Some("something else"),
    }
}

/// A path without `.` and without names that the next `..` takes back, as far as it leads to the same.
pub fn tidy(path: &Path) -> PathBuf {
    let mut tidied = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(tidied.components().next_back(), Some(Component::Normal(_))) => {
                tidied.pop();
            }
            other => tidied.push(other),
        }
    }
    if tidied.as_os_str().is_empty() {
        tidied.push(".");
    }
    // Behind a symbolic link, `..` leads elsewhere. What is not there is shown by where it would be.
    let place = |path: &Path| std::fs::canonicalize(path).or_else(|_| std::fs::canonicalize(folder_of(path)));
    match (place(path), place(&tidied)) {
        (Ok(one), Ok(other)) if one == other => tidied,
        (Err(_), Err(_)) => tidied,
        _ => path.strip_prefix(".").unwrap_or(path).to_owned(),
    }
}

/// A path for people, on one line.
pub fn shown(path: &Path) -> String {
    let text = tidy(path).display().to_string();
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// The folder that a file lies in.
pub fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The path without links, as far as it exists.
pub fn canonical(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A folder for a test, with a folder `a/b` in it.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("bailiwick-files-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("a/b")).unwrap();
        folder
    }

    #[test]
    fn only_a_regular_file_is_opened_and_nobody_waits() {
        let folder = folder("kinds");
        let file = |name: &str| folder.join(name);
        rustix::fs::mknodat(CWD, file("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        std::fs::write(file("small"), "text").unwrap();
        File::create(file("huge")).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read_text(&file("small"), 4).unwrap(), "text");
        for (path, said) in [
            (file("pipe"), "it is a pipe, and no regular file"),
            (file("a"), "it is a folder, and no regular file"),
            ("/dev/zero".into(), "it is a device, and no regular file"),
            (file("huge"), "it is larger than 4 B"),
            (file("small/x"), "Not a directory (os error 20)"),
        ] {
            assert_eq!(read_text(&path, 4).unwrap_err().to_string(), said, "{path:?}");
        }
        // One of the kernel's, which says that it is empty.
        assert!(matches!(read_text(Path::new("/proc/self/maps"), 4), Err(FileError::TooLarge { most: 4 })));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_path_is_shown_without_detours_but_where_they_matter() {
        let folder = folder("shown");
        assert_eq!(shown(&folder.join("./a/../a/./b/../missing")), folder.join("a/missing").display().to_string());
        assert_eq!(shown(Path::new("./missing")), "missing");
        assert_eq!(shown(Path::new("./.")), ".");
        assert_eq!(shown(Path::new("a\nb\u{1b}")), "a\\nb\\u{1b}");
        // `link/..` is not the folder that the link lies in.
        symlink(folder.join("a/b"), folder.join("link")).unwrap();
        let detour = folder.join("link/../missing");
        assert_eq!(shown(&detour), detour.display().to_string());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
