//! Differential fuzzing: random modules do the same here and in another engine.
//!
//! The ordinary tests run a bounded number of seeds (`tests/tests/differential.rs`), the program `fuzz` as long as it is
//! told to. Same calls, results, traps; memories, globals and tables after each round.

mod compare;
mod modules;
mod random;
mod reference;
mod wasmi;
#[cfg(feature = "wasmtime")]
mod wasmtime;

pub use compare::{Counts, Engine, compare, settings};
pub use modules::{CHOICES, Sample, sample};
pub use random::Random;

/// Seeds of modules that wasmi 2.0.0 gets wrong: V8 does as we do. All such modules check before every operator that could
/// trap ([`Sample::guarded`]), and wasmi divides all the same, or goes on with another value; it does so in one of 300 of
/// them. Ask a third engine before believing a difference that a longer run finds in one.
pub const WRONG_THERE: &[u64] = &[];

/// Instructions of a function at most, where nothing else is asked for.
pub const INSTRUCTIONS: usize = 300;
