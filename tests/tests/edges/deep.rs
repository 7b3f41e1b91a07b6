//! Types as deep and as wide as there are.

use super::case::Case;
use super::generate::Signature;
use super::model::{Ty, Value};
use super::oracle;

/// Types below each other, besides the innermost.
const DEPTH: usize = 62;

/// Passes a value, gets it back, and says what was seen.
fn round_trip(ty: &Ty, value: &Value) -> Vec<String> {
    let signature = Signature { params: vec![ty.clone()], result: Some(ty.clone()) };
    let case = Case::honest(signature, std::slice::from_ref(value), Some(value));
    // No driver: the caller is the root.
    let [caller, _] = case.modules();
    oracle::check(&case, &case.application(&caller).both())
}

#[track_caller]
fn carries(ty: &Ty, value: &Value) {
    let seen = round_trip(ty, value);
    assert_eq!(seen, ["ended well", "parameters as they should be", "result as it should be"]);
}

fn nested(around: impl Fn(Ty, Value) -> (Ty, Value)) -> (Ty, Value) {
    (0..DEPTH).fold((Ty::String, Value::String("at the bottom".into())), |(ty, value), _| around(ty, value))
}

#[test]
fn lists_options_and_tuples_sixty_four_deep() {
    let some = |value: Value| Value::Case(1, Some(Box::new(value)));
    for (ty, value) in [
        nested(|ty, value| (Ty::List(Box::new(ty)), Value::List(vec![value]))),
        nested(|ty, value| (Ty::Option(Box::new(ty)), some(value))),
        nested(|ty, value| (Ty::Tuple(vec![ty]), Value::Fields(vec![value]))),
        nested(|ty, value| (Ty::Result(None, Some(Box::new(ty))), some(value))),
        nested(|ty, value| {
            let fields = vec![Ty::Int(8, false), ty, Ty::Int(64, true)];
            (Ty::Record(fields), Value::Fields(vec![Value::Int(7), value, Value::Int(-7)]))
        }),
    ] {
        carries(&ty, &value);
    }
}

#[test]
fn records_and_variants_with_more_parts_than_compiled_code_is_made_for() {
    for parts in [300, 990, 1100] {
        let fields = vec![Ty::Int(16, false); parts];
        let values = (0..parts).map(|i| Value::Int(i as i128)).collect();
        carries(&Ty::List(Box::new(Ty::Record(fields))), &Value::List(vec![Value::Fields(values)]));
        let cases = (0..parts).map(|i| Some(if i % 2 == 0 { Ty::Char } else { Ty::Bool })).collect();
        carries(&Ty::Variant(cases), &Value::Case(parts - 1, Some(Box::new(Value::Bool(true)))));
    }
}

#[test]
fn plain_parts_of_more_bytes_than_are_moved_one_by_one() {
    for (count, bits) in [(8, 64), (9, 64), (64, 8), (65, 8), (33, 16), (500, 8)] {
        let plain = Ty::Tuple(vec![Ty::Int(bits, false); count]);
        let part = Ty::Record(vec![Ty::Bool, plain]);
        let value = |from: usize| {
            let numbers = (0..count).map(|i| Value::Int((i + from) as i128 % 251)).collect();
            Value::Fields(vec![Value::Bool(true), Value::Fields(numbers)])
        };
        carries(&part, &value(0));
        carries(&Ty::List(Box::new(part)), &Value::List(vec![value(1), value(2), value(3)]));
    }
}
