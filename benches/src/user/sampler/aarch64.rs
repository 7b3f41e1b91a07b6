//! What a signal's context is on aarch64.

/// The address of the instruction that was interrupted.
pub fn interrupted_at(context: &libc::ucontext_t) -> usize {
    context.uc_mcontext.pc as usize
}
