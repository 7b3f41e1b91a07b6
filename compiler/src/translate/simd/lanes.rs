//! Making vectors, taking lanes out and putting them in, moving them.

use super::super::Translator;
use super::binary;
use cranelift_codegen::ir::types::{F32X4, F64X2, I8, I8X16, I16, I16X8, I32, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use wasmparser::Operator;

impl Translator<'_, '_> {
    /// Translates an operator on whole lanes; `false` if it is none.
    pub(super) fn vector_lanes(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::V128Const { value } => {
                let value = self.vector_constant(I8X16, u128::from_le_bytes(*value.bytes()));
                self.push(value);
            }
            Operator::I8x16Shuffle { lanes } => {
                let (a, b) = self.pop_lanes2(I8X16);
                let mask = self.builder.func.dfg.immediates.push(lanes.to_vec().into());
                let value = self.builder.ins().shuffle(a, b, mask);
                self.push(value);
            }
            Operator::I8x16Swizzle => binary!(self, I8X16, swizzle),
            Operator::I8x16Splat => self.splat(I8X16),
            Operator::I16x8Splat => self.splat(I16X8),
            Operator::I32x4Splat => self.splat(I32X4),
            Operator::I64x2Splat => self.splat(I64X2),
            Operator::F32x4Splat => self.splat(F32X4),
            Operator::F64x2Splat => self.splat(F64X2),
            Operator::I8x16ExtractLaneS { lane } => self.extract_narrow(I8X16, *lane, true),
            Operator::I8x16ExtractLaneU { lane } => self.extract_narrow(I8X16, *lane, false),
            Operator::I16x8ExtractLaneS { lane } => self.extract_narrow(I16X8, *lane, true),
            Operator::I16x8ExtractLaneU { lane } => self.extract_narrow(I16X8, *lane, false),
            Operator::I32x4ExtractLane { lane } => self.extract(I32X4, *lane),
            Operator::I64x2ExtractLane { lane } => self.extract(I64X2, *lane),
            Operator::F32x4ExtractLane { lane } => self.extract(F32X4, *lane),
            Operator::F64x2ExtractLane { lane } => self.extract(F64X2, *lane),
            Operator::I8x16ReplaceLane { lane } => self.replace(I8X16, *lane),
            Operator::I16x8ReplaceLane { lane } => self.replace(I16X8, *lane),
            Operator::I32x4ReplaceLane { lane } => self.replace(I32X4, *lane),
            Operator::I64x2ReplaceLane { lane } => self.replace(I64X2, *lane),
            Operator::F32x4ReplaceLane { lane } => self.replace(F32X4, *lane),
            Operator::F64x2ReplaceLane { lane } => self.replace(F64X2, *lane),
            _ => return false,
        }
        true
    }

    /// Pops a number for a lane of `ty`: of an i32, the low bits.
    fn pop_lane(&mut self, ty: Type) -> Value {
        let value = self.pop();
        match ty.lane_type() {
            lane @ (I8 | I16) => self.builder.ins().ireduce(lane, value),
            _ => value,
        }
    }

    fn splat(&mut self, ty: Type) {
        let lane = self.pop_lane(ty);
        let value = self.builder.ins().splat(ty, lane);
        self.push_lanes(value);
    }

    fn extract(&mut self, ty: Type, lane: u8) {
        let vector = self.pop_lanes(ty);
        let value = self.builder.ins().extractlane(vector, lane);
        self.push(value);
    }

    fn extract_narrow(&mut self, ty: Type, lane: u8, signed: bool) {
        self.extract(ty, lane);
        let value = self.pop();
        let ins = self.builder.ins();
        let value = if signed { ins.sextend(I32, value) } else { ins.uextend(I32, value) };
        self.push(value);
    }

    fn replace(&mut self, ty: Type, lane: u8) {
        let value = self.pop_lane(ty);
        let vector = self.pop_lanes(ty);
        let value = self.builder.ins().insertlane(vector, value, lane);
        self.push_lanes(value);
    }
}
