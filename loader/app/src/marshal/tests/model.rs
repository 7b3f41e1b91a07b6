//! The canonical ABI once more, over trees of types and of values: written from CanonicalABI.md alone, so that it
//! shares no line, no layout and no mistake with what it is held against. It copies, allocates and recurses as it
//! likes.

use super::random::Random;
use std::ops::Range;

#[derive(Clone, Debug, PartialEq)]
pub enum Ty {
    Bool,
    /// Bits, and whether there is a sign.
    Int(u32, bool),
    F32,
    F64,
    Char,
    String,
    List(Box<Ty>),
    Record(Vec<Ty>),
    Tuple(Vec<Ty>),
    Flags(usize),
    Enum(usize),
    Variant(Vec<Option<Ty>>),
    Option(Box<Ty>),
    Result(Option<Box<Ty>>, Option<Box<Ty>>),
    /// Of the resource with this number.
    Own(usize),
    Borrow(usize),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bool(bool),
    Int(i128),
    /// Of a float: its bits.
    Bits(u64),
    Char(char),
    String(String),
    List(Vec<Value>),
    Fields(Vec<Value>),
    Flags(u32),
    Case(usize, Option<Box<Value>>),
    Handle(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Core {
    I32,
    I64,
    F32,
    F64,
}

/// Why nothing could be lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The canonical ABI traps.
    Trap,
    /// The value is larger than the test has patience.
    TooLarge,
    /// The ABI does not trap, but nobody who keeps to it writes this.
    NotCanonical,
}

const MOST: u64 = (1 << 28) - 1;

fn align_to(n: u64, align: u64) -> u64 {
    n.div_ceil(align) * align
}

/// Cases of whatever is a variant.
fn cases(ty: &Ty) -> Option<Vec<Option<Ty>>> {
    Some(match ty {
        Ty::Enum(n) => vec![None; *n],
        Ty::Variant(cases) => cases.clone(),
        Ty::Option(some) => vec![None, Some((**some).clone())],
        Ty::Result(ok, err) => vec![ok.as_deref().cloned(), err.as_deref().cloned()],
        _ => return None,
    })
}

fn discriminant(cases: usize) -> u64 {
    let bits = (cases as f64).log2();
    match (bits / 8.0).ceil() as u32 {
        0 | 1 => 1,
        2 => 2,
        _ => 4,
    }
}

pub fn align(ty: &Ty) -> u64 {
    if let Some(cases) = cases(ty) {
        return cases.iter().flatten().map(align).max().unwrap_or(1).max(discriminant(cases.len()));
    }
    match ty {
        Ty::Bool => 1,
        Ty::Int(bits, _) => u64::from(bits / 8),
        Ty::F64 => 8,
        Ty::F32 | Ty::Char | Ty::String | Ty::List(_) | Ty::Own(_) | Ty::Borrow(_) => 4,
        Ty::Record(fields) | Ty::Tuple(fields) => fields.iter().map(align).max().unwrap(),
        Ty::Flags(n) => flags_bytes(*n),
        _ => unreachable!(),
    }
}

fn flags_bytes(n: usize) -> u64 {
    [1, 1, 2, 4, 4][n.div_ceil(8)]
}

pub fn size(ty: &Ty) -> u64 {
    if let Some(cases) = cases(ty) {
        let start = align_to(discriminant(cases.len()), cases.iter().flatten().map(align).max().unwrap_or(1));
        return align_to(start + cases.iter().flatten().map(size).max().unwrap_or(0), align(ty));
    }
    match ty {
        Ty::String | Ty::List(_) => 8,
        Ty::Record(fields) | Ty::Tuple(fields) => {
            align_to(fields.iter().fold(0, |at, field| align_to(at, align(field)) + size(field)), align(ty))
        }
        _ => align(ty),
    }
}

pub fn flatten(ty: &Ty) -> Vec<Core> {
    if let Some(cases) = cases(ty) {
        let mut flat: Vec<Core> = Vec::new();
        for case in cases.iter().flatten() {
            for (i, core) in flatten(case).into_iter().enumerate() {
                match flat.get_mut(i) {
                    Some(other) if *other == core => {}
                    Some(other) => {
                        let narrow = [Core::I32, Core::F32];
                        *other = if narrow.contains(other) && narrow.contains(&core) { Core::I32 } else { Core::I64 };
                    }
                    None => flat.push(core),
                }
            }
        }
        flat.insert(0, Core::I32);
        return flat;
    }
    match ty {
        Ty::Int(64, _) => vec![Core::I64],
        Ty::F32 => vec![Core::F32],
        Ty::F64 => vec![Core::F64],
        Ty::String | Ty::List(_) => vec![Core::I32; 2],
        Ty::Record(fields) | Ty::Tuple(fields) => fields.iter().flat_map(flatten).collect(),
        _ => vec![Core::I32],
    }
}

/// Reads values out of a memory.
pub struct Lifter<'a> {
    pub memory: &'a [u8],
    /// How many values may still be looked at.
    pub patience: usize,
    /// Whether what nobody writes who keeps to the ABI is an error.
    pub strict: bool,
    /// Bytes that were part of a value.
    pub read: Vec<Range<usize>>,
}

