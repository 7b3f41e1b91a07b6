//! What a signal's context is on x86_64.

/// The address of the instruction that was interrupted.
pub fn interrupted_at(context: &libc::ucontext_t) -> usize {
    context.uc_mcontext.gregs[libc::REG_RIP as usize] as usize
}
