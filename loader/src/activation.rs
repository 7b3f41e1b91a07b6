//! Activations: one entry into a group, from the host.
//!
//! An [`Activation`] lies in the frame of the Rust function that enters the guest. The thread's activations form a
//! chain (the task), through which the signal handler finds whose guest a fault belongs to; the group's form
//! another, through which its compiled code finds the stack to leave to.

use crate::arch;
use crate::error::Error;
use bailiwick_runtime_abi::limits::{HOST_STACK_RESERVE, MAX_NESTING};
use bailiwick_runtime_abi::trap::TrapCode;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Offset of [`Activation::host_sp`].
pub(crate) const ACTIVATION_HOST_SP: usize = 0;
/// Offset of [`Activation::exit_fp`].
pub(crate) const ACTIVATION_EXIT_FP: usize = 8;
/// Offset of [`Activation::exit_pc`].
#[cfg_attr(target_arch = "x86_64", allow(dead_code, reason = "a call leaves it on the guest's stack"))]
pub(crate) const ACTIVATION_EXIT_PC: usize = 16;
/// Offset of [`Activation::exit_sp`].
pub(crate) const ACTIVATION_EXIT_SP: usize = 24;
/// Offset of [`Activation::leave_sp`].
pub(crate) const ACTIVATION_LEAVE_SP: usize = 32;
/// Offset of [`Activation::leave`].
pub(crate) const ACTIVATION_LEAVE: usize = 40;
/// Offset of [`Activation::outer_in_group`].
pub(crate) const ACTIVATION_OUTER_IN_GROUP: usize = 48;
/// Offset of [`Activation::outer_in_thread`].
pub(crate) const ACTIVATION_OUTER_IN_THREAD: usize = 56;
/// Offset of [`Activation::group`].
pub(crate) const ACTIVATION_GROUP: usize = 64;
/// Offset of [`Activation::thread`].
pub(crate) const ACTIVATION_THREAD: usize = 72;
/// Offset of [`Activation::trap`]'s code.
pub(crate) const ACTIVATION_TRAP_CODE: usize = 80;
/// Offset of [`Activation::depth`].
pub(crate) const ACTIVATION_DEPTH: usize = 104;
/// Offset of [`GroupRecord::stack_top`].
pub(crate) const RECORD_STACK_TOP: usize = 8;

/// What belongs to one entry into a group: from the host, or over an edge. Assembly uses all of its fields.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Activation {
    /// The host's stack pointer, below which nothing of the host's lies: that of the entry from the host that this is,
    /// or that the edge's caller is in.
    host_sp: usize,
    /// The guest's frame pointer, return address and stack pointer when it last called the host, or over an edge. Where a
    /// call leaves the return address on the stack, it is not here ([`Activation::exit`]).
    exit_fp: usize,
    exit_pc: usize,
    exit_sp: usize,
    /// Where to go on if the guest ends: the stack pointer, below which the registers that were saved lie, and the
    /// code, which finds the activation's address in the first scratch register.
    leave_sp: usize,
    leave: usize,
    /// The next outer activation of this group.
    outer_in_group: *mut Activation,
    /// The next outer activation of this thread.
    outer_in_thread: *mut Activation,
    group: *const GroupRecord,
    thread: *const Thread,
    /// Set by the signal handler.
    trap: Fault,
    /// How many entries from the host are further out.
    depth: u32,
}

impl Activation {
    /// One that an edge enters by, again and again: assembly fills in the rest.
    pub(crate) fn of_edge() -> Activation {
        Activation {
            host_sp: 0,
            exit_fp: 0,
            exit_pc: 0,
            exit_sp: 0,
            leave_sp: 0,
            leave: arch::leave_edge as *const () as usize,
            outer_in_group: std::ptr::null_mut(),
            outer_in_thread: std::ptr::null_mut(),
            group: std::ptr::null(),
            thread: std::ptr::null(),
            trap: Fault::default(),
            depth: 0,
        }
    }

