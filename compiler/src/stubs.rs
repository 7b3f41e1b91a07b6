//! Stubs: how control goes in, out and across (`runtime_abi::convention`). No stub belongs to an operator, so none has
//! a source position.

use crate::module::FuncType;
use crate::symbol::Symbol;
use crate::translate::{Env, clif_type, signature, trap_code};
use bailiwick_runtime_abi::context::{EXIT, SLOT_CODE, SLOT_CONTEXT};
use bailiwick_runtime_abi::convention::VALUE_SIZE;
use bailiwick_runtime_abi::trap::TrapCode;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{
    AbiParam, Function, InstBuilder, MemFlagsData, Signature, StackSlotData, StackSlotKind, Type, UserFuncName, Value,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

/// Writes the stub that `symbol` names into `function`, which must be empty. Functions of the module and adapters are none.
pub(crate) fn stub(env: &Env<'_>, symbol: Symbol, function: &mut Function, context: &mut FunctionBuilderContext) {
    function.name = UserFuncName::User(symbol.to_name());
    let c_conv = env.frontend_config.default_call_conv;
    let types = &env.module.types;
    function.signature = match symbol {
        Symbol::Entry(_) => c_signature(c_conv, 3),
        Symbol::Exit(ty) => signature(&types[ty as usize]),
        Symbol::Thunk(import) => signature(env.module.function_type(import)),
        Symbol::Denied | Symbol::Function(_) | Symbol::CallTable(_) | Symbol::Adapter(_) => {
            signature(&FuncType::default())
        }
    };
    let mut builder = FunctionBuilder::new(function, context);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    builder.seal_block(block);
    match symbol {
        Symbol::Entry(ty) => entry(&mut builder, &types[ty as usize]),
        Symbol::Exit(ty) => exit(&mut builder, &types[ty as usize], c_conv),
        Symbol::Thunk(import) => thunk(&mut builder, env, import),
        Symbol::Denied | Symbol::Function(_) | Symbol::CallTable(_) | Symbol::Adapter(_) => {
            builder.ins().trap(trap_code(TrapCode::Denied));
        }
    }
    builder.finalize(env.frontend_config);
}

fn c_signature(call_conv: CallConv, params: usize) -> Signature {
    let mut signature = Signature::new(call_conv);
    signature.params.extend(std::iter::repeat_n(AbiParam::new(I64), params));
    signature
}

fn params(builder: &FunctionBuilder<'_>) -> Vec<Value> {
    let block = builder.current_block().expect("a block was entered");
    builder.block_params(block).to_vec()
}

/// Offset of the `i`th value's cell. Function types have at most 1000 values.
fn cell(i: usize) -> i32 {
    (i * VALUE_SIZE) as i32
}

fn load(builder: &mut FunctionBuilder<'_>, ty: Type, base: Value, offset: i32) -> Value {
    builder.ins().load(ty, MemFlagsData::trusted(), base, offset)
}

fn store(builder: &mut FunctionBuilder<'_>, value: Value, base: Value, offset: i32) {
    builder.ins().store(MemFlagsData::trusted(), value, base, offset);
}

/// C convention, `fn(context, code, values)`: calls `code` with what `values` holds, and leaves its results there.
fn entry(builder: &mut FunctionBuilder<'_>, ty: &FuncType) {
    let [context, code, values] = params(builder)[..] else { unreachable!("an entry stub has three parameters") };
    let mut args = vec![context];
    for (i, &param) in ty.params.iter().enumerate() {
        args.push(load(builder, clif_type(param), values, cell(i)));
    }
    let callee = builder.import_signature(signature(ty));
    let call = builder.ins().call_indirect(callee, code, &args);
    for (i, result) in builder.inst_results(call).to_vec().into_iter().enumerate() {
        store(builder, result, values, cell(i));
    }
    builder.ins().return_(&[]);
}

/// `tail` convention: leaves the parameters in an array on the guest's stack and calls the loader's exit routine, which
/// replaces them by the results.
fn exit(builder: &mut FunctionBuilder<'_>, ty: &FuncType, c_conv: CallConv) {
    let params = params(builder);
    let cells = ty.params.len().max(ty.results.len());
    let slot = builder.create_sized_stack_slot(StackSlotData::new(
        StackSlotKind::ExplicitSlot,
        (cells * VALUE_SIZE) as u32,
        VALUE_SIZE.trailing_zeros() as u8,
    ));
    let values = builder.ins().stack_addr(I64, slot, 0);
    for (i, &param) in params[1..].iter().enumerate() {
        store(builder, param, values, cell(i));
    }
    let context = params[0];
    let routine = load(builder, I64, context, EXIT);
    let callee = builder.import_signature(c_signature(c_conv, 2));
    builder.ins().call_indirect(callee, routine, &[context, values]);
    let results: Vec<Value> =
        ty.results.iter().enumerate().map(|(i, &result)| load(builder, clif_type(result), values, cell(i))).collect();
    builder.ins().return_(&results);
}

/// `tail` convention: goes on to what the import's slot holds at this moment. A reference to an imported function is
/// one to its thunk, so that authority stays in the slot.
fn thunk(builder: &mut FunctionBuilder<'_>, env: &Env<'_>, import: u32) {
    let mut args = params(builder);
    let slot = env.facts.layout.slot(import);
    let code = load(builder, I64, args[0], slot + SLOT_CODE);
    args[0] = load(builder, I64, args[0], slot + SLOT_CONTEXT);
    let callee = builder.import_signature(signature(env.module.function_type(import)));
    builder.ins().return_call_indirect(callee, code, &args);
}
