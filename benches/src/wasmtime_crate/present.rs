//! The tasks, by the crate.

use super::Task;
use crate::peers;
use crate::turns::Repeat;
use serde_json::Value;
use std::hint::black_box;
use std::path::Path;
use wasmtime::{Config, Engine, Instance, InstanceAllocationStrategy, Linker, Module, PoolingAllocationConfig, Store};

/// After how many instances their mappings are counted, and how many mappings are left for other things.
const SAMPLE: usize = 100;
const SPARE: usize = 200;

const BROKEN: &str = "it worked the first time";

/// Prepares a task with a module; files go into a folder.
pub fn task(task: Task, wasm: &[u8], folder: &Path) -> Result<Repeat<'static>, String> {
    let mut config = Config::new();
    if let Task::Instantiate { pooled: true, .. } = task {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    }
    let engine = Engine::new(&config).map_err(|e| said(&e))?;
    let module = Module::new(&engine, wasm).map_err(|e| said(&e))?;
    match task {
        Task::Load => {
            let path = folder.join("wasmtime.cwasm");
            std::fs::write(&path, module.serialize().map_err(|e| said(&e))?).map_err(|e| e.to_string())?;
            let once = move || {
                // SAFETY: the file is what `serialize` wrote, and nobody changes it while it is mapped.
                unsafe { Module::deserialize_file(&engine, &path) }.map_err(|e| said(&e))
            };
            once()?;
            Ok(Box::new(move || drop(black_box(once().expect(BROKEN)))))
        }
        Task::Instantiate { pages, .. } => instantiation(engine, &module, pages),
        Task::Call | Task::HostCalls(_) | Task::Trap => calls(task, engine, &module),
    }
}

/// A pool for one instance of any of our modules.
fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(4).total_memories(4).total_tables(4);
    // More than the default of elements, which is less than large modules have. Memory is kept, as a server's would be.
    pool.table_elements(100_000).linear_memory_keep_resident(1 << 20).table_keep_resident(1 << 16);
    pool
}

fn instantiation(engine: Engine, module: &Module, pages: usize) -> Result<Repeat<'static>, String> {
    let mut linker = Linker::<()>::new(&engine);
    linker.define_unknown_imports_as_traps(module).map_err(|e| said(&e))?;
    let ready = linker.instantiate_pre(module).map_err(|e| said(&e))?;
    let once = move || {
        let mut store = Store::new(&engine, ());
        let instance = ready.instantiate(&mut store).map_err(|e| said(&e))?;
        if pages > 0 {
            let memory = instance.get_memory(&mut store, "memory").ok_or("it exports no memory")?;
            memory.data_mut(&mut store).chunks_mut(4096).take(pages).for_each(|page| page[0] = 1);
        }
        black_box(instance);
        Ok::<_, String>(())
    };
    once()?;
    Ok(Box::new(move || once().expect(BROKEN)))
}

fn calls(task: Task, engine: Engine, module: &Module) -> Result<Repeat<'static>, String> {
    let mut linker = Linker::<()>::new(&engine);
    linker.func_wrap("host", "id", |x: i32| x).map_err(|e| said(&e))?;
    let mut store = Store::new(&engine, ());
    let instance: Instance = linker.instantiate(&mut store, module).map_err(|e| said(&e))?;
    match task {
        Task::HostCalls(count) => {
            let calls = instance.get_typed_func::<i32, ()>(&mut store, "host_calls").map_err(|e| said(&e))?;
            Ok(Box::new(move || calls.call(&mut store, count).expect(BROKEN)))
        }
        Task::Trap => {
            let trap = instance.get_typed_func::<(), ()>(&mut store, "trap").map_err(|e| said(&e))?;
            Ok(Box::new(move || drop(black_box(trap.call(&mut store, ()).expect_err("it traps")))))
        }
        _ => {
            let add = instance.get_typed_func::<(i32, i32), i32>(&mut store, "add").map_err(|e| said(&e))?;
            Ok(Box::new(move || {
                black_box(add.call(&mut store, black_box((2, 3))).expect(BROKEN));
            }))
        }
    }
}

/// Compiles a module, with the calling process's number of threads; the precompiled module.
pub fn compile(wasm: &[u8]) -> Result<Vec<u8>, String> {
    Engine::default().precompile_module(wasm).map_err(|e| said(&e))
}

/// Makes instances of a module, as many as there can be, at most so many; `look` is asked at the end.
pub fn instances(wasm: &[u8], most: usize, look: &dyn Fn(usize) -> Result<Value, String>) -> Result<Value, String> {
    let engine = Engine::default();
    let module = Module::new(&engine, wasm).map_err(|e| said(&e))?;
    let mut kept = Vec::new();
    let (before, mut most) = (peers::mappings()?, most);
    while kept.len() < most {
        // Where the kernel grants no more mappings it ends the process, because it has no memory of its own either: so it
        // stops in front of that.
        if kept.len() == SAMPLE {
            let each = (peers::mappings()? - before).div_ceil(SAMPLE).max(1);
            most = most.min((peers::most_mappings()?.saturating_sub(before + SPARE)) / each);
        }
        let mut store = Store::new(&engine, ());
        match Instance::new(&mut store, &module, &[]) {
            Ok(_) => kept.push(store),
            Err(_) => break,
        }
    }
    look(kept.len())
}

/// An error with what caused it, on one line.
fn said(error: &wasmtime::Error) -> String {
    format!("{error:#}").lines().next().unwrap_or("an error").to_owned()
}
