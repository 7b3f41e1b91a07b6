//! Interruption: where loop headers and function entries read the poll page (architecture, decision 7).
//!
//! The page is inaccessible while the guest is to be interrupted, and the load then traps. A plain load would be
//! deleted where another one dominates it, and a loop in a function that polls at its entry could not be ended: a
//! sequence point in front of each keeps them all.

use super::Translator;
use super::env::{Region, trap_code};
use bailiwick_runtime_abi::trap::TrapCode;
use cranelift_codegen::ir::types::I8;
use cranelift_codegen::ir::{Inst, InstBuilder, MemFlagsData};

impl Translator<'_, '_> {
    /// Called at a function's entry. One that calls none can't recurse, and need not poll there. A call that is inlined is
    /// none: whatever recurses through it makes another one, in a function that polls.
    pub(super) fn poll_at_entry(&mut self, function: u32) {
        if self.env.facts.calling.binary_search(&function).is_ok() {
            self.entry_poll = self.poll();
        }
    }

    /// Called when the function is whole: takes the poll at its entry out again if all its calls were inlined.
    pub(super) fn settle_entry_poll(&mut self) {
        if let Some(poll) = self.entry_poll.take()
            && !self.calls
        {
            poll.into_iter().for_each(|inst| self.builder.func.layout.remove_inst(inst));
        }
    }

    /// Called at each loop header; the copies that [`unrolling`](super::unrolling) adds come back to it. Gives the instructions.
    pub(super) fn poll(&mut self) -> Option<[Inst; 2]> {
        let offset = self.env.facts.polls?;
        let region = self.region(Region::Poll);
        let flags = MemFlagsData::new()
            .with_aligned()
            .with_trap_code(Some(trap_code(TrapCode::Interrupt)))
            .with_alias_region(Some(region));
        let point = self.builder.ins().sequence_point();
        let value = self.builder.ins().load(I8, flags, self.anchor, offset);
        let load = self.builder.func.dfg.value_def(value).inst()?;
        Some([point, load])
    }
}
