//! What segments, imports and exports show of the features that a module uses; `declared_features` has what types show.

use crate::module::{ConstOp, ElementItems, Entity, Module, SegmentKind};
use bailiwick_runtime_abi::types::{ValType, WasmFeature};

/// Bits of [`WasmFeature`], and of those that they are built upon.
pub(crate) fn with_foundations(bits: u64) -> u64 {
    let built_upon_references = [WasmFeature::FunctionReferences, WasmFeature::Gc, WasmFeature::Exceptions];
    let needed = built_upon_references.iter().any(|feature| bits & feature.bit() != 0);
    bits | if needed { WasmFeature::ReferenceTypes.bit() } else { 0 }
}

/// Bits of [`WasmFeature`].
pub(super) fn in_segments_and_names(module: &Module<'_>) -> u64 {
    let mut bits = 0;
    let mut add = |used: bool, feature: WasmFeature| bits |= if used { feature.bit() } else { 0 };
    let mutable = |entity: &Entity| match entity {
        Entity::Global(index) => module.globals.get(*index as usize).is_some_and(|global| global.mutable),
        _ => false,
    };
    let imported = module.imports.iter().map(|import| &import.entity);
    let mut visible = imported.chain(module.exports.iter().map(|export| &export.entity));
    add(visible.any(mutable), WasmFeature::MutableGlobal);
    let kinds = module.elements.iter().map(|e| &e.kind).chain(module.data.iter().map(|d| &d.kind));
    let not_active = |kind: &SegmentKind| !matches!(kind, SegmentKind::Active { .. });
    add(kinds.clone().any(not_active), WasmFeature::BulkMemory);
    let expressions = |items: &ElementItems| matches!(items, ElementItems::Exprs(_));
    add(module.elements.iter().any(|element| expressions(&element.items)), WasmFeature::ReferenceTypes);
    add(module.elements.iter().any(|e| e.element_type == ValType::EXTERNREF), WasmFeature::ReferenceTypes);
    let offsets = kinds.filter_map(|kind| match kind {
        SegmentKind::Active { offset, .. } => Some(offset),
        _ => None,
    });
    let sums = |op: &ConstOp| {
        use ConstOp::{I32Add, I32Mul, I32Sub, I64Add, I64Mul, I64Sub};
        matches!(op, I32Add | I32Mul | I32Sub | I64Add | I64Mul | I64Sub)
    };
    add(offsets.clone().flatten().any(sums), WasmFeature::ExtendedConst);
    // Constants of globals that the module itself defines came with the types that are declared by that proposal here.
    let imported = module.imported_globals;
    let own = |op: &ConstOp| matches!(op, ConstOp::GlobalGet(index) if *index >= imported);
    let exprs = module.elements.iter().filter_map(|element| match &element.items {
        ElementItems::Exprs(exprs) => Some(exprs),
        ElementItems::Functions(_) => None,
    });
    let constants = module.globals.iter().map(|global| &global.init).chain(exprs.flatten()).chain(offsets.clone());
    let constants = constants.chain(module.tables.iter().filter_map(|table| table.init.as_ref()));
    add(constants.flatten().any(own), WasmFeature::FunctionReferences);
    add(module.tables.iter().any(|table| table.init.is_some()), WasmFeature::FunctionReferences);
    let mut values = module.globals.iter().flat_map(|global| &global.init);
    let references = |op: &ConstOp| matches!(op, ConstOp::RefFunc(_) | ConstOp::RefNull);
    add(values.any(references), WasmFeature::ReferenceTypes);
    bits
}
