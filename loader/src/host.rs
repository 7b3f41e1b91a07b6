//! Host functions: what a guest can be granted, and how its calls arrive.

use crate::builtins::Returned;
use crate::edge::EdgeHost;
use crate::error::Error;
use crate::func::Func;
use crate::group::Inner;
use crate::instance::{ContextHeader, Instance};
use crate::interrupt::{InterruptHandle, InterruptSignal};
use crate::memory::Memory;
use crate::value::{ExnRef, FuncType, RawValue, Val, ValType, WasmType, WasmTypes};
use bailiwick_runtime_abi::context::HEADER_SIZE;
use bailiwick_runtime_abi::convention::REGISTERS;
use bailiwick_runtime_abi::format::Kind;
use bailiwick_runtime_abi::trap::TrapCode;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Why a host function ends the guest that called it.
#[derive(Debug)]
#[non_exhaustive]
pub enum HostError {
    /// With an exit status, as `proc_exit`.
    Exit(i32),
    /// With a trap, and what to say about it.
    Trap(TrapCode, Option<String>),
    /// With an error of the host's own, which [`Error::Host`] carries to whoever called the guest.
    Other(Box<dyn std::error::Error + Send + Sync>),
    /// By throwing an exception: the guest may catch it.
    Exception(ExnRef),
    /// With the error of a nested call into a guest. If that is an exception of the same group, it is thrown on.
    Nested(Box<Error>),
}

impl HostError {
    /// Ends the guest with an exit status.
    pub fn exit(status: i32) -> HostError {
        HostError::Exit(status)
    }

    /// Ends the guest with an error that is only a message.
    pub fn message(message: impl Into<String>) -> HostError {
        HostError::Other(message.into().into())
    }
}

impl From<Error> for HostError {
    fn from(error: Error) -> HostError {
        HostError::Nested(Box::new(error))
    }
}

/// How a host function is called, on the host's stack and with its context.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry {
    /// By an exit stub for its type, with cells, which its results replace. Made for each by [`invoke`].
    Cells(unsafe extern "C" fn(*mut HostContext, *mut [u64; 2]) -> Returned),
    /// By the slot itself, with its parameters; its result is the value that is returned. Made for each by
    /// [`invoke_with`], where its type is one that [`REGISTERS`] allows.
    Registers(unsafe extern "C" fn(*mut HostContext, u64, u64, u64, u64, u64) -> Returned),
}

impl Entry {
    fn address(self) -> usize {
        match self {
            Entry::Cells(code) => code as *const () as usize,
            Entry::Registers(code) => code as *const () as usize,
        }
    }
}

/// A host function that can be granted to any number of modules.
#[derive(Clone)]
pub struct HostFunc {
    pub(crate) ty: FuncType,
    /// What `entry` knows the type of.
    function: Arc<dyn Send + Sync>,
    pub(crate) entry: Entry,
    /// If it stands for a function of another group: who decides about calls that compiled code makes by itself.
    pub(crate) edge: Option<Arc<dyn EdgeHost>>,
}

impl std::fmt::Debug for HostFunc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HostFunc{}", self.ty)
    }
}

/// A host function as one instance was granted it: its context, as slots name it. The exit routine reads `entry`.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct HostContext {
    pub header: ContextHeader,
    entry: usize,
    /// Of `func`, without its type.
    function: *const (),
    inner: NonNull<Inner>,
    /// The instance that was granted it.
    instance: u32,
    func: HostFunc,
}

/// Offset of [`HostContext::entry`].
pub(crate) const HOST_ENTRY: usize = HEADER_SIZE as usize;
const _: () = assert!(std::mem::offset_of!(HostContext, entry) == HOST_ENTRY);

impl HostContext {
    pub(crate) fn new(inner: &mut Inner, func: HostFunc, instance: u32) -> Box<HostContext> {
        let header = ContextHeader::new(inner, crate::arch::exit_host as *const () as usize);
        let (entry, function) = (func.entry.address(), Arc::as_ptr(&func.function).cast());
        let mut context = Box::new(HostContext { header, entry, function, inner: inner.into(), instance, func });
        context.header.owner = (&raw mut *context).cast();
        context
    }
}

