//! Of which functions a reference can be made.

use super::Uses;
use crate::module::{ConstExpr, ConstOp, ElementItems, Entity, Module, SegmentKind};

/// Functions that are exported, the start function, named by `ref.func` in a body or a constant expression, or in an
/// element segment that ends up in a table which exists at run time. Ascending.
pub(super) fn escapes(module: &Module<'_>, uses: &Uses, call_tables: &[Option<Vec<Option<u32>>>]) -> Vec<u32> {
    let mut escapes = uses.ref_funcs.clone();
    // The loader calls it.
    escapes.extend(module.start);
    let named = |expr: &ConstExpr, escapes: &mut Vec<u32>| {
        escapes.extend(expr.iter().filter_map(|op| match op {
            ConstOp::RefFunc(function) => Some(*function),
            _ => None,
        }));
    };
    for export in &module.exports {
        if let Entity::Function(function) = export.entity {
            escapes.push(function);
        }
    }
    for global in &module.globals {
        named(&global.init, &mut escapes);
    }
    for table in &module.tables {
        if let Some(init) = &table.init {
            named(init, &mut escapes);
        }
    }
    for element in &module.elements {
        match &element.kind {
            SegmentKind::Active { index, .. } if call_tables[*index as usize].is_some() => continue,
            // What it declares is used only where a `ref.func` says so.
            SegmentKind::Declared => continue,
            SegmentKind::Active { .. } | SegmentKind::Passive => {}
        }
        match &element.items {
            ElementItems::Functions(functions) => escapes.extend(functions),
            ElementItems::Exprs(exprs) => exprs.iter().for_each(|expr| named(expr, &mut escapes)),
        }
    }
    escapes.sort_unstable();
    escapes.dedup();
    escapes
}