    /// Why it was left.
    ///
    /// # Safety
    /// It was, and its group, whose stack is read, is there.
    #[cold]
    pub(crate) unsafe fn left(this: *const Activation) -> Left {
        // SAFETY: the caller's promise, and who left it is the signal handler, which writes the fault, or else the host was
        // called and refused. Assembly and the signal handler have written, which Rust can't know.
        unsafe {
            match std::ptr::read_volatile(&raw const (*this).trap.code) {
                0 => {
                    let (pc, fp) = Activation::exit(this);
                    Left::Host { pc, fp }
                }
                _ => Left::Fault(std::ptr::read_volatile(&raw const (*this).trap)),
            }
        }
    }

    /// Where the guest called the host: return address and frame pointer.
    ///
    /// # Safety
    /// It did, or over an edge, and its group, whose stack is read, is there.
    unsafe fn exit(this: *const Activation) -> (usize, usize) {
        // SAFETY: the caller's promise. Where a call leaves the return address on the stack, `exit_pc` was never written.
        unsafe {
            let exit_sp = std::ptr::read_volatile(&raw const (*this).exit_sp);
            let exit_pc = arch::return_address(exit_sp, || std::ptr::read_volatile(&raw const (*this).exit_pc));
            (exit_pc, std::ptr::read_volatile(&raw const (*this).exit_fp))
        }
    }
}

/// In [`Fault::code`]: an instruction trapped that has no record. No trap code has this number.
const NO_SITE: u8 = 128;
const _: () = assert!(TrapCode::from_byte(NO_SITE).is_none() && NO_SITE != 0);

/// What the signal handler saw.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Fault {
    /// A trap code's byte; another one is a damaged record's; 0: nothing. As wide as the rest, so that nothing is left
    /// between them.
    pub code: usize,
    pub pc: usize,
    pub fp: usize,
}

/// The part of a group that assembly and the signal handler read. The first two fields are assembly's.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct GroupRecord {
    /// The innermost activation; null while the group is not entered.
    /// Other threads may look whether it is null: it is written as one word.
    pub current: AtomicPtr<Activation>,
    /// Where the guest's stack begins: its end.
    pub stack_top: usize,
    /// Text of the group's artifacts. Grows only while the owning thread is on the host's side.
    pub code: Vec<CodeRange>,
    /// Address ranges of memories with their guards.
    pub memories: Vec<Range<usize>>,
    /// Poll pages of its instances: inaccessible while they are to be interrupted.
    pub polls: Vec<Range<usize>>,
    /// The guest stack, and the guard below it.
    pub stack: Range<usize>,
    pub stack_guard: Range<usize>,
    /// Why the last entry that did not return did not; taken by whoever entered.
    pub left: Option<Left>,
}

/// One artifact's text, and how to look its trap sites up.
#[derive(Clone, Debug)]
pub(crate) struct CodeRange {
    pub text: Range<usize>,
    pub artifact: crate::artifact::Artifact,
}

const _: () = {
    assert!(std::mem::offset_of!(Activation, host_sp) == ACTIVATION_HOST_SP);
    assert!(std::mem::offset_of!(Activation, exit_fp) == ACTIVATION_EXIT_FP);
    assert!(std::mem::offset_of!(Activation, exit_pc) == ACTIVATION_EXIT_PC);
    assert!(std::mem::offset_of!(Activation, exit_sp) == ACTIVATION_EXIT_SP);
    assert!(std::mem::offset_of!(Activation, leave_sp) == ACTIVATION_LEAVE_SP);
    assert!(std::mem::offset_of!(Activation, leave) == ACTIVATION_LEAVE);
    assert!(std::mem::offset_of!(Activation, outer_in_group) == ACTIVATION_OUTER_IN_GROUP);
    assert!(std::mem::offset_of!(Activation, outer_in_thread) == ACTIVATION_OUTER_IN_THREAD);
    assert!(std::mem::offset_of!(Activation, group) == ACTIVATION_GROUP);
    assert!(std::mem::offset_of!(Activation, thread) == ACTIVATION_THREAD);
    assert!(std::mem::offset_of!(Activation, trap) + std::mem::offset_of!(Fault, code) == ACTIVATION_TRAP_CODE);
    assert!(std::mem::offset_of!(Activation, depth) == ACTIVATION_DEPTH);
    assert!(std::mem::offset_of!(GroupRecord, current) == 0);
    assert!(std::mem::offset_of!(GroupRecord, stack_top) == RECORD_STACK_TOP);
    assert!(std::mem::offset_of!(Thread, current) == 0);
};

