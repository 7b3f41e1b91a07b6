//! Linear memory: **every heap address that compiled code uses is computed in this file**, by [`heap_address`].
//! A mistake here is an escape. Change it with a second pair of eyes.
//!
//! What the loader guarantees for any memory with base *B* and length *L* in bytes (`runtime_abi::limits`):
//!
//! 1. *B* never changes, and *L* never falls. *L* is at least what the type says as minimum, at most
//!    [`MAX_MEMORY_SIZE`], and at most 2^32 if indices have 32 bits.
//! 2. The addresses *B* − [`FRONT_GUARD_SIZE`] … *B* + max([`MEMORY_RESERVATION`], *L*) + [`GUARD_SIZE`] − 1 belong to
//!    this memory alone.
//! 3. Those of them below *B* are inaccessible, and so are those from *B* + *L* on if pages have 64 KiB: then *L* is a
//!    multiple of every page size of the host. With pages of one byte, the rest of the host's last page is accessible.
//!
//! An access that faults within these addresses is the trap: the loader knows them.
//!
//! [`heap_address`]: Translator::heap_address

use super::Translator;
use super::bounds::upper_bound;
use super::env::Region;
use crate::module::Memory;
use bailiwick_runtime_abi::builtins::Builtin;
use bailiwick_runtime_abi::context::{Anchor, MEMORY_BASE, MEMORY_LENGTH};
use bailiwick_runtime_abi::limits::{FRONT_GUARD_SIZE, GUARD_SIZE, MAX_MEMORY_SIZE, MEMORY_RESERVATION};
use bailiwick_runtime_abi::trap::TrapCode;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32, F64, I8, I16, I32, I64};
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, TrapCode as ClifTrap, Type, Value};
use wasmparser::{MemArg, MemArgTarget, Operator};

/// How many bytes an access has at most.
const MAX_ACCESS: u64 = 16;

/// How many bytes a checked range has at most.
pub(super) const MAX_RANGE: u64 = 128;

const _: () = {
    // The proofs below count on these.
    assert!(MEMORY_RESERVATION == 1 << 32);
    assert!(GUARD_SIZE < i32::MAX as u64);
    assert!(MAX_MEMORY_SIZE < 1 << 62);
    assert!(MAX_ACCESS <= MAX_RANGE && MAX_RANGE < FRONT_GUARD_SIZE && FRONT_GUARD_SIZE < GUARD_SIZE);
};

/// Whether an access of `size` bytes at `index + offset`, with `index` ≤ `bound`, needs no check.
fn is_checkless(memory: &Memory, bound: u64, offset: u64, size: u64) -> bool {
    // All bytes that it may touch are below B + end.
    let Some(end) = offset.checked_add(size).and_then(|reach| bound.checked_add(reach)) else { return false };
    // Below the minimum, hence below L: in the memory, whatever its pages are.
    let inside = end <= memory.minimum_bytes();
    // Pages of 64 KiB: within what belongs to this memory alone. A byte of it from B + L on is inaccessible, so the
    // access faults if it is not all in the memory.
    let faults = memory.page_size_log2 == 16 && end <= MEMORY_RESERVATION + GUARD_SIZE;
    inside || faults
}

impl Translator<'_, '_> {
    /// The definition of a memory: its address, and the offset from it. Imported memories are reached through the
    /// address of their owner's definition.
    fn memory_definition(&mut self, memory: u32) -> (Value, i32) {
        match memory.checked_sub(self.env.module.imported_memories) {
            Some(defined) => (self.anchor, self.layout().memory(defined)),
            None => {
                let offset = self.layout().imported_memory(memory);
                (self.load_fixed(I64, self.anchor, offset), 0)
            }
        }
    }

    fn memory_base(&mut self, memory: u32) -> Value {
        if self.env.facts.anchor == Anchor::Memory && memory == self.env.module.imported_memories {
            // The loader's promise: it is the first one that the module defines.
            return self.anchor;
        }
        let (definition, field) = self.memory_definition(memory);
        // Pure, because it never changes: one load in the whole function.
        self.load_fixed(I64, definition, field + MEMORY_BASE)
    }

