//! Modules linked when they are compiled: nobody can tell it from linking them when they run, but by the time it takes.

use bailiwick_compiler::Linked;
use bailiwick_loader::{
    Artifact, Caller, Error, Group, HostError, Imports, Instance, Table, TableType, TrapCode, Val, ValType,
};
use bailiwick_runtime_abi::view::View;
use bailiwick_tests::compile::{Settings, artifact, binary, compile_linked, host};
use std::sync::{Arc, Mutex};
use zerocopy::IntoBytes;

/// Names and texts of modules, each behind those that it imports from, and the text of the main one.
#[derive(Clone, Copy)]
struct Program<'a> {
    libraries: &'a [(&'a str, &'a str)],
    main: &'a str,
}

/// What a program does to the world: the numbers that it says to it.
type Log = Arc<Mutex<Vec<i32>>>;

struct Guest {
    group: Group,
    instance: Result<Instance, Error>,
    log: Log,
    /// A table that the host grants, and everybody sees.
    table: Table,
}

/// How many elements the host's table has.
const ELEMENTS: u64 = 4;

/// What a host grants to all modules: `host.say`, which fails for 13, and `host.table`.
fn world() -> (Group, Imports, Log, Table) {
    let log = Log::default();
    let mut imports = Imports::new();
    let said = log.clone();
    imports.func("host", "say", move |_: &mut Caller<'_>, n: i32| {
        said.lock().unwrap().push(n);
        if n == 13 { Err(HostError::Trap(TrapCode::HostError, Some("no more of that".into()))) } else { Ok(()) }
    });
    let mut group = Group::new().unwrap();
    let table = Table::new(&mut group, TableType::new(ValType::FUNCREF, ELEMENTS, None)).unwrap();
    imports.define("host", "table", table);
    (group, imports, log, table)
}

impl Program<'_> {
    fn refusal(&self) -> String {
        self.compiled().map(|_| ()).expect_err(self.main)
    }

    fn compiled(&self) -> Result<Vec<u8>, String> {
        let wasm: Vec<Vec<u8>> = self.libraries.iter().map(|(_, text)| binary(text)).collect();
        let linked: Vec<Linked<'_>> =
            self.libraries.iter().zip(&wasm).map(|(&(name, _), wasm)| Linked { name, wasm }).collect();
        compile_linked(host(), &Settings::default(), &binary(self.main), &linked).map_err(|e| e.to_string())
    }

    fn linked(&self) -> Guest {
        let (mut group, imports, log, table) = world();
        let bytes = self.compiled().unwrap_or_else(|e| panic!("{e}\n{}", self.main));
        let artifact = Artifact::from_bytes(&bytes, "test").unwrap();
        let instance = group.instantiate(&artifact, &imports);
        Guest { group, instance, log, table }
    }

    /// The same as a group of instances.
    fn grouped(&self) -> Guest {
        let (mut group, mut imports, log, table) = world();
        for (name, text) in self.libraries {
            match group.instantiate(&artifact(text), &imports) {
                Ok(instance) => imports.instance(name, instance),
                Err(error) => return Guest { group, instance: Err(error), log, table },
            };
        }
        let instance = group.instantiate(&artifact(self.main), &imports);
        Guest { group, instance, log, table }
    }

    /// Makes both, and compares what calls of each end with, what the host was told, and what is left in its table. Gives
    /// what the calls ended with.
    fn same(&self, calls: &[(&str, &[Val])]) -> Vec<String> {
        let mut guests = [self.linked(), self.grouped()];
        let mut outcomes = Vec::new();
        for (name, arguments) in calls {
            let [linked, grouped] = guests.each_mut().map(|guest| guest.outcome(name, arguments));
            assert_eq!(self.without_names(&linked), grouped, "{name} {arguments:?} of {}", self.main);
            outcomes.push(linked);
        }
        let [linked, grouped] = guests.each_mut().map(Guest::left);
        assert_eq!(linked, grouped, "{}", self.main);
        outcomes
    }

    /// Backtraces of linked modules say whose functions are meant.
    fn without_names(&self, outcome: &str) -> String {
        self.libraries.iter().fold(outcome.to_owned(), |text, (name, _)| text.replace(&format!(" - {name}!"), " - "))
    }
}

