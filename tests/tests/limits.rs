//! Limits on what a guest may take: by `GroupConfig`, and by `--max-memory`, `--max-stack`, `--max-table` and `--max-exceptions`.

mod common;

use bailiwick_loader::{
    Error, Group, GroupConfig, Imports, Memory, MemoryType, Refused, Table, TableType, TrapCode, Val, ValType,
};
use bailiwick_tests::compile::artifact;
use bailiwick_tests::guest::Guest;
use common::{Place, text};

/// Bytes in a page.
const PAGE: u64 = 65_536;

fn limited(wat: &str, limit: impl FnOnce(&mut GroupConfig)) -> Result<Guest, Error> {
    let mut config = GroupConfig::default();
    limit(&mut config);
    let mut group = Group::with_config(config)?;
    let instance = group.instantiate(&artifact(wat), &Imports::new())?;
    Ok(Guest { group, instance })
}

/// A module with such a memory, to grow it, to ask for its size, and to read a byte.
fn memory(limits: &str) -> String {
    format!(
        r#"(module (memory (export "memory") {limits})
            (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
            (func (export "size") (result i32) (memory.size))
            (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
            (func (export "store") (param i32) (i32.store8 (local.get 0) (i32.const 1))))"#
    )
}

fn grow(guest: &mut Guest, delta: u32) -> i32 {
    match guest.call("grow", &[Val::I32(delta as i32)]).unwrap()[..] {
        [Val::I32(old)] => old,
        ref other => panic!("{other:?}"),
    }
}

/// The last byte is there and the next is not: what `memory.grow` and `memory.size` say is what code finds.
fn agrees(guest: &mut Guest, pages: u64) {
    assert_eq!(guest.i32("size") as u64, pages);
    let end = pages * PAGE;
    if end > 0 {
        let last = Val::I32((end - 1) as u32 as i32);
        guest.call("store", &[last]).unwrap();
        assert_eq!(guest.call("load", &[last]).unwrap(), [Val::I32(1)]);
    }
    if let Ok(beyond) = u32::try_from(end) {
        for name in ["load", "store"] {
            assert_eq!(guest.trap_code(name, &[Val::I32(beyond as i32)]), TrapCode::MemoryOutOfBounds, "{pages} pages");
        }
    }
}

#[test]
fn growing_agrees_with_the_bound_of_code_at_every_boundary() {
    // Pages at first, at most by the module, bytes at most by the group; how many there can be in the end.
    let cases: &[(u64, Option<u64>, u64, u64)] = &[
        (0, None, 0, 0),
        (0, Some(0), u64::MAX, 0),
        (0, None, PAGE - 1, 0),
        (0, None, PAGE, 1),
        (1, None, PAGE, 1),
        (1, None, 2 * PAGE - 1, 1),
        (1, Some(3), 2 * PAGE, 2),
        (1, Some(3), 10 * PAGE, 3),
        (2, Some(2), u64::MAX, 2),
        (1, None, 5 * PAGE + 1, 5),
        (1, Some(65_536), 7 * PAGE, 7),
        (0, None, u64::MAX, 65_536),
        (1, None, 65_536 * PAGE, 65_536),
        (1, Some(65_536), 65_536 * PAGE - 1, 65_535),
        (65_535, None, u64::MAX, 65_536),
        (65_536, None, u64::MAX, 65_536),
    ];
    for &(minimum, maximum, bytes, most) in cases {
        let what = format!("{minimum} to {maximum:?} pages, {bytes} bytes");
        let wat = memory(&format!("{minimum} {}", maximum.map_or(String::new(), |m| m.to_string())));
        let mut guest = limited(&wat, |config| config.max_memory = bytes).unwrap();
        agrees(&mut guest, minimum);
        let left = most - minimum;
        for delta in [left + 1, most + 1, 65_536 - minimum + 1, 65_537, 1 << 31, u64::from(u32::MAX)] {
            assert_eq!(grow(&mut guest, delta as u32), -1, "{what}: by {delta}");
        }
        agrees(&mut guest, minimum);
        assert_eq!(grow(&mut guest, 0), minimum as i32, "{what}");
        if left > 1 {
            assert_eq!(grow(&mut guest, 1), minimum as i32, "{what}");
            agrees(&mut guest, minimum + 1);
            assert_eq!(grow(&mut guest, (left - 1) as u32), minimum as i32 + 1, "{what}");
        } else if left == 1 {
            assert_eq!(grow(&mut guest, 1), minimum as i32, "{what}");
        }
        agrees(&mut guest, most);
        assert_eq!(grow(&mut guest, 0), most as i32, "{what}");
        for delta in [1, 65_536, u32::MAX] {
            assert_eq!(grow(&mut guest, delta), -1, "{what}: by {delta} at the end");
        }
        agrees(&mut guest, most);
        // Whose limit it was: the module's own is none of the group's.
        let module = maximum.unwrap_or(65_536).min(65_536);
        let expected = (bytes / PAGE < module).then_some(Refused::MemoryBytes(bytes));
        assert_eq!(guest.group.refused(), expected, "{what}");
    }
}

#[test]
fn what_the_host_grows_has_the_same_bounds() {
    let mut config = GroupConfig::default();
    config.max_memory = 3 * PAGE;
    let mut group = Group::with_config(config).unwrap();
    let memory = Memory::new(&mut group, MemoryType::new(1, Some(9))).unwrap();
    for delta in [3, 9, 65_536, u64::MAX / PAGE, u64::MAX] {
        assert_eq!(memory.grow(&mut group, delta).unwrap(), None, "{delta}");
    }
    assert_eq!(memory.grow(&mut group, 2).unwrap(), Some(1));
    assert_eq!(memory.bytes(&mut group).unwrap().len() as u64, 3 * PAGE);
    let error = Memory::new(&mut group, MemoryType::new(4, None)).unwrap_err().to_string();
    assert!(error.contains("max_memory") && error.contains(&(3 * PAGE).to_string()), "{error}");
}

#[test]
fn a_memory_that_begins_above_the_limit_is_refused_by_its_name() {
    let error = limited(&memory("3"), |config| config.max_memory = 2 * PAGE).unwrap_err();
    assert!(
        matches!(error, Error::Limit { what, limit } if what.contains("max_memory") && limit == 2 * PAGE),
        "{error}"
    );
    limited(&memory("2"), |config| config.max_memory = 2 * PAGE).unwrap();
}

/// Two tables, of which each can be grown.
const TABLES: &str = r#"(module (table $a 10 funcref) (table $b 10 40 externref)
    (func (export "a") (param i32) (result i32) (table.grow $a (ref.null func) (local.get 0)))
    (func (export "b") (param i32) (result i32) (table.grow $b (ref.null extern) (local.get 0)))
    (func (export "sizes") (result i32 i32) (table.size $a) (table.size $b)))"#;

