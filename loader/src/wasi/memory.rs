//! A guest's memory, reached with checked ranges only.
//!
//! Guest pointers and lengths are 32 bits wide. A range is formed once, in 64-bit arithmetic, so that nothing wraps;
//! what does not lie within the memory is `FAULT`. No alignment is asked for, because preview 1's own clients do not
//! always keep it.
//!
//! Functions check where their result goes *before* they act, so that a fault has no effect.

use super::errno::Errno;
use super::types::FileStat;
use super::unstable::Layout;
use super::wait::{Attempt, Stop};
use std::io::{IoSlice, IoSliceMut};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// The most vectors in one read or write, as Linux has it (`IOV_MAX`).
pub const MAX_IOVECS: u32 = 1024;

/// The most bytes that one read or write moves. A partial transfer is legal, and a call shall not last for ever.
pub const MAX_TRANSFER_BYTES: usize = 64 << 20;

/// The longest path, as Linux has it (`PATH_MAX`).
pub const MAX_PATH_BYTES: u32 = 4096;

/// The memory of the guest that makes the call, and how structures lie in it.
#[derive(Debug)]
pub struct GuestMemory<'a> {
    bytes: &'a mut [u8],
    interrupt: Option<&'a AtomicBool>,
    layout: Layout,
    /// What earlier attempts of the call left for this one, and this one leaves for later ones.
    pub(super) attempt: Attempt,
}

