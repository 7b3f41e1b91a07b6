//! One function body → what it uses. Validates on the way; this is the only place where bodies are validated.

use super::inlining::Summary;
use super::loops::{Finder, SteadyLoop};
use crate::error::{CompileError, Result};
use crate::module::{Body, FuncType, Module};
use crate::parse;
use bailiwick_runtime_abi::types::{Composite, HeapType, WasmFeature};
use wasmparser::{BlockType, Catch, FrameKind, FuncValidator, FuncValidatorAllocations, Operator, ValidatorResources};

/// Operands that a function may have at one time. The validator keeps even those of code that can't be reached.
const MAX_OPERANDS: u32 = 1_000_000;
/// Values that the operators of a module may pass on in all: this many, and [`MAX_PASSED_PER_BYTE`] for each byte of
/// the module. An operator of two bytes can pass on 2000 values, and both validator and code generator touch each;
/// in code that computes the values, there is a byte or more for each.
const MAX_PASSED: u64 = 8_000_000;
/// See [`MAX_PASSED`].
const MAX_PASSED_PER_BYTE: u64 = 8;
/// Calls in a function from which on what they all want in one register is kept apart from what everything else wants. Measured,
/// x86_64: with none that is apart, QuickJS's interpreter and Lua's take 0.02 to 0.03 longer; anything from 3 to 100 is as good.
const MANY_CALLS: u32 = 100;
/// As how many values a clause of a `try_table` counts for each call that it is in force for.
const CLAUSE: u64 = 4;

/// What bodies do to the module's entities. Each list is in no order, but where it says so, and may repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    /// Globals that a `global.set` names.
    pub set_globals: Vec<u32>,
    /// Tables that need to exist at run time: read or written other than by `call_indirect` and `table.size`.
    pub touched_tables: Vec<u32>,
    /// Tables that a `table.grow` names.
    pub grown_tables: Vec<u32>,
    /// Memories that a `memory.grow` names.
    pub grown_memories: Vec<u32>,
    /// Functions that a `ref.func` names.
    pub ref_funcs: Vec<u32>,
    /// Tags that a `throw` names.
    pub thrown_tags: Vec<u32>,
    /// Direct calls, by caller and callee. Those of one caller are in the order of its body; of several to the same callee
    /// that follow each other, there is one.
    pub calls: Vec<(u32, u32)>,
    /// Callees of those.
    pub repeated_calls: Vec<u32>,
    /// Indirect calls, through tables and by reference, by caller and type. Those of one caller are in the order of its body.
    pub indirect_calls: Vec<(u32, u32)>,
    /// Functions that call any: those that can recurse are among them.
    pub calling: Vec<u32>,
    /// Functions with more than [`MANY_CALLS`] of them.
    pub crowded: Vec<u32>,
    /// Loops in which no other code runs.
    pub loops: Vec<SteadyLoop>,
    /// Functions that may be inlined.
    pub summaries: Vec<(u32, Summary)>,
    /// Bytes of all bodies.
    pub code_bytes: u64,
    /// How many values calls, blocks and branches pass on.
    pub passed: u64,
    /// What of the language is used: bits of `WasmFeature`.
    pub wasm_features: u64,
}

impl Uses {
    /// Adds what another body uses.
    pub fn merge(&mut self, other: &Uses) {
        for (all, more) in [
            (&mut self.set_globals, &other.set_globals),
            (&mut self.touched_tables, &other.touched_tables),
            (&mut self.grown_tables, &other.grown_tables),
            (&mut self.grown_memories, &other.grown_memories),
            (&mut self.ref_funcs, &other.ref_funcs),
            (&mut self.thrown_tags, &other.thrown_tags),
            (&mut self.calling, &other.calling),
            (&mut self.crowded, &other.crowded),
            (&mut self.repeated_calls, &other.repeated_calls),
        ] {
            all.extend(more);
            // The lists stay as short as the module has entities.
            all.sort_unstable();
            all.dedup();
        }
        // A function is scanned by one worker, so its calls stay together.
        self.calls.extend(&other.calls);
        self.indirect_calls.extend(&other.indirect_calls);
        self.loops.extend_from_slice(&other.loops);
        self.summaries.extend(&other.summaries);
        self.code_bytes += other.code_bytes;
        self.wasm_features |= other.wasm_features;
        self.passed = self.passed.saturating_add(other.passed);
    }

