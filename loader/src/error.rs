//! What can go wrong, by kind.

use crate::exception::Exception;
use crate::trap::Trap;
use bailiwick_runtime_abi::format::Kind;
use bailiwick_runtime_abi::trap::TrapCode;
use bailiwick_runtime_abi::types::Arch;
use bailiwick_runtime_abi::view::FormatError;
use std::path::PathBuf;

/// Why an artifact could not be opened, linked, instantiated or called.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or mapped.
    #[error("{}: {what}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are no usable artifact.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The artifact's code is for another processor.
    #[error("artifact for {}, this machine is {}; compile with --target {}-unknown-linux-gnu", found.name(), host.name(), host.name())]
    Architecture {
        /// The artifact's.
        found: Arch,
        /// This machine's.
        host: Arch,
    },
    /// The artifact's code uses instructions that this processor lacks.
    #[error("this processor lacks {}, which the artifact's code uses; compile with --cpu baseline or --cpu native", .0.join(", "))]
    Features(Vec<&'static str>),
    /// The artifact uses parts of the language that the loader was built without.
    #[error("this loader was built without {}, which the artifact needs; run it with another, or compile without", .0.join(", "))]
    WasmFeatures(Vec<&'static str>),
    /// An import could not be satisfied.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The guest was stopped.
    #[error(transparent)]
    Trap(Box<Trap>),
    /// The guest threw an exception that nothing caught.
    #[error(transparent)]
    Exception(Box<Exception>),
    /// An exception that the host has given back, and that was collected since, was used.
    #[error("an exception was used that was released, and is no more")]
    Released,
    /// The guest ended itself with this status (`proc_exit`).
    #[error("the guest ended with exit status {0}")]
    Exit(i32),
    /// A host function failed; its own error is within.
    #[error("{}", .0.message())]
    Host(Box<HostFailure>),
    /// Address space or memory could not be had.
    #[error("can't map {bytes} bytes for {what}: {source}")]
    AddressSpace {
        /// What for.
        what: &'static str,
        /// How many.
        bytes: usize,
        /// What the system said.
        source: std::io::Error,
    },
    /// A guest stack of that size can't be.
    #[error(
        "a guest stack of {bytes} bytes (GroupConfig::stack_size, --max-stack): the bounds are {} and {}",
        bailiwick_runtime_abi::limits::MIN_STACK_SIZE,
        bailiwick_runtime_abi::limits::MAX_STACK_SIZE
    )]
    StackSize {
        /// The size asked for.
        bytes: usize,
    },
    /// A limit of the loader or of the group's configuration.
    #[error("limit reached: {what} (at most {limit})")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        limit: u64,
    },
    /// No export of that name and kind.
    #[error("the module has no exported {} named {name:?}", kind.name())]
    NoExport {
        /// The name asked for.
        name: String,
        /// The kind asked for.
        kind: Kind,
    },
    /// Arguments, results or a value of another type than the function, global or table has.
    #[error("type mismatch: expected {expected}, got {found}")]
    Type {
        /// What it has.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A function, memory, table, global or reference of another group.
    #[error("a {0} of another group was used")]
    WrongGroup(&'static str),
    /// The bytes of a shared memory were asked for, which other threads may change at any time.
    #[error(
        "the memory is shared, so its bytes can't be borrowed: use SharedMemory::read and SharedMemory::write (Memory::shared)"
    )]
    SharedMemory,
    /// A group that a pool can't bring back to how it was made.
    #[error("a group can't be recycled: {0}")]
    NotRecyclable(#[from] crate::pool::NotRecyclable),
    /// An index beyond a table or memory that the host itself asked for.
    #[error("{0} out of bounds")]
    OutOfBounds(&'static str),
}

impl Error {
    /// A trap without a backtrace: raised by the loader, not by an instruction.
    #[doc(hidden)]
    pub fn trap(code: TrapCode) -> Error {
        Error::Trap(Box::new(Trap::new(code)))
    }

    /// The trap code, if a guest was stopped by one.
    pub fn trap_code(&self) -> Option<TrapCode> {
        match self {
            Error::Trap(trap) => Some(trap.code()),
            _ => None,
        }
    }
}

/// Why an import could not be satisfied. Nothing is ever left for the host to satisfy by default.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Nothing of that name was granted.
    #[error("import {module:?} {name:?} ({ty}) is not granted: nothing by that name was given to this module")]
    NotGranted {
        /// Module name of the import.
        module: String,
        /// Name of the import.
        name: String,
        /// What it is.
        kind: Kind,
        /// Its type, for people.
        ty: String,
    },
    /// What was granted is of another kind or type.
    #[error("import {module:?} {name:?}: incompatible import type: it wants {expected}, what was granted is {found}")]
    Mismatch {
        /// Module name of the import.
        module: String,
        /// Name of the import.
        name: String,
        /// What the module wants.
        expected: String,
        /// What was granted.
        found: String,
    },
}

/// A host function's failure, with where the guest called it.
#[derive(Debug)]
pub struct HostFailure {
    pub(crate) error: Box<dyn std::error::Error + Send + Sync>,
    pub(crate) backtrace: crate::trap::Backtrace,
}

impl HostFailure {
    fn message(&self) -> String {
        format!("host function failed: {}\n{}", self.error, self.backtrace).trim_end().to_owned()
    }

    /// What the host function said.
    pub fn error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        &*self.error
    }

    /// Where the guest called it.
    pub fn backtrace(&self) -> &crate::trap::Backtrace {
        &self.backtrace
    }
}
