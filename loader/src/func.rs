//! Functions: calling a guest from the host.

use crate::activation::Entered;
use crate::error::Error;
use crate::group::{AsGroup, Inner, ended, enter, enter_registers, inner, looked_at, pointer};
use crate::value::{FuncType, RawValue, Val, WasmTypes};
use bailiwick_runtime_abi::convention::REGISTERS;
use bailiwick_runtime_abi::edge::{TARGET_CODE, TARGET_CONTEXT, TARGET_STUB};
use bailiwick_runtime_abi::format::TextKind;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

/// The record that references to a function point to, `bailiwick_runtime_abi::context`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Funcref {
    pub code: usize,
    pub context: *mut u8,
    pub type_id: u32,
    /// The module's index of the type that `code` was compiled for.
    pub own_type: u32,
}

/// A function of a group's instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Func {
    pub(crate) group: u64,
    /// Address of its record, in a context of the group.
    pub(crate) record: usize,
}

/// What a call needs: an entry stub, and what it is to call. Assembly reads it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Target {
    pub stub: usize,
    pub context: *mut u8,
    pub code: usize,
}

// As of an edge.
const _: () = {
    assert!(std::mem::offset_of!(Target, stub) == TARGET_STUB as usize);
    assert!(std::mem::offset_of!(Target, context) == TARGET_CONTEXT as usize);
    assert!(std::mem::offset_of!(Target, code) == TARGET_CODE as usize);
};

/// How many integers a function may take to be called without an entry stub: what C has registers for behind all else that
/// assembly is told. [`REGISTERS`] says why it may be.
pub(crate) const ENTRY_REGISTERS: usize = 3;
const _: () = assert!(ENTRY_REGISTERS <= REGISTERS);

/// Cells that need no allocation: most functions have no more values.
const FEW: usize = 8;

impl Func {
    pub(crate) fn funcref(self, inner: &Inner) -> Result<Funcref, Error> {
        if self.group != inner.id {
            return Err(Error::WrongGroup("function"));
        }
        // SAFETY: a function handle of this group is made from a record in one of its contexts, which stay.
        Ok(unsafe { *(self.record as *const Funcref) })
    }

    pub(crate) fn func_type(self, inner: &Inner) -> Result<FuncType, Error> {
        let id = self.funcref(inner)?.type_id;
        inner.types.function(id).cloned()
    }

    pub(crate) fn target(self, inner: &Inner) -> Result<Target, Error> {
        let funcref = self.funcref(inner)?;
        let instance = inner.instance_of(funcref.context)?;
        let view = instance.artifact.view();
        let own = funcref.own_type;
        let stub = view.record("types", view.types(), own)?.entry_stub;
        // Of the same shape as a subtype of it.
        let ty = inner.types.function(*view.record("types", &instance.types, own)?)?;
        let stub = instance.artifact.tagged_code(stub, TextKind::Entry, own, ty)?;
        Ok(Target { stub, context: funcref.context, code: funcref.code })
    }

    /// Its type.
    pub fn ty(self, group: &mut impl AsGroup) -> Result<FuncType, Error> {
        self.func_type(looked_at(group))
    }

    /// Calls it with any values.
    ///
    /// # Errors
    /// [`Error::Type`] if the arguments are not of its parameters' types, [`Error::WrongGroup`]; and whatever ends
    /// the guest: [`Error::Trap`], [`Error::Exit`], [`Error::Exception`], [`Error::Host`].
    pub fn call(self, group: &mut impl AsGroup, arguments: &[Val]) -> Result<Vec<Val>, Error> {
        let pointer = pointer(group);
        let inner = inner(group);
        let id = self.funcref(inner)?.type_id;
        let ty = inner.types.function(id)?;
        let mismatch = || {
            let found = FuncType::new(arguments.iter().map(Val::ty), []);
            Error::Type { expected: ty.to_string(), found: found.to_string() }
        };
        if arguments.len() != ty.params().len() {
            return Err(mismatch());
        }
        let (mut few, mut many) = ([RawValue::default(); FEW], Vec::new());
        let cells = match ty.cells() {
            0..=FEW => &mut few[..],
            count => {
                many.resize(count, RawValue::default());
                &mut many[..]
            }
        };
        for ((cell, argument), &param) in cells.iter_mut().zip(arguments).zip(ty.params()) {
            *cell = inner.lower(param, *argument)?.ok_or_else(mismatch)?;
        }
        let target = self.target(inner)?;
        // SAFETY: the target is of this function; the cells suffice for its type; no reference into the group is used again.
        unsafe {
            loop {
                match enter(pointer, &target, cells.as_mut_ptr()) {
                    Entered::Returned => break,
                    other => ended(pointer, other)?,
                }
            }
        }
        let inner = crate::group::inner(group);
        // A type stays, but a nested call may have moved it.
        let results = inner.types.function(id)?.results().len();
        let mut values = Vec::with_capacity(results);
        for (i, cell) in cells[..results].iter().enumerate() {
            let ty = inner.types.function(id)?.results()[i];
            values.push(inner.given(ty, *cell));
        }
        Ok(values)
    }

