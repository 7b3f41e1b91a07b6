//! Measures what a user buys an ahead-of-time compiler for: start, loading, instantiation, calls, compilation.
//!
//! `cargo run --release -p bailiwick-benches -- [SUITE…] [--json]`. Every figure is the median of many rounds with the
//! spread beside it, measured in one run on one machine; compare ratios, not figures of different machines. A peer that
//! is not installed is named as missing.

mod peers;
mod suites;

use clap::Parser;
use serde_json::json;
use std::time::{Duration, Instant};

/// Benchmarks of Bailiwick.
#[derive(Debug, Parser)]
struct Arguments {
    /// Suites to run; all of them if none is named
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(suites::NAMES))]
    suites: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Rounds of each measurement
    #[arg(long, default_value_t = 31)]
    rounds: usize,
}

/// One figure: a time in nanoseconds, or why there is none.
#[derive(Debug)]
pub struct Figure {
    suite: &'static str,
    name: String,
    result: Result<Times, String>,
}

/// Times of one operation, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    median: f64,
    low: f64,
    high: f64,
}

impl Times {
    /// Runs `operation` in `rounds` rounds of `count`; median and the quartiles.
    pub fn of(rounds: usize, count: u32, mut operation: impl FnMut()) -> Times {
        let mut times: Vec<f64> = (0..rounds.max(3))
            .map(|_| {
                let begin = Instant::now();
                for _ in 0..count {
                    operation();
                }
                begin.elapsed().as_nanos() as f64 / f64::from(count)
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
        Times { median: at(0.5), low: at(0.25), high: at(0.75) }
    }
}

fn show(nanoseconds: f64) -> String {
    if nanoseconds < 1e3 {
        return format!("{nanoseconds:.1} ns");
    }
    format!("{:.2?}", Duration::from_nanos(nanoseconds as u64))
}

fn main() {
    let arguments = Arguments::parse();
    let mut figures = Vec::new();
    for name in suites::NAMES {
        if arguments.suites.is_empty() || arguments.suites.iter().any(|s| s == name) {
            eprintln!("measuring {name} …");
            suites::run(name, arguments.rounds, &mut figures);
        }
    }
    if arguments.json {
        let list: Vec<_> = figures
            .iter()
            .map(|f| match &f.result {
                Ok(t) => {
                    json!({ "suite": f.suite, "name": f.name, "median_ns": t.median, "quartiles_ns": [t.low, t.high] })
                }
                Err(why) => json!({ "suite": f.suite, "name": f.name, "missing": why }),
            })
            .collect();
        println!("{:#}", serde_json::Value::from(list));
        return;
    }
    for figure in &figures {
        let result = match &figure.result {
            Ok(t) => format!("{:>12}   ({} – {})", show(t.median), show(t.low), show(t.high)),
            Err(why) => format!("     missing: {why}"),
        };
        println!("{:<12} {:<44} {result}", figure.suite, figure.name);
    }
}
