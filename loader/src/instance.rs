//! Instances: a module's context and what it refers to.

use crate::artifact::Artifact;
use crate::error::Error;
use crate::func::{Func, Funcref, TypedFunc};
use crate::global::Global;
use crate::group::{AsGroup, Inner, looked_at};
use crate::link::Extern;
use crate::memory::Memory;
use crate::table::Table;
use crate::tag::Tag;
use crate::value::WasmTypes;
use bailiwick_runtime_abi::context::{BUILTINS, EXIT, GROUP, HEADER_SIZE, Layout, MAGIC, OWNER};
use bailiwick_runtime_abi::format::{Kind, TextKind};
use bailiwick_runtime_abi::view::damaged;

/// What every context begins with, `bailiwick_runtime_abi::context`.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct ContextHeader {
    magic: u64,
    exit: usize,
    group: *const crate::activation::GroupRecord,
    pub builtins: *const u8,
    pub owner: *mut u8,
    reserved: u64,
}

const _: () = {
    assert!(size_of::<ContextHeader>() == HEADER_SIZE as usize);
    assert!(std::mem::offset_of!(ContextHeader, exit) == EXIT as usize);
    assert!(std::mem::offset_of!(ContextHeader, group) == GROUP as usize);
    assert!(std::mem::offset_of!(ContextHeader, builtins) == BUILTINS as usize);
    assert!(std::mem::offset_of!(ContextHeader, owner) == OWNER as usize);
};

impl ContextHeader {
    pub(crate) fn new(inner: &Inner, exit: usize) -> ContextHeader {
        ContextHeader {
            magic: MAGIC,
            exit,
            group: &raw const inner.record,
            builtins: crate::builtins::table(),
            owner: std::ptr::null_mut(),
            reserved: 0,
        }
    }
}

/// What the loader keeps of an instance.
#[derive(Debug)]
pub(crate) struct InstanceData {
    /// What its functions get: [`Layout`] says what lies how far from there.
    pub context: *mut u8,
    pub layout: Layout,
    pub artifact: Artifact,
    /// The group's indices, by the module's.
    pub memories: Vec<u32>,
    pub tables: Vec<u32>,
    pub globals: Vec<u32>,
    /// The group's type ids, by the module's.
    pub types: Vec<u32>,
    /// The group's type ids of what imported functions were linked to: of their types, or of subtypes.
    pub imported_functions: Vec<u32>,
    /// The group's tags, by the module's.
    pub tags: Vec<u32>,
    pub data_dropped: Vec<bool>,
    pub elements_dropped: Vec<bool>,
    /// The group's index of the memory exported as `memory`.
    pub exported_memory: Option<u32>,
}

/// Stands in [`InstanceData::tables`] for a table that exists only as read-only call entries.
pub(crate) const NO_TABLE: u32 = u32::MAX;

impl InstanceData {
    /// Address of a field of the context.
    ///
    /// The offset is one that `Layout` computed, hence within the context.
    pub(crate) fn field<T>(&self, offset: i32) -> *mut T {
        // SAFETY: the context has `layout.size()` bytes, and what its address points to lies in the same reservation.
        unsafe { self.context.offset(offset as isize).cast() }
    }
}

impl Inner {
    /// The instance that a context belongs to. Nothing is read there.
    pub(crate) fn instance_of(&self, context: *mut u8) -> Result<&InstanceData, Error> {
        self.by_context(context as u64).ok_or(damaged("context", "a function's context is not an instance's").into())
    }

    /// The instance whose context has an address that was found on the guest's stack.
    pub(crate) fn instance_at(&self, address: u64) -> Result<&InstanceData, Error> {
        self.by_context(address).ok_or(damaged("frames", "a frame does not hold its function's context").into())
    }

    fn by_context(&self, address: u64) -> Option<&InstanceData> {
        let found = self.by_context.binary_search_by_key(&address, |&(context, _)| context);
        self.instances.get(self.by_context[found.ok()?].1 as usize)
    }

