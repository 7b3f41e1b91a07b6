//! Random modules do the same here and in an engine that shares no code with the compiler: a bounded run of what the
//! program `fuzz` does for as long as it is told to.
//!
//! `BAILIWICK_DIFFERENTIAL=N` runs N modules instead of the usual number.

use bailiwick_compiler::OptLevel;
use bailiwick_tests::compile::compiler_program;
use bailiwick_tests::fuzz::{CHOICES, Counts, Engine, INSTRUCTIONS, compare, sample, settings};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Modules of an ordinary run. An emulated one compiles each by a process of its own.
fn modules() -> u64 {
    let asked = std::env::var("BAILIWICK_DIFFERENTIAL").ok().and_then(|n| n.parse().ok());
    asked.unwrap_or(if compiler_program().is_some() { 150 } else { 600 })
}

#[test]
fn random_modules_do_the_same_as_in_an_interpreter() {
    let (counts, differences) = (Counts::default(), Mutex::new(Vec::new()));
    let used = Mutex::new(vec![0; CHOICES.len()]);
    let (next, all) = (AtomicU64::new(0), modules());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, |n| n.get()) {
            let work = || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= all {
                        break;
                    }
                    let Some(sample) = sample(seed, INSTRUCTIONS, Engine::Wasmi) else {
                        continue;
                    };
                    for (choice, used) in CHOICES.iter().zip(used.lock().unwrap().iter_mut()) {
                        *used += u64::from(sample.features.contains(choice));
                    }
                    let level = if seed.is_multiple_of(2) { OptLevel::Speed } else { OptLevel::None };
                    if let Err(difference) = compare(&sample, &settings(&sample, level), &counts) {
                        differences.lock().unwrap().push(format!("seed {seed} at -O {level}: {difference}"));
                    }
                }
            };
            std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, work).unwrap();
        }
    });
    let [modules, calls, returned] =
        [&counts.modules, &counts.calls, &counts.returned].map(|count| count.load(Ordering::Relaxed));
    println!("{modules} modules, {calls} calls, of which {returned} returned");
    let differences = differences.into_inner().unwrap();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    // A generator whose modules did nothing would prove nothing.
    assert!(modules > all / 2 && returned > modules / 2, "{modules} modules, {calls} calls, {returned} returned");
    assert!(used.into_inner().unwrap().iter().all(|&used| used > all / 10), "features that were not used");
}
