//! Where contexts lie: in front of the first memory that a module defines, so that one address leads to both. Whatever else
//! is in the group, and however much, each instance has its own of both, and nothing that it does reaches the context.

mod common;

use bailiwick_compiler::{Optimisation, Optimisations};
use bailiwick_loader::{
    Artifact, Error, Group, GroupConfig, Imports, Memory, MemoryType, Pool, PoolConfig, Table, TableType, TrapCode,
    Val, ValType,
};
use bailiwick_runtime_abi::context::Anchor;
use bailiwick_runtime_abi::format::{FLAG_ANCHORED, HEADER_OFFSET, Header};
use bailiwick_runtime_abi::types::Arch;
use bailiwick_tests::compile::{Settings, binary, compile_with, host};
use common::times;
use std::time::Duration;
use zerocopy::{FromBytes, IntoBytes};

/// An instance that counts in a global and in its memory, knows a function of another, and never ends if it is asked to.
const COUNTER: &str = r#"(module $counter
    (memory (export "memory") 1 3)
    (global $count (export "count") (mut i32) (i32.const 0))
    (table (export "table") 4 funcref)
    (type $step (func (result i32)))
    (elem declare func $step)
    (func $step (export "step") (type $step)
        (global.set $count (i32.add (global.get $count) (i32.const 1)))
        (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 100)))
        (i32.add (global.get $count) (i32.load (i32.const 8))))
    (func (export "put") (param i32) (table.set (local.get 0) (ref.func $step)))
    (func (export "through") (param i32) (result i32) (call_indirect (type $step) (local.get 0)))
    (func (export "grow") (result i32) (memory.grow (i32.const 1)))
    (func (export "at") (param i32) (result i32) (i32.load (local.get 0)))
    (func (export "forever") (loop $again (br $again))))"#;

/// One that calls another's, through a slot and through a table, and has a memory of its own.
const CALLER: &str = r#"(module $caller
    (type $step (func (result i32)))
    (import "other" "step" (func $step (type $step)))
    (import "other" "table" (table 4 funcref))
    (memory (export "memory") 1)
    (global $count (mut i32) (i32.const 1000))
    (data (i32.const 8) "\07")
    (func (export "both") (param i32) (result i32)
        (global.set $count (i32.add (global.get $count) (i32.const 1)))
        (i32.add (i32.add (call $step) (call_indirect (type $step) (local.get 0)))
            (i32.add (global.get $count) (i32.load (i32.const 8))))))"#;

fn compiled(wat: &str, anchored: bool) -> Artifact {
    let optimisations = Optimisations::default().with(Optimisation::Anchoring, anchored);
    let bytes = compile_with(host(), &Settings { optimisations, ..Settings::default() }, &binary(wat)).unwrap();
    Artifact::from_bytes(&bytes, "anchoring").unwrap()
}

fn is_anchored(wat: &str) -> bool {
    compiled(wat, true).view().header().anchor() == Anchor::Memory
}

