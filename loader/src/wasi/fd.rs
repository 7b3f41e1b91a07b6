//! Descriptors: closing, renumbering, and what is known of them and can be set.

use super::ctx::WasiCtx;
use super::descriptors::{Descriptor, Kind};
use super::errno::{Errno, Rule, retry};
use super::grant::DirRights;
use super::growth;
use super::memory::GuestMemory;
use super::open_file::Entered;
use super::stdio;
use super::types::{FdFlags, FdStat, FileKind, FileStat, Rights, timestamps};
use rustix::fs::{Advice, OFlags};
use std::num::NonZeroU64;

/// Closes a descriptor. A standard stream is closed for the guest only.
pub fn fd_close(ctx: &mut WasiCtx, _mem: &mut GuestMemory<'_>, fd: u32) -> Result<(), Errno> {
    ctx.descriptors.remove(fd).map(drop)
}

/// Moves a descriptor to the number of another, which is closed. Both must be open.
pub fn fd_renumber(ctx: &mut WasiCtx, _mem: &mut GuestMemory<'_>, from: u32, to: u32) -> Result<(), Errno> {
    ctx.descriptors.renumber(from, to)
}

/// Writes what a descriptor is and may be used for.
pub fn fd_fdstat_get(ctx: &mut WasiCtx, mem: &mut GuestMemory<'_>, fd: u32, stat: u32) -> Result<(), Errno> {
    let descriptor = ctx.descriptors.get(fd)?;
    let kind = match &descriptor.kind {
        Kind::Input(input) => stdio::kind(input.host()),
        Kind::Output(output) => stdio::kind(output.host()),
        Kind::File(file) => file.enter().map(|_| FileKind::RegularFile)?,
        Kind::Dir(dir) => dir.enter().map(|_| FileKind::Directory)?,
        Kind::Socket(socket) => socket.file_kind(),
        Kind::Virtual(file) => file.kind(),
    };
    let Descriptor { base, inheriting, flags, .. } = *descriptor;
    mem.write(stat, &FdStat { kind, flags, base, inheriting }.encode())
}

/// Sets the flags of a descriptor. `NOTSUP` where that would change how writes are synced, which Linux settles when a file
/// is opened.
pub fn fd_fdstat_set_flags(ctx: &mut WasiCtx, _mem: &mut GuestMemory<'_>, fd: u32, flags: u32) -> Result<(), Errno> {
    let flags = u16::try_from(flags).map(FdFlags::from_raw).map_err(|_| Errno::INVAL)?;
    let descriptor = ctx.descriptors.get_mut(fd)?;
    descriptor.require(Rights::FD_FDSTAT_SET_FLAGS)?;
    if !FdFlags::ALL.contains(flags) {
        return Err(Errno::INVAL);
    }
    if flags.intersection(FdFlags::SYNCS) != descriptor.flags.intersection(FdFlags::SYNCS) {
        return Err(Errno::NOTSUP);
    }
    if let Kind::Dir(dir) = &descriptor.kind {
        dir.enter()?;
    }
    if let Kind::File(file) = &descriptor.kind {
        let file = file.enter()?;
        let append = if flags.contains(FdFlags::APPEND) { OFlags::APPEND } else { OFlags::empty() };
        retry(|| rustix::fs::fcntl_setfl(&file, append))?;
    }
    descriptor.flags = flags;
    Ok(())
}

/// Gives up rights of a descriptor, for good. `NOTCAPABLE` for any that it has not.
pub fn fd_fdstat_set_rights(
    ctx: &mut WasiCtx,
    _mem: &mut GuestMemory<'_>,
    fd: u32,
    base: u64,
    inheriting: u64,
) -> Result<(), Errno> {
    let descriptor = ctx.descriptors.get_mut(fd)?;
    let (base, inheriting) = (Rights::from_raw(base), Rights::from_raw(inheriting));
    if !descriptor.base.contains(base) || !descriptor.inheriting.contains(inheriting) {
        return Err(Errno::NOTCAPABLE.by(Rule::Rights));
    }
    (descriptor.base, descriptor.inheriting) = (base, inheriting);
    Ok(())
}

