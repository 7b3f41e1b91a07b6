//! How the calls of `bailiwick:virt/net` lie in a guest's memory (the Component Model's canonical ABI), and their way into
//! the loader.
//!
//! ```text
//! result<_, errno>      0 failed: u8    1 errno: u8
//! result<u32, errno>    0 failed: u8    4 errno: u8, or u32
//! result<list, errno>   0 failed: u8    4 errno: u8, or pointer    8 length
//! endpoint              0 address: pointer    4 length    8 port: u16
//! datagram              0 data: pointer       4 length    8 sender: endpoint
//! ```
//!
//! A pointer that is none ends the guest: its own compiler made it.

use super::super::errno::Errno;
use super::super::wait::Stop;
use super::calls::{Answers, Progress, Ready, Reply, Request};
use crate::host::HostFunc;
use crate::{Caller, HostError, Imports, TrapCode, Val, ValType};
use rustix::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The interface.
pub(crate) const INTERFACE: &str = "bailiwick:virt/net";

/// What a guest's memory is allocated by.
const REALLOC: &str = "cabi_realloc";

/// Most bytes of a name or an address.
const MAX_TEXT: u32 = 1024;

/// Most bytes that one call sends or receives: more than that is sent and received in part.
const MAX_DATA: u32 = 1 << 20;

/// Most subscriptions of one call.
const MAX_SUBSCRIPTIONS: u32 = 4096;

/// Keeps an instance from making calls, or lets it again; says how it was. So that an allocator makes none.
pub type Closing = Arc<dyn Fn(bool) -> bool + Send + Sync>;

/// Where a result lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// `result<_, errno>`
    Nothing,
    /// `result<u32, errno>`
    Number,
    /// `result<list<…>, errno>`
    List,
    /// `list<…>`
    Bare,
    /// `result<datagram, errno>`
    Datagram,
    /// `result<endpoint, errno>`
    Endpoint,
}

impl Shape {
    /// Size and alignment in bytes.
    fn layout(self) -> (u32, u32) {
        match self {
            Shape::Nothing => (2, 1),
            Shape::Number | Shape::Bare => (8, 4),
            Shape::List => (12, 4),
            Shape::Datagram => (24, 4),
            Shape::Endpoint => (16, 4),
        }
    }
}

/// One module's way to the network.
struct Side {
    answers: Arc<dyn Answers>,
    closing: Closing,
    /// Whether the guest's allocator runs on behalf of a call.
    allocating: AtomicBool,
}

/// What is wrong with the guest.
fn trap(reason: impl Into<String>) -> HostError {
    HostError::Trap(TrapCode::HostError, Some(format!("{INTERFACE}: {}", reason.into())))
}

/// The bytes of a range.
fn range(memory: &[u8], at: u32, len: u32) -> Result<&[u8], HostError> {
    let (start, end) = (u64::from(at), u64::from(at) + u64::from(len));
    let outside = || trap(format!("{len} bytes at {at} are beyond its memory of {} bytes", memory.len()));
    if end > memory.len() as u64 { Err(outside()) } else { Ok(&memory[start as usize..end as usize]) }
}

/// A text that a guest passes.
fn text(memory: &[u8], at: u32, len: u32) -> Result<String, HostError> {
    let bytes = range(memory, at, len)?;
    let text = std::str::from_utf8(bytes).map_err(|_| trap("a text is no UTF-8"))?;
    // What is longer is no name: the front of it is refused like the whole.
    Ok(text[..text.floor_char_boundary(MAX_TEXT as usize)].to_owned())
}

fn data(memory: &[u8], at: u32, len: u32) -> Result<Vec<u8>, HostError> {
    Ok(range(memory, at, len)?[..len.min(MAX_DATA) as usize].to_vec())
}

