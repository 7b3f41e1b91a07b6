//! Calls. There are three idioms, each emitted by one function: direct, through a slot, through a table.

use super::Translator;
use super::env::Region;
use super::tables::Null;
use bailiwick_runtime_abi::context::{FUNCREF_CODE, FUNCREF_CONTEXT, FUNCREF_TYPE, SLOT_CODE, SLOT_CONTEXT};
use bailiwick_runtime_abi::format::{CallEntry, NONE};
use bailiwick_runtime_abi::trap::TrapCode;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{Inst, InstBuilder, Value};
use std::mem::{offset_of, size_of};

impl Translator<'_, '_> {
    /// Pops the arguments of a function of this type; the context comes first.
    fn arguments(&mut self, type_index: u32, context: Value) -> Vec<Value> {
        let count = self.env.module.types[type_index as usize].params.len();
        let mut args = Vec::with_capacity(count + 1);
        args.push(context);
        args.extend(self.stack.drain(self.stack.len() - count..));
        args
    }

    fn push_results(&mut self, call: Inst) {
        self.stack.extend_from_slice(self.builder.inst_results(call));
    }

    pub(super) fn call(&mut self, function: u32) {
        if function < self.env.module.imported_functions {
            return self.call_slot(function);
        }
        let callee = self.func_ref(function);
        let args = self.arguments(self.env.module.functions[function as usize], self.context);
        let call = self.builder.ins().call(callee, &args);
        self.push_results(call);
    }

    /// Calls an imported function: what its slot holds at this moment. Granting fills the slot, revoking overwrites its
    /// code, so that neither load may be made earlier than the call.
    fn call_slot(&mut self, function: u32) {
        let type_index = self.env.module.functions[function as usize];
        let slot = self.layout().slot(function);
        let code = self.load(I64, Region::Slots, self.context, slot + SLOT_CODE);
        let context = self.load(I64, Region::Slots, self.context, slot + SLOT_CONTEXT);
        self.call_code(type_index, code, context);
    }

    fn call_code(&mut self, type_index: u32, code: Value, context: Value) {
        let signature = self.sig_ref(type_index);
        let args = self.arguments(type_index, context);
        let call = self.builder.ins().call_indirect(signature, code, &args);
        self.push_results(call);
    }

    pub(super) fn call_indirect(&mut self, type_index: u32, table: u32) {
        let index = self.pop();
        if let Some(elements) = &self.env.facts.call_tables[table as usize] {
            let length = elements.len() as u64;
            self.call_immutable(type_index, table, index, length);
        } else {
            self.call_table(type_index, table, index);
        }
    }

    /// Calls through an immutable table: {distance, canonical type} from read-only data, no context but our own.
    fn call_immutable(&mut self, type_index: u32, table: u32, index: Value, length: u64) {
        let canonical = self.env.facts.canonical[type_index as usize];
        let base = self.call_table_address(table);
        let index = self.extend(index);
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
        self.call_code(type_index, code, self.context);
    }

    /// Calls through a table that other modules may share, or that changes: its elements are funcref records, whose
    /// types are ids that the loader interned for the group.
    fn call_table(&mut self, type_index: u32, table: u32, index: Value) {
        let canonical = self.env.facts.canonical[type_index as usize];
        let record = self.function_element(table, index, Null::Trap);
        let type_id = self.layout().type_id(canonical);
        let expected = self.load_fixed(I32, self.context, type_id);
        let found = self.load(I32, Region::Funcrefs, record, FUNCREF_TYPE);
        let differs = self.builder.ins().icmp(IntCC::NotEqual, found, expected);
        self.trap_if(differs, TrapCode::BadSignature);
        let code = self.load(I64, Region::Funcrefs, record, FUNCREF_CODE);
        let context = self.load(I64, Region::Funcrefs, record, FUNCREF_CONTEXT);
        self.call_code(type_index, code, context);
    }
}
