//! Which place of which input a place in the merged module comes from.

use bailiwick_runtime_abi::format::NONE;
use wasmparser::{Parser, Payload};

/// Where stretches of a body come from, ascending: their offset in it, and in the input, or [`NONE`]. Each goes on as it
/// begins: byte for byte.
#[derive(Debug, Default)]
pub(super) struct Stretches(Vec<(u32, u32)>);

impl Stretches {
    /// An operator, or the body, that begins at `at` comes from `origin`. Called in order.
    pub fn add(&mut self, at: u32, origin: u32) {
        let goes_on = |&(start, from): &(u32, u32)| from != NONE && origin.wrapping_sub(from) == at.wrapping_sub(start);
        if !self.0.last().is_some_and(goes_on) {
            self.0.push((at, origin));
        }
    }
}

/// Offsets in the merged module → offsets in the input that the function is from; nothing to do where nothing was merged.
#[derive(Debug, Default)]
pub(crate) struct Origins(Vec<(u32, u32)>);

impl Origins {
    /// Of a binary's bodies, in their order.
    pub(super) fn new(wasm: &[u8], bodies: Vec<Stretches>) -> wasmparser::Result<Origins> {
        let mut all = Vec::with_capacity(bodies.iter().map(|body| body.0.len()).sum());
        let mut bodies = bodies.into_iter();
        for payload in Parser::new(0).parse_all(wasm) {
            if let Payload::CodeSectionEntry(body) = payload? {
                let start = body.range().start as u32;
                all.extend(bodies.next().unwrap_or_default().0.into_iter().map(|(at, from)| (start + at, from)));
            }
        }
        Ok(Origins(all))
    }

    /// Where the operator at `offset` was; [`NONE`] if that is [`NONE`], or in a function of no input.
    pub fn at(&self, offset: u32) -> u32 {
        let i = self.0.partition_point(|&(start, _)| start <= offset);
        match i.checked_sub(1).map(|i| self.0[i]) {
            _ if offset == NONE => NONE,
            Some((_, NONE)) => NONE,
            Some((start, from)) => offset - start + from,
            None => offset,
        }
    }
}
