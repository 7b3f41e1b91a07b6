//! x86-64, System V ABI (psABI 1.0): callee-saved rbx, rbp, r12–r15; stack aligned to 16 at a call.

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
        "push rbp",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset rbp, -16",
        "mov rbp, rsp",
        ".cfi_def_cfa_register rbp",
        "push rbx",
        ".cfi_offset rbx, -24",
        "push r12",
        ".cfi_offset r12, -32",
        "push r13",
        ".cfi_offset r13, -40",
        "push r14",
        ".cfi_offset r14, -48",
        "push r15",
        ".cfi_offset r15, -56",
        // The word that keeps the stack aligned holds the host's floating-point control: a host that unmasked an
        // exception or flushes denormals must not change what a guest computes.
        "sub rsp, 8",
        "stmxcsr [rsp]",
        "mov dword ptr [rsp + 4], 0x1f80",
        "mov eax, [rsp]",
        "and eax, 0xffc0",
        "cmp eax, 0x1f80",
        "je 2f",
        "ldmxcsr [rsp + 4]",
        "2:",
        "mov [rdi + {host_sp}], rsp",
        "mov rsp, r9",
        "mov rax, rsi",
        "mov rdi, rdx",
        "mov rsi, rcx",
        "mov rdx, r8",
        "call rax",
        // The stub kept rbp, as a C function must.
        "lea rsp, [rbp - 48]",
        "xor eax, eax",
        "jmp {restore}",
        ".cfi_endproc",
        host_sp = const ACTIVATION_HOST_SP,
        restore = sym restore,
    )
}

/// The end of [`enter`]: restores what it saved, from the stack pointer that it had then.
#[unsafe(naked)]
unsafe extern "C" fn restore() {
    naked_asm!(
        "mov ecx, [rsp]",
        "and ecx, 0xffc0",
        "cmp ecx, 0x1f80",
        "je 2f",
        "ldmxcsr [rsp]",
        "2:",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Continues behind the call in [`enter`], which then returns 1. Reached with the stack pointer at the
/// activation's `host_sp`, by [`resume_at`] or from [`exit_common`].
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn leave_trapped() {
    naked_asm!("mov eax, 1", "jmp {restore}", restore = sym restore)
}

/// Called by compiled code on the guest's stack, with a context in rdi, up to five more arguments, and in r10 the
/// function of the loader to call with them on the host's stack. Does not touch the guest's stack, which may be
/// full. The frame it makes looks like any other, so that debuggers walk from the host's frames into the guest's.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn exit_common() {
    naked_asm!(
        ".cfi_startproc",
        "mov rax, [rdi + {group}]",
        "mov rax, [rax]", // the group's current activation
        "mov r11, rsp",
        "mov [rax + {exit_sp}], r11",
        "mov [rax + {exit_fp}], rbp",
        "mov rsp, [rax + {host_sp}]",
        "push qword ptr [r11]", // return address into compiled code
        "pop qword ptr [rax + {exit_pc}]",
        "push qword ptr [r11]",
        "push rbp",
        "mov rbp, rsp",
        ".cfi_def_cfa rbp, 16",
        ".cfi_offset rbp, -16",
        "push r11",
        "push rdi",
        "call r10",
        "test edx, edx",
        "jnz 2f",
        "mov rsp, [rbp - 8]",
        "mov rbp, [rbp]",
        "ret",
        "2:",
        "mov rdi, [rbp - 16]",
        "mov rax, [rdi + {group}]",
        "mov rax, [rax]",
        "mov rsp, [rax + {host_sp}]",
        "jmp {leave}",
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
                "lea r10, [rip + {target}]",
                "jmp {common}",
                target = sym $target,
                common = sym $crate::arch::exit_common,
            )
        }
    };
}
pub(crate) use builtin;

/// Program counter and frame pointer at a signal.
pub(crate) fn signal_registers(context: &libc::ucontext_t) -> Registers {
    let registers = &context.uc_mcontext.gregs;
    Registers { pc: registers[libc::REG_RIP as usize] as usize, fp: registers[libc::REG_RBP as usize] as usize }
}

/// When the handler returns, execution goes on at [`leave_trapped`] with this stack pointer.
pub(crate) fn resume_at(context: &mut libc::ucontext_t, host_sp: usize) {
    let registers = &mut context.uc_mcontext.gregs;
    registers[libc::REG_RIP as usize] = leave_trapped as *const () as i64;
    registers[libc::REG_RSP as usize] = host_sp as i64;
    // The direction flag is clear at every function boundary (psABI 3.2.1); guests can't set it, but be sure.
    registers[libc::REG_EFL as usize] &= !0x400;
}
