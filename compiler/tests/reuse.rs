//! Compiled functions that are kept and used again: the artifact is the one that there would be without, whatever has
//! changed in between, and what has not changed is not compiled again.

use bailiwick_compiler::{Arch, FunctionStore, OptLevel, Options, compile};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Keeps everything.
#[derive(Default)]
struct Store {
    entries: Mutex<HashMap<[u8; 32], Vec<u8>>>,
    found: AtomicUsize,
    damaged: AtomicUsize,
}

impl Store {
    /// How many were found and added since this was asked.
    fn counts(&self, before: usize) -> (usize, usize) {
        (self.found.swap(0, Ordering::Relaxed), self.entries.lock().unwrap().len() - before)
    }

    fn len(&self) -> usize {
        self.entries.lock().unwrap().len()
    }
}

impl FunctionStore for Store {
    fn get(&self, key: &[u8; 32]) -> Option<Vec<u8>> {
        let entry = self.entries.lock().unwrap().get(key).cloned()?;
        self.found.fetch_add(1, Ordering::Relaxed);
        Some(entry)
    }

    fn put(&self, key: &[u8; 32], entry: Vec<u8>) {
        self.entries.lock().unwrap().insert(*key, entry);
    }

    fn damaged(&self, _: &[u8; 32]) {
        self.damaged.fetch_add(1, Ordering::Relaxed);
    }
}

