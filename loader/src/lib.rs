//! Runs precompiled WebAssembly, confined: no compiler, no WebAssembly parser.
//!
//! An [`Artifact`] is mapped, not parsed. A [`Group`] is an address range of its own in which linked instances live;
//! [`Imports`] is all that they are granted. What a guest does wrong ends as an [`Error`], never as the process's end.
//!
//! ```text
//!  Artifact::open ──► Group::instantiate(&artifact, &imports) ──► Instance::typed_func ──► TypedFunc::call
//!  map, check         context, memory, tables; slots filled        look up, check types     switch stacks, run
//! ```
//!
//! # Rooms, in the order of the data
//! `artifact` (open, map, check) · `link` (what is granted) · `instantiate` (context, slots, segments) · `cell`,
//! `memory`, `table`, `global`, `instance` (what a group has) · `func`, `host`, `builtins` (calls in and out) ·
//! `activation`, `arch` (stacks) · `signals`, `trap` (faults) ·
//! `interrupt` (ending a guest from outside) · [`pool`] (groups that are used again) · [`wasi`] (the system interface).
//!
//! # Architecture invariants
//! Knows nothing of Cranelift or of the WebAssembly binary format. Never uses a length or offset from an artifact or
//! a guest that it has not checked. `unsafe` is in `sys`, `arch`, `signals`, `activation`, and where definitions that
//! compiled code reads are touched.

mod activation;
mod arch;
mod artifact;
mod builtins;
mod cell;
mod collect;
mod consts;
mod copies;
pub mod cpu;
#[doc(hidden)]
pub mod edge;
mod error;
mod exception;
mod frames;
mod func;
mod global;
mod group;
#[doc(hidden)]
pub mod host;
mod instance;
mod instantiate;
mod interrupt;
mod language;
mod link;
mod memory;
pub mod pool;
mod shared;
mod signals;
mod sys;
mod table;
mod tag;
mod trap;
mod types;
#[cfg(feature = "no-backtraces")]
mod unwinding;
mod value;
pub mod wasi;

pub use artifact::{Artifact, verify_content};
pub use bailiwick_runtime_abi::format::Kind;
pub use bailiwick_runtime_abi::trap::TrapCode;
pub use bailiwick_runtime_abi::view::FormatError;
pub use error::{Error, HostFailure, LinkError};
pub use exception::Exception;
pub use func::{Func, TypedFunc};
pub use global::{Global, GlobalType};
pub use group::{AsGroup, Group, GroupConfig, Refused};
pub use host::{Caller, HostError, IntoHostFunc};
pub use instance::Instance;
pub use interrupt::{InterruptHandle, InterruptSignal};
pub use link::{Extern, Imports};
pub use memory::{Memory, MemoryType};
pub use pool::{Pool, PoolConfig, Pooled};
pub use shared::SharedMemory;
pub use table::{Table, TableType};
pub use tag::Tag;
pub use trap::{Backtrace, Frame, Trap};
pub use value::{ExnRef, ExternRef, FuncType, HeapType, RefType, Val, ValType, WasmType, WasmTypes};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
