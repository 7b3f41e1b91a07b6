//! Wasmtime: it shares Cranelift with the compiler, and nothing else; it has all that we have.

use super::random::{canonical32, canonical64};
use super::reference::{Done, Reference, Seen};
use bailiwick_loader::{TrapCode, Val};
use std::borrow::Cow;
use wasmtime::{Config, Engine, Extern, Module, Ref, Store, ThrownException, Trap, WasmFeatures};

/// An instance in Wasmtime.
pub struct Wasmtime {
    store: Store<()>,
    instance: wasmtime::Instance,
}

fn seen(value: &wasmtime::Val) -> Seen {
    use wasmtime::Val as V;
    match value {
        V::I32(v) => Seen::I32(*v),
        V::I64(v) => Seen::I64(*v),
        V::F32(bits) => Seen::F32(canonical32(*bits)),
        V::F64(bits) => Seen::F64(canonical64(*bits)),
        V::V128(v) => Seen::V128(v.as_u128()),
        V::FuncRef(None) | V::ExternRef(None) | V::AnyRef(None) | V::ExnRef(None) => Seen::Null,
        _ => Seen::Reference,
    }
}

fn argument(value: &Val) -> wasmtime::Val {
    use wasmtime::Val as V;
    match *value {
        Val::I32(v) => V::I32(v),
        Val::I64(v) => V::I64(v),
        Val::F32(bits) => V::F32(bits),
        Val::F64(bits) => V::F64(bits),
        Val::V128(bits) => V::V128(bits.into()),
        Val::FuncRef(_) => V::FuncRef(None),
        Val::ExternRef(_) => V::ExternRef(None),
        Val::ExnRef(_) => V::ExnRef(None),
        Val::NullAny => V::AnyRef(None),
    }
}

/// Its trap, in our words.
fn trap(trap: Trap) -> Option<TrapCode> {
    Some(match trap {
        Trap::StackOverflow => TrapCode::StackOverflow,
        Trap::MemoryOutOfBounds => TrapCode::MemoryOutOfBounds,
        Trap::HeapMisaligned => TrapCode::HeapMisaligned,
        Trap::TableOutOfBounds => TrapCode::TableOutOfBounds,
        Trap::IndirectCallToNull => TrapCode::IndirectCallToNull,
        Trap::BadSignature => TrapCode::BadSignature,
        Trap::IntegerOverflow => TrapCode::IntegerOverflow,
        Trap::IntegerDivisionByZero => TrapCode::IntegerDivisionByZero,
        Trap::BadConversionToInteger => TrapCode::BadConversionToInteger,
        Trap::UnreachableCodeReached => TrapCode::Unreachable,
        Trap::AtomicWaitNonSharedMemory => TrapCode::ExpectedShared,
        Trap::NullReference => TrapCode::NullReference,
        _ => return None,
    })
}

fn end(store: &mut Store<()>, result: wasmtime::Result<Vec<wasmtime::Val>>) -> Result<Done, String> {
    let error = match result {
        Ok(values) => return Ok(Done::Values(values.iter().map(seen).collect())),
        Err(error) => error,
    };
    if error.is::<ThrownException>() {
        let thrown = store.take_pending_exception().expect("what was thrown");
        let fields: Vec<wasmtime::Val> = thrown.fields(&mut *store).map_err(|e| e.to_string())?.collect();
        return Ok(Done::Thrown(fields.iter().map(seen).collect()));
    }
    let code = error.downcast_ref::<Trap>().copied().and_then(trap);
    code.map(Done::Trapped).ok_or_else(|| format!("no trap in Wasmtime: {error:?}"))
}

impl Wasmtime {
    fn export(&mut self, name: &str) -> Extern {
        self.instance.get_export(&mut self.store, name).expect("the same exports")
    }
}

impl Reference for Wasmtime {
    fn instantiate(wasm: &[u8], deterministic: bool) -> Result<Result<Wasmtime, Done>, String> {
        let mut config = Config::new();
        config.max_wasm_stack(1 << 20).shared_memory(true);
        config.relaxed_simd_deterministic(deterministic).cranelift_nan_canonicalization(deterministic);
        config.wasm_features(
            WasmFeatures::WASM3
                | WasmFeatures::THREADS
                | WasmFeatures::WIDE_ARITHMETIC
                | WasmFeatures::CUSTOM_PAGE_SIZES,
            true,
        );
        let not_taken = |e: wasmtime::Error| format!("not taken by Wasmtime: {e:?}");
        let engine = Engine::new(&config).map_err(not_taken)?;
        let module = Module::new(&engine, wasm).map_err(not_taken)?;
        let mut store = Store::new(&engine, ());
        match wasmtime::Instance::new(&mut store, &module, &[]) {
            Ok(instance) => Ok(Ok(Wasmtime { store, instance })),
            Err(error) => end(&mut store, Err(error)).map(Err),
        }
    }

    fn call(&mut self, name: &str, arguments: &[Val], results: usize) -> Result<Done, String> {
        let func = self.export(name).into_func().expect("a function");
        let mut results = vec![wasmtime::Val::I32(0); results];
        let given: Vec<wasmtime::Val> = arguments.iter().map(argument).collect();
        let result = func.call(&mut self.store, &given, &mut results).map(|()| results);
        end(&mut self.store, result)
    }

    fn memory(&mut self, name: &str) -> Cow<'_, [u8]> {
        match self.export(name) {
            Extern::Memory(memory) => memory.data(&self.store).into(),
            // SAFETY: no other thread has this memory, and no guest runs.
            Extern::SharedMemory(memory) => memory.data().iter().map(|byte| unsafe { *byte.get() }).collect(),
            _ => unreachable!("the same exports"),
        }
    }

    fn global(&mut self, name: &str) -> Seen {
        let global = self.export(name).into_global().expect("a global");
        seen(&global.get(&mut self.store))
    }

    fn table(&mut self, name: &str) -> Vec<Seen> {
        let table = self.export(name).into_table().expect("a table");
        (0..table.size(&self.store))
            .map(|i| match table.get(&mut self.store, i).expect("an element") {
                Ref::Func(None) | Ref::Extern(None) | Ref::Any(None) | Ref::Exn(None) => Seen::Null,
                _ => Seen::Reference,
            })
            .collect()
    }
}
