//! Webs of locals: which operators that name a local mean the same variable.
//!
//! A producer uses one local for many variables that are never needed at once. Two accesses belong to one web if a value
//! that one writes may be read by the other, directly or by way of a third: what is done with one web changes nothing for
//! the others of its local.

use crate::parse;
use wasmparser::{FunctionBody, Operator};

/// Locals at labels, summed up over branches and labels, that the analysis looks at: the largest functions of CPython and
/// SQLite need a tenth.
const MAX_WORK: usize = 4 << 20;
/// By how much more something counts in a loop than around it, and in how many loops at most.
const LOOP: f32 = 8.0;
const MAX_DEPTH: u32 = 6;

/// The accesses of one function's locals by webs.
#[derive(Debug)]
pub(crate) struct Webs {
    /// Offset in the binary of each access that can be reached, ascending, and its web.
    pub accesses: Vec<(u32, u32)>,
    /// The web of each local's first value.
    pub first: Vec<u32>,
    pub webs: Vec<Web>,
}

/// One of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Web {
    pub local: u32,
    /// Values that are read: the first one, and those that operators write.
    pub values: u32,
    /// Accesses: one in a loop counts more.
    pub weight: f32,
    /// Labels where values of several ways come together that are read there or behind.
    pub joins: u32,
    /// Branches to those, counted as accesses are.
    pub edges: f32,
    /// Whether it is accessed in one of the loops that were named.
    pub in_named_loop: bool,
}

/// What ends with an `end`.
struct Frame {
    kind: Kind,
    /// The values of locals at its label, if anything branches there yet.
    label: Option<Vec<u32>>,
    /// Their values where the `else` of an `if` begins, as long as it has not begun.
    otherwise: Option<Vec<u32>>,
    /// Whether it is in a loop that was named.
    named: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Block,
    Loop,
    If,
}

/// How a value came to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// It is the first one, or an operator wrote it.
    Written,
    /// It is what comes together at the label of a frame, with this index as long as that is open.
    Label(u32),
    Closed,
}

/// An access: where, of which value, whether it reads, how much it counts, whether it is in a named loop.
type Access = (u32, u32, bool, f32, bool);

struct Finder {
    locals: usize,
    /// For each value its local, and how it came to be.
    values: Vec<(u32, Origin)>,
    /// What comes together: in which value, which other, how much that counts.
    operands: Vec<(u32, u32, f32)>,
    /// The value of each local.
    now: Vec<u32>,
    reachable: bool,
    frames: Vec<Frame>,
    loops: u32,
    work: usize,
    accesses: Vec<Access>,
}

/// Finds the webs of a valid body with so many locals and parameters; `named` says for the offset of a loop whether webs that
/// are accessed in it are to be marked. Gives nothing where that would take long, or exceptions are caught: who catches
/// sees the values of locals at any call.
pub(crate) fn webs(
    body: &FunctionBody<'_>,
    locals: usize,
    named: impl Fn(u32) -> bool,
) -> wasmparser::Result<Option<Webs>> {
    let mut finder = Finder::new(locals);
    finder.open(Kind::Block, false);
    // Blocks that can't be reached.
    let mut dead = 0u32;
    let mut operators = parse::operators(body)?;
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        // Modules of 4 GiB are refused by the parser.
        let offset = offset as u32;
        if !finder.reachable {
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::TryTable { .. } => {
                    dead += 1;
                }
                Operator::Else if dead == 0 => finder.else_(),
                Operator::End if dead == 0 => finder.end(),
                Operator::End => dead -= 1,
                _ => {}
            }
            continue;
        }
        match operator {
            Operator::Block { .. } => finder.open(Kind::Block, false),
            Operator::Loop { .. } => finder.open(Kind::Loop, named(offset)),
            Operator::If { .. } => finder.open(Kind::If, false),
            Operator::Else => finder.else_(),
            Operator::End => finder.end(),
            Operator::BrIf { relative_depth }
            | Operator::BrOnNull { relative_depth }
            | Operator::BrOnNonNull { relative_depth }
            | Operator::BrOnCast { relative_depth, .. }
            | Operator::BrOnCastFail { relative_depth, .. } => finder.branch(relative_depth),
            Operator::Br { relative_depth } => {
                finder.branch(relative_depth);
                finder.reachable = false;
            }
            Operator::BrTable { targets } => {
                let mut depths = targets.targets().collect::<wasmparser::Result<Vec<u32>>>()?;
                depths.push(targets.default());
                depths.sort_unstable();
                depths.dedup();
                depths.into_iter().for_each(|depth| finder.branch(depth));
                finder.reachable = false;
            }
            Operator::Return
            | Operator::Unreachable
            | Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => finder.reachable = false,
            Operator::TryTable { .. } => return Ok(None),
            Operator::LocalGet { local_index } => finder.access(offset, local_index, true),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                finder.now[local_index as usize] = finder.value(local_index, Origin::Written);
                finder.access(offset, local_index, false);
            }
            _ => {}
        }
        if finder.work > MAX_WORK {
            return Ok(None);
        }
    }
    Ok(Some(finder.webs()))
}

