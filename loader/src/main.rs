//! `bailiwick`: runs and inspects native artifacts.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    // SAFETY: nothing else runs yet. A reader that goes away ends this process silently, as it does any Unix filter;
    // Rust's start-up code had the signal ignored.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    // SAFETY: as above. A write beyond the limit on a file's size is an error that the guest sees, not the process's end.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    cli::main()
}
