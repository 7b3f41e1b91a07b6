//! Which imports can be called, and how: what a person who grants them wants to know.
//!
//! It is sound: an import that is not found can't be called, whatever values the module computes and whatever those who
//! use it do. A function runs if it is exported, is the start function, is called by one that runs, or if a reference to it
//! gets somewhere it is called from:
//!
//! * by the module: a call through a table or by reference may reach any function of its type, or of a subtype, that a
//!   reference is made to; and an imported one of a supertype, since what it is linked to may be of any subtype of what it
//!   was declared to be. References are made by `ref.func`, element segments and initial values; a segment that only
//!   declares makes none.
//! * by others: they see the tables and globals that are imported or exported, what is passed to imports and returned
//!   by exports, and what is thrown: whoever uses the module sees what an exception carries that it does not catch, though
//!   nobody else has its tag. If code may put a reference where they see it, they may call every function that a reference
//!   is made to.
//!
//! Time and space are linear in the module: each type's functions are walked once, when the first indirect call of the
//! type is found to run.

use super::{Exported, Uses};
use crate::module::{ConstExpr, ConstOp, ElementItems, Entity, Module, SegmentKind};
use bailiwick_runtime_abi::format::{MAX_REACH_PATH, NONE, Root};
use bailiwick_runtime_abi::types::ValType;
use std::collections::VecDeque;
use std::ops::Range;

/// Items of all paths of a module; when they are used up, paths have only their ends.
const MAX_ITEMS: usize = 1 << 18;

/// How an import can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// [`Root::None`]: not at all.
    pub root: Root,
    /// Of an export, in the order of their names, of a table or of a global; else [`NONE`].
    pub index: u32,
    /// One shortest path from the root's function to the imported one; behind the first, [`NONE`] stands for what is left
    /// out.
    pub path: Vec<u32>,
}

/// For each import, how it can be reached.
pub(super) fn reach(module: &Module<'_>, uses: &Uses, canonical: &[u32], exported: &Exported) -> Vec<Reach> {
    let mut search = Search::new(module, uses, canonical);
    search.roots(uses, exported);
    search.run();
    let mut left = MAX_ITEMS;
    let reach = |import: &crate::module::Import<'_>| match import.entity {
        Entity::Function(function) => search.path(function, &mut left),
        Entity::Table(_) | Entity::Memory(_) | Entity::Global(_) | Entity::Tag(_) => {
            Reach { root: Root::Module, index: NONE, path: Vec::new() }
        }
    };
    module.imports.iter().map(reach).collect()
}

/// How a function was found to run.
#[derive(Clone, Copy)]
struct Found {
    /// The function that calls it; itself, if it is a root's.
    by: u32,
    /// Functions on the way, the root's and itself included.
    length: u32,
    root: Root,
    /// See [`Reach::index`].
    index: u32,
    /// The root's function.
    first: u32,
}

/// Lists of numbers, one for each of some things, in one array.
struct Lists {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    /// From pairs of thing and item. The items of each keep their order.
    fn new(things: usize, pairs: &[(u32, u32)]) -> Lists {
        let mut starts = vec![0u32; things + 1];
        for &(thing, _) in pairs {
            starts[thing as usize + 1] += 1;
        }
        for i in 0..things {
            starts[i + 1] += starts[i];
        }
        let mut next = starts.clone();
        let mut items = vec![0; pairs.len()];
        for &(thing, item) in pairs {
            items[next[thing as usize] as usize] = item;
            next[thing as usize] += 1;
        }
        Lists { starts, items }
    }

    /// Where the items of a thing are.
    fn range(&self, thing: u32) -> Range<usize> {
        let thing = thing as usize;
        self.starts[thing] as usize..self.starts[thing + 1] as usize
    }
}

