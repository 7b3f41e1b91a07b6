//! The official suite, at two levels of optimisation, and the runner of its scripts.

use bailiwick_compiler::OptLevel;
use bailiwick_tests::compile::{Settings, compiler_program};
use bailiwick_tests::script::{Outcome, Script, run};
use bailiwick_tests::{pool, suite};
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

fn script(text: &str) -> Script {
    Script { name: "test.wast".into(), text: text.into(), settings: Settings::default(), needs_gc: false }
}

fn outcome(text: &str) -> Outcome {
    run(&script(text), &AtomicUsize::new(0))
}

/// The lines that failed.
fn failures(text: &str) -> Vec<usize> {
    outcome(text).failures.iter().map(|f| f.line).collect()
}

/// Every assertion of every script, but those that [`suite::NEEDS_GC`] and [`suite::KNOWN`] list by name.
fn passes(opt_level: OptLevel) {
    let scripts = suite::suite(opt_level);
    let (mut passed, mut not_yet, mut failed) = (0, 0, Vec::new());
    let jobs = std::thread::available_parallelism().map_or(1, |n| n.get());
    pool::run(scripts, jobs, Duration::from_secs(600), |script, mut outcome| {
        suite::apply_known(script, suite::KNOWN, &mut outcome);
        passed += outcome.passed;
        not_yet += outcome.skipped;
        failed.extend(outcome.failures.into_iter().map(|f| format!("{}:{}: {}", script.name, f.line, f.what)));
    });
    println!("-O {opt_level}: {passed} passed, {not_yet} not yet, {} failed", failed.len());
    failed.truncate(100);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let listed: usize = suite::NEEDS_GC.iter().map(|(_, count)| count).sum();
    assert_eq!(not_yet, listed);
    assert!(passed > 130_000, "{passed}");
}

#[test]
fn the_official_suite_passes_at_every_level() {
    // Emulated, with a process for each module, it takes minutes: there `wast --suite` alone runs it.
    if compiler_program().is_some() {
        return;
    }
    for level in [OptLevel::Speed, OptLevel::None] {
        passes(level);
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
    assert_eq!(outcome(text).passed, 3);
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
fn a_refusal_of_another_kind_or_with_other_words_fails() {
    // The lone byte after the version begins a section that is not there; the other module has a function without result.
    let text = r#"(assert_malformed (module binary "\00asm\01\00\00\00\01") "unexpected end")
(assert_invalid (module binary "\00asm\01\00\00\00\01") "unexpected end")
(assert_malformed (module binary "\00asm\01\00\00\00\01") "integer too small")
(assert_invalid (module (func (result i32))) "type mismatch")
(assert_malformed (module quote "(func (result i32))") "type mismatch")
(assert_invalid (module (func (result i32))) "unknown local")
(assert_invalid (module quote "(func") "type mismatch")"#;
    assert_eq!(failures(text), [2, 3, 5, 6, 7]);
}

#[test]
fn a_script_of_an_older_version_refuses_what_came_later() {
    let text = r#"(module (func (export "one") (result i32) (i32.const 1)))
(assert_return (invoke "one") (i32.const 1))
(assert_invalid (module (memory 1) (memory 1)) "multiple memories")
(assert_invalid (module (func (param i32) (drop (i32.extend8_s (local.get 0))))) "sign")"#;
    let settings = Settings { features: "mvp".parse().unwrap(), ..Settings::default() };
    let old = run(&Script { settings, ..script(text) }, &AtomicUsize::new(0));
    assert_eq!((old.passed, &*old.failures), (3, &[][..]));
    assert_eq!(failures(text), [3, 4]);
}

#[test]
fn only_garbage_collection_is_not_yet_and_only_where_it_is_listed() {
    let text = r#"(module (type $a (array i32)) (func (export "v") (drop (array.new_default $a (i32.const 1)))))
(assert_return (invoke "v"))
(register "m")
(module (import "m" "v" (func)) (func (export "w")))
(assert_return (invoke "w"))
(module (func (export "one") (result i32) (i32.const 1)))
(assert_return (invoke "one") (i32.const 1))"#;
    let listed = run(&Script { needs_gc: true, ..script(text) }, &AtomicUsize::new(0));
    assert_eq!((listed.passed, listed.skipped, listed.failures.len()), (1, 2, 0), "{listed:?}");
    let others = outcome(text);
    assert!(others.failures.iter().any(|f| f.line == 1 && f.what.contains("proposal gc")), "{others:?}");
    assert_eq!((others.passed, others.skipped), (1, 0));
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
    assert_eq!(outcome(text).passed, 8);
}

#[test]
fn a_script_that_hangs_fails_and_the_others_go_on() {
    let endless = r#"(module (func (export "run") (loop (br 0))))
(invoke "run")"#;
    let fine = r#"(module (func (export "run")))
(assert_return (invoke "run"))"#;
    let script = |name: &str, text: &str| Script { name: name.into(), ..script(text) };
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
