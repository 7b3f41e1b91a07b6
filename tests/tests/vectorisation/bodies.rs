//! Written loops: near what can be made in vectors, on both sides.

use super::{CPUS, has_vectors, told};
use crate::common::{Random, times};
use bailiwick_compiler::{Optimisation, Optimisations};
use bailiwick_loader::{Artifact, Group, Imports, Val};
use bailiwick_runtime_abi::types::Arch;
use bailiwick_tests::compile::{Settings, binary, compile_with, host};

/// Bodies of loops over `$a`, `$b` and `$c`, with a counter `$i`, its end `$n`, and a number; and whether they are made in vectors.
const BODIES: &[(bool, &str)] = &[
    // However a counter gets to its end, or never does.
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 3))) <C> (br_if $l (i32.ne (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 4))) <C> (br_if $l (i32.ne (local.get $n) (local.get $i)))",
    ),
    (
        true,
        "(local.set $i (i32.sub (local.get $i) (i32.const 1))) <C> (br_if $l (i32.ne (local.get $i) (local.get $n)))",
    ),
    (true, "(local.set $i (i32.sub (local.get $i) (i32.const 8))) <C> (br_if $l (local.get $i))"),
    (
        true,
        "(local.set $i (i32.sub (local.get $i) (i32.const 7))) <C> (br_if $l (i32.sub (local.get $i) (local.get $n)))",
    ),
    (
        false,
        "(local.set $i (i32.sub (local.get $i) (i32.const 8))) <C> (br_if $l (i32.xor (local.get $i) (i32.const 0)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 1))) <C> (br_if $l (i32.lt_s (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 5))) <C> (br_if $l (i32.le_s (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 3))) <C> (br_if $l (i32.lt_u (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 2))) <C> (br_if $l (i32.le_u (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 3))) <C> (br_if $l (i32.gt_s (local.get $n) (local.get $i)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 1))) <C> (br_if $l (i32.ge_u (local.get $n) (local.get $i)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 1))) <C> (br_if $l (i32.eqz (i32.ge_s (local.get $i) (local.get $n))))",
    ),
    (
        false,
        "(local.set $i (i32.sub (local.get $i) (i32.const 1))) <C> (br_if $l (i32.lt_s (local.get $i) (local.get $n)))",
    ),
    (
        false,
        "(local.set $i (i32.add (local.get $i) (i32.const 1))) <C> (br_if $l (i32.gt_s (local.get $i) (local.get $n)))",
    ),
    (
        false,
        "(local.set $i (i32.mul (local.get $i) (i32.const 3))) <C> (br_if $l (i32.lt_u (local.get $i) (local.get $n)))",
    ),
    (
        false,
        "(local.set $i (i32.add (i32.mul (local.get $i) (i32.const 3)) (i32.const 1))) <C> (br_if $l (i32.lt_u (local.get $i) (local.get $n)))",
    ),
    // In steps so large that a number of 32 bits is at its end, or has wrapped, after a few.
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 33554432))) <C> (br_if $l (i32.ne (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 33554432))) <C> (br_if $l (i32.lt_s (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 33554432))) <C> (br_if $l (i32.lt_u (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 33554432))) <C> (br_if $l (i32.le_s (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 33554432))) <C> (br_if $l (i32.le_u (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 33554433))) <C> (br_if $l (i32.ne (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 33554433))) <C> (br_if $l (i32.lt_s (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 33554433))) <C> (br_if $l (i32.lt_u (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const -33554432))) <C> (br_if $l (i32.ne (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const -50331648))) <C> (br_if $l (i32.ne (local.get $i) (local.get $n)))",
    ),
    // The loop's end is written by it, and read as it was before.
    (
        true,
        "(i32.store (local.get $c) (i32.load (local.get $a))) <ON> (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) <ON> (local.set $n (i32.xor (local.get $n) (i32.const 1))) (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))",
    ),
    // What does not go on: in the memory or not, and perhaps where is stored.
    (
        true,
        "(i32.store (local.get $c) (i32.add (i32.load (local.get $a)) (i32.load offset=4 (local.get $v)))) <ON> <DOWN>",
    ),
    (
        true,
        "(i32.store (local.get $c) (i32.add (i32.load (local.get $v)) (i32.load offset=40 (local.get $v)))) <ON> <DOWN>",
    ),
    (false, "(i32.store (local.get $v) (i32.load (local.get $a))) <ON> <DOWN>"),
    // Backwards, and in strides.
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (local.set $a (i32.sub (local.get $a) (i32.const 4))) (local.set $c (i32.sub (local.get $c) (i32.const 4))) <DOWN>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (local.set $a (i32.sub (local.get $a) (i32.const 4))) (local.set $c (i32.add (local.get $c) (i32.const 4))) <DOWN>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (local.set $c (i32.add (local.get $c) (i32.const 8))) (local.set $a (i32.add (local.get $a) (i32.const 4))) <DOWN>",
    ),
    (
        true,
        "(i32.store (local.get $c) (i32.mul (i32.add (i32.load (local.get $a)) (local.get $v)) (i32.sub (i32.load (local.get $b)) (i32.const 9)))) (local.set $b (i32.add (local.get $b) (i32.const 20))) (local.set $a (i32.add (local.get $a) (i32.const 4))) (local.set $c (i32.add (local.get $c) (i32.const 4))) <DOWN>",
    ),
    // Accesses of one stream that meet a vector further on, a little less, or at no multiple.
    (true, "(i32.store (local.get $c) (i32.load offset=16 (local.get $c))) <ON> <DOWN>"),
    (true, "(i32.store (local.get $c) (i32.load offset=12 (local.get $c))) <ON> <DOWN>"),
    (false, "(i32.store offset=12 (local.get $c) (i32.load (local.get $c))) <ON> <DOWN>"),
    (true, "(i32.store offset=16 (local.get $c) (i32.load (local.get $c))) <ON> <DOWN>"),
    (true, "(i32.store offset=18 (local.get $c) (i32.load (local.get $c))) <ON> <DOWN>"),
    (false, "(i32.store offset=14 (local.get $c) (i32.load (local.get $c))) <ON> <DOWN>"),
    (false, "(i32.store (local.get $c) (i32.load offset=14 (local.get $c))) <ON> <DOWN>"),
    (false, "(i32.store (local.get $c) (i32.load offset=1 (local.get $c))) <ON> <DOWN>"),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (i32.store offset=4 (local.get $c) (i32.load offset=8 (local.get $a))) <ON> <DOWN>",
    ),
    (
        true,
        "(i32.store offset=4 (local.get $c) (i32.load (local.get $a))) (i32.store (local.get $c) (i32.load offset=8 (local.get $a))) <ON> <DOWN>",
    ),
    (
        true,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (i32.store (local.get $b) (i32.load offset=8 (local.get $a))) <ON> <DOWN>",
    ),
    // Loaded for nothing, beyond what is used.
    (
        false,
        "(drop (i32.load offset=16 (local.get $a))) (i32.store (local.get $c) (i32.load (local.get $b))) <ON> <DOWN>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $b))) (local.set $r (i32.load offset=400 (local.get $a))) <ON> <DOWN>",
    ),
    // An address of what was loaded, of a number that is gathered, of a constant.
    (false, "(i32.store (local.get $c) (i32.load (i32.load (local.get $a)))) <ON> <DOWN>"),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (local.set $r (i32.add (local.get $r) (i32.load (i32.and (local.get $r) (i32.const 4092))))) <ON> <DOWN>",
    ),
    (
        false,
        "(local.set $r (i32.add (local.get $r) (i32.load (local.get $a)))) (i32.store (local.get $c) (local.get $r)) <ON> <DOWN>",
    ),
    (
        false,
        "(i32.store (local.get $c) (local.get $r)) (local.set $r (i32.add (local.get $r) (i32.load (local.get $a)))) <ON> <DOWN>",
    ),
    (true, "(i32.store (local.get $c) (i32.load (i32.const 4096))) <ON> <DOWN>"),
    // Sums that are more than that.
    (true, "(local.set $r (i32.add (local.get $r) (i32.load (local.get $a)))) <ON> <DOWN>"),
    (false, "(local.set $r (i32.sub (local.get $r) (i32.load (local.get $a)))) <ON> <DOWN>"),
    (false, "(local.set $r (i32.mul (local.get $r) (i32.load (local.get $a)))) <ON> <DOWN>"),
    (false, "(local.set $r (i32.add (i32.add (local.get $r) (local.get $r)) (i32.load (local.get $a)))) <ON> <DOWN>"),
    (
        false,
        "(local.set $r (i32.add (local.get $r) (i32.load (local.get $a)))) (local.set $s (i32.xor (local.get $r) (local.get $s))) <ON> <DOWN>",
    ),
    (
        true,
        "(local.set $r (i32.add (local.get $s) (i32.load (local.get $a)))) (local.set $s (i32.add (local.get $r) (i32.load (local.get $b)))) <ON> <DOWN>",
    ),
    (
        false,
        "(local.set $s (i32.mul (local.get $r) (i32.const 5))) (local.set $r (i32.add (local.get $r) (i32.load (local.get $a)))) <ON> <DOWN>",
    ),
    (
        false,
        "(local.set $r (i32.add (local.get $r) (i32.load (local.get $a)))) <ON> (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if $l (i32.ne (local.get $r) (local.get $n)))",
    ),
    (false, "(local.set $r (i32.add (i32.const 3) (i32.xor (local.get $r) (i32.load (local.get $a))))) <ON> <DOWN>"),
    (
        true,
        "(local.set $r (i32.add (local.get $r) (i32.load (local.get $a)))) (local.set $s (i32.xor (local.get $s) (i32.load offset=4 (local.get $a)))) <ON> <DOWN>",
    ),
    (
        true,
        "(local.set $s (i32.load (local.get $a))) (local.set $r (select (local.get $r) (local.get $s) (i32.lt_u (local.get $s) (local.get $r)))) <ON> <DOWN>",
    ),
    (
        true,
        "(local.set $s (i32.load (local.get $a))) (local.set $r (select (local.get $s) (local.get $r) (i32.le_s (local.get $s) (local.get $r)))) <ON> <DOWN>",
    ),
    (
        true,
        "(local.set $s (i32.load (local.get $a))) (local.set $r (select (local.get $s) (local.get $r) (i32.gt_u (local.get $r) (local.get $s)))) <ON> <DOWN>",
    ),
    (
        true,
        "(local.set $s (i32.load (local.get $a))) (i32.store (local.get $c) (select (local.get $s) (i32.const 9) (i32.lt_s (i32.const 9) (local.get $s)))) <ON> <DOWN>",
    ),
    // What one element leaves for the next one.
    (
        true,
        "(local.set $s (i32.load (local.get $a))) (i32.store (local.get $c) (i32.sub (local.get $s) (local.get $r))) (local.set $r (local.get $s)) <ON> <DOWN>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.sub (i32.load (local.get $b)) (local.get $r))) (local.set $r (i32.load (local.get $a))) <ON> <DOWN>",
    ),
    (
        false,
        "(local.set $s (i32.load (local.get $a))) (i32.store (local.get $c) (i32.sub (local.get $s) (local.get $r))) (local.set $r (i32.load (local.get $b))) (drop (local.get $s)) (i32.store offset=4 (local.get $c) (local.get $r)) <ON> <DOWN>",
    ),
    (
        false,
        "(local.set $s (i32.load (local.get $a))) (i32.store (local.get $c) (i32.sub (local.get $s) (local.get $r))) (local.set $r (i32.add (local.get $s) (i32.const 1))) <ON> <DOWN>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.add (i32.load (local.get $a)) (local.get $r))) (local.set $r (i32.const 5)) <ON> <DOWN>",
    ),
    // Values that are no numbers of the element's size, or not the same for each.
    (
        false,
        "(i32.store (local.get $c) (local.get $i)) (local.set $i (i32.add (local.get $i) (i32.const 1))) <ON> <DOWN>",
    ),
    (false, "(i32.store (local.get $c) (i32.lt_s (i32.load (local.get $a)) (local.get $v))) <ON> <DOWN>"),
    (
        true,
        "(i32.store (local.get $c) (i32.add (i32.load (local.get $a)) (i32.lt_s (local.get $v) (i32.const 40)))) <ON> <DOWN>",
    ),
    (false, "(i32.store (local.get $c) (i32.shl (i32.load (local.get $a)) (i32.load (local.get $b)))) <ON> <DOWN>"),
    (true, "(i32.store (local.get $c) (i32.shr_s (i32.load (local.get $a)) (local.get $v))) <ON> <DOWN>"),
    (
        false,
        "(i32.store (local.get $c) (select (i32.load (local.get $a)) (i32.const 7) (i32.load (local.get $b)))) <ON> <DOWN>",
    ),
    (
        false,
        "(i32.store (local.get $c) (select (i32.load (local.get $a)) (i32.const 7) (f64.lt (f64.load (local.get $b)) (f64.const 0)))) <ON> <DOWN>",
    ),
    (false, "(i64.store (local.get $c) (i64.add (i64.load (local.get $a)) (i64.const 1))) <ON> <DOWN>"),
    (
        false,
        "(local.set $w (i64.add (local.get $w) (i64.load (local.get $a)))) (i32.store (local.get $c) (i32.load (local.get $b))) <ON> <DOWN>",
    ),
    // Copies that differ.
    (
        true,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (i32.store offset=4 (local.get $c) (i32.load offset=4 (local.get $a))) <ON2>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (i32.store offset=4 (local.get $c) (i32.load offset=4 (local.get $b))) <ON2>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (i32.store offset=8 (local.get $c) (i32.load offset=4 (local.get $a))) <ON2>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (i32.store offset=4 (local.get $c) (i32.load offset=8 (local.get $a))) <ON2>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.add (i32.load (local.get $a)) (i32.const 1))) (i32.store offset=4 (local.get $c) (i32.add (i32.load offset=4 (local.get $a)) (i32.const 2))) <ON2>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.add (i32.load (local.get $a)) (i32.const 1))) (i32.store offset=4 (local.get $c) (i32.sub (i32.load offset=4 (local.get $a)) (i32.const 1))) <ON2>",
    ),
    (
        false,
        "(i32.store offset=4 (local.get $c) (i32.load (local.get $a))) (i32.store offset=12 (i32.add (local.get $c) (i32.const -4)) (i32.load offset=4 (local.get $a))) <ON2>",
    ),
    (
        false,
        "(local.set $s (i32.load offset=4 (local.get $c))) (i32.store offset=4 (local.get $c) (i32.load (local.get $c))) (i32.store offset=8 (local.get $c) (local.get $s)) <ON2>",
    ),
    (
        true,
        "(local.set $s (i32.load offset=4 (local.get $a))) (i32.store (local.get $c) (i32.load (local.get $a))) (i32.store offset=4 (local.get $c) (local.get $s)) <ON2>",
    ),
    (
        true,
        "(local.set $s (i32.load (local.get $a))) (i32.store (local.get $c) (i32.xor (local.get $s) (local.get $r))) (local.set $r (i32.load offset=4 (local.get $a))) (i32.store offset=4 (local.get $c) (i32.xor (local.get $r) (local.get $s))) <ON2>",
    ),
    (
        false,
        "(local.set $s (i32.load (local.get $a))) (i32.store (local.get $c) (i32.xor (local.get $s) (local.get $r))) (local.set $r (i32.load offset=4 (local.get $a))) (i32.store offset=4 (local.get $c) (i32.xor (local.get $r) (local.get $s))) (local.set $r (local.get $s)) <ON2>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (i64.store offset=4 (local.get $c) (i64.load offset=4 (local.get $a))) <ON2>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.xor (i32.load (local.get $b)) (local.get $r))) (local.set $s (i32.load (local.get $a))) (i32.store offset=400 (local.get $c) (local.get $s)) (local.set $r (local.get $s)) <ON> <DOWN>",
    ),
    (
        false,
        "(local.set $s (i32.load (local.get $a))) (i32.store (local.get $c) (i32.add (i32.xor (local.get $s) (local.get $r)) (local.get $r))) (local.set $q (i32.load offset=4 (local.get $a))) (i32.store offset=4 (local.get $c) (i32.add (i32.xor (local.get $q) (local.get $s)) (i32.load offset=8 (local.get $a)))) (local.set $r (local.get $q)) <ON2>",
    ),
    // A load that follows the store of a later element, where its copies stand in front of it.
    (
        false,
        "(local.set $s (i32.load offset=4 (local.get $c))) (i32.store (local.get $c) (i32.load (local.get $a))) (i32.store offset=4 (local.get $c) (i32.load offset=4 (local.get $a))) (i32.store offset=8 (local.get $c) (i32.load offset=8 (local.get $a))) (local.set $r (i32.add (i32.add (local.get $r) (local.get $s)) (i32.add (i32.load offset=8 (local.get $c)) (i32.load offset=12 (local.get $c))))) <ON> <ON2>",
    ),
    // The highest access is not the last one, the lowest not the first.
    (
        true,
        "(i32.store (local.get $c) (i32.xor (i32.load offset=40 (local.get $a)) (i32.load (local.get $a)))) <ON> <DOWN>",
    ),
    (
        true,
        "(i32.store (local.get $c) (i32.xor (i32.load (i32.add (local.get $a) (i32.const 4))) (i32.load (i32.add (local.get $a) (i32.const -4))))) <ON> <DOWN>",
    ),
    (
        false,
        "(local.set $s (i32.load (local.get $a))) (local.set $q (i32.load offset=4 (local.get $a))) (i32.store (local.get $c) (select (local.get $s) (i32.const 1) (i32.lt_s (local.get $s) (i32.const 0)))) (i32.store offset=4 (local.get $c) (select (local.get $q) (i32.const 1) (i32.gt_s (local.get $q) (i32.const 0)))) <ON2>",
    ),
];

