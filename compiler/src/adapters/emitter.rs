//! The record, what is called through it, and what happens when a call can't go on.

use bailiwick_runtime_abi::context::{BUILTINS, MEMORY_BASE};
use bailiwick_runtime_abi::convention::VALUE_SIZE;
use bailiwick_runtime_abi::edge::{
    self, CALLEE_GATE, CALLEE_MEMORY, CALLER_GATE, CALLER_MEMORY, Code, GATE_CLOSED, Region, Routine, Stage, Target,
};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I16, I32, I64, I64X2};
use cranelift_codegen::ir::{
    AbiParam, Block, InstBuilder, MemFlagsData, SigRef, Signature, StackSlot, StackSlotData, StackSlotKind, Type, Value,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;

/// One of the two groups that a call is between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Caller,
    Callee,
}

impl Side {
    /// Offset in the record of the address of its memory's definition.
    pub fn memory(self) -> i32 {
        match self {
            Side::Caller => CALLER_MEMORY,
            Side::Callee => CALLEE_MEMORY,
        }
    }

    /// Offset in the record of the address of its gate.
    pub fn gate(self) -> i32 {
        match self {
            Side::Caller => CALLER_GATE,
            Side::Callee => CALLEE_GATE,
        }
    }

    /// Its allocator.
    pub fn allocator(self) -> Target {
        match self {
            Side::Caller => Target::CallerRealloc,
            Side::Callee => Target::CalleeRealloc,
        }
    }
}

/// Which way values are carried: parameters to the callee, the result to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    ToCallee,
    ToCaller,
}

impl Way {
    /// The side that values are read from.
    pub fn source(self) -> Side {
        match self {
            Way::ToCallee => Side::Caller,
            Way::ToCaller => Side::Callee,
        }
    }

    /// The side that values are written to.
    pub fn target(self) -> Side {
        match self {
            Way::ToCallee => Side::Callee,
            Way::ToCaller => Side::Caller,
        }
    }

    /// How far a call is that carries values this way.
    pub fn stage(self) -> Stage {
        match self {
            Way::ToCallee => Stage::Params,
            Way::ToCaller => Stage::Result,
        }
    }

    /// As [`Routine::Copy`] is told.
    pub fn number(self) -> u64 {
        match self {
            Way::ToCallee => 0,
            Way::ToCaller => 1,
        }
    }
}

/// What went wrong, and where: all that is known when an adapter is compiled.
#[derive(Clone, Copy)]
pub(super) struct Failure {
    pub code: Code,
    pub region: Region,
    pub stage: Stage,
    pub side: Side,
    pub place: u32,
}

/// A number that is told along with a failure.
#[derive(Clone, Copy)]
pub(super) enum Detail {
    Constant(u64),
    /// An `i32`, zero-extended.
    Word(Value),
    /// An `i64`.
    Wide(Value),
}

/// Of a failure that says all by itself.
pub(super) const NO_DETAILS: [Detail; 2] = [Detail::Constant(0), Detail::Constant(0)];

/// Writes one adapter.
pub(super) struct Emitter<'a, 'f> {
    pub builder: &'a mut FunctionBuilder<'f>,
    /// The hidden first parameter: the edge record.
    pub record: Value,
    /// The cells that parameters and results of the function are passed in.
    pub values: StackSlot,
    /// The cells of an allocator, apart so that parameters which are ready stay where they are.
    pub allocator_values: StackSlot,
    /// Where the import wants its result, as an address that is 64 bits wide; 0 if that is a core value.
    pub area: Value,
    /// Which way values are being carried.
    pub way: Way,
    /// Where all failures lead: its parameters are the first three of [`Routine::Fault`].
    pub failed: Block,
    convention: CallConv,
    /// Signatures of routines, by how many parameters they have besides the record.
    routines: [Option<SigRef>; 6],
}

/// Offset of the `i`th value's cell. There are at most 17.
pub(super) fn cell(i: usize) -> i32 {
    (i * VALUE_SIZE) as i32
}

/// Accesses to records, cells and checked places: at addresses that are mapped and aligned.
const TRUSTED: MemFlagsData = MemFlagsData::trusted();
/// Accesses to bytes of checked ranges, wherever these begin.
pub(super) const UNALIGNED: MemFlagsData = MemFlagsData::new().with_notrap();