#[test]
fn the_limit_of_elements_is_one_for_all_tables_of_a_group() {
    let mut guest = limited(TABLES, |config| config.max_table_elements = 50).unwrap();
    let grow = |guest: &mut Guest, name: &str, delta: u32| guest.call(name, &[Val::I32(delta as i32)]).unwrap();
    assert_eq!(grow(&mut guest, "a", 31), [Val::I32(-1)]);
    assert_eq!(guest.group.refused(), Some(Refused::TableElements(50)));
    assert_eq!(grow(&mut guest, "a", 20), [Val::I32(10)]);
    // What one has taken the other does not have: its own maximum would allow it.
    assert_eq!(grow(&mut guest, "b", 11), [Val::I32(-1)]);
    assert_eq!(grow(&mut guest, "b", 10), [Val::I32(10)]);
    for (name, delta) in [("a", 1), ("b", 1), ("a", u32::MAX), ("b", 1 << 31)] {
        assert_eq!(grow(&mut guest, name, delta), [Val::I32(-1)], "{name} {delta}");
    }
    assert_eq!(guest.call("sizes", &[]).unwrap(), [Val::I32(30), Val::I32(20)]);
    // Nor is there any left for a table of another module or of the host.
    let ty = TableType::new(ValType::FUNCREF, 1, None);
    let error = Table::new(&mut guest.group, ty).unwrap_err().to_string();
    assert!(error.contains("max_table_elements") && error.contains("50"), "{error}");
    let error = guest.group.instantiate(&artifact(TABLES), &Imports::new()).unwrap_err().to_string();
    assert!(error.contains("max_table_elements"), "{error}");
}

