//! Clocks.

use super::ctx::WasiCtx;
use super::errno::Errno;
use super::memory::GuestMemory;
use super::types::nanoseconds;
use rustix::time::{ClockId, clock_getres, clock_gettime};

/// The clocks that a guest reads.
#[derive(Debug)]
pub(super) enum Clocks {
    /// The host's.
    Host,
    /// One for all, that stands still until the guest sleeps, and then has jumped to where it would wake up: nothing can
    /// be measured with it, and a guest that waits for a time gets there at once.
    Virtual {
        /// What it shows, in nanoseconds.
        now_ns: u64,
    },
}

/// The resolution that a virtual clock claims, in nanoseconds.
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
    pub(super) fn virtual_from(now_ns: u64) -> Clocks {
        Clocks::Virtual { now_ns }
    }

    /// What a clock shows, in nanoseconds.
    pub(super) fn now_ns(&self, clock: Clock) -> u64 {
        match self {
            Clocks::Host => {
                let now = clock_gettime(clock.host());
                nanoseconds(now.tv_sec, now.tv_nsec as i64)
            }
            Clocks::Virtual { now_ns } => *now_ns,
        }
    }

    fn resolution_ns(&self, clock: Clock) -> u64 {
        match self {
            Clocks::Host => {
                let resolution = clock_getres(clock.host());
                nanoseconds(resolution.tv_sec, resolution.tv_nsec as i64)
            }
            Clocks::Virtual { .. } => VIRTUAL_RESOLUTION_NS,
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

    fn host() -> Guest {
        let mut builder = WasiCtx::builder();
        builder.host_clocks();
        Guest::with(builder.build().unwrap())
    }

    #[test]
    fn the_clocks_of_the_host_run() {
        let mut guest = host();
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
    fn a_virtual_clock_stands_still() {
        let mut guest = Guest::with(WasiCtx::inert());
        for id in 0..4 {
            guest.bytes.fill(1);
            guest.call(|ctx, mem| clock_time_get(ctx, mem, id, 0, 0)).unwrap();
            assert_eq!(guest.u64_at(0), 0);
        }
    }
}