impl Side {
    /// Makes a call: as often as it has to wait, with nothing of the guest locked meanwhile.
    fn call(
        &self,
        caller: &mut Caller<'_>,
        function: &'static str,
        result: Option<(Shape, u32)>,
        lift: impl FnOnce(&[u8]) -> Result<Request, HostError>,
    ) -> Result<(), HostError> {
        if self.allocating.load(Ordering::Acquire) {
            return Err(trap("its allocator makes no calls"));
        }
        let (memory, _) = caller.memory_and_interrupt()?;
        if let Some((shape, at)) = result {
            let (size, align) = shape.layout();
            if at % align != 0 {
                return Err(trap(format!("{function}: it wants its result at {at}, which is no multiple of {align}")));
            }
            range(memory, at, size)?;
        }
        let request = lift(memory)?;
        let mut progress = Progress::default();
        let answer = loop {
            let wait = match self.answers.attempt(caller, &request, &mut progress)? {
                Ok(reply) => break Ok(reply),
                Err(Stop::Errno(errno)) => break Err(errno),
                Err(Stop::Interrupted) => return Err(interrupted()),
                Err(Stop::Wait(wait)) => wait,
            };
            // Where the host has no descriptor left for it, the wait looks around now and then.
            let signal = caller.interrupt_signal().ok();
            let slept = wait.sleep(signal.as_ref().map(AsFd::as_fd));
            let (_, interrupt) = caller.memory_and_interrupt()?;
            if interrupt.load(Ordering::Acquire) {
                return Err(interrupted());
            }
            if let Err(errno) = slept {
                break Err(errno);
            }
        };
        if let Err(errno) = &answer
            && errno.rule().is_some()
        {
            self.answers.denied(function, &request, *errno);
        }
        match result {
            Some((shape, at)) => self.lower(caller, shape, at, answer),
            None => Ok(()),
        }
    }

    /// Puts an answer where the guest wants it.
    fn lower(
        &self,
        caller: &mut Caller<'_>,
        shape: Shape,
        at: u32,
        answer: Result<Reply, Errno>,
    ) -> Result<(), HostError> {
        let mut area = vec![0; shape.layout().0 as usize];
        let mut put = |offset: usize, bytes: &[u8]| area[offset..offset + bytes.len()].copy_from_slice(bytes);
        let pair = |(at, len): (u32, u32)| (u64::from(len) << 32 | u64::from(at)).to_le_bytes();
        match (shape, answer) {
            (Shape::Nothing, Ok(_)) => {}
            (Shape::Nothing, Err(errno)) => put(0, &[1, errno.raw() as u8]),
            (Shape::Bare, Ok(Reply::Numbers(numbers))) => {
                let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
                let (list, _) = self.bytes(caller, 4, &bytes)?;
                put(0, &pair((list, numbers.len() as u32)));
            }
            // It has no way to say that there is an error.
            (Shape::Bare, _) => put(0, &pair((4, 0))),
            (Shape::Number, Ok(Reply::Number(number))) => put(4, &number.to_le_bytes()),
            (Shape::List, Ok(Reply::Bytes(bytes))) => put(4, &pair(self.bytes(caller, 1, &bytes)?)),
            (Shape::List, Ok(Reply::Ready(ready))) => {
                let bits: Vec<u8> = ready.into_iter().map(Ready::bits).collect();
                put(4, &pair(self.bytes(caller, 1, &bits)?));
            }
            (Shape::List, Ok(Reply::Texts(texts))) => {
                let mut pairs = Vec::with_capacity(texts.len() * 8);
                for text in &texts {
                    pairs.extend(pair(self.bytes(caller, 1, text.as_bytes())?));
                }
                let (list, _) = self.bytes(caller, 4, &pairs)?;
                put(4, &pair((list, texts.len() as u32)));
            }
            (Shape::Datagram, Ok(Reply::Datagram(bytes, (address, port)))) => {
                put(4, &pair(self.bytes(caller, 1, &bytes)?));
                put(12, &pair(self.bytes(caller, 1, address.as_bytes())?));
                put(20, &port.to_le_bytes());
            }
            (Shape::Endpoint, Ok(Reply::Endpoint((address, port)))) => {
                put(4, &pair(self.bytes(caller, 1, address.as_bytes())?));
                put(12, &port.to_le_bytes());
            }
            (_, answer) => {
                // An answer of another kind is none.
                let errno = answer.err().unwrap_or(Errno::IO);
                put(0, &[1]);
                put(4, &[errno.raw() as u8]);
            }
        }
        // The allocator may have made the memory grow, but never shrink: it is as it was checked.
        write(caller, at, &area)
    }

