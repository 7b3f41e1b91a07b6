//! A loop's body as values, so that it can be computed in another way.

use crate::translate::memory::memory_of;
use cranelift_codegen::ir::condcodes::{CondCode, FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32, F64, I32, I64};
use cranelift_codegen::ir::{Opcode, Type};
use std::collections::{BTreeMap, HashMap};
use wasmparser::{MemArg, Operator, OperatorsReader};

/// Nodes of one body, at most.
const MAX_NODES: usize = 300;
/// Terms of a sum, at most.
const MAX_TERMS: usize = 6;

/// A node's place in [`Body::nodes`]. What a node is made of stands in front of it.
pub(super) type Id = usize;

/// One value that an iteration computes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Node {
    /// Its bits.
    Const(Type, u64),
    /// What a local holds when the iteration begins.
    Local(u32),
    Global(u32),
    /// What the access with this place in [`Body::accesses`] loads.
    Load(usize),
    /// An instruction with one operand, whose type that is.
    Unary(Opcode, Type, Id),
    Binary(Opcode, Type, Id, Id),
    /// 1 or 0.
    Compare(Condition, Type, Id, Id),
    /// The first if the third is not 0, else the second.
    Select(Id, Id, Id),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Condition {
    Int(IntCC),
    Float(FloatCC),
}

impl Node {
    /// What it is made of, but for an address.
    pub fn operands(self) -> impl Iterator<Item = Id> {
        let (a, b, c) = match self {
            Node::Const(..) | Node::Local(_) | Node::Global(_) | Node::Load(_) => (None, None, None),
            Node::Unary(_, _, a) => (Some(a), None, None),
            Node::Binary(_, _, a, b) | Node::Compare(_, _, a, b) => (Some(a), Some(b), None),
            Node::Select(a, b, c) => (Some(a), Some(b), Some(c)),
        };
        [a, b, c].into_iter().flatten()
    }
}

/// A load or a store of a whole number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    pub address: Id,
    pub offset: u64,
    pub ty: Type,
    /// What is stored, if it is a store.
    pub stores: Option<Id>,
}

/// A 32-bit number as a sum: of nodes, ascending, each times a constant that is not 0, and a constant. All of it wraps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sum {
    pub terms: Vec<(Id, u32)>,
    pub constant: u32,
}

/// What one iteration of an innermost loop does that branches nowhere but back.
#[derive(Default, Debug)]
pub(super) struct Body {
    pub nodes: Vec<Node>,
    /// In program order.
    pub accesses: Vec<Access>,
    /// The nodes of those that are loads, by their place there.
    pub loads: HashMap<usize, Id>,
    /// The memory that all of them are to.
    pub memory: u32,
    /// What the locals that are assigned hold at the end.
    pub written: BTreeMap<u32, Id>,
    /// There is another iteration unless this is 0.
    pub again: Id,
    /// The constant.
    pub zero: Id,
    /// For each node; what they say of one that has not 32 bits means nothing.
    sums: Vec<Sum>,
    known: HashMap<Node, Id>,
}

