//! The built programs, as a user starts them.
//!
//! `bailiwick` and `bailiwickc` are those of this build, which lie in a folder above the test's own executable;
//! `BAILIWICK` and `BAILIWICKC` name others. `BAILIWICK_RUNNER` is put in front of programs of an emulated build.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A command that starts a program of this build, by the emulator that `BAILIWICK_RUNNER` names, if it does.
pub fn emulated(program: &Path) -> Command {
    match std::env::var("BAILIWICK_RUNNER") {
        Ok(runner) if !runner.trim().is_empty() => {
            let mut words = runner.split_whitespace();
            let mut command = Command::new(words.next().unwrap_or_default());
            command.args(words).arg(program);
            command
        }
        _ => Command::new(program),
    }
}

/// The folder that this build puts programs into.
fn build_folder() -> PathBuf {
    let own = std::env::current_exe().expect("the path of this executable");
    // Tests lie in `deps` below it, programs in it.
    let folder = own.parent().expect("a folder");
    if folder.ends_with("deps") { folder.parent().expect("a folder").to_owned() } else { folder.to_owned() }
}

/// A program of this build, or the one that the environment variable `variable` names.
///
/// # Panics
/// If it is not there or is older than its sources, saying how to build it: `cargo test` alone builds no programs of
/// other packages.
pub fn program(name: &str, variable: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(variable).filter(|v| !v.is_empty()) {
        let path = PathBuf::from(path);
        assert!(path.is_file(), "{variable} names {}, which is not there", path.display());
        return path;
    }
    let path = build_folder().join(name);
    let changed = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let built = changed(&path);
    let newer = sources(&path).into_iter().find(|source| changed(source) > built);
    assert!(
        built.is_some() && newer.is_none(),
        "{} is not there, or older than {newer:?}: run `cargo build` with the same profile and target first",
        path.display()
    );
    path
}

/// The source files that a program was built from, as cargo wrote them down beside it.
fn sources(program: &Path) -> Vec<PathBuf> {
    let list = std::fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    // A rule of make: the target, a colon, and paths with spaces escaped.
    let rule = list.lines().next().and_then(|line| line.split_once(": ")).map_or("", |(_, files)| files);
    let files = rule.replace("\\ ", "\0");
    files.split(' ').filter(|f| !f.is_empty()).map(|f| PathBuf::from(f.replace('\0', " "))).collect()
}

/// `bailiwick`. In the emulator no program can become another of the same architecture, as `bailiwick` does for all commands
/// but `run`: there it is `bailiwick-tools`, which knows all of them by itself.
pub fn loader() -> PathBuf {
    let emulated = std::env::var_os("BAILIWICK_RUNNER").is_some_and(|runner| !runner.is_empty());
    program(if emulated { "bailiwick-tools" } else { "bailiwick" }, "BAILIWICK")
}

/// A command that starts `bailiwick`, with the compiler of this build, and `cache` as the folder of its cache.
pub fn bailiwick(cache: &Path) -> Command {
    let mut command = emulated(&loader());
    command.env("BAILIWICKC", program("bailiwickc", "BAILIWICKC")).env("XDG_CACHE_HOME", cache);
    command
}

/// A command that starts `bailiwickc`.
pub fn bailiwickc() -> Command {
    Command::new(program("bailiwickc", "BAILIWICKC"))
}

/// The folder of the guest programs' sources.
pub fn guests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guests")
}

/// The folder of the compiled guest programs, which are built first if need be.
///
/// # Panics
/// If they can't be built, with what the script says.
pub fn built_guests() -> &'static Path {
    static BUILT: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    BUILT.get_or_init(|| {
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let folder = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")).join("guests");
        std::fs::create_dir_all(&folder).expect("a folder for the guests");
        let script = guests().join("build");
        let output = Command::new("bash").args([script.as_os_str(), folder.as_os_str()]).output().expect("bash");
        assert!(
            output.status.success(),
            "the guest programs can't be built (they need Debian's clang-19, lld-19, wasi-libc, libclang-rt-19-dev-wasm32):\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        folder
    })
}
