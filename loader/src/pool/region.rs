//! Memories and large tables: what lay in them when the group was made, and how they come to hold it again.
//!
//! ```text
//!  0              bytes                 reached
//!  ├── zeros ─ part ─ zeros ─ part ──┼── grown: zeros ──┤   inaccessible
//!  │   accessible when handed out    │   by a tenant    │
//! ```
//!
//! Pages are compared with what they held and written where they differ, which finds every byte without asking anybody and
//! gives no page memory that has none. Where there are too many to be compared, the kernel is asked which were written; where
//! it does not know, all of them are given back.

use super::NotRecyclable;
use super::pagemap::Pagemap;
use crate::artifact::Artifact;
use crate::error::Error;
use crate::group::Inner;
use crate::instantiate::COPY_IMAGE_BELOW;
use crate::sys::{Reservation, page_size};
use std::ops::Range;

/// Which of a group's.
#[derive(Clone, Copy, Debug)]
enum What {
    Memory(u32),
    Table(u32),
}

/// Where the bytes of a part are.
#[derive(Debug)]
enum Source {
    /// In the image of an artifact.
    Image {
        artifact: Artifact,
        offset: usize,
        /// Whether that is mapped there, so that pages whose memory is given back hold it.
        mapped: bool,
    },
    /// In a copy.
    Copy(Box<[u8]>),
}

/// Whole pages that were not zero.
#[derive(Debug)]
struct Part {
    /// In the region.
    range: Range<usize>,
    source: Source,
}

impl Part {
    /// What lies in a range of the region, which is within the part.
    fn bytes(&self, range: &Range<usize>) -> &[u8] {
        let within = range.start - self.range.start..range.end - self.range.start;
        match &self.source {
            Source::Image { artifact, offset, .. } => &artifact.bytes()[offset + within.start..offset + within.end],
            Source::Copy(bytes) => &bytes[within],
        }
    }

    /// The part of it that begins and ends at these bytes of the region.
    fn cut(&self, range: Range<usize>) -> Part {
        let source = match &self.source {
            Source::Image { artifact, offset, mapped } => Source::Image {
                artifact: artifact.clone(),
                offset: offset + (range.start - self.range.start),
                mapped: *mapped,
            },
            Source::Copy(_) => Source::Copy(self.bytes(&range).into()),
        };
        Part { range, source }
    }

    fn is_mapped(&self) -> bool {
        matches!(self.source, Source::Image { mapped: true, .. })
    }
}

/// A memory, or a table that lies in a mapping of its own.
#[derive(Debug)]
pub(super) struct Region {
    what: What,
    base: *mut u8,
    /// Bytes that are accessible when it is handed out: whole pages.
    pub bytes: usize,
    /// Bytes that a tenant has had, whole pages, at least as many.
    reached: usize,
    /// Ascending; they do not overlap.
    parts: Vec<Part>,
}

impl Region {
    /// All those of a group. `pagemap` saves reading pages that nobody has written.
    pub fn all(inner: &mut Inner, pagemap: Option<&Pagemap>) -> Result<Vec<Region>, Error> {
        let mut regions = Vec::new();
        for index in 0..inner.memories.len() {
            let memory = &inner.memories[index];
            if memory.shared().is_some() {
                return Err(NotRecyclable::SharedMemory.into());
            }
            let runs = image_runs(inner, index as u32)?;
            let memory = &inner.memories[index];
            let bytes = (memory.len() as usize).next_multiple_of(page_size());
            regions.push(Region::new(What::Memory(index as u32), memory.base(), bytes, runs, pagemap)?);
        }
        for (index, table) in inner.tables.iter_mut().enumerate() {
            if table.storage.is_some() {
                let words = table.words();
                let (base, bytes) = (words.as_mut_ptr().cast(), size_of_val(words).next_multiple_of(page_size()));
                regions.push(Region::new(What::Table(index as u32), base, bytes, Vec::new(), pagemap)?);
            }
        }
        Ok(regions)
    }

