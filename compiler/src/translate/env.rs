//! What a function can refer to: its context, other functions, read-only tables, builtins.
//!
//! Every load and store that is not a heap access goes through here, with its alias region: accesses in different
//! regions never mean the same memory.

use super::{Relaxed, Translator};
use crate::analysis::Facts;
use crate::module::{FuncType, Module};
use crate::symbol::Symbol;
use bailiwick_runtime_abi::builtins::Builtin;
use bailiwick_runtime_abi::context::{self, Anchor, Layout};
use bailiwick_runtime_abi::trap::TrapCode as AbiTrap;
use bailiwick_runtime_abi::types::ValType;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32, F64, I8X16, I32, I64};
use cranelift_codegen::ir::{
    AbiParam, AliasRegion, AliasRegionData, ExtFuncData, ExternalName, FuncRef, GlobalValue, GlobalValueData,
    InstBuilder, MemFlagsData, SigRef, Signature, TrapCode, Type, Value,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use std::collections::HashMap;
use wasmparser::FunctionBody;

/// What all functions of a module share while they are translated.
///
/// Whatever of it a translation reads is part of a function's key: see [`crate::reuse`].
pub(crate) struct Env<'a> {
    pub module: &'a Module<'a>,
    pub facts: &'a Facts,
    /// Of the functions that the module defines.
    pub bodies: &'a [FunctionBody<'a>],
    pub frontend_config: TargetFrontendConfig,
    pub relaxed: Relaxed<'a>,
}

impl<'a> Env<'a> {
    /// The body of a function that the module defines.
    pub fn body(&self, function: u32) -> &'a FunctionBody<'a> {
        &self.bodies[(function - self.module.imported_functions) as usize]
    }
}

/// What one function has declared already.
#[derive(Default)]
pub(super) struct Cache {
    functions: HashMap<u32, FuncRef>,
    signatures: HashMap<u32, SigRef>,
    builtins: HashMap<usize, SigRef>,
    call_tables: HashMap<u32, GlobalValue>,
}

/// The code generator's type of a value.
pub(crate) fn clif_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 => I32,
        ValType::I64 | ValType::Ref(_) => I64,
        ValType::F32 => F32,
        ValType::F64 => F64,
        ValType::V128 => I8X16,
    }
}

/// The signature of compiled functions: the context, then the parameters.
pub(crate) fn signature(ty: &FuncType) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.push(AbiParam::new(I64));
    signature.params.extend(ty.params.iter().map(|&ty| AbiParam::new(clif_type(ty))));
    signature.returns.extend(ty.results.iter().map(|&ty| AbiParam::new(clif_type(ty))));
    signature
}

/// The code generator's form of a trap code. Its own codes have the same numbers as ours.
pub(crate) const fn trap_code(code: AbiTrap) -> TrapCode {
    match code {
        AbiTrap::StackOverflow => TrapCode::STACK_OVERFLOW,
        AbiTrap::IntegerOverflow => TrapCode::INTEGER_OVERFLOW,
        AbiTrap::MemoryOutOfBounds => TrapCode::HEAP_OUT_OF_BOUNDS,
        AbiTrap::IntegerDivisionByZero => TrapCode::INTEGER_DIVISION_BY_ZERO,
        AbiTrap::BadConversionToInteger => TrapCode::BAD_CONVERSION_TO_INTEGER,
        code => TrapCode::unwrap_user(code as u8),
    }
}

const _: () = {
    assert!(TrapCode::STACK_OVERFLOW.as_raw().get() == AbiTrap::StackOverflow as u8);
    assert!(TrapCode::INTEGER_OVERFLOW.as_raw().get() == AbiTrap::IntegerOverflow as u8);
    assert!(TrapCode::HEAP_OUT_OF_BOUNDS.as_raw().get() == AbiTrap::MemoryOutOfBounds as u8);
    assert!(TrapCode::INTEGER_DIVISION_BY_ZERO.as_raw().get() == AbiTrap::IntegerDivisionByZero as u8);
    assert!(TrapCode::BAD_CONVERSION_TO_INTEGER.as_raw().get() == AbiTrap::BadConversionToInteger as u8);
};

/// Entities with an alias region of their own, of each kind. The rest share one: a function can have only so many
/// different combinations of flags, and a module up to a million globals.
const MAX_OWN_REGIONS: u32 = 1000;

