//! The artifact (`.bwk`): an ELF64 image that is mapped, not parsed.
//!
//! ```text
//!  file offset = virtual address; segments aligned to 4 KiB (x86_64) or 64 KiB (aarch64)
//!
//!  0                ┌───────────────────────────────┐
//!                   │ ELF header, program headers   │  r--
//!  HEADER_OFFSET-24 │ PT_NOTE "Bailiwick"           │
//!  HEADER_OFFSET    │   Header                      │
//!                   ├───────────────────────────────┤
//!  text.offset      │ .text                         │  r-x   functions, thunks, stubs; padding traps
//!                   ├───────────────────────────────┤
//!  tables[..]       │ .rodata   call tables         │  r--   at a fixed distance from the text
//!                   │ .bailiwick   flat tables      │
//!                   │ .eh_frame, .eh_frame_hdr      │
//!                   ├───────────────────────────────┤
//!  image.offset     │ .bailiwick.image              │  r--   initial memory, page-aligned,
//!                   │                               │        mapped copy-on-write into each instance
//!  loaded_len       ├───────────────────────────────┤
//!                   │ .symtab .strtab .shstrtab     │  not mapped: for objdump, gdb, perf
//!                   │ section headers               │
//!  file_len         └───────────────────────────────┘
//! ```
//!
//! There are no relocations, no dynamic section and no dynamic symbols. All integers are little-endian, all
//! records have natural alignment and no padding. `offset` in a [`Span`] is in bytes from the beginning of the
//! file; `start` in a [`Range`] counts records of the table that the field names. Offsets of code (`u32`) are in
//! bytes from the beginning of `.text`. [`NONE`] stands for "there is none".
//!
//! A reader checks, in time that does not grow with the module: magic, versions, fingerprint, architecture,
//! CPU features, that every table lies within the loaded part, is aligned and holds whole records
//! ([`crate::view::View::new`]). What a record refers to is checked when the record is used.

use crate::context::{Anchor, Counts, Layout};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Where [`Header`] lies in the file, in bytes.
pub const HEADER_OFFSET: usize = 512;
/// The note's name, with its terminating NUL.
pub const NOTE_NAME: &[u8; 10] = b"Bailiwick\0";
/// The note's type.
pub const NOTE_TYPE: u32 = 0x4b57_4201;
/// First field of [`Header`]: no text file begins so, and conversion of line ends destroys it.
pub const MAGIC: [u8; 8] = *b"\x7fBWK\r\n\x1a\n";
/// "There is none", in any `u32` field.
pub const NONE: u32 = u32::MAX;
/// "No maximum", in a `u64` field.
pub const UNBOUNDED: u64 = u64::MAX;
/// File name extension of artifacts.
pub const EXTENSION: &str = "bwk";

/// Bytes of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Span {
    /// Bytes from the beginning of the file.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
}

/// Consecutive records of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Range {
    /// Index of the first.
    pub start: u32,
    /// How many.
    pub len: u32,
}