impl Body {
    /// Reads the operators behind that of the loop. `None`: there is something else in it.
    pub fn read(mut operators: OperatorsReader<'_>) -> Option<Body> {
        let mut body = Body::default();
        let mut stack: Vec<Id> = Vec::new();
        let mut memory = None;
        loop {
            let operator = operators.read().ok()?;
            match operator {
                Operator::Nop => {}
                Operator::Drop => {
                    stack.pop()?;
                }
                Operator::LocalGet { local_index } => {
                    let node = match body.written.get(&local_index) {
                        Some(&node) => node,
                        None => body.add(Node::Local(local_index))?,
                    };
                    stack.push(node);
                }
                Operator::LocalSet { local_index } => {
                    body.written.insert(local_index, stack.pop()?);
                }
                Operator::LocalTee { local_index } => {
                    body.written.insert(local_index, *stack.last()?);
                }
                // No operator here writes one.
                Operator::GlobalGet { global_index } => stack.push(body.add(Node::Global(global_index))?),
                Operator::I32Const { value } => stack.push(body.add(Node::Const(I32, u64::from(value as u32)))?),
                Operator::I64Const { value } => stack.push(body.add(Node::Const(I64, value as u64))?),
                Operator::F32Const { value } => stack.push(body.add(Node::Const(F32, u64::from(value.bits())))?),
                Operator::F64Const { value } => stack.push(body.add(Node::Const(F64, value.bits()))?),
                Operator::I32Eqz => {
                    let a = stack.pop()?;
                    stack.push(body.is_zero(a)?);
                }
                Operator::Select => {
                    let (c, b, a) = (stack.pop()?, stack.pop()?, stack.pop()?);
                    let node = body.extreme(a, b, c).unwrap_or(Node::Select(a, b, c));
                    stack.push(body.add(node)?);
                }
                Operator::BrIf { relative_depth: 0 } => {
                    body.again = stack.pop()?;
                    body.zero = body.add(Node::Const(I32, 0))?;
                    break;
                }
                ref other => {
                    if let Some((memarg, ty, store)) = access(other) {
                        let stores = if store { Some(stack.pop()?) } else { None };
                        let of = memory_of(memarg);
                        if *memory.get_or_insert(of) != of {
                            return None;
                        }
                        body.accesses.push(Access { address: stack.pop()?, offset: memarg.offset, ty, stores });
                        if !store {
                            let access = body.accesses.len() - 1;
                            let load = body.add(Node::Load(access))?;
                            body.loads.insert(access, load);
                            stack.push(load);
                        }
                    } else if let Some((opcode, ty)) = unary(other) {
                        let a = stack.pop()?;
                        stack.push(body.add(Node::Unary(opcode, ty, a))?);
                    } else if let Some((opcode, ty)) = binary(other) {
                        let (b, a) = (stack.pop()?, stack.pop()?);
                        stack.push(body.add(Node::Binary(opcode, ty, a, b))?);
                    } else {
                        let (condition, ty) = comparison(other)?;
                        let (b, a) = (stack.pop()?, stack.pop()?);
                        stack.push(body.add(Node::Compare(condition, ty, a, b))?);
                    }
                }
            }
        }
        body.memory = memory?;
        (matches!(operators.read().ok()?, Operator::End) && stack.is_empty()).then_some(body)
    }

    /// A choice between what was compared: the lesser or greater one of two integers.
    fn extreme(&self, a: Id, b: Id, condition: Id) -> Option<Node> {
        let Node::Compare(Condition::Int(condition), ty, c, d) = self.nodes[condition] else { return None };
        let condition = match (c, d) {
            _ if (a, b) == (c, d) => condition,
            _ if (a, b) == (d, c) => condition.complement(),
            _ => return None,
        };
        let opcode = match condition {
            IntCC::SignedLessThan | IntCC::SignedLessThanOrEqual => Opcode::Smin,
            IntCC::SignedGreaterThan | IntCC::SignedGreaterThanOrEqual => Opcode::Smax,
            IntCC::UnsignedLessThan | IntCC::UnsignedLessThanOrEqual => Opcode::Umin,
            IntCC::UnsignedGreaterThan | IntCC::UnsignedGreaterThanOrEqual => Opcode::Umax,
            _ => return None,
        };
        Some(Node::Binary(opcode, ty, c.min(d), c.max(d)))
    }

    fn is_zero(&mut self, a: Id) -> Option<Id> {
        if let Node::Compare(Condition::Int(condition), ty, b, c) = self.nodes[a] {
            return self.add(Node::Compare(Condition::Int(condition.complement()), ty, b, c));
        }
        let zero = self.add(Node::Const(I32, 0))?;
        self.add(Node::Compare(Condition::Int(IntCC::Equal), I32, a, zero))
    }

    fn add(&mut self, node: Node) -> Option<Id> {
        if let Some(&id) = self.known.get(&node) {
            return Some(id);
        }
        let id = self.nodes.len();
        let sum = self.sum_of(id, node);
        self.nodes.push(node);
        self.sums.push(sum);
        self.known.insert(node, id);
        (id < MAX_NODES).then_some(id)
    }

