//! The types of a group: those that its modules define, each under one id however many modules define the same.
//!
//! Two types are the same if their recursion groups are: if these have as many types, and each is the same as the other's
//! when references within the group are told by position and all others by id (WebAssembly 3.0, section 3.1.4).

use crate::error::Error;
use crate::value::FuncType;
use bailiwick_runtime_abi::format::{NONE, Range, STORAGE_I8, STORAGE_I16, TYPE_FINAL, TypeRecord};
use bailiwick_runtime_abi::types::{Composite, HeapType, RefType, ValType};
use bailiwick_runtime_abi::view::{View, damaged};
use std::collections::HashMap;

/// Most parameters, results and fields of a module's types: damaged records could all refer to one long range.
const MAX_VALUES: usize = 10_000_000;

/// A type of the group.
#[derive(Debug)]
struct Type {
    /// Of a function type: with the group's ids.
    function: Option<FuncType>,
    /// Its declared supertype, whose id is less.
    supertype: Option<u32>,
}

/// All types of a group, by id.
#[derive(Debug, Default)]
pub(crate) struct Types {
    list: Vec<Type>,
    /// The id of the first type of each recursion group.
    groups: HashMap<Box<[u64]>, u32>,
}

/// In a key: a reference to a type of the same recursion group, or to another.
const WITHIN: u64 = 1 << 63;
const OUTSIDE: u64 = 1 << 62;

impl Types {
    /// The ids of a module's types, by its indices.
    pub(crate) fn intern(&mut self, view: &View<'_>) -> Result<Vec<u32>, Error> {
        let records = view.types();
        let mut ids = Vec::with_capacity(records.len());
        let mut values = 0;
        while ids.len() < records.len() {
            let start = ids.len();
            let own = |record: &TypeRecord| record.group as usize == start;
            let len = records[start..].iter().take_while(|&record| own(record)).count();
            if len == 0 {
                return Err(damaged("types", "a recursion group does not begin with its first type").into());
            }
            let group = &records[start..start + len];
            for record in group {
                values += record.params.len as usize + record.results.len as usize;
            }
            if values > MAX_VALUES {
                let what = "parameters, results and fields of all types";
                return Err(Error::Limit { what, limit: MAX_VALUES as u64 });
            }
            let key = key(view, group, start, &ids)?;
            let first = match self.groups.get(&key) {
                Some(&first) => first,
                None => self.add(view, group, start, &ids, key)?,
            };
            ids.extend((0..len as u32).map(|i| first + i));
        }
        Ok(ids)
    }

    fn add(
        &mut self,
        view: &View<'_>,
        group: &[TypeRecord],
        start: usize,
        ids: &[u32],
        key: Box<[u64]>,
    ) -> Result<u32, Error> {
        let first = self.list.len() as u32;
        let id = |index: u32| ids.get(index as usize).copied().unwrap_or(first + (index - start as u32));
        let mut list = Vec::with_capacity(group.len());
        for record in group {
            // `key` has looked at every number.
            let composite = Composite::from_u32(record.composite).unwrap_or(Composite::Func);
            let types = |range: Range| -> Result<Vec<ValType>, Error> {
                Ok(view.value_types(range)?.map(|ty| renumbered(ty, id)).collect())
            };
            let function = match composite {
                Composite::Func => Some(FuncType::new(types(record.params)?, types(record.results)?)),
                Composite::Struct | Composite::Array => None,
            };
            let supertype = (record.supertype != NONE).then(|| id(record.supertype));
            list.push(Type { function, supertype });
        }
        self.list.extend(list);
        self.groups.insert(key, first);
        Ok(first)
    }

    /// The function type of this id.
    pub(crate) fn function(&self, id: u32) -> Result<&FuncType, Error> {
        let found = self.list.get(id as usize).and_then(|ty| ty.function.as_ref());
        found.ok_or(damaged("types", "a function's type is no function type").into())
    }

    /// Whether a type is another or was declared its subtype, by way of others or not.
    pub(crate) fn is_subtype(&self, id: u32, of: u32) -> bool {
        let mut at = Some(id);
        while let Some(id) = at {
            if id == of {
                return true;
            }
            // Ids of supertypes are less, so this ends.
            at = self.list.get(id as usize).and_then(|ty| ty.supertype).filter(|&supertype| supertype >= of);
        }
        false
    }