impl Guest {
    /// What a call ends with, in words: values, or the error with its backtrace.
    fn outcome(&mut self, name: &str, arguments: &[Val]) -> String {
        match &self.instance {
            Ok(instance) => {
                let called =
                    instance.func(&mut self.group, name).and_then(|func| func.call(&mut self.group, arguments));
                called.map_or_else(|error| error.to_string(), |values| format!("{values:?}"))
            }
            // A segment that fails in a start function is a trap there.
            Err(error) => format!("not instantiated: {}", error.to_string().lines().next().unwrap_or_default()),
        }
    }

    /// What was said, and which elements of the host's table are functions, with what these return.
    fn left(&mut self) -> (Vec<i32>, Vec<Option<String>>) {
        let elements = (0..ELEMENTS).map(|i| match self.table.get(&mut self.group, i).unwrap() {
            Val::FuncRef(Some(func)) => {
                Some(func.call(&mut self.group, &[]).map_or_else(|e| e.to_string(), |v| format!("{v:?}")))
            }
            _ => None,
        });
        let elements = elements.collect();
        (self.log.lock().unwrap().clone(), elements)
    }
}

const NONE: &[Val] = &[];

#[test]
fn calls_end_the_same_and_backtraces_name_modules_functions_and_places() {
    let program = Program {
        libraries: &[
            (
                "deep",
                r#"(module (memory 1)
                    (func $load (export "load") (param i32) (result i32) (i32.load (local.get 0)))
                    (func (export "unnamed") (param i32) (result i32)
                        (i32.div_u (i32.const 9) (call $load (local.get 0))))
                    (data (i32.const 8) "\03"))"#,
            ),
            (
                "lib",
                r#"(module (import "deep" "load" (func $load (param i32) (result i32)))
                    (import "deep" "unnamed" (func $divide (param i32) (result i32)))
                    (import "host" "say" (func $say (param i32)))
                    (func $nobody (unreachable))
                    (func $sum (export "sum") (param i32) (result i32)
                        (call $say (local.get 0))
                        (i32.add (call $load (local.get 0)) (call $divide (local.get 0))))
                    (func $many (export "many") (param i32) (result i32) (local i32)
                        (loop $again
                            (local.set 1 (i32.add (local.get 1) (call $sum (i32.const 8))))
                            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                        (local.get 1)))"#,
            ),
        ],
        main: r#"(module (import "lib" "sum" (func $sum (param i32) (result i32)))
            (import "lib" "many" (func $many (param i32) (result i32)))
            (import "deep" "unnamed" (func $divide (param i32) (result i32)))
            (table 4 funcref) (elem (i32.const 1) $sum $divide $own)
            (type $t (func (param i32) (result i32)))
            (func $own (param i32) (result i32) (i32.rem_u (call $sum (local.get 0)) (i32.const 0)))
            (func (export "sum") (param i32) (result i32) (call $sum (local.get 0)))
            (func (export "many") (param i32) (result i32) (call $many (local.get 0)))
            (func $by (export "by") (param i32 i32) (result i32)
                (call_indirect (type $t) (local.get 1) (local.get 0))))"#,
    };
    let (i, far) = (Val::I32(8), Val::I32(65536));
    let outcomes = program.same(&[
        ("sum", &[i]),
        ("sum", &[far]),
        ("sum", &[Val::I32(0)]),
        ("sum", &[Val::I32(13)]),
        ("many", &[Val::I32(5)]),
        ("by", &[Val::I32(1), i]),
        ("by", &[Val::I32(2), i]),
        ("by", &[Val::I32(2), far]),
        ("by", &[Val::I32(3), i]),
        ("by", &[Val::I32(0), i]),
        ("by", &[Val::I32(4), i]),
    ]);
    assert_eq!(outcomes[0], format!("{:?}", [Val::I32(6)]));
    let frames: Vec<&str> = outcomes[7].lines().filter_map(|line| line.split_once(" - ")).map(|(_, f)| f).collect();
    assert_eq!(frames, ["deep!load", "deep!unnamed", "by"]);
}

