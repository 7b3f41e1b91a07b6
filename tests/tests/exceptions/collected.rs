//! How long exceptions live: as long as a guest or the host can reach them, and no longer.

use super::{Guest, artifacts, each};
use bailiwick_loader::{Caller, Error, FuncType, GroupConfig, HostError, Imports, TrapCode, Val, ValType};

/// A store so small that a leak of a few exceptions shows.
fn small() -> GroupConfig {
    let mut config = GroupConfig::default();
    config.max_exceptions = 3000;
    config
}

const THROWS: &str = r#"(module
    (tag $e (param i32))
    (tag $pair (param exnref i32))
    (global $kept (mut exnref) (ref.null exn))
    (table $t (export "t") 10 exnref)
    (func $catch (param i32) (result exnref)
        (block $h (result exnref)
            (try_table (catch_all_ref $h) (throw $e (local.get 0)))
            unreachable))
    (func $number (param exnref) (result i32)
        (block $h (result i32) (try_table (catch $e $h) (throw_ref (local.get 0))) unreachable))
    (func $many (export "many") (param i32)
        (loop $l
            (drop (call $catch (local.get 0)))
            (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    ;; A million by way of throw_ref, each caught and thrown on by the one before.
    (func (export "rethrow") (param i32) (result i32) (local $x exnref)
        (local.set $x (call $catch (i32.const 5)))
        (loop $l
            (block $h (result exnref)
                (try_table (catch_all_ref $h) (throw_ref (local.get $x)))
                unreachable)
            (local.set $x)
            (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (call $number (local.get $x)))
    ;; Kept by nothing but a local, an operand, an argument of a caller further out, a payload.
    (func (export "local") (result i32) (local $x exnref)
        (local.set $x (call $catch (i32.const 1)))
        (call $many (i32.const 10000))
        (call $number (local.get $x)))
    (func (export "operand") (result i32)
        (call $catch (i32.const 2))
        (call $many (i32.const 10000))
        (call $number))
    (func $further (param exnref) (param i32) (result i32)
        (if (local.get 1)
            (then (drop (call $further (ref.null exn) (i32.sub (local.get 1) (i32.const 1)))))
            (else (call $many (i32.const 10000))))
        (if (result i32) (ref.is_null (local.get 0)) (then (i32.const 0)) (else (call $number (local.get 0)))))
    (func (export "further") (result i32) (call $further (call $catch (i32.const 3)) (i32.const 100)))
    (func (export "payload") (result i32) (local $x exnref)
        (block $h (result exnref)
            (try_table (catch_all_ref $h) (throw $pair (call $catch (i32.const 4)) (i32.const 0)))
            unreachable)
        (local.set $x)
        (call $many (i32.const 10000))
        (block $p (result exnref i32) (try_table (catch $pair $p) (throw_ref (local.get $x))) unreachable)
        (drop)
        (call $number))
    (func (export "tested") (result i32) (local $x exnref)
        (ref.as_non_null (call $catch (i32.const 7)))
        (call $many (i32.const 10000))
        (call $number))
    (func (export "global") (result i32)
        (global.set $kept (call $catch (i32.const 8)))
        (call $many (i32.const 10000))
        (call $number (global.get $kept)))
    (func (export "table") (result i32)
        (table.set $t (i32.const 3) (call $catch (i32.const 9)))
        (call $many (i32.const 10000))
        (call $number (table.get $t (i32.const 3))))
    (func (export "give") (result exnref) (call $catch (i32.const 10)))
    (func (export "number") (param exnref) (result i32) (call $number (local.get 0)))
    (func (export "grow") (param i32) (result i32)
        (drop (table.grow $t (ref.null exn) (local.get 0)))
        (loop $l
            (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
            (table.set $t (local.get 0) (call $catch (local.get 0)))
            (br_if $l (local.get 0)))
        (i32.const 1)))"#;

#[test]
fn what_a_guest_can_reach_survives() {
    for artifact in artifacts(THROWS) {
        let mut guest = Guest::of(&artifact, &Imports::new(), small());
        let kept =
            [("local", 1), ("operand", 2), ("further", 3), ("payload", 4), ("tested", 7), ("global", 8), ("table", 9)];
        for (name, number) in kept {
            assert_eq!(guest.value(name, &[]), Val::I32(number), "{name}");
        }
        assert_eq!(guest.value("rethrow", &[Val::I32(1_000_000)]), Val::I32(5));
    }
}

/// As long as the host holds it; when it has given it back, its use is an error.
#[test]
fn what_the_host_holds_survives_until_it_is_released() {
    for artifact in artifacts(THROWS) {
        let mut guest = Guest::of(&artifact, &Imports::new(), small());
        let given = guest.value("give", &[]);
        guest.call("many", &[Val::I32(10_000)]).unwrap();
        assert_eq!(guest.value("number", &[given]), Val::I32(10));
        let Val::ExnRef(Some(exception)) = given else { panic!("an exception") };
        exception.release(&mut guest.group);
        guest.call("many", &[Val::I32(10_000)]).unwrap();
        assert!(matches!(guest.call("number", &[given]), Err(Error::Released)));
        assert!(matches!(exception.values(&mut guest.group), Err(Error::Released)));
    }
}

/// A host function holds what it was given until it returns: so it can be called for ever.
#[test]
fn what_a_host_function_was_given_is_its_own_while_it_runs() {
    let wat = r#"(module
        (import "host" "f" (func $f (param exnref)))
        (tag $e (param i32))
        (func $catch (param i32) (result exnref)
            (block $h (result exnref)
                (try_table (catch_all_ref $h) (throw $e (local.get 0)))
                unreachable))
        (func (export "many") (param i32)
            (loop $l
                (drop (call $catch (local.get 0)))
                (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "run") (param i32)
            (loop $l
                (call $f (call $catch (local.get 0)))
                (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;
    let ty = FuncType::new([ValType::EXNREF], []);
    for artifact in artifacts(wat) {
        let mut imports = Imports::new();
        imports.func_untyped("host", "f", ty.clone(), |caller: &mut Caller<'_>, values| {
            let Val::ExnRef(Some(exception)) = values[0] else { return Err(HostError::message("no exception")) };
            let before = exception.values(caller)?;
            if before[0] == Val::I32(5) {
                // It lives on only by what the host holds.
                let many = caller.export("many").expect("an export");
                many.call(caller, &[Val::I32(10_000)])?;
            }
            assert_eq!(exception.values(caller)?, before);
            Ok(Vec::new())
        });
        let mut guest = Guest::of(&artifact, &imports, small());
        guest.call("run", &[Val::I32(20_000)]).unwrap();
    }
}

#[test]
fn ten_million_throws_take_bounded_memory() {
    let count = if cfg!(target_arch = "aarch64") { 100_000 } else { 10_000_000 };
    let artifact = artifacts(THROWS).pop().unwrap();
    let mut guest = Guest::of(&artifact, &Imports::new(), small());
    guest.call("many", &[Val::I32(count)]).unwrap();
}

#[test]
fn the_limit_of_those_that_are_kept_is_a_trap() {
    for artifact in artifacts(THROWS) {
        let mut guest = Guest::of(&artifact, &Imports::new(), GroupConfig::default());
        let error = guest.call("grow", &[Val::I32(1_100_000)]).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::LimitExceeded));
        // What is kept is there, and the rest goes on.
        assert_eq!(guest.call("many", &[Val::I32(1)]).unwrap_err().trap_code(), Some(TrapCode::LimitExceeded));
        let mut config = GroupConfig::default();
        config.max_exception_bytes = 80 * 1000;
        let mut guest = Guest::of(&artifact, &Imports::new(), config);
        assert_eq!(guest.value("grow", &[Val::I32(900)]), Val::I32(1));
        let error = guest.call("grow", &[Val::I32(1100)]).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::LimitExceeded));
    }
}

/// A function so large that its locals are on the stack.
#[test]
fn locals_on_the_stack_are_found() {
    let locals: String = (0..5000).map(|i| format!("(local $l{i} exnref)")).collect();
    let uses: String = (0..5000).map(|i| format!("local.tee $l{i} ")).collect();
    let blocks = "(block (br_if 0 (local.get 0)))".repeat(4000);
    let wat = format!(
        r#"(module
            (tag $e (param i32))
            (func $catch (param i32) (result exnref)
                (block $h (result exnref)
                    (try_table (catch_all_ref $h) (throw $e (local.get 0)))
                    unreachable))
            (func $many (param i32)
                (loop $l
                    (drop (call $catch (local.get 0)))
                    (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
            (func (export "run") (param i32) (result i32) (local $x exnref) {locals}
                {blocks}
                (local.set $x (call $catch (i32.const 11)))
                local.get $x {uses} drop
                (local.set $x (ref.null exn))
                (call $many (i32.const 10000))
                (block $h (result i32) (try_table (catch $e $h) (throw_ref (local.get $l4321))) unreachable)))"#
    );
    each(&wat, |guest| assert_eq!(guest.value("run", &[Val::I32(1)]), Val::I32(11)));
}

/// What only the frames of guests that wait for others hold, while the innermost of them has the store collected: in locals
/// and operands of all these, and as what one has passed on.
#[test]
fn what_waiting_activations_hold_survives() {
    let wat = r#"(module
        (import "host" "down" (func $down (param i32)))
        (tag $e (param i32))
        (func $catch (param i32) (result exnref)
            (block $h (result exnref)
                (try_table (catch_all_ref $h) (throw $e (local.get 0)))
                unreachable))
        (func $number (param exnref) (result i32)
            (block $h (result i32) (try_table (catch $e $h) (throw_ref (local.get 0))) unreachable))
        (func $many (param i32)
            (loop $l
                (drop (call $catch (local.get 0)))
                (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
        (func $inside (param exnref i32) (result i32)
            (call $down (i32.sub (local.get 1) (i32.const 1)))
            (call $number (local.get 0)))
        ;; Its own depth, three times, by exceptions that were made on the way down and are read on the way up.
        (func (export "run") (param $depth i32) (result i32) (local $x exnref)
            (if (i32.eqz (local.get $depth)) (then (call $many (i32.const 10000)) (return (i32.const 0))))
            (local.set $x (call $catch (local.get $depth)))
            (call $catch (local.get $depth))
            (call $inside (call $catch (local.get $depth)) (local.get $depth))
            (local.set $depth)
            (call $number)
            (call $number (local.get $x))
            (i32.add)
            (i32.add (local.get $depth))))"#;
    for artifact in artifacts(wat) {
        let mut imports = Imports::new();
        imports.func("host", "down", |caller: &mut Caller<'_>, depth: i32| {
            let run = caller.export("run").expect("an export");
            assert_eq!(run.call(caller, &[Val::I32(depth)])?, [Val::I32(3 * depth)]);
            Ok(())
        });
        let mut guest = Guest::of(&artifact, &imports, small());
        assert_eq!(guest.value("run", &[Val::I32(50)]), Val::I32(150));
    }
}