impl<'a> Lifter<'a> {
    pub fn new(memory: &'a [u8], patience: usize, strict: bool) -> Lifter<'a> {
        Lifter { memory, patience, strict, read: Vec::new() }
    }

    /// All of the values one behind the other, as core values or where the only one points to.
    pub fn values(&mut self, tys: &[Ty], flat: &[u64], most: usize) -> Result<Vec<Value>, Refused> {
        let cores: Vec<Core> = tys.iter().flat_map(flatten).collect();
        if cores.len() > most {
            let tuple = Ty::Tuple(tys.to_vec());
            let at = self.range(flat[0] as u32, size(&tuple), align(&tuple))?;
            let Value::Fields(values) = self.load(&tuple, at)? else { unreachable!() };
            return Ok(values);
        }
        let mut at = 0;
        let mut values = Vec::new();
        for ty in tys {
            let n = flatten(ty).len();
            values.push(self.flat(ty, &flat[at..at + n])?);
            at += n;
        }
        Ok(values)
    }

    fn range(&self, pointer: u32, bytes: u64, align: u64) -> Result<u64, Refused> {
        let at = u64::from(pointer);
        let fits = at % align == 0 && at + bytes <= self.memory.len() as u64;
        if fits { Ok(at) } else { Err(Refused::Trap) }
    }

    fn int(&mut self, at: u64, bytes: u64) -> u64 {
        let range = at as usize..(at + bytes) as usize;
        self.read.push(range.clone());
        self.memory[range].iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte))
    }

    fn canonical(&self, is: bool) -> Result<(), Refused> {
        if self.strict && !is { Err(Refused::NotCanonical) } else { Ok(()) }
    }

    fn load(&mut self, ty: &Ty, at: u64) -> Result<Value, Refused> {
        self.patience = self.patience.checked_sub(1).ok_or(Refused::TooLarge)?;
        if let Some(cases) = cases(ty) {
            let index = self.int(at, discriminant(cases.len())) as usize;
            let payload = cases.get(index).ok_or(Refused::Trap)?;
            let start = align_to(discriminant(cases.len()), cases.iter().flatten().map(align).max().unwrap_or(1));
            let payload = payload.as_ref().map(|ty| self.load(ty, at + start)).transpose()?;
            return Ok(Value::Case(index, payload.map(Box::new)));
        }
        match ty {
            Ty::String | Ty::List(_) => {
                let pair = [self.int(at, 4), self.int(at + 4, 4)];
                self.content(ty, pair)
            }
            Ty::Record(fields) | Ty::Tuple(fields) => {
                let mut at = at;
                let mut values = Vec::new();
                for field in fields {
                    at = align_to(at, align(field));
                    values.push(self.load(field, at)?);
                    at += size(field);
                }
                Ok(Value::Fields(values))
            }
            Ty::Int(bits, true) if *bits < 64 => {
                // With the sign, as it would be in a core value.
                let raw = self.int(at, size(ty));
                let shift = 64 - bits;
                self.scalar(ty, u64::from(((raw << shift) as i64 >> shift) as u32))
            }
            _ => {
                let raw = self.int(at, size(ty));
                self.scalar(ty, raw)
            }
        }
    }

    fn flat(&mut self, ty: &Ty, from: &[u64]) -> Result<Value, Refused> {
        self.patience = self.patience.checked_sub(1).ok_or(Refused::TooLarge)?;
        if let Some(cases) = cases(ty) {
            let have = flatten(ty);
            self.canonical(from[0] >> 32 == 0)?;
            let index = from[0] as u32 as usize;
            let payload = cases.get(index).ok_or(Refused::Trap)?;
            let want = payload.as_ref().map(flatten).unwrap_or_default();
            let mut cores = Vec::new();
            for (i, core) in want.iter().enumerate() {
                let narrower = have[i + 1] == Core::I64 && matches!(core, Core::I32 | Core::F32);
                self.canonical(!narrower || from[i + 1] >> 32 == 0)?;
                cores.push(if narrower { from[i + 1] & 0xffff_ffff } else { from[i + 1] });
            }
            self.canonical(from[want.len() + 1..].iter().all(|&unused| unused == 0))?;
            let payload = payload.as_ref().map(|ty| self.flat(ty, &cores)).transpose()?;
            return Ok(Value::Case(index, payload.map(Box::new)));
        }
        match ty {
            Ty::String | Ty::List(_) => {
                self.canonical(from.iter().all(|&n| n >> 32 == 0))?;
                self.content(ty, [from[0], from[1]])
            }
            Ty::Record(fields) | Ty::Tuple(fields) => {
                let mut at = 0;
                let mut values = Vec::new();
                for field in fields {
                    let n = flatten(field).len();
                    values.push(self.flat(field, &from[at..at + n])?);
                    at += n;
                }
                Ok(Value::Fields(values))
            }
            _ => self.scalar(ty, from[0]),
        }
    }

    /// From the bits of a core value.
    fn scalar(&self, ty: &Ty, raw: u64) -> Result<Value, Refused> {
        let wide = matches!(ty, Ty::Int(64, _) | Ty::F64);
        self.canonical(wide || raw >> 32 == 0)?;
        let word = raw as u32;
        Ok(match ty {
            Ty::Bool => {
                self.canonical(raw < 2)?;
                Value::Bool(word != 0)
            }
            Ty::Int(bits, signed) => {
                let unsigned = u128::from(raw) % (1 << bits);
                let negative = *signed && unsigned >= 1 << (bits - 1);
                let value = unsigned as i128 - if negative { 1 << bits } else { 0 };
                self.canonical(*bits == 64 || value as u32 == word)?;
                Value::Int(value)
            }
            Ty::F32 => Value::Bits(word.into()),
            Ty::F64 => Value::Bits(raw),
            Ty::Char => Value::Char(char::from_u32(word).ok_or(Refused::Trap)?),
            Ty::Flags(n) => {
                let labelled = (raw % (1 << n)) as u32;
                self.canonical(u64::from(labelled) == raw)?;
                Value::Flags(labelled)
            }
            Ty::Own(_) | Ty::Borrow(_) => Value::Handle(word),
            _ => unreachable!(),
        })
    }

    fn content(&mut self, ty: &Ty, [pointer, length]: [u64; 2]) -> Result<Value, Refused> {
        let (pointer, length) = (pointer as u32, u64::from(length as u32));
        let Ty::List(element) = ty else {
            if length > MOST {
                return Err(Refused::Trap);
            }
            let at = self.range(pointer, length, 1)? as usize;
            let range = at..at + length as usize;
            let text = std::str::from_utf8(&self.memory[range.clone()]).map_err(|_| Refused::Trap)?;
            self.read.push(range);
            return Ok(Value::String(text.to_owned()));
        };
        if length * size(element) > MOST {
            return Err(Refused::Trap);
        }
        let at = self.range(pointer, length * size(element), align(element))?;
        let values = (0..length).map(|i| self.load(element, at + i * size(element)));
        Ok(Value::List(values.collect::<Result<_, _>>()?))
    }
}

