//! Globals, segments, several modules in a group, and what makes a group unfit.

use super::{acquire, call, leaves_nothing, pool_of, seen, ways};
use bailiwick_loader::{FuncType, TrapCode};
use bailiwick_loader::{Global, Group, Imports, Memory, MemoryType, Pool, Table, TableType, Tag, Val, ValType};
use bailiwick_tests::compile::artifact;

const GLOBALS: &str = r#"(module
    (global (export "a") (mut i32) (i32.const 7)) (global (export "b") (mut i64) (i64.const -1))
    (global (export "c") (mut f32) (f32.const 1.5)) (global (export "d") (mut f64) (f64.const -0))
    (global (export "e") (mut v128) (v128.const i64x2 1 2)) (global (export "f") (mut funcref) (ref.null func))
    (global (export "g") (mut externref) (ref.null extern)) (global (export "h") (mut funcref) (ref.func $set))
    (global (export "i") i32 (i32.const 99))
    (func $set (export "set") (param externref)
        (global.set 0 (i32.const 1000)) (global.set 1 (i64.const 1001)) (global.set 2 (f32.const 3))
        (global.set 3 (f64.const 4)) (global.set 4 (v128.const i64x2 -1 -1)) (global.set 5 (ref.func $set))
        (global.set 6 (local.get 0)) (global.set 7 (ref.null func))))"#;

#[test]
fn globals_are_as_they_were_made() {
    let artifact = artifact(GLOBALS);
    leaves_nothing(&artifact, &Imports::new(), |group, instance, _| {
        let value = group.extern_ref("mine").unwrap();
        call(group, instance, "set", &[Val::ExternRef(Some(value))]).unwrap();
    });
    // By the host, without the guest.
    leaves_nothing(&artifact, &Imports::new(), |group, instance, _| {
        instance.global(group, "e").unwrap().set(group, Val::V128(5)).unwrap();
    });
}

#[test]
fn a_global_of_the_host_s_is_as_it_was_made() {
    let artifact = artifact(
        r#"(module (import "h" "g" (global $g (mut i64))) (export "g" (global $g))
        (func (export "run") (global.set $g (i64.const 1))))"#,
    );
    for (way, config) in ways() {
        let made = artifact.clone();
        let pool = Pool::with(Default::default(), config, move |group| {
            let mut imports = Imports::new();
            imports.define("h", "g", Global::new(group, Val::I64(-5), true)?);
            Ok(group.instantiate(&made, &imports)?.into())
        })
        .unwrap();
        for _ in 0..3 {
            let mut lease = acquire(&pool);
            let instance = lease.instance();
            let global = instance.global(&mut lease, "g").unwrap();
            assert_eq!(global.get(&mut lease).unwrap(), Val::I64(-5), "{way}");
            call(&mut lease, instance, "run", &[]).unwrap();
        }
    }
}

#[test]
fn dropped_segments_are_there_again() {
    let artifact = artifact(
        r#"(module (memory (export "m") 1) (table (export "t") 4 funcref)
        (data $d "passive") (elem $e func $use) (func $use)
        (func (export "use") (memory.init $d (i32.const 10) (i32.const 0) (i32.const 7))
            (table.init $e (i32.const 1) (i32.const 0) (i32.const 1)))
        (func (export "drop") (data.drop $d) (elem.drop $e)))"#,
    );
    for (way, config) in ways() {
        let pool = pool_of(&artifact, &Imports::new(), &config);
        for round in 0..3 {
            let mut lease = acquire(&pool);
            let instance = lease.instance();
            call(&mut lease, instance, "use", &[]).unwrap_or_else(|e| panic!("{way}, round {round}: {e}"));
            call(&mut lease, instance, "drop", &[]).unwrap();
            let error = call(&mut lease, instance, "use", &[]).unwrap_err();
            assert_eq!(error.trap_code(), Some(TrapCode::MemoryOutOfBounds));
        }
    }
}

