//! Structured control: blocks, branches, and the state after an unconditional branch.
//!
//! Results of a block are parameters of the CLIF block behind it; parameters of a loop are those of its header.
//! After an unconditional branch nothing can be reached up to the `else` or `end` of the block it is in: operators
//! are then skipped, and only blocks are counted.

use super::env::{clif_type, trap_code};
use super::exceptions::Clause;
use super::{Effort, Translator};
use bailiwick_runtime_abi::trap::TrapCode;
use bailiwick_runtime_abi::types::ValType;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, BlockCall, InstBuilder, JumpTableData, Value};
use std::collections::BTreeMap;
use wasmparser::{BlockType, BrTable, Operator};

/// Into how many stretches of one target each the numbers of a `br_table` may fall, and which of them a number is in is found
/// by comparing, one after another.
const MAX_STRETCHES: usize = 4;

/// An open block.
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// Operands below its parameters.
    pub(super) height: usize,
    /// What a branch to it takes along.
    branch_values: usize,
    /// Where a branch to it goes.
    pub(super) target: Block,
    /// What is behind its `end`; the function's: a block that returns, or what is behind the call that it is inlined for.
    exit: Block,
    /// Whether anything goes there.
    exit_reached: bool,
    /// Whether a branch goes to its target, if that is not its exit.
    pub(super) continued: bool,
}

pub(super) enum Kind {
    Function,
    Block,
    Loop,
    /// In the first arm: where the second begins, and the parameters that it begins with.
    If {
        otherwise: Block,
        params: Vec<Value>,
    },
    Else,
    /// With its `catch` clauses, in order.
    Try(Vec<Clause>),
}

impl Translator<'_, '_> {
    pub(super) fn block_types(&self, ty: BlockType) -> (Vec<ValType>, Vec<ValType>) {
        match ty {
            BlockType::Empty => (Vec::new(), Vec::new()),
            BlockType::Type(ty) => (Vec::new(), vec![self.env.module.val_type(ty)]),
            BlockType::FuncType(index) => {
                let ty = &self.env.module.types[index as usize];
                (ty.params.clone(), ty.results.clone())
            }
        }
    }

    fn block_with(&mut self, params: &[ValType]) -> Block {
        let block = self.builder.create_block();
        for &ty in params {
            let param = self.builder.append_block_param(block, clif_type(ty));
            self.typed(param, ty);
        }
        block
    }

    pub(super) fn push_function_frame(&mut self, results: &[ValType]) {
        let exit = self.block_with(results);
        self.frames.push(Frame {
            kind: Kind::Function,
            height: self.stack.len(),
            branch_values: results.len(),
            target: exit,
            exit,
            exit_reached: false,
            continued: false,
        });
    }

    /// The operands on top of the stack, as arguments of a branch.
    pub(super) fn top(&self, count: usize) -> Vec<BlockArg> {
        self.stack[self.stack.len() - count..].iter().map(|&value| BlockArg::Value(value)).collect()
    }

    fn jump(&mut self, target: Block, values: usize) {
        let args = self.top(values);
        self.builder.ins().jump(target, &args);
    }

    pub(super) fn unreachable(&mut self) {
        if self.inliner.has_inlined() {
            // What branches here may belong to another function, and would become the trap if that were all there is.
            self.builder.ins().sequence_point();
        }
        self.builder.ins().trap(trap_code(TrapCode::Unreachable));
        self.reachable = false;
    }

    pub(super) fn block(&mut self, ty: BlockType) {
        self.push_block(ty, Kind::Block);
    }

    pub(super) fn push_block(&mut self, ty: BlockType, kind: Kind) {
        let (params, results) = self.block_types(ty);
        let exit = self.block_with(&results);
        self.frames.push(Frame {
            kind,
            height: self.stack.len() - params.len(),
            branch_values: results.len(),
            target: exit,
            exit,
            exit_reached: false,
            continued: false,
        });
    }

    pub(super) fn loop_(&mut self, ty: BlockType) {
        let (params, results) = self.block_types(ty);
        let header = self.block_with(&params);
        let exit = self.block_with(&results);
        self.loops += 1;
        self.promote_globals(self.offset);
        self.jump(header, params.len());
        self.enter_loop();
        let height = self.stack.len() - params.len();
        self.stack.truncate(height);
        self.frames.push(Frame {
            kind: Kind::Loop,
            height,
            branch_values: params.len(),
            target: header,
            exit,
            exit_reached: false,
            continued: false,
        });
        // Sealed at its end: only then are all branches to it known.
        self.builder.switch_to_block(header);
        self.stack.extend_from_slice(self.builder.block_params(header));
        self.poll();
    }

