//! Inlining changes nothing that a guest or a person sees: results, traps and where they are, exceptions and who catches
//! them, what lives, what can be interrupted.

use bailiwick_compiler::{Optimisation, Optimisations};
use bailiwick_loader::{Artifact, Caller, Error, Group, GroupConfig, HostError, Imports, Instance, TrapCode, Val};
use bailiwick_runtime_abi::format::NONE;
use bailiwick_runtime_abi::view::View;
use bailiwick_tests::compile::{Settings, binary, compile_with, host};
use zerocopy::IntoBytes;

/// The bytes of a module's artifact, with inlining or without.
fn compiled(wat: &str, inlining: bool) -> Vec<u8> {
    let optimisations = Optimisations::default().with(Optimisation::Inlining, inlining);
    let settings = Settings { optimisations, opt_level: bailiwick_compiler::OptLevel::Speed, ..Settings::default() };
    compile_with(host(), &settings, &binary(wat)).unwrap_or_else(|e| panic!("{e}\n{wat}"))
}

/// Reads an artifact's tables.
fn with_view<R>(bytes: &[u8], f: impl FnOnce(&View<'_>) -> R) -> R {
    // They are read in place, aligned.
    let mut words = vec![0u64; bytes.len().div_ceil(8)];
    words.as_mut_bytes()[..bytes.len()].copy_from_slice(bytes);
    f(&View::new(&words.as_bytes()[..bytes.len()], bytes.len() as u64).unwrap())
}

/// Names of the functions that have code of their own.
fn with_code(bytes: &[u8]) -> Vec<String> {
    with_view(bytes, |view| {
        let imported = view.header().counts.imported_functions as usize;
        let defined = view.functions().iter().skip(imported).filter(|function| function.text_offset != NONE);
        defined.map(|function| view.string(function.name).unwrap().to_owned()).collect()
    })
}

struct Guest {
    group: Group,
    instance: Instance,
}

impl Guest {
    fn new(bytes: &[u8], imports: &Imports, config: GroupConfig) -> Guest {
        let artifact = Artifact::from_bytes(bytes, "test").unwrap();
        let mut group = Group::with_config(config).unwrap();
        let instance = group.instantiate(&artifact, imports).unwrap();
        Guest { group, instance }
    }

    fn call(&mut self, name: &str, arguments: &[Val]) -> Result<Vec<Val>, Error> {
        self.instance.func(&mut self.group, name)?.call(&mut self.group, arguments)
    }

    /// What a call ends with, in words: values, or the error with its backtrace.
    fn outcome(&mut self, name: &str, arguments: &[Val]) -> String {
        match self.call(name, arguments) {
            Ok(values) => format!("{values:?}"),
            Err(error) => error.to_string(),
        }
    }
}

fn fails() -> Imports {
    let mut imports = Imports::new();
    imports.func("host", "f", |_: &mut Caller<'_>, n: i32| match n {
        0 => Err(HostError::Trap(TrapCode::Unreachable, Some("the host refuses".into()))),
        n => Ok(n),
    });
    imports
}

/// Functions that call one another, each small enough to be inlined, more of them than are inlined in one another.
const CHAIN: &str = r#"(module
    (import "host" "f" (func $host (param i32) (result i32)))
    (memory 1)
    (func $a (param i32) (result i32) (i32.load (local.get 0)))
    (func $b (param i32) (result i32) (i32.add (call $a (local.get 0)) (i32.const 1)))
    (func $c (param i32) (result i32) (i32.div_u (i32.const 7) (call $b (local.get 0))))
    (func $d (param i32) (result i32) (i32.add (i32.const 2) (call $c (local.get 0))))
    (func $e (param i32) (result i32) (i32.xor (call $d (local.get 0)) (i32.const 3)))
    (func $f (param i32) (result i32) (i32.sub (call $e (local.get 0)) (i32.const 4)))
    (func $asks (param i32) (result i32) (i32.add (call $host (local.get 0)) (i32.const 5)))
    (func $both (param i32 i32) (result i32) (i32.add (call $f (local.get 0)) (call $asks (local.get 1))))
    (func (export "run") (param i32 i32) (result i32)
        (i32.store (i32.const 64) (i32.const -1))
        (call $both (local.get 0) (local.get 1))
        (call $both (i32.const 0) (local.get 1))
        (i32.add)))"#;

