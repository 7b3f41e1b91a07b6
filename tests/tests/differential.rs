//! Random modules do the same here and in an engine that shares no code with the compiler: wasmi, an interpreter.
//!
//! `BAILIWICK_DIFFERENTIAL=N` runs N modules instead of the usual number; `BAILIWICK_DIFFERENTIAL_SEED=S` only that of
//! seed S, and leaves it in the target folder.

use arbitrary::Unstructured;
use bailiwick_loader::{Artifact, Error, Extern, Group, GroupConfig, Imports, TrapCode, Val, ValType};
use bailiwick_tests::compile::{compile, compiler_program};
use std::fmt::Debug;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmi::{Engine, Module, Nullable, Store};

/// Seeds of modules that wasmi 2.0.0 gets wrong: V8 does as we do. All such modules check before every operator that could
/// trap ([`traps_are_guarded`]), and wasmi divides all the same, or goes on with another value; it does so in one of 300
/// of them. Ask a third engine before believing a difference that a longer run finds in one.
const WRONG_THERE: &[u64] = &[356];

/// Modules of an ordinary run. An emulated one compiles each by a process of its own.
fn modules() -> u64 {
    let asked = std::env::var("BAILIWICK_DIFFERENTIAL").ok().and_then(|n| n.parse().ok());
    asked.unwrap_or(if compiler_program().is_some() { 150 } else { 600 })
}

/// A generator of the xorshift family (Marsaglia 2003), so that every run is the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn value(&mut self, ty: ValType) -> Val {
        // Numbers at the edges of their types find more than others.
        const EDGES: [u64; 8] =
            [0, 1, u64::MAX, 1 << 31, 1 << 63, 0x7fff_ffff, 0x3ff0_0000_0000_0000, 0x7ff0_0000_0000_0000];
        let choice = self.next();
        let bits = if choice.is_multiple_of(3) { EDGES[(choice >> 8) as usize % EDGES.len()] } else { self.next() };
        match ty {
            ValType::I32 => Val::I32(bits as i32),
            ValType::I64 => Val::I64(bits as i64),
            ValType::F32 => Val::F32(canonical32(bits as u32)),
            ValType::F64 => Val::F64(canonical64(bits)),
            other => Val::default_for(other).expect("a type with a default"),
        }
    }
}

/// Payloads of NaNs are not determined by the specification.
fn canonical32(bits: u32) -> u32 {
    if f32::from_bits(bits).is_nan() { 0x7fc0_0000 } else { bits }
}

fn canonical64(bits: u64) -> u64 {
    if f64::from_bits(bits).is_nan() { 0x7ff8_0000_0000_0000 } else { bits }
}

/// Whether the module of a seed checks before every operator that could trap.
fn traps_are_guarded(seed: u64) -> bool {
    seed.is_multiple_of(2)
}

/// A module that ends by itself, with everything exported.
fn module(seed: u64) -> Option<Vec<u8>> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let bytes: Vec<u8> = (0..8192).flat_map(|_| random.next().to_le_bytes()).collect();
    let config = wasm_smith::Config {
        min_funcs: 3,
        max_funcs: 12,
        max_instructions: 300,
        max_imports: 0,
        min_memories: u32::from(!seed.is_multiple_of(4)),
        max_memories: 1,
        max_memory32_bytes: 4 << 20,
        memory_max_size_required: true,
        min_tables: u32::from(!seed.is_multiple_of(3)),
        max_tables: 3,
        max_table_elements: 1000,
        table_max_size_required: true,
        export_everything: true,
        canonicalize_nans: true,
        max_type_size: 200,
        // Half of them go on to the end, half may trap on the way.
        disallow_traps: traps_are_guarded(seed),
        simd_enabled: false,
        relaxed_simd_enabled: false,
        tail_call_enabled: false,
        gc_enabled: false,
        exceptions_enabled: false,
        memory64_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        custom_page_sizes_enabled: false,
        compact_imports_enabled: false,
        shared_everything_threads_enabled: false,
        ..wasm_smith::Config::default()
    };
    let mut module = wasm_smith::Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
    module.ensure_termination(20_000).ok()?;
    Some(module.to_bytes())
}

/// What can be compared of a call or an instantiation.
#[derive(Debug, PartialEq)]
enum Done {
    Values(Vec<Seen>),
    Trapped(TrapCode),
}

/// A value, as far as it means the same in both engines.
#[derive(Debug, PartialEq)]
enum Seen {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    Null,
    Reference,
}

fn ours(value: &Val) -> Seen {
    match *value {
        Val::I32(v) => Seen::I32(v),
        Val::I64(v) => Seen::I64(v),
        Val::F32(bits) => Seen::F32(canonical32(bits)),
        Val::F64(bits) => Seen::F64(canonical64(bits)),
        Val::FuncRef(None) | Val::ExternRef(None) => Seen::Null,
        _ => Seen::Reference,
    }
}

