//! `--timeout`: a thread that ends the guest when its time is over.

use super::exit::Failure;
use bailiwick_loader::Artifact;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Exit status of a guest that was ended, as timeout(1) has it.
const STATUS: u8 = 124;

/// How long this process may take to end once its guest is interrupted. The guest returns at once, computing or waiting;
/// but a disk that does not answer, or a standard error that nobody reads, must not keep the process.
const GRACE: Duration = Duration::from_secs(1);

/// A deadline that runs.
pub struct Deadline {
    timeout: Duration,
    over: Arc<AtomicBool>,
    /// While it is there, the watchdog watches.
    watched: Sender<()>,
}

impl Deadline {
    /// Ends the guest after `timeout`, by `interrupt`, and this process a while later if it is still there.
    pub fn start(timeout: Duration, interrupt: impl FnOnce() + Send + 'static) -> Deadline {
        let (watched, ended) = channel();
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        std::thread::spawn(move || {
            let still_there = |time| ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
            if still_there(timeout) {
                told.store(true, Ordering::Release);
                // Should that fail, this process ends all the same.
                interrupt();
                if still_there(GRACE) {
                    std::process::exit(STATUS.into());
                }
            }
        });
        Deadline { timeout, over, watched }
    }

    /// The guest ended. If its time was over, that is how the run at `path` ends, whatever the guest says.
    pub fn finished(self, path: &Path) -> Result<(), Failure> {
        if !self.over.load(Ordering::Acquire) {
            return Ok(());
        }
        // Saying so is watched as well.
        std::mem::forget(self.watched);
        let timeout = humantime::format_duration(self.timeout);
        Err(Failure::with_status(STATUS, format!("{}: ended after {timeout} (--timeout)", path.display())))
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
