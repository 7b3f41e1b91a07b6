//! How memories of every kind grow, and that nothing in compiled code remembers what they were.

use super::{KINDS, Kind, narrowed};
use bailiwick_loader::{
    Caller, Error, Extern, Group, GroupConfig, Imports, Instance, Memory, MemoryType, Refused, TrapCode, Val,
};
use bailiwick_runtime_abi::limits::{MAX_MEMORY_SIZE, max_pages};
use bailiwick_tests::compile::artifact;
use bailiwick_tests::guest::Guest;

/// Functions of numbers of 64 bits, as the index type means them.
fn module(kind: Kind, memory: &str) -> String {
    let (index64, ty) = (kind.index64, kind.index());
    let wide = |result: &str| match index64 {
        true => result.to_owned(),
        false => format!("(i64.extend_i32_s {result})"),
    };
    let number = narrowed(index64, "(local.get 0)");
    format!(
        r#"(module {memory} (export "memory" (memory 0))
        (func (export "size") (result i64) {})
        (func (export "grow") (param i64) (result i64) {})
        (func (export "touch") (param i64) (result i32)
            (i32.store8 {number} (i32.const 9)) (i32.load8_u {number}))
        ;; Grows by one page as often as it is told, and each time writes the last byte that there is then.
        (func (export "follow") (param $n i64)
            (loop $l
                (drop (memory.grow ({ty}.const 1)))
                (i32.store8 ({ty}.sub ({ty}.mul (memory.size) ({ty}.const {})) ({ty}.const 1)) (i32.const 7))
                (br_if $l (i64.ne (i64.const 0) (local.tee $n (i64.sub (local.get $n) (i64.const 1)))))))
        ;; Sums the last bytes, from the last that there is in front of the loop; then grows, and does so again.
        (func (export "sums") (result i64) (local $s i64)
            (local.set $s (call $sum (memory.size)))
            (drop (memory.grow ({ty}.const 1)))
            (i64.add (i64.mul (local.get $s) (i64.const 1000)) (call $sum (memory.size))))
        (func $sum (param $pages {ty}) (result i64) (local $i {ty}) (local $k i64) (local $s i64)
            (local.set $i ({ty}.mul (local.get $pages) ({ty}.const {})))
            (loop $l
                (local.set $i ({ty}.sub (local.get $i) ({ty}.const 1)))
                (local.set $s (i64.add (local.get $s) (i64.load8_u (local.get $i))))
                (br_if $l (i64.lt_u (local.tee $k (i64.add (local.get $k) (i64.const 1))) (i64.const 5))))
            (local.get $s)))"#,
        wide("(memory.size)"),
        wide(&format!("(memory.grow {number})")),
        1u64 << kind.page_size_log2,
        1u64 << kind.page_size_log2,
    )
}

struct Side {
    group: Group,
    instance: Instance,
}

impl Side {
    fn new(config: GroupConfig, kind: Kind, limits: &str) -> Side {
        let mut group = Group::with_config(config).unwrap();
        let wat = module(kind, &format!("(memory {})", kind.text(limits)));
        let instance = group.instantiate(&artifact(&wat), &Imports::new()).unwrap();
        Side { group, instance }
    }

    fn call(&mut self, name: &str, args: &[u64]) -> Result<Vec<Val>, Error> {
        let args: Vec<Val> = args.iter().map(|&arg| Val::I64(arg as i64)).collect();
        self.instance.func(&mut self.group, name).unwrap().call(&mut self.group, &args)
    }

    fn number(&mut self, name: &str, args: &[u64]) -> i64 {
        let Val::I64(number) = self.call(name, args).unwrap()[0] else { panic!("{name}") };
        number
    }

    /// The byte is there, or it is not.
    fn touch(&mut self, at: u64, there: bool) {
        let result = self.call("touch", &[at]);
        let code = result.as_ref().err().and_then(Error::trap_code);
        assert_eq!(code, (!there).then_some(TrapCode::MemoryOutOfBounds), "{at:#x}");
    }
}

fn config(max_memory: u64) -> GroupConfig {
    let mut config = GroupConfig::default();
    config.max_memory = max_memory;
    config
}

