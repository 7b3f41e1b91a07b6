//! Which handler gets an exception, and with what.

use super::{Guest, artifacts, each};
use bailiwick_compiler::{CompileError, Options, compile, emit_asm, emit_clif, parse_target};
use bailiwick_loader::{Artifact, Error, Group, GroupConfig, Imports, TrapCode, Val};
use bailiwick_runtime_abi::format::Table;
use bailiwick_tests::compile::{artifact, artifact_bytes, binary};

#[test]
fn through_a_thousand_frames() {
    each(
        r#"(module
            (tag $e (param i32))
            (func $down (param i32) (result i32)
                (if (result i32) (i32.eqz (local.get 0))
                    (then (throw $e (i32.const 42)))
                    (else (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))))
            (func (export "run") (param i32) (result i32)
                (block $h (result i32)
                    (try_table (result i32) (catch $e $h) (call $down (local.get 0)))
                    (return (i32.const -1)))))"#,
        |guest| {
            for depth in [0, 1, 1000, 20_000] {
                assert_eq!(guest.value("run", &[Val::I32(depth)]), Val::I32(42));
            }
        },
    );
}

#[test]
fn the_innermost_handler_and_the_first_clause() {
    each(
        r#"(module
            (tag $a) (tag $b)
            (func $throw (param i32)
                (if (i32.eqz (local.get 0)) (then (throw $a)))
                (throw $b))
            (func (export "nested") (param i32) (result i32)
                (block $outer
                    (try_table (catch $a $outer) (catch_all $outer)
                        (block $inner
                            (try_table (catch $a $inner)
                                (call $throw (local.get 0)))
                            (return (i32.const 0)))
                        (return (i32.const 1)))
                    (return (i32.const 3)))
                (i32.const 2))
            (func (export "order") (param i32) (result i32)
                (block $any
                    (block $first
                        (try_table (catch $b $first) (catch_all $any) (catch $a $first)
                            (call $throw (local.get 0)))
                        (return (i32.const 0)))
                    (return (i32.const 1)))
                (i32.const 2))
            (func (export "loops") (param i32) (result i32)
                (local $n i32)
                (loop $again
                    (if (i32.ge_u (local.get $n) (local.get 0)) (then (return (local.get $n))))
                    (local.set $n (i32.add (local.get $n) (i32.const 1)))
                    (try_table (catch_all $again) (call $throw (i32.const 1))))
                (i32.const -1)))"#,
        |guest| {
            assert_eq!(guest.value("nested", &[Val::I32(0)]), Val::I32(1));
            assert_eq!(guest.value("nested", &[Val::I32(1)]), Val::I32(2));
            assert_eq!(guest.value("order", &[Val::I32(0)]), Val::I32(2));
            assert_eq!(guest.value("order", &[Val::I32(1)]), Val::I32(1));
            assert_eq!(guest.value("loops", &[Val::I32(100_000)]), Val::I32(100_000));
        },
    );
}

/// What is carried is of every type, the last a reference to a function that is called.
const PAYLOADS: &str = r#"(module
    (type $f (func (result i32)))
    (tag $e (param i32 i64 f32 f64 v128 externref funcref exnref (ref $f)))
    (tag $inner (param i32))
    (table $t 1 funcref)
    (func $seven (export "seven") (type $f) (i32.const 7))
    (elem declare func $seven)
    (func $drop2 (param i32 exnref) (result exnref) (local.get 1))
    (func $make (result exnref)
        (block $h (result i32 exnref)
            (try_table (catch_ref $inner $h) (throw $inner (i32.const 5)))
            unreachable)
        (call $drop2))
    (func $throw (param externref)
        (throw $e (i32.const -1) (i64.const -2) (f32.const nan:0x200001) (f64.const -0) (v128.const i64x2 3 4)
            (local.get 0) (ref.func $seven) (call $make) (ref.func $seven)))
    (func (export "run") (param externref) (result i32 i64 f32 f64 v128 externref funcref i32 i32)
        (local $x exnref) (local $f (ref null $f))
        (block $h (result i32 i64 f32 f64 v128 externref funcref exnref (ref $f))
            (try_table (catch $e $h) (call $throw (local.get 0)))
            unreachable)
        (local.set $f) (local.set $x)
        (block $again (result i32) (try_table (catch $inner $again) (throw_ref (local.get $x))) unreachable)
        (call_ref $f (local.get $f))))"#;

