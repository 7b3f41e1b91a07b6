//! Loads and stores at every bound, with indices computed in every way that the compiler looks at.

use super::{KINDS, Kind, meant};
use bailiwick_loader::{Error, Group, Imports, Instance, Memory, TrapCode, Val};
use bailiwick_runtime_abi::limits::{FRONT_GUARD_SIZE, GUARD_SIZE, MAX_MEMORY_SIZE};
use bailiwick_tests::compile::artifact;
use bailiwick_tests::guest::Guest;
use std::fmt::Write;

/// Operators, the type that they load or store, and how many bytes.
const ACCESSES: &[(&str, &str, u64)] = &[
    ("i32.load8_u", "i32", 1),
    ("i64.load16_u", "i64", 2),
    ("i32.load", "i32", 4),
    ("i64.load", "i64", 8),
    ("f64.load", "f64", 8),
    ("i64.store8", "i64", 1),
    ("i32.store16", "i32", 2),
    ("i64.store", "i64", 8),
];

/// How an index is computed from a number of 64 bits: for 64-bit memories, and what it is then.
type Way = (&'static str, fn(u64) -> u64);

const WAYS_64: &[Way] = &[
    ("(local.get 0)", |p| p),
    ("(i64.extend_i32_u (i32.wrap_i64 (local.get 0)))", |p| p as u32 as u64),
    ("(i64.extend_i32_s (i32.wrap_i64 (local.get 0)))", |p| p as i32 as u64),
    ("(i64.shl (i64.extend_i32_u (i32.wrap_i64 (local.get 0))) (i64.const 3))", |p| u64::from(p as u32) << 3),
    ("(i64.and (local.get 0) (i64.const 0x1ffff))", |p| p & 0x1ffff),
    ("(i64.shr_u (local.get 0) (i64.const 40))", |p| p >> 40),
    ("(i64.add (local.get 0) (i64.const -4))", |p| p.wrapping_sub(4)),
];

const WAYS_32: &[Way] = &[
    ("(i32.wrap_i64 (local.get 0))", |p| p as u32 as u64),
    ("(i32.shl (i32.wrap_i64 (local.get 0)) (i32.const 3))", |p| u64::from((p as u32) << 3)),
    ("(i32.and (i32.wrap_i64 (local.get 0)) (i32.const 0x1ffff))", |p| p & 0x1ffff),
    ("(i32.add (i32.wrap_i64 (local.get 0)) (i32.const -4))", |p| u64::from((p as u32).wrapping_sub(4))),
    ("(i32.wrap_i64 (i64.shr_u (local.get 0) (i64.const 40)))", |p| p >> 40),
];

impl Kind {
    fn ways(self) -> &'static [Way] {
        if self.index64 { WAYS_64 } else { WAYS_32 }
    }
}

/// Around every bound that the compiler might get wrong.
fn offsets(kind: Kind, length: u64) -> Vec<u64> {
    let mut offsets = vec![0, 1, 7, length.saturating_sub(8), length.saturating_sub(1), length, u32::MAX.into()];
    for bound in [FRONT_GUARD_SIZE, GUARD_SIZE, 1 << 31] {
        offsets.extend([bound - 8, bound - 1, bound, bound + 1]);
    }
    if kind.index64 {
        for bound in [1 << 32, MAX_MEMORY_SIZE, 1 << 63] {
            offsets.extend([bound - 8, bound - 1, bound, bound + 1]);
        }
        offsets.extend([u64::MAX - 8, u64::MAX - 7, u64::MAX - 1, u64::MAX]);
    }
    offsets.sort_unstable();
    offsets.dedup();
    offsets
}

/// Numbers from which indices are computed.
fn numbers(length: u64, offset: u64) -> Vec<u64> {
    let mut numbers = vec![0, 1, 4, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffff, 1 << 32, 1 << 40, 1 << 63];
    for reach in 0..10 {
        numbers.push(length.wrapping_sub(reach));
        // Those with which the sum is just in bounds, or wraps to where it would be.
        numbers.push(length.wrapping_sub(reach).wrapping_sub(offset));
    }
    numbers.extend([u64::MAX, u64::MAX - 7, length + 4, length >> 3, (length >> 3) - (length >> 3).min(1)]);
    numbers
}

fn module(kind: Kind, memory: &str, length: u64) -> String {
    let mut wat = format!("(module {memory} (export \"memory\" (memory 0))");
    for (op, ty, _) in ACCESSES {
        for offset in offsets(kind, length) {
            for (way, (index, _)) in kind.ways().iter().enumerate() {
                let name = format!("{op} {offset} {way}");
                let _ = match op.contains("load") {
                    true => write!(
                        wat,
                        "(func (export \"{name}\") (param i64) (result {ty}) ({op} offset={offset} {index}))"
                    ),
                    false => write!(
                        wat,
                        "(func (export \"{name}\") (param i64) ({op} offset={offset} {index} ({ty}.const -1)))"
                    ),
                };
            }
        }
    }
    wat + ")"
}

