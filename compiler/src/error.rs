//! What can go wrong, each with what, where and what to do.

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
    /// The input breaks a rule of the specification.
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

/// Result of compiling, or of a step of it.
pub type Result<T, E = CompileError> = std::result::Result<T, E>;
