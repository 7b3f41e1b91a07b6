//! Files and folders by path. Where a path leads, the module that answers decides: it is passed as it is written.

use super::super::descriptors::{Descriptor, Kind};
use super::super::errno::{Errno, Rule};
use super::super::path_open::Asked;
use super::super::types::{FdFlags, FileKind, FileStat, OpenFlags, Rights, follows};
use super::fd::new_times;
use super::file::{VirtualFile, What};
use super::front::{Front, Held};
use super::{Answer, Halt, bits, how};

/// The longest target of a symbolic link.
const MAX_TARGET_BYTES: usize = super::super::memory::MAX_PATH_BYTES as usize;

/// `path_open`
#[expect(clippy::too_many_arguments, reason = "preview 1's signature")]
pub fn path_open(
    front: &mut Front<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    path_len: u32,
    oflags: u32,
    base: u64,
    inheriting: u64,
    fdflags: u32,
    opened: u32,
) -> Answer<()> {
    let through = front.held(fd)?;
    let asked = Asked::new(lookup, oflags, base, inheriting, fdflags)?;
    let folder = through.folder(Rights::NONE)?;
    through.require(required(&asked, &through))?;
    let is_file = asked.base.contains(Rights::FD_WRITE)
        || asked.oflags.intersects(OpenFlags::TRUNC)
        || asked.oflags.intersects(OpenFlags::CREAT);
    inherited(&asked, &through, if is_file { Rights::FILE } else { Rights::FD_READ | Rights::FD_WRITE })?;
    let path = front.path(path, path_len)?;
    front.mem()?.check(opened, 4)?;
    front.state()?.descriptors.vacancy()?;

    let mut open_flags = 0;
    for (flag, bit) in [
        (OpenFlags::CREAT, how::CREATE),
        (OpenFlags::DIRECTORY, how::DIRECTORY),
        (OpenFlags::EXCL, how::EXCLUSIVE),
        (OpenFlags::TRUNC, how::TRUNCATE),
    ] {
        open_flags |= if asked.oflags.contains(flag) { bit } else { 0 };
    }
    let mut access = 0;
    for (right, bit) in [(Rights::FD_READ, bits::READ), (Rights::FD_WRITE, bits::WRITE)] {
        access |= if asked.base.contains(right) { bit } else { 0 };
    }
    let node = front.answers.open(folder, &path, asked.follow, open_flags, access)?;
    let descriptor = describe(front, node, &asked, &through);
    let number = descriptor.and_then(|descriptor| Ok(front.state()?.descriptors.insert(descriptor)?));
    match number {
        Ok(number) => Ok(front.mem()?.write_u32(opened, number)?),
        Err(Halt::Ends(error)) => Err(Halt::Ends(error)),
        Err(halt) => {
            // It has no number of the guest's; should closing it fail too, the first error is the one to tell.
            let _ = front.release(&VirtualFile::new(What::Folder, node));
            Err(halt)
        }
    }
}

/// The rights that a folder needs for what it is opened through.
fn required(asked: &Asked, through: &Held) -> Rights {
    let mut required = Rights::PATH_OPEN;
    if asked.oflags.contains(OpenFlags::CREAT) {
        required = required | Rights::PATH_CREATE_FILE;
    }
    if asked.oflags.contains(OpenFlags::TRUNC) {
        required = required | Rights::PATH_FILESTAT_SET_SIZE;
    }
    // The right to sync includes that to sync the data.
    if asked.fdflags.contains(FdFlags::RSYNC) {
        required = required | Rights::FD_SYNC;
    } else if asked.fdflags.contains(FdFlags::DSYNC) && !through.base.contains(Rights::FD_SYNC) {
        required = required | Rights::FD_DATASYNC;
    }
    required
}

/// `NOTCAPABLE` if rights were asked for that apply and can't be inherited: fewer than asked for would be a lie.
fn inherited(asked: &Asked, through: &Held, applicable: Rights) -> Result<(), Errno> {
    if through.inheriting.contains(asked.base.intersection(applicable)) {
        Ok(())
    } else {
        Err(Errno::NOTCAPABLE.by(Rule::Rights))
    }
}

/// The descriptor of what was opened, by what it says that it is.
fn describe(front: &mut Front<'_>, node: u32, asked: &Asked, through: &Held) -> Answer<Descriptor> {
    let kind = front.answers.stat(node)?.kind;
    if kind == FileKind::Directory {
        inherited(asked, through, Rights::DIRECTORY)?;
        return Ok(Descriptor {
            kind: Kind::Virtual(VirtualFile::new(What::Folder, node)),
            base: asked.base.intersection(Rights::DIRECTORY),
            inheriting: asked.inheriting.intersection(through.inheriting),
            // None of the others means anything for a folder.
            flags: asked.fdflags.intersection(FdFlags::NONBLOCK),
        });
    }
    if asked.oflags.contains(OpenFlags::DIRECTORY) {
        return Err(Errno::NOTDIR.into());
    }
    inherited(asked, through, Rights::FILE)?;
    let mut kept = asked.base.intersection(Rights::FILE);
    if !kept.contains(Rights::FD_WRITE) {
        kept = kept.difference(Rights::FD_ALLOCATE | Rights::FD_FILESTAT_SET_SIZE);
    }
    Ok(Descriptor {
        kind: Kind::Virtual(VirtualFile::new(What::File(kind), node)),
        base: kept,
        inheriting: Rights::NONE,
        flags: asked.fdflags,
    })
}

