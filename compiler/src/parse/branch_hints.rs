//! The custom section `metadata.code.branch_hint`: which way branches are likely to go.
//!
//! It can't change what a module means, so nothing about it is an error: what can't be read, or says something of a
//! place where no branch is, is left out.

use crate::module::Module;
use wasmparser::BranchHintSectionReader;

/// Takes over the hints, up to where the section is damaged.
pub(super) fn read(module: &mut Module<'_>, section: BranchHintSectionReader<'_>) {
    for function in section {
        let Ok(function) = function else { return };
        let mut hints = Vec::new();
        for hint in function.hints {
            let Ok(hint) = hint else { break };
            hints.push((hint.func_offset, hint.taken));
        }
        // The first of several for one place counts.
        hints.sort_by_key(|&(offset, _)| offset);
        hints.dedup_by_key(|&mut (offset, _)| offset);
        module.branch_hints.entry(function.func).or_insert(hints);
    }
}
