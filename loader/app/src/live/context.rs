//! From what an instance holds, as the plan says it, to the live objects: open folders, streams, clocks.
//!
//! Every folder is derived from the one that it came from, so what one spends the other has spent, and what is revoked
//! above is revoked below.

use super::{AppConfig, AppError};
use crate::cap::{Cap, Clock, Random, Stream, SubPath};
use crate::files::what;
use crate::net::{Endpoint, Net};
use crate::plan::{Node, NodeId, Origin, Plan};
use bailiwick_loader::wasi::{
    Capture, ClockSource, Denial, Dir, DirGrant, Input, NetCap, Output, Place, RandomSource, WasiCtx, net,
};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// The most bytes that the loader keeps of a stream that is captured.
const CAPTURE_BYTES: usize = 1 << 20;

/// What instances hold, live.
#[derive(Debug, Default)]
pub(super) struct Resources {
    /// Folders of the host, by name.
    host: BTreeMap<String, Dir>,
    /// Folders of instances, by slot.
    slots: HashMap<(NodeId, String), Dir>,
    /// Files of the host that streams write to, by the resource's name and the stream's number.
    streams: HashMap<(String, usize), OwnedFd>,
    /// The network's capabilities of the host, by name, and of instances, by slot.
    net_host: BTreeMap<String, NetCap>,
    net_slots: HashMap<(NodeId, String), NetCap>,
    /// Sockets that listen, by the resource's name: opened once, however many accept from them.
    listeners: HashMap<(String, SocketAddr), OwnedFd>,
    /// What was captured, by instance.
    pub(super) captures: HashMap<NodeId, (Option<Capture>, Option<Capture>)>,
}

impl Resources {
    /// Opens what the root's manifest names.
    pub(super) fn open(plan: &Plan) -> Result<Resources, AppError> {
        let mut resources = Resources::default();
        for (name, resource) in &plan.host {
            if let Cap::Tcp(net) | Cap::Udp(net) = &resource.cap {
                resources.net_host.insert(name.clone(), NetCap::new(net.clone()));
            }
            let (Cap::Dir { grant, .. }, Some(path)) = (&resource.cap, &resource.path) else { continue };
            let path = plan.folder.join(path);
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOCTTY;
            let refuse = |message: String| AppError::Resource { name: name.clone(), path: path.clone(), message };
            let folder = rustix::fs::open(&path, flags, Mode::empty())
                .map_err(|e| refuse(std::io::Error::from(e).to_string()))?;
            let dir = Dir::open(folder, *grant).map_err(|e| refuse(e.to_string()))?;
            resources.host.insert(name.clone(), dir);
        }
        Ok(resources)
    }

    /// Notes from now on how folders are used.
    pub(super) fn record(&self) {
        self.host.values().for_each(|dir| drop(dir.record()));
    }

    /// The file that the root's manifest names as stream `i` of a resource: opened once, however many hold it, and written
    /// at its end, so that none overwrites what another wrote. What is read is read from the beginning by each.
    fn stream(&mut self, plan: &Plan, host: &str, i: usize, write: bool) -> Result<OwnedFd, AppError> {
        let file = plan.host.get(host).and_then(|resource| resource.files.get(i)?.as_ref()).ok_or_else(lost_stream)?;
        let path = plan.folder.join(file);
        let refuse = |message: String| AppError::Resource { name: host.to_owned(), path: path.clone(), message };
        let system = |e: rustix::io::Errno| refuse(std::io::Error::from(e).to_string());
        let known = self.streams.get(&(host.to_owned(), i)).filter(|_| write);
        if let Some(known) = known {
            return known.try_clone().map_err(|e| refuse(e.to_string()));
        }
        let flags = if write { OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND } else { OFlags::RDONLY };
        // What was a file when it was checked may be a FIFO now.
        let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        let opened = rustix::fs::open(&path, flags, Mode::from_raw_mode(0o666)).map_err(system)?;
        let stat = rustix::fs::fstat(&opened).map_err(system)?;
        let device = rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::CharacterDevice;
        if let Some(other) = what(&stat).filter(|_| !device) {
            return Err(refuse(format!("it is {other}: it wants a file")));
        }
        if device {
            // As the person who named it would have opened it.
            rustix::fs::fcntl_setfl(&opened, flags.difference(OFlags::NONBLOCK)).map_err(system)?;
        }
        if write {
            if !device {
                rustix::fs::ftruncate(&opened, 0).map_err(system)?;
            }
            let clone = opened.try_clone().map_err(|e| refuse(e.to_string()))?;
            self.streams.insert((host.to_owned(), i), clone);
        }
        Ok(opened)
    }

