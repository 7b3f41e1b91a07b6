//! Which functions may be inlined where they are called, and how much: what [`scan`](super::scan()) found out about their
//! bodies, and how often they are called.
//!
//! Whoever translates a caller reads the callee's body once more, so no function waits for another. How much that can be
//! is bounded for each caller, and so for the module: by its size, never by what its functions call each other.

use super::Uses;
use crate::module::{FuncType, Module};
use wasmparser::Operator;

/// Parameters and locals that a function may have, and be inlined: [`Summary::written`] has a bit for each.
const MAX_LOCALS: u32 = 64;
/// Parameters and results likewise: more are passed in memory.
const MAX_VALUES: usize = 12;
/// Loops likewise, however few operators there are.
const MAX_LOOPS: u32 = 4;

/// What the code of a call takes, in instructions, besides one for each argument: the call, what the callee has for a
/// frame, and the poll where it calls in turn.
const CALL: u32 = 4;
/// What it takes to call the runtime, or to throw.
const BUILTIN: u32 = 8;
/// What it takes to find a function in a table.
const TABLE_CALL: u32 = 8;

/// Weight of a function that is inlined wherever it is called, beyond that of its call.
const TINY: u32 = 3;
/// The same where the code is not known to be cold.
const SMALL: u32 = 13;
/// What a constant argument adds to that.
const CONSTANT: u32 = 6;
/// Weight of a function that is called at one place, and nowhere else.
const ONCE: u32 = 40;
/// Weight of a function that is inlined in itself.
const RECURSIVE: u32 = 30;

/// Bytes of bodies that a caller may take in, for each of its own, and besides: its share.
const GROWTH: u64 = 1;
/// The greatest share. Otherwise it is the mean size of the module's functions, so that all of them can't take in much
/// more than there is, and their part of [`MODULE_SHARE`].
const MAX_SHARE: u64 = 200;
/// What a function may take in of itself: then it is small, so there are few of them.
const RECURSIVE_SHARE: u64 = 400;
/// Bytes that all functions may take in together, however small they are.
const MODULE_SHARE: u64 = 64 << 10;

/// What of a function's body decides whether it is inlined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Summary {
    /// Machine instructions that it takes, roughly; what only names values takes none.
    pub weight: u32,
    /// What it takes to translate: bytes of the body, and values that its operators pass on.
    pub cost: u64,
    pub loops: u32,
    /// By index, parameters and locals that it assigns.
    pub written: u64,
    /// Whether it calls any, or throws.
    pub calls: bool,
    /// Whether it ends in a trap or by throwing, whatever comes: it is not what the program is about.
    pub diverges: bool,
    /// Whether it is called at one place only, and can be reached in no other way.
    pub once: bool,
    /// Whether there is something that keeps it from being inlined at all.
    refused: bool,
    /// Whether there is a `return`, and whether what was counted last does not go on.
    returns: bool,
    ended: bool,
}

impl Summary {
    /// Of a body of so many bytes with so many parameters and locals, whose operators [`Self::add`] is then called for.
    pub fn new(ty: &FuncType, locals: u32, bytes: usize) -> Summary {
        let refused = locals > MAX_LOCALS || ty.params.len() > MAX_VALUES || ty.results.len() > MAX_VALUES;
        Summary { refused, cost: bytes as u64, ..Summary::default() }
    }

