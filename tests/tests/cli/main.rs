//! `bailiwick` as a user starts it: what it prints, what it grants, and how it ends.

mod audit;
mod cache;
mod ends;
mod files;
mod folders;
mod guest;
mod guests;
mod help;
mod inspect;
mod modules;
mod output;
mod sockets;
mod sources;
mod streams;

use bailiwick_runtime_abi::format::HEADER_OFFSET;
use bailiwick_runtime_abi::types::Arch;
use bailiwick_tests::cli::{bailiwick, bailiwickc, built_guests, emulated, guests, loader, program};
use bailiwick_tests::compile::{compile_for, host};
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A folder that is a test's own, and a cache in it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a file");
        path
    }

    fn command(&self) -> Command {
        let mut command = bailiwick(&self.path("cache"));
        command.stdin(Stdio::null()).env_remove("RUST_BACKTRACE").env_remove("BAILIWICK_CACHE");
        command
    }

    /// `bailiwick run` with these arguments.
    fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command().arg("run").args(arguments))
    }

    /// The artifact of a file, compiled by `bailiwickc`.
    fn compiled(&self, input: &Path) -> PathBuf {
        let output = self.path(&format!("{}.bwk", input.file_stem().unwrap().to_str().unwrap()));
        compile(input, &output);
        output
    }

    fn cached(&self) -> Vec<PathBuf> {
        match fs::read_dir(self.path("cache/bailiwick")) {
            Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
            Err(_) => Vec::new(),
        }
    }
}

fn compile(input: &Path, output: &Path) {
    let target = format!("{}-unknown-linux-gnu", host().name());
    let result = bailiwickc().arg("compile").arg(input).arg("-o").arg(output).args(["--target", &target]).output();
    let result = result.expect("bailiwickc starts");
    assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
}

/// How a run ended.
#[derive(Debug)]
struct Ended {
    status: Option<i32>,
    signal: Option<i32>,
    out: String,
    err: String,
}

fn ended(command: &mut Command) -> Ended {
    told(command.output().expect("the program starts"))
}

fn told(output: Output) -> Ended {
    Ended {
        status: output.status.code(),
        signal: output.status.signal(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Ended {
    #[track_caller]
    fn with(self, status: i32) -> Ended {
        assert_eq!(self.status, Some(status), "{self:#?}");
        self
    }

    #[track_caller]
    fn prints(self, out: &str) -> Ended {
        assert!(self.out == out, "expected on standard output:\n{out}\n{self:#?}");
        self
    }

    /// Standard error has all of these.
    #[track_caller]
    fn says(self, words: &[&str]) -> Ended {
        for word in words {
            assert!(self.err.contains(word), "standard error lacks {word:?}: {self:#?}");
        }
        self
    }

    #[track_caller]
    fn silently(self) -> Ended {
        assert!(self.err.is_empty(), "{self:#?}");
        self
    }
}

fn wasm(name: &str) -> PathBuf {
    built_guests().join(format!("{name}.wasm"))
}

/// Each guest as WebAssembly, by way of the cache, and as an artifact, each with what a message calls it.
fn both(place: &Place, name: &str) -> [(PathBuf, &'static str); 2] {
    let wasm = wasm(name);
    [(place.compiled(&wasm), "artifact"), (wasm, "WebAssembly")]
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

const HELLO: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
    (func (export "_start")
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))))"#;

fn with_input(command: &mut Command, input: &[u8]) -> Ended {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        told(child.wait_with_output().unwrap())
    })
}

/// Runs a shell script with a file system of its own mounted at `$1`, with these options, and `arguments` from `$2` on;
/// `None` where that is not allowed.
fn on_tmpfs(place: &Place, options: &str, script: &str, arguments: &[&Path]) -> Option<Ended> {
    let mount = place.path("mounted");
    fs::create_dir(&mount).unwrap();
    let options = if options.is_empty() { "rw" } else { options };
    let script = format!("mount -t tmpfs -o {options} none \"$1\" || exit 99\n{script}");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", &script, "sh"]).arg(&mount).args(arguments);
    command.env("BAILIWICKC", program("bailiwickc", "BAILIWICKC")).stdin(Stdio::null());
    // As for any other run: not the user's own.
    if !script.contains("XDG_CACHE_HOME=") {
        command.env("XDG_CACHE_HOME", place.path("cache"));
    }
    let ended = match command.output() {
        Ok(output) => told(output),
        Err(_) => return None,
    };
    (ended.status != Some(99) && !ended.err.starts_with("unshare:")).then_some(ended)
}

/// The program, for a shell script.
fn runner() -> String {
    let command = emulated(&loader());
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|w| format!("'{}'", w.to_str().unwrap())).collect::<Vec<_>>().join(" ")
}