/// Runs the host function that `context` stands for.
///
/// # Safety
/// Called by the exit routine with the callee's context of a slot, which is of a function of type `F`, and the cells of an
/// exit stub for its type.
#[inline]
unsafe extern "C" fn invoke<F>(context: *mut HostContext, cells: *mut [u64; 2]) -> Returned
where
    F: Fn(&mut Caller<'_>, *mut [u64; 2]) -> Result<(), HostError>,
{
    // SAFETY: slots name host contexts of their own group, which the group keeps, each in an allocation of its own that
    // nothing writes to.
    let (function, inner, instance) = unsafe {
        let context = &*context;
        (&*context.function.cast::<F>(), context.inner, context.instance)
    };
    // Two words are all that goes through the barrier for panics: an error is large, and moving it about where there is none
    // would cost more than the rest of the way.
    let outcome = catch_unwind(AssertUnwindSafe(|| match function(&mut Caller::new(inner, instance), cells) {
        Ok(()) => None,
        Err(error) => Some(failed(inner, error)),
    }));
    match outcome {
        Ok(None) => after(inner),
        Ok(Some(elsewhere)) => elsewhere,
        Err(panic) => failed(inner, panicked(panic)),
    }
}

/// The same for a host function that no exit stub stands in front of.
///
/// # Safety
/// Called as [`invoke`] is, with parameters of types `P` and, beyond them, anything. `F` needs no more cells than these and
/// one result do.
unsafe extern "C" fn invoke_with<P, F>(context: *mut HostContext, a: u64, b: u64, c: u64, d: u64, e: u64) -> Returned
where
    P: WasmTypes,
    F: Fn(&mut Caller<'_>, *mut [u64; 2]) -> Result<(), HostError>,
{
    let mut cells = [const { MaybeUninit::<[u64; 2]>::uninit() }; REGISTERS];
    let cells = cells.as_mut_ptr().cast::<[u64; 2]>();
    let write = |i: usize, parameter: u64| {
        if i < P::COUNT.max(1) {
            // SAFETY: there are as many cells, each of two words, of which integers are the first.
            unsafe { cells.add(i).cast::<u64>().write(parameter) };
        }
    };
    write(0, a);
    write(1, b);
    write(2, c);
    write(3, d);
    write(4, e);
    // SAFETY: the caller's promise; the first word has been written at any rate.
    unsafe {
        let Returned { value, left } = invoke::<F>(context, cells);
        Returned { value: if left == 0 { cells.cast::<u64>().read() } else { value }, left }
    }
}

/// A host function has returned.
#[inline]
fn after(inner: NonNull<Inner>) -> Returned {
    // SAFETY: the group is alive, and the host function with its references is over.
    let (given, requested) = unsafe {
        let inner = &*inner.as_ptr();
        (inner.exceptions.any_given(), inner.interrupt.requested())
    };
    if given || requested {
        return settle(inner, requested);
    }
    Returned { value: 0, left: 0 }
}

/// The rest of [`after`]. The compiler knows that it does not unwind, so that nothing has to be kept for that case.
#[cold]
extern "C" fn settle(inner: NonNull<Inner>, requested: bool) -> Returned {
    let settled = catch_unwind(AssertUnwindSafe(|| {
        if requested {
            // It ends the guest here, should no poll follow.
            return failed(inner, HostError::Trap(TrapCode::Interrupt, None));
        }
        // SAFETY: as in `after`.
        unsafe { (*inner.as_ptr()).leave_host() };
        Returned { value: 0, left: 0 }
    }));
    settled.unwrap_or_else(|panic| failed(inner, panicked(panic)))
}

/// A host function has refused, or panicked.
#[cold]
fn failed(inner: NonNull<Inner>, error: HostError) -> Returned {
    // SAFETY: the group is alive, and the host function with its references is over.
    let inner = unsafe { &mut *inner.as_ptr() };
    inner.leave_host();
    crate::builtins::refused(inner, error)
}

/// The calling guest, as a host function sees it: the instance that was *granted* the function, in its group.
pub struct Caller<'a> {
    pub(crate) inner: NonNull<Inner>,
    pub(crate) instance: u32,
    lifetime: PhantomData<&'a mut Inner>,
}

/// Why host functions find no memory.
#[cold]
fn no_memory(inner: &Inner, instance: usize) -> HostError {
    let export = inner.instances.get(instance).and_then(|i| i.artifact.view().export("memory"));
    let why = if export.is_some_and(|export| export.kind == Kind::Memory as u32) {
        "the module calls a host function that needs its memory, but the one that it exports as \"memory\" is shared with \
         other threads: the system interface and edges to other modules can't use such a memory yet"
    } else {
        "the module calls a host function that needs its memory, but exports none as \"memory\""
    };
    HostError::Trap(TrapCode::HostError, Some(why.into()))
}

impl std::fmt::Debug for Caller<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller").field("instance", &self.instance).finish_non_exhaustive()
    }
}

