//! What a module may use up.

use super::cap::Widening;
use super::manifest::{ManifestError, bytes};
use bailiwick_runtime_abi::limits::{MAX_STACK_SIZE, MIN_STACK_SIZE};
use serde::Deserialize;
use std::time::Duration;

/// Limits of one instance; `None` is the loader's own default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of its linear memories together.
    pub memory: Option<u64>,
    /// Bytes of the stack.
    pub stack: Option<u64>,
    /// Elements of all tables.
    pub table: Option<u64>,
    /// Exceptions at one time that can still be reached.
    pub exceptions: Option<u64>,
    /// Open descriptors.
    pub descriptors: Option<u64>,
    /// Handles that it holds: descriptors that others passed to it.
    pub handles: Option<u64>,
    /// Bytes that one call of it may pass, there and back. Who passes more is at fault.
    pub values: Option<u64>,
    /// Time of one call over the edge, callees included.
    pub time: Option<Duration>,
    /// Instructions, roughly. Derived, and not yet enforced: what has it is refused.
    pub fuel: Option<u64>,
}

/// Limits as they are written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsText {
    memory: Option<String>,
    stack: Option<String>,
    table: Option<u64>,
    exceptions: Option<u64>,
    descriptors: Option<u64>,
    handles: Option<u64>,
    values: Option<String>,
    time: Option<String>,
    fuel: Option<String>,
}

impl LimitsText {
    pub(super) fn checked(self, key: &str) -> Result<Limits, ManifestError> {
        let size =
            |field: &str, text: Option<String>| text.map(|text| bytes(&format!("{key}.{field}"), &text)).transpose();
        let stack_text = self.stack.clone();
        let time = self.time.map(|text| {
            let bare = text.strip_suffix("/call").unwrap_or(&text);
            humantime::parse_duration(bare)
                .map_err(|e| ManifestError::value(format!("{key}.time"), format!("{text:?}: {e}; as \"2s/call\"")))
        });
        let time = match time.transpose()? {
            Some(Duration::ZERO) => {
                return Err(ManifestError::value(
                    format!("{key}.time"),
                    "\"0s\": no call could do anything in no time",
                ));
            }
            time => time,
        };
        let stack = size("stack", self.stack)?;
        if let Some(bytes) = stack.filter(|bytes| !(MIN_STACK_SIZE..=MAX_STACK_SIZE).contains(bytes)) {
            let size = |bytes| bytesize::ByteSize(bytes).to_string();
            let message = format!(
                "{:?}: a stack has {} to {}",
                stack_text.unwrap_or_else(|| size(bytes)),
                size(MIN_STACK_SIZE),
                size(MAX_STACK_SIZE)
            );
            return Err(ManifestError::value(format!("{key}.stack"), message));
        }
        let fuel = self.fuel.map(|text| {
            fuel(&text).ok_or_else(|| {
                ManifestError::value(format!("{key}.fuel"), format!("{text:?} is no amount, as \"200M/call\""))
            })
        });
        Ok(Limits {
            memory: size("memory", self.memory)?,
            stack,
            table: self.table,
            exceptions: self.exceptions,
            descriptors: self.descriptors,
            handles: self.handles,
            values: size("values", self.values)?,
            time,
            fuel: fuel.transpose()?,
        })
    }
}

/// An amount: digits, then `k`, `M`, `G` or nothing, then `/call` or nothing.
fn fuel(text: &str) -> Option<u64> {
    let text = text.strip_suffix("/call").unwrap_or(text);
    let (digits, unit) = match text.char_indices().last()? {
        (at, 'k') => (&text[..at], 1_000),
        (at, 'M') => (&text[..at], 1_000_000),
        (at, 'G') => (&text[..at], 1_000_000_000),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

impl Limits {
    /// These limits for one below, which asks for its own: what it does not name it inherits, what it names must be within.
    ///
    /// # Errors
    /// [`Widening`] if it asks for more.
    pub fn derive(&self, asked: &Limits) -> Result<Limits, Widening> {
        fn within<T: Copy + PartialOrd>(
            field: &'static str,
            held: Option<T>,
            asked: Option<T>,
            show: impl Fn(T) -> String,
        ) -> Result<Option<T>, Widening> {
            match (held, asked) {
                (Some(held), Some(asked)) if asked > held => Err(Widening::field(field, show(asked), show(held))),
                (held, asked) => Ok(asked.or(held)),
            }
        }
        let size = |bytes| bytesize::ByteSize(bytes).to_string();
        let number = |n: u64| n.to_string();
        Ok(Limits {
            memory: within("limits.memory", self.memory, asked.memory, size)?,
            stack: within("limits.stack", self.stack, asked.stack, size)?,
            table: within("limits.table", self.table, asked.table, number)?,
            exceptions: within("limits.exceptions", self.exceptions, asked.exceptions, number)?,
            descriptors: within("limits.descriptors", self.descriptors, asked.descriptors, number)?,
            handles: within("limits.handles", self.handles, asked.handles, number)?,
            values: within("limits.values", self.values, asked.values, size)?,
            time: within("limits.time", self.time, asked.time, |t| humantime::format_duration(t).to_string())?,
            fuel: within("limits.fuel", self.fuel, asked.fuel, number)?,
        })
    }

    /// Whether `other` is at most this.
    pub fn covers(&self, other: &Limits) -> bool {
        self.derive(other).as_ref() == Ok(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_inherited_and_what_is_named_is_within() {
        let held = Limits { memory: Some(100), time: Some(Duration::from_secs(2)), ..Limits::default() };
        let asked = Limits { memory: Some(50), table: Some(9), ..Limits::default() };
        let derived = held.derive(&asked).unwrap();
        assert_eq!(derived, Limits { memory: Some(50), table: Some(9), time: held.time, ..Limits::default() });
        assert!(held.covers(&derived) && !derived.covers(&held));
        let more = Limits { memory: Some(101), ..Limits::default() };
        assert_eq!(held.derive(&more).unwrap_err().to_string(), "limits.memory: 101 B is more than 100 B");
    }

    #[test]
    fn amounts_of_fuel() {
        assert_eq!(fuel("200M/call"), Some(200_000_000));
        assert_eq!(fuel("7"), Some(7));
        assert_eq!(fuel("1k"), Some(1000));
        for text in ["", "k", "-1", "1T", "99999999999G"] {
            assert_eq!(fuel(text), None, "{text:?}");
        }
    }
}
