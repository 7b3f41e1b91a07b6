//! The flat tables, each a byte string of records.

use super::Parts;
use crate::error::{CompileError, Result};
use crate::link::Text;
use crate::module::{ConstExpr, ConstOp as Op, ElementItems, Entity, SegmentKind};
use crate::symbol::Symbol;
use crate::translate::Inlined;
use bailiwick_runtime_abi::format::*;
use bailiwick_runtime_abi::types::{Composite, ValType};
use zerocopy::{Immutable, IntoBytes};

/// All tables while they are filled, by [`Table`].
pub(super) struct Tables {
    tables: [Vec<u8>; TABLE_COUNT],
    /// The string of [`Header::options`].
    pub options: Range,
}

impl Tables {
    /// A table's bytes.
    pub fn bytes(&self, table: Table) -> &[u8] {
        &self.tables[table as usize]
    }

    fn len(&self, table: Table) -> usize {
        self.tables[table as usize].len() / table.record_layout().0
    }

    fn push<T: IntoBytes + Immutable>(&mut self, table: Table, record: T) {
        debug_assert_eq!(size_of::<T>(), table.record_layout().0);
        self.tables[table as usize].extend_from_slice(record.as_bytes());
    }

    /// Adds records of one kind; the range that they take up.
    fn extend<T: IntoBytes + Immutable>(&mut self, table: Table, records: impl IntoIterator<Item = T>) -> Range {
        let start = self.len(table);
        for record in records {
            self.push(table, record);
        }
        // `check_sizes` refuses tables whose indices do not fit.
        Range { start: start as u32, len: (self.len(table) - start) as u32 }
    }

    fn string(&mut self, text: &str) -> Range {
        self.extend(Table::Strings, text.bytes())
    }

    fn val_types(&mut self, types: &[ValType]) -> Range {
        self.extend(Table::ValTypes, types.iter().map(|&ty| ty.encode()))
    }

    fn const_expr(&mut self, expr: &ConstExpr) -> Range {
        self.extend(Table::ConstOps, expr.iter().map(const_op))
    }

    fn items(&mut self, items: &[Option<u32>]) -> Range {
        self.extend(Table::ElementItems, items.iter().map(|item| item.unwrap_or(NONE)))
    }

    /// Every range's ends must fit 32 bits.
    fn check_sizes(&self) -> Result<()> {
        for &table in Table::ALL {
            if self.len(table) as u64 >= u64::from(NONE) {
                return Err(CompileError::Limit {
                    what: format!("the table of {} has {} records", table.name(), self.len(table)),
                    limit: u64::from(NONE) - 1,
                });
            }
        }
        Ok(())
    }

    /// Fills all tables but the runs of the memory image and the call tables' targets, which depend on places.
    pub fn new(parts: &Parts<'_>, text: &Text) -> Result<Tables> {
        let mut tables = Tables { tables: std::array::from_fn(|_| Vec::new()), options: Range::default() };
        tables.options = tables.string(&parts.options.canonical()?);
        tables.types(parts, text);
        tables.imports_and_exports(parts, text);
        tables.functions(parts, text)?;
        tables.memories_and_globals(parts);
        tables.element_tables(parts);
        tables.elements(parts);
        tables.data(parts);
        tables.extend(Table::World, parts.world.iter().copied());
        tables.check_sizes()?;
        Ok(tables)
    }

    fn types(&mut self, parts: &Parts<'_>, text: &Text) {
        for (ty, definition) in parts.module.types.iter().zip(&parts.module.definitions) {
            let (params, results) = match definition.composite {
                Composite::Func => (self.val_types(&ty.params), self.val_types(&ty.results)),
                Composite::Struct | Composite::Array => {
                    let types = self.extend(Table::ValTypes, definition.fields.iter().map(|field| field.0));
                    let mutable = definition.fields.iter().map(|field| u32::from(field.1));
                    (types, self.extend(Table::ValTypes, mutable))
                }
            };
            let canonical = definition.canonical;
            self.push(
                Table::Types,
                TypeRecord {
                    params,
                    results,
                    canonical,
                    entry_stub: text.offset(Symbol::Entry(canonical)).unwrap_or(NONE),
                    exit_stub: text.offset(Symbol::Exit(canonical)).unwrap_or(NONE),
                    composite: definition.composite as u32,
                    flags: if definition.is_final { TYPE_FINAL } else { 0 },
                    supertype: definition.supertype.unwrap_or(NONE),
                    group: definition.group,
                    reserved: 0,
                },
            );
        }
        self.extend(Table::Tags, parts.module.tags.iter().map(|&type_index| TagRecord { type_index }));
    }