#[test]
fn payloads_of_every_type() {
    each(PAYLOADS, |guest| {
        let reference = guest.group.extern_ref(1u8).unwrap();
        let seven = guest.instance.func(&mut guest.group, "seven").unwrap();
        let expected = [
            Val::I32(-1),
            Val::I64(-2),
            Val::F32(0x7fa0_0001),
            Val::F64(1 << 63),
            Val::V128(4 << 64 | 3),
            Val::ExternRef(Some(reference)),
            Val::FuncRef(Some(seven)),
            Val::I32(5),
            Val::I32(7),
        ];
        assert_eq!(guest.call("run", &[Val::ExternRef(Some(reference))]).unwrap(), expected);
    });
}

#[test]
fn a_reference_is_kept_and_thrown_again() {
    each(
        r#"(module
            (tag $e (param i64))
            (global $g (mut exnref) (ref.null exn))
            (table $t 4 exnref)
            (func $catch (param i64) (result exnref)
                (block $h (result exnref)
                    (try_table (catch_all_ref $h) (throw $e (local.get 0)))
                    unreachable))
            (func (export "keep") (param i64)
                (global.set $g (call $catch (local.get 0)))
                (table.set $t (i32.const 2) (global.get $g)))
            (func $rethrow (param exnref) (throw_ref (local.get 0)))
            (func (export "global") (result i64)
                (block $h (result i64) (try_table (catch $e $h) (call $rethrow (global.get $g))) unreachable))
            (func (export "table") (result i64)
                (block $h (result i64)
                    (try_table (catch $e $h) (call $rethrow (table.get $t (i32.const 2)))) unreachable))
            (func (export "null") (throw_ref (table.get $t (i32.const 1))))
            (func (export "give") (result exnref) (global.get $g))
            (func (export "take") (param exnref) (throw_ref (local.get 0))))"#,
        |guest| {
            guest.call("keep", &[Val::I64(77)]).unwrap();
            assert_eq!(guest.value("global", &[]), Val::I64(77));
            assert_eq!(guest.value("table", &[]), Val::I64(77));
            assert_eq!(guest.call("null", &[]).unwrap_err().trap_code(), Some(TrapCode::NullReference));
            let given = guest.value("give", &[]);
            let thrown = guest.thrown("take", &[given]);
            assert_eq!(Val::ExnRef(Some(thrown.exception())), given);
            assert_eq!(thrown.values(), [Val::I64(77)]);
        },
    );
}

/// Values that live across a call that throws, more than there are registers, of both kinds; and in the callee too.
#[test]
fn what_was_in_registers_is_there_in_the_handler() {
    let ints: String = (0..20).map(|i| format!("(local $i{i} i64)")).collect();
    let floats: String = (0..20).map(|i| format!("(local $f{i} f64)")).collect();
    let set: String = (0..20)
        .map(|i| {
            format!(
                "(local.set $i{i} (i64.mul (local.get 0) (i64.const {})))
                 (local.set $f{i} (f64.mul (f64.convert_i64_s (local.get 0)) (f64.const {})))",
                i + 3,
                i + 5
            )
        })
        .collect();
    let sum: String = (0..20)
        .map(|i| {
            format!(
                "(local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 3))
                    (i64.add (local.get $i{i}) (i64.trunc_f64_s (local.get $f{i})))))"
            )
        })
        .collect();
    let wat = format!(
        r#"(module
            (tag $e (param i64))
            (func $callee (param i64) (param $throw i32) (result i64) (local $sum i64) {ints} {floats}
                {set}
                (if (local.get $throw) (then (drop (call $deeper (local.get 0)))))
                {sum}
                (local.get $sum))
            (func $deeper (param i64) (result i64) (throw $e (local.get 0)))
            (func (export "caught") (param i64) (result i64) (local $sum i64) {ints} {floats}
                {set}
                (block $h (result i64)
                    (try_table (catch $e $h) (drop (call $callee (i64.const 9) (i32.const 1))))
                    unreachable)
                (drop)
                {sum}
                (local.get $sum))
            (func (export "here") (param i64) (result i64) (local $sum i64) {ints} {floats}
                {set}
                (block $h (result i64)
                    (try_table (catch $e $h) (throw $e (i64.const 1)))
                    unreachable)
                (drop)
                {sum}
                (local.get $sum))
            (func (export "plain") (param i64) (result i64) (call $callee (local.get 0) (i32.const 0))))"#
    );
    each(&wat, |guest| {
        for n in [1, 12345, -77] {
            let expected = guest.value("plain", &[Val::I64(n)]);
            assert_eq!(guest.value("caught", &[Val::I64(n)]), expected);
            assert_eq!(guest.value("here", &[Val::I64(n)]), expected);
        }
    });
}

