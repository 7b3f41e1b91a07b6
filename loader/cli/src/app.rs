//! Applications on the command line: `check`, `explain`, `graph`, `why`, `lock`, `diff`, `build`.

use super::cache::Sharing;
use super::compile::{artifact_of, compile};
use super::exit::{ExitCode, Failure};
use super::output::write_file;
use super::text::{inert, print, say};
use super::wit::Wit;
use bailiwick_app::check::Wiring;
use bailiwick_app::files::{folder_of, open_regular, read_text, shown, tidy};
use bailiwick_app::plan::{Modules, NodeId, Plan, Source};
use bailiwick_app::problem::{Code, Problem};
use bailiwick_app::surroundings;
use bailiwick_app::view::{diff, explain, graph, lock, why};
use bailiwick_loader::Artifact;
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

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
        if let Some(shipped) = module.shipped {
            let wit = Wit { path: module.file, text: Some(shipped.wit), world: None, within: None };
            return compile(module.file, shipped.wasm, Some(wit), self.cache, true, None)
                .map_err(|failure| failure.message());
        }
        let wit = module.wit.map(|path| Wit { path, text: None, world: module.world, within: module.within });
        let file = open_regular(module.file, MAX_MODULE_BYTES).map_err(|e| format!("{}: {e}", shown(module.file)))?;
        artifact_of(file, module.file, wit, self.cache, true, None).map_err(|failure| failure.message())
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
    load_text(manifest, None, cache)
}

/// The same, of an application whose manifest says `text` instead of what is in the file.
pub fn load_text(manifest: &Path, text: Option<&str>, cache: Option<Sharing>) -> Result<Checked, Vec<Problem>> {
    let folder = folder_of(manifest);
    let missing = |e: std::io::Error| e.kind() == std::io::ErrorKind::NotFound;
    if manifest.ends_with(MANIFEST) && folder.is_dir() && manifest.symlink_metadata().is_err_and(missing) {
        let message = format!("{}: there is no {MANIFEST} in it", shown(&folder));
        return Err(vec![Problem { code: Code::Unreadable, edge: String::new(), message }]);
    }
    let plan = Plan::load_text(manifest, text, &Compiled { cache })?;
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

/// What is wrong, each on a line.
pub fn refused(problems: &[Problem]) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::with_status(status(problems), lines.join("\nbailiwick: "))
}

/// The status of what is wrong, for each command alike: 1 if something can't be read or compiled, so that nobody knows
/// whether it would be refused; 3 if anything is.
fn status<'a>(problems: impl IntoIterator<Item = &'a Problem>) -> u8 {
    let unknown = |problem: &Problem| matches!(problem.code, Code::Unreadable | Code::Module);
    if problems.into_iter().all(unknown) { 1 } else { 3 }
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
if something is refused, 1 if something can't be read or compiled.")]
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
    /// Checks; status 3 if anything is refused, 1 if something can't be read.
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
        let wrong: Vec<&Problem> = problems.iter().filter(|p| self.strict || !p.code.is_warning()).collect();
        if self.json {
            let shown: Vec<Value> = problems
                .iter()
                .map(|p| json!({"code": p.code.name(), "edge": p.edge, "message": p.message, "warning": p.code.is_warning()}))
                .collect();
            print(&format!(
                "{}\n",
                json!({"ok": wrong.is_empty(), "instances": instances, "imports": imports, "problems": shown})
            ))?;
        } else {
            for problem in &problems {
                print(&format!("{problem}\n"))?;
            }
            if wrong.is_empty() {
                let (instances, imports) = (counted(instances, "instance"), counted(imports, "import"));
                print(&format!("{}: ok: {instances}, {imports}\n", shown(&manifest)))?;
            }
        }
        Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(status(wrong)) })
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
            [instance] => vec![find(plan, instance, &manifest, |folder| format!("explain {folder}"))?],
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
    /// Where to write it, instead of standard output (-)
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
            Some(file) if file.as_os_str() == "-" => print(&drawn),
            Some(file) => {
                spare("-o", &file, plan)?;
                write_file(&file, inert(&drawn).as_bytes()).map(|()| ExitCode::SUCCESS)
            }
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
  bailiwick why wallet extract         a function that it imports

