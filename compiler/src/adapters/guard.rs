//! Every check of an address, every allocation, every limit.
//!
//! Guest addresses are `i32` values; sums of them are made in 64 bits, so that none wraps: an address is below 2³², a size
//! below 2³² where a range is checked.

use super::emitter::{Detail, Emitter, Failure, NO_DETAILS, Side};
use super::shape::Shape;
use bailiwick_runtime_abi::context::MEMORY_LENGTH;
use bailiwick_runtime_abi::edge::{BYTES, CHECK_ELEMENTS, Code, ELEMENTS, MAX_CONTENT, Region, Routine};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{InstBuilder, Value};

/// A range that a guest names.
#[derive(Clone, Copy)]
pub(super) struct Range {
    /// An `i32`.
    pub pointer: Value,
    /// Bytes, an `i64` below 2³².
    pub size: Value,
    /// In bytes, a power of two.
    pub align: u32,
    pub region: Region,
    pub place: u32,
}

impl Emitter<'_, '_> {
    /// Checks that both sides have memories.
    pub fn check_memories(&mut self) {
        for side in [Side::Caller, Side::Callee] {
            let memory = self.memory(side);
            let none = self.compare(IntCC::Equal, memory, 0);
            let stage = self.way.stage();
            let failure = Failure { code: Code::NoMemory, region: Region::None, stage, side, place: 0 };
            self.fail_if(none, failure, NO_DETAILS);
        }
    }

    /// Checks that a range is aligned and lies within a side's memory, as it is now.
    pub fn check_range(&mut self, side: Side, range: Range) {
        let Range { pointer, size, align, region, place } = range;
        let failure = |code, stage| Failure { code, region, stage, side, place };
        let stage = self.way.stage();
        if align > 1 {
            let rest = self.builder.ins().band_imm_u(pointer, i64::from(align) - 1);
            let details = [Detail::Word(pointer), Detail::Constant(align.into())];
            self.fail_if(rest, failure(Code::Misaligned, stage), details);
        }
        let start = self.extend(pointer);
        let end = self.builder.ins().iadd(start, size);
        let memory = self.memory(side);
        let length = self.load(I64, memory, MEMORY_LENGTH);
        let beyond = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, length);
        self.fail_if(beyond, failure(Code::OutOfBounds, stage), [Detail::Wide(start), Detail::Wide(size)]);
    }

    /// Takes bytes that will be written off what the call has left.
    pub fn spend(&mut self, size: Value, place: u32) {
        self.take(BYTES, size, self.source_failure(Code::Bytes, Region::None, place));
    }

    /// Takes an amount off a limit; what was left before, and what is left now.
    fn take(&mut self, limit: i32, amount: Value, failure: Failure) -> [Value; 2] {
        let left = self.field(limit);
        let lacking = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, amount, left);
        self.fail_if(lacking, failure, NO_DETAILS);
        let rest = self.builder.ins().isub(left, amount);
        self.store(rest, self.record, limit);
        [left, rest]
    }

    /// Gets a place in the target's memory from the target's allocator, and believes the answer only once it is checked.
    /// An empty one is asked for too, as the canonical ABI does. `size` is an `i64`.
    pub fn allocate(&mut self, size: Value, align: u32, place: u32) -> Value {
        self.spend(size, place);
        let side = self.way.target();
        let (zero, align_value) = (self.i32_const(0), self.i32_const(align));
        let size_value = self.builder.ins().ireduce(I32, size);
        let values = self.address_of(self.allocator_values);
        for (i, value) in [zero, zero, align_value, size_value].into_iter().enumerate() {
            self.store(value, values, super::emitter::cell(i));
        }
        self.enter(side.allocator(), self.allocator_values, self.way.stage(), place);
        let values = self.address_of(self.allocator_values);
        let pointer = self.load(I32, values, 0);
        self.check_range(side, Range { pointer, size, align, region: Region::Allocation, place });
        pointer
    }

    /// Checks where a string or the elements of a list are, and gets a place for as many bytes on the other side: its
    /// address, and the bytes as an `i64`. `length` counts units of `each` bytes.
    pub fn content(&mut self, region: Region, source: [Value; 2], each: u32, align: u32, place: u32) -> [Value; 2] {
        let [pointer, length] = source;
        let length = self.extend(length);
        // Below 2⁶⁰: a length is below 2³², a value's size at most 2²⁸.
        let size = if each == 1 { length } else { self.builder.ins().imul_imm_u(length, i64::from(each)) };
        let too_long = self.compare(IntCC::UnsignedGreaterThan, size, MAX_CONTENT);
        let failure = self.source_failure(Code::TooLong, region, place);
        self.fail_if(too_long, failure, [Detail::Wide(size), Detail::Constant(0)]);
        self.check_range(self.way.source(), Range { pointer, size, align, region, place });
        [self.allocate(size, align, place), size]
    }

    /// Takes the elements of a list, which will be looked at one by one, off what the call has left, and asks whether
    /// somebody is to end each time that [`CHECK_ELEMENTS`] of them are used up. `length` is an `i64`.
    pub fn count_elements(&mut self, element: &Shape, length: Value, place: u32) {
        let amount = self.builder.ins().imul_imm_u(length, i64::from(element.places));
        let [before, after] = self.take(ELEMENTS, amount, self.source_failure(Code::Elements, Region::None, place));
        // Each multiple of it that what is left goes below: the first ones may be fewer.
        const { assert!(CHECK_ELEMENTS.is_power_of_two()) };
        let [before, after] = [before, after].map(|left| self.builder.ins().iadd_imm_s(left, -1));
        let changed = self.builder.ins().bxor(before, after);
        let crossed = self.builder.ins().ushr_imm_u(changed, i64::from(CHECK_ELEMENTS.trailing_zeros()));
        self.when(crossed, true, |emitter| emitter.check(place));
    }

    /// Asks whether somebody is to end after every so many elements that [`CHECK_ELEMENTS`] are not exceeded. `done` of
    /// them, an `i64`, have been carried.
    pub fn check_every(&mut self, element: &Shape, done: Value, place: u32) {
        // The greatest power of two that is not more; places are 1000 at most.
        let every = 1u64 << (CHECK_ELEMENTS / u64::from(element.places)).ilog2();
        let rest = self.builder.ins().band_imm_u(done, (every - 1).cast_signed());
        let due = self.compare(IntCC::Equal, rest, 0);
        self.when(due, true, |emitter| emitter.check(place));
    }

    fn check(&mut self, place: u32) {
        let failure = self.source_failure(Code::Recorded, Region::None, place);
        self.try_routine(Routine::Check, &[], failure);
    }
}
