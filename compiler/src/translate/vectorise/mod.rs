//! Several iterations of a loop at once, with the vectors of 128 bits that every processor has that we compile for.
//!
//! ```text
//!   how many rounds? ──few──────────────────────────────┐
//!     │                                                 │
//!   all accesses in the memory, stores apart? ──no──────┤
//!     │                                                 │
//!   ┌►round: poll; vectors                              │
//!   └─more? ── locals as they are then ─────────────────┴─► the loop, as ever
//! ```
//!
//! The loop itself is translated behind it and makes the iterations that are left, one at least, since a loop's condition
//! stands at its end. So what the vectors leave behind is what so many iterations would have left: the memory, and of the
//! locals those that the next iteration reads.
//!
//! Nothing traps in a round: it is known before the first that every byte is in the memory ([`Translator::heap_run`]). Nothing
//! else can run in between that changes its length or its contents, for the body consists of operators that
//! [`body::Body::read`] knows. An interrupt finds whole rounds.
//!
//! Lanes are computed as the loop's numbers are, bit by bit, up to what the specification leaves open of NaNs.

mod body;
mod plan;

use super::unrolling::NESTING;
use super::{Effort, Translator};
use bailiwick_runtime_abi::types::ValType;
use body::{Body, Condition, Id, Node};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32, I8X16, I32, I64};
use cranelift_codegen::ir::{BlockArg, Endianness, InstBuilder, MemFlagsData, Opcode, Type, Value};
use plan::{Again, Plan, VECTOR, is_shift};
use std::collections::HashMap;
use wasmparser::{BlockType, OperatorsReader};

/// Operators of a loop that is looked at, at most.
const MAX_OPERATORS: u32 = 400;
/// Rounds that are worth the questions in front of them.
const MIN_ROUNDS: u64 = 3;

/// The order of a vector's lanes, for casts.
const LITTLE: MemFlagsData = MemFlagsData::new().with_endianness(Endianness::Little);

/// Values of nodes: as they are in the first iteration, or in each.
type Scalars = HashMap<Id, Value>;

/// What changes from round to round, and within one.
struct Now {
    /// Bytes behind the first, of elements that lie beside each other.
    at: Value,
    /// Where each stream begins; of elements that lie apart, where it is.
    pointers: Vec<Value>,
    /// The last vectors of what is [carried](plan::Carried), and those of what is [gathered](plan::Gathered).
    carried: Vec<Value>,
    gathered: Vec<Value>,
}

/// What is the same for every element.
#[derive(Default)]
struct Unchanging {
    /// As vectors.
    vectors: Scalars,
    /// By how much is shifted.
    counts: Scalars,
}

