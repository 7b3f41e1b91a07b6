//! Every way in which an instruction can trap: the code, and where it happened.

use bailiwick_loader::{Frame, Trap, TrapCode, Val};
use bailiwick_tests::compile::binary;
use bailiwick_tests::guest::Guest;

/// A body that traps, the code, and the first byte of the operator that does.
const TRAPS: &[(&str, TrapCode, u8)] = &[
    ("unreachable", TrapCode::Unreachable, 0x00),
    ("(drop (i32.div_s (global.get $one) (global.get $zero)))", TrapCode::IntegerDivisionByZero, 0x6d),
    ("(drop (i32.div_u (global.get $one) (global.get $zero)))", TrapCode::IntegerDivisionByZero, 0x6e),
    ("(drop (i32.rem_s (global.get $one) (global.get $zero)))", TrapCode::IntegerDivisionByZero, 0x6f),
    ("(drop (i32.rem_u (global.get $one) (global.get $zero)))", TrapCode::IntegerDivisionByZero, 0x70),
    ("(drop (i64.div_s (global.get $long) (i64.const 0)))", TrapCode::IntegerDivisionByZero, 0x7f),
    ("(drop (i64.div_u (global.get $long) (i64.const 0)))", TrapCode::IntegerDivisionByZero, 0x80),
    ("(drop (i64.rem_s (global.get $long) (i64.const 0)))", TrapCode::IntegerDivisionByZero, 0x81),
    ("(drop (i64.rem_u (global.get $long) (i64.const 0)))", TrapCode::IntegerDivisionByZero, 0x82),
    ("(drop (i32.div_s (i32.const 0x80000000) (global.get $minus)))", TrapCode::IntegerOverflow, 0x6d),
    ("(drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1)))", TrapCode::IntegerOverflow, 0x7f),
    ("(drop (i32.trunc_f32_s (f32.const 1e30)))", TrapCode::IntegerOverflow, 0xa8),
    ("(drop (i32.trunc_f64_u (global.get $huge)))", TrapCode::IntegerOverflow, 0xab),
    ("(drop (i64.trunc_f64_s (global.get $huge)))", TrapCode::IntegerOverflow, 0xb0),
    ("(drop (i32.trunc_f64_u (f64.const -1)))", TrapCode::IntegerOverflow, 0xab),
    ("(drop (i32.trunc_f32_s (f32.const nan)))", TrapCode::BadConversionToInteger, 0xa8),
    ("(drop (i64.trunc_f64_u (global.get $nan)))", TrapCode::BadConversionToInteger, 0xb1),
    ("(drop (i32.load (i32.const 65533)))", TrapCode::MemoryOutOfBounds, 0x28),
    ("(drop (i64.load offset=0xfffffff0 (i32.const -1)))", TrapCode::MemoryOutOfBounds, 0x29),
    ("(drop (f32.load (i32.const 65536)))", TrapCode::MemoryOutOfBounds, 0x2a),
    ("(drop (f64.load (i32.const -8)))", TrapCode::MemoryOutOfBounds, 0x2b),
    ("(drop (i32.load8_u (i32.const 65536)))", TrapCode::MemoryOutOfBounds, 0x2d),
    ("(i32.store (i32.const 65533) (i32.const 1))", TrapCode::MemoryOutOfBounds, 0x36),
    ("(i64.store (i32.const 0x7fffffff) (i64.const 1))", TrapCode::MemoryOutOfBounds, 0x37),
    ("(f64.store offset=65536 (global.get $zero) (f64.const 1))", TrapCode::MemoryOutOfBounds, 0x39),
    ("(i32.store8 (i32.const 65536) (i32.const 1))", TrapCode::MemoryOutOfBounds, 0x3a),
    ("(memory.copy (i32.const 65530) (i32.const 0) (i32.const 7))", TrapCode::MemoryOutOfBounds, 0xfc),
    ("(memory.copy (i32.const 0) (i32.const 65530) (i32.const 7))", TrapCode::MemoryOutOfBounds, 0xfc),
    ("(memory.fill (i32.const 65530) (i32.const 0) (i32.const -1))", TrapCode::MemoryOutOfBounds, 0xfc),
    ("(memory.init $data (i32.const 0) (i32.const 1) (i32.const 3))", TrapCode::MemoryOutOfBounds, 0xfc),
    ("(drop (table.get $table (i32.const 4)))", TrapCode::TableOutOfBounds, 0x25),
    ("(table.set $table (i32.const -1) (ref.null func))", TrapCode::TableOutOfBounds, 0x26),
    ("(table.fill $table (i32.const 3) (ref.null func) (i32.const 2))", TrapCode::TableOutOfBounds, 0xfc),
    ("(table.copy $table $table (i32.const 3) (i32.const 0) (i32.const 2))", TrapCode::TableOutOfBounds, 0xfc),
    ("(table.init $table $elements (i32.const 0) (i32.const 1) (i32.const 2))", TrapCode::TableOutOfBounds, 0xfc),
    ("(call_indirect $table (i32.const 4))", TrapCode::TableOutOfBounds, 0x11),
    ("(call_indirect $table (i32.const 0x80000000))", TrapCode::TableOutOfBounds, 0x11),
    ("(call_indirect $table (global.get $zero))", TrapCode::IndirectCallToNull, 0x11),
    ("(drop (call_indirect $table (result i32) (global.get $one)))", TrapCode::BadSignature, 0x11),
    ("(call_indirect $fixed (i32.const 3))", TrapCode::TableOutOfBounds, 0x11),
    ("(call_indirect $fixed (global.get $zero))", TrapCode::IndirectCallToNull, 0x11),
    ("(drop (call_indirect $fixed (result i32) (global.get $one)))", TrapCode::BadSignature, 0x11),
];