/// The library has a memory of its own; the main module has two, of which one is the library's.
#[test]
fn memories_are_whose_they_are() {
    let library = |memory: &str| {
        format!(
            r#"(module {memory} (memory $own 1 9)
                (data (memory $own) (i32.const 4) "library") (data $passive "passive")
                (func (export "load") (param i32) (result i32) (i32.load8_u $own (local.get 0)))
                (func (export "store") (param i32 i32) (i32.store8 $own (local.get 0) (local.get 1)))
                (func (export "grow") (param i32) (result i32) (memory.grow $own (local.get 0)))
                (func (export "init") (param i32)
                    (memory.init $own $passive (local.get 0) (i32.const 0) (i32.const 7)) (data.drop $passive))
                (func (export "fill") (param i32 i32) (memory.fill $own (local.get 0) (i32.const 7) (local.get 1)))
                (func (export "size") (result i32) (memory.size $own))
                (export "own" (memory $own)))"#
        )
    };
    let main = r#"(module
        (import "lib" "load" (func $load (param i32) (result i32))) (import "lib" "store" (func $store (param i32 i32)))
        (import "lib" "grow" (func $grow (param i32) (result i32))) (import "lib" "size" (func $size (result i32)))
        (import "lib" "init" (func $init (param i32))) (import "lib" "fill" (func $fill (param i32 i32)))
        (import "lib" "own" (memory $theirs 1))
        (memory $mine 2 3) (data (memory $mine) (i32.const 0) "main")
        (data (memory $theirs) (i32.const 65530) "theirs") (data $mine_too "too")
        (func (export "load") (param i32) (result i32) (call $load (local.get 0)))
        (func (export "store") (param i32 i32) (call $store (local.get 0) (local.get 1)))
        (func (export "grow") (param i32) (result i32) (call $grow (local.get 0)))
        (func (export "size") (result i32) (call $size))
        (func (export "init") (param i32) (call $init (local.get 0)))
        (func (export "fill") (param i32 i32) (call $fill (local.get 0) (local.get 1)))
        (func (export "mine") (param i32) (result i32) (i32.load8_u $mine (local.get 0)))
        (func (export "put") (param i32 i32) (i32.store8 $mine (local.get 0) (local.get 1)))
        (func (export "theirs") (param i32) (result i32) (i32.load8_u $theirs (local.get 0)))
        (func (export "sizes") (result i32 i32) (memory.size $mine) (memory.size $theirs))
        (func (export "more") (param i32) (result i32) (memory.grow $mine (local.get 0)))
        (func (export "too") (param i32)
            (memory.init $mine $mine_too (local.get 0) (i32.const 0) (i32.const 3)))
        (func (export "across") (param i32 i32 i32)
            (memory.copy $mine $theirs (local.get 0) (local.get 1) (local.get 2))))"#;
    let n = |n: i32| Val::I32(n);
    for memory in ["", "(memory $front 1)"] {
        let library = library(memory);
        let outcomes = Program { libraries: &[("lib", &library)], main }.same(&[
            ("load", &[n(4)]),
            ("mine", &[n(4)]),
            ("mine", &[n(0)]),
            ("theirs", &[n(65535)]),
            ("put", &[n(4), n(99)]),
            ("load", &[n(4)]),
            ("store", &[n(100), n(55)]),
            ("mine", &[n(100)]),
            ("theirs", &[n(100)]),
            ("load", &[n(65536)]),
            ("mine", &[n(65536)]),
            ("mine", &[n(131_072)]),
            ("grow", &[n(2)]),
            ("size", NONE),
            ("sizes", NONE),
            ("load", &[n(196_607)]),
            ("mine", &[n(196_607)]),
            ("theirs", &[n(196_608)]),
            ("more", &[n(1)]),
            ("more", &[n(1)]),
            ("sizes", NONE),
            ("too", &[n(7)]),
            ("mine", &[n(8)]),
            ("init", &[n(20)]),
            ("theirs", &[n(21)]),
            ("init", &[n(20)]),
            ("fill", &[n(30), n(4)]),
            ("across", &[n(64), n(20), n(16)]),
            ("mine", &[n(77)]),
            ("across", &[n(64), n(196_600), n(16)]),
        ]);
        let ends = |i: usize| outcomes[i].as_str();
        // 'l' is theirs and nothing is mine; then 55 is theirs and nothing is mine.
        assert_eq!([ends(0), ends(1), ends(5)], ["[I32(108)]", "[I32(0)]", "[I32(108)]"]);
        assert_eq!([ends(7), ends(8), ends(14)], ["[I32(0)]", "[I32(55)]", "[I32(2), I32(3)]"]);
    }
}

