//! What compiling takes: wall time, time of all processors, memory. Each compilation is a process of its own, this program
//! again, which compiles one file and looks at itself; engines take turns.

use crate::figure::{Figure, Spread, Unit};
use crate::modules::Module;
use crate::scratch::Scratch;
use crate::{peers, wasmtime_crate};
use bailiwick_compiler::{OptLevel, Options, compile};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// The names of who compiles, and whether it is us.
const ENGINES: [(&str, bool); 3] = [(OURS, true), (WASMTIME, false), ("bailiwickc -O none", true)];

/// Bailiwick's compiler as it is by default.
pub const OURS: &str = "bailiwickc";
/// Wasmtime's crate, its code generator at the same level.
pub const WASMTIME: &str = "wasmtime";

/// What is measured of each: for people, the key, the unit.
const PARTS: [(&str, &str, Unit); 3] =
    [("wall time", "wall", Unit::Time), ("CPU time", "cpu", Unit::Time), ("peak memory", "memory", Unit::Bytes)];

/// How a topic is called.
pub fn topic(module: Module, threads: usize, part: &str) -> String {
    let threads = if threads == 1 { "1 thread".to_owned() } else { "all threads".to_owned() };
    format!("{}, {threads}: {part}", module.name())
}

/// Measures the suite.
pub fn measure(suite: &'static str, rounds: usize, quick: bool, figures: &mut Vec<Figure>) {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let scratch = Scratch::new();
    for (module, rounds) in [(Module::Middle, rounds.min(11)), (Module::Large, rounds.min(7)), (Module::Huge, 3)] {
        if quick && module == Module::Huge {
            continue;
        }
        let file = module.wasm().map(|wasm| scratch.write(&format!("{}.wasm", module.name()), wasm));
        let mut threads = vec![all];
        if all > 1 && module != Module::Huge {
            threads.insert(0, 1);
        }
        for threads in threads {
            let mut done: [Result<Vec<Value>, String>; ENGINES.len()] = std::array::from_fn(|_| Ok(Vec::new()));
            for _ in 0..rounds.max(1) {
                for ((engine, _), done) in ENGINES.iter().zip(&mut done) {
                    let once = file.clone().and_then(|file| compiled(engine, threads, &file));
                    match (&mut *done, once) {
                        (Ok(done), Ok(once)) => done.push(once),
                        (Ok(_), Err(why)) => *done = Err(why),
                        (Err(_), _) => {}
                    }
                }
            }
            for (part, key, unit) in PARTS {
                figures.extend(part_of(suite, &topic(module, threads, part), key, unit, &done));
            }
        }
    }
}

fn part_of(
    suite: &'static str,
    topic: &str,
    key: &str,
    unit: Unit,
    done: &[Result<Vec<Value>, String>],
) -> Vec<Figure> {
    let mut base = None;
    let mut figures = Vec::new();
    for ((engine, ours), done) in ENGINES.iter().zip(done) {
        let result = done.as_ref().map_err(Clone::clone).and_then(|done| {
            let values = done.iter().filter_map(|once| once[key].as_f64()).collect();
            Spread::of(values).ok_or_else(|| "it was not measured".to_owned())
        });
        let median = result.as_ref().ok().map(|spread| spread.median);
        let ratio = base.zip(median).map(|(base, median): (f64, f64)| median / base);
        base = base.or(median);
        let figure = Figure { ours: *ours, ratio, ..Figure::time(suite, engine, result) };
        figures.push(figure.about(topic).measured_in(unit));
    }
    figures
}

/// Compiles a file in another process.
fn compiled(engine: &str, threads: usize, file: &Path) -> Result<Value, String> {
    let mut command = Command::new(std::env::current_exe().map_err(|e| e.to_string())?);
    // Wasmtime's threads are rayon's.
    command.env("RAYON_NUM_THREADS", threads.to_string());
    let said = peers::succeed(command.arg("--compiling").arg(engine).arg(threads.to_string()).arg(file))?;
    serde_json::from_str(&said).map_err(|e| e.to_string())
}

/// Is that process.
pub fn child(engine: &str, threads: &str, file: &str) -> Result<(), String> {
    let wasm = std::fs::read(file).map_err(|e| format!("{file}: {e}"))?;
    let (begin, cpu_before) = (Instant::now(), cpu_ns());
    let artifact = match engine {
        WASMTIME => wasmtime_crate::compile(&wasm)?,
        _ => {
            let opt_level = if engine == OURS { OptLevel::Speed } else { OptLevel::None };
            // Wasmtime compiles for this processor.
            let cpu = "native".parse().map_err(|e: bailiwick_compiler::CompileError| e.to_string())?;
            let options = Options { cpu, opt_level, jobs: threads.parse().ok(), ..Options::default() };
            compile(&wasm, &options).map_err(|e| e.to_string())?
        }
    };
    let wall = begin.elapsed().as_nanos() as u64;
    let cpu = cpu_ns() - cpu_before;
    println!("{}", json!({ "wall": wall, "cpu": cpu, "memory": peers::peak_memory("self")?, "bytes": artifact.len() }));
    Ok(())
}

/// Nanoseconds that processors have spent on this process.
fn cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}
