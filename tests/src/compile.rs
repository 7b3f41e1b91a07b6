//! Compiling for the tests.
//!
//! In this process, or, if the environment variable `BAILIWICKC` names a program, by running that: a test that is itself
//! emulated compiles natively so. `BAILIWICK_OPT` is the level of optimisation: `none`, `speed` or `size`.

use bailiwick_compiler::OptLevel;
use bailiwick_loader::Artifact;
use bailiwick_runtime_abi::types::Arch;
use std::ffi::OsString;
use std::fmt;
use std::process::{Command, Stdio};

/// Why a module was not compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It breaks a rule of the specification.
    Invalid(String),
    /// It needs a proposal that is not implemented, named in the message.
    Unsupported(String),
    /// Anything else: a limit, a defect of the compiler.
    Failed(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Refusal::Invalid(message) | Refusal::Unsupported(message) | Refusal::Failed(message)) = self;
        f.write_str(message)
    }
}

impl std::error::Error for Refusal {}

/// The program that `BAILIWICKC` names.
pub fn compiler_program() -> Option<OsString> {
    std::env::var_os("BAILIWICKC").filter(|program| !program.is_empty())
}

/// The architecture that the tests run on.
///
/// # Panics
/// Where Bailiwick has no code for it.
pub fn host() -> Arch {
    Arch::host().expect("no code generation for this architecture")
}

/// Compiles a binary for this machine.
///
/// # Errors
/// [`Refusal`], by kind.
pub fn compile(wasm: &[u8]) -> Result<Vec<u8>, Refusal> {
    compile_for(host(), wasm)
}

/// Compiles a binary for `arch`, with the options that are the default.
///
/// # Errors
/// [`Refusal`], by kind.
pub fn compile_for(arch: Arch, wasm: &[u8]) -> Result<Vec<u8>, Refusal> {
    match compiler_program() {
        Some(program) => compile_by_child(&program, arch, wasm),
        None => compile_here(arch, wasm),
    }
}

/// The level of optimisation that `BAILIWICK_OPT` names.
fn opt_level() -> OptLevel {
    match std::env::var("BAILIWICK_OPT").as_deref() {
        Err(_) | Ok("") => OptLevel::default(),
        Ok("none") => OptLevel::None,
        Ok("speed") => OptLevel::Speed,
        Ok("size") => OptLevel::Size,
        Ok(other) => panic!("BAILIWICK_OPT={other}: none, speed or size"),
    }
}

fn compile_here(arch: Arch, wasm: &[u8]) -> Result<Vec<u8>, Refusal> {
    use bailiwick_compiler::{CompileError, Options, compile};
    // One job: the tests themselves run in parallel.
    let options = Options { target: arch, jobs: Some(1), opt_level: opt_level(), ..Options::default() };
    compile(wasm, &options).map_err(|error| match error {
        CompileError::Text { .. } | CompileError::Invalid { .. } => Refusal::Invalid(error.to_string()),
        CompileError::Unsupported { .. } | CompileError::Component => Refusal::Unsupported(error.to_string()),
        _ => Refusal::Failed(error.to_string()),
    })
}

fn compile_by_child(program: &OsString, arch: Arch, wasm: &[u8]) -> Result<Vec<u8>, Refusal> {
    let failed = |what: &str, error: std::io::Error| Refusal::Failed(format!("{what}: {error}"));
    let folder = tempfile::tempdir().map_err(|e| failed("temporary folder", e))?;
    let (input, output) = (folder.path().join("module.wasm"), folder.path().join("module.bwk"));
    std::fs::write(&input, wasm).map_err(|e| failed("temporary file", e))?;
    let child = Command::new(program)
        .arg("compile")
        .arg(&input)
        .arg("-o")
        .arg(&output)
        .args(["--target", bailiwick_compiler::triple(arch), "-j", "1", "-O", &opt_level().to_string()])
        .stdin(Stdio::null())
        .output()
        .map_err(|e| failed("can't run the program that BAILIWICKC names", e))?;
    if child.status.success() {
        return std::fs::read(&output).map_err(|e| failed("the compiler left no artifact", e));
    }
    let message = String::from_utf8_lossy(&child.stderr).trim().to_owned();
    Err(if child.status.code() != Some(1) || message.contains("internal error") {
        Refusal::Failed(format!("{}: {message}", child.status))
    } else if message.contains("not supported yet") {
        Refusal::Unsupported(message)
    } else {
        Refusal::Invalid(message)
    })
}

/// The binary of a module in the text format.
///
/// # Panics
/// If it is not one.
pub fn binary(wat: &str) -> Vec<u8> {
    let buffer = wast::parser::ParseBuffer::new(wat).expect("tokens");
    let mut module = wast::parser::parse::<wast::Wat<'_>>(&buffer).unwrap_or_else(|e| panic!("{e}\n{wat}"));
    module.encode().unwrap_or_else(|e| panic!("{e}\n{wat}"))
}

/// The bytes of an artifact of a module in the text format.
///
/// # Panics
/// If it can't be compiled.
pub fn artifact_bytes(wat: &str) -> Vec<u8> {
    compile(&binary(wat)).unwrap_or_else(|e| panic!("{e}\n{wat}"))
}

/// An artifact of a module in the text format, opened.
///
/// # Panics
/// If it can't be compiled and opened.
pub fn artifact(wat: &str) -> Artifact {
    Artifact::from_bytes(&artifact_bytes(wat), "test").unwrap_or_else(|e| panic!("{e}\n{wat}"))
}
