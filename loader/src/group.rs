//! A group: instances joined by core-WebAssembly linking. One nano-process: one authority, one lifetime, one fate.

use crate::activation::{Activation, CodeRange, Entered, GroupRecord, Left, prepare_thread};
use crate::arch;
use crate::artifact::Artifact;
use crate::builtins::Returned;
use crate::cell::Cell;
use crate::error::{Error, HostFailure};
use crate::exception::Exceptions;
use crate::func::{ENTRY_REGISTERS, Func, Target};
use crate::global::GlobalData;
use crate::host::{HostContext, HostError};
use crate::instance::InstanceData;
use crate::interrupt::{Interrupt, InterruptHandle, interrupted};
use crate::memory::MemoryData;
use crate::table::TableData;
use crate::tag::TagData;
use crate::trap::{Backtrace, Trap};
use crate::types::Types;
use crate::value::{ExternRef, RawValue};
use bailiwick_runtime_abi::limits::{DEFAULT_STACK_SIZE, MAX_TABLE_ELEMENTS, MEMORY_RESERVATION};
use bailiwick_runtime_abi::trap::TrapCode;
use bailiwick_runtime_abi::view::damaged;
use std::any::Any;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// What a group may grow to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GroupConfig {
    /// Bytes of the guest stack. Default 8 MiB; only touched pages cost memory.
    pub stack_size: usize,
    /// Most bytes of each linear memory. Default: 4 GiB, the most that one of 32-bit indices can have. One of 64-bit indices
    /// has address space for as many as this and its type allow, up to 1 TiB.
    pub max_memory: u64,
    /// Most bytes of all linear memories together. Default: no limit but that of each.
    pub max_total_memory: u64,
    /// Most elements of all tables together. Default, and at most, 10 million.
    pub max_table_elements: u64,
    /// Most instances in the group. Default 10 000.
    pub max_instances: usize,
    /// Most host values ([`ExternRef`]) that the group holds. Default a million.
    pub max_extern_refs: usize,
    /// Most exceptions that there are at one time, as far as guests or the host can still reach them. Default a million.
    pub max_exceptions: usize,
    /// Most bytes of all these, of which each takes 64 and 16 for each value that it carries. Default 256 MiB.
    pub max_exception_bytes: u64,
}

impl Default for GroupConfig {
    fn default() -> Self {
        GroupConfig {
            stack_size: DEFAULT_STACK_SIZE as usize,
            max_memory: MEMORY_RESERVATION,
            max_total_memory: u64::MAX,
            max_table_elements: MAX_TABLE_ELEMENTS,
            max_instances: 10_000,
            max_extern_refs: 1_000_000,
            max_exceptions: 1_000_000,
            max_exception_bytes: 256 << 20,
        }
    }
}

/// A limit of [`GroupConfig`] that a guest ran into. It only sees that its `memory.grow` or `table.grow` failed; of one
/// exception too many it sees nothing, since that is a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// [`GroupConfig::max_memory`] or [`GroupConfig::max_total_memory`], in bytes.
    MemoryBytes(u64),
    /// [`GroupConfig::max_table_elements`].
    TableElements(u64),
    /// [`GroupConfig::max_exceptions`].
    Exceptions(u64),
    /// [`GroupConfig::max_exception_bytes`].
    ExceptionBytes(u64),
}

/// Linked instances, and all that they hold: memories, tables, globals, host functions, one guest stack.
///
/// Functions, tables and references outlive single instances, so nothing in a group is freed before the group is.
/// A group may move between threads; it is entered by one thread at a time.
///
/// # Example
/// ```no_run
/// use bailiwick_loader::{Artifact, Group, Imports};
/// let artifact = Artifact::open("add.bwk")?;
/// let mut group = Group::new()?;
/// let instance = group.instantiate(&artifact, &Imports::new())?;
/// let add = instance.typed_func::<(i32, i32), i32>(&mut group, "add")?;
/// assert_eq!(add.call(&mut group, (2, 3))?, 5);
/// # Ok::<(), bailiwick_loader::Error>(())
/// ```
#[derive(Debug)]
pub struct Group {
    inner: NonNull<Inner>,
}

// SAFETY: everything in `Inner` is owned by it; host functions and host values are Send; nothing in it belongs to the
// thread that made it. It is not Sync: entering takes `&mut`. Records of edges name other groups too: those of one
// application, which owns them all, is run through `&mut`, and hands none out.
unsafe impl Send for Group {}

