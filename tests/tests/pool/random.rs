//! Random modules: a sequence of calls in a group that was used gives what it gives in a new one.

use super::common::times;
use super::{acquire, seen, ways};
use bailiwick_compiler::OptLevel;
use bailiwick_loader::{Artifact, Error, Extern, Group, GroupConfig, Imports, Instance, Pool, Val};
use bailiwick_tests::compile::{compile_with, host};
use bailiwick_tests::fuzz::{Engine, INSTRUCTIONS, Random, sample, settings};

/// How a call ended, without where: handles differ.
fn told(result: Result<Vec<Val>, Error>) -> String {
    match result {
        Ok(values) => format!("{:?}", values.into_iter().map(super::value).collect::<Vec<_>>()),
        Err(Error::Exception(exception)) => format!("exception of {} values", exception.values().len()),
        Err(error) => match error.trap_code() {
            Some(code) => format!("{code:?}"),
            None => error.to_string(),
        },
    }
}

/// Calls everything in turn, with arguments that are the same each time, and looks at everything.
fn trace(group: &mut Group, instance: Instance, artifact: &Artifact, seed: u64) -> Vec<String> {
    let mut random = Random::new(seed | 1);
    let view = artifact.view();
    let names: Vec<String> = view.exports().iter().map(|e| view.string(e.name).unwrap().to_owned()).collect();
    let mut trace = seen(group, instance, artifact);
    for _ in 0..2 {
        for name in &names {
            let Some(Extern::Func(func)) = instance.export(group, name).unwrap() else { continue };
            let ty = func.ty(group).unwrap();
            let Some(arguments) = ty.params().iter().map(|&ty| random.value(ty)).collect::<Option<Vec<Val>>>() else {
                continue;
            };
            trace.push(format!("{name}: {}", told(func.call(group, &arguments))));
        }
        trace.extend(seen(group, instance, artifact));
    }
    trace
}

/// Changes whatever the host can change; whether there was anything.
fn disturb(group: &mut Group, instance: Instance, artifact: &Artifact, seed: u64) -> bool {
    let mut random = Random::new(seed | 1);
    let view = artifact.view();
    let names: Vec<String> = view.exports().iter().map(|e| view.string(e.name).unwrap().to_owned()).collect();
    let before = seen(group, instance, artifact);
    for name in &names {
        match instance.export(group, name).unwrap().unwrap() {
            Extern::Memory(memory) => {
                if random.one_in(3) {
                    memory.grow(group, 1).unwrap();
                }
                let bytes = memory.bytes(group).unwrap();
                for _ in 0..bytes.len().min(20) {
                    bytes[random.number() as usize % bytes.len()] = random.number() as u8;
                }
            }
            Extern::Global(global) => {
                let ty = global.ty(group).unwrap();
                if ty.mutable
                    && let Some(value) = random.value(ty.value)
                {
                    global.set(group, value).unwrap();
                }
            }
            Extern::Table(table) => {
                let ty = table.ty(group).unwrap();
                if let Some(value) = random.value(ty.element) {
                    if ty.minimum > 0 {
                        table.set(group, random.number() % ty.minimum, value).unwrap();
                    }
                    table.grow(group, 2, value).unwrap();
                }
            }
            Extern::Func(_) | Extern::Tag(_) => {}
        }
    }
    seen(group, instance, artifact) != before
}

#[test]
fn a_group_that_was_used_does_what_a_new_one_does() {
    let (mut pools, mut changed) = (0, 0);
    for seed in 0..times(250, 25) as u64 {
        let Some(sample) = sample(seed, INSTRUCTIONS, Engine::Wasmi) else { continue };
        let Ok(bytes) = compile_with(host(), &settings(&sample, OptLevel::None), &sample.wasm) else { continue };
        let artifact = Artifact::from_bytes(&bytes, "sample").unwrap();
        let mut group = GroupConfig::default();
        group.stack_size = 16 << 20;
        let mut fresh = Group::with_config(group.clone()).unwrap();
        // Some modules have a start function or a segment that traps.
        let Ok(instance) = fresh.instantiate(&artifact, &Imports::new()) else { continue };
        let expected = trace(&mut fresh, instance, &artifact, seed);
        let ways = ways();
        let (way, config) = &ways[seed as usize % ways.len()];
        let pool = Pool::new(&artifact, &Imports::new(), group, config.clone()).unwrap();
        pools += 1;
        for round in 0..3 {
            let mut lease = acquire(&pool);
            let instance = lease.instance();
            // Each tenant but the last does something else.
            let calls = if round < 2 { seed } else { seed + round };
            let found = trace(&mut lease, instance, &artifact, calls);
            let first = found.iter().zip(&expected).find(|(a, b)| a != b);
            assert!(round == 2 || first.is_none(), "seed {seed}, {way}, round {round}: {first:?}");
            changed += usize::from(disturb(&mut lease, instance, &artifact, seed + round));
        }
        let mut lease = acquire(&pool);
        let instance = lease.instance();
        assert_eq!(trace(&mut lease, instance, &artifact, seed), expected, "seed {seed}, {way}");
        assert_eq!(pool.stats().made, 1);
    }
    println!("{pools} pools, {changed} of {} leases left changes", 3 * pools);
    // Leases that change nothing would show nothing.
    assert!(pools > times(100, 8) && changed > pools, "{pools} {changed}");
}
