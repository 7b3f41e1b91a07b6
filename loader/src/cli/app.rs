//! Applications on the command line: `check`, `explain`, `graph`, `why`, `lock`, `diff`, `build`.

use super::cache::Sharing;
use super::compile::artifact_of;
use super::exit::Failure;
use super::wit::Wit;
use bailiwick_loader::Artifact;
use bailiwick_loader::app::check::Wiring;
use bailiwick_loader::app::files::{open_regular, read_text, shown, tidy};
use bailiwick_loader::app::plan::{Modules, NodeId, Plan, Source};
use bailiwick_loader::app::problem::{Code, Problem};
use bailiwick_loader::app::view::{diff, explain, graph, lock, why};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The manifest's file name.
pub const MANIFEST: &str = "bailiwick.toml";

/// The most bytes of a lock.
const MAX_LOCK_BYTES: u64 = 64 << 20;

/// The most bytes of a module of an application: several times the largest compilers'. What is read is held twice.
const MAX_MODULE_BYTES: u64 = 256 << 20;

/// The most instances that an error names.
const MAX_NAMED: usize = 50;

/// Compiles what a manifest names, by way of the cache.
struct Compiled {
    cache: Option<Sharing>,
}

impl Modules for Compiled {
    fn open(&self, module: &Source<'_>) -> Result<Artifact, String> {
        let wit = module.wit.map(|path| Wit { path, world: module.world, within: module.within });
        let file = open_regular(module.file, MAX_MODULE_BYTES).map_err(|e| format!("{}: {e}", shown(module.file)))?;
        artifact_of(file, module.file, wit, self.cache).map_err(|failure| failure.message())
    }
}

/// An application that was checked.
#[derive(Debug)]
pub struct Checked {
    /// Who there is.
    pub plan: Plan,
    /// What becomes of each import.
    pub wiring: Wiring,
}

/// Loads and checks an application; what is suspicious is said on standard error by whoever wants to.
pub fn load(manifest: &Path, cache: Option<Sharing>) -> Result<Checked, Vec<Problem>> {
    let plan = Plan::load(manifest, &Compiled { cache })?;
    let wiring = Wiring::check(&plan)?;
    Ok(Checked { plan, wiring })
}

impl Checked {
    /// What is suspicious.
    pub fn warnings(&self) -> impl Iterator<Item = &Problem> {
        self.plan.warnings.iter().chain(&self.wiring.warnings)
    }

    /// What is not as the lock beside its manifest has it; without a lock, what may not be without one.
    fn lock_problems(&self, manifest: &Path) -> Result<Vec<Problem>, Failure> {
        let file = manifest.with_file_name(lock::FILE);
        // A link that leads nowhere is a lock that can't be read, and none that is not there.
        if file.symlink_metadata().is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
            return Ok(lock::unpinned(&self.plan));
        }
        let now = lock::lock(&self.plan, &self.wiring);
        Ok(lock::verify(&read_lock(&file)?, &now))
    }

    /// Holds it against the lock beside its manifest, if there is one.
    pub fn against_lock(&self, manifest: &Path) -> Result<(), Failure> {
        let problems = self.lock_problems(manifest)?;
        if problems.is_empty() { Ok(()) } else { Err(refused(&problems)) }
    }
}

/// What is wrong, each on a line; status 3 if it is about authority, 1 if something can't be read.
pub fn refused(problems: &[Problem]) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let unreadable = |problem: &Problem| matches!(problem.code, Code::Module | Code::Limit);
    let message = inert(&lines.join("\nbailiwick: "));
    if problems.iter().all(unreadable) { Failure::new(message) } else { Failure::refused(message) }
}

/// The manifest that a path means: itself, or the one in the folder.
pub fn manifest(path: Option<&Path>) -> PathBuf {
    match path {
        None => PathBuf::from(MANIFEST),
        Some(path) if path.is_dir() => tidy(&path.join(MANIFEST)),
        Some(path) => tidy(path),
    }
}

/// Splits positional arguments into the application, if the first is one, and the rest, of which there are up to `most`.
///
/// An instance often has the name of the folder that its library lies in: without a slash behind it, and with an application
/// here, the instance is meant.
fn split(arguments: &[String], most: usize) -> (PathBuf, &[String]) {
    let Some((first, rest)) = arguments.split_first() else { return (manifest(None), arguments) };
    let path = Path::new(first);
    let clearly = arguments.len() > most || first.ends_with(".toml") || first.ends_with(['/', '.']);
    if clearly || (path.is_dir() && !Path::new(MANIFEST).exists()) {
        return (manifest(Some(path)), rest);
    }
    (manifest(None), arguments)
}

