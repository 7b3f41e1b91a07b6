//! Adapters in artifacts: which imports have one, for every type in every position, on both architectures.

mod common;

use bailiwick_compiler::{Arch, OptLevel, Options, Source, Wit, binary, compile, emit_asm, emit_object};
use bailiwick_runtime_abi::format::NONE;
use bailiwick_runtime_abi::types::ValType;
use bailiwick_runtime_abi::view::View;
use bailiwick_runtime_abi::wit::{Direction, World};
use common::Aligned;
use common::check::check;

/// What every module has whose values lie in its memory.
const NEEDED: &str = r#"(memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)"#;

/// Does something with the WIT of one interface `a:b/i`.
fn with_wit<R>(items: &str, then: impl FnOnce(Wit<'_>) -> R) -> R {
    let text = format!("package a:b; interface i {{ resource r; {items} }} world w {{ import i; }}");
    then(Wit { sources: &[Source { path: "t.wit", text: &text }], folder: "t", world: None })
}

fn options<'a>(wit: Wit<'a>, target: Arch) -> Options<'a> {
    Options { target, wit: Some(wit), ..Options::default() }
}

fn world(artifact: &[u8]) -> World {
    let aligned = Aligned::new(artifact);
    View::new(aligned.bytes(), artifact.len() as u64).unwrap().world().unwrap().unwrap()
}

/// A module in the text format that imports all functions of the interface.
fn importing(wit: Wit<'_>) -> String {
    let empty = binary(format!("(module {NEEDED})").as_bytes()).unwrap().into_owned();
    let world = world(&compile(&empty, &options(wit, Arch::X86_64)).unwrap());
    let list = |word: &str, types: &[ValType]| types.iter().map(|ty| format!("({word} {})", ty)).collect::<String>();
    let import = |function: &bailiwick_runtime_abi::wit::Function| {
        let core = world.signature(function, Direction::Lower);
        let (params, results) = (list("param", &core.params), list("result", &core.results));
        format!("(import {:?} {:?} (func {params} {results}))\n", function.import_module(), function.import_field())
    };
    format!("(module {} {NEEDED})", world.imports().iter().map(import).collect::<String>())
}

/// For each import of a module: whether it has an adapter.
fn adapted(wat: &str, options: &Options<'_>) -> Vec<bool> {
    let wasm = binary(wat.as_bytes()).unwrap();
    let artifact = compile(&wasm, options).unwrap_or_else(|e| panic!("{e}\n{wat}"));
    check(&artifact, wasm.len());
    let aligned = Aligned::new(&artifact);
    let view = View::new(aligned.bytes(), artifact.len() as u64).unwrap();
    view.imports().iter().map(|import| import.adapter != NONE).collect()
}

/// A type of every kind; the largest are near the limits of what is adapted.
fn kinds() -> (String, Vec<String>) {
    let labels = |n: usize| (0..n).map(|i| format!("l{i}")).collect::<Vec<_>>().join(", ");
    let sizes = [(1, 1), (8, 256), (9, 257), (32, 65_537)];
    let mut definitions: String = sizes
        .iter()
        .enumerate()
        .map(|(i, &(flags, cases))| {
            format!("flags flags{i} {{ {} }} enum enum{i} {{ {} }}", labels(flags), labels(cases))
        })
        .collect();
    definitions += "record pair { a: u8, b: u64 } record text { name: string, more: list<string> }
        variant mixed { a, b(f32), c(s64), d(string), e(tuple<f32, f64>) }
        variant narrow { a(f32), b(s32), c(f64) }";
    let many = format!("variant many {{ {} }}", (0..300).map(|i| format!("c{i}(u16)")).collect::<Vec<_>>().join(", "));
    definitions += &many;
    let mut kinds: Vec<String> = ["bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char"]
        .into_iter()
        .chain(["string", "pair", "text", "mixed", "narrow", "many", "r", "result", "tuple<u64, u64, u64, u64, u64>"])
        .chain(["result<_, text>", "list<mixed>", "tuple<tuple<u32, u32>, bool>"])
        .map(str::to_owned)
        .collect();
    kinds.extend((0..sizes.len()).flat_map(|i| [format!("flags{i}"), format!("enum{i}")]));
    (definitions, kinds)
}

