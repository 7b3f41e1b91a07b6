//! Variables that are kept on the stack from the start.
//!
//! An allocator of registers works on values, and where ways come together the values of one variable should be in one place,
//! or there are moves. In an interpreter's loop, to which some hundred branches lead, it stops trying at some size, and then
//! variables that are hardly ever used are moved from one place on the stack to another with every instruction that is
//! interpreted. A variable that is a cell of the stack is never moved.

use super::Translator;
use crate::analysis::webs::{Web, webs};
use bailiwick_runtime_abi::types::ValType;
use cranelift_codegen::ir::Value;
use wasmparser::FunctionBody;

/// Locals and bytes of a function in which there may be such variables.
const MIN_LOCALS: usize = 16;
const MIN_BYTES: u64 = 2000;
/// Labels at which several values of one come together.
const MIN_JOINS: u32 = 8;
/// Accesses for each branch to those, both weighted. Measured, x86_64, in the interpreters of four programs: at 0.3 QuickJS's
/// takes 0.2 longer, at 0.05 PCRE2's gains a third less.
const MAX_ACCESSES: f32 = 0.2;

/// Whether a variable is used so rarely.
fn is_rare(web: &Web) -> bool {
    web.values > 1 && web.joins >= MIN_JOINS && web.weight <= MAX_ACCESSES * web.edges
}

impl Translator<'_, '_> {
    /// Decides which variables of a function are kept on the stack. `types` are those of parameters and locals, `params` what
    /// the first begin as.
    ///
    /// None is accessed in a loop that may be made in vectors: what does that knows locals, and not the variables in them.
    pub(super) fn spill(
        &mut self,
        body: &FunctionBody<'_>,
        types: &[ValType],
        params: &[Value],
    ) -> wasmparser::Result<()> {
        let range = body.range();
        if types.len() < MIN_LOCALS || range.end - range.start < MIN_BYTES {
            return Ok(());
        }
        let facts = self.env.facts;
        let short = |offset| facts.steady_loop(offset).is_some_and(|steady| steady.short.is_some());
        let Some(mut found) = webs(body, types.len(), short)? else { return Ok(()) };
        found.accesses.sort_unstable_by_key(|&(_, web)| web);
        for (number, web) in found.webs.iter().enumerate() {
            let ty = types[web.local as usize];
            if !is_rare(web) || web.in_named_loop || !matches!(ty, ValType::I32 | ValType::I64) {
                continue;
            }
            let first =
                (found.first[web.local as usize] == number as u32).then(|| match params.get(web.local as usize) {
                    Some(&value) => value,
                    None => self.zero(ty),
                });
            let start = found.accesses.partition_point(|&(_, web)| web < number as u32);
            let accesses = found.accesses[start..].iter().take_while(|&&(_, web)| web == number as u32);
            self.spill_web(ty, first, accesses.map(|&(offset, _)| offset));
        }
        Ok(())
    }
}
