//! Applications of modules in the text format, run with compiled edges and with interpreted ones.

use bailiwick_app::check::Wiring;
use bailiwick_app::live::{App, AppConfig};
use bailiwick_app::plan::{self, Modules, Plan};
use bailiwick_compiler::{Options, Source, Wit, compile, triple};
use bailiwick_loader::Artifact;
use bailiwick_runtime_abi::format::NONE;
use bailiwick_tests::compile::{binary, compiler_program, host};
use std::fs;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A module of the world `world` of the text `wit`, compiled.
///
/// # Panics
/// If it is none, or does not fit the world.
pub fn module(wat: &str, wit: &str, world: &str) -> Artifact {
    let wasm = binary(wat);
    let bytes = match compiler_program() {
        None => {
            let sources = [Source { path: "module.wit", text: wit }];
            let wit = Some(Wit { sources: &sources, folder: "", world: Some(world) });
            let options = Options { target: host(), jobs: Some(1), wit, ..Options::default() };
            compile(&wasm, &options).unwrap_or_else(|e| panic!("{e}\n{wat}"))
        }
        Some(program) => {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = |name: &str| folder.path().join(name);
            fs::write(path("module.wasm"), &wasm).expect("a file");
            fs::write(path("module.wit"), wit).expect("a file");
            let mut command = Command::new(program);
            command.arg("compile").arg(path("module.wasm")).arg("-o").arg(path("module.bwk"));
            command.arg("--wit").arg(path("module.wit")).args(["--world", world, "-j", "1"]);
            let output = command.args(["--target", triple(host())]).output().expect("the compiler starts");
            assert!(output.status.success(), "{}\n{wat}", String::from_utf8_lossy(&output.stderr));
            fs::read(path("module.bwk")).expect("an artifact")
        }
    };
    Artifact::from_bytes(&bytes, world).unwrap_or_else(|e| panic!("{e}\n{wat}"))
}

/// Whether an import has compiled code for its calls over an edge.
///
/// # Panics
/// If there is no such import.
pub fn adapted(artifact: &Artifact, module: &str, name: &str) -> bool {
    let view = artifact.view();
    let text = |range| view.string(range).expect("a name");
    let import = view.imports().iter().find(|import| text(import.module) == module && text(import.name) == name);
    import.unwrap_or_else(|| panic!("no import {module} {name}")).adapter != NONE
}

/// An application that can be run any number of times.
#[derive(Debug)]
pub struct Application {
    plan: Plan,
    wiring: Wiring,
    _folder: TempDir,
}

/// Modules by the names of their files.
struct Shelf<'a>(&'a [(&'a str, &'a Artifact)]);

impl Modules for Shelf<'_> {
    fn open(&self, module: &plan::Source<'_>) -> Result<Artifact, String> {
        let name = module.file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, artifact)| (*artifact).clone()).ok_or_else(|| format!("there is no module {name}"))
    }
}

impl Application {
    /// Of a manifest and the modules that it names. Its folder has the empty folders `a` to `d`.
    ///
    /// # Panics
    /// If there is anything wrong with it.
    pub fn new(manifest: &str, modules: &[(&str, &Artifact)]) -> Application {
        Application::with_files(manifest, &[], modules)
    }

    /// The same, with manifests of libraries beside its own.
    ///
    /// # Panics
    /// If there is anything wrong with it.
    pub fn with_files(manifest: &str, files: &[(&str, &str)], modules: &[(&str, &Artifact)]) -> Application {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["a", "b", "c", "d"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("a file");
        }
        let file = folder.path().join("bailiwick.toml");
        fs::write(&file, manifest).expect("a file");
        let plan = Plan::load(&file, &Shelf(modules)).unwrap_or_else(|e| panic!("{e:?}\n{manifest}"));
        let wiring = Wiring::check(&plan).unwrap_or_else(|e| panic!("{e:?}\n{manifest}"));
        Application { plan, wiring, _folder: folder }
    }

    /// Runs it. `interpreted`: the edges are.
    ///
    /// # Panics
    /// If it can't be linked.
    pub fn run(&self, interpreted: bool) -> Outcome {
        self.run_for(interpreted, None)
    }

