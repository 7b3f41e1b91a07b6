//! The runtime functions that compiled code calls, and the way out to host functions. All run on the host's stack.

use crate::activation::GroupRecord;
use crate::arch::builtin;
use crate::copies::copy_within;
use crate::error::Error;
use crate::group::Inner;
use crate::host::{HostError, panicked};
use crate::instance::{ContextHeader, InstanceData, NO_TABLE};
use crate::shared::Expected;
use crate::value::ExnRef;
use bailiwick_runtime_abi::builtins::{ALL, Builtin, COUNT};
use bailiwick_runtime_abi::context::GROUP;
use bailiwick_runtime_abi::trap::TrapCode;
use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

/// What `exit_common` expects: a value, and whether to go back to the guest (0), to go on where the
/// [`Resume`](crate::exception::Resume) says whose address the value is ([`GroupRecord::RESUME`]), or to leave the
/// activation (all others).
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Returned {
    pub value: u64,
    pub left: u64,
}

/// Runs `f` behind a barrier for panics; what it refuses with is kept for whoever entered.
pub(crate) fn guarded(inner: NonNull<Inner>, f: impl FnOnce() -> Result<u64, HostError>) -> Returned {
    let refused = |error: HostError| {
        // SAFETY: the group is alive, and `f` with its references is over.
        refused(unsafe { &mut *inner.as_ptr() }, error)
    };
    // Two words are all that goes through the barrier: the error is large, and moving it about where there is none would
    // cost more than the rest of the way.
    let outcome = catch_unwind(AssertUnwindSafe(|| match f() {
        Ok(value) => Returned { value, left: 0 },
        Err(error) => refused(error),
    }));
    outcome.unwrap_or_else(|panic| refused(panicked(panic)))
}

/// The guest does not go on behind its call: it goes on in a handler, or not at all.
#[cold]
pub(crate) fn refused(inner: &mut Inner, mut error: HostError) -> Returned {
    if let Some(handle) = inner.thrown_by(&error) {
        if inner.interrupt.requested() {
            // No poll may follow in the handler.
            error = HostError::Trap(TrapCode::Interrupt, None);
        } else {
            match inner.handler(handle) {
                Ok(Some(resume)) => {
                    inner.exceptions.resume = resume;
                    let value = &raw const inner.exceptions.resume as u64;
                    return Returned { value, left: GroupRecord::RESUME };
                }
                Ok(None) => {}
                Err(damage) => error = damage.into(),
            }
        }
    }
    inner.pending = Some(error);
    Returned { value: 0, left: 1 }
}

/// The group and instance that a context belongs to.
///
/// # Safety
/// `context` is an instance's, and the guest waits.
unsafe fn caller(context: *mut u8) -> (NonNull<Inner>, u32) {
    // SAFETY: the context's header was written by the loader: the record lies in its group's inside.
    unsafe {
        let record = *context.add(GROUP as usize).cast::<*mut u8>();
        let inner = record.sub(offset_of!(Inner, record)).cast::<Inner>();
        let owner = (*context.cast::<ContextHeader>()).owner as usize;
        (NonNull::new_unchecked(inner), (owner as u32).wrapping_sub(1))
    }
}

fn trap<T>(code: TrapCode) -> Result<T, HostError> {
    Err(HostError::Trap(code, None))
}

/// Traps that the loader's own functions raise lose their (empty) backtrace and get the guest's.
fn raise(error: Error) -> HostError {
    match error.trap_code() {
        Some(code) => HostError::Trap(code, None),
        None => error.into(),
    }
}

/// The group's index of a memory or table of the module.
fn index(list: &[u32], module_index: u64) -> Result<u32, HostError> {
    let found = usize::try_from(module_index).ok().and_then(|i| list.get(i)).copied().filter(|&i| i != NO_TABLE);
    found.ok_or_else(|| HostError::message("compiled code named a memory or table that its module does not have"))
}

/// `len` bytes from `start` within `size` bytes.
fn span(start: u64, len: u64, size: usize) -> Result<std::ops::Range<usize>, HostError> {
    match start.checked_add(len) {
        Some(end) if end <= size as u64 => Ok(start as usize..end as usize),
        _ => trap(TrapCode::MemoryOutOfBounds),
    }
}

/// Bytes of a bulk operation between two looks at whether the guest is to be interrupted.
const PIECE: u64 = 1 << 20;

