//! Interrupts: they end whose they are for, and nobody after.

use super::common::times;
use super::{acquire, call, pool_of, ways};
use bailiwick_loader::{Caller, Imports, TrapCode};
use bailiwick_tests::compile::artifact;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

const SPIN: &str = r#"(module (memory (export "m") 1) (func (export "spin") (loop $l (br $l)))
    (func (export "short") (local $n i32) (loop $l
        (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))))"#;

#[test]
fn a_handle_of_an_earlier_lease_ends_nobody() {
    let artifact = artifact(SPIN);
    for (way, config) in ways() {
        let pool = pool_of(&artifact, &Imports::new(), &config);
        let mut old = Vec::new();
        for round in 0..4 {
            let mut lease = acquire(&pool);
            let instance = lease.instance();
            for (i, handle) in std::mem::take(&mut old).into_iter().enumerate() {
                let handle: bailiwick_loader::InterruptHandle = handle;
                handle.interrupt().unwrap();
                assert!(!lease.interrupt_handle().requested(), "{way}, {round}, {i}");
                old.push(handle);
            }
            call(&mut lease, instance, "short", &[]).unwrap_or_else(|e| panic!("{way}, {round}: {e}"));
            old.push(lease.interrupt_handle());
        }
        assert_eq!(pool.stats().made, 1);
    }
}

#[test]
fn a_lease_that_was_interrupted_leaves_nothing_of_it() {
    let artifact = artifact(SPIN);
    for (way, config) in ways() {
        let pool = pool_of(&artifact, &Imports::new(), &config);
        for round in 0..3 {
            let mut lease = acquire(&pool);
            let instance = lease.instance();
            call(&mut lease, instance, "short", &[]).unwrap_or_else(|e| panic!("{way}, {round}: {e}"));
            let handle = lease.interrupt_handle();
            // While it runs, before it runs, and kept beyond the lease or not.
            if round != 1 {
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        std::thread::sleep(std::time::Duration::from_millis(5));
                        handle.interrupt().unwrap();
                    });
                    let error = call(&mut lease, instance, "spin", &[]).unwrap_err();
                    assert_eq!(error.trap_code(), Some(TrapCode::Interrupt));
                });
            } else {
                handle.interrupt().unwrap();
            }
            let _kept = (round == 2).then_some(handle);
        }
        // And without any other use of it.
        let lease = acquire(&pool);
        lease.interrupt_handle().interrupt().unwrap();
        drop(lease);
        let mut lease = acquire(&pool);
        let instance = lease.instance();
        call(&mut lease, instance, "short", &[]).unwrap_or_else(|e| panic!("{way}: {e}"));
        assert_eq!((pool.stats().made, pool.stats().dropped), (1, 0), "{way}");
    }
}

#[test]
fn an_interrupt_at_any_moment_ends_its_own_lease_or_none() {
    let artifact = artifact(SPIN);
    for (way, config) in ways() {
        let pool = pool_of(&artifact, &Imports::new(), &config);
        let (sender, receiver) = channel::<bailiwick_loader::InterruptHandle>();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let over = &over;
            scope.spawn(move || {
                // Of each second lease, for as long as it is the newest.
                let mut handle = receiver.recv().unwrap();
                while !over.load(Ordering::Relaxed) {
                    handle.interrupt().unwrap();
                    while let Ok(newer) = receiver.try_recv() {
                        handle = newer;
                    }
                }
            });
            for round in 0..times(2000, 40) {
                let mut lease = acquire(&pool);
                let instance = lease.instance();
                if round % 2 == 0 {
                    sender.send(lease.interrupt_handle()).unwrap();
                    let _ = call(&mut lease, instance, "short", &[]);
                } else {
                    call(&mut lease, instance, "short", &[]).unwrap_or_else(|e| panic!("{way}, {round}: {e}"));
                }
            }
            over.store(true, Ordering::Relaxed);
        });
        assert_eq!((pool.stats().made, pool.stats().dropped), (1, 0), "{way}");
    }
}

#[test]
fn a_signal_that_a_host_function_kept_is_of_its_own_lease() {
    let artifact = artifact(r#"(module (import "h" "f" (func $f)) (func (export "run") (call $f)))"#);
    let (sender, receiver) = channel();
    let sender = std::sync::Mutex::new(sender);
    let mut imports = Imports::new();
    imports.func("h", "f", move |caller: &mut Caller<'_>| {
        sender.lock().unwrap().send(caller.interrupt_signal()?).unwrap();
        Ok(())
    });
    let pool = pool_of(&artifact, &imports, &ways()[0].1);
    let mut lease = acquire(&pool);
    let instance = lease.instance();
    call(&mut lease, instance, "run", &[]).unwrap();
    let old = receiver.recv().unwrap();
    drop(lease);
    let lease = acquire(&pool);
    lease.interrupt_handle().interrupt().unwrap();
    assert!(!old.requested());
}
