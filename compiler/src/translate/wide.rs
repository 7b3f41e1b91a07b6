//! Arithmetic of 128 bits: operands and results are two i64 each, the low one first.

use super::Translator;
use cranelift_codegen::ir::types::I128;
use cranelift_codegen::ir::{InstBuilder, Value};
use wasmparser::Operator;

impl Translator<'_, '_> {
    /// Translates an operator with results of 128 bits; `false` if it is none.
    pub(super) fn wide(&mut self, operator: &Operator<'_>) -> bool {
        let value = match operator {
            Operator::I64Add128 => {
                let (a, b) = self.pop_wide2();
                self.builder.ins().iadd(a, b)
            }
            Operator::I64Sub128 => {
                let (a, b) = self.pop_wide2();
                self.builder.ins().isub(a, b)
            }
            Operator::I64MulWideS => {
                let (a, b) = self.pop2();
                let (a, b) = (self.builder.ins().sextend(I128, a), self.builder.ins().sextend(I128, b));
                self.builder.ins().imul(a, b)
            }
            Operator::I64MulWideU => {
                let (a, b) = self.pop2();
                let (a, b) = (self.builder.ins().uextend(I128, a), self.builder.ins().uextend(I128, b));
                self.builder.ins().imul(a, b)
            }
            _ => return false,
        };
        let (low, high) = self.builder.ins().isplit(value);
        self.push(low);
        self.push(high);
        true
    }

    fn pop_wide(&mut self) -> Value {
        let (low, high) = self.pop2();
        self.builder.ins().iconcat(low, high)
    }

    fn pop_wide2(&mut self) -> (Value, Value) {
        let second = self.pop_wide();
        (self.pop_wide(), second)
    }
}
