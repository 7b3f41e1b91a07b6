//! wasmi: an interpreter, which shares no code with the compiler.

use super::random::{canonical32, canonical64};
use super::reference::{Done, Reference, Seen};
use bailiwick_loader::{TrapCode, Val};
use std::borrow::Cow;
use wasmi::{Engine, Module, Nullable, Store};

/// An instance in wasmi.
#[derive(Debug)]
pub struct Wasmi {
    store: Store<()>,
    instance: wasmi::Instance,
}

fn seen(value: &wasmi::Val) -> Seen {
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
        Val::ExnRef(_) | Val::NullAny => unreachable!("no such module is made for it"),
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

fn end(result: Result<Vec<wasmi::Val>, wasmi::Error>) -> Result<Done, String> {
    match result {
        Ok(values) => Ok(Done::Values(values.iter().map(seen).collect())),
        Err(error) => trap(&error).map(Done::Trapped).ok_or_else(|| format!("no trap in the interpreter: {error}")),
    }
}

impl Reference for Wasmi {
    fn instantiate(wasm: &[u8], _: bool) -> Result<Result<Wasmi, Done>, String> {
        let mut config = wasmi::Config::default();
        config.set_max_recursion_depth(100_000).set_max_stack_height(64 << 20);
        config.wasm_wide_arithmetic(true).wasm_custom_page_sizes(true);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, wasm).map_err(|e| format!("not taken by the interpreter: {e}"))?;
        let mut store = Store::new(&engine, ());
        match wasmi::Linker::<()>::new(&engine).instantiate_and_start(&mut store, &module) {
            Ok(instance) => Ok(Ok(Wasmi { store, instance })),
            Err(error) => end(Err(error)).map(Err),
        }
    }

    fn call(&mut self, name: &str, arguments: &[Val], results: usize) -> Result<Done, String> {
        let func = self.instance.get_func(&self.store, name).expect("the same exports");
        let mut results = vec![wasmi::Val::I32(0); results];
        let given: Vec<wasmi::Val> = arguments.iter().map(argument).collect();
        end(func.call(&mut self.store, &given, &mut results).map(|()| results))
    }

    fn memory(&mut self, name: &str) -> Cow<'_, [u8]> {
        let memory = self.instance.get_memory(&self.store, name).expect("the same exports");
        memory.data(&self.store).into()
    }

    fn global(&mut self, name: &str) -> Seen {
        seen(&self.instance.get_global(&self.store, name).expect("the same exports").get(&self.store))
    }

    fn table(&mut self, name: &str) -> Vec<Seen> {
        let table = self.instance.get_table(&self.store, name).expect("the same exports");
        let element = |i| seen(&wasmi::Val::from(table.get(&self.store, i).expect("an element")));
        (0..table.size(&self.store)).map(element).collect()
    }
}