    /// The same function with its types checked once.
    ///
    /// # Errors
    /// [`Error::Type`] if it has others.
    pub fn typed<P: WasmTypes, R: WasmTypes>(self, group: &mut impl AsGroup) -> Result<TypedFunc<P, R>, Error> {
        let inner = looked_at(group);
        let ty = self.func_type(inner)?;
        let (params, results) = (P::types(), R::types());
        if ty.params() != params.as_ref() || ty.results() != results.as_ref() {
            let asked = FuncType::new(params.as_ref().iter().copied(), results.as_ref().iter().copied());
            return Err(Error::Type { expected: ty.to_string(), found: asked.to_string() });
        }
        Ok(TypedFunc { group: inner.id, target: self.target(inner)?, types: PhantomData })
    }
}

/// A function of known parameter and result types.
#[derive(Debug)]
pub struct TypedFunc<P, R> {
    group: u64,
    target: Target,
    types: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P, R> Copy for TypedFunc<P, R> {}

// SAFETY: addresses in a group, used only with that group borrowed.
unsafe impl<P, R> Send for TypedFunc<P, R> {}

/// Cells for both parameters and results, whichever are more.
#[repr(C, align(16))]
union Cells<P: Copy, R: Copy> {
    params: P,
    results: R,
}

impl<P: WasmTypes, R: WasmTypes> TypedFunc<P, R> {
    /// Calls it.
    ///
    /// # Errors
    /// [`Error::WrongGroup`], or whatever ends the guest: [`Error::Trap`], [`Error::Exit`], [`Error::Host`].
    #[inline]
    pub fn call(&self, group: &mut impl AsGroup, params: P) -> Result<R, Error> {
        let inner = pointer(group);
        // SAFETY: the group is borrowed, and nothing else refers to its inside.
        if unsafe { (*inner.as_ptr()).id } != self.group {
            return Err(Error::WrongGroup("function"));
        }
        if const { P::INTEGERS && P::COUNT <= ENTRY_REGISTERS && R::INTEGERS && R::COUNT <= 1 } {
            // SAFETY: nothing is read of a cell but what was written to it, a whole word.
            unsafe {
                let mut cells = [[0; 2]; ENTRY_REGISTERS];
                params.store(cells.as_mut_ptr());
                let registers = cells.map(|[low, _]| low);
                loop {
                    // The function is what its type says, and no reference into the group is used again.
                    match enter_registers(inner, &self.target, &registers) {
                        (Entered::Returned, result) => return Ok(R::load(&[result, 0])),
                        (other, _) => ended(inner, other)?,
                    }
                }
            }
        }
        let mut cells = MaybeUninit::<Cells<P::Cells, R::Cells>>::uninit();
        let cells: *mut [u64; 2] = cells.as_mut_ptr().cast();
        // SAFETY: as for `Func::call`; the union has room for the parameters and for the results, and the entry stub has
        // written every result.
        unsafe {
            params.store(cells);
            loop {
                match enter(inner, &self.target, cells.cast()) {
                    Entered::Returned => return Ok(R::load(cells)),
                    other => ended(inner, other)?,
                }
            }
        }
    }
}
