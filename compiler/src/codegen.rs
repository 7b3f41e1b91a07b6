//! Units of code, each translated, optimised and lowered on its own, in parallel.
//!
//! Architecture invariant: a unit's code depends on the module and the options alone, never on the order in which
//! units are compiled.

use crate::adapters::{Adapters, MAX_FRAME_SIZE};
use crate::analysis::Facts;
use crate::emit::{unit_name, unwind_instructions};
use crate::error::{CompileError, Result};
use crate::frames::{CallFrame, frames};
use crate::link::{Loop, loops};
use crate::module::Module;
use crate::options::{OptLevel, Options};
use crate::parallel;
use crate::reuse::{self, Keys};
use crate::stubs::stub;
use crate::symbol::Symbol;
use crate::target::Target;
use crate::translate::{Effort, Env, Inlined, Positions, Relaxed, keep_positions_of_loads, translate};
use crate::widening::widen;
use bailiwick_runtime_abi::convention::signature_tag;
use bailiwick_runtime_abi::format::{NONE, TextKind};
use bailiwick_runtime_abi::trap::CALL_SITE;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{ExternalName, Function};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::isa::unwind::UnwindInfo;
use cranelift_codegen::{CodegenResult, CompiledCode, Context, Final, FinalizedRelocTarget, MachSrcLoc};
use cranelift_control::ControlPlane;
use cranelift_frontend::FunctionBuilderContext;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use wasmparser::FunctionBody;

/// A place in a unit's code that refers to a symbol.
#[derive(Clone, Debug)]
pub(crate) struct Relocation {
    pub offset: u32,
    pub kind: Reloc,
    pub addend: i64,
    pub symbol: Symbol,
}

/// An instruction that may trap, or a call's return address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Site {
    /// Code offset in the unit.
    pub offset: u32,
    /// The trap code, or [`CALL_SITE`], which is the lowest: where a call returns to an instruction that may trap,
    /// the call comes first.
    pub code: u8,
    /// Offset of the operator in the binary, or [`NONE`].
    pub wasm_offset: u32,
    /// The innermost of [`Unit::inlined`] that it is in.
    pub inlined: Option<u32>,
}

/// A compiled unit.
#[derive(Debug)]
pub(crate) struct Unit {
    pub symbol: Symbol,
    pub code: Vec<u8>,
    pub alignment: u32,
    /// Alignment without which it would not work.
    pub step: u32,
    /// Loops by which its place is chosen.
    pub loops: Vec<Loop>,
    /// What stands in front of code that the loader may take the address of: [`signature_tag`].
    pub tag: Option<u64>,
    pub relocations: Vec<Relocation>,
    pub sites: Vec<Site>,
    /// The calls that were inlined and have sites.
    pub inlined: Vec<Inlined>,
    pub frames: Vec<CallFrame>,
    /// What its entry in `.eh_frame` says.
    pub unwind: Option<Vec<u8>>,
}

/// What to make of each unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// The code generator's intermediate representation, before optimisation.
    Clif,
    /// Machine instructions, before they are encoded.
    Asm,
}

/// A function on its way to machine code.
pub(crate) struct Explored {
    /// The intermediate representation as it was translated.
    pub translated: String,
    /// The same as it was lowered: after optimisation.
    pub lowered: String,
    /// What the positions in these, and in `ranges`, mean.
    pub positions: Positions,
    /// Stretches of the code that belong to a position, by start and end, ascending. What has none is left out.
    pub ranges: Vec<(u32, u32, u32)>,
    /// Where blocks begin in the code, ascending: behind a jump, all in front of the next one is data.
    pub blocks: Vec<u32>,
    pub unit: Unit,
}

/// What a module is compiled from.
pub(crate) struct Input<'a> {
    pub module: &'a Module<'a>,
    pub facts: &'a Facts,
    pub bodies: &'a [FunctionBody<'a>],
    pub adapters: &'a Adapters,
    /// Of functions, if they are kept.
    pub keys: Option<&'a Keys>,
    pub target: &'a Target,
    pub options: &'a Options<'a>,
}

/// Bytes from which on a function is huge: compiling it takes a hundred times that, or more.
const HUGE: usize = 512 << 10;

/// How often units are compiled that others turned out to call.
const MAX_WAVES: usize = 8;

