//! References to functions of a known type: calls by them, branches on null, tables that have no null; and that a function
//! is the same function, however it is come by and however it is called.

use bailiwick_loader::{Caller, Error, Group, Imports, Instance, TrapCode, Val};
use bailiwick_tests::compile::artifact;
use bailiwick_tests::guest::Guest;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

// The same function by every way.

/// What a function does that counts its calls: the sum of its arguments and where it is from.
const OWN: i64 = 1000;
const OTHER: i64 = 2000;
const HOST: i64 = 3000;

/// Exports `f`, adding up its arguments and a constant, and counts calls of it and of `g`.
fn counting(constant: i64) -> String {
    format!(
        r#"(module
            (global $n (mut i64) (i64.const 0))
            (func (export "f") (param i32 i64 f32 f64) (result i64)
                (global.set $n (i64.add (global.get $n) (i64.const 1)))
                (i64.add (i64.const {constant})
                    (i64.add (i64.add (i64.extend_i32_s (local.get 0)) (local.get 1))
                             (i64.add (i64.trunc_f32_s (local.get 2)) (i64.trunc_f64_s (local.get 3))))))
            (func (export "g") (global.set $n (i64.add (global.get $n) (i64.const 1))))
            (func (export "calls") (result i64) (global.get $n)))"#
    )
}

/// Calls `$f` by every way: a function for each, by its name.
fn ways(name: &str) -> String {
    let ty = "(type $t)";
    let args = "(i32.const -1) (i64.const 2) (f32.const 3) (f64.const 4)";
    let mut wat = format!(
        r#"(type $t (func (param i32 i64 f32 f64) (result i64)))
        (table $fixed funcref (elem $f))
        (table $open (export "{name} open") funcref (elem $f))
        (table $typed (export "{name} typed") 1 (ref null $t))
        (elem (table $typed) (i32.const 0) (ref null $t) (ref.func $f))
        (table $sure (export "{name} sure") 1 (ref $t) (ref.func $f))
        (global $r (export "{name} global") (ref $t) (ref.func $f))
        (global $m (export "{name} mutable") (mut (ref null $t)) (ref.func $f))
        (elem declare func $f)"#
    );
    for (way, call) in [
        ("direct", "call $f".to_owned()),
        ("fixed table", format!("call_indirect $fixed {ty} (i32.const 0)")),
        ("open table", format!("call_indirect $open {ty} (i32.const 0)")),
        ("typed table", format!("call_indirect $typed {ty} (i32.const 0)")),
        ("sure table", format!("call_indirect $sure {ty} (i32.const 0)")),
        ("ref.func", "call_ref $t (ref.func $f)".to_owned()),
        ("element", "call_ref $t (table.get $typed (i32.const 0))".to_owned()),
        ("sure element", "call_ref $t (table.get $sure (i32.const 0))".to_owned()),
        ("global", "call_ref $t (global.get $r)".to_owned()),
        ("mutable global", "call_ref $t (global.get $m)".to_owned()),
    ] {
        let _ = write!(wat, "(func (export \"{way}\") (result i64) {args} ({call}))");
        let _ = write!(wat, "(func (export \"{way} in place\") (result i64) {args} (return_{call}))");
    }
    wat
}

/// Calls every way of an instance; each gives `expected` and calls the function once more, which `calls` counts.
#[track_caller]
fn check_ways(group: &mut Group, instance: Instance, what: &str, expected: i64, calls: impl Fn(&mut Group) -> usize) {
    let names = [
        "direct",
        "fixed table",
        "open table",
        "typed table",
        "sure table",
        "ref.func",
        "element",
        "sure element",
        "global",
        "mutable global",
    ];
    for name in names.iter().flat_map(|name| [name.to_string(), format!("{name} in place")]) {
        let before = calls(group);
        let run = instance.func(group, &name).unwrap();
        assert_eq!(run.call(group, &[]).unwrap(), [Val::I64(expected)], "{what}: {name}");
        assert_eq!(calls(group), before + 1, "{what}: {name}");
    }
    // From the host, by what is exported.
    let arguments = [Val::I32(-1), Val::I64(2), Val::F32(3f32.to_bits()), Val::F64(4f64.to_bits())];
    for table in ["x open", "x typed", "x sure"] {
        let table = instance.table(group, table).unwrap();
        let Val::FuncRef(Some(f)) = table.get(group, 0).unwrap() else { panic!("{what}: null") };
        assert_eq!(f.call(group, &arguments).unwrap(), [Val::I64(expected)], "{what}");
    }
    for global in ["x global", "x mutable"] {
        let global = instance.global(group, global).unwrap();
        let Val::FuncRef(Some(f)) = global.get(group).unwrap() else { panic!("{what}: null") };
        assert_eq!(f.call(group, &arguments).unwrap(), [Val::I64(expected)], "{what}");
    }
    let f = instance.func(group, "f").unwrap();
    assert_eq!(f.call(group, &arguments).unwrap(), [Val::I64(expected)], "{what}");
}

