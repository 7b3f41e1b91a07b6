//! Shared memories: what groups on several threads see at once.
//!
//! ```text
//!  SharedMemory ──► reservation with its guards   one base, the same for every group
//!  (an Arc)     ──► length                        one cell, which compiled code reads through its own definition
//!               ──► growing                       a lock: pages become accessible first, then the length says so
//!               ──► waiting                       who waits at which address
//! ```
//!
//! Every group that has one holds the `Arc`, so the mapping outlives all code that knows its address. Rust never makes a
//! slice of the bytes: see [`raw`].

mod group;
pub(crate) mod raw;
mod wait;

use crate::error::Error;
use crate::memory::{MemoryDef, MemoryType};
use crate::sys::Reservation;
use bailiwick_runtime_abi::limits::{
    FRONT_GUARD_SIZE, GUARD_SIZE, MAX_MEMORY_SIZE, MEMORY_RESERVATION, WASM_PAGE_SIZE, max_pages,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
pub(crate) use wait::{Expected, Waited};

/// A linear memory that groups on any number of threads may have at the same time (WebAssembly's threads proposal).
///
/// Made by the host, or by a module that defines one ([`Memory::shared`](crate::Memory::shared)), and granted with
/// [`Imports::shared_memory`](crate::Imports::shared_memory). Clones are the same memory. It goes with the last clone and
/// the last group that has it.
///
/// # Example
/// ```no_run
/// use bailiwick_loader::{Artifact, Error, Group, Imports, MemoryType, SharedMemory};
/// let artifact = Artifact::open("worker.bwk")?;
/// let memory = SharedMemory::new(MemoryType::shared(1, 16))?;
/// let mut imports = Imports::new();
/// imports.shared_memory("env", "memory", &memory);
/// std::thread::scope(|scope| {
///     for number in 0..4 {
///         let (artifact, imports) = (&artifact, &imports);
///         scope.spawn(move || -> Result<(), Error> {
///             let mut group = Group::new()?;
///             let instance = group.instantiate(artifact, imports)?;
///             instance.typed_func::<i32, ()>(&mut group, "work")?.call(&mut group, number)
///         });
///     }
/// });
/// let mut sum = [0; 4];
/// memory.read(0, &mut sum)?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedMemory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    reservation: Reservation,
    /// Bytes that it may grow to: there is address space for them, and for the guard behind.
    room: u64,
    /// In bytes. It never falls, and is written under `growing` only.
    length: AtomicU64,
    /// As declared.
    declared: MemoryType,
    growing: Mutex<()>,
    waiting: Mutex<wait::Waiting>,
}

// SAFETY: the reservation is a range of addresses, which any thread may make accessible (under `growing`) and none
// unmaps before the last owner is gone; what lies in it is accessed by `raw` and by compiled code only. The rest is atomic
// or behind locks.
unsafe impl Sync for Shared {}

/// How growing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grown {
    /// The size in pages that it had.
    From(u64),
    /// It would be more than its type says, or can't be had.
    No,
    /// It would be more than the limit of who asked.
    Limited,
}

impl SharedMemory {
    /// A memory of the type's minimum, zeroed.
    ///
    /// # Errors
    /// [`Error::Type`] if the type is not shared or has no maximum; [`Error::Limit`] if it has too many pages;
    /// [`Error::AddressSpace`].
    pub fn new(ty: MemoryType) -> Result<SharedMemory, Error> {
        SharedMemory::within(ty, MAX_MEMORY_SIZE)
    }

    /// The same, that will never be granted more than `most` bytes: no address space is reserved for what is beyond.
    pub(crate) fn within(ty: MemoryType, most: u64) -> Result<SharedMemory, Error> {
        let maximum = ty.maximum.filter(|&maximum| ty.shared && maximum >= ty.minimum);
        let Some(maximum) = maximum.filter(|_| matches!(ty.page_size_log2, 0 | 16)) else {
            return Err(Error::Type {
                expected: "a shared memory, of pages of 64 KiB or 1 byte, with a maximum not below its minimum".into(),
                found: ty.to_string(),
            });
        };
        let limit = max_pages(ty.page_size_log2, ty.index64);
        if maximum > limit {
            return Err(Error::Limit { what: "pages of a memory", limit });
        }
        let bytes = ty.bytes(ty.minimum);
        if bytes > MAX_MEMORY_SIZE {
            return Err(Error::Limit { what: "bytes of a memory", limit: MAX_MEMORY_SIZE });
        }
        // The base never moves, so all that it may grow to is reserved at once.
        let most = ty.bytes(maximum).min(most).min(MAX_MEMORY_SIZE).max(bytes);
        let room = most.next_multiple_of(WASM_PAGE_SIZE).max(MEMORY_RESERVATION);
        let reservation = Reservation::new((FRONT_GUARD_SIZE + room + GUARD_SIZE) as usize, "shared memory")?;
        reservation.commit(FRONT_GUARD_SIZE as usize, bytes as usize, "shared memory")?;
        let shared = Shared {
            reservation,
            room,
            length: AtomicU64::new(bytes),
            declared: ty,
            growing: Mutex::default(),
            waiting: Mutex::default(),
        };
        Ok(SharedMemory { shared: Arc::new(shared) })
    }