/// Writes values into a memory, with noise wherever the ABI says that it does not matter.
pub struct Lowerer<'a> {
    pub memory: &'a mut [u8],
    /// Finds a place: alignment and bytes to address.
    pub allocate: &'a mut dyn FnMut(u32, u32) -> u32,
    pub noise: &'a mut Random,
}

impl Lowerer<'_> {
    /// The core values that stand for all of the values: themselves, or where they are.
    pub fn values(&mut self, tys: &[Ty], values: &[Value], most: usize) -> Vec<u64> {
        let cores: Vec<Core> = tys.iter().flat_map(flatten).collect();
        if cores.len() > most {
            let tuple = Ty::Tuple(tys.to_vec());
            let at = (self.allocate)(align(&tuple) as u32, size(&tuple) as u32);
            self.store(&tuple, &Value::Fields(values.to_vec()), at.into());
            return vec![self.word(at)];
        }
        tys.iter().zip(values).flat_map(|(ty, value)| self.flat(ty, value)).collect()
    }

    /// A core value of 32 bits in its place of 64.
    fn word(&mut self, n: u32) -> u64 {
        self.noise.bits() << 32 | u64::from(n)
    }

    fn put(&mut self, at: u64, bytes: u64, n: u64) {
        let at = at as usize;
        self.memory[at..at + bytes as usize].copy_from_slice(&n.to_le_bytes()[..bytes as usize]);
    }

    pub fn store(&mut self, ty: &Ty, value: &Value, at: u64) {
        match (ty, value) {
            (Ty::Record(tys) | Ty::Tuple(tys), Value::Fields(values)) => {
                let mut at = at;
                for (ty, value) in tys.iter().zip(values) {
                    at = align_to(at, align(ty));
                    self.store(ty, value, at);
                    at += size(ty);
                }
            }
            (_, Value::Case(index, payload)) => {
                let cases = cases(ty).unwrap();
                self.put(at, discriminant(cases.len()), *index as u64);
                let start = align_to(discriminant(cases.len()), cases.iter().flatten().map(align).max().unwrap_or(1));
                if let Some(payload) = payload {
                    self.store(cases[*index].as_ref().unwrap(), payload, at + start);
                }
            }
            (Ty::String | Ty::List(_), _) => {
                let [pointer, length] = self.content(ty, value);
                self.put(at, 4, pointer);
                self.put(at + 4, 4, length);
            }
            // Fewer bytes than a core value: what is above is cut off.
            _ => {
                let raw = self.scalar(ty, value, 8 * size(ty) as u32);
                self.put(at, size(ty), raw);
            }
        }
    }

    fn flat(&mut self, ty: &Ty, value: &Value) -> Vec<u64> {
        match (ty, value) {
            (Ty::Record(tys) | Ty::Tuple(tys), Value::Fields(values)) => {
                tys.iter().zip(values).flat_map(|(ty, value)| self.flat(ty, value)).collect()
            }
            (_, Value::Case(index, payload)) => {
                let n = flatten(ty).len();
                let mut flat = vec![self.word(*index as u32)];
                if let Some(payload) = payload {
                    flat.extend(self.flat(cases(ty).unwrap()[*index].as_ref().unwrap(), payload));
                }
                while flat.len() < n {
                    flat.push(self.noise.bits());
                }
                flat
            }
            (Ty::String | Ty::List(_), _) => self.content(ty, value).map(|n| self.word(n as u32)).to_vec(),
            (Ty::Int(64, _) | Ty::F64, _) => vec![self.scalar(ty, value, 64)],
            _ => {
                let raw = self.scalar(ty, value, 32);
                vec![self.word(raw as u32)]
            }
        }
    }

    /// In this many bits, of which those that do not matter are anything.
    fn scalar(&mut self, ty: &Ty, value: &Value, room: u32) -> u64 {
        let noise = self.noise.bits() & (u64::MAX >> (64 - room));
        match (ty, value) {
            (_, Value::Bool(false)) => 0,
            (_, Value::Bool(true)) => noise.max(1),
            (Ty::Int(bits, _), Value::Int(n)) => {
                let mask = u64::MAX >> (64 - bits);
                *n as u64 & mask | noise & !mask
            }
            (Ty::Flags(n), Value::Flags(labelled)) => {
                let mask = u64::MAX >> (64 - n);
                u64::from(*labelled) | noise & !mask
            }
            (_, Value::Bits(bits)) => *bits,
            (_, Value::Char(c)) => u64::from(u32::from(*c)),
            (_, Value::Handle(handle)) => u64::from(*handle),
            _ => unreachable!("{ty:?} {value:?}"),
        }
    }

    fn content(&mut self, ty: &Ty, value: &Value) -> [u64; 2] {
        match (ty, value) {
            (Ty::String, Value::String(text)) => {
                let at = (self.allocate)(1, text.len() as u32);
                self.memory[at as usize..at as usize + text.len()].copy_from_slice(text.as_bytes());
                [at.into(), text.len() as u64]
            }
            (Ty::List(element), Value::List(values)) => {
                let at = (self.allocate)(align(element) as u32, (size(element) * values.len() as u64) as u32);
                for (i, value) in values.iter().enumerate() {
                    self.store(element, value, u64::from(at) + i as u64 * size(element));
                }
                [at.into(), values.len() as u64]
            }
            _ => unreachable!("{ty:?} {value:?}"),
        }
    }
}

impl Value {
    /// The same value, with each handle replaced.
    pub fn map_handles(&self, map: &mut dyn FnMut(u32) -> u32) -> Value {
        let mut all = |values: &[Value]| values.iter().map(|value| value.map_handles(map)).collect::<Vec<_>>();
        match self {
            Value::List(values) => Value::List(all(values)),
            Value::Fields(values) => Value::Fields(all(values)),
            Value::Case(i, Some(payload)) => Value::Case(*i, Some(Box::new(payload.map_handles(map)))),
            Value::Handle(handle) => Value::Handle(map(*handle)),
            other => other.clone(),
        }
    }
}
