//! [`Module`] → [`Facts`]: what holds for the whole module and makes the code of each function better.
//!
//! ```text
//!  bodies ─► scan ─► Uses ─┬─► tables    which tables can be read-only call tables
//!                          ├─► globals   which globals are constants
//!                          ├─► memories  which memories always have one length
//!                          ├─► escapes   of which functions a reference can be made
//!                          ├─► images    initial contents of memories and tables
//!                          ├─► inlining  which functions may be inlined where they are called
//!                          ├─► reach     which imports can be called, and how
//!                          └─► loops     in which loops no other code runs
//! ```
//!
//! Architecture invariant: facts are decided here and nowhere else; translation and emission only read them, so
//! that the code and the tables can't disagree.

mod escapes;
mod globals;
mod images;
pub(crate) mod inlining;
mod loops;
mod memories;
mod reach;
mod scan;
mod tables;
pub(crate) mod webs;

#[cfg(test)]
mod tests;

pub(crate) use images::Images;
pub(crate) use inlining::{Inlining, Summary};
pub(crate) use loops::SteadyLoop;
pub(crate) use reach::Reach;
pub(crate) use scan::{Uses, scan};

use crate::error::{CompileError, Result};
use crate::module::{Entity, Module};
use crate::optimisations::Optimisation;
use crate::options::{OptLevel, Options};
use bailiwick_runtime_abi::context::{Anchor, Counts, Layout};
use bailiwick_runtime_abi::limits::poll_distance;
use bailiwick_runtime_abi::types::Arch;

/// What is known of the whole module.
pub(crate) struct Facts {
    /// For each type, the first that is structurally equal.
    pub canonical: Vec<u32>,
    /// For each table, its elements and a null behind them if it is immutable.
    pub call_tables: Vec<Option<Vec<Option<u32>>>>,
    /// For each table that always has its initial length, that length.
    pub table_lengths: Vec<Option<u64>>,
    /// For each memory that always has its initial length, that length in bytes.
    pub memory_lengths: Vec<Option<u64>>,
    /// For each global that always has one known value, its bits.
    pub constants: Vec<Option<u64>>,
    /// Functions that a reference can be made to, ascending: their positions are their escape indices.
    pub escapes: Vec<u32>,
    /// Imported functions that need a thunk, ascending.
    pub thunks: Vec<u32>,
    /// Canonical types that need an entry stub, ascending.
    pub entry_types: Vec<u32>,
    /// Canonical types that need an exit stub, ascending.
    pub exit_types: Vec<u32>,
    /// Functions that call any, ascending.
    pub calling: Vec<u32>,
    /// Functions that have many calls, ascending.
    pub crowded: Vec<u32>,
    /// Loops in which no other code runs, ascending; the globals that variables hold in them, if any do.
    pub loops: Vec<SteadyLoop>,
    /// Whether short loops are translated more than once.
    pub unrolling: bool,
    /// Whether loops over arrays make several elements at once.
    pub vectorisation: bool,
    /// Whether variables of large functions that are rarely used are kept on the stack.
    pub spilling: bool,
    /// Whether numbers that become addresses are of 64 bits where they come from.
    pub widening: bool,
    /// Whether multiplications by some constants are additions and shifts.
    pub strength: bool,
    /// Whether branches to few targets by a number are comparisons.
    pub switches: bool,
    /// Functions that can be called other than by name, ascending: those that escape, and elements of call tables.
    pub reached: Vec<u32>,
    /// What is inlined, if anything is.
    pub inlining: Option<Inlining>,
    /// Offset of the poll page from the context's address, if loops and recursion poll for interruption.
    pub polls: Option<i32>,
    /// Initial contents.
    pub images: Images,
    /// For each import, how it can be reached.
    pub reaches: Vec<Reach>,
    /// What a context's address is the address of.
    pub anchor: Anchor,
    /// The context's layout.
    pub layout: Layout,
}