impl Finder {
    fn new(locals: usize) -> Finder {
        let first = 0..locals as u32;
        Finder {
            locals,
            values: first.clone().map(|local| (local, Origin::Written)).collect(),
            operands: Vec::new(),
            now: first.collect(),
            reachable: true,
            frames: Vec::new(),
            loops: 0,
            work: 0,
            accesses: Vec::new(),
        }
    }

    /// A new value of a local.
    fn value(&mut self, local: u32, origin: Origin) -> u32 {
        self.values.push((local, origin));
        self.values.len() as u32 - 1
    }

    fn weight(&self) -> f32 {
        LOOP.powi(self.loops.min(MAX_DEPTH) as i32)
    }

    fn access(&mut self, offset: u32, local: u32, reads: bool) {
        let named = self.frames.last().is_some_and(|frame| frame.named);
        self.accesses.push((offset, self.now[local as usize], reads, self.weight(), named));
    }

    fn open(&mut self, kind: Kind, named: bool) {
        let named = named || self.frames.last().is_some_and(|frame| frame.named);
        let (mut label, mut otherwise) = (None, None);
        if kind == Kind::If {
            self.work += self.locals;
            otherwise = Some(self.now.clone());
        }
        if kind == Kind::Loop {
            // Which locals it writes is not known yet.
            self.work += self.locals;
            let (weight, index) = (self.weight(), self.frames.len() as u32);
            self.loops += 1;
            for local in 0..self.locals {
                let value = self.value(local as u32, Origin::Label(index));
                self.operands.push((value, self.now[local], weight));
                self.now[local] = value;
            }
            label = Some(self.now.clone());
        }
        self.frames.push(Frame { kind, label, otherwise, named });
    }

    fn branch(&mut self, depth: u32) {
        self.join(self.frames.len() - 1 - depth as usize, &self.now.clone());
    }

    /// These values of locals come to the label of a frame.
    fn join(&mut self, index: usize, from: &[u32]) {
        self.work += self.locals;
        let weight = self.weight();
        let Some(mut label) = self.frames[index].label.take() else {
            self.frames[index].label = Some(from.to_vec());
            return;
        };
        let here = Origin::Label(index as u32);
        for (local, (label, &from)) in label.iter_mut().zip(from).enumerate() {
            if *label == from {
                continue;
            }
            if self.values[*label as usize].1 != here {
                let value = self.value(local as u32, here);
                self.operands.push((value, *label, weight));
                *label = value;
            }
            self.operands.push((*label, from, weight));
        }
        self.frames[index].label = Some(label);
    }

