//! From a guest's path to a host's file: the only file here that opens anything.
//!
//! The kernel resolves every path, beneath the directory, by `openat2` with `RESOLVE_BENEATH`, `RESOLVE_NO_MAGICLINKS`
//! and `RESOLVE_NO_XDEV`. There is no resolver of our own to fall back on: the escapes of other runtimes were in theirs.
//! For calls that have no such form (make, remove, rename, link) the kernel resolves the parent, and the call gets one
//! [`Leaf::Name`], a plain last component, which such calls never follow. "Plain" is an invariant: never empty, `.`,
//! `..`, and never with a slash, because a trailing slash makes the kernel follow a link that it was told not to.
//!
//! `EXDEV` from here means that a path led outside, or to another mount; the guest is told `NOTCAPABLE`.

use super::dircap::{DirAccess, is_forbidden};
use super::errno::{Errno, retry};
use super::memory::{GuestMemory, MAX_PATH_BYTES};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};

/// How often a resolution is repeated that a rename elsewhere disturbed. The kernel asks for the repetition when it can't
/// tell whether `..` still lies beneath; somebody who renames without pause must not hold us for ever.
const MAX_RACES: u32 = 64;

/// How every path is resolved.
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS).union(ResolveFlags::NO_XDEV);

/// A path as a guest may name it: relative, UTF-8, without NUL. It is the host's own copy, so what was checked is what
/// is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GuestPath(Vec<u8>);

impl GuestPath {
    /// Reads a path from guest memory.
    ///
    /// # Errors
    /// `NOENT` for the empty path, `NOTCAPABLE` for an absolute one, `INVAL` for one with a NUL, `ILSEQ` for one that is
    /// not UTF-8, `NAMETOOLONG`, `FAULT`.
    pub(super) fn read(memory: &GuestMemory<'_>, ptr: u32, len: u32) -> Result<GuestPath, Errno> {
        if len > MAX_PATH_BYTES {
            return Err(Errno::NAMETOOLONG);
        }
        GuestPath::new(memory.slice(ptr, len)?)
    }

    /// Checks a path; errors as of [`GuestPath::read`].
    pub(super) fn new(bytes: &[u8]) -> Result<GuestPath, Errno> {
        match bytes.first() {
            None => return Err(Errno::NOENT),
            Some(b'/') => return Err(Errno::NOTCAPABLE),
            Some(_) => {}
        }
        if bytes.contains(&0) {
            return Err(Errno::INVAL);
        }
        std::str::from_utf8(bytes).map_err(|_| Errno::ILSEQ)?;
        Ok(GuestPath(bytes.to_vec()))
    }

    /// The bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A regular file or a directory that was opened beneath another.
#[derive(Debug)]
pub(super) struct Opened {
    /// The host's descriptor.
    pub(super) fd: OwnedFd,
    /// `RegularFile` or `Directory`, nothing else.
    pub(super) kind: FileType,
}

/// Opens `path` beneath `dir`, and hands out nothing but regular files and directories.
///
/// A fifo, device or socket is found out only once it is open, so it is opened without waiting and without becoming a
/// controlling terminal, and closed again. The file system is looked at too: that no mount is crossed should be enough,
/// but a file of procfs can write through everything that is mapped.
pub(super) fn open(dir: BorrowedFd<'_>, path: &GuestPath, flags: OFlags) -> Result<Opened, Errno> {
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let mode = if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(0o666) } else { Mode::empty() };
    // Opening a FIFO or a device has effects of its own: look first. What takes its place meanwhile is looked at below.
    if let Ok(found) = locate(dir, path, !flags.contains(OFlags::NOFOLLOW)) {
        let kind = FileType::from_raw_mode(retry(|| rustix::fs::fstat(&found))?.st_mode);
        if !matches!(kind, FileType::RegularFile | FileType::Directory | FileType::Symlink) {
            return Err(Errno::NOTCAPABLE);
        }
    }
    let fd = beneath(dir, path.as_bytes(), flags, mode)?;
    let kind = FileType::from_raw_mode(retry(|| rustix::fs::fstat(&fd))?.st_mode);
    if !matches!(kind, FileType::RegularFile | FileType::Directory) || is_forbidden(&fd)? {
        return Err(Errno::NOTCAPABLE);
    }
    Ok(Opened { fd, kind })
}

