//! The error numbers of preview 1, and the host's numbers told in them.
//!
//! Numbers are those of the preview 1 definition (`errno` in `typenames.witx`). Success (0) is no value of [`Errno`]:
//! a function that succeeds returns `Ok`.

use std::fmt;

/// An error as a preview 1 guest sees it, and, if the call was denied rather than failed, why: the guest is not told, the
/// audit is. Two are equal if the guest can't tell them apart.
#[derive(Clone, Copy)]
pub struct Errno {
    number: u16,
    rule: Option<Rule>,
}

/// Why a call was denied: what would have had to be granted for it to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// The number is no descriptor of this guest: nothing was granted under it.
    NoDescriptor,
    /// The descriptor lacks the right: the guest gave it up, or it was opened without.
    Rights,
    /// The directory was granted without the right.
    Grant,
    /// The path is absolute, or leads outside of the directory.
    Outside,
    /// The path leads to another mount, and the directory was granted without `cross_mounts`.
    Mount,
    /// A device, FIFO or socket, which is never opened.
    SpecialFile,
    /// A file system of the kernel, which is never handed out.
    KernelFileSystem,
    /// A link or rename between two capabilities.
    OtherCapability,
    /// A symbolic link whose target is absolute.
    AbsoluteTarget,
    /// The bytes that a grant allows are used up.
    Bytes,
    /// As many descriptors are open as may be.
    Descriptors,
    /// The host would have to hold more memory for the guest than it may.
    HostMemory,
    /// The capability was revoked.
    Revoked,
    /// The module that answers in place of the host broke its contract, or is dead.
    Virtualizer,
    /// No grant of the network names the host and port.
    Host,
    /// The address is one that is denied, whatever name led there.
    Address,
    /// The name may not be looked up.
    Name,
    /// There are as many connections as may be.
    Connections,
}

impl Rule {
    /// The rule's name in audit records: stable, for programs to read.
    pub const fn name(self) -> &'static str {
        match self {
            Rule::NoDescriptor => "no-descriptor",
            Rule::Rights => "rights",
            Rule::Grant => "grant",
            Rule::Outside => "outside",
            Rule::Mount => "mount",
            Rule::SpecialFile => "special-file",
            Rule::KernelFileSystem => "kernel-file-system",
            Rule::OtherCapability => "other-capability",
            Rule::AbsoluteTarget => "absolute-target",
            Rule::Bytes => "bytes",
            Rule::Descriptors => "descriptors",
            Rule::HostMemory => "host-memory",
            Rule::Revoked => "revoked",
            Rule::Virtualizer => "virtualizer",
            Rule::Host => "host",
            Rule::Address => "address",
            Rule::Name => "name",
            Rule::Connections => "connections",
        }
    }
}

impl PartialEq for Errno {
    fn eq(&self, other: &Errno) -> bool {
        self.number == other.number
    }
}

impl Eq for Errno {}

/// Defines the constants, [`Errno::name`], and the table from the host's numbers: a row is the number, the name, the
/// host's constant if there is one, and what it means.
macro_rules! errnos {
    ($($number:literal $name:ident $([$host:ident])? $meaning:literal;)*) => {
        impl Errno {
            $(#[doc = $meaning] pub const $name: Errno = Errno { number: $number, rule: None };)*

            /// The name without its leading `E`, as the definition of preview 1 writes it in capitals.
            pub const fn name(self) -> &'static str {
                match self.number {
                    $($number => stringify!($name),)*
                    _ => "unknown",
                }
            }
        }

        impl From<rustix::io::Errno> for Errno {
            /// What preview 1 has no word for is an I/O error.
            fn from(host: rustix::io::Errno) -> Errno {
                match host {
                    $($(rustix::io::Errno::$host => Errno::$name,)?)*
                    _ => Errno::IO,
                }
            }
        }
    };
}

