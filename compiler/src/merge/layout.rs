//! Which module has what, where it is in the merged one, and whether exports are of the types of the imports that they
//! satisfy.

use super::encode;
use crate::error::{CompileError, LinkProblem, Result};
use crate::module::{Entity, FuncType, KINDS, Memory, Module, Table};
use crate::options::Options;
use crate::parse::{self, FEATURES};
use bailiwick_runtime_abi::types::{HeapType, RefType, ValType};
use std::collections::HashMap;
use wasmparser::{FunctionBody, MemoryType, Parser, Payload, SectionLimited, TagType, TypeSectionReader};

/// What a module says, as the parser has it.
#[derive(Default)]
pub(super) struct Sections<'a> {
    pub types: Option<TypeSectionReader<'a>>,
    pub imports: Vec<wasmparser::Import<'a>>,
    pub tables: Vec<wasmparser::Table<'a>>,
    pub memories: Vec<MemoryType>,
    pub tags: Vec<TagType>,
    pub globals: Vec<wasmparser::Global<'a>>,
    pub elements: Vec<wasmparser::Element<'a>>,
    pub data: Vec<wasmparser::Data<'a>>,
    /// Whether it says in front of the code how many data segments there are.
    pub counted: bool,
}

impl<'a> Sections<'a> {
    fn read(wasm: &'a [u8]) -> wasmparser::Result<Sections<'a>> {
        fn all<'a, T: wasmparser::FromReader<'a>>(items: SectionLimited<'a, T>) -> wasmparser::Result<Vec<T>> {
            items.into_iter().collect()
        }
        let mut sections = Sections::default();
        let mut parser = Parser::new(0);
        parser.set_features(FEATURES);
        for payload in parser.parse_all(wasm) {
            match payload? {
                Payload::TypeSection(reader) => sections.types = Some(reader),
                Payload::ImportSection(reader) => sections.imports = reader.into_imports().collect::<Result<_, _>>()?,
                Payload::TableSection(reader) => sections.tables = all(reader)?,
                Payload::MemorySection(reader) => sections.memories = all(reader)?,
                Payload::TagSection(reader) => sections.tags = all(reader)?,
                Payload::GlobalSection(reader) => sections.globals = all(reader)?,
                Payload::ElementSection(reader) => sections.elements = all(reader)?,
                Payload::DataCountSection { .. } => sections.counted = true,
                Payload::DataSection(reader) => sections.data = all(reader)?,
                _ => {}
            }
        }
        Ok(sections)
    }
}

/// One of the modules, validated.
pub(super) struct Part<'a> {
    /// The name that it is linked by; `None`: it is the main one.
    pub name: Option<&'a str>,
    pub module: Module<'a>,
    pub bodies: Vec<FunctionBody<'a>>,
    pub sections: Sections<'a>,
    exports: HashMap<&'a str, Entity>,
}

impl<'a> Part<'a> {
    pub fn new(name: Option<&'a str>, wasm: &'a [u8], options: &Options<'_>) -> Result<Part<'a>> {
        let (module, bodies, _) = crate::validated(wasm, options.wasm_features, options.jobs())?;
        let sections = Sections::read(wasm).map_err(unexpected)?;
        let exports = module.exports.iter().map(|export| (export.name, export.entity)).collect();
        Ok(Part { name, module, bodies, sections, exports })
    }

    /// What it exports by a name.
    pub fn export(&self, name: &str) -> Option<Entity> {
        self.exports.get(name).copied()
    }
}

/// What was validated can be read again.
pub(super) fn unexpected(error: wasmparser::Error) -> CompileError {
    CompileError::internal(format!("a validated module can't be read: {error}"))
}

/// For what a module names, its index in the merged one.
#[derive(Debug, Default)]
pub(super) struct Indices {
    /// By kind, as [`Entity::split`] has it, and index.
    pub entities: [Vec<u32>; KINDS],
    pub types: Vec<u32>,
    /// What is added to indices of segments.
    pub elements: u32,
    pub data: u32,
}

/// Where all of the modules is in the merged one.
pub(super) struct Layout<'a> {
    /// Each behind what it imports from; the main one last.
    pub parts: Vec<Part<'a>>,
    pub indices: Vec<Indices>,
    /// For each import of each part, the part that it is from, if it is linked.
    pub providers: Vec<Vec<Option<usize>>>,
    /// By kind and index in the merged module: the part that it is of, and its index there.
    pub owners: [Vec<(usize, u32)>; KINDS],
    /// For each type of each part, whether it is the merged module's, and no repetition.
    pub kept: Vec<Vec<bool>>,
    /// How many types there are.
    pub types: u32,
}

