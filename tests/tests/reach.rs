//! Which imports a module's code can reach, as the artifact says it: sound, with a way for each that can be reached.

use bailiwick_runtime_abi::format::{ImportRecord, MAX_REACH_PATH, NONE, Root};
use bailiwick_runtime_abi::view::View;
use bailiwick_tests::compile::{binary, compile};
use std::collections::BTreeSet;
use std::fmt::Write;

/// How each import of a module can be reached, by name: the root and the functions on the way.
fn reaches(wasm: &[u8]) -> Vec<(String, String)> {
    let bytes = compile(wasm).unwrap();
    // A mapping would be aligned.
    let words: Vec<u64> = bytes
        .chunks(8)
        .map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_ne_bytes(word)
        })
        .collect();
    let view = View::new(&zerocopy::IntoBytes::as_bytes(words.as_slice())[..bytes.len()], bytes.len() as u64).unwrap();
    assert_eq!(view.reaches().len(), view.imports().len());
    let name = |function: u32| match view.functions().get(function as usize) {
        _ if function == NONE => "…".to_owned(),
        Some(record) => view.string(record.name).unwrap().to_owned(),
        None => panic!("no function {function}"),
    };
    let describe = |i: u32| {
        let (root, index, path) = view.reach(i).unwrap();
        assert!(path.len() <= MAX_REACH_PATH);
        let root = match root {
            Root::None => "no".to_owned(),
            Root::Export => format!("export {}", view.string(view.exports()[index as usize].name).unwrap()),
            Root::Start => "start".to_owned(),
            Root::Table => format!("table {index}"),
            Root::Global => format!("global {index}"),
            Root::Reference => "reference".to_owned(),
            Root::Module => "module".to_owned(),
        };
        [root].into_iter().chain(path.iter().map(|&function| name(function))).collect::<Vec<_>>().join(" ")
    };
    let import =
        |(i, record): (usize, &ImportRecord)| (view.string(record.name).unwrap().to_owned(), describe(i as u32));
    view.imports().iter().enumerate().map(import).collect()
}