    fn memory_length(&mut self, memory: u32) -> Value {
        if let Some(length) = self.env.facts.memory_lengths[memory as usize] {
            return self.i64_const(length);
        }
        if let Some(length) = self.held_length(memory) {
            return length;
        }
        let (definition, offset) = self.memory_definition(memory);
        if self.env.module.memories[memory as usize].shared {
            // Other threads grow it, so it is read atomically, each time: nothing is forwarded to an atomic load.
            let cell = self.load_fixed(I64, definition, offset + MEMORY_LENGTH);
            let flags = self.flags(Region::MemoryLengths);
            return self.builder.ins().atomic_load(I64, flags, cell);
        }
        self.load(I64, Region::MemoryLengths, definition, offset + MEMORY_LENGTH)
    }

    /// The address of `size` bytes at `index + offset`: a value, and a constant to add to it in the access itself.
    /// `index` has the memory's index type. The constant and `size` are at most [`GUARD_SIZE`] together, so that a constant
    /// of any byte of the access is one of 32 bits.
    ///
    /// The access must carry [`heap_flags`](Self::heap_flags), so that it traps if it faults and is not moved in
    /// front of the check. If the check fails, the address is one in front of the memory that faults: there is no
    /// branch, so nothing can be guessed wrongly, and one comparison is all there is.
    pub(super) fn heap_address(&mut self, memory: u32, index: Value, offset: u64, size: u64) -> (Value, i32) {
        debug_assert!((1..=MAX_ACCESS).contains(&size));
        let ty = self.env.module.memories[memory as usize];
        debug_assert_eq!(self.builder.func.dfg.value_type(index), if ty.index64 { I64 } else { I32 });
        let bound = upper_bound(&self.builder.func.dfg, index);
        let base = self.memory_base(memory);
        let index = self.extend(index);

        if offset.saturating_add(size) <= GUARD_SIZE && is_checkless(&ty, bound, offset, size) {
            // No check. The access touches the bytes i + offset … i + offset + size − 1 behind B, with 0 ≤ i ≤ bound:
            // a 32-bit index is extended with zeros, and bounds are of unsigned numbers. `is_checkless` has the rest.
            return (self.builder.ins().iadd(base, index), offset as i32);
        }

        let in_front = self.i64_const(FRONT_GUARD_SIZE.wrapping_neg());
        let outside = self.builder.ins().iadd(base, in_front);
        match offset.checked_add(size) {
            Some(reach) if ty.page_size_log2 == 16 && reach <= GUARD_SIZE => {
                // One comparison, of i with L. With i < L, the access touches bytes below
                //     B + i + reach < B + L + GUARD_SIZE
                // which belong to this memory alone, and faults if one of them is from B + L on. Else the address is
                // B − FRONT_GUARD_SIZE, where the access faults: either the constant is small enough to stay in the
                // guard there (offset + size ≤ FRONT_GUARD_SIZE), or it is added in front of the choice. Accesses to
                // several fields of a structure share the comparison in the first case.
                let length = self.memory_length(memory);
                let beyond = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
                let address = self.builder.ins().iadd(base, index);
                let (address, displacement) = match reach <= FRONT_GUARD_SIZE {
                    true => (address, offset as i32),
                    false => {
                        let offset = self.i64_const(offset);
                        (self.builder.ins().iadd(address, offset), 0)
                    }
                };
                (self.builder.ins().select_spectre_guard(beyond, outside, address), displacement)
            }
            Some(reach) if reach <= MAX_MEMORY_SIZE => {
                // All bytes are in the memory, or the address is B − FRONT_GUARD_SIZE, where up to MAX_ACCESS bytes are
                // in the guard.
                let beyond = self.is_beyond(memory, index, bound, reach);
                let address = self.builder.ins().iadd(base, index);
                let offset = self.i64_const(offset);
                let address = self.builder.ins().iadd(address, offset);
                (self.builder.ins().select_spectre_guard(beyond, outside, address), 0)
            }
            // i + offset + size > MAX_MEMORY_SIZE ≥ L for any i.
            _ => (outside, 0),
        }
    }

    /// The address of `size` bytes at `index`, which are all in the memory: it traps otherwise, before any of them is read or
    /// written. `index` has the memory's index type. Accesses within must carry [`heap_flags`](Self::heap_flags), as above.
    pub(super) fn heap_range(&mut self, memory: u32, index: Value, size: u64) -> Value {
        debug_assert!(size <= MAX_RANGE);
        let bound = upper_bound(&self.builder.func.dfg, index);
        let base = self.memory_base(memory);
        let index = self.extend(index);
        let beyond = self.is_beyond(memory, index, bound, size);
        self.trap_if(beyond, TrapCode::MemoryOutOfBounds);
        let address = self.builder.ins().iadd(base, index);
        // On a mispredicted way past the check, the address is B, and MAX_RANGE bytes from there are this memory's.
        self.builder.ins().select_spectre_guard(beyond, base, address)
    }

