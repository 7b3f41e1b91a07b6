//! A directory capability: the authority over one directory of the host, what it is limited to, and what it came from.
//!
//! An embedder holds it as a [`Dir`]; a guest through descriptors: the preopened one, and every directory and file opened
//! through that. All of them point to the same [`DirCap`], so a limit on it is a limit on everything reached through it,
//! and two descriptors belong to one capability exactly when they share it.
//!
//! Capabilities form a tree. What is derived from one is never wider: not in place, rights, limits nor mounts. What is
//! revoked is dead, and so is all that was derived from it.
//!
//! *Why nothing happens after [`Dir::revoke`] has returned.* Every call enters the capability, which is to hold a lock of
//! it for reading until the call is over; nothing else gives out a descriptor of the host. Revoking takes the lock for
//! writing, capability by capability down the tree: so it waits for calls that are under way, and calls that come later
//! find it dead. A capability is derived by a call that has entered its parent, so none is added to one that is dead. No
//! call waits for anything but the file system while it holds the lock (see `wait.rs`), and none enters two capabilities
//! at a time, or one twice.

use super::errno::{Errno, Rule};
use super::filesystems;
use super::grant::{DirGrant, DirRights, DirUsage, Excess};
use super::memory::MAX_PATH_BYTES;
use super::open_file::{HostFile, OpenDir};
use super::quota::{Account, Counting, OpenTicket, Tree};
use super::resolve::{self, GuestPath};
use super::types::Rights;
use super::usage::DirUse;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::OFlags;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, Weak};

/// How often derived a capability can be: charges and credits go all the way up.
const MAX_DEPTH: u32 = 128;

/// Why a directory or a listener was not granted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreopenError {
    /// Without `openat2` nothing keeps a path beneath the directory.
    #[error("this kernel has no openat2 (Linux 5.6), without which no directory can be granted safely")]
    NoOpenat2,
    /// The descriptor is of something else.
    #[error("not a directory")]
    NotADirectory,
    /// The files of this file system are ways into the kernel or into processes, not data.
    #[error("the directory is on a file system of the kernel ({magic:#x}: procfs, sysfs, debugfs or the like)")]
    ForbiddenFileSystem {
        /// Its number, as `statfs(2)` lists them.
        magic: u64,
    },
    /// The capability is dead.
    #[error("the directory was revoked")]
    Revoked,
    /// The guest could not name it.
    #[error("{name:?} is no name for a directory: it is empty, contains a NUL byte or is too long")]
    BadName {
        /// The name under which the guest would have found it.
        name: String,
    },
    /// The guest's table of descriptors has no room.
    #[error("more directories than a guest can hold")]
    TooMany,
    /// The descriptor is of no socket that listens.
    #[error("not a listening TCP or Unix stream socket")]
    NotListening,
    /// The host's error.
    #[error("cannot open the directory: {0}")]
    Host(#[source] std::io::Error),
}

/// Why a capability was not derived from another.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeriveError {
    /// The capability to derive from is dead.
    #[error("the directory was revoked")]
    Revoked,
    /// Rights that the other has not.
    #[error("{excess} is not among the rights of the directory that it is derived from ({held})")]
    Rights {
        /// What was asked for in excess.
        excess: DirRights,
        /// What there is.
        held: DirRights,
    },
    /// A limit that is above the other's.
    #[error("{limit}: {} is more than the {held} of the directory that it is derived from", amount(*asked))]
    Limit {
        /// `max_bytes` or `max_open`.
        limit: &'static str,
        /// What was asked for; `None`: no limit.
        asked: Option<u64>,
        /// What there is.
        held: u64,
    },
    /// Other mounts, where the other has its own only.
    #[error("cross_mounts is not granted of the directory that it is derived from")]
    CrossMounts,
    /// Not a relative path of plain components.
    #[error("{sub:?} is no path beneath a directory: it wants plain names between single slashes, or \".\"")]
    BadPath {
        /// The path.
        sub: String,
    },
    /// Symbolic links lead it elsewhere, or it is another mount.
    #[error("{sub:?} leads outside of the directory, or to another mount")]
    Outside {
        /// The path.
        sub: String,
    },
    /// There is something else.
    #[error("{sub:?} is not a directory")]
    NotADirectory {
        /// The path.
        sub: String,
    },
    /// The files of this file system are ways into the kernel or into processes, not data.
    #[error("{sub:?} is on a file system of the kernel (procfs, sysfs, debugfs or the like)")]
    ForbiddenFileSystem {
        /// The path.
        sub: String,
    },
    /// It was derived from one that was derived from one, and so on, more often than may be.
    #[error("derived more than {MAX_DEPTH} times")]
    TooDeep,
    /// It can't be opened.
    #[error("cannot open {sub:?}: {errno}")]
    Unopened {
        /// The path.
        sub: String,
        /// Why, in preview 1's words.
        errno: Errno,
    },
}

