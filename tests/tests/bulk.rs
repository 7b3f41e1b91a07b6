//! `memory.copy` and `memory.fill` of a number of bytes that the program says: compiled code does that by itself if they are
//! few, the loader if they are more. Either way all of it happens or nothing.

use bailiwick_loader::{Error, Group, Imports, Instance, Memory, MemoryType, TrapCode, Val};
use bailiwick_tests::compile::artifact;
use std::fmt::Write;

/// Up to a little more than compiled code does by itself.
const SIZES: std::ops::RangeInclusive<usize> = 0..=132;

const LENGTH: usize = 1 << 16;

/// Functions for each size: copies, and fills by a byte of which only the lowest bits count.
fn module(memory: &str) -> String {
    let mut wat = format!("(module {memory} (export \"memory\" (memory 0))");
    for size in SIZES {
        for (name, operation) in [
            ("copy", "memory.copy (local.get 0) (local.get 1)"),
            ("fill", "memory.fill (local.get 0) (local.get 1)"),
            ("known", "memory.fill (local.get 0) (i32.const 0x1ab)"),
        ] {
            let _ = write!(wat, "(func (export \"{name} {size}\") (param i32 i32) ({operation} (i32.const {size})))");
        }
    }
    wat + ")"
}

struct Guest {
    group: Group,
    instance: Instance,
    memory: Memory,
}

impl Guest {
    /// One with a memory of its own, and one with a memory that it imports.
    fn both() -> [Guest; 2] {
        let with = |mut group: Group, memory: &str, imports: &Imports| {
            let instance = group.instantiate(&artifact(&module(memory)), imports).unwrap();
            let memory = instance.memory(&mut group, "memory").unwrap();
            Guest { group, instance, memory }
        };
        let mut group = Group::new().unwrap();
        let memory = Memory::new(&mut group, MemoryType::new(1, None)).unwrap();
        let mut imports = Imports::new();
        imports.define("m", "x", memory);
        [
            with(Group::new().unwrap(), "(memory 1)", &Imports::new()),
            with(group, "(import \"m\" \"x\" (memory 1))", &imports),
        ]
    }

    fn bytes(&mut self) -> &mut [u8] {
        self.memory.bytes(&mut self.group).unwrap()
    }

    /// Calls a function, and compares what the memory holds then with what it held before and `change` made of that; `None`
    /// if the call must trap and change nothing.
    fn check(&mut self, name: &str, [x, y]: [usize; 2], change: Option<impl FnOnce(&mut [u8])>) {
        self.bytes().iter_mut().enumerate().for_each(|(i, byte)| *byte = (i * 7 + i / 251) as u8);
        let mut expected = self.bytes().to_vec();
        let traps = change.is_none();
        if let Some(change) = change {
            change(&mut expected);
        }
        let func = self.instance.func(&mut self.group, name).unwrap();
        let result = func.call(&mut self.group, &[x, y].map(|x| Val::I32(x as u32 as i32)));
        match traps {
            false => assert!(result.is_ok(), "{name} {x} {y}: {result:?}"),
            true => assert_eq!(result.as_ref().err().and_then(Error::trap_code), Some(TrapCode::MemoryOutOfBounds)),
        }
        assert!(self.bytes() == &expected[..], "{name} {x} {y}");
    }
}

/// Where ranges of a size begin: within the memory, and around its end.
fn beginnings(size: usize) -> [usize; 6] {
    [0, 4099, LENGTH - size, LENGTH - size + 1, LENGTH + 1, u32::MAX as usize]
}

#[test]
fn few_bytes_are_copied_as_if_by_way_of_a_buffer() {
    for mut guest in Guest::both() {
        for size in SIZES {
            for x in beginnings(size) {
                // Apart, and overlapping in both directions by half, by one byte and by all but one.
                let distances = [1, size / 2, size.saturating_sub(1)];
                let near = distances.into_iter().flat_map(|d| [x.checked_sub(d), x.checked_add(d)]).flatten();
                let near = near.filter(|&y| y <= u32::MAX as usize);
                for y in beginnings(size).into_iter().chain(near) {
                    let inside = x.max(y) + size <= LENGTH;
                    let copy = |memory: &mut [u8]| memory.copy_within(y..y + size, x);
                    guest.check(&format!("copy {size}"), [x, y], inside.then_some(copy));
                }
            }
        }
    }
}

#[test]
fn few_bytes_are_filled_or_none() {
    for mut guest in Guest::both() {
        for size in SIZES {
            for x in beginnings(size) {
                for (name, byte) in [("fill", 0xffff_ff5a_usize), ("known", 0xab)] {
                    let fill = |memory: &mut [u8]| memory[x..x + size].fill(byte as u8);
                    guest.check(&format!("{name} {size}"), [x, byte], (x + size <= LENGTH).then_some(fill));
                }
            }
        }
    }
}

