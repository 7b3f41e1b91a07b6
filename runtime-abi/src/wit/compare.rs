//! Whether types and functions of two worlds mean the same, and the first place where they don't.
//!
//! Types are equal by structure: names of fields, cases and labels count, names of types do not. Resources are equal by
//! name, and the loader's own are no others. Which one it is that a world means by a name is not said here: a module may
//! import one interface under several names, and an interface may have several who answer it. Who joins two modules
//! decides that, and refuses what differs. Every type of both worlds gets the number of its class of equal ones, in one pass, so that
//! comparing takes no time in the size of values and little in that of types.

use super::builtin;
use super::print::Printer;
use super::types::{Case, Field, Kind, Resource, ResourceId, Type, TypeId, Types};
use super::world::{Function, World};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The first difference between two types or functions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {left} here, {right} there")]
pub struct Mismatch {
    /// Where: `parameter zip`, `the result.ok`, `parameter entries[].name`.
    pub place: String,
    /// What the first one has there, as WIT text.
    pub left: String,
    /// What the second one has there, as WIT text.
    pub right: String,
}

/// Two worlds whose types can be compared.
#[derive(Debug)]
pub struct Comparison<'a> {
    left: Side<'a>,
    right: Side<'a>,
}

#[derive(Debug)]
struct Side<'a> {
    types: &'a Types,
    /// The class of each type. Two types are equal exactly if their classes are.
    classes: Vec<u32>,
    resources: Vec<u32>,
}

/// Numbers of classes, by what their types are: with classes in place of the types and resources that they refer to.
#[derive(Default)]
struct Classes<'a> {
    kinds: BTreeMap<Kind, u32>,
    resources: BTreeMap<(&'a str, &'a str), u32>,
}

impl<'a> Classes<'a> {
    fn add(&mut self, types: &'a Types) -> Side<'a> {
        let mut side = Side { types, classes: Vec::new(), resources: Vec::new() };
        for Resource { interface, name, .. } in types.resources() {
            let next = self.resources.len() as u32;
            let interface = if interface == builtin::FS_INTERFACE { builtin::FS_INTERFACE } else { "" };
            side.resources.push(*self.resources.entry((interface, name)).or_insert(next));
        }
        for entry in types.entries() {
            let next = self.kinds.len() as u32;
            let key = side.key(&entry.kind);
            side.classes.push(*self.kinds.entry(key).or_insert(next));
        }
        side
    }
}

impl Side<'_> {
    /// A type with the class in place of the entry.
    fn class(&self, ty: Type) -> Type {
        match ty {
            Type::Defined(id) => Type::Defined(TypeId(self.classes[id.index()])),
            _ => ty,
        }
    }

    fn key(&self, kind: &Kind) -> Kind {
        let class = |ty: &Type| self.class(*ty);
        let resource = |id: &ResourceId| ResourceId(self.resources[id.index()]);
        match kind {
            Kind::List(ty) => Kind::List(class(ty)),
            Kind::Record(fields) => {
                Kind::Record(fields.iter().map(|f| Field { name: f.name.clone(), ty: class(&f.ty) }).collect())
            }
            Kind::Tuple(types) => Kind::Tuple(types.iter().map(class).collect()),
            Kind::Flags(labels) => Kind::Flags(labels.clone()),
            Kind::Enum(cases) => Kind::Enum(cases.clone()),
            Kind::Variant(cases) => {
                let case = |case: &Case| Case { name: case.name.clone(), ty: case.ty.as_ref().map(class) };
                Kind::Variant(cases.iter().map(case).collect())
            }
            Kind::Option(ty) => Kind::Option(class(ty)),
            Kind::Result { ok, err } => Kind::Result { ok: ok.as_ref().map(class), err: err.as_ref().map(class) },
            Kind::Own(id) => Kind::Own(resource(id)),
            Kind::Borrow(id) => Kind::Borrow(resource(id)),
        }
    }
}

