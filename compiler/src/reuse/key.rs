//! What the code of a function depends on.
//!
//! A translation reads the function's own body and those that may be inlined in it; of the module what its sections say,
//! but names and contents; and the facts. The key is a hash of all of it: of what is the same for all functions, taken
//! apart field by field, so that a new field has to be put somewhere here; of the function; and of each function that may
//! be inlined in it, in as many steps as are made. Positions are counted from the body they are in, so that it does not
//! matter where a body lies.
//!
//! It may say that functions differ whose code is the same, never the other way round.

use crate::analysis::{Facts, Inlining, SteadyLoop, Summary, Uses};
use crate::error::Result;
use crate::module::Module;
use crate::options::Options;
use crate::translate::MAX_INLINED_DEPTH;
use bailiwick_runtime_abi::FINGERPRINT;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};
use wasmparser::FunctionBody;

/// Of a module.
pub(crate) struct Keys {
    /// Of what is the same for all functions.
    environment: [u8; 32],
    /// Direct calls by caller and callee, ascending, each once.
    calls: Vec<(u32, u32)>,
    /// Of each function that the module defines and that may be inlined anywhere.
    inlined: Vec<Option<[u8; 32]>>,
}

impl Keys {
    /// `None`: there are positions in the module that depend on where a body lies.
    pub fn new(
        module: &Module<'_>,
        facts: &Facts,
        uses: &Uses,
        bodies: &[FunctionBody<'_>],
        options: &Options<'_>,
    ) -> Result<Option<Keys>> {
        // Positions have 32 bits, and what is inlined has some behind the last body.
        const LAST: u64 = 1 << 31;
        if bodies.iter().any(|body| body.range().end > LAST) {
            return Ok(None);
        }
        let mut calls = uses.calls.clone();
        calls.sort_unstable();
        calls.dedup();
        let mut keys = Keys { environment: environment(module, facts, options)?, calls, inlined: Vec::new() };
        keys.inlined = (module.imported_functions..)
            .zip(bodies)
            .map(|(function, body)| {
                let summary = summary(module, facts, function)?;
                may_be_read(module, facts, function, summary).then(|| keys.own(module, facts, function, body))
            })
            .collect();
        Ok(Some(keys))
    }

    /// Of a function that the module defines.
    pub fn key(&self, module: &Module<'_>, facts: &Facts, function: u32, body: &FunctionBody<'_>) -> [u8; 32] {
        let mut digest = Digester(Sha256::new());
        digest.0.update(self.environment);
        // A function is inlined in itself by other rules than in others, so which one it is matters.
        digest.write_u32(function);
        digest.0.update(self.own(module, facts, function, body));
        let mut found = BTreeSet::from([function]);
        let mut level = vec![function];
        for _ in 0..MAX_INLINED_DEPTH {
            let mut next = Vec::new();
            for caller in level {
                for callee in self.callees(caller) {
                    if summary(module, facts, callee).is_some() && found.insert(callee) {
                        next.push(callee);
                    }
                }
            }
            // What is only looked at is no way to others.
            next.retain(|&callee| self.inlined(module, callee).is_some());
            level = next;
        }
        found.remove(&function);
        for callee in found {
            digest.write_u32(callee);
            summary(module, facts, callee).hash(&mut digest);
            self.inlined(module, callee).hash(&mut digest);
        }
        digest.0.finalize().into()
    }

    fn inlined(&self, module: &Module<'_>, function: u32) -> Option<&[u8; 32]> {
        self.inlined[(function - module.imported_functions) as usize].as_ref()
    }

    fn callees(&self, caller: u32) -> impl Iterator<Item = u32> {
        let start = self.calls.partition_point(|&(other, _)| other < caller);
        self.calls[start..].iter().take_while(move |&&(other, _)| other == caller).map(|&(_, callee)| callee)
    }

    /// Of what a function is by itself, and of what is known of the functions that it calls.
    fn own(&self, module: &Module<'_>, facts: &Facts, function: u32, body: &FunctionBody<'_>) -> [u8; 32] {
        let mut digest = Digester(Sha256::new());
        module.functions[function as usize].hash(&mut digest);
        facts.calling.binary_search(&function).is_ok().hash(&mut digest);
        facts.crowded.binary_search(&function).is_ok().hash(&mut digest);
        module.branch_hints.get(&function).hash(&mut digest);
        let (start, end) = (body.range().start as u32, body.range().end as u32);
        let first = facts.loops.partition_point(|steady| steady.offset < start);
        for steady in facts.loops[first..].iter().take_while(|steady| steady.offset < end) {
            let SteadyLoop { offset, globals, short } = steady;
            (offset - start, globals, short).hash(&mut digest);
        }
        // Behind the last loop comes no other offset.
        digest.write_u32(u32::MAX);
        for callee in self.callees(function) {
            (callee, module.functions[callee as usize]).hash(&mut digest);
        }
        digest.write_u32(u32::MAX);
        body.as_bytes().hash(&mut digest);
        digest.0.finalize().into()
    }
}

fn summary<'f>(module: &Module<'_>, facts: &'f Facts, function: u32) -> Option<&'f Summary> {
    let inlining = facts.inlining.as_ref()?;
    // An imported function has none.
    inlining.summary(function).filter(|_| function >= module.imported_functions)
}

/// Whether a translation goes on to read the body of a function, which it would inline, where it likes most to do so.
fn may_be_read(module: &Module<'_>, facts: &Facts, function: u32, summary: &Summary) -> bool {
    let params = module.function_type(function).params.len();
    facts.inlining.as_ref().is_some_and(|inlining| inlining.pays(summary, params, true, false, false))
}

/// Of what any function may depend on.
fn environment(module: &Module<'_>, facts: &Facts, options: &Options<'_>) -> Result<[u8; 32]> {
    let mut digest = Digester(Sha256::new());
    (crate::VERSION, FINGERPRINT, options.canonical()?).hash(&mut digest);
    let Module {
        types,
        definitions,
        tables,
        memories,
        globals,
        tags,
        imported_functions,
        imported_tables,
        imported_memories,
        imported_globals,
        imported_tags,
        // By function.
        functions: _,
        branch_hints: _,
        // Of what surrounds code.
        imports: _,
        exports: _,
        start: _,
        elements: _,
        data: _,
        names: _,
        component_types: _,
        // What was refused was not compiled.
        allowed: _,
        wasm_features: _,
    } = module;
    let Facts {
        canonical,
        call_tables,
        table_lengths,
        memory_lengths,
        constants,
        escapes,
        unrolling,
        vectorisation,
        spilling,
        widening,
        strength,
        switches,
        inlining,
        polls,
        anchor,
        layout,
        // By function.
        calling: _,
        crowded: _,
        loops: _,
        // Of what surrounds code: which units there are, and what tables say.
        thunks: _,
        entry_types: _,
        exit_types: _,
        reached: _,
        images: _,
        reaches: _,
    } = facts;
    // Code reads the elements of a call table.
    let call_tables: Vec<Option<usize>> = call_tables.iter().map(|elements| elements.as_ref().map(Vec::len)).collect();
    digest.debug(&(types, definitions, tables, memories, globals, tags));
    digest.debug(&(imported_functions, imported_tables, imported_memories, imported_globals, imported_tags));
    digest.debug(&(canonical, call_tables, table_lengths, memory_lengths, constants, escapes));
    let limits = inlining.as_ref().map(Inlining::limits);
    digest.debug(&(unrolling, vectorisation, spilling, widening, strength, switches, polls, anchor, layout, limits));
    Ok(digest.0.finalize().into())
}

/// A hash of what can be hashed or written.
struct Digester(Sha256);

impl Digester {
    /// Adds a value by its text, which for what derives it says everything.
    fn debug(&mut self, value: &impl fmt::Debug) {
        // Hashing does not fail.
        let _ = writeln!(self, "{value:?}");
    }
}

impl Write for Digester {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text);
        Ok(())
    }
}

impl Hasher for Digester {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        digest.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
    }
}