    pub(super) fn if_(&mut self, ty: BlockType) {
        let condition = self.pop();
        let (params, results) = self.block_types(ty);
        let then = self.builder.create_block();
        let otherwise = self.builder.create_block();
        let exit = self.block_with(&results);
        self.mark_unlikely(then, otherwise);
        self.builder.ins().brif(condition, then, &[], otherwise, &[]);
        self.builder.seal_block(then);
        self.builder.seal_block(otherwise);
        let height = self.stack.len() - params.len();
        self.frames.push(Frame {
            kind: Kind::If { otherwise, params: self.stack[height..].to_vec() },
            height,
            branch_values: results.len(),
            target: exit,
            exit,
            exit_reached: false,
            continued: false,
        });
        self.builder.switch_to_block(then);
    }

    pub(super) fn else_(&mut self) {
        if self.reachable {
            self.leave();
        }
        let frame = self.frames.last_mut().expect("validated: `else` is in a block");
        if let Kind::If { otherwise, params } = std::mem::replace(&mut frame.kind, Kind::Else) {
            self.stack.truncate(frame.height);
            self.stack.extend(params);
            self.builder.switch_to_block(otherwise);
        }
        self.reachable = true;
    }

    /// Goes from the end of the innermost block to what is behind it.
    pub(super) fn leave(&mut self) {
        let frame = self.frames.last_mut().expect("validated: there is a block");
        frame.exit_reached = true;
        let exit = frame.exit;
        let results = self.builder.block_params(exit).len();
        self.jump(exit, results);
    }

    pub(super) fn end(&mut self) {
        if self.reachable {
            let innermost = self.frames.last().expect("validated: `end` ends a block");
            if matches!(innermost.kind, Kind::Function) && self.frames.len() > 1 && !innermost.exit_reached {
                // An inlined function that is left here only: its results are there already.
                return self.frames.truncate(self.frames.len() - 1);
            }
            self.leave();
        }
        let mut frame = self.frames.pop().expect("validated: `end` ends a block");
        match frame.kind {
            Kind::Loop => {
                self.loops -= 1;
                self.leave_loop();
                self.demote_globals();
                self.builder.seal_block(frame.target);
            }
            Kind::If { otherwise, params } => {
                // No second arm: the parameters are the results.
                self.builder.switch_to_block(otherwise);
                let args: Vec<BlockArg> = params.into_iter().map(BlockArg::Value).collect();
                self.builder.ins().jump(frame.exit, &args);
                frame.exit_reached = true;
            }
            Kind::Try(clauses) => self.landings(clauses),
            Kind::Function | Kind::Block | Kind::Else => {}
        }
        self.builder.seal_block(frame.exit);
        self.stack.truncate(frame.height);
        self.reachable = frame.exit_reached;
        if self.reachable {
            self.builder.switch_to_block(frame.exit);
            self.stack.extend_from_slice(self.builder.block_params(frame.exit));
            if self.frames.is_empty() {
                let results = std::mem::take(&mut self.stack);
                self.builder.ins().return_(&results);
            }
        }
    }

    /// Notes a branch to the block at `depth`; gives its target and what the branch takes along.
    pub(super) fn branch_to(&mut self, depth: u32) -> (Block, usize) {
        self.branch_to_frame(self.frames.len() - 1 - depth as usize)
    }

    /// The same by the block's index in the list of those that are open.
    pub(super) fn branch_to_frame(&mut self, index: usize) -> (Block, usize) {
        let frame = &mut self.frames[index];
        if frame.target == frame.exit {
            frame.exit_reached = true;
        } else {
            frame.continued = true;
        }
        (frame.target, frame.branch_values)
    }

    pub(super) fn br(&mut self, depth: u32) {
        let (target, values) = self.branch_to(depth);
        self.jump(target, values);
        self.reachable = false;
    }

    pub(super) fn br_if(&mut self, depth: u32) {
        let condition = self.pop();
        let (target, values) = self.branch_to(depth);
        let args = self.top(values);
        let next = self.builder.create_block();
        if self.likely() == Some(false) {
            // The target may be likely by other ways: what is not is this one.
            let way = self.builder.create_block();
            self.mark_unlikely(way, next);
            self.builder.ins().brif(condition, way, &[], next, &[]);
            self.builder.seal_block(way);
            self.builder.switch_to_block(way);
            self.builder.ins().jump(target, &args);
        } else {
            self.mark_unlikely(target, next);
            self.builder.ins().brif(condition, target, &args, next, &[]);
        }
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
    }

