//! `bailiwick:virt/net` of a guest for which another module answers: its sockets are descriptors, and theirs are that
//! module's numbers.

use super::super::ctx::WasiCtx;
use super::super::descriptors::{Descriptor, Kind};
use super::super::errno::{Errno, Rule};
use super::super::net::{self, Progress, Ready, Reply, Request};
use super::super::types::{FdFlags, Rights};
use super::super::unstable::Layout;
use super::super::wait::Stop;
use super::fd::fd_close;
use super::file::{VirtualFile, What};
use super::front::{Front, Held};
use super::{Answer, Halt, Virtual};
use crate::{Caller, HostError};
use std::sync::{Arc, Mutex};

/// The most addresses that a name has.
const MAX_ADDRESSES: usize = 64;

/// The longest text of an address.
const MAX_ADDRESS_BYTES: usize = 64;

/// Answers by way of another module.
pub struct Forwarded {
    ctx: Arc<Mutex<WasiCtx>>,
    virt: Arc<dyn Virtual>,
}

impl Forwarded {
    /// For the guest of this state.
    pub fn new(ctx: &Arc<Mutex<WasiCtx>>, virt: &Arc<dyn Virtual>) -> Forwarded {
        Forwarded { ctx: Arc::clone(ctx), virt: Arc::clone(virt) }
    }
}

impl net::Answers for Forwarded {
    fn attempt(
        &self,
        caller: &mut Caller<'_>,
        request: &Request,
        _progress: &mut Progress,
    ) -> Result<Result<Reply, Stop>, HostError> {
        let mut result = Err(Halt::Real);
        self.virt.answer(caller, &mut |answers| {
            result = forward(&mut Front { answers, ctx: &self.ctx, layout: Layout::Preview1 }, request);
        });
        let errno = match result {
            Ok(reply) => return Ok(Ok(reply)),
            Err(Halt::Ends(error)) => return Err(error),
            Err(Halt::Errno(errno)) => errno,
            Err(Halt::Real) => Errno::NOTSOCK,
            Err(Halt::Broken(_)) => {
                let told = self.ctx.lock().map_or(true, |mut ctx| ctx.virt.tell());
                if told { Errno::IO } else { Errno::IO.by(Rule::Virtualizer) }
            }
        };
        Ok(Err(errno.into()))
    }

    fn denied(&self, function: &'static str, request: &Request, errno: Errno) {
        net::Answers::denied(&*self.ctx, function, request, errno);
    }
}