/// Writes what the file system says of the file. Of a stream that is no file of the host, nearly nothing.
pub fn fd_filestat_get(ctx: &mut WasiCtx, mem: &mut GuestMemory<'_>, fd: u32, stat: u32) -> Result<(), Errno> {
    let descriptor = ctx.descriptors.get(fd)?;
    descriptor.require(Rights::FD_FILESTAT_GET)?;
    let host = match &descriptor.kind {
        Kind::File(file) => Some(entered_stat(&file.enter()?)?),
        Kind::Dir(dir) => Some(entered_stat(&dir.enter()?)?),
        Kind::Input(input) => stream_stat(input.host())?,
        Kind::Output(output) => stream_stat(output.host())?,
        Kind::Socket(socket) => Some(retry(|| rustix::fs::fstat(socket))?.into()),
        Kind::Virtual(_) => None,
    };
    mem.write_filestat(stat, &host.unwrap_or(FileStat::NOTHING))
}

fn entered_stat(file: &Entered<'_>) -> Result<FileStat, Errno> {
    file.cap().note(DirRights::NONE);
    retry(|| rustix::fs::fstat(file)).map(FileStat::from)
}

fn stream_stat(host: Option<rustix::fd::BorrowedFd<'_>>) -> Result<Option<FileStat>, Errno> {
    let Some(fd) = host else { return Ok(None) };
    let stat = FileStat::from(retry(|| rustix::fs::fstat(fd))?);
    Ok(Some(FileStat { kind: stdio::kind(host), ..stat }))
}

/// `ftruncate(2)`: cuts the file, or extends it with zeros.
pub fn fd_filestat_set_size(ctx: &mut WasiCtx, _mem: &mut GuestMemory<'_>, fd: u32, size: u64) -> Result<(), Errno> {
    let file = file_to_change(ctx, fd, Rights::FD_FILESTAT_SET_SIZE)?;
    growth::set_size(&file, size)
}

/// `futimens(2)`: sets the times of a file or directory.
pub fn fd_filestat_set_times(
    ctx: &mut WasiCtx,
    _mem: &mut GuestMemory<'_>,
    fd: u32,
    accessed_ns: u64,
    modified_ns: u64,
    flags: u32,
) -> Result<(), Errno> {
    let times = timestamps(accessed_ns, modified_ns, flags)?;
    let descriptor = ctx.descriptors.get(fd)?;
    let host = match &descriptor.kind {
        Kind::Dir(_) => descriptor.dir_for(Rights::FD_FILESTAT_SET_TIMES)?,
        Kind::File(_) => file_to_change(ctx, fd, Rights::FD_FILESTAT_SET_TIMES)?,
        Kind::Input(_) | Kind::Output(_) | Kind::Socket(_) | Kind::Virtual(_) => {
            return Err(Errno::NOTCAPABLE.by(Rule::Rights));
        }
    };
    retry(|| rustix::fs::futimens(&host, &times))
}

/// `fsync(2)`. `INVAL` for a stream, as of a pipe.
pub fn fd_sync(ctx: &mut WasiCtx, _mem: &mut GuestMemory<'_>, fd: u32) -> Result<(), Errno> {
    let host = synced(ctx, fd, Rights::FD_SYNC)?;
    retry(|| rustix::fs::fsync(&host))
}

/// `fdatasync(2)`. `INVAL` for a stream, as of a pipe.
pub fn fd_datasync(ctx: &mut WasiCtx, _mem: &mut GuestMemory<'_>, fd: u32) -> Result<(), Errno> {
    let host = synced(ctx, fd, Rights::FD_DATASYNC)?;
    retry(|| rustix::fs::fdatasync(&host))
}

