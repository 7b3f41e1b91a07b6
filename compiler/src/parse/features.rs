//! Which parts of the language are compiled, which of them a module uses, and the refusal of all others by name.

use super::decode::{Malformed, decode};
use crate::error::{CompileError, Result};
use bailiwick_runtime_abi::types::WasmFeature;
use std::fmt;
use std::str::FromStr;
use wasmparser::{BlockType, Operator, Validator, WasmFeatures as Bits};

/// All that the validator and the reader of operators are asked to know. Operators of garbage collection are refused
/// by [`used`]: its types are a part of how function types are the same.
pub(crate) const FEATURES: Bits = WasmFeatures::ALL.bits_of_validator();

/// Those of which no operator is compiled yet.
pub(crate) const NOT_YET: &[WasmFeature] = &[
    WasmFeature::Gc,
    // Each goes as it is built.
];

/// Which parts of the language a module may use. [`WasmFeatures::default`] is all that are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WasmFeatures(u64);

impl WasmFeatures {
    /// All that are compiled.
    pub const ALL: WasmFeatures = {
        let mut bits = 0;
        let mut i = 0;
        while i < WasmFeature::ALL.len() {
            bits |= WasmFeature::ALL[i].bit();
            i += 1;
        }
        WasmFeatures(bits & !WasmFeature::Gc.bit())
    };

    /// Whether a module may use it.
    pub const fn has(self, feature: WasmFeature) -> bool {
        self.0 & feature.bit() != 0
    }

    /// The same without it.
    pub const fn without(self, feature: WasmFeature) -> WasmFeatures {
        WasmFeatures(self.0 & !feature.bit())
    }

    const fn bits_of_validator(self) -> Bits {
        let mut bits = Bits::FLOATS.union(Bits::GC_TYPES);
        let mut i = 0;
        while i < WasmFeature::ALL.len() {
            let feature = WasmFeature::ALL[i];
            if self.has(feature) {
                bits = bits.union(validated(feature));
            }
            i += 1;
        }
        // Recursion groups and supertypes of function types are declared by that proposal.
        if self.has(WasmFeature::FunctionReferences) {
            bits = bits.union(Bits::GC);
        }
        bits
    }

    /// What the validator is to accept.
    pub(crate) fn validator(self) -> Bits {
        self.bits_of_validator()
    }
}

impl Default for WasmFeatures {
    fn default() -> Self {
        WasmFeatures::ALL
    }
}

impl FromStr for WasmFeatures {
    type Err = CompileError;

    /// `all` or `mvp`, and names with `+` or `-` in front: `all,-threads`.
    fn from_str(text: &str) -> Result<WasmFeatures> {
        let mut features = WasmFeatures::ALL;
        for (i, word) in text.split(',').map(str::trim).enumerate() {
            let wrong = |what: &str| {
                let names: Vec<&str> = WasmFeature::ALL.iter().map(|feature| feature.name()).collect();
                let message =
                    format!("{what} in {text:?}; write all or mvp, then NAME or -NAME of {}", names.join(", "));
                CompileError::Options { message }
            };
            match (i, word) {
                (0, "all") => continue,
                (0, "mvp") => {
                    features = WasmFeatures(0);
                    continue;
                }
                _ => {}
            }
            let (on, name) = match word.strip_prefix('-') {
                Some(name) => (false, name),
                None => (true, word.strip_prefix('+').unwrap_or(word)),
            };
            let feature = WasmFeature::ALL.iter().copied().find(|feature| feature.name() == name);
            let feature = feature.ok_or_else(|| wrong(&format!("there is no feature {name:?}")))?;
            if on && feature == WasmFeature::Gc {
                return Err(wrong("gc is not supported yet"));
            }
            if on {
                features.0 |= feature.bit();
            } else {
                features.0 &= !feature.bit();
            }
        }
        Ok(features)
    }
}

/// `all`, and what it lacks.
impl fmt::Display for WasmFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all")?;
        for feature in WasmFeature::ALL.iter().filter(|&&feature| WasmFeatures::ALL.has(feature) && !self.has(feature))
        {
            write!(f, ",-{}", feature.name())?;
        }
        Ok(())
    }
}

