//! One value from one side to the other: checked, written, and never read again.

use super::fault::{Fault, FaultKind, Region, Stage};
use super::meter::{Meter, PIECE_SIZE, Stop};
use super::places::part_name;
use super::prepare::{Shape, ShapeKind};
use super::scalar::check_case;
use super::{End, Handles, MAX_CONTENT_SIZE, Passing, Side, Way};
use bailiwick_runtime_abi::wit::{Type, World};

/// What is carried, or a fault: in a box, because most calls have none, and steps that go deep are to be small.
pub(super) type Carried<T> = Result<T, Box<Fault>>;

/// Carries values from a source to a target.
///
/// Addresses are 64 bits wide once they are here, so that no sum of them wraps: an address of a guest and a size are
/// below 2³² each, and offsets are within a size.
pub(super) struct Carry<'a, 'b> {
    pub way: Way,
    pub stage: Stage,
    /// The parameter that is being carried, if it is one.
    pub parameter: Option<u32>,
    pub source: &'a mut dyn End,
    pub target: &'a mut dyn End,
    pub handles: &'a mut dyn Handles,
    pub meter: &'a mut Meter<'b>,
    /// The caller's, for names.
    pub world: &'a World,
}

impl Carry<'_, '_> {
    /// Carries a value that is passed as core values, as many on both sides as its shape has (CanonicalABI.md, "Flat
    /// Lifting", "Flat Lowering").
    pub fn flat(&mut self, shape: &Shape, from: &[u64], to: &mut [u64]) -> Carried<()> {
        match &shape.kind {
            ShapeKind::Scalar(scalar) => to[0] = scalar.convert(from[0]).map_err(|kind| self.source_fault(kind))?,
            ShapeKind::String => {
                let length = from[1] as u32;
                to[0] = self.string(from[0] as u32, length)?.into();
                to[1] = length.into();
            }
            ShapeKind::List(element) => {
                let length = from[1] as u32;
                to[0] = self.list(shape.ty, element, from[0] as u32, length)?.into();
                to[1] = length.into();
            }
            ShapeKind::Fields(fields) => {
                let mut at = 0;
                for (i, field) in fields.iter().enumerate() {
                    let range = at..at + field.shape.flat;
                    at = range.end;
                    let carried = self.flat(&field.shape, &from[range.clone()], &mut to[range]);
                    carried.map_err(|fault| self.within(fault, shape.ty, i))?;
                }
            }
            ShapeKind::Cases { cases, .. } => {
                // The core values behind the discriminant hold any case's. A narrower or shorter one has its bits
                // lowest and zeros above and behind; what the source has there is ignored.
                let index = check_case(from[0] as u32, cases.len() as u32).map_err(|kind| self.source_fault(kind))?;
                to.fill(0);
                to[0] = index.into();
                if let Some(payload) = &cases[index as usize] {
                    let range = 1..1 + payload.flat;
                    let carried = self.flat(payload, &from[range.clone()], &mut to[range]);
                    carried.map_err(|fault| self.within(fault, shape.ty, index as usize))?;
                }
            }
            ShapeKind::Handle { .. } => to[0] = self.handle(shape, from[0] as u32)?.into(),
        }
        Ok(())
    }

    /// Carries a value that lies in the memories, at checked places (CanonicalABI.md, "Loading", "Storing").
    pub fn stored(&mut self, shape: &Shape, from: u64, to: u64) -> Carried<()> {
        // Types share parts: a value without any list can be of millions of them.
        self.meter.worked(1).map_err(|stop| self.stopped(stop))?;
        if shape.plain {
            return self.copy(from, to, shape.size.into());
        }
        match &shape.kind {
            ShapeKind::Scalar(scalar) => {
                let raw = self.load(from, scalar.bytes())?;
                let value = scalar.convert(raw).map_err(|kind| self.source_fault(kind))?;
                self.store(to, scalar.bytes(), value)
            }
            ShapeKind::String => {
                let (pointer, length) = self.load_pair(from)?;
                let pointer = self.string(pointer, length)?;
                self.store_pair(to, pointer, length)
            }
            ShapeKind::List(element) => {
                let (pointer, length) = self.load_pair(from)?;
                let pointer = self.list(shape.ty, element, pointer, length)?;
                self.store_pair(to, pointer, length)
            }
            ShapeKind::Fields(fields) => {
                for (i, field) in fields.iter().enumerate() {
                    let offset = u64::from(field.offset);
                    let carried = self.stored(&field.shape, from + offset, to + offset);
                    carried.map_err(|fault| self.within(fault, shape.ty, i))?;
                }
                Ok(())
            }
            ShapeKind::Cases { discriminant_size, payload_offset, cases } => {
                let index = self.load(from, *discriminant_size)? as u32;
                let index = check_case(index, cases.len() as u32).map_err(|kind| self.source_fault(kind))?;
                self.store(to, *discriminant_size, index.into())?;
                if let Some(payload) = &cases[index as usize] {
                    let offset = u64::from(*payload_offset);
                    let carried = self.stored(payload, from + offset, to + offset);
                    carried.map_err(|fault| self.within(fault, shape.ty, index as usize))?;
                }
                Ok(())
            }
            ShapeKind::Handle { .. } => {
                let handle = self.load(from, 4)? as u32;
                let handle = self.handle(shape, handle)?;
                self.store(to, 4, handle.into())
            }
        }
    }

