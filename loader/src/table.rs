//! Tables of references.
//!
//! A function table's words are 0 (not yet resolved from the element image), 1 (null) or the address of a funcref
//! record; a host-reference table's are 0 (null) or a handle. What the host and the guest call a reference has 0 for
//! null in both cases.

use crate::error::Error;
use crate::group::{AsGroup, Inner, Refused, inner, looked_at};
use crate::sys::Reservation;
use crate::value::{HeapType, RawValue, RefType, Val, ValType};
use bailiwick_runtime_abi::context::{ELEMENT_LAZY, ELEMENT_NULL, ELEMENT_SIZE};
use bailiwick_runtime_abi::format::Range;
use bailiwick_runtime_abi::limits::MAX_TABLE_ELEMENTS;
use bailiwick_runtime_abi::trap::TrapCode;
use bailiwick_runtime_abi::view::damaged;

/// The definition that compiled code reads, `bailiwick_runtime_abi::context`.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct TableDef {
    pub base: *mut u64,
    pub length: u64,
}

#[derive(Debug)]
pub(crate) struct TableData {
    /// In its owner's context.
    pub def: *mut TableDef,
    pub element: ValType,
    pub index64: bool,
    /// As declared.
    pub maximum: Option<u64>,
    /// Elements there is room for.
    capacity: u64,
    /// Instance and element items that unresolved elements come from.
    pub image: Option<(u32, Range)>,
    /// Keeps the elements, if they are not in the context area.
    pub storage: Option<Reservation>,
}

/// The type of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableType {
    /// Type of its elements: a reference type.
    pub element: ValType,
    /// Whether its indices have 64 bits.
    pub index64: bool,
    /// Initial elements.
    pub minimum: u64,
    /// Most elements, if it says so.
    pub maximum: Option<u64>,
}

impl TableType {
    /// A table of 32-bit indices.
    pub fn new(element: ValType, minimum: u64, maximum: Option<u64>) -> TableType {
        TableType { element, index64: false, minimum, maximum }
    }
}

impl std::fmt::Display for TableType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}table of {}", if self.index64 { "64-bit " } else { "" }, self.minimum)?;
        if let Some(max) = self.maximum {
            write!(f, " to {max}")?;
        }
        write!(f, " {}", self.element)
    }
}

/// A table of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Table {
    pub(crate) group: u64,
    pub(crate) index: u32,
}

/// Elements of a bulk operation between two looks at whether the guest is to be interrupted.
const PIECE: u64 = 64 << 10;

/// Tables up to this many bytes lie among the contexts; larger ones have a mapping.
const SMALL_TABLE: u64 = 16 << 10;

impl TableData {
    pub(crate) fn len(&self) -> u64 {
        // SAFETY: the definition lies in a context, which lives as long as the group.
        unsafe { (*self.def).length }
    }

    pub(crate) fn ty(&self) -> TableType {
        TableType { element: self.element, index64: self.index64, minimum: self.len(), maximum: self.maximum }
    }

    /// The words, as long as nobody runs in the group or grows the table.
    pub(crate) fn words(&mut self) -> &mut [u64] {
        // SAFETY: `length` words from `base` on are readable and writable, and the group is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut((*self.def).base, (*self.def).length as usize) }
    }

    /// A reference as a word.
    pub(crate) fn encode(&self, reference: u64) -> u64 {
        if self.element.is_function() && reference == 0 { ELEMENT_NULL } else { reference }
    }
}

fn out_of_bounds() -> Error {
    Error::trap(TrapCode::TableOutOfBounds)
}

impl Inner {
    /// Makes a table whose definition will lie at `def`, all elements unresolved or null.
    pub(crate) fn add_table(&mut self, ty: TableType, def: *mut TableDef) -> Result<u32, Error> {
        // What the group's other tables have left. The product with the element size can't overflow.
        let limit = self.config.max_table_elements.min(MAX_TABLE_ELEMENTS);
        let left = limit.saturating_sub(self.table_elements());
        if ty.minimum > left {
            return Err(Error::Limit {
                what: "elements of all tables (GroupConfig::max_table_elements, --max-table)",
                limit,
            });
        }
        let capacity = ty.maximum.unwrap_or(limit).min(limit).max(ty.minimum);
        let bytes = capacity * u64::from(ELEMENT_SIZE);
        let (base, storage) = if bytes <= SMALL_TABLE {
            (self.cell.allocate(0, bytes as usize, 8)?, None)
        } else {
            // Address space for all that it may grow to, so that its base never moves; touched pages alone cost memory.
            let bytes = (bytes as usize).next_multiple_of(crate::sys::page_size());
            let storage = Reservation::new(bytes, "table")?;
            storage.commit(0, bytes, "table")?;
            (storage.base(), Some(storage))
        };
        // SAFETY: `def` lies in a context of this group that nothing else refers to yet.
        unsafe { *def = TableDef { base: base.cast(), length: ty.minimum } };
        self.tables.push(TableData {
            def,
            element: ty.element,
            index64: ty.index64,
            maximum: ty.maximum,
            capacity,
            image: None,
            storage,
        });
        Ok(self.tables.len() as u32 - 1)
    }

