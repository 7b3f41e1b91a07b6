//! Everything that an artifact's tables promise one another, record by record.

use bailiwick_runtime_abi::convention::{TAG_SIZE, signature_tag};
use bailiwick_runtime_abi::format::*;
use bailiwick_runtime_abi::limits::segment_alignment;
use bailiwick_runtime_abi::trap::{CALL_SITE, TrapCode};
use bailiwick_runtime_abi::types::{Arch, Composite, ValType};
use bailiwick_runtime_abi::view::View;
use sha2::{Digest, Sha256};

/// Panics if the artifact is inconsistent; `wasm_len` is the length of the binary it was made from.
pub fn check(artifact: &[u8], wasm_len: usize) {
    let aligned = super::Aligned::new(artifact);
    let view = View::new(aligned.bytes(), artifact.len() as u64).expect("the view accepts it");
    let header = view.header();
    assert_eq!(view.compiler(), bailiwick_compiler::VERSION);
    assert!(view.string(header.options).unwrap().starts_with("--target "));
    hash(artifact, header);
    types(&view);
    text(&view, wasm_len);
    inlined(&view);
    functions(&view);
    frames(&view);
    names(&view);
    adapters(&view);
    memories(&view);
    tables(&view);
    segments(&view);
    assert!(header.layout().is_some());
}

fn hash(artifact: &[u8], header: &Header) {
    let mut zeroed = artifact.to_vec();
    let field = HEADER_OFFSET + std::mem::offset_of!(Header, content_sha256);
    zeroed[field..field + 32].fill(0);
    let field = HEADER_OFFSET + std::mem::offset_of!(Header, header_checksum);
    zeroed[field..field + 8].fill(0);
    assert_eq!(header.content_sha256, <[u8; 32]>::from(Sha256::digest(&zeroed)));
}

fn types(view: &View<'_>) {
    for (i, ty) in view.types().iter().enumerate() {
        let canonical = &view.types()[ty.canonical as usize];
        assert!(ty.canonical as usize <= i && canonical.canonical == ty.canonical);
        assert_eq!((ty.entry_stub, ty.exit_stub), (canonical.entry_stub, canonical.exit_stub));
        assert_eq!((ty.composite, ty.flags), (canonical.composite, canonical.flags));
        if ty.composite != Composite::Func as u32 {
            continue;
        }
        let values = |range| view.value_types(range).unwrap().collect::<Vec<ValType>>();
        // Within a recursion group equal types name others.
        let shapes = |range| values(range).into_iter().map(ValType::shape).collect::<Vec<u8>>();
        assert_eq!(shapes(ty.params), shapes(canonical.params));
        assert_eq!(shapes(ty.results), shapes(canonical.results));
        for (stub, kind) in [(ty.entry_stub, TextKind::Entry), (ty.exit_stub, TextKind::Exit)] {
            if stub != NONE {
                let record = view.text_at(stub).expect("a stub is text");
                assert_eq!((record.offset, record.kind, record.index), (stub, kind as u32, ty.canonical));
            }
        }
    }
}

