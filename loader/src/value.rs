//! Values that cross between host and guest, and their types.

use crate::error::Error;
use crate::func::Func;
use crate::group::Inner;
use bailiwick_runtime_abi::convention::VALUE_SIZE;
use bailiwick_runtime_abi::types::{Composite, Hierarchy};
pub use bailiwick_runtime_abi::types::{HeapType, RefType, ValType};
use std::fmt;

/// A WebAssembly value. Floats are kept as their bits, so that NaN payloads survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Val {
    /// 32-bit integer
    I32(i32),
    /// 64-bit integer
    I64(i64),
    /// Bits of a binary32
    F32(u32),
    /// Bits of a binary64
    F64(u64),
    /// A vector; its first lane in the lowest bits
    V128(u128),
    /// A function, or null
    FuncRef(Option<Func>),
    /// A host value, or null
    ExternRef(Option<ExternRef>),
    /// An exception, or null
    ExnRef(Option<ExnRef>),
    /// The null of garbage-collected values, of which there are no others yet
    NullAny,
}

/// An exception of a group.
///
/// The host holds it: a host function that was given it until it returns, and everybody else until
/// [`ExnRef::release`]. What nobody holds and no guest can reach is collected, and its use is [`Error::Released`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExnRef {
    pub(crate) group: u64,
    pub(crate) handle: u64,
}

/// A host value of a group, see [`crate::Group::extern_ref`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExternRef {
    pub(crate) group: u64,
    pub(crate) index: u32,
}

impl Val {
    /// Its type; of a reference, the most general of its kind.
    pub fn ty(&self) -> ValType {
        match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::FuncRef(_) => ValType::FUNCREF,
            Val::ExternRef(_) => ValType::EXTERNREF,
            Val::ExnRef(_) => ValType::EXNREF,
            Val::V128(_) => ValType::V128,
            Val::NullAny => ValType::Ref(RefType { nullable: true, heap: HeapType::Any }),
        }
    }

    /// Zero, or null; `None` for a reference that can't be null.
    pub fn default_for(ty: ValType) -> Option<Val> {
        Some(match ty {
            ValType::I32 => Val::I32(0),
            ValType::I64 => Val::I64(0),
            ValType::F32 => Val::F32(0),
            ValType::F64 => Val::F64(0),
            ValType::V128 => Val::V128(0),
            ValType::Ref(ty) if ty.nullable => match ty.heap.hierarchy() {
                Hierarchy::Func => Val::FuncRef(None),
                Hierarchy::Extern => Val::ExternRef(None),
                Hierarchy::Exn => Val::ExnRef(None),
                Hierarchy::Any => Val::NullAny,
            },
            ValType::Ref(_) => return None,
        })
    }

    /// What stands for it in a `values` array, after checking that a reference is of this group.
    fn to_raw(self, group: u64) -> Result<RawValue, Error> {
        let low = match self {
            Val::V128(v) => return Ok(RawValue(v as u64, (v >> 64) as u64)),
            Val::I32(v) => v as u32 as u64,
            Val::I64(v) => v as u64,
            Val::F32(bits) => bits as u64,
            Val::F64(bits) => bits,
            Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) | Val::NullAny => 0,
            Val::FuncRef(Some(f)) if f.group == group => f.record as u64,
            Val::FuncRef(Some(_)) => return Err(Error::WrongGroup("function reference")),
            Val::ExternRef(Some(r)) if r.group == group => r.index as u64 + 1,
            Val::ExternRef(Some(_)) => return Err(Error::WrongGroup("host reference")),
            Val::ExnRef(Some(e)) if e.group == group => e.handle,
            Val::ExnRef(Some(_)) => return Err(Error::WrongGroup("exception")),
        };
        Ok(RawValue(low, 0))
    }

    /// The value of type `ty` that the bits stand for.
    pub(crate) fn from_raw(ty: ValType, raw: RawValue, group: u64) -> Val {
        let RawValue(raw, high) = raw;
        match ty {
            ValType::I32 => Val::I32(raw as i32),
            ValType::I64 => Val::I64(raw as i64),
            ValType::V128 => Val::V128(u128::from(high) << 64 | u128::from(raw)),
            ValType::F32 => Val::F32(raw as u32),
            ValType::F64 => Val::F64(raw),
            ValType::Ref(ty) => match ty.heap.hierarchy() {
                Hierarchy::Func => Val::FuncRef((raw != 0).then_some(Func { group, record: raw as usize })),
                Hierarchy::Extern => Val::ExternRef((raw != 0).then(|| ExternRef { group, index: (raw - 1) as u32 })),
                Hierarchy::Exn => Val::ExnRef((raw != 0).then_some(ExnRef { group, handle: raw })),
                Hierarchy::Any => Val::NullAny,
            },
        }
    }
}

