//! A guest that makes the calls that a test tells it to make: `guests/attack_puppet.wat`.

use super::world::has_secret;
use bailiwick_loader::wasi::{Errno, MODULE, UNSTABLE_MODULE};
use bailiwick_loader::{Artifact, Error, Func, Group, Imports, Instance, Memory, Val, ValType};
use bailiwick_tests::cli::guests;
use bailiwick_tests::compile::artifact_bytes;
use std::collections::HashMap;
use std::sync::OnceLock;

/// The first preopened directory.
pub const DIR: u32 = 3;
/// The second.
pub const DIR2: u32 = 4;

/// `oflags` of `path_open`.
pub const CREAT: u16 = 1;
pub const DIRECTORY: u16 = 2;
pub const EXCL: u16 = 4;
pub const TRUNC: u16 = 8;

/// `fdflags`.
pub const APPEND: u16 = 1;
pub const NONBLOCK: u16 = 4;

/// Rights of preview 1, of which programs ask for all that a file or a directory can have.
pub const READ: u64 = 1 << 1;
pub const WRITE: u64 = 1 << 6;
pub const ALL: u64 = (1 << 30) - 1;
/// All but reading and writing.
pub const NEITHER: u64 = ALL & !READ & !WRITE;

/// `lookupflags`: the last component may be a symbolic link.
pub const FOLLOW: u32 = 1;

/// Where results are written, and where what is read goes; strings lie between.
const OUT: u32 = 64;
const STRINGS: u32 = 1024;
pub const BUFFER: u32 = 65_536;
const BUFFER_LEN: u32 = 65_536;

/// An argument: a number, or bytes, which are passed as pointer and length.
#[derive(Clone, Copy, Debug)]
pub enum Arg<'a> {
    N(u64),
    B(&'a [u8]),
}

impl From<u32> for Arg<'_> {
    fn from(number: u32) -> Self {
        Arg::N(number.into())
    }
}

impl From<u64> for Arg<'_> {
    fn from(number: u64) -> Self {
        Arg::N(number)
    }
}

impl From<u16> for Arg<'_> {
    fn from(number: u16) -> Self {
        Arg::N(number.into())
    }
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(path: &'a str) -> Self {
        Arg::B(path.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Arg<'a> {
    fn from(path: &'a [u8]) -> Self {
        Arg::B(path)
    }
}

/// Makes a call of the puppet's, with any mixture of numbers and paths.
macro_rules! call {
    ($puppet:expr, $name:literal $(, $arg:expr)* $(,)?) => {
        $puppet.call($name, &[$($crate::puppet::Arg::from($arg)),*])
    };
}
pub(crate) use call;

/// What a call returned.
pub type Answer<T = ()> = Result<T, Errno>;

/// The guest.
#[derive(Debug)]
pub struct Puppet {
    pub group: Group,
    instance: Instance,
    memory: Memory,
    exports: HashMap<&'static str, (Func, Vec<ValType>)>,
}

/// What `path_filestat_get` and `fd_filestat_get` write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    pub inode: u64,
    pub kind: u8,
    pub links: u64,
    pub size: u64,
    pub modified_ns: u64,
}

/// By which definition a guest makes its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Definition {
    /// `wasi_snapshot_preview1`.
    Preview1,
    /// `wasi_unstable`, which has no `sock_accept`.
    Unstable,
}

/// The puppet's code, compiled once.
fn artifact(definition: Definition) -> Artifact {
    static BYTES: [OnceLock<Vec<u8>>; 2] = [OnceLock::new(), OnceLock::new()];
    let bytes = BYTES[definition as usize].get_or_init(|| {
        let path = guests().join("attack_puppet.wat");
        let wat = std::fs::read_to_string(path).expect("the guest's source");
        artifact_bytes(&match definition {
            Definition::Preview1 => wat,
            Definition::Unstable => {
                let lines: Vec<&str> = wat.lines().filter(|line| !line.contains("sock_accept")).collect();
                lines.join("\n").replace(MODULE, UNSTABLE_MODULE)
            }
        })
    });
    Artifact::from_bytes(bytes, "attack_puppet").expect("an artifact")
}

