//! Calls. What is called is found by one function each: by its index (its own, or through a slot) and through a table.
//! The call itself is emitted by two: of a function of the module, and of code with its context.

use super::Translator;
use super::env::Region;
use super::tables::Null;
use bailiwick_runtime_abi::context::{FUNCREF_CODE, FUNCREF_CONTEXT, FUNCREF_TYPE, SLOT_CODE, SLOT_CONTEXT};
use bailiwick_runtime_abi::format::{CallEntry, NONE};
use bailiwick_runtime_abi::trap::TrapCode;
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

    /// Pops the arguments, calls, and pushes the results.
    fn finish_call(&mut self, type_index: u32, callee: Callee) {
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
        let env = self.env;
        for (&ty, &result) in env.module.types[type_index as usize].results.iter().zip(&results) {
            self.note_reference(ty, result);
        }
        self.stack.extend(results);
    }

    pub(super) fn call(&mut self, function: u32) {
        let callee = self.named_callee(function);
        self.finish_call(self.env.module.functions[function as usize], callee);
    }

    pub(super) fn call_indirect(&mut self, type_index: u32, table: u32) {
        let callee = self.table_callee(type_index, table);
        self.finish_call(type_index, callee);
    }

    /// A function by its index. An imported one is what its slot holds at this moment: granting fills the slot, revoking
    /// overwrites its code, so that neither load may be made earlier than the call.
    fn named_callee(&mut self, function: u32) -> Callee {
        if function >= self.env.module.imported_functions {
            return Callee::Own(function);
        }
        let slot = self.layout().slot(function);
        let code = self.load(I64, Region::Slots, self.context, slot + SLOT_CODE);
        let context = self.load(I64, Region::Slots, self.context, slot + SLOT_CONTEXT);
        Callee::Code { code, context }
    }

    /// Pops an index: the function in a table, which has this type.
    fn table_callee(&mut self, type_index: u32, table: u32) -> Callee {
        let index = self.pop();
        if let Some(elements) = &self.env.facts.call_tables[table as usize] {
            let length = elements.len() as u64;
            self.immutable_callee(type_index, table, index, length)
        } else {
            self.mutable_callee(type_index, table, index)
        }
    }

    /// A function of an immutable table: {distance, canonical type} from read-only data, no context but our own.
    fn immutable_callee(&mut self, type_index: u32, table: u32, index: Value, length: u64) -> Callee {
        let canonical = self.env.facts.canonical[type_index as usize];
        let base = self.call_table_address(table);
        let index = self.builder.ins().uextend(I64, index);
        let length = self.i64_const(length);
        let entry = self.checked_element(base, index, length, size_of::<CallEntry>() as u32);
        // Read-only, but not to be moved in front of the bounds check.
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
        let canonical = self.env.facts.canonical[type_index as usize];
        let record = self.function_element(table, index, Null::Trap);
        let type_id = self.layout().type_id(canonical);
        let expected = self.load_fixed(I32, self.context, type_id);
        let found = self.load(I32, Region::Funcrefs, record, FUNCREF_TYPE);
        let differs = self.builder.ins().icmp(IntCC::NotEqual, found, expected);
        self.trap_if(differs, TrapCode::BadSignature);
        let code = self.load(I64, Region::Funcrefs, record, FUNCREF_CODE);
        let context = self.load(I64, Region::Funcrefs, record, FUNCREF_CONTEXT);
        Callee::Code { code, context }
    }
}
