//! Every atomic operator: what it computes, and where it traps.

use crate::common::Random;
use bailiwick_loader::{Error, TrapCode, Val};
use bailiwick_runtime_abi::limits::GUARD_SIZE;
use bailiwick_tests::guest::Guest;
use std::fmt::Write;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Load,
    Store,
    Add,
    Sub,
    And,
    Or,
    Xor,
    Xchg,
    Cmpxchg,
    Wait,
    Notify,
}

#[derive(Clone, Debug)]
struct Operator {
    name: String,
    kind: Kind,
    /// Of its operands and its result, but for the index.
    ty: &'static str,
    /// Bytes in memory.
    width: u64,
}

fn operators() -> Vec<Operator> {
    let mut all = Vec::new();
    for (ty, widths) in [("i32", &[4, 1, 2][..]), ("i64", &[8, 1, 2, 4])] {
        for (i, &width) in widths.iter().enumerate() {
            let bits = if i == 0 { String::new() } else { (width * 8).to_string() };
            let sign = if i == 0 { "" } else { "_u" };
            let mut add = |name: String, kind| all.push(Operator { name, kind, ty, width });
            add(format!("{ty}.atomic.load{bits}{sign}"), Kind::Load);
            add(format!("{ty}.atomic.store{bits}"), Kind::Store);
            for (name, kind) in [
                ("add", Kind::Add),
                ("sub", Kind::Sub),
                ("and", Kind::And),
                ("or", Kind::Or),
                ("xor", Kind::Xor),
                ("xchg", Kind::Xchg),
                ("cmpxchg", Kind::Cmpxchg),
            ] {
                add(format!("{ty}.atomic.rmw{bits}.{name}{sign}"), kind);
            }
        }
    }
    assert_eq!(all.len(), 63);
    all
}

/// The same, with those that wait and notify.
fn operators_and_queues() -> Vec<Operator> {
    let mut all = operators();
    let mut add = |name: &str, kind, ty, width| all.push(Operator { name: name.into(), kind, ty, width });
    add("memory.atomic.wait32", Kind::Wait, "i32", 4);
    add("memory.atomic.wait64", Kind::Wait, "i64", 8);
    add("memory.atomic.notify", Kind::Notify, "i32", 4);
    all
}

/// A function of an index and two operands, which drops what it does not need.
fn function(wat: &mut String, operator: &Operator, offset: u64) {
    let Operator { name, kind, ty, .. } = operator;
    let at = format!("({name} offset={offset} (local.get 0)");
    let body = match kind {
        Kind::Load => format!("{at})"),
        Kind::Store => format!("{at} (local.get 1)) ({ty}.const 0)"),
        Kind::Cmpxchg => format!("{at} (local.get 1) (local.get 2))"),
        Kind::Wait if *ty == "i64" => format!("(i64.extend_i32_u {at} (local.get 1) (i64.const 0)))"),
        Kind::Wait => format!("{at} (local.get 1) (i64.const 0))"),
        _ => format!("{at} (local.get 1))"),
    };
    let _ = writeln!(wat, "(func (export \"{name} {offset}\") (param i32 {ty} {ty}) (result {ty}) {body})");
}

fn call(guest: &mut Guest, operator: &Operator, offset: u64, index: u32, a: u64, b: u64) -> Result<u64, Error> {
    let value = |v: u64| if operator.ty == "i32" { Val::I32(v as i32) } else { Val::I64(v as i64) };
    let results = guest.call(&format!("{} {offset}", operator.name), &[Val::I32(index as i32), value(a), value(b)])?;
    Ok(match results[..] {
        [Val::I32(v)] => u64::from(v as u32),
        [Val::I64(v)] => v as u64,
        _ => panic!("{results:?}"),
    })
}

/// What an operator leaves in memory, of the width of its access.
fn model(kind: Kind, old: u64, a: u64, b: u64, mask: u64) -> u64 {
    let new = match kind {
        Kind::Load | Kind::Wait | Kind::Notify => old,
        Kind::Store | Kind::Xchg => a,
        Kind::Add => old.wrapping_add(a),
        Kind::Sub => old.wrapping_sub(a),
        Kind::And => old & a,
        Kind::Or => old | a,
        Kind::Xor => old ^ a,
        // What is compared is wrapped first.
        Kind::Cmpxchg if old == a & mask => b,
        Kind::Cmpxchg => old,
    };
    new & mask
}

