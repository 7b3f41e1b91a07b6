//! The standard streams: the host's, any descriptor of the embedder's, nothing, or buffers.
//!
//! They are streams even where the host's is a file: nothing seeks in them, so a guest reaches neither what its caller
//! wrote there before nor what it read. Flags set by a guest stay with the guest, because the host's descriptor shares
//! its flags with the shell that started us.

use super::errno::{Errno, Rule};
use super::host_stream::HostStream;
use super::inert::Inert;
use super::types::{FileKind, FileStat};
use super::wait::{HostFd, Stop};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io::{Cursor, IoSlice, IoSliceMut, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};

/// Where a guest's standard input comes from.
#[derive(Debug)]
pub enum Input {
    /// The host's standard input.
    Inherit,
    /// At its end from the start.
    Null,
    /// These bytes.
    Bytes(Cursor<Vec<u8>>),
    /// Any descriptor of the host that can be read: a file, a pipe, a socket, a terminal.
    File(OwnedFd),
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
    /// Any descriptor of the host that can be written: a file, a pipe, a socket, a terminal.
    File(OwnedFd),
    /// Another, with terminal escape sequences made inert: see [`Output::inert_escapes`].
    Inert(Box<Output>),
}

impl Output {
    /// The same, but what a terminal would obey is shown instead: escape sequences and other control characters except
    /// tabs and the ends of lines, characters that change the direction of text, and what is not UTF-8. For the output of
    /// a module that is not trusted with the terminal.
    pub fn inert_escapes(self) -> Output {
        Output::Inert(Box::new(self))
    }
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
                return if written == 0 { Err(Errno::NOSPC.by(Rule::HostMemory)) } else { Ok(written) };
            }
        }
        Ok(written)
    }
}

/// A stream that a guest reads.
#[derive(Debug)]
pub(super) enum Source {
    Null,
    Bytes(Cursor<Vec<u8>>),
    Host(HostStream),
}

impl From<Input> for Source {
    fn from(input: Input) -> Source {
        match input {
            Input::Inherit => Source::Host(HostStream::new(HostFd::Standard(rustix::stdio::stdin()))),
            Input::Null => Source::Null,
            Input::Bytes(bytes) => Source::Bytes(bytes),
            Input::File(fd) => Source::Host(HostStream::new(HostFd::Shared(Arc::new(fd)))),
        }
    }
}

impl Source {
    /// The host's descriptor, if there is one.
    pub(super) fn host(&self) -> Option<BorrowedFd<'_>> {
        self.stream().map(HostStream::as_fd)
    }

    /// The host's stream, if there is one.
    pub(super) fn stream(&self) -> Option<&HostStream> {
        match self {
            Source::Host(stream) => Some(stream),
            Source::Null | Source::Bytes(_) => None,
        }
    }

    /// How many bytes are left of a buffer.
    pub(super) fn left(&self) -> u64 {
        match self {
            Source::Bytes(bytes) => (bytes.get_ref().len() as u64).saturating_sub(bytes.position()),
            Source::Null | Source::Host(_) => 0,
        }
    }

    /// Reads what there is. Waits for it, unless `nonblock`.
    pub(super) fn read(&mut self, slices: &mut [IoSliceMut<'_>], nonblock: bool) -> Result<usize, Stop> {
        match self {
            Source::Null => Ok(0),
            Source::Bytes(bytes) => std::io::Read::read_vectored(bytes, slices).map_err(|_| Errno::IO.into()),
            Source::Host(stream) => stream.read(slices, nonblock),
        }
    }
}

/// A stream that a guest writes.
#[derive(Debug)]
pub(super) enum Sink {
    Null,
    Capture(Capture),
    Host(HostStream),
    Inert(Box<Inert>),
}

impl From<Output> for Sink {
    fn from(output: Output) -> Sink {
        match output {
            Output::Stdout => Sink::Host(HostStream::new(HostFd::Standard(rustix::stdio::stdout()))),
            Output::Stderr => Sink::Host(HostStream::new(HostFd::Standard(rustix::stdio::stderr()))),
            Output::Null => Sink::Null,
            Output::Capture(capture) => Sink::Capture(capture),
            Output::File(fd) => Sink::Host(HostStream::new(HostFd::Shared(Arc::new(fd)))),
            Output::Inert(output) => Sink::Inert(Box::new(Inert::new(Sink::from(*output)))),
        }
    }
}

impl Sink {
    /// The host's descriptor, if there is one.
    pub(super) fn host(&self) -> Option<BorrowedFd<'_>> {
        self.stream().map(HostStream::as_fd)
    }

    /// The host's stream, if there is one.
    pub(super) fn stream(&self) -> Option<&HostStream> {
        match self {
            Sink::Host(stream) => Some(stream),
            Sink::Inert(inert) => inert.sink().stream(),
            Sink::Null | Sink::Capture(_) => None,
        }
    }

    /// Writes all of it, however long that has to be waited for; or, if `nonblock`, what can be written at once. `moved` is
    /// how many bytes earlier attempts wrote, and is added to, whatever is returned.
    pub(super) fn write(&mut self, slices: &[IoSlice<'_>], moved: &mut usize, nonblock: bool) -> Result<usize, Stop> {
        match self {
            Sink::Null => *moved = super::host_stream::total(slices),
            Sink::Capture(capture) => *moved = capture.append(slices)?,
            Sink::Host(stream) => return stream.write(slices, moved, nonblock),
            Sink::Inert(inert) => return inert.write(slices, moved, nonblock),
        }
        Ok(*moved)
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

    fn write(sink: &mut Sink, data: &[&[u8]]) -> Result<usize, Stop> {
        let slices: Vec<IoSlice<'_>> = data.iter().map(|slice| IoSlice::new(slice)).collect();
        sink.write(&slices, &mut 0, false)
    }

    #[test]
    fn a_capture_ends_at_its_limit() {
        let capture = Capture::new(5);
        let mut sink = Sink::from(Output::Capture(capture.clone()));
        assert_eq!(write(&mut sink, &[b"abc", b"def"]).unwrap(), 5);
        let full = write(&mut sink, &[b"g"]);
        assert!(matches!(full, Err(Stop::Errno(errno)) if errno == Errno::NOSPC), "{full:?}");
        assert_eq!(write(&mut sink, &[b""]).unwrap(), 0);
        assert_eq!(capture.contents(), b"abcde");
    }

    #[test]
    fn bytes_run_out() {
        let mut input = Source::from(Input::Bytes(Cursor::new(b"hello".to_vec())));
        let (mut a, mut b) = ([0; 2], [0; 9]);
        assert_eq!(input.left(), 5);
        assert_eq!(input.read(&mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)], false).unwrap(), 5);
        assert_eq!((&a, &b[..3]), (b"he", &b"llo"[..]));
        assert_eq!(input.read(&mut [IoSliceMut::new(&mut a)], false).unwrap(), 0);
        assert_eq!(input.left(), 0);
    }

    #[test]
    fn any_descriptor_is_a_stream() {
        let (reader, writer) = std::io::pipe().unwrap();
        let (mut input, mut output) =
            (Source::from(Input::File(reader.into())), Sink::from(Output::File(writer.into())));
        assert_eq!(write(&mut output, &[b"ab", b"", b"c"]).unwrap(), 3);
        let mut buffer = [0; 9];
        assert_eq!(input.read(&mut [IoSliceMut::new(&mut buffer)], false).unwrap(), 3);
        assert_eq!(&buffer[..3], b"abc");
        assert!(input.host().is_some() && output.host().is_some());
    }
}
