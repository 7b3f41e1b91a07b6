//! What no handler gets: traps, interrupts, exits, and the ends of stacks.

use super::{Guest, artifacts, each};
use bailiwick_loader::{
    Caller, Error, ExnRef, FuncType, Group, GroupConfig, HostError, Imports, Refused, Tag, TrapCode, Val,
};
use std::thread;
use std::time::Duration;

/// Each trap of an instruction, under a handler for everything.
#[test]
fn traps_are_not_caught() {
    let traps = [
        ("unreachable", TrapCode::Unreachable),
        ("(drop (i32.div_u (i32.const 1) (i32.const 0)))", TrapCode::IntegerDivisionByZero),
        ("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))", TrapCode::IntegerOverflow),
        ("(drop (i32.trunc_f32_s (f32.const nan)))", TrapCode::BadConversionToInteger),
        ("(drop (i32.load (i32.const -1)))", TrapCode::MemoryOutOfBounds),
        ("(memory.fill (i32.const -1) (i32.const 0) (i32.const 9))", TrapCode::MemoryOutOfBounds),
        ("(drop (table.get $t (i32.const 9)))", TrapCode::TableOutOfBounds),
        ("(call_indirect $t (i32.const 0))", TrapCode::IndirectCallToNull),
        ("(call_indirect $t (param i32) (i32.const 0) (i32.const 1))", TrapCode::BadSignature),
        ("(throw_ref (ref.null exn))", TrapCode::NullReference),
        ("(call $deep)", TrapCode::StackOverflow),
        ("(drop (i32.atomic.load (i32.const 1)))", TrapCode::HeapMisaligned),
        ("(i64.atomic.store (i32.const 12) (i64.const 0))", TrapCode::HeapMisaligned),
        ("(drop (memory.atomic.notify (i32.const 2) (i32.const 1)))", TrapCode::HeapMisaligned),
        ("(drop (ref.as_non_null (ref.null func)))", TrapCode::NullReference),
        ("(call_ref $none (ref.null $none))", TrapCode::NullReference),
    ];
    for (body, code) in traps {
        let wat = format!(
            r#"(module
                (type $none (func)) (memory 1) (table $t 2 funcref) (tag $e)
                (elem (table $t) (i32.const 1) func $f)
                (func $deep (call $deep) (call $deep))
                (func $f {body})
                (func (export "called") (block $h (try_table (catch_all $h) (call $f))))
                (func (export "here") (block $h (try_table (catch_all $h) {body}))))"#
        );
        each(&wat, |guest| {
            for name in ["called", "here"] {
                assert_eq!(guest.call(name, &[]).unwrap_err().trap_code(), Some(code), "{name}: {body}");
            }
        });
    }
}

#[test]
fn what_a_host_function_ends_the_guest_with_is_not_caught() {
    let wat = r#"(module
        (import "host" "f" (func $f (param i32)))
        (func (export "run") (param i32) (block $h (try_table (catch_all $h) (call $f (local.get 0))))))"#;
    let mut imports = Imports::new();
    imports.func("host", "f", |_: &mut Caller<'_>, how: i32| -> Result<(), HostError> {
        Err(match how {
            0 => HostError::exit(3),
            1 => HostError::Trap(TrapCode::Denied, None),
            2 => HostError::message("no"),
            _ => panic!("in a host function"),
        })
    });
    for artifact in artifacts(wat) {
        let mut guest = Guest::of(&artifact, &imports, GroupConfig::default());
        assert!(matches!(guest.call("run", &[Val::I32(0)]), Err(Error::Exit(3))));
        assert_eq!(guest.call("run", &[Val::I32(1)]).unwrap_err().trap_code(), Some(TrapCode::Denied));
        assert!(matches!(guest.call("run", &[Val::I32(2)]), Err(Error::Host(_))));
        assert_eq!(guest.call("run", &[Val::I32(3)]).unwrap_err().trap_code(), Some(TrapCode::HostError));
    }
}

