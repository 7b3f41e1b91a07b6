//! Values of scripts: what is passed, and what is expected.

use super::machine::Stop;
use bailiwick_loader::{Group, Val};
use bailiwick_runtime_abi::types::Hierarchy;
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};
use wast::{WastArg, WastRet};

/// An argument as a value. A host reference `n` is the host's number `n`.
pub(super) fn argument(group: &mut Group, argument: &WastArg<'_>) -> Result<Val, Stop> {
    let WastArg::Core(argument) = argument else { return Err(Stop::skip("a component's value")) };
    Ok(match argument {
        WastArgCore::I32(v) => Val::I32(*v),
        WastArgCore::I64(v) => Val::I64(*v),
        WastArgCore::F32(v) => Val::F32(v.bits),
        WastArgCore::F64(v) => Val::F64(v.bits),
        WastArgCore::V128(v) => Val::V128(u128::from_le_bytes(v.to_le_bytes())),
        WastArgCore::RefNull(HeapType::Abstract { ty, .. }) => match hierarchy(*ty) {
            Some(Hierarchy::Func) => Val::FuncRef(None),
            Some(Hierarchy::Extern) => Val::ExternRef(None),
            Some(Hierarchy::Exn) => Val::ExnRef(None),
            Some(Hierarchy::Any) => Val::NullAny,
            None => return Err(Stop::skip(format!("an argument {argument:?}"))),
        },
        WastArgCore::RefExtern(n) => Val::ExternRef(Some(group.extern_ref(*n).map_err(|e| Stop::fail(e.to_string()))?)),
        other => return Err(Stop::skip(format!("an argument {other:?}"))),
    })
}

/// Whether a result is what is expected; if not, what is expected in words.
pub(super) fn matches(group: &Group, expected: &WastRet<'_>, found: &Val) -> Result<bool, Stop> {
    match expected {
        WastRet::Core(expected) => core_matches(group, expected, found),
        _ => Err(Stop::skip("a component's value")),
    }
}

fn is_null(value: &Val) -> bool {
    matches!(value, Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) | Val::NullAny)
}

/// Which kind of references those to a type are of.
fn hierarchy(ty: AbstractHeapType) -> Option<Hierarchy> {
    use AbstractHeapType::*;
    Some(match ty {
        Func | NoFunc => Hierarchy::Func,
        Extern | NoExtern => Hierarchy::Extern,
        Exn | NoExn => Hierarchy::Exn,
        Any | Eq | I31 | Struct | Array | None => Hierarchy::Any,
        _ => return Option::None,
    })
}

fn core_matches(group: &Group, expected: &WastRetCore<'_>, found: &Val) -> Result<bool, Stop> {
    Ok(match (expected, found) {
        (WastRetCore::I32(e), Val::I32(v)) => e == v,
        (WastRetCore::I64(e), Val::I64(v)) => e == v,
        (WastRetCore::F32(e), Val::F32(bits)) => f32_matches(e, *bits),
        (WastRetCore::F64(e), Val::F64(bits)) => f64_matches(e, *bits),
        (WastRetCore::V128(e), Val::V128(bits)) => vector_matches(e, *bits),
        (WastRetCore::RefNull(None), found) => is_null(found),
        // There is one null of a kind, whatever is said of its type.
        (WastRetCore::RefNull(Some(HeapType::Abstract { ty, .. })), found) => {
            is_null(found) && found.ty().hierarchy() == hierarchy(*ty)
        }
        (WastRetCore::RefExtern(None), Val::ExternRef(v)) => v.is_some(),
        (WastRetCore::RefExtern(Some(n)), Val::ExternRef(Some(reference))) => {
            group.extern_value(*reference).and_then(|value| value.downcast_ref::<u32>()) == Some(n)
        }
        (WastRetCore::RefFunc(None), Val::FuncRef(v)) => v.is_some(),
        (WastRetCore::Either(cases), _) => {
            for case in cases {
                if core_matches(group, case, found)? {
                    return Ok(true);
                }
            }
            false
        }
        _ => false,
    })
}

fn f32_matches(expected: &NanPattern<F32>, bits: u32) -> bool {
    match expected {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
        NanPattern::Value(value) => value.bits == bits,
    }
}

fn f64_matches(expected: &NanPattern<F64>, bits: u64) -> bool {
    match expected {
        NanPattern::CanonicalNan => bits & (u64::MAX >> 1) == 0x7ff8_0000_0000_0000,
        NanPattern::ArithmeticNan => bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
        NanPattern::Value(value) => value.bits == bits,
    }
}

/// Whether each lane of a vector is what is expected of it. The first lane is in the lowest bits.
fn vector_matches(expected: &V128Pattern, bits: u128) -> bool {
    fn lane<const BITS: u32>(bits: u128, i: usize) -> u64 {
        (bits >> (i as u32 * BITS)) as u64 & (u64::MAX >> (64 - BITS))
    }
    match expected {
        V128Pattern::I8x16(lanes) => (0..).zip(lanes).all(|(i, &e)| e == lane::<8>(bits, i) as i8),
        V128Pattern::I16x8(lanes) => (0..).zip(lanes).all(|(i, &e)| e == lane::<16>(bits, i) as i16),
        V128Pattern::I32x4(lanes) => (0..).zip(lanes).all(|(i, &e)| e == lane::<32>(bits, i) as i32),
        V128Pattern::I64x2(lanes) => (0..).zip(lanes).all(|(i, &e)| e == lane::<64>(bits, i) as i64),
        V128Pattern::F32x4(lanes) => (0..).zip(lanes).all(|(i, e)| f32_matches(e, lane::<32>(bits, i) as u32)),
        V128Pattern::F64x2(lanes) => (0..).zip(lanes).all(|(i, e)| f64_matches(e, lane::<64>(bits, i))),
    }
}

/// Results for a report: floats with their bits.
pub(super) fn show(values: &[Val]) -> String {
    let values: Vec<String> = values
        .iter()
        .map(|value| match value {
            Val::F32(bits) => format!("f32 {value} ({bits:#010x})"),
            Val::F64(bits) => format!("f64 {value} ({bits:#018x})"),
            _ => format!("{} {value}", value.ty()),
        })
        .collect();
    format!("[{}]", values.join(", "))
}
