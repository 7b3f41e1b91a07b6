//! Ending a guest from outside.
//!
//! Compiled code reads a byte of a page in front of its context in every loop and wherever it can recurse. An interrupt
//! makes those pages inaccessible; the next read faults into the ordinary trap path. While nobody interrupts, that is
//! all it costs.

use crate::activation::Activation;
use crate::error::Error;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::mm::MprotectFlags;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};

/// What a group and its handles share.
#[derive(Debug, Default)]
pub(crate) struct Interrupt {
    /// Set first, for those who look at it between pieces of work on the host's side.
    requested: AtomicBool,
    pages: Mutex<Pages>,
    /// Readable while the guest is to be interrupted; made for the first host function that waits. Written to and
    /// cleared under the lock of the pages only, so that it agrees with `requested`.
    signal: OnceLock<OwnedFd>,
}

#[derive(Debug, Default)]
struct Pages {
    /// Addresses of poll pages and their length in bytes. Empty once the group is gone.
    pages: Vec<(usize, usize)>,
    /// Address of the word that is not 0 while the group is entered; 0 if there is none.
    entered: usize,
    closed: bool,
    /// The thread that is parked in the group, if it is: `memory.atomic.wait`.
    parked: Option<Thread>,
}

/// While it is there, an interrupt wakes the thread that made it.
pub(crate) struct Parking<'a>(&'a Interrupt);

impl Drop for Parking<'_> {
    fn drop(&mut self) {
        self.0.locked().parked = None;
    }
}

impl Interrupt {
    fn protect(pages: &Pages, access: MprotectFlags) -> Result<(), Error> {
        let mut result = Ok(());
        for &(address, len) in &pages.pages {
            // SAFETY: poll pages lie in the group's cell and hold nothing; the group removes them here, under the same
            // lock, before it is freed. Compiled code that finds one inaccessible traps, as it is made to.
            let changed = unsafe { rustix::mm::mprotect(address as *mut _, len, access) };
            if let Err(e) = changed {
                result = Err(Error::AddressSpace { what: "interrupting", bytes: len, source: e.into() });
            }
        }
        result
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says where the word is that is not 0 while the group is entered. It stays until [`Interrupt::close`].
    pub(crate) fn watch(&self, entered: *const AtomicPtr<Activation>) {
        self.locked().entered = entered as usize;
    }

    /// Whether code of the group is on a stack, as seen from any thread.
    pub(crate) fn running(&self) -> bool {
        let pages = self.locked();
        if pages.closed || pages.entered == 0 {
            return false;
        }
        // SAFETY: the word is there until the group is closed, which takes the lock that is held here. Rust writes it
        // atomically, assembly as one aligned word.
        let word = unsafe { &*(pages.entered as *const AtomicPtr<Activation>) };
        !word.load(Ordering::Relaxed).is_null()
    }

    /// Whether somebody wants the guest to end.
    #[inline]
    pub(crate) fn requested(&self) -> bool {
        self.requested.load(Ordering::Acquire)
    }

    /// Adds a poll page. If the group is interrupted already, it is so too.
    pub(crate) fn add(&self, address: usize, len: usize) -> Result<(), Error> {
        let mut pages = self.locked();
        pages.pages.push((address, len));
        if self.requested() { Self::protect(&pages, MprotectFlags::empty()) } else { Ok(()) }
    }

    fn request(&self) -> Result<(), Error> {
        let pages = self.locked();
        if pages.closed {
            return Ok(());
        }
        self.requested.store(true, Ordering::Release);
        if let Some(signal) = self.signal.get() {
            raise(signal);
        }
        if let Some(thread) = &pages.parked {
            thread.unpark();
        }
        Self::protect(&pages, MprotectFlags::empty())
    }

    /// Says that this thread is about to park itself in the group: an interrupt that comes from now on wakes it. Whether one
    /// has come before is to be looked at then.
    pub(crate) fn parking(&self) -> Parking<'_> {
        self.locked().parked = Some(thread::current());
        Parking(self)
    }

