//! Random modules, each of a seed.

use super::random::Random;
use arbitrary::Unstructured;
use bailiwick_runtime_abi::types::WasmFeature;
use wasm_smith::Config;

/// The parts of the language that a module may use or not, beyond those that all may.
pub const CHOICES: &[WasmFeature] = &[
    WasmFeature::Simd,
    WasmFeature::RelaxedSimd,
    WasmFeature::TailCall,
    WasmFeature::MultiMemory,
    WasmFeature::Memory64,
    WasmFeature::WideArithmetic,
    WasmFeature::CustomPageSizes,
];

/// A module and what it was made with.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The seed.
    pub seed: u64,
    /// Of [`CHOICES`]: what it may use.
    pub features: Vec<WasmFeature>,
    /// Whether it checks before every operator that could trap.
    pub guarded: bool,
    /// The binary. It ends by itself, and exports everything.
    pub wasm: Vec<u8>,
}

/// The module of a seed, with at most `instructions` in a function. `None`: the seed makes none.
pub fn sample(seed: u64, instructions: usize) -> Option<Sample> {
    let mut random = Random::new(seed);
    // Few at a time, so that each is used much; some modules have none of them.
    let features: Vec<WasmFeature> = CHOICES.iter().copied().filter(|_| random.one_in(3)).collect();
    let has = |feature| features.contains(&feature);
    // Half of them go on to the end, half may trap on the way.
    let guarded = random.one_in(2);
    let config = Config {
        min_funcs: 3,
        max_funcs: 12,
        max_instructions: instructions,
        max_imports: 0,
        min_memories: u32::from(!random.one_in(4)),
        max_memories: if has(WasmFeature::MultiMemory) { 3 } else { 1 },
        max_memory32_bytes: 4 << 20,
        max_memory64_bytes: 4 << 20,
        memory_max_size_required: true,
        min_tables: u32::from(!random.one_in(3)),
        max_tables: 3,
        max_table_elements: 1000,
        table_max_size_required: true,
        export_everything: true,
        canonicalize_nans: true,
        max_type_size: 200,
        disallow_traps: guarded,
        simd_enabled: has(WasmFeature::Simd) || has(WasmFeature::RelaxedSimd),
        relaxed_simd_enabled: has(WasmFeature::RelaxedSimd),
        tail_call_enabled: has(WasmFeature::TailCall),
        memory64_enabled: has(WasmFeature::Memory64),
        wide_arithmetic_enabled: has(WasmFeature::WideArithmetic),
        custom_page_sizes_enabled: has(WasmFeature::CustomPageSizes),
        gc_enabled: false,
        exceptions_enabled: false,
        threads_enabled: false,
        compact_imports_enabled: false,
        shared_everything_threads_enabled: false,
        ..Config::default()
    };
    let bytes: Vec<u8> = (0..8192).flat_map(|_| random.number().to_le_bytes()).collect();
    let mut module = wasm_smith::Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
    module.ensure_termination(20_000).ok()?;
    Some(Sample { seed, features, guarded, wasm: module.to_bytes() })
}