    fn sum_of(&self, id: Id, node: Node) -> Sum {
        let constant = |id: Id| match self.nodes[id] {
            Node::Const(I32, bits) => Some(bits as u32),
            _ => None,
        };
        let (sums, nothing) = (&self.sums, Sum { terms: Vec::new(), constant: 0 });
        let found = match node {
            Node::Const(I32, bits) => Some(Sum { constant: bits as u32, ..nothing }),
            Node::Binary(Opcode::Iadd, I32, a, b) => sums[a].plus(&sums[b], 1),
            Node::Binary(Opcode::Isub, I32, a, b) => sums[a].plus(&sums[b], u32::MAX),
            Node::Binary(Opcode::Imul, I32, a, b) => match (constant(a), constant(b)) {
                (_, Some(factor)) => nothing.plus(&sums[a], factor),
                (Some(factor), _) => nothing.plus(&sums[b], factor),
                _ => None,
            },
            Node::Binary(Opcode::Ishl, I32, a, b) => constant(b).and_then(|by| nothing.plus(&sums[a], 1 << (by & 31))),
            _ => None,
        };
        found.unwrap_or(Sum { terms: vec![(id, 1)], constant: 0 })
    }

    /// A node of 32 bits as a sum.
    pub fn sum(&self, id: Id) -> &Sum {
        &self.sums[id]
    }
}

impl Sum {
    /// This and `factor` times the other one, unless that has too many terms.
    fn plus(&self, other: &Sum, factor: u32) -> Option<Sum> {
        let mut terms: BTreeMap<Id, u32> = self.terms.iter().copied().collect();
        for &(id, times) in &other.terms {
            let sum = terms.entry(id).or_default();
            *sum = sum.wrapping_add(times.wrapping_mul(factor));
        }
        terms.retain(|_, times| *times != 0);
        let constant = self.constant.wrapping_add(other.constant.wrapping_mul(factor));
        (terms.len() <= MAX_TERMS).then(|| Sum { terms: terms.into_iter().collect(), constant })
    }
}

/// Loads and stores of whole numbers: where, what, and whether it is a store.
fn access<'o>(operator: &'o Operator<'_>) -> Option<(&'o MemArg, Type, bool)> {
    Some(match operator {
        Operator::I32Load { memarg } => (memarg, I32, false),
        Operator::I64Load { memarg } => (memarg, I64, false),
        Operator::F32Load { memarg } => (memarg, F32, false),
        Operator::F64Load { memarg } => (memarg, F64, false),
        Operator::I32Store { memarg } => (memarg, I32, true),
        Operator::I64Store { memarg } => (memarg, I64, true),
        Operator::F32Store { memarg } => (memarg, F32, true),
        Operator::F64Store { memarg } => (memarg, F64, true),
        _ => return None,
    })
}

/// Operators that are one instruction of numbers and vectors alike, that does not trap.
fn unary(operator: &Operator<'_>) -> Option<(Opcode, Type)> {
    Some(match operator {
        Operator::F32Abs => (Opcode::Fabs, F32),
        Operator::F32Neg => (Opcode::Fneg, F32),
        Operator::F32Sqrt => (Opcode::Sqrt, F32),
        Operator::F32Ceil => (Opcode::Ceil, F32),
        Operator::F32Floor => (Opcode::Floor, F32),
        Operator::F32Trunc => (Opcode::Trunc, F32),
        Operator::F32Nearest => (Opcode::Nearest, F32),
        Operator::F64Abs => (Opcode::Fabs, F64),
        Operator::F64Neg => (Opcode::Fneg, F64),
        Operator::F64Sqrt => (Opcode::Sqrt, F64),
        Operator::F64Ceil => (Opcode::Ceil, F64),
        Operator::F64Floor => (Opcode::Floor, F64),
        Operator::F64Trunc => (Opcode::Trunc, F64),
        Operator::F64Nearest => (Opcode::Nearest, F64),
        _ => return None,
    })
}

