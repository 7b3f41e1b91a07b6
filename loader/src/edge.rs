//! Calls from a group to another that compiled code makes by itself: the edge record that an adapter is given, and what
//! adapters call besides guests (`bailiwick_runtime_abi::edge`).
//!
//! Who the two sides are, and what becomes of them, is up to an [`EdgeHost`]; here is what needs raw addresses.
//!
//! # Invariants
//! * A record lies in a box that the caller's group keeps, and names memories, contexts and groups of both sides. Those of
//!   the callee are named only while it is alive: its gate says so, and is looked at before each call.
//! * Between two entries of an adapter no guest of either side runs, so the memories are this thread's to read and write.

use crate::activation::{Activation, GroupRecord};
use crate::arch::{builtin, enter_edge};
use crate::builtins::{Returned, guarded};
use crate::error::Error;
use crate::func::Func;
use crate::group::{Group, Inner, inner};
use crate::host::{Caller, HostError};
use crate::instance::ContextHeader;
use crate::interrupt::{Interrupt, InterruptHandle};
use crate::memory::{Memory, MemoryDef};
use crate::value::FuncType;
use bailiwick_runtime_abi::edge::*;
use std::mem::offset_of;
use std::ptr::{NonNull, null, null_mut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Offset of the record's activation.
pub(crate) const RECORD_ACTIVATION: usize = RECORD_SIZE as usize;

/// Whether an instance may be entered, and may call others. Adapters read and write it.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Gate {
    state: AtomicU32,
    closed: AtomicU32,
}

impl Gate {
    /// Whether it is being called.
    pub fn entered(&self) -> bool {
        self.state.load(Ordering::Relaxed) & ENTERED != 0
    }

    /// Marks it as being called, or as being called no longer.
    pub fn set_entered(&self, entered: bool) {
        if entered {
            self.state.fetch_or(ENTERED, Ordering::Relaxed);
        } else {
            self.state.fetch_and(!ENTERED, Ordering::Relaxed);
        }
    }

    /// Marks it as dead, for good.
    pub fn set_dead(&self) {
        self.state.fetch_or(DEAD, Ordering::Relaxed);
    }

    /// Whether it makes no calls.
    pub fn closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed) != 0
    }

    /// Says whether it makes no calls; returns what it said before.
    pub fn set_closed(&self, closed: bool) -> bool {
        self.closed.swap(closed.into(), Ordering::Relaxed) != 0
    }
}

/// What decides about the calls of an edge. It is called on the host's stack, while both guests wait.
pub trait EdgeHost: Send + Sync {
    /// The gates of the caller and of the callee. They stay as long as this does.
    fn gates(&self) -> [&Gate; 2];
    /// By which the callee is interrupted.
    fn callee_interrupt(&self) -> &InterruptHandle;
    /// See [`Routine::Begin`]; `result` is the import's.
    fn begin(&self, call: &mut EdgeCall<'_>, area: u32, result: &mut u64) -> Result<bool, HostError>;
    /// See [`Routine::Pass`]. `None`: why is kept.
    fn pass(&self, place: u32, handle: u32) -> Option<u32>;
    /// See [`Routine::Returned`]. False: why is kept.
    fn returned(&self) -> bool;
    /// The call ends because one of the others, but `begin`, ends the caller: by a panic, or by an error of ours.
    fn abandon(&self);
    /// See [`Routine::Fault`].
    fn fault(&self, call: &mut EdgeCall<'_>, broken: Broken, area: u32, result: &mut u64) -> Result<(), HostError>;
    /// See [`Routine::Finish`].
    fn finish(&self);
}

/// What an adapter says went wrong.
#[derive(Debug)]
pub struct Broken {
    pub code: u8,
    pub region: u8,
    pub stage: u8,
    pub callee: bool,
    pub place: u32,
    pub a: u64,
    pub b: u64,
    /// What a routine of this file kept, for [`Code::Recorded`].
    pub recorded: Option<Recorded>,
    /// What the function returned, in [`Stage::Result`].
    pub returned: u64,
}

/// Why a routine failed.
#[derive(Clone, Copy, Debug)]
pub enum Recorded {
    /// Text is no UTF-8 from this byte on.
    NotText(u64),
    /// The callee is to end, or else the caller.
    Interrupted { callee: bool },
}

/// A function that can be entered.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct TargetRecord {
    stub: usize,
    context: *mut u8,
    code: usize,
    group: *mut GroupRecord,
}

const NOTHING: TargetRecord = TargetRecord { stub: 0, context: null_mut(), code: 0, group: null_mut() };

/// Nothing of it: what it holds is the whole application, and code to print that would be in every program.
impl std::fmt::Debug for dyn EdgeHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EdgeHost")
    }
}

