//! Floats, and conversions. NaNs are as the specification leaves them open, unless code is to be deterministic: then
//! the code generator makes them canonical (`target`).

use super::super::Translator;
use super::{binary, unary};
use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::types::{F32X4, F64X2, I32X4, I64X2};
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value};
use wasmparser::Operator;

impl Translator<'_, '_> {
    /// Translates an operator on floats; `false` if it is none.
    pub(super) fn vector_float(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::F32x4Eq => self.lanes_fcmp(F32X4, FloatCC::Equal),
            Operator::F32x4Ne => self.lanes_fcmp(F32X4, FloatCC::NotEqual),
            Operator::F32x4Lt => self.lanes_fcmp(F32X4, FloatCC::LessThan),
            Operator::F32x4Gt => self.lanes_fcmp(F32X4, FloatCC::GreaterThan),
            Operator::F32x4Le => self.lanes_fcmp(F32X4, FloatCC::LessThanOrEqual),
            Operator::F32x4Ge => self.lanes_fcmp(F32X4, FloatCC::GreaterThanOrEqual),
            Operator::F64x2Eq => self.lanes_fcmp(F64X2, FloatCC::Equal),
            Operator::F64x2Ne => self.lanes_fcmp(F64X2, FloatCC::NotEqual),
            Operator::F64x2Lt => self.lanes_fcmp(F64X2, FloatCC::LessThan),
            Operator::F64x2Gt => self.lanes_fcmp(F64X2, FloatCC::GreaterThan),
            Operator::F64x2Le => self.lanes_fcmp(F64X2, FloatCC::LessThanOrEqual),
            Operator::F64x2Ge => self.lanes_fcmp(F64X2, FloatCC::GreaterThanOrEqual),
            Operator::F32x4Ceil => unary!(self, F32X4, ceil),
            Operator::F64x2Ceil => unary!(self, F64X2, ceil),
            Operator::F32x4Floor => unary!(self, F32X4, floor),
            Operator::F64x2Floor => unary!(self, F64X2, floor),
            Operator::F32x4Trunc => unary!(self, F32X4, trunc),
            Operator::F64x2Trunc => unary!(self, F64X2, trunc),
            Operator::F32x4Nearest => unary!(self, F32X4, nearest),
            Operator::F64x2Nearest => unary!(self, F64X2, nearest),
            Operator::F32x4Abs => unary!(self, F32X4, fabs),
            Operator::F64x2Abs => unary!(self, F64X2, fabs),
            Operator::F32x4Neg => unary!(self, F32X4, fneg),
            Operator::F64x2Neg => unary!(self, F64X2, fneg),
            Operator::F32x4Sqrt => unary!(self, F32X4, sqrt),
            Operator::F64x2Sqrt => unary!(self, F64X2, sqrt),
            Operator::F32x4Add => binary!(self, F32X4, fadd),
            Operator::F64x2Add => binary!(self, F64X2, fadd),
            Operator::F32x4Sub => binary!(self, F32X4, fsub),
            Operator::F64x2Sub => binary!(self, F64X2, fsub),
            Operator::F32x4Mul => binary!(self, F32X4, fmul),
            Operator::F64x2Mul => binary!(self, F64X2, fmul),
            Operator::F32x4Div => binary!(self, F32X4, fdiv),
            Operator::F64x2Div => binary!(self, F64X2, fdiv),
            Operator::F32x4Min => binary!(self, F32X4, fmin),
            Operator::F64x2Min => binary!(self, F64X2, fmin),
            Operator::F32x4Max => binary!(self, F32X4, fmax),
            Operator::F64x2Max => binary!(self, F64X2, fmax),
            Operator::F32x4PMin => self.pseudo_minimum(F32X4),
            Operator::F64x2PMin => self.pseudo_minimum(F64X2),
            Operator::F32x4PMax => self.pseudo_maximum(F32X4),
            Operator::F64x2PMax => self.pseudo_maximum(F64X2),
            _ => return false,
        }
        true
    }

    /// Of each two lanes the second if it is less, else the first.
    pub(super) fn pseudo_minimum(&mut self, ty: Type) {
        let (a, b) = self.pop_lanes2(ty);
        let second = self.builder.ins().fcmp(FloatCC::LessThan, b, a);
        self.select_lanes(ty, second, b, a);
    }

    /// Of each two lanes the second if it is greater, else the first.
    pub(super) fn pseudo_maximum(&mut self, ty: Type) {
        let (a, b) = self.pop_lanes2(ty);
        let second = self.builder.ins().fcmp(FloatCC::LessThan, a, b);
        self.select_lanes(ty, second, b, a);
    }

    /// Pushes `a` where `mask` has ones, `b` elsewhere. Selections of this form are one instruction where there is one.
    fn select_lanes(&mut self, ty: Type, mask: Value, a: Value, b: Value) {
        let mask = self.builder.ins().bitcast(ty, MemFlagsData::new().with_endianness(Endianness::Little), mask);
        let value = self.builder.ins().bitselect(mask, a, b);
        self.push_lanes(value);
    }

    /// Translates a conversion between floats and integers, or between floats; `false` if it is none.
    pub(super) fn vector_conversion(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::I32x4TruncSatF32x4S => unary!(self, F32X4, fcvt_to_sint_sat, I32X4),
            Operator::I32x4TruncSatF32x4U => unary!(self, F32X4, fcvt_to_uint_sat, I32X4),
            Operator::I32x4TruncSatF64x2SZero => self.truncate_f64x2_signed(),
            Operator::I32x4TruncSatF64x2UZero => self.truncate_f64x2_unsigned(),
            Operator::F32x4ConvertI32x4S => unary!(self, I32X4, fcvt_from_sint, F32X4),
            Operator::F32x4ConvertI32x4U => unary!(self, I32X4, fcvt_from_uint, F32X4),
            Operator::F64x2ConvertLowI32x4S => {
                let a = self.pop_lanes(I32X4);
                let a = self.builder.ins().swiden_low(a);
                let value = self.builder.ins().fcvt_from_sint(F64X2, a);
                self.push_lanes(value);
            }
            Operator::F64x2ConvertLowI32x4U => {
                let a = self.pop_lanes(I32X4);
                let a = self.builder.ins().uwiden_low(a);
                let value = self.builder.ins().fcvt_from_uint(F64X2, a);
                self.push_lanes(value);
            }
            Operator::F32x4DemoteF64x2Zero => unary!(self, F64X2, fvdemote),
            Operator::F64x2PromoteLowF32x4 => unary!(self, F32X4, fvpromote_low),
            _ => return false,
        }
        true
    }

    /// The code generator knows narrowing to 32 bits behind a conversion, with a constant zero, and no other.
    pub(super) fn truncate_f64x2_signed(&mut self) {
        let a = self.pop_lanes(F64X2);
        let wide = self.builder.ins().fcvt_to_sint_sat(I64X2, a);
        let zero = self.vector_constant(I64X2, 0);
        let value = self.builder.ins().snarrow(wide, zero);
        self.push_lanes(value);
    }

    pub(super) fn truncate_f64x2_unsigned(&mut self) {
        let a = self.pop_lanes(F64X2);
        let wide = self.builder.ins().fcvt_to_uint_sat(I64X2, a);
        let zero = self.vector_constant(I64X2, 0);
        let value = self.builder.ins().uunarrow(wide, zero);
        self.push_lanes(value);
    }
}
