//! WIT text of types and functions, for messages and reports. It is bounded: of a type that is large without names,
//! `…` stands for what is too much.

use super::types::{Kind, ResourceId, Type, Types};
use super::world::{Function, World};
use core::cell::Cell;
use core::fmt::{self, Display, Formatter};

/// Types, fields, cases and labels that one text names at most.
const MAX_PARTS: u32 = 200;

/// Writes a type or function when it is displayed.
#[derive(Clone, Debug)]
pub struct Printer<'a> {
    types: &'a Types,
    what: What<'a>,
    interfaces: bool,
}

#[derive(Clone, Debug)]
enum What<'a> {
    Use(Type),
    Definition(Type),
    Function(&'a Function),
}

impl World {
    /// A type as a function's type names it: by its own name if it has one.
    pub fn print_type(&self, ty: Type) -> Printer<'_> {
        Printer { types: self.types(), what: What::Use(ty), interfaces: false }
    }

    /// What a type is: `record entry { name: string, size: u64 }`.
    pub fn print_definition(&self, ty: Type) -> Printer<'_> {
        Printer::definition(self.types(), ty)
    }

    /// A function: `unzip: func(zip: list<u8>) -> result<u32, string>`.
    pub fn print_function<'a>(&'a self, function: &'a Function) -> Printer<'a> {
        Printer { types: self.types(), what: What::Function(function), interfaces: false }
    }
}

impl<'a> Printer<'a> {
    pub(super) fn definition(types: &'a Types, ty: Type) -> Printer<'a> {
        Printer { types, what: What::Definition(ty), interfaces: false }
    }

    /// Names the interfaces that resources are of: `borrow<bailiwick:fs/types.dir>`.
    pub fn with_interfaces(self) -> Printer<'a> {
        Printer { interfaces: true, ..self }
    }
}

impl Display for Printer<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let writer = Writer { types: self.types, interfaces: self.interfaces, left: Cell::new(MAX_PARTS) };
        match self.what {
            What::Use(ty) => writer.ty(f, ty),
            What::Definition(ty) => writer.definition(f, ty),
            What::Function(function) => writer.function(f, function),
        }
    }
}

struct Writer<'a> {
    types: &'a Types,
    interfaces: bool,
    /// How many parts may still be named.
    left: Cell<u32>,
}

impl Writer<'_> {
    /// Takes one part, or says that there is none left.
    fn part(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    fn list<T>(
        &self,
        f: &mut Formatter<'_>,
        items: impl IntoIterator<Item = T>,
        item: impl Fn(&mut Formatter<'_>, T) -> fmt::Result,
    ) -> fmt::Result {
        for (i, it) in items.into_iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            if self.left.get() == 0 {
                return f.write_str("…");
            }
            item(f, it)?;
        }
        Ok(())
    }

    fn ty(&self, f: &mut Formatter<'_>, ty: Type) -> fmt::Result {
        if let Type::Defined(id) = ty {
            match &self.types.entry(id).name {
                Some(name) if self.part() => return f.write_str(name),
                _ => return self.structure(f, ty),
            }
        }
        self.structure(f, ty)
    }

    /// A type by what it is.
    fn structure(&self, f: &mut Formatter<'_>, ty: Type) -> fmt::Result {
        if !self.part() {
            return f.write_str("…");
        }
        let Some(kind) = self.types.kind(ty) else { return f.write_str(built_in(ty)) };
        match kind {
            Kind::List(element) => self.generic(f, "list", [*element]),
            Kind::Tuple(types) => self.generic(f, "tuple", types.iter().copied()),
            Kind::Option(some) => self.generic(f, "option", [*some]),
            Kind::Result { ok: None, err: None } => f.write_str("result"),
            Kind::Result { ok: Some(ok), err: None } => self.generic(f, "result", [*ok]),
            Kind::Result { ok: Some(ok), err: Some(err) } => self.generic(f, "result", [*ok, *err]),
            Kind::Result { ok: None, err: Some(err) } => {
                f.write_str("result<_, ")?;
                self.ty(f, *err)?;
                f.write_str(">")
            }
            Kind::Own(resource) => self.handle(f, "own", *resource),
            Kind::Borrow(resource) => self.handle(f, "borrow", *resource),
            Kind::Record(_) | Kind::Flags(_) | Kind::Enum(_) | Kind::Variant(_) => self.body(f, kind, ""),
        }
    }

    fn generic(&self, f: &mut Formatter<'_>, name: &str, types: impl IntoIterator<Item = Type>) -> fmt::Result {
        write!(f, "{name}<")?;
        self.list(f, types, |f, ty| self.ty(f, ty))?;
        f.write_str(">")
    }

    fn handle(&self, f: &mut Formatter<'_>, kind: &str, resource: ResourceId) -> fmt::Result {
        let resource = self.types.resource(resource);
        if self.interfaces {
            write!(f, "{kind}<{}.{}>", resource.interface, resource.name)
        } else {
            write!(f, "{kind}<{}>", resource.name)
        }
    }

    fn definition(&self, f: &mut Formatter<'_>, ty: Type) -> fmt::Result {
        let name = match ty {
            Type::Defined(id) => self.types.entry(id).name.as_deref(),
            _ => None,
        };
        match (self.types.kind(ty), name) {
            (Some(kind @ (Kind::Record(_) | Kind::Flags(_) | Kind::Enum(_) | Kind::Variant(_))), name) => {
                self.body(f, kind, name.unwrap_or(""))
            }
            (Some(_), Some(name)) => {
                write!(f, "type {name} = ")?;
                self.structure(f, ty)
            }
            _ => self.structure(f, ty),
        }
    }

    /// A type that WIT defines by name and body; one without a name is no WIT, but can be read.
    fn body(&self, f: &mut Formatter<'_>, kind: &Kind, name: &str) -> fmt::Result {
        let keyword = match kind {
            Kind::Record(_) => "record",
            Kind::Flags(_) => "flags",
            Kind::Enum(_) => "enum",
            _ => "variant",
        };
        let space = if name.is_empty() { "" } else { " " };
        write!(f, "{keyword}{space}{name} {{ ")?;
        match kind {
            Kind::Record(fields) => self.list(f, fields, |f, field| {
                write!(f, "{}: ", field.name)?;
                self.ty(f, field.ty)
            })?,
            Kind::Flags(labels) | Kind::Enum(labels) => self.list(f, labels, |f, label| {
                self.part();
                f.write_str(label)
            })?,
            Kind::Variant(cases) => self.list(f, cases, |f, case| {
                f.write_str(&case.name)?;
                match case.ty {
                    Some(ty) => {
                        f.write_str("(")?;
                        self.ty(f, ty)?;
                        f.write_str(")")
                    }
                    None => {
                        self.part();
                        Ok(())
                    }
                }
            })?,
            _ => {}
        }
        f.write_str(" }")
    }

    fn function(&self, f: &mut Formatter<'_>, function: &Function) -> fmt::Result {
        write!(f, "{}: func(", function.name)?;
        self.list(f, &function.params, |f, (name, ty)| {
            write!(f, "{name}: ")?;
            self.ty(f, *ty)
        })?;
        f.write_str(")")?;
        match function.result {
            Some(ty) => {
                f.write_str(" -> ")?;
                self.ty(f, ty)
            }
            None => Ok(()),
        }
    }
}

fn built_in(ty: Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S8 => "s8",
        Type::S16 => "s16",
        Type::S32 => "s32",
        Type::S64 => "s64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::Defined(_) => "type",
    }
}
