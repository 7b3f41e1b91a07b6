//! What the tests against harm share: random numbers, a folder with a cache, and children of the test itself.

#![allow(dead_code, reason = "each test uses a part of it")]

use bailiwick_tests::cli::{bailiwick, bailiwickc, emulated};
use bailiwick_tests::compile::host;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Whether this is an emulated build: everything takes ten times as long there, and times mean nothing.
pub const EMULATED: bool = cfg!(target_arch = "aarch64");

/// How often something is tried: `native` times, or `emulated` times under emulation.
pub const fn times(native: usize, emulated: usize) -> usize {
    if EMULATED { emulated } else { native }
}

/// A generator of the xorshift family (Marsaglia 2003), so that every run with a seed is the same.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From any seed, neighbouring ones included.
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    pub fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

/// A folder that is a test's own, and a cache in it.
pub struct Place {
    pub folder: TempDir,
}

impl Place {
    pub fn new() -> Place {
        Place { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a file");
        path
    }

    /// `bailiwick` with this place's cache.
    pub fn command(&self) -> Command {
        let mut command = bailiwick(&self.path("cache"));
        command.stdin(Stdio::null()).env_remove("RUST_BACKTRACE").env_remove("BAILIWICK_CACHE");
        command
    }

    /// `bailiwick run` with these arguments.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command().arg("run").args(arguments))
    }

    /// The artifact of a module in the text format, compiled by `bailiwickc` with `options`.
    pub fn compiled(&self, name: &str, wat: &str, options: &[&str]) -> PathBuf {
        let (input, output) = (self.file(&format!("{name}.wat"), wat), self.path(&format!("{name}.bwk")));
        let target = format!("{}-unknown-linux-gnu", host().name());
        let mut command = bailiwickc();
        command.arg("compile").arg(input).arg("-o").arg(&output).args(["--target", &target]).args(options);
        let result = command.output().expect("bailiwickc starts");
        assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
        output
    }

    /// The folder of the cache.
    pub fn cache(&self) -> PathBuf {
        self.path("cache/bailiwick")
    }

    /// Every file in the cache.
    pub fn cached(&self) -> Vec<PathBuf> {
        match fs::read_dir(self.cache()) {
            Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
            Err(_) => Vec::new(),
        }
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    pub status: Option<i32>,
    pub signal: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs a command to its end.
pub fn ended(command: &mut Command) -> Ended {
    told(command.output().expect("the program starts"))
}

/// What an output tells.
pub fn told(output: Output) -> Ended {
    Ended {
        status: output.status.code(),
        signal: output.status.signal(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Ended {
    #[track_caller]
    pub fn with(self, status: i32) -> Ended {
        assert_eq!(self.status, Some(status), "{self:#?}");
        self
    }

    #[track_caller]
    pub fn prints(self, out: &str) -> Ended {
        assert!(self.out == out, "expected on standard output:\n{out}\n{self:#?}");
        self
    }

    /// Standard error has all of these.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Ended {
        for word in words {
            assert!(self.err.contains(word), "standard error lacks {word:?}: {self:#?}");
        }
        self
    }

    #[track_caller]
    pub fn silently(self) -> Ended {
        assert!(self.err.is_empty(), "{self:#?}");
        self
    }
}

/// A path as a command line's argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Names what a child of a test is to do.
const CHILD: &str = "BAILIWICK_TEST_CHILD";

/// What this process is to do, if it is a child of the test that it runs.
pub fn task() -> Option<String> {
    std::env::var(CHILD).ok()
}

/// A command that runs the test `name` of this very program in a child, which finds `task` by [`task`].
pub fn child(name: &str, task: &str) -> Command {
    let mut command = emulated(&std::env::current_exe().expect("the path of this test"));
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(CHILD, task).env_remove("RUST_BACKTRACE");
    command.stdin(Stdio::null());
    command
}

/// Waits for a child at most `limit`, and ends it then; `None` if that was necessary.
pub fn wait(child: &mut std::process::Child, limit: Duration) -> Option<std::process::ExitStatus> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return Some(status);
        }
        if begun.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until `condition` holds.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it did not come about: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