#[test]
fn whoever_is_stopped_is_told_the_same() {
    let mut guests =
        [true, false].map(|inlining| Guest::new(&compiled(CHAIN, inlining), &fails(), GroupConfig::default()));
    // It returns; a memory access, a division and the host stop it, in functions at several depths.
    for (arguments, words, frames) in [
        ([0, 1], "I32", 0),
        ([65536, 1], "out of bounds memory access", 8),
        ([64, 1], "integer divide by zero", 6),
        ([0, 0], "the host refuses", 3),
    ] {
        let outcomes = guests.each_mut().map(|guest| guest.outcome("run", &arguments.map(Val::I32)));
        assert_eq!(outcomes[0], outcomes[1], "{arguments:?}");
        assert!(outcomes[0].contains(words), "{}", outcomes[0]);
        assert_eq!(outcomes[0].lines().filter(|line| line.contains(" - ")).count(), frames, "{}", outcomes[0]);
    }
    // Otherwise all of this shows nothing.
    let bytes = compiled(CHAIN, true);
    assert!(with_view(&bytes, |view| view.inline_frames().iter().any(|frame| frame.outer != NONE)));
    assert!(!with_code(&bytes).contains(&"a".to_owned()), "{:?}", with_code(&bytes));
}

/// On x86_64 a load may become a part of the instruction that uses it: of a comparison, of one that the optimiser made, of a store
/// that writes it back. Whoever made the load is named all the same.
#[test]
fn a_load_that_is_a_part_of_another_functions_instruction_is_its_own_functions() {
    let uses = [
        "(drop (i32.add (local.get 1) (call $get (local.get 0))))",
        "(global.set $g (i32.div_u (local.get 1) (call $get (local.get 0))))",
        "(global.set $g (i32.shl (call $get (local.get 0)) (i32.const 3)))",
        "(global.set $g (i32.mul (call $get (local.get 0)) (i32.const 5)))",
        "(global.set $g (i32.xor (call $get (local.get 0)) (i32.const -1)))",
        "(global.set $g (i32.clz (call $get (local.get 0))))",
        "(global.set $g (select (call $get (local.get 0)) (i32.const 1) (local.get 1)))",
        "(global.set $g (select (i32.const 4) (i32.const 1) (i32.lt_s (call $get (local.get 0)) (local.get 1))))",
        "(global.set $g (i32.load (call $get (local.get 0))))",
        "(i32.store (i32.const 0) (call $get (local.get 0)))",
        "(i32.store (local.get 0) (i32.add (call $get (local.get 0)) (local.get 1)))",
        "(i32.store (local.get 0) (i32.sub (call $get (local.get 0)) (i32.const 1)))",
        "(i32.store (local.get 0) (i32.or (i32.const 12) (call $get (local.get 0))))",
        "(if (i32.and (call $get (local.get 0)) (i32.const 1)) (then (global.set $g (i32.const 1))))",
        "(if (i32.eqz (i32.and (call $get (local.get 0)) (local.get 1))) (then (global.set $g (i32.const 1))))",
        "(if (i32.gt_u (call $get (local.get 0)) (local.get 1)) (then (global.set $g (i32.const 1))))",
        "(if (i32.gt_u (call $get (local.get 1)) (call $get (local.get 0))) (then (global.set $g (i32.const 1))))",
        "(block (block (br_table 0 1 (call $get (local.get 0)))) (global.set $g (i32.const 1)))",
        "(global.set $l (i64.add (i64.const 4) (i64.extend_i32_u (call $get (local.get 0)))))",
        "(global.set $f (f64.convert_i32_s (call $get (local.get 0))))",
        "(global.set $f (f64.mul (global.get $f) (call $float (local.get 0))))",
        "(call $below (i32.load (local.get 0)) (local.get 1))",
        "(if (i32.eqz (call $masked (i32.load (local.get 0)))) (then (global.set $g (i32.const 1))))",
    ];
    let functions: String = uses
        .iter()
        .enumerate()
        .map(|(i, body)| format!("(func $use{i} (export \"use{i}\") (param i32 i32) {body})\n"))
        .collect();
    let wat = format!(
        r#"(module (memory 1) (global $g (mut i32) (i32.const 0)) (global $l (mut i64) (i64.const 0))
            (global $f (mut f64) (f64.const 1))
            (func $get (param i32) (result i32) (i32.load (local.get 0)))
            (func $float (param i32) (result f64) (f64.load (local.get 0)))
            (func $below (param i32 i32) (if (i32.lt_u (local.get 0) (local.get 1)) (then (global.set $g (i32.const 3)))))
            (func $masked (param i32) (result i32) (i32.and (local.get 0) (i32.const 8)))
            {functions})"#
    );
    let mut guests =
        [true, false].map(|inlining| Guest::new(&compiled(&wat, inlining), &Imports::new(), GroupConfig::default()));
    for (i, body) in uses.iter().enumerate() {
        let outcomes =
            guests.each_mut().map(|guest| guest.outcome(&format!("use{i}"), &[Val::I32(65536), Val::I32(8)]));
        assert_eq!(outcomes[0], outcomes[1], "{body}");
        assert!(outcomes[0].contains("out of bounds memory access"), "{}", outcomes[0]);
    }
}

