//! Instantiation: a context is laid out, imports are granted into its slots, memories, tables and globals are made,
//! segments applied, and the start function run (WebAssembly 2.0, section 4.5.4).

use crate::arch;
use crate::artifact::Artifact;
use crate::edge::EdgeRecord;
use crate::error::{Error, LinkError};
use crate::func::Func;
use crate::global::{GlobalData, GlobalType};
use crate::group::{Group, Inner, inner};
use crate::host::{Entry, HostContext, HostFunc};
use crate::instance::{ContextHeader, Instance, InstanceData, NO_TABLE};
use crate::link::{Definition, Extern, Imports, mismatch};
use crate::memory::{Home, MemoryDef, MemoryType};
use crate::pool::NotRecyclable;
use crate::shared::SharedMemory;
use crate::table::{TableDef, TableType};
use crate::tag::TagData;
use crate::types::renumbered;
use crate::value::{RawValue, ValType};
use bailiwick_runtime_abi::context::{ALIGNMENT, Layout};
use bailiwick_runtime_abi::format::{
    Kind, MEMORY_64, MEMORY_SHARED, MemoryRecord, NONE, Range, SegmentMode, TABLE_64, TABLE_IMMUTABLE, TableRecord,
    TextKind, UNBOUNDED,
};
use bailiwick_runtime_abi::limits::poll_distance;
use bailiwick_runtime_abi::trap::TrapCode;
use bailiwick_runtime_abi::view::{View, damaged};

/// Image runs up to this many bytes are copied: a mapping of their own would cost more, now and at every exit.
pub(crate) const COPY_IMAGE_BELOW: u64 = 64 << 10;

/// An import, resolved and of the right type.
enum Resolved {
    Host(HostFunc),
    Func(Func),
    Memory(u32),
    SharedMemory(SharedMemory),
    Table(u32),
    Global(u32),
    Tag(u32),
}

pub(crate) fn instantiate(group: &mut Group, artifact: &Artifact, imports: &Imports) -> Result<Instance, Error> {
    let (instance, start) = {
        let inner = inner(group);
        // A start function that runs later would not have run before what is instantiated now.
        if inner.starts.as_ref().is_some_and(|starts| !starts.is_empty()) {
            return Err(NotRecyclable::StartBeforeOthers.into());
        }
        // Nothing of the group changes before every import is there and fits, but that it knows the module's types.
        artifact.check_shape()?;
        let types = inner.types.intern(artifact.view())?;
        let resolved = resolve(inner, artifact, imports, &types)?;
        let index = inner.add_instance(artifact, types, resolved)?;
        inner.initialise(index)?;
        let start = artifact.view().header().start_function;
        let start = match start {
            NONE => None,
            function => Some(inner.func_reference(index, function)?),
        };
        (Instance { group: inner.id, index }, start)
    };
    if let Some(record) = start {
        let start = Func { group: instance.group, record: record as usize };
        match &mut inner(group).starts {
            Some(starts) => starts.push(start),
            None => drop(start.call(group, &[])?),
        }
    }
    Ok(instance)
}

fn bound(maximum: u64) -> Option<u64> {
    (maximum != UNBOUNDED).then_some(maximum)
}

fn memory_type(record: &MemoryRecord) -> Result<MemoryType, Error> {
    if !matches!(record.page_size_log2, 0 | 16) || record.flags & !(MEMORY_64 | MEMORY_SHARED) != 0 {
        return Err(damaged("memories", "a kind of memory that this loader does not know").into());
    }
    Ok(MemoryType {
        minimum: record.minimum,
        maximum: bound(record.maximum),
        page_size_log2: record.page_size_log2,
        index64: record.flags & MEMORY_64 != 0,
        shared: record.flags & MEMORY_SHARED != 0,
    })
}

/// With the group's ids of types.
fn table_type(view: &View<'_>, record: &TableRecord, types: &[u32]) -> Result<TableType, Error> {
    let element = value_type(view, record.element_type, types)?;
    if !element.is_reference() {
        return Err(damaged("tables", "the element type is no reference type").into());
    }
    let index64 = record.flags & TABLE_64 != 0;
    Ok(TableType { element, index64, minimum: record.minimum, maximum: bound(record.maximum) })
}

/// A value type with the group's ids of types.
fn value_type(view: &View<'_>, number: u32, types: &[u32]) -> Result<ValType, Error> {
    // The view has found that the index is one of the module's types.
    Ok(renumbered(view.value_type(number)?, |index| types[index as usize]))
}

