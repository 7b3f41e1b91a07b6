//! Exceptions: the store that they live in, and the way of one to its handler.
//!
//! A reference is a handle: a place of the store and its generation, so that one to an exception that was collected is
//! found. A throw costs what it does itself: it looks at the table beside each return address on the way, and goes on in
//! the first handler that has the exception's tag. Calls that nothing is thrown through cost nothing.
//!
//! What is thrown in an activation and not caught there ends it as [`Error::Exception`]. A host function that called the
//! guest and returns that error throws it on, in the activation that called the host function, if it is of the same group.

use crate::activation::{Activation, GroupRecord};
use crate::error::Error;
use crate::frames::frames;
use crate::group::{AsGroup, Inner, Refused, inner};
use crate::host::HostError;
use crate::tag::Tag;
use crate::trap::Backtrace;
use crate::value::{ExnRef, FuncType, RawValue, Val};
use bailiwick_runtime_abi::format::NONE;
use bailiwick_runtime_abi::trap::TrapCode;
use bailiwick_runtime_abi::view::damaged;

/// Offsets in [`Resume`], for assembly.
pub(crate) const RESUME_PC: usize = 0;
pub(crate) const RESUME_SP: usize = 8;
pub(crate) const RESUME_FP: usize = 16;
pub(crate) const RESUME_EXCEPTION: usize = 24;
pub(crate) const RESUME_VALUES: usize = 32;

/// Where compiled code goes on, and with what.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Resume {
    pc: usize,
    sp: usize,
    fp: usize,
    /// The handle.
    exception: u64,
    /// Address of the values that it carries.
    values: usize,
}

const _: () = {
    assert!(std::mem::offset_of!(Resume, pc) == RESUME_PC);
    assert!(std::mem::offset_of!(Resume, sp) == RESUME_SP);
    assert!(std::mem::offset_of!(Resume, fp) == RESUME_FP);
    assert!(std::mem::offset_of!(Resume, exception) == RESUME_EXCEPTION);
    assert!(std::mem::offset_of!(Resume, values) == RESUME_VALUES);
};

/// An exception of the store.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The group's index of its tag.
    pub tag: u32,
    pub values: Box<[RawValue]>,
    /// Whether the collection that is under way has found it.
    pub marked: bool,
    /// Whether the host holds it.
    pinned: bool,
}

#[derive(Debug)]
struct Slot {
    /// Of the exception that is or was last there; never 0.
    generation: u32,
    stored: Option<Stored>,
}

/// Bytes that an exception takes up besides its values, as limits count them.
const OVERHEAD: u64 = 64;
/// Exceptions, and bytes, that there must be before a collection is worth while.
const COLLECT_AT_LEAST: (usize, u64) = (1024, 1 << 20);

/// The exceptions of a group.
#[derive(Debug)]
pub(crate) struct Exceptions {
    slots: Vec<Slot>,
    free: Vec<u32>,
    live: usize,
    bytes: u64,
    /// How many there may be, and how many bytes, before the next collection.
    collect_at: (usize, u64),
    /// What host functions that are being called were given, and in which activation they were called: theirs until they
    /// return.
    given: Vec<(u64, *const Activation)>,
    /// Where compiled code goes on: read by assembly right after it was written.
    pub resume: Resume,
}

impl Default for Exceptions {
    fn default() -> Exceptions {
        Exceptions {
            slots: Vec::new(),
            free: Vec::new(),
            live: 0,
            bytes: 0,
            collect_at: COLLECT_AT_LEAST,
            given: Vec::new(),
            resume: Resume::default(),
        }
    }
}

fn cost(values: &[RawValue]) -> u64 {
    OVERHEAD + size_of_val(values) as u64
}

