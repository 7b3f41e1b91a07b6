//! `.symtab` and `.strtab`: the names of functions as the name section has them. All symbols are local, so that nothing
//! binds to one by accident.

use super::elf::{Fields, SYM_SIZE, TEXT_SECTION};
use super::{Parts, unit_name};
use crate::link::Text;

/// `STB_LOCAL`, `STT_FUNC`.
const LOCAL_FUNCTION: u8 = 2;

/// The two sections.
pub(super) struct Symbols {
    pub table: Vec<u8>,
    pub names: Vec<u8>,
    /// How many symbols there are: all are local.
    pub local_count: u32,
}

/// Names every unit.
pub(super) fn write(parts: &Parts<'_>, text: &Text, text_offset: u64) -> Symbols {
    let mut table = vec![0; SYM_SIZE];
    let mut names = vec![0];
    for place in &text.places {
        let name = unit_name(parts.module, place.symbol);
        table.u32(names.len() as u32);
        table.push(LOCAL_FUNCTION);
        table.push(0);
        table.u16(TEXT_SECTION);
        table.u64(text_offset + u64::from(place.offset));
        table.u64(u64::from(place.len));
        // A NUL would end it here anyway.
        names.extend(name.bytes().take_while(|&b| b != 0));
        names.push(0);
    }
    let local_count = (table.len() / SYM_SIZE) as u32;
    Symbols { table, names, local_count }
}
