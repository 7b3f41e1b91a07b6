//! How fast the code is: kernels and real programs, beside native builds of the same source and other engines.
//!
//! Each is a module with three exports: `setup` makes its input, `kernel` is what is timed, `checksum` says what came
//! out. Native builds are processes that do the same at each line that they read, and so is Node. All are started,
//! then their runs are interleaved; start, compilation and warming up are not in the figures. A figure
//! is time of the processor that ran it, so that what else a shared machine does is not in it; but for engines that are
//! there as commands, whose programs know only the time that goes by. It is believed if
//! every run came to the checksum that the native build of `-O3` came to; else the peer is named with what it came to.
//!
//! | file | room |
//! |---|---|
//! | `build.rs` | what there is to run, and the builds of each |
//! | `ours.rs`, `wasmtime.rs`, `process.rs`, `node.js` | who runs it |
//! | `means.rs` | geometric means over kernels and over programs |

mod build;
mod means;
mod ours;
mod process;
#[cfg(feature = "wasmtime")]
mod wasmtime;

pub use build::{Builds, Settings, obtained};
pub use means::{KERNELS, PROGRAMS};

use crate::figure::{Figure, Spread};
use crate::scratch::Scratch;

/// One run: nanoseconds of a processor that `kernel` took, and what `checksum` said.
#[derive(Clone, Copy, Debug)]
pub struct Once {
    nanoseconds: f64,
    checksum: u64,
}

/// Makes one run.
pub type Run = Box<dyn FnMut() -> Result<Once, String>>;

/// Who runs something, and what of it.
struct Engine {
    name: &'static str,
    ours: bool,
    prepare: fn(&Builds) -> Result<Run, String>,
}

/// The name of the native build that all others are compared with.
pub const NATIVE: &str = "native, clang -O3";
/// Bailiwick's code for this processor.
pub const OURS: &str = "bailiwick";
/// The same without polls.
pub const OURS_WITHOUT_POLLS: &str = "bailiwick, not interruptible";
/// Wasmtime's.
pub const WASMTIME: &str = "wasmtime";
/// V8's.
pub const V8: &str = "V8 (node)";

/// All of them, in the order in which they take turns. The first is compared with.
const ENGINES: [Engine; 11] = [
    Engine { name: NATIVE, ours: false, prepare: |builds| process::native(&builds.native) },
    Engine { name: "native, -march=native", ours: false, prepare: |builds| process::native(&builds.native_here) },
    Engine { name: OURS, ours: true, prepare: |builds| ours::prepare(&builds.wasm, true) },
    Engine { name: OURS_WITHOUT_POLLS, ours: true, prepare: |builds| ours::prepare(&builds.wasm, false) },
    Engine { name: "bailiwick, -msimd128", ours: true, prepare: |builds| ours::prepare(&builds.vectors, true) },
    Engine { name: WASMTIME, ours: false, prepare: |builds| wasmtime(&builds.wasm) },
    Engine { name: "wasmtime, -msimd128", ours: false, prepare: |builds| wasmtime(&builds.vectors) },
    Engine { name: V8, ours: false, prepare: |builds| process::node(&builds.wasm) },
    Engine { name: "V8 (node), -msimd128", ours: false, prepare: |builds| process::node(&builds.vectors) },
    Engine { name: "WAMR (AOT)", ours: false, prepare: |builds| process::wamr(&builds.command) },
    Engine { name: "Wasmer (LLVM)", ours: false, prepare: |builds| process::wasmer(&builds.command) },
];

#[cfg(feature = "wasmtime")]
use wasmtime::prepare as wasmtime;

#[cfg(not(feature = "wasmtime"))]
fn wasmtime(_: &std::path::Path) -> Result<Run, String> {
    Err(crate::wasmtime_crate::MISSING.to_owned())
}

/// An engine with something to run, and what its runs took.
struct Running {
    run: Result<Run, String>,
    times: Vec<f64>,
}

impl Running {
    /// Runs once; what it came to.
    fn step(&mut self, expected: Option<u64>) -> Option<u64> {
        let Ok(run) = &mut self.run else { return None };
        match run() {
            Ok(Once { checksum, .. }) if expected.is_some_and(|expected| expected != checksum) => {
                self.run = Err(format!("wrong: it came to {checksum}, native to {}", expected.unwrap_or_default()));
                None
            }
            Ok(Once { nanoseconds, checksum }) => {
                self.times.push(nanoseconds);
                Some(checksum)
            }
            Err(why) => {
                self.run = Err(why);
                None
            }
        }
    }

    fn spread(self) -> Result<Spread, String> {
        self.run.map(drop)?;
        Spread::of(self.times).ok_or_else(|| "it was not measured".to_owned())
    }
}

/// Measures the suite.
pub fn measure(suite: &'static str, rounds: usize, settings: &Settings, figures: &mut Vec<Figure>) {
    let scratch = Scratch::new();
    let begin = figures.len();
    for subject in build::subjects(scratch.path(), settings) {
        if let Ok(name) = subject.as_ref().map(|subject| subject.name.clone()) {
            eprintln!("measuring {suite}: {name} …");
        }
        match subject {
            Ok(subject) => figures.extend(figures_of(suite, rounds, &subject)),
            // Something could not be built: then there is no figure of it, by anybody.
            Err(problem) => {
                figures.push(Figure::time(suite, OURS, Err(problem.why)).about(&problem.name));
            }
        }
    }
    let means = means::of(suite, &figures[begin..]);
    figures.extend(means);
}

/// Runs one thing everywhere.
fn figures_of(suite: &'static str, rounds: usize, subject: &build::Subject) -> Vec<Figure> {
    let prepared = |engine: &Engine| Running { run: (engine.prepare)(&subject.builds), times: Vec::new() };
    let mut running: Vec<Running> = ENGINES.iter().map(prepared).collect();
    // The first of each is no measurement: pages and caches are cold, and the native one says what is right.
    let mut expected = None;
    for one in &mut running {
        let came_to = one.step(expected);
        expected = expected.or(came_to);
        one.times.clear();
    }
    for _ in 0..rounds.clamp(3, 11) {
        for one in &mut running {
            one.step(expected);
        }
    }
    let spreads: Vec<_> = running.into_iter().map(Running::spread).collect();
    let base = spreads.first().and_then(|first| first.as_ref().ok()).map(|spread| spread.median);
    let figures = ENGINES.iter().zip(spreads).enumerate().map(|(index, (engine, result))| {
        let ratio = base.filter(|_| index > 0).zip(result.as_ref().ok()).map(|(base, s)| s.median / base);
        let figure = Figure { ours: engine.ours, ratio, ..Figure::time(suite, engine.name, result) };
        figure.about(&subject.name)
    });
    figures.collect()
}