impl Exceptions {
    fn add(&mut self, stored: Stored) -> u64 {
        self.live += 1;
        self.bytes += cost(&stored.values);
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.slots.push(Slot { generation: 0, stored: None });
                self.slots.len() as u32 - 1
            }
        };
        let slot = &mut self.slots[index as usize];
        slot.generation = slot.generation.wrapping_add(1).max(1);
        slot.stored = Some(stored);
        u64::from(slot.generation) << 32 | u64::from(index)
    }

    /// Whether there never was one.
    pub fn is_unused(&self) -> bool {
        self.slots.is_empty()
    }

    /// The exception behind a handle, if it was not collected.
    pub fn get(&mut self, handle: u64) -> Option<&mut Stored> {
        let slot = self.slots.get_mut(handle as u32 as usize)?;
        slot.stored.as_mut().filter(|_| u64::from(slot.generation) == handle >> 32)
    }

    /// Whether there is an exception behind a handle.
    pub fn has(&self, handle: u64) -> bool {
        let slot = self.slots.get(handle as u32 as usize);
        slot.is_some_and(|slot| slot.stored.is_some() && u64::from(slot.generation) == handle >> 32)
    }

    /// What the host holds.
    pub fn pinned(&self) -> Vec<u64> {
        let handles = self.slots.iter().zip(0u64..).filter_map(|(slot, index)| {
            let pinned = slot.stored.as_ref().is_some_and(|stored| stored.pinned);
            pinned.then_some(u64::from(slot.generation) << 32 | index)
        });
        handles.collect()
    }

    /// Removes all that were not marked, and unmarks the others. `work` is how much there was to look through: the next
    /// collection waits until as much was thrown.
    pub fn sweep(&mut self, work: usize) {
        for (slot, index) in self.slots.iter_mut().zip(0u32..) {
            match &mut slot.stored {
                Some(stored) if stored.marked => stored.marked = false,
                Some(stored) => {
                    self.live -= 1;
                    self.bytes -= cost(&stored.values);
                    slot.stored = None;
                    self.free.push(index);
                }
                None => {}
            }
        }
        let live = (self.live * 2).max(COLLECT_AT_LEAST.0).max(work / 16);
        self.collect_at = (live, (self.bytes * 2).max(COLLECT_AT_LEAST.1));
    }

    /// Whether a host function that is being called was given anything.
    #[inline]
    pub fn any_given(&self) -> bool {
        !self.given.is_empty()
    }

    /// The host is given a reference: it holds it until its function returns, if it is `within` one that an activation has
    /// called, or until it gives it back.
    fn pin(&mut self, handle: u64, within: Option<*const Activation>) {
        if let Some(stored) = self.get(handle)
            && !std::mem::replace(&mut stored.pinned, true)
            && let Some(activation) = within
        {
            self.given.push((handle, activation));
        }
    }
}

/// An exception that nothing caught.
#[derive(Debug)]
pub struct Exception {
    exception: ExnRef,
    tag: Tag,
    ty: FuncType,
    values: Vec<Val>,
    backtrace: Backtrace,
}

impl Exception {
    /// The exception itself, to be thrown again or handed to a guest. The host holds it, see [`ExnRef`].
    pub fn exception(&self) -> ExnRef {
        self.exception
    }

    /// Its tag.
    pub fn tag(&self) -> Tag {
        self.tag
    }

    /// What it carries.
    pub fn values(&self) -> &[Val] {
        &self.values
    }

    /// Where it was thrown, or came out of a host function: the guest's frames, innermost first.
    pub fn backtrace(&self) -> &Backtrace {
        &self.backtrace
    }
}

impl std::fmt::Display for Exception {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "uncaught exception (")?;
        for (i, (value, ty)) in self.values.iter().zip(self.ty.params()).enumerate() {
            write!(f, "{}{ty} {value}", if i > 0 { ", " } else { "" })?;
        }
        write!(f, ")")?;
        if !self.backtrace.frames().is_empty() {
            write!(f, "\n{}", self.backtrace)?;
        }
        Ok(())
    }
}

impl std::error::Error for Exception {}

impl Inner {
    /// Makes an exception. Collects first, if it is time.
    pub(crate) fn add_exception(&mut self, tag: u32, values: Box<[RawValue]>) -> Result<u64, Error> {
        let limits = (self.config.max_exceptions, self.config.max_exception_bytes);
        let new = cost(&values);
        let beyond = |this: &Inner, at: (usize, u64)| {
            this.exceptions.live >= at.0 || this.exceptions.bytes.saturating_add(new) > at.1
        };
        let at = self.exceptions.collect_at;
        if beyond(self, (at.0.min(limits.0), at.1.min(limits.1))) {
            let roots = self.references(tag, &values)?;
            self.collect(roots)?;
            if beyond(self, limits) {
                self.refused = Some(match self.exceptions.live >= limits.0 {
                    true => Refused::Exceptions(limits.0 as u64),
                    false => Refused::ExceptionBytes(limits.1),
                });
                return Err(Error::trap(TrapCode::LimitExceeded));
            }
        }
        Ok(self.exceptions.add(Stored { tag, values, marked: false, pinned: false }))
    }

