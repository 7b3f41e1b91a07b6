//! Many groups in one process: each has 6 GiB of address space, at most four mappings, and little memory.

mod common;

use bailiwick_loader::{Group, Imports, Instance};
use bailiwick_runtime_abi::limits::{CELL_SIZE, CONTEXT_AREA_SIZE};
use bailiwick_tests::compile::artifact;
use common::{EMULATED, child, ended, task};
use std::time::Instant;

/// A small module, with a memory, a table, globals and a function that uses them.
const SMALL: &str = r#"(module
    (memory (export "memory") 1) (table 4 funcref) (global $count (mut i32) (i32.const 0))
    (elem (i32.const 0) $add) (data (i32.const 8) "\2a")
    (func $add (param i32) (result i32) (i32.add (local.get 0) (i32.load8_u (i32.const 8))))
    (func (export "run") (param i32) (result i32)
        (i32.store (i32.const 60000) (local.get 0))
        (global.set $count (i32.add (global.get $count) (i32.const 1)))
        (i32.add (global.get $count) (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0)))))"#;

/// What the kernel says of this process: mappings, and kilobytes of address space and of memory.
#[derive(Clone, Copy, Debug)]
struct Taken {
    mappings: usize,
    address_kb: u64,
    memory_kb: u64,
}

/// How many mappings `maps` lists. Neighbours that differ in nothing count as one: a kernel joins them, the emulator
/// lists each page by which the allocator's heap grew.
fn mappings(maps: &str) -> usize {
    let (mut count, mut last) = (0, ("", ""));
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (range, rest) = (fields.next().unwrap(), fields.collect::<Vec<_>>());
        let (start, end) = range.split_once('-').unwrap();
        let anonymous = rest.len() == 4;
        count += usize::from(!anonymous || last != (start, rest[0]));
        last = (end, if anonymous { rest[0] } else { "" });
    }
    count
}

fn taken() -> Taken {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).expect(name);
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let mappings = mappings(&std::fs::read_to_string("/proc/self/maps").unwrap());
    Taken { mappings, address_kb: field("VmSize:"), memory_kb: field("VmRSS:") }
}

/// Makes `count` groups, each with an instance, uses each twice, and says what that took.
fn many(count: usize) -> (Vec<(Group, Instance)>, Taken, Taken) {
    let artifact = artifact(SMALL);
    let mut groups = Vec::with_capacity(count);
    let before = taken();
    let begun = Instant::now();
    for i in 0..count {
        let mut group = Group::new().unwrap_or_else(|e| panic!("group {i}: {e}"));
        let instance = group
            .instantiate(&artifact, &Imports::new())
            .unwrap_or_else(|e| panic!("instance {i}: {e}, {:?}", taken()));
        groups.push((group, instance));
    }
    let made = begun.elapsed();
    let begun = Instant::now();
    for round in 1..=2 {
        for (i, (group, instance)) in groups.iter_mut().enumerate() {
            let run = instance.typed_func::<i32, i32>(group, "run").unwrap();
            // Its own memory, its own counter.
            assert_eq!(run.call(group, i as i32).unwrap(), i as i32 + 42 + round);
        }
    }
    let run = begun.elapsed();
    for (i, (group, instance)) in groups.iter_mut().enumerate() {
        let memory = instance.memory(group, "memory").unwrap().bytes(group).unwrap();
        assert_eq!(memory[60_000..60_004], (i as u32).to_le_bytes());
    }
    let after = taken();
    println!(
        "{count} groups: made in {made:?}, {:?} each; run twice in {run:?}; {:.2} mappings and {:.1} KiB of memory each",
        made / count as u32,
        (after.mappings - before.mappings) as f64 / count as f64,
        (after.memory_kb.saturating_sub(before.memory_kb)) as f64 / count as f64,
    );
    (groups, before, after)
}

fn check(count: usize) {
    let (groups, before, after) = many(count);
    // The kernel allows 65 530 for a process: a fifth one for each would cost thousands of instances. A few belong to
    // the allocator, the signal stack and the artifact.
    let mappings = after.mappings - before.mappings;
    assert!(mappings <= 4 * count + 8, "{mappings} mappings for {count} groups");
    let address = (after.address_kb - before.address_kb) as f64 * 1024.0 / count as f64;
    assert!((address / CELL_SIZE as f64 - 1.0).abs() < 0.05, "{address} bytes of address space each");
    let memory = after.memory_kb.saturating_sub(before.memory_kb) * 1024 / count as u64;
    assert!(EMULATED || memory < 200 << 10, "{memory} bytes of memory each");
    const { assert!(CONTEXT_AREA_SIZE < CELL_SIZE) };
    drop(groups);
    // All of it is given back.
    let left = taken();
    assert!(left.mappings <= before.mappings + 10, "{before:?}, {left:?}");
    assert!(left.address_kb < before.address_kb + (CELL_SIZE >> 10), "{before:?}, {left:?}");
}

/// Runs [`check`] in a child: other tests' mappings would be counted.
fn in_child(name: &str, count: usize) {
    if let Some(task) = task() {
        return check(task.parse().unwrap());
    }
    let ended = ended(&mut child(name, &count.to_string())).with(0);
    let line = ended.out.lines().find(|line| line.contains("groups:"));
    println!("{}", line.expect("the child says what it took"));
}

#[test]
fn a_few_hundred_groups_take_four_mappings_each() {
    in_child("a_few_hundred_groups_take_four_mappings_each", common::times(200, 20));
}

#[test]
fn as_many_groups_as_asked_for_live_in_one_process() {
    // `BAILIWICK_DENSITY=16000` shows what decision 4 promises; what CI runs is a smaller one.
    let count = std::env::var("BAILIWICK_DENSITY").ok().map(|count| count.parse().expect("a number"));
    in_child("as_many_groups_as_asked_for_live_in_one_process", count.unwrap_or(common::times(1000, 40)));
}

#[test]
fn groups_come_and_go_without_leaving_anything() {
    if task().is_none() {
        ended(&mut child("groups_come_and_go_without_leaving_anything", "child")).with(0);
        return;
    }
    let artifact = artifact(SMALL);
    let round = || {
        for _ in 0..20 {
            let mut group = Group::new().unwrap();
            let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
            instance.typed_func::<i32, i32>(&mut group, "run").unwrap().call(&mut group, 1).unwrap();
        }
    };
    round();
    let before = taken();
    for _ in 0..common::times(50, 3) {
        round();
    }
    let after = taken();
    assert!(after.mappings <= before.mappings + 4, "{before:?}, {after:?}");
    assert!(after.memory_kb <= before.memory_kb + 4096, "{before:?}, {after:?}");
}
