//! AArch64, AAPCS64: callee-saved x19–x28, x29 (frame pointer), x30 (link), d8–d15; stack aligned to 16 always.

use super::Registers;
use crate::activation::{ACTIVATION_EXIT_FP, ACTIVATION_EXIT_PC, ACTIVATION_EXIT_SP, ACTIVATION_HOST_SP, Activation};
use bailiwick_runtime_abi::context::GROUP;
use std::arch::naked_asm;

/// Calls `stub(context, code, values)` on the guest's stack. Returns 0, or 1 if the activation was left by
/// [`leave_trapped`].
///
/// # Safety
/// `activation` is current for this thread and its group; `stub` is an entry stub, and `code`, `context` and
/// `values` are what it takes; `guest_sp` is aligned to 16 with accessible stack below it.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn enter(
    activation: *mut Activation,
    stub: usize,
    context: *mut u8,
    code: usize,
    values: *mut u8,
    guest_sp: usize,
) -> u32 {
    naked_asm!(
        ".cfi_startproc",
        "stp x29, x30, [sp, #-176]!",
        "mov x29, sp",
        ".cfi_def_cfa x29, 176",
        ".cfi_offset x29, -176",
        ".cfi_offset x30, -168",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "stp d8, d9, [sp, #96]",
        "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]",
        "stp d14, d15, [sp, #144]",
        ".cfi_offset x19, -160",
        ".cfi_offset x20, -152",
        ".cfi_offset x21, -144",
        ".cfi_offset x22, -136",
        ".cfi_offset x23, -128",
        ".cfi_offset x24, -120",
        ".cfi_offset x25, -112",
        ".cfi_offset x26, -104",
        ".cfi_offset x27, -96",
        ".cfi_offset x28, -88",
        // The host's floating-point control: a host that traps exceptions or flushes denormals must not change what a
        // guest computes.
        "mrs x9, fpcr",
        "str x9, [sp, #160]",
        "cbz x9, 2f",
        "msr fpcr, xzr",
        "2:",
        "mov x9, sp",
        "str x9, [x0, #{host_sp}]",
        "mov sp, x5",
        "mov x9, x1",
        "mov x0, x2",
        "mov x1, x3",
        "mov x2, x4",
        "blr x9",
        // The stub kept x29, as a C function must.
        "mov sp, x29",
        "mov w0, #0",
        "b {restore}",
        ".cfi_endproc",
        host_sp = const ACTIVATION_HOST_SP,
        restore = sym restore,
    )
}

/// The end of [`enter`]: restores what it saved, from the stack pointer that it had then.
#[unsafe(naked)]
unsafe extern "C" fn restore() {
    naked_asm!(
        "ldr x9, [sp, #160]",
        "cbz x9, 2f",
        "msr fpcr, x9",
        "2:",
        "ldp x19, x20, [sp, #16]",
        "ldp x21, x22, [sp, #32]",
        "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]",
        "ldp x27, x28, [sp, #80]",
        "ldp d8, d9, [sp, #96]",
        "ldp d10, d11, [sp, #112]",
        "ldp d12, d13, [sp, #128]",
        "ldp d14, d15, [sp, #144]",
        "ldp x29, x30, [sp], #176",
        "ret",
    )
}

/// Continues behind the call in [`enter`], which then returns 1. Reached with the stack pointer at the
/// activation's `host_sp`, by [`resume_at`] or from [`exit_common`].
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn leave_trapped() {
    naked_asm!("mov w0, #1", "b {restore}", restore = sym restore)
}

/// Called by compiled code on the guest's stack, with a context in x0, up to five more arguments, and in x16 the
/// function of the loader to call with them on the host's stack. Does not touch the guest's stack, which may be
/// full. The frame it makes looks like any other, so that debuggers walk from the host's frames into the guest's.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn exit_common() {
    naked_asm!(
        ".cfi_startproc",
        "ldr x9, [x0, #{group}]",
        "ldr x9, [x9]", // the group's current activation
        "mov x10, sp",
        "str x10, [x9, #{exit_sp}]",
        "str x29, [x9, #{exit_fp}]",
        "str x30, [x9, #{exit_pc}]",
        "ldr x11, [x9, #{host_sp}]",
        "mov sp, x11",
        "stp x29, x30, [sp, #-32]!",
        "mov x29, sp",
        ".cfi_def_cfa x29, 32",
        ".cfi_offset x29, -32",
        ".cfi_offset x30, -24",
        "stp x10, x0, [sp, #16]",
        "blr x16",
        "cbnz w1, 2f",
        "ldr x10, [x29, #16]",
        "ldp x29, x30, [x29]",
        "mov sp, x10",
        "ret",
        "2:",
        "ldr x9, [x29, #24]",
        "ldr x9, [x9, #{group}]",
        "ldr x9, [x9]",
        "ldr x9, [x9, #{host_sp}]",
        "mov sp, x9",
        "b {leave}",
        ".cfi_endproc",
        group = const GROUP,
        host_sp = const ACTIVATION_HOST_SP,
        exit_sp = const ACTIVATION_EXIT_SP,
        exit_fp = const ACTIVATION_EXIT_FP,
        exit_pc = const ACTIVATION_EXIT_PC,
        leave = sym leave_trapped,
    )
}

/// Defines `$name`, which compiled code calls, as [`exit_common`] to `$target`.
macro_rules! builtin {
    ($name:ident => $target:path) => {
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name() {
            std::arch::naked_asm!(
                "adrp x16, {target}",
                "add x16, x16, :lo12:{target}",
                "b {common}",
                target = sym $target,
                common = sym $crate::arch::exit_common,
            )
        }
    };
}
pub(crate) use builtin;

/// Program counter and frame pointer at a signal.
pub(crate) fn signal_registers(context: &libc::ucontext_t) -> Registers {
    Registers { pc: context.uc_mcontext.pc as usize, fp: context.uc_mcontext.regs[29] as usize }
}

/// When the handler returns, execution goes on at [`leave_trapped`] with this stack pointer.
pub(crate) fn resume_at(context: &mut libc::ucontext_t, host_sp: usize) {
    context.uc_mcontext.pc = leave_trapped as *const () as u64;
    context.uc_mcontext.sp = host_sp as u64;
    // PSTATE.BTYPE: a fault on the first instruction behind an indirect branch would have a guarded host page expect a
    // landing pad.
    context.uc_mcontext.pstate &= !0xc00;
}
