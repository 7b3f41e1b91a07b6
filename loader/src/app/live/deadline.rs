//! The time that a call over an edge may take, callees included.
//!
//! The calls that are under way form a stack, since an application runs on one thread. When the time of one is over,
//! the instance that it entered is interrupted, and so is everything that this has called: each dies, and its caller learns
//! of it as its edge says. One exception: an instance that several share, and that has a time of its own, is given that
//! time: else any of its callers could end it for the others by calling it when its own time is nearly over.

use crate::InterruptHandle;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The calls that are under way, and the thread that looks at the clock.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    shared: Arc<Shared>,
    /// Whether any edge has a limit: without one, nobody looks at the clock.
    any: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    watched: bool,
    closed: bool,
}

#[derive(Debug)]
struct Call {
    until: Option<Instant>,
    callee: InterruptHandle,
    /// Whether the end of an outer call's time leaves it its own.
    own_time: bool,
    /// Whether its time, or that of a call above it, is over.
    over: bool,
}

/// The time of the caller is over.
#[derive(Debug)]
pub(super) struct Over;

/// A call that is under way.
#[derive(Debug)]
pub(super) struct Running<'a> {
    deadlines: &'a Deadlines,
    ended: bool,
}

impl Deadlines {
    pub(super) fn new(any: bool) -> Deadlines {
        Deadlines { shared: Arc::default(), any }
    }

    /// Begins a call, which may take `limit`. `shared`: the callee has other callers too.
    ///
    /// # Errors
    /// [`Over`] if the time of the call that makes it is over: its interrupt may not have been noticed yet, and what it
    /// calls now nobody would interrupt.
    pub(super) fn begin(
        &self,
        callee: &InterruptHandle,
        limit: Option<Duration>,
        shared: bool,
    ) -> Result<Option<Running<'_>>, Over> {
        if !self.any {
            return Ok(None);
        }
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut state = self.shared.locked();
        if state.calls.last().is_some_and(|call| call.over) {
            return Err(Over);
        }
        let own_time = shared && until.is_some();
        state.calls.push(Call { until, callee: callee.clone(), own_time, over: false });
        if until.is_some() {
            if !state.watched {
                let shared = Arc::clone(&self.shared);
                let spawned =
                    std::thread::Builder::new().name("bailiwick-deadlines".to_owned()).spawn(move || shared.watch());
                state.watched = spawned.is_ok();
            }
            self.shared.changed.notify_one();
        }
        Ok(Some(Running { deadlines: self, ended: false }))
    }
}

impl Drop for Deadlines {
    fn drop(&mut self) {
        self.shared.locked().closed = true;
        self.shared.changed.notify_one();
    }
}

impl Running<'_> {
    /// Ends the call; says whether its time was over.
    pub(super) fn end(mut self) -> bool {
        self.ended = true;
        self.deadlines.shared.locked().calls.pop().is_some_and(|call| call.over)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.deadlines.shared.locked().calls.pop();
        }
    }
}

impl Shared {
    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Interrupts what takes too long, until nobody needs it any more.
    fn watch(&self) {
        let mut state = self.locked();
        while !state.closed {
            let now = Instant::now();
            if let Some(first) =
                state.calls.iter().position(|call| !call.over && call.until.is_some_and(|until| until <= now))
            {
                let (over, inner) = state.calls[first..].split_at_mut(1);
                for call in over.iter_mut().chain(inner.iter_mut().take_while(|call| !call.own_time)) {
                    // Should that fail, because the kernel allows no more mappings, the next look tries again.
                    call.over = call.callee.interrupt().is_ok();
                }
            }
            let next = state.calls.iter().filter(|call| !call.over).filter_map(|call| call.until).min();
            state = match next {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Group;

    const SOON: Option<Duration> = Some(Duration::from_millis(20));

    fn interrupted(handle: &InterruptHandle) -> bool {
        let end = Instant::now() + Duration::from_secs(10);
        while !handle.requested() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        handle.requested()
    }

    #[test]
    fn a_call_ends_with_its_time_and_so_does_what_it_has_called() {
        let (outer, inner) = (Group::new().unwrap(), Group::new().unwrap());
        let deadlines = Deadlines::new(true);
        let first = deadlines.begin(&outer.interrupt_handle(), SOON, false).unwrap().unwrap();
        let second = deadlines.begin(&inner.interrupt_handle(), None, true).unwrap().unwrap();
        assert!(interrupted(&outer.interrupt_handle()) && interrupted(&inner.interrupt_handle()));
        assert!(second.end() && first.end());
    }

    #[test]
    fn who_is_late_calls_nobody_else() {
        let (outer, inner) = (Group::new().unwrap(), Group::new().unwrap());
        let deadlines = Deadlines::new(true);
        let first = deadlines.begin(&outer.interrupt_handle(), SOON, false).unwrap().unwrap();
        assert!(interrupted(&outer.interrupt_handle()));
        // Begun now, it would run for ever: the look at the clock that ends the outer call is past.
        assert!(deadlines.begin(&inner.interrupt_handle(), None, false).is_err());
        assert!(first.end());
        assert!(deadlines.begin(&inner.interrupt_handle(), None, false).is_ok(), "the next call is another");
    }

    #[test]
    fn what_others_share_keeps_its_own_time_when_that_of_a_caller_is_over() {
        let (outer, inner) = (Group::new().unwrap(), Group::new().unwrap());
        let deadlines = Deadlines::new(true);
        let first = deadlines.begin(&outer.interrupt_handle(), SOON, false).unwrap().unwrap();
        let own = Some(Duration::from_secs(60));
        let second = deadlines.begin(&inner.interrupt_handle(), own, true).unwrap().unwrap();
        assert!(interrupted(&outer.interrupt_handle()));
        assert!(!second.end() && !inner.interrupt_handle().requested());
        assert!(first.end());
    }
}
