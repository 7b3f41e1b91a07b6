//! Tables at run time: elements, bounds, `table.get`, `table.set`, `table.size`.
//!
//! An element of a function table is lazy, null, or the address of a funcref record (`runtime_abi::context`); on the
//! operand stack null is 0 and nothing is lazy. Elements of host-reference tables are the operands as they are.

use super::Translator;
use super::env::Region;
use bailiwick_runtime_abi::builtins::Builtin;
use bailiwick_runtime_abi::context::{ELEMENT_LAZY, ELEMENT_NULL, ELEMENT_SIZE, TABLE_BASE, TABLE_LENGTH};
use bailiwick_runtime_abi::trap::TrapCode;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value};

const _: () = {
    // One unsigned comparison tells both from an address.
    assert!(ELEMENT_LAZY < ELEMENT_NULL);
};

/// What to do with a null element.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Null {
    /// Give 0.
    Keep,
    /// Trap: it was to be called.
    Trap,
}

impl Translator<'_, '_> {
    fn table_definition(&mut self, table: u32) -> (Value, i32) {
        match table.checked_sub(self.env.module.imported_tables) {
            Some(defined) => (self.anchor, self.layout().table(defined)),
            None => {
                let offset = self.layout().imported_table(table);
                (self.load_fixed(I64, self.anchor, offset), 0)
            }
        }
    }

    fn table_region(&self, table: u32) -> Region {
        match table.checked_sub(self.env.module.imported_tables) {
            Some(defined) => Region::Table(defined),
            None => Region::ImportedTables,
        }
    }

    /// A table's length in elements, in 64 bits.
    fn table_length(&mut self, table: u32) -> Value {
        if let Some(length) = self.env.facts.table_lengths[table as usize] {
            return self.i64_const(length);
        }
        let (definition, offset) = self.table_definition(table);
        self.load(I64, Region::TableLengths, definition, offset + TABLE_LENGTH)
    }

    /// `base + index × scale` after a check that `index`, of 64 bits, is below `length`.
    ///
    /// On a mispredicted way past the check the address is `base`.
    pub(super) fn checked_element(&mut self, base: Value, index: Value, length: Value, scale: u32) -> Value {
        let beyond = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
        self.trap_if(beyond, TrapCode::TableOutOfBounds);
        let offset = self.builder.ins().ishl_imm_u(index, i64::from(scale.trailing_zeros()));
        let address = self.builder.ins().iadd(base, offset);
        self.builder.ins().select_spectre_guard(beyond, base, address)
    }

    /// The address of an element; `index` has the table's index type. Traps if it is out of bounds.
    fn element_address(&mut self, table: u32, index: Value) -> Value {
        let (definition, offset) = self.table_definition(table);
        // Tables reserve their address space and never move.
        let base = self.load_fixed(I64, definition, offset + TABLE_BASE);
        let length = self.table_length(table);
        let index = self.extend(index);
        self.checked_element(base, index, length, ELEMENT_SIZE)
    }

    /// The reference in a function table at `index`, which has the table's index type.
    pub(super) fn function_element(&mut self, table: u32, index: Value, null: Null) -> Value {
        let address = self.element_address(table, index);
        let word = self.load(I64, self.table_region(table), address, 0);
        let slow = self.builder.create_block();
        let done = self.builder.create_block();
        let reference = self.builder.append_block_param(done, I64);
        self.builder.set_cold_block(slow);
        let special = self.compare_const(IntCC::UnsignedLessThanOrEqual, word, ELEMENT_NULL);
        self.builder.ins().brif(special, slow, &[], done, &[BlockArg::Value(word)]);
        self.builder.seal_block(slow);

        self.builder.switch_to_block(slow);
        let is_null = self.compare_const(IntCC::Equal, word, ELEMENT_NULL);
        if null == Null::Trap {
            self.trap_if(is_null, TrapCode::IndirectCallToNull);
        } else {
            let lazy = self.builder.create_block();
            let zero = self.i64_const(0);
            self.builder.ins().brif(is_null, done, &[BlockArg::Value(zero)], lazy, &[]);
            self.builder.seal_block(lazy);
            self.builder.set_cold_block(lazy);
            self.builder.switch_to_block(lazy);
        }
        let table = self.i64_const(u64::from(table));
        let index = self.extend(index);
        let resolved = self.call_builtin(Builtin::table_get_lazy, &[table, index]);
        if null == Null::Trap {
            let is_null = self.compare_const(IntCC::Equal, resolved, 0);
            self.trap_if(is_null, TrapCode::IndirectCallToNull);
        }
        self.builder.ins().jump(done, &[BlockArg::Value(resolved)]);
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
        reference
    }

    pub(super) fn table_get(&mut self, table: u32) {
        let index = self.pop();
        let element_type = self.env.module.tables[table as usize].element_type;
        let value = if element_type.is_function() {
            self.function_element(table, index, Null::Keep)
        } else {
            let address = self.element_address(table, index);
            self.load(I64, self.table_region(table), address, 0)
        };
        self.push_typed(&[value], &[element_type]);
    }

    pub(super) fn table_set(&mut self, table: u32) {
        let (index, mut value) = self.pop2();
        let address = self.element_address(table, index);
        if self.env.module.tables[table as usize].element_type.is_function() {
            let is_null = self.compare_const(IntCC::Equal, value, 0);
            let null = self.i64_const(ELEMENT_NULL);
            value = self.builder.ins().select(is_null, null, value);
        }
        self.store(self.table_region(table), value, address, 0);
    }

    pub(super) fn table_size(&mut self, table: u32) {
        let length = self.table_length(table);
        self.push_size(self.env.module.tables[table as usize].index64, length);
    }
}