#[test]
fn a_function_is_left_out_only_if_nothing_can_reach_it() {
    let wat = r#"(module
        (table 2 funcref) (elem (i32.const 0) $in_table)
        (table $shown (export "t") 2 funcref) (elem (table $shown) (i32.const 0) func $shown_there)
        (elem declare func $referred)
        (func $called (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
        (func $in_table (param i32) (result i32) (i32.add (local.get 0) (i32.const 2)))
        (func $shown_there (param i32) (result i32) (i32.add (local.get 0) (i32.const 3)))
        (func $referred (param i32) (result i32) (i32.add (local.get 0) (i32.const 4)))
        (func $exported (export "exported") (param i32) (result i32) (i32.add (local.get 0) (i32.const 5)))
        (func $in_place (param i32) (result i32) (i32.add (local.get 0) (i32.const 6)))
        (func $itself (param i32) (result i32)
            (if (result i32) (local.get 0) (then (call $itself (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 7))))
        (func $never (param i32) (result i32) (i32.add (local.get 0) (i32.const 8)))
        (func $tail (export "tail") (param i32) (result i32) (return_call $in_place (local.get 0)))
        (func $get (export "get") (result funcref) (ref.func $referred))
        (func $run (export "run") (param i32) (result i32)
            (call $called (call $in_table (call $shown_there (call $referred (call $exported (call $itself (local.get 0)))))))
            (call_indirect (param i32) (result i32) (i32.const 0))))"#;
    let bytes = compiled(wat, true);
    let expected = ["in_table", "shown_there", "referred", "exported", "in_place", "itself", "tail", "get", "run"];
    assert_eq!(with_code(&bytes), expected);
    for bytes in [bytes, compiled(wat, false)] {
        let mut guest = Guest::new(&bytes, &Imports::new(), GroupConfig::default());
        assert_eq!(guest.call("run", &[Val::I32(3)]).unwrap(), [Val::I32(7 + 5 + 4 + 3 + 2 + 1 + 2)]);
        assert_eq!(guest.call("tail", &[Val::I32(3)]).unwrap(), [Val::I32(9)]);
    }
}

/// Each way out of a body: its end, `return`, branches to it from blocks of every kind, with values; locals that begin as zero
/// each time, though the variables are others' before.
#[test]
fn results_and_locals_are_those_of_a_call() {
    let wat = r#"(module
        (func $counts (param i32) (result i32) (local i32 i64 f64)
            (local.set 1 (i32.add (local.get 1) (local.get 0)))
            (local.set 2 (i64.add (local.get 2) (i64.extend_i32_u (local.get 1))))
            (local.set 3 (f64.add (local.get 3) (f64.convert_i64_u (local.get 2))))
            (i32.trunc_f64_u (local.get 3)))
        (func $swap (param i32 i64) (result i32 i64) (local.get 0) (i64.add (local.get 1) (local.get 1)))
        (func $early (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.const 10))))
            (block (br_if 0 (i32.eq (local.get 0) (i32.const 1))) (br 1 (i32.const 20)))
            (i32.const 30))
        (func $table (param i32) (result i32)
            (block (result i32)
                (block (result i32) (br_table 0 1 2 (i32.const 5) (local.get 0)))
                (return (i32.add (i32.const 1))))
            (i32.add (i32.const 2)))
        (func $assigns (param i32) (result i32)
            (local.set 0 (i32.mul (local.get 0) (i32.const 3)))
            (local.get 0))
        (func $never (param i32) (result i32) (if (local.get 0) (then unreachable)) (i32.const 1))
        (func $throws (param i32) (result i32) unreachable)
        (func (export "counts") (param i32) (result i32) (local $sum i32)
            (loop $l
                (local.set 0 (i32.and (local.get 0) (i32.const 0xffff)))
                (local.set $sum (i32.add (local.get $sum) (call $counts (local.get 0))))
                (local.set $sum (i32.add (local.get $sum) (call $counts (i32.const 100))))
                (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get $sum))
        (func (export "swap") (param i32) (result i32)
            (call $swap (local.get 0) (i64.const 77))
            (i32.wrap_i64) (i32.add))
        (func (export "early") (param i32) (result i32)
            (i32.add (i32.mul (call $early (local.get 0)) (i32.const 100)) (call $early (i32.const 0))))
        (func (export "table") (param i32) (result i32) (call $table (local.get 0)))
        (func (export "assigns") (param i32) (result i32)
            (i32.add (call $assigns (local.get 0)) (local.get 0)))
        (func (export "dead") (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (call $throws (local.get 0)) (block (result i32) (loop (br 0)) (i32.const 1))))
                (else (i32.add (call $never (local.get 0)) (i32.const 4))))))"#;
    let mut guests =
        [true, false].map(|inlining| Guest::new(&compiled(wat, inlining), &Imports::new(), GroupConfig::default()));
    for name in ["counts", "swap", "early", "table", "assigns", "dead"] {
        for argument in [0, 1, 2, 5, 0x7fff] {
            let outcomes = guests.each_mut().map(|guest| guest.outcome(name, &[Val::I32(argument)]));
            assert_eq!(outcomes[0], outcomes[1], "{name} {argument}");
        }
    }
    assert_eq!(guests[0].call("counts", &[Val::I32(4)]).unwrap(), [Val::I32(410)]);
    assert_eq!(guests[0].call("early", &[Val::I32(1)]).unwrap(), [Val::I32(3010)]);
    assert_eq!(guests[0].call("dead", &[Val::I32(0)]).unwrap(), [Val::I32(5)]);
}

