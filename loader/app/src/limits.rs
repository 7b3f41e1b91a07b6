//! What a module may use up.

use super::cap::Widening;
use super::document::Fields;
use super::manifest::{ManifestError, bytes};
use bailiwick_runtime_abi::limits::{MAX_STACK_SIZE, MIN_STACK_SIZE};
use std::time::Duration;
use toml::Table;

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

impl Limits {
    /// Reads the table at `key`.
    ///
    /// # Errors
    /// [`ManifestError::Value`]
    pub(super) fn read(key: &str, table: Table) -> Result<Limits, ManifestError> {
        let known = ["memory", "stack", "table", "exceptions", "descriptors", "handles", "values", "time", "fuel"];
        let mut fields = Fields::new(key, table, &known)?;
        let mut size = |field: &str| match fields.text(field)? {
            Some(text) => Ok(Some((bytes(&fields.key(field), &text)?, text))),
            None => Ok::<_, ManifestError>(None),
        };
        let (memory, stack, values) = (size("memory")?, size("stack")?, size("values")?);
        if let Some((_, text)) = stack.as_ref().filter(|(bytes, _)| !(MIN_STACK_SIZE..=MAX_STACK_SIZE).contains(bytes))
        {
            let size = |bytes| bytesize::ByteSize(bytes).to_string();
            let message = format!("{text:?}: a stack has {} to {}", size(MIN_STACK_SIZE), size(MAX_STACK_SIZE));
            return Err(ManifestError::value(fields.key("stack"), message));
        }
        let time = match fields.text("time")? {
            None => None,
            Some(text) => match humantime::parse_duration(text.strip_suffix("/call").unwrap_or(&text)) {
                Ok(Duration::ZERO) => {
                    let message = "\"0s\": no call could do anything in no time";
                    return Err(ManifestError::value(fields.key("time"), message));
                }
                Ok(time) => Some(time),
                Err(e) => {
                    let message = format!("{text:?}: {e}; as \"2s/call\"");
                    return Err(ManifestError::value(fields.key("time"), message));
                }
            },
        };
        let fuel = match fields.text("fuel")? {
            None => None,
            Some(text) => match fuel(&text) {
                Some(fuel) => Some(fuel),
                None => {
                    let message = format!("{text:?} is no amount, as \"200M/call\"");
                    return Err(ManifestError::value(fields.key("fuel"), message));
                }
            },
        };
        Ok(Limits {
            memory: memory.map(|(bytes, _)| bytes),
            stack: stack.map(|(bytes, _)| bytes),
            table: fields.number("table")?,
            exceptions: fields.number("exceptions")?,
            descriptors: fields.number("descriptors")?,
            handles: fields.number("handles")?,
            values: values.map(|(bytes, _)| bytes),
            time,
            fuel,
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
