//! Host functions: what they receive, what they can give back, and how they end a guest.

use bailiwick_loader::{Caller, Error, Extern, FuncType, Group, HostError, Imports, Instance, TrapCode, Val, ValType};
use bailiwick_tests::compile::artifact;
use bailiwick_tests::guest::Guest;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Calls `host.f` from `$call`, exported as `run`.
const CALLS: &str = r#"(module
    (import "host" "f" (func $f))
    (memory (export "memory") 1)
    (func $call (export "run") (call $f))
    (func (export "ok") (result i32) (i32.const 1)))"#;

fn granting<R>(f: impl bailiwick_loader::IntoHostFunc<(), R>) -> Guest {
    let mut imports = Imports::new();
    imports.func("host", "f", f);
    Guest::with(CALLS, &imports)
}

#[derive(Debug)]
struct Broken(u32);

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "broken in {} places", self.0)
    }
}

impl std::error::Error for Broken {}

#[test]
fn an_error_of_a_host_function_reaches_the_caller_with_where_the_guest_was() {
    let mut guest = granting(|_: &mut Caller<'_>| Err::<(), _>(HostError::Other(Box::new(Broken(3)))));
    for _ in 0..2 {
        let error = guest.call("run", &[]).unwrap_err();
        let Error::Host(failure) = &error else { panic!("{error:?}") };
        assert_eq!(failure.error().downcast_ref::<Broken>().unwrap().0, 3);
        assert_eq!(failure.backtrace().frames()[0].name(), Some("call"));
        assert!(error.to_string().starts_with("host function failed: broken in 3 places"), "{error}");
        assert_eq!(guest.i32("ok"), 1);
    }
}

#[test]
fn a_host_function_can_end_the_guest_with_a_status_or_a_trap() {
    let mut guest = granting(|_: &mut Caller<'_>| Err::<(), _>(HostError::exit(42)));
    assert!(matches!(guest.call("run", &[]), Err(Error::Exit(42))));
    assert_eq!(guest.i32("ok"), 1);

    let refuse = |_: &mut Caller<'_>| Err::<(), _>(HostError::Trap(TrapCode::Denied, Some("not today".into())));
    let mut guest = granting(refuse);
    let trap = guest.trap("run", &[]);
    assert_eq!(trap.code(), TrapCode::Denied);
    assert!(trap.to_string().contains("not today"), "{trap}");
    assert_eq!(trap.backtrace().frames()[0].name(), Some("call"));
}

#[test]
fn a_panic_in_a_host_function_is_the_guests_trap() {
    let mut guest = granting(|_: &mut Caller<'_>| -> Result<(), HostError> { panic!("on purpose, in a test") });
    for _ in 0..3 {
        let trap = guest.trap("run", &[]);
        assert_eq!(trap.code(), TrapCode::HostError);
        assert!(trap.to_string().contains("on purpose, in a test"), "{trap}");
        assert_eq!(trap.backtrace().frames()[0].name(), Some("call"));
        assert_eq!(guest.i32("ok"), 1);
    }
}

#[test]
fn values_dropped_by_a_host_functions_panic_are_dropped() {
    struct Counts(Arc<AtomicUsize>);
    impl Drop for Counts {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let theirs = dropped.clone();
    let mut guest = granting(move |_: &mut Caller<'_>| -> Result<(), HostError> {
        let _held = Counts(theirs.clone());
        panic!("on purpose, in a test")
    });
    guest.trap("run", &[]);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

#[test]
fn results_of_other_types_than_promised_are_an_error() {
    let mut imports = Imports::new();
    imports.func_untyped("host", "f", FuncType::new([], []), |_, _| Ok(vec![Val::I32(1)]));
    let mut guest = Guest::with(CALLS, &imports);
    let error = guest.call("run", &[]).unwrap_err();
    assert!(matches!(error, Error::Host(_)), "{error:?}");
    assert!(error.to_string().contains("other types"), "{error}");
}

#[test]
fn a_host_function_reads_and_writes_the_memory_of_the_instance() {
    let mut guest = granting(|caller: &mut Caller<'_>| {
        let memory = caller.memory()?;
        assert_eq!(memory.len(), 65536);
        memory[9] += 1;
        Ok(())
    });
    guest.call("run", &[]).unwrap();
    guest.call("run", &[]).unwrap();
    let memory = guest.instance.memory(&mut guest.group, "memory").unwrap();
    assert_eq!(memory.bytes(&mut guest.group).unwrap()[9], 2);
}

#[test]
fn a_module_without_an_exported_memory_gets_a_trap_that_says_so() {
    let mut imports = Imports::new();
    imports.func("host", "f", |caller: &mut Caller<'_>| caller.memory().map(|_| ()));
    let wat = r#"(module (import "host" "f" (func $f)) (memory 1) (func (export "run") (call $f)))"#;
    let trap = Guest::with(wat, &imports).trap("run", &[]);
    assert_eq!(trap.code(), TrapCode::HostError);
    assert!(trap.to_string().contains("exports none as \"memory\""), "{trap}");
}

#[test]
fn a_host_function_can_grow_the_memory_that_the_guest_is_using() {
    let mut imports = Imports::new();
    imports.func("host", "grow", |caller: &mut Caller<'_>| {
        let memory = caller.memory_handle().ok_or_else(|| HostError::message("no memory"))?;
        assert_eq!(memory.grow(caller, 1)?, Some(1));
        caller.memory()?[65536 + 5] = 77;
        Ok(())
    });
    let mut guest = Guest::with(
        r#"(module (import "host" "grow" (func $grow)) (memory (export "memory") 1 3)
            (func (export "run") (result i32)
                (i32.store (i32.const 0) (i32.const 1))
                (call $grow)
                (i32.add (i32.load8_u (i32.const 65541)) (memory.size))))"#,
        &imports,
    );
    assert_eq!(guest.i32("run"), 79);
}

/// Says by a host function which instance calls: the byte at 0 of its memory.
const WHO: &str = r#"(module
    (import "host" "who" (func $who (result i32)))
    (memory (export "memory") 1)
    (table (export "table") 1 funcref)
    (elem (i32.const 0) $who)
    (elem declare func $who)
    (export "who" (func $who))
    (func (export "mark") (param i32) (i32.store8 (i32.const 0) (local.get 0)))
    (func (export "ref") (result funcref) (ref.func $who))
    (func (export "ask") (result i32) (call $who)))"#;

/// Asks by every way in which a module can reach another's function.
const ASKS: &str = r#"(module
    (import "other" "who" (func $who (result i32)))
    (import "other" "table" (table $theirs 1 funcref))
    (memory (export "memory") 1)
    (table $mine 2 funcref)
    (data (i32.const 0) "\63")
    (func (export "call") (result i32) (call $who))
    (func (export "table") (result i32) (call_indirect $theirs (result i32) (i32.const 0)))
    (func (export "copied") (result i32)
        (table.copy $mine $theirs (i32.const 1) (i32.const 0) (i32.const 1))
        (call_indirect $mine (result i32) (i32.const 1)))
    (func (export "given") (param funcref) (result i32)
        (table.set $mine (i32.const 0) (local.get 0))
        (call_indirect $mine (result i32) (i32.const 0))))"#;

