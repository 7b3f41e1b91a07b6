//! All operators that take or give vectors, and those of 128 bits, by what they take and give.

/// Operators with operands and results of types that are named in this order.
pub struct Family {
    pub operands: &'static [&'static str],
    pub result: &'static str,
    /// Operators, and immediates.
    pub operators: &'static str,
}

const V: &str = "v128";

/// What takes vectors or gives one, accesses to memories aside.
pub const FAMILIES: &[Family] = &[
    Family {
        operands: &[V],
        result: V,
        operators: "v128.not i8x16.abs i8x16.neg i8x16.popcnt i16x8.abs i16x8.neg i32x4.abs i32x4.neg i64x2.abs
            i64x2.neg i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u i32x4.extadd_pairwise_i16x8_s
            i32x4.extadd_pairwise_i16x8_u i16x8.extend_low_i8x16_s i16x8.extend_high_i8x16_s i16x8.extend_low_i8x16_u
            i16x8.extend_high_i8x16_u i32x4.extend_low_i16x8_s i32x4.extend_high_i16x8_s i32x4.extend_low_i16x8_u
            i32x4.extend_high_i16x8_u i64x2.extend_low_i32x4_s i64x2.extend_high_i32x4_s i64x2.extend_low_i32x4_u
            i64x2.extend_high_i32x4_u f32x4.ceil f32x4.floor f32x4.trunc f32x4.nearest f32x4.abs f32x4.neg f32x4.sqrt
            f64x2.ceil f64x2.floor f64x2.trunc f64x2.nearest f64x2.abs f64x2.neg f64x2.sqrt i32x4.trunc_sat_f32x4_s
            i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s f32x4.convert_i32x4_u i32x4.trunc_sat_f64x2_s_zero
            i32x4.trunc_sat_f64x2_u_zero f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u f32x4.demote_f64x2_zero
            f64x2.promote_low_f32x4 i32x4.relaxed_trunc_f32x4_s i32x4.relaxed_trunc_f32x4_u
            i32x4.relaxed_trunc_f64x2_s_zero i32x4.relaxed_trunc_f64x2_u_zero",
    },
    Family {
        operands: &[V, V],
        result: V,
        operators: "i8x16.swizzle i8x16.eq i8x16.ne i8x16.lt_s i8x16.lt_u i8x16.gt_s i8x16.gt_u i8x16.le_s i8x16.le_u
            i8x16.ge_s i8x16.ge_u i16x8.eq i16x8.ne i16x8.lt_s i16x8.lt_u i16x8.gt_s i16x8.gt_u i16x8.le_s i16x8.le_u
            i16x8.ge_s i16x8.ge_u i32x4.eq i32x4.ne i32x4.lt_s i32x4.lt_u i32x4.gt_s i32x4.gt_u i32x4.le_s i32x4.le_u
            i32x4.ge_s i32x4.ge_u i64x2.eq i64x2.ne i64x2.lt_s i64x2.gt_s i64x2.le_s i64x2.ge_s f32x4.eq f32x4.ne
            f32x4.lt f32x4.gt f32x4.le f32x4.ge f64x2.eq f64x2.ne f64x2.lt f64x2.gt f64x2.le f64x2.ge v128.and
            v128.andnot v128.or v128.xor i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u i8x16.add i8x16.add_sat_s
            i8x16.add_sat_u i8x16.sub i8x16.sub_sat_s i8x16.sub_sat_u i8x16.min_s i8x16.min_u i8x16.max_s i8x16.max_u
            i8x16.avgr_u i16x8.q15mulr_sat_s i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u i16x8.add i16x8.add_sat_s
            i16x8.add_sat_u i16x8.sub i16x8.sub_sat_s i16x8.sub_sat_u i16x8.mul i16x8.min_s i16x8.min_u i16x8.max_s
            i16x8.max_u i16x8.avgr_u i16x8.extmul_low_i8x16_s i16x8.extmul_high_i8x16_s i16x8.extmul_low_i8x16_u
            i16x8.extmul_high_i8x16_u i32x4.add i32x4.sub i32x4.mul i32x4.min_s i32x4.min_u i32x4.max_s i32x4.max_u
            i32x4.dot_i16x8_s i32x4.extmul_low_i16x8_s i32x4.extmul_high_i16x8_s i32x4.extmul_low_i16x8_u
            i32x4.extmul_high_i16x8_u i64x2.add i64x2.sub i64x2.mul i64x2.extmul_low_i32x4_s i64x2.extmul_high_i32x4_s
            i64x2.extmul_low_i32x4_u i64x2.extmul_high_i32x4_u f32x4.add f32x4.sub f32x4.mul f32x4.div f32x4.min
            f32x4.max f32x4.pmin f32x4.pmax f64x2.add f64x2.sub f64x2.mul f64x2.div f64x2.min f64x2.max f64x2.pmin
            f64x2.pmax i8x16.relaxed_swizzle f32x4.relaxed_min f32x4.relaxed_max f64x2.relaxed_min f64x2.relaxed_max
            i16x8.relaxed_q15mulr_s i16x8.relaxed_dot_i8x16_i7x16_s",
    },
    // Shuffles by which code generators have instructions of their own, and one by which they have not.
    Family { operands: &[V, V], result: V, operators: "i8x16.shuffle.16.17.18.19.20.21.22.23.8.9.10.11.12.13.14.15" },
    Family { operands: &[V, V], result: V, operators: "i8x16.shuffle.0.1.2.3.4.5.6.7.24.25.26.27.28.29.30.31" },
    Family { operands: &[V, V], result: V, operators: "i8x16.shuffle.0.1.2.3.4.5.6.7.0.1.2.3.4.5.6.7" },
    Family { operands: &[V, V], result: V, operators: "i8x16.shuffle.4.5.6.7.0.1.2.3.20.21.22.23.28.29.30.31" },
    Family { operands: &[V, V], result: V, operators: "i8x16.shuffle.0.16.1.17.2.18.3.19.4.20.5.21.6.22.7.23" },
    Family { operands: &[V, V], result: V, operators: "i8x16.shuffle.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20" },
    Family { operands: &[V, V], result: V, operators: "i8x16.shuffle.31.2.7.19.0.0.5.25.13.1.30.6.21.9.3.12" },
    Family {
        operands: &[V, V, V],
        result: V,
        operators: "v128.bitselect f32x4.relaxed_madd f32x4.relaxed_nmadd f64x2.relaxed_madd f64x2.relaxed_nmadd
            i8x16.relaxed_laneselect i16x8.relaxed_laneselect i32x4.relaxed_laneselect i64x2.relaxed_laneselect
            i32x4.relaxed_dot_i8x16_i7x16_add_s",
    },
    Family {
        operands: &[V, "i32"],
        result: V,
        operators: "i8x16.shl i8x16.shr_s i8x16.shr_u i16x8.shl i16x8.shr_s i16x8.shr_u i32x4.shl i32x4.shr_s
            i32x4.shr_u i64x2.shl i64x2.shr_s i64x2.shr_u i8x16.replace_lane.5 i16x8.replace_lane.7
            i32x4.replace_lane.0 i32x4.replace_lane.3",
    },
    Family { operands: &[V, "i64"], result: V, operators: "i64x2.replace_lane.0 i64x2.replace_lane.1" },
    Family { operands: &[V, "f32"], result: V, operators: "f32x4.replace_lane.0 f32x4.replace_lane.3" },
    Family { operands: &[V, "f64"], result: V, operators: "f64x2.replace_lane.0 f64x2.replace_lane.1" },
    Family { operands: &["i32"], result: V, operators: "i8x16.splat i16x8.splat i32x4.splat" },
    Family { operands: &["i64"], result: V, operators: "i64x2.splat" },
    Family { operands: &["f32"], result: V, operators: "f32x4.splat" },
    Family { operands: &["f64"], result: V, operators: "f64x2.splat" },
    Family {
        operands: &[V],
        result: "i32",
        operators: "v128.any_true i8x16.all_true i8x16.bitmask i16x8.all_true i16x8.bitmask i32x4.all_true
            i32x4.bitmask i64x2.all_true i64x2.bitmask i8x16.extract_lane_s.0 i8x16.extract_lane_u.15
            i16x8.extract_lane_s.7 i16x8.extract_lane_u.0 i32x4.extract_lane.0 i32x4.extract_lane.3",
    },
    Family { operands: &[V], result: "i64", operators: "i64x2.extract_lane.0 i64x2.extract_lane.1" },
    Family { operands: &[V], result: "f32", operators: "f32x4.extract_lane.0 f32x4.extract_lane.3" },
    Family { operands: &[V], result: "f64", operators: "f64x2.extract_lane.0 f64x2.extract_lane.1" },
];

