//! Numbers of 32 bits that addresses are made of, kept in 64.
//!
//! ```text
//!  loop(v: i32):                      loop(w: i64):
//!    a = uextend.i64 v                  v = ireduce.i32 w      no instruction
//!    … load base + a …          ─►      … load base + w …
//!    n = iadd v, 8                      n = iadd v, 8
//!    jump loop(n)                       m = uextend.i64 n      none either: the addition has cleared the upper half
//!                                       jump loop(m)
//! ```
//!
//! An address needs an index in 64 bits. On x86_64 most operations of 32 bits clear the upper half of their register, and the
//! code generator knows that of the operation in front of an extension. It does not know it of what a block is given, of what
//! was loaded, or of a call's result: each of these was moved to another register, and both then were kept, or spilled. Here
//! the extended number takes the place of the other one. This is done to what the optimiser has left, so that nothing of it has to
//! be seen through by the optimiser.
//!
//! Architecture invariant: what stands for the extension of a number always is an extension of it. Each value in
//! [`Widening::wide`] is one of these: an extension right behind the number; a load that extends, in place of the one that did
//! not; a constant; a block's parameter, each of whose arguments is such a value.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{Block, BlockArg, Function, Inst, InstBuilder, InstructionData, Opcode, Value, ValueDef};
use std::collections::HashMap;

/// Keeps numbers that are extended to 64 bits in that width from the beginning. `func` is what the optimiser has left.
pub(crate) fn widen(func: &mut Function) {
    let mut extensions = Vec::new();
    let mut entered: Vec<Entered> = Vec::new();
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            if let InstructionData::Unary { opcode: Opcode::Uextend, arg } = func.dfg.insts[inst]
                && func.dfg.value_type(arg) == I32
                && func.dfg.value_type(func.dfg.first_result(inst)) == I64
            {
                extensions.push((inst, arg));
            }
        }
    }
    if !extensions.iter().any(|&(_, number)| pays(func, number)) {
        return;
    }
    for block in func.layout.blocks() {
        let Some(branch) = func.layout.last_inst(block) else { continue };
        for (i, call) in destinations(func, branch).iter().enumerate() {
            if call.len(&func.dfg.value_lists) > 0 {
                entered.push(Entered { block: call.block(&func.dfg.value_lists), branch, destination: i as u32 });
            }
        }
    }
    entered.sort_unstable_by_key(|entered| (entered.block, entered.branch, entered.destination));

    let mut widening = Widening { func, entered, wide: HashMap::new(), given: Vec::new() };
    for &(_, number) in &extensions {
        if pays(widening.func, number) {
            widening.extended(number);
        }
    }
    widening.follow();
    widening.pass_on();
    for (inst, number) in extensions {
        let Some(&wide) = widening.wide.get(&number) else { continue };
        let dfg = &mut widening.func.dfg;
        let result = dfg.first_result(inst);
        dfg.clear_results(inst);
        dfg.change_to_alias(result, wide);
        widening.func.layout.remove_inst(inst);
    }
    widening.func.dfg.resolve_all_aliases();
}

/// Whether the code generator would make an instruction of an extension of this number.
fn pays(func: &Function, number: Value) -> bool {
    match func.dfg.value_def(number).inst() {
        Some(inst) => !is_cleared(func.dfg.insts[inst].opcode()),
        None => true,
    }
}

/// Whether the code generator knows that the upper half is 0 behind this operation, or makes a constant in any width.
fn is_cleared(opcode: Opcode) -> bool {
    use Opcode::{Band, Bor, Bxor, Iadd, Iconst, Imul, Ishl, Isub, Ushr};
    matches!(opcode, Iadd | Isub | Imul | Band | Bor | Bxor | Ishl | Ushr | Iconst)
}

fn destinations(func: &Function, branch: Inst) -> &[cranelift_codegen::ir::BlockCall] {
    func.dfg.insts[branch].branch_destination(&func.dfg.jump_tables, &func.dfg.exception_tables)
}

/// A way into a block that gives it arguments.
struct Entered {
    block: Block,
    branch: Inst,
    /// Which of the branch's destinations it is.
    destination: u32,
}

struct Widening<'f> {
    func: &'f mut Function,
    /// By block.
    entered: Vec<Entered>,
    /// Extensions of numbers.
    wide: HashMap<Value, Value>,
    /// Parameters of blocks that became wide: the block, and which of its parameters.
    given: Vec<(Block, usize)>,
}

