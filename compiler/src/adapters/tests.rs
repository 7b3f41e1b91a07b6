use super::shape::{Shape, ShapeKind};
use super::*;
use crate::options::Options;
use crate::{Source, Wit, target};
use bailiwick_runtime_abi::types::Arch;
use cranelift_codegen::ir::Function;

/// The world of one interface.
fn world(items: &str) -> World {
    let text = format!("package a:b; interface i {{ resource r; {items} }} world w {{ import i; }}");
    let sources = [Source { path: "t.wit", text: &text }];
    Wit { sources: &sources, folder: "", world: None }.world().unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// A module that imports all functions of a world, and has what their values need.
fn wat(world: &World) -> String {
    let imports: String = world
        .imports()
        .iter()
        .map(|function| {
            let core = world.signature(function, Direction::Lower);
            let list = |word: &str, types: &[bailiwick_runtime_abi::types::ValType]| {
                types.iter().map(|ty| format!("({word} {})", ty)).collect::<String>()
            };
            let (params, results) = (list("param", &core.params), list("result", &core.results));
            format!("(import {:?} {:?} (func {params} {results}))", function.import_module(), function.import_field())
        })
        .collect();
    format!(
        r#"(module {imports} (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 0))"#
    )
}

/// The places of a shape and its parts, in order.
fn numbers(shape: &Shape, found: &mut Vec<u32>) {
    found.push(shape.place);
    let before = found.len();
    match &shape.kind {
        ShapeKind::Scalar(_) | ShapeKind::String | ShapeKind::Handle => {}
        ShapeKind::List(element) => numbers(element, found),
        ShapeKind::Fields(fields) => fields.iter().for_each(|field| numbers(&field.shape, found)),
        ShapeKind::Cases { payloads, .. } => payloads.iter().for_each(|(_, payload)| numbers(payload, found)),
    }
    assert_eq!(shape.places as usize, 1 + found.len() - before);
}

const EVERY_KIND: &str = "record pair { a: list<string>, b: option<r> }
    variant several { none, text(string), wide(tuple<u64, f64>), narrow(f32), all(pair) }
    flags few { a, b, c }
    enum colour { red, green }
    f: func(a: several, b: result<pair, few>, c: list<list<colour>>) -> list<several>;
    g: func(a: borrow<r>, b: char, c: s8) -> bool;
    h: func();
    k: func(a: f32, b: f64) -> r;";

#[test]
fn types_are_numbered_as_places_are_counted() {
    let world = world(EVERY_KIND);
    for function in world.imports() {
        let plan = Plan::new(&world, function).unwrap();
        let mut found = Vec::new();
        plan.params.iter().for_each(|param| numbers(&param.shape, &mut found));
        plan.result.iter().for_each(|result| numbers(result, &mut found));
        assert!(found.iter().copied().eq(1..edge::places(&world, function).unwrap()), "{found:?}");
    }
}

#[test]
fn plain_is_what_has_no_gaps_and_no_rules() {
    let plain = |ty: &str| {
        let world = world(&format!(
            "flags full {{ a, b, c, d, e, f, g, h }} flags part {{ a }} enum only {{ a }} f: func(x: {ty});"
        ));
        let function = world.imports().iter().find(|function| function.name == "f").unwrap();
        Plan::new(&world, function).unwrap().params.remove(0).shape.plain
    };
    for ty in ["u8", "s16", "f32", "s64", "full", "tuple<u8, s8, u16, f32>", "tuple<tuple<u32, u32>, u64>"] {
        assert!(plain(ty), "{ty}");
    }
    for ty in
        ["bool", "char", "string", "part", "only", "tuple<u8, u16>", "tuple<u64, u8>", "list<u8>", "option<u8>", "r"]
    {
        assert!(!plain(ty), "{ty}");
    }
}

/// The code generator's own rules, which are not checked where it is built for speed.
#[test]
fn the_intermediate_representation_is_well_formed() {
    let world = world(EVERY_KIND);
    let text = wat(&world);
    let wasm = wat::parse_str(&text).unwrap();
    let (module, _) = crate::parse::parse(&wasm, crate::parse::WasmFeatures::ALL).unwrap();
    let adapters = Adapters::new(&module, world);
    assert_eq!(adapters.imports().collect::<Vec<_>>(), [0, 1, 2, 3]);
    for arch in [Arch::X86_64, Arch::Aarch64] {
        let target = target::build(&Options { target: arch, ..Options::default() }).unwrap();
        for import in adapters.imports() {
            let (mut function, mut context) = (Function::new(), FunctionBuilderContext::new());
            adapters.write(&module, import, target.isa.frontend_config(), &mut function, &mut context);
            cranelift_codegen::verify_function(&function, &*target.isa).unwrap_or_else(|e| panic!("{e}\n{function}"));
        }
    }
}
