//! A world of `wit-parser` → [`World`]. What the canonical ABI has been given since its first version (asynchronous calls,
//! maps, …) is refused by name.

use super::parse::Parsed;
use crate::error::{CompileError, Result};
use crate::module::Module;
use bailiwick_runtime_abi::wit::{
    Case, Field, Function, Kind, MAX_DEPTH, Resource, ResourceId, Type, Types, WitError, World, world,
};
use std::collections::{HashMap, HashSet};
use wit_parser::{
    FunctionKind, Handle, InterfaceId, Resolve, Type as WitType, TypeDef, TypeDefKind, TypeId as WitTypeId, TypeOwner,
    WorldItem, WorldKey,
};

/// Which functions a type belongs to. A resource that a module exports is not the one of that name that it imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Side {
    Import,
    Export,
}

/// What a module has of a world that it says itself: generators put whole interfaces there, of which linkers leave what
/// is used.
pub(super) struct Used<'a> {
    /// Module and name.
    imports: HashSet<(&'a str, &'a str)>,
    exports: HashSet<&'a str>,
}

impl<'a> Used<'a> {
    pub(super) fn of(module: &Module<'a>) -> Used<'a> {
        Used {
            imports: module.imports.iter().map(|import| (import.module, import.name)).collect(),
            exports: module.exports.iter().map(|export| export.name).collect(),
        }
    }

    /// Whether a function is to be taken over. Exports are a promise, but for what adapters would make of preview 1.
    fn has(&self, interface: Option<&str>, name: &str, side: Side) -> bool {
        match (side, interface) {
            (Side::Import, interface) => self.imports.contains(&(interface.unwrap_or(world::ROOT), name)),
            (Side::Export, Some(interface)) if interface.starts_with("wasi:") => {
                self.exports.contains(format!("{interface}#{name}").as_str())
            }
            (Side::Export, _) => true,
        }
    }
}

/// Converts the chosen world. `used`: only what is.
pub(super) fn convert(parsed: &Parsed, used: Option<&Used<'_>>) -> Result<World> {
    let resolve = &parsed.resolve;
    let wit = &resolve.worlds[parsed.world];
    let name = wit.package.map_or_else(|| wit.name.clone(), |package| resolve.id_of_name(package, &wit.name));
    let mut converter = Converter {
        resolve,
        types: Types::new(),
        used,
        interfaces: HashMap::new(),
        exported: HashSet::new(),
        alias: None,
        done: HashMap::new(),
        place: name.clone(),
    };
    for (items, side) in [(&wit.imports, Side::Import), (&wit.exports, Side::Export)] {
        for (key, item) in items {
            if let WorldItem::Interface { id, .. } = item {
                converter.interface(key, *id, side, parsed.built_in)?;
            }
        }
    }
    let mut functions = Vec::new();
    for (items, side) in [(&wit.imports, Side::Import), (&wit.exports, Side::Export)] {
        for (key, item) in items {
            converter.alias = alias(resolve, key, item);
            converter.item(item, side, &mut functions)?;
        }
    }
    let mut world = World::new(&name, converter.types).map_err(|error| wrong(&name, error))?;
    for (function, side) in functions {
        let place = place_of(function.interface.as_deref(), &function.name);
        let added = if side == Side::Import { world.add_import(function) } else { world.add_export(function) };
        added.map_err(|error| wrong(&place, error))?;
    }
    Ok(world)
}

/// An interface that the world has under another name, which may be one of several: `import cache: store;`.
type Alias = (InterfaceId, String);

fn alias(resolve: &Resolve, key: &WorldKey, item: &WorldItem) -> Option<Alias> {
    let id = resolve.implements_interface(key, item)?;
    Some((id, resolve.name_world_key(key)))
}

struct Converter<'a> {
    resolve: &'a Resolve,
    types: Types,
    used: Option<&'a Used<'a>>,
    /// What core modules call each interface that has a name of its own.
    interfaces: HashMap<InterfaceId, String>,
    /// Interfaces that the world exports.
    exported: HashSet<InterfaceId>,
    /// The interface that is being converted, if it is under another name: its resources are then others.
    alias: Option<Alias>,
    /// Types that are in `types`; those of an alias are others.
    done: HashMap<(WitTypeId, Side, Option<String>), Type>,
    /// What is being converted, for messages.
    place: String,
}

fn wrong(place: &str, error: WitError) -> CompileError {
    CompileError::WitType { place: place.to_owned(), error }
}

fn place_of(interface: Option<&str>, name: &str) -> String {
    interface.map_or_else(|| name.to_owned(), |interface| format!("{interface}.{name}"))
}

