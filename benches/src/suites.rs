//! The suites.

use crate::{Figure, Times, peers};
use bailiwick_compiler::{OptLevel, Options, binary, compile};
use bailiwick_loader::{Artifact, Caller, Group, Imports};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Their names.
pub const NAMES: [&str; 5] = ["start", "load", "instantiate", "calls", "compile"];

/// A guest that writes a line: the smallest honest program.
const HELLO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\0a")
  (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))))"#;

const CALLS: &str = r#"(module
  (import "host" "id" (func $id (param i32) (result i32)))
  (memory 1)
  (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  (func (export "trap") unreachable)
  (func (export "host_calls") (param i32)
    loop (drop (call $id (local.get 0)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))) end))"#;

/// Measures one suite.
pub fn run(name: &'static str, rounds: usize, figures: &mut Vec<Figure>) {
    let mut figure = |what: &str, result: Result<Times, String>| {
        figures.push(Figure { suite: name, name: what.to_owned(), result });
    };
    match name {
        "start" => start(rounds, &mut figure),
        "load" => load(rounds, &mut figure),
        "instantiate" => instantiate(rounds, &mut figure),
        "calls" => calls(rounds, &mut figure),
        _ => compilation(rounds, &mut figure),
    }
}

type Add<'a> = dyn FnMut(&str, Result<Times, String>) + 'a;

fn artifact(text: &str) -> Vec<u8> {
    let wasm = binary(text.as_bytes()).expect("the benchmark's text is well-formed");
    compile(&wasm, &Options::default()).expect("the benchmark's module compiles")
}

/// A folder for this run's files, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        let path = std::env::temp_dir().join(format!("bailiwick-benches-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder can be made");
        Scratch(path)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).expect("a temporary file can be written");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Process start to exit, hello from an artifact.
fn start(rounds: usize, figure: &mut Add<'_>) {
    let scratch = Scratch::new();
    let hello = scratch.write("hello.bwk", &artifact(HELLO));
    let beside = std::env::current_exe().ok().map(|me| me.with_file_name("bailiwick"));
    let process = |program: &Path, arguments: &[&Path]| {
        Times::of(rounds, 10, || peers::run(Command::new(program).args(arguments)))
    };
    let ours = beside.filter(|p| p.is_file()).ok_or("build bailiwick with the same profile first".to_owned());
    figure("bailiwick run hello.bwk", ours.map(|p| process(&p, &[Path::new("run"), &hello])));
    figure("native static C", peers::native_hello(&scratch.0).map(|p| process(&p, &[])));
    let text = scratch.write("hello.wat", HELLO.as_bytes());
    figure(
        "wasmtime run hello.wat (cached)",
        peers::installed("wasmtime").map(|p| process(&p, &[Path::new("run"), &text])),
    );
}

/// Open, check, map and drop an artifact.
fn load(rounds: usize, figure: &mut Add<'_>) {
    let scratch = Scratch::new();
    let filler: String = (0..2000)
        .map(|i| format!("(func (export \"f{i}\") (param i32) (result i32) (i32.add (local.get 0) (i32.const {i})))"))
        .collect();
    for (what, bytes) in [("tiny", artifact(HELLO)), ("2000 functions", artifact(&format!("(module {filler})")))] {
        let path = scratch.write("a.bwk", &bytes);
        let size = bytes.len() / 1024;
        figure(
            &format!("{what}, {size} KiB, copied (we could write it)"),
            Ok(Times::of(rounds, 200, || {
                black_box(Artifact::open(&path).expect("it was just written"));
            })),
        );
        figure(
            &format!("{what}, {size} KiB, mapped as it is"),
            Ok(Times::of(rounds, 200, || {
                let file = std::fs::File::open(&path).expect("it was just written");
                // SAFETY: nobody writes to the scratch folder's file meanwhile.
                black_box(unsafe { Artifact::map(file, &path) }.expect("it is an artifact"));
            })),
        );
    }
}

/// A group with one instance, made and dropped.
fn instantiate(rounds: usize, figure: &mut Add<'_>) {
    let artifact =
        Artifact::from_bytes(&artifact("(module (memory 1) (data (i32.const 0) \"x\"))"), "bench").expect("it loads");
    figure(
        "group and instance, made and dropped",
        Ok(Times::of(rounds, 200, || {
            let mut group = Group::new().expect("address space");
            black_box(group.instantiate(&artifact, &Imports::new()).expect("it instantiates"));
        })),
    );
}

/// Calls in and out.
fn calls(rounds: usize, figure: &mut Add<'_>) {
    let artifact = Artifact::from_bytes(&artifact(CALLS), "bench").expect("it loads");
    let mut imports = Imports::new();
    imports.func("host", "id", |_: &mut Caller<'_>, x: i32| Ok(x));
    let mut group = Group::new().expect("address space");
    let instance = group.instantiate(&artifact, &imports).expect("it instantiates");
    let add = instance.typed_func::<(i32, i32), i32>(&mut group, "add").expect("it is exported");
    figure(
        "host to guest, typed",
        Ok(Times::of(rounds, 100_000, || {
            black_box(add.call(&mut group, black_box((2, 3))).expect("it returns"));
        })),
    );
    const COUNT: i32 = 1_000_000;
    let host = instance.typed_func::<i32, ()>(&mut group, "host_calls").expect("it is exported");
    let whole = Times::of(rounds, 1, || host.call(&mut group, COUNT).expect("it returns"));
    let each = |t: f64| t / f64::from(COUNT);
    figure("guest to host", Ok(Times { median: each(whole.median), low: each(whole.low), high: each(whole.high) }));
    let trap = instance.typed_func::<(), ()>(&mut group, "trap").expect("it is exported");
    figure(
        "trap, there and back",
        Ok(Times::of(rounds, 1000, || {
            black_box(trap.call(&mut group, ()).expect_err("it traps"));
        })),
    );
}

/// Compiling the README's example.
fn compilation(rounds: usize, figure: &mut Add<'_>) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/guests/demo/jsonfmt.wasm");
    let wasm = match std::fs::read(path) {
        Ok(wasm) => wasm,
        Err(e) => return figure("jsonfmt.wasm", Err(e.to_string())),
    };
    for (name, opt_level) in [("none", OptLevel::None), ("speed", OptLevel::Speed)] {
        let options = Options { opt_level, jobs: Some(1), ..Options::default() };
        figure(
            &format!("jsonfmt.wasm, {} KiB, -O {name}, one thread", wasm.len() / 1024),
            Ok(Times::of(rounds.min(7), 1, || {
                black_box(compile(&wasm, &options).expect("it compiles"));
            })),
        );
    }
}
