//! Linear memories and tables: their bounds, and how they grow.

use bailiwick_loader::{
    Error, Group, GroupConfig, Imports, Memory, MemoryType, Table, TableType, TrapCode, Val, ValType,
};
use bailiwick_runtime_abi::limits::GUARD_SIZE;
use bailiwick_tests::compile::artifact;
use bailiwick_tests::guest::Guest;
use std::fmt::Write;

/// Loads and stores of every width.
const ACCESSES: &[(&str, &str, u64)] = &[
    ("i32.load8_s", "i32", 1),
    ("i32.load8_u", "i32", 1),
    ("i32.load16_s", "i32", 2),
    ("i32.load", "i32", 4),
    ("i64.load8_u", "i64", 1),
    ("i64.load32_s", "i64", 4),
    ("i64.load", "i64", 8),
    ("f32.load", "f32", 4),
    ("f64.load", "f64", 8),
    ("i32.store8", "i32", 1),
    ("i32.store16", "i32", 2),
    ("i32.store", "i32", 4),
    ("i64.store8", "i64", 1),
    ("i64.store32", "i64", 4),
    ("i64.store", "i64", 8),
    ("f32.store", "f32", 4),
    ("f64.store", "f64", 8),
];

/// Around every bound that the compiler or the loader might get wrong.
fn offsets() -> Vec<u64> {
    let mut offsets = vec![0, 1, 65528, 65532, 65535, 65536, 0xffff_fff0, 0xffff_fff8, 0xffff_ffff];
    for bound in [GUARD_SIZE, 0x7dff_ffff, 0x7e00_0000, 1 << 31, (1 << 31) - 1] {
        offsets.extend([bound - 16, bound - 8, bound - 4, bound - 1, bound, bound + 1, bound + 8]);
    }
    offsets.sort_unstable();
    offsets.dedup();
    offsets
}

const INDICES: &[u32] = &[0, 1, 65528, 65535, 65536, 0x7fff_ffff, 0x8000_0000, 0x81ff_ffff, 0xffff_fff8, 0xffff_ffff];

/// A module with a function for each access at each offset, and one with a constant index.
fn accesses(pages: u64) -> String {
    let mut wat = format!("(module (memory (export \"memory\") {pages})");
    for (op, ty, _) in ACCESSES {
        for offset in offsets() {
            let access = |index: &str| match op.contains("load") {
                true => format!("(drop ({op} offset={offset} {index}))"),
                false => format!("({op} offset={offset} {index} ({ty}.const 0))"),
            };
            let _ = write!(wat, "(func (export \"{op} {offset}\") (param i32) {})", access("(local.get 0)"));
            for index in INDICES {
                let _ = write!(
                    wat,
                    "(func (export \"{op} {offset} {index}\") {})",
                    access(&format!("(i32.const {index})"))
                );
            }
        }
    }
    wat + ")"
}

fn check(pages: u64) {
    let mut guest = Guest::new(&accesses(pages));
    let size = pages << 16;
    for (op, _, width) in ACCESSES {
        for offset in offsets() {
            let func = guest.instance.typed_func::<u32, ()>(&mut guest.group, &format!("{op} {offset}")).unwrap();
            for &index in INDICES {
                let inside = u64::from(index) + offset + width <= size;
                let name = format!("{op} {offset} {index}");
                let constant = guest.instance.typed_func::<(), ()>(&mut guest.group, &name).unwrap();
                for result in [func.call(&mut guest.group, index), constant.call(&mut guest.group, ())] {
                    let code = result.as_ref().err().and_then(Error::trap_code);
                    match inside {
                        true => assert!(result.is_ok(), "{name}: {result:?}"),
                        false => assert_eq!(code, Some(TrapCode::MemoryOutOfBounds), "{name}: {result:?}"),
                    }
                }
            }
        }
    }
}

#[test]
fn accesses_at_every_bound_trap_exactly_when_they_are_outside() {
    check(1);
}

#[test]
fn also_with_no_page_and_with_all_of_them() {
    check(0);
    check(65536);
}

