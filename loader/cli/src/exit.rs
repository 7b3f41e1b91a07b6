//! How failures end the process: a line on standard error and a documented status.

use bailiwick_loader::{Error, LinkError};
use std::path::Path;

/// The status that the process ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitCode(pub u8);

impl ExitCode {
    /// All went well.
    pub const SUCCESS: ExitCode = ExitCode(0);
}

impl From<u8> for ExitCode {
    fn from(status: u8) -> ExitCode {
        ExitCode(status)
    }
}

/// A failure of a command.
#[derive(Debug)]
pub struct Failure {
    status: u8,
    /// Empty if somebody has said it already.
    message: String,
}

impl Failure {
    /// An error: status 1.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure { status: 1, message: message.into() }
    }

    /// An error that the compiler has explained: status 1.
    pub fn said() -> Failure {
        Failure { status: 1, message: String::new() }
    }

    /// Wrong usage: status 2.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure { status: 2, message: message.into() }
    }

    /// Refused authority: status 3.
    pub fn refused(message: impl Into<String>) -> Failure {
        Failure { status: 3, message: message.into() }
    }

    /// A status of its own.
    pub fn with_status(status: u8, message: impl Into<String>) -> Failure {
        Failure { status, message: message.into() }
    }

    /// An error of the loader about a file.
    pub fn from_error(file: &Path, error: &Error) -> Failure {
        match error {
            // These begin with the file's name themselves.
            Error::Io { .. } => Failure::new(error.to_string()),
            Error::Link(link @ LinkError::NotGranted { .. }) => {
                Failure::refused(format!("{}: {link}; grant it with --preload NAME=FILE", file.display()))
            }
            Error::Trap(trap) => {
                Failure { status: 134, message: format!("{}: the guest trapped: {trap}", file.display()) }
            }
            Error::Exception(_) => Failure { status: 134, message: format!("{}: {error}", file.display()) },
            _ => Failure::new(format!("{}: {error}", file.display())),
        }
    }

    /// What is said.
    pub fn message(&self) -> String {
        // The compiler has said its own on standard error.
        if self.message.is_empty() { "not compiled, as said above".to_owned() } else { self.message.clone() }
    }

    /// Says so, and gives the status.
    pub fn report(self) -> ExitCode {
        if !self.message.is_empty() {
            super::text::say(&self.message);
        }
        ExitCode::from(self.status)
    }
}
