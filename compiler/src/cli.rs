//! The command line: what it accepts. `main.rs` does what it says.

use bailiwick_compiler::{Arch, CompileError, Cpu, OptLevel, Optimisations, WasmFeatures, parse_target, triple};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  bailiwickc compile app.wasm                          writes app.bwk for this machine's architecture
  bailiwickc compile app.wat -o app.bwk --cpu native   may use all that this CPU has
  bailiwickc compile app.wasm --target aarch64-unknown-linux-gnu
  bailiwickc compile app.wasm --emit asm -o -          shows the machine code
  bailiwickc compile app.wasm --emit obj               writes app.o for a native program
  bailiwickc compile unzip.wasm --wit wit --world unzipper
                                                       checks the module against a world of the WIT in the folder wit,
                                                       and writes its types into the artifact, so that modules with
                                                       memories of their own can call it with strings, lists, records
  bailiwickc compile app.wasm --link codec=codec.wasm  puts what app imports from \"codec\" into the same code, so that
                                                       calls between the two can be inlined
  bailiwickc compile app.wasm --wasm-features all,-threads
                                                       refuses a module that needs what it leaves out

Exit codes: 0 done, 1 the input can't be compiled or a file can't be read or written, 2 wrong usage.
An artifact is machine code: who loads one trusts it like an executable.";

const EXPLORE_EXAMPLES: &str = "\
Examples:
  bailiwickc explore app.wasm                          writes app.html, for a browser; it needs no other file
  bailiwickc explore app.wasm --function main --function 17 -o main.html
                                                       shows two functions, by name and by index
  bailiwickc explore app.wasm --cpu native -O size     shows the code that compile makes with the same options

Code and addresses are those of the artifact, as objdump and perf have them. Operators, instructions of Cranelift's
intermediate representation and machine instructions that belong together light up together; what was inlined stands below
the call.

Exit codes: 0 done, 1 the input can't be compiled or a file can't be read or written, 2 wrong usage.";

/// Compiles WebAssembly modules ahead of time to native artifacts, which `bailiwick` loads and runs.
#[derive(Debug, Parser)]
#[command(name = "bailiwickc", version = bailiwick_compiler::RELEASE, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compile a module
    #[command(after_help = EXAMPLES)]
    Compile(Box<Compile>),
    /// Show WebAssembly, intermediate representation and machine code side by side, on one HTML page
    #[command(after_help = EXPLORE_EXAMPLES)]
    Explore(Explore),
    /// Print the script that completes this command in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print, on one line, what a cache of artifacts has to tell apart: version, contract, options
    #[command(hide = true)]
    CpuFeatures(Shape),
}

#[derive(Args, Debug)]
pub struct Compile {
    /// The module, in the binary or the text format; `-`: standard input
    #[arg(required_unless_present = "input_fd", value_hint = clap::ValueHint::FilePath)]
    pub input: Option<PathBuf>,
    /// Where to write; `-`: standard output [default: INPUT with the extension .bwk, or .o for `--emit obj`]
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub shape: Shape,
    /// What the module imports and exports, in WIT: a file, or a folder of *.wit with the packages that they use in its
    /// folder deps
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    pub wit: Option<PathBuf>,
    /// The world of the WIT that the module is of [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub world: Option<String>,
    /// A module whose exports satisfy what the others import from NAME; all become one artifact, with the exports of INPUT.
    /// Each keeps memories, tables and globals of its own, and is initialised after what it imports from. One that is
    /// linked by two names is there twice
    #[arg(long = "link", value_name = "NAME=FILE", value_parser = parse_link)]
    pub links: Vec<Link>,
    /// What to write
    #[arg(long, value_enum, default_value_t = Emit::Artifact)]
    pub emit: Emit,
    /// Threads [default: as many as the machine runs at once]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Keep compiled functions in this folder, and take those from it that are there: after a small change to a module,
    /// compiling takes a fraction of the time. What it holds is trusted like an artifact: nobody else may write to it
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath, conflicts_with = "confined")]
    pub function_cache: Option<PathBuf>,
    /// Say what was found in the folder
    #[arg(short, long, requires = "function_cache")]
    pub verbose: bool,
    /// Read the module from this open file descriptor
    #[arg(long, hide = true, value_name = "N", conflicts_with = "input", requires = "output_fd")]
    pub input_fd: Option<i32>,
    /// What messages call the input
    #[arg(long, hide = true, value_name = "NAME")]
    pub input_name: Option<String>,
    /// The input begins with this many bytes of WIT, bundled as `bailiwick_runtime_abi::wit::bundle` says
    #[arg(long, hide = true, value_name = "N", conflicts_with = "wit", requires = "input_fd")]
    pub wit_bytes: Option<usize>,
    /// What messages call the folder of the WIT
    #[arg(long, hide = true, value_name = "NAME", requires = "wit_bytes")]
    pub wit_name: Option<String>,
    /// Write to this open file descriptor
    #[arg(long, hide = true, value_name = "N", conflicts_with = "output")]
    pub output_fd: Option<i32>,
    /// Give up, before anything is read, all authority but to compile
    #[arg(long, hide = true, requires_all = ["input_fd", "output_fd"], conflicts_with = "links")]
    pub confined: bool,
}

