//! `bailiwick-benches bench FILE…`: the user's own modules, compiled in several ways, compared as wholes and function by
//! function.
//!
//! | file | room |
//! |---|---|
//! | `variant.rs` | the ways to compile a module, and what each makes of it |
//! | `listing.rs` | what a listing of machine code says of a function's stack |
//! | `guest.rs` | running it |
//! | `sampler/` | which function a guest's time goes to |
//! | `table.rs` | what came out, for people and for programs |
//!
//! Runs of all variants take turns; time is the processor's. A variant whose output is not the first one's is named, and has no time.

mod guest;
mod listing;
mod sampler;
mod table;
mod variant;

use crate::figure::Spread;
use bailiwick_compiler::{CompileError, Cpu, OptLevel, Optimisations};
use guest::Guest;
use std::path::{Path, PathBuf};
use variant::Variant;

/// Compare levels, CPU features, optimisations and versions of the compiler on modules of your own
#[derive(Clone, Debug, clap::Args)]
pub struct Bench {
    /// Modules: programs of WASI, or with --invoke any that need nothing else
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// CPU level or features, as of bailiwickc; may be said several times [default: baseline and native]
    #[arg(long, value_name = "CPU", allow_hyphen_values = true, value_parser = parse_cpu)]
    cpu: Vec<String>,
    /// Level: none, speed or size; may be said several times [default: speed]
    #[arg(short = 'O', long = "opt", value_name = "LEVEL", value_parser = parse_level)]
    levels: Vec<OptLevel>,
    /// Optimisations, as of bailiwickc; may be said several times [default: default]
    #[arg(long, value_name = "LIST", allow_hyphen_values = true, value_parser = parse_optimisations)]
    optimisations: Vec<Optimisations>,
    /// Another version's bailiwickc, which compiles for each CPU and level, too; may be said several times
    #[arg(long, value_name = "BAILIWICKC")]
    against: Vec<PathBuf>,
    /// Call this export, without parameters, instead of _start
    #[arg(long, value_name = "EXPORT", default_value = "_start")]
    invoke: String,
    /// Call this export before each run, without counting it
    #[arg(long, value_name = "EXPORT")]
    setup: Option<String>,
    /// An argument of the program; may be said several times
    #[arg(long = "arg", value_name = "TEXT", allow_hyphen_values = true)]
    arguments: Vec<String>,
    /// What it reads from standard input
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,
    /// A folder that it may read, under its own name or another
    #[arg(long, value_name = "HOST[::GUEST]")]
    dir_ro: Vec<String>,
    /// Runs of each
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// How many functions to show: those that take the most time, and then the most bytes
    #[arg(long, value_name = "N", default_value_t = 20)]
    functions: usize,
    /// Compile only: bytes and spills
    #[arg(long)]
    no_run: bool,
    /// Print JSON, with all functions
    #[arg(long)]
    json: bool,
}

/// Checked, but kept as it was written.
fn parse_cpu(text: &str) -> Result<String, CompileError> {
    text.parse::<Cpu>().map(|_| text.to_owned())
}

fn parse_level(text: &str) -> Result<OptLevel, String> {
    [OptLevel::None, OptLevel::Speed, OptLevel::Size]
        .into_iter()
        .find(|level| level.to_string() == text)
        .ok_or_else(|| "it wants none, speed or size".to_owned())
}

fn parse_optimisations(text: &str) -> Result<Optimisations, CompileError> {
    text.parse()
}

/// A module, and what became of each variant.
struct Compared {
    file: PathBuf,
    variants: Vec<Measured>,
}

/// A variant, compiled, and its runs.
struct Measured {
    name: String,
    compiled: Result<variant::Compiled, String>,
    time: Result<Spread, String>,
    /// Samples by function, and how many there are.
    samples: sampler::Samples,
}

