//! What a module is granted: the only source from which its imports are satisfied.

use crate::error::{Error, LinkError};
use crate::func::Func;
use crate::global::Global;
use crate::group::Inner;
use crate::host::{Caller, HostError, HostFunc, IntoHostFunc};
use crate::instance::Instance;
use crate::memory::Memory;
use crate::shared::SharedMemory;
use crate::table::Table;
use crate::tag::Tag;
use crate::value::{FuncType, Val};
use bailiwick_runtime_abi::format::Kind;
use std::collections::BTreeMap;

/// Something that a module of a group exports, or that the host made for it.
#[derive(Clone, Copy, Debug)]
pub enum Extern {
    /// A function
    Func(Func),
    /// A table
    Table(Table),
    /// A linear memory
    Memory(Memory),
    /// A global
    Global(Global),
    /// A tag
    Tag(Tag),
}

impl Extern {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Extern::Func(_) => Kind::Function,
            Extern::Table(_) => Kind::Table,
            Extern::Memory(_) => Kind::Memory,
            Extern::Global(_) => Kind::Global,
            Extern::Tag(_) => Kind::Tag,
        }
    }
}

macro_rules! from_extern {
    ($($ty:ident)*) => {$(
        impl From<$ty> for Extern {
            fn from(value: $ty) -> Extern { Extern::$ty(value) }
        }
    )*};
}
from_extern!(Func Table Memory Global Tag);

/// What an import is satisfied with.
#[derive(Clone, Debug)]
pub(crate) enum Definition {
    Host(HostFunc),
    /// A function of any type that refuses every call.
    Refused,
    Extern(Extern),
    /// A memory of several groups.
    Shared(SharedMemory),
}

#[derive(Clone, Debug, Default)]
struct Module {
    definitions: BTreeMap<String, Definition>,
    /// An instance whose exports satisfy what `definitions` does not.
    instance: Option<Instance>,
}

/// What is granted to a module: definitions by module name and name.
///
/// An import that is not here is a link error that names it; nothing is satisfied by default.
///
/// # Example
/// ```
/// use bailiwick_loader::{Caller, Imports};
/// let mut imports = Imports::new();
/// imports.func("host", "double", |_: &mut Caller<'_>, x: i32| Ok(x.wrapping_mul(2)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Imports {
    modules: BTreeMap<String, Module>,
}

impl Imports {
    /// Grants nothing.
    pub fn new() -> Imports {
        Imports::default()
    }

    fn insert(&mut self, module: &str, name: &str, definition: Definition) -> &mut Self {
        let module = self.modules.entry(module.to_owned()).or_default();
        module.definitions.insert(name.to_owned(), definition);
        self
    }

    /// Grants a host function of number types. Replaces what was there by that name.
    pub fn func<P, R>(&mut self, module: &str, name: &str, f: impl IntoHostFunc<P, R>) -> &mut Self {
        self.insert(module, name, Definition::Host(f.into_host_func().0))
    }

    /// Grants a host function of any type.
    pub fn func_untyped(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        f: impl Fn(&mut Caller<'_>, &[Val]) -> Result<Vec<Val>, HostError> + Send + Sync + 'static,
    ) -> &mut Self {
        self.insert(module, name, Definition::Host(HostFunc::untyped(ty, f)))
    }

    /// Satisfies an import of a function, of whatever type, with one that ends whoever calls it.
    #[doc(hidden)]
    pub fn refuse(&mut self, module: &str, name: &str) -> &mut Self {
        self.insert(module, name, Definition::Refused)
    }

    /// Grants a host function as it is.
    pub(crate) fn host(&mut self, module: &str, name: &str, func: HostFunc) -> &mut Self {
        self.insert(module, name, Definition::Host(func))
    }

    /// Grants a function of another group.
    #[doc(hidden)]
    pub fn edge(&mut self, module: &str, name: &str, func: HostFunc) -> &mut Self {
        self.insert(module, name, Definition::Host(func))
    }

    /// Grants something of the group that the module will be instantiated in.
    pub fn define(&mut self, module: &str, name: &str, item: impl Into<Extern>) -> &mut Self {
        self.insert(module, name, Definition::Extern(item.into()))
    }

    /// Grants a memory that other groups, on other threads, may be granted too.
    pub fn shared_memory(&mut self, module: &str, name: &str, memory: &SharedMemory) -> &mut Self {
        self.insert(module, name, Definition::Shared(memory.clone()))
    }

    /// Grants all exports of an instance of the same group, under a module name: core-WebAssembly linking.
    /// What was granted one by one under that module name goes first.
    pub fn instance(&mut self, module: &str, instance: Instance) -> &mut Self {
        self.modules.entry(module.to_owned()).or_default().instance = Some(instance);
        self
    }

    /// Whether anything is granted by that name: host functions and items; exports of instances are not looked at.
    pub fn contains(&self, module: &str, name: &str) -> bool {
        self.modules.get(module).is_some_and(|m| m.definitions.contains_key(name))
    }

    /// The type of a host function that is granted.
    #[cfg(test)]
    pub(crate) fn func_type_of(&self, module: &str, name: &str) -> Option<&FuncType> {
        match self.modules.get(module)?.definitions.get(name)? {
            Definition::Host(host) => Some(&host.ty),
            _ => None,
        }
    }

    /// What satisfies an import.
    pub(crate) fn find(&self, inner: &mut Inner, module: &str, name: &str) -> Result<Option<Definition>, Error> {
        let Some(found) = self.modules.get(module) else { return Ok(None) };
        if let Some(definition) = found.definitions.get(name) {
            return Ok(Some(definition.clone()));
        }
        match found.instance {
            Some(instance) => Ok(inner.export(instance, name)?.map(Definition::Extern)),
            None => Ok(None),
        }
    }
}

/// For errors: the definition's type in words.
pub(crate) fn describe(inner: &mut Inner, definition: &Definition) -> Result<String, Error> {
    Ok(match definition {
        Definition::Host(host) => format!("function {}", host.ty),
        Definition::Refused => "a function that refuses every call".to_owned(),
        Definition::Shared(memory) => memory.ty().to_string(),
        Definition::Extern(Extern::Func(f)) => {
            let id = f.funcref(inner)?.type_id;
            format!("function {}", inner.types.describe(id)?)
        }
        Definition::Extern(Extern::Memory(m)) => m.data(inner)?.ty().to_string(),
        Definition::Extern(Extern::Table(t)) => {
            let ty = t.data(inner)?.ty();
            inner.types.with_element(&ty)
        }
        Definition::Extern(Extern::Global(g)) => match inner.globals.get(g.index as usize) {
            Some(data) if g.group == inner.id => inner.types.with_value(&data.ty),
            _ => return Err(Error::WrongGroup("global")),
        },
        Definition::Extern(Extern::Tag(t)) => {
            let id = t.data(inner)?.type_id;
            format!("tag {}", inner.types.describe(id)?)
        }
    })
}

/// A mismatch, in words.
pub(crate) fn mismatch(
    inner: &mut Inner,
    (module, name): (&str, &str),
    expected: String,
    definition: &Definition,
) -> Result<Error, Error> {
    let found = describe(inner, definition)?;
    Ok(LinkError::Mismatch { module: module.to_owned(), name: name.to_owned(), expected, found }.into())
}
