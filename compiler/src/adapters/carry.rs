//! One value from one side to the other: checked, written, and never read again.

use super::emitter::{Emitter, NO_DETAILS};
use super::shape::{Shape, ShapeKind};
use crate::translate::clif_type;
use bailiwick_runtime_abi::edge::{Code, NO_HANDLE, Region, Routine};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{Block, InstBuilder, Value};
use cranelift_frontend::Switch;

/// Plain bytes up to which loads and stores are written out.
const MAX_MOVED: u32 = 128;

/// Where a value lies: within a range that was checked.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    /// The address of something that it is a part of, in this process.
    pub address: Value,
    /// Bytes from there, less than 2²⁸.
    pub offset: u32,
}

impl Spot {
    fn at(self, offset: u32) -> Spot {
        Spot { offset: self.offset + offset, ..self }
    }

    fn displacement(self) -> i32 {
        self.offset.cast_signed()
    }
}

impl Emitter<'_, '_> {
    /// Where a guest's address, an `i32`, is on the source's and on the target's side.
    pub fn spots(&mut self, from: Value, to: Value) -> [Spot; 2] {
        [(self.way.source(), from), (self.way.target(), to)].map(|(side, pointer)| {
            let (base, pointer) = (self.base(side), self.extend(pointer));
            Spot { address: self.builder.ins().iadd(base, pointer), offset: 0 }
        })
    }

    /// Carries a value that is passed as core values, as many on both sides as its shape has (CanonicalABI.md, "Flat
    /// Lifting", "Flat Lowering").
    pub fn flat(&mut self, shape: &Shape, from: &[Value]) -> Vec<Value> {
        match &shape.kind {
            ShapeKind::Scalar(scalar) => vec![self.convert(*scalar, from[0], shape.place)],
            ShapeKind::String => vec![self.string(shape, [from[0], from[1]]), from[1]],
            ShapeKind::List(element) => vec![self.list(shape, element, [from[0], from[1]]), from[1]],
            ShapeKind::Fields(fields) => {
                let mut rest = from;
                let mut to = Vec::with_capacity(from.len());
                for field in fields {
                    let (own, behind) = rest.split_at(flat_types(&field.shape).len());
                    rest = behind;
                    to.extend(self.flat(&field.shape, own));
                }
                to
            }
            ShapeKind::Cases { count, payloads, .. } => {
                self.check_case(from[0], *count, shape.place);
                self.flat_payload(shape, payloads, from)
            }
            ShapeKind::Handle => vec![self.handle(shape, from[0])],
        }
    }

    /// Carries the payload of a variant. The core values behind the discriminant hold any case's. A narrower or shorter
    /// one has its bits lowest and zeros above and behind; what the source has there is ignored.
    fn flat_payload(&mut self, shape: &Shape, payloads: &[(u32, Shape)], from: &[Value]) -> Vec<Value> {
        let joined = &flat_types(shape)[1..];
        let join = self.builder.create_block();
        for &ty in joined {
            self.builder.append_block_param(join, clif_type(ty));
        }
        let finish = |emitter: &mut Self, mut values: Vec<Value>| {
            for &ty in &joined[values.len()..] {
                values.push(emitter.zero(ty));
            }
            let args: Vec<_> = values.into_iter().map(Into::into).collect();
            emitter.builder.ins().jump(join, &args);
        };
        let without = self.each_case(from[0], payloads, |emitter, payload| {
            let types = flat_types(payload);
            let slots = from[1..].iter().zip(joined).zip(types);
            let own: Vec<Value> = slots.map(|((&slot, &joined), &ty)| emitter.narrow(slot, joined, ty)).collect();
            let carried = emitter.flat(payload, &own).into_iter().zip(types).zip(joined);
            let wide = carried.map(|((value, &ty), &joined)| emitter.widen(value, ty, joined)).collect();
            finish(emitter, wide);
        });
        self.enter_block(without);
        finish(self, Vec::new());
        self.enter_block(join);
        let mut to = vec![from[0]];
        to.extend(self.builder.block_params(join));
        to
    }

    /// Branches by a case's index, an `i32`, to what `write` writes for each that carries something, which leads away.
    /// The block for the others.
    fn each_case(
        &mut self,
        index: Value,
        payloads: &[(u32, Shape)],
        mut write: impl FnMut(&mut Self, &Shape),
    ) -> Block {
        let without = self.builder.create_block();
        let blocks: Vec<Block> = payloads.iter().map(|_| self.builder.create_block()).collect();
        let mut switch = Switch::new();
        for ((case, _), &block) in payloads.iter().zip(&blocks) {
            switch.set_entry((*case).into(), block);
        }
        switch.emit(self.builder, index, without);
        for ((_, payload), block) in payloads.iter().zip(blocks) {
            self.enter_block(block);
            write(self, payload);
        }
        without
    }