impl Bench {
    /// Does all of it, and prints what came out.
    pub fn execute(&self) -> Result<(), String> {
        let compared = self.files.iter().map(|file| self.compare(file)).collect::<Result<Vec<_>, _>>()?;
        match self.json {
            true => println!("{:#}", table::json(&compared)),
            false => compared.iter().for_each(|one| print!("{}", table::text(one, self.functions))),
        }
        Ok(())
    }

    fn variants(&self) -> Vec<Variant> {
        let cpus = match self.cpu.as_slice() {
            [] => vec!["baseline".to_owned(), "native".to_owned()],
            some => some.to_vec(),
        };
        let levels = if self.levels.is_empty() { vec![OptLevel::Speed] } else { self.levels.clone() };
        let optimisations = match self.optimisations.as_slice() {
            [] => vec![Optimisations::default()],
            some => some.to_vec(),
        };
        let mut variants = Vec::new();
        for cpu in &cpus {
            for &level in &levels {
                for &optimisations in &optimisations {
                    variants.push(Variant { compiler: None, cpu: cpu.clone(), level, optimisations });
                }
                for compiler in &self.against {
                    // An older one may not know the option: it gets the default.
                    let (compiler, optimisations) = (Some(compiler.clone()), Optimisations::default());
                    variants.push(Variant { compiler, cpu: cpu.clone(), level, optimisations });
                }
            }
        }
        variants
    }

    fn compare(&self, file: &Path) -> Result<Compared, String> {
        let wasm = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
        let wasm = bailiwick_compiler::binary(&wasm).map_err(|e| format!("{}: {e}", file.display()))?;
        let mut measured: Vec<Measured> = Vec::new();
        for variant in self.variants() {
            eprintln!("compiling {} {variant} …", file.display());
            let compiled = variant.compile(&wasm);
            let why = if self.no_run { "not run" } else { "it was not measured" };
            measured.push(Measured {
                name: variant.to_string(),
                time: Err(compiled.as_ref().err().cloned().unwrap_or_else(|| why.to_owned())),
                compiled,
                samples: sampler::Samples::default(),
            });
        }
        if !self.no_run {
            self.run(&mut measured)?;
        }
        Ok(Compared { file: file.to_owned(), variants: measured })
    }

    /// Runs all variants in turns: first for their time, then once more with a look at where they are.
    fn run(&self, measured: &mut [Measured]) -> Result<(), String> {
        let guest = Guest::new(
            [self.setup.as_deref(), Some(&self.invoke)],
            &self.arguments,
            self.stdin.as_deref(),
            &self.dir_ro,
        )?;
        let mut times: Vec<Result<Vec<f64>, String>> =
            measured.iter().map(|one| one.compiled.as_ref().map(|_| Vec::new()).map_err(Clone::clone)).collect();
        let mut expected: Option<guest::Said> = None;
        // The first round warms up.
        for round in 0..=self.rounds.max(3) {
            for (one, times) in measured.iter().zip(&mut times) {
                let (Ok(compiled), Ok(kept)) = (&one.compiled, &mut *times) else { continue };
                match guest.run(&compiled.artifact) {
                    Ok((_, said)) if expected.as_ref().is_some_and(|expected| *expected != said) => {
                        *times = Err("its output is not the first one's".to_owned());
                    }
                    Ok((nanoseconds, said)) => {
                        expected.get_or_insert(said);
                        kept.extend((round > 0).then_some(nanoseconds));
                    }
                    Err(why) => *times = Err(why),
                }
            }
        }
        for (one, times) in measured.iter_mut().zip(times) {
            one.time = times.and_then(|times| Spread::of(times).ok_or_else(|| "it was not measured".to_owned()));
        }
        for one in measured {
            if let (Ok(compiled), Ok(_)) = (&one.compiled, &one.time) {
                one.samples = sampler::sample(&compiled.artifact, || guest.run(&compiled.artifact).map(drop))?;
            }
        }
        Ok(())
    }
}
