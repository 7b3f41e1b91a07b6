//! Accesses at the end of a memory: they trap exactly if a byte lies outside, whatever instruction makes the access, and
//! whatever that could read besides.

use crate::operators::{FAMILIES, FLOATS, Family, LOADS, STORES, load};
use crate::{Guest, ways};
use bailiwick_loader::{Error, TrapCode, Val};
use std::collections::HashMap;
use std::fmt::Write;

const PAGE: u32 = 1 << 16;

/// A byte of memory. Four or eight side by side are a float that is no NaN, and of which no operation is one.
fn byte(i: u32) -> u8 {
    [0x40, 0x3f, 0xc1, 0x40, 0x42, 0x3f, 0xc0, 0x41, 0x40, 0xbf, 0x42][(i % 11) as usize]
}

/// An operand that is not loaded.
fn other(ty: &str) -> &'static str {
    match ty {
        "i32" => "(i32.const 0x40)",
        "i64" => "(i64.const 0x4041404140414041)",
        "f32" => "(f32.const 3)",
        "f64" => "(f64.const -5)",
        _ => "(v128.const i8x16 64 63 66 1 64 63 64 2 64 64 64 3 65 65 66 65)",
    }
}

/// An operator of which one operand is loaded.
struct Case {
    /// The function that loads and computes.
    name: String,
    /// The function that computes with what it is given.
    apart: String,
    /// The function that only loads.
    load: usize,
    /// How many bytes that reads.
    size: u32,
}

/// Functions for each operator, each of its operands, and each load of its type.
fn module(families: &[Family]) -> (String, Vec<Case>) {
    let (mut wat, mut cases) = (String::from("(module (memory (export \"memory\") 1)"), Vec::new());
    for (i, (ty, _, operator)) in LOADS.iter().enumerate() {
        let text = load(operator, "", "(local.get 0)");
        let _ = write!(wat, "(func (export \"load {i}\") (param i32) (result {ty}) {text})");
    }
    for (f, family) in families.iter().enumerate() {
        for (o, text) in family.texts().enumerate() {
            for (position, &ty) in family.operands.iter().enumerate() {
                let call = |operand: &str| {
                    let with = |(i, &ty)| if i == position { operand.to_owned() } else { other(ty).to_owned() };
                    let operands: Vec<String> = family.operands.iter().enumerate().map(with).collect();
                    format!("(result {}) ({text} {}))", family.result, operands.join(" "))
                };
                let apart = format!("apart {f} {o} {position}");
                let _ = write!(wat, "(func (export \"{apart}\") (param {ty}) {}", call("(local.get 0)"));
                for (i, &(loaded, size, operator)) in LOADS.iter().enumerate() {
                    if loaded != ty {
                        continue;
                    }
                    let name = format!("{f} {o} {position} {i}");
                    let text = call(&load(operator, "", "(local.get 0)"));
                    let _ = write!(wat, "(func (export \"{name}\") (param i32) {text}");
                    cases.push(Case { name, apart: apart.clone(), load: i, size });
                }
            }
        }
    }
    (wat + ")", cases)
}

fn fill(guest: &mut Guest) {
    let memory = guest.instance.memory(&mut guest.group, "memory").unwrap();
    memory.bytes(&mut guest.group).unwrap().iter_mut().zip(0..).for_each(|(to, i)| *to = byte(i));
}

fn outside<T: std::fmt::Debug>(result: Result<T, Error>) -> bool {
    result.is_err_and(|error| error.trap_code() == Some(TrapCode::MemoryOutOfBounds))
}

fn check(families: &[Family]) {
    let (wat, cases) = module(families);
    let wasm = bailiwick_tests::compile::binary(&wat);
    for way in ways() {
        let mut guest = Guest::of(&wasm, way);
        fill(&mut guest);
        let mut loaded: HashMap<(usize, u32), Val> = HashMap::new();
        for case in &cases {
            let function = guest.func(&case.name);
            let apart = guest.func(&case.apart);
            for at in PAGE - 16..PAGE {
                let found = function.call(&mut guest.group, &[Val::I32(at as i32)]);
                if at + case.size > PAGE {
                    assert!(outside(found), "{} at {at:#x}, {way:?}", case.name);
                    continue;
                }
                let operand = *loaded
                    .entry((case.load, at))
                    .or_insert_with(|| guest.call(&format!("load {}", case.load), &[Val::I32(at as i32)]).unwrap()[0]);
                let guest = &mut guest.group;
                let found = found.unwrap_or_else(|e| panic!("{} at {at:#x}, {way:?}: {e}", case.name));
                let expected = apart.call(guest, &[operand]).unwrap();
                assert_eq!(found, expected, "{} of {operand} at {at:#x}, {way:?}", case.name);
            }
        }
    }
}

