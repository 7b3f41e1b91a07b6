//! Initial contents of memories and tables, made now from the active segments where their places are known, so that
//! instantiation maps them instead of copying.
//!
//! A failed instantiation can be seen from outside only if functions of this module were put into an imported
//! table before it failed; segments behind the failure must then not have been applied. So with an active segment
//! for an imported table, nothing is made in advance.

use crate::module::{ConstOp, Data, ElementItems, Module, SegmentKind};
use bailiwick_runtime_abi::limits::{MAX_MEMORY_SIZE, segment_alignment};
use bailiwick_runtime_abi::types::Arch;

/// A gap of zeros that is longer than this, in bytes, ends a run.
const MAX_GAP: u64 = 256 << 10;

/// An image may be this many bytes long, besides [`MAX_GROWTH`] times what the segments hold: segments that are
/// spread out would otherwise make a small module a huge artifact.
const MAX_SPREAD: u64 = 4 << 20;
/// See [`MAX_SPREAD`].
const MAX_GROWTH: u64 = 8;

/// A run of a memory's initial contents.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Index of the memory.
    pub memory: u32,
    /// Where it begins, in bytes; a multiple of the segment alignment.
    pub offset: u64,
    /// Its bytes; what follows up to the alignment is zero.
    pub bytes: Vec<u8>,
}

/// What was made in advance.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Images {
    /// Runs, by memory and offset.
    pub runs: Vec<Run>,
    /// For each table, the image of its first elements: functions, or `None` for null.
    pub tables: Vec<Option<Vec<Option<u32>>>>,
    /// For each data segment, whether an image holds it.
    pub data_done: Vec<bool>,
    /// For each element segment, whether an image or a call table holds it.
    pub elements_done: Vec<bool>,
}

impl Images {
    /// Makes all that can be made.
    pub fn new(module: &Module<'_>, call_tables: &[Option<Vec<Option<u32>>>], arch: Arch) -> Images {
        let mut images = Images {
            runs: Vec::new(),
            tables: vec![None; module.tables.len()],
            data_done: vec![false; module.data.len()],
            elements_done: vec![false; module.elements.len()],
        };
        let observable = module
            .elements
            .iter()
            .any(|e| matches!(e.kind, SegmentKind::Active { index, .. } if index < module.imported_tables));
        for (table, call_table) in call_tables.iter().enumerate() {
            if call_table.is_none() {
                if observable || (table as u32) < module.imported_tables {
                    continue;
                }
                images.tables[table] = flatten_table(module, table as u32);
                if images.tables[table].is_none() {
                    continue;
                }
            }
            for (done, element) in images.elements_done.iter_mut().zip(&module.elements) {
                *done |= matches!(element.kind, SegmentKind::Active { index, .. } if index as usize == table);
            }
        }
        if observable {
            return images;
        }
        for memory in module.imported_memories..module.memories.len() as u32 {
            if let Some(runs) = flatten_memory(module, memory, segment_alignment(arch)) {
                images.runs.extend(runs);
                for (done, data) in images.data_done.iter_mut().zip(&module.data) {
                    *done |= matches!(data.kind, SegmentKind::Active { index, .. } if index == memory);
                }
            }
        }
        images
    }
}

/// The elements of a function table, up to the last that a segment sets; `None` if a segment's place or contents
/// are not known, or are out of bounds.
pub(super) fn flatten_table(module: &Module<'_>, table: u32) -> Option<Vec<Option<u32>>> {
    let definition = &module.tables[table as usize];
    if !definition.element_type.is_function() || definition.init.is_some() {
        return None;
    }
    let mut elements: Vec<Option<u32>> = Vec::new();
    let mut items = 0;
    for element in &module.elements {
        let SegmentKind::Active { index, offset } = &element.kind else { continue };
        if *index != table {
            continue;
        }
        let &[ConstOp::Const(start)] = offset.as_slice() else { return None };
        let end = start.checked_add(element.items.len() as u64).filter(|&end| end <= definition.minimum)?;
        items += element.items.len() as u64;
        if end > MAX_SPREAD / 4 + items * MAX_GROWTH {
            return None;
        }
        if elements.len() < end as usize {
            elements.resize(end as usize, None);
        }
        let target = &mut elements[start as usize..end as usize];
        match &element.items {
            ElementItems::Functions(functions) => {
                target.iter_mut().zip(functions).for_each(|(element, function)| *element = Some(*function));
            }
            ElementItems::Exprs(exprs) => {
                for (element, expr) in target.iter_mut().zip(exprs) {
                    *element = match expr.as_slice() {
                        [ConstOp::RefFunc(function)] => Some(*function),
                        [ConstOp::RefNull] => None,
                        _ => return None,
                    };
                }
            }
        }
    }
    Some(elements)
}

/// The runs of a memory; `None` if a segment's place is not known or out of bounds.
fn flatten_memory(module: &Module<'_>, memory: u32, alignment: u64) -> Option<Vec<Run>> {
    // With more than there can be, no instance is made. Nothing below overflows.
    let size = module.memories[memory as usize].minimum_bytes().min(MAX_MEMORY_SIZE);
    let mut segments: Vec<(u64, &Data<'_>)> = Vec::new();
    for data in &module.data {
        let SegmentKind::Active { index, offset } = &data.kind else { continue };
        if *index != memory {
            continue;
        }
        let &[ConstOp::Const(start)] = offset.as_slice() else { return None };
        start.checked_add(data.bytes.len() as u64).filter(|&end| end <= size)?;
        segments.push((start, data));
    }
    let ranges = runs_of(
        segments.iter().filter_map(|(start, data)| {
            // Zeros at both ends need no place in the file.
            let first = data.bytes.iter().position(|&b| b != 0)?;
            let last = data.bytes.iter().rposition(|&b| b != 0)?;
            Some((start + first as u64, start + last as u64 + 1))
        }),
        alignment,
    );
    let held: u64 = segments.iter().map(|(_, data)| data.bytes.len() as u64).sum();
    let needed: u64 = ranges.iter().map(|(start, end)| (end - start).next_multiple_of(alignment)).sum();
    if needed > MAX_SPREAD + held * MAX_GROWTH {
        return None;
    }
    let mut runs: Vec<Run> = ranges
        .iter()
        .map(|&(start, end)| Run { memory, offset: start, bytes: vec![0; (end - start) as usize] })
        .collect();
    // In order, so that a later segment overwrites an earlier one, with its zeros too.
    for (start, data) in &segments {
        let end = start + data.bytes.len() as u64;
        let first = runs.partition_point(|run| run.offset + run.bytes.len() as u64 <= *start);
        for run in runs[first..].iter_mut().take_while(|run| run.offset < end) {
            let from = run.offset.max(*start);
            let to = (run.offset + run.bytes.len() as u64).min(end);
            run.bytes[(from - run.offset) as usize..(to - run.offset) as usize]
                .copy_from_slice(&data.bytes[(from - start) as usize..(to - start) as usize]);
        }
    }
    Some(runs)
}

/// Joins ranges that are near one another; each result begins at a multiple of `alignment`.
fn runs_of(ranges: impl Iterator<Item = (u64, u64)>, alignment: u64) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = ranges.map(|(start, end)| (start - start % alignment, end)).collect();
    ranges.sort_unstable();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for (start, end) in ranges {
        match runs.last_mut() {
            // Two runs never share a page, because both begin at one.
            Some(last) if start <= last.1.next_multiple_of(alignment) + MAX_GAP => last.1 = last.1.max(end),
            _ => runs.push((start, end)),
        }
    }
    runs
}
