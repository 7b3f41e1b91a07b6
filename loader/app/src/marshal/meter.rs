//! How much a call may move, and whether somebody is to end meanwhile.

use super::Side;
use bailiwick_runtime_abi::edge;

/// Bytes between two questions whether somebody is to end.
pub(super) const PIECE_SIZE: u64 = 1 << 20;
/// Elements between two questions.
const PIECE_ELEMENTS: u64 = 1 << 16;
/// As much work as one element.
const BYTES_PER_ELEMENT: u64 = PIECE_SIZE / PIECE_ELEMENTS;

/// How much one call may move, there and back together. Types share parts, and values may too: a list of a few bytes
/// can mean more than any memory holds, so that something must end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that are written: strings, lists, and parameters and results that are passed by a pointer.
    pub bytes: u64,
    /// Elements of lists that are looked at one by one, which are all but numbers, each counted as often as its type has
    /// places (`bailiwick_runtime_abi::edge::type_places`).
    pub elements: u64,
}

impl Limits {
    /// So many bytes, but no more than there may be, and elements that are as much work.
    pub fn of_bytes(bytes: u64) -> Limits {
        let bytes = bytes.min(edge::MAX_BYTES);
        Limits { bytes, elements: bytes / edge::BYTES_PER_ELEMENT }
    }
}

impl Default for Limits {
    /// 256 MiB, 16 Mi elements: about a second, besides what guests do in their allocators.
    fn default() -> Limits {
        Limits::of_bytes(edge::MAX_BYTES)
    }
}

/// Why a call can't go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// One of [`Limits`].
    Limit { unit: &'static str, limit: u64 },
    /// This side is to end.
    Interrupted(Side),
}

/// What is left of the limits of one call.
pub(super) struct Meter<'a> {
    limits: Limits,
    bytes: u64,
    elements: u64,
    /// Work since the last question, in elements.
    work: u64,
    interrupted: &'a dyn Fn() -> Option<Side>,
}

impl<'a> Meter<'a> {
    pub(super) fn new(limits: Limits, interrupted: &'a dyn Fn() -> Option<Side>) -> Meter<'a> {
        Meter { limits, bytes: limits.bytes, elements: limits.elements, work: 0, interrupted }
    }

    /// Takes bytes off the limit, before anybody is asked for a place for them.
    pub(super) fn bytes(&mut self, size: u64) -> Result<(), Stop> {
        let stop = Stop::Limit { unit: "bytes", limit: self.limits.bytes };
        self.bytes = self.bytes.checked_sub(size).ok_or(stop)?;
        Ok(())
    }

    /// Takes elements off the limit, before any of them is looked at.
    pub(super) fn elements(&mut self, count: u64) -> Result<(), Stop> {
        let stop = Stop::Limit { unit: "elements", limit: self.limits.elements };
        self.elements = self.elements.checked_sub(count).ok_or(stop)?;
        Ok(())
    }

    /// After `size` bytes have been copied, at most [`PIECE_SIZE`].
    pub(super) fn copied(&mut self, size: u64) -> Result<(), Stop> {
        self.worked(size.div_ceil(BYTES_PER_ELEMENT))
    }

    /// After so many elements, or as much work.
    pub(super) fn worked(&mut self, elements: u64) -> Result<(), Stop> {
        self.work += elements;
        if self.work < PIECE_ELEMENTS {
            return Ok(());
        }
        self.work = 0;
        (self.interrupted)().map_or(Ok(()), |side| Err(Stop::Interrupted(side)))
    }
}
