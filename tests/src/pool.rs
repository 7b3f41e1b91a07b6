//! Runs scripts on all cores, each with a time limit.

use crate::script::{self, Failure, Outcome, Script};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Stack of a worker in bytes: the text parser recurses.
const STACK_SIZE: usize = 64 << 20;

enum Message {
    Begun { script: usize, line: Arc<AtomicUsize> },
    Done { script: usize, outcome: Outcome },
}

struct Shared {
    scripts: Vec<Script>,
    /// Indices of `scripts`, in the order of work.
    order: Vec<usize>,
    next: AtomicUsize,
    sender: Mutex<Sender<Message>>,
}

/// Runs all scripts on `workers` threads and calls `done` as each is. A script that takes longer than `limit` fails, and
/// its thread is left behind, so the caller should end the process soon.
pub fn run(scripts: Vec<Script>, workers: usize, limit: Duration, mut done: impl FnMut(&Script, Outcome)) {
    let mut order: Vec<usize> = (0..scripts.len()).collect();
    // The longest first, so that none is left to a single thread at the end.
    order.sort_by_key(|&i| std::cmp::Reverse(scripts[i].text.len()));
    let (sender, receiver) = channel();
    let shared = Arc::new(Shared { scripts, order, next: AtomicUsize::new(0), sender: Mutex::new(sender) });
    for _ in 0..workers.clamp(1, shared.scripts.len().max(1)) {
        work(shared.clone());
    }
    watch(&shared, &receiver, limit, &mut done);
}

fn work(shared: Arc<Shared>) {
    let sender = shared.sender.lock().unwrap_or_else(|e| e.into_inner()).clone();
    let worker = move || {
        while let Some(&script) = shared.order.get(shared.next.fetch_add(1, Ordering::Relaxed)) {
            let line = Arc::new(AtomicUsize::new(0));
            let _ = sender.send(Message::Begun { script, line: line.clone() });
            let run = || script::run(&shared.scripts[script], &line);
            let outcome = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
                let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
                let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
                failed(line.load(Ordering::Relaxed), format!("panic: {text}"))
            });
            let _ = sender.send(Message::Done { script, outcome });
        }
    };
    std::thread::Builder::new().stack_size(STACK_SIZE).spawn(worker).expect("a thread");
}

fn failed(line: usize, what: String) -> Outcome {
    Outcome { failures: vec![Failure { line, what }], ..Outcome::default() }
}

fn watch(shared: &Arc<Shared>, receiver: &Receiver<Message>, limit: Duration, done: &mut impl FnMut(&Script, Outcome)) {
    let mut running: HashMap<usize, (Instant, Arc<AtomicUsize>)> = HashMap::new();
    let mut left = shared.scripts.len();
    while left > 0 {
        match receiver.recv_timeout(Duration::from_millis(200)) {
            Ok(Message::Begun { script, line }) => {
                running.insert(script, (Instant::now(), line));
            }
            // One that is not running was given up before.
            Ok(Message::Done { script, outcome }) if running.remove(&script).is_some() => {
                left -= 1;
                done(&shared.scripts[script], outcome);
            }
            Ok(Message::Done { .. }) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let late: Vec<usize> =
            running.iter().filter(|(_, (begun, _))| begun.elapsed() > limit).map(|(&s, _)| s).collect();
        for script in late {
            let Some((_, line)) = running.remove(&script) else { continue };
            let what = format!("still running after {} s", limit.as_secs());
            left -= 1;
            done(&shared.scripts[script], failed(line.load(Ordering::Relaxed), what));
            // In place of the one that hangs.
            work(shared.clone());
        }
    }
}