fn amount(limit: Option<u64>) -> String {
    limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string())
}

/// A directory of the host that can be granted: to guests with [`WasiCtxBuilder::preopen`](super::WasiCtxBuilder::preopen),
/// whole or, by [`Dir::derive`], in part. A clone is the same capability.
#[derive(Clone, Debug)]
pub struct Dir {
    cap: Arc<DirCap>,
    host: Arc<HostFile>,
}

impl Dir {
    /// The capability of a directory that is open: the root of a tree of its own.
    ///
    /// # Errors
    /// If it is no directory, is on a file system of the kernel, can't be opened for listing, or if the kernel can't keep
    /// paths beneath it.
    pub fn open(host: OwnedFd, grant: DirGrant) -> Result<Dir, PreopenError> {
        let host = granted(&host)?;
        let magic = filesystems::magic_of(&host.0).map_err(|errno| PreopenError::Host(errno.into()))?;
        if filesystems::is_forbidden_magic(magic) {
            return Err(PreopenError::ForbiddenFileSystem { magic });
        }
        let tree = Arc::new(Tree::default());
        let cap = Arc::new(DirCap::new(grant, tree, None));
        Ok(Dir { cap, host: Arc::new(HostFile::granted(host.0, &host.1)) })
    }

    /// A capability of `sub`, a directory beneath this one, or of this one if `sub` is `.` or empty. It is never wider: what
    /// it uses, this uses, and it dies with this.
    ///
    /// Symbolic links in `sub` are followed, as long as they stay beneath.
    ///
    /// # Errors
    /// If anything of `grant` is wider than this one's, if this one is revoked, or if there is no such directory.
    pub fn derive(&self, sub: &str, grant: DirGrant) -> Result<Dir, DeriveError> {
        let held = self.host.enter(&self.cap).map_err(|_| DeriveError::Revoked)?;
        match self.cap.grant.excess(&grant) {
            None => {}
            Some(Excess::Rights(excess)) => {
                return Err(DeriveError::Rights { excess, held: self.cap.grant.rights });
            }
            Some(Excess::Limit(limit, asked, held)) => return Err(DeriveError::Limit { limit, asked, held }),
            Some(Excess::CrossMounts) => return Err(DeriveError::CrossMounts),
        }
        if self.cap.depth >= MAX_DEPTH {
            return Err(DeriveError::TooDeep);
        }
        let path = plain_path(sub).ok_or_else(|| DeriveError::BadPath { sub: sub.to_owned() })?;
        let opened = resolve::open(held.base(), &path, OFlags::RDONLY | OFlags::DIRECTORY).map_err(|errno| {
            let sub = sub.to_owned();
            match errno.rule() {
                Some(Rule::Outside | Rule::Mount) => DeriveError::Outside { sub },
                Some(Rule::KernelFileSystem) => DeriveError::ForbiddenFileSystem { sub },
                _ if errno == Errno::NOTDIR => DeriveError::NotADirectory { sub },
                _ => DeriveError::Unopened { sub, errno },
            }
        })?;
        let cap = Arc::new(DirCap::new(grant, Arc::clone(&self.cap.tree), Some(&self.cap)));
        if let Some(above) = self.cap.used.get() {
            let _ = cap.used.set(Arc::new(DirUse::below(above)));
        }
        self.cap.adopt(&cap);
        Ok(Dir { cap, host: Arc::new(HostFile::granted(opened.fd, &opened.stat)) })
    }