#[test]
fn an_operator_on_a_loaded_vector_reads_what_the_load_says() {
    check(FAMILIES);
}

#[test]
fn an_operator_on_a_loaded_float_reads_what_the_load_says() {
    check(FLOATS);
}

#[test]
fn what_is_loaded_is_what_memory_holds() {
    let (wat, _) = module(&[]);
    let bytes = |at: u32, size: u32| (0..size).rev().fold(0u128, |bits, i| bits << 8 | u128::from(byte(at + i)));
    for way in ways() {
        let mut guest = Guest::new(&wat, way);
        fill(&mut guest);
        for (i, &(ty, size, operator)) in LOADS.iter().enumerate().filter(|(_, load)| load.0 == "v128") {
            for at in PAGE - 16..=PAGE - size {
                let read = bytes(at, size);
                let widened = |bits: u32| {
                    let sign = 1 << (bits - 1);
                    let lane = |i| (read >> (i * bits)) & ((1 << bits) - 1);
                    let extend = |lane| match operator.contains("_s ") && lane & sign != 0 {
                        true => lane | ((1 << bits) - 1) << bits,
                        false => lane,
                    };
                    (0..64 / bits).map(|i| extend(lane(i)) << (2 * bits * i)).sum::<u128>()
                };
                let vector: u128 = 0x40404040_41414141_3f3f3f3f_40404040;
                let lane = |shift: u32, bits: u32| vector & !((u128::MAX >> (128 - bits)) << shift) | read << shift;
                let expected = match operator.split(' ').next().unwrap() {
                    "v128.load" | "v128.load32_zero" | "v128.load64_zero" => read,
                    "v128.load8x8_s" | "v128.load8x8_u" => widened(8),
                    "v128.load16x4_s" | "v128.load16x4_u" => widened(16),
                    "v128.load32x2_s" | "v128.load32x2_u" => widened(32),
                    "v128.load8_lane" => lane(3 * 8, 8),
                    "v128.load16_lane" => lane(7 * 16, 16),
                    "v128.load32_lane" => lane(0, 32),
                    "v128.load64_lane" => lane(64, 64),
                    _ => (0..16 / size).map(|i| read << (8 * size * i)).sum(),
                };
                let found = guest.vector(&format!("load {i}"), &[Val::I32(at as i32)]);
                assert_eq!(found, expected, "{ty} {operator} at {at:#x}, {way:?}");
            }
        }
    }
}

#[test]
fn a_store_that_traps_has_written_nothing() {
    let mut wat = String::from("(module (memory (export \"memory\") 1)");
    for (i, (_, operator)) in STORES.iter().enumerate() {
        let text = operator.replace('%', "");
        let _ = write!(wat, "(func (export \"{i}\") (param i32 v128) ({text} (local.get 0) (local.get 1)))");
    }
    wat += ")";
    let value: u128 = 0x0f0e0d0c_0b0a0908_07060504_03020100;
    for way in ways() {
        let mut guest = Guest::new(&wat, way);
        for (i, &(size, operator)) in STORES.iter().enumerate() {
            for at in PAGE - 16..PAGE {
                fill(&mut guest);
                let done = guest.call(&i.to_string(), &[Val::I32(at as i32), Val::V128(value)]);
                let lane: u32 = operator.rsplit(' ').next().unwrap().parse().unwrap_or(0);
                let from = (lane * size) as usize;
                let mut expected: Vec<u8> = (PAGE - 32..PAGE).map(byte).collect();
                if at + size > PAGE {
                    assert!(outside(done), "{operator} at {at:#x}");
                } else {
                    done.unwrap();
                    expected[(at - (PAGE - 32)) as usize..][..size as usize]
                        .copy_from_slice(&value.to_le_bytes()[from..][..size as usize]);
                }
                let memory = guest.instance.memory(&mut guest.group, "memory").unwrap();
                let bytes = &memory.bytes(&mut guest.group).unwrap()[PAGE as usize - 32..];
                // An aarch64 processor may write a part of an unaligned store that faults (Arm ARM B2.2.1): those bytes that
                // are within the memory, and no others.
                let torn = cfg!(target_arch = "aarch64") && at + size > PAGE;
                let within = (at - (PAGE - 32)) as usize..32;
                for (i, (&found, &old)) in bytes.iter().zip(&expected).enumerate() {
                    let new = torn && within.contains(&i) && found == value.to_le_bytes()[from + i - within.start];
                    assert!(found == old || new, "byte {i}: {operator} at {at:#x}, {way:?}");
                }
            }
        }
    }
}

