//! However a lease ends, the next is as new.

use super::common::times;
use super::{acquire, call, pool_of, seen, ways};
use bailiwick_loader::{Caller, Error, GroupConfig, HostError, Imports, Pool, Refused, Val};
use bailiwick_tests::compile::artifact;

const MODULE: &str = r#"(module
    (import "h" "panic" (func $panic)) (import "h" "exit" (func $exit)) (import "h" "fail" (func $fail))
    (import "h" "again" (func $again (param i32)))
    (memory (export "memory") 1 40) (global (export "g") (mut i32) (i32.const 1)) (table (export "t") 2 funcref)
    (tag $t) (elem declare func $dirty)
    (func $dirty (global.set 0 (i32.const 2)) (memory.fill (i32.const 0) (i32.const 3) (i32.const 65536))
        (table.set (i32.const 0) (ref.func $dirty)))
    (func (export "return") (call $dirty))
    (func (export "unreachable") (call $dirty) (unreachable))
    (func (export "out of bounds") (call $dirty) (drop (i32.load (i32.const 65533))))
    (func $deep (export "recursion") (call $dirty) (call $deep) (call $deep))
    (func (export "division") (call $dirty) (drop (i32.div_u (i32.const 1) (i32.const 0))))
    (func (export "throw") (call $dirty) (throw $t))
    (func (export "panic") (call $dirty) (call $panic))
    (func (export "exit") (call $dirty) (call $exit))
    (func (export "fail") (call $dirty) (call $fail))
    (func (export "nested") (call $dirty) (call $again (i32.const 5)))
    (func (export "caught") (call $dirty) (block $c (try_table (catch_all $c) (call $fail_by_exception))))
    (func $fail_by_exception (throw $t))
    (func (export "too much memory") (call $dirty) (drop (memory.grow (i32.const 39))))
    (func (export "inner") (param i32) (if (local.get 0) (then (call $again (i32.sub (local.get 0) (i32.const 1)))))
        (unreachable)))"#;

fn imports() -> Imports {
    let mut imports = Imports::new();
    imports.func("h", "panic", |_: &mut Caller<'_>| -> Result<(), HostError> { panic!("of a host function") });
    imports.func("h", "exit", |_: &mut Caller<'_>| -> Result<(), HostError> { Err(HostError::exit(3)) });
    imports.func("h", "fail", |_: &mut Caller<'_>| -> Result<(), HostError> { Err(HostError::message("no")) });
    imports.func("h", "again", |caller: &mut Caller<'_>, n: i32| -> Result<(), HostError> {
        let inner = caller.export("inner").unwrap();
        inner.call(caller, &[Val::I32(n)])?;
        Ok(())
    });
    imports
}

#[test]
fn however_a_lease_ends_the_next_is_as_new() {
    let artifact = artifact(MODULE);
    let ends: Vec<&str> = [
        "return",
        "unreachable",
        "out of bounds",
        "recursion",
        "division",
        "throw",
        "panic",
        "exit",
        "fail",
        "nested",
        "caught",
        "too much memory",
    ]
    .into();
    let mut limits = GroupConfig::default();
    limits.max_memory = 4 << 16;
    limits.stack_size = times(1 << 20, 128 << 10);
    for (way, config) in ways() {
        let pool = Pool::new(&artifact, &imports(), limits.clone(), config).unwrap();
        let mut expected = None;
        for end in ends.iter().flat_map(|&end| [end, "return"]) {
            let mut lease = acquire(&pool);
            let instance = lease.instance();
            assert_eq!(lease.refused(), None, "{way}, {end}");
            let now = seen(&mut lease, instance, &artifact);
            assert_eq!(&now, expected.get_or_insert(now.clone()), "{way}, before {end}");
            let result = call(&mut lease, instance, end, &[]);
            assert_eq!(
                result.is_ok(),
                matches!(end, "return" | "caught" | "too much memory"),
                "{way}, {end}: {result:?}"
            );
            assert_eq!(lease.refused().is_some(), end == "too much memory");
            assert!(!matches!(lease.refused(), Some(Refused::TableElements(_))));
        }
        assert_eq!((pool.stats().made, pool.stats().dropped), (1, 0), "{way}");
    }
}

#[test]
fn a_lease_that_a_panic_drops_is_cleaned_like_any() {
    let artifact = artifact(MODULE);
    let pool = pool_of(&artifact, &imports(), &ways()[0].1);
    for _ in 0..3 {
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut lease = acquire(&pool);
            let instance = lease.instance();
            assert_eq!(instance.global(&mut lease, "g").unwrap().get(&mut lease).unwrap(), Val::I32(1));
            call(&mut lease, instance, "return", &[]).unwrap();
            panic!("the embedder's");
        }));
        assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"the embedder's"));
    }
    assert_eq!(pool.stats().made, 1);
}

#[test]
fn leases_go_between_threads_and_outlive_their_pool() {
    let artifact = artifact(MODULE);
    let pool = pool_of(&artifact, &imports(), &ways()[0].1);
    let mut lease = acquire(&pool);
    let moved = std::thread::spawn(move || {
        let instance = lease.instance();
        call(&mut lease, instance, "return", &[]).unwrap();
        lease
    });
    let mut lease = moved.join().unwrap();
    drop(pool);
    let instance = lease.instance();
    call(&mut lease, instance, "return", &[]).unwrap();
    drop(lease);
}

#[test]
fn a_pool_whose_closure_fails_makes_nothing() {
    let pool = Pool::with(Default::default(), Default::default(), |_| Err(Error::Exit(9)));
    assert!(matches!(pool, Err(Error::Exit(9))));
}
