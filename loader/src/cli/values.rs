//! How values of options are read: as text that is checked when it is read, so that clap says what is wrong with it, and
//! parsed when it is used. clap's machinery is compiled anew for each type of value; with one type it stays small.

use bytesize::ByteSize;

/// A check, for clap: the text itself, or what is wrong with it.
pub type Check = fn(&str) -> Result<String, String>;

/// The text, if it can be parsed.
pub fn checked<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<String, String> {
    parse(text).map(|_| text.to_owned())
}

/// A number.
pub fn parse_count<N: std::str::FromStr<Err = std::num::ParseIntError>>(text: &str) -> Result<N, String> {
    text.parse().map_err(|e: std::num::ParseIntError| e.to_string())
}

/// Bytes: `64MiB`, `64MB`, `67108864`.
pub fn parse_size(text: &str) -> Result<u64, String> {
    text.parse::<ByteSize>().map(|size| size.as_u64())
}

/// A length of time: `500ms`, `1m 30s`.
pub fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    humantime::parse_duration(text).map_err(|e| e.to_string())
}
