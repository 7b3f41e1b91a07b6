//! One function body → CLIF.
//!
//! | room | what it translates |
//! |---|---|
//! | [`mod@env`] | what of the context, the artifact and the builtins a function refers to |
//! | [`control`] | blocks, branches, and the state after an unconditional branch |
//! | [`numeric`] | numbers: one operator, one or two instructions |
//! | [`memory`] | **every heap address**, with the proof that it stays within the memory's reservation |
//! | [`globals`], [`tables`], [`refs`] | what their names say |
//! | [`calls`] | direct calls, slot calls, calls through tables |
//! | [`bulk`] | `memory.*`, `table.*` and segments, by way of builtins |
//! | [`poll`] | interruption |
//!
//! Architecture invariants: bodies were validated (`analysis::scan`), so an operand popped is there and has the
//! type it needs. Each idiom that compiled code consists of (heap access, slot call, table call, context access)
//! is emitted by one function. No function here knows an architecture.

mod bulk;
mod calls;
mod control;
mod env;
mod globals;
mod memory;
mod numeric;
mod poll;
mod refs;
mod tables;

pub(crate) use env::{Env, clif_type, signature, trap_code};

use crate::error::{CompileError, Result};
use crate::parse;
use crate::symbol::Symbol;
use control::Frame;
use cranelift_codegen::ir::{Function, InstBuilder, SourceLoc, UserFuncName, Value};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use env::Cache;
use wasmparser::{FunctionBody, Operator};

/// Translates the body of function `index` into `function`, which must be empty.
pub(crate) fn translate(
    env: &Env<'_>,
    index: u32,
    body: &FunctionBody<'_>,
    function: &mut Function,
    builder_context: &mut FunctionBuilderContext,
) -> Result<()> {
    function.name = UserFuncName::User(Symbol::Function(index).to_name());
    function.signature = signature(env.module.function_type(index));
    let builder = FunctionBuilder::new(function, builder_context);
    let mut translator = Translator::new(env, index, builder);
    // The body was validated, so an error means that the two readers of it disagree.
    translator.body(index, body).map_err(|error| CompileError::Internal {
        message: format!("a validated body can't be read: {error}"),
        function: Some(index),
    })?;
    translator.builder.finalize(env.frontend_config);
    Ok(())
}

/// The state of translating one function.
struct Translator<'a, 'f> {
    env: &'a Env<'a>,
    builder: FunctionBuilder<'f>,
    cache: Cache,
    /// The hidden first parameter.
    context: Value,
    /// Operands.
    stack: Vec<Value>,
    locals: Vec<Variable>,
    frames: Vec<Frame>,
    /// Whether the code being translated can be reached. If not, operators are skipped.
    reachable: bool,
    /// How many blocks were opened since it can't.
    dead_blocks: u32,
}

impl<'a, 'f> Translator<'a, 'f> {
    fn new(env: &'a Env<'a>, index: u32, mut builder: FunctionBuilder<'f>) -> Self {
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        builder.seal_block(entry);
        let context = builder.block_params(entry)[0];
        let mut translator = Translator {
            env,
            builder,
            cache: Cache::default(),
            context,
            stack: Vec::new(),
            locals: Vec::new(),
            frames: Vec::new(),
            reachable: true,
            dead_blocks: 0,
        };
        let ty = env.module.function_type(index);
        for (i, &param) in ty.params.iter().enumerate() {
            let value = translator.builder.block_params(entry)[i + 1];
            let variable = translator.builder.declare_var(env::clif_type(param));
            translator.builder.def_var(variable, value);
            translator.locals.push(variable);
        }
        translator.push_function_frame(&ty.results);
        translator
    }

    fn body(&mut self, index: u32, body: &FunctionBody<'_>) -> wasmparser::Result<()> {
        self.set_offset(body.range().start);
        self.poll_at_entry(index);
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            let ty = parse::val_type(ty);
            let zero = self.zero(ty);
            for _ in 0..count {
                let variable = self.builder.declare_var(env::clif_type(ty));
                self.builder.def_var(variable, zero);
                self.locals.push(variable);
            }
        }
        let mut operators = parse::operators(body)?;
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset()?;
            self.set_offset(offset);
            self.operator(&operator)?;
        }
        Ok(())
    }

    /// The code that follows belongs to the operator at this offset of the binary.
    fn set_offset(&mut self, offset: u64) {
        // Modules of 4 GiB are refused by the parser.
        self.builder.set_srcloc(SourceLoc::new(offset as u32));
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

            Operator::Call { function_index } => self.call(*function_index),
            Operator::CallIndirect { type_index, table_index } => self.call_indirect(*type_index, *table_index),

            Operator::Drop => {
                self.pop();
            }
            Operator::Select | Operator::TypedSelect { .. } => {
                let (a, b, condition) = self.pop3();
                let value = self.builder.ins().select(condition, a, b);
                self.push(value);
            }
            Operator::LocalGet { local_index } => {
                let value = self.builder.use_var(self.locals[*local_index as usize]);
                self.push(value);
            }
            Operator::LocalSet { local_index } => {
                let value = self.pop();
                self.builder.def_var(self.locals[*local_index as usize], value);
            }
            Operator::LocalTee { local_index } => {
                let value = self.pop();
                self.builder.def_var(self.locals[*local_index as usize], value);
                self.push(value);
            }
            Operator::GlobalGet { global_index } => self.global_get(*global_index),
            Operator::GlobalSet { global_index } => self.global_set(*global_index),

            Operator::RefNull { .. } => self.ref_null(),
            Operator::RefIsNull => self.ref_is_null(),
            Operator::RefFunc { function_index } => self.ref_func(*function_index),

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
                if !self.memory_access(other) && !self.numeric(other) {
                    unreachable!("validated: {other:?} needs a proposal that was refused");
                }
            }
        }
        Ok(())
    }
}