impl Caller<'_> {
    /// The guest that waits in `inner`. Whoever makes one is asked by it, as the only one.
    #[inline]
    pub(crate) fn new(inner: NonNull<Inner>, instance: u32) -> Self {
        Caller { inner, instance, lifetime: PhantomData }
    }

    /// The instance that was granted this function.
    pub fn instance(&mut self) -> Instance {
        Instance { group: crate::group::inner(self).id, index: self.instance }
    }

    /// The bytes of that instance's memory: the one that it exports as `memory`.
    ///
    /// # Errors
    /// A trap for the guest, if it exports none.
    #[inline]
    pub fn memory(&mut self) -> Result<&mut [u8], HostError> {
        let instance = self.instance as usize;
        let inner = crate::group::inner(self);
        match inner.instances.get(instance).and_then(|i| i.exported_memory) {
            Some(index) => Ok(inner.memories[index as usize].bytes()?),
            None => Err(no_memory(inner, instance)),
        }
    }

    /// [`Caller::memory`], and whether the guest is to end, to be looked at between pieces of work.
    pub fn memory_and_interrupt(&mut self) -> Result<(&mut [u8], &AtomicBool), HostError> {
        // Found first: the error is the same.
        self.memory()?;
        let instance = self.instance as usize;
        let inner = crate::group::inner(self);
        let index = inner.instances[instance].exported_memory.unwrap_or_default();
        Ok((inner.memories[index as usize].bytes()?, inner.interrupt.flag()))
    }

    /// The memory itself, see [`Caller::memory`].
    pub fn memory_handle(&mut self) -> Option<Memory> {
        let instance = self.instance as usize;
        let inner = crate::group::inner(self);
        let index = inner.instances.get(instance)?.exported_memory?;
        Some(Memory { group: inner.id, index })
    }

    /// By which a host function that waits learns that its guest is to end.
    ///
    /// # Errors
    /// An error of the host's, if the process has as many descriptors as it may.
    pub fn interrupt_signal(&mut self) -> Result<InterruptSignal, HostError> {
        let interrupt = Arc::clone(&crate::group::inner(self).interrupt);
        InterruptSignal::new(interrupt).map_err(|e| HostError::Other(Box::new(e)))
    }

    /// A handle of the calling group, by which a host function that works long looks whether its guest is to end.
    pub fn interrupt_handle(&mut self) -> InterruptHandle {
        InterruptHandle { interrupt: Arc::clone(&crate::group::inner(self).interrupt) }
    }

    /// A function that the instance exports.
    pub fn export(&mut self, name: &str) -> Option<Func> {
        let instance = self.instance();
        instance.func(self, name).ok()
    }
}

/// A Rust function or closure that can be granted: `Fn(&mut Caller<'_>, A, B, …) -> Result<R, HostError>` or `-> R`,
/// of up to twelve numbers, where `R` is [`WasmTypes`].
pub trait IntoHostFunc<P, R>: Send + Sync + 'static {
    #[doc(hidden)]
    fn into_host_func(self) -> HostFuncDefinition;
}

