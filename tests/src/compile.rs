//! Compiling for the tests.
//!
//! In this process, or, if the environment variable `BAILIWICKC` names a program, by running that: a test that is itself
//! emulated compiles natively so.

use bailiwick_compiler::{Linked, OptLevel, Optimisations, WasmFeatures};
use bailiwick_loader::Artifact;
use bailiwick_runtime_abi::types::Arch;
use std::ffi::OsString;
use std::fmt;
use std::process::{Command, Stdio};

/// How to compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What to optimise for.
    pub opt_level: OptLevel,
    /// What is done for speed beyond that.
    pub optimisations: Optimisations,
    /// Which parts of the language a module may use.
    pub features: WasmFeatures,
    /// Which instructions the code may use, as on the command line.
    pub cpu: &'static str,
    /// Whether the code computes the same on every processor.
    pub deterministic: bool,
}

/// All of the language that is compiled, at the level that `BAILIWICK_OPT` names (none, speed, size), or for speed, with the
/// optimisations that `BAILIWICK_OPTIMISATIONS` names, as on the command line, or the default ones.
impl Default for Settings {
    fn default() -> Self {
        Settings {
            opt_level: opt_level_asked().unwrap_or_default(),
            optimisations: optimisations_asked(),
            features: WasmFeatures::ALL,
            cpu: "baseline",
            deterministic: false,
        }
    }
}

/// The level that the environment variable `BAILIWICK_OPT` names.
///
/// # Panics
/// If it names none.
pub fn opt_level_asked() -> Option<OptLevel> {
    let name = std::env::var("BAILIWICK_OPT").ok().filter(|name| !name.is_empty())?;
    Some(opt_level(&name).unwrap_or_else(|| panic!("BAILIWICK_OPT is none, speed or size, and not {name:?}")))
}

/// The optimisations that the environment variable `BAILIWICK_OPTIMISATIONS` names.
///
/// # Panics
/// If it is no such list.
fn optimisations_asked() -> Optimisations {
    match std::env::var("BAILIWICK_OPTIMISATIONS").ok().filter(|names| !names.is_empty()) {
        Some(names) => names.parse().unwrap_or_else(|error| panic!("BAILIWICK_OPTIMISATIONS: {error}")),
        None => Optimisations::default(),
    }
}

/// A level by its name.
pub fn opt_level(name: &str) -> Option<OptLevel> {
    [OptLevel::None, OptLevel::Speed, OptLevel::Size].into_iter().find(|level| level.to_string() == name)
}

/// Why a module was not compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It does not follow the grammar of the binary format.
    Malformed(String),
    /// It breaks a rule of validation.
    Invalid(String),
    /// It needs what the settings leave out, so it is no module of that version of the language.
    SwitchedOff(String),
    /// It needs a proposal that is not implemented, named in the message.
    Unsupported(String),
    /// Anything else: a limit, a defect of the compiler.
    Failed(String),
}

impl Refusal {
    /// What the compiler said.
    pub fn message(&self) -> &str {
        match self {
            Refusal::Malformed(message)
            | Refusal::Invalid(message)
            | Refusal::SwitchedOff(message)
            | Refusal::Unsupported(message)
            | Refusal::Failed(message) => message,
        }
    }

    /// Whether it needs garbage collection, which is not implemented.
    pub fn is_garbage_collection(&self) -> bool {
        matches!(self, Refusal::Unsupported(message) if message.contains("(proposal gc)"))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
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

/// Compiles a binary for `arch`, with the settings that are the default.
///
/// # Errors
/// [`Refusal`], by kind.
pub fn compile_for(arch: Arch, wasm: &[u8]) -> Result<Vec<u8>, Refusal> {
    compile_with(arch, &Settings::default(), wasm)
}

/// Compiles a binary for `arch`.
///
/// # Errors
/// [`Refusal`], by kind.
pub fn compile_with(arch: Arch, settings: &Settings, wasm: &[u8]) -> Result<Vec<u8>, Refusal> {
    compile_linked(arch, settings, wasm, &[])
}

/// Compiles a binary for `arch`, with other modules linked to it by their names.
///
/// # Errors
/// [`Refusal`], by kind.
pub fn compile_linked(arch: Arch, settings: &Settings, wasm: &[u8], linked: &[Linked<'_>]) -> Result<Vec<u8>, Refusal> {
    match compiler_program() {
        Some(program) => compile_by_child(&program, arch, settings, wasm, linked),
        None => compile_here(arch, settings, wasm, linked),
    }
}

fn compile_here(arch: Arch, settings: &Settings, wasm: &[u8], linked: &[Linked<'_>]) -> Result<Vec<u8>, Refusal> {
    use bailiwick_compiler::{CompileError, Options, compile};
    let Settings { opt_level, optimisations, features: wasm_features, cpu, deterministic } = *settings;
    let cpu = cpu.parse().map_err(|error: CompileError| Refusal::Failed(error.to_string()))?;
    // One job: the tests themselves run in parallel.
    let options = Options {
        target: arch,
        cpu,
        opt_level,
        optimisations,
        wasm_features,
        deterministic,
        linked,
        jobs: Some(1),
        ..Options::default()
    };
    compile(wasm, &options).map_err(|error| match error {
        // What begins as no binary is taken for text.
        CompileError::Text { .. } | CompileError::Malformed { .. } => Refusal::Malformed(error.to_string()),
        CompileError::Invalid { .. } => Refusal::Invalid(error.to_string()),
        CompileError::SwitchedOff { .. } => Refusal::SwitchedOff(error.to_string()),
        CompileError::Unsupported { .. } | CompileError::Component => Refusal::Unsupported(error.to_string()),
        _ => Refusal::Failed(error.to_string()),
    })
}

fn compile_by_child(
    program: &OsString,
    arch: Arch,
    settings: &Settings,
    wasm: &[u8],
    linked: &[Linked<'_>],
) -> Result<Vec<u8>, Refusal> {
    let failed = |what: &str, error: std::io::Error| Refusal::Failed(format!("{what}: {error}"));
    let folder = tempfile::tempdir().map_err(|e| failed("temporary folder", e))?;
    let (input, output) = (folder.path().join("module.wasm"), folder.path().join("module.bwk"));
    std::fs::write(&input, wasm).map_err(|e| failed("temporary file", e))?;
    let mut links = Vec::new();
    for (i, Linked { name, wasm }) in linked.iter().enumerate() {
        let file = folder.path().join(format!("{i}.wasm"));
        std::fs::write(&file, wasm).map_err(|e| failed("temporary file", e))?;
        links.push(format!("--link={name}={}", file.display()));
    }
    let child = Command::new(program)
        .arg("compile")
        .arg(&input)
        .arg("-o")
        .arg(&output)
        .args(["--target", bailiwick_compiler::triple(arch), "-j", "1"])
        .args(["-O", &settings.opt_level.to_string(), "--wasm-features", &settings.features.to_string()])
        .arg(format!("--cpu={}", settings.cpu))
        .arg(format!("--optimisations={}", settings.optimisations))
        .args(settings.deterministic.then_some("--deterministic"))
        .args(links)
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
    } else if message.contains("invalid WebAssembly at offset") {
        Refusal::Invalid(message)
    } else if message.contains("is left out by --wasm-features") {
        Refusal::SwitchedOff(message)
    } else if !wasm.starts_with(b"\0asm") {
        Refusal::Malformed(format!("unexpected end, or magic header not detected: {message}"))
    } else {
        Refusal::Malformed(message)
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
