//! `bailiwick learn`: runs an application, and writes a manifest that grants what it used beside the one that is enforced.

use super::app::{self, Checked, load_text, refused};
use super::cache::Sharing;
use super::commands;
use super::exit::{ExitCode, Failure};
use super::interrupted;
use super::output::write_file;
use super::run::Run;
use super::run_app::{Learner, Settings, run_checked};
use super::text::{inert, say, say_line};
use bailiwick_app::files::{folder_of, read_text, shown};
use bailiwick_app::learn::{Change, LearnError, Learned, narrow, unexercised};
use bailiwick_app::manifest::MAX_MANIFEST_BYTES;
use clap::ValueHint;
use serde_json::{Value, json};
use std::cell::Cell;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

/// The most lines of what was not exercised.
const MAX_LINES: usize = 200;

/// Arguments of `bailiwick learn`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick learn -- run .                         ./bailiwick.learned.toml, of what ./bailiwick.toml grants
  bailiwick learn -- run app.toml one two          app.learned.toml, of a run with these arguments
  bailiwick learn -o narrow.toml --force -- run .  another file, written anew if it is there
  bailiwick learn --json -- run .                  says on standard error what became less, for programs

What is enforced meanwhile is the manifest as it is, and it is never written to. What is learned is never
wider: what was not used is left out, rights and streams are cut down to what was used. It is what this
version did in this run, malicious or not: look at it before you use it. Paths in it are relative to the
folder of the manifest that it was made of.

Exit status: the application's own if the file was written, 1 if it was not. An application that is ended by
Ctrl-C is learned from as far as it came; a second Ctrl-C ends bailiwick.")]
pub struct Learn {
    /// Where to write it, instead of beside the manifest, as NAME.learned.toml
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// Write it although the file is there
    #[arg(long)]
    force: bool,
    /// Say for programs what became less
    #[arg(long)]
    json: bool,
    /// What is run: `run`, its options, the application's manifest or folder, its arguments
    #[arg(value_name = "run APP.toml [ARGS]", required = true, last = true)]
    command: Vec<OsString>,
}

impl Learn {
    /// Runs and learns. The status is the application's, if the file was written.
    pub fn execute(self) -> Result<ExitCode, Failure> {
        if self.command.first().is_none_or(|first| first != "run") {
            return Err(Failure::usage("what is learned from is a run: bailiwick learn -- run APP.toml [ARGS]"));
        }
        let run = match Run::read(&self.command[1..]) {
            Ok(run) => run,
            Err(ended) => return commands::end(&ended),
        };
        let lesson = Lesson { learn: &self, learner: Learner::default(), said: Cell::new(false) };
        run.learn(&lesson).unwrap_or_else(|| {
            Err(Failure::usage(
                "it learns what an application used of its manifest, so it wants an application's manifest: learn -- run APP.toml; what a module without one is denied, `run --audit FILE` says",
            ))
        })
    }
}

/// A run that is learned from.
pub struct Lesson<'a> {
    learn: &'a Learn,
    learner: Learner,
    said: Cell<bool>,
}

