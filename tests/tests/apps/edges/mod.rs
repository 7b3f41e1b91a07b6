//! Edges under attack: callers and callees that break the contract in every position that a value can have, end to end,
//! through the compiler and the library's [`App`](bailiwick_app::live::App).
//!
//! Each application has a *judge* for its root, who looks on: it calls the attack, and has an instance that is attacked
//! and one that has nothing to do with it beside. An attack's module is compiled once and holds all of its cases.

mod allocators;
mod callees;
mod callers;
pub mod canonical;
mod handles;
mod pressure;
mod reentry;
mod residue;
mod round_trip;

use bailiwick_app::check::Wiring;
use bailiwick_app::live::{App, AppConfig};
use bailiwick_app::plan::{Modules, Plan, Source};
use bailiwick_loader::Artifact;
use bailiwick_tests::cli::bailiwickc;
use bailiwick_tests::compile::host;
use canonical::{Ty, Value, load};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tempfile::TempDir;

/// How long one case may take. Emulated code is slow; what hangs takes longer than any limit.
const LIMIT: Duration = Duration::from_secs(if cfg!(target_arch = "aarch64") { 100 } else { 10 });

/// The time limit of a call that is to exceed it: enough for one that is honest, also where code is emulated.
const SHORT: &str = if cfg!(target_arch = "aarch64") { "2s/call" } else { "100ms/call" };

/// Modules that were compiled.
struct Compiled;

impl Modules for Compiled {
    fn open(&self, module: &Source<'_>) -> Result<Artifact, String> {
        Artifact::open(module.file).map_err(|e| e.to_string())
    }
}

/// A module in the text format, and its WIT.
pub struct Module {
    pub name: &'static str,
    pub text: String,
    pub wit: String,
}

/// An application that was compiled and checked, to be run again and again.
#[derive(Clone)]
pub struct Bench {
    folder: Arc<TempDir>,
    checked: Arc<(Plan, Wiring)>,
}

/// Compiles a module into a folder.
fn compile(folder: &Path, Module { name, text, wit }: &Module) {
    let path = |extension: &str| folder.join(format!("{name}.{extension}"));
    fs::write(path("wat"), text).expect("a file");
    fs::write(path("wit"), wit).expect("a file");
    let mut command = bailiwickc();
    command.arg("compile").arg(path("wat")).arg("-o").arg(path("bwk"));
    command.args(["--target", &format!("{}-unknown-linux-gnu", host().name())]).arg("--wit").arg(path("wit"));
    let output = command.output().expect("bailiwickc starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}");
    // What is found beside a module would be compiled with it.
    fs::remove_file(path("wit")).expect("a file");
}

impl Bench {
    /// Compiles the modules, and checks the application that `manifest` makes of them. The manifest names them by `.bwk`.
    pub fn new(manifest: &str, modules: &[Module]) -> Bench {
        Bench::with(manifest, &[], modules)
    }

    /// The same with further manifests.
    pub fn with(manifest: &str, files: &[(&str, &str)], modules: &[Module]) -> Bench {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("a file");
        }
        for module in modules {
            compile(folder.path(), module);
        }
        let file = folder.path().join("bailiwick.toml");
        fs::write(&file, manifest).expect("a file");
        let plan = Plan::load(&file, &Compiled).unwrap_or_else(|problems| panic!("{problems:#?}"));
        let wiring = Wiring::check(&plan).unwrap_or_else(|problems| panic!("{problems:#?}"));
        Bench { folder: Arc::new(folder), checked: Arc::new((plan, wiring)) }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The manifest, for `bailiwick run`.
    pub fn manifest(&self) -> PathBuf {
        self.folder().join("bailiwick.toml")
    }