/// What a group is made of. Contexts refer to `record`, so it never moves.
#[derive(Debug)]
pub(crate) struct Inner {
    pub record: GroupRecord,
    pub id: u64,
    pub config: GroupConfig,
    pub types: Types,
    pub instances: Vec<InstanceData>,
    /// Their contexts' addresses, ascending, with their indices.
    pub by_context: Vec<(u64, u32)>,
    /// Boxed, because slots hold their addresses.
    #[allow(clippy::vec_box, reason = "slots hold their addresses")]
    pub hosts: Vec<Box<HostContext>>,
    #[allow(clippy::vec_box, reason = "slots hold their addresses")]
    pub edges: Vec<Box<crate::edge::EdgeRecord>>,
    pub memories: Vec<MemoryData>,
    pub tables: Vec<TableData>,
    pub globals: Vec<GlobalData>,
    pub tags: Vec<TagData>,
    pub exceptions: Exceptions,
    pub externs: Vec<Box<dyn Any + Send>>,
    pub interrupt: Arc<Interrupt>,
    /// The last limit of the configuration that a guest ran into.
    pub refused: Option<Refused>,
    /// Why a host function or builtin refused; taken by whoever entered.
    pub pending: Option<HostError>,
    /// Whether the cell's own memory is in use.
    pub cell_memory_used: bool,
    /// Whether anything may have changed since a pool handed the group out: a guest ran, or the host was let in.
    pub touched: bool,
    /// Whether a guest has run out of stack, and so used all of it.
    pub overflowed: bool,
    /// While a pool makes the group: its start functions, which run when it is handed out.
    pub starts: Option<Vec<Func>>,
    /// Declared last: memories and contexts lie in it.
    pub cell: Cell,
}

/// A group, or a host function's view of the group that called it.
///
/// Everything that reads or changes a group takes `&mut impl AsGroup`, so that embedders and host functions use the
/// same calls.
pub trait AsGroup: sealed::AsInner {}
impl<T: sealed::AsInner> AsGroup for T {}

pub(crate) mod sealed {
    pub trait AsInner {
        #[doc(hidden)]
        fn inner_pointer(&mut self) -> InnerPointer;
    }
    #[derive(Clone, Copy)]
    #[doc(hidden)]
    pub struct InnerPointer(pub(in crate::group) std::ptr::NonNull<super::Inner>);
}

impl sealed::AsInner for Group {
    #[inline]
    fn inner_pointer(&mut self) -> sealed::InnerPointer {
        sealed::InnerPointer(self.inner)
    }
}

impl sealed::AsInner for crate::pool::Pooled {
    fn inner_pointer(&mut self) -> sealed::InnerPointer {
        (**self).inner_pointer()
    }
}

impl sealed::AsInner for crate::host::Caller<'_> {
    #[inline]
    fn inner_pointer(&mut self) -> sealed::InnerPointer {
        sealed::InnerPointer(self.inner)
    }
}

/// The group's inside, for as long as `group` is borrowed. Whoever takes it may change what tenants see.
#[inline]
pub(crate) fn inner(group: &mut impl AsGroup) -> &mut Inner {
    let inner = looked_at(group);
    inner.touched = true;
    inner
}

/// The same for those who change nothing that a tenant of the group could tell.
pub(crate) fn looked_at(group: &mut impl AsGroup) -> &mut Inner {
    // SAFETY: the pointer is valid while the group or caller is borrowed, and the borrow is exclusive: a `Group` owns
    // it; a `Caller` exists only while the guest waits for its host function, and whoever entered holds no reference.
    unsafe { group.inner_pointer().0.as_mut() }
}

/// The pointer itself, for entering the guest with no reference alive.
#[inline]
pub(crate) fn pointer(group: &mut impl AsGroup) -> NonNull<Inner> {
    group.inner_pointer().0
}

/// Names for `count` groups, which nobody has or ever had.
pub(crate) fn new_ids(count: u64) -> std::ops::Range<u64> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let first = NEXT.fetch_add(count, Ordering::Relaxed);
    first..first + count
}

impl Group {
    /// An empty group with the default configuration.
    ///
    /// # Errors
    /// [`Error::AddressSpace`] if its 6 GiB of address space can't be reserved.
    pub fn new() -> Result<Group, Error> {
        Group::with_config(GroupConfig::default())
    }

