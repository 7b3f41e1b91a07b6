//! The context: what a compiled function receives as its first argument, and all that it can reach.
//!
//! ```text
//!  - poll_distance   poll page            one page; inaccessible = interrupted
//!    0  magic        u64                  [`MAGIC`]
//!    8  exit         code                 host contexts: the loader's exit routine; instances: 0
//!   16  group        pointer              the loader's group record; compiled code never reads it
//!   24  builtins     pointer              table of code addresses, see [`crate::builtins`]
//!   32  owner        pointer              the loader's record of this instance or host function; compiled code never reads it
//!   40               u64                  0
//!   48  defined memories                  MemoryDef { base: u64, length: u64 bytes } each
//!       defined tables                    TableDef { base: u64, length: u64 elements } each
//!       imported memories                 address of the owner's MemoryDef each
//!       imported tables                   address of the owner's TableDef each
//!       imported globals                  address of the owner's global cell each
//!       function slots                    Slot { code: u64, context: u64 } for each imported function
//!       type ids                          u32 each, interned by the loader for the group; padded to 8
//!       defined globals                   16 bytes each, low bytes used
//!       funcrefs                          Funcref { code: u64, context: u64, type_id: u32, own_type: u32 } each
//! ```
//!
//! A host function's context begins with the same header, so that a slot's pair can name either.
//!
//! **Where a context's address points** is its [`Anchor`]: to its first byte, as above, or to that of the memory behind it, which
//! spares compiled code a load and a register. Offsets below are from there, and negative in the second case:
//!
//! ```text
//!   poll page   0 … context … size          FRONT_GUARD_SIZE, inaccessible   memory 0
//!  ├───────────┼──────────────────┼─ unused ─┼───────────────────────────────┼─────────────
//!                                                                            └ the context's address
//! ```
//!
//! Compiled code reaches these fields at constant distances only. What it may *write* is: defined globals
//! (and imported ones through their address), and table elements through `base`.
//!
//! Invariants that codegen relies on: `base` of a memory and of a table never changes while the instance
//! lives; addresses of imported definitions and type ids never change. `length` changes by growing. Of a shared memory, which
//! several threads see through definitions of their own, it is the address of an aligned u64 that holds the length in bytes:
//! that address never changes, and what lies there is read and written atomically. A
//! slot's `code` may change at any time (revocation); its `context` may not, so slot loads are never hoisted.

use crate::limits::FRONT_GUARD_SIZE;

/// First field of every context.
pub const MAGIC: u64 = u64::from_le_bytes(*b"bwk-ctx\x01");

/// Offset of the exit routine's address.
pub const EXIT: i32 = 8;
/// Offset of the loader's group record.
pub const GROUP: i32 = 16;
/// Offset of the address of the builtin table.
pub const BUILTINS: i32 = 24;
/// Offset of the loader's record of what the context belongs to.
pub const OWNER: i32 = 32;
/// Bytes before the first variable part.
pub const HEADER_SIZE: u32 = 48;

/// Bytes of a memory definition.
pub const MEMORY_DEF_SIZE: u32 = 16;
/// Offset within a memory definition of its base address.
pub const MEMORY_BASE: i32 = 0;
/// Offset within a memory definition of its length in bytes; of a shared memory, of the address of its length.
pub const MEMORY_LENGTH: i32 = 8;

/// Bytes of a table definition.
pub const TABLE_DEF_SIZE: u32 = 16;
/// Offset within a table definition of the address of element 0.
pub const TABLE_BASE: i32 = 0;
/// Offset within a table definition of its length in elements.
pub const TABLE_LENGTH: i32 = 8;
/// Bytes of a table element.
pub const ELEMENT_SIZE: u32 = 8;

/// A function-table element that was not yet resolved from the element image: call
/// [`crate::builtins::Builtin::table_get_lazy`]. Host-reference tables have no such state; there 0 is null.
pub const ELEMENT_LAZY: u64 = 0;
/// A function-table element that is null. Anything above is the address of a funcref record.
pub const ELEMENT_NULL: u64 = 1;

/// Bytes of an import slot.
pub const SLOT_SIZE: u32 = 16;
/// Offset within a slot of the code address.
pub const SLOT_CODE: i32 = 0;
/// Offset within a slot of the callee's context.
pub const SLOT_CONTEXT: i32 = 8;

/// Bytes of a global's cell.
pub const GLOBAL_SIZE: u32 = 16;

/// Bytes of a funcref record.
pub const FUNCREF_SIZE: u32 = 24;
/// Offset within a funcref record of the code address.
pub const FUNCREF_CODE: i32 = 0;
/// Offset within a funcref record of the callee's context.
pub const FUNCREF_CONTEXT: i32 = 8;
/// Offset within a funcref record of the group's id of the function's type. Behind it is the loader's, which compiled code
/// never reads: the module's index of the type that the record's code was compiled for. Of a thunk's, that is the type that
/// the import was declared with, and `type_id` the type of what it was linked to, which may be a subtype.
pub const FUNCREF_TYPE: i32 = 16;

