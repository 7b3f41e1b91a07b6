//! The numbers and layouts of preview 1, written down from its definition (`typenames.witx`) a second time: what the
//! loader's own tables say is what is tested here.

/// Defines the error numbers, in the order of the definition: the first is 0.
macro_rules! errnos {
    ($($name:ident)*) => {
        /// An error number, `SUCCESS` among them.
        #[allow(clippy::upper_case_acronyms, dead_code, reason = "as the definition names them, all of them")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Errno { $($name),* }

        impl Errno {
            /// The error of a number.
            pub fn from_raw(raw: u32) -> Errno {
                *[$(Errno::$name),*].get(raw as usize).unwrap_or_else(|| panic!("{raw} is no error number"))
            }
        }
    };
}

errnos! {
    SUCCESS TOOBIG ACCES ADDRINUSE ADDRNOTAVAIL AFNOSUPPORT AGAIN ALREADY BADF BADMSG BUSY CANCELED CHILD CONNABORTED
    CONNREFUSED CONNRESET DEADLK DESTADDRREQ DOM DQUOT EXIST FAULT FBIG HOSTUNREACH IDRM ILSEQ INPROGRESS INTR INVAL IO
    ISCONN ISDIR LOOP MFILE MLINK MSGSIZE MULTIHOP NAMETOOLONG NETDOWN NETRESET NETUNREACH NFILE NOBUFS NODEV NOENT
    NOEXEC NOLCK NOLINK NOMEM NOMSG NOPROTOOPT NOSPC NOSYS NOTCONN NOTDIR NOTEMPTY NOTRECOVERABLE NOTSOCK NOTSUP NOTTY
    NXIO OVERFLOW OWNERDEAD PERM PIPE PROTO PROTONOSUPPORT PROTOTYPE RANGE ROFS SPIPE SRCH STALE TIMEDOUT TXTBSY XDEV
    NOTCAPABLE
}

