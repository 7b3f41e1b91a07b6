//! Numbers that are the same in every run.

use bailiwick_loader::{Val, ValType};

/// A generator of the xorshift family (Marsaglia 2003).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// One for a seed.
    pub fn new(seed: u64) -> Random {
        // Zero stays zero; neighbouring seeds begin far apart.
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Whether something of one in `n` happens.
    pub fn one_in(&mut self, n: u64) -> bool {
        (self.number() >> 20).is_multiple_of(n)
    }

    /// A value to call a function with; `None` for a type without a default.
    pub fn value(&mut self, ty: ValType) -> Option<Val> {
        // Numbers at the edges of their types find more than others.
        const EDGES: [u64; 8] =
            [0, 1, u64::MAX, 1 << 31, 1 << 63, 0x7fff_ffff, 0x3ff0_0000_0000_0000, 0x7ff0_0000_0000_0000];
        let choice = self.number();
        let bits = if choice.is_multiple_of(3) { EDGES[(choice >> 8) as usize % EDGES.len()] } else { self.number() };
        Some(match ty {
            ValType::I32 => Val::I32(bits as i32),
            ValType::I64 => Val::I64(bits as i64),
            ValType::F32 => Val::F32(canonical32(bits as u32)),
            ValType::F64 => Val::F64(canonical64(bits)),
            ValType::V128 => Val::V128(u128::from(bits) | u128::from(self.number()) << 64),
            other => return Val::default_for(other),
        })
    }
}

/// Payloads of NaNs are not determined by the specification.
pub fn canonical32(bits: u32) -> u32 {
    if f32::from_bits(bits).is_nan() { 0x7fc0_0000 } else { bits }
}

/// The same of 64 bits.
pub fn canonical64(bits: u64) -> u64 {
    if f64::from_bits(bits).is_nan() { 0x7ff8_0000_0000_0000 } else { bits }
}