/// Parts of a module, in which tests change one.
const MODULE: &str = r#"(module
    (type $unary (func (param i32) (result i32)))
    (import "host" "log" (func $log (param i32)))
    (global $constant (mut i32) (i32.const 40))
    (global $counter (mut i32) (i32.const 0))
    (memory (export "memory") 1 4)
    (table $calls 3 funcref)
    (elem (table $calls) (i32.const 0) func $tiny $other)
    (tag $tag (param i32))
    (func $tiny (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
    (func $through (param i32) (result i32) (i32.div_u (call $tiny (local.get 0)) (local.get 0)))
    (func $other (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
    (func $first (export "first") (param i32) (result i32)
        (local $i i32)
        (loop $l
            (global.set $counter (i32.add (global.get $counter) (i32.load offset=8 (local.get $i))))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (local.get 0))))
        (call $log (global.get $constant))
        (i32.add (call $through (local.get 0)) (call_indirect $calls (type $unary) (local.get 0) (local.get $i))))
    (func $throws (export "throws") (param i32) (if (local.get 0) (then (throw $tag (local.get 0)))))
    (func $catches (export "catches") (param i32) (result i32)
        (block $caught (result i32)
            (try_table (catch $tag $caught) (call $throws (local.get 0)) (call $throws (i32.const 0)))
            (memory.size)))
    (func $recurses (export "recurses") (param i32) (result i32)
        (if (result i32) (local.get 0)
            (then (call $recurses (i32.sub (local.get 0) (i32.const 1)))) (else (call $first (i32.const 9)))))
    (func $last (export "last") (result i32) (i32.const 7)))"#;

/// What is changed into what, and how many functions are compiled because of it, at the most.
const CHANGES: &[(&str, &str, usize)] = &[
    // Nothing, and what surrounds code.
    ("$last", "$last", 0),
    (r#"(export "last")"#, r#"(export "renamed, so that all that follows lies elsewhere")"#, 0),
    ("(memory (export", "(data \"passive\") (memory (export", 0),
    // One function: itself, and what inlines it. `$tiny` is inlined in `$through`, and that in `$first`.
    ("(i32.const 7)", "(i32.const 700000)", 1),
    ("(call $first (i32.const 9))", "(i32.add (i32.const 5) (call $first (i32.const 9)))", 1),
    ("(i32.mul (local.get 0) (i32.const 3))", "(i32.sub (local.get 0) (i32.const 3))", 1),
    ("(i32.add (local.get 0) (i32.const 1))", "(i32.sub (local.get 0) (i32.const 1))", 3),
    ("offset=8", "offset=80", 2),
    // What code knows of the module.
    ("(i32.const 7)))", "(i32.const 7)) (func (export \"new\") (result i32) (call $last)))", 99),
    ("(i32.const 40)", "(i32.const 41)", 99),
    ("(call $log (global.get $constant))", "(global.set $constant (i32.const 2))", 99),
    ("1 4)", "2 4)", 99),
    ("1 4)", "1 1)", 99),
    ("(memory.size)", "(memory.grow (i32.const 1))", 99),
    ("(table $calls 3", "(table $calls (export \"table\") 3", 99),
    ("(table $calls 3", "(table $calls 4", 99),
    ("(global $counter (mut i32)", "(global $new (mut i32) (i32.const 1)) (global $counter (mut i32)", 99),
    ("(tag $tag", "(tag) (tag $tag", 99),
    (r#"(import "host" "log""#, r#"(import "host" "new" (func)) (import "host" "log""#, 99),
    (
        "(import \"host\" \"log\" (func $log (param i32)))",
        "(import \"host\" \"log\" (func $log (param i32)))\n(global (import \"host\" \"g\") i32)",
        99,
    ),
    ("(export \"recurses\")", "", 99),
    (
        "(type $unary (func (param i32) (result i32)))",
        "(type (func)) (type $unary (func (param i32) (result i32)))",
        99,
    ),
    ("(type $unary (func (param i32) (result i32)))", "(type $unary (sub (func (param i32) (result i32))))", 99),
];

#[test]
fn a_change_compiles_what_depends_on_it_and_the_artifact_is_as_without() {
    let before = wat::parse_str(MODULE).unwrap();
    for target in [Arch::X86_64, Arch::Aarch64] {
        for opt_level in [OptLevel::None, OptLevel::Speed, OptLevel::Size] {
            for &(from, to, most) in CHANGES {
                assert!(MODULE.contains(from), "{from}");
                let after = wat::parse_str(MODULE.replacen(from, to, 1)).unwrap();
                let store = Store::default();
                let without = Options { target, opt_level, jobs: Some(1), ..Options::default() };
                for jobs in [1, 4] {
                    let with = Options { functions: Some(&store), jobs: Some(jobs), ..without.clone() };
                    assert_eq!(compile(&before, &with), compile(&before, &without), "{from:?}");
                    let kept = store.len();
                    store.counts(kept);
                    assert_eq!(compile(&after, &with), compile(&after, &without), "{from:?} to {to:?}");
                    let (found, added) = store.counts(kept);
                    assert!(added <= most, "{from:?} to {to:?}: {found} were found, {added} compiled");
                    assert!(most == 99 || found > 0 && (added > 0) == (most > 0 && jobs == 1), "{from:?}: {added}");
                }
                assert_eq!(store.damaged.load(Ordering::Relaxed), 0);
            }
        }
    }
}

#[test]
fn options_that_shape_code_are_told_apart() {
    let wasm = wat::parse_str(MODULE).unwrap();
    let store = Store::default();
    let base = Options { target: Arch::X86_64, jobs: Some(1), ..Options::default() };
    let other = [
        base.clone(),
        Options { target: Arch::Aarch64, ..base.clone() },
        Options { cpu: "v3".parse().unwrap(), ..base.clone() },
        Options { opt_level: OptLevel::None, ..base.clone() },
        Options { opt_level: OptLevel::Size, ..base.clone() },
        Options { interruptible: false, ..base.clone() },
        Options { deterministic: true, ..base.clone() },
        Options { optimisations: "default,-inlining".parse().unwrap(), ..base.clone() },
    ];
    for options in &other {
        let kept = store.len();
        let with = Options { functions: Some(&store), ..options.clone() };
        assert_eq!(compile(&wasm, &with), compile(&wasm, options), "{options:?}");
        let (found, added) = store.counts(kept);
        assert!(found == 0 && added > 0, "{options:?}: {found} of others were used");
    }
}

#[test]
fn damaged_entries_are_told_and_compiled_again() {
    let wasm = wat::parse_str(MODULE).unwrap();
    let store = Store::default();
    let without = Options { jobs: Some(1), ..Options::default() };
    let with = Options { functions: Some(&store), ..without.clone() };
    let expected = compile(&wasm, &without);
    assert_eq!(compile(&wasm, &with), expected);
    let count = store.len();
    store.entries.lock().unwrap().values_mut().for_each(|entry| entry.truncate(entry.len() / 2));
    assert_eq!(compile(&wasm, &with), expected);
    assert_eq!(store.damaged.load(Ordering::Relaxed), count);
    store.counts(count);
    assert_eq!(compile(&wasm, &with), expected);
    assert_eq!((store.counts(count), store.damaged.load(Ordering::Relaxed)), ((count, 0), count));
}
