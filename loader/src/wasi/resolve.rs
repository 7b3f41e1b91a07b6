//! From a guest's path to a host's file: the only file here that opens anything.
//!
//! The kernel resolves every path, beneath the directory, by `openat2` with `RESOLVE_BENEATH`, `RESOLVE_NO_MAGICLINKS`
//! and, unless other mounts were granted, `RESOLVE_NO_XDEV`. There is no resolver of our own to fall back on: the escapes
//! of other runtimes were in theirs. For calls that have no such form (make, remove, rename, link) the kernel resolves the
//! parent, and the call gets one [`Leaf::Name`], a plain last component, which such calls never follow. "Plain" is an
//! invariant: never empty, `.`, `..`, and never with a slash, because a trailing slash makes the kernel follow a link that
//! it was told not to.
//!
//! Where other mounts were granted, the file system on which a path ends, or its parent lies, is looked at before anything
//! is done there; without, the directory's own was, when it was granted.
//!
//! `EXDEV` from here means that a path led outside, or to another mount; the guest is told `NOTCAPABLE`.

use super::errno::{Errno, Rule, retry};
use super::filesystems::is_forbidden;
use super::memory::{GuestMemory, MAX_PATH_BYTES};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};

/// How often a resolution is repeated that a rename elsewhere disturbed. The kernel asks for the repetition when it can't
/// tell whether `..` still lies beneath; somebody who renames without pause must not hold us for ever.
const MAX_RACES: u32 = 64;

/// How every path is resolved.
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);

/// The mode of what a guest makes, less the process's mask.
const NEW_FILE: Mode = Mode::from_bits_retain(0o666);

/// Beneath what paths are resolved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base<'a> {
    /// The directory.
    pub(super) dir: BorrowedFd<'a>,
    /// Whether what is mounted beneath belongs to it.
    pub(super) cross_mounts: bool,
}

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
            Some(b'/') => return Err(Errno::NOTCAPABLE.by(Rule::Outside)),
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
    /// What it is, when it had been opened.
    pub(super) stat: Stat,
    /// `RegularFile` or `Directory`, nothing else.
    pub(super) kind: FileType,
}

/// Opens `path` beneath `base`, and hands out nothing but regular files and directories.
///
/// A fifo, device or socket is found out only once it is open, so it is opened without waiting and without becoming a
/// controlling terminal, and closed again. The file system is looked at too: that no mount is crossed should be enough,
/// but a file of procfs can write through everything that is mapped.
///
/// Not to be asked to create where mounts may be crossed: see [`create`].
pub(super) fn open(base: Base<'_>, path: &GuestPath, flags: OFlags) -> Result<Opened, Errno> {
    // Opening a FIFO or a device has effects of its own: look first. What takes its place meanwhile is looked at below.
    let follow = !flags.contains(OFlags::NOFOLLOW) && !flags.contains(OFlags::CREATE | OFlags::EXCL);
    match locate(base, path, follow) {
        Ok(found) => {
            let kind = FileType::from_raw_mode(retry(|| rustix::fs::fstat(&found))?.st_mode);
            if !matches!(kind, FileType::RegularFile | FileType::Directory | FileType::Symlink) {
                return Err(Errno::NOTCAPABLE.by(Rule::SpecialFile));
            }
        }
        Err(denied) if denied.rule().is_some() => return Err(denied),
        Err(_) => {}
    }
    accept(beneath(base, path.as_bytes(), flags | QUIETLY)?)
}

/// Makes a file that was not there: `EXIST` else, also for a symbolic link, wherever it leads.
pub(super) fn create(base: Base<'_>, parent: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> Result<Opened, Errno> {
    let new = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    accept(beneath(Base { dir: parent, ..base }, name, flags | new | QUIETLY)?)
}

/// Opening waits for nothing, and has no effect on the terminal.
const QUIETLY: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

fn accept(fd: OwnedFd) -> Result<Opened, Errno> {
    let stat = retry(|| rustix::fs::fstat(&fd))?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    if !matches!(kind, FileType::RegularFile | FileType::Directory) {
        return Err(Errno::NOTCAPABLE.by(Rule::SpecialFile));
    }
    if is_forbidden(&fd)? {
        return Err(Errno::NOTCAPABLE.by(Rule::KernelFileSystem));
    }
    Ok(Opened { fd, stat, kind })
}

/// A descriptor that says where `path` leads, and can do nothing else: not even read.
pub(super) fn locate(base: Base<'_>, path: &GuestPath, follow: bool) -> Result<OwnedFd, Errno> {
    let follow = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
    beneath(base, path.as_bytes(), OFlags::PATH | OFlags::CLOEXEC | follow)
}

/// The same of a plain `name` in `parent`, not following it.
pub(super) fn locate_name(base: Base<'_>, parent: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    beneath(Base { dir: parent, ..base }, name, OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW)
}

