//! Types of what crosses from one module to another: WIT worlds, after parsing.
//!
//! `bailiwickc` parses WIT text and writes the [`World`] of a module into its artifact ([`crate::format::Table::World`]);
//! the loader reads it back. Compiled code that marshals a call and the loader that does so step by step both take
//! sizes, offsets and core signatures from here, so that they can't disagree.
//!
//! | room | what it has |
//! |---|---|
//! | [`types`] | types in an arena, each checked when it is added |
//! | [`abi`] | the canonical ABI's arithmetic: size, alignment, offsets, flattening, core signatures |
//! | [`world`] | functions, and the names by which core modules import and export them |
//! | [`encode`], [`decode`] | the world as bytes |
//! | [`compare`] | whether two worlds mean the same, and the first difference |
//! | [`print`] | WIT text, for messages and reports |
//! | [`builtin`] | packages that are always there |
//! | [`bundle`] | WIT text before parsing, as it is handed to the compiler |
//!
//! "CanonicalABI.md" is `design/mvp/CanonicalABI.md` of the repository WebAssembly/component-model; its sections are
//! cited by name.
//!
//! Architecture invariant: a [`World`] is valid by construction. Nothing that reads one checks it again, and nothing
//! here takes more than linear time and space in the size of its input, though types share parts and may mean values
//! that are exponentially larger than themselves.
//!
//! ```
//! use bailiwick_runtime_abi::types::ValType::I32;
//! use bailiwick_runtime_abi::wit::{Direction, Function, Kind, Type, Types, World};
//! let mut types = Types::new();
//! let bytes = types.add(None, Kind::List(Type::U8))?;
//! let result = types.add(None, Kind::Result { ok: Some(Type::U32), err: Some(Type::String) })?;
//! let mut world = World::new("example:zip/unzipper", types)?;
//! world.add_export(Function {
//!     interface: Some("example:zip/api".into()),
//!     name: "unzip".into(),
//!     params: vec![("zip".into(), bytes)],
//!     result: Some(result),
//! })?;
//! let unzip = &world.exports()[0];
//! assert_eq!(unzip.export_name(), "example:zip/api#unzip");
//! assert_eq!(world.print_function(unzip).to_string(), "unzip: func(zip: list<u8>) -> result<u32, string>");
//! let core = world.signature(unzip, Direction::Lift);
//! assert_eq!((core.params.as_slice(), core.results.as_slice()), (&[I32, I32][..], &[I32][..]));
//! assert!(core.result_by_pointer);
//! assert_eq!(World::decode(&world.encode()?)?, world);
//! # Ok::<(), bailiwick_runtime_abi::wit::WitError>(())
//! ```

pub mod abi;
pub mod builtin;
pub mod bundle;
pub mod compare;
pub mod decode;
pub mod encode;
mod error;
pub mod print;
pub mod types;
pub mod world;

#[cfg(test)]
mod tests;

pub use abi::{CoreSignature, Direction, Flat, Layout, Needs, VariantLayout};
pub use compare::{Comparison, Mismatch, same_function, same_type};
pub use error::WitError;
pub use types::{Case, Field, Kind, Resource, ResourceId, Type, TypeId, Types};
pub use world::{Function, World};

/// Version of the encoding, part of [`crate::FINGERPRINT`].
pub const ENCODING_VERSION: u32 = 1;
/// Most bytes of an encoded world.
pub const MAX_WORLD_SIZE: usize = 1 << 20;
/// Most bytes of WIT text.
pub const MAX_TEXT_SIZE: usize = 1 << 20;
/// Most types, besides the built-in ones.
pub const MAX_TYPES: usize = 65_536;
/// Most resources.
pub const MAX_RESOURCES: usize = 4096;
/// Most imports, and most exports.
pub const MAX_FUNCTIONS: usize = 65_536;
/// Most types within one another: `list<list<u8>>` has depth 2.
pub const MAX_DEPTH: u32 = 64;
/// Most bytes of a name.
pub const MAX_NAME_SIZE: usize = 1024;
/// Most flags of a `flags` type: what one core value holds (CanonicalABI.md, "Flattening").
pub const MAX_FLAGS: usize = 32;
/// Most bytes that a value takes up in a linear memory, without the contents of its lists and strings.
pub const MAX_VALUE_SIZE: u32 = 1 << 28;
