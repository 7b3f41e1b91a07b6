//! Modules whose places are known → one binary. Everything is encoded anew, with the merged module's indices; nothing else
//! changes, so operators stay what they were, one for one.

use super::initial::{Step, steps};
use super::layout::{Layout, Part, unexpected};
use super::origins::{Origins, Stretches};
use crate::error::{CompileError, Result};
use crate::module::{Entity, SegmentKind};
use crate::parse;
use bailiwick_runtime_abi::format::NONE;
use std::collections::BTreeSet;
use wasm_encoder::reencode::{Error as ReencodeError, Reencode, utils};
use wasm_encoder::{
    BranchHint, BranchHints, CodeSection, ConstExpr, CustomSection, DataCountSection, DataSection, DataSegment,
    DataSegmentMode, ElementMode, ElementSection, ElementSegment, Elements, Encode, ExportSection, Function,
    FunctionSection, GlobalSection, ImportSection, Instruction, MemorySection, Module, NameMap, NameSection, Section,
    StartSection, TableSection, TagSection, TypeSection,
};
use wasmparser::{ElementKind, FunctionBody, Operator, TableInit};

/// Bytes of a linked module's name, at most, in the names of its functions.
const MAX_PREFIX: usize = 64;
/// Bytes of a name, at most: the parser takes no more.
const MAX_NAME: usize = 100_000;
/// What backtraces call a function that is of no input.
const START: &str = "(start of linked modules)";

/// The types of all modules as a module: each of those that [`Layout::kept`] names, the main module's first.
pub(super) fn types(layout: &Layout<'_>) -> Result<Vec<u8>> {
    let mut module = Module::new();
    module.section(&type_section(layout)?);
    Ok(module.finish())
}

fn type_section(layout: &Layout<'_>) -> Result<TypeSection> {
    let mut section = TypeSection::new();
    for i in layout.main_first() {
        let mut remap = Remap::new(layout, i, &[]);
        let mut index = 0;
        for group in layout.parts[i].sections.types.clone().into_iter().flatten() {
            let group = group.map_err(unexpected)?;
            let first = index;
            index += group.types().len();
            if layout.kept[i][first] {
                remap.parse_recursive_type_group(section.ty(), group).map_err(failed)?;
            }
        }
    }
    Ok(section)
}

/// The merged module.
pub(super) fn encode(layout: &Layout<'_>) -> Result<(Vec<u8>, Origins)> {
    let (globals, constants) = globals(layout)?;
    let remap = |i: usize| Remap::new(layout, i, &constants);
    let code = Code::new(layout, &constants)?;
    let steps = steps(layout);
    let mut sections = Sections { types: type_section(layout)?, code, start: None, names: names(layout), globals };
    match *steps {
        [] => {}
        [Step::Call(function)] => sections.start = Some(function),
        _ => sections.add_start(layout, start(layout, &constants, &steps)?),
    }

    let mut module = Module::new();
    add(&mut module, !sections.types.is_empty(), &sections.types);
    let mut imports = ImportSection::new();
    let mut tables = TableSection::new();
    let mut memories = MemorySection::new();
    let mut tags = TagSection::new();
    for i in layout.main_first() {
        let (part, mut remap) = (&layout.parts[i], remap(i));
        let left = part.sections.imports.iter().zip(&layout.providers[i]).filter(|(_, provider)| provider.is_none());
        for (import, _) in left {
            imports.import(import.module, import.name, remap.entity_type(import.ty).map_err(failed)?);
        }
        for table in &part.sections.tables {
            let ty = remap.table_type(table.ty).map_err(failed)?;
            match &table.init {
                TableInit::RefNull => tables.table(ty),
                TableInit::Expr(expr) => tables.table_with_init(ty, &remap.constant(expr)?),
            };
        }
        for &ty in &part.sections.memories {
            memories.memory(remap.memory_type(ty).map_err(failed)?);
        }
        for &ty in &part.sections.tags {
            tags.tag(remap.tag_type(ty).map_err(failed)?);
        }
    }
    add(&mut module, !imports.is_empty(), &imports);
    add(&mut module, !sections.code.functions.is_empty(), &sections.code.functions);
    add(&mut module, !tables.is_empty(), &tables);
    add(&mut module, !memories.is_empty(), &memories);
    add(&mut module, !tags.is_empty(), &tags);
    add(&mut module, !sections.globals.is_empty(), &sections.globals);
    let exports = exports(layout, &constants)?;
    add(&mut module, !exports.is_empty(), &exports);
    if let Some(function_index) = sections.start {
        module.section(&StartSection { function_index });
    }
    let passive: Vec<usize> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Segments(part) => Some(*part),
            Step::Call(_) => None,
        })
        .collect();
    let elements = elements(layout, &constants, &passive, &sections.code.declared)?;
    add(&mut module, !elements.is_empty(), &elements);
    let data = data(layout, &constants, &passive)?;
    if !data.is_empty() && (!passive.is_empty() || layout.parts.iter().any(|part| part.sections.counted)) {
        module.section(&DataCountSection { count: data.len() });
    }
    add(&mut module, !sections.code.hints.is_empty(), &sections.code.hints);
    add(&mut module, !sections.code.bodies.is_empty(), &sections.code.bodies);
    add(&mut module, !data.is_empty(), &data);
    module.section(&sections.names);
    if let Some(main) = layout.parts.last() {
        for &(name, data, _) in &main.module.component_types {
            module.section(&CustomSection { name: name.into(), data: data.into() });
        }
    }
    let wasm = module.finish();
    let origins = Origins::new(&wasm, sections.code.stretches).map_err(unexpected)?;
    Ok((wasm, origins))
}