/// The file or directory that is to reach the device.
fn synced(ctx: &WasiCtx, fd: u32, rights: Rights) -> Result<Entered<'_>, Errno> {
    let descriptor = ctx.descriptors.get(fd)?;
    let host = match &descriptor.kind {
        Kind::File(file) => file.enter()?,
        Kind::Dir(dir) => dir.enter()?,
        Kind::Input(_) | Kind::Output(_) | Kind::Socket(_) | Kind::Virtual(_) => return Err(Errno::INVAL),
    };
    host.cap().note(DirRights::NONE);
    descriptor.require(rights).map(|()| host)
}

/// `posix_fallocate(3)`: makes room, and extends the file to the end of the range. `NOTSUP` where the file system can't.
pub fn fd_allocate(ctx: &mut WasiCtx, _mem: &mut GuestMemory<'_>, fd: u32, offset: u64, len: u64) -> Result<(), Errno> {
    let file = file_to_change(ctx, fd, Rights::FD_ALLOCATE)?;
    growth::allocate(&file, offset, len)
}

/// `posix_fadvise(2)`. It changes nothing but how the host reads ahead.
pub fn fd_advise(
    ctx: &mut WasiCtx,
    _mem: &mut GuestMemory<'_>,
    fd: u32,
    offset: u64,
    len: u64,
    advice: u32,
) -> Result<(), Errno> {
    let advice = match advice {
        0 => Advice::Normal,
        1 => Advice::Sequential,
        2 => Advice::Random,
        3 => Advice::WillNeed,
        4 => Advice::DontNeed,
        5 => Advice::NoReuse,
        _ => return Err(Errno::INVAL),
    };
    let file = ctx.descriptors.get(fd)?.file(Rights::FD_ADVISE, Errno::BADF)?;
    // The system call has signed arguments, and rustix would take a length beyond them for "to the end".
    if i64::try_from(offset).is_err() || i64::try_from(len).is_err() {
        return Err(Errno::INVAL);
    }
    retry(|| rustix::fs::fadvise(&file, offset, NonZeroU64::new(len), advice))
}

/// The file that is open, to be changed: first its capability is asked, then the rights that the guest kept.
fn file_to_change(ctx: &WasiCtx, fd: u32, rights: Rights) -> Result<Entered<'_>, Errno> {
    let descriptor = ctx.descriptors.get(fd)?;
    match &descriptor.kind {
        Kind::File(file) => {
            let file = file.enter()?;
            descriptor.allow(file.cap(), rights).map(|()| file)
        }
        Kind::Dir(_) => Err(Errno::BADF),
        Kind::Input(_) | Kind::Output(_) | Kind::Socket(_) | Kind::Virtual(_) => Err(Errno::INVAL),
    }
}

/// Writes the kind of a preopened descriptor, 0 for a directory, and the length of its name. `BADF` for one that is not
/// preopened, by which wasi-libc knows that there are no more: it asks from 3 on, so the first number that is not open is
/// no denial.
pub fn fd_prestat_get(ctx: &mut WasiCtx, mem: &mut GuestMemory<'_>, fd: u32, prestat: u32) -> Result<(), Errno> {
    let len = match preopen_name(ctx, fd) {
        Err(_) if ctx.descriptors.first_unused() == fd => return Err(Errno::BADF),
        name => name?.len() as u32,
    };
    let mut out = [0; 8];
    out[4..].copy_from_slice(&len.to_le_bytes());
    mem.write(prestat, &out)
}