/// Alignment of a context in bytes: a cache line.
pub const ALIGNMENT: u32 = 64;

/// Bytes that an anchored context takes are a multiple of this, so that the guard in front of the memory begins with a page,
/// whatever the kernel's pages are.
const ANCHORED_SIZE: u64 = 64 << 10;

/// What the address of a context is the address of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Its own first byte.
    Context,
    /// The first byte of the first memory that the module defines, which then is not shared. It lies behind the context,
    /// at a distance that follows from the context's size: [`Layout::distance`].
    Memory,
}

/// How many of each variable part a module's context has.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    zerocopy::FromBytes,
    zerocopy::IntoBytes,
    zerocopy::Immutable,
    zerocopy::KnownLayout,
)]
#[repr(C)]
pub struct Counts {
    /// Imported functions.
    pub imported_functions: u32,
    /// Imported memories.
    pub imported_memories: u32,
    /// Memories that the module defines.
    pub defined_memories: u32,
    /// Imported tables.
    pub imported_tables: u32,
    /// Tables that the module defines.
    pub defined_tables: u32,
    /// Imported globals.
    pub imported_globals: u32,
    /// Globals that the module defines.
    pub defined_globals: u32,
    /// Types.
    pub types: u32,
    /// Functions that a reference to can be made: exported, in an element segment, `ref.func`.
    pub escapes: u32,
    /// Imported tags.
    pub imported_tags: u32,
    /// Tags that the module defines. No tag lies in the context.
    pub defined_tags: u32,
    /// Always 0.
    pub reserved: u32,
}

/// Byte offsets of each variable part, computed by both sides from [`Counts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    counts: Counts,
    memories: u32,
    tables: u32,
    imported_memories: u32,
    imported_tables: u32,
    imported_globals: u32,
    slots: u32,
    type_ids: u32,
    globals: u32,
    funcrefs: u32,
    size: u32,
    distance: u32,
}

impl Layout {
    /// Largest context in bytes, so that every offset is an `i32`.
    pub const MAX_SIZE: u32 = 1 << 30;

    /// Lays a context out. `None` if it would be larger than [`Layout::MAX_SIZE`].
    pub const fn new(counts: Counts, anchor: Anchor) -> Option<Layout> {
        // Each term is below 2^37, so the 64-bit sum of nine can't wrap.
        let memories = HEADER_SIZE as u64;
        let tables = memories + counts.defined_memories as u64 * MEMORY_DEF_SIZE as u64;
        let imported_memories = tables + counts.defined_tables as u64 * TABLE_DEF_SIZE as u64;
        let imported_tables = imported_memories + counts.imported_memories as u64 * 8;
        let imported_globals = imported_tables + counts.imported_tables as u64 * 8;
        let slots = (imported_globals + counts.imported_globals as u64 * 8).next_multiple_of(16);
        let type_ids = slots + counts.imported_functions as u64 * SLOT_SIZE as u64;
        let globals = (type_ids + counts.types as u64 * 4).next_multiple_of(16);
        let funcrefs = globals + counts.defined_globals as u64 * GLOBAL_SIZE as u64;
        let size = (funcrefs + counts.escapes as u64 * FUNCREF_SIZE as u64).next_multiple_of(ALIGNMENT as u64);
        if size > Self::MAX_SIZE as u64 {
            return None;
        }
        let distance = match anchor {
            Anchor::Context => 0,
            Anchor::Memory => size.next_multiple_of(ANCHORED_SIZE) + FRONT_GUARD_SIZE,
        };
        Some(Layout {
            counts,
            memories: memories as u32,
            tables: tables as u32,
            imported_memories: imported_memories as u32,
            imported_tables: imported_tables as u32,
            imported_globals: imported_globals as u32,
            slots: slots as u32,
            type_ids: type_ids as u32,
            globals: globals as u32,
            funcrefs: funcrefs as u32,
            size: size as u32,
            distance: distance as u32,
        })
    }

    const fn at(&self, start: u32, index: u32, count: u32, size: u32) -> i32 {
        assert!(index < count, "index outside the context");
        self.header((start + index * size) as i32)
    }

    /// Offset, from where the context's address points, of a field that is so many bytes behind its first one.
    pub const fn header(&self, field: i32) -> i32 {
        field - self.distance as i32
    }
    /// How far behind the context's first byte its address points, in bytes.
    pub const fn distance(&self) -> u32 {
        self.distance
    }