/// What a start function adds to.
struct Sections {
    types: TypeSection,
    code: Code,
    start: Option<u32>,
    names: NameSection,
    globals: GlobalSection,
}

impl Sections {
    /// Adds the start function, behind all others.
    fn add_start(&mut self, layout: &Layout<'_>, body: Function) {
        let (functions, _) = Entity::Function(0).split();
        let index = layout.owners[functions].len() as u32;
        self.types.ty().function([], []);
        self.code.functions.function(layout.types);
        self.code.bodies.function(&body);
        let mut stretches = Stretches::default();
        stretches.add(0, NONE);
        self.code.stretches.push(stretches);
        let mut names = function_names(layout);
        names.append(index, START);
        self.names = name_section(&names);
        self.start = Some(index);
    }
}

fn add(module: &mut Module, wanted: bool, section: &impl Section) {
    if wanted {
        module.section(section);
    }
}

/// A module's indices → the merged one's.
struct Remap<'l> {
    layout: &'l Layout<'l>,
    part: usize,
    /// By index in the merged module: what a global always is, if that is one operator.
    constants: &'l [Option<Vec<u8>>],
}

impl<'l> Remap<'l> {
    fn new(layout: &'l Layout<'l>, part: usize, constants: &'l [Option<Vec<u8>>]) -> Remap<'l> {
        Remap { layout, part, constants }
    }

    fn entity(&self, entity: Entity) -> std::result::Result<u32, ReencodeError<CompileError>> {
        let (kind, index) = entity.split();
        let merged = self.layout.indices[self.part].entities[kind].get(index as usize);
        merged.copied().ok_or_else(|| unknown(&format!("{entity:?}")))
    }

    /// A constant expression. What names a global that is one constant becomes that constant: it is as good, may stand in
    /// front of globals, and says where segments go.
    fn constant(&mut self, expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr> {
        self.constant_bytes(expr).map(ConstExpr::raw)
    }

    /// The same without its end.
    fn constant_bytes(&mut self, expr: &wasmparser::ConstExpr<'_>) -> Result<Vec<u8>> {
        let mut operators = expr.get_operators_reader();
        let mut bytes = Vec::new();
        while !operators.is_end_then_eof() {
            let operator = operators.read().map_err(unexpected)?;
            if let Operator::GlobalGet { global_index } = operator {
                let global = self.global_index(global_index).map_err(failed)?;
                if let Some(constant) = self.constants.get(global as usize).and_then(Option::as_ref) {
                    bytes.extend_from_slice(constant);
                    continue;
                }
            }
            self.instruction(operator).map_err(failed)?.encode(&mut bytes);
        }
        Ok(bytes)
    }
}

impl Reencode for Remap<'_> {
    type Error = CompileError;

    fn function_index(&mut self, index: u32) -> std::result::Result<u32, ReencodeError<CompileError>> {
        self.entity(Entity::Function(index))
    }

    fn table_index(&mut self, index: u32) -> std::result::Result<u32, ReencodeError<CompileError>> {
        self.entity(Entity::Table(index))
    }

    fn memory_index(&mut self, index: u32) -> std::result::Result<u32, ReencodeError<CompileError>> {
        self.entity(Entity::Memory(index))
    }

    fn global_index(&mut self, index: u32) -> std::result::Result<u32, ReencodeError<CompileError>> {
        self.entity(Entity::Global(index))
    }

    fn tag_index(&mut self, index: u32) -> std::result::Result<u32, ReencodeError<CompileError>> {
        self.entity(Entity::Tag(index))
    }

    fn type_index(&mut self, index: u32) -> std::result::Result<u32, ReencodeError<CompileError>> {
        let merged = self.layout.indices[self.part].types.get(index as usize);
        merged.copied().ok_or_else(|| unknown(&format!("type {index}")))
    }

    fn element_index(&mut self, index: u32) -> std::result::Result<u32, ReencodeError<CompileError>> {
        Ok(self.layout.indices[self.part].elements + index)
    }

    fn data_index(&mut self, index: u32) -> std::result::Result<u32, ReencodeError<CompileError>> {
        Ok(self.layout.indices[self.part].data + index)
    }
}

fn unknown(what: &str) -> ReencodeError<CompileError> {
    ReencodeError::UserError(CompileError::internal(format!("{what} of a validated module has no place")))
}

fn failed(error: ReencodeError<CompileError>) -> CompileError {
    match error {
        ReencodeError::UserError(error) => error,
        ReencodeError::ParseError(error) => unexpected(error),
        other => CompileError::internal(format!("a validated module can't be encoded: {other}")),
    }
}

/// All globals that are defined; and by their index, imported ones too, what each always is, if that is one operator.
fn globals(layout: &Layout<'_>) -> Result<(GlobalSection, Vec<Option<Vec<u8>>>)> {
    let (kind, _) = Entity::Global(0).split();
    let mut constants: Vec<Option<Vec<u8>>> = vec![None; layout.owners[kind].len()];
    let mut section = GlobalSection::new();
    for (i, part) in layout.parts.iter().enumerate() {
        for (local, global) in (part.module.imported_globals..).zip(&part.sections.globals) {
            let mut remap = Remap::new(layout, i, &constants);
            let ty = remap.global_type(global.ty).map_err(failed)?;
            let bytes = remap.constant_bytes(&global.init_expr)?;
            let index = remap.global_index(local).map_err(failed)?;
            section.global(ty, &ConstExpr::raw(bytes.iter().copied()));
            let mut operators = global.init_expr.get_operators_reader();
            let one = operators.read().is_ok() && operators.is_end_then_eof();
            if one && !global.ty.mutable {
                constants[index as usize] = Some(bytes);
            }
        }
    }
    Ok((section, constants))
}

/// The functions that are defined, and what else is told of them.
struct Code {
    functions: FunctionSection,
    bodies: CodeSection,
    stretches: Vec<Stretches>,
    hints: BranchHints,
    /// Functions that code of linked modules makes references to. What allowed that may have been an export, which is gone.
    declared: BTreeSet<u32>,
}

impl Code {
    fn new(layout: &Layout<'_>, constants: &[Option<Vec<u8>>]) -> Result<Code> {
        let mut code = Code {
            functions: FunctionSection::new(),
            bodies: CodeSection::new(),
            stretches: Vec::new(),
            hints: BranchHints::new(),
            declared: BTreeSet::new(),
        };
        for i in layout.main_first() {
            let part = &layout.parts[i];
            let mut remap = Remap::new(layout, i, constants);
            for (local, body) in (part.module.imported_functions..).zip(&part.bodies) {
                let ty = part.module.functions[local as usize];
                code.functions.function(remap.type_index(ty).map_err(failed)?);
                code.body(part, &mut remap, local, body)?;
            }
        }
        Ok(code)
    }

