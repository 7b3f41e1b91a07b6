//! The time that a call over an edge may take, callees included.
//!
//! Calls that have a limit form a stack, since an application runs on one thread; calls that have none leave no trace here.
//! When the time of one is over, the instance that it entered is interrupted, and so is whatever this has called and is
//! still being called: which is found by the gates, because edges form no circles. Each dies, and its caller learns of it
//! as its edge says. The time in which it waits for its caller, whose values are carried and whose allocator runs, is not
//! held against it: should its time be over just then, it is given as much again. One exception: an instance that several share is ended by no time but its own, and so is what it calls:
//! else any of its callers could end it for the others by calling it when its own time is nearly over. Its caller ends when
//! it has returned.

use bailiwick_loader::InterruptHandle;
use bailiwick_loader::edge::Gate;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The calls with a limit that are under way, and the thread that looks at the clock.
#[derive(Debug)]
pub(super) struct Deadlines {
    shared: Arc<Shared>,
    /// Whether any edge has a limit: without one, nobody looks at the clock.
    any: bool,
}

/// What has to be known of an instance to end it.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) interrupt: InterruptHandle,
    pub(super) limit: Option<Duration>,
    /// Whether several instances call it.
    pub(super) shared: bool,
    /// Those that it may call, by number.
    pub(super) callees: Vec<usize>,
}

#[derive(Debug)]
struct Shared {
    /// By the plan's numbers.
    instances: Vec<Watched>,
    gates: Arc<[Gate]>,
    state: Mutex<State>,
    changed: Condvar,
    /// Whether the whole application was interrupted: what is, then stays so.
    stopped: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    /// Destructors that are run, innermost last: on whose behalf, and of whose resource. Who defines it need not be one that
    /// the other calls.
    drops: Vec<(usize, usize)>,
    watched: bool,
    closed: bool,
}

#[derive(Debug)]
struct Call {
    until: Instant,
    limit: Duration,
    callee: usize,
    /// Whether its time is over, or that of a call above it which it is part of.
    over: bool,
    /// Whom that has interrupted.
    interrupted: Vec<usize>,
}

impl State {
    fn over(&self, instance: usize) -> bool {
        self.calls.iter().any(|call| call.over && call.interrupted.contains(&instance))
    }
}

/// The time of the caller is over.
#[derive(Debug)]
pub(super) struct Over;

impl Deadlines {
    /// For the instances of a plan, which have these gates.
    pub(super) fn new(instances: Vec<Watched>, gates: Arc<[Gate]>, stopped: Arc<AtomicBool>) -> Deadlines {
        let any = instances.iter().any(|instance| instance.limit.is_some());
        let (state, changed) = (Mutex::default(), Condvar::new());
        Deadlines { shared: Arc::new(Shared { instances, gates, state, changed, stopped }), any }
    }

    /// Whether calls of an instance have to be begun and ended.
    pub(super) fn concern(&self, callee: usize) -> bool {
        self.shared.instances[callee].limit.is_some()
    }

    /// Begins a call of an instance. Says whether it must be ended.
    ///
    /// # Errors
    /// [`Over`] if the caller's time is over: its interrupt may not have been noticed yet.
    pub(super) fn begin(&self, caller: Option<usize>, callee: usize) -> Result<bool, Over> {
        if !self.any {
            return Ok(false);
        }
        let instance = &self.shared.instances[callee];
        let mut state = self.shared.locked();
        if caller.is_some_and(|caller| state.over(caller)) {
            return Err(Over);
        }
        let Some(limit) = instance.limit else { return Ok(false) };
        let Some(until) = Instant::now().checked_add(limit) else { return Ok(false) };
        if !state.watched {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("bailiwick-deadlines".to_owned());
            // Without anybody to look at the clock, nothing is begun that has a limit.
            thread.spawn(move || shared.watch()).map_err(|_| Over)?;
            state.watched = true;
        }
        state.calls.push(Call { until, limit, callee, over: false, interrupted: Vec::new() });
        self.shared.changed.notify_one();
        Ok(true)
    }

    /// Notes that a destructor of `definer` is run on behalf of `by`, until what it returns is dropped.
    pub(super) fn dropping(&self, by: Option<usize>, definer: usize) -> Option<Dropping<'_>> {
        let by = by.filter(|_| self.any)?;
        self.shared.locked().drops.push((by, definer));
        Some(Dropping(&self.shared))
    }

    /// Whether an instance is to end because time is over, its own or that of a call that it is part of.
    pub(super) fn over(&self, instance: usize) -> bool {
        self.any && self.shared.locked().over(instance)
    }

    /// Ends a call that [`Deadlines::begin`] said must be; says whether its time was over. Whom that has interrupted, and
    /// who went on all the same, or was not even called any more, is no longer.
    pub(super) fn end(&self) -> bool {
        let mut state = self.shared.locked();
        let Some(call) = state.calls.pop() else { return false };
        if !self.shared.stopped.load(Ordering::Acquire) {
            for instance in call.interrupted {
                // Should that fail, it stays interrupted, and ends when it is called.
                let _ = self.shared.instances[instance].interrupt.clear();
            }
        }
        call.over
    }
}

/// A destructor is run.
#[derive(Debug)]
pub(super) struct Dropping<'a>(&'a Shared);

impl Drop for Dropping<'_> {
    fn drop(&mut self) {
        self.0.locked().drops.pop();
    }
}

