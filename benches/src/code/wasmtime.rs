//! Wasmtime, in this process, as it is by default: this processor, optimised for speed, nothing that interrupts.

use super::{Once, Run};
use crate::turns::processor_ns;
use std::path::Path;
use wasmtime::{Caller, Engine, Extern, Func, FuncType, Instance, Module, Store, Val};

/// A module, compiled.
pub fn prepare(wasm: &Path) -> Result<Run, String> {
    let engine = Engine::default();
    let module = Module::from_file(&engine, wasm).map_err(|e| said(&e))?;
    let mut store = Store::new(&engine, ());
    let imports: Vec<Extern> = module
        .imports()
        .map(|import| {
            let ty = import.ty();
            let ty = ty.func().ok_or_else(|| format!("{} is no function", import.name()))?;
            Ok(system_call(&mut store, import.name(), ty).into())
        })
        .collect::<Result<_, String>>()?;
    let instance = Instance::new(&mut store, &module, &imports).map_err(|e| said(&e))?;
    let mut function = |name| instance.get_typed_func::<(), ()>(&mut store, name).map_err(|e| said(&e));
    let (initialize, setup, kernel) = (function("_initialize")?, function("setup")?, function("kernel")?);
    let checksum = instance.get_typed_func::<(), i64>(&mut store, "checksum").map_err(|e| said(&e))?;
    initialize.call(&mut store, ()).map_err(|e| said(&e))?;
    Ok(Box::new(move || {
        setup.call(&mut store, ()).map_err(|e| said(&e))?;
        let begin = processor_ns();
        kernel.call(&mut store, ()).map_err(|e| said(&e))?;
        let nanoseconds = processor_ns() - begin;
        let checksum = checksum.call(&mut store, ()).map_err(|e| said(&e))?;
        Ok(Once { nanoseconds, checksum: checksum.cast_unsigned() })
    }))
}

/// Preview 1 for programs that compute: there is no environment, it is always the same time, random numbers are zeros,
/// and whatever needs a descriptor has none (`BADF`).
fn system_call(store: &mut Store<()>, name: &str, ty: &FuncType) -> Func {
    const BADF: i32 = 8;
    let (name, returns) = (name.to_owned(), ty.results().len());
    Func::new(store, ty.clone(), move |mut caller: Caller<'_, ()>, parameters, results| {
        let number = |index: usize| parameters.get(index).and_then(Val::i32).unwrap_or(0).cast_unsigned() as usize;
        // The ranges of memory that the call fills, with zeros: address, length.
        let filled = match name.as_str() {
            "environ_sizes_get" | "args_sizes_get" => vec![(number(0), 4), (number(1), 4)],
            "clock_time_get" => vec![(number(2), 8)],
            "clock_res_get" => vec![(number(1), 8)],
            "random_get" => vec![(number(0), number(1))],
            "environ_get" | "args_get" | "sched_yield" => Vec::new(),
            _ if returns == 0 => return Err(wasmtime::Error::msg(format!("the guest called {name}"))),
            _ => {
                results[0] = Val::I32(BADF);
                return Ok(());
            }
        };
        let memory = caller.get_export("memory").and_then(Extern::into_memory);
        let memory = memory.ok_or_else(|| wasmtime::Error::msg("the guest exports no memory"))?;
        let data = memory.data_mut(&mut caller);
        for (at, length) in filled {
            let range = at..at.saturating_add(length);
            data.get_mut(range).ok_or_else(|| wasmtime::Error::msg("a pointer leads outside"))?.fill(0);
        }
        results[0] = Val::I32(0);
        Ok(())
    })
}

/// An error with what caused it, on one line.
fn said(error: &wasmtime::Error) -> String {
    format!("{error:#}").lines().next().unwrap_or("an error").to_owned()
}