    /// A descriptor that is readable while somebody wants the guest to end, for host functions to wait on.
    fn signal(&self) -> Result<BorrowedFd<'_>, std::io::Error> {
        if let Some(signal) = self.signal.get() {
            return Ok(signal.as_fd());
        }
        let made = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let _pages = self.locked();
        let signal = self.signal.get_or_init(|| made);
        if self.requested() {
            raise(signal);
        }
        Ok(signal.as_fd())
    }

    /// Whether somebody wants the guest to end, to be looked at between pieces of work.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.requested
    }

    /// Lets guests run again.
    pub(crate) fn clear(&self) -> Result<(), Error> {
        let pages = self.locked();
        Self::protect(&pages, MprotectFlags::READ | MprotectFlags::WRITE)?;
        self.requested.store(false, Ordering::Release);
        if let Some(signal) = self.signal.get() {
            // It does not block, and nothing to read is what is wanted.
            let _ = rustix::io::read(signal, &mut [0; 8]);
        }
        Ok(())
    }

    /// For a group that goes to somebody else: no handle that was made until now does anything any more. While an interrupt is
    /// under way, nothing happens unless `resume` says that it is to be ended first, which asks the kernel. Whether it is
    /// done.
    pub(crate) fn pass_on(this: &mut Arc<Interrupt>, resume: bool) -> Result<bool, Error> {
        if this.requested() {
            if !resume {
                return Ok(false);
            }
            this.clear()?;
        }
        // Nobody else has it, so nobody can do anything to it.
        if Arc::get_mut(this).is_some_and(|own| !*own.requested.get_mut()) {
            return Ok(true);
        }
        let mut pages = this.locked();
        // It may have come meanwhile.
        if this.requested() {
            if !resume {
                return Ok(false);
            }
            Self::protect(&pages, MprotectFlags::READ | MprotectFlags::WRITE)?;
        }
        pages.closed = true;
        let (polls, entered) = (std::mem::take(&mut pages.pages), std::mem::take(&mut pages.entered));
        drop(pages);
        let pages = Mutex::new(Pages { pages: polls, entered, ..Pages::default() });
        *this = Arc::new(Interrupt { pages, ..Interrupt::default() });
        Ok(true)
    }

    /// The group is about to be freed: its pages are nobody's any more.
    pub(crate) fn close(&self) {
        let mut pages = self.locked();
        pages.closed = true;
        pages.entered = 0;
        pages.pages.clear();
    }
}

/// Makes an event descriptor readable. Its counter does not come near its end: nobody raises it 2⁶⁴ times.
fn raise(signal: &OwnedFd) {
    let _ = rustix::io::write(signal, &1u64.to_ne_bytes());
}

/// By which a host function that waits learns that its guest is to end: see [`Caller::interrupt_signal`].
///
/// [`Caller::interrupt_signal`]: crate::Caller::interrupt_signal
#[derive(Clone, Debug)]
pub struct InterruptSignal {
    interrupt: Arc<Interrupt>,
}

impl InterruptSignal {
    /// Makes sure that there is a descriptor to wait on.
    pub(crate) fn new(interrupt: Arc<Interrupt>) -> Result<InterruptSignal, std::io::Error> {
        interrupt.signal()?;
        Ok(InterruptSignal { interrupt })
    }

    /// Whether the guest is to end.
    pub fn requested(&self) -> bool {
        self.interrupt.requested()
    }
}

impl AsFd for InterruptSignal {
    /// An event descriptor, readable while the guest is to end. It is not to be read from.
    fn as_fd(&self) -> BorrowedFd<'_> {
        // Made by `new`.
        self.interrupt.signal.get().map(AsFd::as_fd).expect("an InterruptSignal has its descriptor")
    }
}

/// Ends the guests of a group from any thread.
///
/// # Example
/// ```no_run
/// # use bailiwick_loader::{Artifact, Error, Group, Imports};
/// let artifact = Artifact::open("spin.bwk")?;
/// let mut group = Group::new()?;
/// let handle = group.interrupt_handle();
/// std::thread::spawn(move || {
///     std::thread::sleep(std::time::Duration::from_secs(1));
///     handle.interrupt()
/// });
/// let spin = group.instantiate(&artifact, &Imports::new())?.typed_func::<(), ()>(&mut group, "spin")?;
/// let error = spin.call(&mut group, ()).unwrap_err();
/// assert_eq!(error.trap_code(), Some(bailiwick_loader::TrapCode::Interrupt));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct InterruptHandle {
    pub(crate) interrupt: Arc<Interrupt>,
}

impl InterruptHandle {
    /// Whether code of the group is on a stack.
    #[doc(hidden)]
    pub fn running(&self) -> bool {
        self.interrupt.running()
    }

    /// Takes the word for the one that is not 0 while code of the group is on a stack: for tests of who is waited for.
    #[doc(hidden)]
    pub fn watch(&self, entered: &'static AtomicPtr<()>) {
        self.interrupt.watch(std::ptr::from_ref(entered).cast());
    }

    /// Has the group's guests go on, as [`Group::resume`](crate::Group::resume) does.
    #[doc(hidden)]
    pub fn clear(&self) -> Result<(), Error> {
        self.interrupt.clear()
    }

    /// Whether the group's guests are to end.
    pub fn requested(&self) -> bool {
        self.interrupt.requested()
    }

    /// Ends whatever the group's guests are doing, and whatever they are asked to do, with
    /// [`TrapCode::Interrupt`](crate::TrapCode::Interrupt), until [`Group::resume`](crate::Group::resume).
    ///
    /// Compiled code ends at its next loop iteration or call; bulk operations within about 1 MiB; the system interface's
    /// functions end their waits; a host function that does not look at [`InterruptSignal`] is not ended, but its return
    /// to the guest is. Has no effect once the group is gone. Only code that was compiled to be
    /// interruptible can be: see [`Artifact::interruptible`](crate::Artifact::interruptible).
    ///
    /// # Errors
    /// [`Error::AddressSpace`] if the process has as many mappings as the kernel allows: then a loop that calls nothing
    /// goes on, and only the process's end ends it.
    pub fn interrupt(&self) -> Result<(), Error> {
        self.interrupt.request()
    }
}

/// The error of an entry into an interrupted group.
pub(crate) fn interrupted() -> Error {
    Error::trap(bailiwick_runtime_abi::trap::TrapCode::Interrupt)
}