fn text(view: &View<'_>, wasm_len: usize) {
    let mut end = 0;
    for record in view.text_map() {
        assert!(record.offset >= end && record.len > 0, "stretches of text are ascending");
        let mut padding = &view.text()[end as usize..record.offset as usize];
        if let Some(tag) = tag(view, record) {
            assert!(view.has_tag(record.offset, tag), "the tag of {record:?}");
            padding = &padding[..padding.len() - TAG_SIZE];
        }
        let trap = if view.arch() == Arch::X86_64 { 0xcc } else { 0 };
        assert!(padding.iter().all(|&b| b == trap), "padding traps");
        end = record.offset + record.len;
    }
    assert!(end as usize <= view.text().len());
    let denied = view.text_at(view.header().denied_stub).unwrap();
    assert_eq!((denied.offset, denied.kind), (view.header().denied_stub, TextKind::Denied as u32));

    let sites: Vec<(u32, u8, u32)> = view.all_sites().collect();
    assert_eq!(sites.len(), view.site_codes().len(), "every site is in a page");
    for (i, &(offset, code, wasm_offset)) in sites.iter().enumerate() {
        let record = view.text_at(offset.saturating_sub(u32::from(code == CALL_SITE))).expect("a site is in text");
        assert!(code == CALL_SITE || TrapCode::from_byte(code).is_some());
        if record.kind == TextKind::Function as u32 {
            assert!((wasm_offset as usize) < wasm_len, "a site of {record:?} without its operator");
        } else {
            assert_eq!(wasm_offset, NONE);
        }
        let calls: Vec<&InlineFrame> = view.inlined(i as u32).collect();
        assert!(calls.is_empty() || record.kind == TextKind::Function as u32, "{record:?} has nothing inlined");
        for call in calls {
            assert!((call.function as usize) < view.functions().len() && (call.call_offset as usize) < wasm_len);
        }
        if i > 0 {
            // Where a call returns to an instruction that may trap, the call comes first.
            let before = sites[i - 1];
            assert!((before.0, before.1 != CALL_SITE) < (offset, code != CALL_SITE));
        }
        let found = if code == CALL_SITE {
            view.call_site(offset)
        } else {
            view.trap_site(offset).filter(|site| site.code == code)
        };
        assert_eq!(found.map(|site| site.wasm_offset), Some(wasm_offset), "a look-up finds what there is");
    }
}

/// What was inlined: runs of sites, each told apart from the one before, and calls behind those around them.
fn inlined(view: &View<'_>) {
    let (runs, frames) = (view.inline_runs(), view.inline_frames());
    assert!(runs.is_sorted_by(|a, b| a.site < b.site && a.frame != b.frame));
    assert!(runs.first().is_none_or(|run| run.frame != NONE));
    assert!(runs.iter().all(|run| (run.site as usize) < view.site_low().len()));
    assert!(runs.iter().all(|run| run.frame == NONE || (run.frame as usize) < frames.len()));
    assert!(frames.iter().enumerate().all(|(i, frame)| frame.outer == NONE || (frame.outer as usize) < i));
}

/// The tag of what the loader may take the address of.
fn tag(view: &View<'_>, record: &TextRecord) -> Option<u64> {
    let kinds =
        [TextKind::Function, TextKind::Thunk, TextKind::Entry, TextKind::Exit, TextKind::Denied, TextKind::Adapter];
    let kind = kinds.into_iter().find(|&kind| kind as u32 == record.kind).unwrap();
    let ty = match kind {
        TextKind::Function if view.functions()[record.index as usize].escape == NONE => return None,
        TextKind::Denied => return None,
        TextKind::Function | TextKind::Thunk | TextKind::Adapter => view.functions()[record.index as usize].type_index,
        TextKind::Entry | TextKind::Exit => record.index,
    };
    let ty = &view.types()[ty as usize];
    Some(signature_tag(kind, ty.canonical, view.value_types(ty.params).unwrap(), view.value_types(ty.results).unwrap()))
}

fn frames(view: &View<'_>) {
    let header = view.header();
    assert_eq!(header.frames_checksum, header.frames_checksum(view.bytes()));
    let function = |offset: u32| view.text_at(offset).expect("a call is in a function").offset;
    assert!(view.handler_sites().is_sorted_by_key(|site| site.return_offset));
    for site in view.handler_sites() {
        assert!(view.call_site(site.return_offset).is_some(), "a call with handlers is a call");
        assert!(site.context_offset + 8 <= site.frame_offset, "the context lies in the frame");
        let handlers = view.range("handlers", view.handlers(), site.handlers).unwrap();
        assert!(!handlers.is_empty());
        for handler in handlers {
            assert!(handler.tag == NONE || (handler.tag as usize) < view.tags().len());
            assert_eq!(function(handler.landing), function(site.return_offset - 1));
        }
    }
    assert!(view.root_sites().is_sorted_by_key(|site| site.return_offset));
    for site in view.root_sites() {
        assert!(view.call_site(site.return_offset).is_some(), "a call with references is a call");
        for slot in view.range("root_slots", view.root_slots(), site.slots).unwrap() {
            assert!(slot + 8 <= site.frame_offset, "a reference lies in the frame");
        }
    }
}