/// A function that has more targets in its jump tables than that is not asked where its blocks lie: see
/// [`Target::unplaced`](crate::target::Target).
const MOST_JUMPS: usize = 2048;

/// All units of a module, in the order of their addresses.
pub(crate) fn symbols(module: &Module<'_>, facts: &Facts, adapters: &Adapters) -> Vec<Symbol> {
    let functions = (module.imported_functions..module.functions.len() as u32).map(Symbol::Function);
    let thunks = facts.thunks.iter().map(|&i| Symbol::Thunk(i));
    let entries = facts.entry_types.iter().map(|&i| Symbol::Entry(i));
    let exits = facts.exit_types.iter().map(|&i| Symbol::Exit(i));
    let adapters = adapters.imports().map(Symbol::Adapter);
    functions.chain(thunks).chain(entries).chain(exits).chain([Symbol::Denied]).chain(adapters).collect()
}

/// What a worker keeps from unit to unit.
struct Worker {
    context: Context,
    builder: FunctionBuilderContext,
    /// How the function in `context` is to be lowered.
    effort: Effort,
    /// What the positions of its instructions mean.
    positions: Positions,
    lower: Lower,
}

/// Lowers an optimised function, with memory that it keeps for the next one: [`Context`] has the same, and keeps it to itself.
type Lower = Box<dyn FnMut(&dyn TargetIsa, &Context, &mut ControlPlane) -> CodegenResult<CompiledCode> + Send>;

fn lowering() -> Lower {
    let mut memory = Default::default();
    Box::new(move |isa, context, control| {
        let code = isa.compile_function(&context.func, &context.domtree, &mut memory, context.want_disasm, control)?;
        Ok(code.apply_params(&context.func.params))
    })
}

impl Worker {
    fn new() -> Worker {
        Worker {
            context: Context::new(),
            builder: FunctionBuilderContext::new(),
            effort: Effort::Full,
            positions: Positions::default(),
            lower: lowering(),
        }
    }
}

