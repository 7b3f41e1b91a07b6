//! How the programs begin.
//!
//! The C library calls `main` itself. What Rust's own start does in front of a program is to read the process's map and to
//! prepare a stack for overflows of this one, which costs as much as running a small guest; what else it does that matters
//! is done here.

use crate::exit::ExitCode;
use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;

/// Status of a program that panicked, as Rust has it.
const PANICKED: i32 = 101;

/// Does what a program's `main` does: `main` with its arguments, and what has to be done around it. The process ends.
///
/// # Safety
/// The strings are as many as it says, and nothing else runs yet.
pub unsafe fn start(count: c_int, arguments: *const *const c_char, main: fn(&[OsString]) -> ExitCode) -> ! {
    // SAFETY: nothing else runs yet.
    unsafe {
        open_streams();
        // A reader that goes away ends this process silently, as it does any Unix filter.
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        // A write beyond the limit on a file's size is an error that the guest sees, not the process's end.
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
    // A panic does not go on into C.
    let status = std::panic::catch_unwind(|| {
        let arguments: Vec<OsString> = (0..usize::try_from(count).unwrap_or(0))
            // SAFETY: there are as many strings as it says.
            .map(|i| OsStr::from_bytes(unsafe { CStr::from_ptr(*arguments.add(i)) }.to_bytes()).to_owned())
            .collect();
        i32::from(main(&arguments).0)
    });
    // Flushes standard output.
    std::process::exit(status.unwrap_or(PANICKED))
}

/// A standard stream that is closed would be the number of the next file that is opened, and a guest would read or write
/// that: it becomes the null device.
///
/// # Safety
/// Nothing has opened a descriptor yet.
unsafe fn open_streams() {
    for fd in 0..=2 {
        // SAFETY: asking changes nothing, and what is opened is this process's own.
        unsafe {
            // The lowest number that is free, so this one.
            if libc::fcntl(fd, libc::F_GETFD) == -1 && libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) != fd {
                libc::abort();
            }
        }
    }
}
