//! Waiting: for times, and for streams to be ready.
//!
//! ```text
//! subscription, 48 bytes    0 userdata: u64    8 type: u8    16 clock: u32     24 timeout: u64    32 precision: u64    40 flags: u16
//!                                                            16 descriptor: u32
//! event, 32 bytes           0 userdata: u64    8 error: u16    10 type: u8    16 bytes ready: u64    24 flags: u16
//! ```
//!
//! In `wasi_unstable` what is said of a clock stands eight bytes further back: see [`Layout`](super::unstable::Layout).

use super::clock::{Clock, Clocks};
use super::ctx::WasiCtx;
use super::descriptors::Kind;
use super::errno::{Errno, retry};
use super::host_stream::HostStream;
use super::memory::GuestMemory;
use super::types::Rights;
use super::wait::{HostFd, Stop, Wait, monotonic_ns};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, AsRawFd, RawFd};
use std::collections::HashMap;

/// The most subscriptions of one call.
pub const MAX_SUBSCRIPTIONS: u32 = 4096;

const EVENT_BYTES: u32 = 32;

/// The flag of a clock subscription whose timeout is a time and not a length of time.
const ABSOLUTE: u16 = 1;

/// The flag of an event whose peer has closed the stream.
const HANGUP: u16 = 1;

/// `eventtype`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum EventType {
    Clock = 0,
    Read = 1,
    Write = 2,
}

/// One subscription, and what became of it.
pub(super) struct Subscription {
    userdata: [u8; 8],
    kind: EventType,
    pub(super) state: State,
}

/// What becomes of a subscription.
pub(super) enum State {
    /// It is decided.
    Done(Result<Ready, Errno>),
    /// It comes at this time of the host's monotonic clock, in nanoseconds.
    At(u64),
    /// It comes at this time of a clock that is not the host's, in nanoseconds.
    AtVirtual(u64),
    /// It comes when this one of the host's streams is ready.
    For(usize),
    /// It comes by a clock that another module answers for: by its number, a time or a length of time, in nanoseconds.
    Asked { clock: u8, timeout_ns: u64, absolute: bool },
    /// It comes when a socket is ready that another module answers for, and knows by this number.
    Socket(u32),
}

/// What an event tells of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ready {
    bytes: u64,
    flags: u16,
}

impl Ready {
    /// Of a socket that another module answers for, whose peer may have closed it.
    pub(super) fn of_socket(hangup: bool) -> Ready {
        Ready { bytes: 0, flags: if hangup { HANGUP } else { 0 } }
    }
}

/// The host's descriptors that are waited for, each once: `poll(2)` takes no more of them than a process may have open.
#[derive(Default)]
pub(super) struct Streams {
    streams: Vec<(HostFd, PollFlags)>,
    indices: HashMap<RawFd, usize>,
}

