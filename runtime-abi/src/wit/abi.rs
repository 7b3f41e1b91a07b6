//! The canonical ABI's arithmetic (CanonicalABI.md): how values lie in a linear memory, and which core values they are
//! passed as.
//!
//! All of it is computed once for each type when it is added to [`Types`], from what is known of its parts, in 64 bits
//! with [`MAX_VALUE_SIZE`] as the bound; what follows needs no further checks.

use super::MAX_VALUE_SIZE;
use super::error::WitError;
use super::types::{Kind, Type, Types};
use super::world::{Function, World};
use crate::types::ValType;
use alloc::vec;
use alloc::vec::Vec;

/// Most core values that parameters are passed as; more are passed by a pointer (CanonicalABI.md, "Flattening").
pub const MAX_FLAT_PARAMS: usize = 16;
/// Most core values that a result is passed as; more are passed by a pointer (CanonicalABI.md, "Flattening").
pub const MAX_FLAT_RESULTS: usize = 1;

/// The core values that a value is passed as, if there are at most [`MAX_FLAT_PARAMS`] of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Flat {
    /// One more than fit stands for all that is more.
    len: u8,
    types: [ValType; MAX_FLAT_PARAMS],
}

impl Flat {
    /// Of nothing.
    pub const EMPTY: Flat = Flat { len: 0, types: [ValType::I32; MAX_FLAT_PARAMS] };

    /// Of one core value.
    pub const fn one(ty: ValType) -> Flat {
        let mut flat = Flat::EMPTY;
        flat.types[0] = ty;
        flat.len = 1;
        flat
    }

    /// The core values; `None` if they are more than [`MAX_FLAT_PARAMS`].
    pub fn types(&self) -> Option<&[ValType]> {
        self.types.get(..self.len.into())
    }

    fn push(&mut self, ty: ValType) {
        if let Some(place) = self.types.get_mut(usize::from(self.len)) {
            *place = ty;
            self.len += 1;
        } else {
            *self = Flat::TOO_MANY;
        }
    }

    const TOO_MANY: Flat = Flat { len: MAX_FLAT_PARAMS as u8 + 1, types: [ValType::I32; MAX_FLAT_PARAMS] };

    fn append(&mut self, other: &Flat) {
        match other.types() {
            Some(types) => types.iter().for_each(|&ty| self.push(ty)),
            None => *self = Flat::TOO_MANY,
        }
    }

    /// Makes room, behind the first, for what another case of a variant is passed as (`flatten_variant`).
    fn join_payload(&mut self, payload: &Flat) {
        let Some(types) = payload.types() else {
            *self = Flat::TOO_MANY;
            return;
        };
        for (i, &ty) in types.iter().enumerate() {
            if i + 1 < usize::from(self.len) && usize::from(self.len) <= MAX_FLAT_PARAMS {
                self.types[i + 1] = join(self.types[i + 1], ty);
            } else {
                self.push(ty);
            }
        }
    }
}

impl core::fmt::Debug for Flat {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.types() {
            Some(types) => f.debug_list().entries(types).finish(),
            None => f.write_str("more than 16"),
        }
    }
}

/// The core type that holds the bits of either (CanonicalABI.md, "Flattening", `join`).
///
/// A 32-bit float in an `i32`, or either in an `i64`, is its bits, zero-extended.
pub fn join(a: ValType, b: ValType) -> ValType {
    use ValType::{F32, I32, I64};
    match (a, b) {
        _ if a == b => a,
        (I32, F32) | (F32, I32) => I32,
        _ => I64,
    }
}

/// How values of a type are passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes in a linear memory, a multiple of `align`; at most [`MAX_VALUE_SIZE`] (CanonicalABI.md, "Element Size").
    pub size: u32,
    /// Alignment in bytes: 1, 2, 4 or 8 (CanonicalABI.md, "Alignment").
    pub align: u32,
    /// The core values it is passed as (CanonicalABI.md, "Flattening").
    pub flat: Flat,
    /// Whether it holds a string or list, whose contents lie elsewhere in the memory.
    pub has_pointers: bool,
    /// Whether it holds a handle.
    pub has_handles: bool,
    /// Whether it holds a borrowed handle.
    pub has_borrow: bool,
}

impl Layout {
    /// Of a value that has `size` bytes, aligned to as many.
    const fn scalar(size: u32, flat: ValType) -> Layout {
        let flat = Flat::one(flat);
        Layout { size, align: size, flat, has_pointers: false, has_handles: false, has_borrow: false }
    }

    /// Of `string` and `list<T>`: address and length, 4 bytes each.
    const fn pointer_and_length() -> Layout {
        let mut flat = Flat::one(ValType::I32);
        flat.len = 2;
        Layout { size: 8, align: 4, flat, has_pointers: true, has_handles: false, has_borrow: false }
    }

    /// Nothing.
    const EMPTY: Layout =
        Layout { size: 0, align: 1, flat: Flat::EMPTY, has_pointers: false, has_handles: false, has_borrow: false };

    fn include(&mut self, other: &Layout) {
        self.align = self.align.max(other.align);
        self.has_pointers |= other.has_pointers;
        self.has_handles |= other.has_handles;
        self.has_borrow |= other.has_borrow;
    }
}

