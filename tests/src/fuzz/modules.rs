//! Random modules, each of a seed.

use super::compare::Engine;
use super::random::Random;
use arbitrary::Unstructured;
use bailiwick_runtime_abi::types::WasmFeature;
use std::convert::Infallible;
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{CodeSection, Instruction};
use wasm_smith::Config;
use wasmparser::{FunctionBody, Operator, Parser, Payload};

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

/// What only Wasmtime has beside us.
const FURTHER: &[WasmFeature] = &[WasmFeature::Exceptions, WasmFeature::Threads];

/// A module and what it was made with.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The seed.
    pub seed: u64,
    /// What it is to be compared with.
    pub engine: Engine,
    /// Of the choices: what it may use.
    pub features: Vec<WasmFeature>,
    /// Whether it checks before every operator that could trap.
    pub guarded: bool,
    /// Whether it uses relaxed operators.
    pub relaxed: bool,
    /// The binary. It ends by itself, and exports everything.
    pub wasm: Vec<u8>,
}

/// A copy of a module in which no `memory.atomic.wait` waits: there is nobody who would end it.
fn without_waits(wasm: &[u8]) -> Vec<u8> {
    struct Impatient;
    impl Reencode for Impatient {
        type Error = Infallible;

        fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Result<(), Error> {
            let mut function = self.new_function_with_parsed_locals(&body)?;
            let mut reader = body.get_operators_reader()?;
            while !reader.eof() {
                if matches!(
                    reader.clone().read()?,
                    Operator::MemoryAtomicWait32 { .. } | Operator::MemoryAtomicWait64 { .. }
                ) {
                    // The timeout is the last operand.
                    function.instruction(&Instruction::Drop);
                    function.instruction(&Instruction::I64Const(0));
                }
                function.instruction(&self.parse_instruction(&mut reader)?);
            }
            code.function(&function);
            Ok(())
        }
    }
    let mut module = wasm_encoder::Module::new();
    Impatient.parse_core_module(&mut module, Parser::new(0), wasm).expect("a valid module");
    module.finish()
}

/// Whether one of a module's operators is such a one.
fn any_operator(wasm: &[u8], is_one: impl Fn(&Operator<'_>) -> bool) -> bool {
    let bodies = Parser::new(0).parse_all(wasm).filter_map(|payload| match payload.expect("a valid module") {
        Payload::CodeSectionEntry(body) => Some(body),
        _ => None,
    });
    let mut operators = bodies.flat_map(|body| body.get_operators_reader().expect("a valid module"));
    operators.any(|operator| is_one(&operator.expect("a valid module")))
}

/// Whether an operator may have several results.
fn is_relaxed(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::I8x16RelaxedSwizzle
            | Operator::I32x4RelaxedTruncF32x4S
            | Operator::I32x4RelaxedTruncF32x4U
            | Operator::I32x4RelaxedTruncF64x2SZero
            | Operator::I32x4RelaxedTruncF64x2UZero
            | Operator::F32x4RelaxedMadd
            | Operator::F32x4RelaxedNmadd
            | Operator::F64x2RelaxedMadd
            | Operator::F64x2RelaxedNmadd
            | Operator::I8x16RelaxedLaneselect
            | Operator::I16x8RelaxedLaneselect
            | Operator::I32x4RelaxedLaneselect
            | Operator::I64x2RelaxedLaneselect
            | Operator::F32x4RelaxedMin
            | Operator::F32x4RelaxedMax
            | Operator::F64x2RelaxedMin
            | Operator::F64x2RelaxedMax
            | Operator::I16x8RelaxedQ15mulrS
            | Operator::I16x8RelaxedDotI8x16I7x16S
            | Operator::I32x4RelaxedDotI8x16I7x16AddS
    )
}

/// Whether a module uses what the engine does otherwise, as it may, if our code is deterministic. The bits of NaNs of relaxed
/// operators and of conversions between floats: wasm-smith makes those of the other operators canonical, and wasmi none.
/// Rounding in between: the first of the specification's choices, which deterministic code makes, does; Wasmtime does not
/// even when it is told to be deterministic.
fn is_left_open(wasm: &[u8], engine: Engine) -> bool {
    any_operator(wasm, |operator| match operator {
        Operator::F32x4RelaxedMadd
        | Operator::F32x4RelaxedNmadd
        | Operator::F64x2RelaxedMadd
        | Operator::F64x2RelaxedNmadd => true,
        Operator::F32DemoteF64
        | Operator::F64PromoteF32
        | Operator::F32x4DemoteF64x2Zero
        | Operator::F64x2PromoteLowF32x4
        | Operator::F32x4RelaxedMin
        | Operator::F32x4RelaxedMax
        | Operator::F64x2RelaxedMin
        | Operator::F64x2RelaxedMax => engine == Engine::Wasmi,
        _ => false,
    })
}

/// The module of a seed, with at most `instructions` in a function. `None`: the seed makes none.
pub fn sample(seed: u64, instructions: usize, engine: Engine) -> Option<Sample> {
    let mut random = Random::new(seed);
    let further = if engine == Engine::Wasmi { &[] } else { FURTHER };
    // Few at a time, so that each is used much; some modules have none of them.
    let features: Vec<WasmFeature> = CHOICES.iter().chain(further).copied().filter(|_| random.one_in(3)).collect();
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
        exceptions_enabled: has(WasmFeature::Exceptions),
        max_tags: 4,
        threads_enabled: has(WasmFeature::Threads),
        compact_imports_enabled: false,
        shared_everything_threads_enabled: false,
        ..Config::default()
    };
    let bytes: Vec<u8> = (0..8192).flat_map(|_| random.number().to_le_bytes()).collect();
    let mut module = wasm_smith::Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
    module.ensure_termination(20_000).ok()?;
    let wasm = module.to_bytes();
    let relaxed = has(WasmFeature::RelaxedSimd) && any_operator(&wasm, is_relaxed);
    if relaxed && is_left_open(&wasm, engine) {
        return None;
    }
    let wasm = if has(WasmFeature::Threads) { without_waits(&wasm) } else { wasm };
    Some(Sample { seed, engine, features, relaxed, guarded, wasm })
}