Rights of folders: list read write create delete rename link symlink times. Exit status 2 if that is
nothing that can be asked about.")]
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
        let id = find(plan, instance, &manifest, |folder| format!("why {folder} INSTANCE {what}"))?;
        let question = why::Question::parse(what, wiring, id).map_err(|e| Failure::usage(inert(&e)))?;
        let answer = why::answer(plan, wiring, id, &question);
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
it is granted. From then on `check` and `run` refuse an application that differs; `diff` shows how.

A lock that is there already is written anew if nothing can do more than it says; if something can,
exit status 3: look at `diff`, and take it with `diff --accept` or --force.")]
pub struct Lock {
    /// The application's manifest, or its folder
    #[arg(value_name = "APP.toml")]
    app: Option<PathBuf>,
    /// Where to write it, instead of beside the manifest; - for standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write it although something can do more than the lock that is there says
    #[arg(long)]
    force: bool,
}

impl Lock {
    /// Writes the lock.
    pub fn execute(self) -> Result<ExitCode, Failure> {
        let manifest = manifest(self.app.as_deref());
        let checked = load(&manifest, Some(Sharing::Mapped)).map_err(|problems| refused(&problems))?;
        let now = lock::lock(&checked.plan, &checked.wiring);
        let file = match &self.output {
            Some(file) if file.as_os_str() == "-" => return print(&lock_text(&now)),
            Some(file) => file.clone(),
            None => manifest.with_file_name(lock::FILE),
        };
        let before = match earlier_lock(&file) {
            Ok(before) => before,
            // What is written to elsewhere need be no lock.
            Err(_) if self.force || self.output.is_some() => None,
            Err(failure) => return Err(failure),
        };
        if let Some(before) = before.as_ref().filter(|_| !self.force) {
            let mut more = diff::diff(before, &now);
            more.retain(|change| change.class.is_breaking());
            if !more.is_empty() {
                let most = more.len().min(MAX_NAMED);
                return Err(Failure::refused(format!(
                    "{}: what there is now differs from what it has, and somebody has to accept that: look at `bailiwick diff`, then take it with `bailiwick diff --accept`, or `bailiwick lock --force`\n{}{}",
                    shown(&file),
                    diff::text(&more[..most]).trim_end(),
                    if more.len() > most { format!("\n  and {} more", more.len() - most) } else { String::new() },
                )));
            }
        }
        write_lock(&file, &lock_text(&now), Some(&checked.plan))?;
        say_locked(&file, before.as_ref(), &now);
        Ok(ExitCode::SUCCESS)
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
marked with !, exit status 3 until they are accepted. ? marks other code under the same version, with
exit status 3 too: ask whoever made it first.")]
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
        let (now, plan) = side(&new)?;
        let (before, _) = side(&old)?;
        let changes = diff::diff(&before, &now);
        if self.json {
            print(&format!("{}\n", diff::json(&changes)))?;
        } else {
            print(&diff::text(&changes))?;
        }
        if self.accept {
            let file = new.with_file_name(lock::FILE);
            let known = earlier_lock(&file).ok().flatten();
            write_lock(&file, &lock_text(&now), plan.as_ref())?;
            say_locked(&file, known.as_ref(), &now);
            return Ok(ExitCode::SUCCESS);
        }
        let breaking = changes.iter().any(|change| change.class.is_breaking());
        Ok(if breaking { ExitCode::from(3) } else { ExitCode::SUCCESS })
    }
}

/// One side of a comparison: a lock as it is, or the lock of an application, and that.
fn side(path: &Path) -> Result<(Value, Option<Plan>), Failure> {
    let path = manifest(Some(path));
    if path.extension().is_some_and(|e| e == "toml") {
        let checked = load(&path, Some(Sharing::Mapped)).map_err(|problems| refused(&problems))?;
        return Ok((lock::lock(&checked.plan, &checked.wiring), Some(checked.plan)));
    }
    Ok((read_lock(&path)?, None))
}

/// The lock that is there: none if there is no file, or one of an earlier version, which can't be compared.
fn earlier_lock(file: &Path) -> Result<Option<Value>, Failure> {
    if file.symlink_metadata().is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
        return Ok(None);
    }
    match read_lock_of(file)? {
        (version, _) if version < lock::VERSION => Ok(None),
        (_, lock) => Ok(Some(lock)),
    }
}