/// Bytes of the discriminant of a variant with this many cases (CanonicalABI.md, "Alignment", `discriminant_type`).
pub const fn discriminant_size(cases: usize) -> u32 {
    match cases {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}

/// Bytes of flags with this many labels, 1 to 32 (CanonicalABI.md, "Element Size", `elem_size_flags`).
pub const fn flags_size(labels: usize) -> u32 {
    match labels {
        0..=8 => 1,
        9..=16 => 2,
        _ => 4,
    }
}

/// How a variant, enum, option or result lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VariantLayout {
    /// How many cases it has. A discriminant that is not below traps.
    pub cases: u32,
    /// Bytes of the discriminant, at the beginning: 1, 2 or 4.
    pub discriminant_size: u32,
    /// Bytes from the beginning to what a case carries.
    pub payload_offset: u32,
}

/// Values one behind the other, as a record or tuple has them: the layout of all, if it is within [`MAX_VALUE_SIZE`].
pub(super) fn sequence(parts: impl Iterator<Item = Layout>) -> Option<Layout> {
    let mut all = Layout::EMPTY;
    let mut size = 0u64;
    for part in parts {
        size = size.next_multiple_of(u64::from(part.align)) + u64::from(part.size);
        all.include(&part);
        all.flat.append(&part.flat);
    }
    all.size = bounded(size.next_multiple_of(u64::from(all.align)))?;
    Some(all)
}

fn bounded(size: u64) -> Option<u32> {
    u32::try_from(size).ok().filter(|&size| size <= MAX_VALUE_SIZE)
}

/// One of several cases (CanonicalABI.md, "Alignment", "Element Size", "Flattening": `…_variant`).
fn variant(cases: usize, payloads: impl Iterator<Item = Layout>) -> Option<Layout> {
    let discriminant = discriminant_size(cases);
    let mut all = Layout::EMPTY;
    all.flat = Flat::one(ValType::I32);
    let mut largest = 0;
    for payload in payloads {
        all.include(&payload);
        all.flat.join_payload(&payload.flat);
        largest = largest.max(payload.size);
    }
    let start = discriminant.next_multiple_of(all.align);
    all.align = all.align.max(discriminant);
    all.size = bounded((u64::from(start) + u64::from(largest)).next_multiple_of(u64::from(all.align)))?;
    Some(all)
}

/// The layout of a type whose parts are in `types`.
pub(super) fn layout_of(types: &Types, kind: &Kind) -> Result<Layout, WitError> {
    let parts = || kind.children().map(|ty| types.layout(ty));
    let layout = match kind {
        Kind::List(element) => {
            let element = types.layout(*element);
            let Layout { has_handles, has_borrow, .. } = element;
            Some(Layout { has_handles, has_borrow, ..Layout::pointer_and_length() })
        }
        Kind::Record(_) | Kind::Tuple(_) => sequence(parts()),
        Kind::Flags(labels) => Some(Layout::scalar(flags_size(labels.len()), ValType::I32)),
        Kind::Enum(cases) => variant(cases.len(), core::iter::empty()),
        Kind::Variant(cases) => variant(cases.len(), parts()),
        Kind::Option(_) | Kind::Result { .. } => variant(2, parts()),
        Kind::Own(_) => Some(Layout { has_handles: true, ..Layout::scalar(4, ValType::I32) }),
        Kind::Borrow(_) => Some(Layout { has_handles: true, has_borrow: true, ..Layout::scalar(4, ValType::I32) }),
    };
    layout
        .ok_or(WitError::Limit { what: "a type's values have more bytes than that", limit: u64::from(MAX_VALUE_SIZE) })
}

/// Where the parts of a variant, enum, option or result lie whose parts are in `types`.
pub(super) fn variant_of(types: &Types, kind: &Kind) -> Option<VariantLayout> {
    let cases = match kind {
        Kind::Enum(cases) => cases.len(),
        Kind::Variant(cases) => cases.len(),
        Kind::Option(_) | Kind::Result { .. } => 2,
        _ => return None,
    };
    let discriminant_size = discriminant_size(cases);
    let align = kind.children().map(|ty| types.layout(ty).align).max().unwrap_or(1);
    let payload_offset = discriminant_size.next_multiple_of(align);
    // The encoding's size bounds the number of cases.
    Some(VariantLayout { cases: cases as u32, discriminant_size, payload_offset })
}

impl Types {
    /// Size, alignment and flattening of a type.
    ///
    /// # Panics
    /// As [`Types::entry`].
    pub fn layout(&self, ty: Type) -> Layout {
        match ty {
            Type::Bool | Type::U8 | Type::S8 => Layout::scalar(1, ValType::I32),
            Type::U16 | Type::S16 => Layout::scalar(2, ValType::I32),
            Type::U32 | Type::S32 | Type::Char => Layout::scalar(4, ValType::I32),
            Type::U64 | Type::S64 => Layout::scalar(8, ValType::I64),
            Type::F32 => Layout::scalar(4, ValType::F32),
            Type::F64 => Layout::scalar(8, ValType::F64),
            Type::String => Layout::pointer_and_length(),
            Type::Defined(id) => self.entry(id).layout,
        }
    }