    /// Kills the capability, and all that were derived from it: every use of them, of every descriptor that was opened
    /// through them, fails with `STALE`. Waits for calls that are under way: once it returns, nothing more happens
    /// through them. Their descriptors stay open until their guests close them or end.
    pub fn revoke(&self) {
        let mut doomed = vec![Arc::clone(&self.cap)];
        while let Some(cap) = doomed.pop() {
            *cap.alive.write().unwrap_or_else(PoisonError::into_inner) = false;
            let children = cap.children.lock().unwrap_or_else(PoisonError::into_inner);
            doomed.extend(children.iter().filter_map(Weak::upgrade));
        }
    }

    /// Whether it is dead.
    pub fn is_revoked(&self) -> bool {
        self.cap.enter().is_err()
    }

    /// What was granted.
    pub fn grant(&self) -> DirGrant {
        self.cap.grant
    }

    /// Notes from now on how it is used, and what is derived from it from now on.
    pub fn record(&self) -> Arc<DirUse> {
        Arc::clone(self.cap.used.get_or_init(Arc::default))
    }

    /// How it was used, if that is noted.
    pub fn recorded(&self) -> Option<&Arc<DirUse>> {
        self.cap.used.get()
    }

    /// What is used of its limits, by itself and what was derived from it.
    pub fn usage(&self) -> DirUsage {
        self.cap.account.usage()
    }

    /// The capability that a guest's descriptor of a directory belongs to, at that directory.
    pub(super) fn of(open: &OpenDir) -> Result<Dir, PreopenError> {
        let held = open.enter().map_err(|_| PreopenError::Revoked)?;
        let host = granted(&held)?;
        Ok(Dir { cap: Arc::clone(held.cap()), host: Arc::new(HostFile::granted(host.0, &host.1)) })
    }

    /// Whether a guest's descriptor belongs to this very capability.
    pub(super) fn is_of(&self, open: &OpenDir) -> bool {
        open.belongs_to(&self.cap)
    }

    /// A directory for a guest to find under `name`, with a place of its own to be listed from.
    pub(super) fn preopened(&self, name: &str) -> Result<OpenDir, PreopenError> {
        let held = self.host.enter(&self.cap).map_err(|_| PreopenError::Revoked)?;
        let host = granted(&held)?;
        Ok(OpenDir::granted(HostFile::granted(host.0, &host.1), Arc::clone(&self.cap), name.as_bytes().to_vec()))
    }
}

/// A second descriptor of a directory, and what it is.
fn granted(dir: impl AsFd) -> Result<(OwnedFd, rustix::fs::Stat), PreopenError> {
    let host = |errno: rustix::io::Errno| PreopenError::Host(errno.into());
    let fd = resolve::reopen(dir.as_fd()).map_err(|errno| match errno {
        rustix::io::Errno::NOSYS => PreopenError::NoOpenat2,
        rustix::io::Errno::NOTDIR => PreopenError::NotADirectory,
        errno => host(errno),
    })?;
    let stat = rustix::fs::fstat(&fd).map_err(host)?;
    Ok((fd, stat))
}

/// A path of plain components, or `.`.
fn plain_path(sub: &str) -> Option<GuestPath> {
    if matches!(sub, "" | ".") {
        return GuestPath::new(b".").ok();
    }
    let is_plain = |name: &str| !matches!(name, "" | "." | "..");
    let plain = sub.len() <= MAX_PATH_BYTES as usize && sub.split('/').all(is_plain);
    GuestPath::new(sub.as_bytes()).ok().filter(|_| plain)
}

/// A capability that lives, until this is dropped.
pub(super) type Alive<'a> = RwLockReadGuard<'a, bool>;