    /// Whether the `reach` bytes from `index`, of 32 bits, are all in the memory; with where they begin and end, as indices of 64
    /// bits. `reach`, of 64 bits, is less than 2^62.
    pub(super) fn heap_run(&mut self, memory: u32, index: Value, reach: Value) -> (Value, Value, Value) {
        debug_assert_eq!(self.builder.func.dfg.value_type(index), I32);
        let length = self.memory_length(memory);
        let first = self.extend(index);
        // Below 2^32 + 2^62: it does not wrap.
        let end = self.builder.ins().iadd(first, reach);
        (self.builder.ins().icmp(IntCC::UnsignedLessThanOrEqual, end, length), first, end)
    }

    /// The address of `index`, where [`heap_run`](Self::heap_run) has found that all is in the memory: whoever comes here knows
    /// that `inside` is not 0. Accesses may be made to as many bytes behind as were asked for there, with
    /// [`heap_flags`](Self::heap_flags); on a mispredicted way past that check the address is B, and to bytes behind that are
    /// less than [`MEMORY_RESERVATION`] then.
    pub(super) fn heap_run_address(&mut self, memory: u32, index: Value, inside: Value) -> Value {
        let base = self.memory_base(memory);
        let index = self.extend(index);
        // A length never falls, and nothing runs in between that could exchange the memory: its base never changes.
        let address = self.builder.ins().iadd(base, index);
        self.builder.ins().select_spectre_guard(inside, address, base)
    }

