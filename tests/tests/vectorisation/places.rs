//! Where a loop may stand.

use super::{has_vectors, told};
use bailiwick_compiler::{Optimisation, Optimisations};
use bailiwick_loader::{Artifact, Group, Imports, Val};
use bailiwick_tests::compile::{Settings, binary, compile_with, host};
use bailiwick_tests::guest::Guest;

/// Compiles a module without and with vectors, and gives an instance of each.
fn both(text: &str) -> [Guest; 2] {
    let wasm = binary(text);
    assert!(has_vectors(&wasm), "{text}");
    [false, true].map(|on| {
        let optimisations = Optimisations::default().with(Optimisation::Vectorisation, on);
        let bytes = compile_with(host(), &Settings { optimisations, ..Settings::default() }, &wasm).unwrap();
        let mut group = Group::new().unwrap();
        let artifact = Artifact::from_bytes(&bytes, "loop").unwrap();
        let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
        Guest { group, instance }
    })
}

fn call(guest: &mut Guest, name: &str, arguments: &[i32]) -> String {
    let function = guest.instance.func(&mut guest.group, name).unwrap();
    let arguments: Vec<Val> = arguments.iter().map(|&n| Val::I32(n)).collect();
    told(function.call(&mut guest.group, &arguments))
}

#[test]
fn indices_wrap_where_a_memory_has_all_that_there_can_be() {
    let guests = both(
        "(module (memory 65536)
          (func (export \"f\") (param $a i32) (param $c i32) (param $n i32) (result i32 i32)
            (loop $l
              (i32.store (local.get $c) (i32.add (i32.load offset=8 (local.get $a)) (i32.const 3)))
              (local.set $a (i32.add (local.get $a) (i32.const 4)))
              (local.set $c (i32.add (local.get $c) (i32.const 4)))
              (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $a) (local.get $c))
          ;; What a range holds; it wraps.
          (func (export \"sum\") (param $at i32) (param $n i32) (result i64) (local $sum i64)
            (loop $l
              (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (i64.load8_u (local.get $at))))
              (local.set $at (i32.add (local.get $at) (i32.const 1)))
              (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $sum)))",
    );
    let [without, with] = guests.map(|mut guest| {
        let mut lines = Vec::new();
        for (a, c, n) in [
            (-400, 1000, 90),
            (-400, 1000, 98),
            (-400, 1000, 99),
            (-400, 1000, 100),
            (-400, 1000, 101),
            (-400, 1000, 120),
            (1000, -400, 90),
            (1000, -400, 99),
            (1000, -400, 100),
            (1000, -400, 101),
            (1000, -400, 120),
            (-404, -400, 120),
            (-8, 0, 200),
            (-12, -400, 100),
            (-7, 64, 100),
            (64, -7, 100),
            (-403, 2000, 100),
        ] {
            lines.push(call(&mut guest, "f", &[a, c, n]));
            lines.push(call(&mut guest, "sum", &[-1000, 4000]));
        }
        lines
    });
    assert_eq!(without, with);
}

#[test]
fn loops_are_made_in_vectors_wherever_they_stand() {
    // In a block that catches, above operands, with globals that variables hold, in a function that is inlined, beside values that
    // are no numbers.
    let guests = both(
        "(module (memory (export \"memory\") 1) (tag $t)
          (global $g (mut i32) (i32.const 5)) (global $bound (mut i32) (i32.const 50))
          (func $inner (param $c i32) (param $n i32)
            (loop $l
              (i32.store (local.get $c) (i32.xor (i32.load offset=4 (local.get $c)) (global.get $g)))
              (local.set $c (i32.add (local.get $c) (i32.const 4)))
              (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
          (func (export \"f\") (param $a i32) (param $n i32) (result i32 i32) (local $i i32) (local $x v128) (local $e externref) (local $y v128)
            (local $m i32)
            (local.get $n) (global.get $g)
            (block $caught
              (try_table (catch $t $caught)
                (loop $outer
                  (global.set $g (i32.add (global.get $g) (i32.const 7)))
                  (local.set $i (i32.const 0))
                  (loop $l
                    (local.set $e (local.get $e))
                    (local.set $y (select (local.get $x) (local.get $y) (local.get $n)))
                    (i32.store (i32.add (local.get $a) (local.get $i)) (i32.add (i32.load (i32.add (local.get $a) (local.get $i))) (global.get $g)))
                    (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.shl (global.get $bound) (i32.const 2)))))
                  (global.set $bound (i32.add (global.get $bound) (i32.const 3)))
                  (br_if $outer (i32.lt_u (local.tee $m (i32.add (local.get $m) (i32.const 1))) (local.get $n))))
                (call $inner (local.get $a) (local.get $n))
                (throw $t)))
            (i32.add (global.get $g)))
          )",
    );
    let [without, with] = guests.map(|mut guest| {
        let mut lines = Vec::new();
        for (a, n) in [(0, 3), (400, 40), (64000, 20), (65100, 30), (65535, 2)] {
            lines.push(call(&mut guest, "f", &[a, n]));
            let memory = guest.instance.memory(&mut guest.group, "memory").unwrap();
            lines.push(format!("{:?}", memory.bytes(&mut guest.group).unwrap()));
        }
        lines
    });
    assert!(without == with);
}
