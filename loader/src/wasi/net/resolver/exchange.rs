//! One question to one server: by UDP, and by TCP if the answer does not fit.
//!
//! The socket is connected, so that the kernel drops what others than the server send, from a port that it chose at random;
//! the number of the question is random too.

use super::super::super::errno::{Errno, retry};
use super::super::super::wait::{HostFd, monotonic_ns};
use super::message::{self, Answer, Family};
use rustix::event::PollFlags;
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Most bytes of an answer by UDP that are looked at.
const MAX_DATAGRAM: usize = 4096;

/// Most bytes of an answer by TCP.
const MAX_MESSAGE: usize = 16 << 10;

/// Most messages that are no answer before the server is given up.
const MAX_STRAYS: u32 = 64;

/// What has become of a question.
pub(super) enum Outcome {
    /// It waits for this.
    Wait(HostFd, PollFlags),
    /// It is answered.
    Answer(Vec<IpAddr>),
    /// There is no such name.
    NoSuchName,
    /// This server is of no use.
    NextServer,
}

/// A question that was asked.
#[derive(Debug)]
pub(super) struct Exchange {
    name: String,
    family: Family,
    id: u16,
    server: SocketAddr,
    socket: Arc<OwnedFd>,
    until_ns: u64,
    strays: u32,
    /// By TCP: what is to be sent yet, and what was received.
    stream: Option<(Vec<u8>, Vec<u8>)>,
}

impl Exchange {
    /// Asks a server.
    pub(super) fn begin(name: &str, family: Family, server: SocketAddr, until_ns: u64) -> Result<Exchange, Errno> {
        let mut id = [0; 2];
        retry(|| rustix::rand::getrandom(&mut id[..], rustix::rand::GetRandomFlags::empty()))?;
        let id = u16::from_ne_bytes(id);
        let question = message::question(id, name, family).ok_or(Errno::INVAL)?;
        let socket = connect(server, SocketType::DGRAM)?;
        retry(|| rustix::net::send(&socket, &question, SendFlags::DONTWAIT | SendFlags::NOSIGNAL))?;
        let socket = Arc::new(socket);
        Ok(Exchange { name: name.to_owned(), family, id, server, socket, until_ns, strays: 0, stream: None })
    }

    /// When the server is given up, in nanoseconds of the host's monotonic clock.
    pub(super) fn until_ns(&self) -> u64 {
        self.until_ns
    }

    /// Goes on.
    pub(super) fn step(&mut self) -> Outcome {
        let outcome = match self.stream {
            None => self.datagrams(),
            Some(_) => self.message().unwrap_or(Outcome::NextServer),
        };
        match outcome {
            Outcome::Wait(..) if monotonic_ns() >= self.until_ns => Outcome::NextServer,
            outcome => outcome,
        }
    }

    fn wait(&self, events: PollFlags) -> Outcome {
        Outcome::Wait(HostFd::Shared(Arc::clone(&self.socket)), events)
    }

    /// Reads what has come by UDP.
    fn datagrams(&mut self) -> Outcome {
        let mut buffer = [0; MAX_DATAGRAM];
        loop {
            let received = retry(|| rustix::net::recv(&*self.socket, &mut buffer[..], RecvFlags::DONTWAIT));
            let len = match received {
                Ok((len, _)) => len,
                Err(errno) if errno == Errno::AGAIN => return self.wait(PollFlags::IN),
                Err(_) => return Outcome::NextServer,
            };
            match message::answer(&buffer[..len], self.id, &self.name, self.family) {
                Answer::Addresses(addresses) => return Outcome::Answer(addresses),
                Answer::NoSuchName => return Outcome::NoSuchName,
                Answer::Useless => return Outcome::NextServer,
                Answer::Truncated => {
                    return match self.by_stream() {
                        Ok(()) => self.message().unwrap_or(Outcome::NextServer),
                        Err(_) => Outcome::NextServer,
                    };
                }
                Answer::Stray => {
                    self.strays += 1;
                    if self.strays > MAX_STRAYS {
                        return Outcome::NextServer;
                    }
                }
            }
        }
    }

    /// Asks again, by TCP.
    fn by_stream(&mut self) -> Result<(), Errno> {
        let question = message::question(self.id, &self.name, self.family).ok_or(Errno::INVAL)?;
        let len = u16::try_from(question.len()).map_err(|_| Errno::INVAL)?;
        self.socket = Arc::new(connect(self.server, SocketType::STREAM)?);
        self.stream = Some(([&len.to_be_bytes()[..], &question].concat(), Vec::new()));
        Ok(())
    }

    /// Sends and reads what there is, by TCP.
    fn message(&mut self) -> Result<Outcome, Errno> {
        let (out, received) = self.stream.as_mut().ok_or(Errno::IO)?;
        while !out.is_empty() {
            match retry(|| rustix::net::send(&*self.socket, out, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)) {
                Ok(sent) => drop(out.drain(..sent)),
                Err(errno) if errno == Errno::AGAIN => return Ok(self.wait(PollFlags::OUT)),
                Err(errno) => return Err(errno),
            }
        }
        loop {
            let wanted = match received[..] {
                [high, low, ..] => 2 + usize::from(u16::from_be_bytes([high, low])),
                _ => 2,
            };
            if wanted > MAX_MESSAGE {
                return Err(Errno::MSGSIZE);
            }
            if received.len() == wanted && wanted > 2 {
                break;
            }
            if wanted == 2 && received.len() == 2 {
                return Err(Errno::BADMSG);
            }
            let mut buffer = [0; MAX_DATAGRAM];
            let most = (wanted - received.len()).min(buffer.len());
            match retry(|| rustix::net::recv(&*self.socket, &mut buffer[..most], RecvFlags::DONTWAIT)) {
                Ok((0, _)) => return Err(Errno::CONNRESET),
                Ok((len, _)) => received.extend_from_slice(&buffer[..len]),
                Err(errno) if errno == Errno::AGAIN => return Ok(self.wait(PollFlags::IN)),
                Err(errno) => return Err(errno),
            }
        }
        Ok(match message::answer(&received[2..], self.id, &self.name, self.family) {
            Answer::Addresses(addresses) => Outcome::Answer(addresses),
            Answer::NoSuchName => Outcome::NoSuchName,
            Answer::Truncated | Answer::Useless | Answer::Stray => Outcome::NextServer,
        })
    }
}

/// A socket that is connected to a server, or is about to be.
fn connect(server: SocketAddr, kind: SocketType) -> Result<OwnedFd, Errno> {
    let family = if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    match retry(|| rustix::net::connect(&socket, &server)) {
        Err(errno) if errno != Errno::INPROGRESS => Err(errno),
        _ => Ok(socket),
    }
}
