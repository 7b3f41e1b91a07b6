//! Handles of an earlier lease.

use super::{acquire, call, pool_of, ways};
use bailiwick_loader::{Error, Extern, Imports, TypedFunc, Val};
use bailiwick_tests::compile::artifact;

#[test]
fn handles_of_an_earlier_lease_are_refused() {
    let artifact = artifact(
        r#"(module (memory (export "memory") 1) (table (export "table") 2 funcref) (tag (export "tag"))
        (global (export "global") (mut funcref) (ref.null func)) (func (export "func")))"#,
    );
    for (way, config) in ways() {
        let pool = pool_of(&artifact, &Imports::new(), &config);
        let mut lease = acquire(&pool);
        let old = lease.instance();
        let typed: TypedFunc<(), ()> = old.typed_func(&mut lease, "func").unwrap();
        typed.call(&mut lease, ()).unwrap();
        let exports =
            ["memory", "table", "tag", "global", "func"].map(|name| old.export(&mut lease, name).unwrap().unwrap());
        drop(lease);
        let mut lease = acquire(&pool);
        assert_eq!(pool.stats().made, 1, "it is the same group");
        let instance = lease.instance();
        assert_ne!(instance, old);
        let mut refused = vec![old.export(&mut lease, "func").map(drop), typed.call(&mut lease, ())];
        let global = instance.global(&mut lease, "global").unwrap();
        for export in exports {
            let result = match export {
                Extern::Memory(memory) => memory.bytes(&mut lease).map(drop),
                Extern::Table(table) => table.get(&mut lease, 0).map(drop),
                Extern::Tag(tag) => tag.ty(&mut lease).map(drop),
                Extern::Global(global) => global.get(&mut lease).map(drop),
                Extern::Func(func) => {
                    refused.push(global.set(&mut lease, Val::FuncRef(Some(func))));
                    func.call(&mut lease, &[]).map(drop)
                }
            };
            refused.push(result);
        }
        for result in refused {
            assert!(matches!(result, Err(Error::WrongGroup(_))), "{way}: {result:?}");
        }
        call(&mut lease, instance, "func", &[]).unwrap();
    }
}

#[test]
fn a_lease_in_which_nothing_happened_ends_its_handles_too() {
    let artifact = artifact("(module (func (export \"func\")))");
    let pool = pool_of(&artifact, &Imports::new(), &ways()[0].1);
    let mut lease = acquire(&pool);
    let typed: TypedFunc<(), ()> = lease.instance().typed_func(&mut lease, "func").unwrap();
    drop(lease);
    assert_eq!(pool.stats().untouched, 1, "finding an export is no use of it");
    let mut lease = acquire(&pool);
    assert!(matches!(typed.call(&mut lease, ()), Err(Error::WrongGroup(_))));
}
