//! The types of preview 1 that cross into guest memory: flags, rights, and the byte layout of its structures.
//!
//! Layouts are those of `typenames.witx`; every offset is written once, in the function that encodes the structure. The
//! definition before preview 1 differs in a few: see [`Layout`].

use super::errno::Errno;
use super::unstable::Layout;
use rustix::fs::FileType;

/// Defines a set of bits with named members.
macro_rules! bits {
    ($(#[$doc:meta])* $type:ident($int:ty) { $($name:ident = $bit:literal, $meaning:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Default)]
        pub struct $type($int);

        #[allow(dead_code, reason = "the whole set is named, as the definition of preview 1 names it")]
        impl $type {
            $(#[doc = $meaning] pub const $name: $type = $type(1 << $bit);)*
            /// Every bit that has a name.
            pub const ALL: $type = $type(0 $(| 1 << $bit)*);
            /// No bit.
            pub const NONE: $type = $type(0);

            /// All the bits as the guest wrote them, named or not.
            pub const fn from_raw(raw: $int) -> $type { $type(raw) }
            /// The number that the guest is given.
            pub const fn raw(self) -> $int { self.0 }
            /// Whether every bit of `other` is set.
            pub const fn contains(self, other: $type) -> bool { self.0 & other.0 == other.0 }
            /// Whether any bit of `other` is set.
            pub const fn intersects(self, other: $type) -> bool { self.0 & other.0 != 0 }
            /// The bits of either.
            pub const fn union(self, other: $type) -> $type { $type(self.0 | other.0) }
            /// The bits of both.
            pub const fn intersection(self, other: $type) -> $type { $type(self.0 & other.0) }
            /// The bits of `self` that `other` lacks.
            pub const fn difference(self, other: $type) -> $type { $type(self.0 & !other.0) }
        }

        impl std::ops::BitOr for $type {
            type Output = $type;
            fn bitor(self, other: $type) -> $type { self.union(other) }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($type), "({:#x})"), self.0)
            }
        }
    };
}

bits! {
    /// What a descriptor may be used for. A guest can only ever narrow its own.
    Rights(u64) {
        FD_DATASYNC = 0, "`fd_datasync`.";
        FD_READ = 1, "`fd_read`, and with `FD_SEEK` `fd_pread`.";
        FD_SEEK = 2, "`fd_seek`.";
        FD_FDSTAT_SET_FLAGS = 3, "`fd_fdstat_set_flags`.";
        FD_SYNC = 4, "`fd_sync`.";
        FD_TELL = 5, "`fd_tell`.";
        FD_WRITE = 6, "`fd_write`, and with `FD_SEEK` `fd_pwrite`.";
        FD_ADVISE = 7, "`fd_advise`.";
        FD_ALLOCATE = 8, "`fd_allocate`.";
        PATH_CREATE_DIRECTORY = 9, "`path_create_directory`.";
        PATH_CREATE_FILE = 10, "`path_open` that creates.";
        PATH_LINK_SOURCE = 11, "`path_link` from here.";
        PATH_LINK_TARGET = 12, "`path_link` to here.";
        PATH_OPEN = 13, "`path_open`.";
        FD_READDIR = 14, "`fd_readdir`.";
        PATH_READLINK = 15, "`path_readlink`.";
        PATH_RENAME_SOURCE = 16, "`path_rename` from here.";
        PATH_RENAME_TARGET = 17, "`path_rename` to here.";
        PATH_FILESTAT_GET = 18, "`path_filestat_get`.";
        PATH_FILESTAT_SET_SIZE = 19, "`path_open` that truncates.";
        PATH_FILESTAT_SET_TIMES = 20, "`path_filestat_set_times`.";
        FD_FILESTAT_GET = 21, "`fd_filestat_get`.";
        FD_FILESTAT_SET_SIZE = 22, "`fd_filestat_set_size`.";
        FD_FILESTAT_SET_TIMES = 23, "`fd_filestat_set_times`.";
        PATH_SYMLINK = 24, "`path_symlink`.";
        PATH_REMOVE_DIRECTORY = 25, "`path_remove_directory`.";
        PATH_UNLINK_FILE = 26, "`path_unlink_file`.";
        POLL_FD_READWRITE = 27, "`poll_oneoff` for reading or writing.";
        SOCK_SHUTDOWN = 28, "`sock_shutdown`.";
        SOCK_ACCEPT = 29, "`sock_accept`.";
    }
}