/// Defines single bits of a type, in the order of the definition: the first is bit 0.
macro_rules! bits {
    ($(#[$doc:meta])* $module:ident: $type:ty { $($name:ident)* }) => {
        $(#[$doc])*
        #[allow(dead_code, reason = "the whole set is named")]
        pub mod $module {
            #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
            enum Bit { $($name),* }
            $(pub const $name: $type = 1 << (Bit::$name as u32);)*
            /// Every bit that has a name, each alone.
            pub const EACH: &[$type] = &[$($name),*];
            /// Their names, in the same order.
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];
        }
    };
}

bits! {
    /// `rights`.
    right: u64 {
        FD_DATASYNC FD_READ FD_SEEK FD_FDSTAT_SET_FLAGS FD_SYNC FD_TELL FD_WRITE FD_ADVISE FD_ALLOCATE
        PATH_CREATE_DIRECTORY PATH_CREATE_FILE PATH_LINK_SOURCE PATH_LINK_TARGET PATH_OPEN FD_READDIR PATH_READLINK
        PATH_RENAME_SOURCE PATH_RENAME_TARGET PATH_FILESTAT_GET PATH_FILESTAT_SET_SIZE PATH_FILESTAT_SET_TIMES
        FD_FILESTAT_GET FD_FILESTAT_SET_SIZE FD_FILESTAT_SET_TIMES PATH_SYMLINK PATH_REMOVE_DIRECTORY PATH_UNLINK_FILE
        POLL_FD_READWRITE SOCK_SHUTDOWN SOCK_ACCEPT
    }
}

/// What can be done with a regular file.
pub const FILE_RIGHTS: u64 = {
    use right::*;
    FD_DATASYNC
        | FD_READ
        | FD_SEEK
        | FD_FDSTAT_SET_FLAGS
        | FD_SYNC
        | FD_TELL
        | FD_WRITE
        | FD_ADVISE
        | FD_ALLOCATE
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_SIZE
        | FD_FILESTAT_SET_TIMES
        | POLL_FD_READWRITE
};

/// What can be done with a directory.
pub const DIRECTORY_RIGHTS: u64 = {
    use right::*;
    FD_DATASYNC
        | FD_FDSTAT_SET_FLAGS
        | FD_SYNC
        | PATH_CREATE_DIRECTORY
        | PATH_CREATE_FILE
        | PATH_LINK_SOURCE
        | PATH_LINK_TARGET
        | PATH_OPEN
        | FD_READDIR
        | PATH_READLINK
        | PATH_RENAME_SOURCE
        | PATH_RENAME_TARGET
        | PATH_FILESTAT_GET
        | PATH_FILESTAT_SET_SIZE
        | PATH_FILESTAT_SET_TIMES
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_TIMES
        | PATH_SYMLINK
        | PATH_REMOVE_DIRECTORY
        | PATH_UNLINK_FILE
};

bits! {
    /// `fdflags`.
    fdflag: u32 { APPEND DSYNC NONBLOCK RSYNC SYNC }
}

bits! {
    /// `oflags`.
    oflag: u32 { CREAT DIRECTORY EXCL TRUNC }
}

bits! {
    /// `fstflags`.
    fstflag: u32 { ATIM ATIM_NOW MTIM MTIM_NOW }
}

bits! {
    /// `riflags`.
    riflag: u32 { PEEK WAITALL }
}

bits! {
    /// `sdflags`.
    sdflag: u32 { RD WR }
}

/// `lookupflags`: a symbolic link in the last place is followed.
pub const FOLLOW: u32 = 1;

/// `whence`.
#[allow(missing_docs, reason = "the names say it")]
pub mod whence {
    pub const SET: u32 = 0;
    pub const CUR: u32 = 1;
    pub const END: u32 = 2;
}

/// `filetype`.
#[allow(missing_docs, dead_code, reason = "the names say it; the whole set is named")]
pub mod filetype {
    pub const UNKNOWN: u8 = 0;
    pub const BLOCK_DEVICE: u8 = 1;
    pub const CHARACTER_DEVICE: u8 = 2;
    pub const DIRECTORY: u8 = 3;
    pub const REGULAR_FILE: u8 = 4;
    pub const SOCKET_DGRAM: u8 = 5;
    pub const SOCKET_STREAM: u8 = 6;
    pub const SYMBOLIC_LINK: u8 = 7;
}

/// `clockid`.
#[allow(missing_docs, reason = "the names say it")]
pub mod clock {
    pub const REALTIME: u32 = 0;
    pub const MONOTONIC: u32 = 1;
    pub const PROCESS_CPUTIME: u32 = 2;
    pub const THREAD_CPUTIME: u32 = 3;
}

pub fn u16_in(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

pub fn u32_in(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

pub fn u64_in(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// `fdstat`, 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdStat {
    pub filetype: u8,
    pub flags: u32,
    pub base: u64,
    pub inheriting: u64,
}

impl FdStat {
    pub const SIZE: u32 = 24;

    pub fn decode(bytes: &[u8]) -> FdStat {
        FdStat {
            filetype: bytes[0],
            flags: u16_in(bytes, 2).into(),
            base: u64_in(bytes, 8),
            inheriting: u64_in(bytes, 16),
        }
    }
}

/// `filestat`, 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStat {
    pub device: u64,
    pub inode: u64,
    pub filetype: u8,
    pub links: u64,
    pub size: u64,
    pub atim: u64,
    pub mtim: u64,
    pub ctim: u64,
}

impl FileStat {
    pub const SIZE: u32 = 64;

    pub fn decode(bytes: &[u8]) -> FileStat {
        FileStat {
            device: u64_in(bytes, 0),
            inode: u64_in(bytes, 8),
            filetype: bytes[16],
            links: u64_in(bytes, 24),
            size: u64_in(bytes, 32),
            atim: u64_in(bytes, 40),
            mtim: u64_in(bytes, 48),
            ctim: u64_in(bytes, 56),
        }
    }
}

/// `dirent` and the name behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The cookie of the entry after it.
    pub next: u64,
    pub inode: u64,
    pub filetype: u8,
    pub name: String,
}

impl Entry {
    /// Bytes before the name.
    pub const HEADER: usize = 24;

    /// The entries that are whole in an answer, and how many bytes they take.
    pub fn decode_all(bytes: &[u8]) -> (Vec<Entry>, usize) {
        let (mut entries, mut at) = (Vec::new(), 0);
        while at + Entry::HEADER <= bytes.len() {
            let end = at + Entry::HEADER + u32_in(bytes, at + 16) as usize;
            if end > bytes.len() {
                break;
            }
            entries.push(Entry {
                next: u64_in(bytes, at),
                inode: u64_in(bytes, at + 8),
                filetype: bytes[at + 20],
                name: String::from_utf8_lossy(&bytes[at + Entry::HEADER..end]).into_owned(),
            });
            at = end;
        }
        (entries, at)
    }
}

/// `subscription`, 48 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription(pub [u8; 48]);

impl Subscription {
    fn tagged(userdata: u64, tag: u8) -> Subscription {
        // Padding is anything: a reader must not look at it.
        let mut bytes = [0xa5; 48];
        bytes[0..8].copy_from_slice(&userdata.to_le_bytes());
        bytes[8] = tag;
        Subscription(bytes)
    }

    fn with<const N: usize>(mut self, at: usize, bytes: [u8; N]) -> Subscription {
        self.0[at..at + N].copy_from_slice(&bytes);
        self
    }

    fn timer(userdata: u64, clock: u32, timeout_ns: u64, flags: u16) -> Subscription {
        Subscription::tagged(userdata, 0)
            .with(16, clock.to_le_bytes())
            .with(24, timeout_ns.to_le_bytes())
            .with(32, 0u64.to_le_bytes())
            .with(40, flags.to_le_bytes())
    }

    /// A time from now.
    pub fn after(userdata: u64, clock: u32, timeout_ns: u64) -> Subscription {
        Subscription::timer(userdata, clock, timeout_ns, 0)
    }

    /// A time of the clock.
    pub fn at(userdata: u64, clock: u32, time_ns: u64) -> Subscription {
        Subscription::timer(userdata, clock, time_ns, 1)
    }

    /// A descriptor that can be read.
    pub fn read(userdata: u64, fd: u32) -> Subscription {
        Subscription::tagged(userdata, 1).with(16, fd.to_le_bytes())
    }

    /// A descriptor that can be written.
    pub fn write(userdata: u64, fd: u32) -> Subscription {
        Subscription::tagged(userdata, 2).with(16, fd.to_le_bytes())
    }
}

/// `event`, 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub userdata: u64,
    pub error: Errno,
    /// 0 for a clock, 1 for reading, 2 for writing.
    pub kind: u8,
    pub nbytes: u64,
    pub hangup: bool,
}

impl Event {
    pub fn decode(bytes: &[u8]) -> Event {
        Event {
            userdata: u64_in(bytes, 0),
            error: Errno::from_raw(u16_in(bytes, 8).into()),
            kind: bytes[10],
            nbytes: u64_in(bytes, 16),
            hangup: u16_in(bytes, 24) & 1 != 0,
        }
    }
}

/// The definition has 77 error numbers, 30 rights, and these as the last of theirs.
#[test]
fn the_tables_are_those_of_the_definition() {
    assert_eq!((Errno::BADF as u16, Errno::NOTCAPABLE as u16, Errno::XDEV as u16), (8, 76, 75));
    assert_eq!((right::EACH.len(), right::SOCK_ACCEPT), (30, 1 << 29));
    assert_eq!((fdflag::SYNC, oflag::TRUNC, fstflag::MTIM_NOW), (16, 8, 8));
}
