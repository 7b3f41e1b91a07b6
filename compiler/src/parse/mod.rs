//! Bytes → [`Module`]: section by section, validated on the way; bodies are left to the workers.
//!
//! Architecture invariant: this folder and `analysis::scan` are the only users of the validator. What comes
//! after them may index without asking whether an index exists.

mod const_expr;
mod features;

pub(crate) use features::FEATURES;

use crate::error::{CompileError, Result};
use crate::module::{
    Body, Data, Element, ElementItems, Entity, Export, FuncType, Global, Import, Memory, Module, SegmentKind, Table,
};
use bailiwick_runtime_abi::types::ValType;
use wasmparser::{
    ElementKind, ExternalKind, FunctionBody, KnownCustom, Name, Parser, Payload, TableInit, TypeRef, ValidPayload,
    Validator,
};

/// Offsets of the binary are kept in 32 bits, and the last value is reserved.
const MAX_MODULE_LEN: u64 = u32::MAX as u64 - 1;

/// What the names of custom sections begin with that say of which world a module is.
const COMPONENT_TYPE: &str = "component-type";

/// Reads a module in the binary format.
pub(crate) fn parse(wasm: &[u8]) -> Result<(Module<'_>, Vec<Body<'_>>)> {
    if wasm.len() as u64 > MAX_MODULE_LEN {
        return Err(CompileError::Limit {
            what: format!("the module has {} bytes", wasm.len()),
            limit: MAX_MODULE_LEN,
        });
    }
    if Parser::is_component(wasm) {
        return Err(CompileError::Component);
    }
    sections(wasm).map_err(|refusal| match refusal {
        Refusal::Validator(error) => features::explain(wasm, error, None),
        Refusal::Ours(error) => error,
    })
}

/// Why a section was not taken: an error of the validator, still to be explained, or one of ours.
enum Refusal {
    Validator(wasmparser::Error),
    Ours(CompileError),
}

impl From<wasmparser::Error> for Refusal {
    fn from(error: wasmparser::Error) -> Self {
        Refusal::Validator(error)
    }
}

impl From<CompileError> for Refusal {
    fn from(error: CompileError) -> Self {
        Refusal::Ours(error)
    }
}

/// Turns an error of the validator in a function's body into ours.
pub(crate) fn body_error(wasm: &[u8], error: wasmparser::Error, function: u32) -> CompileError {
    features::explain(wasm, error, Some(function))
}

fn sections(wasm: &[u8]) -> Result<(Module<'_>, Vec<Body<'_>>), Refusal> {
    let mut module = Module::default();
    let mut bodies = Vec::new();
    let mut validator = Validator::new_with_features(FEATURES);
    let mut parser = Parser::new(0);
    parser.set_features(FEATURES);
    for payload in parser.parse_all(wasm) {
        let payload = payload?;
        if let ValidPayload::Func(to_validate, body) = validator.payload(&payload)? {
            bodies.push(Body { to_validate, body });
        }
        section(&mut module, payload)?;
    }
    name_by_exports(&mut module);
    Ok((module, bodies))
}

/// Takes over a section that the validator has accepted.
fn section<'a>(module: &mut Module<'a>, payload: Payload<'a>) -> Result<(), Refusal> {
    match payload {
        Payload::TypeSection(reader) => {
            for ty in reader.into_iter_err_on_gc_types() {
                let ty = ty?;
                let convert = |types: &[wasmparser::ValType]| types.iter().map(|&ty| val_type(ty)).collect();
                module.types.push(FuncType { params: convert(ty.params()), results: convert(ty.results()) });
            }
        }
        Payload::ImportSection(reader) => {
            for import in reader.into_imports() {
                let import = import?;
                let entity = imported(module, import.ty);
                if let Some(entity) = entity {
                    module.imports.push(Import { module: import.module, name: import.name, entity });
                }
            }
        }
        Payload::FunctionSection(reader) => {
            for ty in reader {
                module.functions.push(ty?);
            }
        }
        Payload::TableSection(reader) => {
            for table in reader {
                let table = table?;
                let init = match &table.init {
                    TableInit::RefNull => None,
                    TableInit::Expr(expr) => Some(const_expr::read(expr)?),
                };
                module.tables.push(Table { init, ..table_type(&table.ty) });
            }
        }
        Payload::MemorySection(reader) => {
            for ty in reader {
                module.memories.push(memory_type(&ty?));
            }
        }
        Payload::GlobalSection(reader) => {
            for global in reader {
                let global = global?;
                let init = const_expr::read(&global.init_expr)?;
                module.globals.push(Global { init, ..global_type(&global.ty) });
            }
        }
        Payload::ExportSection(reader) => {
            for export in reader {
                let export = export?;
                let entity = match export.kind {
                    ExternalKind::Func | ExternalKind::FuncExact => Entity::Function(export.index),
                    ExternalKind::Table => Entity::Table(export.index),
                    ExternalKind::Memory => Entity::Memory(export.index),
                    ExternalKind::Global => Entity::Global(export.index),
                    // Refused by the validator.
                    ExternalKind::Tag => continue,
                };
                module.exports.push(Export { name: export.name, entity });
            }
        }
        Payload::StartSection { func, .. } => module.start = Some(func),
        Payload::ElementSection(reader) => {
            for element in reader {
                module.elements.push(read_element(element?)?);
            }
        }
        Payload::DataSection(reader) => {
            for data in reader {
                let data = data?;
                let kind = match data.kind {
                    wasmparser::DataKind::Passive => SegmentKind::Passive,
                    wasmparser::DataKind::Active { memory_index, offset_expr } => {
                        SegmentKind::Active { index: memory_index, offset: const_expr::read(&offset_expr)? }
                    }
                };
                module.data.push(Data { kind, bytes: data.data });
            }
        }
        Payload::CustomSection(reader) => {
            if reader.name().starts_with(COMPONENT_TYPE) {
                module.component_types.push((reader.name(), reader.data(), reader.data_offset()));
            }
            if let KnownCustom::Name(names) = reader.as_known() {
                read_names(module, names);
            }
        }
        _ => {}
    }
    Ok(())
}