    /// Runs the application with this argument, and ends the test if it hangs.
    #[track_caller]
    pub fn run(&self, argument: &str) -> Run {
        let (sender, receiver) = channel();
        let (bench, case) = (self.clone(), argument.to_owned());
        let interrupt: Arc<OnceLock<_>> = Arc::default();
        let filled = Arc::clone(&interrupt);
        let thread = std::thread::spawn(move || {
            let (plan, wiring) = &*bench.checked;
            let arguments = vec![case.into_bytes()];
            let config = AppConfig { arguments, interrupt: Some(filled), ..AppConfig::default() };
            let mut app = App::link(plan, wiring, &config).unwrap_or_else(|e| panic!("{e}"));
            let status = app.run(plan).map_err(|e| e.to_string());
            let deaths = app
                .deaths()
                .map(|(id, death)| (plan.node(id).path.clone(), format!("{}\n{}", death.reason, death.detail)))
                .collect();
            let out = app.captured(plan.find("judge").expect("the root")).0.unwrap_or_default();
            let _ = sender.send(Run { status, deaths, out });
        });
        match receiver.recv_timeout(LIMIT) {
            Ok(run) => run,
            Err(RecvTimeoutError::Timeout) => {
                let told = interrupt.get().map(bailiwick_app::live::AppInterrupt::interrupt);
                let ended = receiver.recv_timeout(LIMIT);
                panic!("case {argument} took more than {LIMIT:?}; interrupted ({told:?}), it ended with {ended:?}");
            }
            Err(RecvTimeoutError::Disconnected) => {
                let panicked = thread.join().expect_err("it has sent nothing");
                let said = panicked.downcast_ref::<String>().map(String::as_str);
                panic!("case {argument} panicked: {}", said.unwrap_or("(not in words)"));
            }
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Run {
    pub status: Result<i32, String>,
    /// Paths of instances, and why they are dead.
    pub deaths: Vec<(String, String)>,
    /// What the root wrote.
    out: Vec<u8>,
}

impl Run {
    /// Why an instance is dead.
    pub fn death(&self, path: &str) -> Option<&str> {
        self.deaths.iter().find(|(dead, _)| dead == path).map(|(_, reason)| reason.as_str())
    }
}

/// What the judge saw.
pub struct Verdict {
    pub run: Run,
    /// The hash of the attacked instance's memory before and after, what it legitimately received wiped off; an error if
    /// it is dead.
    pub before: Result<u64, String>,
    pub after: Result<u64, String>,
    /// What the attack's module returned; an error if it is dead.
    pub attack: Result<u32, String>,
    /// What the attacked instance saw: how often it was called, and then what it was passed; an error if it is dead.
    pub seen: Result<Vec<u64>, String>,
    /// What somebody with nothing to do with it answers then.
    pub ping: Result<u32, String>,
    /// Case 0, which is honest, after that.
    pub again: Result<u32, String>,
}

impl std::fmt::Debug for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Verdict { run, before, after, attack, seen, ping, again } = self;
        let same = if before == after { "the same memory" } else { "another memory" };
        write!(f, "{:?}, {same}, attack {attack:?}, seen {seen:x?}, ping {ping:?}, again {again:?}", run.deaths)
    }
}

/// Where the judge's results begin, and where its allocator does.
const RECORD: usize = 1024;
pub const ALLOCATED: usize = 65536;

/// The value of a `result<T, string>`.
fn outcome(memory: &[u8], ok: Ty, at: usize) -> Result<Value, String> {
    match load(memory, &ok.or_text(), at as u32) {
        Value::Case(0, Some(value)) => Ok(*value),
        Value::Case(1, Some(text)) => match *text {
            Value::Text(text) => Err(String::from_utf8(text).expect("UTF-8")),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn as_number(value: Value) -> u64 {
    match value {
        Value::Number(number) => number,
        other => panic!("{other:?}"),
    }
}

impl Bench {
    /// Runs a case of an application with a judge.
    #[track_caller]
    pub fn judge(&self, case: usize) -> Verdict {
        let run = self.run(&case.to_string());
        assert_eq!(run.status, Ok(0), "the judge itself ended: {run:?}");
        let mut memory = vec![0; ALLOCATED];
        memory[RECORD..RECORD + 128].copy_from_slice(&run.out[..128]);
        memory.extend_from_slice(&run.out[128..]);
        let number = |ty: Ty, at: usize| outcome(&memory, ty, RECORD + at).map(as_number);
        let small = |at: usize| number(Ty::U32, at).map(|value| value as u32);
        let seen = outcome(&memory, Ty::U64.list(), RECORD + 32).map(|list| match list {
            Value::List(values) => values.into_iter().map(as_number).collect(),
            other => panic!("{other:?}"),
        });
        Verdict {
            before: number(Ty::U64, 0),
            attack: small(16),
            seen,
            after: number(Ty::U64, 48),
            ping: small(64),
            again: small(80),
            run,
        }
    }
}

/// The judge's imports, as packages of WIT text.
const TOOL: &str = "package test:tool { interface attack { attack: func(number: u32) -> result<u32, string>; } }\n";
const DESK: &str = "package test:desk { interface desk {
    clean: func() -> result<u64, string>; seen: func() -> result<list<u64>, string>; } }\n";
const NEAR: &str = "package test:near { interface ping { ping: func(number: u32) -> result<u32, string>; } }\n";

/// An allocator that puts one thing behind the other, from `top` on; it grows its memory where need be.
const BUMP: &str = "
    (global $top (mut i32) (i32.const 65536))
    (func $realloc (export \"cabi_realloc\") (param $old i32) (param $was i32) (param $align i32) (param $size i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.sub (i32.add (global.get $top) (local.get $align)) (i32.const 1))
            (i32.sub (i32.const 0) (local.get $align))))
        (global.set $top (i32.add (local.get $at) (local.get $size)))
        (block $room
            (br_if $room (i32.le_u (global.get $top) (i32.shl (memory.size) (i32.const 16))))
            (drop (memory.grow (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1)))))
        (local.get $at))";