    /// An empty group.
    ///
    /// # Errors
    /// As for [`Group::new`], and [`Error::StackSize`].
    pub fn with_config(config: GroupConfig) -> Result<Group, Error> {
        let cell = Cell::new(config.stack_size)?;
        let record = GroupRecord {
            current: AtomicPtr::new(std::ptr::null_mut()),
            stack_top: cell.stack().end,
            code: Vec::new(),
            memories: Vec::new(),
            polls: Vec::new(),
            stack: cell.stack(),
            stack_guard: cell.stack_guard(),
            left: None,
        };
        let inner = Box::new(Inner {
            record,
            id: new_ids(1).start,
            config,
            types: Types::default(),
            instances: Vec::new(),
            by_context: Vec::new(),
            hosts: Vec::new(),
            edges: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            tags: Vec::new(),
            exceptions: Exceptions::default(),
            externs: Vec::new(),
            interrupt: Arc::new(Interrupt::default()),
            refused: None,
            pending: None,
            cell_memory_used: false,
            touched: false,
            overflowed: false,
            starts: None,
            cell,
        });
        let inner = NonNull::from(Box::leak(inner));
        // SAFETY: it was just made, and is where it will stay.
        unsafe { (*inner.as_ptr()).interrupt.watch(&raw const (*inner.as_ptr()).record.current) };
        Ok(Group { inner })
    }

    /// Links and instantiates a module into this group, and runs its start function.
    ///
    /// # Errors
    /// [`Error::Link`] before anything has happened if an import is not granted or has another type; [`Error::Trap`],
    /// [`Error::Exit`], [`Error::Host`] if a segment is out of bounds or the start function fails, after which what
    /// the module has written to shared tables and memories stays; limits and address space as named.
    pub fn instantiate(&mut self, artifact: &Artifact, imports: &crate::Imports) -> Result<crate::Instance, Error> {
        crate::instantiate::instantiate(self, artifact, imports)
    }

    /// Makes a host value that guests can hold as `externref` and hand back, but not look into.
    ///
    /// # Errors
    /// [`Error::Limit`] if the group holds as many as it may.
    pub fn extern_ref(&mut self, value: impl Any + Send) -> Result<ExternRef, Error> {
        inner(self).add_extern(Box::new(value))
    }

    /// A handle by which any thread can end this group's guests.
    pub fn interrupt_handle(&self) -> InterruptHandle {
        // SAFETY: as in `inner`, shared.
        InterruptHandle { interrupt: unsafe { self.inner.as_ref() }.interrupt.clone() }
    }

    /// The last limit of the configuration that a guest ran into, if any did.
    pub fn refused(&self) -> Option<Refused> {
        // SAFETY: as in `inner`, shared.
        unsafe { self.inner.as_ref() }.refused
    }

    /// Lets guests run again after an interrupt.
    ///
    /// # Errors
    /// [`Error::AddressSpace`]
    pub fn resume(&mut self) -> Result<(), Error> {
        inner(self).interrupt.clear()
    }

    /// The host value behind a reference; `None` if it is of another group.
    pub fn extern_value(&self, reference: ExternRef) -> Option<&(dyn Any + Send)> {
        // SAFETY: as in `inner`, shared.
        let inner = unsafe { self.inner.as_ref() };
        inner.externs.get(reference.index as usize).filter(|_| reference.group == inner.id).map(|v| &**v)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        inner(self).interrupt.close();
        // SAFETY: made by `Box::leak`, dropped once. No activation is left: entering borrows the group.
        drop(unsafe { Box::from_raw(self.inner.as_ptr()) });
    }
}

impl Inner {
    pub(crate) fn add_extern(&mut self, value: Box<dyn Any + Send>) -> Result<ExternRef, Error> {
        if self.externs.len() >= self.config.max_extern_refs {
            return Err(Error::Limit { what: "host values in a group", limit: self.config.max_extern_refs as u64 });
        }
        self.externs.push(value);
        Ok(ExternRef { group: self.id, index: self.externs.len() as u32 - 1 })
    }

    /// Lets the signal handler know of an artifact's text.
    pub(crate) fn register_code(&mut self, artifact: &Artifact) {
        if !self.record.code.iter().any(|c| c.artifact.same(artifact)) {
            self.record.code.push(CodeRange { text: artifact.text(), artifact: artifact.clone() });
        }
    }

    fn backtrace(&self, pc: usize, fp: usize, exact: bool) -> Backtrace {
        let mut starts = vec![(pc, fp, exact)];
        starts.extend(self.record.exits().into_iter().map(|(pc, fp)| (pc, fp, false)));
        Backtrace::capture(&self.record, &starts)
    }

