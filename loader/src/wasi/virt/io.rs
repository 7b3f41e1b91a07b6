//! Reading, writing and seeking.
//!
//! What is moved goes through the loader, in pieces: the guest's memory is not the other module's. A piece that is not moved
//! whole is the last of its call.

use super::super::errno::Errno;
use super::super::fd_io::{length, pieces};
use super::super::memory::GuestMemory;
use super::super::types::{FdFlags, Rights, Whence};
use super::file::What;
use super::front::{Front, Held};
use super::{Answer, Answers, Halt};
use std::ops::Range;

/// The highest offset in a file, as the host's files have it.
const MAX_OFFSET: u64 = i64::MAX as u64;

/// `fd_read`
pub fn fd_read(front: &mut Front<'_>, fd: u32, iovs: u32, iovs_len: u32, nread: u32) -> Answer<()> {
    let held = front.held(fd)?;
    if held.file.what == What::Folder {
        return Err(Errno::ISDIR.into());
    }
    held.require(Rights::FD_READ)?;
    let (node, position) = (held.file.node, held.file.position);
    match held.file.what {
        What::File(_) => {
            let read = read_into(front, (iovs, iovs_len, nread), true, |answers, len, done| {
                answers.read(node, position.saturating_add(done), len)
            })?;
            front.update(fd, &held, |file| file.position = position.saturating_add(read).min(MAX_OFFSET))
        }
        What::Input => read_into(front, (iovs, iovs_len, nread), false, |answers, len, _| answers.input(len)).map(drop),
        What::Connection => {
            let waits = held.waits();
            read_into(front, (iovs, iovs_len, nread), false, |answers, len, _| answers.receive(node, len, false, waits))
                .map(drop)
        }
        What::Folder => Err(Errno::ISDIR.into()),
        What::Output(_) | What::Listener | What::Datagrams => Err(Errno::BADF.into()),
    }
}

/// `fd_pread`
pub fn fd_pread(front: &mut Front<'_>, fd: u32, iovs: u32, iovs_len: u32, offset: u64, nread: u32) -> Answer<()> {
    let held = front.held(fd)?;
    let node = held.seekable(Rights::FD_READ | Rights::FD_SEEK, Errno::ISDIR)?;
    within(offset)?;
    read_into(front, (iovs, iovs_len, nread), true, |answers, len, done| {
        answers.read(node, offset.saturating_add(done), len)
    })
    .map(drop)
}

/// `fd_write`
pub fn fd_write(front: &mut Front<'_>, fd: u32, iovs: u32, iovs_len: u32, nwritten: u32) -> Answer<()> {
    let held = front.held(fd)?;
    if held.file.what == What::Folder {
        return Err(Errno::ISDIR.into());
    }
    held.require(Rights::FD_WRITE)?;
    let node = held.file.node;
    match held.file.what {
        What::File(_) => {
            let position = held.file.position;
            let end = write_file(front, &held, (iovs, iovs_len, nwritten), position)?;
            front.update(fd, &held, |file| file.position = end.min(MAX_OFFSET))
        }
        What::Output(to) => {
            write_from(front, (iovs, iovs_len, nwritten), |answers, data, _| answers.output(to, data)).map(drop)
        }
        What::Connection => {
            let waits = held.waits();
            write_from(front, (iovs, iovs_len, nwritten), |answers, data, _| answers.send(node, data, waits)).map(drop)
        }
        What::Folder => Err(Errno::ISDIR.into()),
        What::Input | What::Listener | What::Datagrams => Err(Errno::BADF.into()),
    }
}

/// `fd_pwrite`. As under Linux, a descriptor that appends does so here too.
pub fn fd_pwrite(front: &mut Front<'_>, fd: u32, iovs: u32, iovs_len: u32, offset: u64, nwritten: u32) -> Answer<()> {
    let held = front.held(fd)?;
    held.seekable(Rights::FD_WRITE | Rights::FD_SEEK, Errno::ISDIR)?;
    within(offset)?;
    write_file(front, &held, (iovs, iovs_len, nwritten), offset).map(drop)
}

/// Writes at an offset, or at the end if the descriptor says so; gives where the next write would begin.
fn write_file(front: &mut Front<'_>, held: &Held, vectors: (u32, u32, u32), offset: u64) -> Answer<u64> {
    let (node, flags) = (held.file.node, held.flags);
    let appends = flags.contains(FdFlags::APPEND);
    let written = write_from(front, vectors, |answers, data, done| {
        if appends {
            return answers.append(node, data);
        }
        let offset = offset.saturating_add(done);
        if offset.saturating_add(data.len() as u64) > MAX_OFFSET {
            return Err(Errno::FBIG.into());
        }
        answers.write(node, offset, data)
    })?;
    if flags.intersects(FdFlags::SYNCS) {
        front.answers.sync(node, !flags.intersects(FdFlags::SYNC | FdFlags::RSYNC))?;
    }
    if appends && written > 0 {
        return Ok(front.answers.stat(node)?.size);
    }
    Ok(offset.saturating_add(written))
}

