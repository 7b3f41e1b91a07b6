//! What is said where the crate was not built in.

use super::Task;
use crate::turns::Repeat;
use serde_json::Value;
use std::path::Path;

/// How to have it.
pub const MISSING: &str = "build with --features bailiwick-benches/wasmtime";

/// See the other one.
pub fn task(_: Task, _: &[u8], _: &Path) -> Result<Repeat<'static>, String> {
    Err(MISSING.to_owned())
}

/// See the other one.
pub fn compile(_: &[u8]) -> Result<Vec<u8>, String> {
    Err(MISSING.to_owned())
}

/// See the other one.
pub fn instances(_: &[u8], _: usize, _: &dyn Fn(usize) -> Result<Value, String>) -> Result<Value, String> {
    Err(MISSING.to_owned())
}
