//! Known wounds of Lucet, Wasmtime, Wasmer and Cranelift, as tests: each is named after its advisory or issue.
//!
//! What they are is told in one line each; most are of the compiler's arithmetic on addresses, of a layout that two places
//! compute, or of what one instance leaves to the next.

mod common;

use bailiwick_loader::{
    Caller, Error, Group, GroupConfig, HostError, Imports, LinkError, TableType, TrapCode, Val, ValType,
};
use bailiwick_tests::compile::{artifact, binary, compile};
use bailiwick_tests::guest::Guest;
use common::{Place, Random, text, times};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn i32s(values: &[i32]) -> Vec<Val> {
    values.iter().map(|&v| Val::I32(v)).collect()
}

// Layout.

/// <https://rustsec.org/advisories/RUSTSEC-2020-0004>: the size of the globals was left out of one of two sums, so that
/// more than 4 KiB of them lay over the signal stack.
#[test]
fn cve_2020_35859_globals_overlap_nothing() {
    // Something of every part of a context, and so much of it that every part is larger than a page.
    const N: usize = 600;
    let mut wat = String::from("(module (memory 1) (table $t 300 funcref) (table $x 4 externref)");
    for i in 0..N {
        let params = (0..10).map(|bit| if i >> bit & 1 == 1 { " i64" } else { " i32" }).collect::<String>();
        let _ = write!(wat, "(type $t{i} (func (param{params})))");
        let _ = write!(wat, "(global $g{i} (mut i64) (i64.const {i}))");
        let _ = write!(wat, "(func $f{i} (export \"f{i}\") (result i32) (i32.const {i}))");
    }
    let all = |one: fn(usize) -> String| (0..N).map(one).collect::<String>();
    let functions = all(|i| format!(" $f{i}"));
    let set = all(|i| format!("(global.set $g{i} (i64.add (local.get 0) (i64.const {i})))"));
    let sum =
        all(|i| format!("(local.set 0 (i64.add (local.get 0) (i64.mul (global.get $g{i}) (i64.const {})))) ", i + 1));
    let _ = write!(
        wat,
        "(elem declare func{functions})
        (func (export \"set\") (param i64) {set})
        (func (export \"sum\") (result i64) (local i64) {sum} (local.get 0))
        (func (export \"refer\") (param i32) (table.set $t (local.get 0) (ref.func $f7)))
        (func (export \"call\") (param i32) (result i32) (call_indirect $t (result i32) (local.get 0)))
        (func (export \"load\") (result i32) (i32.load (i32.const 65532)))
        (func $deep (export \"deep\") (result i32) (i32.add (call $deep) (i32.const 1))))"
    );
    let mut guest = Guest::new(&wat);
    let sum = |add: i64| (0..N as i64).map(|i| (i + add) * (i + 1)).sum::<i64>();
    assert_eq!(guest.call("sum", &[]).unwrap(), [Val::I64(sum(0))]);
    guest.call("refer", &i32s(&[299])).unwrap();
    for add in [0x0101_0101_0101, -1, 77] {
        guest.call("set", &[Val::I64(add)]).unwrap();
        // The stack runs full beside it, signals are handled, functions are called and references made.
        assert_eq!(guest.trap_code("deep", &[]), TrapCode::StackOverflow);
        assert_eq!(guest.call("call", &i32s(&[299])).unwrap(), [Val::I32(7)]);
        assert_eq!(guest.i32("load"), 0);
        for i in (0..N).step_by(37) {
            assert_eq!(guest.i32(&format!("f{i}")), i as i32);
        }
        assert_eq!(
            guest.call("sum", &[]).unwrap(),
            [Val::I64((0..N as i64).fold(0i64, |sum, i| { sum.wrapping_add((i + add).wrapping_mul(i + 1)) }))]
        );
    }
}

/// A value that makes and uses a group of its own when it is dropped, where the dying one may have been.
struct Guarded(Arc<AtomicUsize>);

impl Drop for Guarded {
    fn drop(&mut self) {
        let mut guest = Guest::new("(module (memory 1) (func (export \"f\") (result i32) (i32.load (i32.const 0))))");
        assert_eq!(guest.i32("f"), 0);
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// <https://rustsec.org/advisories/RUSTSEC-2021-0155>: an instance lay in the slot that it owned; dropping it gave the slot
/// to another thread while destructors of it were still to run.
#[test]
fn cve_2021_43790_a_groups_place_is_not_reused_while_it_is_being_dropped() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let rounds = times(25, 2);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..rounds {
                    let (in_function, in_value) = (Guarded(dropped.clone()), Guarded(dropped.clone()));
                    let mut imports = Imports::new();
                    imports.func("host", "f", move |_: &mut Caller<'_>| {
                        let _ = &in_function;
                        Ok(7)
                    });
                    let mut group = Group::new().unwrap();
                    group.extern_ref(in_value).unwrap();
                    let wat = r#"(module (import "host" "f" (func $f (result i32))) (memory 1)
                        (func (export "g") (result i32) (i32.store (i32.const 0) (i32.const -1)) (call $f)))"#;
                    let instance = group.instantiate(&artifact(wat), &imports).unwrap();
                    drop(imports);
                    let g = instance.typed_func::<(), i32>(&mut group, "g").unwrap();
                    assert_eq!(g.call(&mut group, ()).unwrap(), 7);
                }
            });
        }
    });
    assert_eq!(dropped.load(Ordering::Relaxed), 4 * rounds * 2);
}

/// CVE-2022-39393, CVE-2026-34988: memory that one instance had used was seen by the next in its place.
#[test]
fn cve_2022_39393_nothing_of_a_former_instance_is_left() {
    let dirty = artifact(
        r#"(module (memory (export "memory") 40) (table (export "table") 100 funcref) (global (mut i64) (i64.const -1))
            (data (i32.const 0) "secret") (data (i32.const 70000) "secret") (elem (i32.const 0) $f) (func $f)
            (func (export "fill") (memory.fill (i32.const 0) (i32.const 1) (i32.const 2621440))
                (table.fill (i32.const 0) (ref.func $f) (i32.const 100))))"#,
    );
    let clean = artifact(
        r#"(module (memory (export "memory") 2) (table (export "table") 100 funcref)
        (func (export "beyond") (param i32) (result i32) (i32.load8_u (local.get 0))))"#,
    );
    for _ in 0..times(40, 4) {
        let mut group = Group::new().unwrap();
        let instance = group.instantiate(&dirty, &Imports::new()).unwrap();
        instance.typed_func::<(), ()>(&mut group, "fill").unwrap().call(&mut group, ()).unwrap();
        drop(group);
        let mut group = Group::new().unwrap();
        let instance = group.instantiate(&clean, &Imports::new()).unwrap();
        let memory = instance.memory(&mut group, "memory").unwrap();
        assert!(memory.bytes(&mut group).unwrap().iter().all(|&b| b == 0));
        let table = instance.table(&mut group, "table").unwrap();
        assert!((0..100).all(|i| table.get(&mut group, i).unwrap() == Val::FuncRef(None)));
        // Nor what the former one could reach beyond it.
        let beyond = instance.typed_func::<i32, i32>(&mut group, "beyond").unwrap();
        for at in [131_072, 200_000, 2_621_439] {
            assert_eq!(beyond.call(&mut group, at).unwrap_err().trap_code(), Some(TrapCode::MemoryOutOfBounds));
        }
    }
}

// Addresses.

/// <https://github.com/wasmerio/wasmer/issues/6879>: a guard of 2 GiB, and no check for offsets from 2 to 4 GiB.
#[test]
fn wasmer_6879_no_offset_reaches_beyond_the_guard() {
    let offsets =
        [0u64, 1 << 20, 0x7dff_fff8, 0x7e00_0000, 0x7fff_ffff, 1 << 31, 0xc000_0000, 0xffff_fffc, 0xffff_ffff];
    let mut wat = String::from("(module (memory (export \"memory\") 1)");
    for offset in offsets {
        let _ = write!(
            wat,
            "(func (export \"load {offset}\") (param i32) (result i64) (i64.load offset={offset} (local.get 0)))
            (func (export \"store {offset}\") (param i32) (i64.store offset={offset} (local.get 0) (i64.const -1)))"
        );
    }
    let artifact = artifact(&(wat.clone() + ")"));
    // Many cells, side by side, of which the middle one attacks.
    let mut guests: Vec<Guest> = (0..8)
        .map(|_| {
            let mut group = Group::new().unwrap();
            let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
            Guest { group, instance }
        })
        .collect();
    for offset in offsets {
        for index in [0u32, 1, 0x7fff_ffff, 1 << 31, 0xffff_fff0, u32::MAX] {
            if offset + u64::from(index) + 8 <= 65_536 {
                continue;
            }
            for name in ["load", "store"] {
                let code = guests[4].trap_code(&format!("{name} {offset}"), &i32s(&[index as i32]));
                assert_eq!(code, TrapCode::MemoryOutOfBounds, "{name} {offset}+{index}");
            }
        }
    }
    for guest in &mut guests {
        let memory = guest.instance.memory(&mut guest.group, "memory").unwrap();
        assert!(memory.bytes(&mut guest.group).unwrap().iter().all(|&b| b == 0));
    }
    // The control: where the memory is as large, the same accesses succeed.
    let mut guest = Guest::new(&(wat.replace("\"memory\") 1", "\"memory\") 65536") + ")"));
    for (offset, index) in [
        (0u64, 0xffff_fff8u32),
        (0x7dff_fff8, 0x7fff_ffff),
        (0x7e00_0000, 1 << 31),
        (0x7fff_ffff, 0x7fff_fff9),
        (1 << 31, 8),
    ] {
        for name in ["load", "store"] {
            guest.call(&format!("{name} {offset}"), &i32s(&[index as i32])).unwrap();
        }
        assert_eq!(guest.call(&format!("load {offset}"), &i32s(&[index as i32])).unwrap(), [Val::I64(-1)]);
    }
}

/// CVE-2021-32629: a spilled 32-bit index was reloaded with its sign extended, and lay below the memory.
#[test]
fn cve_2021_32629_an_index_above_2_gib_stays_unsigned_under_register_pressure() {
    // Forty values that are alive across a call, so that most of them and the index are spilled.
    let (n, mut lets, mut sums) = (40, String::new(), String::from("(local.get 0)"));
    for i in 1..=n {
        let _ = write!(lets, "(local.set {i} (i32.mul (local.get 0) (i32.const {})))", i * 2 + 1);
        sums = format!("(i32.add {sums} (local.get {i}))");
    }
    let locals = " i32".repeat(n);
    let mut guest = Guest::new(&format!(
        r#"(module (memory (export "memory") 65536) (func $nothing)
            (func (export "store") (param i32) (result i32) (local{locals})
                {lets} (call $nothing)
                (i32.store8 (local.get 0) (i32.const 42))
                (i32.store8 (i32.add (local.get 0) (i32.const 1)) (i32.load8_u (local.get 0)))
                {sums})
            (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))"#
    ));
    for index in [0x8000_0000u32, 0x8000_1000, 0xc000_0000, 0xffff_fff0, 0x7fff_fffe, 3] {
        guest.call("store", &i32s(&[index as i32])).unwrap();
        let memory = guest.instance.memory(&mut guest.group, "memory").unwrap();
        let bytes = memory.bytes(&mut guest.group).unwrap();
        assert_eq!(bytes[index as usize..][..2], [42, 42], "{index:#x}");
        assert_eq!(guest.call("load", &i32s(&[index as i32])).unwrap(), [Val::I32(42)]);
    }
    // In front of a memory of one page there is nothing to be had, as host metadata was in Lucet.
    let mut guest = Guest::new(
        r#"(module (memory 1) (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
            (func (export "store") (param i32) (i32.store (local.get 0) (i32.const 0))))"#,
    );
    for index in [-1, -4, -8, -64, -4096, -65_536, i32::MIN] {
        for name in ["load", "store"] {
            assert_eq!(guest.trap_code(name, &i32s(&[index])), TrapCode::MemoryOutOfBounds, "{index}");
        }
    }
}

/// CVE-2023-26489 (x86-64) and CVE-2026-34971 (aarch64): a shift or sum of 32 bits that became part of an address was
/// computed in 64 bits, or its count masked by the access's width.
#[test]
fn cve_2023_26489_cve_2026_34971_an_address_is_computed_in_32_bits() {
    let accesses: [(&str, u32); 6] = [
        ("i32.load8_u", 1),
        ("i32.load16_u", 2),
        ("i32.load", 4),
        ("i64.load8_u", 1),
        ("i64.load", 8),
        ("i64.load32_u", 4),
    ];
    let mut wat = String::from("(module (memory (export \"memory\") 3)");
    let shifts = [0u32, 1, 2, 3, 4, 8, 15, 16, 31, 32, 33, 34, 35, 63, 64, 65];
    for (access, _) in accesses {
        let ty = &access[..3];
        for shift in shifts {
            for (name, address) in [
                ("shl", format!("(i32.shl (local.get 0) (i32.const {shift}))")),
                ("add", format!("(i32.add (i32.shl (local.get 0) (i32.const {shift})) (local.get 1))")),
                ("const", format!("(i32.add (i32.shl (local.get 0) (i32.const {shift})) (i32.const -16))")),
                ("mul", format!("(i32.mul (local.get 0) (i32.const {}))", 1u32.wrapping_shl(shift) as i32)),
                ("wrap", format!("(i32.wrap_i64 (i64.shl (i64.extend_i32_s (local.get 0)) (i64.const {shift})))")),
            ] {
                let _ = write!(
                    wat,
                    "(func (export \"{access} {name} {shift}\") (param i32 i32) (result {ty}) ({access} offset=4 {address}))"
                );
            }
        }
    }
    let mut guest = Guest::new(&(wat + ")"));
    let memory = guest.instance.memory(&mut guest.group, "memory").unwrap();
    let mut random = Random::new(26489);
    let bytes: Vec<u8> = (0..3 * 65_536).map(|_| random.next() as u8).collect();
    memory.bytes(&mut guest.group).unwrap().copy_from_slice(&bytes);
    let values = [
        0u32,
        1,
        5,
        100,
        0x8000,
        0x1_0000,
        0x4000_0000,
        0x8000_0000,
        0x8000_0001,
        0xc000_0004,
        0xffff_ffff,
        0x2000_0010,
    ];
    let (mut inside, mut outside) = (0, 0);
    for (access, size) in accesses {
        for shift in shifts {
            for (name, second) in
                [("shl", 0u32), ("add", 7), ("add", 0xffff_fff0), ("const", 0), ("mul", 0), ("wrap", 0)]
            {
                for x in values {
                    let shifted = x.wrapping_shl(shift);
                    let index = match name {
                        "add" => shifted.wrapping_add(second),
                        "const" => shifted.wrapping_sub(16),
                        "wrap" => (i64::from(x as i32) << (shift & 63)) as u32,
                        _ => shifted,
                    };
                    let at = index as usize + 4;
                    let what = format!("{access} {name} {shift}");
                    let result = guest.call(&what, &i32s(&[x as i32, second as i32]));
                    match bytes.get(at..at + size as usize) {
                        Some(found) => {
                            let mut word = [0; 8];
                            word[..found.len()].copy_from_slice(found);
                            let expected = u64::from_le_bytes(word);
                            let found = match result.unwrap()[..] {
                                [Val::I32(v)] => u64::from(v as u32),
                                [Val::I64(v)] => v as u64,
                                ref other => panic!("{other:?}"),
                            };
                            assert_eq!(found, expected, "{what} of {x:#x}, {second:#x}");
                            inside += 1;
                        }
                        None => {
                            let code = result.expect_err(&what).trap_code();
                            assert_eq!(code, Some(TrapCode::MemoryOutOfBounds), "{what} of {x:#x}");
                            outside += 1;
                        }
                    }
                }
            }
        }
    }
    assert!(inside > 500 && outside > 500, "{inside} {outside}");
}

/// CVE-2026-24116, CVE-2026-34944: an operation of 16 bytes took its operand of 4 or 8 from memory, and read beyond its end.
#[test]
fn cve_2026_24116_an_operand_at_the_end_of_memory_is_not_read_beyond_it() {
    let mut wat = String::from("(module (memory (export \"memory\") 1)");
    let mut names = Vec::new();
    for (ty, size) in [("f32", 4), ("f64", 8)] {
        let load = format!("({ty}.load (local.get 0))");
        for op in ["add", "sub", "mul", "div", "min", "max", "copysign"] {
            for (order, operands) in
                [("first", format!("{load} (local.get 1)")), ("last", format!("(local.get 1) {load}"))]
            {
                let name = format!("{ty}.{op} {order}");
                let _ = write!(wat, "(func (export \"{name}\") (param i32 {ty}) (result {ty}) ({ty}.{op} {operands}))");
                names.push((name, size));
            }
        }
        for op in ["abs", "neg", "sqrt", "ceil", "floor", "trunc", "nearest"] {
            let name = format!("{ty}.{op}");
            let _ = write!(wat, "(func (export \"{name}\") (param i32 {ty}) (result {ty}) ({ty}.{op} {load}))");
            names.push((name, size));
        }
    }
    for (ty, size) in [("i32", 4), ("i64", 8)] {
        for op in ["add", "and", "xor", "mul", "rotl", "popcnt", "clz", "ctz"] {
            let operands = match op {
                "popcnt" | "clz" | "ctz" => format!("({ty}.load (local.get 0))"),
                _ => format!("(local.get 1) ({ty}.load (local.get 0))"),
            };
            let name = format!("{ty}.{op}");
            let _ = write!(wat, "(func (export \"{name}\") (param i32 {ty}) (result {ty}) ({ty}.{op} {operands}))");
            names.push((name, size));
        }
    }
    let mut guest = Guest::new(&(wat + ")"));
    for (name, size) in names {
        let value = match &name[..3] {
            "f32" => Val::F32(1f32.to_bits()),
            "f64" => Val::F64(1f64.to_bits()),
            "i32" => Val::I32(1),
            _ => Val::I64(1),
        };
        guest.call(&name, &[Val::I32(65_536 - size), value]).unwrap_or_else(|e| panic!("{name}: {e}"));
        let code = guest.trap_code(&name, &[Val::I32(65_536 - size + 1), value]);
        assert_eq!(code, TrapCode::MemoryOutOfBounds, "{name}");
    }
}

/// Lucet issues 145, 450: `memory.grow` allowed what code then found outside. Both take one bound.
#[test]
fn lucet_145_what_has_grown_is_there() {
    let mut config = GroupConfig::default();
    config.max_memory = 100 << 20;
    let mut group = Group::with_config(config).unwrap();
    let wat = r#"(module (memory 1) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "last") (result i32) (i32.load (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)))))"#;
    let instance = group.instantiate(&artifact(wat), &Imports::new()).unwrap();
    let grow = instance.typed_func::<i32, i32>(&mut group, "grow").unwrap();
    let last = instance.typed_func::<(), i32>(&mut group, "last").unwrap();
    let mut grown = 0;
    while grow.call(&mut group, 1).unwrap() != -1 {
        assert_eq!(last.call(&mut group, ()).unwrap(), 0);
        grown += 1;
    }
    assert_eq!(grown, 1599);
}

// Calls.

/// Lucet issues 158 and 460, and Spectre guards that clamp an index: the element behind the end is none, and not the first.
#[test]
fn lucet_460_an_index_beyond_a_table_is_no_element_of_it() {
    for table in ["(table 3 funcref)", "(table 3 3 funcref)", "(table (export \"t\") 3 funcref)"] {
        let mut guest = Guest::new(&format!(
            "(module {table} (elem (i32.const 0) $f $f $f) (func $f (result i32) (i32.const 9))
                (func (export \"call\") (param i32) (result i32) (call_indirect (result i32) (local.get 0))))"
        ));
        for index in 0..3 {
            assert_eq!(guest.call("call", &i32s(&[index])).unwrap(), [Val::I32(9)], "{table}");
        }
        for index in [3, 4, 5, 1024, 0x2000_0000, i32::MAX, i32::MIN, -1, -3] {
            assert_eq!(guest.trap_code("call", &i32s(&[index])), TrapCode::TableOutOfBounds, "{table} {index}");
        }
    }
}

/// Lucet issue 158: of two types that are one, each had an index of its own, and calls between them failed.
#[test]
fn lucet_158_equal_types_are_one() {
    let wat = |table: &str| {
        format!(
            "(module (type $a (func (param i32) (result i32))) (type $x (func)) (type $b (func (param i32) (result i32)))
                (type $c (func (param i32) (result i64)))
                {table} (elem (i32.const 0) $f $g) (func $f (type $a) (local.get 0)) (func $g (type $c) (i64.const 1))
                (func (export \"call\") (param i32) (result i32) (call_indirect (type $b) (i32.const 5) (local.get 0))))"
        )
    };
    for table in ["(table 2 funcref)", "(table (export \"t\") 2 funcref)"] {
        let mut guest = Guest::new(&wat(table));
        assert_eq!(guest.call("call", &i32s(&[0])).unwrap(), [Val::I32(5)]);
        assert_eq!(guest.trap_code("call", &i32s(&[1])), TrapCode::BadSignature);
    }
}

/// CVE-2024-47813: types that threads registered at the same time got each other's numbers.
#[test]
fn cve_2024_47813_types_of_groups_on_many_threads_are_told_apart() {
    let modules: Vec<_> = (0..8)
        .map(|seed| {
            let mut wat = String::from("(module (table (export \"t\") 64 funcref)");
            for i in 0..32 {
                let params =
                    (0..5).map(|bit| if (i + seed) >> bit & 1 == 1 { " i64" } else { " f32" }).collect::<String>();
                let _ = write!(wat, "(type $t{i} (func (param{params}) (result i32)))");
                let _ = write!(wat, "(func $f{i} (type $t{i}) (i32.const {i})) (elem (i32.const {i}) $f{i})");
            }
            let args = (0..5).map(|bit| if seed >> bit & 1 == 1 { "(i64.const 1)" } else { "(f32.const 1)" });
            let args = args.collect::<String>();
            let _ = write!(
                wat,
                "(func (export \"call\") (param i32) (result i32) (call_indirect (type $t0) {args} (local.get 0))))"
            );
            artifact(&wat)
        })
        .collect();
    std::thread::scope(|scope| {
        for first in 0..4 {
            let modules = &modules;
            scope.spawn(move || {
                for round in 0..times(100, 5) {
                    let mut group = Group::new().unwrap();
                    let instance =
                        group.instantiate(&modules[(first + round) % modules.len()], &Imports::new()).unwrap();
                    let call = instance.typed_func::<i32, i32>(&mut group, "call").unwrap();
                    assert_eq!(call.call(&mut group, 0).unwrap(), 0);
                    for other in 1..32 {
                        let code = call.call(&mut group, other).unwrap_err().trap_code();
                        assert_eq!(code, Some(TrapCode::BadSignature));
                    }
                }
            });
        }
    });
}

/// Lucet, of its import trampolines: an import called through a table went past the check of the stack.
#[test]
fn lucet_an_import_in_a_table_is_called_as_any_other_when_the_stack_is_nearly_full() {
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = calls.clone();
    let mut imports = Imports::new();
    imports.func("host", "f", move |_: &mut Caller<'_>| {
        // As much of the stack as a host function likes: it is the host's.
        let large = std::hint::black_box([1u8; 64 << 10]);
        seen.fetch_add(usize::from(large[5]), Ordering::Relaxed);
        Ok(())
    });
    let wat = r#"(module (import "host" "f" (func $f)) (table (export "t") 1 funcref) (elem (i32.const 0) $f)
        (func $down (export "down") (call_indirect (i32.const 0)) (call $f) (call $down) (call $f)))"#;
    let mut guest = Guest::with(wat, &imports);
    assert_eq!(guest.trap_code("down", &[]), TrapCode::StackOverflow);
    assert!(calls.load(Ordering::Relaxed) > 1000);
    let before = calls.load(Ordering::Relaxed);
    assert_eq!(guest.trap_code("down", &[]), TrapCode::StackOverflow);
    assert_eq!(calls.load(Ordering::Relaxed), 2 * before, "the stack is as deep as it was");
}

/// Lucet issue 219: the same import twice broke what was recorded of the module.
#[test]
fn lucet_219_an_import_may_be_named_twice() {
    let mut imports = Imports::new();
    imports.func("host", "f", |_: &mut Caller<'_>| Ok(20));
    let wat = r#"(module (import "host" "f" (func $a (result i32))) (import "host" "f" (func $b (result i32)))
        (func (export "sum") (result i32) (i32.add (call $a) (call $b))))"#;
    assert_eq!(Guest::with(wat, &imports).i32("sum"), 40);
}

/// Lucet, of `--bindings`: an import was bound by a symbol's name, whatever its type.
#[test]
fn lucet_an_import_is_not_bound_by_its_name_alone() {
    let mut imports = Imports::new();
    imports.func("host", "f", |_: &mut Caller<'_>, x: i64| Ok(x));
    for ty in [
        "(param i32) (result i64)",
        "(param i64)",
        "(result i64)",
        "(param i64 i64) (result i64)",
        "(param f64) (result i64)",
    ] {
        let wat = format!("(module (import \"host\" \"f\" (func {ty})))");
        let error = Group::new().unwrap().instantiate(&artifact(&wat), &imports).unwrap_err();
        assert!(matches!(error, Error::Link(LinkError::Mismatch { .. })), "{ty}: {error}");
    }
    Guest::with("(module (import \"host\" \"f\" (func (param i64) (result i64))))", &imports);
}

/// Lucet issue 584: a panic unwound through frames that can't be, and release builds lost the catch.
#[test]
fn lucet_584_a_panic_of_a_host_function_ends_the_guest_alone() {
    let mut imports = Imports::new();
    imports.func("host", "f", |_: &mut Caller<'_>, n: i32| -> Result<i32, HostError> {
        let empty: Vec<i32> = Vec::new();
        Ok(if n == 0 { empty[std::hint::black_box(3)] } else { n })
    });
    let wat = r#"(module (import "host" "f" (func $f (param i32) (result i32)))
        (func (export "g") (param i32) (result i32) (call $f (local.get 0))))"#;
    let mut guest = Guest::with(wat, &imports);
    for _ in 0..3 {
        assert_eq!(guest.trap_code("g", &i32s(&[0])), TrapCode::HostError);
        assert_eq!(guest.call("g", &i32s(&[4])).unwrap(), [Val::I32(4)]);
    }
}

/// Lucet issues 323 and 117: after a trap the kernel took the alternate signal stack for being in use, and the embedder's
/// own was lost.
#[test]
fn lucet_323_the_alternate_stack_is_free_again_after_each_trap() {
    fn alternate() -> (usize, libc::c_int) {
        // SAFETY: only asks.
        unsafe {
            let mut old: libc::stack_t = std::mem::zeroed();
            assert_eq!(libc::sigaltstack(std::ptr::null(), &mut old), 0);
            (old.ss_sp as usize, old.ss_flags)
        }
    }
    let wat = r#"(module (memory 1) (func (export "load") (drop (i32.load (i32.const -1))))
        (func (export "stop") unreachable) (func $deep (export "deep") (call $deep) (call $deep)))"#;
    let check = || {
        let mut guest = Guest::new(wat);
        guest.trap("stop", &[]);
        let (place, flags) = alternate();
        assert_eq!(flags & libc::SS_ONSTACK, 0);
        for _ in 0..50 {
            for name in ["load", "stop", "deep"] {
                guest.trap(name, &[]);
                assert_eq!(alternate(), (place, flags), "{name}");
            }
        }
    };
    std::thread::spawn(check).join().unwrap();
    // A thread whose owner gave it such a stack keeps it, and it is not what he gave to something else.
    let own = move || {
        let stack = vec![0u8; 256 << 10].leak();
        let new = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
        // SAFETY: the stack is leaked, so it outlives the thread.
        assert_eq!(unsafe { libc::sigaltstack(&new, std::ptr::null_mut()) }, 0);
        check();
        assert_eq!(alternate().1 & (libc::SS_ONSTACK | libc::SS_DISABLE), 0);
    };
    std::thread::spawn(own).join().unwrap();
}

/// Signatures of very many values: several of Cranelift's register allocators lost some of them.
#[test]
fn cranelift_very_many_parameters_and_results_arrive_in_their_places() {
    let types = ["i32", "i64", "f32", "f64"];
    for (params, results) in [(1, 40), (40, 1), (100, 60), (17, 17)] {
        let ty = |n: usize| (0..n).map(|i| format!(" {}", types[i % 4])).collect::<String>();
        // Results are the parameters from the last to the first, each converted to the type that it has to have.
        let result = |i: usize| {
            let from = (params - 1 + results - i) % params;
            let get = format!("(local.get {from})");
            let as_i64 = match from % 4 {
                0 => format!("(i64.extend_i32_s {get})"),
                1 => get,
                2 => format!("(i64.trunc_f32_s {get})"),
                _ => format!("(i64.trunc_f64_s {get})"),
            };
            match i % 4 {
                0 => format!("(i32.wrap_i64 {as_i64})"),
                1 => as_i64,
                2 => format!("(f32.convert_i64_s {as_i64})"),
                _ => format!("(f64.convert_i64_s {as_i64})"),
            }
        };
        let body = (0..results).map(result).collect::<String>();
        let get = (0..params).map(|i| format!("(local.get {i})")).collect::<String>();
        let wat = format!(
            "(module (type $t (func (param{}) (result{}))) (table (export \"t\") 1 funcref) (elem (i32.const 0) $f)
                (func $f (type $t) {body})
                (func (export \"direct\") (type $t) {get} (call $f))
                (func (export \"indirect\") (type $t) {get} (call_indirect (type $t) (i32.const 0))))",
            ty(params),
            ty(results)
        );
        let value = |i: usize, n: i64| match i % 4 {
            0 => Val::I32(n as i32),
            1 => Val::I64(n),
            2 => Val::F32((n as f32).to_bits()),
            _ => Val::F64((n as f64).to_bits()),
        };
        let arguments: Vec<Val> = (0..params).map(|i| value(i, i as i64 * 3 - 50)).collect();
        let expected: Vec<Val> =
            (0..results).map(|i| value(i, ((params - 1 + results - i) % params) as i64 * 3 - 50)).collect();
        let mut guest = Guest::new(&wat);
        for name in ["direct", "indirect"] {
            assert_eq!(guest.call(name, &arguments).unwrap(), expected, "{name} {params} → {results}");
        }
    }
}

// Values.

/// CVE-2022-31169: on aarch64, division by a constant was wrong.
#[test]
fn cve_2022_31169_division_by_constants_is_division() {
    let constants =
        [1i32, 2, 3, 5, 7, 10, 127, 128, 641, 65_535, 0x10001, i32::MAX, i32::MIN, -1, -2, -3, -7, -128, -0x7fff];
    let mut wat = String::from("(module");
    for c in constants {
        for op in ["div_s", "div_u", "rem_s", "rem_u"] {
            let _ = write!(
                wat,
                "(func (export \"i32.{op} {c}\") (param i32) (result i32) (i32.{op} (local.get 0) (i32.const {c})))
                (func (export \"i64.{op} {c}\") (param i64) (result i64) (i64.{op} (local.get 0) (i64.const {c})))"
            );
        }
    }
    let mut guest = Guest::new(&(wat + ")"));
    for c in constants {
        let wide = i64::from(c);
        for x in [0i32, 1, -1, 2, 6, 7, 100, -100, 65_536, 0x1234_5678, i32::MAX, i32::MIN, i32::MIN + 1] {
            let narrow = [
                ("div_s", x.checked_div(c)),
                ("div_u", Some((x as u32 / c as u32) as i32)),
                ("rem_s", Some(x.wrapping_rem(c))),
                ("rem_u", Some((x as u32 % c as u32) as i32)),
            ];
            for (op, expected) in narrow {
                let result = guest.call(&format!("i32.{op} {c}"), &[Val::I32(x)]);
                match expected {
                    Some(expected) => assert_eq!(result.unwrap(), [Val::I32(expected)], "{x} {op} {c}"),
                    None => assert_eq!(result.unwrap_err().trap_code(), Some(TrapCode::IntegerOverflow)),
                }
            }
            for y in [i64::from(x), i64::from(x) << 32 | 12345] {
                let results = [
                    ("div_s", y.wrapping_div(wide)),
                    ("div_u", (y as u64 / wide as u64) as i64),
                    ("rem_s", y.wrapping_rem(wide)),
                    ("rem_u", (y as u64 % wide as u64) as i64),
                ];
                for (op, expected) in results {
                    let found = guest.call(&format!("i64.{op} {c}"), &[Val::I64(y)]).unwrap();
                    assert_eq!(found, [Val::I64(expected)], "{y} {op} {c}");
                }
            }
        }
    }
}

/// A NaN's bits survive every way through the guest and the host; arithmetic makes one, and conversions trap.
#[test]
fn nans_keep_their_bits_and_do_not_become_numbers() {
    let mut imports = Imports::new();
    let ty = bailiwick_loader::FuncType::new([ValType::F32, ValType::F64], [ValType::F32, ValType::F64]);
    imports.func_untyped("host", "same", ty, |_, values| Ok(values.to_vec()));
    let wat = r#"(module (import "host" "same" (func $same (param f32 f64) (result f32 f64)))
        (memory 1) (global $a (mut f32) (f32.const 0)) (global $b (mut f64) (f64.const 0))
        (func (export "way") (param f32 f64) (result f32 f64)
            (call $same (local.get 0) (local.get 1)) (global.set $b) (global.set $a)
            (f32.store (i32.const 65532) (global.get $a)) (f64.store (i32.const 8) (global.get $b))
            (f32.reinterpret_i32 (i32.reinterpret_f32 (f32.load (i32.const 65532))))
            (select (f64.load (i32.const 8)) (f64.const 1) (i32.const 1)))
        (func (export "min") (param f64) (result f64) (f64.min (local.get 0) (f64.const 1)))
        (func (export "lt") (param f64) (result i32) (i32.or (f64.lt (local.get 0) (f64.const 1)) (f64.ge (local.get 0) (f64.const 1))))
        (func (export "trunc") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
        (func (export "sat") (param f64) (result i32) (i32.trunc_sat_f64_s (local.get 0))))"#;
    let mut guest = Guest::with(wat, &imports);
    for narrow in [0x7fc0_0000u32, 0xffc0_0000, 0x7f80_0001, 0x7fff_ffff, 0xff81_2345] {
        for wide in [0x7ff8_0000_0000_0000u64, 0xfff8_0000_0000_0000, 0x7ff0_0000_0000_0001, 0xffff_ffff_ffff_ffff] {
            let values = [Val::F32(narrow), Val::F64(wide)];
            assert_eq!(guest.call("way", &values).unwrap(), values, "{narrow:#x} {wide:#x}");
            let [Val::F64(min)] = guest.call("min", &values[1..]).unwrap()[..] else { panic!() };
            assert!(f64::from_bits(min).is_nan());
            assert_eq!(guest.call("lt", &values[1..]).unwrap(), [Val::I32(0)]);
            assert_eq!(guest.trap_code("trunc", &values[1..]), TrapCode::BadConversionToInteger);
            assert_eq!(guest.call("sat", &values[1..]).unwrap(), [Val::I32(0)]);
        }
    }
}

/// CVE-2021-39216 to 39219: references of one kind or instance were taken for others.
#[test]
fn cve_2021_39218_references_stay_what_they_are() {
    let wat = r#"(module (table $x 10 externref) (table $f 10 funcref) (global $g (mut externref) (ref.null extern))
        (func $seven (export "seven") (result i32) (i32.const 7)) (elem declare func $seven)
        (func (export "select") (param externref externref i32) (result externref)
            (select (result externref) (local.get 0) (local.get 1) (local.get 2)))
        (func (export "choose") (param i32) (result funcref)
            (select (result funcref) (ref.func $seven) (ref.null func) (local.get 0)))
        (func (export "keep") (param externref) (result externref) (local externref)
            (table.set $x (i32.const 9) (local.get 0)) (global.set $g (table.get $x (i32.const 9)))
            (drop (table.grow $x (global.get $g) (i32.const 2000)))
            (table.copy $x $x (i32.const 0) (i32.const 5) (i32.const 1000))
            (if (i32.eqz (ref.is_null (local.get 1))) (then unreachable))
            (table.get $x (i32.sub (table.size $x) (i32.const 5))))
        (func (export "null") (param externref) (result i32) (ref.is_null (local.get 0))))"#;
    let mut guest = Guest::new(wat);
    let values: Vec<_> = (0..5).map(|i| guest.group.extern_ref(i).unwrap()).collect();
    for (i, &value) in values.iter().enumerate() {
        let (this, other) = (Val::ExternRef(Some(value)), Val::ExternRef(Some(values[(i + 1) % 5])));
        let null = Val::ExternRef(None);
        assert_eq!(guest.call("select", &[this, other, Val::I32(1)]).unwrap(), [this]);
        assert_eq!(guest.call("select", &[this, other, Val::I32(0)]).unwrap(), [other]);
        assert_eq!(guest.call("select", &[null, other, Val::I32(1 << 31)]).unwrap(), [null]);
        assert_eq!(guest.call("keep", &[this]).unwrap(), [this]);
        assert_eq!(guest.call("null", &[this]).unwrap(), [Val::I32(0)]);
        assert_eq!(guest.call("null", &[null]).unwrap(), [Val::I32(1)]);
        assert_eq!(guest.group.extern_value(value).and_then(|v| v.downcast_ref::<usize>()), None);
        assert_eq!(guest.group.extern_value(value).and_then(|v| v.downcast_ref::<i32>()), Some(&(i as i32)));
        // One kind is not the other, and one group's is not another's.
        let function = Val::FuncRef(Some(guest.instance.func(&mut guest.group, "seven").unwrap()));
        assert!(matches!(guest.call("keep", &[function]), Err(Error::Type { .. })));
        assert!(matches!(Guest::new(wat).call("keep", &[this]), Err(Error::WrongGroup(_))));
    }
    let [Val::FuncRef(Some(seven))] = guest.call("choose", &i32s(&[1])).unwrap()[..] else { panic!() };
    assert_eq!(seven.call(&mut guest.group, &[]).unwrap(), [Val::I32(7)]);
    assert_eq!(guest.call("choose", &i32s(&[0])).unwrap(), [Val::FuncRef(None)]);
}

/// CVE-2026-44216: a table of the largest size there can be made the host panic.
#[test]
fn cve_2026_44216_a_huge_table_or_memory_is_an_error() {
    for size in [10_000_001u64, 1 << 29, 1 << 31, u64::from(u32::MAX)] {
        let Ok(bytes) = compile(&binary(&format!("(module (table {size} funcref))"))) else { continue };
        let artifact = bailiwick_loader::Artifact::from_bytes(&bytes, "huge").unwrap();
        let error = Group::new().unwrap().instantiate(&artifact, &Imports::new()).unwrap_err();
        assert!(matches!(error, Error::Limit { .. }), "{size}: {error}");
        let mut group = Group::new().unwrap();
        let ty = TableType::new(ValType::EXTERNREF, size, None);
        assert!(matches!(bailiwick_loader::Table::new(&mut group, ty), Err(Error::Limit { .. })));
    }
    let mut group = Group::new().unwrap();
    for minimum in [65_537, u64::MAX / 65_536, u64::MAX] {
        let ty = bailiwick_loader::MemoryType::new(minimum, None);
        assert!(matches!(bailiwick_loader::Memory::new(&mut group, ty), Err(Error::Limit { .. })), "{minimum}");
    }
}

// The system interface.

/// A program that opens `path` below its folder with such flags, and ends with the error's number, 0 if there was none.
fn opening(path: &str, oflags: u32, rights: u64) -> String {
    format!(
        r#"(module (import "wasi_snapshot_preview1" "path_open"
                (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1) (data (i32.const 100) "{path}")
            (func (export "_start") (call $exit (call $open (i32.const 3) (i32.const 1) (i32.const 100)
                (i32.const {}) (i32.const {oflags}) (i64.const {rights}) (i64.const 0) (i32.const 0) (i32.const 64)))))"#,
        path.len()
    )
}

/// GHSA-vqjp-4c8c-hfgg: a path or a symbolic link that ends in `/` led out of the folder.
#[test]
fn ghsa_vqjp_4c8c_hfgg_no_spelling_of_a_link_leads_out() {
    let place = Place::new();
    let (folder, outside) = (place.path("granted"), place.path("outside"));
    std::fs::create_dir_all(folder.join("sub")).unwrap();
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), "secret").unwrap();
    std::fs::write(folder.join("sub/own"), "own").unwrap();
    for (name, target) in [
        ("relative", "../outside"),
        ("slash", "../outside/"),
        ("absolute", text(&outside)),
        ("inside", "sub"),
        ("up", ".."),
    ] {
        std::os::unix::fs::symlink(target, folder.join(name)).unwrap();
    }
    let grant = format!("{}::/work", text(&folder));
    let try_open = |path: &str, oflags: u32| {
        let app = place.file("open.wat", opening(path, oflags, 2));
        let ended = place.run(&["--dir", &grant, text(&app)]).prints("");
        assert!(ended.err.is_empty(), "{ended:#?}");
        ended.status
    };
    // The control: what lies inside is there, by a link too.
    for (path, oflags) in [("sub/own", 0), ("inside/own", 0), ("inside/", 2), ("sub/", 2), ("sub/../inside/own", 0)] {
        assert_eq!(try_open(path, oflags), Some(0), "{path}");
    }
    for link in ["relative", "slash", "absolute", "up"] {
        for (path, oflags) in [
            (format!("{link}/"), 2),
            (link.to_string(), 2),
            (format!("{link}/."), 2),
            (format!("{link}//"), 2),
            (format!("{link}/secret"), 0),
            (format!("{link}/../outside/secret"), 0),
            (format!("sub/../{link}/secret"), 0),
        ] {
            let status = try_open(&path, oflags);
            assert!(status.is_some_and(|errno| errno != 0 && errno < 80), "{path}: {status:?}");
        }
    }
}

/// CVE-2026-47261: opening with truncation asked for no right to write.
#[test]
fn cve_2026_47261_truncating_is_writing() {
    let place = Place::new();
    let folder = place.path("granted");
    std::fs::create_dir(&folder).unwrap();
    let grant = format!("{}::/work", text(&folder));
    let app = place.file("truncate.wat", opening("kept", 8, 2));
    std::fs::write(folder.join("kept"), "kept").unwrap();
    let ended = place.run(&["--dir-ro", &grant, text(&app)]);
    assert!(ended.status.is_some_and(|errno| errno != 0), "{ended:?}");
    assert_eq!(std::fs::read(folder.join("kept")).unwrap(), b"kept");
    place.run(&["--dir", &grant, text(&app)]).with(0);
    assert_eq!(std::fs::read(folder.join("kept")).unwrap(), b"");
}

/// CVE-2025-53901: `fd_renumber` of some pairs of descriptors made the host panic.
#[test]
fn cve_2025_53901_any_renumbering_is_an_answer() {
    let mut calls = String::new();
    for from in [0u32, 1, 2, 3, 4, 1000, 1 << 31, u32::MAX] {
        for to in [0u32, 1, 2, 3, 4, 1000, 1023, 1024, 1 << 31, u32::MAX] {
            let _ = write!(calls, "(drop (call $renumber (i32.const {from}) (i32.const {to})))");
        }
    }
    let place = Place::new();
    let app = place.file(
        "renumber.wat",
        format!(
            r#"(module (import "wasi_snapshot_preview1" "fd_renumber" (func $renumber (param i32 i32) (result i32)))
                (memory (export "memory") 1) (func (export "_start") {calls} {calls}))"#
        ),
    );
    let grant = format!("{}::/work", text(place.folder.path()));
    place.run(&["--dir-ro", &grant, text(&app)]).with(0).silently();
}
