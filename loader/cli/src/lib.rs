//! The command line, which two programs share: `bailiwick`, which runs guests and is small, and `bailiwick-tools`, which
//! knows all commands. Whoever types `bailiwick check` need not know: the first becomes the second, which lies beside it.
//!
//! Of this crate each program has what it can reach: [`main`] reads the options of `run` by `options` and describes
//! nothing else, `tools` has a parser for the rest.

mod app;
mod audit;
mod build;
mod cache;
mod commands;
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
mod options;
mod output;
mod packages;
mod run;
mod run_app;
mod siblings;
mod sources;
mod start;
mod streams;
mod text;
mod tools;
mod values;
mod wit;

pub use exit::ExitCode;
pub use start::start;

use std::ffi::OsString;

/// `bailiwick`: does what the arguments say, of which the first is the program's own name.
pub fn main(arguments: &[OsString]) -> ExitCode {
    commands::main(arguments, siblings::tools)
}

/// `bailiwick-tools`: the same, all of it by itself.
pub fn tools(arguments: &[OsString]) -> ExitCode {
    commands::main(arguments, tools::main)
}
