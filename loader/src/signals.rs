//! Traps arrive as signals. One process-wide handler for SIGSEGV, SIGBUS, SIGILL and SIGFPE, installed once, and one
//! alternate stack for each thread that enters a guest. A fault that is not a guest's goes to whoever had the signal
//! before.

use crate::activation::{Cause, entered, guest_fault};
use crate::arch;
use crate::error::Error;
use crate::sys::{Reservation, page_size};
use std::cell::OnceCell;
use std::sync::{Once, OnceLock};

const SIGNALS: [libc::c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// The actions that were there before, in the order of [`SIGNALS`]: known before the handler is installed.
static PREVIOUS: OnceLock<[Previous; 4]> = OnceLock::new();
static INSTALLED: Once = Once::new();

#[derive(Clone, Copy)]
struct Previous(libc::sigaction);
// SAFETY: plain numbers and a function's address.
unsafe impl Send for Previous {}
// SAFETY: never written after initialisation.
unsafe impl Sync for Previous {}

/// Bytes of an alternate stack: the kernel's frame with every vector register, twice over, and the handlers'.
const ALTERNATE_STACK: usize = 64 << 10;

struct AlternateStack(Reservation);

thread_local! {
    static ALTERNATE: OnceCell<AlternateStack> = const { OnceCell::new() };
}

impl Drop for AlternateStack {
    fn drop(&mut self) {
        // The thread ends. Destructors that run later can't enter guests any more.
        crate::activation::close_thread();
        // SAFETY: both structures are plain; the stack is disabled before it is unmapped, if it is still ours.
        unsafe {
            let mut now: libc::stack_t = std::mem::zeroed();
            if libc::sigaltstack(std::ptr::null(), &mut now) == 0 && self.0.range().contains(&(now.ss_sp as usize)) {
                let off = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
                libc::sigaltstack(&off, std::ptr::null_mut());
            }
        }
    }
}

/// Installs the handler, once for the process, and this thread's alternate stack, once for the thread.
pub(crate) fn prepare_thread() -> Result<(), Error> {
    ALTERNATE.with(|cell| {
        if cell.get().is_some() {
            return Ok(());
        }
        PREVIOUS.get_or_init(previous);
        INSTALLED.call_once(install);
        unblock();
        // Guards at both ends: an alternate stack that touched another stack would confuse the kernel's test of
        // whether a signal arrived on it.
        let page = page_size();
        let reservation = Reservation::new(ALTERNATE_STACK + 2 * page, "signal stack")?;
        reservation.commit(page, ALTERNATE_STACK, "signal stack")?;
        let stack = libc::stack_t {
            // SAFETY: within the reservation.
            ss_sp: unsafe { reservation.base().add(page) }.cast(),
            ss_flags: 0,
            ss_size: ALTERNATE_STACK,
        };
        // SAFETY: the stack is accessible, and lives until this thread's end, when it is disabled first.
        if unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) } != 0 {
            let source = std::io::Error::last_os_error();
            return Err(Error::AddressSpace { what: "signal stack", bytes: ALTERNATE_STACK, source });
        }
        let _ = cell.set(AlternateStack(reservation));
        Ok(())
    })
}

fn previous() -> [Previous; 4] {
    SIGNALS.map(|signal| {
        // SAFETY: the structure is plain; asking changes nothing.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal, std::ptr::null(), &mut action);
            Previous(action)
        }
    })
}

fn install() {
    for signal in SIGNALS {
        // SAFETY: the structure is plain; the handler is async-signal-safe.
        let result = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&mut action.sa_mask);
            libc::sigaction(signal, &action, std::ptr::null_mut())
        };
        // Fails only for a signal number that does not exist.
        assert_eq!(result, 0, "sigaction({signal})");
    }
    outlive_long_files();
}

/// A file that becomes longer than the process may write (`RLIMIT_FSIZE`) would end the process, and with it every guest;
/// what the guest that wrote it should get is `EFBIG`. An empty handler, because a program that is started later has the
/// default again, as it would not if the signal were ignored. Whoever handles it already goes on doing so.
fn outlive_long_files() {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: the structures are plain; the handler does nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(libc::SIGXFSZ, std::ptr::null(), &mut action) != 0 || action.sa_sigaction != libc::SIG_DFL {
            return;
        }
        action = std::mem::zeroed();
        action.sa_sigaction = nothing as *const () as usize;
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        libc::sigemptyset(&mut action.sa_mask);
        libc::sigaction(libc::SIGXFSZ, &action, std::ptr::null_mut());
    }
}

/// A thread that blocks these signals would be killed by the first trap: the kernel does not deliver a fault that is
/// blocked.
fn unblock() {
    // SAFETY: the set is plain and initialised by sigemptyset.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        for signal in SIGNALS {
            libc::sigaddset(&mut set, signal);
        }
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, std::ptr::null_mut());
    }
}

/// # Safety
/// Called by the kernel.
unsafe extern "C" fn handler(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes valid pointers, to which nothing else refers.
    unsafe {
        let registers = arch::signal_registers(&*context.cast::<libc::ucontext_t>());
        // Codes above 0 are the kernel's: a signal that was sent by kill(2) is nobody's trap.
        let synchronous = (*info).si_code > 0;
        let cause = match signal {
            libc::SIGSEGV if (*info).si_code == libc::SI_KERNEL => Cause::Protection,
            libc::SIGSEGV | libc::SIGBUS => Cause::Access((*info).si_addr() as usize),
            _ => Cause::Instruction,
        };
        if synchronous
            && signal == libc::SIGFPE
            && arch::mask_float_exceptions(&mut *context.cast::<libc::ucontext_t>(), entered(registers))
        {
            return;
        }
        if synchronous && let Some(landing) = guest_fault(registers, cause) {
            arch::resume_at(&mut *context.cast::<libc::ucontext_t>(), landing);
            return;
        }
        pass_on(signal, info, context, synchronous);
    }
}

/// Gives the signal to whoever had it before.
///
/// # Safety
/// As for [`handler`].
unsafe fn pass_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void, synchronous: bool) {
    let previous = SIGNALS.iter().position(|&s| s == signal).and_then(|i| Some(PREVIOUS.get()?[i].0));
    // SAFETY: a previous handler is a function of the kind that its flags say.
    unsafe {
        match previous {
            Some(action) if action.sa_sigaction != libc::SIG_DFL && action.sa_sigaction != libc::SIG_IGN => {
                if action.sa_flags & libc::SA_SIGINFO != 0 {
                    let function: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                        std::mem::transmute(action.sa_sigaction);
                    function(signal, info, context);
                } else {
                    let function: extern "C" fn(libc::c_int) = std::mem::transmute(action.sa_sigaction);
                    function(signal);
                }
                // Rust's own handler only goes back to the default action, and expects the fault to come again. A signal
                // that was sent does not: it would be swallowed, and traps after it would end the process.
                let mut now: libc::sigaction = std::mem::zeroed();
                let asked = libc::sigaction(signal, std::ptr::null(), &mut now);
                if !synchronous && asked == 0 && now.sa_sigaction == libc::SIG_DFL {
                    libc::raise(signal);
                }
            }
            // An ignored signal that was sent stays ignored; a fault can't be.
            Some(action) if action.sa_sigaction == libc::SIG_IGN && !synchronous => {}
            _ => {
                // The default action: the faulting instruction runs again and ends the process with the right signal
                // and registers; a signal that was sent is sent again.
                libc::signal(signal, libc::SIG_DFL);
                if !synchronous {
                    libc::raise(signal);
                }
            }
        }
    }
}
