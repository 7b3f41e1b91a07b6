//! `--stdin`, `--stdout`, `--stderr` and `--escapes`: what a guest's standard streams are.

use super::audit::Identity;
use super::exit::Failure;
use super::options::{Choice, Given, Names};
use bailiwick_loader::wasi::{Input, Output, WasiCtxBuilder};
use rustix::fs::{FileType, Mode, OFlags};
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// What a stream is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stream {
    /// The host's own.
    Inherit,
    /// Nothing.
    Null,
    /// A file.
    File(PathBuf),
}

impl Stream {
    fn new(text: Option<&OsString>) -> Stream {
        let Some(text) = text else { return Stream::Inherit };
        match text.to_str() {
            Some("inherit") => Stream::Inherit,
            Some("null") => Stream::Null,
            _ => Stream::File(text.into()),
        }
    }
}

/// The options of the standard streams.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Streams {
    stdin: Option<OsString>,
    stdout: Option<OsString>,
    stderr: Option<OsString>,
    escapes: Option<String>,
}

/// How these options are told.
pub const OPTIONS: [Choice; 4] = [
    Choice::taking("stdin", &["inherit|null|FILE"], "What the guest reads: the host's, nothing, or a file")
        .naming(Names::File),
    Choice::taking(
        "stdout",
        &["inherit|null|FILE"],
        "Where its output goes: to the host's, nowhere, or into a file, which is made or emptied",
    )
    .naming(Names::File),
    Choice::taking("stderr", &["inherit|null|FILE"], "The same for standard error").naming(Names::File),
    Choice::taking(
        "escapes",
        &["raw|inert"],
        "Whether escape sequences in its output pass as they are, or are shown instead [default: raw]",
    )
    .text()
    .naming(Names::OneOf(&["raw", "inert"])),
];

impl Streams {
    /// What was given.
    pub fn new(given: &mut Given) -> Streams {
        Streams {
            stdin: given.one("stdin"),
            stdout: given.one("stdout"),
            stderr: given.one("stderr"),
            escapes: given.text("escapes"),
        }
    }

    /// Whether any of them was given.
    pub fn given(&self) -> bool {
        [&self.stdin, &self.stdout, &self.stderr].into_iter().any(Option::is_some) || self.escapes.is_some()
    }

    /// Whether the guest has the host's standard error.
    pub fn inherits_stderr(&self) -> bool {
        matches!(Stream::new(self.stderr.as_ref()), Stream::Inherit)
    }

    /// Opens what was asked for and grants it. None of the guest's output goes to `audit`.
    pub fn grant(&self, builder: &mut WasiCtxBuilder, audit: Option<Identity>) -> Result<(), Failure> {
        builder.stdin(match Stream::new(self.stdin.as_ref()) {
            Stream::Inherit => Input::Inherit,
            Stream::Null => Input::Null,
            Stream::File(path) => Input::File(open("--stdin", &path, OFlags::RDONLY)?),
        });
        let stdout = self.output(self.stdout.as_ref(), "--stdout", Output::Stdout, audit)?;
        let stderr = self.output(self.stderr.as_ref(), "--stderr", Output::Stderr, audit)?;
        builder.stdout(stdout).stderr(stderr);
        Ok(())
    }

    fn output(
        &self,
        text: Option<&OsString>,
        option: &str,
        own: Output,
        audit: Option<Identity>,
    ) -> Result<Output, Failure> {
        let output = match Stream::new(text) {
            Stream::Null => return Ok(Output::Null),
            Stream::Inherit => {
                let fd = if option == "--stdout" { rustix::stdio::stdout() } else { rustix::stdio::stderr() };
                keep_from_audit(option, fd, audit)?;
                own
            }
            Stream::File(path) => {
                // Appending, so that two streams into one file do not write over each other.
                let file = open(option, &path, OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND)?;
                if keep_from_audit(option, file.as_fd(), audit)?.is_some() {
                    rustix::fs::ftruncate(&file, 0).map_err(|e| failed(option, &path, e))?;
                }
                Output::File(file)
            }
        };
        Ok(if self.escapes.as_deref() == Some("inert") { output.inert_escapes() } else { output })
    }
}

/// A guest that wrote to its own audit could write lines of its own. Which regular file the stream is, if it is one.
fn keep_from_audit(option: &str, stream: BorrowedFd<'_>, audit: Option<Identity>) -> Result<Option<Identity>, Failure> {
    let file = regular_file(stream);
    if file.is_some() && file == audit {
        return Err(Failure::refused(format!(
            "{option}: it goes to the file of --audit, where the guest could write lines of its own"
        )));
    }
    Ok(file)
}

/// Which one it is, if it is one.
fn regular_file(fd: BorrowedFd<'_>) -> Option<Identity> {
    let stat = rustix::fs::fstat(fd).ok()?;
    #[allow(clippy::unnecessary_cast, reason = "the fields' types differ by architecture")]
    (FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then_some((stat.st_dev as u64, stat.st_ino as u64))
}

fn open(option: &str, path: &Path, flags: OFlags) -> Result<OwnedFd, Failure> {
    let failed = |e| failed(option, path, e);
    let file = rustix::fs::open(path, flags | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::from_raw_mode(0o666));
    let file = file.map_err(failed)?;
    // A folder opens for reading; what fails is to read it.
    match FileType::from_raw_mode(rustix::fs::fstat(&file).map_err(failed)?.st_mode) {
        FileType::Directory => Err(failed(rustix::io::Errno::ISDIR)),
        _ => Ok(file),
    }
}

fn failed(option: &str, path: &Path, e: rustix::io::Errno) -> Failure {
    Failure::refused(format!("{option} {}: {}", path.display(), std::io::Error::from(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_words_are_no_files() {
        let read = |text: &str| Stream::new(Some(&OsString::from(text)));
        assert_eq!(
            (read("inherit"), read("null"), Stream::new(None)),
            (Stream::Inherit, Stream::Null, Stream::Inherit)
        );
        for file in ["./null", "inherit.txt", "-", "Null"] {
            assert_eq!(read(file), Stream::File(file.into()));
        }
    }

    #[test]
    fn an_input_must_be_there_and_no_folder() {
        assert!(open("--stdin", Path::new("/missing/file"), OFlags::RDONLY).is_err());
        assert!(open("--stdin", Path::new("/"), OFlags::RDONLY).is_err());
        assert!(open("--stdin", Path::new("/dev/null"), OFlags::RDONLY).is_ok());
    }
}
