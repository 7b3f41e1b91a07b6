//! The host's own network, as a guest was granted it.
//!
//! A call decides first, before any packet, whether it is granted; then looks a name up, with nothing of the guest locked;
//! then checks each address, and uses one that was checked. A socket is one of the guest's descriptors.

use super::super::audit::{Argument, Denial};
use super::super::ctx::WasiCtx;
use super::super::descriptors::{Descriptor, Kind};
use super::super::errno::{Errno, Rule, retry};
use super::super::sock::{Held, Peers, Role, Socket};
use super::super::types::{FdFlags, Rights};
use super::super::usage::Place;
use super::super::wait::{HostFd, Stop, Wait, monotonic_ns};
use super::abi::INTERFACE;
use super::calls::{Answers, Progress, Ready, Reply, Request};
use super::cap::{NetCap, Ticket};
use super::connect::{self, Connecting, Target};
use super::policy::{Dns, Host, Way};
use super::resolver::Lookup;
use crate::{Caller, HostError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::net::{Shutdown, SocketType, sockopt};
use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

/// How many connections wait to be accepted.
const BACKLOG: i32 = 128;

/// What a guest holds of the network.
#[derive(Debug, Default)]
pub(in super::super) struct Network {
    pub(in super::super) tcp: Vec<NetCap>,
    pub(in super::super) udp: Vec<NetCap>,
    pub(in super::super) dns: Vec<Dns>,
    /// Descriptors that listen from the beginning.
    pub(in super::super) listeners: Vec<u32>,
}

impl Network {
    /// Who may look a name up and is asked for it. `None` if that was not granted.
    fn servers_for(&self, name: &str) -> Option<Vec<SocketAddr>> {
        self.dns.iter().find(|dns| dns.allows(name)).map(|dns| dns.servers.clone())
    }

    /// Who is asked for a name that is granted by itself.
    fn servers(&self) -> Vec<SocketAddr> {
        self.dns.iter().map(|dns| dns.servers.clone()).find(|servers| !servers.is_empty()).unwrap_or_default()
    }

    /// How a host may be reached, and what has to be looked up for it. Nothing is sent that this does not allow.
    fn route(&self, caps: &[NetCap], host: &str, port: u16) -> Result<Route, Errno> {
        let host = Host::parse(host).ok_or(Errno::INVAL)?;
        let mut ways: Vec<(NetCap, Way)> = Vec::new();
        for cap in caps {
            cap.alive()?;
            let Some(way) = cap.grant().way(&host, port) else { continue };
            // The most literal first, and of the same kind whoever was named first.
            let place = ways.partition_point(|(_, before)| *before as u8 <= way as u8);
            ways.insert(place, (cap.clone(), way));
        }
        if ways.is_empty() {
            return Err(Errno::NOTCAPABLE.by(Rule::Host));
        }
        let known = host.known();
        let mut lookup = None;
        if let (None, Host::Name(name)) = (&known, &host) {
            let granted = self.servers_for(name);
            if granted.is_none() {
                // A name that the guest chose says something to whoever answers for it.
                ways.retain(|(_, way)| *way != Way::Pattern);
            }
            if ways.is_empty() {
                return Err(Errno::NOTCAPABLE.by(Rule::Name));
            }
            lookup = Some((name.clone(), granted.unwrap_or_else(|| self.servers())));
        }
        Ok(Route { ways, port, known, lookup })
    }
}

/// How a host may be reached.
#[derive(Debug)]
struct Route {
    /// By which grants.
    ways: Vec<(NetCap, Way)>,
    port: u16,
    /// The addresses, if they are known without a look-up.
    known: Option<Vec<IpAddr>>,
    /// Else the name, and who is asked.
    lookup: Option<(String, Vec<SocketAddr>)>,
}

/// How far a call is that has to wait.
#[derive(Debug, Default)]
pub(super) enum Stage {
    #[default]
    Begin,
    /// A name is looked up.
    Lookup(Box<Lookup>, Vec<(NetCap, Way)>, u16),
    /// The addresses are known that may be used.
    Targets(Vec<Target>),
    /// A connection is being made, and counted.
    Connecting(Box<Connecting>, Vec<Ticket>),
}

fn guest(ctx: &Mutex<WasiCtx>) -> Result<MutexGuard<'_, WasiCtx>, Errno> {
    // A state that a panic left half changed is not used again.
    ctx.lock().map_err(|_| Errno::NOTRECOVERABLE)
}