    fn else_(&mut self) {
        let index = self.frames.len() - 1;
        let from = self.frames[index].otherwise.take().expect("validated: it is an if without else yet");
        let then = std::mem::replace(&mut self.now, from);
        if self.reachable {
            self.join(index, &then);
        }
        self.reachable = true;
    }

    fn end(&mut self) {
        let index = self.frames.len() - 1;
        if self.frames[index].kind != Kind::Loop {
            if self.reachable {
                self.join(index, &self.now.clone());
            }
            if let Some(otherwise) = self.frames[index].otherwise.take() {
                self.join(index, &otherwise);
            }
        }
        let frame = self.frames.pop().expect("validated: what ends was begun");
        // The next frame with this index is another one.
        for &value in frame.label.iter().flatten() {
            let origin = &mut self.values[value as usize].1;
            if *origin == Origin::Label(index as u32) {
                *origin = Origin::Closed;
            }
        }
        if frame.kind == Kind::Loop {
            self.loops -= 1;
            return;
        }
        self.reachable = frame.label.is_some();
        self.now = frame.label.unwrap_or_else(|| std::mem::take(&mut self.now));
    }

    fn webs(mut self) -> Webs {
        self.operands.sort_unstable_by_key(|&(value, ..)| value);
        // What comes together where nobody reads it makes nothing one.
        let mut read = vec![false; self.values.len()];
        let mut pending = Vec::new();
        for &(_, value, reads, ..) in &self.accesses {
            if reads && !std::mem::replace(&mut read[value as usize], true) {
                pending.push(value);
            }
        }
        let mut unions = Unions::new(self.values.len());
        let mut joins = Vec::new();
        while let Some(value) = pending.pop() {
            let start = self.operands.partition_point(|&(of, ..)| of < value);
            let (mut others, mut edges) = (0, 0.0);
            for &(_, other, weight) in self.operands[start..].iter().take_while(|&&(of, ..)| of == value) {
                if other != value {
                    (others, edges) = (others + 1, edges + weight);
                }
                unions.unite(value, other);
                if !std::mem::replace(&mut read[other as usize], true) {
                    pending.push(other);
                }
            }
            if others > 1 {
                joins.push((value, edges));
            }
        }
        let mut numbers = vec![None; self.values.len()];
        let mut webs: Vec<Web> = Vec::new();
        let mut web_of = |value: u32, webs: &mut Vec<Web>| {
            *numbers[unions.root(value) as usize].get_or_insert_with(|| {
                webs.push(Web { local: self.values[value as usize].0, ..Web::default() });
                webs.len() as u32 - 1
            })
        };
        let first = (0..self.locals as u32).map(|value| web_of(value, &mut webs)).collect();
        for (value, &(_, origin)) in self.values.iter().enumerate() {
            if origin == Origin::Written && read[value] {
                let web = web_of(value as u32, &mut webs);
                webs[web as usize].values += 1;
            }
        }
        for (value, edges) in joins {
            let web = web_of(value, &mut webs);
            webs[web as usize].joins += 1;
            webs[web as usize].edges += edges;
        }
        let mut accesses = Vec::with_capacity(self.accesses.len());
        for &(offset, value, _, weight, named) in &self.accesses {
            let web = web_of(value, &mut webs);
            accesses.push((offset, web));
            let web = &mut webs[web as usize];
            web.weight += weight;
            web.in_named_loop |= named;
        }
        Webs { accesses, first, webs }
    }
}

/// Sets of values that have been united.
struct Unions {
    /// Another one of the same set, or itself.
    parents: Vec<u32>,
}

impl Unions {
    fn new(values: usize) -> Unions {
        Unions { parents: (0..values as u32).collect() }
    }

    /// The one that stands for its set.
    fn root(&mut self, mut value: u32) -> u32 {
        while self.parents[value as usize] != value {
            let above = self.parents[value as usize];
            self.parents[value as usize] = self.parents[above as usize];
            value = above;
        }
        value
    }

    fn unite(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a as usize] = b;
    }
}
