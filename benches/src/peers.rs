//! What we are measured beside: programs that may or may not be installed.

use serde_json::Value;
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

/// Bailiwick's own program, of the build that this is of.
pub fn bailiwick() -> Result<PathBuf, String> {
    let beside = std::env::current_exe().ok().map(|me| me.with_file_name("bailiwick"));
    beside.filter(|path| path.is_file()).ok_or("build bailiwick with the same profile first".to_owned())
}

/// Where a program of this name is installed.
pub fn installed(name: &str) -> Result<PathBuf, String> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| format!("{name} is not installed"))
}

/// Which Python runs Wasmtime by its package `wasmtime`: the environment variable that says it.
const PYTHON: &str = "BAILIWICK_BENCH_PYTHON";

/// Python with a program, to be started.
pub fn python(program: &str) -> Command {
    let mut command = Command::new(std::env::var_os(PYTHON).unwrap_or_else(|| "python3".into()));
    command.args(["-c", program]);
    command
}

/// What such a program said in JSON, or the error that it told of.
pub fn said(line: &[u8]) -> Result<Value, String> {
    let answer: Value = serde_json::from_slice(line).map_err(|_| "the Python program said nothing".to_owned())?;
    match answer["error"].as_str() {
        None => Ok(answer),
        Some(error) => Err(error.lines().next().unwrap_or("an error").to_owned()),
    }
}

/// Runs a command to its end, silently. Panics if it fails: a figure of a failure means nothing.
pub fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).status();
    assert!(status.as_ref().is_ok_and(|s| s.success()), "{command:?}: {status:?}");
}