#[test]
fn tables_types_references_and_tags_are_shared() {
    let program = Program {
        libraries: &[(
            "lib",
            // What allows `ref.func` there is an export, which the artifact has not.
            r#"(module (type $unused (func (param f64 i64))) (type $t (func (param i32) (result i32)))
                (type $callback (func (param i32) (result i32)))
                (tag $thrown (export "thrown") (param i32 i64))
                (table $table (export "table") 3 10 funcref)
                (global $g (export "g") (mut i32) (i32.const 5))
                (global $f (export "f") funcref (ref.func $exported))
                (global (export "two") i32 (i32.const 2))
                (global (export "typed") (ref $t) (ref.func $exported))
                (func $exported (export "exported") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
                (func (export "reference") (result funcref) (ref.func $only))
                (func $only (export "only") (result i32) (i32.const 77))
                (func (export "call") (param i32 i32) (result i32)
                    (global.set $g (i32.add (global.get $g) (i32.const 1)))
                    (call_indirect $table (type $callback) (local.get 1) (local.get 0)))
                (func (export "throw") (param i32) (throw $thrown (local.get 0) (i64.const 6))))"#,
        )],
        main: r#"(module (type $callback (func (param i32) (result i32)))
            (import "lib" "table" (table $table 3 funcref)) (import "lib" "g" (global $g (mut i32)))
            (import "lib" "f" (global $f funcref)) (import "lib" "two" (global $two i32))
            (import "lib" "typed" (global $typed (ref func)))
            (import "lib" "thrown" (tag $thrown (param i32 i64))) (import "lib" "throw" (func $throw (param i32)))
            (import "lib" "call" (func $call (param i32 i32) (result i32)))
            (import "lib" "reference" (func $reference (result funcref)))
            (import "lib" "exported" (func $exported (param i32) (result i32)))
            (table $mine 3 (ref func) (global.get $typed))
            (elem (table $table) (global.get $two) funcref (ref.func $own))
            (elem (table $table) (i32.const 1) funcref (global.get $f))
            (elem declare func $exported)
            (global $after i32 (global.get $two))
            (func $own (param i32) (result i32) (i32.add (local.get 0) (global.get $g)))
            (func (export "call") (param i32 i32) (result i32) (call $call (local.get 0) (local.get 1)))
            (func (export "mine") (param i32) (result i32)
                (call_ref $callback (local.get 0) (ref.cast (ref $callback) (table.get $mine (i32.const 1)))))
            (func (export "same") (result i32)
                (table.set $table (i32.const 0) (call $reference))
                (ref.is_null (table.get $table (i32.const 0))))
            (func (export "direct") (param i32) (result i32)
                (call_ref $callback (local.get 0) (ref.func $exported)))
            (func (export "after") (result i32) (global.get $after))
            (func (export "catch") (param i32) (result i32 i64)
                (block $caught (result i32 i64)
                    (try_table (catch $thrown $caught) (call $throw (local.get 0)))
                    (unreachable))))"#,
    };
    let n = |n: i32| Val::I32(n);
    let outcomes = program.same(&[
        ("call", &[n(2), n(10)]),
        ("call", &[n(1), n(10)]),
        ("call", &[n(0), n(10)]),
        ("call", &[n(3), n(10)]),
        ("same", NONE),
        ("call", &[n(0), n(10)]),
        ("mine", &[n(4)]),
        ("direct", &[n(5)]),
        ("after", NONE),
        ("catch", &[n(3)]),
    ]);
    assert_eq!(outcomes[..2], ["[I32(16)]", "[I32(30)]"]);
    assert_eq!(outcomes[6..], ["[I32(12)]", "[I32(15)]", "[I32(2)]", "[I32(3), I64(6)]"]);
}

