//! Preview 1 for a guest that another module stands before: its calls become typed calls of that module, those of
//! `bailiwick:virt`.
//!
//! What is the guest's stays here: the numbers of its descriptors, their positions, flags and rights, and every pointer.
//! The module that answers sees numbers that it gave out itself, and values. Nothing that it returns is relied on: it is a
//! module's word, and what can't be meant is an I/O error to the guest ([`Halt::Broken`]).
//!
//! | file | room |
//! |---|---|
//! | `file.rs` | what a descriptor is open on that another module answers for |
//! | `front.rs` | a call on its way: the guest's memory and state, and who answers |
//! | `io.rs`, `fd.rs`, `path.rs`, `readdir.rs` | files and folders |
//! | `sock.rs`, `net.rs`, `poll.rs` | sockets, by preview 1 and by `bailiwick:virt/net`; waiting |
//! | `rest.rs` | clocks, random numbers, the environment |
//!
//! *Invariants.* The guest's state is not locked, and its memory not borrowed, while the module that answers runs. With an
//! interface that another module answers, nothing of the host's of that kind is used. What is not virtual goes to the
//! function that is there for all ([`Halt::Real`]).

mod fd;
mod file;
mod front;
mod io;
mod net;
mod path;
mod poll;
mod readdir;
mod rest;
mod sock;
#[cfg(test)]
mod tests;

use super::errno::Errno;
use super::types::FileStat;
use super::wait;
use crate::{Caller, HostError, TrapCode};
use std::sync::atomic::AtomicBool;

pub(super) use file::VirtualFile;
pub(super) use front::{Front, State, call};
pub use net::Forwarded;

/// The functions of preview 1, by their names.
pub(super) mod calls {
    pub use super::fd::*;
    pub use super::io::*;
    pub use super::path::*;
    pub use super::poll::poll_oneoff;
    pub use super::readdir::fd_readdir;
    pub use super::rest::*;
    pub use super::sock::*;
}

/// The most random bytes that one call asks for.
pub const RANDOM_BYTES: u32 = 65_536;

/// Which interfaces another module answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Files and folders.
    pub fs: bool,
    /// The time.
    pub clock: bool,
    /// Random numbers.
    pub random: bool,
    /// The environment.
    pub env: bool,
    /// Standard streams.
    pub stdio: bool,
    /// The network.
    pub net: bool,
}

/// Who answers for a guest, between calls.
pub trait Virtual: Send + Sync {
    /// Has `run` make one call on behalf of `caller`.
    fn answer(&self, caller: &mut Caller<'_>, run: &mut dyn FnMut(&mut dyn Answers));
}

/// Why a call does not return success.
#[derive(Debug)]
pub enum Halt {
    /// It is not virtual: the function that is there for all answers.
    Real,
    /// The guest is told.
    Errno(Errno),
    /// The module that answers broke its contract, or is dead; why. To the guest it is an I/O error.
    Broken(String),
    /// The guest is to end.
    Ends(HostError),
}

impl From<Errno> for Halt {
    fn from(errno: Errno) -> Halt {
        Halt::Errno(errno)
    }
}

impl From<HostError> for Halt {
    fn from(error: HostError) -> Halt {
        Halt::Ends(error)
    }
}

impl From<wait::Stop> for Halt {
    fn from(stop: wait::Stop) -> Halt {
        match stop {
            wait::Stop::Errno(errno) => Halt::Errno(errno),
            wait::Stop::Interrupted => Halt::Ends(HostError::Trap(TrapCode::Interrupt, None)),
            // Only what is real waits.
            wait::Stop::Wait(_) => Halt::Errno(Errno::AGAIN),
        }
    }
}

/// What a call gives.
pub type Answer<T> = Result<T, Halt>;

/// A folder that is open from the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preopen {
    /// Its number.
    pub folder: u32,
    /// Where the guest finds it.
    pub name: String,
}

