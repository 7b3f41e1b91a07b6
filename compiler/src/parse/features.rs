//! Which proposals are compiled, and the refusal of all others by name.

use crate::error::CompileError;
use wasmparser::{Validator, WasmFeatures};

/// What clang, rustc, TinyGo and AssemblyScript emit by default.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::FLOATS
    .union(WasmFeatures::MUTABLE_GLOBAL)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::EXTENDED_CONST);

/// The bit, the words for people, the name of the proposal's repository.
type Refused = (WasmFeatures, &'static str, &'static str);

/// Refused proposals.
const REFUSED: &[Refused] = &[
    (WasmFeatures::SIMD, "SIMD (v128) is", "simd"),
    (WasmFeatures::RELAXED_SIMD, "relaxed SIMD is", "relaxed-simd"),
    (WasmFeatures::TAIL_CALL, "tail calls are", "tail-call"),
    (WasmFeatures::MULTI_MEMORY, "more than one memory is", "multi-memory"),
    (WasmFeatures::MEMORY64, "64-bit memories and tables are", "memory64"),
    (WasmFeatures::EXCEPTIONS, "exception handling is", "exception-handling"),
    (WasmFeatures::LEGACY_EXCEPTIONS, "legacy exception handling is", "exception-handling (legacy)"),
    (WasmFeatures::THREADS, "threads (atomics and shared memories) are", "threads"),
    (WasmFeatures::FUNCTION_REFERENCES, "typed function references are", "function-references"),
    (WasmFeatures::GC, "garbage-collected types are", "gc"),
    (WasmFeatures::WIDE_ARITHMETIC, "wide arithmetic is", "wide-arithmetic"),
    (WasmFeatures::CUSTOM_PAGE_SIZES, "a custom page size is", "custom-page-sizes"),
    (WasmFeatures::STACK_SWITCHING, "stack switching is", "stack-switching"),
    (WasmFeatures::CUSTOM_DESCRIPTORS, "custom descriptors are", "custom-descriptors"),
    (WasmFeatures::COMPACT_IMPORTS, "the compact import section is", "compact-import-section"),
];

/// Names the proposal that a refused module needs; a module that none would make valid is invalid.
pub(super) fn explain(wasm: &[u8], error: wasmparser::Error, function: Option<u32>) -> CompileError {
    let refused = error
        .missing_wasm_feature()
        .and_then(|missing| REFUSED.iter().find(|(bit, ..)| missing.intersects(*bit)))
        .or_else(|| needed(wasm, &error));
    match refused {
        Some(&(_, feature, proposal)) => CompileError::Unsupported {
            feature,
            proposal,
            message: error.message().to_owned(),
            offset: error.offset(),
            function,
        },
        None => CompileError::Invalid { message: error.message().to_owned(), offset: error.offset(), function },
    }
}

/// For an error that does not name its feature: one of those without which validation does not get further.
fn needed(wasm: &[u8], error: &wasmparser::Error) -> Option<&'static Refused> {
    if error.message().contains("gc proposal") {
        return REFUSED.iter().find(|(bit, ..)| *bit == WasmFeatures::GC);
    }
    let gets_further = |features: WasmFeatures| {
        Validator::new_with_features(features).validate_all(wasm).map_or_else(|e| e.offset() > error.offset(), |_| true)
    };
    let mut features = REFUSED.iter().fold(FEATURES, |all, (bit, ..)| all | *bit);
    if !gets_further(features) {
        return None;
    }
    for (bit, ..) in REFUSED {
        if gets_further(features - *bit) {
            features -= *bit;
        }
    }
    REFUSED.iter().find(|(bit, ..)| features.contains(*bit))
}
