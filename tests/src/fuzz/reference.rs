//! What both sides of a comparison can say.

use super::random::{canonical32, canonical64};
use bailiwick_loader::{Error, TrapCode, Val};
use std::borrow::Cow;

/// What can be compared of a call or an instantiation.
#[derive(Debug, PartialEq)]
pub enum Done {
    /// It returned.
    Values(Vec<Seen>),
    /// It trapped.
    Trapped(TrapCode),
    /// It threw an exception with these values, and nothing caught it.
    Thrown(Vec<Seen>),
}

/// A value, as far as it means the same in both engines.
#[derive(Debug, PartialEq)]
pub enum Seen {
    /// An integer.
    I32(i32),
    /// An integer.
    I64(i64),
    /// Bits; all NaNs are the same.
    F32(u32),
    /// Bits; all NaNs are the same.
    F64(u64),
    /// Bits.
    V128(u128),
    /// A null reference.
    Null,
    /// Any other reference.
    Reference,
}

impl From<&Val> for Seen {
    fn from(value: &Val) -> Seen {
        match *value {
            Val::I32(v) => Seen::I32(v),
            Val::I64(v) => Seen::I64(v),
            Val::F32(bits) => Seen::F32(canonical32(bits)),
            Val::F64(bits) => Seen::F64(canonical64(bits)),
            Val::V128(bits) => Seen::V128(bits),
            Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) | Val::NullAny => Seen::Null,
            _ => Seen::Reference,
        }
    }
}

/// An instance in another engine.
pub trait Reference: Sized {
    /// Compiles and instantiates.
    ///
    /// # Errors
    /// How the instantiation ended.
    ///
    /// # Errors
    /// Why the module was not taken.
    fn instantiate(wasm: &[u8], deterministic: bool) -> Result<Result<Self, Done>, String>;

    /// Calls an exported function that has so many results.
    ///
    /// # Errors
    /// An end that is neither of [`Done`].
    fn call(&mut self, name: &str, arguments: &[Val], results: usize) -> Result<Done, String>;

    /// The bytes of an exported memory.
    fn memory(&mut self, name: &str) -> Cow<'_, [u8]>;

    /// The value of an exported global.
    fn global(&mut self, name: &str) -> Seen;

    /// The elements of an exported table.
    fn table(&mut self, name: &str) -> Vec<Seen>;
}

/// How a call ended here.
///
/// # Errors
/// An end that is no trap.
pub fn our_end(result: Result<Vec<Val>, Error>) -> Result<Done, String> {
    match result {
        Ok(values) => Ok(Done::Values(values.iter().map(Seen::from).collect())),
        Err(Error::Exception(thrown)) => Ok(Done::Thrown(thrown.values().iter().map(Seen::from).collect())),
        Err(error) => error.trap_code().map(Done::Trapped).ok_or_else(|| format!("no trap: {error}")),
    }
}
