//! Values of a fixed size that hold neither pointers nor handles, and the core values that hold them.

use super::emitter::{Detail, Emitter};
use super::shape::Scalar;
use bailiwick_runtime_abi::edge::{Code, Region};
use bailiwick_runtime_abi::types::ValType;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32, F64, I8, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value};

/// Surrogates, which are no Unicode scalar values: the first, and how many there are.
const SURROGATES: (i64, u64) = (0xd800, 0x800);
/// The last Unicode scalar value.
const LAST_CHAR: u64 = 0x10_ffff;

impl Emitter<'_, '_> {
    /// A scalar as it is passed on. `value` has the type of the core value that holds it; one from a memory is an `i32`
    /// with zeros above what was read.
    pub fn convert(&mut self, scalar: Scalar, value: Value, place: u32) -> Value {
        match scalar {
            Scalar::Bool => {
                let bit = self.compare(IntCC::NotEqual, value, 0);
                self.builder.ins().uextend(I32, bit)
            }
            Scalar::Bits { bytes: bytes @ (1 | 2) } => self.builder.ins().band_imm_u(value, (1 << (8 * bytes)) - 1),
            Scalar::Bits { .. } => value,
            Scalar::Signed { bytes } => {
                let narrow = self.builder.ins().ireduce(if bytes == 1 { I8 } else { I16 }, value);
                self.builder.ins().sextend(I32, narrow)
            }
            Scalar::Char => {
                let from_surrogates = self.builder.ins().iadd_imm_s(value, -SURROGATES.0);
                let surrogate = self.compare(IntCC::UnsignedLessThan, from_surrogates, SURROGATES.1);
                let above = self.compare(IntCC::UnsignedGreaterThan, value, LAST_CHAR);
                let wrong = self.builder.ins().bor(surrogate, above);
                let failure = self.source_failure(Code::NotChar, Region::None, place);
                self.fail_if(wrong, failure, [Detail::Word(value), Detail::Constant(0)]);
                value
            }
            Scalar::Flags { mask, .. } => self.builder.ins().band_imm_u(value, i64::from(mask)),
            Scalar::Enum { cases, .. } => {
                self.check_case(value, cases, place);
                value
            }
        }
    }

    /// Checks that there is a case of this index, an `i32`. A core value is not cut down to the discriminant's size: all of
    /// it counts.
    pub fn check_case(&mut self, index: Value, cases: u32, place: u32) {
        let none = self.compare(IntCC::UnsignedGreaterThanOrEqual, index, cases.into());
        let failure = self.source_failure(Code::NoSuchCase, Region::None, place);
        self.fail_if(none, failure, [Detail::Word(index), Detail::Constant(cases.into())]);
    }

    /// A core value of type `to` from one of type `joined` that holds its bits lowest (CanonicalABI.md, "Flat Lifting",
    /// `lift_flat_variant`).
    pub fn narrow(&mut self, value: Value, joined: ValType, to: ValType) -> Value {
        let cast = |emitter: &mut Self, from, to| emitter.builder.ins().bitcast(to, MemFlagsData::new(), from);
        match (joined, to) {
            _ if joined == to => value,
            (ValType::I64, ValType::I32) => self.builder.ins().ireduce(I32, value),
            (ValType::I64, ValType::F32) => {
                let bits = self.builder.ins().ireduce(I32, value);
                cast(self, bits, F32)
            }
            (ValType::I64, ValType::F64) => cast(self, value, F64),
            (ValType::I32, ValType::F32) => cast(self, value, F32),
            _ => unreachable!("{joined:?} does not hold {to:?}"),
        }
    }

    /// The reverse: a core value of type `joined` with the bits of one of type `from` lowest, and zeros above
    /// (CanonicalABI.md, "Flat Lowering", `lower_flat_variant`).
    pub fn widen(&mut self, value: Value, from: ValType, joined: ValType) -> Value {
        let cast = |emitter: &mut Self, from, to| emitter.builder.ins().bitcast(to, MemFlagsData::new(), from);
        match (from, joined) {
            _ if from == joined => value,
            (ValType::I32, ValType::I64) => self.extend(value),
            (ValType::F32, ValType::I64) => {
                let bits = cast(self, value, I32);
                self.extend(bits)
            }
            (ValType::F64, ValType::I64) => cast(self, value, I64),
            (ValType::F32, ValType::I32) => cast(self, value, I32),
            _ => unreachable!("{joined:?} does not hold {from:?}"),
        }
    }

    /// A core value of all zeros.
    pub fn zero(&mut self, ty: ValType) -> Value {
        match ty {
            ValType::I32 => self.i32_const(0),
            ValType::I64 => self.i64_const(0),
            ValType::F32 => self.builder.ins().f32const(0.0),
            ValType::F64 => self.builder.ins().f64const(0.0),
            ValType::V128 | ValType::Ref(_) => unreachable!("no value is passed as {ty:?}"),
        }
    }
}
