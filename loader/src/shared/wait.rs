//! Waiting at an address of a shared memory, and notifying who waits there.
//!
//! Whether the memory still holds what is expected, and joining the queue, is one step under the lock that notifying takes
//! too: so a thread that writes and then notifies finds everybody who saw the old value. Who waits is parked; who notifies
//! takes it from its queue and says so before it wakes it, so waking up for any other reason shows nowhere.

use super::SharedMemory;
use crate::interrupt::Interrupt;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Most threads that wait in one memory. Each is a thread of the host's, which the host has made.
const MAX_WAITERS: usize = 16_384;

/// What the memory must hold for a wait to begin.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    Word(u32),
    Double(u64),
}

/// How waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    Notified,
    NotEqual,
    TimedOut,
    /// The guest is to end.
    Interrupted,
    /// As many wait as may.
    TooMany,
}

#[derive(Debug)]
struct Waiter {
    thread: Thread,
    /// Set by who took it from its queue.
    notified: AtomicBool,
}

/// Who waits, by address, in the order in which they came. No queue is empty.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    queues: HashMap<u64, VecDeque<Arc<Waiter>>>,
    count: usize,
}

impl Waiting {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    fn remove(&mut self, address: u64, waiter: &Arc<Waiter>) {
        if let Some(queue) = self.queues.get_mut(&address)
            && let Some(at) = queue.iter().position(|other| Arc::ptr_eq(other, waiter))
        {
            queue.remove(at);
            self.count -= 1;
            if queue.is_empty() {
                self.queues.remove(&address);
            }
        }
    }
}

impl SharedMemory {
    pub(super) fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the memory holds what is expected at `address`, in one access.
    ///
    /// # Safety
    /// The address is a multiple of the size of what is expected, which lies in the memory.
    unsafe fn holds(&self, address: u64, expected: Expected) -> bool {
        // SAFETY: the caller's promise; the base is a multiple of the page size. See `raw` for who else accesses it.
        unsafe {
            let at = self.base().add(address as usize);
            match expected {
                Expected::Word(value) => AtomicU32::from_ptr(at.cast()).load(Ordering::SeqCst) == value,
                Expected::Double(value) => AtomicU64::from_ptr(at.cast()).load(Ordering::SeqCst) == value,
            }
        }
    }

    /// Waits at `address` as long as nobody notifies, at most `timeout` nanoseconds (below 0: without end), and not beyond an
    /// interrupt of the guest. Whatever way it ends, nothing is left in a queue.
    ///
    /// # Safety
    /// As for `holds`.
    pub(crate) unsafe fn wait(&self, address: u64, expected: Expected, timeout: i64, interrupt: &Interrupt) -> Waited {
        // Without a moment at which it ends, if that is further away than clocks go.
        let timeout = u64::try_from(timeout).ok();
        let end = timeout.and_then(|timeout| Instant::now().checked_add(Duration::from_nanos(timeout)));
        let waiter = Arc::new(Waiter { thread: thread::current(), notified: AtomicBool::new(false) });
        {
            let mut waiting = self.waiting();
            // SAFETY: the caller's promise.
            if unsafe { !self.holds(address, expected) } {
                return Waited::NotEqual;
            }
            if timeout == Some(0) {
                return Waited::TimedOut;
            }
            if waiting.count >= MAX_WAITERS {
                return Waited::TooMany;
            }
            waiting.count += 1;
            waiting.queues.entry(address).or_default().push_back(Arc::clone(&waiter));
        }
        // From now on an interrupt wakes this thread; one that came before is seen below.
        let parking = interrupt.parking();
        let ended = loop {
            if waiter.notified.load(Ordering::Acquire) {
                return Waited::Notified;
            }
            if interrupt.requested() {
                break Waited::Interrupted;
            }
            match end.map(|end| end.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(Duration::ZERO) => break Waited::TimedOut,
                Some(left) => thread::park_timeout(left),
            }
        };
        drop(parking);
        let mut waiting = self.waiting();
        // Who notified meanwhile has counted this one.
        if waiter.notified.load(Ordering::Acquire) {
            return Waited::Notified;
        }
        waiting.remove(address, &waiter);
        ended
    }

    /// Wakes at most `count` of those who wait at `address`.
    pub(crate) fn wake(&self, address: u64, count: u32) -> u32 {
        let mut waiting = self.waiting();
        let Some(queue) = waiting.queues.get_mut(&address) else { return 0 };
        let woken = queue.len().min(count as usize);
        for waiter in queue.drain(..woken) {
            waiter.notified.store(true, Ordering::Release);
            waiter.thread.unpark();
        }
        if queue.is_empty() {
            waiting.queues.remove(&address);
        }
        waiting.count -= woken;
        // At most `count`.
        woken as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryType;

    #[test]
    fn nobody_waits_where_as_many_wait_as_may() {
        let memory = SharedMemory::new(MemoryType::shared(1, 1)).unwrap();
        let interrupt = Interrupt::default();
        // SAFETY: the address is a multiple of eight and lies in the memory.
        let wait = |expected, timeout| unsafe { memory.wait(8, expected, timeout, &interrupt) };
        memory.waiting().count = MAX_WAITERS;
        assert_eq!(wait(Expected::Word(0), 1_000_000), Waited::TooMany);
        assert_eq!(wait(Expected::Double(0), -1), Waited::TooMany);
        // Who would not begin to wait is told as always.
        assert_eq!(wait(Expected::Word(1), -1), Waited::NotEqual);
        assert_eq!(wait(Expected::Word(0), 0), Waited::TimedOut);
        assert!(memory.waiting().queues.is_empty());
        memory.waiting().count = MAX_WAITERS - 1;
        assert_eq!(wait(Expected::Word(0), 1000), Waited::TimedOut);
        assert_eq!((memory.waiters(), memory.waiting().queues.len()), (MAX_WAITERS - 1, 0));
    }
}
