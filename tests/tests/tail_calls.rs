//! Calls in place of the caller: by every way, over instances, into the host, with every number of arguments; in constant
//! stack, to be interrupted, and told apart in backtraces.

mod common;

use bailiwick_loader::{Caller, Error, FuncType, HostError, Imports, TrapCode, Val, ValType};
use bailiwick_tests::compile::artifact;
use bailiwick_tests::guest::Guest;
use common::{Random, times};
use std::fmt::Write;
use std::sync::mpsc::channel;
use std::time::Duration;

/// Counts down to 0 by calls in place of each other, by one way.
fn countdown(way: &str) -> String {
    format!(
        r#"(module
            (type $t (func (param i64 i64) (result i64)))
            (table $fixed funcref (elem $down))
            (table $open (export "table") funcref (elem $down))
            (table $typed 1 (ref $t) (ref.func $down))
            (elem declare func $down)
            (func $down (type $t)
                (if (i64.eqz (local.get 0)) (then (return (local.get 1))))
                (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (i64.const 3))
                {way})
            (func (export "run") (param i64) (result i64) (return_call $down (local.get 0) (i64.const 0))))"#
    )
}

const WAYS: &[&str] = &[
    "(return_call $down)",
    "(return_call_indirect $fixed (type $t) (i32.const 0))",
    "(return_call_indirect $open (type $t) (i32.const 0))",
    "(return_call_indirect $typed (type $t) (i32.const 0))",
    "(return_call_ref $t (ref.func $down))",
    "(return_call_ref $t (table.get $typed (i32.const 0)))",
];

#[test]
fn a_hundred_million_calls_need_no_more_stack_than_one() {
    for (i, way) in WAYS.iter().enumerate() {
        let count = if i == 0 { times(100_000_000, 100_000) } else { times(10_000_000, 20_000) } as i64;
        let mut guest = Guest::new(&countdown(way));
        assert_eq!(guest.call("run", &[Val::I64(count)]).unwrap(), [Val::I64(count * 3)], "{way}");
    }
}

#[test]
fn millions_of_calls_alternate_between_few_and_many_arguments() {
    // From none on the stack to 90 of them, and back, with a frame of its own in each.
    let wide = |i: usize| ["i64", "f64", "i32"][i % 3];
    let params = (0..120).map(|i| format!(" {}", wide(i))).collect::<String>();
    let args = (0..120)
        .map(|i| match wide(i) {
            "f64" => "(f64.convert_i64_s (local.get $n))".to_owned(),
            "i32" => "(i32.wrap_i64 (local.get $n))".to_owned(),
            _ => format!("(i64.add (local.get $n) (i64.const {i}))"),
        })
        .collect::<String>();
    let check = (0..120)
        .map(|i| match wide(i) {
            "f64" => format!("(if (f64.ne (local.get {i}) (f64.convert_i64_s (local.get 0))) (then unreachable))"),
            "i32" => format!("(if (i32.ne (local.get {i}) (i32.wrap_i64 (local.get 0))) (then unreachable))"),
            _ => format!("(if (i64.ne (local.get {i}) (i64.add (local.get 0) (i64.const {i}))) (then unreachable))"),
        })
        .collect::<String>();
    let wat = format!(
        r#"(module
            (table funcref (elem $few $many $own))
            (type $few (func (param i64) (result i64)))
            (type $many (func (param{params}) (result i64)))
            (func $own (param $n i64) (result i64) (local.get 0))
            (func $few (type $few) (local $n i64)
                (if (i64.eqz (local.get 0)) (then (return (i64.const 77))))
                (local.set $n (i64.sub (local.get 0) (i64.const 1)))
                (if (i32.wrap_i64 (i64.and (local.get $n) (i64.const 1)))
                    (then (return (return_call $many {args}))))
                (return_call_indirect (type $many) {args} (i32.const 1)))
            (func $many (type $many)
                {check}
                (call $own (local.get 0)) drop
                (if (i32.wrap_i64 (i64.and (local.get 0) (i64.const 2))) (then (return (return_call $few (local.get 0)))))
                (return_call_indirect (type $few) (local.get 0) (i32.const 0)))
            (func (export "run") (param i64) (result i64) (return_call $few (local.get 0))))"#
    );
    let mut guest = Guest::new(&wat);
    let count = times(2_000_000, 5_000) as i64;
    assert_eq!(guest.call("run", &[Val::I64(count)]).unwrap(), [Val::I64(77)]);
}