impl<'a> Layout<'a> {
    /// Of modules in the order in which they are initialised.
    pub fn new(parts: Vec<Part<'a>>) -> Result<Layout<'a>> {
        let by_name: HashMap<&str, usize> =
            parts.iter().enumerate().filter_map(|(i, part)| Some((part.name?, i))).collect();
        let provider = |import: &crate::module::Import<'_>| by_name.get(import.module).copied();
        let providers: Vec<Vec<Option<usize>>> =
            parts.iter().map(|part| part.module.imports.iter().map(provider).collect()).collect();
        let mut layout = Layout {
            indices: parts.iter().map(|_| Indices::default()).collect(),
            owners: std::array::from_fn(|_| Vec::new()),
            kept: parts.iter().map(|part| vec![true; part.module.types.len()]).collect(),
            types: 0,
            parts,
            providers,
        };
        let firsts = layout.place_types();
        layout.place_entities()?;
        layout.place_segments();
        let types = encode::types(&layout)?;
        let (types, _) = parse::parse(&types, parse::WasmFeatures::ALL)
            .map_err(|error| CompileError::Together { error: Box::new(error) })?;
        layout.check(&types, &firsts)?;
        layout.check_memories()?;
        layout.share_types(&types, &firsts);
        Ok(layout)
    }

    /// Parts, the main one first: what there is of it keeps its index where nothing speaks against it.
    pub fn main_first(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.parts.len()).rev()
    }

    /// One behind the other; the first of each part.
    fn place_types(&mut self) -> Vec<u32> {
        let mut firsts = vec![0; self.parts.len()];
        for i in self.main_first() {
            firsts[i] = self.types;
            let count = self.parts[i].module.types.len() as u32;
            self.indices[i].types = (self.types..self.types + count).collect();
            self.types += count;
        }
        firsts
    }

    /// First what is left to be imported, then what is defined.
    fn place_entities(&mut self) -> Result<()> {
        for (part, indices) in self.parts.iter().zip(&mut self.indices) {
            for (indices, (count, _)) in indices.entities.iter_mut().zip(part.module.counts()) {
                *indices = vec![u32::MAX; count as usize];
            }
        }
        for i in self.main_first() {
            for (import, _) in self.parts[i].module.imports.iter().zip(&self.providers[i]).filter(|(_, p)| p.is_none())
            {
                place(&mut self.owners, &mut self.indices, i, import.entity.split());
            }
        }
        // Constant expressions name globals in front of theirs only.
        let (globals, _) = Entity::Global(0).split();
        for kind in 0..KINDS {
            let order: Vec<usize> = match kind == globals {
                true => (0..self.parts.len()).collect(),
                false => self.main_first().collect(),
            };
            for i in order {
                let (count, imported) = self.parts[i].module.counts()[kind];
                for index in imported..count {
                    place(&mut self.owners, &mut self.indices, i, (kind, index));
                }
            }
        }
        // What a module exports may be what it imports, so those that it imports from come first.
        for (i, part) in self.parts.iter().enumerate() {
            for (import, provider) in part.module.imports.iter().zip(&self.providers[i]) {
                let Some(provider) = *provider else { continue };
                let found = self.parts[provider].export(import.name).ok_or_else(|| LinkProblem::Missing {
                    from: part.name.map(str::to_owned),
                    module: import.module.to_owned(),
                    name: import.name.to_owned(),
                })?;
                let ((kind, index), (found, of)) = (import.entity.split(), found.split());
                // Otherwise [`Self::check`] refuses it.
                if kind == found {
                    self.indices[i].entities[kind][index as usize] = self.indices[provider].entities[kind][of as usize];
                }
            }
        }
        Ok(())
    }

    fn place_segments(&mut self) {
        let (mut elements, mut data) = (0, 0);
        for (part, indices) in self.parts.iter().zip(&mut self.indices) {
            (indices.elements, indices.data) = (elements, data);
            elements += part.module.elements.len() as u32;
            data += part.module.data.len() as u32;
        }
    }

    /// Who defines, or imports from elsewhere, what a part names.
    pub fn owner(&self, part: usize, entity: Entity) -> Option<(usize, u32)> {
        let (kind, index) = entity.split();
        let merged = *self.indices[part].entities[kind].get(index as usize)?;
        self.owners[kind].get(merged as usize).copied()
    }