/// The artifact's fixed header.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Header {
    /// [`MAGIC`]
    pub magic: [u8; 8],
    /// [`crate::FORMAT_VERSION`]
    pub format_version: u32,
    /// [`crate::ABI_VERSION`]
    pub abi_version: u32,
    /// [`crate::FINGERPRINT`]
    pub fingerprint: u64,
    /// [`crate::types::Arch`]: the ELF machine number.
    pub arch: u32,
    /// [`FLAG_POLLS`], [`FLAG_ANCHORED`]
    pub flags: u32,
    /// Bits of [`crate::types::FEATURES`] that the code requires.
    pub features: u64,
    /// Bits of [`crate::types::WasmFeature`] that the module uses.
    pub wasm_features: u64,
    /// Length of the part that is mapped, in bytes; a multiple of the segment alignment or the end of the last segment.
    pub loaded_len: u64,
    /// Length of the whole file in bytes.
    pub file_len: u64,
    /// Machine code.
    pub text: Span,
    /// Initial memory contents, page-aligned; empty if there are none.
    pub image: Span,
    /// Bytes behind a 32-bit memory's reservation that must be inaccessible.
    pub guard_size: u64,
    /// [`Header::checksum`] of this header, so that damage to it is found without reading anything else.
    pub header_checksum: u64,
    /// [`Header::shape_checksum`] of what the code takes for granted: types, imports, memories, tables, globals, world.
    pub shape_checksum: u64,
    /// [`Header::frames_checksum`] of what is known of the frames of calls.
    pub frames_checksum: u64,
    /// SHA-256 of the WebAssembly binary that was compiled; of several, of their hashes and the names that link them.
    pub source_sha256: [u8; 32],
    /// SHA-256 of the whole file with this field and `header_checksum` zero.
    pub content_sha256: [u8; 32],
    /// Name and version of the compiler, UTF-8, padded with NUL.
    pub compiler: [u8; 32],
    /// The options that shaped the code, as a command line: a string of [`Table::Strings`].
    pub options: Range,
    /// Size of the context's parts.
    pub counts: Counts,
    /// Index of the start function, or [`NONE`].
    pub start_function: u32,
    /// Offset in `.text` of the stub that a revoked slot points to.
    pub denied_stub: u32,
    /// Where each [`Table`] lies.
    pub tables: [Span; TABLE_COUNT],
}

/// Where FNV-1a begins, and what it multiplies with (Fowler, Noll, Vo), for 64 bits.
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

impl Header {
    /// What the address of an instance's context is the address of.
    pub const fn anchor(&self) -> Anchor {
        if self.flags & FLAG_ANCHORED != 0 { Anchor::Memory } else { Anchor::Context }
    }

    /// The layout of an instance's context. `None` if it would be larger than [`Layout::MAX_SIZE`].
    pub const fn layout(&self) -> Option<Layout> {
        Layout::new(self.counts, self.anchor())
    }

    /// Where the header's checksum lies in the file.
    pub const fn checksum_place() -> core::ops::Range<usize> {
        let start = HEADER_OFFSET + core::mem::offset_of!(Header, header_checksum);
        start..start + 8
    }

    /// Where the content hash lies in the file, behind the checksum.
    pub const fn content_place() -> core::ops::Range<usize> {
        let start = HEADER_OFFSET + core::mem::offset_of!(Header, content_sha256);
        start..start + 32
    }

    /// FNV-1a over the header with `header_checksum` zero. It finds damage; it is no defence against forgery.
    pub fn checksum(&self) -> u64 {
        let bytes = Header { header_checksum: 0, ..*self };
        bytes.as_bytes().iter().fold(FNV_BASIS, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME))
    }

    /// Over the tables that the code was compiled against and that nothing in the code repeats, in `file`, whose header
    /// this is: a host reference that a damaged byte made a function reference would be called, a table that it made
    /// shorter would be read beyond its end. FNV-1a over words of 8 bytes; the loader compares it before the artifact is
    /// first instantiated. As with the other one, it finds damage and is no defence against forgery.
    pub fn shape_checksum(&self, file: &[u8]) -> u64 {
        let tables = [
            Table::Types,
            Table::ValTypes,
            Table::Imports,
            Table::Memories,
            Table::Tables,
            Table::Globals,
            Table::Tags,
            Table::World,
        ];
        // Of functions, those that are imported: the others carry the tag of their type in the text.
        let imported = u64::from(self.counts.imported_functions) * size_of::<FunctionRecord>() as u64;
        let whole = tables.map(|table| (table, u64::MAX));
        self.tables_checksum(file, whole.into_iter().chain([(Table::Functions, imported)]))
    }

    /// Over the tables by which exceptions go from frame to frame: handlers are jumped to, and references found, where
    /// they say. As the other one; compared before the first of them is used.
    pub fn frames_checksum(&self, file: &[u8]) -> u64 {
        let tables = [Table::HandlerSites, Table::Handlers, Table::RootSites, Table::RootSlots, Table::TextMap];
        self.tables_checksum(file, tables.into_iter().map(|table| (table, u64::MAX)))
    }

    /// Over tables, of each at most so many bytes.
    fn tables_checksum(&self, file: &[u8], tables: impl Iterator<Item = (Table, u64)>) -> u64 {
        let mut hash = FNV_BASIS;
        let mut add = |span: Span, len: u64| {
            let start = usize::try_from(span.offset).ok();
            let end = span.offset.checked_add(len.min(span.len)).and_then(|end| usize::try_from(end).ok());
            let bytes = start.zip(end).and_then(|(start, end)| file.get(start..end)).unwrap_or(&[]);
            hash = (hash ^ bytes.len() as u64).wrapping_mul(FNV_PRIME);
            for word in bytes.chunks(8) {
                let mut padded = [0; 8];
                padded[..word.len()].copy_from_slice(word);
                hash = (hash ^ u64::from_le_bytes(padded)).wrapping_mul(FNV_PRIME);
            }
        };
        for (table, len) in tables {
            add(self.tables[table as usize], len);
        }
        hash
    }
}

