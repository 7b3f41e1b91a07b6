//! `bailiwick-tools`: what `bailiwick` becomes for every command but `run`, which it knows too.

#![cfg_attr(not(test), no_main)]
#![cfg_attr(test, allow(dead_code, reason = "the tests have a main function of their own"))]

#[cfg(not(test))]
mod start {
    use std::ffi::{c_char, c_int};

    /// Where the program begins.
    #[unsafe(no_mangle)]
    extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
        // SAFETY: the C library passes as many strings as it says, and nothing else runs yet.
        unsafe { bailiwick_cli::start(count, arguments, bailiwick_cli::tools) }
    }
}
