//! WASI preview 1 (`wasi_snapshot_preview1`), and `wasi_unstable` before it, over what the embedder granted and nothing
//! else.
//!
//! A guest's calls come in through [`table`](add_to_imports), which finds the calling instance's memory and the state of
//! the guest, a [`WasiCtx`]. Everything else here knows nothing of the loader: a function of preview 1 takes the state, a
//! `GuestMemory`, and the numbers that the guest passed.
//!
//! | file | room |
//! |---|---|
//! | `table.rs` | the functions by name, and their way into the loader |
//! | `unstable.rs` | where the two definitions differ |
//! | `ctx.rs` | what is granted, and the builder that grants it |
//! | `grant.rs`, `dircap.rs` | the capability of a directory: what is granted; derivation, revocation |
//! | `resolve.rs`, `filesystems.rs` | paths beneath it: the only file that opens anything; and what is never opened |
//! | `open_file.rs` | what is open through it, and usable while it lives |
//! | `quota.rs`, `inodes.rs` | how much it may grow: who is charged; who has what open |
//! | `growth.rs`, `entries.rs` | the calls that are counted: what makes files longer; names |
//! | `descriptors.rs` | a guest's table of descriptors |
//! | `wait.rs` | how a call waits, the one place where it sleeps |
//! | `audit.rs`, `usage.rs` | what was denied; what was used |
//! | `handles.rs` | folders passed from one guest to another |
//! | `memory.rs`, `types.rs`, `errno.rs` | the guest's memory, and what is written to it |
//! | `path_open.rs`, `path.rs`, `fd.rs`, `fd_io.rs`, `readdir.rs` | files |
//! | `stdio.rs`, `host_stream.rs`, `inert.rs` | standard streams |
//! | `virt/` | all of it for a guest that another module answers for |
//! | `net/` | the network, and the interface by which guests use it |
//! | `args.rs`, `clock.rs`, `random.rs`, `poll.rs`, `process.rs`, `sock.rs` | the rest |
//!
//! *Invariants.* No unsafe code. No number that a guest passes is a descriptor of the host. No path of a guest reaches the
//! host but through `resolve.rs`. A pointer is checked before a call has an effect. A capability is asked for what a call
//! does, not for what its flags are called.
//!
//! *Where the definition leaves room*, we do as Wasmtime, or else as Linux: a directory that was granted without a right
//! refuses with `PERM`; a path that leads outside with `NOTCAPABLE`; a descriptor that is not open for reading or writing with
//! `BADF`; one whose guest gave up the right with `NOTCAPABLE`; pipes and terminals in particular, and standard streams in
//! general, do not seek.

#![forbid(unsafe_code)]

mod args;
mod audit;
mod clock;
mod ctx;
mod descriptors;
mod dircap;
mod entries;
mod errno;
mod fd;
mod fd_io;
mod filesystems;
mod grant;
mod growth;
mod handles;
mod host_stream;
mod inert;
mod inodes;
mod memory;
pub mod net;
mod open_file;
mod path;
mod path_open;
mod poll;
mod process;
mod quota;
#[cfg(test)]
mod quota_model;
mod random;
mod readdir;
mod resolve;
mod sock;
mod stdio;
mod table;
#[cfg(test)]
mod testing;
mod types;
mod unstable;
mod usage;
#[doc(hidden)]
pub mod virt;
mod wait;

pub use audit::{Argument, Denial};
pub use clock::ClockSource;
pub use ctx::{BuildError, WasiCtx, WasiCtxBuilder};
pub use dircap::{DeriveError, Dir, PreopenError};
pub use errno::{Errno, Rule};
pub use grant::{DirGrant, DirLimits, DirRights, DirUsage};
pub use handles::HandleError;
pub use net::NetCap;
pub use random::RandomSource;
pub use stdio::{Capture, Input, Output};
#[doc(hidden)]
pub use table::add_virtual_to_imports;
pub use table::{MODULE, add_imported, add_inert, add_to_imports};
#[doc(hidden)]
pub use types::{FileKind, FileStat};
pub use unstable::MODULE as UNSTABLE_MODULE;
pub use usage::{DirUse, GuestUse, MAX_PLACES, Place, Used};
