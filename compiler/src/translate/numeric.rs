//! Numbers: each operator is one or two instructions. NaNs are as the specification leaves them open.

use super::Translator;
use super::bounds::constant;
use bailiwick_runtime_abi::types::ValType;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32, F64, I8, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value};
use wasmparser::Operator;

/// Replaces the operand, or the two operands, on top of the stack by what the instruction gives.
macro_rules! unary {
    ($self:ident, $method:ident) => {{
        let value = $self.pop();
        let value = $self.builder.ins().$method(value);
        $self.push(value);
    }};
    ($self:ident, $method:ident, $ty:expr) => {{
        let value = $self.pop();
        let value = $self.builder.ins().$method($ty, value);
        $self.push(value);
    }};
}

macro_rules! binary {
    ($self:ident, $method:ident) => {{
        let (a, b) = $self.pop2();
        let value = $self.builder.ins().$method(a, b);
        $self.push(value);
    }};
}

impl Translator<'_, '_> {
    fn push_bool(&mut self, value: Value) {
        let value = self.builder.ins().uextend(I32, value);
        self.push(value);
    }

    fn icmp(&mut self, condition: IntCC) {
        let (a, b) = self.pop2();
        let value = self.builder.ins().icmp(condition, a, b);
        self.push_bool(value);
    }

    fn fcmp(&mut self, condition: FloatCC) {
        let (a, b) = self.pop2();
        let value = self.builder.ins().fcmp(condition, a, b);
        self.push_bool(value);
    }

    fn eqz(&mut self) {
        let value = self.pop();
        let value = self.compare_const(IntCC::Equal, value, 0);
        self.push_bool(value);
    }

    fn sign_extend(&mut self, from: Type, to: Type) {
        let value = self.pop();
        let value = self.builder.ins().ireduce(from, value);
        let value = self.builder.ins().sextend(to, value);
        self.push(value);
    }

    fn reinterpret(&mut self, to: Type) {
        let value = self.pop();
        let value = self.builder.ins().bitcast(to, MemFlagsData::new(), value);
        self.push(value);
    }

    /// Multiplies. By (2^n + 1) × 2^m with n up to 3, it is an addition with a shift in it, an instruction of one cycle on
    /// either architecture, and perhaps another shift: multipliers take three or four.
    fn multiply(&mut self) {
        let (a, b) = self.pop2();
        let dfg = &self.builder.func.dfg;
        let by = constant(dfg, b).map(|by| (a, by)).or_else(|| constant(dfg, a).map(|by| (b, by)));
        let value = match by.filter(|_| self.env.facts.strength) {
            Some((value, by)) if matches!(by >> by.trailing_zeros().min(63), 3 | 5 | 9) => {
                let shift = by.trailing_zeros();
                let more = self.builder.ins().ishl_imm_u(value, i64::from((by >> (shift + 1)).trailing_zeros() + 1));
                let sum = self.builder.ins().iadd(value, more);
                if shift == 0 { sum } else { self.builder.ins().ishl_imm_u(sum, i64::from(shift)) }
            }
            _ => self.builder.ins().imul(a, b),
        };
        self.push(value);
    }

    fn push_constant(&mut self, ty: ValType, bits: u64) {
        let value = self.constant(ty, bits);
        self.push(value);
    }

    /// Translates an operator on numbers; `false` if it is none.
    pub(super) fn numeric(&mut self, operator: &Operator<'_>) -> bool {
        self.constant_operator(operator)
            || self.comparison(operator)
            || self.integer(operator)
            || self.float(operator)
            || self.conversion(operator)
    }