impl<'a> GuestMemory<'a> {
    /// Wraps a guest's memory for the length of a call.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        GuestMemory { bytes, interrupt: None, layout: Layout::Preview1, attempt: Attempt::default() }
    }

    /// The same, for a guest that is to end once `interrupt` is set.
    pub fn interruptible(bytes: &'a mut [u8], interrupt: &'a AtomicBool) -> Self {
        GuestMemory { interrupt: Some(interrupt), ..GuestMemory::new(bytes) }
    }

    /// The same, for an attempt after `attempt` of a call by a definition with such a layout.
    pub(super) fn again(self, layout: Layout, attempt: Attempt) -> Self {
        GuestMemory { layout, attempt, ..self }
    }

    /// How structures lie in it.
    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// Fails if the guest is to end: to be asked between pieces of long work.
    pub(super) fn proceed(&self) -> Result<(), Stop> {
        match self.interrupt {
            Some(interrupt) if interrupt.load(Ordering::Acquire) => Err(Stop::Interrupted),
            _ => Ok(()),
        }
    }

    /// The range of `len` bytes at `ptr`.
    fn range(&self, ptr: u32, len: u32) -> Result<Range<usize>, Errno> {
        let (start, end) = (u64::from(ptr), u64::from(ptr) + u64::from(len));
        if end > self.bytes.len() as u64 {
            return Err(Errno::FAULT);
        }
        Ok(start as usize..end as usize)
    }

    /// Fails as a later access to the same range would.
    pub fn check(&self, ptr: u32, len: u32) -> Result<(), Errno> {
        self.range(ptr, len).map(drop)
    }

    /// Fails as a later access to an array of `count` items of `size` bytes would.
    pub fn check_array(&self, ptr: u32, count: u32, size: u32) -> Result<(), Errno> {
        let len = u64::from(count) * u64::from(size);
        self.range(ptr, u32::try_from(len).map_err(|_| Errno::FAULT)?).map(drop)
    }

    /// `len` bytes at `ptr`.
    pub fn slice(&self, ptr: u32, len: u32) -> Result<&[u8], Errno> {
        let range = self.range(ptr, len)?;
        Ok(&self.bytes[range])
    }

    /// `len` bytes at `ptr`, to be written.
    pub fn slice_mut(&mut self, ptr: u32, len: u32) -> Result<&mut [u8], Errno> {
        let range = self.range(ptr, len)?;
        Ok(&mut self.bytes[range])
    }

    /// `N` bytes at `ptr + offset`.
    pub fn read<const N: usize>(&self, ptr: u32, offset: u32) -> Result<[u8; N], Errno> {
        let start = u64::from(ptr) + u64::from(offset);
        let start = u32::try_from(start).map_err(|_| Errno::FAULT)?;
        let mut out = [0; N];
        out.copy_from_slice(self.slice(start, N as u32)?);
        Ok(out)
    }

    /// Writes `bytes` at `ptr`.
    pub fn write(&mut self, ptr: u32, bytes: &[u8]) -> Result<(), Errno> {
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::FAULT)?;
        self.slice_mut(ptr, len)?.copy_from_slice(bytes);
        Ok(())
    }

    /// Writes a 32-bit number at `ptr`.
    pub fn write_u32(&mut self, ptr: u32, value: u32) -> Result<(), Errno> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// Writes a 64-bit number at `ptr`.
    pub fn write_u64(&mut self, ptr: u32, value: u64) -> Result<(), Errno> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// Writes what is known of a file at `ptr`.
    pub(super) fn write_filestat(&mut self, ptr: u32, stat: &FileStat) -> Result<(), Errno> {
        self.write(ptr, &stat.encode(self.layout))
    }

    /// The ranges that an array of `iovec` or `ciovec` names, empty ones left out, all checked, together at most
    /// [`MAX_TRANSFER_BYTES`] long: what is beyond is cut off.
    ///
    /// # Errors
    /// `INVAL` for more than [`MAX_IOVECS`], `FAULT` for an array or a range outside the memory, even one that would
    /// not be reached.
    pub fn iovecs(&self, ptr: u32, count: u32) -> Result<Vec<Range<usize>>, Errno> {
        if count > MAX_IOVECS {
            return Err(Errno::INVAL);
        }
        let array = self.slice(ptr, count * 8)?;
        let mut ranges = Vec::with_capacity(count as usize);
        let mut left = MAX_TRANSFER_BYTES;
        for pair in array.chunks_exact(8) {
            let word = |at: usize| u32::from_le_bytes([pair[at], pair[at + 1], pair[at + 2], pair[at + 3]]);
            let mut range = self.range(word(0), word(4))?;
            range.end = range.end.min(range.start + left);
            left -= range.len();
            if !range.is_empty() {
                ranges.push(range);
            }
        }
        Ok(ranges)
    }

    /// The bytes of one range from [`GuestMemory::iovecs`].
    pub fn bytes(&self, range: &Range<usize>) -> &[u8] {
        &self.bytes[range.clone()]
    }

    /// The bytes of one range from [`GuestMemory::iovecs`], to be written.
    pub fn bytes_mut(&mut self, range: &Range<usize>) -> &mut [u8] {
        &mut self.bytes[range.clone()]
    }

    /// The ranges for a vectored write, where they lie.
    pub fn io_slices(&self, ranges: &[Range<usize>]) -> Vec<IoSlice<'_>> {
        ranges.iter().map(|range| IoSlice::new(self.bytes(range))).collect()
    }

    /// The ranges for a vectored read, where they lie, in the guest's order. If any two overlap, only the first: a
    /// short read is legal, and what an overlapping one leaves behind is anybody's guess.
    pub fn io_slices_mut(&mut self, ranges: &[Range<usize>]) -> Vec<IoSliceMut<'_>> {
        let mut order: Vec<usize> = (0..ranges.len()).collect();
        order.sort_unstable_by_key(|&index| ranges[index].start);
        if order.windows(2).any(|pair| ranges[pair[0]].end > ranges[pair[1]].start) {
            return vec![IoSliceMut::new(self.bytes_mut(&ranges[0]))];
        }
        let mut slices: Vec<(usize, IoSliceMut<'_>)> = Vec::with_capacity(ranges.len());
        let (mut rest, mut at) = (&mut *self.bytes, 0);
        for index in order {
            let (before, after) = rest.split_at_mut(ranges[index].end - at);
            slices.push((index, IoSliceMut::new(&mut before[ranges[index].start - at..])));
            (rest, at) = (after, ranges[index].end);
        }
        slices.sort_unstable_by_key(|&(index, _)| index);
        slices.into_iter().map(|(_, slice)| slice).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iovec(ptr: u32, len: u32) -> [u8; 8] {
        let mut out = [0; 8];
        out[..4].copy_from_slice(&ptr.to_le_bytes());
        out[4..].copy_from_slice(&len.to_le_bytes());
        out
    }

    #[test]
    fn ranges_end_with_the_memory() {
        let mut bytes = [0; 64];
        let mut memory = GuestMemory::new(&mut bytes);
        assert!(memory.slice(0, 64).is_ok());
        assert!(memory.slice(64, 0).is_ok());
        assert_eq!(memory.slice(65, 0), Err(Errno::FAULT));
        assert_eq!(memory.slice(61, 4), Err(Errno::FAULT));
        assert_eq!(memory.write_u32(61, 1), Err(Errno::FAULT));
        assert_eq!(memory.write_u64(57, 1), Err(Errno::FAULT));
        assert!(memory.write_u64(56, 1).is_ok());
    }

    #[test]
    fn ranges_do_not_wrap() {
        let mut bytes = [0; 64];
        let memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.slice(u32::MAX, 1), Err(Errno::FAULT));
        assert_eq!(memory.slice(u32::MAX, u32::MAX), Err(Errno::FAULT));
        assert_eq!(memory.slice(1, u32::MAX), Err(Errno::FAULT));
        assert_eq!(memory.read::<4>(u32::MAX, 8), Err(Errno::FAULT));
        assert_eq!(memory.check_array(0, 0x2000_0000, 8), Err(Errno::FAULT), "the product wraps in 32 bits");
    }

    #[test]
    fn every_vector_is_checked_before_any_is_used() {
        let mut bytes = [0; 64];
        bytes[0..8].copy_from_slice(&iovec(16, 4));
        bytes[8..16].copy_from_slice(&iovec(63, 2));
        let memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.iovecs(0, 1).unwrap(), vec![16..20]);
        assert_eq!(memory.iovecs(0, 2), Err(Errno::FAULT));
        assert_eq!(memory.iovecs(60, 1), Err(Errno::FAULT), "the array itself");
        assert_eq!(memory.iovecs(0, MAX_IOVECS + 1), Err(Errno::INVAL));
        assert_eq!(memory.iovecs(64, 0).unwrap(), vec![]);
    }

    #[test]
    fn vectors_keep_the_order_of_the_guest() {
        let mut bytes: Vec<u8> = (0..64).collect();
        let mut memory = GuestMemory::new(&mut bytes);
        let slices = memory.io_slices_mut(&[30..32, 4..7, 10..11]);
        let contents: Vec<Vec<u8>> = slices.iter().map(|slice| slice.to_vec()).collect();
        assert_eq!(contents, vec![vec![30, 31], vec![4, 5, 6], vec![10]]);
        let slices = memory.io_slices_mut(&[30..32, 4..7, 6..11]);
        assert_eq!(slices.len(), 1, "two overlap: a short read into the first");
        assert_eq!(slices[0].to_vec(), vec![30, 31]);
    }
}
