//! The network: what was granted of it, and the interface `bailiwick:virt/net` by which guests use it.
//!
//! | file | room |
//! |---|---|
//! | `address.rs` | ranges of addresses, and the forms in which one address is another |
//! | `policy.rs` | what a grant allows: patterns, ports, addresses that are refused all the same |
//! | `cap.rs` | the live capability: derivation, revocation, what is spent |
//! | `resolver/` | looking up names |
//! | `connect.rs` | a connection that is being made |
//! | `calls.rs` | what guests ask, and who answers |
//! | `sockets.rs` | the answers of the host's own network |
//! | `abi.rs` | how questions and answers lie in a guest's memory, and their way into the loader |
//!
//! *Invariants.* Whatever is refused is refused before any packet. The address that was checked is the one that is used: a
//! name is looked up once for a call. A connection and a byte are charged before they happen.

mod abi;
mod address;
mod calls;
mod cap;
mod connect;
mod policy;
mod resolver;
mod sockets;

#[doc(hidden)]
pub use abi::{Closing, add_to_imports};
pub use address::{Deny, Range};
pub use calls::{Answers, Progress, Ready, Reply, Request};
pub(super) use cap::Ticket;
pub use cap::{NetCap, NotWithin};
pub(super) use policy::Way;
pub use policy::{Dns, Endpoint, HostPattern, Net};
pub(super) use sockets::Network;
#[doc(hidden)]
pub use sockets::listening;
