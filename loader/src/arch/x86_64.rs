//! x86-64, System V ABI (psABI 1.0): callee-saved rbx, rbp, r12–r15; stack aligned to 16 at a call.

use super::Registers;
use crate::activation::*;
use crate::builtins::Returned;
use crate::edge::RECORD_ACTIVATION;
use crate::exception::{RESUME_EXCEPTION, RESUME_FP, RESUME_PC, RESUME_SP, RESUME_VALUES};
use crate::func::{ENTRY_REGISTERS, Target};
use crate::host::HOST_ENTRY;
use bailiwick_runtime_abi::context::GROUP;
use bailiwick_runtime_abi::edge::{TARGET_CODE, TARGET_CONTEXT, TARGET_GROUP, TARGET_STUB};
use bailiwick_runtime_abi::trap::X86_64_TRAP;
use std::arch::naked_asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv, CpuidResult};
use std::sync::OnceLock;

/// Four sums of three single-precision floats, by which a way in learns whether arithmetic is done as it should be: to read
/// MXCSR takes longer than all else that it does (8 ns of 14, measured on a Zen 5). In the columns: what is to be rounded down
/// to even, and up; and twice a denormal that is made and used. Rounding to another side, flushing denormals or taking them
/// for zero gives others than the last row. Whether exceptions are masked does not show: if they are not, an addition
/// raises one here, or whatever the guest computes there, and [`mask_float_exceptions`] is asked.
#[repr(C, align(16))]
struct Sums([[u32; 4]; 4]);
static SUMS: Sums = Sums([
    [0x3f80_0000, 0x3f80_0000, 0x00c0_0000, 0x00c0_0000],
    [0x3300_0000, 0x33c0_0000, 0x8080_0000, 0x8080_0000],
    [0x0000_0000, 0x0000_0000, 0x0080_0000, 0x0080_0000],
    [0x3f80_0000, 0x3f80_0001, 0x00c0_0000, 0x00c0_0000],
]);

/// MXCSR as guests have it: all exceptions masked, nearest even, denormals as they are (Intel SDM volume 1, 10.2.3).
const FLOAT_CONTROL: u32 = 0x1f80;

/// Defines a way in: switches to the guest's stack, calls, and comes back, or is left by [`leave_trapped`]. `$call` has the
/// target in rsi, may use any register but rbp, and leaves what is returned in rax and rdx.
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
                // A word for the host's floating-point control: a host that unmasked an exception or flushes denormals must
                // not change what a guest computes ([`SUMS`]). And one by which the stack is aligned when a way out has
                // pushed the activation.
                "sub rsp, 16",
                "mov dword ptr [rsp + 8], 0x1f80",
                "movaps xmm0, [rip + {sums}]",
                "addps xmm0, [rip + {sums} + 16]",
                "addps xmm0, [rip + {sums} + 32]",
                "pcmpeqd xmm0, [rip + {sums} + 48]",
                "movmskps eax, xmm0",
                "cmp eax, 15",
                "jne 3f",
                "2:",
                "mov [rdi + {host_sp}], rsp",
                "mov [rdi + {leave_sp}], rsp",
                concat!("mov rsp, ", $sp),
                $($call,)*
                // What was called kept rbp, as a C function must, and all that was saved besides.
                "mov ecx, [rbp - 48]",
                "and ecx, 0xffc0",
                "cmp ecx, 0x1f80",
                "jne 4f",
                "mov rsp, rbp",
                "pop rbp",
                ".cfi_remember_state",
                ".cfi_def_cfa rsp, 8",
                "ret",
                ".cfi_restore_state",
                "3:",
                "stmxcsr [rsp + 8]",
                "mov dword ptr [rsp], 0x1f80",
                "ldmxcsr [rsp]",
                "jmp 2b",
                "4:",
                "ldmxcsr [rbp - 48]",
                "mov rsp, rbp",
                "pop rbp",
                ".cfi_def_cfa rsp, 8",
                "ret",
                ".cfi_endproc",
                sums = sym SUMS,
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
    "rcx";
    "mov rax, [rsi + {target_stub}]",
    "mov rdi, [rsi + {target_context}]",
    "mov rsi, [rsi + {target_code}]",
    "call rax",
    "xor eax, eax";
    target_stub = const TARGET_STUB
}

way_in! {
    /// Calls a target's code, without a stub, with integers in registers. Returns its result and 0, or anything and 1.
    ///
    /// # Safety
    /// As for [`enter`]; the function takes no more than [`ENTRY_REGISTERS`](crate::func::ENTRY_REGISTERS) integers, and returns
    /// one or nothing.
    fn enter_registers(activation: *mut Activation, target: *const Target, values: *const [u64; ENTRY_REGISTERS], guest_sp: usize) -> Returned:
    "rcx";
    "mov rax, [rsi + {target_code}]",
    "mov rdi, [rsi + {target_context}]",
    "mov rsi, [rdx]",
    "mov rcx, [rdx + 16]",
    "mov rdx, [rdx + 8]",
    "call rax",
    "xor edx, edx";
}

