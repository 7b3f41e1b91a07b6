//! Reading an artifact's tables where they lie.
//!
//! [`View::new`] checks, in this order because each check relies on those before it: that there is an ELF
//! header and ours, versions and fingerprint, lengths, then each table's bounds and alignment. From then on
//! every accessor is total: an index or range taken from a record is checked when it is followed, and a wrong
//! one is an error that names the part. No function here panics, for any bytes.

use crate::format::{HEADER_OFFSET, Header, InlineFrame, MAGIC, NONE, Range, SITE_PAGE, Span, TABLE_COUNT, Table};
use crate::types::{Arch, HeapType, RefType, ValType};
use crate::{ABI_VERSION, FINGERPRINT, FORMAT_VERSION, limits};
use zerocopy::{FromBytes, Immutable, KnownLayout};

/// Why bytes are no usable artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// It is not even ELF, or ELF that Bailiwick did not write.
    #[error("not a Bailiwick artifact: {0}")]
    NotAnArtifact(&'static str),
    /// The file ends before what it says it holds.
    #[error("truncated artifact: it has {found} bytes and should have {expected}; copy or compile it again")]
    Truncated {
        /// Bytes there are.
        found: u64,
        /// Bytes there should be.
        expected: u64,
    },
    /// Another layout of the file.
    #[error("artifact format version {found}, this loader reads version {FORMAT_VERSION}; compile the module again")]
    FormatVersion {
        /// Version in the artifact.
        found: u32,
    },
    /// Another contract between code and loader.
    #[error(
        "artifact ABI {found_version} ({found:016x}), this loader has ABI {ABI_VERSION} ({FINGERPRINT:016x}); compile the module again with the bailiwickc of this release"
    )]
    Abi {
        /// ABI version in the artifact.
        found_version: u32,
        /// Fingerprint in the artifact.
        found: u64,
    },
    /// Code for an architecture that nobody here knows.
    #[error("artifact for the unknown ELF machine {0}")]
    UnknownArchitecture(u32),
    /// The guard that the code counts on is not the one that the loader makes.
    #[error(
        "artifact counts on a guard of {found} bytes, this loader makes {} bytes; compile the module again",
        limits::GUARD_SIZE
    )]
    Guard {
        /// Bytes in the artifact.
        found: u64,
    },
    /// A field, table or record is out of its bounds.
    #[error("damaged artifact: {part}: {problem}; compile the module again")]
    Damaged {
        /// Which part.
        part: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Shorthand for [`FormatError::Damaged`].
pub const fn damaged(part: &'static str, problem: &'static str) -> FormatError {
    FormatError::Damaged { part, problem }
}

/// An instruction that may trap, or a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its index in the tables of sites.
    pub index: u32,
    /// The trap code, or [`crate::trap::CALL_SITE`].
    pub code: u8,
    /// Offset in the WebAssembly binary of the operator that it belongs to, or [`NONE`].
    pub wasm_offset: u32,
}

/// An artifact's bytes with a checked header and checked table bounds.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    bytes: &'a [u8],
    header: &'a Header,
}

/// Reads a `u16` or `u32` of the ELF header.
fn le<const N: usize>(bytes: &[u8], offset: usize) -> u32 {
    let mut value = [0u8; 4];
    if let Some(found) = bytes.get(offset..offset + N) {
        value[..N].copy_from_slice(found);
    }
    u32::from_le_bytes(value)
}

impl<'a> View<'a> {
    /// Checks what the first 4096 bytes of a file say of themselves, without anything behind them: that it is an artifact
    /// of this version, undamaged in its header, and as long as `file_len` in bytes says.
    pub fn looks_like(first: &'a [u8], file_len: u64) -> Result<(), FormatError> {
        Self::header_of(first, file_len, |bytes| Header::read_from_bytes(bytes).ok()).map(|_| ())
    }