/// The specification's matching of limits: at least as many, and at most as many if there is a bound (section 4.5.2).
fn limits_match(actual: (u64, Option<u64>), wanted: (u64, Option<u64>)) -> bool {
    actual.0 >= wanted.0
        && match (actual.1, wanted.1) {
            (_, None) => true,
            (Some(actual), Some(wanted)) => actual <= wanted,
            (None, Some(_)) => false,
        }
}

/// Finds every import and checks its type.
fn resolve(inner: &mut Inner, artifact: &Artifact, imports: &Imports, types: &[u32]) -> Result<Vec<Resolved>, Error> {
    let view = artifact.view();
    let mut resolved = Vec::with_capacity(view.imports().len());
    for import in view.imports() {
        let (module, name) = (view.string(import.module)?, view.string(import.name)?);
        let kind = Kind::from_u32(import.kind).ok_or(damaged("imports", "an unknown kind"))?;
        let found = imports.find(inner, module, name)?;
        // What is wanted, in words for errors, and whether what was found fits.
        let (wanted, fits) = match kind {
            Kind::Function => {
                let function = view.record("functions", view.functions(), import.index)?;
                let id = *view.record("types", types, function.type_index)?;
                let wanted = inner.types.function(id)?;
                let fits = match &found {
                    Some(Definition::Host(host)) if host.ty == *wanted => Some(Resolved::Host(host.clone())),
                    Some(Definition::Refused) => Some(Resolved::Host(HostFunc::refusing(wanted.clone()))),
                    Some(Definition::Extern(Extern::Func(f))) => {
                        inner.types.is_subtype(f.funcref(inner)?.type_id, id).then_some(Resolved::Func(*f))
                    }
                    _ => None,
                };
                (format!("function {}", inner.types.describe(id)?), fits)
            }
            Kind::Memory => {
                let wanted = memory_type(view.record("memories", view.memories(), import.index)?)?;
                let fitting = |actual: MemoryType| {
                    let kind = |ty: &MemoryType| (ty.index64, ty.shared, ty.page_size_log2);
                    let limits = |ty: &MemoryType| (ty.minimum, ty.maximum);
                    kind(&actual) == kind(&wanted) && limits_match(limits(&actual), limits(&wanted))
                };
                let fits = match &found {
                    Some(Definition::Extern(Extern::Memory(m))) => {
                        fitting(m.data(inner)?.ty()).then_some(Resolved::Memory(m.index))
                    }
                    Some(Definition::Shared(m)) => fitting(m.ty()).then(|| Resolved::SharedMemory(m.clone())),
                    _ => None,
                };
                (wanted.to_string(), fits)
            }
            Kind::Table => {
                let wanted = table_type(view, view.record("tables", view.tables(), import.index)?, types)?;
                let fits = match &found {
                    Some(Definition::Extern(Extern::Table(t))) => {
                        let actual = t.data(inner)?.ty();
                        let limits = |ty: &TableType| (ty.minimum, ty.maximum);
                        let fits = actual.element == wanted.element
                            && actual.index64 == wanted.index64
                            && limits_match(limits(&actual), limits(&wanted));
                        fits.then_some(Resolved::Table(t.index))
                    }
                    _ => None,
                };
                (inner.types.with_element(&wanted), fits)
            }
            Kind::Global => {
                let record = view.record("globals", view.globals(), import.index)?;
                let value = value_type(view, record.val_type, types)?;
                let wanted = GlobalType { value, mutable: record.mutable != 0 };
                let fits = match &found {
                    Some(Definition::Extern(Extern::Global(g))) => {
                        let data = inner.globals.get(g.index as usize).filter(|_| g.group == inner.id);
                        let data = data.ok_or(Error::WrongGroup("global"))?;
                        let fits = data.ty == wanted
                            || !data.ty.mutable && !wanted.mutable && inner.types.matches(data.ty.value, wanted.value);
                        fits.then_some(Resolved::Global(g.index))
                    }
                    _ => None,
                };
                (inner.types.with_value(&wanted), fits)
            }
            Kind::Tag => {
                let record = view.record("tags", view.tags(), import.index)?;
                let wanted = *view.record("types", types, record.type_index)?;
                let fits = match &found {
                    Some(Definition::Extern(Extern::Tag(t))) => {
                        (t.data(inner)?.type_id == wanted).then_some(Resolved::Tag(t.index))
                    }
                    _ => None,
                };
                (format!("tag {}", inner.types.describe(wanted)?), fits)
            }
        };
        match (fits, found) {
            (Some(fits), _) => resolved.push(fits),
            (None, Some(found)) => return Err(mismatch(inner, (module, name), wanted, &found)?),
            (None, None) => {
                let (module, name) = (module.to_owned(), name.to_owned());
                return Err(LinkError::NotGranted { module, name, kind, ty: wanted }.into());
            }
        }
    }
    Ok(resolved)
}

