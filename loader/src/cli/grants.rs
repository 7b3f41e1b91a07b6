//! What `--dir`, `--dir-ro` and `--env` grant.

use super::exit::Failure;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// A folder of the host and the name that the guest sees it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirGrant {
    /// On the host.
    pub host: PathBuf,
    /// For the guest.
    pub guest: String,
}

/// Parses `HOST[::GUEST]`; without `::GUEST` the guest's name is the host's, as Wasmtime has it.
pub fn parse_dir(text: &str) -> Result<DirGrant, String> {
    let (host, guest) = text.rsplit_once("::").unwrap_or((text, text));
    if host.is_empty() || guest.is_empty() {
        return Err("it wants HOST or HOST::GUEST, neither empty".to_owned());
    }
    Ok(DirGrant { host: host.into(), guest: guest.to_owned() })
}

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
    fn a_folder_is_named_as_on_the_host_unless_it_says_otherwise() {
        assert_eq!(parse_dir("data").unwrap(), DirGrant { host: "data".into(), guest: "data".into() });
        assert_eq!(parse_dir("a::/b").unwrap(), DirGrant { host: "a".into(), guest: "/b".into() });
        assert_eq!(parse_dir("a::b::/c").unwrap(), DirGrant { host: "a::b".into(), guest: "/c".into() });
        assert!(parse_dir("").is_err());
        assert!(parse_dir("::/b").is_err());
        assert!(parse_dir("a::").is_err());
    }

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
