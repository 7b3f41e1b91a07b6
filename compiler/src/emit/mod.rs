//! Text and tables → the artifact's bytes (`runtime_abi::format`).
//!
//! | room | what it makes |
//! |---|---|
//! | [`tables`] | the flat tables, from module and facts |
//! | [`sections`] | where each part lies, and the file |
//! | [`elf`] | ELF header, program and section headers |
//! | [`symtab`] | symbols: the names of functions |
//! | [`eh_frame`] | unwind tables |
//! | [`mod@object`] | all of it differently: a relocatable object |
//!
//! Architecture invariant: nothing here looks at code or at wasm; a table's contents were decided before.

mod eh_frame;
mod elf;
mod object;
mod sections;
mod symtab;
mod tables;

pub(crate) use eh_frame::instructions as unwind_instructions;
pub(crate) use object::object;
pub(crate) use sections::{COMPILER, artifact};

use crate::analysis::Facts;
use crate::codegen::Unit;
use crate::merge::Origins;
use crate::module::Module;
use crate::options::Options;
use crate::symbol::Symbol;
use crate::target::Target;

/// What an artifact is made from.
pub(crate) struct Parts<'a> {
    pub module: &'a Module<'a>,
    pub facts: &'a Facts,
    pub units: &'a [Unit],
    pub target: &'a Target,
    pub options: &'a Options<'a>,
    /// SHA-256 of the WebAssembly binary.
    pub source_sha256: [u8; 32],
    /// Where in which input operators are.
    pub origins: &'a Origins,
    /// The encoded world, or nothing.
    pub world: &'a [u8],
}

/// The name by which tools call a unit.
pub(crate) fn unit_name(module: &Module<'_>, symbol: Symbol) -> String {
    match symbol {
        Symbol::Function(i) => match module.name(i) {
            "" => format!("function[{i}]"),
            name => name.to_owned(),
        },
        Symbol::Thunk(i) => format!("bailiwick::thunk[{i}]"),
        Symbol::Entry(i) => format!("bailiwick::entry[{i}]"),
        Symbol::Exit(i) => format!("bailiwick::exit[{i}]"),
        Symbol::Denied => "bailiwick::denied".to_owned(),
        Symbol::CallTable(i) => format!("bailiwick::table[{i}]"),
        Symbol::Adapter(i) => format!("bailiwick::adapter[{i}]"),
    }
}