impl Rights {
    /// What can apply to a regular file.
    pub const FILE: Rights = Rights::FD_DATASYNC
        .union(Rights::FD_READ)
        .union(Rights::FD_SEEK)
        .union(Rights::FD_FDSTAT_SET_FLAGS)
        .union(Rights::FD_SYNC)
        .union(Rights::FD_TELL)
        .union(Rights::FD_WRITE)
        .union(Rights::FD_ADVISE)
        .union(Rights::FD_ALLOCATE)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::FD_FILESTAT_SET_SIZE)
        .union(Rights::FD_FILESTAT_SET_TIMES)
        .union(Rights::POLL_FD_READWRITE);

    /// What can apply to a directory.
    pub const DIRECTORY: Rights = Rights::FD_FDSTAT_SET_FLAGS
        .union(Rights::FD_SYNC)
        .union(Rights::FD_DATASYNC)
        .union(Rights::PATH_CREATE_DIRECTORY)
        .union(Rights::PATH_CREATE_FILE)
        .union(Rights::PATH_LINK_SOURCE)
        .union(Rights::PATH_LINK_TARGET)
        .union(Rights::PATH_OPEN)
        .union(Rights::FD_READDIR)
        .union(Rights::PATH_READLINK)
        .union(Rights::PATH_RENAME_SOURCE)
        .union(Rights::PATH_RENAME_TARGET)
        .union(Rights::PATH_FILESTAT_GET)
        .union(Rights::PATH_FILESTAT_SET_SIZE)
        .union(Rights::PATH_FILESTAT_SET_TIMES)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::FD_FILESTAT_SET_TIMES)
        .union(Rights::PATH_SYMLINK)
        .union(Rights::PATH_REMOVE_DIRECTORY)
        .union(Rights::PATH_UNLINK_FILE);

    /// What can apply to a socket that listens. It is ready to be read when there is a connection to accept.
    pub const LISTENER: Rights = Rights::SOCK_ACCEPT
        .union(Rights::FD_READ)
        .union(Rights::FD_FDSTAT_SET_FLAGS)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::POLL_FD_READWRITE);

    /// What can apply to a connection.
    pub const CONNECTION: Rights = Rights::SOCK_SHUTDOWN
        .union(Rights::FD_READ)
        .union(Rights::FD_WRITE)
        .union(Rights::FD_FDSTAT_SET_FLAGS)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::POLL_FD_READWRITE);
}

bits! {
    /// `fdflags`: how reads and writes of a descriptor behave.
    FdFlags(u16) {
        APPEND = 0, "Every write goes to the end.";
        DSYNC = 1, "Writes reach the device with the data.";
        NONBLOCK = 2, "`AGAIN` instead of waiting.";
        RSYNC = 3, "As `SYNC`, for reads too.";
        SYNC = 4, "Writes reach the device with data and metadata.";
    }
}

impl FdFlags {
    /// The flags that cannot be changed once the file is open.
    pub const SYNCS: FdFlags = FdFlags::DSYNC.union(FdFlags::RSYNC).union(FdFlags::SYNC);
}

bits! {
    /// `oflags`: how `path_open` opens.
    OpenFlags(u16) {
        CREAT = 0, "Create the file if it is not there.";
        DIRECTORY = 1, "Fail if it is not a directory.";
        EXCL = 2, "Fail if it is there.";
        TRUNC = 3, "Cut the file to length 0.";
    }
}

bits! {
    /// `fstflags`: which times to set, and to what.
    TimeFlags(u16) {
        ATIM = 0, "The access time to the given value.";
        ATIM_NOW = 1, "The access time to now.";
        MTIM = 2, "The modification time to the given value.";
        MTIM_NOW = 3, "The modification time to now.";
    }
}

/// `whence`: what a seek counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    /// The start of the file.
    Start,
    /// The offset as it is.
    Current,
    /// The end of the file.
    End,
}

/// Whether `lookupflags` say to follow a symbolic link in the last place of a path. `INVAL` for bits without a name.
pub(super) fn follows(lookup: u32) -> Result<bool, Errno> {
    match lookup {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Errno::INVAL),
    }
}