impl fmt::Display for Val {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Val::I32(v) => write!(f, "{v}"),
            Val::I64(v) => write!(f, "{v}"),
            Val::F32(v) => write!(f, "{}", f32::from_bits(*v)),
            Val::F64(v) => write!(f, "{}", f64::from_bits(*v)),
            Val::V128(v) => write!(f, "{v:#034x}"),
            Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) | Val::NullAny => f.write_str("null"),
            Val::ExnRef(Some(_)) => f.write_str("exnref"),
            Val::FuncRef(Some(_)) => f.write_str("funcref"),
            Val::ExternRef(Some(r)) => write!(f, "externref({})", r.index),
        }
    }
}

impl Inner {
    /// What stands for a value where one of type `ty` is wanted; `None` if it is none.
    ///
    /// A host's references are looked at here, each time: compiled code takes for granted that they are what they should
    /// be.
    pub(crate) fn lower(&self, ty: ValType, value: Val) -> Result<Option<RawValue>, Error> {
        let raw = value.to_raw(self.id)?;
        if let Val::ExnRef(Some(exception)) = value
            && !self.exceptions.has(exception.handle)
        {
            return Err(Error::Released);
        }
        let fits = match (value, ty) {
            (Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) | Val::NullAny, ValType::Ref(wanted)) => {
                wanted.nullable && value.ty().hierarchy() == ty.hierarchy()
            }
            (Val::FuncRef(Some(function)), ValType::Ref(_)) => {
                let id = function.funcref(self)?.type_id;
                let found = RefType { nullable: false, heap: HeapType::Concrete(Composite::Func, id) };
                self.types.matches(ValType::Ref(found), ty)
            }
            (Val::ExternRef(Some(_)) | Val::ExnRef(Some(_)), ValType::Ref(wanted)) => {
                matches!(wanted.heap, HeapType::Extern | HeapType::Exn) && value.ty().hierarchy() == ty.hierarchy()
            }
            _ => value.ty() == ty,
        };
        Ok(fits.then_some(raw))
    }
}

/// A cell of the `values` array that stubs read and write.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(16))]
pub(crate) struct RawValue(pub u64, pub u64);

const _: () = assert!(size_of::<RawValue>() == VALUE_SIZE);

/// A function's parameter and result types.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FuncType {
    params: Box<[ValType]>,
    results: Box<[ValType]>,
}

impl FuncType {
    /// From parameter and result types.
    pub fn new(params: impl IntoIterator<Item = ValType>, results: impl IntoIterator<Item = ValType>) -> FuncType {
        FuncType { params: params.into_iter().collect(), results: results.into_iter().collect() }
    }
    /// Parameter types.
    pub fn params(&self) -> &[ValType] {
        &self.params
    }
    /// Result types.
    pub fn results(&self) -> &[ValType] {
        &self.results
    }
    /// Cells that a `values` array for it has.
    pub(crate) fn cells(&self) -> usize {
        self.params.len().max(self.results.len())
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, types: &[ValType]| {
            f.write_str("(")?;
            for (i, ty) in types.iter().enumerate() {
                write!(f, "{}{ty}", if i > 0 { ", " } else { "" })?;
            }
            f.write_str(")")
        };
        list(f, &self.params)?;
        f.write_str(" -> ")?;
        list(f, &self.results)
    }
}

/// A Rust type that stands for a number type: `i32`, `u32`, `i64`, `u64`, `f32`, `f64`.
pub trait WasmType: Copy + Send + sealed::Sealed + 'static {
    #[doc(hidden)]
    const TYPE: ValType;
    /// Whether it goes in a register for integers.
    #[doc(hidden)]
    const INTEGER: bool;
    /// Writes it to a cell: as many bytes as it has, as stubs do.
    ///
    /// # Safety
    /// `cell` is one of a `values` array.
    #[doc(hidden)]
    unsafe fn write(self, cell: *mut [u64; 2]);
    /// Reads exactly the bytes that were written: the rest of a cell is undefined, and a wider load would wait for the
    /// store in front of it.
    ///
    /// # Safety
    /// `cell` is one of a `values` array, and has a value of this type.
    #[doc(hidden)]
    unsafe fn read(cell: *const [u64; 2]) -> Self;
}

