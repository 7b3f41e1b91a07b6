//! Runs random modules here and in an interpreter for as long as it is told to, and keeps those of which both make something
//! else.

use bailiwick_compiler::OptLevel;
use bailiwick_tests::compile::opt_level;
use bailiwick_tests::fuzz::{Counts, Engine, INSTRUCTIONS, Sample, compare, sample, settings};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const USAGE: &str = "\
Usage: fuzz [--seconds N] [--modules N] [--seed S] [--opt LEVEL] [--instructions N] [--engine NAME] [-j N] [--keep FOLDER] [-v]

Makes a random module of each seed, beginning with S, calls its exports here and in another engine, and compares results,
traps, exceptions, memories, globals and tables. Ends with status 1 if any differ, 2 on wrong usage.

  --seconds N       ends after so many seconds; 60 otherwise
  --modules N       ends after so many seeds
  --seed S          the first seed; 1000000 otherwise, behind those of the ordinary tests
  --opt LEVEL       none, speed or size; otherwise each seed has one of them
  --instructions N  of a function at most; 300 otherwise
  --engine NAME     wasmi; or wasmtime, if built with --features wasmtime: slower, and for exceptions and threads too
  -j N              modules at the same time; as many as the machine has cores otherwise
  --keep FOLDER     where modules that differ are written, and the seeds that are running, which a crash leaves behind;
                    fuzz-found in the current folder otherwise
  -v                tells every call; for one seed: --seed S --modules 1 -v

The code is that of the architecture that this program is built for, also in an emulator. BAILIWICKC=PROGRAM in the
environment compiles by running that program. BAILIWICK_OPTIMISATIONS=LIST there says which optimisations are made, as
--optimisations of the compiler: none, or default,-NAME.";

/// It ends after so many: there is something that all modules meet.
const MOST_DIFFERENCES: u64 = 100;

struct Arguments {
    limit: Duration,
    modules: u64,
    first: u64,
    level: Option<OptLevel>,
    instructions: usize,
    engine: Engine,
    jobs: usize,
    keep: PathBuf,
    verbose: bool,
}

fn arguments() -> Result<Arguments, String> {
    let mut parsed = Arguments {
        limit: Duration::from_secs(60),
        modules: u64::MAX,
        first: 1_000_000,
        level: None,
        instructions: INSTRUCTIONS,
        engine: Engine::default(),
        jobs: std::thread::available_parallelism().map_or(1, |n| n.get()),
        keep: PathBuf::from("fuzz-found"),
        verbose: false,
    };
    let mut timed = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        let number =
            |text: String| text.parse::<u64>().map_err(|_| format!("{argument} needs a number, and not {text:?}"));
        match &*argument {
            "--seconds" => {
                parsed.limit = Duration::from_secs(number(value()?)?);
                timed = true;
            }
            "--modules" => parsed.modules = number(value()?)?,
            "--seed" => parsed.first = number(value()?)?,
            "--opt" => {
                let name = value()?;
                let level =
                    opt_level(&name).ok_or_else(|| format!("--opt needs none, speed or size, and not {name:?}"));
                parsed.level = Some(level?);
            }
            "--instructions" => parsed.instructions = number(value()?)?.clamp(1, 100_000) as usize,
            "--engine" => {
                parsed.engine = match &*value()? {
                    "wasmi" => Engine::Wasmi,
                    #[cfg(feature = "wasmtime")]
                    "wasmtime" => Engine::Wasmtime,
                    #[cfg(not(feature = "wasmtime"))]
                    "wasmtime" => return Err("--engine wasmtime needs a build with --features wasmtime".into()),
                    other => return Err(format!("--engine needs wasmi or wasmtime, and not {other:?}")),
                }
            }
            "-j" => parsed.jobs = number(value()?)?.clamp(1, 1024) as usize,
            "--keep" => parsed.keep = PathBuf::from(value()?),
            "-v" => parsed.verbose = true,
            "-h" | "--help" => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            other => return Err(format!("unknown argument {other}")),
        }
    }
    if parsed.modules < u64::MAX && !timed {
        parsed.limit = Duration::MAX;
    }
    Ok(parsed)
}

