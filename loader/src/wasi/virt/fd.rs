//! Descriptors: closing, renumbering, and what is known of them and can be set.

use super::super::errno::{Errno, Rule};
use super::super::types::{FileStat, Rights, TimeFlags};
use super::file::What;
use super::front::{Front, Held};
use super::{Answer, Halt, NewTime};

/// For functions that are the same for all descriptors: what is open from the beginning is, and the rest is as ever.
fn prepared(front: &mut Front<'_>, fd: u32) -> Answer<()> {
    front.held(fd)?;
    Err(Halt::Real)
}

/// `fd_fdstat_get`
pub fn fd_fdstat_get(front: &mut Front<'_>, fd: u32, _stat: u32) -> Answer<()> {
    prepared(front, fd)
}

/// `fd_fdstat_set_flags`
pub fn fd_fdstat_set_flags(front: &mut Front<'_>, fd: u32, _flags: u32) -> Answer<()> {
    prepared(front, fd)
}

/// `fd_fdstat_set_rights`
pub fn fd_fdstat_set_rights(front: &mut Front<'_>, fd: u32, _base: u64, _inheriting: u64) -> Answer<()> {
    prepared(front, fd)
}

/// `fd_prestat_get`
pub fn fd_prestat_get(front: &mut Front<'_>, fd: u32, _prestat: u32) -> Answer<()> {
    prepared(front, fd)
}

/// `fd_prestat_dir_name`
pub fn fd_prestat_dir_name(front: &mut Front<'_>, fd: u32, _path: u32, _path_len: u32) -> Answer<()> {
    prepared(front, fd)
}

/// `fd_close`
pub fn fd_close(front: &mut Front<'_>, fd: u32) -> Answer<()> {
    let held = front.held(fd)?;
    drop(front.state()?.descriptors.remove(fd)?);
    front.release(&held.file)
}

/// `fd_renumber`
pub fn fd_renumber(front: &mut Front<'_>, from: u32, to: u32) -> Answer<()> {
    front.ready()?;
    let closed = match front.held(to) {
        Err(Halt::Real) => return Err(Halt::Real),
        held => held?,
    };
    front.state()?.descriptors.renumber(from, to)?;
    if from == to { Ok(()) } else { front.release(&closed.file) }
}

/// `fd_filestat_get`
pub fn fd_filestat_get(front: &mut Front<'_>, fd: u32, stat: u32) -> Answer<()> {
    let held = front.held(fd)?;
    held.require(Rights::FD_FILESTAT_GET)?;
    let len = FileStat::NOTHING.encode(front.layout).len() as u32;
    front.mem()?.check(stat, len)?;
    let found = match held.file.what {
        What::File(_) | What::Folder => front.answers.stat(held.file.node)?,
        _ => FileStat { kind: held.file.kind(), ..FileStat::NOTHING },
    };
    Ok(front.mem()?.write_filestat(stat, &found)?)
}

/// `fd_filestat_set_size`
pub fn fd_filestat_set_size(front: &mut Front<'_>, fd: u32, size: u64) -> Answer<()> {
    let node = to_change(&front.held(fd)?, Rights::FD_FILESTAT_SET_SIZE)?;
    if i64::try_from(size).is_err() {
        return Err(Errno::INVAL.into());
    }
    front.answers.set_size(node, size)
}

/// `fd_filestat_set_times`
pub fn fd_filestat_set_times(
    front: &mut Front<'_>,
    fd: u32,
    accessed_ns: u64,
    modified_ns: u64,
    flags: u32,
) -> Answer<()> {
    let held = front.held(fd)?;
    let (accessed, modified) = new_times(accessed_ns, modified_ns, flags)?;
    match held.file.what {
        What::File(_) | What::Folder => {}
        _ => return Err(Errno::NOTCAPABLE.by(Rule::Rights).into()),
    }
    held.require(Rights::FD_FILESTAT_SET_TIMES)?;
    front.answers.set_times(held.file.node, accessed, modified)
}

/// `fd_sync`
pub fn fd_sync(front: &mut Front<'_>, fd: u32) -> Answer<()> {
    synced(front, fd, Rights::FD_SYNC, false)
}

/// `fd_datasync`
pub fn fd_datasync(front: &mut Front<'_>, fd: u32) -> Answer<()> {
    synced(front, fd, Rights::FD_DATASYNC, true)
}

fn synced(front: &mut Front<'_>, fd: u32, rights: Rights, data_only: bool) -> Answer<()> {
    let held = front.held(fd)?;
    match held.file.what {
        What::File(_) | What::Folder => {}
        _ => return Err(Errno::INVAL.into()),
    }
    held.require(rights)?;
    front.answers.sync(held.file.node, data_only)
}

/// `fd_allocate`: extends the file to the end of the range. That there is room then, nobody promises.
pub fn fd_allocate(front: &mut Front<'_>, fd: u32, offset: u64, len: u64) -> Answer<()> {
    let node = to_change(&front.held(fd)?, Rights::FD_ALLOCATE)?;
    let end = offset.checked_add(len).filter(|&end| i64::try_from(end).is_ok()).ok_or(Errno::FBIG)?;
    if len == 0 {
        return Err(Errno::INVAL.into());
    }
    if front.answers.stat(node)?.size < end {
        front.answers.set_size(node, end)?;
    }
    Ok(())
}

/// `fd_advise`: advice is only that.
pub fn fd_advise(front: &mut Front<'_>, fd: u32, offset: u64, len: u64, advice: u32) -> Answer<()> {
    let held = front.held(fd)?;
    if advice > 5 {
        return Err(Errno::INVAL.into());
    }
    held.seekable(Rights::FD_ADVISE, Errno::BADF)?;
    if i64::try_from(offset).is_err() || i64::try_from(len).is_err() {
        return Err(Errno::INVAL.into());
    }
    Ok(())
}

/// The number of a file that is to be changed.
fn to_change(held: &Held, rights: Rights) -> Result<u32, Errno> {
    match held.file.what {
        What::File(_) => held.require(rights).map(|()| held.file.node),
        What::Folder => Err(Errno::BADF),
        _ => Err(Errno::INVAL),
    }
}

/// The two times that `fstflags` ask for: `INVAL` for one to be set both to a value and to now, and for bits without a name.
pub(super) fn new_times(accessed_ns: u64, modified_ns: u64, flags: u32) -> Result<(NewTime, NewTime), Errno> {
    let flags = u16::try_from(flags).map(TimeFlags::from_raw).map_err(|_| Errno::INVAL)?;
    if !TimeFlags::ALL.contains(flags) {
        return Err(Errno::INVAL);
    }
    let one = |to_value, to_now, value_ns| match (flags.contains(to_value), flags.contains(to_now)) {
        (true, true) => Err(Errno::INVAL),
        (true, false) => Ok(NewTime::At(value_ns)),
        (false, true) => Ok(NewTime::Now),
        (false, false) => Ok(NewTime::Keep),
    };
    Ok((
        one(TimeFlags::ATIM, TimeFlags::ATIM_NOW, accessed_ns)?,
        one(TimeFlags::MTIM, TimeFlags::MTIM_NOW, modified_ns)?,
    ))
}
