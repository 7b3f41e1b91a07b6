//! Exceptions: `try_table`, `throw`, `throw_ref`, and which values are references to exceptions.
//!
//! Entering or leaving a `try_table` costs nothing: a call within it is one with a table of handlers beside its return
//! address, which only a throw reads. A handler is entered with the exception in one register and the address of what
//! it carries in another, and goes on as a branch to its label. `throw` is a call itself.
//!
//! What it does cost is registers: none survives a throw. A function with such a call saves on entry all that its caller
//! keeps, and has what it needs after the call in its frame.
//!
//! Exceptions are collected, so the loader must find every reference to one that a function still needs while it calls:
//! values are declared to the code generator, which keeps them in the frame across calls and says where.

use super::Translator;
use super::control::Kind;
use super::env::{Region, clif_type, trap_code};
use super::stack_maps;
use crate::error::{CompileError, Result};
use bailiwick_runtime_abi::builtins::Builtin;
use bailiwick_runtime_abi::convention::VALUE_SIZE;
use bailiwick_runtime_abi::trap::TrapCode;
use bailiwick_runtime_abi::types::{HeapType, Hierarchy, RefType, ValType};
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, ExceptionTable, ExceptionTableData, ExceptionTableItem, ExceptionTag, Function, Inst,
    InstBuilder, MemFlagsData, SigRef, StackSlot, StackSlotData, StackSlotKind, UserStackMapEntry, Value,
};
use cranelift_codegen::isa::CallConv;
use std::collections::HashSet;
use wasmparser::{Catch, TryTable};

/// Of a function: how much the code generator may have to write down of where references to exceptions are, in entries.
const MAX_STACK_MAPS: u64 = 32 << 20;

/// Handlers of a function, counted once for each call that has them: the code generator takes hundreds of bytes for each.
const MAX_HANDLERS: u64 = 1 << 20;

/// What a function may have of these, and of places that they lead to, and still be optimised: of the latter, the
/// allocator of registers takes the square.
const OPTIMISED: (u64, u64) = (50_000, 2000);

/// A clause of a `try_table`.
pub(super) struct Clause {
    /// Of the module; `None`: any.
    tag: Option<u32>,
    /// Whether the exception itself goes along.
    reference: bool,
    /// The block that it branches to, by its place among those that are open.
    label: usize,
    /// The code of the handler, if any call has it: with the exception and the address of its values.
    landing: Option<Block>,
}

/// What a function has of exceptions.
#[derive(Default)]
pub(super) struct Exceptions {
    /// Cells of `throw`, as many as the longest needs.
    values: Option<StackSlot>,
    /// How many of these.
    cells: u32,
    /// Values that are references to exceptions.
    noted: HashSet<Value>,
    /// How many calls there are.
    calls: u64,
    /// How many entries these have for locals on the stack.
    entries: u64,
    /// How many handlers these have.
    handlers: u64,
    /// How many places handlers lead to.
    landings: u64,
}

impl Exceptions {
    /// Whether a value is a reference to an exception.
    pub fn has(&self, value: Value) -> bool {
        self.noted.contains(&value)
    }

    /// Whether there are more handlers than optimisation should see.
    pub fn many(&self) -> bool {
        self.handlers > OPTIMISED.0 || self.landings > OPTIMISED.1
    }

    /// Refuses a function, which is whole, that would take too much memory.
    pub fn check(&self, index: u32, function: &Function) -> Result<()> {
        if self.handlers > MAX_HANDLERS {
            let what = format!("the calls of function {index} have more handlers of exceptions than that");
            return Err(CompileError::Limit { what, limit: MAX_HANDLERS });
        }
        // A map has a bit for each byte of the cells, too.
        let references = match self.noted.len() as u64 {
            0 => 0,
            noted => noted + u64::from(self.cells),
        };
        let places = self.calls + function.dfg.num_blocks() as u64;
        if references.saturating_mul(places).saturating_add(self.entries) <= MAX_STACK_MAPS {
            return Ok(());
        }
        // Each of them in each place would be too much.
        let limit = MAX_STACK_MAPS * stack_maps::ENTRY;
        let entries = self.entries * stack_maps::ENTRY;
        if entries <= limit && entries + stack_maps::bytes(function, &self.noted, self.cells, limit) <= limit {
            return Ok(());
        }
        let what =
            format!("the references to exceptions of function {index}, for each call, take more bytes than that");
        Err(CompileError::Limit { what, limit })
    }
}