    /// Whether every value of a type is one of another, both with the group's ids (section 3.3.4).
    pub(crate) fn matches(&self, ty: ValType, of: ValType) -> bool {
        match (ty, of) {
            (ValType::Ref(ty), ValType::Ref(of)) => {
                (of.nullable || !ty.nullable) && self.heap_matches(ty.heap, of.heap)
            }
            (ty, of) => ty == of,
        }
    }

    fn heap_matches(&self, ty: HeapType, of: HeapType) -> bool {
        if ty == of {
            return true;
        }
        if ty.hierarchy() != of.hierarchy() {
            return false;
        }
        match (ty, of) {
            (HeapType::NoFunc | HeapType::NoExtern | HeapType::NoExn | HeapType::None, _) => true,
            (_, HeapType::Func | HeapType::Extern | HeapType::Exn | HeapType::Any) => true,
            (HeapType::Concrete(_, id), HeapType::Concrete(_, of)) => self.is_subtype(id, of),
            (HeapType::Concrete(Composite::Struct, _), HeapType::Struct) => true,
            (HeapType::Concrete(Composite::Array, _), HeapType::Array) => true,
            (HeapType::I31 | HeapType::Struct | HeapType::Array | HeapType::Concrete(..), HeapType::Eq) => true,
            _ => false,
        }
    }
}

/// A type with the group's ids in the place of a module's indices.
pub(crate) fn renumbered(ty: ValType, id: impl Fn(u32) -> u32) -> ValType {
    match ty {
        ValType::Ref(RefType { nullable, heap: HeapType::Concrete(composite, index) }) => {
            ValType::Ref(RefType { nullable, heap: HeapType::Concrete(composite, id(index)) })
        }
        ty => ty,
    }
}

/// All that there is to a recursion group, whose first type has the index `start`; `ids` are those of the types in front.
fn key(view: &View<'_>, group: &[TypeRecord], start: usize, ids: &[u32]) -> Result<Box<[u64]>, Error> {
    let reference = |index: u32, before: usize| {
        let index = index as usize;
        match ids.get(index) {
            Some(&id) => Ok(OUTSIDE | u64::from(id) << 20),
            None if index < before => Ok(WITHIN | ((index - start) as u64) << 20),
            None => Err(Error::from(damaged("types", "a type refers to one behind its recursion group"))),
        }
    };
    let end = start + group.len();
    let mut key = Vec::new();
    for (i, record) in group.iter().enumerate() {
        let composite = Composite::from_u32(record.composite).ok_or(damaged("types", "an unknown kind of type"))?;
        key.push(u64::from(record.composite) << 1 | u64::from(record.flags & TYPE_FINAL));
        key.push(match record.supertype {
            NONE => 0,
            // A supertype comes first, and is of the same kind.
            supertype => {
                if view.record("types", view.types(), supertype)?.composite != record.composite {
                    return Err(damaged("types", "a supertype is of another kind").into());
                }
                reference(supertype, start + i)?
            }
        });
        key.push(u64::from(record.params.len) << 32 | u64::from(record.results.len));
        let mut numbers = |range: Range, storage: bool| -> Result<(), Error> {
            for &number in view.range("val_types", view.val_types(), range)? {
                if storage && matches!(number, STORAGE_I8 | STORAGE_I16) {
                    key.push(u64::from(number));
                    continue;
                }
                key.push(match view.value_type(number)? {
                    ValType::Ref(RefType { nullable, heap: HeapType::Concrete(composite, index) }) => {
                        reference(index, end)? | u64::from(nullable) << 4 | composite as u64
                    }
                    ty => u64::from(ty.encode()),
                });
            }
            Ok(())
        };
        numbers(record.params, composite != Composite::Func)?;
        if composite == Composite::Func {
            numbers(record.results, false)?;
        } else {
            key.extend(view.range("val_types", view.val_types(), record.results)?.iter().map(|&n| u64::from(n & 1)));
        }
    }
    Ok(key.into())
}
