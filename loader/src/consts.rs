//! Constant expressions: what globals, table elements and segment offsets begin with.

use crate::error::Error;
use crate::func::Funcref;
use crate::group::Inner;
use bailiwick_runtime_abi::format::{ConstOpcode, Range};
use bailiwick_runtime_abi::types::{Composite, HeapType, RefType, ValType};
use bailiwick_runtime_abi::view::damaged;

/// Most values on the stack of a constant expression.
const MAX_DEPTH: usize = 1024;

/// A value while it is computed. References are made by the loader alone: no number becomes one, whatever an artifact
/// says.
#[derive(Clone, Copy)]
enum Item {
    Number(u64, u64),
    Null,
    Reference(ValType, u64),
}

impl Inner {
    /// The type of a reference to a function: the address of its record.
    pub(crate) fn reference_type(&self, reference: u64) -> ValType {
        // SAFETY: made by `func_reference`, so it is the address of a record in a context of this group.
        let id = unsafe { (*(reference as *const Funcref)).type_id };
        ValType::Ref(RefType { nullable: false, heap: HeapType::Concrete(Composite::Func, id) })
    }

    /// Evaluates a constant expression of an instance, which must leave a value that fits `ty`: its low and high 64 bits.
    pub(crate) fn evaluate(&mut self, instance: u32, range: Range, ty: ValType) -> Result<(u64, u64), Error> {
        let artifact = self.instances[instance as usize].artifact.clone();
        let view = artifact.view();
        let mut stack: Vec<Item> = Vec::new();
        for op in view.range("const_ops", view.const_ops(), range)? {
            let opcode = ConstOpcode::from_u32(op.opcode).ok_or(damaged("const_ops", "an unknown operator"))?;
            let item = match opcode {
                ConstOpcode::Const => Item::Number(op.low, op.high),
                ConstOpcode::GlobalGet => {
                    let globals = &self.instances[instance as usize].globals;
                    let index = globals.get(op.index as usize).ok_or(damaged("const_ops", "an unknown global"))?;
                    let data = &self.globals[*index as usize];
                    // SAFETY: a global's cell lies in a context of this group, aligned; no guest code runs.
                    let raw = unsafe { *data.cell };
                    match data.ty.value {
                        reference if reference.is_reference() => Item::Reference(reference, raw.0),
                        _ => Item::Number(raw.0, raw.1),
                    }
                }
                ConstOpcode::RefFunc => {
                    let reference = self.func_reference(instance, op.index)?;
                    Item::Reference(self.reference_type(reference), reference)
                }
                ConstOpcode::RefNull => Item::Null,
                _ => {
                    let (Some(Item::Number(right, _)), Some(Item::Number(left, _))) = (stack.pop(), stack.pop()) else {
                        return Err(damaged("const_ops", "an operator lacks operands").into());
                    };
                    let narrow = |f: fn(u32, u32) -> u32| u64::from(f(left as u32, right as u32));
                    let result = match opcode {
                        ConstOpcode::I32Add => narrow(u32::wrapping_add),
                        ConstOpcode::I32Sub => narrow(u32::wrapping_sub),
                        ConstOpcode::I32Mul => narrow(u32::wrapping_mul),
                        ConstOpcode::I64Add => left.wrapping_add(right),
                        ConstOpcode::I64Sub => left.wrapping_sub(right),
                        _ => left.wrapping_mul(right),
                    };
                    Item::Number(result, 0)
                }
            };
            if stack.len() == MAX_DEPTH {
                return Err(damaged("const_ops", "an expression is too deep").into());
            }
            stack.push(item);
        }
        match stack[..] {
            [Item::Number(low, high)] if !ty.is_reference() => Ok((low, high)),
            [Item::Null] if ty.is_reference() && ty.is_defaultable() => Ok((0, 0)),
            [Item::Reference(found, raw)] if self.types.matches(found, ty) => Ok((raw, 0)),
            _ => Err(damaged("const_ops", "an expression does not leave one value of its type").into()),
        }
    }
}
