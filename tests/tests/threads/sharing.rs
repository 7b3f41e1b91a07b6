//! Shared memories: who may have one, under which limits, and what can't be done with it.

use crate::common::Place;
use crate::{guest, memory};
use bailiwick_loader::{
    Error, Group, GroupConfig, Imports, LinkError, Memory, MemoryType, Refused, SharedMemory, TrapCode, Val,
};
use bailiwick_tests::compile::artifact;
use bailiwick_tests::guest::Guest;

#[test]
fn a_type_that_can_not_be_shared_is_refused_by_what_it_lacks() {
    let small = MemoryType::new(1, Some(2));
    let shared = MemoryType::shared(1, 2);
    for wrong in [
        small,
        MemoryType { maximum: None, ..shared },
        MemoryType::shared(3, 2),
        MemoryType { page_size_log2: 3, ..shared },
    ] {
        let error = SharedMemory::new(wrong).unwrap_err();
        assert!(matches!(error, Error::Type { .. }), "{error}");
        assert!(error.to_string().contains("a shared memory, of pages of 64 KiB or 1 byte"), "{error}");
    }
    let error = SharedMemory::new(MemoryType::shared(1, 65_537)).unwrap_err();
    assert!(matches!(error, Error::Limit { limit: 65_536, .. }), "{error}");
}

