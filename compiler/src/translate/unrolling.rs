//! Short innermost loops, translated more than once.
//!
//! ```text
//!  header: poll; body ──► again: body ──► again: body ──► header
//!             │                   │               │
//!             └─► exits           └─► exits       └─► exits     each copy has all that the body has
//! ```
//!
//! A branch to the loop goes to the next copy, the last one's to the header; so nothing is to be known of how often the loop
//! runs. Only the header polls: an interrupt waits for a few dozen operators more. What one copy computes, the next one
//! knows.

use super::control::Kind;
use super::{Effort, Translator};
use cranelift_codegen::ir::Block;
use wasmparser::OperatorsReader;

/// Operators of a loop, at most, and how many copies of it there are then. The more, the longer compiling takes.
const COPIES: [(u32, u32); 2] = [(10, 4), (40, 2)];
/// Blocks that may be open around such a loop: a reader of operators that is kept keeps them all.
pub(super) const NESTING: usize = 100;

/// A loop that is being translated more than once.
pub(super) struct Unrolled<'a> {
    /// Its position among the open blocks.
    frame: usize,
    /// Its operators.
    operators: OperatorsReader<'a>,
    header: Block,
    /// Copies that are still to come.
    left: u32,
}

impl<'a> Translator<'a, '_> {
    /// Called when the header of a loop was entered, whose operator is at `offset`; `operators` are what follows.
    pub(super) fn unroll(&mut self, offset: u32, operators: &OperatorsReader<'a>) {
        let facts = self.env.facts;
        if !facts.unrolling || self.effort != Effort::Full || self.frames.len() > NESTING {
            return;
        }
        let Some(count) = facts.steady_loop(offset).and_then(|steady| steady.short) else { return };
        let Some(&(_, copies)) = COPIES.iter().find(|(most, _)| count <= *most) else { return };
        let frame = self.frames.len() - 1;
        let header = self.frames[frame].target;
        // Parameters would need to be told what is known of them; hardly any loop has some.
        if !self.builder.block_params(header).is_empty() {
            return;
        }
        self.unrolled = Some(Unrolled { frame, operators: operators.clone(), header, left: copies - 1 });
        self.frames[frame].target = self.builder.create_block();
    }

    /// Called at an `end`, in place of translating it if that gives the operators of the next copy.
    pub(super) fn next_copy(&mut self) -> Option<OperatorsReader<'a>> {
        let unrolled = self.unrolled.as_mut()?;
        let frame = unrolled.frame;
        if frame + 1 != self.frames.len() || !self.reachable && self.dead_blocks > 0 {
            return None;
        }
        let (header, left, operators) = (unrolled.header, unrolled.left, unrolled.operators.clone());
        unrolled.left = left.saturating_sub(1);
        let block = self.frames[frame].target;
        if left == 0 || !self.frames[frame].continued {
            // The last copy, or nothing goes back. What remains is that the header's ways in are known.
            self.unrolled = None;
            if block != header {
                self.builder.seal_block(block);
                self.frames[frame].target = header;
            }
            return None;
        }
        if self.reachable {
            self.leave();
        }
        self.builder.seal_block(block);
        self.builder.switch_to_block(block);
        let height = self.frames[frame].height;
        self.stack.truncate(height);
        self.reachable = true;
        let target = if left == 1 { header } else { self.builder.create_block() };
        let frame = self.frames.last_mut()?;
        debug_assert!(matches!(frame.kind, Kind::Loop));
        frame.target = target;
        frame.continued = false;
        Some(operators)
    }
}
