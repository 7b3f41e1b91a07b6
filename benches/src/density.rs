//! How many instances live in one process at a time, each with an address range of its own, and what one takes up. Each
//! engine has a process for it.

use crate::figure::{Figure, Spread, Unit};
use crate::{peers, wasmtime_crate};
use bailiwick_compiler::{Options, binary, compile};
use bailiwick_loader::{Artifact, Group, Imports};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Instant;

/// Nobody is asked for more.
const MOST: usize = 32_768;

/// A module that has a memory, and something in it.
const MODULE: &str = "(module (memory (export \"memory\") 1) (data (i32.const 0) \"x\") \
                      (func (export \"answer\") (result i32) (i32.load (i32.const 0))))";

/// The topics.
pub const LIVE: &str = "live instances in one process";
const MEMORY: &str = "resident memory of each";
const TIME: &str = "time to make each, kept";

/// The names of the engines.
pub const OURS: &str = "bailiwick";
const WASMTIME: &str = "wasmtime, on demand";

/// Measures the suite.
pub fn measure(suite: &'static str, rounds: usize, figures: &mut Vec<Figure>) {
    let engines = [(OURS, true), (WASMTIME, false)];
    let mut said: [Result<Vec<Value>, String>; 2] = [Ok(Vec::new()), Ok(Vec::new())];
    for _ in 0..rounds.clamp(1, 3) {
        for ((engine, _), said) in engines.iter().zip(&mut said) {
            match (&mut *said, process(engine)) {
                (Ok(said), Ok(once)) => said.push(once),
                (Ok(_), Err(why)) => *said = Err(why),
                (Err(_), _) => {}
            }
        }
    }
    for (topic, key, unit) in
        [(LIVE, "instances", Unit::Count), (MEMORY, "memory", Unit::Bytes), (TIME, "time", Unit::Time)]
    {
        for ((engine, ours), said) in engines.iter().zip(&said) {
            let result = said.as_ref().map_err(Clone::clone).and_then(|said| {
                let values = said.iter().filter_map(|once| once[key].as_f64()).collect();
                Spread::of(values).ok_or_else(|| "it was not measured".to_owned())
            });
            let figure = Figure { ours: *ours, ..Figure::time(suite, engine, result) };
            figures.push(figure.about(topic).measured_in(unit));
        }
    }
}

fn process(engine: &str) -> Result<Value, String> {
    let me = std::env::current_exe().map_err(|e| e.to_string())?;
    let said = peers::succeed(Command::new(me).arg("--instances").arg(engine))?;
    serde_json::from_str(&said).map_err(|e| e.to_string())
}

/// Is that process.
pub fn child(engine: &str) -> Result<(), String> {
    let wasm = binary(MODULE.as_bytes()).map_err(|e| e.to_string())?;
    let (before, begin) = (peers::memory("self")?, Instant::now());
    let look = |count: usize| {
        let time = begin.elapsed().as_nanos() as f64 / count.max(1) as f64;
        let memory = peers::memory("self")?.saturating_sub(before) as f64 / count.max(1) as f64;
        Ok(json!({ "instances": count, "memory": memory, "time": time }))
    };
    let said = match engine {
        OURS => ours(&wasm, &look)?,
        _ => wasmtime_crate::instances(&wasm, MOST, &look)?,
    };
    println!("{said}");
    Ok(())
}

fn ours(wasm: &[u8], look: &dyn Fn(usize) -> Result<Value, String>) -> Result<Value, String> {
    let artifact = compile(wasm, &Options::default()).map_err(|e| e.to_string())?;
    let artifact = Artifact::from_bytes(&artifact, "density").map_err(|e| e.to_string())?;
    let mut kept = Vec::new();
    while kept.len() < MOST {
        let made = Group::new().and_then(|mut group| group.instantiate(&artifact, &Imports::new()).map(|_| group));
        match made {
            Ok(group) => kept.push(group),
            Err(_) => break,
        }
    }
    look(kept.len())
}