#[test]
fn every_type_in_every_position_has_an_adapter() {
    let (mut items, kinds) = kinds();
    let mut functions = 0;
    for kind in &kinds {
        let many = format!("tuple<{}>", vec![kind.as_str(); if kind == "many" { 2 } else { 17 }].join(", "));
        let positions = [
            kind.clone(),
            format!("list<{kind}>"),
            format!("option<list<list<{kind}>>>"),
            format!("result<{kind}, f64>"),
            many,
        ];
        for ty in positions {
            for function in
                [format!("func(x: {ty})"), format!("func() -> {ty}"), format!("func(a: f32, x: {ty}) -> {kind}")]
            {
                items += &format!("f{functions}x: {function};\n");
                functions += 1;
            }
        }
    }
    items += "borrowed: func(a: borrow<r>, b: list<borrow<r>>, c: option<tuple<borrow<r>, r>>);";
    with_wit(&items, |wit| {
        let wat = importing(wit);
        for target in [Arch::X86_64, Arch::Aarch64] {
            for opt_level in [OptLevel::Speed, OptLevel::None] {
                let found = adapted(&wat, &Options { opt_level, ..options(wit, target) });
                let none: Vec<usize> = found.iter().enumerate().filter(|(_, has)| !**has).map(|(i, _)| i).collect();
                assert!(
                    none.is_empty() && found.len() > functions,
                    "{target:?}: {none:?} of {} have none",
                    found.len()
                );
            }
        }
    });
}

#[test]
fn only_functions_of_the_world_that_are_not_too_large_have_one() {
    let heavy = format!("tuple<{}>", vec!["string"; 150].join(", "));
    let wide = format!("tuple<{}>", vec!["bool"; 1000].join(", "));
    let items = format!("small: func(x: string); heavy: func(x: {heavy}); wide: func(x: {wide}); other: func();");
    with_wit(&items, |wit| {
        let of_world = [
            ("small", "(param i32 i32)"),
            ("heavy", "(param i32)"),
            ("wide", "(param i32)"),
            ("small", "(param i32 i32)"),
        ];
        let imports: String =
            of_world.iter().map(|(name, params)| format!("(import \"a:b/i\" {name:?} (func {params}))")).collect();
        let wat = format!(
            r#"(module (import "env" "small" (func (param i32 i32))) {imports}
                (import "a:b/i" "[resource-drop]r" (func (param i32))) (import "env" "g" (global i32)) {NEEDED})"#
        );
        for target in [Arch::X86_64, Arch::Aarch64] {
            let expected = [false, true, false, false, true, false, false];
            assert_eq!(adapted(&wat, &options(wit, target)), expected);
            assert_eq!(adapted(&wat, &Options { target, ..Options::default() }), [false; 7], "without a world");
        }
    });
}

#[test]
fn adapters_are_named_in_listings_and_objects_and_the_same_at_any_number_of_threads() {
    with_wit("f: func(x: list<string>) -> option<string>; g: func(x: u8) -> u8;", |wit| {
        let wat = importing(wit);
        let wasm = binary(wat.as_bytes()).unwrap();
        for target in [Arch::X86_64, Arch::Aarch64] {
            let with = |jobs| Options { jobs: Some(jobs), ..options(wit, target) };
            assert!(compile(&wasm, &with(1)).unwrap() == compile(&wasm, &with(4)).unwrap());
            let listing = emit_asm(&wasm, &with(1)).unwrap();
            assert!(listing.contains(";; bailiwick::adapter[0]\n") && listing.contains(";; bailiwick::adapter[1]\n"));
            let object = emit_object(&wasm, &with(1)).unwrap();
            assert!(object.windows(21).any(|bytes| bytes == b"bailiwick::adapter[1]"));
        }
    });
}

/// Time is not asserted, only that the test ends.
#[test]
fn many_functions_of_large_types_take_no_time_out_of_proportion() {
    let strings = format!("tuple<{}>", vec!["string"; 90].join(", "));
    let cases = (0..20_000).map(|i| format!("c{i}")).collect::<Vec<_>>().join(", ");
    let several = format!("tuple<{}>", vec!["large"; 900].join(", "));
    for (types, ty, adapters) in [
        (format!("type t = {strings};"), "t", 50..100),
        (format!("variant large {{ {cases}, d(u8) }} type t = {several};"), "t", 0..1),
    ] {
        let functions: String = (0..4000).map(|i| format!("f{i}x: func(x: {ty});")).collect();
        with_wit(&format!("{types} {functions}"), |wit| {
            let found = adapted(&importing(wit), &options(wit, Arch::Aarch64));
            let count = found.iter().filter(|has| **has).count();
            assert!(adapters.contains(&count) && found.len() == 4000, "{count}");
        });
    }
}
