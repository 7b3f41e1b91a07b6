//! The handles that an instance has of resources that modules define (CanonicalABI.md, "Resource State").
//!
//! Folders are not among them: a folder's handle is a descriptor.
//!
//! ```text
//!   handle, 28 bits: │ generation, 8 │ position + 1, 20 │      0 is none
//! ```
//!
//! A number is looked up in the table of whoever passes it, and nowhere else, so a forged one is at most another handle of
//! the forger. The generation tells a handle from a later one in its place, in all but one of 256 cases.

use crate::resources::Defined;
use std::fmt;

/// Handles that an instance may have of which nothing is said.
pub(super) const DEFAULT_HANDLES: u32 = 1 << 16;

const POSITION_BITS: u32 = 20;
/// Handles that an instance may have, whatever is said.
const MAX_HANDLES: u32 = (1 << POSITION_BITS) - 1;

/// One handle.
#[derive(Clone, Copy, Debug)]
struct Handle {
    resource: Defined,
    /// What the definer knows it by.
    representation: u32,
    /// Whether it was lent to the instance, for a call that is under way.
    borrowed: bool,
    /// To how many calls that are under way the instance has lent it.
    lent: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    generation: u8,
    handle: Option<Handle>,
}

/// The handles of an instance.
#[derive(Debug)]
pub(super) struct Handles {
    places: Vec<Place>,
    /// Places without a handle.
    free: Vec<u32>,
    most: u32,
}

/// Why a handle can't be used. Reads as what follows "handle 7".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misuse {
    /// There is none of that number.
    None,
    /// It is of another resource.
    Other,
    /// It is lent to the instance, which so can't hand it over.
    Borrowed,
    /// It is lent to somebody.
    Lent,
    /// It is lent to more calls than can be counted.
    TooOften,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Misuse::None => "which it does not have",
            Misuse::Other => "which is of another resource",
            Misuse::Borrowed => "which was only lent to it",
            Misuse::Lent => "which it has lent to a call that is under way",
            Misuse::TooOften => "which it has lent too often",
        })
    }
}

/// There is no room for another one: how many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full(pub(super) u32);

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it has {} handles, and limits.handles allows no more", self.0)
    }
}

impl Handles {
    /// Of an instance that may have so many.
    pub(super) fn new(most: Option<u64>) -> Handles {
        let most = most.map_or(DEFAULT_HANDLES, |most| u32::try_from(most).unwrap_or(MAX_HANDLES));
        Handles { places: Vec::new(), free: Vec::new(), most: most.min(MAX_HANDLES) }
    }

    /// How many there may be.
    pub(super) fn most(&self) -> u32 {
        self.most
    }

    /// A handle that is the instance's own.
    pub(super) fn add_own(&mut self, resource: Defined, representation: u32) -> Result<u32, Full> {
        self.add(resource, representation, false)
    }

    /// A handle that is lent to the instance.
    pub(super) fn add_borrowed(&mut self, resource: Defined, representation: u32) -> Result<u32, Full> {
        self.add(resource, representation, true)
    }

    fn add(&mut self, resource: Defined, representation: u32, borrowed: bool) -> Result<u32, Full> {
        if self.places.len() - self.free.len() >= self.most as usize {
            return Err(Full(self.most));
        }
        Ok(self.put(resource, representation, borrowed))
    }

    /// Takes back what the instance had handed over, and had room for.
    pub(super) fn put_back(&mut self, resource: Defined, representation: u32) {
        // Of places there are at most as many as handles at once. Nothing that it made meanwhile has taken the last one:
        // it has not run.
        if self.places.len() - self.free.len() < MAX_HANDLES as usize {
            self.put(resource, representation, false);
        }
    }

    fn put(&mut self, resource: Defined, representation: u32, borrowed: bool) -> u32 {
        let handle = Some(Handle { resource, representation, borrowed, lent: 0 });
        let position = match self.free.pop() {
            Some(position) => position,
            None => {
                self.places.push(Place::default());
                self.places.len() as u32 - 1
            }
        };
        let place = &mut self.places[position as usize];
        place.handle = handle;
        u32::from(place.generation) << POSITION_BITS | (position + 1)
    }

    fn place(&mut self, handle: u32) -> Option<(u32, &mut Place)> {
        let position = (handle & MAX_HANDLES).checked_sub(1)?;
        let place = self.places.get_mut(position as usize)?;
        (u32::from(place.generation) == handle >> POSITION_BITS).then_some((position, place))
    }

    fn find(&mut self, handle: u32, resource: Defined) -> Result<(u32, &mut Handle), Misuse> {
        let (position, place) = self.place(handle).ok_or(Misuse::None)?;
        let found = place.handle.as_mut().ok_or(Misuse::None)?;
        if found.resource == resource { Ok((position, found)) } else { Err(Misuse::Other) }
    }

    fn remove(&mut self, position: u32) {
        let place = &mut self.places[position as usize];
        place.handle = None;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(position);
    }

    /// What the definer knows it by.
    pub(super) fn representation(&mut self, handle: u32, resource: Defined) -> Result<u32, Misuse> {
        self.find(handle, resource).map(|(_, found)| found.representation)
    }

