//! How control goes in, out and across.
//!
//! Compiled functions use Cranelift's `tail` convention with the context as their first parameter:
//! `tail fn(context, params…) -> results…`. Rust can't call that, and generic assembly can't know how many
//! bytes such a callee pops, so the compiler emits these stubs, and the loader's assembly only switches stacks:
//!
//! | stub | one for each | convention | does |
//! |---|---|---|---|
//! | entry | type of a function that can leave the module (exported, in a table, `ref.func`) | C: `fn(context, code, values)` | loads parameters from `values`, calls `code(context, …)`, stores results into `values` |
//! | exit | type of an imported function | `tail`, same as any function | stores parameters into an array on the guest's stack, calls `context.exit(context, values)`, loads results |
//! | thunk | imported function | `tail` | calls through the import's slot; stands for the import wherever a reference to it is needed, so that authority stays in the slot |
//! | adapter | imported function of the module's world | `tail`, same as any function, with an edge record in place of the context | carries the call to another group ([`crate::edge`]) |
//! | denied | artifact | any | traps with [`crate::trap::TrapCode::Denied`]; valid for any context and type |
//!
//! `values` is an array of [`VALUE_SIZE`]-byte cells, `max(params, results)` of them, little-endian, the
//! low bytes used: `i32` and `f32` four, `i64`, `f64` and references eight, `v128` sixteen. The upper bytes
//! of a cell are undefined.
//!
//! The *exit routine* at [`crate::context::EXIT`] is the loader's: it switches to the host's stack, calls the
//! host function, and comes back only if that succeeded; otherwise it leaves the activation.
//! Builtins are called in C convention as `fn(context, a, b, …) -> u64` through [`crate::context::BUILTINS`]
//! and switch stacks likewise.

/// Bytes in a cell of the `values` array that stubs read and write.
pub const VALUE_SIZE: usize = 16;

/// How many parameters a function may have, all of them `i32` or `i64`, with at most one result that is one too, to be
/// called without a stub: the `tail` convention passes them and the context in registers alone, in a sequence that the
/// loader's assembly knows, and keeps what C keeps. So a slot may name the loader's code itself.
pub const REGISTERS: usize = 5;

/// Bytes of the tag in front of code that the loader may take the address of.
pub const TAG_SIZE: usize = 8;

/// The tag that stands, little-endian, in the [`TAG_SIZE`] bytes of text right in front of every entry stub, exit
/// stub, adapter, thunk and escaping function: what it is, and the types it takes and returns; and which type of its
/// module that is, by the first that is the same, since calls by reference trust the types of references in it.
///
/// A record whose offset or type was damaged then leads to an error and not to a call with the wrong shape. It is
/// FNV-1a, no defence against forgery: text itself is trusted.
pub fn signature_tag(
    kind: crate::format::TextKind,
    canonical: u32,
    params: impl ExactSizeIterator<Item = crate::types::ValType>,
    results: impl ExactSizeIterator<Item = crate::types::ValType>,
) -> u64 {
    // An imported function's thunk stands for a function.
    let kind = match kind {
        crate::format::TextKind::Thunk => crate::format::TextKind::Function,
        other => other,
    };
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut add = |byte: u8| {
        hash ^= u64::from(byte);
        hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
    };
    b"bwk-code".iter().for_each(|&byte| add(byte));
    add(kind as u32 as u8);
    canonical.to_le_bytes().into_iter().for_each(&mut add);
    (params.len() as u32).to_le_bytes().into_iter().for_each(&mut add);
    params.for_each(|ty| add(ty.shape()));
    results.for_each(|ty| add(ty.shape()));
    hash
}