/// What an adapter is given.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct EdgeRecord {
    header: ContextHeader,
    caller_memory: *const MemoryDef,
    callee_memory: *const MemoryDef,
    caller_gate: *const Gate,
    callee_gate: *const Gate,
    caller_interrupt: *const AtomicBool,
    callee_interrupt: *const AtomicBool,
    stack_low: u64,
    flags: u32,
    values: u32,
    bytes: u64,
    elements: u64,
    targets: [TargetRecord; 4],
    activation: Activation,
    /// The caller's group and the instance in it that was granted the edge.
    inner: *mut Inner,
    instance: u32,
    recorded: Option<Recorded>,
    host: Arc<dyn EdgeHost>,
    /// Whose flags the fields above name.
    interrupts: [Arc<Interrupt>; 2],
}

const _: () = {
    assert!(offset_of!(EdgeRecord, caller_memory) == CALLER_MEMORY as usize);
    assert!(offset_of!(EdgeRecord, callee_memory) == CALLEE_MEMORY as usize);
    assert!(offset_of!(EdgeRecord, caller_gate) == CALLER_GATE as usize);
    assert!(offset_of!(EdgeRecord, callee_gate) == CALLEE_GATE as usize);
    assert!(offset_of!(EdgeRecord, caller_interrupt) == CALLER_INTERRUPT as usize);
    assert!(offset_of!(EdgeRecord, callee_interrupt) == CALLEE_INTERRUPT as usize);
    assert!(offset_of!(EdgeRecord, stack_low) == STACK_LOW as usize);
    assert!(offset_of!(EdgeRecord, flags) == FLAGS as usize);
    assert!(offset_of!(EdgeRecord, values) == VALUES as usize);
    assert!(offset_of!(EdgeRecord, bytes) == BYTES as usize);
    assert!(offset_of!(EdgeRecord, elements) == ELEMENTS as usize);
    assert!(offset_of!(EdgeRecord, targets) == TARGETS as usize);
    assert!(offset_of!(EdgeRecord, activation) == RECORD_ACTIVATION);
    assert!(size_of::<TargetRecord>() == TARGET_SIZE as usize);
    assert!(offset_of!(TargetRecord, stub) == TARGET_STUB as usize);
    assert!(offset_of!(TargetRecord, context) == TARGET_CONTEXT as usize);
    assert!(offset_of!(TargetRecord, code) == TARGET_CODE as usize);
    assert!(offset_of!(TargetRecord, group) == TARGET_GROUP as usize);
    assert!(size_of::<Gate>() == GATE_SIZE as usize);
    assert!(offset_of!(Gate, state) == GATE_STATE as usize);
    assert!(offset_of!(Gate, closed) == GATE_CLOSED as usize);
};

/// What is entered over an edge, with the types that it must have.
#[derive(Debug)]
pub struct Parts {
    pub function: (Func, FuncType),
    pub post_return: Option<(Func, FuncType)>,
    pub realloc: Option<Func>,
    pub memory: Option<Memory>,
    pub caller_realloc: Option<Func>,
    /// Bytes that a call may write.
    pub values: u64,
}

impl EdgeRecord {
    /// A record for an import of `instance`, not filled in: its first call has [`EdgeHost::begin`] do that. `None` if the
    /// caller's stack is too small for adapters.
    pub(crate) fn new(inner: &mut Inner, instance: u32, host: &Arc<dyn EdgeHost>) -> Option<Box<EdgeRecord>> {
        let stack = inner.record.stack.clone();
        if (stack.len() as u64) < 4 * STACK_RESERVE {
            return None;
        }
        // Adapters leave their group by the routines alone.
        let mut header = ContextHeader::new(inner, 0);
        header.builtins = (&raw const ROUTINES).cast();
        let interrupts = [Arc::clone(&inner.interrupt), Arc::clone(&host.callee_interrupt().interrupt)];
        let [caller_gate, callee_gate] = host.gates().map(std::ptr::from_ref);
        Some(Box::new(EdgeRecord {
            header,
            caller_memory: null(),
            callee_memory: null(),
            caller_gate,
            callee_gate,
            caller_interrupt: interrupts[0].flag(),
            callee_interrupt: interrupts[1].flag(),
            stack_low: stack.start as u64 + STACK_RESERVE,
            flags: BEGIN,
            values: MAX_BYTES as u32,
            bytes: 0,
            elements: 0,
            targets: [NOTHING; 4],
            activation: Activation::of_edge(),
            inner,
            instance,
            recorded: None,
            host: Arc::clone(host),
            interrupts,
        }))
    }
}

