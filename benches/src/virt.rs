//! What a call of the system interface costs a module that another module stands in front of, beside the same call of one
//! that holds the real thing.
//!
//! Each figure is a loop of calls inside the module, which traps if one fails. The virtualizers are those that Bailiwick
//! ships. What happens once before the loop (a file is opened and filled) is less than a hundredth of it.

use crate::apps::{Checked, compiled, run};
use crate::figure::{Figure, Spread};
use crate::scratch::Scratch;
use bailiwick_compiler::{Options, Source, Wit, compile};
use std::time::{Duration, Instant};

/// How long one run of a loop is to take.
const RUN: Duration = Duration::from_millis(20);

/// A kind of call, and who is in front.
struct Subject {
    name: &'static str,
    /// One call, that leaves 0 on the stack if all is well.
    call: &'static str,
    /// The interface that is virtualized, by which shipped module.
    virtualizer: (&'static str, &'static str),
    /// What the module is granted without it.
    host: &'static str,
}

const FILES: (&str, &str) = ("fs", "memfs");
const FOLDER: &str = "x = { kind = \"dir\", path = \"files\", rights = [\"list\", \"read\", \"write\", \"create\"] }";

const SUBJECTS: [Subject; 8] = [
    Subject {
        name: "clock_time_get",
        call: "(call $clock (i32.const 1) (i64.const 1) (i32.const 64))",
        virtualizer: ("clock", "fixedclock"),
        host: "x = { kind = \"clock\" }",
    },
    Subject {
        name: "random_get, 32 B",
        call: "(call $random (i32.const 65536) (i32.const 32))",
        virtualizer: ("random", "seededrandom"),
        host: "x = { kind = \"random\", source = \"host\" }",
    },
    Subject {
        name: "path_filestat_get",
        call: "(call $stat (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 128))",
        virtualizer: FILES,
        host: FOLDER,
    },
    Subject {
        name: "path_open and fd_close",
        call: "(i32.or (call $open (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0) (i64.const 2)
                  (i64.const 0) (i32.const 0) (i32.const 20)) (call $close (i32.load (i32.const 20))))",
        virtualizer: FILES,
        host: FOLDER,
    },
    read("fd_pread, 64 B", "(call $read64)"),
    read("fd_pread, 4 KiB", "(call $read4k)"),
    read("fd_pread, 64 KiB", "(call $read64k)"),
    Subject {
        name: "fd_pwrite, 4 KiB",
        call: "(call $pwrite (i32.load (i32.const 16)) (i32.const 40) (i32.const 1) (i64.const 0) (i32.const 24))",
        virtualizer: FILES,
        host: FOLDER,
    },
];

const fn read(name: &'static str, call: &'static str) -> Subject {
    Subject { name, call, virtualizer: FILES, host: FOLDER }
}

/// Measures the suite.
pub fn measure(suite: &'static str, rounds: usize, figures: &mut Vec<Figure>) {
    for subject in &SUBJECTS {
        let direct = subject.time(rounds, false);
        let base = direct.as_ref().ok().map(|spread| spread.median);
        figures.push(Figure::time(suite, "granted", direct).about(subject.name));
        let virtualized = subject.time(rounds, true);
        let ratio = base.zip(virtualized.as_ref().ok()).map(|(base, spread)| spread.median / base);
        let name = format!("by {}", subject.virtualizer.1);
        figures.push(Figure { ratio, ..Figure::time(suite, &name, virtualized) }.about(subject.name));
    }
}

impl Subject {
    /// The time of one call.
    fn time(&self, rounds: usize, virtualized: bool) -> Result<Spread, String> {
        let mut count = 64u32;
        loop {
            let (checked, scratch) = self.application(count, virtualized)?;
            let mut app = checked.link()?;
            let mut once = || {
                let begin = Instant::now();
                run(&mut app, &checked.plan).map(|()| begin.elapsed())
            };
            let time = once()?.min(once()?).max(Duration::from_nanos(1));
            if time * 2 < RUN && count < 1 << 24 {
                let factor = (RUN.as_nanos() / time.as_nanos()).clamp(2, 200);
                count = count.saturating_mul(factor as u32).min(1 << 24);
                continue;
            }
            let mut failed = None;
            let spread = Spread::times(rounds.max(3), 1, || {
                if let Err(why) = once() {
                    failed = Some(why);
                }
            });
            drop(scratch);
            return failed.map_or(Ok(spread.over(f64::from(count))), Err);
        }
    }