#[test]
fn many_arguments_and_results_of_calls_with_handlers() {
    let params = "i64 ".repeat(30);
    let gets: String = (0..30).rev().map(|i| format!("(local.get {i})")).collect();
    let constants =
        |first: i64| -> String { [first].into_iter().chain(1..30).map(|i| format!("(i64.const {i})")).collect() };
    let (returns, throws) = (constants(100), constants(0));
    let wat = format!(
        r#"(module
            (tag $e (param {params}))
            (func $f (param {params}) (result {params})
                (if (i64.eqz (local.get 0)) (then (throw $e {gets})))
                {gets})
            (func (export "returns") (result {params})
                (block $h (result {params})
                    (try_table (result {params}) (catch $e $h) (call $f {returns}))))
            (func (export "throws") (result {params})
                (block $h (result {params})
                    (try_table (result {params}) (catch $e $h) (call $f {throws})))))"#
    );
    each(&wat, |guest| {
        let thrown: Vec<Val> = (0..30).rev().map(Val::I64).collect();
        assert_eq!(guest.call("throws", &[]).unwrap(), thrown);
        let returned: Vec<Val> = (1..30).rev().chain([100]).map(Val::I64).collect();
        assert_eq!(guest.call("returns", &[]).unwrap(), returned);
    });
}

/// Throws a tag of its own, or one that it imports.
const OWN: &str = r#"(module
    (tag $own (export "tag") (param i32))
    (func (export "throw") (param i32) (throw $own (local.get 0))))"#;
const CATCHER: &str = r#"(module
    (import "a" "throw" (func $a (param i32)))
    (import "b" "throw" (func $b (param i32)))
    (import "a" "tag" (tag $e (param i32)))
    (table funcref (elem $a $b))
    (func (export "direct") (result i32)
        (block $h (result i32) (try_table (catch $e $h) (call $a (i32.const 1))) unreachable))
    (func (export "other") (result i32)
        (block $any
            (block $h (result i32)
                (try_table (catch $e $h) (catch_all $any) (call_indirect (param i32) (i32.const 2) (i32.const 1)))
                unreachable)
            (return))
        (i32.const -1))
    (func (export "indirect") (result i32)
        (block $h (result i32)
            (try_table (catch $e $h) (call_indirect (param i32) (i32.const 3) (i32.const 0))) unreachable)))"#;

#[test]
fn a_tag_is_that_of_an_instance_and_frames_are_of_any() {
    for (own, catcher) in artifacts(OWN).iter().zip(artifacts(CATCHER)) {
        let mut group = Group::new().unwrap();
        let a = group.instantiate(own, &Imports::new()).unwrap();
        let b = group.instantiate(own, &Imports::new()).unwrap();
        let mut imports = Imports::new();
        imports.instance("a", a).instance("b", b);
        let instance = group.instantiate(&catcher, &imports).unwrap();
        let mut guest = Guest { group, instance };
        assert_eq!(guest.value("direct", &[]), Val::I32(1));
        assert_eq!(guest.value("other", &[]), Val::I32(-1));
        assert_eq!(guest.value("indirect", &[]), Val::I32(3));
    }
}

#[test]
fn out_of_a_start_function() {
    let wat = r#"(module (tag $e (param i32)) (func $start (throw $e (i32.const 8))) (start $start))"#;
    for artifact in artifacts(wat) {
        let mut group = Group::new().unwrap();
        let Err(Error::Exception(exception)) = group.instantiate(&artifact, &Imports::new()) else {
            panic!("the start function throws")
        };
        assert_eq!(exception.values(), [Val::I32(8)]);
        assert_eq!(exception.to_string().lines().next(), Some("uncaught exception (i32 8)"));
        assert_eq!(exception.backtrace().frames().len(), 1);
    }
}

#[test]
fn a_tail_call_leaves_the_try_table() {
    each(
        r#"(module
            (tag $e)
            (func $throw (throw $e))
            (func $tail (block $h (try_table (catch $e $h) (return_call $throw))))
            (func (export "run") (result i32)
                (block $h (try_table (catch $e $h) (call $tail)) (return (i32.const 0)))
                (i32.const 1)))"#,
        |guest| assert_eq!(guest.value("run", &[]), Val::I32(1)),
    );
}