/// Bytes of text whose sites lie together: as many as 16 bits can tell apart.
pub const SITE_PAGE: u32 = 1 << 16;

/// [`Header::flags`]: loop headers and function entries poll for interruption.
pub const FLAG_POLLS: u32 = 1;

/// [`Header::flags`]: contexts have [`Anchor::Memory`].
pub const FLAG_ANCHORED: u32 = 2;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident: $record:ty, $method:ident;)*) => {
        /// The flat tables, by their index in [`Header::tables`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Table { $($(#[$doc])* $name,)* }

        impl Table {
            /// Every table, in order.
            pub const ALL: &'static [Table] = &[$(Table::$name),*];

            /// Its name, as errors and `inspect` call it.
            pub const fn name(self) -> &'static str {
                match self { $(Table::$name => stringify!($method),)* }
            }

            /// Bytes and alignment of a record.
            pub const fn record_layout(self) -> (usize, usize) {
                match self { $(Table::$name => (size_of::<$record>(), align_of::<$record>()),)* }
            }
        }

        /// How many tables there are.
        pub const TABLE_COUNT: usize = Table::ALL.len();

        impl<'a> crate::view::View<'a> {
            $($(#[$doc])* pub fn $method(&self) -> &'a [$record] { self.records(Table::$name) })*
        }
    };
}

