//! Whether several iterations of a loop may be made at once, and what has to be true of its numbers for that.
//!
//! ```text
//!  body ─► iteration: what one makes of the next ─► copies: is it one short body, several times? ─► streams: what is accessed
//!                                                                                                  │
//!                                            plan ◄─ conflicts: which accesses may meet ◄──────────┘
//! ```

use super::body::{Access, Body, Condition, Id, Node, Sum};
use cranelift_codegen::ir::condcodes::{CondCode, IntCC};
use cranelift_codegen::ir::types::I32;
use cranelift_codegen::ir::{Opcode, Type};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Bytes of a vector.
pub(super) const VECTOR: u64 = 16;
/// Copies of one short body that a body may be.
const MAX_COPIES: u64 = 16;
/// Vectors that a round makes of each value, at most.
const MAX_STEPS: u64 = 8;
/// Instructions of a round, at most.
const MAX_ROUND: u64 = 200;
/// Instructions of a round up to which it makes twice as much.
const SHORT_ROUND: u64 = 16;
/// Parts of a number that is gathered, of one iteration, at most.
const MAX_PARTS: usize = 64;
/// Bytes from one element to the next, at most.
const MAX_STRIDE: u64 = 1 << 20;
/// Streams of one loop, at most.
const MAX_STREAMS: usize = 8;
/// Bytes between the accesses of a stream that are farthest from each other, at most.
const MAX_SPAN: u64 = 1 << 28;

/// How it is known that there is another iteration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Again {
    /// A number that changes by `step` is not `end`.
    NotEqual,
    /// A number that grows by `step` is less than `end`, or equal to it; or one that falls is greater.
    Before { signed: bool, or_equal: bool },
}

/// Accesses at constant distances from each other.
#[derive(Debug)]
pub(super) struct Stream {
    /// The address of its lowest access in the first iteration, a node of 32 bits.
    pub lowest: Id,
    /// Bytes from there to the end of its highest one.
    pub span: u64,
    /// Bytes by which all of them go on with each element: as many as an element has, none, or, of loads, more.
    pub stride: u64,
}

impl Stream {
    /// Whether its elements do not lie beside each other.
    pub fn is_scattered(&self, element: u64) -> bool {
        self.stride != 0 && self.stride != element
    }
}

/// Where an access is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub stream: usize,
    /// Bytes behind the stream's lowest access.
    pub distance: u64,
}

/// A value that an element needs of the one in front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried {
    pub local: u32,
    /// What the local holds for an element: what this load gave to the one in front.
    pub found: Id,
    pub load: Id,
}

/// A number that is gathered from all elements, in any order.
#[derive(Clone, Debug)]
pub(super) struct Gathered {
    pub local: u32,
    pub opcode: Opcode,
    pub ty: Type,
    /// What one element adds.
    pub parts: Vec<Id>,
}

/// How to make several iterations at once.
///
/// The body makes `copies` elements in each iteration, all in the same way, so it is enough to know how the first is made. A
/// *round* makes `steps` vectors of `lanes` elements; that is `iterations` whole iterations.
#[derive(Debug)]
pub(super) struct Plan {
    pub body: Body,
    pub again: Again,
    /// The number that is compared, at the end of the first iteration, by what it changes, and what with.
    pub counter: Id,
    pub step: i32,
    pub end: Id,
    /// Locals that change by a constant in each iteration, and that constant.
    pub counters: Vec<(u32, u32)>,
    pub carried: Vec<Carried>,
    pub gathered: Vec<Gathered>,
    pub element: u64,
    pub lanes: u64,
    pub steps: u64,
    pub iterations: u64,
    pub streams: Vec<Stream>,
    /// Of the accesses that an element consists of, by their place in the body's list.
    pub places: BTreeMap<usize, Place>,
    /// Streams that must have no byte in common.
    pub apart: Vec<(usize, usize)>,
    /// Values that are the same for every element, and of which vectors are made.
    pub spread: BTreeSet<Id>,
    /// The same by which something is shifted.
    pub counts: BTreeSet<Id>,
}