/// In the code generator's representation, and in the tables: calls and nothing else.
#[test]
fn a_try_table_costs_nothing_where_nothing_is_thrown() {
    let with = r#"(module (tag $e) (import "a" "f" (func $f))
        (func (block $h (try_table (catch $e $h) (call $f)))))"#;
    let clif = emit_clif(&binary(with), &Options::default()).unwrap();
    let function: Vec<&str> = clif.split("function ").nth(1).unwrap().lines().collect();
    let at = |what: &str| function.iter().position(|line| line.contains(what)).unwrap();
    // From the entry to the call there is what a call through a slot needs, and the entry's poll.
    let before = &function[at("block0(")..at("try_call_indirect")];
    assert!(!before.iter().any(|line| line.contains("store") || line.contains("stack_addr")), "{clif}");
    assert_eq!(before.iter().filter(|line| line.contains("load")).count(), 3, "{clif}");
    // Without one there are no tables.
    let without = artifact(r#"(module (tag $e) (func (export "f") (throw $e)))"#);
    assert!(without.view().handler_sites().is_empty() && without.view().root_sites().is_empty());
    let artifact = compile(&binary(with), &Options::default()).unwrap();
    assert_eq!(bailiwick_loader::Artifact::from_bytes(&artifact, "t").unwrap().view().handlers().len(), 1);
}