/// A descriptor that says where `path` leads, and can do nothing else: not even read.
pub(super) fn locate(dir: BorrowedFd<'_>, path: &GuestPath, follow: bool) -> Result<OwnedFd, Errno> {
    let follow = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
    beneath(dir, path.as_bytes(), OFlags::PATH | OFlags::CLOEXEC | follow, Mode::empty())
}

/// A second, independent descriptor of a directory that the embedder opened: with a read position of its own, and able
/// to list it whatever it was opened with. Fails with the host's own error, `NOSYS` where the kernel has no `openat2`.
pub(super) fn reopen(dir: BorrowedFd<'_>) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::io::retry_on_intr(|| rustix::fs::openat2(dir, ".", flags, Mode::empty(), BENEATH))
}

/// Where a call that takes a parent and a name is to act.
#[derive(Debug)]
pub(super) enum Leaf<'a> {
    /// `name` in `parent`, which is beneath the directory.
    Name {
        /// The directory that holds the name.
        parent: Parent<'a>,
        /// A plain component: the invariant is this module's.
        name: Vec<u8>,
        /// Whether the path ended in a slash, and so meant a directory.
        slash: bool,
    },
    /// The path ends in `.` or `..`, and leads to a directory beneath: there is no name to act on.
    Dots,
}

/// A directory that is known to be beneath another, or that other itself.
#[derive(Debug)]
pub(super) enum Parent<'a> {
    /// The directory itself.
    Itself(BorrowedFd<'a>),
    /// One beneath it.
    Beneath(OwnedFd),
}

impl AsFd for Parent<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Parent::Itself(fd) => *fd,
            Parent::Beneath(fd) => fd.as_fd(),
        }
    }
}

/// Splits `path` into a parent, which the kernel resolves beneath `dir`, and a plain last component.
pub(super) fn leaf<'a>(dir: BorrowedFd<'a>, path: &GuestPath) -> Result<Leaf<'a>, Errno> {
    let bytes = path.as_bytes();
    // The path does not begin with a slash, so something is left when those at its end are gone.
    let end = bytes.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
    let start = bytes[..end].iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let (before, name, slash) = (&bytes[..start], &bytes[start..end], end < bytes.len());
    if matches!(name, b"" | b"." | b"..") {
        locate(dir, path, true)?;
        return Ok(Leaf::Dots);
    }
    let parent = match before {
        b"" => Parent::Itself(dir),
        before => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Parent::Beneath(beneath(dir, before, flags, Mode::empty())?)
        }
    };
    Ok(Leaf::Name { parent, name: name.to_vec(), slash })
}

impl Leaf<'_> {
    /// Parent and name, or `otherwise` if the path ends in `.` or `..`.
    pub(super) fn name(&self, otherwise: Errno) -> Result<(BorrowedFd<'_>, &[u8], bool), Errno> {
        match self {
            Leaf::Name { parent, name, slash } => Ok((parent.as_fd(), name, *slash)),
            Leaf::Dots => Err(otherwise),
        }
    }
}

/// The kind of `name` in `parent`, not following it.
pub(super) fn kind_of(parent: BorrowedFd<'_>, name: &[u8]) -> Result<FileType, Errno> {
    let stat = retry(|| rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW))?;
    Ok(FileType::from_raw_mode(stat.st_mode))
}

/// The host's flags for what a capability allows, least authority first: a descriptor that needs no writing has none.
pub(super) fn access_flags(access: DirAccess, read: bool, write: bool) -> Result<OFlags, Errno> {
    match (read, write, access) {
        (_, true, DirAccess::ReadOnly) => Err(Errno::PERM),
        (true, true, DirAccess::ReadWrite) => Ok(OFlags::RDWR),
        (false, true, DirAccess::ReadWrite) => Ok(OFlags::WRONLY),
        (_, false, _) => Ok(OFlags::RDONLY),
    }
}

