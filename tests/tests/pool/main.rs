//! Groups that are used again: no tenant sees anything of an earlier one, and none can do anything to a later one.
//!
//! Each kind of state is changed in one lease by whatever can change it, and looked at in the next by whatever can see it: the
//! host, and a guest that reads all that it can. It is held against a group that nobody has used. All of that is done by each
//! way in which a pool cleans.

#[path = "../common/mod.rs"]
mod common;

mod ends;
mod handles;
mod interrupts;
mod limits;
mod memories;
mod modules;
mod random;
mod references;
mod starts;
mod tables;

use bailiwick_loader::{Artifact, Error, Extern, Group, GroupConfig, Imports, Instance, Pool, PoolConfig, Pooled, Val};

/// A way to clean, by what it is called.
type Way = (&'static str, PoolConfig);

/// Each way to clean; of the one group that there is, so that the next tenant is in the same place as the one before.
fn ways() -> Vec<Way> {
    let way = |name, compare: usize, keep: usize, ask_kernel: bool, cleaner: bool| {
        let mut config = PoolConfig::default();
        (config.max_groups, config.max_idle) = (1, 1);
        (config.compare, config.keep, config.ask_kernel, config.cleaner) = (compare, keep, ask_kernel, cleaner);
        (name, config)
    };
    vec![
        way("compared", 64 << 20, 1 << 20, true, false),
        way("by default", 256 << 10, 1 << 20, true, false),
        way("asked for", 0, 1 << 20, true, false),
        way("asked for and given back", 0, 0, true, false),
        way("mapped anew", 0, 1 << 20, false, false),
        way("by a thread", 0, 1 << 20, true, true),
    ]
}

/// A lease, waiting for the pool's thread if that has the only group.
#[track_caller]
fn acquire(pool: &Pool) -> Pooled {
    for _ in 0..60_000 {
        match pool.acquire() {
            Ok(lease) => return lease,
            Err(Error::Limit { .. }) => std::thread::sleep(std::time::Duration::from_millis(1)),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the only group did not come back");
}

fn pool_of(artifact: &Artifact, imports: &Imports, config: &PoolConfig) -> Pool {
    Pool::new(artifact, imports, GroupConfig::default(), config.clone()).expect("a pool")
}

fn call(group: &mut Group, instance: Instance, name: &str, arguments: &[Val]) -> Result<Vec<Val>, Error> {
    instance.func(group, name)?.call(group, arguments)
}

/// Everything of an instance that the host can read, in words: what references are is said, not where.
fn seen(group: &mut Group, instance: Instance, artifact: &Artifact) -> Vec<String> {
    let view = artifact.view();
    let names: Vec<String> = view.exports().iter().map(|e| view.string(e.name).unwrap().to_owned()).collect();
    let mut seen = Vec::new();
    for name in names {
        let is = match instance.export(group, &name).unwrap().unwrap() {
            Extern::Func(_) | Extern::Tag(_) => continue,
            Extern::Global(global) => value(global.get(group).unwrap()),
            Extern::Table(table) => {
                let len = table.ty(group).unwrap().minimum;
                let elements = (0..len).map(|i| value(table.get(group, i).unwrap())).collect::<Vec<_>>();
                format!("{len} elements: {}", runs(&elements))
            }
            Extern::Memory(memory) => {
                let bytes = memory.bytes(group).unwrap();
                let first = bytes.iter().enumerate().filter(|&(_, &b)| b != 0).take(40).collect::<Vec<_>>();
                format!("{} bytes, hash {:x}, first {first:?}", bytes.len(), hash(bytes))
            }
        };
        seen.push(format!("{name}: {is}"));
    }
    seen
}

/// Equal neighbours once, with how many they are.
fn runs(items: &[String]) -> String {
    let runs = items.chunk_by(|a, b| a == b).map(|run| format!("{} × {}", run.len(), run[0]));
    runs.collect::<Vec<_>>().join(", ")
}

fn value(value: Val) -> String {
    match value {
        Val::FuncRef(Some(_)) | Val::ExnRef(Some(_)) => format!("some {}", value.ty()),
        other => format!("{other:?}"),
    }
}

fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// Does `change` in one lease after another of a module's only group, in each way, and holds what each begins with against a
/// group that was never used.
#[track_caller]
fn leaves_nothing(artifact: &Artifact, imports: &Imports, change: impl Fn(&mut Group, Instance, usize)) {
    let mut fresh = Group::new().unwrap();
    let instance = fresh.instantiate(artifact, imports).unwrap();
    let expected = seen(&mut fresh, instance, artifact);
    // A change that changes nothing would show nothing.
    change(&mut fresh, instance, 0);
    assert_ne!(seen(&mut fresh, instance, artifact), expected, "nothing was changed");
    for (way, config) in ways() {
        let pool = pool_of(artifact, imports, &config);
        for round in 0..4 {
            let mut lease = acquire(&pool);
            let instance = lease.instance();
            assert_eq!(seen(&mut lease, instance, artifact), expected, "{way}, round {round}");
            change(&mut lease, instance, round);
        }
        // The same group each time, or nothing was shown.
        assert_eq!((pool.stats().made, pool.stats().dropped), (1, 0), "{way}");
    }
}
