//! Random types, values of them, and worlds that have them.

use super::model::{Ty, Value};
use super::random::Random;
use bailiwick_runtime_abi::wit::{Case, Field, Function, Kind, Resource, ResourceId, Type, Types, World};

/// How many resources each world has.
pub const RESOURCES: usize = 3;

pub fn ty(random: &mut Random, depth: usize, borrow: bool) -> Ty {
    let kinds = if depth == 0 { 10 } else { 18 };
    let inner = |random: &mut Random| ty(random, depth - 1, borrow);
    let some = |random: &mut Random| (!random.one_in(3)).then(|| ty(random, depth - 1, borrow));
    match random.below(kinds) {
        0 => Ty::Bool,
        1 | 2 => Ty::Int([8, 16, 32, 64][random.below(4)], random.one_in(2)),
        3 => Ty::F32,
        4 => Ty::F64,
        5 => Ty::Char,
        6 => Ty::String,
        7 => Ty::Flags(1 + random.below(32)),
        8 => Ty::Enum(if random.one_in(3) { 1 + random.below(600) } else { 1 + random.below(5) }),
        9 if borrow && random.one_in(2) => Ty::Borrow(random.below(RESOURCES)),
        9 => Ty::Own(random.below(RESOURCES)),
        10 | 11 => Ty::List(Box::new(inner(random))),
        12 => Ty::Record((0..1 + random.below(4)).map(|_| inner(random)).collect()),
        13 => Ty::Tuple((0..1 + random.below(4)).map(|_| inner(random)).collect()),
        14 => {
            let mut cases: Vec<_> = (0..1 + random.below(5)).map(|_| some(random)).collect();
            if random.one_in(20) {
                cases.resize(300, None);
            }
            Ty::Variant(cases)
        }
        15 | 16 => Ty::Option(Box::new(inner(random))),
        _ => Ty::Result(some(random).map(Box::new), some(random).map(Box::new)),
    }
}

pub fn value(random: &mut Random, ty: &Ty) -> Value {
    match ty {
        Ty::Bool => Value::Bool(random.one_in(2)),
        Ty::Int(bits, signed) => {
            let raw = i128::from(random.bits()) % (1 << bits);
            Value::Int(if *signed && raw >= 1 << (bits - 1) { raw - (1 << bits) } else { raw })
        }
        Ty::F32 => Value::Bits(random.bits() >> 32),
        Ty::F64 => Value::Bits(random.bits()),
        Ty::Char => Value::Char(character(random)),
        Ty::String => {
            let length = random.below(20);
            Value::String((0..length).map(|_| character(random)).collect())
        }
        Ty::List(element) => {
            let length = random.below(6);
            Value::List((0..length).map(|_| value(random, element)).collect())
        }
        Ty::Record(fields) | Ty::Tuple(fields) => Value::Fields(fields.iter().map(|ty| value(random, ty)).collect()),
        Ty::Flags(n) => Value::Flags((random.bits() % (1 << n)) as u32),
        Ty::Enum(n) => Value::Case(random.below(*n), None),
        Ty::Variant(cases) => {
            let index = random.below(cases.len());
            case(random, index, cases[index].as_ref())
        }
        Ty::Option(some) => {
            let index = random.below(2);
            case(random, index, [None, Some(&**some)][index])
        }
        Ty::Result(ok, err) => {
            let index = random.below(2);
            case(random, index, [ok.as_deref(), err.as_deref()][index])
        }
        Ty::Own(_) | Ty::Borrow(_) => Value::Handle(random.bits() as u32),
    }
}

fn case(random: &mut Random, index: usize, payload: Option<&Ty>) -> Value {
    Value::Case(index, payload.map(|ty| Box::new(value(random, ty))))
}

/// Of one to four bytes of UTF-8.
fn character(random: &mut Random) -> char {
    let most = [0x80, 0x800, 0x1_0000, 0x11_0000][random.below(4)];
    char::from_u32(random.below(most) as u32).unwrap_or('\u{fffd}')
}

/// A function: types of its parameters, and of its result.
#[derive(Clone, Debug)]
pub struct Signature {
    pub params: Vec<Ty>,
    pub result: Option<Ty>,
}