tables! {
    /// Types in the module's index space.
    Types: TypeRecord, types;
    /// Value types that [`TypeRecord`] refers to, see [`crate::types::ValType::encode`].
    ValTypes: u32, val_types;
    /// Imports in the module's order.
    Imports: ImportRecord, imports;
    /// Exports, sorted by name as bytes.
    Exports: ExportRecord, exports;
    /// Functions in the module's index space, imported ones first.
    Functions: FunctionRecord, functions;
    /// What lies where in `.text`, sorted by offset.
    TextMap: TextRecord, text_map;
    /// For each [`SITE_PAGE`] of text, and for what would follow the last: the index of its first site. Sites are code
    /// offsets, ascending, at which a trap may happen (the instruction) or to which a call returns; one offset may be both
    /// and then stands twice.
    SitePages: u32, site_pages;
    /// For each site: its code offset within its page.
    SiteLow: u16, site_low;
    /// For each site: offset in the WebAssembly binary of the operator it belongs to.
    SiteWasmOffsets: u32, site_wasm_offsets;
    /// For each site: the trap code, or [`crate::trap::CALL_SITE`].
    SiteCodes: u8, site_codes;
    /// Which sites belong to functions that were inlined, ascending by site.
    InlineRuns: InlineRun, inline_runs;
    /// Calls that were inlined; those around one come before it.
    InlineFrames: InlineFrame, inline_frames;
    /// Memories in the module's index space, imported ones first.
    Memories: MemoryRecord, memories;
    /// Tables in the module's index space, imported ones first.
    Tables: TableRecord, tables;
    /// Globals in the module's index space, imported ones first.
    Globals: GlobalRecord, globals;
    /// Tags in the module's index space, imported ones first.
    Tags: TagRecord, tags;
    /// Operators of constant expressions.
    ConstOps: ConstOp, const_ops;
    /// Element segments in the module's index space.
    Elements: ElementRecord, elements;
    /// Function indices, or [`NONE`] for null, that table images and element segments refer to.
    ElementItems: u32, element_items;
    /// Constant expressions (ranges of [`Table::ConstOps`]) of element segments that are not plain functions.
    ElementExprs: Range, element_exprs;
    /// Data segments in the module's index space.
    DataSegments: DataRecord, data_segments;
    /// Runs of the initial memory image.
    ImageRuns: ImageRun, image_runs;
    /// Function indices by escape index, see [`FunctionRecord::escape`].
    Escapes: u32, escapes;
    /// Bytes of data segments that are not in the image.
    DataBytes: u8, data_bytes;
    /// UTF-8 that string ranges refer to.
    Strings: u8, strings;
    /// Read-only call tables, see [`CallEntry`].
    CallTables: CallEntry, call_tables;
    /// What the module imports and exports in WIT's types, as [`crate::wit::encode`] draws it; empty if nobody said.
    World: u8, world_bytes;
    /// For each of [`Table::Imports`], whether and how it can be reached.
    Reaches: ReachRecord, reaches;
    /// Function indices, and [`NONE`] where some are left out, that [`ReachRecord::path`] refers to.
    ReachPaths: u32, reach_paths;
    /// Calls that have handlers of exceptions, ascending by the offset that they return to.
    HandlerSites: HandlerSite, handler_sites;
    /// What [`HandlerSite::handlers`] refers to.
    Handlers: Handler, handlers;
    /// Calls across which references are kept in the frame that collections must find, ascending likewise.
    RootSites: RootSite, root_sites;
    /// What [`RootSite::slots`] refers to: bytes above the frame's stack pointer, each of a 64-bit reference.
    RootSlots: u32, root_slots;
}

/// A type.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TypeRecord {
    /// Of [`Table::ValTypes`]: a function's parameters; the storage types of a structure's fields or an array's elements,
    /// which besides value types are [`STORAGE_I8`] and [`STORAGE_I16`].
    pub params: Range,
    /// Of [`Table::ValTypes`]: a function's results; for each field 1 if it is mutable, 0 if not.
    pub results: Range,
    /// The first type of this module that is the same: the id that private tables compare.
    pub canonical: u32,
    /// Code offset of the entry stub, or [`NONE`].
    pub entry_stub: u32,
    /// Code offset of the exit stub, or [`NONE`].
    pub exit_stub: u32,
    /// [`crate::types::Composite`]
    pub composite: u32,
    /// [`TYPE_FINAL`]
    pub flags: u32,
    /// The type that it is declared a subtype of, in front of it; or [`NONE`].
    pub supertype: u32,
    /// The first type of its recursion group. A group's types follow each other, and are the same as another group's if
    /// all of them are.
    pub group: u32,
    /// Always 0.
    pub reserved: u32,
}

/// [`TypeRecord::flags`]: no type can be a subtype of it.
pub const TYPE_FINAL: u32 = 1;

/// An integer of 8 bits, as a field's storage type.
pub const STORAGE_I8: u32 = 0x78;
/// An integer of 16 bits, as a field's storage type.
pub const STORAGE_I16: u32 = 0x77;

/// What an import or export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// A function
    Function = 0,
    /// A table
    Table = 1,
    /// A linear memory
    Memory = 2,
    /// A global
    Global = 3,
    /// A tag
    Tag = 4,
}

impl Kind {
    /// From its number; `None` for any other.
    pub const fn from_u32(n: u32) -> Option<Kind> {
        Some(match n {
            0 => Kind::Function,
            1 => Kind::Table,
            2 => Kind::Memory,
            3 => Kind::Global,
            4 => Kind::Tag,
            _ => return None,
        })
    }
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Function => "function",
            Kind::Table => "table",
            Kind::Memory => "memory",
            Kind::Global => "global",
            Kind::Tag => "tag",
        }
    }
}

