//! No input makes the compiler panic, and no number of threads changes what it writes.

mod common;

use bailiwick_compiler::{Arch, CompileError, OptLevel, Options, compile};
use common::check::check;

/// A module with something of everything.
const MODULE: &str = r#"
(module
  (type $t (func (param i32) (result i32)))
  (import "env" "f" (func $f (param i32) (result i32)))
  (import "env" "g" (global $g i32))
  (import "env" "t" (table $shared 1 funcref))
  (memory (export "memory") 1 10)
  (table $private 4 funcref)
  (table $public (export "table") 2 20 funcref)
  (table $hosts 3 externref)
  (global $m (export "m") (mut i64) (i64.const 5))
  (global $x i32 (i32.add (global.get $g) (i32.const 1)))
  (elem (table $private) (i32.const 0) func $f $a $b)
  (elem (table $public) (i32.const 0) func $a)
  (elem $passive func $a $b)
  (elem declare func $b)
  (data (i32.const 100) "hello")
  (data $d "passive")
  (func $a (type $t) (i32.add (call $f (local.get 0)) (call_indirect $private (type $t) (i32.const 1) (local.get 0))))
  (func $b (export "b") (type $t)
    (local f64 i64)
    (block $out (result i32)
      (loop $in
        (drop (br_if $out (i32.const 1) (i32.eqz (i32.load offset=4 (local.get 0)))))
        (i32.store8 (local.get 0) (i32.const 7))
        (local.set 0 (i32.div_s (local.get 0) (i32.const 3)))
        (br_if $in (local.get 0)))
      (if (result i32) (local.get 0) (then (call_indirect $public (type $t) (i32.const 2) (i32.const 0))) (else (unreachable)))
      (br_table 0 $out (i32.trunc_f64_s (f64.convert_i32_u (memory.size))))))
  (func (export "many") (result i32 i64 f32 f64 i32 i64 f32 f64 i32 i64 i32 i64)
    (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4) (i32.const 5) (i64.const 6) (f32.const 7) (f64.const 8)
    (i32.const 9) (i64.const 10) (i32.trunc_sat_f32_u (f32.const 11)) (i64.extend8_s (i64.const 12)))
  (func (export "bulk")
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 3)) (data.drop $d)
    (memory.copy (i32.const 0) (i32.const 1) (i32.const 2)) (memory.fill (i32.const 0) (i32.const 1) (i32.const 2))
    (table.init $public $passive (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop $passive)
    (table.set $public (i32.const 1) (ref.func $b)) (drop (ref.is_null (table.get $public (i32.const 1))))
    (global.set $m (i64.rotl (global.get $m) (i64.const 3)))
    (drop (table.grow $hosts (ref.null extern) (i32.const 1)))
    (drop (memory.grow (global.get $x))))
  (start $start)
  (func $start))
"#;

fn options(target: Arch) -> Options<'static> {
    Options { target, jobs: Some(1), ..Options::default() }
}

#[test]
fn the_module_compiles_at_every_level() {
    let wasm = wat::parse_str(MODULE).unwrap();
    for target in [Arch::X86_64, Arch::Aarch64] {
        for opt_level in [OptLevel::None, OptLevel::Speed, OptLevel::Size] {
            for cpu in ["baseline", "v3"] {
                let options = Options { opt_level, cpu: cpu.parse().unwrap(), ..options(target) };
                check(&compile(&wasm, &options).unwrap(), wasm.len());
            }
        }
    }
}

#[test]
fn any_number_of_threads_writes_the_same_bytes() {
    let wasm = wat::parse_str(MODULE).unwrap();
    for target in [Arch::X86_64, Arch::Aarch64] {
        let one = compile(&wasm, &options(target)).unwrap();
        for jobs in [2, 4, 13] {
            let many = compile(&wasm, &Options { jobs: Some(jobs), ..options(target) }).unwrap();
            assert!(one == many, "{jobs} threads");
        }
    }
}

fn compiles_or_is_refused(wasm: &[u8], what: impl Fn() -> String) {
    match compile(wasm, &options(Arch::X86_64)) {
        Err(CompileError::Internal { message, .. }) => panic!("{}: {message}", what()),
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(artifact) => check(&artifact, wasm.len()),
    }
}

#[test]
fn no_truncation_panics() {
    let wasm = wat::parse_str(MODULE).unwrap();
    for len in 0..wasm.len() {
        compiles_or_is_refused(&wasm[..len], || format!("cut to {len} bytes"));
    }
}

#[test]
fn no_changed_byte_panics() {
    let original = wat::parse_str(MODULE).unwrap();
    // xorshift64: the same changes in every run.
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for round in 0..3000 {
        let mut wasm = original.clone();
        for _ in 0..1 + next() % 3 {
            let (at, value) = (next() % wasm.len(), next() as u8);
            wasm[at] = value;
        }
        compiles_or_is_refused(&wasm, || format!("round {round}: {wasm:02x?}"));
    }
}

#[test]
fn progress_ends_at_the_total() {
    let wasm = wat::parse_str(MODULE).unwrap();
    let last = std::sync::Mutex::new((0, 0));
    let progress = |done, total| {
        let mut last = last.lock().unwrap();
        *last = (*last).max((done, total));
    };
    compile(&wasm, &Options { progress: Some(&progress), ..options(Arch::X86_64) }).unwrap();
    let (done, total) = *last.lock().unwrap();
    assert!(done == total && total > 5);
}
