//! The suites: which there are, and those that need no file of their own.

use crate::code::{self, Settings};
use crate::figure::{Figure, Unit};
use crate::modules::{HELLO, Module, WAITING};
use crate::scratch::Scratch;
use crate::turns::{Repeat, Turns};
use crate::wasmtime_crate::{self, Task};
use crate::{app_start, compiling, density, edges, peers, pool, sizes, virt};
use bailiwick_compiler::{Options, binary, compile};
use bailiwick_loader::wasi::{self, WasiCtx};
use bailiwick_loader::{Artifact, Caller, Group, Imports};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

/// Their names.
pub const NAMES: [&str; 12] = [
    "start",
    "load",
    "instantiate",
    "scale",
    "calls",
    "edges",
    "virtual",
    "app-start",
    "compile",
    "run",
    "density",
    "size",
];

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Effort {
    /// Rounds of each measurement; suites whose rounds are long take fewer.
    pub rounds: usize,
    /// Leave out what takes minutes.
    pub quick: bool,
    /// Of the suite `run`.
    pub run: Settings,
}

const CALLS: &str = r#"(module
  (import "host" "id" (func $id (param i32) (result i32)))
  (memory 1)
  (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  (func (export "trap") unreachable)
  (func (export "host_calls") (param i32)
    loop (drop (call $id (local.get 0)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))) end))"#;

/// Names of figures that bars are about.
pub mod names {
    /// Processes.
    pub const START: &str = "hello, start to exit";
    /// Memory of processes.
    pub const START_MEMORY: &str = "hello, peak memory";
    /// `bailiwick run`.
    pub const RUN: &str = "bailiwick run hello.bwk";
    /// The same in C.
    pub const NATIVE: &str = "native static C";
    /// Loading.
    pub const MAPPED: &str = "bailiwick, mapped as it is";
    /// Instantiation without a pool.
    pub const FRESH: &str = "bailiwick, group and instance, made and dropped";
    /// A typed call.
    pub const INWARDS: &str = "host to guest, typed";
    /// The other way.
    pub const OUTWARDS: &str = "guest to host";
    /// A trap.
    pub const TRAP: &str = "trap, there and back";
    /// Whose call it is.
    pub const OURS: &str = "bailiwick";
}

/// Measures one suite.
pub fn run(name: &'static str, effort: &Effort, figures: &mut Vec<Figure>) {
    let rounds = effort.rounds;
    match name {
        "start" => start(name, rounds, figures),
        "load" => load(name, rounds, figures),
        "instantiate" => {
            instantiate(name, rounds, figures);
            pool::measure(name, rounds, figures);
        }
        "scale" => pool::measure(name, rounds, figures),
        "calls" => calls(name, rounds, figures),
        "edges" => edges::measure(name, rounds, figures),
        "virtual" => virt::measure(name, rounds, figures),
        "app-start" => app_start::measure(name, rounds, figures),
        "compile" => compiling::measure(name, rounds, effort.quick, figures),
        "run" => code::measure(name, rounds, &effort.run, figures),
        "density" => density::measure(name, rounds, figures),
        _ => sizes::measure(name, figures),
    }
}

/// An artifact for this processor, as other engines compile for it.
fn artifact(wasm: &[u8]) -> Result<Vec<u8>, String> {
    let cpu = "native".parse().map_err(|e: bailiwick_compiler::CompileError| e.to_string())?;
    compile(wasm, &Options { cpu, ..Options::default() }).map_err(|e| e.to_string())
}

fn of_text(text: &str) -> Result<Vec<u8>, String> {
    artifact(&binary(text.as_bytes()).map_err(|e| e.to_string())?)
}

/// A command, over and over.
fn process(program: Result<PathBuf, String>, arguments: &[&Path]) -> Result<Repeat<'static>, String> {
    let mut command = Command::new(program?);
    command.args(arguments);
    peers::succeed(&mut command)?;
    Ok(Box::new(move || peers::run(&mut command)))
}