/// Writes the name of a preopened directory, without a NUL. `NAMETOOLONG` if it does not fit.
pub fn fd_prestat_dir_name(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Errno> {
    let name = preopen_name(ctx, fd)?;
    if name.len() > path_len as usize {
        return Err(Errno::NAMETOOLONG);
    }
    mem.write(path, name)
}

fn preopen_name(ctx: &WasiCtx, fd: u32) -> Result<&[u8], Errno> {
    match &ctx.descriptors.get(fd)?.kind {
        Kind::Dir(dir) => dir.preopen.as_deref().ok_or(Errno::BADF),
        Kind::Virtual(file) => file.preopen.as_deref().ok_or(Errno::BADF),
        Kind::File(_) | Kind::Input(_) | Kind::Output(_) | Kind::Socket(_) => Err(Errno::BADF),
    }
}

#[cfg(test)]
mod tests {
    use super::super::grant::{DirGrant, DirRights};
    use super::super::testing::{DIR, Guest, TempDir};
    use super::*;

    fn stat(guest: &mut Guest, fd: u32) -> Result<(u8, u16, Rights, Rights), Errno> {
        guest.call(|ctx, mem| fd_fdstat_get(ctx, mem, fd, 64))?;
        let flags = u16::from_le_bytes([guest.bytes[66], guest.bytes[67]]);
        Ok((guest.bytes[64], flags, Rights::from_raw(guest.u64_at(72)), Rights::from_raw(guest.u64_at(80))))
    }

    #[test]
    fn rights_only_narrow() {
        let dir = TempDir::new();
        dir.file("file", b"x");
        let mut guest = Guest::new(&dir, DirGrant::all());
        let fd = guest.open("file", 0, Rights::FD_READ | Rights::FD_WRITE | Rights::FD_SEEK, 0).unwrap();
        let narrow = |guest: &mut Guest, fd, base: Rights, inheriting: Rights| {
            guest.call(|ctx, mem| fd_fdstat_set_rights(ctx, mem, fd, base.raw(), inheriting.raw()))
        };
        assert_eq!(narrow(&mut guest, fd, Rights::FD_READ, Rights::NONE), Ok(()));
        assert_eq!(guest.write(fd, b"y"), Err(Errno::BADF));
        assert_eq!(guest.read(fd, 1).unwrap(), b"x");
        assert_eq!(narrow(&mut guest, fd, Rights::FD_READ | Rights::FD_SEEK, Rights::NONE), Err(Errno::NOTCAPABLE));
        assert_eq!(narrow(&mut guest, fd, Rights::FD_READ, Rights::FD_READ), Err(Errno::NOTCAPABLE));
        let (_, _, base, inheriting) = stat(&mut guest, DIR).unwrap();
        narrow(&mut guest, DIR, base, inheriting.difference(Rights::FD_WRITE)).unwrap();
        assert_eq!(guest.open("file", 0, Rights::FD_WRITE, 0), Err(Errno::NOTCAPABLE));
        assert!(guest.open("file", 0, Rights::FD_READ, 0).is_ok());
        narrow(&mut guest, DIR, base.difference(Rights::PATH_CREATE_FILE), Rights::ALL.intersection(inheriting))
            .unwrap_err();
        narrow(&mut guest, DIR, Rights::PATH_OPEN, Rights::FD_READ).unwrap();
        assert_eq!(guest.open("new", 1, Rights::FD_READ, 0), Err(Errno::NOTCAPABLE), "creates");
        assert_eq!(guest.open("file", 8, Rights::FD_READ, 0), Err(Errno::NOTCAPABLE), "truncates");
        assert_eq!(dir.read("file"), b"x");
    }

    #[test]
    fn read_only_is_read_only_by_effect() {
        let dir = TempDir::new();
        dir.file("file", b"data");
        let mut guest = Guest::new(&dir, DirGrant::read_only());
        let fd = guest.open("file", 0, Rights::FILE.difference(Rights::FD_WRITE), 0).unwrap();
        assert_eq!(guest.read(fd, 9).unwrap(), b"data");
        assert_eq!(guest.write(fd, b"x"), Err(Errno::BADF));
        assert_eq!(guest.call(|ctx, mem| fd_filestat_set_size(ctx, mem, fd, 0)), Err(Errno::PERM));
        assert_eq!(guest.call(|ctx, mem| fd_allocate(ctx, mem, fd, 0, 100)), Err(Errno::PERM));
        assert_eq!(guest.call(|ctx, mem| fd_filestat_set_times(ctx, mem, fd, 0, 0, 10)), Err(Errno::PERM));
        assert_eq!(guest.call(|ctx, mem| fd_filestat_set_times(ctx, mem, DIR, 0, 0, 10)), Err(Errno::PERM));
        for (oflags, rights, fdflags) in [
            (0, Rights::FD_WRITE, 0),
            (1, Rights::FD_WRITE, 0),
            (8, Rights::FD_READ, 0),
            (8, Rights::NONE, 0),
            (0, Rights::FD_WRITE, 1),
        ] {
            assert_eq!(guest.open("file", oflags, rights, fdflags), Err(Errno::PERM), "{oflags} {rights:?} {fdflags}");
            assert_eq!(guest.open("new", oflags | 1, rights, fdflags), Err(Errno::PERM));
        }
        assert_eq!(guest.open("new", 1, Rights::FD_READ, 0).unwrap_err().rule(), Some(Rule::Grant));
        assert!(guest.open("file", 1, Rights::FD_READ, 0).is_ok(), "nothing is created");
        assert_eq!(dir.read("file"), b"data");
        assert!(!dir.exists("new"));
        let changes = Rights::ALL.difference(DirRights::READ_ONLY.preview1());
        assert!(!stat(&mut guest, fd).unwrap().2.intersects(changes));
        assert!(!stat(&mut guest, DIR).unwrap().2.intersects(changes));
    }

    #[test]
    fn sizes_and_times() {
        let dir = TempDir::new();
        let mut guest = Guest::new(&dir, DirGrant::all());
        let fd = guest.open("file", 1, Rights::FILE, 0).unwrap();
        guest.call(|ctx, mem| fd_filestat_set_size(ctx, mem, fd, 1000)).unwrap();
        guest.call(|ctx, mem| fd_filestat_set_times(ctx, mem, fd, 5_000_000_006, 7, 1 | 4)).unwrap();
        guest.call(|ctx, mem| fd_filestat_get(ctx, mem, fd, 64)).unwrap();
        assert_eq!((guest.bytes[80], guest.u64_at(88), guest.u64_at(96)), (4, 1, 1000));
        assert_eq!((guest.u64_at(104), guest.u64_at(112)), (5_000_000_006, 7));
        assert_eq!(guest.call(|ctx, mem| fd_filestat_set_times(ctx, mem, fd, 0, 0, 3)), Err(Errno::INVAL));
        assert_eq!(guest.call(|ctx, mem| fd_filestat_set_size(ctx, mem, fd, u64::MAX)), Err(Errno::INVAL));
        let allocated = guest.call(|ctx, mem| fd_allocate(ctx, mem, fd, 900, 200));
        assert!(allocated == Ok(()) || allocated == Err(Errno::NOTSUP), "{allocated:?}");
        if allocated.is_ok() {
            assert_eq!(dir.read("file").len(), 1100);
        }
        assert_eq!(guest.call(|ctx, mem| fd_advise(ctx, mem, fd, 0, 10, 3)), Ok(()));
        assert_eq!(guest.call(|ctx, mem| fd_advise(ctx, mem, fd, 0, 10, 6)), Err(Errno::INVAL));
        assert_eq!(guest.call(|ctx, mem| fd_advise(ctx, mem, fd, 0, u64::MAX, 0)), Err(Errno::INVAL));
        assert_eq!(guest.call(|ctx, mem| fd_sync(ctx, mem, fd)), Ok(()));
        assert_eq!(guest.call(|ctx, mem| fd_datasync(ctx, mem, DIR)), Ok(()));
        assert_eq!(guest.call(|ctx, mem| fd_filestat_set_size(ctx, mem, DIR, 0)), Err(Errno::BADF));
    }

    #[test]
    fn flags_are_the_guests() {
        let dir = TempDir::new();
        let mut guest = Guest::new(&dir, DirGrant::all());
        let sync = FdFlags::SYNC | FdFlags::APPEND;
        let fd = guest.open("file", 1, Rights::FILE, sync.raw()).unwrap();
        assert_eq!(stat(&mut guest, fd).unwrap().1, sync.raw());
        assert_eq!(guest.call(|ctx, mem| fd_fdstat_set_flags(ctx, mem, fd, 0)), Err(Errno::NOTSUP));
        let nonblock = FdFlags::SYNC | FdFlags::NONBLOCK;
        guest.call(|ctx, mem| fd_fdstat_set_flags(ctx, mem, fd, nonblock.raw().into())).unwrap();
        assert_eq!(stat(&mut guest, fd).unwrap().1, nonblock.raw());
        assert_eq!(guest.call(|ctx, mem| fd_fdstat_set_flags(ctx, mem, fd, 0x20)), Err(Errno::INVAL));
        assert_eq!(stat(&mut guest, DIR).unwrap().1, 0, "what keeps a fifo from blocking us is not told");
    }

    #[test]
    fn preopens_are_found_until_there_are_no_more() {
        let dir = TempDir::new();
        let mut guest = Guest::new(&dir, DirGrant::read_only());
        let name = |guest: &mut Guest, fd, len| guest.call(|ctx, mem| fd_prestat_dir_name(ctx, mem, fd, 64, len));
        guest.call(|ctx, mem| fd_prestat_get(ctx, mem, DIR, 64)).unwrap();
        assert_eq!((guest.bytes[64], guest.u32_at(68)), (0, 1));
        assert_eq!(name(&mut guest, DIR, 0), Err(Errno::NAMETOOLONG));
        assert_eq!(name(&mut guest, DIR, 5), Ok(()));
        assert_eq!(&guest.bytes[64..66], b"/\0");
        let mut rule = |fd| guest.call(|ctx, mem| fd_prestat_get(ctx, mem, fd, 64)).unwrap_err().rule();
        assert_eq!(rule(DIR + 1), None, "how every program finds the last one");
        assert_eq!([0, DIR + 2, u32::MAX].map(&mut rule), [Some(Rule::NoDescriptor); 3]);
        let fd = guest.open(".", 2, Rights::NONE, 0).unwrap();
        assert_eq!(guest.call(|ctx, mem| fd_prestat_get(ctx, mem, fd, 64)), Err(Errno::BADF), "opened, not granted");
        guest.call(|ctx, mem| fd_renumber(ctx, mem, fd, DIR)).unwrap();
        assert_eq!(guest.call(|ctx, mem| fd_prestat_get(ctx, mem, DIR, 64)), Err(Errno::BADF));
        guest.call(|ctx, mem| fd_close(ctx, mem, DIR)).unwrap();
        assert_eq!(guest.call(|ctx, mem| fd_close(ctx, mem, DIR)), Err(Errno::BADF));
    }

    #[test]
    fn a_stream_is_little() {
        let mut builder = WasiCtx::builder();
        builder.capture_stdout(10);
        let mut guest = Guest::with(builder.build().unwrap());
        let (kind, flags, base, inheriting) = stat(&mut guest, 1).unwrap();
        assert_eq!((kind, flags, inheriting), (0, 0, Rights::NONE));
        assert!(
            base.contains(Rights::FD_WRITE) && !base.intersects(Rights::FD_READ | Rights::FD_SEEK | Rights::FD_TELL)
        );
        guest.call(|ctx, mem| fd_filestat_get(ctx, mem, 1, 64)).unwrap();
        assert_eq!(guest.call(|ctx, mem| fd_filestat_set_size(ctx, mem, 1, 0)), Err(Errno::INVAL));
        assert_eq!(guest.call(|ctx, mem| fd_sync(ctx, mem, 1)), Err(Errno::INVAL));
        assert_eq!(guest.call(|ctx, mem| fd_close(ctx, mem, 1)), Ok(()));
        assert_eq!(guest.write(1, b"x"), Err(Errno::BADF));
    }
}
