//! Constant expressions, taken over operator by operator.

use super::{Refusal, features};
use crate::error::CompileError;
use crate::module::{ConstExpr, ConstOp};
use wasmparser::Operator;

/// Most operators of one expression; the loader's stack machine holds 1024 values.
const MAX_OPERATORS: usize = 1024;

/// Takes over an expression that the validator has accepted.
pub(super) fn read(expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr, Refusal> {
    let mut ops = ConstExpr::new();
    let mut reader = expr.get_operators_reader();
    while !reader.eof() {
        let (op, offset) = reader.read_with_offset()?;
        ops.push(match op {
            Operator::I32Const { value } => ConstOp::Const(u64::from(value as u32)),
            Operator::I64Const { value } => ConstOp::Const(value as u64),
            Operator::F32Const { value } => ConstOp::Const(u64::from(value.bits())),
            Operator::F64Const { value } => ConstOp::Const(value.bits()),
            Operator::V128Const { value } => ConstOp::Vector(u128::from_le_bytes(*value.bytes())),
            Operator::GlobalGet { global_index } => ConstOp::GlobalGet(global_index),
            Operator::RefFunc { function_index } => ConstOp::RefFunc(function_index),
            Operator::RefNull { .. } => ConstOp::RefNull,
            Operator::I32Add => ConstOp::I32Add,
            Operator::I32Sub => ConstOp::I32Sub,
            Operator::I32Mul => ConstOp::I32Mul,
            Operator::I64Add => ConstOp::I64Add,
            Operator::I64Sub => ConstOp::I64Sub,
            Operator::I64Mul => ConstOp::I64Mul,
            Operator::End => break,
            // The validator accepts no other but those of garbage collection.
            other => {
                let proposal = features::used(&other).err().unwrap_or("unknown");
                return Err(features::refusal(&other, proposal, offset, None).into());
            }
        });
        if ops.len() > MAX_OPERATORS {
            let what = format!("the constant expression at offset {offset:#x} has more operators than that");
            return Err(CompileError::Limit { what, limit: MAX_OPERATORS as u64 }.into());
        }
    }
    Ok(ops)
}
