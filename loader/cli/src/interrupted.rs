//! Ctrl-C, for a command that has something to do once what it runs has ended.

use std::io::Read;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

/// Signals by which people end programs.
const SIGNALS: [libc::c_int; 2] = [libc::SIGINT, libc::SIGTERM];

/// Where the handler writes to; -1: nowhere.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// The signal that came first; 0: none did.
static CAME: AtomicI32 = AtomicI32::new(0);

/// Calls `end` on a thread of its own when the first signal comes. The second ends this process, as it would have without.
///
/// # Errors
/// The host's.
pub fn on_signal(end: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let (mut read, write) = std::io::pipe()?;
    std::thread::Builder::new().spawn(move || {
        if read.read_exact(&mut [0]).is_ok() {
            end();
        }
    })?;
    // It stays open: a handler may be writing to it until the process ends.
    let fd = OwnedFd::from(write).into_raw_fd();
    if PIPE.compare_exchange(-1, fd, Ordering::AcqRel, Ordering::Acquire).is_err() {
        return Err(std::io::ErrorKind::AlreadyExists.into());
    }
    for signal in SIGNALS {
        // SAFETY: zeroes are a valid `sigaction`; the handler does only what a handler may, and on the stack for signals,
        // because a guest's own may be full.
        let failed = unsafe {
            let mut before: libc::sigaction = std::mem::zeroed();
            // Whoever is started with the signal ignored, as by nohup, goes on ignoring it.
            libc::sigaction(signal, std::ptr::null(), &mut before) == 0 && before.sa_sigaction != libc::SIG_IGN && {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = handler as *const () as usize;
                action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART | libc::SA_RESETHAND;
                libc::sigaction(signal, &action, std::ptr::null_mut()) != 0
            }
        };
        if failed {
            return Err(std::io::Error::last_os_error());
        }
    }
    Ok(())
}

/// The signal that came, if one did.
pub fn came() -> Option<i32> {
    Some(CAME.load(Ordering::Acquire)).filter(|signal| *signal != 0)
}

/// Called by the kernel.
extern "C" fn handler(signal: libc::c_int) {
    let _ = CAME.compare_exchange(0, signal, Ordering::AcqRel, Ordering::Acquire);
    // SAFETY: write(2) may be called in a handler; it is given one byte that is there. The error number of whoever was
    // interrupted is put back.
    unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        let _ = libc::write(PIPE.load(Ordering::Acquire), [1u8].as_ptr().cast(), 1);
        *errno = before;
    }
}