    /// Refuses a module whose operators pass on too many values.
    pub fn check(&self, wasm: &[u8]) -> Result<()> {
        let limit = MAX_PASSED + MAX_PASSED_PER_BYTE * wasm.len() as u64;
        if self.passed > limit {
            let what = "calls, blocks and branches pass on more values than a module of this size may".to_owned();
            return Err(CompileError::Limit { what, limit });
        }
        Ok(())
    }
}

/// Validates a body and finds out what it uses.
pub(crate) fn scan(
    wasm: &[u8],
    module: &Module<'_>,
    body: Body<'_>,
    allocations: &mut FuncValidatorAllocations,
    uses: &mut Uses,
) -> Result<()> {
    let index = body.to_validate.index;
    let mut validator = body.to_validate.into_validator(std::mem::take(allocations));
    let bytes = body.body.as_bytes().len();
    let mut reader = body.body.get_binary_reader();
    reader.set_features(module.allowed.validator());
    let refused = |error| parse::body_error(wasm, module.allowed, error, index);
    validator.read_locals(&mut reader).map_err(refused)?;
    let mut operators = wasmparser::OperatorsReader::new(reader);
    let mut loops = Finder::default();
    let mut summary = Summary::new(module.function_type(index), validator.len_locals(), bytes);
    // For each open `try_table`: how many blocks are open in it and around it, and how many clauses are in force.
    let mut tries: Vec<(u32, u64)> = Vec::new();
    let mut call_count = 0u32;
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset().map_err(refused)?;
        // In front of validation, which takes the time that is to be bounded.
        let values = passed(&operator, module, &validator);
        uses.passed = uses.passed.saturating_add(values);
        summary.add(module, &operator, values);
        if calls(&operator) {
            call_count += 1;
            let clauses = tries.last().map_or(0, |(_, clauses)| *clauses);
            uses.passed = uses.passed.saturating_add(clauses.saturating_mul(CLAUSE));
        }
        uses.check(wasm)?;
        validator.op(offset, &operator).map_err(refused)?;
        tries.truncate(tries.partition_point(|&(height, _)| height <= validator.control_stack_height()));
        if let Operator::TryTable { try_table } = &operator {
            let all = |catch: &Catch| matches!(catch, Catch::All { .. } | Catch::AllRef { .. });
            let clauses = match try_table.catches.iter().position(all) {
                // Nothing gets past this one.
                Some(last) => last as u64 + 1,
                None => try_table.catches.len() as u64 + tries.last().map_or(0, |(_, clauses)| *clauses),
            };
            tries.push((validator.control_stack_height(), clauses));
        }
        if validator.operand_stack_height() > MAX_OPERANDS {
            let what = format!("function {index} has more operands at one time than that");
            return Err(CompileError::Limit { what, limit: u64::from(MAX_OPERANDS) });
        }
        match parse::used(&operator) {
            Ok(_) if is_collected_cast(&operator, module) => {
                let proposal = WasmFeature::Gc.name();
                return Err(parse::refusal(&operator, proposal, offset, Some(index)));
            }
            Ok(feature) => uses.wasm_features |= feature.map_or(0, WasmFeature::bit),
            Err(proposal) => return Err(parse::refusal(&operator, proposal, offset, Some(index))),
        }
        note(&operator, index, uses);
        uses.loops.extend(loops.next(module, &operator, offset));
    }
    operators.finish().map_err(refused)?;
    uses.code_bytes += bytes as u64;
    if call_count > MANY_CALLS {
        uses.crowded.push(index);
    }
    if summary.may_be_inlined() {
        uses.summaries.push((index, summary));
    }
    *allocations = validator.into_allocations();
    Ok(())
}

/// Whether an operator is a cast to a structure or an array that the module defines.
fn is_collected_cast(operator: &Operator<'_>, module: &Module<'_>) -> bool {
    parse::cast_target(operator).is_some_and(|(ty, _)| match module.heap_type(ty) {
        HeapType::Concrete(composite, _) => composite != Composite::Func,
        _ => false,
    })
}