    /// The application, and the folder in which it lies.
    fn application(&self, count: u32, virtualized: bool) -> Result<(Checked, Scratch), String> {
        let scratch = Scratch::new();
        let folder = scratch.path().join("files");
        std::fs::create_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        scratch.write("subject.bwk", compiled(&self.module(count), None)?);
        let (interface, virtualizer) = self.virtualizer;
        let manifest = if virtualized {
            scratch.write("virtualizer.bwk", shipped(interface, virtualizer)?);
            format!("[imports]\n{interface} = {{ module = \"it\" }}\n[deps.it]\nmodule = \"virtualizer.bwk\"\n")
        } else {
            format!("[host]\n{}\n[grants]\nx = {{ from = \"x\"{} }}\n", self.host, self.at())
        };
        let head = "[package]\nname = \"bench\"\nmodule = \"subject.bwk\"\n";
        scratch.write("bailiwick.toml", format!("{head}{manifest}"));
        Ok((Checked::load(scratch.path())?, scratch))
    }

    fn at(&self) -> &'static str {
        if self.host == FOLDER { ", at = \"/\"" } else { "" }
    }

    fn module(&self, count: u32) -> String {
        let (before, call) = (if self.host == FOLDER { BEFORE } else { "" }, self.call);
        format!(
            r#"(module {IMPORTS}
              (memory (export "memory") 4)
              (data (i32.const 0) "f")
              (data (i32.const 32) "\00\00\01\00\00\00\01\00") ;; 64 KiB at 64 KiB
              (data (i32.const 40) "\00\00\01\00\00\10\00\00") ;; 4 KiB there
              (data (i32.const 48) "\00\00\01\00\40\00\00\00") ;; 64 B there
              (func $must (param i32) (if (local.get 0) (then unreachable)))
              {READ}
              (func (export "_start") (local $left i32)
                {before}
                (local.set $left (i32.const {count}))
                (loop $again
                  (call $must {call})
                  (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))"#
        )
    }
}

const IMPORTS: &str = r#"
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get" (func $stat (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread" (func $pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $pwrite (param i32 i32 i32 i64 i32) (result i32)))"#;

/// Reads of the whole length, or a trap.
const READ: &str = r#"
  (func $read (param $vector i32) (param $len i32) (result i32)
    (i32.or
      (call $pread (i32.load (i32.const 16)) (local.get $vector) (i32.const 1) (i64.const 0) (i32.const 24))
      (i32.ne (i32.load (i32.const 24)) (local.get $len))))
  (func $read64k (result i32) (call $read (i32.const 32) (i32.const 65536)))
  (func $read4k (result i32) (call $read (i32.const 40) (i32.const 4096)))
  (func $read64 (result i32) (call $read (i32.const 48) (i32.const 64)))"#;

/// Makes a file of 64 KiB, and leaves its number at 16.
const BEFORE: &str = r#"
  (call $must (call $open (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 1) (i64.const 0x46)
    (i64.const 0) (i32.const 0) (i32.const 16)))
  (call $must (call $pwrite (i32.load (i32.const 16)) (i32.const 32) (i32.const 1) (i64.const 0) (i32.const 24)))"#;

/// One of the virtualizers that Bailiwick ships, compiled.
fn shipped(interface: &str, name: &str) -> Result<Vec<u8>, String> {
    let path = format!("{}/../loader/virt/{name}.wasm", env!("CARGO_MANIFEST_DIR"));
    let wasm = std::fs::read(&path).map_err(|e| format!("{path}: {e}"))?;
    let text = format!("package bench:virtualizer; world it {{ export bailiwick:virt/{interface}; }}");
    let sources = [Source { path: "bench.wit", text: &text }];
    let wit = Some(Wit { sources: &sources, folder: "", world: None });
    compile(&wasm, &Options { wit, ..Options::default() }).map_err(|e| e.to_string())
}