    /// The references to exceptions among the values of one.
    pub(crate) fn references(&self, tag: u32, values: &[RawValue]) -> Result<Vec<u64>, Error> {
        let data = self.tags.get(tag as usize).ok_or(Error::WrongGroup("tag"))?;
        Ok(data.references.iter().filter_map(|&i| Some(values.get(i as usize)?.0)).filter(|&raw| raw != 0).collect())
    }

    /// Where an exception that is thrown by what the guest has called goes on; `None`: nowhere in this activation.
    pub(crate) fn handler(&mut self, handle: u64) -> Result<Option<Resume>, Error> {
        let Some(stored) = self.exceptions.get(handle) else { return Err(Error::Released) };
        let (tag, values) = (stored.tag, stored.values.as_ptr() as usize);
        let Some(&(pc, fp)) = self.record.exits().first() else { return Ok(None) };
        for frame in frames(&self.record, pc, fp) {
            let artifact = &frame.code.artifact;
            // In front of the look-up: a call whose record is damaged would not be found.
            artifact.check_frames()?;
            let view = artifact.view();
            let Some(site) = view.handler_site(frame.offset) else { continue };
            let sp = frame.sp(site.frame_offset)?;
            let tags = &self.instance_at(frame.word(sp, site.context_offset)?)?.tags;
            for handler in view.range("handlers", view.handlers(), site.handlers)? {
                if handler.tag != NONE && *view.record("handlers", tags, handler.tag)? != tag {
                    continue;
                }
                // The call's last byte is the function's; what it returns to may be behind its end.
                let function = view.text_at(frame.offset.wrapping_sub(1)).map(|text| text.offset);
                if function.is_none() || view.text_at(handler.landing).map(|text| text.offset) != function {
                    return Err(damaged("handlers", "a handler is not in its own function").into());
                }
                let pc = frame.code.text.start + handler.landing as usize;
                return Ok(Some(Resume { pc, sp, fp: frame.fp, exception: handle, values }));
            }
        }
        Ok(None)
    }

    /// The exception that an error throws on, if it is one of this group.
    pub(crate) fn thrown_by(&self, error: &HostError) -> Option<u64> {
        let exception = match error {
            HostError::Exception(exception) => *exception,
            HostError::Nested(error) => match &**error {
                Error::Exception(exception) => exception.exception,
                _ => return None,
            },
            _ => return None,
        };
        (exception.group == self.id).then_some(exception.handle)
    }

    /// The error that an exception is which nothing has caught.
    pub(crate) fn uncaught(&mut self, exception: ExnRef, backtrace: Backtrace) -> Error {
        let Some(stored) = self.exceptions.get(exception.handle).filter(|_| exception.group == self.id) else {
            return Error::Released;
        };
        let (tag, values) = (stored.tag, stored.values.to_vec());
        self.pin(exception.handle);
        let ty = match self.tags.get(tag as usize).map(|data| self.types.function(data.type_id).cloned()) {
            Some(Ok(ty)) => ty,
            _ => FuncType::new([], []),
        };
        let values = ty.params().iter().zip(values).map(|(&ty, raw)| self.given(ty, raw)).collect();
        let tag = Tag { group: self.id, index: tag };
        Error::Exception(Box::new(Exception { exception, tag, ty, values, backtrace }))
    }

    /// The host is given a reference. It is within a host function of this group if the group is entered while it runs.
    fn pin(&mut self, handle: u64) {
        let within = self.record.activations().next();
        self.exceptions.pin(handle, within);
    }

    /// The host function that the innermost activation has called is over: what it was given is not its own any more. What is
    /// left belongs to those that activations further out have called.
    pub(crate) fn leave_host(&mut self) {
        while let Some(&(handle, activation)) = self.exceptions.given.last() {
            if self.record.activations().skip(1).any(|outer| outer == activation) {
                break;
            }
            self.exceptions.given.pop();
            if let Some(stored) = self.exceptions.get(handle) {
                stored.pinned = false;
            }
        }
    }

    /// The host holds an exception again that an error carries.
    pub(crate) fn hold(&mut self, error: &Error) {
        if let Error::Exception(exception) = error
            && exception.exception.group == self.id
        {
            self.pin(exception.exception.handle);
        }
    }

