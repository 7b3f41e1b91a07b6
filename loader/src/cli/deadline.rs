//! `--timeout`: a thread that ends the guest when its time is over.

use super::exit::Failure;
use bailiwick_loader::{Artifact, InterruptHandle};
use rustix::event::{PollFd, PollFlags, Timespec};
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
                say(format!("bailiwick: {}: ended after {timeout} (--timeout)\n", path.display()));
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

/// Says it, if standard error takes it at once: the guest may have filled it, or wait in a write to it, and must not keep
/// the process so.
fn say(message: String) {
    let mut stderr = [PollFd::from_borrowed_fd(rustix::stdio::stderr(), PollFlags::OUT)];
    if !rustix::event::poll(&mut stderr, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0) {
        return;
    }
    // The guest's own write may fill it again in between.
    let (said, heard) = channel();
    let write = move || {
        let _ = rustix::io::write(rustix::stdio::stderr(), message.as_bytes());
        let _ = said.send(());
    };
    if std::thread::Builder::new().spawn(write).is_ok() {
        let _ = heard.recv_timeout(Duration::from_secs(1));
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
