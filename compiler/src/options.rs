//! What to compile for: architecture, CPU level, optimisation.
//!
//! Everything that shapes the code is resolved here to one canonical string, which goes into the artifact and
//! into the key of the loader's cache.

use crate::error::{CompileError, Result};
use crate::merge::Linked;
use crate::optimisations::Optimisations;
use crate::parse::WasmFeatures;
use crate::reuse::FunctionStore;
use crate::wit::Wit;
use bailiwick_runtime_abi::types::{Arch, FEATURES, Feature, baseline_features, v3_features};
use std::fmt;
use std::str::FromStr;

/// How to compile. [`Options::default`] is this machine's architecture, its baseline, optimised for speed.
#[derive(Clone)]
pub struct Options<'a> {
    /// Architecture of the artifact.
    pub target: Arch,
    /// Which instructions the code may use.
    pub cpu: Cpu,
    /// What to optimise for.
    pub opt_level: OptLevel,
    /// What is done for speed beyond that.
    pub optimisations: Optimisations,
    /// Which parts of the language the module may use.
    pub wasm_features: WasmFeatures,
    /// Whether loops and recursion poll, so that the guest can be interrupted.
    pub interruptible: bool,
    /// Whether results that the specification leaves open, of relaxed vector instructions and in the bits of NaNs, are the
    /// same on every processor: those of its deterministic profile.
    pub deterministic: bool,
    /// What the module imports and exports, in WIT.
    pub wit: Option<Wit<'a>>,
    /// Modules whose exports satisfy imports of the module, and of each other.
    pub linked: &'a [Linked<'a>],
    /// Worker threads; `None`: as many as the machine runs at once. The artifact is the same for any number.
    pub jobs: Option<usize>,
    /// Where compiled functions are kept for the next compilation. The artifact is the same with and without.
    pub functions: Option<&'a dyn FunctionStore>,
    /// Called as functions are done, with how many are and how many there are, from any worker.
    pub progress: Option<&'a (dyn Fn(usize, usize) + Sync)>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options {
            target: Arch::host().unwrap_or(Arch::X86_64),
            cpu: Cpu::default(),
            opt_level: OptLevel::Speed,
            optimisations: Optimisations::default(),
            wasm_features: WasmFeatures::default(),
            interruptible: true,
            deterministic: false,
            wit: None,
            linked: &[],
            jobs: None,
            functions: None,
            progress: None,
        }
    }
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("target", &self.target)
            .field("cpu", &self.cpu)
            .field("opt_level", &self.opt_level)
            .field("optimisations", &self.optimisations)
            .field("wasm_features", &self.wasm_features)
            .field("interruptible", &self.interruptible)
            .field("deterministic", &self.deterministic)
            .field("wit", &self.wit)
            .field("linked", &self.linked.iter().map(|linked| linked.name).collect::<Vec<_>>())
            .field("jobs", &self.jobs)
            .finish_non_exhaustive()
    }
}

impl Options<'_> {
    /// The options that shape the artifact as one canonical command line, with the CPU resolved to features, and the WIT
    /// and linked modules to their hashes.
    ///
    /// ```
    /// use bailiwick_compiler::{Arch, Options};
    /// let options = Options { target: Arch::Aarch64, cpu: "+lse".parse()?, ..Options::default() };
    /// assert_eq!(options.canonical()?, "--target aarch64-unknown-linux-gnu --cpu +lse -O speed");
    /// # Ok::<(), bailiwick_compiler::CompileError>(())
    /// ```
    pub fn canonical(&self) -> Result<String> {
        let features = self.cpu.resolve(self.target)?;
        let baseline = baseline_features(self.target);
        let mut cpu = String::new();
        for feature in features_of(self.target) {
            let bit = 1 << feature.bit;
            let sign = match (features & bit != 0, baseline & bit != 0) {
                (true, _) => '+',
                (false, true) => '-',
                (false, false) => continue,
            };
            if !cpu.is_empty() {
                cpu.push(',');
            }
            cpu.push(sign);
            cpu.push_str(feature.name);
        }
        if cpu.is_empty() {
            cpu.push_str("baseline");
        }
        let polls = if self.interruptible { "" } else { " --interruptible=no" };
        let deterministic = if self.deterministic { " --deterministic" } else { "" };
        let wit = self.wit.map(|wit| wit.canonical()).transpose()?.unwrap_or_default();
        // What a module may use does not shape the code of one that is compiled; a cache must tell it from one that is refused.
        let features = match self.wasm_features {
            WasmFeatures::ALL => String::new(),
            some => format!(" --wasm-features {some}"),
        };
        let optimisations = match self.optimisations {
            o if o == Optimisations::default() => String::new(),
            other => format!(" --optimisations {other}"),
        };
        let linked: String = self.linked.iter().map(Linked::canonical).collect();
        Ok(format!(
            "--target {} --cpu {cpu} -O {}{optimisations}{polls}{deterministic}{features}{wit}{linked}",
            triple(self.target),
            self.opt_level
        ))
    }

    pub(crate) fn jobs(&self) -> usize {
        self.jobs
            .filter(|&jobs| jobs > 0)
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()))
    }
}