/// The validator's name of a feature.
const fn validated(feature: WasmFeature) -> Bits {
    match feature {
        WasmFeature::MutableGlobal => Bits::MUTABLE_GLOBAL,
        WasmFeature::SignExtension => Bits::SIGN_EXTENSION,
        WasmFeature::SaturatingConversions => Bits::SATURATING_FLOAT_TO_INT,
        WasmFeature::MultiValue => Bits::MULTI_VALUE,
        WasmFeature::BulkMemory => Bits::BULK_MEMORY,
        WasmFeature::ReferenceTypes => Bits::REFERENCE_TYPES,
        WasmFeature::ExtendedConst => Bits::EXTENDED_CONST,
        WasmFeature::Simd => Bits::SIMD,
        WasmFeature::RelaxedSimd => Bits::RELAXED_SIMD,
        WasmFeature::TailCall => Bits::TAIL_CALL,
        WasmFeature::MultiMemory => Bits::MULTI_MEMORY,
        WasmFeature::Memory64 => Bits::MEMORY64,
        WasmFeature::Exceptions => Bits::EXCEPTIONS,
        WasmFeature::FunctionReferences => Bits::FUNCTION_REFERENCES,
        WasmFeature::Gc => Bits::GC,
        WasmFeature::Threads => Bits::THREADS,
        WasmFeature::WideArithmetic => Bits::WIDE_ARITHMETIC,
        WasmFeature::CustomPageSizes => Bits::CUSTOM_PAGE_SIZES,
    }
}