#[test]
fn a_function_is_the_same_by_every_way_and_from_wherever_it_is() {
    let mut group = Group::new().unwrap();
    let host_calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&host_calls);
    let mut imports = Imports::new();
    imports.func("host", "f", move |_: &mut Caller<'_>, a: i32, b: i64, c: f32, d: f64| {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(HOST + i64::from(a) + b + c as i64 + d as i64)
    });
    let other = group.instantiate(&artifact(&counting(OTHER)), &imports).unwrap();
    imports.instance("other", other);

    // Its own.
    let own = counting(OWN);
    let own = own.trim_end().strip_suffix(')').unwrap().replacen("(func (export \"f\")", "(func $f (export \"f\")", 1);
    let own = group.instantiate(&artifact(&format!("{own}{})", ways("x"))), &imports).unwrap();
    let calls = |of: Instance| {
        move |group: &mut Group| match of.func(group, "calls").unwrap().call(group, &[]).unwrap()[..] {
            [Val::I64(n)] => n as usize,
            _ => panic!(),
        }
    };
    check_ways(&mut group, own, "own", OWN + 8, calls(own));

    // Another instance's, the host's; and both again through instances that only hand them on, in a row.
    let importing = |from: &str| {
        artifact(&format!(
            r#"(module (import "{from}" "f" (func $f (param i32 i64 f32 f64) (result i64))) (export "f" (func $f)) {})"#,
            ways("x")
        ))
    };
    let host = |_: &mut Group| host_calls.load(Ordering::Relaxed);
    for depth in 0..4 {
        let (from_other, from_host) = match depth {
            0 => ("other".to_owned(), "host".to_owned()),
            _ => (format!("other {}", depth - 1), format!("host {}", depth - 1)),
        };
        let a = group.instantiate(&importing(&from_other), &imports).unwrap();
        check_ways(&mut group, a, &from_other, OTHER + 8, calls(other));
        let b = group.instantiate(&importing(&from_host), &imports).unwrap();
        check_ways(&mut group, b, &from_host, HOST + 8, host);
        imports.instance(&format!("other {depth}"), a);
        imports.instance(&format!("host {depth}"), b);
    }
}

#[test]
fn a_start_function_may_be_anybodys() {
    let mut group = Group::new().unwrap();
    let host_calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&host_calls);
    let mut imports = Imports::new();
    imports.func("host", "g", move |_: &mut Caller<'_>| {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    let other = group.instantiate(&artifact(&counting(OTHER)), &imports).unwrap();
    imports.instance("other", other);
    for from in ["host", "other"] {
        let again = format!(r#"(module (import "{from}" "g" (func $g)) (export "g" (func $g)))"#);
        let again = group.instantiate(&artifact(&again), &imports).unwrap();
        imports.instance(&format!("{from} again"), again);
    }
    for from in ["host", "other", "host again", "other again"] {
        for start in [
            "(start $g)",
            "(func $s (call $g)) (start $s)",
            "(func $s (return_call $g)) (start $s)",
            "(func $s (return_call_ref $t (ref.func $g))) (start $s)",
            "(func $s (call_indirect $x (i32.const 0))) (start $s)",
            "(func $s (return_call_indirect $x (i32.const 0))) (start $s)",
        ] {
            let wat = format!(
                r#"(module (type $t (func)) (import "{from}" "g" (func $g)) (elem declare func $g)
                    (table $x 1 (ref $t) (ref.func $g)) {start})"#
            );
            group.instantiate(&artifact(&wat), &imports).unwrap_or_else(|e| panic!("{wat}: {e}"));
        }
    }
    assert_eq!(host_calls.load(Ordering::Relaxed), 12);
    let calls = other.func(&mut group, "calls").unwrap().call(&mut group, &[]).unwrap();
    assert_eq!(calls, [Val::I64(12)]);
}

