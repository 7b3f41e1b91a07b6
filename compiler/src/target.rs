//! The code generator's target: one place where every flag is set, each with its reason.

use crate::error::{CompileError, Result};
use crate::optimisations::Optimisation;
use crate::options::{OptLevel, Options, features_of, triple};
use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable, SetError};

/// Base-2 logarithm of the stack probes' step; the contract's guard is at least as wide.
const PROBE_STEP_LOG2: u32 = bailiwick_runtime_abi::limits::STACK_PROBE_STEP.trailing_zeros();

/// What code is generated for.
pub(crate) struct Target {
    /// By the options.
    pub isa: OwnedTargetIsa,
    /// The same, but it does not say where blocks lie: to keep account of those that are left out takes the code
    /// generator time in proportion to the square of how many come one after another.
    pub unplaced: OwnedTargetIsa,
    /// The same without optimisation: it takes time in proportion to a function's size, whatever the function.
    pub quick: OwnedTargetIsa,
    /// Of adapters: always optimised, since their frames must be small.
    pub adapters: OwnedTargetIsa,
    /// Bits of the CPU features that code may use.
    pub features: u64,
}

/// The target that the options name.
pub(crate) fn build(options: &Options<'_>) -> Result<Target> {
    build_with(options, false)
}

/// The same, but the code generator says where blocks begin even if nothing is placed by them. The code is the same.
pub(crate) fn build_with_blocks(options: &Options<'_>) -> Result<Target> {
    build_with(options, true)
}

fn build_with(options: &Options<'_>, blocks: bool) -> Result<Target> {
    let features = options.cpu.resolve(options.target)?;
    let isa = |level: OptLevel, placement: bool| {
        let wanted = blocks || level == OptLevel::Speed && options.optimisations.has(Optimisation::Placement);
        let placement = placement && wanted;
        let flags = shared_flags(level, options.deterministic, placement).map_err(defect)?;
        let mut builder = isa::lookup_by_name(triple(options.target)).map_err(defect)?;
        // Single features and never presets: x86-64-v3 of this version leaves out `has_avx`.
        for feature in features_of(options.target) {
            let value = if features & (1 << feature.bit) != 0 { "true" } else { "false" };
            builder.set(feature.setting, value).map_err(defect)?;
        }
        builder.finish(flags).map_err(defect)
    };
    let for_adapters = match options.opt_level {
        OptLevel::None => OptLevel::Speed,
        level => level,
    };
    Ok(Target {
        isa: isa(options.opt_level, true)?,
        unplaced: isa(options.opt_level, false)?,
        quick: isa(OptLevel::None, false)?,
        adapters: isa(for_adapters, false)?,
        features,
    })
}

fn shared_flags(level: OptLevel, deterministic: bool, blocks: bool) -> std::result::Result<settings::Flags, SetError> {
    let mut flags = settings::builder();
    let opt_level = match level {
        OptLevel::None => "none",
        OptLevel::Speed => "speed",
        OptLevel::Size => "speed_and_size",
    };
    // The quick allocator halves the whole compilation's time; code is half as large again.
    let allocator = if level == OptLevel::None { "single_pass" } else { "backtracking" };
    let step = PROBE_STEP_LOG2.to_string();
    for (name, value) in [
        ("opt_level", opt_level),
        ("regalloc_algorithm", allocator),
        // With PIC even data beside the code would be reached through a GOT, which an artifact has not.
        ("is_pic", "false"),
        // Tail calls need the frame pointer, and backtraces walk it.
        ("preserve_frame_pointers", "true"),
        // Frames beyond the guard's width touch each step of it; smaller ones cost nothing.
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
        ("probestack_size_log2", step.as_str()),
        // Functions with more results than registers.
        ("enable_multi_ret_implicit_sret", "true"),
        // Which NaN an operation gives depends on the processor, and on the order of operands that was chosen.
        ("enable_nan_canonicalization", if deterministic { "true" } else { "false" }),
        ("unwind_info", "true"),
        // Where blocks begin, and with them loops, by which functions are placed.
        ("machine_code_cfg_info", if blocks { "true" } else { "false" }),
        ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
    ] {
        flags.set(name, value)?;
    }
    Ok(settings::Flags::new(flags))
}

fn defect(error: impl std::fmt::Display) -> CompileError {
    CompileError::internal(format!("the code generator refuses its settings: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_runtime_abi::types::{Arch, FEATURES};

    #[test]
    fn every_feature_is_a_setting_of_its_architecture() {
        for feature in FEATURES {
            let mut builder = isa::lookup_by_name(triple(feature.arch)).unwrap();
            builder.set(feature.setting, "true").unwrap();
        }
    }

    #[test]
    fn all_levels_build() {
        for target in [Arch::X86_64, Arch::Aarch64] {
            for cpu in ["baseline", "v3"] {
                for opt_level in [OptLevel::None, OptLevel::Speed, OptLevel::Size] {
                    let options = Options { target, cpu: cpu.parse().unwrap(), opt_level, ..Options::default() };
                    build(&options).unwrap();
                }
            }
        }
    }
}
