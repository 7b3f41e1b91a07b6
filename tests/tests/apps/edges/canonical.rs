//! The canonical ABI of the Component Model (CanonicalABI.md), for tests: how a value of a type lies in memory and in core
//! values. Written from the specification and sharing nothing with what it is held against; it also writes values that no
//! honest module would.

use std::fmt::Write;

/// A type of WIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ty {
    Bool,
    U8,
    S8,
    U16,
    S16,
    U32,
    S32,
    U64,
    S64,
    F32,
    F64,
    Char,
    String,
    List(Box<Ty>),
    /// Records and tuples lie alike.
    Record(Vec<Ty>),
    Tuple(Vec<Ty>),
    Variant(Vec<Option<Ty>>),
    Option(Box<Ty>),
    Result(Option<Box<Ty>>, Option<Box<Ty>>),
    Enum(u32),
    Flags(u32),
}

/// A value, of what type its user knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Integers (sign-extended), floating-point numbers (their bits), bool, char, enum, flags.
    Number(u64),
    Text(Vec<u8>),
    List(Vec<Value>),
    /// Of a record or tuple.
    Fields(Vec<Value>),
    /// Of a variant, option or result.
    Case(u32, Option<Box<Value>>),
    /// A string's or list's pointer and length, whatever they are.
    Range(u32, u32),
}

/// A core type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Core {
    I32,
    I64,
    F32,
    F64,
}

impl Core {
    pub fn name(self) -> &'static str {
        match self {
            Core::I32 => "i32",
            Core::I64 => "i64",
            Core::F32 => "f32",
            Core::F64 => "f64",
        }
    }

    /// What holds either in a variant's payload.
    fn join(self, other: Core) -> Core {
        match (self, other) {
            (a, b) if a == b => a,
            (Core::I32 | Core::F32, Core::I32 | Core::F32) => Core::I32,
            _ => Core::I64,
        }
    }
}

/// Payloads of the cases of a variant, option or result; `None` for other types.
fn cases(ty: &Ty) -> Option<Vec<Option<Ty>>> {
    match ty {
        Ty::Variant(cases) => Some(cases.clone()),
        Ty::Option(some) => Some(vec![None, Some((**some).clone())]),
        Ty::Result(ok, err) => Some([ok, err].map(|ty| ty.as_deref().cloned()).to_vec()),
        Ty::Enum(count) => Some(vec![None; *count as usize]),
        _ => None,
    }
}

fn round_up(at: u32, align: u32) -> u32 {
    at.next_multiple_of(align)
}

