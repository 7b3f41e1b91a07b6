//! Waiting: for times, and for streams to be ready.
//!
//! ```text
//! subscription, 48 bytes    0 userdata: u64    8 type: u8    16 clock: u32     24 timeout: u64    32 precision: u64    40 flags: u16
//!                                                            16 descriptor: u32
//! event, 32 bytes           0 userdata: u64    8 error: u16    10 type: u8    16 bytes ready: u64    24 flags: u16
//! ```

use super::clock::{Clock, Clocks};
use super::ctx::WasiCtx;
use super::descriptors::Kind;
use super::errno::Errno;
use super::memory::GuestMemory;
use super::types::Rights;
use super::wait::Stop;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd};

/// The most subscriptions of one call.
pub const MAX_SUBSCRIPTIONS: u32 = 4096;

const SUBSCRIPTION_BYTES: u32 = 48;
const EVENT_BYTES: u32 = 32;

/// The flag of a clock subscription whose timeout is a time and not a length of time.
const ABSOLUTE: u16 = 1;

/// The flag of an event whose peer has closed the stream.
const HANGUP: u16 = 1;

/// `eventtype`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum EventType {
    Clock = 0,
    Read = 1,
    Write = 2,
}

/// What becomes of one subscription.
enum Wait<'a> {
    /// It is decided.
    Done(Result<Ready, Errno>),
    /// It comes at this time of the host's monotonic clock, in nanoseconds.
    At(u64),
    /// It comes at this time of a virtual clock, in nanoseconds.
    AtVirtual(u64),
    /// It comes when the host's descriptor is ready.
    For(BorrowedFd<'a>),
}

/// What an event tells of a stream.
#[derive(Clone, Copy, Default)]
struct Ready {
    bytes: u64,
    flags: u16,
}

/// Waits until at least one of `count` subscriptions at `subscriptions` has come, writes the events of all that have at
/// `events`, and how many these are at `count_out`. `INVAL` for none, or more than [`MAX_SUBSCRIPTIONS`].
pub fn poll_oneoff(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    _began: &mut Option<u64>,
    subscriptions: u32,
    events: u32,
    count: u32,
    count_out: u32,
) -> Result<(), Stop> {
    if count == 0 || count > MAX_SUBSCRIPTIONS {
        return Err(Errno::INVAL.into());
    }
    mem.check_array(subscriptions, count, SUBSCRIPTION_BYTES)?;
    mem.check_array(events, count, EVENT_BYTES)?;
    mem.check(count_out, 4)?;

    let mut userdata = Vec::with_capacity(count as usize);
    let mut waits = Vec::with_capacity(count as usize);
    for index in 0..count {
        // The array was checked as a whole.
        let at = subscriptions + index * SUBSCRIPTION_BYTES;
        let kind = match mem.read::<1>(at, 8)? {
            [0] => EventType::Clock,
            [1] => EventType::Read,
            [2] => EventType::Write,
            _ => return Err(Errno::INVAL.into()),
        };
        let wait = match kind {
            EventType::Clock => {
                let clock = u32::from_le_bytes(mem.read(at, 16)?);
                let timeout_ns = u64::from_le_bytes(mem.read(at, 24)?);
                let flags = u16::from_le_bytes(mem.read(at, 40)?);
                wait_for_time(&ctx.clocks, clock, timeout_ns, flags)
            }
            EventType::Read | EventType::Write => {
                let fd = u32::from_le_bytes(mem.read(at, 16)?);
                wait_for_stream(ctx, fd, kind).unwrap_or_else(|errno| Wait::Done(Err(errno)))
            }
        };
        userdata.push((mem.read::<8>(at, 0)?, kind));
        waits.push(wait);
    }
    let woken_virtual_ns = wait_for_any(&userdata, &mut waits)?;

    let mut at = events;
    let mut written = 0;
    for ((userdata, kind), wait) in userdata.iter().zip(&waits) {
        let Wait::Done(result) = wait else { continue };
        let (error, ready) = match result {
            Ok(ready) => (0, *ready),
            Err(errno) => (errno.raw(), Ready::default()),
        };
        let mut event = [0; EVENT_BYTES as usize];
        event[0..8].copy_from_slice(userdata);
        event[8..10].copy_from_slice(&error.to_le_bytes());
        event[10] = *kind as u8;
        event[16..24].copy_from_slice(&ready.bytes.to_le_bytes());
        event[24..26].copy_from_slice(&ready.flags.to_le_bytes());
        mem.write(at, &event)?;
        at = at.saturating_add(EVENT_BYTES);
        written += 1;
    }
    if let (Clocks::Virtual { now_ns }, Some(woken_ns)) = (&mut ctx.clocks, woken_virtual_ns) {
        *now_ns = woken_ns.max(*now_ns);
    }
    Ok(mem.write_u32(count_out, written)?)
}

