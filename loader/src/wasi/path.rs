//! Files and directories by path, but for opening them.
//!
//! Each function asks, in this order: is it a directory, may its capability change anything (`PERM`), did the guest keep
//! the right (`NOTCAPABLE`), is the path one that a guest may name, where does the kernel say that it leads. Then it acts.

use super::ctx::WasiCtx;
use super::descriptors::OpenDir;
use super::errno::{Errno, retry};
use super::memory::GuestMemory;
use super::resolve::{self, GuestPath};
use super::types::{FileStat, LOOKUP_SYMLINK_FOLLOW, Rights, timestamps};
use rustix::fd::AsFd;
use rustix::fs::{AtFlags, FileType, Mode};
use std::sync::Arc;

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
    let place = resolve::locate(dir.fd.as_fd(), &path, lookup & LOOKUP_SYMLINK_FOLLOW != 0)?;
    let found = FileStat::from(retry(|| rustix::fs::fstat(&place))?);
    mem.write(stat, &found.encode())
}

/// `utimensat(2)`: sets the times of a file, of any kind.
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
    let place = resolve::locate(dir.fd.as_fd(), &path, lookup & LOOKUP_SYMLINK_FOLLOW != 0)?;
    // Of a descriptor that only says where something is, the times are set by an empty path (Linux 5.8).
    retry(|| rustix::fs::utimensat(&place, "", &times, AtFlags::EMPTY_PATH))
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
    let leaf = resolve::leaf(dir.fd.as_fd(), &GuestPath::read(mem, path, path_len)?)?;
    let (parent, name, _) = leaf.name(Errno::EXIST)?;
    retry(|| rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o777)))
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
    let leaf = resolve::leaf(dir.fd.as_fd(), &GuestPath::read(mem, path, path_len)?)?;
    let (parent, name, _) = leaf.name(Errno::INVAL)?;
    retry(|| rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR))
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
    let leaf = resolve::leaf(dir.fd.as_fd(), &GuestPath::read(mem, path, path_len)?)?;
    let (parent, name, slash) = leaf.name(Errno::ISDIR)?;
    if slash {
        return Err(match resolve::kind_of(parent, name)? {
            FileType::Directory => Errno::ISDIR,
            _ => Errno::NOTDIR,
        });
    }
    retry(|| rustix::fs::unlinkat(parent, name, AtFlags::empty()))
}

/// `renameat(2)`, within one capability; `XDEV` across two, whereupon programs copy, for which each side needs its rights.
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
    let old_dir = ctx.descriptors.get(fd)?.dir_for(Rights::PATH_RENAME_SOURCE)?;
    let new_dir = ctx.descriptors.get(new_fd)?.dir_for(Rights::PATH_RENAME_TARGET)?;
    same_capability(old_dir, new_dir)?;
    let old = resolve::leaf(old_dir.fd.as_fd(), &GuestPath::read(mem, old_path, old_path_len)?)?;
    let new = resolve::leaf(new_dir.fd.as_fd(), &GuestPath::read(mem, new_path, new_path_len)?)?;
    let (old_parent, old_name, old_slash) = old.name(Errno::BUSY)?;
    let (new_parent, new_name, new_slash) = new.name(Errno::BUSY)?;
    if (old_slash || new_slash) && resolve::kind_of(old_parent, old_name)? != FileType::Directory {
        return Err(Errno::NOTDIR);
    }
    retry(|| rustix::fs::renameat(old_parent, old_name, new_parent, new_name))
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
    let old_dir = ctx.descriptors.get(old_fd)?.dir_for(Rights::PATH_LINK_SOURCE)?;
    let new_dir = ctx.descriptors.get(new_fd)?.dir_for(Rights::PATH_LINK_TARGET)?;
    same_capability(old_dir, new_dir)?;
    let old = resolve::leaf(old_dir.fd.as_fd(), &GuestPath::read(mem, old_path, old_path_len)?)?;
    let new = resolve::leaf(new_dir.fd.as_fd(), &GuestPath::read(mem, new_path, new_path_len)?)?;
    let (old_parent, old_name, old_slash) = old.name(Errno::PERM)?;
    let (new_parent, new_name, new_slash) = new.name(Errno::EXIST)?;
    if old_slash && resolve::kind_of(old_parent, old_name)? != FileType::Directory {
        return Err(Errno::NOTDIR);
    }
    if new_slash {
        // A link to a directory there can't be; what is there exists.
        return Err(resolve::kind_of(new_parent, new_name).err().unwrap_or(Errno::EXIST));
    }
    retry(|| rustix::fs::linkat(old_parent, old_name, new_parent, new_name, AtFlags::empty()))
}