    fn imports_and_exports(&mut self, parts: &Parts<'_>, text: &Text) {
        for (import, reach) in parts.module.imports.iter().zip(&parts.facts.reaches) {
            let (kind, index) = kind(import.entity);
            let (module, name) = (self.string(import.module), self.string(import.name));
            let adapter = match import.entity {
                Entity::Function(i) => text.offset(Symbol::Adapter(i)).unwrap_or(NONE),
                Entity::Table(_) | Entity::Memory(_) | Entity::Global(_) | Entity::Tag(_) => NONE,
            };
            self.push(Table::Imports, ImportRecord { module, name, kind, index, adapter });
            let path = self.extend(Table::ReachPaths, reach.path.iter().copied());
            self.push(Table::Reaches, ReachRecord { root: reach.root as u32, root_index: reach.index, path });
        }
        for export in parts.module.sorted_exports() {
            let (kind, index) = kind(export.entity);
            let name = self.string(export.name);
            self.push(Table::Exports, ExportRecord { name, kind, index });
        }
    }

    fn functions(&mut self, parts: &Parts<'_>, text: &Text) -> Result<()> {
        let mut lengths = vec![(NONE, 0); parts.module.functions.len()];
        let mut run = NONE;
        for (place, unit) in text.places.iter().zip(parts.units) {
            let (kind, index) = match place.symbol {
                Symbol::Function(i) => (TextKind::Function, i),
                Symbol::Thunk(i) => (TextKind::Thunk, i),
                Symbol::Entry(i) => (TextKind::Entry, i),
                Symbol::Exit(i) => (TextKind::Exit, i),
                Symbol::Denied => (TextKind::Denied, 0),
                Symbol::Adapter(i) => (TextKind::Adapter, i),
                Symbol::CallTable(_) => return Err(CompileError::internal("a call table is no unit")),
            };
            if let Symbol::Function(i) | Symbol::Thunk(i) = place.symbol {
                lengths[i as usize] = (place.offset, place.len);
            }
            self.push(Table::TextMap, TextRecord { offset: place.offset, len: place.len, kind: kind as u32, index });
            let frames = self.len(Table::InlineFrames) as u32;
            let frame = |inlined: Option<u32>| inlined.map_or(NONE, |i| frames + i);
            let calls = unit.inlined.iter().map(|&Inlined { function, call_offset, outer }| InlineFrame {
                function,
                call_offset: parts.origins.at(call_offset),
                outer: frame(outer),
            });
            self.extend(Table::InlineFrames, calls);
            for site in &unit.sites {
                if frame(site.inlined) != run {
                    run = frame(site.inlined);
                    let site = self.len(Table::SiteLow) as u32;
                    self.push(Table::InlineRuns, InlineRun { site, frame: run });
                }
                let offset = place.offset + site.offset;
                self.site_page(offset / SITE_PAGE);
                self.push(Table::SiteLow, (offset % SITE_PAGE) as u16);
                self.push(Table::SiteWasmOffsets, parts.origins.at(site.wasm_offset));
                self.push(Table::SiteCodes, site.code);
            }
            for call in &unit.frames {
                let return_offset = place.offset + call.return_offset;
                let frame_offset = call.frame_offset;
                if let Some(context_offset) = call.context_offset {
                    let handlers = call.handlers.iter().map(|handler| Handler {
                        tag: handler.tag.unwrap_or(NONE),
                        landing: place.offset + handler.landing,
                    });
                    let handlers = self.extend(Table::Handlers, handlers);
                    let site = HandlerSite { return_offset, frame_offset, context_offset, reserved: 0, handlers };
                    self.push(Table::HandlerSites, site);
                }
                if !call.roots.is_empty() {
                    let slots = self.extend(Table::RootSlots, call.roots.iter().copied());
                    self.push(Table::RootSites, RootSite { return_offset, frame_offset, slots });
                }
            }
        }
        // What is behind the last page that has a site begins where the last one ends.
        self.site_page(text.bytes.len() as u32 / SITE_PAGE + 1);
        for (i, (&type_index, (text_offset, text_len))) in parts.module.functions.iter().zip(lengths).enumerate() {
            let name = self.string(parts.module.name(i as u32));
            let escape = parts.facts.escape(i as u32).unwrap_or(NONE);
            self.push(Table::Functions, FunctionRecord { type_index, escape, text_offset, text_len, name });
        }
        self.extend(Table::Escapes, parts.facts.escapes.iter().copied());
        Ok(())
    }

