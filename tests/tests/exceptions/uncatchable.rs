//! What no handler gets: traps, interrupts, exits, and the ends of stacks.

use super::{Guest, artifacts, each};
use bailiwick_loader::{Caller, Error, GroupConfig, HostError, Imports, TrapCode, Val};
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
    ];
    for (body, code) in traps {
        let wat = format!(
            r#"(module
                (memory 1) (table $t 2 funcref) (tag $e)
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
