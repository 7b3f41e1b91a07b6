//! Arguments and environment: two lists of strings, handed over in the same way.

use super::ctx::WasiCtx;
use super::errno::Errno;
use super::memory::GuestMemory;

/// Writes pointers to the arguments at `argv`, and the arguments themselves, each with a NUL, at `buf`.
pub fn args_get(ctx: &mut WasiCtx, mem: &mut GuestMemory<'_>, argv: u32, buf: u32) -> Result<(), Errno> {
    get(&ctx.args, mem, argv, buf)
}

/// Writes how many arguments there are, and how many bytes they need.
pub fn args_sizes_get(ctx: &mut WasiCtx, mem: &mut GuestMemory<'_>, count: u32, size: u32) -> Result<(), Errno> {
    sizes_get(&ctx.args, mem, count, size)
}

/// Writes pointers to the variables at `environ`, and the variables themselves, each with a NUL, at `buf`.
pub fn environ_get(ctx: &mut WasiCtx, mem: &mut GuestMemory<'_>, environ: u32, buf: u32) -> Result<(), Errno> {
    get(&ctx.env, mem, environ, buf)
}

/// Writes how many variables there are, and how many bytes they need.
pub fn environ_sizes_get(ctx: &mut WasiCtx, mem: &mut GuestMemory<'_>, count: u32, size: u32) -> Result<(), Errno> {
    sizes_get(&ctx.env, mem, count, size)
}

/// The bytes of all strings with their NULs. The builder keeps them far below 32 bits.
fn size_of(strings: &[Vec<u8>]) -> Result<u32, Errno> {
    let bytes: usize = strings.iter().map(|string| string.len() + 1).sum();
    u32::try_from(bytes).map_err(|_| Errno::OVERFLOW)
}

fn sizes_get(strings: &[Vec<u8>], mem: &mut GuestMemory<'_>, count: u32, size: u32) -> Result<(), Errno> {
    mem.check(count, 4)?;
    mem.check(size, 4)?;
    mem.write_u32(count, strings.len() as u32)?;
    mem.write_u32(size, size_of(strings)?)
}

fn get(strings: &[Vec<u8>], mem: &mut GuestMemory<'_>, pointers: u32, buf: u32) -> Result<(), Errno> {
    mem.check_array(pointers, strings.len() as u32, 4)?;
    mem.check(buf, size_of(strings)?)?;
    // Both ranges were checked as a whole, so neither sum leaves 32 bits.
    let mut at = buf;
    for (index, string) in strings.iter().enumerate() {
        mem.write_u32(pointers + 4 * index as u32, at)?;
        mem.write(at, string)?;
        let end = at + string.len() as u32;
        mem.write(end, &[0])?;
        // The last string may end with the address space; its successor is never written.
        at = end.saturating_add(1);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::Guest;
    use super::*;

    fn guest() -> Guest {
        let mut builder = WasiCtx::builder();
        builder.args(["prog", "", "x y"]).env("A", "b=c");
        Guest::with(builder.build().unwrap())
    }

    #[test]
    fn strings_arrive_with_their_nuls() {
        let mut guest = guest();
        guest.call(|ctx, mem| args_sizes_get(ctx, mem, 0, 4)).unwrap();
        assert_eq!((guest.u32_at(0), guest.u32_at(4)), (3, 10));
        guest.call(|ctx, mem| args_get(ctx, mem, 16, 100)).unwrap();
        assert_eq!((guest.u32_at(16), guest.u32_at(20), guest.u32_at(24)), (100, 105, 106));
        assert_eq!(&guest.bytes[100..110], b"prog\0\0x y\0");
        guest.call(|ctx, mem| environ_get(ctx, mem, 16, 100)).unwrap();
        assert_eq!(&guest.bytes[100..106], b"A=b=c\0");
    }

    #[test]
    fn a_fault_writes_nothing() {
        let mut guest = guest();
        let end = guest.bytes.len() as u32;
        for (pointers, buf) in [(end - 8, 0), (0, end - 9), (u32::MAX, 0), (0, u32::MAX)] {
            assert_eq!(guest.call(|ctx, mem| args_get(ctx, mem, pointers, buf)), Err(Errno::FAULT));
        }
        assert_eq!(guest.call(|ctx, mem| args_sizes_get(ctx, mem, 0, end - 3)), Err(Errno::FAULT));
        assert!(guest.bytes.iter().all(|&byte| byte == 0));
        assert_eq!(guest.call(|ctx, mem| args_get(ctx, mem, 0, end - 10)), Ok(()), "up to the last byte");
    }

    #[test]
    fn nothing_granted_is_nothing_found() {
        let mut guest = Guest::with(WasiCtx::inert());
        guest.bytes.fill(1);
        guest.call(|ctx, mem| args_sizes_get(ctx, mem, 0, 4)).unwrap();
        guest.call(|ctx, mem| environ_sizes_get(ctx, mem, 8, 12)).unwrap();
        assert_eq!(&guest.bytes[..17], &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        guest.call(|ctx, mem| environ_get(ctx, mem, 0, 0)).unwrap();
    }
}
