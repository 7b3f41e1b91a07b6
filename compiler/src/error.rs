//! What can go wrong, each with what, where and what to do.

use bailiwick_runtime_abi::wit::WitError;
use std::fmt;

/// Why a module was not compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The input is text, and not a WebAssembly module in the text format.
    #[error("{message}")]
    Text {
        /// The parser's message with line and column.
        message: String,
    },
    /// The input is a component, of which only core modules can be compiled so far.
    #[error("the input is a WebAssembly component, and components are not supported yet; compile a core module")]
    Component,
    /// The input does not follow the grammar of the binary format.
    #[error("malformed WebAssembly at offset {offset:#x}{}: {message}", in_function(*function))]
    Malformed {
        /// The parser's message.
        message: String,
        /// Byte offset in the binary.
        offset: u64,
        /// Index of the function in whose body it was found.
        function: Option<u32>,
    },
    /// The input breaks a rule of validation.
    #[error("invalid WebAssembly at offset {offset:#x}{}: {message}", in_function(*function))]
    Invalid {
        /// The validator's message.
        message: String,
        /// Byte offset in the binary.
        offset: u64,
        /// Index of the function in whose body it was found.
        function: Option<u32>,
    },
    /// The input needs a proposal that is not implemented.
    #[error("{feature} not supported yet (proposal {proposal}) at offset {offset:#x}{}: {message}", in_function(*function))]
    Unsupported {
        /// What it is, for people, with its verb: "SIMD (v128) is".
        feature: &'static str,
        /// The proposal's name in the WebAssembly organisation.
        proposal: &'static str,
        /// The validator's message.
        message: String,
        /// Byte offset in the binary.
        offset: u64,
        /// Index of the function in whose body it was found.
        function: Option<u32>,
    },
    /// The input needs a part of the language that the options leave out.
    #[error("{feature} is left out by --wasm-features, and needed at offset {offset:#x}{}: {message}", in_function(*function))]
    SwitchedOff {
        /// The name of the feature.
        feature: &'static str,
        /// The validator's message.
        message: String,
        /// Byte offset in the binary.
        offset: u64,
        /// Index of the function in whose body it was found.
        function: Option<u32>,
    },
    /// The module is larger in some way than an artifact can express.
    #[error("{what}, and the limit is {limit}")]
    Limit {
        /// What is too large, and how large.
        what: String,
        /// How large it may be.
        limit: u64,
    },
    /// Options that contradict each other or the machine.
    #[error("{message}")]
    Options {
        /// What is wrong, and what to write instead.
        message: String,
    },
    /// A function that was asked for by name or index, and that the module does not define.
    #[error("{}", no_function(asked, *imported, similar))]
    NoFunction {
        /// What was asked for.
        asked: String,
        /// Whether it is there, but imported.
        imported: bool,
        /// Names of functions that contain it.
        similar: Vec<String>,
    },
    /// WIT text that can't be parsed, or does not fit together.
    #[error("{message}")]
    Wit {
        /// What is wrong, with file, line and column where it is in one place.
        message: String,
    },
    /// A section that says of which world a module is, and can't be read.
    #[error(
        "the section {section:?} at offset {offset:#x}: {message}; have a current bindings generator write it anew, or name the world's WIT with --wit, which is then read instead"
    )]
    ComponentType {
        /// Its name.
        section: String,
        /// Where its contents begin in the module.
        offset: u64,
        /// What is wrong with it.
        message: String,
    },
    /// WIT files that are none, too many or too large.
    #[error("{0}")]
    WitFiles(#[from] WitError),
    /// The world to compile against was not said, or is not there.
    #[error("{}", no_world(asked.as_deref(), worlds))]
    NoWorld {
        /// The world that was asked for.
        asked: Option<String>,
        /// The full names of those that there are.
        worlds: Vec<String>,
    },
    /// Something of WIT that is not implemented.
    #[error("{place}: {what} is not supported yet")]
    WitUnsupported {
        /// What it is, for people.
        what: &'static str,
        /// Function or interface that needs it.
        place: String,
    },
    /// A type or function of WIT text that can't be one of a world.
    #[error("{place}: {error}")]
    WitType {
        /// Function or interface that it belongs to.
        place: String,
        /// What is wrong with it.
        error: WitError,
    },
    /// A module that does not import or export what its world says.
    #[error("the module does not fit the world {world}:{}", lines(problems))]
    World {
        /// The world's full name.
        world: String,
        /// The first of the differences, at least one.
        problems: Vec<WorldProblem>,
    },
    /// A module that another one is linked to can't be compiled itself.
    #[error("the linked module {name:?}: {error}")]
    Linked {
        /// The name that it is linked by.
        name: String,
        /// What is wrong with it.
        error: Box<CompileError>,
    },
    /// Modules that can't be linked to each other.
    #[error("{0}")]
    Link(#[from] LinkProblem),
    /// Modules that are too much for one artifact, though each would be compiled.
    #[error(
        "the modules linked to one are refused, though each alone is not: {error}; link them at run time, with bailiwick run --preload"
    )]
    Together {
        /// What is wrong with all of them as one module. Its offsets are of no file.
        error: Box<CompileError>,
    },
    /// A defect of this compiler or of the code generator under it.
    #[error("internal error{}: {message}; please report this with the module", in_function(*function))]
    Internal {
        /// What happened.
        message: String,
        /// Index of the function that was being compiled.
        function: Option<u32>,
    },
}

