//! The cell: the address range a group lives in. `bailiwick_runtime_abi::limits` draws it.

use crate::error::Error;
use crate::sys::Reservation;
use bailiwick_runtime_abi::limits::{
    CELL_MEMORY_OFFSET, CELL_SIZE, CONTEXT_AREA_SIZE, FRONT_GUARD_SIZE, MAX_STACK_SIZE, MIN_STACK_SIZE,
};
use std::ops::Range;

/// One group's stack, contexts, first memory and their guards, in one reservation.
#[derive(Debug)]
pub(crate) struct Cell {
    reservation: Reservation,
    stack_size: usize,
    /// Bytes of the context area that are handed out, at its beginning and at its end.
    used: usize,
    anchored: usize,
    /// Further context areas, for groups of very many or very large instances.
    more: Vec<(Reservation, usize)>,
    /// What holds a memory that is not the cell's, some with their owner's context in front of them.
    own: Vec<Reservation>,
    /// Bytes of all contexts there, in whole pages.
    own_used: usize,
}

/// Where contexts end within the cell: the front guard of memory 0 begins.
const CONTEXTS_END: usize = (CELL_MEMORY_OFFSET - FRONT_GUARD_SIZE) as usize;
/// Where contexts begin within the cell: the guest stack's upper end.
const CONTEXTS_START: usize = CONTEXTS_END - CONTEXT_AREA_SIZE as usize;
/// Most bytes of contexts in one group.
const MAX_CONTEXTS: usize = 1 << 30;
const TOO_LARGE: Error = Error::Limit { what: "bytes of contexts in one group", limit: MAX_CONTEXTS as u64 };

impl Cell {
    /// Reserves a cell whose guest stack has `stack_size` bytes.
    pub(crate) fn new(stack_size: usize) -> Result<Cell, Error> {
        if !(MIN_STACK_SIZE as usize..=MAX_STACK_SIZE as usize).contains(&stack_size) {
            return Err(Error::StackSize { bytes: stack_size });
        }
        let stack_size = stack_size.next_multiple_of(64 << 10);
        let reservation = Reservation::new(CELL_SIZE as usize, "cell")?;
        // The stack and the contexts are one readable and writable run, hence one mapping.
        reservation.commit(CONTEXTS_START - stack_size, stack_size + CONTEXT_AREA_SIZE as usize, "stack")?;
        Ok(Cell { reservation, stack_size, used: 0, anchored: 0, more: Vec::new(), own: Vec::new(), own_used: 0 })
    }

    /// Addresses of the guest stack, from its lowest to one past its highest.
    pub(crate) fn stack(&self) -> Range<usize> {
        let end = self.reservation.range().start + CONTEXTS_START;
        end - self.stack_size..end
    }

    /// Addresses of the guard below the guest stack.
    pub(crate) fn stack_guard(&self) -> Range<usize> {
        self.reservation.range().start..self.stack().start
    }

    /// The reservation, and the offset in it at which memory 0 begins.
    pub(crate) fn memory(&self) -> (&Reservation, usize) {
        (&self.reservation, CELL_MEMORY_OFFSET as usize)
    }

    /// The reservation of a memory that is not the cell's, by its number.
    pub(crate) fn own(&self, number: usize) -> &Reservation {
        &self.own[number]
    }

    /// How much of it is handed out: bytes of the context area, of the last further one, how many of these there are, and
    /// how many reservations of memories.
    pub(crate) fn allocated(&self) -> [usize; 5] {
        let last = self.more.last().map_or(0, |more| more.1);
        [self.used, self.anchored, last, self.more.len(), self.own.len()]
    }

    /// Zeroed bytes for a context and its poll page, `in_front`, together `len` bytes and whole pages, which end where the
    /// front guard of the cell's memory begins. `None` if there is no room; there is for one.
    pub(crate) fn allocate_anchored(&mut self, len: usize) -> Option<*mut u8> {
        if self.anchored != 0 || len > CONTEXT_AREA_SIZE as usize - self.used {
            return None;
        }
        self.anchored = len;
        // Within the cell's accessible run, behind all that is handed out at its beginning.
        Some(self.reservation.base().wrapping_add(CONTEXTS_END - len))
    }

