//! Tests and casts of references that are not collected: functions, host values and exceptions.
//!
//! The validator has seen to it that a reference is cast within its own hierarchy, so of a host value or an exception only
//! null is to be told from the others. A function has a type, which its record names.

use super::Translator;
use super::env::trap_code;
use bailiwick_runtime_abi::builtins::Builtin;
use bailiwick_runtime_abi::trap::TrapCode;
use bailiwick_runtime_abi::types::HeapType;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I32};
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value};

impl Translator<'_, '_> {
    /// Whether a reference is to something of a type, or null where `nullable`: 1 or 0, of type I8.
    fn is_of(&mut self, reference: Value, heap: HeapType, nullable: bool) -> Value {
        match heap {
            HeapType::Func | HeapType::Extern | HeapType::Exn => {
                if nullable || self.not_null.contains(&reference) {
                    return self.builder.ins().iconst(I8, 1);
                }
                self.compare_const(IntCC::NotEqual, reference, 0)
            }
            HeapType::NoFunc | HeapType::NoExtern | HeapType::NoExn => {
                if !nullable {
                    return self.builder.ins().iconst(I8, 0);
                }
                self.compare_const(IntCC::Equal, reference, 0)
            }
            HeapType::Concrete(_, ty) => self.is_function_of(reference, ty, nullable),
            HeapType::Any | HeapType::Eq | HeapType::I31 | HeapType::Struct | HeapType::Array | HeapType::None => {
                unreachable!("garbage-collected values are refused")
            }
        }
    }

    /// The same of a function type that the module defines.
    fn is_function_of(&mut self, reference: Value, ty: u32, nullable: bool) -> Value {
        let done = self.builder.create_block();
        let answer = self.builder.append_block_param(done, I8);
        let function = self.builder.create_block();
        let null = self.builder.ins().iconst(I8, i64::from(nullable));
        // A record is only read if there is one.
        self.builder.ins().brif(reference, function, &[], done, &[BlockArg::Value(null)]);
        self.builder.seal_block(function);
        self.builder.switch_to_block(function);
        let (found, expected) = self.found_and_expected(ty, reference);
        let same = self.builder.ins().icmp(IntCC::Equal, found, expected);
        if self.env.module.definitions[ty as usize].is_final {
            self.builder.ins().jump(done, &[BlockArg::Value(same)]);
        } else {
            // A type that others may be subtypes of: the loader knows.
            let differs = self.builder.create_block();
            self.builder.ins().brif(same, done, &[BlockArg::Value(same)], differs, &[]);
            self.builder.seal_block(differs);
            self.builder.switch_to_block(differs);
            let (found, expected) = (self.extend(found), self.extend(expected));
            let subtype = self.call_builtin(Builtin::is_subtype, &[found, expected]);
            let subtype = self.builder.ins().ireduce(I8, subtype);
            self.builder.ins().jump(done, &[BlockArg::Value(subtype)]);
        }
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
        answer
    }

    pub(super) fn ref_test(&mut self, ty: wasmparser::HeapType, nullable: bool) {
        let heap = self.env.module.heap_type(ty);
        let reference = self.pop();
        let answer = self.is_of(reference, heap, nullable);
        let answer = self.builder.ins().uextend(I32, answer);
        self.push(answer);
    }

    pub(super) fn ref_cast(&mut self, ty: wasmparser::HeapType, nullable: bool) {
        let heap = self.env.module.heap_type(ty);
        let reference = self.pop();
        let answer = self.is_of(reference, heap, nullable);
        self.builder.ins().trapz(answer, trap_code(TrapCode::CastFailure));
        if nullable || self.not_null.contains(&reference) {
            return self.push(reference);
        }
        let next = self.builder.create_block();
        self.builder.ins().jump(next, &[BlockArg::Value(reference)]);
        self.go_on_with(next, reference);
    }

    /// Branches with a reference if it is of a type, or if it is not; the reference stays where it is not taken along.
    pub(super) fn br_on_cast(&mut self, depth: u32, ty: wasmparser::RefType, if_it_is: bool) {
        let heap = self.env.module.heap_type(ty.heap_type());
        let reference = self.pop();
        let answer = self.is_of(reference, heap, ty.is_nullable());
        self.push(reference);
        let (target, values) = self.branch_to(depth);
        let args = self.top(values);
        let next = self.builder.create_block();
        if if_it_is {
            self.builder.ins().brif(answer, target, &args, next, &[]);
        } else {
            self.builder.ins().brif(answer, next, &[], target, &args);
        }
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
    }
}
