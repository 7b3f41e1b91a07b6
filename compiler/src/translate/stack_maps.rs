//! How much the code generator has to write down for references to exceptions, found out before it does.
//!
//! It keeps a set of references for each block, and an entry for each reference and call across which that one is
//! needed. Their number is at most that of the references times that of the calls and blocks, which is enough to know for
//! most functions. Those of C++ have a reference for each scope with a destructor, each needed in a few blocks only: for
//! the largest of these it must be counted.

use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{Block, Function, Value, ValueDef};
use std::collections::{HashMap, HashSet};

/// Bytes of an entry, or of a member of a set.
pub(super) const ENTRY: u64 = 16;

/// Upper bound of the bytes of a function's maps, where `noted` are its references and `cells` its further 16-byte cells
/// in the frame. Stops counting beyond `most`.
pub(super) fn bytes(function: &Function, noted: &HashSet<Value>, cells: u32, most: u64) -> u64 {
    let graph = ControlFlowGraph::with_function(function);
    let references = with_incoming(function, noted);
    let uses = uses(function, &references);
    let calls = calls(function);
    // The number of the last reference that was found to be needed in the block.
    let mut needed: SecondaryMap<Block, u32> = SecondaryMap::new();
    let (mut entries, mut slots) = (0, u64::from(cells) * 2);
    for (number, (&reference, blocks)) in (1..).zip(&uses) {
        let defined = block_of(function, reference);
        let mut across = 0;
        let mut open = blocks.clone();
        while let Some(block) = open.pop() {
            if std::mem::replace(&mut needed[block], number) == number {
                continue;
            }
            across += calls[block];
            entries += 1 + u64::from(calls[block]);
            if Some(block) != defined {
                // Looking at them is work, too.
                let before = open.len();
                open.extend(graph.pred_iter(block).map(|predecessor| predecessor.block));
                entries += (open.len() - before) as u64;
            }
            if entries * ENTRY > most {
                return entries * ENTRY;
            }
        }
        slots += u64::from(across > 0);
    }
    // Each call's map has a bit for each byte of the frame up to the last reference: one byte for each slot.
    let with_maps: u64 =
        function.layout.blocks().filter(|&block| needed[block] != 0).map(|block| u64::from(calls[block])).sum();
    (entries * ENTRY).saturating_add(with_maps.saturating_mul(slots))
}

/// The references, and those that come in where several ways meet and one of these goes on.
fn with_incoming(function: &Function, noted: &HashSet<Value>) -> HashSet<Value> {
    let dfg = &function.dfg;
    let mut incoming: HashMap<Value, Vec<Value>> = HashMap::new();
    for block in function.layout.blocks() {
        let Some(last) = function.layout.last_inst(block) else { continue };
        for target in dfg.insts[last].branch_destination(&dfg.jump_tables, &dfg.exception_tables) {
            let params = dfg.block_params(target.block(&dfg.value_lists));
            for (&param, arg) in params.iter().zip(target.args(&dfg.value_lists)) {
                if let Some(value) = arg.as_value() {
                    incoming.entry(param).or_default().push(dfg.resolve_aliases(value));
                }
            }
        }
    }
    let mut references: HashSet<Value> = noted.iter().map(|&value| dfg.resolve_aliases(value)).collect();
    let mut open: Vec<Value> = references.iter().copied().collect();
    while let Some(reference) = open.pop() {
        for value in incoming.remove(&reference).unwrap_or_default() {
            if references.insert(value) {
                open.push(value);
            }
        }
    }
    references
}

/// The blocks that use each of the references.
fn uses(function: &Function, references: &HashSet<Value>) -> HashMap<Value, Vec<Block>> {
    let mut uses: HashMap<Value, Vec<Block>> = HashMap::new();
    for block in function.layout.blocks() {
        for inst in function.layout.block_insts(block) {
            for value in function.dfg.inst_values(inst) {
                let value = function.dfg.resolve_aliases(value);
                if references.contains(&value) {
                    let blocks = uses.entry(value).or_default();
                    if blocks.last() != Some(&block) {
                        blocks.push(block);
                    }
                }
            }
        }
    }
    uses
}

/// How many calls each block has.
fn calls(function: &Function) -> SecondaryMap<Block, u32> {
    let mut calls = SecondaryMap::new();
    for block in function.layout.blocks() {
        let insts = function.layout.block_insts(block);
        calls[block] = insts.filter(|&inst| function.dfg.insts[inst].opcode().is_safepoint()).count() as u32;
    }
    calls
}

/// Where a value is made.
fn block_of(function: &Function, value: Value) -> Option<Block> {
    match function.dfg.value_def(value) {
        ValueDef::Param(block, _) => Some(block),
        ValueDef::Result(inst, _) => function.layout.inst_block(inst),
        ValueDef::Union(..) => None,
    }
}
