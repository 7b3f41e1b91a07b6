//! Linear memory: **every heap address that compiled code uses is computed in this file**, by [`heap_address`].
//! A mistake here is an escape. Change it with a second pair of eyes.
//!
//! What the loader guarantees for a 32-bit memory with base *B* (`runtime_abi::limits`): the addresses
//! *B* … *B* + [`MEMORY_RESERVATION`] + [`GUARD_SIZE`] − 1 belong to it alone; those at or beyond *B* + its
//! length are inaccessible; its length is at most `MEMORY_RESERVATION` = 2^32 and never falls; *B* never changes.
//!
//! [`heap_address`]: Translator::heap_address

use super::Translator;
use super::env::Region;
use bailiwick_runtime_abi::builtins::Builtin;
use bailiwick_runtime_abi::context::{MEMORY_BASE, MEMORY_LENGTH};
use bailiwick_runtime_abi::limits::{GUARD_SIZE, MEMORY_RESERVATION, WASM_PAGE_SIZE};
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
    // Both proofs below count on these.
    assert!(MEMORY_RESERVATION == 1 << 32);
    assert!(GUARD_SIZE < i32::MAX as u64);
    assert!(MAX_ACCESS <= MAX_RANGE && MAX_RANGE < GUARD_SIZE);
};

impl Translator<'_, '_> {
    /// The definition of a memory: its address, and the offset from it. Imported memories are reached through the
    /// address of their owner's definition.
    fn memory_definition(&mut self, memory: u32) -> (Value, i32) {
        match memory.checked_sub(self.env.module.imported_memories) {
            Some(defined) => (self.context, self.layout().memory(defined)),
            None => {
                let offset = self.layout().imported_memory(memory);
                (self.load_fixed(I64, self.context, offset), 0)
            }
        }
    }

    fn memory_base(&mut self, memory: u32) -> Value {
        let (definition, field) = self.memory_definition(memory);
        // Pure, because it never changes: one load in the whole function.
        self.load_fixed(I64, definition, field + MEMORY_BASE)
    }

    fn memory_length(&mut self, memory: u32) -> Value {
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
    /// `index` has 32 bits.
    ///
    /// The access must carry [`heap_flags`](Self::heap_flags), so that it traps if it faults and is not moved in
    /// front of the check.
    pub(super) fn heap_address(&mut self, memory: u32, index: Value, offset: u64, size: u64) -> (Value, i32) {
        debug_assert!(offset <= u64::from(u32::MAX) && (1..=MAX_ACCESS).contains(&size));
        debug_assert_eq!(self.builder.func.dfg.value_type(index), I32);
        let base = self.memory_base(memory);
        let index = self.builder.ins().uextend(I64, index);

        if offset + size <= GUARD_SIZE {
            // No check. The access touches the bytes i + offset … i + offset + size − 1 behind B, with
            //     0 ≤ i ≤ 2^32 − 1                 (zero-extended from 32 bits)
            //     offset + size ≤ GUARD_SIZE       (this branch)
            // so its last byte is at most 2^32 − 1 + GUARD_SIZE − 1 < MEMORY_RESERVATION + GUARD_SIZE behind B:
            // within what belongs to this memory alone. If a byte of it is at or beyond the length, that byte is
            // inaccessible and the access faults. The constant fits the displacement: offset < GUARD_SIZE < 2^31.
            return (self.builder.ins().iadd(base, index), offset as i32);
        }

        (self.check_heap_range(memory, base, index, offset, size), 0)
    }

    /// The address of `size` bytes at `index`, which are all in the memory: it traps otherwise, before any of them is read or
    /// written. `index` has 32 bits. Accesses within must carry [`heap_flags`](Self::heap_flags), as above.
    pub(super) fn heap_range(&mut self, memory: u32, index: Value, size: u64) -> Value {
        debug_assert!(size <= MAX_RANGE);
        debug_assert_eq!(self.builder.func.dfg.value_type(index), I32);
        let base = self.memory_base(memory);
        let index = self.builder.ins().uextend(I64, index);
        self.check_heap_range(memory, base, index, 0, size)
    }

    /// The address of `size` bytes at `index + offset`, with an explicit check. `index` is 32 bits, extended.
    fn check_heap_range(&mut self, memory: u32, base: Value, index: Value, offset: u64, size: u64) -> Value {
        // In bounds exactly if i + offset + size ≤ length. None of it wraps:
        //     i + offset + size ≤ (2^32 − 1) + (2^32 − 1) + MAX_RANGE < 2^64.
        // Behind the check i + offset + size ≤ length ≤ 2^32, so all bytes from B + i + offset on are in the memory.
        let end = self.i64_const(offset + size);
        let end = self.builder.ins().iadd(index, end);
        let length = self.memory_length(memory);
        let beyond = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, length);
        self.trap_if(beyond, TrapCode::MemoryOutOfBounds);
        let address = self.builder.ins().iadd(base, index);
        let offset = self.i64_const(offset);
        let address = self.builder.ins().iadd(address, offset);
        // On a mispredicted way past the check, the address is B, and MAX_RANGE bytes from there are this memory's.
        self.builder.ins().select_spectre_guard(beyond, base, address)
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
        let value = self.builder.ins().load(ty, flags, address, offset);
        let value = match extend {
            Extend::No => value,
            Extend::Signed(to) => self.builder.ins().sextend(to, value),
            Extend::Unsigned(to) => self.builder.ins().uextend(to, value),
        };
        self.push(value);
    }

    fn memory_store(&mut self, memarg: &MemArg, ty: Type) {
        let memory = memory_of(memarg);
        let (index, mut value) = self.pop2();
        if self.builder.func.dfg.value_type(value) != ty {
            value = self.builder.ins().ireduce(ty, value);
        }
        let (address, offset) = self.heap_address(memory, index, memarg.offset, u64::from(ty.bytes()));
        let flags = self.heap_flags(memory);
        self.builder.ins().store(flags, value, address, offset);
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
        let length = self.memory_length(memory);
        let pages = self.builder.ins().ushr_imm_u(length, i64::from(WASM_PAGE_SIZE.trailing_zeros()));
        let pages = self.builder.ins().ireduce(I32, pages);
        self.push(pages);
    }

    pub(super) fn memory_grow(&mut self, memory: u32) {
        let delta = self.pop();
        let delta = self.extend(delta);
        let memory = self.i64_const(u64::from(memory));
        let old = self.call_builtin(Builtin::memory_grow, &[memory, delta]);
        let old = self.builder.ins().ireduce(I32, old);
        self.push(old);
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
