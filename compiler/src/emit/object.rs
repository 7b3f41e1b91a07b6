//! A relocatable object instead of an artifact: for the C linker.
//!
//! ```text
//!  .text      functions, thunks, stubs         ◄──┐  ◄──┐
//!  .rodata    call tables; the context's counts  ─┘     │  32-bit distances, the linker fills them in
//!  .eh_frame  how to unwind each of them         ───────┘
//! ```
//!
//! Units have local symbols, with the names that an artifact gives them. What a program may refer to has global ones:
//! see [`crate::emit_object`].

use super::{Parts, eh_frame, unit_name};
use crate::codegen::Unit;
use crate::error::{CompileError, Result};
use crate::module::Entity;
use crate::symbol::Symbol;
use bailiwick_runtime_abi::format::{CallEntry, NONE};
use cranelift_codegen::ir::Signature;
use cranelift_codegen::isa::CallConv;
use cranelift_module::{
    DataDescription, DataId, FuncId, Linkage, Module, ModuleReloc, ModuleRelocTarget, default_libcall_names,
};
use cranelift_object::{ObjectBuilder, ObjectModule, ObjectProduct};
use object::write::{StandardSection, SymbolId};
use object::{RelocationEncoding, RelocationFlags, RelocationKind};
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use zerocopy::IntoBytes;

/// Writes the object.
pub(crate) fn object(parts: &Parts<'_>) -> Result<Vec<u8>> {
    // What a throw reads on its way is a table of the artifact.
    if !parts.module.tags.is_empty() || parts.units.iter().any(|unit| !unit.frames.is_empty()) {
        let message =
            "a module with exceptions can't be made an object, only an artifact; leave out --emit obj".to_owned();
        return Err(CompileError::Options { message });
    }
    let isa = parts.target.isa.clone();
    let builder = ObjectBuilder::new(isa, "bailiwick", default_libcall_names()).map_err(defect)?;
    let mut module = ObjectModule::new(builder);
    let mut names = Names::default();
    // The object module takes a signature for each function and looks at none.
    let signature = Signature::new(CallConv::Tail);

    let mut functions: HashMap<Symbol, FuncId> = HashMap::new();
    for unit in parts.units {
        let name = names.unique(unit_name(parts.module, unit.symbol));
        let id = module.declare_function(&name, Linkage::Local, &signature).map_err(defect)?;
        functions.insert(unit.symbol, id);
    }
    let mut tables: HashMap<Symbol, DataId> = HashMap::new();
    for (i, elements) in parts.facts.call_tables.iter().enumerate() {
        let Some(elements) = elements else { continue };
        let symbol = Symbol::CallTable(i as u32);
        let name = names.unique(unit_name(parts.module, symbol));
        let id = module.declare_data(&name, Linkage::Local, false, false).map_err(defect)?;
        module.define_data(id, &read_only(call_table(parts, elements))).map_err(defect)?;
        tables.insert(symbol, id);
    }
    let counts = module.declare_data("bailiwick_counts", Linkage::Export, false, false).map_err(defect)?;
    module.define_data(counts, &read_only(parts.facts.layout.counts().as_bytes().to_vec())).map_err(defect)?;

    for unit in parts.units {
        let relocations = relocations(unit, &functions, &tables)?;
        let id = functions[&unit.symbol];
        module.define_function_bytes(id, u64::from(unit.alignment), &unit.code, &relocations).map_err(defect)?;
    }

    let mut product = module.finish();
    let symbols = functions.iter().map(|(&symbol, &id)| (symbol, product.function_symbol(id))).collect();
    fill_call_tables(parts, &mut product, &symbols, &tables)?;
    unwind(parts, &mut product, &symbols)?;
    globals(parts, &mut product, &symbols)?;
    product.emit().map_err(defect)
}

/// Names of units; a module may call two functions the same.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    fn unique(&mut self, name: String) -> String {
        // A NUL would end it here anyway.
        let mut name = name.split('\0').next().unwrap_or_default().to_owned();
        while name.is_empty() || name == "bailiwick_counts" || !self.0.insert(name.clone()) {
            let _ = write!(name, "[{}]", self.0.len());
        }
        name
    }
}

fn read_only(bytes: Vec<u8>) -> DataDescription {
    let mut data = DataDescription::new();
    data.set_align(8);
    data.define(bytes.into_boxed_slice());
    data
}

/// The entries of a call table, whose targets are still to be filled in.
fn call_table(parts: &Parts<'_>, elements: &[Option<u32>]) -> Vec<u8> {
    let canonical = |function: u32| parts.facts.function_type(parts.module, function);
    let entry = |element: &Option<u32>| CallEntry { target: 0, canonical_type: element.map_or(NONE, canonical) };
    elements.iter().map(entry).flat_map(|entry| entry.as_bytes().to_vec()).collect()
}

