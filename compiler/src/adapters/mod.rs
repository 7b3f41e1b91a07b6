//! Adapters: compiled code that carries a call from one group to another (`runtime_abi::edge`, the contract).
//!
//! | room | what it has |
//! |---|---|
//! | [`shape`] | the types of a function, laid out and numbered |
//! | [`call`] | the course of a call, from the first check to the return |
//! | [`carry`] | one value from one side to the other |
//! | [`copy`] | the bytes of strings and lists |
//! | [`scalar`] | values of a fixed size, and the core values that hold them |
//! | [`guard`] | **every check of an address, every allocation, every limit** |
//! | [`emitter`] | the record, what is called through it, and what happens when a call can't go on |
//!
//! What an adapter does, in which order and with which answers, is what the loader's reference does (`app::marshal`),
//! which is to be read and believed; here it is only unrolled by the types.
//!
//! Architecture invariants:
//! * An adapter reads and writes a guest's memory only within ranges that [`guard`] has checked, at offsets within the
//!   size that was checked. Memories never shrink, and their bases never change, so a check holds while guests run.
//! * What decides anything (a length, a discriminant, a pointer) is read once, into a value of the code generator; text is
//!   found to be text, and then copied, while nobody can change it.
//! * Whatever the checks said, an address that is accessed is a base, 32 bits of a guest, and less than 2²⁹ bytes: it lies in
//!   the reservation of that memory and its guard. Only a length that a processor guesses wrongly, and finds out, leads up to
//!   16 bytes in front of the base, to the guard there.

mod call;
mod carry;
mod copy;
mod emitter;
mod guard;
mod scalar;
mod shape;

#[cfg(test)]
mod tests;

use crate::module::{Entity, Module};
use crate::symbol::Symbol;
use crate::translate::signature;
use bailiwick_runtime_abi::edge;
use bailiwick_runtime_abi::limits::{GUARD_SIZE, MEMORY_RESERVATION};
use bailiwick_runtime_abi::wit::{Direction, MAX_VALUE_SIZE, World};
use cranelift_codegen::ir::{Function, UserFuncName};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use shape::Plan;
use std::collections::HashMap;

/// Most bytes of an adapter's frame: a small part of [`edge::STACK_RESERVE`]. One that needs more is left out, and the
/// loader carries the calls.
pub(crate) const MAX_FRAME_SIZE: u32 = 8 << 10;

/// Most that one adapter weighs ([`shape::Plan::weight`]): about 100 KiB of code, and a tenth of a second. One that weighs
/// more is left out.
const MAX_WEIGHT: u32 = 1000;
/// Most that all adapters of a module weigh together: types are shared, so a function of 20 bytes of WIT can weigh
/// [`MAX_WEIGHT`]. Those that are left out come last.
const MAX_TOTAL_WEIGHT: u32 = 1 << 16;

const _: () = {
    assert!(MAX_FRAME_SIZE as u64 <= edge::STACK_RESERVE / 4);
    // An address, and what is read or written there, whatever was checked.
    assert!(u32::MAX as u64 + 2 * (MAX_VALUE_SIZE as u64) < MEMORY_RESERVATION + GUARD_SIZE);
    assert!(edge::MAX_CONTENT < MAX_VALUE_SIZE as u64);
};

/// Which of a module's imports have adapters.
pub(crate) struct Adapters {
    world: Option<World>,
    /// The imported function and its position among the world's imports, ascending.
    functions: Vec<(u32, usize)>,
}

impl Adapters {
    /// None at all, as for a module without a world.
    pub fn none() -> Adapters {
        Adapters { world: None, functions: Vec::new() }
    }

    /// For each function of the world that the module imports, if it is not too large.
    pub fn new(module: &Module<'_>, world: World) -> Adapters {
        let imports = world.imports().iter().enumerate();
        let known: HashMap<(&str, &str), usize> =
            imports.map(|(i, function)| ((function.import_module(), function.import_field()), i)).collect();
        let mut left = MAX_TOTAL_WEIGHT;
        let mut functions = Vec::new();
        for import in &module.imports {
            let Entity::Function(function) = import.entity else { continue };
            let Some(&i) = known.get(&(import.module, import.name)) else { continue };
            let core = world.signature(&world.imports()[i], Direction::Lower);
            let ty = module.function_type(function);
            // The world was checked against the module before.
            if (&ty.params, &ty.results) != (&core.params, &core.results) {
                continue;
            }
            let weight = Plan::new(&world, &world.imports()[i]).map(|plan| plan.weight());
            let weight = weight.filter(|&weight| weight <= MAX_WEIGHT);
            // To find that it is too much takes time, too.
            let Some(rest) = left.checked_sub(weight.unwrap_or(MAX_WEIGHT)) else { break };
            left = rest;
            if weight.is_some() {
                functions.push((function, i));
            }
        }
        Adapters { world: Some(world), functions }
    }

    /// The imported functions that have one, ascending.
    pub fn imports(&self) -> impl Iterator<Item = u32> {
        self.functions.iter().map(|&(import, _)| import)
    }

    /// Writes the adapter of an imported function into `function`, which must be empty.
    pub fn write(
        &self,
        module: &Module<'_>,
        import: u32,
        config: TargetFrontendConfig,
        function: &mut Function,
        context: &mut FunctionBuilderContext,
    ) {
        let place = self.functions.binary_search_by_key(&import, |&(import, _)| import);
        let (Ok(place), Some(world)) = (place, &self.world) else { unreachable!("the import has no adapter") };
        let plan = Plan::new(world, &world.imports()[self.functions[place].1]).expect("it was made before");
        function.name = UserFuncName::User(Symbol::Adapter(import).to_name());
        function.signature = signature(module.function_type(import));
        let mut builder = FunctionBuilder::new(function, context);
        call::write(&mut builder, config.default_call_conv, &plan);
        builder.seal_all_blocks();
        builder.finalize(config);
    }
}
