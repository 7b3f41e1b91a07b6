//! How values of options are read: as text, of which it is said at once what is wrong with it, and which is parsed where it
//! is used.

use bytesize::ByteSize;

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