    /// What is there now, of which `runs` are in images.
    fn new(
        what: What,
        base: *mut u8,
        bytes: usize,
        runs: Vec<Part>,
        pagemap: Option<&Pagemap>,
    ) -> Result<Region, Error> {
        let mut region = Region { what, base, bytes, reached: bytes, parts: runs };
        let written = match pagemap.and_then(|pagemap| pagemap.written(base as usize..base as usize + bytes)) {
            Some(written) => written.into_iter().map(|pages| pages.within(base as usize)).collect(),
            None => std::iter::once(0..bytes).collect::<Vec<_>>(),
        };
        // What is not as the images say, for whatever reason, is copied.
        let mut copies = Vec::new();
        let page = page_size();
        for at in written.into_iter().flat_map(|run: Range<usize>| run.step_by(page)) {
            let range = at..at + page;
            if !region.is_as_made(&range) {
                // SAFETY: the page is accessible, and the group, which nobody runs in, is borrowed by who calls.
                let bytes = unsafe { std::slice::from_raw_parts(base.add(at), page) };
                copies.push(Part { range, source: Source::Copy(bytes.into()) });
            }
        }
        region.parts = laid_over(std::mem::take(&mut region.parts), copies);
        Ok(region)
    }

    /// The ranges of one and what they held: zeros, where there is no part.
    fn pieces(&self, range: Range<usize>) -> impl Iterator<Item = (Range<usize>, Option<&Part>)> {
        let mut at = range.start;
        let mut next = self.parts.partition_point(|part| part.range.end <= range.start);
        std::iter::from_fn(move || {
            if at >= range.end {
                return None;
            }
            let start = at;
            match self.parts.get(next).filter(|part| part.range.start < range.end) {
                Some(part) if part.range.start <= start => {
                    at = part.range.end.min(range.end);
                    next += 1;
                    Some((start..at, Some(part)))
                }
                Some(part) => {
                    at = part.range.start;
                    Some((start..at, None))
                }
                None => {
                    at = range.end;
                    Some((start..at, None))
                }
            }
        })
    }

    fn is_as_made(&self, range: &Range<usize>) -> bool {
        self.pieces(range.clone()).all(|(range, part)| {
            // SAFETY: as in `restore`; nothing is written.
            let now = unsafe { std::slice::from_raw_parts(self.base.add(range.start), range.len()) };
            match part {
                Some(part) => now == part.bytes(&range),
                None => now.chunks(ZEROS.len()).all(|page| page == &ZEROS[..page.len()]),
            }
        })
    }

    /// Brings the bytes of a range, whole pages, back to what they were. Pages that hold it already are only read.
    ///
    /// # Safety
    /// The range is accessible, and nobody runs in the group or has a reference to its bytes.
    pub unsafe fn restore(&self, range: Range<usize>) {
        for (range, part) in self.pieces(range) {
            // SAFETY: the caller's promise.
            let now = unsafe { std::slice::from_raw_parts_mut(self.base.add(range.start), range.len()) };
            match part {
                Some(part) => {
                    for (now, page) in now.chunks_mut(ZEROS.len()).zip(part.bytes(&range).chunks(ZEROS.len())) {
                        if now != page {
                            now.copy_from_slice(page);
                        }
                    }
                }
                None => {
                    for now in now.chunks_mut(ZEROS.len()) {
                        if *now != ZEROS[..now.len()] {
                            now.fill(0);
                        }
                    }
                }
            }
        }
    }

    /// Notes how far a tenant has got.
    pub fn note(&mut self, inner: &Inner) {
        let reached = match self.what {
            What::Memory(index) => inner.memories[index as usize].len() as usize,
            What::Table(index) => inner.tables[index as usize].len() as usize * size_of::<u64>(),
        };
        self.reached = self.reached.max(reached.next_multiple_of(page_size()));
    }

    /// Whether a tenant has made it larger, so that the kernel has to be asked to make it small again. A table only by more
    /// than so many bytes: of what is behind its length only the memory matters.
    pub fn has_grown(&self, most: usize) -> bool {
        match self.what {
            What::Memory(_) => self.reached > self.bytes,
            What::Table(_) => self.reached - self.bytes > most,
        }
    }

