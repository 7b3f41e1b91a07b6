//! The time that a call over an edge may take, callees included.
//!
//! The calls that are under way form a stack, since an application runs on one thread. When the time of one is over,
//! the instance that it entered is interrupted, and so is everything that this has called: each dies, and its caller learns
//! of it as its edge says.

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
    /// Whether its time, or that of a call above it, is over.
    over: bool,
}

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

    /// Begins a call, which may take `limit`.
    pub(super) fn begin(&self, callee: &InterruptHandle, limit: Option<Duration>) -> Option<Running<'_>> {
        if !self.any {
            return None;
        }
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut state = self.shared.locked();
        state.calls.push(Call { until, callee: callee.clone(), over: false });
        if until.is_some() {
            if !state.watched {
                let shared = Arc::clone(&self.shared);
                let spawned =
                    std::thread::Builder::new().name("bailiwick-deadlines".to_owned()).spawn(move || shared.watch());
                state.watched = spawned.is_ok();
            }
            self.shared.changed.notify_one();
        }
        Some(Running { deadlines: self, ended: false })
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
                for call in &mut state.calls[first..] {
                    call.over = true;
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
