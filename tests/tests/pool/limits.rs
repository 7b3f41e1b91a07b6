//! How many groups there are, who cleans them, and many threads.

use super::common::times;
use super::{acquire, call, pool_of, ways};
use bailiwick_loader::{Error, GroupConfig, Imports, Pool, PoolConfig, Pooled, Val};
use bailiwick_tests::compile::artifact;
use std::sync::atomic::{AtomicU64, Ordering};

/// A guest that finds out whether it is alone: it looks whether all is new, and writes a number over everything.
const LONER: &str = r#"(module (memory 1 9) (global $g (mut i64) (i64.const 0)) (table 3 funcref) (elem declare func $run)
    (data (i32.const 40000) "data")
    (func $run (export "run") (param $me i64) (result i32) (local $p i32)
        (if (i64.ne (global.get $g) (i64.const 0)) (then (return (i32.const 1))))
        (if (i32.ne (memory.size) (i32.const 1)) (then (return (i32.const 2))))
        (if (i32.eqz (ref.is_null (table.get (i32.const 2)))) (then (return (i32.const 3))))
        (if (i32.ne (i32.load (i32.const 40000)) (i32.const 0x61746164)) (then (return (i32.const 4))))
        (i32.store (i32.const 40000) (i32.const 0))
        (loop $next
            (if (i64.ne (i64.load (local.get $p)) (i64.const 0)) (then (return (i32.const 5))))
            (i64.store (local.get $p) (local.get $me))
            (br_if $next (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 8))) (i32.const 65536))))
        (global.set $g (local.get $me)) (table.set (i32.const 2) (ref.func $run))
        (local.set $p (i32.const 0))
        (loop $next
            (if (i64.ne (i64.load (local.get $p)) (local.get $me)) (then (return (i32.const 6))))
            (br_if $next (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 8))) (i32.const 65536))))
        (if (i64.ne (global.get $g) (local.get $me)) (then (return (i32.const 7))))
        (if (i64.eqz (i64.and (local.get $me) (i64.const 7)))
            (then (drop (memory.grow (i32.const 2))) (i64.store (i32.const 196600) (local.get $me))))
        (i32.const 0)))"#;

#[test]
fn many_threads_have_each_a_group_of_their_own_that_is_new() {
    let artifact = artifact(LONER);
    let mut configs: Vec<PoolConfig> = ways().into_iter().map(|(_, config)| config).collect();
    let mut default = PoolConfig::default();
    default.cleaner = true;
    configs.push(default);
    for config in configs {
        let mut config = config;
        (config.max_groups, config.max_idle) = (12, 5);
        let pool = pool_of(&artifact, &Imports::new(), &config);
        let next = AtomicU64::new(1);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut held: Vec<Pooled> = Vec::new();
                    for round in 0..times(400, 12) {
                        let mut lease = acquire(&pool);
                        let me = next.fetch_add(1, Ordering::Relaxed);
                        let run = lease.instance().typed_func::<i64, i32>(&mut lease, "run").unwrap();
                        assert_eq!(run.call(&mut lease, me as i64).unwrap(), 0, "{config:?}");
                        // Some are given back later, by another thread or at another time.
                        match round % 3 {
                            0 => drop(lease),
                            1 => drop(std::thread::scope(|scope| scope.spawn(move || drop(lease)).join())),
                            _ => held = vec![lease],
                        }
                    }
                    drop(held);
                });
            }
        });
        // The pool's thread may have one in its hands.
        super::common::eventually("all groups are back", || {
            let stats = pool.stats();
            assert!(stats.clean + stats.unclean <= 5, "{stats:?}");
            stats.groups == stats.clean + stats.unclean
        });
    }
}

#[test]
fn there_are_never_more_groups_than_may_be() {
    let artifact = artifact("(module)");
    let mut config = PoolConfig::default();
    (config.max_groups, config.max_idle) = (5, 3);
    let pool = pool_of(&artifact, &Imports::new(), &config);
    let leases: Vec<Pooled> = (0..5).map(|_| pool.acquire().unwrap()).collect();
    assert!(matches!(pool.acquire(), Err(Error::Limit { limit: 5, .. })));
    assert_eq!((pool.stats().groups, pool.stats().clean), (5, 0));
    drop(leases);
    assert_eq!((pool.stats().groups, pool.stats().clean, pool.stats().dropped), (3, 3, 2));
    pool.fill(100).unwrap();
    assert_eq!(pool.stats().clean, 3);
    let leases: Vec<Pooled> = (0..5).map(|_| pool.acquire().unwrap()).collect();
    assert_eq!(pool.stats().made, 7);
    drop(leases);
}