fn same_capability(one: &OpenDir, other: &OpenDir) -> Result<(), Errno> {
    if Arc::ptr_eq(&one.cap, &other.cap) { Ok(()) } else { Err(Errno::XDEV) }
}

/// `symlinkat(2)`, with a relative target. A target may lead outside, as a file may contain anything; no path of a guest
/// follows it there.
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
    let target = GuestPath::read(mem, target, target_len)?;
    let leaf = resolve::leaf(dir.fd.as_fd(), &GuestPath::read(mem, path, path_len)?)?;
    let (parent, name, slash) = leaf.name(Errno::EXIST)?;
    if slash {
        return Err(resolve::kind_of(parent, name).err().unwrap_or(Errno::EXIST));
    }
    retry(|| rustix::fs::symlinkat(target.as_bytes(), parent, name))
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
    let place = resolve::locate(dir.fd.as_fd(), &path, false)?;
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
    use super::super::dircap::DirAccess;
    use super::super::path_open::path_open;
    use super::super::testing::{DIR, Guest, TempDir};
    use super::*;
    use std::os::unix::fs::symlink;

    const CREAT: u16 = 1;
    const DIRECTORY: u16 = 2;
    const TRUNC: u16 = 8;

    type OnePath = fn(&mut WasiCtx, &mut GuestMemory<'_>, u32, u32, u32) -> Result<(), Errno>;
    type TwoPaths = fn(&mut WasiCtx, &mut GuestMemory<'_>, u32, u32, u32, u32, u32, u32) -> Result<(), Errno>;

    fn one(guest: &mut Guest, call: OnePath, path: &str) -> Result<(), Errno> {
        let (ptr, len) = guest.put(2048, path.as_bytes());
        guest.call(|ctx, mem| call(ctx, mem, DIR, ptr, len))
    }

    fn two(guest: &mut Guest, call: TwoPaths, fds: (u32, u32), old: &str, new: &str) -> Result<(), Errno> {
        let (old, old_len) = guest.put(2048, old.as_bytes());
        let (new, new_len) = guest.put(8192, new.as_bytes());
        guest.call(|ctx, mem| call(ctx, mem, fds.0, old, old_len, fds.1, new, new_len))
    }

    #[expect(clippy::too_many_arguments, reason = "as the function that it calls")]
    fn link(
        ctx: &mut WasiCtx,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        a: u32,
        b: u32,
        to: u32,
        c: u32,
        d: u32,
    ) -> Result<(), Errno> {
        path_link(ctx, mem, fd, 0, a, b, to, c, d)
    }

    fn make_symlink(guest: &mut Guest, target: &str, path: &str) -> Result<(), Errno> {
        let (target, target_len) = guest.put(2048, target.as_bytes());
        let (path, len) = guest.put(8192, path.as_bytes());
        guest.call(|ctx, mem| path_symlink(ctx, mem, target, target_len, DIR, path, len))
    }

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
        Guest::new(dir, DirAccess::ReadWrite)
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
        assert_eq!(make_symlink(&mut guest, "/etc", "link"), Err(Errno::NOTCAPABLE));
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
        builder.preopen_dir(dir.open(), "/a", DirAccess::ReadWrite).unwrap();
        builder.preopen_dir(dir.open(), "/b", DirAccess::ReadWrite).unwrap();
        builder.preopen_dir(read_only.open(), "/r", DirAccess::ReadOnly).unwrap();
        let mut guest = Guest::with(builder.build().unwrap());
        assert_eq!(
            two(&mut guest, path_rename, (3, 4), "file", "new"),
            Err(Errno::XDEV),
            "though it is the same place"
        );
        assert_eq!(two(&mut guest, link, (3, 4), "file", "new"), Err(Errno::XDEV));
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
        let mut guest = Guest::new(&dir, DirAccess::ReadOnly);
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
