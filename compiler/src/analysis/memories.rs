//! Which memories always have one length.

use super::{Exported, Uses};
use crate::module::Module;

/// For each memory whose length never changes, that length in bytes.
///
/// It does not if its type says so, whoever defines it; else if the module defines it, nobody else can see it (not exported)
/// and no operator grows it.
pub(super) fn constant_lengths(module: &Module<'_>, uses: &Uses, exported: &Exported) -> Vec<Option<u64>> {
    (0..module.memories.len())
        .map(|i| {
            let memory = &module.memories[i];
            let private = i >= module.imported_memories as usize
                && !exported.memories[i]
                && !uses.grown_memories.contains(&(i as u32));
            (private || memory.maximum == Some(memory.minimum)).then(|| memory.minimum_bytes())
        })
        .collect()
}
