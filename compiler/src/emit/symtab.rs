//! `.symtab` and `.strtab`: the names of functions as the name section has them. All symbols are local, so that nothing
//! binds to one by accident.

use super::elf::{Fields, SYM_SIZE, TEXT_SECTION};
use super::{Parts, unit_name};
use crate::link::Text;
use bailiwick_runtime_abi::convention::TAG_SIZE;

/// `STB_LOCAL`, with `STT_OBJECT` and `STT_FUNC`.
const LOCAL_OBJECT: u8 = 1;
const LOCAL_FUNCTION: u8 = 2;

/// Name of what stands in front of a unit that the loader may take the address of. A disassembler shows it as data.
const TAG: &str = "bailiwick::tag";

/// The two sections.
pub(super) struct Symbols {
    pub table: Vec<u8>,
    pub names: Vec<u8>,
    /// How many symbols there are: all are local.
    pub local_count: u32,
}

/// Names every unit, and the tags.
pub(super) fn write(parts: &Parts<'_>, text: &Text, text_offset: u64) -> Symbols {
    let mut symbols = Symbols { table: vec![0; SYM_SIZE], names: vec![0], local_count: 1 };
    let tag = symbols.name(TAG);
    for (unit, place) in parts.units.iter().zip(&text.places) {
        let start = text_offset + u64::from(place.offset);
        if unit.tag.is_some() {
            symbols.push(tag, LOCAL_OBJECT, start - TAG_SIZE as u64, TAG_SIZE as u64);
        }
        let name = symbols.name(&unit_name(parts.module, place.symbol));
        symbols.push(name, LOCAL_FUNCTION, start, u64::from(place.len));
    }
    symbols
}

impl Symbols {
    fn name(&mut self, name: &str) -> u32 {
        let offset = self.names.len() as u32;
        // A NUL would end it here anyway.
        self.names.extend(name.bytes().take_while(|&b| b != 0));
        self.names.push(0);
        offset
    }

    fn push(&mut self, name: u32, kind: u8, address: u64, len: u64) {
        self.table.u32(name);
        self.table.push(kind);
        self.table.push(0);
        self.table.u16(TEXT_SECTION);
        self.table.u64(address);
        self.table.u64(len);
        self.local_count += 1;
    }
}