/// An entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its serial number.
    pub inode: u64,
    /// What it is, numbered as preview 1 does.
    pub kind: u8,
    /// Where the listing goes on after it.
    pub next: u64,
}

/// A time to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewTime {
    /// It stays.
    Keep,
    /// Now.
    Now,
    /// In nanoseconds since 1970.
    At(u64),
}

/// A standard stream that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Error,
}

/// `open-flags`: the same bits as preview 1's `oflags`.
pub mod how {
    /// Create the file if it is not there.
    pub const CREATE: u8 = 1;
    /// Fail if it is not a folder.
    pub const DIRECTORY: u8 = 2;
    /// Fail if it is there.
    pub const EXCLUSIVE: u8 = 4;
    /// Cut the file to length 0.
    pub const TRUNCATE: u8 = 8;
}

/// `access`, `interest`, `readiness`.
pub mod bits {
    /// To be read.
    pub const READ: u8 = 1;
    /// To be written.
    pub const WRITE: u8 = 2;
    /// The peer has closed the stream.
    pub const HANGUP: u8 = 4;
}

/// One call of a guest, and who answers: the functions of `bailiwick:virt`. What an answer says is not checked but for its
/// type: no number is one that was given out, no list as long as was asked for.
///
/// A function that is not said to be there is `NOSYS`.
#[expect(unused_variables, reason = "what is not there has its names for whoever implements it")]
pub trait Answers {
    /// The memory of the guest that calls, and whether it is to end.
    ///
    /// # Errors
    /// If it exports none.
    fn memory(&mut self) -> Result<(&mut [u8], &AtomicBool), HostError>;

    /// `fs.preopens`
    fn preopens(&mut self) -> Answer<Vec<Preopen>> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.open`: see [`how`] and [`bits`].
    fn open(&mut self, folder: u32, path: &str, follow: bool, how: u8, access: u8) -> Answer<u32> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.close`
    fn close(&mut self, file: u32) -> Answer<()> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.read`
    fn read(&mut self, file: u32, offset: u64, len: u32) -> Answer<Vec<u8>> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.write`
    fn write(&mut self, file: u32, offset: u64, data: &[u8]) -> Answer<u32> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.append`
    fn append(&mut self, file: u32, data: &[u8]) -> Answer<u32> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.get-stat`
    fn stat(&mut self, file: u32) -> Answer<FileStat> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.get-stat-at`
    fn stat_at(&mut self, folder: u32, path: &str, follow: bool) -> Answer<FileStat> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.set-size`
    fn set_size(&mut self, file: u32, size: u64) -> Answer<()> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.set-times`
    fn set_times(&mut self, file: u32, accessed: NewTime, modified: NewTime) -> Answer<()> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.set-times-at`
    fn set_times_at(&mut self, folder: u32, path: &str, follow: bool, times: (NewTime, NewTime)) -> Answer<()> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.sync`
    fn sync(&mut self, file: u32, data_only: bool) -> Answer<()> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.entries`
    fn entries(&mut self, folder: u32, cursor: u64) -> Answer<Vec<Entry>> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.create-directory-at`
    fn create_directory_at(&mut self, folder: u32, path: &str) -> Answer<()> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.remove-directory-at`
    fn remove_directory_at(&mut self, folder: u32, path: &str) -> Answer<()> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.unlink-at`
    fn unlink_at(&mut self, folder: u32, path: &str) -> Answer<()> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.rename-at`
    fn rename_at(&mut self, from: (u32, &str), to: (u32, &str)) -> Answer<()> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.link-at`
    fn link_at(&mut self, from: (u32, &str), follow: bool, to: (u32, &str)) -> Answer<()> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.symlink-at`
    fn symlink_at(&mut self, target: &str, folder: u32, path: &str) -> Answer<()> {
        Err(Errno::NOSYS.into())
    }
    /// `fs.readlink-at`
    fn readlink_at(&mut self, folder: u32, path: &str) -> Answer<String> {
        Err(Errno::NOSYS.into())
    }

