//! `bailiwickc` as a library: WebAssembly in, native artifact out.
//!
//! ```text
//!  .wasm/.wat ─► parse ─► analysis ─► translate ─► Cranelift ─► link ─► emit ─► .bwk
//!        │      Module     Facts        CLIF      (codegen)     Text
//!        └─ merge, if there are several
//! ```
//!
//! | folder | arrow |
//! |---|---|
//! | `merge` | modules that are linked to each other → one |
//! | `parse` | bytes → `Module`; refuses by name what is not supported |
//! | `wit` | WIT text beside a module → its world, checked against the module |
//! | `analysis` | `Module` → `Facts`: immutable tables, constants, escapes, images |
//! | `translate`, `stubs` | a function body, or a stub, → CLIF |
//! | `adapters` | a function of the world that is imported → CLIF that carries its calls to another group |
//! | `codegen` | CLIF → units of machine code, in parallel |
//! | `reuse` | units that an earlier compilation has made, by what their code depends on |
//! | `link` | units → text |
//! | `emit` | text and tables → the artifact of `bailiwick_runtime_abi::format`, or an object for the C linker |
//! | `explore` | all of it side by side → a page for people |
//!
//! Architecture invariants: the same input, options and version give the same bytes at any number of threads. No
//! input makes it panic. It opens nothing; `main.rs` alone knows files. It contains no `unsafe`.
//!
//! ```
//! use bailiwick_compiler::{Options, binary, compile};
//! let wasm = binary(br#"(module (func (export "answer") (result i32) i32.const 42))"#)?;
//! let artifact = compile(&wasm, &Options::default())?;
//! assert!(artifact.starts_with(b"\x7fELF"));
//! # Ok::<(), bailiwick_compiler::CompileError>(())
//! ```
#![forbid(unsafe_code)]

mod adapters;
mod analysis;
mod codegen;
mod emit;
mod error;
mod explore;
mod frames;
mod link;
mod merge;
mod module;
mod optimisations;
mod options;
mod parallel;
mod parse;
mod reuse;
mod stubs;
mod symbol;
mod target;
mod translate;
mod widening;
mod wit;

pub use bailiwick_runtime_abi::types::{Arch, WasmFeature};
pub use bailiwick_runtime_abi::wit::bundle::Source;
pub use error::{CompileError, LinkProblem, Result, WorldProblem};
pub use merge::Linked;
pub use optimisations::{Optimisation, Optimisations};
pub use options::{Cpu, Level, OptLevel, Options, parse_target, triple};
pub use parse::WasmFeatures;
pub use reuse::FunctionStore;
pub use wit::Wit;

use adapters::Adapters;
use analysis::{Facts, Uses};
use bailiwick_runtime_abi::wit::World;
use codegen::{Input, Listing, Unit};
use emit::{Parts, unit_name};
use module::Module;
use reuse::Keys;
use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Mutex;
use target::Target;
use wasmparser::FunctionBody;

/// Name and version of this compiler and of the code generator in it.
pub const VERSION: &str = emit::COMPILER;

/// Version of this compiler, and of the code generator in it, for people.
pub const RELEASE: &str = concat!(env!("CARGO_PKG_VERSION"), " (Cranelift 0.135.8)");

/// All but the module that an artifact depends on, on one line: a cache that keeps artifacts by this and the module's
/// hash never returns a wrong one.
pub fn cache_key(options: &Options<'_>) -> Result<String> {
    let fingerprint = bailiwick_runtime_abi::FINGERPRINT;
    Ok(format!("{VERSION} abi {fingerprint:016x} {}", options.canonical()?))
}

/// The WebAssembly binary that `input` is or, if it is in the text format, means.
pub fn binary(input: &[u8]) -> Result<Cow<'_, [u8]>> {
    if input.starts_with(b"\0asm") {
        return Ok(Cow::Borrowed(input));
    }
    wat::parse_bytes(input).map_err(|error| CompileError::Text { message: shortened(&error.to_string()) })
}

/// A message with the line it is about, which may be the whole input.
fn shortened(message: &str) -> String {
    let lines: Vec<String> = message.lines().take(6).map(|line| line.chars().take(160).collect()).collect();
    lines.join("\n")
}

/// Compiles a WebAssembly binary to an artifact, with the modules that the options link to it.
pub fn compile(wasm: &[u8], options: &Options<'_>) -> Result<Vec<u8>> {
    with_parts(wasm, options, |parts| emit::artifact(parts, link::link(options.target, parts.units)?))
}

