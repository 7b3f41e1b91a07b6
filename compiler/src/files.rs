//! WIT text from a file or folder.

use bailiwick_compiler::Source;
use bailiwick_runtime_abi::wit::{MAX_TEXT_SIZE, bundle};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The files of a WIT package, and of packages that it uses.
#[derive(Debug, Default)]
pub struct Files {
    /// What messages call the folder that they are in.
    pub folder: String,
    /// Path in the folder, and text.
    files: Vec<(String, String)>,
}

impl Files {
    /// One file, or a folder: its files `*.wit`, and those in `deps` and in the folders in there.
    pub fn read(path: &Path) -> Result<Files, String> {
        let mut files = Files::default();
        if path.is_dir() {
            files.folder = path.to_string_lossy().into_owned();
            files.add_folder(path, "", false)?;
            let deps = path.join("deps");
            if deps.is_dir() {
                files.add_folder(&deps, "deps/", true)?;
            }
        } else {
            let parent = path.parent().unwrap_or(Path::new(""));
            files.folder = parent.to_string_lossy().into_owned();
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            let name = if name.ends_with(".wit") { name.into_owned() } else { format!("{name}.wit") };
            files.add(path, name)?;
        }
        Ok(files)
    }

    /// The files, to be compiled against.
    pub fn sources(&self) -> Vec<Source<'_>> {
        self.files.iter().map(|(path, text)| Source { path, text }).collect()
    }

    /// Adds a folder's files, whose paths begin with `prefix`; of its folders too, if `nested`, but not of those in them.
    fn add_folder(&mut self, folder: &Path, prefix: &str, nested: bool) -> Result<(), String> {
        let unreadable = |error: io::Error| format!("{}: can't be read: {}", folder.display(), crate::reason(&error));
        let entries = std::fs::read_dir(folder).map_err(unreadable)?;
        let mut paths: Vec<PathBuf> =
            entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>().map_err(unreadable)?;
        paths.sort_unstable();
        for path in paths {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if nested && path.is_dir() {
                self.add_folder(&path, &format!("{prefix}{name}/"), false)?;
            } else if name.ends_with(".wit") && path.is_file() {
                if self.files.len() >= bundle::MAX_SOURCES {
                    return Err(format!("{}: there are more than {} files of WIT", self.folder, bundle::MAX_SOURCES));
                }
                self.add(&path, format!("{prefix}{name}"))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, name: String) -> Result<(), String> {
        let so_far: usize = self.files.iter().map(|(_, text)| text.len()).sum();
        let left = MAX_TEXT_SIZE.saturating_sub(so_far);
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(left as u64 + 1).read_to_string(&mut text));
        read.map_err(|error| format!("{}: can't be read: {}", path.display(), crate::reason(&error)))?;
        if text.len() > left {
            return Err(format!("{}: with this file, the WIT has more than {MAX_TEXT_SIZE} bytes", path.display()));
        }
        self.files.push((name, text));
        Ok(())
    }
}
