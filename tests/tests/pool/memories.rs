//! Linear memories: every byte, however it got there and wherever it lies.

use super::common::{EMULATED, Random, times};
use super::{acquire, call, leaves_nothing, pool_of, seen, ways};
use bailiwick_loader::{Error, Group, Imports, Memory, MemoryType, TrapCode, Val};
use bailiwick_tests::compile::artifact;

/// Memories of each kind, by what they are and what they begin with.
fn kinds() -> Vec<(&'static str, String)> {
    let big: String = (0..100_000).map(|i| char::from(b'a' + (i % 23) as u8)).collect();
    vec![
        ("empty, of one page", "(memory (export \"m\") 1 9)".into()),
        (
            "with a little data",
            "(memory (export \"m\") 2 9) (data (i32.const 70000) \"here\") (data (i32.const 3) \"x\")".into(),
        ),
        (
            "as compilers lay it out",
            "(memory (export \"m\") 17 40) (data (i32.const 0x100000) \"data\") (data (i32.const 0x101234) \"more\")"
                .into(),
        ),
        ("with a mapped image", format!("(memory (export \"m\") 9 20) (data (i32.const 65536) \"{big}\")")),
        (
            "with data where a global says",
            "(global $at i32 (i32.const 131070)) (memory (export \"m\") 3 9) (data (global.get $at) \"across\")".into(),
        ),
        ("of 64-bit indices", "(memory (export \"m\") i64 2 9) (data (i64.const 66000) \"sixty-four\")".into()),
        (
            "of pages of one byte",
            "(memory (export \"m\") 5000 100000 (pagesize 1)) (data (i32.const 4990) \"odd\")".into(),
        ),
    ]
}

/// Functions by which a guest reads and writes all of memory 0.
fn guest(kind: &str) -> String {
    let wide = kind.contains("i64");
    let (t, wrap) = if wide { ("i64", "(i32.wrap_i64 (local.get $p))") } else { ("i32", "(local.get $p)") };
    let page = if kind.contains("pagesize") { "1" } else { "65536" };
    format!(
        r#"(module {kind}
        (func $size (result {t}) ({t}.mul (memory.size) ({t}.const {page})))
        (func (export "put") (param {t}) (param i32) (i32.store8 (local.get 0) (local.get 1)))
        (func (export "fill") (param i32) (memory.fill ({t}.const 0) (local.get 0) (call $size)))
        (func (export "grow") (param {t}) (result {t}) (memory.grow (local.get 0)))
        (func (export "size") (result {t}) (call $size))
        (func (export "sum") (result i32) (local $p {t}) (local $sum i32)
            (block $done (loop $next
                (br_if $done ({t}.ge_u (local.get $p) (call $size)))
                (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31))
                    (i32.xor {wrap} (i32.load8_u (local.get $p)))))
                (local.set $p ({t}.add (local.get $p) ({t}.const 1)))
                (br $next)))
            (local.get $sum)))"#
    )
}

fn index(kind: &str, number: u64) -> Val {
    if kind.contains("i64") { Val::I64(number as i64) } else { Val::I32(number as i32) }
}

#[test]
fn no_byte_that_a_guest_writes_is_there_in_the_next_lease() {
    for (what, kind) in kinds() {
        println!("{what}");
        let artifact = artifact(&guest(&kind));
        leaves_nothing(&artifact, &Imports::new(), |group, instance, round| {
            let mut random = Random::new(round as u64);
            let memory = instance.memory(group, "m").unwrap();
            let len = memory.bytes(group).unwrap().len();
            match round {
                // All of it.
                0 => drop(call(group, instance, "fill", &[Val::I32(0xa5)]).unwrap()),
                // The last byte alone.
                1 => drop(call(group, instance, "put", &[index(&kind, len as u64 - 1), Val::I32(1)]).unwrap()),
                // A byte here and there.
                2 => {
                    for _ in 0..20 {
                        let at = index(&kind, random.below(len) as u64);
                        call(group, instance, "put", &[at, Val::I32(random.next() as i32)]).unwrap();
                    }
                }
                // The bounds of pages.
                _ => {
                    for at in (4095..len).step_by(4096).chain((4096..len).step_by(4096)) {
                        call(group, instance, "put", &[index(&kind, at as u64), Val::I32(0x77)]).unwrap();
                    }
                }
            }
        });
    }
}