impl Lesson<'_> {
    /// What the run is told.
    pub fn learner(&self) -> &Learner {
        &self.learner
    }

    /// Runs the application, and writes down what was learned.
    pub fn run(&self, manifest: &Path, settings: &Settings<'_>) -> Result<ExitCode, Failure> {
        let text = read_text(manifest, MAX_MANIFEST_BYTES).map_err(|e| unreadable(manifest, &e))?;
        let sharing = settings.cache.then_some(Sharing::Copied);
        let load = |text: &str| load_text(manifest, Some(text), sharing);
        let checked = load(&text).map_err(|problems| refused(&problems))?;
        let output = self.learn.output.clone().unwrap_or_else(|| beside(manifest));
        self.may_write(&output, manifest, &checked)?;

        let (interrupt, started) = (Arc::clone(&self.learner.interrupt), SystemTime::now());
        let end = move || match interrupt.get() {
            Some(interrupt) => drop(interrupt.interrupt()),
            // Nothing runs yet, so there is nothing to learn.
            None => std::process::exit(128 + interrupted::came().unwrap_or(libc::SIGINT)),
        };
        interrupted::on_signal(end).map_err(|e| Failure::new(format!("signals: {e}")))?;
        let ended = run_checked(manifest, &checked, settings);
        if !self.learner.ran.load(Ordering::Acquire) {
            return ended;
        }
        let signal = interrupted::came();
        let partial = signal.is_some() || ended.is_err();
        let learned =
            narrow(&text, &checked.plan, &self.learner.learning, &|text| load(text).map(|checked| checked.plan));
        // Why the application ended is said before what became of the rest.
        let status = match (ended, signal) {
            (_, Some(signal)) => ExitCode::from(128 + signal as u8),
            (Ok(status), None) => status,
            (Err(failure), None) => failure.report(),
        };
        let learned = learned.map_err(|e| not_learned(&e))?;
        let never = unexercised(&checked.plan, &checked.wiring, &self.learner.learning);
        let heading = heading(manifest, settings, started, partial, &never, &learned);
        let text = format!("{heading}\n{}", learned.text);
        // The heading is ours; but what is written is what was checked.
        load(&text).map_err(|problems| not_learned(&LearnError::Problems(problems)))?;
        self.may_write(&output, manifest, &checked)?;
        write_file(&output, text.as_bytes()).map_err(|failure| {
            Failure::new(format!(
                "{}; what was learned is not written: make its folder writable, or name another file with -o",
                failure.message()
            ))
        })?;
        self.say(&output, &learned, &never, partial);
        Ok(status)
    }

    /// Refuses what must not be written to.
    fn may_write(&self, output: &Path, manifest: &Path, checked: &Checked) -> Result<(), Failure> {
        let refuse = |why: &str| Err(Failure::new(format!("{}: {why}", shown(output))));
        if output.as_os_str() == "-" {
            return refuse("standard output is the application's; name a file with -o");
        }
        let identity = |path: &Path| path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()));
        if identity(output).is_some_and(|is| identity(manifest) == Some(is)) {
            return refuse("it is the manifest that is enforced, which is never written to; name another file with -o");
        }
        app::spare("-o", output, &checked.plan)?;
        match output.symlink_metadata() {
            // Before the run: what was learned would be lost with it.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => match folder_of(output).is_dir() {
                true => Ok(()),
                false => refuse("its folder is not there; make it, or name another file with -o"),
            },
            Err(e) => refuse(&e.to_string()),
            Ok(metadata) if !metadata.is_file() => refuse("it is no regular file; name another with -o"),
            Ok(_) if !self.learn.force => refuse("it is there already; --force writes it anew, and -o names another"),
            Ok(_) => Ok(()),
        }
    }

    /// Says what was written.
    fn say(&self, output: &Path, learned: &Learned, never: &[String], partial: bool) {
        if self.said.replace(true) {
            return;
        }
        if self.learn.json {
            let changes: Vec<Value> = learned
                .changes
                .iter()
                .map(|c| json!({"instance": c.instance, "slot": c.slot, "before": c.before, "after": c.after}))
                .collect();
            let file = output.to_string_lossy();
            let said = json!({
                "file": file, "partial": partial, "changes": changes, "left": learned.left, "not_exercised": never,
                "warning": WARNING,
            });
            return say_line(&said.to_string());
        }
        let part = if partial { ", of a run that did not come to its end" } else { "" };
        say(&format!("learned: {}{part}", shown(output)));
        for change in &learned.changes {
            say_line(&format!("  {}", line(change)));
        }
        if learned.changes.is_empty() {
            say_line("  everything that is granted was used");
        }
        say_line(&format!("  warning: {WARNING}"));
    }
}

/// What everybody who reads it should know.
const WARNING: &str = "it is what this version did in this run, malicious or not, and what it did not do is now denied: look before you use it";

fn beside(manifest: &Path) -> PathBuf {
    let mut name = manifest.file_stem().unwrap_or_default().to_owned();
    name.push(".learned.toml");
    manifest.with_file_name(name)
}

fn unreadable(manifest: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("{}: {error}", shown(manifest)))
}

fn not_learned(error: &LearnError) -> Failure {
    Failure::new(error.to_string())
}

fn line(change: &Change) -> String {
    let after = change.after.as_deref().unwrap_or("nothing");
    format!("{}: {}: {} → {after}", change.instance, change.slot, change.before)
}

/// The comment that it begins with.
fn heading(
    manifest: &Path,
    settings: &Settings<'_>,
    started: SystemTime,
    partial: bool,
    never: &[String],
    learned: &Learned,
) -> String {
    let arguments = settings.arguments.iter().map(|argument| format!(" {:?}", argument.to_string_lossy()));
    let mut lines = vec![
        format!("Learned by `bailiwick learn` at {} of one run:", humantime::format_rfc3339_seconds(started)),
        format!("  {}{}", manifest.display(), arguments.collect::<String>()),
    ];
    if partial {
        lines.push("PARTIAL: that run did not come to its end.".to_owned());
    }
    lines.push(format!("Warning: {WARNING}."));
    lines.push("Paths are relative to the folder of the manifest that it was made of.".to_owned());
    lines.push(
        "Names of variables can't be told apart: a program reads all at once. Limits are as they were.".to_owned(),
    );
    if !learned.changes.is_empty() {
        lines.push("Less than there was:".to_owned());
        lines.extend(learned.changes.iter().map(|change| format!("  {}", line(change))));
    }
    for dep in &learned.left {
        lines.push(format!("Left as it was, because it would not check with less: {dep}"));
    }
    if !never.is_empty() {
        lines.push("Not exercised, though their code can reach it:".to_owned());
        lines.extend(never.iter().take(MAX_LINES).map(|line| format!("  {line}")));
        if never.len() > MAX_LINES {
            lines.push(format!("  and {} more", never.len() - MAX_LINES));
        }
    }
    lines.iter().map(|line| format!("# {}\n", inert(line).replace(['\n', '\t'], " "))).collect()
}