/// Floats: their code lies in vector registers, and their operands may be wider than they are.
pub const FLOATS: &[Family] = &[
    Family {
        operands: &["f32"],
        result: "f32",
        operators: "f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt",
    },
    Family {
        operands: &["f64"],
        result: "f64",
        operators: "f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt",
    },
    Family {
        operands: &["f32", "f32"],
        result: "f32",
        operators: "f32.add f32.sub f32.mul f32.div f32.min f32.max f32.copysign",
    },
    Family {
        operands: &["f64", "f64"],
        result: "f64",
        operators: "f64.add f64.sub f64.mul f64.div f64.min f64.max f64.copysign",
    },
    Family { operands: &["f32", "f32"], result: "i32", operators: "f32.eq f32.ne f32.lt f32.gt f32.le f32.ge" },
    Family { operands: &["f64", "f64"], result: "i32", operators: "f64.eq f64.ne f64.lt f64.gt f64.le f64.ge" },
    Family { operands: &["f32"], result: "f64", operators: "f64.promote_f32" },
    Family { operands: &["f64"], result: "f32", operators: "f32.demote_f64" },
    Family { operands: &["i32"], result: "f32", operators: "f32.convert_i32_s f32.convert_i32_u" },
    Family { operands: &["i64"], result: "f32", operators: "f32.convert_i64_s f32.convert_i64_u" },
    Family { operands: &["i32"], result: "f64", operators: "f64.convert_i32_s f64.convert_i32_u" },
    Family { operands: &["i64"], result: "f64", operators: "f64.convert_i64_s f64.convert_i64_u" },
    Family { operands: &["f32"], result: "i32", operators: "i32.trunc_f32_s i32.trunc_sat_f32_u i32.reinterpret_f32" },
    Family { operands: &["f64"], result: "i64", operators: "i64.trunc_f64_s i64.trunc_sat_f64_u i64.reinterpret_f64" },
];