/// Says on standard error what was written, and what is trusted by it that was not.
fn say_locked(file: &Path, before: Option<&Value>, now: &Value) {
    let count = now.get("instances").and_then(Value::as_object).map_or(0, serde_json::Map::len);
    let what = match before {
        None => "written",
        Some(before) if before == now => "written, as it was",
        Some(_) => "written anew",
    };
    say(&format!("{}: {what}: {}", shown(file), counted(count, "instance")));
    let trusted = lock::newly_trusted(before, now);
    for (path, module, hash) in trusted.iter().take(MAX_NAMED) {
        let module = if module.is_empty() { String::new() } else { format!(", module {module}") };
        say(&format!(
            "{}: it now trusts machine code, which nothing confines but whoever made it: {path}{module}, sha256 {hash}",
            shown(file)
        ));
    }
    if trusted.len() > MAX_NAMED {
        say(&format!("{}: and {} more modules of machine code", shown(file), trusted.len() - MAX_NAMED));
    }
}

/// So many of something.
fn counted(count: usize, of: &str) -> String {
    if count == 1 { format!("1 {of}") } else { format!("{count} {of}s") }
}

/// Refuses to write to a file that the application is made of.
pub fn spare(option: &str, file: &Path, plan: &Plan) -> Result<(), Failure> {
    match surroundings::parts_at(plan, file).first() {
        Some(of) => Err(overwrites(option, file, of)),
        None => Ok(()),
    }
}

/// Writes a lock: not over anything else that the application is made of.
fn write_lock(file: &Path, text: &str, plan: Option<&Plan>) -> Result<(), Failure> {
    let parts = plan.map(|plan| surroundings::parts_at(plan, file)).unwrap_or_default();
    match parts.into_iter().find(|&part| part != surroundings::LOCK) {
        Some(of) => Err(overwrites("the lock", file, of)),
        None => write_file(file, text.as_bytes()),
    }
}

fn overwrites(what: &str, file: &Path, of: &str) -> Failure {
    let code = Code::Overwrite.name();
    Failure::refused(format!("{code}: {what}: {} is {of}, which this would overwrite; name another file", shown(file)))
}

fn read_lock(file: &Path) -> Result<Value, Failure> {
    match read_lock_of(file)? {
        (lock::VERSION, lock) => Ok(lock),
        (old, _) => Err(Failure::new(format!(
            "{}: written by an earlier version of bailiwick, which locked less (lock version {old}, now {}): look at what there is with `bailiwick explain`, then write it anew with `bailiwick lock`",
            shown(file),
            lock::VERSION
        ))),
    }
}

/// A lock of this version or an earlier one, and which.
fn read_lock_of(file: &Path) -> Result<(u64, Value), Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::new(format!("{}: {e}", shown(file)));
    let text = read_text(file, MAX_LOCK_BYTES).map_err(|e| failed(&e))?;
    let lock: Value = serde_json::from_str(&text).map_err(|e| failed(&e))?;
    match lock.get("bailiwick_lock").and_then(Value::as_u64) {
        Some(version) if version <= lock::VERSION => Ok((version, lock)),
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

/// The instance that is meant; `asked` is how to ask about the application in a folder.
fn find(plan: &Plan, instance: &str, manifest: &Path, asked: impl Fn(&str) -> String) -> Result<NodeId, Failure> {
    plan.find(instance).ok_or_else(|| {
        let all = || plan.iter().map(|(_, node)| node.path.as_str());
        let ends = |path: &&str| path.strip_suffix(instance).is_some_and(|front| front.ends_with('/'));
        let (said, paths): (_, Vec<&str>) = match all().filter(ends).count() {
            0 => (format!("there is no instance {instance:?} in {}; there are: ", shown(manifest)), all().collect()),
            _ => {
                (format!("several instances end in {instance:?}; say more of the path: "), all().filter(ends).collect())
            }
        };
        let more = paths.len().saturating_sub(MAX_NAMED);
        let named = paths.iter().take(MAX_NAMED).copied().collect::<Vec<_>>().join(", ");
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        // A folder of that name without a slash behind it is taken for an instance.
        let folder = if Path::new(instance).join(MANIFEST).exists() {
            format!("; for the application in the folder {instance}: {}", asked(&format!("{instance}/")))
        } else {
            String::new()
        };
        Failure::new(format!("{said}{named}{more}{folder}"))
    })
}

/// Says on standard error what is suspicious, if a person is there to read it.
pub fn note_warnings(checked: &Checked) {
    if std::io::stderr().is_terminal() {
        for warning in checked.warnings() {
            say(&format!("warning: {warning}"));
        }
    }
}
