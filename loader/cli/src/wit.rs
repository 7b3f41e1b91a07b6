//! WIT text that belongs to a module, read for the compiler, which opens nothing itself.

use bailiwick_app::files::{FileError, read_text, shown};
use bailiwick_runtime_abi::wit::{MAX_TEXT_SIZE, bundle};
use std::path::{Path, PathBuf};

/// The most entries of a folder that is looked through for WIT.
const MAX_ENTRIES: usize = 10_000;

/// WIT text that belongs to a module.
#[derive(Clone, Copy, Debug)]
pub struct Wit<'a> {
    /// A file, or a folder of `*.wit` with the packages that they use in its folder `deps`.
    pub path: &'a Path,
    /// The text of that file, of a module that is always there and has no file.
    pub text: Option<&'static str>,
    /// Which world of it.
    pub world: Option<&'a str>,
    /// Without links, the folder that its files must lie in.
    pub within: Option<&'a Path>,
}

impl Wit<'_> {
    /// What messages call the folder that the text is in.
    pub fn folder(&self) -> &Path {
        if self.path.is_dir() { self.path } else { self.path.parent().unwrap_or(Path::new("")) }
    }

    /// The files as one string of bytes.
    pub fn bundle(&self) -> Result<Vec<u8>, String> {
        let mut files = Vec::new();
        if let Some(text) = self.text {
            files.push(("shipped.wit".to_owned(), text.to_owned()));
        } else if self.path.is_dir() {
            self.add_folder(&mut files, self.path, "", false)?;
            let deps = self.path.join("deps");
            if deps.is_dir() {
                self.add_folder(&mut files, &deps, "deps/", true)?;
            }
        } else {
            let name = self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned();
            self.add(&mut files, self.path, if name.ends_with(".wit") { name } else { format!("{name}.wit") })?;
        }
        let sources: Vec<_> = files.iter().map(|(path, text)| bundle::Source { path, text }).collect();
        bundle::write(&sources).map_err(|e| format!("{}: {e}", shown(self.path)))
    }

    /// Adds a folder's files, whose paths begin with `prefix`; of its folders too, if `nested`, but not of those in them.
    fn add_folder(
        &self,
        files: &mut Vec<(String, String)>,
        folder: &Path,
        prefix: &str,
        nested: bool,
    ) -> Result<(), String> {
        let failed = |e: std::io::Error| format!("{}: {e}", shown(folder));
        let mut paths: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            if paths.len() >= MAX_ENTRIES {
                return Err(format!("{}: more than {MAX_ENTRIES} files", shown(folder)));
            }
            paths.push(entry.map_err(failed)?.path());
        }
        paths.sort_unstable();
        for path in paths {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if nested && path.is_dir() {
                self.add_folder(files, &path, &format!("{prefix}{name}/"), false)?;
            } else if name.ends_with(".wit") && path.is_file() {
                self.add(files, &path, format!("{prefix}{name}"))?;
            }
        }
        Ok(())
    }

    fn add(&self, files: &mut Vec<(String, String)>, path: &Path, name: String) -> Result<(), String> {
        let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", shown(path));
        if files.len() >= bundle::MAX_SOURCES {
            return Err(failed(&format!("more than {} files of WIT", bundle::MAX_SOURCES)));
        }
        // A link in a library's folder is the library's word.
        let leads_out = |within| std::fs::canonicalize(path).is_ok_and(|place| !place.starts_with(within));
        if self.within.is_some_and(leads_out) {
            return Err(failed(&"it leads out of the library's own folder: a library names its own files only"));
        }
        let left = MAX_TEXT_SIZE.saturating_sub(files.iter().map(|(_, text)| text.len()).sum());
        let text = read_text(path, left as u64).map_err(|e| match e {
            FileError::TooLarge { .. } => {
                failed(&format!("with this file, the WIT has more than {MAX_TEXT_SIZE} bytes"))
            }
            e => failed(&e),
        })?;
        files.push((name, text));
        Ok(())
    }
}
