//! Locals: variables that become values, or, in a function that has too many for that, cells of the stack.
//!
//! The builder of values keeps a table of blocks for each variable, and a value for each variable and loop around its
//! use. A hostile function of a few hundred kilobytes would take gigabytes.

use super::env::clif_type;
use super::exceptions::is_exception;
use super::{Effort, Translator};
use crate::module::FuncType;
use crate::parse;
use bailiwick_runtime_abi::types::ValType;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, StackSlot, StackSlotData, StackSlotKind, Type, Value};
use cranelift_frontend::Variable;
use std::collections::HashMap;
use std::iter::repeat_n;
use wasmparser::{FunctionBody, Operator};

/// A function may declare this many locals before it is read once more to find out which it uses.
const DECLARED: usize = 256;
/// Variables of a function that is optimised.
const VARIABLES: u32 = 4000;
/// Variables times blocks of a function that has variables.
const TABLE: usize = 16 << 20;
/// Bytes of a local on the stack that is no vector.
const CELL: u32 = 8;

/// One local.
#[derive(Clone, Copy, Debug)]
enum Local {
    /// No operator names it.
    Unused,
    /// No operator assigns it.
    Value(Value),
    Variable(Variable, Type),
    /// In a stack slot, at an offset in bytes.
    Cell(StackSlot, Type, i32),
}

/// The locals of the function being translated.
#[derive(Default)]
pub(super) struct Locals {
    list: Vec<Local>,
    /// For each, whether it is a reference that can't be null.
    not_null: Vec<bool>,
    /// And whether it is a reference to an exception.
    exception: Vec<bool>,
    /// Where those are that are no variables.
    slot: Option<StackSlot>,
    /// The same of those that are exceptions, which a collection must find: their number is that of its cells in use.
    exceptions: Option<StackSlot>,
    exceptions_used: u32,
    /// How many are used, and variables of all functions that this one is inlined in.
    used: u32,
    /// Variables of functions that were inlined, by type and whether they are exceptions: for the next ones.
    free: HashMap<(Type, bool), Vec<Variable>>,
    /// Bytes of the slot that are taken.
    bytes: u32,
    /// Where accesses are to that are to no variable, by their offset in the binary: see [`super::spilling`].
    spilled: HashMap<u32, Local>,
}

impl Locals {
    /// Those of a function that is inlined in the one with these, before any is declared.
    pub fn inner(&mut self) -> Locals {
        Locals { used: self.used, free: std::mem::take(&mut self.free), ..Locals::default() }
    }

    /// Takes back what a function had that was inlined.
    pub fn take_back(&mut self, inner: Locals) {
        self.used = inner.used;
        self.free = inner.free;
        for (local, exception) in inner.list.into_iter().zip(inner.exception) {
            if let Local::Variable(variable, ty) = local {
                self.free.entry((ty, exception)).or_default().push(variable);
            }
        }
    }

    /// Whether a function with so many more can be inlined where there are so many blocks, and the optimiser gets no more
    /// to do than it would take from one function.
    pub fn have_room(&self, more: u32, blocks: usize) -> bool {
        let used = self.used.saturating_add(more);
        used <= VARIABLES / 4 && (used as usize).saturating_mul(blocks) <= TABLE / 4
    }

    /// Whether they are more than optimisation should see.
    pub fn many(&self) -> bool {
        self.used > VARIABLES
    }

    /// Whether they are too many to be variables in a function with so many blocks.
    pub fn crowded(&self, blocks: usize) -> bool {
        (self.used as usize).saturating_mul(blocks) > TABLE
    }
}

