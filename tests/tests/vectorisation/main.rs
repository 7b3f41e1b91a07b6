//! Loops of which several iterations are made at once leave behind what they leave one by one: memory, locals and traps, where
//! arrays overlap, end in the middle of a loop, or lie where they can't.
//!
//! | room | loops |
//! |---|---|
//! | [`random`] | random ones, and what is almost like them |
//! | [`bodies`] | written ones, of which it is known whether they have vectors |
//! | [`places`] | where one may stand, and at the ends of what indices reach |

#[path = "../common/mod.rs"]
mod common;

mod bodies;
mod places;
mod random;

use bailiwick_compiler::{Options, emit_clif};
use bailiwick_loader::{Error, Val};
use bailiwick_tests::compile::host;
use common::EMULATED;

/// What a processor may have. An emulated one is not asked what it has.
const CPUS: [&str; 2] = ["baseline", if EMULATED { "+lse" } else { "native" }];
fn told(result: Result<Vec<Val>, Error>) -> String {
    match result {
        Ok(values) => format!("{values:?}"),
        Err(Error::Trap(trap)) => format!("{:?}", trap.code()),
        Err(error) => error.to_string(),
    }
}

/// Whether a module without vectors becomes code that has some.
fn has_vectors(wasm: &[u8]) -> bool {
    let options = Options { target: host(), ..Options::default() };
    let code = emit_clif(wasm, &options).unwrap();
    ["i8x16", "i32x4", "i64x2", "f32x4", "f64x2"].iter().any(|ty| code.contains(ty))
}
