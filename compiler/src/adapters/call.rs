//! The course of a call (`runtime_abi::edge`, "An adapter's course").

use super::carry::Spot;
use super::emitter::{Emitter, Failure, Side, Way, cell};
use super::guard::Range;
use super::shape::Plan;
use crate::translate::{clif_type, trap_code};
use bailiwick_runtime_abi::edge::{
    self, BYTES, BYTES_PER_ELEMENT, CALLEE_GATE, CALLEE_INTERRUPT, CALLER_GATE, CALLER_INTERRUPT, Code, ELEMENTS,
    ENTERED, FINISH, FLAGS, GATE_CLOSED, GATE_STATE, Region, Routine, STACK_LOW, Stage, TARGET_CODE, Target, VALUES,
};
use bailiwick_runtime_abi::trap::TrapCode;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{Block, InstBuilder, Value};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;

/// Writes the adapter that `plan` says. The function has its signature and nothing else.
pub(super) fn write(builder: &mut FunctionBuilder<'_>, convention: CallConv, plan: &Plan) {
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let all = builder.block_params(entry).to_vec();
    let (record, params) = (all[0], &all[1..]);
    let cells = edge::cells((&plan.import.params, &plan.import.results), (&plan.export.params, &plan.export.results));
    let mut emitter = Emitter::new(builder, convention, record, cells);
    let over = emitter.builder.create_block();
    emitter.builder.set_cold_block(over);

    emitter.check_stack();
    let area = params.last().filter(|_| plan.import.result_by_pointer).copied();
    emitter.area = match area {
        Some(area) => emitter.extend(area),
        None => emitter.i64_const(0),
    };
    emitter.begin(params, over);
    emitter.set_limits(plan);
    if plan.memories {
        emitter.check_memories();
    }
    emitter.check_result_area(plan, area);
    let lowered = emitter.params(plan, params);
    let values = emitter.address_of(emitter.values);
    for (i, &value) in lowered.iter().enumerate() {
        emitter.store(value, values, cell(i));
    }
    emitter.enter(Target::Function, emitter.values, Stage::Function, 0);
    if plan.lends {
        let (code, region, stage) = (Code::Recorded, Region::None, Stage::Function);
        let failure = Failure { code, region, stage, side: Side::Callee, place: 0 };
        emitter.try_routine(Routine::Returned, &[], failure);
    }
    let results = emitter.result(plan, area);
    emitter.post_return();
    emitter.end();
    emitter.builder.ins().return_(&results);
    emitter.failures(plan, over);
}

impl Emitter<'_, '_> {
    /// Traps if there is too little stack for what an adapter calls.
    fn check_stack(&mut self) {
        let pointer = self.builder.ins().get_stack_pointer(I64);
        let low = self.field(STACK_LOW);
        let below = self.builder.ins().icmp(IntCC::UnsignedLessThan, pointer, low);
        self.builder.ins().trapnz(below, trap_code(TrapCode::StackOverflow));
    }

    /// Asks the loader, unless all is as usual, whether the call goes on; it leads to `over` if not. Then the callee is
    /// entered. While the record has flags, nothing else of it is looked at.
    fn begin(&mut self, params: &[Value], over: Block) {
        let [unusual, gates, run] = [(); 3].map(|()| self.builder.create_block());
        self.builder.set_cold_block(unusual);
        let flags = self.load(I32, self.record, FLAGS);
        self.builder.ins().brif(flags, unusual, &[], gates, &[]);

        self.enter_block(gates);
        let (callee, caller) = (self.field(CALLEE_GATE), self.field(CALLER_GATE));
        let state = self.load(I32, callee, GATE_STATE);
        let closed = self.load(I32, caller, GATE_CLOSED);
        let mut any = self.builder.ins().bor(state, closed);
        for interrupt in [CALLER_INTERRUPT, CALLEE_INTERRUPT] {
            let address = self.field(interrupt);
            let interrupted = self.load_word(1, address, 0);
            any = self.builder.ins().bor(any, interrupted);
        }
        self.builder.ins().brif(any, unusual, &[], run, &[]);

        self.enter_block(unusual);
        let values = self.address_of(self.values);
        for (i, &param) in params.iter().enumerate() {
            self.store(param, values, cell(i));
        }
        let is_over = self.status(Routine::Begin, &[self.area, values]);
        self.builder.ins().brif(is_over, over, &[], run, &[]);

        self.enter_block(run);
        let gate = self.field(CALLEE_GATE);
        let entered = self.i32_const(ENTERED);
        self.store(entered, gate, GATE_STATE);
    }

