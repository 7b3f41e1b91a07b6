//! WASI preview 1, function by function, from its definition: a guest makes each call through the loader, with exact
//! arguments; what is looked at is the error number, the guest's memory, and the world outside.
//!
//! Where the definition (`wasi_snapshot_preview1.witx`, `typenames.witx`) leaves room, what Wasmtime does decides, or else
//! what Linux does. Where a test allows several error numbers, none of the three says which.
//!
//! | file | what of it |
//! |---|---|
//! | `abi.rs`, `sys.rs`, `calls.rs` | the numbers of the definition; the guest; its calls |
//! | `world.rs`, `watchdog.rs` | a folder of the host; an end to what would wait for ever |
//! | `args.rs`, `clocks.rs`, `random.rs`, `process.rs` | what needs no descriptor |
//! | `descriptors.rs`, `preopens.rs`, `rights.rs` | descriptors: closing, moving, flags, rights |
//! | `reading.rs`, `writing.rs`, `seeking.rs`, `sizes.rs`, `times.rs`, `listing.rs` | files and directories that are open |
//! | `opening.rs`, `pathnames.rs`, `trees.rs`, `renaming.rs`, `links.rs`, `stat.rs` | paths |
//! | `polling.rs`, `sockets.rs`, `streams.rs` | waiting, sockets, standard streams |
//! | `capabilities.rs`, `quotas.rs`, `denials.rs` | what a grant allows, how much, and what is told of refusals |
//! | `unstable.rs` | `wasi_unstable` |
//! | `programs.rs` | guests in C |

mod abi;
mod args;
mod calls;
mod capabilities;
mod clocks;
mod denials;
mod descriptors;
mod links;
mod listing;
mod opening;
mod pathnames;
mod polling;
mod preopens;
mod process;
mod programs;
mod quotas;
mod random;
mod reading;
mod renaming;
mod rights;
mod seeking;
mod sizes;
mod sockets;
mod stat;
mod streams;
mod sys;
mod times;
mod trees;
mod unstable;
mod watchdog;
mod world;
mod writing;
