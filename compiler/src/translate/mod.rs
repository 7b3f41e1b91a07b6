//! One function body → CLIF.
//!
//! | room | what it translates |
//! |---|---|
//! | [`mod@env`] | what of the context, the artifact and the builtins a function refers to |
//! | [`control`] | blocks, branches, and the state after an unconditional branch |
//! | [`numeric`] | numbers: one operator, one or two instructions |
//! | [`memory`] | **every heap address**, with the proof that it stays within the memory's reservation |
//! | [`bounds`] | how large a value can be, by how it is made |
//! | [`lengths`] | where a loop's checks find the length of a memory |
//! | [`hints`] | which way a branch is likely to go |
//! | [`mod@locals`] | locals, and what to do about too many |
//! | [`spilling`] | variables that are kept on the stack from the start |
//! | [`globals`], [`tables`], [`refs`] | what their names say |
//! | [`calls`] | direct calls, slot calls, calls through tables and by reference; tail calls |
//! | [`inline`] | functions whose bodies are translated where they are called |
//! | [`atomic`] | atomic accesses, fences, waiting and notifying |
//! | [`exceptions`] | `try_table`, `throw`, and which references a collection must find |
//! | [`stack_maps`] | how much it takes to say where these are |
//! | [`bulk`] | `memory.*`, `table.*` and segments, by way of builtins |
//! | [`poll`] | interruption |
//! | [`promotion`] | globals that variables hold |
//! | [`unrolling`] | loops that are translated more than once |
//! | [`mod@vectorise`] | loops of which several iterations are made at once |
//! | [`simd`] | vectors |
//! | [`wide`] | arithmetic of 128 bits |
//!
//! Architecture invariants: bodies were validated (`analysis::scan`), so an operand popped is there and has the
//! type it needs. Each idiom that compiled code consists of (heap access, slot call, table call, context access)
//! is emitted by one function. No function here knows an architecture.

mod atomic;
mod bounds;
mod bulk;
mod calls;
mod casts;
mod control;
mod env;
mod exceptions;
mod globals;
mod hints;
mod inline;
mod lengths;
mod locals;
mod memory;
mod numeric;
mod poll;
mod promotion;
mod refs;
mod simd;
mod spilling;
mod stack_maps;
mod tables;
mod unrolling;
mod vectorise;
mod wide;

pub(crate) use env::{Env, clif_type, signature, trap_code};
pub(crate) use inline::{Inlined, MAX_INLINED_DEPTH, Positions, keep_positions_of_loads};
pub(crate) use simd::Relaxed;

use crate::error::{CompileError, Result};
use crate::parse;
use crate::symbol::Symbol;
use control::Frame;
use cranelift_codegen::ir::{Function, Inst, InstBuilder, SourceLoc, UserFuncName, Value};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use env::Cache;
use exceptions::Exceptions;
use hints::Hints;
use inline::Inliner;
use lengths::Lengths;
use locals::Locals;
use promotion::Promotion;
use std::collections::HashSet;
use unrolling::Unrolled;
use wasmparser::Operator;

/// How a function is compiled. Optimisers and allocators of registers take more than linear time, and a function of a
/// few kilobytes could keep them busy for hours: one that is out of all proportion is compiled with less effort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// By the options.
    Full,
    /// Without optimisation.
    Little,
    /// The same, and with locals on the stack.
    Least,
}

/// Values up to which a function is compiled at all.
const MAX_VALUES: usize = 4 << 20;

/// What a function may have, and still be optimised. The largest of CPython and yosys reach a third of one of them.
mod full {
    pub const INSTRUCTIONS: usize = 300_000;
    pub const BLOCKS: usize = 32_000;
    pub const OPERANDS: usize = 1000;
    pub const NESTED_LOOPS: u32 = 64;
}

/// What became of a function.
pub(crate) struct Translated {
    /// How its code is to be made.
    pub effort: Effort,
    /// What the positions of its instructions mean.
    pub positions: Positions,
}