macro_rules! proposals {
    ($( @$proposal:ident $op:ident $({ $($payload:tt)* })? => $visit:ident ($($annotation:tt)*))*) => {
        /// The proposal that an operator came with, as the parser names it.
        fn proposal(operator: &Operator<'_>) -> &'static str {
            match operator {
                $(Operator::$op { .. } => stringify!($proposal),)*
                _ => "",
            }
        }
    };
}
wasmparser::for_each_operator!(proposals);

/// The feature that an operator belongs to; `None`: the first version of the language.
///
/// # Errors
/// The name of the proposal, if none of its operators is compiled.
pub(crate) fn used(operator: &Operator<'_>) -> Result<Option<WasmFeature>, &'static str> {
    let block = match operator {
        Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => Some(blockty),
        _ => None,
    };
    if let Some(BlockType::FuncType(_)) = block {
        return Ok(Some(WasmFeature::MultiValue));
    }
    let feature = match proposal(operator) {
        "mvp" => return Ok(None),
        "sign_extension" => WasmFeature::SignExtension,
        "saturating_float_to_int" => WasmFeature::SaturatingConversions,
        "bulk_memory" => WasmFeature::BulkMemory,
        "reference_types" => WasmFeature::ReferenceTypes,
        "simd" => WasmFeature::Simd,
        "relaxed_simd" => WasmFeature::RelaxedSimd,
        "tail_call" => WasmFeature::TailCall,
        "exceptions" => WasmFeature::Exceptions,
        "function_references" => WasmFeature::FunctionReferences,
        "threads" => WasmFeature::Threads,
        "wide_arithmetic" => WasmFeature::WideArithmetic,
        // References that are not collected are told apart without a collector, by what is declared with these types.
        "gc" if is_uncollected_cast(operator) => WasmFeature::FunctionReferences,
        "gc" => WasmFeature::Gc,
        other => return Err(if other.is_empty() { "unknown" } else { other }),
    };
    if NOT_YET.contains(&feature) { Err(feature.name()) } else { Ok(Some(feature)) }
}

/// What a cast or a test is to, and whether to null.
pub(crate) fn cast_target(operator: &Operator<'_>) -> Option<(wasmparser::HeapType, bool)> {
    match *operator {
        Operator::RefTestNonNull { hty } | Operator::RefCastNonNull { hty } => Some((hty, false)),
        Operator::RefTestNullable { hty } | Operator::RefCastNullable { hty } => Some((hty, true)),
        Operator::BrOnCast { to_ref_type: ty, .. } | Operator::BrOnCastFail { to_ref_type: ty, .. } => {
            Some((ty.heap_type(), ty.is_nullable()))
        }
        _ => None,
    }
}

/// Whether an operator is a cast or a test of a function, a host value or an exception. Of a type that a module defines, it
/// is not known here which kind it is of.
fn is_uncollected_cast(operator: &Operator<'_>) -> bool {
    use wasmparser::{AbstractHeapType as Type, HeapType};
    match cast_target(operator) {
        Some((HeapType::Abstract { shared: false, ty }, _)) => {
            matches!(ty, Type::Func | Type::NoFunc | Type::Extern | Type::NoExtern | Type::Exn | Type::NoExn)
        }
        Some((HeapType::Concrete(_), _)) => true,
        _ => false,
    }
}

/// The refusal of an operator, by the proposal that [`used`] gave.
pub(crate) fn refusal(
    operator: &Operator<'_>,
    proposal: &'static str,
    offset: u64,
    function: Option<u32>,
) -> CompileError {
    let feature = if proposal == WasmFeature::Gc.name() { "garbage collection is" } else { "an operator is" };
    CompileError::Unsupported { feature, proposal, message: format!("{operator:?}"), offset, function }
}

/// The bit, the words for people, the name of the proposal's repository.
type Refused = (Bits, &'static str, &'static str);

/// Proposals that are no part of the language that is compiled.
const REFUSED: &[Refused] = &[
    (Bits::LEGACY_EXCEPTIONS, "legacy exception handling is", "exception-handling (legacy)"),
    (Bits::STACK_SWITCHING, "stack switching is", "stack-switching"),
    (Bits::CUSTOM_DESCRIPTORS, "custom descriptors are", "custom-descriptors"),
    (Bits::COMPACT_IMPORTS, "the compact import section is", "compact-import-section"),
    (Bits::SHARED_EVERYTHING_THREADS, "shared-everything threads are", "shared-everything-threads"),
    (Bits::MEMORY_CONTROL, "memory control is", "memory-control"),
    (Bits::ACQUIRE_RELEASE_ATOMICS, "acquire-release atomics are", "acquire-release-atomics"),
    (Bits::MULTIBYTE_ARRAY_ACCESS, "multibyte access to arrays is", "multibyte-array-access"),
];

/// Names the proposal that a refused module needs; a module that none would make valid is malformed or invalid.
pub(super) fn explain(
    wasm: &[u8],
    features: WasmFeatures,
    error: wasmparser::Error,
    function: Option<u32>,
) -> CompileError {
    let missing = |bits: Bits| {
        let off = WasmFeature::ALL.iter().copied().filter(|&feature| !features.has(feature));
        let off = off.map(|feature| (validated(feature), feature)).find(|(bit, _)| bits.intersects(*bit));
        match off {
            Some((_, WasmFeature::Gc)) => Some(("garbage collection is", WasmFeature::Gc.name(), false)),
            Some((_, feature)) => Some((feature.describe(), feature.name(), true)),
            None => REFUSED.iter().find(|(bit, ..)| bits.intersects(*bit)).map(|&(_, what, name)| (what, name, false)),
        }
    };
    // Tags of another proposal's have results, but in the language that there is, this is an error and no feature.
    let plain = error.message().contains("non-empty tag result type");
    let named = || error.missing_wasm_feature().and_then(missing);
    let found = if plain { None } else { named().or_else(|| needed(wasm, features, &error).and_then(missing)) };
    let (message, offset) = (error.message().to_owned(), error.offset());
    match found {
        Some((_, feature, true)) => CompileError::SwitchedOff { feature, message, offset, function },
        Some((feature, proposal, false)) => CompileError::Unsupported { feature, proposal, message, offset, function },
        None => match decode(wasm, features.validator()) {
            Ok(()) => CompileError::Invalid { message, offset, function },
            Err(Malformed { message, offset: at }) => {
                CompileError::Malformed { message, offset: at, function: function.filter(|_| at == offset) }
            }
        },
    }
}

/// They give a meaning to bits of an alignment, so that almost any wrong alignment could be one of them.
const GUESSED_TOO_OFTEN: Bits = Bits::ACQUIRE_RELEASE_ATOMICS.union(Bits::MULTIBYTE_ARRAY_ACCESS);

/// For an error that does not name its feature: one of those without which validation does not get further.
fn needed(wasm: &[u8], features: WasmFeatures, error: &wasmparser::Error) -> Option<Bits> {
    let gets_further = |bits: Bits| {
        Validator::new_with_features(bits).validate_all(wasm).map_or_else(|e| e.offset() > error.offset(), |_| true)
    };
    let on = features.validator();
    let candidates: Vec<Bits> = WasmFeature::ALL
        .iter()
        .filter(|&&feature| !features.has(feature))
        .map(|&feature| validated(feature))
        .chain(REFUSED.iter().map(|(bit, ..)| *bit))
        .filter(|&bit| !on.contains(bit) && !GUESSED_TOO_OFTEN.contains(bit))
        .collect();
    let mut all = candidates.iter().fold(on, |all, &bit| all | bit);
    if !gets_further(all) {
        return None;
    }
    for &bit in &candidates {
        if gets_further(all - bit) {
            all -= bit;
        }
    }
    candidates.into_iter().find(|&bit| all.contains(bit))
}

#[cfg(test)]
mod operators;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_named_as_their_proposals_are() {
        let parse = |text: &str| text.parse::<WasmFeatures>();
        assert_eq!(parse("all"), Ok(WasmFeatures::ALL));
        assert_eq!(parse("all,-threads"), Ok(WasmFeatures::ALL.without(WasmFeature::Threads)));
        assert_eq!(parse("-threads,-simd").unwrap().to_string(), "all,-simd,-threads");
        assert!(parse("mvp,simd").unwrap().has(WasmFeature::Simd));
        assert!(!parse("mvp,simd").unwrap().has(WasmFeature::Threads));
        for wrong in ["", "gc", "all,,simd", "simd128", "threads,all", "+"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_text_that_is_printed_is_read_again() {
        for &feature in WasmFeature::ALL {
            let features = WasmFeatures::ALL.without(feature);
            assert_eq!(features.to_string().parse(), Ok(features));
        }
    }
}