/// What memories begin with.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 7 + i / 256 + 1) as u8).collect()
}

fn check(group: &mut Group, instance: Instance, memory: Memory, kind: Kind, length: u64) {
    let expected = pattern(length as usize);
    memory.bytes(group).unwrap().copy_from_slice(&expected);
    for (op, _, width) in ACCESSES {
        for offset in offsets(kind, length) {
            for (way, (_, index)) in kind.ways().iter().enumerate() {
                let name = format!("{op} {offset} {way}");
                let func = instance.func(group, &name).unwrap();
                for number in numbers(length, offset) {
                    let start = u128::from(index(number)) + u128::from(offset);
                    let result = func.call(group, &[Val::I64(number as i64)]);
                    let what = format!("{kind:?} of {length}: {name} {number:#x}");
                    if start + u128::from(*width) > length.into() {
                        let code = result.as_ref().err().and_then(Error::trap_code);
                        assert_eq!(code, Some(TrapCode::MemoryOutOfBounds), "{what}: {result:?}");
                        assert!(memory.bytes(group).unwrap() == expected, "{what}: wrote");
                        continue;
                    }
                    let range = start as usize..start as usize + *width as usize;
                    let found = result.unwrap_or_else(|e| panic!("{what}: {e}"));
                    let mut loaded = [0; 8];
                    match found[..] {
                        [Val::I32(value)] => loaded[..4].copy_from_slice(&value.to_le_bytes()),
                        [Val::I64(value)] => loaded = value.to_le_bytes(),
                        [Val::F64(bits)] => loaded = bits.to_le_bytes(),
                        _ => {
                            let bytes = memory.bytes(group).unwrap();
                            assert!(bytes[range.clone()].iter().all(|&byte| byte == 0xff), "{what}: wrote elsewhere");
                            bytes[range.clone()].copy_from_slice(&expected[range.clone()]);
                            assert!(bytes == expected, "{what}: wrote more");
                            continue;
                        }
                    }
                    assert_eq!(loaded[..range.len()], expected[range], "{what}");
                }
            }
        }
    }
}

#[test]
fn accesses_trap_exactly_when_a_byte_of_them_is_outside() {
    for kind in KINDS {
        let lengths: &[u64] = if kind.page_size_log2 == 0 { &[65_531, 9] } else { &[1 << 16] };
        for &length in lengths {
            let memory = format!("(memory {})", kind.text(&(length >> kind.page_size_log2).to_string()));
            let mut guest = Guest::new(&module(kind, &memory, length));
            let memory = guest.instance.memory(&mut guest.group, "memory").unwrap();
            check(&mut guest.group, guest.instance, memory, kind, length);
        }
    }
}

#[test]
fn also_in_memories_that_are_imported() {
    for kind in KINDS {
        let length = 1 << 16;
        let mut group = Group::new().unwrap();
        let pages = length >> kind.page_size_log2;
        // Some memories are the group's first, in its cell; this one is not.
        Memory::new(&mut group, kind.ty(1, None)).unwrap();
        let memory = Memory::new(&mut group, kind.ty(pages, None)).unwrap();
        let mut imports = Imports::new();
        imports.define("host", "memory", memory);
        let wat = module(kind, &format!("(import \"host\" \"memory\" (memory {}))", kind.text("0")), length);
        let instance = group.instantiate(&artifact(&wat), &imports).unwrap();
        check(&mut group, instance, memory, kind, length);
    }
}

#[test]
fn constant_indices_are_checked_too() {
    // Also where a page of the host goes on behind the memory's end.
    let kinds = KINDS.into_iter().map(|kind| (kind, 1 << 16));
    for (kind, length) in kinds.chain([(KINDS[2], 65_531), (KINDS[3], 65_531), (KINDS[3], 9)]) {
        let mut indices = vec![0, 1, 2, length - 8, length - 7, length - 1, length];
        indices.extend([u32::MAX.into(), 1 << 32, 1 << 40, 1 << 63, u64::MAX]);
        let memory = kind.text(&(length >> kind.page_size_log2).to_string());
        let mut wat = format!("(module (memory {memory})");
        for (i, index) in indices.iter().enumerate() {
            let constant = format!("({}.const {})", kind.index(), meant(kind.index64, *index));
            for offset in offsets(kind, length) {
                let _ =
                    write!(wat, "(func (export \"{i} {offset}\") (result i64) (i64.load offset={offset} {constant}))");
            }
        }
        let mut guest = Guest::new(&(wat + ")"));
        for (i, index) in indices.iter().enumerate() {
            for offset in offsets(kind, length) {
                let end = u128::from(meant(kind.index64, *index)) + u128::from(offset) + 8;
                let result = guest.call(&format!("{i} {offset}"), &[]);
                let code = result.as_ref().err().and_then(Error::trap_code);
                let expected = (end > length.into()).then_some(TrapCode::MemoryOutOfBounds);
                assert_eq!(code, expected, "{kind:?} of {length}: {index:#x} + {offset:#x}: {result:?}");
            }
        }
    }
}