fn in_function(function: Option<u32>) -> String {
    function.map_or_else(String::new, |index| format!(" in function {index}"))
}

impl CompileError {
    pub(crate) fn internal(message: impl Into<String>) -> CompileError {
        CompileError::Internal { message: message.into(), function: None }
    }
}

fn no_world(asked: Option<&str>, worlds: &[String]) -> String {
    let list = worlds.join(", ");
    match asked {
        _ if worlds.is_empty() => {
            "the WIT has no world; write one that imports and exports what the module does".to_owned()
        }
        Some(name) => format!("the WIT has no world {name:?}; it has {list}"),
        None => format!("the WIT has more than one world; say with --world which of {list}"),
    }
}

fn no_function(asked: &str, imported: bool, similar: &[String]) -> String {
    let asked = asked.escape_debug();
    if imported {
        return format!("the function {asked} is imported, so the module has no code of it; name one that it defines");
    }
    // A module's names may be any text.
    let similar: Vec<String> = similar.iter().map(|name| name.escape_debug().to_string()).collect();
    match similar.join(", ") {
        none if none.is_empty() => {
            format!(
                "the module has no function {asked}; give a name as the name section or an export has it, or an index"
            )
        }
        list => format!("the module has no function {asked}; similar names are {list}"),
    }
}

fn lines(problems: &[WorldProblem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

/// Why modules can't be linked to each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkProblem {
    /// Two modules have one name.
    #[error("two modules are linked as {name:?}; give each a name of its own")]
    Twice {
        /// The name.
        name: String,
    },
    /// Nothing is imported from a module.
    #[error(
        "nothing is imported from {name:?}; leave it out, or name it as imports do: they are from {}",
        quoted(imported)
    )]
    Unused {
        /// The name that it is linked by.
        name: String,
        /// The first few names of modules that imports are from.
        imported: Vec<String>,
    },
    /// Modules import from each other in a circle.
    #[error("modules that import from each other in a circle can't be linked: {}", names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" imports from "))]
    Circle {
        /// The names that they are linked by; the first is the last.
        names: Vec<String>,
    },
    /// A module does not export what another imports from it.
    #[error("{} imports {module:?} {name:?}, and the module linked as {module:?} has no export of that name", importer(from.as_deref()))]
    Missing {
        /// The name that the importing module is linked by; `None`: it is the main one.
        from: Option<String>,
        /// The name that the other is linked by.
        module: String,
        /// The import's name.
        name: String,
    },
    /// An export is not of the type of the import that it satisfies.
    #[error("incompatible import type: {} imports {module:?} {name:?} as {expected}, and what {module:?} exports is {found}", importer(from.as_deref()))]
    Type {
        /// The name that the importing module is linked by; `None`: it is the main one.
        from: Option<String>,
        /// The name that the other is linked by.
        module: String,
        /// The name of both.
        name: String,
        /// The import's type, in words.
        expected: String,
        /// The export's.
        found: String,
    },
    /// A linked module imports a function that is left to the host, which would take the main module's memory for its own.
    #[error(
        "{linked:?} imports the function {module:?} {name:?} from the host, which would be given the main module's memory \"memory\", and not {linked:?}'s; link it at run time, with bailiwick run --preload {linked}=FILE"
    )]
    HostMemory {
        /// The name that it is linked by.
        linked: String,
        /// The import's module.
        module: String,
        /// The import's name.
        name: String,
    },
}

fn importer(name: Option<&str>) -> String {
    name.map_or_else(|| "the module".to_owned(), |name| format!("{name:?}"))
}

fn quoted(names: &[String]) -> String {
    match names {
        [] => "no module at all".to_owned(),
        names => names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", "),
    }
}

/// An import or export that is not as a world wants it. Signatures are those of core functions: `(i32, i32) -> i32`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorldProblem {
    /// The name of an export, or module and field of an import.
    pub name: String,
    /// Whether it is an import.
    pub import: bool,
    /// The function in WIT, if it stands for one.
    pub wit: Option<String>,
    /// What it should be; `None`: it should not be there.
    pub expected: Option<String>,
    /// What it is; `None`: it is not there.
    pub found: Option<String>,
}

impl fmt::Display for WorldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.import { "import" } else { "export" };
        // A module's names may be any text.
        let name = self.name.escape_debug();
        match (&self.expected, &self.found) {
            (Some(expected), Some(found)) => write!(f, "the {what} {name} is {found}, and should be {expected}")?,
            (Some(expected), None) => write!(f, "there is no {what} {name}, which should be {expected}")?,
            (None, found) => {
                let found = found.as_deref().unwrap_or("there");
                write!(f, "the {what} {name}, which is {found}, is of no function in the world")?;
            }
        }
        match &self.wit {
            Some(wit) => write!(f, ", for {wit}"),
            None => Ok(()),
        }
    }
}

/// Result of compiling, or of a step of it.
pub type Result<T, E = CompileError> = std::result::Result<T, E>;
