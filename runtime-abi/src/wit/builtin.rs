//! Packages of WIT that are always there: what the loader itself knows of.

use super::World;

/// The interface of the loader's own resource, `dir`.
pub const FS_INTERFACE: &str = "bailiwick:fs/types";

/// `bailiwick:fs`: folders that are passed from one module to another.
pub const FS: &str = include_str!("../../wit/fs.wit");

/// `bailiwick:virt`: what a module implements to stand between another one and the world, and the network.
pub const VIRT: &str = include_str!("../../wit/virt.wit");

/// Every package: its namespace and name, and its text.
pub const ALL: [(&str, &str, &str); 2] = [("bailiwick", "fs", FS), ("bailiwick", "virt", VIRT)];

/// The world `host` of [`VIRT`], encoded: its imports are what the loader calls. A test of the compiler compares the two.
pub const HOST_WORLD: &[u8] = include_bytes!("../../wit/virt.world");

/// [`HOST_WORLD`], decoded.
///
/// # Errors
/// [`WitError`](super::WitError), which a test rules out.
pub fn host_world() -> Result<World, super::WitError> {
    World::decode(HOST_WORLD)
}