impl Input<'_> {
    fn body(&self, function: u32) -> &FunctionBody<'_> {
        &self.bodies[(function - self.module.imported_functions) as usize]
    }

    /// Compiles all units.
    pub fn compile(&self) -> Result<Vec<Unit>> {
        let units = self.each(|worker, symbol| {
            let key = self.key(symbol);
            if let (Some(key), Symbol::Function(function)) = (&key, symbol)
                && let Some((unit, named)) = self.kept(key, function)
            {
                return Ok((Some(unit), named));
            }
            self.build(worker, symbol)?;
            let named = self.named(worker);
            let code = self.lower(worker, symbol)?;
            if matches!(symbol, Symbol::Adapter(_)) && frame_size(&code) > MAX_FRAME_SIZE {
                return Ok((None, named));
            }
            let unit = self.unit(worker, symbol, &code)?;
            if let (Some(key), Some(store)) = (&key, self.options.functions)
                && let Some(entry) = reuse::encode(&unit, &named, |function| self.start(function))
            {
                store.put(key, entry);
            }
            Ok((Some(unit), named))
        })?;
        Ok(units.into_iter().flatten().collect())
    }

    /// What a unit is kept by, if it is one that is.
    fn key(&self, symbol: Symbol) -> Option<[u8; 32]> {
        match (symbol, self.keys) {
            (Symbol::Function(i), Some(keys)) => Some(keys.key(self.module, self.facts, i, self.body(i))),
            _ => None,
        }
    }

    /// A function that an earlier compilation has compiled.
    fn kept(&self, key: &[u8; 32], function: u32) -> Option<(Unit, Vec<Symbol>)> {
        let store = self.options.functions?;
        let entry = store.get(key)?;
        let kept = reuse::decode(&entry, function, self.tag(Symbol::Function(function)), |i| self.start(i));
        if kept.is_none() {
            store.damaged(key);
        }
        kept
    }

    /// Where the body of a function begins in the binary; `None`: the module defines no such function.
    fn start(&self, function: u32) -> Option<u32> {
        let index = function.checked_sub(self.module.imported_functions)?;
        self.bodies.get(index as usize).map(|body| body.range().start as u32)
    }

    /// The functions that a worker's code names.
    fn named(&self, worker: &Worker) -> Vec<Symbol> {
        let names = worker.context.func.params.user_named_funcs().values();
        names.filter_map(Symbol::from_name).filter(|symbol| matches!(symbol, Symbol::Function(_))).collect()
    }

    /// Lists all units as text.
    pub fn list(&self, listing: Listing) -> Result<Vec<(Symbol, String)>> {
        self.each(|worker, symbol| {
            self.build(worker, symbol)?;
            if listing == Listing::Clif {
                return Ok(((symbol, worker.context.func.display().to_string()), self.named(worker)));
            }
            let named = self.named(worker);
            worker.context.set_disasm(true);
            let code = self.lower(worker, symbol)?;
            Ok(((symbol, code.vcode.unwrap_or_default()), named))
        })
    }

    /// Compiles some of the functions that the module defines, with what they are in between.
    pub fn explore(&self, functions: &[u32]) -> Result<Vec<Explored>> {
        let order: Vec<usize> = (0..functions.len()).collect();
        let (explored, _) = parallel::run(self.options.jobs(), &order, Worker::new, |worker, i| {
            let symbol = Symbol::Function(functions[i]);
            self.build(worker, symbol)?;
            let translated = worker.context.func.display().to_string();
            let code = self.lower(worker, symbol).map_err(|error| attribute(error, symbol))?;
            let unit = self.unit(worker, symbol, &code)?;
            let found = code.buffer.get_srclocs_sorted().iter();
            let known = found.filter(|position| !position.loc.is_default());
            Ok(Explored {
                translated,
                lowered: worker.context.func.display().to_string(),
                ranges: known.map(|position| (position.start, position.end, position.loc.bits())).collect(),
                positions: std::mem::take(&mut worker.positions),
                blocks: code.bb_starts.clone(),
                unit,
            })
        })?;
        Ok(explored)
    }

    /// Works on all units that there are. `work` gives the functions that a unit's code names beside its result.
    fn each<R: Send>(&self, work: impl Fn(&mut Worker, Symbol) -> Result<(R, Vec<Symbol>)> + Sync) -> Result<Vec<R>> {
        let symbols = symbols(self.module, self.facts, self.adapters);
        let size = |symbol: Symbol| match symbol {
            Symbol::Function(i) => self.body(i).as_bytes().len(),
            _ => 0,
        };
        // The biggest first, so that none is left to a single thread at the end.
        let mut order: Vec<usize> = (0..symbols.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(size(symbols[i])));
        // One after another, and by one thread, since allocators keep for a thread what it gave back.
        let (huge, order) = order.split_at(order.partition_point(|&i| size(symbols[i]) > HUGE));
        // Those whose calls are probably all inlined wait until somebody turns out to call them.
        let (mut waiting, order): (Vec<usize>, Vec<usize>) =
            order.iter().partition(|&&i| self.may_be_left_out(symbols[i]));
        let done = AtomicUsize::new(0);
        let progress = |more: usize| {
            let done = done.fetch_add(more, Ordering::Relaxed) + more;
            self.options.progress.into_iter().for_each(|progress| progress(done, symbols.len()));
        };
        let mut results = Vec::with_capacity(symbols.len());
        let mut named = HashSet::new();
        let mut waves = 0;
        let mut wave = vec![(1, huge.to_vec()), (self.options.jobs(), order)];
        while !wave.is_empty() {
            for (jobs, order) in wave {
                let (compiled, _) = parallel::run(jobs, &order, Worker::new, |worker, i| {
                    let (result, mut named) = work(worker, symbols[i]).map_err(|error| attribute(error, symbols[i]))?;
                    progress(1);
                    named.retain(|&symbol| self.may_be_left_out(symbol));
                    Ok((i, result, named))
                })?;
                for (i, result, names) in compiled {
                    results.push((i, result));
                    named.extend(names);
                }
            }
            waves += 1;
            // In the last one are those that are left, so that no chain of calls takes a wave for each.
            let called = |i: usize| named.contains(&symbols[i]);
            let last = waves == MAX_WAVES && waiting.iter().any(|&i| called(i));
            let (next, rest): (Vec<usize>, Vec<usize>) = waiting.iter().partition(|&&i| last || called(i));
            waiting = rest;
            wave = if next.is_empty() { Vec::new() } else { vec![(self.options.jobs(), next)] };
        }
        progress(waiting.len());
        results.sort_unstable_by_key(|(i, _)| *i);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }

    /// Whether a unit is none if nobody's code calls it.
    fn may_be_left_out(&self, symbol: Symbol) -> bool {
        match (symbol, &self.facts.inlining) {
            (Symbol::Function(function), Some(inlining)) => {
                inlining.summary(function).is_some() && self.facts.reached.binary_search(&function).is_err()
            }
            _ => false,
        }
    }

    /// Makes the unit's function.
    fn build(&self, worker: &mut Worker, symbol: Symbol) -> Result<()> {
        worker.context.clear();
        worker.effort = Effort::Full;
        worker.positions = Positions::default();
        let env = Env {
            module: self.module,
            facts: self.facts,
            bodies: self.bodies,
            frontend_config: self.target.isa.frontend_config(),
            relaxed: Relaxed { isa: &*self.target.isa, deterministic: self.options.deterministic },
        };
        let function: &mut Function = &mut worker.context.func;
        match symbol {
            Symbol::Function(index) => {
                let translated = translate(&env, index, function, &mut worker.builder)?;
                worker.effort = translated.effort;
                worker.positions = translated.positions;
            }
            Symbol::Adapter(import) => {
                self.adapters.write(self.module, import, env.frontend_config, function, &mut worker.builder);
            }
            stub_symbol => stub(&env, stub_symbol, function, &mut worker.builder),
        }
        Ok(())
    }

    fn lower(&self, worker: &mut Worker, symbol: Symbol) -> Result<CompiledCode> {
        let isa = match (symbol, worker.effort) {
            (Symbol::Adapter(_), _) => &self.target.adapters,
            (_, Effort::Full) if jumps(&worker.context.func) > MOST_JUMPS => &self.target.unplaced,
            (_, Effort::Full) => &self.target.isa,
            (_, Effort::Little | Effort::Least) => &self.target.quick,
        };
        let widens = self.facts.widening && worker.effort == Effort::Full && matches!(symbol, Symbol::Function(_));
        let (context, control) = (&mut worker.context, &mut ControlPlane::default());
        // What `Context::compile` does, but for what is done between optimising and lowering.
        let lowered = context.optimize(&**isa, control).and_then(|()| {
            if widens {
                widen(&mut context.func, &context.loop_analysis);
                context.verify_if(&**isa)?;
            }
            if !worker.positions.inlined.is_empty() {
                keep_positions_of_loads(&mut context.func);
            }
            (worker.lower)(&**isa, context, control)
        });
        lowered.map_err(|error| match error {
            cranelift_codegen::CodegenError::CodeTooLarge | cranelift_codegen::CodegenError::ImplLimitExceeded => {
                CompileError::Limit {
                    what: format!(
                        "{} has more values, or a larger frame, than the code generator takes",
                        unit_name(self.module, symbol)
                    ),
                    // `regalloc2::VReg::MAX`.
                    limit: (1 << 21) - 1,
                }
            }
            error => CompileError::internal(error.to_string()),
        })
    }

    fn tag(&self, symbol: Symbol) -> Option<u64> {
        let (kind, canonical) = match symbol {
            Symbol::Function(i) => {
                self.facts.escape(i)?;
                (TextKind::Function, self.facts.function_type(self.module, i))
            }
            Symbol::Thunk(i) => (TextKind::Thunk, self.facts.function_type(self.module, i)),
            Symbol::Entry(i) => (TextKind::Entry, i),
            Symbol::Exit(i) => (TextKind::Exit, i),
            Symbol::Adapter(i) => (TextKind::Adapter, self.facts.function_type(self.module, i)),
            Symbol::Denied | Symbol::CallTable(_) => return None,
        };
        let ty = &self.module.types[canonical as usize];
        Some(signature_tag(kind, canonical, ty.params.iter().copied(), ty.results.iter().copied()))
    }

    /// Alignment of functions that need no higher one: that of the processor's fetches, or none at all for size.
    fn alignment(&self) -> u32 {
        let alignment = self.target.isa.function_alignment();
        if self.options.opt_level == OptLevel::Size { alignment.minimum } else { alignment.preferred }
    }

    fn unit(&self, worker: &Worker, symbol: Symbol, code: &CompiledCode) -> Result<Unit> {
        let names = worker.context.func.params.user_named_funcs();
        let mut relocations = Vec::new();
        for reloc in code.buffer.relocs() {
            let target = match &reloc.target {
                FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => Symbol::from_name(&names[*name]),
                _ => None,
            };
            let Some(target) = target else {
                return Err(CompileError::internal(format!(
                    "the code generator wants {}, which no artifact has",
                    reloc.target.display(Some(&worker.context.func.params))
                )));
            };
            relocations.push(Relocation {
                offset: reloc.offset,
                kind: reloc.kind,
                addend: reloc.addend,
                symbol: target,
            });
        }
        let unwind =
            match code.create_unwind_info(&*self.target.isa).map_err(|e| CompileError::internal(e.to_string()))? {
                Some(UnwindInfo::SystemV(info)) => Some(unwind_instructions(self.target, &info)?),
                _ => None,
            };
        let start = match symbol {
            Symbol::Function(i) => self.body(i).range().start as u32,
            _ => NONE,
        };
        let (sites, inlined) = sites(code, &worker.positions, start);
        Ok(Unit {
            symbol,
            code: code.code_buffer().to_vec(),
            alignment: code.buffer.alignment.max(self.alignment()),
            step: code.buffer.alignment.max(self.target.isa.function_alignment().minimum),
            // Without blocks, because nobody asked for them, there are none.
            loops: loops(code),
            tag: self.tag(symbol),
            relocations,
            sites,
            inlined,
            frames: frames(code)?,
            unwind,
        })
    }
}