/// Memory that no access in another region means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Region {
    /// Fields that never change while the instance lives.
    Context,
    /// Function slots: revocation changes them during any call.
    Slots,
    /// Lengths of all memories.
    MemoryLengths,
    /// Lengths of all tables.
    TableLengths,
    /// Funcref records.
    Funcrefs,
    /// Read-only call tables.
    CallTables,
    /// Contents of a memory that the module defines.
    Memory(u32),
    /// Contents of all imported memories: they may be one.
    ImportedMemories,
    /// Elements of a table that the module defines.
    Table(u32),
    /// Elements of all imported tables: they may be one.
    ImportedTables,
    /// A global that the module defines.
    Global(u32),
    /// All imported globals: they may be one.
    ImportedGlobals,
    /// The poll page.
    Poll,
    /// What exceptions carry: written before they are thrown, and never again.
    Exceptions,
}

impl Region {
    fn data(self) -> AliasRegionData {
        let numbered = |kind: u32, name: &str, i: u32| {
            let i = i.min(MAX_OWN_REGIONS);
            let more = if i == MAX_OWN_REGIONS { " and above" } else { "" };
            (kind << 16 | i, format!("{name} {i}{more}").into())
        };
        let (user_id, description) = match self {
            Region::Context => (0, "context".into()),
            Region::Slots => (1, "slots".into()),
            Region::MemoryLengths => (2, "memory lengths".into()),
            Region::TableLengths => (3, "table lengths".into()),
            Region::Funcrefs => (4, "funcrefs".into()),
            Region::CallTables => (5, "call tables".into()),
            Region::ImportedMemories => (6, "imported memories".into()),
            Region::ImportedTables => (7, "imported tables".into()),
            Region::ImportedGlobals => (8, "imported globals".into()),
            Region::Poll => (9, "poll page".into()),
            Region::Exceptions => (10, "exceptions".into()),
            Region::Memory(i) => numbered(1, "memory", i),
            Region::Table(i) => numbered(2, "table", i),
            Region::Global(i) => numbered(3, "global", i),
        };
        AliasRegionData { user_id, description }
    }
}

impl Translator<'_, '_> {
    pub(super) fn layout(&self) -> &Layout {
        &self.env.facts.layout
    }

    pub(super) fn region(&mut self, region: Region) -> AliasRegion {
        self.builder.func.dfg.alias_regions.insert(region.data())
    }

    /// Decides by which value everything is reached that lies at a distance from the context's address, at the function's entry.
    ///
    /// Every call wants the context in one certain register. In a function of many calls the allocator would keep in that
    /// register, or on the stack, what everything else wants too. So there it is another value: read from the context, which has
    /// the address of the memory, and that is the same.
    pub(super) fn set_anchor(&mut self, function: u32) {
        let facts = self.env.facts;
        if facts.anchor == Anchor::Memory && facts.crowded.binary_search(&function).is_ok() {
            let field = self.layout().memory(0) + context::MEMORY_BASE;
            self.anchor = self.load_fixed(I64, self.context, field);
        }
    }

    /// Flags of an access to `region` that can't fault.
    pub(super) fn flags(&mut self, region: Region) -> MemFlagsData {
        let region = self.region(region);
        MemFlagsData::trusted().with_alias_region(Some(region))
    }

    /// Loads a field that never changes while the instance lives: made once per function, wherever it is used.
    pub(super) fn load_fixed(&mut self, ty: Type, base: Value, offset: i32) -> Value {
        let flags = self.flags(Region::Context).with_readonly().with_can_move();
        self.builder.ins().load(ty, flags, base, offset)
    }

    /// Loads a field of `region` that may change.
    pub(super) fn load(&mut self, ty: Type, region: Region, base: Value, offset: i32) -> Value {
        let flags = self.flags(region);
        self.builder.ins().load(ty, flags, base, offset)
    }

    /// Stores a field of `region`.
    pub(super) fn store(&mut self, region: Region, value: Value, base: Value, offset: i32) {
        let flags = self.flags(region);
        self.builder.ins().store(flags, value, base, offset);
    }

    pub(super) fn i32_const(&mut self, value: u32) -> Value {
        self.builder.ins().iconst(I32, i64::from(value))
    }

    pub(super) fn i64_const(&mut self, value: u64) -> Value {
        self.builder.ins().iconst(I64, value as i64)
    }

    /// The value that locals of this type begin with.
    pub(super) fn zero(&mut self, ty: ValType) -> Value {
        self.constant(ty, 0)
    }

