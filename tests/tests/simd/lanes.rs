//! Shuffles, shifts and selections: forms for which code generators have instructions of their own, with operands that
//! are constant, or the same.

use crate::{Guest, Random, ways};
use bailiwick_loader::Val;
use std::fmt::Write;

fn module(functions: &[(String, String)]) -> Vec<u8> {
    let mut wat = String::from("(module");
    for (name, body) in functions {
        let _ = write!(wat, "(func (export \"{name}\") (param v128 v128 v128 i32) (result v128) {body})");
    }
    bailiwick_tests::compile::binary(&(wat + ")"))
}

/// Compares functions with what `expected` says of the vectors that they are given, by the place of the function.
fn check(functions: &[(String, String)], expected: impl Fn(usize, [u128; 3], u32) -> u128) {
    let wasm = module(functions);
    for way in ways() {
        let mut guest = Guest::of(&wasm, way);
        let mut random = Random(17);
        for round in 0..4 {
            let vectors = [random.vector(), random.vector(), random.vector()];
            let by = (random.next() >> 40) as u32 * round;
            let arguments = [Val::V128(vectors[0]), Val::V128(vectors[1]), Val::V128(vectors[2]), Val::I32(by as i32)];
            for (i, (name, body)) in functions.iter().enumerate() {
                let found = guest.vector(name, &arguments);
                let right = expected(i, vectors, by);
                assert_eq!(found, right, "{body}: {found:#034x}, not {right:#034x}, of {vectors:#034x?} {by}, {way:?}");
            }
        }
    }
}

fn shuffled(a: u128, b: u128, mask: [u8; 16]) -> u128 {
    let both: Vec<u8> = [a.to_le_bytes(), b.to_le_bytes()].concat();
    u128::from_le_bytes(mask.map(|i| both[i as usize]))
}

#[test]
fn shuffles_of_every_form_that_has_an_instruction() {
    let mut random = Random(23);
    let mut masks: Vec<[u8; 16]> = Vec::new();
    // Shifts across both, lanes of each width repeated, reversed, blended, interleaved, and any.
    masks.extend((0..=16).map(|by| std::array::from_fn(|i| i as u8 + by)));
    masks.extend((0..16).map(|by| std::array::from_fn(|i| (i as u8 + by) % 16)));
    masks.extend((0..32).map(|lane| [lane; 16]));
    for width in [2u8, 4, 8] {
        masks.extend((0..32 / width).map(|lane| std::array::from_fn(|i| lane * width + i as u8 % width)));
        masks.push(std::array::from_fn(|i| i as u8 ^ (width - 1)));
        masks.push(std::array::from_fn(|i| i as u8 ^ (16 - width)));
        let interleave = |from: u8| {
            move |i: usize| {
                let (lane, byte) = (i as u8 / width, i as u8 % width);
                from + lane / 2 * width + byte + lane % 2 * 16
            }
        };
        masks.push(std::array::from_fn(interleave(0)));
        masks.push(std::array::from_fn(interleave(8)));
        let every_other =
            |from: u8| move |i: usize| (i as u8 / width * 2 + from) % (32 / width) * width + i as u8 % width;
        masks.push(std::array::from_fn(every_other(0)));
        masks.push(std::array::from_fn(every_other(1)));
        for _ in 0..12 {
            let lanes: [u8; 8] = std::array::from_fn(|_| (random.next() >> 33) as u8 % (32 / width));
            masks.push(std::array::from_fn(|i| lanes[i / width as usize] * width + i as u8 % width));
            let blend: [u8; 8] = std::array::from_fn(|_| (random.next() >> 33) as u8 % 2 * 16);
            masks.push(std::array::from_fn(|i| i as u8 + blend[i / width as usize]));
        }
    }
    masks.push(std::array::from_fn(interleaved_bytes(0)));
    masks.push(std::array::from_fn(interleaved_bytes(8)));
    masks.extend((0..40).map(|_| std::array::from_fn(|_| (random.next() >> 33) as u8 % 32)));
    let constant = 0x0102_0304_0506_0708_1112_1314_1516_17ff_u128;
    let mut functions = Vec::new();
    for (i, mask) in masks.iter().enumerate() {
        let lanes = mask.map(|lane| lane.to_string()).join(" ");
        let zero = "(v128.const i64x2 0 0)";
        let vector = format!("(v128.const i64x2 {:#x} {:#x})", constant as u64, (constant >> 64) as u64);
        for (operands, text) in [
            ("two", "(local.get 0) (local.get 1)".to_owned()),
            ("same", "(local.get 0) (local.get 0)".to_owned()),
            ("zero", format!("(local.get 0) {zero}")),
            ("constant", format!("{vector} (local.get 1)")),
        ] {
            functions.push((format!("{i} {operands}"), format!("(i8x16.shuffle {lanes} {text})")));
        }
    }
    check(&functions, |i, [a, b, _], _| match i % 4 {
        0 => shuffled(a, b, masks[i / 4]),
        1 => shuffled(a, a, masks[i / 4]),
        2 => shuffled(a, 0, masks[i / 4]),
        _ => shuffled(constant, b, masks[i / 4]),
    });
}

fn interleaved_bytes(from: u8) -> impl Fn(usize) -> u8 {
    move |i| from + i as u8 / 2 + i as u8 % 2 * 16
}

