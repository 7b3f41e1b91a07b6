//! Numbers of 32 bits that become addresses, made to be of 64 bits where they come from, on x86-64.
//!
//! A 32-bit index becomes part of an address with zeros above it. Whatever computes 32 bits leaves zeros there, and the code
//! generator knows that of sums and the like. Of what was loaded, chosen, or comes to a block from several, it does not: an
//! instruction for each such use clears what is clear, and a pointer that is followed waits for it. Made to be of 64 bits,
//! these cost nothing more, and what was of 32 bits is their lower half, which is no instruction.
//!
//! Masks of 8 and 16 bits become extensions of what is there, because these leave the register as it is that they read.
//!
//! It is done to what the optimiser has left, which would undo it.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::entity::packed_option::PackedOption;
use cranelift_codegen::ir::types::{I8, I16, I32, I64};
use cranelift_codegen::ir::{
    Block, BlockArg, Function, Inst, InstBuilder, InstructionData, Opcode, Type, Value, ValueDef,
};
use cranelift_codegen::loop_analysis::LoopAnalysis;
use std::collections::HashMap;

/// By how much more something counts in a loop than around it, and in how many loops at most.
const LOOP: u64 = 8;
const MAX_DEPTH: usize = 6;
/// How often candidates are looked at anew. Each round leaves less of them, all of which could be made wide.
const MAX_ROUNDS: usize = 20;

/// Does it to an optimised function. No block changes its place.
pub(crate) fn widen(func: &mut Function, loops: &LoopAnalysis) {
    let masked = extend_masked(func);
    let found = Found::new(func, loops);
    if masked || !found.extensions.is_empty() {
        Widener::default().rewrite(func, found);
        func.dfg.resolve_all_aliases();
    }
}

/// A parameter of a block, or a choice between two values, that may be made one of 64 bits.
struct Candidate {
    value: Value,
    /// How much its uses in addresses count.
    uses: u64,
    chosen: bool,
}

/// What a candidate may be.
struct Source {
    /// The number of the candidate.
    of: u32,
    value: Value,
    weight: u64,
}

/// What there is to do. Values are those that aliases mean.
#[derive(Default)]
struct Found {
    /// Extensions of numbers of 32 bits with zeros, by what is extended.
    extensions: Vec<(Value, Inst)>,
    candidates: Vec<Candidate>,
    /// Their numbers, plus one.
    numbers: SecondaryMap<Value, u32>,
    sources: Vec<Source>,
}

impl Found {
    fn new(func: &Function, loops: &LoopAnalysis) -> Found {
        let mut found = Found::default();
        found.collect_candidates(func, loops);
        found.collect_uses(func, loops);
        found.choose(func);
        found
    }

    fn add(&mut self, value: Value) -> u32 {
        self.candidates.push(Candidate { value, uses: 0, chosen: true });
        self.numbers[value] = self.candidates.len() as u32;
        self.candidates.len() as u32 - 1
    }

    fn number(&self, value: Value) -> Option<usize> {
        (self.numbers[value] as usize).checked_sub(1)
    }

    fn collect_candidates(&mut self, func: &Function, loops: &LoopAnalysis) {
        let entry = func.layout.entry_block();
        for block in func.layout.blocks() {
            // What a caller passes may have anything above it.
            if Some(block) != entry {
                for &param in func.dfg.block_params(block) {
                    if func.dfg.value_type(param) == I32 {
                        self.add(param);
                    }
                }
            }
            for inst in func.layout.block_insts(block) {
                if let InstructionData::Ternary { opcode: Opcode::Select, args: [_, first, second] } =
                    func.dfg.insts[inst]
                    && func.dfg.value_type(first) == I32
                {
                    let of = self.add(func.dfg.first_result(inst));
                    let source =
                        |value| Source { of, value: func.dfg.resolve_aliases(value), weight: weight(loops, block) };
                    self.sources.extend([source(first), source(second)]);
                }
            }
        }
    }

    fn collect_uses(&mut self, func: &Function, loops: &LoopAnalysis) {
        for block in func.layout.blocks() {
            let weight = weight(loops, block);
            for inst in func.layout.block_insts(block) {
                if let InstructionData::Unary { opcode: Opcode::Uextend, arg } = func.dfg.insts[inst]
                    && func.dfg.value_type(arg) == I32
                    && func.dfg.value_type(func.dfg.first_result(inst)) == I64
                {
                    let arg = func.dfg.resolve_aliases(arg);
                    self.extensions.push((arg, inst));
                    if let Some(number) = self.number(arg) {
                        self.candidates[number].uses += weight;
                    }
                }
            }
            let Some(last) = func.layout.last_inst(block) else { continue };
            let targets = func.dfg.insts[last].branch_destination(&func.dfg.jump_tables, &func.dfg.exception_tables);
            for target in targets {
                let params = func.dfg.block_params(target.block(&func.dfg.value_lists));
                for (&param, arg) in params.iter().zip(target.args(&func.dfg.value_lists)) {
                    let Some(of) = self.number(param) else { continue };
                    match arg {
                        BlockArg::Value(value) => {
                            let value = func.dfg.resolve_aliases(value);
                            self.sources.push(Source { of: of as u32, value, weight });
                        }
                        // Nor does a call clear what is above its results.
                        BlockArg::TryCallRet(_) | BlockArg::TryCallExn(_) => self.candidates[of].chosen = false,
                    }
                }
            }
        }
    }

