//! Loops of which several iterations are made at once, and who wants that to show: from outside, at any moment, and by loops
//! that look as if they could be made so.

mod common;

use bailiwick_compiler::{Optimisation, Optimisations, Options, emit_clif};
use bailiwick_loader::{Artifact, Caller, Error, Group, Imports, TrapCode, Val};
use bailiwick_tests::compile::{Settings, binary, compile_with, host};
use bailiwick_tests::guest::Guest;
use common::{Random, times};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Whether a module without vectors becomes code that has some.
fn has_vectors(wasm: &[u8]) -> bool {
    let code = emit_clif(wasm, &Options { target: host(), ..Options::default() }).unwrap();
    ["i8x16", "i32x4", "i64x2", "f32x4", "f64x2"].iter().any(|ty| code.contains(ty))
}

fn instance(wasm: &[u8], vectors: bool, imports: &Imports) -> Guest {
    let optimisations = Optimisations::default().with(Optimisation::Vectorisation, vectors);
    let bytes = compile_with(host(), &Settings { optimisations, ..Settings::default() }, wasm).unwrap();
    let mut group = Group::new().unwrap();
    let artifact = Artifact::from_bytes(&bytes, "loop").unwrap();
    let instance = group.instantiate(&artifact, imports).unwrap();
    Guest { group, instance }
}

#[test]
fn an_interrupt_finds_whole_elements_made_and_all_others_as_they_were() {
    // So much is done with each element that all of them take seconds; the loop itself makes a few at the end.
    const ELEMENTS: usize = 1 << 21;
    let roots = "(f64.sqrt ".repeat(150) + "(f64.load (local.get $a))" + &")".repeat(150);
    let wasm = binary(&format!(
        r#"(module (import "host" "begun" (func $begun)) (memory (export "memory") {} {0})
          (func (export "f") (param $n i32) (result i32) (local $a i32) (local $made i32)
            (call $begun)
            (loop $l
              (f64.store (local.get $a) (f64.add {roots} (f64.const 3)))
              (local.set $a (i32.add (local.get $a) (i32.const 8)))
              (local.set $made (i32.add (local.get $made) (i32.const 1)))
              (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $made)))"#,
        ELEMENTS * 8 / 65536
    ));
    assert!(has_vectors(&wasm));
    let mut within = 0;
    for round in 0..40 {
        let (begin, begun) = mpsc::channel();
        let mut imports = Imports::new();
        imports.func("host", "begun", move |_: &mut Caller<'_>| {
            // Nobody waits for later ones.
            let _ = begin.send(());
            Ok(())
        });
        let mut guest = instance(&wasm, true, &imports);
        let handle = guest.group.interrupt_handle();
        let watch = thread::spawn(move || {
            begun.recv().unwrap();
            thread::sleep(Duration::from_millis(1 + round * 3));
            handle.interrupt().unwrap();
        });
        let ended = guest.call("f", &[Val::I32(ELEMENTS as i32)]);
        watch.join().unwrap();
        assert!(matches!(&ended, Err(Error::Trap(trap)) if trap.code() == TrapCode::Interrupt) || ended.is_ok());
        let memory = guest.instance.memory(&mut guest.group, "memory").unwrap();
        let bytes = memory.bytes(&mut guest.group).unwrap();
        let element = |i: usize| f64::from_le_bytes(bytes[i * 8..][..8].try_into().unwrap());
        let made = (0..ELEMENTS).position(|i| element(i) != 3.0).unwrap_or(ELEMENTS);
        assert!((made..ELEMENTS).all(|i| element(i).to_bits() == 0), "{made} elements, and then others");
        within += usize::from(made > 0 && made < ELEMENTS - 64);

        // What was ended begins once more, and makes as many as it is told to.
        guest.group.resume().unwrap();
        assert_eq!(guest.call("f", &[Val::I32(300)]).unwrap(), [Val::I32(300)]);
        if within == 3 {
            break;
        }
    }
    assert!(within > 0, "no interrupt came in the middle of it");
}

