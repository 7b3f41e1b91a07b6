//! Files and directories by path, but for opening them.
//!
//! Each function asks, in this order: is it a directory, does its capability live (`STALE`) and have the right (`PERM`),
//! did the guest keep the right (`NOTCAPABLE`), is the path one that a guest may name, where does the kernel say that it
//! leads. Then it acts.

use super::ctx::WasiCtx;
use super::entries::{self, Entry};
use super::errno::{Errno, Rule, retry};
use super::grant::DirRights;
use super::memory::GuestMemory;
use super::open_file::{Entered, OpenDir};
use super::resolve::{self, GuestPath};
use super::types::{FileStat, Rights, follows, timestamps};
use rustix::fs::{AtFlags, FileType};

/// Writes what the file system says of a file, of any kind.
pub fn path_filestat_get(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    path_len: u32,
    stat: u32,
) -> Result<(), Errno> {
    let dir = ctx.descriptors.get(fd)?.dir_for(Rights::PATH_FILESTAT_GET)?;
    let path = GuestPath::read(mem, path, path_len)?;
    let place = resolve::locate(dir.base(), &path, follows(lookup)?)?;
    let found = FileStat::from(retry(|| rustix::fs::fstat(&place))?);
    mem.write_filestat(stat, &found)
}

/// `utimensat(2)`: sets the times of a file, of any kind. `NOTSUP` before Linux 5.8.
#[expect(clippy::too_many_arguments, reason = "preview 1's signature")]
pub fn path_filestat_set_times(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    path_len: u32,
    accessed_ns: u64,
    modified_ns: u64,
    flags: u32,
) -> Result<(), Errno> {
    let times = timestamps(accessed_ns, modified_ns, flags)?;
    let dir = ctx.descriptors.get(fd)?.dir_for(Rights::PATH_FILESTAT_SET_TIMES)?;
    let path = GuestPath::read(mem, path, path_len)?;
    let place = resolve::locate(dir.base(), &path, follows(lookup)?)?;
    // Of a descriptor that only says where something is, the times are set by an empty path, since Linux 5.8. Before, this
    // is `INVAL`, of which nothing else here can be the reason.
    let set = retry(|| rustix::fs::utimensat(&place, "", &times, AtFlags::EMPTY_PATH));
    set.map_err(|errno| if errno == Errno::INVAL { Errno::NOTSUP } else { errno })
}

