//! How large a value can be, by how it is made: what is found here is what no check is needed for.

use cranelift_codegen::ir::types::{I8, I16, I32, I64};
use cranelift_codegen::ir::{DataFlowGraph, InstructionData, Opcode, Type, Value};

/// How many operators a value is followed back through.
const MAX_DEPTH: u32 = 6;

/// A number that `value`, an unsigned integer of up to 64 bits, is never greater than.
pub(super) fn upper_bound(dfg: &DataFlowGraph, value: Value) -> u64 {
    bound(dfg, value, MAX_DEPTH)
}

/// The greatest number of a type; `None` if it is no integer of up to 64 bits.
fn greatest(ty: Type) -> Option<u64> {
    match ty {
        I8 | I16 | I32 | I64 => Some(u64::MAX >> (64 - ty.bits())),
        _ => None,
    }
}

/// The bits of an integer constant, as far as its type goes.
pub(super) fn constant(dfg: &DataFlowGraph, value: Value) -> Option<u64> {
    let value = dfg.resolve_aliases(value);
    match dfg.insts[dfg.value_def(value).inst()?] {
        InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => {
            greatest(dfg.value_type(value)).map(|greatest| imm.bits() as u64 & greatest)
        }
        _ => None,
    }
}

fn bound(dfg: &DataFlowGraph, value: Value, depth: u32) -> u64 {
    let value = dfg.resolve_aliases(value);
    let ty = dfg.value_type(value);
    let Some(greatest) = greatest(ty) else { return u64::MAX };
    let Some(definition) = dfg.value_def(value).inst().filter(|_| depth > 0) else { return greatest };
    let of = |value: Value| bound(dfg, value, depth - 1);
    // The machine's shifts take the count modulo the width.
    let shift = |by: Value| constant(dfg, by).map(|by| (by & u64::from(ty.bits() - 1)) as u32);
    let found = match dfg.insts[definition] {
        InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits() as u64 & greatest),
        InstructionData::Unary { opcode: Opcode::Uextend, arg } => Some(of(arg)),
        InstructionData::Load { opcode: Opcode::Uload8, .. } => Some(u64::from(u8::MAX)),
        InstructionData::Load { opcode: Opcode::Uload16, .. } => Some(u64::from(u16::MAX)),
        InstructionData::Load { opcode: Opcode::Uload32, .. } => Some(u64::from(u32::MAX)),
        InstructionData::Binary { opcode, args: [left, right] } => match opcode {
            Opcode::Band => Some(of(left).min(of(right))),
            // No bit of the result is above the highest of both.
            Opcode::Bor | Opcode::Bxor => {
                Some(u64::MAX.checked_shr(of(left).max(of(right)).leading_zeros()).unwrap_or(0))
            }
            // Whatever goes beyond the type wraps, so that only the type bounds it.
            Opcode::Iadd => of(left).checked_add(of(right)),
            Opcode::Imul => of(left).checked_mul(of(right)),
            Opcode::Ishl => shift(right).and_then(|by| of(left).checked_mul(1 << by)),
            Opcode::Ushr => shift(right).map(|by| of(left) >> by),
            Opcode::Udiv | Opcode::Urem => Some(of(left)),
            _ => None,
        },
        InstructionData::Ternary { opcode: Opcode::Select, args: [_, yes, no] } => Some(of(yes).max(of(no))),
        _ => None,
    };
    found.filter(|&bound| bound <= greatest).unwrap_or(greatest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::cursor::{Cursor, FuncCursor};
    use cranelift_codegen::ir::{Function, InstBuilder, MemFlagsData};

    /// What `make` makes of a 64-bit and a 32-bit parameter is at most `expected`.
    fn check(expected: u64, make: impl FnOnce(&mut FuncCursor<'_>, Value, Value) -> Value) {
        let mut function = Function::new();
        let block = function.dfg.make_block();
        let wide = function.dfg.append_block_param(block, I64);
        let narrow = function.dfg.append_block_param(block, I32);
        let mut cursor = FuncCursor::new(&mut function);
        cursor.insert_block(block);
        let value = make(&mut cursor, wide, narrow);
        assert_eq!(upper_bound(&function.dfg, value), expected);
    }

    #[test]
    fn a_bound_is_known_of_what_is_extended_masked_shifted_or_constant() {
        check(u64::MAX, |_, wide, _| wide);
        check(u64::from(u32::MAX), |_, _, narrow| narrow);
        check(u64::from(u32::MAX), |c, _, narrow| c.ins().uextend(I64, narrow));
        check(7, |c, _, _| c.ins().iconst(I64, 7));
        check(u64::MAX, |c, _, _| c.ins().iconst(I64, -1));
        check(u64::from(u32::MAX), |c, _, _| c.ins().iconst(I32, i64::from(u32::MAX)));
        check(255, |c, wide, _| {
            let mask = c.ins().iconst(I64, 255);
            c.ins().band(wide, mask)
        });
        check(u64::MAX >> 40, |c, wide, _| {
            let by = c.ins().iconst(I64, 40);
            c.ins().ushr(wide, by)
        });
        check(u64::MAX, |c, wide, _| {
            // A shift by the width is none.
            let by = c.ins().iconst(I64, 64);
            c.ins().ushr(wide, by)
        });
    }

    #[test]
    fn what_may_wrap_is_bounded_by_its_type_alone() {
        check(u64::from(u32::MAX) + 8, |c, _, narrow| {
            let wide = c.ins().uextend(I64, narrow);
            let eight = c.ins().iconst(I64, 8);
            c.ins().iadd(wide, eight)
        });
        check(u64::from(u32::MAX), |c, _, narrow| {
            let eight = c.ins().iconst(I32, 8);
            let sum = c.ins().iadd(narrow, eight);
            c.ins().uextend(I64, sum)
        });
        check(u64::MAX, |c, wide, _| {
            let eight = c.ins().iconst(I64, 8);
            c.ins().iadd(wide, eight)
        });
        check(u64::MAX, |c, _, narrow| {
            let wide = c.ins().uextend(I64, narrow);
            let by = c.ins().iconst(I64, 33);
            c.ins().ishl(wide, by)
        });
        check(u64::from(u32::MAX) << 3, |c, _, narrow| {
            let wide = c.ins().uextend(I64, narrow);
            let by = c.ins().iconst(I64, 3);
            c.ins().ishl(wide, by)
        });
        check(u64::MAX, |c, _, narrow| c.ins().sextend(I64, narrow));
        // Of memory it is known how wide it is, and with a sign nothing.
        let flags = MemFlagsData::new;
        check(0xff, |c, wide, _| c.ins().uload8(I64, flags(), wide, 0));
        check(0xff, |c, wide, _| c.ins().uload8(I32, flags(), wide, 0));
        check(0xffff, |c, wide, _| c.ins().uload16(I64, flags(), wide, 0));
        check(u64::from(u32::MAX), |c, wide, _| c.ins().uload32(flags(), wide, 0));
        check(u64::MAX, |c, wide, _| c.ins().sload32(flags(), wide, 0));
        check(u64::MAX, |c, _, narrow| {
            // Below zero.
            let wide = c.ins().uextend(I64, narrow);
            let one = c.ins().iconst(I64, 1);
            c.ins().isub(wide, one)
        });
    }

    #[test]
    fn a_product_has_the_product_of_the_bounds_and_a_quotient_or_remainder_is_not_above_the_dividend() {
        check(u64::from(u32::MAX) * 12, |c, _, narrow| {
            let wide = c.ins().uextend(I64, narrow);
            let twelve = c.ins().iconst(I64, 12);
            c.ins().imul(wide, twelve)
        });
        check(u64::MAX, |c, wide, _| {
            let twelve = c.ins().iconst(I64, 12);
            c.ins().imul(wide, twelve)
        });
        for opcode in [Opcode::Udiv, Opcode::Urem] {
            let divide = |c: &mut FuncCursor<'_>, dividend, divisor| match opcode {
                Opcode::Udiv => c.ins().udiv(dividend, divisor),
                _ => c.ins().urem(dividend, divisor),
            };
            check(u64::from(u32::MAX), |c, wide, narrow| {
                let dividend = c.ins().uextend(I64, narrow);
                divide(c, dividend, wide)
            });
            check(u64::MAX, |c, wide, _| {
                let three = c.ins().iconst(I64, 3);
                divide(c, wide, three)
            });
        }
    }

    #[test]
    fn a_choice_is_at_most_the_larger_one_and_a_union_has_no_higher_bit() {
        check(9, |c, _, narrow| {
            let (a, b) = (c.ins().iconst(I64, 9), c.ins().iconst(I64, 4));
            c.ins().select(narrow, a, b)
        });
        check(15, |c, _, _| {
            let (a, b) = (c.ins().iconst(I64, 9), c.ins().iconst(I64, 4));
            c.ins().bor(a, b)
        });
        check(0, |c, _, _| {
            let (a, b) = (c.ins().iconst(I64, 0), c.ins().iconst(I64, 0));
            c.ins().bxor(a, b)
        });
    }

    #[test]
    fn long_chains_are_given_up_on() {
        check(u64::MAX, |c, _, narrow| {
            let mut value = c.ins().uextend(I64, narrow);
            for _ in 0..=MAX_DEPTH {
                let zero = c.ins().iconst(I64, 0);
                value = c.ins().iadd(value, zero);
            }
            value
        });
    }
}