/// How many targets the jump tables of a function have.
fn jumps(function: &Function) -> usize {
    function.dfg.jump_tables.values().map(|table| table.all_branches().len()).sum()
}

/// Bytes of a unit's frame below what it saves for its caller.
fn frame_size(code: &CompiledCode) -> u32 {
    code.buffer.frame_layout().map_or(u32::MAX, |layout| layout.frame_to_fp_offset)
}

/// Sites of a unit, ascending, and the inlined calls that these are in. `start` is the offset of a function's body in the
/// binary, or [`NONE`] for a stub.
fn sites(code: &CompiledCode, positions: &Positions, start: u32) -> (Vec<Site>, Vec<Inlined>) {
    let found = code.buffer.get_srclocs_sorted();
    let site = |offset: u32, at: u32, code: u8| {
        let (wasm_offset, inlined) = position(found, at).map_or((start, None), |position| positions.resolve(position));
        Site { offset, code, wasm_offset, inlined }
    };
    let traps = code.buffer.traps().iter().map(|trap| site(trap.offset, trap.offset, trap.code.as_raw().get()));
    // The return address is behind the call; its last byte is the call's.
    let calls = code.buffer.call_sites().map(|call| site(call.ret_addr, call.ret_addr - 1, CALL_SITE));
    let mut sites: Vec<Site> = traps.chain(calls).collect();
    sites.sort_unstable();
    let inlined = keep_used(&mut sites, &positions.inlined);
    (sites, inlined)
}

