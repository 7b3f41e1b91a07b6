//! Parts of the language by name: what is switched off is refused by its name, what is used is recorded, and what a loader
//! was built without it refuses.

use bailiwick_compiler::{CompileError, Options, WasmFeature, WasmFeatures, compile};
use bailiwick_loader::{Artifact, Error, Group, Imports, Val};
use bailiwick_runtime_abi::format::{HEADER_OFFSET, Header};
use bailiwick_tests::compile::{binary, host};
use wast::{QuoteWat, Wast, WastDirective};
use zerocopy::{FromBytes, IntoBytes};

/// A module for each feature that needs it, and of the others at most what it is built on.
const NEEDED_BY: &[(WasmFeature, &str)] = &[
    (WasmFeature::MutableGlobal, r#"(module (global (export "g") (mut i32) (i32.const 0)))"#),
    (WasmFeature::SignExtension, "(module (func (param i32) (result i32) (i32.extend8_s (local.get 0))))"),
    (
        WasmFeature::SaturatingConversions,
        "(module (func (param f32) (result i32) (i32.trunc_sat_f32_s (local.get 0))))",
    ),
    (WasmFeature::MultiValue, "(module (func (result i32 i32) (i32.const 0) (i32.const 1)))"),
    (WasmFeature::BulkMemory, "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))"),
    (WasmFeature::ReferenceTypes, "(module (func (param externref)))"),
    (WasmFeature::ExtendedConst, "(module (global i32 (i32.add (i32.const 0) (i32.const 1))))"),
    (WasmFeature::Simd, "(module (func (param v128)))"),
    (
        WasmFeature::RelaxedSimd,
        "(module (func (param v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))",
    ),
    (WasmFeature::TailCall, "(module (func $f (return_call $f)))"),
    (WasmFeature::MultiMemory, "(module (memory 1) (memory 1))"),
    (WasmFeature::Memory64, "(module (memory i64 1))"),
    (WasmFeature::Exceptions, "(module (tag))"),
    (WasmFeature::FunctionReferences, "(module (type $f (func)) (func (param (ref $f))))"),
    (WasmFeature::Threads, "(module (memory 1 1 shared) (func (result i32) (i32.atomic.load (i32.const 0))))"),
    (
        WasmFeature::WideArithmetic,
        "(module (func (param i64 i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 1))))",
    ),
    (WasmFeature::CustomPageSizes, "(module (memory 1 (pagesize 1)))"),
];

fn options(features: WasmFeatures) -> Options<'static> {
    Options { target: host(), wasm_features: features, jobs: Some(1), ..Options::default() }
}

fn header(artifact: &[u8]) -> Header {
    Header::read_from_bytes(&artifact[HEADER_OFFSET..][..size_of::<Header>()]).unwrap()
}

/// The features that an artifact records.
fn recorded(artifact: &[u8]) -> Vec<&'static str> {
    let bits = header(artifact).wasm_features;
    WasmFeature::ALL.iter().filter(|feature| bits & feature.bit() != 0).map(|feature| feature.name()).collect()
}

#[test]
fn a_feature_that_is_off_is_named_by_who_needs_it_and_no_matter_to_others() {
    let plain = binary("(module (func (param i32) (result i32) (local.get 0)))");
    for (feature, text) in NEEDED_BY {
        let without = WasmFeatures::ALL.without(*feature);
        match compile(&binary(text), &options(without)) {
            Err(CompileError::SwitchedOff { feature: name, .. }) => assert_eq!(name, feature.name(), "{text}"),
            Err(error) => panic!("{text}: {error}"),
            Ok(_) => panic!("{text}: compiled without {}", feature.name()),
        }
        let artifact = compile(&plain, &options(without)).unwrap();
        assert_eq!(recorded(&artifact), [""; 0], "{}", feature.name());
    }
    let tested = NEEDED_BY.len();
    assert_eq!(tested, WasmFeature::ALL.iter().filter(|&&feature| WasmFeatures::ALL.has(feature)).count());
}

