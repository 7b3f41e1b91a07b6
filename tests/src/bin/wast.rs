//! Runs scripts of the specification suite.

use bailiwick_tests::compile::{Settings, opt_level as opt_level_of};
use bailiwick_tests::{pool, script::Script, suite};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "\
Usage: wast [--suite] [--set NAME]... [--opt LEVEL] [-j N] [--time-limit SECONDS] [-v] [PATH]...

Runs .wast scripts and prints each failure and, at the end, how many assertions passed, failed and
are not yet supported. Ends with status 1 if anything failed, 2 on wrong usage.

  PATH          a script, or a folder of scripts
  --suite       the bundled scripts: WebAssembly 1.0, 2.0, 3.0, and every proposal that is implemented
  --set NAME    a bundled set: wasm-v1, wasm-v2, wasm-v3, or a proposal such as extended-const
  --opt LEVEL   what to optimise for: none, speed or size; otherwise what BAILIWICK_OPT names, or speed
  -j N          scripts at the same time; as many as the machine has cores otherwise
  --time-limit  for each script, in seconds; 300 otherwise
  -v            one line for each script

Scripts by path are compiled without the features that they are older than, which shows in what they expect
to be refused. Only in scripts that are listed as needing garbage collection, what the compiler refuses by that name
counts as not yet supported; elsewhere it fails.

BAILIWICKC=PROGRAM in the environment compiles by running that program. BAILIWICK_OPTIMISATIONS=LIST there says which
optimisations are made, as --optimisations of the compiler: none, or default,-NAME.";

struct Arguments {
    scripts: Vec<Script>,
    jobs: usize,
    limit: Duration,
    verbose: bool,
}

fn arguments() -> Result<Arguments, String> {
    let jobs = std::thread::available_parallelism().map_or(1, |n| n.get());
    let mut parsed = Arguments { scripts: Vec::new(), jobs, limit: Duration::from_secs(300), verbose: false };
    let mut asked = false;
    let mut opt_level = Settings::default().opt_level;
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = |what: &str| {
            let value = arguments.next().and_then(|v| v.to_str()?.parse::<u64>().ok()).filter(|&n| n > 0);
            value.ok_or_else(|| format!("{what} needs a number"))
        };
        match argument.to_str() {
            Some("--suite") => {
                parsed.scripts.extend(suite::suite(opt_level));
                asked = true;
            }
            Some("--set") => {
                let name = arguments.next().unwrap_or_default();
                let set = name.to_str().and_then(suite::set);
                parsed.scripts.extend(set.ok_or_else(|| format!("no bundled set is named {name:?}"))?);
                asked = true;
            }
            Some("--opt") => {
                let name = arguments.next().unwrap_or_default();
                let level = name.to_str().and_then(opt_level_of);
                opt_level = level.ok_or_else(|| format!("--opt needs none, speed or size, and not {name:?}"))?;
            }
            Some("-j") => parsed.jobs = number("-j")? as usize,
            Some("--time-limit") => parsed.limit = Duration::from_secs(number("--time-limit")?),
            Some("-v") => parsed.verbose = true,
            Some("-h" | "--help") => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            Some(option) if option.starts_with('-') => return Err(format!("unknown option {option}")),
            _ => {
                let path = Path::new(&argument);
                let found = parsed.scripts.len();
                suite::load(path, &mut parsed.scripts).map_err(|e| format!("{}: {e}", path.display()))?;
                if parsed.scripts.len() == found {
                    return Err(format!("{}: there are no scripts in it", path.display()));
                }
                asked = true;
            }
        }
    }
    parsed.scripts.iter_mut().for_each(|script| script.settings.opt_level = opt_level);
    if asked { Ok(parsed) } else { Err("nothing to run".into()) }
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("wast: {message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let (mut passed, mut failed, mut skipped, mut known) = (0, 0, 0, 0);
    pool::run(arguments.scripts, arguments.jobs, arguments.limit, |script, mut outcome| {
        suite::apply_known(script, suite::KNOWN, &mut outcome);
        for failure in &outcome.failures {
            println!("{}:{}: {}", script.name, failure.line, failure.what);
        }
        if arguments.verbose {
            let (passed, failed) = (outcome.passed, outcome.failures.len());
            println!("{}: {passed} passed, {failed} failed, {} not yet", script.name, outcome.skipped);
        }
        passed += outcome.passed;
        failed += outcome.failures.len();
        skipped += outcome.skipped;
        known += outcome.known;
    });
    println!(
        "{passed} passed, {failed} failed, {skipped} not yet (garbage collection), {known} contradict the language"
    );
    // Threads of scripts that hang may be left: end without them.
    std::process::exit(i32::from(failed > 0))
}