/// Loops over `$a`, `$b` and `$c`, of `$n` iterations, and whether they are made in vectors. `<ON>` goes on by an element, and ends.
const LOOPS: &[(&str, bool, &str)] = &[
    (
        "two memories",
        false,
        "(loop $l (i32.store $other (local.get $c) (i32.add (i32.load (local.get $a)) (i32.load $other (local.get $b)))) <ON>)",
    ),
    (
        "a memory that is not the first",
        true,
        "(loop $l (i32.store $other (local.get $c) (i32.add (i32.load $other (local.get $a)) (local.get $v))) <ON>)",
    ),
    (
        "a branch out of it",
        false,
        "(block $out (loop $l
          (i32.store (local.get $c) (i32.add (i32.load (local.get $a)) (local.get $v)))
          (local.set $c (i32.add (local.get $c) (i32.const 4)))
          (local.set $a (i32.add (local.get $a) (i32.const 4)))
          (br_if $out (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))",
    ),
    (
        "an end that comes nearer",
        false,
        "(loop $l
          (i32.store (local.get $c) (i32.add (i32.load (local.get $a)) (local.get $v)))
          (local.set $c (i32.add (local.get $c) (i32.const 4)))
          (local.set $a (i32.add (local.get $a) (i32.const 4)))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))",
    ),
    (
        "a number that is the same at the end, though it is computed of one that is not",
        false,
        "(loop $l
          (i32.store (local.get $c) (i32.add (i32.load (local.get $a)) (local.get $v)))
          (local.set $c (i32.add (local.get $c) (i32.const 4)))
          (local.set $a (i32.add (local.get $a) (i32.const 4)))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br_if $l (i32.sub (local.get $n) (local.get $n))))",
    ),
    (
        "three parts of a sum where there are two elements",
        false,
        "(loop $l
          (local.set $s (i32.add (local.get $s) (i32.load (local.get $a))))
          (local.set $s (i32.add (local.get $s) (i32.load offset=4 (local.get $a))))
          (local.set $s (i32.add (local.get $s) (i32.load offset=8 (local.get $a))))
          (local.set $a (i32.add (local.get $a) (i32.const 8)))
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))",
    ),
    (
        "three stores where there are two elements",
        false,
        "(loop $l
          (i32.store (local.get $c) (i32.add (i32.load (local.get $a)) (local.get $v)))
          (i32.store offset=4 (local.get $c) (i32.add (i32.load offset=4 (local.get $a)) (local.get $v)))
          (i32.store offset=8 (local.get $c) (i32.add (i32.load offset=8 (local.get $a)) (local.get $v)))
          (local.set $a (i32.add (local.get $a) (i32.const 8)))
          (local.set $c (i32.add (local.get $c) (i32.const 8)))
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))",
    ),
    (
        "what is there for the next element was loaded from where all are loaded from",
        false,
        "(loop $l
          (local.set $i (i32.load (local.get $v)))
          (i32.store (local.get $c) (i32.add (i32.add (local.get $i) (local.get $s)) (i32.load (local.get $a))))
          (local.set $s (local.get $i))
          <ON>)",
    ),
    (
        "what is there for the next element lies apart from the others",
        false,
        "(loop $l
          (local.set $i (i32.load (local.get $b)))
          (i32.store (local.get $c) (i32.add (i32.add (local.get $i) (local.get $s)) (i32.load (local.get $a))))
          (local.set $s (local.get $i))
          (local.set $b (i32.add (local.get $b) (i32.const 8)))
          <ON>)",
    ),
    (
        "two elements of which other numbers are made",
        false,
        "(loop $l
          (f32.store (local.get $c) (f32.neg (f32.load (local.get $a))))
          (f32.store offset=4 (local.get $c) (f32.abs (f32.load offset=4 (local.get $a))))
          (local.set $a (i32.add (local.get $a) (i32.const 4)))
          (local.set $c (i32.add (local.get $c) (i32.const 4)))
          <ON>)",
    ),
    (
        "two elements of which the same is made",
        true,
        "(loop $l
          (f32.store (local.get $c) (f32.neg (f32.load (local.get $a))))
          (f32.store offset=4 (local.get $c) (f32.neg (f32.load offset=4 (local.get $a))))
          (local.set $a (i32.add (local.get $a) (i32.const 4)))
          (local.set $c (i32.add (local.get $c) (i32.const 4)))
          <ON>)",
    ),
    (
        "elements that lie so far apart that a round's are not within what an instruction can add",
        false,
        "(loop $l
          (local.set $s (i32.add (local.get $s)
            (i32.mul (local.get $v) (i32.sub (i32.load (local.get $a)) (i32.mul (i32.load (local.get $b)) (i32.load (local.get $b)))))))
          (local.set $a (i32.add (local.get $a) (i32.const 0x8000000)))
          <ON>)",
    ),
    (
        "accesses of one array that are so far apart",
        false,
        "(loop $l
          (i32.store (local.get $c) (i32.add (i32.load (local.get $a)) (i32.load (i32.add (local.get $a) (i32.const 0x70000000)))))
          <ON>)",
    ),
    (
        "what an instruction can't add",
        false,
        "(loop $l (i32.store (local.get $c) (i32.add (i32.load offset=0xf0000000 (local.get $a)) (i32.load (local.get $b)))) <ON>)",
    ),
    (
        "the truth about numbers, added to another",
        false,
        "(loop $l
          (i32.store (local.get $c) (i32.add (i32.lt_s (i32.load (local.get $a)) (local.get $v)) (i32.load (local.get $b))))
          <ON>)",
    ),
    (
        "the truth about numbers, taken from another",
        false,
        "(loop $l
          (i32.store (local.get $c) (i32.sub (i32.load (local.get $b)) (i32.lt_s (i32.load (local.get $a)) (local.get $v))))
          <ON>)",
    ),
    (
        "the truth about numbers, compared",
        false,
        "(loop $l
          (i32.store (local.get $c) (select (i32.load (local.get $b)) (local.get $v)
            (i32.gt_s (i32.lt_s (i32.load (local.get $a)) (local.get $v)) (i32.load (local.get $b)))))
          <ON>)",
    ),
    (
        "the truth about numbers, compared with",
        false,
        "(loop $l
          (i32.store (local.get $c) (select (i32.load (local.get $b)) (local.get $v)
            (i32.gt_s (i32.load (local.get $b)) (i32.lt_s (i32.load (local.get $a)) (local.get $v)))))
          <ON>)",
    ),
    (
        "the truth about numbers, if something else is not chosen",
        false,
        "(loop $l
          (i32.store (local.get $c) (i32.xor (local.get $v) (select
            (i32.load (local.get $b)) (i32.lt_s (i32.load (local.get $a)) (local.get $v)) (i32.lt_u (i32.load (local.get $b)) (local.get $v)))))
          <ON>)",
    ),
    (
        "the truth about numbers, which is chosen",
        false,
        "(loop $l
          (i32.store (local.get $c) (i32.xor (local.get $v) (select
            (i32.lt_s (i32.load (local.get $a)) (local.get $v)) (i32.load (local.get $b)) (i32.lt_u (i32.load (local.get $b)) (local.get $v)))))
          <ON>)",
    ),
    (
        "a constant in front of what it is multiplied by",
        true,
        "(loop $l
          (i32.store (i32.add (local.get $c) (i32.mul (i32.const 4) (local.get $i)))
            (i32.sub (i32.load (i32.add (local.get $a) (i32.mul (i32.const 4) (local.get $i)))) (local.get $v)))
          (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))",
    ),
];