// Null.

#[test]
fn branches_on_null_take_their_values_along() {
    let mut guest = Guest::new(
        r#"(module
            (type $t (func (param i32) (result i32)))
            (table $f 3 (ref null $t))
            (elem (table $f) (i32.const 0) (ref null $t) (ref.func $inc) (ref.null $t) (ref.func $double))
            (func $inc (type $t) (i32.add (local.get 0) (i32.const 1)))
            (func $double (type $t) (i32.mul (local.get 0) (i32.const 2)))
            (func (export "on_null") (param i32) (result i32)
                (block $null (result i32 i64)
                    (i32.const 10) (i64.const 100)
                    (br_on_null $null (table.get $f (local.get 0)))
                    drop drop drop
                    (return (i32.const -1)))
                (i32.wrap_i64) (i32.add))
            (func (export "call_or") (param i32) (result i32)
                (local $r (ref null $t))
                (local.set $r (table.get $f (local.get 0)))
                (block $null
                    (return (call_ref $t (i32.const 21) (br_on_null $null (local.get $r)))))
                (i32.const -7))
            (func (export "on_non_null") (param i32) (result i32)
                (block $there (result i32 (ref $t))
                    (i32.const 50)
                    (br_on_non_null $there (table.get $f (local.get 0)))
                    (return))
                (call_ref $t))
            (func (export "as") (param i32) (result i32)
                (call_ref $t (i32.const 21) (ref.as_non_null (table.get $f (local.get 0)))))
            (func (export "loop") (result i32) (local $i i32) (local $n i32)
                (loop $l
                    (block $next
                        (br_on_null $next (table.get $f (local.get $i)))
                        drop
                        (local.set $n (i32.add (local.get $n) (i32.const 1))))
                    (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
                (local.get $n)))"#,
    );
    let mut call = |name: &str, i: i32| guest.call(name, &[Val::I32(i)]).map_err(|e| e.trap_code());
    assert_eq!(call("on_null", 1), Ok(vec![Val::I32(110)]));
    assert_eq!(call("call_or", 0), Ok(vec![Val::I32(22)]));
    assert_eq!(call("call_or", 1), Ok(vec![Val::I32(-7)]));
    assert_eq!(call("call_or", 2), Ok(vec![Val::I32(42)]));
    assert_eq!(call("on_non_null", 0), Ok(vec![Val::I32(51)]));
    assert_eq!(call("on_non_null", 1), Ok(vec![Val::I32(50)]));
    assert_eq!(call("as", 2), Ok(vec![Val::I32(42)]));
    assert_eq!(call("as", 1), Err(Some(TrapCode::NullReference)));
    assert_eq!(guest.i32("loop"), 2);
}

#[test]
fn a_test_holds_only_where_it_was_made() {
    // The same local, tested on one way and called on the other: a check that is left out would be a call of address 0.
    let mut guest = Guest::new(
        r#"(module
            (type $t (func (result i32)))
            (elem declare func $f)
            (func $f (type $t) (i32.const 5))
            (func $maybe (param i32) (result (ref null $t))
                (if (result (ref null $t)) (local.get 0) (then (ref.func $f)) (else (ref.null $t))))
            (func (export "as") (param i32 i32) (result i32) (local $r (ref null $t))
                (local.set $r (call $maybe (local.get 0)))
                (if (local.get 1) (then (drop (ref.as_non_null (local.get $r)))))
                (call_ref $t (local.get $r)))
            (func (export "on_null") (param i32 i32) (result i32) (local $r (ref null $t))
                (local.set $r (call $maybe (local.get 0)))
                (block $null
                    (br_on_null $null (local.get $r))
                    (return (call_ref $t)))
                (call_ref $t (local.get $r)))
            (func (export "on_non_null") (param i32 i32) (result i32) (local $r (ref null $t))
                (local.set $r (call $maybe (local.get 0)))
                (block $there (result (ref $t))
                    (br_on_non_null $there (local.get $r))
                    (return (call_ref $t (local.get $r))))
                (call_ref $t))
            (func (export "sure local") (param i32 i32) (result i32) (local $r (ref null $t)) (local $s (ref $t))
                (local.set $r (call $maybe (local.get 0)))
                (if (local.get 1) (then
                    (local.set $s (ref.as_non_null (local.get $r)))
                    (drop (call_ref $t (local.get $s)))))
                (call_ref $t (local.get $r)))
            (func (export "loop") (param i32 i32) (result i32) (local $r (ref null $t)) (local $n i32)
                (local.set $r (call $maybe (i32.const 1)))
                (loop $l
                    (local.set $n (i32.add (local.get $n) (call_ref $t (local.get $r))))
                    (drop (ref.as_non_null (local.get $r)))
                    (local.set $r (call $maybe (local.get 0)))
                    (br_if $l (i32.lt_u (local.get $n) (i32.const 50))))
                (local.get $n))
            (func (export "select") (param i32 i32) (result i32) (local $r (ref null $t))
                (local.set $r (call $maybe (local.get 0)))
                (call_ref $t (select (result (ref null $t)) (local.get $r) (ref.null $t) (i32.const 1)))))"#,
    );
    for name in ["as", "on_null", "on_non_null", "sure local", "loop", "select"] {
        for tested in [0, 1] {
            let there = guest.call(name, &[Val::I32(1), Val::I32(tested)]).unwrap();
            assert_eq!(there, [Val::I32(if name == "loop" { 50 } else { 5 })], "{name}");
            assert_eq!(guest.trap_code(name, &[Val::I32(0), Val::I32(tested)]), TrapCode::NullReference, "{name}");
        }
    }
}