#[test]
fn memories_grow_to_their_maximum_and_no_further() {
    for kind in KINDS {
        let mut side = Side::new(GroupConfig::default(), kind, "1 5");
        let page = 1u64 << kind.page_size_log2;
        assert_eq!(side.number("grow", &[0]), 1);
        side.touch(page, false);
        assert_eq!(side.number("grow", &[2]), 1);
        side.touch(3 * page - 1, true);
        side.touch(3 * page, false);
        let too_many = [3, 4, 1 << 16, 1 << 31, u32::MAX.into(), (1 << 48) - 1, 1 << 48, 1 << 63, u64::MAX];
        for delta in too_many.into_iter().filter(|&delta| kind.index64 || delta <= u32::MAX.into()) {
            assert_eq!(side.number("grow", &[delta]), -1, "{kind:?} {delta:#x}");
        }
        assert_eq!(side.number("grow", &[2]), 3);
        assert_eq!(side.number("size", &[]), 5);
        side.touch(5 * page - 1, true);
        side.touch(5 * page, false);
        assert_eq!(side.group.refused(), None);
    }
}

#[test]
fn memories_grow_to_all_that_their_indices_reach_and_are_used_at_once() {
    for kind in KINDS {
        let most = max_pages(kind.page_size_log2, kind.index64).min((4 << 30) >> kind.page_size_log2);
        let mut side = Side::new(GroupConfig::default(), kind, "0");
        side.touch(0, false);
        assert_eq!(side.number("grow", &[most]), 0, "{kind:?}");
        let end = most << kind.page_size_log2;
        for (at, there) in [(0, true), (1 << 31, true), (end - 1, true), (end, false)] {
            if at <= u32::MAX.into() || kind.index64 {
                side.touch(at, there);
            }
        }
        assert_eq!(side.number("grow", &[1]), -1);
    }
}

#[test]
fn a_64_bit_memory_has_more_than_32_bits_reach_if_it_may() {
    for kind in KINDS.into_iter().filter(|kind| kind.index64) {
        let mut side = Side::new(config(6 << 30), kind, "1");
        let pages = |bytes: u64| bytes >> kind.page_size_log2;
        assert_eq!(side.number("grow", &[pages(5 << 30)]), 1);
        for (at, there) in [(4u64 << 30, true), ((5 << 30) - 1, true), (6 << 30, false), (8 << 30, false)] {
            side.touch(at, there);
        }
        assert_eq!(side.number("grow", &[pages(1 << 30)]), -1);
        assert_eq!(side.group.refused(), Some(Refused::MemoryBytes(6 << 30)));
        let left = pages(6 << 30) - side.number("size", &[]) as u64;
        side.number("grow", &[left]);
        side.touch((6 << 30) - 1, true);
        side.touch(6 << 30, false);
        // What it says as maximum is all the address space that it takes.
        let mut side = Side::new(config(1 << 40), kind, &format!("1 {}", pages(5 << 30)));
        assert_eq!(side.number("grow", &[pages(5 << 30) - 1]), 1);
        side.touch((5 << 30) - 1, true);
        side.touch(5 << 30, false);
    }
}

#[test]
fn loops_see_what_was_grown() {
    for kind in KINDS {
        let mut side = Side::new(GroupConfig::default(), kind, "10 100");
        side.call("follow", &[20]).unwrap();
        assert_eq!(side.number("size", &[]), 30);
        let Ok(Some(Extern::Memory(memory))) = side.instance.export(&mut side.group, "memory") else { panic!() };
        let bytes = memory.bytes(&mut side.group).unwrap();
        let page = 1usize << kind.page_size_log2;
        assert!((10..30).all(|i| bytes[(i + 1) * page - 1] == 7), "{kind:?}");
        // Five written bytes at the end of pages of one byte, one of pages of 64 KiB; then one page more, which is zero.
        let expected = if kind.page_size_log2 == 0 { 35 * 1000 + 28 } else { 7 * 1000 };
        assert_eq!(side.number("sums", &[]), expected, "{kind:?}");
    }
}

