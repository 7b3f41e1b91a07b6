//! Who answers in place of the host: calls of preview 1 as calls of another instance, over an edge.
//!
//! Values lie in a memory of the loader's own, as the canonical ABI has them, and the marshaller carries them like those of
//! any caller. What the instance does wrong ends it, as over any edge; the guest on whose behalf it was called sees errors.

use super::edge::{Edge, Unanswered, Worlds};
use super::node::Node;
use super::resources::Definitions;
use super::scratch::{Reply, Scratch};
use super::{AppError, Deadlines, NodeId, Plan};
use crate::virt::Virt;
use bailiwick_loader::wasi::FileStat;
use bailiwick_loader::wasi::virt::{Answer, Answers, Entry, Halt, NewTime, Parts, Preopen, Stream, Virtual};
use bailiwick_loader::wasi::{Errno, FileKind};
use bailiwick_loader::{Caller, HostError};
use bailiwick_runtime_abi::wit::World;
use bailiwick_runtime_abi::wit::builtin::host_world;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, TryLockError};

/// Those who answer for one instance.
#[derive(Debug)]
pub(super) struct Virtuals {
    /// By interface and function.
    edges: BTreeMap<(Virt, String), Arc<Edge>>,
    /// Kept between calls. Calls nest, but only those of other instances.
    scratch: Mutex<Scratch>,
}

/// The interfaces that others answer for an instance, as the system interface calls them.
pub(super) fn parts(virtuals: &BTreeMap<Virt, NodeId>) -> Parts {
    let has = |virt| virtuals.contains_key(&virt);
    Parts {
        fs: has(Virt::Fs),
        clock: has(Virt::Clock),
        random: has(Virt::Random),
        env: has(Virt::Env),
        stdio: has(Virt::Stdio),
        net: has(Virt::Net),
    }
}

impl Virtuals {
    /// Of the instance `id`, if it has any.
    pub(super) fn of(
        plan: &Plan,
        id: NodeId,
        nodes: &[Arc<Node>],
        of: (&Arc<Deadlines>, &Arc<Definitions>),
    ) -> Result<Option<Arc<dyn Virtual>>, AppError> {
        let virtuals = &plan.node(id).virtuals;
        if virtuals.is_empty() {
            return Ok(None);
        }
        let world = host_world().map_err(|e| AppError::Internal(format!("the loader's own world: {e}")))?;
        let world: Arc<World> = Arc::new(world);
        let mut edges = BTreeMap::new();
        for (&virt, &callee) in virtuals {
            let mut worlds = Worlds::of_loader(plan, &world, callee)?;
            for (import, function) in world.imports().iter().enumerate() {
                if function.interface.as_deref() != Some(virt.interface()) {
                    continue;
                }
                let export = worlds.export(import).ok_or_else(|| {
                    let what = format!("export {}", function.export_name());
                    AppError::missing(&what, &plan.node(callee).path)
                })?;
                let ends = (&nodes[id.0], &nodes[callee.0]);
                let edge = Edge::new(plan, &mut worlds, (import, export), ends, of)?;
                edges.insert((virt, function.name.clone()), edge);
            }
        }
        Ok(Some(Arc::new(Virtuals { edges, scratch: Mutex::default() })))
    }
}

impl Virtual for Virtuals {
    fn answer(&self, caller: &mut Caller<'_>, run: &mut dyn FnMut(&mut dyn Answers)) {
        let mut own = Scratch::default();
        match self.scratch.try_lock() {
            Ok(mut scratch) => run(&mut Asking { of: self, caller, scratch: &mut scratch }),
            Err(TryLockError::Poisoned(scratch)) => {
                run(&mut Asking { of: self, caller, scratch: &mut scratch.into_inner() });
            }
            Err(TryLockError::WouldBlock) => run(&mut Asking { of: self, caller, scratch: &mut own }),
        }
    }
}

/// One call of a guest.
struct Asking<'a, 'b> {
    of: &'a Virtuals,
    caller: &'a mut Caller<'b>,
    scratch: &'a mut Scratch,
}

