//! Inlining: the body of a small function is translated where it is called, into the same code.
//!
//! The callee has a frame of control of its own, to which its `return`s branch, and locals of its own; context, memories
//! and handlers of exceptions are the caller's anyway. Its body is read once more for each call that is inlined. How much
//! that can be is bounded by what [`Inlining::budget`](crate::analysis::Inlining) gives each caller, how deep by
//! [`MAX_INLINED_DEPTH`]. A function is inlined in itself if it is small, and not often: what is left of a recursion makes its
//! calls from there, and polls.
//!
//! Architecture invariant: whoever is stopped in inlined code is told the same functions as without. So the position of an
//! instruction says which inlined call it belongs to: each call has a stretch of positions of its own, behind those of the
//! function's own operators.

use super::control::Kind;
use super::{Translator, full};
use crate::analysis::Summary;
use crate::translate::Env;
use cranelift_codegen::ir::{Block, Function, Inst, InstructionData, Opcode, Value};
use wasmparser::FunctionBody;

/// Instructions between a load and what it may become one instruction with: `test` is a mask, a comparison and a branch.
const FOLDED: u32 = 3;

/// How many calls in one another are inlined. What can be read on the way is part of a function's key ([`crate::reuse`]).
pub(crate) const MAX_INLINED_DEPTH: usize = 4;

/// How often a function is inlined in itself, one call in another.
const MAX_RECURSION: usize = 2;

/// A call that was inlined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inlined {
    /// What is called.
    pub function: u32,
    /// Offset of the call in the binary.
    pub call_offset: u32,
    /// The inlined call that this one is in, by its place among those of the unit, which is lower.
    pub outer: Option<u32>,
}

/// What positions of instructions mean.
#[derive(Default)]
pub(crate) struct Positions {
    pub inlined: Vec<Inlined>,
    /// For each of these, ascending: the first position of its body, and where that begins in the binary.
    bodies: Vec<(u32, u32)>,
}

impl Positions {
    /// Offset in the binary of the operator at a position, and the inlined call that it is in.
    pub fn resolve(&self, position: u32) -> (u32, Option<u32>) {
        match self.bodies.partition_point(|&(first, _)| first <= position).checked_sub(1) {
            Some(i) => (position - self.bodies[i].0 + self.bodies[i].1, Some(i as u32)),
            None => (position, None),
        }
    }

    /// The position of the operator at an offset in the binary, in an inlined call or in the function itself: what
    /// [`Positions::resolve`] undoes.
    pub fn position(&self, offset: u32, inlined: Option<u32>) -> u32 {
        match inlined.and_then(|i| self.bodies.get(i as usize)) {
            Some((first, start)) => offset.wrapping_sub(*start).wrapping_add(*first),
            None => offset,
        }
    }
}

/// A function that is being translated.
struct Open {
    function: u32,
    /// The inlined call; `None`: the function that everything is inlined in.
    inlined: Option<u32>,
    /// Its place among the open blocks.
    frame: usize,
    /// What is added to an offset in the binary to make it a position.
    shift: u32,
}

/// What was inlined in a function, and may still be.
#[derive(Default)]
pub(super) struct Inliner {
    positions: Positions,
    /// The outermost first. None, if nothing is to be inlined.
    open: Vec<Open>,
    /// What may still be taken in.
    budget: u64,
    /// The same of functions that are open already.
    budget_again: u64,
    /// The next free position.
    next: u32,
}

impl Inliner {
    /// Has calls of a function inlined from now on.
    pub fn allow(&mut self, env: &Env<'_>, function: u32) {
        let Some(inlining) = &env.facts.inlining else { return };
        let body = env.body(function);
        self.budget = inlining.budget(body.as_bytes().len());
        self.budget_again = inlining.budget_again();
        self.next = body.range().end as u32;
        self.open = vec![Open { function, inlined: None, frame: 0, shift: 0 }];
    }

    pub fn has_inlined(&self) -> bool {
        !self.positions.inlined.is_empty()
    }

    pub fn positions(&mut self) -> Positions {
        std::mem::take(&mut self.positions)
    }

    /// The position of the operator at an offset in the binary, in the body that is being translated.
    pub fn position(&self, offset: u32) -> u32 {
        offset.wrapping_add(self.open.last().map_or(0, |open| open.shift))
    }

    /// The place of the function that is being translated among the open blocks.
    pub fn frame(&self) -> usize {
        self.open.last().map_or(0, |open| open.frame)
    }

    /// How often a function is open: the body being translated is in that of so many calls of it, or is that function's.
    fn times_open(&self, function: u32) -> usize {
        self.open.iter().filter(|open| open.function == function).count()
    }

    /// Whether a function with such a body may be entered at all: it is open no more than so often, and there is room.
    fn may_enter(&self, function: u32, body: &FunctionBody<'_>, summary: &Summary) -> bool {
        let times_open = self.times_open(function);
        let budget = if times_open == 0 { self.budget } else { self.budget_again };
        !self.open.is_empty()
            && self.open.len() <= MAX_INLINED_DEPTH
            && times_open <= MAX_RECURSION
            && summary.cost <= budget
            // The last one stands for none.
            && self.next.checked_add(body.as_bytes().len() as u32).is_some_and(|end| end < u32::MAX)
    }

    /// `frame` is its place among the open blocks.
    fn enter(&mut self, function: u32, body: &FunctionBody<'_>, cost: u64, call_offset: u32, frame: usize) {
        let budget = if self.times_open(function) == 0 { &mut self.budget } else { &mut self.budget_again };
        *budget = budget.saturating_sub(cost);
        let start = body.range().start as u32;
        let outer = self.open.last().and_then(|open| open.inlined);
        let inlined = Some(self.positions.inlined.len() as u32);
        self.positions.inlined.push(Inlined { function, call_offset, outer });
        self.positions.bodies.push((self.next, start));
        self.open.push(Open { function, inlined, frame, shift: self.next.wrapping_sub(start) });
        // `may_enter` has looked: neither wraps.
        self.next = self.next.saturating_add(body.as_bytes().len() as u32);
    }
}

