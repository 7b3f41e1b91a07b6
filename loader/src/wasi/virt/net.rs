//! The network for a guest that imports it while another module stands between: its calls are that module's to answer, and
//! its sockets are descriptors of the guest, as those of the host's network are.

use super::super::ctx::WasiCtx;
use super::super::descriptors::{Descriptor, Kind};
use super::super::errno::{Errno, Rule};
use super::super::net::{self, Progress, Ready, Reply, Request};
use super::super::types::{FdFlags, Rights};
use super::super::unstable::Layout;
use super::super::wait::Stop;
use super::file::{VirtualFile, What};
use super::front::{Front, Held};
use super::{Answer, Halt, Virtual};
use crate::{Caller, HostError};
use std::sync::{Arc, Mutex};

/// The most addresses of one name, and bytes of one address.
const MAX_ADDRESSES: usize = 64;
const MAX_ADDRESS_BYTES: usize = 64;

/// Whoever stands between a guest and the network.
pub struct Between {
    ctx: Arc<Mutex<WasiCtx>>,
    virt: Arc<dyn Virtual>,
}

impl Between {
    /// Has `virt` answer for the guest whose state is `ctx`.
    pub fn new(ctx: &Arc<Mutex<WasiCtx>>, virt: &Arc<dyn Virtual>) -> Between {
        Between { ctx: Arc::clone(ctx), virt: Arc::clone(virt) }
    }
}

impl net::Answers for Between {
    fn attempt(
        &self,
        caller: &mut Caller<'_>,
        request: &Request,
        _progress: &mut Progress,
    ) -> Result<Result<Reply, Stop>, HostError> {
        let mut result = Err(Halt::Real);
        let mut ask = |answers: &mut dyn super::Answers| {
            result = answer(&mut Front { answers, ctx: &self.ctx, layout: Layout::Preview1 }, request);
        };
        self.virt.answer(caller, &mut ask);
        match result {
            Ok(reply) => Ok(Ok(reply)),
            // What is open there is no socket, and no other is reached from here.
            Err(Halt::Real) => Ok(Err(Errno::BADF.into())),
            Err(Halt::Errno(errno)) => Ok(Err(errno.into())),
            Err(Halt::Broken(_)) => Ok(Err(Errno::IO.by(Rule::Virtualizer).into())),
            Err(Halt::Ends(error)) => Err(error),
        }
    }

    fn denied(&self, function: &'static str, request: &Request, errno: Errno) {
        net::Answers::denied(&*self.ctx, function, request, errno);
    }
}

fn broken<T>(what: &str) -> Answer<T> {
    Err(Halt::Broken(what.to_owned()))
}

/// The number by which the module that answers knows a socket.
fn socket(front: &mut Front<'_>, fd: u32, rights: Rights) -> Answer<(u32, Held)> {
    let held = front.held(fd)?;
    held.require(rights)?;
    match held.file.what {
        What::Connection | What::Listener => Ok((held.file.node, held)),
        _ => Err(Errno::NOTSOCK.into()),
    }
}

/// A socket that is the guest's from now on.
fn insert(front: &mut Front<'_>, what: What, node: u32) -> Answer<Reply> {
    let file = VirtualFile::new(what, node);
    let (base, inheriting) = match what {
        What::Listener => (Rights::LISTENER, Rights::CONNECTION),
        _ => (Rights::CONNECTION, Rights::NONE),
    };
    let descriptor = Descriptor { kind: Kind::Virtual(file.clone()), base, inheriting, flags: FdFlags::NONE };
    let inserted = front.state()?.descriptors.insert(descriptor);
    match inserted {
        Ok(number) => Ok(Reply::Number(number)),
        Err(errno) => {
            front.release(&file)?;
            Err(errno.into())
        }
    }
}

fn endpoint((address, port): (String, u16)) -> Answer<(String, u16)> {
    if address.len() > MAX_ADDRESS_BYTES { broken("an address is too long") } else { Ok((address, port)) }
}

