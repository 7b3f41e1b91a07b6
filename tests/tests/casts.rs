//! `ref.test`, `ref.cast`, `br_on_cast` and `br_on_cast_fail` of references that no collector has: functions, host values and
//! exceptions. Those to collected values are refused.

use bailiwick_loader::{Group, Imports, TrapCode, Val};
use bailiwick_tests::compile::{Refusal, artifact, binary, compile};
use bailiwick_tests::guest::Guest;

/// Types with two subtypes, of which one has another; and a function of each.
const TYPES: &str = r#"
    (rec (type $top (sub (func (result i32)))))
    (rec (type $left (sub $top (func (result i32)))))
    (rec (type $right (sub final $top (func (result i32)))))
    (rec (type $leaf (sub final $left (func (result i32)))))
    (type $other (func (param i32)))
    (func $of_top (type $top) (i32.const 0))
    (func $of_left (type $left) (i32.const 1))
    (func $of_right (type $right) (i32.const 2))
    (func $of_leaf (type $leaf) (i32.const 3))
    (func $of_other (type $other))
    (table $t funcref (elem $of_top $of_left $of_right $of_leaf $of_other))"#;

/// Which of `top, left, right, leaf, other, null` a function that takes an index answers 1 for.
fn answers(guest: &mut Guest, name: &str) -> Vec<i32> {
    (0..6)
        .map(|i| match guest.call(name, &[Val::I32(i)]).unwrap()[..] {
            [Val::I32(answer)] => answer,
            ref other => panic!("{name}: {other:?}"),
        })
        .collect()
}

#[test]
fn a_function_is_of_its_type_and_of_all_above() {
    let mut wat = format!("(module {TYPES} (func $get (param i32) (result funcref) (if (result funcref)");
    wat += "(i32.eq (local.get 0) (i32.const 5)) (then (ref.null func)) (else (table.get $t (local.get 0)))))";
    let cases = [
        ("$top", [1, 1, 1, 1, 0]),
        ("$left", [0, 1, 0, 1, 0]),
        ("$right", [0, 0, 1, 0, 0]),
        ("$leaf", [0, 0, 0, 1, 0]),
        ("$other", [0, 0, 0, 0, 1]),
        ("func", [1; 5]),
        ("nofunc", [0; 5]),
    ];
    let ways = |ty: &str| {
        [
            ("test", format!("(ref.test {ty} (call $get (local.get 0)))")),
            (
                "taken",
                format!("(block $b (result {ty}) (br_on_cast $b funcref {ty} (call $get (local.get 0))) (return (i32.const 0)))
                    (drop) (i32.const 1)"),
            ),
            (
                "not taken",
                format!("(block $b (result funcref) (br_on_cast_fail $b funcref {ty} (call $get (local.get 0)))
                    (return (i32.const 1))) (drop) (i32.const 0)"),
            ),
        ]
    };
    for (name, _) in cases {
        for null in ["", "null "] {
            for (way, body) in ways(&format!("(ref {null}{name})")) {
                wat += &format!("(func (export \"{way} {null}{name}\") (param i32) (result i32) {body})");
            }
            wat += &format!(
                "(func (export \"cast {null}{name}\") (param i32)
                    (drop (ref.cast (ref {null}{name}) (call $get (local.get 0)))))"
            );
        }
    }
    wat.push(')');
    let mut guest = Guest::new(&wat);
    for (name, expected) in cases {
        for (null, of_null) in [("", 0), ("null ", 1)] {
            let expected: Vec<i32> = expected.into_iter().chain([of_null]).collect();
            for way in ["test", "taken", "not taken"] {
                assert_eq!(answers(&mut guest, &format!("{way} {null}{name}")), expected, "{way} {null}{name}");
            }
            for (i, &expected) in expected.iter().enumerate() {
                let ended = guest.call(&format!("cast {null}{name}"), &[Val::I32(i as i32)]);
                let trap = ended.err().map(|error| error.trap_code().unwrap());
                assert_eq!(trap, (expected == 0).then_some(TrapCode::CastFailure), "cast of {i} to {null}{name}");
            }
        }
    }
}

#[test]
fn a_function_of_another_module_is_known_by_its_type() {
    let mut group = Group::new().unwrap();
    let exporter =
        artifact(&format!("(module {TYPES} (export \"f\" (func $of_leaf)) (export \"g\" (func $of_right)))"));
    let exporter = group.instantiate(&exporter, &Imports::new()).unwrap();
    let importer = artifact(&format!(
        r#"(module {TYPES}
            (func (export "is left") (param funcref) (result i32) (ref.test (ref $left) (local.get 0)))
            (func (export "call") (param funcref) (result i32) (call_ref $left (ref.cast (ref $left) (local.get 0)))))"#
    ));
    let importer = group.instantiate(&importer, &Imports::new()).unwrap();
    for (name, is_left) in [("f", 1), ("g", 0)] {
        let function = exporter.func(&mut group, name).unwrap();
        let given = [Val::FuncRef(Some(function))];
        let found = importer.func(&mut group, "is left").unwrap().call(&mut group, &given).unwrap();
        assert!(matches!(found[..], [Val::I32(n)] if n == is_left), "{name}: {found:?}");
        let called = importer.func(&mut group, "call").unwrap().call(&mut group, &given);
        match called {
            Ok(values) => assert!(is_left == 1 && matches!(values[..], [Val::I32(3)]), "{name}: {values:?}"),
            Err(error) => assert!(is_left == 0 && error.trap_code() == Some(TrapCode::CastFailure), "{name}: {error}"),
        }
    }
}

#[test]
fn exceptions_and_host_values_are_told_from_null() {
    let mut guest = Guest::new(
        r#"(module (tag $e)
            (func $thrown (result exnref)
                (block $h (result exnref) (try_table (catch_all_ref $h) (throw $e)) (unreachable)))
            (func (export "exception") (result i32) (ref.test (ref exn) (call $thrown)))
            (func (export "none") (result i32) (ref.test (ref null noexn) (call $thrown)))
            (func (export "null") (result i32) (ref.test (ref exn) (ref.null exn)))
            (func (export "again") (result i32)
                (block $h (try_table (catch $e $h) (throw_ref (ref.cast (ref exn) (call $thrown)))))
                (i32.const 7))
            (func (export "branch") (result i32)
                (block $h (try_table (catch $e $h)
                    (throw_ref (block $is (result (ref exn))
                        (br_on_cast $is exnref (ref exn) (call $thrown)) (unreachable)))))
                (i32.const 8))
            (func (export "of null") (drop (ref.cast (ref extern) (ref.null extern)))))"#,
    );
    let names = ["exception", "none", "null", "again", "branch"];
    assert_eq!(names.map(|name| guest.i32(name)), [1, 0, 0, 7, 8]);
    assert_eq!(guest.trap_code("of null", &[]), TrapCode::CastFailure);
}

#[test]
fn a_cast_to_what_is_collected_is_refused_by_name() {
    for (types, cast) in [
        ("", "(drop (ref.test i31ref (ref.null any)))"),
        ("", "(drop (ref.cast (ref null none) (ref.null any)))"),
        ("(type $s (struct))", "(drop (ref.test (ref $s) (ref.null any)))"),
        ("(type $a (array i8))", "(block $b (result anyref) (br_on_cast $b anyref (ref $a) (ref.null any))) (drop)"),
    ] {
        let refusal = compile(&binary(&format!("(module {types} (func {cast}))"))).unwrap_err();
        assert!(matches!(refusal, Refusal::Unsupported(_)) && refusal.is_garbage_collection(), "{cast}: {refusal}");
    }
}