/// A module whose functions of random types call one another in place, each checking what it was given.
fn random_chain(random: &mut Random, functions: usize) -> String {
    let kinds = ["i32", "i64", "f32", "f64"];
    let constant = |kind: &str, value: usize| format!("({kind}.const {value})");
    let types: Vec<Vec<&str>> =
        (0..functions).map(|_| (0..random.below(40)).map(|_| random.of(&kinds)).collect()).collect();
    let results: Vec<&str> = (0..random.below(25)).map(|_| random.of(&kinds)).collect();
    let list = |types: &[&str]| types.iter().map(|ty| format!(" {ty}")).collect::<String>();
    let names = (0..functions).map(|i| format!(" $f{i}")).collect::<String>();
    let mut wat = format!("(module (table funcref (elem{names})) (elem declare func{names})");
    for (i, params) in types.iter().enumerate() {
        let _ = write!(wat, "(type $t{i} (func (param{}) (result{})))", list(params), list(&results));
    }
    for (i, params) in types.iter().enumerate() {
        let _ = write!(wat, "(func $f{i} (type $t{i})");
        for (j, kind) in params.iter().enumerate() {
            let expected = constant(kind, 1000 * i + j);
            let _ = write!(wat, "(if ({kind}.ne (local.get {j}) {expected}) (then unreachable))");
        }
        match types.get(i + 1) {
            Some(next) => {
                for (j, kind) in next.iter().enumerate() {
                    wat += &constant(kind, 1000 * (i + 1) + j);
                }
                let next = i + 1;
                wat += &match random.below(3) {
                    0 => format!("(return_call $f{next})"),
                    1 => format!("(return_call_indirect (type $t{next}) (i32.const {next}))"),
                    _ => format!("(return_call_ref $t{next} (ref.func $f{next}))"),
                };
            }
            None => results.iter().enumerate().for_each(|(j, kind)| wat += &constant(kind, j)),
        }
        wat += ")";
    }
    let first = types[0].iter().enumerate().map(|(j, kind)| constant(kind, j)).collect::<String>();
    let _ = write!(wat, "(func (export \"run\") (result{}) {first} (call $f0)))", list(&results));
    wat
}

#[test]
fn every_argument_and_result_arrives_between_functions_of_any_types() {
    let mut random = Random::new(3);
    for _ in 0..times(40, 6) {
        let wat = random_chain(&mut random, 8);
        let mut guest = Guest::new(&wat);
        let found = guest.call("run", &[]).unwrap_or_else(|e| panic!("{e}\n{wat}"));
        for (i, value) in found.iter().enumerate() {
            let expected = match value.ty() {
                ValType::I32 => Val::I32(i as i32),
                ValType::I64 => Val::I64(i as i64),
                ValType::F32 => Val::F32((i as f32).to_bits()),
                _ => Val::F64((i as f64).to_bits()),
            };
            assert_eq!(*value, expected, "{wat}");
        }
    }
}