/// What is said of a module's imports `a`, `b`, … of type `() -> ()`, which the text calls `$a`, `$b`, ….
#[track_caller]
fn check(imports: &str, body: &str, expected: &[(&str, &str)]) {
    let imports: String = imports.split_whitespace().fold(String::new(), |mut text, name| {
        let _ = write!(text, r#"(import "m" "{name}" (func ${name}))"#);
        text
    });
    let found = reaches(&binary(&format!("(module {imports} {body})")));
    let expected: Vec<(String, String)> = expected.iter().map(|&(a, b)| (a.to_owned(), b.to_owned())).collect();
    assert_eq!(found, expected, "{body}");
}

#[test]
fn direct_calls_are_followed_from_exports() {
    check(
        "a b c",
        r#"(func $far (call $a)) (func $near (call $far)) (func $dead (call $b))
           (func $run (export "run") (call $near) (call $far)) (func (export "also") (call $near))"#,
        &[("a", "export run run far a"), ("b", "no"), ("c", "no")],
    );
}

#[test]
fn of_several_ways_a_shortest_is_told() {
    check(
        "a",
        r#"(func $1 (call $2)) (func $2 (call $3)) (func $3 (call $a)) (func $short (call $a))
           (func $long (export "a long") (call $1)) (func $other (export "b short") (call $short))"#,
        &[("a", "export b short other short a")],
    );
    // Recursion does not end the search, or hinder it.
    check(
        "a",
        r#"(func $f (export "f") (call $f) (call $g)) (func $g (call $f) (call $a))"#,
        &[("a", "export f f g a")],
    );
}

#[test]
fn indirect_calls_reach_what_has_their_type_and_a_reference() {
    check(
        "a b c",
        r#"(type $none (func)) (type $one (func (param i32)))
           (table 9 funcref) (elem (i32.const 0) $f $g)
           (func $f (call $a)) (func $g (param i32) (call $b)) (func $unreferenced (call $c))
           (func $run (export "run") (call_indirect (type $none) (i32.const 0)))"#,
        &[("a", "export run run f a"), ("b", "no"), ("c", "no")],
    );
    // Types are compared by structure.
    check(
        "a",
        r#"(type $one (func (param i64))) (type $same (func (param i64)))
           (table 9 funcref) (elem (i32.const 0) $f)
           (func $f (type $one) (call $a))
           (func $run (export "run") (call_indirect (type $same) (i64.const 0) (i32.const 0)))"#,
        &[("a", "export run run f a")],
    );
    // An import in a table is called without a function in between.
    check(
        "a",
        r#"(table 1 funcref) (elem (i32.const 0) $a) (func $run (export "run") (call_indirect (i32.const 0)))"#,
        &[("a", "export run run a")],
    );
    // Nothing that runs calls indirectly.
    check(
        "a",
        r#"(table 1 funcref) (elem (i32.const 0) $a) (func $dead (call_indirect (i32.const 0)))"#,
        &[("a", "no")],
    );
}

#[test]
fn references_come_from_ref_func_globals_and_passive_segments() {
    check(
        "a b c d",
        r#"(table $t 9 funcref) (elem declare func $f) (elem $passive func $g) (elem declare func $only_declared)
           (global $global funcref (ref.func $h))
           (func $f (call $a)) (func $g (call $b)) (func $h (call $c)) (func $only_declared (call $d))
           (func $run (export "run")
             (table.set $t (i32.const 0) (ref.func $f))
             (table.set $t (i32.const 1) (global.get $global))
             (table.init $t $passive (i32.const 2) (i32.const 0) (i32.const 1))
             (call_indirect $t (i32.const 0)))"#,
        &[("a", "export run run f a"), ("b", "export run run g b"), ("c", "export run run h c"), ("d", "no")],
    );
}

#[test]
fn the_start_function_runs() {
    check("a b", r#"(func $go (call $b)) (start $go)"#, &[("a", "no"), ("b", "start go b")]);
}

#[test]
fn others_call_what_they_see_in_a_table() {
    let functions = "(func $f (call $a)) (func $g (call $b))";
    check(
        "a b",
        &format!(r#"{functions} (table (export "t") 9 funcref) (elem (i32.const 0) $f)"#),
        &[("a", "table 0 f a"), ("b", "no")],
    );
    check("a b", &format!(r#"(table 9 funcref) {functions} (elem (i32.const 0) $f)"#), &[("a", "no"), ("b", "no")]);
    let imported = format!(
        r#"(module (import "m" "a" (func $a)) (import "m" "b" (func $b)) (import "m" "t" (table 9 funcref))
           {functions} (elem (i32.const 0) $g))"#
    );
    let expected = [("a", "no"), ("b", "table 0 g b"), ("t", "module")];
    assert_eq!(reaches(&binary(&imported)), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    // Code that may put any reference there.
    check(
        "a b",
        &format!(
            r#"{functions} (table $t (export "t") 9 funcref) (table $private 9 funcref)
               (elem (table $private) (i32.const 0) func $g)
               (func (export "share") (table.copy $t $private (i32.const 0) (i32.const 0) (i32.const 1)))"#
        ),
        &[("a", "no"), ("b", "reference g b")],
    );
}

#[test]
fn others_call_what_they_are_given() {
    let functions = "(func $f (call $a)) (elem declare func $f)";
    // By a global.
    check("a", r#"(func $f (call $a)) (global (export "g") funcref (ref.func $f))"#, &[("a", "global 0 f a")]);
    check(
        "a",
        &format!(
            r#"{functions} (global $g (export "g") (mut funcref) (ref.null func))
               (func (export "set") (global.set $g (ref.func $f)))"#
        ),
        &[("a", "reference f a")],
    );
    // As a result.
    check(
        "a",
        &format!(r#"{functions} (func (export "get") (result funcref) (ref.func $f))"#),
        &[("a", "reference f a")],
    );
    // As a parameter.
    let passed = format!(
        r#"(module (import "m" "a" (func $a)) (import "m" "take" (func $take (param funcref)))
           {functions} (func $give (export "give") (call $take (ref.func $f))))"#
    );
    let expected = [("a", "reference f a"), ("take", "export give give take")];
    assert_eq!(reaches(&binary(&passed)), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    // To nobody: it stays inside.
    check(
        "a",
        &format!(
            r#"{functions} (global $g (mut funcref) (ref.null func)) (table $t 1 funcref)
               (func (export "set") (global.set $g (ref.func $f)) (table.set $t (i32.const 0) (ref.func $f)))"#
        ),
        &[("a", "no")],
    );
}

#[test]
fn an_import_that_is_exported_again_is_reached() {
    check("a b", r#"(export "again" (func $a))"#, &[("a", "export again a"), ("b", "no")]);
}

#[test]
fn imports_that_are_no_functions_are_the_module_s() {
    let module =
        r#"(module (import "m" "memory" (memory 1)) (import "m" "global" (global i32)) (import "m" "f" (func)))"#;
    let expected = [("memory", "module"), ("global", "module"), ("f", "no")];
    assert_eq!(reaches(&binary(module)), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

/// A chain of `n` functions in front of the import.
fn chain(n: usize) -> String {
    let links: String = (1..n).map(|i| format!("(func $f{i} (call $f{}))", i - 1)).collect();
    format!(r#"(func $f0 (call $a)) {links} (export "run" (func $f{}))"#, n - 1)
}

#[test]
fn a_long_way_is_shortened_behind_its_beginning() {
    let way = |n: usize| {
        let names: Vec<String> = (0..n).rev().map(|i| format!("f{i}")).collect();
        format!("export run {} a", names.join(" "))
    };
    check("a", &chain(63), &[("a", &way(63))]);
    let last: Vec<String> = (0..61).rev().map(|i| format!("f{i}")).collect();
    check("a", &chain(64), &[("a", &format!("export run f63 … {} a", last.join(" ")))]);
    check("a", &chain(20_000), &[("a", &format!("export run f19999 … {} a", last.join(" ")))]);
}

#[test]
fn the_tables_stay_linear_in_the_module() {
    // Each of many imports at the end of a long way, and each indirect call to all of many functions.
    let imports: String = (0..20_000).map(|i| format!(r#"(import "m" "{i}" (func $i{i}))"#)).collect();
    let calls: String = (0..20_000).map(|i| format!("(call $i{i})")).collect();
    let elements: String = (0..70).map(|i| format!(" $f{i}")).collect();
    let links: String =
        (1..70).map(|i| format!("(func $f{i} (call $f{}) (call_indirect (i32.const 0)))", i - 1)).collect();
    let module = format!(
        r#"(module {imports} (table 70 funcref) (elem (i32.const 0){elements})
           (func $f0 {calls}) {links} (func (export "run") (call $f69)))"#
    );
    let wasm = binary(&module);
    let bytes = compile(&wasm).unwrap();
    assert!(bytes.len() < 20 * wasm.len(), "{} from {}", bytes.len(), wasm.len());
    let found = reaches(&wasm);
    assert!(found.iter().all(|(_, way)| way.starts_with("export run")));
}

/// What a run of a random module is watched for.
#[derive(Default)]
struct Watch {
    /// Imports that were called, by name.
    called: BTreeSet<String>,
    /// References to functions that were handed out.
    seen: Vec<wasmi::Func>,
}

impl Watch {
    fn values<'a>(&mut self, values: impl IntoIterator<Item = &'a wasmi::Val>) {
        for value in values {
            if let wasmi::Val::FuncRef(wasmi::Nullable::Val(function)) = value {
                self.seen.push(*function);
            }
        }
    }
}

/// Text of a random module: functions that call each other, directly and by tables, and hand references on. The functions
/// `0` to `IMPORTS - 1` are imported.
struct Generator {
    random: u64,
    /// Which ways out there are for references: parameters of imports, results of exports, visible tables and globals. With
    /// few of them, a search that overlooks one is found out.
    ways_out: [bool; 4],
    /// The type of each function.
    types: Vec<usize>,
}

const IMPORTS: usize = 10;
const FUNCTIONS: usize = 30;
const TABLES: usize = 2;
const GLOBALS: usize = 2;
/// Types of functions: parameters and results.
const TYPES: [(&str, &str); 4] = [("", ""), ("(param i32)", ""), ("(param funcref)", ""), ("", "(result funcref)")];

impl Generator {
    fn new(seed: u64) -> Generator {
        let mut generator =
            Generator { random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, ways_out: [false; 4], types: vec![] };
        for i in 0..4 {
            generator.ways_out[i] = generator.one_in(4);
        }
        let passed = generator.ways_out[0];
        generator.types = (0..FUNCTIONS).map(|i| generator.below(if i < IMPORTS && !passed { 2 } else { 4 })).collect();
        generator
    }

    /// xorshift64*
    fn below(&mut self, n: usize) -> usize {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn reference(&mut self) -> String {
        match self.below(5) {
            0 => format!("(table.get $t{} (i32.const {}))", self.below(TABLES), self.below(8)),
            1 => format!("(global.get $g{})", self.below(GLOBALS)),
            2 => "(ref.null func)".to_owned(),
            _ => format!("(ref.func $f{})", self.below(FUNCTIONS)),
        }
    }

    /// A call of `what`, of a function of type `ty`, without anything left on the stack.
    fn call(&mut self, what: &str, ty: usize, last: &str) -> String {
        match ty {
            0 => format!("({what} {last})"),
            1 => format!("({what} (i32.const 1) {last})"),
            2 => format!("({what} {} {last})", self.reference()),
            _ => format!("(drop ({what} {last}))"),
        }
    }

    /// Stores and direct calls, and at the end an indirect call, which is likely to trap.
    fn body(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..self.below(3) {
            text += &match self.below(6) {
                0 => format!("(table.set $t{} (i32.const {}) {})", self.below(TABLES), self.below(8), self.reference()),
                1 => format!("(global.set $g{} {})", self.below(GLOBALS), self.reference()),
                _ => {
                    let function = self.below(FUNCTIONS);
                    self.call(&format!("call $f{function}"), self.types[function], "")
                }
            };
        }
        if self.one_in(4) {
            let (table, ty, at) = (self.below(TABLES), self.below(TYPES.len()), self.below(8));
            text += &self.call(&format!("call_indirect $t{table} (type $ty{ty})"), ty, &format!("(i32.const {at})"));
        }
        text
    }

    fn module(&mut self) -> String {
        let mut text = "(module ".to_owned();
        for (i, (params, results)) in TYPES.iter().enumerate() {
            let _ = write!(text, "(type $ty{i} (func {params} {results}))");
        }
        for i in 0..IMPORTS {
            let _ = write!(text, r#"(import "m" "{i}" (func $f{i} (type $ty{})))"#, self.types[i]);
        }
        let [_, returned, tables, globals] = self.ways_out;
        if tables {
            text.push_str(r#"(import "m" "t" (table $t0 8 funcref)) (table $t1 (export "t") 8 funcref)"#);
        } else {
            text.push_str("(table $t0 8 funcref) (table $t1 8 funcref)");
        }
        let export = if globals { r#"(export "g")"# } else { "" };
        for (i, export) in ["", export].into_iter().enumerate() {
            let value = if self.one_in(2) {
                "ref.null func".to_owned()
            } else {
                format!("ref.func $f{}", self.below(FUNCTIONS))
            };
            let _ = write!(text, "(global $g{i} {export} (mut funcref) ({value}))");
        }
        for _ in 0..self.below(3) {
            let functions: String = (0..1 + self.below(4)).map(|_| format!(" $f{}", self.below(FUNCTIONS))).collect();
            let _ =
                write!(text, "(elem (table $t{}) (i32.const {}) func{functions})", self.below(TABLES), self.below(4));
        }
        let declared: String = (0..FUNCTIONS).map(|i| format!(" $f{i}")).collect();
        let _ = write!(text, "(elem declare func{declared}) (global $fuel (mut i32) (i32.const 300))");
        for i in 0..FUNCTIONS {
            if (self.types[i] != 3 || returned) && self.one_in(15) {
                let _ = write!(text, r#"(export "f{i}" (func $f{i}))"#);
            }
        }
        for i in IMPORTS..FUNCTIONS {
            let ty = self.types[i];
            let (null, result) = if ty == 3 { ("(ref.null func)", self.reference()) } else { ("", String::new()) };
            let fuel = format!(
                "(if (i32.eqz (global.get $fuel)) (then (return {null})))
                (global.set $fuel (i32.sub (global.get $fuel) (i32.const 1)))"
            );
            let body = self.body();
            let _ = write!(text, "(func $f{i} (type $ty{ty}) {fuel} {body} {result})");
        }
        text + ")"
    }
}

fn default_value(ty: wasmi::ValType) -> wasmi::Val {
    wasmi::Val::default_for_ty(ty)
}

/// Runs all that others can run of a module, in an interpreter. Gives the imports that it calls.
fn run(wasm: &[u8]) -> Option<BTreeSet<String>> {
    let engine = wasmi::Engine::default();
    let module = wasmi::Module::new(&engine, wasm).ok()?;
    let mut store = wasmi::Store::new(&engine, Watch::default());
    let mut imports: Vec<wasmi::Extern> = Vec::new();
    for import in module.imports() {
        let name = import.name().to_owned();
        imports.push(match import.ty() {
            wasmi::ExternType::Func(ty) => {
                let called =
                    move |mut caller: wasmi::Caller<'_, Watch>, given: &[wasmi::Val], out: &mut [wasmi::Val]| {
                        caller.data_mut().called.insert(name.clone());
                        caller.data_mut().values(given);
                        for value in out {
                            *value = default_value(value.ty());
                        }
                        Ok(())
                    };
                wasmi::Func::new(&mut store, ty.clone(), called).into()
            }
            wasmi::ExternType::Table(ty) => {
                let null = wasmi::Ref::default_for_ty(ty.element());
                wasmi::Table::new(&mut store, *ty, null).ok()?.into()
            }
            wasmi::ExternType::Memory(ty) => wasmi::Memory::new(&mut store, *ty).ok()?.into(),
            wasmi::ExternType::Global(ty) => {
                wasmi::Global::new(&mut store, default_value(ty.content()), ty.mutability()).into()
            }
        });
    }
    let instance = wasmi::Instance::new(&mut store, &module, &imports).ok();
    let exported: Vec<wasmi::Extern> = instance
        .iter()
        .flat_map(|i| i.exports(&store).map(|export| export.into_extern()).collect::<Vec<_>>())
        .collect();
    // What was granted is not called by who granted it.
    let granted = imports.iter().filter(|import| !matches!(import, wasmi::Extern::Func(_)));
    for _ in 0..4 {
        for visible in granted.clone().chain(&exported) {
            match visible {
                wasmi::Extern::Func(function) => store.data_mut().seen.push(*function),
                wasmi::Extern::Global(global) => {
                    let value = global.get(&store);
                    store.data_mut().values([&value]);
                }
                wasmi::Extern::Table(table) => {
                    for i in 0..table.size(&store) {
                        let value = wasmi::Val::from(table.get(&store, i)?);
                        store.data_mut().values([&value]);
                    }
                }
                wasmi::Extern::Memory(_) => {}
            }
        }
        for function in std::mem::take(&mut store.data_mut().seen) {
            let ty = function.ty(&store);
            let given: Vec<wasmi::Val> = ty.params().iter().map(|&ty| default_value(ty)).collect();
            let mut out: Vec<wasmi::Val> = ty.results().iter().map(|&ty| default_value(ty)).collect();
            if function.call(&mut store, &given, &mut out).is_ok() {
                store.data_mut().values(&out);
            }
        }
    }
    Some(std::mem::take(&mut store.data_mut().called))
}

#[test]
fn whatever_random_modules_call_is_found_to_be_reachable() {
    let (mut calls, mut unreachable, mut given) = (0, 0, 0);
    for seed in 0..2000 {
        let text = Generator::new(seed).module();
        let wasm = binary(&text);
        let called = run(&wasm).expect("a module that the interpreter takes");
        let found = reaches(&wasm);
        calls += called.len();
        unreachable += found.iter().filter(|(_, way)| way == "no").count();
        given += found.iter().filter(|(name, way)| way.starts_with("reference") && called.contains(name)).count();
        for (name, way) in &found {
            assert!(way != "no" || !called.contains(name), "seed {seed}: {name} is called\n{text}");
        }
    }
    // The test means something: modules call imports, by references that they give too, and have some that they can't.
    assert!(
        calls > 2000 && unreachable > 2000 && given > 200,
        "{calls} calls, {given} by references, {unreachable} not"
    );
}

#[test]
fn calls_by_reference_and_in_place_are_followed_as_others_are() {
    let types = "(type $t (func)) (elem declare func $a $b)";
    for call in ["call $a", "return_call $a", "call_ref $t (ref.func $a)", "return_call_ref $t (ref.func $a)"] {
        check("a b", &format!("{types} (func $f (export \"run\") ({call}))"), &[("a", "export run f a"), ("b", "no")]);
    }
    for call in ["call_indirect (type $t) (i32.const 0)", "return_call_indirect (type $t) (i32.const 0)"] {
        let body = format!("(type $t (func)) (table funcref (elem $a)) (func $f (export \"run\") ({call}))");
        check("a b", &body, &[("a", "export run f a"), ("b", "no")]);
    }
}

#[test]
fn a_call_of_a_type_may_find_a_subtype_and_an_import_of_a_supertype() {
    let reach = |call: &str| {
        let wat = format!(
            r#"(module
            (type $a (sub (func))) (type $b (sub $a (func))) (type $c (sub $b (func))) (type $other (sub (func (param i32))))
            (import "m" "a" (func $a (type $a))) (import "m" "b" (func $b (type $b))) (import "m" "c" (func $c (type $c)))
            (import "m" "other" (func $other (type $other))) (import "m" "own" (func $own))
            (table $t 4 funcref) (elem (table $t) (i32.const 0) func $a $b $c $other)
            (elem declare func $f)
            (func $f (type $a) (call $own))
            (func $run (export "run") {call})
            (func (export "make") (drop (ref.func $f)) (table.set $t (i32.const 0) (ref.null func))))"#
        );
        reaches(&binary(&wat)).into_iter().map(|(name, how)| (name, how != "no")).collect::<Vec<_>>()
    };
    let expect = |found: Vec<(String, bool)>, reached: &[&str]| {
        let expected: Vec<_> =
            ["a", "b", "c", "other", "own"].map(|name| (name.to_owned(), reached.contains(&name))).into();
        assert_eq!(found, expected);
    };
    // A function of its own is of the type that it is declared with; what an import is, is known at the link.
    expect(reach("(call_indirect $t (type $a) (i32.const 0))"), &["a", "b", "c", "own"]);
    expect(reach("(call_indirect $t (type $b) (i32.const 0))"), &["a", "b", "c"]);
    expect(reach("(return_call_indirect $t (type $c) (i32.const 0))"), &["a", "b", "c"]);
    expect(reach("(call_indirect $t (type $other) (i32.const 7) (i32.const 0))"), &["other"]);
}

/// Whoever has the tag catches what is thrown, and whoever calls the module sees what it carries, whoever has the tag.
#[test]
fn what_exceptions_carry_is_handed_out() {
    let kinds = [r#"(tag $e (import "m" "tag") (param funcref))"#, r#"(tag $e (export "tag") (param funcref))"#];
    for tag in kinds.into_iter().chain(["(tag $e (param i32 funcref))", "(tag $e (param (ref $t)))"]) {
        let number = if tag.contains("i32") { "(i32.const 0)" } else { "" };
        let wat = format!(
            r#"(module (type $t (func)) (import "m" "a" (func $a)) (import "m" "b" (func $b)) {tag}
                (elem declare func $f) (func $f (call $a)) (func $never (call $b))
                (func (export "run") (throw $e {number} (ref.func $f))))"#
        );
        let found = reaches(&binary(&wat));
        let how = |name: &str| found.iter().find(|(known, _)| known == name).map(|(_, how)| how.as_str());
        assert_eq!((how("a"), how("b")), (Some("reference f a"), Some("no")), "{tag}");
    }
    // Numbers hand out nothing, nor does a tag by which nothing is thrown.
    check(
        "a",
        r#"(tag $e (param i32)) (tag (export "other") (param funcref)) (elem declare func $f) (func $f (call $a))
           (func $run (export "run") (drop (ref.func $f)) (throw $e (i32.const 0)))"#,
        &[("a", "no")],
    );
}