    /// Puts bytes into memory that the guest allocates for them. Where they are, and how many.
    fn bytes(&self, caller: &mut Caller<'_>, align: u32, bytes: &[u8]) -> Result<(u32, u32), HostError> {
        let len = u32::try_from(bytes.len()).map_err(|_| trap("an answer is too long"))?;
        if len == 0 {
            return Ok((align, 0));
        }
        let realloc = caller.export(REALLOC).ok_or_else(|| trap(format!("it exports no {REALLOC}")))?;
        let arguments = [0, 0, align, len].map(|number| Val::I32(number.cast_signed()));
        self.allocating.store(true, Ordering::Release);
        let outer = (self.closing)(true);
        let allocated = realloc.call(caller, &arguments);
        (self.closing)(outer);
        self.allocating.store(false, Ordering::Release);
        let at = match allocated?.as_slice() {
            [Val::I32(at)] => at.cast_unsigned(),
            _ => return Err(trap(format!("its {REALLOC} returns no address"))),
        };
        if at % align != 0 {
            return Err(trap(format!("its {REALLOC} answered {at}, which is no multiple of {align}")));
        }
        write(caller, at, bytes)?;
        Ok((at, len))
    }
}

fn write(caller: &mut Caller<'_>, at: u32, bytes: &[u8]) -> Result<(), HostError> {
    let memory = caller.memory()?;
    range(memory, at, bytes.len() as u32)?;
    memory[at as usize..][..bytes.len()].copy_from_slice(bytes);
    Ok(())
}

fn interrupted() -> HostError {
    HostError::Trap(TrapCode::Interrupt, None)
}

/// A function of the interface. What it is made of is data, so that one routine calls all of them.
struct Function {
    name: &'static str,
    /// Its parameters as WebAssembly passes them, of which the last is the place of the result, if there is one.
    types: &'static [ValType],
    result: Option<Shape>,
    /// Lifts the parameters, which are words.
    lift: fn(&[u8], &[u64]) -> Result<Request, HostError>,
}

macro_rules! value_type {
    (u32) => {
        ValType::I32
    };
    (u64) => {
        ValType::I64
    };
}

/// Defines [`FUNCTIONS`]: a row is the function, its parameters, the result's shape, and how it is lifted.
macro_rules! functions {
    ($($name:literal ($($param:ident: $type:ident),*) $(-> $shape:ident)? |$memory:ident| $request:expr;)*) => {
        const FUNCTIONS: &[Function] = &[$(Function {
            name: $name,
            types: functions!(@types ($($type),*) $($shape)?),
            result: functions!(@result $($shape)?),
            lift: |$memory, words| {
                // There are as many as types.
                let &[$($param),*] = words else { return Err(trap($name)) };
                $(let $param = $param as $type;)*
                Ok($request)
            },
        }),*];
    };
    (@types ($($type:ident),*)) => { &[$(value_type!($type)),*] };
    (@types ($($type:ident),*) $shape:ident) => { &[$(value_type!($type),)* ValType::I32] };
    (@result) => { None };
    (@result $shape:ident) => { Some(Shape::$shape) };
}

/// Hands the network to the loader, under the name by which a module imports the interface, as far as it is wanted. Calls are
/// answered by `answers`.
pub fn add_to_imports(
    imports: &mut Imports,
    module: &str,
    answers: &Arc<dyn Answers>,
    closing: &Closing,
    wanted: impl Fn(&str) -> bool,
) {
    let (answers, closing) = (Arc::clone(answers), Arc::clone(closing));
    let side = Arc::new(Side { answers, closing, allocating: AtomicBool::new(false) });
    for function in FUNCTIONS.iter().filter(|function| wanted(function.name)) {
        let side = Arc::clone(&side);
        let called = move |caller: &mut Caller<'_>, words: &[u64]| {
            let (result, words) = match (function.result, words) {
                (Some(shape), [words @ .., at]) => (Some((shape, *at as u32)), words),
                _ => (None, words),
            };
            side.call(caller, function.name, result, |memory| (function.lift)(memory, words)).map(|()| 0)
        };
        imports.host(module, function.name, HostFunc::integers(function.types, &[], called));
    }
}

