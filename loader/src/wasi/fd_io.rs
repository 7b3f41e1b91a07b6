//! Reading, writing and seeking.
//!
//! Data goes between the kernel and the guest's memory without a copy of ours. Pointers are checked before the call, so
//! a fault transfers nothing.

use super::ctx::WasiCtx;
use super::descriptors::{Descriptor, Kind};
use super::errno::{Errno, retry};
use super::memory::GuestMemory;
use super::types::Rights;
use rustix::fs::SeekFrom;
use std::io::{IoSlice, IoSliceMut};

/// `read(2)` with `readv`'s vectors; writes how many bytes were read.
pub fn fd_read(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nread: u32,
) -> Result<(), Errno> {
    let descriptor = ctx.descriptors.get_mut(fd)?;
    let nonblock = descriptor.nonblock();
    readable(descriptor, Rights::FD_READ)?;
    scatter(mem, iovs, iovs_len, nread, |slices| match &mut descriptor.kind {
        Kind::File(file) => retry(|| rustix::io::readv(&file.fd, slices)),
        Kind::Input(input) => input.read(slices, nonblock),
        Kind::Output(_) => Err(Errno::BADF),
        Kind::Dir(_) => Err(Errno::ISDIR),
    })
}

/// `pread(2)` with `readv`'s vectors: reads at an offset, and leaves the descriptor's own alone.
pub fn fd_pread(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    offset: u64,
    nread: u32,
) -> Result<(), Errno> {
    let file = ctx.descriptors.get(fd)?.file(Rights::FD_READ | Rights::FD_SEEK, Errno::ISDIR)?;
    scatter(mem, iovs, iovs_len, nread, |slices| retry(|| rustix::io::preadv(&file.fd, slices, offset)))
}

/// `write(2)` with `writev`'s vectors; writes how many bytes were written.
pub fn fd_write(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nwritten: u32,
) -> Result<(), Errno> {
    let descriptor = ctx.descriptors.get(fd)?;
    readable(descriptor, Rights::FD_WRITE)?;
    gather(mem, iovs, iovs_len, nwritten, |slices| match &descriptor.kind {
        Kind::File(file) => retry(|| rustix::io::writev(&file.fd, slices)),
        Kind::Output(output) => output.write(slices, descriptor.nonblock()),
        Kind::Input(_) => Err(Errno::BADF),
        Kind::Dir(_) => Err(Errno::ISDIR),
    })
}

/// `pwrite(2)` with `writev`'s vectors: writes at an offset, and leaves the descriptor's own alone. As under Linux, a
/// descriptor that appends does so here too.
pub fn fd_pwrite(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    offset: u64,
    nwritten: u32,
) -> Result<(), Errno> {
    let file = ctx.descriptors.get(fd)?.file(Rights::FD_WRITE | Rights::FD_SEEK, Errno::ISDIR)?;
    gather(mem, iovs, iovs_len, nwritten, |slices| retry(|| rustix::io::pwritev(&file.fd, slices, offset)))
}

/// `lseek(2)`; writes the new offset. `SPIPE` for a stream, `BADF` for a directory, which is read by cookies instead.
pub fn fd_seek(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    offset: u64,
    whence: u32,
    new_offset: u32,
) -> Result<(), Errno> {
    let descriptor = ctx.descriptors.get(fd)?;
    let delta = offset.cast_signed();
    let position = match whence {
        0 => SeekFrom::Start(u64::try_from(delta).map_err(|_| Errno::INVAL)?),
        1 => SeekFrom::Current(delta),
        2 => SeekFrom::End(delta),
        _ => return Err(Errno::INVAL),
    };
    if position == SeekFrom::Current(0) {
        return fd_tell(ctx, mem, fd, new_offset);
    }
    let file = descriptor.file(Rights::FD_SEEK, Errno::BADF)?;
    mem.check(new_offset, 8)?;
    let offset = retry(|| rustix::fs::seek(&file.fd, position))?;
    mem.write_u64(new_offset, offset)
}

/// Writes the offset at which the next read or write begins. The right to seek includes this.
pub fn fd_tell(ctx: &mut WasiCtx, mem: &mut GuestMemory<'_>, fd: u32, offset: u32) -> Result<(), Errno> {
    let descriptor = ctx.descriptors.get(fd)?;
    let right = if descriptor.base.contains(Rights::FD_SEEK) { Rights::FD_SEEK } else { Rights::FD_TELL };
    let file = descriptor.file(right, Errno::BADF)?;
    mem.check(offset, 8)?;
    let position = retry(|| rustix::fs::tell(&file.fd))?;
    mem.write_u64(offset, position)
}

/// Fails with `ISDIR` for a directory, whatever its rights, as a program expects; else as the rights say.
fn readable(descriptor: &Descriptor, rights: Rights) -> Result<(), Errno> {
    match descriptor.kind {
        Kind::Dir(_) => Err(Errno::ISDIR),
        Kind::File(_) | Kind::Input(_) | Kind::Output(_) => descriptor.require(rights),
    }
}

