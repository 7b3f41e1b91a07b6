//! A parsed module: what the sections say, borrowed from the input. Nothing here is computed or decided.

use bailiwick_runtime_abi::types::ValType;
use wasmparser::{FuncToValidate, FunctionBody, ValidatorResources};

/// A function type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct FuncType {
    pub params: Vec<ValType>,
    pub results: Vec<ValType>,
}

/// What an import or export is, with its index in the index space of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entity {
    Function(u32),
    Table(u32),
    Memory(u32),
    Global(u32),
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
    pub types: Vec<FuncType>,
    pub imports: Vec<Import<'a>>,
    /// Type index of each function.
    pub functions: Vec<u32>,
    pub tables: Vec<Table>,
    pub memories: Vec<Memory>,
    pub globals: Vec<Global>,
    pub exports: Vec<Export<'a>>,
    pub start: Option<u32>,
    pub elements: Vec<Element>,
    pub data: Vec<Data<'a>>,
    /// Name of each function in the name section, or else that of its first export; empty if it has neither.
    pub names: Vec<&'a str>,
    /// Custom sections in which bindings generators put the module's world: name, contents, and where these begin.
    pub component_types: Vec<(&'a str, &'a [u8], u64)>,
    pub imported_functions: u32,
    pub imported_tables: u32,
    pub imported_memories: u32,
    pub imported_globals: u32,
}

impl Module<'_> {
    /// The type of a function.
    pub fn function_type(&self, function: u32) -> &FuncType {
        &self.types[self.functions[function as usize] as usize]
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
