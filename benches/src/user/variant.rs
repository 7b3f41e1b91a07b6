//! The ways to compile a module, and what each makes of it.

use super::listing::{self, Stack};
use crate::peers;
use crate::scratch::Scratch;
use bailiwick_compiler::{CompileError, OptLevel, Optimisations, Options, compile, emit_asm};
use bailiwick_loader::Artifact;
use bailiwick_runtime_abi::format::TextKind;
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// One way.
pub struct Variant {
    /// Another compiler's program; `None`: the one that is built in here.
    pub compiler: Option<PathBuf>,
    /// As it was written.
    pub cpu: String,
    pub level: OptLevel,
    pub optimisations: Optimisations,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(compiler) = &self.compiler {
            write!(f, "{} ", compiler.display())?;
        }
        write!(f, "--cpu {} -O {}", self.cpu, self.level)?;
        match self.optimisations == Optimisations::default() {
            true => Ok(()),
            false => write!(f, " --optimisations {}", self.optimisations),
        }
    }
}

/// What came out.
pub struct Compiled {
    /// Loaded.
    pub artifact: Artifact,
    /// Nanoseconds that compiling took, once.
    pub compile_time: f64,
    /// Bytes of the artifact, and of its machine code.
    pub bytes: usize,
    pub text_bytes: usize,
    /// Functions in the order of the code, then all stubs as one.
    pub functions: Vec<Function>,
}

/// A function's code.
pub struct Function {
    pub name: String,
    pub bytes: u32,
    pub stack: Stack,
}

/// What the stubs are called together.
pub const STUBS: &str = "(stubs)";

impl Variant {
    /// Compiles a module.
    pub fn compile(&self, wasm: &[u8]) -> Result<Compiled, String> {
        let begin = Instant::now();
        let (bytes, compile_time, listing) = match &self.compiler {
            None => {
                let options = Options {
                    cpu: self.cpu.parse().map_err(|e: CompileError| e.to_string())?,
                    opt_level: self.level,
                    optimisations: self.optimisations,
                    ..Options::default()
                };
                let bytes = compile(wasm, &options).map_err(|e| e.to_string())?;
                (bytes, begin.elapsed(), emit_asm(wasm, &options).map_err(|e| e.to_string())?)
            }
            Some(compiler) => {
                let scratch = Scratch::new();
                let (input, output) = (scratch.write("module.wasm", wasm), scratch.path().join("module.bwk"));
                self.command(compiler, &input, &output, "artifact")?;
                let time = begin.elapsed();
                let read = |path: &Path| std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
                let bytes = read(&output)?;
                self.command(compiler, &input, &output, "asm")?;
                (bytes, time, String::from_utf8_lossy(&read(&output)?).into_owned())
            }
        };
        let artifact = Artifact::from_bytes(&bytes, "module.bwk").map_err(|e| e.to_string())?;
        let functions = functions(&artifact, &listing::stacks(&listing))?;
        Ok(Compiled {
            compile_time: compile_time.as_nanos() as f64,
            bytes: bytes.len(),
            text_bytes: artifact.view().text().len(),
            functions,
            artifact,
        })
    }

    fn command(&self, compiler: &Path, input: &Path, output: &Path, emit: &str) -> Result<(), String> {
        let mut command = Command::new(compiler);
        command.arg("compile").arg(input).arg("-o").arg(output).args(["--emit", emit]);
        command.args([format!("--cpu={}", self.cpu), format!("--opt-level={}", self.level)]);
        peers::succeed(&mut command).map(drop)
    }
}

/// The functions of an artifact, each with what a listing says of it.
fn functions(artifact: &Artifact, stacks: &HashMap<String, Stack>) -> Result<Vec<Function>, String> {
    let mut functions = Vec::new();
    let mut stubs = Function { name: STUBS.to_owned(), bytes: 0, stack: Stack::default() };
    for record in artifact.view().text_map() {
        if record.kind != TextKind::Function as u32 {
            stubs.bytes += record.len;
            continue;
        }
        let name = name_of(artifact, record.index)?;
        let stack = stacks.get(&name).copied().unwrap_or_default();
        functions.push(Function { name, bytes: record.len, stack });
    }
    functions.push(stubs);
    Ok(functions)
}

/// A function's name, as listings have it.
pub fn name_of(artifact: &Artifact, index: u32) -> Result<String, String> {
    let view = artifact.view();
    let record = view.record("functions", view.functions(), index).map_err(|e| e.to_string())?;
    Ok(match view.string(record.name).map_err(|e| e.to_string())? {
        "" => format!("function[{index}]"),
        name => name.escape_debug().to_string(),
    })
}
