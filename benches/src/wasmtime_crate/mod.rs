//! Wasmtime's crate, as a peer within this process, as it is by default but where a name says otherwise.
//!
//! It takes minutes to build, so it is a feature; without it, everything here is missing.

/// What is done over and over.
#[cfg_attr(not(feature = "wasmtime"), allow(dead_code, reason = "then nobody looks into it"))]
#[derive(Clone, Copy, Debug)]
pub enum Task {
    /// Open a precompiled module, and drop it.
    Load,
    /// Instantiate a module in a store of its own, and drop both.
    Instantiate {
        /// From a pool; else by memory that is mapped for it.
        pooled: bool,
        /// Write to so many of its memory's host pages in between.
        pages: usize,
    },
    /// Call `add`.
    Call,
    /// Call `host_calls` for so many calls of the host.
    HostCalls(i32),
    /// Call `trap`.
    Trap,
}

#[cfg(not(feature = "wasmtime"))]
mod absent;
#[cfg(feature = "wasmtime")]
mod present;

#[cfg(not(feature = "wasmtime"))]
pub use absent::{MISSING, compile, instances, task};
#[cfg(feature = "wasmtime")]
pub use present::{compile, instances, task};