    /// The folder of a slot, derived from where it came from.
    fn dir(&mut self, plan: &Plan, id: NodeId, name: &str, path: &SubPath, grant: &DirGrant) -> Result<Dir, AppError> {
        let node = plan.node(id);
        let lost = || AppError::Internal(format!("{}: slot {name} comes from nowhere", node.path));
        let slot = node.slots.get(name).ok_or_else(lost)?;
        let (source, source_path) = match &slot.from {
            Origin::Host(host) => (self.host.get(host).ok_or_else(lost)?, SubPath::default()),
            Origin::Parent(parent, from) => {
                let source = self.slots.get(&(*parent, from.clone())).ok_or_else(lost)?;
                match plan.node(*parent).slots.get(from).map(|slot| &slot.cap) {
                    Some(Cap::Dir { path, .. }) => (source, path.clone()),
                    _ => return Err(lost()),
                }
            }
        };
        let below = path.below(&source_path).ok_or_else(lost)?;
        let dir = source.derive(&below.to_string(), *grant).map_err(|e| AppError::Resource {
            name: format!("{}: slot {name}", node.path),
            path: Path::new(&path.to_string()).to_owned(),
            message: e.to_string(),
        })?;
        self.slots.insert((id, name.to_owned()), dir.clone());
        Ok(dir)
    }

    /// The network's capability of a slot, derived from where it came from.
    fn net(&mut self, plan: &Plan, id: NodeId, name: &str, grant: &Net) -> Result<NetCap, AppError> {
        let node = plan.node(id);
        let lost = || AppError::Internal(format!("{}: slot {name} comes from nowhere", node.path));
        let source = match &node.slots.get(name).ok_or_else(lost)?.from {
            Origin::Host(host) => self.net_host.get(host),
            Origin::Parent(parent, from) => self.net_slots.get(&(*parent, from.clone())),
        };
        let cap = source.ok_or_else(lost)?.derive(grant.clone());
        let cap = cap.map_err(|e| AppError::Internal(format!("{}: slot {name}: {e}", node.path)))?;
        self.net_slots.insert((id, name.to_owned()), cap.clone());
        Ok(cap)
    }

    /// A socket that listens where the root's manifest says.
    fn listener(&mut self, plan: &Plan, id: NodeId, name: &str, address: SocketAddr) -> Result<OwnedFd, AppError> {
        let host =
            plan.trace(id, name).last().and_then(|(last, slot)| match &plan.node(*last).slots.get(*slot)?.from {
                Origin::Host(host) => Some(host.clone()),
                Origin::Parent(..) => None,
            });
        let host = host.ok_or_else(|| AppError::Internal("a listener comes from nowhere".to_owned()))?;
        let refuse = |e: std::io::Error| AppError::Grants {
            instance: described(plan.node(id)),
            message: format!("slot {name}: it can't listen on {address}: {e}"),
        };
        let known = match self.listeners.entry((host, address)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(net::listening(address).map_err(refuse)?),
        };
        known.try_clone().map_err(refuse)
    }

    /// The network's capabilities that an instance holds: to be revoked when it dies.
    pub(super) fn nets_of(&self, id: NodeId) -> impl Iterator<Item = &NetCap> {
        self.net_slots.iter().filter(move |((node, _), _)| *node == id).map(|(_, cap)| cap)
    }

    /// The folders that an instance holds: to be revoked when it dies.
    pub(super) fn dirs_of(&self, id: NodeId) -> impl Iterator<Item = &Dir> {
        self.slots.iter().filter(move |((node, _), _)| *node == id).map(|(_, dir)| dir)
    }

