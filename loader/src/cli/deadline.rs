//! `--timeout`: a thread that ends the guest when its time is over.

use super::exit::Failure;
use bailiwick_loader::{Artifact, InterruptHandle};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Exit status of a guest that was ended, as timeout(1) has it.
const STATUS: i32 = 124;

/// How long a guest may take to reach a poll once it is interrupted. After that it is in a host call that waits, for a
/// sleep or for input, and the process ends under it.
const GRACE: Duration = Duration::from_millis(3);

/// A deadline that runs.
pub struct Deadline {
    done: Sender<()>,
    watchdog: std::thread::JoinHandle<()>,
}

impl Deadline {
    /// Ends the guest, and with it this process, after `timeout`.
    pub fn start(timeout: Duration, path: &Path, handle: InterruptHandle) -> Deadline {
        let path: PathBuf = path.to_owned();
        let (done, finished) = channel();
        let watchdog = std::thread::spawn(move || {
            if finished.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout) {
                // Let what it is writing come to an end, if that is soon.
                // Should that fail, this process ends all the same.
                let _ = handle.interrupt();
                let _ = finished.recv_timeout(GRACE);
                let timeout = humantime::format_duration(timeout);
                let message = format!("bailiwick: {}: ended after {timeout} (--timeout)", path.display());
                // The guest may have filled standard error, or wait in a write to it: that must not keep the process.
                let (said, heard) = channel::<()>();
                let say = move || {
                    let _ = writeln!(std::io::stderr(), "{message}");
                    let _ = said.send(());
                };
                if std::thread::Builder::new().spawn(say).is_ok() {
                    let _ = heard.recv_timeout(GRACE);
                }
                std::process::exit(STATUS);
            }
        });
        Deadline { done, watchdog }
    }

    /// The guest ended by itself. If its time was over already, the watchdog ends the process as it said.
    pub fn finished(self) {
        let _ = self.done.send(());
        let _ = self.watchdog.join();
    }
}

/// Refuses an artifact that could not be ended.
pub fn interruptible(path: &Path, artifact: &Artifact) -> Result<(), Failure> {
    if artifact.interruptible() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{}: compiled with --interruptible=no, so it can't be run with --timeout; compile it again without",
        path.display()
    )))
}