    /// A number or null by its bits.
    pub(super) fn constant(&mut self, ty: ValType, bits: u64) -> Value {
        match ty {
            ValType::I32 => self.i32_const(bits as u32),
            ValType::I64 | ValType::Ref(_) => self.i64_const(bits),
            ValType::F32 => {
                self.builder.ins().f32const(cranelift_codegen::ir::immediates::Ieee32::with_bits(bits as u32))
            }
            ValType::F64 => self.builder.ins().f64const(cranelift_codegen::ir::immediates::Ieee64::with_bits(bits)),
            ValType::V128 => self.vector_constant(I8X16, u128::from(bits)),
        }
    }

    /// Traps if `condition` is not 0.
    pub(super) fn trap_if(&mut self, condition: Value, code: AbiTrap) {
        self.builder.ins().trapnz(condition, trap_code(code));
    }

    /// The signature of a function type.
    pub(super) fn sig_ref(&mut self, type_index: u32) -> SigRef {
        let canonical = self.env.facts.canonical[type_index as usize];
        let builder = &mut self.builder;
        let ty = &self.env.module.types[canonical as usize];
        *self.cache.signatures.entry(canonical).or_insert_with(|| builder.import_signature(signature(ty)))
    }

    /// A function that the module defines.
    pub(super) fn func_ref(&mut self, function: u32) -> FuncRef {
        if let Some(&func_ref) = self.cache.functions.get(&function) {
            return func_ref;
        }
        let signature = self.sig_ref(self.env.module.functions[function as usize]);
        let name = self.builder.func.declare_imported_user_function(Symbol::Function(function).to_name());
        let func_ref = self.builder.import_function(ExtFuncData {
            name: ExternalName::user(name),
            signature,
            colocated: true,
            patchable: false,
        });
        self.cache.functions.insert(function, func_ref);
        func_ref
    }

    /// The address of a table's read-only call table: at a fixed distance from the code.
    pub(super) fn call_table_address(&mut self, table: u32) -> Value {
        let builder = &mut self.builder;
        let global = *self.cache.call_tables.entry(table).or_insert_with(|| {
            let name = builder.func.declare_imported_user_function(Symbol::CallTable(table).to_name());
            builder.create_global_value(GlobalValueData::Symbol {
                name: ExternalName::user(name),
                offset: 0.into(),
                colocated: true,
                tls: false,
            })
        });
        self.builder.ins().symbol_value(I64, global)
    }

    /// Calls a runtime function with 64-bit integers, of those that throw nothing.
    pub(super) fn call_builtin(&mut self, builtin: Builtin, args: &[Value]) -> Value {
        let (signature, code, args) = self.builtin_call(builtin, args);
        let call = self.builder.ins().call_indirect(signature, code, &args);
        self.safepoint(call);
        self.builder.inst_results(call)[0]
    }

    /// What a call of a runtime function consists of: signature, code, and arguments with the context in front.
    pub(super) fn builtin_call(&mut self, builtin: Builtin, args: &[Value]) -> (SigRef, Value, Vec<Value>) {
        debug_assert_eq!(args.len(), builtin.params());
        let call_conv = self.env.frontend_config.default_call_conv;
        let builder = &mut self.builder;
        let signature = *self.cache.builtins.entry(args.len()).or_insert_with(|| {
            let mut signature = Signature::new(call_conv);
            signature.params.extend(std::iter::repeat_n(AbiParam::new(I64), args.len() + 1));
            signature.returns.push(AbiParam::new(I64));
            builder.import_signature(signature)
        });
        let builtins = self.layout().header(context::BUILTINS);
        let table = self.load_fixed(I64, self.anchor, builtins);
        let code = self.load_fixed(I64, table, builtin.offset());
        let mut all = Vec::with_capacity(args.len() + 1);
        // They get its first byte, which is what the loader's header is at.
        all.push(match self.layout().header(0) {
            0 => self.anchor,
            start => self.builder.ins().iadd_imm_s(self.anchor, i64::from(start)),
        });
        all.extend(args);
        (signature, code, all)
    }

    /// An operand of type i32 or i64 in 64 bits, extended with zeros.
    pub(super) fn extend(&mut self, value: Value) -> Value {
        if self.builder.func.dfg.value_type(value) == I64 {
            return value;
        }
        self.builder.ins().uextend(I64, value)
    }

    /// Compares with a constant, as unsigned numbers.
    pub(super) fn compare_const(&mut self, condition: IntCC, value: Value, constant: u64) -> Value {
        self.builder.ins().icmp_imm_u(condition, value, constant as i64)
    }
}