    /// Whether all exports are of the types of the imports that they satisfy (section 4.5.3). `types` are those of all parts.
    fn check(&self, types: &Module<'_>, firsts: &[u32]) -> Result<()> {
        for (i, part) in self.parts.iter().enumerate() {
            for (import, provider) in part.module.imports.iter().zip(&self.providers[i]) {
                let Some(provider) = *provider else { continue };
                let export = self.parts[provider].export(import.name);
                let same_kind = export.is_some_and(|export| export.split().0 == import.entity.split().0);
                // Whoever defines it knows its type best: an import that is exported again may be said to be less.
                let (of, found) = match self.owner(i, import.entity).filter(|_| same_kind) {
                    Some((of, index)) => (of, with_index(import.entity, index)),
                    None => (provider, export.unwrap_or(import.entity)),
                };
                let wanted = Typed { types, first: firsts[i], module: &part.module, entity: import.entity };
                let found = Typed { types, first: firsts[of], module: &self.parts[of].module, entity: found };
                if !same_kind || !found.fits(&wanted) {
                    return Err(LinkProblem::Type {
                        from: part.name.map(str::to_owned),
                        module: import.module.to_owned(),
                        name: import.name.to_owned(),
                        expected: wanted.describe(),
                        found: found.describe(),
                    }
                    .into());
                }
            }
        }
        Ok(())
    }

    /// Functions of the host, those of the system interface among them, are given the memory that the module which calls
    /// them exports as "memory". When all are one, that must be the same one.
    fn check_memories(&self) -> Result<()> {
        let memory = |i: usize| match self.parts[i].export("memory") {
            Some(entity @ Entity::Memory(_)) => self.owner(i, entity),
            _ => None,
        };
        let Some(main) = self.parts.len().checked_sub(1) else { return Ok(()) };
        for (i, part) in self.parts.iter().enumerate() {
            let (Some(linked), false) = (part.name, memory(i) == memory(main)) else { continue };
            let mut imports = part.module.imports.iter().zip(&self.providers[i]);
            let of_host =
                imports.find(|(import, provider)| provider.is_none() && matches!(import.entity, Entity::Function(_)));
            if let Some((import, _)) = of_host {
                return Err(LinkProblem::HostMemory {
                    linked: linked.to_owned(),
                    module: import.module.to_owned(),
                    name: import.name.to_owned(),
                }
                .into());
            }
        }
        Ok(())
    }

    /// Leaves out recursion groups that are there already.
    fn share_types(&mut self, types: &Module<'_>, firsts: &[u32]) {
        let mut places = vec![0; types.types.len()];
        self.types = 0;
        for i in self.main_first() {
            for local in 0..self.parts[i].module.types.len() {
                let index = firsts[i] as usize + local;
                // Groups are the same as a whole.
                let group = types.definitions[index].group;
                let kept = types.definitions[group as usize].canonical == group;
                self.kept[i][local] = kept;
                places[index] = match kept {
                    true => {
                        self.types += 1;
                        self.types - 1
                    }
                    false => places[types.definitions[index].canonical as usize],
                };
                self.indices[i].types[local] = places[index];
            }
        }
    }
}

fn place(owners: &mut [Vec<(usize, u32)>; KINDS], indices: &mut [Indices], part: usize, (kind, index): (usize, u32)) {
    indices[part].entities[kind][index as usize] = owners[kind].len() as u32;
    owners[kind].push((part, index));
}

fn with_index(entity: Entity, index: u32) -> Entity {
    match entity {
        Entity::Function(_) => Entity::Function(index),
        Entity::Table(_) => Entity::Table(index),
        Entity::Memory(_) => Entity::Memory(index),
        Entity::Global(_) => Entity::Global(index),
        Entity::Tag(_) => Entity::Tag(index),
    }
}

/// Something of a module with its type.
struct Typed<'a> {
    /// The types of all modules; this one's begin at `first`.
    types: &'a Module<'a>,
    first: u32,
    module: &'a Module<'a>,
    entity: Entity,
}

