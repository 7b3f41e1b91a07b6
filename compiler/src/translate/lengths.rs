//! Where a loop's checks find the length of a memory: loaded once, in front of the outermost loop in which nothing can
//! change it. The poll in a loop's header would otherwise keep each iteration from knowing the length of the last one.
//!
//! Which loops these are, `analysis::loops` decides: what may run other code, and any operator that it does not know, may
//! change a length. A length that is too small would only trap where it should not, because lengths never fall; that is a
//! defect too.

use super::Translator;
use super::env::Region;
use crate::module::Memory;
use bailiwick_runtime_abi::context::MEMORY_LENGTH;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{Inst, InstBuilder, Value};

/// Lengths that one loop holds, at most: each takes a register, or a place on the stack.
const MAX_HELD: usize = 8;

#[derive(Default)]
pub(super) struct Lengths {
    /// The outermost of those loops that is open.
    held: Option<Held>,
}

struct Held {
    /// [`Translator::loops`] within it.
    depth: u32,
    /// The jump into it. What is in front dominates the loop, since there is no other way in.
    entry: Inst,
    /// Memories, and their lengths.
    lengths: Vec<(u32, Value)>,
}

/// Whether many accesses to a memory are compared with its length.
fn is_checked(memory: &Memory) -> bool {
    memory.index64 || memory.page_size_log2 == 0
}

impl Translator<'_, '_> {
    /// Called when the jump into a loop was just made.
    pub(super) fn enter_loop(&mut self) {
        let facts = self.env.facts;
        if self.lengths.held.is_some() || facts.steady_loop(self.offset).is_none() {
            return;
        }
        let block = self.builder.current_block();
        let entry = block.and_then(|block| self.builder.func.layout.last_inst(block));
        self.lengths.held = entry.map(|entry| Held { depth: self.loops, entry, lengths: Vec::new() });
    }

    /// Called when a loop has ended, and is no longer counted.
    pub(super) fn leave_loop(&mut self) {
        if self.lengths.held.as_ref().is_some_and(|held| held.depth > self.loops) {
            self.lengths.held = None;
        }
    }

    /// The length of a memory, as it was in front of the loop.
    pub(super) fn held_length(&mut self, memory: u32) -> Option<Value> {
        let ty = &self.env.module.memories[memory as usize];
        let held = self.lengths.held.as_ref().filter(|_| is_checked(ty) && !ty.shared)?;
        if let Some(&(_, length)) = held.lengths.iter().find(|(held, _)| *held == memory) {
            return Some(length);
        }
        if held.lengths.len() == MAX_HELD {
            return None;
        }
        let entry = held.entry;
        let fixed = self.flags(Region::Context).with_readonly().with_can_move();
        let flags = self.flags(Region::MemoryLengths);
        let (import, field) = match memory.checked_sub(self.env.module.imported_memories) {
            Some(defined) => (None, self.layout().memory(defined)),
            None => (Some(self.layout().imported_memory(memory)), 0),
        };
        let context = self.anchor;
        let mut cursor = FuncCursor::new(self.builder.func).at_inst(entry);
        let definition = match import {
            Some(import) => cursor.ins().load(I64, fixed, context, import),
            None => context,
        };
        let length = cursor.ins().load(I64, flags, definition, field + MEMORY_LENGTH);
        let held = self.lengths.held.as_mut()?;
        held.lengths.push((memory, length));
        Some(length)
    }
}