impl Plan {
    /// A plan for a loop with this body; `None` if there is none.
    pub fn new(body: Body) -> Option<Plan> {
        let iteration = Iteration::new(&body);
        let (again, counter, step, end) = iteration.again()?;
        let stores: Vec<usize> = (0..body.accesses.len()).filter(|&i| body.accesses[i].stores.is_some()).collect();
        let gathered = iteration.gathered();
        let element = match (stores.first(), gathered.first()) {
            (Some(&store), _) => u64::from(body.accesses[store].ty.bytes()),
            (None, Some(number)) => u64::from(number.ty.bytes()),
            (None, None) => return None,
        };
        // As often as an access goes on by its own size: a store, if there is any.
        let goes_on = |&&access: &&Access| {
            stores.is_empty() || access.stores.is_some() && u64::from(access.ty.bytes()) == element
        };
        let strides = body.accesses.iter().filter(goes_on).filter_map(|access| iteration.stride(access.address));
        let stride = strides.filter(|&stride| stride > 0).min()? as u64;
        let copies = stride / element;
        if !stride.is_multiple_of(element) || copies > MAX_COPIES || !(stores.len() as u64).is_multiple_of(copies) {
            return None;
        }
        let mut matcher = Matcher::new(&body, &iteration, copies as i64, element as i64);
        let gathered = matcher.parts(gathered)?;
        let carried = matcher.all(&stores, &gathered)?;
        let Matcher { matched, computed, .. } = matcher;
        let accesses: Vec<usize> = (0..body.accesses.len()).filter(|&i| matched.contains(&(i, 0, i))).collect();
        if !have_vector_forms(&body, &iteration, &computed, &gathered, element) {
            return None;
        }
        let (streams, places) = streams(&body, &iteration, &accesses, element, copies)?;
        let apart = conflicts(&body, &matched, &places, element)?;

        let lanes = VECTOR / element;
        // Whole iterations, so that the loop itself can go on behind them.
        let mut steps = copies / gcd(copies, lanes);
        let size = accesses.len() as u64 + computed.len() as u64;
        if steps * size <= SHORT_ROUND {
            steps *= 2;
        }
        // Elements that do not lie beside each other are put together one by one.
        let scattered = places.values().filter(|place| streams[place.stream].is_scattered(element)).count() as u64;
        if scattered > 0 && (lanes < 4 || scattered * 3 > size) {
            return None;
        }
        if steps > MAX_STEPS || steps * (size + scattered * lanes) > MAX_ROUND {
            return None;
        }
        let (mut spread, mut counts) = (BTreeSet::new(), BTreeSet::new());
        for &id in &computed {
            match body.nodes[id] {
                Node::Binary(opcode, _, a, b) if is_shift(opcode) => {
                    spread.insert(a);
                    counts.insert(b);
                }
                node => spread.extend(node.operands()),
            }
        }
        spread.extend(places.keys().filter_map(|&access| body.accesses[access].stores));
        spread.retain(|&id| iteration.fixed[id]);
        let counters = iteration.steps.into_iter().collect();
        Some(Plan {
            again,
            counter,
            step,
            end,
            counters,
            carried,
            gathered,
            element,
            lanes,
            steps,
            iterations: steps * lanes / copies,
            streams,
            places,
            apart,
            spread,
            counts,
            body,
        })
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// What one iteration makes of the next.
struct Iteration<'b> {
    body: &'b Body,
    /// For each node, whether it is the same in every iteration.
    fixed: Vec<bool>,
    /// Locals that change by a constant, and that constant.
    steps: BTreeMap<u32, u32>,
}

impl<'b> Iteration<'b> {
    fn new(body: &'b Body) -> Iteration<'b> {
        let mut fixed = Vec::with_capacity(body.nodes.len());
        let mut steps = BTreeMap::new();
        for (id, &node) in body.nodes.iter().enumerate() {
            fixed.push(match node {
                Node::Const(..) | Node::Global(_) => true,
                Node::Local(local) => body.written.get(&local).is_none_or(|&end| end == id),
                Node::Load(_) => false,
                _ => node.operands().all(|id| fixed[id]),
            });
            if let Node::Local(local) = node
                && let Some(&end) = body.written.get(&local)
            {
                let Sum { terms, constant } = body.sum(end);
                if terms[..] == [(id, 1)] && *constant != 0 {
                    steps.insert(local, *constant);
                }
            }
        }
        Iteration { body, fixed, steps }
    }

    /// By what a number of 32 bits changes in each iteration, if that is a constant.
    fn stride(&self, id: Id) -> Option<i32> {
        let mut stride = 0u32;
        for &(term, times) in &self.body.sum(id).terms {
            match self.body.nodes[term] {
                _ if self.fixed[term] => {}
                Node::Local(local) => stride = stride.wrapping_add(self.steps.get(&local)?.wrapping_mul(times)),
                _ => return None,
            }
        }
        Some(stride as i32)
    }

    /// How it is known that there is another iteration: the number that is compared, by what it changes, and what with.
    fn again(&self) -> Option<(Again, Id, i32, Id)> {
        let body = self.body;
        let (condition, a, b) = match body.nodes[body.again] {
            Node::Compare(Condition::Int(condition), I32, a, b) => (condition, a, b),
            // Another iteration unless the number is 0.
            Node::Binary(..) | Node::Local(_) => (IntCC::NotEqual, body.again, body.zero),
            _ => return None,
        };
        let (condition, counter, end) = match (self.fixed[a], self.fixed[b]) {
            (false, true) => (condition, a, b),
            (true, false) => (condition.swap_args(), b, a),
            _ => return None,
        };
        let step = self.stride(counter)?;
        let less = |signed, or_equal| (step > 0).then_some(Again::Before { signed, or_equal });
        let greater = |signed, or_equal| (step < 0).then_some(Again::Before { signed, or_equal });
        let again = match condition {
            IntCC::NotEqual => Some(Again::NotEqual),
            IntCC::SignedLessThan => less(true, false),
            IntCC::SignedLessThanOrEqual => less(true, true),
            IntCC::UnsignedLessThan => less(false, false),
            IntCC::UnsignedLessThanOrEqual => less(false, true),
            IntCC::SignedGreaterThan => greater(true, false),
            IntCC::SignedGreaterThanOrEqual => greater(true, true),
            IntCC::UnsignedGreaterThan => greater(false, false),
            IntCC::UnsignedGreaterThanOrEqual => greater(false, true),
            _ => None,
        };
        (step != 0 && step != i32::MIN).then_some((again?, counter, step, end))
    }
}

impl Iteration<'_> {
    /// Numbers that each iteration adds something to, by an operator whose operands may be taken in any order.
    fn gathered(&self) -> Vec<Gathered> {
        let body = self.body;
        let mut live = vec![false; body.nodes.len()];
        live[body.again] = true;
        body.written.values().for_each(|&id| live[id] = true);
        for access in &body.accesses {
            live[access.address] = true;
            access.stores.into_iter().for_each(|id| live[id] = true);
        }
        // Operands are in front of what is made of them.
        for (id, node) in body.nodes.iter().enumerate().rev() {
            if live[id] {
                node.operands().for_each(|operand| live[operand] = true);
            }
        }
        let numbers = body.nodes.iter().enumerate().filter_map(|(id, &node)| {
            let Node::Local(local) = node else { return None };
            if self.fixed[id] || self.steps.contains_key(&local) {
                return None;
            }
            let &end = body.written.get(&local)?;
            let Node::Binary(opcode, ty, ..) = body.nodes[end] else { return None };
            let any_order = match opcode {
                Opcode::Iadd | Opcode::Band | Opcode::Bor | Opcode::Bxor => true,
                Opcode::Smin | Opcode::Smax | Opcode::Umin | Opcode::Umax => ty == I32,
                _ => false,
            };
            if !any_order {
                return None;
            }
            let (mut parts, mut within, mut left) = (Vec::new(), HashSet::new(), vec![end]);
            while let Some(part) = left.pop() {
                match body.nodes[part] {
                    // What is added twice counts twice.
                    Node::Binary(other, of, a, b) if (other, of) == (opcode, ty) => {
                        within.insert(part);
                        left.extend([a, b]);
                    }
                    _ => parts.push(part),
                }
                if parts.len() + left.len() > MAX_PARTS {
                    return None;
                }
            }
            // Nothing else that is of use may depend on how far it has come.
            let mut depends = vec![false; body.nodes.len()];
            for (other, node) in body.nodes.iter().enumerate() {
                depends[other] = other == id || node.operands().any(|operand| depends[operand]);
            }
            let stored = body.accesses.iter().filter_map(|access| access.stores);
            let alone = stored.into_iter().all(|value| !depends[value])
                && (0..depends.len())
                    .all(|other| !depends[other] || !live[other] || other == id || within.contains(&other));
            let count = parts.len();
            parts.retain(|&part| part != id);
            (alone && parts.len() + 1 == count && !parts.is_empty()).then_some(Gathered { local, opcode, ty, parts })
        });
        numbers.collect()
    }