impl Inner {
    /// Bytes for a context, `in_front` of its own in front of them, and where its memory will be if that lies behind it.
    fn place_context(
        &mut self,
        view: &View<'_>,
        layout: &Layout,
        in_front: usize,
    ) -> Result<(*mut u8, Option<Home>), Error> {
        // What a group was given stays with it, so a memory that is refused is refused first.
        for record in view.memories().iter().skip(layout.counts().imported_memories as usize) {
            self.admit(&memory_type(record)?)?;
        }
        if layout.distance() == 0 {
            let align = in_front.max(ALIGNMENT as usize);
            return Ok((self.cell.allocate(in_front, layout.size() as usize, align)?, None));
        }
        let record = view.memories().get(layout.counts().imported_memories as usize);
        let ty = memory_type(record.ok_or(damaged("memories", "there is none behind the context"))?)?;
        if ty.shared {
            return Err(damaged("memories", "the one behind the context is shared").into());
        }
        let (start, home) = self.place_anchored(&ty, in_front, layout.distance() as usize)?;
        Ok((start, Some(home)))
    }

    /// Lays the context out and fills it: everything but segments and the start function.
    fn add_instance(&mut self, artifact: &Artifact, types: Vec<u32>, resolved: Vec<Resolved>) -> Result<u32, Error> {
        let limit = self.config.max_instances;
        if self.instances.len() >= limit {
            return Err(Error::Limit { what: "instances in a group", limit: limit as u64 });
        }
        let view = artifact.view();
        let layout = view.header().layout().ok_or(damaged("header", "the context would be too large"))?;
        let counts = layout.counts();
        let in_front = poll_distance(view.arch()) as usize;
        let (start, home) = self.place_context(view, &layout, in_front)?;
        let index = self.instances.len() as u32;
        let poll_page = start as usize - in_front..start as usize;
        self.interrupt.add(poll_page.start, in_front)?;
        self.record.polls.push(poll_page);

        let mut header = ContextHeader::new(self, 0);
        header.owner = (index as usize + 1) as *mut u8;
        // SAFETY: fresh bytes of the cell, aligned, at least as many as the header has.
        unsafe { start.cast::<ContextHeader>().write(header) };
        let context = start.wrapping_add(layout.distance() as usize);
        let mut data = InstanceData {
            context,
            layout,
            artifact: artifact.clone(),
            memories: Vec::with_capacity(view.memories().len()),
            tables: Vec::with_capacity(view.tables().len()),
            globals: Vec::with_capacity(view.globals().len()),
            types,
            imported_functions: Vec::with_capacity(counts.imported_functions as usize),
            tags: Vec::with_capacity(view.tags().len()),
            data_dropped: vec![false; view.data_segments().len()],
            elements_dropped: vec![false; view.elements().len()],
            exported_memory: None,
        };
        for (i, id) in data.types.iter().enumerate() {
            // SAFETY: the field lies in the fresh context.
            unsafe { *data.field(layout.type_id(i as u32)) = *id };
        }
        let mut functions = 0;
        // The place of the next import of a kind, of which `have` were placed and the context has room for `most`.
        let place = |have: usize, most: u32| match u32::try_from(have) {
            Ok(i) if i < most => Ok(i),
            _ => Err(Error::from(damaged("imports", "there are more imports of a kind than the context has"))),
        };
        for (mut import, record) in resolved.into_iter().zip(view.imports()) {
            if let Resolved::SharedMemory(memory) = &import {
                import = Resolved::Memory(self.adopt_shared(memory)?);
            }
            match import {
                Resolved::Host(host) => {
                    let slot = place(functions, counts.imported_functions)?;
                    functions += 1;
                    let function = view.record("functions", view.functions(), slot)?;
                    data.imported_functions.push(*view.record("types", &data.types, function.type_index)?);
                    let edge = match &host.edge {
                        Some(edge) if record.adapter != NONE => EdgeRecord::new(self, index, edge),
                        _ => None,
                    };
                    let words: [usize; 2] = if let Some(edge) = edge {
                        let code =
                            artifact.tagged_code(record.adapter, TextKind::Adapter, function.type_index, &host.ty)?;
                        let words = [code, (&raw const *edge) as usize];
                        self.edges.push(edge);
                        words
                    } else {
                        let code = match host.entry {
                            Entry::Registers(_) => arch::exit_registers as *const () as usize,
                            Entry::Cells(_) => {
                                let stub = view.record("types", view.types(), function.type_index)?.exit_stub;
                                artifact.tagged_code(stub, TextKind::Exit, function.type_index, &host.ty)?
                            }
                        };
                        let host = HostContext::new(self, host, index);
                        let words = [code, (&raw const *host) as usize];
                        self.hosts.push(host);
                        words
                    };
                    // SAFETY: the slot lies in the fresh context.
                    unsafe { *data.field(layout.slot(slot)) = words };
                }
                Resolved::Func(func) => {
                    let slot = place(functions, counts.imported_functions)?;
                    functions += 1;
                    let funcref = func.funcref(self)?;
                    data.imported_functions.push(funcref.type_id);
                    let words: [usize; 2] = [funcref.code, funcref.context as usize];
                    // SAFETY: as above.
                    unsafe { *data.field(layout.slot(slot)) = words };
                }
                Resolved::Memory(m) => {
                    let i = place(data.memories.len(), counts.imported_memories)?;
                    // SAFETY: as above.
                    unsafe { *data.field(layout.imported_memory(i)) = self.memories[m as usize].def };
                    data.memories.push(m);
                }
                // Adopted above.
                Resolved::SharedMemory(_) => {}
                Resolved::Table(t) => {
                    let i = place(data.tables.len(), counts.imported_tables)?;
                    // SAFETY: as above.
                    unsafe { *data.field(layout.imported_table(i)) = self.tables[t as usize].def };
                    data.tables.push(t);
                }
                Resolved::Global(g) => {
                    let i = place(data.globals.len(), counts.imported_globals)?;
                    // SAFETY: as above.
                    unsafe { *data.field(layout.imported_global(i)) = self.globals[g as usize].cell };
                    data.globals.push(g);
                }
                Resolved::Tag(t) => {
                    place(data.tags.len(), counts.imported_tags)?;
                    data.tags.push(t);
                }
            }
        }
        if functions != counts.imported_functions as usize
            || data.memories.len() != counts.imported_memories as usize
            || data.tables.len() != counts.imported_tables as usize
            || data.globals.len() != counts.imported_globals as usize
            || data.tags.len() != counts.imported_tags as usize
        {
            return Err(damaged("imports", "there are fewer imports of a kind than the context has").into());
        }
        for (i, record) in view.memories().iter().skip(data.memories.len()).enumerate() {
            let def: *mut MemoryDef = data.field(layout.memory(i as u32));
            let home = home.filter(|_| i == 0);
            data.memories.push(self.add_memory_at(memory_type(record)?, def, home)?);
        }
        for (i, record) in view.tables().iter().skip(data.tables.len()).enumerate() {
            let ty = table_type(view, record, &data.types)?;
            if record.flags & TABLE_IMMUTABLE != 0 {
                data.tables.push(NO_TABLE);
                continue;
            }
            // Compiled code takes its elements for what their type says.
            if !ty.element.is_defaultable() && record.init.len == 0 {
                return Err(damaged("tables", "elements that can't be null have no initial value").into());
            }
            let def: *mut TableDef = data.field(layout.table(i as u32));
            let table = self.add_table(ty, def)?;
            if record.image.len != 0 {
                view.range("element_items", view.element_items(), record.image)?;
                self.tables[table as usize].image = Some((index, record.image));
            }
            data.tables.push(table);
        }
        for record in view.tags().iter().skip(data.tags.len()) {
            let type_id = *view.record("types", &data.types, record.type_index)?;
            let tag = TagData::new(self, type_id)?;
            self.tags.push(tag);
            data.tags.push(self.tags.len() as u32 - 1);
        }
        data.exported_memory = view
            .export("memory")
            .filter(|e| e.kind == Kind::Memory as u32)
            .and_then(|e| data.memories.get(e.index as usize).copied())
            // Host functions and edges borrow its bytes, which nobody can of a shared one.
            .filter(|&memory| !self.any_shared(&[memory]));
        self.register_code(artifact);
        let at = self.by_context.partition_point(|&(other, _)| other < context as u64);
        self.by_context.insert(at, (context as u64, index));
        self.instances.push(data);
        Ok(index)
    }