/// Has `read` fill the guest's vectors, and writes how many bytes it read at `nread`.
fn scatter(
    mem: &mut GuestMemory<'_>,
    iovs: u32,
    iovs_len: u32,
    nread: u32,
    read: impl FnOnce(&mut [IoSliceMut<'_>]) -> Result<usize, Errno>,
) -> Result<(), Errno> {
    mem.check(nread, 4)?;
    let ranges = mem.iovecs(iovs, iovs_len)?;
    let read = match ranges.as_slice() {
        [] => read(&mut [])?,
        [one] => read(&mut [IoSliceMut::new(mem.bytes_mut(one))])?,
        many => read(&mut mem.io_slices_mut(many))?,
    };
    // No transfer is longer than MAX_TRANSFER_BYTES.
    mem.write_u32(nread, read as u32)
}

/// Has `write` take the guest's vectors, and writes how many bytes it took at `nwritten`.
fn gather(
    mem: &mut GuestMemory<'_>,
    iovs: u32,
    iovs_len: u32,
    nwritten: u32,
    write: impl FnOnce(&[IoSlice<'_>]) -> Result<usize, Errno>,
) -> Result<(), Errno> {
    mem.check(nwritten, 4)?;
    let ranges = mem.iovecs(iovs, iovs_len)?;
    let written = match ranges.as_slice() {
        [] => write(&[])?,
        [one] => write(&[IoSlice::new(mem.bytes(one))])?,
        many => write(&mem.io_slices(many))?,
    };
    mem.write_u32(nwritten, written as u32)
}

#[cfg(test)]
mod tests {
    use super::super::dircap::DirAccess;
    use super::super::testing::{DIR, Guest, TempDir};
    use super::*;

    const CREATE: u16 = 1;
    const APPEND: u16 = 1;

    fn guest(dir: &TempDir) -> Guest {
        Guest::new(dir, DirAccess::ReadWrite)
    }

    fn seek(guest: &mut Guest, fd: u32, offset: i64, whence: u32) -> Result<u64, Errno> {
        guest.call(|ctx, mem| fd_seek(ctx, mem, fd, offset.cast_unsigned(), whence, 16))?;
        Ok(guest.u64_at(16))
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = TempDir::new();
        let mut guest = guest(&dir);
        let fd = guest.open("file", CREATE, Rights::FILE, 0).unwrap();
        assert_eq!(guest.write(fd, b"hello world"), Ok(11));
        assert_eq!(guest.read(fd, 10), Ok(vec![]));
        assert_eq!(seek(&mut guest, fd, -5, 2), Ok(6));
        assert_eq!(guest.read(fd, 100).unwrap(), b"world");
        assert_eq!(seek(&mut guest, fd, 0, 1), Ok(11));
        assert_eq!(seek(&mut guest, fd, -12, 1), Err(Errno::INVAL));
        assert_eq!(seek(&mut guest, fd, -1, 0), Err(Errno::INVAL));
        assert_eq!(seek(&mut guest, fd, 0, 3), Err(Errno::INVAL));
        assert_eq!(seek(&mut guest, fd, 2, 0), Ok(2));
        assert_eq!(guest.read(fd, 3).unwrap(), b"llo");
        assert_eq!(dir.read("file"), b"hello world");
    }

    #[test]
    fn appending_ignores_the_offset() {
        let dir = TempDir::new();
        dir.file("file", b"abc");
        let mut guest = guest(&dir);
        let fd = guest.open("file", 0, Rights::FILE, APPEND).unwrap();
        seek(&mut guest, fd, 0, 0).unwrap();
        guest.write(fd, b"def").unwrap();
        assert_eq!(dir.read("file"), b"abcdef");
        guest.call(|ctx, mem| super::super::fd::fd_fdstat_set_flags(ctx, mem, fd, 0)).unwrap();
        seek(&mut guest, fd, 0, 0).unwrap();
        guest.write(fd, b"X").unwrap();
        assert_eq!(dir.read("file"), b"Xbcdef");
    }

    #[test]
    fn offsets_of_their_own() {
        let dir = TempDir::new();
        let mut guest = guest(&dir);
        let fd = guest.open("file", CREATE, Rights::FILE, 0).unwrap();
        guest.write(fd, b"0123456789").unwrap();
        guest.put(32, &5000u32.to_le_bytes());
        guest.put(36, &2u32.to_le_bytes());
        guest.put(5000, b"XY");
        guest.call(|ctx, mem| fd_pwrite(ctx, mem, fd, 32, 1, 4, 16)).unwrap();
        guest.call(|ctx, mem| fd_pread(ctx, mem, fd, 32, 1, 8, 16)).unwrap();
        assert_eq!(&guest.bytes[5000..5002], b"89");
        assert_eq!(seek(&mut guest, fd, 0, 1), Ok(10), "the descriptor's own stays");
        assert_eq!(dir.read("file"), b"0123XY6789");
        let beyond = guest.call(|ctx, mem| fd_pread(ctx, mem, fd, 32, 1, u64::MAX, 16));
        assert_eq!(beyond, Err(Errno::INVAL));
    }

    #[test]
    fn vectors_are_one_transfer() {
        let dir = TempDir::new();
        dir.file("file", b"0123456789");
        let mut guest = guest(&dir);
        let fd = guest.open("file", 0, Rights::FILE, 0).unwrap();
        for (at, word) in [(32, 6000u32), (36, 3), (40, 0), (44, 0), (48, 5000), (52, 4)] {
            guest.put(at, &word.to_le_bytes());
        }
        guest.call(|ctx, mem| fd_read(ctx, mem, fd, 32, 3, 16)).unwrap();
        assert_eq!(
            (guest.u32_at(16), &guest.bytes[6000..6003], &guest.bytes[5000..5004]),
            (7, &b"012"[..], &b"3456"[..])
        );
        guest.call(|ctx, mem| fd_write(ctx, mem, fd, 32, 3, 16)).unwrap();
        assert_eq!(dir.read("file"), b"01234560123456");
    }

    #[test]
    fn a_fault_transfers_nothing() {
        let dir = TempDir::new();
        dir.file("file", b"0123456789");
        let mut guest = guest(&dir);
        let fd = guest.open("file", 0, Rights::FILE, 0).unwrap();
        guest.put(32, &65_535u32.to_le_bytes());
        guest.put(36, &2u32.to_le_bytes());
        // This one is good, and what is not is where the result goes.
        guest.put(40, &4096u32.to_le_bytes());
        guest.put(44, &2u32.to_le_bytes());
        for (iovs, count, result) in
            [(32, 1, 16), (65_532, 1, 16), (32, 0, 65_533), (u32::MAX, 1, 16), (40, 1, u32::MAX)]
        {
            let read = guest.call(|ctx, mem| fd_read(ctx, mem, fd, iovs, count, result));
            assert_eq!(read, Err(Errno::FAULT), "{iovs} {count} {result}");
            let written = guest.call(|ctx, mem| fd_write(ctx, mem, fd, iovs, count, result));
            assert_eq!(written, Err(Errno::FAULT), "{iovs} {count} {result}");
        }
        assert_eq!(seek(&mut guest, fd, 0, 1), Ok(0));
        assert_eq!(dir.read("file"), b"0123456789");
        assert_eq!(guest.call(|ctx, mem| fd_read(ctx, mem, fd, 0, 1025, 16)), Err(Errno::INVAL));
    }

    #[test]
    fn rights_bound_the_transfer() {
        let dir = TempDir::new();
        dir.file("file", b"x");
        let mut guest = guest(&dir);
        let reader = guest.open("file", 0, Rights::FD_READ, 0).unwrap();
        let writer = guest.open("file", 0, Rights::FD_WRITE, 0).unwrap();
        assert_eq!(guest.write(reader, b"y"), Err(Errno::BADF));
        assert_eq!(guest.read(writer, 1), Err(Errno::BADF));
        assert_eq!(seek(&mut guest, reader, 1, 0), Err(Errno::NOTCAPABLE));
        assert_eq!(guest.call(|ctx, mem| fd_tell(ctx, mem, reader, 16)), Err(Errno::NOTCAPABLE));
        assert_eq!(guest.call(|ctx, mem| fd_pread(ctx, mem, reader, 32, 0, 0, 16)), Err(Errno::NOTCAPABLE));
        assert_eq!(guest.read(DIR, 1), Err(Errno::ISDIR));
        assert_eq!(guest.write(DIR, b"x"), Err(Errno::ISDIR));
        assert_eq!(seek(&mut guest, DIR, 0, 0), Err(Errno::BADF));
        assert_eq!(guest.read(99, 1), Err(Errno::BADF));
    }

    #[test]
    fn streams_do_not_seek() {
        let mut builder = WasiCtx::builder();
        builder.stdin_bytes("input");
        let capture = builder.capture_stdout(100);
        let mut guest = Guest::with(builder.build().unwrap());
        assert_eq!(guest.read(0, 3).unwrap(), b"inp");
        assert_eq!(guest.read(0, 100).unwrap(), b"ut");
        assert_eq!(guest.write(1, b"out"), Ok(3));
        assert_eq!(capture.contents(), b"out");
        assert_eq!(guest.write(0, b"x"), Err(Errno::BADF));
        assert_eq!(guest.read(1, 1), Err(Errno::BADF));
        assert_eq!(guest.write(2, b"x"), Err(Errno::BADF), "not granted");
        for fd in [0, 1] {
            assert_eq!(seek(&mut guest, fd, 1, 0), Err(Errno::SPIPE));
            assert_eq!(seek(&mut guest, fd, 0, 1), Err(Errno::SPIPE));
            assert_eq!(guest.call(|ctx, mem| fd_pread(ctx, mem, fd, 32, 0, 0, 16)), Err(Errno::SPIPE));
        }
    }
}
