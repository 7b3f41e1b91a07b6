//! Bulk operations on memories, tables and segments: builtins of the loader check bounds and do the work. A few bytes of a
//! memory, of which the program says how many, are copied and filled here.

use super::Translator;
use super::memory::MAX_RANGE;
use bailiwick_runtime_abi::builtins::Builtin;
use cranelift_codegen::ir::types::{I8, I8X16, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, InstructionData, Opcode, Type, Value};

/// Pieces that a range of `size` bytes consists of, each an offset and a type, all in the range and of one type: side by
/// side, but for the last one, which ends where the range ends and may overlap the one before.
fn pieces(size: u64) -> impl Iterator<Item = (i32, Type)> {
    let ty = match size {
        16.. => I8X16,
        8.. => I64,
        4.. => I32,
        2.. => I16,
        _ => I8,
    };
    let each = u64::from(ty.bytes());
    // Of no bytes there are no pieces; else the last one begins at least 0 bytes behind the beginning.
    (0..size.div_ceil(each)).map(move |i| ((i * each).min(size - each) as i32, ty))
}

impl Translator<'_, '_> {
    /// Calls `builtin` with constants, then with three operands, each of type i32 or i64: an index or a length of 64-bit
    /// memories or tables has 64 bits.
    fn bulk(&mut self, builtin: Builtin, constants: &[u32]) {
        let (a, b, c) = self.pop3();
        let mut args: Vec<_> = constants.iter().map(|&i| self.i64_const(u64::from(i))).collect();
        args.extend([a, b, c].map(|value| self.extend(value)));
        self.call_builtin(builtin, &args);
    }

    /// How many bytes the operand on top of the stack says, if it is a constant and they are few.
    fn few_bytes(&self) -> Option<u64> {
        let dfg = &self.builder.func.dfg;
        let definition = dfg.value_def(*self.stack.last()?).inst()?;
        let InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } = dfg.insts[definition] else { return None };
        let bits = imm.bits() as u64;
        // Unsigned; the bits of an i32 may be extended either way.
        let size = if dfg.ctrl_typevar(definition) == I32 { bits & u64::from(u32::MAX) } else { bits };
        Some(size).filter(|&size| size <= MAX_RANGE)
    }

    pub(super) fn memory_copy(&mut self, dst: u32, src: u32) {
        let Some(size) = self.few_bytes() else { return self.bulk(Builtin::memory_copy, &[dst, src]) };
        let (to, from, _) = self.pop3();
        // Both checks come before the first access, so that nothing is written if one of them fails.
        let from = self.heap_range(src, from, size);
        let to = self.heap_range(dst, to, size);
        // All is read before anything is written: the ranges may overlap, either way.
        let flags = self.heap_flags(src);
        let read: Vec<(i32, Value)> =
            pieces(size).map(|(offset, ty)| (offset, self.builder.ins().load(ty, flags, from, offset))).collect();
        let flags = self.heap_flags(dst);
        for (offset, piece) in read {
            self.builder.ins().store(flags, piece, to, offset);
        }
    }

    pub(super) fn memory_fill(&mut self, memory: u32) {
        let Some(size) = self.few_bytes() else { return self.bulk(Builtin::memory_fill, &[memory]) };
        let (to, value, _) = self.pop3();
        let to = self.heap_range(memory, to, size);
        let flags = self.heap_flags(memory);
        let Some((_, ty)) = pieces(size).next() else { return };
        let byte = self.builder.ins().ireduce(I8, value);
        let piece = self.repeat(byte, ty);
        for (offset, _) in pieces(size) {
            self.builder.ins().store(flags, piece, to, offset);
        }
    }

    /// A value of type `ty` of which all bytes are `byte`.
    fn repeat(&mut self, byte: Value, ty: Type) -> Value {
        match ty {
            I8 => byte,
            I8X16 => self.builder.ins().splat(I8X16, byte),
            _ => {
                let wide = self.builder.ins().uextend(ty, byte);
                let ones = 0x0101_0101_0101_0101_u64 & (u64::MAX >> (64 - ty.bits()));
                self.builder.ins().imul_imm_u(wide, ones.cast_signed())
            }
        }
    }

    pub(super) fn memory_init(&mut self, segment: u32, memory: u32) {
        self.bulk(Builtin::memory_init, &[memory, segment]);
    }

    pub(super) fn data_drop(&mut self, segment: u32) {
        let segment = self.i64_const(u64::from(segment));
        self.call_builtin(Builtin::data_drop, &[segment]);
    }

    pub(super) fn table_copy(&mut self, dst: u32, src: u32) {
        self.bulk(Builtin::table_copy, &[dst, src]);
    }

    pub(super) fn table_init(&mut self, segment: u32, table: u32) {
        self.bulk(Builtin::table_init, &[table, segment]);
    }

    pub(super) fn elem_drop(&mut self, segment: u32) {
        let segment = self.i64_const(u64::from(segment));
        self.call_builtin(Builtin::elem_drop, &[segment]);
    }

    pub(super) fn table_fill(&mut self, table: u32) {
        let (dst, value, len) = self.pop3();
        let table = self.i64_const(u64::from(table));
        let (dst, len) = (self.extend(dst), self.extend(len));
        self.call_builtin(Builtin::table_fill, &[table, dst, value, len]);
    }

    pub(super) fn table_grow(&mut self, table: u32) {
        let (init, delta) = self.pop2();
        let index64 = self.env.module.tables[table as usize].index64;
        let table_index = self.i64_const(u64::from(table));
        let delta = self.extend(delta);
        let old = self.call_builtin(Builtin::table_grow, &[table_index, delta, init]);
        self.push_size(index64, old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_a_range_and_stay_in_it() {
        for size in 0..=MAX_RANGE {
            let mut covered = vec![false; size as usize];
            for (offset, ty) in pieces(size) {
                covered[offset as usize..][..ty.bytes() as usize].fill(true);
            }
            assert!(covered.iter().all(|&byte| byte), "{size}");
        }
    }
}
