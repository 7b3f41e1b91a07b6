//! Measures what a user buys an ahead-of-time compiler for: start, loading, instantiation, calls, compilation.
//!
//! `cargo run --release -p bailiwick-benches -- [SUITE…] [--json] [--svg FILE]`. Every figure is the median of many
//! rounds with the quartiles beside it, measured in one run on one machine; compare ratios, not figures of different
//! machines. A peer that is not installed is named as missing.
//!
//! | file | room |
//! |---|---|
//! | `suites.rs` | the suites, and those that need no file of their own |
//! | `code/` | how fast the code is: kernels and programs, everywhere |
//! | `edges/` | calls between modules, in place, in groups, over edges, beside other engines and processes |
//! | `app_start/`, `virt.rs` | applications of many instances; who stands between |
//! | `pool.rs` | groups from a pool, on one thread and on several |
//! | `compiling.rs`, `density.rs`, `sizes.rs` | compilation; many instances; sizes |
//! | `apps.rs`, `modules.rs`, `peers.rs`, `scratch.rs` | applications, modules, other programs, temporary files |
//! | `wasmtime_crate/` | Wasmtime within this process, if it was built in |
//! | `turns.rs` | measuring several things so that they meet the same conditions |
//! | `figure.rs`, `report.rs`, `markdown.rs`, `plot.rs` | what was measured; as a table, as JSON, for the README, as plots |
//! | `bars.rs` | what it is held against |
//! | `user/` | the tool for modules of other people |

mod app_start;
mod apps;
mod bars;
mod code;
mod compiling;
mod density;
mod edges;
mod figure;
mod markdown;
mod modules;
mod peers;
mod plot;
mod pool;
mod report;
mod scratch;
mod sizes;
mod suites;
mod turns;
mod user;
mod virt;
mod wasmtime_crate;

use bars::Judged;
use clap::{Parser, Subcommand};
use figure::{Figure, Unit};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use suites::Effort;

/// Benchmarks of Bailiwick.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    tool: Option<Tool>,
    /// Suites to run; all of them if none is named
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(suites::NAMES))]
    suites: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Draw the times, too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write everything into a folder: figures.json, RESULTS.md, a plot for each suite
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Write bars and means into a file, between the lines that mark their place
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
    /// What the written tables call the machine
    #[arg(long, value_name = "TEXT")]
    machine: Option<String>,
    /// Rounds of each measurement
    #[arg(long, default_value_t = 31)]
    rounds: usize,
    /// Few rounds, and nothing that takes minutes
    #[arg(long)]
    quick: bool,
    /// Of the suite run: only kernels and programs whose names contain this
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Of the suite run: leave out the real programs, whose sources come from package registries
    #[arg(long)]
    kernels: bool,
    /// Of the suite run: how much a kernel has to do
    #[arg(long, value_name = "KERNEL=N", value_parser = parse_size)]
    size: Vec<(String, String)>,
    /// Be the other process of a pipe: answer requests of a payload until they end
    #[arg(long, hide = true, value_name = "PAYLOAD")]
    answer: Option<String>,
    /// Start the application in a folder, and print what that took
    #[arg(long, hide = true, value_name = "FOLDER")]
    start_app: Option<PathBuf>,
    /// Compile a file, and print what that took
    #[arg(long, hide = true, num_args = 3, value_names = ["ENGINE", "THREADS", "FILE"])]
    compiling: Vec<String>,
    /// Make many instances, and print what they take
    #[arg(long, hide = true, value_name = "ENGINE")]
    instances: Option<String>,
}

/// What there is for other modules than ours.
#[derive(Debug, Subcommand)]
enum Tool {
    /// Compare ways to compile your own modules, as wholes and function by function
    Bench(user::Bench),
}

fn parse_size(text: &str) -> Result<(String, String), String> {
    let (kernel, size) = text.split_once('=').ok_or("it wants KERNEL=N")?;
    let digits = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| (kernel.to_owned(), size.to_owned())).ok_or_else(|| "N is a number".to_owned())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match perform(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bailiwick-benches: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Does what was asked for: to measure, or to be a process that is measured.
fn perform(arguments: &Arguments) -> Result<(), String> {
    if let Some(Tool::Bench(bench)) = &arguments.tool {
        return bench.execute();
    }
    if let Some(payload) = &arguments.answer {
        return edges::answer(payload);
    }
    if let Some(folder) = &arguments.start_app {
        return app_start::child(folder);
    }
    if let Some(engine) = &arguments.instances {
        return density::child(engine);
    }
    match arguments.compiling.as_slice() {
        [engine, threads, file] => compiling::child(engine, threads, file),
        _ => measure(arguments),
    }
}

fn measure(arguments: &Arguments) -> Result<(), String> {
    let effort = Effort {
        rounds: if arguments.quick { arguments.rounds.min(3) } else { arguments.rounds },
        quick: arguments.quick,
        run: code::Settings {
            only: arguments.only.clone(),
            sizes: arguments.size.clone(),
            kernels_only: arguments.kernels,
        },
    };
    let mut figures = Vec::new();
    for name in suites::NAMES {
        if arguments.suites.is_empty() || arguments.suites.iter().any(|s| s == name) {
            eprintln!("measuring {name} …");
            suites::run(name, &effort, &mut figures);
            // After each, so that what was measured is not lost with a run that is ended.
            write(arguments, &figures, &bars::judge(&figures))?;
        }
    }
    let bars = bars::judge(&figures);
    match arguments.json {
        true => println!("{:#}", report::json(&figures, &bars)),
        false => print!("{}{}", report::table(&figures), report::bars(&bars)),
    }
    Ok(())
}

/// Writes the files that were asked for.
fn write(arguments: &Arguments, figures: &[Figure], bars: &[Judged]) -> Result<(), String> {
    let put = |file: &Path, text: String| std::fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let machine = arguments.machine.clone().unwrap_or_else(|| format!("{cores} cores, {}", std::env::consts::ARCH));
    if let Some(file) = &arguments.svg {
        put(file, plot::svg(figures))?;
    }
    if let Some(folder) = &arguments.out {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        put(&folder.join("figures.json"), format!("{:#}\n", report::json(figures, bars)))?;
        put(&folder.join("RESULTS.md"), markdown::all(figures, bars, &machine))?;
        for suite in figures.chunk_by(|a, b| a.suite == b.suite) {
            let name = suite.first().map_or("", |figure| figure.suite);
            let drawing = match name {
                "run" => plot::ratios(suite, &[code::OURS, code::WASMTIME, code::V8]),
                _ => plot::svg(suite),
            };
            if suite.iter().any(|figure| figure.unit == Unit::Time) {
                put(&folder.join(format!("{name}.svg")), drawing)?;
            }
        }
    }
    match &arguments.readme {
        Some(file) => markdown::replace(file, &markdown::summary(figures, bars, &machine)),
        None => Ok(()),
    }
}