#[test]
fn a_tables_own_maximum_is_not_the_groups() {
    let mut guest = limited(TABLES, |_| ()).unwrap();
    assert_eq!(guest.call("b", &[Val::I32(31)]).unwrap(), [Val::I32(-1)]);
    assert_eq!(guest.group.refused(), None);
    // The control: without the limit above, both grow.
    assert_eq!(guest.call("b", &[Val::I32(30)]).unwrap(), [Val::I32(10)]);
    assert_eq!(guest.call("a", &[Val::I32(1000)]).unwrap(), [Val::I32(10)]);
}

#[test]
fn a_stack_of_another_size_overflows_at_another_depth() {
    let wat = r#"(module (global $depth (mut i32) (i32.const 0))
        (func $down (export "down") (result i32)
            (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
            (i32.add (call $down) (i32.const 1)))
        (func (export "depth") (result i32) (global.get $depth)))"#;
    let mut depths = Vec::new();
    for size in [64 << 10, 256 << 10, 1 << 20, 24 << 20] {
        let mut guest = limited(wat, |config| config.stack_size = size).unwrap();
        assert_eq!(guest.trap_code("down", &[]), TrapCode::StackOverflow);
        depths.push(guest.i32("depth") as f64 / size as f64);
    }
    // As deep as it is large, but for a little at the ends.
    assert!(depths.iter().all(|depth| (depth / depths[3] - 1.0).abs() < 0.1), "{depths:?}");
}

// The command line.

/// A program in the text format that ends with what `body` leaves as its exit status.
fn program(memory: &str, body: &str) -> String {
    format!(
        r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") {memory}) (table $t 10 funcref)
            (func $down (result i32) (i32.add (call $down) (i32.const 1)))
            (func (export "_start") (call $exit {body})))"#
    )
}

#[test]
fn a_memory_that_may_not_grow_fails_to_and_a_note_names_the_option() {
    let place = Place::new();
    // 64 pages more: 7 if that fails, 8 if not.
    let body = "(select (i32.const 7) (i32.const 8) (i32.eq (memory.grow (i32.const 64)) (i32.const -1)))";
    let app = place.file("app.wat", program("1", body));
    for limit in ["4MiB", "4194304", "64KiB", "65536"] {
        place.run(&["--max-memory", limit, text(&app)]).with(7).says(&["note", "--max-memory"]);
    }
    for limit in ["5MiB", "4259840", "8GiB"] {
        place.run(&["--max-memory", limit, text(&app)]).with(8).silently();
    }
    place.run(&[text(&app)]).with(8).silently();
    place.run(&["--max-memory", "65535", text(&app)]).with(1).says(&["app.wat", "max_memory"]);
    place.run(&["--max-memory", "much", text(&app)]).with(2).says(&["--max-memory"]);
}

#[test]
fn a_table_that_may_not_grow_fails_to_and_a_note_names_the_option() {
    let place = Place::new();
    let grow = "(table.grow $t (ref.null func) (i32.const 90))";
    let app = place
        .file("app.wat", program("0", &format!("(select (i32.const 7) (i32.const 8) (i32.eq {grow} (i32.const -1)))")));
    place.run(&["--max-table", "99", text(&app)]).with(7).says(&["note", "--max-table"]);
    place.run(&["--max-table", "100", text(&app)]).with(8).silently();
    place.run(&[text(&app)]).with(8).silently();
    place.run(&["--max-table", "9", text(&app)]).with(1).says(&["app.wat", "max_table"]);
}