impl<'a> Translator<'a, '_> {
    /// Called in front of a loop, whose operator is at `offset`; `operators` are what follows.
    pub(super) fn vectorise(&mut self, offset: u32, ty: BlockType, operators: &OperatorsReader<'a>) {
        let facts = self.env.facts;
        if !facts.vectorisation || self.effort != Effort::Full || !self.reachable || ty != BlockType::Empty {
            return;
        }
        if self.frames.len() > NESTING {
            return;
        }
        let short = facts.steady_loop(offset).and_then(|steady| steady.short);
        if short.is_none_or(|operators| operators > MAX_OPERATORS) {
            return;
        }
        let Some(plan) = Body::read(operators.clone()).and_then(Plan::new) else { return };
        let memory = self.env.module.memories[plan.body.memory as usize];
        if !memory.shared && !memory.index64 {
            self.rounds(&plan);
        }
    }

    /// Makes as many rounds as the loop has, but for its end.
    fn rounds(&mut self, plan: &Plan) {
        let scalars = &mut Scalars::new();
        let [check, enter, round, leave, behind] = [(); 5].map(|()| self.builder.create_block());

        // How many iterations are followed by another one, at least.
        let followed = self.followed(plan, scalars);
        let rounds = self.divided(followed, plan.iterations);
        let many = self.builder.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, rounds, MIN_ROUNDS as i64);
        self.builder.ins().brif(many, check, &[], behind, &[]);
        self.builder.seal_block(check);

        self.builder.switch_to_block(check);
        let bytes = plan.steps * VECTOR;
        let total = self.builder.ins().imul_imm_s(rounds, bytes as i64);
        let (fine, lowest) = self.may_be_made(plan, scalars, total);
        self.builder.ins().brif(fine, enter, &[], behind, &[]);
        self.builder.seal_block(enter);

        self.builder.switch_to_block(enter);
        let memory = plan.body.memory;
        let mut pointers: Vec<Value> =
            lowest.iter().map(|&lowest| self.heap_run_address(memory, lowest, fine)).collect();
        let none = self.i64_const(0);
        // On a mispredicted way past the checks there is one round, in which no address is far from the memory's base.
        let total = self.builder.ins().select_spectre_guard(fine, total, none);
        let unchanging = self.unchanging(plan, scalars, &pointers);
        let mut begins = vec![BlockArg::Value(none)];
        let at = self.builder.append_block_param(round, I64);
        let mut carried = Vec::new();
        for last in &plan.carried {
            let value = self.local_get(last.local);
            let value = self.spread(value);
            begins.push(BlockArg::Value(value));
            let ty = self.builder.func.dfg.value_type(value);
            carried.push(self.builder.append_block_param(round, ty));
        }
        let mut gathered = Vec::new();
        for number in &plan.gathered {
            let value = self.local_get(number.local);
            let value = match number.opcode {
                Opcode::Iadd | Opcode::Bxor => self.builder.ins().iconst(number.ty, 0),
                // Taking it in more than once changes nothing.
                _ => value,
            };
            let value = self.spread(value);
            begins.push(BlockArg::Value(value));
            gathered.push(self.builder.append_block_param(round, plan::vector_of(number.ty)));
        }
        // Where the elements of a stream lie that are not beside each other.
        let scattered: Vec<usize> =
            (0..plan.streams.len()).filter(|&stream| plan.streams[stream].is_scattered(plan.element)).collect();
        for &stream in &scattered {
            begins.push(BlockArg::Value(pointers[stream]));
            pointers[stream] = self.builder.append_block_param(round, I64);
        }
        self.builder.ins().jump(round, &begins);

        self.builder.switch_to_block(round);
        self.poll();
        let mut now = Now { at, pointers, carried, gathered };
        for step in 0..plan.steps {
            self.step(plan, step, &unchanging, &mut now);
        }
        let Now { pointers, carried, gathered, .. } = now;
        let next = self.builder.ins().iadd_imm_s(at, bytes as i64);
        let more = self.builder.ins().icmp(IntCC::UnsignedLessThan, next, total);
        let mut again = vec![next];
        again.extend(carried.iter().chain(&gathered));
        for stream in scattered {
            let way = plan.steps * plan.lanes * plan.streams[stream].stride;
            again.push(self.builder.ins().iadd_imm_s(pointers[stream], way as i64));
        }
        let again: Vec<BlockArg> = again.into_iter().map(BlockArg::Value).collect();
        self.builder.ins().brif(more, round, &again, leave, &[]);
        self.builder.seal_block(round);
        self.builder.seal_block(leave);

        self.builder.switch_to_block(leave);
        let made = self.builder.ins().imul_imm_s(rounds, plan.iterations as i64);
        let made = self.builder.ins().ireduce(I32, made);
        for &(local, step) in &plan.counters {
            let (value, step) = (self.local_get(local), self.i32_const(step));
            let change = self.builder.ins().imul(made, step);
            let value = self.builder.ins().iadd(value, change);
            self.local_set(local, value);
        }
        for (last, vector) in plan.carried.iter().zip(carried) {
            let value = self.builder.ins().extractlane(vector, plan.lanes as u8 - 1);
            self.local_set(last.local, value);
        }
        for (number, vector) in plan.gathered.iter().zip(gathered) {
            let mut value = self.local_get(number.local);
            for lane in 0..plan.lanes {
                let part = self.builder.ins().extractlane(vector, lane as u8);
                value = self.binary(number.opcode, number.ty, value, part);
            }
            self.local_set(number.local, value);
        }
        self.builder.ins().jump(behind, &[]);
        self.builder.seal_block(behind);
        self.builder.switch_to_block(behind);
    }

    /// How many iterations, of 64 bits, are followed by another one for certain.
    fn followed(&mut self, plan: &Plan, scalars: &mut Scalars) -> Value {
        let counter = self.sum(plan, scalars, plan.counter);
        let end = self.scalar(plan, scalars, plan.end);
        let size = u64::from(plan.step.unsigned_abs());
        match plan.again {
            Again::NotEqual => {
                // ⌊(end − counter) / step⌋ in 32 bits: if the steps do not lead to the end exactly, they only get there after
                // wrapping, so later.
                let (from, to) = if plan.step > 0 { (counter, end) } else { (end, counter) };
                let way = self.builder.ins().isub(to, from);
                let way = self.extend(way);
                self.divided(way, size)
            }
            Again::Before { signed, or_equal } => {
                // ⌈|end − counter| / |step|⌉, or 0 if it is past the end: until then it is not there, hence has not wrapped.
                let [counter, end] = [counter, end].map(|value| match signed {
                    true => self.builder.ins().sextend(I64, value),
                    false => self.builder.ins().uextend(I64, value),
                });
                let (from, to) = if plan.step > 0 { (counter, end) } else { (end, counter) };
                let way = self.builder.ins().isub(to, from);
                let way = self.builder.ins().iadd_imm_s(way, size as i64 - 1 + i64::from(or_equal));
                let none = self.i64_const(0);
                let way = self.builder.ins().smax(way, none);
                self.divided(way, size)
            }
        }
    }

    /// A number of 64 bits that is not negative, divided by a constant.
    fn divided(&mut self, value: Value, by: u64) -> Value {
        match by.is_power_of_two() {
            true => self.builder.ins().ushr_imm_u(value, i64::from(by.trailing_zeros())),
            false => {
                let by = self.i64_const(by);
                self.builder.ins().udiv(value, by)
            }
        }
    }

    /// Whether nothing prevents rounds that come `total` bytes far: whatever is accessed is in the memory, and what is stored
    /// is loaded by nobody who must not see it. With the lowest index of each stream.
    fn may_be_made(&mut self, plan: &Plan, scalars: &mut Scalars, total: Value) -> (Value, Vec<Value>) {
        let (mut fine, mut lowest, mut ranges): (Option<Value>, _, _) = (None, Vec::new(), Vec::new());
        for stream in &plan.streams {
            let index = self.sum(plan, scalars, stream.lowest);
            let reach = match stream.stride {
                0 => self.i64_const(stream.span),
                // The last element's is one stride in front of where the next one's would be.
                stride => {
                    let elements = self.builder.ins().ushr_imm_u(total, i64::from(plan.element.trailing_zeros()));
                    let way = self.builder.ins().imul_imm_s(elements, stride as i64);
                    self.builder.ins().iadd_imm_s(way, stream.span as i64 - stride as i64)
                }
            };
            let (inside, first, end) = self.heap_run(plan.body.memory, index, reach);
            fine = Some(fine.map_or(inside, |fine| self.builder.ins().band(fine, inside)));
            lowest.push(index);
            ranges.push((first, end));
        }
        for &(one, other) in &plan.apart {
            let below = self.builder.ins().icmp(IntCC::UnsignedLessThanOrEqual, ranges[one].1, ranges[other].0);
            let above = self.builder.ins().icmp(IntCC::UnsignedLessThanOrEqual, ranges[other].1, ranges[one].0);
            let apart = self.builder.ins().bor(below, above);
            fine = Some(fine.map_or(apart, |fine| self.builder.ins().band(fine, apart)));
        }
        (fine.expect("a plan has accesses"), lowest)
    }

    /// Vectors of what is the same for every element: fixed values that are computed with, and loads that stay where they are.
    fn unchanging(&mut self, plan: &Plan, scalars: &mut Scalars, pointers: &[Value]) -> Unchanging {
        let mut unchanging = Unchanging::default();
        let Unchanging { vectors, counts } = &mut unchanging;
        for (id, &node) in plan.body.nodes.iter().enumerate() {
            if let Node::Load(access) = node
                && let Some(place) = plan.places.get(&access)
                && plan.streams[place.stream].stride == 0
            {
                let flags = self.heap_flags(plan.body.memory);
                let ty = plan.body.accesses[access].ty;
                let value = self.builder.ins().load(ty, flags, pointers[place.stream], place.distance as i32);
                let vector = self.spread(value);
                vectors.insert(id, vector);
            }
        }
        for &id in &plan.spread {
            let value = self.scalar(plan, scalars, id);
            let vector = self.spread(value);
            vectors.insert(id, vector);
        }
        for &id in &plan.counts {
            let value = self.scalar(plan, scalars, id);
            let narrow = self.builder.func.dfg.value_type(value) == I32;
            counts.insert(id, if narrow { value } else { self.builder.ins().ireduce(I32, value) });
        }
        unchanging
    }

    /// Makes one vector of each value: the `step`th of a round.
    fn step(&mut self, plan: &Plan, step: u64, unchanging: &Unchanging, now: &mut Now) {
        let mut values = unchanging.vectors.clone();
        let flags = self.heap_flags(plan.body.memory);
        for (&access, place) in &plan.places {
            if plan.streams[place.stream].stride == 0 {
                continue;
            }
            let of = plan.body.accesses[access];
            let stride = plan.streams[place.stream].stride;
            if stride != plan.element {
                let mut vector = None;
                for lane in 0..plan.lanes {
                    let offset = place.distance + (step * plan.lanes + lane) * stride;
                    let value = self.builder.ins().load(of.ty, flags, now.pointers[place.stream], offset as i32);
                    vector = Some(match vector {
                        None => self.builder.ins().scalar_to_vector(plan::vector_of(of.ty), value),
                        Some(vector) => self.builder.ins().insertlane(vector, value, lane as u8),
                    });
                }
                values.extend(vector.map(|vector| (plan.body.loads[&access], vector)));
                continue;
            }
            let address = self.builder.ins().iadd(now.pointers[place.stream], now.at);
            let offset = (place.distance + step * VECTOR) as i32;
            if let Some(value) = of.stores {
                let value = self.lanes(plan, &unchanging.counts, &mut values, value);
                self.builder.ins().store(flags, value, address, offset);
                continue;
            }
            // As bytes: cast to others, it does not become a part of the instruction that uses it. Comparing floats would be
            // one that wants it aligned, which the code generator does not know (x86_64 without AVX, Cranelift 0.135).
            let bytes = self.builder.ins().load(I8X16, flags, address, offset);
            let vector = self.builder.ins().bitcast(plan::vector_of(of.ty), LITTLE, bytes);
            let id = plan.body.loads[&access];
            values.insert(id, vector);
            for (last, value) in plan.carried.iter().zip(&mut now.carried).filter(|(last, _)| last.load == id) {
                // Each element finds what the one in front of it has loaded.
                let found = self.shifted(*value, vector, plan.element);
                values.insert(last.found, found);
                *value = vector;
            }
        }
        for (number, value) in plan.gathered.iter().zip(&mut now.gathered) {
            for &part in &number.parts {
                let part = self.lanes(plan, &unchanging.counts, &mut values, part);
                *value = self.binary(number.opcode, plan::vector_of(number.ty), *value, part);
            }
        }
    }

    fn binary(&mut self, opcode: Opcode, ty: Type, a: Value, b: Value) -> Value {
        let (inst, dfg) = self.builder.ins().Binary(opcode, ty, a, b);
        dfg.first_result(inst)
    }

    /// The last element of one vector, and all but the last of the next.
    fn shifted(&mut self, one: Value, next: Value, element: u64) -> Value {
        let ty = self.builder.func.dfg.value_type(one);
        let [one, next] = [one, next].map(|vector| self.builder.ins().bitcast(I8X16, LITTLE, vector));
        let mask = (0..VECTOR).map(|i| (VECTOR - element + i) as u8).collect::<Vec<u8>>();
        let mask = self.builder.func.dfg.immediates.push(mask.into());
        let moved = self.builder.ins().shuffle(one, next, mask);
        self.builder.ins().bitcast(ty, LITTLE, moved)
    }

    fn spread(&mut self, value: Value) -> Value {
        let ty = plan::vector_of(self.builder.func.dfg.value_type(value));
        self.builder.ins().splat(ty, value)
    }

    /// A vector of a node's values.
    fn lanes(&mut self, plan: &Plan, counts: &Scalars, values: &mut Scalars, id: Id) -> Value {
        if let Some(&value) = values.get(&id) {
            return value;
        }
        let value = match plan.body.nodes[id] {
            Node::Unary(opcode, ty, a) => {
                let a = self.lanes(plan, counts, values, a);
                let (inst, dfg) = self.builder.ins().Unary(opcode, plan::vector_of(ty), a);
                dfg.first_result(inst)
            }
            Node::Binary(opcode, ty, a, b) => {
                let a = self.lanes(plan, counts, values, a);
                let b = match is_shift(opcode) {
                    true => counts[&b],
                    false => self.lanes(plan, counts, values, b),
                };
                self.binary(opcode, plan::vector_of(ty), a, b)
            }
            Node::Compare(condition, _, a, b) => {
                let (a, b) = (self.lanes(plan, counts, values, a), self.lanes(plan, counts, values, b));
                match condition {
                    Condition::Int(condition) => self.builder.ins().icmp(condition, a, b),
                    Condition::Float(condition) => self.builder.ins().fcmp(condition, a, b),
                }
            }
            Node::Select(a, b, condition) => {
                let [a, b, mask] = [a, b, condition].map(|id| self.lanes(plan, counts, values, id));
                let ty = self.builder.func.dfg.value_type(a);
                let mask = match self.builder.func.dfg.value_type(mask) == ty {
                    true => mask,
                    false => self.builder.ins().bitcast(ty, LITTLE, mask),
                };
                self.builder.ins().bitselect(mask, a, b)
            }
            Node::Const(..) | Node::Local(_) | Node::Global(_) | Node::Load(_) => {
                unreachable!("planned: it is unchanging, carried, or was loaded in front")
            }
        };
        values.insert(id, value);
        value
    }

    /// A number of 32 bits in the first iteration, by its sum, whose terms depend on no load.
    fn sum(&mut self, plan: &Plan, scalars: &mut Scalars, id: Id) -> Value {
        let sum = plan.body.sum(id);
        let mut value = self.i32_const(sum.constant);
        for &(term, times) in &sum.terms {
            let (term, times) = (self.scalar(plan, scalars, term), self.i32_const(times));
            let product = self.builder.ins().imul(term, times);
            value = self.builder.ins().iadd(product, value);
        }
        value
    }

    /// A node's value in the first iteration, which depends on no load.
    fn scalar(&mut self, plan: &Plan, scalars: &mut Scalars, id: Id) -> Value {
        if let Some(&value) = scalars.get(&id) {
            return value;
        }
        let value = match plan.body.nodes[id] {
            Node::Const(ty, bits) => {
                let ty = match ty {
                    I32 => ValType::I32,
                    I64 => ValType::I64,
                    F32 => ValType::F32,
                    _ => ValType::F64,
                };
                self.constant(ty, bits)
            }
            Node::Local(local) => self.local_get(local),
            Node::Global(global) => {
                self.global_get(global);
                self.pop()
            }
            Node::Load(_) => unreachable!("planned: it depends on no load"),
            Node::Unary(opcode, ty, a) => {
                let a = self.scalar(plan, scalars, a);
                let (inst, dfg) = self.builder.ins().Unary(opcode, ty, a);
                dfg.first_result(inst)
            }
            Node::Binary(opcode, ty, a, b) => {
                let (a, b) = (self.scalar(plan, scalars, a), self.scalar(plan, scalars, b));
                self.binary(opcode, ty, a, b)
            }
            Node::Compare(condition, _, a, b) => {
                let (a, b) = (self.scalar(plan, scalars, a), self.scalar(plan, scalars, b));
                let truth = match condition {
                    Condition::Int(condition) => self.builder.ins().icmp(condition, a, b),
                    Condition::Float(condition) => self.builder.ins().fcmp(condition, a, b),
                };
                self.builder.ins().uextend(I32, truth)
            }
            Node::Select(a, b, condition) => {
                let [a, b, condition] = [a, b, condition].map(|id| self.scalar(plan, scalars, id));
                self.builder.ins().select(condition, a, b)
            }
        };
        scalars.insert(id, value);
        value
    }
}
