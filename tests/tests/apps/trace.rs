//! V1, by what the host's kernel is asked for: nothing on behalf of a module that was granted nothing, while the
//! application that it is in has files open.

use super::*;
use crate::common::EMULATED;
use bailiwick_tests::cli::{bailiwickc, loader};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Preview 1 but for `proc_exit`, with the core types of the parameters; all give an error number.
const SYSTEM: &[(&str, &str)] = &[
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "iIi"),
    ("fd_advise", "iIIi"),
    ("fd_allocate", "iII"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "iII"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "iI"),
    ("fd_filestat_set_times", "iIIi"),
    ("fd_pread", "iiiIi"),
    ("fd_prestat_get", "ii"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_pwrite", "iiiIi"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiiIi"),
    ("fd_seek", "iIii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiiIIi"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiiIIii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
    ("sched_yield", ""),
    // Last, so that the others find something.
    ("fd_renumber", "ii"),
    ("fd_close", "i"),
];

/// What is asked for without naming anything: memory of the process itself, time.
const HARMLESS: &[&str] = &[
    "getrandom",
    "sched_yield",
    "clock_gettime",
    "futex",
    "mmap",
    "munmap",
    "mremap",
    "madvise",
    "mprotect",
    "brk",
    "rt_sigprocmask",
    "rt_sigaction",
    "sigaltstack",
    "eventfd2",
];