#[test]
fn contexts_lie_in_front_of_memories_that_are_their_own() {
    let here = host() == Arch::X86_64;
    assert_eq!(is_anchored("(module (memory 0))"), here);
    assert_eq!(is_anchored("(module (memory i64 1))"), here);
    assert_eq!(is_anchored(r#"(module (import "a" "m" (memory 1)) (memory 1))"#), here);
    assert!(!is_anchored("(module)"));
    assert!(!is_anchored("(module (memory 1 1 shared))"));
    assert!(!is_anchored(r#"(module (import "a" "m" (memory 1)))"#));
    assert!(!is_anchored("(module (memory 1 1 shared) (memory 1))"));
    let plain = compiled("(module (memory 0))", false);
    assert_eq!(plain.view().header().anchor(), Anchor::Context);
}

#[test]
fn instances_that_call_each_other_each_have_their_own_however_they_were_compiled() {
    for (first, second) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut group = Group::new().unwrap();
        let counter = group.instantiate(&compiled(COUNTER, first), &Imports::new()).unwrap();
        let mut imports = Imports::new();
        imports.instance("other", counter);
        let caller = group.instantiate(&compiled(CALLER, second), &imports).unwrap();
        let put = counter.typed_func::<i32, ()>(&mut group, "put").unwrap();
        put.call(&mut group, 2).unwrap();
        let both = caller.typed_func::<i32, i32>(&mut group, "both").unwrap();
        assert_eq!(both.call(&mut group, 2).unwrap(), (1 + 100) + (2 + 200) + 1001 + 7, "{first} {second}");
        let step = counter.typed_func::<(), i32>(&mut group, "step").unwrap();
        assert_eq!(step.call(&mut group, ()).unwrap(), 3 + 300);
        let count = counter.global(&mut group, "count").unwrap();
        assert_eq!(count.get(&mut group).unwrap(), Val::I32(3));
        // Whatever is added to an index is behind the memory's beginning.
        let at = counter.typed_func::<i32, i32>(&mut group, "at").unwrap();
        for index in [-1, -4096, -0x0011_0000, i32::MIN] {
            let Err(Error::Trap(trap)) = at.call(&mut group, index) else { panic!("{index}: no trap") };
            assert_eq!(trap.code(), TrapCode::MemoryOutOfBounds, "{index}");
        }
    }
}

#[test]
fn what_finds_no_room_in_the_cell_is_somewhere_else_and_works() {
    let artifact = compiled(COUNTER, true);
    let mut group = Group::new().unwrap();
    // Small tables lie where contexts do. These leave none of that.
    let ty = TableType::new(ValType::EXTERNREF, 6000, None);
    for _ in 0..130 {
        Table::new(&mut group, ty).unwrap();
    }
    for _ in 0..20 {
        let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
        let step = instance.typed_func::<(), i32>(&mut group, "step").unwrap();
        assert_eq!(step.call(&mut group, ()).unwrap(), 101);
        assert_eq!(step.call(&mut group, ()).unwrap(), 202);
        let grow = instance.typed_func::<(), i32>(&mut group, "grow").unwrap();
        assert_eq!([0; 3].map(|_| grow.call(&mut group, ()).unwrap()), [1, 2, -1]);
        let at = instance.typed_func::<i32, i32>(&mut group, "at").unwrap();
        assert_eq!(at.call(&mut group, 3 * 65536 - 4).unwrap(), 0);
        let Err(Error::Trap(trap)) = at.call(&mut group, 3 * 65536) else { panic!("no trap") };
        assert_eq!(trap.code(), TrapCode::MemoryOutOfBounds);
    }
    // The others are what they were.
    let host = Memory::new(&mut group, MemoryType::new(1, None)).unwrap();
    assert!(host.bytes(&mut group).unwrap().iter().all(|&byte| byte == 0));
}

#[test]
fn a_large_context_has_room() {
    // 8 MiB of globals: more than a cell has for contexts.
    let globals = "(global (mut i64) (i64.const 5))".repeat(500_000);
    let text = format!(
        r#"(module (memory 1) {globals} (func (export "last") (param i64) (result i64)
            (global.set 499999 (i64.add (global.get 499999) (local.get 0)))
            (i64.add (global.get 499999) (i64.load (i32.const 0)))))"#
    );
    let artifact = compiled(&text, true);
    let mut group = Group::new().unwrap();
    for _ in 0..2 {
        let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
        let last = instance.typed_func::<i64, i64>(&mut group, "last").unwrap();
        assert_eq!(last.call(&mut group, 7).unwrap(), 12);
        assert_eq!(last.call(&mut group, 7).unwrap(), 19);
    }
}

#[test]
fn a_memory_that_is_refused_leaves_the_group_as_it_was() {
    let mut config = GroupConfig::default();
    config.max_memory = 1 << 20;
    let mut group = Group::with_config(config).unwrap();
    for too_large in ["(module (memory 17))", "(module (memory i64 0x10_0000_0000))"] {
        for artifact in [true, false].map(|anchored| compiled(too_large, anchored)) {
            for _ in 0..times(100_000, 20_000) {
                assert!(matches!(group.instantiate(&artifact, &Imports::new()), Err(Error::Limit { .. })));
            }
        }
    }
    let instance = group.instantiate(&compiled(COUNTER, true), &Imports::new()).unwrap();
    let step = instance.typed_func::<(), i32>(&mut group, "step").unwrap();
    assert_eq!(step.call(&mut group, ()).unwrap(), 101);
}

#[test]
fn each_instance_can_be_interrupted() {
    let artifact = compiled(COUNTER, true);
    for which in 0..3 {
        let mut group = Group::new().unwrap();
        let instances = [(); 3].map(|()| group.instantiate(&artifact, &Imports::new()).unwrap());
        let forever = instances[which].typed_func::<(), ()>(&mut group, "forever").unwrap();
        let handle = group.interrupt_handle();
        let ended = std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(20));
                handle.interrupt().unwrap();
            });
            forever.call(&mut group, ())
        });
        let Err(Error::Trap(trap)) = ended else { panic!("{ended:?}") };
        assert_eq!(trap.code(), TrapCode::Interrupt);
    }
}

#[test]
fn a_pool_brings_back_those_that_have_reservations_of_their_own() {
    let artifact = compiled(COUNTER, true);
    let mut config = PoolConfig::default();
    (config.max_groups, config.max_idle) = (1, 1);
    let pool = Pool::with(GroupConfig::default(), config, move |group| {
        let first = group.instantiate(&artifact, &Imports::new())?;
        let mut imports = Imports::new();
        imports.instance("first", first);
        Ok(group.instantiate(&artifact, &imports)?.into())
    })
    .unwrap();
    for _ in 0..4 {
        let mut lease = pool.acquire().unwrap();
        let instance = lease.instance();
        let step = instance.typed_func::<(), i32>(&mut lease, "step").unwrap();
        assert_eq!(step.call(&mut lease, ()).unwrap(), 101);
        let grow = instance.typed_func::<(), i32>(&mut lease, "grow").unwrap();
        assert_eq!(grow.call(&mut lease, ()).unwrap(), 1);
    }
}