/// An erased host function.
#[doc(hidden)]
#[derive(Debug)]
pub struct HostFuncDefinition(pub(crate) HostFunc);

macro_rules! into_host_func {
    ($($ty:ident $i:tt),*) => {
        impl<F, R, $($ty),*> IntoHostFunc<($($ty,)*), R> for F
        where
            F: Fn(&mut Caller<'_>, $($ty),*) -> Result<R, HostError> + Send + Sync + 'static,
            R: WasmTypes,
            $($ty: WasmType,)*
        {
            fn into_host_func(self) -> HostFuncDefinition {
                let ty = FuncType::new(<($($ty,)*)>::types(), R::types().as_ref().iter().copied());
                // SAFETY: it reads and writes the cells of its own type.
                HostFuncDefinition(unsafe {
                    HostFunc::typed::<($($ty,)*), R, _>(ty, move |caller, cells| {
                        #[allow(non_snake_case, reason = "one name for a type and its value")]
                        let ($($ty,)*) = <($($ty,)*) as WasmTypes>::load(cells);
                        (self)(caller, $($ty),*)?.store(cells);
                        Ok(())
                    })
                })
            }
        }
    };
}

into_host_func!();
into_host_func!(A 0);
into_host_func!(A 0, B 1);
into_host_func!(A 0, B 1, C 2);
into_host_func!(A 0, B 1, C 2, D 3);
into_host_func!(A 0, B 1, C 2, D 3, E 4);
into_host_func!(A 0, B 1, C 2, D 3, E 4, G 5);
into_host_func!(A 0, B 1, C 2, D 3, E 4, G 5, H 6);
into_host_func!(A 0, B 1, C 2, D 3, E 4, G 5, H 6, I 7);
into_host_func!(A 0, B 1, C 2, D 3, E 4, G 5, H 6, I 7, J 8);
into_host_func!(A 0, B 1, C 2, D 3, E 4, G 5, H 6, I 7, J 8, K 9);
into_host_func!(A 0, B 1, C 2, D 3, E 4, G 5, H 6, I 7, J 8, K 9, L 10);
into_host_func!(A 0, B 1, C 2, D 3, E 4, G 5, H 6, I 7, J 8, K 9, L 10, M 11);

/// The most parameters of [`HostFunc::integers`].
pub(crate) const MOST_INTEGERS: usize = 12;

impl HostFunc {
    /// One over the cells of its type: `max(params, results)` of them, which begin with the parameters.
    ///
    /// # Safety
    /// `f` reads no more of them than parameters of `ty`, which are `P` or the first of `P`, and leaves its results, `R`, there if
    /// it succeeds.
    #[inline]
    unsafe fn typed<P: WasmTypes, R: WasmTypes, F>(ty: FuncType, f: F) -> HostFunc
    where
        F: Fn(&mut Caller<'_>, *mut [u64; 2]) -> Result<(), HostError> + Send + Sync + 'static,
    {
        let entry = const {
            if P::INTEGERS && P::COUNT <= REGISTERS && R::INTEGERS && R::COUNT <= 1 {
                Entry::Registers(invoke_with::<P, F>)
            } else {
                Entry::Cells(invoke::<F>)
            }
        };
        HostFunc { ty, function: Arc::new(f), entry, edge: None }
    }

    /// The same of a type that is known only now.
    ///
    /// # Safety
    /// As for [`HostFunc::typed`].
    #[inline]
    unsafe fn raw<F>(ty: FuncType, f: F) -> HostFunc
    where
        F: Fn(&mut Caller<'_>, *mut [u64; 2]) -> Result<(), HostError> + Send + Sync + 'static,
    {
        HostFunc { ty, function: Arc::new(f), entry: Entry::Cells(invoke::<F>), edge: None }
    }

    /// A host function of any type, over values.
    pub fn untyped(
        ty: FuncType,
        f: impl Fn(&mut Caller<'_>, &[Val]) -> Result<Vec<Val>, HostError> + Send + Sync + 'static,
    ) -> HostFunc {
        let own = ty.clone();
        HostFunc::edge(own, None, move |caller: &mut Caller<'_>, cells: &mut [[u64; 2]]| {
            let inner = crate::group::inner(caller);
            let params =
                ty.params().iter().zip(&*cells).map(|(&t, c)| inner.given(t, RawValue(c[0], c[1]))).collect::<Vec<_>>();
            let results = f(caller, &params)?;
            let mismatch = || HostError::message(format!("host function returned other types than {ty} says"));
            if results.len() != ty.results().len() {
                return Err(mismatch());
            }
            for ((result, &wanted), cell) in results.into_iter().zip(ty.results()).zip(cells) {
                let raw = crate::group::inner(caller).lower(wanted, result)?.ok_or_else(mismatch)?;
                *cell = [raw.0, raw.1];
            }
            Ok(())
        })
    }

    /// One of up to [`MOST_INTEGERS`] integers, which it is given as words, and that returns a number of 32 bits, or, if `results`
    /// is empty, nothing. There is one routine for all types of functions that the same `F` stands for.
    pub fn integers<F>(types: &'static [ValType], results: &'static [ValType], f: F) -> HostFunc
    where
        F: Fn(&mut Caller<'_>, &[u64]) -> Result<i32, HostError> + Send + Sync + 'static,
    {
        let ty = FuncType::new(types.iter().copied(), results.iter().copied());
        let narrow: Vec<bool> = types.iter().map(|ty| *ty == ValType::I32).collect();
        let function = move |caller: &mut Caller<'_>, cells: *mut [u64; 2]| {
            let mut words = [0; MOST_INTEGERS];
            for (i, (word, &narrow)) in words.iter_mut().zip(&*narrow).enumerate() {
                // SAFETY: there is a cell for each parameter, as wide as its type.
                *word = unsafe {
                    let cell = cells.add(i);
                    if narrow { cell.cast::<u32>().read().into() } else { cell.cast::<u64>().read() }
                };
            }
            let result = f(caller, words.get(..types.len()).unwrap_or_default())?;
            if !results.is_empty() {
                // SAFETY: there is a cell for the result.
                unsafe { cells.cast::<u64>().write(result.cast_unsigned().into()) };
            }
            Ok(())
        };
        if types.len() > REGISTERS {
            // SAFETY: it reads and writes the cells of its type.
            return unsafe { HostFunc::raw(ty, function) };
        }
        // SAFETY: the same; what is in registers that are no parameters is not looked at.
        unsafe { HostFunc::typed::<(i64, i64, i64, i64, i64), i32, _>(ty, function) }
    }

    /// One that ends whoever calls it.
    pub fn refusing(ty: FuncType) -> HostFunc {
        // SAFETY: it touches no cell.
        unsafe { HostFunc::raw(ty, |_, _| Err(HostError::Trap(TrapCode::Denied, None))) }
    }

    /// A function of another group, over cells.
    pub fn edge(
        ty: FuncType,
        edge: Option<Arc<dyn EdgeHost>>,
        f: impl Fn(&mut Caller<'_>, &mut [[u64; 2]]) -> Result<(), HostError> + Send + Sync + 'static,
    ) -> HostFunc {
        let count = ty.cells();
        // SAFETY: the exit stub's array has as many cells as the type needs, and nothing else refers to them. Whatever `f`
        // leaves there is numbers: what they mean is looked at by who makes references of them.
        let function =
            unsafe { HostFunc::raw(ty, move |caller, cells| f(caller, std::slice::from_raw_parts_mut(cells, count))) };
        HostFunc { edge, ..function }
    }
}

/// The trap that a panic becomes, so that everybody else goes on.
#[cold]
pub fn panicked(panic: Box<dyn std::any::Any + Send>) -> HostError {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("");
    let message = format!("panic in a host function: {text}");
    // The payload's own destructor may panic too.
    std::mem::forget(panic);
    HostError::Trap(TrapCode::HostError, Some(message))
}

const _: () = assert!(size_of::<RawValue>() == size_of::<[u64; 2]>());