struct Search<'a> {
    module: &'a Module<'a>,
    /// For each function, those that it calls.
    calls: Lists,
    /// For each function, the canonical types that it calls indirectly.
    indirect: Lists,
    /// For each canonical type, the functions that a reference is made to.
    referenced: Lists,
    /// For each canonical type, its direct subtypes.
    subtypes: Lists,
    /// Canonical types whose functions, and whose subtypes', were walked.
    walked: Vec<bool>,
    /// Canonical types whose imported functions were walked.
    walked_imports: Vec<bool>,
    canonical: &'a [u32],
    found: Vec<Option<Found>>,
    queue: VecDeque<u32>,
}

impl<'a> Search<'a> {
    fn new(module: &'a Module<'a>, uses: &Uses, canonical: &'a [u32]) -> Search<'a> {
        let functions = module.functions.len();
        let indirect: Vec<_> = uses.indirect_calls.iter().map(|&(f, ty)| (f, canonical[ty as usize])).collect();
        let by_type: Vec<_> = references(module, uses)
            .into_iter()
            .map(|function| (canonical[module.functions[function as usize] as usize], function))
            .collect();
        let supertypes =
            (0u32..).zip(&module.definitions).filter_map(|(i, definition)| Some((i, definition.supertype?)));
        let subtypes: Vec<_> = supertypes.map(|(i, of)| (canonical[of as usize], canonical[i as usize])).collect();
        Search {
            module,
            calls: Lists::new(functions, &uses.calls),
            indirect: Lists::new(functions, &indirect),
            referenced: Lists::new(canonical.len(), &by_type),
            subtypes: Lists::new(canonical.len(), &subtypes),
            walked: vec![false; canonical.len()],
            walked_imports: vec![false; canonical.len()],
            canonical,
            found: vec![None; functions],
            queue: VecDeque::new(),
        }
    }

    fn add_root(&mut self, function: u32, root: Root, index: u32) {
        self.add(function, Found { by: function, length: 1, root, index, first: function });
    }

    fn add(&mut self, function: u32, how: Found) {
        let found = &mut self.found[function as usize];
        if found.is_none() {
            *found = Some(how);
            self.queue.push_back(function);
        }
    }

    fn roots(&mut self, uses: &Uses, exported: &Exported) {
        let module = self.module;
        for (i, export) in module.sorted_exports().into_iter().enumerate() {
            if let Entity::Function(function) = export.entity {
                self.add_root(function, Root::Export, i as u32);
            }
        }
        if let Some(start) = module.start {
            self.add_root(start, Root::Start, NONE);
        }
        let table_seen = |i: u32| i < module.imported_tables || exported.tables[i as usize];
        let global_seen = |i: u32| i < module.imported_globals || exported.globals[i as usize];
        let values = global_values(module);
        for (i, table) in module.tables.iter().enumerate().filter(|&(i, _)| table_seen(i as u32)) {
            if let Some(function) = table.init.as_ref().and_then(|init| value(init, &values)) {
                self.add_root(function, Root::Table, i as u32);
            }
        }
        for element in &module.elements {
            if let SegmentKind::Active { index, .. } = element.kind
                && table_seen(index)
            {
                for function in functions(&element.items, &values) {
                    self.add_root(function, Root::Table, index);
                }
            }
        }
        for (i, &function) in values.iter().enumerate().filter(|&(i, _)| global_seen(i as u32)) {
            if let Some(function) = function {
                self.add_root(function, Root::Global, i as u32);
            }
        }
        // Whoever is called by others is among the roots so far.
        let returned = self.queue.iter().any(|&function| has_functions(&module.function_type(function).results));
        let imported = 0..module.imported_functions;
        let passed = imported.into_iter().any(|function| has_functions(&module.function_type(function).params));
        let thrown =
            uses.thrown_tags.iter().any(|&tag| has_functions(&module.types[module.tags[tag as usize] as usize].params));
        let is_function = ValType::is_function;
        let stored =
            uses.touched_tables.iter().any(|&i| table_seen(i) && is_function(module.tables[i as usize].element_type))
                || uses.set_globals.iter().any(|&i| global_seen(i) && is_function(module.globals[i as usize].val_type));
        if returned || passed || thrown || stored {
            for i in 0..self.referenced.items.len() {
                self.add_root(self.referenced.items[i], Root::Reference, NONE);
            }
        }
    }

    /// Breadth first, so that each function is found by a shortest way.
    fn run(&mut self) {
        while let Some(caller) = self.queue.pop_front() {
            let Some(found) = self.found[caller as usize] else { continue };
            let called = Found { by: caller, length: found.length.saturating_add(1), ..found };
            for i in self.calls.range(caller) {
                self.add(self.calls.items[i], called);
            }
            for i in self.indirect.range(caller) {
                self.walk(self.indirect.items[i], called);
            }
        }
    }

    /// Adds the functions that a call of a canonical type may find.
    fn walk(&mut self, ty: u32, called: Found) {
        let mut left = vec![ty];
        while let Some(ty) = left.pop() {
            if std::mem::replace(&mut self.walked[ty as usize], true) {
                continue;
            }
            for i in self.referenced.range(ty) {
                self.add(self.referenced.items[i], called);
            }
            left.extend_from_slice(&self.subtypes.items[self.subtypes.range(ty)]);
        }
        let mut above = Some(ty);
        while let Some(ty) = above {
            let ty = self.canonical[ty as usize];
            // Those further up were walked then too.
            if std::mem::replace(&mut self.walked_imports[ty as usize], true) {
                break;
            }
            for i in self.referenced.range(ty) {
                let function = self.referenced.items[i];
                if function < self.module.imported_functions {
                    self.add(function, called);
                }
            }
            above = self.module.definitions[ty as usize].supertype;
        }
    }

    /// The way to an imported function. Takes from `left` what it is long.
    fn path(&self, function: u32, left: &mut usize) -> Reach {
        let Some(found) = self.found[function as usize] else {
            return Reach { root: Root::None, index: NONE, path: Vec::new() };
        };
        let length = found.length as usize;
        let most = if *left < MAX_REACH_PATH { 3 } else { MAX_REACH_PATH };
        // From the end, because that is how it was found.
        let mut path = Vec::with_capacity(length.min(most));
        let mut at = function;
        for _ in 0..if length <= most { length } else { most - 2 } {
            path.push(at);
            at = self.found[at as usize].map_or(at, |found| found.by);
        }
        if length > most {
            path.extend([NONE, found.first]);
        }
        path.reverse();
        *left = left.saturating_sub(path.len());
        Reach { root: found.root, index: found.index, path }
    }
}

fn has_functions(types: &[ValType]) -> bool {
    types.iter().copied().any(ValType::is_function)
}

/// The functions that a reference is made to, ascending.
fn references(module: &Module<'_>, uses: &Uses) -> Vec<u32> {
    let mut all = uses.ref_funcs.clone();
    let values = global_values(module);
    all.extend(values.iter().flatten());
    for table in &module.tables {
        all.extend(table.init.as_ref().and_then(|init| value(init, &values)));
    }
    for element in &module.elements {
        if !matches!(element.kind, SegmentKind::Declared) {
            all.extend(functions(&element.items, &values));
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// For each global, the function that its initial value refers to.
fn global_values(module: &Module<'_>) -> Vec<Option<u32>> {
    let mut values: Vec<Option<u32>> = Vec::with_capacity(module.globals.len());
    for global in &module.globals {
        values.push(value(&global.init, &values));
    }
    values
}

/// The function that a constant expression refers to. Those of imported globals are others'.
fn value(expr: &ConstExpr, globals: &[Option<u32>]) -> Option<u32> {
    match expr.as_slice() {
        [ConstOp::RefFunc(function)] => Some(*function),
        [ConstOp::GlobalGet(global)] => globals.get(*global as usize).copied().flatten(),
        _ => None,
    }
}

fn functions(items: &ElementItems, globals: &[Option<u32>]) -> Vec<u32> {
    match items {
        ElementItems::Functions(functions) => functions.clone(),
        ElementItems::Exprs(exprs) => exprs.iter().filter_map(|expr| value(expr, globals)).collect(),
    }
}