#[test]
fn a_second_memory_of_a_group_has_the_same_bounds() {
    let mut guest = Guest::new("(module (memory 1))");
    let second = guest.group.instantiate(&artifact(&accesses(1)), &Imports::new()).unwrap();
    for (name, inside) in [("i32.load 65532", true), ("i32.load 65535", false), ("i32.load 4294967295", false)] {
        let func = second.typed_func::<u32, ()>(&mut guest.group, name).unwrap();
        assert_eq!(func.call(&mut guest.group, 0).is_ok(), inside, "{name}");
        let code = func.call(&mut guest.group, u32::MAX).unwrap_err().trap_code();
        assert_eq!(code, Some(TrapCode::MemoryOutOfBounds));
    }
}

const GROWS: &str = r#"(module (memory (export "memory") 1 5)
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "size") (result i32) (memory.size))
    (func (export "touch") (param i32) (result i32)
        (i32.store8 (local.get 0) (i32.const 9)) (i32.load8_u (local.get 0))))"#;

#[test]
fn memory_grows_to_its_maximum_and_no_further() {
    let mut guest = Guest::new(GROWS);
    let grow = |guest: &mut Guest, delta: u32| {
        let Val::I32(old) = guest.call("grow", &[Val::I32(delta as i32)]).unwrap()[0] else { panic!() };
        old
    };
    assert_eq!(guest.trap_code("touch", &[Val::I32(65536)]), TrapCode::MemoryOutOfBounds);
    assert_eq!(grow(&mut guest, 0), 1);
    assert_eq!(grow(&mut guest, 2), 1);
    assert_eq!(guest.call("touch", &[Val::I32(3 * 65536 - 1)]).unwrap(), [Val::I32(9)]);
    for delta in [3, 4, 65536, 0x7fff_ffff, 0xffff_ffff] {
        assert_eq!(grow(&mut guest, delta), -1, "{delta}");
    }
    assert_eq!(guest.i32("size"), 3);
    assert_eq!(grow(&mut guest, 2), 3);
    assert_eq!(grow(&mut guest, 1), -1);
    assert_eq!(guest.trap_code("touch", &[Val::I32(5 * 65536)]), TrapCode::MemoryOutOfBounds);
    let memory = guest.instance.memory(&mut guest.group, "memory").unwrap();
    assert_eq!(memory.bytes(&mut guest.group).unwrap().len(), 5 * 65536);
    assert_eq!(memory.grow(&mut guest.group, 1).unwrap(), None);
    assert_eq!(memory.ty(&mut guest.group).unwrap(), MemoryType::new(5, Some(5)));
}

#[test]
fn a_groups_limit_is_below_a_modules_maximum() {
    let mut config = GroupConfig::default();
    config.max_memory = 2 * 65536;
    let mut group = Group::with_config(config).unwrap();
    let instance = group.instantiate(&artifact(GROWS), &Imports::new()).unwrap();
    let grow = instance.typed_func::<i32, i32>(&mut group, "grow").unwrap();
    assert_eq!(grow.call(&mut group, 1).unwrap(), 1);
    assert_eq!(grow.call(&mut group, 1).unwrap(), -1);
    assert!(matches!(Memory::new(&mut group, MemoryType::new(3, None)), Err(Error::Limit { .. })));
}

#[test]
fn a_memory_grows_to_four_gibibytes_and_its_last_byte_is_there() {
    let mut guest = Guest::new(&GROWS.replace("1 5", "1"));
    assert_eq!(guest.call("grow", &[Val::I32(65535)]).unwrap(), [Val::I32(1)]);
    assert_eq!(guest.i32("size"), 65536);
    assert_eq!(guest.call("grow", &[Val::I32(1)]).unwrap(), [Val::I32(-1)]);
    assert_eq!(guest.call("touch", &[Val::I32(-1)]).unwrap(), [Val::I32(9)]);
}

#[test]
fn memory_between_instances_is_fresh() {
    // A page that an earlier group has used must not be seen again.
    for _ in 0..20 {
        let mut guest = Guest::new(GROWS);
        let memory = guest.instance.memory(&mut guest.group, "memory").unwrap();
        assert!(memory.bytes(&mut guest.group).unwrap().iter().all(|&b| b == 0));
        memory.bytes(&mut guest.group).unwrap().fill(0xaa);
    }
}

