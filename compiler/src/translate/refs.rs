//! References. Null is 0.
//!
//! Operands have no types here, but of some it is known that they are not null, because a type says so: of parameters of
//! blocks, results of calls, locals, globals and elements of such types. What is known holds for a value wherever it is
//! used, so what only a test has shown becomes another value: the tested one may be used where the test was not made.

use super::Translator;
use super::env::{Region, trap_code};
use bailiwick_runtime_abi::builtins::Builtin;
use bailiwick_runtime_abi::context::FUNCREF_CODE;
use bailiwick_runtime_abi::trap::TrapCode;
use bailiwick_runtime_abi::types::ValType;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value};

impl Translator<'_, '_> {
    /// Notes what the type of a value says of it.
    pub(super) fn typed(&mut self, value: Value, ty: ValType) -> Value {
        if !ty.is_defaultable() {
            self.not_null.insert(value);
        }
        self.note_reference(ty, value);
        value
    }

    /// Pushes values of these types.
    pub(super) fn push_typed(&mut self, values: &[Value], types: &[ValType]) {
        for (&value, &ty) in values.iter().zip(types) {
            let value = self.typed(value, ty);
            self.push(value);
        }
    }

    pub(super) fn ref_null(&mut self) {
        let null = self.i64_const(0);
        self.push(null);
    }

    pub(super) fn ref_is_null(&mut self) {
        let reference = self.pop();
        let is_null = self.compare_const(IntCC::Equal, reference, 0);
        let is_null = self.builder.ins().uextend(I32, is_null);
        self.push(is_null);
    }

    /// The address of a function's record. The loader fills in a record before its address is first used.
    pub(super) fn ref_func(&mut self, function: u32) {
        let slow = self.builder.create_block();
        let done = self.builder.create_block();
        let reference = self.builder.append_block_param(done, I64);
        self.not_null.insert(reference);
        // Whatever `ref.func` names escapes.
        if let Some(escape) = self.env.facts.escape(function) {
            let offset = self.layout().funcref(escape);
            let offset = self.i64_const(offset as u64);
            let record = self.builder.ins().iadd(self.anchor, offset);
            let code = self.load(I64, Region::Funcrefs, record, FUNCREF_CODE);
            self.builder.set_cold_block(slow);
            self.builder.ins().brif(code, done, &[BlockArg::Value(record)], slow, &[]);
        } else {
            self.builder.ins().jump(slow, &[]);
        }
        self.builder.seal_block(slow);
        self.builder.switch_to_block(slow);
        let function = self.i64_const(u64::from(function));
        let filled = self.call_builtin(Builtin::ref_func, &[function]);
        self.builder.ins().jump(done, &[BlockArg::Value(filled)]);
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
        self.push(reference);
    }

    /// Traps if a reference is null.
    pub(super) fn check_not_null(&mut self, reference: Value) {
        if !self.not_null.contains(&reference) {
            self.builder.ins().trapz(reference, trap_code(TrapCode::NullReference));
        }
    }

    pub(super) fn ref_as_non_null(&mut self) {
        let reference = self.pop();
        if self.not_null.contains(&reference) {
            return self.push(reference);
        }
        self.check_not_null(reference);
        let next = self.builder.create_block();
        self.builder.ins().jump(next, &[BlockArg::Value(reference)]);
        self.go_on_with(next, reference);
    }

    pub(super) fn br_on_null(&mut self, depth: u32) {
        let reference = self.pop();
        if self.not_null.contains(&reference) {
            return self.push(reference);
        }
        let (target, values) = self.branch_to(depth);
        let args = self.top(values);
        let next = self.builder.create_block();
        self.builder.ins().brif(reference, next, &[BlockArg::Value(reference)], target, &args);
        self.go_on_with(next, reference);
    }

    /// Goes on in a block to which there is a jump with a reference that is not null, which is pushed.
    pub(super) fn go_on_with(&mut self, next: cranelift_codegen::ir::Block, reference: Value) {
        let tested = self.builder.append_block_param(next, I64);
        if self.exceptions.has(reference) {
            self.note_exception(tested);
        }
        self.not_null.insert(tested);
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
        self.push(tested);
    }

    pub(super) fn br_on_non_null(&mut self, depth: u32) {
        // The reference is the last of what the branch takes along.
        let (target, values) = self.branch_to(depth);
        let args = self.top(values);
        let reference = self.pop();
        let next = self.builder.create_block();
        self.builder.ins().brif(reference, target, &args, next, &[]);
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
    }
}
