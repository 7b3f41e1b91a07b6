//! The commands that servers don't need, and the parser for them.

use super::exit::{ExitCode, Failure};
use super::options::{Choice, Names};
use super::run::Run;
use super::text::{inert, print, print_raw, printed, usage};
use super::{app, build, cache, commands, inspect, learn, packages};
use clap::{CommandFactory, Parser, Subcommand, ValueHint};
use std::ffi::OsString;
use std::io::Write as _;

#[derive(Debug, Parser)]
#[command(name = "bailiwick", version, about = commands::ABOUT)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// What is for what: as [`commands::COMMANDS`] has it.
#[derive(Debug, Subcommand)]
enum Command {
    Inspect(inspect::Inspect),
    Check(app::Check),
    Explain(app::Explain),
    Graph(app::Graph),
    Why(app::Why),
    Lock(app::Lock),
    Diff(app::Diff),
    Learn(learn::Learn),
    Build(build::Build),
    Wit(packages::Wit),
    Cache {
        #[command(subcommand)]
        what: CacheCommand,
    },
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
pub fn main(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    // By whichever name it was started: people type that of the other.
    let name = std::iter::once(OsString::from("bailiwick"));
    let parsed = described().try_get_matches_from(name.chain(arguments.iter().skip(1).cloned()));
    match parsed.and_then(|matches| clap::FromArgMatches::from_arg_matches(&matches)) {
        Ok(Arguments { command }) => execute(command),
        Err(error) if error.use_stderr() => usage(&inert(&error.render().to_string())),
        Err(error) => printed(error.print().and_then(|()| std::io::stdout().flush())),
    }
}

/// The description of all commands but `run`.
fn described() -> clap::Command {
    let about = |command: clap::Command| {
        let known = commands::COMMANDS.iter().find(|(name, _)| *name == command.get_name());
        match known {
            Some((_, about)) => command.about(*about),
            None => command,
        }
    };
    Arguments::command().mut_subcommands(about)
}

/// The description of `run`, for completions.
fn run() -> clap::Command {
    let options = Run::DESCRIPTION.options().map(argument);
    let words = clap::Arg::new("FILE").num_args(1..).trailing_var_arg(true).value_hint(ValueHint::FilePath);
    clap::Command::new("run").about(Run::DESCRIPTION.about).args(options).arg(words)
}

fn argument(choice: &Choice) -> clap::Arg {
    let argument = clap::Arg::new(choice.name).long(choice.name).help(choice.help);
    let argument = match (choice.values, choice.repeats) {
        ([], _) => return argument.action(clap::ArgAction::SetTrue),
        (values, true) => argument.value_names(values).action(clap::ArgAction::Append),
        (values, false) => argument.value_names(values),
    };
    match choice.names {
        Names::Nothing => argument,
        Names::File => argument.value_hint(ValueHint::FilePath),
        Names::Folder => argument.value_hint(ValueHint::DirPath),
        Names::OneOf(words) => argument.value_parser(words.to_vec()),
    }
}

fn execute(command: Command) -> Result<ExitCode, Failure> {
    match command {
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
            let mut all = described().subcommand(run());
            clap_complete::generate(shell, &mut all, "bailiwick", &mut script);
            print_raw(&script)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_programs_know_the_same_commands() {
        let described = described();
        let known: Vec<&str> = described.get_subcommands().map(clap::Command::get_name).collect();
        let told: Vec<&str> = commands::COMMANDS.iter().map(|(name, _)| *name).collect();
        assert_eq!(told[1..told.len() - 1], known, "between run and help");
        run().debug_assert();
    }
}
