//! Tags, by which exceptions are told apart.

use crate::collect::is_collected;
use crate::error::Error;
use crate::group::{AsGroup, Inner, inner};
use crate::value::FuncType;

#[derive(Debug)]
pub(crate) struct TagData {
    /// The group's id of a function type whose parameters an exception carries.
    pub type_id: u32,
    /// Which of these are references that collections must find.
    pub references: Box<[u32]>,
}

impl TagData {
    /// A tag of the function type of this id.
    pub(crate) fn new(inner: &Inner, type_id: u32) -> Result<TagData, Error> {
        let params = inner.types.function(type_id)?.params();
        let references = params.iter().zip(0u32..).filter(|&(&ty, _)| is_collected(ty)).map(|(_, i)| i);
        Ok(TagData { type_id, references: references.collect() })
    }
}

/// A tag of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    pub(crate) group: u64,
    pub(crate) index: u32,
}

impl Tag {
    pub(crate) fn data(self, inner: &Inner) -> Result<&TagData, Error> {
        inner.tags.get(self.index as usize).filter(|_| self.group == inner.id).ok_or(Error::WrongGroup("tag"))
    }

    /// Its type: the parameters are what an exception carries.
    ///
    /// # Errors
    /// [`Error::WrongGroup`]
    pub fn ty(self, group: &mut impl AsGroup) -> Result<FuncType, Error> {
        let inner = inner(group);
        inner.types.function(self.data(inner)?.type_id).cloned()
    }
}