    /// The counts it was made from.
    pub const fn counts(&self) -> Counts {
        self.counts
    }
    /// Bytes of the context.
    pub const fn size(&self) -> u32 {
        self.size
    }
    /// Offset of the `i`th defined memory's definition. Panics (as all below) if there is no such one.
    pub const fn memory(&self, i: u32) -> i32 {
        self.at(self.memories, i, self.counts.defined_memories, MEMORY_DEF_SIZE)
    }
    /// Offset of the `i`th defined table's definition.
    pub const fn table(&self, i: u32) -> i32 {
        self.at(self.tables, i, self.counts.defined_tables, TABLE_DEF_SIZE)
    }
    /// Offset of the address of the `i`th imported memory's definition.
    pub const fn imported_memory(&self, i: u32) -> i32 {
        self.at(self.imported_memories, i, self.counts.imported_memories, 8)
    }
    /// Offset of the address of the `i`th imported table's definition.
    pub const fn imported_table(&self, i: u32) -> i32 {
        self.at(self.imported_tables, i, self.counts.imported_tables, 8)
    }
    /// Offset of the address of the `i`th imported global's cell.
    pub const fn imported_global(&self, i: u32) -> i32 {
        self.at(self.imported_globals, i, self.counts.imported_globals, 8)
    }
    /// Offset of the `i`th imported function's slot.
    pub const fn slot(&self, i: u32) -> i32 {
        self.at(self.slots, i, self.counts.imported_functions, SLOT_SIZE)
    }
    /// Offset of the group's id of type `i`.
    pub const fn type_id(&self, i: u32) -> i32 {
        self.at(self.type_ids, i, self.counts.types, 4)
    }
    /// Offset of the `i`th defined global's cell.
    pub const fn global(&self, i: u32) -> i32 {
        self.at(self.globals, i, self.counts.defined_globals, GLOBAL_SIZE)
    }
    /// Offset of the `i`th escaping function's funcref record.
    pub const fn funcref(&self, i: u32) -> i32 {
        self.at(self.funcrefs, i, self.counts.escapes, FUNCREF_SIZE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn parts_follow_each_other_without_overlap_and_aligned() {
        let counts = Counts {
            imported_functions: 3,
            imported_memories: 1,
            defined_memories: 2,
            imported_tables: 3,
            defined_tables: 1,
            imported_globals: 2,
            defined_globals: 4,
            types: 5,
            escapes: 7,
            imported_tags: 0,
            defined_tags: 0,
            reserved: 0,
        };
        let l = Layout::new(counts, Anchor::Context).unwrap();
        let mut ranges: Vec<(i32, i32)> = Vec::new();
        ranges.push((0, HEADER_SIZE as i32));
        ranges.extend((0..2).map(|i| (l.memory(i), 16)));
        ranges.extend((0..1).map(|i| (l.table(i), 16)));
        ranges.extend((0..1).map(|i| (l.imported_memory(i), 8)));
        ranges.extend((0..3).map(|i| (l.imported_table(i), 8)));
        ranges.extend((0..2).map(|i| (l.imported_global(i), 8)));
        ranges.extend((0..3).map(|i| (l.slot(i), 16)));
        ranges.extend((0..5).map(|i| (l.type_id(i), 4)));
        ranges.extend((0..4).map(|i| (l.global(i), 16)));
        ranges.extend((0..7).map(|i| (l.funcref(i), 24)));
        for pair in ranges.windows(2) {
            assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{pair:?} overlap");
            let natural = (pair[1].1 & -pair[1].1).min(16);
            assert_eq!(pair[1].0 % natural, 0, "{:?} is not aligned", pair[1]);
        }
        let last = ranges.last().unwrap();
        assert!((last.0 + last.1) as u32 <= l.size());
        assert_eq!(l.size() % ALIGNMENT, 0);
    }

    #[test]
    fn an_anchored_context_is_the_same_in_front_of_its_memory() {
        for types in [0, 1, 15_000, 16_381, 100_000] {
            let counts = Counts { defined_memories: 1, defined_globals: 2, types, ..Counts::default() };
            let plain = Layout::new(counts, Anchor::Context).unwrap();
            let anchored = Layout::new(counts, Anchor::Memory).unwrap();
            let distance = anchored.distance() as i32;
            assert_eq!(plain.distance(), 0);
            assert_eq!(anchored.size(), plain.size());
            assert_eq!(anchored.memory(0), plain.memory(0) - distance);
            assert_eq!(anchored.global(1), plain.global(1) - distance);
            assert_eq!(anchored.header(BUILTINS), BUILTINS - distance);
            // Its last byte is in front of the guard, which begins with a page of any kernel.
            let guard = distance - FRONT_GUARD_SIZE as i32;
            assert!(plain.size() as i32 <= guard && guard < plain.size() as i32 + ANCHORED_SIZE as i32);
            assert_eq!(distance % (64 << 10), 0);
        }
    }

    #[test]
    fn a_context_that_would_not_fit_is_refused() {
        let counts = Counts { escapes: u32::MAX, types: u32::MAX, imported_functions: u32::MAX, ..Counts::default() };
        assert_eq!(Layout::new(counts, Anchor::Memory), None);
    }

    #[test]
    #[should_panic(expected = "index outside the context")]
    fn an_index_past_the_end_has_no_offset() {
        Layout::new(Counts::default(), Anchor::Context).unwrap().slot(0);
    }
}