#[test]
fn an_artifact_that_says_so_without_such_a_memory_is_damaged() {
    for wat in ["(module)", r#"(module (import "a" "m" (memory 1)))"#, "(module (memory 1 1 shared))"] {
        let bytes = compile_with(host(), &Settings::default(), &binary(wat)).unwrap();
        let mut header = Header::read_from_bytes(&bytes[HEADER_OFFSET..][..size_of::<Header>()]).unwrap();
        header.flags |= FLAG_ANCHORED;
        header.header_checksum = header.checksum();
        let mut bytes = bytes;
        bytes[HEADER_OFFSET..][..size_of::<Header>()].copy_from_slice(header.as_bytes());
        let mut group = Group::new().unwrap();
        let mut imports = Imports::new();
        imports.define("a", "m", Memory::new(&mut group, MemoryType::new(1, None)).unwrap());
        let artifact = Artifact::from_bytes(&bytes, "damaged").unwrap();
        let error = group.instantiate(&artifact, &imports).unwrap_err();
        assert!(error.to_string().contains("behind the context"), "{wat}: {error}");
    }
}

/// A function of many calls that does what needs anything of its context, in loops and around them.
fn crowded(memory: &str, index: &str) -> String {
    let calls = "(call $tick)\n".repeat(120);
    format!(
        r#"(module $crowded
            (memory {memory})
            (global $count (export "count") (mut i32) (i32.const 0))
            (table $t 3 10 funcref)
            (type $tick (func))
            (elem (table $t) (i32.const 1) func $tick)
            (elem declare func $tick)
            (data $d "abcdefgh")
            (func $tick (type $tick) (global.set $count (i32.add (global.get $count) (i32.const 1)))
                (if (i32.gt_u (global.get $count) (i32.const 1000000)) (then (call $tick))))
            (func (export "go") (param $at {index}) (param $end {index}) (result i64) (local $sum i64)
                {calls}
                (memory.init $d ({index}.const 0) (i32.const 0) (i32.const 8))
                (drop (table.grow $t (ref.func $tick) (i32.const 1)))
                (block $done
                    (loop $next
                        (br_if $done ({index}.ge_u (local.get $at) (local.get $end)))
                        (local.set $sum (i64.add (local.get $sum) (i64.load8_u (local.get $at))))
                        (i32.store8 offset=100 (local.get $at) (i32.const 7))
                        (local.set $at ({index}.add (local.get $at) ({index}.const 1)))
                        (br $next)))
                (loop $again
                    (call_indirect $t (type $tick) (i32.const 3))
                    (br_if $again (i32.rem_u (global.get $count) (i32.const 10))))
                (drop (memory.grow ({index}.const 1)))
                (i64.add (local.get $sum) (i64.mul (i64.const 100000) (i64.extend_i32_u (global.get $count))))))"#
    )
}

#[test]
fn functions_of_many_calls_reach_what_others_do() {
    use bailiwick_compiler::OptLevel;
    let pages = ["1 3", "i64 1 3", "1 3 (pagesize 65536)", "1000 3000 (pagesize 1)", "i64 1000 3000 (pagesize 1)"];
    for (memory, level) in
        pages.iter().flat_map(|memory| [OptLevel::None, OptLevel::Speed, OptLevel::Size].map(|l| (memory, l)))
    {
        let index = if memory.starts_with("i64") { "i64" } else { "i32" };
        let text = crowded(memory, index);
        for anchored in [false, true] {
            let optimisations = Optimisations::default().with(Optimisation::Anchoring, anchored);
            let settings = Settings { opt_level: level, optimisations, ..Settings::default() };
            let bytes = compile_with(host(), &settings, &binary(&text)).unwrap();
            let mut group = Group::new().unwrap();
            let artifact = Artifact::from_bytes(&bytes, "crowded").unwrap();
            let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
            let go = instance.func(&mut group, "go").unwrap();
            let number = |n: i64| if index == "i64" { Val::I64(n) } else { Val::I32(n as i32) };
            let ended = go.call(&mut group, &[number(2), number(6)]).unwrap();
            let sum: i64 = b"cdef".iter().map(|&byte| i64::from(byte)).sum();
            assert_eq!(ended, [Val::I64(sum + 130 * 100_000)], "{memory} {level} {anchored}");
            // One byte is behind its end, for which each access was checked.
            let end = 1000 + i64::from(!memory.contains("pagesize 1)")) * (2 * 65536 - 1000);
            let Err(Error::Trap(trap)) = go.call(&mut group, &[number(end - 9), number(end + 2)]) else {
                panic!("{memory} {level} {anchored}: no trap")
            };
            assert_eq!(trap.code(), TrapCode::MemoryOutOfBounds);
        }
    }
}