    fn constant_operator(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::I32Const { value } => self.push_constant(ValType::I32, u64::from(*value as u32)),
            Operator::I64Const { value } => self.push_constant(ValType::I64, *value as u64),
            Operator::F32Const { value } => self.push_constant(ValType::F32, u64::from(value.bits())),
            Operator::F64Const { value } => self.push_constant(ValType::F64, value.bits()),
            _ => return false,
        }
        true
    }

    fn comparison(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::I32Eqz | Operator::I64Eqz => self.eqz(),
            Operator::I32Eq | Operator::I64Eq => self.icmp(IntCC::Equal),
            Operator::I32Ne | Operator::I64Ne => self.icmp(IntCC::NotEqual),
            Operator::I32LtS | Operator::I64LtS => self.icmp(IntCC::SignedLessThan),
            Operator::I32LtU | Operator::I64LtU => self.icmp(IntCC::UnsignedLessThan),
            Operator::I32GtS | Operator::I64GtS => self.icmp(IntCC::SignedGreaterThan),
            Operator::I32GtU | Operator::I64GtU => self.icmp(IntCC::UnsignedGreaterThan),
            Operator::I32LeS | Operator::I64LeS => self.icmp(IntCC::SignedLessThanOrEqual),
            Operator::I32LeU | Operator::I64LeU => self.icmp(IntCC::UnsignedLessThanOrEqual),
            Operator::I32GeS | Operator::I64GeS => self.icmp(IntCC::SignedGreaterThanOrEqual),
            Operator::I32GeU | Operator::I64GeU => self.icmp(IntCC::UnsignedGreaterThanOrEqual),
            Operator::F32Eq | Operator::F64Eq => self.fcmp(FloatCC::Equal),
            Operator::F32Ne | Operator::F64Ne => self.fcmp(FloatCC::NotEqual),
            Operator::F32Lt | Operator::F64Lt => self.fcmp(FloatCC::LessThan),
            Operator::F32Gt | Operator::F64Gt => self.fcmp(FloatCC::GreaterThan),
            Operator::F32Le | Operator::F64Le => self.fcmp(FloatCC::LessThanOrEqual),
            Operator::F32Ge | Operator::F64Ge => self.fcmp(FloatCC::GreaterThanOrEqual),
            _ => return false,
        }
        true
    }

    fn integer(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::I32Clz | Operator::I64Clz => unary!(self, clz),
            Operator::I32Ctz | Operator::I64Ctz => unary!(self, ctz),
            Operator::I32Popcnt | Operator::I64Popcnt => unary!(self, popcnt),
            Operator::I32Add | Operator::I64Add => binary!(self, iadd),
            Operator::I32Sub | Operator::I64Sub => binary!(self, isub),
            Operator::I32Mul | Operator::I64Mul => self.multiply(),
            Operator::I32DivS | Operator::I64DivS => binary!(self, sdiv),
            Operator::I32DivU | Operator::I64DivU => binary!(self, udiv),
            Operator::I32RemS | Operator::I64RemS => binary!(self, srem),
            Operator::I32RemU | Operator::I64RemU => binary!(self, urem),
            Operator::I32And | Operator::I64And => binary!(self, band),
            Operator::I32Or | Operator::I64Or => binary!(self, bor),
            Operator::I32Xor | Operator::I64Xor => binary!(self, bxor),
            Operator::I32Shl | Operator::I64Shl => binary!(self, ishl),
            Operator::I32ShrS | Operator::I64ShrS => binary!(self, sshr),
            Operator::I32ShrU | Operator::I64ShrU => binary!(self, ushr),
            Operator::I32Rotl | Operator::I64Rotl => binary!(self, rotl),
            Operator::I32Rotr | Operator::I64Rotr => binary!(self, rotr),
            Operator::I32Extend8S => self.sign_extend(I8, I32),
            Operator::I32Extend16S => self.sign_extend(I16, I32),
            Operator::I64Extend8S => self.sign_extend(I8, I64),
            Operator::I64Extend16S => self.sign_extend(I16, I64),
            Operator::I64Extend32S => self.sign_extend(I32, I64),
            _ => return false,
        }
        true
    }

    fn float(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::F32Abs | Operator::F64Abs => unary!(self, fabs),
            Operator::F32Neg | Operator::F64Neg => unary!(self, fneg),
            Operator::F32Ceil | Operator::F64Ceil => unary!(self, ceil),
            Operator::F32Floor | Operator::F64Floor => unary!(self, floor),
            Operator::F32Trunc | Operator::F64Trunc => unary!(self, trunc),
            Operator::F32Nearest | Operator::F64Nearest => unary!(self, nearest),
            Operator::F32Sqrt | Operator::F64Sqrt => unary!(self, sqrt),
            Operator::F32Add | Operator::F64Add => binary!(self, fadd),
            Operator::F32Sub | Operator::F64Sub => binary!(self, fsub),
            Operator::F32Mul | Operator::F64Mul => binary!(self, fmul),
            Operator::F32Div | Operator::F64Div => binary!(self, fdiv),
            Operator::F32Min | Operator::F64Min => binary!(self, fmin),
            Operator::F32Max | Operator::F64Max => binary!(self, fmax),
            Operator::F32Copysign | Operator::F64Copysign => binary!(self, fcopysign),
            _ => return false,
        }
        true
    }

    fn conversion(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::I32WrapI64 => unary!(self, ireduce, I32),
            Operator::I64ExtendI32S => unary!(self, sextend, I64),
            Operator::I64ExtendI32U => unary!(self, uextend, I64),
            Operator::F32DemoteF64 => unary!(self, fdemote, F32),
            Operator::F64PromoteF32 => unary!(self, fpromote, F64),
            Operator::I32ReinterpretF32 => self.reinterpret(I32),
            Operator::I64ReinterpretF64 => self.reinterpret(I64),
            Operator::F32ReinterpretI32 => self.reinterpret(F32),
            Operator::F64ReinterpretI64 => self.reinterpret(F64),
            Operator::F32ConvertI32S | Operator::F32ConvertI64S => unary!(self, fcvt_from_sint, F32),
            Operator::F32ConvertI32U | Operator::F32ConvertI64U => unary!(self, fcvt_from_uint, F32),
            Operator::F64ConvertI32S | Operator::F64ConvertI64S => unary!(self, fcvt_from_sint, F64),
            Operator::F64ConvertI32U | Operator::F64ConvertI64U => unary!(self, fcvt_from_uint, F64),
            // These trap by themselves: for NaN, and for a result out of range.
            Operator::I32TruncF32S | Operator::I32TruncF64S => unary!(self, fcvt_to_sint, I32),
            Operator::I32TruncF32U | Operator::I32TruncF64U => unary!(self, fcvt_to_uint, I32),
            Operator::I64TruncF32S | Operator::I64TruncF64S => unary!(self, fcvt_to_sint, I64),
            Operator::I64TruncF32U | Operator::I64TruncF64U => unary!(self, fcvt_to_uint, I64),
            Operator::I32TruncSatF32S | Operator::I32TruncSatF64S => unary!(self, fcvt_to_sint_sat, I32),
            Operator::I32TruncSatF32U | Operator::I32TruncSatF64U => unary!(self, fcvt_to_uint_sat, I32),
            Operator::I64TruncSatF32S | Operator::I64TruncSatF64S => unary!(self, fcvt_to_sint_sat, I64),
            Operator::I64TruncSatF32U | Operator::I64TruncSatF64U => unary!(self, fcvt_to_uint_sat, I64),
            _ => return false,
        }
        true
    }
}
