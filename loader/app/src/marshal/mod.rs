//! Carries one call from a caller's memory to a callee's, and the result back.
//!
//! This is the **reference**: it interprets the types step by step, each step as CanonicalABI.md has it, and is meant
//! to be read and believed. What is compiled ahead of time for the same purpose is held against it.
//!
//! ```text
//!   caller                            here                                      callee
//!   import called ─► params ─► lift one value, lower it at once ─► cabi_realloc ⇄ ─► export called
//!                              copied once, memory to memory                          │
//!   returns   ◄─ cabi_realloc ⇄ ◄─ lift one value, lower it at once ◄─ result ◄───────┘ ─► post-return
//! ```
//!
//! | file | room |
//! |---|---|
//! | `prepare.rs` | two worlds' types, matched once: after that no name is looked up |
//! | `call.rs` | the order of a call: the only way in |
//! | `carry.rs` | one value from one side to the other: all that is read from or written to a guest |
//! | `scalar.rs` | values of a fixed size, without pointers or handles |
//! | `meter.rs` | how much a call may move, and who is to end meanwhile |
//! | `fault.rs` | whose fault it was, where and what |
//! | `places.rs` | places in types by number, for what is compiled |
//!
//! # Invariants
//! * No unsafe code. Nothing on the heap but the text of a fault: what a call takes of the host's memory is in
//!   proportion to the depth of its types, which [`wit::MAX_DEPTH`](bailiwick_runtime_abi::wit::MAX_DEPTH) bounds.
//! * **A memory is borrowed only between calls into guests.** Guest code runs in [`End::allocate`], [`Callee::call`]
//!   and [`Callee::post_return`], which all take the end exclusively, so no slice of a memory, and no length of one,
//!   outlives any of them: the borrow checker says so. After each, the memory is looked up anew and every range is
//!   checked anew.
//! * **What was checked is not read again.** Scalars, pointers, lengths and discriminants are read once, into a local.
//!   Text is checked and copied with both memories borrowed, so no guest can run between the two.
//! * Neither side's allocator can reach the other side's memory: they are groups of their own. Through an edge that is
//!   declared a callback one could make the other run; the rules above hold against that too.
//! * **Nothing is copied but values.** Padding, cases that are not taken and flags without a label stay behind, because
//!   what lies there is none of the other side's business. The target's bytes there are left as they are.
//! * No allocation of a receiver is trusted to be disjoint from another one: if its allocator lies, it has mixed up
//!   its own memory and nobody else's.
//!
//! # What is asked of the edge
//! * An instance that runs its `cabi_realloc` or its post-return makes no call over an edge (CanonicalABI.md,
//!   `may_leave`). Nothing here depends on that; guests may.
//! * Who is named in a [`Fault`] ends. What it had been passed goes with it. The other side goes on; if that is the
//!   callee and the stage is [`Stage::Params`], then it never learned of the call, and the edge takes back the
//!   handles that [`Handles::pass`] had put into its table.

#![forbid(unsafe_code)]

mod call;
mod carry;
mod fault;
mod meter;
mod places;
mod prepare;
mod scalar;
#[cfg(test)]
mod tests;

use bailiwick_loader::Error;
use bailiwick_runtime_abi::wit::ResourceId;

pub use call::Call;
pub use fault::{Fault, FaultKind, Offender, Region, Stage};
pub use meter::Limits;
pub use places::Place;
pub use prepare::{MAX_PARTS, Pairing, PrepareError, Prepared};

/// Most bytes of a string, and of the elements of a list (CanonicalABI.md, "Loading", `MAX_STRING_BYTE_LENGTH`,
/// `MAX_LIST_BYTE_LENGTH`).
pub const MAX_CONTENT_SIZE: u64 = bailiwick_runtime_abi::edge::MAX_CONTENT;

/// One of the two modules that a call is between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one that imports the function.
    Caller,
    /// The one that exports it.
    Callee,
}

/// Which way a value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// A parameter: from the caller.
    ToCallee,
    /// A result: from the callee.
    ToCaller,
}

impl Way {
    /// The side that the value is read from, and whose fault it is if it is none.
    pub fn source(self) -> Side {
        match self {
            Way::ToCallee => Side::Caller,
            Way::ToCaller => Side::Callee,
        }
    }

    /// The side that the value is written to, and that says where.
    pub fn target(self) -> Side {
        match self {
            Way::ToCallee => Side::Callee,
            Way::ToCaller => Side::Caller,
        }
    }
}

/// One end of an edge: a module with a memory in which values lie. The two ends of a call are of different groups.
pub trait End {
    /// Its memory, as it is now; `None` if it has none. Runs no guest code. It is looked up anew whenever guest code
    /// may have run.
    fn memory(&mut self) -> Option<&mut [u8]>;

    /// Calls its `cabi_realloc` for `size` bytes, aligned to `align`: `cabi_realloc(0, 0, align, size)`. With UTF-8
    /// on both sides nothing is ever allocated a second time, so the first two are always 0. The answer may be any
    /// number.
    ///
    /// # Errors
    /// Why the guest ended instead of answering.
    fn allocate(&mut self, align: u32, size: u32) -> Result<u32, Error>;
}

/// The end that is called.
///
/// Core values are as bits: an `i32` or `f32` is the lower half, and what is above it is ignored when it is read and 0
/// when it is written.
pub trait Callee: End {
    /// Calls the export. `params` and `results` are as many as [`Prepared::callee_signature`] has.
    ///
    /// # Errors
    /// Why the guest ended instead of returning.
    fn call(&mut self, params: &[u64], results: &mut [u64]) -> Result<(), Error>;

    /// Calls the export's post-return function with what the export returned, if there is such a function.
    ///
    /// # Errors
    /// Why the guest ended instead of returning.
    fn post_return(&mut self, results: &[u64]) -> Result<(), Error>;
}

/// Whether a handle is handed over or lent for the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ownership {
    /// `own<R>`: handed over.
    Own,
    /// `borrow<R>`: lent for the call. Parameters only.
    Borrow,
}

/// Of which type a handle is that crosses, and in which place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Passing {
    /// Which way it goes.
    pub way: Way,
    /// Whether it is handed over or lent.
    pub ownership: Ownership,
    /// The resource in the caller's world.
    pub caller: ResourceId,
    /// The same resource in the callee's world.
    pub callee: ResourceId,
    /// The parameter that it is or lies in, by its position; `None`: the result.
    pub parameter: Option<u32>,
}

/// How handles cross. The edge knows both sides' tables.
///
/// What it does runs no guest code and touches neither memory.
pub trait Handles {
    /// Takes the handle `handle` out of the source's table, or lends it, and returns the handle that the target has
    /// for it. `handle` may be any number.
    ///
    /// # Errors
    /// Whose fault it is that the handle can't cross, and why.
    fn pass(&mut self, passing: Passing, handle: u32) -> Result<u32, HandleError>;

    /// The callee has returned: what it was lent for the call goes back. Called once, before the result is carried;
    /// not if the call ends before with a fault, after which it is the edge that cleans up.
    ///
    /// # Errors
    /// Whose fault it is that this can't be done, and why.
    fn end_of_call(&mut self) -> Result<(), HandleError>;
}

/// Why a handle does not cross.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct HandleError {
    /// Whose fault.
    pub offender: Side,
    /// Why, as what follows "the caller" or "the callee": "passes handle 7, which it does not have".
    pub reason: Box<dyn std::error::Error + Send + Sync>,
}