/// Whether a value of this type is an exception.
pub(super) fn is_exception(ty: ValType) -> bool {
    ty.hierarchy() == Some(Hierarchy::Exn)
}

impl Translator<'_, '_> {
    /// Has collections find a value, if it is of a type that is collected. To be called wherever one comes from.
    pub(super) fn note_reference(&mut self, ty: ValType, value: Value) {
        if is_exception(ty) {
            self.note_exception(value);
        }
    }

    pub(super) fn note_exception(&mut self, value: Value) {
        self.builder.declare_value_needs_stack_map(value);
        self.exceptions.noted.insert(value);
    }

    /// To be called for each call: says where locals are that a collection must find.
    pub(super) fn safepoint(&mut self, call: Inst) {
        self.exceptions.calls += 1;
        for (slot, offset) in self.exception_cells() {
            self.exceptions.entries += 1;
            if self.exceptions.entries > MAX_STACK_MAPS {
                // The function will be refused.
                return;
            }
            let entry = UserStackMapEntry { ty: I64, slot, offset };
            self.builder.func.dfg.append_user_stack_map_entry(call, entry);
        }
    }

    pub(super) fn try_table(&mut self, try_table: &TryTable) {
        // Labels count from the block around it.
        let frame = |label: u32| self.frames.len() - 1 - label as usize;
        let clause = |tag, reference, label| Clause { tag, reference, label: frame(label), landing: None };
        let clauses = try_table.catches.iter().map(|&catch| match catch {
            Catch::One { tag, label } => clause(Some(tag), false, label),
            Catch::OneRef { tag, label } => clause(Some(tag), true, label),
            Catch::All { label } => clause(None, false, label),
            Catch::AllRef { label } => clause(None, true, label),
        });
        let clauses = clauses.collect();
        self.push_block(try_table.ty, Kind::Try(clauses));
    }

    /// The handlers of a call at this place, the innermost first, and the block in which it returns; `None` if it has
    /// none.
    pub(super) fn handlers(&mut self, signature: SigRef) -> Option<(ExceptionTable, Block)> {
        if self.exceptions.handlers > MAX_HANDLERS {
            // The function will be refused.
            return None;
        }
        let mut items = Vec::new();
        let mut seen = HashSet::new();
        let clauses = self.frames.iter_mut().rev().filter_map(|frame| match &mut frame.kind {
            Kind::Try(clauses) => Some(clauses),
            _ => None,
        });
        for clause in clauses.flatten() {
            if !seen.insert(clause.tag) {
                continue;
            }
            let builder = &mut self.builder;
            let landing = *clause.landing.get_or_insert_with(|| {
                let block = builder.create_block();
                builder.append_block_param(block, I64);
                builder.append_block_param(block, I64);
                builder.set_cold_block(block);
                self.exceptions.landings += 1;
                block
            });
            let args = [BlockArg::TryCallExn(0), BlockArg::TryCallExn(1)];
            let target = BlockCall::new(landing, args, &mut builder.func.dfg.value_lists);
            match clause.tag {
                Some(tag) => items.push(ExceptionTableItem::Tag(ExceptionTag::from_u32(tag), target)),
                None => {
                    items.push(ExceptionTableItem::Default(target));
                    break;
                }
            }
        }
        if items.is_empty() {
            return None;
        }
        self.exceptions.handlers += items.len() as u64;
        // The loader tells by the context which instance's tags these are.
        items.insert(0, ExceptionTableItem::Context(self.context));
        let types: Vec<_> =
            self.builder.func.dfg.signatures[signature].returns.iter().map(|param| param.value_type).collect();
        let normal = self.builder.create_block();
        for &ty in &types {
            self.builder.append_block_param(normal, ty);
        }
        let results = (0..types.len()).map(|i| BlockArg::TryCallRet(i as u32));
        let normal_call = BlockCall::new(normal, results, &mut self.builder.func.dfg.value_lists);
        let table = ExceptionTableData::new(signature, normal_call, items);
        Some((self.builder.func.dfg.exception_tables.push(table), normal))
    }

