//! Which tables are immutable, so that they can be read-only data beside the code.

use super::images::flatten_table;
use super::{Exported, Uses};
use crate::module::Module;

/// An immutable table may have this many empty elements, besides as many as it has others. They take up space.
const EMPTY_ELEMENTS: u64 = 1024;

/// For each table that is immutable, its elements, and a null behind them for all indices that are out of bounds.
///
/// It is one if the module defines it, holds functions, and nobody else can see it (not exported) and nothing
/// touches it but `call_indirect`, `table.size` and active segments whose places are known and in bounds.
pub(super) fn call_tables(module: &Module<'_>, uses: &Uses, exported: &Exported) -> Vec<Option<Vec<Option<u32>>>> {
    // With subtypes, more than one type may fit a call.
    let subtypes = module.definitions.iter().any(|definition| definition.supertype.is_some());
    let candidate = |i: usize| {
        let table = &module.tables[i];
        !subtypes
            && i >= module.imported_tables as usize
            && table.element_type.is_function()
            && table.init.is_none()
            && !exported.tables[i]
            && !uses.touched_tables.contains(&(i as u32))
    };
    (0..module.tables.len())
        .map(|i| {
            let table = &module.tables[i];
            let mut elements = candidate(i).then(|| flatten_table(module, i as u32))??;
            let used = elements.iter().flatten().count() as u64;
            if table.minimum > EMPTY_ELEMENTS.saturating_add(used.saturating_mul(2)) {
                return None;
            }
            elements.resize(table.minimum as usize + 1, None);
            Some(elements)
        })
        .collect()
}

/// For each table whose length never changes, that length.
pub(super) fn constant_lengths(module: &Module<'_>, uses: &Uses, exported: &Exported) -> Vec<Option<u64>> {
    (0..module.tables.len())
        .map(|i| {
            let fixed =
                i >= module.imported_tables as usize && !exported.tables[i] && !uses.grown_tables.contains(&(i as u32));
            fixed.then_some(module.tables[i].minimum)
        })
        .collect()
}