    /// The header, as `read` reads it, if it is one of this version and undamaged.
    fn header_of<H: core::borrow::Borrow<Header>>(
        bytes: &'a [u8],
        file_len: u64,
        read: impl FnOnce(&'a [u8]) -> Option<H>,
    ) -> Result<H, FormatError> {
        if bytes.get(..4) != Some(b"\x7fELF") {
            return Err(FormatError::NotAnArtifact(if bytes.get(..4) == Some(b"\0asm") {
                "it is a WebAssembly binary; compile it with bailiwickc first"
            } else {
                "it does not begin with an ELF header"
            }));
        }
        // EI_CLASS 64-bit, EI_DATA little-endian, EI_VERSION 1; e_type ET_DYN.
        if bytes.get(4..7) != Some(&[2, 1, 1]) || le::<2>(bytes, 16) != 3 {
            return Err(FormatError::NotAnArtifact("it is an ELF file of another kind"));
        }
        let Some(header_bytes) = bytes.get(HEADER_OFFSET..HEADER_OFFSET + size_of::<Header>()) else {
            return Err(FormatError::Truncated {
                found: file_len,
                expected: (HEADER_OFFSET + size_of::<Header>()) as u64,
            });
        };
        let read = read(header_bytes).ok_or(damaged("header", "it is not aligned to 8 bytes in memory"))?;
        let header: &Header = read.borrow();
        if header.magic != MAGIC {
            return Err(FormatError::NotAnArtifact("it is an ELF file without Bailiwick's header"));
        }
        if header.format_version != FORMAT_VERSION {
            return Err(FormatError::FormatVersion { found: header.format_version });
        }
        if header.abi_version != ABI_VERSION || header.fingerprint != FINGERPRINT {
            return Err(FormatError::Abi { found_version: header.abi_version, found: header.fingerprint });
        }
        if header.checksum() != header.header_checksum {
            return Err(damaged("header", "its checksum is wrong"));
        }
        if header.file_len != file_len {
            if header.file_len > file_len {
                return Err(FormatError::Truncated { found: file_len, expected: header.file_len });
            }
            return Err(damaged("file", "there are bytes behind its end"));
        }
        Ok(read)
    }

    /// Checks the header and each table's bounds.
    ///
    /// `bytes` are the file's, from its beginning, at least up to `loaded_len`, aligned to 8 bytes in memory;
    /// `file_len` is the length of the whole file in bytes.
    pub fn new(bytes: &'a [u8], file_len: u64) -> Result<View<'a>, FormatError> {
        let header: &'a Header = Self::header_of(bytes, file_len, |bytes| Header::ref_from_bytes(bytes).ok())?;
        let arch = u16::try_from(header.arch).ok().and_then(Arch::from_elf_machine);
        let Some(arch) = arch else {
            return Err(FormatError::UnknownArchitecture(header.arch));
        };
        if le::<2>(bytes, 18) != header.arch {
            return Err(damaged("header", "its architecture is not that of the ELF header"));
        }
        if header.guard_size != limits::GUARD_SIZE {
            return Err(FormatError::Guard { found: header.guard_size });
        }
        let loaded = usize::try_from(header.loaded_len).ok().filter(|_| header.loaded_len <= file_len);
        let Some(bytes) = loaded.and_then(|loaded| bytes.get(..loaded)) else {
            return Err(damaged("header", "the loaded length is longer than the file"));
        };
        let view = View { bytes, header };
        let alignment = limits::segment_alignment(arch);
        view.segment("text", header.text, alignment)?;
        view.segment("image", header.image, alignment)?;
        if header.text.len == 0 || header.text.len > u64::from(u32::MAX / 2) {
            return Err(damaged("text", "its length is zero or above 2 GiB"));
        }
        if !header.image.len.is_multiple_of(alignment) {
            return Err(damaged("image", "its length is not a whole number of pages"));
        }
        for &table in Table::ALL {
            view.check_table(table)?;
        }
        let sites = view.site_low().len();
        if view.site_wasm_offsets().len() != sites || view.site_codes().len() != sites {
            return Err(damaged("sites", "its three tables differ in length"));
        }
        view.check_counts()?;
        Ok(view)
    }

    fn segment(&self, part: &'static str, span: Span, alignment: u64) -> Result<(), FormatError> {
        if !span.offset.is_multiple_of(alignment) {
            return Err(damaged(part, "it does not begin at a page"));
        }
        self.slice(part, span).map(|_| ())
    }

    fn slice(&self, part: &'static str, span: Span) -> Result<&'a [u8], FormatError> {
        let start = usize::try_from(span.offset).ok();
        let end = span.offset.checked_add(span.len).and_then(|end| usize::try_from(end).ok());
        match (start, end) {
            (Some(start), Some(end)) => self.bytes.get(start..end),
            _ => None,
        }
        .ok_or(damaged(part, "it reaches beyond the end of the file"))
    }

    fn check_table(&self, table: Table) -> Result<(), FormatError> {
        let span = self.header.tables[table as usize];
        let (size, align) = table.record_layout();
        if !span.offset.is_multiple_of(align as u64) {
            return Err(damaged(table.name(), "the table is not aligned"));
        }
        if !span.len.is_multiple_of(size as u64) {
            return Err(damaged(table.name(), "the table does not hold whole records"));
        }
        if span.len / size as u64 >= u64::from(NONE) {
            return Err(damaged(table.name(), "the table holds too many records"));
        }
        self.slice(table.name(), span).map(|_| ())
    }

    /// The context's counts must be those of the tables: compiled code and loader compute offsets from them.
    fn check_counts(&self) -> Result<(), FormatError> {
        let counts = &self.header.counts;
        let pairs: [(u64, usize, &'static str); 6] = [
            (
                u64::from(counts.imported_memories) + u64::from(counts.defined_memories),
                self.memories().len(),
                "memories",
            ),
            (u64::from(counts.imported_tables) + u64::from(counts.defined_tables), self.tables().len(), "tables"),
            (u64::from(counts.imported_globals) + u64::from(counts.defined_globals), self.globals().len(), "globals"),
            (u64::from(counts.imported_tags) + u64::from(counts.defined_tags), self.tags().len(), "tags"),
            (u64::from(counts.types), self.types().len(), "types"),
            (u64::from(counts.escapes), self.escapes().len(), "escapes"),
        ];
        for (counted, found, part) in pairs {
            if counted != found as u64 {
                return Err(damaged(part, "the table's length is not the one that the context was laid out for"));
            }
        }
        if counts.imported_functions as usize > self.functions().len() {
            return Err(damaged("functions", "there are more imports than functions"));
        }
        Ok(())
    }

    /// The records of a table; every one was found to lie within the file.
    pub(crate) fn records<T: FromBytes + Immutable + KnownLayout>(&self, table: Table) -> &'a [T] {
        let span = self.header.tables[table as usize];
        // Both fail only for a table that `check_table` has refused.
        let bytes = self.slice(table.name(), span).unwrap_or(&[]);
        <[T]>::ref_from_bytes(bytes).unwrap_or(&[])
    }

    /// The checked header.
    pub fn header(&self) -> &'a Header {
        self.header
    }

    /// The bytes that are mapped.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The architecture of the code.
    pub fn arch(&self) -> Arch {
        // `new` has refused every other number.
        Arch::from_elf_machine(self.header.arch as u16).unwrap_or(Arch::X86_64)
    }

    /// The machine code.
    pub fn text(&self) -> &'a [u8] {
        self.slice("text", self.header.text).unwrap_or(&[])
    }

    /// Whether the code at `offset` carries the tag of its kind and type, see [`crate::convention::signature_tag`].
    pub fn has_tag(&self, offset: u32, tag: u64) -> bool {
        let offset = offset as usize;
        let found = offset.checked_sub(crate::convention::TAG_SIZE).and_then(|start| self.text().get(start..offset));
        found.is_some_and(|found| *found == tag.to_le_bytes())
    }

    /// The compiler's name and version.
    pub fn compiler(&self) -> &'a str {
        let bytes = &self.header.compiler;
        let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
        core::str::from_utf8(&bytes[..end]).unwrap_or("unknown")
    }