/// An import. Its type is that of the record at `index` in the table of its kind.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ImportRecord {
    /// String.
    pub module: Range,
    /// String.
    pub name: Range,
    /// [`Kind`]
    pub kind: u32,
    /// Index in the index space of its kind.
    pub index: u32,
    /// Offset in the text of the import's adapter ([`crate::edge`]), or [`NONE`].
    pub adapter: u32,
}

/// An export.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ExportRecord {
    /// String.
    pub name: Range,
    /// [`Kind`]
    pub kind: u32,
    /// Index in the index space of its kind.
    pub index: u32,
}

/// A function.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct FunctionRecord {
    /// Of [`Table::Types`].
    pub type_index: u32,
    /// Which funcref record of the context is its own, or [`NONE`] if no reference to it can be made.
    pub escape: u32,
    /// Code offset: of the function ([`NONE`] if every call of it was inlined and nothing else can reach it), or of an
    /// imported function's thunk ([`NONE`] if none was needed).
    pub text_offset: u32,
    /// Bytes of code.
    pub text_len: u32,
    /// String: its name in the name section; empty if it has none.
    pub name: Range,
}

/// What a stretch of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum TextKind {
    /// A function; `index` in [`Table::Functions`].
    Function = 0,
    /// An imported function's thunk; `index` in [`Table::Functions`].
    Thunk = 1,
    /// An entry stub; `index` in [`Table::Types`].
    Entry = 2,
    /// An exit stub; `index` in [`Table::Types`].
    Exit = 3,
    /// The denied stub.
    Denied = 4,
    /// An adapter ([`crate::edge`]); `index` in [`Table::Functions`].
    Adapter = 5,
}

/// A stretch of text.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TextRecord {
    /// Code offset.
    pub offset: u32,
    /// Bytes.
    pub len: u32,
    /// [`TextKind`]
    pub kind: u32,
    /// See [`TextKind`].
    pub index: u32,
}

/// Consecutive sites with the same functions around them: from one on, up to the next run's.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct InlineRun {
    /// Index of the first, in [`Table::SiteLow`].
    pub site: u32,
    /// Of [`Table::InlineFrames`]: the innermost inlined call that the sites are in; or [`NONE`]: they belong to the
    /// function whose text they lie in.
    pub frame: u32,
}

/// A call that was inlined: what a backtrace shows of it.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct InlineFrame {
    /// The function that was inlined, of [`Table::Functions`].
    pub function: u32,
    /// Offset in the WebAssembly binary of the call.
    pub call_offset: u32,
    /// The inlined call that this one is in, which comes before it; or [`NONE`]: it is in the function whose text it lies
    /// in.
    pub outer: u32,
}

/// A linear memory.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MemoryRecord {
    /// Initial pages.
    pub minimum: u64,
    /// Most pages, or [`UNBOUNDED`].
    pub maximum: u64,
    /// Base-2 logarithm of the page size in bytes: 16 or 0.
    pub page_size_log2: u32,
    /// [`MEMORY_64`], [`MEMORY_SHARED`]
    pub flags: u32,
}

impl MemoryRecord {
    /// Its initial length in bytes, or as many as there can be if it is more.
    pub const fn minimum_bytes(&self) -> u64 {
        match 1u64.checked_shl(self.page_size_log2) {
            Some(page) => self.minimum.saturating_mul(page),
            None => u64::MAX,
        }
    }
}

/// [`MemoryRecord::flags`]: its indices have 64 bits.
pub const MEMORY_64: u32 = 1;
/// [`MemoryRecord::flags`]: several threads may use it.
pub const MEMORY_SHARED: u32 = 2;