/// A module of one of [`BODIES`], with a memory of this type.
fn module_of(body: &str, memory: &str) -> String {
    let body = body
        .replace("<C>", "(i32.store (local.get $c) (i32.add (i32.load (local.get $a)) (local.get $v))) <ON>")
        .replace("<ON2>", "<ON> <ON> <DOWN>")
        .replace(
            "<ON>",
            "(local.set $a (i32.add (local.get $a) (i32.const 4))) (local.set $b (i32.add (local.get $b) (i32.const 4)))
             (local.set $c (i32.add (local.get $c) (i32.const 4)))",
        )
        .replace("<DOWN>", "(br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))");
    format!(
        "(module (memory (export \"memory\") {memory})
          (func (export \"f\") (param $a i32) (param $b i32) (param $c i32) (param $i i32) (param $n i32) (param $v i32)
            (result i32 i32 i32 i32 i32 i32 i32 i64)
            (local $r i32) (local $s i32) (local $q i32) (local $w i64)
            (local.set $r (i32.const 77))
            (loop $l {body})
            (local.get $a) (local.get $b) (local.get $c) (local.get $i) (local.get $n) (local.get $r) (local.get $s) (local.get $w)))"
    )
}

#[test]
fn loops_that_hardly_can_and_hardly_cannot_be_made_in_vectors() {
    let mut wrong = Vec::new();
    for (&(vectors, body), memory) in BODIES.iter().flat_map(|body| ["1 1", "20003 (pagesize 1)"].map(|m| (body, m))) {
        let wasm = binary(&module_of(body, memory));
        if has_vectors(&wasm) != vectors {
            wrong.push(format!("{body}: has vectors: {}", !vectors));
        }
        let step = body.split("(local.set $i (i32.add (local.get $i) (i32.const ").nth(1);
        let step = step.and_then(|step| step.split(')').next()?.parse().ok()).unwrap_or(1);
        let ran = |on, cpu| {
            let optimisations = Optimisations::default().with(Optimisation::Vectorisation, on);
            let settings = Settings { optimisations, cpu, ..Settings::default() };
            calls(&compile_with(host(), &settings, &wasm).unwrap_or_else(|e| panic!("{body}: {e}")), step)
        };
        for arch in [Arch::X86_64, Arch::Aarch64] {
            compile_with(arch, &Settings::default(), &wasm).unwrap_or_else(|e| panic!("{body}, {arch:?}: {e}"));
        }
        let expected = ran(false, "baseline");
        for cpu in CPUS {
            if let Some((found, expected)) = ran(true, cpu).iter().zip(&expected).find(|(a, b)| a != b) {
                wrong.push(format!("{body}\n  {found}\nand not\n  {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_loop_over_a_memory_of_other_threads_has_no_vectors() {
    let (vectors, body) = BODIES.iter().find(|(vectors, _)| *vectors).unwrap();
    assert_eq!(has_vectors(&binary(&module_of(body, "1 1"))), *vectors);
    assert!(!has_vectors(&binary(&module_of(body, "1 1 shared"))));
}

/// What calls of such a module leave behind, whose counter goes on by `step`.
fn calls(bytes: &[u8], step: i32) -> Vec<String> {
    let artifact = Artifact::from_bytes(bytes, "loop").unwrap();
    let mut group = Group::new().unwrap();
    let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
    let memory = instance.memory(&mut group, "memory").unwrap();
    let function = instance.func(&mut group, "f").unwrap();
    let mut random = Random::new(5);
    let mut lines = Vec::new();
    for _ in 0..times(60, 10) {
        memory.bytes(&mut group).unwrap().fill_with(|| (random.next() >> 40) as u8);
        let length = memory.bytes(&mut group).unwrap().len() as i32;
        let near = random.below(4096) as i32 * 4;
        let [mut a, b, mut c] = [(); 3].map(|()| match random.below(6) {
            0 | 1 => near + random.below(60) as i32 * 4 - 120,
            2 => near + random.below(400) as i32,
            3 => length - random.below(300) as i32,
            4 => length - 4 * random.below(70) as i32,
            _ => random.of(&[0, 1, 4, 8000, 16000, -4, -100]),
        });
        // A counter's first value and its end: most often it gets there, by some step; else the memory ends.
        let count = 1 + random.below(70) as i32;
        let (i, mut n) = match random.below(10) {
            0 => (0, count),
            1 | 8 | 9 => {
                let i = random.next() as i32;
                (i, count.wrapping_mul(step).wrapping_add(i).wrapping_add(random.of(&[0, 0, 1, 7])))
            }
            2 => (random.next() as i32, random.next() as i32),
            3 => (i32::MIN + 3, i32::MIN + 3 + count * 3),
            4 => (i32::MAX - count * 2, i32::MAX - random.below(9) as i32),
            5 => (-1 - count * 2, -1 - random.below(4) as i32),
            6 => (count * 56, 0),
            _ => {
                let i = random.next() as i32;
                (i, i.wrapping_add(count * random.of(&[1, 2, 3, 4, 5, -1, -7, 12])))
            }
        };
        if random.below(4) == 0 {
            // As many rounds as there are, one byte too near to the memory's end or to another array.
            let (far, by) = (128 * (1 + random.below(3) as i32), random.below(3) as i32 - 1);
            n = far / 4 + 1 + random.below(3) as i32;
            match random.below(4) {
                0 => (a, c) = (length - far + by, 4000),
                1 => (a, c) = (4000, length - far + by),
                2 => (a, c) = (8000, 8000 + far + by),
                _ => (a, c) = (8000, 8000 - far + by),
            }
        }
        let v = random.of(&[
            0,
            3,
            36,
            -1,
            near,
            near + 20,
            c,
            c.wrapping_add(100),
            length - 44,
            length - 43,
            length - 8,
            length - 7,
        ]);
        let arguments = [a, b, c, i, n, v].map(Val::I32);
        let result = told(function.call(&mut group, &arguments));
        let left = memory.bytes(&mut group).unwrap();
        let hash = left.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        lines.push(format!("{arguments:?}: {result}; memory {hash:x}"));
    }
    lines
}