    /// The system interface of an instance. `accepts`: whether its code accepts connections, on sockets that listen from the
    /// beginning.
    pub(super) fn context(
        &mut self,
        plan: &Plan,
        id: NodeId,
        config: &AppConfig,
        accepts: bool,
    ) -> Result<WasiCtx, AppError> {
        let node = plan.node(id);
        let mut builder = WasiCtx::builder();
        let mut arguments = Vec::new();
        let refused =
            |e: &dyn std::fmt::Display| AppError::Grants { instance: described(node), message: e.to_string() };
        let mut captures = (None, None);
        // What it holds of these kinds it may hand on, and uses nothing of itself.
        let parts = super::r#virtual::parts(&node.virtuals);
        for (name, slot) in &node.slots {
            match &slot.cap {
                Cap::Dir { path, grant } => {
                    let dir = self.dir(plan, id, name, path, grant)?;
                    if parts.fs {
                        continue;
                    }
                    if let Some(learning) = &config.learning {
                        learning.folder(plan, id, name, &dir);
                    }
                    builder.preopen(&dir, &slot.at).map_err(|e| refused(&e))?;
                }
                Cap::Stdio { .. } if parts.stdio => {}
                Cap::Env(_) if parts.env => {}
                Cap::Clock(_) if parts.clock => {}
                Cap::Random(_) if parts.random => {}
                Cap::Tcp(grant) | Cap::Udp(grant) if parts.net => drop(self.net(plan, id, name, grant)?),
                Cap::Dns(_) if parts.net => {}
                Cap::Stdio { stdin, stdout, stderr } => {
                    let host = match plan.trace(id, name).last() {
                        Some((last, slot)) => match plan.node(*last).slots.get(*slot).map(|slot| &slot.from) {
                            Some(Origin::Host(host)) => host.clone(),
                            _ => return Err(lost_stream()),
                        },
                        None => return Err(lost_stream()),
                    };
                    let mut file = |i: usize, write: bool| self.stream(plan, &host, i, write);
                    match stdin {
                        Stream::None => {}
                        Stream::Null | Stream::Capture => drop(builder.stdin(Input::Null)),
                        Stream::Inherit => drop(builder.stdin(Input::Inherit)),
                        Stream::File => drop(builder.stdin(Input::File(file(0, false)?))),
                    }
                    // What a dependency writes to a terminal is text, whatever it is made of.
                    let inert = |output: Output| if node.parent.is_some() { output.inert_escapes() } else { output };
                    match stdout {
                        Stream::None => {}
                        Stream::Null => drop(builder.stdout(Output::Null)),
                        Stream::Capture => captures.0 = Some(builder.capture_stdout(CAPTURE_BYTES)),
                        Stream::Inherit => drop(builder.stdout(inert(Output::Stdout))),
                        Stream::File => drop(builder.stdout(inert(Output::File(file(1, true)?)))),
                    }
                    match stderr {
                        Stream::None => {}
                        Stream::Null => drop(builder.stderr(Output::Null)),
                        Stream::Capture => captures.1 = Some(builder.capture_stderr(CAPTURE_BYTES)),
                        Stream::Inherit => drop(builder.stderr(inert(Output::Stderr))),
                        Stream::File => drop(builder.stderr(inert(Output::File(file(2, true)?)))),
                    }
                }
                Cap::Env(variables) => {
                    for (name, value) in variables {
                        let value = match value {
                            Some(value) => Some(value.clone().into_bytes()),
                            None => config.environment.get(name).cloned(),
                        };
                        // A name that is not set on the host stays unset.
                        if let Some(value) = value {
                            builder.env(name.clone(), value);
                        }
                    }
                }
                Cap::Args { command_line, fixed } => {
                    arguments.extend(fixed.iter().map(|argument| argument.clone().into_bytes()));
                    if *command_line {
                        arguments.extend(config.arguments.iter().cloned());
                    }
                }
                Cap::Clock(clock) => {
                    builder.clock(match *clock {
                        Clock::Virtual => ClockSource::Virtual { start_ns: 0 },
                        Clock::Fixed { ns } => ClockSource::Fixed { ns },
                        Clock::Host { resolution_ns: 1 } => ClockSource::Host,
                        Clock::Host { resolution_ns } => ClockSource::Coarse { resolution_ns },
                    });
                }
                Cap::Random(random) => {
                    builder.random(match random {
                        Random::Host => RandomSource::Host,
                        Random::Seeded(seed) => RandomSource::Seeded(Sha256::digest(seed.as_bytes()).into()),
                    });
                }
                Cap::Tcp(grant) => {
                    let cap = self.net(plan, id, name, grant)?;
                    if parts.net {
                        continue;
                    }
                    for address in grant.listen.iter().filter(|_| accepts).filter_map(Endpoint::address) {
                        let socket = self.listener(plan, id, name, address)?;
                        if let Some(learning) = &config.learning {
                            // Whether or not it accepts from it: the numbers of the others depend on it.
                            learning.guest(plan, id).0.note_place(Place::TcpListen, &address.to_string());
                        }
                        builder.listener_of(socket, &cap).map_err(|e| refused(&e))?;
                    }
                    builder.tcp(&cap);
                }
                Cap::Udp(grant) => {
                    let cap = self.net(plan, id, name, grant)?;
                    if !parts.net {
                        builder.udp(&cap);
                    }
                }
                Cap::Dns(grant) => drop(builder.dns(grant.clone())),
            }
        }
        if node.slots.values().any(|slot| matches!(slot.cap, Cap::Args { .. })) {
            builder.arg(node.name.clone()).args(arguments);
        }
        if let Some(descriptors) = node.limits.descriptors {
            builder.max_descriptors(u32::try_from(descriptors).unwrap_or(u32::MAX));
        }
        if let Some(handles) = node.limits.handles {
            builder.max_handles(u32::try_from(handles).unwrap_or(u32::MAX));
        }
        if let Some(auditor) = &config.auditor {
            let (auditor, path) = (Arc::clone(auditor), node.path.clone());
            builder.auditor(move |denial: &Denial<'_>| auditor(&path, denial));
        }
        if let Some(learning) = &config.learning {
            builder.recorder(learning.guest(plan, id).0);
        }
        if captures.0.is_some() || captures.1.is_some() {
            self.captures.insert(id, captures);
        }
        let built = builder.build().map(|mut ctx| {
            ctx.confine(parts);
            ctx
        });
        built.map_err(|e| match e {
            bailiwick_loader::wasi::BuildError::TooManyDescriptors => refused(
                &"it was granted more folders and listening sockets than its limits.descriptors leave room for, besides three streams",
            ),
            e => refused(&e),
        })
    }
}

fn lost_stream() -> AppError {
    AppError::Internal("a stream is a file without a name".to_owned())
}

/// An instance in messages: its path, and its package where that says more.
pub(super) fn described(node: &Node) -> String {
    match &node.package {
        (name, version) if !name.is_empty() && !version.is_empty() => format!("{} ({name} {version})", node.path),
        (name, _) if !name.is_empty() && *name != node.name => format!("{} ({name})", node.path),
        _ => node.path.clone(),
    }
}
