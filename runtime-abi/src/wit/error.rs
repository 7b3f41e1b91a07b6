//! What a world may not be.

use alloc::string::String;

/// Why types or functions can't be those of a world, or bytes are no encoded one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WitError {
    /// There is more of something than a limit of [`super`] allows.
    #[error("{what}, and the limit is {limit}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be, in the unit that `what` implies.
        limit: u64,
    },
    /// A name that is empty, too long, or holds something else than printable ASCII.
    #[error("{0:?} is no name: it must be 1 to 1024 printable ASCII characters")]
    Name(String),
    /// Two things of one name in one scope.
    #[error("{what} {name} is there twice")]
    Duplicate {
        /// "field", "case", "flag", "parameter", "import", "export" or "resource".
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A rule of the Component Model that the type or function breaks.
    #[error("{0}")]
    Rule(&'static str),
    /// Bytes that no encoder has written.
    #[error("the encoded world is damaged at byte {offset}: {problem}")]
    Damaged {
        /// Where, in bytes from the beginning.
        offset: usize,
        /// What is wrong there.
        problem: &'static str,
    },
}
