//! A `.wast` script: directives, run one after another in one group (the specification's `interpreter/README.md`).

mod machine;
mod matching;
mod refusal;
mod spectest;
mod threads;

use crate::compile::Settings;

pub use machine::{TRAP_MESSAGES, run};

/// A script to run.
#[derive(Clone, Debug)]
pub struct Script {
    /// What it is called in reports.
    pub name: String,
    /// Its text.
    pub text: String,
    /// How its modules are compiled; above all, of which version of the language it is.
    pub settings: Settings,
    /// Whether it may need garbage collection, which is not implemented: what is refused by that name is then skipped.
    pub needs_gc: bool,
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Line of the directive, from 1.
    pub line: usize,
    /// What happened.
    pub what: String,
}

/// What came of a script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Assertions that hold.
    pub passed: usize,
    /// Assertions that don't, modules that could not be made, and actions that failed.
    pub failures: Vec<Failure>,
    /// Assertions that need garbage collection.
    pub skipped: usize,
    /// Assertions that are known to fail.
    pub known: usize,
}