    /// Counts an operator, which passes on so many values.
    pub fn add(&mut self, module: &Module<'_>, operator: &Operator<'_>, passed: u64) {
        let params = |ty: u32| module.types.get(ty as usize).map_or(0, |ty| ty.params.len() as u32);
        self.cost = self.cost.saturating_add(passed);
        let weight = match operator {
            // A frame of its own: exceptions are caught in it, or it is left for another.
            Operator::TryTable { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => {
                self.refused = true;
                return;
            }
            Operator::End => {
                // The last one is the function's.
                self.diverges = std::mem::take(&mut self.ended) && !self.returns;
                return;
            }
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                self.written |= 1u64.checked_shl(*local_index).unwrap_or(0);
                0
            }
            Operator::Nop
            | Operator::Block { .. }
            | Operator::Drop
            | Operator::LocalGet { .. }
            | Operator::I32Const { .. }
            | Operator::I64Const { .. }
            | Operator::F32Const { .. }
            | Operator::F64Const { .. }
            | Operator::RefNull { .. } => 0,
            Operator::Return => {
                self.returns = true;
                0
            }
            Operator::Loop { .. } => {
                self.loops += 1;
                CALL
            }
            Operator::BrTable { targets } => targets.len().saturating_add(3),
            Operator::Call { function_index } => {
                CALL + module.functions.get(*function_index as usize).map_or(0, |&ty| params(ty))
            }
            Operator::CallIndirect { type_index, .. } => CALL + TABLE_CALL + params(*type_index),
            Operator::CallRef { type_index } => CALL + params(*type_index),
            Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::RefFunc { .. }
            | Operator::TableGet { .. }
            | Operator::TableSet { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::ElemDrop { .. }
            | Operator::MemoryGrow { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryInit { .. }
            | Operator::DataDrop { .. } => BUILTIN,
            _ => 1,
        };
        self.calls |= matches!(
            operator,
            Operator::Call { .. }
                | Operator::CallIndirect { .. }
                | Operator::CallRef { .. }
                | Operator::Throw { .. }
                | Operator::ThrowRef
        );
        self.ended = matches!(operator, Operator::Unreachable | Operator::Throw { .. } | Operator::ThrowRef);
        self.weight = self.weight.saturating_add(weight);
    }

    /// Whether it may be inlined, for all that is known of it alone.
    pub fn may_be_inlined(&self) -> bool {
        !self.refused && self.loops <= MAX_LOOPS && self.weight <= ONCE.max(SMALL + CONSTANT + MAX_VALUES as u32)
    }
}

/// What of the module decides which calls are inlined.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inlining {
    /// By function, ascending.
    summaries: Vec<(u32, Summary)>,
    /// What each caller may take in besides what its size allows.
    share: u64,
    /// Whether only what makes the code no larger is inlined.
    for_size: bool,
    /// Whether functions are inlined in themselves.
    recursion: bool,
}

impl Inlining {
    /// `reached` are the functions that can be called other than by name, ascending.
    pub(super) fn new(module: &Module<'_>, uses: &Uses, reached: &[u32], for_size: bool, recursion: bool) -> Inlining {
        let mut calls = vec![0u32; module.functions.len()];
        for &(_, callee) in &uses.calls {
            calls[callee as usize] = calls[callee as usize].saturating_add(1);
        }
        // Those stand only once among the calls.
        for &callee in &uses.repeated_calls {
            calls[callee as usize] = u32::MAX;
        }
        let mut summaries = uses.summaries.clone();
        summaries.sort_unstable_by_key(|&(function, _)| function);
        for (function, summary) in &mut summaries {
            summary.once = calls[*function as usize] == 1 && reached.binary_search(function).is_err();
        }
        let functions = module.functions.len() as u64 - u64::from(module.imported_functions);
        let share = (uses.code_bytes + MODULE_SHARE).checked_div(functions).unwrap_or(0).min(MAX_SHARE);
        Inlining { summaries, share, for_size, recursion }
    }

    /// What is known of a function that may be inlined.
    pub fn summary(&self, function: u32) -> Option<&Summary> {
        let found = self.summaries.binary_search_by_key(&function, |&(function, _)| function).ok()?;
        Some(&self.summaries[found].1)
    }

    /// What is the same for all functions: [`Self::budget`] of an empty body, whether code is to be small, and whether functions are
    /// inlined in themselves.
    pub fn limits(&self) -> (u64, bool, bool) {
        let Inlining { summaries: _, share, for_size, recursion } = self;
        (*share, *for_size, *recursion)
    }

    /// Whether it pays to inline a call with so many arguments, of which one may be constant, in code that may be cold and
    /// may have handlers of exceptions.
    pub fn pays(&self, summary: &Summary, params: usize, constant: bool, cold: bool, handlers: bool) -> bool {
        if handlers && summary.calls {
            // Each call that it makes would have them in place of one.
            return false;
        }
        let mut most = TINY;
        if !cold && !self.for_size && !summary.diverges {
            most = SMALL + if constant { CONSTANT } else { 0 };
        }
        let once = summary.once && !summary.diverges && !cold && summary.weight <= ONCE;
        once || summary.weight <= most + params as u32
    }

    /// Whether it pays to inline a call of a function in that function, in code that may be cold and may have handlers of
    /// exceptions: one frame and one poll for several calls.
    pub fn pays_again(&self, summary: &Summary, cold: bool, handlers: bool) -> bool {
        let refused = cold || handlers && summary.calls || self.for_size || summary.diverges || !self.recursion;
        !refused && summary.weight <= RECURSIVE
    }

    /// What a caller whose body has so many bytes may take in, in units of [`Summary::cost`].
    pub fn budget(&self, bytes: usize) -> u64 {
        GROWTH * bytes as u64 + self.share
    }

    /// The same of what is open already.
    pub fn budget_again(&self) -> u64 {
        RECURSIVE_SHARE
    }
}