fn theirs(value: &wasmi::Val) -> Seen {
    match value {
        wasmi::Val::I32(v) => Seen::I32(*v),
        wasmi::Val::I64(v) => Seen::I64(*v),
        wasmi::Val::F32(v) => Seen::F32(canonical32(v.to_bits())),
        wasmi::Val::F64(v) => Seen::F64(canonical64(v.to_bits())),
        wasmi::Val::FuncRef(Nullable::Null) | wasmi::Val::ExternRef(Nullable::Null) => Seen::Null,
        _ => Seen::Reference,
    }
}

fn argument(value: &Val) -> wasmi::Val {
    match *value {
        Val::I32(v) => wasmi::Val::I32(v),
        Val::I64(v) => wasmi::Val::I64(v),
        Val::F32(bits) => wasmi::Val::F32(wasmi::F32::from_bits(bits)),
        Val::F64(bits) => wasmi::Val::F64(wasmi::F64::from_bits(bits)),
        Val::FuncRef(_) => wasmi::Val::FuncRef(Nullable::Null),
        Val::ExternRef(_) => wasmi::Val::ExternRef(Nullable::Null),
        Val::V128(bits) => wasmi::Val::V128(wasmi::V128::from(bits)),
        Val::ExnRef(_) | Val::NullAny => unreachable!("no such module is made"),
    }
}

/// The trap of the interpreter, in our words.
fn trap(error: &wasmi::Error) -> Option<TrapCode> {
    use wasmi::TrapCode as T;
    let Some(code) = error.as_trap_code() else {
        // A segment that does not fit is an error of its own kind there.
        let text = error.to_string();
        let words = [
            ("out of bounds table access", TrapCode::TableOutOfBounds),
            ("out of bounds memory access", TrapCode::MemoryOutOfBounds),
        ];
        return words.into_iter().find(|(words, _)| text.starts_with(words)).map(|(_, code)| code);
    };
    Some(match code {
        T::UnreachableCodeReached => TrapCode::Unreachable,
        T::MemoryOutOfBounds => TrapCode::MemoryOutOfBounds,
        T::TableOutOfBounds => TrapCode::TableOutOfBounds,
        T::IndirectCallToNull => TrapCode::IndirectCallToNull,
        T::IntegerDivisionByZero => TrapCode::IntegerDivisionByZero,
        T::IntegerOverflow => TrapCode::IntegerOverflow,
        T::BadConversionToInteger => TrapCode::BadConversionToInteger,
        T::StackOverflow => TrapCode::StackOverflow,
        T::BadSignature => TrapCode::BadSignature,
        _ => return None,
    })
}

fn our_end(result: Result<Vec<Val>, Error>) -> Done {
    match result {
        Ok(values) => Done::Values(values.iter().map(ours).collect()),
        Err(error) => Done::Trapped(error.trap_code().unwrap_or_else(|| panic!("{error}"))),
    }
}

fn their_end(result: Result<Vec<wasmi::Val>, wasmi::Error>) -> Done {
    match result {
        Ok(values) => Done::Values(values.iter().map(theirs).collect()),
        Err(error) => Done::Trapped(trap(&error).unwrap_or_else(|| panic!("wasmi: {error}"))),
    }
}

fn same<T: PartialEq + Debug>(ours: &T, theirs: &T, what: impl FnOnce() -> String) -> Result<(), String> {
    if ours == theirs {
        return Ok(());
    }
    Err(format!("{}: got {ours:?}, the interpreter {theirs:?}", what()))
}

/// How much was compared.
#[derive(Default)]
struct Counts {
    modules: AtomicU64,
    calls: AtomicU64,
    returned: AtomicU64,
    /// Told of every call.
    trace: Option<fn(&str)>,
    differences: Mutex<Vec<String>>,
}