fn functions(view: &View<'_>) {
    let imported = view.header().counts.imported_functions as usize;
    for (i, function) in view.functions().iter().enumerate() {
        let ty = &view.types()[function.type_index as usize];
        if i >= imported && function.text_offset == NONE {
            // Nothing calls it.
            assert_eq!((function.escape, function.text_len), (NONE, 0));
        } else if i >= imported {
            let record = view.text_at(function.text_offset).unwrap();
            assert_eq!((record.kind, record.index), (TextKind::Function as u32, i as u32));
            assert_eq!((record.offset, record.len), (function.text_offset, function.text_len));
        } else {
            assert_ne!(ty.exit_stub, NONE, "an import's type has an exit stub");
            if function.text_offset != NONE {
                let record = view.text_at(function.text_offset).unwrap();
                assert_eq!((record.kind, record.index), (TextKind::Thunk as u32, i as u32));
            }
        }
        if function.escape != NONE {
            assert_eq!(view.escapes()[function.escape as usize], i as u32);
            assert_ne!(ty.entry_stub, NONE, "an escaping function's type has an entry stub");
            assert_ne!(function.text_offset, NONE, "a reference to it has an address");
        }
    }
    for (i, &function) in view.escapes().iter().enumerate() {
        assert_eq!(view.functions()[function as usize].escape, i as u32);
    }
    let start = view.header().start_function;
    assert!(start == NONE || (start as usize) < view.functions().len());
}

fn names(view: &View<'_>) {
    let count = |kind| match kind {
        Kind::Function => view.functions().len(),
        Kind::Table => view.tables().len(),
        Kind::Memory => view.memories().len(),
        Kind::Global => view.globals().len(),
        Kind::Tag => view.tags().len(),
    };
    for import in view.imports() {
        view.string(import.module).unwrap();
        view.string(import.name).unwrap();
        assert!((import.index as usize) < count(Kind::from_u32(import.kind).unwrap()));
    }
    let mut last = None;
    for export in view.exports() {
        let name = view.string(export.name).unwrap();
        assert!(last < Some(name.as_bytes()), "exports are sorted");
        last = Some(name.as_bytes());
        let kind = Kind::from_u32(export.kind).unwrap();
        assert!((export.index as usize) < count(kind));
        if kind == Kind::Function {
            assert_ne!(view.functions()[export.index as usize].escape, NONE, "an exported function escapes");
        }
        assert_eq!(view.export(name).unwrap().index, export.index);
    }
    for function in view.functions() {
        view.string(function.name).unwrap();
    }
}

/// Each adapter is one of an imported function, whose record leads to it.
fn adapters(view: &View<'_>) {
    let mut found = 0;
    let world = view.world().unwrap();
    for import in view.imports().iter().filter(|import| import.adapter != NONE) {
        assert_eq!(import.kind, Kind::Function as u32);
        let record = view.text_at(import.adapter).unwrap();
        assert_eq!(
            (record.offset, record.kind, record.index),
            (import.adapter, TextKind::Adapter as u32, import.index)
        );
        let world = world.as_ref().expect("adapters are made from a world");
        let name = (view.string(import.module).unwrap(), view.string(import.name).unwrap());
        assert!(world.import(name.0, name.1).is_some(), "{name:?} is a function of the world");
        found += 1;
    }
    let all = view.text_map().iter().filter(|record| record.kind == TextKind::Adapter as u32).count();
    assert_eq!(found, all);
}

