//! Files and directories that a guest has open, each through a capability, and usable only while that lives.

use super::dircap::{Alive, DirCap};
use super::errno::{Errno, Rule, retry};
use super::inodes::{Inode, Registered};
use super::quota::{self, OpenTicket};
use super::readdir::DirStream;
use super::resolve::{Base, Opened};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::Stat;
use std::sync::Arc;

/// A descriptor of the host, counted as long as it is open. Nobody reaches it but by [`Entered`].
#[derive(Debug)]
pub(super) struct HostFile {
    // Closed before it is no longer counted: fields are dropped in their order.
    fd: OwnedFd,
    registered: Registered,
}

impl HostFile {
    /// Counts a directory that is granted.
    pub(super) fn granted(fd: OwnedFd, stat: &Stat) -> HostFile {
        HostFile { fd, registered: Registered::new(Inode::from(stat)) }
    }

    /// Counts a file that was opened. `NOENT` if its last name went before it was counted: whoever removed that may have
    /// been credited for a file that nobody has open.
    fn opened(opened: Opened) -> Result<HostFile, Errno> {
        let file = HostFile::granted(opened.fd, &opened.stat);
        if quota::in_use() && retry(|| rustix::fs::fstat(&file.fd))?.st_nlink == 0 {
            return Err(Errno::NOENT);
        }
        Ok(file)
    }

    /// The descriptor, for a call through a capability that lives.
    pub(super) fn enter<'a>(&'a self, cap: &'a Arc<DirCap>) -> Result<Entered<'a>, Errno> {
        Ok(Entered { alive: cap.enter()?, host: self, cap })
    }
}

/// A regular file beneath a granted directory.
#[derive(Debug)]
pub(super) struct OpenFile {
    host: HostFile,
    cap: Arc<DirCap>,
    _counted: OpenTicket,
}

impl OpenFile {
    /// A file that was opened.
    pub(super) fn new(opened: Opened, cap: Arc<DirCap>, counted: OpenTicket) -> Result<OpenFile, Errno> {
        Ok(OpenFile { host: HostFile::opened(opened)?, cap, _counted: counted })
    }

    /// The file, for one call. `STALE` if its capability was revoked.
    pub(super) fn enter(&self) -> Result<Entered<'_>, Errno> {
        self.host.enter(&self.cap)
    }
}

/// A granted directory, or one beneath it.
#[derive(Debug)]
pub(super) struct OpenDir {
    host: HostFile,
    cap: Arc<DirCap>,
    /// The name under which the guest finds it, if it was granted and not opened.
    pub(super) preopen: Option<Vec<u8>>,
    /// How far it was listed.
    pub(super) stream: DirStream,
    /// How another guest gave it to this one, if it did.
    pub(super) handed: Option<Handed>,
    /// What was granted is not counted.
    _counted: Option<OpenTicket>,
}

/// How a guest got a descriptor from another guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handed {
    /// For good. Its capability was made for it when it was first handed over. Who had it before may have opened something
    /// through it, which ends with it.
    Over,
    /// For a call.
    Lent,
}

impl OpenDir {
    /// A directory that was opened.
    pub(super) fn new(opened: Opened, cap: Arc<DirCap>, counted: OpenTicket) -> Result<OpenDir, Errno> {
        let host = HostFile::opened(opened)?;
        Ok(OpenDir { host, cap, preopen: None, stream: DirStream::default(), handed: None, _counted: Some(counted) })
    }

    /// One that is granted under a name.
    pub(super) fn granted(host: HostFile, cap: Arc<DirCap>, name: Vec<u8>) -> OpenDir {
        OpenDir { host, cap, preopen: Some(name), stream: DirStream::default(), handed: None, _counted: None }
    }

    /// The directory, for one call. `STALE` if its capability was revoked.
    ///
    /// A call enters a capability once: a second time it could wait for a revocation that waits for the first.
    pub(super) fn enter(&self) -> Result<Entered<'_>, Errno> {
        self.host.enter(&self.cap)
    }

    /// Whether it was opened through this capability, and through none that was derived from it.
    pub(super) fn belongs_to(&self, cap: &Arc<DirCap>) -> bool {
        Arc::ptr_eq(&self.cap, cap)
    }

    /// Beneath what its paths are resolved, for a call that has entered its capability already: `XDEV` if that is another.
    pub(super) fn beside<'a>(&'a self, entered: &'a Entered<'_>) -> Result<Base<'a>, Errno> {
        if Arc::ptr_eq(&self.cap, entered.cap) {
            Ok(Base { dir: self.host.fd.as_fd(), ..entered.base() })
        } else {
            Err(Errno::XDEV.by(Rule::OtherCapability))
        }
    }

    /// The same, and how far it was listed.
    pub(super) fn enter_stream(&mut self) -> Result<(Entered<'_>, &mut DirStream), Errno> {
        Ok((self.host.enter(&self.cap)?, &mut self.stream))
    }
}

/// A file or directory in the hands of a call, whose capability is not revoked before the call is over.
#[derive(Debug)]
pub(super) struct Entered<'a> {
    host: &'a HostFile,
    cap: &'a Arc<DirCap>,
    #[expect(dead_code, reason = "it is held")]
    alive: Alive<'a>,
}

impl Entered<'_> {
    /// The capability.
    pub(super) fn cap(&self) -> &Arc<DirCap> {
        self.cap
    }

    /// Which file it is.
    pub(super) fn inode(&self) -> Inode {
        self.host.registered.inode()
    }

    /// Beneath what paths are resolved.
    pub(super) fn base(&self) -> Base<'_> {
        Base { dir: self.host.fd.as_fd(), cross_mounts: self.cap.grant().cross_mounts }
    }
}

impl AsFd for Entered<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.host.fd.as_fd()
    }
}
