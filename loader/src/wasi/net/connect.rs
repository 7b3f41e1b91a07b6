//! A connection that is being made: to one address after another, each with a share of the time.

use super::super::errno::{Errno, retry};
use super::super::wait::{HostFd, Stop, Wait, monotonic_ns};
use super::cap::NetCap;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

/// How long making a connection takes at most, in nanoseconds, to all addresses together.
const CONNECT_NS: u64 = 30_000_000_000;

/// Where a connection goes, and by whose grant.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The address that was checked.
    pub(super) address: SocketAddr,
    /// What grants it, and is charged for it.
    pub(super) cap: NetCap,
}

/// A connection that is being made.
#[derive(Debug)]
pub(super) struct Connecting {
    targets: VecDeque<Target>,
    current: Option<(Arc<OwnedFd>, Target, u64)>,
    until_ns: u64,
    last: Errno,
}

impl Connecting {
    /// Begins, with one address or more.
    pub(super) fn begin(targets: Vec<Target>) -> Connecting {
        let until_ns = monotonic_ns().saturating_add(CONNECT_NS);
        Connecting { targets: targets.into(), current: None, until_ns, last: Errno::NOENT }
    }

    /// Goes on: a socket that is connected. Unless `wait`, one that may not be connected yet.
    pub(super) fn step(&mut self, wait: bool) -> Result<(Arc<OwnedFd>, Target), Stop> {
        loop {
            if let Some((socket, target, until_ns)) = self.current.take() {
                match ended(&socket) {
                    None if monotonic_ns() < until_ns => {
                        let events = vec![(HostFd::Shared(Arc::clone(&socket)), PollFlags::OUT)];
                        self.current = Some((socket, target, until_ns));
                        return Err(Stop::Wait(Wait { streams: events, until_ns: Some(until_ns) }));
                    }
                    None => self.last = Errno::TIMEDOUT,
                    Some(Err(errno)) => self.last = errno,
                    Some(Ok(())) => return Ok((socket, target)),
                }
            }
            let now_ns = monotonic_ns();
            let share_ns = self.until_ns.saturating_sub(now_ns) / self.targets.len().max(1) as u64;
            let target = self.targets.pop_front().filter(|_| share_ns > 0).ok_or(self.last)?;
            // Nothing is sent any more once the grant has ended.
            match target.cap.alive().and_then(|()| begin(target.address)) {
                Ok((socket, done)) if done || !wait => return Ok((Arc::new(socket), target)),
                Ok((socket, _)) => self.current = Some((Arc::new(socket), target, now_ns.saturating_add(share_ns))),
                Err(errno) => self.last = errno,
            }
        }
    }
}

/// Begins to connect; whether that is done already.
fn begin(address: SocketAddr) -> Result<(OwnedFd, bool), Errno> {
    let socket = socket(address, SocketType::STREAM)?;
    match retry(|| rustix::net::connect(&socket, &address)) {
        Ok(()) => Ok((socket, true)),
        Err(errno) if errno == Errno::INPROGRESS => Ok((socket, false)),
        Err(errno) => Err(errno),
    }
}

/// A socket for such an address, that does not wait.
pub(super) fn socket(address: SocketAddr, kind: SocketType) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = retry(|| rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None))?;
    if address.is_ipv6() {
        // An IPv4 address goes by an IPv4 socket, and never in disguise.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    Ok(socket)
}

/// What has become of a connection, if that is decided.
fn ended(socket: &OwnedFd) -> Option<Result<(), Errno>> {
    let mut fds = [PollFd::new(socket, PollFlags::OUT)];
    match retry(|| poll(&mut fds, Some(&Timespec::default()))) {
        Ok(0) => None,
        Ok(_) => Some(match sockopt::socket_error(socket) {
            Ok(done) => done.map_err(Errno::from),
            Err(errno) => Err(errno.into()),
        }),
        Err(errno) => Some(Err(errno)),
    }
}