/// A call that is being made over an edge, while both sides wait.
#[derive(Debug)]
pub struct EdgeCall<'a> {
    record: NonNull<EdgeRecord>,
    /// The caller's side.
    pub caller: Caller<'a>,
}

impl EdgeCall<'_> {
    /// Fills the record in. The callee's group must stay until its gate says that it is dead.
    ///
    /// # Errors
    /// What is not there, or not of the type that it must have.
    pub fn link(&mut self, callee: &mut Group, parts: Parts) -> Result<(), Error> {
        let allocator = || FuncType::new([crate::ValType::I32; 4], [crate::ValType::I32]);
        let function = target(inner(callee), parts.function)?;
        let post_return = parts.post_return.map(|f| target(inner(callee), f)).transpose()?;
        let realloc = parts.realloc.map(|f| target(inner(callee), (f, allocator()))).transpose()?;
        let callee_memory = parts.memory.map(|m| m.data(inner(callee))?.own_def()).transpose()?;
        let caller_realloc =
            parts.caller_realloc.map(|f| target(inner(&mut self.caller), (f, allocator()))).transpose()?;
        let caller_memory = self.caller.memory_handle();
        let caller_memory = caller_memory.map(|m| m.data(inner(&mut self.caller))?.own_def()).transpose()?;
        // SAFETY: the adapter waits, so that nothing else refers to the record.
        let record = unsafe { self.record.as_mut() };
        record.targets = [Some(function), realloc, post_return, caller_realloc].map(|t| t.unwrap_or(NOTHING));
        record.caller_memory = caller_memory.map_or(null(), <*mut _>::cast_const);
        record.callee_memory = callee_memory.map_or(null(), <*mut _>::cast_const);
        record.values = parts.values.min(MAX_BYTES) as u32;
        Ok(())
    }

    /// Whether the record was filled in.
    pub fn linked(&self) -> bool {
        // SAFETY: as above.
        unsafe { self.record.as_ref() }.targets[Target::Function as usize].code != 0
    }

    /// Sets what has to be called at the beginning and at the end of each call.
    pub fn set_flags(&mut self, flags: u32) {
        // SAFETY: as above.
        unsafe { self.record.as_mut() }.flags = flags;
    }

    /// Why what was entered did not return, from [`Broken::a`]. The group that it is of must still be there.
    pub fn ended(&mut self, target: u64) -> Error {
        // SAFETY: as above.
        let record = unsafe { self.record.as_mut() };
        let Some(target) = record.targets.get(target as usize).filter(|target| !target.group.is_null()) else {
            return Error::trap(bailiwick_runtime_abi::trap::TrapCode::HostError);
        };
        // SAFETY: the activation of the record was left, as the adapter has found, and the group that it entered is there. The
        // record of a group lies in its inside; nothing of it runs or is referred to.
        unsafe {
            let left = Activation::left(&raw const record.activation);
            (*target.group.byte_sub(offset_of!(Inner, record)).cast::<Inner>()).error(left)
        }
    }

    /// Bytes of the memory of one side, as it is now; `None` if it has none.
    pub fn memory_len(&self, callee: bool) -> Option<u64> {
        // SAFETY: as above; memories stay as long as their groups.
        unsafe {
            let record = self.record.as_ref();
            let memory = if callee { record.callee_memory } else { record.caller_memory };
            memory.as_ref().map(|memory| memory.length)
        }
    }
}

fn target(inner: &mut Inner, (func, ty): (Func, FuncType)) -> Result<TargetRecord, Error> {
    let found = func.func_type(inner)?;
    if found != ty {
        return Err(Error::Type { expected: ty.to_string(), found: found.to_string() });
    }
    let target = func.target(inner)?;
    Ok(TargetRecord { stub: target.stub, context: target.context, code: target.code, group: &raw mut inner.record })
}