impl Widening<'_> {
    /// The extension of a number.
    fn extended(&mut self, number: Value) -> Value {
        if let Some(&wide) = self.wide.get(&number) {
            return wide;
        }
        let wide = match self.func.dfg.value_def(number) {
            ValueDef::Param(block, i) => self.extended_param(number, block, i),
            ValueDef::Result(inst, _) => self.extended_result(number, inst),
            ValueDef::Union(..) => unreachable!("the optimiser has chosen"),
        };
        self.wide.insert(number, wide);
        wide
    }

    /// What extends the parameter of a block.
    fn extended_param(&mut self, number: Value, block: Block, i: usize) -> Value {
        let start = |func| FuncCursor::new(func).at_first_insertion_point(block);
        if self.func.layout.entry_block() != Some(block) && self.is_given_values(block, i) {
            let wide = self.func.dfg.replace_block_param(number, I64);
            start(self.func).ins().with_result(number).ireduce(I32, wide);
            self.given.push((block, i));
            return wide;
        }
        let given = self.func.dfg.replace_block_param(number, I32);
        let mut cursor = start(self.func);
        let wide = cursor.ins().uextend(I64, given);
        cursor.ins().with_result(number).ireduce(I32, wide);
        wide
    }

    /// What extends the result of an instruction.
    fn extended_result(&mut self, number: Value, inst: Inst) -> Value {
        let behind = |func| FuncCursor::new(func).after_inst(inst);
        match &mut self.func.dfg.insts[inst] {
            // It has no uses that it might become one instruction with: who needs it extended is one, and another number is
            // made of it besides, or it was one instruction with the extension.
            InstructionData::Load { opcode, .. }
                if matches!(opcode, Opcode::Load | Opcode::Uload8 | Opcode::Uload16) =>
            {
                if *opcode == Opcode::Load {
                    *opcode = Opcode::Uload32;
                }
                let wide = self.func.dfg.replace_result(number, I64);
                behind(self.func).ins().with_result(number).ireduce(I32, wide);
                wide
            }
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => {
                let bits = imm.bits() as u32;
                behind(self.func).ins().iconst(I64, i64::from(bits))
            }
            // A truth value, which comparisons and branches look behind.
            &mut InstructionData::Unary { opcode: Opcode::Uextend, arg } => behind(self.func).ins().uextend(I64, arg),
            data if is_cleared(data.opcode()) => behind(self.func).ins().uextend(I64, number),
            _ => {
                let narrow = self.func.dfg.replace_result(number, I32);
                let mut cursor = behind(self.func);
                let wide = cursor.ins().uextend(I64, narrow);
                cursor.ins().with_result(number).ireduce(I32, wide);
                wide
            }
        }
    }

    fn ways_into(&self, block: Block) -> std::ops::Range<usize> {
        let start = self.entered.partition_point(|entered| entered.block < block);
        let end = self.entered.partition_point(|entered| entered.block <= block);
        start..end
    }

    /// What a block is given as one of its parameters, by one of the ways into it.
    fn argument(&self, way: usize, i: usize) -> Option<BlockArg> {
        let Entered { branch, destination, .. } = self.entered[way];
        destinations(self.func, branch)[destination as usize].args(&self.func.dfg.value_lists).nth(i)
    }

    /// Whether a parameter of a block is a value on all ways, and not what a call returned by one of its own.
    fn is_given_values(&self, block: Block, i: usize) -> bool {
        self.ways_into(block).all(|way| matches!(self.argument(way, i), Some(BlockArg::Value(_))))
    }

    /// Extends all that wide parameters are given, and what these are given in turn.
    fn follow(&mut self) {
        let mut done = 0;
        while let Some(&(block, i)) = self.given.get(done) {
            for way in self.ways_into(block) {
                if let Some(BlockArg::Value(number)) = self.argument(way, i) {
                    self.extended(number);
                }
            }
            done += 1;
        }
    }

    /// Has all branches give wide parameters what is wide.
    fn pass_on(&mut self) {
        self.given.sort_unstable();
        let Widening { func, entered, wide, given } = self;
        for &Entered { block, branch, destination } in entered.iter() {
            let first = given.partition_point(|&(other, _)| other < block);
            let mut given = given[first..].iter().take_while(|&&(other, _)| other == block).map(|&(_, i)| i).peekable();
            if given.peek().is_none() {
                continue;
            }
            let dfg = &mut func.dfg;
            let calls = dfg.insts[branch].branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
            let mut at = 0;
            calls[destination as usize].update_args(&mut dfg.value_lists, |arg| {
                let is_wide = given.next_if_eq(&at).is_some();
                at += 1;
                match arg {
                    BlockArg::Value(number) if is_wide => BlockArg::Value(wide.get(&number).copied().unwrap_or(number)),
                    arg => arg,
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::ir::{AbiParam, BlockCall, Signature, TrapCode, UserFuncName};
    use cranelift_codegen::ir::{JumpTableData, MemFlagsData};
    use cranelift_codegen::isa::CallConv;
    use cranelift_codegen::{isa, settings, verify_function};
    use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

    /// What is left of a function in which a loop's number comes from each kind of instruction: how many extensions of 32 bits.
    fn extensions(make: impl FnOnce(&mut FunctionBuilder<'_>, Value, Value) -> Value) -> usize {
        let mut signature = Signature::new(CallConv::Tail);
        signature.params = vec![AbiParam::new(I64), AbiParam::new(I32)];
        let mut func = Function::with_name_signature(UserFuncName::default(), signature);
        let mut context = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut func, &mut context);
        let (entry, header, end) = (builder.create_block(), builder.create_block(), builder.create_block());
        builder.append_block_params_for_function_params(entry);
        let (base, first) = (builder.block_params(entry)[0], builder.block_params(entry)[1]);
        let number = builder.append_block_param(header, I32);
        builder.switch_to_block(entry);
        builder.ins().jump(header, &[BlockArg::Value(first)]);
        builder.switch_to_block(header);
        let flags = MemFlagsData::new().with_trap_code(Some(TrapCode::HEAP_OUT_OF_BOUNDS));
        let index = builder.ins().uextend(I64, number);
        let address = builder.ins().iadd(base, index);
        let loaded = builder.ins().load(I32, flags, address, 0);
        let next = make(&mut builder, number, loaded);
        let calls = [end, header].map(|block| {
            let args = if block == header { vec![BlockArg::Value(next)] } else { vec![] };
            BlockCall::new(block, args, &mut builder.func.dfg.value_lists)
        });
        let table = builder.create_jump_table(JumpTableData::new(calls[0], &calls));
        builder.ins().br_table(loaded, table);
        builder.switch_to_block(end);
        builder.ins().return_(&[]);
        builder.seal_all_blocks();
        let flags = settings::Flags::new(settings::builder());
        let isa = isa::lookup_by_name("x86_64").unwrap().finish(flags).unwrap();
        builder.finalize(isa.frontend_config());

        widen(&mut func);
        verify_function(&func, &*isa).unwrap_or_else(|e| panic!("{e}\n{func}"));
        let insts = func.layout.blocks().flat_map(|block| func.layout.block_insts(block));
        let extends = |&inst: &Inst| match func.dfg.insts[inst] {
            InstructionData::Unary { opcode: Opcode::Uextend, arg } => {
                func.dfg.value_type(arg) == I32 && pays(&func, arg)
            }
            _ => false,
        };
        insts.filter(extends).count()
    }

    #[test]
    fn what_a_loop_counts_or_loads_is_not_extended_and_what_it_is_given_once() {
        // The function's parameter is, in front of the loop.
        assert_eq!(extensions(|_, number, _| number), 1);
        assert_eq!(extensions(|_, _, loaded| loaded), 1);
        assert_eq!(extensions(|builder, _, _| builder.ins().iconst(I32, -1)), 1);
        assert_eq!(extensions(|builder, number, loaded| builder.ins().iadd(number, loaded)), 1);
        assert_eq!(
            extensions(|builder, number, loaded| {
                let less = builder.ins().icmp(cranelift_codegen::ir::condcodes::IntCC::Equal, number, loaded);
                builder.ins().uextend(I32, less)
            }),
            1
        );
        // Nothing is known of what other instructions leave in the upper half.
        assert_eq!(extensions(|builder, number, loaded| builder.ins().rotl(number, loaded)), 2);
    }
}