errnos! {
    1 TOOBIG [TOOBIG] "Argument list too long.";
    2 ACCES [ACCESS] "Permission denied.";
    3 ADDRINUSE [ADDRINUSE] "Address in use.";
    4 ADDRNOTAVAIL [ADDRNOTAVAIL] "Address not available.";
    5 AFNOSUPPORT [AFNOSUPPORT] "Address family not supported.";
    6 AGAIN [AGAIN] "Resource unavailable, or the operation would block.";
    7 ALREADY [ALREADY] "Connection already in progress.";
    8 BADF [BADF] "Bad file descriptor.";
    9 BADMSG [BADMSG] "Bad message.";
    10 BUSY [BUSY] "Device or resource busy.";
    11 CANCELED [CANCELED] "Operation canceled.";
    12 CHILD [CHILD] "No child processes.";
    13 CONNABORTED [CONNABORTED] "Connection aborted.";
    14 CONNREFUSED [CONNREFUSED] "Connection refused.";
    15 CONNRESET [CONNRESET] "Connection reset.";
    16 DEADLK [DEADLK] "Resource deadlock would occur.";
    17 DESTADDRREQ [DESTADDRREQ] "Destination address required.";
    18 DOM [DOM] "Mathematics argument out of domain of function.";
    19 DQUOT [DQUOT] "Disk quota exceeded.";
    20 EXIST [EXIST] "File exists.";
    21 FAULT [FAULT] "Bad address: a pointer or range outside the guest's memory.";
    22 FBIG [FBIG] "File too large.";
    23 HOSTUNREACH [HOSTUNREACH] "Host is unreachable.";
    24 IDRM [IDRM] "Identifier removed.";
    25 ILSEQ [ILSEQ] "Illegal byte sequence: a path that is not UTF-8.";
    26 INPROGRESS [INPROGRESS] "Operation in progress.";
    27 INTR [INTR] "Interrupted function.";
    28 INVAL [INVAL] "Invalid argument.";
    29 IO [IO] "I/O error, or an error of the host that preview 1 has no number for.";
    30 ISCONN [ISCONN] "Socket is connected.";
    31 ISDIR [ISDIR] "Is a directory.";
    32 LOOP [LOOP] "Too many levels of symbolic links, or one where none is followed.";
    33 MFILE [MFILE] "Descriptor table full.";
    34 MLINK [MLINK] "Too many links.";
    35 MSGSIZE [MSGSIZE] "Message too large.";
    36 MULTIHOP [MULTIHOP] "Multihop attempted.";
    37 NAMETOOLONG [NAMETOOLONG] "Filename too long.";
    38 NETDOWN [NETDOWN] "Network is down.";
    39 NETRESET [NETRESET] "Connection aborted by network.";
    40 NETUNREACH [NETUNREACH] "Network unreachable.";
    41 NFILE [NFILE] "Too many files open in system.";
    42 NOBUFS [NOBUFS] "No buffer space available.";
    43 NODEV [NODEV] "No such device.";
    44 NOENT [NOENT] "No such file or directory.";
    45 NOEXEC [NOEXEC] "Executable file format error.";
    46 NOLCK [NOLCK] "No locks available.";
    47 NOLINK [NOLINK] "Link has been severed.";
    48 NOMEM [NOMEM] "Not enough space.";
    49 NOMSG [NOMSG] "No message of the desired type.";
    50 NOPROTOOPT [NOPROTOOPT] "Protocol not available.";
    51 NOSPC [NOSPC] "No space left on device.";
    52 NOSYS [NOSYS] "Function not supported.";
    53 NOTCONN [NOTCONN] "The socket is not connected.";
    54 NOTDIR [NOTDIR] "Not a directory.";
    55 NOTEMPTY [NOTEMPTY] "Directory not empty.";
    56 NOTRECOVERABLE [NOTRECOVERABLE] "State not recoverable.";
    57 NOTSOCK [NOTSOCK] "Not a socket.";
    58 NOTSUP [OPNOTSUPP] "Not supported.";
    59 NOTTY [NOTTY] "Inappropriate I/O control operation.";
    60 NXIO [NXIO] "No such device or address.";
    61 OVERFLOW [OVERFLOW] "Value too large to be stored in data type.";
    62 OWNERDEAD [OWNERDEAD] "Previous owner died.";
    63 PERM [PERM] "Operation not permitted: the directory was granted read-only.";
    64 PIPE [PIPE] "Broken pipe.";
    65 PROTO [PROTO] "Protocol error.";
    66 PROTONOSUPPORT [PROTONOSUPPORT] "Protocol not supported.";
    67 PROTOTYPE [PROTOTYPE] "Protocol wrong type for socket.";
    68 RANGE [RANGE] "Result too large.";
    69 ROFS [ROFS] "Read-only file system.";
    70 SPIPE [SPIPE] "Invalid seek.";
    71 SRCH [SRCH] "No such process.";
    72 STALE [STALE] "Stale file handle.";
    73 TIMEDOUT [TIMEDOUT] "Connection timed out.";
    74 TXTBSY [TXTBSY] "Text file busy.";
    75 XDEV [XDEV] "Cross-device link, or a link across two capabilities.";
    76 NOTCAPABLE "Capabilities insufficient: outside the directory, or without the right.";
}

impl Errno {
    /// The error of a number; `None` if there is none, as of 0, which is success.
    pub const fn from_raw(number: u16) -> Option<Errno> {
        if number >= 1 && number <= Errno::NOTCAPABLE.number { Some(Errno { number, rule: None }) } else { None }
    }

    /// The number that the guest is given.
    pub const fn raw(self) -> u16 {
        self.number
    }

    /// The same error as a denial by `rule`.
    pub const fn by(self, rule: Rule) -> Errno {
        Errno { number: self.number, rule: Some(rule) }
    }

    /// Why the call was denied, if it was.
    pub const fn rule(self) -> Option<Rule> {
        self.rule
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Errno::{}", self.name())
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "preview 1 error {} ({})", self.name(), self.number)
    }
}

impl std::error::Error for Errno {}

/// Repeats a system call that a signal interrupted. A guest has no signals, so it must never see `EINTR`.
pub(super) fn retry<T>(call: impl FnMut() -> rustix::io::Result<T>) -> Result<T, Errno> {
    rustix::io::retry_on_intr(call).map_err(Errno::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_errors_keep_their_meaning() {
        assert_eq!(Errno::from(rustix::io::Errno::NOENT), Errno::NOENT);
        assert_eq!(Errno::from(rustix::io::Errno::ACCESS), Errno::ACCES);
        assert_eq!(Errno::from(rustix::io::Errno::WOULDBLOCK), Errno::AGAIN);
        assert_eq!(Errno::from(rustix::io::Errno::NOTSUP), Errno::NOTSUP);
        assert_eq!(Errno::from(rustix::io::Errno::NOTBLK), Errno::IO, "no such number in preview 1");
    }

    #[test]
    fn numbers_are_those_of_the_definition() {
        for (errno, number) in [(Errno::BADF, 8), (Errno::INVAL, 28), (Errno::PERM, 63), (Errno::NOTCAPABLE, 76)] {
            assert_eq!(errno.raw(), number);
        }
        assert_eq!(format!("{:?}", Errno::NOTCAPABLE), "Errno::NOTCAPABLE");
    }
}
