//! V13 in figures, as bounds that a loaded machine keeps too; the benchmarks have the real ones. A process for each module
//! would be beyond all of them.

use super::*;
use crate::common::{EMULATED, times};
use std::io::Read;
use std::time::{Duration, Instant};

/// Runs an application; how long it took.
fn timed(app: &App, argument: &str) -> Duration {
    let began = Instant::now();
    app.run(&[argument]).with(0);
    began.elapsed()
}

/// Runs an application that says something and then waits for its input to end; how long it took to say that, and how
/// much memory it had at most, in KiB.
fn started(app: &App) -> (Duration, u64) {
    let began = Instant::now();
    let mut child = app.command();
    child.args(["run", "bailiwick.toml"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = child.spawn().expect("it starts");
    child.stdout.take().expect("its output").read_exact(&mut [0]).expect("it says something");
    let took = began.elapsed();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("its state");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its memory");
    drop(child.stdin.take());
    assert!(child.wait().expect("its end").success());
    (took, line.trim().trim_end_matches(" kB").parse().expect("a number"))
}

#[test]
fn v13_three_hundred_modules_in_one_process() {
    if EMULATED {
        println!("not under emulation: it would be the emulator's");
        return;
    }
    let app = |count: usize| {
        let app = App::empty();
        app.file(
            "lib.wat",
            "(module (memory (export \"memory\") 1) (data (i32.const 0) \"x\")
            (func (export \"_initialize\") (i32.store8 (i32.const 9) (i32.const 1))))",
        );
        app.file(
            "app.wat",
            "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))
            (import \"wasi_snapshot_preview1\" \"fd_read\" (func $read (param i32 i32 i32 i32) (result i32)))
            (memory (export \"memory\") 1) (data (i32.const 0) \"\\10\\00\\00\\00\\01\\00\\00\\00\")
            (func (export \"_start\")
                (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
                (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))))",
        );
        let deps: String = (0..count).map(|i| format!("[deps.d{i}]\nmodule = \"lib.wat\"\n")).collect();
        app.file(
            "bailiwick.toml",
            format!(
                "[package]\nname = \"app\"\nmodule = \"app.wat\"\n\
                 [host]\nout = {{ kind = \"stdio\", stdin = \"inherit\", stdout = \"inherit\" }}\n\
                 [grants]\nout = \"out\"\n{deps}"
            ),
        );
        // What is measured is not the compiler.
        app.run(&[]).with(0);
        app
    };
    let best = |app: &App| {
        let runs: Vec<_> = (0..3).map(|_| started(app)).collect();
        (runs.iter().map(|run| run.0).min().expect("three"), runs.iter().map(|run| run.1).min().expect("three"))
    };
    let ((alone, small), (all, large)) = (best(&app(1)), best(&app(300)));
    let (each, memory) = (all.saturating_sub(alone) / 299, large.saturating_sub(small) / 299);
    println!("1 module: {alone:?}, {small} KiB; each of 299 more: {each:?}, {memory} KiB");
    assert!(each < Duration::from_millis(5), "{each:?}: starting a process takes about a millisecond");
    assert!(memory < 128, "{memory} KiB each: a process has some megabytes");
}

/// An application that calls a library `unit` times for each that its argument's only letter lies above `0`, with that
/// many bytes each.
fn calls(payload: u32, unit: u32) -> App {
    let app = App::empty();
    let ty = if payload == 0 { "u32" } else { "list<u8>" };
    let interface = format!("interface far {{ take: func(v: {ty}) -> u32; }}");
    app.file("far.wit", format!("package test:far; {interface} world w {{ export far; }}"));
    app.file(
        "app.wit",
        format!("package test:app; world w {{ import test:far/far; }} package test:far {{ {interface} }}"),
    );
    let params = if payload == 0 { "i32" } else { "i32 i32" };
    app.file(
        "far.wat",
        format!(
            "(module (memory (export \"memory\") 4)
            (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
            (func (export \"test:far/far#take\") (param {params}) (result i32) (i32.const 7)))"
        ),
    );
    let values =
        if payload == 0 { "(i32.const 1)".to_owned() } else { format!("(i32.const 65536) (i32.const {payload})") };
    app.file(
        "app.wat",
        format!(
            "(module (import \"test:far/far\" \"take\" (func $take (param {params}) (result i32)))
            (import \"wasi_snapshot_preview1\" \"args_get\" (func $arguments (param i32 i32) (result i32)))
            (memory (export \"memory\") 4)
            (func (export \"_start\") (local $left i32)
                (drop (call $arguments (i32.const 0) (i32.const 16)))
                (local.set $left (i32.mul (i32.sub (i32.load8_u (i32.load (i32.const 4))) (i32.const 0x30)) (i32.const {unit})))
                (block $done (loop $next
                    (br_if $done (i32.eqz (local.get $left)))
                    (drop (call $take {values}))
                    (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                    (br $next)))))"
        ),
    );
    app.file(
        "bailiwick.toml",
        "[package]\nname = \"app\"\nmodule = \"app.wat\"\n[host]\nargs = { kind = \"args\", command_line = true }\n\
         [grants]\nargs = \"args\"\n[deps.far]\nmodule = \"far.wat\"\n",
    );
    app.run(&["0"]).with(0);
    app
}

#[test]
fn v13_a_call_to_another_module_is_no_switch_of_processes() {
    let letter = char::from(b'0' + times(70, 1) as u8).to_string();
    for (payload, unit, limit) in [(0, 20_000, 5), (64, 10_000, 8), (65536, 500, 60)] {
        let app = calls(payload, unit);
        let best = |argument: &str| (0..3).map(|_| timed(&app, argument)).min().expect("three");
        let call = best(&letter).saturating_sub(best("0")) / (times(70, 1) as u32 * unit);
        println!("{payload} bytes: {call:?} a call");
        // Two switches of processes and a pipe take some microseconds where nothing else runs.
        assert!(EMULATED || call < Duration::from_micros(limit), "{payload} bytes: {call:?} a call");
    }
}
