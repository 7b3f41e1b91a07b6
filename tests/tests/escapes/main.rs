//! Ways out of a guest, each of which must fail, and the same with one defence absent, where it must succeed: else a
//! broken attack would pass for a good defence.
//!
//! | file | attack | control |
//! |---|---|---|
//! | `zip_slip.rs` | an archive whose names lead outside; a bomb | an interface without one defence; no quota |
//! | `read_only.rs` | changing what is granted for reading | a grant of everything |
//! | `rights.rs` | every effect with every set of rights | the sets that allow it |
//! | `across.rs` | carrying files from one capability to another | an interface that knows none |
//! | `slashes.rs` | a slash behind a link's name | an interface that does not look for it |
//! | `races.rs` | names that change while they are walked, 10^6 times | looking first and acting then |
//! | `exhaustion.rs` | spending what is the host's: descriptors, memory, time | |
//! | `quota.rs` | having more bytes than were granted | |
//! | `special.rs` | FIFOs, devices, sockets, mounts, links into processes | just opening; a grant of mounts |
//! | `terminal.rs` | text that programmes a terminal | no filter |
//! | `own.rs` | closing and moving descriptors, ending | numbers that are the host's |
//! | `modes.rs` | modes of what is made | |
//! | `signals.rs` | signals that end the host | an interface that just writes |
//! | `audit.rs` | forging, breaking and flooding the audit | |
//! | `revocation.rs` | going on with what was taken away | |
//! | `anything.rs` | any call with any arguments | |
//! | `trace.rs` | what the kernel is asked for without grants | what it is asked for with one |
//!
//! Guests are `guests/attack_*`: programs, and a puppet (`puppet.rs`) that makes single calls. What is outside of a
//! grant is compared as a whole (`world.rs`), and every denial must be told to the auditor by its rule (`grants.rs`).
//! The interfaces without a defence are in `naive.rs`.

mod across;
mod anything;
mod audit;
#[path = "../common/mod.rs"]
mod common;
mod exhaustion;
mod grants;
mod host;
mod modes;
mod naive;
mod own;
mod puppet;
mod quota;
mod races;
mod read_only;
mod revocation;
mod rights;
mod signals;
mod slashes;
mod special;
mod terminal;
mod trace;
mod world;
mod zip_slip;