impl Streams {
    /// Adds one, and says which it is.
    fn add(&mut self, stream: &HostStream, kind: EventType) -> usize {
        let events = if kind == EventType::Read { PollFlags::IN } else { PollFlags::OUT };
        let next = self.streams.len();
        let index = *self.indices.entry(stream.as_fd().as_raw_fd()).or_insert(next);
        match self.streams.get_mut(index) {
            Some((_, asked)) => *asked |= events,
            None => self.streams.push((stream.host_fd(), events)),
        }
        index
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Decides of the subscriptions to those that are ready.
    pub(super) fn settle(&self, subscribed: &mut [Subscription]) -> Result<(), Errno> {
        let found = self.look()?;
        for subscription in subscribed {
            if let State::For(index) = subscription.state
                && let Some(result) = come(&self.streams[index].0, found[index], subscription.kind)
            {
                subscription.state = State::Done(result);
            }
        }
        Ok(())
    }

    /// What has come of each.
    fn look(&self) -> Result<Vec<PollFlags>, Errno> {
        if self.streams.is_empty() {
            return Ok(Vec::new());
        }
        let mut fds: Vec<PollFd<'_>> =
            self.streams.iter().map(|(fd, events)| PollFd::from_borrowed_fd(fd.as_fd(), *events)).collect();
        retry(|| poll(&mut fds, Some(&Timespec::default())))?;
        Ok(fds.iter().map(PollFd::revents).collect())
    }
}

/// Waits until at least one of `count` subscriptions at `subscriptions` has come, writes the events of all that have at
/// `events`, and how many these are at `count_out`. `INVAL` for none, or more than [`MAX_SUBSCRIPTIONS`].
pub fn poll_oneoff(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    count_out: u32,
) -> Result<(), Stop> {
    if count == 0 || count > MAX_SUBSCRIPTIONS {
        return Err(Errno::INVAL.into());
    }
    check_arrays(mem, subscriptions, events, count, count_out)?;

    let (mut subscribed, streams) = subscribe(ctx, mem, subscriptions, count)?;
    streams.settle(&mut subscribed)?;
    let earliest_ns = subscribed.iter().filter_map(|s| if let State::At(at) = s.state { Some(at) } else { None }).min();
    // The host's clock is read only by a guest that has it.
    if earliest_ns.is_some() {
        let now_ns = monotonic_ns();
        decide(&mut subscribed, |state| matches!(state, State::At(at) if *at <= now_ns));
    } else if let Clocks::Fixed { ns: now_ns } | Clocks::Virtual { now_ns } = ctx.clocks {
        decide(&mut subscribed, |state| matches!(state, State::AtVirtual(at) if *at <= now_ns));
    }
    if !subscribed.iter().any(Subscription::is_done) {
        let virtual_ns = |s: &Subscription| if let State::AtVirtual(at) = s.state { Some(at) } else { None };
        let Some(woken_ns) = subscribed.iter().filter_map(virtual_ns).min() else {
            return Err(Stop::Wait(Wait { streams: streams.streams, until_ns: earliest_ns }));
        };
        // Nothing else comes while the guest sleeps, so it wakes up at once.
        decide(&mut subscribed, |state| matches!(state, State::AtVirtual(at) if *at <= woken_ns));
        if let Clocks::Virtual { now_ns } = &mut ctx.clocks {
            *now_ns = woken_ns;
        }
    }
    ctx.denied = subscribed.iter().find_map(Subscription::denied);
    write_events(mem, &subscribed, events, count_out)
}

/// Checks where the subscriptions are, and where the events go.
pub(super) fn check_arrays(
    mem: &GuestMemory<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    count_out: u32,
) -> Result<(), Errno> {
    mem.check_array(subscriptions, count, mem.layout().subscription_bytes())?;
    mem.check_array(events, count, EVENT_BYTES)?;
    mem.check(count_out, 4)
}

/// Reads the subscriptions.
pub(super) fn subscribe(
    ctx: &WasiCtx,
    mem: &mut GuestMemory<'_>,
    subscriptions: u32,
    count: u32,
) -> Result<(Vec<Subscription>, Streams), Errno> {
    let layout = mem.layout();
    let clock_at = layout.clock_offset();
    let mut subscribed = Vec::with_capacity(count as usize);
    let mut streams = Streams::default();
    for index in 0..count {
        // The array was checked as a whole.
        let at = subscriptions + index * layout.subscription_bytes();
        let kind = match mem.read::<1>(at, 8)? {
            [0] => EventType::Clock,
            [1] => EventType::Read,
            [2] => EventType::Write,
            _ => return Err(Errno::INVAL),
        };
        let state = match kind {
            EventType::Clock => {
                let clock = u32::from_le_bytes(mem.read(at, clock_at)?);
                let timeout_ns = u64::from_le_bytes(mem.read(at, clock_at + 8)?);
                let flags = u16::from_le_bytes(mem.read(at, clock_at + 24)?);
                if ctx.virt.parts.clock {
                    subscribe_asked(clock, timeout_ns, flags)
                } else {
                    subscribe_clock(&ctx.clocks, &mut mem.attempt.began_ns, clock, timeout_ns, flags)
                }
            }
            EventType::Read | EventType::Write => {
                let fd = u32::from_le_bytes(mem.read(at, 16)?);
                subscribe_stream(ctx, &mut streams, fd, kind)
            }
        };
        let state = state.unwrap_or_else(|errno| State::Done(Err(errno)));
        subscribed.push(Subscription { userdata: mem.read(at, 0)?, kind, state });
    }
    Ok((subscribed, streams))
}

/// A subscription to a clock that another module answers for.
fn subscribe_asked(clock: u32, timeout_ns: u64, flags: u16) -> Result<State, Errno> {
    // Of what there is no clock, and what flags there are, is the same.
    subscribe_clock(&Clocks::Fixed { ns: 0 }, &mut None, clock, timeout_ns, flags)?;
    Ok(State::Asked { clock: clock as u8, timeout_ns, absolute: flags == ABSOLUTE })
}

/// When a clock subscription comes: a length of time is counted from when the call first `began`. Time of the processor
/// can't be waited for.
fn subscribe_clock(
    clocks: &Clocks,
    began: &mut Option<u64>,
    clock: u32,
    timeout_ns: u64,
    flags: u16,
) -> Result<State, Errno> {
    let clock = match Clock::from_raw(clock)? {
        clock @ (Clock::Realtime | Clock::Monotonic) => clock,
        Clock::ProcessCpuTime | Clock::ThreadCpuTime => return Err(Errno::NOTSUP),
    };
    let is_absolute = match flags {
        0 => false,
        ABSOLUTE => true,
        _ => return Err(Errno::INVAL),
    };
    Ok(match clocks {
        Clocks::Host { .. } if is_absolute => {
            State::At(monotonic_ns().saturating_add(timeout_ns.saturating_sub(clocks.now_ns(clock))))
        }
        Clocks::Host { .. } => State::At(began.get_or_insert_with(monotonic_ns).saturating_add(timeout_ns)),
        Clocks::Fixed { .. } | Clocks::Virtual { .. } if is_absolute => State::AtVirtual(timeout_ns),
        Clocks::Fixed { ns: now_ns } | Clocks::Virtual { now_ns } => {
            State::AtVirtual(now_ns.saturating_add(timeout_ns))
        }
    })
}

/// What a subscription to a descriptor waits for. Files and buffers are always ready.
fn subscribe_stream(ctx: &WasiCtx, streams: &mut Streams, fd: u32, kind: EventType) -> Result<State, Errno> {
    let descriptor = ctx.descriptors.get(fd)?;
    descriptor.require(match kind {
        EventType::Read => Rights::POLL_FD_READWRITE | Rights::FD_READ,
        _ => Rights::POLL_FD_READWRITE | Rights::FD_WRITE,
    })?;
    let (stream, bytes) = match &descriptor.kind {
        Kind::Input(input) => (input.stream(), input.left()),
        Kind::Output(output) => (output.stream(), 0),
        Kind::Socket(socket) => (Some(socket.stream()), 0),
        Kind::File(file) => {
            let file = file.enter()?;
            let left = |file| {
                let size = rustix::fs::fstat(&file).map_or(0, |stat| stat.st_size.cast_unsigned());
                size.saturating_sub(rustix::fs::tell(&file).unwrap_or(0))
            };
            (None, if kind == EventType::Read { left(file) } else { 0 })
        }
        Kind::Virtual(file) => return file.subscribed(),
        Kind::Dir(_) => return Err(Errno::BADF),
    };
    Ok(match stream {
        Some(stream) => State::For(streams.add(stream, kind)),
        None => State::Done(Ok(Ready { bytes, flags: 0 })),
    })
}

/// What has come for a subscription to a stream of which `found` was found.
fn come(fd: &HostFd, found: PollFlags, kind: EventType) -> Option<Result<Ready, Errno>> {
    let asked = if kind == EventType::Read { PollFlags::IN } else { PollFlags::OUT };
    if found.contains(PollFlags::NVAL) {
        return Some(Err(Errno::BADF));
    }
    if !found.intersects(asked | PollFlags::HUP | PollFlags::ERR) {
        return None;
    }
    let bytes = if kind == EventType::Read { rustix::io::ioctl_fionread(fd).unwrap_or(0) } else { 0 };
    Some(Ok(Ready { bytes, flags: if found.contains(PollFlags::HUP) { HANGUP } else { 0 } }))
}

pub(super) fn decide(subscribed: &mut [Subscription], has_come: impl Fn(&State) -> bool) {
    for subscription in subscribed.iter_mut().filter(|subscription| has_come(&subscription.state)) {
        subscription.state = State::Done(Ok(Ready::default()));
    }
}

impl Subscription {
    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done(_))
    }

    /// Whether it is for reading.
    pub(super) fn reads(&self) -> bool {
        self.kind == EventType::Read
    }

    /// The error of a subscription that was denied.
    fn denied(&self) -> Option<Errno> {
        match self.state {
            State::Done(Err(errno)) if errno.rule().is_some() => Some(errno),
            _ => None,
        }
    }
}