/// Compiles a WebAssembly binary to a relocatable ELF object, for a native program that the C linker makes.
///
/// It holds the code and what the code refers to, and has no undefined symbol: all that a module imports, and memories,
/// tables and globals, come through the context. These symbols are global:
///
/// | symbol | what |
/// |---|---|
/// | `bailiwick_code_NAME` | the exported function `NAME` |
/// | `bailiwick_entry_NAME` | the entry stub of its type |
/// | `bailiwick_denied` | the stub for a slot that holds nothing |
/// | `bailiwick_counts` | [`Counts`](bailiwick_runtime_abi::context::Counts), from which the context's layout follows |
///
/// In `NAME`, `$` and two hexadecimal digits stand for each byte that is no letter, digit or `_`. For two modules in one
/// program, `objcopy --prefix-symbols` gives the symbols of each a prefix.
///
/// A program calls a function by its entry stub, in C:
///
/// ```c
/// typedef struct { _Alignas(16) unsigned char bytes[16]; } value; // little-endian, the low bytes used
/// void bailiwick_entry_add(void *context, void (*code)(void), value *values);
/// void bailiwick_code_add(void);
/// value values[2] = {{{2}}, {{3}}};                               // the greater number of parameters and results
/// bailiwick_entry_add(context, bailiwick_code_add, values);       // the results are in values
/// ```
///
/// Who links an object is its loader. `context` is the address of its first byte: the optimisation `anchoring` is not made. It is laid out as [`bailiwick_runtime_abi::context`] says, with slots for
/// imports, builtins and the exit routine of [`bailiwick_runtime_abi::convention`]; a poll page lies below it, unless the
/// module was compiled without; memories have the guards of [`bailiwick_runtime_abi::limits`]; the guest runs on the
/// stack on which the stub was called, and its traps are signals.
pub fn emit_object(wasm: &[u8], options: &Options<'_>) -> Result<Vec<u8>> {
    // Its memories are wherever the program has them.
    let optimisations = options.optimisations.with(Optimisation::Anchoring, false);
    with_parts(wasm, &Options { optimisations, ..options.clone() }, emit::object)
}

fn with_parts(wasm: &[u8], options: &Options<'_>, emit: impl FnOnce(&Parts<'_>) -> Result<Vec<u8>>) -> Result<Vec<u8>> {
    let target = target::build(options)?;
    let source = merge::Source::new(wasm, options)?;
    let front = Front::new(&source, options)?;
    let units = front.input(&target, options).compile()?;
    emit(&front.parts(&source, &units, &target, options))
}

/// The code of all functions and stubs as Cranelift's intermediate representation, before optimisation.
pub fn emit_clif(wasm: &[u8], options: &Options<'_>) -> Result<String> {
    list(wasm, options, Listing::Clif)
}

/// The code of all functions and stubs as machine instructions, as Cranelift writes them.
pub fn emit_asm(wasm: &[u8], options: &Options<'_>) -> Result<String> {
    list(wasm, options, Listing::Asm)
}

fn list(wasm: &[u8], options: &Options<'_>, listing: Listing) -> Result<String> {
    let target = target::build(options)?;
    let source = merge::Source::new(wasm, options)?;
    let front = Front::new(&source, options)?;
    let mut text = String::new();
    for (symbol, code) in front.input(&target, options).list(listing)? {
        let name = unit_name(&front.module, symbol);
        // Writing to a string does not fail.
        let _ = writeln!(text, ";; {}\n{}\n", name.escape_debug(), code.trim_end());
    }
    Ok(text)
}

/// Functions of a WebAssembly binary as one HTML page: operators, Cranelift's intermediate representation before and after
/// optimisation, and machine code, side by side and linked by where they come from.
///
/// `title` is what the page calls the module, a file's name as a rule. `functions` are those to show, each by its name in the
/// name section, by that of an export, or by index; if there are none, it is the first hundred, or as many as have 32 KiB of
/// bodies, and the page says so. Code and addresses are those of the artifact that [`compile`] makes with the same options.
///
/// The page refers to no other file. It runs one script, its own, and whatever text the module holds is nothing but text there.
///
/// # Errors
///
/// Those of [`compile`], and [`CompileError::NoFunction`].
///
/// ```
/// use bailiwick_compiler::{Options, binary, explore};
/// let wasm = binary(br#"(module (func (export "answer") (result i32) i32.const 42))"#)?;
/// let page = explore(&wasm, &Options::default(), "answer.wat", &["answer".to_owned()])?;
/// assert!(page.starts_with("<!DOCTYPE html>") && page.contains("i32.const 42"));
/// # Ok::<(), bailiwick_compiler::CompileError>(())
/// ```
pub fn explore(wasm: &[u8], options: &Options<'_>, title: &str, functions: &[String]) -> Result<String> {
    explore::explore(wasm, options, title, functions)
}