/// `$table` may be written and is hence looked up at run time; `$fixed` never is, so calls through it may be resolved by
/// the compiler.
fn module(body: &str) -> String {
    format!(
        r#"(module $m
            (memory (export "memory") 1)
            (global $zero (mut i32) (i32.const 0))
            (global $one (mut i32) (i32.const 1))
            (global $minus (mut i32) (i32.const -1))
            (global $long (mut i64) (i64.const 1))
            (global $huge (mut f64) (f64.const 1e300))
            (global $nan (mut f64) (f64.const nan))
            (table $table (export "table") 4 funcref)
            (table $fixed 3 funcref)
            (elem $init (table $table) (i32.const 1) func $nothing)
            (elem (table $fixed) (i32.const 1) func $nothing)
            (elem $elements func $nothing $nothing)
            (data $data "abc")
            (func $nothing)
            (func $inner {body})
            (func $middle (param i32) (result i32)
                (if (i32.eqz (local.get 0)) (then (call $inner)))
                (local.get 0))
            (func $outer (export "run") (drop (call $middle (global.get $zero))))
            (func (export "again") (result i32) (i32.const 7)))"#
    )
}

fn names(trap: &Trap) -> Vec<&str> {
    trap.backtrace().frames().iter().map(|f| f.name().unwrap_or("?")).collect()
}

/// The byte of the binary that a frame points to.
fn operator(wasm: &[u8], frame: &Frame) -> u8 {
    wasm[frame.wasm_offset().expect("an offset") as usize]
}

#[test]
fn every_trap_has_its_code_and_points_at_the_operator() {
    for &(body, code, byte) in TRAPS {
        let wat = module(body);
        let wasm = binary(&wat);
        let mut guest = Guest::new(&wat);
        let trap = guest.trap("run", &[]);
        assert_eq!(trap.code(), code, "{body}");
        assert_eq!(names(&trap), ["inner", "middle", "outer"], "{body}");
        let frames = trap.backtrace().frames();
        assert_eq!(operator(&wasm, &frames[0]), byte, "{body}: {:#x?}", frames[0]);
        assert_eq!(operator(&wasm, &frames[1]), 0x10, "{body}: {:#x?}", frames[1]);
        assert_eq!(operator(&wasm, &frames[2]), 0x10, "{body}: {:#x?}", frames[2]);
    }
}