    /// Whether the `reach` bytes from `index`, of 64 bits and at most `bound`, are not all in the memory:
    /// i + reach > L. `reach` is at most [`MAX_MEMORY_SIZE`].
    fn is_beyond(&mut self, memory: u32, index: Value, bound: u64, reach: u64) -> Value {
        debug_assert!(reach <= MAX_MEMORY_SIZE);
        let length = self.memory_length(memory);
        if bound.checked_add(reach).is_some() {
            // i + reach ≤ bound + reach < 2^64: it does not wrap, and is compared as it is.
            let reach = self.i64_const(reach);
            let end = self.builder.ins().iadd(index, reach);
            return self.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, length);
        }
        // i + reach might wrap. With reach ≥ 1 (or the sum above would not have overflowed),
        //     i + reach ≤ L  ⟺  i < L − (reach − 1), as integers,
        // which no i fulfils if the right side is not positive. It is computed with a sign, which it has room for, since
        // both numbers are at most MAX_MEMORY_SIZE < 2^62, and then it is 0 or more, and compared without one.
        let last = self.i64_const(reach - 1);
        let room = self.builder.ins().isub(length, last);
        let zero = self.i64_const(0);
        let room = self.builder.ins().smax(room, zero);
        self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, room)
    }

    /// Flags of a heap access: it may fault, which is the trap; it may be at any address; it is not moved.
    pub(super) fn heap_flags(&mut self, memory: u32) -> MemFlagsData {
        let region = match memory.checked_sub(self.env.module.imported_memories) {
            Some(defined) => Region::Memory(defined),
            None => Region::ImportedMemories,
        };
        let region = self.region(region);
        MemFlagsData::new()
            .with_endianness(Endianness::Little)
            .with_trap_code(Some(ClifTrap::HEAP_OUT_OF_BOUNDS))
            .with_alias_region(Some(region))
    }

    fn memory_load(&mut self, memarg: &MemArg, ty: Type, extend: Extend) {
        let memory = memory_of(memarg);
        let index = self.pop();
        let (address, offset) = self.heap_address(memory, index, memarg.offset, u64::from(ty.bytes()));
        let flags = self.heap_flags(memory);
        let ins = self.builder.ins();
        // One instruction each, also where the code generator would rather compute what uses the value twice, once in the
        // width that was loaded, because narrowing an extended value costs it nothing.
        let value = match (ty, extend) {
            (I8, Extend::Signed(to)) => ins.sload8(to, flags, address, offset),
            (I8, Extend::Unsigned(to)) => ins.uload8(to, flags, address, offset),
            (I16, Extend::Signed(to)) => ins.sload16(to, flags, address, offset),
            (I16, Extend::Unsigned(to)) => ins.uload16(to, flags, address, offset),
            (_, Extend::Signed(_)) => ins.sload32(flags, address, offset),
            (_, Extend::Unsigned(_)) => ins.uload32(flags, address, offset),
            (_, Extend::No) => ins.load(ty, flags, address, offset),
        };
        self.push(value);
    }

    fn memory_store(&mut self, memarg: &MemArg, ty: Type) {
        let memory = memory_of(memarg);
        let (index, value) = self.pop2();
        let (address, offset) = self.heap_address(memory, index, memarg.offset, u64::from(ty.bytes()));
        let flags = self.heap_flags(memory);
        let narrows = self.builder.func.dfg.value_type(value) != ty;
        let ins = self.builder.ins();
        match ty {
            I8 => ins.istore8(flags, value, address, offset),
            I16 => ins.istore16(flags, value, address, offset),
            I32 if narrows => ins.istore32(flags, value, address, offset),
            _ => ins.store(flags, value, address, offset),
        };
    }

    /// Translates a load or store; `false` if the operator is neither.
    pub(super) fn memory_access(&mut self, operator: &Operator<'_>) -> bool {
        use Extend::{No, Signed, Unsigned};
        match operator {
            Operator::I32Load { memarg } => self.memory_load(memarg, I32, No),
            Operator::I64Load { memarg } => self.memory_load(memarg, I64, No),
            Operator::F32Load { memarg } => self.memory_load(memarg, F32, No),
            Operator::F64Load { memarg } => self.memory_load(memarg, F64, No),
            Operator::I32Load8S { memarg } => self.memory_load(memarg, I8, Signed(I32)),
            Operator::I32Load8U { memarg } => self.memory_load(memarg, I8, Unsigned(I32)),
            Operator::I32Load16S { memarg } => self.memory_load(memarg, I16, Signed(I32)),
            Operator::I32Load16U { memarg } => self.memory_load(memarg, I16, Unsigned(I32)),
            Operator::I64Load8S { memarg } => self.memory_load(memarg, I8, Signed(I64)),
            Operator::I64Load8U { memarg } => self.memory_load(memarg, I8, Unsigned(I64)),
            Operator::I64Load16S { memarg } => self.memory_load(memarg, I16, Signed(I64)),
            Operator::I64Load16U { memarg } => self.memory_load(memarg, I16, Unsigned(I64)),
            Operator::I64Load32S { memarg } => self.memory_load(memarg, I32, Signed(I64)),
            Operator::I64Load32U { memarg } => self.memory_load(memarg, I32, Unsigned(I64)),
            Operator::I32Store { memarg } | Operator::I64Store32 { memarg } => self.memory_store(memarg, I32),
            Operator::I64Store { memarg } => self.memory_store(memarg, I64),
            Operator::F32Store { memarg } => self.memory_store(memarg, F32),
            Operator::F64Store { memarg } => self.memory_store(memarg, F64),
            Operator::I32Store8 { memarg } | Operator::I64Store8 { memarg } => self.memory_store(memarg, I8),
            Operator::I32Store16 { memarg } | Operator::I64Store16 { memarg } => self.memory_store(memarg, I16),
            _ => return false,
        }
        true
    }

    pub(super) fn memory_size(&mut self, memory: u32) {
        let ty = self.env.module.memories[memory as usize];
        let length = self.memory_length(memory);
        let pages = self.builder.ins().ushr_imm_u(length, i64::from(ty.page_size_log2));
        self.push_size(ty.index64, pages);
    }

    pub(super) fn memory_grow(&mut self, memory: u32) {
        let index64 = self.env.module.memories[memory as usize].index64;
        let delta = self.pop();
        let delta = self.extend(delta);
        let memory = self.i64_const(u64::from(memory));
        let old = self.call_builtin(Builtin::memory_grow, &[memory, delta]);
        self.push_size(index64, old);
    }

    /// Pushes a size or index, of 64 bits, as one of the index type. What a builtin says instead, -1, is that in both.
    pub(super) fn push_size(&mut self, index64: bool, size: Value) {
        let size = if index64 { size } else { self.builder.ins().ireduce(I32, size) };
        self.push(size);
    }
}

/// How a loaded value becomes an operand.
enum Extend {
    No,
    Signed(Type),
    Unsigned(Type),
}

pub(super) fn memory_of(memarg: &MemArg) -> u32 {
    match memarg.target {
        MemArgTarget::Memory(memory) => memory,
        MemArgTarget::Array(_) => unreachable!("validated: garbage-collected types are refused"),
    }
}
