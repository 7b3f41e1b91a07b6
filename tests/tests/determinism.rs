//! The same bytes for the same input, whoever compiles: in this process, at any number of threads, or by the program that
//! `BAILIWICKC` names, which is of another architecture where these tests are emulated.

use bailiwick_compiler::{Arch, Options, compile as compile_here};
use bailiwick_tests::compile::{binary, compile_for};

/// Something of everything: tables, globals, memory images, imports, names, many functions.
fn modules() -> Vec<Vec<u8>> {
    let many: String = (0..200)
        .map(|i| {
            format!(
                "(func $f{i} (param i32 f64) (result i32) (local i64) \
                   (if (local.get 0) (then (return (i32.add (local.get 0) (i32.const {i}))))) \
                   (i32.load offset={i} (i32.trunc_sat_f64_s (local.get 1))))"
            )
        })
        .collect();
    // Each would be inlined in the next: some are, and only then is it known which of the others are called.
    let small: String = (1..50)
        .map(|i| format!("(func $s{i} (param i32) (result i32) (i32.add (call $s{0} (call $s{0} (local.get 0))) (i32.const {i})))", i - 1))
        .collect();
    let elements: String = (0..200).map(|i| format!(" $f{i}")).collect();
    let all = format!(
        r#"(module
          (import "host" "f" (func $host (param i32) (result i32)))
          (global $g (mut i64) (i64.const 7))
          (memory (export "memory") 2 9)
          (table 200 funcref) (elem (i32.const 0) func{elements})
          (data (i32.const 100) "image") (data $passive "passive")
          {many}
          (func $s0 (param i32) (result i32) (i32.load (local.get 0))) {small}
          (func (export "small") (param i32) (result i32) (call $s49 (local.get 0)))
          (func (export "run") (param i32) (result i32)
            (global.set $g (i64.const 8))
            (drop (call $host (local.get 0)))
            (memory.init $passive (i32.const 0) (i32.const 0) (i32.const 3))
            (loop $l (br_if $l (i32.eqz (local.get 0))))
            (call_indirect (param i32 f64) (result i32) (local.get 0) (f64.const 1) (local.get 0))))"#
    );
    vec![binary("(module)"), binary(&all)]
}

#[test]
fn every_compiler_writes_the_same_bytes() {
    for wasm in modules() {
        for target in [Arch::X86_64, Arch::Aarch64] {
            let expected = compile_for(target, &wasm).unwrap();
            for jobs in [1, 4] {
                let options = Options { target, jobs: Some(jobs), ..Options::default() };
                let found = compile_here(&wasm, &options).unwrap();
                let differ = expected.iter().zip(&found).position(|(a, b)| a != b);
                assert!(
                    expected == found,
                    "{} at -j{jobs}: {} and {} bytes, different from {differ:?} on",
                    target.name(),
                    expected.len(),
                    found.len()
                );
            }
        }
    }
}
