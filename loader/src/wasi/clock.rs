//! Clocks.

use super::ctx::WasiCtx;
use super::errno::Errno;
use super::memory::GuestMemory;
use super::types::nanoseconds;
use rustix::time::{ClockId, clock_getres, clock_gettime};

/// Which clocks a guest reads. In place of the host's there is one for all, real time, monotonic and of the processor; with
/// it nothing can be measured, and a guest that sleeps wakes up at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockSource {
    /// The host's.
    Host,
    /// The host's, in steps: what it shows is a multiple of `resolution_ns`, so that less can be measured with it.
    Coarse {
        /// The length of a step in nanoseconds; at least 1.
        resolution_ns: u64,
    },
    /// One that stands still for ever.
    Fixed {
        /// What it shows, in nanoseconds since 1970.
        ns: u64,
    },
    /// One that stands still until the guest sleeps, and then has jumped to where that would wake up.
    Virtual {
        /// What it shows first, in nanoseconds since 1970.
        start_ns: u64,
    },
}

/// The clocks of one guest.
#[derive(Debug)]
pub(super) enum Clocks {
    Host { resolution_ns: u64 },
    Fixed { ns: u64 },
    Virtual { now_ns: u64 },
}

impl From<ClockSource> for Clocks {
    fn from(source: ClockSource) -> Clocks {
        match source {
            ClockSource::Host => Clocks::HOST,
            ClockSource::Coarse { resolution_ns } => Clocks::Host { resolution_ns: resolution_ns.max(1) },
            ClockSource::Fixed { ns } => Clocks::Fixed { ns },
            ClockSource::Virtual { start_ns } => Clocks::Virtual { now_ns: start_ns },
        }
    }
}

/// The resolution that a clock claims that is not the host's, in nanoseconds.
const VIRTUAL_RESOLUTION_NS: u64 = 1;

/// A clock of preview 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    Realtime,
    Monotonic,
    ProcessCpuTime,
    ThreadCpuTime,
}

impl Clock {
    pub(super) fn from_raw(raw: u32) -> Result<Clock, Errno> {
        match raw {
            0 => Ok(Clock::Realtime),
            1 => Ok(Clock::Monotonic),
            2 => Ok(Clock::ProcessCpuTime),
            3 => Ok(Clock::ThreadCpuTime),
            _ => Err(Errno::INVAL),
        }
    }

    fn host(self) -> ClockId {
        match self {
            Clock::Realtime => ClockId::Realtime,
            Clock::Monotonic => ClockId::Monotonic,
            Clock::ProcessCpuTime => ClockId::ProcessCPUTime,
            Clock::ThreadCpuTime => ClockId::ThreadCPUTime,
        }
    }
}

impl Clocks {
    /// The host's, as exact as they are.
    pub(super) const HOST: Clocks = Clocks::Host { resolution_ns: 1 };

    /// What a clock shows, in nanoseconds.
    pub(super) fn now_ns(&self, clock: Clock) -> u64 {
        match self {
            Clocks::Host { resolution_ns } => {
                let now = clock_gettime(clock.host());
                let now = nanoseconds(now.tv_sec, now.tv_nsec as i64);
                if *resolution_ns == 1 { now } else { now - now % resolution_ns }
            }
            Clocks::Fixed { ns: now_ns } | Clocks::Virtual { now_ns } => *now_ns,
        }
    }

    fn resolution_ns(&self, clock: Clock) -> u64 {
        match self {
            Clocks::Host { resolution_ns } => {
                let resolution = clock_getres(clock.host());
                nanoseconds(resolution.tv_sec, resolution.tv_nsec as i64).max(*resolution_ns)
            }
            Clocks::Fixed { .. } | Clocks::Virtual { .. } => VIRTUAL_RESOLUTION_NS,
        }
    }
}

/// Writes the resolution of a clock in nanoseconds. `INVAL` for a clock that there is not.
pub fn clock_res_get(ctx: &mut WasiCtx, mem: &mut GuestMemory<'_>, id: u32, resolution: u32) -> Result<(), Errno> {
    mem.write_u64(resolution, ctx.clocks.resolution_ns(Clock::from_raw(id)?))
}

/// Writes the time of a clock in nanoseconds. `INVAL` for a clock that there is not. The clocks are as exact as they are,
/// whatever precision the guest would be content with.
pub fn clock_time_get(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    id: u32,
    _precision_ns: u64,
    time: u32,
) -> Result<(), Errno> {
    mem.write_u64(time, ctx.clocks.now_ns(Clock::from_raw(id)?))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Guest;
    use super::*;

    fn with(source: ClockSource) -> Guest {
        let mut builder = WasiCtx::builder();
        builder.clock(source);
        Guest::with(builder.build().unwrap())
    }

    #[test]
    fn a_coarse_clock_shows_whole_steps() {
        let mut guest = with(ClockSource::Coarse { resolution_ns: 10_000_000 });
        for id in 0..2 {
            guest.call(|ctx, mem| clock_res_get(ctx, mem, id, 0)).unwrap();
            assert_eq!(guest.u64_at(0), 10_000_000);
            guest.call(|ctx, mem| clock_time_get(ctx, mem, id, 0, 0)).unwrap();
            assert!(guest.u64_at(0) > 0 && guest.u64_at(0).is_multiple_of(10_000_000));
        }
    }

    #[test]
    fn the_clocks_of_the_host_run() {
        let mut guest = with(ClockSource::Host);
        for id in 0..4 {
            guest.call(|ctx, mem| clock_res_get(ctx, mem, id, 0)).unwrap();
            assert!((1..=100_000_000).contains(&guest.u64_at(0)), "clock {id}");
            guest.call(|ctx, mem| clock_time_get(ctx, mem, id, 0, 0)).unwrap();
            guest.call(|ctx, mem| clock_time_get(ctx, mem, id, 0, 8)).unwrap();
            assert!(0 < guest.u64_at(0) && guest.u64_at(0) <= guest.u64_at(8), "clock {id}");
        }
        assert_eq!(guest.call(|ctx, mem| clock_time_get(ctx, mem, 4, 0, 0)), Err(Errno::INVAL));
        assert_eq!(guest.call(|ctx, mem| clock_res_get(ctx, mem, u32::MAX, 0)), Err(Errno::INVAL));
        assert_eq!(guest.call(|ctx, mem| clock_time_get(ctx, mem, 0, 0, 65_529)), Err(Errno::FAULT));
    }

    #[test]
    fn other_clocks_stand_still() {
        let (fixed, virtual_) = (ClockSource::Fixed { ns: 77 }, ClockSource::Virtual { start_ns: 5 << 60 });
        for (mut guest, now_ns) in [(Guest::with(WasiCtx::inert()), 0), (with(fixed), 77), (with(virtual_), 5 << 60)] {
            for id in 0..4 {
                guest.bytes.fill(1);
                guest.call(|ctx, mem| clock_time_get(ctx, mem, id, 0, 0)).unwrap();
                guest.call(|ctx, mem| clock_res_get(ctx, mem, id, 8)).unwrap();
                assert_eq!((guest.u64_at(0), guest.u64_at(8)), (now_ns, 1));
            }
            assert_eq!(guest.call(|ctx, mem| clock_time_get(ctx, mem, 4, 0, 0)), Err(Errno::INVAL));
        }
    }
}