#[test]
fn an_artifact_records_what_it_needs_and_compiles_with_no_more() {
    for (feature, text) in NEEDED_BY {
        let wasm = binary(text);
        let artifact = match compile(&wasm, &options(WasmFeatures::ALL)) {
            Ok(artifact) => artifact,
            Err(error) => panic!("{text}: {error}"),
        };
        let names = recorded(&artifact);
        assert!(names.contains(&feature.name()), "{text}: {names:?}");
        let exact: WasmFeatures = format!("mvp,{}", names.join(",")).parse().unwrap();
        let again = compile(&wasm, &options(exact)).unwrap_or_else(|e| panic!("{text}: with {names:?}: {e}"));
        assert_eq!(recorded(&again), names, "{text}");
    }
}

/// What a module records is enough to compile it, for the modules of the bundled suite.
#[test]
fn what_the_modules_of_the_suite_record_is_all_that_they_need() {
    let (mut checked, mut failures) = (0, Vec::new());
    for script in bailiwick_tests::suite::suite(bailiwick_compiler::OptLevel::None) {
        // Some modules of each script, of scripts that do not only repeat operators.
        if script.name.starts_with("wasm-v1/") || script.name.starts_with("wasm-latest/") || script.needs_gc {
            continue;
        }
        let mut lexer = wast::lexer::Lexer::new(&script.text);
        lexer.allow_confusing_unicode(true);
        let buffer = wast::parser::ParseBuffer::new_with_lexer(lexer).unwrap();
        let wast = wast::parser::parse::<Wast<'_>>(&buffer).unwrap();
        let modules = wast.directives.into_iter().filter_map(|directive| match directive {
            WastDirective::Module(QuoteWat::Wat(module)) => Some(QuoteWat::Wat(module)),
            _ => None,
        });
        for mut module in modules.take(12) {
            let Ok(wasm) = module.encode() else { continue };
            let Ok(artifact) = compile(&wasm, &options(WasmFeatures::ALL)) else { continue };
            let names = recorded(&artifact);
            // Types with supertypes are declared by function references here.
            let exact = names.iter().map(|&name| if name == "gc" { "function-references" } else { name });
            let exact: String = exact.map(|name| format!(",{name}")).collect();
            checked += 1;
            if let Err(error) = compile(&wasm, &options(format!("mvp{exact}").parse().unwrap())) {
                let line = module.span().linecol_in(&script.text).0 + 1;
                failures.push(format!("{}:{line}: records {names:?}: {error}", script.name));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {checked}\n{}", failures.len(), failures.join("\n"));
    assert!(checked > 500, "{checked}");
}

#[test]
fn a_loader_names_what_it_was_built_without() {
    let artifact = compile(&binary("(module)"), &options(WasmFeatures::ALL)).unwrap();
    let with = |bits: u64| {
        let mut header = header(&artifact);
        header.wasm_features = bits;
        header.header_checksum = header.checksum();
        let mut bytes = artifact.clone();
        bytes[HEADER_OFFSET..][..size_of::<Header>()].copy_from_slice(header.as_bytes());
        Artifact::from_bytes(&bytes, "patched")
    };
    assert!(with(0).is_ok());
    for &feature in WasmFeature::ALL {
        match with(feature.bit()) {
            Ok(_) => {}
            // As this test is built, nothing is left out.
            Err(error) => panic!("{}: {error}", feature.name()),
        }
    }
    let unknown = with(1 << 63).unwrap_err();
    assert!(matches!(&unknown, Error::WasmFeatures(names) if names.len() == 1), "{unknown}");
    assert!(unknown.to_string().contains("does not know"), "{unknown}");
}

#[test]
fn equal_types_are_one_in_every_version_of_the_language() {
    // The validator interns types only where types may refer to types.
    let wasm = binary(
        r#"(module (type $a (func (result i32))) (type $b (func (result i32)))
            (table funcref (elem $f)) (func $f (type $a) (i32.const 7))
            (func (export "run") (result i32) (call_indirect (type $b) (i32.const 0))))"#,
    );
    for features in ["mvp", "all,-function-references", "all"] {
        let bytes = compile(&wasm, &options(features.parse().unwrap())).unwrap();
        let artifact = Artifact::from_bytes(&bytes, features).unwrap();
        let mut group = Group::new().unwrap();
        let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
        let results = instance.func(&mut group, "run").unwrap().call(&mut group, &[]).unwrap();
        assert!(matches!(results[..], [Val::I32(7)]), "{features}: {results:?}");
    }
}
