//! AArch64, AAPCS64: callee-saved x19–x28, x29 (frame pointer), x30 (link), d8–d15; stack aligned to 16 always.

use super::Registers;
use crate::activation::*;
use crate::builtins::Returned;
use crate::edge::RECORD_ACTIVATION;
use crate::exception::{RESUME_EXCEPTION, RESUME_FP, RESUME_PC, RESUME_SP, RESUME_VALUES};
use crate::func::{ENTRY_REGISTERS, Target};
use crate::host::HOST_ENTRY;
use bailiwick_runtime_abi::context::GROUP;
use bailiwick_runtime_abi::edge::{TARGET_CODE, TARGET_CONTEXT, TARGET_GROUP, TARGET_STUB};
use std::arch::{is_aarch64_feature_detected, naked_asm};

/// Defines a way in: switches to the guest's stack, calls, and comes back, or is left by [`leave_trapped`]. `$call` has the
/// target in x1, may use any register but x29, and leaves what is returned in x0 and x1.
macro_rules! way_in {
    (
        $(#[$doc:meta])*
        fn $name:ident($($parameter:ident: $ty:ty),*) -> $result:ty: $sp:literal; $($call:literal),*; $($argument:ident = const $value:expr),*
    ) => {
        $(#[$doc])*
        #[unsafe(naked)]
        pub(crate) unsafe extern "C" fn $name($($parameter: $ty),*) -> $result {
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
                "str x9, [x0, #{leave_sp}]",
                concat!("mov sp, ", $sp),
                $($call,)*
                // What was called kept x29, as a C function must, and all that was saved besides.
                "ldr x9, [x29, #160]",
                "cbz x9, 3f",
                "msr fpcr, x9",
                "3:",
                "mov sp, x29",
                "ldp x29, x30, [sp], #176",
                "ret",
                ".cfi_endproc",
                host_sp = const ACTIVATION_HOST_SP,
                leave_sp = const ACTIVATION_LEAVE_SP,
                target_context = const TARGET_CONTEXT,
                target_code = const TARGET_CODE,
                $($argument = const $value,)*
            )
        }
    };
}

way_in! {
    /// Calls a target's entry stub with `values` on the guest's stack. Returns 0, or 1 if the activation was left by
    /// [`leave_trapped`].
    ///
    /// # Safety
    /// `activation` is current for this thread and its group; `target` is of a function of the group, and `values` is what its
    /// stub takes; `guest_sp` is aligned to 16 with accessible stack below it.
    fn enter(activation: *mut Activation, target: *const Target, values: *mut u8, guest_sp: usize) -> u32:
    "x3";
    "ldr x9, [x1, #{target_stub}]",
    "ldr x0, [x1, #{target_context}]",
    "ldr x1, [x1, #{target_code}]",
    "blr x9",
    "mov w0, #0";
    target_stub = const TARGET_STUB
}

way_in! {
    /// Calls a target's code, without a stub, with integers in registers (as for [`exit_registers`]). Returns its result and 0, or anything and 1.
    ///
    /// # Safety
    /// As for [`enter`]; the function takes no more than [`ENTRY_REGISTERS`](crate::func::ENTRY_REGISTERS) integers, and returns
    /// one or nothing.
    fn enter_registers(activation: *mut Activation, target: *const Target, values: *const [u64; ENTRY_REGISTERS], guest_sp: usize) -> Returned:
    "x3";
    "ldr x9, [x1, #{target_code}]",
    "ldp x3, x4, [x2]",
    "ldr x5, [x2, #16]",
    "ldr x2, [x1, #{target_context}]",
    "blr x9",
    "mov x0, x2",
    "mov x1, #0";
}

/// The end of a way in when it is left: restores what it saved, from the stack pointer that it had then.
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

/// Continues behind the call in [`enter`] or [`enter_registers`], which then say so. Reached with the activation in x9 and the stack pointer
/// at its `leave_sp`, by [`resume_at`] or from [`exit_common`].
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn leave_trapped() {
    naked_asm!("mov w0, #1", "mov x1, #1", "b {restore}", restore = sym restore)
}

/// `Routine::Enter`: called by an adapter on its caller's stack, with the edge's record in x0, the offset of a target in
/// it in x1 and the values in x2. Makes the record's activation current for the thread and for the target's group, and
/// calls the target's entry stub on that group's stack. Returns 0, or 1 if the activation was left by [`leave_edge`].
///
/// That the caller's group is entered by the thread's innermost activation, and that the target's group is not in use but
/// by an activation that waits at `exit_sp`, is what the gates are for.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn enter_edge() {
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
        "add x9, x0, #{activation}",
        "str x9, [sp, #160]",
        // The caller waits here.
        "ldr x10, [x0, #{group}]",
        "ldr x10, [x10]",
        "mov x11, sp",
        "str x11, [x10, #{exit_sp}]",
        "ldr x12, [x29]",
        "stp x12, x30, [x10, #{exit_fp}]",
        // What the new activation has of the caller's.
        "ldr x12, [x10, #{host_sp}]",
        "str x12, [x9, #{host_sp}]",
        "ldr w12, [x10, #{depth}]",
        "str w12, [x9, #{depth}]",
        "ldr x13, [x10, #{thread}]",
        "str x13, [x9, #{thread}]",
        "str x10, [x9, #{outer_in_thread}]",
        "str x11, [x9, #{leave_sp}]",
        "str xzr, [x9, #{trap_code}]",
        // It is current for the group and for the thread.
        "add x14, x0, x1",
        "ldr x15, [x14, #{target_group}]",
        "ldr x12, [x15]",
        "str x12, [x9, #{outer_in_group}]",
        "str x15, [x9, #{activation_group}]",
        "str x9, [x15]",
        "str x9, [x13]",
        // The group's stack: from its beginning, or from where its outer activation waits.
        "ldr x11, [x15, #{stack_top}]",
        "cbz x12, 2f",
        "ldr x11, [x12, #{exit_sp}]",
        "and x11, x11, #-16",
        "2:",
        "mov sp, x11",
        "str x11, [x9, #{exit_sp}]",
        "ldr x9, [x14, #{target_stub}]",
        "ldr x0, [x14, #{target_context}]",
        "ldr x1, [x14, #{target_code}]",
        "blr x9",
        // The stub kept x29, as a C function must, and all that was saved besides.
        "ldr x9, [x29, #160]",
        "ldr x10, [x9, #{activation_group}]",
        "ldr x11, [x9, #{outer_in_group}]",
        "str x11, [x10]",
        "ldr x10, [x9, #{thread}]",
        "ldr x11, [x9, #{outer_in_thread}]",
        "str x11, [x10]",
        "mov w0, #0",
        "mov sp, x29",
        "ldp x29, x30, [sp], #176",
        "ret",
        ".cfi_endproc",
        activation = const RECORD_ACTIVATION,
        group = const GROUP,
        exit_sp = const ACTIVATION_EXIT_SP,
        exit_fp = const ACTIVATION_EXIT_FP,
        host_sp = const ACTIVATION_HOST_SP,
        leave_sp = const ACTIVATION_LEAVE_SP,
        depth = const ACTIVATION_DEPTH,
        thread = const ACTIVATION_THREAD,
        trap_code = const ACTIVATION_TRAP_CODE,
        outer_in_thread = const ACTIVATION_OUTER_IN_THREAD,
        outer_in_group = const ACTIVATION_OUTER_IN_GROUP,
        activation_group = const ACTIVATION_GROUP,
        stack_top = const RECORD_STACK_TOP,
        target_stub = const TARGET_STUB,
        target_context = const TARGET_CONTEXT,
        target_code = const TARGET_CODE,
        target_group = const TARGET_GROUP,
    )
}