    pub(super) fn br_table(&mut self, targets: &BrTable<'_>) -> wasmparser::Result<()> {
        let index = self.pop();
        let mut calls = Vec::with_capacity(targets.len() as usize + 1);
        // Where values go along, each target is written once, however often the table names it.
        let mut carriers: BTreeMap<u32, Block> = BTreeMap::new();
        for depth in targets.targets().chain([Ok(targets.default())]) {
            let depth = depth?;
            let target = match self.branch_to(depth) {
                (target, 0) => target,
                _ => *carriers.entry(depth).or_insert_with(|| self.builder.create_block()),
            };
            calls.push(BlockCall::new(target, [], &mut self.builder.func.dfg.value_lists));
        }
        let last = calls.pop().expect("the default was pushed");
        if !self.compare_and_branch(index, &calls, last) {
            let table = self.builder.create_jump_table(JumpTableData::new(last, &calls));
            self.builder.ins().br_table(index, table);
        }
        for (depth, carrier) in carriers {
            self.builder.seal_block(carrier);
            self.builder.switch_to_block(carrier);
            let (target, values) = self.branch_to(depth);
            self.jump(target, values);
        }
        self.reachable = false;
        Ok(())
    }

    /// Branches to one of `calls` by `index`, or to `last` if it is beyond them, by comparisons if these are few: a table costs
    /// eight instructions, of which two are loads, and where it leads is harder to guess. None of `calls` takes values along.
    fn compare_and_branch(&mut self, index: Value, calls: &[BlockCall], last: BlockCall) -> bool {
        if !self.env.facts.switches || self.effort != Effort::Full {
            return false;
        }
        // Stretches of the index with the same target: where each begins, and its target.
        let mut stretches: Vec<(u32, Block)> = Vec::new();
        for (i, call) in calls.iter().chain([&last]).enumerate() {
            let target = call.block(&self.builder.func.dfg.value_lists);
            if stretches.last().is_none_or(|&(_, before)| before != target) {
                stretches.push((i as u32, target));
            }
            if stretches.len() > MAX_STRETCHES {
                return false;
            }
        }
        while let [.., (_, before), (from, single), (to, behind)] = stretches[..] {
            if stretches.len() == 3 && before == behind && to - from == 1 {
                // One number among others: one comparison.
                let is_it = self.compare_const(IntCC::Equal, index, u64::from(from));
                self.builder.ins().brif(is_it, single, &[], before, &[]);
                return true;
            }
            // The upper ones first, as the last of them is what most programs have for whatever they don't expect.
            let next = self.builder.create_block();
            let beyond = self.compare_const(IntCC::UnsignedGreaterThanOrEqual, index, u64::from(to));
            self.builder.ins().brif(beyond, behind, &[], next, &[]);
            self.builder.seal_block(next);
            self.builder.switch_to_block(next);
            stretches.pop();
        }
        match stretches[..] {
            [(_, first), (1, second)] => self.builder.ins().brif(index, second, &[], first, &[]),
            [(_, first), (from, second)] => {
                let beyond = self.compare_const(IntCC::UnsignedGreaterThanOrEqual, index, u64::from(from));
                self.builder.ins().brif(beyond, second, &[], first, &[])
            }
            [(_, only)] => self.builder.ins().jump(only, &[]),
            _ => unreachable!("the default was pushed, and all others were popped"),
        };
        true
    }

    pub(super) fn return_(&mut self) {
        let function = self.inliner.frame();
        if function > 0 {
            return self.br((self.frames.len() - 1 - function) as u32);
        }
        let results = self.frames[0].branch_values;
        let values = self.pop_many(results);
        self.builder.ins().return_(&values);
        self.reachable = false;
    }

    /// An operator that can't be reached.
    pub(super) fn skip(&mut self, operator: &Operator<'_>) {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::TryTable { .. } => {
                self.dead_blocks += 1
            }
            Operator::End if self.dead_blocks > 0 => self.dead_blocks -= 1,
            Operator::End => self.end(),
            Operator::Else if self.dead_blocks == 0 => self.else_(),
            _ => {}
        }
    }
}
