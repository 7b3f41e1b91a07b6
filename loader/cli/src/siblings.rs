//! The programs that belong together, which lie in one folder: never looked for by PATH.

use crate::exit::{ExitCode, Failure};
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// What has the commands that servers don't need.
const TOOLS: &str = "bailiwick-tools";

/// Where a program is that lies beside this one.
fn beside(name: &str) -> std::io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(name))
}

/// `bailiwickc`, beside this executable, or as the environment variable names it.
pub fn compiler() -> std::io::Result<PathBuf> {
    std::env::var_os("BAILIWICKC").map_or_else(|| beside("bailiwickc"), |path| Ok(PathBuf::from(path)))
}

/// All of them: what a guest must not replace, since they run outside of any confinement.
pub fn all() -> impl Iterator<Item = PathBuf> {
    let programs = [std::env::current_exe(), beside("bailiwick"), beside(TOOLS), compiler()];
    let mut all: Vec<PathBuf> = Vec::new();
    for program in programs.into_iter().flatten() {
        if !all.contains(&program) {
            all.push(program);
        }
    }
    all.into_iter()
}

/// Becomes the program that knows the command: its status, signals and streams are this process's.
pub fn tools(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let path = beside(TOOLS).map_err(|e| Failure::new(format!("can't find this executable's folder: {e}")))?;
    let (name, rest) = arguments.split_first().map_or((None, arguments), |(name, rest)| (Some(name), rest));
    let mut command = Command::new(&path);
    command.args(rest);
    if let Some(name) = name {
        command.arg0(name);
    }
    let error = command.exec();
    let asked = rest.iter().find(|word| *word != "help").map(|word| word.to_string_lossy()).unwrap_or_default();
    Err(Failure::new(format!(
        "{}: {error}; `{asked}` is a command of that program, which belongs beside bailiwick: all but `run` are",
        path.display()
    )))
}
