//! ELF64 headers (System V ABI, "Object Files"; the numbers are those of `elf.h`).
//!
//! ```text
//!    0   Elf64_Ehdr   64 bytes
//!   64   Elf64_Phdr   56 bytes each; up to HEADER_OFFSET - 24
//!  …     note header  namesz, descsz, type, "Bailiwick\0" padded to 12; its descriptor is the Header
//!  end   Elf64_Shdr   64 bytes each
//! ```

use crate::error::{CompileError, Result};
use bailiwick_runtime_abi::format::{HEADER_OFFSET, Header, NOTE_NAME, NOTE_TYPE, Span};
use bailiwick_runtime_abi::types::Arch;

const EHDR_SIZE: usize = 64;
const PHDR_SIZE: usize = 56;
const SHDR_SIZE: usize = 64;
/// Bytes of a note in front of its descriptor.
pub(super) const NOTE_HEADER_SIZE: usize = 12 + NOTE_NAME.len().next_multiple_of(4);

const ET_DYN: u16 = 3;
const PT_LOAD: u32 = 1;
pub(super) const PT_NOTE: u32 = 4;
pub(super) const PT_GNU_EH_FRAME: u32 = 0x6474_e550;
pub(super) const PT_GNU_STACK: u32 = 0x6474_e551;
pub(super) const PF_X: u32 = 1;
pub(super) const PF_W: u32 = 2;
pub(super) const PF_R: u32 = 4;
pub(super) const SHT_PROGBITS: u32 = 1;
const SHT_SYMTAB: u32 = 2;
const SHT_STRTAB: u32 = 3;
pub(super) const SHT_NOTE: u32 = 7;
const SHF_ALLOC: u64 = 2;
pub(super) const SHF_EXECINSTR: u64 = 4;
/// Bytes of a symbol.
pub(super) const SYM_SIZE: usize = 24;
/// Section index of `.text`: [`super::sections`] puts it behind the null section and the note.
pub(super) const TEXT_SECTION: u16 = 2;

/// A program header.
pub(super) struct Program {
    kind: u32,
    flags: u32,
    span: Span,
    align: u64,
}

impl Program {
    pub fn new(kind: u32, flags: u32, span: Span, align: u64) -> Program {
        Program { kind, flags, span, align }
    }

    pub fn load(span: Span, flags: u32, align: u64) -> Program {
        Program::new(PT_LOAD, flags, span, align)
    }
}

/// A section header. Addresses are file offsets.
pub(super) struct Section {
    name: &'static str,
    kind: u32,
    flags: u64,
    span: Span,
    /// Symbols: index of the first that is not local.
    info: u32,
    align: u64,
    entry_size: u64,
}

impl Section {
    pub fn loaded(name: &'static str, kind: u32, flags: u64, span: Span, align: u64) -> Section {
        Section { name, kind, flags: flags | SHF_ALLOC, span, info: 0, align, entry_size: 0 }
    }

    pub fn symtab(span: Span, local_count: u32) -> Section {
        let (name, kind) = (".symtab", SHT_SYMTAB);
        Section { name, kind, flags: 0, span, info: local_count, align: 8, entry_size: SYM_SIZE as u64 }
    }

    pub fn strtab(name: &'static str, span: Span) -> Section {
        Section { name, kind: SHT_STRTAB, flags: 0, span, info: 0, align: 1, entry_size: 0 }
    }
}

/// Little-endian fields, one after another.
pub(super) trait Fields {
    fn u16(&mut self, value: u16);
    fn u32(&mut self, value: u32);
    fn u64(&mut self, value: u64);
}

impl Fields for Vec<u8> {
    fn u16(&mut self, value: u16) {
        self.extend(value.to_le_bytes());
    }
    fn u32(&mut self, value: u32) {
        self.extend(value.to_le_bytes());
    }
    fn u64(&mut self, value: u64) {
        self.extend(value.to_le_bytes());
    }
}

/// Appends the names of sections and the section headers, and writes all headers at the beginning of the file.
pub(super) fn finish(file: &mut Vec<u8>, arch: Arch, programs: &[Program], mut sections: Vec<Section>) -> Result<()> {
    let mut names = vec![0];
    let mut name_offsets = Vec::new();
    for name in sections.iter().map(|section| section.name).chain([".shstrtab"]) {
        name_offsets.push(names.len() as u32);
        names.extend(name.bytes());
        names.push(0);
    }
    sections.push(Section::strtab(".shstrtab", Span { offset: file.len() as u64, len: names.len() as u64 }));
    file.extend(names);
    file.resize(file.len().next_multiple_of(8), 0);
    let section_headers = file.len() as u64;
    file.extend([0; SHDR_SIZE]);
    let strtab = sections.iter().position(|section| section.name == ".strtab").map_or(0, |i| i as u32 + 1);
    for (section, name) in sections.iter().zip(name_offsets) {
        file.u32(name);
        file.u32(section.kind);
        file.u64(section.flags);
        file.u64(if section.flags & SHF_ALLOC != 0 { section.span.offset } else { 0 });
        file.u64(section.span.offset);
        file.u64(section.span.len);
        file.u32(if section.kind == SHT_SYMTAB { strtab } else { 0 });
        file.u32(section.info);
        file.u64(section.align);
        file.u64(section.entry_size);
    }

    let mut head = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0];
    head.u64(0);
    head.u16(ET_DYN);
    head.u16(arch as u16);
    head.u32(1);
    head.u64(0);
    head.u64(EHDR_SIZE as u64);
    head.u64(section_headers);
    head.u32(0);
    head.u16(EHDR_SIZE as u16);
    head.u16(PHDR_SIZE as u16);
    head.u16(programs.len() as u16);
    head.u16(SHDR_SIZE as u16);
    head.u16(sections.len() as u16 + 1);
    // The names of sections are the last section.
    head.u16(sections.len() as u16);
    for program in programs {
        head.u32(program.kind);
        head.u32(program.flags);
        // Offset, virtual and physical address.
        head.u64(program.span.offset);
        head.u64(program.span.offset);
        head.u64(program.span.offset);
        head.u64(program.span.len);
        head.u64(program.span.len);
        head.u64(program.align);
    }
    let note = HEADER_OFFSET - NOTE_HEADER_SIZE;
    if head.len() > note || file.len() < HEADER_OFFSET {
        return Err(CompileError::internal("the ELF headers do not fit in front of the note"));
    }
    head.resize(note, 0);
    head.u32(NOTE_NAME.len() as u32);
    head.u32(size_of::<Header>() as u32);
    head.u32(NOTE_TYPE);
    head.extend(NOTE_NAME);
    head.resize(HEADER_OFFSET, 0);
    file[..HEADER_OFFSET].copy_from_slice(&head);
    Ok(())
}