fn binary(operator: &Operator<'_>) -> Option<(Opcode, Type)> {
    Some(match operator {
        Operator::I32Add => (Opcode::Iadd, I32),
        Operator::I32Sub => (Opcode::Isub, I32),
        Operator::I32Mul => (Opcode::Imul, I32),
        Operator::I32And => (Opcode::Band, I32),
        Operator::I32Or => (Opcode::Bor, I32),
        Operator::I32Xor => (Opcode::Bxor, I32),
        Operator::I32Shl => (Opcode::Ishl, I32),
        Operator::I32ShrS => (Opcode::Sshr, I32),
        Operator::I32ShrU => (Opcode::Ushr, I32),
        Operator::I64Add => (Opcode::Iadd, I64),
        Operator::I64Sub => (Opcode::Isub, I64),
        Operator::I64And => (Opcode::Band, I64),
        Operator::I64Or => (Opcode::Bor, I64),
        Operator::I64Xor => (Opcode::Bxor, I64),
        Operator::I64Shl => (Opcode::Ishl, I64),
        Operator::I64ShrU => (Opcode::Ushr, I64),
        Operator::F32Add => (Opcode::Fadd, F32),
        Operator::F32Sub => (Opcode::Fsub, F32),
        Operator::F32Mul => (Opcode::Fmul, F32),
        Operator::F32Div => (Opcode::Fdiv, F32),
        Operator::F32Min => (Opcode::Fmin, F32),
        Operator::F32Max => (Opcode::Fmax, F32),
        Operator::F64Add => (Opcode::Fadd, F64),
        Operator::F64Sub => (Opcode::Fsub, F64),
        Operator::F64Mul => (Opcode::Fmul, F64),
        Operator::F64Div => (Opcode::Fdiv, F64),
        Operator::F64Min => (Opcode::Fmin, F64),
        Operator::F64Max => (Opcode::Fmax, F64),
        _ => return None,
    })
}

fn comparison(operator: &Operator<'_>) -> Option<(Condition, Type)> {
    let (condition, ty) = match operator {
        Operator::I32Eq => (IntCC::Equal, I32),
        Operator::I32Ne => (IntCC::NotEqual, I32),
        Operator::I32LtS => (IntCC::SignedLessThan, I32),
        Operator::I32LtU => (IntCC::UnsignedLessThan, I32),
        Operator::I32GtS => (IntCC::SignedGreaterThan, I32),
        Operator::I32GtU => (IntCC::UnsignedGreaterThan, I32),
        Operator::I32LeS => (IntCC::SignedLessThanOrEqual, I32),
        Operator::I32LeU => (IntCC::UnsignedLessThanOrEqual, I32),
        Operator::I32GeS => (IntCC::SignedGreaterThanOrEqual, I32),
        Operator::I32GeU => (IntCC::UnsignedGreaterThanOrEqual, I32),
        Operator::F32Eq => return Some((Condition::Float(FloatCC::Equal), F32)),
        Operator::F32Ne => return Some((Condition::Float(FloatCC::NotEqual), F32)),
        Operator::F32Lt => return Some((Condition::Float(FloatCC::LessThan), F32)),
        Operator::F32Gt => return Some((Condition::Float(FloatCC::GreaterThan), F32)),
        Operator::F32Le => return Some((Condition::Float(FloatCC::LessThanOrEqual), F32)),
        Operator::F32Ge => return Some((Condition::Float(FloatCC::GreaterThanOrEqual), F32)),
        Operator::F64Eq => return Some((Condition::Float(FloatCC::Equal), F64)),
        Operator::F64Ne => return Some((Condition::Float(FloatCC::NotEqual), F64)),
        Operator::F64Lt => return Some((Condition::Float(FloatCC::LessThan), F64)),
        Operator::F64Gt => return Some((Condition::Float(FloatCC::GreaterThan), F64)),
        Operator::F64Le => return Some((Condition::Float(FloatCC::LessThanOrEqual), F64)),
        Operator::F64Ge => return Some((Condition::Float(FloatCC::GreaterThanOrEqual), F64)),
        _ => return None,
    };
    Some((Condition::Int(condition), ty))
}