    /// Carries a value that lies in the memories, at checked places (CanonicalABI.md, "Loading", "Storing").
    pub fn stored(&mut self, shape: &Shape, from: Spot, to: Spot) {
        if shape.plain {
            return self.plain(shape, from, to);
        }
        match &shape.kind {
            ShapeKind::Scalar(scalar) => {
                // Those of 8 bytes are plain.
                let value = self.load_word(scalar.bytes(), from.address, from.displacement());
                let value = self.convert(*scalar, value, shape.place);
                self.store_word(scalar.bytes(), value, to.address, to.displacement());
            }
            ShapeKind::String => {
                let source = self.load_pair(from);
                let pointer = self.string(shape, source);
                self.store_pair(to, [pointer, source[1]]);
            }
            ShapeKind::List(element) => {
                let source = self.load_pair(from);
                let pointer = self.list(shape, element, source);
                self.store_pair(to, [pointer, source[1]]);
            }
            ShapeKind::Fields(fields) => {
                for field in fields {
                    self.stored(&field.shape, from.at(field.offset), to.at(field.offset));
                }
            }
            ShapeKind::Cases { count, discriminant_size, payload_offset, payloads } => {
                let index = self.load_word(*discriminant_size, from.address, from.displacement());
                self.check_case(index, *count, shape.place);
                self.store_word(*discriminant_size, index, to.address, to.displacement());
                let join = self.builder.create_block();
                let without = self.each_case(index, payloads, |emitter, payload| {
                    emitter.stored(payload, from.at(*payload_offset), to.at(*payload_offset));
                    emitter.builder.ins().jump(join, &[]);
                });
                self.enter_block(without);
                self.builder.ins().jump(join, &[]);
                self.enter_block(join);
            }
            ShapeKind::Handle => {
                let handle = self.load(I32, from.address, from.displacement());
                let handle = self.handle(shape, handle);
                self.store(handle, to.address, to.displacement());
            }
        }
    }

    /// Copies a value that means the same whatever its bytes are.
    fn plain(&mut self, shape: &Shape, from: Spot, to: Spot) {
        if shape.size <= MAX_MOVED {
            let [from, to] = [from, to].map(|spot| (spot.address, spot.displacement()));
            return self.move_bytes(shape.size, from, to);
        }
        let sides = [(self.way.source(), from), (self.way.target(), to)];
        let [from, to] = sides.map(|(side, spot)| {
            let base = self.base(side);
            let guest = self.builder.ins().isub(spot.address, base);
            self.builder.ins().iadd_imm_u(guest, i64::from(spot.offset))
        });
        let size = self.i64_const(shape.size.into());
        self.copy(Routine::Copy, [from, to], size, shape.place);
    }

    /// Copies a string; returns where it is (`load_string_from_range`, `store_string_copy`).
    fn string(&mut self, shape: &Shape, source: [Value; 2]) -> Value {
        let [to, size] = self.content(Region::String, source, 1, 1, shape.place);
        self.copy_content(Routine::CopyText, [source[0], to], size, shape.place);
        to
    }

    /// Carries the elements of a list; returns where they are (`load_list_from_range`, `store_list_into_range`).
    fn list(&mut self, shape: &Shape, element: &Shape, source: [Value; 2]) -> Value {
        let [to, size] = self.content(Region::List, source, element.size, element.align, shape.place);
        if element.plain {
            self.copy_content(Routine::Copy, [source[0], to], size, shape.place);
        } else {
            let length = self.extend(source[1]);
            self.count_elements(element, length, shape.place);
            self.elements(shape, element, [source[0], to], length);
        }
        to
    }

    /// Carries elements one by one. `length`, an `i64`, is how many there are.
    fn elements(&mut self, shape: &Shape, element: &Shape, [from, to]: [Value; 2], length: Value) {
        let [first, first_to] = self.spots(from, to);
        let (head, body, done) =
            (self.builder.create_block(), self.builder.create_block(), self.builder.create_block());
        let [from, to, index] = [(); 3].map(|()| self.builder.append_block_param(head, I64));
        let zero = self.i64_const(0);
        self.builder.ins().jump(head, &[first.address.into(), first_to.address.into(), zero.into()]);
        self.enter_block(head);
        let more = self.builder.ins().icmp(IntCC::UnsignedLessThan, index, length);
        self.builder.ins().brif(more, body, &[], done, &[]);
        self.enter_block(body);
        self.stored(element, Spot { address: from, offset: 0 }, Spot { address: to, offset: 0 });
        let next = self.builder.ins().iadd_imm_u(index, 1);
        self.check_every(element, next, shape.place);
        let [from, to] = [from, to].map(|end| self.builder.ins().iadd_imm_u(end, i64::from(element.size)));
        self.builder.ins().jump(head, &[from.into(), to.into(), next.into()]);
        self.enter_block(done);
    }

    fn handle(&mut self, shape: &Shape, handle: Value) -> Value {
        let (place, handle) = (self.i64_const(shape.place.into()), self.extend(handle));
        let passed = self.routine(Routine::Pass, &[place, handle]);
        let refused = self.compare(IntCC::Equal, passed, NO_HANDLE);
        let failure = self.source_failure(Code::Recorded, Region::None, shape.place);
        self.fail_if(refused, failure, NO_DETAILS);
        self.builder.ins().ireduce(I32, passed)
    }

    /// Pointer and length of a string or list, each read once.
    fn load_pair(&mut self, from: Spot) -> [Value; 2] {
        [0, 4].map(|offset| self.load(I32, from.address, from.displacement() + offset))
    }

    fn store_pair(&mut self, to: Spot, pair: [Value; 2]) {
        for (value, offset) in pair.into_iter().zip([0, 4]) {
            self.store(value, to.address, to.displacement() + offset);
        }
    }
}

/// What a shape is passed as that is passed as core values.
fn flat_types(shape: &Shape) -> &[bailiwick_runtime_abi::types::ValType] {
    shape.flat.types().expect("what is passed as core values has no more than fit")
}