/// A parameter.
enum Arg<'a> {
    Word(u32),
    Long(u64),
    Bytes(&'a [u8]),
    /// A number for each element, eight bytes each: a socket and what is waited for.
    Pairs(&'a [(u32, u8)]),
}

impl Asking<'_, '_> {
    /// Calls a function whose result lies in memory, `size` bytes of it.
    fn ask(&mut self, virt: Virt, name: &str, args: &[Arg<'_>], size: u32) -> Answer<Reply<'_>> {
        // By name: a handful of comparisons, next to a call into a guest.
        let Some((_, edge)) = self.of.edges.iter().find(|((of, function), _)| *of == virt && function == name) else {
            return Err(Errno::NOSYS.into());
        };
        self.scratch.begin();
        let too_long = || Halt::Errno(Errno::TOOBIG);
        let mut params = Vec::with_capacity(args.len() + 4);
        for arg in args {
            match arg {
                Arg::Word(word) => params.push(u64::from(*word)),
                Arg::Long(long) => params.push(*long),
                Arg::Bytes(bytes) => {
                    let at = self.scratch.put(bytes, 1).ok_or_else(too_long)?;
                    params.extend([u64::from(at), bytes.len() as u64]);
                }
                Arg::Pairs(pairs) => {
                    let mut bytes = Vec::with_capacity(pairs.len() * 8);
                    for (word, byte) in *pairs {
                        bytes.extend(word.to_le_bytes());
                        bytes.extend([*byte, 0, 0, 0]);
                    }
                    let at = self.scratch.put(&bytes, 4).ok_or_else(too_long)?;
                    params.extend([u64::from(at), pairs.len() as u64]);
                }
            }
        }
        let area = self.scratch.room(8, size).ok_or_else(too_long)?;
        if size > 0 {
            params.push(u64::from(area));
        }
        match edge.ask(self.caller, self.scratch, &params) {
            Ok(()) => Ok(Reply::new(self.scratch, area)),
            Err(Unanswered::Dead(death)) => {
                Err(Halt::Broken(format!("{} is dead: {}", edge.callee_path(), death.reason)))
            }
            Err(Unanswered::Shut(why)) => Err(Halt::Broken(why)),
            Err(Unanswered::Ends(error)) => Err(Halt::Ends(error)),
        }
    }

    /// Calls a function whose result is `result<T, errno>`, where T begins at `payload` and has `size` bytes.
    fn result(&mut self, virt: Virt, name: &str, args: &[Arg<'_>], (payload, size): (u32, u32)) -> Answer<Reply<'_>> {
        let reply = self.ask(virt, name, args, (payload + size).next_multiple_of(payload))?;
        match (reply.byte(0), reply.byte(payload)) {
            (0, _) => Ok(reply.at(payload)),
            (_, errno) => match Errno::from_raw(errno.into()) {
                Some(errno) => Err(errno.into()),
                None => Err(Halt::Broken(format!("{name} failed with success"))),
            },
        }
    }

    /// Calls a function whose result is `result<_, errno>`.
    fn done(&mut self, virt: Virt, name: &str, args: &[Arg<'_>]) -> Answer<()> {
        self.result(virt, name, args, (1, 1)).map(drop)
    }

    /// Calls a function whose result is `result<u32, errno>`.
    fn number(&mut self, virt: Virt, name: &str, args: &[Arg<'_>]) -> Answer<u32> {
        Ok(self.result(virt, name, args, (4, 4))?.word(0))
    }

    /// Calls a function whose result is `result<list<u8>, errno>`.
    fn bytes(&mut self, virt: Virt, name: &str, args: &[Arg<'_>]) -> Answer<Vec<u8>> {
        Ok(self.result(virt, name, args, (4, 8))?.bytes(0).to_vec())
    }
}

fn flag(set: bool) -> Arg<'static> {
    Arg::Word(set.into())
}

/// A `new-time` as two parameters.
fn new_time(time: NewTime) -> [Arg<'static>; 2] {
    match time {
        NewTime::Keep => [Arg::Word(0), Arg::Long(0)],
        NewTime::Now => [Arg::Word(1), Arg::Long(0)],
        NewTime::At(ns) => [Arg::Word(2), Arg::Long(ns)],
    }
}

/// A `stat`, of 64 bytes.
fn stat(reply: &Reply<'_>) -> FileStat {
    FileStat {
        kind: FileKind::from_raw(reply.byte(0)),
        device: reply.long(8),
        inode: reply.long(16),
        links: reply.long(24),
        size: reply.long(32),
        accessed_ns: reply.long(40),
        modified_ns: reply.long(48),
        changed_ns: reply.long(56),
    }
}

/// An `endpoint`, of 12 bytes.
fn endpoint(reply: &Reply<'_>) -> (String, u16) {
    (reply.text(0), reply.word(8) as u16)
}

use Arg::{Bytes, Long, Word};

impl Answers for Asking<'_, '_> {
    fn memory(&mut self) -> Result<(&mut [u8], &AtomicBool), HostError> {
        self.caller.memory_and_interrupt()
    }

    fn preopens(&mut self) -> Answer<Vec<Preopen>> {
        let reply = self.ask(Virt::Fs, "preopens", &[], 8)?;
        Ok(reply.list(0, 12, |item| Preopen { folder: item.word(0), name: item.text(4) }))
    }

    fn open(&mut self, folder: u32, path: &str, follow: bool, how: u8, access: u8) -> Answer<u32> {
        let args = [Word(folder), Bytes(path.as_bytes()), flag(follow), Word(how.into()), Word(access.into())];
        self.number(Virt::Fs, "open", &args)
    }

    fn close(&mut self, file: u32) -> Answer<()> {
        self.ask(Virt::Fs, "close", &[Word(file)], 0).map(drop)
    }

    fn read(&mut self, file: u32, offset: u64, len: u32) -> Answer<Vec<u8>> {
        self.bytes(Virt::Fs, "read", &[Word(file), Long(offset), Word(len)])
    }

    fn write(&mut self, file: u32, offset: u64, data: &[u8]) -> Answer<u32> {
        self.number(Virt::Fs, "write", &[Word(file), Long(offset), Bytes(data)])
    }

    fn append(&mut self, file: u32, data: &[u8]) -> Answer<u32> {
        self.number(Virt::Fs, "append", &[Word(file), Bytes(data)])
    }

    fn stat(&mut self, file: u32) -> Answer<FileStat> {
        Ok(stat(&self.result(Virt::Fs, "get-stat", &[Word(file)], (8, 64))?))
    }

    fn stat_at(&mut self, folder: u32, path: &str, follow: bool) -> Answer<FileStat> {
        let args = [Word(folder), Bytes(path.as_bytes()), flag(follow)];
        Ok(stat(&self.result(Virt::Fs, "get-stat-at", &args, (8, 64))?))
    }

    fn set_size(&mut self, file: u32, size: u64) -> Answer<()> {
        self.done(Virt::Fs, "set-size", &[Word(file), Long(size)])
    }

    fn set_times(&mut self, file: u32, accessed: NewTime, modified: NewTime) -> Answer<()> {
        let ([a, b], [c, d]) = (new_time(accessed), new_time(modified));
        self.done(Virt::Fs, "set-times", &[Word(file), a, b, c, d])
    }

    fn set_times_at(&mut self, folder: u32, path: &str, follow: bool, times: (NewTime, NewTime)) -> Answer<()> {
        let ([a, b], [c, d]) = (new_time(times.0), new_time(times.1));
        let args = [Word(folder), Bytes(path.as_bytes()), flag(follow), a, b, c, d];
        self.done(Virt::Fs, "set-times-at", &args)
    }

    fn sync(&mut self, file: u32, data_only: bool) -> Answer<()> {
        self.done(Virt::Fs, "sync", &[Word(file), flag(data_only)])
    }

    fn entries(&mut self, folder: u32, cursor: u64) -> Answer<Vec<Entry>> {
        let reply = self.result(Virt::Fs, "entries", &[Word(folder), Long(cursor)], (4, 8))?;
        Ok(reply.list(0, 32, |item| Entry {
            name: item.text(0),
            inode: item.long(8),
            kind: item.byte(16),
            next: item.long(24),
        }))
    }

    fn create_directory_at(&mut self, folder: u32, path: &str) -> Answer<()> {
        self.done(Virt::Fs, "create-directory-at", &[Word(folder), Bytes(path.as_bytes())])
    }

    fn remove_directory_at(&mut self, folder: u32, path: &str) -> Answer<()> {
        self.done(Virt::Fs, "remove-directory-at", &[Word(folder), Bytes(path.as_bytes())])
    }

    fn unlink_at(&mut self, folder: u32, path: &str) -> Answer<()> {
        self.done(Virt::Fs, "unlink-at", &[Word(folder), Bytes(path.as_bytes())])
    }

    fn rename_at(&mut self, from: (u32, &str), to: (u32, &str)) -> Answer<()> {
        let args = [Word(from.0), Bytes(from.1.as_bytes()), Word(to.0), Bytes(to.1.as_bytes())];
        self.done(Virt::Fs, "rename-at", &args)
    }

    fn link_at(&mut self, from: (u32, &str), follow: bool, to: (u32, &str)) -> Answer<()> {
        let args = [Word(from.0), Bytes(from.1.as_bytes()), flag(follow), Word(to.0), Bytes(to.1.as_bytes())];
        self.done(Virt::Fs, "link-at", &args)
    }

    fn symlink_at(&mut self, target: &str, folder: u32, path: &str) -> Answer<()> {
        self.done(Virt::Fs, "symlink-at", &[Bytes(target.as_bytes()), Word(folder), Bytes(path.as_bytes())])
    }

    fn readlink_at(&mut self, folder: u32, path: &str) -> Answer<String> {
        let reply = self.result(Virt::Fs, "readlink-at", &[Word(folder), Bytes(path.as_bytes())], (4, 8))?;
        Ok(reply.text(0))
    }

    fn now(&mut self, clock: u8) -> Answer<u64> {
        Ok(self.result(Virt::Clock, "now", &[Word(clock.into())], (8, 8))?.long(0))
    }

    fn resolution(&mut self, clock: u8) -> Answer<u64> {
        Ok(self.result(Virt::Clock, "resolution", &[Word(clock.into())], (8, 8))?.long(0))
    }

    fn sleep(&mut self, duration_ns: u64) -> Answer<()> {
        self.ask(Virt::Clock, "sleep", &[Long(duration_ns)], 0).map(drop)
    }

    fn random(&mut self, len: u32) -> Answer<Vec<u8>> {
        Ok(self.ask(Virt::Random, "get", &[Word(len)], 8)?.bytes(0).to_vec())
    }

    fn variables(&mut self) -> Answer<Vec<(String, String)>> {
        let reply = self.ask(Virt::Env, "variables", &[], 8)?;
        Ok(reply.list(0, 16, |item| (item.text(0), item.text(8))))
    }

    fn input(&mut self, len: u32) -> Answer<Vec<u8>> {
        self.bytes(Virt::Stdio, "read", &[Word(len)])
    }

    fn output(&mut self, to: Stream, data: &[u8]) -> Answer<u32> {
        let to = match to {
            Stream::Out => 0,
            Stream::Error => 1,
        };
        self.number(Virt::Stdio, "write", &[Word(to), Bytes(data)])
    }

    fn resolve(&mut self, name: &str) -> Answer<Vec<String>> {
        let reply = self.result(Virt::Net, "resolve", &[Bytes(name.as_bytes())], (4, 8))?;
        Ok(reply.list(0, 8, |item| item.text(0)))
    }

    fn connect(&mut self, host: &str, port: u16, wait: bool) -> Answer<u32> {
        self.number(Virt::Net, "connect", &[Bytes(host.as_bytes()), Word(port.into()), flag(wait)])
    }

    fn listen(&mut self, address: &str, port: u16) -> Answer<u32> {
        self.number(Virt::Net, "listen", &[Bytes(address.as_bytes()), Word(port.into())])
    }

    fn bind(&mut self, address: &str, port: u16) -> Answer<u32> {
        self.number(Virt::Net, "bind", &[Bytes(address.as_bytes()), Word(port.into())])
    }

    fn send_to(&mut self, socket: u32, data: &[u8], host: &str, port: u16) -> Answer<u32> {
        let args = [Word(socket), Bytes(data), Bytes(host.as_bytes()), Word(port.into())];
        self.number(Virt::Net, "send-to", &args)
    }

    fn receive_from(&mut self, socket: u32, len: u32, wait: bool) -> Answer<(Vec<u8>, (String, u16))> {
        let reply = self.result(Virt::Net, "receive-from", &[Word(socket), Word(len), flag(wait)], (4, 20))?;
        Ok((reply.bytes(0).to_vec(), endpoint(&reply.at(8))))
    }

    fn local(&mut self, socket: u32) -> Answer<(String, u16)> {
        Ok(endpoint(&self.result(Virt::Net, "local", &[Word(socket)], (4, 12))?))
    }

    fn peer(&mut self, socket: u32) -> Answer<(String, u16)> {
        Ok(endpoint(&self.result(Virt::Net, "peer", &[Word(socket)], (4, 12))?))
    }

    fn listeners(&mut self) -> Answer<Vec<u32>> {
        let reply = self.ask(Virt::Net, "listeners", &[], 8)?;
        Ok(reply.list(0, 4, |item| item.word(0)))
    }

    fn accept(&mut self, listener: u32, wait: bool) -> Answer<u32> {
        self.number(Virt::Net, "accept", &[Word(listener), flag(wait)])
    }

    fn send(&mut self, socket: u32, data: &[u8], wait: bool) -> Answer<u32> {
        self.number(Virt::Net, "send", &[Word(socket), Bytes(data), flag(wait)])
    }

    fn receive(&mut self, socket: u32, len: u32, peek: bool, wait: bool) -> Answer<Vec<u8>> {
        self.bytes(Virt::Net, "receive", &[Word(socket), Word(len), flag(peek), flag(wait)])
    }

    fn shutdown(&mut self, socket: u32, receiving: bool, sending: bool) -> Answer<()> {
        self.done(Virt::Net, "shutdown", &[Word(socket), flag(receiving), flag(sending)])
    }

    fn close_socket(&mut self, socket: u32) -> Answer<()> {
        self.ask(Virt::Net, "close", &[Word(socket)], 0).map(drop)
    }

    fn poll_sockets(&mut self, subscriptions: &[(u32, u8)], timeout_ns: Option<u64>) -> Answer<Vec<u8>> {
        let (some, ns) = timeout_ns.map_or((0, 0), |ns| (1, ns));
        self.bytes(Virt::Net, "poll", &[Arg::Pairs(subscriptions), Word(some), Long(ns)])
    }
}

/// Where the fields are that this file reads, by the types themselves.
#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_runtime_abi::wit::{Direction, Kind};

    #[test]
    fn results_lie_where_they_are_looked_for() {
        let world = host_world().unwrap();
        let types = world.types();
        for function in world.imports() {
            let signature = world.signature(function, Direction::Lower);
            assert!(!signature.params_by_pointer, "{}", function.name);
            assert_eq!(signature.result_by_pointer, function.result.is_some(), "{}", function.name);
            let Some(Kind::Result { ok, .. }) = function.result.and_then(|result| types.kind(result)) else { continue };
            let payload = types.variant(function.result.unwrap()).unwrap().payload_offset;
            let expected = ok.map_or(1, |ok| types.layout(ok).align);
            assert_eq!(payload, expected, "{}", function.name);
        }
        let element = |name: &str| {
            let function = world.imports().iter().find(|f| f.name == name).unwrap();
            let mut ty = function.result.unwrap();
            if let Some(Kind::Result { ok, .. }) = types.kind(ty) {
                ty = ok.unwrap();
            }
            if let Some(Kind::List(element)) = types.kind(ty) {
                ty = *element;
            }
            let fields: Vec<_> = match types.kind(ty) {
                Some(Kind::Record(fields)) => fields.iter().map(|field| field.ty).collect(),
                Some(Kind::Tuple(fields)) => fields.to_vec(),
                _ => Vec::new(),
            };
            let offsets: Vec<u32> = types.offsets(fields).map(|(_, at)| at).collect();
            (types.layout(ty).size, offsets)
        };
        assert_eq!(element("preopens"), (12, vec![0, 4]));
        assert_eq!(element("entries"), (32, vec![0, 8, 16, 24]));
        assert_eq!(element("variables"), (16, vec![0, 8]));
        assert_eq!(element("get-stat"), (64, vec![0, 8, 16, 24, 32, 40, 48, 56]));
        assert_eq!(element("poll").0, 1);
        assert_eq!(element("resolve").0, 8);
        assert_eq!(element("peer"), (12, vec![0, 8]));
        assert_eq!(element("receive-from"), (20, vec![0, 8]));
    }
}
