//! References. Null is 0.

use super::Translator;
use bailiwick_runtime_abi::builtins::Builtin;
use cranelift_codegen::ir::InstBuilder;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I32;

impl Translator<'_, '_> {
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

    pub(super) fn ref_func(&mut self, function: u32) {
        let function = self.i64_const(u64::from(function));
        let reference = self.call_builtin(Builtin::ref_func, &[function]);
        self.push(reference);
    }
}
