//! Random numbers.

use super::ctx::WasiCtx;
use super::errno::retry;
use super::memory::GuestMemory;
use super::wait::{Stop, Wait};
use rustix::rand::{GetRandomFlags, getrandom};
use sha2::{Digest, Sha256};

/// How much is made between two looks at whether the guest is to end.
const PIECE_BYTES: usize = 1 << 20;

/// How much is made before other instances that share the state have their turn.
const BURST_BYTES: usize = 16 << 20;

/// Where a guest's random numbers come from.
#[derive(Clone, Debug)]
pub enum RandomSource {
    /// The host's, fit for keys.
    Host,
    /// The same ones every time and everywhere, whatever the sizes in which they are asked for: the SHA-256 of the seed and
    /// of a number that counts up from 0, as 64 bits with the lowest byte first, one after the other. Whoever knows the
    /// seed knows them all.
    Seeded([u8; 32]),
}

/// The random numbers of one guest.
#[derive(Debug)]
pub(super) enum Randomness {
    Host,
    Seeded(Box<Seeded>),
}

impl From<RandomSource> for Randomness {
    fn from(source: RandomSource) -> Randomness {
        match source {
            RandomSource::Host => Randomness::Host,
            RandomSource::Seeded(seed) => {
                Randomness::Seeded(Box::new(Seeded { seed, blocks: 0, block: [0; 32], used: 32 }))
            }
        }
    }
}

/// A stream of numbers that a seed determines.
#[derive(Debug)]
pub(super) struct Seeded {
    seed: [u8; 32],
    /// How many blocks were made.
    blocks: u64,
    /// The last of them.
    block: [u8; 32],
    /// How many of its bytes were given out.
    used: usize,
}

impl Seeded {
    fn fill(&mut self, mut out: &mut [u8]) {
        while !out.is_empty() {
            if self.used == self.block.len() {
                let hash = Sha256::new().chain_update(self.seed).chain_update(self.blocks.to_le_bytes());
                self.block = hash.finalize().into();
                self.blocks = self.blocks.wrapping_add(1);
                self.used = 0;
            }
            let len = out.len().min(self.block.len() - self.used);
            out[..len].copy_from_slice(&self.block[self.used..self.used + len]);
            self.used += len;
            out = &mut out[len..];
        }
    }
}

