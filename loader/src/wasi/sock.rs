//! Sockets: listening ones that were granted, connections, and sockets for datagrams.
//!
//! By preview 1 alone a guest opens none by itself: that is what `bailiwick:virt/net` is for. Listeners that it has from the
//! beginning have the numbers after those of the granted directories, in the order in which they were granted, which is how
//! programs that are started with listening sockets look for them: without directories the first is 3. All are non-blocking
//! for us; a guest that waits for one does so like for any stream.

use super::ctx::WasiCtx;
use super::descriptors::{Descriptor, Kind};
use super::dircap::PreopenError;
use super::errno::{Errno, retry};
use super::fd_io::{gather, scatter};
use super::host_stream::{HostStream, total};
use super::memory::GuestMemory;
use super::net::{NetCap, Ticket, Way};
use super::types::{FdFlags, FileKind, Rights};
use super::wait::{HostFd, Stop, Wait};
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrAny, SocketFlags, SocketType, sockopt};
use std::collections::BTreeSet;
use std::io::{IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::sync::Arc;

/// `riflags`: what was received stays there.
const RECV_PEEK: u32 = 1;
/// `riflags`: wait until all the vectors are full.
const RECV_WAITALL: u32 = 2;

/// `sdflags`: nothing more is received.
const SHUT_RD: u32 = 1;
/// `sdflags`: nothing more is sent.
const SHUT_WR: u32 = 2;

/// Most others that a socket for datagrams remembers.
const MAX_PEERS: usize = 1024;

/// Most datagrams of strangers, and connections of those who are denied, that are dropped before others have their turn.
const MAX_STRANGERS: usize = 64;

/// A listening socket, a connection, or a socket for datagrams.
#[derive(Debug)]
pub(super) struct Socket {
    stream: HostStream,
    role: Role,
    held: Option<Held>,
}

/// What a socket does.
#[derive(Debug)]
pub(super) enum Role {
    /// It accepts connections.
    Listener,
    /// It is a connection.
    Stream,
    /// It sends and receives datagrams.
    Datagrams(Peers),
}

/// With whom a socket for datagrams has to do.
#[derive(Debug)]
pub(super) struct Peers {
    /// Whether it hears from anybody, and not only from those to whom it has sent.
    anybody: bool,
    known: BTreeSet<SocketAddr>,
}

impl Peers {
    /// With nobody yet.
    pub(super) fn new(anybody: bool) -> Peers {
        Peers { anybody, known: BTreeSet::new() }
    }

    fn remember(&mut self, peer: SocketAddr) {
        if self.known.len() >= MAX_PEERS && !self.known.contains(&peer) {
            self.known.pop_first();
        }
        self.known.insert(peer);
    }
}

/// By which grant a socket is there: it ends with it, and what it moves is charged to it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) cap: NetCap,
    /// It counts as a connection.
    _ticket: Option<Ticket>,
}

impl Held {
    pub(super) fn new(cap: NetCap, ticket: Option<Ticket>) -> Held {
        Held { cap, _ticket: ticket }
    }

    /// Whether the grant says explicitly that it has nothing to do with whoever this is.
    fn denies(&self, peer: &SocketAddrAny) -> bool {
        SocketAddr::try_from(peer.clone()).is_ok_and(|peer| !self.cap.grant().admits(peer.ip(), Way::Literal))
    }
}