    /// Elements of all tables together.
    fn table_elements(&self) -> u64 {
        self.tables.iter().map(TableData::len).sum()
    }

    /// The table's data; indices come from instances and handles that were checked.
    fn table(&mut self, index: u32) -> Result<&mut TableData, Error> {
        self.tables.get_mut(index as usize).ok_or(Error::WrongGroup("table"))
    }

    /// The reference in an element, resolved if it was not yet.
    pub(crate) fn table_get(&mut self, index: u32, element: u64) -> Result<u64, Error> {
        let table = self.table(index)?;
        let word = *table.words().get(element as usize).ok_or_else(out_of_bounds)?;
        if !table.element.is_function() {
            return Ok(word);
        }
        match word {
            ELEMENT_NULL => Ok(0),
            ELEMENT_LAZY => {
                let image = table.image.filter(|(_, items)| element < u64::from(items.len));
                let reference = match image {
                    Some((instance, items)) => {
                        let ty = table.element;
                        self.image_item(instance, items, element, ty)?
                    }
                    None if table.element.is_defaultable() => 0,
                    None => return Err(damaged("tables", "an element that can't be null was never written").into()),
                };
                let table = self.table(index)?;
                let word = table.encode(reference);
                table.words()[element as usize] = word;
                Ok(reference)
            }
            reference => Ok(reference),
        }
    }

    fn image_item(&mut self, instance: u32, items: Range, element: u64, ty: ValType) -> Result<u64, Error> {
        let artifact = self.instances[instance as usize].artifact.clone();
        let view = artifact.view();
        let items = view.range("element_items", view.element_items(), items)?;
        self.element_item(instance, items[element as usize], ty)
    }

    /// Writes references from `first` on; nothing if they don't all fit.
    pub(crate) fn table_write(&mut self, index: u32, first: u64, references: &[u64]) -> Result<(), Error> {
        let table = self.table(index)?;
        let end = first.checked_add(references.len() as u64).filter(|&end| end <= table.len());
        let end = end.ok_or_else(out_of_bounds)?;
        let encoded = references.iter().map(|&r| table.encode(r)).collect::<Vec<_>>();
        table.words()[first as usize..end as usize].copy_from_slice(&encoded);
        Ok(())
    }

    /// `table.fill`
    pub(crate) fn table_fill(&mut self, index: u32, first: u64, reference: u64, len: u64) -> Result<(), Error> {
        let table = self.table(index)?;
        let end = first.checked_add(len).filter(|&end| end <= table.len()).ok_or_else(out_of_bounds)?;
        let word = table.encode(reference);
        self.fill_words(index, first, end, word)
    }

    /// Writes one word from `first` to `end`, which are within the table, unless the guest is interrupted meanwhile.
    fn fill_words(&mut self, index: u32, first: u64, end: u64, word: u64) -> Result<(), Error> {
        let interrupt = self.interrupt.clone();
        let words = &mut self.table(index)?.words()[first as usize..end as usize];
        for piece in words.chunks_mut(PIECE as usize) {
            piece.fill(word);
            if interrupt.requested() {
                return Err(crate::interrupt::interrupted());
            }
        }
        Ok(())
    }

    /// `table.copy`
    pub(crate) fn table_copy(&mut self, to: u32, from: u32, dst: u64, src: u64, len: u64) -> Result<(), Error> {
        let within = |table: &TableData, first: u64| first.checked_add(len).is_some_and(|end| end <= table.len());
        if !within(self.table(from)?, src) || !within(self.table(to)?, dst) {
            return Err(out_of_bounds());
        }
        // As if by way of a buffer: from the end where the target begins within the source.
        let backwards = to == from && dst > src;
        let mut done = 0;
        while done < len {
            let size = PIECE.min(len - done);
            let start = if backwards { len - done - size } else { done };
            // Unresolved elements mean something in their own table only.
            let piece = src + start..src + start + size;
            let references = piece.map(|i| self.table_get(from, i)).collect::<Result<Vec<_>, _>>()?;
            self.table_write(to, dst + start, &references)?;
            done += size;
            if self.interrupt.requested() {
                return Err(crate::interrupt::interrupted());
            }
        }
        Ok(())
    }

