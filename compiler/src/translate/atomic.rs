//! Atomic memory operators, fences, waiting and notifying (the threads proposal).
//!
//! Compiled atomics are sequentially consistent, on memories of either kind. For Cranelift's alias analysis each of them, and
//! a fence, is a barrier for every region: no load or store, atomic or not, is forwarded, merged, dropped or moved across
//! one. Between two barriers plain accesses may be merged, which the memory model allows: whatever another thread does
//! there is ordered with none of them. Nothing is hoisted out of a loop, because no heap access may be moved.
//!
//! An address that is not a multiple of the access's width traps, unless the access is out of bounds, which is looked at
//! first (WebAssembly/threads, `exec/instructions.rst`). What is compared by `cmpxchg` is wrapped to the width first
//! (WebAssembly/threads issue 195).

use super::Translator;
use super::env::trap_code;
use super::memory::memory_of;
use bailiwick_runtime_abi::builtins::Builtin;
use bailiwick_runtime_abi::trap::TrapCode;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I16, I32, I64};
use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, MemFlagsData, Type, Value};
use cranelift_codegen::isa::TargetIsa;
use wasmparser::{MemArg, Operator};

impl Translator<'_, '_> {
    /// The address of an atomic access of type `ty`; traps if it is in bounds but not aligned.
    fn atomic_address(&mut self, memarg: &MemArg, index: Value, ty: Type) -> Value {
        let (memory, size) = (memory_of(memarg), ty.bytes());
        let (address, displacement) = self.heap_address(memory, index, memarg.offset, u64::from(size));
        if size > 1 {
            // The lowest bits of index + offset, whether or not the sum of all of their bits wraps.
            let mask = i64::from(size) - 1;
            let low = match memarg.offset as i64 & mask {
                0 => index,
                offset => self.builder.ins().iadd_imm_u(index, offset),
            };
            let rest = self.builder.ins().band_imm_u(low, mask);
            let (misaligned, aligned) = (self.builder.create_block(), self.builder.create_block());
            self.builder.set_cold_block(misaligned);
            self.builder.ins().brif(rest, misaligned, &[], aligned, &[]);
            self.builder.seal_block(misaligned);
            self.builder.seal_block(aligned);
            // Out of bounds, if its last byte is: the load traps, which is why it is there.
            self.builder.switch_to_block(misaligned);
            let flags = self.heap_flags(memory);
            self.builder.ins().load(I8, flags, address, displacement + size as i32 - 1);
            self.builder.ins().trap(trap_code(TrapCode::HeapMisaligned));
            self.builder.switch_to_block(aligned);
        }
        // These instructions have no displacement of their own. It is within what `heap_address` has proven.
        match displacement {
            0 => address,
            displacement => self.builder.ins().iadd_imm_s(address, i64::from(displacement)),
        }
    }

    /// Wraps an operand to the type of an access.
    fn wrap(&mut self, value: Value, ty: Type) -> Value {
        if self.builder.func.dfg.value_type(value) == ty { value } else { self.builder.ins().ireduce(ty, value) }
    }

    /// Pushes what an access of a narrower type read.
    fn push_extended(&mut self, value: Value, to: Type) {
        let wide = self.builder.func.dfg.value_type(value) == to;
        let value = if wide { value } else { self.builder.ins().uextend(to, value) };
        self.push(value);
    }

    fn atomic_load(&mut self, memarg: &MemArg, ty: Type, to: Type) {
        let index = self.pop();
        let address = self.atomic_address(memarg, index, ty);
        let flags = self.heap_flags(memory_of(memarg));
        let value = self.builder.ins().atomic_load(ty, flags, address);
        self.push_extended(value, to);
    }

    fn atomic_store(&mut self, memarg: &MemArg, ty: Type) {
        let (index, value) = self.pop2();
        let value = self.wrap(value, ty);
        let address = self.atomic_address(memarg, index, ty);
        let flags = self.heap_flags(memory_of(memarg));
        self.builder.ins().atomic_store(flags, value, address);
    }

    fn atomic_rmw(&mut self, op: AtomicRmwOp, memarg: &MemArg, ty: Type, to: Type) {
        let (index, value) = self.pop2();
        let value = self.wrap(value, ty);
        let address = self.atomic_address(memarg, index, ty);
        let flags = self.heap_flags(memory_of(memarg));
        let old = self.builder.ins().atomic_rmw(ty, flags, op, address, value);
        self.push_extended(old, to);
    }

