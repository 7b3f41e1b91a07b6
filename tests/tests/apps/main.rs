//! Applications: the example wallet, what its libraries try against it, and what the checker says of manifests.
//!
//! Each attack comes with a control run in which it succeeds: the same module, or the same code, where the one defence
//! is absent. Without that a broken fixture would pass for security.

#[path = "../common/mod.rs"]
mod common;

mod bystanders;
mod checklist;
mod commands;
mod controls;
mod doubts;
mod edges;
mod figures;
mod files;
mod honest;
mod inflate;
mod learn;
mod legacy;
mod locks;
mod manifests;
mod net;
mod notify;
mod trace;
mod virtual_liars;
mod virtual_plans;
mod virtualizers;
mod zip;

use bailiwick_tests::cli::bailiwick;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// What the honest application prints, the first time that it runs in a folder.
const HONEST: &str = "\
wallet: address 0cb2fc79edaae556
[notify] Order booked: order 1: KMD/BTC for 12600 satoshi
wallet: order 1, at 4200
wallet: statements.zip: 3 files
wallet: the seed is as it was
";

/// The application's line about what it could not unpack, and the others as if nothing had happened.
fn honest_but_for(archive: &str, reason: &str) -> String {
    HONEST.replace("statements.zip: 3 files", &format!("{archive}: not extracted: {reason}"))
}

/// The folder of the built example and of the small modules, and of a cache for all tests.
struct Built {
    wallet: PathBuf,
    small: PathBuf,
    programs: PathBuf,
    stands: PathBuf,
    web: PathBuf,
    cache: PathBuf,
}

fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("apps");
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let folder = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")).join("apps");
        let folder = std::path::absolute(folder).expect("a path");
        for name in ["programs", "wallet", "small", "virtual", "web"] {
            let out = folder.join(name);
            fs::create_dir_all(&out).expect("a folder");
            let output = Command::new("bash").arg(sources.join(name).join("build")).arg(out).output().expect("bash");
            assert!(
                output.status.success(),
                "the applications can't be built (they need Debian's clang-19, lld-19, wasi-libc, \
                 libclang-rt-19-dev-wasm32):\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let cache = folder.join("cache");
        // What is in it may be of another build of the compiler.
        let _ = fs::remove_dir_all(&cache);
        let [programs, wallet, small, stands, web] =
            ["programs", "wallet", "small", "virtual", "web"].map(|name| folder.join(name));
        Built { programs, wallet, small, stands, web, cache }
    })
}

/// An application in a folder of its own.
struct App {
    folder: TempDir,
}

impl App {
    /// A copy of the example application.
    fn wallet() -> App {
        let app = App::empty();
        copy(&built().wallet, app.folder.path());
        app
    }

    /// The small modules, an application of which is `manifest`.
    fn small(manifest: &str) -> App {
        let app = App::empty();
        copy(&built().small, app.folder.path());
        app.file("bailiwick.toml", manifest);
        app
    }

    /// The modules that stand between another and the world, an application of which is `manifest`.
    fn stands(manifest: &str) -> App {
        let app = App::empty();
        copy(&built().stands, app.folder.path());
        app.file("bailiwick.toml", manifest);
        app
    }

    /// The modules that use the network, an application of which is `manifest`.
    fn web(manifest: &str) -> App {
        let app = App::empty();
        copy(&built().web, app.folder.path());
        app.file("bailiwick.toml", manifest);
        app
    }

    /// The programs that virtualizers stand before, an application of which is `manifest`.
    fn programs(manifest: &str) -> App {
        let app = App::empty();
        copy(&built().programs, app.folder.path());
        app.file("bailiwick.toml", manifest);
        app
    }

    /// A folder with nothing in it.
    fn empty() -> App {
        App { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, bytes).expect("a file");
        path
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Changes a text that a file has once.
    #[track_caller]
    fn edit(&self, name: &str, from: &str, to: &str) -> &App {
        let text = self.read(name);
        assert_eq!(text.matches(from).count(), 1, "{name} has not {from:?} once:\n{text}");
        self.file(name, text.replace(from, to));
        self
    }

    /// Puts an attack's module into the place of a library's, as an update would.
    #[track_caller]
    fn update(&self, library: &str, attack: &str) -> &App {
        let module = built().wallet.join(format!("attacks/{attack}.wasm"));
        fs::copy(&module, self.path(&format!("{library}/{library}.wasm"))).expect("an attack");
        self
    }

    fn command(&self) -> Command {
        let mut command = bailiwick(&built().cache);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_remove("RUST_BACKTRACE").env_remove("BAILIWICK_CACHE");
        command
    }

    /// `bailiwick` with these arguments, in the application's folder.
    fn bailiwick(&self, arguments: &[&str]) -> Ended {
        ended(self.command().args(arguments))
    }

    /// `bailiwick run bailiwick.toml` with these arguments of the application.
    fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command().args(["run", "bailiwick.toml"]).args(arguments))
    }

    /// What a command prints as JSON.
    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.bailiwick(arguments).with(0).out).expect("JSON")
    }
}

/// Copies a folder and all below it into another that is there.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            fs::create_dir_all(&target).expect("a folder");
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a copy");
        }
    }
}

/// How a command ended.
#[derive(Debug)]
struct Ended {
    status: Option<i32>,
    out: String,
    err: String,
}

fn ended(command: &mut Command) -> Ended {
    let output = command.output().expect("the program starts");
    Ended {
        status: output.status.code(),
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

    /// Standard output has all of these.
    #[track_caller]
    fn shows(self, words: &[&str]) -> Ended {
        for word in words {
            assert!(self.out.contains(word), "standard output lacks {word:?}: {self:#?}");
        }
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

    /// Neither stream has this.
    #[track_caller]
    fn without(self, word: &str) -> Ended {
        assert!(!self.out.contains(word) && !self.err.contains(word), "{word:?} is there: {self:#?}");
        self
    }
}