/// The end of a way in when it is left: restores what it saved, from the stack pointer that it had then.
#[unsafe(naked)]
unsafe extern "C" fn restore() {
    naked_asm!(
        "mov ecx, [rsp + 8]",
        "and ecx, 0xffc0",
        "cmp ecx, 0x1f80",
        "je 2f",
        "ldmxcsr [rsp + 8]",
        "2:",
        "add rsp, 16",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Continues behind the call in [`enter`] or [`enter_registers`], which then say so. Reached with the activation in rax and the stack pointer
/// at its `leave_sp`, by [`resume_at`] or from [`exit_common`].
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn leave_trapped() {
    naked_asm!("mov eax, 1", "mov edx, eax", "jmp {restore}", restore = sym restore)
}

/// `Routine::Enter`: called by an adapter on its caller's stack, with the edge's record in rdi, the offset of a target in
/// it in rsi and the values in rdx. Makes the record's activation current for the thread and for the target's group, and
/// calls the target's entry stub on that group's stack. Returns 0, or 1 if the activation was left by [`leave_edge`].
///
/// That the caller's group is entered by the thread's innermost activation, and that the target's group is not in use but
/// by an activation that waits at `exit_sp`, is what the gates are for.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn enter_edge() {
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
        "lea rax, [rdi + {activation}]",
        "push rax",
        // The caller waits here, as behind a call: the return address is what its stack pointer points to.
        "push qword ptr [rbp + 8]",
        "mov r8, [rdi + {group}]",
        "mov r9, [r8]",
        "mov [r9 + {exit_sp}], rsp",
        "mov r10, [rbp]",
        "mov [r9 + {exit_fp}], r10",
        // What the new activation has of the caller's.
        "mov r10, [r9 + {host_sp}]",
        "mov [rax + {host_sp}], r10",
        "mov r10d, [r9 + {depth}]",
        "mov [rax + {depth}], r10d",
        "mov r11, [r9 + {thread}]",
        "mov [rax + {thread}], r11",
        "mov [rax + {outer_in_thread}], r9",
        "mov [rax + {leave_sp}], rsp",
        "mov qword ptr [rax + {trap_code}], 0",
        // It is current for the group and for the thread.
        "mov rcx, [rdi + rsi + {target_group}]",
        "mov r10, [rcx]",
        "mov [rax + {outer_in_group}], r10",
        "mov [rax + {activation_group}], rcx",
        "mov [rcx], rax",
        "mov [r11], rax",
        // The group's stack: from its beginning, or from where its outer activation waits.
        "mov rsp, [rcx + {stack_top}]",
        "test r10, r10",
        "jz 2f",
        "mov rsp, [r10 + {exit_sp}]",
        "and rsp, -16",
        "2:",
        "mov [rax + {exit_sp}], rsp",
        "mov rax, [rdi + rsi + {target_stub}]",
        "mov rcx, [rdi + rsi + {target_context}]",
        "mov rsi, [rdi + rsi + {target_code}]",
        "mov rdi, rcx",
        "call rax",
        // The stub kept rbp, as a C function must, and all that was saved besides.
        "mov rcx, [rbp - 48]",
        "mov rdx, [rcx + {activation_group}]",
        "mov r8, [rcx + {outer_in_group}]",
        "mov [rdx], r8",
        "mov rdx, [rcx + {thread}]",
        "mov r8, [rcx + {outer_in_thread}]",
        "mov [rdx], r8",
        "xor eax, eax",
        "mov rsp, rbp",
        "pop rbp",
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
        "mov rdx, [rax + {activation_group}]",
        "mov r8, [rax + {outer_in_group}]",
        "mov [rdx], r8",
        "mov rdx, [rax + {thread}]",
        "mov r8, [rax + {outer_in_thread}]",
        "mov [rdx], r8",
        "add rsp, 16",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "mov eax, 1",
        "ret",
        thread = const ACTIVATION_THREAD,
        outer_in_thread = const ACTIVATION_OUTER_IN_THREAD,
        outer_in_group = const ACTIVATION_OUTER_IN_GROUP,
        activation_group = const ACTIVATION_GROUP,
    )
}