// Tables and the host.

#[test]
fn tables_without_null_are_full_from_the_beginning_and_stay_so() {
    let mut guest = Guest::new(
        r#"(module
            (type $t (func (result i32)))
            (table $t (export "t") 3 100 (ref $t) (ref.func $one))
            (elem (table $t) (i32.const 1) (ref $t) (ref.func $two))
            (elem $passive (ref $t) (ref.func $two) (ref.func $one))
            (func $one (export "one") (type $t) (i32.const 1))
            (func $two (export "two") (type $t) (i32.const 2))
            (func (export "void"))
            (func (export "call") (param i32) (result i32) (call_indirect $t (type $t) (local.get 0)))
            (func (export "ref") (param i32) (result i32) (call_ref $t (table.get $t (local.get 0))))
            (func (export "grow") (param i32) (result i32) (table.grow $t (ref.func $two) (local.get 0)))
            (func (export "fill") (table.fill $t (i32.const 0) (ref.func $two) (i32.const 3)))
            (func (export "init") (table.init $t $passive (i32.const 0) (i32.const 0) (i32.const 2))))"#,
    );
    let values = |guest: &mut Guest| {
        let len = guest.instance.table(&mut guest.group, "t").unwrap().ty(&mut guest.group).unwrap().minimum;
        let each = |i| {
            let by_table = guest.call("call", &[Val::I32(i)]).unwrap();
            assert_eq!(guest.call("ref", &[Val::I32(i)]).unwrap(), by_table);
            let Val::I32(value) = by_table[0] else { panic!() };
            value
        };
        (0..len as i32).map(each).collect::<Vec<i32>>()
    };
    assert_eq!(values(&mut guest), [1, 2, 1]);
    assert_eq!(guest.call("grow", &[Val::I32(2)]).unwrap(), [Val::I32(3)]);
    assert_eq!(values(&mut guest), [1, 2, 1, 2, 2]);
    assert_eq!(guest.call("grow", &[Val::I32(96)]).unwrap(), [Val::I32(-1)]);
    guest.call("fill", &[]).unwrap();
    assert_eq!(values(&mut guest), [2, 2, 2, 2, 2]);
    guest.call("init", &[]).unwrap();
    assert_eq!(values(&mut guest), [2, 1, 2, 2, 2]);

    // An interrupt that comes while it grows leaves it as it was.
    let table = guest.instance.table(&mut guest.group, "t").unwrap();
    let two = Val::FuncRef(Some(guest.instance.func(&mut guest.group, "two").unwrap()));
    guest.group.interrupt_handle().interrupt().unwrap();
    let error = table.grow(&mut guest.group, 50, two).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::Interrupt));
    guest.group.resume().unwrap();
    assert_eq!(values(&mut guest), [2, 1, 2, 2, 2]);

    // The host can put in what fits, and nothing else.
    let [one, void] = ["one", "void"].map(|name| guest.instance.func(&mut guest.group, name).unwrap());
    for wrong in [Val::FuncRef(None), Val::FuncRef(Some(void)), Val::ExternRef(None), Val::I32(0)] {
        assert!(matches!(table.set(&mut guest.group, 0, wrong), Err(Error::Type { .. })), "{wrong}");
        assert!(matches!(table.grow(&mut guest.group, 1, wrong), Err(Error::Type { .. })), "{wrong}");
    }
    table.set(&mut guest.group, 0, Val::FuncRef(Some(one))).unwrap();
    assert_eq!(table.grow(&mut guest.group, 1, Val::FuncRef(Some(one))).unwrap(), Some(5));
    assert_eq!(values(&mut guest), [1, 1, 2, 2, 2, 1]);
}

