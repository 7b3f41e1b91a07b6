//! Vectors as locals, parameters, results, globals and host values: all 16 bytes arrive, whatever carries them.

use crate::{Guest, Random, ways};
use bailiwick_loader::{Artifact, Extern, FuncType, Global, Group, Imports, Val, ValType};
use bailiwick_tests::compile::{binary, compile_with, host};
use std::fmt::Write;
use std::sync::{Arc, Mutex};

/// How many parameters and results: registers hold eight of each.
const MANY: usize = 20;

fn vectors(seed: u64, count: usize) -> Vec<Val> {
    let mut random = Random(seed);
    (0..count).map(|_| Val::V128(random.vector())).collect()
}

#[test]
fn parameters_and_results_beyond_what_registers_hold() {
    let types = "v128 ".repeat(MANY);
    let gets =
        |order: &mut dyn Iterator<Item = usize>| order.fold(String::new(), |s, i| s + &format!("(local.get {i})"));
    let wat = format!(
        "(module
            (type $t (func (param {types}) (result {types})))
            (table funcref (elem $turned))
            (func $turned (type $t) {})
            (func (export \"direct\") (type $t) (call $turned {}))
            (func (export \"table\") (type $t) (call_indirect (type $t) {} (i32.const 0))))",
        gets(&mut (0..MANY).rev()),
        gets(&mut (0..MANY)),
        gets(&mut (0..MANY)),
    );
    let mut expected = vectors(7, MANY);
    let arguments = expected.clone();
    expected.reverse();
    for way in ways() {
        let mut guest = Guest::new(&wat, way);
        assert_eq!(guest.call("direct", &arguments).unwrap(), expected, "{way:?}");
        assert_eq!(guest.call("table", &arguments).unwrap(), expected, "{way:?}");
    }
}

#[test]
fn numbers_among_vectors_stay_in_their_places() {
    let wat = "(module
        (import \"host\" \"f\" (func $f (param i32 v128 f32 v128 i64 v128 f64) (result f64 v128 i32 v128)))
        (func (export \"run\") (param i32 v128 f32 v128 i64 v128 f64) (result f64 v128 i32 v128)
            (call $f (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6))))";
    use ValType::{F32, F64, I32, I64, V128};
    let [Val::V128(a), Val::V128(b), Val::V128(c)] = vectors(3, 3)[..] else { unreachable!() };
    let arguments = [
        Val::I32(-7),
        Val::V128(a),
        Val::F32(1.5f32.to_bits()),
        Val::V128(b),
        Val::I64(i64::MIN),
        Val::V128(c),
        Val::F64((-2.25f64).to_bits()),
    ];
    let results = vec![Val::F64(8.5f64.to_bits()), Val::V128(!a), Val::I32(9), Val::V128(b ^ c)];
    for way in ways() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (notes, given) = (seen.clone(), results.clone());
        let mut imports = Imports::new();
        let ty = FuncType::new([I32, V128, F32, V128, I64, V128, F64], [F64, V128, I32, V128]);
        imports.func_untyped("host", "f", ty, move |_, arguments| {
            notes.lock().unwrap().push(arguments.to_vec());
            Ok(given.clone())
        });
        let mut group = Group::new().unwrap();
        let artifact = Artifact::from_bytes(&compile_with(host(), &way, &binary(wat)).unwrap(), "test").unwrap();
        let instance = group.instantiate(&artifact, &imports).unwrap();
        let run = instance.func(&mut group, "run").unwrap();
        assert_eq!(run.call(&mut group, &arguments).unwrap(), results, "{way:?}");
        assert_eq!(*seen.lock().unwrap(), [arguments.to_vec()], "{way:?}");
    }
}

#[test]
fn globals_of_the_host_of_modules_and_between_them() {
    let wat = "(module
        (import \"host\" \"constant\" (global $constant v128))
        (import \"host\" \"variable\" (global $variable (mut v128)))
        (global $copy v128 (global.get $constant))
        (global $known v128 (v128.const i64x2 0x0123456789abcdef -2))
        (global $again v128 (global.get $known))
        (global (export \"own\") (mut v128) (v128.const i32x4 1 2 3 4))
        (global $i32 (mut i32) (i32.const 5))
        (global $hidden (mut v128) (v128.const i32x4 -1 -1 -1 -1))
        (func (export \"constant\") (result v128) (global.get $constant))
        (func (export \"copy\") (result v128) (global.get $copy))
        (func (export \"known\") (result v128) (global.get $again))
        (func (export \"hide\") (param v128) (global.set $hidden (local.get 0)))
        (func (export \"hidden\") (result v128 i32) (global.get $hidden) (global.get $i32))
        (func (export \"turn\") (global.set $variable (v128.not (global.get $variable)))))";
    let known = u128::from(-2i64 as u64) << 64 | 0x0123_4567_89ab_cdef;
    for way in ways() {
        let [Val::V128(a), Val::V128(b), Val::V128(c)] = vectors(5, 3)[..] else { unreachable!() };
        let mut group = Group::new().unwrap();
        let variable = Global::new(&mut group, Val::V128(b), true).unwrap();
        let constant = Global::new(&mut group, Val::V128(a), false).unwrap();
        let mut imports = Imports::new();
        imports.define("host", "constant", constant);
        imports.define("host", "variable", variable);
        let artifact = Artifact::from_bytes(&compile_with(host(), &way, &binary(wat)).unwrap(), "test").unwrap();
        let instance = group.instantiate(&artifact, &imports).unwrap();
        let mut guest = Guest { group, instance };
        assert_eq!(guest.vector("constant", &[]), a, "{way:?}");
        assert_eq!(guest.vector("copy", &[]), a, "{way:?}");
        assert_eq!(guest.vector("known", &[]), known, "{way:?}");
        guest.call("turn", &[]).unwrap();
        assert_eq!(variable.get(&mut guest.group).unwrap(), Val::V128(!b), "{way:?}");
        let own = instance.export(&mut guest.group, "own").unwrap();
        let Some(Extern::Global(own)) = own else { panic!("{own:?}") };
        assert_eq!(own.get(&mut guest.group).unwrap(), Val::V128(4 << 96 | 3 << 64 | 2 << 32 | 1));
        own.set(&mut guest.group, Val::V128(c)).unwrap();
        assert_eq!(own.get(&mut guest.group).unwrap(), Val::V128(c));
        assert!(own.set(&mut guest.group, Val::I64(1)).is_err());
        guest.call("hide", &[Val::V128(c)]).unwrap();
        assert_eq!(guest.call("hidden", &[]).unwrap(), [Val::V128(c), Val::I32(5)], "{way:?}");
    }
}

#[test]
fn blocks_loops_and_selections_pass_vectors_on() {
    let wat = "(module
        (func (export \"either\") (param i32 v128 v128) (result v128)
            (select (local.get 1) (local.get 2) (local.get 0)))
        (func (export \"typed\") (param i32 v128 v128) (result v128)
            (select (result v128) (f32x4.abs (local.get 1)) (i64x2.neg (local.get 2)) (local.get 0)))
        (func (export \"branch\") (param i32 v128 v128) (result v128)
            (block $out (result v128)
                (br_if $out (f32x4.abs (local.get 1)) (local.get 0))
                (drop) (i64x2.neg (local.get 2))))
        (func (export \"if\") (param i32 v128 v128) (result v128)
            (if (result v128) (local.get 0) (then (f32x4.abs (local.get 1))) (else (i64x2.neg (local.get 2)))))
        (func (export \"loop\") (param i32 v128 v128) (result v128)
            (local.get 1) (local.get 2)
            (loop $l (param v128 v128) (result v128)
                (local.set 2) (local.set 1)
                (local.get 2) (i16x8.add (local.get 1) (local.get 2))
                (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))
                (drop)))
        (func (export \"cases\") (param i32 v128 v128) (result v128)
            (block $b (result v128) (block $a (result v128)
                (br_table $a $b $a (f64x2.neg (local.get 1)) (local.get 0)))
                (return (v128.not)))))";
    let [Val::V128(a), Val::V128(b)] = vectors(11, 2)[..] else { unreachable!() };
    let each = |bits: u32, x: u128, y: u128, f: fn(u64, u64) -> u64| -> u128 {
        let mask = u64::MAX >> (64 - bits);
        let lane = |v: u128, i: u32| (v >> (i * bits)) as u64 & mask;
        (0..128 / bits).map(|i| u128::from(f(lane(x, i), lane(y, i)) & mask) << (i * bits)).sum()
    };
    let absolute = each(32, a, 0, |x, _| x & 0x7fff_ffff);
    let negative = each(64, b, 0, |x, _| x.wrapping_neg());
    for way in ways() {
        let mut guest = Guest::new(wat, way);
        let mut call = |name: &str, n: i32| guest.vector(name, &[Val::I32(n), Val::V128(a), Val::V128(b)]);
        assert_eq!((call("either", 1), call("either", 0)), (a, b));
        for name in ["typed", "branch", "if"] {
            assert_eq!((call(name, -1), call(name, 0)), (absolute, negative), "{name}, {way:?}");
        }
        let (mut x, mut y) = (a, b);
        for turns in 1..6 {
            (x, y) = (y, each(16, x, y, u64::wrapping_add));
            assert_eq!(call("loop", turns), x, "{way:?}");
        }
        let negated = each(64, a, 0, |x, _| x ^ 1 << 63);
        assert_eq!((call("cases", 0), call("cases", 1), call("cases", 9)), (!negated, negated, !negated), "{way:?}");
    }
}

/// So many locals, and so many blocks, that locals are kept on the stack: vectors among numbers, so that no two vectors
/// lie at the same distance from what is aligned.
#[test]
fn a_function_with_too_many_locals_keeps_vectors_whole() {
    const LOCALS: usize = 6000;
    const BLOCKS: usize = 1500;
    // Every third is a vector.
    let vector = |i: usize| i % 3 == 1;
    let nth_vector = |n: usize| 4 + 3 * (n % (LOCALS / 3 - 2));
    let mut wat = String::from("(module (func (export \"run\") (param v128 i32) (result v128 i64)");
    for i in 2..LOCALS {
        wat += if vector(i) { "(local v128)" } else { "(local i64)" };
    }
    for i in 2..LOCALS {
        let _ = match vector(i) {
            true => write!(wat, "(local.set {i} (i64x2.add (local.get 0) (v128.const i64x2 {i} -{i})))"),
            false => write!(wat, "(local.set {i} (i64.const {i}))"),
        };
    }
    for i in 0..BLOCKS {
        let (to, from) = (nth_vector(i), nth_vector(7 * i));
        let sum = format!("(i64x2.add (local.get {to}) (local.get {from}))");
        let _ = write!(wat, "(if (local.get 1) (then (local.set {to} {sum})))");
    }
    let list = |vectors: bool| (2..LOCALS).filter(move |&i| vector(i) == vectors);
    wat += "(local.get 0)";
    list(true).for_each(|i| wat += &format!("(v128.xor (local.get {i}))"));
    wat += "(i64.const 0)";
    list(false).for_each(|i| wat += &format!("(i64.add (local.get {i}))"));
    wat += "))";

    let add = |x: [u64; 2], y: [u64; 2]| [x[0].wrapping_add(y[0]), x[1].wrapping_add(y[1])];
    let parts = |v: u128| [v as u64, (v >> 64) as u64];
    let parameter = Random(13).vector();
    let mut locals: Vec<[u64; 2]> =
        (0..LOCALS).map(|i| add(parts(parameter), [i as u64, (i as u64).wrapping_neg()])).collect();
    for i in 0..BLOCKS {
        let (to, from) = (nth_vector(i), nth_vector(7 * i));
        locals[to] = add(locals[to], locals[from]);
    }
    let join = |x: [u64; 2]| u128::from(x[1]) << 64 | u128::from(x[0]);
    let expected = list(true).fold(parameter, |all, i| all ^ join(locals[i]));
    let sum: i64 = list(false).map(|i| i as i64).sum();
    for way in ways() {
        let mut guest = Guest::new(&wat, way);
        let found = guest.call("run", &[Val::V128(parameter), Val::I32(1)]).unwrap();
        assert_eq!(found, [Val::V128(expected), Val::I64(sum)], "{way:?}");
    }
}