/// The authority that every descriptor of one grant shares.
#[derive(Debug)]
pub(super) struct DirCap {
    grant: DirGrant,
    /// What of preview 1 that allows.
    allowed: Rights,
    account: Arc<Account>,
    tree: Arc<Tree>,
    alive: RwLock<bool>,
    #[expect(dead_code, reason = "kept, because it leads here when something above is revoked")]
    parent: Option<Arc<DirCap>>,
    children: Mutex<Vec<Weak<DirCap>>>,
    depth: u32,
    /// How it is used, if somebody wants to know.
    used: OnceLock<Arc<DirUse>>,
}

impl DirCap {
    fn new(grant: DirGrant, tree: Arc<Tree>, parent: Option<&Arc<DirCap>>) -> DirCap {
        let account = Account::new(parent.map(|parent| &parent.account), grant.limits);
        tree.note(&account);
        DirCap {
            grant,
            allowed: grant.rights.preview1(),
            account,
            tree,
            alive: RwLock::new(true),
            parent: parent.cloned(),
            children: Mutex::default(),
            depth: parent.map_or(0, |parent| parent.depth + 1),
            used: OnceLock::new(),
        }
    }

    /// Adds a child, in place of some that are gone where there would not be room.
    fn adopt(&self, child: &Arc<DirCap>) {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        if children.len() == children.capacity() {
            children.retain(|child| child.strong_count() > 0);
        }
        children.push(Arc::downgrade(child));
    }