/// Asks whoever answers.
pub(super) fn forward(front: &mut Front<'_>, request: &Request) -> Answer<Reply> {
    front.ready()?;
    match request {
        Request::Resolve { name } => {
            let addresses = front.answers.resolve(name)?;
            if addresses.len() > MAX_ADDRESSES {
                return Err(Halt::Broken(format!("a name of {} addresses", addresses.len())));
            }
            addresses.iter().try_for_each(|address| check(address))?;
            Ok(Reply::Texts(addresses))
        }
        Request::Connect { host, port, wait } => {
            front.state()?.descriptors.vacancy()?;
            let node = front.answers.connect(host, *port, *wait)?;
            opened(front, What::Connection, node, !wait)
        }
        Request::Listeners => Ok(Reply::Numbers(front.state()?.virt.listeners.clone())),
        Request::Listen { address, port } => {
            front.state()?.descriptors.vacancy()?;
            let node = front.answers.listen(address, *port)?;
            opened(front, What::Listener, node, false)
        }
        Request::Bind { address, port } => {
            front.state()?.descriptors.vacancy()?;
            let node = front.answers.bind(address, *port)?;
            opened(front, What::Datagrams, node, false)
        }
        Request::Accept { listener, wait } => {
            let held = socket(front, *listener, Rights::SOCK_ACCEPT)?;
            if held.file.what != What::Listener {
                return Err(Errno::INVAL.into());
            }
            front.state()?.descriptors.vacancy()?;
            let node = front.answers.accept(held.file.node, *wait)?;
            opened(front, What::Connection, node, false)
        }
        Request::Send { socket: fd, data, wait } => {
            let held = socket(front, *fd, Rights::FD_WRITE)?;
            let sent = front.answers.send(held.file.node, data, *wait)?;
            at_most(sent as usize, data.len()).map(|()| Reply::Number(sent))
        }
        Request::Receive { socket: fd, len, peek, wait } => {
            let held = socket(front, *fd, Rights::FD_READ)?;
            let bytes = front.answers.receive(held.file.node, *len, *peek, *wait)?;
            at_most(bytes.len(), *len as usize).map(|()| Reply::Bytes(bytes))
        }
        Request::SendTo { socket: fd, data, host, port } => {
            let held = socket(front, *fd, Rights::FD_WRITE)?;
            let sent = front.answers.send_to(held.file.node, data, host, *port)?;
            at_most(sent as usize, data.len()).map(|()| Reply::Number(sent))
        }
        Request::ReceiveFrom { socket: fd, len, wait } => {
            let held = socket(front, *fd, Rights::FD_READ)?;
            let (bytes, sender) = front.answers.receive_from(held.file.node, *len, *wait)?;
            at_most(bytes.len(), *len as usize)?;
            check(&sender.0).map(|()| Reply::Datagram(bytes, sender))
        }
        Request::Local { socket: fd } => {
            let held = socket(front, *fd, Rights::NONE)?;
            let endpoint = front.answers.local(held.file.node)?;
            check(&endpoint.0).map(|()| Reply::Endpoint(endpoint))
        }
        Request::Peer { socket: fd } => {
            let held = socket(front, *fd, Rights::NONE)?;
            let endpoint = front.answers.peer(held.file.node)?;
            check(&endpoint.0).map(|()| Reply::Endpoint(endpoint))
        }
        Request::Shutdown { socket: fd, receiving, sending } => {
            if !receiving && !sending {
                return Err(Errno::INVAL.into());
            }
            let held = socket(front, *fd, Rights::SOCK_SHUTDOWN)?;
            front.answers.shutdown(held.file.node, *receiving, *sending).map(|()| Reply::Done)
        }
        Request::Close { socket: fd } => {
            socket(front, *fd, Rights::NONE)?;
            fd_close(front, *fd).map(|()| Reply::Done)
        }
        Request::Poll { subscriptions, timeout_ns } => {
            let mut asked = Vec::with_capacity(subscriptions.len());
            for (fd, interest) in subscriptions {
                asked.push((socket(front, *fd, Rights::POLL_FD_READWRITE)?.file.node, interest.bits()));
            }
            let found = front.answers.poll_sockets(&asked, *timeout_ns)?;
            if found.len() != asked.len() {
                return Err(Halt::Broken(format!(
                    "it was asked of {} sockets, and told of {}",
                    asked.len(),
                    found.len()
                )));
            }
            Ok(Reply::Ready(found.into_iter().map(Ready::from_bits).collect()))
        }
    }
}

/// The socket that is open as `fd`, to be used for `rights`.
fn socket(front: &mut Front<'_>, fd: u32, rights: Rights) -> Answer<Held> {
    let held = match front.held(fd) {
        Err(Halt::Real) => {
            // What is no descriptor at all is that.
            front.state()?.descriptors.get(fd)?;
            return Err(Errno::NOTSOCK.into());
        }
        held => held?,
    };
    match held.file.what {
        What::Listener | What::Connection | What::Datagrams => held.require(rights).map(|()| held).map_err(Halt::from),
        _ => Err(Errno::NOTSOCK.into()),
    }
}

/// Gives a socket a number of the guest's.
fn opened(front: &mut Front<'_>, what: What, node: u32, nonblock: bool) -> Answer<Reply> {
    let file = VirtualFile::new(what, node);
    let (base, inheriting) = match what {
        What::Listener => (Rights::LISTENER, Rights::CONNECTION),
        _ => (Rights::CONNECTION, Rights::NONE),
    };
    let flags = if nonblock { FdFlags::NONBLOCK } else { FdFlags::NONE };
    let inserted =
        front.state()?.descriptors.insert(Descriptor { kind: Kind::Virtual(file.clone()), base, inheriting, flags });
    match inserted {
        Ok(number) => Ok(Reply::Number(number)),
        Err(errno) => {
            front.release(&file)?;
            Err(errno.into())
        }
    }
}

fn at_most(count: usize, asked: usize) -> Answer<()> {
    if count > asked {
        return Err(Halt::Broken(format!("it was asked for {asked} bytes, and says {count}")));
    }
    Ok(())
}

/// An address is a short text.
fn check(address: &str) -> Answer<()> {
    if address.len() > MAX_ADDRESS_BYTES {
        return Err(Halt::Broken(format!("an address of {} bytes", address.len())));
    }
    Ok(())
}
