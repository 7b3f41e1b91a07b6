//! The command line.

mod app;
mod audit;
mod build;
mod cache;
mod compile;
mod deadline;
mod exit;
mod folders;
mod gdb;
mod grants;
mod guard;
mod help;
mod inspect;
mod interrupted;
mod invoke;
mod learn;
mod limits;
mod listen;
mod output;
mod packages;
mod run;
mod run_app;
mod sources;
mod streams;
mod text;
mod values;
mod wit;

use clap::{CommandFactory, Parser, Subcommand};
use exit::{ExitCode, Failure};
use std::ffi::OsString;
use text::{print, print_raw};

const EXIT_CODES: &str = "\
Exit status:
  the guest's own  when it ends by itself
  0    success
  1    an error: a file can't be read, compiled or written, is damaged, does not link, …
  2    wrong usage
  3    refused: the module wants what it was not granted, a grant can't be made, the application
       is not as its lock or the rules of manifests have it, or (diff) something can do more
  124  the guest was ended by --timeout
  134  the guest trapped";

#[derive(Debug, Parser)]
#[command(name = "bailiwick", version, about = "Runs precompiled WebAssembly with exactly the authority it is granted")]
#[command(after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a module: an artifact (.bwk), or WebAssembly (.wasm, .wat) compiled first and cached
    Run(Box<run::Run>),
    /// Show what an artifact holds: what it requires, its imports and exports, its parts
    Inspect(inspect::Inspect),
    /// Check an application: does every edge narrow, is every import wired, inert, or a call that fits?
    Check(app::Check),
    /// Say what each module of an application may do, from whom it got that, what it may not
    Explain(app::Explain),
    /// Draw an application: who holds what, and from whom
    Graph(app::Graph),
    /// Say by which grants, and by which of its code, a module can do something
    Why(app::Why),
    /// Write down what an application is made of and what it is granted
    Lock(app::Lock),
    /// Compare what an application was with what it is: what can do more?
    Diff(app::Diff),
    /// Run an application, and write a manifest that grants what it used beside the one that is enforced
    Learn(learn::Learn),
    /// Make one folder of an application, to deploy, that needs no compiler
    Build(build::Build),
    /// Print the WIT packages that are always there, for generators of bindings
    Wit(packages::Wit),
    /// Look after the cache of compiled modules
    Cache {
        #[command(subcommand)]
        what: CacheCommand,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum CacheCommand {
    /// Print the cache's folder
    Path,
    /// Hash every entry, and name those that are damaged
    Verify,
    /// Remove every entry
    Clean,
}

fn cache(what: &CacheCommand) -> Result<ExitCode, Failure> {
    let io = |e: std::io::Error| Failure::new(format!("the cache: {e}"));
    if let CacheCommand::Path = what {
        return print(&format!("{}\n", cache::Cache::folder().map_err(Failure::new)?.display()));
    }
    let cache = cache::Cache::open().map_err(Failure::new)?;
    match what {
        CacheCommand::Clean => print(&format!("{} files removed\n", cache.clean().map_err(io)?)),
        _ => {
            let (count, bad) = cache.verify().map_err(io)?;
            for (path, problem) in &bad {
                print(&format!("{}: {problem}\n", path.display()))?;
            }
            print(&format!("{count} entries, {} damaged\n", bad.len()))?;
            if bad.is_empty() {
                return Ok(ExitCode::SUCCESS);
            }
            Err(Failure::new("damaged entries; `bailiwick cache clean` removes all"))
        }
    }
}

/// Does what the arguments say, of which the first is the program's own name.
pub fn main(arguments: &[OsString]) -> ExitCode {
    let result = match parse(arguments) {
        Ok(command) => execute(command),
        Err(error) => text::usage(&error),
    };
    result.unwrap_or_else(|failure| failure.report())
}

/// The one command that people wait for.
#[derive(Debug, Parser)]
#[command(name = "bailiwick")]
struct Quick {
    #[command(subcommand)]
    command: QuickCommand,
}

#[derive(Debug, Subcommand)]
enum QuickCommand {
    Run(Box<run::Run>),
}

/// What the arguments say. To describe every command to the parser takes longer than to run a small guest, so `run` is
/// looked at first: without options there is nothing to parse, with options only its own are described. Help, and what is
/// wrong, is said by the parser that knows all.
fn parse(arguments: &[OsString]) -> Result<Command, clap::Error> {
    if let [_, name, rest @ ..] = arguments
        && name == "run"
    {
        if let Some(run) = run::Run::without_options(rest) {
            return Ok(Command::Run(Box::new(run)));
        }
        if let Ok(Quick { command: QuickCommand::Run(run) }) = Quick::try_parse_from(arguments) {
            return Ok(Command::Run(run));
        }
    }
    Arguments::try_parse_from(arguments).map(|arguments| arguments.command)
}

fn execute(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Run(run) => run.execute(),
        Command::Check(check) => check.execute(),
        Command::Explain(explain) => explain.execute(),
        Command::Graph(graph) => graph.execute(),
        Command::Why(why) => why.execute(),
        Command::Lock(lock) => lock.execute(),
        Command::Diff(diff) => diff.execute(),
        Command::Learn(learn) => learn.execute(),
        Command::Build(build) => build.execute(),
        Command::Inspect(inspect) => inspect.execute(),
        Command::Wit(wit) => wit.execute(),
        Command::Cache { what } => cache(&what),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "bailiwick", &mut script);
            print_raw(&script)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    fn words(line: &str) -> Vec<OsString> {
        let mut words: Vec<OsString> = line.split(' ').map(|word| word.replace('_', "").into()).collect();
        words.insert(0, "bailiwick".into());
        words
    }

    /// What the parser that knows every command makes of the words, for comparison.
    fn whole(words: &[OsString]) -> Result<String, String> {
        let parsed = Arguments::try_parse_from(words);
        parsed.map(|a| format!("{:?}", a.command)).map_err(|e| e.render().to_string())
    }

    #[test]
    fn the_quick_ways_understand_what_the_long_way_does() {
        let lines = [
            "run a.bwk",
            "run a.bwk b c",
            "run a.bwk --help -x -- --dir . -",
            "run a.bwk -- --",
            "run run run",
            "run _",
            "run - x",
            "run -- a.bwk -x",
            "run --",
            "run",
            "run --help",
            "run -h",
            "run --version",
            "run -x a.bwk",
            "run --dir . a.bwk --dir b",
            "run --dir=. --dir-with rights=read . --env A=1 --timeout 2s --max-memory 1MiB a.bwk x",
            "run --dir",
            "run --timeout soon a.bwk",
            "run --deterministic --no-cache --invoke add a.bwk 2 -3",
            "run --unknown a.bwk",
            "runs a.bwk",
            "--help",
            "",
        ];
        for line in lines {
            let words = words(line);
            let found = parse(&words);
            let found = found.map(|c| format!("{c:?}")).map_err(|e| e.render().to_string());
            assert_eq!(found, whole(&words), "{line:?}");
        }
        let odd = ["bailiwick", "run", "a\u{e4}"].map(OsString::from).into_iter();
        let odd: Vec<OsString> = odd.chain([OsString::from_vec(vec![0xff, b'-'])]).collect();
        assert_eq!(parse(&odd).map(|c| format!("{c:?}")).ok(), whole(&odd).ok());
        assert!(whole(&odd).is_ok());
    }
}
