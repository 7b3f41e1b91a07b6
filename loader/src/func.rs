//! Functions: calling a guest from the host.

use crate::error::Error;
use crate::group::{AsGroup, Inner, enter, inner, looked_at, pointer};
use crate::value::{FuncType, RawValue, Val, WasmTypes};
use bailiwick_runtime_abi::format::TextKind;
use std::marker::PhantomData;

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

/// What a call needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub stub: usize,
    pub context: *mut u8,
    pub code: usize,
}

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
        let ty = self.func_type(inner(group))?;
        let mismatch = || {
            let found = FuncType::new(arguments.iter().map(Val::ty), []);
            Error::Type { expected: ty.to_string(), found: found.to_string() }
        };
        if arguments.len() != ty.params().len() {
            return Err(mismatch());
        }
        let mut cells = vec![RawValue::default(); ty.cells().max(1)];
        for ((cell, argument), &param) in cells.iter_mut().zip(arguments).zip(ty.params()) {
            *cell = inner(group).lower(param, *argument)?.ok_or_else(mismatch)?;
        }
        let target = self.target(inner(group))?;
        // SAFETY: stub, code and context are of this function; the cells suffice for its type; no reference into the
        // group is alive.
        unsafe { enter(pointer(group), target.stub, target.context, target.code, cells.as_mut_ptr()) }?;
        Ok(ty.results().iter().zip(&cells).map(|(&t, c)| inner(group).given(t, *c)).collect())
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

impl<P: WasmTypes, R: WasmTypes> TypedFunc<P, R>
where
    P::Cells: Copy,
    R::Cells: Copy,
{
    /// Calls it.
    ///
    /// # Errors
    /// [`Error::WrongGroup`], or whatever ends the guest: [`Error::Trap`], [`Error::Exit`], [`Error::Host`].
    pub fn call(&self, group: &mut impl AsGroup, params: P) -> Result<R, Error> {
        if looked_at(group).id != self.group {
            return Err(Error::WrongGroup("function"));
        }
        let mut first = P::Cells::default();
        params.store(first.as_mut());
        let mut cells: Cells<P::Cells, R::Cells> = Cells { results: R::Cells::default() };
        cells.params = first;
        let pointer = pointer(group);
        // SAFETY: as for `Func::call`; the union has room for the parameters and for the results.
        unsafe { enter(pointer, self.target.stub, self.target.context, self.target.code, (&raw mut cells).cast()) }?;
        // SAFETY: the entry stub has written every result's cell, which are plain integers; where it wrote fewer bytes
        // than a cell has, those of the initialisation or of the parameters are still there.
        let mut results = unsafe { cells.results };
        Ok(R::load(results.as_mut()))
    }
}
