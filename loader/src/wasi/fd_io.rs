//! Reading, writing and seeking.
//!
//! Data goes between the kernel and the guest's memory without a copy of ours. Pointers are checked before the call, so
//! a fault transfers nothing. Files are read and written in pieces, between which the guest can be ended.

use super::ctx::WasiCtx;
use super::descriptors::{Descriptor, Kind};
use super::errno::{Errno, retry};
use super::growth::{self, Place};
use super::memory::GuestMemory;
use super::types::{FdFlags, Rights, Whence};
use super::wait::Stop;
use rustix::fs::SeekFrom;
use std::io::{IoSlice, IoSliceMut};
use std::ops::Range;

/// The most bytes of a file that one call of the host moves.
const PIECE_BYTES: usize = 1 << 20;

/// `read(2)` with `readv`'s vectors; writes how many bytes were read. A stream that has none yet is waited for, unless the
/// descriptor is `NONBLOCK`.
pub fn fd_read(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nread: u32,
) -> Result<(), Stop> {
    let descriptor = ctx.descriptors.get_mut(fd)?;
    if let Kind::File(_) = descriptor.kind {
        let file = descriptor.file(Rights::FD_READ, Errno::ISDIR)?;
        return read_file(mem, iovs, iovs_len, nread, |slices, _| retry(|| rustix::io::readv(&file, slices)));
    }
    let nonblock = descriptor.nonblock();
    readable(descriptor, Rights::FD_READ)?;
    scatter(mem, iovs, iovs_len, nread, |slices| match &mut descriptor.kind {
        Kind::Input(input) => input.read(slices, nonblock),
        Kind::Socket(socket) => socket.receive(slices, nonblock),
        Kind::File(_) | Kind::Output(_) | Kind::Virtual(_) => Err(Errno::BADF.into()),
        Kind::Dir(_) => Err(Errno::ISDIR.into()),
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
) -> Result<(), Stop> {
    let file = ctx.descriptors.get(fd)?.file(Rights::FD_READ | Rights::FD_SEEK, Errno::ISDIR)?;
    read_file(mem, iovs, iovs_len, nread, |slices, read| {
        retry(|| rustix::io::preadv(&file, slices, offset.saturating_add(read)))
    })
}

/// `write(2)` with `writev`'s vectors; writes how many bytes were written. A stream takes them all, however long that is to
/// be waited for, unless the descriptor is `NONBLOCK`: then what goes at once.
pub fn fd_write(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nwritten: u32,
) -> Result<(), Stop> {
    let descriptor = ctx.descriptors.get_mut(fd)?;
    if let Kind::File(_) = descriptor.kind {
        let file = descriptor.file(Rights::FD_WRITE, Errno::ISDIR)?;
        let appends = descriptor.flags.contains(FdFlags::APPEND);
        return write_file(mem, iovs, iovs_len, nwritten, |slices, _| {
            growth::write(&file, Place::Here, appends, slices)
        });
    }
    let nonblock = descriptor.nonblock();
    readable(descriptor, Rights::FD_WRITE)?;
    gather(mem, iovs, iovs_len, nwritten, |slices, moved| match &mut descriptor.kind {
        Kind::Output(output) => output.write(slices, moved, nonblock),
        Kind::Socket(socket) => socket.send(slices, moved, nonblock),
        Kind::File(_) | Kind::Input(_) | Kind::Virtual(_) => Err(Errno::BADF.into()),
        Kind::Dir(_) => Err(Errno::ISDIR.into()),
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
) -> Result<(), Stop> {
    let descriptor = ctx.descriptors.get(fd)?;
    let file = descriptor.file(Rights::FD_WRITE | Rights::FD_SEEK, Errno::ISDIR)?;
    let appends = descriptor.flags.contains(FdFlags::APPEND);
    write_file(mem, iovs, iovs_len, nwritten, |slices, written| {
        growth::write(&file, Place::At(offset.saturating_add(written)), appends, slices)
    })
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
    let position = match mem.layout().whence(whence)? {
        Whence::Start => SeekFrom::Start(u64::try_from(delta).map_err(|_| Errno::INVAL)?),
        Whence::Current => SeekFrom::Current(delta),
        Whence::End => SeekFrom::End(delta),
    };
    if position == SeekFrom::Current(0) {
        return fd_tell(ctx, mem, fd, new_offset);
    }
    let file = descriptor.file(Rights::FD_SEEK, Errno::BADF)?;
    mem.check(new_offset, 8)?;
    let offset = retry(|| rustix::fs::seek(&file, position))?;
    mem.write_u64(new_offset, offset)
}

/// Writes the offset at which the next read or write begins. The right to seek includes this.
pub fn fd_tell(ctx: &mut WasiCtx, mem: &mut GuestMemory<'_>, fd: u32, offset: u32) -> Result<(), Errno> {
    let descriptor = ctx.descriptors.get(fd)?;
    let right = if descriptor.base.contains(Rights::FD_SEEK) { Rights::FD_SEEK } else { Rights::FD_TELL };
    let file = descriptor.file(right, Errno::BADF)?;
    mem.check(offset, 8)?;
    let position = retry(|| rustix::fs::tell(&file))?;
    mem.write_u64(offset, position)
}

/// Fails with `ISDIR` for a directory, whatever its rights, as a program expects; else as the rights say.
fn readable(descriptor: &Descriptor, rights: Rights) -> Result<(), Errno> {
    match descriptor.kind {
        Kind::Dir(_) => Err(Errno::ISDIR),
        Kind::File(_) | Kind::Input(_) | Kind::Output(_) | Kind::Socket(_) | Kind::Virtual(_) => {
            descriptor.require(rights)
        }
    }
}

/// Has `read` fill the guest's vectors from a file, piece by piece: it is also given how many bytes were read before.
fn read_file(
    mem: &mut GuestMemory<'_>,
    iovs: u32,
    iovs_len: u32,
    nread: u32,
    mut read: impl FnMut(&mut [IoSliceMut<'_>], u64) -> Result<usize, Errno>,
) -> Result<(), Stop> {
    in_pieces(mem, iovs, iovs_len, nread, |mem, ranges, before| match ranges {
        [one] => read(&mut [IoSliceMut::new(mem.bytes_mut(one))], before),
        many => read(&mut mem.io_slices_mut(many), before),
    })
}

/// Has `write` take the guest's vectors to a file, piece by piece: it is also given how many bytes were written before.
fn write_file(
    mem: &mut GuestMemory<'_>,
    iovs: u32,
    iovs_len: u32,
    nwritten: u32,
    mut write: impl FnMut(&[IoSlice<'_>], u64) -> Result<usize, Errno>,
) -> Result<(), Stop> {
    in_pieces(mem, iovs, iovs_len, nwritten, |mem, ranges, before| match ranges {
        [one] => write(&[IoSlice::new(mem.bytes(one))], before),
        many => write(&mem.io_slices(many), before),
    })
}

/// Moves the guest's vectors in pieces, and writes how many bytes were moved at `count`. The first piece that is not moved
/// whole is the last; an error after the first is for the next call.
fn in_pieces(
    mem: &mut GuestMemory<'_>,
    iovs: u32,
    iovs_len: u32,
    count: u32,
    mut transfer: impl FnMut(&mut GuestMemory<'_>, &[Range<usize>], u64) -> Result<usize, Errno>,
) -> Result<(), Stop> {
    mem.check(count, 4)?;
    let ranges = mem.iovecs(iovs, iovs_len)?;
    let mut moved = 0;
    if length(&ranges) <= PIECE_BYTES {
        moved = transfer(mem, &ranges, 0)?;
    } else {
        for piece in pieces(ranges) {
            mem.proceed()?;
            match transfer(mem, &piece, moved as u64) {
                Err(errno) if moved == 0 => return Err(errno.into()),
                Err(_) => break,
                Ok(bytes) => {
                    moved += bytes;
                    if bytes < length(&piece) {
                        break;
                    }
                }
            }
        }
    }
    // No transfer is longer than MAX_TRANSFER_BYTES.
    Ok(mem.write_u32(count, moved as u32)?)
}

pub(super) fn length(ranges: &[Range<usize>]) -> usize {
    ranges.iter().map(Range::len).sum()
}

/// The same ranges in pieces of [`PIECE_BYTES`] each, but for the last.
pub(super) fn pieces(ranges: Vec<Range<usize>>) -> Vec<Vec<Range<usize>>> {
    let (mut pieces, mut piece, mut room) = (Vec::new(), Vec::new(), PIECE_BYTES);
    for mut range in ranges {
        while range.len() >= room {
            piece.push(range.start..range.start + room);
            range.start += room;
            pieces.push(std::mem::take(&mut piece));
            room = PIECE_BYTES;
        }
        room -= range.len();
        if !range.is_empty() {
            piece.push(range);
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// Has `read` fill the guest's vectors, and writes how many bytes it read at `nread`.
pub(super) fn scatter<E: From<Errno>>(
    mem: &mut GuestMemory<'_>,
    iovs: u32,
    iovs_len: u32,
    nread: u32,
    read: impl FnOnce(&mut [IoSliceMut<'_>]) -> Result<usize, E>,
) -> Result<(), E> {
    mem.check(nread, 4)?;
    let ranges = mem.iovecs(iovs, iovs_len)?;
    let read = match ranges.as_slice() {
        [] => read(&mut [])?,
        [one] => read(&mut [IoSliceMut::new(mem.bytes_mut(one))])?,
        many => read(&mut mem.io_slices_mut(many))?,
    };
    // No transfer is longer than MAX_TRANSFER_BYTES.
    Ok(mem.write_u32(nread, read as u32)?)
}

/// Has `write` take the guest's vectors, and writes how many bytes it took at `nwritten`. `write` is also given what earlier
/// attempts of the call took of them, and adds to it.
pub(super) fn gather<E: From<Errno>>(
    mem: &mut GuestMemory<'_>,
    iovs: u32,
    iovs_len: u32,
    nwritten: u32,
    write: impl FnOnce(&[IoSlice<'_>], &mut usize) -> Result<usize, E>,
) -> Result<(), E> {
    mem.check(nwritten, 4)?;
    let ranges = mem.iovecs(iovs, iovs_len)?;
    let mut moved = mem.attempt.moved;
    let written = match ranges.as_slice() {
        [] => write(&[], &mut moved),
        [one] => write(&[IoSlice::new(mem.bytes(one))], &mut moved),
        many => write(&mem.io_slices(many), &mut moved),
    };
    mem.attempt.moved = moved;
    Ok(mem.write_u32(nwritten, written? as u32)?)
}

#[cfg(test)]
mod tests {
    use super::super::grant::DirGrant;
    use super::super::testing::{DIR, Guest, TempDir};
    use super::*;

    const CREATE: u16 = 1;
    const APPEND: u16 = 1;

    fn guest(dir: &TempDir) -> Guest {
        Guest::new(dir, DirGrant::all())
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
    /// A guest with a memory of some megabytes.
    fn large(dir: &TempDir) -> Guest {
        Guest { bytes: (0..5 << 20).map(|index: u32| (index / 7) as u8).collect(), ..guest(dir) }
    }

    #[test]
    fn large_transfers_are_one_transfer_to_the_guest() {
        let dir = TempDir::new();
        let mut guest = large(&dir);
        let fd = guest.open("file", CREATE, Rights::FILE, 0).unwrap();
        // Three vectors that end in the middle of pieces, and an empty one.
        let vectors = [(1 << 20, 1_500_000), (100_000, 0), (4 << 20, 700_000), (3 << 20, 1_000_001)];
        for (index, (ptr, len)) in vectors.into_iter().enumerate() {
            guest.put(32 + 8 * index as u32, &u32::to_le_bytes(ptr));
            guest.put(36 + 8 * index as u32, &u32::to_le_bytes(len));
        }
        let memory = guest.bytes.clone();
        let expected = vectors.map(|(ptr, len)| memory[ptr as usize..][..len as usize].to_vec()).concat();
        guest.call(|ctx, mem| fd_write(ctx, mem, fd, 32, 4, 16)).unwrap();
        assert_eq!(guest.u32_at(16) as usize, expected.len());
        assert!(dir.read("file") == expected);
        guest.call(|ctx, mem| fd_pwrite(ctx, mem, fd, 32, 4, 10, 16)).unwrap();
        assert!(dir.read("file")[10..] == expected);
        guest.bytes[1 << 20..].fill(0);
        guest.call(|ctx, mem| fd_pread(ctx, mem, fd, 32, 4, 10, 16)).unwrap();
        assert_eq!(guest.u32_at(16) as usize, expected.len());
        assert!(vectors.map(|(ptr, len)| guest.bytes[ptr as usize..][..len as usize].to_vec()).concat() == expected);
        // A file that ends in the middle of a piece, or with one.
        for len in [1_234_567, 2 * PIECE_BYTES, PIECE_BYTES] {
            std::fs::write(dir.path().join("file"), &expected[..len]).unwrap();
            seek(&mut guest, fd, 0, 0).unwrap();
            guest.call(|ctx, mem| fd_read(ctx, mem, fd, 32, 4, 16)).unwrap();
            assert_eq!(guest.u32_at(16) as usize, len);
        }
    }

    #[test]
    fn a_guest_is_ended_between_pieces() {
        use std::sync::atomic::AtomicBool;
        let dir = TempDir::new();
        let mut guest = large(&dir);
        let fd = guest.open("file", CREATE, Rights::FILE, 0).unwrap();
        let end = AtomicBool::new(true);
        for (len, interrupted) in [(PIECE_BYTES as u32 + 1, true), (PIECE_BYTES as u32, false)] {
            guest.put(32, &(1u32 << 20).to_le_bytes());
            guest.put(36, &len.to_le_bytes());
            let mut mem = GuestMemory::interruptible(&mut guest.bytes, &end);
            for call in [fd_write, fd_read] {
                let result = call(&mut guest.ctx, &mut mem, fd, 32, 1, 16);
                assert_eq!(matches!(result, Err(Stop::Interrupted)), interrupted, "{len}");
            }
        }
    }

    #[test]
    fn pieces_are_the_ranges_in_order() {
        const PIECE: usize = PIECE_BYTES;
        let one = |start: usize, end: usize| vec![Range { start, end }];
        assert_eq!(pieces(vec![]), Vec::<Vec<Range<usize>>>::new());
        assert_eq!(pieces(vec![5..6, 2..4]), [vec![5..6, 2..4]]);
        assert_eq!(pieces(one(7, 7 + PIECE)), [one(7, 7 + PIECE)]);
        assert_eq!(pieces(one(7, 8 + PIECE)), [one(7, 7 + PIECE), one(7 + PIECE, 8 + PIECE)]);
        let in_three = [vec![0..1, 1..PIECE], one(PIECE, 2 * PIECE), one(3, 4)];
        assert_eq!(pieces(vec![0..1, 1..2 * PIECE, 3..4]), in_three);
    }
}
