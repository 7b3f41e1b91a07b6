//! What was denied to a guest, told to whoever granted.
//!
//! A denial is a call that failed because something was not granted, and not because of the world: see [`Rule`].

use super::errno::{Errno, Rule};
use super::memory::GuestMemory;

/// The most bytes of a path that a record holds.
const MAX_SHOWN_BYTES: u32 = 256;

/// One denied call.
#[derive(Debug)]
#[non_exhaustive]
pub struct Denial<'a> {
    /// The module of the import, as `wasi_snapshot_preview1`.
    pub module: &'static str,
    /// The function.
    pub function: &'static str,
    /// Its arguments by name, in order; a pointer to a path and its length are one, the path.
    pub arguments: &'a [(&'static str, Argument)],
    /// What the guest was told.
    pub errno: Errno,
    /// Why.
    pub rule: Rule,
    /// Of a module that broke its contract: how. It may hold anything.
    pub why: Option<&'a str>,
}

/// An argument of a denied call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A number, as the guest passed it.
    Number(u64),
    /// A path: what of it is UTF-8, and no more than 256 bytes. It is the guest's: it may hold anything.
    Path(String),
}

/// Is told of every denial, on the thread of the guest, which waits meanwhile.
pub(super) type Auditor = Box<dyn FnMut(&Denial<'_>) + Send>;

/// Puts the arguments of a call together: `names` and `values` as they stand in its signature, where a path's pointer is
/// followed by its length, named like it but for `_len`.
pub(super) fn arguments(
    names: &'static [&'static str],
    values: &[u64],
    mem: &GuestMemory<'_>,
) -> Vec<(&'static str, Argument)> {
    let mut arguments = Vec::with_capacity(values.len());
    let mut pairs = names.iter().copied().zip(values.iter().copied()).peekable();
    while let Some((name, value)) = pairs.next() {
        let is_path = matches!(name, "path" | "old" | "new" | "target");
        let length = pairs.peek().filter(|(next, _)| next.strip_suffix("_len") == Some(name)).map(|&(_, len)| len);
        let argument = match length {
            Some(len) if is_path => {
                pairs.next();
                let len = u32::try_from(len).unwrap_or(u32::MAX).min(MAX_SHOWN_BYTES);
                match mem.slice(value as u32, len) {
                    Ok(path) => Argument::Path(String::from_utf8_lossy(path).into_owned()),
                    Err(_) => Argument::Number(value),
                }
            }
            _ => Argument::Number(value),
        };
        arguments.push((name, argument));
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_argument() {
        let mut bytes = *b"....../etc/passwd";
        let mem = GuestMemory::new(&mut bytes);
        let told = arguments(&["fd", "path", "path_len", "buf", "len"], &[3, 6, 11, 0, 9], &mem);
        let number = |n| Argument::Number(n);
        let path = Argument::Path("/etc/passwd".to_owned());
        assert_eq!(told, [("fd", number(3)), ("path", path), ("buf", number(0)), ("len", number(9))]);
        let told = arguments(&["path", "path_len"], &[6, 12], &mem);
        assert_eq!(told, [("path", number(6))], "outside of the memory");
    }
}