/// A table.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TableRecord {
    /// [`crate::types::ValType`] of its elements.
    pub element_type: u32,
    /// [`TABLE_IMMUTABLE`], [`TABLE_64`]
    pub flags: u32,
    /// Initial elements.
    pub minimum: u64,
    /// Most elements, or [`UNBOUNDED`].
    pub maximum: u64,
    /// Constant expression of every element's initial value; empty: null.
    pub init: Range,
    /// Of [`Table::ElementItems`]: the image of its first elements, resolved lazily.
    pub image: Range,
    /// Of [`Table::CallTables`], if [`TABLE_IMMUTABLE`]: its elements, and a null for indices that are out of bounds.
    pub call_table: Range,
}

/// [`TableRecord::flags`]: never written and never visible outside; calls go through its [`CallEntry`] array and
/// the table does not exist at run time.
pub const TABLE_IMMUTABLE: u32 = 1;
/// [`TableRecord::flags`]: its indices have 64 bits.
pub const TABLE_64: u32 = 2;

/// An element of an immutable table.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CallEntry {
    /// Address of the function minus the address of the array's first entry; 0 for null.
    pub target: i32,
    /// Canonical type index, or [`NONE`] for null.
    pub canonical_type: u32,
}

/// A global.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct GlobalRecord {
    /// [`crate::types::ValType`]
    pub val_type: u32,
    /// 1 if mutable, 0 if not.
    pub mutable: u32,
    /// Constant expression; empty for imported ones.
    pub init: Range,
}

/// A tag, by which exceptions are told apart.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TagRecord {
    /// Of [`Table::Types`]: a function type whose parameters an exception carries.
    pub type_index: u32,
}

/// A call within a `try_table`. Both pointers of a frame are those at the call, in the function that makes it: the frame
/// pointer addresses the caller's, and the stack pointer is what it is when the call has returned.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct HandlerSite {
    /// Code offset that the call returns to.
    pub return_offset: u32,
    /// Bytes from the frame's stack pointer up to its frame pointer.
    pub frame_offset: u32,
    /// Where the function keeps its context: bytes above the stack pointer.
    pub context_offset: u32,
    /// Always 0.
    pub reserved: u32,
    /// Of [`Table::Handlers`]: the innermost first. The first that has the exception's tag, or any, is it.
    pub handlers: Range,
}

/// Where control goes on if a call throws: with the exception in the first register of results and the address of its
/// values ([`crate::convention::VALUE_SIZE`] bytes each) in the second.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Handler {
    /// Of [`Table::Tags`], or [`NONE`]: any exception.
    pub tag: u32,
    /// Code offset, in the same function.
    pub landing: u32,
}

/// A call across which references are kept that collections must find.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RootSite {
    /// Code offset that the call returns to.
    pub return_offset: u32,
    /// As in [`HandlerSite`].
    pub frame_offset: u32,
    /// Of [`Table::RootSlots`].
    pub slots: Range,
}

/// Operators of constant expressions: a stack machine of at most 1024 values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ConstOpcode {
    /// Push `low`, `high`: a number, of any type.
    Const = 0,
    /// Push global `index`.
    GlobalGet = 1,
    /// Push a reference to function `index`.
    RefFunc = 2,
    /// Push null.
    RefNull = 3,
    /// `i32.add`
    I32Add = 4,
    /// `i32.sub`
    I32Sub = 5,
    /// `i32.mul`
    I32Mul = 6,
    /// `i64.add`
    I64Add = 7,
    /// `i64.sub`
    I64Sub = 8,
    /// `i64.mul`
    I64Mul = 9,
}

impl ConstOpcode {
    /// From its number; `None` for any other.
    pub const fn from_u32(n: u32) -> Option<ConstOpcode> {
        use ConstOpcode::*;
        const ALL: [ConstOpcode; 10] =
            [Const, GlobalGet, RefFunc, RefNull, I32Add, I32Sub, I32Mul, I64Add, I64Sub, I64Mul];
        if (n as usize) < ALL.len() { Some(ALL[n as usize]) } else { None }
    }
}

/// An operator of a constant expression.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ConstOp {
    /// [`ConstOpcode`]
    pub opcode: u32,
    /// Of a global or function.
    pub index: u32,
    /// Low 64 bits of a constant.
    pub low: u64,
    /// High 64 bits of a vector constant.
    pub high: u64,
}