    /// Holds it alive for the length of a call; `STALE` if it was revoked.
    pub(super) fn enter(&self) -> Result<Alive<'_>, Errno> {
        let alive = self.alive.read().unwrap_or_else(PoisonError::into_inner);
        if *alive { Ok(alive) } else { Err(Errno::STALE.by(Rule::Revoked)) }
    }

    /// What was granted.
    pub(super) fn grant(&self) -> &DirGrant {
        &self.grant
    }

    /// What of preview 1 the grant allows.
    pub(super) fn allowed(&self) -> Rights {
        self.allowed
    }

    /// `PERM` if the grant has not this right. To be asked for what a call *does*, whatever its flags are called.
    pub(super) fn may(&self, right: DirRights) -> Result<(), Errno> {
        self.could(right)?;
        self.note(right);
        Ok(())
    }

    /// The same, of what a call may turn out not to do: it says by [`DirCap::note`] that it does.
    pub(super) fn could(&self, right: DirRights) -> Result<(), Errno> {
        if self.grant.rights.contains(right) { Ok(()) } else { Err(Errno::PERM.by(Rule::Grant)) }
    }

    /// Notes a use, if somebody wants to know; no right at all is to look at what is there.
    pub(super) fn note(&self, right: DirRights) {
        if let Some(used) = self.used.get() {
            used.note(right);
        }
    }

    /// Whether somebody wants to know how it is used.
    pub(super) fn is_recorded(&self) -> bool {
        self.used.get().is_some()
    }

    /// The same, for what a call of preview 1 needs.
    pub(super) fn may_call(&self, rights: Rights) -> Result<(), Errno> {
        if !self.allowed.contains(rights.intersection(Rights::ALL)) {
            return Err(Errno::PERM.by(Rule::Grant));
        }
        if let Some(used) = self.used.get() {
            used.note_call(rights);
        }
        Ok(())
    }

    /// Counts a descriptor that is to be opened. `MFILE` if there may be no more.
    pub(super) fn open_one(&self) -> Result<OpenTicket, Errno> {
        self.account.open_one()
    }

    /// Locks the ledger for what makes something grow, if that is counted.
    pub(super) fn growing(&self) -> Option<Counting<'_>> {
        self.tree.growing(&self.account)
    }

    /// Locks the ledger for what makes something less, if that is counted.
    pub(super) fn shrinking(&self) -> Option<Counting<'_>> {
        self.tree.shrinking(&self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ctx::WasiCtx;
    use super::super::grant::DirLimits;
    use super::super::testing::{DIR, Guest, TempDir, one};
    use super::*;
    use rustix::fs::Mode;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn open(path: &std::path::Path, flags: OFlags) -> Result<Dir, PreopenError> {
        Dir::open(rustix::fs::open(path, flags, Mode::empty()).unwrap(), DirGrant::all())
    }

    #[test]
    fn kernel_file_systems_are_not_granted() {
        for (path, magic) in [("/proc", 0x9fa0), ("/proc/self", 0x9fa0), ("/sys", 0x6265_6572), ("/dev/pts", 0x1cd1)] {
            if !std::path::Path::new(path).exists() {
                continue;
            }
            match open(path.as_ref(), OFlags::RDONLY) {
                Err(PreopenError::ForbiddenFileSystem { magic: got }) => assert_eq!(got, magic, "{path}"),
                other => panic!("{path}: {other:?}"),
            }
        }
    }

    #[test]
    fn only_directories_are_granted() {
        let dir = TempDir::new();
        dir.file("file", b"");
        assert!(matches!(open(&dir.path().join("file"), OFlags::RDONLY), Err(PreopenError::NotADirectory)));
        assert!(open(dir.path(), OFlags::PATH).is_ok(), "opened for nothing, yet granted to be listed");
    }

    #[test]
    fn what_is_derived_is_a_directory_beneath() {
        let outer = TempDir::new();
        outer.dir("in");
        outer.dir("in/sub");
        outer.dir("in/sub/sub");
        outer.file("in/file", b"");
        symlink("..", outer.path().join("in/up")).unwrap();
        symlink("sub", outer.path().join("in/link")).unwrap();
        symlink("/", outer.path().join("in/root")).unwrap();
        let dir = outer.sub("in").grant(DirGrant::all());
        for good in ["", ".", "sub", "sub/sub", "link", "link/sub"] {
            assert!(dir.derive(good, DirGrant::all()).is_ok(), "{good:?}");
        }
        let long = "x/".repeat(2048) + "x";
        for bad in
            ["/", "/sub", "..", "sub/..", "./sub", "sub/.", "sub/", "sub//sub", "../in", "a\0b", "sub/../sub", &long]
        {
            let refused = dir.derive(bad, DirGrant::all());
            assert!(matches!(refused, Err(DeriveError::BadPath { .. })), "{bad:?}");
        }
        for outside in ["up", "up/in", "root", "root/tmp"] {
            let refused = dir.derive(outside, DirGrant::all());
            assert!(matches!(refused, Err(DeriveError::Outside { .. })), "{outside}");
        }
        assert!(matches!(dir.derive("file", DirGrant::all()), Err(DeriveError::NotADirectory { .. })));
        let gone = dir.derive("gone", DirGrant::all()).unwrap_err();
        assert!(matches!(gone, DeriveError::Unopened { errno, .. } if errno == Errno::NOENT));
        // The guest finds what was derived, and cannot climb from it.
        outer.file("in/sub/own", b"own");
        let mut guest = Guest::over(&dir.derive("sub", DirGrant::read_only()).unwrap());
        assert!(guest.open("own", 0, Rights::FD_READ, 0).is_ok());
        assert_eq!(guest.open("../file", 0, Rights::FD_READ, 0), Err(Errno::NOTCAPABLE));
        assert_eq!(guest.open("own", 0, Rights::FD_WRITE, 0), Err(Errno::PERM));
    }

    #[test]
    fn nothing_is_derived_that_is_wider_and_the_error_says_in_what() {
        let limits = DirLimits { max_bytes: Some(1000), max_open: Some(5) };
        let held = DirGrant { limits, ..DirGrant::of(DirRights::READ | DirRights::WRITE) };
        let dir = TempDir::new().grant(held);
        let limited = |max_bytes, max_open| DirGrant { limits: DirLimits { max_bytes, max_open }, ..held };
        for (asked, message) in [
            (
                DirGrant { rights: DirRights::ALL, ..held },
                "list, create, delete, rename, link, symlink, times is not among",
            ),
            (limited(Some(1001), Some(5)), "max_bytes: 1001 is more than the 1000"),
            (limited(None, Some(5)), "max_bytes: no limit is more than the 1000"),
            (limited(Some(1000), Some(6)), "max_open: 6 is more than the 5"),
            (DirGrant { cross_mounts: true, ..held }, "cross_mounts is not granted"),
        ] {
            let refused = dir.derive(".", asked).unwrap_err().to_string();
            assert!(refused.starts_with(message), "{refused}");
        }
        let derived = dir.derive(".", limited(Some(10), Some(5))).unwrap();
        assert_eq!(derived.grant(), limited(Some(10), Some(5)));
        assert!(derived.derive(".", held).is_err(), "not what the one above it has");
    }

    #[test]
    fn a_lineage_has_an_end() {
        let mut dir = TempDir::new().grant(DirGrant::all());
        for _ in 0..MAX_DEPTH {
            dir = dir.derive(".", DirGrant::all()).unwrap();
        }
        assert!(matches!(dir.derive(".", DirGrant::all()), Err(DeriveError::TooDeep)));
    }

    #[test]
    fn children_that_are_gone_are_forgotten() {
        let dir = TempDir::new().grant(DirGrant::all());
        for _ in 0..10_000 {
            dir.derive(".", DirGrant::all()).unwrap();
        }
        assert!(dir.cap.children.lock().unwrap().len() < 10);
    }

    #[test]
    fn a_revoked_capability_and_all_below_it_are_dead() {
        let temp = TempDir::new();
        temp.dir("sub");
        temp.file("file", b"data");
        temp.file("sub/file", b"data");
        let root = temp.grant(DirGrant::all());
        let middle = root.derive("sub", DirGrant::all()).unwrap();
        // That nobody holds the one between does not save the one below.
        let below = middle.derive(".", DirGrant::all()).unwrap().derive(".", DirGrant::all()).unwrap();
        let (mut above, mut guest) = (Guest::over(&root), Guest::over(&below));
        let file = guest.open("file", 0, Rights::FILE, 0).unwrap();
        let kept = above.open("sub/file", 0, Rights::FILE, 0).unwrap();
        middle.revoke();
        assert!(middle.is_revoked() && below.is_revoked() && !root.is_revoked());
        let dead = |errno: Errno| assert_eq!((errno, errno.rule()), (Errno::STALE, Some(Rule::Revoked)));
        use super::super::{fd, fd_io, path, readdir};
        dead(guest.read(file, 1).unwrap_err());
        dead(guest.write(file, b"x").unwrap_err());
        dead(guest.open("file", 0, Rights::FD_READ, 0).unwrap_err());
        dead(one(&mut guest, path::path_create_directory, "new").unwrap_err());
        dead(one(&mut guest, path::path_unlink_file, "file").unwrap_err());
        dead(guest.call(|ctx, mem| fd::fd_filestat_get(ctx, mem, file, 64)).unwrap_err());
        dead(guest.call(|ctx, mem| fd::fd_filestat_set_size(ctx, mem, file, 0)).unwrap_err());
        dead(guest.call(|ctx, mem| fd::fd_allocate(ctx, mem, file, 0, 100)).unwrap_err());
        dead(guest.call(|ctx, mem| fd::fd_sync(ctx, mem, file)).unwrap_err());
        dead(guest.call(|ctx, mem| fd::fd_advise(ctx, mem, file, 0, 1, 0)).unwrap_err());
        dead(guest.call(|ctx, mem| fd::fd_fdstat_get(ctx, mem, DIR, 64)).unwrap_err());
        dead(guest.call(|ctx, mem| fd::fd_fdstat_set_flags(ctx, mem, file, 0)).unwrap_err());
        dead(guest.call(|ctx, mem| fd_io::fd_tell(ctx, mem, file, 64)).unwrap_err());
        dead(guest.call(|ctx, mem| readdir::fd_readdir(ctx, mem, DIR, 1000, 1000, 0, 64)).unwrap_err());
        assert!(matches!(below.derive(".", DirGrant::all()), Err(DeriveError::Revoked)));
        assert!(matches!(WasiCtx::builder().preopen(&below, "/"), Err(PreopenError::Revoked)));
        // Closing is no use. What is above lives.
        assert_eq!(guest.call(|ctx, mem| fd::fd_close(ctx, mem, file)), Ok(()));
        assert_eq!(above.write(kept, b"DATA"), Ok(4));
        assert_eq!(temp.read("sub/file"), b"DATA");
    }

    /// Guests that write as fast as they can, below a capability that dies: each round, what they did when `revoke` had
    /// returned is all that they ever do.
    #[test]
    fn once_revoking_has_returned_nothing_more_happens() {
        let temp = TempDir::new();
        let root = temp.grant(DirGrant::all());
        for round in 0..20 {
            let name = format!("dir-{round}");
            temp.dir(&name);
            let shared = root.derive(&name, DirGrant::all()).unwrap();
            let over = AtomicBool::new(false);
            std::thread::scope(|scope| {
                for writer in 0..2 {
                    let mut guest = Guest::over(&shared.derive(".", DirGrant::all()).unwrap());
                    let over = &over;
                    scope.spawn(move || {
                        let mut made = 0;
                        while !over.load(Ordering::Relaxed) {
                            let path = format!("{writer}-{made}");
                            match one(&mut guest, super::super::path::path_create_directory, &path) {
                                Ok(()) => made += 1,
                                Err(errno) => {
                                    assert_eq!(errno, Errno::STALE);
                                    std::thread::yield_now();
                                }
                            }
                        }
                    });
                }
                std::thread::sleep(std::time::Duration::from_micros(500));
                shared.revoke();
                let count = || std::fs::read_dir(temp.path().join(&name)).unwrap().count();
                let then = count();
                std::thread::sleep(std::time::Duration::from_micros(500));
                assert_eq!(count(), then);
                over.store(true, Ordering::Relaxed);
            });
        }
    }

    #[test]
    fn open_descriptors_are_counted_all_the_way_up() {
        let temp = TempDir::new();
        temp.file("file", b"");
        let limit = |max_open| DirGrant { limits: DirLimits { max_open, max_bytes: None }, ..DirGrant::all() };
        let root = temp.grant(limit(Some(3)));
        let (one, other) = (root.derive(".", limit(Some(2))).unwrap(), root.derive(".", limit(Some(3))).unwrap());
        let (mut one_guest, mut other_guest) = (Guest::over(&one), Guest::over(&other));
        let open = |guest: &mut Guest| guest.open("file", 0, Rights::FD_READ, 0);
        let first = open(&mut one_guest).unwrap();
        open(&mut one_guest).unwrap();
        let refused = open(&mut one_guest).unwrap_err();
        assert_eq!((refused, refused.rule()), (Errno::MFILE, Some(Rule::Descriptors)));
        open(&mut other_guest).unwrap();
        assert_eq!(open(&mut other_guest).unwrap_err(), Errno::MFILE, "the two share three");
        assert_eq!((root.usage().open, one.usage().open, other.usage().open), (3, 2, 1));
        assert_eq!(one_guest.open("new", 1, Rights::FD_READ, 0), Err(Errno::MFILE));
        assert!(!temp.exists("new"));
        one_guest.call(|ctx, mem| super::super::fd::fd_close(ctx, mem, first)).unwrap();
        open(&mut other_guest).unwrap();
        // What could not be opened is not counted, nor what went with its guest.
        assert_eq!(one_guest.open("gone", 0, Rights::FD_READ, 0), Err(Errno::MFILE));
        drop(other_guest);
        assert_eq!(one_guest.open("gone", 0, Rights::FD_READ, 0), Err(Errno::NOENT));
        assert_eq!((root.usage().open, one.usage().open, other.usage().open), (1, 1, 0));
    }
}
