//! What is wrong with an application, or suspicious, for people and for programs.

use std::fmt;

/// What kind of problem. The names are stable, for programs to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Code {
    /// A manifest can't be read, or is no TOML.
    Unreadable,
    /// A manifest says what a manifest may not.
    Manifest,
    /// A module can't be read or compiled.
    Module,
    /// An edge hands over more than there is.
    Widen,
    /// A library is not handed what it needs, or something that it does not.
    Need,
    /// A module depends on itself.
    Cycle,
    /// An import that nothing satisfies.
    UnknownImport,
    /// An import that several could satisfy.
    Ambiguous,
    /// The two sides of an edge disagree about a type, or have none.
    Type,
    /// What would carry authority past the slots.
    NotAValue,
    /// A library names a file that is not its own.
    Outside,
    /// A stream would overwrite what the application is made of.
    Overwrite,
    /// A folder of the kernel, which is never granted.
    KernelFolder,
    /// More than there may be.
    Limit,
    /// What is understood, and not yet enforced.
    NotYet,
    /// Bytes that are not those that the lock names.
    Lock,
    /// Nearly everything is granted.
    Broad,
    /// Granted, and nothing that the module does can use it.
    UnusedGrant,
    /// A path that means something else elsewhere, or holds code.
    AmbientPath,
    /// What the host has not, yet.
    MissingPath,
    /// Something that has no limit of time, and that others wait for who have one.
    SharedTime,
    /// What should become an error value, and takes the caller's time with it.
    FaultTime,
    /// Files that one reaches by numbers which others have too.
    SharedFiles,
    /// Hosts that are granted by a pattern of names, to whom may look none of these up.
    NoNames,
    /// Machine code, which nothing confines.
    Native,
}

impl Code {
    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Code::Unreadable => "E-READ",
            Code::Manifest => "E-MANIFEST",
            Code::Module => "E-MODULE",
            Code::Widen => "E-WIDEN",
            Code::Need => "E-NEED",
            Code::Cycle => "E-CYCLE",
            Code::UnknownImport => "E-UNKNOWN-IMPORT",
            Code::Ambiguous => "E-AMBIGUOUS",
            Code::Type => "E-TYPE",
            Code::NotAValue => "E-NOT-A-VALUE",
            Code::Outside => "E-OUTSIDE",
            Code::Overwrite => "E-OVERWRITE",
            Code::KernelFolder => "E-KERNEL-FOLDER",
            Code::Limit => "E-LIMIT",
            Code::NotYet => "E-NOT-YET",
            Code::Lock => "E-LOCK",
            Code::Broad => "W-BROAD",
            Code::UnusedGrant => "W-UNUSED-GRANT",
            Code::AmbientPath => "W-AMBIENT-PATH",
            Code::MissingPath => "W-MISSING-PATH",
            Code::SharedTime => "W-SHARED-TIME",
            Code::FaultTime => "W-FAULT-TIME",
            Code::SharedFiles => "W-SHARED-FILES",
            Code::NoNames => "W-NO-NAMES",
            Code::Native => "W-NATIVE",
        }
    }

    /// Whether the application runs all the same.
    pub const fn is_warning(self) -> bool {
        matches!(
            self,
            Code::Broad
                | Code::UnusedGrant
                | Code::AmbientPath
                | Code::MissingPath
                | Code::SharedTime
                | Code::FaultTime
                | Code::SharedFiles
                | Code::NoNames
                | Code::Native
        )
    }
}

/// Something that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// The path of the edge, as `wallet/easydex/notify`; empty for the application's own manifest.
    pub edge: String,
    /// What, and what to do.
    pub message: String,
}

impl Problem {
    pub(super) fn new(code: Code, edge: &str, message: impl Into<String>) -> Problem {
        // What is quoted may be a stranger's: control characters could drive the reader's terminal.
        let shown = |c: char| if c.is_control() && c != '\n' { '\u{fffd}' } else { c };
        Problem { code, edge: edge.to_owned(), message: message.into().chars().map(shown).collect() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.name())?;
        if !self.edge.is_empty() {
            write!(f, " {}", self.edge.replace('/', " → "))?;
        }
        write!(f, ": {}", self.message)
    }
}