/// Arguments of `bailiwick check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick check                     ./bailiwick.toml
  bailiwick check wallet/ --json      for programs

Every edge must narrow, and every import be wired, inert, or a call that both sides agree on. If
there is a bailiwick.lock beside the manifest, what is there now is held against it. Exit status 3
if something is refused.")]
pub struct Check {
    /// The application's manifest, or its folder
    #[arg(value_name = "APP.toml")]
    app: Option<PathBuf>,
    /// Print for programs
    #[arg(long)]
    json: bool,
    /// Refuse what is only suspicious, too
    #[arg(long)]
    strict: bool,
}

impl Check {
    /// Checks; status 3 if anything is wrong.
    pub fn execute(self) -> Result<ExitCode, Failure> {
        let manifest = manifest(self.app.as_deref());
        let checked = load(&manifest, Some(Sharing::Mapped));
        let mut problems: Vec<Problem> = match &checked {
            Ok(checked) => checked.warnings().cloned().collect(),
            Err(problems) => problems.clone(),
        };
        let mut instances = 0;
        let mut imports = 0;
        if let Ok(checked) = &checked {
            instances = checked.plan.nodes.len();
            imports = checked.plan.iter().map(|(id, _)| checked.wiring.all(id).count()).sum();
            problems.extend(checked.lock_problems(&manifest)?);
        }
        let wrong = problems.iter().filter(|p| self.strict || !p.code.is_warning()).count();
        if self.json {
            let shown: Vec<Value> = problems
                .iter()
                .map(|p| json!({"code": p.code.name(), "edge": p.edge, "message": p.message, "warning": p.code.is_warning()}))
                .collect();
            print(&format!(
                "{}\n",
                json!({"ok": wrong == 0, "instances": instances, "imports": imports, "problems": shown})
            ))?;
        } else {
            for problem in &problems {
                print(&format!("{problem}\n"))?;
            }
            if wrong == 0 {
                print(&format!("{}: ok: {instances} instances, {imports} imports\n", shown(&manifest)))?;
            }
        }
        Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::from(3) })
    }
}

/// Arguments of `bailiwick explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick explain                            every instance of ./bailiwick.toml
  bailiwick explain wallet/ notify             one, by the end of its path")]
pub struct Explain {
    /// The application's manifest or folder, then the instance
    #[arg(value_name = "[APP.toml] [INSTANCE]", num_args = 0..=2)]
    arguments: Vec<String>,
    /// Print for programs
    #[arg(long)]
    json: bool,
}

impl Explain {
    /// Says what instances may do.
    pub fn execute(self) -> Result<ExitCode, Failure> {
        let (manifest, rest) = split(&self.arguments, 1);
        let checked = load(&manifest, Some(Sharing::Mapped)).map_err(|problems| refused(&problems))?;
        let Checked { plan, wiring } = &checked;
        let ids: Vec<NodeId> = match rest {
            [] => plan.iter().map(|(id, _)| id).collect(),
            [instance] => vec![find(plan, instance)?],
            [_, other, ..] => return Err(Failure::usage(format!("unexpected argument {other:?}"))),
        };
        if self.json {
            let shown: Vec<Value> = ids.into_iter().map(|id| explain::json(plan, wiring, id)).collect();
            return print(&format!("{}\n", json!({"instances": shown})));
        }
        let shown: Vec<String> = ids.into_iter().map(|id| explain::text(plan, wiring, id)).collect();
        print(&shown.join("\n"))
    }
}

/// Arguments of `bailiwick graph`.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("format").args(["svg", "dot", "html"])))]
#[command(after_help = "\
Examples:
  bailiwick graph --svg -o authority.svg       a picture for a review
  bailiwick graph --html -o authority.html     with everything in words; one file, no scripts
  bailiwick graph --dot wallet/ | dot -Tpdf    for Graphviz")]
pub struct Graph {
    /// The application's manifest, or its folder
    #[arg(value_name = "APP.toml")]
    app: Option<PathBuf>,
    /// A picture (the default)
    #[arg(long)]
    svg: bool,
    /// Graphviz's language
    #[arg(long)]
    dot: bool,
    /// A page with the picture and everything in words
    #[arg(long)]
    html: bool,
    /// Where to write it, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Graph {
    /// Draws.
    pub fn execute(self) -> Result<ExitCode, Failure> {
        let manifest = manifest(self.app.as_deref());
        let checked = load(&manifest, Some(Sharing::Mapped)).map_err(|problems| refused(&problems))?;
        let Checked { plan, wiring } = &checked;
        let drawn = match (self.dot, self.html) {
            (true, _) => graph::dot(plan, wiring),
            (_, true) => graph::html(plan, wiring),
            _ => graph::svg(plan, wiring),
        };
        match self.output {
            Some(file) => write_file(&file, drawn.as_bytes()).map(|()| ExitCode::SUCCESS),
            None => print(&drawn),
        }
    }
}