/// The first `most` bytes of them.
fn front<'a>(slices: &'a mut [IoSliceMut<'_>], most: usize) -> Vec<IoSliceMut<'a>> {
    let mut left = most;
    let mut parts = Vec::with_capacity(slices.len());
    for slice in slices {
        let len = slice.len().min(left);
        left -= len;
        parts.push(IoSliceMut::new(&mut slice[..len]));
    }
    parts
}

impl Socket {
    /// A socket that listens, and does not wait.
    pub(super) fn listener(fd: OwnedFd) -> Result<Socket, PreopenError> {
        let is_stream = sockopt::socket_type(&fd) == Ok(SocketType::STREAM);
        let families = [AddressFamily::INET, AddressFamily::INET6, AddressFamily::UNIX];
        let is_known = sockopt::socket_domain(&fd).is_ok_and(|family| families.contains(&family));
        if !is_stream || !is_known || sockopt::socket_acceptconn(&fd) != Ok(true) {
            return Err(PreopenError::NotListening);
        }
        rustix::io::ioctl_fionbio(&fd, true).map_err(|errno| PreopenError::Host(errno.into()))?;
        Ok(Socket::new(HostFd::Shared(Arc::new(fd)), Role::Listener, None))
    }

    /// The same, by a grant.
    pub(super) fn listener_of(fd: OwnedFd, cap: NetCap) -> Result<Socket, PreopenError> {
        Ok(Socket { held: Some(Held::new(cap, None)), ..Socket::listener(fd)? })
    }

    /// A socket that does not wait.
    pub(super) fn new(fd: HostFd, role: Role, held: Option<Held>) -> Socket {
        Socket { stream: HostStream::new(fd), role, held }
    }

    /// The host's stream.
    pub(super) fn stream(&self) -> &HostStream {
        &self.stream
    }

    /// What a guest is told that it is.
    pub(super) fn file_kind(&self) -> FileKind {
        match self.role {
            Role::Datagrams(_) => FileKind::SocketDatagram,
            Role::Listener | Role::Stream => FileKind::SocketStream,
        }
    }

    /// `fd_read`: receives what there is.
    pub(super) fn receive(&mut self, slices: &mut [IoSliceMut<'_>], nonblock: bool) -> Result<usize, Stop> {
        self.receive_with(slices, &mut 0, false, false, nonblock)
    }

    /// Receives, charged to the grant: what is there, or until the vectors are full if `all`; it stays there if `peek`.
    /// `moved` is how many bytes earlier attempts received, and is added to.
    pub(super) fn receive_with(
        &mut self,
        slices: &mut [IoSliceMut<'_>],
        moved: &mut usize,
        peek: bool,
        all: bool,
        nonblock: bool,
    ) -> Result<usize, Stop> {
        if let Role::Datagrams(_) = self.role {
            let Some(first) = slices.iter_mut().find(|slice| !slice.is_empty()) else { return Ok(0) };
            return if peek { Err(Errno::NOTSUP.into()) } else { Ok(self.receive_from(first, nonblock)?.0) };
        }
        let flags = if peek { RecvFlags::PEEK } else { RecvFlags::empty() };
        let Some(held) = &self.held else { return self.stream.receive(slices, moved, flags, all, nonblock) };
        let wanted = slices.iter().map(|slice| slice.len()).sum::<usize>();
        let before = *moved;
        let reserved = match held.cap.reserve(wanted.saturating_sub(before)) {
            Err(_) if before > 0 => return Ok(before),
            reserved => reserved?,
        };
        let mut slices = front(slices, before + reserved.bytes);
        let result = self.stream.receive(&mut slices, moved, flags, all, nonblock);
        // What stays there is charged when it is taken.
        reserved.used(if peek { 0 } else { *moved - before });
        result
    }

    /// `fd_write`: sends it, charged to the grant.
    pub(super) fn send(&mut self, slices: &[IoSlice<'_>], moved: &mut usize, nonblock: bool) -> Result<usize, Stop> {
        if let Role::Datagrams(_) = self.role {
            return Err(Errno::DESTADDRREQ.into());
        }
        let Some(held) = &self.held else { return self.stream.write(slices, moved, nonblock) };
        let before = *moved;
        let reserved = match held.cap.reserve(total(slices).saturating_sub(before)) {
            Err(_) if before > 0 => return Ok(before),
            reserved => reserved?,
        };
        let slices = super::host_stream::prefix(slices, before + reserved.bytes);
        let result = self.stream.write(&slices, moved, nonblock);
        reserved.used(*moved - before);
        result
    }

    /// Accepts a connection, which is counted.
    pub(super) fn accept(&mut self, nonblock: bool) -> Result<Socket, Stop> {
        let Role::Listener = self.role else { return Err(Errno::INVAL.into()) };
        // It is not taken from the queue if there may be no more.
        let held = match &self.held {
            Some(held) => Some(Held::new(held.cap.clone(), Some(held.cap.connection()?))),
            None => None,
        };
        let host_flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        for _ in 0..MAX_STRANGERS {
            match retry(|| rustix::net::acceptfrom_with(&self.stream, host_flags)) {
                Err(errno) if errno == Errno::AGAIN && !nonblock => {
                    return Err(Wait::for_stream(self.stream.host_fd(), PollFlags::IN));
                }
                Err(errno) => return Err(errno.into()),
                // Who is denied explicitly is not answered either.
                Ok((_, Some(peer))) if held.as_ref().is_some_and(|held| held.denies(&peer)) => {}
                Ok((accepted, _)) => return Ok(Socket::new(HostFd::Shared(Arc::new(accepted)), Role::Stream, held)),
            }
        }
        if nonblock { Err(Errno::AGAIN.into()) } else { Err(Wait::for_others()) }
    }

    /// Whether somebody has written to it, and so may be answered.
    pub(super) fn heard_from(&self, peer: SocketAddr) -> bool {
        let (Role::Datagrams(peers), Some(held)) = (&self.role, &self.held) else { return false };
        // A sender's address is easily forged: what is denied stays denied.
        peers.anybody && peers.known.contains(&peer) && held.cap.grant().admits(peer.ip(), Way::Literal)
    }

    /// By which grant it sends datagrams.
    pub(super) fn datagram_cap(&self) -> Result<NetCap, Errno> {
        match (&self.role, &self.held) {
            (Role::Datagrams(_), Some(held)) => Ok(held.cap.clone()),
            _ => Err(Errno::NOTSUP),
        }
    }

    /// Sends a datagram to an address that was checked.
    pub(super) fn send_to(&mut self, data: &[u8], to: SocketAddr) -> Result<u32, Errno> {
        let (Role::Datagrams(peers), Some(held)) = (&mut self.role, &self.held) else { return Err(Errno::NOTSUP) };
        let reserved = held.cap.reserve(data.len())?;
        if reserved.bytes < data.len() {
            // Part of a datagram is another one.
            return Err(Errno::DQUOT.by(super::errno::Rule::Bytes));
        }
        peers.remember(to);
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let sent = retry(|| rustix::net::sendto(&self.stream, data, flags, &to))?;
        reserved.used(sent);
        Ok(sent as u32)
    }

    /// Receives a datagram, and says whose. What does not fit is cut off.
    pub(super) fn receive_from(&mut self, buffer: &mut [u8], nonblock: bool) -> Result<(usize, SocketAddr), Stop> {
        let (Role::Datagrams(peers), Some(held)) = (&mut self.role, &self.held) else {
            return Err(Errno::NOTSUP.into());
        };
        for _ in 0..MAX_STRANGERS {
            let reserved = held.cap.reserve(buffer.len())?;
            let room = &mut buffer[..reserved.bytes];
            let received = retry(|| rustix::net::recvfrom(&self.stream, &mut *room, RecvFlags::DONTWAIT));
            let (len, sender) = match received {
                Ok((len, _, Some(sender))) => (len, SocketAddr::try_from(sender).map_err(Errno::from)?),
                Ok(_) => return Err(Errno::IO.into()),
                Err(errno) if errno == Errno::AGAIN && !nonblock => {
                    return Err(Wait::for_stream(self.stream.host_fd(), PollFlags::IN));
                }
                Err(errno) => return Err(errno.into()),
            };
            if peers.anybody && !held.cap.grant().admits(sender.ip(), Way::Literal) {
                continue;
            }
            if peers.anybody {
                peers.remember(sender);
            } else if !peers.known.contains(&sender) {
                continue;
            }
            reserved.used(len);
            return Ok((len, sender));
        }
        if nonblock { Err(Errno::AGAIN.into()) } else { Err(Wait::for_others()) }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Descriptor {
    /// A connection, or a socket for datagrams.
    pub(super) fn connection(socket: Socket) -> Descriptor {
        let (base, inheriting) = (Rights::CONNECTION, Rights::NONE);
        Descriptor { kind: Kind::Socket(socket), base, inheriting, flags: FdFlags::NONE }
    }

    /// A socket that listens. What it accepts inherits what can apply to a connection.
    pub(super) fn listener(socket: Socket) -> Descriptor {
        let base = Rights::LISTENER;
        Descriptor { kind: Kind::Socket(socket), base, inheriting: Rights::CONNECTION, flags: FdFlags::NONE }
    }
}

/// Accepts a connection on a listening socket, and writes its number. `flags` are those of the connection: `NONBLOCK` or
/// none, all others are `INVAL`, as is a socket that does not listen.
pub fn sock_accept(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    flags: u32,
    accepted: u32,
) -> Result<(), Stop> {
    let (_, socket) = socket(ctx, fd)?;
    let Role::Listener = socket.role else { return Err(Errno::INVAL.into()) };
    let flags = u16::try_from(flags).map(FdFlags::from_raw).map_err(|_| Errno::INVAL)?;
    if !FdFlags::NONBLOCK.contains(flags) {
        return Err(Errno::INVAL.into());
    }
    ctx.descriptors.get(fd)?.require(Rights::SOCK_ACCEPT)?;
    mem.check(accepted, 4)?;
    // It is not taken from the queue if there is no number for it.
    ctx.descriptors.vacancy()?;
    let inheriting = ctx.descriptors.get(fd)?.inheriting;
    let (nonblock, socket) = socket_for(ctx, fd, Rights::SOCK_ACCEPT)?;
    let connection = Descriptor::connection(socket.accept(nonblock)?);
    let base = connection.base.intersection(inheriting);
    let number = ctx.descriptors.insert(Descriptor { base, flags, ..connection })?;
    Ok(mem.write_u32(accepted, number)?)
}

/// Receives from a connection; writes how many bytes, and the flags of what was received. Of a stream nothing is cut off, so
/// these are never set. With `RECV_WAITALL` the vectors are filled unless the stream ends, or the guest does not wait;
/// with `RECV_PEEK` too, it is what there is.
#[expect(clippy::too_many_arguments, reason = "preview 1's signature")]
pub fn sock_recv(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    flags: u32,
    received: u32,
    flags_out: u32,
) -> Result<(), Stop> {
    socket(ctx, fd)?;
    if flags & !(RECV_PEEK | RECV_WAITALL) != 0 {
        return Err(Errno::INVAL.into());
    }
    mem.check(flags_out, 2)?;
    let peek = flags & RECV_PEEK != 0;
    let all = flags == RECV_WAITALL;
    let (nonblock, socket) = socket_for(ctx, fd, Rights::FD_READ)?;
    let mut moved = mem.attempt.moved;
    let result =
        scatter(mem, iovs, iovs_len, received, |slices| socket.receive_with(slices, &mut moved, peek, all, nonblock));
    mem.attempt.moved = moved;
    result?;
    Ok(mem.write(flags_out, &[0; 2])?)
}

/// Sends on a connection; writes how many bytes. There are no flags, so all are `INVAL`. A connection that is gone is
/// `PIPE`, and no signal.
pub fn sock_send(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    flags: u32,
    sent: u32,
) -> Result<(), Stop> {
    socket(ctx, fd)?;
    if flags != 0 {
        return Err(Errno::INVAL.into());
    }
    let (nonblock, socket) = socket_for(ctx, fd, Rights::FD_WRITE)?;
    gather(mem, iovs, iovs_len, sent, |slices, moved| socket.send(slices, moved, nonblock))
}

/// Shuts a connection down, for receiving, sending or both: at least one, or it is `INVAL`.
pub fn sock_shutdown(ctx: &mut WasiCtx, _mem: &mut GuestMemory<'_>, fd: u32, how: u32) -> Result<(), Errno> {
    socket(ctx, fd)?;
    let how = match how {
        SHUT_RD => Shutdown::Read,
        SHUT_WR => Shutdown::Write,
        both if both == SHUT_RD | SHUT_WR => Shutdown::Both,
        _ => return Err(Errno::INVAL),
    };
    let (_, socket) = socket_for(ctx, fd, Rights::SOCK_SHUTDOWN)?;
    retry(|| rustix::net::shutdown(&*socket, how))
}

/// The socket that is open: `NOTSOCK` for anything else that is.
fn socket(ctx: &WasiCtx, fd: u32) -> Result<(&Descriptor, &Socket), Errno> {
    let descriptor = ctx.descriptors.get(fd)?;
    match &descriptor.kind {
        Kind::Socket(socket) => Ok((descriptor, socket)),
        Kind::File(_) | Kind::Dir(_) | Kind::Input(_) | Kind::Output(_) | Kind::Virtual(_) => Err(Errno::NOTSOCK),
    }
}

/// The same, to be used for `rights`, and whether the guest does not wait for it.
fn socket_for(ctx: &mut WasiCtx, fd: u32, rights: Rights) -> Result<(bool, &mut Socket), Errno> {
    let descriptor = ctx.descriptors.get_mut(fd)?;
    descriptor.require(rights)?;
    let nonblock = descriptor.nonblock();
    match &mut descriptor.kind {
        Kind::Socket(socket) => Ok((nonblock, socket)),
        Kind::File(_) | Kind::Dir(_) | Kind::Input(_) | Kind::Output(_) | Kind::Virtual(_) => Err(Errno::NOTSOCK),
    }
}

#[cfg(test)]
mod tests {
    use super::super::errno::Rule;
    use super::super::net::{Deny, Net};
    use super::super::testing::{Guest, TempDir};
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::{UnixListener, UnixStream};

    /// The number of the only listener.
    const LISTENER: u32 = 3;

    const NONBLOCK: u32 = FdFlags::NONBLOCK.raw() as u32;

    fn listening() -> (Guest, std::net::SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut builder = WasiCtx::builder();
        builder.listener(listener.into()).unwrap();
        (Guest::with(builder.build().unwrap()), address)
    }

    fn accept(guest: &mut Guest, fd: u32, flags: u32) -> Result<u32, Errno> {
        guest.call(|ctx, mem| sock_accept(ctx, mem, fd, flags, 16))?;
        Ok(guest.u32_at(16))
    }

    /// A connection as the guest has it, and the other end.
    fn connected(flags: u32) -> (Guest, u32, TcpStream) {
        let (mut guest, address) = listening();
        let peer = TcpStream::connect(address).unwrap();
        let fd = accept(&mut guest, LISTENER, flags).unwrap();
        (guest, fd, peer)
    }

    fn receive(guest: &mut Guest, fd: u32, len: u32, flags: u32) -> Result<Vec<u8>, Errno> {
        guest.put(32, &4096u32.to_le_bytes());
        guest.put(36, &len.to_le_bytes());
        guest.put(20, &[0xff; 2]);
        guest.call(|ctx, mem| sock_recv(ctx, mem, fd, 32, 1, flags, 16, 20))?;
        assert_eq!(guest.bytes[20..22], [0; 2], "nothing of a stream is cut off");
        Ok(guest.bytes[4096..][..guest.u32_at(16) as usize].to_vec())
    }

    fn send(guest: &mut Guest, fd: u32, data: &[u8], flags: u32) -> Result<u32, Errno> {
        let (ptr, len) = guest.put(4096, data);
        guest.put(32, &ptr.to_le_bytes());
        guest.put(36, &len.to_le_bytes());
        guest.call(|ctx, mem| sock_send(ctx, mem, fd, 32, 1, flags, 16))?;
        Ok(guest.u32_at(16))
    }

    fn shutdown(guest: &mut Guest, fd: u32, how: u32) -> Result<(), Errno> {
        guest.call(|ctx, mem| sock_shutdown(ctx, mem, fd, how))
    }

    fn stat(guest: &mut Guest, fd: u32) -> (u8, u16, Rights, Rights) {
        guest.call(|ctx, mem| super::super::fd::fd_fdstat_get(ctx, mem, fd, 64)).unwrap();
        let flags = u16::from_le_bytes([guest.bytes[66], guest.bytes[67]]);
        (guest.bytes[64], flags, Rights::from_raw(guest.u64_at(72)), Rights::from_raw(guest.u64_at(80)))
    }

    fn narrow(guest: &mut Guest, fd: u32, base: Rights, inheriting: Rights) {
        guest
            .call(|ctx, mem| super::super::fd::fd_fdstat_set_rights(ctx, mem, fd, base.raw(), inheriting.raw()))
            .unwrap();
    }

    #[test]
    fn connections_are_accepted_and_are_streams() {
        let (mut guest, fd, mut peer) = connected(0);
        assert_eq!(fd, LISTENER + 1);
        peer.write_all(b"hello world").unwrap();
        assert_eq!(guest.read(fd, 5).unwrap(), b"hello");
        assert_eq!(receive(&mut guest, fd, 100, 0).unwrap(), b" world");
        assert_eq!(guest.write(fd, b"good"), Ok(4));
        assert_eq!(send(&mut guest, fd, b"bye", 0), Ok(3));
        let mut buffer = [0; 7];
        peer.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"goodbye");
        drop(peer);
        assert_eq!(receive(&mut guest, fd, 9, 0).unwrap(), b"", "the end");
        guest.call(|ctx, mem| super::super::fd::fd_close(ctx, mem, fd)).unwrap();
        assert_eq!(receive(&mut guest, fd, 9, 0), Err(Errno::BADF));
        let seek = guest.call(|ctx, mem| super::super::fd_io::fd_seek(ctx, mem, LISTENER, 0, 0, 16));
        assert_eq!(seek, Err(Errno::SPIPE));
    }

    /// What is denied explicitly is denied to those who come by themselves, too.
    #[test]
    fn who_is_denied_is_not_answered() {
        for (deny, answered) in [("127.0.0.0/8", false), ("10.0.0.0/8", true), ("default", true)] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let grant = Net { deny: vec![Deny::parse(deny).unwrap()], ..Net::default() };
            let mut socket = Socket::listener_of(listener.into(), NetCap::new(grant)).unwrap();
            let accepted = socket.accept(true);
            assert_eq!(accepted.is_ok(), answered, "{deny}");
            drop(accepted);
            assert_eq!(peer.read(&mut [0]).unwrap(), 0, "{deny}: it does not wait for an answer");
        }
    }

    #[test]
    fn unix_sockets_listen_too() {
        let dir = TempDir::new();
        let path = dir.path().join("socket");
        let mut builder = WasiCtx::builder();
        builder.listener(UnixListener::bind(&path).unwrap().into()).unwrap();
        let mut guest = Guest::with(builder.build().unwrap());
        let mut peer = UnixStream::connect(&path).unwrap();
        let fd = accept(&mut guest, LISTENER, 0).unwrap();
        peer.write_all(b"x").unwrap();
        assert_eq!(receive(&mut guest, fd, 9, 0).unwrap(), b"x");
        drop(peer);
        for _ in 0..3 {
            assert_eq!(send(&mut guest, fd, b"y", 0), Err(Errno::PIPE), "an error, and no signal");
        }
    }

    #[test]
    fn only_what_listens_is_granted() {
        let (stream, _other) = UnixStream::pair().unwrap();
        let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let unbound = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        for fd in [stream.into(), datagrams.into(), file.into(), unbound] {
            let mut builder = WasiCtx::builder();
            assert!(matches!(builder.listener(fd), Err(PreopenError::NotListening)));
        }
        let packets = rustix::net::socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
        let name = rustix::net::SocketAddrUnix::new_abstract_name(format!("bwk-{}", std::process::id()).as_bytes());
        rustix::net::bind(&packets, &name.unwrap()).unwrap();
        rustix::net::listen(&packets, 1).unwrap();
        assert!(matches!(WasiCtx::builder().listener(packets), Err(PreopenError::NotListening)), "no stream");
    }

    #[test]
    fn nobody_is_waited_for_who_is_not_to_be() {
        let (mut guest, _) = listening();
        let set_flags = |guest: &mut Guest, fd, flags| {
            guest.call(|ctx, mem| super::super::fd::fd_fdstat_set_flags(ctx, mem, fd, flags))
        };
        set_flags(&mut guest, LISTENER, NONBLOCK).unwrap();
        assert_eq!(accept(&mut guest, LISTENER, 0), Err(Errno::AGAIN));
        let (mut guest, fd, peer) = connected(NONBLOCK);
        assert_eq!(stat(&mut guest, fd).1, FdFlags::NONBLOCK.raw());
        assert_eq!(receive(&mut guest, fd, 9, 0), Err(Errno::AGAIN));
        assert_eq!(receive(&mut guest, fd, 9, RECV_WAITALL), Err(Errno::AGAIN));
        assert_eq!(guest.read(fd, 9), Err(Errno::AGAIN));
        while send(&mut guest, fd, &[1; 60_000], 0).is_ok() {}
        assert_eq!(send(&mut guest, fd, &[1; 60_000], 0), Err(Errno::AGAIN));
        drop(peer);
    }

    #[test]
    fn what_waits_gets_what_comes() {
        let (mut guest, address) = listening();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let pause = || std::thread::sleep(std::time::Duration::from_millis(20));
                pause();
                let mut peer = TcpStream::connect(address).unwrap();
                for part in [&b"ab"[..], b"cd", b"ef"] {
                    pause();
                    peer.write_all(part).unwrap();
                }
                // All of what the guest sends, though it is more than the sockets hold.
                let mut all = Vec::new();
                peer.read_to_end(&mut all).unwrap();
                assert_eq!(all.len(), 8 << 20);
            });
            let fd = accept(&mut guest, LISTENER, 0).unwrap();
            assert_eq!(receive(&mut guest, fd, 5, RECV_WAITALL).unwrap(), b"abcde");
            assert_eq!(receive(&mut guest, fd, 5, 0).unwrap(), b"f");
            guest.bytes.resize(4096 + (8 << 20), 7);
            assert_eq!(send(&mut guest, fd, &vec![7; 8 << 20], 0), Ok(8 << 20));
            shutdown(&mut guest, fd, SHUT_WR).unwrap();
        });
    }

    #[test]
    fn what_is_peeked_at_stays() {
        let (mut guest, fd, mut peer) = connected(0);
        peer.write_all(b"abc").unwrap();
        assert_eq!(receive(&mut guest, fd, 2, RECV_PEEK).unwrap(), b"ab");
        assert_eq!(receive(&mut guest, fd, 9, RECV_PEEK | RECV_WAITALL).unwrap(), b"abc", "what there is");
        assert_eq!(receive(&mut guest, fd, 3, RECV_WAITALL).unwrap(), b"abc");
        drop(peer);
        assert_eq!(receive(&mut guest, fd, 3, RECV_WAITALL).unwrap(), b"", "the end is not waited beyond");
    }

    #[test]
    fn each_direction_is_shut_down() {
        let (mut guest, fd, mut peer) = connected(0);
        assert_eq!(shutdown(&mut guest, fd, SHUT_WR), Ok(()));
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
        assert_eq!(send(&mut guest, fd, b"x", 0), Err(Errno::PIPE));
        peer.write_all(b"x").unwrap();
        assert_eq!(receive(&mut guest, fd, 9, 0).unwrap(), b"x");
        assert_eq!(shutdown(&mut guest, fd, SHUT_RD), Ok(()));
        assert_eq!(receive(&mut guest, fd, 9, 0).unwrap(), b"");
        assert_eq!(shutdown(&mut guest, fd, SHUT_RD | SHUT_WR), Ok(()));
    }

    #[test]
    fn a_connection_that_is_reset_says_so_once() {
        let (mut guest, fd, peer) = connected(0);
        guest.write(fd, b"unread").unwrap();
        // What it has not read when it closes makes it reset the connection.
        while peer.peek(&mut [0; 9]).unwrap() < 6 {}
        drop(peer);
        assert_eq!(receive(&mut guest, fd, 9, 0), Err(Errno::CONNRESET));
        assert_eq!(receive(&mut guest, fd, 9, 0).unwrap(), b"");
    }

    #[test]
    fn mistakes_are_refused() {
        let (mut guest, fd, mut peer) = connected(0);
        peer.write_all(b"abc").unwrap();
        for flags in [4, 8, 1 << 16, u32::MAX] {
            assert_eq!(receive(&mut guest, fd, 9, flags), Err(Errno::INVAL));
            assert_eq!(send(&mut guest, fd, b"x", flags), Err(Errno::INVAL));
            assert_eq!(shutdown(&mut guest, fd, flags), Err(Errno::INVAL));
        }
        assert_eq!(send(&mut guest, fd, b"x", 1), Err(Errno::INVAL));
        assert_eq!(shutdown(&mut guest, fd, 0), Err(Errno::INVAL));
        for flags in [1, NONBLOCK | 1, 0x20, 1 << 16] {
            assert_eq!(accept(&mut guest, LISTENER, flags), Err(Errno::INVAL));
        }
        assert_eq!(accept(&mut guest, fd, 0), Err(Errno::INVAL), "it does not listen");
        assert_eq!(shutdown(&mut guest, LISTENER, SHUT_RD), Err(Errno::NOTCAPABLE));
        assert_eq!(receive(&mut guest, LISTENER, 1, 0), Err(Errno::NOTCONN));
        assert_eq!(send(&mut guest, LISTENER, b"x", 0), Err(Errno::BADF));
        // A fault takes nothing from the connection, and no connection from the queue.
        let end = guest.bytes.len() as u32;
        for (received, flags_out) in [(end - 3, 20), (16, end - 1)] {
            let call = guest.call(|ctx, mem| sock_recv(ctx, mem, fd, 32, 1, 0, received, flags_out));
            assert_eq!(call, Err(Errno::FAULT));
        }
        assert_eq!(receive(&mut guest, fd, 9, 0).unwrap(), b"abc");
        let _waiting = TcpStream::connect(peer.peer_addr().unwrap());
    }

    #[test]
    fn what_is_no_socket_is_told_apart() {
        let dir = TempDir::new();
        let mut builder = WasiCtx::builder();
        builder.stdin_bytes("x");
        builder.capture_stdout(9);
        let mut guest = Guest::with(builder.build().unwrap());
        drop(dir);
        for (fd, expected) in [(0, Errno::NOTSOCK), (1, Errno::NOTSOCK), (2, Errno::BADF), (9, Errno::BADF)] {
            assert_eq!(accept(&mut guest, fd, 0), Err(expected));
            assert_eq!(receive(&mut guest, fd, 1, 0), Err(expected));
            assert_eq!(send(&mut guest, fd, b"x", 0), Err(expected));
            assert_eq!(shutdown(&mut guest, fd, SHUT_RD), Err(expected));
            assert_eq!(shutdown(&mut guest, fd, 0), Err(expected), "whatever else is wrong");
        }
    }

    #[test]
    fn rights_are_inherited_and_narrow() {
        let (mut guest, address) = listening();
        assert_eq!(stat(&mut guest, LISTENER), (6, 0, Rights::LISTENER, Rights::CONNECTION));
        narrow(&mut guest, LISTENER, Rights::LISTENER, Rights::CONNECTION.difference(Rights::FD_WRITE));
        let mut peer = TcpStream::connect(address).unwrap();
        let fd = accept(&mut guest, LISTENER, 0).unwrap();
        assert_eq!(stat(&mut guest, fd), (6, 0, Rights::CONNECTION.difference(Rights::FD_WRITE), Rights::NONE));
        assert_eq!(send(&mut guest, fd, b"x", 0).unwrap_err().rule(), Some(Rule::Rights));
        peer.write_all(b"abc").unwrap();
        assert_eq!(receive(&mut guest, fd, 1, 0).unwrap(), b"a");
        narrow(&mut guest, fd, Rights::SOCK_SHUTDOWN, Rights::NONE);
        assert_eq!(receive(&mut guest, fd, 1, 0), Err(Errno::BADF));
        narrow(&mut guest, fd, Rights::NONE, Rights::NONE);
        assert_eq!(shutdown(&mut guest, fd, SHUT_RD).unwrap_err().rule(), Some(Rule::Rights));
        narrow(&mut guest, LISTENER, Rights::FD_READ, Rights::NONE);
        assert_eq!(accept(&mut guest, LISTENER, 0).unwrap_err().rule(), Some(Rule::Rights));
    }

    #[test]
    fn connections_count_as_descriptors() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut builder = WasiCtx::builder();
        builder.listener(listener.into()).unwrap().max_descriptors(LISTENER + 2);
        let mut guest = Guest::with(builder.build().unwrap());
        let _peers = [TcpStream::connect(address).unwrap(), TcpStream::connect(address).unwrap()];
        let fd = accept(&mut guest, LISTENER, 0).unwrap();
        let full = accept(&mut guest, LISTENER, 0).unwrap_err();
        assert_eq!((full, full.rule()), (Errno::MFILE, Some(Rule::Descriptors)));
        guest.call(|ctx, mem| super::super::fd::fd_close(ctx, mem, fd)).unwrap();
        assert_eq!(accept(&mut guest, LISTENER, 0), Ok(fd), "the other one still waits in the queue");
    }
}