/// Writes the events of what has come, and how many.
pub(super) fn write_events(
    mem: &mut GuestMemory<'_>,
    subscribed: &[Subscription],
    events: u32,
    count_out: u32,
) -> Result<(), Stop> {
    let mut at = events;
    let mut written = 0;
    for subscription in subscribed {
        let State::Done(result) = subscription.state else { continue };
        let (error, ready) = match result {
            Ok(ready) => (0, ready),
            Err(errno) => (errno.raw(), Ready::default()),
        };
        let mut event = [0; EVENT_BYTES as usize];
        event[0..8].copy_from_slice(&subscription.userdata);
        event[8..10].copy_from_slice(&error.to_le_bytes());
        event[10] = subscription.kind as u8;
        event[16..24].copy_from_slice(&ready.bytes.to_le_bytes());
        event[24..26].copy_from_slice(&ready.flags.to_le_bytes());
        mem.write(at, &event)?;
        at = at.saturating_add(EVENT_BYTES);
        written += 1;
    }
    Ok(mem.write_u32(count_out, written)?)
}

#[cfg(test)]
mod tests {
    use super::super::clock::ClockSource;
    use super::super::errno::Rule;
    use super::super::grant::DirGrant;
    use super::super::stdio::Input;
    use super::super::testing::{DIR, Guest, TempDir};
    use super::super::unstable::Layout;
    use super::super::wait::Attempt;
    use super::*;
    use std::time::{Duration, Instant};