    /// `table.grow`: the old length, or `None` if it can't.
    pub(crate) fn table_grow(&mut self, index: u32, delta: u64, reference: u64) -> Result<Option<u64>, Error> {
        let limit = self.config.max_table_elements.min(MAX_TABLE_ELEMENTS);
        let table = self.table(index)?;
        let old = table.len();
        let new = old.saturating_add(delta);
        let (capacity, maximum) = (table.capacity, table.maximum);
        if new > capacity || self.table_elements().saturating_add(delta) > limit {
            if maximum.is_none_or(|max| new <= max) {
                self.refused = Some(Refused::TableElements(limit));
            }
            return Ok(None);
        }
        let interrupt = self.interrupt.clone();
        let table = self.table(index)?;
        let word = table.encode(reference);
        // Written before the table is that long: nobody sees elements that an interrupt has left out.
        let mut at = old;
        while at < new {
            let end = new.min(at + PIECE);
            // SAFETY: the definition is the group's, its owner waits for this call, and there is room for `capacity`
            // words, which are readable and writable and of which nobody else has a reference.
            unsafe { std::slice::from_raw_parts_mut((*table.def).base.add(at as usize), (end - at) as usize) }
                .fill(word);
            at = end;
            if interrupt.requested() {
                return Err(crate::interrupt::interrupted());
            }
        }
        // SAFETY: as above.
        unsafe { (*table.def).length = new };
        Ok(Some(old))
    }
}

impl Table {
    /// A table made by the host, to grant to modules of this group, all elements null.
    ///
    /// # Errors
    /// [`Error::Limit`], [`Error::AddressSpace`], or [`Error::Type`] if the element type is no reference type, can't be
    /// null, or is one that a module defines.
    pub fn new(group: &mut impl AsGroup, ty: TableType) -> Result<Table, Error> {
        if !matches!(ty.element, ValType::Ref(RefType { nullable: true, heap }) if !matches!(heap, HeapType::Concrete(..)))
        {
            let expected = "a reference type that can be null and that no module defines".into();
            return Err(Error::Type { expected, found: ty.element.to_string() });
        }
        let inner = inner(group);
        let def = inner.cell.allocate(0, size_of::<TableDef>(), 16)?;
        let index = inner.add_table(ty, def.cast())?;
        Ok(Table { group: inner.id, index })
    }

    pub(crate) fn data(self, inner: &mut Inner) -> Result<&mut TableData, Error> {
        if self.group != inner.id {
            return Err(Error::WrongGroup("table"));
        }
        inner.table(self.index)
    }

    /// Its current length as minimum, element type and declared maximum.
    pub fn ty(self, group: &mut impl AsGroup) -> Result<TableType, Error> {
        Ok(self.data(looked_at(group))?.ty())
    }

    /// The reference in an element.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`]
    pub fn get(self, group: &mut impl AsGroup, element: u64) -> Result<Val, Error> {
        let inner = inner(group);
        let data = self.data(inner)?;
        if element >= data.len() {
            return Err(Error::OutOfBounds("table element"));
        }
        let ty = data.element;
        let reference = inner.table_get(self.index, element)?;
        Ok(inner.given(ty, RawValue(reference, 0)))
    }

    /// Writes an element.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`], [`Error::Type`], [`Error::WrongGroup`]
    pub fn set(self, group: &mut impl AsGroup, element: u64, value: Val) -> Result<(), Error> {
        let inner = inner(group);
        let data = self.data(inner)?;
        if element >= data.len() {
            return Err(Error::OutOfBounds("table element"));
        }
        let wanted = data.element;
        let raw = inner.lower(wanted, value)?;
        let raw = raw.ok_or_else(|| Error::Type { expected: wanted.to_string(), found: value.ty().to_string() })?;
        inner.table_write(self.index, element, &[raw.0])
    }

    /// Grows it by `delta` elements of `value`; returns the old length, or `None` if that is more than it may have.
    ///
    /// # Errors
    /// [`Error::Type`], [`Error::WrongGroup`]
    pub fn grow(self, group: &mut impl AsGroup, delta: u64, value: Val) -> Result<Option<u64>, Error> {
        let inner = inner(group);
        let wanted = self.data(inner)?.element;
        let raw = inner.lower(wanted, value)?;
        let raw = raw.ok_or_else(|| Error::Type { expected: wanted.to_string(), found: value.ty().to_string() })?;
        inner.table_grow(self.index, delta, raw.0)
    }
}
