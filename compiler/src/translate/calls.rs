//! Calls. What is called is found by one function each: by its index (its own, or through a slot), through a table, by
//! reference.
//! The call itself is emitted by two: of a function of the module, and of code with its context.

use super::Translator;
use super::env::Region;
use super::tables::Null;
use bailiwick_runtime_abi::builtins::Builtin;
use bailiwick_runtime_abi::context::{FUNCREF_CODE, FUNCREF_CONTEXT, FUNCREF_TYPE, SLOT_CODE, SLOT_CONTEXT};
use bailiwick_runtime_abi::format::{CallEntry, NONE};
use bailiwick_runtime_abi::trap::TrapCode;
use bailiwick_runtime_abi::types::{HeapType, RefType, ValType};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{FuncRef, InstBuilder, SigRef, Value};
use std::mem::{offset_of, size_of};

/// What is called, once it was found.
enum Callee {
    /// A function that the module defines.
    Own(u32),
    /// Code and the context that it is given.
    Code { code: Value, context: Value },
}

impl Translator<'_, '_> {
    /// Pops the arguments of a function of this type; the context comes first.
    fn arguments(&mut self, type_index: u32, context: Value) -> Vec<Value> {
        let count = self.env.module.types[type_index as usize].params.len();
        let mut args = Vec::with_capacity(count + 1);
        args.push(context);
        args.extend(self.stack.drain(self.stack.len() - count..));
        args
    }

    /// Emits an ordinary call of a function that the module defines, with the handlers of this place: its results.
    fn emit_call(&mut self, callee: FuncRef, args: &[Value]) -> Vec<Value> {
        let signature = self.builder.func.dfg.ext_funcs[callee].signature;
        let handlers = self.handlers(signature);
        let call = match handlers {
            None => self.builder.ins().call(callee, args),
            Some((table, _)) => self.builder.ins().try_call(callee, args, table),
        };
        self.returned(call, handlers)
    }

    /// Emits an ordinary call of a code address, with the handlers of this place; `args` begin with the callee's context:
    /// its results.
    pub(super) fn emit_call_code(&mut self, signature: SigRef, code: Value, args: &[Value]) -> Vec<Value> {
        let handlers = self.handlers(signature);
        let call = match handlers {
            None => self.builder.ins().call_indirect(signature, code, args),
            Some((table, _)) => self.builder.ins().try_call_indirect(code, args, table),
        };
        self.returned(call, handlers)
    }

    /// Pops the arguments and calls; the results are pushed.
    fn finish_call(&mut self, type_index: u32, callee: Callee) {
        self.calls = true;
        let results = match callee {
            Callee::Own(function) => {
                let callee = self.func_ref(function);
                let args = self.arguments(type_index, self.context);
                self.emit_call(callee, &args)
            }
            Callee::Code { code, context } => {
                let signature = self.sig_ref(type_index);
                let args = self.arguments(type_index, context);
                self.emit_call_code(signature, code, &args)
            }
        };
        let module = self.env.module;
        self.push_typed(&results, &module.types[type_index as usize].results);
    }

    /// Pops the arguments and calls in place of the function that calls: its frame is gone by then.
    ///
    /// A callee with results that no registers are left for gets the address that the caller was given for its own: their
    /// results are the same, as validated, but for which references they are.
    fn finish_tail_call(&mut self, type_index: u32, callee: Callee) {
        self.calls = true;
        match callee {
            Callee::Own(function) => {
                let callee = self.func_ref(function);
                let args = self.arguments(type_index, self.context);
                self.builder.ins().return_call(callee, &args);
            }
            Callee::Code { code, context } => {
                let signature = self.sig_ref(type_index);
                let args = self.arguments(type_index, context);
                self.builder.ins().return_call_indirect(signature, code, &args);
            }
        }
        self.reachable = false;
    }

    pub(super) fn call(&mut self, function: u32) -> wasmparser::Result<()> {
        if let Some(summary) = self.is_to_be_inlined(function) {
            return self.inline(function, &summary);
        }
        let callee = self.named_callee(function);
        self.finish_call(self.env.module.functions[function as usize], callee);
        Ok(())
    }

    pub(super) fn call_indirect(&mut self, type_index: u32, table: u32) {
        let callee = self.table_callee(type_index, table);
        self.finish_call(type_index, callee);
    }

    pub(super) fn call_ref(&mut self, type_index: u32) {
        let callee = self.reference_callee();
        self.finish_call(type_index, callee);
    }

    pub(super) fn return_call(&mut self, function: u32) {
        let callee = self.named_callee(function);
        self.finish_tail_call(self.env.module.functions[function as usize], callee);
    }

    pub(super) fn return_call_indirect(&mut self, type_index: u32, table: u32) {
        let callee = self.table_callee(type_index, table);
        self.finish_tail_call(type_index, callee);
    }

    pub(super) fn return_call_ref(&mut self, type_index: u32) {
        let callee = self.reference_callee();
        self.finish_tail_call(type_index, callee);
    }

    /// A function by its index. An imported one is what its slot holds at this moment: granting fills the slot, revoking
    /// overwrites its code, so that neither load may be made earlier than the call.
    fn named_callee(&mut self, function: u32) -> Callee {
        if function >= self.env.module.imported_functions {
            return Callee::Own(function);
        }
        let slot = self.layout().slot(function);
        let code = self.load(I64, Region::Slots, self.anchor, slot + SLOT_CODE);
        let context = self.load(I64, Region::Slots, self.anchor, slot + SLOT_CONTEXT);
        Callee::Code { code, context }
    }