    /// Says that the next site is the first of this page of text, and of those in front of it that nothing was said of.
    fn site_page(&mut self, page: u32) {
        while self.len(Table::SitePages) <= page as usize {
            self.push(Table::SitePages, self.len(Table::SiteCodes) as u32);
        }
    }

    fn memories_and_globals(&mut self, parts: &Parts<'_>) {
        for memory in &parts.module.memories {
            self.push(
                Table::Memories,
                MemoryRecord {
                    minimum: memory.minimum,
                    maximum: memory.maximum.unwrap_or(UNBOUNDED),
                    page_size_log2: memory.page_size_log2,
                    flags: if memory.index64 { MEMORY_64 } else { 0 } | if memory.shared { MEMORY_SHARED } else { 0 },
                },
            );
        }
        for global in &parts.module.globals {
            let init = self.const_expr(&global.init);
            let record = GlobalRecord { val_type: global.val_type.encode(), mutable: u32::from(global.mutable), init };
            self.push(Table::Globals, record);
        }
    }

    fn element_tables(&mut self, parts: &Parts<'_>) {
        for (i, table) in parts.module.tables.iter().enumerate() {
            let init = table.init.as_ref().map(|init| self.const_expr(init)).unwrap_or_default();
            let image = parts.facts.images.tables[i].as_ref().map(|items| self.items(items)).unwrap_or_default();
            let call_table = parts.facts.call_tables[i].as_ref().map(|elements| {
                // Targets are filled in when the table's place is known.
                let canonical = |function: u32| parts.facts.function_type(parts.module, function);
                let entry =
                    |element: &Option<u32>| CallEntry { target: 0, canonical_type: element.map_or(NONE, canonical) };
                self.extend(Table::CallTables, elements.iter().map(entry))
            });
            self.push(
                Table::Tables,
                TableRecord {
                    element_type: table.element_type.encode(),
                    flags: if call_table.is_some() { TABLE_IMMUTABLE } else { 0 }
                        | if table.index64 { TABLE_64 } else { 0 },
                    minimum: table.minimum,
                    maximum: table.maximum.unwrap_or(UNBOUNDED),
                    init,
                    image,
                    call_table: call_table.unwrap_or_default(),
                },
            );
        }
    }

    fn elements(&mut self, parts: &Parts<'_>) {
        for (element, &done) in parts.module.elements.iter().zip(&parts.facts.images.elements_done) {
            let (mode, table, offset) = self.segment(&element.kind, done);
            let (exprs, items) = match &element.items {
                _ if mode == SegmentMode::Dropped => (0, Range::default()),
                ElementItems::Functions(items) => (0, self.extend(Table::ElementItems, items.iter().copied())),
                ElementItems::Exprs(exprs) => match functions(exprs) {
                    Some(items) => (0, self.items(&items)),
                    None => {
                        let ranges: Vec<Range> = exprs.iter().map(|expr| self.const_expr(expr)).collect();
                        (1, self.extend(Table::ElementExprs, ranges))
                    }
                },
            };
            let element_type = element.element_type.encode();
            self.push(Table::Elements, ElementRecord { mode: mode as u32, table, offset, element_type, exprs, items });
        }
    }

    fn data(&mut self, parts: &Parts<'_>) {
        for (data, &done) in parts.module.data.iter().zip(&parts.facts.images.data_done) {
            let (mode, memory, offset) = self.segment(&data.kind, done);
            let mut bytes = Span::default();
            if mode != SegmentMode::Dropped {
                bytes = Span { offset: self.len(Table::DataBytes) as u64, len: data.bytes.len() as u64 };
                self.tables[Table::DataBytes as usize].extend_from_slice(data.bytes);
            }
            self.push(Table::DataSegments, DataRecord { mode: mode as u32, memory, offset, bytes });
        }
    }

