//! Which command is meant.

use crate::exit::{ExitCode, Failure};
use crate::options::{Ended, similar, tell};
use crate::run::Run;
use crate::text::{print_raw, usage};
use std::ffi::OsString;

/// What each command is for, in the order in which they are told.
pub const COMMANDS: [(&str, &str); 14] = [
    ("run", "Run a module: an artifact (.bwk), or WebAssembly (.wasm, .wat) compiled first and cached"),
    ("inspect", "Show what an artifact holds: what it requires, its imports and exports, its parts"),
    ("check", "Check an application: does every edge narrow, is every import wired, inert, or a call that fits?"),
    ("explain", "Say what each module of an application may do, from whom it got that, what it may not"),
    ("graph", "Draw an application: who holds what, and from whom"),
    ("why", "Say by which grants, and by which of its code, a module can do something"),
    ("lock", "Write down what an application is made of and what it is granted"),
    ("diff", "Compare what an application was with what it is: what can do more?"),
    ("learn", "Run an application, and write a manifest that grants what it used beside the one that is enforced"),
    ("build", "Make one folder of an application, to deploy, that needs no compiler"),
    ("wit", "Print the WIT packages that are always there, for generators of bindings"),
    ("cache", "Look after the cache of compiled modules"),
    ("completions", "Print a completion script for a shell"),
    ("help", "Print this message or the help of the given subcommand(s)"),
];

/// What the program is.
pub const ABOUT: &str = "Runs precompiled WebAssembly with exactly the authority it is granted";

const USAGE: &str = "bailiwick <COMMAND>";

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

/// Does what the arguments say, of which the first is the program's own name. `others` knows the commands but `run`.
pub fn main(arguments: &[OsString], others: fn(&[OsString]) -> Result<ExitCode, Failure>) -> ExitCode {
    let words: Vec<&str> = arguments.iter().skip(1).take(2).map(|word| word.to_str().unwrap_or("\u{fffd}")).collect();
    let result = match words.as_slice() {
        ["run", ..] => match Run::read(&arguments[2..]) {
            Ok(run) => run.execute(),
            Err(ended) => end(&ended),
        },
        ["help", "run"] => end(&Ended::Help),
        ["-h" | "--help", ..] | ["help"] | ["help", "help" | "-h" | "--help"] => print_raw(help().as_bytes()),
        ["-V" | "--version", ..] => print_raw(concat!("bailiwick ", env!("CARGO_PKG_VERSION"), "\n").as_bytes()),
        [] => usage(&help()),
        ["help", word] | [word, ..] => match COMMANDS.iter().any(|(name, _)| name == word) {
            true => others(arguments),
            false => usage(&unknown(word)),
        },
    };
    result.unwrap_or_else(|failure| failure.report())
}

/// Ends what reading the options of `run` ended.
pub fn end(ended: &Ended) -> Result<ExitCode, Failure> {
    match ended {
        Ended::Help => print_raw(Run::DESCRIPTION.help().as_bytes()),
        Ended::Usage(wrong) => usage(wrong),
    }
}

fn help() -> String {
    let mut out = format!("{ABOUT}\n\nUsage: {USAGE}\n\nCommands:\n");
    tell(&mut out, &COMMANDS.map(|(name, about)| (name.to_owned(), about)));
    out.push_str("\nOptions:\n  -h, --help     Print help\n  -V, --version  Print version\n\n");
    out + EXIT_CODES + "\n"
}

fn unknown(word: &str) -> String {
    let what = match word.starts_with('-') {
        true => format!("unexpected argument '{word}' found"),
        false => match similar(word, COMMANDS.iter().map(|(name, _)| *name)) {
            Some(name) => {
                format!("unrecognized subcommand '{word}'\n\n  tip: a similar subcommand exists: '{name}'")
            }
            None => format!("unrecognized subcommand '{word}'"),
        },
    };
    match Ended::wrong(&what, Some(USAGE)) {
        Ended::Usage(said) => said,
        Ended::Help => help(),
    }
}
