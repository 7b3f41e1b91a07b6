//! Constant expressions: what globals, table elements and segment offsets begin with.

use crate::error::Error;
use crate::group::Inner;
use bailiwick_runtime_abi::format::{ConstOpcode, Range};
use bailiwick_runtime_abi::view::damaged;

/// Most values on the stack of a constant expression.
const MAX_DEPTH: usize = 1024;

impl Inner {
    /// Evaluates a constant expression of an instance: the low and high 64 bits of its value.
    pub(crate) fn evaluate(&mut self, instance: u32, range: Range) -> Result<(u64, u64), Error> {
        let artifact = self.instances[instance as usize].artifact.clone();
        let view = artifact.view();
        let mut stack: Vec<(u64, u64)> = Vec::new();
        let underflow = || Error::from(damaged("const_ops", "an operator lacks operands"));
        for op in view.range("const_ops", view.const_ops(), range)? {
            let opcode = ConstOpcode::from_u32(op.opcode).ok_or(damaged("const_ops", "an unknown operator"))?;
            let value = match opcode {
                ConstOpcode::Const => (op.low, op.high),
                ConstOpcode::GlobalGet => {
                    let globals = &self.instances[instance as usize].globals;
                    let index = globals.get(op.index as usize).ok_or(damaged("const_ops", "an unknown global"))?;
                    // SAFETY: a global's cell lies in a context of this group, aligned; no guest code runs.
                    let raw = unsafe { *self.globals[*index as usize].cell };
                    (raw.0, raw.1)
                }
                ConstOpcode::RefFunc => (self.func_reference(instance, op.index)?, 0),
                ConstOpcode::RefNull => (0, 0),
                _ => {
                    let right = stack.pop().ok_or_else(underflow)?.0;
                    let left = stack.pop().ok_or_else(underflow)?.0;
                    let narrow = |f: fn(u32, u32) -> u32| u64::from(f(left as u32, right as u32));
                    let result = match opcode {
                        ConstOpcode::I32Add => narrow(u32::wrapping_add),
                        ConstOpcode::I32Sub => narrow(u32::wrapping_sub),
                        ConstOpcode::I32Mul => narrow(u32::wrapping_mul),
                        ConstOpcode::I64Add => left.wrapping_add(right),
                        ConstOpcode::I64Sub => left.wrapping_sub(right),
                        _ => left.wrapping_mul(right),
                    };
                    (result, 0)
                }
            };
            if stack.len() == MAX_DEPTH {
                return Err(damaged("const_ops", "an expression is too deep").into());
            }
            stack.push(value);
        }
        match stack[..] {
            [value] => Ok(value),
            _ => Err(damaged("const_ops", "an expression does not leave one value").into()),
        }
    }
}
