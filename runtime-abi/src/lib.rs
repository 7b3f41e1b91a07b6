//! The contract between `bailiwickc`, which writes native artifacts, and `bailiwick`, which maps and runs them.
//!
//! Everything that compiled code and the loader must agree on is said here, once:
//!
//! | module | what it fixes |
//! |---|---|
//! | [`limits`] | address-space layout of a cell, guard sizes, bounds |
//! | [`context`] | the context every compiled function receives, slot and record layouts |
//! | [`builtins`] | the runtime functions that compiled code calls, in table order |
//! | [`convention`] | entry, exit and thunk stubs: who calls whom, with which registers' meaning |
//! | [`edge`] | calls from one group to another: adapters, the record they are given, what they call |
//! | [`trap`] | trap codes and their messages |
//! | [`types`] | encodings of value types and CPU features |
//! | [`format`](mod@format) | the artifact: an ELF image with flat tables |
//! | [`view`] | reading those tables in place, every offset checked |
//! | [`wit`] | types of what crosses from one module to another, and the canonical ABI's arithmetic |
//!
//! The crate does no I/O, knows no operating system and no code generator, and is `no_std`.
//! Both sides compare one [`FINGERPRINT`]; the loader refuses an artifact of another one and never
//! branches on a compiler's version.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod builtins;
pub mod context;
pub mod convention;
pub mod edge;
pub mod format;
pub mod limits;
pub mod trap;
pub mod types;
pub mod view;
pub mod wit;

/// Version of the artifact's layout in bytes. Raised when [`format`](mod@format) changes.
pub const FORMAT_VERSION: u32 = 5;

/// Version of what compiled code and loader expect of one another at run time: context layout,
/// builtins, stubs, trap codes.
pub const ABI_VERSION: u32 = 6;

/// One number that changes whenever a constant of the contract changes, so that a forgotten version
/// bump is still refused. FNV-1a over the constants; it is no defence against forgery.
pub const FINGERPRINT: u64 = {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let parts = [
        FORMAT_VERSION as u64,
        ABI_VERSION as u64,
        limits::MEMORY_RESERVATION,
        limits::MAX_MEMORY_SIZE,
        limits::GUARD_SIZE,
        limits::CELL_SIZE,
        limits::CELL_MEMORY_OFFSET,
        limits::FRONT_GUARD_SIZE,
        limits::poll_distance(types::Arch::X86_64),
        limits::poll_distance(types::Arch::Aarch64),
        context::HEADER_SIZE as u64,
        context::MEMORY_DEF_SIZE as u64,
        context::TABLE_DEF_SIZE as u64,
        context::SLOT_SIZE as u64,
        context::FUNCREF_SIZE as u64,
        context::GLOBAL_SIZE as u64,
        convention::VALUE_SIZE as u64,
        builtins::COUNT as u64,
        trap::TrapCode::COUNT as u64,
        u16::from_le_bytes(trap::X86_64_TRAP) as u64,
        core::mem::size_of::<format::Header>() as u64,
        format::TABLE_COUNT as u64,
        wit::ENCODING_VERSION as u64,
        edge::RECORD_SIZE as u64,
        edge::Routine::COUNT as u64,
        edge::VALUES as u64,
        edge::BYTES_PER_ELEMENT,
        edge::MAX_BYTES,
        edge::MAX_CONTENT,
        edge::MAX_ELEMENTS,
        edge::MAX_PLACES as u64,
    ];
    let mut i = 0;
    while i < parts.len() {
        let mut shift = 0;
        while shift < 64 {
            hash ^= (parts[i] >> shift) & 0xff;
            hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
            shift += 8;
        }
        i += 1;
    }
    hash
};
