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

/// Instructions of a function at most, where nothing else is asked for.
pub const INSTRUCTIONS: usize = 300;
