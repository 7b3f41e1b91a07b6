//! A parsed module: what the sections say, borrowed from the input. Nothing here is computed or decided.

use bailiwick_runtime_abi::types::{Composite, ValType};
use std::collections::HashMap;
use wasmparser::{FuncToValidate, FunctionBody, ValidatorResources};

/// A function type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct FuncType {
    pub params: Vec<ValType>,
    pub results: Vec<ValType>,
}

/// What a type is besides a function type's parameters and results.
#[derive(Clone, Debug)]
pub(crate) struct TypeDefinition {
    pub composite: Composite,
    /// Whether no type can be a subtype of it.
    pub is_final: bool,
    pub supertype: Option<u32>,
    /// The first type of its recursion group.
    pub group: u32,
    /// The first type that is the same, by the rules for recursive types.
    pub canonical: u32,
    /// Of a structure or array: the storage type of each field, as an artifact has it, and whether it is mutable.
    pub fields: Vec<(u32, bool)>,
}

/// What an import or export is, with its index in the index space of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entity {
    Function(u32),
    Table(u32),
    Memory(u32),
    Global(u32),
    Tag(u32),
}

/// What [`Entity`] distinguishes.
pub(crate) const KINDS: usize = 5;

impl Entity {
    /// A number for its kind, less than [`KINDS`], and its index.
    pub fn split(self) -> (usize, u32) {
        match self {
            Entity::Function(index) => (0, index),
            Entity::Table(index) => (1, index),
            Entity::Memory(index) => (2, index),
            Entity::Global(index) => (3, index),
            Entity::Tag(index) => (4, index),
        }
    }
}

pub(crate) struct Import<'a> {
    pub module: &'a str,
    pub name: &'a str,
    pub entity: Entity,
}

pub(crate) struct Export<'a> {
    pub name: &'a str,
    pub entity: Entity,
}

/// An operator of a constant expression. Numbers are their bits, zero-extended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConstOp {
    Const(u64),
    /// A vector.
    Vector(u128),
    GlobalGet(u32),
    RefFunc(u32),
    RefNull,
    I32Add,
    I32Sub,
    I32Mul,
    I64Add,
    I64Sub,
    I64Mul,
}

/// A constant expression, in the order of a stack machine.
pub(crate) type ConstExpr = Vec<ConstOp>;

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub element_type: ValType,
    /// Whether its indices have 64 bits.
    pub index64: bool,
    pub minimum: u64,
    pub maximum: Option<u64>,
    /// `None`: null.
    pub init: Option<ConstExpr>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// In pages.
    pub minimum: u64,
    pub maximum: Option<u64>,
    /// Base-2 logarithm of the page size in bytes: 16 or 0.
    pub page_size_log2: u32,
    /// Whether its indices have 64 bits.
    pub index64: bool,
    pub shared: bool,
}

impl Memory {
    /// Its initial length in bytes.
    pub fn minimum_bytes(&self) -> u64 {
        // Validated: at most 2^48 pages of 2^16 bytes each, which is one too many for 64 bits.
        self.minimum
            .checked_shl(self.page_size_log2)
            .filter(|bytes| bytes >> self.page_size_log2 == self.minimum)
            .unwrap_or(u64::MAX)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Global {
    pub val_type: ValType,
    pub mutable: bool,
    /// Empty for an imported one.
    pub init: ConstExpr,
}

#[derive(Clone, Debug)]
pub(crate) enum SegmentKind {
    Passive,
    /// Into the table or memory of this index.
    Active {
        index: u32,
        offset: ConstExpr,
    },
    /// Only declares functions that `ref.func` may name.
    Declared,
}

#[derive(Clone, Debug)]
pub(crate) enum ElementItems {
    Functions(Vec<u32>),
    Exprs(Vec<ConstExpr>),
}

impl ElementItems {
    pub fn len(&self) -> usize {
        match self {
            ElementItems::Functions(items) => items.len(),
            ElementItems::Exprs(items) => items.len(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub kind: SegmentKind,
    pub element_type: ValType,
    pub items: ElementItems,
}

#[derive(Clone, Debug)]
pub(crate) struct Data<'a> {
    pub kind: SegmentKind,
    pub bytes: &'a [u8],
}

/// A function body that is still to be validated.
pub(crate) struct Body<'a> {
    pub to_validate: FuncToValidate<ValidatorResources>,
    pub body: FunctionBody<'a>,
}

/// A module. Index spaces begin with the imported entities.
#[derive(Default)]
pub(crate) struct Module<'a> {
    /// Parameters and results of each type; none of one that is no function type.
    pub types: Vec<FuncType>,
    /// What else each type is.
    pub definitions: Vec<TypeDefinition>,
    pub imports: Vec<Import<'a>>,
    /// Type index of each function.
    pub functions: Vec<u32>,
    pub tables: Vec<Table>,
    pub memories: Vec<Memory>,
    pub globals: Vec<Global>,
    /// Type index of each tag.
    pub tags: Vec<u32>,
    pub exports: Vec<Export<'a>>,
    pub start: Option<u32>,
    pub elements: Vec<Element>,
    pub data: Vec<Data<'a>>,
    /// Name of each function in the name section, or else that of its first export; empty if it has neither.
    pub names: Vec<&'a str>,
    /// Custom sections in which bindings generators put the module's world: name, contents, and where these begin.
    pub component_types: Vec<(&'a str, &'a [u8], u64)>,
    /// By function: where in its body a branch is, in bytes, ascending, and whether it is likely to be taken.
    pub branch_hints: HashMap<u32, Vec<(u32, bool)>>,
    pub imported_functions: u32,
    pub imported_tables: u32,
    pub imported_memories: u32,
    pub imported_globals: u32,
    pub imported_tags: u32,
    /// What of the language it may use.
    pub allowed: crate::parse::WasmFeatures,
    /// What of the language it uses: bits of `WasmFeature`.
    pub wasm_features: u64,
}

impl Module<'_> {
    /// The type of a function.
    pub fn function_type(&self, function: u32) -> &FuncType {
        &self.types[self.functions[function as usize] as usize]
    }

    /// Whether a type is another or was declared its subtype, by way of others or not.
    pub fn is_subtype(&self, ty: u32, of: u32) -> bool {
        let of = self.definitions[of as usize].canonical;
        let mut at = Some(ty);
        // Validated: supertypes come first, and there are at most 63 above a type.
        while let Some(definition) = at.map(|index| &self.definitions[index as usize]) {
            if definition.canonical == of {
                return true;
            }
            at = definition.supertype;
        }
        false
    }

    /// How many there are of each kind, by [`Entity::split`], and how many of these are imported.
    pub fn counts(&self) -> [(u32, u32); KINDS] {
        [
            (self.functions.len() as u32, self.imported_functions),
            (self.tables.len() as u32, self.imported_tables),
            (self.memories.len() as u32, self.imported_memories),
            (self.globals.len() as u32, self.imported_globals),
            (self.tags.len() as u32, self.imported_tags),
        ]
    }

    /// The exports in the order in which an artifact has them.
    pub fn sorted_exports(&self) -> Vec<&Export<'_>> {
        let mut exports: Vec<_> = self.exports.iter().collect();
        exports.sort_unstable_by_key(|export| export.name.as_bytes());
        exports
    }

    /// A function's name; empty if it has none.
    pub fn name(&self, function: u32) -> &str {
        self.names.get(function as usize).copied().unwrap_or("")
    }
}