fn relocations(
    unit: &Unit,
    functions: &HashMap<Symbol, FuncId>,
    tables: &HashMap<Symbol, DataId>,
) -> Result<Vec<ModuleReloc>> {
    let resolve = |symbol: Symbol| {
        let function = functions.get(&symbol).map(|&id| ModuleRelocTarget::from(id));
        function.or_else(|| tables.get(&symbol).map(|&id| ModuleRelocTarget::from(id)))
    };
    unit.relocations
        .iter()
        .map(|relocation| {
            let name = resolve(relocation.symbol)
                .ok_or_else(|| defect(format!("{:?} refers to {:?}", unit.symbol, relocation.symbol)))?;
            Ok(ModuleReloc { offset: relocation.offset, kind: relocation.kind, name, addend: relocation.addend })
        })
        .collect()
}

/// A signed 32-bit distance from where it stands.
const DISTANCE: RelocationFlags =
    RelocationFlags::Generic { kind: RelocationKind::Relative, encoding: RelocationEncoding::Generic, size: 32 };

/// Targets are distances from the table's beginning, and the linker's are from the field itself.
fn fill_call_tables(
    parts: &Parts<'_>,
    product: &mut ObjectProduct,
    symbols: &HashMap<Symbol, SymbolId>,
    tables: &HashMap<Symbol, DataId>,
) -> Result<()> {
    for (i, elements) in parts.facts.call_tables.iter().enumerate() {
        let Some(&id) = tables.get(&Symbol::CallTable(i as u32)) else { continue };
        let table = product.object.symbol(product.data_symbol(id));
        let (Some(section), base) = (table.section.id(), table.value) else {
            return Err(defect("a call table is in no section"));
        };
        for (element, position) in elements.iter().flatten().zip((0..).step_by(size_of::<CallEntry>())) {
            let Some(function) = *element else { continue };
            let target = if function < parts.module.imported_functions {
                Symbol::Thunk(function)
            } else {
                Symbol::Function(function)
            };
            let field = position + std::mem::offset_of!(CallEntry, target) as u64;
            let symbol = *symbols.get(&target).ok_or_else(|| defect(format!("there is no {target:?}")))?;
            let relocation =
                object::write::Relocation { offset: base + field, symbol, addend: field as i64, flags: DISTANCE };
            product.object.add_relocation(section, relocation).map_err(defect)?;
        }
    }
    Ok(())
}

fn unwind(parts: &Parts<'_>, product: &mut ObjectProduct, symbols: &HashMap<Symbol, SymbolId>) -> Result<()> {
    // No length of zero at its end: the linker puts the sections of many objects together.
    let frames = eh_frame::frames(parts, |_, _| Ok(0))?;
    let id = product.object.section_id(StandardSection::EhFrame);
    let base = product.object.append_section_data(id, &frames.bytes, 8);
    for (unit, entry) in frames.entries {
        let symbol = symbols[&parts.units[unit].symbol];
        let offset = base + entry + eh_frame::ADDRESS;
        let relocation = object::write::Relocation { offset, symbol, addend: 0, flags: DISTANCE };
        product.object.add_relocation(id, relocation).map_err(defect)?;
    }
    Ok(())
}

/// The symbols that a program refers to, see [`crate::emit_object`].
fn globals(parts: &Parts<'_>, product: &mut ObjectProduct, symbols: &HashMap<Symbol, SymbolId>) -> Result<()> {
    let mut alias = |name: String, symbol: Symbol| {
        let id = *symbols.get(&symbol).ok_or_else(|| defect(format!("{name} is {symbol:?}, which is nowhere")))?;
        let unit = product.object.symbol(id);
        let alias = object::write::Symbol {
            name: name.into_bytes(),
            value: unit.value,
            size: unit.size,
            kind: unit.kind,
            scope: object::SymbolScope::Dynamic,
            weak: false,
            section: unit.section,
            flags: unit.flags,
        };
        product.object.add_symbol(alias);
        Ok(())
    };
    for export in &parts.module.exports {
        let Entity::Function(function) = export.entity else { continue };
        let code = if function < parts.module.imported_functions {
            Symbol::Thunk(function)
        } else {
            Symbol::Function(function)
        };
        let name = mangled(export.name);
        alias(format!("bailiwick_code_{name}"), code)?;
        alias(format!("bailiwick_entry_{name}"), Symbol::Entry(parts.facts.function_type(parts.module, function)))?;
    }
    alias("bailiwick_denied".to_owned(), Symbol::Denied)
}

/// A name that C can say: `$` and two digits stand for each byte that is no letter, digit or `_`.
fn mangled(name: &str) -> String {
    name.bytes().fold(String::new(), |mut mangled, byte| {
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            mangled.push(char::from(byte));
        } else {
            let _ = write!(mangled, "${byte:02x}");
        }
        mangled
    })
}

fn defect(error: impl std::fmt::Display) -> CompileError {
    CompileError::internal(format!("the object: {error}"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn different_names_stay_different() {
        assert_eq!(super::mangled("_start"), "_start");
        assert_eq!(super::mangled("cabi:run/x$2e"), "cabi$3arun$2fx$242e");
    }
}