impl Family {
    /// Each operator in the text format, with its immediates.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        self.operators.split_whitespace().map(|operator| {
            let mut parts = operator.splitn(3, '.');
            let name = [parts.next().unwrap(), parts.next().unwrap()].join(".");
            parts.next().map_or(name.clone(), |immediates| format!("{name} {}", immediates.replace('.', " ")))
        })
    }
}

/// Loads: the type, how many bytes are read, and the operator around an index. `%` is where an offset may stand.
pub const LOADS: &[(&str, u32, &str)] = &[
    (V, 16, "v128.load %"),
    (V, 8, "v128.load8x8_s %"),
    (V, 8, "v128.load8x8_u %"),
    (V, 8, "v128.load16x4_s %"),
    (V, 8, "v128.load16x4_u %"),
    (V, 8, "v128.load32x2_s %"),
    (V, 8, "v128.load32x2_u %"),
    (V, 1, "v128.load8_splat %"),
    (V, 2, "v128.load16_splat %"),
    (V, 4, "v128.load32_splat %"),
    (V, 8, "v128.load64_splat %"),
    (V, 4, "v128.load32_zero %"),
    (V, 8, "v128.load64_zero %"),
    (V, 1, "v128.load8_lane % 3"),
    (V, 2, "v128.load16_lane % 7"),
    (V, 4, "v128.load32_lane % 0"),
    (V, 8, "v128.load64_lane % 1"),
    ("i32", 4, "i32.load %"),
    ("i32", 1, "i32.load8_s %"),
    ("i32", 1, "i32.load8_u %"),
    ("i32", 2, "i32.load16_s %"),
    ("i32", 2, "i32.load16_u %"),
    ("i64", 8, "i64.load %"),
    ("i64", 4, "i64.load32_s %"),
    ("i64", 4, "i64.load32_u %"),
    ("f32", 4, "f32.load %"),
    ("f64", 8, "f64.load %"),
];

/// Stores of vectors and lanes, as [`LOADS`].
pub const STORES: &[(u32, &str)] = &[
    (16, "v128.store %"),
    (1, "v128.store8_lane % 15"),
    (2, "v128.store16_lane % 0"),
    (4, "v128.store32_lane % 3"),
    (8, "v128.store64_lane % 0"),
    (8, "v128.store64_lane % 1"),
];

/// A load from the index `index`, behind a constant offset.
pub fn load(operator: &str, offset: &str, index: &str) -> String {
    let (operator, lane) = (operator.replace('%', offset), operator.contains("_lane"));
    let vector = if lane { "(v128.const i32x4 0x40404040 0x3f3f3f3f 0x41414141 0x40404040)" } else { "" };
    format!("({operator} {index} {vector})")
}