/// The inlined calls that sites are in, with those around them; the sites' are numbered anew.
fn keep_used(sites: &mut [Site], inlined: &[Inlined]) -> Vec<Inlined> {
    let mut used = vec![false; inlined.len()];
    for site in sites.iter() {
        let mut at = site.inlined;
        while let Some(i) = at
            && !std::mem::replace(&mut used[i as usize], true)
        {
            at = inlined[i as usize].outer;
        }
    }
    let mut kept = Vec::new();
    let mut numbers = vec![0u32; inlined.len()];
    for (i, call) in inlined.iter().enumerate().filter(|&(i, _)| used[i]) {
        numbers[i] = kept.len() as u32;
        // What is around it has a lower number, and was kept.
        kept.push(Inlined { outer: call.outer.map(|outer| numbers[outer as usize]), ..*call });
    }
    for site in sites {
        site.inlined = site.inlined.map(|i| numbers[i as usize]);
    }
    kept
}

/// The position of the operator that the code at `offset` belongs to. Instructions that the optimiser made have no position: a load
/// may be folded into such a one, and then the operator of the code in front of it is as near as we can come.
fn position(positions: &[MachSrcLoc<Final>], offset: u32) -> Option<u32> {
    let end = positions.partition_point(|position| position.start <= offset);
    positions[..end].iter().rev().find(|position| !position.loc.is_default()).map(|position| position.loc.bits())
}

/// Says which function an internal error is about.
fn attribute(mut error: CompileError, symbol: Symbol) -> CompileError {
    if let (CompileError::Internal { function, .. }, Symbol::Function(index)) = (&mut error, symbol) {
        *function = Some(index);
    }
    error
}
