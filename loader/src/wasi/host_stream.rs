//! A stream of the host, read and written without ever waiting in the kernel.
//!
//! Whether a call waits is a property of the open file description, which we may share with the shell that started us:
//! it is never changed. Instead each kind of file is used in a way that does not wait, or as good as:
//!
//! | file | reading and writing |
//! |---|---|
//! | regular file, block device, `/dev/null` | as it is: it waits for nobody but the device |
//! | socket | with `MSG_DONTWAIT` |
//! | pipe | with `RWF_NOWAIT`, where the kernel has that for pipes (Linux 6.5) |
//! | named or older pipe | once `poll(2)` says that it may; at most [`PIPE_PIECE_BYTES`] are written at once, for which there is room then |
//! | terminal | once `poll(2)` says that it may; a few bytes are written at once |
//! | any other | once `poll(2)` says that it may |
//!
//! Where `poll` is asked first, another process that uses the same pipe or terminal at that very moment can make us wait
//! for it.

use super::errno::{Errno, retry};
use super::wait::{HostFd, Stop, Wait};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::FileType;
use rustix::io::ReadWriteFlags;
use rustix::net::{RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendFlags};
use std::io::{IoSlice, IoSliceMut, IsTerminal};

/// What a pipe that is ready to be written takes without waiting: Linux says so when a page is free, and POSIX writes as
/// many bytes at once or not at all (`PIPE_BUF`).
const PIPE_PIECE_BYTES: usize = 4096;

/// What a terminal that is ready to be written takes without waiting, if none of it is a control character: Linux then has
/// room for 256 bytes, but asks again at every character that it may write as several.
const TERMINAL_PIECE_BYTES: usize = 64;

/// After so many bytes in small pieces, others have their turn.
const BURST_BYTES: usize = 1 << 20;

/// The offset by which `preadv2` and `pwritev2` mean that of the description.
const CURRENT_OFFSET: u64 = u64::MAX;

/// How a stream is used without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It never waits.
    Straight,
    /// It is a socket, which can be told not to wait.
    Socket,
    /// Reads and writes are told not to wait.
    NoWait,
    /// It is asked first, and at most so many bytes are written then.
    Asked(usize),
    /// It is asked first, and written to in pieces of a line.
    Terminal,
}

/// A stream of the host.
#[derive(Debug)]
pub(super) struct HostStream {
    fd: HostFd,
    way: Way,
    /// The error that a socket has told once, in the middle of a transfer that then succeeded in part.
    late: Option<Errno>,
}

impl HostStream {
    /// Wraps a descriptor. What it is open on is looked at once.
    pub(super) fn new(fd: HostFd) -> HostStream {
        let way = way(fd.as_fd());
        HostStream { fd, way, late: None }
    }

    /// The descriptor, to be kept open while it is waited for.
    pub(super) fn host_fd(&self) -> HostFd {
        self.fd.clone()
    }