#[test]
fn types_with_supertypes_and_recursion_groups_are_the_same_across_modules() {
    let types = r#"(rec (type $a (sub (func (result (ref null $b))))) (type $b (sub $a (func (result (ref null $b))))))
        (type $plain (func (result i32)))"#;
    let library = format!(
        r#"(module (type (func (param v128))) {types}
            (func $f (export "f") (type $b) (ref.null $b))
            (func $n (export "n") (type $plain) (i32.const 4))
            (table (export "t") 2 funcref) (elem (i32.const 0) $f $n))"#
    );
    let main = format!(
        r#"(module {types} (type (func (param externref)))
            (import "lib" "f" (func $f (type $a))) (import "lib" "t" (table $t 2 funcref))
            (func (export "as_a") (param i32) (result i32) (ref.is_null (call_indirect $t (type $a) (local.get 0))))
            (func (export "as_b") (param i32) (result i32) (ref.is_null (call_indirect $t (type $b) (local.get 0))))
            (func (export "as_plain") (param i32) (result i32) (call_indirect $t (type $plain) (local.get 0)))
            (func (export "f") (result i32) (ref.is_null (call $f))))"#
    );
    let n = |n: i32| Val::I32(n);
    let program = Program { libraries: &[("lib", &library)], main: &main };
    let outcomes = program.same(&[
        ("as_a", &[n(0)]),
        ("as_b", &[n(0)]),
        ("as_plain", &[n(1)]),
        ("f", NONE),
        ("as_a", &[n(1)]),
        ("as_plain", &[n(0)]),
    ]);
    assert_eq!(outcomes[..4], ["[I32(1)]", "[I32(1)]", "[I32(4)]", "[I32(1)]"]);
    // An import of a type that the export's is above.
    let narrower =
        main.replace("(import \"lib\" \"f\" (func $f (type $a)))", "(import \"lib\" \"f\" (func $f (type $b)))");
    let wider = library.replace("(func $f (export \"f\") (type $b)", "(func $f (export \"f\") (type $a)");
    let refused = Program { libraries: &[("lib", &wider)], main: &narrower }.refusal();
    assert!(refused.contains("incompatible import type") && refused.contains("declared a subtype"), "{refused}");
}

/// A library that says 1 when it starts, and with what it finds in its memory and table.
const STARTS: &str = r#"(module (import "host" "say" (func $say (param i32)))
    (memory (export "m") 1) (table (export "t") 2 funcref) (data (i32.const 0) "\01") (elem (i32.const 0) $f)
    (func $f (result i32) (i32.const 21))
    (func $start (call $say (i32.load8_u (i32.const 0)))
        (call $say (ref.is_null (table.get 0 (i32.const 1)))))
    (func (export "read") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (start $start))"#;

#[test]
fn each_module_is_initialised_before_those_that_import_from_it() {
    let imports = r#"(import "lib" "m" (memory 1)) (import "lib" "t" (table 2 funcref))
        (import "host" "say" (func $say (param i32)))"#;
    for (main, words) in [
        // The main module's segments are there when its start function runs, and not when the library's did.
        (r#"(data (i32.const 0) "\02") (elem (i32.const 1) $g) (start $start)"#, "[I32(2)]"),
        // What can't fail is done in advance.
        (r#"(memory 1) (data (memory 1) (i32.const 0) "\02") (start $start)"#, "[I32(1)]"),
        // One fails: those in front of it were applied, and the library's function had run.
        (r#"(elem (i32.const 1) $g) (data (i32.const 65536) "\02") (start $start)"#, "not instantiated"),
        (r#"(elem (i32.const 2) $g) (data (i32.const 0) "\02") (start $start)"#, "not instantiated"),
        // The host refuses.
        (r#"(data (i32.const 0) "\0d") (start $start)"#, "not instantiated"),
    ] {
        let main = format!(
            r#"(module {imports} {main} (func $g (result i32) (i32.const 22))
                (func $start (call $say (i32.load8_u (i32.const 0))))
                (func (export "read") (result i32) (i32.load8_u (i32.const 0))))"#
        );
        let program = Program { libraries: &[("lib", STARTS)], main: &main };
        let (mut linked, mut grouped) = (program.linked(), program.grouped());
        let outcome = linked.outcome("read", NONE);
        assert!(outcome.starts_with(words), "{main}: {outcome}");
        assert_eq!(outcome == words, grouped.outcome("read", NONE) == words, "{main}");
        assert_eq!(linked.left(), grouped.left(), "{main}");
        let said = linked.log.lock().unwrap().clone();
        assert_eq!(said[..2], [1, 1], "{main}");
    }
}

#[test]
fn what_fails_leaves_behind_what_was_done_before_it() {
    let library = |offset: u32| {
        format!(
            r#"(module (import "host" "table" (table 4 funcref)) (memory (export "m") 1)
                (elem (i32.const 0) $f) (data (i32.const {offset}) "x") (elem (i32.const 1) $f)
                (func $f (result i32) (i32.load8_u (i32.const 0))))"#
        )
    };
    let main = |offset: u32, element: u32| {
        format!(
            r#"(module (import "host" "table" (table 4 funcref)) (import "lib" "m" (memory 1))
                (elem (i32.const {element}) $g) (data (i32.const 0) "y") (data (i32.const {offset}) "z")
                (func $g (result i32) (i32.add (i32.const 1000) (i32.load8_u (i32.const 0))))
                (func (export "run") (result i32) (call $g)))"#
        )
    };
    for (first, second, element) in [(0, 1, 2), (65536, 1, 2), (0, 65536, 2), (0, 0, 4)] {
        let (library, main) = (library(first), main(second, element));
        let program = Program { libraries: &[("lib", &library)], main: &main };
        let (mut linked, mut grouped) = (program.linked(), program.grouped());
        assert_eq!(linked.instance.is_ok(), grouped.instance.is_ok(), "{first} {second} {element}");
        assert_eq!(linked.left(), grouped.left(), "{first} {second} {element}");
    }
}

/// As `bailiwick run --preload` has it.
#[test]
fn a_library_is_initialised_by_its_own_function_too() {
    let library = r#"(module (import "host" "say" (func $say (param i32)))
        (func (export "_initialize") (call $say (i32.const 2))) (start $start) (func $start (call $say (i32.const 1)))
        (func (export "f") (result i32) (i32.const 5)))"#;
    let main = r#"(module (import "host" "say" (func $say (param i32))) (import "lib" "f" (func $f (result i32)))
        (func (export "run") (result i32) (call $f)) (start $start) (func $start (call $say (i32.const 3))))"#;
    let mut guest = Program { libraries: &[("lib", library)], main }.linked();
    assert_eq!(guest.outcome("run", NONE), "[I32(5)]");
    assert_eq!(*guest.log.lock().unwrap(), [1, 2, 3]);
}

