//! Units → `.text`: each has its place, and every reference from code to code is resolved.
//!
//! ```text
//!  ┊ padding: traps ┊ tag, 8 bytes ┊ code of a unit …      … ┊ padding ┊ tag ┊ code …
//!                   └─ of what the loader may take the       └─ a unit that is only called
//!                      address of                               directly has none
//! ```
//!
//! References to call tables stay open until [`crate::emit`] knows where those lie; [`Text::patch`] closes them.

mod placement;
mod reloc;

pub(crate) use placement::{Loop, loops};

use crate::codegen::{Relocation, Site, Unit};
use crate::error::{CompileError, Result};
use crate::symbol::Symbol;
use bailiwick_runtime_abi::convention::TAG_SIZE;
use bailiwick_runtime_abi::trap::{CALL_SITE, X86_64_TRAP};
use bailiwick_runtime_abi::types::Arch;
use std::collections::HashMap;

/// Longest text in bytes: how far a direct call reaches. Signed 32-bit distances reach the tables behind it, too.
const fn max_text(arch: Arch) -> u64 {
    match arch {
        Arch::X86_64 => 1 << 30,
        // `bl` holds 26 bits of words. Longer text would need veneers.
        Arch::Aarch64 => 128 << 20,
    }
}

/// What fills the space between units: traps.
const fn padding(arch: Arch) -> u8 {
    match arch {
        // int3
        Arch::X86_64 => 0xcc,
        // udf #0
        Arch::Aarch64 => 0,
    }
}

/// The code generator's trap, `ud2`.
const UD2: [u8; 2] = [0x0f, 0x0b];

/// Makes each trap on purpose the artifact's, [`X86_64_TRAP`]: the instruction at a site is one, or some other that traps.
fn replace_traps(code: &mut [u8], sites: &[Site]) {
    for site in sites.iter().filter(|site| site.code != CALL_SITE) {
        if let Some(trap) = code.get_mut(site.offset as usize..).and_then(|rest| rest.first_chunk_mut())
            && *trap == UD2
        {
            *trap = X86_64_TRAP;
        }
    }
}

/// A unit's place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub symbol: Symbol,
    pub offset: u32,
    pub len: u32,
}

/// Machine code with all units in their places.
pub(crate) struct Text {
    pub bytes: Vec<u8>,
    /// In the order of the units, ascending.
    pub places: Vec<Place>,
    by_symbol: HashMap<Symbol, u32>,
    /// References to call tables.
    open: Vec<Relocation>,
}

/// Gives each unit its place, in order.
pub(crate) fn link(arch: Arch, units: &[Unit]) -> Result<Text> {
    let mut places = Vec::with_capacity(units.len());
    let mut end = 0;
    for unit in units {
        let tag_size = if unit.tag.is_some() { TAG_SIZE as u64 } else { 0 };
        let start = match unit.loops.as_slice() {
            [] => (end + tag_size).next_multiple_of(u64::from(unit.alignment)),
            loops => {
                let start = (end + tag_size).next_multiple_of(u64::from(unit.step));
                placement::best(loops, start, unit.step, arch == Arch::X86_64)
            }
        };
        end = start + unit.code.len() as u64;
        if end > max_text(arch) {
            return Err(CompileError::Limit {
                what: format!("the machine code for {} is longer than that, in bytes", arch.name()),
                limit: max_text(arch),
            });
        }
        places.push(Place { symbol: unit.symbol, offset: start as u32, len: unit.code.len() as u32 });
    }
    let by_symbol: HashMap<Symbol, u32> = places.iter().map(|place| (place.symbol, place.offset)).collect();
    let mut bytes = vec![padding(arch); end as usize];
    let mut open = Vec::new();
    for (unit, place) in units.iter().zip(&places) {
        let start = place.offset as usize;
        bytes[start..start + unit.code.len()].copy_from_slice(&unit.code);
        if arch == Arch::X86_64 {
            replace_traps(&mut bytes[start..start + unit.code.len()], &unit.sites);
        }
        if let Some(tag) = unit.tag {
            bytes[start - TAG_SIZE..start].copy_from_slice(&tag.to_le_bytes());
        }
        for relocation in &unit.relocations {
            let offset = place.offset + relocation.offset;
            match (relocation.symbol, by_symbol.get(&relocation.symbol)) {
                (Symbol::CallTable(_), _) => open.push(Relocation { offset, ..relocation.clone() }),
                (_, Some(&target)) => {
                    let target = u64::from(target).wrapping_add_signed(relocation.addend);
                    reloc::apply(&mut bytes, offset, relocation.kind, 0, target)?;
                }
                (symbol, None) => {
                    return Err(CompileError::internal(format!(
                        "{:?} refers to {symbol:?}, which is nowhere",
                        unit.symbol
                    )));
                }
            }
        }
    }
    Ok(Text { bytes, places, by_symbol, open })
}

impl Text {
    /// Code offset of a symbol's unit.
    pub fn offset(&self, symbol: Symbol) -> Option<u32> {
        self.by_symbol.get(&symbol).copied()
    }

    /// Resolves the references to call tables: `text` is the address of the code, `table` gives that of a table.
    pub fn patch(&mut self, text: u64, table: impl Fn(u32) -> u64) -> Result<()> {
        for relocation in std::mem::take(&mut self.open) {
            let Symbol::CallTable(index) = relocation.symbol else { continue };
            let target = table(index).wrapping_add_signed(relocation.addend);
            reloc::apply(&mut self.bytes, relocation.offset, relocation.kind, text, target)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trap_on_purpose_is_the_artifacts_and_nothing_else_changes() {
        let site = |offset, code| Site { offset, code, wasm_offset: 0, inlined: None };
        // The same bytes as an operand, as a trap, as a trap that a call returns to, and an access that may trap.
        let before = [0xb8, 0x0f, 0x0b, 0, 0, 0x0f, 0x0b, 0x0f, 0x0b, 0x8b, 0x07, 0x0f];
        let sites = [site(5, 1), site(7, CALL_SITE), site(7, 2), site(9, 3), site(11, 4), site(12, 5), site(99, 6)];
        let mut code = before;
        replace_traps(&mut code, &sites);
        let [a, b] = X86_64_TRAP;
        assert_eq!(code, [0xb8, 0x0f, 0x0b, 0, 0, a, b, a, b, 0x8b, 0x07, 0x0f]);
        let mut code = before;
        replace_traps(&mut code, &[site(7, CALL_SITE)]);
        assert_eq!(code, before);
    }
}
