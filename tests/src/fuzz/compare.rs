//! The same calls here and in another engine.

use super::modules::Sample;
use super::random::Random;
use super::reference::{Done, Reference, Seen, our_end};
use super::wasmi::Wasmi;
use crate::compile::{Settings, compile_with, host};
use bailiwick_compiler::OptLevel;
use bailiwick_loader::{Artifact, Extern, Group, GroupConfig, Imports, TrapCode, Val};
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

/// What is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// An interpreter; it lacks exceptions and threads.
    #[default]
    Wasmi,
    /// Another user of Cranelift.
    #[cfg(feature = "wasmtime")]
    Wasmtime,
}

fn same<T: PartialEq + Debug>(ours: &T, theirs: &T, what: impl FnOnce() -> String) -> Result<(), String> {
    if ours == theirs {
        return Ok(());
    }
    Err(format!("{}: got {ours:?}, the other engine {theirs:?}", what()))
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
    /// Calls that ended by an exception.
    pub thrown: AtomicU64,
    /// Modules of which wasmi makes something else: what can't be, or a third engine does what we do.
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

/// How to compile a sample: the results of relaxed operators are another engine's only in the deterministic profile.
pub fn settings(sample: &Sample, opt_level: OptLevel) -> Settings {
    Settings { opt_level, deterministic: sample.relaxed, ..Settings::default() }
}

/// Runs a module in both, and says where they differ.
///
/// # Errors
/// The first difference; that one of them does not take the module is one.
pub fn compare(sample: &Sample, settings: &Settings, counts: &Counts) -> Result<(), String> {
    match sample.engine {
        Engine::Wasmi => {
            let compared = || compare_with::<Wasmi>(sample, settings, counts);
            let result = catch_unwind(AssertUnwindSafe(compared)).unwrap_or_else(|_| Err("a panic".into()));
            // wasmi 2.0.0 leaves guards out, goes on with other values, panics (1 of 600 modules); and deterministic code has
            // canonical NaNs where it has not.
            #[cfg(feature = "wasmtime")]
            if result.is_err()
                && compare_with::<super::wasmtime::Wasmtime>(sample, settings, &Counts::default()).is_ok()
            {
                counts.wrong_there.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            result
        }
        #[cfg(feature = "wasmtime")]
        Engine::Wasmtime => compare_with::<super::wasmtime::Wasmtime>(sample, settings, counts),
    }
}

/// Whether both ended as they must, though not in the same way.
fn may_differ(ours: &Done, theirs: &Done) -> bool {
    // How deep a stack is, is each engine's own.
    let overflow = &Done::Trapped(TrapCode::StackOverflow);
    // Of an address that is neither aligned nor within the memory: the specification looks at the bounds first.
    let unaligned = (&Done::Trapped(TrapCode::MemoryOutOfBounds), &Done::Trapped(TrapCode::HeapMisaligned));
    ours == overflow || theirs == overflow || (ours, theirs) == unaligned
}

fn compare_with<R: Reference>(sample: &Sample, settings: &Settings, counts: &Counts) -> Result<(), String> {
    let seed = sample.seed;
    let artifact = compile_with(host(), settings, &sample.wasm).map_err(|e| format!("not compiled: {e}"))?;
    let artifact = Artifact::from_bytes(&artifact, format!("seed {seed}")).map_err(|e| format!("not opened: {e}"))?;
    let mut config = GroupConfig::default();
    config.stack_size = 16 << 20;
    let mut group = Group::with_config(config).map_err(|e| e.to_string())?;
    let instance = group.instantiate(&artifact, &Imports::new());
    let reference = R::instantiate(&sample.wasm, settings.deterministic)?;

    counts.modules.fetch_add(1, Ordering::Relaxed);
    let (instance, mut reference) = match (instance, reference) {
        (Ok(instance), Ok(reference)) => (instance, reference),
        (instance, reference) => {
            let ours = our_end(instance.map(|_| vec![]))?;
            let theirs = reference.err().unwrap_or(Done::Values(vec![]));
            if sample.guarded && ours != theirs && is_guarded_against(&theirs) {
                counts.wrong_there.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            if may_differ(&ours, &theirs) {
                return Ok(());
            }
            return same(&ours, &theirs, || "instantiation".into());
        }
    };
    let mut random = Random::new(seed | 1);
    let exports: Vec<String> =
        artifact.view().exports().iter().map(|e| artifact.view().string(e.name).unwrap().to_owned()).collect();
    for round in 0..3 {
        for name in &exports {
            let Some(Extern::Func(func)) = instance.export(&mut group, name).unwrap() else { continue };
            let ty = func.ty(&mut group).unwrap();
            let arguments: Option<Vec<Val>> = ty.params().iter().map(|&ty| random.value(ty)).collect();
            // Nobody has a value of a type without a default.
            let Some(arguments) = arguments else { continue };
            let found = our_end(func.call(&mut group, &arguments))?;
            let expected = reference.call(name, &arguments, ty.results().len())?;
            if let Some(trace) = counts.trace {
                trace(&format!("{name:?} {arguments:?} -> {found:?}, {expected:?}"));
            }
            if may_differ(&found, &expected) {
                // After an overflow the states differ.
                if found != Done::Trapped(TrapCode::MemoryOutOfBounds) {
                    return Ok(());
                }
                continue;
            }
            if sample.guarded && found != expected && is_guarded_against(&expected) {
                counts.wrong_there.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            same(&found, &expected, || format!("round {round}: {name:?} {arguments:?}"))?;
            counts.calls.fetch_add(1, Ordering::Relaxed);
            counts.returned.fetch_add(u64::from(matches!(found, Done::Values(_))), Ordering::Relaxed);
            counts.thrown.fetch_add(u64::from(matches!(found, Done::Thrown(_))), Ordering::Relaxed);
        }
        for name in &exports {
            let what = || format!("round {round}: {name:?}");
            match instance.export(&mut group, name).unwrap().expect("an export") {
                Extern::Func(_) | Extern::Tag(_) => {}
                Extern::Memory(memory) => {
                    let theirs = reference.memory(name);
                    let mut copy = Vec::new();
                    let ours: &[u8] = match memory.shared(&mut group).unwrap() {
                        None => memory.bytes(&mut group).unwrap(),
                        Some(shared) => {
                            copy.resize(shared.size() as usize, 0);
                            shared.read(0, &mut copy).unwrap();
                            &copy
                        }
                    };
                    same(&ours.len(), &theirs.len(), what)?;
                    let first = ours.iter().zip(&*theirs).position(|(a, b)| a != b);
                    same(&first, &None, what)?;
                }
                Extern::Global(global) => {
                    let found = global.get(&mut group).unwrap();
                    same(&Seen::from(&found), &reference.global(name), what)?;
                }
                Extern::Table(table) => {
                    let len = table.ty(&mut group).unwrap().minimum;
                    let ours: Vec<Seen> = (0..len).map(|i| (&table.get(&mut group, i).unwrap()).into()).collect();
                    let theirs = reference.table(name);
                    same(&ours.len(), &theirs.len(), what)?;
                    let first = ours.iter().zip(&theirs).position(|(a, b)| a != b);
                    same(&first, &None, || format!("{}, elements", what()))?;
                }
            }
        }
    }
    Ok(())
}