    /// Globals, images and segments, in the specification's order.
    fn initialise(&mut self, instance: u32) -> Result<(), Error> {
        let artifact = self.instances[instance as usize].artifact.clone();
        let view = artifact.view();
        let (layout, context) = {
            let data = &self.instances[instance as usize];
            (data.layout, data.context)
        };
        let counts = layout.counts();
        for (i, record) in view.globals().iter().skip(counts.imported_globals as usize).enumerate() {
            let value = value_type(view, record.val_type, &self.instances[instance as usize].types)?;
            let (low, high) = self.evaluate(instance, record.init, value)?;
            // SAFETY: the global's field lies in the instance's context.
            let cell: *mut RawValue = unsafe { context.offset(layout.global(i as u32) as isize).cast() };
            // SAFETY: as above; aligned to 16.
            unsafe { *cell = RawValue(low, high) };
            let ty = GlobalType { value, mutable: record.mutable != 0 };
            self.globals.push(GlobalData { cell, ty });
            let global = self.globals.len() as u32 - 1;
            self.instances[instance as usize].globals.push(global);
        }
        for (i, record) in view.tables().iter().enumerate().skip(counts.imported_tables as usize) {
            if record.init.len != 0 && record.flags & TABLE_IMMUTABLE == 0 {
                let table = self.instances[instance as usize].tables[i];
                let element = self.tables[table as usize].element;
                let (reference, _) = self.evaluate(instance, record.init, element)?;
                self.table_fill(table, 0, reference, record.minimum)?;
            }
        }
        self.apply_image(instance)?;
        for (i, segment) in view.elements().iter().enumerate() {
            if mode(segment.mode)? == SegmentMode::Active {
                let record = view.record("tables", view.tables(), segment.table)?;
                let index = index_type(record.flags & TABLE_64 != 0);
                let (offset, _) = self.evaluate(instance, segment.offset, index)?;
                let tables = &self.instances[instance as usize].tables;
                let table = tables.get(segment.table as usize).copied().filter(|&t| t != NO_TABLE);
                let table =
                    table.ok_or(damaged("elements", "a segment for a table that does not exist at run time"))?;
                let len = u64::from(segment.items.len);
                self.init_table(instance, table, i as u32, offset, 0, len)?;
            }
            if mode(segment.mode)? != SegmentMode::Passive {
                self.instances[instance as usize].elements_dropped[i] = true;
            }
        }
        for (i, segment) in view.data_segments().iter().enumerate() {
            if mode(segment.mode)? == SegmentMode::Active {
                let record = view.record("memories", view.memories(), segment.memory)?;
                let index = index_type(record.flags & MEMORY_64 != 0);
                let (offset, _) = self.evaluate(instance, segment.offset, index)?;
                let memories = &self.instances[instance as usize].memories;
                let memory = *view.record("data_segments", memories, segment.memory)?;
                self.init_memory(instance, memory, i as u32, offset, 0, segment.bytes.len)?;
            }
            if mode(segment.mode)? != SegmentMode::Passive {
                self.instances[instance as usize].data_dropped[i] = true;
            }
        }
        Ok(())
    }

