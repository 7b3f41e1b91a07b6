//! Bytes → [`Module`]: section by section, validated on the way; bodies are left to the workers.
//!
//! Architecture invariant: this folder and `analysis::scan` are the only users of the validator. What comes
//! after them may index without asking whether an index exists.

mod branch_hints;
mod const_expr;
mod declared;
mod decode;
mod features;

pub(crate) use declared::with_foundations;
pub use features::WasmFeatures;
pub(crate) use features::{FEATURES, NOT_YET, cast_target, refusal, used};

use crate::error::{CompileError, Result};
use crate::module::{
    Body, Data, Element, ElementItems, Entity, Export, FuncType, Global, Import, Memory, Module, SegmentKind, Table,
    TypeDefinition,
};
use bailiwick_runtime_abi::format::{STORAGE_I8, STORAGE_I16};
use bailiwick_runtime_abi::types::{Composite, HeapType, RefType, ValType, WasmFeature};
use wasmparser::{
    AbstractHeapType, CompositeInnerType, ElementKind, ExternalKind, FunctionBody, KnownCustom, Name, Parser, Payload,
    RecGroup, StorageType, TableInit, TypeRef, UnpackedIndex, ValidPayload, Validator,
};

/// Offsets of the binary are kept in 32 bits, and the last value is reserved.
const MAX_MODULE_LEN: u64 = u32::MAX as u64 - 1;

/// What the names of custom sections begin with that say of which world a module is.
const COMPONENT_TYPE: &str = "component-type";

/// Reads a module in the binary format.
pub(crate) fn parse(wasm: &[u8], features: WasmFeatures) -> Result<(Module<'_>, Vec<Body<'_>>)> {
    if wasm.len() as u64 > MAX_MODULE_LEN {
        return Err(CompileError::Limit {
            what: format!("the module has {} bytes", wasm.len()),
            limit: MAX_MODULE_LEN,
        });
    }
    if Parser::is_component(wasm) {
        return Err(CompileError::Component);
    }
    sections(wasm, features).map_err(|refusal| match refusal {
        Refusal::Validator(error) => features::explain(wasm, features, error, None),
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
pub(crate) fn body_error(wasm: &[u8], features: WasmFeatures, error: wasmparser::Error, function: u32) -> CompileError {
    features::explain(wasm, features, error, Some(function))
}

/// By what two definitions of a module are the same type.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    /// The validator's, of recursion groups.
    Interned(wasmparser::types::CoreTypeId),
    Structure(FuncType),
}

fn sections(wasm: &[u8], features: WasmFeatures) -> Result<(Module<'_>, Vec<Body<'_>>), Refusal> {
    let mut module = Module { allowed: features, ..Module::default() };
    let mut bodies = Vec::new();
    let mut validator = Validator::new_with_features(features.validator());
    let mut parser = Parser::new(0);
    parser.set_features(features.validator());
    for payload in parser.parse_all(wasm) {
        let payload = payload?;
        match validator.payload(&payload)? {
            ValidPayload::Func(to_validate, body) => bodies.push(Body { to_validate, body }),
            ValidPayload::End(types) => {
                let mut first = std::collections::HashMap::new();
                // Without types that refer to types the validator gives each definition an identity of its own.
                let interned = features.has(WasmFeature::FunctionReferences);
                for (i, definition) in (0u32..).zip(&mut module.definitions) {
                    let identity = match interned {
                        true => Identity::Interned(types.as_ref().core_type_at_in_module(i)),
                        false => Identity::Structure(module.types[i as usize].clone()),
                    };
                    definition.canonical = *first.entry(identity).or_insert(i);
                }
            }
            _ => {}
        }
        section(&mut module, payload)?;
    }
    declared_features(&mut module);
    name_by_exports(&mut module);
    Ok((module, bodies))
}

/// Takes over a section that the validator has accepted.
fn section<'a>(module: &mut Module<'a>, payload: Payload<'a>) -> Result<(), Refusal> {
    match payload {
        Payload::TypeSection(reader) => {
            for group in reader {
                add_types(&mut module.types, &mut module.definitions, group?)?;
            }
        }
        Payload::ImportSection(reader) => {
            for import in reader.into_imports() {
                let import = import?;
                let entity = imported(module, import.ty);
                module.imports.push(Import { module: import.module, name: import.name, entity });
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
                module.tables.push(Table { init, ..table_type(module, &table.ty) });
            }
        }
        Payload::MemorySection(reader) => {
            for ty in reader {
                add_memory(module, &ty?);
            }
        }
        Payload::TagSection(reader) => {
            for tag in reader {
                module.tags.push(tag?.func_type_idx);
            }
        }
        Payload::GlobalSection(reader) => {
            for global in reader {
                let global = global?;
                let init = const_expr::read(&global.init_expr)?;
                module.globals.push(Global { init, ..global_type(module, &global.ty) });
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
                    ExternalKind::Tag => Entity::Tag(export.index),
                };
                module.exports.push(Export { name: export.name, entity });
            }
        }
        Payload::DataCountSection { .. } => module.wasm_features |= WasmFeature::BulkMemory.bit(),
        Payload::StartSection { func, .. } => module.start = Some(func),
        Payload::ElementSection(reader) => {
            for element in reader {
                let element = read_element(module, element?)?;
                module.elements.push(element);
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
            match reader.as_known() {
                KnownCustom::Name(names) => read_names(module, names),
                KnownCustom::BranchHints(hints) => branch_hints::read(module, hints),
                _ => {}
            }
        }
        _ => {}
    }
    Ok(())
}

fn imported(module: &mut Module<'_>, ty: TypeRef) -> Entity {
    match ty {
        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
            module.functions.push(ty);
            module.imported_functions += 1;
            Entity::Function(module.imported_functions - 1)
        }
        TypeRef::Table(ty) => {
            module.tables.push(table_type(module, &ty));
            module.imported_tables += 1;
            Entity::Table(module.imported_tables - 1)
        }
        TypeRef::Memory(ty) => {
            add_memory(module, &ty);
            module.imported_memories += 1;
            Entity::Memory(module.imported_memories - 1)
        }
        TypeRef::Global(ty) => {
            module.globals.push(global_type(module, &ty));
            module.imported_globals += 1;
            Entity::Global(module.imported_globals - 1)
        }
        TypeRef::Tag(ty) => {
            module.tags.push(ty.func_type_idx);
            module.imported_tags += 1;
            Entity::Tag(module.imported_tags - 1)
        }
    }
}

