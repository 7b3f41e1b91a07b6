//! Each operator that the parser knows, held against the validator: what refuses it is the feature that we say it is of.

use super::{FEATURES, REFUSED, is_uncollected_cast, used, validated};
use bailiwick_runtime_abi::types::WasmFeature;
use std::collections::BTreeMap;
use wasmparser::{
    BlockType, BrTable, FuncValidatorAllocations, HeapType, Ieee32, Ieee64, MemArg, MemArgTarget, Operator, Ordering,
    Parser, RefType, ResumeTable, TryTable, V128, ValType, ValidPayload, Validator, WasmFeatures as Bits,
};

/// Some immediate of its type: which, does not matter to features.
trait Immediate {
    fn some() -> Self;
}

macro_rules! immediates {
    ($($ty:ty = $value:expr;)*) => {$(
        impl Immediate for $ty {
            fn some() -> Self { $value }
        }
    )*};
}

immediates! {
    u8 = 0;
    u32 = 0;
    i32 = 0;
    i64 = 0;
    [u8; 16] = [0; 16];
    Ieee32 = 0f32.into();
    Ieee64 = 0f64.into();
    V128 = 0i128.into();
    ValType = ValType::I32;
    RefType = RefType::FUNCREF;
    Vec<ValType> = vec![ValType::I32];
    BlockType = BlockType::Empty;
    HeapType = HeapType::FUNC;
    Ordering = Ordering::SeqCst;
    MemArg = MemArg { align: 0, max_align: 0, offset: 0, target: MemArgTarget::Memory(0), ordering: None };
    TryTable = TryTable { ty: BlockType::Empty, catches: Vec::new() };
    ResumeTable = ResumeTable { handlers: Vec::new() };
    // Only a reader makes one: of `br_table` without targets but the default.
    BrTable<'static> = match wasmparser::OperatorsReader::new(wasmparser::BinaryReader::new(&[0x0e, 0, 0], 0)).read() {
        Ok(Operator::BrTable { targets }) => targets,
        other => panic!("{other:?}"),
    };
}

macro_rules! all {
    ($( @$proposal:ident $op:ident $({ $($field:ident: $ty:ty),* $(,)? })? => $visit:ident ($($annotation:tt)*))*) => {
        /// Each operator, with the proposal that it came with.
        fn operators() -> Vec<(&'static str, Operator<'static>)> {
            vec![$((stringify!($proposal), Operator::$op $({ $($field: Immediate::some()),* })?)),*]
        }
    };
}
wasmparser::for_each_operator!(all);

/// What the validator lacks for an operator, if it has these features.
fn missing(features: Bits, operator: &Operator<'_>) -> Option<Bits> {
    // One function, of no parameters and no results.
    let wasm = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x04\x01\x02\0\x0b";
    let mut validator = Validator::new_with_features(features);
    for payload in Parser::new(0).parse_all(wasm) {
        if let ValidPayload::Func(function, _) = validator.payload(&payload.unwrap()).unwrap() {
            let mut function = function.into_validator(FuncValidatorAllocations::default());
            return function.op(1, operator).err().and_then(|error| error.missing_wasm_feature());
        }
    }
    unreachable!("the module has a function")
}

#[test]
fn every_operator_is_of_the_feature_without_which_it_is_refused() {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for (proposal, operator) in operators() {
        let name = match used(&operator) {
            Ok(None) => {
                assert_eq!(missing(Bits::FLOATS, &operator), None, "{operator:?}");
                "mvp"
            }
            // What needs no collector of it.
            Ok(Some(WasmFeature::FunctionReferences)) if proposal == "gc" => {
                assert!(is_uncollected_cast(&operator), "{operator:?}");
                assert_eq!(missing(FEATURES - Bits::GC, &operator), Some(Bits::GC), "{operator:?}");
                "casts"
            }
            Ok(Some(feature)) => {
                assert_eq!(missing(FEATURES, &operator), None, "{operator:?}");
                let bits = missing(FEATURES - validated(feature), &operator);
                assert!(
                    bits.is_some_and(|bits| validated(feature).contains(bits)),
                    "{operator:?}: {feature:?}, {bits:?}"
                );
                feature.name()
            }
            // The validator knows them, since types are declared by that proposal: they are refused by us.
            Err("gc") => {
                assert_eq!(missing(FEATURES - Bits::GC, &operator), Some(Bits::GC), "{operator:?}");
                "gc"
            }
            Err(refused) => {
                assert_eq!(refused, proposal);
                let bits = missing(FEATURES, &operator);
                let known = |bits| REFUSED.iter().any(|&(refused, ..)| refused == bits);
                assert!(bits.is_some_and(known), "{operator:?}: {bits:?}");
                "refused"
            }
        };
        *counts.entry(name).or_default() += 1;
    }
    // A parser that knows more must be looked at.
    let compiled = |feature: &WasmFeature| counts.get(feature.name()).copied().unwrap_or_default();
    assert_eq!(counts.values().sum::<u32>() as usize, operators().len());
    let with_operators = WasmFeature::ALL.iter().filter(|feature| compiled(feature) > 0).count();
    assert_eq!((counts["mvp"], counts["casts"], with_operators), (172, 6, 12), "{counts:?}");
}