/// The one call of `openat2` on a guest's behalf.
fn beneath(dir: BorrowedFd<'_>, path: &[u8], flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    for _ in 0..MAX_RACES {
        match rustix::fs::openat2(dir, path, flags, mode, BENEATH) {
            Ok(fd) => return Ok(fd),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::XDEV) => return Err(Errno::NOTCAPABLE),
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(Errno::AGAIN)
}

#[cfg(test)]
mod tests {
    use super::super::testing::TempDir;
    use super::*;
    use std::os::unix::fs::symlink;

    fn path(text: &str) -> GuestPath {
        GuestPath::new(text.as_bytes()).unwrap()
    }

    fn open_read(dir: &TempDir, text: &str) -> Result<Opened, Errno> {
        open(dir.open().as_fd(), &path(text), OFlags::RDONLY)
    }

    #[test]
    fn paths_that_no_guest_may_name() {
        for (bytes, errno) in [
            (&b""[..], Errno::NOENT),
            (b"/", Errno::NOTCAPABLE),
            (b"/etc/passwd", Errno::NOTCAPABLE),
            (b"//x", Errno::NOTCAPABLE),
            (b"a\0b", Errno::INVAL),
            (b"\xc0\xaf", Errno::ILSEQ),
        ] {
            assert_eq!(GuestPath::new(bytes), Err(errno), "{bytes:?}");
        }
        let mut long = vec![b'a'; MAX_PATH_BYTES as usize + 1];
        assert_eq!(GuestPath::read(&GuestMemory::new(&mut long), 0, MAX_PATH_BYTES + 1), Err(Errno::NAMETOOLONG));
    }

    #[test]
    fn nothing_outside_is_opened() {
        let outer = TempDir::new();
        outer.file("secret", b"s");
        outer.dir("in");
        outer.dir("in/sub");
        outer.file("in/inside", b"i");
        let real = outer.path();
        symlink("../secret", real.join("in/up")).unwrap();
        symlink(real.join("secret"), real.join("in/absolute")).unwrap();
        symlink("..", real.join("in/parent")).unwrap();
        symlink("up", real.join("in/chain")).unwrap();
        symlink("parent", real.join("in/chain-dir")).unwrap();
        symlink("inside", real.join("in/good")).unwrap();
        symlink("../inside", real.join("in/sub/good")).unwrap();
        let inner = outer.sub("in");
        for escape in [
            "../secret",
            "..",
            "../",
            "sub/../../secret",
            "up",
            "absolute",
            "parent",
            "parent/",
            "parent/secret",
            "chain",
            "chain-dir",
            "chain-dir/",
            "chain-dir/secret",
            "sub/../up",
            "./..",
            "parent/.",
            "parent/in/inside",
        ] {
            assert_eq!(open_read(&inner, escape).unwrap_err(), Errno::NOTCAPABLE, "{escape}");
            assert_eq!(locate(inner.open().as_fd(), &path(escape), true).unwrap_err(), Errno::NOTCAPABLE, "{escape}");
        }
        // The same links, resolved by a call that does not look, lead outside: the fixture is not broken.
        let naive = rustix::fs::openat(inner.open(), "parent/secret", OFlags::RDONLY, Mode::empty());
        assert!(naive.is_ok());
        for good in ["inside", "good", "sub/good", "sub/../inside", "./inside", "sub//../inside"] {
            assert_eq!(open_read(&inner, good).map(|opened| opened.kind).unwrap(), FileType::RegularFile, "{good}");
        }
    }