#[test]
fn what_the_host_passes_is_looked_at() {
    let mut imports = Imports::new();
    imports.func("host", "f", |_: &mut Caller<'_>| Ok(3));
    let mut guest = Guest::with(
        r#"(module
            (type $t (func (result i32)))
            (import "host" "f" (func $f (result i32)))
            (export "f" (func $f))
            (func (export "other"))
            (global (export "sure") (mut (ref $t)) (ref.func $f))
            (global (export "maybe") (mut (ref null $t)) (ref.null $t))
            (func (export "call") (param (ref $t)) (result i32) (call_ref $t (local.get 0)))
            (func (export "maybe call") (param (ref null $t)) (result i32) (call_ref $t (local.get 0))))"#,
        &imports,
    );
    let f = Val::FuncRef(Some(guest.instance.func(&mut guest.group, "f").unwrap()));
    let other = Val::FuncRef(Some(guest.instance.func(&mut guest.group, "other").unwrap()));
    let stranger = {
        let mut stranger = Guest::new("(module (func (export \"f\") (result i32) (i32.const 1)))");
        Val::FuncRef(Some(stranger.instance.func(&mut stranger.group, "f").unwrap()))
    };
    for (name, null) in [("call", false), ("maybe call", true)] {
        assert_eq!(guest.call(name, &[f]).unwrap(), [Val::I32(3)]);
        assert!(matches!(guest.call(name, &[other]), Err(Error::Type { .. })));
        assert!(matches!(guest.call(name, &[stranger]), Err(Error::WrongGroup(_))));
        match guest.call(name, &[Val::FuncRef(None)]) {
            Err(Error::Trap(trap)) if null => assert_eq!(trap.code(), TrapCode::NullReference),
            Err(Error::Type { .. }) if !null => {}
            result => panic!("{name}: {result:?}"),
        }
    }
    for (name, null) in [("sure", false), ("maybe", true)] {
        let global = guest.instance.global(&mut guest.group, name).unwrap();
        global.set(&mut guest.group, f).unwrap();
        assert!(matches!(global.set(&mut guest.group, other), Err(Error::Type { .. })));
        assert_eq!(global.set(&mut guest.group, Val::FuncRef(None)).is_ok(), null);
    }
}

#[test]
fn a_table_whose_type_says_enough_is_called_without_a_look_at_the_type() {
    let mut guest = Guest::new(
        r#"(module
            (type $super (sub (func (result i32))))
            (type $sub (sub final $super (func (result i32))))
            (table $subs (export "t") 3 (ref null $sub))
            (elem (table $subs) (i32.const 0) (ref null $sub) (ref.func $f))
            (func $f (type $sub) (i32.const 9))
            (func (export "call") (param i32) (result i32) (call_indirect $subs (type $super) (local.get 0)))
            (func (export "same") (param i32) (result i32) (call_indirect $subs (type $sub) (local.get 0))))"#,
    );
    for name in ["call", "same"] {
        assert_eq!(guest.call(name, &[Val::I32(0)]).unwrap(), [Val::I32(9)]);
        assert_eq!(guest.trap_code(name, &[Val::I32(1)]), TrapCode::IndirectCallToNull);
        assert_eq!(guest.trap_code(name, &[Val::I32(3)]), TrapCode::TableOutOfBounds);
    }
}
