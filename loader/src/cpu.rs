//! Which CPU features this machine has.

use crate::arch;
use bailiwick_runtime_abi::types::FEATURES;

/// Bits of `bailiwick_runtime_abi::types::FEATURES` that this processor and its operating system support.
pub fn host_features() -> u64 {
    supported(u64::MAX)
}

/// Those of the features in `wanted` that this processor and its operating system support. The processor is asked for
/// nothing else, and once.
pub fn supported(wanted: u64) -> u64 {
    let bits = FEATURES.iter().map(|feature| 1 << feature.bit).filter(|bit| wanted & bit != 0);
    bits.filter(|&bit: &u64| arch::has_feature(bit)).sum()
}

/// Names of the features in `bits`.
pub fn feature_names(bits: u64) -> Vec<&'static str> {
    FEATURES.iter().filter(|f| bits >> f.bit & 1 == 1).map(|f| f.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_of_another_architecture_is_never_detected() {
        let host = bailiwick_runtime_abi::types::Arch::host().unwrap();
        let mine: u64 = FEATURES.iter().filter(|f| f.arch == host).map(|f| 1u64 << f.bit).sum();
        assert_eq!(host_features() & !mine, 0);
    }

    #[test]
    fn what_is_found_is_what_the_standard_library_finds() {
        macro_rules! expected {
            ($detected:ident: $($name:tt)*) => {
                FEATURES.iter().filter(|f| match f.name {
                    $($name => std::arch::$detected!($name),)*
                    _ => false,
                })
            };
        }
        #[cfg(target_arch = "x86_64")]
        let expected = expected!(is_x86_feature_detected: "sse3" "ssse3" "sse4.1" "sse4.2" "popcnt" "cmpxchg16b" "avx"
            "avx2" "fma" "bmi1" "bmi2" "lzcnt" "avx512f" "avx512dq" "avx512vl" "avx512bitalg" "avx512vbmi");
        #[cfg(target_arch = "aarch64")]
        let expected = expected!(is_aarch64_feature_detected: "lse" "paca" "fp16" "dotprod" "i8mm");
        let expected: Vec<&str> = expected.map(|f| f.name).collect();
        assert_eq!(feature_names(host_features()), expected);
        for feature in FEATURES {
            let found = supported(1 << feature.bit);
            assert_eq!(found, host_features() & 1 << feature.bit, "{}", feature.name);
        }
    }

    #[test]
    fn every_machine_we_test_on_has_the_baseline() {
        let host = bailiwick_runtime_abi::types::Arch::host().unwrap();
        let baseline = bailiwick_runtime_abi::types::baseline_features(host);
        assert_eq!(host_features() & baseline, baseline);
    }
}