fn memories(view: &View<'_>) {
    let alignment = segment_alignment(view.arch());
    let image = view.header().image;
    let mut end = (0, 0);
    for run in view.image_runs() {
        let memory = &view.memories()[run.memory as usize];
        assert!(run.memory_offset % alignment == 0 && run.bytes.offset % alignment == 0);
        assert!((run.memory, run.memory_offset) >= end, "runs do not overlap");
        end = (run.memory, (run.memory_offset + run.bytes.len).next_multiple_of(alignment));
        assert!(run.memory_offset + run.bytes.len <= memory.minimum << memory.page_size_log2);
        assert!(run.bytes.offset >= image.offset);
        let padded = run.bytes.offset + run.bytes.len.next_multiple_of(alignment);
        assert!(padded <= image.offset + image.len);
        let behind = &view.bytes()[(run.bytes.offset + run.bytes.len) as usize..padded as usize];
        assert!(behind.iter().all(|&b| b == 0));
    }
}

fn tables(view: &View<'_>) {
    let base = view.header().tables[Table::CallTables as usize].offset;
    for table in view.tables() {
        let entries = view.range("call_tables", view.call_tables(), table.call_table).unwrap();
        if table.flags & TABLE_IMMUTABLE != 0 {
            // An index out of bounds means the one behind the last.
            let (last, _) = entries.split_last().expect("a null behind the elements");
            assert_eq!((entries.len() as u64, last.canonical_type), (table.minimum + 1, NONE));
        } else {
            assert!(entries.is_empty());
        }
        let first = base + u64::from(table.call_table.start) * size_of::<CallEntry>() as u64;
        for entry in entries {
            if entry.canonical_type == NONE {
                assert_eq!(entry.target, 0);
                continue;
            }
            let target = first.wrapping_add_signed(i64::from(entry.target)) - view.header().text.offset;
            let record = view.text_at(target as u32).unwrap();
            assert_eq!(u64::from(record.offset), target);
            let function = &view.functions()[record.index as usize];
            assert_eq!(view.types()[function.type_index as usize].canonical, entry.canonical_type);
        }
        let image = view.range("element_items", view.element_items(), table.image).unwrap();
        assert!(image.len() as u64 <= table.minimum);
        image.iter().for_each(|&item| escapes(view, item));
        const_expr(view, table.init);
    }
}

fn escapes(view: &View<'_>, function: u32) {
    assert!(function == NONE || view.functions()[function as usize].escape != NONE);
}

fn const_expr(view: &View<'_>, range: Range) {
    for op in view.range("const_ops", view.const_ops(), range).unwrap() {
        match ConstOpcode::from_u32(op.opcode).unwrap() {
            ConstOpcode::GlobalGet => assert!((op.index as usize) < view.globals().len()),
            ConstOpcode::RefFunc => escapes(view, op.index),
            _ => {}
        }
    }
}

fn segments(view: &View<'_>) {
    for global in view.globals() {
        view.value_type(global.val_type).unwrap();
        const_expr(view, global.init);
    }
    for element in view.elements() {
        let mode = SegmentMode::from_u32(element.mode).unwrap();
        assert!(mode != SegmentMode::Dropped || element.items.len == 0);
        const_expr(view, element.offset);
        if element.exprs == 0 {
            let items = view.range("element_items", view.element_items(), element.items).unwrap();
            items.iter().for_each(|&item| escapes(view, item));
        } else {
            for &expr in view.range("element_exprs", view.element_exprs(), element.items).unwrap() {
                const_expr(view, expr);
            }
        }
    }
    for data in view.data_segments() {
        let mode = SegmentMode::from_u32(data.mode).unwrap();
        assert!(mode != SegmentMode::Dropped || data.bytes.len == 0);
        const_expr(view, data.offset);
        assert_eq!(view.data(data.bytes).unwrap().len() as u64, data.bytes.len);
    }
}
