//! Asking the kernel which pages were written.
//!
//! `PAGEMAP_SCAN` (Linux 6.7, `ioctl_pagemap_scan(2)`) walks the page tables of a range and tells the pages that are there:
//! written, or read, since they were mapped or since their memory was given back. It takes no lock for writing, and
//! changes nothing.

use crate::sys::{Reservation, page_size};
use rustix::fs::{Mode, OFlags};
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};

/// `struct pm_scan_arg` of linux/fs.h.
#[derive(Debug, Default)]
#[repr(C)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region` of linux/fs.h.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct PageRegion {
    start: u64,
    end: u64,
    categories: u64,
}

/// `_IOWR('f', 16, struct pm_scan_arg)`, the same number on both architectures.
const PAGEMAP_SCAN: u64 = 3 << 30 | (size_of::<Scan>() as u64) << 16 | (b'f' as u64) << 8 | 16;
const PAGE_IS_FILE: u64 = 1 << 2;
const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_SWAPPED: u64 = 1 << 4;
const PAGE_IS_PFNZERO: u64 = 1 << 5;

/// What the kernel says of a few pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pages {
    /// Their addresses.
    pub addresses: Range<usize>,
    /// Whether they are the page of zeros that all processes share. One that was only read is; but the kernel may also put
    /// it in the place of one that was written, if that is full of zeros.
    pub zero: bool,
}

impl Pages {
    /// Where they are from an address on.
    pub fn within(&self, start: usize) -> Range<usize> {
        self.addresses.start - start..self.addresses.end - start
    }
}

/// Ranges that one question is answered with; there are more questions if there are more.
const ANSWERS: usize = 64;

/// The page tables of this process.
#[derive(Debug)]
pub(super) struct Pagemap {
    file: OwnedFd,
    /// A page that a fork empties: the file is about the process that opened it, and a child would be told about its parent.
    ours: Reservation,
}

// SAFETY: the descriptor is any thread's; the page is written before anybody else has it, and only read then.
unsafe impl Sync for Pagemap {}

impl Pagemap {
    /// `None` if this kernel can't tell: it is older, there is no `/proc`, or an emulator stands in between. What it says of
    /// pages that are known is compared first.
    pub fn open() -> Option<Pagemap> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::open("/proc/self/pagemap", flags, Mode::empty()).ok()?;
        let page = page_size();
        let ours = Reservation::new(page, "page map").ok()?;
        ours.commit(0, page, "page map").ok()?;
        // SAFETY: the page is this reservation's. What is asked for concerns children only.
        unsafe { rustix::mm::madvise(ours.base().cast(), page, rustix::mm::Advice::LinuxWipeOnFork) }.ok()?;
        // SAFETY: the page is accessible and nobody else's.
        unsafe { ours.base().write(1) };
        let pagemap = Pagemap { file, ours };
        pagemap.is_right()?.then_some(pagemap)
    }

    /// Whether it tells pages apart: one that was never used, one that was written, one that was only read, one that was
    /// written and given back.
    fn is_right(&self) -> Option<bool> {
        let page = page_size();
        let pages = Reservation::new(4 * page, "page map").ok()?;
        pages.commit(0, 4 * page, "page map").ok()?;
        let base = pages.base();
        // SAFETY: the pages are accessible and nobody else's.
        unsafe {
            base.add(page).write_volatile(1);
            base.add(2 * page).read_volatile();
            base.add(3 * page).write_volatile(1);
        }
        pages.decommit(3 * page, page, "page map").ok()?;
        let start = base as usize;
        let pages = |first, zero| Pages { addresses: start + first * page..start + (first + 1) * page, zero };
        Some(self.written(start..start + 4 * page)? == [pages(1, false), pages(2, true)])
    }

    /// The pages between two addresses, both at pages, that are there and are not a file's, in ascending order. `None`: it is
    /// not known.
    pub fn written(&self, addresses: Range<usize>) -> Option<Vec<Pages>> {
        // SAFETY: the page is accessible, and written only before this was shared; a fork's child has another.
        if unsafe { self.ours.base().read_volatile() } == 0 {
            return None;
        }
        let mut found = Vec::new();
        let mut answers = [PageRegion::default(); ANSWERS];
        let mut at = addresses.start as u64;
        while at < addresses.end as u64 {
            let mut scan = Scan {
                size: size_of::<Scan>() as u64,
                start: at,
                end: addresses.end as u64,
                vec: answers.as_mut_ptr() as u64,
                vec_len: ANSWERS as u64,
                // In memory or swapped out, and not a file's.
                category_anyof_mask: PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
                category_inverted: PAGE_IS_FILE,
                category_mask: PAGE_IS_FILE,
                return_mask: PAGE_IS_PFNZERO,
                ..Scan::default()
            };
            // SAFETY: the kernel reads and writes the structure, and writes at most as many regions as it says there is room
            // for. It changes no page, since no flag asks for it.
            let count = unsafe { libc::ioctl(self.file.as_raw_fd(), PAGEMAP_SCAN as _, &raw mut scan) };
            let answered = answers.get(..usize::try_from(count).ok()?)?;
            for region in answered {
                let (start, end) = (region.start as usize, region.end as usize);
                // What is not within what was asked for is no answer.
                if start < addresses.start || end > addresses.end || start >= end {
                    return None;
                }
                found.push(Pages { addresses: start..end, zero: region.categories & PAGE_IS_PFNZERO != 0 });
            }
            // It must get on.
            if scan.walk_end <= at {
                return None;
            }
            at = scan.walk_end;
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_ranges_than_one_question_is_answered_with_are_all_told() {
        // Older kernels and emulators can't say.
        let Some(pagemap) = Pagemap::open() else { return };
        let (page, count) = (page_size(), 5 * ANSWERS);
        let pages = Reservation::new(2 * count * page, "test").unwrap();
        pages.commit(0, 2 * count * page, "test").unwrap();
        let start = pages.base() as usize;
        for i in 0..count {
            // SAFETY: the pages are accessible and nobody else's.
            unsafe { pages.base().add(2 * i * page + i).write_volatile(1) };
        }
        let found = pagemap.written(start..start + 2 * count * page).unwrap();
        let expected = (0..count).map(|i| start + 2 * i * page..start + (2 * i + 1) * page);
        assert!(
            found.iter().map(|pages| pages.addresses.clone()).eq(expected) && found.iter().all(|pages| !pages.zero)
        );
    }
}
