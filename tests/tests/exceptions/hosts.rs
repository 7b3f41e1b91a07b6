//! Exceptions that come from the host, go to it, or through it.

use super::{Guest, artifacts};
use bailiwick_loader::{
    Caller, Error, ExnRef, Extern, FuncType, Group, GroupConfig, HostError, Imports, Tag, Val, ValType,
};

const WAT: &str = r#"(module
    (import "host" "tag" (tag $e (param i32)))
    (import "host" "f" (func $f (param i32)))
    (func (export "catch") (param i32) (result i32)
        (block $h (result i32) (try_table (catch $e $h) (call $f (local.get 0))) (i32.const -1)))
    (func (export "call") (param i32) (call $f (local.get 0)))
    (func (export "throw") (param i32) (throw $e (local.get 0))))"#;

/// A group with a tag of the host's, and an instance that is granted it and a function.
fn with(f: impl Fn(&mut Caller<'_>, Tag, i32) -> Result<(), HostError> + Send + Sync + Clone + 'static) -> Vec<Guest> {
    let guests = artifacts(WAT).into_iter().map(|artifact| {
        let mut group = Group::with_config(GroupConfig::default()).unwrap();
        let tag = Tag::new(&mut group, FuncType::new([ValType::I32], [])).unwrap();
        let (mut imports, f) = (Imports::new(), f.clone());
        imports.define("host", "tag", tag);
        imports.func("host", "f", move |caller: &mut Caller<'_>, n: i32| f(caller, tag, n));
        let instance = group.instantiate(&artifact, &imports).unwrap();
        Guest { group, instance }
    });
    guests.collect()
}

#[test]
fn a_host_function_throws() {
    for mut guest in with(|caller, tag, n| Err(HostError::Exception(ExnRef::new(caller, tag, &[Val::I32(n)])?))) {
        assert_eq!(guest.value("catch", &[Val::I32(5)]), Val::I32(5));
        let uncaught = guest.thrown("call", &[Val::I32(6)]);
        assert_eq!(uncaught.values(), [Val::I32(6)]);
        assert_eq!(uncaught.exception().values(&mut guest.group).unwrap(), [Val::I32(6)]);
        assert_eq!(uncaught.exception().tag(&mut guest.group).unwrap(), uncaught.tag());
    }
}

/// Guest, host, guest: the error that the inner call ends with is thrown on, or kept.
#[test]
fn through_a_host_function() {
    let again = |caller: &mut Caller<'_>, _: Tag, n: i32| {
        let throw = caller.export("throw").expect("an export");
        match throw.call(caller, &[Val::I32(n)]) {
            Err(Error::Exception(_)) if n < 0 => Ok(()),
            other => other.map(|_| ()).map_err(HostError::from),
        }
    };
    for mut guest in with(again) {
        for n in [1, 2] {
            assert_eq!(guest.value("catch", &[Val::I32(n)]), Val::I32(n));
        }
        assert_eq!(guest.value("catch", &[Val::I32(-3)]), Val::I32(-1));
        assert_eq!(guest.thrown("call", &[Val::I32(4)]).values(), [Val::I32(4)]);
    }
}

#[test]
fn another_groups_exception_is_an_error_that_nothing_catches() {
    for mut other in with(|_, _, _| Ok(())) {
        let foreign = other.thrown("throw", &[Val::I32(1)]).exception();
        for mut guest in with(move |_, _, _| Err(HostError::Exception(foreign))) {
            assert!(matches!(guest.call("catch", &[Val::I32(1)]), Err(Error::Released | Error::WrongGroup(_))));
        }
        assert!(matches!(foreign.values(&mut Group::new().unwrap()), Err(Error::WrongGroup(_))));
    }
}

#[test]
fn a_tag_of_the_host_has_a_type_and_no_results() {
    let mut group = Group::new().unwrap();
    let tag = Tag::new(&mut group, FuncType::new([ValType::I64], [])).unwrap();
    assert_eq!(tag.ty(&mut group).unwrap().to_string(), "(i64) -> ()");
    assert!(matches!(Tag::new(&mut group, FuncType::new([], [ValType::I32])), Err(Error::Type { .. })));
    assert!(matches!(ExnRef::new(&mut group, tag, &[Val::I32(1)]), Err(Error::Type { .. })));
    let mut imports = Imports::new();
    imports.define("host", "tag", Extern::Tag(tag));
    imports.func("host", "f", |_: &mut Caller<'_>, _: i32| Ok(()));
    for artifact in artifacts(WAT) {
        // The module's tag carries another type.
        assert!(matches!(group.instantiate(&artifact, &imports), Err(Error::Link(_))));
    }
}
