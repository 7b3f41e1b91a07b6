//! Which globals are constants.

use super::{Exported, Uses};
use crate::module::{ConstOp, Module};

/// For each global that always has one value known now, that value's bits.
///
/// A global that the module defines is one if its initial value is a number or null and nobody writes it: it is
/// immutable, or else neither exported nor named by a `global.set`.
pub(super) fn constants(module: &Module<'_>, uses: &Uses, exported: &Exported) -> Vec<Option<u64>> {
    let mut written = exported.globals.clone();
    for &global in &uses.set_globals {
        written[global as usize] = true;
    }
    let mut constants: Vec<Option<u64>> = Vec::with_capacity(module.globals.len());
    for (i, global) in module.globals.iter().enumerate() {
        let fixed = !global.mutable || !written[i];
        let known = match global.init.as_slice() {
            _ if i < module.imported_globals as usize || !fixed => None,
            [ConstOp::Const(bits)] => Some(*bits),
            [ConstOp::RefNull] => Some(0),
            // Only earlier globals may be named.
            [ConstOp::GlobalGet(other)] if !module.globals[*other as usize].mutable => {
                constants.get(*other as usize).copied().flatten()
            }
            _ => None,
        };
        constants.push(known);
    }
    constants
}