#[test]
fn operators_compute_what_the_model_does_and_touch_nothing_beside() {
    for declaration in ["(memory 1)", "(memory 1 1 shared)"] {
        let mut wat = format!("(module {declaration}");
        wat += "(func (export \"get\") (param i32) (result i64) (i64.load (local.get 0)))";
        wat += "(func (export \"set\") (param i32 i64) (i64.store (local.get 0) (local.get 1)))";
        operators().iter().for_each(|operator| function(&mut wat, operator, 8));
        let mut guest = Guest::new(&(wat + ")"));
        let mut random = Random::new(7);
        for operator in operators() {
            let mask = u64::MAX >> (64 - 8 * operator.width);
            for _ in 0..50 {
                let index = (random.below(8) as u64 / operator.width * operator.width) as u32;
                let before = [random.next(), random.next()];
                for (i, word) in before.iter().enumerate() {
                    guest.call("set", &[Val::I32(8 + 8 * i as i32), Val::I64(*word as i64)]).unwrap();
                }
                let shift = 8 * index;
                let old = before[0] >> shift & mask;
                // As often equal as not, and with bits beyond the width.
                let a = if random.below(2) == 0 { old | random.next() & !mask } else { random.next() };
                let b = random.next();
                let result = call(&mut guest, &operator, 8, index, a, b).unwrap();
                let what = format!("{declaration} {} at {index}, {old:x} {a:x} {b:x}", operator.name);
                assert_eq!(result, if operator.kind == Kind::Store { 0 } else { old }, "{what}");
                let kept = before[0] & !(mask << shift);
                let after = [kept | model(operator.kind, old, a, b, mask) << shift, before[1]];
                for (i, word) in after.iter().enumerate() {
                    let found = guest.call("get", &[Val::I32(8 + 8 * i as i32)]).unwrap();
                    assert_eq!(found, [Val::I64(*word as i64)], "{what}");
                }
            }
        }
    }
}

/// Around every bound that the compiler or the loader might get wrong.
const OFFSETS: &[u64] = &[
    0,
    1,
    2,
    4,
    8,
    65_528,
    65_535,
    65_536,
    GUARD_SIZE - 8,
    GUARD_SIZE - 4,
    GUARD_SIZE - 1,
    GUARD_SIZE,
    GUARD_SIZE + 1,
    (1 << 31) - 1,
    1 << 31,
    0xffff_fff8,
    0xffff_ffff,
];

const INDICES: &[u32] = &[
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    65_520,
    65_527,
    65_528,
    65_529,
    65_532,
    65_533,
    65_534,
    65_535,
    65_536,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff0,
    0xffff_fff8,
    0xffff_ffff,
];

#[test]
fn an_access_out_of_bounds_traps_else_one_that_is_not_aligned_does() {
    for (declaration, size) in
        [("(memory 1 1 shared)", 1u64 << 16), ("(memory 1)", 1 << 16), ("(memory 0 1 shared)", 0)]
    {
        let mut wat = format!("(module {declaration}");
        for operator in operators_and_queues() {
            OFFSETS.iter().for_each(|&offset| function(&mut wat, &operator, offset));
        }
        let mut guest = Guest::new(&(wat + ")"));
        for operator in operators_and_queues() {
            for &offset in OFFSETS {
                for &index in INDICES {
                    let address = u64::from(index) + offset;
                    let expected = if address + operator.width > size {
                        Some(TrapCode::MemoryOutOfBounds)
                    } else if address % operator.width != 0 {
                        Some(TrapCode::HeapMisaligned)
                    } else if operator.kind == Kind::Wait && !declaration.contains("shared") {
                        Some(TrapCode::ExpectedShared)
                    } else {
                        None
                    };
                    let result = call(&mut guest, &operator, offset, index, 1, 1);
                    let found = result.as_ref().err().and_then(Error::trap_code);
                    let what = format!("{declaration} {} offset={offset} at {index}", operator.name);
                    assert!(found == expected && result.is_err() == expected.is_some(), "{what}: {result:?}");
                }
            }
        }
    }
}

#[test]
fn a_fence_and_an_atomic_keep_plain_accesses_where_they_are() {
    // Each store would be seen by the load behind it, were it not forwarded; none may be dropped for the one behind a fence.
    let mut guest = Guest::new(
        "(module (memory 1 1 shared)
           (func (export \"run\") (result i32)
             (i32.store (i32.const 0) (i32.const 1)) (atomic.fence)
             (i32.store (i32.const 0) (i32.const 2)) (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 40)))
             (i32.load (i32.const 0))))",
    );
    assert_eq!(guest.i32("run"), 42);
}

#[test]
fn what_is_compared_may_be_the_lower_half_of_something() {
    // Cranelift's loop for aarch64 without LSE compares whole registers.
    let mut guest = Guest::new(
        "(module (memory 1)
           (func (export \"run\") (param i64) (result i32)
             (drop (i32.atomic.rmw.cmpxchg (i32.const 8) (i32.wrap_i64 (local.get 0)) (i32.const 42)))
             (i32.load (i32.const 8))))",
    );
    assert_eq!(guest.call("run", &[Val::I64(0x1234_5678_0000_0000)]).unwrap(), [Val::I32(42)]);
}
