//! Which function a guest's time goes to. A timer of the process's own CPU time interrupts it some hundred times a second,
//! and the signal's handler notes where it was. The kernel's tick sets the resolution: what took less than a few samples
//! is not told from nothing.

#[cfg(target_arch = "aarch64")]
#[path = "aarch64.rs"]
mod arch;
#[cfg(target_arch = "x86_64")]
#[path = "x86_64.rs"]
mod arch;

use super::variant::{STUBS, name_of};
use bailiwick_loader::Artifact;
use bailiwick_runtime_abi::format::TextKind;
use std::collections::HashMap;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Most samples of one measurement.
const MOST: usize = 1 << 14;
/// Microseconds between two, if the kernel is that fine.
const INTERVAL: libc::suseconds_t = 1000;
/// How long is sampled.
const LONG: Duration = Duration::from_millis(1500);

/// Where the process was. The handler writes, and only while the timer runs.
static PLACES: [AtomicUsize; MOST] = [const { AtomicUsize::new(0) }; MOST];
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// How many samples fell into each function.
#[derive(Debug, Default)]
pub struct Samples {
    pub by_function: HashMap<String, usize>,
    /// In code of the module.
    pub inside: usize,
    /// In the host: system calls, the loader.
    pub outside: usize,
}

/// Runs something again and again, and looks where it is.
pub fn sample(artifact: &Artifact, mut once: impl FnMut() -> Result<(), String>) -> Result<Samples, String> {
    TAKEN.store(0, Ordering::Relaxed);
    install()?;
    timer(INTERVAL)?;
    let begin = Instant::now();
    let mut done = Ok(());
    while done.is_ok() && begin.elapsed() < LONG && TAKEN.load(Ordering::Relaxed) < MOST {
        done = once();
    }
    timer(0)?;
    done?;
    let count = TAKEN.load(Ordering::Relaxed).min(MOST);
    let places = PLACES.iter().take(count).map(|place| place.load(Ordering::Relaxed));
    attribute(artifact, places)
}

fn attribute(artifact: &Artifact, places: impl Iterator<Item = usize>) -> Result<Samples, String> {
    let view = artifact.view();
    let text = view.text().as_ptr_range();
    let mut samples = Samples::default();
    for place in places {
        let offset = place.checked_sub(text.start.addr()).filter(|_| place < text.end.addr());
        let Some(record) = offset.and_then(|offset| view.text_at(offset as u32)) else {
            samples.outside += 1;
            continue;
        };
        let name = match record.kind == TextKind::Function as u32 {
            true => name_of(artifact, record.index)?,
            false => STUBS.to_owned(),
        };
        *samples.by_function.entry(name).or_default() += 1;
        samples.inside += 1;
    }
    Ok(samples)
}

/// Installs the handler, once for the process. It stays: a signal that is still on its way when the timer is stopped must
/// not end the process.
fn install() -> Result<(), String> {
    static INSTALLED: Once = Once::new();
    let mut result = 0;
    INSTALLED.call_once(|| {
        // SAFETY: the structure is plain; the handler only uses atomics, so that it may run at any place. It runs on the
        // alternate stack that the loader gives to each thread that enters a guest, because a guest's own may be full.
        result = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
            libc::sigemptyset(&mut action.sa_mask);
            libc::sigaction(libc::SIGPROF, &action, std::ptr::null_mut())
        };
    });
    match result {
        0 => Ok(()),
        _ => Err(format!("sigaction: {}", std::io::Error::last_os_error())),
    }
}

/// Starts the timer, or stops it with 0.
fn timer(microseconds: libc::suseconds_t) -> Result<(), String> {
    let interval = libc::timeval { tv_sec: 0, tv_usec: microseconds };
    let timer = libc::itimerval { it_interval: interval, it_value: interval };
    // SAFETY: the structure is plain, and lives as long as the call.
    match unsafe { libc::setitimer(libc::ITIMER_PROF, &timer, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(format!("setitimer: {}", std::io::Error::last_os_error())),
    }
}

extern "C" fn handler(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: a handler that was installed with SA_SIGINFO gets the interrupted context, which is ours until it returns.
    let place = unsafe { arch::interrupted_at(&*context.cast::<libc::ucontext_t>()) };
    let index = TAKEN.fetch_add(1, Ordering::Relaxed);
    if let Some(slot) = PLACES.get(index) {
        slot.store(place, Ordering::Relaxed);
    }
}
