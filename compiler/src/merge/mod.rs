//! Modules that are linked when they are compiled: made one before all else, so that what is done for one module is done
//! across them. Calls are inlined, memories and tables are reached without a look at whose they are.
//!
//! ```text
//!  linked modules ─┐
//!                  ├─► parse, validate ─► layout ─► encode ─► one binary, which is compiled like any other
//!  main module ────┘     each alone       who has what           and Origins: where its operators were
//! ```
//!
//! A guest can't tell it from linking at run time. Each module has its own memories, tables and globals, under other
//! indices. Each is initialised, segments and start function, after what it imports from (`initial`). Imports are held
//! against exports by the rules of the specification, with the types as declared: a memory that a start function grows
//! counts as it was. Backtraces name a linked module's functions `NAME!function`, and offsets are those of its own binary.
//!
//! Architecture invariant: the merged module is validated again, by whoever compiles it. So nothing in this folder has to be
//! right for a guest to stay confined.

mod encode;
mod initial;
mod layout;
mod origins;

#[cfg(test)]
mod tests;

pub(crate) use origins::Origins;

use crate::error::{CompileError, LinkProblem, Result};
use crate::options::Options;
use crate::parse::WasmFeatures;
use layout::{Layout, Part};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write;

/// A module whose exports satisfy what the compiled module, and others linked to it, import from its name.
///
/// One that is linked by two names is two instances, each with a state of its own.
#[derive(Clone, Copy, Debug)]
pub struct Linked<'a> {
    /// The module name of the imports.
    pub name: &'a str,
    /// The module, in the binary format.
    pub wasm: &'a [u8],
}

impl Linked<'_> {
    /// What tells it apart from others in a cache, as an option on a command line.
    pub(crate) fn canonical(&self) -> String {
        let mut text = String::from(" --link ");
        for c in self.name.chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                c if c.is_ascii_graphic() => text.push(c),
                c => text.extend(c.escape_unicode()),
            }
        }
        text.push_str("=sha256:");
        for byte in Sha256::digest(self.wasm) {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

/// What is compiled: a module, or several as one.
pub(crate) struct Source<'a> {
    pub wasm: Cow<'a, [u8]>,
    pub origins: Origins,
    /// What it may use of the language.
    pub features: WasmFeatures,
    /// SHA-256 of the WebAssembly: of the binary, or of several with their names, in the order given.
    pub sha256: [u8; 32],
    merged: bool,
}

impl<'a> Source<'a> {
    /// The module, with those of the options linked to it.
    pub fn new(wasm: &'a [u8], options: &Options<'_>) -> Result<Source<'a>> {
        if options.linked.is_empty() {
            return Ok(Source {
                wasm: Cow::Borrowed(wasm),
                origins: Origins::default(),
                features: options.wasm_features,
                sha256: Sha256::digest(wasm).into(),
                merged: false,
            });
        }
        let mut hash = Sha256::new();
        hash.update(b"linked modules\0");
        hash.update(Sha256::digest(wasm));
        let mut parts = Vec::with_capacity(options.linked.len() + 1);
        for &Linked { name, wasm } in options.linked {
            if parts.iter().any(|part: &Part<'_>| part.name == Some(name)) {
                return Err(LinkProblem::Twice { name: name.to_owned() }.into());
            }
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name);
            hash.update(Sha256::digest(wasm));
            let part = Part::new(Some(name), wasm, options);
            parts.push(part.map_err(|error| CompileError::Linked { name: name.to_owned(), error: Box::new(error) })?);
        }
        parts.push(Part::new(None, wasm, options)?);
        let layout = Layout::new(in_order(parts)?)?;
        let (merged, origins) = encode::encode(&layout)?;
        // What each of them may use was asked before. Together they may have more memories than one, and the like.
        let features = WasmFeatures::ALL;
        Ok(Source { wasm: Cow::Owned(merged), origins, features, sha256: hash.finalize().into(), merged: true })
    }

    /// Says what an error is about: offsets in a merged module are of no file.
    pub fn explain(&self, error: CompileError) -> CompileError {
        use CompileError::{Invalid, Limit, Malformed, Unsupported};
        match error {
            Limit { .. } | Malformed { .. } | Invalid { .. } | Unsupported { .. } if self.merged => {
                CompileError::Together { error: Box::new(error) }
            }
            error => error,
        }
    }
}

/// The modules, each behind those that it imports from and else as they were given; the main one, given last, stays last.
fn in_order(parts: Vec<Part<'_>>) -> Result<Vec<Part<'_>>> {
    let by_name: HashMap<&str, usize> =
        parts.iter().enumerate().filter_map(|(i, part)| Some((part.name?, i))).collect();
    let providers = |i: usize| parts[i].module.imports.iter().filter_map(|import| by_name.get(import.module).copied());
    let mut used = vec![false; parts.len()];
    (0..parts.len()).flat_map(providers).for_each(|provider| used[provider] = true);
    if let Some(name) = (0..parts.len()).find_map(|i| parts[i].name.filter(|_| !used[i])) {
        return Err(LinkProblem::Unused { name: name.to_owned(), imported: imported(&parts) }.into());
    }
    let mut placed = vec![false; parts.len()];
    let mut order = Vec::with_capacity(parts.len());
    while order.len() < parts.len() {
        let ready = |&i: &usize| !placed[i] && providers(i).all(|provider| placed[provider]);
        let Some(next) = (0..parts.len()).find(ready) else {
            let waits = |i: usize| providers(i).find(|&provider| !placed[provider]);
            return Err(LinkProblem::Circle { names: circle(&parts, waits) }.into());
        };
        placed[next] = true;
        order.push(next);
    }
    let mut parts: Vec<_> = parts.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|i| parts[i].take()).collect())
}

/// The names of modules of which each waits for the next, and the last is the first.
fn circle(parts: &[Part<'_>], waits: impl Fn(usize) -> Option<usize>) -> Vec<String> {
    // The main module waits, or else it would have been placed; and so does whatever it waits for.
    let mut path = vec![parts.len() - 1];
    while let Some(next) = path.last().and_then(|&last| waits(last)) {
        let seen = path.iter().position(|&i| i == next);
        path.push(next);
        if let Some(first) = seen {
            return path[first..].iter().filter_map(|&i| parts[i].name.map(str::to_owned)).collect();
        }
    }
    Vec::new()
}

/// The first few names of modules that imports are from.
fn imported(parts: &[Part<'_>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for import in parts.iter().flat_map(|part| &part.module.imports) {
        if names.len() < 5 && !names.iter().any(|name| name == import.module) {
            names.push(import.module.to_owned());
        }
    }
    names
}
