//! Tables, small ones and those that have a mapping of their own.

use super::common::times;
use super::{call, leaves_nothing};
use bailiwick_loader::{Imports, Val};
use bailiwick_tests::compile::artifact;

/// A module whose table has `elements` to begin with and may have `most`, with an image and a passive segment.
fn module(elements: u64, most: &str) -> String {
    format!(
        r#"(module (table (export "t") {elements} {most} funcref) (table (export "x") 3 {most} externref)
        (elem (i32.const 1) $a $b) (elem $e func $b $b) (func $a) (func $b)
        (func (export "set") (param i32) (table.set 0 (local.get 0) (ref.func $a)))
        (func (export "clear") (table.fill 0 (i32.const 0) (ref.null func) (table.size 0)))
        (func (export "fill") (table.fill 0 (i32.const 0) (ref.func $b) (table.size 0)))
        (func (export "copy") (table.copy (i32.const 4) (i32.const 0) (i32.const 4)))
        (func (export "init") (table.init 0 $e (i32.const 7) (i32.const 0) (i32.const 2)) (elem.drop $e))
        (func (export "grow") (param i32) (result i32) (table.grow 0 (ref.func $b) (local.get 0)))
        (func (export "own") (param externref) (table.set 1 (i32.const 2) (local.get 0))
            (drop (table.grow 1 (local.get 0) (i32.const 5)))))"#
    )
}

#[test]
fn tables_are_as_they_were_made() {
    // Among the contexts; in a mapping; in one that is too large to be compared by default.
    for (elements, most) in [(10, "20"), (1000, ""), (times(60_000, 3000) as u64, "")] {
        let artifact = artifact(&module(elements, most));
        for name in ["clear", "fill", "copy", "init"] {
            leaves_nothing(&artifact, &Imports::new(), |group, instance, _| {
                call(group, instance, name, &[]).unwrap();
            });
        }
        leaves_nothing(&artifact, &Imports::new(), |group, instance, _| {
            call(group, instance, "set", &[Val::I32(elements as i32 - 1)]).unwrap();
        });
        leaves_nothing(&artifact, &Imports::new(), |group, instance, round| {
            let grown = call(group, instance, "grow", &[Val::I32(round as i32 + 3)]).unwrap();
            assert_eq!(grown, [Val::I32(elements as i32)]);
        });
        leaves_nothing(&artifact, &Imports::new(), |group, instance, _| {
            let value = group.extern_ref(5).unwrap();
            call(group, instance, "own", &[Val::ExternRef(Some(value))]).unwrap();
        });
        // By the host, without the guest.
        leaves_nothing(&artifact, &Imports::new(), |group, instance, _| {
            let table = instance.table(group, "t").unwrap();
            table.set(group, 2, Val::FuncRef(None)).unwrap();
            table.grow(group, 2, Val::FuncRef(None)).unwrap();
        });
    }
}

#[test]
fn a_table_that_grew_large_gives_its_memory_back() {
    let artifact = artifact(&module(100, ""));
    leaves_nothing(&artifact, &Imports::new(), |group, instance, _| {
        let grown = call(group, instance, "grow", &[Val::I32(times(500_000, 20_000) as i32)]).unwrap();
        assert_eq!(grown, [Val::I32(100)]);
    });
}