/// When a clock subscription comes. Time of the processor can't be waited for.
fn wait_for_time(clocks: &Clocks, clock: u32, timeout_ns: u64, flags: u16) -> Wait<'static> {
    let clock = match Clock::from_raw(clock) {
        Ok(clock @ (Clock::Realtime | Clock::Monotonic)) => clock,
        Ok(Clock::ProcessCpuTime | Clock::ThreadCpuTime) => return Wait::Done(Err(Errno::NOTSUP)),
        Err(errno) => return Wait::Done(Err(errno)),
    };
    let left_ns = match flags {
        0 => timeout_ns,
        ABSOLUTE => timeout_ns.saturating_sub(clocks.now_ns(clock)),
        _ => return Wait::Done(Err(Errno::INVAL)),
    };
    let at_ns = clocks.now_ns(Clock::Monotonic).saturating_add(left_ns);
    match clocks {
        Clocks::Host => Wait::At(at_ns),
        Clocks::Virtual { .. } => Wait::AtVirtual(at_ns),
    }
}

/// What a subscription to a descriptor waits for. Files and buffers are always ready.
fn wait_for_stream(ctx: &WasiCtx, fd: u32, kind: EventType) -> Result<Wait<'_>, Errno> {
    let descriptor = ctx.descriptors.get(fd)?;
    descriptor.require(match kind {
        EventType::Read => Rights::POLL_FD_READWRITE | Rights::FD_READ,
        _ => Rights::POLL_FD_READWRITE | Rights::FD_WRITE,
    })?;
    let host = match &descriptor.kind {
        Kind::Input(input) => input.host(),
        Kind::Output(output) => output.host(),
        Kind::File(file) if kind == EventType::Read => {
            let size = rustix::fs::fstat(&file.fd).map_or(0, |stat| stat.st_size.cast_unsigned());
            let bytes = size.saturating_sub(rustix::fs::tell(&file.fd).unwrap_or(0));
            return Ok(Wait::Done(Ok(Ready { bytes, flags: 0 })));
        }
        Kind::File(_) => None,
        Kind::Dir(_) => return Err(Errno::BADF),
    };
    Ok(host.map_or(Wait::Done(Ok(Ready::default())), Wait::For))
}

