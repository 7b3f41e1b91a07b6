//! What no portable code can say: switching stacks, leaving an activation, reading and editing a signal's
//! registers. One file for each architecture, with the same functions in the same order.
//!
//! | function | does |
//! |---|---|
//! | `enter` | host → guest: saves the host's registers, switches to the guest's stack, calls an entry stub |
//! | `enter_registers` | the same, without an entry stub, for a function of a few integers |
//! | `leave_trapped` | where a trap lands: restores what both of these saved, and lets them say so |
//! | `enter_edge` | guest → guest of another group, over an edge: the same, from stack to stack |
//! | `leave_edge` | where a trap lands behind an edge: lets `enter_edge` return 1 |
//! | `exit_common` | guest → host: switches to the host's stack, calls a function of the loader, comes back or lands |
//! | `exit_host` | the same, to the function that a host function's context names |
//! | `exit_registers` | the same, without an exit stub: what a slot names for a host function of a few integers |
//! | `go_on_elsewhere` | the end of both when the guest does not go on behind its call |
//! | `return_address` | where a guest goes on that has called the host |
//! | `builtin!` | the address that compiled code calls for a builtin |
//! | `signal_registers` | program counter, stack pointer and frame pointer at a signal |
//! | `is_trap` | whether an instruction that is not permitted is a trap |
//! | `resume_at` | lets a signal handler return to elsewhere |
//! | `mask_float_exceptions` | lets a signal handler go on where an exception was raised that guests do not have |
//! | `has_feature` | whether the processor has a feature that code may require |
//!
//! The two structures that assembly reads, [`Activation`](crate::activation::Activation) and the group
//! record, pin their offsets in `activation.rs`.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::*;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::*;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("Bailiwick runs on x86_64 and aarch64");

/// Registers at a signal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registers {
    pub pc: usize,
    pub fp: usize,
}