#[test]
fn swizzles_by_constants_by_the_same_vector_and_beyond_the_last_lane() {
    let masks: [[u8; 16]; 5] = [
        std::array::from_fn(|i| i as u8),
        std::array::from_fn(|i| 15 - i as u8),
        std::array::from_fn(|i| 16 + i as u8),
        [0, 15, 16, 17, 127, 128, 143, 255, 1, 2, 3, 4, 200, 111, 112, 240],
        [255; 16],
    ];
    let mut functions: Vec<(String, String)> = vec![
        ("two".into(), "(i8x16.swizzle (local.get 0) (local.get 1))".into()),
        ("same".into(), "(i8x16.swizzle (local.get 0) (local.get 0))".into()),
        ("result".into(), "(i8x16.swizzle (local.get 0) (i8x16.swizzle (local.get 0) (local.get 0)))".into()),
    ];
    for (i, mask) in masks.iter().enumerate() {
        let mask = mask.map(|lane| lane.to_string()).join(" ");
        functions.push((i.to_string(), format!("(i8x16.swizzle (local.get 0) (v128.const i8x16 {mask}))")));
    }
    let swizzled = |a: u128, by: u128| {
        let lane = |i: u8| if i < 16 { a.to_le_bytes()[i as usize] } else { 0 };
        u128::from_le_bytes(by.to_le_bytes().map(lane))
    };
    check(&functions, |i, [a, b, _], _| match i {
        0 => swizzled(a, b),
        1 => swizzled(a, a),
        2 => swizzled(a, swizzled(a, a)),
        _ => swizzled(a, u128::from_le_bytes(masks[i - 3])),
    });
}

#[test]
fn shifts_by_any_number_constant_or_not() {
    let mut functions = Vec::new();
    let mut shapes = Vec::new();
    for (shape, bits) in [("i8x16", 8u32), ("i16x8", 16), ("i32x4", 32), ("i64x2", 64)] {
        for operator in ["shl", "shr_s", "shr_u"] {
            for by in
                [0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 47, 48, 63, 64, 65, 128, 0x8000_0001u32]
            {
                let text = format!("({shape}.{operator} (local.get 0) (i32.const {by:#x}))");
                functions.push((format!("{shape} {operator} {by}"), text));
                shapes.push((operator, bits, Some(by)));
            }
            let text = format!("({shape}.{operator} (local.get 0) (local.get 3))");
            functions.push((format!("{shape} {operator}"), text));
            shapes.push((operator, bits, None));
        }
    }
    check(&functions, |i, [a, ..], variable| {
        let (operator, bits, by) = shapes[i];
        let (by, mask) = (by.unwrap_or(variable) % bits, u64::MAX >> (64 - bits));
        let shifted = |lane: u64| match operator {
            "shl" => lane << by,
            "shr_u" => lane >> by,
            _ => ((lane << (64 - bits)) as i64 >> (64 - bits) >> by) as u64,
        };
        let lane = |i: u32| u128::from(shifted((a >> (i * bits)) as u64 & mask) & mask);
        (0..128 / bits).map(|i| lane(i) << (i * bits)).sum()
    });
}

#[test]
fn selections_of_which_operands_are_the_same() {
    let locals =
        ["(local.get 0)", "(local.get 1)", "(local.get 2)", "(v128.const i64x2 0 0)", "(v128.const i64x2 -1 -1)"];
    let value = |vectors: [u128; 3], i: usize| [vectors[0], vectors[1], vectors[2], 0, u128::MAX][i];
    let mut functions = Vec::new();
    let mut operands = Vec::new();
    for a in 0..5 {
        for b in 0..5 {
            // QEMU 10.0 takes `bsl` for something else if its last operand is all ones, in any program.
            if cfg!(target_arch = "aarch64") && b == 4 {
                continue;
            }
            for mask in 0..5 {
                let text = format!("(v128.bitselect {} {} {})", locals[a], locals[b], locals[mask]);
                functions.push((format!("{a} {b} {mask}"), text));
                operands.push([a, b, mask]);
            }
        }
    }
    check(&functions, |i, vectors, _| {
        let [a, b, mask] = operands[i].map(|operand| value(vectors, operand));
        a & mask | b & !mask
    });
}

#[test]
fn selections_by_comparisons() {
    let ones = |bits: u32, a: u128, b: u128| -> u128 {
        let mask = u128::MAX >> (128 - bits);
        (0..128 / bits).map(|i| if (a ^ b) >> (i * bits) & mask == 0 { mask << (i * bits) } else { 0 }).sum()
    };
    let shapes = [("i8x16", 8), ("i16x8", 16), ("i32x4", 32), ("i64x2", 64)];
    let functions: Vec<(String, String)> = shapes
        .iter()
        .map(|(shape, _)| {
            let mask = format!("({shape}.eq (local.get 0) (v128.and (local.get 0) (local.get 1)))");
            (shape.to_string(), format!("(v128.bitselect (local.get 2) (local.get 0) {mask})"))
        })
        .collect();
    check(&functions, |i, [a, b, c], _| {
        let mask = ones(shapes[i].1, a, a & b);
        c & mask | a & !mask
    });
}
