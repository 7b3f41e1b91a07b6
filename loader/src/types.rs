//! The types of a group: those that its modules define, each under one id however many modules define the same.
//!
//! Two types are the same if their recursion groups are: if these have as many types, and each is the same as the other's
//! when references within the group are told by position and all others by id (WebAssembly 3.0, section 3.1.4).

use crate::error::Error;
use crate::value::FuncType;
use bailiwick_runtime_abi::format::{NONE, Range, STORAGE_I8, STORAGE_I16, TYPE_FINAL, TypeRecord};
use bailiwick_runtime_abi::limits::MAX_SUBTYPE_DEPTH;
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
    /// How many supertypes are above it.
    depth: u32,
    is_final: bool,
    /// How many types its recursion group has.
    members: u32,
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
            let (is_final, members) = (record.flags & TYPE_FINAL != 0, group.len() as u32);
            list.push(Type { function, supertype, depth: 0, is_final, members });
        }
        self.list.extend(list);
        for id in first as usize..self.list.len() {
            match self.declaration(id as u32) {
                Ok(depth) => self.list[id].depth = depth,
                Err(error) => {
                    self.list.truncate(first as usize);
                    return Err(error);
                }
            }
        }
        self.groups.insert(key, first);
        Ok(first)
    }

    /// Looks whether a type may be declared a subtype of its supertype (section 3.4.2): a call through a supertype goes
    /// to a function of a subtype without another look. How many supertypes there are.
    fn declaration(&self, id: u32) -> Result<u32, Error> {
        let ty = &self.list[id as usize];
        let Some(of) = ty.supertype.map(|of| &self.list[of as usize]) else { return Ok(0) };
        let all = |types: &[ValType], of: &[ValType]| {
            types.len() == of.len() && types.iter().zip(of).all(|(&ty, &of)| self.matches(ty, of))
        };
        let fits = match (&ty.function, &of.function) {
            (Some(ty), Some(of)) => all(of.params(), ty.params()) && all(ty.results(), of.results()),
            // There are no values of others.
            (ty, of) => ty.is_none() && of.is_none(),
        };
        if of.is_final || !fits {
            return Err(damaged("types", "a type is no subtype of what it says").into());
        }
        if of.depth >= MAX_SUBTYPE_DEPTH {
            return Err(damaged("types", "a type has more than 63 supertypes").into());
        }
        Ok(of.depth + 1)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The id of a function type that the host names: final, without a supertype, a recursion group of its own. `None` if
    /// it refers to a type that the group does not have.
    pub(crate) fn intern_function(&mut self, ty: &FuncType) -> Option<u32> {
        let (params, results) = (ty.params(), ty.results());
        let mut key = vec![(Composite::Func as u64) << 1 | u64::from(TYPE_FINAL), 0];
        key.push((params.len() as u64) << 32 | results.len() as u64);
        for &ty in params.iter().chain(results) {
            key.push(match ty {
                ValType::Ref(RefType { nullable, heap: HeapType::Concrete(composite, id) }) => {
                    self.list.get(id as usize)?;
                    OUTSIDE | u64::from(id) << 20 | u64::from(nullable) << 4 | composite as u64
                }
                ty => u64::from(ty.encode()),
            });
        }
        let next = self.list.len() as u32;
        let id = *self.groups.entry(key.into()).or_insert(next);
        if id == next {
            self.list.push(Type { function: Some(ty.clone()), supertype: None, depth: 0, is_final: true, members: 1 });
        }
        Some(id)
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
            // Ids of supertypes are less, so this ends; and there are few.
            at = self.list.get(id as usize).and_then(|ty| ty.supertype).filter(|&supertype| supertype >= of);
        }
        false
    }

    /// Whether every value of a type is one of another, both with the group's ids.
    pub(crate) fn matches(&self, ty: ValType, of: ValType) -> bool {
        ty.matches(of, |id, of| self.is_subtype(id, of))
    }
}

/// For errors.
impl Types {
    /// A function type in words, with what else there is to it than parameters and results.
    pub(crate) fn describe(&self, id: u32) -> Result<String, Error> {
        let function = self.function(id)?;
        let ty = &self.list[id as usize];
        let mut notes = Vec::new();
        if !ty.is_final {
            notes.push("open to subtypes".to_owned());
        }
        if let Some(supertype) = ty.supertype {
            notes.push(format!("a subtype of type {supertype}, which is {}", self.function(supertype)?));
        }
        if ty.members > 1 {
            notes.push(format!("one of {} that are defined together", ty.members));
        }
        let named = if notes.is_empty() { String::new() } else { format!(" (type {id}: {})", notes.join("; ")) };
        Ok(format!("{function}{named}{}", self.legend(function.params().iter().chain(function.results()))))
    }

    /// The type of a table in words.
    pub(crate) fn with_element(&self, ty: &crate::table::TableType) -> String {
        format!("{ty}{}", self.legend([&ty.element]))
    }

    /// The type of a global in words.
    pub(crate) fn with_value(&self, ty: &crate::global::GlobalType) -> String {
        format!("{ty}{}", self.legend([&ty.value]))
    }

    /// What types are that are named by their ids.
    fn legend<'a>(&self, types: impl IntoIterator<Item = &'a ValType>) -> String {
        /// How many are told.
        const MOST: usize = 4;
        let mut ids: Vec<u32> = types
            .into_iter()
            .filter_map(|ty| match ty {
                ValType::Ref(RefType { heap: HeapType::Concrete(_, id), .. }) => Some(*id),
                _ => None,
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let told = ids.iter().take(MOST).map(|&id| match self.function(id) {
            Ok(function) => format!("type {id} is {function}"),
            Err(_) => format!("type {id} is no function type"),
        });
        let told = told.collect::<Vec<_>>().join(", ");
        if told.is_empty() { told } else { format!(", where {told}") }
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
