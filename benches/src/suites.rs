//! The suites: which there are, and those that need no file of their own.

use crate::figure::{Figure, Spread};
use crate::scratch::Scratch;
use crate::{app_start, edges, peers, pool, virt};
use bailiwick_compiler::{OptLevel, Options, binary, compile};
use bailiwick_loader::{Artifact, Caller, Group, Imports};
use std::hint::black_box;
use std::path::Path;
use std::process::Command;

/// Their names.
pub const NAMES: [&str; 9] =
    ["start", "load", "instantiate", "scale", "calls", "edges", "virtual", "app-start", "compile"];

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
    match name {
        "edges" => return edges::measure(name, rounds, figures),
        "virtual" => return virt::measure(name, rounds, figures),
        "app-start" => return app_start::measure(name, rounds, figures),
        "instantiate" | "scale" => return pool::measure(name, rounds, figures),
        _ => {}
    }
    let mut figure = |by: By, what: &str, result: Result<Spread, String>| {
        let figure = Figure::time(name, what, result);
        figures.push(if by == By::Us { figure } else { figure.of_peer() });
    };
    match name {
        "start" => start(rounds, &mut figure),
        "load" => load(rounds, &mut figure),
        "calls" => calls(rounds, &mut figure),
        _ => compilation(rounds, &mut figure),
    }
}

/// Whose figure it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Us,
    Peer,
}

type Add<'a> = dyn FnMut(By, &str, Result<Spread, String>) + 'a;

fn artifact(text: &str) -> Vec<u8> {
    let wasm = binary(text.as_bytes()).expect("the benchmark's text is well-formed");
    compile(&wasm, &Options::default()).expect("the benchmark's module compiles")
}

/// Process start to exit, hello from an artifact.
fn start(rounds: usize, figure: &mut Add<'_>) {
    let scratch = Scratch::new();
    let hello = scratch.write("hello.bwk", artifact(HELLO));
    let process = |program: &Path, arguments: &[&Path]| {
        Spread::times(rounds, 10, || peers::run(Command::new(program).args(arguments)))
    };
    figure(By::Us, "bailiwick run hello.bwk", peers::bailiwick().map(|p| process(&p, &[Path::new("run"), &hello])));
    figure(By::Peer, "native static C", peers::native_hello(scratch.path()).map(|p| process(&p, &[])));
    let text = scratch.write("hello.wat", HELLO.as_bytes());
    figure(
        By::Peer,
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
            By::Us,
            &format!("{what}, {size} KiB, copied (we could write it)"),
            Ok(Spread::times(rounds, 200, || {
                black_box(Artifact::open(&path).expect("it was just written"));
            })),
        );
        figure(
            By::Us,
            &format!("{what}, {size} KiB, mapped as it is"),
            Ok(Spread::times(rounds, 200, || {
                let file = std::fs::File::open(&path).expect("it was just written");
                // SAFETY: nobody writes to the scratch folder's file meanwhile.
                black_box(unsafe { Artifact::map(file, &path) }.expect("it is an artifact"));
            })),
        );
    }
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
        By::Us,
        "host to guest, typed",
        Ok(Spread::times(rounds, 100_000, || {
            black_box(add.call(&mut group, black_box((2, 3))).expect("it returns"));
        })),
    );
    const COUNT: i32 = 1_000_000;
    let host = instance.typed_func::<i32, ()>(&mut group, "host_calls").expect("it is exported");
    let whole = Spread::times(rounds, 1, || host.call(&mut group, COUNT).expect("it returns"));
    figure(By::Us, "guest to host", Ok(whole.over(f64::from(COUNT))));
    let trap = instance.typed_func::<(), ()>(&mut group, "trap").expect("it is exported");
    figure(
        By::Us,
        "trap, there and back",
        Ok(Spread::times(rounds, 1000, || {
            black_box(trap.call(&mut group, ()).expect_err("it traps"));
        })),
    );
}

/// Compiling the README's example.
fn compilation(rounds: usize, figure: &mut Add<'_>) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/guests/demo/jsonfmt.wasm");
    let wasm = match std::fs::read(path) {
        Ok(wasm) => wasm,
        Err(e) => return figure(By::Us, "jsonfmt.wasm", Err(e.to_string())),
    };
    for (name, opt_level) in [("none", OptLevel::None), ("speed", OptLevel::Speed)] {
        let options = Options { opt_level, jobs: Some(1), ..Options::default() };
        figure(
            By::Us,
            &format!("jsonfmt.wasm, {} KiB, -O {name}, one thread", wasm.len() / 1024),
            Ok(Spread::times(rounds.min(7), 1, || {
                black_box(compile(&wasm, &options).expect("it compiles"));
            })),
        );
    }
}
