//! Operators as text, with where each is in the binary.

use crate::error::{CompileError, Result};
use std::collections::{BTreeMap, BTreeSet};
use wasm_encoder::{CodeSection, RawSection};
use wasmparser::{FunctionBody, Parser, Payload};

/// A line: an operator, or the function's declaration or locals.
pub(super) struct Line {
    /// Offset in the binary.
    pub offset: u32,
    pub text: String,
}

/// A body without locals and operators.
const EMPTY: &[u8] = b"\0\x0b";

/// The lines of those functions that are `wanted`, by function index. `imported` is how many functions the module imports, and
/// `bodies` are those of the others.
pub(super) fn lines(
    wasm: &[u8],
    imported: u32,
    bodies: &[FunctionBody<'_>],
    wanted: &BTreeSet<u32>,
) -> Result<BTreeMap<u32, Vec<Line>>> {
    let small = without_others(wasm, |function| wanted.contains(&(imported + function)))?;
    let mut places = Vec::with_capacity(bodies.len());
    for payload in Parser::new(0).parse_all(&small) {
        if let Payload::CodeSectionEntry(body) = payload.map_err(unwritable)? {
            places.push(body.range());
        }
    }
    let mut text = String::new();
    let config = wasmprinter::Config::new();
    let printed = config.offsets_and_lines(&small, &mut text).map_err(unwritable)?;
    let mut found: BTreeMap<u32, Vec<Line>> = BTreeMap::new();
    for (offset, line) in printed {
        let Some(offset) = offset else { continue };
        let function = places.partition_point(|place| place.end <= offset);
        let Some(place) = places.get(function).filter(|place| place.start <= offset) else { continue };
        let index = imported + function as u32;
        if let Some(body) = bodies.get(function)
            && wanted.contains(&index)
        {
            let offset = offset - place.start + body.range().start;
            // The module's own indentation.
            let text = line.strip_prefix("  ").unwrap_or(line).trim_end().to_owned();
            found.entry(index).or_default().push(Line { offset: offset as u32, text });
        }
    }
    for (index, lines) in &mut found {
        // The end of a body without operators has no line of its own, and may have code all the same.
        let end = bodies.get((index - imported) as usize).map_or(0, |body| body.range().end as u32).saturating_sub(1);
        if lines.last().is_some_and(|line| line.offset < end) {
            lines.push(Line { offset: end, text: "  end".to_owned() });
        }
    }
    Ok(found)
}

/// The module with empty bodies for all functions but some, and without what these need not be shown: what is written then
/// is not longer than what is shown, but for a line each.
fn without_others(wasm: &[u8], wanted: impl Fn(u32) -> bool) -> Result<Vec<u8>> {
    let mut module = wasm_encoder::Module::new();
    let mut code = CodeSection::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(unwritable)?;
        match &payload {
            Payload::CodeSectionEntry(body) => {
                code.raw(if wanted(code.len()) { body.as_bytes() } else { EMPTY });
                continue;
            }
            Payload::TypeSection(_)
            | Payload::ImportSection(_)
            | Payload::FunctionSection(_)
            | Payload::TableSection(_)
            | Payload::MemorySection(_)
            | Payload::TagSection(_)
            | Payload::GlobalSection(_) => {}
            Payload::CustomSection(section) if section.name() == "name" => {}
            _ => continue,
        }
        if let Some((id, range)) = payload.as_section() {
            let data = wasm.get(range.start as usize..range.end as usize).unwrap_or_default();
            module.section(&RawSection { id, data });
        }
    }
    module.section(&code);
    Ok(module.finish())
}

/// The module was validated, so this is a defect.
fn unwritable(error: impl std::fmt::Display) -> CompileError {
    CompileError::internal(format!("the module can't be written as text: {error}"))
}