/// Process start to exit, hello from an artifact, and what memory such a process takes.
fn start(suite: &'static str, rounds: usize, figures: &mut Vec<Figure>) {
    let scratch = Scratch::new();
    let write = |name: &str, bytes: Result<Vec<u8>, String>| bytes.map(|bytes| scratch.write(name, bytes));
    let hello = write("hello.bwk", of_text(HELLO));
    let text = scratch.write("hello.wat", HELLO);
    let precompiled = scratch.path().join("hello.cwasm");
    let compiled = |text: &Path, to: &Path| {
        peers::succeed(Command::new(peers::wasmtime()?).arg("compile").arg(text).arg("-o").arg(to)).map(drop)
    };
    let (run, allow) = (Path::new("run"), Path::new("--allow-precompiled"));

    let mut turns = Turns::of_processes(suite, names::START);
    let ours = hello.and_then(|hello| process(peers::bailiwick(), &[run, &hello]));
    turns.ours(names::RUN, 10, ours);
    turns.peer(names::NATIVE, 10, process(peers::native_hello(scratch.path()), &[]));
    let theirs = compiled(&text, &precompiled).and_then(|()| process(peers::wasmtime(), &[run, allow, &precompiled]));
    turns.peer("wasmtime run hello.cwasm", 3, theirs);
    turns.peer("wasmtime run hello.wat (cached)", 3, process(peers::wasmtime(), &[run, &text]));
    let script = "const { WASI } = require('node:wasi'); const fs = require('node:fs'); \
                  const wasi = new WASI({ version: 'preview1' }); \
                  const module = new WebAssembly.Module(fs.readFileSync(process.argv[1])); \
                  process.exit(wasi.start(new WebAssembly.Instance(module, wasi.getImportObject())));";
    let wasm = write("hello.wasm", Module::Tiny.wasm());
    let node = wasm.clone().and_then(|wasm| {
        // Its warning about WASI goes to standard error, which is not read.
        process(peers::node(), &[Path::new("--no-warnings"), Path::new("-e"), Path::new(script), &wasm])
    });
    turns.peer("node, hello.wasm", 1, node);
    let wamr = wasm.clone().and_then(|wasm| process(peers::iwasm(), &[&peers::by_wamr(&wasm)?]));
    turns.peer("iwasm hello.aot", 3, wamr);
    // Its compiler that is always there: of hello it doesn't matter.
    let wasmer = wasm.and_then(|wasm| process(peers::wasmer(), &[run, &peers::by_wasmer(&wasm, "--cranelift")?]));
    turns.peer("wasmer run hello.wasmu", 3, wasmer);
    turns.measure(rounds.min(21), figures);

    let waiting = write("waiting.bwk", of_text(WAITING));
    let text = scratch.write("waiting.wat", WAITING);
    let precompiled = scratch.path().join("waiting.cwasm");
    let theirs = compiled(&text, &precompiled).and_then(|()| peers::wasmtime());
    for (name, ours, command) in [
        (names::RUN, true, waiting.and_then(|file| Ok((peers::bailiwick()?, vec!["run".into(), file])))),
        (names::NATIVE, false, peers::native_waiting(scratch.path()).map(|program| (program, Vec::new()))),
        ("wasmtime run hello.cwasm", false, theirs.map(|it| (it, vec!["run".into(), allow.into(), precompiled]))),
    ] {
        let peak = command.and_then(|(program, arguments)| {
            let once = |_| peers::peak_while_waiting(Command::new(&program).args(&arguments)).map(|peak| peak as f64);
            (0..5).map(once).collect::<Result<Vec<f64>, String>>()
        });
        let figure = Figure { ours, ..Figure::of_values(suite, name, peak) };
        figures.push(figure.about(names::START_MEMORY).measured_in(Unit::Bytes));
    }
}

/// Open, check, map and drop an artifact.
fn load(suite: &'static str, rounds: usize, figures: &mut Vec<Figure>) {
    for module in Module::LOADED {
        let scratch = Scratch::new();
        let wasm = module.wasm();
        let path = wasm.clone().and_then(|wasm| artifact(&wasm)).map(|bytes| scratch.write("a.bwk", bytes));
        let mut turns = Turns::new(suite, module.name());
        let mapped: Result<Repeat<'_>, String> = path.clone().map(|path| {
            Box::new(move || {
                let file = std::fs::File::open(&path).expect("it was just written");
                // SAFETY: nobody writes to the scratch folder's file meanwhile.
                black_box(unsafe { Artifact::map(file, &path) }.expect("it is an artifact"));
            }) as Repeat<'_>
        });
        turns.ours(names::MAPPED, 100, mapped);
        let copied: Result<Repeat<'_>, String> = path.map(|path| {
            Box::new(move || drop(black_box(Artifact::open(&path).expect("it was just written")))) as Repeat<'_>
        });
        turns.ours("bailiwick, copied (we could write it)", 20, copied);
        let theirs = wasm.and_then(|wasm| wasmtime_crate::task(Task::Load, &wasm, scratch.path()));
        turns.peer("wasmtime, deserialize_file", 100, theirs);
        turns.measure(rounds, figures);
    }
}