impl<'a> Comparison<'a> {
    /// Of two worlds; they may be one.
    pub fn new(left: &'a World, right: &'a World) -> Comparison<'a> {
        let mut classes = Classes::default();
        Comparison { left: classes.add(left.types()), right: classes.add(right.types()) }
    }

    /// Whether a type of the first world is a type of the second.
    ///
    /// # Panics
    /// If a type is not of its world.
    pub fn same_type(&self, left: Type, right: Type) -> Result<(), Mismatch> {
        self.compare(left, right, String::from("the type"))
    }

    /// Whether a function of the first world has the type of one of the second: names and types of its parameters, and its
    /// result.
    ///
    /// # Panics
    /// If a function is not of its world.
    pub fn same_function(&self, left: &Function, right: &Function) -> Result<(), Mismatch> {
        if left.params.len() != right.params.len() {
            return Err(Mismatch {
                place: "the number of parameters".to_string(),
                left: left.params.len().to_string(),
                right: right.params.len().to_string(),
            });
        }
        for (i, (left, right)) in left.params.iter().zip(&right.params).enumerate() {
            if left.0 != right.0 {
                let place = format!("the name of parameter {}", i + 1);
                return Err(Mismatch { place, left: left.0.clone(), right: right.0.clone() });
            }
            self.compare(left.1, right.1, format!("parameter {}", left.0))?;
        }
        self.compare_optional(left.result, right.result, "the result".to_string())
    }

    fn compare_optional(&self, left: Option<Type>, right: Option<Type>, place: String) -> Result<(), Mismatch> {
        match (left, right) {
            (None, None) => Ok(()),
            (Some(left), Some(right)) => self.compare(left, right, place),
            _ => {
                let text = |side: &Side<'_>, ty: Option<Type>| ty.map_or("none".to_string(), |ty| side.describe(ty));
                Err(Mismatch { place, left: text(&self.left, left), right: text(&self.right, right) })
            }
        }
    }

    /// Goes down to the first difference; types are as deep as [`super::MAX_DEPTH`] at most.
    fn compare(&self, left: Type, right: Type, place: String) -> Result<(), Mismatch> {
        if self.left.class(left) == self.right.class(right) {
            return Ok(());
        }
        if let (Some(l), Some(r)) = (self.left.types.kind(left), self.right.types.kind(right)) {
            match (l, r) {
                (Kind::List(l), Kind::List(r)) => self.compare(*l, *r, format!("{place}[]"))?,
                (Kind::Option(l), Kind::Option(r)) => self.compare(*l, *r, format!("{place}.some"))?,
                (Kind::Result { ok, err }, Kind::Result { ok: other_ok, err: other_err }) => {
                    self.compare_optional(*ok, *other_ok, format!("{place}.ok"))?;
                    self.compare_optional(*err, *other_err, format!("{place}.err"))?;
                }
                (Kind::Record(l), Kind::Record(r)) if l.iter().map(|f| &f.name).eq(r.iter().map(|f| &f.name)) => {
                    for (l, r) in l.iter().zip(r) {
                        self.compare(l.ty, r.ty, format!("{place}.{}", l.name))?;
                    }
                }
                (Kind::Tuple(l), Kind::Tuple(r)) if l.len() == r.len() => {
                    for (i, (l, r)) in l.iter().zip(r).enumerate() {
                        self.compare(*l, *r, format!("{place}.{i}"))?;
                    }
                }
                (Kind::Variant(l), Kind::Variant(r)) if l.iter().map(|c| &c.name).eq(r.iter().map(|c| &c.name)) => {
                    for (l, r) in l.iter().zip(r) {
                        self.compare_optional(l.ty, r.ty, format!("{place}.{}", l.name))?;
                    }
                }
                _ => {}
            }
        }
        Err(Mismatch { place, left: self.left.describe(left), right: self.right.describe(right) })
    }
}

impl Side<'_> {
    fn describe(&self, ty: Type) -> String {
        Printer::definition(self.types, ty).with_interfaces().to_string()
    }
}

/// Whether a type of one world is a type of another. To compare many, make one [`Comparison`].
///
/// # Panics
/// If a type is not of its world.
pub fn same_type(left_world: &World, left: Type, right_world: &World, right: Type) -> Result<(), Mismatch> {
    Comparison::new(left_world, right_world).same_type(left, right)
}

/// Whether a function of one world has the type of one of another. To compare many, make one [`Comparison`].
///
/// # Panics
/// If a function is not of its world.
pub fn same_function(
    left_world: &World,
    left: &Function,
    right_world: &World,
    right: &Function,
) -> Result<(), Mismatch> {
    Comparison::new(left_world, right_world).same_function(left, right)
}