#[test]
fn a_host_function_sees_the_instance_that_was_granted_it_however_it_is_called() {
    let mut imports = Imports::new();
    imports.func("host", "who", |caller: &mut Caller<'_>| Ok(i32::from(caller.memory()?[0])));
    let mut group = Group::new().unwrap();
    let who = artifact(WHO);
    let call = |group: &mut Group, instance: Instance, name: &str, arguments: &[Val]| {
        instance.func(group, name).unwrap().call(group, arguments).unwrap()
    };
    let granted: Vec<Instance> = (1..=2)
        .map(|mark| {
            let instance = group.instantiate(&who, &imports).unwrap();
            call(&mut group, instance, "mark", &[Val::I32(mark)]);
            instance
        })
        .collect();
    for (mark, &instance) in (1..).zip(&granted) {
        let expected = [Val::I32(mark)];
        assert_eq!(call(&mut group, instance, "ask", &[]), expected);
        assert_eq!(call(&mut group, instance, "who", &[]), expected);
        let reference = call(&mut group, instance, "ref", &[]);
        let mut grants = Imports::new();
        grants.instance("other", instance);
        let asks = group.instantiate(&artifact(ASKS), &grants).unwrap();
        assert_eq!(call(&mut group, asks, "call", &[]), expected);
        assert_eq!(call(&mut group, asks, "table", &[]), expected);
        assert_eq!(call(&mut group, asks, "copied", &[]), expected);
        assert_eq!(call(&mut group, asks, "given", &reference), expected);
        let table = instance.table(&mut group, "table").unwrap();
        let Val::FuncRef(Some(func)) = table.get(&mut group, 0).unwrap() else { panic!("no function in the table") };
        assert_eq!(func.call(&mut group, &[]).unwrap(), expected);
    }
}

fn text(types: &[ValType]) -> String {
    types.iter().map(|t| format!(" {t}")).collect()
}

/// Twenty values, every type among them, none like another.
fn twenty(group: &mut Group, func: bailiwick_loader::Func) -> Vec<Val> {
    (0..20u32)
        .map(|i| match i % 6 {
            0 => Val::I32(-(i as i32) - 1),
            1 => Val::I64(i64::MIN + i64::from(i)),
            2 => Val::F32(0x7fa0_0000 + i), // a signalling NaN keeps its bits
            3 => Val::F64(f64::to_bits(-0.5) + u64::from(i)),
            4 => Val::ExternRef((i % 4 == 0).then(|| group.extern_ref(i).unwrap())),
            _ => Val::FuncRef((i % 2 == 1 && i > 5).then_some(func)),
        })
        .collect()
}

#[test]
fn twenty_parameters_and_results_of_all_types_cross_in_both_directions() {
    let types: Vec<ValType> = (0..20)
        .map(|i| {
            use ValType::{F32, F64, I32, I64};
            [I32, I64, F32, F64, ValType::EXTERNREF, ValType::FUNCREF][i % 6]
        })
        .collect();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut imports = Imports::new();
    let theirs = seen.clone();
    let ty = FuncType::new(types.iter().copied(), types.iter().copied());
    imports.func_untyped("host", "many", ty.clone(), move |_, values| {
        *theirs.lock().unwrap() = values.to_vec();
        Ok(values.to_vec())
    });
    let gets: String = (0..20).map(|i| format!("(local.get {i})")).collect();
    let types_text = text(&types);
    let signature = format!("(param{types_text}) (result{types_text})");
    let mut guest = Guest::with(
        &format!(
            r#"(module (import "host" "many" (func $many {signature}))
                (table 1 funcref) (elem (i32.const 0) $many)
                (export "through" (func $many))
                (func $own {signature} {gets})
                (func (export "call") {signature} (call $many {gets}))
                (func (export "twice") {signature} (call $own (call $many (call $own {gets}))))
                (func (export "indirect") {signature} (call_indirect {signature} {gets} (i32.const 0))))"#
        ),
        &imports,
    );
    let func = guest.instance.func(&mut guest.group, "call").unwrap();
    assert_eq!(func.ty(&mut guest.group).unwrap(), ty);
    let values = twenty(&mut guest.group, func);
    for name in ["call", "through", "twice", "indirect"] {
        seen.lock().unwrap().clear();
        assert_eq!(guest.call(name, &values).unwrap(), values, "{name}");
        assert_eq!(*seen.lock().unwrap(), values, "{name}");
    }
}

