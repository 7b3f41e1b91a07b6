//! What of initialising the modules is left to a start function.
//!
//! The specification initialises an instance as a whole: element segments, data segments, start function. Of several
//! instances each is done before the next. One merged module has all segments of all modules in front of all start
//! functions, which nobody can tell from that unless a start function is in between, or a segment fails and something of
//! what was done is seen from outside. Where it could be told, a module's segments become passive, and the start function
//! applies them when it is their turn.

use super::layout::{Layout, Part};
use crate::module::{ConstOp, Entity, SegmentKind};

/// Something that the merged module's start function does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Calls a function of the merged module.
    Call(u32),
    /// Applies the active segments of a part.
    Segments(usize),
}

/// What is to be done, in order, after the segments that stay active.
pub(super) fn steps(layout: &Layout<'_>) -> Vec<Step> {
    let parts = layout.parts.iter().zip(&layout.providers);
    let mut left = parts.flat_map(|(part, providers)| part.module.imports.iter().zip(providers));
    // What a failed instantiation leaves behind in those is seen by others.
    let visible = left
        .any(|(import, provider)| provider.is_none() && matches!(import.entity, Entity::Table(_) | Entity::Memory(_)));
    let mut steps = Vec::new();
    for (i, part) in layout.parts.iter().enumerate() {
        if i > 0 && (visible || !steps.is_empty()) && !private(part) {
            steps.push(Step::Segments(i));
        }
        let calls = part.module.start.into_iter().chain(initialiser(part));
        let (functions, _) = Entity::Function(0).split();
        let merged = &layout.indices[i].entities[functions];
        steps.extend(calls.filter_map(|function| merged.get(function as usize).copied()).map(Step::Call));
    }
    steps
}

/// What `bailiwick run --preload` calls before it instantiates the next module: a library's constructors.
fn initialiser(part: &Part<'_>) -> Option<u32> {
    let Some(Entity::Function(function)) = part.name.and_then(|_| part.export("_initialize")) else { return None };
    let ty = part.module.function_type(function);
    (ty.params.is_empty() && ty.results.is_empty()).then_some(function)
}

/// Whether a module's active segments fill only what it defines itself, and can't fail: then nobody can tell when.
fn private(part: &Part<'_>) -> bool {
    let module = &part.module;
    let fits = |offset: &[ConstOp], len: usize, size: u64| match offset {
        [ConstOp::Const(start)] => start.checked_add(len as u64).is_some_and(|end| end <= size),
        _ => false,
    };
    let elements = module.elements.iter().all(|element| match &element.kind {
        SegmentKind::Active { index, offset } => {
            *index >= module.imported_tables
                && fits(offset, element.items.len(), module.tables[*index as usize].minimum)
        }
        SegmentKind::Passive | SegmentKind::Declared => true,
    });
    elements
        && module.data.iter().all(|data| match &data.kind {
            SegmentKind::Active { index, offset } => {
                *index >= module.imported_memories
                    && fits(offset, data.bytes.len(), module.memories[*index as usize].minimum_bytes())
            }
            SegmentKind::Passive | SegmentKind::Declared => true,
        })
}
