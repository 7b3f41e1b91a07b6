//! Bits and integers.

use super::super::Translator;
use super::{binary, unary};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8X16, I16X8, I32, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use wasmparser::Operator;

/// Which half of a vector is widened.
#[derive(Clone, Copy)]
enum Half {
    Low,
    High,
}

use Half::{High, Low};

impl Translator<'_, '_> {
    /// Translates an operator on bits, or one that makes a truth or bits of lanes; `false` if it is none.
    pub(super) fn vector_bits(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::V128Not => unary!(self, I8X16, bnot),
            Operator::V128And => binary!(self, I8X16, band),
            Operator::V128AndNot => binary!(self, I8X16, band_not),
            Operator::V128Or => binary!(self, I8X16, bor),
            Operator::V128Xor => binary!(self, I8X16, bxor),
            Operator::V128Bitselect => {
                let (a, b, mask) = self.pop_lanes3(I8X16);
                let value = self.builder.ins().bitselect(mask, a, b);
                self.push(value);
            }
            Operator::V128AnyTrue => {
                let vector = self.pop();
                let value = self.builder.ins().vany_true(vector);
                self.push_truth(value);
            }
            Operator::I8x16AllTrue => self.all_true(I8X16),
            Operator::I16x8AllTrue => self.all_true(I16X8),
            Operator::I32x4AllTrue => self.all_true(I32X4),
            Operator::I64x2AllTrue => self.all_true(I64X2),
            Operator::I8x16Bitmask => self.bitmask(I8X16),
            Operator::I16x8Bitmask => self.bitmask(I16X8),
            Operator::I32x4Bitmask => self.bitmask(I32X4),
            Operator::I64x2Bitmask => self.bitmask(I64X2),
            _ => return false,
        }
        true
    }

    fn all_true(&mut self, ty: Type) {
        let vector = self.pop_lanes(ty);
        let value = self.builder.ins().vall_true(vector);
        self.push_truth(value);
    }

    fn bitmask(&mut self, ty: Type) {
        let vector = self.pop_lanes(ty);
        let value = self.builder.ins().vhigh_bits(I32, vector);
        self.push(value);
    }

    /// Translates a comparison of integers; `false` if it is none.
    pub(super) fn vector_comparison(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::I8x16Eq => self.lanes_icmp(I8X16, IntCC::Equal),
            Operator::I8x16Ne => self.lanes_icmp(I8X16, IntCC::NotEqual),
            Operator::I8x16LtS => self.lanes_icmp(I8X16, IntCC::SignedLessThan),
            Operator::I8x16LtU => self.lanes_icmp(I8X16, IntCC::UnsignedLessThan),
            Operator::I8x16GtS => self.lanes_icmp(I8X16, IntCC::SignedGreaterThan),
            Operator::I8x16GtU => self.lanes_icmp(I8X16, IntCC::UnsignedGreaterThan),
            Operator::I8x16LeS => self.lanes_icmp(I8X16, IntCC::SignedLessThanOrEqual),
            Operator::I8x16LeU => self.lanes_icmp(I8X16, IntCC::UnsignedLessThanOrEqual),
            Operator::I8x16GeS => self.lanes_icmp(I8X16, IntCC::SignedGreaterThanOrEqual),
            Operator::I8x16GeU => self.lanes_icmp(I8X16, IntCC::UnsignedGreaterThanOrEqual),
            Operator::I16x8Eq => self.lanes_icmp(I16X8, IntCC::Equal),
            Operator::I16x8Ne => self.lanes_icmp(I16X8, IntCC::NotEqual),
            Operator::I16x8LtS => self.lanes_icmp(I16X8, IntCC::SignedLessThan),
            Operator::I16x8LtU => self.lanes_icmp(I16X8, IntCC::UnsignedLessThan),
            Operator::I16x8GtS => self.lanes_icmp(I16X8, IntCC::SignedGreaterThan),
            Operator::I16x8GtU => self.lanes_icmp(I16X8, IntCC::UnsignedGreaterThan),
            Operator::I16x8LeS => self.lanes_icmp(I16X8, IntCC::SignedLessThanOrEqual),
            Operator::I16x8LeU => self.lanes_icmp(I16X8, IntCC::UnsignedLessThanOrEqual),
            Operator::I16x8GeS => self.lanes_icmp(I16X8, IntCC::SignedGreaterThanOrEqual),
            Operator::I16x8GeU => self.lanes_icmp(I16X8, IntCC::UnsignedGreaterThanOrEqual),
            Operator::I32x4Eq => self.lanes_icmp(I32X4, IntCC::Equal),
            Operator::I32x4Ne => self.lanes_icmp(I32X4, IntCC::NotEqual),
            Operator::I32x4LtS => self.lanes_icmp(I32X4, IntCC::SignedLessThan),
            Operator::I32x4LtU => self.lanes_icmp(I32X4, IntCC::UnsignedLessThan),
            Operator::I32x4GtS => self.lanes_icmp(I32X4, IntCC::SignedGreaterThan),
            Operator::I32x4GtU => self.lanes_icmp(I32X4, IntCC::UnsignedGreaterThan),
            Operator::I32x4LeS => self.lanes_icmp(I32X4, IntCC::SignedLessThanOrEqual),
            Operator::I32x4LeU => self.lanes_icmp(I32X4, IntCC::UnsignedLessThanOrEqual),
            Operator::I32x4GeS => self.lanes_icmp(I32X4, IntCC::SignedGreaterThanOrEqual),
            Operator::I32x4GeU => self.lanes_icmp(I32X4, IntCC::UnsignedGreaterThanOrEqual),
            Operator::I64x2Eq => self.lanes_icmp(I64X2, IntCC::Equal),
            Operator::I64x2Ne => self.lanes_icmp(I64X2, IntCC::NotEqual),
            Operator::I64x2LtS => self.lanes_icmp(I64X2, IntCC::SignedLessThan),
            Operator::I64x2GtS => self.lanes_icmp(I64X2, IntCC::SignedGreaterThan),
            Operator::I64x2LeS => self.lanes_icmp(I64X2, IntCC::SignedLessThanOrEqual),
            Operator::I64x2GeS => self.lanes_icmp(I64X2, IntCC::SignedGreaterThanOrEqual),
            _ => return false,
        }
        true
    }

    /// Translates an operator on integers that keeps the width of lanes; `false` if it is none.
    pub(super) fn vector_integer(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::I8x16Abs => unary!(self, I8X16, iabs),
            Operator::I16x8Abs => unary!(self, I16X8, iabs),
            Operator::I32x4Abs => unary!(self, I32X4, iabs),
            Operator::I64x2Abs => unary!(self, I64X2, iabs),
            Operator::I8x16Neg => unary!(self, I8X16, ineg),
            Operator::I16x8Neg => unary!(self, I16X8, ineg),
            Operator::I32x4Neg => unary!(self, I32X4, ineg),
            Operator::I64x2Neg => unary!(self, I64X2, ineg),
            Operator::I8x16Popcnt => unary!(self, I8X16, popcnt),
            Operator::I8x16Add => binary!(self, I8X16, iadd),
            Operator::I16x8Add => binary!(self, I16X8, iadd),
            Operator::I32x4Add => binary!(self, I32X4, iadd),
            Operator::I64x2Add => binary!(self, I64X2, iadd),
            Operator::I8x16AddSatS => binary!(self, I8X16, sadd_sat),
            Operator::I8x16AddSatU => binary!(self, I8X16, uadd_sat),
            Operator::I16x8AddSatS => binary!(self, I16X8, sadd_sat),
            Operator::I16x8AddSatU => binary!(self, I16X8, uadd_sat),
            Operator::I8x16Sub => binary!(self, I8X16, isub),
            Operator::I16x8Sub => binary!(self, I16X8, isub),
            Operator::I32x4Sub => binary!(self, I32X4, isub),
            Operator::I64x2Sub => binary!(self, I64X2, isub),
            Operator::I8x16SubSatS => binary!(self, I8X16, ssub_sat),
            Operator::I8x16SubSatU => binary!(self, I8X16, usub_sat),
            Operator::I16x8SubSatS => binary!(self, I16X8, ssub_sat),
            Operator::I16x8SubSatU => binary!(self, I16X8, usub_sat),
            Operator::I16x8Mul => binary!(self, I16X8, imul),
            Operator::I32x4Mul => binary!(self, I32X4, imul),
            Operator::I64x2Mul => binary!(self, I64X2, imul),
            Operator::I8x16MinS => binary!(self, I8X16, smin),
            Operator::I8x16MinU => binary!(self, I8X16, umin),
            Operator::I8x16MaxS => binary!(self, I8X16, smax),
            Operator::I8x16MaxU => binary!(self, I8X16, umax),
            Operator::I16x8MinS => binary!(self, I16X8, smin),
            Operator::I16x8MinU => binary!(self, I16X8, umin),
            Operator::I16x8MaxS => binary!(self, I16X8, smax),
            Operator::I16x8MaxU => binary!(self, I16X8, umax),
            Operator::I32x4MinS => binary!(self, I32X4, smin),
            Operator::I32x4MinU => binary!(self, I32X4, umin),
            Operator::I32x4MaxS => binary!(self, I32X4, smax),
            Operator::I32x4MaxU => binary!(self, I32X4, umax),
            Operator::I8x16AvgrU => binary!(self, I8X16, avg_round),
            Operator::I16x8AvgrU => binary!(self, I16X8, avg_round),
            Operator::I16x8Q15MulrSatS => binary!(self, I16X8, sqmul_round_sat),
            Operator::I8x16Shl => self.shift(I8X16, |this, a, by| this.builder.ins().ishl(a, by)),
            Operator::I16x8Shl => self.shift(I16X8, |this, a, by| this.builder.ins().ishl(a, by)),
            Operator::I32x4Shl => self.shift(I32X4, |this, a, by| this.builder.ins().ishl(a, by)),
            Operator::I64x2Shl => self.shift(I64X2, |this, a, by| this.builder.ins().ishl(a, by)),
            Operator::I8x16ShrS => self.shift(I8X16, |this, a, by| this.builder.ins().sshr(a, by)),
            Operator::I16x8ShrS => self.shift(I16X8, |this, a, by| this.builder.ins().sshr(a, by)),
            Operator::I32x4ShrS => self.shift(I32X4, |this, a, by| this.builder.ins().sshr(a, by)),
            Operator::I64x2ShrS => self.shift(I64X2, |this, a, by| this.builder.ins().sshr(a, by)),
            Operator::I8x16ShrU => self.shift(I8X16, |this, a, by| this.builder.ins().ushr(a, by)),
            Operator::I16x8ShrU => self.shift(I16X8, |this, a, by| this.builder.ins().ushr(a, by)),
            Operator::I32x4ShrU => self.shift(I32X4, |this, a, by| this.builder.ins().ushr(a, by)),
            Operator::I64x2ShrU => self.shift(I64X2, |this, a, by| this.builder.ins().ushr(a, by)),
            _ => return false,
        }
        true
    }

    /// Shifts lanes by an i32, of which the instructions take as many bits as a lane's width needs.
    fn shift(&mut self, ty: Type, instruction: impl FnOnce(&mut Self, Value, Value) -> Value) {
        let by = self.pop();
        let a = self.pop_lanes(ty);
        let value = instruction(self, a, by);
        self.push_lanes(value);
    }

    /// Translates an operator that makes lanes wider or narrower; `false` if it is none.
    pub(super) fn vector_widening(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::I8x16NarrowI16x8S => binary!(self, I16X8, snarrow),
            Operator::I8x16NarrowI16x8U => binary!(self, I16X8, unarrow),
            Operator::I16x8NarrowI32x4S => binary!(self, I32X4, snarrow),
            Operator::I16x8NarrowI32x4U => binary!(self, I32X4, unarrow),
            Operator::I16x8ExtendLowI8x16S => unary!(self, I8X16, swiden_low),
            Operator::I16x8ExtendHighI8x16S => unary!(self, I8X16, swiden_high),
            Operator::I16x8ExtendLowI8x16U => unary!(self, I8X16, uwiden_low),
            Operator::I16x8ExtendHighI8x16U => unary!(self, I8X16, uwiden_high),
            Operator::I32x4ExtendLowI16x8S => unary!(self, I16X8, swiden_low),
            Operator::I32x4ExtendHighI16x8S => unary!(self, I16X8, swiden_high),
            Operator::I32x4ExtendLowI16x8U => unary!(self, I16X8, uwiden_low),
            Operator::I32x4ExtendHighI16x8U => unary!(self, I16X8, uwiden_high),
            Operator::I64x2ExtendLowI32x4S => unary!(self, I32X4, swiden_low),
            Operator::I64x2ExtendHighI32x4S => unary!(self, I32X4, swiden_high),
            Operator::I64x2ExtendLowI32x4U => unary!(self, I32X4, uwiden_low),
            Operator::I64x2ExtendHighI32x4U => unary!(self, I32X4, uwiden_high),
            Operator::I16x8ExtMulLowI8x16S => self.widening_product(I8X16, Low, true),
            Operator::I16x8ExtMulHighI8x16S => self.widening_product(I8X16, High, true),
            Operator::I16x8ExtMulLowI8x16U => self.widening_product(I8X16, Low, false),
            Operator::I16x8ExtMulHighI8x16U => self.widening_product(I8X16, High, false),
            Operator::I32x4ExtMulLowI16x8S => self.widening_product(I16X8, Low, true),
            Operator::I32x4ExtMulHighI16x8S => self.widening_product(I16X8, High, true),
            Operator::I32x4ExtMulLowI16x8U => self.widening_product(I16X8, Low, false),
            Operator::I32x4ExtMulHighI16x8U => self.widening_product(I16X8, High, false),
            Operator::I64x2ExtMulLowI32x4S => self.widening_product(I32X4, Low, true),
            Operator::I64x2ExtMulHighI32x4S => self.widening_product(I32X4, High, true),
            Operator::I64x2ExtMulLowI32x4U => self.widening_product(I32X4, Low, false),
            Operator::I64x2ExtMulHighI32x4U => self.widening_product(I32X4, High, false),
            Operator::I16x8ExtAddPairwiseI8x16S => self.widening_pairs(I8X16, true),
            Operator::I16x8ExtAddPairwiseI8x16U => self.widening_pairs(I8X16, false),
            Operator::I32x4ExtAddPairwiseI16x8S => self.widening_pairs(I16X8, true),
            Operator::I32x4ExtAddPairwiseI16x8U => self.widening_pairs(I16X8, false),
            Operator::I32x4DotI16x8S => {
                let (a, b) = self.pop_lanes2(I16X8);
                let value = self.dot_product(a, b);
                self.push_lanes(value);
            }
            _ => return false,
        }
        true
    }

    fn widen(&mut self, vector: Value, half: Half, signed: bool) -> Value {
        let ins = self.builder.ins();
        match (half, signed) {
            (Low, true) => ins.swiden_low(vector),
            (High, true) => ins.swiden_high(vector),
            (Low, false) => ins.uwiden_low(vector),
            (High, false) => ins.uwiden_high(vector),
        }
    }

    fn widening_product(&mut self, ty: Type, half: Half, signed: bool) {
        let (a, b) = self.pop_lanes2(ty);
        let a = self.widen(a, half, signed);
        let b = self.widen(b, half, signed);
        let value = self.builder.ins().imul(a, b);
        self.push_lanes(value);
    }

    /// Adds lanes that are side by side.
    fn widening_pairs(&mut self, ty: Type, signed: bool) {
        let vector = self.pop_lanes(ty);
        let value = self.add_pairs(vector, signed);
        self.push_lanes(value);
    }

    /// Sums of lanes that are side by side, twice as wide.
    pub(super) fn add_pairs(&mut self, vector: Value, signed: bool) -> Value {
        let low = self.widen(vector, Low, signed);
        let high = self.widen(vector, High, signed);
        self.builder.ins().iadd_pairwise(low, high)
    }

    /// Products of signed lanes, and the sums of those that are side by side.
    pub(super) fn dot_product(&mut self, a: Value, b: Value) -> Value {
        let [low, high] = [Low, High].map(|half| {
            let (a, b) = (self.widen(a, half, true), self.widen(b, half, true));
            self.builder.ins().imul(a, b)
        });
        self.builder.ins().iadd_pairwise(low, high)
    }
}
