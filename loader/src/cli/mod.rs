//! The command line.

mod cache;
mod compile;
mod deadline;
mod exit;
mod grants;
mod inspect;
mod run;

use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

const EXIT_CODES: &str = "\
Exit status:
  the guest's own  when it ends by itself
  0    success
  1    an error: the file can't be read, is damaged, does not link, …
  2    wrong usage
  3    refused authority: the module wants what it was not granted, or a grant can't be made
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
    Run(run::Run),
    /// Show what an artifact holds: what it requires, its imports and exports, its parts
    Inspect(inspect::Inspect),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

pub fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run(run) => run.execute(),
        Command::Inspect(inspect) => inspect.execute(),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "bailiwick", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|failure| failure.report())
}
