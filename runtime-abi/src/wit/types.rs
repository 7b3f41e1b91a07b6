//! Types, in an arena whose entries refer only to earlier ones.

use super::abi::{self, Layout, VariantLayout};
use super::error::WitError;
use super::{MAX_DEPTH, MAX_FLAGS, MAX_NAME_SIZE, MAX_RESOURCES, MAX_TYPES};
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

/// A type that has an entry in [`Types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub(super) u32);

impl TypeId {
    /// Its position in [`Types::entries`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A type: a built-in one, or one of the world that it belongs to. Types of different worlds are compared by
/// [`super::Comparison`], not by `==`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// `bool`
    Bool,
    /// `u8`
    U8,
    /// `u16`
    U16,
    /// `u32`
    U32,
    /// `u64`
    U64,
    /// `s8`
    S8,
    /// `s16`
    S16,
    /// `s32`
    S32,
    /// `s64`
    S64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `char`: a Unicode scalar value
    Char,
    /// `string`: UTF-8
    String,
    /// One that the world defines.
    Defined(TypeId),
}

impl Type {
    /// The built-in types, by their numbers in the encoding.
    pub const BUILT_IN: [Type; 13] = [
        Type::Bool,
        Type::U8,
        Type::U16,
        Type::U32,
        Type::U64,
        Type::S8,
        Type::S16,
        Type::S32,
        Type::S64,
        Type::F32,
        Type::F64,
        Type::Char,
        Type::String,
    ];
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Field {
    /// Its name, unique in the record.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// A case of a variant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Case {
    /// Its name, unique in the variant.
    pub name: String,
    /// What it carries.
    pub ty: Option<Type>,
}

/// What a type of the world is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `list<T>`
    List(Type),
    /// `record`: at least one field.
    Record(Vec<Field>),
    /// `tuple<T, …>`: at least one element.
    Tuple(Vec<Type>),
    /// `flags`: 1 to 32 labels; the first is bit 0.
    Flags(Vec<String>),
    /// `enum`: at least one case.
    Enum(Vec<String>),
    /// `variant`: at least one case.
    Variant(Vec<Case>),
    /// `option<T>`: case 0 is `none`, case 1 is `some`.
    Option(Type),
    /// `result<T, E>`: case 0 is `ok`, case 1 is `err`.
    Result {
        /// What success carries.
        ok: Option<Type>,
        /// What failure carries.
        err: Option<Type>,
    },
    /// `own<R>`, or `R`: the handle is handed over.
    Own(ResourceId),
    /// `borrow<R>`: the handle is lent for the call.
    Borrow(ResourceId),
}

/// What a [`Kind`] refers to, in the forms that it does.
type Parts<'a> = ([Option<Type>; 2], &'a [Field], &'a [Type], &'a [Case]);

impl Kind {
    /// The types that it refers to, in order.
    pub fn children(&self) -> impl Iterator<Item = Type> + '_ {
        let (pair, fields, tuple, cases): Parts<'_> = match self {
            Kind::List(ty) | Kind::Option(ty) => ([Some(*ty), None], &[], &[], &[]),
            Kind::Result { ok, err } => ([*ok, *err], &[], &[], &[]),
            Kind::Record(fields) => ([None; 2], fields, &[], &[]),
            Kind::Tuple(types) => ([None; 2], &[], types, &[]),
            Kind::Variant(cases) => ([None; 2], &[], &[], cases),
            Kind::Flags(_) | Kind::Enum(_) | Kind::Own(_) | Kind::Borrow(_) => ([None; 2], &[], &[], &[]),
        };
        let payloads = cases.iter().filter_map(|case| case.ty);
        pair.into_iter().flatten().chain(fields.iter().map(|f| f.ty)).chain(tuple.iter().copied()).chain(payloads)
    }
}

/// A resource of the world, by its position in [`Types::resources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId(pub(super) u32);

impl ResourceId {
    /// Its position in [`Types::resources`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A resource type. Interface and name say which it is, in every world.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resource {
    /// The interface that declares it, as core modules name it: `bailiwick:fs/types`; `$root` for the world itself.
    pub interface: String,
    /// Its name there: `dir`.
    pub name: String,
    /// Whether the module whose world this is implements it. Such a resource and an imported one of the same name are two.
    pub defined_here: bool,
}

/// An entry of [`Types`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, for people. Names have no meaning: types are compared by structure.
    pub name: Option<String>,
    /// What it is.
    pub kind: Kind,
    /// Size, alignment, flattening.
    pub layout: Layout,
    /// Where its parts lie, if it is a variant, enum, option or result.
    pub variant: Option<VariantLayout>,
    /// How many types it has within one another: 1 for `list<u8>`.
    pub depth: u32,
}

/// The types and resources of a world. What is added refers only to what was added before, so there are no cycles, and
/// is checked, so all that is here is valid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Types {
    resources: Vec<Resource>,
    entries: Vec<Entry>,
}

impl Types {
    /// Without any but the built-in ones.
    pub fn new() -> Types {
        Types::default()
    }

    /// Adds a resource. It may be there already.
    pub fn add_resource(&mut self, resource: Resource) -> Result<ResourceId, WitError> {
        check_name(&resource.interface)?;
        check_name(&resource.name)?;
        if let Some(i) = self.resources.iter().position(|other| *other == resource) {
            return Ok(ResourceId(i as u32));
        }
        self.push_resource(resource)
    }

