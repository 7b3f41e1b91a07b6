//! What the tests share: everything here crosses the compiler and the loader.
//!
//! # Rooms
//! `compile` (text or binary → artifact, in this process or by a compiler that `BAILIWICKC` names) · `guest` (a module
//! in a group of its own) · `script` (a `.wast`
//! script: one group, its assertions) · `suite` (the bundled scripts, and which of them this version is to pass) ·
//! `fuzz` (random modules, compared with another engine) · `pool` (scripts in parallel, each with a time limit) · `cli` (the built programs, as a user starts them).

pub mod cli;
pub mod compile;
pub mod fuzz;
pub mod guest;
pub mod pool;
pub mod script;
pub mod suite;
