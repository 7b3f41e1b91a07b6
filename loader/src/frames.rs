//! The guest's frames, as exceptions and collections go through them.
//!
//! ```text
//!            ┌──────────────────────┐ higher addresses
//!            │ return address       │  to where the caller goes on: a call of the next frame further out
//!       fp ─►│ frame pointer of it  │
//!            │ …                    │
//!       sp ─►│                      │  fp − `frame_offset` of the call that the frame is in
//!            └──────────────────────┘
//! ```
//!
//! Compiled code keeps the chain of frame pointers. Nothing that lies on the guest's stack is trusted: every pointer must
//! lie on it and above the one before, so a walk ends, and reads nothing but the stack.

use crate::activation::{CodeRange, GroupRecord};
use crate::error::Error;
use bailiwick_runtime_abi::view::damaged;

/// A frame in a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub code: &'a CodeRange,
    /// Offset in the text of what the call returns to.
    pub offset: u32,
    /// Its frame pointer: the two words from there on lie on the guest's stack.
    pub fp: usize,
    /// Where the guest's stack ends.
    lowest: usize,
}

impl Frame<'_> {
    /// Its stack pointer, by the size that a table says it has.
    ///
    /// # Errors
    /// If the table is damaged: it would not lie on the guest's stack.
    pub fn sp(&self, frame_offset: u32) -> Result<usize, Error> {
        // It may be below where the next frame ends: that one was called in place of another whose arguments took more of
        // this one.
        let sp = self.fp.checked_sub(frame_offset as usize).filter(|&sp| sp >= self.lowest && sp.is_multiple_of(16));
        sp.ok_or(damaged("frames", "a frame is larger than the stack").into())
    }

    /// The word at an offset from its stack pointer.
    ///
    /// # Errors
    /// If the table is damaged: the word would not lie in the frame.
    pub fn word(&self, sp: usize, offset: u32) -> Result<u64, Error> {
        let address = sp.checked_add(offset as usize).filter(|&at| at.is_multiple_of(8) && at + 8 <= self.fp);
        let address = address.ok_or(damaged("frames", "a word is outside its frame"))?;
        // SAFETY: between the stack pointer, which lies on the guest's stack, and the frame pointer, which does too:
        // readable, aligned, and nobody runs on it now.
        Ok(unsafe { std::ptr::read(address as *const u64) })
    }
}

/// The frames from a call on outwards, to where the host entered: `pc` is what the call returns to, `fp` the frame
/// pointer of who made it.
pub(crate) fn frames(group: &GroupRecord, pc: usize, fp: usize) -> impl Iterator<Item = Frame<'_>> {
    let mut next = Some((pc, fp));
    let mut low = group.stack.start;
    std::iter::from_fn(move || {
        let (pc, fp) = next.take()?;
        // The entry stub was called by the host.
        let code = group.code_at(pc)?;
        if !fp.is_multiple_of(16) || fp < low || fp.saturating_add(16) > group.stack.end {
            return None;
        }
        let frame = Frame { code, offset: (pc - code.text.start) as u32, fp, lowest: group.stack.start };
        // SAFETY: the two words lie on the guest's stack, which is readable and which nobody runs on now.
        let [outer, ret] = unsafe { std::ptr::read(fp as *const [usize; 2]) };
        low = fp + 16;
        next = Some((ret, outer));
        Some(frame)
    })
}