/// Runs a module in both, and says where they differ.
fn compare(seed: u64, wasm: &[u8], counts: &Counts) -> Result<(), String> {
    let artifact = compile(wasm).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    let artifact =
        Artifact::from_bytes(&artifact, format!("seed {seed}")).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    let mut config = GroupConfig::default();
    config.stack_size = 16 << 20;
    let mut group = Group::with_config(config).unwrap();
    let instance = group.instantiate(&artifact, &Imports::new());

    let mut config = wasmi::Config::default();
    config.set_max_recursion_depth(100_000).set_max_stack_height(64 << 20);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, wasm).unwrap_or_else(|e| panic!("seed {seed}: wasmi: {e}"));
    let mut store = Store::new(&engine, ());
    let reference = wasmi::Linker::<()>::new(&engine).instantiate_and_start(&mut store, &module);

    counts.modules.fetch_add(1, Ordering::Relaxed);
    let (instance, reference) = match (instance, reference) {
        (Ok(instance), Ok(reference)) => (instance, reference),
        (instance, reference) => {
            let (ours, theirs) = (our_end(instance.map(|_| vec![])), their_end(reference.map(|_| vec![])));
            return same(&ours, &theirs, || "instantiation".into());
        }
    };
    let mut random = Random(seed | 1);
    let exports: Vec<String> =
        artifact.view().exports().iter().map(|e| artifact.view().string(e.name).unwrap().to_owned()).collect();
    for round in 0..3 {
        for name in &exports {
            let Some(Extern::Func(func)) = instance.export(&mut group, name).unwrap() else { continue };
            let ty = func.ty(&mut group).unwrap();
            let arguments: Vec<Val> = ty.params().iter().map(|&ty| random.value(ty)).collect();
            let found = our_end(func.call(&mut group, &arguments));
            let func = reference.get_func(&store, name).expect("the same exports");
            let mut results = vec![wasmi::Val::I32(0); ty.results().len()];
            let given: Vec<wasmi::Val> = arguments.iter().map(argument).collect();
            let expected = their_end(func.call(&mut store, &given, &mut results).map(|()| results));
            if let Some(trace) = counts.trace {
                trace(&format!("{name:?} {arguments:?} -> {found:?}, {expected:?}"));
            }
            let overflow = Done::Trapped(TrapCode::StackOverflow);
            if found == overflow || expected == overflow {
                // How deep a stack is, is each engine's own; after that the states differ.
                return Ok(());
            }
            same(&found, &expected, || format!("round {round}: {name:?} {arguments:?}"))?;
            counts.calls.fetch_add(1, Ordering::Relaxed);
            counts.returned.fetch_add(u64::from(matches!(found, Done::Values(_))), Ordering::Relaxed);
        }
        for name in &exports {
            let what = || format!("round {round}: {name:?}");
            match instance.export(&mut group, name).unwrap().expect("an export") {
                Extern::Func(_) | Extern::Tag(_) => {}
                Extern::Memory(memory) => {
                    let theirs = reference.get_memory(&store, name).expect("the same exports");
                    let first = {
                        let (ours, theirs) = (memory.bytes(&mut group).unwrap(), theirs.data(&store));
                        same(&ours.len(), &theirs.len(), what)?;
                        ours.iter().zip(theirs).position(|(a, b)| a != b)
                    };
                    same(&first, &None, what)?;
                }
                Extern::Global(global) => {
                    let found = global.get(&mut group).unwrap();
                    let expected = reference.get_global(&store, name).expect("the same exports").get(&store);
                    same(&ours(&found), &theirs(&expected), what)?;
                }
                Extern::Table(table) => {
                    let len = table.ty(&mut group).unwrap().minimum;
                    let expected = reference.get_table(&store, name).expect("the same exports");
                    same(&len, &expected.size(&store), what)?;
                    for i in 0..len {
                        let found = ours(&table.get(&mut group, i).unwrap());
                        let expected = expected.get(&store, i).expect("an element");
                        same(&found, &theirs(&wasmi::Val::from(expected)), || format!("{}[{i}]", what()))?;
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn random_modules_do_the_same_as_in_an_interpreter() {
    let mut counts = Counts::default();
    if let Some(seed) = std::env::var("BAILIWICK_DIFFERENTIAL_SEED").ok().and_then(|s| s.parse().ok()) {
        let wasm = module(seed).expect("a module of that seed");
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("seed-{seed}.wasm"));
        std::fs::write(&path, &wasm).unwrap();
        println!("{}", path.display());
        counts.trace = Some(|call| println!("{call}"));
        return compare(seed, &wasm, &counts).unwrap();
    }
    let (next, all) = (AtomicU64::new(0), modules());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, |n| n.get()) {
            let work = || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= all {
                        break;
                    }
                    let wrong_there = WRONG_THERE.contains(&seed);
                    let Some(wasm) = module(seed).filter(|_| !wrong_there) else { continue };
                    if let Err(difference) = compare(seed, &wasm, &counts) {
                        counts.differences.lock().unwrap().push(format!("seed {seed}, {difference}"));
                    }
                }
            };
            std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, work).unwrap();
        }
    });
    let [modules, calls, returned] =
        [&counts.modules, &counts.calls, &counts.returned].map(|count| count.load(Ordering::Relaxed));
    println!("{modules} modules, {calls} calls, of which {returned} returned");
    // A generator whose modules did nothing would prove nothing.
    let differences = counts.differences.into_inner().unwrap();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(modules > all / 2 && returned > modules, "{modules} modules, {calls} calls, {returned} returned");
}
