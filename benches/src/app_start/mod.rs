//! Applications of many instances: how long until each of them has been called once, and what they take up.
//!
//! Libraries of one name are instances of one artifact, with a memory each that they write to. An application is
//! started from artifacts in a process of its own, which looks at itself; so is the same as one component in Wasmtime.
//! Rounds of all are interleaved.

mod tree;

use crate::apps::{Checked, run};
use crate::figure::{Figure, Spread, Unit};
use crate::peers;
use crate::scratch::Scratch;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tree::{TREES, Tree};

/// What is measured of one start: what it is, for Bailiwick and for Wasmtime, its key, its unit.
const PARTS: [(&str, &str, &str, Unit); 5] = [
    ("manifests and artifacts read, checked", "component loaded", "check", Unit::Time),
    ("instances made and joined", "instances made", "link", Unit::Time),
    ("each called once", "each called once", "call", Unit::Time),
    ("memory of the process, less before", "memory", "memory", Unit::Bytes),
    ("mappings of the process, less before", "mappings", "mappings", Unit::Count),
];

/// The whole of it, as a user starts it.
const RUN: &str = "bailiwick run, start to exit";

/// The topic of what one instance more adds, by the difference of the two trees.
const FURTHER: &str = "each further instance";

/// Measurements, or why there are no more.
type Kept<T> = (Vec<T>, Result<(), String>);

/// What many starts of one tree took.
struct Starts {
    scratch: Scratch,
    tree: Tree,
    /// What each says of itself.
    inside: Kept<Value>,
    /// Nanoseconds of `bailiwick run`.
    process: Kept<f64>,
    /// What each component says of itself.
    component: Kept<Value>,
}

impl Starts {
    /// Compiles everything.
    fn new(tree: Tree, program: &Result<PathBuf, String>, version: &mut String) -> Starts {
        let scratch = Scratch::new();
        let written = tree.write(&scratch);
        // Machine code of libraries runs only if a lock names it.
        let locked = program
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|program| outside(Command::new(program).arg("lock").arg(scratch.path())).map(drop));
        let text = scratch.write("component.wat", tree.component());
        let component = python(&["compile".as_ref(), &text, &scratch.path().join("component")]);
        let component = component.map(|said| *version = said["version"].as_str().unwrap_or_default().to_owned());
        let kept = |ready| (Vec::new(), ready);
        Starts { inside: kept(written), process: (Vec::new(), locked), component: kept(component), tree, scratch }
    }

    /// Starts each once.
    fn step(&mut self, program: &Result<PathBuf, String>) {
        let folder = self.scratch.path();
        keep(&mut self.inside, || inside(folder));
        keep(&mut self.process, || outside(Command::new(program.clone()?).arg("run").arg(folder)));
        keep(&mut self.component, || {
            python(&["start".as_ref(), &folder.join("component"), self.tree.sum().to_string().as_ref()])
        });
    }
}

/// Measures once more, unless it has failed before.
fn keep<T>((kept, ended): &mut Kept<T>, once: impl FnOnce() -> Result<T, String>) {
    if ended.is_ok() {
        match once() {
            Ok(value) => kept.push(value),
            Err(why) => *ended = Err(why),
        }
    }
}

/// One part of what was measured.
fn part((starts, ended): &Kept<Value>, key: &str) -> Result<Vec<f64>, String> {
    ended.clone().map(|()| starts.iter().filter_map(|start| start[key].as_f64()).collect())
}

fn process((times, ended): &Kept<f64>) -> Result<Vec<f64>, String> {
    ended.clone().map(|()| times.clone())
}

fn spread(values: Vec<f64>) -> Result<Spread, String> {
    Spread::of(values).ok_or_else(|| "it was not measured".to_owned())
}