    /// The reference to function `index` of an instance: the address of its record, filled in on first use.
    pub(crate) fn func_reference(&mut self, instance: u32, index: u32) -> Result<u64, Error> {
        let data = &self.instances[instance as usize];
        let view = data.artifact.view();
        let function = view.record("functions", view.functions(), index)?;
        // Two functions that shared a record would be taken for one another.
        if view.escapes().get(function.escape as usize) != Some(&index) {
            return Err(damaged("functions", "a reference to a function that has no record").into());
        }
        let record: *mut Funcref = data.field(data.layout.funcref(function.escape));
        // SAFETY: the record lies in the context, aligned to 8; the guest waits.
        unsafe {
            if (*record).code == 0 {
                let own_type = function.type_index;
                let own_id = *data.types.get(own_type as usize).ok_or(damaged("functions", "no type"))?;
                let ty = self.types.function(own_id)?;
                let code = data.artifact.tagged_code(function.text_offset, TextKind::Function, own_type, ty)?;
                // A reference to an imported function has the type of what it was linked to.
                let type_id = data.imported_functions.get(index as usize).copied().unwrap_or(own_id);
                *record = Funcref { code, context: data.context, type_id, own_type };
            }
        }
        Ok(record as u64)
    }

    /// An export, of any kind.
    pub(crate) fn export(&mut self, instance: Instance, name: &str) -> Result<Option<Extern>, Error> {
        if instance.group != self.id {
            return Err(Error::WrongGroup("instance"));
        }
        let artifact = self.instances[instance.index as usize].artifact.clone();
        match artifact.view().export(name) {
            Some(export) => self.extern_item(instance.index, export.kind, export.index).map(Some),
            None => Ok(None),
        }
    }

    fn extern_item(&mut self, instance: u32, kind: u32, index: u32) -> Result<Extern, Error> {
        let group = self.id;
        let data = &self.instances[instance as usize];
        let at = |list: &[u32]| {
            let found = list.get(index as usize).copied().filter(|&i| i != NO_TABLE);
            found.ok_or(damaged("exports", "an index reaches beyond its index space"))
        };
        Ok(match Kind::from_u32(kind).ok_or(damaged("exports", "an unknown kind"))? {
            Kind::Function => Extern::Func(Func { group, record: self.func_reference(instance, index)? as usize }),
            Kind::Table => Extern::Table(Table { group, index: at(&data.tables)? }),
            Kind::Memory => Extern::Memory(Memory { group, index: at(&data.memories)? }),
            Kind::Global => Extern::Global(Global { group, index: at(&data.globals)? }),
            Kind::Tag => Extern::Tag(Tag { group, index: at(&data.tags)? }),
        })
    }
}

/// An instance of a module, in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instance {
    pub(crate) group: u64,
    pub(crate) index: u32,
}

impl Instance {
    /// An export, if there is one of that name.
    ///
    /// # Errors
    /// [`Error::WrongGroup`]
    pub fn export(self, group: &mut impl AsGroup, name: &str) -> Result<Option<Extern>, Error> {
        looked_at(group).export(self, name)
    }

    /// An exported function.
    ///
    /// # Errors
    /// [`Error::NoExport`] if there is none of that name and kind.
    pub fn func(self, group: &mut impl AsGroup, name: &str) -> Result<Func, Error> {
        match self.export(group, name)? {
            Some(Extern::Func(f)) => Ok(f),
            _ => Err(Error::NoExport { name: name.to_owned(), kind: Kind::Function }),
        }
    }

    /// An exported function, of these types.
    ///
    /// # Errors
    /// [`Error::NoExport`], [`Error::Type`]
    pub fn typed_func<P: WasmTypes, R: WasmTypes>(
        self,
        group: &mut impl AsGroup,
        name: &str,
    ) -> Result<TypedFunc<P, R>, Error> {
        self.func(group, name)?.typed(group)
    }

    /// An exported memory.
    ///
    /// # Errors
    /// [`Error::NoExport`] if there is none of that name and kind.
    pub fn memory(self, group: &mut impl AsGroup, name: &str) -> Result<Memory, Error> {
        match self.export(group, name)? {
            Some(Extern::Memory(m)) => Ok(m),
            _ => Err(Error::NoExport { name: name.to_owned(), kind: Kind::Memory }),
        }
    }

    /// An exported table.
    ///
    /// # Errors
    /// [`Error::NoExport`] if there is none of that name and kind.
    pub fn table(self, group: &mut impl AsGroup, name: &str) -> Result<Table, Error> {
        match self.export(group, name)? {
            Some(Extern::Table(t)) => Ok(t),
            _ => Err(Error::NoExport { name: name.to_owned(), kind: Kind::Table }),
        }
    }

    /// An exported global.
    ///
    /// # Errors
    /// [`Error::NoExport`] if there is none of that name and kind.
    pub fn global(self, group: &mut impl AsGroup, name: &str) -> Result<Global, Error> {
        match self.export(group, name)? {
            Some(Extern::Global(g)) => Ok(g),
            _ => Err(Error::NoExport { name: name.to_owned(), kind: Kind::Global }),
        }
    }
}