/// `fd_seek`
pub fn fd_seek(front: &mut Front<'_>, fd: u32, offset: u64, whence: u32, new_offset: u32) -> Answer<()> {
    let held = front.held(fd)?;
    let whence = front.layout.whence(whence)?;
    let delta = offset.cast_signed();
    if (whence, delta) == (Whence::Current, 0) {
        return fd_tell(front, fd, new_offset);
    }
    let node = held.seekable(Rights::FD_SEEK, Errno::BADF)?;
    front.mem()?.check(new_offset, 8)?;
    let from = match whence {
        Whence::Start => 0,
        Whence::Current => held.file.position,
        Whence::End => front.answers.stat(node)?.size,
    };
    let to = from.checked_add_signed(delta).filter(|&to| to <= MAX_OFFSET).ok_or(Errno::INVAL)?;
    front.update(fd, &held, |file| file.position = to)?;
    Ok(front.mem()?.write_u64(new_offset, to)?)
}

/// `fd_tell`. The right to seek includes this.
pub fn fd_tell(front: &mut Front<'_>, fd: u32, offset: u32) -> Answer<()> {
    let held = front.held(fd)?;
    let right = if held.base.contains(Rights::FD_SEEK) { Rights::FD_SEEK } else { Rights::FD_TELL };
    held.seekable(right, Errno::BADF)?;
    Ok(front.mem()?.write_u64(offset, held.file.position)?)
}

fn within(offset: u64) -> Result<(), Errno> {
    if offset <= MAX_OFFSET { Ok(()) } else { Err(Errno::INVAL) }
}

/// Fills the guest's vectors with what `read` gives, and writes and gives how many bytes that was. `read` is asked for so
/// many bytes, and told how many there were before; `whole`: again, as long as there are as many as it is asked for.
pub(super) fn read_into(
    front: &mut Front<'_>,
    (iovs, iovs_len, nread): (u32, u32, u32),
    whole: bool,
    mut read: impl FnMut(&mut dyn Answers, u32, u64) -> Answer<Vec<u8>>,
) -> Answer<u64> {
    let ranges = vectors(&front.mem()?, iovs, iovs_len, nread)?;
    let mut done = 0;
    for piece in pieces(ranges) {
        let len = length(&piece);
        let bytes = match read(front.answers, len as u32, done) {
            Err(Halt::Errno(_)) if done > 0 => break,
            bytes => bytes?,
        };
        if bytes.len() > len {
            return Err(Halt::Broken(format!("it was asked for {len} bytes, and gave {}", bytes.len())));
        }
        let mut mem = front.mem()?;
        let mut rest = &bytes[..];
        for range in &piece {
            let (now, later) = rest.split_at(range.len().min(rest.len()));
            mem.bytes_mut(range)[..now.len()].copy_from_slice(now);
            rest = later;
        }
        done += bytes.len() as u64;
        if bytes.len() < len || !whole {
            break;
        }
    }
    // No transfer is longer than MAX_TRANSFER_BYTES.
    front.mem()?.write_u32(nread, done as u32)?;
    Ok(done)
}

/// Has `write` take the guest's vectors, and writes and gives how many bytes it took. It is told how many there were before.
pub(super) fn write_from(
    front: &mut Front<'_>,
    (iovs, iovs_len, nwritten): (u32, u32, u32),
    mut write: impl FnMut(&mut dyn Answers, &[u8], u64) -> Answer<u32>,
) -> Answer<u64> {
    let ranges = vectors(&front.mem()?, iovs, iovs_len, nwritten)?;
    let mut done = 0;
    for piece in pieces(ranges) {
        let mem = front.mem()?;
        let mut data = Vec::with_capacity(length(&piece));
        for range in &piece {
            data.extend_from_slice(mem.bytes(range));
        }
        let written = match write(front.answers, &data, done) {
            Err(Halt::Errno(_)) if done > 0 => break,
            written => written?,
        };
        // A guest that is told that nothing was written tries again, for ever.
        if written as usize > data.len() || written == 0 {
            return Err(Halt::Broken(format!("it was given {} bytes to write, and wrote {written}", data.len())));
        }
        done += u64::from(written);
        if (written as usize) < data.len() {
            break;
        }
    }
    front.mem()?.write_u32(nwritten, done as u32)?;
    Ok(done)
}

/// The guest's vectors, all checked, as is where the count goes.
fn vectors(mem: &GuestMemory<'_>, iovs: u32, iovs_len: u32, count: u32) -> Result<Vec<Range<usize>>, Errno> {
    mem.check(count, 4)?;
    mem.iovecs(iovs, iovs_len)
}