    /// Leaves those candidates that save more than they cost: an instruction for each source that is not known to have zeros
    /// above it.
    fn choose(&mut self, func: &Function) {
        for _ in 0..MAX_ROUNDS {
            let mut gains: Vec<u64> = self.candidates.iter().map(|candidate| candidate.uses).collect();
            let mut costs = vec![0; gains.len()];
            for source in &self.sources {
                let of = source.of as usize;
                if !self.candidates[of].chosen {
                    continue;
                }
                match self.number(source.value).filter(|&number| self.candidates[number].chosen) {
                    Some(number) if number == of => {}
                    Some(number) => gains[number] += source.weight,
                    None if has_zeros(func, source.value) => {}
                    None => costs[of] += source.weight,
                }
            }
            let mut dropped = false;
            for (candidate, (gain, cost)) in self.candidates.iter_mut().zip(gains.into_iter().zip(costs)) {
                dropped |= candidate.chosen && cost >= gain;
                candidate.chosen &= cost < gain;
            }
            if !dropped {
                return;
            }
        }
    }
}

fn weight(loops: &LoopAnalysis, block: Block) -> u64 {
    LOOP.pow(loops.loop_level(block).level().min(MAX_DEPTH) as u32)
}

/// Whether a number of 32 bits has zeros above it in its register, or can have them for nothing.
fn has_zeros(func: &Function, value: Value) -> bool {
    let Some(inst) = func.dfg.value_def(value).inst() else { return false };
    matches!(
        func.dfg.insts[inst].opcode(),
        Opcode::Iadd
            | Opcode::Isub
            | Opcode::Imul
            | Opcode::Band
            | Opcode::Bor
            | Opcode::Bxor
            | Opcode::Ishl
            | Opcode::Ushr
            | Opcode::Iconst
            | Opcode::Load
            | Opcode::Uload8
            | Opcode::Uload16
            | Opcode::Uextend
    )
}

/// Numbers of 32 bits, by what aliases mean, and what is the same with zeros above.
#[derive(Default)]
struct Widener {
    wide: SecondaryMap<Value, PackedOption<Value>>,
}

impl Widener {
    fn rewrite(&mut self, func: &mut Function, found: Found) {
        let chosen = |number: u32| found.candidates[number as usize].chosen;
        let mut sources: Vec<Value> = found.extensions.iter().map(|&(value, _)| value).collect();
        sources.extend(found.sources.iter().filter(|source| chosen(source.of)).map(|source| source.value));
        sources.sort_unstable();
        sources.dedup();
        let (params, choices): (Vec<Value>, Vec<Value>) = found
            .candidates
            .iter()
            .filter(|candidate| candidate.chosen)
            .map(|candidate| candidate.value)
            .partition(|&value| matches!(func.dfg.value_def(value), ValueDef::Param(..)));
        for &param in &params {
            self.widen_param(func, param);
        }
        for source in sources {
            self.widen_source(func, source);
        }
        for choice in choices {
            self.widen_choice(func, choice);
        }
        if !params.is_empty() {
            self.widen_branches(func);
        }
        for (value, extension) in found.extensions {
            if let Some(now) = self.wide[func.dfg.resolve_aliases(value)].expand() {
                let result = func.dfg.first_result(extension);
                replace(func, extension, result, now);
            }
        }
    }

    fn widen_param(&mut self, func: &mut Function, param: Value) {
        let ValueDef::Param(block, _) = func.dfg.value_def(param) else { return };
        let now = func.dfg.replace_block_param(param, I64);
        let half = FuncCursor::new(func).at_first_insertion_point(block).ins().ireduce(I32, now);
        func.dfg.change_to_alias(param, half);
        self.wide[half] = now.into();
    }

    /// What can be done by the same instruction with a longer result is done so.
    fn widen_source(&mut self, func: &mut Function, value: Value) {
        let Some(inst) = func.dfg.value_def(value).inst() else { return };
        let data = func.dfg.insts[inst];
        let mut cursor = at(func, inst);
        let now = match data {
            InstructionData::Load { opcode, arg, flags, offset } => {
                let flags = cursor.func.dfg.mem_flags[flags];
                match opcode {
                    Opcode::Load => cursor.ins().uload32(flags, arg, offset),
                    Opcode::Uload8 => cursor.ins().uload8(I64, flags, arg, offset),
                    Opcode::Uload16 => cursor.ins().uload16(I64, flags, arg, offset),
                    _ => return,
                }
            }
            InstructionData::Unary { opcode: Opcode::Uextend, arg } => cursor.ins().uextend(I64, arg),
            _ => return,
        };
        self.halve(func, inst, value, now);
    }