#[test]
fn each_type_is_its_own_as_the_only_value() {
    for (ty, value) in [
        (ValType::I32, Val::I32(i32::MIN)),
        (ValType::I64, Val::I64(-2)),
        (ValType::F32, Val::F32(0xffc1_2345)),
        (ValType::F64, Val::F64(0x7ff4_0000_0000_0001)),
        (ValType::FUNCREF, Val::FuncRef(None)),
        (ValType::EXTERNREF, Val::ExternRef(None)),
    ] {
        let mut imports = Imports::new();
        imports.func_untyped("host", "id", FuncType::new([ty], [ty]), |_, values| Ok(values.to_vec()));
        let wat = format!(
            r#"(module (import "host" "id" (func $id (param {ty}) (result {ty})))
                (func (export "run") (param {ty}) (result {ty}) (call $id (local.get 0))))"#
        );
        assert_eq!(Guest::with(&wat, &imports).call("run", &[value]).unwrap(), [value]);
    }
}

#[test]
fn typed_functions_of_twelve_values_agree_with_untyped_ones() {
    let mut imports = Imports::new();
    type Twelve = (i32, u64, f32, f64, i32, i64, f32, f64, u32, i64, f32, f64);
    imports.func(
        "host",
        "rotate",
        |_: &mut Caller<'_>,
         a: i32,
         b: u64,
         c: f32,
         d: f64,
         e: i32,
         f: i64,
         g: f32,
         h: f64,
         i: u32,
         j: i64,
         k: f32,
         l: f64| {
            Ok((a + 1, b + 1, c + 1.0, d + 1.0, e + 1, f + 1, g + 1.0, h + 1.0, i + 1, j + 1, k + 1.0, l + 1.0))
        },
    );
    let types = "i32 i64 f32 f64 i32 i64 f32 f64 i32 i64 f32 f64";
    let gets: String = (0..12).map(|i| format!("(local.get {i})")).collect();
    let mut guest = Guest::with(
        &format!(
            r#"(module (import "host" "rotate" (func $rotate (param {types}) (result {types})))
                (func (export "run") (param {types}) (result {types}) (call $rotate {gets})))"#
        ),
        &imports,
    );
    let func = guest.instance.typed_func::<Twelve, Twelve>(&mut guest.group, "run").unwrap();
    let values: Twelve = (-1, u64::MAX - 1, 0.5, -0.5, 4, -5, 6.25, 7.125, u32::MAX - 1, i64::MAX - 1, 10.5, 11.5);
    let expected: Twelve = (0, u64::MAX, 1.5, 0.5, 5, -4, 7.25, 8.125, u32::MAX, i64::MAX, 11.5, 12.5);
    assert_eq!(func.call(&mut guest.group, values).unwrap(), expected);
}

