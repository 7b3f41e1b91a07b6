//! Address-space layout and bounds. Codegen, `memory.grow` and the loader's reservations all take
//! their numbers from here; an engine whose two sides disagreed on one of them has been escaped from
//! (Wasmer issue 6879).
//!
//! ```text
//!  one cell, CELL_SIZE of address space, at most four mappings
//!
//!  0          stack_lo        ctx_lo       CELL_MEMORY_OFFSET           + MEMORY_RESERVATION   CELL_SIZE
//!  ├─ guard ────┼── guest stack ──┼─ contexts ─┼─ front guard ─┼─ memory 0 ···· not yet grown ┼── guard ──┤
//!  │    ---     │       rw-       │    rw-     │      ---      │   rw-     |       ---        │    ---    │
//!  └─ ≥ STACK_GUARD_SIZE          └ CONTEXT_AREA_SIZE          └ FRONT_GUARD_SIZE      GUARD_SIZE ─────────┘
//! ```
//!
//! The guard behind one cell's memory and the one in front of the next cell's stack are neighbours.

use crate::types::Arch;

/// Bytes in a WebAssembly page, where a memory's type names no other size.
pub const WASM_PAGE_SIZE: u64 = 64 << 10;

/// Most pages of a 32-bit memory: 4 GiB.
pub const MEMORY32_MAX_PAGES: u64 = 65_536;

/// Bytes of address space behind any memory's base, at least: every 32-bit index is below it. A 64-bit memory that may
/// grow beyond has as many as it may grow to.
pub const MEMORY_RESERVATION: u64 = WASM_PAGE_SIZE * MEMORY32_MAX_PAGES;

/// Most bytes of a memory, whatever its type and the embedder allow: a hundred of them, which a module may have, still
/// fit the address space of a process. Codegen counts on it.
pub const MAX_MEMORY_SIZE: u64 = 1 << 40;

/// Most pages of 2^`page_size_log2` bytes that a memory can have: as many as its indices reach, and one less where the
/// size in pages would be no number of the index type (WebAssembly 3.0, section 3.2.11; the proposal of custom page sizes).
pub const fn max_pages(page_size_log2: u32, index64: bool) -> u64 {
    match (index64, page_size_log2) {
        (false, 0) => u32::MAX as u64,
        (false, log2) => (1 << 32) >> log2,
        (true, 0) => u64::MAX,
        (true, log2) => 1 << (64 - log2),
    }
}

/// Least size, in bytes, of the inaccessible range behind [`MEMORY_RESERVATION`].
///
/// An access at `index + offset` of `size` bytes with `index < 2^32` ends at or below
/// `MEMORY_RESERVATION + GUARD_SIZE` exactly when `offset + size <= GUARD_SIZE + 1`; codegen leaves the
/// check out when `offset + size <= GUARD_SIZE`, and compares explicitly otherwise.
pub const GUARD_SIZE: u64 = CELL_SIZE - CELL_MEMORY_OFFSET - MEMORY_RESERVATION;

/// Inaccessible bytes in front of every memory, so that a wrongly sign-extended index faults.
pub const FRONT_GUARD_SIZE: u64 = 1 << 20;

/// Inaccessible bytes below every guest stack, at least. Frames above the probe step touch each step, so
/// one step would do; the rest costs only address space.
pub const STACK_GUARD_SIZE: u64 = 1 << 20;

/// Distance in bytes between the touches that a prologue with a large frame makes.
pub const STACK_PROBE_STEP: u64 = 64 << 10;

/// A group's reservation of address space in bytes.
pub const CELL_SIZE: u64 = 6 << 30;

/// Where memory 0 begins within its cell, in bytes. In front of it: stack, contexts and their guards.
pub const CELL_MEMORY_OFFSET: u64 = 32 << 20;

/// Bytes of a cell for its instances' contexts.
pub const CONTEXT_AREA_SIZE: u64 = 6 << 20;

/// Largest guest stack in bytes.
pub const MAX_STACK_SIZE: u64 = CELL_MEMORY_OFFSET - FRONT_GUARD_SIZE - CONTEXT_AREA_SIZE - STACK_GUARD_SIZE;

/// Guest stack in bytes where the embedder says nothing: what Unix programs get.
pub const DEFAULT_STACK_SIZE: u64 = 8 << 20;

/// Smallest guest stack in bytes.
pub const MIN_STACK_SIZE: u64 = 64 << 10;

/// Host stack in bytes that must be left for a host function when a guest is entered.
pub const HOST_STACK_RESERVE: u64 = 256 << 10;

/// Most nested host → guest entries on one thread.
pub const MAX_NESTING: u32 = 200;

/// Most elements of a table, whatever the module declares.
pub const MAX_TABLE_ELEMENTS: u64 = 10_000_000;

/// Most supertypes above a type (the implementation limit of the JavaScript API).
pub const MAX_SUBTYPE_DEPTH: u32 = 63;

/// Most parameters, and most results, of a function type (the implementation limit of the JavaScript API).
pub const MAX_FUNCTION_VALUES: u32 = 1000;

/// Alignment in bytes of an artifact's segments: the largest page size of the architecture's kernels.
pub const fn segment_alignment(arch: Arch) -> u64 {
    match arch {
        Arch::X86_64 => 4 << 10,
        Arch::Aarch64 => 64 << 10,
    }
}

/// How far below a context its poll page begins, in bytes: a page of its own, the largest that the
/// architecture's kernels use. Making it inaccessible interrupts the instance.
pub const fn poll_distance(arch: Arch) -> u64 {
    segment_alignment(arch)
}

const _: () = {
    // Near 2 GiB, so that every constant offset an x86-64 displacement can hold is folded but the last 32 MiB.
    assert!(GUARD_SIZE == (2 << 30) - (32 << 20));
    assert!(GUARD_SIZE < i32::MAX as u64);
    assert!(max_pages(16, false) == MEMORY32_MAX_PAGES);
    assert!(MEMORY_RESERVATION <= MAX_MEMORY_SIZE && MAX_MEMORY_SIZE.is_multiple_of(WASM_PAGE_SIZE));
    assert!(WASM_PAGE_SIZE.is_multiple_of(segment_alignment(Arch::Aarch64)));
    assert!(STACK_GUARD_SIZE >= STACK_PROBE_STEP);
    assert!(MIN_STACK_SIZE < DEFAULT_STACK_SIZE && DEFAULT_STACK_SIZE <= MAX_STACK_SIZE);
    assert!(FRONT_GUARD_SIZE.is_multiple_of(segment_alignment(Arch::Aarch64)));
    assert!(CONTEXT_AREA_SIZE.is_multiple_of(segment_alignment(Arch::Aarch64)));
};
