//! What a group does with shared memories: it has them among its own, under its own limits.

use super::{Expected, Grown, SharedMemory, Waited, raw};
use crate::error::Error;
use crate::group::{AsGroup, Inner, Refused, inner};
use crate::memory::{Memory, MemoryData, MemoryDef};
use bailiwick_runtime_abi::trap::TrapCode;
use std::ops::Range;
use std::sync::Arc;

impl Inner {
    /// The group's index of a shared memory, which is one of its memories from now on.
    pub(crate) fn adopt_shared(&mut self, memory: &SharedMemory) -> Result<u32, Error> {
        let same = |known: &SharedMemory| known.same(memory);
        if let Some(index) = self.memories.iter().position(|m| m.shared().is_some_and(same)) {
            return Ok(index as u32);
        }
        self.admit_memory(memory.size())?;
        let def = self.cell.allocate(0, size_of::<MemoryDef>(), 16)?.cast();
        Ok(self.add_shared(memory.clone(), def))
    }

    /// The same, if its definition lies at `def`, and it was found to be within the limits.
    pub(crate) fn add_shared(&mut self, memory: SharedMemory, def: *mut MemoryDef) -> u32 {
        // SAFETY: `def` lies in this group's cell, aligned, and nothing else refers to it yet.
        unsafe { *def = memory.definition() };
        self.record.memories.push(memory.reservation().range());
        self.memories.push(MemoryData::of_shared(memory, def));
        self.memories.len() as u32 - 1
    }

    /// `memory.grow` of a shared memory, which counts against the limits of the group that asks.
    pub(crate) fn grow_shared(&mut self, memory: &SharedMemory, delta: u64) -> Option<u64> {
        // Others may grow it, or further ones, meanwhile: they are counted as they are now.
        let room = self.room_for_memory().saturating_add(memory.size());
        match memory.grow_within(delta, self.config.max_memory.min(room)) {
            Grown::From(old) => Some(old),
            Grown::No => None,
            Grown::Limited => {
                let config = &self.config;
                self.refused = Some(Refused::MemoryBytes(config.max_memory.min(config.max_total_memory)));
                None
            }
        }
    }

    /// Whether one of these memories is shared: then no slice of it may be made.
    pub(crate) fn any_shared(&self, memories: &[u32]) -> bool {
        memories.iter().any(|&memory| self.memories[memory as usize].shared().is_some())
    }

    /// Copies a range of one memory to where `target` begins in another, or the same, as if by way of a buffer. Any of them
    /// may be shared.
    ///
    /// # Safety
    /// Both ranges lie within their memories, and have the same length.
    pub(crate) unsafe fn copy_raw(&mut self, to: u32, target: &Range<usize>, from: u32, source: &Range<usize>) {
        let (target_base, source_base) = (self.memories[to as usize].base(), self.memories[from as usize].base());
        // SAFETY: the caller's promise; memories never shrink. One that is not shared is this group's alone, whose guest
        // waits.
        unsafe { raw::copy(source_base.add(source.start), target_base.add(target.start), target.len()) };
    }

    /// Fills a range of a memory, which may be shared.
    ///
    /// # Safety
    /// The range lies within the memory.
    pub(crate) unsafe fn fill_raw(&mut self, memory: u32, target: &Range<usize>, value: u8) {
        let base = self.memories[memory as usize].base();
        // SAFETY: the caller's promise; memories never shrink.
        unsafe { raw::fill(base.add(target.start), value, target.len()) };
    }

    /// `memory.atomic.wait32` and `wait64`, with the group's index of the memory.
    pub(crate) fn atomic_wait(
        &mut self,
        memory: u32,
        (index, offset): (u64, u64),
        expected: Expected,
        timeout: i64,
    ) -> Result<u64, TrapCode> {
        let size = match expected {
            Expected::Word(_) => 4,
            Expected::Double(_) => 8,
        };
        let address = self.atomic_address(memory, (index, offset), size)?;
        let shared = self.memories[memory as usize].shared().ok_or(TrapCode::ExpectedShared)?.clone();
        let interrupt = Arc::clone(&self.interrupt);
        // SAFETY: the address was checked, and memories never shrink.
        match unsafe { shared.wait(address, expected, timeout, &interrupt) } {
            Waited::Notified => Ok(0),
            Waited::NotEqual => Ok(1),
            Waited::TimedOut => Ok(2),
            Waited::Interrupted => Err(TrapCode::Interrupt),
            Waited::TooMany => Err(TrapCode::LimitExceeded),
        }
    }

    /// `memory.atomic.notify`, with the group's index of the memory.
    pub(crate) fn atomic_notify(&mut self, memory: u32, at: (u64, u64), count: u32) -> Result<u64, TrapCode> {
        let address = self.atomic_address(memory, at, 4)?;
        Ok(match self.memories[memory as usize].shared() {
            Some(shared) => u64::from(shared.wake(address, count)),
            // Nobody can wait there.
            None => 0,
        })
    }

    /// The sum of an index and an offset, at which an aligned access of `size` bytes is within a memory.
    fn atomic_address(&self, memory: u32, (index, offset): (u64, u64), size: u64) -> Result<u64, TrapCode> {
        let address = index.checked_add(offset).ok_or(TrapCode::MemoryOutOfBounds)?;
        let end = address.checked_add(size).ok_or(TrapCode::MemoryOutOfBounds)?;
        if end > self.memories[memory as usize].len() {
            return Err(TrapCode::MemoryOutOfBounds);
        }
        if !address.is_multiple_of(size) {
            return Err(TrapCode::HeapMisaligned);
        }
        Ok(address)
    }
}

impl Memory {
    /// The memory as something that other groups can be granted, if it is shared.
    ///
    /// # Errors
    /// [`Error::WrongGroup`]
    pub fn shared(self, group: &mut impl AsGroup) -> Result<Option<SharedMemory>, Error> {
        Ok(self.data(inner(group))?.shared().cloned())
    }
}
