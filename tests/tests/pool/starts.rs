//! Start functions, and what the host wants done before each lease.

use super::{acquire, call, pool_of, ways};
use bailiwick_loader::pool::{Made, NotRecyclable};
use bailiwick_loader::{Caller, Error, HostError, Imports, Pool, Val};
use bailiwick_tests::compile::artifact;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

#[test]
fn a_start_function_runs_at_the_beginning_of_each_lease() {
    let artifact = artifact(
        r#"(module (import "h" "number" (func $number (result i32))) (memory (export "m") 1)
        (global (export "g") (mut i32) (i32.const 0)) (global (export "runs") (mut i32) (i32.const 0)) (start $start)
        (func $start (global.set 0 (call $number)) (i32.store (i32.const 8) (global.get 0))
            (global.set 1 (i32.add (global.get 1) (i32.const 1)))))"#,
    );
    for (way, config) in ways() {
        let calls = Arc::new(AtomicI32::new(0));
        let counted = calls.clone();
        let mut imports = Imports::new();
        imports.func("h", "number", move |_: &mut Caller<'_>| {
            Ok::<_, HostError>(counted.fetch_add(1, Ordering::SeqCst) + 1)
        });
        let pool = pool_of(&artifact, &imports, &config);
        assert_eq!(calls.load(Ordering::SeqCst), 0, "nobody has a lease yet");
        for round in 1..4 {
            let mut lease = acquire(&pool);
            let instance = lease.instance();
            assert_eq!(calls.load(Ordering::SeqCst), round);
            assert_eq!(instance.global(&mut lease, "g").unwrap().get(&mut lease).unwrap(), Val::I32(round), "{way}");
            assert_eq!(instance.global(&mut lease, "runs").unwrap().get(&mut lease).unwrap(), Val::I32(1), "{way}");
            assert_eq!(instance.memory(&mut lease, "m").unwrap().bytes(&mut lease).unwrap()[8], round as u8);
        }
    }
}

#[test]
fn a_start_function_that_fails_hands_nothing_out_and_spoils_nothing() {
    let artifact = artifact(
        r#"(module (import "h" "number" (func $number (result i32))) (global $g (export "g") (mut i32) (i32.const 0))
        (start $start) (func $start
            (if (global.get $g) (then (unreachable))) (global.set $g (i32.const 1))
            (if (i32.and (call $number) (i32.const 1)) (then (drop (i32.div_u (i32.const 1) (i32.const 0)))))))"#,
    );
    let next = AtomicI32::new(0);
    let mut imports = Imports::new();
    imports.func("h", "number", move |_: &mut Caller<'_>| Ok::<_, HostError>(next.fetch_add(1, Ordering::SeqCst)));
    let pool = pool_of(&artifact, &imports, &ways()[0].1);
    for round in 0..6 {
        let lease = pool.acquire();
        match round % 2 {
            0 => drop(lease.unwrap()),
            _ => assert_eq!(lease.unwrap_err().trap_code(), Some(bailiwick_loader::TrapCode::IntegerDivisionByZero)),
        }
    }
    assert_eq!((pool.stats().made, pool.stats().dropped, pool.stats().leases), (1, 0, 6));
}

#[test]
fn only_the_last_module_may_have_a_start_function() {
    let (with, without) = (artifact("(module (func $s) (start $s))"), artifact("(module)"));
    let pool = |first: &bailiwick_loader::Artifact, second: &bailiwick_loader::Artifact| {
        let (first, second) = (first.clone(), second.clone());
        Pool::with(Default::default(), Default::default(), move |group| {
            group.instantiate(&first, &Imports::new())?;
            Ok(group.instantiate(&second, &Imports::new())?.into())
        })
    };
    assert!(pool(&without, &with).is_ok());
    let error = pool(&with, &without).unwrap_err();
    assert!(matches!(error, Error::NotRecyclable(NotRecyclable::StartBeforeOthers)), "{error}");
}

#[test]
fn the_state_of_host_functions_begins_anew_where_it_is_made_to() {
    let artifact = artifact(
        r#"(module (import "h" "next" (func $next (result i32)))
        (func (export "next") (result i32) (call $next)))"#,
    );
    let pool = Pool::with(Default::default(), ways()[0].1.clone(), move |group| {
        let state = Arc::new(AtomicI32::new(0));
        let own = state.clone();
        let mut imports = Imports::new();
        imports.func("h", "next", move |_: &mut Caller<'_>| Ok::<_, HostError>(own.fetch_add(1, Ordering::SeqCst)));
        let instance = group.instantiate(&artifact, &imports)?;
        Ok(Made::renewing(instance, move || match state.swap(0, Ordering::SeqCst) {
            3 => Err(Error::Exit(3)),
            _ => Ok(()),
        }))
    })
    .unwrap();
    for calls in [2, 1, 3] {
        let mut lease = acquire(&pool);
        let instance = lease.instance();
        for i in 0..calls {
            assert_eq!(call(&mut lease, instance, "next", &[]).unwrap(), [Val::I32(i)]);
        }
    }
    assert!(matches!(pool.acquire(), Err(Error::Exit(3))));
    drop(acquire(&pool));
}
