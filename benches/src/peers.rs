//! What we are measured beside: programs that may or may not be installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The hello of every start-up figure.
const HELLO: &str = "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n";

/// A static native hello, made by the C compiler `cc`.
pub fn native_hello(folder: &Path) -> Result<PathBuf, String> {
    let (source, program) = (folder.join("hello.c"), folder.join("hello"));
    std::fs::write(&source, HELLO).map_err(|e| e.to_string())?;
    let status = Command::new("cc").args(["-O2", "-static", "-o"]).arg(&program).arg(&source).status();
    match status {
        Ok(status) if status.success() => Ok(program),
        Ok(status) => Err(format!("cc: {status}")),
        Err(e) => Err(format!("cc: {e}")),
    }
}

/// Where a program of this name is installed.
pub fn installed(name: &str) -> Result<PathBuf, String> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| format!("{name} is not installed"))
}

/// Runs a command to its end, silently. Panics if it fails: a figure of a failure means nothing.
pub fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).status();
    assert!(status.as_ref().is_ok_and(|s| s.success()), "{command:?}: {status:?}");
}