/// Measures the suite.
pub fn measure(suite: &'static str, rounds: usize, figures: &mut Vec<Figure>) {
    let rounds = rounds.clamp(3, 15);
    let (program, mut version) = (peers::bailiwick(), String::new());
    let mut starts = TREES.map(|tree| Starts::new(tree, &program, &mut version));
    for _ in 0..rounds {
        starts.iter_mut().for_each(|starts| starts.step(&program));
    }
    let wasmtime = format!("wasmtime {version}").trim_end().to_owned();
    for one in &starts {
        figures.extend(topic(suite, &one.tree.title(), &wasmtime, &|of| of(one).and_then(spread)));
    }
    let [one, many] = &starts;
    let more = (many.tree.instances() - one.tree.instances()) as f64;
    figures.extend(topic(suite, FURTHER, &wasmtime, &|of| {
        let added = of(one)?.iter().zip(&of(many)?).map(|(one, many)| many - one).collect();
        spread(added).map(|spread| spread.over(more))
    }));
    figures.push(native(suite, rounds));
}

/// What is looked at of the starts of a tree.
type Of<'a> = &'a dyn Fn(&Starts) -> Result<Vec<f64>, String>;

/// All figures of a topic, for which `spread` combines what is looked at.
fn topic(
    suite: &'static str,
    topic: &str,
    wasmtime: &str,
    spread: &dyn Fn(Of<'_>) -> Result<Spread, String>,
) -> Vec<Figure> {
    let figure = |name: &str, unit, result| Figure::time(suite, name, result).measured_in(unit).about(topic);
    let ours = PARTS.iter().map(|&(name, _, key, unit)| figure(name, unit, spread(&|of| part(&of.inside, key))));
    let run = figure(RUN, Unit::Time, spread(&|of| process(&of.process)));
    let theirs = PARTS.iter().map(|&(_, name, key, unit)| {
        figure(&format!("{wasmtime}: {name}"), unit, spread(&|of| part(&of.component, key))).of_peer()
    });
    ours.chain([run]).chain(theirs).collect()
}

/// A process, which is what an instance would be without all this.
fn native(suite: &'static str, rounds: usize) -> Figure {
    let scratch = Scratch::new();
    let result = peers::native_hello(scratch.path())
        .map(|program| Spread::times(rounds, 20, || peers::run(&mut Command::new(&program))));
    Figure::time(suite, "a process of static C, start to exit", result).of_peer().about(FURTHER)
}

/// Starts the application in a process that looks at itself.
fn inside(folder: &Path) -> Result<Value, String> {
    let me = std::env::current_exe().map_err(|e| e.to_string())?;
    let output = Command::new(me).arg("--start-app").arg(folder).output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())
}

/// Runs a command; nanoseconds from its start to its end.
fn outside(command: &mut Command) -> Result<f64, String> {
    let begin = Instant::now();
    let output = command.output().map_err(|e| e.to_string())?;
    let time = begin.elapsed().as_nanos() as f64;
    let said = || String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("it failed").to_owned();
    if output.status.success() { Ok(time) } else { Err(said()) }
}

/// Does something with a component.
fn python(arguments: &[&Path]) -> Result<Value, String> {
    let mut command = peers::python(include_str!("wasmtime.py"));
    peers::said(&command.args(arguments).output().map_err(|e| format!("python: {e}"))?.stdout)
}

/// Is the process of [`inside`]: starts the application in a folder, and prints what that took.
pub fn child(folder: &Path) -> Result<(), String> {
    let (memory, mappings) = taken()?;
    let begin = Instant::now();
    let checked = Checked::load(folder)?;
    let check = begin.elapsed();
    let mut app = checked.link()?;
    let link = begin.elapsed() - check;
    run(&mut app, &checked.plan)?;
    let call = begin.elapsed() - link - check;
    let (memory_after, mappings_after) = taken()?;
    let ns = |time: Duration| time.as_nanos() as u64;
    println!(
        "{}",
        json!({
            "check": ns(check), "link": ns(link), "call": ns(call),
            "memory": memory_after.saturating_sub(memory), "mappings": mappings_after.saturating_sub(mappings),
        })
    );
    Ok(())
}

/// What this process has: resident bytes, mappings.
fn taken() -> Result<(u64, usize), String> {
    Ok((peers::memory("self")?, peers::mappings()?))
}
