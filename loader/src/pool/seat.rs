//! A group that is used again and again: what was in it when it was made, and how it comes to be so again.

use super::pagemap::Pagemap;
use super::region::Region;
use super::{NotRecyclable, PoolConfig, Renew};
use crate::error::Error;
use crate::exception::Exceptions;
use crate::func::Func;
use crate::group::{Group, Inner, looked_at};
use crate::instance::{Instance, InstanceData};
use crate::interrupt::Interrupt;
use crate::memory::MemoryDef;
use crate::table::TableDef;
use crate::value::RawValue;

/// Bytes of a guest stack that keep their memory after a guest has used all of it.
const KEEP_STACK: usize = 256 << 10;

/// A group, and what it takes to bring it back.
pub(super) struct Seat {
    pub group: Group,
    /// The group's name in this lease: whoever puts another group in its place is found out.
    id: u64,
    /// The instance's place in it.
    instance: u32,
    /// The start functions, by the addresses of their records.
    starts: Box<[usize]>,
    renew: Option<Renew>,
    /// Addresses that a group's life does not change, and what lay there.
    copies: Vec<Copied>,
    regions: Vec<Region>,
    /// Of each instance.
    dropped: Vec<Dropped>,
    /// How many host values it had.
    externs: usize,
    shape: Shape,
}

// SAFETY: the addresses are of the group's cell, which moves between threads with the group.
unsafe impl Send for Seat {}

/// Whether each segment was dropped.
struct Dropped {
    data: Box<[bool]>,
    elements: Box<[bool]>,
}

/// A few bytes.
struct Copied {
    to: *mut u8,
    bytes: Box<[u8]>,
}

/// How many there are of what is never taken away from a group.
#[derive(Debug, PartialEq, Eq)]
struct Shape {
    counts: [usize; 9],
    /// What is handed out of the cell.
    allocated: [usize; 5],
}

impl Shape {
    fn of(inner: &Inner) -> Shape {
        let counts = [
            inner.instances.len(),
            inner.hosts.len(),
            inner.edges.len(),
            inner.memories.len(),
            inner.tables.len(),
            inner.globals.len(),
            inner.tags.len(),
            inner.types.len(),
            inner.record.code.len(),
        ];
        Shape { counts, allocated: inner.cell.allocated() }
    }
}

/// What became of a group that was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Returned {
    /// Nothing had happened in it.
    Untouched,
    /// It is as it was made.
    Restored,
    /// The kernel has to be asked first.
    Unclean,
    /// It is another one, or has something that can't be taken away.
    Lost,
}

impl Seat {
    /// Remembers how a group was made.
    pub fn new(
        mut group: Group,
        instance: Instance,
        renew: Option<Renew>,
        pagemap: Option<&Pagemap>,
    ) -> Result<Seat, Error> {
        let inner = looked_at(&mut group);
        if instance.group != inner.id {
            return Err(Error::WrongGroup("instance"));
        }
        if !inner.edges.is_empty() {
            return Err(NotRecyclable::Edges.into());
        }
        if !inner.exceptions.is_unused() {
            return Err(NotRecyclable::Exceptions.into());
        }
        // Guests that ran, and interrupts that came, while it was made.
        inner.pending = None;
        inner.refused = None;
        Interrupt::pass_on(&mut inner.interrupt, true)?;
        let starts = inner.starts.take().unwrap_or_default();
        let seat = Seat {
            id: inner.id,
            instance: instance.index,
            starts: starts.iter().map(|start: &Func| start.record).collect(),
            renew,
            copies: copies(inner),
            regions: Region::all(inner, pagemap)?,
            dropped: inner.instances.iter().map(dropped).collect(),
            externs: inner.externs.len(),
            shape: Shape::of(inner),
            group,
        };
        Ok(seat)
    }

    /// Gives the group a name that it never had, so that whoever had it before can't do anything with what it was given.
    pub fn hand_out(&mut self, id: u64) {
        let inner = looked_at(&mut self.group);
        self.id = id;
        inner.id = id;
        inner.touched = false;
    }

    /// The instance, by its name in this lease.
    pub fn instance(&self) -> Instance {
        Instance { group: self.id, index: self.instance }
    }

    /// Does what every tenant begins with.
    pub fn begin(&mut self) -> Result<(), Error> {
        if let Some(renew) = &mut self.renew {
            renew()?;
        }
        for i in 0..self.starts.len() {
            Func { group: self.id, record: self.starts[i] }.call(&mut self.group, &[])?;
        }
        Ok(())
    }

