//! Deterministic code: of the results that the specification leaves open, the same on every processor and with every
//! optimisation. Other code: one of them.

use crate::{Guest, ways};
use bailiwick_compiler::{Arch, Options};
use bailiwick_loader::Val;
use bailiwick_tests::compile::Settings;

const F32_NAN: u32 = 0x7fc0_0000;
const F64_NAN: u64 = 0x7ff8_0000_0000_0000;

fn f32x4(lanes: [f32; 4]) -> u128 {
    (0..).zip(lanes).map(|(i, lane)| u128::from(lane.to_bits()) << (32 * i)).sum()
}

fn f64x2(lanes: [f64; 2]) -> u128 {
    u128::from(lanes[1].to_bits()) << 64 | u128::from(lanes[0].to_bits())
}

fn i32x4(lanes: [i32; 4]) -> u128 {
    (0..).zip(lanes).map(|(i, lane)| u128::from(lane as u32) << (32 * i)).sum()
}

fn i16x8(lanes: [i16; 8]) -> u128 {
    (0..).zip(lanes).map(|(i, lane)| u128::from(lane as u16) << (16 * i)).sum()
}

fn i8x16(lanes: [i8; 16]) -> u128 {
    u128::from_le_bytes(lanes.map(|lane| lane as u8))
}

/// An operator, its operands, and the results that the specification allows: the first one is that of its deterministic
/// profile.
struct Case {
    operator: &'static str,
    operands: Vec<u128>,
    allowed: Vec<u128>,
}

fn case<const N: usize, const M: usize>(operator: &'static str, operands: [u128; N], allowed: [u128; M]) -> Case {
    Case { operator, operands: operands.to_vec(), allowed: allowed.to_vec() }
}

fn relaxed() -> Vec<Case> {
    let numbers = i8x16(std::array::from_fn(|i| i as i8 + 1));
    let indices = i8x16([0, 15, 16, 31, 127, -128, -1, 3, 1, 1, 1, 1, 1, 1, 1, 1]);
    let (a, b) = (0xf0f0_f0f0_f0f0_f0f0_f0f0_f0f0_f0f0_f0f0, 0x0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_u128);
    // The highest bit of each byte and of each wider lane, and no other.
    let mask = 0x8000_0000_0000_0000_8000_0000_8000_0080_u128;
    let bitwise = a & mask | b & !mask;
    let by_lane = |bits: u32| -> u128 {
        let ones = u128::MAX >> (128 - bits);
        let chosen = |i: u32| if mask >> (i * bits + bits - 1) & 1 != 0 { a } else { b };
        (0..128 / bits).map(|i| chosen(i) & ones << (i * bits)).sum()
    };
    // Its square does not fit; the product less the rounded product is 0, or not if it is not rounded.
    let x = 1.0 + f32::EPSILON;
    let rounded = x * x;
    let fused = f32::mul_add(x, x, -rounded);
    assert_ne!(fused, 0.0);
    let y = 1.0 + f64::EPSILON;
    let fused64 = f64::mul_add(y, y, -(y * y));
    assert_ne!(fused64, 0.0);
    let minus = i16x8([i16::MIN; 8]);
    let zeros = |negative: bool| f32x4([if negative { -0.0 } else { 0.0 }; 4]);
    vec![
        case(
            "i8x16.relaxed_swizzle",
            [numbers, indices],
            [
                i8x16([1, 16, 0, 0, 0, 0, 0, 4, 2, 2, 2, 2, 2, 2, 2, 2]),
                i8x16([1, 16, 1, 16, 16, 0, 0, 4, 2, 2, 2, 2, 2, 2, 2, 2]),
            ],
        ),
        case(
            "i32x4.relaxed_trunc_f32x4_s",
            [f32x4([f32::NAN, 3e9, -3e9, -1.9])],
            [i32x4([0, i32::MAX, i32::MIN, -1]), i32x4([i32::MIN, i32::MIN, i32::MIN, -1])],
        ),
        case(
            "i32x4.relaxed_trunc_f32x4_u",
            [f32x4([f32::NAN, 5e9, -1.0, 4e9])],
            [i32x4([0, -1, 0, 4_000_000_000u32 as i32]), i32x4([-1, -1, -1, 4_000_000_000u32 as i32])],
        ),
        case(
            "i32x4.relaxed_trunc_f64x2_s_zero",
            [f64x2([f64::NAN, 3e9])],
            [i32x4([0, i32::MAX, 0, 0]), i32x4([i32::MIN, i32::MIN, 0, 0])],
        ),
        case("i32x4.relaxed_trunc_f64x2_u_zero", [f64x2([f64::NAN, -3.0])], [0, i32x4([-1, -1, 0, 0])]),
        case("f32x4.relaxed_madd", [f32x4([x; 4]), f32x4([x; 4]), f32x4([-rounded; 4])], [0, f32x4([fused; 4])]),
        case("f32x4.relaxed_nmadd", [f32x4([x; 4]), f32x4([x; 4]), f32x4([rounded; 4])], [0, f32x4([-fused; 4])]),
        case("f64x2.relaxed_madd", [f64x2([y; 2]), f64x2([y; 2]), f64x2([-(y * y); 2])], [0, f64x2([fused64; 2])]),
        case("f64x2.relaxed_nmadd", [f64x2([y; 2]), f64x2([y; 2]), f64x2([y * y; 2])], [0, f64x2([-fused64; 2])]),
        case("i8x16.relaxed_laneselect", [a, b, mask], [bitwise, by_lane(8)]),
        case("i16x8.relaxed_laneselect", [a, b, mask], [bitwise, by_lane(16)]),
        case("i32x4.relaxed_laneselect", [a, b, mask], [bitwise, by_lane(32)]),
        case("i64x2.relaxed_laneselect", [a, b, mask], [bitwise, by_lane(64)]),
        case("f32x4.relaxed_min", [zeros(false), zeros(true)], [zeros(true), zeros(false)]),
        case("f32x4.relaxed_max", [zeros(true), zeros(false)], [zeros(false), zeros(true)]),
        case(
            "f32x4.relaxed_min",
            [f32x4([1.0; 4]), f32x4([f32::from_bits(F32_NAN); 4])],
            [f32x4([f32::from_bits(F32_NAN); 4]), f32x4([1.0; 4])],
        ),
        case(
            "f64x2.relaxed_max",
            [f64x2([1.0; 2]), f64x2([f64::from_bits(F64_NAN); 2])],
            [f64x2([f64::from_bits(F64_NAN); 2]), f64x2([1.0; 2])],
        ),
        case("i16x8.relaxed_q15mulr_s", [minus, minus], [i16x8([i16::MAX; 8]), minus]),
        // The second operand has 8 bits where 7 are expected: signed, unsigned, and unsigned with saturation.
        case(
            "i16x8.relaxed_dot_i8x16_i7x16_s",
            [i8x16([127; 16]), i8x16([-1; 16])],
            [i16x8([-254; 8]), i16x8([(127 * 255 * 2) as i16; 8]), i16x8([i16::MAX; 8])],
        ),
        case(
            "i32x4.relaxed_dot_i8x16_i7x16_add_s",
            [i8x16([-127; 16]), i8x16([100; 16]), i32x4([7; 4])],
            [i32x4([-127 * 100 * 4 + 7; 4])],
        ),
    ]
}