#[test]
fn where_a_few_bytes_are_is_a_number_without_a_sign() {
    // Above 2 GiB, where compiled code must not take an index of 32 bits for a negative one.
    let mut guest = bailiwick_tests::guest::Guest::new(
        "(module (memory (export \"memory\") 65536)
           (func (export \"run\") (param i32) (result i32)
             (memory.fill (local.get 0) (i32.const 7) (i32.const 8))
             (memory.copy (i32.const 16) (local.get 0) (i32.const 8))
             (memory.copy (local.get 0) (i32.const 12) (i32.const 4))
             (i32.add (i32.load (local.get 0)) (i32.load offset=16 (i32.const 0)))))",
    );
    for at in [0x7fff_fff8, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8_u32] {
        let memory = guest.instance.memory(&mut guest.group, "memory").unwrap();
        let bytes = memory.bytes(&mut guest.group).unwrap();
        bytes[..32].fill(0);
        bytes[at as usize..][..8].fill(0);
        assert_eq!(guest.call("run", &[Val::I32(at.cast_signed())]).unwrap(), [Val::I32(0x0707_0707)], "{at:#x}");
    }
    for at in [0xffff_fff9, u32::MAX] {
        assert_eq!(guest.trap_code("run", &[Val::I32(at.cast_signed())]), TrapCode::MemoryOutOfBounds, "{at:#x}");
    }
}

#[test]
fn a_number_of_bytes_with_few_in_its_low_half_is_not_few() {
    for many in ["0x100000000", "0x100000004", "-0x8000000000000000", "-1"] {
        let mut guest = bailiwick_tests::guest::Guest::new(&format!(
            "(module (memory i64 1)
               (func (export \"copy\") (memory.copy (i64.const 0) (i64.const 8) (i64.const {many})))
               (func (export \"fill\") (memory.fill (i64.const 0) (i32.const 1) (i64.const {many})))
               (func (export \"sum\") (result i64) (i64.or (i64.load (i64.const 0)) (i64.load (i64.const 8)))))"
        ));
        for name in ["copy", "fill"] {
            assert_eq!(guest.trap_code(name, &[]), TrapCode::MemoryOutOfBounds, "{name} {many}");
        }
        assert_eq!(guest.call("sum", &[]).unwrap(), [Val::I64(0)], "{many}");
    }
}

#[test]
fn accesses_in_front_and_behind_see_what_was_copied_between_memories() {
    // No load may be given what was stored before the copy, in neither memory, nor a store dropped for one behind it.
    let text = |memories: &str| {
        format!(
            "(module {memories}
               (func (export \"run\") (result i32) (local i32)
                 (i32.store $a (i32.const 0) (i32.const 1))
                 (i32.store $b (i32.const 0) (i32.const 20))
                 (memory.copy $a $b (i32.const 0) (i32.const 0) (i32.const 4))
                 (local.set 0 (i32.load $a (i32.const 0)))
                 (i32.store $b (i32.const 0) (i32.const 300))
                 (memory.copy $b $a (i32.const 0) (i32.const 0) (i32.const 4))
                 (local.set 0 (i32.add (local.get 0) (i32.load $b (i32.const 0))))
                 (memory.fill $b (i32.const 0) (i32.const 1) (i32.const 4))
                 (i32.add (local.get 0) (i32.load $b (i32.const 0)))))"
        )
    };
    let mut guest = bailiwick_tests::guest::Guest::new(&text("(memory $a 1) (memory $b 1)"));
    assert_eq!(guest.i32("run"), 20 + 20 + 0x0101_0101);
    // Of imported ones it is not even known whether they are two.
    let mut group = Group::new().unwrap();
    let mut imports = Imports::new();
    for name in ["a", "b"] {
        imports.define("m", name, Memory::new(&mut group, MemoryType::new(1, None)).unwrap());
    }
    let module = artifact(&text("(memory $a (import \"m\" \"a\") 1) (memory $b (import \"m\" \"b\") 1)"));
    let instance = group.instantiate(&module, &imports).unwrap();
    let run = instance.typed_func::<(), i32>(&mut group, "run").unwrap();
    assert_eq!(run.call(&mut group, ()).unwrap(), 20 + 20 + 0x0101_0101);
    let both = Memory::new(&mut group, MemoryType::new(1, None)).unwrap();
    let mut imports = Imports::new();
    imports.define("m", "a", both).define("m", "b", both);
    let instance = group.instantiate(&module, &imports).unwrap();
    let run = instance.typed_func::<(), i32>(&mut group, "run").unwrap();
    assert_eq!(run.call(&mut group, ()).unwrap(), 20 + 300 + 0x0101_0101);
}
