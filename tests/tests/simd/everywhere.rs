//! Code for every level of both architectures: none needs a library, which the compiler would refuse.

use crate::operators::{FAMILIES, FLOATS, LOADS, STORES, load};
use bailiwick_compiler::{Arch, OptLevel};
use bailiwick_tests::compile::{Settings, binary, compile_with};
use std::fmt::Write;

/// Each operator once, on operands that are no constants.
fn everything() -> String {
    let mut wat = String::from("(module (memory 1)");
    for family in FAMILIES.iter().chain(FLOATS) {
        let operands: String = (0..family.operands.len()).map(|i| format!("(local.get {i})")).collect();
        for text in family.texts() {
            let (params, result) = (family.operands.join(" "), family.result);
            let _ = write!(wat, "(func (param {params}) (result {result}) ({text} {operands}))");
        }
    }
    for (ty, _, operator) in LOADS {
        let _ = write!(wat, "(func (param i32) (result {ty}) {})", load(operator, "", "(local.get 0)"));
    }
    for (_, operator) in STORES {
        let _ = write!(wat, "(func (param i32 v128) ({} (local.get 0) (local.get 1)))", operator.replace('%', ""));
    }
    for (operator, count) in [("i64.add128", 4), ("i64.sub128", 4), ("i64.mul_wide_s", 2), ("i64.mul_wide_u", 2)] {
        let operands: String = (0..count).map(|i| format!("(local.get {i})")).collect();
        let params = "i64 ".repeat(count);
        let _ = write!(wat, "(func (param {params}) (result i64 i64) ({operator} {operands}))");
    }
    wat + ")"
}

#[test]
fn every_operator_is_compiled_for_every_processor() {
    let wasm = binary(&everything());
    let levels: [(Arch, &[&str]); 2] = [
        (
            Arch::X86_64,
            &[
                "baseline",
                "-sse4.2,-popcnt",
                "+avx",
                "v3",
                "v3,-fma",
                "v3,-avx2",
                "v3,+avx512f,+avx512dq,+avx512vl,+avx512bitalg,+avx512vbmi",
            ],
        ),
        (Arch::Aarch64, &["baseline", "v3", "+fp16,+dotprod,+i8mm"]),
    ];
    for (arch, cpus) in levels {
        for cpu in cpus {
            for opt_level in [OptLevel::None, OptLevel::Speed, OptLevel::Size] {
                for deterministic in [false, true] {
                    let way = Settings { opt_level, cpu, deterministic, ..Settings::default() };
                    if let Err(error) = compile_with(arch, &way, &wasm) {
                        panic!("{arch:?}, {way:?}: {error}");
                    }
                }
            }
        }
    }
}