    /// The initial contents of the memories that the module defines: large runs mapped, small ones copied.
    fn apply_image(&mut self, instance: u32) -> Result<(), Error> {
        let artifact = self.instances[instance as usize].artifact.clone();
        let view = artifact.view();
        let image = view.header().image;
        let page = crate::sys::page_size() as u64;
        for run in view.image_runs() {
            let data = &self.instances[instance as usize];
            let imported = data.layout.counts().imported_memories;
            let memory = data.memories.get(run.memory as usize).copied().filter(|_| run.memory >= imported);
            let memory = memory.ok_or(damaged("image_runs", "a run is not of a memory that the module defines"))?;
            let whole = run.bytes.len.checked_next_multiple_of(page);
            let file_end = whole.and_then(|whole| run.bytes.offset.checked_add(whole));
            // The rest of the last page is zero, and in the same page of the memory.
            let memory_end = run.memory_offset.checked_add(run.bytes.len);
            let inside = run.bytes.offset >= image.offset && file_end.is_some_and(|e| e <= image.offset + image.len);
            if !inside || memory_end.is_none_or(|e| e > self.memories[memory as usize].len()) {
                return Err(damaged("image_runs", "a run reaches beyond the image or its memory").into());
            }
            if run.bytes.offset % page != 0 || run.memory_offset % page != 0 {
                return Err(damaged("image_runs", "a run does not begin at a page").into());
            }
            if run.bytes.len > COPY_IMAGE_BELOW {
                let whole = whole.unwrap_or(run.bytes.len);
                self.map_image(memory, run.memory_offset, whole, artifact.file(), run.bytes.offset)?;
            } else {
                let start = run.bytes.offset as usize;
                let bytes = &view.bytes()[start..start + run.bytes.len as usize];
                let at = run.memory_offset as usize;
                let memory = &mut self.memories[memory as usize];
                match memory.shared() {
                    Some(shared) => shared.write(run.memory_offset, bytes)?,
                    None => memory.bytes()?[at..at + bytes.len()].copy_from_slice(bytes),
                }
            }
        }
        Ok(())
    }

