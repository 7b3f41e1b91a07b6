//! What `--env` and `--preload` grant.

use super::exit::Failure;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// A variable's name and value.
pub type Variable = (Vec<u8>, Vec<u8>);

/// An environment variable: `NAME=VALUE`, or `NAME` for the host's value.
pub fn environment(arguments: &[OsString]) -> Result<Vec<Variable>, Failure> {
    let mut variables = Vec::new();
    for argument in arguments {
        let bytes = argument.as_bytes();
        let (name, value) = match bytes.iter().position(|&b| b == b'=') {
            Some(0) => return Err(Failure::usage("--env wants NAME or NAME=VALUE; the name is empty")),
            Some(i) => (bytes[..i].to_vec(), bytes[i + 1..].to_vec()),
            // A name that is not set on the host either stays unset.
            None => match std::env::var_os(OsStr::from_bytes(bytes)) {
                Some(value) => (bytes.to_vec(), value.into_vec()),
                None => continue,
            },
        };
        variables.push((name, value));
    }
    Ok(variables)
}

/// A module that provides imports: `NAME=FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preload {
    /// The module name of the imports it provides.
    pub name: String,
    /// Artifact or WebAssembly.
    pub file: PathBuf,
}

/// Parses `NAME=FILE`.
pub fn parse_preload(text: &str) -> Result<Preload, String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok(Preload { name: name.to_owned(), file: file.into() })
        }
        _ => Err("it wants NAME=FILE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_given_or_taken_from_the_host() {
        let given = environment(&["A=1".into(), "B=".into(), "C=x=y".into()]).unwrap();
        let pairs = [("A", "1"), ("B", ""), ("C", "x=y")];
        assert_eq!(given, pairs.map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())));
        assert!(environment(&["=1".into()]).is_err());
        let home = environment(&["PATH".into(), "BAILIWICK_SURELY_UNSET".into()]).unwrap();
        assert_eq!(home.len(), 1);
    }

    #[test]
    fn a_preload_has_a_name_and_a_file() {
        assert_eq!(parse_preload("a=b=c").unwrap(), Preload { name: "a".into(), file: "b=c".into() });
        assert!(parse_preload("a").is_err());
        assert!(parse_preload("=a").is_err());
    }
}