/// Whatever may run other code may make a memory longer, and a loop that does so looks again.
#[test]
fn loops_see_what_was_grown_by_what_they_call() {
    const WAYS: &[&str] = &[
        "(call $grower)",
        "(call $host)",
        "(call_indirect (type $g) (i32.const 0))",
        "(call_ref $g (ref.func $grower))",
        "(block $h (try_table (catch_all $h) (call $thrower)))",
        "(block (block (call $grower)))",
        "(if (local.get $n) (then (call $grower)))",
        "(loop $k (call $grower))",
    ];
    for kind in KINDS {
        let ty = kind.index();
        let write = format!(
            "(i32.store8 ({ty}.sub ({ty}.mul (memory.size) ({ty}.const {})) ({ty}.const 1)) (i32.const 7))",
            1u64 << kind.page_size_log2
        );
        let again = "(br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))";
        let mut wat = format!(
            "(module (type $g (func)) (import \"host\" \"grow\" (func $host)) (memory (export \"memory\") {}) (tag $t)
               (func $grower (export \"grow\") (type $g) (drop (memory.grow ({ty}.const 1))))
               (func $thrower (call $grower) (throw $t))
               (table (export \"table\") funcref (elem $grower))",
            kind.text("1 100"),
        );
        for (i, way) in WAYS.iter().enumerate() {
            for (name, body) in [
                // The first write is with the length from in front of the loop.
                ("behind", format!("(loop $l {write} {way} {write} {again})")),
                ("around", format!("(loop $l {way} (loop $w {write}) {again})")),
                (
                    "in front",
                    format!("(loop $w {write}) {way} (loop $l {write} (loop $w {write}) {way} {write} {again})"),
                ),
            ] {
                wat += &format!("(func (export \"{name} {i}\") (param $n i32) {body})");
            }
        }
        let module = artifact(&(wat + ")"));
        for (i, way) in WAYS.iter().enumerate() {
            for (name, pages) in [("behind", 6), ("around", 6), ("in front", 7)] {
                let mut group = Group::new().unwrap();
                let mut imports = Imports::new();
                imports.func("host", "grow", |caller: &mut Caller<'_>| {
                    let memory = caller.memory_handle().unwrap();
                    memory.grow(caller, 1).unwrap();
                    Ok(())
                });
                let instance = group.instantiate(&module, &imports).unwrap();
                let run = instance.typed_func::<i32, ()>(&mut group, &format!("{name} {i}")).unwrap();
                run.call(&mut group, 5).unwrap_or_else(|e| panic!("{kind:?} {name} {}: {e}", way));
                let memory = instance.memory(&mut group, "memory").unwrap();
                let page = 1usize << kind.page_size_log2;
                let bytes = memory.bytes(&mut group).unwrap();
                assert_eq!(bytes.len(), pages * page, "{kind:?} {name} {}", way);
                let first = usize::from(name == "around");
                let written = (first..pages).all(|i| bytes[(i + 1) * page - 1] == 7);
                assert!(written, "{kind:?} {name} {}: {:?}", way, bytes.iter().step_by(page).collect::<Vec<_>>());
            }
        }
    }
}

/// What a loop has loaded in front of it is known there only: the code behind it may be reached past it.
#[test]
fn what_a_loop_knows_of_a_length_is_not_used_behind_it() {
    for kind in [KINDS[1], KINDS[2], KINDS[3]] {
        let ty = kind.index();
        let at = narrowed(kind.index64, "(local.get $at)");
        let load = format!("(i32.load8_u {at})");
        let mut guest = Guest::new(&format!(
            "(module (memory {})
               (func (export \"after\") (param $at i64) (param $enter i32) (result i32)
                 (if (local.get $enter) (then (loop $l (drop {load}) (br_if $l (i32.const 0)))))
                 {load})
               (func (export \"left\") (param $at i64) (param $enter i32) (result i32)
                 (block $b (br_if $b (i32.eqz (local.get $enter))) (loop $l (drop {load}) (br $b)))
                 {load})
               (func (export \"second\") (param $at i64) (param $enter i32) (result i32)
                 (if (local.get $enter) (then (loop $l (drop {load}) (br_if $l (i32.const 0)))))
                 (loop $l (result i32) {load}))
               (func (export \"grown\") (param $at i64) (param $enter i32) (result i32)
                 (if (local.get $enter) (then (loop $l (drop (i32.load8_u ({ty}.const 0))))))
                 (drop (memory.grow ({ty}.const 1)))
                 {load}))",
            kind.text("3 5")
        ));
        let page = 1 << kind.page_size_log2;
        for name in ["after", "left", "second", "grown"] {
            for enter in [0, 1] {
                for (at, there) in [(3 * page - 1, true), (6 * page, false), (3 * page, name == "grown")] {
                    let result = guest.call(name, &[Val::I64(at), Val::I32(enter)]);
                    assert_eq!(result.is_ok(), there, "{kind:?} {name} {at} {enter}: {result:?}");
                }
                if name == "grown" {
                    break;
                }
            }
        }
    }
}

#[test]
fn what_is_beyond_a_partial_page_is_zero_once_it_is_there() {
    let kind = KINDS[2];
    let mut side = Side::new(GroupConfig::default(), kind, "10");
    let Ok(Some(Extern::Memory(memory))) = side.instance.export(&mut side.group, "memory") else { panic!() };
    assert_eq!(memory.grow(&mut side.group, 90).unwrap(), Some(10));
    assert_eq!(memory.bytes(&mut side.group).unwrap(), [0; 100]);
    assert_eq!(memory.grow(&mut side.group, 5000).unwrap(), Some(100));
    assert_eq!(memory.ty(&mut side.group).unwrap().minimum, 5100);
    assert!(memory.bytes(&mut side.group).unwrap().iter().all(|&byte| byte == 0));
}

#[test]
fn the_host_makes_memories_of_all_kinds_but_no_others() {
    for kind in KINDS {
        let mut group = Group::new().unwrap();
        let memory = Memory::new(&mut group, kind.ty(2, Some(3))).unwrap();
        assert_eq!(memory.ty(&mut group).unwrap(), kind.ty(2, Some(3)));
        assert_eq!(memory.bytes(&mut group).unwrap().len(), 2 << kind.page_size_log2);
        assert_eq!(memory.grow(&mut group, 1).unwrap(), Some(2));
        assert_eq!(memory.grow(&mut group, 1).unwrap(), None);
        assert_eq!(memory.grow(&mut group, u64::MAX).unwrap(), None);
        // More than it says itself is what it begins with, and all that it has.
        let memory = Memory::new(&mut group, kind.ty(2, Some(1))).unwrap();
        assert_eq!(memory.grow(&mut group, 1).unwrap(), None);
    }
    let mut group = Group::new().unwrap();
    let mut odd = MemoryType::new(1, None);
    odd.page_size_log2 = 12;
    assert!(matches!(Memory::new(&mut group, odd), Err(Error::Type { .. })));
}

#[test]
fn memories_that_are_too_large_are_refused_by_the_limit_that_they_exceed() {
    let [_, wide, narrow_bytes, wide_bytes] = KINDS;
    let refused = |max_memory: u64, ty: MemoryType| {
        let mut group = Group::with_config(config(max_memory)).unwrap();
        match Memory::new(&mut group, ty) {
            Err(Error::Limit { limit, .. }) => limit,
            other => panic!("{ty}: {other:?}"),
        }
    };
    assert_eq!(refused(4 << 30, wide.ty(65_537, None)), 4 << 30);
    assert_eq!(refused(8 << 30, wide.ty(1 << 18, None)), 8 << 30);
    assert_eq!(refused(u64::MAX, wide.ty(1 << 47, None)), MAX_MEMORY_SIZE);
    assert_eq!(refused(u64::MAX, wide.ty((1 << 48) + 1, None)), 1 << 48);
    assert_eq!(refused(u64::MAX, wide.ty(u64::MAX, None)), 1 << 48);
    assert_eq!(refused(u64::MAX, wide_bytes.ty(u64::MAX, None)), MAX_MEMORY_SIZE);
    assert_eq!(refused(u64::MAX, narrow_bytes.ty(1 << 32, None)), u64::from(u32::MAX));
    assert_eq!(refused(u64::MAX, MemoryType::new(65_537, None)), 65_536);
}

#[test]
fn a_memory_of_another_kind_is_not_what_a_module_imports() {
    for wanted in KINDS {
        let wat = format!("(module (import \"m\" \"m\" (memory {})))", wanted.text("1"));
        for (i, given) in KINDS.into_iter().enumerate() {
            let mut group = Group::new().unwrap();
            let memory = Memory::new(&mut group, given.ty(1, None)).unwrap();
            let mut imports = Imports::new();
            imports.define("m", "m", memory);
            let result = group.instantiate(&artifact(&wat), &imports);
            let same = wanted.index64 == given.index64 && wanted.page_size_log2 == given.page_size_log2;
            assert_eq!(result.is_ok(), same, "{wanted:?} {i}");
            assert!(same || matches!(result, Err(Error::Link(_))), "{wanted:?} {i}");
        }
    }
}