    #[test]
    fn a_trailing_slash_follows_only_beneath() {
        let outer = TempDir::new();
        outer.dir("in");
        outer.dir("in/dir");
        symlink("..", outer.path().join("in/evil")).unwrap();
        symlink("dir", outer.path().join("in/link")).unwrap();
        let inner = outer.sub("in");
        let dir = inner.open();
        let nofollow = OFlags::RDONLY | OFlags::NOFOLLOW;
        assert_eq!(open(dir.as_fd(), &path("evil"), nofollow).unwrap_err(), Errno::LOOP);
        assert_eq!(open(dir.as_fd(), &path("evil/"), nofollow).unwrap_err(), Errno::NOTCAPABLE);
        assert_eq!(open(dir.as_fd(), &path("evil/."), nofollow).unwrap_err(), Errno::NOTCAPABLE);
        assert_eq!(locate(dir.as_fd(), &path("evil/"), false).unwrap_err(), Errno::NOTCAPABLE);
        assert!(open(dir.as_fd(), &path("link/"), nofollow).is_ok());
        // The control: without our flags, the slash defeats O_NOFOLLOW.
        assert!(rustix::fs::openat(&dir, "evil/", nofollow, Mode::empty()).is_ok());
    }

    #[test]
    fn magic_links_and_other_mounts_are_no_way_out() {
        // The host's root can be opened by a test, not granted: `/proc` below it is another mount.
        let root = rustix::fs::open("/", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        for escape in ["proc/self/mem", "proc/self/root", "proc/self/cwd/x", "proc"] {
            assert_eq!(open(root.as_fd(), &path(escape), OFlags::RDONLY).unwrap_err(), Errno::NOTCAPABLE, "{escape}");
        }
        let proc = rustix::fs::open("/proc", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        for escape in ["self/root", "self/cwd", "self/exe"] {
            let errno = open(proc.as_fd(), &path(escape), OFlags::RDONLY).unwrap_err();
            assert!([Errno::LOOP, Errno::NOTCAPABLE].contains(&errno), "{escape}: {errno}");
        }
        assert_eq!(open(proc.as_fd(), &path("self/mem"), OFlags::RDONLY).unwrap_err(), Errno::NOTCAPABLE);
    }

    #[test]
    fn special_files_are_refused_without_waiting() {
        let dir = TempDir::new();
        rustix::fs::mknodat(dir.open(), "fifo", FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
        assert_eq!(open_read(&dir, "fifo").unwrap_err(), Errno::NOTCAPABLE);
        assert_eq!(open(dir.open().as_fd(), &path("fifo"), OFlags::RDWR).unwrap_err(), Errno::NOTCAPABLE);
        assert_eq!(open_read(&dir, "socket").unwrap_err(), Errno::NOTCAPABLE);
        let dev = rustix::fs::open("/dev", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        assert_eq!(open(dev.as_fd(), &path("null"), OFlags::RDONLY).unwrap_err(), Errno::NOTCAPABLE);
    }

    #[test]
    fn the_last_component_is_plain() {
        let dir = TempDir::new();
        dir.dir("a");
        symlink("..", dir.path().join("up")).unwrap();
        let fd = dir.open();
        for (text, name, slash) in [("x", "x", false), ("x///", "x", true), ("a/x", "x", false), ("a//x/", "x", true)] {
            match leaf(fd.as_fd(), &path(text)).unwrap() {
                Leaf::Name { name: got, slash: got_slash, .. } => {
                    assert_eq!((got.as_slice(), got_slash), (name.as_bytes(), slash), "{text}");
                }
                Leaf::Dots => panic!("{text}"),
            }
        }
        for dots in [".", "a/..", "a/.", "./", "a/../"] {
            assert!(matches!(leaf(fd.as_fd(), &path(dots)), Ok(Leaf::Dots)), "{dots}");
        }
        for escape in ["..", "../x", "up/x", "a/../../x", "up/", "up/.."] {
            let result = leaf(fd.as_fd(), &path(escape));
            // "up/" names the link itself, plainly.
            if escape == "up/" {
                assert!(matches!(result, Ok(Leaf::Name { slash: true, .. })));
            } else {
                assert_eq!(result.unwrap_err(), Errno::NOTCAPABLE, "{escape}");
            }
        }
        assert_eq!(leaf(fd.as_fd(), &path("gone/x")).unwrap_err(), Errno::NOENT);
    }
}