/// A second, independent descriptor of a directory that the embedder opened: with a read position of its own, and able
/// to list it whatever it was opened with. Fails with the host's own error, `NOSYS` where the kernel has no `openat2`.
pub(super) fn reopen(dir: BorrowedFd<'_>) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = BENEATH.union(ResolveFlags::NO_XDEV);
    rustix::io::retry_on_intr(|| rustix::fs::openat2(dir, ".", flags, Mode::empty(), resolve))
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

/// Splits `path` into a parent, which the kernel resolves beneath `base`, and a plain last component.
pub(super) fn leaf<'a>(base: Base<'a>, path: &GuestPath) -> Result<Leaf<'a>, Errno> {
    let bytes = path.as_bytes();
    // The path does not begin with a slash, so something is left when those at its end are gone.
    let end = bytes.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
    let start = bytes[..end].iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let (before, name, slash) = (&bytes[..start], &bytes[start..end], end < bytes.len());
    if matches!(name, b"" | b"." | b"..") {
        locate(base, path, true)?;
        return Ok(Leaf::Dots);
    }
    let parent = match before {
        b"" => Parent::Itself(base.dir),
        before => Parent::Beneath(beneath(base, before, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC)?),
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

/// The one call of `openat2` on a guest's behalf.
fn beneath(base: Base<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let mode = if flags.contains(OFlags::CREATE) { NEW_FILE } else { Mode::empty() };
    let resolve = if base.cross_mounts { BENEATH } else { BENEATH.union(ResolveFlags::NO_XDEV) };
    for _ in 0..MAX_RACES {
        match rustix::fs::openat2(base.dir, path, flags, mode, resolve) {
            // What is opened for more than to know where it is, is looked at by who opens it.
            Ok(fd) if base.cross_mounts && flags.contains(OFlags::PATH) && is_forbidden(&fd)? => {
                return Err(Errno::NOTCAPABLE.by(Rule::KernelFileSystem));
            }
            Ok(fd) => return Ok(fd),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::XDEV) => return Err(Errno::NOTCAPABLE.by(why_not(base, path, flags))),
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(Errno::AGAIN)
}

/// Whether a path led outside or to another mount, for the audit. Only what the kernel has in its cache is asked, so that
/// nothing is mounted automatically for a guest that may not go there.
fn why_not(base: Base<'_>, path: &[u8], flags: OFlags) -> Rule {
    let flags = flags.intersection(OFlags::NOFOLLOW) | OFlags::PATH | OFlags::CLOEXEC;
    match rustix::fs::openat2(base.dir, path, flags, Mode::empty(), BENEATH.union(ResolveFlags::CACHED)) {
        Ok(_) if !base.cross_mounts => Rule::Mount,
        _ => Rule::Outside,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::TempDir;
    use super::*;
    use std::os::unix::fs::symlink;

    fn path(text: &str) -> GuestPath {
        GuestPath::new(text.as_bytes()).unwrap()
    }

    fn base(fd: &OwnedFd) -> Base<'_> {
        Base { dir: fd.as_fd(), cross_mounts: false }
    }

    fn open_read(dir: &TempDir, text: &str) -> Result<Opened, Errno> {
        open(base(&dir.open()), &path(text), OFlags::RDONLY)
    }

    fn rule<T: std::fmt::Debug>(result: Result<T, Errno>) -> Option<Rule> {
        result.unwrap_err().rule()
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
            assert_eq!(rule(open_read(&inner, escape)), Some(Rule::Outside), "{escape}");
            assert_eq!(locate(base(&inner.open()), &path(escape), true).unwrap_err(), Errno::NOTCAPABLE, "{escape}");
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
        assert_eq!(open(base(&dir), &path("evil"), nofollow).unwrap_err(), Errno::LOOP);
        assert_eq!(open(base(&dir), &path("evil/"), nofollow).unwrap_err(), Errno::NOTCAPABLE);
        assert_eq!(open(base(&dir), &path("evil/."), nofollow).unwrap_err(), Errno::NOTCAPABLE);
        assert_eq!(locate(base(&dir), &path("evil/"), false).unwrap_err(), Errno::NOTCAPABLE);
        assert!(open(base(&dir), &path("link/"), nofollow).is_ok());
        // The control: without our flags, the slash defeats O_NOFOLLOW.
        assert!(rustix::fs::openat(&dir, "evil/", nofollow, Mode::empty()).is_ok());
    }

    #[test]
    fn magic_links_and_other_mounts_are_no_way_out() {
        // `/proc` below the host's root is another mount.
        let root = rustix::fs::open("/", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        for escape in ["proc/self/mem", "proc/self/root", "proc/self/cwd/x", "proc"] {
            assert_eq!(open(base(&root), &path(escape), OFlags::RDONLY).unwrap_err(), Errno::NOTCAPABLE, "{escape}");
        }
        // Which of the two it was, is known of what is in the kernel's cache, as this has just come to be.
        assert_eq!(rule(open(base(&root), &path("proc"), OFlags::RDONLY)), Some(Rule::Mount));
        let proc = rustix::fs::open("/proc", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        for escape in ["self/root", "self/cwd", "self/exe"] {
            let errno = open(base(&proc), &path(escape), OFlags::RDONLY).unwrap_err();
            assert!([Errno::LOOP, Errno::NOTCAPABLE].contains(&errno), "{escape}: {errno}");
        }
        assert_eq!(open(base(&proc), &path("self/mem"), OFlags::RDONLY).unwrap_err(), Errno::NOTCAPABLE);
    }

    #[test]
    fn granted_mounts_are_crossed_but_to_file_systems_of_the_kernel() {
        let root = rustix::fs::open("/", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let across = Base { cross_mounts: true, ..base(&root) };
        let kernel = Some(Rule::KernelFileSystem);
        if std::path::Path::new("/dev/shm").exists() {
            assert!(open(across, &path("dev/shm"), OFlags::RDONLY).is_ok(), "a tmpfs is data");
            assert_eq!(rule(locate(across, &path("dev/shm/../../proc/version"), true)), kernel);
        }
        for forbidden in ["proc", "proc/self/mem", "proc/version", "sys"] {
            assert_eq!(rule(open(across, &path(forbidden), OFlags::RDONLY)), kernel, "{forbidden}");
            assert_eq!(rule(locate(across, &path(forbidden), true)), kernel, "to look at {forbidden}");
        }
        for parent in ["proc/x", "proc/self/x", "sys/x", "proc/x/"] {
            assert_eq!(rule(leaf(across, &path(parent))), kernel, "to make, remove or rename {parent}");
        }
        assert_eq!(rule(open(across, &path("../x"), OFlags::RDONLY)), Some(Rule::Outside));
        for magic in ["proc/self/cwd/x", "proc/self/root/tmp"] {
            assert_eq!(open(across, &path(magic), OFlags::RDONLY).unwrap_err(), Errno::LOOP, "{magic}");
        }
    }

    #[test]
    fn special_files_are_refused_without_waiting() {
        let dir = TempDir::new();
        rustix::fs::mknodat(dir.open(), "fifo", FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
        assert_eq!(open_read(&dir, "fifo").unwrap_err(), Errno::NOTCAPABLE);
        assert_eq!(open(base(&dir.open()), &path("fifo"), OFlags::RDWR).unwrap_err(), Errno::NOTCAPABLE);
        assert_eq!(rule(open_read(&dir, "socket")), Some(Rule::SpecialFile));
        let dev = rustix::fs::open("/dev", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        assert_eq!(open(base(&dev), &path("null"), OFlags::RDONLY).unwrap_err(), Errno::NOTCAPABLE);
    }

    #[test]
    fn what_is_created_was_not_there() {
        let dir = TempDir::new();
        symlink("elsewhere", dir.path().join("dangling")).unwrap();
        dir.file("file", b"x");
        let fd = dir.open();
        assert!(create(base(&fd), fd.as_fd(), b"new", OFlags::WRONLY).is_ok());
        for there in ["new", "file", "dangling"] {
            let errno = create(base(&fd), fd.as_fd(), there.as_bytes(), OFlags::WRONLY | OFlags::TRUNC).unwrap_err();
            assert_eq!((errno, errno.rule()), (Errno::EXIST, None), "{there}");
        }
        assert!(!dir.exists("elsewhere"));
        assert_eq!(dir.read("file"), b"x");
    }

    #[test]
    fn the_last_component_is_plain() {
        let dir = TempDir::new();
        dir.dir("a");
        symlink("..", dir.path().join("up")).unwrap();
        let fd = dir.open();
        for (text, name, slash) in [("x", "x", false), ("x///", "x", true), ("a/x", "x", false), ("a//x/", "x", true)] {
            match leaf(base(&fd), &path(text)).unwrap() {
                Leaf::Name { name: got, slash: got_slash, .. } => {
                    assert_eq!((got.as_slice(), got_slash), (name.as_bytes(), slash), "{text}");
                }
                Leaf::Dots => panic!("{text}"),
            }
        }
        for dots in [".", "a/..", "a/.", "./", "a/../"] {
            assert!(matches!(leaf(base(&fd), &path(dots)), Ok(Leaf::Dots)), "{dots}");
        }
        for escape in ["..", "../x", "up/x", "a/../../x", "up/", "up/.."] {
            let result = leaf(base(&fd), &path(escape));
            // "up/" names the link itself, plainly.
            if escape == "up/" {
                assert!(matches!(result, Ok(Leaf::Name { slash: true, .. })));
            } else {
                assert_eq!(result.unwrap_err(), Errno::NOTCAPABLE, "{escape}");
            }
        }
        assert_eq!(leaf(base(&fd), &path("gone/x")).unwrap_err(), Errno::NOENT);
    }
}
