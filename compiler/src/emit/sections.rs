//! Where each part lies, and the file. `runtime_abi::format` draws it.

use super::elf::{self, Program, Section};
use super::tables::Tables;
use super::{Parts, eh_frame, symtab};
use crate::error::{CompileError, Result};
use crate::link::Text;
use crate::symbol::Symbol;
use bailiwick_runtime_abi::context::Anchor;
use bailiwick_runtime_abi::format::*;
use bailiwick_runtime_abi::limits::{GUARD_SIZE, segment_alignment};
use bailiwick_runtime_abi::{ABI_VERSION, FINGERPRINT, FORMAT_VERSION};
use sha2::{Digest, Sha256};
use zerocopy::IntoBytes;

/// The compiler's name and version, at most 32 bytes.
pub(crate) const COMPILER: &str = concat!("bailiwickc ", env!("CARGO_PKG_VERSION"), " clif 0.135.8");

const _: () = assert!(COMPILER.len() <= 32);

/// The file while it grows. Parts are written where they will be loaded: offset = address.
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn align(&mut self, alignment: u64) -> u64 {
        self.bytes.resize((self.bytes.len() as u64).next_multiple_of(alignment) as usize, 0);
        self.bytes.len() as u64
    }

    fn append(&mut self, alignment: u64, part: &[u8]) -> Span {
        let offset = self.align(alignment);
        self.bytes.extend_from_slice(part);
        Span { offset, len: part.len() as u64 }
    }
}