    /// Brings all of it back, by asking the kernel. `keep`: bytes that may still keep their memory.
    ///
    /// # Errors
    /// If the kernel refuses what can't be done otherwise; then it is not to be handed out.
    pub fn clean(&mut self, inner: &Inner, pagemap: Option<&Pagemap>, keep: &mut usize) -> Result<(), Error> {
        let (place, offset, what) = match self.what {
            What::Memory(index) => {
                let (place, offset) = inner.memories[index as usize].place(&inner.cell);
                (place, offset, "memory")
            }
            What::Table(index) => {
                let storage = inner.tables[index as usize].storage.as_ref();
                (storage.ok_or(Error::WrongGroup("table"))?, 0, "table")
            }
        };
        let start = self.base as usize;
        match pagemap.and_then(|pagemap| pagemap.written(start..start + self.reached)) {
            Some(written) => {
                for pages in written {
                    let run = pages.within(start);
                    if pages.zero {
                        let parts = self.pieces(run).filter(|(_, part)| part.is_some());
                        // SAFETY: as below.
                        parts.for_each(|(range, _)| unsafe { self.restore(range) });
                        continue;
                    }
                    let kept = run.start..run.start + run.len().min(*keep / page_size() * page_size());
                    *keep -= kept.len();
                    // SAFETY: it is accessible up to `reached`; the group is a pool's now, and nobody runs in it.
                    unsafe { self.restore(kept.clone()) };
                    self.give_back(kept.end..run.end, place, offset, what);
                }
                // Of a table no element behind its length is ever read.
                if self.reached > self.bytes && matches!(self.what, What::Memory(_)) {
                    place.close(offset + self.bytes, self.reached - self.bytes, what)?;
                }
            }
            None => self.renew(place, offset, what)?,
        }
        self.reached = self.bytes;
        Ok(())
    }

    /// Gives the memory of whole pages back, which then hold what they held.
    fn give_back(&self, range: Range<usize>, place: &Reservation, offset: usize, what: &'static str) {
        if range.is_empty() {
            return;
        }
        let given = place.decommit(offset + range.start, range.len(), what).is_ok();
        for (range, part) in self.pieces(range) {
            // What is mapped there shows again: zeros, or the artifact's image. Locked memory can't be given back.
            if !given || part.is_some_and(|part| !part.is_mapped()) {
                // SAFETY: as in `clean`.
                unsafe { self.restore(range) };
            }
        }
    }

    /// Puts fresh pages in the place of all.
    fn renew(&self, place: &Reservation, offset: usize, what: &'static str) -> Result<(), Error> {
        place.renew(offset, self.bytes, true, what)?;
        let grown = self.reached - self.bytes;
        place.renew(offset + self.bytes, grown, matches!(self.what, What::Table(_)), what)?;
        for part in &self.parts {
            match &part.source {
                Source::Image { artifact, offset: at, mapped: true } => {
                    let (from, len) = (offset + part.range.start, part.range.len());
                    place.map_file(from, len, artifact.file(), *at as u64)?;
                }
                // SAFETY: as in `clean`.
                _ => unsafe { self.restore(part.range.clone()) },
            }
        }
        Ok(())
    }
}

/// The runs of a memory's image, as instantiation has copied or mapped them.
fn image_runs(inner: &Inner, memory: u32) -> Result<Vec<Part>, Error> {
    let page = page_size();
    let mut parts = Vec::new();
    for data in &inner.instances {
        let imported = data.layout.counts().imported_memories;
        let own = data.memories.iter().zip(0u32..).find(|&(&of, index)| of == memory && index >= imported);
        let Some((_, own)) = own else { continue };
        for run in data.artifact.view().image_runs().iter().filter(|run| run.memory == own) {
            // It was found to be within the memory and within the image, up to the end of its last page.
            let (start, len) = (run.memory_offset as usize, (run.bytes.len as usize).next_multiple_of(page));
            let (offset, mapped) = (run.bytes.offset as usize, run.bytes.len > COPY_IMAGE_BELOW);
            let source = Source::Image { artifact: data.artifact.clone(), offset, mapped };
            if len > 0 {
                parts.push(Part { range: start..start + len, source });
            }
        }
    }
    parts.sort_by_key(|part| part.range.start);
    match parts.windows(2).any(|pair| pair[0].range.end > pair[1].range.start) {
        true => Err(NotRecyclable::Image.into()),
        false => Ok(parts),
    }
}