/// Bytes of a discriminant.
fn discriminant(cases: usize) -> u32 {
    match cases {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}

/// Where the payload of a variant begins.
fn payload(cases: &[Option<Ty>]) -> u32 {
    round_up(discriminant(cases.len()), cases.iter().flatten().map(Ty::align).max().unwrap_or(1))
}

impl Ty {
    pub fn list(self) -> Ty {
        Ty::List(Box::new(self))
    }

    pub fn option(self) -> Ty {
        Ty::Option(Box::new(self))
    }

    /// `result<self, string>`
    pub fn or_text(self) -> Ty {
        Ty::Result(Some(Box::new(self)), Some(Box::new(Ty::String)))
    }

    pub fn align(&self) -> u32 {
        if let Some(cases) = cases(self) {
            let payloads = cases.iter().flatten().map(Ty::align).max().unwrap_or(1);
            return payloads.max(discriminant(cases.len()));
        }
        match self {
            Ty::Bool | Ty::U8 | Ty::S8 => 1,
            Ty::U16 | Ty::S16 => 2,
            Ty::U64 | Ty::S64 | Ty::F64 => 8,
            Ty::Record(fields) | Ty::Tuple(fields) => fields.iter().map(Ty::align).max().unwrap_or(1),
            Ty::Flags(count) => self.flags_size(*count),
            _ => 4,
        }
    }

    fn flags_size(&self, count: u32) -> u32 {
        match count {
            0..=8 => 1,
            9..=16 => 2,
            _ => 4,
        }
    }

    pub fn size(&self) -> u32 {
        if let Some(cases) = cases(self) {
            let largest = cases.iter().flatten().map(Ty::size).max().unwrap_or(0);
            return round_up(payload(&cases) + largest, self.align());
        }
        match self {
            Ty::String | Ty::List(_) => 8,
            Ty::Record(fields) | Ty::Tuple(fields) => {
                let end = fields.iter().fold(0, |at, field| round_up(at, field.align()) + field.size());
                round_up(end, self.align())
            }
            scalar => scalar.align(),
        }
    }

    /// The core types of a value that is passed one by one.
    pub fn flat(&self) -> Vec<Core> {
        if let Some(cases) = cases(self) {
            let mut joined = vec![Core::I32];
            for case in cases.iter().flatten() {
                for (i, core) in case.flat().into_iter().enumerate() {
                    match joined.get_mut(i + 1) {
                        Some(slot) => *slot = slot.join(core),
                        None => joined.push(core),
                    }
                }
            }
            return joined;
        }
        match self {
            Ty::U64 | Ty::S64 => vec![Core::I64],
            Ty::F32 => vec![Core::F32],
            Ty::F64 => vec![Core::F64],
            Ty::String | Ty::List(_) => vec![Core::I32; 2],
            Ty::Record(fields) | Ty::Tuple(fields) => fields.iter().flat_map(Ty::flat).collect(),
            _ => vec![Core::I32],
        }
    }

    /// The type's name in WIT; types that WIT wants names for are declared in `declared` first.
    pub fn wit(&self, declared: &mut String) -> String {
        match self {
            Ty::Bool => "bool".into(),
            Ty::U8 => "u8".into(),
            Ty::S8 => "s8".into(),
            Ty::U16 => "u16".into(),
            Ty::S16 => "s16".into(),
            Ty::U32 => "u32".into(),
            Ty::S32 => "s32".into(),
            Ty::U64 => "u64".into(),
            Ty::S64 => "s64".into(),
            Ty::F32 => "f32".into(),
            Ty::F64 => "f64".into(),
            Ty::Char => "char".into(),
            Ty::String => "string".into(),
            Ty::List(of) => format!("list<{}>", of.wit(declared)),
            Ty::Tuple(of) => {
                let of: Vec<String> = of.iter().map(|ty| ty.wit(declared)).collect();
                format!("tuple<{}>", of.join(", "))
            }
            Ty::Option(of) => format!("option<{}>", of.wit(declared)),
            Ty::Result(ok, err) => {
                let ok = ok.as_ref().map(|ty| ty.wit(declared));
                let err = err.as_ref().map(|ty| ty.wit(declared));
                match (ok, err) {
                    (None, None) => "result".into(),
                    (Some(ok), None) => format!("result<{ok}>"),
                    (ok, Some(err)) => format!("result<{}, {err}>", ok.unwrap_or("_".into())),
                }
            }
            Ty::Record(fields) => {
                let fields: Vec<String> = fields.iter().map(|ty| ty.wit(declared)).collect();
                let fields: String = (0..).zip(fields).map(|(i, ty)| format!("x{i}: {ty}, ")).collect();
                let number = declared.lines().count();
                let _ = writeln!(declared, "record t{number} {{ {fields} }}");
                format!("t{number}")
            }
            Ty::Variant(cases) => {
                let cases: Vec<String> = cases
                    .iter()
                    .map(|ty| ty.as_ref().map_or(String::new(), |ty| format!("({})", ty.wit(declared))))
                    .collect();
                let cases: String = (0..).zip(cases).map(|(i, ty)| format!("x{i}{ty}, ")).collect();
                let number = declared.lines().count();
                let _ = writeln!(declared, "variant t{number} {{ {cases} }}");
                format!("t{number}")
            }
            Ty::Enum(count) | Ty::Flags(count) => {
                let keyword = if matches!(self, Ty::Enum(_)) { "enum" } else { "flags" };
                let names: String = (0..*count).map(|i| format!("x{i}, ")).collect();
                let number = declared.lines().count();
                let _ = writeln!(declared, "{keyword} t{number} {{ {names} }}");
                format!("t{number}")
            }
        }
    }
}

/// Bytes that are put into a memory at `base`.
#[derive(Clone, Debug)]
pub struct Image {
    pub base: u32,
    pub bytes: Vec<u8>,
    /// What is where no value is: in padding, and in payloads of cases that have none.
    pub fill: u8,
}

impl Image {
    pub fn at(base: u32) -> Image {
        Image { base, bytes: Vec::new(), fill: 0 }
    }

    /// Room for something.
    pub fn allocate(&mut self, align: u32, size: u32) -> u32 {
        let at = round_up(self.base + self.bytes.len() as u32, align);
        self.bytes.resize((at + size - self.base) as usize, self.fill);
        at
    }

    fn put(&mut self, at: u32, size: u32, number: u64) {
        let at = (at - self.base) as usize;
        self.bytes[at..at + size as usize].copy_from_slice(&number.to_le_bytes()[..size as usize]);
    }

    /// The pointer and length of a string or list, whose content is put into the image.
    fn range(&mut self, ty: &Ty, value: &Value) -> (u32, u32) {
        match (ty, value) {
            (_, Value::Range(at, len)) => (*at, *len),
            (_, Value::Text(text)) => {
                let at = self.allocate(1, text.len() as u32);
                let from = (at - self.base) as usize;
                self.bytes[from..from + text.len()].copy_from_slice(text);
                (at, text.len() as u32)
            }
            (Ty::List(of), Value::List(values)) => {
                let at = self.allocate(of.align(), of.size() * values.len() as u32);
                for (i, value) in (0..).zip(values) {
                    self.store(of, value, at + i * of.size());
                }
                (at, values.len() as u32)
            }
            _ => panic!("{value:?} is no {ty:?}"),
        }
    }

    /// Puts a value at an address within the image.
    pub fn store(&mut self, ty: &Ty, value: &Value, at: u32) {
        if let Some(cases) = cases(ty) {
            let (case, of) = match value {
                Value::Case(case, of) => (*case, of.as_deref()),
                Value::Number(case) => (*case as u32, None),
                _ => panic!("{value:?} is no {ty:?}"),
            };
            self.put(at, discriminant(cases.len()), u64::from(case));
            if let (Some(Some(ty)), Some(of)) = (cases.get(case as usize), of) {
                self.store(ty, of, at + payload(&cases));
            }
            return;
        }
        match (ty, value) {
            (Ty::String | Ty::List(_), _) => {
                let (pointer, len) = self.range(ty, value);
                self.put(at, 4, pointer.into());
                self.put(at + 4, 4, len.into());
            }
            (Ty::Record(types) | Ty::Tuple(types), Value::Fields(values)) => {
                let mut at = at;
                for (ty, value) in types.iter().zip(values) {
                    at = round_up(at, ty.align());
                    self.store(ty, value, at);
                    at += ty.size();
                }
            }
            (_, Value::Number(number)) => self.put(at, ty.size(), *number),
            _ => panic!("{value:?} is no {ty:?}"),
        }
    }

    /// A value as core values: the bits of each, zero-extended.
    pub fn lower(&mut self, ty: &Ty, value: &Value) -> Vec<u64> {
        if let Some(cases) = cases(ty) {
            let (case, of) = match value {
                Value::Case(case, of) => (*case, of.as_deref()),
                Value::Number(case) => (*case as u32, None),
                _ => panic!("{value:?} is no {ty:?}"),
            };
            let mut bits = vec![u64::from(case)];
            if let (Some(Some(ty)), Some(of)) = (cases.get(case as usize), of) {
                bits.extend(self.lower(ty, of));
            }
            bits.resize(ty.flat().len(), 0);
            return bits;
        }
        match (ty, value) {
            (Ty::String | Ty::List(_), _) => {
                let (pointer, len) = self.range(ty, value);
                vec![pointer.into(), len.into()]
            }
            (Ty::Record(types) | Ty::Tuple(types), Value::Fields(values)) => {
                types.iter().zip(values).flat_map(|(ty, value)| self.lower(ty, value)).collect()
            }
            (Ty::U64 | Ty::S64 | Ty::F64, Value::Number(number)) => vec![*number],
            (_, Value::Number(number)) => vec![u64::from(*number as u32)],
            _ => panic!("{value:?} is no {ty:?}"),
        }
    }
}

fn number(memory: &[u8], at: u32, size: u32) -> u64 {
    let mut bytes = [0; 8];
    bytes[..size as usize].copy_from_slice(&memory[at as usize..(at + size) as usize]);
    u64::from_le_bytes(bytes)
}

/// A number as [`Value::Number`] has it: sign-extended where its type has a sign.
fn widened(ty: &Ty, bits: u64) -> Value {
    Value::Number(match ty {
        Ty::S8 => bits as i8 as u64,
        Ty::S16 => bits as i16 as u64,
        Ty::S32 => bits as i32 as u64,
        Ty::U8 => bits as u8 as u64,
        Ty::U16 => bits as u16 as u64,
        Ty::U64 | Ty::S64 | Ty::F64 => bits,
        _ => bits as u32 as u64,
    })
}

fn content(memory: &[u8], ty: &Ty, at: u32, len: u32) -> Value {
    match ty {
        Ty::List(of) => Value::List((0..len).map(|i| load(memory, of, at + i * of.size())).collect()),
        _ => Value::Text(memory[at as usize..(at + len) as usize].to_vec()),
    }
}

/// The value of a type that lies at an address.
pub fn load(memory: &[u8], ty: &Ty, at: u32) -> Value {
    if let Some(cases) = cases(ty) {
        let case = number(memory, at, discriminant(cases.len())) as u32;
        if matches!(ty, Ty::Enum(_)) {
            return Value::Number(case.into());
        }
        return Value::Case(
            case,
            cases[case as usize].as_ref().map(|ty| load(memory, ty, at + payload(&cases)).into()),
        );
    }
    match ty {
        Ty::String | Ty::List(_) => content(memory, ty, number(memory, at, 4) as u32, number(memory, at + 4, 4) as u32),
        Ty::Record(types) | Ty::Tuple(types) => {
            let mut at = at;
            Value::Fields(
                types
                    .iter()
                    .map(|ty| {
                        at = round_up(at, ty.align()) + ty.size();
                        load(memory, ty, at - ty.size())
                    })
                    .collect(),
            )
        }
        _ => widened(ty, number(memory, at, ty.size())),
    }
}

/// The value that core values are, from the first of `bits` on.
pub fn lift(memory: &[u8], ty: &Ty, bits: &[u64]) -> Value {
    if let Some(cases) = cases(ty) {
        let case = bits[0] as u32;
        if matches!(ty, Ty::Enum(_)) {
            return Value::Number(case.into());
        }
        return Value::Case(case, cases[case as usize].as_ref().map(|ty| lift(memory, ty, &bits[1..]).into()));
    }
    match ty {
        Ty::String | Ty::List(_) => content(memory, ty, bits[0] as u32, bits[1] as u32),
        Ty::Record(types) | Ty::Tuple(types) => {
            let mut at = 0;
            Value::Fields(
                types
                    .iter()
                    .map(|ty| {
                        let from = at;
                        at += ty.flat().len();
                        lift(memory, ty, &bits[from..])
                    })
                    .collect(),
            )
        }
        _ => widened(ty, bits[0]),
    }
}
