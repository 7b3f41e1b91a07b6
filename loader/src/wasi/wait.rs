//! How a call waits: not at all. It says what it waits for, and is made again when that has come.
//!
//! So nothing of a guest is held while it waits: another instance that shares its state goes on, and an interrupt from
//! another thread ends the wait. The one place where a guest's call sleeps is [`Wait::sleep`].

use super::errno::Errno;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;

/// Why a call did not return success.
#[derive(Debug)]
pub enum Stop {
    /// The guest is told.
    Errno(Errno),
    /// It is to be made again after a wait. Nothing has happened yet but what its [`Attempt`] tells the next one.
    Wait(Wait),
    /// The guest is to end.
    Interrupted,
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Stop {
        Stop::Errno(errno)
    }
}

/// What a call that waited knows of its earlier attempts when it is made again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attempt {
    /// When the first one was made, in nanoseconds of the host's monotonic clock; for those who measure time from there.
    pub(super) began_ns: Option<u64>,
    /// How many of the bytes of a transfer were moved.
    pub(super) moved: usize,
}

/// A descriptor of the host that a wait keeps open: the guest's own may be closed meanwhile.
#[derive(Clone, Debug)]
pub(super) enum HostFd {
    /// A standard stream, which nobody closes.
    Standard(BorrowedFd<'static>),
    /// Any other.
    Shared(Arc<OwnedFd>),
}

impl AsFd for HostFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            HostFd::Standard(fd) => *fd,
            HostFd::Shared(fd) => fd.as_fd(),
        }
    }
}

/// What a call waits for: any of several descriptors, or a time.
#[derive(Debug, Default)]
pub struct Wait {
    /// Descriptors, and what of them.
    pub(super) streams: Vec<(HostFd, PollFlags)>,
    /// Nanoseconds of the host's monotonic clock.
    pub(super) until_ns: Option<u64>,
}

impl Wait {
    /// A wait for one descriptor.
    pub(super) fn for_stream(fd: HostFd, events: PollFlags) -> Stop {
        Stop::Wait(Wait { streams: vec![(fd, events)], until_ns: None })
    }

    /// A wait for nothing: other instances that share the state have their turn.
    pub(super) fn for_others() -> Stop {
        Stop::Wait(Wait { streams: Vec::new(), until_ns: Some(0) })
    }

    /// Sleeps until something of it may have come, or `interrupt` is readable. It may also return early; without an
    /// `interrupt` it does soon, for the caller to look.
    pub(super) fn sleep(&self, interrupt: Option<BorrowedFd<'_>>) -> Result<(), Errno> {
        let mut fds: Vec<PollFd<'_>> =
            self.streams.iter().map(|(fd, events)| PollFd::from_borrowed_fd(fd.as_fd(), *events)).collect();
        fds.extend(interrupt.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        let left_ns = self.until_ns.map(|at| at.saturating_sub(monotonic_ns()));
        let longest_ns = if interrupt.is_some() { None } else { Some(LOOK_NS) };
        let timeout = left_ns.into_iter().chain(longest_ns).min().map(timespec);
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// How often a wait looks around if nothing can wake it.
const LOOK_NS: u64 = 5_000_000;

/// The host's monotonic clock in nanoseconds.
pub(super) fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    super::types::nanoseconds(now.tv_sec, now.tv_nsec as i64)
}

/// A length of time as the host's calls take it.
pub(super) fn timespec(ns: u64) -> Timespec {
    Timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as _ }
}