#[test]
fn a_guest_that_reads_everything_sees_what_it_would_in_a_new_group() {
    for (what, kind) in kinds() {
        let artifact = artifact(&guest(&kind));
        let mut fresh = Group::new().unwrap();
        let instance = fresh.instantiate(&artifact, &Imports::new()).unwrap();
        let expected = call(&mut fresh, instance, "sum", &[]).unwrap();
        for (way, config) in ways() {
            let pool = pool_of(&artifact, &Imports::new(), &config);
            for round in 0..3 {
                let mut lease = acquire(&pool);
                let instance = lease.instance();
                assert_eq!(call(&mut lease, instance, "sum", &[]).unwrap(), expected, "{what}, {way}, round {round}");
                call(&mut lease, instance, "fill", &[Val::I32(round + 1)]).unwrap();
            }
        }
    }
}

#[test]
fn what_the_host_writes_is_not_there_in_the_next_lease() {
    let artifact = artifact(&guest("(memory (export \"m\") 17 40) (data (i32.const 0x100000) \"data\")"));
    // Nothing of the guest runs: only the bytes are borrowed.
    leaves_nothing(&artifact, &Imports::new(), |group, instance, round| {
        let memory = instance.memory(group, "m").unwrap();
        memory.bytes(group).unwrap()[round * 333_333 + 7] = 9;
    });
}

#[test]
fn what_a_host_function_writes_is_not_there_in_the_next_lease() {
    let artifact = artifact(
        r#"(module (import "h" "write" (func $write)) (memory (export "memory") 6)
        (func (export "run") (call $write)))"#,
    );
    let mut imports = Imports::new();
    imports.func("h", "write", |caller: &mut bailiwick_loader::Caller<'_>| {
        caller.memory()?.fill(0x5a);
        Ok(())
    });
    leaves_nothing(&artifact, &imports, |group, instance, _| drop(call(group, instance, "run", &[]).unwrap()));
}

#[test]
fn what_was_grown_is_gone_and_is_zero_when_it_is_grown_again() {
    for (what, kind) in kinds() {
        let artifact = artifact(&guest(&kind));
        let delta = index(&kind, if kind.contains("pagesize") { 20_000 } else { 3 });
        for (way, config) in ways() {
            let pool = pool_of(&artifact, &Imports::new(), &config);
            let (mut size, mut sum) = (None, None);
            for round in 0..4 {
                let mut lease = acquire(&pool);
                let instance = lease.instance();
                let now = call(&mut lease, instance, "size", &[]).unwrap()[0];
                assert_eq!(now, *size.get_or_insert(now), "{what}, {way}, round {round}");
                // Behind the end is nothing.
                let end = if let Val::I64(n) = now {
                    n as u64
                } else if let Val::I32(n) = now {
                    n as u32 as u64
                } else {
                    0
                };
                let beyond = call(&mut lease, instance, "put", &[index(&kind, end), Val::I32(1)]);
                assert_eq!(
                    beyond.unwrap_err().trap_code(),
                    Some(TrapCode::MemoryOutOfBounds),
                    "{what}, {way}, round {round}"
                );
                let grown = call(&mut lease, instance, "grow", &[delta]).unwrap()[0];
                assert!(!matches!(grown, Val::I32(-1) | Val::I64(-1)), "{what}, {way}, round {round}");
                let all = call(&mut lease, instance, "sum", &[]).unwrap()[0];
                assert_eq!(all, *sum.get_or_insert(all), "{what}, {way}, round {round}");
                call(&mut lease, instance, "fill", &[Val::I32(0xee)]).unwrap();
            }
            assert_eq!((pool.stats().made, pool.stats().dropped), (1, 0), "{what}, {way}");
        }
    }
}