/// Does `len` bytes of work in pieces, from the first or from the last, unless the guest is interrupted meanwhile.
fn pieces(
    inner: &mut Inner,
    len: u64,
    backwards: bool,
    mut work: impl FnMut(&mut Inner, std::ops::Range<u64>) -> Result<(), Error>,
) -> Result<u64, HostError> {
    let mut done = 0;
    while done < len {
        let size = PIECE.min(len - done);
        let start = if backwards { len - done - size } else { done };
        work(inner, start..start + size).map_err(raise)?;
        done += size;
        if done < len && inner.interrupt.requested() {
            return trap(TrapCode::Interrupt);
        }
    }
    Ok(0)
}

/// The part of `whole`, which is within a memory, that `piece` says.
fn shift(whole: &std::ops::Range<usize>, piece: &std::ops::Range<u64>) -> std::ops::Range<usize> {
    whole.start + piece.start as usize..whole.start + piece.end as usize
}

const FAILED: u64 = u64::MAX;

macro_rules! define {
    ($($name:ident ($inner:ident, $instance:ident $(, $param:ident)*) $body:block)*) => {
        /// Implementations, by the names of `bailiwick_runtime_abi::builtins`.
        mod implementation {
            use super::*;
            $(
                /// # Safety
                /// Called by compiled code through `exit_common`, with its own context.
                pub(super) unsafe extern "C" fn $name(context: *mut u8, $($param: u64),*) -> Returned {
                    // SAFETY: the caller's promise.
                    let (pointer, $instance) = unsafe { caller(context) };
                    guarded(pointer, || {
                        // SAFETY: the guest waits, so this is the only reference into the group.
                        let $inner = unsafe { &mut *pointer.as_ptr() };
                        $body
                    })
                }
            )*
        }
        /// What compiled code calls.
        mod entry {
            $(super::builtin!($name => super::implementation::$name);)*
        }
    };
}

/// The instance's data.
fn data(inner: &mut Inner, instance: u32) -> Result<&mut InstanceData, HostError> {
    let found = inner.instances.get_mut(instance as usize);
    found.ok_or_else(|| HostError::message("compiled code ran with a context that is not an instance's"))
}

