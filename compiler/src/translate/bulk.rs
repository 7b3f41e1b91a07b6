//! Bulk operations on memories, tables and segments: builtins of the loader check bounds and do the work.

use super::Translator;
use bailiwick_runtime_abi::builtins::Builtin;
use cranelift_codegen::ir::InstBuilder;
use cranelift_codegen::ir::types::I32;

impl Translator<'_, '_> {
    /// Calls `builtin` with constants, then with three operands of type i32.
    fn bulk(&mut self, builtin: Builtin, constants: &[u32]) {
        let (a, b, c) = self.pop3();
        let mut args: Vec<_> = constants.iter().map(|&i| self.i64_const(u64::from(i))).collect();
        args.extend([a, b, c].map(|value| self.extend(value)));
        self.call_builtin(builtin, &args);
    }

    pub(super) fn memory_copy(&mut self, dst: u32, src: u32) {
        self.bulk(Builtin::memory_copy, &[dst, src]);
    }

    pub(super) fn memory_fill(&mut self, memory: u32) {
        self.bulk(Builtin::memory_fill, &[memory]);
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
        let table = self.i64_const(u64::from(table));
        let delta = self.extend(delta);
        let old = self.call_builtin(Builtin::table_grow, &[table, delta, init]);
        let old = self.builder.ins().ireduce(I32, old);
        self.push(old);
    }
}