#[test]
fn a_module_linked_by_two_names_is_there_twice() {
    let counter = r#"(module (global $n (mut i32) (i32.const 0))
        (func (export "next") (result i32)
            (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"#;
    let main = r#"(module (import "a" "next" (func $a (result i32))) (import "b" "next" (func $b (result i32)))
        (func (export "a") (result i32) (call $a)) (func (export "b") (result i32) (call $b)))"#;
    let outcomes =
        Program { libraries: &[("a", counter), ("b", counter)], main }.same(&[("a", NONE), ("a", NONE), ("b", NONE)]);
    assert_eq!(outcomes, ["[I32(1)]", "[I32(2)]", "[I32(1)]"]);
}

#[test]
fn what_is_exported_again_is_what_it_was() {
    let program = Program {
        libraries: &[
            (
                "deep",
                r#"(module (memory (export "m") 2 3) (global (export "g") i32 (i32.const 9))
                    (func (export "f") (result i32) (memory.size)))"#,
            ),
            (
                "lib",
                r#"(module (import "deep" "m" (memory 1)) (import "deep" "f" (func $f (result i32)))
                    (import "deep" "g" (global i32)) (import "host" "say" (func $say (param i32)))
                    (export "m2" (memory 0)) (export "f2" (func $f)) (export "g2" (global 0)) (export "say2" (func $say)))"#,
            ),
        ],
        main: r#"(module (import "lib" "m2" (memory 2 3)) (import "lib" "f2" (func $f (result i32)))
            (import "lib" "g2" (global $g i32)) (import "lib" "say2" (func $say (param i32)))
            (data (global.get $g) "abc") (global i32 (global.get $g))
            (func (export "run") (result i32 i32 i32)
                (call $say (global.get $g))
                (drop (memory.grow (i32.const 1))) (call $f) (i32.load8_u (i32.const 10)) (global.get 1))
            (export "say" (func $say)))"#,
    };
    let outcomes = program.same(&[("run", NONE), ("say", &[Val::I32(4)])]);
    assert_eq!(outcomes[0], "[I32(3), I32(98), I32(9)]");
}