    /// Goes on where a call has returned; gives its results.
    pub(super) fn returned(&mut self, call: Inst, handlers: Option<(ExceptionTable, Block)>) -> Vec<Value> {
        self.safepoint(call);
        let Some((_, normal)) = handlers else { return self.builder.inst_results(call).to_vec() };
        self.builder.seal_block(normal);
        self.builder.switch_to_block(normal);
        self.builder.block_params(normal).to_vec()
    }

    /// Emits the handlers of a `try_table` that has ended.
    pub(super) fn landings(&mut self, clauses: Vec<Clause>) {
        let env = self.env;
        for clause in clauses {
            let Some(landing) = clause.landing else { continue };
            self.builder.seal_block(landing);
            self.builder.switch_to_block(landing);
            let [exception, values] = self.builder.block_params(landing)[..] else {
                unreachable!("a handler has two parameters")
            };
            let mut args = Vec::new();
            if let Some(tag) = clause.tag {
                let ty = &env.module.types[env.module.tags[tag as usize] as usize];
                for (i, &param) in ty.params.iter().enumerate() {
                    let value = self.load(clif_type(param), Region::Exceptions, values, (i * VALUE_SIZE) as i32);
                    self.typed(value, param);
                    args.push(BlockArg::Value(value));
                }
            }
            if clause.reference {
                self.typed(exception, ValType::Ref(RefType { nullable: false, heap: HeapType::Exn }));
                args.push(BlockArg::Value(exception));
            }
            let (target, _) = self.branch_to_frame(clause.label);
            self.builder.ins().jump(target, &args);
        }
    }

    pub(super) fn throw(&mut self, tag: u32) {
        let count = self.env.module.types[self.env.module.tags[tag as usize] as usize].params.len();
        let values = self.pop_many(count);
        let slot = self.cells(count as u32);
        let address = self.builder.ins().stack_addr(I64, slot, 0);
        for (i, value) in values.into_iter().enumerate() {
            self.builder.ins().store(MemFlagsData::trusted(), value, address, (i * VALUE_SIZE) as i32);
        }
        let tag = self.i64_const(u64::from(tag));
        self.call_that_throws(Builtin::throw, &[tag, address]);
    }

    pub(super) fn throw_ref(&mut self) {
        let exception = self.pop();
        self.call_that_throws(Builtin::throw_ref, &[exception]);
    }

    /// Calls a runtime function that does not return.
    fn call_that_throws(&mut self, builtin: Builtin, args: &[Value]) {
        let (signature, code, args) = self.builtin_call(builtin, args);
        // By this convention parameters are passed as by the platform's, and no register survives a call that throws:
        // those that a C function saves for its caller are not restored on the way to a handler. Nothing is returned.
        let mut data = self.builder.func.dfg.signatures[signature].clone();
        data.call_conv = CallConv::PreserveAll;
        data.returns.clear();
        let signature = self.builder.import_signature(data);
        self.emit_call_code(signature, code, &args);
        self.builder.ins().trap(trap_code(TrapCode::Unreachable));
        self.reachable = false;
    }

    /// The slot for what `throw` takes along, with room for this many values.
    fn cells(&mut self, count: u32) -> StackSlot {
        let slot = *self.exceptions.values.get_or_insert_with(|| {
            let data = StackSlotData::new(StackSlotKind::ExplicitSlot, 0, VALUE_SIZE.trailing_zeros() as u8);
            self.builder.create_sized_stack_slot(data)
        });
        self.exceptions.cells = self.exceptions.cells.max(count).max(1);
        self.builder.func.sized_stack_slots[slot].size = self.exceptions.cells * VALUE_SIZE as u32;
        slot
    }
}
