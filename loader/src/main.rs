//! `bailiwick`: runs and inspects native artifacts.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    // SAFETY: nothing else runs yet. A reader that goes away ends this process silently, as it does any Unix filter;
    // Rust's start-up code had the signal ignored.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    cli::main()
}
