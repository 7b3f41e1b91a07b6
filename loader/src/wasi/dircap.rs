//! A directory capability: the authority over one directory of the host, and what it is limited to.
//!
//! A guest holds it through descriptors: the preopened one, and every directory and file opened through that. All of
//! them point to the same [`DirCap`], so a limit on it is a limit on everything reached through it, and two descriptors
//! belong to one capability exactly when they share it. Quotas, and the derivation tree that revocation walks, belong
//! here.

use super::errno::{Errno, retry};
use super::resolve;
use rustix::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// What may be done beneath a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirAccess {
    /// List, open for reading, look at. Whatever changes something fails with `PERM`, as it does under Wasmtime, which is
    /// what programs print as "Operation not permitted".
    ReadOnly,
    /// All of it.
    ReadWrite,
}

/// Why a directory was not granted.
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
    /// The guest could not name it.
    #[error("{name:?} is no name for a directory: it is empty, contains a NUL byte or is too long")]
    BadName {
        /// The name under which the guest would have found it.
        name: String,
    },
    /// The guest's table of descriptors has no room.
    #[error("more directories than a guest can hold")]
    TooMany,
    /// The host's error.
    #[error("cannot open the directory: {0}")]
    Host(#[source] std::io::Error),
}

/// The authority that every descriptor of one grant shares.
#[derive(Debug)]
pub(super) struct DirCap {
    access: DirAccess,
}

impl DirCap {
    /// Makes a capability of a directory that the embedder opened, and a descriptor for the guest.
    pub(super) fn grant(dir: &OwnedFd, access: DirAccess) -> Result<(Arc<DirCap>, OwnedFd), PreopenError> {
        let host = |errno: rustix::io::Errno| PreopenError::Host(errno.into());
        let fd = resolve::reopen(dir.as_fd()).map_err(|errno| match errno {
            rustix::io::Errno::NOSYS => PreopenError::NoOpenat2,
            rustix::io::Errno::NOTDIR => PreopenError::NotADirectory,
            errno => host(errno),
        })?;
        let magic = magic_of(&fd).map_err(host)?;
        if FORBIDDEN.contains(&magic) {
            return Err(PreopenError::ForbiddenFileSystem { magic });
        }
        Ok((Arc::new(DirCap { access }), fd))
    }

    /// What may be done beneath.
    pub(super) fn access(&self) -> DirAccess {
        self.access
    }

    /// Fails with `PERM` if nothing may be changed. To be asked for what a call *does*, whatever its flags are called.
    pub(super) fn may_change(&self) -> Result<(), Errno> {
        match self.access {
            DirAccess::ReadWrite => Ok(()),
            DirAccess::ReadOnly => Err(Errno::PERM),
        }
    }
}

/// The file systems whose files are not data, by their numbers in `statfs(2)` and `linux/magic.h`.
const FORBIDDEN: [u64; 30] = [
    0x0000_9fa0, // procfs
    0x6265_6572, // sysfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0xf97c_ff8c, // selinuxfs
    0x4341_5d53, // smackfs
    0x5a3c_69f0, // AppArmor
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0xcafe_4a11, // bpf
    0x6265_6570, // configfs
    0xde5e_81e4, // efivarfs
    0x6165_676c, // pstore
    0x0000_1cd1, // devpts
    0x1980_0202, // mqueue
    0x6e73_6673, // nsfs
    0x4249_4e4d, // binfmt_misc
    0x6573_5543, // fusectl
    0x0765_5821, // resctrl
    0x6c6f_6f70, // binderfs
    0x5049_5045, // pipefs
    0x534f_434b, // sockfs
    0x5049_4446, // pidfs
    0x0904_1934, // anonymous inodes
    0x0000_9fa1, // openprom
    0x0000_9fa2, // usbdevice
    0xabba_1974, // xenfs
    0x6759_6969, // rpc_pipefs
    0x6e66_7364, // nfsd
];

/// Whether a descriptor is on a file system that is never handed out.
pub(super) fn is_forbidden(fd: &OwnedFd) -> Result<bool, Errno> {
    Ok(FORBIDDEN.contains(&retry(|| magic_of(fd))?))
}

/// The number of the file system; the kernel's type for it differs in width and sign between architectures.
#[allow(clippy::unnecessary_cast, reason = "see above")]
fn magic_of(fd: &OwnedFd) -> rustix::io::Result<u64> {
    Ok(rustix::fs::fstatfs(fd)?.f_type as u64 & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::super::testing::TempDir;
    use super::*;
    use rustix::fs::{Mode, OFlags};

    fn grant(path: &std::path::Path, flags: OFlags) -> Result<(Arc<DirCap>, OwnedFd), PreopenError> {
        DirCap::grant(&rustix::fs::open(path, flags, Mode::empty()).unwrap(), DirAccess::ReadWrite)
    }

    #[test]
    fn kernel_file_systems_are_not_granted() {
        for (path, magic) in [("/proc", 0x9fa0), ("/proc/self", 0x9fa0), ("/sys", 0x6265_6572), ("/dev/pts", 0x1cd1)] {
            if !std::path::Path::new(path).exists() {
                continue;
            }
            match grant(path.as_ref(), OFlags::RDONLY) {
                Err(PreopenError::ForbiddenFileSystem { magic: got }) => assert_eq!(got, magic, "{path}"),
                other => panic!("{path}: {other:?}"),
            }
        }
    }

    #[test]
    fn only_directories_are_granted() {
        let dir = TempDir::new();
        dir.file("file", b"");
        assert!(matches!(grant(&dir.path().join("file"), OFlags::RDONLY), Err(PreopenError::NotADirectory)));
        assert!(grant(dir.path(), OFlags::PATH).is_ok(), "opened for nothing, yet granted to be listed");
    }
}