    fn widen_choice(&mut self, func: &mut Function, value: Value) {
        let Some(inst) = func.dfg.value_def(value).inst() else { return };
        let InstructionData::Ternary { args: [condition, first, second], .. } = func.dfg.insts[inst] else { return };
        let (first, second) = (self.widened(func, inst, first), self.widened(func, inst, second));
        let now = at(func, inst).ins().select(condition, first, second);
        self.halve(func, inst, value, now);
    }

    /// Puts the lower half of `now` in the place of the result of an instruction in front of which that was made.
    fn halve(&mut self, func: &mut Function, inst: Inst, value: Value, now: Value) {
        let half = at(func, inst).ins().ireduce(I32, now);
        replace(func, inst, value, half);
        self.wide[half] = now.into();
    }

    /// Passes numbers of 64 bits to the parameters that have become such.
    fn widen_branches(&mut self, func: &mut Function) {
        let branches: Vec<Inst> = func.layout.blocks().filter_map(|block| func.layout.last_inst(block)).collect();
        for branch in branches {
            let dfg = &func.dfg;
            let targets = dfg.insts[branch].branch_destination(&dfg.jump_tables, &dfg.exception_tables);
            let mut passed = Vec::new();
            for (number, target) in targets.iter().enumerate() {
                let types = dfg.block_param_types(target.block(&dfg.value_lists));
                for (place, (ty, arg)) in types.zip(target.args(&dfg.value_lists)).enumerate() {
                    if let BlockArg::Value(value) = arg
                        && (dfg.value_type(value), ty) == (I32, I64)
                    {
                        passed.push((number, place, value));
                    }
                }
            }
            // One number is widened once for a branch, and each list of arguments is walked once.
            let mut same: HashMap<Value, Value> = HashMap::new();
            let mut changes = Vec::with_capacity(passed.len());
            for (number, place, value) in passed {
                let now = *same.entry(value).or_insert_with(|| self.widened(func, branch, value));
                changes.push((number, place, now));
            }
            let dfg = &mut func.dfg;
            let targets = dfg.insts[branch].branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
            for change in changes.chunk_by(|a, b| a.0 == b.0) {
                let mut next = change.iter().peekable();
                let mut places = 0..;
                targets[change[0].0].update_args(&mut dfg.value_lists, |arg| {
                    let place = places.next();
                    match next.next_if(|(_, at, _)| Some(*at) == place) {
                        Some(&(_, _, now)) => BlockArg::Value(now),
                        None => arg,
                    }
                });
            }
        }
    }

    /// A number with zeros above it, for an instruction.
    fn widened(&self, func: &mut Function, inst: Inst, value: Value) -> Value {
        let value = func.dfg.resolve_aliases(value);
        if let Some(now) = self.wide[value].expand() {
            return now;
        }
        match constant(func, value) {
            Some(bits) => at(func, inst).ins().iconst(I64, i64::from(bits as u32)),
            // No instruction where the code generator knows it.
            None => at(func, inst).ins().uextend(I64, value),
        }
    }
}

/// Has what takes the lower 8 or 16 bits read one register and write another, but where it is asked only whether they are zero,
/// which takes no result at all. Says whether there was any.
fn extend_masked(func: &mut Function) -> bool {
    let mut masked: Vec<(Inst, Value, Type)> = Vec::new();
    let mut tested: Vec<Value> = Vec::new();
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            match func.dfg.insts[inst] {
                InstructionData::Binary { opcode: Opcode::Band, args: [value, mask] }
                    if matches!(func.dfg.value_type(value), I32 | I64) =>
                {
                    let narrow = match constant(func, mask) {
                        Some(0xff) => I8,
                        Some(0xffff) => I16,
                        _ => continue,
                    };
                    masked.push((inst, value, narrow));
                }
                InstructionData::Brif { arg, .. } => tested.push(arg),
                InstructionData::IntCompare { args, .. } => tested.extend(args),
                _ => {}
            }
        }
    }
    tested.sort_unstable();
    masked.retain(|&(inst, ..)| tested.binary_search(&func.dfg.first_result(inst)).is_err());
    for &(inst, value, narrow) in &masked {
        let result = func.dfg.first_result(inst);
        let ty = func.dfg.value_type(result);
        let low = at(func, inst).ins().ireduce(narrow, value);
        let now = at(func, inst).ins().uextend(ty, low);
        replace(func, inst, result, now);
    }
    !masked.is_empty()
}

/// A constant's bits.
fn constant(func: &Function, value: Value) -> Option<i64> {
    match func.dfg.insts[func.dfg.value_def(value).inst()?] {
        InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits()),
        _ => None,
    }
}

/// In front of an instruction, with its position.
fn at(func: &mut Function, inst: Inst) -> FuncCursor<'_> {
    let position = func.srcloc(inst);
    FuncCursor::new(func).at_inst(inst).with_srcloc(position)
}

/// Removes an instruction, whose result is another value now.
fn replace(func: &mut Function, inst: Inst, result: Value, now: Value) {
    func.dfg.clear_results(inst);
    func.dfg.change_to_alias(result, now);
    func.layout.remove_inst(inst);
}
