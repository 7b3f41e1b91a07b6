//! References from code to code and to read-only data, on both architectures.
//!
//! | kind | architecture | field | value |
//! |---|---|---|---|
//! | `X86PCRel4`, `X86CallPCRel4` | x86_64 | 4 bytes | target − place; the addend holds −4 |
//! | `Arm64Call` | aarch64 | `bl`, `b`: imm26 25:0 | target − place, in words |
//! | `Aarch64AdrPrelPgHi21` | aarch64 | `adrp`: immlo 30:29, immhi 23:5 | page(target) − page(place), in pages of 4 KiB |
//! | `Aarch64AddAbsLo12Nc` | aarch64 | `add`: imm12 21:10 | target mod 4096 |
//!
//! Bit positions: Arm Architecture Reference Manual, "BL", "ADRP" and "ADD (immediate)".

use crate::error::{CompileError, Result};
use cranelift_codegen::binemit::Reloc;

/// Writes the reference at `offset` of `bytes`, whose first is at address `text`, so that it means `target` (addend
/// included). Segments are loaded where they are in the file or a whole number of pages from it.
pub(super) fn apply(bytes: &mut [u8], offset: u32, kind: Reloc, text: u64, target: u64) -> Result<()> {
    let place = text + u64::from(offset);
    let field = bytes
        .get_mut(offset as usize..)
        .and_then(|rest| rest.first_chunk_mut::<4>())
        .ok_or_else(|| CompileError::internal("a reference lies outside the text"))?;
    let too_far = || CompileError::internal(format!("the distance from {place:#x} to {target:#x} is too long"));
    match kind {
        Reloc::X86PCRel4 | Reloc::X86CallPCRel4 => {
            let distance = i32::try_from(target.wrapping_sub(place).cast_signed()).map_err(|_| too_far())?;
            *field = distance.to_le_bytes();
        }
        Reloc::Arm64Call => {
            let distance = target.wrapping_sub(place).cast_signed();
            if distance % 4 != 0 || !(-(1 << 27)..1 << 27).contains(&distance) {
                return Err(too_far());
            }
            let words = (distance >> 2) as u32 & 0x3ff_ffff;
            *field = (u32::from_le_bytes(*field) & !0x3ff_ffff | words).to_le_bytes();
        }
        Reloc::Aarch64AdrPrelPgHi21 => {
            let pages = ((target >> 12).wrapping_sub(place >> 12)).cast_signed();
            if !(-(1 << 20)..1 << 20).contains(&pages) {
                return Err(too_far());
            }
            let pages = pages as u32;
            let immediate = (pages & 3) << 29 | (pages >> 2 & 0x7_ffff) << 5;
            *field = (u32::from_le_bytes(*field) & !0x60ff_ffe0 | immediate).to_le_bytes();
        }
        Reloc::Aarch64AddAbsLo12Nc => {
            let immediate = (target & 0xfff) as u32;
            *field = (u32::from_le_bytes(*field) & !(0xfff << 10) | immediate << 10).to_le_bytes();
        }
        other => return Err(CompileError::internal(format!("a reference of kind {other:?} to data"))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(instruction: u32, kind: Reloc, text: u64, target: u64) -> u32 {
        let mut bytes = [0; 8];
        bytes[4..].copy_from_slice(&instruction.to_le_bytes());
        apply(&mut bytes, 4, kind, text, target).unwrap();
        u32::from_le_bytes(bytes[4..].try_into().unwrap())
    }

    #[test]
    fn x86_distances_count_from_the_field_with_the_addend_in_the_target() {
        assert_eq!(applied(0, Reloc::X86CallPCRel4, 0x1000, 0x2000 - 4) as i32, 0x2000 - 4 - 0x1004);
        assert_eq!(applied(0, Reloc::X86PCRel4, 0x1000, 0x10) as i32, 0x10 - 0x1004);
    }

    #[test]
    fn aarch64_calls_count_words() {
        // bl . + 8, bl . - 4
        assert_eq!(applied(0x9400_0000, Reloc::Arm64Call, 0x1000, 0x100c), 0x9400_0002);
        assert_eq!(applied(0x9400_0000, Reloc::Arm64Call, 0x1000, 0x1000), 0x97ff_ffff);
    }

    #[test]
    fn aarch64_pages_and_their_offsets() {
        // adrp x0, . + 0x12345 pages, as assembled by GNU as: immlo = 01, immhi = 0x48d1.
        assert_eq!(applied(0x9000_0000, Reloc::Aarch64AdrPrelPgHi21, 0x10000, 0x1235_5abc), 0xb009_1a20);
        // adrp x0, . - 1 page
        assert_eq!(applied(0x9000_0000, Reloc::Aarch64AdrPrelPgHi21, 0x10000, 0xf008), 0xf0ff_ffe0);
        // add x0, x0, #0xabc
        assert_eq!(applied(0x9100_0000, Reloc::Aarch64AddAbsLo12Nc, 0x10000, 0x1235_5abc), 0x912a_f000);
    }

    #[test]
    fn too_long_a_distance_is_an_error() {
        let mut bytes = [0; 4];
        assert!(apply(&mut bytes, 0, Reloc::X86PCRel4, 0, 1 << 31).is_err());
        assert!(apply(&mut bytes, 0, Reloc::Aarch64AdrPrelPgHi21, 0, 1 << 32).is_err());
        assert!(apply(&mut bytes, 0, Reloc::Arm64Call, 0, 1 << 27).is_err());
        assert!(apply(&mut bytes, 0, Reloc::Arm64Call, 0, 2).is_err());
        assert!(apply(&mut bytes, 0, Reloc::Abs8, 0, 0).is_err());
        assert!(apply(&mut bytes, 1, Reloc::X86PCRel4, 0, 0).is_err());
    }
}