functions! {
    "resolve" (at: u32, len: u32) -> List |memory| Request::Resolve { name: text(memory, at, len)? };
    "connect" (at: u32, len: u32, port: u32, wait: u32) -> Number |memory| {
        Request::Connect { host: text(memory, at, len)?, port: port as u16, wait: wait != 0 }
    };
    "listeners" () -> Bare |_memory| Request::Listeners;
    "listen" (at: u32, len: u32, port: u32) -> Number |memory| {
        Request::Listen { address: text(memory, at, len)?, port: port as u16 }
    };
    "accept" (listener: u32, wait: u32) -> Number |_memory| Request::Accept { listener, wait: wait != 0 };
    "send" (socket: u32, at: u32, len: u32, wait: u32) -> Number |memory| {
        Request::Send { socket, data: data(memory, at, len)?, wait: wait != 0 }
    };
    "receive" (socket: u32, len: u32, peek: u32, wait: u32) -> List |_memory| {
        Request::Receive { socket, len: len.min(MAX_DATA), peek: peek != 0, wait: wait != 0 }
    };
    "bind" (at: u32, len: u32, port: u32) -> Number |memory| {
        Request::Bind { address: text(memory, at, len)?, port: port as u16 }
    };
    "send-to" (socket: u32, at: u32, len: u32, host: u32, host_len: u32, port: u32) -> Number |memory| {
        let (data, host) = (data(memory, at, len)?, text(memory, host, host_len)?);
        Request::SendTo { socket, data, host, port: port as u16 }
    };
    "receive-from" (socket: u32, len: u32, wait: u32) -> Datagram |_memory| {
        Request::ReceiveFrom { socket, len: len.min(MAX_DATA), wait: wait != 0 }
    };
    "local" (socket: u32) -> Endpoint |_memory| Request::Local { socket };
    "peer" (socket: u32) -> Endpoint |_memory| Request::Peer { socket };
    "shutdown" (socket: u32, receiving: u32, sending: u32) -> Nothing |_memory| {
        Request::Shutdown { socket, receiving: receiving != 0, sending: sending != 0 }
    };
    "close" (socket: u32) |_memory| Request::Close { socket };
    "poll" (at: u32, count: u32, timed: u32, timeout: u64) -> List |memory| {
        if count > MAX_SUBSCRIPTIONS || !at.is_multiple_of(4) {
            return Err(trap(format!("poll: {count} subscriptions at {at}")));
        }
        let subscriptions = range(memory, at, count * 8)?.chunks_exact(8);
        let subscription =
            |bytes: &[u8]| (u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]), Ready::from_bits(bytes[4]));
        Request::Poll {
            subscriptions: subscriptions.map(subscription).collect(),
            timeout_ns: (timed != 0).then_some(timeout),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FuncType;
    use bailiwick_runtime_abi::wit::Direction;
    use bailiwick_runtime_abi::wit::builtin::host_world;

    /// The core types, and where results lie, are those of the WIT text.
    #[test]
    fn every_function_is_as_the_canonical_abi_has_it() {
        let world = host_world().expect("the loader's world");
        let functions: Vec<_> =
            world.imports().iter().filter(|function| function.interface.as_deref() == Some(INTERFACE)).collect();
        assert_eq!(functions.len(), FUNCTIONS.len());
        let answers: Arc<dyn Answers> = Arc::new(std::sync::Mutex::new(super::super::super::WasiCtx::inert()));
        let closing: Closing = Arc::new(|_| false);
        let mut imports = Imports::new();
        add_to_imports(&mut imports, INTERFACE, &answers, &closing, |_| true);
        for function in functions {
            assert!(imports.contains(INTERFACE, &function.name), "{}", function.name);
            let signature = world.signature(function, Direction::Lower);
            let ty = imports.func_type_of(INTERFACE, &function.name).expect("a function");
            let expected = FuncType::new(signature.params.iter().copied(), signature.results.iter().copied());
            assert_eq!(*ty, expected, "{}", function.name);
        }
    }
}
