//! `--audit`: every denial as a line of JSON.
//!
//! ```json
//! {"t":"2026-01-31T12:00:00.000000Z","seq":1,"pid":4711,"module":"app.wasm","sha256":"…",
//!  "call":"wasi_snapshot_preview1.path_open","args":{"fd":3,"lookup":1,"path":"../seed.json","oflags":0,…},
//!  "verdict":"deny","errno":"notcapable","rule":"outside"}
//! ```
//! A line is written with one `write` before the guest learns of its denial, and a guest whose denial can't be written
//! down ends: neither a crash nor a full disk hides what it tried. Beyond [`MAX_LINES`] or [`MAX_BYTES`] a line with the
//! verdict `limit` says so, further denials are counted, and a last line with the verdict `omitted` has the counts.
//!
//! A refused import is a line too: its call is the import, its `errno` is null, its rule `not-granted`.
//! With `--preload`, the modules share the authority of the one that was named to run, and denials are told as its.

use super::exit::Failure;
use bailiwick_loader::wasi::{Argument, Denial};
use bailiwick_loader::{Artifact, InterruptHandle};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{Mode, OFlags};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Most denials of one run that have a line each.
const MAX_LINES: u64 = 10_000;

/// Most bytes of one run, but for the lines that say how many denials were left out.
const MAX_BYTES: u64 = 16 << 20;

/// The rule of a refused import.
const NOT_GRANTED: &str = "not-granted";

/// Where the audit is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard error (`-`).
    Stderr,
    /// A file, which is appended to.
    File(PathBuf),
}

impl Target {
    /// `-` or a file.
    pub fn new(text: &OsStr) -> Target {
        if text == "-" { Target::Stderr } else { Target::File(text.into()) }
    }

    /// The file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Target::Stderr => None,
            Target::File(path) => Some(path),
        }
    }
}

/// A file of the host, whatever it is called: device and inode.
pub type Identity = (u64, u64);

/// Whose denials they are.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The file as it was named.
    module: String,
    /// SHA-256 of its WebAssembly, in hexadecimal, as its artifact tells it.
    sha256: String,
}

impl Subject {
    /// The module that `path` named.
    pub fn new(path: &Path, artifact: &Artifact) -> Subject {
        Subject::of_instance(path.to_string_lossy().into_owned(), Some(artifact))
    }

    /// An instance of an application, by its path.
    pub fn of_instance(module: String, artifact: Option<&Artifact>) -> Subject {
        let Some(artifact) = artifact else { return Subject { module, sha256: String::new() } };
        let sha256 = artifact.view().header().source_sha256.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        Subject { module, sha256 }
    }
}

/// An audit that is open. Clones are the same.
#[derive(Clone)]
pub struct Audit {
    log: Arc<Mutex<Log>>,
}

struct Log {
    file: File,
    /// For messages.
    name: String,
    /// If it is a regular file.
    identity: Option<Identity>,
    /// Lines written so far.
    lines: u64,
    /// And their bytes.
    bytes: u64,
    /// Denials without a line, by call and rule.
    omitted: BTreeMap<(String, &'static str), u64>,
    failure: Option<io::Error>,
}

impl Audit {
    /// Opens it for a guest that has folders to write to, or has none. That none of them leads to the file is the caller's
    /// to check first; and then that no stream does, by [`Audit::identity`].
    ///
    /// # Errors
    /// If it can't be written to, or may have another name in such a folder.
    pub fn open(target: &Target, has_folders: bool) -> Result<Audit, Failure> {
        let (name, opened) = match target {
            Target::Stderr => ("standard error".to_owned(), io::stderr().as_fd().try_clone_to_owned().map(File::from)),
            Target::File(path) => (path.display().to_string(), open(path)),
        };
        let failed = |e: io::Error| Failure::new(format!("--audit {name}: {e}"));
        let mut file = opened.map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let mut identity = None;
        if let Target::File(path) = target
            && metadata.is_file()
        {
            identity = Some((metadata.dev(), metadata.ino()));
            if has_folders && metadata.nlink() > 1 {
                return Err(Failure::refused(format!(
                    "--audit {name}: the file has other names (hard links), which may lie in a folder that the guest writes to"
                )));
            }
            end_line(&mut file, path, metadata.len()).map_err(failed)?;
        }
        let log = Log { file, name, identity, lines: 0, bytes: 0, omitted: BTreeMap::new(), failure: None };
        Ok(Audit { log: Arc::new(Mutex::new(log)) })
    }

    /// Which file it is, if it was named and is a regular one.
    pub fn identity(&self) -> Option<Identity> {
        self.locked().identity
    }

    /// What is told of denials. If one can't be written down, it ends the guest by `guest`.
    pub fn auditor(&self, subject: Subject, guest: InterruptHandle) -> impl FnMut(&Denial<'_>) + Send + use<> {
        let audit = self.clone();
        move |denial| {
            if !audit.denied(&subject, denial) {
                // Should not all of it succeed, the call that was denied does not return all the same.
                let _ = guest.interrupt();
            }
        }
    }

