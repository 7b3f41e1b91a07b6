//! Measures what a user buys an ahead-of-time compiler for: start, loading, instantiation, calls, compilation.
//!
//! `cargo run --release -p bailiwick-benches -- [SUITE…] [--json] [--svg FILE]`. Every figure is the median of many
//! rounds with the quartiles beside it, measured in one run on one machine; compare ratios, not figures of different
//! machines. A peer that is not installed is named as missing.
//!
//! | file | room |
//! |---|---|
//! | `suites.rs` | the suites, and those that need no file of their own |
//! | `edges/` | calls between modules, in place, in groups, over edges, beside other engines and processes |
//! | `pool.rs` | groups from a pool, on one thread and on several |
//! | `app_start.rs` | applications of many instances |
//! | `apps.rs`, `peers.rs`, `scratch.rs` | applications, other programs, temporary files |
//! | `figure.rs`, `report.rs`, `plot.rs` | what was measured; as a table, as JSON, as a plot |

mod app_start;
mod apps;
mod edges;
mod figure;
mod peers;
mod plot;
mod pool;
mod report;
mod scratch;
mod suites;
mod virt;

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

/// Benchmarks of Bailiwick.
#[derive(Debug, Parser)]
struct Arguments {
    /// Suites to run; all of them if none is named
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(suites::NAMES))]
    suites: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Draw the times, too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Rounds of each measurement
    #[arg(long, default_value_t = 31)]
    rounds: usize,
    /// Be the other process of a pipe: answer requests of a payload until they end
    #[arg(long, hide = true, value_name = "PAYLOAD")]
    answer: Option<String>,
    /// Start the application in a folder, and print what that took
    #[arg(long, hide = true, value_name = "FOLDER")]
    start_app: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match (&arguments.answer, &arguments.start_app) {
        (Some(payload), _) => edges::answer(payload),
        (None, Some(folder)) => app_start::child(folder),
        (None, None) => measure(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bailiwick-benches: {message}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), String> {
    let mut figures = Vec::new();
    for name in suites::NAMES {
        if arguments.suites.is_empty() || arguments.suites.iter().any(|s| s == name) {
            eprintln!("measuring {name} …");
            suites::run(name, arguments.rounds, &mut figures);
        }
    }
    if let Some(file) = &arguments.svg {
        std::fs::write(file, plot::svg(&figures)).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    match arguments.json {
        true => println!("{:#}", report::json(&figures)),
        false => print!("{}", report::table(&figures)),
    }
    Ok(())
}