/// Continues behind the call in [`enter_edge`], which then returns 1. Reached as [`leave_trapped`] is.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn leave_edge() {
    naked_asm!(
        "ldr x10, [x9, #{activation_group}]",
        "ldr x11, [x9, #{outer_in_group}]",
        "str x11, [x10]",
        "ldr x10, [x9, #{thread}]",
        "ldr x11, [x9, #{outer_in_thread}]",
        "str x11, [x10]",
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
        "mov w0, #1",
        "ret",
        thread = const ACTIVATION_THREAD,
        outer_in_thread = const ACTIVATION_OUTER_IN_THREAD,
        outer_in_group = const ACTIVATION_OUTER_IN_GROUP,
        activation_group = const ACTIVATION_GROUP,
    )
}

/// Defines a way out: called by compiled code on the guest's stack, with a context in x0 and up to five more arguments, it
/// calls a function of the loader with them on the host's stack. Does not touch the guest's stack, which may be full, and
/// no register that a C function keeps. It has no frame: on the host's stack lies the activation, which says where the
/// guest's is, and debuggers are told so (the canonical frame address is `activation.exit_sp`; DWARF 5, 6.4.2.2).
macro_rules! way_out {
    ($(#[$doc:meta])* $name:ident: $($call:literal),* $(; $argument:ident = const $value:expr)*) => {
        $(#[$doc])*
        #[unsafe(naked)]
        pub(crate) unsafe extern "C" fn $name() {
            naked_asm!(
                ".cfi_startproc",
                // Of no other frame a debugger believes that its caller's stack is a different one.
                ".cfi_signal_frame",
                "ldr x9, [x0, #{group}]",
                "ldr x9, [x9]", // the group's current activation
                "mov x10, sp",
                "stp x29, x30, [x9, #{exit_fp}]",
                "str x10, [x9, #{exit_sp}]",
                "ldr x11, [x9, #{host_sp}]",
                "mov sp, x11",
                "str x9, [sp, #-16]!",
                ".cfi_escape 0x0f, 6, 0x8f, 0, 0x06, 0x23, {exit_sp}, 0x06",
                ".cfi_escape 0x10, 30, 5, 0x8f, 0, 0x06, 0x23, {exit_pc}",
                $($call,)*
                "ldr x9, [sp]",
                "cbnz w1, 2f",
                ".cfi_remember_state",
                "ldp x30, x10, [x9, #{exit_pc}]",
                "mov sp, x10",
                ".cfi_def_cfa sp, 0",
                ".cfi_restore x30",
                "ret",
                ".cfi_restore_state",
                "2:",
                "b {elsewhere}",
                ".cfi_endproc",
                group = const GROUP,
                host_sp = const ACTIVATION_HOST_SP,
                exit_fp = const ACTIVATION_EXIT_FP,
                exit_pc = const ACTIVATION_EXIT_PC,
                exit_sp = const ACTIVATION_EXIT_SP,
                elsewhere = sym go_on_elsewhere,
                $($argument = const $value,)*
            )
        }
    };
}

way_out! {
    /// A way out to the function in x16.
    exit_common: "blr x16"
}

way_out! {
    /// What an exit stub calls, with a host function's context in x0: the way out to the function that the context names.
    exit_host: "ldr x16, [x0, #{entry}]", "blr x16"; entry = const HOST_ENTRY
}

way_out! {
    /// The rest of [`exit_registers`].
    exit_in_order: "ldr x16, [x0, #{entry}]", "blr x16", "mov x2, x0"; entry = const HOST_ENTRY
}

/// What a slot names for a host function that takes its parameters in registers. Compiled code has the context and the
/// parameters from x2 on, and wants its result there (Cranelift keeps x0 for results in memory, and x1 free).
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn exit_registers() {
    naked_asm!(
        "mov x0, x2",
        "mov x1, x3",
        "mov x2, x4",
        "mov x3, x5",
        "mov x4, x6",
        "mov x5, x7",
        "b {rest}",
        rest = sym exit_in_order,
    )
}

/// The end of a way out when the guest does not go on behind its call. Reached on the host's stack with the activation in
/// x9, and in x0 and x1 what the function returned.
#[unsafe(naked)]
unsafe extern "C" fn go_on_elsewhere() {
    naked_asm!(
        "cmp x1, #{resume}",
        "b.eq 2f",
        "ldr x10, [x9, #{leave_sp}]",
        "mov sp, x10",
        "ldr x10, [x9, #{leave}]",
        "br x10",
        // An exception's handler: no register is what it was at the call but these.
        "2:",
        "ldr x16, [x0, #{resume_pc}]",
        "ldr x10, [x0, #{resume_sp}]",
        "mov sp, x10",
        "ldr x29, [x0, #{resume_fp}]",
        "ldr x1, [x0, #{resume_values}]",
        "ldr x0, [x0, #{resume_exception}]",
        "br x16",
        leave_sp = const ACTIVATION_LEAVE_SP,
        leave = const ACTIVATION_LEAVE,
        resume = const GroupRecord::RESUME,
        resume_pc = const RESUME_PC,
        resume_sp = const RESUME_SP,
        resume_fp = const RESUME_FP,
        resume_exception = const RESUME_EXCEPTION,
        resume_values = const RESUME_VALUES,
    )
}

/// Where the guest goes on that has called the host, by what its activation says: what the link register held.
///
/// # Safety
/// The guest has called the host, or over an edge, in that activation, and its stack is there.
pub(crate) unsafe fn return_address(_exit_sp: usize, exit_pc: impl FnOnce() -> usize) -> usize {
    exit_pc()
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

/// Whether an instruction that is not permitted is one that is made to trap: those are invalid here (`udf`), and say so.
///
/// # Safety
/// `pc` is an address of text.
pub(crate) unsafe fn is_trap(_pc: usize) -> bool {
    false
}

/// When the handler returns, execution goes on where the activation is left for.
pub(crate) fn resume_at(context: &mut libc::ucontext_t, landing: Landing) {
    context.uc_mcontext.pc = landing.code as u64;
    context.uc_mcontext.sp = landing.sp as u64;
    context.uc_mcontext.regs[9] = landing.activation as u64;
    // PSTATE.BTYPE: a fault on the first instruction behind an indirect branch would have a guarded host page expect a
    // landing pad.
    context.uc_mcontext.pstate &= !0xc00;
}

/// A floating-point exception: none that is not masked reaches a guest, since a way in looks at the control register.
///
/// # Safety
/// None is needed here.
pub(crate) unsafe fn mask_float_exceptions(_context: &mut libc::ucontext_t, _entered: Option<usize>) -> bool {
    false
}

/// Whether the processor and its operating system support a feature, by its bit in
/// [`FEATURES`](bailiwick_runtime_abi::types::FEATURES). The kernel has told the process all of them when it began.
pub(crate) fn has_feature(bit: u64) -> bool {
    match bit.trailing_zeros() {
        32 => is_aarch64_feature_detected!("lse"),
        33 => is_aarch64_feature_detected!("paca"),
        34 => is_aarch64_feature_detected!("fp16"),
        35 => is_aarch64_feature_detected!("dotprod"),
        36 => is_aarch64_feature_detected!("i8mm"),
        _ => false,
    }
}