    fn clock(userdata: u64, clock: u32, timeout_ns: u64, flags: u16) -> [u8; 48] {
        let mut out = [0; 48];
        out[0..8].copy_from_slice(&userdata.to_le_bytes());
        out[16..20].copy_from_slice(&clock.to_le_bytes());
        out[24..32].copy_from_slice(&timeout_ns.to_le_bytes());
        out[40..42].copy_from_slice(&flags.to_le_bytes());
        out
    }

    fn stream(userdata: u64, kind: EventType, fd: u32) -> [u8; 48] {
        let mut out = [0; 48];
        out[0..8].copy_from_slice(&userdata.to_le_bytes());
        out[8] = kind as u8;
        out[16..20].copy_from_slice(&fd.to_le_bytes());
        out
    }

    /// The events: userdata, error, type, bytes.
    fn wait(guest: &mut Guest, subscriptions: &[[u8; 48]]) -> Result<Vec<(u64, u16, u8, u64)>, Errno> {
        guest.put(1024, &subscriptions.concat());
        let count = subscriptions.len() as u32;
        guest.call(|ctx, mem| poll_oneoff(ctx, mem, 1024, 8192, count, 16))?;
        let event = |at: usize| {
            let error = u16::from_le_bytes([guest.bytes[at + 8], guest.bytes[at + 9]]);
            (guest.u64_at(at), error, guest.bytes[at + 10], guest.u64_at(at + 16))
        };
        Ok((0..guest.u32_at(16) as usize).map(|index| event(8192 + 32 * index)).collect())
    }

    fn host_clocks() -> Guest {
        let mut builder = WasiCtx::builder();
        builder.host_clocks().stdin_bytes("x");
        builder.capture_stdout(10);
        Guest::with(builder.build().unwrap())
    }

    #[test]
    fn sleeping_takes_its_time() {
        let mut guest = host_clocks();
        let millis = 1_000_000;
        let real = clock_now(0);
        let cases = [
            vec![clock(7, 1, 30 * millis, 0)],
            vec![clock(7, 0, 30 * millis, 0), clock(8, 1, 1 << 60, 0)],
            vec![clock(8, 1, u64::MAX, 0), clock(7, 0, real + 50 * millis, 1)],
        ];
        for subscriptions in cases {
            let start = Instant::now();
            assert_eq!(wait(&mut guest, &subscriptions).unwrap(), [(7, 0, 0, 0)]);
            assert!(start.elapsed() < Duration::from_secs(5));
        }
        assert!(clock_now(0) >= real + 50 * millis);
        let past = [clock(1, 1, 5, 1), clock(2, 0, 0, 0)];
        assert_eq!(wait(&mut guest, &past).unwrap().len(), 2);
    }

    fn clock_now(id: u32) -> u64 {
        Clocks::HOST.now_ns(Clock::from_raw(id).unwrap())
    }