impl Converter<'_> {
    fn not_yet(&self, what: &'static str) -> CompileError {
        CompileError::WitUnsupported { what, place: self.place.clone() }
    }

    /// Takes over an interface's name and its resources.
    fn interface(&mut self, key: &WorldKey, id: InterfaceId, side: Side, built_in: Option<InterfaceId>) -> Result<()> {
        let interface = &self.resolve.interfaces[id];
        let name = self.resolve.name_world_key(key);
        self.place = name.clone();
        let alias = (matches!(key, WorldKey::Name(_)) && interface.name.is_some()).then(|| (id, name.clone()));
        if side == Side::Export {
            if built_in == Some(id) {
                return Err(self.not_yet("a module's own implementation of bailiwick:fs/types"));
            }
            self.exported.insert(id);
        }
        if alias.is_none() {
            self.interfaces.insert(id, name);
        }
        self.alias = alias;
        for &ty in interface.types.values() {
            let def = &self.resolve.types[ty];
            if matches!(def.kind, TypeDefKind::Resource) {
                self.resource(def, side)?;
            }
        }
        Ok(())
    }

    fn item(&mut self, item: &WorldItem, side: Side, functions: &mut Vec<(Function, Side)>) -> Result<()> {
        match item {
            WorldItem::Interface { id, .. } => {
                let alias = self.alias.as_ref().map(|(_, name)| name.clone());
                let interface = alias.or_else(|| self.interfaces.get(id).cloned());
                for function in self.resolve.interfaces[*id].functions.values() {
                    if self.used.is_some_and(|used| !used.has(interface.as_deref(), &function.name, side)) {
                        continue;
                    }
                    functions.push((self.function(interface.clone(), function, side)?, side));
                }
            }
            WorldItem::Function(function) => {
                if self.used.is_none_or(|used| used.has(None, &function.name, side)) {
                    functions.push((self.function(None, function, side)?, side));
                }
            }
            // Of types, what functions use is taken over.
            WorldItem::Type { id, .. } => {
                let def = &self.resolve.types[*id];
                if matches!(def.kind, TypeDefKind::Resource) {
                    self.resource(def, side)?;
                }
            }
        }
        Ok(())
    }

    fn function(&mut self, interface: Option<String>, function: &wit_parser::Function, side: Side) -> Result<Function> {
        self.place = place_of(interface.as_deref(), &function.name);
        match function.kind {
            FunctionKind::Freestanding
            | FunctionKind::Method(_)
            | FunctionKind::Static(_)
            | FunctionKind::Constructor(_) => {}
            FunctionKind::AsyncFreestanding | FunctionKind::AsyncMethod(_) | FunctionKind::AsyncStatic(_) => {
                return Err(self.not_yet("an asynchronous function (async)"));
            }
            FunctionKind::Getter
            | FunctionKind::Setter
            | FunctionKind::MethodGetter(_)
            | FunctionKind::MethodSetter(_)
            | FunctionKind::StaticGetter(_)
            | FunctionKind::StaticSetter(_) => return Err(self.not_yet("a property (get, set)")),
        }
        let params = function.params.iter().map(|param| Ok((param.name.clone(), self.ty(param.ty, side, 0)?)));
        let params = params.collect::<Result<_>>()?;
        let result = function.result.map(|ty| self.ty(ty, side, 0)).transpose()?;
        Ok(Function { interface, name: function.name.clone(), params, result })
    }

    /// Calls itself for what a type consists of.
    fn ty(&mut self, ty: WitType, side: Side, depth: u32) -> Result<Type> {
        let mut id = match ty {
            WitType::Bool => return Ok(Type::Bool),
            WitType::U8 => return Ok(Type::U8),
            WitType::U16 => return Ok(Type::U16),
            WitType::U32 => return Ok(Type::U32),
            WitType::U64 => return Ok(Type::U64),
            WitType::S8 => return Ok(Type::S8),
            WitType::S16 => return Ok(Type::S16),
            WitType::S32 => return Ok(Type::S32),
            WitType::S64 => return Ok(Type::S64),
            WitType::F32 => return Ok(Type::F32),
            WitType::F64 => return Ok(Type::F64),
            WitType::Char => return Ok(Type::Char),
            WitType::String => return Ok(Type::String),
            WitType::ErrorContext => return Err(self.not_yet("error-context")),
            WitType::Id(id) => id,
        };
        // A type that only stands for another is that other one.
        while let TypeDefKind::Type(WitType::Id(other)) = self.resolve.types[id].kind {
            id = other;
        }
        if let TypeDefKind::Type(ty) = self.resolve.types[id].kind {
            return self.ty(ty, side, depth);
        }
        let key = (id, side, self.alias.as_ref().map(|(_, name)| name.clone()));
        if let Some(&done) = self.done.get(&key) {
            return Ok(done);
        }
        if depth >= MAX_DEPTH {
            let what = "a type has more types within one another than that";
            return Err(wrong(&self.place, WitError::Limit { what, limit: u64::from(MAX_DEPTH) }));
        }
        let def = &self.resolve.types[id];
        let kind = self.kind(def, side, depth + 1)?;
        let done = self.types.add(def.name.clone(), kind).map_err(|error| {
            let place = def.name.as_ref().map_or_else(|| self.place.clone(), |name| format!("{}, {name}", self.place));
            wrong(&place, error)
        })?;
        self.done.insert(key, done);
        Ok(done)
    }

    fn kind(&mut self, def: &TypeDef, side: Side, depth: u32) -> Result<Kind> {
        Ok(match &def.kind {
            TypeDefKind::Record(record) => {
                let field =
                    |it: &wit_parser::Field| Ok(Field { name: it.name.clone(), ty: self.ty(it.ty, side, depth)? });
                Kind::Record(record.fields.iter().map(field).collect::<Result<_>>()?)
            }
            TypeDefKind::Tuple(tuple) => {
                Kind::Tuple(tuple.types.iter().map(|&ty| self.ty(ty, side, depth)).collect::<Result<_>>()?)
            }
            TypeDefKind::Flags(flags) => Kind::Flags(flags.flags.iter().map(|flag| flag.name.clone()).collect()),
            TypeDefKind::Enum(cases) => Kind::Enum(cases.cases.iter().map(|case| case.name.clone()).collect()),
            TypeDefKind::Variant(variant) => {
                let case =
                    |it: &wit_parser::Case| Ok(Case { name: it.name.clone(), ty: self.optional(it.ty, side, depth)? });
                Kind::Variant(variant.cases.iter().map(case).collect::<Result<_>>()?)
            }
            TypeDefKind::Option(ty) => Kind::Option(self.ty(*ty, side, depth)?),
            TypeDefKind::Result(result) => Kind::Result {
                ok: self.optional(result.ok, side, depth)?,
                err: self.optional(result.err, side, depth)?,
            },
            TypeDefKind::List(ty) => Kind::List(self.ty(*ty, side, depth)?),
            TypeDefKind::Handle(Handle::Own(id)) => Kind::Own(self.handle(*id, side)?),
            TypeDefKind::Handle(Handle::Borrow(id)) => Kind::Borrow(self.handle(*id, side)?),
            TypeDefKind::Map(..) => return Err(self.not_yet("map")),
            TypeDefKind::FixedLengthList(..) => return Err(self.not_yet("a list of fixed length")),
            TypeDefKind::Future(_) => return Err(self.not_yet("future")),
            TypeDefKind::Stream(_) => return Err(self.not_yet("stream")),
            TypeDefKind::Resource | TypeDefKind::Type(_) | TypeDefKind::Unknown => {
                return Err(CompileError::internal(format!("{}: a type of kind {}", self.place, def.kind.as_str())));
            }
        })
    }

    fn optional(&mut self, ty: Option<WitType>, side: Side, depth: u32) -> Result<Option<Type>> {
        ty.map(|ty| self.ty(ty, side, depth)).transpose()
    }

    fn handle(&mut self, mut id: WitTypeId, side: Side) -> Result<ResourceId> {
        while let TypeDefKind::Type(WitType::Id(other)) = self.resolve.types[id].kind {
            id = other;
        }
        self.resource(&self.resolve.types[id], side)
    }

    fn resource(&mut self, def: &TypeDef, side: Side) -> Result<ResourceId> {
        let name = def.name.clone().unwrap_or_default();
        let (interface, defined_here) = match def.owner {
            TypeOwner::Interface(id) => {
                let alias = self.alias.as_ref().filter(|(aliased, _)| *aliased == id).map(|(_, name)| name.clone());
                // An interface that only `use` brings in is an import of the world.
                let known = alias.or_else(|| self.interfaces.get(&id).cloned()).or_else(|| self.resolve.id_of(id));
                (known.unwrap_or_default(), side == Side::Export && self.exported.contains(&id))
            }
            TypeOwner::World(_) | TypeOwner::None => (world::ROOT.to_owned(), false),
        };
        let place = place_of(Some(&interface), &name);
        self.types.add_resource(Resource { interface, name, defined_here }).map_err(|error| wrong(&place, error))
    }
}
