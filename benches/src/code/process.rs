//! Who runs in a process of his own: for each line on its standard input it runs once, and answers with a line that has
//! nanoseconds of a processor and the checksum.

use super::{Once, Run};
use crate::peers;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A native build.
pub fn native(program: &Result<PathBuf, String>) -> Result<Run, String> {
    started(&mut Command::new(program.as_ref().map_err(Clone::clone)?))
}

/// Node with a module, which it has run until it is warm.
pub fn node(wasm: &Path) -> Result<Run, String> {
    let mut command = Command::new(peers::node()?);
    // Not as a file: nothing has to be written.
    command.args(["-e", include_str!("node.js")]).arg(wasm).env("NODE_NO_WARNINGS", "1");
    started(&mut command)
}

/// WAMR with what its compiler makes of a program.
pub fn wamr(program: &Result<PathBuf, String>) -> Result<Run, String> {
    let runs = peers::iwasm()?;
    let compiled = peers::by_wamr(program.as_ref().map_err(Clone::clone)?)?;
    started(Command::new(runs).arg(compiled))
}

/// Wasmer with what its best compiler makes of a program.
pub fn wasmer(program: &Result<PathBuf, String>) -> Result<Run, String> {
    let compiled = peers::by_wasmer(program.as_ref().map_err(Clone::clone)?, "--llvm")?;
    started(Command::new(peers::wasmer()?).arg("run").arg(compiled))
}

/// A process, ended when it is dropped.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn started(command: &mut Command) -> Result<Run, String> {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let failed = move |what: &str| format!("{program}: {what}");
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut started = Started(child.map_err(|e| failed(&e.to_string()))?);
    let input = started.0.stdin.take().ok_or_else(|| failed("no input"))?;
    let mut output = BufReader::new(started.0.stdout.take().ok_or_else(|| failed("no output"))?);
    Ok(Box::new(move || {
        // The process ends when the last of these is dropped.
        let (_started, mut input) = (&started, &input);
        input.write_all(b"\n").map_err(|e| failed(&e.to_string()))?;
        let mut line = String::new();
        output.read_line(&mut line).map_err(|e| failed(&e.to_string()))?;
        parsed(&line).ok_or_else(|| match line.trim_end() {
            "" => failed("it ended"),
            said => failed(said),
        })
    }))
}

/// Nanoseconds, and the checksum.
fn parsed(line: &str) -> Option<Once> {
    let (nanoseconds, checksum) = line.trim_end().split_once(' ')?;
    Some(Once { nanoseconds: nanoseconds.parse().ok()?, checksum: checksum.parse().ok()? })
}