fn judge() -> Module {
    let text = format!(
        "(module
    (import \"wasi_snapshot_preview1\" \"args_get\" (func $arguments (param i32 i32) (result i32)))
    (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))
    (import \"test:tool/attack\" \"attack\" (func $attack (param i32 i32)))
    (import \"test:desk/desk\" \"clean\" (func $clean (param i32)))
    (import \"test:desk/desk\" \"seen\" (func $seen (param i32)))
    (import \"test:near/ping\" \"ping\" (func $ping (param i32 i32)))
    (memory (export \"memory\") 2)
    {BUMP}
    (func (export \"_start\") (local $at i32) (local $case i32)
        (if (call $arguments (i32.const 0) (i32.const 16)) (then unreachable))
        ;; The second argument, a decimal number.
        (local.set $at (i32.load (i32.const 4)))
        (loop $digit
            (if (i32.load8_u (local.get $at)) (then
                (local.set $case (i32.add (i32.mul (local.get $case) (i32.const 10))
                    (i32.sub (i32.load8_u (local.get $at)) (i32.const 48))))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (br $digit))))
        (call $clean (i32.const 1024))
        (call $attack (local.get $case) (i32.const 1040))
        (call $seen (i32.const 1056))
        (call $clean (i32.const 1072))
        (call $ping (i32.const 7) (i32.const 1088))
        (call $attack (i32.const 0) (i32.const 1104))
        (i32.store (i32.const 512) (i32.const 1024))
        (i32.store (i32.const 516) (i32.const 128))
        (i32.store (i32.const 520) (i32.const 65536))
        (i32.store (i32.const 524) (i32.sub (global.get $top) (i32.const 65536)))
        (drop (call $write (i32.const 1) (i32.const 512) (i32.const 2) (i32.const 528)))))"
    );
    let world =
        "package test:judge; world judge { import test:tool/attack; import test:desk/desk; import test:near/ping; }\n";
    Module { name: "judge", text, wit: format!("{world}{TOOL}{DESK}{NEAR}") }
}

/// Somebody with nothing to do with it: adds 35.
fn near() -> Module {
    let text = "(module (memory (export \"memory\") 1)
        (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 64))
        (func (export \"test:near/ping#ping\") (param i32) (result i32)
            (i32.store (i32.const 4) (i32.add (local.get 0) (i32.const 35)))
            (i32.const 0)))";
    let wit = "package test:near;
        interface ping { ping: func(number: u32) -> result<u32, string>; } world near { export ping; }";
    Module { name: "near", text: text.into(), wit: wit.into() }
}

/// What an attacked module is made of. Its memory:
///
/// ```text
///      0  what nobody may change
///   4096  how often it was called, and up to 31 words of what it was passed or got
///   8192  results and result areas
///  16384  its allocations: address and size of each
///  65536  what it allocated, each with 16 bytes behind it that nobody may change
/// ```
///
/// `clean` wipes off all but the first and the last, and hashes everything (FNV-1a by words).
const ATTACKED: &str = "
    (memory (export \"memory\") 4)
    (data (i32.const 0) \"a secret of its own\")
    (global $top (mut i32) (i32.const 65536))
    (global $allocations (mut i32) (i32.const 16384))
    (func $realloc (export \"cabi_realloc\") (param $old i32) (param $was i32) (param $align i32) (param $size i32) (result i32)
        (local $at i32) (local $end i64)
        (if (i32.eqz (local.get $size)) (then (return (local.get $align))))
        (local.set $at (i32.and (i32.sub (i32.add (global.get $top) (local.get $align)) (i32.const 1))
            (i32.sub (i32.const 0) (local.get $align))))
        (local.set $end (i64.add (i64.extend_i32_u (local.get $at)) (i64.add (i64.extend_i32_u (local.get $size)) (i64.const 16))))
        (if (i64.gt_u (local.get $end) (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16))) (then unreachable))
        (if (i32.gt_u (global.get $allocations) (i32.const 65528)) (then unreachable))
        (i32.store (global.get $allocations) (local.get $at))
        (i32.store offset=4 (global.get $allocations) (local.get $size))
        (global.set $allocations (i32.add (global.get $allocations) (i32.const 8)))
        (global.set $top (i32.wrap_i64 (local.get $end)))
        (local.get $at))
    (func $called (i64.store (i32.const 4096) (i64.add (i64.load (i32.const 4096)) (i64.const 1))))
    (func (export \"test:desk/desk#clean\") (result i32) (local $at i32) (local $hash i64)
        (local.set $at (i32.const 16384))
        (block $done (loop $next
            (br_if $done (i32.ge_u (local.get $at) (global.get $allocations)))
            (memory.fill (i32.load (local.get $at)) (i32.const 0) (i32.load offset=4 (local.get $at)))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br $next)))
        (memory.fill (i32.const 16384) (i32.const 0) (i32.sub (global.get $allocations) (i32.const 16384)))
        (memory.fill (i32.const 4096) (i32.const 0) (i32.const 256))
        (memory.fill (i32.const 8192) (i32.const 0) (i32.const 2048))
        (global.set $top (i32.const 65536))
        (global.set $allocations (i32.const 16384))
        (local.set $hash (i64.const 0xcbf29ce484222325))
        (local.set $at (i32.const 0))
        (loop $word
            (local.set $hash (i64.mul (i64.xor (local.get $hash) (i64.load (local.get $at))) (i64.const 0x100000001b3)))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br_if $word (i32.lt_u (local.get $at) (i32.shl (memory.size) (i32.const 16)))))
        (i64.store (i32.const 8200) (local.get $hash))
        (i32.const 8192))
    (func (export \"test:desk/desk#seen\") (result i32)
        (i32.store (i32.const 8212) (i32.const 4096))
        (i32.store (i32.const 8216) (i32.const 32))
        (i32.const 8208))";

/// A constant of a core type, from its bits.
pub fn constant(core: canonical::Core, bits: u64) -> String {
    use canonical::Core;
    match core {
        Core::I32 => format!("(i32.const {})", bits as u32 as i32),
        Core::I64 => format!("(i64.const {})", bits as i64),
        Core::F32 => format!("(f32.reinterpret_i32 (i32.const {}))", bits as u32 as i32),
        Core::F64 => format!("(f64.reinterpret_i64 (i64.const {}))", bits as i64),
    }
}

/// A string of the text format.
pub fn quoted(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("\""), |mut text, byte| {
        let _ = write!(text, "\\{byte:02x}");
        text
    }) + "\""
}

/// A table of functions of no parameters and one i32, and how one is called by the number in local 0.
pub fn table(count: usize) -> String {
    let names: String = (0..count).map(|i| format!(" $c{i}")).collect();
    format!("(type $case (func (result i32))) (table funcref (elem{names}))")
}

/// The function `attack` of a module whose cases are in that table.
const ATTACK: &str = "(func (export \"test:tool/attack#attack\") (param i32) (result i32) (local $said i32)
        (local.set $said (call_indirect (type $case) (local.get 0)))
        (i32.store (i32.const 9216) (i32.const 0))
        (i32.store (i32.const 9220) (local.get $said))
        (i32.const 9216))";

/// The application's root and whoever stands near; `rest` is whoever attacks and is attacked.
fn manifest(rest: &str) -> String {
    format!(
        "[package]\nname = \"judge\"\nmodule = \"judge.bwk\"\n\
         [host]\nout = {{ kind = \"stdio\", stdout = \"capture\" }}\nargs = {{ kind = \"args\", command_line = true }}\n\
         [grants]\nout = \"out\"\nargs = \"args\"\n\
         [shared.near]\nmodule = \"near.bwk\"\non_fault = \"error\"\n{rest}"
    )
}

/// Some bytes that no string may have, with the offset of the first that is wrong (The Unicode Standard, table 3-7).
pub const NO_UTF8: &[(&[u8], usize)] = &[
    (b"\x80", 0),                                 // a continuation of nothing
    (b"ab\xff", 2),                               // no byte of UTF-8
    (b"\xc0\x80", 0),                             // overlong
    (b"\xc1\xbf", 0),                             // overlong
    (b"abc\xe0\x9f\xbf", 3),                      // overlong
    (b"\xed\xa0\x80", 0),                         // U+D800
    (b"12345678\xed\xbf\xbf", 8),                 // U+DFFF
    (b"\xf0\x8f\xbf\xbf", 0),                     // overlong
    (b"\xf4\x90\x80\x80", 0),                     // U+110000
    (b"\xf5\x80\x80\x80", 0),                     // beyond
    (b"0123456789abcdef0123456789abcde\xc3", 31), // cut off at the end
    (b"\xe2\x82", 0),                             // cut off
    (b"\xf0\x9f\xa6", 0),                         // cut off
];