/// A library that calls each of them with every small number for a descriptor, and with a path of the host's; between
/// two calls for so many random bytes that a trace shows where it began and ended. It gives how many succeeded.
fn sweeper() -> String {
    let mut text = String::from(
        "(module (import \"wasi_snapshot_preview1\" \"random_get\" (func $random (param i32 i32) (result i32)))",
    );
    let mut calls = String::new();
    for (name, params) in SYSTEM {
        let types: String = params.chars().map(|c| if c == 'i' { " i32" } else { " i64" }).collect();
        let _ =
            write!(text, "(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} (param{types}) (result i32)))");
        // A descriptor first, if it is one; paths and buffers after that.
        let values = |at: &[i32]| -> String {
            let value = |(i, c): (usize, char)| match (c, i) {
                ('i', 0) if !matches!(*name, "args_get" | "environ_get") => "(local.get $fd)".into(),
                ('i', i) => format!("(i32.const {})", at[i % at.len()]),
                _ => "(i64.const 1)".into(),
            };
            params.chars().enumerate().map(value).collect()
        };
        // A path of 11 bytes at 64, one of two at 80; vectors and results behind them.
        for at in [[0, 64, 11], [1, 64, 11], [64, 11, 0], [80, 2, 1024], [1024, 1, 2048]] {
            let _ = write!(
                calls,
                "(global.set $found (i32.add (global.get $found) (i32.eqz (call ${name} {}))))",
                values(&at)
            );
        }
    }
    let _ = write!(
        text,
        "(memory (export \"memory\") 2) (global $found (mut i32) (i32.const 0))
        (data (i32.const 64) \"/etc/passwd\") (data (i32.const 80) \"..\")
        (func (export \"sweep\") (result i32) (local $fd i32)
            (drop (call $random (i32.const 4096) (i32.const 7001)))
            (loop $next {calls}
                (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
                (br_if $next (i32.lt_u (local.get $fd) (i32.const 16))))
            (drop (call $random (i32.const 4096) (i32.const 7002)))
            (global.get $found)))"
    );
    text
}

/// The application: its root holds a folder, streams and its arguments, and `rest` says what the sweeper is handed.
fn app(rest: &str) -> App {
    let app = App::empty();
    let wit = "package test:app; world app { import sweep: func() -> u32; }";
    app.file("app.wit", wit);
    app.file("sweeper.wit", "package test:sweeper; world sweeper { export sweep: func() -> u32; }");
    app.file("sweeper.wat", sweeper());
    // It opens a file of its own before the call, and has it open meanwhile; it tells by its status what was found.
    app.file(
        "app.wat",
        "(module (import \"$root\" \"sweep\" (func $sweep (result i32)))
        (import \"wasi_snapshot_preview1\" \"path_open\"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
        (memory (export \"memory\") 1) (data (i32.const 0) \"file\")
        (func (export \"_start\")
            (if (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0) (i64.const 2) (i64.const 0)
                (i32.const 0) (i32.const 16)) (then unreachable))
            (call $exit (i32.ne (call $sweep) (i32.const 0)))))",
    );
    app.file("place/file", "x");
    app.file(
        "bailiwick.toml",
        format!(
            "[package]\nname = \"app\"\nmodule = \"app.wat\"\n[host]\n{}\n\
             out = {{ kind = \"stdio\", stdin = \"inherit\", stdout = \"inherit\", stderr = \"inherit\" }}\n\
             env = {{ kind = \"env\", allow = [\"SECRET\"] }}\n[grants]\nplace = \"place\"\nout = \"out\"\nenv = \"env\"\n\
             [deps.sweeper]\nmodule = \"sweeper.wat\"\n{rest}",
            "place = { kind = \"dir\", path = \"place\", rights = [\"list\", \"read\", \"write\", \"create\"] }"
        ),
    );
    app
}

/// The system calls between the marks, with their arguments.
fn between(app: &App) -> (Vec<(String, String)>, Option<i32>) {
    // The modules are compiled and in the cache by then.
    app.bailiwick(&["check"]).with(0);
    let run = app.command();
    let mut strace = Command::new("strace");
    strace.args(["--follow-forks", "--quiet=all", "--string-limit=64", "--output", "trace"]);
    strace.arg(loader()).args(["run", "bailiwick.toml"]);
    strace.current_dir(app.folder.path()).stdin(Stdio::null());
    for (name, value) in run.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    strace.env("SECRET", "swordfish");
    let ended = ended(&mut strace);
    let trace = app.read("trace");
    let calls: Vec<(String, String)> = trace
        .lines()
        .filter_map(|line| line.split_once(char::is_whitespace)?.1.trim_start().split_once('('))
        .map(|(name, arguments)| (name.to_owned(), arguments.to_owned()))
        .collect();
    let mark = |bytes: &str| {
        let is = |(name, arguments): &(String, String)| name == "getrandom" && arguments.contains(bytes);
        calls.iter().position(is).unwrap_or_else(|| panic!("no mark {bytes}: {ended:?}"))
    };
    (calls[mark(", 7001, ") + 1..mark(", 7002, ")].to_vec(), ended.status)
}

#[test]
fn v01_nothing_is_asked_of_the_kernel_for_a_module_that_was_granted_nothing() {
    assert!(bailiwickc().arg("--version").output().is_ok());
    if EMULATED {
        println!("not under emulation: the trace would be the emulator's");
        return;
    }
    let (calls, _) = between(&app(""));
    for (name, arguments) in &calls {
        assert!(HARMLESS.contains(&name.as_str()), "{name}({arguments}");
    }

    // Control: the same module, handed what its parent holds.
    let (calls, status) = between(&app("grants = { place = \"place\", out = \"out\", env = \"env\" }\n"));
    assert_eq!(status, Some(1), "it has found something");
    let names: BTreeSet<&str> = calls.iter().map(|(name, _)| name.as_str()).collect();
    let named: Vec<&&str> = names.iter().filter(|name| !HARMLESS.contains(name)).collect();
    assert!(named.len() >= 3, "{names:?}");
}

/// V19: the same calls, as many of which succeed, of a module whose files, clock, environment and streams are another
/// module's, which holds nothing either.
#[test]
fn v19_nothing_is_asked_of_the_kernel_for_a_module_whose_world_is_another_module() {
    if EMULATED {
        println!("not under emulation: the trace would be the emulator's");
        return;
    }
    let confined = |imports: &str| {
        let app = app(imports);
        for file in ["stand_0.wasm", "stand_0.wit"] {
            fs::copy(built().stands.join(file), app.path(file)).expect("a module");
        }
        app.file("bailiwick.toml", app.read("bailiwick.toml") + "[deps.stand]\nmodule = \"stand_0.wasm\"\n");
        app
    };
    let imports = ["fs", "clock", "env", "stdio"].map(|virt| format!("imports.{virt} = {{ module = \"stand\" }}\n"));
    let (calls, status) = between(&confined(&imports.concat()));
    assert_eq!(status, Some(1), "it has found something");
    for (name, arguments) in &calls {
        assert!(HARMLESS.contains(&name.as_str()), "{name}({arguments}");
    }

    // Control: the same module, with what its parent holds and nobody between.
    let (calls, _) = between(&confined("grants = { place = \"place\", out = \"out\", env = \"env\" }\n"));
    assert!(calls.iter().any(|(name, _)| !HARMLESS.contains(&name.as_str())), "{calls:?}");
}
