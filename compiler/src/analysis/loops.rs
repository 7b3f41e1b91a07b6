//! Loops, by what their operators may do.

use crate::module::Module;
use crate::parse;
use bailiwick_runtime_abi::types::{ValType, WasmFeature};
use wasmparser::Operator;

/// Conditional branches of a loop of which copies pay: a processor has to learn each of every copy.
const MAX_BRANCHES: u32 = 4;
/// Globals of one loop that are kept in values, at most: each takes a register, or a place on the stack.
const MAX_GLOBALS: usize = 8;

/// A loop in which nothing runs but its own operators: no other function, and nothing that grows a memory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SteadyLoop {
    /// Offset of its operator in the binary.
    pub offset: u32,
    /// Globals that it names and whose value a variable may hold while it runs, ascending.
    pub globals: Vec<u32>,
    /// How many operators it has, if there is no loop and few branches within.
    pub short: Option<u32>,
}

/// Whether an operator may run other code, or change the length of a memory that other threads don't have. One that is not
/// known here counts as such.
fn disturbs(operator: &Operator<'_>) -> bool {
    match operator {
        Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::MemoryGrow { .. } => true,
        _ => !matches!(
            parse::used(operator),
            Ok(None
                | Some(
                    WasmFeature::SignExtension
                        | WasmFeature::SaturatingConversions
                        | WasmFeature::BulkMemory
                        | WasmFeature::ReferenceTypes
                        | WasmFeature::Simd
                        | WasmFeature::RelaxedSimd
                        | WasmFeature::WideArithmetic
                ))
        ),
    }
}

/// What is known of an open block.
#[derive(Default)]
struct Open {
    /// Where it begins, if it is a loop.
    start: Option<u32>,
    disturbed: bool,
    has_loop: bool,
    operators: u32,
    branches: u32,
    globals: Vec<u32>,
    imported: Imported,
}

/// The mutable imported globals that a block names: several may be one.
#[derive(Clone, Copy, Default)]
struct Imported {
    first: Option<u32>,
    several: bool,
    written: bool,
}

/// Finds the loops of one body as its operators come.
#[derive(Default)]
pub(super) struct Finder {
    open: Vec<Open>,
}

impl Finder {
    /// Takes the next operator of a valid body; gives the loop that ends with it, if that is a steady one.
    pub fn next(&mut self, module: &Module<'_>, operator: &Operator<'_>, offset: u64) -> Option<SteadyLoop> {
        // It is the surrounding block's, if it begins one.
        if let Some(open) = self.open.last_mut()
            && !matches!(operator, Operator::End)
        {
            open.operators = open.operators.saturating_add(1);
            open.disturbed |= disturbs(operator);
            let branches = match operator {
                Operator::If { .. }
                | Operator::BrIf { .. }
                | Operator::BrOnNull { .. }
                | Operator::BrOnNonNull { .. } => 1,
                Operator::BrTable { .. } => MAX_BRANCHES + 1,
                _ => 0,
            };
            open.branches = open.branches.saturating_add(branches);
        }
        match *operator {
            Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => self.open.push(Open::default()),
            // Modules of 4 GiB are refused by the parser.
            Operator::Loop { .. } => self.open.push(Open { start: Some(offset as u32), ..Open::default() }),
            Operator::End => return self.end(module),
            Operator::GlobalGet { global_index } => self.global(module, global_index, false),
            Operator::GlobalSet { global_index } => self.global(module, global_index, true),
            _ => {}
        }
        None
    }

    fn global(&mut self, module: &Module<'_>, index: u32, write: bool) {
        let Some(open) = self.open.last_mut() else { return };
        let Some(global) = module.globals.get(index as usize) else { return };
        if global.mutable && index < module.imported_globals {
            open.imported.add(Imported { first: Some(index), several: false, written: write });
        }
        if global.mutable && !matches!(global.val_type, ValType::Ref(_)) {
            open.name(index);
        }
    }

    fn end(&mut self, module: &Module<'_>) -> Option<SteadyLoop> {
        // The last one is the function's, for which there is no block here.
        let ended = self.open.pop()?;
        if let Some(around) = self.open.last_mut() {
            around.disturbed |= ended.disturbed;
            around.has_loop |= ended.has_loop || ended.start.is_some();
            around.operators = around.operators.saturating_add(ended.operators);
            around.branches = around.branches.saturating_add(ended.branches);
            around.imported.add(ended.imported);
            ended.globals.iter().for_each(|&global| around.name(global));
        }
        let offset = ended.start.filter(|_| !ended.disturbed)?;
        let mut globals = ended.globals;
        if ended.imported.several && ended.imported.written {
            globals.retain(|&global| global >= module.imported_globals);
        }
        globals.sort_unstable();
        let short = !ended.has_loop && ended.branches <= MAX_BRANCHES;
        Some(SteadyLoop { offset, globals, short: short.then_some(ended.operators) })
    }
}

impl Imported {
    fn add(&mut self, other: Imported) {
        self.several |= other.several || self.first.is_some() && other.first.is_some() && self.first != other.first;
        self.first = self.first.or(other.first);
        self.written |= other.written;
    }
}

impl Open {
    fn name(&mut self, global: u32) {
        if self.globals.len() < MAX_GLOBALS && !self.globals.contains(&global) {
            self.globals.push(global);
        }
    }
}