#[test]
fn imports_that_are_not_satisfied_are_refused_by_name() {
    let library = r#"(module (func (export "f") (param i32)) (memory (export "m") 2) (memory (export "wide") i64 1)
        (table (export "t") 3 funcref) (global (export "g") (mut i32) (i32.const 0)) (tag (export "e") (param i32)))"#;
    for (import, expected, found) in [
        (r#""f" (func (param i64))"#, "a function (i64)", "a function (i32)"),
        (r#""f" (memory 1)"#, "a memory of 1 pages", "a function (i32)"),
        (r#""m" (func)"#, "a function ()", "a memory of 2 pages"),
        (r#""m" (memory 3)"#, "a memory of 3 pages", "a memory of 2 pages"),
        (r#""m" (memory 2 5)"#, "a memory of 2 to 5 pages", "a memory of 2 pages"),
        (r#""m" (memory i64 1)"#, "a 64-bit memory of 1 pages", "a memory of 2 pages"),
        (r#""m" (memory 1 2 shared)"#, "a shared memory of 1 to 2 pages", "a memory of 2 pages"),
        (r#""wide" (memory 1)"#, "a memory of 1 pages", "a 64-bit memory of 1 pages"),
        (r#""t" (table 4 funcref)"#, "a table of 4 funcref", "a table of 3 funcref"),
        (r#""t" (table 3 externref)"#, "a table of 3 externref", "a table of 3 funcref"),
        (r#""g" (global i32)"#, "a constant global of type i32", "a mutable global of type i32"),
        (r#""g" (global (mut i64))"#, "a mutable global of type i64", "a mutable global of type i32"),
        (r#""e" (tag (param i64))"#, "a tag (i64)", "a tag (i32)"),
        (r#""e" (func (param i32))"#, "a function (i32)", "a tag (i32)"),
    ] {
        let main = format!(r#"(module (import "lib" {import}))"#);
        let refused = Program { libraries: &[("lib", library)], main: &main }.refusal();
        let (wants, is) = refused.split_once("and what \"lib\" exports is").unwrap_or_else(|| panic!("{refused}"));
        assert!(
            wants.contains("incompatible import type: the module imports \"lib\"") && wants.contains(expected),
            "{refused}"
        );
        assert!(is.contains(found), "{refused}");
    }
    let refused = |libraries: &[(&str, &str)], main: &str| Program { libraries, main }.refusal();
    let uses = r#"(module (import "lib" "f" (func (param i32))))"#;
    let text = refused(&[("lib", library)], r#"(module (import "lib" "absent" (func)))"#);
    assert!(
        text.contains(r#"the module imports "lib" "absent", and the module linked as "lib" has no export"#),
        "{text}"
    );
    let text = refused(&[("lib", library), ("lib", library)], uses);
    assert!(text.contains(r#"two modules are linked as "lib""#), "{text}");
    let text = refused(&[("lib", library), ("other", library)], uses);
    assert!(text.contains(r#"nothing is imported from "other""#) && text.contains("from \"lib\""), "{text}");
    let b = r#"(module (import "c" "f" (func $f)) (export "f" (func $f)))"#;
    let c = r#"(module (import "b" "f" (func $f)) (export "f" (func $f)))"#;
    let text = refused(&[("b", b), ("c", c)], r#"(module (import "b" "f" (func)))"#);
    assert!(text.contains(r#""b" imports from "c" imports from "b""#), "{text}");
    let text = refused(&[("b", c)], r#"(module (import "b" "f" (func)))"#);
    assert!(text.contains(r#""b" imports from "b""#), "{text}");
    // Which of the modules is meant.
    let asks = r#"(module (import "lib" "f" (func $f (param i64))) (export "g" (func $f)))"#;
    let text = refused(&[("lib", library), ("mid", asks)], r#"(module (import "mid" "g" (func (param i64))))"#);
    assert!(text.contains(r#"incompatible import type: "mid" imports "lib" "f""#), "{text}");
}

#[test]
fn a_linked_module_is_valid_by_itself() {
    let broken = [binary("(module)"), vec![10, 5, 1, 3, 0, 0x6a, 0x0b]].concat();
    let main = binary(r#"(module (import "lib" "f" (func)))"#);
    let linked = [Linked { name: "lib", wasm: &broken }];
    let refused = compile_linked(host(), &Settings::default(), &main, &linked).unwrap_err().to_string();
    assert!(refused.contains("the linked module \"lib\": ") && refused.contains("at offset"), "{refused}");
}

/// The system interface is given the memory that the calling module exports: of two, one would be taken for the other.
#[test]
fn functions_of_the_host_never_meet_another_modules_memory() {
    let library = |memory: &str| {
        format!(
            r#"(module (import "host" "say" (func $say (param i32))) {memory}
                (func (export "f") (call $say (i32.const 1))))"#
        )
    };
    let main = |memory: &str| format!(r#"(module (import "lib" "f" (func $f)) {memory} (export "run" (func $f)))"#);
    let (own, none) = (r#"(memory (export "memory") 1)"#, "");
    for (theirs, mine) in [(own, own), (own, none), (none, own)] {
        let refused = Program { libraries: &[("lib", &library(theirs))], main: &main(mine) }.refusal();
        assert!(refused.contains(r#""lib" imports the function "host" "say" from the host"#), "{refused}");
    }
    let shared = r#"(import "lib" "memory" (memory 1)) (export "memory" (memory 0))"#;
    for (theirs, mine) in [(none, none), (own, shared)] {
        let outcomes = Program { libraries: &[("lib", &library(theirs))], main: &main(mine) }.same(&[("run", NONE)]);
        assert_eq!(outcomes, ["[]"]);
    }
}

#[test]
fn names_of_any_kind_are_told_and_bounded() {
    let long = "n".repeat(300);
    for name in ["", "\u{1b}[2J", "ä!ö", "a b", long.as_str()] {
        let library = format!(r#"(module (func ${} (export "f") (unreachable)))"#, "x".repeat(1000));
        let main = format!(
            r#"(module (import "{}" "f" (func $f)) (func (export "run") (call $f)))"#,
            name.replace('\u{1b}', "\\1b")
        );
        let program = Program { libraries: &[(name, &library)], main: &main };
        let outcome = program.linked().outcome("run", NONE);
        assert!(!outcome.contains('\u{1b}') && outcome.contains("!xxx") && outcome.len() < 3000, "{outcome}");
    }
}

/// Reads an artifact's tables.
fn with_view<R>(bytes: &[u8], f: impl FnOnce(&View<'_>) -> R) -> R {
    // They are read in place, aligned.
    let mut words = vec![0u64; bytes.len().div_ceil(8)];
    words.as_mut_bytes()[..bytes.len()].copy_from_slice(bytes);
    f(&View::new(&words.as_bytes()[..bytes.len()], bytes.len() as u64).unwrap())
}

#[test]
fn the_artifact_says_what_was_linked() {
    let (one, two) = ("(module (func (export \"f\")))", "(module (func (export \"f\") (nop)))");
    let main = |name: &str| format!(r#"(module (import "{name}" "f" (func $f)) (export "run" (func $f)))"#);
    let compiled =
        |name: &str, library: &str, main: &str| Program { libraries: &[(name, library)], main }.compiled().unwrap();
    let both = r#"(module (import "a" "f" (func $f)) (import "b" "f" (func)) (export "run" (func $f)))"#;
    let pair = |libraries: [(&str, &str); 2]| Program { libraries: &libraries, main: both }.compiled().unwrap();
    let artifacts = [
        compiled("lib", one, &main("lib")),
        compiled("lib", two, &main("lib")),
        compiled("bil", one, &main("bil")),
        pair([("a", one), ("b", two)]),
        pair([("a", two), ("b", one)]),
    ];
    let hashes: Vec<[u8; 32]> = artifacts.iter().map(|bytes| with_view(bytes, |v| v.header().source_sha256)).collect();
    for (i, hash) in hashes.iter().enumerate() {
        assert!(!hashes[..i].contains(hash), "{i}");
    }
    with_view(&artifacts[0], |view| {
        assert_eq!(view.imports().len(), 0);
        let exports: Vec<&str> = view.exports().iter().map(|export| view.string(export.name).unwrap()).collect();
        assert_eq!(exports, ["run"]);
    });
    assert_eq!(compiled("lib", one, &main("lib")), artifacts[0]);
}

#[test]
fn what_is_too_much_together_is_refused() {
    let memories = "(memory 1)".repeat(60);
    let library = format!(r#"(module {memories} (func (export "f")))"#);
    let main = format!(r#"(module (import "lib" "f" (func)) {memories})"#);
    let refused = Program { libraries: &[("lib", &library)], main: &main }.refusal();
    assert!(refused.contains("each alone is not") && refused.contains("memor"), "{refused}");
}