    /// Where values of these types lie that are stored one behind the other, as the fields of a record, the elements of a
    /// tuple or parameters by pointer are: bytes from the beginning of the first (CanonicalABI.md, "Loading",
    /// `load_record`).
    ///
    /// # Panics
    /// As [`Types::entry`].
    pub fn offsets(&self, parts: impl IntoIterator<Item = Type>) -> impl Iterator<Item = (Type, u32)> {
        parts.into_iter().scan(0u32, |end, ty| {
            let layout = self.layout(ty);
            // No record, tuple or list of parameters is so large that this saturates.
            let start = end.checked_next_multiple_of(layout.align).unwrap_or(u32::MAX);
            *end = start.saturating_add(layout.size);
            Some((ty, start))
        })
    }

    /// How a variant, enum, option or result lies in memory; `None` for any other type.
    ///
    /// # Panics
    /// As [`Types::entry`].
    pub fn variant(&self, ty: Type) -> Option<VariantLayout> {
        match ty {
            Type::Defined(id) => self.entry(id).variant,
            _ => None,
        }
    }

    /// What case `index` of a variant, enum, option or result carries; `None` if the type has no such case.
    ///
    /// # Panics
    /// As [`Types::entry`].
    pub fn case(&self, ty: Type, index: u32) -> Option<Option<Type>> {
        match (self.kind(ty)?, index) {
            (Kind::Enum(cases), _) => cases.get(index as usize).map(|_| None),
            (Kind::Variant(cases), _) => cases.get(index as usize).map(|case| case.ty),
            (Kind::Option(_), 0) => Some(None),
            (Kind::Option(some), 1) => Some(Some(*some)),
            (Kind::Result { ok, .. }, 0) => Some(*ok),
            (Kind::Result { err, .. }, 1) => Some(*err),
            _ => None,
        }
    }
}

/// Which side of a call a core function is on (CanonicalABI.md, "canon lift", "canon lower").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// An export of a core module, lifted to a function of a world.
    Lift,
    /// A function of a world, lowered to an import of a core module.
    Lower,
}

/// The type of a core function that stands for one of a world (CanonicalABI.md, "Flattening", `flatten_functype`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreSignature {
    /// Its parameters.
    pub params: Vec<ValType>,
    /// Its results: none or one.
    pub results: Vec<ValType>,
    /// The first parameter is the address of all parameters, stored as a tuple: see [`World::params_layout`]. With
    /// [`Direction::Lift`], the caller gets the place from the callee's `cabi_realloc`.
    pub params_by_pointer: bool,
    /// The result is stored. With [`Direction::Lift`], the core result is its address; with [`Direction::Lower`], the last
    /// core parameter is the address where the caller wants it.
    pub result_by_pointer: bool,
}

/// What a core module must export for a function's values to be passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Its memory, as `memory`.
    pub memory: bool,
    /// Its allocator, as `cabi_realloc`.
    pub realloc: bool,
}

impl World {
    /// The core signature of one of the world's functions.
    ///
    /// # Panics
    /// If it is another world's function, with types that this one lacks.
    pub fn signature(&self, function: &Function, direction: Direction) -> CoreSignature {
        let flat = self.params_layout(function).flat;
        let mut params = flat.types().map_or_else(|| vec![ValType::I32], <[ValType]>::to_vec);
        let result = function.result.map_or(Flat::EMPTY, |ty| self.types().layout(ty).flat);
        let direct = result.types().filter(|types| types.len() <= MAX_FLAT_RESULTS);
        let results = match (direct, direction) {
            (Some(types), _) => types.to_vec(),
            (None, Direction::Lift) => vec![ValType::I32],
            (None, Direction::Lower) => {
                params.push(ValType::I32);
                Vec::new()
            }
        };
        CoreSignature {
            params,
            results,
            params_by_pointer: flat.types().is_none(),
            result_by_pointer: direct.is_none(),
        }
    }

    /// The layout of all parameters of a function as one tuple.
    ///
    /// # Panics
    /// As [`World::signature`].
    pub fn params_layout(&self, function: &Function) -> Layout {
        // A function with larger parameters is not added to a world.
        sequence(function.params.iter().map(|&(_, ty)| self.types().layout(ty))).unwrap_or(Layout::EMPTY)
    }

    /// What the core module has to export so that one of its functions, or one of its imports, can be called.
    ///
    /// # Panics
    /// As [`World::signature`].
    pub fn needs(&self, function: &Function, direction: Direction) -> Needs {
        let params = self.params_layout(function);
        let result = function.result.map_or(Layout::EMPTY, |ty| self.types().layout(ty));
        let signature = self.signature(function, direction);
        let by_pointer = signature.params_by_pointer || signature.result_by_pointer;
        Needs {
            memory: params.has_pointers || result.has_pointers || by_pointer,
            // Whoever receives strings and lists says where they go.
            realloc: match direction {
                Direction::Lift => params.has_pointers || signature.params_by_pointer,
                Direction::Lower => result.has_pointers,
            },
        }
    }
}