#[test]
fn a_group_that_fails_to_be_made_takes_no_place() {
    let mut config = PoolConfig::default();
    config.max_groups = 2;
    let (artifact, tries) = (artifact("(module)"), AtomicU64::new(0));
    let pool = Pool::with(GroupConfig::default(), config, move |group| match tries.fetch_add(1, Ordering::SeqCst) {
        0 | 9 => Ok(group.instantiate(&artifact, &Imports::new())?.into()),
        _ => Err(Error::Exit(1)),
    })
    .unwrap();
    let first = pool.acquire().unwrap();
    for _ in 1..9 {
        assert!(matches!(pool.acquire(), Err(Error::Exit(1))));
    }
    let second = pool.acquire().unwrap();
    assert!(matches!(pool.acquire(), Err(Error::Limit { .. })));
    drop((first, second));
}

#[test]
fn small_groups_need_no_kernel_and_large_ones_are_cleaned_by_whoever_is_asked() {
    let small =
        artifact("(module (memory (export \"m\") 1) (func (export \"run\") (i32.store (i32.const 9) (i32.const 1))))");
    let large =
        artifact("(module (memory (export \"m\") 17) (func (export \"run\") (i32.store (i32.const 9) (i32.const 1))))");
    let mut config = PoolConfig::default();
    (config.max_groups, config.max_idle) = (1, 1);
    let lease = |pool: &Pool| {
        let mut lease = acquire(pool);
        let instance = lease.instance();
        call(&mut lease, instance, "run", &[]).unwrap();
    };
    let pool = pool_of(&small, &Imports::new(), &config);
    (0..10).for_each(|_| lease(&pool));
    let stats = pool.stats();
    assert_eq!((stats.restored, stats.cleaned, stats.cleaned_late, stats.unclean), (10, 0, 0, 0));
    let pool = pool_of(&large, &Imports::new(), &config);
    (0..10).for_each(|_| lease(&pool));
    let stats = pool.stats();
    assert_eq!((stats.restored, stats.cleaned, stats.cleaned_late, stats.unclean), (0, 0, 9, 1));
    assert_eq!(pool.clean(), 1);
    assert_eq!((pool.stats().cleaned, pool.stats().clean), (1, 1));
    config.cleaner = true;
    let pool = pool_of(&large, &Imports::new(), &config);
    for round in 1..5 {
        lease(&pool);
        super::common::eventually("the thread cleans", || pool.stats().clean == 1);
        assert_eq!((pool.stats().cleaned, pool.stats().cleaned_late), (round, 0));
    }
}

#[test]
fn a_pool_keeps_as_much_memory_as_it_says() {
    if super::common::EMULATED {
        return;
    }
    // In a child: other tests' memory would be counted.
    if super::common::task().is_none() {
        let name = "limits::a_pool_keeps_as_much_memory_as_it_says";
        super::common::ended(&mut super::common::child(name, "child")).with(0);
        return;
    }
    let artifact = artifact(
        r#"(module (memory (export "m") 1 1000) (func (export "run") (param i32)
        (drop (memory.grow (local.get 0)))
        (memory.fill (i32.const 0) (i32.const 1) (i32.mul (memory.size) (i32.const 65536)))))"#,
    );
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/statm").unwrap();
        status.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    let mut config = PoolConfig::default();
    config.keep = 1 << 20;
    let pool = pool_of(&artifact, &Imports::new(), &config);
    let mut lease = acquire(&pool);
    let instance = lease.instance();
    call(&mut lease, instance, "run", &[Val::I32(900)]).unwrap();
    let full = resident();
    drop(lease);
    assert_eq!(pool.clean(), 1);
    // 59 MB of it.
    assert!(full.saturating_sub(resident()) > 50 << 20, "{full} {}", resident());
    let kept = resident();
    let mut lease = acquire(&pool);
    let instance = lease.instance();
    call(&mut lease, instance, "run", &[Val::I32(12)]).unwrap();
    drop(lease);
    pool.clean();
    // What is kept is there already.
    assert!(resident() < kept + (200 << 10), "{kept} {}", resident());
}