/// What a thread that enters guests has. Initialised at compile time, so that a signal handler may read it. The first
/// field is assembly's.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Thread {
    /// The innermost activation.
    current: Cell<*mut Activation>,
    /// Lowest address of the thread's own stack that a host function may be entered at, or [`NOT_PREPARED`].
    stack_limit: Cell<usize>,
    /// Whether it ends, and can't be prepared any more.
    closed: Cell<bool>,
}

thread_local! {
    static THREAD: Thread = const {
        Thread { current: Cell::new(std::ptr::null_mut()), stack_limit: Cell::new(NOT_PREPARED), closed: Cell::new(false) }
    };
}

/// Higher than any stack pointer: no host function is entered at one above it.
const NOT_PREPARED: usize = usize::MAX;

impl Thread {
    /// Installs the signal handler and the alternate stack, and finds the thread's own stack, if that was not done. Says
    /// whether it was now.
    #[cold]
    fn prepare(&self) -> Result<bool, Error> {
        if self.closed.get() || self.stack_limit.get() != NOT_PREPARED {
            return Ok(false);
        }
        crate::signals::prepare_thread()?;
        let here = 0u8;
        self.stack_limit.set(host_stack_low(&raw const here as usize) + HOST_STACK_RESERVE as usize);
        Ok(true)
    }
}

/// From now on this thread can't enter guests: its alternate stack goes.
pub(crate) fn close_thread() {
    THREAD.with(|thread| {
        thread.closed.set(true);
        thread.stack_limit.set(NOT_PREPARED);
    });
}

/// Makes this thread ready to enter guests, if it is not yet. Says whether it was not.
#[cold]
pub(crate) fn prepare_thread() -> Result<bool, Error> {
    THREAD.with(Thread::prepare)
}

/// How an entry ended. Small, because it is looked at after each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Entered {
    /// The guest returned.
    Returned = 0,
    /// It did not: why is in [`GroupRecord::left`].
    Left = 1,
    /// There was not even room for it on the guest's stack.
    NoGuestRoom,
    /// Nor on the host's, if the thread was prepared at all.
    NoHostRoom,
    /// The group is to be interrupted.
    Interrupted,
}

/// Why an entry did not return normally.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Left {
    /// A signal: an instruction trapped.
    Fault(Fault),
    /// A host function or builtin refused; the group holds the reason. Where the guest called it from.
    Host { pc: usize, fp: usize },
}

impl GroupRecord {
    /// The code range that an address lies in.
    pub(crate) fn code_at(&self, pc: usize) -> Option<&CodeRange> {
        self.code.iter().find(|c| c.text.contains(&pc))
    }