#[test]
fn relaxed_operators_give_what_the_specification_allows_and_deterministic_ones_the_first_of_it() {
    for case in relaxed() {
        let operands: String = (0..case.operands.len()).map(|i| format!("(local.get {i})")).collect();
        let params = "v128 ".repeat(case.operands.len());
        let wat =
            format!("(module (func (export \"run\") (param {params}) (result v128) ({} {operands})))", case.operator);
        let arguments: Vec<Val> = case.operands.iter().map(|&bits| Val::V128(bits)).collect();
        for way in ways() {
            let found = Guest::new(&wat, way).vector("run", &arguments);
            let allowed = if way.deterministic { &case.allowed[..1] } else { &case.allowed[..] };
            assert!(allowed.contains(&found), "{}: {found:#034x} is none of {allowed:#034x?}, {way:?}", case.operator);
        }
    }
}

#[test]
fn deterministic_code_makes_canonical_nans_of_all_others() {
    let inputs: [u64; 6] = [
        F64_NAN,
        F64_NAN | 1 << 63,
        // Payloads, quiet and signalling.
        0xfff8_0000_dead_beef,
        0x7ff4_0000_0000_0001,
        f64::INFINITY.to_bits(),
        0,
    ];
    let narrow = |bits: u64| (f64::from_bits(bits) as f32).to_bits() | (bits & 0xffff) as u32;
    let binary = ["add", "sub", "mul", "div", "min", "max"];
    let unary = ["sqrt", "ceil", "floor", "trunc", "nearest"];
    let mut wat = String::from("(module");
    for shape in ["f32", "f64", "f32x4", "f64x2"] {
        let ty = if shape.contains('x') { "v128" } else { shape };
        for op in binary {
            wat += &format!(
                "(func (export \"{shape}.{op}\") (param {ty} {ty}) (result {ty}) ({shape}.{op} (local.get 0) (local.get 1)))"
            );
        }
        for op in unary {
            wat += &format!(
                "(func (export \"{shape}.{op}\") (param {ty} {ty}) (result {ty}) ({shape}.{op} (local.get 0)))"
            );
        }
    }
    wat += "(func (export \"f32.demote\") (param f64 f64) (result f32) (f32.demote_f64 (local.get 0)))
        (func (export \"f64.promote\") (param f32 f32) (result f64) (f64.promote_f32 (local.get 0)))
        (func (export \"f32x4.demote\") (param v128 v128) (result v128) (f32x4.demote_f64x2_zero (local.get 0)))
        (func (export \"f64x2.promote\") (param v128 v128) (result v128) (f64x2.promote_low_f32x4 (local.get 0)))
        (func (export \"f64x2.madd\") (param v128 v128) (result v128)
            (f64x2.relaxed_madd (local.get 0) (local.get 1) (local.get 0)))
        (func (export \"f32x4.madd\") (param v128 v128) (result v128)
            (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 0))))";
    let wasm = bailiwick_tests::compile::binary(&wat);
    let names: Vec<String> = ["f32", "f64", "f32x4", "f64x2"]
        .into_iter()
        .flat_map(|shape| binary.iter().chain(&unary).map(move |op| format!("{shape}.{op}")))
        .chain(
            ["f32.demote", "f64.promote", "f32x4.demote", "f64x2.promote", "f64x2.madd", "f32x4.madd"]
                .map(String::from),
        )
        .collect();
    let mut nans = 0;
    for way in ways().into_iter().filter(|way| way.deterministic) {
        let mut guest = Guest::of(&wasm, way);
        for name in &names {
            for a in inputs {
                for b in inputs {
                    let double = |bits: u64| u128::from(bits) << 64 | u128::from(bits);
                    let four = |bits: u64| double(u64::from(narrow(bits)) << 32 | u64::from(narrow(bits)));
                    let value = |bits: u64| match name.split('.').next().unwrap() {
                        "f32" if name.ends_with("demote") => Val::F64(bits),
                        "f64" if name.ends_with("promote") => Val::F32(narrow(bits)),
                        "f32x4" if name.ends_with("demote") => Val::V128(double(bits)),
                        "f64x2" if name.ends_with("promote") => Val::V128(four(bits)),
                        "f32" => Val::F32(narrow(bits)),
                        "f64" => Val::F64(bits),
                        "f32x4" => Val::V128(four(bits)),
                        _ => Val::V128(double(bits)),
                    };
                    let found = guest.call(name, &[value(a), value(b)]).unwrap()[0];
                    let lanes32 = |bits: u128| (0..4).map(|i| (bits >> (32 * i)) as u32).collect::<Vec<_>>();
                    let (f32s, f64s) = match found {
                        Val::F32(bits) => (vec![bits], Vec::new()),
                        Val::F64(bits) => (Vec::new(), vec![bits]),
                        Val::V128(bits) if name.starts_with("f32") => (lanes32(bits), Vec::new()),
                        Val::V128(bits) => (Vec::new(), vec![bits as u64, (bits >> 64) as u64]),
                        other => panic!("{other:?}"),
                    };
                    let wrong32 = |&bits: &u32| f32::from_bits(bits).is_nan() && bits != F32_NAN;
                    let wrong64 = |&bits: &u64| f64::from_bits(bits).is_nan() && bits != F64_NAN;
                    let wrong = f32s.iter().any(wrong32) || f64s.iter().any(wrong64);
                    assert!(!wrong, "{name} of {a:#x} and {b:#x} is {found:x?}, {way:?}");
                    nans += f32s.iter().filter(|&&bits| bits == F32_NAN).count();
                    nans += f64s.iter().filter(|&&bits| bits == F64_NAN).count();
                }
            }
        }
    }
    assert!(nans > 1000, "{nans}");
}

#[test]
fn an_artifact_says_that_it_is_deterministic() {
    let options = Options { target: Arch::Aarch64, deterministic: true, ..Options::default() };
    let text = "--target aarch64-unknown-linux-gnu --cpu baseline -O speed --deterministic";
    assert_eq!(options.canonical().unwrap(), text);
    let wasm = bailiwick_tests::compile::binary("(module)");
    let way = Settings { deterministic: true, ..Settings::default() };
    let bytes = bailiwick_tests::compile::compile_with(bailiwick_tests::compile::host(), &way, &wasm).unwrap();
    assert!(bytes.windows(15).any(|window| window == b"--deterministic"));
}