    /// `memory.init`, with the group's index of the memory.
    pub(crate) fn init_memory(
        &mut self,
        instance: u32,
        memory: u32,
        segment: u32,
        dst: u64,
        src: u64,
        len: u64,
    ) -> Result<(), Error> {
        let data = &self.instances[instance as usize];
        let artifact = data.artifact.clone();
        let view = artifact.view();
        let record = view.record("data_segments", view.data_segments(), segment)?;
        let dropped = data.data_dropped.get(segment as usize).copied().unwrap_or(true);
        let bytes = if dropped { &[] } else { view.data(record.bytes)? };
        let memory = &mut self.memories[memory as usize];
        let source = src.checked_add(len).filter(|&end| end <= bytes.len() as u64);
        let end = dst.checked_add(len).filter(|&end| end <= memory.len());
        let (Some(source), Some(end)) = (source, end) else {
            return Err(Error::trap(TrapCode::MemoryOutOfBounds));
        };
        let bytes = &bytes[src as usize..source as usize];
        match memory.shared() {
            Some(shared) => shared.write(dst, bytes)?,
            None => memory.bytes()?[dst as usize..end as usize].copy_from_slice(bytes),
        }
        Ok(())
    }

    /// The reference that an element's item means, in a table of this type. Compiled code takes an element for what its
    /// table's type says, so it is looked at here.
    pub(crate) fn element_item(&mut self, instance: u32, item: u32, element: ValType) -> Result<u64, Error> {
        let reference = if item == NONE { 0 } else { self.func_reference(instance, item)? };
        let fits = match reference {
            0 => element.is_defaultable(),
            reference => self.types.matches(self.reference_type(reference), element),
        };
        if fits { Ok(reference) } else { Err(damaged("elements", "an item for a table of another type").into()) }
    }

    /// `table.init`, with the group's index of the table.
    pub(crate) fn init_table(
        &mut self,
        instance: u32,
        table: u32,
        segment: u32,
        dst: u64,
        src: u64,
        len: u64,
    ) -> Result<(), Error> {
        let data = &self.instances[instance as usize];
        let artifact = data.artifact.clone();
        let view = artifact.view();
        let record = view.record("elements", view.elements(), segment)?;
        let dropped = data.elements_dropped.get(segment as usize).copied().unwrap_or(true);
        let items = if dropped { Range::default() } else { record.items };
        let source = src.checked_add(len).filter(|&end| end <= u64::from(items.len));
        let room = self.tables[table as usize].len();
        let (Some(_), Some(_)) = (source, dst.checked_add(len).filter(|&end| end <= room)) else {
            return Err(Error::trap(TrapCode::TableOutOfBounds));
        };
        // `src + len` is at most `items.len`, so both fit.
        let part = Range { start: items.start.saturating_add(src as u32), len: len as u32 };
        let references: Vec<u64> = if record.exprs == 0 {
            let items = view.range("element_items", view.element_items(), part)?;
            let element = self.tables[table as usize].element;
            items.iter().map(|&item| self.element_item(instance, item, element)).collect::<Result<_, _>>()?
        } else {
            let exprs = view.range("element_exprs", view.element_exprs(), part)?;
            let ty = self.tables[table as usize].element;
            exprs.iter().map(|&e| Ok(self.evaluate(instance, e, ty)?.0)).collect::<Result<_, Error>>()?
        };
        self.table_write(table, dst, &references)
    }
}

/// The type of an index.
fn index_type(index64: bool) -> ValType {
    if index64 { ValType::I64 } else { ValType::I32 }
}

fn mode(field: u32) -> Result<SegmentMode, Error> {
    SegmentMode::from_u32(field).ok_or(damaged("segments", "an unknown mode").into())
}
