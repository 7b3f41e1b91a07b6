//! Applications: authority handed from parent to child, narrower at every step.
//!
//! | file | room |
//! |---|---|
//! | `cap.rs`, `net.rs`, `limits.rs` | what can be held, the order on it, and the one function that narrows |
//! | `manifest.rs` | `bailiwick.toml`, read and checked value by value |
//! | `plan.rs` | manifests to a tree of instances, each capability derived on the way |
//! | `files.rs` | opening what a manifest names |
//! | `sources.rs` | which files a manifest may name, and the modules that they are |
//! | `need.rs` | what is handed over, held against what a library asks for |
//! | `surroundings.rs` | folders and files of the host that an application should not be handed |
//! | `virt.rs`, `virtualizer.rs` | what one module can implement for another, and whether it does |
//! | `imports.rs` | who answers what a module imports |
//! | `warnings.rs` | what is suspicious |
//! | `lent.rs` | folders that come with calls |
//! | `resources.rs` | which resource a module means |
//! | `learn/` | what was used of all that, and a manifest that grants no more |
//! | `problem.rs` | what is wrong, and at which edge |
//!
//! *Invariants.* Only the root's manifest names anything of the host. Nothing is satisfied by default: an import is wired,
//! inert, or an error. No capability comes into being but by [`cap::derive`](fn@cap::derive).

pub mod cap;
pub mod check;
mod document;
mod fault;
pub mod files;
pub mod imports;
pub mod learn;
pub mod lent;
pub mod limits;
pub mod live;
pub mod manifest;
pub mod marshal;
mod need;
pub mod net;
pub mod plan;
pub mod preview1;
pub mod problem;
pub mod resources;
pub mod shipped;
mod sources;
pub mod surroundings;
pub mod view;
pub mod virt;
mod virtualizer;
mod warnings;

/// Collects into a map or a set, one after another: to make one of a whole iterator has code of its own, a sort, for each
/// type of what is in it.
pub(crate) fn gathered<C: Default + Extend<T>, T>(items: impl IntoIterator<Item = T>) -> C {
    let mut all = C::default();
    all.extend(items);
    all
}
