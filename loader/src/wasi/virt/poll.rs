//! Waiting, where another module answers for the clock or for sockets. Its files and streams are always ready.
//!
//! What is the host's is looked at first, without waiting. If nothing is ready, the module that answers sleeps, or waits for
//! its sockets, for as long as is left; then the time has come, whatever its clock shows.

use super::super::errno::Errno;
use super::super::poll::{
    MAX_SUBSCRIPTIONS, Ready, State, Streams, Subscription, check_arrays, decide, subscribe, write_events,
};
use super::super::wait::{Attempt, monotonic_ns};
use super::front::Front;
use super::{Answer, Halt, bits};

/// How long sockets are waited for while the host's streams are waited for too.
const LOOK_NS: u64 = 5_000_000;

/// `poll_oneoff`
pub fn poll_oneoff(front: &mut Front<'_>, subscriptions: u32, events: u32, count: u32, count_out: u32) -> Answer<()> {
    let parts = front.parts()?;
    if !(parts.fs || parts.stdio || parts.clock || parts.net) || count == 0 || count > MAX_SUBSCRIPTIONS {
        return Err(Halt::Real);
    }
    if parts.fs || parts.net {
        // Time passes even for a guest whose files can't be had.
        match front.ready() {
            Err(Halt::Errno(_)) => {}
            ready => ready?,
        }
    }
    let mut attempt = Attempt::default();
    // How much of the time of each subscription is left, if it is to be had from whoever answers.
    let mut left_ns: Option<Vec<Option<u64>>> = None;
    loop {
        let (ctx, mut mem) = (front.ctx, front.mem()?);
        check_arrays(&mem, subscriptions, events, count, count_out)?;
        mem.attempt = attempt;
        let (mut subscribed, streams) = {
            let ctx = ctx.lock().map_err(|_poisoned| Errno::NOTRECOVERABLE)?;
            subscribe(&ctx, &mut mem, subscriptions, count)?
        };
        attempt = mem.attempt;
        if !subscribed.iter().any(|s| matches!(s.state, State::Asked { .. } | State::Socket(_))) {
            return Err(Halt::Real);
        }
        let left_ns = match &mut left_ns {
            Some(left_ns) => left_ns,
            none => none.insert(times(front, &subscribed)?),
        };
        if !look(front, &mut subscribed, &streams, left_ns, Some(0))? {
            let virtual_ns = left_ns.iter().flatten().min().copied();
            let real_ns = subscribed.iter().filter_map(|s| if let State::At(at) = s.state { Some(at) } else { None });
            let real_ns = real_ns.min().map(|at| at.saturating_sub(monotonic_ns()));
            let look_ns = if streams.is_empty() { None } else { Some(LOOK_NS) };
            if subscribed.iter().any(|s| matches!(s.state, State::Socket(_))) {
                let timeout_ns = [virtual_ns, real_ns, look_ns].into_iter().flatten().min();
                let passed_ns = timeout_ns.unwrap_or_default();
                if !look(front, &mut subscribed, &streams, left_ns, timeout_ns)? {
                    // Nothing of it was ready, so all of that time is over.
                    left_ns.iter_mut().flatten().for_each(|left| *left = left.saturating_sub(passed_ns));
                    continue;
                }
            } else if let Some(left) = virtual_ns {
                front.answers.sleep(left)?;
                left_ns.iter_mut().flatten().for_each(|at| *at = at.saturating_sub(left));
                look(front, &mut subscribed, &streams, left_ns, Some(0))?;
            }
        }
        return Ok(write_events(&mut front.mem()?, &subscribed, events, count_out)?);
    }
}

/// How much of the time of each subscription is left.
fn times(front: &mut Front<'_>, subscribed: &[Subscription]) -> Answer<Vec<Option<u64>>> {
    let mut now_ns = [None; 2];
    let mut left_ns = Vec::with_capacity(subscribed.len());
    for subscription in subscribed {
        let State::Asked { clock, timeout_ns, absolute } = subscription.state else {
            left_ns.push(None);
            continue;
        };
        left_ns.push(Some(if absolute {
            let known = &mut now_ns[usize::from(clock.min(1))];
            let now = match *known {
                Some(now) => now,
                None => *known.insert(front.answers.now(clock)?),
            };
            timeout_ns.saturating_sub(now)
        } else {
            timeout_ns
        }));
    }
    Ok(left_ns)
}

/// Decides of what is ready; says whether anything is. Sockets are waited for as long as `timeout_ns` says.
fn look(
    front: &mut Front<'_>,
    subscribed: &mut [Subscription],
    streams: &Streams,
    left_ns: &[Option<u64>],
    timeout_ns: Option<u64>,
) -> Answer<bool> {
    streams.settle(subscribed)?;
    for (subscription, left) in subscribed.iter_mut().zip(left_ns) {
        if *left == Some(0) {
            subscription.state = State::Done(Ok(Ready::default()));
        }
    }
    if subscribed.iter().any(|s| matches!(s.state, State::At(_))) {
        let now_ns = monotonic_ns();
        decide(subscribed, |state| matches!(state, State::At(at) if *at <= now_ns));
    }
    // A clock that stands still jumps: with sockets of somebody else's it is not known when nothing else comes.
    decide(subscribed, |state| matches!(state, State::AtVirtual(_)));
    let done = subscribed.iter().any(Subscription::is_done);
    sockets(front, subscribed, if done { Some(0) } else { timeout_ns })?;
    Ok(subscribed.iter().any(Subscription::is_done))
}

/// Asks for the sockets among them.
fn sockets(front: &mut Front<'_>, subscribed: &mut [Subscription], timeout_ns: Option<u64>) -> Answer<()> {
    let mut asked = Vec::new();
    for subscription in subscribed.iter() {
        if let State::Socket(node) = subscription.state {
            asked.push((node, if subscription.reads() { bits::READ } else { bits::WRITE }));
        }
    }
    if asked.is_empty() {
        return Ok(());
    }
    let found = front.answers.poll_sockets(&asked, timeout_ns)?;
    if found.len() != asked.len() {
        return Err(Halt::Broken(format!("it was asked of {} sockets, and told of {}", asked.len(), found.len())));
    }
    let mut found = found.into_iter();
    for subscription in subscribed.iter_mut().filter(|s| matches!(s.state, State::Socket(_))) {
        let Some(ready) = found.next() else { break };
        let wanted = if subscription.reads() { bits::READ } else { bits::WRITE };
        if ready & (wanted | bits::HANGUP) != 0 {
            subscription.state = State::Done(Ok(Ready::of_socket(ready & bits::HANGUP != 0)));
        }
    }
    Ok(())
}