    /// Runs it, and ends it after a time.
    ///
    /// # Panics
    /// If it can't be linked.
    pub fn run_for(&self, interpreted: bool, limit: Option<Duration>) -> Outcome {
        let config = AppConfig { interpret_edges: interpreted, ..AppConfig::default() };
        let mut app = App::link(&self.plan, &self.wiring, &config).unwrap_or_else(|e| panic!("{e}"));
        if let Some(limit) = limit {
            let handle = app.interrupt_handle();
            std::thread::spawn(move || {
                std::thread::sleep(limit);
                handle.interrupt()
            });
        }
        let ended = app.run(&self.plan).map_err(|error| normal(&error.to_string()));
        let raw = app.deaths().map(|(_, death)| death.reason.clone()).collect();
        let numbered = app.deaths().filter(|(_, death)| normal(&death.reason) != death.reason);
        let numbered = numbered.map(|(id, _)| self.plan.node(id).path.clone()).collect();
        let deaths = app.deaths().map(|(id, death)| {
            let told = [&death.reason, &death.detail].map(|text| normal(text));
            (self.plan.node(id).path.clone(), told)
        });
        let deaths = deaths.collect();
        let streams = self.plan.iter().map(|(id, node)| (node.path.clone(), app.captured(id).0.unwrap_or_default()));
        Outcome { ended, deaths, streams: streams.collect(), numbered, raw }
    }

    /// Runs it both ways, which must be one.
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    pub fn both(&self) -> Outcome {
        let (interpreted, compiled) = (self.run(true), self.run(false));
        let difference = interpreted.difference(&compiled);
        assert!(difference.is_none(), "{}", difference.unwrap_or_default());
        compiled
    }
}

/// How an application ended, and what there is to see of it.
#[derive(Debug)]
pub struct Outcome {
    /// The root's exit status, or why it ended.
    pub ended: Result<i32, String>,
    /// Paths of instances that died, with reason and detail.
    pub deaths: Vec<(String, [String; 2])>,
    /// What each instance wrote to standard output, by path.
    pub streams: Vec<(String, Vec<u8>)>,
    /// Instances the reason of whose death numbers an element of a list: who learns of it by a value gets another text
    /// from compiled code.
    pub numbered: Vec<String>,
    /// Reasons of deaths, with these numbers.
    pub raw: Vec<String>,
}

impl Outcome {
    /// What an instance wrote to standard output.
    ///
    /// # Panics
    /// If there is no such instance.
    pub fn stream(&self, path: &str) -> &[u8] {
        let found = self.streams.iter().find(|(known, _)| known == path);
        &found.unwrap_or_else(|| panic!("no instance {path}")).1
    }

    /// Why an instance died; `None` if it did not.
    pub fn death(&self, path: &str) -> Option<&str> {
        self.deaths.iter().find(|(known, _)| known == path).map(|(_, [reason, _])| reason.as_str())
    }

    /// Whether an instance may have been told the number of an element.
    fn may_know(&self, path: &str) -> bool {
        self.numbered.iter().any(|dead| dead != path)
    }

    /// In what an interpreted run, this one, and a compiled one differ. What an instance has written that may have been told
    /// the number of an element is left out.
    pub fn difference(&self, compiled: &Outcome) -> Option<String> {
        if self.ended != compiled.ended {
            return Some(format!("interpreted: {:?}\ncompiled: {:?}", self.ended, compiled.ended));
        }
        if self.deaths != compiled.deaths {
            return Some(format!("interpreted: {:#?}\ncompiled: {:#?}", self.deaths, compiled.deaths));
        }
        for ((path, left), (_, right)) in self.streams.iter().zip(&compiled.streams) {
            if left != right && !self.may_know(path) {
                let at = left.iter().zip(right).position(|(a, b)| a != b).unwrap_or(left.len().min(right.len()));
                let part = |bytes: &[u8]| bytes[at..bytes.len().min(at + 48)].to_vec();
                return Some(format!(
                    "{path} wrote {} bytes interpreted and {} compiled; from byte {at} on:\n{:x?}\n{:x?}",
                    left.len(),
                    right.len(),
                    part(left),
                    part(right)
                ));
            }
        }
        None
    }
}

/// A text in which no element of a list has its number: compiled code does not know which it was.
fn normal(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        out.push_str(before);
        if digits > 0 && after[digits..].starts_with(']') {
            out.push_str("[…]");
            rest = &after[digits + 1..];
        } else {
            out.push('[');
            rest = after;
        }
    }
    out + rest
}
