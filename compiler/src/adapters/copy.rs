//! Bytes of strings and lists from one memory to the other. Few of them are copied here, where the host is not asked: a
//! routine costs more than copying so many.
//!
//! What is read and written lies within the ranges that [`guard`](super::guard) has checked, to the byte: bytes are moved
//! in pieces at the beginning and in pieces that end with the last byte, which may overlap.
//!
//! Text is read twice, as the loader reads it: whether all of it is ASCII, which is always UTF-8; then to be copied.
//! Nothing is written before the first is known, and nobody writes to the source in between, since no guest runs. Other
//! text is [`Routine::CopyText`]'s.

use super::emitter::{Emitter, UNALIGNED};
use bailiwick_runtime_abi::edge::{Code, Region, Routine};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I32, I64, I64X2};
use cranelift_codegen::ir::{Block, InstBuilder, Type, Value};

/// Most bytes that are copied without a routine.
const MAX_COPIED: u64 = 256;
/// Bytes of the largest piece.
const VECTOR: u32 = 16;
/// The bits of eight bytes that are set in none of them if they are ASCII.
const NOT_ASCII: i64 = 0x8080_8080_8080_8080_u64.cast_signed();

/// What is to be copied: at least one byte, at most [`MAX_COPIED`].
#[derive(Clone, Copy)]
struct Run {
    /// Addresses in this process, `i64`.
    from: Value,
    to: Value,
    /// Bytes, an `i64`.
    size: Value,
    /// Where to go instead if a byte is not ASCII; `None` if it may be anything.
    other: Option<Block>,
}

impl Emitter<'_, '_> {
    /// Copies bytes between guests' addresses, 64 bits wide, in ranges that were checked.
    pub fn copy(&mut self, routine: Routine, [from, to]: [Value; 2], size: Value, place: u32) {
        let way = self.i64_const(self.way.number());
        let failure = self.source_failure(Code::Recorded, Region::None, place);
        self.try_routine(routine, &[way, from, to, size], failure);
    }

    /// Copies the bytes of a string or a list, of which there may be none. `from` and `to` are guests' addresses, `i32`;
    /// `size` is an `i64`.
    pub fn copy_content(&mut self, routine: Routine, [from, to]: [Value; 2], size: Value, place: u32) {
        let (by_routine, few, done) =
            (self.builder.create_block(), self.builder.create_block(), self.builder.create_block());
        let many = self.compare(IntCC::UnsignedGreaterThan, size, MAX_COPIED);
        self.builder.ins().brif(many, by_routine, &[], few, &[]);

        self.enter_block(few);
        let spots = self.spots(from, to);
        let other = (routine == Routine::CopyText).then_some(by_routine);
        let run = Run { from: spots[0].address, to: spots[1].address, size, other };
        self.if_at_least(VECTOR, run, done, |emitter| emitter.copy_vectors(run));
        for ty in [I64, I32, I8] {
            self.if_at_least(ty.bytes(), run, done, |emitter| emitter.copy_ends(run, ty));
        }
        self.builder.ins().jump(done, &[]);

        self.enter_block(by_routine);
        let ends = [from, to].map(|pointer| self.extend(pointer));
        self.copy(routine, ends, size, place);
        self.builder.ins().jump(done, &[]);
        self.enter_block(done);
    }

    /// Does `then` and is done, if there are so many bytes.
    fn if_at_least(&mut self, bytes: u32, run: Run, done: Block, then: impl FnOnce(&mut Self)) {
        let (body, fewer) = (self.builder.create_block(), self.builder.create_block());
        let enough = self.compare(IntCC::UnsignedGreaterThanOrEqual, run.size, bytes.into());
        self.builder.ins().brif(enough, body, &[], fewer, &[]);
        self.enter_block(body);
        then(self);
        self.builder.ins().jump(done, &[]);
        self.enter_block(fewer);
    }