    /// Takes the group back. Everything is as it was made, but memories if the kernel has to be asked about them.
    pub fn take_back(&mut self, config: &PoolConfig) -> Returned {
        let inner = looked_at(&mut self.group);
        if inner.id != self.id || Shape::of(inner) != self.shape || inner.starts.is_some() {
            return Returned::Lost;
        }
        // Whoever has a handle loses its power now, be it over an idle group.
        let passed_on = Interrupt::pass_on(&mut inner.interrupt, false);
        let interrupted = !matches!(passed_on, Ok(true));
        if !inner.touched && !interrupted {
            return Returned::Untouched;
        }
        let before: usize = self.regions.iter().map(|region| region.bytes).sum();
        let mut ask = interrupted || inner.overflowed || before > config.compare;
        for region in &mut self.regions {
            region.note(inner);
            ask |= region.has_grown(config.compare);
        }
        self.restore();
        if ask {
            return Returned::Unclean;
        }
        for region in &self.regions {
            // SAFETY: it is accessible, and the group is ours: nobody runs in it.
            unsafe { region.restore(0..region.bytes) };
        }
        Returned::Restored
    }

    /// Everything but memories and large tables.
    fn restore(&mut self) {
        let inner = looked_at(&mut self.group);
        for copied in &self.copies {
            // SAFETY: the bytes lie in the group's cell, where nobody frees anything, and nobody runs in the group.
            unsafe { std::ptr::copy_nonoverlapping(copied.bytes.as_ptr(), copied.to, copied.bytes.len()) };
        }
        for (instance, dropped) in inner.instances.iter_mut().zip(&self.dropped) {
            instance.data_dropped.copy_from_slice(&dropped.data);
            instance.elements_dropped.copy_from_slice(&dropped.elements);
        }
        if !inner.exceptions.is_unused() {
            inner.exceptions = Exceptions::default();
        }
        inner.pending = None;
        inner.refused = None;
        inner.touched = false;
    }

    /// What the host put into the group since it was made: its destructors are the host's code, so they run when all is done.
    pub fn host_values(&mut self) -> Vec<Box<dyn std::any::Any + Send>> {
        let kept = self.externs;
        let inner = looked_at(&mut self.group);
        if inner.externs.len() > kept { inner.externs.split_off(kept) } else { Vec::new() }
    }

    /// Does what [`Returned::Unclean`] has left to do.
    ///
    /// # Errors
    /// If the kernel refuses; then the group is not to be handed out.
    pub fn clean(&mut self, config: &PoolConfig, pagemap: Option<&Pagemap>) -> Result<(), Error> {
        let inner = looked_at(&mut self.group);
        Interrupt::pass_on(&mut inner.interrupt, true)?;
        if std::mem::take(&mut inner.overflowed) {
            // Nothing there is ever read before it is written; it only takes memory. Locked memory can't be given back.
            let _ = inner.cell.trim_stack(KEEP_STACK);
        }
        let mut keep = config.keep;
        for region in &mut self.regions {
            region.clean(inner, pagemap, &mut keep)?;
        }
        Ok(())
    }
}

fn dropped(data: &InstanceData) -> Dropped {
    Dropped { data: data.data_dropped.clone().into(), elements: data.elements_dropped.clone().into() }
}

/// What compiled code and the loader change in a cell besides memories and large tables: definitions, globals, small tables.
fn copies(inner: &mut Inner) -> Vec<Copied> {
    let mut places: Vec<(*mut u8, usize)> = Vec::new();
    for global in &inner.globals {
        places.push((global.cell.cast(), size_of::<RawValue>()));
    }
    for memory in &inner.memories {
        places.push((memory.def.cast(), size_of::<MemoryDef>()));
    }
    for table in &mut inner.tables {
        places.push((table.def.cast(), size_of::<TableDef>()));
        if table.storage.is_none() {
            let words = table.words();
            places.push((words.as_mut_ptr().cast(), size_of_val(words)));
        }
    }
    // Neighbours, which most are, are one.
    places.sort_by_key(|&(at, _)| at as usize);
    let mut joined: Vec<(*mut u8, usize)> = Vec::new();
    for (at, len) in places {
        match joined.last_mut() {
            Some((start, before)) if *start as usize + *before >= at as usize => {
                *before = (*before).max(at as usize + len - *start as usize);
            }
            _ => joined.push((at, len)),
        }
    }
    joined
        .into_iter()
        .map(|(to, len)| {
            // SAFETY: these are the group's own bytes, and nobody runs in it.
            let bytes = unsafe { std::slice::from_raw_parts(to, len) };
            Copied { to, bytes: bytes.into() }
        })
        .collect()
}