    /// Its type, with its size at this moment as minimum.
    pub fn ty(&self) -> MemoryType {
        let declared = self.shared.declared;
        MemoryType { minimum: self.size() >> declared.page_size_log2, ..declared }
    }

    /// Its size in bytes at this moment; it never falls.
    pub fn size(&self) -> u64 {
        self.shared.length.load(Ordering::SeqCst)
    }

    /// Copies bytes from `offset` on. Other threads may write them meanwhile; each byte is then an old or a new one.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`], and nothing was copied.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        let from = self.range(offset, into.len() as u64)?;
        // SAFETY: `range` has checked that the bytes are accessible, and they stay so.
        unsafe { raw::read(from, into) };
        Ok(())
    }

    /// Writes bytes from `offset` on. Other threads see them byte by byte, in no order.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`], and nothing was written.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let to = self.range(offset, bytes.len() as u64)?;
        // SAFETY: as in `read`.
        unsafe { raw::write(bytes, to) };
        Ok(())
    }

    /// Grows it by `delta` pages and returns the old size in pages, or `None` if that is more than it may have.
    pub fn grow(&self, delta: u64) -> Option<u64> {
        match self.grow_within(delta, u64::MAX) {
            Grown::From(old) => Some(old),
            Grown::No | Grown::Limited => None,
        }
    }

    /// The same, if it then has at most `limit` bytes.
    pub(crate) fn grow_within(&self, delta: u64, limit: u64) -> Grown {
        let shared = &*self.shared;
        let _growing = shared.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let (old, ty) = (self.size(), shared.declared);
        let pages = (old >> ty.page_size_log2).checked_add(delta).filter(|&pages| pages <= ty.most_pages());
        let Some(new) = pages.map(|pages| ty.bytes(pages)) else { return Grown::No };
        let limit = limit.min(shared.room);
        if new > limit {
            return Grown::Limited;
        }
        let at = FRONT_GUARD_SIZE as usize + old as usize;
        if shared.reservation.commit(at, (new - old) as usize, "shared memory").is_err() {
            return Grown::No;
        }
        // Whoever reads the new length finds its bytes accessible.
        shared.length.store(new, Ordering::SeqCst);
        Grown::From(old >> ty.page_size_log2)
    }

    /// Wakes at most `count` of those who wait at `address`, those who wait longest first, and says how many there were.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`] if there are no four bytes at `address`, or it is not a multiple of four.
    pub fn notify(&self, address: u64, count: u32) -> Result<u32, Error> {
        self.range(address, 4)?;
        if !address.is_multiple_of(4) {
            return Err(Error::OutOfBounds("an address that is not a multiple of four is"));
        }
        Ok(self.wake(address, count))
    }

    /// How many threads wait in it at this moment (`memory.atomic.wait`).
    pub fn waiters(&self) -> usize {
        self.waiting().count()
    }

    /// Whether both are the same memory.
    pub fn same(&self, other: &SharedMemory) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// The address of its first byte, which never changes.
    pub(crate) fn base(&self) -> *mut u8 {
        // SAFETY: the offset lies in the reservation.
        unsafe { self.shared.reservation.base().add(FRONT_GUARD_SIZE as usize) }
    }

    /// Its reservation: its range, with the guards, is where a fault is one of this memory.
    pub(crate) fn reservation(&self) -> &Reservation {
        &self.shared.reservation
    }

    /// What compiled code reads: the base, and where the length lies.
    pub(crate) fn definition(&self) -> MemoryDef {
        MemoryDef { base: self.base(), length: (&raw const self.shared.length) as u64 }
    }

    /// The address of `len` bytes from `offset` on, which are accessible from now on.
    fn range(&self, offset: u64, len: u64) -> Result<*mut u8, Error> {
        match offset.checked_add(len) {
            // SAFETY: within the memory.
            Some(end) if end <= self.size() => Ok(unsafe { self.base().add(offset as usize) }),
            _ => Err(Error::OutOfBounds("shared memory")),
        }
    }
}