#[test]
fn all_instances_of_a_group_are_cleaned() {
    let library = artifact(
        r#"(module (memory (export "memory") 2) (global (export "count") (mut i32) (i32.const 3))
        (table (export "t") 2 funcref) (data $d "seg")
        (func (export "bump") (global.set 0 (i32.add (global.get 0) (i32.const 1)))
            (memory.init $d (i32.const 100000) (i32.const 0) (i32.const 3)) (data.drop $d)
            (table.set (i32.const 1) (table.get (i32.const 0)))))"#,
    );
    let program = artifact(
        r#"(module (import "lib" "bump" (func $bump)) (import "lib" "memory" (memory 2))
        (import "lib" "t" (table 2 funcref)) (elem (i32.const 0) $f) (func $f)
        (global (export "own") (mut i32) (i32.const 1)) (export "memory" (memory 0)) (export "t" (table 0))
        (func (export "run") (call $bump) (global.set 0 (i32.const 2)) (i32.store (i32.const 0) (i32.const 1))))"#,
    );
    for (way, config) in ways() {
        let (first, second) = (library.clone(), program.clone());
        let pool = Pool::with(Default::default(), config, move |group| {
            let mut imports = Imports::new();
            imports.instance("lib", group.instantiate(&first, &Imports::new())?);
            Ok(group.instantiate(&second, &imports)?.into())
        })
        .unwrap();
        let mut expected = None;
        for round in 0..3 {
            let mut lease = acquire(&pool);
            let instance = lease.instance();
            let now = seen(&mut lease, instance, &program);
            assert_eq!(&now, expected.get_or_insert(now.clone()), "{way}, round {round}");
            // Traps if the segment was dropped.
            call(&mut lease, instance, "run", &[]).unwrap_or_else(|e| panic!("{way}, round {round}: {e}"));
            assert_ne!(seen(&mut lease, instance, &program), now);
        }
    }
}

#[test]
fn a_group_that_the_host_put_something_into_is_not_handed_out_again() {
    type Change = fn(&mut Group);
    let changes: [(&str, Change); 5] = [
        ("a memory", |group| _ = Memory::new(group, MemoryType::new(1, None)).unwrap()),
        ("a table", |group| _ = Table::new(group, TableType::new(ValType::FUNCREF, 3, None)).unwrap()),
        ("a global", |group| _ = Global::new(group, Val::I32(1), true).unwrap()),
        ("a tag", |group| _ = Tag::new(group, FuncType::new([ValType::I64], [])).unwrap()),
        ("a module", |group| {
            _ = group.instantiate(&artifact("(module (global (mut i32) (i32.const 1)))"), &Imports::new()).unwrap();
        }),
    ];
    let artifact = artifact("(module (memory (export \"m\") 1))");
    for (what, change) in changes {
        let pool = pool_of(&artifact, &Imports::new(), &ways()[0].1);
        for round in 1..3 {
            change(&mut acquire(&pool));
            let stats = pool.stats();
            assert_eq!((stats.made, stats.dropped, stats.groups), (round, round, 0), "{what}");
        }
        // The limit counts those that there are.
        drop(acquire(&pool));
    }
}

#[test]
fn a_group_that_was_put_in_the_place_of_a_lease_s_is_not_handed_out() {
    let artifact = artifact("(module (memory (export \"m\") 1) (global (export \"g\") (mut i32) (i32.const 0)))");
    let pool = pool_of(&artifact, &Imports::new(), &ways()[0].1);
    let mut other = Group::new().unwrap();
    let instance = other.instantiate(&artifact, &Imports::new()).unwrap();
    instance.global(&mut other, "g").unwrap().set(&mut other, Val::I32(1)).unwrap();
    let mut lease = acquire(&pool);
    // Of the same shape as the pool's own.
    std::mem::swap(&mut *lease, &mut other);
    drop(lease);
    assert_eq!(pool.stats().dropped, 1);
    let mut lease = acquire(&pool);
    let instance = lease.instance();
    assert_eq!(instance.global(&mut lease, "g").unwrap().get(&mut lease).unwrap(), Val::I32(0));
    // What was the pool's is an ordinary group now.
    drop(other);
}
