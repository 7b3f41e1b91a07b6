//! The bars: what a user of an ahead-of-time compiler is entitled to, each a figure and the most, or the least, that it
//! may be. They are data: a figure is found by its names, and a bar without its figure is not measured.

use crate::code;
use crate::compiling;
use crate::density;
use crate::figure::{Figure, Unit};
use crate::modules::Module;
use crate::sizes;
use crate::suites::names;
use serde_json::{Value, json};

/// A bar.
struct Bar {
    what: &'static str,
    of: Of,
    unit: Unit,
    /// What has to be reached, and what would be splendid.
    bar: f64,
    dream: f64,
    /// Whether more is better.
    least: bool,
}

/// What is held against a bar.
enum Of {
    /// A figure's median: suite, topic, name.
    Median(&'static str, String, &'static str),
    /// A figure's median over another's of the same topic: suite, topic, names.
    Over(&'static str, String, &'static str, &'static str),
}

/// What became of one.
#[derive(Debug)]
pub struct Judged {
    what: &'static str,
    unit: Unit,
    bar: f64,
    dream: f64,
    least: bool,
    value: Option<f64>,
}

const MIB: f64 = 1_048_576.0;
/// As sizes of programs are told: a million bytes.
const MB: f64 = 1e6;

/// Leases of one thread, and of two.
const SCALE: [&str; 2] =
    ["pool: 1 page of memory, 1 threads, a lease of any", "pool: 1 page of memory, 2 threads, a lease of any"];

fn bars() -> Vec<Bar> {
    use Of::{Median, Over};
    let most = |what, of, unit, bar, dream| Bar { what, of, unit, bar, dream, least: false };
    let ratio = |what, of, bar, dream| Bar { what, of, unit: Unit::Ratio, bar, dream, least: false };
    let kernels = || code::KERNELS.to_owned();
    let edge = || "one integer there, one back".to_owned();
    let compile = |threads, part| compiling::topic(Module::Large, threads, part);
    vec![
        ratio(
            "hello, process start to exit, to native static C",
            Over("start", names::START.to_owned(), names::RUN, names::NATIVE),
            2.0,
            1.3,
        ),
        most(
            "resident memory of hello",
            Median("start", names::START_MEMORY.to_owned(), names::RUN),
            Unit::Bytes,
            3.0 * MIB,
            1.5 * MIB,
        ),
        most(
            "open, check, map, drop: a small artifact",
            Median("load", Module::Tiny.name().to_owned(), names::MAPPED),
            Unit::Time,
            25e3,
            20e3,
        ),
        most(
            "the same of a large one (SQLite)",
            Median("load", Module::Large.name().to_owned(), names::MAPPED),
            Unit::Time,
            25e3,
            20e3,
        ),
        most(
            "instantiate, drop: from a warm pool",
            Median("instantiate", String::new(), "pool: 1 page of memory, untouched"),
            Unit::Time,
            1.2e3,
            0.8e3,
        ),
        most(
            "the same, with 16 pages written in between",
            Median("instantiate", String::new(), "pool: 18 pages, data at 1 MiB, a call that writes 16 pages"),
            Unit::Time,
            5e3,
            3e3,
        ),
        // Linear is half the time for each.
        ratio(
            "the same on two threads, time for each, to one thread",
            Over("scale", String::new(), SCALE[1], SCALE[0]),
            0.55,
            0.51,
        ),
        most(
            "call, host to guest, typed",
            Median("calls", names::INWARDS.to_owned(), names::OURS),
            Unit::Time,
            8.0,
            5.0,
        ),
        most("call, guest to host", Median("calls", names::OUTWARDS.to_owned(), names::OURS), Unit::Time, 3.0, 2.0),
        most("trap, there and back", Median("calls", names::TRAP.to_owned(), names::OURS), Unit::Time, 3e3, 2.5e3),
        most(
            "call between modules of a group, one integer",
            Median("edges", edge(), "function of another module of the group"),
            Unit::Time,
            3.0,
            2.0,
        ),
        most(
            "call between confined instances, one integer",
            Median("edges", edge(), "across an edge"),
            Unit::Time,
            10.0,
            6.0,
        ),
        ratio(
            "kernels, run time, geometric mean, to Wasmtime",
            Over("run", kernels(), code::OURS, code::WASMTIME),
            0.9,
            0.8,
        ),
        ratio("the same, to V8", Over("run", kernels(), code::OURS, code::V8), 1.0, 0.9),
        // The bar is where V8 was when it was set.
        ratio("the same, to native -O3", Median("run", kernels(), code::OURS), 1.27, 1.15),
        ratio(
            "programs, run time, geometric mean, to Wasmtime",
            Over("run", code::PROGRAMS.to_owned(), code::OURS, code::WASMTIME),
            0.9,
            0.8,
        ),
        ratio(
            "what being interruptible costs the kernels, geometric mean",
            Over("run", kernels(), code::OURS, code::OURS_WITHOUT_POLLS),
            1.03,
            1.01,
        ),
        ratio(
            "compile SQLite, wall time, all threads, to Wasmtime",
            Over("compile", compile(2, "wall time"), compiling::OURS, compiling::WASMTIME),
            1.0,
            0.8,
        ),
        ratio(
            "compile SQLite, CPU time, to Wasmtime",
            Over("compile", compile(2, "CPU time"), compiling::OURS, compiling::WASMTIME),
            1.0,
            0.8,
        ),
        most(
            "the loader's program, stripped",
            Median("size", sizes::PROGRAMS.to_owned(), sizes::OURS),
            Unit::Bytes,
            2.0 * MB,
            MB,
        ),
        Bar {
            what: "live instances in one process",
            of: Median("density", density::LIVE.to_owned(), density::OURS),
            unit: Unit::Count,
            bar: 16_000.0,
            dream: 20_000.0,
            least: true,
        },
    ]
}

/// Holds figures against all bars.
pub fn judge(figures: &[Figure]) -> Vec<Judged> {
    let median = |suite: &str, topic: &str, name: &str| {
        let figure = figures.iter().find(|f| f.suite == suite && f.topic == topic && f.name == name);
        figure.and_then(|figure| figure.result.as_ref().ok()).map(|spread| spread.median)
    };
    let judged = bars().into_iter().map(|Bar { what, of, unit, bar, dream, least }| {
        let value = match &of {
            Of::Median(suite, topic, name) => median(suite, topic, name),
            Of::Over(suite, topic, name, other) => {
                median(suite, topic, name).zip(median(suite, topic, other)).map(|(value, other)| value / other)
            }
        };
        Judged { what, unit, bar, dream, least, value }
    });
    judged.collect()
}

impl Judged {
    /// What it is about.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// The figure, the bar and the dream for people, and the verdict.
    pub fn cells(&self) -> [String; 4] {
        let side = if self.least { "≥" } else { "≤" };
        let limit = |limit| format!("{side} {}", self.unit.show(limit));
        let value = self.value.map_or("not measured".to_owned(), |value| self.unit.show(value));
        [value, limit(self.bar), limit(self.dream), self.verdict().to_owned()]
    }

    fn verdict(&self) -> &'static str {
        let reached = |limit| self.value.map(|value| if self.least { value >= limit } else { value <= limit });
        match (reached(self.bar), reached(self.dream)) {
            (None, _) => "",
            (_, Some(true)) => "met, and the dream",
            (Some(true), _) => "met",
            (Some(false), _) => "not met",
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({ "what": self.what, "value": self.value, "bar": self.bar, "dream": self.dream, "verdict": self.verdict() })
    }
}