fn read_element(module: &Module<'_>, element: wasmparser::Element<'_>) -> Result<Element, Refusal> {
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
            element_type: ValType::Ref(RefType { nullable: false, heap: HeapType::Func }),
            items: ElementItems::Functions(items.into_iter().collect::<wasmparser::Result<_>>()?),
        },
        wasmparser::ElementItems::Expressions(ty, items) => {
            let mut exprs = Vec::new();
            for expr in items {
                exprs.push(const_expr::read(&expr?)?);
            }
            Element { kind, element_type: module.ref_type(ty), items: ElementItems::Exprs(exprs) }
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

/// Takes over the types of a recursion group.
fn add_types(types: &mut Vec<FuncType>, definitions: &mut Vec<TypeDefinition>, group: RecGroup) -> Result<(), Refusal> {
    let first = types.len() as u32;
    for ty in group.into_types() {
        let index = types.len() as u32;
        if index >= ValType::MAX_TYPES {
            let what = "the module has more types than that".to_owned();
            return Err(CompileError::Limit { what, limit: u64::from(ValType::MAX_TYPES) }.into());
        }
        let storage = |ty: StorageType| match ty {
            StorageType::I8 => STORAGE_I8,
            StorageType::I16 => STORAGE_I16,
            StorageType::Val(ty) => val_type(ty).encode(),
        };
        let (composite, function, fields) = match &ty.composite_type.inner {
            CompositeInnerType::Func(ty) => {
                let convert = |types: &[wasmparser::ValType]| types.iter().map(|&ty| val_type(ty)).collect();
                let function = FuncType { params: convert(ty.params()), results: convert(ty.results()) };
                (Composite::Func, function, Vec::new())
            }
            CompositeInnerType::Struct(ty) => {
                let fields = ty.fields.iter().map(|field| (storage(field.element_type), field.mutable)).collect();
                (Composite::Struct, FuncType::default(), fields)
            }
            CompositeInnerType::Array(ty) => {
                (Composite::Array, FuncType::default(), vec![(storage(ty.0.element_type), ty.0.mutable)])
            }
            // The validator knows no continuations with these features.
            CompositeInnerType::Cont(_) => return Err(CompileError::internal("a continuation type").into()),
        };
        types.push(function);
        definitions.push(TypeDefinition {
            composite,
            is_final: ty.is_final,
            supertype: ty.supertype_idxs.first().and_then(|index| index.as_module_index()),
            group: first,
            canonical: index,
            fields,
        });
    }
    // Now that the kind of each is known.
    let kind = |definitions: &[TypeDefinition], ty: &mut ValType| {
        if let ValType::Ref(RefType { heap: HeapType::Concrete(composite, index), .. }) = ty {
            *composite = definitions[*index as usize].composite;
        }
    };
    for ty in &mut types[first as usize..] {
        ty.params.iter_mut().chain(&mut ty.results).for_each(|ty| kind(definitions, ty));
    }
    for i in first as usize..definitions.len() {
        let mut fields = std::mem::take(&mut definitions[i].fields);
        for (field, _) in &mut fields {
            if let Some(mut ty) = ValType::decode(*field) {
                kind(definitions, &mut ty);
                *field = ty.encode();
            }
        }
        definitions[i].fields = fields;
    }
    Ok(())
}

/// What sections show of the features that a module uses.
fn declared_features(module: &mut Module<'_>) {
    let mut bits = 0;
    let mut add = |used: bool, feature: WasmFeature| bits |= if used { feature.bit() } else { 0 };
    let lone = |(i, definition): (u32, &TypeDefinition)| {
        let alone = definition.group == i && definition.is_final && definition.supertype.is_none();
        alone && definition.composite == Composite::Func
    };
    // A group of several types shows in its second.
    add(!(0u32..).zip(&module.definitions).all(lone), WasmFeature::Gc);
    add(module.types.iter().any(|ty| ty.results.len() > 1), WasmFeature::MultiValue);
    add(module.memories.len() > 1, WasmFeature::MultiMemory);
    let memory64 =
        module.memories.iter().any(|memory| memory.index64) || module.tables.iter().any(|table| table.index64);
    add(memory64, WasmFeature::Memory64);
    add(module.memories.iter().any(|memory| memory.shared), WasmFeature::Threads);
    add(module.memories.iter().any(|memory| memory.page_size_log2 != 16), WasmFeature::CustomPageSizes);
    add(!module.tags.is_empty(), WasmFeature::Exceptions);
    add(module.tables.len() > 1, WasmFeature::ReferenceTypes);
    let values = module.types.iter().flat_map(|ty| ty.params.iter().chain(&ty.results)).copied();
    let values = values.chain(module.globals.iter().map(|global| global.val_type));
    for ty in values.chain(module.tables.iter().map(|table| table.element_type)) {
        add(ty == ValType::V128, WasmFeature::Simd);
        let ValType::Ref(reference) = ty else { continue };
        match reference.heap {
            HeapType::Func | HeapType::Extern if reference.nullable => {
                add(ty == ValType::EXTERNREF, WasmFeature::ReferenceTypes)
            }
            HeapType::Exn | HeapType::NoExn => add(true, WasmFeature::Exceptions),
            HeapType::Func | HeapType::Extern | HeapType::Concrete(Composite::Func, _) => {
                add(true, WasmFeature::FunctionReferences);
            }
            _ => add(true, WasmFeature::Gc),
        }
    }
    let constants = module.globals.iter().map(|global| &global.init);
    for op in constants.flatten() {
        use crate::module::ConstOp::*;
        add(matches!(op, Vector(_)), WasmFeature::Simd);
        add(matches!(op, I32Add | I32Sub | I32Mul | I64Add | I64Sub | I64Mul), WasmFeature::ExtendedConst);
    }
    module.wasm_features |= bits | declared::in_segments_and_names(module);
}

/// A value type. Of which kind a type is that the module defines, only [`Module::val_type`] knows.
fn val_type(ty: wasmparser::ValType) -> ValType {
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
    ValType::Ref(RefType { nullable: ty.is_nullable(), heap: heap_type(ty.heap_type()) })
}

fn heap_type(ty: wasmparser::HeapType) -> HeapType {
    match ty {
        wasmparser::HeapType::Abstract { ty, .. } => match ty {
            AbstractHeapType::Func => HeapType::Func,
            AbstractHeapType::NoFunc => HeapType::NoFunc,
            AbstractHeapType::Extern => HeapType::Extern,
            AbstractHeapType::NoExtern => HeapType::NoExtern,
            AbstractHeapType::Exn => HeapType::Exn,
            AbstractHeapType::NoExn => HeapType::NoExn,
            AbstractHeapType::Any => HeapType::Any,
            AbstractHeapType::Eq => HeapType::Eq,
            AbstractHeapType::I31 => HeapType::I31,
            AbstractHeapType::Struct => HeapType::Struct,
            AbstractHeapType::Array => HeapType::Array,
            // The validator knows no continuations with these features.
            AbstractHeapType::None | AbstractHeapType::Cont | AbstractHeapType::NoCont => HeapType::None,
        },
        wasmparser::HeapType::Concrete(index) | wasmparser::HeapType::Exact(index) => {
            // In sections and bodies all indices are the module's.
            let UnpackedIndex::Module(index) = index else { return HeapType::None };
            HeapType::Concrete(Composite::Func, index)
        }
    }
}

impl Module<'_> {
    /// A value type of a section or body.
    pub fn val_type(&self, ty: wasmparser::ValType) -> ValType {
        let mut ty = val_type(ty);
        if let ValType::Ref(RefType { heap: HeapType::Concrete(composite, index), .. }) = &mut ty {
            // An index that the validator refuses later may be any.
            *composite =
                self.definitions.get(*index as usize).map_or(Composite::Func, |definition| definition.composite);
        }
        ty
    }

    /// What a reference of a body is to.
    pub fn heap_type(&self, ty: wasmparser::HeapType) -> HeapType {
        match heap_type(ty) {
            HeapType::Concrete(_, index) => {
                let composite = self.definitions.get(index as usize).map(|definition| definition.composite);
                HeapType::Concrete(composite.unwrap_or(Composite::Func), index)
            }
            other => other,
        }
    }

    fn ref_type(&self, ty: wasmparser::RefType) -> ValType {
        self.val_type(wasmparser::ValType::Ref(ty))
    }
}

