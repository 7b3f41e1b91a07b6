//! The options that bound a guest.

use super::exit::Failure;
use super::options::{Choice, Given};
use super::values::{parse_count, parse_duration, parse_size};
use bailiwick_loader::{Error, Group, GroupConfig, Refused, TrapCode};
use bytesize::ByteSize;
use rustix::process::{Resource, getrlimit, setrlimit};
use std::time::Duration;

/// Bounds of time, memory and descriptors, as text that was found to be right when it was read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Limits {
    timeout: Option<String>,
    max_memory: Option<String>,
    max_stack: Option<String>,
    max_table: Option<String>,
    max_exceptions: Option<String>,
    max_descriptors: Option<String>,
}

/// How these options are told.
pub const OPTIONS: [Choice; 6] = [
    Choice::taking(
        "timeout",
        &["DURATION"],
        "End the guest after this time, as 500ms, 2s or 1m 30s; compiling does not count",
    )
    .of(|text| parse_duration(text).map(drop)),
    Choice::taking("max-memory", &["SIZE"], "Most bytes of each of the guest's memories, as 64MiB")
        .of(|text| parse_size(text).map(drop)),
    Choice::taking("max-stack", &["SIZE"], "Bytes of the guest's stack, 64KiB to 24MiB")
        .of(|text| parse_size(text).map(drop)),
    Choice::taking("max-table", &["N"], "Most elements of all the guest's tables")
        .of(|text| parse_count::<u64>(text).map(drop)),
    Choice::taking(
        "max-exceptions",
        &["N"],
        "Most exceptions at once that the guest can still reach [default: 1000000]",
    )
    .of(|text| parse_count::<usize>(text).map(drop)),
    Choice::taking(
        "max-descriptors",
        &["N"],
        "Most descriptors at once, standard streams and folders among them [default: 1024]",
    )
    .of(|text| parse_descriptors(text).map(drop)),
];

/// What the options say.
pub struct Bounds {
    /// How long the guest may run.
    pub timeout: Option<Duration>,
    /// How many descriptors it may hold.
    pub max_descriptors: Option<u32>,
    /// Those of the group that it runs in.
    pub config: GroupConfig,
}

impl Limits {
    /// What was given.
    pub fn new(given: &mut Given) -> Limits {
        Limits {
            timeout: given.text("timeout"),
            max_memory: given.text("max-memory"),
            max_stack: given.text("max-stack"),
            max_table: given.text("max-table"),
            max_exceptions: given.text("max-exceptions"),
            max_descriptors: given.text("max-descriptors"),
        }
    }

    /// Whether any of them was given but the time.
    pub fn given_but_timeout(&self) -> bool {
        [&self.max_memory, &self.max_stack, &self.max_table, &self.max_exceptions, &self.max_descriptors]
            .into_iter()
            .any(Option::is_some)
    }

    /// What they say.
    pub fn read(&self) -> Result<Bounds, Failure> {
        fn read<T>(text: &Option<String>, parse: fn(&str) -> Result<T, String>) -> Result<Option<T>, Failure> {
            text.as_deref().map(parse).transpose().map_err(Failure::usage)
        }
        let mut config = GroupConfig::default();
        if let Some(bytes) = read(&self.max_memory, parse_size)? {
            config.max_memory = bytes;
        }
        if let Some(bytes) = read(&self.max_stack, parse_size)? {
            config.stack_size = usize::try_from(bytes).unwrap_or(usize::MAX);
        }
        if let Some(elements) = read(&self.max_table, parse_count)? {
            config.max_table_elements = elements;
        }
        if let Some(exceptions) = read(&self.max_exceptions, parse_count)? {
            config.max_exceptions = exceptions;
        }
        Ok(Bounds {
            timeout: read(&self.timeout, parse_duration)?,
            max_descriptors: read(&self.max_descriptors, parse_descriptors)?,
            config,
        })
    }
}

/// A guest has at least the numbers of its standard streams.
fn parse_descriptors(text: &str) -> Result<u32, String> {
    match parse_count(text)? {
        count @ 3.. => Ok(count),
        count => Err(format!("{count} is less than the three standard streams")),
    }
}

impl Bounds {
    /// Says which limit of the command line a guest ran into: it can't know itself.
    pub fn note(&self, group: &Group, error: Option<&Error>) {
        let note = match group.refused() {
            _ if error.and_then(Error::trap_code) == Some(TrapCode::StackOverflow) => {
                let size = self.config.stack_size as u64;
                format!("the guest's stack has {}; --max-stack gives it more or less", ByteSize(size))
            }
            Some(Refused::MemoryBytes(limit)) => {
                format!("a memory did not grow beyond {} (--max-memory)", ByteSize(limit))
            }
            Some(Refused::TableElements(limit)) => {
                format!("a table did not grow beyond {limit} elements (--max-table)")
            }
            Some(Refused::Exceptions(limit)) => {
                format!("there were {limit} exceptions that the guest could still reach (--max-exceptions)")
            }
            Some(Refused::ExceptionBytes(limit)) => {
                format!("the exceptions that the guest could still reach had {}, as many as may be", ByteSize(limit))
            }
            _ => return,
        };
        super::text::say(&format!("note: {note}"));
    }
}

/// Lets this process open as many files as it ever may, so that a guest's own limit is what it comes to first. Where
/// that is refused, the guest sees the host's limit.
pub fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