/// What is thrown in inlined code, or in what it calls, is caught by the caller's handlers as before.
#[test]
fn exceptions_go_where_they_went() {
    let wat = r#"(module
        (import "host" "f" (func $host (param i32) (result i32)))
        (tag $e (param i32)) (tag $other)
        (func $throws (param i32) (throw $e (local.get 0)))
        (func $may (param i32) (if (i32.gt_s (local.get 0) (i32.const 10)) (then (call $throws (local.get 0)))))
        (func $deep (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (throw $e (i32.const 99))))
            (call $deep (i32.sub (local.get 0) (i32.const 1))))
        (func $calls (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1)))
        (func $asks (param i32) (result i32) (i32.add (call $host (local.get 0)) (i32.const 1)))
        (func (export "direct") (param i32) (result i32)
            (block $o
                (return (block $h (result i32)
                    (try_table (catch $other $o) (catch $e $h) (call $may (local.get 0)))
                    (i32.const -1))))
            (i32.const -2))
        (func (export "nested") (param i32) (result i32)
            (block $outer (result i32)
                (try_table (catch $e $outer)
                    (block $inner (try_table (catch $other $inner) (call $may (local.get 0))))
                    (call $may (i32.const 77)))
                (i32.const -1)))
        (func (export "through") (param i32) (result i32)
            (block $h (result i32)
                (try_table (catch $e $h) (return (call $calls (local.get 0))))
                unreachable))
        (func (export "behind") (param i32) (result i32)
            ;; The second is behind the block whose handlers the first has.
            (block $h (result i32)
                (try_table (catch $e $h) (call $may (local.get 0)))
                (i32.const 0))
            (call $may (i32.add (local.get 0) (i32.const 1))))
        (func (export "host") (param i32) (result i32)
            (block $h (try_table (catch_all $h) (return (call $asks (local.get 0)))))
            (i32.const -5)))"#;
    let mut guests =
        [true, false].map(|inlining| Guest::new(&compiled(wat, inlining), &fails(), GroupConfig::default()));
    for name in ["direct", "nested", "through", "behind", "host"] {
        for argument in [0, 3, 9, 10, 11, 40] {
            let outcomes = guests.each_mut().map(|guest| guest.outcome(name, &[Val::I32(argument)]));
            assert_eq!(outcomes[0], outcomes[1], "{name} {argument}");
        }
    }
    assert_eq!(guests[0].call("direct", &[Val::I32(11)]).unwrap(), [Val::I32(11)]);
    assert_eq!(guests[0].call("nested", &[Val::I32(1)]).unwrap(), [Val::I32(77)]);
    assert_eq!(guests[0].call("through", &[Val::I32(1)]).unwrap(), [Val::I32(99)]);
    assert!(matches!(guests[0].call("behind", &[Val::I32(10)]), Err(Error::Exception(_))));
    assert!(with_view(&compiled(wat, true), |view| !view.inline_frames().is_empty()));
}

