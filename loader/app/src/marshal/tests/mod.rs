//! A call is what the canonical ABI says, or a fault of who broke it.

mod generate;
mod guests;
mod hostile;
mod liars;
mod limits;
mod model;
mod order;
mod places;
mod random;
mod round_trip;

use super::*;
use bailiwick_runtime_abi::wit::{Kind, Type, Types, World};
use generate::Signature;
use guests::{Export, Guest, Renumbering};
use random::Random;
use std::sync::Arc;

/// `f` of one world, called as `f` of another.
fn prepared(signature: &Signature) -> Prepared {
    let caller = Arc::new(generate::world(signature, None));
    let callee = generate::world(signature, Some(&mut Random::new(1)));
    Prepared::new(&caller, &caller.imports()[0], &callee, &callee.exports()[0]).unwrap()
}

/// Makes a call that nobody interrupts, within the ordinary limits.
fn run(
    function: &Prepared,
    caller: &mut Guest,
    callee: &mut Export,
    handles: &mut Renumbering,
    params: &[u64],
    results: &mut [u64],
) -> Result<(), Fault> {
    let interrupted = &|| None;
    Call { caller, callee, handles, interrupted, limits: Limits::default() }.run(function, params, results)
}