    /// Calls a function of the guest on this group's stack, by `call`, which is given an activation and where the stack
    /// begins, and says as the first of two whether the activation was left. The second is handed on.
    ///
    /// # Safety
    /// `call` does as `arch::enter` does, and all that it needs is given; `this` is valid, and no reference into the group is
    /// live.
    #[inline(always)]
    pub(crate) unsafe fn enter<T>(
        this: *mut GroupRecord,
        nothing: T,
        call: impl FnOnce(*mut Activation, usize) -> (bool, T),
    ) -> (Entered, T) {
        let thread = THREAD.with(std::ptr::from_ref);
        // SAFETY: it lives as long as this thread.
        let thread = unsafe { &*thread };
        // SAFETY: `this` is valid, and an activation that it names is alive: its frame is further up this stack.
        let (outer, guest_sp, stack_low) = unsafe {
            let outer = (*this).current.load(Ordering::Relaxed);
            let sp = if outer.is_null() { (*this).stack_top } else { (*outer).exit_sp };
            (outer, sp & !15, (*this).stack.start)
        };
        let outer_in_thread = thread.current.get();
        // SAFETY: as above, for the thread's chain.
        let depth = if outer_in_thread.is_null() { 0 } else { unsafe { (*outer_in_thread).depth + 1 } };
        let mut activation = MaybeUninit::<Activation>::uninit();
        let current: *mut Activation = activation.as_mut_ptr();
        if depth >= MAX_NESTING || (current as usize) < thread.stack_limit.get() {
            return (Entered::NoHostRoom, nothing);
        }
        // What is called first pushes its frame by code whose faults are nobody's: be sure of room.
        if guest_sp < stack_low + 4096 {
            return (Entered::NoGuestRoom, nothing);
        }
        // SAFETY: it is this frame's. What is not written here, assembly writes before anybody reads it: the host's stack
        // pointer when it enters, where the guest waits when it calls the host, and the signal handler what it saw.
        unsafe {
            (&raw mut (*current).exit_sp).write(guest_sp);
            (&raw mut (*current).leave).write(arch::leave_trapped as *const () as usize);
            (&raw mut (*current).outer_in_group).write(outer);
            (&raw mut (*current).outer_in_thread).write(outer_in_thread);
            (&raw mut (*current).group).write(this);
            (&raw mut (*current).thread).write(thread);
            (&raw mut (*current).trap.code).write(0);
            (&raw mut (*current).depth).write(depth);
        }
        // SAFETY: `this` is valid; only this thread uses it.
        unsafe { (*this).current.store(current, Ordering::Relaxed) };
        thread.current.set(current);
        // The activation is current for thread and group; the rest is the caller's promise.
        let (left, value) = call(current, guest_sp);
        // What was there before is read from where it was written, so that it need not be kept meanwhile; and what the
        // signal handler and assembly wrote is seen.
        // SAFETY: the activation is in this frame, the thread is this one, the group is valid.
        unsafe {
            let thread = std::ptr::read_volatile(&raw const (*current).thread);
            let group = std::ptr::read_volatile(&raw const (*current).group).cast_mut();
            (*thread).current.set(std::ptr::read_volatile(&raw const (*current).outer_in_thread));
            let outer = std::ptr::read_volatile(&raw const (*current).outer_in_group);
            (*group).current.store(outer, Ordering::Relaxed);
            if !left {
                return (Entered::Returned, value);
            }
            (*group).left = Some(Activation::left(current));
        }
        (Entered::Left, value)
    }

    /// Where each activation of this group further out called the host, innermost first: return address and frame
    /// pointer.
    pub(crate) fn exits(&self) -> Vec<(usize, usize)> {
        // SAFETY: they are alive, and wait for the host, or over an edge: it is the host that asks, and a guest that has faulted
        // is not among them any more.
        self.activations().map(|at| unsafe { Activation::exit(at) }).collect()
    }

    /// The innermost activation, and those further out.
    pub(crate) fn activations(&self) -> impl Iterator<Item = *const Activation> {
        let mut next = self.current.load(Ordering::Relaxed).cast_const();
        std::iter::from_fn(move || {
            let at = (!next.is_null()).then_some(next)?;
            // SAFETY: the chain's activations are alive: their frames are further up this stack.
            next = unsafe { (*at).outer_in_group };
            Some(at)
        })
    }
}

/// Lowest usable address of the current thread's stack.
fn host_stack_low(sp: usize) -> usize {
    // The C library answers for the main thread by reading /proc/self/maps, which costs more than a short
    // program's whole start. Its stack ends just above the executable's name and may grow down to the limit.
    if rustix::thread::gettid() == rustix::process::getpid() {
        // SAFETY: reading the auxiliary vector has no preconditions.
        let top = unsafe { libc::getauxval(libc::AT_EXECFN) } as usize;
        let limit = rustix::process::getrlimit(rustix::process::Resource::Stack).current;
        let size = limit.map_or(64 << 20, |l| l.min(1 << 40) as usize);
        // The kernel keeps a gap of 256 pages free below, and counts from the next page above the name.
        if top > sp && top - sp < size {
            return top.saturating_sub(size) + (64 << 10);
        }
    }
    // SAFETY: the attributes are initialised by pthread_getattr_np before they are read, and destroyed once.
    unsafe {
        let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            // Nothing is known: assume what every Unix gives at least.
            return sp.saturating_sub(512 << 10);
        }
        let mut attributes = attributes.assume_init();
        let (mut low, mut size, mut guard) = (std::ptr::null_mut(), 0, 0);
        libc::pthread_attr_getstack(&attributes, &mut low, &mut size);
        libc::pthread_attr_getguardsize(&attributes, &mut guard);
        libc::pthread_attr_destroy(&mut attributes);
        low as usize + guard
    }
}