    /// Reads what there is. Waits for it, unless `nonblock`: then it fails with `AGAIN` if there is nothing.
    pub(super) fn read(&mut self, slices: &mut [IoSliceMut<'_>], nonblock: bool) -> Result<usize, Stop> {
        if slices.iter().all(|slice| slice.is_empty()) {
            return Ok(0);
        }
        if let Some(errno) = self.late.take() {
            return Err(errno.into());
        }
        self.or_wait(PollFlags::IN, nonblock, |stream| stream.try_read(slices))
    }

    /// Receives from a socket with `flags`, until the vectors are full if `all`. `moved` is how many bytes earlier attempts
    /// received, and is added to.
    pub(super) fn receive(
        &mut self,
        slices: &mut [IoSliceMut<'_>],
        moved: &mut usize,
        flags: RecvFlags,
        all: bool,
        nonblock: bool,
    ) -> Result<usize, Stop> {
        if *moved >= slices.iter().map(|slice| slice.len()).sum() {
            return Ok(*moved);
        }
        let mut rest = slices;
        IoSliceMut::advance_slices(&mut rest, *moved);
        while rest.iter().any(|slice| !slice.is_empty()) {
            if let Some(errno) = self.late.take() {
                return Err(errno.into());
            }
            match self.or_wait(PollFlags::IN, nonblock, |stream| receive(stream.fd.as_fd(), rest, flags)) {
                Ok(received) => {
                    *moved += received;
                    if received == 0 || !all {
                        break;
                    }
                    IoSliceMut::advance_slices(&mut rest, received);
                }
                Err(stop) => return self.stopped(stop, *moved),
            }
        }
        Ok(*moved)
    }

    /// Writes all of it, however long that has to be waited for; or, if `nonblock`, what can be written at once. `moved` is
    /// how many bytes earlier attempts wrote, and is added to, whatever is returned.
    pub(super) fn write(&mut self, slices: &[IoSlice<'_>], moved: &mut usize, nonblock: bool) -> Result<usize, Stop> {
        let total = total(slices);
        let begin = *moved;
        if begin >= total {
            return Ok(*moved);
        }
        let mut slices = slices.to_vec();
        let mut rest = slices.as_mut_slice();
        IoSlice::advance_slices(&mut rest, begin);
        while *moved < total {
            if let Some(errno) = self.late.take() {
                return Err(errno.into());
            }
            if *moved - begin >= BURST_BYTES && self.way != Way::Straight {
                return if nonblock { Ok(*moved) } else { Err(Wait::for_others()) };
            }
            match self.or_wait(PollFlags::OUT, nonblock, |stream| stream.try_write(rest)) {
                Ok(0) => break,
                Ok(written) => {
                    *moved += written;
                    // What takes a part and does not wait is full now: no need to ask.
                    if *moved < total && matches!(self.way, Way::NoWait | Way::Socket) {
                        let full = Wait::for_stream(self.host_fd(), PollFlags::OUT);
                        return if nonblock { Ok(*moved) } else { Err(full) };
                    }
                    IoSlice::advance_slices(&mut rest, written);
                }
                Err(stop) => return self.stopped(stop, *moved),
            }
        }
        Ok(*moved)
    }

    /// What a transfer returns that can't go on, having moved some bytes: an error is for the next one.
    fn stopped(&mut self, stop: Stop, moved: usize) -> Result<usize, Stop> {
        match stop {
            Stop::Errno(errno) if moved > 0 => {
                if self.way == Way::Socket && errno != Errno::AGAIN {
                    self.late = Some(errno);
                }
                Ok(moved)
            }
            stop => Err(stop),
        }
    }

    /// Makes an attempt, and says that it waits if there is nothing for it to do, unless `nonblock`.
    fn or_wait(
        &mut self,
        events: PollFlags,
        nonblock: bool,
        attempt: impl FnOnce(&mut HostStream) -> Result<usize, Errno>,
    ) -> Result<usize, Stop> {
        match attempt(self) {
            Err(errno) if errno == Errno::AGAIN && !nonblock => Err(Wait::for_stream(self.host_fd(), events)),
            done => Ok(done?),
        }
    }

    fn try_read(&mut self, slices: &mut [IoSliceMut<'_>]) -> Result<usize, Errno> {
        match self.way {
            Way::Straight => retry(|| rustix::io::readv(&self.fd, slices)),
            Way::Socket => receive(self.fd.as_fd(), slices, RecvFlags::empty()),
            Way::NoWait => {
                let read = || rustix::io::preadv2(&self.fd, slices, CURRENT_OFFSET, ReadWriteFlags::NOWAIT);
                match rustix::io::retry_on_intr(read) {
                    Err(errno) if unknown(errno) => {
                        self.way = Way::Asked(PIPE_PIECE_BYTES);
                        self.try_read(slices)
                    }
                    done => Ok(done?),
                }
            }
            Way::Asked(_) | Way::Terminal => {
                ready(self.fd.as_fd(), PollFlags::IN)?;
                // One vector only: some devices are read once for each, and wait for the second.
                let Some(first) = slices.iter_mut().find(|slice| !slice.is_empty()) else { return Ok(0) };
                retry(|| rustix::io::read(&self.fd, &mut **first))
            }
        }
    }

    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> Result<usize, Errno> {
        match self.way {
            Way::Straight => retry(|| rustix::io::writev(&self.fd, slices)),
            Way::Socket => {
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                retry(|| rustix::net::sendmsg(&self.fd, slices, &mut SendAncillaryBuffer::default(), flags))
            }
            Way::NoWait => {
                let write = || rustix::io::pwritev2(&self.fd, slices, CURRENT_OFFSET, ReadWriteFlags::NOWAIT);
                match rustix::io::retry_on_intr(write) {
                    Err(errno) if unknown(errno) => {
                        self.way = Way::Asked(PIPE_PIECE_BYTES);
                        self.try_write(slices)
                    }
                    done => Ok(done?),
                }
            }
            Way::Asked(bytes) => {
                ready(self.fd.as_fd(), PollFlags::OUT)?;
                retry(|| rustix::io::writev(&self.fd, &prefix(slices, bytes)))
            }
            Way::Terminal => {
                ready(self.fd.as_fd(), PollFlags::OUT)?;
                let first =
                    slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| terminal_piece(slice));
                retry(|| rustix::io::write(&self.fd, first))
            }
        }
    }
}

impl AsFd for HostStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// How what a descriptor is open on is used without waiting. What can't be looked at fails when it is used.
fn way(fd: BorrowedFd<'_>) -> Way {
    let Ok(stat) = rustix::fs::fstat(fd) else { return Way::Asked(usize::MAX) };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile | FileType::BlockDevice | FileType::Directory => Way::Straight,
        FileType::Socket => Way::Socket,
        FileType::Fifo => Way::NoWait,
        FileType::CharacterDevice if fd.is_terminal() => Way::Terminal,
        // `/dev/null`
        FileType::CharacterDevice if stat.st_rdev == rustix::fs::makedev(1, 3) => Way::Straight,
        _ => Way::Asked(usize::MAX),
    }
}

/// Whether the kernel, or what plays it, does not know how not to wait on this file.
fn unknown(errno: rustix::io::Errno) -> bool {
    matches!(errno, rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS | rustix::io::Errno::INVAL)
}

/// `AGAIN`, unless a transfer has something to do or an error to tell.
fn ready(fd: BorrowedFd<'_>, events: PollFlags) -> Result<(), Errno> {
    let mut fds = [PollFd::from_borrowed_fd(fd, events)];
    match retry(|| poll(&mut fds, Some(&Timespec::default())))? {
        0 => Err(Errno::AGAIN),
        _ => Ok(()),
    }
}

/// Receives from a socket. Descriptors that a peer may have sent along are dropped by the kernel, for want of room.
fn receive(fd: BorrowedFd<'_>, slices: &mut [IoSliceMut<'_>], flags: RecvFlags) -> Result<usize, Errno> {
    let flags = flags | RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    retry(|| rustix::net::recvmsg(fd, slices, &mut RecvAncillaryBuffer::default(), flags)).map(|message| message.bytes)
}

/// How many bytes there are.
pub(super) fn total(slices: &[IoSlice<'_>]) -> usize {
    slices.iter().map(|slice| slice.len()).sum()
}

/// The first `bytes` of them.
pub(super) fn prefix<'a>(slices: &'a [IoSlice<'_>], bytes: usize) -> Vec<IoSlice<'a>> {
    let mut left = bytes;
    let mut parts = Vec::new();
    for slice in slices {
        let part = &slice[..slice.len().min(left)];
        left -= part.len();
        parts.push(IoSlice::new(part));
        if left == 0 {
            break;
        }
    }
    parts
}

/// What of `bytes`, which are some, is written to a terminal at once: a control character alone, or what is before one.
fn terminal_piece(bytes: &[u8]) -> &[u8] {
    let plain = bytes.iter().take(TERMINAL_PIECE_BYTES).take_while(|byte| !byte.is_ascii_control()).count();
    &bytes[..plain.max(1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::OwnedFd;
    use std::io::{Read, Write};
    use std::sync::Arc;

    fn stream(fd: impl Into<OwnedFd>) -> HostStream {
        HostStream::new(HostFd::Shared(Arc::new(fd.into())))
    }

    /// Both ends of a pipe whose description waits, as a kernel that knows `RWF_NOWAIT` has it, and as an older one.
    fn pipes() -> [(HostStream, HostStream); 2] {
        let pair = || {
            let (reader, writer) = std::io::pipe().unwrap();
            (stream(reader), stream(writer))
        };
        let (mut reader, mut writer) = pair();
        assert_eq!((reader.way, writer.way), (Way::NoWait, Way::NoWait));
        (reader.way, writer.way) = (Way::Asked(PIPE_PIECE_BYTES), Way::Asked(PIPE_PIECE_BYTES));
        [pair(), (reader, writer)]
    }

    fn read(stream: &mut HostStream, len: usize, nonblock: bool) -> Result<Vec<u8>, Stop> {
        let mut buffer = vec![0; len];
        let read = stream.read(&mut [IoSliceMut::new(&mut buffer)], nonblock)?;
        buffer.truncate(read);
        Ok(buffer)
    }

    fn write(stream: &mut HostStream, data: &[u8], moved: &mut usize, nonblock: bool) -> Result<usize, Stop> {
        let (a, b) = data.split_at(data.len() / 3);
        stream.write(&[IoSlice::new(a), IoSlice::new(b)], moved, nonblock)
    }

    fn is_again<T>(result: &Result<T, Stop>) -> bool {
        matches!(result, Err(Stop::Errno(errno)) if *errno == Errno::AGAIN)
    }

    #[test]
    fn an_empty_pipe_is_waited_for_by_the_caller() {
        for (mut reader, mut writer) in pipes() {
            let Err(Stop::Wait(wait)) = read(&mut reader, 4, false) else { panic!() };
            assert_eq!(wait.streams.len(), 1);
            assert!(is_again(&read(&mut reader, 4, true)));
            assert_eq!(read(&mut reader, 0, false).unwrap(), b"", "nothing is there at once");
            assert_eq!(write(&mut writer, b"abcdef", &mut 0, false).unwrap(), 6);
            assert_eq!(read(&mut reader, 4, false).unwrap(), b"abcd");
            assert_eq!(read(&mut reader, 4, true).unwrap(), b"ef");
            drop(writer);
            assert_eq!(read(&mut reader, 4, false).unwrap(), b"");
        }
    }

    #[test]
    fn a_full_pipe_is_waited_for_by_the_caller() {
        for (mut reader, mut writer) in pipes() {
            let data: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
            let mut received = Vec::new();
            let mut moved = 0;
            let mut waits = 0;
            while let Err(stop) = write(&mut writer, &data, &mut moved, false) {
                assert!(matches!(stop, Stop::Wait(_)));
                waits += 1;
                assert!(moved > 0 && moved < data.len());
                assert!(is_again(&write(&mut writer, b"x", &mut 0, true)));
                received.extend(read(&mut reader, 50_000, false).unwrap());
            }
            assert_eq!(moved, data.len());
            while received.len() < data.len() {
                received.extend(read(&mut reader, 1 << 20, false).unwrap());
            }
            assert!(received == data && waits > 1, "{waits} waits");
            // A guest that does not want to wait is told how much went.
            let written = write(&mut writer, &data, &mut 0, true).unwrap();
            assert!((4096..data.len()).contains(&written), "{written}");
            drop(reader);
            let broken = write(&mut writer, &data, &mut 0, false);
            assert!(matches!(broken, Err(Stop::Errno(errno)) if errno == Errno::PIPE), "{broken:?}");
        }
    }

    #[test]
    fn a_named_pipe_is_asked_first() {
        let dir = super::super::testing::TempDir::new();
        let path = dir.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, 0o600.into(), 0).unwrap();
        let mut fifo = stream(std::fs::File::options().read(true).write(true).open(&path).unwrap());
        assert!(is_again(&read(&mut fifo, 4, true)));
        assert_eq!(write(&mut fifo, b"abc", &mut 0, false).unwrap(), 3);
        assert_eq!(read(&mut fifo, 9, false).unwrap(), b"abc");
        let mut moved = 0;
        let full = write(&mut fifo, &[0; 100_000], &mut moved, false);
        assert!(matches!(full, Err(Stop::Wait(_))) && moved == 65_536, "{moved}");
    }

    #[test]
    fn a_socket_neither_waits_nor_signals() {
        let (a, b) = std::os::unix::net::UnixStream::pair().unwrap();
        let (mut a, mut b) = (stream(a), stream(b));
        assert!(is_again(&read(&mut a, 4, true)));
        assert!(matches!(read(&mut a, 4, false), Err(Stop::Wait(_))));
        let mut moved = 0;
        assert!(matches!(write(&mut a, &vec![7; 4 << 20], &mut moved, false), Err(Stop::Wait(_))));
        assert!(moved > 0);
        assert!(is_again(&write(&mut a, b"x", &mut 0, true)));
        assert_eq!(read(&mut b, 5, false).unwrap(), [7; 5]);
        drop(b);
        let gone = write(&mut a, b"x", &mut 0, false);
        assert!(matches!(gone, Err(Stop::Errno(errno)) if errno == Errno::PIPE), "{gone:?}");
    }

    #[test]
    fn all_of_a_message_is_waited_for_if_asked() {
        let (a, mut b) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut a = stream(a);
        let (mut first, mut second) = ([0; 2], [0; 4]);
        let mut slices = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        let mut moved = 0;
        b.write_all(b"abc").unwrap();
        assert!(matches!(a.receive(&mut slices, &mut moved, RecvFlags::empty(), true, false), Err(Stop::Wait(_))));
        assert_eq!(moved, 3);
        b.write_all(b"defg").unwrap();
        let mut slices = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(a.receive(&mut slices, &mut moved, RecvFlags::empty(), true, false).unwrap(), 6);
        assert_eq!((&first, &second), (b"ab", b"cdef"));
        // The end of the stream ends the wait.
        drop(b);
        let mut slices = [IoSliceMut::new(&mut second)];
        assert_eq!(a.receive(&mut slices, &mut 0, RecvFlags::empty(), true, false).unwrap(), 1);
    }

    #[test]
    fn a_regular_file_goes_straight() {
        let dir = super::super::testing::TempDir::new();
        let file = std::fs::File::create(dir.path().join("file")).unwrap();
        let mut file = stream(file);
        assert_eq!(file.way, Way::Straight);
        assert_eq!(write(&mut file, &[b'x'; 100_000], &mut 0, true).unwrap(), 100_000);
        assert_eq!(dir.read("file").len(), 100_000);
        let mut null = stream(std::fs::File::options().read(true).write(true).open("/dev/null").unwrap());
        assert_eq!(null.way, Way::Straight);
        assert_eq!(write(&mut null, &[0; 10_000], &mut 0, false).unwrap(), 10_000);
        assert_eq!(read(&mut null, 9, false).unwrap(), b"");
    }

    #[test]
    fn a_terminal_is_written_until_it_takes_no_more() {
        let master = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY).unwrap();
        rustix::pty::grantpt(&master).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
        let slave = rustix::fs::open(name, flags, rustix::fs::Mode::empty()).unwrap();
        let mut terminal = stream(slave);
        assert_eq!(terminal.way, Way::Terminal);
        let text = "two words\tand a tab\r\n\u{1b}[1mä\u{1b}[0m\n".repeat(2000).into_bytes();
        let mut moved = 0;
        // Nobody reads: were one of the pieces too large, this would never return.
        assert!(matches!(write(&mut terminal, &text, &mut moved, false), Err(Stop::Wait(_))));
        assert!(moved > 1000 && moved < text.len(), "{moved}");
        let mut master = std::fs::File::from(master);
        let mut shown = Vec::new();
        let mut buffer = [0; 4096];
        while moved < text.len() {
            let read = master.read(&mut buffer).unwrap();
            shown.extend_from_slice(&buffer[..read]);
            let _ = write(&mut terminal, &text, &mut moved, false);
        }
        assert!(shown.starts_with(b"two words\tand a tab\r\r\n\x1b[1m"), "{:?}", String::from_utf8_lossy(&shown[..40]));
        assert!(is_again(&read(&mut terminal, 9, true)));
    }

    #[test]
    fn a_terminal_gets_control_characters_one_by_one() {
        assert_eq!(terminal_piece(b"\n\n"), b"\n");
        assert_eq!(terminal_piece("äb\x1b[m".as_bytes()), "äb".as_bytes());
        assert_eq!(terminal_piece(&[b'x'; 100]).len(), TERMINAL_PIECE_BYTES);
    }
}
