//! WIT text on its way to a compiler that opens nothing itself: the files of a package as one string of bytes.
//!
//! ```text
//! bundle := "bailiwick-wit 1\n" file…            ascending by path
//! file   := path " " length in decimal "\n" text  length in bytes
//! path   := "NAME.wit"            a file of the package itself
//!         | "deps/NAME.wit"       a package that it uses, in one file
//!         | "deps/DIR/NAME.wit"   a file of a package that it uses
//! ```
//!
//! These are the files that WIT tools read of a folder.

use super::MAX_TEXT_SIZE;
use super::error::WitError;
use alloc::format;
use alloc::vec::Vec;

/// First line of a bundle.
pub const HEADER: &str = "bailiwick-wit 1\n";
/// Most files.
pub const MAX_SOURCES: usize = 1024;
/// Most bytes of a path.
pub const MAX_PATH_SIZE: usize = 1024;

/// A file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source<'a> {
    /// Where it lies in the package's folder.
    pub path: &'a str,
    /// What is in it.
    pub text: &'a str,
}

/// Which package a file belongs to: `None` for the one that is compiled against, or else a name of the folder or file
/// below `deps`. An error for a path that no bundle holds.
pub fn package_of(path: &str) -> Result<Option<&str>, WitError> {
    let wrong = WitError::Rule("a path in a bundle of WIT is not NAME.wit, deps/NAME.wit or deps/DIR/NAME.wit");
    let plain = |name: &str| !matches!(name, "" | "." | "..") && !name.contains(|c: char| c == '/' || c.is_control());
    let wit = |name: &str| plain(name) && name.len() > ".wit".len() && name.ends_with(".wit");
    let found = match path.strip_prefix("deps/").map(|rest| (rest, rest.split_once('/'))) {
        None if wit(path) => Some(None),
        Some((file, None)) if wit(file) => Some(Some(file)),
        Some((_, Some((folder, file)))) if plain(folder) && wit(file) => Some(Some(folder)),
        _ => None,
    };
    found.filter(|_| path.len() <= MAX_PATH_SIZE).ok_or(wrong)
}

/// The bundle of these files, in any order.
pub fn write(sources: &[Source<'_>]) -> Result<Vec<u8>, WitError> {
    let mut sorted = sources.to_vec();
    sorted.sort_unstable();
    let mut bytes = HEADER.as_bytes().to_vec();
    for source in &sorted {
        bytes.extend_from_slice(format!("{} {}\n", source.path, source.text.len()).as_bytes());
        bytes.extend_from_slice(source.text.as_bytes());
    }
    // Whatever is wrong with the files is found as it will be where they are read.
    read(&bytes)?;
    Ok(bytes)
}

/// The files of a bundle.
pub fn read(bytes: &[u8]) -> Result<Vec<Source<'_>>, WitError> {
    if bytes.len() > MAX_TEXT_SIZE {
        return Err(WitError::Limit { what: "the WIT has more bytes than that", limit: MAX_TEXT_SIZE as u64 });
    }
    let damaged = |rest: &[u8], problem| WitError::Damaged { offset: bytes.len() - rest.len(), problem };
    let mut rest = bytes.strip_prefix(HEADER.as_bytes()).ok_or(damaged(bytes, "it is no bundle of WIT"))?;
    let mut sources: Vec<Source<'_>> = Vec::new();
    while !rest.is_empty() {
        if sources.len() >= MAX_SOURCES {
            return Err(WitError::Limit { what: "there are more files of WIT than that", limit: MAX_SOURCES as u64 });
        }
        let end = rest.iter().position(|&byte| byte == b'\n').ok_or(damaged(rest, "a line has no end"))?;
        let line = core::str::from_utf8(&rest[..end]).map_err(|_| damaged(rest, "a path is not UTF-8"))?;
        let (path, len) = line.rsplit_once(' ').ok_or(damaged(rest, "a file has no length"))?;
        let len: usize = len.parse().map_err(|_| damaged(rest, "a length is no number"))?;
        package_of(path)?;
        if sources.last().is_some_and(|last| last.path >= path) {
            return Err(damaged(rest, "a path is there twice or out of order"));
        }
        let text = rest[end + 1..].get(..len).ok_or(damaged(rest, "a file ends too early"))?;
        let text = core::str::from_utf8(text).map_err(|_| damaged(rest, "a file is not UTF-8"))?;
        sources.push(Source { path, text });
        rest = &rest[end + 1 + len..];
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn files_survive_bundling() {
        let source = |path, text| Source { path, text };
        let sources = [
            source("world.wit", "package a:b;\n"),
            source("deps/one.wit", ""),
            source("deps/two words/x.wit", "ü\n\n"),
            source("a b.wit", "no end of line"),
        ];
        let bytes = write(&sources).unwrap();
        let mut sorted = sources.to_vec();
        sorted.sort();
        assert_eq!(read(&bytes), Ok(sorted));
        assert_eq!(read(&write(&[]).unwrap()), Ok(Vec::new()));
    }

    #[test]
    fn paths_say_which_package_a_file_is_of() {
        assert_eq!(package_of("a.wit"), Ok(None));
        assert_eq!(package_of("deps/a.wit"), Ok(Some("a.wit")));
        assert_eq!(package_of("deps/a/b.wit"), Ok(Some("a")));
        for path in
            ["", ".wit", "a.txt", "/a.wit", "b/a.wit", "deps/.wit", "deps/../a.wit", "deps/a/b/c.wit", "a\n.wit"]
        {
            assert!(package_of(path).is_err(), "{path}");
        }
        assert!(package_of(&format!("{}.wit", "a".repeat(1100))).is_err());
    }

    #[test]
    fn each_damage_is_refused_by_its_own_error() {
        let refused = |text: &str, words: &str| {
            let error = read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        refused("", "no bundle");
        refused("bailiwick-wit 2\n", "no bundle");
        refused("bailiwick-wit 1\na.wit 0", "a line has no end");
        refused("bailiwick-wit 1\na.wit\n", "no length");
        refused("bailiwick-wit 1\na.wit -1\n", "no number");
        refused("bailiwick-wit 1\na.wit 99999999999999999999999\n", "no number");
        refused("bailiwick-wit 1\na.wit 18446744073709551615\n", "ends too early");
        refused("bailiwick-wit 1\na.wit 2\nx", "ends too early");
        refused("bailiwick-wit 1\n../a.wit 0\n", "a path in a bundle");
        refused("bailiwick-wit 1\nb.wit 0\na.wit 0\n", "out of order");
        refused("bailiwick-wit 1\na.wit 0\na.wit 0\n", "there twice");
        assert!(read(b"bailiwick-wit 1\na.wit 1\n\xff").unwrap_err().to_string().contains("not UTF-8"));
        assert!(read(&[b' '; MAX_TEXT_SIZE + 1]).unwrap_err().to_string().contains("the limit is 1048576"));
        let many = (0..=MAX_SOURCES).map(|i| format!("a{i:05}.wit 0\n")).collect::<Vec<_>>().concat();
        refused(&format!("{HEADER}{many}"), "the limit is 1024");
    }
}