    /// `clock.now`
    fn now(&mut self, clock: u8) -> Answer<u64> {
        Err(Errno::NOSYS.into())
    }
    /// `clock.resolution`
    fn resolution(&mut self, clock: u8) -> Answer<u64> {
        Err(Errno::NOSYS.into())
    }
    /// `clock.sleep`
    fn sleep(&mut self, duration_ns: u64) -> Answer<()> {
        Err(Errno::NOSYS.into())
    }

    /// `random.get`
    fn random(&mut self, len: u32) -> Answer<Vec<u8>> {
        Err(Errno::NOSYS.into())
    }

    /// `env.variables`
    fn variables(&mut self) -> Answer<Vec<(String, String)>> {
        Err(Errno::NOSYS.into())
    }

    /// `stdio.read`
    fn input(&mut self, len: u32) -> Answer<Vec<u8>> {
        Err(Errno::NOSYS.into())
    }
    /// `stdio.write`
    fn output(&mut self, to: Stream, data: &[u8]) -> Answer<u32> {
        Err(Errno::NOSYS.into())
    }

    /// `net.resolve`
    fn resolve(&mut self, name: &str) -> Answer<Vec<String>> {
        Err(Errno::NOSYS.into())
    }
    /// `net.connect`
    fn connect(&mut self, host: &str, port: u16, wait: bool) -> Answer<u32> {
        Err(Errno::NOSYS.into())
    }
    /// `net.listen`
    fn listen(&mut self, address: &str, port: u16) -> Answer<u32> {
        Err(Errno::NOSYS.into())
    }
    /// `net.bind`
    fn bind(&mut self, address: &str, port: u16) -> Answer<u32> {
        Err(Errno::NOSYS.into())
    }
    /// `net.send-to`
    fn send_to(&mut self, socket: u32, data: &[u8], host: &str, port: u16) -> Answer<u32> {
        Err(Errno::NOSYS.into())
    }
    /// `net.receive-from`: the data, and the sender's address and port.
    fn receive_from(&mut self, socket: u32, len: u32, wait: bool) -> Answer<(Vec<u8>, (String, u16))> {
        Err(Errno::NOSYS.into())
    }
    /// `net.local`
    fn local(&mut self, socket: u32) -> Answer<(String, u16)> {
        Err(Errno::NOSYS.into())
    }
    /// `net.peer`
    fn peer(&mut self, socket: u32) -> Answer<(String, u16)> {
        Err(Errno::NOSYS.into())
    }
    /// `net.listeners`
    fn listeners(&mut self) -> Answer<Vec<u32>> {
        Err(Errno::NOSYS.into())
    }
    /// `net.accept`
    fn accept(&mut self, listener: u32, wait: bool) -> Answer<u32> {
        Err(Errno::NOSYS.into())
    }
    /// `net.send`
    fn send(&mut self, socket: u32, data: &[u8], wait: bool) -> Answer<u32> {
        Err(Errno::NOSYS.into())
    }
    /// `net.receive`
    fn receive(&mut self, socket: u32, len: u32, peek: bool, wait: bool) -> Answer<Vec<u8>> {
        Err(Errno::NOSYS.into())
    }
    /// `net.shutdown`
    fn shutdown(&mut self, socket: u32, receiving: bool, sending: bool) -> Answer<()> {
        Err(Errno::NOSYS.into())
    }
    /// `net.close`
    fn close_socket(&mut self, socket: u32) -> Answer<()> {
        Err(Errno::NOSYS.into())
    }
    /// `net.poll`: of sockets and what is waited for, see [`bits`].
    fn poll_sockets(&mut self, subscriptions: &[(u32, u8)], timeout_ns: Option<u64>) -> Answer<Vec<u8>> {
        Err(Errno::NOSYS.into())
    }
}