#[test]
fn arguments_of_other_types_are_an_error_and_nothing_runs() {
    let mut guest = Guest::new(r#"(module (func (export "run") (param i32 f64) (result i64) unreachable))"#);
    for arguments in [&[][..], &[Val::I32(1)], &[Val::I64(1), Val::F64(0)], &[Val::I32(1), Val::F64(0), Val::I32(0)]] {
        let error = guest.call("run", arguments).unwrap_err();
        assert!(matches!(&error, Error::Type { expected, .. } if expected == "(i32, f64) -> (i64)"), "{error}");
    }
    let error = guest.instance.typed_func::<(i32, f64), i32>(&mut guest.group, "run").unwrap_err();
    assert!(matches!(error, Error::Type { .. }), "{error}");
}

#[test]
fn an_export_that_is_not_there_is_named() {
    let mut guest = Guest::new(r#"(module (memory (export "memory") 1))"#);
    for name in ["run", "memory"] {
        let error = guest.instance.func(&mut guest.group, name).unwrap_err();
        assert!(matches!(&error, Error::NoExport { name: n, .. } if n == name), "{error}");
    }
    assert!(matches!(guest.instance.export(&mut guest.group, "memory"), Ok(Some(Extern::Memory(_)))));
    assert!(guest.instance.export(&mut guest.group, "run").unwrap().is_none());
}
