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

#[test]
fn many_bytes_that_overlap_are_copied_as_if_by_way_of_a_buffer() {
    // The loader copies a mebibyte at a time: more than two of them, from the end where the target begins in the source.
    const MANY: usize = (5 << 20) / 2;
    let text = |limits: &str| {
        format!(
            "(module (memory (export \"memory\") {limits})
               (func (export \"copy\") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2))))"
        )
    };
    let mut own = bailiwick_tests::guest::Guest::new(&text("64"));
    let mut shared = bailiwick_tests::guest::Guest::new(&text("64 64 shared"));
    let shared_memory = shared.instance.memory(&mut shared.group, "memory").unwrap();
    let shared_memory = shared_memory.shared(&mut shared.group).unwrap().unwrap();
    let first: Vec<u8> = (0..64 << 16).map(|i: usize| (i * 7 + i / 251) as u8).collect();
    for (to, from) in
        [(1, 0), (0, 1), (8, 0), (0, 8), (1 << 20, 0), (0, 1 << 20), ((1 << 20) + 3, 3), (3, (1 << 20) + 9)]
    {
        let mut expected = first.clone();
        expected.copy_within(from..from + MANY, to);
        let arguments = [to, from, MANY].map(|number| Val::I32(number as i32));
        let memory = own.instance.memory(&mut own.group, "memory").unwrap();
        memory.bytes(&mut own.group).unwrap().copy_from_slice(&first);
        own.call("copy", &arguments).unwrap();
        assert!(memory.bytes(&mut own.group).unwrap() == expected, "{to} from {from}");
        shared_memory.write(0, &first).unwrap();
        shared.call("copy", &arguments).unwrap();
        let mut found = vec![0; first.len()];
        shared_memory.read(0, &mut found).unwrap();
        assert!(found == expected, "shared, {to} from {from}");
    }
}

#[test]
fn many_elements_that_overlap_are_copied_as_if_by_way_of_a_buffer() {
    const LENGTH: i32 = 300_000;
    const MANY: i32 = 200_000;
    let mut guest = bailiwick_tests::guest::Guest::new(&format!(
        "(module (table $t {LENGTH} externref)
           (func (export \"clear\") (table.fill $t (i32.const 0) (ref.null extern) (i32.const {LENGTH})))
           (func (export \"set\") (param i32 externref) (table.set $t (local.get 0) (local.get 1)))
           (func (export \"get\") (param i32) (result externref) (table.get $t (local.get 0)))
           (func (export \"count\") (result i32) (local $i i32) (local $n i32)
             (loop $l
               (local.set $n (i32.add (local.get $n) (i32.eqz (ref.is_null (table.get $t (local.get $i))))))
               (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {LENGTH}))))
             (local.get $n))
           (func (export \"copy\") (param i32 i32)
             (table.copy $t $t (local.get 0) (local.get 1) (i32.const {MANY}))))"
    ));
    let marks = [0, 1, 65_535, 65_536, 100_000, 131_072, MANY - 1];
    let values = marks.map(|mark| Val::ExternRef(Some(guest.group.extern_ref(mark).unwrap())));
    for (to, from) in [(1, 0), (0, 1), (65_536, 0), (0, 65_536), (70_001, 5), (5, 70_001)] {
        guest.call("clear", &[]).unwrap();
        for (mark, value) in marks.into_iter().zip(values) {
            guest.call("set", &[Val::I32(from + mark), value]).unwrap();
        }
        guest.call("copy", &[Val::I32(to), Val::I32(from)]).unwrap();
        for (mark, value) in marks.into_iter().zip(values) {
            assert_eq!(guest.call("get", &[Val::I32(to + mark)]).unwrap(), [value], "{mark}, {to} from {from}");
        }
        // And there are no others, but for those that the copy did not reach.
        let left = marks.into_iter().filter(|mark| !(to..to + MANY).contains(&(from + mark))).count();
        assert_eq!(guest.i32("count"), (marks.len() + left) as i32, "{to} from {from}");
    }
}

#[test]
fn ranges_that_end_behind_the_last_number_do_not_begin_again_at_0() {
    for limits in ["i64 1", "i64 1 1 shared", "i64 65531 (pagesize 1)", "i64 65531 65531 shared (pagesize 1)"] {
        let mut guest = bailiwick_tests::guest::Guest::new(&format!(
            "(module (memory {limits}) (data $d \"some bytes\")
               (func (export \"fill\") (param i64 i64) (memory.fill (local.get 0) (i32.const 1) (local.get 1)))
               (func (export \"to\") (param i64 i64) (memory.copy (local.get 0) (i64.const 0) (local.get 1)))
               (func (export \"from\") (param i64 i64) (memory.copy (i64.const 0) (local.get 0) (local.get 1)))
               (func (export \"init\") (param i64 i64)
                 (memory.init $d (local.get 0) (i32.const 0) (i32.wrap_i64 (local.get 1))))
               (func (export \"size\") (result i64) (memory.size)))"
        ));
        for start in [-1, -8, i64::MIN, -4096] {
            for len in [1, 8, 9, 4096, 4100, 65_536, start.wrapping_neg(), start.wrapping_neg().wrapping_add(4)] {
                for name in ["fill", "to", "from", "init"] {
                    if name == "init" && len as u32 > 10 {
                        continue;
                    }
                    let code = guest.trap_code(name, &[Val::I64(start), Val::I64(len)]);
                    assert_eq!(code, TrapCode::MemoryOutOfBounds, "{limits} {name} {start} {len}");
                }
            }
        }
        assert!(guest.call("size", &[]).is_ok());
    }
}