pub fn signature(random: &mut Random) -> Signature {
    let depth = random.below(5);
    let most = [6, 24][random.below(2)];
    let params = (0..random.below(most)).map(|_| ty(random, depth, true)).collect();
    Signature { params, result: (!random.one_in(4)).then(|| ty(random, depth, false)) }
}

/// A world that imports and exports one function, which is called `f`. The same types lie in another order in a world
/// that is `other`, some of them twice, and so do the resources.
pub fn world(signature: &Signature, other: Option<&mut Random>) -> World {
    let mut builder = Builder { types: Types::new(), known: Vec::new(), resources: Vec::new(), other };
    let mut numbers: Vec<usize> = (0..RESOURCES).collect();
    if builder.other.is_some() {
        numbers.reverse();
    }
    builder.resources = vec![None; RESOURCES];
    for number in numbers {
        let resource = Resource { interface: "a:b/c".into(), name: format!("r{number}"), defined_here: false };
        builder.resources[number] = Some(builder.types.add_resource(resource).unwrap());
    }
    let mut params: Vec<_> = signature.params.iter().enumerate().collect();
    if builder.other.is_some() {
        params.reverse();
    }
    let mut params: Vec<_> = params.into_iter().map(|(i, ty)| (i, builder.add(ty))).collect();
    params.sort();
    let result = signature.result.as_ref().map(|ty| builder.add(ty));
    let mut world = World::new("a:b/w", builder.types).unwrap();
    let params = params.into_iter().map(|(i, ty)| (format!("p{i}"), ty)).collect();
    let function = Function { interface: Some("a:b/i".into()), name: "f".into(), params, result };
    world.add_import(function.clone()).unwrap();
    world.add_export(function).unwrap();
    world
}

struct Builder<'a> {
    types: Types,
    known: Vec<(Ty, Type)>,
    resources: Vec<Option<ResourceId>>,
    other: Option<&'a mut Random>,
}

impl Builder<'_> {
    fn add(&mut self, ty: &Ty) -> Type {
        let again = self.other.as_mut().is_some_and(|random| random.one_in(2));
        if !again && let Some((_, known)) = self.known.iter().find(|(known, _)| known == ty) {
            return *known;
        }
        let labels = |n: usize| (0..n).map(|i| format!("l{i}")).collect();
        let kind = match ty {
            Ty::Bool => return Type::Bool,
            Ty::F32 => return Type::F32,
            Ty::F64 => return Type::F64,
            Ty::Char => return Type::Char,
            Ty::String => return Type::String,
            Ty::Int(bits, signed) => {
                let unsigned = [Type::U8, Type::U16, Type::U32, Type::U64];
                let of = if *signed { [Type::S8, Type::S16, Type::S32, Type::S64] } else { unsigned };
                return of[bits.ilog2() as usize - 3];
            }
            Ty::List(element) => Kind::List(self.add(element)),
            Ty::Record(fields) => {
                let field = |(i, ty)| Field { name: format!("f{i}"), ty: self.add(ty) };
                Kind::Record(fields.iter().enumerate().map(field).collect())
            }
            Ty::Tuple(fields) => Kind::Tuple(fields.iter().map(|ty| self.add(ty)).collect()),
            Ty::Flags(n) => Kind::Flags(labels(*n)),
            Ty::Enum(n) => Kind::Enum(labels(*n)),
            Ty::Variant(cases) => {
                let case = |(i, ty): (usize, &Option<Ty>)| Case {
                    name: format!("c{i}"),
                    ty: ty.as_ref().map(|ty| self.add(ty)),
                };
                Kind::Variant(cases.iter().enumerate().map(case).collect())
            }
            Ty::Option(some) => Kind::Option(self.add(some)),
            Ty::Result(ok, err) => {
                let (ok, err) = (ok.as_ref().map(|ty| self.add(ty)), err.as_ref().map(|ty| self.add(ty)));
                Kind::Result { ok, err }
            }
            Ty::Own(number) => Kind::Own(self.resources[*number].unwrap()),
            Ty::Borrow(number) => Kind::Borrow(self.resources[*number].unwrap()),
        };
        let name = self.other.as_mut().map(|random| format!("t{}", random.below(1000)));
        let added = self.types.add(name, kind).unwrap();
        self.known.push((ty.clone(), added));
        added
    }
}