/// Notes what the guest uses of what it was granted, if anybody wants to know.
fn note(guest: &WasiCtx, kind: Place, place: &str) {
    if let Some(recorder) = &guest.recorder {
        recorder.note_place(kind, place);
    }
}

/// A host and a port, as manifests write them.
fn place(host: &str, port: u16) -> String {
    match host.parse::<IpAddr>() {
        Ok(address) => SocketAddr::new(address.to_canonical(), port).to_string(),
        Err(_) => format!("{host}:{port}"),
    }
}

/// Goes on to the addresses that may be used: those of the host that were checked.
fn targets(
    ctx: &Mutex<WasiCtx>,
    progress: &mut Progress,
    (host, port): (&str, u16),
    caps: impl Fn(&WasiCtx) -> Result<Vec<NetCap>, Errno>,
    afford: impl Fn(&NetCap) -> Result<(), Errno>,
    function: &'static str,
) -> Result<Vec<Target>, Stop> {
    loop {
        match std::mem::take(&mut progress.stage) {
            Stage::Targets(targets) => return Ok(targets),
            Stage::Begin => {
                let guest = guest(ctx)?;
                let route = guest.network.route(&caps(&guest)?, host, port)?;
                // What a limit will refuse is refused before a name is looked up.
                route.ways.iter().map(|(cap, _)| afford(cap)).reduce(Result::or).unwrap_or(Ok(()))?;
                let used = if function == "connect" { Place::TcpConnect } else { Place::UdpConnect };
                note(&guest, used, &place(host, port));
                if route.ways.iter().all(|(_, way)| *way == Way::Pattern) && route.lookup.is_some() {
                    note(&guest, Place::Name, host);
                }
                drop(guest);
                match route.lookup {
                    Some((name, servers)) => {
                        let lookup = Lookup::begin(&name, &servers);
                        progress.stage = Stage::Lookup(Box::new(lookup), route.ways, route.port);
                    }
                    None => {
                        let known = route.known.unwrap_or_default();
                        return admitted(ctx, known, &route.ways, (host, port), function);
                    }
                }
            }
            Stage::Lookup(mut lookup, ways, port) => match lookup.step() {
                Ok(found) => return admitted(ctx, found, &ways, (host, port), function),
                Err(stop) => {
                    progress.stage = Stage::Lookup(lookup, ways, port);
                    return Err(stop);
                }
            },
            Stage::Connecting(..) => return Err(Errno::IO.into()),
        }
    }
}

/// Those of the addresses that may be used, each by the first grant that admits it. Those that may not are told to the
/// auditor.
fn admitted(
    ctx: &Mutex<WasiCtx>,
    found: Vec<IpAddr>,
    ways: &[(NetCap, Way)],
    (host, port): (&str, u16),
    function: &'static str,
) -> Result<Vec<Target>, Stop> {
    let mut targets = Vec::new();
    let any = !found.is_empty();
    for address in found {
        let address = address.to_canonical();
        match ways.iter().find(|(cap, way)| cap.grant().admits(address, *way)) {
            Some((cap, _)) => targets.push(Target { address: SocketAddr::new(address, port), cap: cap.clone() }),
            None => {
                let errno = Errno::NOTCAPABLE.by(Rule::Address);
                let arguments = [
                    ("host", Argument::Path(host.to_owned())),
                    ("port", Argument::Number(port.into())),
                    ("address", Argument::Path(address.to_string())),
                ];
                audit(&mut *guest(ctx)?, function, &arguments, errno);
            }
        }
    }
    match (targets.is_empty(), any) {
        // The auditor knows already.
        (true, true) => Err(Errno::NOTCAPABLE.into()),
        (true, false) => Err(Errno::NOENT.into()),
        _ => Ok(targets),
    }
}

