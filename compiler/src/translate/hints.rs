//! Which way a branch is likely to go, by the module's branch hints: the block on the other way is laid out behind the
//! function's other code.

use super::Translator;
use cranelift_codegen::ir::Block;

/// The hints of one function.
#[derive(Clone, Copy, Default)]
pub(super) struct Hints<'a> {
    /// Where its body begins in the binary.
    pub body: u32,
    /// Offsets in the body, ascending, and whether the branch there is likely to be taken.
    pub branches: &'a [(u32, bool)],
}

impl Hints<'_> {
    fn at(&self, offset: u32) -> Option<bool> {
        let offset = offset.checked_sub(self.body)?;
        let found = self.branches.binary_search_by_key(&offset, |&(offset, _)| offset).ok()?;
        Some(self.branches[found].1)
    }
}

impl Translator<'_, '_> {
    /// Whether the branch that is being translated is likely to be taken, if that is known.
    pub(super) fn likely(&self) -> Option<bool> {
        self.hints.at(self.offset)
    }

    /// Marks the block that the branch being translated is unlikely to go to: `taken` if its condition is not 0, or
    /// `otherwise`.
    pub(super) fn mark_unlikely(&mut self, taken: Block, otherwise: Block) {
        match self.likely() {
            Some(true) => self.builder.set_cold_block(otherwise),
            Some(false) => self.builder.set_cold_block(taken),
            None => {}
        }
    }
}