    fn atomic_cmpxchg(&mut self, memarg: &MemArg, ty: Type, to: Type) {
        let (index, expected, replacement) = self.pop3();
        let (expected, replacement) = (self.wrap(expected, ty), self.wrap(replacement, ty));
        let address = self.atomic_address(memarg, index, ty);
        let flags = self.heap_flags(memory_of(memarg));
        let old = if ty == I32 && compares_whole_registers(self.env.relaxed.isa) {
            self.cmpxchg_of_what_is_there(flags, address, expected, replacement)
        } else {
            self.builder.ins().atomic_cas(flags, address, expected, replacement)
        };
        self.push_extended(old, to);
    }

    /// Exchanges an i32 only if it is what is expected, and then compares it with what was read, since the upper half of that
    /// register is zero. A comparison that fails is an atomic load.
    fn cmpxchg_of_what_is_there(
        &mut self,
        flags: MemFlagsData,
        address: Value,
        expected: Value,
        replacement: Value,
    ) -> Value {
        let (exchange, done) = (self.builder.create_block(), self.builder.create_block());
        let result = self.builder.append_block_param(done, I32);
        let found = self.builder.ins().atomic_load(I32, flags, address);
        let equal = self.builder.ins().icmp(IntCC::Equal, found, expected);
        self.builder.ins().brif(equal, exchange, &[], done, &[found.into()]);
        self.builder.seal_block(exchange);
        self.builder.switch_to_block(exchange);
        let old = self.builder.ins().atomic_cas(flags, address, found, replacement);
        self.builder.ins().jump(done, &[old.into()]);
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
        result
    }

    /// Calls a builtin that takes an index and an offset, checks both, and returns an i32.
    fn atomic_builtin(&mut self, builtin: Builtin, memarg: &MemArg, operands: &[Value]) {
        let mut args = vec![self.i64_const(u64::from(memory_of(memarg)))];
        for (i, &value) in operands.iter().enumerate() {
            args.push(self.builtin_operand(value));
            if i == 0 {
                args.push(self.i64_const(memarg.offset));
            }
        }
        let result = self.call_builtin(builtin, &args);
        let result = self.builder.ins().ireduce(I32, result);
        self.push(result);
    }

    /// An operand of type i32 or i64 as builtins take it.
    fn builtin_operand(&mut self, value: Value) -> Value {
        if self.builder.func.dfg.value_type(value) == I64 { value } else { self.extend(value) }
    }

    fn atomic_wait(&mut self, builtin: Builtin, memarg: &MemArg) {
        let (index, expected, timeout) = self.pop3();
        self.atomic_builtin(builtin, memarg, &[index, expected, timeout]);
    }

    fn atomic_notify(&mut self, memarg: &MemArg) {
        let (index, count) = self.pop2();
        self.atomic_builtin(Builtin::atomic_notify, memarg, &[index, count]);
    }

    /// Translates an atomic operator; `false` if it is none.
    pub(super) fn atomic(&mut self, operator: &Operator<'_>) -> bool {
        use Operator as Op;
        match operator {
            Op::AtomicFence { .. } => {
                self.builder.ins().fence();
            }
            Op::MemoryAtomicNotify { memarg } => self.atomic_notify(memarg),
            Op::MemoryAtomicWait32 { memarg } => self.atomic_wait(Builtin::atomic_wait32, memarg),
            Op::MemoryAtomicWait64 { memarg } => self.atomic_wait(Builtin::atomic_wait64, memarg),

            Op::I32AtomicLoad { memarg } => self.atomic_load(memarg, I32, I32),
            Op::I32AtomicLoad8U { memarg } => self.atomic_load(memarg, I8, I32),
            Op::I32AtomicLoad16U { memarg } => self.atomic_load(memarg, I16, I32),
            Op::I64AtomicLoad { memarg } => self.atomic_load(memarg, I64, I64),
            Op::I64AtomicLoad8U { memarg } => self.atomic_load(memarg, I8, I64),
            Op::I64AtomicLoad16U { memarg } => self.atomic_load(memarg, I16, I64),
            Op::I64AtomicLoad32U { memarg } => self.atomic_load(memarg, I32, I64),

            Op::I32AtomicStore { memarg } | Op::I64AtomicStore32 { memarg } => self.atomic_store(memarg, I32),
            Op::I64AtomicStore { memarg } => self.atomic_store(memarg, I64),
            Op::I32AtomicStore8 { memarg } | Op::I64AtomicStore8 { memarg } => self.atomic_store(memarg, I8),
            Op::I32AtomicStore16 { memarg } | Op::I64AtomicStore16 { memarg } => self.atomic_store(memarg, I16),

            Op::I32AtomicRmwCmpxchg { memarg } => self.atomic_cmpxchg(memarg, I32, I32),
            Op::I32AtomicRmw8CmpxchgU { memarg } => self.atomic_cmpxchg(memarg, I8, I32),
            Op::I32AtomicRmw16CmpxchgU { memarg } => self.atomic_cmpxchg(memarg, I16, I32),
            Op::I64AtomicRmwCmpxchg { memarg } => self.atomic_cmpxchg(memarg, I64, I64),
            Op::I64AtomicRmw8CmpxchgU { memarg } => self.atomic_cmpxchg(memarg, I8, I64),
            Op::I64AtomicRmw16CmpxchgU { memarg } => self.atomic_cmpxchg(memarg, I16, I64),
            Op::I64AtomicRmw32CmpxchgU { memarg } => self.atomic_cmpxchg(memarg, I32, I64),

            other => match rmw(other) {
                Some((op, memarg, ty, to)) => self.atomic_rmw(op, memarg, ty, to),
                None => return false,
            },
        }
        true
    }
}

