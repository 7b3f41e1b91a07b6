//! Which functions of a module are shown.

use crate::error::{CompileError, Result};
use crate::module::{Entity, Module};
use std::collections::HashSet;
use wasmparser::FunctionBody;

/// Functions that are shown unless some are named, at most.
const FUNCTIONS: usize = 100;
/// Bytes of their bodies, at most; but the first one is shown. A page is some two hundred times as long.
const BODIES: usize = 32 << 10;
/// Names that an error mentions.
const SIMILAR: usize = 5;

/// What is shown.
#[derive(Debug)]
pub(super) struct Choice {
    /// Functions that the module defines, by index.
    pub functions: Vec<u32>,
    /// What is to be said about the others.
    pub note: Option<String>,
}

/// The functions that are wanted, by name or index, in that order; or the first ones, if none is.
pub(super) fn choose(module: &Module<'_>, bodies: &[FunctionBody<'_>], wanted: &[String]) -> Result<Choice> {
    let first = module.imported_functions;
    if wanted.is_empty() {
        let mut left = BODIES;
        let fits = |(i, body): &(usize, &FunctionBody<'_>)| {
            let len = body.as_bytes().len();
            let fits = *i == 0 || len <= left;
            left = left.saturating_sub(len);
            fits
        };
        let count = bodies.iter().take(FUNCTIONS).enumerate().take_while(fits).count();
        let note = (count < bodies.len()).then(|| {
            format!("The first {count} of {} functions. Others are shown if named: --function NAME", bodies.len())
        });
        return Ok(Choice { functions: (first..first + count as u32).collect(), note });
    }
    let mut functions = Vec::new();
    let mut seen = HashSet::new();
    for asked in wanted {
        let found = find(module, asked);
        if !found.iter().any(|&function| function >= first) {
            let imported = !found.is_empty();
            return Err(CompileError::NoFunction { asked: asked.clone(), imported, similar: similar(module, asked) });
        }
        functions.extend(found.into_iter().filter(|&function| function >= first && seen.insert(function)));
    }
    Ok(Choice { functions, note: None })
}

/// The functions of a name, ascending, by the name section or an export; or else that of an index.
fn find(module: &Module<'_>, asked: &str) -> Vec<u32> {
    let exported =
        module.exports.iter().filter(|export| export.name == asked).filter_map(|export| match export.entity {
            Entity::Function(function) => Some(function),
            _ => None,
        });
    let all = 0..module.functions.len() as u32;
    let mut found: Vec<u32> =
        all.clone().filter(|&i| !asked.is_empty() && module.name(i) == asked).chain(exported).collect();
    if found.is_empty() {
        found.extend(asked.parse().ok().filter(|index| all.contains(index)));
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn similar(module: &Module<'_>, asked: &str) -> Vec<String> {
    let asked = asked.to_lowercase();
    let names = (module.imported_functions..module.functions.len() as u32).map(|i| module.name(i));
    let contains = |name: &&str| !name.is_empty() && !asked.is_empty() && name.to_lowercase().contains(&asked);
    names.filter(contains).take(SIMILAR).map(str::to_owned).collect()
}
