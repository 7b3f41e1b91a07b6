//! Functions that an earlier compilation has compiled: what they are found by, and what is kept of them.
//!
//! ```text
//!  body, and all else that its translation reads ─► key ─┬─ found ─► entry ─► unit, at this module's offsets
//!                                                        └─ not    ─► translate, lower ─► unit ─► entry
//! ```
//!
//! | room | what it is |
//! |---|---|
//! | [`mod@key`] | what a function's code depends on, as a hash |
//! | [`entry`] | a unit as bytes, and back |
//!
//! Architecture invariant: a unit that was found is the unit that would have been compiled, to the byte, at any number of
//! threads; so the artifact is the same with and without. An entry is trusted like an artifact: it is machine code.

mod entry;
mod key;

pub(crate) use entry::{decode, encode};
pub(crate) use key::Keys;

/// Keeps compiled functions from one compilation to the next.
///
/// It is for one build of this library: a key names all else that shapes a function's code, but not the code of this
/// library.
pub trait FunctionStore: Sync {
    /// What [`Self::put`] was given for a key, if it is still there, and undamaged.
    fn get(&self, key: &[u8; 32]) -> Option<Vec<u8>>;
    /// Keeps an entry, or does not. Called from any worker, as functions are done.
    fn put(&self, key: &[u8; 32], entry: Vec<u8>);
    /// Hears that what [`Self::get`] has given is no entry of this key: it is damaged in a way that the store did not see.
    fn damaged(&self, key: &[u8; 32]);
}