fn answer(front: &mut Front<'_>, request: &Request) -> Answer<Reply> {
    // Those that listen from the beginning have their numbers before any other.
    front.ready()?;
    match request {
        Request::Resolve { name } => {
            let found = front.answers.resolve(name)?;
            if found.len() > MAX_ADDRESSES || found.iter().any(|text| text.len() > MAX_ADDRESS_BYTES) {
                return broken("too many addresses, or too long ones");
            }
            Ok(Reply::Texts(found))
        }
        Request::Connect { host, port, wait } => {
            front.state()?.descriptors.vacancy()?;
            let node = front.answers.connect(host, *port, *wait)?;
            insert(front, What::Connection, node)
        }
        Request::Listeners => {
            let ctx = front.state()?;
            let listens = |fd: &u32| match ctx.descriptors.get(*fd) {
                Ok(Descriptor { kind: Kind::Virtual(file), .. }) => file.what == What::Listener,
                _ => false,
            };
            Ok(Reply::Numbers((0..ctx.descriptors.high_water()).filter(listens).collect()))
        }
        Request::Listen { address, port } => {
            front.state()?.descriptors.vacancy()?;
            let node = front.answers.listen(address, *port)?;
            insert(front, What::Listener, node)
        }
        Request::Accept { listener, wait } => {
            let (node, held) = socket(front, *listener, Rights::SOCK_ACCEPT)?;
            if held.file.what != What::Listener {
                return Err(Errno::INVAL.into());
            }
            front.state()?.descriptors.vacancy()?;
            let node = front.answers.accept(node, *wait)?;
            insert(front, What::Connection, node)
        }
        Request::Send { socket: fd, data, wait } => {
            let (node, _) = socket(front, *fd, Rights::FD_WRITE)?;
            let sent = front.answers.send(node, data, *wait)?;
            if sent as usize > data.len() { broken("more was sent than there was") } else { Ok(Reply::Number(sent)) }
        }
        Request::Receive { socket: fd, len, peek, wait } => {
            let (node, _) = socket(front, *fd, Rights::FD_READ)?;
            let bytes = front.answers.receive(node, *len, *peek, *wait)?;
            if bytes.len() > *len as usize {
                broken("more was received than asked for")
            } else {
                Ok(Reply::Bytes(bytes))
            }
        }
        Request::Bind { address, port } => {
            front.state()?.descriptors.vacancy()?;
            let node = front.answers.bind(address, *port)?;
            insert(front, What::Connection, node)
        }
        Request::SendTo { socket: fd, data, host, port } => {
            let (node, _) = socket(front, *fd, Rights::FD_WRITE)?;
            let sent = front.answers.send_to(node, data, host, *port)?;
            if sent as usize > data.len() { broken("more was sent than there was") } else { Ok(Reply::Number(sent)) }
        }
        Request::ReceiveFrom { socket: fd, len, wait } => {
            let (node, _) = socket(front, *fd, Rights::FD_READ)?;
            let (bytes, sender) = front.answers.receive_from(node, *len, *wait)?;
            if bytes.len() > *len as usize {
                return broken("more was received than asked for");
            }
            Ok(Reply::Datagram(bytes, endpoint(sender)?))
        }
        Request::Local { socket: fd } => {
            let (node, _) = socket(front, *fd, Rights::NONE)?;
            Ok(Reply::Endpoint(endpoint(front.answers.local(node)?)?))
        }
        Request::Peer { socket: fd } => {
            let (node, _) = socket(front, *fd, Rights::NONE)?;
            Ok(Reply::Endpoint(endpoint(front.answers.peer(node)?)?))
        }
        Request::Shutdown { socket: fd, receiving, sending } => {
            let (node, _) = socket(front, *fd, Rights::SOCK_SHUTDOWN)?;
            front.answers.shutdown(node, *receiving, *sending)?;
            Ok(Reply::Done)
        }
        Request::Close { socket: fd } => {
            let (_, held) = socket(front, *fd, Rights::NONE)?;
            front.state()?.descriptors.remove(*fd)?;
            front.release(&held.file)?;
            Ok(Reply::Done)
        }
        Request::Poll { subscriptions, timeout_ns } => {
            let mut nodes = Vec::with_capacity(subscriptions.len());
            for (fd, asked) in subscriptions {
                nodes.push((socket(front, *fd, Rights::POLL_FD_READWRITE)?.0, asked.bits()));
            }
            let ready = front.answers.poll_sockets(&nodes, *timeout_ns)?;
            if ready.len() != nodes.len() {
                return broken("poll answers for others than were asked for");
            }
            Ok(Reply::Ready(ready.into_iter().map(Ready::from_bits).collect()))
        }
    }
}
