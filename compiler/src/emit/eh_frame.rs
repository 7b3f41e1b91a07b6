//! `.eh_frame` and `.eh_frame_hdr` (Linux Standard Base, "Exception Frames"): how to unwind each unit.
//!
//! All pointers are relative, so that the tables hold wherever the artifact is mapped.

use super::Parts;
use super::elf::Fields;
use crate::error::{CompileError, Result};
use crate::link::Text;
use gimli::write::{Address, EhFrame, EndianVec, FrameTable};
use gimli::{DW_EH_PE_datarel, DW_EH_PE_pcrel, DW_EH_PE_sdata4, DW_EH_PE_udata4, LittleEndian};

/// What all frames have in common; their addresses are 32-bit distances.
pub(super) fn cie(parts: &Parts<'_>) -> Result<gimli::write::CommonInformationEntry> {
    let mut cie = parts.target.isa.create_systemv_cie().ok_or_else(|| defect("there is no CIE"))?;
    cie.fde_address_encoding = gimli::DwEhPe(DW_EH_PE_pcrel.0 | DW_EH_PE_sdata4.0);
    Ok(cie)
}

/// The frames of all units, not yet at a place.
pub(super) struct Unwind<'a> {
    parts: &'a Parts<'a>,
    text: &'a Text,
    text_offset: u64,
    cie: gimli::write::CommonInformationEntry,
}

impl<'a> Unwind<'a> {
    pub fn new(parts: &'a Parts<'a>, text: &'a Text, text_offset: u64) -> Result<Unwind<'a>> {
        Ok(Unwind { parts, text, text_offset, cie: cie(parts)? })
    }

    /// Both sections; `.eh_frame` will be at `place`, and `.eh_frame_hdr` behind it at the next multiple of 8.
    pub fn write(&self, place: u64) -> Result<(Vec<u8>, Vec<u8>)> {
        let mut frames = FrameTable::default();
        let cie = frames.add_cie(self.cie.clone());
        let mut starts = Vec::new();
        for (unit, placed) in self.parts.units.iter().zip(&self.text.places) {
            if let Some(info) = &unit.unwind {
                let start = self.text_offset + u64::from(placed.offset);
                // The writer counts from its own beginning.
                frames.add_fde(cie, info.to_fde(Address::Constant(start.wrapping_sub(place))));
                starts.push(start);
            }
        }
        let mut section = EhFrame(EndianVec::new(LittleEndian));
        frames.write_eh_frame(&mut section).map_err(defect)?;
        let mut frame = section.0.into_vec();
        let fdes = fde_offsets(&frame)?;
        if fdes.len() != starts.len() {
            return Err(defect("the number of frames is wrong"));
        }
        // A length of zero ends the section.
        frame.u32(0);
        let header_place = (place + frame.len() as u64).next_multiple_of(8);
        let header = header(place, header_place, &starts, &fdes)?;
        Ok((frame, header))
    }
}

/// Offsets of the frame description entries, in the order they were added.
fn fde_offsets(frame: &[u8]) -> Result<Vec<u64>> {
    let word = |at: usize| frame.get(at..).and_then(|rest| rest.first_chunk()).map(|word| u32::from_le_bytes(*word));
    let mut offsets = Vec::new();
    let mut at = 0;
    while at < frame.len() {
        let (Some(len), Some(cie)) = (word(at), word(at + 4)) else { return Err(defect("a frame is cut off")) };
        // The CIE's own field is zero.
        if cie != 0 {
            offsets.push(at as u64);
        }
        at += 4 + len as usize;
    }
    Ok(offsets)
}

/// The binary search table: where each function begins, and its frame.
fn header(frame: u64, header: u64, starts: &[u64], fdes: &[u64]) -> Result<Vec<u8>> {
    let relative = |address: u64, base: u64| {
        i32::try_from(address.cast_signed() - base.cast_signed())
            .map(|distance| distance.cast_unsigned())
            .map_err(|_| defect("a frame is too far away"))
    };
    let mut bytes =
        vec![1, DW_EH_PE_pcrel.0 | DW_EH_PE_sdata4.0, DW_EH_PE_udata4.0, DW_EH_PE_datarel.0 | DW_EH_PE_sdata4.0];
    bytes.u32(relative(frame, header + 4)?);
    bytes.u32(fdes.len() as u32);
    for (start, fde) in starts.iter().zip(fdes) {
        bytes.u32(relative(*start, header)?);
        bytes.u32(relative(frame + fde, header)?);
    }
    Ok(bytes)
}

fn defect(error: impl std::fmt::Display) -> CompileError {
    CompileError::internal(format!("unwind tables: {error}"))
}
