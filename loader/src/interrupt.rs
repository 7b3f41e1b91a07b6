//! Ending a guest from outside.
//!
//! Compiled code reads a byte of a page in front of its context in every loop and wherever it can recurse. An interrupt
//! makes those pages inaccessible; the next read faults into the ordinary trap path. While nobody interrupts, that is
//! all it costs.

use crate::error::Error;
use rustix::mm::MprotectFlags;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What a group and its handles share.
#[derive(Debug, Default)]
pub(crate) struct Interrupt {
    /// Set first, for those who look at it between pieces of work on the host's side.
    requested: AtomicBool,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    /// Addresses of poll pages and their length in bytes. Empty once the group is gone.
    pages: Vec<(usize, usize)>,
    closed: bool,
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

    /// Whether somebody wants the guest to end.
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
        Self::protect(&pages, MprotectFlags::empty())
    }

    /// Lets guests run again.
    pub(crate) fn clear(&self) -> Result<(), Error> {
        let pages = self.locked();
        Self::protect(&pages, MprotectFlags::READ | MprotectFlags::WRITE)?;
        self.requested.store(false, Ordering::Release);
        Ok(())
    }

    /// The group is about to be freed: its pages are nobody's any more.
    pub(crate) fn close(&self) {
        let mut pages = self.locked();
        pages.closed = true;
        pages.pages.clear();
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
    /// Ends whatever the group's guests are doing, and whatever they are asked to do, with
    /// [`TrapCode::Interrupt`](crate::TrapCode::Interrupt), until [`Group::resume`](crate::Group::resume).
    ///
    /// Compiled code ends at its next loop iteration or call; bulk operations within about 1 MiB; a host function is not
    /// ended, but its return to the guest is. Has no effect once the group is gone. Only code that was compiled to be
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