/// Whether this version of the code generator compares 64 bits where 32 are exchanged: in its loop for aarch64 without LSE,
/// where the upper half of what is expected may hold anything.
fn compares_whole_registers(isa: &dyn TargetIsa) -> bool {
    isa.isa_flags().iter().any(|flag| flag.name == "has_lse" && flag.as_bool() == Some(false))
}

macro_rules! rmw_operators {
    ($($op:ident: $i32:ident $i32_8:ident $i32_16:ident $i64:ident $i64_8:ident $i64_16:ident $i64_32:ident;)*) => {
        /// What a read-modify-write operator does, its type in memory, and that of its operand.
        fn rmw<'a>(operator: &'a Operator<'_>) -> Option<(AtomicRmwOp, &'a MemArg, Type, Type)> {
            Some(match operator {
                $(
                    Operator::$i32 { memarg } => (AtomicRmwOp::$op, memarg, I32, I32),
                    Operator::$i32_8 { memarg } => (AtomicRmwOp::$op, memarg, I8, I32),
                    Operator::$i32_16 { memarg } => (AtomicRmwOp::$op, memarg, I16, I32),
                    Operator::$i64 { memarg } => (AtomicRmwOp::$op, memarg, I64, I64),
                    Operator::$i64_8 { memarg } => (AtomicRmwOp::$op, memarg, I8, I64),
                    Operator::$i64_16 { memarg } => (AtomicRmwOp::$op, memarg, I16, I64),
                    Operator::$i64_32 { memarg } => (AtomicRmwOp::$op, memarg, I32, I64),
                )*
                _ => return None,
            })
        }
    };
}

rmw_operators! {
    Add: I32AtomicRmwAdd I32AtomicRmw8AddU I32AtomicRmw16AddU
        I64AtomicRmwAdd I64AtomicRmw8AddU I64AtomicRmw16AddU I64AtomicRmw32AddU;
    Sub: I32AtomicRmwSub I32AtomicRmw8SubU I32AtomicRmw16SubU
        I64AtomicRmwSub I64AtomicRmw8SubU I64AtomicRmw16SubU I64AtomicRmw32SubU;
    And: I32AtomicRmwAnd I32AtomicRmw8AndU I32AtomicRmw16AndU
        I64AtomicRmwAnd I64AtomicRmw8AndU I64AtomicRmw16AndU I64AtomicRmw32AndU;
    Or: I32AtomicRmwOr I32AtomicRmw8OrU I32AtomicRmw16OrU
        I64AtomicRmwOr I64AtomicRmw8OrU I64AtomicRmw16OrU I64AtomicRmw32OrU;
    Xor: I32AtomicRmwXor I32AtomicRmw8XorU I32AtomicRmw16XorU
        I64AtomicRmwXor I64AtomicRmw8XorU I64AtomicRmw16XorU I64AtomicRmw32XorU;
    Xchg: I32AtomicRmwXchg I32AtomicRmw8XchgU I32AtomicRmw16XchgU
        I64AtomicRmwXchg I64AtomicRmw8XchgU I64AtomicRmw16XchgU I64AtomicRmw32XchgU;
}
