//! Address space: reserving it, making parts of it accessible, mapping files into it.

use crate::error::Error;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

/// Bytes in a page of the running kernel.
pub(crate) fn page_size() -> usize {
    rustix::param::page_size()
}

/// An inaccessible range of address space, of which parts are made accessible later. Unmapped on drop.
#[derive(Debug)]
pub(crate) struct Reservation {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the range is owned, and nothing in it belongs to a thread.
unsafe impl Send for Reservation {}

impl Reservation {
    /// Reserves `len` bytes, a multiple of the page size. Costs no memory.
    pub(crate) fn new(len: usize, what: &'static str) -> Result<Reservation, Error> {
        // SAFETY: a private anonymous mapping at an address of the kernel's choice disturbs nothing.
        let base = unsafe {
            rustix::mm::mmap_anonymous(
                std::ptr::null_mut(),
                len,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )
        }
        .map_err(|e| Error::AddressSpace { what, bytes: len, source: e.into() })?;
        let base = NonNull::new(base.cast()).ok_or(Error::AddressSpace {
            what,
            bytes: len,
            source: std::io::ErrorKind::OutOfMemory.into(),
        })?;
        Ok(Reservation { base, len })
    }

    /// Address of the first byte.
    pub(crate) fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// Addresses from the first byte to one past the last.
    pub(crate) fn range(&self) -> std::ops::Range<usize> {
        let start = self.base.as_ptr() as usize;
        start..start + self.len
    }

    /// Makes `len` bytes from `offset` on readable and writable; both are rounded outwards to pages.
    pub(crate) fn commit(&self, offset: usize, len: usize, what: &'static str) -> Result<(), Error> {
        if len == 0 {
            return Ok(());
        }
        let page = page_size();
        let start = offset / page * page;
        let end = (offset + len).next_multiple_of(page);
        assert!(end <= self.len, "commit beyond the reservation");
        // SAFETY: the pages lie in this reservation, which nothing else uses; access only widens.
        unsafe {
            rustix::mm::mprotect(
                self.base.as_ptr().add(start).cast(),
                end - start,
                MprotectFlags::READ | MprotectFlags::WRITE,
            )
        }
        .map_err(|e| Error::AddressSpace { what, bytes: end - start, source: e.into() })
    }

    /// Makes the pages at `offset` inaccessible again. What lies in them stays, and is there when they are committed again.
    pub(crate) fn close(&self, offset: usize, len: usize, what: &'static str) -> Result<(), Error> {
        let start = self.pages(offset, len);
        // SAFETY: the pages lie in this reservation; whoever has it says that nobody uses them.
        unsafe { rustix::mm::mprotect(start, len, MprotectFlags::empty()) }.map_err(|e| Error::AddressSpace {
            what,
            bytes: len,
            source: e.into(),
        })
    }

    /// Gives the memory of the pages at `offset` back: they are again what was mapped there, zeros or a file's bytes.
    pub(crate) fn decommit(&self, offset: usize, len: usize, what: &'static str) -> Result<(), Error> {
        let start = self.pages(offset, len);
        // SAFETY: the pages lie in this reservation, to whose bytes nobody has a reference now; any bytes are valid there.
        unsafe { rustix::mm::madvise(start, len, rustix::mm::Advice::LinuxDontNeed) }.map_err(|e| Error::AddressSpace {
            what,
            bytes: len,
            source: e.into(),
        })
    }

    /// Puts fresh zeroed pages in the place of those at `offset`.
    pub(crate) fn renew(&self, offset: usize, len: usize, access: bool, what: &'static str) -> Result<(), Error> {
        if len == 0 {
            return Ok(());
        }
        let start = self.pages(offset, len);
        let access = if access { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::empty() };
        let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
        // SAFETY: MAP_FIXED replaces pages of this reservation alone, to whose bytes nobody has a reference now.
        unsafe { rustix::mm::mmap_anonymous(start, len, access, flags) }.map(|_| ()).map_err(|e| Error::AddressSpace {
            what,
            bytes: len,
            source: e.into(),
        })
    }

    /// Where whole pages of this reservation begin.
    fn pages(&self, offset: usize, len: usize) -> *mut std::ffi::c_void {
        let page = page_size();
        assert!(offset.is_multiple_of(page) && len.is_multiple_of(page));
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.len), "pages beyond the reservation");
        // Within the reservation.
        self.base.as_ptr().wrapping_add(offset).cast()
    }

    /// Maps `len` bytes of `file` from `file_offset` on over the pages at `offset`, readable, writable and private:
    /// writes go to copies. All three are multiples of the page size, and the range was not yet written.
    pub(crate) fn map_file(
        &self,
        offset: usize,
        len: usize,
        file: BorrowedFd<'_>,
        file_offset: u64,
    ) -> Result<(), Error> {
        let page = page_size();
        assert!(offset.is_multiple_of(page) && len.is_multiple_of(page) && file_offset.is_multiple_of(page as u64));
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.len), "mapping beyond the reservation");
        // SAFETY: MAP_FIXED replaces pages of this reservation alone, which hold nothing yet.
        unsafe {
            rustix::mm::mmap(
                self.base.as_ptr().add(offset).cast(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE,
                file,
                file_offset,
            )
        }
        .map(|_| ())
        .map_err(|e| Error::AddressSpace { what: "memory image", bytes: len, source: e.into() })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: the range is this reservation's own and nothing refers into it any more. A failure leaks it.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.len) };
    }
}