/// Writes the artifact.
pub(crate) fn artifact(parts: &Parts<'_>, mut text: Text) -> Result<Vec<u8>> {
    let arch = parts.options.target;
    let page = segment_alignment(arch);
    let mut tables = Tables::new(parts, &text)?;

    // Places first: the code holds distances to the call tables, and they to the code.
    let text_offset = ((HEADER_OFFSET + size_of::<Header>()) as u64).next_multiple_of(page);
    let data_offset = (text_offset + text.bytes.len() as u64).next_multiple_of(page);
    let call_tables = tables.call_targets(parts, &text, data_offset, text_offset)?;
    text.patch(text_offset, |table| call_tables[table as usize])?;

    let mut file = Writer { bytes: Vec::new() };
    let text_span = {
        file.align(page);
        file.bytes.resize(text_offset as usize, 0);
        // It is there now; from here on only places matter.
        file.append(page, &std::mem::take(&mut text.bytes))
    };
    let mut spans = [Span::default(); TABLE_COUNT];
    spans[Table::CallTables as usize] = file.append(page, tables.bytes(Table::CallTables));
    debug_assert_eq!(spans[Table::CallTables as usize].offset, data_offset);

    // The runs' places follow from the sizes of what lies in front of them.
    let runs = &parts.facts.images.runs;
    let runs_size = (runs.len() * size_of::<ImageRun>()) as u64;
    let tables_offset = file.align(8);
    let mut end = tables_offset;
    for &table in Table::ALL {
        if table != Table::CallTables {
            end = end.next_multiple_of(8)
                + if table == Table::ImageRuns { runs_size } else { tables.bytes(table).len() as u64 };
        }
    }
    let frame_offset = end.next_multiple_of(8);
    let (frame, frame_header) = eh_frame::write(parts, &text, text_offset, frame_offset)?;
    let data_end = (frame_offset + frame.len() as u64).next_multiple_of(8) + frame_header.len() as u64;
    let image_offset = data_end.next_multiple_of(page);
    let mut next = image_offset;
    let run_offsets: Vec<u64> = runs
        .iter()
        .map(|run| {
            let offset = next;
            next += (run.bytes.len() as u64).next_multiple_of(page);
            offset
        })
        .collect();
    tables.image_runs(parts, &run_offsets);

    for &table in Table::ALL {
        if table != Table::CallTables {
            spans[table as usize] = file.append(8, tables.bytes(table));
        }
    }
    let tables_span = Span { offset: tables_offset, len: file.bytes.len() as u64 - tables_offset };
    let frame_span = file.append(8, &frame);
    let frame_header_span = file.append(8, &frame_header);
    if frame_span.offset != frame_offset || file.bytes.len() as u64 != data_end {
        return Err(CompileError::internal("the parts of the artifact are not where they were planned"));
    }
    let data_span = Span { offset: data_offset, len: data_end - data_offset };
    let mut image_span = Span::default();
    if !runs.is_empty() {
        file.align(page);
        for run in runs {
            file.append(page, &run.bytes);
        }
        image_span = Span { offset: image_offset, len: file.align(page) - image_offset };
    }
    let loaded_len = file.bytes.len() as u64;

    // Not loaded: what tools read.
    let symbols = symtab::write(parts, &text, text_offset);
    let symbols_span = file.append(8, &symbols.table);
    let names_span = file.append(1, &symbols.names);
    let header_span = Span { offset: 0, len: (HEADER_OFFSET + size_of::<Header>()) as u64 };
    let note_span = Span {
        offset: (HEADER_OFFSET - elf::NOTE_HEADER_SIZE) as u64,
        len: (elf::NOTE_HEADER_SIZE + size_of::<Header>()) as u64,
    };
    let mut sections = vec![
        Section::loaded(".note.bailiwick", elf::SHT_NOTE, 0, note_span, 8),
        Section::loaded(".text", elf::SHT_PROGBITS, elf::SHF_EXECINSTR, text_span, page),
    ];
    if spans[Table::CallTables as usize].len > 0 {
        sections.push(Section::loaded(".rodata", elf::SHT_PROGBITS, 0, spans[Table::CallTables as usize], 8));
    }
    sections.extend([
        Section::loaded(".bailiwick", elf::SHT_PROGBITS, 0, tables_span, 8),
        Section::loaded(".eh_frame", elf::SHT_PROGBITS, 0, frame_span, 8),
        Section::loaded(".eh_frame_hdr", elf::SHT_PROGBITS, 0, frame_header_span, 4),
    ]);
    if image_span.len > 0 {
        sections.push(Section::loaded(".bailiwick.image", elf::SHT_PROGBITS, 0, image_span, page));
    }
    sections.extend([Section::symtab(symbols_span, symbols.local_count), Section::strtab(".strtab", names_span)]);
    let mut programs = vec![
        Program::load(header_span, elf::PF_R, page),
        Program::load(text_span, elf::PF_R | elf::PF_X, page),
        Program::load(data_span, elf::PF_R, page),
    ];
    if image_span.len > 0 {
        programs.push(Program::load(image_span, elf::PF_R, page));
    }
    programs.extend([
        Program::new(elf::PT_NOTE, elf::PF_R, note_span, 8),
        Program::new(elf::PT_GNU_EH_FRAME, elf::PF_R, frame_header_span, 4),
        Program::new(elf::PT_GNU_STACK, elf::PF_R | elf::PF_W, Span::default(), 16),
    ]);
    elf::finish(&mut file.bytes, arch, &programs, sections)?;

    let polls = if parts.facts.polls.is_some() { FLAG_POLLS } else { 0 };
    let anchored = if parts.facts.anchor == Anchor::Memory { FLAG_ANCHORED } else { 0 };
    let mut header = Header {
        magic: MAGIC,
        format_version: FORMAT_VERSION,
        abi_version: ABI_VERSION,
        fingerprint: FINGERPRINT,
        arch: arch as u32,
        flags: polls | anchored,
        features: parts.target.features,
        wasm_features: parts.module.wasm_features,
        loaded_len,
        file_len: file.bytes.len() as u64,
        text: text_span,
        image: image_span,
        guard_size: GUARD_SIZE,
        header_checksum: 0,
        shape_checksum: 0,
        frames_checksum: 0,
        source_sha256: parts.source_sha256,
        content_sha256: [0; 32],
        compiler: [0; 32],
        options: tables.options,
        counts: parts.facts.layout.counts(),
        start_function: parts.module.start.unwrap_or(NONE),
        denied_stub: text.offset(Symbol::Denied).unwrap_or(NONE),
        tables: spans,
    };
    header.compiler[..COMPILER.len()].copy_from_slice(COMPILER.as_bytes());
    header.frames_checksum = header.frames_checksum(&file.bytes);
    header.shape_checksum = header.shape_checksum(&file.bytes);
    let place = HEADER_OFFSET..HEADER_OFFSET + size_of::<Header>();
    file.bytes[place.clone()].copy_from_slice(header.as_bytes());
    header.content_sha256 = Sha256::digest(&file.bytes).into();
    header.header_checksum = header.checksum();
    file.bytes[place].copy_from_slice(header.as_bytes());
    Ok(file.bytes)
}