    fn body(&mut self, part: &Part<'_>, remap: &mut Remap<'_>, local: u32, body: &FunctionBody<'_>) -> Result<()> {
        let mut function = utils::new_function_with_parsed_locals(remap, body).map_err(failed)?;
        let start = body.range().start as u32;
        let mut stretches = Stretches::default();
        stretches.add(0, start);
        let mut hints = part.module.branch_hints.get(&local).into_iter().flatten().peekable();
        let mut moved = Vec::new();
        let mut reader = parse::operators(body).map_err(unexpected)?;
        while !reader.eof() {
            let (operator, offset) = reader.read_with_offset().map_err(unexpected)?;
            let (offset, at) = (offset as u32, function.byte_len() as u32);
            stretches.add(at, offset);
            while let Some(&(hint, taken)) = hints.next_if(|&&(hint, _)| hint <= offset - start) {
                if hint == offset - start {
                    moved.push(BranchHint { branch_func_offset: at, branch_hint_value: u32::from(taken) });
                }
            }
            if let (Operator::RefFunc { function_index }, Some(_)) = (&operator, part.name) {
                self.declared.insert(remap.function_index(*function_index).map_err(failed)?);
            }
            function.instruction(&remap.instruction(operator).map_err(failed)?);
        }
        if !moved.is_empty() {
            self.hints.function_hints(remap.function_index(local).map_err(failed)?, moved);
        }
        self.bodies.function(&function);
        self.stretches.push(stretches);
        Ok(())
    }
}

/// What the main module exports.
fn exports(layout: &Layout<'_>, constants: &[Option<Vec<u8>>]) -> Result<ExportSection> {
    use wasm_encoder::ExportKind::{Func, Global, Memory, Table, Tag};
    let mut section = ExportSection::new();
    if let Some(main) = layout.parts.last() {
        let remap = Remap::new(layout, layout.parts.len() - 1, constants);
        for export in &main.module.exports {
            let kind = match export.entity {
                Entity::Function(_) => Func,
                Entity::Table(_) => Table,
                Entity::Memory(_) => Memory,
                Entity::Global(_) => Global,
                Entity::Tag(_) => Tag,
            };
            section.export(export.name, kind, remap.entity(export.entity).map_err(failed)?);
        }
    }
    Ok(section)
}

/// All element segments, by part; those of `passive` ones are not active.
fn elements(
    layout: &Layout<'_>,
    constants: &[Option<Vec<u8>>],
    passive: &[usize],
    declared: &BTreeSet<u32>,
) -> Result<ElementSection> {
    let mut section = ElementSection::new();
    for (i, part) in layout.parts.iter().enumerate() {
        let mut remap = Remap::new(layout, i, constants);
        for element in &part.sections.elements {
            let elements = match element.items.clone() {
                wasmparser::ElementItems::Functions(functions) => {
                    let functions = functions
                        .into_iter()
                        .map(|function| remap.function_index(function.map_err(unexpected)?).map_err(failed));
                    Elements::Functions(functions.collect::<Result<Vec<_>>>()?.into())
                }
                wasmparser::ElementItems::Expressions(ty, exprs) => {
                    let ty = remap.ref_type(ty).map_err(failed)?;
                    let exprs = exprs.into_iter().map(|expr| remap.constant(&expr.map_err(unexpected)?));
                    Elements::Expressions(ty, exprs.collect::<Result<Vec<_>>>()?.into())
                }
            };
            let offset;
            let mode = match &element.kind {
                ElementKind::Passive => ElementMode::Passive,
                ElementKind::Declared => ElementMode::Declared,
                ElementKind::Active { .. } if passive.contains(&i) => ElementMode::Passive,
                ElementKind::Active { table_index, offset_expr } => {
                    offset = remap.constant(offset_expr)?;
                    let table = remap.table_index(table_index.unwrap_or(0)).map_err(failed)?;
                    // The first encoding of segments says no table.
                    let implied = table == 0 && table_index.is_none();
                    ElementMode::Active { table: (!implied).then_some(table), offset: &offset }
                }
            };
            section.segment(ElementSegment { mode, elements });
        }
    }
    if !declared.is_empty() {
        let elements = Elements::Functions(declared.iter().copied().collect());
        section.segment(ElementSegment { mode: ElementMode::Declared, elements });
    }
    Ok(section)
}

/// All data segments, likewise.
fn data(layout: &Layout<'_>, constants: &[Option<Vec<u8>>], passive: &[usize]) -> Result<DataSection> {
    let mut section = DataSection::new();
    for (i, part) in layout.parts.iter().enumerate() {
        let mut remap = Remap::new(layout, i, constants);
        for data in &part.sections.data {
            let offset;
            let mode = match &data.kind {
                wasmparser::DataKind::Active { memory_index, offset_expr } if !passive.contains(&i) => {
                    offset = remap.constant(offset_expr)?;
                    let memory_index = remap.memory_index(*memory_index).map_err(failed)?;
                    DataSegmentMode::Active { memory_index, offset: &offset }
                }
                _ => DataSegmentMode::Passive,
            };
            section.segment(DataSegment { mode, data: data.data.iter().copied() });
        }
    }
    Ok(section)
}

/// The start function: active segments as section 4.6.4 of the specification has them, and calls.
fn start(layout: &Layout<'_>, constants: &[Option<Vec<u8>>], steps: &[Step]) -> Result<Function> {
    let mut body = Function::new([]);
    for step in steps {
        match *step {
            Step::Call(function) => {
                body.instruction(&Instruction::Call(function));
            }
            Step::Segments(i) => segments(layout, constants, i, &mut body)?,
        }
    }
    body.instruction(&Instruction::End);
    Ok(body)
}

fn segments(layout: &Layout<'_>, constants: &[Option<Vec<u8>>], i: usize, body: &mut Function) -> Result<()> {
    let part = &layout.parts[i];
    let mut remap = Remap::new(layout, i, constants);
    let mut apply = |offset: Vec<u8>, len: usize, copy: Instruction<'_>, drop: Instruction<'_>| {
        body.raw(offset);
        body.instruction(&Instruction::I32Const(0)).instruction(&Instruction::I32Const(len as u32 as i32));
        body.instruction(&copy).instruction(&drop);
    };
    for (elem_index, (element, parsed)) in
        (layout.indices[i].elements..).zip(part.sections.elements.iter().zip(&part.module.elements))
    {
        if let (ElementKind::Active { offset_expr, .. }, SegmentKind::Active { index, .. }) =
            (&element.kind, &parsed.kind)
        {
            let offset = remap.constant_bytes(offset_expr)?;
            let table = remap.table_index(*index).map_err(failed)?;
            let copy = Instruction::TableInit { elem_index, table };
            apply(offset, parsed.items.len(), copy, Instruction::ElemDrop(elem_index));
        }
    }
    for (data_index, data) in (layout.indices[i].data..).zip(&part.sections.data) {
        if let wasmparser::DataKind::Active { memory_index, offset_expr } = &data.kind {
            let offset = remap.constant_bytes(offset_expr)?;
            let mem = remap.memory_index(*memory_index).map_err(failed)?;
            let copy = Instruction::MemoryInit { mem, data_index };
            apply(offset, data.data.len(), copy, Instruction::DataDrop(data_index));
        }
    }
    Ok(())
}

fn names(layout: &Layout<'_>) -> NameSection {
    name_section(&function_names(layout))
}

fn name_section(names: &NameMap) -> NameSection {
    let mut section = NameSection::new();
    section.functions(names);
    section
}

/// What backtraces call functions: as without linking, and those of linked modules behind the modules' names.
fn function_names(layout: &Layout<'_>) -> NameMap {
    let (functions, _) = Entity::Function(0).split();
    let mut names = NameMap::new();
    for (merged, &(i, local)) in (0..).zip(&layout.owners[functions]) {
        let part = &layout.parts[i];
        let prefix = part.name.map(|name| shortened(name, MAX_PREFIX));
        let name = match (part.module.name(local), prefix) {
            // It would be called by its index, which is another one now.
            ("", None) if merged != local => format!("function[{local}]"),
            (name, None) => name.to_owned(),
            ("", Some(prefix)) => format!("{prefix}!function[{local}]"),
            (name, Some(prefix)) => format!("{prefix}!{name}"),
        };
        if !name.is_empty() {
            names.append(merged, shortened(&name, MAX_NAME));
        }
    }
    names
}

/// The beginning of a text, so many bytes at most.
fn shortened(text: &str, len: usize) -> &str {
    &text[..text.floor_char_boundary(len)]
}
