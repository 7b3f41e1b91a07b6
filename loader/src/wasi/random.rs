//! Random numbers.

use super::ctx::WasiCtx;
use super::errno::{Errno, retry};
use super::memory::GuestMemory;
use rustix::rand::{GetRandomFlags, getrandom};

/// The most bytes of one call. There is no partial success in preview 1, and the host shall not be kept busy for long.
pub const MAX_RANDOM_BYTES: u32 = 64 << 20;

/// Where a guest's random numbers come from.
#[derive(Debug)]
pub(super) enum Randomness {
    /// The host's, fit for keys.
    Host,
}

/// Fills `len` bytes at `buf` with random numbers. `TOOBIG` for more than [`MAX_RANDOM_BYTES`].
pub fn random_get(ctx: &mut WasiCtx, mem: &mut GuestMemory<'_>, buf: u32, len: u32) -> Result<(), Errno> {
    let mut rest = mem.slice_mut(buf, len)?;
    if len > MAX_RANDOM_BYTES {
        return Err(Errno::TOOBIG);
    }
    match ctx.randomness {
        Randomness::Host => {
            while !rest.is_empty() {
                let filled = retry(|| getrandom(&mut *rest, GetRandomFlags::empty()))?;
                rest = &mut rest[filled..];
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::Guest;
    use super::*;

    #[test]
    fn exactly_the_range_is_filled() {
        let mut guest = Guest::with(WasiCtx::inert());
        guest.call(|ctx, mem| random_get(ctx, mem, 64, 1024)).unwrap();
        assert!(guest.bytes[..64].iter().all(|&byte| byte == 0));
        assert!(guest.bytes[64 + 1024..].iter().all(|&byte| byte == 0));
        let mut seen = [false; 256];
        guest.bytes[64..64 + 1024].iter().for_each(|&byte| seen[usize::from(byte)] = true);
        assert!(seen.iter().filter(|&&seen| seen).count() > 200);
        guest.call(|ctx, mem| random_get(ctx, mem, 65_536, 0)).unwrap();
    }

    #[test]
    fn ranges_are_checked_and_bounded() {
        let mut guest = Guest::with(WasiCtx::inert());
        assert_eq!(guest.call(|ctx, mem| random_get(ctx, mem, 65_535, 2)), Err(Errno::FAULT));
        assert_eq!(guest.call(|ctx, mem| random_get(ctx, mem, u32::MAX, u32::MAX)), Err(Errno::FAULT));
        guest.bytes.resize(MAX_RANDOM_BYTES as usize + 1, 0);
        assert_eq!(guest.call(|ctx, mem| random_get(ctx, mem, 0, MAX_RANDOM_BYTES + 1)), Err(Errno::TOOBIG));
    }
}
