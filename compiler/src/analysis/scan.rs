//! One function body → what it uses. Validates on the way; this is the only place where bodies are validated.

use crate::error::Result;
use crate::module::Body;
use crate::parse;
use wasmparser::{FuncValidatorAllocations, Operator};

/// What bodies do to the module's entities. Each list is in no order and may repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    /// Globals that a `global.set` names.
    pub set_globals: Vec<u32>,
    /// Tables that need to exist at run time: read or written other than by `call_indirect` and `table.size`.
    pub touched_tables: Vec<u32>,
    /// Tables that a `table.grow` names.
    pub grown_tables: Vec<u32>,
    /// Functions that a `ref.func` names.
    pub ref_funcs: Vec<u32>,
    /// Functions that call any: those that can recurse are among them.
    pub calling: Vec<u32>,
}

impl Uses {
    /// Adds what another body uses.
    pub fn merge(&mut self, other: &Uses) {
        for (all, more) in [
            (&mut self.set_globals, &other.set_globals),
            (&mut self.touched_tables, &other.touched_tables),
            (&mut self.grown_tables, &other.grown_tables),
            (&mut self.ref_funcs, &other.ref_funcs),
            (&mut self.calling, &other.calling),
        ] {
            all.extend(more);
            // The lists stay as short as the module has entities.
            all.sort_unstable();
            all.dedup();
        }
    }
}

/// Validates a body and finds out what it uses.
pub(crate) fn scan(
    wasm: &[u8],
    body: Body<'_>,
    allocations: &mut FuncValidatorAllocations,
    uses: &mut Uses,
) -> Result<()> {
    let index = body.to_validate.index;
    let mut validator = body.to_validate.into_validator(std::mem::take(allocations));
    let mut validate = || {
        let mut reader = body.body.get_binary_reader();
        reader.set_features(parse::FEATURES);
        validator.read_locals(&mut reader)?;
        let mut operators = wasmparser::OperatorsReader::new(reader);
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset()?;
            validator.op(offset, &operator)?;
            note(&operator, index, uses);
        }
        operators.finish()
    };
    validate().map_err(|error| parse::body_error(wasm, error, index))?;
    *allocations = validator.into_allocations();
    Ok(())
}

fn note(operator: &Operator<'_>, function: u32, uses: &mut Uses) {
    match *operator {
        Operator::GlobalSet { global_index } => add(&mut uses.set_globals, global_index),
        Operator::RefFunc { function_index } => add(&mut uses.ref_funcs, function_index),
        Operator::TableGet { table }
        | Operator::TableSet { table }
        | Operator::TableFill { table }
        | Operator::TableInit { table, .. } => add(&mut uses.touched_tables, table),
        Operator::TableGrow { table } => {
            add(&mut uses.touched_tables, table);
            add(&mut uses.grown_tables, table);
        }
        Operator::TableCopy { dst_table, src_table } => {
            add(&mut uses.touched_tables, dst_table);
            add(&mut uses.touched_tables, src_table);
        }
        Operator::Call { .. } | Operator::CallIndirect { .. } => add(&mut uses.calling, function),
        _ => {}
    }
}

/// Most bodies name the same global, the stack pointer, again and again.
fn add(list: &mut Vec<u32>, index: u32) {
    if list.last() != Some(&index) {
        list.push(index);
    }
}
