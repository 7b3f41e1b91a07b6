//! `global.get` and `global.set`.

use super::Translator;
use super::env::{Region, clif_type};
use cranelift_codegen::ir::Value;
use cranelift_codegen::ir::types::I64;

impl Translator<'_, '_> {
    /// Where a global's cell is, and the region it belongs to.
    fn global_cell(&mut self, global: u32) -> (Value, i32, Region) {
        let imported = self.env.module.imported_globals;
        match global.checked_sub(imported) {
            Some(defined) => (self.anchor, self.layout().global(defined), Region::Global(defined)),
            None => {
                let offset = self.layout().imported_global(global);
                (self.load_fixed(I64, self.anchor, offset), 0, Region::ImportedGlobals)
            }
        }
    }

    pub(super) fn global_get(&mut self, index: u32) {
        let env = self.env;
        let global = &env.module.globals[index as usize];
        let value = if let Some(bits) = self.env.facts.constants[index as usize] {
            self.constant(global.val_type, bits)
        } else if let Some(value) = self.promoted_global(index) {
            value
        } else {
            self.read_global(index)
        };
        self.push_typed(&[value], &[global.val_type]);
    }

    /// Loads a global.
    pub(super) fn read_global(&mut self, index: u32) -> Value {
        let global = &self.env.module.globals[index as usize];
        let (base, offset, region) = self.global_cell(index);
        let ty = clif_type(global.val_type);
        if global.mutable {
            self.load(ty, region, base, offset)
        } else {
            // Written before any code of the instance runs, and never again.
            self.load_fixed(ty, base, offset)
        }
    }

    pub(super) fn global_set(&mut self, index: u32) {
        let value = self.pop();
        self.note_global(index, value);
        let (base, offset, region) = self.global_cell(index);
        self.store(region, value, base, offset);
    }
}