    /// Copies a string; returns where it is (`load_string_from_range`, `store_string_copy`).
    fn string(&mut self, pointer: u32, length: u32) -> Carried<u32> {
        let to = self.content(Region::String, pointer, u64::from(length), 1)?;
        let (from, size) = (u64::from(pointer), u64::from(length));
        // Where the text is known to be UTF-8: pieces may end within a character.
        let mut done = 0;
        while done < size {
            let piece = PIECE_SIZE.min(size - done);
            // Both memories are borrowed: no guest runs between the check and the copy.
            let source = slice(self.source.memory(), Region::Part, from + done, piece);
            let source = source.map_err(|kind| fault(self.way.source(), self.stage, kind))?;
            let valid = match std::str::from_utf8(source) {
                Ok(_) => piece,
                // A character that the piece cuts off, which the next one begins with. At the end there is none.
                Err(e) if e.error_len().is_none() && done + piece < size => e.valid_up_to() as u64,
                Err(e) => {
                    let kind = FaultKind::NotUtf8 { offset: done + e.valid_up_to() as u64 };
                    return Err(self.source_fault(kind));
                }
            };
            let target = slice(self.target.memory(), Region::Part, u64::from(to) + done, valid);
            let target = target.map_err(|kind| fault(self.way.target(), self.stage, kind))?;
            target.copy_from_slice(&source[..valid as usize]);
            self.meter.copied(valid).map_err(|stop| self.stopped(stop))?;
            done += valid;
        }
        Ok(to)
    }

    /// Carries the elements of the list type `ty`; returns where they are (`load_list_from_range`,
    /// `store_list_into_range`).
    fn list(&mut self, ty: Type, element: &Shape, pointer: u32, length: u32) -> Carried<u32> {
        let each = u64::from(element.size);
        // Below 2⁶⁰: a length is below 2³², a size at most 2²⁸.
        let size = u64::from(length) * each;
        let to = self.content(Region::List, pointer, size, element.align)?;
        if element.plain {
            self.copy(pointer.into(), to.into(), size)?;
            return Ok(to);
        }
        let elements = u64::from(length) * u64::from(element.places);
        self.meter.elements(elements).map_err(|stop| self.stopped(stop))?;
        for i in 0..u64::from(length) {
            let carried = self.stored(element, u64::from(pointer) + i * each, u64::from(to) + i * each);
            carried.map_err(|fault| self.within(fault, ty, i as usize))?;
        }
        Ok(to)
    }

    /// Checks where a string or the elements of a list are, and gets a place for as many bytes on the other side.
    fn content(&mut self, region: Region, pointer: u32, size: u64, align: u32) -> Carried<u32> {
        if size > MAX_CONTENT_SIZE {
            return Err(self.source_fault(FaultKind::TooLong { region, size }));
        }
        self.source_range(region, pointer, size, align)?;
        // It fits, being no more than the most that contents may have.
        self.allocate(align, size as u32)
    }

    /// Gets a place in the target's memory, and believes the answer only once it is checked. An empty one is asked
    /// for too, as the canonical ABI does.
    pub fn allocate(&mut self, align: u32, size: u32) -> Carried<u32> {
        self.spend(size)?;
        let answer = self.target.allocate(align, size);
        let pointer = answer.map_err(|error| self.target_fault(FaultKind::Ended(Box::new(error))))?;
        let checked = check_range(self.target, Region::Allocation, pointer, size.into(), align);
        checked.map_err(|kind| self.target_fault(kind))?;
        Ok(pointer)
    }

    /// Takes bytes that will be written off the call's limit.
    pub fn spend(&mut self, size: u32) -> Carried<()> {
        self.meter.bytes(size.into()).map_err(|stop| self.stopped(stop))
    }

    /// Checks a range of the source's memory.
    pub fn source_range(&mut self, region: Region, pointer: u32, size: u64, align: u32) -> Carried<()> {
        let checked = check_range(self.source, region, pointer, size, align);
        checked.map_err(|kind| self.source_fault(kind))
    }