impl Puppet {
    /// With preview 1 as `imports` has it.
    pub fn new(imports: &Imports) -> Puppet {
        Puppet::by(Definition::Preview1, imports)
    }

    /// With a definition as `imports` has it.
    pub fn by(definition: Definition, imports: &Imports) -> Puppet {
        let mut group = Group::new().expect("a group");
        let instance = group.instantiate(&artifact(definition), imports).unwrap_or_else(|e| panic!("{e}"));
        let memory = instance.memory(&mut group, "memory").expect("a memory");
        Puppet { group, instance, memory, exports: HashMap::new() }
    }

    /// Calls a function with these numbers, as they are; the error is the guest's end.
    pub fn raw(&mut self, name: &'static str, numbers: &[u64]) -> Result<Option<i32>, Error> {
        if !self.exports.contains_key(name) {
            let func = self.instance.func(&mut self.group, name).expect(name);
            let types = func.ty(&mut self.group).expect(name).params().to_vec();
            self.exports.insert(name, (func, types));
        }
        let (func, types) = &self.exports[name];
        assert_eq!(types.len(), numbers.len(), "{name}");
        let values: Vec<Val> = types
            .iter()
            .zip(numbers)
            .map(|(ty, &number)| match ty {
                ValType::I64 => Val::I64(number.cast_signed()),
                _ => Val::I32(number as i32),
            })
            .collect();
        let results = func.call(&mut self.group, &values)?;
        Ok(match results.as_slice() {
            [Val::I32(number)] => Some(*number),
            _ => None,
        })
    }