/// `filetype`. Preview 1 has no pipe; one is [`FileKind::Unknown`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, dead_code, reason = "the names say it; the whole set is named")]
pub enum FileKind {
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Directory = 3,
    RegularFile = 4,
    SocketDatagram = 5,
    SocketStream = 6,
    SymbolicLink = 7,
}

impl FileKind {
    /// The kind of a number; what is none is unknown.
    pub fn from_raw(number: u8) -> FileKind {
        match number {
            1 => FileKind::BlockDevice,
            2 => FileKind::CharacterDevice,
            3 => FileKind::Directory,
            4 => FileKind::RegularFile,
            5 => FileKind::SocketDatagram,
            6 => FileKind::SocketStream,
            7 => FileKind::SymbolicLink,
            _ => FileKind::Unknown,
        }
    }
}

impl From<FileType> for FileKind {
    fn from(host: FileType) -> FileKind {
        match host {
            FileType::BlockDevice => FileKind::BlockDevice,
            FileType::CharacterDevice => FileKind::CharacterDevice,
            FileType::Directory => FileKind::Directory,
            FileType::RegularFile => FileKind::RegularFile,
            // Which kind of socket, the mode does not tell; a stream is the common one.
            FileType::Socket => FileKind::SocketStream,
            FileType::Symlink => FileKind::SymbolicLink,
            FileType::Fifo | FileType::Unknown => FileKind::Unknown,
        }
    }
}

/// `fdstat`: what kind of descriptor it is, and what it may be used for.
#[derive(Clone, Copy, Debug)]
pub struct FdStat {
    /// What the descriptor is open on.
    pub kind: FileKind,
    /// How it behaves.
    pub flags: FdFlags,
    /// What it may be used for.
    pub base: Rights,
    /// What descriptors opened through it may be used for.
    pub inheriting: Rights,
}

impl FdStat {
    /// Bytes in guest memory.
    pub const SIZE: usize = 24;

    /// The structure as the guest reads it.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        out[0] = self.kind as u8;
        out[2..4].copy_from_slice(&self.flags.raw().to_le_bytes());
        out[8..16].copy_from_slice(&self.base.raw().to_le_bytes());
        out[16..24].copy_from_slice(&self.inheriting.raw().to_le_bytes());
        out
    }
}

/// `filestat`: what the file system says of a file.
#[derive(Clone, Copy, Debug)]
pub struct FileStat {
    /// The device that the file is on.
    pub device: u64,
    /// Its serial number there.
    pub inode: u64,
    /// What it is.
    pub kind: FileKind,
    /// Hard links to it.
    pub links: u64,
    /// Length in bytes.
    pub size: u64,
    /// Last access, in nanoseconds since 1970.
    pub accessed_ns: u64,
    /// Last change of the contents, in nanoseconds since 1970.
    pub modified_ns: u64,
    /// Last change of the status, in nanoseconds since 1970.
    pub changed_ns: u64,
}

impl FileStat {
    /// Of something that is no file of the host.
    pub const NOTHING: FileStat = FileStat {
        device: 0,
        inode: 0,
        kind: FileKind::Unknown,
        links: 1,
        size: 0,
        accessed_ns: 0,
        modified_ns: 0,
        changed_ns: 0,
    };

    /// The structure as a guest of such a layout reads it: 64 bytes, or 56, where there are no more links than 32 bits
    /// count.
    pub fn encode(&self, layout: Layout) -> Vec<u8> {
        let mut out = vec![0; 16];
        out[0..8].copy_from_slice(&self.device.to_le_bytes());
        out[8..16].copy_from_slice(&self.inode.to_le_bytes());
        match layout {
            Layout::Preview1 => {
                out.extend([self.kind as u8, 0, 0, 0, 0, 0, 0, 0]);
                out.extend(self.links.to_le_bytes());
            }
            Layout::Unstable => {
                out.extend([self.kind as u8, 0, 0, 0]);
                out.extend(u32::try_from(self.links).unwrap_or(u32::MAX).to_le_bytes());
            }
        }
        for number in [self.size, self.accessed_ns, self.modified_ns, self.changed_ns] {
            out.extend(number.to_le_bytes());
        }
        out
    }
}