/// Runs `f` for the call that the adapter of `record` makes.
///
/// # Safety
/// Called by an adapter through `exit_common`, with its own record.
unsafe fn calling(record: *mut EdgeRecord, f: impl FnOnce(&mut EdgeCall<'_>) -> Result<u64, HostError>) -> Returned {
    // SAFETY: the caller's promise: the record is there, and the guest waits, so nothing else refers to its group.
    let (record, inner, instance) = unsafe {
        let record = NonNull::new_unchecked(record);
        (record, NonNull::new_unchecked((*record.as_ptr()).inner), (*record.as_ptr()).instance)
    };
    guarded(inner, || f(&mut EdgeCall { record, caller: Caller::new(inner, instance) }))
}

/// The same in the middle of a call, which is cleaned up after if it can't go on.
///
/// # Safety
/// As for [`calling`].
unsafe fn in_call(record: *mut EdgeRecord, f: impl FnOnce(&mut EdgeCall<'_>) -> Result<u64, HostError>) -> Returned {
    // SAFETY: the caller's promise.
    let returned = unsafe { calling(record, f) };
    if returned.left == 0 {
        return returned;
    }
    // SAFETY: the same.
    let cleaned = unsafe {
        calling(record, |call| {
            call.host().abandon();
            Ok(0)
        })
    };
    Returned { left: returned.left | cleaned.left, ..returned }
}

/// Bytes that are copied between two looks at whether somebody is to end.
const PIECE: u64 = 1 << 20;

impl EdgeCall<'_> {
    fn host(&self) -> Arc<dyn EdgeHost> {
        // SAFETY: as in `link`.
        Arc::clone(unsafe { &self.record.as_ref().host })
    }

    /// Keeps why a routine failed.
    fn failed(&mut self, recorded: Recorded) -> u64 {
        // SAFETY: as in `link`.
        unsafe { self.record.as_mut() }.recorded = Some(recorded);
        1
    }

    /// Who is to end, if anybody is.
    fn check(&self) -> Option<Recorded> {
        // SAFETY: as in `link`.
        let interrupts = unsafe { &self.record.as_ref().interrupts };
        match interrupts.each_ref().map(|interrupt| interrupt.requested()) {
            [true, _] => Some(Recorded::Interrupted { callee: false }),
            [_, true] => Some(Recorded::Interrupted { callee: true }),
            _ => None,
        }
    }

    /// Copies `size` bytes from one side to the other, in pieces, each of which `part` is asked about first: how much of
    /// it may go.
    fn copy(
        &mut self,
        way: u64,
        from: u64,
        to: u64,
        size: u64,
        part: impl Fn(&[u8], bool) -> Result<usize, usize>,
    ) -> Result<u64, HostError> {
        // SAFETY: as in `link`; memories stay as long as their groups.
        let (source, target) = unsafe {
            let record = self.record.as_ref();
            let (caller, callee) = (record.caller_memory.as_ref(), record.callee_memory.as_ref());
            if way == 0 { (caller, callee) } else { (callee, caller) }
        };
        // The adapter has checked all that; nothing is copied that is not checked here.
        let within = |memory: Option<&MemoryDef>, at: u64| {
            let memory = memory.filter(|m| at.checked_add(size).is_some_and(|end| end <= m.length));
            memory.map(|memory| memory.base.wrapping_add(at as usize))
        };
        let (Some(source), Some(target)) = (within(source, from), within(target, to)) else {
            return Err(HostError::message("an adapter copies what is in no memory"));
        };
        let mut done = 0;
        while done < size {
            let piece = PIECE.min(size - done) as usize;
            // SAFETY: both ranges lie within their memories, which no guest runs on now and which never overlap: they
            // are of two groups.
            let good = unsafe {
                let source = std::slice::from_raw_parts(source.add(done as usize), piece);
                let good = part(source, done + piece as u64 == size);
                if let Ok(good) = good {
                    std::ptr::copy_nonoverlapping(source.as_ptr(), target.add(done as usize), good);
                }
                good
            };
            match good {
                Ok(good) => done += good as u64,
                Err(at) => return Ok(self.failed(Recorded::NotText(done + at as u64))),
            }
            if done < size
                && let Some(recorded) = self.check()
            {
                return Ok(self.failed(recorded));
            }
        }
        Ok(0)
    }
}

/// How much of a piece of a text is whole characters; else where it is no UTF-8.
fn text(piece: &[u8], last: bool) -> Result<usize, usize> {
    match std::str::from_utf8(piece) {
        Ok(_) => Ok(piece.len()),
        // A character that the piece cuts off, which the next one begins with.
        Err(e) if e.error_len().is_none() && !last && e.valid_up_to() > 0 => Ok(e.valid_up_to()),
        Err(e) => Err(e.valid_up_to()),
    }
}

/// Implementations, in C convention, on the host's stack.
mod implementation {
    use super::*;

    /// The first cell, which is the import's result.
    ///
    /// # Safety
    /// `values` are an adapter's.
    unsafe fn answer(values: *mut [u64; 2], result: u64) {
        // SAFETY: the caller's promise: there are at least four cells.
        unsafe { *values = [result, 0] };
    }

    /// # Safety
    /// As for [`calling`], here and below; `values` are the adapter's cells.
    pub(super) unsafe extern "C" fn begin(record: *mut EdgeRecord, area: u64, values: *mut [u64; 2]) -> Returned {
        // SAFETY: the caller's promise.
        unsafe {
            calling(record, |call| {
                let mut result = 0;
                let over = call.host().begin(call, area as u32, &mut result)?;
                if over {
                    answer(values, result);
                }
                Ok(over.into())
            })
        }
    }

    pub(super) unsafe extern "C" fn copy(record: *mut EdgeRecord, way: u64, from: u64, to: u64, size: u64) -> Returned {
        // SAFETY: the caller's promise.
        unsafe { in_call(record, |call| call.copy(way, from, to, size, |piece, _| Ok(piece.len()))) }
    }

    pub(super) unsafe extern "C" fn copy_text(
        record: *mut EdgeRecord,
        way: u64,
        from: u64,
        to: u64,
        size: u64,
    ) -> Returned {
        // SAFETY: the caller's promise.
        unsafe { in_call(record, |call| call.copy(way, from, to, size, text)) }
    }

    pub(super) unsafe extern "C" fn pass(record: *mut EdgeRecord, place: u64, handle: u64) -> Returned {
        // SAFETY: the caller's promise.
        unsafe {
            in_call(record, |call| Ok(call.host().pass(place as u32, handle as u32).map_or(NO_HANDLE, u64::from)))
        }
    }

    pub(super) unsafe extern "C" fn returned(record: *mut EdgeRecord) -> Returned {
        // SAFETY: the caller's promise.
        unsafe { in_call(record, |call| Ok((!call.host().returned()).into())) }
    }

    pub(super) unsafe extern "C" fn check(record: *mut EdgeRecord) -> Returned {
        // SAFETY: the caller's promise.
        unsafe { in_call(record, |call| Ok(call.check().map_or(0, |recorded| call.failed(recorded)))) }
    }

    pub(super) unsafe extern "C" fn fault(
        record: *mut EdgeRecord,
        what: u64,
        a: u64,
        b: u64,
        area: u64,
        values: *mut [u64; 2],
    ) -> Returned {
        // SAFETY: the caller's promise.
        unsafe {
            calling(record, |call| {
                let [code, region, stage, callee, place @ ..] = what.to_le_bytes();
                let broken = Broken {
                    code,
                    region,
                    stage,
                    callee: callee != 0,
                    place: u32::from_le_bytes(place),
                    a,
                    b,
                    recorded: call.record.as_mut().recorded.take(),
                    returned: (*values)[0],
                };
                let mut result = 0;
                call.host().fault(call, broken, area as u32, &mut result)?;
                answer(values, result);
                Ok(0)
            })
        }
    }

    pub(super) unsafe extern "C" fn finish(record: *mut EdgeRecord) -> Returned {
        // SAFETY: the caller's promise.
        unsafe {
            calling(record, |call| {
                call.host().finish();
                Ok(0)
            })
        }
    }
}

/// What adapters call.
mod entry {
    super::builtin!(begin => super::implementation::begin);
    super::builtin!(copy => super::implementation::copy);
    super::builtin!(copy_text => super::implementation::copy_text);
    super::builtin!(pass => super::implementation::pass);
    super::builtin!(returned => super::implementation::returned);
    super::builtin!(check => super::implementation::check);
    super::builtin!(fault => super::implementation::fault);
    super::builtin!(finish => super::implementation::finish);
}

/// Code addresses in the order of [`Routine`].
#[repr(C)]
struct Routines([unsafe extern "C" fn(); Routine::COUNT]);

static ROUTINES: Routines = {
    let mut table = [entry::begin as unsafe extern "C" fn(); Routine::COUNT];
    table[Routine::Enter as usize] = enter_edge;
    table[Routine::Copy as usize] = entry::copy;
    table[Routine::CopyText as usize] = entry::copy_text;
    table[Routine::Pass as usize] = entry::pass;
    table[Routine::Returned as usize] = entry::returned;
    table[Routine::Check as usize] = entry::check;
    table[Routine::Fault as usize] = entry::fault;
    table[Routine::Finish as usize] = entry::finish;
    Routines(table)
};