#[test]
fn instances_that_call_each_other_in_place_need_no_stack() {
    // The first calls the second by its slot; the second has only what the first exports, exports it again, and calls it
    // by a thunk.
    let mut guest = Guest::new(
        r#"(module
            (type $t (func (param i64 i64) (result i64)))
            (table (export "other") 1 funcref)
            (func (export "back") (type $t)
                (if (i64.eqz (local.get 0)) (then (return (local.get 1))))
                (return_call_indirect (type $t) (i64.sub (local.get 0) (i64.const 1))
                    (i64.add (local.get 1) (i64.const 1)) (i32.const 0))))"#,
    );
    let mut imports = Imports::new();
    imports.instance("first", guest.instance);
    let again = artifact(
        r#"(module
            (import "first" "back" (func $back (param i64 i64) (result i64)))
            (export "again" (func $back)))"#,
    );
    let again = guest.group.instantiate(&again, &imports).unwrap();
    imports.instance("again", again);
    let second = artifact(
        r#"(module
            (type $t (func (param i64 i64) (result i64)))
            (import "first" "other" (table 1 funcref))
            (import "first" "back" (func $back (type $t)))
            (import "again" "again" (func $again (type $t)))
            (elem (i32.const 0) $own)
            (elem declare func $again)
            (func $own (type $t)
                (if (i32.wrap_i64 (i64.and (local.get 0) (i64.const 1))) (then
                    (return_call_ref $t (local.get 0) (local.get 1) (ref.func $again))))
                (if (i32.wrap_i64 (i64.and (local.get 0) (i64.const 2))) (then
                    (return_call $again (local.get 0) (local.get 1))))
                (return_call $back (local.get 0) (local.get 1)))
            (func (export "run") (param i64) (result i64) (return_call $own (local.get 0) (i64.const 5))))"#,
    );
    guest.instance = guest.group.instantiate(&second, &imports).unwrap();
    let count = times(10_000_000, 20_000) as i64;
    assert_eq!(guest.call("run", &[Val::I64(count)]).unwrap(), [Val::I64(count + 5)]);
}

