//! WIT text beside a module, or what bindings generators put into it → the world that its artifact carries
//! ([`bailiwick_runtime_abi::wit`]).
//!
//! ```text
//!  files ────► parse ────┐
//!                        ├─► convert ─► check
//!  sections ─► sections ─┘    World     against the module's imports and exports
//!              Resolve
//! ```
//!
//! Architecture invariant: `wit-parser` is used in `parse`, `sections` and `convert` only. What it says of sizes and core signatures
//! is not used: both sides of a call compute them from [`World`]; tests compare the two.

mod check;
mod convert;
mod parse;
mod sections;

#[cfg(test)]
mod tests;

pub(crate) use check::{check, core_text};

use crate::error::Result;
use crate::module::Module;
use crate::parallel;
use bailiwick_runtime_abi::wit::World;
use bailiwick_runtime_abi::wit::bundle::{self, Source};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// WIT text that says what a module imports and exports.
#[derive(Clone, Copy, Debug)]
pub struct Wit<'a> {
    /// The files, by their paths in the package's folder ([`bundle`] says which there may be).
    pub sources: &'a [Source<'a>],
    /// What messages call the folder: in front of the files' paths.
    pub folder: &'a str,
    /// Which world; `None`: the only one.
    pub world: Option<&'a str>,
}

impl Wit<'_> {
    /// What tells it apart from others in a cache, as options on a command line.
    pub(crate) fn canonical(&self) -> Result<String> {
        let mut text = String::from(" --wit sha256:");
        for byte in Sha256::digest(bundle::write(self.sources)?) {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        if let Some(world) = self.world {
            text.push_str(" --world ");
            text.extend(world.chars().take(256).filter(|c| c.is_ascii_graphic()));
        }
        Ok(text)
    }

    /// The world that the text means.
    pub(crate) fn world(&self) -> Result<World> {
        apart(|| convert::convert(&parse::parse(self)?, None))
    }
}

/// The world that the sections of a module say, of which it takes the part that the module has; `None` if it has no
/// sections.
pub(crate) fn inside(module: &Module<'_>) -> Result<Option<World>> {
    if module.component_types.is_empty() {
        return Ok(None);
    }
    apart(|| convert::convert(&sections::read(&module.component_types)?, Some(&convert::Used::of(module)))).map(Some)
}

/// On a thread of its own for its stack, and because a panic there becomes an error.
fn apart(work: impl Fn() -> Result<World> + Sync) -> Result<World> {
    let (mut worlds, _) = parallel::run(1, &[0], || (), |(), _| work())?;
    worlds.pop().ok_or_else(|| crate::CompileError::internal("no world came of the WIT"))
}
