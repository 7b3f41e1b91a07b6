//! What there is to run, and the builds of each: kernels of our own, which are one file each in `benches/kernels`, and
//! real programs, which `benches/programs/build` gets from packages.

use crate::peers;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the user says of the suite.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Only those whose names contain one of these; all if there is none.
    pub only: Vec<String>,
    /// How much a kernel has to do, instead of what its source says.
    pub sizes: Vec<(String, String)>,
    /// Leave out the real programs.
    pub kernels_only: bool,
}

/// The builds of one thing.
#[derive(Debug)]
pub struct Builds {
    /// A process, by `clang -O3`.
    pub native: Result<PathBuf, String>,
    /// The same for this processor.
    pub native_here: Result<PathBuf, String>,
    /// WebAssembly, by `clang -O3`.
    pub wasm: PathBuf,
    /// The same with vectors.
    pub vectors: PathBuf,
    /// A program for WASI, for engines that are there as commands: it does what the native build does.
    pub command: Result<PathBuf, String>,
}

/// Something to run.
#[derive(Debug)]
pub struct Subject {
    pub name: String,
    pub builds: Builds,
}

/// Something that could not be built.
#[derive(Debug)]
pub struct Problem {
    pub name: String,
    pub why: String,
}

/// Real programs: names that `benches/programs/build` knows.
const PROGRAMS: [&str; 7] = ["sqlite", "lua", "quickjs", "zstd", "zlib", "pcre2", "blake3"];

/// Options for all builds. Nothing is fused, so that floating-point numbers have the same bits everywhere.
const COMMON: [&str; 3] = ["-O3", "-fno-math-errno", "-ffp-contract=off"];

const BENCHES: &str = env!("CARGO_MANIFEST_DIR");

/// Whether a topic of figures is about a program.
pub fn is_program(name: &str) -> bool {
    PROGRAMS.contains(&name)
}

/// Everything that the settings ask for, built one after another as it is taken.
pub fn subjects<'a>(
    folder: &'a Path,
    settings: &'a Settings,
) -> impl Iterator<Item = Result<Subject, Problem>> + use<'a> {
    let wanted = |name: &str| settings.only.is_empty() || settings.only.iter().any(|part| name.contains(part));
    let kernels = kernels().into_iter().filter(move |name| wanted(name)).map(move |name| {
        let size = settings.sizes.iter().find(|(kernel, _)| *kernel == name).map(|(_, size)| size.as_str());
        built(name.clone(), kernel(folder, &name, size))
    });
    let programs = PROGRAMS.into_iter().filter(move |name| !settings.kernels_only && wanted(name));
    kernels.chain(programs.map(|name| built(name.to_owned(), program(name))))
}

fn built(name: String, builds: Result<Builds, String>) -> Result<Subject, Problem> {
    match builds {
        Ok(builds) => Ok(Subject { name, builds }),
        Err(why) => Err(Problem { name, why }),
    }
}

/// The kernels' names, in order.
fn kernels() -> Vec<String> {
    let files = std::fs::read_dir(Path::new(BENCHES).join("kernels")).into_iter().flatten().flatten();
    let names = files.filter_map(|file| file.file_name().to_str()?.strip_suffix(".c").map(str::to_owned));
    let mut names: Vec<String> = names.filter(|name| name != "native").collect();
    names.sort();
    names
}

/// Builds one kernel.
fn kernel(folder: &Path, name: &str, size: Option<&str>) -> Result<Builds, String> {
    let source = |name: &str| Path::new(BENCHES).join("kernels").join(format!("{name}.c"));
    let built = |suffix: &str, options: &[&str], sources: &[&str]| {
        let output = folder.join(format!("{name}{suffix}"));
        let mut command = Command::new(peers::clang()?);
        command.args(COMMON).args(options).args(size.map(|size| format!("-DSIZE={size}")));
        command.args(sources.iter().map(|name| source(name))).arg("-o").arg(&output);
        peers::succeed(&mut command)?;
        Ok::<_, String>(output)
    };
    const WASI: [&str; 3] = ["--target=wasm32-wasi", "--sysroot=/usr", "-Wl,--stack-first,-z,stack-size=1048576"];
    const REACTOR: &[&str] = &["-mexec-model=reactor"];
    Ok(Builds {
        native: built("-native", &[], &[name, "native"]),
        native_here: built("-native-here", &["-march=native"], &[name, "native"]),
        wasm: built(".wasm", &[&WASI, REACTOR].concat(), &[name])?,
        vectors: built("-vectors.wasm", &[&WASI, REACTOR, &["-msimd128"]].concat(), &[name])?,
        command: built("-command.wasm", &WASI, &[name, "native"]),
    })
}

/// Where a real program is, built or as its package has it.
pub fn obtained(name: &str) -> Result<PathBuf, String> {
    let output = peers::succeed(Command::new(Path::new(BENCHES).join("programs/build")).arg(name))?;
    Ok(PathBuf::from(output.trim_end()))
}

/// The builds of one program.
fn program(name: &str) -> Result<Builds, String> {
    let folder = obtained(name)?;
    let file = |name: &str| folder.join(name);
    Ok(Builds {
        native: Ok(file("native")),
        native_here: Ok(file("native-here")),
        wasm: file("plain.wasm"),
        vectors: file("vectors.wasm"),
        command: Ok(file("command.wasm")),
    })
}
