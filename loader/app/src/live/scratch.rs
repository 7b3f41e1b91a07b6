//! A memory of the loader's own, in which values lie as the canonical ABI has them: the end of a call that no guest makes.

use crate::marshal::End;
use bailiwick_loader::Error;
use bailiwick_runtime_abi::trap::TrapCode;

/// The most bytes of one call, there and back: a piece of a file, or a list of what a folder has, and room to spare.
pub(super) const MAX_BYTES: usize = 4 << 20;

/// More than that is not kept from one call to the next.
const KEPT_BYTES: usize = 64 << 10;

/// The first bytes are nobody's, so that no pointer is 0.
const BEGIN: usize = 16;

/// A memory whose allocator hands out one range after the other, until the next call.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
}

impl Scratch {
    /// Forgets the last call.
    pub(super) fn begin(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.bytes.resize(BEGIN, 0);
    }

    /// A range of zeros, unless there is no room for it.
    pub(super) fn room(&mut self, align: u32, size: u32) -> Option<u32> {
        let at = self.bytes.len().checked_next_multiple_of(align.max(1) as usize)?;
        let end = at.checked_add(size as usize).filter(|&end| end <= MAX_BYTES)?;
        self.bytes.resize(end, 0);
        Some(at as u32)
    }

    /// A copy of these bytes, unless there is no room for it.
    pub(super) fn put(&mut self, bytes: &[u8], align: u32) -> Option<u32> {
        let at = self.room(align, 0)?;
        self.bytes.len().checked_add(bytes.len()).filter(|&end| end <= MAX_BYTES)?;
        self.bytes.extend_from_slice(bytes);
        Some(at)
    }
}

impl End for Scratch {
    fn memory(&mut self) -> Option<&mut [u8]> {
        Some(&mut self.bytes)
    }

    fn allocate(&mut self, align: u32, size: u32) -> Result<u32, Error> {
        self.room(align, size).ok_or_else(|| Error::trap(TrapCode::HostError))
    }
}

/// What a call gave, from some place on. The marshaller has put it there, so all of it is in range; what is not reads as 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reply<'a> {
    pub(super) fn new(scratch: &'a Scratch, at: u32) -> Reply<'a> {
        Reply { bytes: &scratch.bytes, at: at as usize }
    }

    /// What lies so many bytes further.
    pub(super) fn at(self, offset: u32) -> Reply<'a> {
        Reply { at: self.at.saturating_add(offset as usize), ..self }
    }

    fn array<const N: usize>(&self, offset: u32) -> [u8; N] {
        let from = self.at.saturating_add(offset as usize);
        let found = self.bytes.get(from..).and_then(|rest| rest.first_chunk());
        found.copied().unwrap_or([0; N])
    }

    pub(super) fn byte(&self, offset: u32) -> u8 {
        self.array::<1>(offset)[0]
    }

    pub(super) fn word(&self, offset: u32) -> u32 {
        u32::from_le_bytes(self.array(offset))
    }

    pub(super) fn long(&self, offset: u32) -> u64 {
        u64::from_le_bytes(self.array(offset))
    }

    /// The bytes of a `list<u8>` or a string.
    pub(super) fn bytes(&self, offset: u32) -> &'a [u8] {
        let (from, len) = (self.word(offset) as usize, self.word(offset.saturating_add(4)) as usize);
        self.bytes.get(from..from.saturating_add(len)).unwrap_or_default()
    }

    /// A string; it was found to be UTF-8.
    pub(super) fn text(&self, offset: u32) -> String {
        String::from_utf8_lossy(self.bytes(offset)).into_owned()
    }

    /// The elements of a list, each so many bytes long.
    pub(super) fn list<T>(&self, offset: u32, size: usize, read: impl Fn(Reply<'a>) -> T) -> Vec<T> {
        let (from, len) = (self.word(offset) as usize, self.word(offset.saturating_add(4)) as usize);
        // No more than there can be.
        let len = len.min(self.bytes.len() / size.max(1));
        (0..len).map(|i| read(Reply { bytes: self.bytes, at: from.saturating_add(i * size) })).collect()
    }
}