/// Defines a way out: called by compiled code on the guest's stack, with a context in rdi and up to five more arguments, it
/// calls a function of the loader with them on the host's stack. Does not touch the guest's stack, which may be full, and
/// no register that a C function keeps. It has no frame: on the host's stack lies the activation, which says where the
/// guest's is, and debuggers are told so (the canonical frame address is `activation.exit_sp + 8`; DWARF 5, 6.4.2.2).
macro_rules! way_out {
    ($(#[$doc:meta])* $name:ident: $call:literal $(, $argument:ident = const $value:expr)*) => {
        $(#[$doc])*
        #[unsafe(naked)]
        pub(crate) unsafe extern "C" fn $name() {
            naked_asm!(
                ".cfi_startproc",
                // Of no other frame a debugger believes that its caller's stack is a different one.
                ".cfi_signal_frame",
                "mov rax, [rdi + {group}]",
                "mov rax, [rax]", // the group's current activation
                "mov [rax + {exit_sp}], rsp",
                "mov [rax + {exit_fp}], rbp",
                "mov rsp, [rax + {host_sp}]",
                "push rax",
                ".cfi_escape 0x0f, 8, 0x77, 0, 0x06, 0x23, {exit_sp}, 0x06, 0x23, 8",
                $call,
                "mov rcx, [rsp]",
                "test edx, edx",
                "jnz 2f",
                ".cfi_remember_state",
                "mov rsp, [rcx + {exit_sp}]",
                ".cfi_def_cfa rsp, 8",
                "ret",
                ".cfi_restore_state",
                "2:",
                "jmp {elsewhere}",
                ".cfi_endproc",
                group = const GROUP,
                host_sp = const ACTIVATION_HOST_SP,
                exit_sp = const ACTIVATION_EXIT_SP,
                exit_fp = const ACTIVATION_EXIT_FP,
                elsewhere = sym go_on_elsewhere,
                $($argument = const $value,)*
            )
        }
    };
}

way_out! {
    /// A way out to the function in r10.
    exit_common: "call r10"
}

way_out! {
    /// What an exit stub calls, with a host function's context in rdi: the way out to the function that the context names.
    exit_host: "call qword ptr [rdi + {entry}]", entry = const HOST_ENTRY
}

way_out! {
    /// What a slot names for a host function that takes its parameters in registers: they are where C wants them, and what
    /// it returns first is where the guest expects its result.
    exit_registers: "call qword ptr [rdi + {entry}]", entry = const HOST_ENTRY
}

/// The end of a way out when the guest does not go on behind its call. Reached on the host's stack with the activation in
/// rcx, and in rax and rdx what the function returned.
#[unsafe(naked)]
unsafe extern "C" fn go_on_elsewhere() {
    naked_asm!(
        "cmp edx, {resume}",
        "je 2f",
        "mov rax, rcx",
        "mov rsp, [rax + {leave_sp}]",
        "jmp qword ptr [rax + {leave}]",
        // An exception's handler: no register is what it was at the call but these.
        "2:",
        "mov rcx, [rax + {resume_pc}]",
        "mov rsp, [rax + {resume_sp}]",
        "mov rbp, [rax + {resume_fp}]",
        "mov rdx, [rax + {resume_values}]",
        "mov rax, [rax + {resume_exception}]",
        "jmp rcx",
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

/// Where the guest goes on that has called the host, by what its activation says: the call has left that on its stack.
///
/// # Safety
/// The guest has called the host, or over an edge, in that activation, and its stack is there.
pub(crate) unsafe fn return_address(exit_sp: usize, _exit_pc: impl FnOnce() -> usize) -> usize {
    // SAFETY: the caller's promise; a stack pointer is aligned to 8.
    unsafe { *(exit_sp as *const usize) }
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

/// Whether an instruction that is not permitted is one that is made to trap, and no access to memory: those have an address
/// of the group, or are not the guest's.
///
/// # Safety
/// `pc` is an address of text.
pub(crate) unsafe fn is_trap(pc: usize) -> bool {
    // SAFETY: the caller's promise; the instruction is one byte.
    unsafe { *(pc as *const u8) == X86_64_TRAP[0] }
}

/// When the handler returns, execution goes on where the activation is left for.
pub(crate) fn resume_at(context: &mut libc::ucontext_t, landing: Landing) {
    let registers = &mut context.uc_mcontext.gregs;
    registers[libc::REG_RIP as usize] = landing.code as i64;
    registers[libc::REG_RSP as usize] = landing.sp as i64;
    registers[libc::REG_RAX as usize] = landing.activation as i64;
    // The direction flag is clear at every function boundary (psABI 3.2.1); guests can't set it, but be sure.
    registers[libc::REG_EFL as usize] &= !0x400;
}

/// A floating-point exception: if it was not masked, as none is for guests, it is from now on, the instruction is done once
/// more, and `true` is returned. Where the guest was entered learns what is to be restored.
///
/// # Safety
/// Called on the thread that the signal is about; `entered` is the stack pointer of a way in that the guest at the program
/// counter was called by, or `None` if that is not a guest's.
pub(crate) unsafe fn mask_float_exceptions(context: &mut libc::ucontext_t, entered: Option<usize>) -> bool {
    let registers = &context.uc_mcontext.gregs;
    let (pc, sp) = (registers[libc::REG_RIP as usize] as usize, registers[libc::REG_RSP as usize] as usize);
    // Or it is a way in that adds its sums: addps xmm0, [rip + displacement].
    let adds = || {
        // SAFETY: it has raised an exception, so it is an instruction, and each byte here says that another follows.
        let is = |at: usize, byte: u8| unsafe { *((pc + at) as *const u8) == byte };
        if !(is(0, 0x0f) && is(1, 0x58) && is(2, 0x05)) {
            return false;
        }
        // SAFETY: that opcode has a displacement of four bytes.
        let displacement = unsafe { ((pc + 3) as *const i32).read_unaligned() };
        let address = (pc + 7).wrapping_add_signed(displacement as isize);
        let sums = &raw const SUMS as usize;
        (sums..sums + size_of::<Sums>()).contains(&address)
    };
    let Some(entered) = entered.or_else(|| adds().then_some(sp)) else { return false };
    // SAFETY: behind the registers lies the address of what FXSAVE saves (the kernel's `struct sigcontext`), in which MXCSR is
    // at 24 (Intel SDM volume 1, 10.5.1); libc's structures do not have a name for it in every C library.
    let control = unsafe {
        let saved = (&raw const context.uc_mcontext.gregs).add(1).cast::<*mut u8>().read();
        if saved.is_null() {
            return false;
        }
        &mut *saved.add(24).cast::<u32>()
    };
    if *control & FLOAT_CONTROL == FLOAT_CONTROL {
        return false;
    }
    // SAFETY: the word of the way in's frame; what is in it is read once the guest has returned, or was left.
    unsafe { ((entered + 8) as *mut u32).write(*control) };
    *control = FLOAT_CONTROL;
    true
}

/// Whether the processor and its operating system support a feature, by its bit in
/// [`FEATURES`](bailiwick_runtime_abi::types::FEATURES) (Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E).
///
/// The standard library would ask everything that there is to be asked at once, and each question takes ten microseconds
/// where a hypervisor answers it: as long as mapping an artifact.
pub(crate) fn has_feature(bit: u64) -> bool {
    let has = |register: u32, number: u32| register >> number & 1 == 1;
    // The vector registers are there if the operating system saves them: AVX's, or AVX-512's too.
    let saves = |wanted: u64| {
        let ecx = leaf_1().ecx;
        // SAFETY: OSXSAVE says that the instruction is there.
        has(ecx, 27) && unsafe { saved_state() } & wanted == wanted
    };
    let (avx, avx512) = (|| saves(0x06) && has(leaf_1().ecx, 28), || saves(0xe6));
    match bit.trailing_zeros() {
        0 => has(leaf_1().ecx, 0),
        1 => has(leaf_1().ecx, 9),
        2 => has(leaf_1().ecx, 19),
        3 => has(leaf_1().ecx, 20),
        4 => has(leaf_1().ecx, 23),
        5 => has(leaf_1().ecx, 13),
        6 => avx(),
        7 => avx() && has(leaf_7().ebx, 5),
        8 => avx() && has(leaf_1().ecx, 12),
        9 => has(leaf_7().ebx, 3),
        10 => has(leaf_7().ebx, 8),
        11 => has(extended_leaf_1().ecx, 5),
        12 => avx512() && has(leaf_7().ebx, 16),
        13 => avx512() && has(leaf_7().ebx, 17),
        14 => avx512() && has(leaf_7().ebx, 31),
        15 => avx512() && has(leaf_7().ecx, 12),
        16 => avx512() && has(leaf_7().ecx, 1),
        _ => false,
    }
}

/// XCR0.
///
/// # Safety
/// The processor has XSAVE, and the operating system has switched it on.
#[target_feature(enable = "xsave")]
unsafe fn saved_state() -> u64 {
    // SAFETY: the caller's promise.
    unsafe { _xgetbv(0) }
}

fn leaf_1() -> CpuidResult {
    static LEAF: OnceLock<CpuidResult> = OnceLock::new();
    *LEAF.get_or_init(|| __cpuid(1))
}

fn leaf_7() -> CpuidResult {
    static LEAF: OnceLock<CpuidResult> = OnceLock::new();
    // A processor with XSAVE has leaf 13.
    let there = || leaf_1().ecx >> 26 & 1 == 1 || __cpuid(0).eax >= 7;
    let none = CpuidResult { eax: 0, ebx: 0, ecx: 0, edx: 0 };
    *LEAF.get_or_init(|| if there() { __cpuid_count(7, 0) } else { none })
}

/// Every processor with 64 bits has it: that is where it says so.
fn extended_leaf_1() -> CpuidResult {
    static LEAF: OnceLock<CpuidResult> = OnceLock::new();
    *LEAF.get_or_init(|| __cpuid(0x8000_0001))
}
