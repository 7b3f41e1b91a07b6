//! Linear memories: reservations with guards, of which a prefix is accessible.

use crate::cell::Cell;
use crate::error::Error;
use crate::group::{AsGroup, Inner, Refused, inner, looked_at};
use crate::shared::SharedMemory;
use crate::sys::Reservation;
use bailiwick_runtime_abi::limits::{
    FRONT_GUARD_SIZE, GUARD_SIZE, MAX_MEMORY_SIZE, MEMORY_RESERVATION, WASM_PAGE_SIZE, max_pages,
};

/// The definition that compiled code reads, `bailiwick_runtime_abi::context`.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct MemoryDef {
    pub base: *mut u8,
    /// In bytes; of a shared memory, where it lies.
    pub length: u64,
}

#[derive(Debug)]
pub(crate) struct MemoryData {
    /// In its owner's context.
    pub def: *mut MemoryDef,
    home: Home,
    /// Bytes that it may grow to: there is address space for them, and for the guard behind.
    room: u64,
    /// As declared; `minimum` is that of the beginning.
    declared: MemoryType,
    /// Whose bytes they are, if other groups may have them too.
    shared: Option<SharedMemory>,
}

/// Where the bytes of a memory are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// In the cell.
    Cell,
    /// In a reservation that the cell has for it, by its number, at this offset: behind the context of its owner, if it is
    /// anchored there.
    Own { number: usize, offset: usize },
    /// With whoever shares it.
    Shared,
}

/// The type of a linear memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryType {
    /// Initial pages.
    pub minimum: u64,
    /// Most pages, if it says so.
    pub maximum: Option<u64>,
    /// Base-2 logarithm of the page size in bytes: 16, or 0.
    pub page_size_log2: u32,
    /// Whether its indices have 64 bits.
    pub index64: bool,
    /// Whether several threads may use it.
    pub shared: bool,
}

impl MemoryType {
    /// A memory of 32-bit indices and pages of 64 KiB.
    pub fn new(minimum: u64, maximum: Option<u64>) -> MemoryType {
        MemoryType { minimum, maximum, page_size_log2: 16, index64: false, shared: false }
    }

    /// Most pages that it can ever have.
    pub(crate) fn most_pages(&self) -> u64 {
        self.maximum.unwrap_or(u64::MAX).min(max_pages(self.page_size_log2, self.index64))
    }

    /// Bytes of so many pages, or as many as there can be if it is more.
    pub(crate) fn bytes(&self, pages: u64) -> u64 {
        pages.saturating_mul(1 << self.page_size_log2)
    }

    /// The same, that several threads may use. These have a maximum.
    pub fn shared(minimum: u64, maximum: u64) -> MemoryType {
        MemoryType { shared: true, ..MemoryType::new(minimum, Some(maximum)) }
    }
}

impl std::fmt::Display for MemoryType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.index64 {
            f.write_str("64-bit ")?;
        }
        if self.shared {
            f.write_str("shared ")?;
        }
        write!(f, "memory of {}", self.minimum)?;
        match self.maximum {
            Some(max) => write!(f, " to {max} pages")?,
            None => write!(f, " pages or more")?,
        }
        if self.page_size_log2 != 16 {
            write!(f, " of {} byte", 1u64 << self.page_size_log2)?;
        }
        Ok(())
    }
}

/// A linear memory of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    pub(crate) group: u64,
    pub(crate) index: u32,
}

impl MemoryData {
    /// One that other groups may have too, with its definition at `def`.
    pub(crate) fn of_shared(memory: SharedMemory, def: *mut MemoryDef) -> MemoryData {
        // Its owner knows how far it may grow.
        MemoryData { def, home: Home::Shared, room: 0, declared: memory.ty(), shared: Some(memory) }
    }

    /// The memory that it is, if other groups may have it too.
    pub(crate) fn shared(&self) -> Option<&SharedMemory> {
        self.shared.as_ref()
    }

    /// The definition of a memory that is the group's alone: what adapters of edges copy from and to.
    ///
    /// # Errors
    /// [`Error::SharedMemory`], because others may write it between a check and a copy.
    pub(crate) fn own_def(&self) -> Result<*mut MemoryDef, Error> {
        if self.shared.is_some() { Err(Error::SharedMemory) } else { Ok(self.def) }
    }

    /// The address of its first byte, which never changes.
    pub(crate) fn base(&self) -> *mut u8 {
        // SAFETY: the definition lies in a context, which lives as long as the group.
        unsafe { (*self.def).base }
    }

