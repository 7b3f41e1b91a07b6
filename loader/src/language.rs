//! Which parts of the language this loader was built with.

use bailiwick_runtime_abi::types::WasmFeature;

/// The bits of [`WasmFeature`] that artifacts may have. Each proposal that came after WebAssembly 2.0 is a cargo feature, on
/// by default, so that a loader can be built that refuses what its users should not have. What 2.0 has is always there.
pub(crate) const BUILT_WITH: u64 = {
    let mut bits = 0;
    let mut i = 0;
    while i < WasmFeature::ALL.len() {
        let feature = WasmFeature::ALL[i];
        if built_with(feature) {
            bits |= feature.bit();
        }
        i += 1;
    }
    bits
};

const fn built_with(feature: WasmFeature) -> bool {
    match feature {
        WasmFeature::MutableGlobal
        | WasmFeature::SignExtension
        | WasmFeature::SaturatingConversions
        | WasmFeature::MultiValue
        | WasmFeature::BulkMemory
        | WasmFeature::ReferenceTypes
        | WasmFeature::ExtendedConst => true,
        WasmFeature::Simd => cfg!(feature = "simd"),
        WasmFeature::RelaxedSimd => cfg!(feature = "relaxed-simd"),
        WasmFeature::TailCall => cfg!(feature = "tail-call"),
        WasmFeature::MultiMemory => cfg!(feature = "multi-memory"),
        WasmFeature::Memory64 => cfg!(feature = "memory64"),
        WasmFeature::Exceptions => cfg!(feature = "exception-handling"),
        WasmFeature::FunctionReferences => cfg!(feature = "function-references"),
        WasmFeature::Gc => cfg!(feature = "gc"),
        WasmFeature::Threads => cfg!(feature = "threads"),
        WasmFeature::WideArithmetic => cfg!(feature = "wide-arithmetic"),
        WasmFeature::CustomPageSizes => cfg!(feature = "custom-page-sizes"),
    }
}

/// The names of the features of an artifact that this loader was built without. A bit that nobody knows is one of them.
pub(crate) fn missing(used: u64) -> Vec<&'static str> {
    let missing = used & !BUILT_WITH;
    let known = |feature: &&WasmFeature| missing & feature.bit() != 0;
    let mut names: Vec<&str> = WasmFeature::ALL.iter().filter(known).map(|feature| feature.name()).collect();
    if missing & !WasmFeature::ALL.iter().fold(0, |bits, feature| bits | feature.bit()) != 0 {
        names.push("a part of the language that it does not know");
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(missing(BUILT_WITH), [""; 0]);
        assert_eq!(missing(1 << 63), ["a part of the language that it does not know"]);
        for &feature in WasmFeature::ALL {
            let names = missing(feature.bit());
            assert_eq!(names.is_empty(), built_with(feature), "{names:?}");
            assert!(names.iter().all(|&name| name == feature.name()));
        }
    }
}
