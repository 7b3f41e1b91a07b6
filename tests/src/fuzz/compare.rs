//! The same calls here and in an engine that shares no code with the compiler: wasmi, an interpreter.

use super::modules::Sample;
use super::random::{Random, canonical32, canonical64};
use crate::compile::{Settings, compile_with, host};
use bailiwick_compiler::OptLevel;
use bailiwick_loader::{Artifact, Error, Extern, Group, GroupConfig, Imports, TrapCode, Val};
use bailiwick_runtime_abi::types::WasmFeature;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmi::{Engine, Module, Nullable, Store};

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
    V128(u128),
    Null,
    Reference,
}

fn ours(value: &Val) -> Seen {
    match *value {
        Val::I32(v) => Seen::I32(v),
        Val::I64(v) => Seen::I64(v),
        Val::F32(bits) => Seen::F32(canonical32(bits)),
        Val::F64(bits) => Seen::F64(canonical64(bits)),
        Val::V128(bits) => Seen::V128(bits),
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
        wasmi::Val::V128(v) => Seen::V128(v.as_u128()),
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

fn our_end(result: Result<Vec<Val>, Error>) -> Result<Done, String> {
    match result {
        Ok(values) => Ok(Done::Values(values.iter().map(ours).collect())),
        Err(error) => error.trap_code().map(Done::Trapped).ok_or_else(|| format!("no trap: {error}")),
    }
}

fn their_end(result: Result<Vec<wasmi::Val>, wasmi::Error>) -> Result<Done, String> {
    match result {
        Ok(values) => Ok(Done::Values(values.iter().map(theirs).collect())),
        Err(error) => trap(&error).map(Done::Trapped).ok_or_else(|| format!("no trap in the interpreter: {error}")),
    }
}

fn same<T: PartialEq + Debug>(ours: &T, theirs: &T, what: impl FnOnce() -> String) -> Result<(), String> {
    if ours == theirs {
        return Ok(());
    }
    Err(format!("{}: got {ours:?}, the interpreter {theirs:?}", what()))
}

/// How much was compared.
#[derive(Debug, Default)]
pub struct Counts {
    /// Modules that were run.
    pub modules: AtomicU64,
    /// Calls of which both sides made something.
    pub calls: AtomicU64,
    /// Calls that returned.
    pub returned: AtomicU64,
    /// Modules that can't trap as the interpreter says that they do.
    pub wrong_there: AtomicU64,
    /// Told of every call.
    pub trace: Option<fn(&str)>,
}

/// Whether a module that checks before every operator that could trap can't end so. Of wasmi 2.0.0 it is known that it
/// leaves such checks out: one in 300 of such modules ends there, and V8 goes on as we do.
fn is_guarded_against(end: &Done) -> bool {
    matches!(
        end,
        Done::Trapped(
            TrapCode::IntegerDivisionByZero
                | TrapCode::IntegerOverflow
                | TrapCode::BadConversionToInteger
                | TrapCode::MemoryOutOfBounds
                | TrapCode::TableOutOfBounds
        )
    )
}

/// How to compile a sample: the results of relaxed operators are the interpreter's only in the deterministic profile.
pub fn settings(sample: &Sample, opt_level: OptLevel) -> Settings {
    let deterministic = sample.features.contains(&WasmFeature::RelaxedSimd);
    Settings { opt_level, deterministic, ..Settings::default() }
}

/// Runs a module in both, and says where they differ.
///
/// # Errors
/// The first difference; that one of them does not take the module is one.
pub fn compare(sample: &Sample, settings: &Settings, counts: &Counts) -> Result<(), String> {
    let seed = sample.seed;
    let artifact = compile_with(host(), settings, &sample.wasm).map_err(|e| format!("not compiled: {e}"))?;
    let artifact = Artifact::from_bytes(&artifact, format!("seed {seed}")).map_err(|e| format!("not opened: {e}"))?;
    let mut config = GroupConfig::default();
    config.stack_size = 16 << 20;
    let mut group = Group::with_config(config).map_err(|e| e.to_string())?;
    let instance = group.instantiate(&artifact, &Imports::new());

    let mut config = wasmi::Config::default();
    config.set_max_recursion_depth(100_000).set_max_stack_height(64 << 20);
    config.wasm_wide_arithmetic(true).wasm_custom_page_sizes(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, &sample.wasm).map_err(|e| format!("not taken by the interpreter: {e}"))?;
    let mut store = Store::new(&engine, ());
    let reference = wasmi::Linker::<()>::new(&engine).instantiate_and_start(&mut store, &module);

    counts.modules.fetch_add(1, Ordering::Relaxed);
    let (instance, reference) = match (instance, reference) {
        (Ok(instance), Ok(reference)) => (instance, reference),
        (instance, reference) => {
            let (ours, theirs) = (our_end(instance.map(|_| vec![])), their_end(reference.map(|_| vec![])));
            return same(&ours?, &theirs?, || "instantiation".into());
        }
    };
    let mut random = Random::new(seed | 1);
    let exports: Vec<String> =
        artifact.view().exports().iter().map(|e| artifact.view().string(e.name).unwrap().to_owned()).collect();
    for round in 0..3 {
        for name in &exports {
            let Some(Extern::Func(func)) = instance.export(&mut group, name).unwrap() else { continue };
            let ty = func.ty(&mut group).unwrap();
            let arguments: Vec<Val> = ty.params().iter().map(|&ty| random.value(ty)).collect();
            let found = our_end(func.call(&mut group, &arguments))?;
            let func = reference.get_func(&store, name).expect("the same exports");
            let mut results = vec![wasmi::Val::I32(0); ty.results().len()];
            let given: Vec<wasmi::Val> = arguments.iter().map(argument).collect();
            let expected = their_end(func.call(&mut store, &given, &mut results).map(|()| results))?;
            if let Some(trace) = counts.trace {
                trace(&format!("{name:?} {arguments:?} -> {found:?}, {expected:?}"));
            }
            let overflow = Done::Trapped(TrapCode::StackOverflow);
            if found == overflow || expected == overflow {
                // How deep a stack is, is each engine's own; after that the states differ.
                return Ok(());
            }
            if sample.guarded && found != expected && is_guarded_against(&expected) {
                counts.wrong_there.fetch_add(1, Ordering::Relaxed);
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