/// Every access of vectors, with this memory and this constant offset.
fn accesses(memory: &str, offset: u32) -> String {
    let offset = format!("offset={offset:#x}");
    let mut wat = format!("(module {memory}");
    for (i, (ty, _, operator)) in LOADS.iter().enumerate() {
        let text = load(operator, &offset, "(local.get 0)");
        let _ = write!(wat, "(func (export \"load {i}\") (param i32) (result {ty}) {text})");
    }
    for (i, (_, operator)) in STORES.iter().enumerate() {
        let (text, value) = (operator.replace('%', &offset), other("v128"));
        let _ = write!(wat, "(func (export \"store {i}\") (param i32) ({text} (local.get 0) {value}))");
    }
    wat + ")"
}

fn sizes() -> impl Iterator<Item = (String, u32)> {
    let loads = LOADS.iter().enumerate().map(|(i, load)| (format!("load {i}"), load.1));
    loads.chain(STORES.iter().enumerate().map(|(i, store)| (format!("store {i}"), store.0)))
}

#[test]
fn memories_that_end_inside_of_a_hosts_page_end_there() {
    // There no guard stops what goes beyond: each width is compared with the length.
    const LENGTH: u32 = 65_531;
    for index64 in [false, true] {
        for offset in [0, 5] {
            let memory = format!("(memory {}{LENGTH} (pagesize 1))", if index64 { "i64 " } else { "" });
            let index = if index64 { "(param i64" } else { "(param i32" };
            let wat = accesses(&memory, offset).replace("(param i32", index);
            for way in ways() {
                let mut guest = Guest::new(&wat, way);
                for (name, size) in sizes() {
                    for at in LENGTH - 17..LENGTH + 2 {
                        let index = at - offset;
                        let argument = if index64 { Val::I64(index.into()) } else { Val::I32(index as i32) };
                        let done = guest.call(&name, &[argument]);
                        match at + size > LENGTH {
                            true => assert!(outside(done), "{memory} {name} at {at} with {offset}, {way:?}"),
                            false => assert!(done.is_ok(), "{memory} {name} at {at} with {offset}, {way:?}"),
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn offsets_up_to_four_gigabytes_are_outside_of_a_small_memory() {
    // Around the width of the guard, at 2 GiB, and up to the end.
    for offset in [0x7dff_ffef, 0x7dff_fff0, 0x7e00_0000, 0x7fff_fff0, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, u32::MAX]
    {
        for way in ways() {
            let mut guest = Guest::new(&accesses("(memory 1)", offset), way);
            for (name, _) in sizes() {
                for index in [0, 1, PAGE - 1, 0x7fff_ffff, 0x8000_0000, u32::MAX - 15, u32::MAX] {
                    let done = guest.call(&name, &[Val::I32(index as i32)]);
                    assert!(outside(done), "{name} at {index:#x} + {offset:#x}, {way:?}");
                }
            }
        }
    }
}

#[test]
fn offsets_up_to_four_gigabytes_reach_a_memory_of_four_gigabytes() {
    let end = 1u64 << 32;
    for offset in [0x7dff_fff0, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0] {
        for way in ways() {
            let mut guest = Guest::new(&accesses("(memory 65536)", offset), way);
            for (name, size) in sizes() {
                // Few pages of the memory are touched: the last, and one that the offset points to.
                for index in end - u64::from(offset) - 16..end - u64::from(offset) {
                    let done = guest.call(&name, &[Val::I32(index as u32 as i32)]);
                    let within = index + u64::from(offset) + u64::from(size) <= end;
                    assert_eq!(done.is_ok(), within, "{name} at {index:#x} + {offset:#x}, {way:?}");
                }
                assert!(outside(guest.call(&name, &[Val::I32(-1)])), "{name} at -1 + {offset:#x}, {way:?}");
            }
        }
    }
}