    /// Calls a function, with paths put into the guest's memory.
    #[track_caller]
    pub fn call(&mut self, name: &'static str, arguments: &[Arg<'_>]) -> Answer {
        let (mut numbers, mut at) = (Vec::new(), STRINGS);
        for argument in arguments {
            match *argument {
                Arg::N(number) => numbers.push(number),
                Arg::B(bytes) => {
                    self.put(at, bytes);
                    numbers.extend([u64::from(at), bytes.len() as u64]);
                    at += bytes.len() as u32;
                }
            }
        }
        let raw = self.raw(name, &numbers).unwrap_or_else(|e| panic!("{name}: the guest ended: {e}"));
        errno(raw.unwrap_or_else(|| panic!("{name} returns a number")))
    }

    /// All of the guest's memory.
    pub fn bytes(&mut self) -> &mut [u8] {
        self.memory.bytes(&mut self.group).expect("its memory")
    }

    pub fn put(&mut self, at: u32, bytes: &[u8]) {
        self.bytes()[at as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    /// Lets the memory have at least this many bytes.
    pub fn grow_to(&mut self, bytes: u64) {
        let has = self.bytes().len() as u64;
        if has < bytes {
            let grown = self.raw("grow", &[(bytes - has).div_ceil(65_536)]).expect("it returns");
            assert_ne!(grown, Some(-1), "the memory does not grow to {bytes} bytes");
        }
    }

    pub fn u32_at(&mut self, at: u32) -> u32 {
        u32::from_le_bytes(self.bytes()[at as usize..][..4].try_into().expect("four bytes"))
    }

    pub fn u64_at(&mut self, at: u32) -> u64 {
        u64::from_le_bytes(self.bytes()[at as usize..][..8].try_into().expect("eight bytes"))
    }

    /// Fails if the guest has got hold of what it must not have.
    #[track_caller]
    pub fn knows_no_secret(&mut self) {
        assert!(!has_secret(self.bytes()), "the secret is in the guest's memory");
    }

    /// `path_open` of what is beneath a directory, following links, and with all rights that a program asks for.
    pub fn open(&mut self, dir: u32, path: &str, oflags: u16, rights: u64) -> Answer<u32> {
        self.open_with(dir, FOLLOW, path.as_bytes(), oflags, rights, 0)
    }

    /// `path_open` with everything said.
    pub fn open_with(
        &mut self,
        dir: u32,
        lookup: u32,
        path: &[u8],
        oflags: u16,
        rights: u64,
        fdflags: u16,
    ) -> Answer<u32> {
        call!(self, "path_open", dir, lookup, path, oflags, rights, ALL, fdflags, OUT)?;
        Ok(self.u32_at(OUT))
    }

    pub fn close(&mut self, fd: u32) -> Answer {
        call!(self, "fd_close", fd)
    }

    /// `fd_write` of one vector.
    pub fn write(&mut self, fd: u32, bytes: &[u8]) -> Answer<u32> {
        self.put(BUFFER, bytes);
        self.put_vector(BUFFER, bytes.len() as u32);
        call!(self, "fd_write", fd, 0u32, 1u32, OUT)?;
        Ok(self.u32_at(OUT))
    }

    /// `fd_pwrite` of one vector.
    pub fn write_at(&mut self, fd: u32, bytes: &[u8], offset: u64) -> Answer<u32> {
        self.put(BUFFER, bytes);
        self.put_vector(BUFFER, bytes.len() as u32);
        call!(self, "fd_pwrite", fd, 0u32, 1u32, offset, OUT)?;
        Ok(self.u32_at(OUT))
    }

    /// `fd_read` of at most 64 KiB.
    pub fn read(&mut self, fd: u32) -> Answer<Vec<u8>> {
        self.put_vector(BUFFER, BUFFER_LEN);
        call!(self, "fd_read", fd, 0u32, 1u32, OUT)?;
        let len = self.u32_at(OUT) as usize;
        Ok(self.bytes()[BUFFER as usize..][..len].to_vec())
    }

    /// Puts one vector at address 0.
    pub fn put_vector(&mut self, at: u32, len: u32) {
        self.put(0, &at.to_le_bytes());
        self.put(4, &len.to_le_bytes());
    }

    /// `fd_readdir`: the names, as far as 64 KiB hold them.
    pub fn list(&mut self, fd: u32) -> Answer<Vec<String>> {
        call!(self, "fd_readdir", fd, BUFFER, BUFFER_LEN, 0u64, OUT)?;
        let (mut at, end) = (BUFFER, BUFFER + self.u32_at(OUT));
        let mut names = Vec::new();
        while at + 24 <= end {
            let len = self.u32_at(at + 16);
            if at + 24 + len > end {
                break;
            }
            let name = self.bytes()[at as usize + 24..][..len as usize].to_vec();
            names.push(String::from_utf8_lossy(&name).into_owned());
            at += 24 + len;
        }
        Ok(names)
    }

    pub fn stat(&mut self, dir: u32, lookup: u32, path: &str) -> Answer<Stat> {
        call!(self, "path_filestat_get", dir, lookup, path, OUT)?;
        Ok(self.stat_there())
    }

    pub fn stat_fd(&mut self, fd: u32) -> Answer<Stat> {
        call!(self, "fd_filestat_get", fd, OUT)?;
        Ok(self.stat_there())
    }

    fn stat_there(&mut self) -> Stat {
        Stat {
            inode: self.u64_at(OUT + 8),
            kind: self.bytes()[OUT as usize + 16],
            links: self.u64_at(OUT + 24),
            size: self.u64_at(OUT + 32),
            modified_ns: self.u64_at(OUT + 48),
        }
    }

    /// Sets both times to long after the beginning of 1970.
    pub fn set_times(&mut self, dir: u32, lookup: u32, path: &str) -> Answer {
        call!(self, "path_filestat_set_times", dir, lookup, path, 5_000_000_000u64, 6_000_000_000u64, 5u32)
    }

    pub fn set_times_fd(&mut self, fd: u32) -> Answer {
        call!(self, "fd_filestat_set_times", fd, 5_000_000_000u64, 6_000_000_000u64, 5u32)
    }

    pub fn mkdir(&mut self, dir: u32, path: &str) -> Answer {
        call!(self, "path_create_directory", dir, path)
    }

    pub fn rmdir(&mut self, dir: u32, path: &str) -> Answer {
        call!(self, "path_remove_directory", dir, path)
    }

    pub fn unlink(&mut self, dir: u32, path: &str) -> Answer {
        call!(self, "path_unlink_file", dir, path)
    }

    pub fn rename(&mut self, dir: u32, old: &str, to: u32, new: &str) -> Answer {
        call!(self, "path_rename", dir, old, to, new)
    }

    pub fn link(&mut self, dir: u32, old: &str, to: u32, new: &str) -> Answer {
        call!(self, "path_link", dir, 0u32, old, to, new)
    }

    pub fn symlink(&mut self, target: &str, dir: u32, path: &str) -> Answer {
        call!(self, "path_symlink", target, dir, path)
    }

    pub fn readlink(&mut self, dir: u32, path: &str) -> Answer<Vec<u8>> {
        call!(self, "path_readlink", dir, path, BUFFER, BUFFER_LEN, OUT)?;
        let len = self.u32_at(OUT) as usize;
        Ok(self.bytes()[BUFFER as usize..][..len].to_vec())
    }

    /// The rights that a descriptor has, and those that it hands on.
    pub fn rights(&mut self, fd: u32) -> Answer<(u64, u64)> {
        call!(self, "fd_fdstat_get", fd, OUT)?;
        Ok((self.u64_at(OUT + 8), self.u64_at(OUT + 16)))
    }

    /// Writes a file through `path_open`, `fd_write` and `fd_close`, as a program does.
    pub fn write_file(&mut self, dir: u32, path: &str, contents: &[u8]) -> Answer {
        let fd = self.open(dir, path, CREAT | TRUNC, ALL)?;
        let written = self.write(fd, contents);
        self.close(fd)?;
        written.map(drop)
    }

    /// Reads a file of at most 64 KiB.
    pub fn read_file(&mut self, dir: u32, path: &str) -> Answer<Vec<u8>> {
        let fd = self.open(dir, path, 0, READ)?;
        let contents = self.read(fd);
        self.close(fd)?;
        contents
    }
}

/// The error of a number that a call returned.
pub fn errno(raw: i32) -> Answer {
    match raw {
        0 => Ok(()),
        raw => Err(named(raw)),
    }
}

/// The error with a number.
#[rustfmt::skip]
fn named(raw: i32) -> Errno {
    const EACH: [Errno; 76] = [
        Errno::TOOBIG, Errno::ACCES, Errno::ADDRINUSE, Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT, Errno::AGAIN,
        Errno::ALREADY, Errno::BADF, Errno::BADMSG, Errno::BUSY, Errno::CANCELED, Errno::CHILD, Errno::CONNABORTED,
        Errno::CONNREFUSED, Errno::CONNRESET, Errno::DEADLK, Errno::DESTADDRREQ, Errno::DOM, Errno::DQUOT,
        Errno::EXIST, Errno::FAULT, Errno::FBIG, Errno::HOSTUNREACH, Errno::IDRM, Errno::ILSEQ, Errno::INPROGRESS,
        Errno::INTR, Errno::INVAL, Errno::IO, Errno::ISCONN, Errno::ISDIR, Errno::LOOP, Errno::MFILE, Errno::MLINK,
        Errno::MSGSIZE, Errno::MULTIHOP, Errno::NAMETOOLONG, Errno::NETDOWN, Errno::NETRESET, Errno::NETUNREACH,
        Errno::NFILE, Errno::NOBUFS, Errno::NODEV, Errno::NOENT, Errno::NOEXEC, Errno::NOLCK, Errno::NOLINK,
        Errno::NOMEM, Errno::NOMSG, Errno::NOPROTOOPT, Errno::NOSPC, Errno::NOSYS, Errno::NOTCONN, Errno::NOTDIR,
        Errno::NOTEMPTY, Errno::NOTRECOVERABLE, Errno::NOTSOCK, Errno::NOTSUP, Errno::NOTTY, Errno::NXIO,
        Errno::OVERFLOW, Errno::OWNERDEAD, Errno::PERM, Errno::PIPE, Errno::PROTO, Errno::PROTONOSUPPORT,
        Errno::PROTOTYPE, Errno::RANGE, Errno::ROFS, Errno::SPIPE, Errno::SRCH, Errno::STALE, Errno::TIMEDOUT,
        Errno::TXTBSY, Errno::XDEV, Errno::NOTCAPABLE,
    ];
    let found = EACH.into_iter().find(|errno| i32::from(errno.raw()) == raw);
    found.unwrap_or_else(|| panic!("no error number of preview 1: {raw}"))
}
