//! Loads and stores of vectors. Addresses are `translate::memory`'s; an access is exactly as wide as the operator says,
//! so that it faults exactly when it is to trap.

use super::super::Translator;
use super::super::memory::memory_of;
use cranelift_codegen::ir::types::{I8, I8X16, I16, I16X8, I32, I32X4, I64, I64X2};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value};
use wasmparser::{MemArg, Operator};

/// Pops an index, loads eight bytes by the instruction, which makes each lane twice as wide, and pushes the vector.
macro_rules! load_wider {
    ($self:ident, $memarg:ident, $method:ident) => {{
        let (flags, address, offset) = $self.vector_address($memarg, 8);
        let value = $self.builder.ins().$method(flags, address, offset);
        $self.push_lanes(value);
    }};
}

impl Translator<'_, '_> {
    /// Translates a load or store of a vector or a lane; `false` if the operator is neither.
    pub(super) fn vector_memory(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::V128Load { memarg } => {
                let value = self.load_part(memarg, I8X16);
                self.push(value);
            }
            Operator::V128Load8x8S { memarg } => load_wider!(self, memarg, sload8x8),
            Operator::V128Load8x8U { memarg } => load_wider!(self, memarg, uload8x8),
            Operator::V128Load16x4S { memarg } => load_wider!(self, memarg, sload16x4),
            Operator::V128Load16x4U { memarg } => load_wider!(self, memarg, uload16x4),
            Operator::V128Load32x2S { memarg } => load_wider!(self, memarg, sload32x2),
            Operator::V128Load32x2U { memarg } => load_wider!(self, memarg, uload32x2),
            Operator::V128Load8Splat { memarg } => self.load_splat(memarg, I8X16),
            Operator::V128Load16Splat { memarg } => self.load_splat(memarg, I16X8),
            Operator::V128Load32Splat { memarg } => self.load_splat(memarg, I32X4),
            Operator::V128Load64Splat { memarg } => self.load_splat(memarg, I64X2),
            Operator::V128Load32Zero { memarg } => self.load_zero(memarg, I32X4),
            Operator::V128Load64Zero { memarg } => self.load_zero(memarg, I64X2),
            Operator::V128Load8Lane { memarg, lane } => self.load_lane(memarg, I8X16, *lane),
            Operator::V128Load16Lane { memarg, lane } => self.load_lane(memarg, I16X8, *lane),
            Operator::V128Load32Lane { memarg, lane } => self.load_lane(memarg, I32X4, *lane),
            Operator::V128Load64Lane { memarg, lane } => self.load_lane(memarg, I64X2, *lane),
            Operator::V128Store { memarg } => {
                let value = self.pop();
                self.store_part(memarg, value);
            }
            Operator::V128Store8Lane { memarg, lane } => self.store_lane(memarg, I8X16, *lane),
            Operator::V128Store16Lane { memarg, lane } => self.store_lane(memarg, I16X8, *lane),
            Operator::V128Store32Lane { memarg, lane } => self.store_lane(memarg, I32X4, *lane),
            Operator::V128Store64Lane { memarg, lane } => self.store_lane(memarg, I64X2, *lane),
            _ => return false,
        }
        true
    }

    /// Pops an index: where the `size` bytes of an access are, and its flags.
    fn vector_address(&mut self, memarg: &MemArg, size: u32) -> (MemFlagsData, Value, i32) {
        let memory = memory_of(memarg);
        let index = self.pop();
        let (address, offset) = self.heap_address(memory, index, memarg.offset, u64::from(size));
        (self.heap_flags(memory), address, offset)
    }

    /// Pops an index, and loads as many bytes as `ty` has.
    fn load_part(&mut self, memarg: &MemArg, ty: Type) -> Value {
        debug_assert!([I8, I16, I32, I64, I8X16].contains(&ty));
        let (flags, address, offset) = self.vector_address(memarg, ty.bytes());
        self.builder.ins().load(ty, flags, address, offset)
    }

    /// Pops an index, and stores as many bytes as the type of `value` has.
    fn store_part(&mut self, memarg: &MemArg, value: Value) {
        let size = self.builder.func.dfg.value_type(value).bytes();
        let (flags, address, offset) = self.vector_address(memarg, size);
        self.builder.ins().store(flags, value, address, offset);
    }

    fn load_splat(&mut self, memarg: &MemArg, ty: Type) {
        let lane = self.load_part(memarg, ty.lane_type());
        let value = self.builder.ins().splat(ty, lane);
        self.push_lanes(value);
    }

    fn load_zero(&mut self, memarg: &MemArg, ty: Type) {
        let lane = self.load_part(memarg, ty.lane_type());
        let value = self.builder.ins().scalar_to_vector(ty, lane);
        self.push_lanes(value);
    }

    fn load_lane(&mut self, memarg: &MemArg, ty: Type, lane: u8) {
        let vector = self.pop_lanes(ty);
        let value = self.load_part(memarg, ty.lane_type());
        let value = self.builder.ins().insertlane(vector, value, lane);
        self.push_lanes(value);
    }

    fn store_lane(&mut self, memarg: &MemArg, ty: Type, lane: u8) {
        let vector = self.pop_lanes(ty);
        let value = self.builder.ins().extractlane(vector, lane);
        self.store_part(memarg, value);
    }
}