#[test]
fn memory_that_the_host_grew_is_gone_too() {
    let artifact = artifact("(module (memory (export \"m\") 1 9))");
    leaves_nothing(&artifact, &Imports::new(), |group, instance, _| {
        let memory = instance.memory(group, "m").unwrap();
        assert_eq!(memory.grow(group, 2).unwrap(), Some(1));
        memory.bytes(group).unwrap()[190_000] = 1;
    });
}

#[test]
fn further_memories_and_those_that_the_host_made_are_cleaned_like_the_first() {
    let artifact = artifact(
        r#"(module (import "h" "m" (memory $h 2 9)) (memory $a 1 9) (memory $b i64 5 9)
        (export "h" (memory $h)) (export "a" (memory $a)) (export "b" (memory $b))
        (data (memory $b) (i64.const 300000) "last") (data (memory $h) (i32.const 5) "first")
        (func (export "run")
            (memory.fill $h (i32.const 0) (i32.const 1) (i32.const 131072))
            (memory.fill $a (i32.const 9) (i32.const 2) (i32.const 60000))
            (memory.fill $b (i64.const 100000) (i32.const 3) (i64.const 200000))
            (drop (memory.grow $a (i32.const 1))) (drop (memory.grow $b (i64.const 1)))
            (i32.store $a (i32.const 66000) (i32.const 1)) (i32.store $b (i64.const 327680) (i32.const 1))))"#,
    );
    let make = |group: &mut Group| {
        let memory = Memory::new(group, MemoryType::new(2, Some(9)))?;
        memory.bytes(group)?[131_000] = 42;
        let mut imports = Imports::new();
        imports.define("h", "m", memory);
        group.instantiate(&artifact, &imports)
    };
    let mut fresh = Group::new().unwrap();
    let instance = make(&mut fresh).unwrap();
    let expected = seen(&mut fresh, instance, &artifact);
    for (way, config) in ways() {
        let artifact = artifact.clone();
        let made = artifact.clone();
        let pool = bailiwick_loader::Pool::with(Default::default(), config, move |group| {
            let memory = Memory::new(group, MemoryType::new(2, Some(9)))?;
            memory.bytes(group)?[131_000] = 42;
            let mut imports = Imports::new();
            imports.define("h", "m", memory);
            Ok(group.instantiate(&made, &imports)?.into())
        })
        .unwrap();
        for round in 0..3 {
            let mut lease = acquire(&pool);
            let instance = lease.instance();
            assert_eq!(seen(&mut lease, instance, &artifact), expected, "{way}, round {round}");
            call(&mut lease, instance, "run", &[]).unwrap();
            assert_ne!(seen(&mut lease, instance, &artifact), expected);
        }
    }
}

#[test]
fn a_group_with_a_shared_memory_is_no_pool_s() {
    for module in ["(module (memory (export \"m\") 1 2 shared))", "(module (import \"h\" \"m\" (memory 1 2 shared)))"] {
        let mut imports = Imports::new();
        imports.shared_memory("h", "m", &bailiwick_loader::SharedMemory::new(MemoryType::shared(1, 2)).unwrap());
        let pool = bailiwick_loader::Pool::new(&artifact(module), &imports, Default::default(), Default::default());
        let error = pool.expect_err("a shared memory");
        assert!(matches!(error, Error::NotRecyclable(bailiwick_loader::pool::NotRecyclable::SharedMemory)), "{error}");
    }
}