define! {
    memory_grow(inner, instance, memory, delta) {
        let memory = index(&data(inner, instance)?.memories, memory)?;
        Ok(inner.grow_memory(memory, delta).unwrap_or(FAILED))
    }
    memory_copy(inner, instance, dst_memory, src_memory, dst, src, len) {
        let memories = &data(inner, instance)?.memories;
        let (to, from) = (index(memories, dst_memory)?, index(memories, src_memory)?);
        let source = span(src, len, inner.memories[from as usize].len() as usize)?;
        let target = span(dst, len, inner.memories[to as usize].len() as usize)?;
        // As if by way of a buffer: from the end where the target begins within the source.
        let backwards = to == from && target.start > source.start;
        pieces(inner, len, backwards, |inner, piece| {
            let (source, target) = (shift(&source, &piece), shift(&target, &piece));
            if inner.any_shared(&[to, from]) {
                // SAFETY: both are pieces of ranges that were checked, of the same length.
                unsafe { inner.copy_raw(to, &target, from, &source) };
            } else if to == from {
                copy_within(inner.memories[to as usize].bytes()?, source, target.start);
            } else {
                let source: *const [u8] = &raw const inner.memories[from as usize].bytes()?[source];
                // SAFETY: two memories of a group never overlap: each has a range of its own.
                inner.memories[to as usize].bytes()?[target].copy_from_slice(unsafe { &*source });
            }
            Ok(())
        })
    }
    memory_fill(inner, instance, memory, dst, value, len) {
        let memory = index(&data(inner, instance)?.memories, memory)?;
        let target = span(dst, len, inner.memories[memory as usize].len() as usize)?;
        pieces(inner, len, false, |inner, piece| {
            let target = shift(&target, &piece);
            if inner.any_shared(&[memory]) {
                // SAFETY: a piece of a range that was checked.
                unsafe { inner.fill_raw(memory, &target, value as u8) };
            } else {
                inner.memories[memory as usize].bytes()?[target].fill(value as u8);
            }
            Ok(())
        })
    }
    memory_init(inner, instance, memory, segment, dst, src, len) {
        let memory = index(&data(inner, instance)?.memories, memory)?;
        inner.init_memory(instance, memory, segment as u32, dst, src, len).map_err(raise)?;
        Ok(0)
    }
    data_drop(inner, instance, segment) {
        if let Some(dropped) = data(inner, instance)?.data_dropped.get_mut(segment as usize) {
            *dropped = true;
        }
        Ok(0)
    }
    table_grow(inner, instance, table, delta, init) {
        let table = index(&data(inner, instance)?.tables, table)?;
        Ok(inner.table_grow(table, delta, init).map_err(raise)?.unwrap_or(FAILED))
    }
    table_fill(inner, instance, table, dst, value, len) {
        let table = index(&data(inner, instance)?.tables, table)?;
        inner.table_fill(table, dst, value, len).map_err(raise)?;
        Ok(0)
    }
    table_copy(inner, instance, dst_table, src_table, dst, src, len) {
        let tables = &data(inner, instance)?.tables;
        let (to, from) = (index(tables, dst_table)?, index(tables, src_table)?);
        inner.table_copy(to, from, dst, src, len).map_err(raise)?;
        Ok(0)
    }
    table_init(inner, instance, table, segment, dst, src, len) {
        let table = index(&data(inner, instance)?.tables, table)?;
        inner.init_table(instance, table, segment as u32, dst, src, len).map_err(raise)?;
        Ok(0)
    }
    elem_drop(inner, instance, segment) {
        if let Some(dropped) = data(inner, instance)?.elements_dropped.get_mut(segment as usize) {
            *dropped = true;
        }
        Ok(0)
    }
    table_get_lazy(inner, instance, table, element) {
        let table = index(&data(inner, instance)?.tables, table)?;
        inner.table_get(table, element).map_err(raise)
    }
    ref_func(inner, instance, function) {
        data(inner, instance)?;
        inner.func_reference(instance, function as u32).map_err(raise)
    }
    throw(inner, instance, tag, values) {
        let handle = inner.throw(instance, tag, values).map_err(raise)?;
        Err(HostError::Exception(ExnRef { group: inner.id, handle }))
    }
    throw_ref(inner, instance, exception) {
        data(inner, instance)?;
        if exception == 0 {
            return trap(TrapCode::NullReference);
        }
        Err(HostError::Exception(ExnRef { group: inner.id, handle: exception }))
    }
    atomic_wait32(inner, instance, memory, address, offset, expected, timeout) {
        let memory = index(&data(inner, instance)?.memories, memory)?;
        let expected = Expected::Word(expected as u32);
        inner.atomic_wait(memory, (address, offset), expected, timeout.cast_signed()).or_else(trap)
    }
    atomic_wait64(inner, instance, memory, address, offset, expected, timeout) {
        let memory = index(&data(inner, instance)?.memories, memory)?;
        let expected = Expected::Double(expected);
        inner.atomic_wait(memory, (address, offset), expected, timeout.cast_signed()).or_else(trap)
    }
    atomic_notify(inner, instance, memory, address, offset, count) {
        let memory = index(&data(inner, instance)?.memories, memory)?;
        inner.atomic_notify(memory, (address, offset), count as u32).or_else(trap)
    }
    is_subtype(inner, _instance, found, expected) {
        Ok(u64::from(inner.types.is_subtype(found as u32, expected as u32)))
    }
}

/// Code addresses in table order.
#[repr(C)]
struct BuiltinTable([unsafe extern "C" fn(); COUNT]);

static TABLE: BuiltinTable = {
    let mut table = [entry::memory_grow as unsafe extern "C" fn(); COUNT];
    let mut i = 0;
    while i < COUNT {
        table[i] = match ALL[i] {
            Builtin::memory_grow => entry::memory_grow,
            Builtin::memory_copy => entry::memory_copy,
            Builtin::memory_fill => entry::memory_fill,
            Builtin::memory_init => entry::memory_init,
            Builtin::data_drop => entry::data_drop,
            Builtin::table_grow => entry::table_grow,
            Builtin::table_fill => entry::table_fill,
            Builtin::table_copy => entry::table_copy,
            Builtin::table_init => entry::table_init,
            Builtin::elem_drop => entry::elem_drop,
            Builtin::table_get_lazy => entry::table_get_lazy,
            Builtin::ref_func => entry::ref_func,
            Builtin::throw => entry::throw,
            Builtin::throw_ref => entry::throw_ref,
            Builtin::atomic_wait32 => entry::atomic_wait32,
            Builtin::atomic_wait64 => entry::atomic_wait64,
            Builtin::atomic_notify => entry::atomic_notify,
            Builtin::is_subtype => entry::is_subtype,
        };
        i += 1;
    }
    BuiltinTable(table)
};

/// The builtin table's address, for contexts.
pub(crate) fn table() -> *const u8 {
    (&raw const TABLE).cast()
}