    /// Consecutive records of `table`.
    pub fn range<T>(&self, part: &'static str, table: &'a [T], range: Range) -> Result<&'a [T], FormatError> {
        let start = range.start as usize;
        start
            .checked_add(range.len as usize)
            .and_then(|end| table.get(start..end))
            .ok_or(damaged(part, "a range reaches beyond its table"))
    }

    /// One record of `table`.
    pub fn record<T>(&self, part: &'static str, table: &'a [T], index: u32) -> Result<&'a T, FormatError> {
        table.get(index as usize).ok_or(damaged(part, "an index reaches beyond its table"))
    }

    /// A string.
    pub fn string(&self, range: Range) -> Result<&'a str, FormatError> {
        let bytes = self.range("strings", self.strings(), range)?;
        core::str::from_utf8(bytes).map_err(|_| damaged("strings", "a string is not UTF-8"))
    }

    /// Value types, each a known one.
    pub fn value_types(
        &self,
        range: Range,
    ) -> Result<impl ExactSizeIterator<Item = ValType> + Clone + 'a, FormatError> {
        let numbers = self.range("val_types", self.val_types(), range)?;
        if numbers.len() > limits::MAX_FUNCTION_VALUES as usize {
            return Err(damaged("val_types", "a function type has more than 1000 parameters or results"));
        }
        if numbers.iter().any(|&n| self.value_type(n).is_err()) {
            return Err(damaged("val_types", "an unknown value type"));
        }
        Ok(numbers.iter().map(|&n| ValType::decode(n).unwrap_or(ValType::I32)))
    }

    /// The value type of a number; a type that the module defines is one of its types, and of the kind that it says.
    pub fn value_type(&self, number: u32) -> Result<ValType, FormatError> {
        let ty = ValType::decode(number).ok_or(damaged("val_types", "an unknown value type"))?;
        if let ValType::Ref(RefType { heap: HeapType::Concrete(composite, index), .. }) = ty {
            let record = self.record("types", self.types(), index)?;
            if record.composite != composite as u32 {
                return Err(damaged("val_types", "a type is not of the kind that a reference to it says"));
            }
        }
        Ok(ty)
    }

    /// What the module imports and exports in WIT's types; `None` if nobody said when it was compiled.
    pub fn world(&self) -> Result<Option<crate::wit::World>, FormatError> {
        let bytes = self.world_bytes();
        if bytes.is_empty() {
            return Ok(None);
        }
        let world = crate::wit::World::decode(bytes);
        world.map(Some).map_err(|_| damaged("world", "it is not one that the compiler writes"))
    }

    /// How import `index` can be reached: the root, its index, and the path, which [`crate::format::ReachRecord`]
    /// describes.
    pub fn reach(&self, index: u32) -> Result<(crate::format::Root, u32, &'a [u32]), FormatError> {
        let record = self.record("reaches", self.reaches(), index)?;
        let root = crate::format::Root::from_u32(record.root).ok_or(damaged("reaches", "an unknown root"))?;
        Ok((root, record.root_index, self.range("reach_paths", self.reach_paths(), record.path)?))
    }

    /// Bytes of a data segment.
    pub fn data(&self, span: Span) -> Result<&'a [u8], FormatError> {
        let start = usize::try_from(span.offset).ok();
        let end = span.offset.checked_add(span.len).and_then(|end| usize::try_from(end).ok());
        match (start, end) {
            (Some(start), Some(end)) => self.data_bytes().get(start..end),
            _ => None,
        }
        .ok_or(damaged("data_bytes", "a segment reaches beyond its table"))
    }

    /// The sites of a page of text: the index of the first, and their offsets in the page, ascending. None, if the table is
    /// damaged.
    fn sites_of(&self, page: u32) -> (usize, &'a [u16]) {
        let bounds = self.site_pages().get(page as usize..).and_then(|rest| rest.first_chunk::<2>());
        let [start, end] = bounds.map_or([0; 2], |bounds| bounds.map(|index| index as usize));
        (start, self.site_low().get(start..end).unwrap_or(&[]))
    }

    /// Code offset, trap code byte and WebAssembly offset of every site, ascending.
    pub fn all_sites(&self) -> impl Iterator<Item = (u32, u8, u32)> + '_ {
        let pages = u32::try_from(self.site_pages().len()).unwrap_or(0);
        (0..pages).flat_map(move |page| {
            let (start, lows) = self.sites_of(page);
            let (codes, wasm) = (self.site_codes(), self.site_wasm_offsets());
            lows.iter().enumerate().filter_map(move |(i, &low)| {
                let offset = page.wrapping_mul(SITE_PAGE) | u32::from(low);
                Some((offset, *codes.get(start + i)?, *wasm.get(start + i)?))
            })
        })
    }

    /// The sites at exactly this code offset: a call may return to an instruction that can trap itself.
    fn sites(&self, code_offset: u32) -> impl Iterator<Item = Site> + 'a {
        let (start, lows) = self.sites_of(code_offset / SITE_PAGE);
        let low = (code_offset % SITE_PAGE) as u16;
        let (codes, wasm) = (self.site_codes(), self.site_wasm_offsets());
        let first = lows.partition_point(|&o| o < low);
        (first..lows.len())
            .take_while(move |&i| lows[i] == low)
            .map(move |i| start + i)
            .filter_map(move |i| Some(Site { index: i as u32, code: *codes.get(i)?, wasm_offset: *wasm.get(i)? }))
    }

    /// The instruction at exactly this code offset, if it may trap.
    pub fn trap_site(&self, code_offset: u32) -> Option<Site> {
        self.sites(code_offset).find(|site| site.code != crate::trap::CALL_SITE)
    }

    /// The call that returns to exactly this code offset.
    pub fn call_site(&self, code_offset: u32) -> Option<Site> {
        self.sites(code_offset).find(|site| site.code == crate::trap::CALL_SITE)
    }

    /// The inlined calls that a site is in, the innermost first. Ends at one that is damaged.
    pub fn inlined(&self, site: u32) -> impl Iterator<Item = &'a InlineFrame> + use<'a> {
        let (runs, frames) = (self.inline_runs(), self.inline_frames());
        let run = runs.partition_point(|run| run.site <= site).checked_sub(1).and_then(|i| runs.get(i));
        let mut next = run.map_or(NONE, |run| run.frame);
        core::iter::from_fn(move || {
            let frame = frames.get(next as usize)?;
            // Those around one come before it, so this ends.
            next = if frame.outer < next { frame.outer } else { NONE };
            Some(frame)
        })
    }

    /// The handlers of the call that returns to exactly this code offset.
    pub fn handler_site(&self, code_offset: u32) -> Option<&'a crate::format::HandlerSite> {
        let sites = self.handler_sites();
        let i = sites.partition_point(|site| site.return_offset < code_offset);
        sites.get(i).filter(|site| site.return_offset == code_offset)
    }

    /// The references in the frame of the call that returns to exactly this code offset.
    pub fn root_site(&self, code_offset: u32) -> Option<&'a crate::format::RootSite> {
        let sites = self.root_sites();
        let i = sites.partition_point(|site| site.return_offset < code_offset);
        sites.get(i).filter(|site| site.return_offset == code_offset)
    }

    /// What lies at this code offset.
    pub fn text_at(&self, code_offset: u32) -> Option<&'a crate::format::TextRecord> {
        let map = self.text_map();
        let i = map.partition_point(|r| r.offset <= code_offset).checked_sub(1)?;
        map.get(i).filter(|r| code_offset - r.offset < r.len)
    }

    /// The export of this name.
    pub fn export(&self, name: &str) -> Option<&'a crate::format::ExportRecord> {
        let exports = self.exports();
        let i = exports.binary_search_by(|e| self.string(e.name).unwrap_or("").as_bytes().cmp(name.as_bytes())).ok()?;
        exports.get(i)
    }
}