/// One more than may be reached is a trap; those that nobody can reach do not count.
#[test]
fn exceptions_that_are_kept_have_a_limit_and_a_note_names_the_option() {
    let place = Place::new();
    let keep = |name: &str, count: u32, index: &str| {
        let wat = format!(
            r#"(module (tag $e) (table $t 1000 exnref)
                (func (export "_start") (local $i i32)
                    (loop $l
                        (table.set $t {index}
                            (block $h (result exnref) (try_table (catch_all_ref $h) (throw $e)) unreachable))
                        (local.set $i (i32.add (local.get $i) (i32.const 1)))
                        (br_if $l (i32.lt_u (local.get $i) (i32.const {count}))))))"#
        );
        place.file(name, wat)
    };
    let kept = keep("kept.wat", 100, "(local.get $i)");
    place.run(&[text(&kept)]).with(0).silently();
    place.run(&["--max-exceptions", "100", text(&kept)]).with(0).silently();
    place.run(&["--max-exceptions", "99", text(&kept)]).with(134).says(&["resource limit", "note", "--max-exceptions"]);
    let forgotten = keep("forgotten.wat", 10_000, "(i32.const 0)");
    place.run(&["--max-exceptions", "2", text(&forgotten)]).with(0).silently();
    place.run(&["--max-exceptions", "-1", text(&kept)]).with(2).says(&["--max-exceptions"]);
}

#[test]
fn a_stack_that_overflows_is_a_trap_and_a_note_names_the_option() {
    let place = Place::new();
    let app = place.file("app.wat", program("0", "(call $down)"));
    place.run(&["--max-stack", "128KiB", text(&app)]).with(134).says(&["call stack exhausted", "note", "--max-stack"]);
    place.run(&[text(&app)]).with(134).says(&["call stack exhausted", "--max-stack"]);
    for wrong in ["63KiB", "25MiB", "0", "16EiB"] {
        let ended = place.run(&["--max-stack", wrong, text(&app)]).with(1);
        assert!(ended.err.contains("stack of") && ended.err.contains("65536"), "{ended:#?}");
    }
}

#[test]
fn limits_hold_for_preloaded_modules_too() {
    let place = Place::new();
    let lib = place.file("lib.wat", r#"(module (memory 100) (func (export "f")))"#);
    let app = place.file("app.wat", r#"(module (import "lib" "f" (func)) (func (export "_start")))"#);
    let preload = format!("lib={}", text(&lib));
    place.run(&["--preload", &preload, text(&app)]).with(0).silently();
    place.run(&["--max-memory", "1MiB", "--preload", &preload, text(&app)]).with(1).says(&["lib.wat", "max_memory"]);
}

#[test]
fn all_memories_together_grow_to_their_limit_and_no_further() {
    let mut guest = limited(
        "(module (memory $a 1) (memory $b 1) (memory $c i64 0 100 (pagesize 1))
           (func (export \"a\") (param i32) (result i32) (memory.grow $a (local.get 0)))
           (func (export \"b\") (param i32) (result i32) (memory.grow $b (local.get 0)))
           (func (export \"c\") (param i32) (result i32)
             (i32.wrap_i64 (memory.grow $c (i64.extend_i32_u (local.get 0))))))",
        |config| config.max_total_memory = 5 * PAGE + 50,
    )
    .unwrap();
    for (name, delta, old) in
        [("a", 4, -1), ("a", 2, 1), ("b", 2, -1), ("b", 1, 1), ("a", 1, -1), ("c", 51, -1), ("c", 50, 0), ("c", 1, -1)]
    {
        assert_eq!(guest.call(name, &[Val::I32(delta)]).unwrap(), [Val::I32(old)], "{name} by {delta}");
        if old == -1 {
            assert!(matches!(guest.group.refused(), Some(Refused::MemoryBytes(_))), "{name} by {delta}");
        }
    }
}