/// Parts with others, which go before, in their place. Both ascend.
fn laid_over(parts: Vec<Part>, over: Vec<Part>) -> Vec<Part> {
    let mut all = Vec::with_capacity(parts.len() + over.len());
    let mut over = over.into_iter().peekable();
    for part in parts {
        let mut at = part.range.start;
        while let Some(above) = over.next_if(|above| above.range.start < part.range.end) {
            if above.range.start > at {
                all.push(part.cut(at..above.range.start));
            }
            at = above.range.end.max(at);
            all.push(above);
        }
        if at < part.range.end {
            all.push(part.cut(at..part.range.end));
        }
    }
    all.extend(over);
    all
}

/// What a page that nobody has written holds, piece by piece.
static ZEROS: [u8; 4096] = [0; 4096];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::{Group, looked_at};
    use crate::memory::{Memory, MemoryType};

    fn part(range: Range<usize>, byte: u8) -> Part {
        let bytes = vec![byte; range.len()];
        Part { range, source: Source::Copy(bytes.into()) }
    }

    /// Where each part lies, and its first byte.
    type Shown = (Range<usize>, u8);

    fn shown(parts: &[Part]) -> Vec<Shown> {
        parts.iter().map(|part| (part.range.clone(), part.bytes(&part.range)[0])).collect()
    }

    #[test]
    fn what_lies_over_goes_before_and_the_rest_stays() {
        let under = || vec![part(10..40, 1), part(50..60, 2)];
        let cases: [(Vec<Part>, &[Shown]); 6] = [
            (vec![], &[(10..40, 1), (50..60, 2)]),
            (vec![part(0..10, 9)], &[(0..10, 9), (10..40, 1), (50..60, 2)]),
            (vec![part(10..20, 9), part(20..30, 8)], &[(10..20, 9), (20..30, 8), (30..40, 1), (50..60, 2)]),
            (vec![part(20..30, 9)], &[(10..20, 1), (20..30, 9), (30..40, 1), (50..60, 2)]),
            (vec![part(30..40, 9), part(40..50, 8)], &[(10..30, 1), (30..40, 9), (40..50, 8), (50..60, 2)]),
            (vec![part(50..60, 9), part(70..80, 8)], &[(10..40, 1), (50..60, 9), (70..80, 8)]),
        ];
        for (over, expected) in cases {
            assert_eq!(shown(&laid_over(under(), over)), expected);
        }
    }

    #[test]
    fn a_page_of_zeros_that_took_the_place_of_data_is_found() {
        let Some(pagemap) = Pagemap::open() else { return };
        let mut group = Group::new().unwrap();
        let memory = Memory::new(&mut group, MemoryType::new(1, None)).unwrap();
        memory.bytes(&mut group).unwrap()[5000..5004].copy_from_slice(b"data");
        let inner = looked_at(&mut group);
        let mut regions = Region::all(inner, Some(&pagemap)).unwrap();
        // As the kernel does with a page that a guest has cleared: memory that is given back and read.
        let (place, offset) = inner.memories[0].place(&inner.cell);
        place.decommit(offset + 5000 / page_size() * page_size(), page_size(), "test").unwrap();
        assert_eq!(inner.memories[0].bytes().unwrap()[5000], 0);
        regions[0].clean(inner, Some(&pagemap), &mut 0).unwrap();
        assert_eq!(inner.memories[0].bytes().unwrap()[5000..5004], *b"data");
    }

    #[test]
    fn pieces_cover_a_range_exactly() {
        let parts = vec![part(10..20, 1), part(20..25, 2), part(40..50, 3)];
        let region = Region { what: What::Memory(0), base: std::ptr::null_mut(), bytes: 60, reached: 60, parts };
        let pieces =
            |range| region.pieces(range).map(|(range, part)| (range.clone(), part.map(|p| p.bytes(&range)[0])));
        let all: Vec<_> = pieces(0..60).collect();
        let expected =
            [(0..10, None), (10..20, Some(1)), (20..25, Some(2)), (25..40, None), (40..50, Some(3)), (50..60, None)];
        assert_eq!(all, expected);
        for start in 0..60 {
            for end in start..60 {
                let mut at = start;
                for (range, byte) in pieces(start..end) {
                    assert!(range.start == at && range.end > at, "{start}..{end}");
                    assert!(expected.iter().any(|(e, b)| *b == byte && e.start <= range.start && e.end >= range.end));
                    at = range.end;
                }
                assert_eq!(at, end);
            }
        }
    }
}