    /// The same in a reservation of its own: its number, and the address. Behind them is the front guard of a memory, for
    /// which and the guards on both sides there are `behind` bytes.
    pub(crate) fn allocate_own(&mut self, len: usize, behind: usize) -> Result<(usize, *mut u8), Error> {
        if len > MAX_CONTEXTS || self.total() > MAX_CONTEXTS {
            return Err(TOO_LARGE);
        }
        let reservation = Reservation::new(len + behind, "memory")?;
        reservation.commit(0, len, "contexts")?;
        let base = reservation.base();
        self.own.push(reservation);
        self.own_used += len;
        Ok((self.own.len() - 1, base))
    }

    /// Gives the memory of the guest stack back that lies more than `keep` bytes below its top.
    pub(crate) fn trim_stack(&self, keep: usize) -> Result<(), Error> {
        let keep = keep.next_multiple_of(crate::sys::page_size());
        match self.stack_size.checked_sub(keep) {
            None | Some(0) => Ok(()),
            Some(len) => self.reservation.decommit(CONTEXTS_START - self.stack_size, len, "stack"),
        }
    }

    fn total(&self) -> usize {
        self.used + self.anchored + self.own_used + self.more.iter().map(|m| m.1).sum::<usize>()
    }

    /// `len` zeroed bytes that stay where they are for the cell's life, at an address that is a multiple of `align`
    /// (a power of two) and has at least `in_front` bytes of its own in front.
    pub(crate) fn allocate(&mut self, in_front: usize, len: usize, align: usize) -> Result<*mut u8, Error> {
        if len > MAX_CONTEXTS || self.total() > MAX_CONTEXTS {
            return Err(TOO_LARGE);
        }
        let base = self.reservation.base() as usize + CONTEXTS_START;
        if let Some((address, used)) =
            place(base, self.used, CONTEXT_AREA_SIZE as usize - self.anchored, in_front, len, align)
        {
            self.used = used;
            // Within the cell's accessible run.
            return Ok(address as *mut u8);
        }
        let last = self.more.last_mut();
        if let Some((area, used)) = last
            && let Some((address, now)) = place(area.base() as usize, *used, area.range().len(), in_front, len, align)
        {
            *used = now;
            return Ok(address as *mut u8);
        }
        let size = (in_front + len + align).next_multiple_of(8 << 20);
        let area = Reservation::new(size, "contexts")?;
        area.commit(0, size, "contexts")?;
        let (address, used) = place(area.base() as usize, 0, size, in_front, len, align).ok_or(TOO_LARGE)?;
        self.more.push((area, used));
        Ok(address as *mut u8)
    }
}

/// Next place in an area of `size` bytes at `base` of which `used` are taken: its address, and what is taken then.
fn place(base: usize, used: usize, size: usize, in_front: usize, len: usize, align: usize) -> Option<(usize, usize)> {
    let address = (base + used).checked_add(in_front)?.checked_next_multiple_of(align)?;
    let used = (address - base).checked_add(len)?;
    (used <= size).then_some((address, used))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mappings() -> usize {
        std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
    }

    #[test]
    fn a_cell_with_a_grown_memory_takes_at_most_four_mappings() {
        // The kernel's limit is 65 530 mappings: a fifth one for each cell would cost thousands of instances.
        let before = mappings();
        let cells: Vec<Cell> = (0..100)
            .map(|_| {
                let cell = Cell::new(1 << 20).unwrap();
                let (reservation, offset) = cell.memory();
                reservation.commit(offset, 1 << 16, "memory").unwrap();
                cell
            })
            .collect();
        let per_cell = (mappings() - before) as f64 / cells.len() as f64;
        assert!(per_cell <= 4.1, "{per_cell} mappings a cell");
    }

    #[test]
    fn allocations_do_not_overlap_and_continue_in_a_further_area() {
        let mut cell = Cell::new(1 << 20).unwrap();
        let mut taken: Vec<(usize, usize)> = Vec::new();
        for i in 0..40 {
            let len = 500_000 + i * 64;
            let address = cell.allocate(4096, len, 4096).unwrap() as usize;
            assert_eq!(address % 4096, 0);
            assert!(taken.iter().all(|&(a, l)| address - 4096 >= a + l || address + len <= a - 4096));
            // SAFETY: the bytes are ours.
            unsafe { std::ptr::write_bytes(address as *mut u8, 1, len) };
            taken.push((address, len));
        }
    }

    #[test]
    fn a_stack_beyond_its_bounds_is_refused() {
        for bytes in [0, MIN_STACK_SIZE as usize - 1, MAX_STACK_SIZE as usize + 1, usize::MAX] {
            assert!(matches!(Cell::new(bytes), Err(Error::StackSize { .. })), "{bytes}");
        }
    }
}
