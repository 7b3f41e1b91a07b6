//! Applications in this process: modules compiled with their WIT, planned, checked, linked.

use bailiwick_app::check::Wiring;
use bailiwick_app::live::{App, AppConfig};
use bailiwick_app::plan::{self, Modules, Plan};
use bailiwick_app::problem::Problem;
use bailiwick_compiler::{Linked, Options, Source, Wit, binary, compile};
use bailiwick_loader::Artifact;
use std::path::Path;

/// Compiles a module of the text format, with the WIT that belongs to it.
pub fn compiled(text: &str, wit: Option<&str>) -> Result<Vec<u8>, String> {
    let wasm = binary(text.as_bytes()).map_err(|e| e.to_string())?;
    let sources = wit.map(|text| [Source { path: "bench.wit", text }]);
    let wit = sources.as_ref().map(|sources| Wit { sources, folder: "", world: None });
    compile(&wasm, &Options { wit, ..Options::default() }).map_err(|e| e.to_string())
}

/// Compiles a module of the text format with another linked to it.
pub fn compiled_linked(text: &str, name: &str, linked: &str) -> Result<Vec<u8>, String> {
    let [wasm, linked] = [text, linked].map(|text| binary(text.as_bytes()).map_err(|e| e.to_string()));
    let (wasm, linked) = (wasm?, linked?);
    let linked = [Linked { name, wasm: &linked }];
    compile(&wasm, &Options { linked: &linked, ..Options::default() }).map_err(|e| e.to_string())
}

/// Opens artifacts: the applications here are compiled before they are measured.
struct Artifacts;

impl Modules for Artifacts {
    fn open(&self, module: &plan::Source<'_>) -> Result<Artifact, String> {
        Artifact::open(module.file).map_err(|e| e.to_string())
    }
}

/// An application that was checked.
#[derive(Debug)]
pub struct Checked {
    /// Who there is.
    pub plan: Plan,
    wiring: Wiring,
}

impl Checked {
    /// Reads and checks the application in a folder.
    pub fn load(folder: &Path) -> Result<Checked, String> {
        let said = |problems: Vec<Problem>| problems.first().map_or(String::new(), ToString::to_string);
        let plan = Plan::load(&folder.join("bailiwick.toml"), &Artifacts).map_err(said)?;
        let wiring = Wiring::check(&plan).map_err(said)?;
        Ok(Checked { plan, wiring })
    }

    /// Makes its instances.
    pub fn link(&self) -> Result<App, String> {
        App::link(&self.plan, &self.wiring, &AppConfig::default()).map_err(|e| e.to_string())
    }
}

/// Runs the application's `_start`, which must return: the benchmarks' modules trap if what they computed is wrong.
pub fn run(app: &mut App, plan: &Plan) -> Result<(), String> {
    match app.run(plan) {
        Ok(0) => Ok(()),
        Ok(status) => Err(format!("it ended with status {status}")),
        // Without the backtrace.
        Err(e) => Err(e.to_string().lines().next().unwrap_or("an error").to_owned()),
    }
}