    /// Copies as many bytes as `ty` has, up to twice as many: the first and the last, which meet or overlap. Of single
    /// bytes there are up to three: the middle one, too.
    fn copy_ends(&mut self, run: Run, ty: Type) {
        let mut offsets = vec![self.i64_const(0)];
        if ty == I8 {
            offsets.push(self.builder.ins().ushr_imm_u(run.size, 1));
        }
        offsets.push(self.builder.ins().iadd_imm_s(run.size, -i64::from(ty.bytes())));
        let pieces: Vec<Value> = offsets.iter().map(|&offset| self.piece(run, ty, offset)).collect();
        let all = pieces.iter().copied().reduce(|a, b| self.builder.ins().bor(a, b));
        if let Some(all) = all {
            let all = if ty == I64 { all } else { self.extend(all) };
            self.unless_ascii(run, all);
        }
        for (piece, offset) in pieces.into_iter().zip(offsets) {
            self.put_piece(run, piece, offset);
        }
    }

    /// Copies [`VECTOR`] bytes or more.
    fn copy_vectors(&mut self, run: Run) {
        let last = self.builder.ins().iadd_imm_s(run.size, -i64::from(VECTOR));
        if run.other.is_some() {
            let first = self.i64_const(0);
            let first = self.piece(run, I64X2, first);
            let all = self.each_vector(last, first, |emitter, offset, all| {
                let piece = emitter.piece(run, I64X2, offset);
                emitter.builder.ins().bor(all, piece)
            });
            let [low, high] = [0, 1].map(|lane| self.builder.ins().extractlane(all, lane));
            let all = self.builder.ins().bor(low, high);
            self.unless_ascii(run, all);
        }
        let unused = self.i64_const(0);
        self.each_vector(last, unused, |emitter, offset, unused| {
            let piece = emitter.piece(run, I64X2, offset);
            emitter.put_piece(run, piece, offset);
            unused
        });
    }

    /// Does `each` with the offset of every whole vector of a run in front of `last`, where the last one begins, and of that
    /// one; it is given what it answered the time before, `first` at first, and this answers what it answered last.
    fn each_vector(
        &mut self,
        last: Value,
        first: Value,
        mut each: impl FnMut(&mut Self, Value, Value) -> Value,
    ) -> Value {
        let (head, tail) = (self.builder.create_block(), self.builder.create_block());
        let offset = self.builder.append_block_param(head, I64);
        let ty = self.builder.func.dfg.value_type(first);
        let before = self.builder.append_block_param(head, ty);
        let zero = self.i64_const(0);
        self.builder.ins().jump(head, &[zero.into(), first.into()]);

        // At most MAX_COPIED / VECTOR times. The first vector may be the last, and is then looked at twice.
        self.enter_block(head);
        let answer = each(self, offset, before);
        let next = self.builder.ins().iadd_imm_u(offset, i64::from(VECTOR));
        let more = self.builder.ins().icmp(IntCC::UnsignedLessThan, next, last);
        self.builder.ins().brif(more, head, &[next.into(), answer.into()], tail, &[]);

        self.enter_block(tail);
        each(self, last, answer)
    }

    /// Goes where other text goes if a byte of `all`, an `i64` of bytes that were or-ed, is not ASCII.
    fn unless_ascii(&mut self, run: Run, all: Value) {
        let Some(other) = run.other else { return };
        let ascii = self.builder.create_block();
        let found = self.builder.ins().band_imm_s(all, NOT_ASCII);
        self.builder.ins().brif(found, other, &[], ascii, &[]);
        self.enter_block(ascii);
    }

    fn piece(&mut self, run: Run, ty: Type, offset: Value) -> Value {
        let address = self.builder.ins().iadd(run.from, offset);
        self.builder.ins().load(ty, UNALIGNED, address, 0)
    }

    fn put_piece(&mut self, run: Run, piece: Value, offset: Value) {
        let address = self.builder.ins().iadd(run.to, offset);
        self.builder.ins().store(UNALIGNED, piece, address, 0);
    }
}