impl Translator<'_, '_> {
    /// Declares parameters, which begin as `params`, and locals, which begin as zero. `written` has a bit for each of those
    /// that operators assign, if that is known.
    pub(super) fn declare_locals(
        &mut self,
        ty: &FuncType,
        params: Vec<Value>,
        body: &FunctionBody<'_>,
        written: Option<u64>,
    ) -> wasmparser::Result<()> {
        let mut declared: Vec<(ValType, usize)> = Vec::new();
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            declared.push((self.env.module.val_type(ty), count as usize));
        }
        let count = params.len() + declared.iter().map(|(_, count)| count).sum::<usize>();
        let used = if count > DECLARED { used_locals(body, count)? } else { vec![true; count] };
        if self.effort == Effort::Least {
            let locals = declared.iter().flat_map(|&(ty, count)| repeat_n(ty, count));
            let types = ty.params.iter().copied().chain(locals).zip(&used).filter(|&(_, &used)| used);
            let (mut bytes, mut exceptions) = (0, 0);
            for (ty, _) in types {
                *if is_exception(ty) { &mut exceptions } else { &mut bytes } += cell_size(clif_type(ty));
            }
            // In front, so that what says where they are is short.
            if exceptions > 0 {
                let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, exceptions, CELL.trailing_zeros() as u8);
                self.locals.exceptions = Some(self.builder.create_sized_stack_slot(slot));
            }
            let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, CELL.trailing_zeros() as u8);
            self.locals.slot = Some(self.builder.create_sized_stack_slot(slot));
        }
        if self.effort == Effort::Full && written.is_none() && self.env.facts.spilling {
            let locals = declared.iter().flat_map(|&(ty, count)| repeat_n(ty, count));
            let types: Vec<ValType> = ty.params.iter().copied().chain(locals).collect();
            self.spill(body, &types, &params)?;
        }
        for ((&ty, value), &used) in ty.params.iter().zip(params).zip(&used) {
            self.declare_local(ty, used.then_some(value), written);
        }
        let mut used = used[ty.params.len()..].iter();
        for (ty, count) in declared {
            let zero = self.zero(ty);
            for &used in used.by_ref().take(count) {
                self.declare_local(ty, used.then_some(zero), written);
            }
        }
        Ok(())
    }

    /// The next local, with its first value if it is used.
    fn declare_local(&mut self, ty: ValType, value: Option<Value>, written: Option<u64>) {
        let index = self.locals.list.len() as u32;
        self.locals.not_null.push(!ty.is_defaultable());
        self.locals.exception.push(is_exception(ty));
        let Some(value) = value else { return self.locals.list.push(Local::Unused) };
        let exception = is_exception(ty);
        if written.is_some_and(|written| written.checked_shr(index).unwrap_or(0) & 1 == 0) {
            self.note_reference(ty, value);
            return self.locals.list.push(Local::Value(value));
        }
        let ty = clif_type(ty);
        let local = match self.locals.slot {
            Some(_) if exception && let Some(slot) = self.locals.exceptions => {
                self.locals.used += 1;
                self.locals.exceptions_used += 1;
                Local::Cell(slot, ty, ((self.locals.exceptions_used - 1) * CELL) as i32)
            }
            None => {
                let free = self.locals.free.get_mut(&(ty, exception)).and_then(Vec::pop);
                let variable = free.unwrap_or_else(|| {
                    self.locals.used += 1;
                    self.builder.declare_var(ty)
                });
                if exception {
                    self.builder.declare_var_needs_stack_map(variable);
                    self.note_exception(value);
                }
                Local::Variable(variable, ty)
            }
            // A function has at most 51 000 locals and parameters.
            Some(slot) => {
                self.locals.used += 1;
                self.locals.bytes += cell_size(ty);
                Local::Cell(slot, ty, (self.locals.bytes - cell_size(ty)) as i32)
            }
        };
        self.set(local, value);
        self.locals.list.push(local);
    }

    /// Has accesses of a variable that begins as `first`, if that is ever read, be to a cell of its own.
    pub(super) fn spill_web(&mut self, ty: ValType, first: Option<Value>, accesses: impl Iterator<Item = u32>) {
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, CELL, CELL.trailing_zeros() as u8);
        let cell = Local::Cell(self.builder.create_sized_stack_slot(slot), clif_type(ty), 0);
        if let Some(value) = first {
            self.set(cell, value);
        }
        self.locals.spilled.extend(accesses.map(|offset| (offset, cell)));
    }

    /// Where exceptions lie that are locals on the stack: a slot, and how many cells of it are in use, in bytes.
    pub(super) fn exception_cells(&self) -> impl Iterator<Item = (StackSlot, u32)> + use<> {
        let used = self.locals.exceptions_used;
        self.locals.exceptions.into_iter().flat_map(move |slot| (0..used).map(move |i| (slot, i * CELL)))
    }

    fn set(&mut self, local: Local, value: Value) {
        match local {
            Local::Variable(variable, _) => self.builder.def_var(variable, value),
            Local::Cell(slot, _, offset) => {
                let address = self.builder.ins().stack_addr(I64, slot, offset);
                self.builder.ins().store(cell_flags(), value, address, 0);
            }
            Local::Unused | Local::Value(_) => unreachable!("declared: operators assign no others"),
        }
    }

    /// What an operator reads.
    pub(super) fn local_read(&mut self, index: u32) -> Value {
        match self.locals.spilled.get(&self.offset) {
            Some(&cell) => self.get(cell),
            None => self.local_get(index),
        }
    }

    /// What an operator writes.
    pub(super) fn local_write(&mut self, index: u32, value: Value) {
        match self.locals.spilled.get(&self.offset) {
            Some(&cell) => self.set(cell, value),
            None => self.local_set(index, value),
        }
    }

    pub(super) fn local_set(&mut self, index: u32, value: Value) {
        self.set(self.locals.list[index as usize], value);
    }

    fn get(&mut self, local: Local) -> Value {
        match local {
            Local::Value(value) => value,
            Local::Variable(variable, _) => self.builder.use_var(variable),
            Local::Cell(slot, ty, offset) => {
                let address = self.builder.ins().stack_addr(I64, slot, offset);
                self.builder.ins().load(ty, cell_flags(), address, 0)
            }
            Local::Unused => unreachable!("declared: operators name no others"),
        }
    }

    pub(super) fn local_get(&mut self, index: u32) -> Value {
        let value = self.get(self.locals.list[index as usize]);
        if self.locals.exception[index as usize] {
            self.note_exception(value);
        }
        if self.locals.not_null[index as usize] {
            // Validated: it was set on every way here.
            self.not_null.insert(value);
        }
        value
    }
}

/// Bytes that a local of this type takes on the stack.
fn cell_size(ty: Type) -> u32 {
    ty.bytes().max(CELL)
}

/// A cell is there, but a vector's may be aligned for a number only.
fn cell_flags() -> MemFlagsData {
    MemFlagsData::new().with_trap_code(None)
}

/// Which of the `count` parameters and locals operators name.
fn used_locals(body: &FunctionBody<'_>, count: usize) -> wasmparser::Result<Vec<bool>> {
    let mut used = vec![false; count];
    let mut operators = parse::operators(body)?;
    while !operators.eof() {
        if let Operator::LocalGet { local_index }
        | Operator::LocalSet { local_index }
        | Operator::LocalTee { local_index } = operators.read()?
        {
            used[local_index as usize] = true;
        }
    }
    Ok(used)
}