/// The target triple of an architecture.
pub fn triple(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "x86_64-unknown-linux-gnu",
        Arch::Aarch64 => "aarch64-unknown-linux-gnu",
    }
}

/// The architecture of a target triple: of the two that [`triple`] gives, or their bare architecture.
pub fn parse_target(text: &str) -> Result<Arch> {
    [Arch::X86_64, Arch::Aarch64].into_iter().find(|&arch| text == triple(arch) || text == arch.name()).ok_or_else(
        || CompileError::Options {
            message: format!(
                "there is no code generation for the target {text:?}; use x86_64-unknown-linux-gnu or aarch64-unknown-linux-gnu"
            ),
        },
    )
}

/// The features of an architecture.
pub(crate) fn features_of(arch: Arch) -> impl Iterator<Item = &'static Feature> {
    FEATURES.iter().filter(move |feature| feature.arch == arch)
}

/// What to optimise for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OptLevel {
    /// Compile fast.
    None,
    /// Run fast.
    #[default]
    Speed,
    /// Run fast, but prefer smaller code.
    Size,
}

impl fmt::Display for OptLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OptLevel::None => "none",
            OptLevel::Speed => "speed",
            OptLevel::Size => "size",
        })
    }
}

/// A level that names many features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// x86-64-v2; Armv8.0.
    #[default]
    Baseline,
    /// x86-64-v3; Armv8.1's atomics.
    V3,
    /// What this machine has.
    Native,
}

/// Which instructions code may use: a level, and features added to it or taken away.
///
/// As text: `baseline`, `v3`, `native`, `+feature,-feature` on top of `baseline`, or all of it: `v3,-fma`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// What to begin with.
    pub level: Level,
    /// Features by name, in order: `true` adds one, `false` takes one away.
    pub changes: Vec<(bool, String)>,
}

impl FromStr for Cpu {
    type Err = CompileError;

    fn from_str(text: &str) -> Result<Cpu> {
        let mut cpu = Cpu::default();
        for (i, part) in text.split(',').enumerate() {
            if let Some(name) = part.strip_prefix('+') {
                cpu.changes.push((true, name.to_owned()));
            } else if let Some(name) = part.strip_prefix('-') {
                cpu.changes.push((false, name.to_owned()));
            } else {
                cpu.level = match part {
                    "baseline" if i == 0 => Level::Baseline,
                    "v3" if i == 0 => Level::V3,
                    "native" if i == 0 => Level::Native,
                    _ => {
                        return Err(CompileError::Options {
                            message: format!(
                                "{part:?} is no CPU level; write baseline, v3 or native, then +feature or -feature, separated by commas"
                            ),
                        });
                    }
                };
            }
        }
        Ok(cpu)
    }
}

impl Cpu {
    /// The bits of [`FEATURES`] that it means on `arch`.
    pub fn resolve(&self, arch: Arch) -> Result<u64> {
        let mut bits = match self.level {
            Level::Baseline => baseline_features(arch),
            Level::V3 => v3_features(arch),
            Level::Native if Arch::host() == Some(arch) => host_features(),
            Level::Native => {
                return Err(CompileError::Options {
                    message: format!(
                        "`native` means this machine, which is no {}; use baseline, v3 or +feature,…",
                        arch.name()
                    ),
                });
            }
        };
        for (add, name) in &self.changes {
            let Some(feature) = features_of(arch).find(|feature| feature.name == name) else {
                let known: Vec<&str> = features_of(arch).map(|feature| feature.name).collect();
                return Err(CompileError::Options {
                    message: format!(
                        "{} has no CPU feature {name:?} that code can use; it has {}",
                        arch.name(),
                        known.join(", ")
                    ),
                });
            };
            if *add {
                bits |= 1 << feature.bit;
            } else {
                bits &= !(1 << feature.bit);
            }
        }
        check_prerequisites(arch, bits)?;
        Ok(bits)
    }
}

/// Features without which others are not selected correctly, or rounding would need a library.
const PREREQUISITES: &[(&str, &str)] = &[
    ("ssse3", "sse3"),
    ("sse4.1", "ssse3"),
    ("sse4.2", "sse4.1"),
    ("avx", "sse4.2"),
    ("avx2", "avx"),
    ("fma", "avx"),
    ("avx512f", "avx2"),
    ("avx512dq", "avx512f"),
    ("avx512vl", "avx512f"),
    ("avx512bitalg", "avx512f"),
    ("avx512vbmi", "avx512f"),
];