/// A module that is linked: `NAME=FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The module name of the imports that it satisfies.
    pub name: String,
    /// The module, in the binary or the text format.
    pub file: PathBuf,
}

#[derive(Args, Debug)]
pub struct Explore {
    /// The module, in the binary or the text format; `-`: standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    pub input: PathBuf,
    /// Where to write; `-`: standard output [default: INPUT with the extension .html]
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// A function to show, by its name, an export's name or its index; may be repeated [default: the first ones]
    #[arg(short, long = "function", value_name = "NAME|INDEX")]
    pub functions: Vec<String>,
    #[command(flatten)]
    pub shape: Shape,
    /// Threads [default: as many as the machine runs at once]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
}

/// What shapes the code.
#[derive(Args, Debug)]
pub struct Shape {
    /// Architecture: x86_64-unknown-linux-gnu or aarch64-unknown-linux-gnu [default: this machine's]
    #[arg(long, value_name = "TRIPLE", default_value = default_target(), hide_default_value = true, value_parser = parse_target)]
    pub target: Arch,
    /// Instructions that the code may use: `baseline` (x86-64-v2, Armv8.0), `v3`, `native` (this machine's), or
    /// +FEATURE,-FEATURE on top of baseline
    #[arg(long, default_value = "baseline", allow_hyphen_values = true, value_parser = parse_cpu)]
    pub cpu: Cpu,
    /// Whether the guest can be interrupted: loops and recursion then read a byte that its owner can make inaccessible
    #[arg(long, value_name = "YES|NO", default_value = "yes", value_parser = parse_yes_no, action = clap::ArgAction::Set)]
    pub interruptible: bool,
    /// Compute the same on every processor: canonical NaNs, and of relaxed vector instructions the results that the
    /// specification names for all. Floats become slower
    #[arg(long)]
    pub deterministic: bool,
    /// Which parts of the language a module may use: all or mvp, then names of proposals, -NAME to leave one out
    #[arg(long, default_value = "all", allow_hyphen_values = true, value_parser = parse_features)]
    pub wasm_features: WasmFeatures,
    /// What to optimise for
    #[arg(short = 'O', long = "opt-level", value_enum, default_value_t = Optimise::Speed, value_name = "LEVEL")]
    pub optimise: Optimise,
    /// What is done for speed beyond the level: default, all or none, then names, -NAME to leave one out
    #[arg(long, value_name = "LIST", default_value = "default", allow_hyphen_values = true, value_parser = parse_optimisations)]
    pub optimisations: Optimisations,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Emit {
    /// The artifact
    Artifact,
    /// A relocatable object for the C linker, to be called from a native program: `bailiwick_entry_NAME(context,
    /// bailiwick_code_NAME, values)`, where the program lays out the context as the crate bailiwick-runtime-abi says
    Obj,
    /// Cranelift's intermediate representation of each function, before optimisation
    Clif,
    /// The machine code of each function
    Asm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Optimise {
    /// Fast compilation
    None,
    /// Fast code
    Speed,
    /// Fast code, but prefer less of it
    Size,
}

impl From<Optimise> for OptLevel {
    fn from(level: Optimise) -> OptLevel {
        match level {
            Optimise::None => OptLevel::None,
            Optimise::Speed => OptLevel::Speed,
            Optimise::Size => OptLevel::Size,
        }
    }
}

fn default_target() -> &'static str {
    triple(Arch::host().unwrap_or(Arch::X86_64))
}

fn parse_yes_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("it wants yes or no".to_owned()),
    }
}

fn parse_link(text: &str) -> Result<Link, String> {
    match text.split_once('=') {
        Some((name, file)) if !file.is_empty() => Ok(Link { name: name.to_owned(), file: file.into() }),
        _ => Err("it wants NAME=FILE".to_owned()),
    }
}

fn parse_features(text: &str) -> Result<WasmFeatures, CompileError> {
    text.parse()
}

fn parse_optimisations(text: &str) -> Result<Optimisations, CompileError> {
    text.parse()
}

fn parse_cpu(text: &str) -> Result<Cpu, CompileError> {
    text.parse()
}