impl<'a, 'f> Emitter<'a, 'f> {
    /// Begins an adapter that passes up to `cells` values.
    pub fn new(builder: &'a mut FunctionBuilder<'f>, convention: CallConv, record: Value, cells: usize) -> Self {
        let mut slot = |cells: usize| {
            let align = VALUE_SIZE.trailing_zeros() as u8;
            let size = (cells * VALUE_SIZE) as u32;
            builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, size, align))
        };
        let (values, allocator_values) = (slot(cells), slot(4));
        let failed = builder.create_block();
        builder.set_cold_block(failed);
        for _ in 0..3 {
            builder.append_block_param(failed, I64);
        }
        Emitter {
            record,
            values,
            allocator_values,
            area: record,
            way: Way::ToCallee,
            failed,
            convention,
            routines: [None; 6],
            builder,
        }
    }

    pub fn i32_const(&mut self, value: u32) -> Value {
        self.builder.ins().iconst(I32, i64::from(value))
    }

    pub fn i64_const(&mut self, value: u64) -> Value {
        self.builder.ins().iconst(I64, value.cast_signed())
    }

    pub fn extend(&mut self, word: Value) -> Value {
        self.builder.ins().uextend(I64, word)
    }

    pub fn load(&mut self, ty: Type, base: Value, offset: i32) -> Value {
        self.builder.ins().load(ty, TRUSTED, base, offset)
    }

    pub fn store(&mut self, value: Value, base: Value, offset: i32) {
        self.builder.ins().store(TRUSTED, value, base, offset);
    }

    /// Loads `bytes` bytes, 1, 2 or 4, as an `i32` with zeros above them.
    pub fn load_word(&mut self, bytes: u32, base: Value, offset: i32) -> Value {
        match bytes {
            1 => self.builder.ins().uload8(I32, TRUSTED, base, offset),
            2 => self.builder.ins().uload16(I32, TRUSTED, base, offset),
            _ => self.load(I32, base, offset),
        }
    }

    /// Stores the lowest `bytes` bytes, 1, 2 or 4, of an `i32`.
    pub fn store_word(&mut self, bytes: u32, value: Value, base: Value, offset: i32) {
        match bytes {
            1 => self.builder.ins().istore8(TRUSTED, value, base, offset),
            2 => self.builder.ins().istore16(TRUSTED, value, base, offset),
            _ => self.builder.ins().store(TRUSTED, value, base, offset),
        };
    }

    /// Copies a few bytes, wherever they are.
    pub fn move_bytes(&mut self, size: u32, from: (Value, i32), to: (Value, i32)) {
        let mut done = 0;
        while done < size {
            let ty = match size - done {
                16.. => I64X2,
                8.. => I64,
                4.. => I32,
                2.. => I16,
                _ => I8,
            };
            let piece = self.builder.ins().load(ty, UNALIGNED, from.0, from.1 + done as i32);
            self.builder.ins().store(UNALIGNED, piece, to.0, to.1 + done as i32);
            done += ty.bytes();
        }
    }

    /// A field of the record, of 8 bytes, as it is now.
    pub fn field(&mut self, offset: i32) -> Value {
        self.load(I64, self.record, offset)
    }

    /// The address of a side's memory definition. It was found to have one.
    pub fn memory(&mut self, side: Side) -> Value {
        self.field(side.memory())
    }

    /// The address of the first byte of a side's memory, which never changes.
    pub fn base(&mut self, side: Side) -> Value {
        let memory = self.memory(side);
        self.load(I64, memory, MEMORY_BASE)
    }

    pub fn address_of(&mut self, slot: StackSlot) -> Value {
        self.builder.ins().stack_addr(I64, slot, 0)
    }

    /// Goes on in a new block, whose predecessors may still come.
    pub fn enter_block(&mut self, block: Block) {
        self.builder.switch_to_block(block);
    }

    /// Does `then` if `condition` is not 0.
    pub fn when(&mut self, condition: Value, cold: bool, then: impl FnOnce(&mut Self)) {
        let (body, next) = (self.builder.create_block(), self.builder.create_block());
        if cold {
            self.builder.set_cold_block(body);
        }
        self.builder.ins().brif(condition, body, &[], next, &[]);
        self.enter_block(body);
        then(self);
        self.builder.ins().jump(next, &[]);
        self.enter_block(next);
    }

    /// Ends the call if `condition` is not 0.
    pub fn fail_if(&mut self, condition: Value, failure: Failure, details: [Detail; 2]) {
        let (body, next) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(body);
        self.builder.ins().brif(condition, body, &[], next, &[]);
        self.enter_block(body);
        let Failure { code, region, stage, side, place } = failure;
        let what = self.i64_const(edge::what(code, region, stage, side == Side::Callee, place));
        let [a, b] = details.map(|detail| match detail {
            Detail::Constant(value) => self.i64_const(value),
            Detail::Word(value) => self.extend(value),
            Detail::Wide(value) => value,
        });
        self.builder.ins().jump(self.failed, &[what.into(), a.into(), b.into()]);
        self.enter_block(next);
    }

    /// A failure at a place of the value that is being carried, by who passes it.
    pub fn source_failure(&self, code: Code, region: Region, place: u32) -> Failure {
        Failure { code, region, stage: self.way.stage(), side: self.way.source(), place }
    }

    /// Calls a routine: in C convention, with the record and 64-bit integers.
    pub fn routine(&mut self, routine: Routine, args: &[Value]) -> Value {
        debug_assert_eq!(args.len(), routine.params());
        let convention = self.convention;
        let builder = &mut *self.builder;
        let signature = *self.routines[args.len()].get_or_insert_with(|| {
            let mut signature = Signature::new(convention);
            signature.params.extend(std::iter::repeat_n(AbiParam::new(I64), args.len() + 1));
            signature.returns.push(AbiParam::new(I64));
            builder.import_signature(signature)
        });
        let table = self.field(BUILTINS);
        let code = self.load(I64, table, routine.offset());
        let mut all = vec![self.record];
        all.extend(args);
        let call = self.builder.ins().call_indirect(signature, code, &all);
        self.builder.inst_results(call)[0]
    }

    /// The same for a routine that answers 0 or 1, of which some leave the upper half undefined.
    pub fn status(&mut self, routine: Routine, args: &[Value]) -> Value {
        let answer = self.routine(routine, args);
        self.builder.ins().ireduce(I32, answer)
    }

    /// Calls a routine that keeps why it failed; then the call is over.
    pub fn try_routine(&mut self, routine: Routine, args: &[Value], failure: Failure) {
        let failed = self.status(routine, args);
        self.fail_if(failed, failure, NO_DETAILS);
    }

    /// Enters a guest, which takes and leaves its values in `slot`. While an allocator or post-return function runs, its
    /// instance makes no calls (CanonicalABI.md, `may_leave`).
    pub fn enter(&mut self, target: Target, slot: StackSlot, stage: Stage, place: u32) {
        let (side, closes) = match target {
            Target::Function => (Side::Callee, false),
            Target::CalleeRealloc | Target::PostReturn => (Side::Callee, true),
            Target::CallerRealloc => (Side::Caller, true),
        };
        if closes {
            self.close(side, 1);
        }
        let (offset, values) = (self.i64_const(target.offset() as u64), self.address_of(slot));
        let ended = self.status(Routine::Enter, &[offset, values]);
        if closes {
            // Also when it ended: the failure is told to a host that finds the gate as it was.
            self.close(side, 0);
        }
        let failure = Failure { code: Code::Ended, region: Region::None, stage, side, place };
        self.fail_if(ended, failure, [Detail::Constant(target as u64), Detail::Constant(0)]);
    }

    fn close(&mut self, side: Side, closed: u32) {
        let gate = self.field(side.gate());
        let closed = self.i32_const(closed);
        self.store(closed, gate, GATE_CLOSED);
    }

    /// Compares an `i64` with a constant, as unsigned numbers.
    pub fn compare(&mut self, condition: IntCC, value: Value, constant: u64) -> Value {
        self.builder.ins().icmp_imm_u(condition, value, constant.cast_signed())
    }
}