#[test]
fn an_index_of_a_known_bound_is_checked_if_the_memory_ends_a_byte_too_early() {
    // Each with its greatest index, and one byte of the access too much, none, or room for one more.
    for kind in [KINDS[2], KINDS[3]] {
        let ty = kind.index();
        for (index, most) in [
            ("({ty}.and (local.get 0) ({ty}.const 0xff))", 0xff),
            ("({ty}.shr_u (local.get 0) ({ty}.const 24))", if kind.index64 { 0xff_ffff_ffff } else { 0xff }),
            ("({ty}.rem_u (local.get 0) ({ty}.const 3))", 2),
            ("({ty}.add ({ty}.and (local.get 0) ({ty}.const 7)) ({ty}.const 9))", 16),
            ("({ty}.mul ({ty}.and (local.get 0) ({ty}.const 7)) ({ty}.const 9))", 63),
            ("({ty}.shl ({ty}.and (local.get 0) ({ty}.const 7)) ({ty}.const 3))", 56),
            ("({ty}.or ({ty}.and (local.get 0) ({ty}.const 9)) ({ty}.const 6))", 15),
            ("({ty}.xor ({ty}.and (local.get 0) ({ty}.const 9)) ({ty}.const 6))", 15),
            ("(select ({ty}.const 5) ({ty}.const 77) (i32.const 0))", 77),
        ]
        .map(|(index, most): (&str, u64)| (index.replace("{ty}", ty), most))
        .into_iter()
        .filter(|(_, most)| *most < 1 << 32)
        {
            for (offset, length) in [0, 3].into_iter().flat_map(|offset| {
                let reach = most + offset + 8;
                [reach - 1, reach, reach + 1].map(|length| (offset, length))
            }) {
                let mut guest = Guest::new(&format!(
                    "(module (memory {}) (func (export \"run\") (param {ty}) (result i64) (i64.load offset={offset} {index})))",
                    kind.text(&length.to_string())
                ));
                let outside = most + offset + 8 > length;
                // Of those, one makes the greatest index.
                let greatest = (0..16).chain([0xff, u64::MAX]).filter(|&i| {
                    let argument = if kind.index64 { Val::I64(i as i64) } else { Val::I32(i as i32) };
                    let result = guest.call("run", &[argument]);
                    let code = result.as_ref().err().and_then(Error::trap_code);
                    assert!(code.is_none_or(|code| outside && code == TrapCode::MemoryOutOfBounds), "{result:?}");
                    code.is_some()
                });
                assert_eq!(greatest.count() > 0, outside, "{index} + {offset} of {length}");
            }
        }
    }
}

#[test]
fn a_huge_index_of_a_branch_table_goes_to_the_default() {
    let mut guest = Guest::new(
        r#"(module (func (export "run") (param i32) (result i32)
            (block $c (block $b (block $a (br_table $a $b $c (local.get 0)))
                (return (i32.const 10))) (return (i32.const 11))) (i32.const 12)))"#,
    );
    for (index, expected) in [(0, 10), (1, 11), (2, 12), (3, 12), (i32::MAX, 12), (i32::MIN, 12), (-1, 12)] {
        assert_eq!(guest.call("run", &[Val::I32(index)]).unwrap(), [Val::I32(expected)], "{index}");
    }
}

/// An atomic access looks at its last byte if it is not aligned: the constant of that one must not wrap.
#[test]
fn atomic_accesses_far_behind_a_constant_index_are_out_of_bounds() {
    for kind in KINDS {
        for offset in
            [GUARD_SIZE - 8, GUARD_SIZE - 7, (1 << 31) - 8, (1 << 31) - 7, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]
        {
            let text = kind.text(&(0x10000u64 >> kind.page_size_log2).to_string());
            let mut guest = Guest::new(&format!(
                "(module (memory {text}) (func (export \"run\") (result i64) (i64.atomic.load offset={offset} ({}.const 0))))",
                kind.index()
            ));
            assert_eq!(guest.trap_code("run", &[]), TrapCode::MemoryOutOfBounds, "{kind:?} {offset:#x}");
        }
    }
}