fn audit(ctx: &mut WasiCtx, function: &'static str, arguments: &[(&'static str, Argument)], errno: Errno) {
    if let (Some(rule), Some(auditor)) = (errno.rule(), &mut ctx.auditor) {
        auditor(&Denial { module: INTERFACE, function, arguments, errno, rule, why: None });
    }
}

/// The socket that is open, and whether the guest may use it for `rights`.
fn socket(ctx: &mut WasiCtx, fd: u32, rights: Rights) -> Result<&mut Socket, Errno> {
    let descriptor = ctx.descriptors.get_mut(fd)?;
    descriptor.require(rights)?;
    match &mut descriptor.kind {
        Kind::Socket(socket) => Ok(socket),
        _ => Err(Errno::NOTSOCK),
    }
}

fn insert(ctx: &mut WasiCtx, socket: Socket, nonblock: bool) -> Result<Reply, Stop> {
    let mut descriptor = Descriptor::connection(socket);
    if nonblock {
        descriptor.flags = FdFlags::NONBLOCK;
    }
    Ok(Reply::Number(ctx.descriptors.insert(descriptor)?))
}

fn endpoint(address: SocketAddr) -> (String, u16) {
    (address.ip().to_string(), address.port())
}

/// Binds a socket.
fn bound(address: SocketAddr, kind: SocketType) -> Result<OwnedFd, Errno> {
    let socket = connect::socket(address, kind)?;
    if kind == SocketType::STREAM {
        // A server that is started again finds its port.
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    retry(|| rustix::net::bind(&socket, &address))?;
    if kind == SocketType::STREAM {
        retry(|| rustix::net::listen(&socket, BACKLOG))?;
    }
    Ok(socket)
}

/// A socket that listens, for who is granted it from the beginning.
pub fn listening(address: SocketAddr) -> std::io::Result<OwnedFd> {
    let error = |errno: Errno| std::io::Error::other(errno.name().to_ascii_lowercase());
    bound(address, SocketType::STREAM).map_err(error)
}

fn connect(
    ctx: &Mutex<WasiCtx>,
    (host, port): (&str, u16),
    wait: bool,
    progress: &mut Progress,
) -> Result<Reply, Stop> {
    if !matches!(progress.stage, Stage::Connecting(..)) {
        guest(ctx)?.descriptors.vacancy()?;
        let caps = |guest: &WasiCtx| Ok(guest.network.tcp.clone());
        let afford = |cap: &NetCap| cap.connection().map(drop);
        let targets = targets(ctx, progress, (host, port), caps, afford, "connect")?;
        // One for each grant that may be used: which one it is shows when the connection is there.
        let mut tickets: Vec<Ticket> = Vec::new();
        for target in &targets {
            if !tickets.iter().any(|ticket| ticket.is_of(&target.cap)) {
                tickets.push(target.cap.connection()?);
            }
        }
        progress.stage = Stage::Connecting(Box::new(Connecting::begin(targets)), tickets);
    }
    let Stage::Connecting(connecting, tickets) = &mut progress.stage else { return Err(Errno::IO.into()) };
    let (socket, target) = connecting.step(wait)?;
    let own = tickets.iter().position(|ticket| ticket.is_of(&target.cap)).ok_or(Errno::IO)?;
    let held = Held::new(target.cap, Some(tickets.swap_remove(own)));
    held.cap.alive()?;
    let socket = Socket::new(HostFd::Shared(socket), Role::Stream, Some(held));
    insert(&mut *guest(ctx)?, socket, !wait)
}

fn resolve(ctx: &Mutex<WasiCtx>, name: &str, progress: &mut Progress) -> Result<Reply, Stop> {
    if let Stage::Begin = progress.stage {
        let guest = guest(ctx)?;
        let host = Host::parse(name).ok_or(Errno::INVAL)?;
        let denied = Errno::NOTCAPABLE.by(Rule::Name);
        let servers = match &host {
            // It is no secret to whoever has it, but only those look anything up who may.
            Host::Address(_) if guest.network.dns.is_empty() => Err(denied),
            Host::Address(_) => Ok(Vec::new()),
            Host::Name(name) => guest.network.servers_for(name).ok_or(denied),
        }?;
        note(&guest, Place::Name, name);
        match (host.known(), &host) {
            (Some(known), _) => return Ok(Reply::Texts(known.iter().map(ToString::to_string).collect())),
            (None, Host::Name(name)) => {
                drop(guest);
                progress.stage = Stage::Lookup(Box::new(Lookup::begin(name, &servers)), Vec::new(), 0);
            }
            (None, Host::Address(_)) => return Err(Errno::IO.into()),
        }
    }
    let Stage::Lookup(lookup, ..) = &mut progress.stage else { return Err(Errno::IO.into()) };
    let found = lookup.step()?;
    Ok(Reply::Texts(found.iter().map(|address| address.to_canonical().to_string()).collect()))
}

fn listen(guest: &mut WasiCtx, address: &str, port: u16) -> Result<Reply, Stop> {
    let address: IpAddr = address.parse::<IpAddr>().map_err(|_| Errno::INVAL)?.to_canonical();
    let cap = guest.network.tcp.iter().find(|cap| cap.grant().listens(address, port)).cloned();
    let cap = cap.ok_or(Errno::NOTCAPABLE.by(Rule::Host))?;
    cap.alive()?;
    guest.descriptors.vacancy()?;
    note(guest, Place::TcpListen, &SocketAddr::new(address, port).to_string());
    let socket = bound(SocketAddr::new(address, port), SocketType::STREAM)?;
    let socket = Socket::new(HostFd::Shared(Arc::new(socket)), Role::Listener, Some(Held::new(cap, None)));
    Ok(Reply::Number(guest.descriptors.insert(Descriptor::listener(socket))?))
}

/// A socket for datagrams: one that was granted to be bound there hears from anybody; any other is a client's, on a port
/// that the system chooses, and hears from those only to whom it has sent.
fn bind(guest: &mut WasiCtx, address: &str, port: u16) -> Result<Reply, Stop> {
    let address: IpAddr = address.parse::<IpAddr>().map_err(|_| Errno::INVAL)?.to_canonical();
    let serves = guest.network.udp.iter().find(|cap| cap.grant().listens(address, port)).cloned();
    let client = || guest.network.udp.iter().find(|cap| !cap.grant().connect.is_empty()).cloned();
    let (cap, anybody) = match serves {
        Some(cap) => (cap, true),
        None if port == 0 && (address.is_unspecified() || address.is_loopback()) => {
            (client().ok_or(Errno::NOTCAPABLE.by(Rule::Host))?, false)
        }
        None => return Err(Errno::NOTCAPABLE.by(Rule::Host).into()),
    };
    guest.descriptors.vacancy()?;
    let ticket = cap.connection()?;
    if anybody {
        note(guest, Place::UdpListen, &SocketAddr::new(address, port).to_string());
    }
    let socket = bound(SocketAddr::new(address, port), SocketType::DGRAM)?;
    let role = Role::Datagrams(Peers::new(anybody));
    insert(guest, Socket::new(HostFd::Shared(Arc::new(socket)), role, Some(Held::new(cap, Some(ticket)))), false)
}

fn send_to(
    ctx: &Mutex<WasiCtx>,
    fd: u32,
    data: &[u8],
    (host, port): (&str, u16),
    progress: &mut Progress,
) -> Result<Reply, Stop> {
    if let Stage::Begin = progress.stage {
        // Who wrote may be answered.
        let mut guest = guest(ctx)?;
        let socket = socket(&mut guest, fd, Rights::FD_WRITE)?;
        if let Some(Host::Address(address)) = Host::parse(host)
            && socket.heard_from(SocketAddr::new(address, port))
        {
            return Ok(Reply::Number(socket.send_to(data, SocketAddr::new(address, port))?));
        }
    }
    let caps = |guest: &WasiCtx| match &guest.descriptors.get(fd)?.kind {
        Kind::Socket(socket) => socket.datagram_cap().map(|cap| vec![cap]),
        _ => Err(Errno::NOTSOCK),
    };
    let targets = match std::mem::take(&mut progress.stage) {
        Stage::Targets(targets) => targets,
        stage => {
            progress.stage = stage;
            let afford = |cap: &NetCap| match cap.reserve(data.len())?.bytes == data.len() {
                true => Ok(()),
                false => Err(Errno::DQUOT.by(Rule::Bytes)),
            };
            targets(ctx, progress, (host, port), caps, afford, "send-to")?
        }
    };
    let mut guest = guest(ctx)?;
    let socket = socket(&mut guest, fd, Rights::FD_WRITE)?;
    let mut last = Errno::AFNOSUPPORT;
    for target in &targets {
        match socket.send_to(data, target.address) {
            Ok(sent) => return Ok(Reply::Number(sent)),
            // The queue is full for a moment.
            Err(errno) if errno == Errno::AGAIN => {
                let fd = socket.stream().host_fd();
                progress.stage = Stage::Targets(targets);
                return Err(Wait::for_stream(fd, PollFlags::OUT));
            }
            Err(errno) if errno.rule().is_some() => return Err(errno.into()),
            Err(errno) => last = errno,
        }
    }
    Err(last.into())
}

fn wait_for(
    guest: &mut WasiCtx,
    subscriptions: &[(u32, Ready)],
    timeout_ns: Option<u64>,
    progress: &mut Progress,
) -> Result<Reply, Stop> {
    if subscriptions.is_empty() && timeout_ns.is_none() {
        return Err(Errno::INVAL.into());
    }
    let mut streams = Vec::with_capacity(subscriptions.len());
    for (fd, asked) in subscriptions {
        let stream = socket(guest, *fd, Rights::POLL_FD_READWRITE)?.stream().host_fd();
        let mut events = PollFlags::empty();
        events.set(PollFlags::IN, asked.read);
        events.set(PollFlags::OUT, asked.write);
        streams.push((stream, events));
    }
    let mut fds: Vec<PollFd<'_>> = streams.iter().map(|(fd, e)| PollFd::from_borrowed_fd(fd.as_fd(), *e)).collect();
    retry(|| poll(&mut fds, Some(&Timespec::default())))?;
    let ready: Vec<Ready> = fds
        .iter()
        .zip(subscriptions)
        .map(|(fd, (_, asked))| {
            let found = fd.revents();
            let over = found.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
            let read = asked.read && (found.contains(PollFlags::IN) || over);
            Ready { read, write: asked.write && (found.contains(PollFlags::OUT) || over), hangup: over }
        })
        .collect();
    drop(fds);
    let until_ns = timeout_ns.map(|ns| progress.began_ns.get_or_insert_with(monotonic_ns).saturating_add(ns));
    let any = ready.iter().any(|ready| *ready != Ready::default());
    if any || until_ns.is_some_and(|at| monotonic_ns() >= at) {
        return Ok(Reply::Ready(ready));
    }
    Err(Stop::Wait(Wait { streams, until_ns }))
}

/// What is asked of sockets that are there.
fn of_socket(guest: &mut WasiCtx, request: &Request, progress: &mut Progress) -> Result<Reply, Stop> {
    match request {
        Request::Accept { listener, wait } => {
            guest.descriptors.vacancy()?;
            let connection = socket(guest, *listener, Rights::SOCK_ACCEPT)?.accept(!wait)?;
            insert(guest, connection, false)
        }
        Request::Send { socket: fd, data, wait } => {
            let slices = [IoSlice::new(data)];
            let sent = socket(guest, *fd, Rights::FD_WRITE)?.send(&slices, &mut progress.moved, !wait)?;
            Ok(Reply::Number(sent as u32))
        }
        Request::Receive { socket: fd, len, peek, wait } => {
            let mut buffer = vec![0; *len as usize];
            let socket = socket(guest, *fd, Rights::FD_READ)?;
            let received = socket.receive_with(&mut [IoSliceMut::new(&mut buffer)], &mut 0, *peek, false, !wait)?;
            buffer.truncate(received);
            Ok(Reply::Bytes(buffer))
        }
        Request::ReceiveFrom { socket: fd, len, wait } => {
            let mut buffer = vec![0; *len as usize];
            let (received, sender) = socket(guest, *fd, Rights::FD_READ)?.receive_from(&mut buffer, !wait)?;
            buffer.truncate(received);
            Ok(Reply::Datagram(buffer, endpoint(sender)))
        }
        Request::Local { socket: fd } => {
            let socket = socket(guest, *fd, Rights::NONE)?;
            let address = retry(|| rustix::net::getsockname(&*socket))?;
            Ok(Reply::Endpoint(endpoint(SocketAddr::try_from(address).map_err(Errno::from)?)))
        }
        Request::Peer { socket: fd } => {
            let socket = socket(guest, *fd, Rights::NONE)?;
            let address = retry(|| rustix::net::getpeername(&*socket))?.ok_or(Errno::NOTCONN)?;
            Ok(Reply::Endpoint(endpoint(SocketAddr::try_from(address).map_err(Errno::from)?)))
        }
        Request::Shutdown { socket: fd, receiving, sending } => {
            let how = match (receiving, sending) {
                (true, true) => Shutdown::Both,
                (true, false) => Shutdown::Read,
                (false, true) => Shutdown::Write,
                (false, false) => return Err(Errno::INVAL.into()),
            };
            let socket = socket(guest, *fd, Rights::SOCK_SHUTDOWN)?;
            retry(|| rustix::net::shutdown(&*socket, how))?;
            Ok(Reply::Done)
        }
        Request::Close { socket: fd } => {
            socket(guest, *fd, Rights::NONE)?;
            guest.descriptors.remove(*fd)?;
            Ok(Reply::Done)
        }
        _ => Err(Errno::NOSYS.into()),
    }
}

/// Makes an attempt at a call.
fn attempt(ctx: &Mutex<WasiCtx>, request: &Request, progress: &mut Progress) -> Result<Reply, Stop> {
    match request {
        Request::Resolve { name } => resolve(ctx, name, progress),
        Request::Connect { host, port, wait } => connect(ctx, (host, *port), *wait, progress),
        Request::SendTo { socket, data, host, port } => send_to(ctx, *socket, data, (host, *port), progress),
        Request::Listeners => Ok(Reply::Numbers(guest(ctx)?.network.listeners.clone())),
        Request::Listen { address, port } => listen(&mut *guest(ctx)?, address, *port),
        Request::Bind { address, port } => bind(&mut *guest(ctx)?, address, *port),
        Request::Poll { subscriptions, timeout_ns } => {
            wait_for(&mut *guest(ctx)?, subscriptions, *timeout_ns, progress)
        }
        request => of_socket(&mut *guest(ctx)?, request, progress),
    }
}

impl Answers for Mutex<WasiCtx> {
    fn attempt(
        &self,
        _caller: &mut Caller<'_>,
        request: &Request,
        progress: &mut Progress,
    ) -> Result<Result<Reply, Stop>, HostError> {
        Ok(attempt(self, request, progress))
    }

    fn denied(&self, function: &'static str, request: &Request, errno: Errno) {
        if let Ok(mut guest) = self.lock() {
            audit(&mut guest, function, &arguments(request), errno);
        }
    }
}

/// The arguments of a call, for the auditor.
fn arguments(request: &Request) -> Vec<(&'static str, Argument)> {
    let text = |text: &str| Argument::Path(text[..text.floor_char_boundary(256)].to_owned());
    let number = |number: u32| Argument::Number(number.into());
    match request {
        Request::Resolve { name } => vec![("name", text(name))],
        Request::Connect { host, port, .. } => vec![("host", text(host)), ("port", number((*port).into()))],
        Request::SendTo { socket, host, port, .. } => {
            vec![("socket", number(*socket)), ("host", text(host)), ("port", number((*port).into()))]
        }
        Request::Listen { address, port } | Request::Bind { address, port } => {
            vec![("address", text(address)), ("port", number((*port).into()))]
        }
        Request::Accept { listener: socket, .. }
        | Request::Send { socket, .. }
        | Request::Receive { socket, .. }
        | Request::ReceiveFrom { socket, .. }
        | Request::Local { socket }
        | Request::Peer { socket }
        | Request::Shutdown { socket, .. }
        | Request::Close { socket } => vec![("socket", number(*socket))],
        Request::Listeners | Request::Poll { .. } => Vec::new(),
    }
}