/// References that only locals, operands and arguments of inlined functions hold, across calls that collect.
#[test]
fn what_inlined_functions_hold_is_not_collected() {
    let wat = r#"(module
        (tag $e (param i32))
        (func $catch (param i32) (result exnref)
            (block $h (result exnref)
                (try_table (catch_all_ref $h) (throw $e (local.get 0)))
                unreachable))
        (func $number (param exnref) (result i32)
            (block $h (result i32) (try_table (catch $e $h) (throw_ref (local.get 0))) unreachable))
        (func $many
            (local $i i32)
            (local.set $i (i32.const 5000))
            (loop $l
                (drop (call $catch (local.get $i)))
                (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))
        (func $parameter (param exnref) (result i32) (call $many) (call $number (local.get 0)))
        (func $assigned (param exnref) (result i32) (local exnref)
            (local.set 1 (local.get 0)) (local.set 0 (ref.null exn))
            (call $many) (call $number (local.get 1)))
        (func $keeps (param exnref) (result exnref) (call $many) (local.get 0))
        (func $chosen (param exnref i32) (result exnref)
            (if (local.get 1) (then (return (local.get 0)))) (call $catch (i32.const 50)))
        (func (export "parameter") (result i32) (call $parameter (call $catch (i32.const 1))))
        (func (export "assigned") (result i32)
            (i32.add (call $assigned (call $catch (i32.const 2))) (call $assigned (call $catch (i32.const 3)))))
        (func (export "operand") (result i32)
            (call $catch (i32.const 4))
            (drop (call $parameter (call $catch (i32.const 5))))
            (call $number))
        (func (export "result") (result i32)
            (call $number (call $keeps (call $keeps (call $catch (i32.const 6))))))
        (func (export "joined") (result i32)
            (call $chosen (call $catch (i32.const 7)) (i32.const 1))
            (call $many)
            (call $number)))"#;
    for inlining in [true, false] {
        let mut config = GroupConfig::default();
        config.max_exceptions = 1000;
        let bytes = compiled(wat, inlining);
        let mut guest = Guest::new(&bytes, &Imports::new(), config);
        for (name, number) in [("parameter", 1), ("assigned", 5), ("operand", 4), ("result", 6), ("joined", 7)] {
            assert_eq!(guest.call(name, &[]).unwrap(), [Val::I32(number)], "{name} {inlining}");
        }
        assert_eq!(with_view(&bytes, |view| !view.inline_frames().is_empty()), inlining);
    }
}

