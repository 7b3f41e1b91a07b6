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