    /// Says how much the call may move, if it can move anything.
    fn set_limits(&mut self, plan: &Plan) {
        if !plan.memories {
            return;
        }
        let bytes = self.load(I32, self.record, VALUES);
        let bytes = self.extend(bytes);
        self.store(bytes, self.record, BYTES);
        if plan.counts_elements() {
            let elements = self.builder.ins().ushr_imm_u(bytes, i64::from(BYTES_PER_ELEMENT.trailing_zeros()));
            self.store(elements, self.record, ELEMENTS);
        }
    }

    /// Checks where the caller wants the result: first of all, so that nothing runs in vain, and again when its memory may
    /// have grown.
    fn check_result_area(&mut self, plan: &Plan, area: Option<Value>) {
        let (Some(pointer), Some(shape)) = (area, &plan.result) else { return };
        let size = self.i64_const(shape.size.into());
        let range = Range { pointer, size, align: shape.align, region: Region::Result, place: shape.place };
        self.check_range(Side::Caller, range);
    }

    /// Carries all parameters (CanonicalABI.md, "Lifting and Lowering Values"); what the callee is given.
    fn params(&mut self, plan: &Plan, params: &[Value]) -> Vec<Value> {
        self.way = Way::ToCallee;
        if plan.import.params_by_pointer {
            let (pointer, align) = (params[0], plan.layout.align);
            let size = self.i64_const(plan.layout.size.into());
            self.check_range(Side::Caller, Range { pointer, size, align, region: Region::Params, place: 0 });
            let target = self.allocate(size, align, 0);
            let [from, to] = self.spots(pointer, target);
            for param in &plan.params {
                let at = |spot: Spot| Spot { offset: param.offset, ..spot };
                self.stored(&param.shape, at(from), at(to));
            }
            return vec![target];
        }
        let mut rest = params;
        let mut lowered = Vec::new();
        for param in &plan.params {
            let len = param.shape.flat.types().map_or(0, <[_]>::len);
            let (own, behind) = rest.split_at(len);
            rest = behind;
            lowered.extend(self.flat(&param.shape, own));
        }
        lowered
    }

    /// Carries the result: a core value to a core value, or from where the callee has it to where the caller wants it. What
    /// the function returned stays in `values`, for its post-return function.
    fn result(&mut self, plan: &Plan, area: Option<Value>) -> Vec<Value> {
        self.way = Way::ToCaller;
        let (Some(shape), Some(&ty)) = (&plan.result, plan.export.results.first()) else { return Vec::new() };
        let values = self.address_of(self.values);
        let returned = self.load(clif_type(ty), values, 0);
        let Some(to) = area else { return self.flat(shape, &[returned]) };
        self.check_result_area(plan, area);
        let size = self.i64_const(shape.size.into());
        let (align, place) = (shape.align, shape.place);
        self.check_range(Side::Callee, Range { pointer: returned, size, align, region: Region::Result, place });
        self.spend(size, place);
        let [from, to] = self.spots(returned, to);
        self.stored(shape, from, to);
        Vec::new()
    }

    /// Lets the callee clean up, if it has a function for that.
    fn post_return(&mut self) {
        let code = self.field(Target::PostReturn.offset() + TARGET_CODE);
        self.when(code, false, |emitter| {
            emitter.enter(Target::PostReturn, emitter.values, Stage::PostReturn, 0);
        });
    }

    /// The callee may be entered again.
    fn end(&mut self) {
        let gate = self.field(CALLEE_GATE);
        // It may have died meanwhile, which is for good.
        let state = self.load(I32, gate, GATE_STATE);
        let left = self.builder.ins().band_imm_u(state, i64::from(!ENTERED));
        self.store(left, gate, GATE_STATE);
        let flags = self.load(I32, self.record, FLAGS);
        let finish = self.builder.ins().band_imm_u(flags, i64::from(FINISH));
        self.when(finish, false, |emitter| {
            emitter.routine(Routine::Finish, &[]);
        });
    }

    /// Where all failures lead, and where a call that is over returns what `values` begins with.
    fn failures(&mut self, plan: &Plan, over: Block) {
        self.enter_block(self.failed);
        let [what, a, b] = self.builder.block_params(self.failed)[..] else {
            unreachable!("a failure has three numbers")
        };
        let values = self.address_of(self.values);
        self.routine(Routine::Fault, &[what, a, b, self.area, values]);
        self.builder.ins().jump(over, &[]);

        self.enter_block(over);
        let values = self.address_of(self.values);
        let results: Vec<Value> = plan.import.results.iter().map(|&ty| self.load(clif_type(ty), values, 0)).collect();
        self.builder.ins().return_(&results);
    }
}