    /// The error for an activation that was left.
    pub(crate) fn error(&mut self, left: Left) -> Error {
        match left {
            Left::Fault(fault) => {
                let Some(code) = u8::try_from(fault.code).ok().and_then(TrapCode::from_byte) else {
                    return damaged("sites", "an instruction trapped that has no record, or a damaged one").into();
                };
                self.overflowed |= code == TrapCode::StackOverflow;
                let backtrace = self.backtrace(fault.pc, fault.fp, true);
                Error::Trap(Box::new(Trap::with(code, None, backtrace)))
            }
            Left::Host { pc, fp } => match self.pending.take() {
                Some(HostError::Exit(status)) => Error::Exit(status),
                Some(HostError::Trap(code, message)) => {
                    let backtrace = self.backtrace(pc, fp, false);
                    Error::Trap(Box::new(Trap::with(code, message, backtrace)))
                }
                Some(HostError::Nested(error)) => {
                    self.hold(&error);
                    *error
                }
                Some(HostError::Exception(exception)) => {
                    let backtrace = self.backtrace(pc, fp, false);
                    self.uncaught(exception, backtrace)
                }
                Some(HostError::Other(error)) => {
                    let backtrace = self.backtrace(pc, fp, false);
                    Error::Host(Box::new(HostFailure { error, backtrace }))
                }
                None => Error::trap(TrapCode::HostError),
            },
        }
    }
}

/// Calls a function of the guest. What it says instead of [`Entered::Returned`], [`ended`] makes an error.
///
/// # Safety
/// `target` is of a function of this group, and `values` has as many cells as its type's parameters and results need. No
/// reference to `inner`'s content is alive.
pub(crate) unsafe fn enter(inner: NonNull<Inner>, target: &Target, values: *mut RawValue) -> Entered {
    // SAFETY: the caller's promise.
    let call = |activation, guest_sp| unsafe { (arch::enter(activation, target, values.cast(), guest_sp) != 0, ()) };
    // SAFETY: the caller's promise.
    unsafe { enter_by(inner, (), call).0 }
}

/// Calls a function of the guest that takes integers, at most as many as there are, and returns one or nothing.
///
/// # Safety
/// `target` is of such a function of this group. No reference to `inner`'s content is alive.
pub(crate) unsafe fn enter_registers(
    inner: NonNull<Inner>,
    target: &Target,
    values: *const [u64; ENTRY_REGISTERS],
) -> (Entered, u64) {
    let call = |activation, guest_sp| {
        // SAFETY: the caller's promise.
        let Returned { value, left } = unsafe { arch::enter_registers(activation, target, values, guest_sp) };
        (left != 0, value)
    };
    // SAFETY: the caller's promise.
    unsafe { enter_by(inner, 0, call) }
}

/// What both have in common.
///
/// # Safety
/// As for [`GroupRecord::enter`].
#[inline(always)]
unsafe fn enter_by<T>(
    inner: NonNull<Inner>,
    nothing: T,
    call: impl FnOnce(*mut Activation, usize) -> (bool, T),
) -> (Entered, T) {
    // SAFETY: the caller's promise; the record lies in `inner` and stays.
    unsafe {
        // Code that does not poll at its entry would run to its end.
        if (*inner.as_ptr()).interrupt.requested() {
            return (Entered::Interrupted, nothing);
        }
        (*inner.as_ptr()).touched = true;
        GroupRecord::enter(&raw mut (*inner.as_ptr()).record, nothing, call)
    }
}

/// What is to be done about an entry that did not return: `Ok` if it is to be made once more, which is so once in a thread.
///
/// # Safety
/// `entered` is what [`enter`] has just said, other than [`Entered::Returned`].
#[cold]
pub(crate) unsafe fn ended(inner: NonNull<Inner>, entered: Entered) -> Result<(), Error> {
    // SAFETY: the caller's promise: the group is alive, and nothing of it runs.
    let inner = unsafe { &mut *inner.as_ptr() };
    Err(match entered {
        Entered::NoHostRoom if prepare_thread()? => return Ok(()),
        Entered::NoHostRoom => Error::trap(TrapCode::HostStackExhausted),
        Entered::NoGuestRoom => Error::trap(TrapCode::StackOverflow),
        Entered::Interrupted => interrupted(),
        Entered::Left | Entered::Returned => match inner.record.left.take() {
            Some(left) => inner.error(left),
            None => Error::trap(TrapCode::HostError),
        },
    })
}