/// `mkdirat(2)`.
pub fn path_create_directory(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Errno> {
    let dir = ctx.descriptors.get(fd)?.dir_for(Rights::PATH_CREATE_DIRECTORY)?;
    let leaf = resolve::leaf(dir.base(), &GuestPath::read(mem, path, path_len)?)?;
    let (parent, name, _) = leaf.name(Errno::EXIST)?;
    entries::make_directory(Entry::new(&dir, parent, name))
}

/// `unlinkat(2)` of a directory.
pub fn path_remove_directory(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Errno> {
    let dir = ctx.descriptors.get(fd)?.dir_for(Rights::PATH_REMOVE_DIRECTORY)?;
    let leaf = resolve::leaf(dir.base(), &GuestPath::read(mem, path, path_len)?)?;
    let (parent, name, _) = leaf.name(Errno::INVAL)?;
    entries::remove(Entry::new(&dir, parent, name), AtFlags::REMOVEDIR)
}

/// `unlinkat(2)` of anything but a directory.
pub fn path_unlink_file(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Errno> {
    let dir = ctx.descriptors.get(fd)?.dir_for(Rights::PATH_UNLINK_FILE)?;
    let leaf = resolve::leaf(dir.base(), &GuestPath::read(mem, path, path_len)?)?;
    let (parent, name, slash) = leaf.name(Errno::ISDIR)?;
    if slash {
        return Err(match resolve::kind_of(parent, name)? {
            FileType::Directory => Errno::ISDIR,
            _ => Errno::NOTDIR,
        });
    }
    entries::remove(Entry::new(&dir, parent, name), AtFlags::empty())
}

/// `renameat(2)`, within one capability; `XDEV` across two, whereupon programs copy, for which each side needs its rights.
/// What is replaced is deleted: without the right to that, `EXIST`.
#[expect(clippy::too_many_arguments, reason = "preview 1's signature")]
pub fn path_rename(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    old_path: u32,
    old_path_len: u32,
    new_fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result<(), Errno> {
    let (dir, new_dir) =
        of_one_capability(ctx, (fd, Rights::PATH_RENAME_SOURCE), (new_fd, Rights::PATH_RENAME_TARGET))?;
    let old = resolve::leaf(dir.base(), &GuestPath::read(mem, old_path, old_path_len)?)?;
    let new = resolve::leaf(new_dir.beside(&dir)?, &GuestPath::read(mem, new_path, new_path_len)?)?;
    let (old_parent, old_name, old_slash) = old.name(Errno::BUSY)?;
    let (new_parent, new_name, new_slash) = new.name(Errno::BUSY)?;
    if (old_slash || new_slash) && resolve::kind_of(old_parent, old_name)? != FileType::Directory {
        return Err(Errno::NOTDIR);
    }
    let may_replace = dir.cap().could(DirRights::DELETE);
    if dir.cap().is_recorded() && may_replace.is_ok() && resolve::kind_of(new_parent, new_name).is_ok() {
        dir.cap().note(DirRights::DELETE);
    }
    let (old, new) = (Entry::new(&dir, old_parent, old_name), Entry::new(&dir, new_parent, new_name));
    entries::rename(old, new, may_replace.is_ok()).map_err(|errno| match may_replace {
        Err(_) if errno == Errno::EXIST => Errno::EXIST.by(Rule::Grant),
        _ => errno,
    })
}

/// `linkat(2)`, within one capability, else `XDEV`. It does not follow a symbolic link, and asking for that is `INVAL`.
#[expect(clippy::too_many_arguments, reason = "preview 1's signature")]
pub fn path_link(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    old_fd: u32,
    old_lookup: u32,
    old_path: u32,
    old_path_len: u32,
    new_fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result<(), Errno> {
    if old_lookup != 0 {
        return Err(Errno::INVAL);
    }
    let (dir, new_dir) =
        of_one_capability(ctx, (old_fd, Rights::PATH_LINK_SOURCE), (new_fd, Rights::PATH_LINK_TARGET))?;
    let old = resolve::leaf(dir.base(), &GuestPath::read(mem, old_path, old_path_len)?)?;
    let new = resolve::leaf(new_dir.beside(&dir)?, &GuestPath::read(mem, new_path, new_path_len)?)?;
    let (old_parent, old_name, old_slash) = old.name(Errno::PERM)?;
    let (new_parent, new_name, new_slash) = new.name(Errno::EXIST)?;
    if old_slash && resolve::kind_of(old_parent, old_name)? != FileType::Directory {
        return Err(Errno::NOTDIR);
    }
    if new_slash {
        // A link to a directory there can't be; what is there exists.
        return Err(resolve::kind_of(new_parent, new_name).err().unwrap_or(Errno::EXIST));
    }
    entries::make_link(Entry::new(&dir, old_parent, old_name), Entry::new(&dir, new_parent, new_name))
}

/// Two directories of one capability, each to be used for its rights, by a call that enters it once; `XDEV` if they are of
/// two.
fn of_one_capability(
    ctx: &WasiCtx,
    (fd, rights): (u32, Rights),
    (other_fd, other_rights): (u32, Rights),
) -> Result<(Entered<'_>, &OpenDir), Errno> {
    let dir = ctx.descriptors.get(fd)?.dir_for(rights)?;
    let other = ctx.descriptors.get(other_fd)?;
    let other_dir = other.dir()?;
    if let Err(errno) = other_dir.beside(&dir) {
        drop(dir);
        other.dir_for(other_rights)?;
        return Err(errno);
    }
    other.allow(dir.cap(), other_rights)?;
    Ok((dir, other_dir))
}

/// `symlinkat(2)`, with a relative target. A target may lead outside, as a file may contain anything; no path of a guest
/// follows it there. An absolute one is `NOTCAPABLE`: it is meant for those who are not kept beneath a directory.
pub fn path_symlink(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    target: u32,
    target_len: u32,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Errno> {
    let dir = ctx.descriptors.get(fd)?.dir_for(Rights::PATH_SYMLINK)?;
    let target = GuestPath::read(mem, target, target_len).map_err(|errno| match errno.rule() {
        Some(Rule::Outside) => errno.by(Rule::AbsoluteTarget),
        _ => errno,
    })?;
    let leaf = resolve::leaf(dir.base(), &GuestPath::read(mem, path, path_len)?)?;
    let (parent, name, slash) = leaf.name(Errno::EXIST)?;
    if slash {
        return Err(resolve::kind_of(parent, name).err().unwrap_or(Errno::EXIST));
    }
    entries::make_symlink(Entry::new(&dir, parent, name), target.as_bytes())
}

/// `readlinkat(2)`: writes the target of a symbolic link at `buf`, as much as fits, and its length at `used`.
#[expect(clippy::too_many_arguments, reason = "preview 1's signature")]
pub fn path_readlink(
    ctx: &mut WasiCtx,
    mem: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
    buf: u32,
    len: u32,
    used: u32,
) -> Result<(), Errno> {
    let dir = ctx.descriptors.get(fd)?.dir_for(Rights::PATH_READLINK)?;
    let path = GuestPath::read(mem, path, path_len)?;
    mem.check(buf, len)?;
    mem.check(used, 4)?;
    let place = resolve::locate(dir.base(), &path, false)?;
    if FileType::from_raw_mode(retry(|| rustix::fs::fstat(&place))?.st_mode) != FileType::Symlink {
        return Err(Errno::INVAL);
    }
    let target = retry(|| rustix::fs::readlinkat(&place, "", Vec::new()))?;
    let fits = &target.as_bytes()[..target.as_bytes().len().min(len as usize)];
    mem.write(buf, fits)?;
    mem.write_u32(used, fits.len() as u32)
}

#[cfg(test)]
mod tests {
    use super::super::grant::{DirGrant, DirRights};
    use super::super::path_open::path_open;
    use super::super::testing::{DIR, Guest, TempDir, link, make_symlink, one, two};
    use super::*;
    use std::os::unix::fs::symlink;

    const CREAT: u16 = 1;
    const DIRECTORY: u16 = 2;
    const TRUNC: u16 = 8;

    fn readlink(guest: &mut Guest, path: &str, room: u32) -> Result<String, Errno> {
        let (ptr, len) = guest.put(2048, path.as_bytes());
        guest.call(|ctx, mem| path_readlink(ctx, mem, DIR, ptr, len, 4096, room, 16))?;
        Ok(String::from_utf8(guest.bytes[4096..][..guest.u32_at(16) as usize].to_vec()).unwrap())
    }

    fn stat(guest: &mut Guest, path: &str, follow: u32) -> Result<(u8, u64), Errno> {
        let (ptr, len) = guest.put(2048, path.as_bytes());
        guest.call(|ctx, mem| path_filestat_get(ctx, mem, DIR, follow, ptr, len, 4096))?;
        Ok((guest.bytes[4096 + 16], guest.u64_at(4096 + 32)))
    }

    fn set_times(guest: &mut Guest, path: &str, follow: u32) -> Result<(), Errno> {
        let (ptr, len) = guest.put(2048, path.as_bytes());
        guest.call(|ctx, mem| path_filestat_set_times(ctx, mem, DIR, follow, ptr, len, 5_000_000_000, 6_000_000_000, 5))
    }

    fn writable(dir: &TempDir) -> Guest {
        Guest::new(dir, DirGrant::all())
    }

    #[test]
    fn no_path_leads_outside() {
        let outer = TempDir::new();
        outer.file("secret", b"secret");
        outer.dir("out");
        outer.dir("in");
        outer.dir("in/sub");
        outer.file("in/own", b"own");
        symlink("..", outer.path().join("in/up")).unwrap();
        symlink("../secret", outer.path().join("in/secret")).unwrap();
        symlink("up", outer.path().join("in/chain")).unwrap();
        symlink(outer.path(), outer.path().join("in/absolute")).unwrap();
        symlink("../created", outer.path().join("in/dangling")).unwrap();
        let mut guest = writable(&outer.sub("in"));
        let bad = Err(Errno::NOTCAPABLE);
        for way in ["..", "up", "chain", "absolute", "sub/../..", "up/in/..", "/", "/tmp"] {
            let to = |name: &str| format!("{way}/{name}");
            assert_eq!(guest.open(&to("secret"), 0, Rights::FD_READ, 0).map(drop), bad, "{way}");
            assert_eq!(guest.open(&to("created"), CREAT, Rights::FD_WRITE, 0).map(drop), bad, "{way}");
            assert_eq!(guest.open(&to("secret"), TRUNC, Rights::FD_READ, 0).map(drop), bad, "{way}");
            assert_eq!(stat(&mut guest, &to("secret"), 0).map(drop), bad, "{way}");
            assert_eq!(set_times(&mut guest, &to("secret"), 0), bad, "{way}");
            assert_eq!(one(&mut guest, path_create_directory, &to("created")), bad, "{way}");
            assert_eq!(one(&mut guest, path_remove_directory, &to("out")), bad, "{way}");
            assert_eq!(one(&mut guest, path_unlink_file, &to("secret")), bad, "{way}");
            assert_eq!(two(&mut guest, path_rename, (DIR, DIR), &to("secret"), "stolen"), bad, "{way}");
            assert_eq!(two(&mut guest, path_rename, (DIR, DIR), "own", &to("created")), bad, "{way}");
            assert_eq!(two(&mut guest, link, (DIR, DIR), &to("secret"), "stolen"), bad, "{way}");
            assert_eq!(two(&mut guest, link, (DIR, DIR), "own", &to("created")), bad, "{way}");
            assert_eq!(make_symlink(&mut guest, "own", &to("created")), bad, "{way}");
            assert_eq!(readlink(&mut guest, &to("in/up"), 9).map(drop), bad, "{way}");
        }
        assert_eq!(guest.open("secret", 0, Rights::FD_READ, 0).map(drop), bad);
        assert_eq!(guest.open("dangling", CREAT, Rights::FD_WRITE, 0).map(drop), bad);
        assert_eq!(stat(&mut guest, "secret", 1).map(drop), bad);
        assert_eq!(set_times(&mut guest, "secret", 1), bad);
        assert_eq!(stat(&mut guest, "up/", 0).map(drop), bad);
        assert_eq!(stat(&mut guest, "up/.", 0).map(drop), bad);
        assert_eq!(stat(&mut guest, "..", 0).map(drop), bad);
        assert_eq!(set_times(&mut guest, "up/", 0), bad);
        for last in ["..", "sub/../..", "up/..", "up/."] {
            assert_eq!(one(&mut guest, path_create_directory, last), bad, "{last}");
            assert_eq!(one(&mut guest, path_remove_directory, last), bad, "{last}");
            assert_eq!(one(&mut guest, path_unlink_file, last), bad, "{last}");
            assert_eq!(two(&mut guest, path_rename, (DIR, DIR), "own", last), bad, "{last}");
        }
        // By their own names, with a slash or without, links are links: they are acted on, not followed.
        assert_eq!(one(&mut guest, path_remove_directory, "up/"), Err(Errno::NOTDIR));
        assert_eq!(one(&mut guest, path_create_directory, "dangling/"), Err(Errno::EXIST));
        assert_eq!(two(&mut guest, path_rename, (DIR, DIR), "up/", "moved"), Err(Errno::NOTDIR));
        assert_eq!(stat(&mut guest, "up", 0).map(|stat| stat.0), Ok(7));
        assert_eq!(readlink(&mut guest, "secret", 99).unwrap(), "../secret");
        one(&mut guest, path_unlink_file, "secret").unwrap();
        two(&mut guest, path_rename, (DIR, DIR), "up", "moved").unwrap();
        assert_eq!(outer.read("secret"), b"secret");
        let mut outside: Vec<_> = std::fs::read_dir(outer.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        outside.sort();
        assert_eq!(outside, ["in", "out", "secret"]);
    }

    #[test]
    fn links_that_a_guest_makes_are_no_way_out() {
        let outer = TempDir::new();
        outer.file("secret", b"secret");
        outer.dir("in");
        let mut guest = writable(&outer.sub("in"));
        let refused = make_symlink(&mut guest, "/etc", "link").unwrap_err();
        assert_eq!((refused, refused.rule()), (Errno::NOTCAPABLE, Some(Rule::AbsoluteTarget)));
        assert_eq!(make_symlink(&mut guest, "", "link"), Err(Errno::NOENT));
        make_symlink(&mut guest, "../secret", "link").unwrap();
        assert_eq!(guest.open("link", 0, Rights::FD_READ, 0), Err(Errno::NOTCAPABLE));
        assert_eq!(guest.open("link", TRUNC, Rights::FD_READ, 0), Err(Errno::NOTCAPABLE));
        two(&mut guest, link, (DIR, DIR), "link", "hard").unwrap();
        assert_eq!(guest.open("hard", 0, Rights::FD_READ, 0), Err(Errno::NOTCAPABLE));
        assert_eq!(make_symlink(&mut guest, "a", "link"), Err(Errno::EXIST));
        assert_eq!(make_symlink(&mut guest, "a", "new/"), Err(Errno::NOENT));
        assert_eq!(outer.read("secret"), b"secret");
    }

    #[test]
    fn directories_come_and_go() {
        let dir = TempDir::new();
        dir.file("file", b"");
        let mut guest = writable(&dir);
        one(&mut guest, path_create_directory, "a").unwrap();
        one(&mut guest, path_create_directory, "a/b/").unwrap();
        assert_eq!(one(&mut guest, path_create_directory, "a/b"), Err(Errno::EXIST));
        assert_eq!(one(&mut guest, path_create_directory, "."), Err(Errno::EXIST));
        assert_eq!(one(&mut guest, path_create_directory, "gone/b"), Err(Errno::NOENT));
        assert_eq!(one(&mut guest, path_create_directory, "file/b"), Err(Errno::NOTDIR));
        assert_eq!(one(&mut guest, path_create_directory, &"x".repeat(300)), Err(Errno::NAMETOOLONG));
        assert_eq!(one(&mut guest, path_remove_directory, "a"), Err(Errno::NOTEMPTY));
        assert_eq!(one(&mut guest, path_remove_directory, "file"), Err(Errno::NOTDIR));
        assert_eq!(one(&mut guest, path_remove_directory, "file/"), Err(Errno::NOTDIR));
        assert_eq!(one(&mut guest, path_remove_directory, "a/."), Err(Errno::INVAL));
        assert_eq!(one(&mut guest, path_unlink_file, "a"), Err(Errno::ISDIR));
        assert_eq!(one(&mut guest, path_unlink_file, "a/"), Err(Errno::ISDIR));
        assert_eq!(one(&mut guest, path_unlink_file, "."), Err(Errno::ISDIR));
        assert_eq!(one(&mut guest, path_unlink_file, "file/"), Err(Errno::NOTDIR));
        assert_eq!(one(&mut guest, path_unlink_file, "gone/"), Err(Errno::NOENT));
        one(&mut guest, path_remove_directory, "a/b/").unwrap();
        one(&mut guest, path_remove_directory, "a").unwrap();
        one(&mut guest, path_unlink_file, "file").unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn renaming_is_as_under_linux() {
        let dir = TempDir::new();
        dir.file("file", b"1");
        dir.file("other", b"2");
        dir.dir("a");
        dir.dir("full");
        dir.file("full/x", b"");
        let mut guest = writable(&dir);
        let mut rename = |old: &str, new: &str| two(&mut guest, path_rename, (DIR, DIR), old, new);
        assert_eq!(rename("file", "other"), Ok(()));
        assert_eq!(dir.read("other"), b"1");
        assert_eq!(rename("file", "x"), Err(Errno::NOENT));
        assert_eq!(rename("other", "a"), Err(Errno::ISDIR));
        assert_eq!(rename("a", "other"), Err(Errno::NOTDIR));
        assert_eq!(rename("a", "full"), Err(Errno::NOTEMPTY));
        assert_eq!(rename("a", "a/b"), Err(Errno::INVAL));
        assert_eq!(rename("other/", "x"), Err(Errno::NOTDIR));
        assert_eq!(rename("other", "x/"), Err(Errno::NOTDIR));
        assert_eq!(rename("a", "."), Err(Errno::BUSY));
        assert_eq!(rename("a/", "b/"), Ok(()));
        assert_eq!(rename("other", "b/y"), Ok(()));
        assert_eq!(dir.read("b/y"), b"1");
    }

    #[test]
    fn links_and_renames_stay_in_one_capability() {
        let (read_only, dir) = (TempDir::new(), TempDir::new());
        read_only.file("file", b"");
        dir.file("file", b"");
        dir.dir("sub");
        let mut builder = WasiCtx::builder();
        builder.preopen(&dir.grant(DirGrant::all()), "/a").unwrap();
        builder.preopen(&dir.grant(DirGrant::all()), "/b").unwrap();
        builder.preopen(&read_only.grant(DirGrant::read_only()), "/r").unwrap();
        let mut guest = Guest::with(builder.build().unwrap());
        assert_eq!(
            two(&mut guest, path_rename, (3, 4), "file", "new"),
            Err(Errno::XDEV),
            "though it is the same place"
        );
        let refused = two(&mut guest, link, (3, 4), "file", "new").unwrap_err();
        assert_eq!((refused, refused.rule()), (Errno::XDEV, Some(Rule::OtherCapability)));
        for fds in [(5, 3), (3, 5), (5, 5)] {
            assert_eq!(two(&mut guest, path_rename, fds, "file", "new"), Err(Errno::PERM), "{fds:?}");
            assert_eq!(two(&mut guest, link, fds, "file", "new"), Err(Errno::PERM), "{fds:?}");
        }
        let sub = guest.open("sub", DIRECTORY, Rights::DIRECTORY, 0).unwrap();
        two(&mut guest, link, (3, sub), "file", "hard").unwrap();
        two(&mut guest, path_rename, (sub, 3), "hard", "moved").unwrap();
        assert!(dir.exists("moved"));
        assert_eq!(two(&mut guest, link, (3, 3), "file", "moved"), Err(Errno::EXIST));
        assert_eq!(two(&mut guest, link, (3, 3), "sub", "hard"), Err(Errno::PERM));
        assert_eq!(two(&mut guest, link, (3, 3), "file", "hard/"), Err(Errno::NOENT));
        assert_eq!(two(&mut guest, link, (3, 3), "file/", "hard"), Err(Errno::NOTDIR));
        let follow = guest.call(|ctx, mem| path_link(ctx, mem, 3, 1, 2048, 4, 3, 8192, 4));
        assert_eq!(follow, Err(Errno::INVAL));
    }

    #[test]
    fn a_read_only_directory_stays_as_it_is() {
        let dir = TempDir::new();
        dir.file("file", b"x");
        dir.dir("sub");
        symlink("file", dir.path().join("link")).unwrap();
        let before = dir.path().join("file").metadata().unwrap().modified().unwrap();
        let mut guest = Guest::new(&dir, DirGrant::read_only());
        assert_eq!(one(&mut guest, path_create_directory, "new"), Err(Errno::PERM));
        assert_eq!(one(&mut guest, path_remove_directory, "sub"), Err(Errno::PERM));
        assert_eq!(one(&mut guest, path_unlink_file, "file"), Err(Errno::PERM));
        assert_eq!(two(&mut guest, path_rename, (DIR, DIR), "file", "new"), Err(Errno::PERM));
        assert_eq!(two(&mut guest, link, (DIR, DIR), "file", "new"), Err(Errno::PERM));
        assert_eq!(make_symlink(&mut guest, "file", "new"), Err(Errno::PERM));
        assert_eq!(set_times(&mut guest, "file", 0), Err(Errno::PERM));
        assert_eq!(stat(&mut guest, "file", 0), Ok((4, 1)));
        assert_eq!(readlink(&mut guest, "link", 9).unwrap(), "file");
        // Nor through a directory that was opened beneath it.
        let sub = guest.open("sub", DIRECTORY, Rights::DIRECTORY, 0).unwrap();
        let (ptr, len) = guest.put(2048, b"new");
        assert_eq!(guest.call(|ctx, mem| path_create_directory(ctx, mem, sub, ptr, len)), Err(Errno::PERM));
        let mut names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["file", "link", "sub"]);
        assert_eq!(dir.path().join("file").metadata().unwrap().modified().unwrap(), before);
    }

    /// Each call, with all rights but its own and then with its own only.
    #[test]
    fn each_effect_has_its_right() {
        let temp = TempDir::new();
        let prepare = |dir: &TempDir| {
            dir.dir("sub");
            dir.file("file", b"x");
            symlink("file", dir.path().join("link")).unwrap();
        };
        type Call = fn(&mut Guest) -> Result<(), Errno>;
        let calls: [(&str, DirRights, Call); 9] = [
            ("mkdir", DirRights::CREATE, |guest| one(guest, path_create_directory, "new")),
            ("rmdir", DirRights::DELETE, |guest| one(guest, path_remove_directory, "sub")),
            ("unlink", DirRights::DELETE, |guest| one(guest, path_unlink_file, "file")),
            ("rename", DirRights::RENAME, |guest| two(guest, path_rename, (DIR, DIR), "file", "new")),
            ("link", DirRights::LINK, |guest| two(guest, link, (DIR, DIR), "file", "new")),
            ("symlink", DirRights::SYMLINK, |guest| make_symlink(guest, "x", "new")),
            ("times", DirRights::TIMES, |guest| set_times(guest, "file", 0)),
            ("readlink", DirRights::READ, |guest| readlink(guest, "link", 9).map(drop)),
            ("stat", DirRights::NONE, |guest| stat(guest, "file", 1).map(drop)),
        ];
        for (index, (name, right, call)) in calls.into_iter().enumerate() {
            for (which, granted, result) in
                [("without", DirRights::ALL.difference(right), Err(Errno::PERM)), ("with", right, Ok(()))]
            {
                temp.dir(&format!("{which}-{index}"));
                let dir = temp.sub(&format!("{which}-{index}"));
                prepare(&dir);
                let mut guest = Guest::new(&dir, DirGrant::of(granted));
                let answer = call(&mut guest);
                assert_eq!(answer, if right == DirRights::NONE { Ok(()) } else { result }, "{name} {which}");
                assert_eq!(answer.err().and_then(Errno::rule), answer.err().map(|_| Rule::Grant), "{name} {which}");
            }
        }
    }

    #[test]
    fn renaming_over_something_deletes_it() {
        let dir = TempDir::new();
        dir.file("file", b"1");
        dir.file("other", b"2");
        dir.dir("a");
        dir.dir("b");
        std::fs::hard_link(dir.path().join("file"), dir.path().join("same")).unwrap();
        let mut guest = Guest::new(&dir, DirGrant::of(DirRights::ALL.difference(DirRights::DELETE)));
        for (old, new) in [("file", "other"), ("a", "b"), ("a", "b/"), ("file", "same"), ("file", "file")] {
            let refused = two(&mut guest, path_rename, (DIR, DIR), old, new).unwrap_err();
            assert_eq!((refused, refused.rule()), (Errno::EXIST, Some(Rule::Grant)), "{old} {new}");
        }
        assert_eq!(two(&mut guest, path_rename, (DIR, DIR), "gone", "other"), Err(Errno::NOENT));
        assert_eq!(two(&mut guest, path_rename, (DIR, DIR), "file", "b/new"), Ok(()));
        assert_eq!((dir.read("b/new"), dir.read("other")), (b"1".to_vec(), b"2".to_vec()));
    }

    #[test]
    fn links_are_read_and_dated_themselves() {
        use std::os::unix::fs::MetadataExt;
        let dir = TempDir::new();
        dir.file("file", b"x");
        let mut guest = writable(&dir);
        make_symlink(&mut guest, "file", "link").unwrap();
        assert_eq!(readlink(&mut guest, "link", 10).unwrap(), "file");
        assert_eq!(readlink(&mut guest, "link", 2).unwrap(), "fi");
        assert_eq!(readlink(&mut guest, "file", 10), Err(Errno::INVAL));
        assert_eq!(readlink(&mut guest, "link/", 10), Err(Errno::NOTDIR));
        assert_eq!(stat(&mut guest, "link", 0).unwrap().0, 7);
        assert_eq!(stat(&mut guest, "link", 1).unwrap(), (4, 1));
        set_times(&mut guest, "link", 0).unwrap();
        let link = dir.path().join("link").symlink_metadata().unwrap();
        assert_eq!((link.atime(), link.mtime()), (5, 6));
        assert_ne!(dir.path().join("file").metadata().unwrap().mtime(), 6);
        set_times(&mut guest, "link", 1).unwrap();
        assert_eq!(dir.path().join("file").metadata().unwrap().mtime(), 6);
    }

    #[test]
    fn what_is_no_directory_has_no_paths() {
        let dir = TempDir::new();
        dir.file("file", b"x");
        let mut guest = writable(&dir);
        let fd = guest.open("file", 0, Rights::FILE, 0).unwrap();
        assert_eq!(guest.call(|ctx, mem| path_create_directory(ctx, mem, fd, 0, 1)), Err(Errno::NOTDIR));
        assert_eq!(guest.call(|ctx, mem| path_create_directory(ctx, mem, 9, 0, 1)), Err(Errno::BADF));
        let open = guest.call(|ctx, mem| path_open(ctx, mem, fd, 0, 0, 1, 0, 0, 0, 0, 16));
        assert_eq!(open, Err(Errno::NOTDIR));
        assert_eq!(guest.call(|ctx, mem| path_create_directory(ctx, mem, DIR, 65_535, 2)), Err(Errno::FAULT));
        assert_eq!(guest.call(|ctx, mem| path_create_directory(ctx, mem, DIR, u32::MAX, 9)), Err(Errno::FAULT));
    }
}