    #[test]
    fn a_virtual_sleep_is_over_at_once() {
        let mut guest = Guest::with(WasiCtx::inert());
        let hour = 3_600_000_000_000;
        let start = Instant::now();
        let events = wait(&mut guest, &[clock(1, 1, hour, 0), clock(2, 0, 2 * hour, 0), clock(3, 0, hour, 1)]).unwrap();
        assert_eq!(events, [(1, 0, 0, 0), (3, 0, 0, 0)]);
        assert!(start.elapsed() < Duration::from_secs(60));
        assert_eq!(guest.ctx.clocks.now_ns(Clock::Realtime), hour);
    }

    #[test]
    fn a_sleep_by_a_fixed_clock_is_over_at_once_and_no_time_has_passed() {
        let mut builder = WasiCtx::builder();
        builder.clock(ClockSource::Fixed { ns: 100 });
        let mut guest = Guest::with(builder.build().unwrap());
        let events = wait(&mut guest, &[clock(1, 1, 1 << 50, 0), clock(2, 0, 1 << 60, 1), clock(3, 0, 7, 1)]).unwrap();
        assert_eq!(events, [(3, 0, 0, 0)]);
        let events =
            wait(&mut guest, &[clock(1, 1, 0, 0), clock(2, 0, 100, 1), clock(3, 0, 7, 1), clock(4, 0, 1, 0)]).unwrap();
        assert_eq!(events, [(1, 0, 0, 0), (2, 0, 0, 0), (3, 0, 0, 0)], "all that is due already");
        assert_eq!(wait(&mut guest, &[clock(1, 0, u64::MAX, 0)]).unwrap(), [(1, 0, 0, 0)]);
        assert_eq!(guest.ctx.clocks.now_ns(Clock::Realtime), 100);
    }

    #[test]
    fn the_older_definition_has_clocks_further_back() {
        let mut guest = host_clocks();
        guest.layout = Layout::Unstable;
        for subscriptions in [[clock(7, 1, 1_000_000, 0), clock(8, 1, u64::MAX, 0)], [stream(7, EventType::Read, 0); 2]]
        {
            let subscriptions = subscriptions.map(|subscription| {
                let (head, body) = subscription.split_at(16);
                let identifier = if subscription[8] == 0 { &[0xee; 8][..] } else { &[] };
                let mut moved = [head, identifier, body].concat();
                moved.resize(56, 0);
                moved
            });
            guest.put(1024, &subscriptions.concat());
            guest.call(|ctx, mem| poll_oneoff(ctx, mem, 1024, 8192, 2, 16)).unwrap();
            assert_eq!((guest.u64_at(8192), guest.bytes[8200]), (7, 0));
        }
        assert_eq!(guest.u32_at(16), 2, "a stream is where it always was");
    }

    #[test]
    fn what_is_ready_comes_before_what_is_due() {
        let dir = TempDir::new();
        dir.file("file", b"12345");
        let mut guest = Guest::new(&dir, DirGrant::all());
        let fd = guest.open("file", 0, Rights::FILE, 0).unwrap();
        guest.read(fd, 2).unwrap();
        let subscriptions = [
            clock(1, 1, 1 << 60, 0),
            stream(2, EventType::Read, fd),
            stream(3, EventType::Write, fd),
            stream(4, EventType::Read, 99),
            stream(5, EventType::Read, DIR),
            clock(6, 9, 0, 0),
            clock(7, 2, 0, 0),
        ];
        let (badf, inval, notsup) = (Errno::BADF.raw(), Errno::INVAL.raw(), Errno::NOTSUP.raw());
        assert_eq!(
            wait(&mut guest, &subscriptions).unwrap(),
            [(2, 0, 1, 3), (3, 0, 2, 0), (4, badf, 1, 0), (5, badf, 1, 0), (6, inval, 0, 0), (7, notsup, 0, 0)]
        );
        let mut guest = host_clocks();
        let subscriptions =
            [stream(1, EventType::Read, 0), stream(2, EventType::Write, 1), stream(3, EventType::Read, 1)];
        assert_eq!(wait(&mut guest, &subscriptions).unwrap(), [(1, 0, 1, 1), (2, 0, 2, 0), (3, badf, 1, 0)]);
    }