fn module_of(text: &str) -> String {
    let on = "(local.set $a (i32.add (local.get $a) (i32.const 4))) (local.set $b (i32.add (local.get $b) (i32.const 4)))
        (local.set $c (i32.add (local.get $c) (i32.const 4))) (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))";
    format!(
        r#"(module (memory (export "memory") 1) (memory $other (export "other") 1)
          (func (export "f") (param $a i32) (param $b i32) (param $c i32) (param $n i32) (param $v i32)
            (result i32 i32 i32 i32 i32 i32 i64)
            (local $i i32) (local $s i32) (local $t i32) (local $w i64)
            (local.set $s (i32.const -9)) (local.set $t (i32.const 12))
            {}
            (local.get $a) (local.get $b) (local.get $c) (local.get $n) (local.get $s) (local.get $t) (local.get $w)))"#,
        text.replace("<ON>", on)
    )
}

/// What calls of such a module leave behind.
fn calls(mut guest: Guest) -> Vec<String> {
    let mut random = Random::new(11);
    let mut lines = Vec::new();
    for _ in 0..times(80, 12) {
        let mut hashes = [0; 2];
        for name in ["memory", "other"] {
            let memory = guest.instance.memory(&mut guest.group, name).unwrap();
            memory.bytes(&mut guest.group).unwrap().fill_with(|| (random.next() >> 40) as u8);
        }
        let near = 8000 + random.below(64) as i32 * 4;
        let n = random.of(&[1, 3, 17, 40, 64, 100, 129]);
        let [a, b, c] = [(); 3].map(|()| match random.below(8) {
            0 | 1 => near + random.below(80) as i32 * 4 - 160,
            2 => near + random.below(300) as i32,
            3 => 65536 - 4 * n + random.below(5) as i32 * 4 - 8,
            4 => random.of(&[0, -4, -400, i32::MIN]),
            5 => near - 4 * n,
            _ => 4096 * (1 + random.below(14) as i32),
        });
        let v = random.of(&[0, 1, 3, 31, -1, 70000, near]);
        let arguments = [a, b, c, n, v].map(Val::I32);
        let result = match guest.call("f", &arguments) {
            Ok(values) => format!("{values:?}"),
            Err(Error::Trap(trap)) => format!("{:?}", trap.code()),
            Err(error) => panic!("{error}"),
        };
        for (name, hash) in ["memory", "other"].iter().zip(&mut hashes) {
            let memory = guest.instance.memory(&mut guest.group, name).unwrap();
            let left = memory.bytes(&mut guest.group).unwrap();
            *hash = left.iter().fold(0u64, |h, &byte| (h ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        }
        lines.push(format!("{arguments:?}: {result}; memories {hashes:x?}"));
    }
    lines
}

#[test]
fn what_looks_like_a_loop_over_arrays_leaves_behind_what_it_should() {
    let mut wrong = Vec::new();
    for &(name, vectors, text) in LOOPS {
        let wasm = binary(&module_of(text));
        if has_vectors(&wasm) != vectors {
            wrong.push(format!("{name}: has vectors: {}", !vectors));
        }
        let [without, with] = [false, true].map(|vectors| calls(instance(&wasm, vectors, &Imports::new())));
        if let Some((found, expected)) = with.iter().zip(&without).find(|(a, b)| a != b) {
            wrong.push(format!("{name}:\n  {found}\nand not\n  {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