#[test]
fn a_large_image_is_there_and_belongs_to_each_instance_alone() {
    // Above the size from which images are mapped instead of copied, and not a whole number of pages.
    let len = 200_003;
    let bytes: String = (0..len).map(|i| format!("\\{:02x}", (i * 7 + i / 251) % 256)).collect();
    let artifact = artifact(&format!(r#"(module (memory (export "memory") 5) (data (i32.const 4099) "{bytes}"))"#));
    for _ in 0..3 {
        let mut group = Group::new().unwrap();
        let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
        let memory = instance.memory(&mut group, "memory").unwrap().bytes(&mut group).unwrap();
        for (i, byte) in memory.iter().enumerate() {
            let expected = match i.checked_sub(4099) {
                Some(i) if i < len => ((i * 7 + i / 251) % 256) as u8,
                _ => 0,
            };
            assert_eq!(*byte, expected, "{i}");
        }
        memory.fill(0x55);
    }
}

#[test]
fn tables_grow_to_their_maximum_and_no_further() {
    let mut guest = Guest::new(
        r#"(module (table $t (export "t") 1 4 funcref) (elem declare func $f)
            (func $f (result i32) (i32.const 3))
            (func (export "grow") (param i32) (result i32) (table.grow $t (ref.func $f) (local.get 0)))
            (func (export "call") (param i32) (result i32) (call_indirect $t (result i32) (local.get 0))))"#,
    );
    assert_eq!(guest.trap_code("call", &[Val::I32(0)]), TrapCode::IndirectCallToNull);
    assert_eq!(guest.trap_code("call", &[Val::I32(1)]), TrapCode::TableOutOfBounds);
    assert_eq!(guest.call("grow", &[Val::I32(2)]).unwrap(), [Val::I32(1)]);
    assert_eq!(guest.call("call", &[Val::I32(2)]).unwrap(), [Val::I32(3)]);
    for delta in [2, -1, i32::MAX] {
        assert_eq!(guest.call("grow", &[Val::I32(delta)]).unwrap(), [Val::I32(-1)]);
    }
    let table = guest.instance.table(&mut guest.group, "t").unwrap();
    assert_eq!(table.grow(&mut guest.group, 1, Val::FuncRef(None)).unwrap(), Some(3));
    assert_eq!(table.grow(&mut guest.group, 1, Val::FuncRef(None)).unwrap(), None);
    assert_eq!(guest.trap_code("call", &[Val::I32(3)]), TrapCode::IndirectCallToNull);
    assert!(matches!(table.get(&mut guest.group, 4), Err(Error::OutOfBounds(_))));
    assert!(matches!(table.set(&mut guest.group, 4, Val::FuncRef(None)), Err(Error::OutOfBounds(_))));
    assert!(matches!(table.set(&mut guest.group, 0, Val::I32(1)), Err(Error::Type { .. })));
}

#[test]
fn a_table_has_to_be_of_references() {
    let mut group = Group::new().unwrap();
    let ty = TableType::new(ValType::I32, 1, None);
    assert!(matches!(Table::new(&mut group, ty), Err(Error::Type { .. })));
}

#[test]
fn globals_are_written_with_their_type_and_only_if_mutable() {
    let mut guest = Guest::new(
        r#"(module (global $v (export "v") (mut i64) (i64.const 4)) (global (export "c") f32 (f32.const 1.5))
            (func (export "get") (result i64) (global.get $v)))"#,
    );
    let v = guest.instance.global(&mut guest.group, "v").unwrap();
    v.set(&mut guest.group, Val::I64(-9)).unwrap();
    assert_eq!(guest.call("get", &[]).unwrap(), [Val::I64(-9)]);
    assert!(matches!(v.set(&mut guest.group, Val::I32(1)), Err(Error::Type { .. })));
    let c = guest.instance.global(&mut guest.group, "c").unwrap();
    assert_eq!(c.get(&mut guest.group).unwrap(), Val::F32(1.5f32.to_bits()));
    assert!(matches!(c.set(&mut guest.group, Val::F32(0)), Err(Error::Type { .. })));
}