#[test]
fn host_functions_are_called_in_place_and_return_to_whoever_waits() {
    let mut imports = Imports::new();
    imports.func("host", "add", |_: &mut Caller<'_>, a: i32, b: i64| Ok(i64::from(a) + b));
    imports.func("host", "fail", |_: &mut Caller<'_>| -> Result<(), HostError> { Err(HostError::message("no")) });
    imports.func("host", "again", |caller: &mut Caller<'_>, n: i32| {
        let run = caller.export("run").ok_or_else(|| HostError::message("no run"))?;
        match run.call(caller, &[Val::I32(n - 1)])?[..] {
            [Val::I32(result)] => Ok(result + 1),
            _ => Err(HostError::message("other results")),
        }
    });
    let many = FuncType::new([ValType::I32; 30], [ValType::I64; 20]);
    imports.func_untyped("host", "many", many, |_: &mut Caller<'_>, values| {
        Ok((0..20)
            .map(|i| if let Val::I32(v) = values[i + 10] { Val::I64(i64::from(v)) } else { Val::I64(-1) })
            .collect())
    });
    let params = " i32".repeat(30);
    let args = (0..30).map(|i| format!("(i32.const {})", i * 7)).collect::<String>();
    let results = " i64".repeat(20);
    let mut guest = Guest::with(
        &format!(
            r#"(module
            (type $add (func (param i32 i64) (result i64)))
            (type $many (func (param{params}) (result{results})))
            (import "host" "add" (func $add (type $add)))
            (import "host" "fail" (func $fail))
            (import "host" "again" (func $again (param i32) (result i32)))
            (import "host" "many" (func $many (type $many)))
            (table funcref (elem $add $many))
            (elem declare func $add)
            (func (export "direct") (result i64) (return_call $add (i32.const 1) (i64.const 41)))
            (func (export "table") (result i64) (return_call_indirect (type $add) (i32.const 2) (i64.const 40) (i32.const 0)))
            (func (export "reference") (result i64) (return_call_ref $add (i32.const 3) (i64.const 39) (ref.func $add)))
            (func (export "many") (result{results}) (return_call $many {args}))
            (func (export "many by table") (result{results}) (return_call_indirect (type $many) {args} (i32.const 1)))
            (func $fails (export "fails") (return_call $fail))
            (func (export "outer") (call $fails))
            (func (export "run") (param i32) (result i32)
                (if (i32.eqz (local.get 0)) (then (return (i32.const 100))))
                (return_call $again (local.get 0))))"#
        ),
        &imports,
    );
    for name in ["direct", "table", "reference"] {
        assert_eq!(guest.call(name, &[]).unwrap(), [Val::I64(42)], "{name}");
    }
    let expected: Vec<Val> = (10..30).map(|i| Val::I64(i * 7)).collect();
    for name in ["many", "many by table"] {
        assert_eq!(guest.call(name, &[]).unwrap(), expected, "{name}");
    }
    assert_eq!(guest.call("run", &[Val::I32(10)]).unwrap(), [Val::I32(110)]);
    match guest.call("outer", &[]).unwrap_err() {
        Error::Host(failure) => {
            // The function that called it in place is gone.
            let functions: Vec<_> = failure.backtrace().frames().iter().map(|f| f.name().unwrap_or("")).collect();
            assert_eq!(functions, ["outer"], "{functions:?}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn start_functions_may_end_with_a_call_in_place() {
    let mut imports = Imports::new();
    imports.func("host", "f", |_: &mut Caller<'_>| Ok(()));
    let mut guest = Guest::with(
        r#"(module
            (import "host" "f" (func $f))
            (global $n (export "n") (mut i32) (i32.const 0))
            (func $start
                (global.set $n (i32.add (global.get $n) (i32.const 1)))
                (if (i32.lt_u (global.get $n) (i32.const 1000000)) (then (return_call $start)))
                (return_call $f))
            (start $start))"#,
        &imports,
    );
    let n = guest.instance.global(&mut guest.group, "n").unwrap();
    assert_eq!(n.get(&mut guest.group).unwrap(), Val::I32(1_000_000));
}

#[test]
fn endless_calls_in_place_are_interrupted() {
    let endless = |body: &str| {
        format!(
            r#"(module
                (import "host" "begun" (func $begun))
                (type $t (func))
                (table $fixed funcref (elem $a $b)) (table $open (export "t") funcref (elem $a $b))
                (elem declare func $a $b)
                {body}
                (func (export "run") (call $begun) (return_call $a)))"#
        )
    };
    for body in [
        "(func $a (return_call $a)) (func $b)",
        "(func $a (return_call $b)) (func $b (return_call $a))",
        "(func $a (return_call_indirect $fixed (i32.const 1))) (func $b (return_call $a))",
        "(func $a (return_call_indirect $open (i32.const 1))) (func $b (return_call_indirect $fixed (i32.const 0)))",
        "(func $a (return_call_ref $t (ref.func $b))) (func $b (return_call_ref $t (ref.func $a)))",
        "(func $a (call_ref $t (ref.func $b)) (return_call $a)) (func $b)",
    ] {
        let (begun, begins) = channel();
        let mut imports = Imports::new();
        imports.func("host", "begun", move |_: &mut Caller<'_>| {
            let _ = begun.send(());
            Ok(())
        });
        let mut guest = Guest::with(&endless(body), &imports);
        let handle = guest.group.interrupt_handle();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                begins.recv().unwrap();
                std::thread::sleep(Duration::from_millis(5));
                handle.interrupt().unwrap();
            });
            assert_eq!(guest.trap_code("run", &[]), TrapCode::Interrupt, "{body}");
        });
        guest.group.resume().unwrap();
    }
}

#[test]
fn what_can_go_wrong_with_a_call_goes_wrong_in_place_too() {
    let mut guest = Guest::new(
        r#"(module
            (type $t (func (result i32)))
            (table $fixed 4 funcref) (elem (table $fixed) (i32.const 0) func $one $other)
            (table $open (export "t") 4 funcref) (elem (table $open) (i32.const 0) func $one $other)
            (func $one (type $t) (i32.const 1))
            (func $other)
            (func (export "fixed") (param i32) (result i32) (return_call_indirect $fixed (type $t) (local.get 0)))
            (func (export "open") (param i32) (result i32) (return_call_indirect $open (type $t) (local.get 0)))
            (func (export "null") (result i32) (return_call_ref $t (ref.null $t))))"#,
    );
    for name in ["fixed", "open"] {
        assert_eq!(guest.call(name, &[Val::I32(0)]).unwrap(), [Val::I32(1)]);
        for (index, code) in [
            (1, TrapCode::BadSignature),
            (2, TrapCode::IndirectCallToNull),
            (4, TrapCode::TableOutOfBounds),
            (-1, TrapCode::TableOutOfBounds),
        ] {
            assert_eq!(guest.trap_code(name, &[Val::I32(index)]), code, "{name} {index}");
        }
    }
    assert_eq!(guest.trap_code("null", &[]), TrapCode::NullReference);
}