/// Fills `len` bytes at `buf` with random numbers.
pub fn random_get(ctx: &mut WasiCtx, mem: &mut GuestMemory<'_>, buf: u32, len: u32) -> Result<(), Stop> {
    mem.check(buf, len)?;
    let begin = mem.attempt.moved;
    while mem.attempt.moved < len as usize {
        if mem.attempt.moved - begin >= BURST_BYTES {
            return Err(Wait::for_others());
        }
        mem.proceed()?;
        // All of the range lies in the memory, so nothing here leaves 32 bits.
        let piece = PIECE_BYTES.min(len as usize - mem.attempt.moved);
        let mut rest = mem.slice_mut(buf + mem.attempt.moved as u32, piece as u32)?;
        match &mut ctx.randomness {
            Randomness::Host => {
                while !rest.is_empty() {
                    let filled = retry(|| getrandom(&mut *rest, GetRandomFlags::empty()))?;
                    rest = &mut rest[filled..];
                }
            }
            Randomness::Seeded(seeded) => seeded.fill(rest),
        }
        mem.attempt.moved += piece;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::errno::Errno;
    use super::super::testing::Guest;
    use super::*;

    fn seeded(seed: u8) -> Guest {
        let mut builder = WasiCtx::builder();
        builder.random(RandomSource::Seeded([seed; 32]));
        Guest::with(builder.build().unwrap())
    }

    #[test]
    fn exactly_the_range_is_filled() {
        for mut guest in [Guest::with(WasiCtx::inert()), seeded(7)] {
            guest.call(|ctx, mem| random_get(ctx, mem, 64, 1024)).unwrap();
            assert!(guest.bytes[..64].iter().all(|&byte| byte == 0));
            assert!(guest.bytes[64 + 1024..].iter().all(|&byte| byte == 0));
            let mut seen = [false; 256];
            guest.bytes[64..64 + 1024].iter().for_each(|&byte| seen[usize::from(byte)] = true);
            assert!(seen.iter().filter(|&&seen| seen).count() > 200);
            guest.call(|ctx, mem| random_get(ctx, mem, 65_536, 0)).unwrap();
        }
    }

    #[test]
    fn ranges_are_checked_first() {
        let mut guest = seeded(1);
        assert_eq!(guest.call(|ctx, mem| random_get(ctx, mem, 65_535, 2)), Err(Errno::FAULT));
        assert_eq!(guest.call(|ctx, mem| random_get(ctx, mem, u32::MAX, u32::MAX)), Err(Errno::FAULT));
        assert!(guest.bytes.iter().all(|&byte| byte == 0));
        guest.call(|ctx, mem| random_get(ctx, mem, 0, 8)).unwrap();
        let first = guest.u64_at(0);
        let mut fresh = seeded(1);
        fresh.call(|ctx, mem| random_get(ctx, mem, 0, 8)).unwrap();
        assert_eq!(first, fresh.u64_at(0), "what failed has used nothing up");
    }

    #[test]
    fn large_ranges_are_filled_to_the_end() {
        for mut guest in [Guest::with(WasiCtx::inert()), seeded(3)] {
            let len = BURST_BYTES + PIECE_BYTES + 17;
            guest.bytes = vec![0; len + 1];
            guest.call(|ctx, mem| random_get(ctx, mem, 0, len as u32)).unwrap();
            for at in [0, PIECE_BYTES, BURST_BYTES, len - 16] {
                assert!(guest.bytes[at..at + 16].iter().any(|&byte| byte != 0), "{at}");
            }
            assert_eq!(guest.bytes[len], 0);
        }
    }

    #[test]
    fn seeded_numbers_do_not_depend_on_how_they_are_asked_for() {
        let mut whole = seeded(9);
        whole.call(|ctx, mem| random_get(ctx, mem, 0, 5000)).unwrap();
        let mut parts = seeded(9);
        let (mut at, mut len) = (0, 0);
        while at + len <= 5000 {
            parts.call(|ctx, mem| random_get(ctx, mem, at, len)).unwrap();
            (at, len) = (at + len, len + 1);
        }
        assert!(at > 4900);
        assert!(whole.bytes[..at as usize] == parts.bytes[..at as usize]);
        let mut other = seeded(8);
        other.call(|ctx, mem| random_get(ctx, mem, 0, 5000)).unwrap();
        assert!(whole.bytes[..5000] != other.bytes[..5000]);
    }

    #[test]
    fn seeded_numbers_are_the_same_everywhere() {
        let mut guest = Guest::with({
            let mut builder = WasiCtx::builder();
            builder.random(RandomSource::Seeded([0; 32]));
            builder.build().unwrap()
        });
        guest.call(|ctx, mem| random_get(ctx, mem, 0, 40)).unwrap();
        assert_eq!(guest.bytes[..40], EXPECTED);
    }

    /// SHA-256 of forty zeros, and the first 8 bytes of that of 32 zeros, a one, and seven zeros.
    const EXPECTED: [u8; 40] = [
        0x2c, 0x34, 0xce, 0x1d, 0xf2, 0x3b, 0x83, 0x8c, 0x5a, 0xbf, 0x2a, 0x7f, 0x64, 0x37, 0xcc, 0xa3, 0xd3, 0x06,
        0x7e, 0xd5, 0x09, 0xff, 0x25, 0xf1, 0x1d, 0xf6, 0xb1, 0x1b, 0x58, 0x2b, 0x51, 0xeb, 0x19, 0xea, 0x44, 0xbe,
        0x89, 0xee, 0xce, 0x0f,
    ];
}