/// `path_filestat_get`
pub fn path_filestat_get(
    front: &mut Front<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    path_len: u32,
    stat: u32,
) -> Answer<()> {
    let folder = front.held(fd)?.folder(Rights::PATH_FILESTAT_GET)?;
    let path = front.path(path, path_len)?;
    let follow = follows(lookup)?;
    let len = FileStat::NOTHING.encode(front.layout).len() as u32;
    front.mem()?.check(stat, len)?;
    let found = front.answers.stat_at(folder, &path, follow)?;
    Ok(front.mem()?.write_filestat(stat, &found)?)
}

/// `path_filestat_set_times`
#[expect(clippy::too_many_arguments, reason = "preview 1's signature")]
pub fn path_filestat_set_times(
    front: &mut Front<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    path_len: u32,
    accessed_ns: u64,
    modified_ns: u64,
    flags: u32,
) -> Answer<()> {
    let held = front.held(fd)?;
    let times = new_times(accessed_ns, modified_ns, flags)?;
    let folder = held.folder(Rights::PATH_FILESTAT_SET_TIMES)?;
    let path = front.path(path, path_len)?;
    let follow = follows(lookup)?;
    front.answers.set_times_at(folder, &path, follow, times)
}

/// `path_create_directory`
pub fn path_create_directory(front: &mut Front<'_>, fd: u32, path: u32, path_len: u32) -> Answer<()> {
    let folder = front.held(fd)?.folder(Rights::PATH_CREATE_DIRECTORY)?;
    let path = front.path(path, path_len)?;
    front.answers.create_directory_at(folder, &path)
}

/// `path_remove_directory`
pub fn path_remove_directory(front: &mut Front<'_>, fd: u32, path: u32, path_len: u32) -> Answer<()> {
    let folder = front.held(fd)?.folder(Rights::PATH_REMOVE_DIRECTORY)?;
    let path = front.path(path, path_len)?;
    front.answers.remove_directory_at(folder, &path)
}

/// `path_unlink_file`
pub fn path_unlink_file(front: &mut Front<'_>, fd: u32, path: u32, path_len: u32) -> Answer<()> {
    let folder = front.held(fd)?.folder(Rights::PATH_UNLINK_FILE)?;
    let path = front.path(path, path_len)?;
    front.answers.unlink_at(folder, &path)
}

/// `path_rename`
pub fn path_rename(
    front: &mut Front<'_>,
    fd: u32,
    old: u32,
    old_len: u32,
    new_fd: u32,
    new: u32,
    new_len: u32,
) -> Answer<()> {
    let (from, to) = both(front, (fd, Rights::PATH_RENAME_SOURCE), (new_fd, Rights::PATH_RENAME_TARGET))?;
    let (old, new) = (front.path(old, old_len)?, front.path(new, new_len)?);
    front.answers.rename_at((from, &old), (to, &new))
}

/// `path_link`
#[expect(clippy::too_many_arguments, reason = "preview 1's signature")]
pub fn path_link(
    front: &mut Front<'_>,
    old_fd: u32,
    lookup: u32,
    old: u32,
    old_len: u32,
    new_fd: u32,
    new: u32,
    new_len: u32,
) -> Answer<()> {
    let (from, to) = both(front, (old_fd, Rights::PATH_LINK_SOURCE), (new_fd, Rights::PATH_LINK_TARGET))?;
    let follow = follows(lookup)?;
    let (old, new) = (front.path(old, old_len)?, front.path(new, new_len)?);
    front.answers.link_at((from, &old), follow, (to, &new))
}

/// Two folders: `XDEV` if one of them is the host's.
fn both(front: &mut Front<'_>, from: (u32, Rights), to: (u32, Rights)) -> Answer<(u32, u32)> {
    let virtual_or_real = |front: &mut Front<'_>, (fd, rights): (u32, Rights)| match front.held(fd) {
        Ok(held) => Ok(Some(held.folder(rights)?)),
        Err(Halt::Real) => Ok(None),
        Err(halt) => Err(halt),
    };
    match (virtual_or_real(front, from)?, virtual_or_real(front, to)?) {
        (Some(from), Some(to)) => Ok((from, to)),
        (None, None) => Err(Halt::Real),
        (one, _) => {
            // What is no descriptor at all is that.
            let other = if one.is_some() { to.0 } else { from.0 };
            front.state()?.descriptors.get(other)?;
            Err(Errno::XDEV.by(Rule::OtherCapability).into())
        }
    }
}

/// `path_symlink`: an absolute target is `NOTCAPABLE`, as in folders of the host.
pub fn path_symlink(
    front: &mut Front<'_>,
    target: u32,
    target_len: u32,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Answer<()> {
    let folder = front.held(fd)?.folder(Rights::PATH_SYMLINK)?;
    let target = front.path(target, target_len).map_err(|halt| match halt {
        Halt::Errno(errno) if errno.rule() == Some(Rule::Outside) => Halt::Errno(errno.by(Rule::AbsoluteTarget)),
        halt => halt,
    })?;
    let path = front.path(path, path_len)?;
    front.answers.symlink_at(&target, folder, &path)
}

/// `path_readlink`
pub fn path_readlink(
    front: &mut Front<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
    buf: u32,
    len: u32,
    used: u32,
) -> Answer<()> {
    let folder = front.held(fd)?.folder(Rights::PATH_READLINK)?;
    let path = front.path(path, path_len)?;
    let mem = front.mem()?;
    mem.check(buf, len)?;
    mem.check(used, 4)?;
    let target = front.answers.readlink_at(folder, &path)?;
    if target.len() > MAX_TARGET_BYTES {
        return Err(Halt::Broken(format!(
            "a link's target has {} bytes: {MAX_TARGET_BYTES} is the most",
            target.len()
        )));
    }
    let fits = &target.as_bytes()[..target.len().min(len as usize)];
    let mut mem = front.mem()?;
    mem.write(buf, fits)?;
    Ok(mem.write_u32(used, fits.len() as u32)?)
}