impl Facts {
    /// Decides all facts.
    pub fn new(module: &Module<'_>, uses: &Uses, options: &Options<'_>) -> Result<Facts> {
        let arch = options.target;
        let made = |optimisation| options.optimisations.has(optimisation);
        let canonical = module.definitions.iter().map(|definition| definition.canonical).collect::<Vec<_>>();
        let exported = Exported::new(module);
        let call_tables = match made(Optimisation::CallTables) {
            true => tables::call_tables(module, uses, &exported),
            false => vec![None; module.tables.len()],
        };
        let (mut table_lengths, mut memory_lengths, mut constants) =
            (vec![None; module.tables.len()], vec![None; module.memories.len()], vec![None; module.globals.len()]);
        if made(Optimisation::Facts) {
            table_lengths = tables::constant_lengths(module, uses, &exported);
            memory_lengths = memories::constant_lengths(module, uses, &exported);
            constants = globals::constants(module, uses, &exported);
        }
        let mut loops = uses.loops.clone();
        loops.sort_unstable();
        if !made(Optimisation::Promotion) {
            loops.iter_mut().for_each(|steady| steady.globals.clear());
        }
        let escapes = escapes::escapes(module, uses, &call_tables);
        let canonical_of = |function: u32| canonical[module.functions[function as usize] as usize];
        let sorted = |mut items: Vec<u32>| {
            items.sort_unstable();
            items.dedup();
            items
        };
        let referenced = call_tables.iter().flatten().flatten().flatten().copied();
        let reached = sorted(referenced.chain(escapes.iter().copied()).collect());
        let thunks = reached.iter().copied().filter(|&f| f < module.imported_functions).collect();
        // Without optimisation more code only takes longer.
        let inlines = made(Optimisation::Inlining) && options.opt_level != OptLevel::None;
        let for_size = options.opt_level == OptLevel::Size;
        let recursion = made(Optimisation::Recursion);
        let inlining = inlines.then(|| Inlining::new(module, uses, &reached, for_size, recursion));
        let counts = Counts {
            imported_functions: module.imported_functions,
            imported_memories: module.imported_memories,
            defined_memories: module.memories.len() as u32 - module.imported_memories,
            imported_tables: module.imported_tables,
            defined_tables: module.tables.len() as u32 - module.imported_tables,
            imported_globals: module.imported_globals,
            defined_globals: module.globals.len() as u32 - module.imported_globals,
            types: module.types.len() as u32,
            escapes: escapes.len() as u32,
            imported_tags: module.imported_tags,
            defined_tags: module.tags.len() as u32 - module.imported_tags,
            reserved: 0,
        };
        // Where registers are many, the load of the memory's address is cheaper than far offsets of all else.
        let own = module.memories.get(module.imported_memories as usize);
        let anchored =
            arch == Arch::X86_64 && own.is_some_and(|memory| !memory.shared) && made(Optimisation::Anchoring);
        let anchor = if anchored { Anchor::Memory } else { Anchor::Context };
        let layout = Layout::new(counts, anchor).ok_or_else(|| CompileError::Limit {
            what: "the context of an instance would have more bytes than that".to_owned(),
            limit: u64::from(Layout::MAX_SIZE),
        })?;
        Ok(Facts {
            table_lengths,
            memory_lengths,
            constants,
            thunks,
            entry_types: sorted(escapes.iter().map(|&f| canonical_of(f)).collect()),
            exit_types: sorted((0..module.imported_functions).map(canonical_of).collect()),
            images: Images::new(module, &call_tables, arch),
            reaches: reach::reach(module, uses, &canonical, &exported),
            loops,
            unrolling: made(Optimisation::Unrolling) && options.opt_level == OptLevel::Speed,
            vectorisation: made(Optimisation::Vectorisation) && options.opt_level == OptLevel::Speed,
            spilling: made(Optimisation::Spilling) && options.opt_level != OptLevel::None,
            widening: made(Optimisation::Widening) && options.opt_level != OptLevel::None && arch == Arch::X86_64,
            strength: made(Optimisation::Strength) && options.opt_level == OptLevel::Speed,
            switches: made(Optimisation::Switches) && options.opt_level == OptLevel::Speed,
            calling: uses.calling.clone(),
            crowded: sorted(uses.crowded.clone()),
            reached,
            inlining,
            polls: options.interruptible.then_some(layout.header(-(poll_distance(arch) as i32))),
            canonical,
            call_tables,
            escapes,
            anchor,
            layout,
        })
    }

    /// The steady loop whose operator is at this offset of the binary.
    pub fn steady_loop(&self, offset: u32) -> Option<&SteadyLoop> {
        self.loops.binary_search_by_key(&offset, |steady| steady.offset).ok().map(|i| &self.loops[i])
    }

    /// The canonical index of a function's type.
    pub fn function_type(&self, module: &Module<'_>, function: u32) -> u32 {
        self.canonical[module.functions[function as usize] as usize]
    }

    /// A function's escape index.
    pub fn escape(&self, function: u32) -> Option<u32> {
        self.escapes.binary_search(&function).ok().map(|i| i as u32)
    }
}

/// Which memories, tables and globals are exported.
pub(super) struct Exported {
    pub memories: Vec<bool>,
    pub tables: Vec<bool>,
    pub globals: Vec<bool>,
}

impl Exported {
    fn new(module: &Module<'_>) -> Exported {
        let mut exported = Exported {
            memories: vec![false; module.memories.len()],
            tables: vec![false; module.tables.len()],
            globals: vec![false; module.globals.len()],
        };
        for export in &module.exports {
            match export.entity {
                Entity::Table(i) => exported.tables[i as usize] = true,
                Entity::Global(i) => exported.globals[i as usize] = true,
                Entity::Memory(i) => exported.memories[i as usize] = true,
                Entity::Function(_) | Entity::Tag(_) => {}
            }
        }
        exported
    }
}
