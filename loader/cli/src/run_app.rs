//! `bailiwick run APP.toml`: an application, checked and then run.

use super::app::{self, Checked, load, refused};
use super::audit::{Audit, Subject, Target};
use super::cache::Sharing;
use super::deadline::{Deadline, interruptible};
use super::exit::{ExitCode, Failure};
use super::folders::{guard_host, guard_output};
use super::text::{say, say_line};
use bailiwick_app::cap::{Cap, Stream};
use bailiwick_app::files::tidy;
use bailiwick_app::learn::Learning;
use bailiwick_app::live::{App, AppConfig, AppError, AppInterrupt};
use bailiwick_app::plan::Plan;
use bailiwick_app::surroundings;
use bailiwick_loader::wasi::DirRights;
use bailiwick_loader::{Error, TrapCode};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The manifest, if what was named to run is an application: a manifest, or a folder, which should have one.
pub fn application(path: &Path) -> Option<PathBuf> {
    match path.is_dir() {
        true => Some(tidy(&path.join(app::MANIFEST))),
        false => Some(path.to_owned()).filter(|path| path.extension().is_some_and(|e| e == "toml")),
    }
}

/// What the command line says besides.
pub struct Settings<'a> {
    /// Arguments of the application.
    pub arguments: &'a [OsString],
    /// Where denials are written down.
    pub audit: Option<&'a OsStr>,
    /// How long it may run.
    pub timeout: Option<Duration>,
    /// Whether the cache is used.
    pub cache: bool,
    /// Notes what is used, and ends the application at Ctrl-C.
    pub learning: Option<&'a Learner>,
}

/// What a run is told by whoever learns from it.
#[derive(Debug, Default)]
pub struct Learner {
    /// What was used.
    pub learning: Arc<Learning>,
    /// Ends the application.
    pub interrupt: Arc<OnceLock<AppInterrupt>>,
    /// Whether it ran at all.
    pub ran: AtomicBool,
}

/// Checks and runs an application. The status is the root's.
pub fn run(manifest: &Path, settings: &Settings<'_>) -> Result<ExitCode, Failure> {
    // What guests may write to could have another name for what is mapped: so nothing of it is mapped itself.
    let sharing = settings.cache.then_some(Sharing::Copied);
    let checked = load(manifest, sharing).map_err(|problems| refused(&problems))?;
    run_checked(manifest, &checked, settings)
}

/// Runs an application that was loaded, with no file of it mapped that guests may write to.
pub fn run_checked(manifest: &Path, checked: &Checked, settings: &Settings<'_>) -> Result<ExitCode, Failure> {
    checked.against_lock(manifest)?;
    app::note_warnings(checked);
    let Checked { plan, wiring } = checked;
    let target = settings.audit.map(Target::new);
    guard(plan, target.as_ref().and_then(Target::path))?;
    if settings.timeout.is_some() || plan.nodes.iter().any(|node| node.limits.time.is_some()) {
        for member in plan.nodes.iter().flat_map(|node| &node.members) {
            interruptible(&member.file, &member.artifact)?;
        }
    }
    if target.as_ref().is_some_and(|target| target.path().is_none())
        && plan.host.values().any(|r| prints_errors(&r.cap))
    {
        return Err(Failure::refused(
            "--audit -: standard error is the application's too, which could write lines of its own; name a file",
        ));
    }
    if let Some(file) = target.as_ref().and_then(Target::path) {
        app::spare("--audit", file, plan)?;
    }
    let writable = plan.host.values().any(|resource| changes(&resource.cap));
    let audit = target.map(|target| Audit::open(&target, writable)).transpose()?;
    let interrupt = settings.learning.map_or_else(Arc::default, |learner| Arc::clone(&learner.interrupt));
    let config = AppConfig {
        arguments: settings.arguments.iter().map(|argument| argument.as_bytes().to_vec()).collect(),
        environment: environment(),
        auditor: audit.as_ref().map(|audit| auditor(plan, audit, &interrupt)),
        interpret_edges: false,
        interrupt: Some(Arc::clone(&interrupt)),
        learning: settings.learning.map(|learner| Arc::clone(&learner.learning)),
    };
    let status = |error: AppError| failure(manifest, error);
    // Watched from here on: instances may run code as they are made.
    let deadline = settings.timeout.map(|timeout| {
        Deadline::start(timeout, move || {
            if let Some(interrupt) = interrupt.get() {
                interrupt.interrupt();
            }
        })
    });
    let mut app = match App::link(plan, wiring, &config) {
        Ok(app) => app,
        Err(error) => {
            if let Some(deadline) = deadline {
                deadline.finished(manifest)?;
            }
            return Err(status(error));
        }
    };
    if let Some(learner) = settings.learning {
        learner.ran.store(true, Ordering::Release);
    }
    let result = app.run(plan);
    let root = Subject::of_instance(plan.nodes[0].path.clone(), plan.nodes[0].members.first().map(|m| &m.artifact));
    audit.map_or(Ok(()), |audit| audit.close(&root))?;
    if let Some(deadline) = deadline {
        deadline.finished(manifest)?;
    }
    for (id, death) in app.deaths() {
        say(&format!("note: {} died: {}", plan.node(id).path, death.reason));
        // Where its code was, as for a program.
        for line in death.detail.lines().skip(1) {
            say_line(line);
        }
    }
    match result {
        Ok(status) => Ok(ExitCode::from(status as u8)),
        Err(error) => Err(status(error)),
    }
}