fn imported(module: &mut Module<'_>, ty: TypeRef) -> Option<Entity> {
    Some(match ty {
        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
            module.functions.push(ty);
            module.imported_functions += 1;
            Entity::Function(module.imported_functions - 1)
        }
        TypeRef::Table(ty) => {
            module.tables.push(table_type(&ty));
            module.imported_tables += 1;
            Entity::Table(module.imported_tables - 1)
        }
        TypeRef::Memory(ty) => {
            module.memories.push(memory_type(&ty));
            module.imported_memories += 1;
            Entity::Memory(module.imported_memories - 1)
        }
        TypeRef::Global(ty) => {
            module.globals.push(global_type(&ty));
            module.imported_globals += 1;
            Entity::Global(module.imported_globals - 1)
        }
        // Refused by the validator.
        TypeRef::Tag(_) => return None,
    })
}

fn read_element(element: wasmparser::Element<'_>) -> Result<Element, Refusal> {
    let kind = match element.kind {
        ElementKind::Passive => SegmentKind::Passive,
        ElementKind::Declared => SegmentKind::Declared,
        ElementKind::Active { table_index, offset_expr } => {
            SegmentKind::Active { index: table_index.unwrap_or(0), offset: const_expr::read(&offset_expr)? }
        }
    };
    Ok(match element.items {
        wasmparser::ElementItems::Functions(items) => Element {
            kind,
            element_type: ValType::FuncRef,
            items: ElementItems::Functions(items.into_iter().collect::<wasmparser::Result<_>>()?),
        },
        wasmparser::ElementItems::Expressions(ty, items) => {
            let mut exprs = Vec::new();
            for expr in items {
                exprs.push(const_expr::read(&expr?)?);
            }
            Element { kind, element_type: ref_type(ty), items: ElementItems::Exprs(exprs) }
        }
    })
}

/// Takes over the names of functions. A malformed name section is no error: what comes before the fault counts.
fn read_names<'a>(module: &mut Module<'a>, names: wasmparser::NameSectionReader<'a>) {
    for subsection in names {
        let Ok(Name::Function(map)) = subsection else { continue };
        for naming in map {
            let Ok(naming) = naming else { break };
            let index = naming.index as usize;
            // The name section may come before the functions; a module has at most a million of them.
            if index >= 1_000_000 {
                continue;
            }
            if module.names.len() <= index {
                module.names.resize(index + 1, "");
            }
            module.names[index] = naming.name;
        }
    }
}

/// A function without a name is called by its first export.
fn name_by_exports(module: &mut Module<'_>) {
    module.names.resize(module.functions.len(), "");
    for export in &module.exports {
        if let Entity::Function(function) = export.entity
            && module.names[function as usize].is_empty()
        {
            module.names[function as usize] = export.name;
        }
    }
}

/// A value type. Those that the validator refuses by `FEATURES` have no arm of their own.
pub(crate) fn val_type(ty: wasmparser::ValType) -> ValType {
    match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ref_type(ty),
    }
}

fn ref_type(ty: wasmparser::RefType) -> ValType {
    if ty.is_extern_ref() { ValType::ExternRef } else { ValType::FuncRef }
}

fn table_type(ty: &wasmparser::TableType) -> Table {
    Table { element_type: ref_type(ty.element_type), minimum: ty.initial, maximum: ty.maximum, init: None }
}

fn memory_type(ty: &wasmparser::MemoryType) -> Memory {
    Memory { minimum: ty.initial, maximum: ty.maximum }
}

fn global_type(ty: &wasmparser::GlobalType) -> Global {
    Global { val_type: val_type(ty.content_type), mutable: ty.mutable, init: Vec::new() }
}

/// The operators of a validated body, after its declarations of locals.
pub(crate) fn operators<'a>(body: &FunctionBody<'a>) -> wasmparser::Result<wasmparser::OperatorsReader<'a>> {
    let mut reader = body.get_binary_reader_for_operators()?;
    reader.set_features(FEATURES);
    Ok(wasmparser::OperatorsReader::new(reader))
}
