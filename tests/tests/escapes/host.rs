//! What the outside world does to a guest's files, for which the standard library has no word.

use std::ffi::CString;
use std::fs::{File, FileTimes};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A path as system calls take it.
fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("no NUL in a path of the tests")
}

/// What a system call that returns -1 for an error has to say.
fn checked(what: &str, result: i64) {
    assert!(result != -1, "{what}: {}", std::io::Error::last_os_error());
}

/// Two names that change places, as often as wanted, in one step of the kernel's.
#[derive(Debug)]
pub struct Exchange {
    names: [CString; 2],
}

impl Exchange {
    pub fn new(one: &Path, other: &Path) -> Exchange {
        Exchange { names: [c_path(one), c_path(other)] }
    }

    /// Exchanges them (`renameat2(2)`).
    pub fn now(&self) {
        let [one, other] = [self.names[0].as_ptr(), self.names[1].as_ptr()];
        // SAFETY: two strings that end in NUL and live until the call returns. By number: glibc for aarch64 has no
        // older wrapper, and the call is the same.
        let done = unsafe {
            libc::syscall(libc::SYS_renameat2, libc::AT_FDCWD, one, libc::AT_FDCWD, other, libc::RENAME_EXCHANGE)
        };
        checked("renameat2", done);
    }
}

/// Makes a FIFO.
pub fn fifo(path: &Path) {
    let path = c_path(path);
    // SAFETY: a string that ends in NUL and lives until the call returns.
    checked("mkfifo", unsafe { libc::mkfifo(path.as_ptr(), 0o644) }.into());
}

/// Makes a character device with the numbers of `/dev/zero`; false if this process may not.
pub fn device_zero(path: &Path) -> bool {
    let path = c_path(path);
    // SAFETY: as above.
    unsafe { libc::mknod(path.as_ptr(), libc::S_IFCHR | 0o666, libc::makedev(1, 5)) == 0 }
}

/// Whether this process may do what only root may: root of a namespace of its own may not.
pub fn is_root() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let whole = map.split_whitespace().eq(["0", "0", "4294967295"]);
    // SAFETY: it has no arguments and can't fail.
    whole && unsafe { libc::geteuid() == 0 }
}

/// A directory, opened as an embedder opens what it grants.
pub fn open_dir(path: &Path) -> OwnedFd {
    let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(file.metadata().expect("its metadata").is_dir(), "{} is no directory", path.display());
    file.into()
}

/// Long ago: no test's effect has this time. So long that an access is recorded even on a file system that is mounted
/// with `relatime`.
pub fn long_ago() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)
}

/// Dates a file or directory [`long_ago`].
pub fn age(path: &Path) {
    let times = FileTimes::new().set_accessed(long_ago()).set_modified(long_ago());
    let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    file.set_times(times).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

/// The flags of an open file description, which everybody has who shares it.
pub fn status_flags(fd: &impl std::os::fd::AsRawFd) -> i32 {
    // SAFETY: it takes no argument and writes nothing.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    checked("fcntl", flags.into());
    flags
}

/// Bytes of memory that this process has (`statm` of `proc(5)`).
pub fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("/proc/self/statm");
    let pages: u64 = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
    // SAFETY: it has no effect.
    pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.unsigned_abs()
}

/// Sets a limit of this process (`setrlimit(2)`), for children that a test runs itself in.
pub fn limit(resource: Resource, value: u64) {
    let resource = match resource {
        Resource::FileSize => libc::RLIMIT_FSIZE,
        Resource::OpenFiles => libc::RLIMIT_NOFILE,
    };
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: the structure lives until the call returns.
    checked("setrlimit", unsafe { libc::setrlimit(resource, &limit) }.into());
}

/// What [`limit`] sets.
#[derive(Clone, Copy, Debug)]
pub enum Resource {
    /// The length of files that this process writes, in bytes. Beyond, the kernel sends `SIGXFSZ`.
    FileSize,
    /// How many descriptors it has open.
    OpenFiles,
}

/// Lets a signal end this process, as it does in programs that are not Rust's, or that have chosen it.
pub fn default_action(signal: i32) {
    // SAFETY: no handler is installed, but taken away.
    let before = unsafe { libc::signal(signal, libc::SIG_DFL) };
    assert!(before != libc::SIG_ERR, "signal {signal}");
}
