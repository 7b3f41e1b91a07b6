//! The guest's own life: ending, yielding, signals.

use super::ctx::WasiCtx;
use super::errno::Errno;
use super::memory::GuestMemory;

/// The guest ends, with this status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// What the guest said.
    pub code: i32,
}

/// Ends the guest: the only function of preview 1 that does not return.
pub fn proc_exit(code: i32) -> Exit {
    Exit { code }
}

/// Lets other threads run.
pub fn sched_yield(_ctx: &mut WasiCtx, _mem: &mut GuestMemory<'_>) -> Result<(), Errno> {
    std::thread::yield_now();
    Ok(())
}

/// A guest has no signals, whatever the number: `NOSYS`. The definition names no error, and other systems have no signals
/// either; wasi-libc raises them within the guest.
pub fn proc_raise(_ctx: &mut WasiCtx, _mem: &mut GuestMemory<'_>, _signal: u32) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}
