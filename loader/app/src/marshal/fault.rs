//! Whose fault it was that a call did not get through, where and what.

use super::{HandleError, MAX_CONTENT_SIZE, Side};
use bailiwick_loader::Error;
use std::fmt;

/// Who broke the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Offender {
    /// The module that made the call.
    Caller,
    /// The module that was called.
    Callee,
    /// The loader itself: an error in the code of the edge, not in a guest.
    Host,
}

impl From<Side> for Offender {
    fn from(side: Side) -> Offender {
        match side {
            Side::Caller => Offender::Caller,
            Side::Callee => Offender::Callee,
        }
    }
}

impl fmt::Display for Offender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Offender::Caller => "the caller",
            Offender::Callee => "the callee",
            Offender::Host => "the host",
        })
    }
}

/// How far a call had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The parameters were carried over. The callee's function has not been called.
    Params,
    /// The callee's function ran.
    Function,
    /// The result was carried back.
    Result,
    /// The callee's post-return function ran. The result is in the caller's memory.
    PostReturn,
}

/// What a range of a memory was to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Region {
    /// The bytes of a string.
    String,
    /// The elements of a list.
    List,
    /// All parameters, which are too many to be passed one by one.
    Params,
    /// The result, which is too large to be returned as a number.
    Result,
    /// What `cabi_realloc` was asked for.
    Allocation,
    /// A part of one of the others, which was there before: only a memory that shrank can lack it, and none does.
    Part,
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Region::String => "a string",
            Region::List => "a list",
            Region::Params => "parameters",
            Region::Result => "a result",
            Region::Allocation => "an allocation",
            Region::Part => "a value",
        })
    }
}

/// What the offender did; reads as what follows its name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// It ended while it was allocating, running or cleaning up.
    #[error("ended: {0}")]
    Ended(#[source] Box<Error>),
    /// It has no memory to hold the value.
    #[error("exports no memory")]
    NoMemory,
    /// A range that is not within its memory.
    #[error("has {region} of {size} bytes at address {address}, beyond its memory of {memory} bytes")]
    OutOfBounds {
        /// What the range was to hold.
        region: Region,
        /// Where it begins.
        address: u64,
        /// Its bytes.
        size: u64,
        /// The bytes of the memory, at that moment.
        memory: u64,
    },
    /// An address that is not a multiple of the alignment.
    #[error("has {region} at address {address}, which is no multiple of {align}")]
    Misaligned {
        /// What is to be there.
        region: Region,
        /// The address.
        address: u32,
        /// What it must be a multiple of.
        align: u32,
    },
    /// A string or list of more bytes than [`MAX_CONTENT_SIZE`].
    #[error("has {region} of {size} bytes, and {MAX_CONTENT_SIZE} is the most")]
    TooLong {
        /// [`Region::String`] or [`Region::List`].
        region: Region,
        /// Its bytes.
        size: u64,
    },
    /// A string that is not UTF-8.
    #[error("has a string that is no UTF-8, from byte {offset} on")]
    NotUtf8 {
        /// Where, in bytes from its beginning.
        offset: u64,
    },
    /// A `char` that is no Unicode scalar value.
    #[error("has {0:#x} for a char")]
    NotChar(u32),
    /// A discriminant that no case has.
    #[error("has case {index} of {cases}, counted from 0")]
    NoSuchCase {
        /// The discriminant.
        index: u32,
        /// How many cases there are.
        cases: u32,
    },
    /// A handle that can't cross.
    #[error("{0}")]
    Handle(#[source] HandleError),
    /// It passes more in one call than it may.
    #[error("passes more than {limit} {unit} in one call")]
    Limit {
        /// "bytes" or "elements".
        unit: &'static str,
        /// The limit, see [`super::Limits`].
        limit: u64,
    },
    /// It is to end.
    #[error("was interrupted")]
    Interrupted,
    /// The edge passes another number of core values than the function has.
    #[error(
        "passes {params} parameters and {results} results where there are {expected_params} and {expected_results}"
    )]
    Values {
        /// How many parameters it passes.
        params: usize,
        /// For how many results it has room.
        results: usize,
        /// How many parameters there are.
        expected_params: usize,
        /// How many results there are.
        expected_results: usize,
    },
}

/// Why a call did not get through.
#[derive(Debug)]
pub struct Fault {
    /// Who is to blame.
    pub offender: Offender,
    /// How far the call had come.
    pub stage: Stage,
    /// The value that it happened at: `parameter zip[3].name`, `the result.ok`; empty for the call as a whole.
    pub place: String,
    /// What the offender did.
    pub kind: FaultKind,
}

impl Fault {
    /// At the value that is being looked at; those around it add their part with [`Fault::within`].
    pub(super) fn new(offender: impl Into<Offender>, stage: Stage, kind: FaultKind) -> Box<Fault> {
        Box::new(Fault { offender: offender.into(), stage, place: String::new(), kind })
    }

    /// The same fault, of the value that has this part. Types are at most 64 deep, so this is done at most 65 times.
    pub(super) fn within(mut self: Box<Self>, part: &str) -> Box<Fault> {
        self.place.insert_str(0, part);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        write!(f, "{} {}", self.offender, self.kind)
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.kind)
    }
}