/// When a segment is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum SegmentMode {
    /// By `memory.init` or `table.init`.
    Passive = 0,
    /// At instantiation.
    Active = 1,
    /// Already part of the image, or only declared: dropped from the start.
    Dropped = 2,
}

impl SegmentMode {
    /// From its number; `None` for any other.
    pub const fn from_u32(n: u32) -> Option<SegmentMode> {
        Some(match n {
            0 => SegmentMode::Passive,
            1 => SegmentMode::Active,
            2 => SegmentMode::Dropped,
            _ => return None,
        })
    }
}

/// An element segment.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ElementRecord {
    /// [`SegmentMode`]
    pub mode: u32,
    /// Table that an active one initialises.
    pub table: u32,
    /// Constant expression of an active one's place.
    pub offset: Range,
    /// [`crate::types::ValType`] of its elements.
    pub element_type: u32,
    /// 0: `items` of [`Table::ElementItems`]; 1: `items` of [`Table::ElementExprs`].
    pub exprs: u32,
    /// Its elements; empty for a dropped one.
    pub items: Range,
}

/// A data segment.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct DataRecord {
    /// [`SegmentMode`]
    pub mode: u32,
    /// Memory that an active one initialises.
    pub memory: u32,
    /// Constant expression of an active one's place.
    pub offset: Range,
    /// Of [`Table::DataBytes`], in 64 bits; empty for a dropped one. `offset` counts from the table's beginning.
    pub bytes: Span,
}

/// A run of the initial memory image.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ImageRun {
    /// The memory, in the module's index space of memories: one that the module defines.
    pub memory: u32,
    /// Always 0.
    pub reserved: u32,
    /// Where it begins in memory, in bytes; a multiple of the segment alignment.
    pub memory_offset: u64,
    /// Where its bytes lie in the file: within [`Header::image`], a multiple of the segment alignment. `len` is in
    /// bytes; what follows up to the alignment is zero and within the image too.
    pub bytes: Span,
}

/// Where control, or a reference to a function, can enter a module from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Root {
    /// By none: the import can't be reached.
    None = 0,
    /// An exported function; `root_index` in [`Table::Exports`].
    Export = 1,
    /// The start function.
    Start = 2,
    /// An element of a table that others see; `root_index` in [`Table::Tables`].
    Table = 3,
    /// The initial value of a global that others see; `root_index` in [`Table::Globals`].
    Global = 4,
    /// A reference that the module's code may hand to others: by a parameter or result, a table or a global.
    Reference = 5,
    /// The import is no function: whatever code there is may use it.
    Module = 6,
}

impl Root {
    /// From its number; `None` for any other.
    pub const fn from_u32(n: u32) -> Option<Root> {
        Some(match n {
            0 => Root::None,
            1 => Root::Export,
            2 => Root::Start,
            3 => Root::Table,
            4 => Root::Global,
            5 => Root::Reference,
            6 => Root::Module,
            _ => return None,
        })
    }
}

/// Whether code that can run can call an import, and one shortest way. What is called unreachable can't be called,
/// whatever values the module computes; what is called reachable may still never be.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ReachRecord {
    /// [`Root`] of the way; [`Root::None`] if there is no way.
    pub root: u32,
    /// See [`Root`]; otherwise [`NONE`].
    pub root_index: u32,
    /// Of [`Table::ReachPaths`]: from the root's function to the imported one, both included, each calling the next, or
    /// making an indirect call of its type, of which there is a reference. At most [`MAX_REACH_PATH`]; of a longer way,
    /// [`NONE`] behind the first stands for the functions left out. Empty for an import that can't be reached or is no
    /// function.
    pub path: Range,
}

/// Most items of [`ReachRecord::path`].
pub const MAX_REACH_PATH: usize = 64;

const _: () = {
    // The header's page holds it whole, on both architectures.
    assert!(HEADER_OFFSET + size_of::<Header>() <= 4096);
    assert!(HEADER_OFFSET.is_multiple_of(align_of::<Header>()));
};