    #[test]
    fn host_streams_are_waited_for() {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut builder = WasiCtx::builder();
        builder.host_clocks().stdin(Input::File(reader.into()));
        let mut guest = Guest::with(builder.build().unwrap());
        let due = clock_now(1) + 20_000_000;
        let subscriptions = |due| [stream(1, EventType::Read, 0), clock(2, 1, due, 1), stream(3, EventType::Read, 0)];
        assert_eq!(wait(&mut guest, &subscriptions(due)).unwrap(), [(2, 0, 0, 0)]);
        assert!(clock_now(1) >= due);
        let start = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(20));
                std::io::Write::write_all(&mut &writer, b"abc").unwrap();
            });
            let ready = wait(&mut guest, &subscriptions(u64::MAX)).unwrap();
            assert_eq!(ready, [(1, 0, 1, 3), (3, 0, 1, 3)]);
        });
        assert!(start.elapsed() >= Duration::from_millis(20));
        drop(writer);
        assert_eq!(wait(&mut guest, &subscriptions(u64::MAX)).unwrap(), [(1, 0, 1, 3), (3, 0, 1, 3)]);
        assert_eq!(guest.bytes[8192 + 24], HANGUP as u8);
    }

    #[test]
    fn as_many_subscriptions_as_there_may_be_are_one_descriptor_of_the_host() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let mut builder = WasiCtx::builder();
        builder.stdin(Input::File(reader.into()));
        let mut guest = Guest::with(builder.build().unwrap());
        guest.bytes = vec![0; 1 << 20];
        let subscription = stream(9, EventType::Read, 0);
        guest.put(1024, &subscription.repeat(MAX_SUBSCRIPTIONS as usize));
        let mut mem = GuestMemory::new(&mut guest.bytes);
        let call = poll_oneoff(&mut guest.ctx, &mut mem, 1024, 1 << 19, MAX_SUBSCRIPTIONS, 16);
        let Err(Stop::Wait(wait)) = call else { panic!("{call:?}") };
        assert_eq!((wait.streams.len(), wait.until_ns), (1, None));
    }

    #[test]
    fn a_sleep_that_is_begun_again_does_not_begin_anew() {
        let mut guest = host_clocks();
        guest.put(1024, &clock(7, 0, 1 << 40, 0));
        let mut attempt = Attempt::default();
        let mut ends = [0; 2];
        for end in &mut ends {
            let mut mem = GuestMemory::new(&mut guest.bytes).again(Layout::Preview1, attempt);
            let call = poll_oneoff(&mut guest.ctx, &mut mem, 1024, 8192, 1, 16);
            attempt = mem.attempt;
            let Err(Stop::Wait(Wait { until_ns: Some(until_ns), .. })) = call else { panic!("{call:?}") };
            *end = until_ns;
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(ends[0], ends[1]);
    }

    #[test]
    fn a_denied_subscription_is_told_to_the_audit() {
        let mut guest = host_clocks();
        wait(&mut guest, &[clock(1, 9, 0, 0)]).unwrap();
        assert_eq!(guest.ctx.denied, None, "a mistake is no denial");
        wait(&mut guest, &[clock(1, 0, 0, 0), stream(2, EventType::Read, 99)]).unwrap();
        assert_eq!(guest.ctx.denied.and_then(Errno::rule), Some(Rule::NoDescriptor));
    }

    #[test]
    fn bad_calls_are_refused_before_waiting() {
        let mut guest = host_clocks();
        assert_eq!(wait(&mut guest, &[]).unwrap_err(), Errno::INVAL);
        let mut odd = clock(1, 1, u64::MAX, 0);
        odd[8] = 3;
        assert_eq!(wait(&mut guest, &[odd]).unwrap_err(), Errno::INVAL);
        guest.put(1024, &clock(1, 1, u64::MAX, 0));
        for (subscriptions, events, count, out) in
            [(65_500, 0, 1, 16), (1024, 65_510, 1, 16), (1024, 0, 1, 65_534), (1024, 0, 4000, 16), (u32::MAX, 0, 1, 16)]
        {
            let call = guest.call(|ctx, mem| poll_oneoff(ctx, mem, subscriptions, events, count, out));
            assert_eq!(call, Err(Errno::FAULT));
        }
        let call = guest.call(|ctx, mem| poll_oneoff(ctx, mem, 0, 0, MAX_SUBSCRIPTIONS + 1, 16));
        assert_eq!(call, Err(Errno::INVAL));
    }
}
