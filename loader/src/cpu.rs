//! Which CPU features this machine has.

use bailiwick_runtime_abi::types::FEATURES;

/// Bits of `bailiwick_runtime_abi::types::FEATURES` that this processor and its operating system support.
pub fn host_features() -> u64 {
    let mut bits = 0;
    for feature in FEATURES {
        if detect(feature.name) {
            bits |= 1 << feature.bit;
        }
    }
    bits
}

/// Names of the features in `bits`.
pub fn feature_names(bits: u64) -> Vec<&'static str> {
    FEATURES.iter().filter(|f| bits >> f.bit & 1 == 1).map(|f| f.name).collect()
}

#[cfg(target_arch = "x86_64")]
fn detect(name: &str) -> bool {
    use std::arch::is_x86_feature_detected as has;
    match name {
        "sse3" => has!("sse3"),
        "ssse3" => has!("ssse3"),
        "sse4.1" => has!("sse4.1"),
        "sse4.2" => has!("sse4.2"),
        "popcnt" => has!("popcnt"),
        "cmpxchg16b" => has!("cmpxchg16b"),
        "avx" => has!("avx"),
        "avx2" => has!("avx2"),
        "fma" => has!("fma"),
        "bmi1" => has!("bmi1"),
        "bmi2" => has!("bmi2"),
        "lzcnt" => has!("lzcnt"),
        "avx512f" => has!("avx512f"),
        "avx512dq" => has!("avx512dq"),
        "avx512vl" => has!("avx512vl"),
        "avx512bitalg" => has!("avx512bitalg"),
        "avx512vbmi" => has!("avx512vbmi"),
        _ => false,
    }
}

#[cfg(target_arch = "aarch64")]
fn detect(name: &str) -> bool {
    use std::arch::is_aarch64_feature_detected as has;
    match name {
        "lse" => has!("lse"),
        "paca" => has!("paca"),
        "fp16" => has!("fp16"),
        "dotprod" => has!("dotprod"),
        "i8mm" => has!("i8mm"),
        _ => false,
    }
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
    fn every_machine_we_test_on_has_the_baseline() {
        let host = bailiwick_runtime_abi::types::Arch::host().unwrap();
        let baseline = bailiwick_runtime_abi::types::baseline_features(host);
        assert_eq!(host_features() & baseline, baseline);
    }
}
