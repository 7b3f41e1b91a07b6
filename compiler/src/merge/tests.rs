//! Places in the merged module.

use super::{Linked, Source};
use crate::options::Options;
use crate::parse::{self, WasmFeatures};
use bailiwick_runtime_abi::format::NONE;
use wasmparser::{FunctionBody, Operator};

/// Operators of a body with their offsets.
fn operators<'a>(body: &FunctionBody<'a>) -> Vec<(Operator<'a>, u32)> {
    let reader = parse::operators(body).unwrap();
    reader.into_iter_with_offsets().map(|item| item.map(|(op, offset)| (op, offset as u32)).unwrap()).collect()
}

/// Functions that call many others, whose indices take one byte or more, in the module and in the library.
fn texts() -> [String; 2] {
    let functions = "(func (param i32) (result i32) (local.get 0))".repeat(200);
    let calls: String = (0..200).step_by(7).map(|i| format!("(call {i})")).collect();
    let hinted = |calls: &str| {
        format!(
            r#"(func (param i32) (result i32) (local i64 i64 f32) (local.get 0) {calls}
                (@metadata.code.branch_hint "\01") (if (then (nop)))
                (local.get 0) (local.get 0) {calls} (br_table 0 0 0) (unreachable))"#
        )
    };
    let library = format!(
        r#"(module {functions} (memory 1) {} (export "f" (func 5)) (export "g" (func 150)))"#,
        hinted(&(calls.clone() + "(i32.load offset=200)"))
    );
    let main = format!(
        r#"(module (import "lib" "f" (func (param i32) (result i32))) (import "lib" "g" (func (param i32) (result i32)))
            (import "host" "h" (func (param i32) (result i32))) {functions} {} {})"#,
        hinted(&calls),
        hinted("(call 1) (call 0)")
    );
    [main, library]
}

#[test]
fn every_operator_knows_where_it_was_and_hints_stay_with_theirs() {
    let inputs = texts().map(|text| wat::parse_str(text).unwrap());
    let linked = [Linked { name: "lib", wasm: &inputs[1] }];
    let options = Options { linked: &linked, ..Options::default() };
    let source = Source::new(&inputs[0], &options).unwrap();
    let (merged, bodies) = parse::parse(&source.wasm, WasmFeatures::ALL).unwrap();
    let parsed = inputs.each_ref().map(|wasm| parse::parse(wasm, WasmFeatures::ALL).unwrap());
    // The main module's come first.
    let theirs: Vec<_> = parsed.iter().flat_map(|(_, bodies)| bodies).collect();
    assert_eq!(bodies.len(), theirs.len());
    let mut moved = 0;
    for (body, their) in bodies.iter().zip(&theirs) {
        let starts = [&body.body, &their.body].map(|body| body.range().start as u32);
        assert_eq!(source.origins.at(starts[0]), starts[1]);
        let (ours, theirs) = (operators(&body.body), operators(&their.body));
        assert_eq!(ours.len(), theirs.len());
        for ((our, at), (their, origin)) in ours.iter().zip(&theirs) {
            assert_eq!(std::mem::discriminant(our), std::mem::discriminant(their));
            assert_eq!(source.origins.at(*at), *origin);
            moved += u32::from(at - starts[0] != origin - starts[1]);
        }
    }
    // Otherwise all of this shows nothing.
    assert!(moved > 50, "{moved}");
    assert_eq!(source.origins.at(NONE), NONE);

    let hints = |module: &crate::module::Module<'_>| -> usize { module.branch_hints.values().map(Vec::len).sum() };
    assert_eq!((hints(&merged), hints(&parsed[0].0), hints(&parsed[1].0)), (3, 2, 1));
    for (function, hints) in &merged.branch_hints {
        let body = &bodies[(function - merged.imported_functions) as usize].body;
        let start = body.range().start as u32;
        for &(offset, taken) in hints {
            let at = operators(body).into_iter().find(|&(_, at)| at == start + offset);
            assert!(taken && matches!(at, Some((Operator::If { .. }, _))), "{function}: {at:?}");
        }
    }
}

#[test]
fn types_that_are_the_same_are_there_once() {
    let ours = r#"(type (func (param i32))) (rec (type $r (func (param (ref null $s)))) (type $s (func (param f32))))
        (type $u (func (param (ref null $s) (ref null $r))))"#;
    let main = wat::parse_str(format!(r#"(module {ours} (import "lib" "f" (func (type $u))))"#)).unwrap();
    let theirs = format!(r#"(module (type (func (param i64))) {ours} (func (export "f") (type $u)))"#);
    let library = wat::parse_str(theirs).unwrap();
    let linked = [Linked { name: "lib", wasm: &library }];
    let source = Source::new(&main, &Options { linked: &linked, ..Options::default() }).unwrap();
    let (merged, _) = parse::parse(&source.wasm, WasmFeatures::ALL).unwrap();
    assert_eq!((merged.types.len(), merged.functions.as_slice(), merged.imports.len()), (5, &[3][..], 0));
}

/// Nothing but an order that could be told from outside keeps segments from being made in advance.
#[test]
fn segments_stay_active_where_nobody_can_tell() {
    let library = |more: &str| {
        let text = format!(
            r#"(module (memory (export "m") 1) (data (i32.const 0) "a") {more}
                (global (export "at") i32 (i32.const 7)))"#
        );
        wat::parse_str(text).unwrap()
    };
    let main = |more: &str| {
        wat::parse_str(format!(r#"(module (import "lib" "m" (memory 1)) (import "lib" "at" (global i32)) {more})"#))
            .unwrap()
    };
    let active = |library: &[u8], main: &[u8]| {
        let linked = [Linked { name: "lib", wasm: library }];
        let source = Source::new(main, &Options { linked: &linked, ..Options::default() }).unwrap();
        let (merged, _) = parse::parse(&source.wasm, WasmFeatures::ALL).unwrap();
        let kind = |data: &crate::module::Data<'_>| match &data.kind {
            crate::module::SegmentKind::Active { offset, .. } => format!("{offset:?}"),
            _ => "passive".to_owned(),
        };
        merged.data.iter().map(kind).collect::<Vec<_>>()
    };
    let (starts, table) = ("(func $s) (start $s)", r#"(import "host" "t" (table 1 funcref))"#);
    let (theirs, own) = (r#"(data (global.get 0) "b")"#, r#"(memory $own 1) (data (memory $own) (i32.const 9) "b")"#);
    let at = |n: u64| format!("[Const({n})]");
    // Where a segment goes is known, because the library's global is.
    assert_eq!(active(&library(""), &main(theirs)), [at(0), at(7)]);
    assert_eq!(active(&library(starts), &main(theirs)), [at(0), "passive".to_owned()]);
    assert_eq!(active(&library(""), &main(&(table.to_owned() + theirs))), [at(0), "passive".to_owned()]);
    assert_eq!(active(&library(starts), &main(own)), [at(0), at(9)]);
    assert_eq!(active(&library(""), &main(&(theirs.to_owned() + starts))), [at(0), at(7)]);
}
