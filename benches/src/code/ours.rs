//! Bailiwick, in this process.

use super::{Once, Run};
use crate::turns::processor_ns;
use bailiwick_compiler::{Options, compile};
use bailiwick_loader::wasi::{self, WasiCtx};
use bailiwick_loader::{Artifact, Group, Imports};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A module, compiled for this processor, with polls or without.
pub fn prepare(wasm: &Path, interruptible: bool) -> Result<Run, String> {
    let cpu = "native".parse().map_err(said)?;
    let bytes = std::fs::read(wasm).map_err(|e| format!("{}: {e}", wasm.display()))?;
    let artifact = compile(&bytes, &Options { cpu, interruptible, ..Options::default() }).map_err(said)?;
    of(&Artifact::from_bytes(&artifact, wasm).map_err(said)?)
}

/// An artifact that has `setup`, `kernel` and `checksum`.
pub fn of(artifact: &Artifact) -> Result<Run, String> {
    let mut imports = Imports::new();
    wasi::add_to_imports(&mut imports, Arc::new(Mutex::new(WasiCtx::inert())));
    let mut group = Group::new().map_err(said)?;
    let instance = group.instantiate(artifact, &imports).map_err(said)?;
    let mut function = |name| instance.typed_func::<(), ()>(&mut group, name).map_err(said);
    let (initialize, setup, kernel) = (function("_initialize")?, function("setup")?, function("kernel")?);
    let checksum = instance.typed_func::<(), u64>(&mut group, "checksum").map_err(said)?;
    initialize.call(&mut group, ()).map_err(said)?;
    Ok(Box::new(move || {
        setup.call(&mut group, ()).map_err(said)?;
        let begin = processor_ns();
        kernel.call(&mut group, ()).map_err(said)?;
        let nanoseconds = processor_ns() - begin;
        Ok(Once { nanoseconds, checksum: checksum.call(&mut group, ()).map_err(said)? })
    }))
}

/// An error's first line: the rest is a backtrace.
fn said(error: impl std::fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or("an error").to_owned()
}