/// Parameters or results of a typed function: `()`, one [`WasmType`], or a tuple of up to twelve.
pub trait WasmTypes: Sized + sealed::Sealed + 'static {
    #[doc(hidden)]
    type Types: AsRef<[ValType]>;
    #[doc(hidden)]
    type Cells: Copy;
    /// How many there are.
    #[doc(hidden)]
    const COUNT: usize;
    /// Whether all of them are integers.
    #[doc(hidden)]
    const INTEGERS: bool;
    #[doc(hidden)]
    fn types() -> Self::Types;
    /// # Safety
    /// `cells` has as many cells as there are types.
    #[doc(hidden)]
    unsafe fn store(self, cells: *mut [u64; 2]);
    /// # Safety
    /// `cells` has a value of each of the types.
    #[doc(hidden)]
    unsafe fn load(cells: *const [u64; 2]) -> Self;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

// A value lies in the low bytes of its cell, which are its first.
const _: () = assert!(cfg!(target_endian = "little"));

macro_rules! numbers {
    ($($ty:ident $val:ident;)*) => {$(
        impl sealed::Sealed for $ty {}
        impl WasmType for $ty {
            const TYPE: ValType = ValType::$val;
            const INTEGER: bool = matches!(ValType::$val, ValType::I32 | ValType::I64);
            #[inline]
            unsafe fn write(self, cell: *mut [u64; 2]) {
                // SAFETY: the caller's promise; a cell is larger and aligned to more.
                unsafe { cell.cast::<$ty>().write(self) }
            }
            #[inline]
            unsafe fn read(cell: *const [u64; 2]) -> Self {
                // SAFETY: the caller's promise; any bits are a value.
                unsafe { cell.cast::<$ty>().read() }
            }
        }
        impl WasmTypes for $ty {
            type Types = [ValType; 1];
            type Cells = [[u64; 2]; 1];
            const COUNT: usize = 1;
            const INTEGERS: bool = <$ty as WasmType>::INTEGER;
            fn types() -> [ValType; 1] { [ValType::$val] }
            #[inline]
            unsafe fn store(self, cells: *mut [u64; 2]) {
                // SAFETY: the caller's promise.
                unsafe { self.write(cells) }
            }
            #[inline]
            unsafe fn load(cells: *const [u64; 2]) -> Self {
                // SAFETY: the caller's promise.
                unsafe { <$ty as WasmType>::read(cells) }
            }
        }
    )*};
}

numbers! {
    i32 I32;
    u32 I32;
    i64 I64;
    u64 I64;
    f32 F32;
    f64 F64;
}

macro_rules! tuples {
    ($($n:literal: $($ty:ident $i:tt),*;)*) => {$(
        impl<$($ty: WasmType),*> sealed::Sealed for ($($ty,)*) {}
        impl<$($ty: WasmType),*> WasmTypes for ($($ty,)*) {
            type Types = [ValType; $n];
            type Cells = [[u64; 2]; $n];
            const COUNT: usize = $n;
            const INTEGERS: bool = true $(&& $ty::INTEGER)*;
            fn types() -> [ValType; $n] { [$($ty::TYPE),*] }
            #[inline]
            unsafe fn store(self, _cells: *mut [u64; 2]) {
                $(
                    // SAFETY: the caller's promise.
                    unsafe { self.$i.write(_cells.add($i)) };
                )*
            }
            #[inline]
            #[allow(clippy::unused_unit, reason = "the empty tuple is one of the cases")]
            unsafe fn load(_cells: *const [u64; 2]) -> Self {
                // SAFETY: the caller's promise.
                ($(unsafe { $ty::read(_cells.add($i)) },)*)
            }
        }
    )*};
}

tuples! {
    0: ;
    1: A 0;
    2: A 0, B 1;
    3: A 0, B 1, C 2;
    4: A 0, B 1, C 2, D 3;
    5: A 0, B 1, C 2, D 3, E 4;
    6: A 0, B 1, C 2, D 3, E 4, F 5;
    7: A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
    9: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8;
    10: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9;
    11: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10;
    12: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11;
}