    /// The place of the first load that a value depends on.
    fn first_load(&self, id: Id) -> Option<usize> {
        let (mut seen, mut left, mut first) = (HashSet::new(), vec![id], None::<usize>);
        while let Some(id) = left.pop() {
            if seen.insert(id) {
                if let Node::Load(access) = self.body.nodes[id] {
                    first = Some(first.map_or(access, |first| first.min(access)));
                }
                left.extend(self.body.nodes[id].operands());
            }
        }
        first
    }
}

/// Finds out whether a body is several copies of one that makes one element.
struct Matcher<'b> {
    body: &'b Body,
    iteration: &'b Iteration<'b>,
    copies: i64,
    element: i64,
    /// What has been compared: a node of the first copy, one of another, and which that is.
    same: HashSet<(Id, Id, i64)>,
    /// Accesses of the first copy, which copy, and what stands for it there. One load may be there for several.
    matched: BTreeSet<(usize, i64, usize)>,
    /// Values of the first copy that have to be computed for each element.
    computed: HashSet<Id>,
    /// What the first copy leaves for the next one in a local.
    carried: HashMap<u32, Id>,
}

impl<'b> Matcher<'b> {
    fn new(body: &'b Body, iteration: &'b Iteration<'b>, copies: i64, element: i64) -> Matcher<'b> {
        Matcher {
            body,
            iteration,
            copies,
            element,
            same: HashSet::new(),
            matched: BTreeSet::new(),
            computed: HashSet::new(),
            carried: HashMap::new(),
        }
    }

    /// Compares what the copies add to numbers; gives the first one's parts of each.
    fn parts(&mut self, gathered: Vec<Gathered>) -> Option<Vec<Gathered>> {
        let mut firsts = Vec::new();
        for mut number in gathered {
            let mut parts = Vec::new();
            for &part in &number.parts {
                parts.push((self.iteration.first_load(part)?, part));
            }
            // Copies are behind one another.
            parts.sort_unstable();
            let parts: Vec<Id> = parts.into_iter().map(|(_, part)| part).collect();
            let each = parts.len() / self.copies as usize;
            if each == 0 || !parts.len().is_multiple_of(self.copies as usize) {
                return None;
            }
            let first = &parts[..each];
            for (copy, others) in parts.chunks(each).enumerate() {
                for (&a, &b) in first.iter().zip(others) {
                    if !self.equal(a, b, copy as i64) {
                        return None;
                    }
                }
            }
            number.parts = first.to_vec();
            firsts.push(number);
        }
        Some(firsts)
    }

    /// Compares all copies of the body's stores; gives what is carried from one to the next.
    fn all(&mut self, stores: &[usize], gathered: &[Gathered]) -> Option<Vec<Carried>> {
        let (first, _) = stores.split_at(stores.len() / self.copies as usize);
        // One copy is compared with itself, so that what it consists of is known.
        for (copy, others) in stores.chunks(first.len().max(1)).enumerate() {
            for (&a, &b) in first.iter().zip(others) {
                self.matched.insert((a, copy as i64, b));
                let (a, b) = (self.body.accesses[a], self.body.accesses[b]);
                if !self.moved(&a, &b, copy as i64, self.element)? || !self.equal(a.stores?, b.stores?, copy as i64) {
                    return None;
                }
            }
        }
        // What is loaded for nothing would trap all the same.
        let there: BTreeSet<usize> = self.matched.iter().map(|&(.., access)| access).collect();
        if there.len() < self.body.accesses.len() {
            return None;
        }
        let mut carried = Vec::new();
        for (id, &node) in self.body.nodes.iter().enumerate() {
            let Node::Local(local) = node else { continue };
            let known = self.iteration.fixed[id] || self.iteration.steps.contains_key(&local);
            if known || gathered.iter().any(|number| number.local == local) {
                continue;
            }
            // What a local is at the end, the next iteration finds there: nothing else can follow from it.
            let end = *self.body.written.get(&local)?;
            let load = match self.carried.get(&local) {
                Some(&load) => load,
                None if self.copies == 1 && self.computed.contains(&id) => end,
                None => return None,
            };
            if !self.is_stream(load, first.first().copied()) || !self.equal(load, end, self.copies - 1) {
                return None;
            }
            carried.push(Carried { local, found: id, load });
        }
        Some(carried)
    }

    /// Whether a node is a load of the first copy, in front of its stores, that goes on by an element.
    fn is_stream(&self, id: Id, store: Option<usize>) -> bool {
        let Node::Load(access) = self.body.nodes[id] else { return false };
        let stride = self.iteration.stride(self.body.accesses[access].address);
        stride.map(i64::from) == Some(self.copies * self.element)
            && self.matched.contains(&(access, 0, access))
            && store.is_some_and(|store| access < store)
    }

    /// Whether an access is another one's in a later copy: that many elements of `stride` bytes further on.
    fn moved(&self, a: &Access, b: &Access, copy: i64, stride: i64) -> Option<bool> {
        let (from, to) = (self.body.sum(a.address), self.body.sum(b.address));
        // Not backwards, so that it does not wrap where the other one does not.
        let distance = i64::from(to.constant.wrapping_sub(from.constant) as i32);
        let offsets = i64::try_from(b.offset).ok()? - i64::try_from(a.offset).ok()?;
        let goes_on = self.iteration.stride(a.address).map(i64::from) == Some(stride.checked_mul(self.copies)?);
        let there = distance >= 0 && distance + offsets == copy * stride;
        Some(goes_on && a.ty == b.ty && from.terms == to.terms && there)
    }

    /// Whether `b` is in copy `copy` what `a` is in the first.
    fn equal(&mut self, a: Id, b: Id, copy: i64) -> bool {
        if self.iteration.fixed[a] {
            return a == b;
        }
        if !self.same.insert((a, b, copy)) {
            return true;
        }
        self.computed.insert(a);
        match (self.body.nodes[a], self.body.nodes[b]) {
            (Node::Load(x), Node::Load(y)) => {
                self.matched.insert((x, copy, y));
                let (x, y) = (self.body.accesses[x], self.body.accesses[y]);
                let stride = self.iteration.stride(x.address).map_or(0, i64::from);
                self.moved(&x, &y, copy, stride / self.copies) == Some(true)
            }
            (Node::Local(local), _) if self.iteration.steps.contains_key(&local) => false,
            (Node::Local(_), _) if copy == 0 => a == b,
            // What the copy in front has left.
            (Node::Local(local), Node::Load(_)) => {
                let load = *self.carried.entry(local).or_insert(b);
                self.equal(load, b, copy - 1)
            }
            (Node::Unary(x, t, a), Node::Unary(y, u, b)) => x == y && t == u && self.equal(a, b, copy),
            (Node::Binary(x, t, a, c), Node::Binary(y, u, b, d)) => {
                x == y && t == u && self.equal(a, b, copy) && self.equal(c, d, copy)
            }
            (Node::Compare(x, t, a, c), Node::Compare(y, u, b, d)) => {
                x == y && t == u && self.equal(a, b, copy) && self.equal(c, d, copy)
            }
            (Node::Select(a, c, e), Node::Select(b, d, f)) => {
                self.equal(a, b, copy) && self.equal(c, d, copy) && self.equal(e, f, copy)
            }
            _ => false,
        }
    }
}

/// The streams that accesses belong to, and where they are in them.
fn streams(
    body: &Body,
    iteration: &Iteration<'_>,
    accesses: &[usize],
    element: u64,
    copies: u64,
) -> Option<(Vec<Stream>, BTreeMap<usize, Place>)> {
    let mut groups: Vec<(&Sum, Vec<usize>)> = Vec::new();
    for &access in accesses {
        let sum = body.sum(body.accesses[access].address);
        match groups.iter_mut().find(|(other, _)| other.terms == sum.terms) {
            Some((_, group)) => group.push(access),
            None => groups.push((sum, vec![access])),
        }
    }
    if groups.len() > MAX_STREAMS {
        return None;
    }
    let (mut streams, mut places) = (Vec::new(), BTreeMap::new());
    for (stream, (first, group)) in groups.into_iter().enumerate() {
        let stride = match u64::try_from(iteration.stride(body.accesses[group[0]].address)?).ok()? {
            stride if stride.is_multiple_of(copies) && stride / copies <= MAX_STRIDE => stride / copies,
            _ => return None,
        };
        let stores = group.iter().any(|&access| body.accesses[access].stores.is_some());
        if stores && stride != element {
            return None;
        }
        // From the first one's; none of these numbers wraps where the guard holds.
        let behind = |access: usize| {
            i64::from(body.sum(body.accesses[access].address).constant.wrapping_sub(first.constant) as i32)
        };
        let lowest = *group.iter().min_by_key(|&&access| behind(access))?;
        let mut span = 0;
        for &access in &group {
            let Access { ty, offset, .. } = body.accesses[access];
            if u64::from(ty.bytes()) != element || offset > MAX_SPAN {
                return None;
            }
            let distance = u64::try_from(behind(access) - behind(lowest)).ok()? + offset;
            places.insert(access, Place { stream, distance });
            span = span.max(distance + element);
        }
        if span > MAX_SPAN {
            return None;
        }
        streams.push(Stream { lowest: body.accesses[lowest].address, span, stride });
    }
    Some((streams, places))
}

/// Which streams must be apart; `None` if accesses of one stream meet in another order than one element after the other, or
/// so that a vector of elements can't be made at once.
fn conflicts(
    body: &Body,
    matched: &BTreeSet<(usize, i64, usize)>,
    places: &BTreeMap<usize, Place>,
    element: u64,
) -> Option<Vec<(usize, usize)>> {
    let (element, vector) = (element as i64, VECTOR as i64);
    let mut apart = Vec::new();
    for &(store, copy, there) in matched.iter().filter(|(store, ..)| body.accesses[*store].stores.is_some()) {
        let at = places[&store];
        for &(other, other_copy, other_there) in matched {
            let place = places[&other];
            if place.stream != at.stream {
                let pair = (at.stream.min(place.stream), at.stream.max(place.stream));
                if !apart.contains(&pair) {
                    apart.push(pair);
                }
                continue;
            }
            let distance = place.distance as i64 - at.distance as i64;
            // Within an iteration, copies may have been mixed: what meets must be in the order of the elements.
            let between = distance + (other_copy - copy) * element;
            if between.abs() < element && (other_copy, other).cmp(&(copy, store)) != other_there.cmp(&there) {
                return None;
            }
            // With a vector of each, in the order of one element, whatever meets must still do so in the order of the
            // elements: what is d elements further on is met d elements earlier.
            let in_order = match distance {
                0 => true,
                d if d <= -vector || d >= vector => true,
                d if d % element != 0 => false,
                d if d > 0 => other < store,
                _ => store < other,
            };
            if !in_order {
                return None;
            }
        }
    }
    (apart.len() <= MAX_STREAMS).then_some(apart)
}

/// Whether all that is computed for each element can be computed for a vector of them.
fn have_vector_forms(
    body: &Body,
    iteration: &Iteration<'_>,
    computed: &HashSet<Id>,
    gathered: &[Gathered],
    element: u64,
) -> bool {
    let is_truth = |id: Id| matches!(body.nodes[id], Node::Compare(..)) && !iteration.fixed[id];
    let stored = body.accesses.iter().filter_map(|access| access.stores);
    let parts = gathered.iter().flat_map(|number| number.parts.iter().copied());
    !stored.chain(parts).any(is_truth)
        && gathered.iter().all(|number| u64::from(number.ty.bytes()) == element)
        && computed.iter().all(|&id| match body.nodes[id] {
            Node::Load(_) | Node::Local(_) => true,
            Node::Unary(_, ty, a) => u64::from(ty.bytes()) == element && !is_truth(a),
            Node::Binary(opcode, ty, a, b) => {
                let extreme = matches!(opcode, Opcode::Smin | Opcode::Smax | Opcode::Umin | Opcode::Umax);
                let there = (!is_shift(opcode) || iteration.fixed[b]) && (!extreme || ty == I32);
                u64::from(ty.bytes()) == element && !is_truth(a) && !is_truth(b) && there
            }
            Node::Compare(_, ty, a, b) => u64::from(ty.bytes()) == element && !is_truth(a) && !is_truth(b),
            Node::Select(a, b, c) => is_truth(c) && !is_truth(a) && !is_truth(b),
            Node::Const(..) | Node::Global(_) => false,
        })
}

/// The type of vectors of such numbers.
pub(super) fn vector_of(ty: Type) -> Type {
    ty.by((VECTOR / u64::from(ty.bytes())) as u32).expect("numbers have 4 or 8 bytes")
}

pub(super) fn is_shift(opcode: Opcode) -> bool {
    matches!(opcode, Opcode::Ishl | Opcode::Ushr | Opcode::Sshr)
}