    /// Takes a handle away to hand it over.
    pub(super) fn take(&mut self, handle: u32, resource: Defined) -> Result<u32, Misuse> {
        match self.find(handle, resource)? {
            (_, Handle { borrowed: true, .. }) => Err(Misuse::Borrowed),
            (_, Handle { lent: 1.., .. }) => Err(Misuse::Lent),
            (position, &mut Handle { representation, .. }) => {
                self.remove(position);
                Ok(representation)
            }
        }
    }

    /// Lends a handle to a call, until [`Handles::returned`].
    pub(super) fn lend(&mut self, handle: u32, resource: Defined) -> Result<u32, Misuse> {
        let (_, found) = self.find(handle, resource)?;
        found.lent = found.lent.checked_add(1).ok_or(Misuse::TooOften)?;
        Ok(found.representation)
    }

    /// The call that a handle was lent to is over.
    pub(super) fn returned(&mut self, handle: u32) {
        // What is lent can't be taken away; only the instance's end takes everything.
        if let Some((_, Place { handle: Some(found), .. })) = self.place(handle) {
            found.lent = found.lent.saturating_sub(1);
        }
    }

    /// Gives a handle back. What the definer knows it by, if it was the instance's own: then nobody has it any more.
    pub(super) fn give_back(&mut self, handle: u32, resource: Defined) -> Result<Option<u32>, Misuse> {
        match self.find(handle, resource)? {
            (_, Handle { lent: 1.., .. }) => Err(Misuse::Lent),
            (position, &mut Handle { representation, borrowed, .. }) => {
                self.remove(position);
                Ok((!borrowed).then_some(representation))
            }
        }
    }

    /// The call is over for which a handle was lent to the instance. Says whether the instance still had it.
    pub(super) fn expire(&mut self, handle: u32) -> bool {
        match self.place(handle) {
            Some((position, Place { handle: Some(Handle { borrowed: true, .. }), .. })) => {
                self.remove(position);
                true
            }
            _ => false,
        }
    }

    /// Takes back a handle that the instance has not learned of.
    pub(super) fn undo(&mut self, handle: u32) {
        if let Some((position, Place { handle: Some(_), .. })) = self.place(handle) {
            self.remove(position);
        }
    }

    /// Ends all handles: those that were the instance's own, by what their definers know them by.
    pub(super) fn end(&mut self) -> Vec<(Defined, u32)> {
        self.free = Vec::new();
        self.most = 0;
        let own = std::mem::take(&mut self.places).into_iter().filter_map(|place| place.handle);
        own.filter(|handle| !handle.borrowed).map(|handle| (handle.resource, handle.representation)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::NodeId;

    const R: Defined = Defined { definer: NodeId(1), resource: 0 };
    const S: Defined = Defined { definer: NodeId(2), resource: 0 };

    #[test]
    fn a_handle_is_one_of_its_own_resource_until_it_is_gone() {
        let mut handles = Handles::new(None);
        let handle = handles.add_own(R, 7).unwrap();
        assert_eq!(handles.representation(handle, R), Ok(7));
        assert_eq!(handles.representation(handle, S), Err(Misuse::Other));
        for forged in [0, handle + 1, handle | 1 << POSITION_BITS, handle | 1 << 28, u32::MAX] {
            assert_eq!(handles.take(forged, R), Err(Misuse::None), "{forged}");
        }
        assert_eq!(handles.take(handle, R), Ok(7));
        assert_eq!(handles.take(handle, R), Err(Misuse::None));
        let next = handles.add_own(R, 8).unwrap();
        assert_ne!(next, handle, "the place is the same");
        assert_eq!(handles.give_back(handle, R), Err(Misuse::None));
        assert_eq!(handles.give_back(next, R), Ok(Some(8)));
    }

    #[test]
    fn what_is_lent_stays_and_what_was_borrowed_is_not_handed_over() {
        let mut handles = Handles::new(None);
        let own = handles.add_own(R, 7).unwrap();
        assert_eq!((handles.lend(own, R), handles.lend(own, R)), (Ok(7), Ok(7)));
        assert_eq!(handles.take(own, R), Err(Misuse::Lent));
        assert_eq!(handles.give_back(own, R), Err(Misuse::Lent));
        handles.returned(own);
        assert_eq!(handles.give_back(own, R), Err(Misuse::Lent));
        handles.returned(own);
        assert_eq!(handles.give_back(own, R), Ok(Some(7)));

        let borrowed = handles.add_borrowed(R, 7).unwrap();
        assert_eq!(handles.take(borrowed, R), Err(Misuse::Borrowed));
        assert_eq!(handles.lend(borrowed, R), Ok(7));
        handles.returned(borrowed);
        assert!(handles.expire(borrowed) && !handles.expire(borrowed));
        let borrowed = handles.add_borrowed(R, 7).unwrap();
        assert_eq!(handles.give_back(borrowed, R), Ok(None), "it runs no destructor");
        assert!(!handles.expire(borrowed));
    }

    #[test]
    fn there_are_no_more_than_the_limit() {
        let mut handles = Handles::new(Some(2));
        let first = handles.add_own(R, 0).unwrap();
        handles.add_borrowed(R, 1).unwrap();
        assert_eq!(handles.add_own(R, 2), Err(Full(2)));
        handles.take(first, R).unwrap();
        handles.add_own(S, 3).unwrap();
        assert_eq!(handles.end(), [(S, 3)]);
        assert_eq!(handles.add_own(R, 4), Err(Full(0)), "who is dead has none");
        assert_eq!(Handles::new(Some(u64::MAX)).most(), MAX_HANDLES);
    }
}