#[test]
fn one_of_other_indices_and_pages_is_shared_likewise() {
    let wide = SharedMemory::new(MemoryType { index64: true, ..MemoryType::shared(1, 1 << 20) }).unwrap();
    let bytes = SharedMemory::new(MemoryType { page_size_log2: 0, ..MemoryType::shared(7, 100) }).unwrap();
    let module = artifact(
        "(module (memory $w (import \"env\" \"wide\") i64 1 1048576 shared)
           (memory $b (import \"env\" \"bytes\") 7 100 shared (pagesize 1))
           (func (export \"wide\") (param i64) (result i32) (i32.atomic.rmw.add $w offset=4 (local.get 0) (i32.const 1)))
           (func (export \"waits\") (param i64) (result i32)
             (memory.atomic.wait32 $w offset=4 (local.get 0) (i32.const 1) (i64.const 0)))
           (func (export \"notify\") (param i64) (result i32)
             (memory.atomic.notify $w offset=4 (local.get 0) (i32.const 1)))
           (func (export \"grow\") (param i64) (result i64) (memory.grow $w (local.get 0)))
           (func (export \"byte\") (param i32) (result i32) (i32.atomic.rmw8.add_u $b (local.get 0) (i32.const 1)))
           (func (export \"word\") (param i32) (result i32) (i32.atomic.load $b (local.get 0)))
           (func (export \"more\") (param i32) (result i32) (memory.grow $b (local.get 0))))",
    );
    let mut config = GroupConfig::default();
    config.max_memory = 1 << 36;
    let mut imports = Imports::new();
    imports.shared_memory("env", "wide", &wide).shared_memory("env", "bytes", &bytes);
    let mut group = Group::with_config(config).unwrap();
    let instance = group.instantiate(&module, &imports).unwrap();
    let mut guest = Guest { group, instance };
    let [outside, misaligned] = [TrapCode::MemoryOutOfBounds, TrapCode::HeapMisaligned];
    for (name, counted) in [("wide", 2), ("waits", 0), ("notify", 0)] {
        for (at, expected) in
            [(65_532, outside), (65_531, outside), (-4, outside), (-5, outside), (i64::MIN, outside), (1, misaligned)]
        {
            assert_eq!(guest.trap_code(name, &[Val::I64(at)]), expected, "{name} {at}");
        }
        (0..counted).for_each(|n| assert_eq!(guest.call(name, &[Val::I64(0)]).unwrap(), [Val::I32(n)]));
    }
    // Beyond what 32-bit indices reach.
    assert_eq!(guest.call("grow", &[Val::I64((5 << 16) - 1)]).unwrap(), [Val::I64(1)]);
    assert_eq!(guest.call("wide", &[Val::I64((5 << 32) - 8)]).unwrap(), [Val::I32(0)]);
    let mut word = [0; 4];
    wide.read((5 << 32) - 4, &mut word).unwrap();
    assert_eq!(word, [1, 0, 0, 0]);
    assert_eq!(guest.trap_code("wide", &[Val::I64((5 << 32) - 4)]), outside);

    assert_eq!(guest.call("byte", &[Val::I32(6)]).unwrap(), [Val::I32(0)]);
    assert_eq!(guest.trap_code("byte", &[Val::I32(7)]), outside);
    assert_eq!(guest.trap_code("word", &[Val::I32(4)]), outside);
    assert_eq!(guest.trap_code("word", &[Val::I32(5)]), outside);
    assert_eq!(guest.trap_code("word", &[Val::I32(3)]), misaligned);
    assert_eq!(guest.call("more", &[Val::I32(93)]).unwrap(), [Val::I32(7)]);
    assert_eq!(guest.call("more", &[Val::I32(1)]).unwrap(), [Val::I32(-1)]);
    assert_eq!(guest.call("word", &[Val::I32(96)]).unwrap(), [Val::I32(0)]);
    assert_eq!(bytes.size(), 100);
}

#[test]
fn loops_on_a_shared_memory_are_held_to_its_length_and_see_it_grow() {
    // The definition of a shared memory has no length, but the address of one, which would be taken for a large one.
    let bytes = SharedMemory::new(MemoryType { page_size_log2: 0, ..MemoryType::shared(7, 100) }).unwrap();
    let wide =
        SharedMemory::new(MemoryType { page_size_log2: 0, index64: true, ..MemoryType::shared(7, 100) }).unwrap();
    let module = artifact(
        "(module (memory $b (import \"env\" \"b\") 7 100 shared (pagesize 1))
           (memory $w (import \"env\" \"w\") i64 7 100 shared (pagesize 1)) (memory $own 7 100 shared (pagesize 1))
           (func (export \"b\") (param $i i32) (param $end i32)
             (loop $l (i32.store8 $b (local.get $i) (i32.const 1))
               (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $end)))))
           (func (export \"w\") (param $i i32) (param $end i32)
             (loop $l (i32.store8 $w (i64.extend_i32_u (local.get $i)) (i32.const 1))
               (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $end)))))
           (func (export \"own\") (param $i i32) (param $end i32)
             (loop $l (i32.atomic.store8 $own (local.get $i) (i32.const 1))
               (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $end)))))
           (func (export \"grow\") (drop (memory.grow $own (i32.const 3)))))",
    );
    let mut imports = Imports::new();
    imports.shared_memory("env", "b", &bytes).shared_memory("env", "w", &wide);
    let mut group = Group::new().unwrap();
    let instance = group.instantiate(&module, &imports).unwrap();
    let mut guest = Guest { group, instance };
    for end in [7, 10] {
        for name in ["b", "w", "own"] {
            assert_eq!(guest.trap_code(name, &[Val::I32(end), Val::I32(end)]), TrapCode::MemoryOutOfBounds, "{name}");
            guest.call(name, &[Val::I32(0), Val::I32(end)]).unwrap();
            assert_eq!(guest.trap_code(name, &[Val::I32(0), Val::I32(end + 1)]), TrapCode::MemoryOutOfBounds, "{name}");
        }
        bytes.grow(3).unwrap();
        wide.grow(3).unwrap();
        guest.call("grow", &[]).unwrap();
    }
}

/// The words of the link error that a module gets which imports a memory of type `wanted`.
fn mismatch(wanted: &str, memory: &SharedMemory) -> String {
    let mut imports = Imports::new();
    imports.shared_memory("env", "memory", memory);
    let wat = format!("(module (memory (import \"env\" \"memory\") {wanted}))");
    match Group::new().unwrap().instantiate(&artifact(&wat), &imports) {
        Err(Error::Link(error @ LinkError::Mismatch { .. })) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_module_gets_a_shared_memory_only_if_it_says_so_and_within_its_limits() {
    let memory = memory(2, 4);
    for (wanted, expected) in [
        ("1 4", "memory of 1 to 4 pages"),
        ("1", "memory of 1 pages or more"),
        ("3 4 shared", "shared memory of 3 to 4 pages"),
        ("1 3 shared", "shared memory of 1 to 3 pages"),
    ] {
        let error = mismatch(wanted, &memory);
        assert!(error.contains(expected) && error.contains("shared memory of 2 to 4 pages"), "{error}");
    }
    // What it has now counts, not what it had.
    memory.grow(1).unwrap();
    guest(&artifact("(module (memory (import \"env\" \"memory\") 3 4 shared))"), &memory);
    // Nor is one that is not shared enough for who wants one.
    let mut group = Group::new().unwrap();
    let own = Memory::new(&mut group, MemoryType::new(1, Some(1))).unwrap();
    assert!(own.shared(&mut group).unwrap().is_none());
    let mut imports = Imports::new();
    imports.define("env", "memory", own);
    let wants = artifact("(module (memory (import \"env\" \"memory\") 1 1 shared))");
    assert!(matches!(group.instantiate(&wants, &imports), Err(Error::Link(LinkError::Mismatch { .. }))));
}

#[test]
fn the_limits_of_each_group_hold_for_what_it_takes_and_grows() {
    let memory = memory(2, 100);
    let module = artifact(
        "(module (memory (import \"env\" \"memory\") 1 100 shared)
           (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))))",
    );
    let mut imports = Imports::new();
    imports.shared_memory("env", "memory", &memory);
    let with = |most: u64, total: u64| {
        let mut config = GroupConfig::default();
        (config.max_memory, config.max_total_memory) = (most << 16, total << 16);
        let mut group = Group::with_config(config).unwrap();
        group.instantiate(&module, &imports).map(|instance| Guest { group, instance })
    };
    for (most, total) in [(1, 100), (100, 1)] {
        let error = with(most, total).unwrap_err();
        assert!(matches!(error, Error::Limit { limit: 65_536, .. }), "{error}");
    }
    let mut strict = with(3, 100).unwrap();
    assert_eq!(strict.call("grow", &[Val::I32(1)]).unwrap(), [Val::I32(2)]);
    assert_eq!(strict.call("grow", &[Val::I32(1)]).unwrap(), [Val::I32(-1)]);
    assert_eq!(strict.group.refused(), Some(Refused::MemoryBytes(3 << 16)));
    // Others' limits are others'.
    let mut free = with(200, 200).unwrap();
    assert_eq!(free.call("grow", &[Val::I32(90)]).unwrap(), [Val::I32(3)]);
    assert_eq!(free.call("grow", &[Val::I32(8)]).unwrap(), [Val::I32(-1)]);
    assert_eq!(free.group.refused(), None);
    assert_eq!((strict.call("grow", &[Val::I32(0)]).unwrap(), memory.grow(7)), (vec![Val::I32(-1)], Some(93)));
    assert_eq!((memory.grow(1), memory.grow(u64::MAX), memory.size()), (None, None, 100 << 16));
}

#[test]
fn a_module_that_defines_one_can_be_asked_for_it() {
    // A large image, which is mapped, and a small one, which is copied.
    for size in [100, 200_000] {
        let wat = format!(
            "(module (memory (export \"memory\") 5 9 shared) (data (i32.const 70000) \"{}\") (data (i32.const 3) \"abc\")
               (func (export \"load\") (param i32) (result i32) (i32.load8_u (local.get 0))))",
            "xyz".repeat(size / 3)
        );
        let mut maker = Guest::new(&wat);
        let handle = maker.instance.memory(&mut maker.group, "memory").unwrap();
        let memory = handle.shared(&mut maker.group).unwrap().expect("a shared memory");
        assert_eq!(memory.ty(), MemoryType::shared(5, 9));
        assert_eq!(handle.ty(&mut maker.group).unwrap(), memory.ty());
        let (mut three, mut first) = ([0; 3], [0; 3]);
        memory.read(3, &mut three).unwrap();
        memory.read(70_000, &mut first).unwrap();
        assert_eq!((&three, &first), (b"abc", b"xyz"));

        let user = artifact(
            "(module (memory (import \"env\" \"memory\") 1 9 shared) (data (i32.const 9) \"user\")
               (func (export \"store\") (i32.store8 (i32.const 0) (i32.const 77))))",
        );
        let mut user = guest(&user, &memory);
        user.call("store", &[]).unwrap();
        assert_eq!(maker.call("load", &[Val::I32(0)]).unwrap(), [Val::I32(77)]);
        assert_eq!(maker.call("load", &[Val::I32(9)]).unwrap(), [Val::I32(i32::from(b'u'))]);
        assert_eq!(handle.grow(&mut maker.group, 2).unwrap(), Some(5));
        assert_eq!(memory.size(), 7 << 16);

        // It stays as long as anybody has it.
        drop((maker, memory));
        user.call("store", &[]).unwrap();
    }
}

#[test]
fn it_grows_no_further_than_whoever_made_it_may_whatever_others_may() {
    let module = |memory: &str| {
        artifact(&format!(
            "(module {memory} (export \"memory\" (memory 0))
               (func (export \"grow\") (param i64) (result i64) (memory.grow (local.get 0))))"
        ))
    };
    // Address space for what its maker's limit allows is all that there is.
    let mut maker = Group::new().unwrap();
    let made = maker.instantiate(&module("(memory i64 1 1000000 shared)"), &Imports::new()).unwrap();
    let memory = made.memory(&mut maker, "memory").unwrap().shared(&mut maker).unwrap().unwrap();
    let mut imports = Imports::new();
    imports.shared_memory("env", "memory", &memory);
    let mut config = GroupConfig::default();
    config.max_memory = 1 << 40;
    let mut group = Group::with_config(config).unwrap();
    let user = module("(import \"env\" \"memory\" (memory i64 1 1000000 shared))");
    let instance = group.instantiate(&user, &imports).unwrap();
    let mut guest = Guest { group, instance };
    assert_eq!(guest.call("grow", &[Val::I64(65_536)]).unwrap(), [Val::I64(-1)]);
    assert_eq!(memory.grow(65_536), None);
    assert_eq!(guest.call("grow", &[Val::I64(65_535)]).unwrap(), [Val::I64(1)]);
    assert_eq!(memory.size(), 4 << 30);

    for pages in [(1 << 24) + 1, 1 << 47, 1 << 48] {
        let ty = MemoryType { index64: true, ..MemoryType::shared(pages, pages) };
        assert!(matches!(SharedMemory::new(ty), Err(Error::Limit { limit, .. }) if limit == 1 << 40), "{pages}");
    }
}

#[test]
fn nobody_borrows_its_bytes() {
    let memory = memory(1, 2);
    let module = artifact("(module (memory (export \"memory\") (import \"env\" \"memory\") 1 2 shared))");
    let mut guest = guest(&module, &memory);
    let handle = guest.instance.memory(&mut guest.group, "memory").unwrap();
    let error = handle.bytes(&mut guest.group).unwrap_err();
    assert!(matches!(error, Error::SharedMemory) && error.to_string().contains("SharedMemory::read"), "{error}");

    memory.write(65_534, &[1, 2]).unwrap();
    let mut two = [0; 2];
    memory.read(65_534, &mut two).unwrap();
    assert_eq!(two, [1, 2]);
    for (offset, len) in [(65_535, 2), (65_537, 0), (u64::MAX, 2), (u64::MAX, 0)] {
        assert!(matches!(memory.write(offset, &vec![9; len]), Err(Error::OutOfBounds(_))), "{offset}");
        assert!(matches!(memory.read(offset, &mut vec![9; len]), Err(Error::OutOfBounds(_))), "{offset}");
    }
    memory.read(65_534, &mut two).unwrap();
    assert_eq!(two, [1, 2]);
    for address in [65_533, 2, u64::MAX - 1] {
        assert!(matches!(memory.notify(address, 1), Err(Error::OutOfBounds(_))), "{address}");
    }
}

#[test]
fn one_memory_under_two_names_is_one() {
    // Neither is what was stored under one name forwarded past what was stored under the other.
    let memory = memory(1, 2);
    let module = artifact(
        "(module (memory $a (import \"env\" \"memory\") 1 2 shared) (memory $b (import \"env\" \"memory\") 1 2 shared)
           (func (export \"run\") (result i32)
             (i32.store $a (i32.const 0) (i32.const 1)) (i32.store $b (i32.const 0) (i32.const 2))
             (i32.load $a (i32.const 0)))
           (func (export \"copy\") (param $n i32) (memory.copy $b $a (i32.const 4) (i32.const 0) (local.get $n))))",
    );
    // It counts once.
    let mut config = GroupConfig::default();
    config.max_total_memory = memory.size();
    let mut imports = Imports::new();
    imports.shared_memory("env", "memory", &memory);
    let mut group = Group::with_config(config).unwrap();
    let instance = group.instantiate(&module, &imports).unwrap();
    let mut guest = Guest { group, instance };
    assert_eq!(guest.i32("run"), 2);
    memory.write(0, b"abcdefgh").unwrap();
    guest.call("copy", &[Val::I32(8)]).unwrap();
    let mut bytes = [0; 12];
    memory.read(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"abcdabcdefgh");
}

#[test]
fn bytes_go_between_shared_memories_and_those_of_one_group() {
    let memory = memory(1, 2);
    let module = artifact(
        "(module (memory $shared (import \"env\" \"memory\") 1 2 shared) (memory $own 1) (data (memory $own) (i32.const 5) \"own\")
           (func (export \"out\") (param $n i32) (memory.copy $shared $own (i32.const 11) (i32.const 5) (local.get $n)))
           (func (export \"in\") (param $n i32) (memory.copy $own $shared (i32.const 0) (i32.const 65000) (local.get $n)))
           (func (export \"get\") (param i32) (result i32) (i32.load8_u $own (local.get 0))))",
    );
    let mut guest = guest(&module, &memory);
    guest.call("out", &[Val::I32(3)]).unwrap();
    let mut bytes = [0; 3];
    memory.read(11, &mut bytes).unwrap();
    assert_eq!(&bytes, b"own");
    memory.write(65_000, b"shared").unwrap();
    guest.call("in", &[Val::I32(536)]).unwrap();
    assert_eq!(guest.call("get", &[Val::I32(5)]).unwrap(), [Val::I32(i32::from(b'd'))]);
    for (name, len) in [("in", 537), ("out", 65_526), ("in", -1)] {
        assert_eq!(guest.trap_code(name, &[Val::I32(len)]), TrapCode::MemoryOutOfBounds, "{name} {len}");
    }
}

#[test]
fn the_system_interface_says_that_it_can_not_use_one() {
    let wat = "(module (import \"wasi_snapshot_preview1\" \"random_get\" (func $r (param i32 i32) (result i32)))
      (memory (export \"memory\") 1 1 shared)
      (func (export \"_start\") (drop (call $r (i32.const 0) (i32.const 8)))))";
    let place = Place::new();
    let module = place.compiled("shared", wat, &[]);
    let ended = place.run(&[module.to_str().unwrap()]);
    assert_ne!(ended.status, Some(0));
    ended.says(&["exports as \"memory\" is shared with other threads"]);
    // What needs no memory works, and `inspect` says what it is.
    let alone = "(module (memory 1 1 shared) (func (export \"_start\")
      (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))))";
    place.run(&[place.compiled("alone", alone, &[]).to_str().unwrap()]).with(0);
    let shown = crate::common::ended(place.command().args(["inspect", module.to_str().unwrap()]));
    assert!(shown.out.contains("shared memory of 1 to 1 pages"), "{shown:?}");
}