/// Translates the body of function `index` into `function`, which must be empty.
pub(crate) fn translate<'a>(
    env: &'a Env<'a>,
    index: u32,
    function: &mut Function,
    builder_context: &mut FunctionBuilderContext,
) -> Result<Translated> {
    let mut efforts = [Effort::Full, Effort::Little, Effort::Least].into_iter().peekable();
    let mut inlines = env.facts.inlining.is_some();
    while let Some(&effort) = efforts.peek() {
        function.name = UserFuncName::User(Symbol::Function(index).to_name());
        function.signature = signature(env.module.function_type(index));
        let mut translator = Translator::new(env, index, effort, FunctionBuilder::new(function, builder_context));
        if inlines && effort == Effort::Full {
            translator.inliner.allow(env, index);
        }
        // The body was validated, so an error means that the two readers of it disagree.
        let done = translator.body(index).map_err(|error| CompileError::Internal {
            message: format!("a validated body can't be read: {error}"),
            function: Some(index),
        });
        let done = done.and_then(|done| {
            if done {
                translator.exceptions.check(index, translator.builder.func)?;
            }
            Ok(done)
        });
        let inlined = translator.inliner.has_inlined();
        if done == Ok(true) {
            let positions = translator.inliner.positions();
            translator.builder.finalize(env.frontend_config);
            return Ok(Translated { effort, positions });
        }
        // Given up: what the builder has kept of it must not be there for the next function.
        *builder_context = FunctionBuilderContext::new();
        *function = Function::new();
        if inlined {
            // What was inlined may have made it too large.
            inlines = false;
            continue;
        }
        done?;
        efforts.next();
    }
    Err(CompileError::Limit {
        what: format!("the code of function {index} computes more values than that"),
        limit: MAX_VALUES as u64,
    })
}

/// The state of translating one function.
struct Translator<'a, 'f> {
    env: &'a Env<'a>,
    effort: Effort,
    builder: FunctionBuilder<'f>,
    cache: Cache,
    /// The hidden first parameter.
    context: Value,
    /// The same address: see [`Translator::set_anchor`].
    anchor: Value,
    /// Operands.
    stack: Vec<Value>,
    locals: Locals,
    frames: Vec<Frame>,
    exceptions: Exceptions,
    /// How many loops are open.
    loops: u32,
    lengths: Lengths,
    promotion: Promotion,
    /// The loop that is translated more than once, if that is the innermost one.
    unrolled: Option<Unrolled<'a>>,
    hints: Hints<'a>,
    /// Whether the code being translated can be reached. If not, operators are skipped.
    reachable: bool,
    /// How many blocks were opened since it can't.
    dead_blocks: u32,
    /// References that are not null, see [`refs`].
    not_null: HashSet<Value>,
    /// Whether it was found to be too much for this effort.
    given_up: bool,
    /// Offset of the operator in the binary.
    offset: u32,
    inliner: Inliner,
    /// Whether any call is made that was not inlined.
    calls: bool,
    /// The poll at the function's entry.
    entry_poll: Option<[Inst; 2]>,
}

impl<'a, 'f> Translator<'a, 'f> {
    fn new(env: &'a Env<'a>, index: u32, effort: Effort, mut builder: FunctionBuilder<'f>) -> Self {
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        builder.seal_block(entry);
        let context = builder.block_params(entry)[0];
        let mut translator = Translator {
            env,
            effort,
            builder,
            cache: Cache::default(),
            context,
            anchor: context,
            stack: Vec::new(),
            locals: Locals::default(),
            frames: Vec::new(),
            exceptions: Exceptions::default(),
            loops: 0,
            lengths: Lengths::default(),
            promotion: Promotion::default(),
            unrolled: None,
            hints: Hints::default(),
            reachable: true,
            dead_blocks: 0,
            not_null: HashSet::new(),
            given_up: false,
            offset: 0,
            inliner: Inliner::default(),
            calls: false,
            entry_poll: None,
        };
        let ty = env.module.function_type(index);
        translator.push_function_frame(&ty.results);
        translator.set_anchor(index);
        translator
    }

