//! Operators whose results the specification leaves to the processor, within limits: of the results that it allows,
//! what is fastest on the target; in deterministic code the first of its lists, which every target can compute.

use super::super::Translator;
use super::{binary, unary};
use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use cranelift_codegen::isa::TargetIsa;
use wasmparser::Operator;

/// Which of the allowed results are computed.
#[derive(Clone, Copy)]
pub(crate) struct Relaxed<'a> {
    pub isa: &'a dyn TargetIsa,
    /// The same everywhere.
    pub deterministic: bool,
}

impl Relaxed<'_> {
    /// Whether products are added without rounding in between.
    fn fused(self) -> bool {
        !self.deterministic && self.isa.has_native_fma()
    }

    /// Whether there is an instruction that selects lanes of this type by their highest bits.
    fn blend(self, ty: Type) -> bool {
        !self.deterministic && self.isa.has_blendv_lowering(ty)
    }

    /// Whether there are x86's own swizzle, multiplications, conversion to integers, minimum and maximum. The first came last.
    fn x86(self) -> bool {
        !self.deterministic && self.isa.has_x86_pshufb_lowering()
    }

    fn pmulhrsw(self) -> bool {
        !self.deterministic && self.isa.has_x86_pmulhrsw_lowering()
    }

    fn pmaddubsw(self) -> bool {
        !self.deterministic && self.isa.has_x86_pmaddubsw_lowering()
    }
}

impl Translator<'_, '_> {
    /// Translates a relaxed operator; `false` if it is none.
    pub(super) fn vector_relaxed(&mut self, operator: &Operator<'_>) -> bool {
        let relaxed = self.env.relaxed;
        match operator {
            Operator::I8x16RelaxedSwizzle if relaxed.x86() => binary!(self, I8X16, x86_pshufb),
            Operator::I8x16RelaxedSwizzle => binary!(self, I8X16, swizzle),
            Operator::I32x4RelaxedTruncF32x4S if relaxed.x86() => unary!(self, F32X4, x86_cvtt2dq, I32X4),
            Operator::I32x4RelaxedTruncF32x4S => unary!(self, F32X4, fcvt_to_sint_sat, I32X4),
            Operator::I32x4RelaxedTruncF32x4U => unary!(self, F32X4, fcvt_to_uint_sat, I32X4),
            Operator::I32x4RelaxedTruncF64x2SZero if relaxed.x86() => {
                let a = self.pop_lanes(F64X2);
                let wide = self.builder.ins().x86_cvtt2dq(I64X2, a);
                let zero = self.vector_constant(I64X2, 0);
                let value = self.builder.ins().snarrow(wide, zero);
                self.push_lanes(value);
            }
            Operator::I32x4RelaxedTruncF64x2SZero => self.truncate_f64x2_signed(),
            Operator::I32x4RelaxedTruncF64x2UZero => self.truncate_f64x2_unsigned(),
            Operator::F32x4RelaxedMadd => self.multiply_add(F32X4, false),
            Operator::F32x4RelaxedNmadd => self.multiply_add(F32X4, true),
            Operator::F64x2RelaxedMadd => self.multiply_add(F64X2, false),
            Operator::F64x2RelaxedNmadd => self.multiply_add(F64X2, true),
            Operator::I8x16RelaxedLaneselect => self.lane_select(I8X16),
            Operator::I16x8RelaxedLaneselect => self.lane_select(I16X8),
            Operator::I32x4RelaxedLaneselect => self.lane_select(I32X4),
            Operator::I64x2RelaxedLaneselect => self.lane_select(I64X2),
            // Its own minimum gives the first operand if either is a NaN, or both are zeros.
            Operator::F32x4RelaxedMin if relaxed.x86() => self.pseudo_minimum(F32X4),
            Operator::F32x4RelaxedMax if relaxed.x86() => self.pseudo_maximum(F32X4),
            Operator::F64x2RelaxedMin if relaxed.x86() => self.pseudo_minimum(F64X2),
            Operator::F64x2RelaxedMax if relaxed.x86() => self.pseudo_maximum(F64X2),
            Operator::F32x4RelaxedMin => binary!(self, F32X4, fmin),
            Operator::F32x4RelaxedMax => binary!(self, F32X4, fmax),
            Operator::F64x2RelaxedMin => binary!(self, F64X2, fmin),
            Operator::F64x2RelaxedMax => binary!(self, F64X2, fmax),
            Operator::I16x8RelaxedQ15mulrS if relaxed.pmulhrsw() => binary!(self, I16X8, x86_pmulhrsw),
            Operator::I16x8RelaxedQ15mulrS => binary!(self, I16X8, sqmul_round_sat),
            Operator::I16x8RelaxedDotI8x16I7x16S => {
                let (a, b) = self.pop_lanes2(I8X16);
                let value = self.relaxed_dot(a, b);
                self.push_lanes(value);
            }
            Operator::I32x4RelaxedDotI8x16I7x16AddS => {
                let sum = self.pop_lanes(I32X4);
                let (a, b) = self.pop_lanes2(I8X16);
                let products = self.relaxed_dot(a, b);
                let products = self.add_pairs(products, true);
                let value = self.builder.ins().iadd(products, sum);
                self.push_lanes(value);
            }
            _ => return false,
        }
        true
    }

    /// a × b + c, or −(a × b) + c.
    fn multiply_add(&mut self, ty: Type, negate: bool) {
        let (mut a, b, c) = self.pop_lanes3(ty);
        if negate {
            a = self.builder.ins().fneg(a);
        }
        let value = if self.env.relaxed.fused() {
            self.builder.ins().fma(a, b, c)
        } else {
            let product = self.builder.ins().fmul(a, b);
            self.builder.ins().fadd(product, c)
        };
        self.push_lanes(value);
    }

    fn lane_select(&mut self, ty: Type) {
        let (a, b, mask) = self.pop_lanes3(ty);
        let value = if self.env.relaxed.blend(ty) {
            self.builder.ins().blendv(mask, a, b)
        } else {
            self.builder.ins().bitselect(mask, a, b)
        };
        self.push_lanes(value);
    }

    /// Products of the signed bytes `a` and the bytes `b` of 7 bits, and the sums of those that are side by side.
    fn relaxed_dot(&mut self, a: Value, b: Value) -> Value {
        if self.env.relaxed.pmaddubsw() { self.builder.ins().x86_pmaddubsw(a, b) } else { self.dot_product(a, b) }
    }
}