    /// Where memory begins in its reservation.
    pub(crate) fn place<'a>(&'a self, cell: &'a Cell) -> (&'a Reservation, usize) {
        if let Some(shared) = &self.shared {
            return (shared.reservation(), FRONT_GUARD_SIZE as usize);
        }
        match self.home {
            Home::Own { number, offset } => (cell.own(number), offset),
            Home::Cell | Home::Shared => cell.memory(),
        }
    }

    /// Bytes that are accessible.
    pub(crate) fn len(&self) -> u64 {
        if let Some(shared) = &self.shared {
            return shared.size();
        }
        // SAFETY: the definition lies in a context, which lives as long as the group.
        unsafe { (*self.def).length }
    }

    /// Its type, with its size as minimum.
    pub(crate) fn ty(&self) -> MemoryType {
        MemoryType { minimum: self.len() >> self.declared.page_size_log2, ..self.declared }
    }

    /// The bytes, as long as nobody runs in the group or grows the memory.
    ///
    /// # Errors
    /// [`Error::SharedMemory`], because others may run on those of a shared one.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<&mut [u8], Error> {
        if self.shared.is_some() {
            return Err(Error::SharedMemory);
        }
        // SAFETY: `length` bytes from `base` on are readable and writable; the exclusive borrow of the group is the proof
        // that no guest code runs. A 64-bit length fits: the reservation is address space.
        Ok(unsafe { std::slice::from_raw_parts_mut((*self.def).base, (*self.def).length as usize) })
    }
}

impl Inner {
    /// Bytes by which memories may still grow together.
    pub(crate) fn room_for_memory(&self) -> u64 {
        self.config.max_total_memory.saturating_sub(self.memories.iter().map(MemoryData::len).sum())
    }

    /// Whether the group may have a memory of so many bytes more.
    pub(crate) fn admit_memory(&self, bytes: u64) -> Result<(), Error> {
        if bytes > self.room_for_memory() {
            return Err(Error::Limit {
                what: "bytes of all memories together (GroupConfig::max_total_memory)",
                limit: self.config.max_total_memory,
            });
        }
        if bytes > self.config.max_memory {
            return Err(Error::Limit {
                what: "bytes of a memory (GroupConfig::max_memory, --max-memory)",
                limit: self.config.max_memory,
            });
        }
        Ok(())
    }

    /// The bytes of a memory, if there may be such a one in the group.
    pub(crate) fn admit(&self, ty: &MemoryType) -> Result<u64, Error> {
        if !matches!(ty.page_size_log2, 0 | 16) {
            return Err(Error::Type {
                expected: "a memory of pages of 64 KiB or 1 byte".into(),
                found: ty.to_string(),
            });
        }
        let limit = max_pages(ty.page_size_log2, ty.index64);
        if ty.minimum > limit {
            return Err(Error::Limit { what: "pages of a memory", limit });
        }
        let bytes = ty.bytes(ty.minimum);
        if bytes > MAX_MEMORY_SIZE {
            return Err(Error::Limit { what: "bytes of a memory", limit: MAX_MEMORY_SIZE });
        }
        self.admit_memory(bytes)?;
        Ok(bytes)
    }

    /// Address space behind the base of a memory that was admitted, without the guard: a 64-bit one that may grow beyond
    /// what 32-bit ones have gets it at once, since its base never moves.
    fn room(&self, ty: &MemoryType) -> u64 {
        let most = ty.bytes(ty.most_pages()).min(self.config.max_memory).min(self.config.max_total_memory);
        match ty.index64 {
            true => {
                let most = most.min(MAX_MEMORY_SIZE).max(ty.bytes(ty.minimum));
                most.next_multiple_of(WASM_PAGE_SIZE).max(MEMORY_RESERVATION)
            }
            false => MEMORY_RESERVATION,
        }
    }

    /// Takes the cell's memory, if it is free and large enough.
    fn take_cell_memory(&mut self, room: u64) -> bool {
        let free = !self.cell_memory_used && room <= MEMORY_RESERVATION;
        self.cell_memory_used |= free;
        free
    }

    /// Bytes for a context that begins `distance` bytes in front of its memory, and `in_front` bytes in front of the context.
    pub(crate) fn place_anchored(
        &mut self,
        ty: &MemoryType,
        in_front: usize,
        distance: usize,
    ) -> Result<(*mut u8, Home), Error> {
        let room = self.room(ty);
        let len = in_front + distance - FRONT_GUARD_SIZE as usize;
        if room <= MEMORY_RESERVATION
            && !self.cell_memory_used
            && let Some(start) = self.cell.allocate_anchored(len)
        {
            self.cell_memory_used = true;
            return Ok((start.wrapping_add(in_front), Home::Cell));
        }
        let (number, start) = self.cell.allocate_own(len, (FRONT_GUARD_SIZE + room + GUARD_SIZE) as usize)?;
        Ok((start.wrapping_add(in_front), Home::Own { number, offset: in_front + distance }))
    }

    /// Makes a memory whose definition will lie at `def`.
    pub(crate) fn add_memory(&mut self, ty: MemoryType, def: *mut MemoryDef) -> Result<u32, Error> {
        self.add_memory_at(ty, def, None)
    }

