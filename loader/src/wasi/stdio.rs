//! The standard streams: the host's, nothing, or buffers of the embedder.
//!
//! They are streams even where the host's is a file: nothing seeks in them, so a guest reaches neither what its caller
//! wrote there before nor what it read. Flags set by a guest stay with the guest, because the host's descriptor shares
//! its flags with the shell that started us.

use super::errno::{Errno, retry};
use super::types::{FileKind, FileStat};
use rustix::event::{PollFd, PollFlags};
use rustix::fd::BorrowedFd;
use std::io::{IoSlice, IoSliceMut, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};

/// Where a guest's standard input comes from.
#[derive(Debug)]
pub enum Input {
    /// The host's standard input.
    Inherit,
    /// At its end from the start.
    Null,
    /// These bytes.
    Bytes(std::io::Cursor<Vec<u8>>),
}

/// Where a guest's standard output, or standard error, goes.
#[derive(Debug)]
pub enum Output {
    /// The host's standard output.
    Stdout,
    /// The host's standard error.
    Stderr,
    /// Nowhere.
    Null,
    /// A buffer.
    Capture(Capture),
}

/// A buffer that collects what a guest writes, up to a limit. Clones are the same buffer.
#[derive(Clone, Debug)]
pub struct Capture {
    limit_bytes: usize,
    contents: Arc<Mutex<Vec<u8>>>,
}

impl Capture {
    /// An empty buffer. What would not fit fails with `NOSPC`.
    pub fn new(limit_bytes: usize) -> Capture {
        Capture { limit_bytes, contents: Arc::default() }
    }

    /// What was written so far.
    pub fn contents(&self) -> Vec<u8> {
        // Bytes are bytes, even where a panic elsewhere left them half appended.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn append(&self, slices: &[IoSlice<'_>]) -> Result<usize, Errno> {
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        let mut written = 0;
        for slice in slices {
            let part = &slice[..slice.len().min(self.limit_bytes.saturating_sub(contents.len()))];
            contents.extend_from_slice(part);
            written += part.len();
            if part.len() < slice.len() {
                return if written == 0 { Err(Errno::NOSPC) } else { Ok(written) };
            }
        }
        Ok(written)
    }
}

impl Input {
    /// The host's descriptor, if there is one.
    pub(super) fn host(&self) -> Option<BorrowedFd<'static>> {
        match self {
            Input::Inherit => Some(rustix::stdio::stdin()),
            Input::Null | Input::Bytes(_) => None,
        }
    }

    /// Reads what there is; waits for it unless `nonblock`.
    pub(super) fn read(&mut self, slices: &mut [IoSliceMut<'_>], nonblock: bool) -> Result<usize, Errno> {
        match self {
            Input::Inherit => {
                let stdin = rustix::stdio::stdin();
                when_ready(stdin, PollFlags::IN, nonblock, || rustix::io::readv(stdin, slices))
            }
            Input::Null => Ok(0),
            Input::Bytes(cursor) => std::io::Read::read_vectored(cursor, slices).map_err(|_| Errno::IO),
        }
    }
}

impl Output {
    /// The host's descriptor, if there is one.
    pub(super) fn host(&self) -> Option<BorrowedFd<'static>> {
        match self {
            Output::Stdout => Some(rustix::stdio::stdout()),
            Output::Stderr => Some(rustix::stdio::stderr()),
            Output::Null | Output::Capture(_) => None,
        }
    }

    /// Writes what fits; waits until something does unless `nonblock`.
    pub(super) fn write(&self, slices: &[IoSlice<'_>], nonblock: bool) -> Result<usize, Errno> {
        match (self, self.host()) {
            (Output::Capture(capture), _) => capture.append(slices),
            (_, Some(fd)) => when_ready(fd, PollFlags::OUT, nonblock, || rustix::io::writev(fd, slices)),
            (_, None) => Ok(slices.iter().map(|slice| slice.len()).sum()),
        }
    }
}

/// Reads or writes a stream that others may have set to non-blocking, or not: what counts is what the guest set.
fn when_ready(
    fd: BorrowedFd<'_>,
    events: PollFlags,
    nonblock: bool,
    mut transfer: impl FnMut() -> rustix::io::Result<usize>,
) -> Result<usize, Errno> {
    if nonblock {
        let mut fds = [PollFd::from_borrowed_fd(fd, events)];
        if retry(|| rustix::event::poll(&mut fds, Some(&rustix::event::Timespec::default())))? == 0 {
            return Err(Errno::AGAIN);
        }
    }
    loop {
        match retry(&mut transfer) {
            Err(errno) if errno == Errno::AGAIN && !nonblock => {
                let mut fds = [PollFd::from_borrowed_fd(fd, events)];
                retry(|| rustix::event::poll(&mut fds, None))?;
            }
            done => return done,
        }
    }
}

/// What the guest is told a stream is. Only a terminal is a character device, because that and the absence of the right
/// to seek is how wasi-libc's `isatty` knows one; of others, `/dev/null` included, preview 1 can't say more than unknown.
pub(super) fn kind(host: Option<BorrowedFd<'_>>) -> FileKind {
    match host {
        Some(fd) if fd.is_terminal() => FileKind::CharacterDevice,
        Some(fd) => match rustix::fs::fstat(fd).map(|stat| FileStat::from(stat).kind) {
            Ok(kind @ (FileKind::RegularFile | FileKind::SocketStream)) => kind,
            _ => FileKind::Unknown,
        },
        None => FileKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_ends_at_its_limit() {
        let capture = Capture::new(5);
        let output = Output::Capture(capture.clone());
        assert_eq!(output.write(&[IoSlice::new(b"abc"), IoSlice::new(b"def")], false), Ok(5));
        assert_eq!(output.write(&[IoSlice::new(b"g")], false), Err(Errno::NOSPC));
        assert_eq!(output.write(&[IoSlice::new(b"")], false), Ok(0));
        assert_eq!(capture.contents(), b"abcde");
    }

    #[test]
    fn bytes_run_out() {
        let mut input = Input::Bytes(std::io::Cursor::new(b"hello".to_vec()));
        let (mut a, mut b) = ([0; 2], [0; 9]);
        assert_eq!(input.read(&mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)], false), Ok(5));
        assert_eq!((&a, &b[..3]), (b"he", &b"llo"[..]));
        assert_eq!(input.read(&mut [IoSliceMut::new(&mut a)], false), Ok(0));
    }

    #[test]
    fn waiting_is_the_choice_of_the_guest() {
        let (reader, writer) = std::io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&reader, true).unwrap();
        use rustix::fd::AsFd;
        let mut buffer = [0; 4];
        let mut read =
            |nonblock| when_ready(reader.as_fd(), PollFlags::IN, nonblock, || rustix::io::read(&reader, &mut buffer));
        assert_eq!(read(true), Err(Errno::AGAIN));
        let thread = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            std::io::Write::write_all(&mut &writer, b"x").unwrap();
        });
        assert_eq!(read(false), Ok(1), "waits although the host's pipe does not");
        thread.join().unwrap();
    }
}