#[test]
fn an_interrupt_is_not_caught_and_ends_a_loop_of_throws() {
    each(
        r#"(module (tag $e)
            (func $throw (throw $e))
            (func (export "run") (loop $l (try_table (catch_all $l) (call $throw)))))"#,
        |guest| {
            let handle = guest.group.interrupt_handle();
            let ended = thread::scope(|scope| {
                scope.spawn(|| {
                    thread::sleep(Duration::from_millis(30));
                    handle.interrupt().expect("an interrupt");
                });
                guest.call("run", &[])
            });
            assert_eq!(ended.unwrap_err().trap_code(), Some(TrapCode::Interrupt));
        },
    );
}

/// Whether the host function returns, throws, or calls a guest that does: the handler does not run.
#[test]
fn an_interrupt_that_comes_in_a_host_call_is_not_caught() {
    let wat = r#"(module
        (import "host" "tag" (tag $e)) (import "host" "f" (func $f (param i32)))
        (global $caught (export "caught") (mut i32) (i32.const 0))
        (func (export "throw") (throw $e))
        (func (export "run") (param i32)
            (block $h (try_table (catch $e $h) (catch_all $h) (call $f (local.get 0)) (return)))
            (global.set $caught (i32.const 1))))"#;
    for artifact in artifacts(wat) {
        for how in 0..3 {
            let mut group = Group::with_config(GroupConfig::default()).unwrap();
            let tag = Tag::new(&mut group, FuncType::new([], [])).unwrap();
            let mut imports = Imports::new();
            imports.define("host", "tag", tag);
            imports.func("host", "f", move |caller: &mut Caller<'_>, how: i32| {
                // Made before, since nothing of a guest runs afterwards.
                let exception = ExnRef::new(caller, tag, &[])?;
                let throw = caller.export("throw").expect("an export");
                let thrown = throw.call(caller, &[]).unwrap_err();
                caller.interrupt_handle().interrupt().map_err(HostError::from)?;
                match how {
                    0 => Ok(()),
                    1 => Err(HostError::Exception(exception)),
                    _ => Err(HostError::from(thrown)),
                }
            });
            let instance = group.instantiate(&artifact, &imports).unwrap();
            let mut guest = Guest { group, instance };
            let error = guest.call("run", &[Val::I32(how)]).unwrap_err();
            assert_eq!(error.trap_code(), Some(TrapCode::Interrupt), "{how}");
            guest.group.resume().unwrap();
            let caught = guest.instance.global(&mut guest.group, "caught").unwrap();
            assert_eq!(caught.get(&mut guest.group).unwrap(), Val::I32(0), "{how}");
        }
    }
}

/// One exception too many is none that could be caught, wherever it would have been thrown.
#[test]
fn the_limit_of_exceptions_is_not_caught() {
    let mut config = GroupConfig::default();
    config.max_exceptions = 100;
    let wat = r#"(module
        (tag $e) (table $t 101 exnref)
        (func $keep (param i32)
            (table.set $t (local.get 0)
                (block $h (result exnref) (try_table (catch_all_ref $h) (throw $e)) unreachable)))
        (func (export "run") (param $count i32) (result i32) (local $i i32)
            (loop $l
                (block $h (try_table (catch_all $h) (call $keep (local.get $i))))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $l (i32.lt_u (local.get $i) (local.get $count))))
            (local.get $i)))"#;
    for artifact in artifacts(wat) {
        let mut guest = Guest::of(&artifact, &Imports::new(), config.clone());
        assert_eq!(guest.value("run", &[Val::I32(100)]), Val::I32(100));
        let mut guest = Guest::of(&artifact, &Imports::new(), config.clone());
        let error = guest.call("run", &[Val::I32(101)]).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::LimitExceeded));
        assert_eq!(guest.group.refused(), Some(Refused::Exceptions(100)));
    }
}