    /// A value as the host is given it. An exception is its own from then on.
    pub(crate) fn given(&mut self, ty: crate::value::ValType, raw: RawValue) -> Val {
        let value = Val::from_raw(ty, raw, self.id);
        if let Val::ExnRef(Some(exception)) = value {
            self.pin(exception.handle);
        }
        value
    }

    /// Makes an exception of the tag of an instance, with values that its code has written to its stack.
    pub(crate) fn throw(&mut self, instance: u32, tag: u64, address: u64) -> Result<u64, Error> {
        let tags = self.instances.get(instance as usize).map_or(&[][..], |data| &data.tags);
        let tag = usize::try_from(tag).ok().and_then(|i| tags.get(i)).copied();
        let tag = tag.ok_or(damaged("tags", "compiled code named a tag that its module does not have"))?;
        let count = self.types.function(self.tags[tag as usize].type_id)?.params().len();
        let (stack, start) = (&self.record.stack, address as usize);
        let end = start.checked_add(count * size_of::<RawValue>()).filter(|&end| end <= stack.end);
        if start < stack.start || !start.is_multiple_of(align_of::<RawValue>()) || end.is_none() {
            return Err(damaged("text", "compiled code threw values that are not on its stack").into());
        }
        // SAFETY: the cells lie on the guest's stack, aligned, and nobody runs on it now; any bits are values.
        let values = unsafe { std::slice::from_raw_parts(start as *const RawValue, count) };
        self.add_exception(tag, values.into())
    }
}

impl GroupRecord {
    /// For [`Returned::left`](crate::builtins::Returned): go on where a [`Resume`] says.
    pub(crate) const RESUME: u64 = 2;
}

impl ExnRef {
    /// Makes an exception. The host holds it, see [`ExnRef`].
    ///
    /// # Errors
    /// [`Error::WrongGroup`]; [`Error::Type`] if the values are not those that the tag says; [`Error::Trap`] with
    /// `LimitExceeded` if the group has as many exceptions as it may.
    pub fn new(group: &mut impl AsGroup, tag: Tag, values: &[Val]) -> Result<ExnRef, Error> {
        let inner = inner(group);
        let ty = inner.types.function(tag.data(inner)?.type_id)?.clone();
        let mismatch = || {
            let found = FuncType::new(values.iter().map(Val::ty), []);
            Error::Type { expected: ty.to_string(), found: found.to_string() }
        };
        if values.len() != ty.params().len() {
            return Err(mismatch());
        }
        let mut raw = Vec::with_capacity(values.len());
        for (&value, &param) in values.iter().zip(ty.params()) {
            raw.push(inner.lower(param, value)?.ok_or_else(mismatch)?);
        }
        let handle = inner.add_exception(tag.index, raw.into())?;
        inner.pin(handle);
        Ok(ExnRef { group: inner.id, handle })
    }

    /// Its tag.
    ///
    /// # Errors
    /// [`Error::WrongGroup`], [`Error::Released`].
    pub fn tag(self, group: &mut impl AsGroup) -> Result<Tag, Error> {
        let inner = inner(group);
        let index = self.stored(inner)?.tag;
        Ok(Tag { group: inner.id, index })
    }

    /// What it carries. Exceptions among that are the host's from then on.
    ///
    /// # Errors
    /// [`Error::WrongGroup`], [`Error::Released`].
    pub fn values(self, group: &mut impl AsGroup) -> Result<Vec<Val>, Error> {
        let inner = inner(group);
        let stored = self.stored(inner)?;
        let (tag, values) = (stored.tag, stored.values.to_vec());
        let ty = inner.types.function(inner.tags[tag as usize].type_id)?.clone();
        Ok(ty.params().iter().zip(values).map(|(&ty, raw)| inner.given(ty, raw)).collect())
    }

    /// Gives it back: it may be collected when no guest has it any more.
    pub fn release(self, group: &mut impl AsGroup) {
        if let Ok(stored) = self.stored(inner(group)) {
            stored.pinned = false;
        }
    }

    pub(crate) fn stored(self, inner: &mut Inner) -> Result<&mut Stored, Error> {
        if self.group != inner.id {
            return Err(Error::WrongGroup("exception"));
        }
        inner.exceptions.get(self.handle).ok_or(Error::Released)
    }
}