fn check_prerequisites(arch: Arch, bits: u64) -> Result<()> {
    let has = |name: &str| features_of(arch).any(|feature| feature.name == name && bits & (1 << feature.bit) != 0);
    if arch == Arch::X86_64 && !has("sse4.1") {
        return Err(CompileError::Options {
            message: "x86_64 code needs sse4.1, for rounding without a library; leave out -sse4.1".to_owned(),
        });
    }
    for (feature, needed) in PREREQUISITES {
        if has(feature) && !has(needed) {
            return Err(CompileError::Options {
                message: format!("the CPU feature {feature} needs {needed}; add -{feature}, or leave out -{needed}"),
            });
        }
    }
    Ok(())
}

macro_rules! detect {
    ($macro:ident: $($name:tt)*) => {{
        let detected: &[(&str, bool)] = &[$(($name, std::arch::$macro!($name))),*];
        let mut bits = 0;
        for feature in features_of(Arch::host().unwrap_or(Arch::X86_64)) {
            if detected.iter().any(|&(name, has)| has && name == feature.name) {
                bits |= 1 << feature.bit;
            }
        }
        bits
    }};
}

/// What this machine has, without what lacks its prerequisites.
fn host_features() -> u64 {
    #[cfg(target_arch = "x86_64")]
    let mut bits: u64 = detect!(is_x86_feature_detected: "sse3" "ssse3" "sse4.1" "sse4.2" "popcnt" "cmpxchg16b" "avx"
        "avx2" "fma" "bmi1" "bmi2" "lzcnt" "avx512f" "avx512dq" "avx512vl" "avx512bitalg" "avx512vbmi");
    #[cfg(target_arch = "aarch64")]
    let mut bits: u64 = detect!(is_aarch64_feature_detected: "lse" "paca" "fp16" "dotprod" "i8mm");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let mut bits: u64 = 0;
    let bit = |name: &str| FEATURES.iter().find(|feature| feature.name == name).map_or(0, |feature| 1 << feature.bit);
    for (feature, needed) in PREREQUISITES {
        if bits & bit(needed) == 0 {
            bits &= !bit(feature);
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(arch: Arch, text: &str) -> Result<u64> {
        text.parse::<Cpu>()?.resolve(arch)
    }

    #[test]
    fn levels_and_changes_resolve_to_bits() {
        assert_eq!(resolve(Arch::X86_64, "baseline"), Ok(baseline_features(Arch::X86_64)));
        assert_eq!(resolve(Arch::X86_64, "v3"), Ok(v3_features(Arch::X86_64)));
        assert_eq!(resolve(Arch::X86_64, "+lzcnt"), Ok(baseline_features(Arch::X86_64) | 1 << 11));
        assert_eq!(resolve(Arch::X86_64, "v3,-fma,-lzcnt"), Ok(v3_features(Arch::X86_64) & !(1 << 8) & !(1 << 11)));
        assert_eq!(resolve(Arch::Aarch64, "+lse,-lse"), Ok(0));
        let host = Arch::host().unwrap();
        assert!(resolve(host, "native").is_ok());
    }

    #[test]
    fn a_wrong_feature_is_refused_with_the_list() {
        let message = resolve(Arch::Aarch64, "+avx").unwrap_err().to_string();
        assert!(message.contains("no CPU feature \"avx\"") && message.contains("lse"), "{message}");
        assert!(resolve(Arch::X86_64, "fast").unwrap_err().to_string().contains("is no CPU level"));
        assert!(resolve(Arch::X86_64, "+avx,v3").unwrap_err().to_string().contains("is no CPU level"));
    }

    #[test]
    fn a_feature_without_its_prerequisite_is_refused() {
        assert!(resolve(Arch::X86_64, "-sse4.1").unwrap_err().to_string().contains("needs sse4.1"));
        assert!(resolve(Arch::X86_64, "+avx2").unwrap_err().to_string().contains("avx2 needs avx"));
    }

    #[test]
    fn canonical_strings_say_what_was_taken_away() {
        let options = Options { target: Arch::X86_64, cpu: "-popcnt".parse().unwrap(), ..Options::default() };
        let text = options.canonical().unwrap();
        assert!(text.contains("-popcnt") && text.contains("+sse4.1"), "{text}");
        let again: Cpu = text.split(' ').nth(3).unwrap().parse().unwrap();
        assert_eq!(again.resolve(Arch::X86_64), options.cpu.resolve(Arch::X86_64));
    }
}