/// The level of a seed, if none is asked for.
fn level_of(seed: u64) -> OptLevel {
    [OptLevel::Speed, OptLevel::None, OptLevel::Size][(seed % 3) as usize]
}

fn run(sample: &Sample, level: OptLevel, counts: &Counts) -> Result<(), String> {
    let compared = || compare(sample, &settings(sample, level), counts);
    catch_unwind(AssertUnwindSafe(compared)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
        Err(format!("panic: {}", text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()))
    })
}

/// The same seed with fewer instructions, if it differs too.
fn smaller(seed: u64, level: OptLevel, most: usize, engine: Engine) -> Option<(Sample, String)> {
    [5, 10, 20, 40, 80, 160].into_iter().filter(|&count| count < most).find_map(|count| {
        let sample = sample(seed, count, engine)?;
        let difference = run(&sample, level, &Counts::default()).err()?;
        Some((sample, difference))
    })
}

fn keep(arguments: &Arguments, sample: &Sample, level: OptLevel, difference: &str) {
    let names: Vec<&str> = sample.features.iter().map(|feature| feature.name()).collect();
    let guarded = if sample.guarded { ", traps are guarded" } else { "" };
    println!("seed {} at -O {level} ({}{guarded}): {difference}", sample.seed, names.join(" "));
    let write = |name: String, bytes: &[u8]| {
        if let Err(error) = std::fs::write(arguments.keep.join(&name), bytes) {
            eprintln!("fuzz: {name}: {error}");
        }
    };
    write(format!("{}.wasm", sample.seed), &sample.wasm);
    if let Some((sample, difference)) = smaller(sample.seed, level, arguments.instructions, sample.engine) {
        println!("  with fewer instructions: {difference}");
        write(format!("{}-smaller.wasm", sample.seed), &sample.wasm);
    }
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("fuzz: {message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = std::fs::create_dir_all(&arguments.keep) {
        eprintln!("fuzz: {}: {error}", arguments.keep.display());
        return ExitCode::from(2);
    }
    let trace: Option<fn(&str)> = if arguments.verbose { Some(|call| println!("{call}")) } else { None };
    let counts = Counts { trace, ..Counts::default() };
    let (next, differences, begun) = (AtomicU64::new(0), AtomicU64::new(0), Instant::now());
    std::thread::scope(|scope| {
        for job in 0..arguments.jobs {
            let (arguments, counts, next, differences) = (&arguments, &counts, &next, &differences);
            let work = move || {
                let running = arguments.keep.join(format!("running-{job}"));
                while begun.elapsed() < arguments.limit && differences.load(Ordering::Relaxed) < MOST_DIFFERENCES {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= arguments.modules {
                        break;
                    }
                    let seed = arguments.first.wrapping_add(number);
                    let Some(sample) = sample(seed, arguments.instructions, arguments.engine) else { continue };
                    // A crash ends the process; what was running is then known.
                    let _ = std::fs::write(&running, seed.to_string());
                    let level = arguments.level.unwrap_or_else(|| level_of(seed));
                    if let Err(difference) = run(&sample, level, counts) {
                        differences.fetch_add(1, Ordering::Relaxed);
                        keep(arguments, &sample, level, &difference);
                    }
                }
                let _ = std::fs::remove_file(&running);
            };
            // The engines recurse.
            std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, work).expect("a thread");
        }
    });
    let [modules, calls, returned, thrown, different, wrong] =
        [&counts.modules, &counts.calls, &counts.returned, &counts.thrown, &differences, &counts.wrong_there]
            .map(|count| count.load(Ordering::Relaxed));
    println!(
        "{} s on {}: {modules} modules, {calls} calls, of which {returned} returned and {thrown} threw, {different} differences, \
         {wrong} modules in which wasmi alone differs",
        begun.elapsed().as_secs(),
        std::env::consts::ARCH,
    );
    ExitCode::from(u8::from(different > 0))
}
