//! Ends guests that wait for what never comes, so that a defect is a test that fails and not one without end.

use bailiwick_loader::InterruptHandle;
use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a guest may live.
const PATIENCE: Duration = Duration::from_secs(180);

/// Those that are watched, by a number of their own, each with its last moment.
static WATCHED: LazyLock<Mutex<BTreeMap<u64, (Instant, InterruptHandle)>>> = LazyLock::new(|| {
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            for (last, handle) in watched().values() {
                if *last < Instant::now() {
                    handle.interrupt().expect("an interrupt");
                }
            }
        }
    });
    Mutex::default()
});

fn watched() -> MutexGuard<'static, BTreeMap<u64, (Instant, InterruptHandle)>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A guest that is watched, as long as this lives.
pub struct Watched(u64);

impl Watched {
    /// Ends the guest of this handle, should it live too long.
    pub fn new(handle: InterruptHandle) -> Watched {
        let mut watched = watched();
        let number = watched.last_key_value().map_or(0, |(last, _)| last + 1);
        watched.insert(number, (Instant::now() + PATIENCE, handle));
        Watched(number)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        watched().remove(&self.0);
    }
}
