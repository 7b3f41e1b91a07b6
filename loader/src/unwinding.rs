//! What is distributed has no names, so nothing that a panic could tell of the frames under it would say anything, and what
//! the standard library would look these up with is a twelfth of the program. It is reached from the function that walks the
//! frames, and from nowhere else: this one, which walks none, takes its place, and the optimiser of the whole program leaves
//! out what nothing calls. A panic says what it always says, and after "stack backtrace:", if it is asked for that, nothing.
//!
//! In the library that unwinds, the functions below are one object, which is not linked if all that is used of it is here.
//! They mean what they mean there. Unwinding itself is that library's.

use std::ffi::{c_int, c_void};

/// `_URC_END_OF_STACK`.
const END: c_int = 5;

unsafe extern "C" {
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
}

/// Walks no frames.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace(_each: *const c_void, _argument: *mut c_void) -> c_int {
    END
}

/// The address that a frame goes on at, which is behind a call: nothing unwinds from where a signal interrupted it.
///
/// # Safety
/// The context is that of a frame which is being unwound, and `before` can be written to.
#[unsafe(no_mangle)]
unsafe extern "C" fn _Unwind_GetIPInfo(context: *mut c_void, before: *mut c_int) -> usize {
    // SAFETY: the caller says so.
    unsafe {
        *before = 0;
        _Unwind_GetIP(context)
    }
}

/// No encoding that Rust's tables have asks for it, and the library's own ends the process too.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_GetTextRelBase(_context: *mut c_void) -> usize {
    std::process::abort()
}

/// See [`_Unwind_GetTextRelBase`].
#[unsafe(no_mangle)]
extern "C" fn _Unwind_GetDataRelBase(_context: *mut c_void) -> usize {
    std::process::abort()
}