/// A group with one instance, made and dropped.
fn instantiate(suite: &'static str, rounds: usize, figures: &mut Vec<Figure>) {
    let scratch = Scratch::new();
    for module in Module::LOADED {
        let wasm = module.wasm();
        let ours = wasm.clone().and_then(|wasm| {
            let artifact = Artifact::from_bytes(&artifact(&wasm)?, "bench").map_err(|e| e.to_string())?;
            let mut imports = Imports::new();
            wasi::add_to_imports(&mut imports, Arc::new(Mutex::new(WasiCtx::inert())));
            let once = move || {
                let mut group = Group::new()?;
                group.instantiate(&artifact, &imports).map(|instance| drop(black_box((instance, group))))
            };
            once().map_err(|e: bailiwick_loader::Error| e.to_string())?;
            Ok(Box::new(move || once().expect("it did the first time")) as Repeat<'_>)
        });
        let theirs = |pooled| {
            let task = Task::Instantiate { pooled, pages: 0 };
            wasm.as_ref().map_err(Clone::clone).and_then(|wasm| wasmtime_crate::task(task, wasm, scratch.path()))
        };
        let mut turns = Turns::new(suite, module.name());
        turns.ours(names::FRESH, 100, ours);
        turns.peer("wasmtime, on demand", 100, theirs(false));
        turns.peer("wasmtime, pooled", 100, theirs(true));
        turns.measure(rounds, figures);
    }
    let mut turns = Turns::new(suite, "hello, 16 host pages written in between");
    for (name, pooled) in [("wasmtime, on demand", false), ("wasmtime, pooled", true)] {
        let task = Task::Instantiate { pooled, pages: 16 };
        let theirs = Module::Tiny.wasm().and_then(|wasm| wasmtime_crate::task(task, &wasm, scratch.path()));
        turns.peer(name, 100, theirs);
    }
    turns.measure(rounds, figures);
}

/// Calls in and out.
fn calls(suite: &'static str, rounds: usize, figures: &mut Vec<Figure>) {
    const COUNT: i32 = 1_000_000;
    let scratch = Scratch::new();
    let (bytes, wasm) = (of_text(CALLS).expect("it compiles"), binary(CALLS.as_bytes()).expect("it is well-formed"));
    let artifact = Artifact::from_bytes(&bytes, "bench").expect("it loads");
    // Each has a group, so that they can take turns.
    let ready = || {
        let mut imports = Imports::new();
        imports.func("host", "id", |_: &mut Caller<'_>, x: i32| Ok(x));
        let mut group = Group::new().expect("address space");
        let instance = group.instantiate(&artifact, &imports).expect("it instantiates");
        (group, instance)
    };
    let theirs = |task| wasmtime_crate::task(task, &wasm, scratch.path());

    let (mut group, instance) = ready();
    let add = instance.typed_func::<(i32, i32), i32>(&mut group, "add").expect("it is exported");
    let mut turns = Turns::new(suite, names::INWARDS);
    let ours = move || {
        black_box(add.call(&mut group, black_box((2, 3))).expect("it returns"));
    };
    turns.ours(names::OURS, 100_000, Ok(Box::new(ours)));
    turns.peer("wasmtime", 100_000, theirs(Task::Call));
    turns.measure(rounds, figures);

    let (mut group, instance) = ready();
    let host = instance.typed_func::<i32, ()>(&mut group, "host_calls").expect("it is exported");
    let mut turns = Turns::new(suite, names::OUTWARDS);
    let ours = move || host.call(&mut group, COUNT).expect("it returns");
    turns.looping(names::OURS, true, f64::from(COUNT), Ok(Box::new(ours)));
    turns.looping("wasmtime", false, f64::from(COUNT), theirs(Task::HostCalls(COUNT)));
    turns.measure(rounds, figures);

    let (mut group, instance) = ready();
    let trap = instance.typed_func::<(), ()>(&mut group, "trap").expect("it is exported");
    let mut turns = Turns::new(suite, names::TRAP);
    turns.ours(
        names::OURS,
        1000,
        Ok(Box::new(move || drop(black_box(trap.call(&mut group, ()).expect_err("it traps"))))),
    );
    turns.peer("wasmtime", 1000, theirs(Task::Trap));
    turns.measure(rounds, figures);
}