/// A function with many arguments makes way for one with few, whose frame then ends within what the caller's frame has for
/// the arguments; and the other way round. Handlers and references of the caller are found.
#[test]
fn frames_of_functions_that_are_called_in_place_of_others_with_other_arguments() {
    let many = "i64 ".repeat(60);
    let zeros = "(i64.const 0) ".repeat(60);
    let wat = format!(
        r#"(module
            (tag $e (param i32))
            (func $catch (result exnref)
                (block $h (result exnref) (try_table (catch_all_ref $h) (throw $e (i32.const 7))) unreachable))
            (func $collect (param i32)
                (loop $l
                    (drop (call $catch))
                    (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
            (func $throw (call $collect (i32.const 3000)) (throw $e (i32.const 5)))
            (func $throw_many (param {many}) (call $collect (i32.const 3000)) (throw $e (i32.const 6)))
            (func $to_few (param {many}) (return_call $throw))
            (func $to_many (return_call $throw_many {zeros}))
            (func $number (param exnref) (result i32)
                (block $h (result i32) (try_table (catch $e $h) (throw_ref (local.get 0))) unreachable))
            (func (export "few") (result i32) (local $x exnref)
                (local.set $x (call $catch))
                (block $h (result i32) (try_table (catch $e $h) (call $to_few {zeros})) unreachable)
                (i32.add (i32.mul (i32.const 10)) (call $number (local.get $x))))
            (func (export "many") (result i32) (local $x exnref)
                (local.set $x (call $catch))
                (block $h (result i32) (try_table (catch $e $h) (call $to_many)) unreachable)
                (i32.add (i32.mul (i32.const 10)) (call $number (local.get $x)))))"#
    );
    each(&wat, |guest| {
        assert_eq!(guest.value("few", &[]), Val::I32(57));
        assert_eq!(guest.value("many", &[]), Val::I32(67));
    });
}

/// Instructions from the entry of a function to its first return, but for jumps, which may go to what follows, and for moves
/// among registers and the frame; and how many notes there are of registers that are saved because the caller keeps them.
fn instructions(asm: &str, name: &str) -> (usize, usize) {
    let start = asm.find(&format!(";; {name}\n")).unwrap_or_else(|| panic!("no {name}: {asm}"));
    let lines = asm[start..].lines().skip(1).map(str::trim);
    let hot: Vec<&str> = lines.take_while(|line| !line.starts_with("ret")).collect();
    let counts = |line: &str| {
        let none = ["unwind", "block", "jmp ", "b label", "sequence_point"].iter().any(|what| line.starts_with(what));
        let frame = ["%rsp", " sp", "[sp"].iter().any(|what| line.contains(what));
        let moves = line.starts_with("mov") && !line.contains('(');
        !none && !frame && !moves
    };
    let saved = hot.iter().filter(|line| line.starts_with("unwind SaveReg")).count();
    (hot.iter().filter(|line| counts(line)).count(), saved)
}

/// The same instructions as without, whatever is called, and on both architectures. What it does cost is registers: none
/// survives a throw, so those that the caller keeps are saved on entry, and what is needed after a call is in the frame.
#[test]
fn a_try_table_adds_no_instructions_but_moves() {
    let wat = r#"(module
        (tag $e (param i32)) (import "a" "f" (func $f (param i32) (result i32)))
        (table $t (export "t") 9 funcref) (type $t (func (param i32) (result i32))) (memory 1)
        (func $own (param i32) (result i32) (i32.load (local.get 0)))
        (func $with (export "with") (param i32 i32) (result i32)
            (block $h (result i32)
                (try_table (result i32) (catch $e $h)
                    (i32.add (call $own (local.get 0)) (call $f (local.get 1)))
                    (call_indirect $t (type $t) (local.get 0)))))
        (func $without (export "without") (param i32 i32) (result i32)
            (block $h (result i32)
                (block (result i32)
                    (i32.add (call $own (local.get 0)) (call $f (local.get 1)))
                    (call_indirect $t (type $t) (local.get 0))))))"#;
    for (triple, callee_saved) in [("x86_64-unknown-linux-gnu", 5), ("aarch64-unknown-linux-gnu", 18)] {
        let options = Options { target: parse_target(triple).unwrap(), ..Options::default() };
        let asm = emit_asm(&binary(wat), &options).unwrap();
        let ((with, saved), (without, _)) = (instructions(&asm, "with"), instructions(&asm, "without"));
        assert!(with == without && with > 10, "{triple}: {with}, {without}: {asm}");
        assert_eq!(saved, callee_saved, "{triple}: {asm}");
    }
}

/// Every call has a record of each handler that it may go to: a small module could have any number of them.
#[test]
fn more_handlers_than_are_compiled_are_refused_and_many_are_compiled_with_less_effort() {
    let module = |tags: usize, calls: usize, all: &str| {
        let declared: String = (0..tags).map(|i| format!("(tag $e{i})")).collect();
        let clauses: String = (0..tags).map(|i| format!("(catch $e{i} $h)")).collect();
        let wat = format!(
            r#"(module {declared} (func $f (throw $e{})) (func (export "run")
                (block $h (try_table {clauses} {} unreachable))))"#,
            tags - 1,
            format!("(try_table {all} (call $f))").repeat(calls)
        );
        binary(&wat)
    };
    for (tags, calls) in [(10_000, 780), (1000, 8000), (1_000, 2200)] {
        match compile(&module(tags, calls, ""), &Options::default()) {
            Err(CompileError::Limit { .. }) => {}
            other => panic!("{tags} tags, {calls} calls: {:?}", other.map(|bytes| bytes.len())),
        }
    }
    // One clause that gets everything hides all others.
    compile(&module(1000, 8000, "(catch_all 0)"), &Options::default()).unwrap();
    for (tags, calls) in [(10_000, 3), (100, 1000)] {
        let artifact = Artifact::from_bytes(&compile(&module(tags, calls, ""), &Options::default()).unwrap(), "many");
        let mut guest = Guest::of(&artifact.unwrap(), &Imports::new(), GroupConfig::default());
        guest.call("run", &[]).unwrap();
    }
}

/// A damaged table is a typed error, however it was damaged: the checksum is compared before it is used.
#[test]
fn a_damaged_table_of_handlers_is_an_error() {
    let wat = r#"(module (tag $e (param i32))
        (func $throw (throw $e (i32.const 1)))
        (func (export "run") (result i32)
            (block $h (result i32) (try_table (catch $e $h) (call $throw)) (i32.const 0))))"#;
    let bytes = artifact_bytes(wat);
    let whole = bailiwick_loader::Artifact::from_bytes(&bytes, "test").unwrap();
    for table in [Table::HandlerSites, Table::Handlers, Table::TextMap] {
        let span = whole.view().header().tables[table as usize];
        assert!(span.len > 0);
        for at in span.offset..span.offset + span.len {
            let mut bytes = bytes.clone();
            bytes[at as usize] ^= 1 << (at % 8);
            let artifact = bailiwick_loader::Artifact::from_bytes(&bytes, "damaged").unwrap();
            let mut guest = Guest::of(&artifact, &Imports::new(), GroupConfig::default());
            match guest.call("run", &[]) {
                Err(Error::Format(_)) => {}
                other => panic!("{table:?} at {at}: {other:?}"),
            }
        }
    }
}
