//! What a person sees of an application: who holds what, from whom, and by which code it can be used.
//!
//! Everything here is derived from a [`Plan`](super::plan::Plan) and its [`Wiring`](super::check::Wiring), and says the same
//! in words and, by `serde_json`, to programs.

mod between;
pub mod diff;
pub mod explain;
mod facts;
pub mod graph;
pub mod lock;
mod picture;
pub mod why;
pub mod words;