/// Arguments of `bailiwick why`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick why unzipper dir.write     by which grants, and by which of its code
  bailiwick why notify env             a kind: dir stdio env args clock random tcp udp dns
  bailiwick why wallet extract         a function that it imports")]
pub struct Why {
    /// The application's manifest or folder; the instance; a kind, a right of folders, or a function
    #[arg(value_name = "[APP.toml] INSTANCE WHAT", num_args = 2..=3, required = true)]
    arguments: Vec<String>,
    /// Print for programs
    #[arg(long)]
    json: bool,
}

impl Why {
    /// Answers.
    pub fn execute(self) -> Result<ExitCode, Failure> {
        let (manifest, rest) = split(&self.arguments, 2);
        let [instance, what] = rest else {
            return Err(Failure::usage("it wants an instance and what it is asked about"));
        };
        let checked = load(&manifest, Some(Sharing::Mapped)).map_err(|problems| refused(&problems))?;
        let Checked { plan, wiring } = &checked;
        let id = find(plan, instance)?;
        let answer = why::answer(plan, wiring, id, &why::Question::parse(what));
        if self.json {
            return print(&format!("{}\n", why::json(plan, id, what, &answer)));
        }
        print(&why::text(plan, id, what, &answer))
    }
}

/// Arguments of `bailiwick lock`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes bailiwick.lock beside the manifest: hashes of every module, what its code can reach, and what
it is granted. From then on `check` and `run` refuse an application that differs; `diff` shows how.")]
pub struct Lock {
    /// The application's manifest, or its folder
    #[arg(value_name = "APP.toml")]
    app: Option<PathBuf>,
    /// Where to write it, instead of beside the manifest; - for standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Lock {
    /// Writes the lock.
    pub fn execute(self) -> Result<ExitCode, Failure> {
        let manifest = manifest(self.app.as_deref());
        let checked = load(&manifest, Some(Sharing::Mapped)).map_err(|problems| refused(&problems))?;
        let text = lock_text(&lock::lock(&checked.plan, &checked.wiring));
        match self.output {
            Some(file) if file.as_os_str() == "-" => print(&text),
            Some(file) => write_file(&file, text.as_bytes()).map(|()| ExitCode::SUCCESS),
            None => write_file(&manifest.with_file_name(lock::FILE), text.as_bytes()).map(|()| ExitCode::SUCCESS),
        }
    }
}

/// Arguments of `bailiwick diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick diff                          bailiwick.lock against ./bailiwick.toml as it is now
  bailiwick diff old.lock wallet/         a lock against an application
  bailiwick diff v1/bailiwick.toml v2/    two applications
  bailiwick diff --accept                 take what is there now into bailiwick.lock

Code that reaches or calls what it did not before, that is granted more or may use up more, another
on_fault, and another package in the same place are breaking changes, whatever the version says:
marked with !, exit status 3 until they are accepted. ? marks other code under the same version.")]
pub struct Diff {
    /// Locks, manifests or folders: what was, and what is
    #[arg(value_name = "OLD NEW", num_args = 0..=2)]
    sides: Vec<PathBuf>,
    /// Write what is there now into the lock beside the new manifest
    #[arg(long)]
    accept: bool,
    /// Print for programs
    #[arg(long)]
    json: bool,
}