    /// The same at a place that was made for it, if there is one.
    pub(crate) fn add_memory_at(
        &mut self,
        ty: MemoryType,
        def: *mut MemoryDef,
        home: Option<Home>,
    ) -> Result<u32, Error> {
        if ty.shared {
            self.admit_memory(ty.bytes(ty.minimum))?;
            let most = self.config.max_memory.min(self.config.max_total_memory);
            return Ok(self.add_shared(SharedMemory::within(ty, most)?, def));
        }
        let bytes = self.admit(&ty)?;
        let room = self.room(&ty);
        // The first memory has its place in the cell; further ones, and larger ones, have reservations of the same shape.
        let home = match home {
            Some(home) => home,
            None if self.take_cell_memory(room) => Home::Cell,
            None => {
                let offset = FRONT_GUARD_SIZE as usize;
                let (number, _) = self.cell.allocate_own(0, offset + (room + GUARD_SIZE) as usize)?;
                Home::Own { number, offset }
            }
        };
        let data = MemoryData { def, home, room, declared: ty, shared: None };
        let (place, offset) = data.place(&self.cell);
        let range = place.range();
        let range = range.start + offset - FRONT_GUARD_SIZE as usize..range.end;
        place.commit(offset, bytes as usize, "memory")?;
        // SAFETY: `def` lies in a context of this group that nothing else refers to yet; the offset is in the reservation.
        unsafe { *def = MemoryDef { base: place.base().add(offset), length: bytes } };
        self.record.memories.push(range);
        self.memories.push(data);
        Ok(self.memories.len() as u32 - 1)
    }

    /// Grows a memory; returns the old size in pages, or `None` if it can't, whatever the reason.
    pub(crate) fn grow_memory(&mut self, index: u32, delta: u64) -> Option<u64> {
        let data = self.memories.get(index as usize)?;
        if let Some(shared) = data.shared().cloned() {
            return self.grow_shared(&shared, delta);
        }
        let old = data.len();
        let (ty, room) = (data.declared, data.room);
        let pages = (old >> ty.page_size_log2).checked_add(delta).filter(|&pages| pages <= ty.most_pages())?;
        let new = ty.bytes(pages);
        let limit = self.config.max_memory.min(self.room_for_memory().saturating_add(old));
        if new > limit.min(room) {
            let limit = self.config.max_memory.min(self.config.max_total_memory);
            self.refused = Some(Refused::MemoryBytes(limit.min(room)));
            return None;
        }
        let data = self.memories.get(index as usize)?;
        let (place, offset) = data.place(&self.cell);
        place.commit(offset + old as usize, (new - old) as usize, "memory").ok()?;
        // SAFETY: the definition is the group's, and its owner waits for this call.
        unsafe { (*data.def).length = new };
        Some(old >> ty.page_size_log2)
    }

    /// Maps part of an artifact over the beginning of a fresh memory, copy-on-write.
    pub(crate) fn map_image(
        &self,
        index: u32,
        memory_offset: u64,
        len: u64,
        file: std::os::fd::BorrowedFd<'_>,
        file_offset: u64,
    ) -> Result<(), Error> {
        let data = &self.memories[index as usize];
        let (place, offset) = data.place(&self.cell);
        place.map_file(offset + memory_offset as usize, len as usize, file, file_offset)
    }
}

impl Memory {
    /// A memory made by the host, to grant to modules of this group.
    ///
    /// # Errors
    /// [`Error::Limit`] or [`Error::AddressSpace`].
    pub fn new(group: &mut impl AsGroup, ty: MemoryType) -> Result<Memory, Error> {
        let inner = inner(group);
        let def = inner.cell.allocate(0, size_of::<MemoryDef>(), 16)?;
        let index = inner.add_memory(ty, def.cast())?;
        Ok(Memory { group: inner.id, index })
    }

    pub(crate) fn data(self, inner: &mut Inner) -> Result<&mut MemoryData, Error> {
        if self.group != inner.id {
            return Err(Error::WrongGroup("memory"));
        }
        inner.memories.get_mut(self.index as usize).ok_or(Error::WrongGroup("memory"))
    }

    /// Its current size as minimum, and its declared maximum.
    pub fn ty(self, group: &mut impl AsGroup) -> Result<MemoryType, Error> {
        Ok(self.data(looked_at(group))?.ty())
    }

    /// Its bytes.
    ///
    /// # Errors
    /// [`Error::SharedMemory`] if other threads may have it too; [`Error::WrongGroup`].
    pub fn bytes(self, group: &mut impl AsGroup) -> Result<&mut [u8], Error> {
        self.data(inner(group))?.bytes()
    }

    /// Grows it by `delta` pages and returns the old size in pages, or `None` if that is more than it may have.
    pub fn grow(self, group: &mut impl AsGroup, delta: u64) -> Result<Option<u64>, Error> {
        let inner = inner(group);
        self.data(inner)?;
        Ok(inner.grow_memory(self.index, delta))
    }
}