#[allow(clippy::unnecessary_cast, reason = "the fields of `Stat` differ in width between architectures")]
impl From<rustix::fs::Stat> for FileStat {
    fn from(stat: rustix::fs::Stat) -> FileStat {
        FileStat {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            kind: FileType::from_raw_mode(stat.st_mode).into(),
            links: stat.st_nlink as u64,
            size: stat.st_size as u64,
            accessed_ns: nanoseconds(stat.st_atime as i64, stat.st_atime_nsec as i64),
            modified_ns: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed_ns: nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }
}

/// Preview 1 counts nanoseconds since 1970 in 64 bits; what lies before is 1970, what lies after 2554 is 2554.
pub(super) fn nanoseconds(seconds: i64, nanos: i64) -> u64 {
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    u64::try_from(total.max(0)).unwrap_or(u64::MAX)
}

/// The two times that [`TimeFlags`] ask for.
///
/// # Errors
/// `INVAL` for a time to be set both to a value and to now, and for bits without a name.
pub(super) fn timestamps(accessed_ns: u64, modified_ns: u64, flags: u32) -> Result<rustix::fs::Timestamps, Errno> {
    let flags = u16::try_from(flags).map(TimeFlags::from_raw).map_err(|_| Errno::INVAL)?;
    if !TimeFlags::ALL.contains(flags) {
        return Err(Errno::INVAL);
    }
    let one = |to_value: TimeFlags, to_now: TimeFlags, value_ns: u64| {
        let (seconds, nanos) = match (flags.contains(to_value), flags.contains(to_now)) {
            (true, true) => return Err(Errno::INVAL),
            (true, false) => ((value_ns / 1_000_000_000) as i64, (value_ns % 1_000_000_000) as _),
            (false, true) => (0, rustix::fs::UTIME_NOW),
            (false, false) => (0, rustix::fs::UTIME_OMIT),
        };
        Ok(rustix::fs::Timespec { tv_sec: seconds, tv_nsec: nanos })
    };
    Ok(rustix::fs::Timestamps {
        last_access: one(TimeFlags::ATIM, TimeFlags::ATIM_NOW, accessed_ns)?,
        last_modification: one(TimeFlags::MTIM, TimeFlags::MTIM_NOW, modified_ns)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_set_in_one_way_only() {
        for both in [TimeFlags::ATIM | TimeFlags::ATIM_NOW, TimeFlags::MTIM | TimeFlags::MTIM_NOW] {
            assert_eq!(timestamps(1, 2, both.raw().into()).unwrap_err(), Errno::INVAL);
        }
        assert_eq!(timestamps(1, 2, 0x10).unwrap_err(), Errno::INVAL, "no such flag");
        assert_eq!(timestamps(1, 2, 0x1_0001).unwrap_err(), Errno::INVAL, "wider than the type");
        let times = timestamps(3_000_000_004, 0, TimeFlags::ATIM.raw().into()).unwrap();
        assert_eq!((times.last_access.tv_sec, times.last_access.tv_nsec), (3, 4));
        assert_eq!(times.last_modification.tv_nsec, rustix::fs::UTIME_OMIT);
    }

    #[test]
    fn times_before_1970_are_1970() {
        assert_eq!(nanoseconds(-1, 999_999_999), 0);
        assert_eq!(nanoseconds(1, 2), 1_000_000_002);
        assert_eq!(nanoseconds(i64::MAX, 0), u64::MAX);
    }

    #[test]
    fn structures_lie_as_the_definition_draws_them() {
        let stat = FdStat {
            kind: FileKind::RegularFile,
            flags: FdFlags::APPEND,
            base: Rights::FD_READ,
            inheriting: Rights::POLL_FD_READWRITE,
        };
        let bytes = stat.encode();
        assert_eq!((bytes[0], bytes[2], bytes[8], bytes[19]), (4, 1, 2, 8));
        let stat = FileStat { inode: 7, size: 9, kind: FileKind::Directory, ..FileStat::NOTHING };
        let bytes = stat.encode(Layout::Preview1);
        assert_eq!((bytes.len(), bytes[8], bytes[16], bytes[24], bytes[32]), (64, 7, 3, 1, 9));
        let bytes = stat.encode(Layout::Unstable);
        assert_eq!((bytes.len(), bytes[8], bytes[16], bytes[20], bytes[24]), (56, 7, 3, 1, 9));
        let many = FileStat { links: 1 << 32, ..stat };
        assert_eq!(many.encode(Layout::Unstable)[20..24], [255; 4], "as many as can be told");
    }
}