impl Translator<'_, '_> {
    /// What is known of a function, if the call of it that is being translated is to be inlined.
    pub(super) fn is_to_be_inlined(&self, function: u32) -> Option<Summary> {
        let inlining = self.env.facts.inlining.as_ref()?;
        let summary = *inlining.summary(function)?;
        if !self.inliner.may_enter(function, self.env.body(function), &summary) {
            return None;
        }
        // The optimiser gets no more to do than it would from an ordinary function.
        let dfg = &self.builder.func.dfg;
        let large = dfg.num_insts() > full::INSTRUCTIONS / 4
            || dfg.num_blocks() > full::BLOCKS / 4
            || self.loops + summary.loops > full::NESTED_LOOPS / 2
            || self.stack.len() > full::OPERANDS / 2
            || !self.locals.have_room(summary.written.count_ones(), dfg.num_blocks());
        let params = self.env.module.function_type(function).params.len();
        let constant = self.stack[self.stack.len() - params..].iter().any(|&value| self.is_constant(value));
        let block = self.builder.current_block()?;
        let cold = self.builder.func.layout.is_cold(block);
        let catches = |kind: &Kind| matches!(kind, Kind::Try(clauses) if !clauses.is_empty());
        let handlers = summary.calls && self.frames.iter().any(|frame| catches(&frame.kind));
        let pays = match self.inliner.times_open(function) {
            0 => inlining.pays(&summary, params, constant, cold, handlers),
            _ => inlining.pays_again(&summary, cold, handlers),
        };
        (!large && pays).then_some(summary)
    }

    fn is_constant(&self, value: Value) -> bool {
        let dfg = &self.builder.func.dfg;
        let definition = dfg.value_def(dfg.resolve_aliases(value)).inst();
        definition
            .is_some_and(|inst| matches!(dfg.insts[inst], InstructionData::UnaryImm { opcode: Opcode::Iconst, .. }))
    }

    /// Translates the body of a function instead of a call of it.
    pub(super) fn inline(&mut self, function: u32, summary: &Summary) -> wasmparser::Result<()> {
        let ty = self.env.module.function_type(function);
        let args = self.pop_many(ty.params.len());
        let (call_offset, frame) = (self.offset, self.frames.len());
        let inner = self.locals.inner();
        let locals = std::mem::replace(&mut self.locals, inner);
        let hints = self.hints;
        self.inliner.enter(function, self.env.body(function), summary.cost, call_offset, frame);
        self.push_function_frame(&ty.results);

        self.operators(function, args, Some(summary.written))?;

        self.inliner.open.pop();
        let inner = std::mem::replace(&mut self.locals, locals);
        self.locals.take_back(inner);
        self.hints = hints;
        self.set_offset(u64::from(call_offset));
        if self.reachable && !self.given_up {
            let results = self.pop_many(ty.results.len());
            self.push_typed(&results, &ty.results);
        }
        Ok(())
    }
}

/// Has instructions that can't trap themselves take the position of a load that they may become one instruction with, on
/// x86_64: that one traps. The load may be of another function. `func` is what the optimiser has left: what it made itself has no
/// position, and would be taken for a part of what is in front.
pub(crate) fn keep_positions_of_loads(func: &mut Function) {
    let mut found = Vec::new();
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            let load = match func.dfg.insts[inst].opcode() {
                Opcode::Store => updated(func, inst),
                opcode if opcode.can_trap() || opcode.can_load() || opcode.can_store() || opcode.is_call() => None,
                _ => last_load(func, block, inst, FOLDED),
            };
            found.extend(load.map(|load| (inst, func.srcloc(load))));
        }
    }
    for (inst, position) in found {
        func.set_srcloc(inst, position);
    }
}

/// The last load of a block that an instruction of it uses: only that one can become a part of it, since no load passes another.
fn last_load(func: &Function, block: Block, inst: Inst, depth: u32) -> Option<Inst> {
    let mut last = None;
    for &arg in func.dfg.inst_args(inst) {
        let Some(made_by) = func.dfg.value_def(arg).inst() else { continue };
        if func.layout.inst_block(made_by) != Some(block) {
            continue;
        }
        let opcode = func.dfg.insts[made_by].opcode();
        let load = match opcode {
            Opcode::Load => Some(made_by),
            _ if depth == 0 || opcode.other_side_effects() || opcode.can_trap() || opcode.can_load() => None,
            _ => last_load(func, block, made_by, depth - 1),
        };
        let later = |&load: &Inst| last.is_none_or(|last| func.layout.pp_cmp(load, last).is_gt());
        last = load.filter(later).or(last);
    }
    last
}

/// The load of the number that a store writes back to where it was, changed: where the one does not trap, the other does not.
fn updated(func: &Function, store: Inst) -> Option<Inst> {
    let InstructionData::Store { args: [value, address], offset, .. } = func.dfg.insts[store] else { return None };
    let changed = func.dfg.value_def(value).inst()?;
    let makes = |&value: &Value| {
        let made_by = func.dfg.value_def(value).inst()?;
        match func.dfg.insts[made_by] {
            InstructionData::Load { opcode: Opcode::Load, arg, offset: at, .. } if (arg, at) == (address, offset) => {
                Some(made_by)
            }
            _ => None,
        }
    };
    func.dfg.inst_args(changed).iter().find_map(makes)
}