    /// Copies bytes that mean the same whatever they are.
    fn copy(&mut self, from: u64, to: u64, size: u64) -> Carried<()> {
        let mut done = 0;
        while done < size {
            let piece = PIECE_SIZE.min(size - done);
            let source = slice(self.source.memory(), Region::Part, from + done, piece);
            let source = source.map_err(|kind| fault(self.way.source(), self.stage, kind))?;
            let target = slice(self.target.memory(), Region::Part, to + done, piece);
            let target = target.map_err(|kind| fault(self.way.target(), self.stage, kind))?;
            target.copy_from_slice(source);
            self.meter.copied(piece).map_err(|stop| self.stopped(stop))?;
            done += piece;
        }
        Ok(())
    }

    fn handle(&mut self, shape: &Shape, handle: u32) -> Carried<u32> {
        let ShapeKind::Handle { ownership, caller, callee } = shape.kind else { return Ok(handle) };
        let passing = Passing { way: self.way, ownership, caller, callee, parameter: self.parameter };
        let passed = self.handles.pass(passing, handle);
        passed.map_err(|error| fault(error.offender, self.stage, FaultKind::Handle(error)))
    }

    /// Reads an integer of up to 8 bytes from the source.
    fn load(&mut self, from: u64, bytes: u32) -> Carried<u64> {
        let source = slice(self.source.memory(), Region::Part, from, bytes.into());
        let source = source.map_err(|kind| fault(self.way.source(), self.stage, kind))?;
        let mut raw = [0; 8];
        raw[..source.len()].copy_from_slice(source);
        Ok(u64::from_le_bytes(raw))
    }

    /// Writes the lowest bytes of an integer to the target.
    fn store(&mut self, to: u64, bytes: u32, value: u64) -> Carried<()> {
        let target = slice(self.target.memory(), Region::Part, to, bytes.into());
        let target = target.map_err(|kind| fault(self.way.target(), self.stage, kind))?;
        target.copy_from_slice(&value.to_le_bytes()[..target.len()]);
        Ok(())
    }

    /// Reads the pointer and the length of a string or list.
    fn load_pair(&mut self, from: u64) -> Carried<(u32, u32)> {
        let both = self.load(from, 8)?;
        Ok((both as u32, (both >> 32) as u32))
    }

    fn store_pair(&mut self, to: u64, pointer: u32, length: u32) -> Carried<()> {
        self.store(to, 8, u64::from(length) << 32 | u64::from(pointer))
    }

    fn source_fault(&self, kind: FaultKind) -> Box<Fault> {
        fault(self.way.source(), self.stage, kind)
    }

    fn target_fault(&self, kind: FaultKind) -> Box<Fault> {
        fault(self.way.target(), self.stage, kind)
    }

    /// Who passes too much is the source.
    fn stopped(&self, stop: Stop) -> Box<Fault> {
        match stop {
            Stop::Limit { unit, limit } => self.source_fault(FaultKind::Limit { unit, limit }),
            Stop::Interrupted(side) => fault(side, self.stage, FaultKind::Interrupted),
        }
    }

    /// A fault in part `index` of a value of type `ty`.
    #[cold]
    fn within(&self, fault: Box<Fault>, ty: Type, index: usize) -> Box<Fault> {
        fault.within(&part_name(self.world, ty, Some(index)))
    }
}

#[cold]
fn fault(side: Side, stage: Stage, kind: FaultKind) -> Box<Fault> {
    Fault::new(side, stage, kind)
}

/// The bytes of a range, if the memory has them all.
fn slice(memory: Option<&mut [u8]>, region: Region, address: u64, size: u64) -> Result<&mut [u8], FaultKind> {
    let memory = memory.ok_or(FaultKind::NoMemory)?;
    let bounds = FaultKind::OutOfBounds { region, address, size, memory: memory.len() as u64 };
    let Some(end) = address.checked_add(size).filter(|&end| end <= memory.len() as u64) else { return Err(bounds) };
    // Both are at most the length, which is a `usize`.
    memory.get_mut(address as usize..end as usize).ok_or(bounds)
}

/// Whether a range lies within the memory of `end`, as it is now, and is aligned.
pub(super) fn check_range(
    end: &mut dyn End,
    region: Region,
    pointer: u32,
    size: u64,
    align: u32,
) -> Result<(), FaultKind> {
    if !pointer.is_multiple_of(align) {
        return Err(FaultKind::Misaligned { region, address: pointer, align });
    }
    slice(end.memory(), region, pointer.into(), size).map(drop)
}
