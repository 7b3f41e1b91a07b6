//! Tags, by which exceptions are told apart.

use crate::collect::is_collected;
use crate::error::Error;
use crate::group::{AsGroup, Inner, inner};
use crate::value::FuncType;
use bailiwick_runtime_abi::limits::MAX_FUNCTION_VALUES;

/// Most tags of a group that the host adds to.
const MAX_TAGS: usize = 1_000_000;

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
    /// A tag made by the host, to grant to modules of this group: an exception of it carries the type's parameters.
    ///
    /// # Errors
    /// [`Error::Type`] if the type has results or refers to a type that the group does not have; [`Error::Limit`] if the
    /// host has made a million.
    pub fn new(group: &mut impl AsGroup, ty: FuncType) -> Result<Tag, Error> {
        let inner = inner(group);
        let refused = || Error::Type { expected: "a function type without results".into(), found: ty.to_string() };
        if !ty.results().is_empty() || ty.params().len() > MAX_FUNCTION_VALUES as usize {
            return Err(refused());
        }
        if inner.tags.len() >= MAX_TAGS {
            return Err(Error::Limit { what: "tags of a group", limit: MAX_TAGS as u64 });
        }
        let type_id = inner.types.intern_function(&ty).ok_or_else(refused)?;
        let data = TagData::new(inner, type_id)?;
        inner.tags.push(data);
        Ok(Tag { group: inner.id, index: inner.tags.len() as u32 - 1 })
    }

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