impl Typed<'_> {
    /// Whether it can stand for an import of the same kind.
    fn fits(&self, import: &Typed<'_>) -> bool {
        let (types, first, of) = (self.types, self.first, import.first);
        let matches = |ty: ValType, wanted: ValType| ty.matches(wanted, |ty, of| types.is_subtype(ty, of));
        let same = |ty: ValType, wanted: ValType| matches(ty, wanted) && matches(wanted, ty);
        match (self.entity, import.entity) {
            (Entity::Function(found), Entity::Function(wanted)) => {
                let (found, wanted) = (self.module.functions[found as usize], import.module.functions[wanted as usize]);
                types.is_subtype(first + found, of + wanted)
            }
            (Entity::Tag(found), Entity::Tag(wanted)) => {
                let (found, wanted) = (self.module.tags[found as usize], import.module.tags[wanted as usize]);
                let canonical = |ty: u32| types.definitions[ty as usize].canonical;
                canonical(first + found) == canonical(of + wanted)
            }
            (Entity::Global(found), Entity::Global(wanted)) => {
                let (found, wanted) = (&self.module.globals[found as usize], &import.module.globals[wanted as usize]);
                let (ty, wanted_ty) = (moved(found.val_type, first), moved(wanted.val_type, of));
                found.mutable == wanted.mutable
                    && if wanted.mutable { same(ty, wanted_ty) } else { matches(ty, wanted_ty) }
            }
            (Entity::Table(found), Entity::Table(wanted)) => {
                let (found, wanted) = (&self.module.tables[found as usize], &import.module.tables[wanted as usize]);
                same(moved(found.element_type, first), moved(wanted.element_type, of))
                    && found.index64 == wanted.index64
                    && within((found.minimum, found.maximum), (wanted.minimum, wanted.maximum))
            }
            (Entity::Memory(found), Entity::Memory(wanted)) => {
                let (found, wanted) = (&self.module.memories[found as usize], &import.module.memories[wanted as usize]);
                let shape = |memory: &Memory| (memory.page_size_log2, memory.index64, memory.shared);
                shape(found) == shape(wanted)
                    && within((found.minimum, found.maximum), (wanted.minimum, wanted.maximum))
            }
            _ => false,
        }
    }

    /// Its type in words.
    fn describe(&self) -> String {
        let maximum = |maximum: Option<u64>| maximum.map_or_else(String::new, |maximum| format!(" to {maximum}"));
        let wide = |index64: bool| if index64 { "64-bit " } else { "" };
        match self.entity {
            Entity::Function(index) => {
                let ty = self.module.functions[index as usize];
                format!("a function {}", self.function_type(ty))
            }
            Entity::Tag(index) => format!("a tag {}", self.function_type(self.module.tags[index as usize])),
            Entity::Global(index) => {
                let global = &self.module.globals[index as usize];
                format!("a {} global of type {}", if global.mutable { "mutable" } else { "constant" }, global.val_type)
            }
            Entity::Table(index) => {
                let Table { element_type, index64, minimum, .. } = &self.module.tables[index as usize];
                let maximum = maximum(self.module.tables[index as usize].maximum);
                format!("a {}table of {minimum}{maximum} {element_type}", wide(*index64))
            }
            Entity::Memory(index) => {
                let memory = self.module.memories[index as usize];
                let shared = if memory.shared { "shared " } else { "" };
                let (wide, maximum) = (wide(memory.index64), maximum(memory.maximum));
                let size = 1u64 << memory.page_size_log2;
                format!("a {wide}{shared}memory of {}{maximum} pages of {size} bytes", memory.minimum)
            }
        }
    }

    fn function_type(&self, ty: u32) -> String {
        let FuncType { params, results } = &self.module.types[ty as usize];
        let text = crate::wit::core_text(params, results);
        let definition = &self.module.definitions[ty as usize];
        // Two may differ in nothing but what stands around them.
        match (definition.is_final, definition.supertype) {
            (true, None) => text,
            (true, Some(_)) => format!("{text}, declared a subtype"),
            (false, None) => format!("{text}, open to subtypes"),
            (false, Some(_)) => format!("{text}, declared a subtype, open to subtypes"),
        }
    }
}

/// A type of a module whose types begin at `first` among those of all.
fn moved(ty: ValType, first: u32) -> ValType {
    match ty {
        ValType::Ref(RefType { nullable, heap: HeapType::Concrete(composite, index) }) => {
            ValType::Ref(RefType { nullable, heap: HeapType::Concrete(composite, first + index) })
        }
        ty => ty,
    }
}

/// Whether limits are within others.
fn within((minimum, maximum): (u64, Option<u64>), (least, most): (u64, Option<u64>)) -> bool {
    minimum >= least && most.is_none_or(|most| maximum.is_some_and(|maximum| maximum <= most))
}
