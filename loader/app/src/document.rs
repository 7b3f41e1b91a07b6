//! Manifests as TOML: text to values, and values by name, with messages for people.
//!
//! Code that is made for each type of a table by itself, as `serde` derives it, would be several times as large as what is here.

use super::manifest::{ManifestError, key_of};
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

/// The most characters of a line that an error shows.
const MAX_SHOWN: usize = 100;

/// A manifest's text, parsed.
pub(super) struct Document<'a> {
    text: &'a str,
    table: Spanned<DeTable<'a>>,
}

impl<'a> Document<'a> {
    /// # Errors
    /// With line and column, for what is no TOML.
    pub(super) fn parse(text: &'a str) -> Result<Document<'a>, ManifestError> {
        match DeTable::parse(text) {
            Ok(table) => Ok(Document { text, table }),
            Err(e) => Err(ManifestError::Toml(e.to_string().trim_end().to_owned())),
        }
    }

    /// Its values.
    ///
    /// # Errors
    /// For numbers that are none here.
    pub(super) fn values(&self) -> Result<Table, ManifestError> {
        table_of("", self.table.get_ref())
    }

    /// The error, with the line that it is about.
    pub(super) fn place(&self, error: ManifestError) -> ManifestError {
        match error {
            ManifestError::Value { key, mut message } => {
                if let Some(at) = place(self.table.get_ref(), "", &key) {
                    let begin =
                        self.text.as_bytes()[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
                    let line = self.text[begin..].lines().next().unwrap_or_default().trim();
                    let number = 1 + self.text.as_bytes()[..begin].iter().filter(|&&byte| byte == b'\n').count();
                    let shown: String = line.chars().take(MAX_SHOWN).collect();
                    let more = if shown.len() < line.len() { "…" } else { "" };
                    message.push_str(&format!(" (line {number}: {}{more})", shown.replace(char::is_control, " ")));
                }
                ManifestError::Value { key, message }
            }
            other => other,
        }
    }
}

/// Where a key is, or the one above it.
fn place(table: &DeTable<'_>, above: &str, key: &str) -> Option<usize> {
    let mut nearest = None;
    for (name, value) in table {
        let this = key_of(above, name.get_ref());
        if this == key {
            return Some(name.span().start);
        }
        if let Some(rest) = key.strip_prefix(&this)
            && rest.starts_with('.')
        {
            nearest = value.get_ref().as_table().and_then(|below| place(below, &this, key));
            nearest = nearest.or(Some(name.span().start));
        }
    }
    nearest
}

fn table_of(key: &str, table: &DeTable<'_>) -> Result<Table, ManifestError> {
    let mut values = Table::new();
    for (name, value) in table {
        values.insert(name.get_ref().to_string(), value_of(&key_of(key, name.get_ref()), value.get_ref())?);
    }
    Ok(values)
}

fn value_of(key: &str, value: &DeValue<'_>) -> Result<Value, ManifestError> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(is) => Value::Boolean(*is),
        DeValue::Datetime(time) => Value::Datetime(*time),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => return Err(ManifestError::value(key, format!("{number} is no number of 64 bits"))),
        },
        DeValue::Float(number) => match number.as_str().parse() {
            Ok(number) => Value::Float(number),
            Err(_) => return Err(ManifestError::value(key, format!("{number} is no number"))),
        },
        DeValue::Array(values) => {
            let values = values.iter().map(|value| value_of(key, value.get_ref()));
            Value::Array(values.collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => Value::Table(table_of(key, table)?),
    })
}

/// A table, of which values are taken by name.
pub(super) struct Fields {
    key: String,
    table: Table,
}

impl Fields {
    /// The table at `key`, which has no fields but those that are `known`.
    ///
    /// # Errors
    /// If it has others.
    pub(super) fn new(key: &str, table: Table, known: &[&str]) -> Result<Fields, ManifestError> {
        if let Some(name) = table.keys().find(|name| !known.contains(&name.as_str())) {
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            let shown = key_of("", name);
            let message = format!("unknown field `{shown}`, expected one of {}", known.join(", "));
            return Err(ManifestError::value(key_of(key, name), message));
        }
        Ok(Fields { key: key.to_owned(), table })
    }

    /// The key of a field.
    pub(super) fn key(&self, name: &str) -> String {
        key_of(&self.key, name)
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.table.remove(name)
    }

    fn wrong(&self, name: &str, found: &Value, wanted: &str) -> ManifestError {
        wrong(self.key(name), found, wanted)
    }

    /// A text.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, ManifestError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(name, &other, "a text in quotes")),
        }
    }

    /// A text that must be there.
    pub(super) fn needed(&mut self, name: &str) -> Result<String, ManifestError> {
        let key = self.key.clone();
        self.text(name)?.ok_or_else(|| ManifestError::value(key, format!("missing field `{name}`")))
    }

    /// Texts.
    pub(super) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, ManifestError> {
        let values = match self.take(name) {
            None => return Ok(None),
            Some(Value::Array(values)) => values,
            Some(other) => return Err(self.wrong(name, &other, "a list, as [\"…\"]")),
        };
        let mut texts = Vec::new();
        for value in values {
            match value {
                Value::String(text) => texts.push(text),
                other => return Err(self.wrong(name, &other, "a text in quotes")),
            }
        }
        Ok(Some(texts))
    }

    /// Whether something is so.
    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, ManifestError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Boolean(is)) => Ok(Some(is)),
            Some(other) => Err(self.wrong(name, &other, "true or false")),
        }
    }

    /// A number.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<u64>, ManifestError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Integer(number @ 0..)) => Ok(Some(number as u64)),
            Some(other) => Err(self.wrong(name, &other, "a whole number, not negative")),
        }
    }

    /// A number of 32 bits.
    pub(super) fn count(&mut self, name: &str) -> Result<Option<u32>, ManifestError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Integer(number)) if u32::try_from(number).is_ok() => Ok(Some(number as u32)),
            Some(other) => Err(self.wrong(name, &other, "a whole number from 0 to 4294967295")),
        }
    }

    /// A table, empty if it is not there.
    pub(super) fn table(&mut self, name: &str) -> Result<Table, ManifestError> {
        self.take(name).map_or_else(|| Ok(Table::new()), |value| table(&self.key(name), value, "a table"))
    }

    /// Whatever it is.
    pub(super) fn value(&mut self, name: &str) -> Option<Value> {
        self.take(name)
    }
}

/// The value at `key`, which is a table: `wanted` says of which form.
pub(super) fn table(key: &str, value: Value, wanted: &str) -> Result<Table, ManifestError> {
    match value {
        Value::Table(table) => Ok(table),
        other => Err(wrong(key.to_owned(), &other, wanted)),
    }
}

fn wrong(key: String, found: &Value, wanted: &str) -> ManifestError {
    let found = match found {
        Value::String(text) => format!("string {text:?}"),
        Value::Integer(number) => format!("integer `{number}`"),
        Value::Float(number) => format!("floating point `{number}`"),
        Value::Boolean(is) => format!("boolean `{is}`"),
        Value::Datetime(time) => format!("time `{time}`"),
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    };
    ManifestError::value(key, format!("invalid type: {found}, expected {wanted}"))
}
