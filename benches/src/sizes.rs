//! How large things are: what has to be shipped to run a module, and the modules compiled.

use crate::figure::{Figure, Unit};
use crate::modules::Module;
use crate::scratch::Scratch;
use crate::{peers, wasmtime_crate};
use bailiwick_compiler::{Options, compile};
use bailiwick_loader::Artifact;
use std::path::PathBuf;
use std::process::Command;

/// The topic of programs.
pub const PROGRAMS: &str = "programs, stripped";

/// The loader's program.
pub const OURS: &str = "bailiwick, with WASI, without a compiler";

/// Measures the suite.
pub fn measure(suite: &'static str, figures: &mut Vec<Figure>) {
    let scratch = Scratch::new();
    let mut figure = |topic: &str, name: &str, ours, size: Result<u64, String>| {
        let figure = Figure { ours, ..Figure::of_values(suite, name, size.map(|size| vec![size as f64])) };
        figures.push(figure.about(topic).measured_in(Unit::Bytes));
    };
    let stripped = |program: Result<PathBuf, String>| {
        let to = scratch.path().join("stripped");
        peers::succeed(Command::new("strip").arg("-o").arg(&to).arg(program?))?;
        std::fs::metadata(&to).map(|file| file.len()).map_err(|e| e.to_string())
    };
    figure(PROGRAMS, OURS, true, stripped(peers::bailiwick()));
    figure(PROGRAMS, "bailiwickc, the compiler", true, stripped(peers::bailiwickc()));
    figure(PROGRAMS, "wasmtime, both", false, stripped(peers::wasmtime()));
    figure(PROGRAMS, "node", false, stripped(peers::node()));
    for module in Module::LOADED {
        let wasm = module.wasm();
        let artifact = wasm.clone().and_then(|wasm| compile(&wasm, &Options::default()).map_err(|e| e.to_string()));
        let text = artifact.clone().and_then(|bytes| {
            let artifact = Artifact::from_bytes(&bytes, "size").map_err(|e| e.to_string())?;
            Ok(artifact.view().text().len() as u64)
        });
        let length = |bytes: Vec<u8>| bytes.len() as u64;
        figure(module.name(), "WebAssembly", false, wasm.clone().map(length));
        figure(module.name(), "artifact", true, artifact.map(length));
        figure(module.name(), "artifact: machine code", true, text);
        let theirs = wasm.and_then(|wasm| wasmtime_crate::compile(&wasm));
        figure(module.name(), "wasmtime, precompiled", false, theirs.map(length));
    }
}