/// A module that was parsed, validated and analysed.
struct Front<'a> {
    module: Module<'a>,
    bodies: Vec<FunctionBody<'a>>,
    facts: Facts,
    adapters: Adapters,
    /// What functions are kept by, if they are.
    keys: Option<Keys>,
    /// The encoded world; empty without WIT.
    world: Vec<u8>,
}

impl<'a> Front<'a> {
    fn new(source: &'a merge::Source<'_>, options: &Options<'_>) -> Result<Front<'a>> {
        let (module, bodies, uses) =
            validated(&source.wasm, source.features, options.jobs()).map_err(|error| source.explain(error))?;
        let (adapters, encoded) = match world_of(&module, options.wit.as_ref())? {
            Some(world) => {
                let encoded = world.encode()?;
                (Adapters::new(&module, world), encoded)
            }
            None => (Adapters::none(), Vec::new()),
        };
        let facts = Facts::new(&module, &uses, options)?;
        let keys = match options.functions {
            Some(_) => Keys::new(&module, &facts, &uses, &bodies, options)?,
            None => None,
        };
        Ok(Front { module, bodies, facts, adapters, keys, world: encoded })
    }

    fn input<'i>(&'i self, target: &'i Target, options: &'i Options<'i>) -> Input<'i> {
        Input {
            module: &self.module,
            facts: &self.facts,
            bodies: &self.bodies,
            adapters: &self.adapters,
            keys: self.keys.as_ref(),
            target,
            options,
        }
    }

    fn parts<'p>(
        &'p self,
        source: &'p merge::Source<'_>,
        units: &'p [Unit],
        target: &'p Target,
        options: &'p Options<'p>,
    ) -> Parts<'p> {
        Parts {
            module: &self.module,
            facts: &self.facts,
            units,
            target,
            options,
            source_sha256: source.sha256,
            origins: &source.origins,
            world: &self.world,
        }
    }
}

/// A module that is valid and all of which is compiled, with what its bodies use.
fn validated(wasm: &[u8], features: WasmFeatures, jobs: usize) -> Result<(Module<'_>, Vec<FunctionBody<'_>>, Uses)> {
    let (mut module, to_scan) = parse::parse(wasm, features)?;
    let bodies: Vec<FunctionBody<'_>> = to_scan.iter().map(|body| body.body.clone()).collect();
    let uses = scan_all(wasm, &module, to_scan, jobs)?;
    module.wasm_features = parse::with_foundations(module.wasm_features | uses.wasm_features);
    // Types with supertypes are compiled; operators on what they could be of were refused with the bodies.
    let not_yet = |feature: &&WasmFeature| **feature != WasmFeature::Gc && module.wasm_features & feature.bit() != 0;
    if let Some(feature) = parse::NOT_YET.iter().find(not_yet) {
        return Err(CompileError::Unsupported {
            feature: "a declaration is",
            proposal: feature.name(),
            message: feature.describe().to_owned(),
            offset: 0,
            function: None,
        });
    }
    Ok((module, bodies, uses))
}

/// The world that a module was found to be of: what was said counts, and else what the module says itself.
fn world_of(module: &Module<'_>, wit: Option<&Wit<'_>>) -> Result<Option<World>> {
    let world = match wit {
        Some(wit) => Some(wit.world()?),
        None => wit::inside(module)?,
    };
    world.map(|world| wit::check(module, &world).map(|()| world)).transpose()
}

/// Validates all bodies, and finds out what they use.
fn scan_all(wasm: &[u8], module: &Module<'_>, bodies: Vec<module::Body<'_>>, jobs: usize) -> Result<Uses> {
    let order: Vec<usize> = (0..bodies.len()).collect();
    // Each body is taken by whoever validates it.
    let bodies: Vec<_> = bodies.into_iter().map(|body| Mutex::new(Some(body))).collect();
    let (_, states) = parallel::run(
        jobs,
        &order,
        || (wasmparser::FuncValidatorAllocations::default(), Uses::default()),
        |(allocations, uses), i| {
            let body = bodies[i].lock().unwrap_or_else(|e| e.into_inner()).take();
            let body = body.ok_or_else(|| CompileError::internal("a body was validated before"))?;
            analysis::scan(wasm, module, body, allocations, uses)
        },
    )?;
    let mut uses = Uses::default();
    for (_, more) in &states {
        uses.merge(more);
    }
    uses.check(wasm)?;
    Ok(uses)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_code_generator_is_the_one_named() {
        let version = cranelift_codegen::VERSION;
        assert!(super::VERSION.ends_with(version) && super::RELEASE.contains(version));
    }
}