/// Functions that call themselves are inlined in themselves, a few times: who is stopped in one is told each call.
#[test]
fn a_recursion_has_as_many_frames_as_calls() {
    let wat = r#"(module (memory 1)
        (func $deep (param i32 i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.load (local.get 1)))))
            (i32.add (local.get 0) (call $deep (i32.sub (local.get 0) (i32.const 1)) (local.get 1))))
        (func $sum (param i32) (result i32)
            (if (i32.lt_u (local.get 0) (i32.const 2)) (then (return (local.get 0))))
            (i32.add (call $sum (i32.sub (local.get 0) (i32.const 1))) (call $sum (i32.sub (local.get 0) (i32.const 2)))))
        (func $endless (param i32) (result i32) (i32.add (call $endless (local.get 0)) (i32.const 1)))
        (func (export "deep") (param i32 i32) (result i32) (call $deep (local.get 0) (local.get 1)))
        (func (export "sum") (param i32 i32) (result i32) (call $sum (local.get 0)))
        (func (export "endless") (param i32 i32) (result i32) (call $endless (local.get 0))))"#;
    let with = |recursion| {
        let optimisations = Optimisations::default().with(Optimisation::Recursion, recursion);
        let settings =
            Settings { optimisations, opt_level: bailiwick_compiler::OptLevel::Speed, ..Settings::default() };
        compile_with(host(), &settings, &binary(wat)).unwrap()
    };
    let calls = |bytes: &[u8]| with_view(bytes, |view| view.inline_frames().len());
    assert!(calls(&with(true)) > calls(&with(false)), "or all of this shows nothing");
    let mut guests = [true, false].map(|on| Guest::new(&with(on), &Imports::new(), GroupConfig::default()));
    for depth in 0..12 {
        for address in [0, 65536] {
            let arguments = [Val::I32(depth), Val::I32(address)];
            let outcomes = guests.each_mut().map(|guest| guest.outcome("deep", &arguments));
            assert_eq!(outcomes[0], outcomes[1], "{depth}");
            let frames = outcomes[0].lines().filter(|line| line.contains(" - ")).count();
            assert_eq!(frames, if address == 0 { 0 } else { depth as usize + 2 }, "{}", outcomes[0]);
        }
    }
    for guest in &mut guests {
        assert_eq!(guest.outcome("sum", &[Val::I32(20), Val::I32(0)]), "[I32(6765)]");
        match guest.call("endless", &[Val::I32(0), Val::I32(0)]) {
            Err(Error::Trap(trap)) => assert_eq!(trap.code(), TrapCode::StackOverflow),
            other => panic!("{other:?}"),
        }
    }
}

/// Loops of inlined functions, loops around them, and recursion by way of them, can be ended.
#[test]
fn what_never_ends_can_be_interrupted() {
    for run in [
        "(func $next (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
         (func (export \"run\") (loop $l (br_if $l (i32.or (call $next (i32.const 1)) (i32.const 1)))))",
        "(func $spins (loop (br 0))) (func (export \"run\") (call $spins))",
        "(func $ping (param i32) (if (local.get 0) (then (call $pong (i32.sub (local.get 0) (i32.const 1))) (call $pong (i32.sub (local.get 0) (i32.const 1))))))
         (func $pong (param i32) (if (local.get 0) (then (call $ping (i32.sub (local.get 0) (i32.const 1))) (call $ping (i32.sub (local.get 0) (i32.const 1))))))
         (func (export \"run\") (call $ping (i32.const 60)))",
        "(func $twice (param i32) (if (local.get 0) (then (call $twice (i32.sub (local.get 0) (i32.const 1))) (call $twice (i32.sub (local.get 0) (i32.const 1))))))
         (func (export \"run\") (call $twice (i32.const 60)))",
        "(func $ping (return_call $pong)) (func $pong (call $nothing) (return_call $ping)) (func $nothing)
         (func (export \"run\") (call $ping))",
    ] {
        let bytes = compiled(&format!("(module {run})"), true);
        let mut guest = Guest::new(&bytes, &Imports::new(), GroupConfig::default());
        let handle = guest.group.interrupt_handle();
        let ends = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(30));
            handle.interrupt().unwrap();
        });
        match guest.call("run", &[]) {
            Err(Error::Trap(trap)) => assert_eq!(trap.code(), TrapCode::Interrupt, "{run}"),
            other => panic!("{run}: {other:?}"),
        }
        ends.join().unwrap();
    }
}