    /// Translates all of it, or stops where it is too much for this effort.
    fn body(&mut self, index: u32) -> wasmparser::Result<bool> {
        self.set_offset(self.env.body(index).range().start);
        self.poll_at_entry(index);
        let entry = self.builder.current_block().expect("a block was entered");
        // In front of them is the context.
        let params = self.builder.block_params(entry)[1..].to_vec();
        self.operators(index, params, None)?;
        self.settle_entry_poll();
        Ok(!self.given_up)
    }

    /// Translates the operators of function `index`, whose parameters are `params`, or stops where it is too much for this
    /// effort. `written` are the locals that they assign, if that is known.
    fn operators(&mut self, index: u32, params: Vec<Value>, written: Option<u64>) -> wasmparser::Result<()> {
        let body = self.env.body(index);
        self.set_offset(body.range().start);
        self.hints = match self.env.module.branch_hints.get(&index) {
            Some(branches) => Hints { body: body.range().start as u32, branches },
            None => Hints::default(),
        };
        self.declare_locals(self.env.module.function_type(index), params, body, written)?;
        let mut operators = parse::operators(body)?;
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset()?;
            self.set_offset(offset);
            if matches!(operator, Operator::End)
                && let Some(again) = self.next_copy()
            {
                operators = again;
                continue;
            }
            let reached = self.reachable;
            if let Operator::Loop { blockty } = operator {
                self.vectorise(offset as u32, blockty, &operators);
            }
            self.operator(&operator)?;
            if reached && matches!(operator, Operator::Loop { .. }) {
                self.unroll(offset as u32, &operators);
            }
            self.given_up = self.given_up || self.too_much();
            if self.given_up {
                break;
            }
        }
        Ok(())
    }

    fn too_much(&self) -> bool {
        let dfg = &self.builder.func.dfg;
        let large = || {
            dfg.num_insts() > full::INSTRUCTIONS
                || dfg.num_blocks() > full::BLOCKS
                || self.stack.len() > full::OPERANDS
                || self.locals.many()
                || self.exceptions.many()
        };
        let crowded = || self.loops > full::NESTED_LOOPS || self.locals.crowded(dfg.num_blocks());
        dfg.num_values() > MAX_VALUES
            || match self.effort {
                Effort::Full => large() || crowded(),
                Effort::Little => crowded(),
                Effort::Least => false,
            }
    }

    /// The code that follows belongs to the operator at this offset of the binary.
    fn set_offset(&mut self, offset: u64) {
        // Modules of 4 GiB are refused by the parser.
        self.offset = offset as u32;
        self.builder.set_srcloc(SourceLoc::new(self.inliner.position(self.offset)));
    }

    fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    fn pop(&mut self) -> Value {
        self.stack.pop().expect("validated: an operand is there")
    }

    fn pop2(&mut self) -> (Value, Value) {
        let second = self.pop();
        (self.pop(), second)
    }

    fn pop3(&mut self) -> (Value, Value, Value) {
        let third = self.pop();
        let (first, second) = self.pop2();
        (first, second, third)
    }

    fn pop_many(&mut self, count: usize) -> Vec<Value> {
        let start = self.stack.len() - count;
        self.stack.split_off(start)
    }

    fn operator(&mut self, operator: &Operator<'_>) -> wasmparser::Result<()> {
        if !self.reachable {
            self.skip(operator);
            return Ok(());
        }
        match operator {
            Operator::Nop => {}
            Operator::Unreachable => self.unreachable(),
            Operator::Block { blockty } => self.block(*blockty),
            Operator::Loop { blockty } => self.loop_(*blockty),
            Operator::If { blockty } => self.if_(*blockty),
            Operator::Else => self.else_(),
            Operator::End => self.end(),
            Operator::Br { relative_depth } => self.br(*relative_depth),
            Operator::BrIf { relative_depth } => self.br_if(*relative_depth),
            Operator::BrTable { targets } => self.br_table(targets)?,
            Operator::Return => self.return_(),

            Operator::Call { function_index } => self.call(*function_index)?,
            Operator::CallIndirect { type_index, table_index } => self.call_indirect(*type_index, *table_index),
            Operator::CallRef { type_index } => self.call_ref(*type_index),
            Operator::ReturnCall { function_index } => self.return_call(*function_index),
            Operator::ReturnCallIndirect { type_index, table_index } => {
                self.return_call_indirect(*type_index, *table_index);
            }
            Operator::ReturnCallRef { type_index } => self.return_call_ref(*type_index),

            Operator::TryTable { try_table } => self.try_table(try_table),
            Operator::Throw { tag_index } => self.throw(*tag_index),
            Operator::ThrowRef => self.throw_ref(),

            Operator::Drop => {
                self.pop();
            }
            Operator::Select => {
                let (a, b, condition) = self.pop3();
                let value = self.builder.ins().select(condition, a, b);
                self.push(value);
            }
            Operator::TypedSelect { ty } => {
                let (a, b, condition) = self.pop3();
                let value = self.builder.ins().select(condition, a, b);
                self.push_typed(&[value], &[self.env.module.val_type(*ty)]);
            }
            Operator::LocalGet { local_index } => {
                let value = self.local_read(*local_index);
                self.push(value);
            }
            Operator::LocalSet { local_index } => {
                let value = self.pop();
                self.local_write(*local_index, value);
            }
            Operator::LocalTee { local_index } => {
                let value = self.pop();
                self.local_write(*local_index, value);
                self.push(value);
            }
            Operator::GlobalGet { global_index } => self.global_get(*global_index),
            Operator::GlobalSet { global_index } => self.global_set(*global_index),

            Operator::RefNull { .. } => self.ref_null(),
            Operator::RefIsNull => self.ref_is_null(),
            Operator::RefFunc { function_index } => self.ref_func(*function_index),
            Operator::RefAsNonNull => self.ref_as_non_null(),
            Operator::BrOnNull { relative_depth } => self.br_on_null(*relative_depth),
            Operator::BrOnNonNull { relative_depth } => self.br_on_non_null(*relative_depth),
            Operator::RefTestNonNull { hty } => self.ref_test(*hty, false),
            Operator::RefTestNullable { hty } => self.ref_test(*hty, true),
            Operator::RefCastNonNull { hty } => self.ref_cast(*hty, false),
            Operator::RefCastNullable { hty } => self.ref_cast(*hty, true),
            Operator::BrOnCast { relative_depth, to_ref_type, .. } => {
                self.br_on_cast(*relative_depth, *to_ref_type, true);
            }
            Operator::BrOnCastFail { relative_depth, to_ref_type, .. } => {
                self.br_on_cast(*relative_depth, *to_ref_type, false);
            }

            Operator::TableGet { table } => self.table_get(*table),
            Operator::TableSet { table } => self.table_set(*table),
            Operator::TableSize { table } => self.table_size(*table),
            Operator::TableGrow { table } => self.table_grow(*table),
            Operator::TableFill { table } => self.table_fill(*table),
            Operator::TableCopy { dst_table, src_table } => self.table_copy(*dst_table, *src_table),
            Operator::TableInit { elem_index, table } => self.table_init(*elem_index, *table),
            Operator::ElemDrop { elem_index } => self.elem_drop(*elem_index),

            Operator::MemorySize { mem } => self.memory_size(*mem),
            Operator::MemoryGrow { mem } => self.memory_grow(*mem),
            Operator::MemoryCopy { dst_mem, src_mem } => self.memory_copy(*dst_mem, *src_mem),
            Operator::MemoryFill { mem } => self.memory_fill(*mem),
            Operator::MemoryInit { data_index, mem } => self.memory_init(*data_index, *mem),
            Operator::DataDrop { data_index } => self.data_drop(*data_index),

            other => {
                if !self.memory_access(other)
                    && !self.numeric(other)
                    && !self.vector(other)
                    && !self.wide(other)
                    && !self.atomic(other)
                {
                    unreachable!("validated: {other:?} needs a proposal that was refused");
                }
            }
        }
        Ok(())
    }
}