fn table_type(module: &Module<'_>, ty: &wasmparser::TableType) -> Table {
    Table {
        element_type: module.ref_type(ty.element_type),
        index64: ty.table64,
        minimum: ty.initial,
        maximum: ty.maximum,
        init: None,
    }
}

fn add_memory(module: &mut Module<'_>, ty: &wasmparser::MemoryType) {
    module.memories.push(memory_type(ty));
    // Said, even if it is the one that goes without saying.
    module.wasm_features |= ty.page_size_log2.map_or(0, |_| WasmFeature::CustomPageSizes.bit());
}

fn memory_type(ty: &wasmparser::MemoryType) -> Memory {
    Memory {
        minimum: ty.initial,
        maximum: ty.maximum,
        page_size_log2: ty.page_size_log2.unwrap_or(16),
        index64: ty.memory64,
        shared: ty.shared,
    }
}

fn global_type(module: &Module<'_>, ty: &wasmparser::GlobalType) -> Global {
    Global { val_type: module.val_type(ty.content_type), mutable: ty.mutable, init: Vec::new() }
}

/// The operators of a validated body, after its declarations of locals.
pub(crate) fn operators<'a>(body: &FunctionBody<'a>) -> wasmparser::Result<wasmparser::OperatorsReader<'a>> {
    let mut reader = body.get_binary_reader_for_operators()?;
    reader.set_features(FEATURES);
    Ok(wasmparser::OperatorsReader::new(reader))
}