    /// Adds a resource whose names were checked and that is not there yet.
    pub(super) fn push_resource(&mut self, resource: Resource) -> Result<ResourceId, WitError> {
        if self.resources.len() >= MAX_RESOURCES {
            return Err(WitError::Limit { what: "there are more resources than that", limit: MAX_RESOURCES as u64 });
        }
        self.resources.push(resource);
        Ok(ResourceId(self.resources.len() as u32 - 1))
    }

    /// Adds a type, under a name if it has one.
    pub fn add(&mut self, name: Option<String>, kind: Kind) -> Result<Type, WitError> {
        if self.entries.len() >= MAX_TYPES {
            return Err(WitError::Limit { what: "there are more types than that", limit: MAX_TYPES as u64 });
        }
        if let Some(name) = &name {
            check_name(name)?;
        }
        self.check(&kind)?;
        let depth = 1 + kind.children().map(|child| self.depth(child)).max().unwrap_or(0);
        if depth > MAX_DEPTH {
            let what = "a type has more types within one another than that";
            return Err(WitError::Limit { what, limit: u64::from(MAX_DEPTH) });
        }
        let layout = abi::layout_of(self, &kind)?;
        let variant = abi::variant_of(self, &kind);
        self.entries.push(Entry { name, kind, layout, variant, depth });
        Ok(Type::Defined(TypeId(self.entries.len() as u32 - 1)))
    }

    fn check(&self, kind: &Kind) -> Result<(), WitError> {
        if !kind.children().all(|child| self.has(child)) {
            return Err(WitError::Rule("a type refers to one that is not there yet"));
        }
        match kind {
            Kind::Record(fields) if fields.is_empty() => Err(WitError::Rule("a record has at least one field")),
            Kind::Tuple(types) if types.is_empty() => Err(WitError::Rule("a tuple has at least one element")),
            Kind::Flags(labels) if labels.is_empty() => Err(WitError::Rule("flags have at least one label")),
            Kind::Flags(labels) if labels.len() > MAX_FLAGS => {
                Err(WitError::Limit { what: "flags have more labels than that", limit: MAX_FLAGS as u64 })
            }
            Kind::Enum(cases) if cases.is_empty() => Err(WitError::Rule("an enum has at least one case")),
            Kind::Variant(cases) if cases.is_empty() => Err(WitError::Rule("a variant has at least one case")),
            Kind::Own(resource) | Kind::Borrow(resource) if resource.index() >= self.resources.len() => {
                Err(WitError::Rule("a handle refers to a resource that is not there"))
            }
            Kind::Record(fields) => check_names("field", fields.iter().map(|field| &field.name)),
            Kind::Flags(labels) => check_names("flag", labels.iter()),
            Kind::Enum(cases) => check_names("case", cases.iter()),
            Kind::Variant(cases) => check_names("case", cases.iter().map(|case| &case.name)),
            Kind::List(_) | Kind::Tuple(_) | Kind::Option(_) => Ok(()),
            Kind::Result { .. } | Kind::Own(_) | Kind::Borrow(_) => Ok(()),
        }
    }

    /// Whether a type is built in or among these.
    pub fn has(&self, ty: Type) -> bool {
        match ty {
            Type::Defined(id) => id.index() < self.entries.len(),
            _ => true,
        }
    }

    /// Position `index` of [`Types::entries`] as a type.
    pub fn at(&self, index: usize) -> Option<Type> {
        (index < self.entries.len()).then_some(Type::Defined(TypeId(index as u32)))
    }

    /// Position `index` of [`Types::resources`].
    pub fn resource_at(&self, index: usize) -> Option<ResourceId> {
        (index < self.resources.len()).then_some(ResourceId(index as u32))
    }

    /// All types that are not built in, in the order in which they were added.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// All resources, in the order in which they were added.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// A type's entry.
    ///
    /// # Panics
    /// If it is of another world that has more types.
    pub fn entry(&self, id: TypeId) -> &Entry {
        &self.entries[id.index()]
    }

    /// What a type is; `None` for the built-in ones.
    ///
    /// # Panics
    /// As [`Types::entry`].
    pub fn kind(&self, ty: Type) -> Option<&Kind> {
        match ty {
            Type::Defined(id) => Some(&self.entry(id).kind),
            _ => None,
        }
    }

    /// A resource.
    ///
    /// # Panics
    /// If it is of another world that has more resources.
    pub fn resource(&self, id: ResourceId) -> &Resource {
        &self.resources[id.index()]
    }

    fn depth(&self, ty: Type) -> u32 {
        match ty {
            Type::Defined(id) => self.entry(id).depth,
            _ => 0,
        }
    }
}

/// Names can be shown to people as they are: nothing in them moves a cursor.
pub(super) fn check_name(name: &str) -> Result<(), WitError> {
    if name.is_empty() || name.len() > MAX_NAME_SIZE || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(WitError::Name(name.chars().take(64).collect()));
    }
    Ok(())
}

/// Names of one scope.
pub(super) fn check_names<'a>(what: &'static str, names: impl Iterator<Item = &'a String>) -> Result<(), WitError> {
    let mut seen = BTreeSet::new();
    for name in names {
        check_name(name)?;
        if !seen.insert(name.as_str()) {
            return Err(WitError::Duplicate { what, name: name.clone() });
        }
    }
    Ok(())
}