#[test]
fn what_was_prepared_while_the_group_was_made_is_what_every_tenant_begins_with() {
    let artifact = artifact(&guest("(memory (export \"m\") 17 40) (data (i32.const 0x100000) \"data\")"));
    for (way, config) in ways() {
        let made = artifact.clone();
        let pool = bailiwick_loader::Pool::with(Default::default(), config, move |group| {
            let instance = group.instantiate(&made, &Imports::new())?;
            call(group, instance, "put", &[Val::I32(500_000), Val::I32(77)])?;
            call(group, instance, "put", &[Val::I32(0x100001), Val::I32(78)])?;
            call(group, instance, "grow", &[Val::I32(2)])?;
            call(group, instance, "put", &[Val::I32(18 << 16), Val::I32(79)])?;
            Ok(instance.into())
        })
        .unwrap();
        for round in 0..3 {
            let mut lease = acquire(&pool);
            let instance = lease.instance();
            let bytes = instance.memory(&mut lease, "m").unwrap().bytes(&mut lease).unwrap();
            assert_eq!((bytes[500_000], &bytes[0x100000..0x100004]), (77, &b"dNta"[..]), "{way}, round {round}");
            assert_eq!((bytes.len(), bytes[18 << 16]), (19 << 16, 79), "{way}, round {round}");
            assert_eq!(bytes.iter().filter(|&&b| b != 0).count(), 6, "{way}, round {round}");
            bytes.fill(0xff);
        }
    }
}

/// Mappings of this process.
fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

#[test]
fn groups_that_were_used_and_cleaned_take_as_many_mappings_as_new_ones() {
    if EMULATED {
        return;
    }
    // In a child: other tests' mappings would be counted.
    if super::common::task().is_none() {
        let name = "memories::groups_that_were_used_and_cleaned_take_as_many_mappings_as_new_ones";
        super::common::ended(&mut super::common::child(name, "child")).with(0);
        return;
    }
    let artifact = artifact(&guest("(memory (export \"m\") 17 40) (data (i32.const 0x100000) \"data\")"));
    for (way, mut config) in ways() {
        let count = 100;
        (config.max_groups, config.max_idle) = (count, count);
        let pool = pool_of(&artifact, &Imports::new(), &config);
        let before = mappings();
        for _ in 0..3 {
            let mut leases: Vec<_> = (0..count).map(|_| acquire(&pool)).collect();
            for lease in &mut leases {
                let instance = lease.instance();
                call(lease, instance, "grow", &[Val::I32(3)]).unwrap();
                call(lease, instance, "put", &[Val::I32(19 << 16), Val::I32(1)]).unwrap();
                call(lease, instance, "put", &[Val::I32(700_000), Val::I32(1)]).unwrap();
            }
            drop(leases);
            pool.clean();
        }
        let each = mappings().saturating_sub(before) as f64 / count as f64;
        assert!(each <= 4.1, "{way}: {each} mappings each");
    }
}

#[test]
fn a_child_of_a_process_with_a_pool_cleans_its_own_groups() {
    const NAME: &str = "memories::a_child_of_a_process_with_a_pool_cleans_its_own_groups";
    if super::common::task().is_none() {
        super::common::ended(&mut super::common::child(NAME, "fork")).with(0);
        return;
    }
    let artifact = artifact(&guest("(memory (export \"m\") 17 40)"));
    for (_, config) in ways().into_iter().filter(|(_, config)| !config.cleaner) {
        let pool = pool_of(&artifact, &Imports::new(), &config);
        drop(acquire(&pool));
        // SAFETY: this process has no thread that could hold a lock which the child needs: the test's main thread waits.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let mut good = true;
            for _ in 0..times(3, 2) {
                let mut lease = acquire(&pool);
                let instance = lease.instance();
                let bytes = instance.memory(&mut lease, "m").unwrap().bytes(&mut lease).unwrap();
                good &= bytes.iter().all(|&byte| byte == 0);
                call(&mut lease, instance, "fill", &[Val::I32(1)]).unwrap();
            }
            // SAFETY: ends the child without running anything that is the parent's.
            unsafe { libc::_exit(if good { 0 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: waits for the child that was just made.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0, "the child found what it had written");
    }
}