/// Waits until at least one subscription is decided, and decides all that can be. Returns the time to which a virtual
/// clock has moved meanwhile, if it has.
fn wait_for_any(kinds: &[([u8; 8], EventType)], waits: &mut [Wait<'_>]) -> Result<Option<u64>, Errno> {
    let earliest = |waits: &[Wait<'_>], pick: fn(&Wait<'_>) -> Option<u64>| waits.iter().filter_map(pick).min();
    let virtual_ns = earliest(waits, |wait| if let Wait::AtVirtual(at) = wait { Some(*at) } else { None });
    loop {
        let decided = waits.iter().any(|wait| matches!(wait, Wait::Done(_)));
        let deadline_ns = earliest(waits, |wait| if let Wait::At(at) = wait { Some(*at) } else { None });
        let timeout_ns = match (decided || virtual_ns.is_some(), deadline_ns) {
            (true, _) => Some(0),
            (false, Some(at)) => Some(at.saturating_sub(Clocks::Host.now_ns(Clock::Monotonic))),
            (false, None) => None,
        };
        poll_host(kinds, waits, timeout_ns)?;
        // Only the host's clock is read here: a guest without it has no such deadlines.
        if deadline_ns.is_some() {
            let now_ns = Clocks::Host.now_ns(Clock::Monotonic);
            decide(waits, |wait| matches!(wait, Wait::At(at) if *at <= now_ns));
        }
        if waits.iter().any(|wait| matches!(wait, Wait::Done(_))) {
            return Ok(None);
        }
        if let Some(woken_ns) = virtual_ns {
            decide(waits, |wait| matches!(wait, Wait::AtVirtual(at) if *at <= woken_ns));
            return Ok(Some(woken_ns));
        }
    }
}

fn decide(waits: &mut [Wait<'_>], come: impl Fn(&Wait<'_>) -> bool) {
    for wait in waits.iter_mut().filter(|wait| come(wait)) {
        *wait = Wait::Done(Ok(Ready::default()));
    }
}

/// Asks the host which of its descriptors are ready, waiting for at most `timeout_ns`.
fn poll_host(kinds: &[([u8; 8], EventType)], waits: &mut [Wait<'_>], timeout_ns: Option<u64>) -> Result<(), Errno> {
    let mut asked = Vec::new();
    let mut fds = Vec::new();
    for (index, wait) in waits.iter().enumerate() {
        if let Wait::For(fd) = wait {
            let events = if kinds[index].1 == EventType::Read { PollFlags::IN } else { PollFlags::OUT };
            asked.push(index);
            fds.push(PollFd::from_borrowed_fd(*fd, events));
        }
    }
    let timeout =
        timeout_ns.map(|ns| Timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as _ });
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) => {}
        // The caller's loop works out how much time is left.
        Err(rustix::io::Errno::INTR) => return Ok(()),
        Err(errno) => return Err(errno.into()),
    }
    for (index, fd) in asked.into_iter().zip(&fds) {
        let found = fd.revents();
        if found.is_empty() {
            continue;
        }
        let bytes = match kinds[index].1 {
            EventType::Read => rustix::io::ioctl_fionread(fd.as_fd()).unwrap_or(0),
            _ => 0,
        };
        let flags = if found.contains(PollFlags::HUP) { HANGUP } else { 0 };
        waits[index] =
            Wait::Done(if found.contains(PollFlags::NVAL) { Err(Errno::BADF) } else { Ok(Ready { bytes, flags }) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::dircap::DirAccess;
    use super::super::testing::{DIR, Guest, TempDir};
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
        let mut began = None;
        guest.call(|ctx, mem| poll_oneoff(ctx, mem, &mut began, 1024, 8192, count, 16))?;
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
        Clocks::Host.now_ns(Clock::from_raw(id).unwrap())
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
    fn what_is_ready_comes_before_what_is_due() {
        let dir = TempDir::new();
        dir.file("file", b"12345");
        let mut guest = Guest::new(&dir, DirAccess::ReadWrite);
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
        assert_eq!(wait(&mut guest, &subscriptions).unwrap(), [(1, 0, 1, 0), (2, 0, 2, 0), (3, badf, 1, 0)]);
    }

    #[test]
    fn host_streams_are_waited_for() {
        let (reader, writer) = std::io::pipe().unwrap();
        let kinds = [([0; 8], EventType::Read), ([0; 8], EventType::Clock)];
        let due = clock_now(1) + 20_000_000;
        let mut waits = [Wait::For(reader.as_fd()), Wait::At(due)];
        wait_for_any(&kinds, &mut waits).unwrap();
        assert!(matches!(waits, [Wait::For(_), Wait::Done(Ok(_))]) && clock_now(1) >= due);
        std::io::Write::write_all(&mut &writer, b"abc").unwrap();
        let mut waits = [Wait::For(reader.as_fd()), Wait::At(u64::MAX)];
        wait_for_any(&kinds, &mut waits).unwrap();
        assert!(matches!(waits, [Wait::Done(Ok(Ready { bytes: 3, flags: 0 })), Wait::At(_)]));
        drop(writer);
        let mut waits = [Wait::For(reader.as_fd()), Wait::At(u64::MAX)];
        wait_for_any(&kinds, &mut waits).unwrap();
        assert!(matches!(waits, [Wait::Done(Ok(Ready { bytes: 3, flags: HANGUP })), Wait::At(_)]));
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
            let call = guest.call(|ctx, mem| poll_oneoff(ctx, mem, &mut None, subscriptions, events, count, out));
            assert_eq!(call, Err(Errno::FAULT));
        }
        let call = guest.call(|ctx, mem| poll_oneoff(ctx, mem, &mut None, 0, 0, MAX_SUBSCRIPTIONS + 1, 16));
        assert_eq!(call, Err(Errno::INVAL));
    }
}