/// The host's environment, of which instances see what they hold.
fn environment() -> BTreeMap<String, Vec<u8>> {
    let mut variables = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        if let Ok(name) = name.into_string() {
            variables.insert(name, value.into_vec());
        }
    }
    variables
}

/// Whether a capability allows for more than looking.
fn changes(cap: &Cap) -> bool {
    matches!(cap, Cap::Dir { grant, .. } if !DirRights::READ_ONLY.contains(grant.rights))
}

/// Whether a capability reaches the host's standard error.
fn prints_errors(cap: &Cap) -> bool {
    matches!(cap, Cap::Stdio { stderr: Stream::Inherit, .. })
}

/// Refuses folders by which the application could change what runs, or what is written down about it.
fn guard(plan: &Plan, audit: Option<&Path>) -> Result<(), Failure> {
    for (name, resource) in plan.host.iter().filter(|(_, resource)| changes(&resource.cap)) {
        let Some(path) = &resource.path else { continue };
        guard_host(&format!("host.{name}"), &plan.folder.join(path), audit)?;
    }
    for (key, file) in surroundings::outputs(plan) {
        guard_output(&key, &file, audit)?;
    }
    Ok(())
}

fn auditor(plan: &Plan, audit: &Audit, interrupt: &Arc<OnceLock<AppInterrupt>>) -> bailiwick_app::live::Auditor {
    let mut subjects: BTreeMap<String, Subject> = BTreeMap::new();
    for node in &plan.nodes {
        let subject = Subject::of_instance(node.path.clone(), node.members.first().map(|member| &member.artifact));
        subjects.insert(node.path.clone(), subject);
    }
    let (audit, interrupt) = (audit.clone(), Arc::clone(interrupt));
    Arc::new(move |path: &str, denial: &bailiwick_loader::wasi::Denial<'_>| {
        let Some(subject) = subjects.get(path) else { return };
        // A denial that can't be written down is the application's end.
        if !audit.denied(subject, denial)
            && let Some(interrupt) = interrupt.get()
        {
            interrupt.interrupt();
        }
    })
}

/// How the application ended, as a status: 134 if the root trapped.
fn failure(manifest: &Path, error: AppError) -> Failure {
    let message = format!("{}: {error}", manifest.display());
    match &error {
        AppError::Instance { source: Error::Trap(trap), .. } if trap.code() == TrapCode::Interrupt => {
            Failure::new(message)
        }
        AppError::Instance { source: Error::Trap(_) | Error::Exception(_), .. } => Failure::with_status(134, message),
        AppError::Resource { .. } | AppError::Grants { .. } => Failure::refused(message),
        _ => Failure::new(message),
    }
}
