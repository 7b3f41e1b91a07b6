//! Globals.

use crate::error::Error;
use crate::group::{AsGroup, Inner, inner, looked_at};
use crate::value::{RawValue, Val, ValType};

#[derive(Debug)]
pub(crate) struct GlobalData {
    /// In its owner's context.
    pub cell: *mut RawValue,
    pub ty: GlobalType,
}

/// The type of a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalType {
    /// Type of its value.
    pub value: ValType,
    /// Whether it can be written.
    pub mutable: bool,
}

impl std::fmt::Display for GlobalType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} global of type {}", if self.mutable { "mutable" } else { "constant" }, self.value)
    }
}

/// A global of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Global {
    pub(crate) group: u64,
    pub(crate) index: u32,
}

impl Global {
    /// A global made by the host, to grant to modules of this group.
    ///
    /// # Errors
    /// [`Error::WrongGroup`] for a reference of another group; [`Error::Limit`].
    pub fn new(group: &mut impl AsGroup, value: Val, mutable: bool) -> Result<Global, Error> {
        let inner = inner(group);
        let ty = value.ty();
        let raw = inner.lower(ty, value)?.ok_or(Error::WrongGroup("reference"))?;
        let cell: *mut RawValue = inner.cell.allocate(0, size_of::<RawValue>(), 16)?.cast();
        // SAFETY: fresh bytes of the group's cell, aligned.
        unsafe { *cell = raw };
        inner.globals.push(GlobalData { cell, ty: GlobalType { value: ty, mutable } });
        Ok(Global { group: inner.id, index: inner.globals.len() as u32 - 1 })
    }

    fn data(self, inner: &Inner) -> Result<&GlobalData, Error> {
        inner.globals.get(self.index as usize).filter(|_| self.group == inner.id).ok_or(Error::WrongGroup("global"))
    }

    /// Its type.
    pub fn ty(self, group: &mut impl AsGroup) -> Result<GlobalType, Error> {
        Ok(self.data(looked_at(group))?.ty)
    }

    /// Its value.
    pub fn get(self, group: &mut impl AsGroup) -> Result<Val, Error> {
        let inner = inner(group);
        let data = self.data(inner)?;
        // SAFETY: the cell lies in a context of the group, aligned, and no guest code runs.
        let raw = unsafe { *data.cell };
        let ty = data.ty.value;
        Ok(inner.given(ty, raw))
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`Error::Type`] if it is constant or of another type, [`Error::WrongGroup`].
    pub fn set(self, group: &mut impl AsGroup, value: Val) -> Result<(), Error> {
        let inner = inner(group);
        let data = self.data(inner)?;
        let raw = if data.ty.mutable { inner.lower(data.ty.value, value)? } else { None };
        let Some(raw) = raw else {
            return Err(Error::Type { expected: data.ty.to_string(), found: format!("write of type {}", value.ty()) });
        };
        // SAFETY: as in `get`; only the bytes of its type are meaningful.
        unsafe { *data.cell = raw };
        Ok(())
    }
}
