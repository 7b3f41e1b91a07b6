//! Vectors: each operator is one instruction or a few.
//!
//! | room | operators |
//! |---|---|
//! | [`lanes`] | making vectors, taking lanes out and putting them in, moving them |
//! | [`integer`] | bits and integers |
//! | [`float`] | floats, and conversions |
//! | [`mod@memory`] | loads and stores |
//! | [`mod@relaxed`] | those whose results the specification leaves to the processor, within limits |
//!
//! Architecture invariant: an operand of type v128 always is an [`I8X16`], whatever it was computed as, so that blocks,
//! calls, locals and globals need not know how vectors were made. An operator that takes lanes of another type looks
//! behind the cast ([`lanes_of`](Translator::lanes_of)); such casts are no instructions.

mod float;
mod integer;
mod lanes;
mod memory;
mod relaxed;

pub(crate) use relaxed::Relaxed;

use super::Translator;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{I8X16, I32};
use cranelift_codegen::ir::{Endianness, InstBuilder, InstructionData, MemFlagsData, Opcode, Type, Value};
use wasmparser::Operator;

/// Replaces the vector, or the two, on top of the stack by what the instruction gives, whose operands have lanes of type
/// `$ty`.
macro_rules! unary {
    ($self:ident, $ty:expr, $method:ident $(, $result:expr)?) => {{
        let a = $self.pop_lanes($ty);
        let value = $self.builder.ins().$method($($result,)? a);
        $self.push_lanes(value);
    }};
}

macro_rules! binary {
    ($self:ident, $ty:expr, $method:ident) => {{
        let (a, b) = $self.pop_lanes2($ty);
        let value = $self.builder.ins().$method(a, b);
        $self.push_lanes(value);
    }};
}

use {binary, unary};

impl Translator<'_, '_> {
    /// Translates a vector operator; `false` if it is none.
    pub(super) fn vector(&mut self, operator: &Operator<'_>) -> bool {
        self.vector_memory(operator)
            || self.vector_lanes(operator)
            || self.vector_bits(operator)
            || self.vector_comparison(operator)
            || self.vector_integer(operator)
            || self.vector_widening(operator)
            || self.vector_float(operator)
            || self.vector_conversion(operator)
            || self.vector_relaxed(operator)
    }

    /// A vector as lanes of type `ty`: the first lane is the lowest bits, everywhere.
    fn lanes_of(&mut self, ty: Type, vector: Value) -> Value {
        let dfg = &self.builder.func.dfg;
        if dfg.value_type(vector) == ty {
            return vector;
        }
        let source = match dfg.value_def(vector).inst().map(|inst| dfg.insts[inst]) {
            Some(InstructionData::LoadNoOffset { opcode: Opcode::Bitcast, arg, .. })
                if dfg.value_type(arg).is_vector() =>
            {
                arg
            }
            _ => vector,
        };
        if dfg.value_type(source) == ty {
            return source;
        }
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        self.builder.ins().bitcast(ty, flags, source)
    }

    fn pop_lanes(&mut self, ty: Type) -> Value {
        let vector = self.pop();
        self.lanes_of(ty, vector)
    }

    fn pop_lanes2(&mut self, ty: Type) -> (Value, Value) {
        let second = self.pop_lanes(ty);
        (self.pop_lanes(ty), second)
    }

    fn pop_lanes3(&mut self, ty: Type) -> (Value, Value, Value) {
        let third = self.pop_lanes(ty);
        let (first, second) = self.pop_lanes2(ty);
        (first, second, third)
    }

    fn push_lanes(&mut self, vector: Value) {
        let vector = self.lanes_of(I8X16, vector);
        self.push(vector);
    }

    /// A constant vector.
    pub(super) fn vector_constant(&mut self, ty: Type, bits: u128) -> Value {
        let constant = self.builder.func.dfg.constants.insert(bits.to_le_bytes().to_vec().into());
        self.builder.ins().vconst(ty, constant)
    }

    /// Compares lanes: each of the result is all ones or zero.
    fn lanes_icmp(&mut self, ty: Type, condition: IntCC) {
        let (a, b) = self.pop_lanes2(ty);
        let value = self.builder.ins().icmp(condition, a, b);
        self.push_lanes(value);
    }

    fn lanes_fcmp(&mut self, ty: Type, condition: FloatCC) {
        let (a, b) = self.pop_lanes2(ty);
        let value = self.builder.ins().fcmp(condition, a, b);
        self.push_lanes(value);
    }

    /// Pushes a truth of 8 bits as an i32.
    fn push_truth(&mut self, value: Value) {
        let value = self.builder.ins().uextend(I32, value);
        self.push(value);
    }
}
