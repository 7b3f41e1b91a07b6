//! The threads proposal: atomic operators, shared memories, waiting and notifying.

#[path = "../common/mod.rs"]
mod common;
mod operators;
mod racing;
mod scripts;
mod sharing;
mod waiting;

use bailiwick_loader::{Artifact, Group, Imports, MemoryType, SharedMemory};
use bailiwick_tests::compile::artifact;
use bailiwick_tests::guest::Guest;
use std::time::Duration;

/// How soon something happens: 10 ms, where nothing else runs. A machine that is busy with other tests is not held to that,
/// unless `BAILIWICK_TIMING` is set.
fn soon() -> Duration {
    Duration::from_millis(if std::env::var_os("BAILIWICK_TIMING").is_some() { 10 } else { 2000 })
}

/// A shared memory of so many pages, and at most so many.
fn memory(minimum: u64, maximum: u64) -> SharedMemory {
    SharedMemory::new(MemoryType::shared(minimum, maximum)).expect("a shared memory")
}

/// An instance, in a group of its own, of a module that imports `env.memory`.
fn guest(artifact: &Artifact, memory: &SharedMemory) -> Guest {
    let mut imports = Imports::new();
    imports.shared_memory("env", "memory", memory);
    let mut group = Group::new().expect("a group");
    let instance = group.instantiate(artifact, &imports).unwrap_or_else(|e| panic!("{e}"));
    Guest { group, instance }
}

/// Runs `work` on so many threads at once, each with its number and an instance of the same module in a group of its own, all
/// of which have `memory`. What it returns, by number.
fn team<T: Send>(
    wat: &str,
    memory: &SharedMemory,
    count: usize,
    work: impl Fn(usize, &mut Guest) -> T + Sync,
) -> Vec<T> {
    let artifact = artifact(wat);
    let barrier = std::sync::Barrier::new(count);
    std::thread::scope(|scope| {
        let begin = |number| {
            let (artifact, barrier, work) = (&artifact, &barrier, &work);
            scope.spawn(move || {
                let mut guest = guest(artifact, memory);
                barrier.wait();
                work(number, &mut guest)
            })
        };
        let threads: Vec<_> = (0..count).map(begin).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread that does not panic")).collect()
    })
}

/// A number that the memory holds.
fn u32_at(memory: &SharedMemory, address: u64) -> u32 {
    let mut bytes = [0; 4];
    memory.read(address, &mut bytes).expect("an address in the memory");
    u32::from_le_bytes(bytes)
}