/// Where a guest that has ended is left for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Landing {
    pub activation: *mut Activation,
    pub sp: usize,
    pub code: usize,
}

/// What a signal says of an instruction that faulted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cause {
    /// It accessed what it may not, at this address.
    Access(usize),
    /// It is not permitted, or accessed what is no address: the kernel knows no more.
    Protection,
    /// It is invalid, or its operands are.
    Instruction,
}

/// The stack pointer of the `arch::enter` or `arch::enter_registers` by which the guest was entered that is at a signal's
/// program counter, if it is one. Async-signal-safe.
///
/// # Safety
/// Called from a signal handler on the thread that the signal is about.
pub(crate) unsafe fn entered(registers: arch::Registers) -> Option<usize> {
    let mut activation = THREAD.with(|thread| thread.current.get()).cast_const();
    // SAFETY: as in [`guest_fault`].
    unsafe {
        if activation.is_null() || (*(*activation).group).code_at(registers.pc).is_none() {
            return None;
        }
        // What was entered over edges was so from there.
        while (*activation).leave != arch::leave_trapped as *const () as usize {
            activation = (*activation).outer_in_thread;
            if activation.is_null() {
                return None;
            }
        }
        Some((*activation).leave_sp)
    }
}

/// What a signal's program counter and cause mean for the thread it arrived on: where to resume, if the fault is
/// the guest's. Async-signal-safe: no lock, no allocation.
///
/// # Safety
/// Called from a signal handler on the thread that faulted.
pub(crate) unsafe fn guest_fault(registers: arch::Registers, cause: Cause) -> Option<Landing> {
    let current = THREAD.with(|thread| thread.current.get());
    if current.is_null() {
        return None;
    }
    // SAFETY: the chain names activations whose frames are further up this stack. The thread is in compiled code (if
    // the program counter says so, below), hence no Rust code of it is in the middle of changing the record.
    let group = unsafe { &*(*current).group };
    let code = group.code_at(registers.pc)?;
    let site = code.artifact.view().trap_site((registers.pc - code.text.start) as u32);
    let recorded = site.map_or(NO_SITE, |site| site.code);
    // The address decides whose the fault is, and the table of sites only what it is called: a damaged table must not
    // end the process.
    let trap = match cause {
        // Any push or call may hit the guard of the stack, with or without a record.
        Cause::Access(address) if group.stack_guard.contains(&address) => TrapCode::StackOverflow as u8,
        Cause::Access(address) if group.polls.iter().any(|p| p.contains(&address)) => TrapCode::Interrupt as u8,
        // A memory fault is the guest's only within a memory of the group that the thread is in.
        Cause::Access(address) if group.memories.iter().any(|m| m.contains(&address)) => recorded,
        Cause::Access(_) => return None,
        // SAFETY: the program counter lies in text, which is readable.
        Cause::Protection if !unsafe { arch::is_trap(registers.pc) } => return None,
        // An instruction that is made to trap.
        Cause::Protection | Cause::Instruction => recorded,
    };
    // SAFETY: as above; the guest runs, so `arch::enter` or `arch::enter_edge` has written where it is left for.
    unsafe {
        (*current).trap = Fault { code: trap.into(), pc: registers.pc, fp: registers.fp };
        Some(Landing { activation: current, sp: (*current).leave_sp, code: (*current).leave })
    }
}