const _: () = assert!(TABLE_COUNT < 64);

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use zerocopy::IntoBytes;

    /// A header-only image, aligned as a mapping would be.
    fn minimal(edit: impl FnOnce(&mut Header)) -> Vec<u64> {
        let mut header = Header::new_zeroed();
        header.magic = MAGIC;
        header.format_version = FORMAT_VERSION;
        header.abi_version = ABI_VERSION;
        header.fingerprint = FINGERPRINT;
        header.arch = Arch::X86_64 as u32;
        header.guard_size = limits::GUARD_SIZE;
        header.file_len = 8192;
        header.loaded_len = 8192;
        header.text = Span { offset: 4096, len: 16 };
        edit(&mut header);
        header.header_checksum = header.checksum();
        let mut words = alloc::vec![0u64; 1024];
        let bytes = words.as_mut_bytes();
        bytes[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1]);
        bytes[16..20].copy_from_slice(&[3, 0, 62, 0]);
        bytes[HEADER_OFFSET..HEADER_OFFSET + size_of::<Header>()].copy_from_slice(header.as_bytes());
        words
    }

    use zerocopy::FromZeros;

    fn open(edit: impl FnOnce(&mut Header)) -> Result<(), FormatError> {
        View::new(minimal(edit).as_bytes(), 8192).map(|_| ())
    }

    #[test]
    fn a_minimal_image_is_accepted() {
        assert_eq!(open(|_| ()), Ok(()));
    }

    #[test]
    fn each_wrong_field_is_refused_by_its_own_error() {
        assert!(matches!(open(|h| h.magic[0] = 0), Err(FormatError::NotAnArtifact(_))));
        assert_eq!(open(|h| h.format_version += 1), Err(FormatError::FormatVersion { found: FORMAT_VERSION + 1 }));
        assert!(matches!(open(|h| h.abi_version += 1), Err(FormatError::Abi { .. })));
        assert!(matches!(open(|h| h.fingerprint ^= 1), Err(FormatError::Abi { .. })));
        assert_eq!(open(|h| h.arch = 3), Err(FormatError::UnknownArchitecture(3)));
        assert!(matches!(open(|h| h.arch = 183), Err(FormatError::Damaged { part: "header", .. })));
        assert!(matches!(open(|h| h.guard_size -= 1), Err(FormatError::Guard { .. })));
        assert!(matches!(open(|h| h.file_len += 1), Err(FormatError::Truncated { .. })));
        assert!(matches!(open(|h| h.file_len -= 1), Err(FormatError::Damaged { part: "file", .. })));
        assert!(matches!(open(|h| h.loaded_len = u64::MAX), Err(FormatError::Damaged { part: "header", .. })));
        assert!(matches!(open(|h| h.text.offset = 1), Err(FormatError::Damaged { part: "text", .. })));
        assert!(matches!(open(|h| h.text.len = u64::MAX), Err(FormatError::Damaged { part: "text", .. })));
        assert!(matches!(open(|h| h.image.offset = 1 << 63), Err(FormatError::Damaged { part: "image", .. })));
        assert!(matches!(open(|h| h.counts.types = 1), Err(FormatError::Damaged { part: "types", .. })));
    }

    #[test]
    fn each_table_is_held_to_its_bounds_alignment_and_record_size() {
        for &table in Table::ALL {
            let (size, align) = table.record_layout();
            let beyond = Span { offset: 8192, len: size as u64 };
            assert!(open(|h| h.tables[table as usize] = beyond).is_err(), "{} beyond", table.name());
            let wraps = Span { offset: u64::MAX - 7, len: size as u64 * 8 };
            assert!(open(|h| h.tables[table as usize] = wraps).is_err(), "{} wraps", table.name());
            if align > 1 {
                let skew = Span { offset: 4097, len: 0 };
                assert!(open(|h| h.tables[table as usize] = skew).is_err(), "{} skew", table.name());
            }
            if size > 1 {
                let part = Span { offset: 4096, len: size as u64 - 1 };
                assert!(open(|h| h.tables[table as usize] = part).is_err(), "{} part", table.name());
            }
        }
    }

    #[test]
    fn any_damaged_byte_of_the_header_is_found() {
        let words = minimal(|_| ());
        for i in HEADER_OFFSET..HEADER_OFFSET + size_of::<Header>() {
            let mut words = words.clone();
            words.as_mut_bytes()[i] ^= 0x10;
            assert!(View::new(words.as_bytes(), 8192).is_err(), "byte {i}");
        }
    }

    #[test]
    fn no_prefix_of_an_image_panics() {
        let words = minimal(|_| ());
        let bytes = words.as_bytes();
        for len in 0..bytes.len() {
            assert!(View::new(&bytes[..len], len as u64).is_err());
        }
    }
}
