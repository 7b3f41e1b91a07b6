//! Exceptions and host values: what they hold goes, and what was held by them can't be had again.

use super::{acquire, call, pool_of, ways};
use bailiwick_loader::{Error, ExnRef, ExternRef, GroupConfig, Imports, Pool, Val};
use bailiwick_tests::compile::artifact;
use std::sync::Arc;

#[test]
fn exceptions_of_an_earlier_lease_are_gone() {
    let artifact = artifact(
        r#"(module (tag $t (export "tag") (param i64)) (global (export "held") (mut exnref) (ref.null exn))
        (func (export "throw") (throw $t (i64.const 42)))
        (func (export "hold") (block $caught (result exnref)
            (try_table (catch_all_ref $caught) (throw $t (i64.const 1))) (unreachable)) (global.set 0))
        (func (export "again") (throw_ref (global.get 0))))"#,
    );
    let mut limits = GroupConfig::default();
    limits.max_exceptions = 3;
    for (way, config) in ways() {
        let pool = Pool::new(&artifact, &Imports::new(), limits.clone(), config).unwrap();
        let mut old: Vec<ExnRef> = Vec::new();
        for round in 0..4 {
            let mut lease = acquire(&pool);
            let instance = lease.instance();
            let held = instance.global(&mut lease, "held").unwrap();
            assert_eq!(held.get(&mut lease).unwrap(), Val::ExnRef(None), "{way}");
            // Those that earlier tenants' hosts hold do not count, and are refused.
            for _ in 0..3 {
                let Err(Error::Exception(thrown)) = call(&mut lease, instance, "throw", &[]) else {
                    panic!("{way}, {round}")
                };
                old.push(thrown.exception());
            }
            let (earlier, own) = old.split_at(old.len() - 3);
            for exception in earlier {
                assert!(matches!(exception.values(&mut lease), Err(Error::WrongGroup(_))), "{way}");
                let set = held.set(&mut lease, Val::ExnRef(Some(*exception)));
                assert!(matches!(set, Err(Error::WrongGroup(_))), "{way}");
            }
            assert_eq!(own[2].values(&mut lease).unwrap(), [Val::I64(42)]);
            own[0].release(&mut lease);
            call(&mut lease, instance, "hold", &[]).unwrap();
            assert!(matches!(call(&mut lease, instance, "again", &[]), Err(Error::Exception(_))));
        }
    }
}

#[test]
fn host_values_of_an_earlier_lease_are_dropped_and_refused() {
    let artifact = artifact(
        r#"(module (table (export "t") 2 externref) (global (export "g") (mut externref) (ref.null extern))
        (func (export "keep") (param externref) (global.set 0 (local.get 0)) (table.set (i32.const 1) (local.get 0)))
        (func (export "kept") (result externref) (global.get 0)))"#,
    );
    let mut limits = GroupConfig::default();
    limits.max_extern_refs = 2;
    for (way, config) in ways() {
        let everyone_s = Arc::new("everyone's");
        let (made, given) = (artifact.clone(), everyone_s.clone());
        let pool = Pool::with(limits.clone(), config, move |group| {
            let instance = group.instantiate(&made, &Imports::new())?;
            let value = group.extern_ref(given.clone())?;
            call(group, instance, "keep", &[Val::ExternRef(Some(value))])?;
            Ok(instance.into())
        })
        .unwrap();
        let mut old: Vec<ExternRef> = Vec::new();
        for round in 0..3 {
            let mut lease = acquire(&pool);
            let instance = lease.instance();
            // What was there when the group was made is there, under the lease's own name.
            let kept = call(&mut lease, instance, "kept", &[]).unwrap();
            let [Val::ExternRef(Some(kept))] = kept[..] else { panic!("{way}, {round}: {kept:?}") };
            assert!(lease.extern_value(kept).unwrap().is::<Arc<&str>>());
            let secret = Arc::new(round);
            let value = lease.extern_ref(secret.clone()).unwrap();
            assert!(lease.extern_ref(0).is_err(), "{way}: the limit is two");
            call(&mut lease, instance, "keep", &[Val::ExternRef(Some(value))]).unwrap();
            for old in &old {
                assert!(lease.extern_value(*old).is_none(), "{way}");
                let passed = call(&mut lease, instance, "keep", &[Val::ExternRef(Some(*old))]);
                assert!(matches!(passed, Err(Error::WrongGroup(_))), "{way}");
            }
            old.extend([value, kept]);
            drop(lease);
            assert_eq!(Arc::strong_count(&secret), 1, "{way}, {round}: it was not dropped");
        }
        assert!(Arc::strong_count(&everyone_s) > 1);
    }
}

#[test]
fn a_host_value_whose_destructor_panics_does_not_spoil_the_group() {
    struct Grenade;
    impl Drop for Grenade {
        fn drop(&mut self) {
            panic!("boom");
        }
    }
    let artifact = artifact("(module (memory (export \"m\") 1))");
    let pool = pool_of(&artifact, &Imports::new(), &ways()[0].1);
    for _ in 0..3 {
        let mut lease = acquire(&pool);
        let instance = lease.instance();
        let bytes = instance.memory(&mut lease, "m").unwrap().bytes(&mut lease).unwrap();
        assert_eq!(bytes[5], 0);
        bytes[5] = 1;
        lease.extern_ref(Grenade).unwrap();
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(lease))).unwrap_err();
    }
    assert_eq!(pool.stats().made, 1);
}
