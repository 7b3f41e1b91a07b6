//! The runner of scripts itself, and sets of the bundled suite that `wast --suite` does not have.

use bailiwick_tests::script::{Outcome, Script, run};
use bailiwick_tests::{pool, suite};
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

fn outcome(text: &str, outside: bool) -> Outcome {
    run(&Script { name: "test.wast".into(), text: text.into(), outside }, &AtomicUsize::new(0))
}

/// The lines that failed.
fn failures(text: &str) -> Vec<usize> {
    outcome(text, false).failures.iter().map(|f| f.line).collect()
}

#[test]
fn proposals_that_became_part_of_the_language_pass() {
    for set in ["extended-const", "sign-extension-ops", "nontrapping-float-to-int-conversions", "multi-value"] {
        let scripts = suite::set(set).unwrap();
        let (mut passed, mut failed) = (0, Vec::new());
        pool::run(scripts, 2, Duration::from_secs(300), |script, outcome| {
            passed += outcome.passed;
            assert_eq!(outcome.skipped, 0, "{}", script.name);
            failed.extend(outcome.failures.into_iter().map(|f| format!("{}:{}: {}", script.name, f.line, f.what)));
        });
        assert!(failed.is_empty() && passed > 100, "{set}: {passed} passed\n{}", failed.join("\n"));
    }
}

#[test]
fn what_is_not_implemented_is_refused_by_name_and_nothing_else_goes_wrong() {
    // Whole sets of other proposals: everything that is compiled works, everything else is refused as unsupported.
    for set in ["simd", "tail-call", "exceptions", "relaxed-simd"] {
        let (mut skipped, mut failed) = (0, Vec::new());
        pool::run(suite::set(set).unwrap(), 2, Duration::from_secs(300), |script, outcome| {
            skipped += outcome.skipped;
            failed.extend(outcome.failures.into_iter().map(|f| format!("{}:{}: {}", script.name, f.line, f.what)));
        });
        assert!(failed.is_empty() && skipped > 20, "{set}: {skipped} skipped\n{}", failed.join("\n"));
    }
}

#[test]
fn a_wrong_result_a_missing_trap_and_another_trap_fail() {
    let text = r#"(module (func (export "one") (result i32) (i32.const 1)) (func (export "boom") unreachable)
            (func (export "nan") (result f32) (f32.const nan:0x200000)))
(assert_return (invoke "one") (i32.const 1))
(assert_return (invoke "one") (i32.const 2))
(assert_return (invoke "one"))
(assert_return (invoke "boom"))
(assert_trap (invoke "boom") "unreachable")
(assert_trap (invoke "boom") "integer overflow")
(assert_trap (invoke "one") "unreachable")
(assert_exhaustion (invoke "boom") "call stack exhausted")
(assert_return (invoke "absent"))
(assert_return (invoke "nan") (f32.const nan:canonical))
(assert_return (invoke "nan") (f32.const nan:arithmetic))
(assert_return (invoke "nan") (f32.const nan:0x200000))
(invoke "boom")"#;
    assert_eq!(failures(text), [4, 5, 6, 8, 9, 10, 11, 12, 13, 15]);
    assert_eq!(outcome(text, false).passed, 3);
}

#[test]
fn a_module_that_is_accepted_against_expectation_fails_and_so_does_the_opposite() {
    let text = r#"(assert_invalid (module (func (result i32))) "type mismatch")
(assert_invalid (module (func)) "type mismatch")
(assert_malformed (module quote "(func") "unexpected end")
(assert_malformed (module quote "(func)") "unexpected end")
(assert_malformed (module binary "\00asm") "unexpected end")
(assert_unlinkable (module (import "a" "b" (func))) "unknown import")
(assert_unlinkable (module (import "spectest" "print" (func (param i32)))) "incompatible import type")
(assert_unlinkable (module (import "spectest" "print" (func))) "unknown import")
(assert_unlinkable (module (import "a" "b" (func))) "incompatible import type")
(module (func (result i32)))
(assert_return (invoke "run"))
(assert_trap (module (func $f unreachable) (start $f)) "unreachable")
(assert_trap (module (func $f) (start $f)) "unreachable")"#;
    assert_eq!(failures(text), [2, 4, 8, 9, 10, 11, 13]);
}

#[test]
fn what_is_not_implemented_is_skipped_only_where_it_may_be() {
    let text = r#"(module (func (export "v") (result v128) (v128.const i64x2 0 0)))
(assert_return (invoke "v") (v128.const i64x2 0 0))
(register "m")
(module (import "m" "v" (func (result i32))) (func (export "w")))
(assert_return (invoke "w"))
(module (func (export "one") (result i32) (i32.const 1)))
(assert_return (invoke "one") (i32.const 1))"#;
    let outside = outcome(text, true);
    assert_eq!((outside.passed, outside.skipped, outside.failures.len()), (1, 2, 0), "{outside:?}");
    let inside = outcome(text, false);
    assert!(inside.failures.iter().any(|f| f.line == 1 && f.what.contains("simd")), "{inside:?}");
    assert_eq!((inside.passed, inside.skipped), (1, 0));
}

#[test]
fn modules_are_named_registered_defined_and_instantiated() {
    let text = r#"(module $a (global (export "g") (mut i32) (i32.const 1))
            (func (export "set") (param i32) (global.set 0 (local.get 0))))
(register "a" $a)
(module $b (import "a" "g" (global (mut i32))) (func (export "get") (result i32) (global.get 0)))
(invoke $a "set" (i32.const 7))
(assert_return (invoke "get") (i32.const 7))
(assert_return (invoke $b "get") (i32.const 7))
(assert_return (get $a "g") (i32.const 7))
(module definition $d (global (export "n") (mut i32) (i32.const 3))
            (func (export "up") (result i32) (global.set 0 (i32.add (global.get 0) (i32.const 1))) (global.get 0)))
(module instance $i $d)
(module instance $j $d)
(assert_return (invoke $i "up") (i32.const 4))
(assert_return (invoke $i "up") (i32.const 5))
(assert_return (invoke $j "up") (i32.const 4))
(module (func (export "id") (param externref) (result externref) (local.get 0)))
(assert_return (invoke "id" (ref.extern 4)) (ref.extern 4))
(assert_return (invoke "id" (ref.null extern)) (ref.null extern))
(assert_return (invoke "id" (ref.extern 4)) (ref.extern 5))"#;
    assert_eq!(failures(text), [19]);
    assert_eq!(outcome(text, false).passed, 8);
}

#[test]
fn a_script_that_hangs_fails_and_the_others_go_on() {
    let endless = r#"(module (func (export "run") (loop (br 0))))
(invoke "run")"#;
    let fine = r#"(module (func (export "run")))
(assert_return (invoke "run"))"#;
    let script = |name: &str, text: &str| Script { name: name.into(), text: text.into(), outside: false };
    let scripts = vec![script("endless", endless), script("fine", fine), script("fine", fine)];
    let mut seen = Vec::new();
    pool::run(scripts, 1, Duration::from_secs(1), |script, outcome| {
        seen.push((script.name.clone(), outcome.passed, outcome.failures.first().map(|f| f.line)));
    });
    seen.sort();
    let fine = ("fine".to_owned(), 1, None);
    assert_eq!(seen, [("endless".to_owned(), 0, Some(2)), fine.clone(), fine]);
}

#[test]
fn what_is_no_script_is_a_failure_at_its_line() {
    assert_eq!(failures("(module)\n(nonsense)"), [2]);
    assert_eq!(failures("(module)\n(module"), [2]);
}