    /// Mode, index and place of a segment.
    fn segment(&mut self, kind: &SegmentKind, done: bool) -> (SegmentMode, u32, Range) {
        match kind {
            SegmentKind::Active { index, .. } if done => (SegmentMode::Dropped, *index, Range::default()),
            SegmentKind::Active { index, offset } => (SegmentMode::Active, *index, self.const_expr(offset)),
            SegmentKind::Passive => (SegmentMode::Passive, 0, Range::default()),
            SegmentKind::Declared => (SegmentMode::Dropped, 0, Range::default()),
        }
    }

    /// Adds the runs of the memory image; `offset` is where each one's bytes are in the file.
    pub fn image_runs(&mut self, parts: &Parts<'_>, offsets: &[u64]) {
        for (run, &offset) in parts.facts.images.runs.iter().zip(offsets) {
            self.push(
                Table::ImageRuns,
                ImageRun {
                    memory: run.memory,
                    reserved: 0,
                    memory_offset: run.offset,
                    bytes: Span { offset, len: run.bytes.len() as u64 },
                },
            );
        }
    }

    /// Fills in the call tables' targets. `call_tables` is where their first record is in the file, `text` where the
    /// code is. Gives the address of each table's first entry.
    pub fn call_targets(&mut self, parts: &Parts<'_>, placed: &Text, call_tables: u64, text: u64) -> Result<Vec<u64>> {
        let mut addresses = Vec::with_capacity(parts.module.tables.len());
        let mut position = 0;
        for elements in &parts.facts.call_tables {
            let base = call_tables + position as u64;
            addresses.push(base);
            for element in elements.iter().flatten() {
                if let Some(function) = *element {
                    let symbol = if function < parts.module.imported_functions {
                        Symbol::Thunk(function)
                    } else {
                        Symbol::Function(function)
                    };
                    let target = placed.offset(symbol).map(|offset| text + u64::from(offset));
                    let distance =
                        target.and_then(|target| i32::try_from(target.cast_signed() - base.cast_signed()).ok());
                    let Some(distance) = distance else {
                        return Err(CompileError::internal(format!("a call table can't reach {symbol:?}")));
                    };
                    let field = position + std::mem::offset_of!(CallEntry, target);
                    self.tables[Table::CallTables as usize][field..field + 4].copy_from_slice(&distance.to_le_bytes());
                }
                position += size_of::<CallEntry>();
            }
        }
        Ok(addresses)
    }
}

fn kind(entity: Entity) -> (u32, u32) {
    let (kind, index) = match entity {
        Entity::Function(i) => (Kind::Function, i),
        Entity::Table(i) => (Kind::Table, i),
        Entity::Memory(i) => (Kind::Memory, i),
        Entity::Global(i) => (Kind::Global, i),
        Entity::Tag(i) => (Kind::Tag, i),
    };
    (kind as u32, index)
}

fn const_op(op: &Op) -> ConstOp {
    let (opcode, index, low) = match *op {
        Op::Vector(bits) => {
            let (low, high) = (bits as u64, (bits >> 64) as u64);
            return ConstOp { opcode: ConstOpcode::Const as u32, index: 0, low, high };
        }
        Op::Const(bits) => (ConstOpcode::Const, 0, bits),
        Op::GlobalGet(index) => (ConstOpcode::GlobalGet, index, 0),
        Op::RefFunc(index) => (ConstOpcode::RefFunc, index, 0),
        Op::RefNull => (ConstOpcode::RefNull, 0, 0),
        Op::I32Add => (ConstOpcode::I32Add, 0, 0),
        Op::I32Sub => (ConstOpcode::I32Sub, 0, 0),
        Op::I32Mul => (ConstOpcode::I32Mul, 0, 0),
        Op::I64Add => (ConstOpcode::I64Add, 0, 0),
        Op::I64Sub => (ConstOpcode::I64Sub, 0, 0),
        Op::I64Mul => (ConstOpcode::I64Mul, 0, 0),
    };
    ConstOp { opcode: opcode as u32, index, low, high: 0 }
}

/// Expressions that are all plain functions or null.
fn functions(exprs: &[ConstExpr]) -> Option<Vec<Option<u32>>> {
    exprs
        .iter()
        .map(|expr| match expr.as_slice() {
            [Op::RefFunc(function)] => Some(Some(*function)),
            [Op::RefNull] => Some(None),
            _ => None,
        })
        .collect()
}