    /// Pops an index: the function in a table, which has this type.
    fn table_callee(&mut self, type_index: u32, table: u32) -> Callee {
        let index = self.pop();
        if let Some(elements) = &self.env.facts.call_tables[table as usize] {
            // The last one is behind the table.
            let length = elements.len() as u64 - 1;
            self.immutable_callee(type_index, table, index, length)
        } else {
            self.mutable_callee(type_index, table, index)
        }
    }

    /// A function of an immutable table: {distance, canonical type} from read-only data, no context but our own.
    ///
    /// An index beyond the table's `length` becomes that of the entry behind its last, which is null's. So one branch
    /// finds all that is wrong, and no guess of the processor's reads anything but entries.
    fn immutable_callee(&mut self, type_index: u32, table: u32, index: Value, length: u64) -> Callee {
        let canonical = self.env.facts.canonical[type_index as usize];
        let base = self.call_table_address(table);
        let index = self.extend(index);
        let last = self.i64_const(length);
        let beyond = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, last);
        let index = self.builder.ins().select_spectre_guard(beyond, last, index);
        let offset = self.builder.ins().ishl_imm_u(index, i64::from(size_of::<CallEntry>().trailing_zeros()));
        let entry = self.builder.ins().iadd(base, offset);
        let flags = self.flags(Region::CallTables).with_readonly();
        let found = self.builder.ins().load(I32, flags, entry, offset_of!(CallEntry, canonical_type) as i32);

        let matches = self.builder.create_block();
        let differs = self.builder.create_block();
        self.builder.set_cold_block(differs);
        let same = self.compare_const(IntCC::Equal, found, u64::from(canonical));
        self.builder.ins().brif(same, matches, &[], differs, &[]);
        self.builder.seal_block(matches);
        self.builder.seal_block(differs);
        self.builder.switch_to_block(differs);
        self.trap_if(beyond, TrapCode::TableOutOfBounds);
        let null = self.compare_const(IntCC::Equal, found, u64::from(NONE));
        self.trap_if(null, TrapCode::IndirectCallToNull);
        self.builder.ins().trap(super::env::trap_code(TrapCode::BadSignature));

        self.builder.switch_to_block(matches);
        let distance = self.builder.ins().load(I32, flags, entry, offset_of!(CallEntry, target) as i32);
        let distance = self.builder.ins().sextend(I64, distance);
        let code = self.builder.ins().iadd(base, distance);
        Callee::Code { code, context: self.context }
    }

    /// A function of a table that other modules may share, or that changes: its elements are funcref records, whose
    /// types are ids that the loader interned for the group.
    fn mutable_callee(&mut self, type_index: u32, table: u32, index: Value) -> Callee {
        let record = self.function_element(table, index, Null::Trap);
        if !self.elements_have_type(table, type_index) {
            self.check_type(type_index, record);
        }
        self.record_callee(record)
    }

    /// Whether the type of a table says that each of its elements is a function of this type, or null.
    fn elements_have_type(&self, table: u32, type_index: u32) -> bool {
        match self.env.module.tables[table as usize].element_type {
            ValType::Ref(RefType { heap: HeapType::Concrete(_, ty), .. }) => self.env.module.is_subtype(ty, type_index),
            _ => false,
        }
    }

    /// Traps if the function of a record is not of this type. Only for a type that others may be subtypes of is there a
    /// second question, which the loader answers.
    fn check_type(&mut self, type_index: u32, record: Value) {
        let (found, expected) = self.found_and_expected(type_index, record);
        if self.env.module.definitions[type_index as usize].is_final {
            let differs = self.builder.ins().icmp(IntCC::NotEqual, found, expected);
            return self.trap_if(differs, TrapCode::BadSignature);
        }
        let differs = self.builder.create_block();
        let matches = self.builder.create_block();
        self.builder.set_cold_block(differs);
        let same = self.builder.ins().icmp(IntCC::Equal, found, expected);
        self.builder.ins().brif(same, matches, &[], differs, &[]);
        self.builder.seal_block(differs);

        self.builder.switch_to_block(differs);
        let (found, expected) = (self.extend(found), self.extend(expected));
        let subtype = self.call_builtin(Builtin::is_subtype, &[found, expected]);
        self.builder.ins().trapz(subtype, super::env::trap_code(TrapCode::BadSignature));
        self.builder.ins().jump(matches, &[]);
        self.builder.seal_block(matches);
        self.builder.switch_to_block(matches);
    }

    /// The group's ids of the type of a record's function, and of a type of the module.
    pub(super) fn found_and_expected(&mut self, type_index: u32, record: Value) -> (Value, Value) {
        let canonical = self.env.facts.canonical[type_index as usize];
        let type_id = self.layout().type_id(canonical);
        let expected = self.load_fixed(I32, self.anchor, type_id);
        (self.load(I32, Region::Funcrefs, record, FUNCREF_TYPE), expected)
    }

    /// Pops a reference: the function that it is to, whose type the reference's type says.
    fn reference_callee(&mut self) -> Callee {
        let reference = self.pop();
        self.check_not_null(reference);
        self.record_callee(reference)
    }

    /// The function of a record, which is there.
    fn record_callee(&mut self, record: Value) -> Callee {
        let code = self.load(I64, Region::Funcrefs, record, FUNCREF_CODE);
        let context = self.load(I64, Region::Funcrefs, record, FUNCREF_CONTEXT);
        Callee::Code { code, context }
    }
}