#[test]
fn a_backtrace_has_who_waits_and_not_who_left() {
    let mut guest = Guest::new(
        r#"(module
            (func $bottom (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i32)
                (i32.div_u (i32.const 1) (i32.wrap_i64 (local.get 9))))
            (func $left (result i32)
                (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)
                (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)
                (return_call $bottom))
            (func $also_left (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i32) (return_call $left))
            (func $waits (result i32)
                (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)
                (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)
                (i32.add (call $also_left) (i32.const 1)))
            (func $run (export "run") (result i32) (i32.add (call $waits) (i32.const 1))))"#,
    );
    let trap = guest.trap("run", &[]);
    assert_eq!(trap.code(), TrapCode::IntegerDivisionByZero);
    let names: Vec<_> = trap.backtrace().frames().iter().map(|f| f.name().unwrap_or("")).collect();
    assert_eq!(names, ["bottom", "waits", "run"]);
    assert!(trap.backtrace().frames().iter().all(|frame| frame.wasm_offset().is_some()));
}

#[test]
fn the_stack_still_runs_out_where_somebody_waits() {
    let mut guest = Guest::new(
        r#"(module
            (func $a (param i64) (result i64) (return_call $b (local.get 0) (i64.const 1) (i64.const 2) (i64.const 3)
                (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9)))
            (func $b (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
                (i64.add (call $a (local.get 0)) (i64.const 1)))
            (func (export "run") (param i64) (result i64) (call $a (local.get 0)))
            (func (export "fine") (result i32) (i32.const 6)))"#,
    );
    for _ in 0..3 {
        assert_eq!(guest.trap_code("run", &[Val::I64(1)]), TrapCode::StackOverflow);
        assert_eq!(guest.i32("fine"), 6);
    }
}

#[test]
fn handlers_of_a_frame_that_is_gone_catch_nothing() {
    let mut guest = Guest::new(
        r#"(module
            (tag $e (param i32))
            (type $t (func (param i32) (result i32)))
            (table funcref (elem $throw)) (elem declare func $throw)
            (func $throw (type $t) (throw $e (local.get 0)))
            (func $left (param $way i32) (result i32)
                (block $caught (result i32)
                    (try_table (result i32) (catch $e $caught)
                        (if (i32.eq (local.get $way) (i32.const 0)) (then (return_call $throw (i32.const 1))))
                        (if (i32.eq (local.get $way) (i32.const 1)) (then
                            (return_call_indirect (type $t) (i32.const 1) (i32.const 0))))
                        (if (i32.eq (local.get $way) (i32.const 2)) (then
                            (return_call_ref $t (i32.const 1) (ref.func $throw))))
                        (return (call $throw (i32.const 1)))))
                (i32.add (i32.const 100)))
            (func (export "run") (param $way i32) (result i32)
                (block $caught (result i32)
                    (try_table (result i32) (catch $e $caught)
                        (call $left (local.get $way)))
                    (return))
                (i32.add (i32.const 200))))"#,
    );
    for way in 0..3 {
        assert_eq!(guest.call("run", &[Val::I32(way)]).unwrap(), [Val::I32(201)], "{way}");
    }
    // The control: who waits catches.
    assert_eq!(guest.call("run", &[Val::I32(3)]).unwrap(), [Val::I32(101)]);
}