impl Drop for Deadlines {
    fn drop(&mut self) {
        self.shared.locked().closed = true;
        self.shared.changed.notify_one();
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
            let State { calls, drops, .. } = &mut *state;
            for i in 0..calls.len() {
                let (outer, rest) = calls.split_at_mut(i);
                let call = &mut rest[0];
                if !call.over && call.until <= now && !self.instances[call.callee].interrupt.running() {
                    // Values are being carried, or the caller's allocator runs: that is not the callee's doing.
                    call.until = now.checked_add(call.limit).unwrap_or(now);
                }
                if call.over || call.until <= now {
                    // Again and again, as long as it lasts: it may just have been calling somebody.
                    call.over |= self.interrupt(call.callee, drops, &mut call.interrupted);
                }
                call.over |= outer.iter().any(|outer| outer.interrupted.contains(&call.callee));
            }
            let over = state.calls.iter().any(|call| call.over || call.until <= now);
            let next = state.calls.iter().map(|call| call.until).min();
            state = match next {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let least = Duration::from_millis(1);
                    let left = if over { least } else { until.saturating_duration_since(Instant::now()).max(least) };
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Interrupts an instance and whatever it is calling. Says whether it is itself interrupted: the kernel may allow no
    /// more mappings, and then the next look tries again.
    fn interrupt(&self, instance: usize, drops: &[(usize, usize)], interrupted: &mut Vec<usize>) -> bool {
        if !interrupted.contains(&instance) {
            if self.instances[instance].interrupt.interrupt().is_err() {
                return false;
            }
            interrupted.push(instance);
        }
        let dropped = drops.iter().filter(|(by, _)| *by == instance).map(|(_, definer)| definer);
        for &callee in self.instances[instance].callees.iter().chain(dropped) {
            if self.gates[callee].entered() && !self.instances[callee].shared {
                self.interrupt(callee, drops, interrupted);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_loader::Group;
    use std::sync::atomic::AtomicPtr;

    const SOON: Option<Duration> = Some(Duration::from_millis(20));

    fn interrupted(handle: &InterruptHandle) -> bool {
        let end = Instant::now() + Duration::from_secs(10);
        while !handle.requested() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        handle.requested()
    }

    /// Instances of which the first calls the second.
    struct Two {
        groups: [Group; 2],
        gates: Arc<[Gate]>,
        deadlines: Deadlines,
    }

    fn two(limits: [Option<Duration>; 2], shared: bool) -> Two {
        let groups = [Group::new().unwrap(), Group::new().unwrap()];
        for group in &groups {
            // As if code of it ran.
            let entered: &'static _ = Box::leak(Box::new(AtomicPtr::new(std::ptr::dangling_mut())));
            group.interrupt_handle().watch(entered);
        }
        let gates: Arc<[Gate]> = [Gate::default(), Gate::default()].into();
        let watched = |i: usize| Watched {
            interrupt: groups[i].interrupt_handle(),
            limit: limits[i],
            shared: shared && i == 1,
            callees: if i == 0 { vec![1] } else { Vec::new() },
        };
        let deadlines = Deadlines::new(vec![watched(0), watched(1)], Arc::clone(&gates), Arc::default());
        Two { groups, gates, deadlines }
    }

    #[test]
    fn a_call_ends_with_its_time_and_so_does_what_it_has_called() {
        let two = two([SOON, None], false);
        assert!(two.deadlines.begin(None, 0).unwrap());
        two.gates[0].set_entered(true);
        assert!(!two.deadlines.begin(Some(0), 1).unwrap());
        two.gates[1].set_entered(true);
        assert!(two.groups.iter().all(|group| interrupted(&group.interrupt_handle())));
        two.gates.iter().for_each(|gate| gate.set_entered(false));
        assert!(two.deadlines.end());
        assert!(!two.groups[1].interrupt_handle().requested(), "it may be called again");
    }

    #[test]
    fn what_is_called_when_time_is_over_is_found_too() {
        let two = two([SOON, None], false);
        assert!(two.deadlines.begin(None, 0).unwrap());
        two.gates[0].set_entered(true);
        assert!(interrupted(&two.groups[0].interrupt_handle()));
        assert!(!two.groups[1].interrupt_handle().requested());
        // Compiled code had looked just before.
        two.gates[1].set_entered(true);
        assert!(interrupted(&two.groups[1].interrupt_handle()));
    }

    #[test]
    fn the_time_in_which_values_are_carried_is_not_held_against_who_waits_for_them() {
        let two = two([SOON, None], false);
        // No code of it runs, though it is being called.
        let waiting: &'static _ = Box::leak(Box::new(AtomicPtr::new(std::ptr::null_mut())));
        two.groups[0].interrupt_handle().watch(waiting);
        assert!(two.deadlines.begin(None, 0).unwrap());
        two.gates[0].set_entered(true);
        std::thread::sleep(Duration::from_millis(100));
        assert!(!two.deadlines.end());
    }

    #[test]
    fn who_is_late_calls_nobody_else() {
        let two = two([SOON, SOON], false);
        assert!(two.deadlines.begin(None, 0).unwrap());
        assert!(interrupted(&two.groups[0].interrupt_handle()));
        assert!(two.deadlines.over(0) && two.deadlines.begin(Some(0), 1).is_err());
        assert!(two.deadlines.end());
        assert!(two.deadlines.begin(Some(0), 1).is_ok(), "the next call is another");
    }

    #[test]
    fn what_others_share_is_ended_by_no_time_but_its_own() {
        for own in [None, Some(Duration::from_secs(60))] {
            let two = two([SOON, own], true);
            assert!(two.deadlines.begin(None, 0).unwrap());
            two.gates[0].set_entered(true);
            assert_eq!(two.deadlines.begin(Some(0), 1).unwrap(), own.is_some());
            two.gates[1].set_entered(true);
            assert!(interrupted(&two.groups[0].interrupt_handle()));
            std::thread::sleep(Duration::from_millis(20));
            assert!(!two.groups[1].interrupt_handle().requested());
            if own.is_some() {
                assert!(!two.deadlines.end());
            }
            assert!(two.deadlines.end());
        }
    }
}