impl Diff {
    /// Compares; status 3 if something can do more.
    pub fn execute(self) -> Result<ExitCode, Failure> {
        let (old, new) = match self.sides.as_slice() {
            [] => (PathBuf::from(lock::FILE), manifest(None)),
            [new] => {
                let new = manifest(Some(new));
                (new.with_file_name(lock::FILE), new)
            }
            [old, new, ..] => (old.clone(), manifest(Some(new))),
        };
        let (before, now) = (side(&old)?, side(&new)?);
        let changes = diff::diff(&before, &now);
        if self.json {
            print(&format!("{}\n", diff::json(&changes)))?;
        } else {
            print(&diff::text(&changes))?;
        }
        if self.accept {
            write_file(&new.with_file_name(lock::FILE), lock_text(&now).as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        let breaking = changes.iter().any(|change| change.class.is_breaking());
        Ok(if breaking { ExitCode::from(3) } else { ExitCode::SUCCESS })
    }
}

/// One side of a comparison: a lock as it is, or the lock of an application.
fn side(path: &Path) -> Result<Value, Failure> {
    let path = manifest(Some(path));
    if path.extension().is_some_and(|e| e == "toml") {
        let checked = load(&path, Some(Sharing::Mapped)).map_err(|problems| refused(&problems))?;
        return Ok(lock::lock(&checked.plan, &checked.wiring));
    }
    read_lock(&path)
}

fn read_lock(file: &Path) -> Result<Value, Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::new(format!("{}: {e}", shown(file)));
    let text = read_text(file, MAX_LOCK_BYTES).map_err(|e| failed(&e))?;
    let lock: Value = serde_json::from_str(&text).map_err(|e| failed(&e))?;
    match lock.get("bailiwick_lock").and_then(Value::as_u64) {
        Some(lock::VERSION) => Ok(lock),
        Some(old) if old < lock::VERSION => Err(failed(&format!(
            "written by an earlier version of bailiwick, which locked less (lock version {old}, now {}): look at what there is with `bailiwick explain`, then write it anew with `bailiwick lock`",
            lock::VERSION
        ))),
        Some(new) => Err(failed(&format!(
            "a lock of version {new}, which this version of bailiwick does not know (it writes {}): use the one that wrote it",
            lock::VERSION
        ))),
        None => Err(failed(&"it is no lock of an application: `bailiwick lock` writes one")),
    }
}

/// The lock as it is written: a line for each fact, so that any tool shows what changed.
fn lock_text(lock: &Value) -> String {
    // A value that was made of maps, lists and texts can always be printed.
    format!("{}\n", serde_json::to_string_pretty(lock).unwrap_or_default())
}

/// The instance that is meant.
fn find(plan: &Plan, instance: &str) -> Result<NodeId, Failure> {
    plan.find(instance).ok_or_else(|| {
        let all = || plan.iter().map(|(_, node)| node.path.as_str());
        let ends = |path: &&str| path.strip_suffix(instance).is_some_and(|front| front.ends_with('/'));
        let (said, paths): (_, Vec<&str>) = match all().filter(ends).count() {
            0 => (format!("there is no instance {instance:?}; there are: "), all().collect()),
            _ => {
                (format!("several instances end in {instance:?}; say more of the path: "), all().filter(ends).collect())
            }
        };
        let more = paths.len().saturating_sub(MAX_NAMED);
        let named = paths.iter().take(MAX_NAMED).copied().collect::<Vec<_>>().join(", ");
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        Failure::new(format!("{said}{named}{more}"))
    })
}

/// Writes a file whole or not at all.
pub fn write_file(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::new(format!("{}: {e}", file.display()));
    let name = file.file_name().ok_or_else(|| failed(std::io::ErrorKind::IsADirectory.into()))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.part", std::process::id()));
    let temporary = file.with_file_name(temporary);
    let written = std::fs::File::create_new(&temporary).and_then(|mut out| {
        out.write_all(bytes)?;
        out.sync_all()
    });
    written.and_then(|()| std::fs::rename(&temporary, file)).map_err(|e| {
        let _ = std::fs::remove_file(&temporary);
        failed(e)
    })
}

/// Text of manifests and modules, as it can be shown: what would control a terminal, or turn the order of letters around,
/// as its number. Nothing of that is in a program's input but within strings of JSON, where this is how it is written.
pub fn inert(text: &str) -> String {
    let turns =
        |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if (c.is_control() && c != '\n' && c != '\t') || turns(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// Prints; a reader who has gone away is no error of ours.
pub fn print(text: &str) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(inert(text).as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(e) => Err(Failure::new(format!("can't write to standard output: {e}"))),
    }
}

/// Says on standard error what is suspicious, if a person is there to read it.
pub fn note_warnings(checked: &Checked) {
    if std::io::stderr().is_terminal() {
        for warning in checked.warnings() {
            let _ = writeln!(std::io::stderr(), "bailiwick: warning: {}", inert(&warning.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::inert;

    #[test]
    fn what_a_manifest_says_does_not_reach_the_terminal_as_more_than_letters() {
        assert_eq!(inert("a\u{1b}[2Jb\rc\u{9b}d\u{202e}e\u{7f}"), "a\\u001b[2Jb\\u000dc\\u009bd\\u202ee\\u007f");
        assert_eq!(inert("ä → ö\n\tx"), "ä → ö\n\tx");
    }
}