    /// Writes down a denial; false if it could not be.
    pub fn denied(&self, subject: &Subject, denial: &Denial<'_>) -> bool {
        let call = format!("{}.{}", denial.module, denial.function);
        let errno = quoted(&denial.errno.name().to_ascii_lowercase());
        let mut log = self.locked();
        log.denied(subject, &call, &arguments(denial.arguments), (&errno, denial.why), denial.rule.name());
        log.failure.is_none()
    }

    /// Writes down that an import was refused.
    pub fn refused_import(&self, subject: &Subject, module: &str, name: &str) {
        self.locked().denied(subject, &format!("{module}.{name}"), "{}", ("null", None), NOT_GRANTED);
    }

    /// Ends it: how many denials have no line.
    ///
    /// # Errors
    /// If a line could not be written, now or before.
    pub fn close(&self, subject: &Subject) -> Result<(), Failure> {
        let mut log = self.locked();
        log.count_omitted(subject);
        match log.failure.take() {
            None => Ok(()),
            Some(e) => Err(Failure::new(format!(
                "--audit {}: can't write: {e}; the guest was not to go on without, and was ended",
                log.name
            ))),
        }
    }

    fn locked(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    /// `arguments` and `errno` are JSON.
    fn denied(
        &mut self,
        subject: &Subject,
        call: &str,
        arguments: &str,
        (errno, why): (&str, Option<&str>),
        rule: &'static str,
    ) {
        if self.lines < MAX_LINES && self.bytes < MAX_BYTES {
            let call = quoted(call);
            self.line(
                subject,
                &format!(
                    r#""call":{call},"args":{arguments},"verdict":"deny","errno":{errno},"rule":{}{}"#,
                    quoted(rule),
                    why.map_or_else(String::new, |why| format!(r#","why":{}"#, quoted(why)))
                ),
            );
            return;
        }
        if self.omitted.is_empty() {
            self.line(subject, r#""verdict":"limit","note":"further denials are counted, not listed""#);
        }
        *self.omitted.entry((call.to_owned(), rule)).or_default() += 1;
    }

    fn count_omitted(&mut self, subject: &Subject) {
        if self.omitted.is_empty() {
            return;
        }
        let omitted = std::mem::take(&mut self.omitted);
        let of = |((call, rule), count): (&(String, &str), &u64)| {
            format!(r#"{{"call":{},"rule":{},"count":{count}}}"#, quoted(call), quoted(rule))
        };
        let (all, each) = (omitted.values().sum::<u64>(), omitted.iter().map(of).collect::<Vec<_>>().join(","));
        self.line(subject, &format!(r#""verdict":"omitted","count":{all},"calls":[{each}]"#));
    }

    /// Writes a line that ends with `fields`, unless writing has failed before.
    fn line(&mut self, subject: &Subject, fields: &str) {
        if self.failure.is_some() {
            return;
        }
        self.lines += 1;
        let mut line = String::from(r#"{"t":""#);
        // A clock beyond the year 9999 has no such form.
        let _ = write!(line, "{}", humantime::format_rfc3339_micros(SystemTime::now()));
        let (seq, pid) = (self.lines, std::process::id());
        let (module, sha256) = (quoted(&subject.module), quoted(&subject.sha256));
        let _ = writeln!(line, r#"","seq":{seq},"pid":{pid},"module":{module},"sha256":{sha256},{fields}}}"#);
        self.bytes += line.len() as u64;
        self.failure = write(&self.file, line.as_bytes()).err();
    }
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(rustix::fs::open(path, flags, Mode::from_raw_mode(0o666))?.into())
}

/// Ends a line that a full disk cut off, so that the next one stands alone. A file that can't be read is left as it is.
fn end_line(file: &mut File, path: &Path, len: u64) -> io::Result<()> {
    let mut last = [b'\n'];
    if let (Some(at), Ok(reader)) = (len.checked_sub(1), File::open(path)) {
        let _ = reader.read_at(&mut last, at);
    }
    if last == *b"\n" { Ok(()) } else { write(file, b"\n") }
}

/// Writes without the signal that ends a program whose reader has gone away: between the look at the pipe and the write it
/// may go, and what it misses is to be told.
fn without_signal(write: impl FnOnce() -> rustix::io::Result<usize>) -> rustix::io::Result<usize> {
    // SAFETY: the sets are plain, and initialised before they are used. The signal of a write is its own thread's: it stays
    // pending while it is blocked, and is taken away before the mask is as it was. None was pending before, as none is ever
    // blocked here otherwise.
    unsafe {
        let (mut pipe, mut before): (libc::sigset_t, libc::sigset_t) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigemptyset(&mut pipe);
        libc::sigaddset(&mut pipe, libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, &pipe, &mut before);
        let written = write();
        if written == Err(rustix::io::Errno::PIPE) {
            let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            libc::sigtimedwait(&pipe, std::ptr::null_mut(), &at_once);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
        written
    }
}

/// Writes all of it; waits for a slow reader. One that has gone is an error, and not the signal that ends a process.
fn write(file: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let mut ready = [PollFd::new(file, PollFlags::OUT)];
        rustix::io::retry_on_intr(|| rustix::event::poll(&mut ready, None))?;
        if ready[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        match without_signal(|| rustix::io::write(file, bytes)) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            // Somebody who shares a pipe may have made it so that it does not wait.
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// Arguments of a call as a JSON object, in the order of its signature.
fn arguments(arguments: &[(&'static str, Argument)]) -> String {
    let fields = arguments.iter().map(|(name, argument)| match argument {
        Argument::Number(number) => format!("{}:{number}", quoted(name)),
        Argument::Path(path) => format!("{}:{}", quoted(name), quoted(path)),
    });
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

/// A JSON string in ASCII without control characters: whatever a guest puts into it ends no line, and does nothing to a
/// terminal.
fn quoted(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            ' '..='~' => json.push(c),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                let _ = write!(json, "\\u{unit:04x}");
            }),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        Subject { module: "app.wasm".to_owned(), sha256: "9f".to_owned() }
    }

    fn audit(name: &str) -> (Audit, PathBuf) {
        let path = std::env::temp_dir().join(format!("bailiwick-audit-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        (Audit::open(&Target::File(path.clone()), false).unwrap_or_else(|e| panic!("{e:?}")), path)
    }

    /// The lines, each of which must be JSON; the file is removed.
    fn lines(path: &Path) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(path).unwrap();
        std::fs::remove_file(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_string_is_ascii_whatever_is_in_it_and_reads_back() {
        for text in ["", "plain", "\"\\\"", "a\nb\r\0", "\u{1b}[2J\u{9b}2J\u{7f}", "ü\u{2028}\u{1f600}", "\u{fffd}"] {
            let json = quoted(text);
            assert!(json.chars().all(|c| (' '..='~').contains(&c)), "{json}");
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }

    #[test]
    fn arguments_stand_in_the_order_of_the_signature() {
        let (fd, path) = (("fd", Argument::Number(3)), ("path", Argument::Path("\"}\n".to_owned())));
        assert_eq!(arguments(&[fd, path, ("buf", Argument::Number(9))]), r#"{"fd":3,"path":"\"}\u000a","buf":9}"#);
        assert_eq!(arguments(&[]), "{}");
    }

    #[test]
    fn a_flood_is_counted_and_not_written() {
        let (audit, path) = audit("flood");
        for i in 0..MAX_LINES + 100 {
            let rule = if i % 2 == 0 { "outside" } else { "grant" };
            audit.locked().denied(&subject(), "wasi.path_open", "{}", ("\"notcapable\"", None), rule);
        }
        audit.refused_import(&subject(), "world", "peace");
        audit.close(&subject()).unwrap();
        let lines = lines(&path);
        assert_eq!(lines.len() as u64, MAX_LINES + 2);
        assert!(lines.iter().zip(1..).all(|(line, seq)| line["seq"] == seq && line["module"] == "app.wasm"));
        assert_eq!(lines[MAX_LINES as usize]["verdict"], "limit");
        let last = lines.last().unwrap();
        assert_eq!((&last["verdict"], &last["count"]), (&"omitted".into(), &101.into()));
        let counts = last["calls"].as_array().unwrap().iter().map(|c| (c["rule"].as_str(), c["count"].as_u64()));
        let expected = [(Some("grant"), Some(50)), (Some("outside"), Some(50)), (Some("not-granted"), Some(1))];
        assert_eq!(counts.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn long_lines_end_it_sooner() {
        let (audit, path) = audit("long");
        let arguments = format!("{{\"path\":{}}}", quoted(&"x".repeat(1 << 20)));
        for _ in 0..40 {
            audit.locked().denied(&subject(), "wasi.path_open", &arguments, ("null", None), "outside");
        }
        audit.close(&subject()).unwrap();
        assert!(lines(&path).len() <= 18);
    }

    #[test]
    fn lines_are_appended_and_a_torn_one_stays_alone() {
        let (audit, path) = audit("append");
        audit.refused_import(&subject(), "world", "peace");
        audit.close(&subject()).unwrap();
        write(&open(&path).unwrap(), b"{\"t\":\"20").unwrap();
        let again = Audit::open(&Target::File(path.clone()), false).unwrap_or_else(|e| panic!("{e:?}"));
        again.refused_import(&subject(), "world", "war");
        again.close(&subject()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[1], "{\"t\":\"20");
        for (line, call) in [(lines[0], "world.peace"), (lines[2], "world.war")] {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!((&line["call"], &line["errno"], &line["seq"]), (&call.into(), &().into(), &1.into()));
        }
    }

    #[test]
    fn what_can_not_be_written_is_an_error_once() {
        let full = Target::File("/dev/full".into());
        let audit = Audit::open(&full, false).unwrap_or_else(|e| panic!("{e:?}"));
        audit.refused_import(&subject(), "world", "peace");
        audit.refused_import(&subject(), "world", "peace");
        assert!(audit.close(&subject()).is_err());
        assert!(audit.close(&subject()).is_ok());
    }
}