#[test]
fn a_trap_leaves_the_group_usable() {
    for &(body, code, _) in TRAPS {
        let mut guest = Guest::new(&module(body));
        for _ in 0..3 {
            assert_eq!(guest.trap_code("run", &[]), code, "{body}");
            assert_eq!(guest.i32("again"), 7, "{body}");
        }
    }
}

#[test]
fn effects_before_a_trap_stay_and_those_behind_it_do_not_happen() {
    let mut guest = Guest::new(
        r#"(module (memory (export "memory") 1)
            (func (export "run") (param i32)
                (i32.store8 (i32.const 0) (i32.const 1))
                (i32.store (local.get 0) (i32.const -1))
                (i32.store8 (i32.const 1) (i32.const 1))))"#,
    );
    // One byte of the store would fit: none is written.
    assert_eq!(guest.trap_code("run", &[Val::I32(65533)]), TrapCode::MemoryOutOfBounds);
    let memory = guest.instance.memory(&mut guest.group, "memory").unwrap();
    let bytes = memory.bytes(&mut guest.group).unwrap();
    assert_eq!((bytes[0], bytes[1]), (1, 0));
    assert_eq!(bytes[65530..], [0; 6]);
}

#[test]
fn the_message_is_the_specifications_and_the_backtrace_follows() {
    let wat = module("unreachable");
    let text = Guest::new(&wat).trap("run", &[]).to_string();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("wasm `unreachable` instruction executed"));
    assert_eq!(lines.next(), Some("wasm backtrace:"));
    for (i, name) in ["inner", "middle", "outer"].iter().enumerate() {
        let line = lines.next().unwrap();
        assert!(line.trim_start().starts_with(&format!("{i}: ")) && line.ends_with(&format!(" - {name}")), "{line}");
        assert!(line.contains("0x"), "{line}");
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn a_function_without_a_name_has_that_of_its_export_or_its_index() {
    let mut guest = Guest::new(r#"(module (func unreachable) (func (export "run") (call 0)))"#);
    let trap = guest.trap("run", &[]);
    let frames = trap.backtrace().frames();
    assert_eq!((frames[0].function(), frames[0].name()), (0, None));
    assert_eq!((frames[1].function(), frames[1].name()), (1, Some("run")));
    assert!(trap.to_string().contains("function[0]"), "{trap}");
}

#[test]
fn a_name_can_not_drive_the_terminal() {
    let mut guest = Guest::new("(module (func $\"a\\1b[31mb\\nc\" (export \"run\") unreachable))");
    let text = guest.trap("run", &[]).to_string();
    assert!(!text.contains('\u{1b}'), "{text:?}");
    assert_eq!(text.lines().count(), 3, "{text:?}");
}

#[test]
fn frames_are_counted_along_an_indirect_call_and_an_instance() {
    let mut guest = Guest::new(
        r#"(module (table (export "t") 2 funcref) (elem (i32.const 1) $boom)
            (func $boom (param i32) unreachable))"#,
    );
    let mut imports = bailiwick_loader::Imports::new();
    imports.instance("other", guest.instance);
    let artifact = bailiwick_tests::compile::artifact(
        r#"(module (import "other" "t" (table 2 funcref))
            (func $go (export "go") (call_indirect (param i32) (i32.const 5) (i32.const 1))))"#,
    );
    let second = guest.group.instantiate(&artifact, &imports).unwrap();
    let error = second.func(&mut guest.group, "go").unwrap().call(&mut guest.group, &[]).unwrap_err();
    let bailiwick_loader::Error::Trap(trap) = error else { panic!("{error}") };
    assert_eq!(names(&trap), ["boom", "go"]);
}

#[test]
fn a_start_function_that_traps_is_an_error_of_the_instantiation() {
    let mut group = bailiwick_loader::Group::new().unwrap();
    let artifact = bailiwick_tests::compile::artifact("(module (func $begin unreachable) (start $begin))");
    let error = group.instantiate(&artifact, &bailiwick_loader::Imports::new()).unwrap_err();
    let bailiwick_loader::Error::Trap(trap) = error else { panic!("{error}") };
    assert_eq!((trap.code(), names(&trap)), (TrapCode::Unreachable, vec!["begin"]));
}