fn note(operator: &Operator<'_>, function: u32, uses: &mut Uses) {
    match *operator {
        Operator::GlobalSet { global_index } => {
            add(&mut uses.set_globals, global_index);
        }
        Operator::RefFunc { function_index } => {
            add(&mut uses.ref_funcs, function_index);
        }
        Operator::Throw { tag_index } => {
            add(&mut uses.thrown_tags, tag_index);
        }
        Operator::TableGet { table }
        | Operator::TableSet { table }
        | Operator::TableFill { table }
        | Operator::TableInit { table, .. } => {
            add(&mut uses.touched_tables, table);
        }
        Operator::TableGrow { table } => {
            add(&mut uses.touched_tables, table);
            add(&mut uses.grown_tables, table);
        }
        Operator::MemoryGrow { mem } => {
            add(&mut uses.grown_memories, mem);
        }
        Operator::TableCopy { dst_table, src_table } => {
            add(&mut uses.touched_tables, dst_table);
            add(&mut uses.touched_tables, src_table);
        }
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
            add(&mut uses.calling, function);
            if !add(&mut uses.calls, (function, function_index)) {
                add(&mut uses.repeated_calls, function_index);
            }
        }
        Operator::CallIndirect { type_index, .. }
        | Operator::ReturnCallIndirect { type_index, .. }
        | Operator::CallRef { type_index }
        | Operator::ReturnCallRef { type_index } => {
            add(&mut uses.calling, function);
            add(&mut uses.indirect_calls, (function, type_index));
        }
        _ => {}
    }
}

/// How many values an operator passes on, beyond the few that every operator may.
fn passed(operator: &Operator<'_>, module: &Module<'_>, validator: &FuncValidator<ValidatorResources>) -> u64 {
    let values = |ty: Option<&FuncType>| ty.map_or(0, |ty| (ty.params.len() + ty.results.len()) as u64);
    let branch = |depth: u32| {
        let frame = validator.get_control_frame(depth as usize)?;
        let BlockType::FuncType(ty) = frame.block_type else { return None };
        let ty = module.types.get(ty as usize)?;
        Some(if frame.kind == FrameKind::Loop { ty.params.len() } else { ty.results.len() } as u64)
    };
    match operator {
        Operator::Block { blockty: BlockType::FuncType(ty) }
        | Operator::Loop { blockty: BlockType::FuncType(ty) }
        | Operator::If { blockty: BlockType::FuncType(ty) }
        | Operator::CallIndirect { type_index: ty, .. }
        | Operator::ReturnCallIndirect { type_index: ty, .. }
        | Operator::CallRef { type_index: ty }
        | Operator::ReturnCallRef { type_index: ty } => values(module.types.get(*ty as usize)),
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
            let ty = module.functions.get(*function_index as usize);
            values(ty.and_then(|&ty| module.types.get(ty as usize)))
        }
        Operator::TryTable { try_table } => {
            let block = match try_table.ty {
                BlockType::FuncType(ty) => values(module.types.get(ty as usize)),
                _ => 0,
            };
            let tag = |catch: &Catch| match catch {
                Catch::One { tag, .. } | Catch::OneRef { tag, .. } => {
                    values(module.tags.get(*tag as usize).and_then(|&ty| module.types.get(ty as usize)))
                }
                Catch::All { .. } | Catch::AllRef { .. } => 0,
            };
            block + try_table.catches.iter().map(tag).sum::<u64>()
        }
        Operator::Throw { tag_index } => {
            values(module.tags.get(*tag_index as usize).and_then(|&ty| module.types.get(ty as usize)))
        }
        Operator::Br { relative_depth }
        | Operator::BrIf { relative_depth }
        | Operator::BrOnNull { relative_depth }
        | Operator::BrOnNonNull { relative_depth }
        | Operator::BrOnCast { relative_depth, .. }
        | Operator::BrOnCastFail { relative_depth, .. } => branch(*relative_depth).unwrap_or(0),
        Operator::BrTable { targets } => {
            branch(targets.default()).unwrap_or(0).saturating_mul(u64::from(targets.len()) + 1)
        }
        _ => 0,
    }
}

/// Whether an operator is a call that an enclosing `try_table` has handlers for.
fn calls(operator: &Operator<'_>) -> bool {
    use Operator::{Call, CallIndirect, CallRef, Throw, ThrowRef};
    matches!(operator, Call { .. } | CallIndirect { .. } | CallRef { .. } | Throw { .. } | ThrowRef)
}

/// Adds an item that is not the last one: most bodies name the same global, the stack pointer, again and again.
fn add<T: PartialEq>(list: &mut Vec<T>, item: T) -> bool {
    let new = list.last() != Some(&item);
    if new {
        list.push(item);
    }
    new
}
