//! `.eh_frame` and `.eh_frame_hdr` (Linux Standard Base, "Exception Frames"): how to unwind each unit.
//!
//! All pointers are relative, so that the tables hold wherever the artifact is mapped.

use super::Parts;
use super::elf::Fields;
use crate::error::{CompileError, Result};
use crate::link::Text;
use crate::target::Target;
use cranelift_codegen::isa::unwind::systemv::UnwindInfo;
use gimli::write::{Address, EhFrame, EndianVec, FrameDescriptionEntry, FrameTable};
use gimli::{DW_EH_PE_datarel, DW_EH_PE_pcrel, DW_EH_PE_sdata4, DW_EH_PE_udata4, LittleEndian};

/// Offset of the address of a unit in its entry: length and distance of the CIE are in front.
pub(super) const ADDRESS: u64 = 8;
/// Bytes of an entry in front of its instructions: those, and begin and length of the code.
const FDE_HEADER: usize = 16;

/// What the entry of a unit says behind the place and the length of the code, which holds wherever that is.
pub(crate) fn instructions(target: &Target, info: &UnwindInfo) -> Result<Vec<u8>> {
    let (_, fde) = entries(target, info.to_fde(Address::Constant(0)))?;
    fde.get(FDE_HEADER..).map(<[u8]>::to_vec).ok_or_else(|| defect("a frame is cut off"))
}

/// A CIE, and one entry with it. In the CIE is what all frames have in common; their addresses are 32-bit distances.
fn entries(target: &Target, fde: FrameDescriptionEntry) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut cie = target.isa.create_systemv_cie().ok_or_else(|| defect("there is no CIE"))?;
    cie.fde_address_encoding = gimli::DwEhPe(DW_EH_PE_pcrel.0 | DW_EH_PE_sdata4.0);
    let mut table = FrameTable::default();
    let cie = table.add_cie(cie);
    table.add_fde(cie, fde);
    let mut section = EhFrame(EndianVec::new(LittleEndian));
    table.write_eh_frame(&mut section).map_err(defect)?;
    let mut bytes = section.0.into_vec();
    let len = bytes.first_chunk().map(|len| u32::from_le_bytes(*len) as usize + size_of::<u32>());
    match len {
        Some(len) if len <= bytes.len() => {
            let fde = bytes.split_off(len);
            Ok((bytes, fde))
        }
        _ => Err(defect("a frame is cut off")),
    }
}

/// The frames of all units.
pub(super) struct Frames {
    pub bytes: Vec<u8>,
    /// For each unit that has one, its place among the units and where its entry is.
    pub entries: Vec<(usize, u64)>,
}

/// Writes `.eh_frame` without the length of zero that ends it. `distance` gives that of a unit's code from the field at an
/// offset.
pub(super) fn frames(parts: &Parts<'_>, distance: impl Fn(usize, u64) -> Result<i32>) -> Result<Frames> {
    let (mut bytes, _) = entries(parts.target, FrameDescriptionEntry::new(Address::Constant(0), 0))?;
    let mut entries = Vec::with_capacity(parts.units.len());
    for (i, unit) in parts.units.iter().enumerate() {
        let Some(instructions) = &unit.unwind else { continue };
        let at = bytes.len();
        entries.push((i, at as u64));
        bytes.u32((FDE_HEADER - size_of::<u32>() + instructions.len()) as u32);
        // From here back to the CIE, which is at the beginning.
        bytes.u32((at + size_of::<u32>()) as u32);
        bytes.u32(distance(i, at as u64 + ADDRESS)?.cast_unsigned());
        bytes.u32(unit.code.len() as u32);
        bytes.extend_from_slice(instructions);
    }
    Ok(Frames { bytes, entries })
}

/// Both sections of an artifact; `.eh_frame` will be at `place`, and `.eh_frame_hdr` behind it at the next multiple of 8.
pub(super) fn write(parts: &Parts<'_>, text: &Text, text_offset: u64, place: u64) -> Result<(Vec<u8>, Vec<u8>)> {
    let start = |unit: usize| text_offset + u64::from(text.places[unit].offset);
    let Frames { bytes: mut frame, entries } = frames(parts, |unit, field| distance(start(unit), place + field))?;
    // A length of zero ends the section.
    frame.u32(0);
    let header_place = (place + frame.len() as u64).next_multiple_of(8);
    let starts = entries.iter().map(|&(unit, entry)| (start(unit), entry));
    let header = header(place, header_place, starts)?;
    Ok((frame, header))
}

fn distance(address: u64, from: u64) -> Result<i32> {
    i32::try_from(address.cast_signed() - from.cast_signed()).map_err(|_| defect("a frame is too far away"))
}

/// The binary search table: where each function begins, and its frame.
fn header(frame: u64, header: u64, frames: impl ExactSizeIterator<Item = (u64, u64)>) -> Result<Vec<u8>> {
    let relative = |address: u64, base: u64| distance(address, base).map(i32::cast_unsigned);
    let mut bytes =
        vec![1, DW_EH_PE_pcrel.0 | DW_EH_PE_sdata4.0, DW_EH_PE_udata4.0, DW_EH_PE_datarel.0 | DW_EH_PE_sdata4.0];
    bytes.u32(relative(frame, header + 4)?);
    bytes.u32(frames.len() as u32);
    for (start, entry) in frames {
        bytes.u32(relative(start, header)?);
        bytes.u32(relative(frame + entry, header)?);
    }
    Ok(bytes)
}

fn defect(error: impl std::fmt::Display) -> CompileError {
    CompileError::internal(format!("unwind tables: {error}"))
}
