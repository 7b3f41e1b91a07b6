//! What we are measured beside: programs that may or may not be installed.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The hello of every start-up figure.
const HELLO: &str = "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n";

/// The same, which then waits for a byte.
const WAITING: &str = "#include <stdio.h>\nint main(void) { puts(\"hello\"); fflush(stdout); getchar(); return 0; }\n";

/// A static native hello, made by the C compiler `cc`.
pub fn native_hello(folder: &Path) -> Result<PathBuf, String> {
    native(folder, "hello", HELLO)
}

/// The same, which then waits.
pub fn native_waiting(folder: &Path) -> Result<PathBuf, String> {
    native(folder, "waiting", WAITING)
}

fn native(folder: &Path, name: &str, text: &str) -> Result<PathBuf, String> {
    let (source, program) = (folder.join(format!("{name}.c")), folder.join(name));
    std::fs::write(&source, text).map_err(|e| e.to_string())?;
    succeed(Command::new("cc").args(["-O2", "-static", "-o"]).arg(&program).arg(&source))?;
    Ok(program)
}

/// Bailiwick's own program: what the environment variable says, or the build that this is of.
pub fn bailiwick() -> Result<PathBuf, String> {
    own("BAILIWICK_BENCH_BAILIWICK", "bailiwick")
}

/// The compiler's program.
pub fn bailiwickc() -> Result<PathBuf, String> {
    own("BAILIWICK_BENCH_BAILIWICKC", "bailiwickc")
}

fn own(variable: &str, name: &str) -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os(variable) {
        return Ok(PathBuf::from(path));
    }
    let beside = std::env::current_exe().ok().map(|me| me.with_file_name(name));
    beside.filter(|path| path.is_file()).ok_or_else(|| format!("build {name} with the same profile first"))
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

/// A program that the environment variable `variable` names, or else the first of `names` that is installed.
fn found(variable: &str, names: &[&str]) -> Result<PathBuf, String> {
    match std::env::var_os(variable) {
        Some(path) => Ok(PathBuf::from(path)),
        None => names
            .iter()
            .find_map(|name| installed(name).ok())
            .ok_or_else(|| format!("{} is not installed, and {variable} does not say where it is", names.join(" or "))),
    }
}

/// Node, for its V8.
pub fn node() -> Result<PathBuf, String> {
    found("BAILIWICK_BENCH_NODE", &["node"])
}

/// The command line of Wasmtime.
pub fn wasmtime() -> Result<PathBuf, String> {
    found("BAILIWICK_BENCH_WASMTIME", &["wasmtime"])
}

/// WAMR's program that runs what its compiler made.
pub fn iwasm() -> Result<PathBuf, String> {
    found("BAILIWICK_BENCH_IWASM", &["iwasm"])
}

/// Wasmer's command line.
pub fn wasmer() -> Result<PathBuf, String> {
    found("BAILIWICK_BENCH_WASMER", &["wasmer"])
}

/// What WAMR's compiler makes of a module, beside it.
pub fn by_wamr(wasm: &Path) -> Result<PathBuf, String> {
    let (wamrc, compiled) = (found("BAILIWICK_BENCH_WAMRC", &["wamrc"])?, wasm.with_extension("aot"));
    succeed(Command::new(wamrc).arg("-o").arg(&compiled).arg(wasm))?;
    Ok(compiled)
}

/// What Wasmer makes of a module by the compiler that an option names, beside it.
pub fn by_wasmer(wasm: &Path, compiler: &str) -> Result<PathBuf, String> {
    let compiled = wasm.with_extension("wasmu");
    succeed(Command::new(wasmer()?).args(["compile", compiler, "-o"]).arg(&compiled).arg(wasm))?;
    Ok(compiled)
}

/// The compiler of C that makes native builds and WebAssembly.
pub fn clang() -> Result<PathBuf, String> {
    found("BAILIWICK_BENCH_CLANG", &["clang-19", "clang"])
}

/// Runs a command to its end; what it wrote, or how it failed.
pub fn succeed(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("{program}: {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(said.lines().find(|line| !line.is_empty()).unwrap_or("it failed").to_owned()),
    }
}

/// How many mappings this process has.
pub fn mappings() -> Result<usize, String> {
    let path = "/proc/self/maps";
    std::fs::read_to_string(path).map(|maps| maps.lines().count()).map_err(|e| format!("{path}: {e}"))
}

/// How many a process may have.
#[cfg(feature = "wasmtime")]
pub fn most_mappings() -> Result<usize, String> {
    let path = "/proc/sys/vm/max_map_count";
    let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
    text.trim().parse().map_err(|_| format!("{path} is no number"))
}

/// Bytes of memory that a process has resident, by its number or `self`.
pub fn memory(process: &str) -> Result<u64, String> {
    status(process, "VmRSS:")
}

/// The most that it had.
pub fn peak_memory(process: &str) -> Result<u64, String> {
    status(process, "VmHWM:")
}

fn status(process: &str, key: &str) -> Result<u64, String> {
    let path = format!("/proc/{process}/status");
    let status = std::fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map(|kib| kib << 10).ok_or_else(|| format!("{path} has no {key}"))
}

/// Runs a command that writes a line and then waits for its input; the most memory that it had until then.
pub fn peak_while_waiting(command: &mut Command) -> Result<u64, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = child.map_err(|e| format!("{program}: {e}"))?;
    let mut line = String::new();
    let read = child.stdout.take().map(|output| BufReader::new(output).read_line(&mut line));
    let peak = match read {
        Some(Ok(1..)) => peak_memory(&child.id().to_string()),
        _ => Err(format!("{program}: it wrote nothing")),
    };
    // Its input ends here, and so does it.
    drop(child.stdin.take());
    child.wait().map_err(|e| format!("{program}: {e}"))?;
    peak
}
