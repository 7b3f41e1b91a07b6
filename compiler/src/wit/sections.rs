//! `component-type` sections → packages and a world.
//!
//! Bindings generators put the world of a module into it, as a component that exports nothing but the world's type, with a
//! custom section that says how strings are encoded. Where several were linked into one module, its world is all of theirs
//! together.

use super::parse::{Parsed, built_in};
use crate::error::{CompileError, Result};
use crate::shortened;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmparser::{Parser, Payload};
use wit_parser::{CloneMaps, Resolve, WorldId};

/// Most sections of one module. Generators write one for each world that was linked in.
const MAX_SECTIONS: usize = 64;
/// Most bytes of all of them.
const MAX_SIZE: usize = 1 << 18;
/// Most functions, types and interfaces that all of them mean together. An instance's type can be imported by many names, so
/// few bytes can mean very much; the validator bounds what one section means, at some times this.
const MAX_MEANT: usize = 1 << 18;
/// Most levels of components and types of components within one another. Generators write three.
const MAX_NESTING: usize = 8;
/// The custom section within, and the format and the encoding, UTF-8, that it has to say.
const ENCODING: (&str, [u8; 2]) = ("wit-component-encoding", [4, 0]);

/// A section: its name, its contents, and the offset at which these begin in the module.
pub(super) type Section<'a> = (&'a str, &'a [u8], u64);

/// Reads the sections, at least one.
pub(super) fn read(sections: &[Section<'_>]) -> Result<Parsed> {
    if sections.len() > MAX_SECTIONS {
        let what = format!("the module has {} component-type sections", sections.len());
        return Err(CompileError::Limit { what, limit: MAX_SECTIONS as u64 });
    }
    let size: usize = sections.iter().map(|(_, data, _)| data.len()).sum();
    if size > MAX_SIZE {
        let what = format!("the module's component-type sections have {size} bytes");
        return Err(CompileError::Limit { what, limit: MAX_SIZE as u64 });
    }
    let mut all: Option<(Resolve, WorldId)> = None;
    let mut meant = 0;
    for &(name, data, offset) in sections {
        let wrong = |message: String| CompileError::ComponentType {
            section: name.chars().take(200).collect(),
            offset,
            message: shortened(&message),
        };
        // What decodes them was written for what its own encoder writes.
        let read = catch_unwind(AssertUnwindSafe(|| {
            encoding(data)?;
            let (resolve, world) = wit_parser::decoding::decode_world(data).map_err(|e| format!("{e:#}"))?;
            meant += size_of(&resolve);
            if meant > MAX_MEANT {
                return Err(format!("it means more than {MAX_MEANT} functions and types, with those before it"));
            }
            match all.take() {
                None => Ok((resolve, world)),
                Some(into) => merge(into, (resolve, world)),
            }
        }));
        let read = read.unwrap_or_else(|_| Err("it is not what an encoder writes".to_owned()));
        all = Some(read.map_err(wrong)?);
    }
    let Some((resolve, world)) = all else { return Err(CompileError::internal("no component-type section")) };
    let built_in = built_in(&resolve)?;
    Ok(Parsed { resolve, world, built_in })
}

/// Finds the encoding of strings, and that it is ours; and that nothing is deeper than decoders can go.
fn encoding(data: &[u8]) -> Result<(), String> {
    if !Parser::is_component(data) {
        return Err("it is no component".to_owned());
    }
    let mut found = None;
    let mut depth = 0usize;
    for payload in Parser::new(0).parse_all(data) {
        match payload.map_err(|e| e.to_string())? {
            Payload::CustomSection(section) if section.name() == ENCODING.0 => found = Some(section.data()),
            Payload::ComponentSection { .. } | Payload::ModuleSection { .. } => {
                depth += 1;
                if depth > MAX_NESTING {
                    return Err(format!("it has more than {MAX_NESTING} components within one another"));
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    match found {
        Some(found) if *found == ENCODING.1 => Ok(()),
        Some([4, 1 | 2]) => Err("its strings are UTF-16, and only UTF-8 is supported".to_owned()),
        Some(_) => Err(format!("its {} is of another version", ENCODING.0)),
        None => Err(format!("it has no {}, so no bindings generator wrote it", ENCODING.0)),
    }
}

/// How many functions, types and interfaces there are.
fn size_of(resolve: &Resolve) -> usize {
    let functions = resolve.interfaces.iter().map(|(_, interface)| interface.functions.len()).sum::<usize>();
    let items = resolve.worlds.iter().map(|(_, world)| world.imports.len() + world.exports.len()).sum::<usize>();
    functions + items + resolve.types.len() + resolve.interfaces.len()
}

/// All that two worlds have.
fn merge((mut all, into): (Resolve, WorldId), (more, from): (Resolve, WorldId)) -> Result<(Resolve, WorldId), String> {
    let failed = |e: &dyn std::fmt::Display| format!("it contradicts another one: {e:#}");
    let map = all.merge(more).map_err(|e| failed(&e))?;
    let from = map.map_world(from, Default::default()).map_err(|e| failed(&e))?;
    if from != into {
        all.merge_worlds(from, into, &mut CloneMaps::default()).map_err(|e| failed(&e))?;
    }
    Ok((all, into))
}
