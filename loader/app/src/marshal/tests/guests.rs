//! Ends that are no guests: memories in vectors, with allocators that keep their word or do not.

use super::random::Random;
use crate::marshal::{Callee, End, HandleError, Handles, Passing, Way};
use bailiwick_loader::Error;
use bailiwick_runtime_abi::trap::TrapCode;
use std::cell::Cell;
use std::rc::Rc;

/// What an allocator does when it is called: memory, alignment, bytes.
pub type Allocator = Box<dyn FnMut(&mut Vec<u8>, u32, u32) -> Result<u32, Error>>;

/// What happens to a memory that a guest, called by the other side's allocator, changes.
pub type Change = Box<dyn FnMut(&mut Vec<u8>)>;

/// A module.
pub struct Guest {
    pub memory: Vec<u8>,
    pub allocator: Allocator,
    /// Each call of the allocator: alignment, bytes, answer.
    pub allocations: Vec<(u32, u32, u32)>,
    /// Counts the calls of this guest's allocator.
    pub runs: Rc<Cell<u32>>,
    /// Runs whenever this memory is looked up after the counter has moved, as if the other side had called back.
    pub callback: Option<(Rc<Cell<u32>>, Change)>,
    seen: u32,
}

impl Guest {
    pub fn new(memory: Vec<u8>, allocator: Allocator) -> Guest {
        Guest { memory, allocator, allocations: Vec::new(), runs: Rc::default(), callback: None, seen: 0 }
    }

    /// With `size` bytes of noise, the first half of which the allocator leaves alone.
    pub fn honest(size: usize, random: &mut Random) -> Guest {
        let mut memory = vec![0; size];
        random.fill(&mut memory);
        let allocator =
            if random.one_in(2) { bump(size as u32 / 2) } else { scattered(size as u32 / 2, random.bits()) };
        Guest::new(memory, allocator)
    }

    /// An allocator that is never called.
    pub fn silent(memory: Vec<u8>) -> Guest {
        Guest::new(memory, Box::new(|_, _, _| panic!("nothing is to be allocated")))
    }
}

/// One behind the other from `next` on, with gaps; the memory grows by pages when it is full.
pub fn bump(mut next: u32) -> Allocator {
    Box::new(move |memory, align, size| {
        let at = (next + 3).next_multiple_of(align);
        next = at + size;
        if next as usize > memory.len() {
            memory.resize((next as usize).next_multiple_of(65_536), 0xa5);
        }
        Ok(at)
    })
}

/// In any order: the first free place from a random one on, at `from` or above.
pub fn scattered(from: u32, seed: u64) -> Allocator {
    let mut random = Random::new(seed);
    let mut taken: Vec<(u32, u32)> = Vec::new();
    Box::new(move |memory, align, size| {
        let span = (memory.len() as u32 - from) as usize;
        let start = from + random.below(span.max(1)) as u32;
        let end = memory.len() as u32;
        let mut candidates = (start..end).chain(from..start).filter(|at| at % align == 0);
        let free = |at: &u32| {
            let (low, high) = (u64::from(*at), u64::from(*at) + u64::from(size.max(1)));
            high <= u64::from(end)
                && taken.iter().all(|&(other, size)| high <= other.into() || low >= u64::from(other) + u64::from(size))
        };
        let at = candidates.find(free).unwrap_or_else(|| {
            let at = end.next_multiple_of(8);
            memory.resize((at + size).next_multiple_of(65_536) as usize, 0x5a);
            at
        });
        taken.push((at, size));
        Ok(at)
    })
}

/// How a guest ends.
pub fn trapped() -> Error {
    Error::trap(TrapCode::Unreachable)
}

impl End for Guest {
    fn memory(&mut self) -> Option<&mut [u8]> {
        if let Some((runs, change)) = &mut self.callback
            && runs.get() != self.seen
        {
            self.seen = runs.get();
            change(&mut self.memory);
        }
        Some(&mut self.memory)
    }

    fn allocate(&mut self, align: u32, size: u32) -> Result<u32, Error> {
        self.runs.set(self.runs.get() + 1);
        let answer = (self.allocator)(&mut self.memory, align, size)?;
        self.allocations.push((align, size, answer));
        Ok(answer)
    }
}

/// What an export does: the guest, its parameters, its results.
pub type Body = Box<dyn FnMut(&mut Guest, &[u64], &mut [u64]) -> Result<(), Error>>;

/// A module with an export.
pub struct Export {
    pub guest: Guest,
    pub body: Body,
    /// What post-return was called with.
    pub cleaned: Vec<Vec<u64>>,
    pub post_return_traps: bool,
    pub calls: u32,
}

impl Export {
    pub fn new(
        guest: Guest,
        body: impl FnMut(&mut Guest, &[u64], &mut [u64]) -> Result<(), Error> + 'static,
    ) -> Export {
        Export { guest, body: Box::new(body), cleaned: Vec::new(), post_return_traps: false, calls: 0 }
    }
}

impl End for Export {
    fn memory(&mut self) -> Option<&mut [u8]> {
        self.guest.memory()
    }

    fn allocate(&mut self, align: u32, size: u32) -> Result<u32, Error> {
        self.guest.allocate(align, size)
    }
}

impl Callee for Export {
    fn call(&mut self, params: &[u64], results: &mut [u64]) -> Result<(), Error> {
        self.calls += 1;
        (self.body)(&mut self.guest, params, results)
    }

    fn post_return(&mut self, results: &[u64]) -> Result<(), Error> {
        self.cleaned.push(results.to_vec());
        if self.post_return_traps { Err(trapped()) } else { Ok(()) }
    }
}

/// Handles that get another number by a rule, so that tests know which.
#[derive(Default)]
pub struct Renumbering {
    pub passed: Vec<(Passing, u32)>,
    pub ended: u32,
    /// Who is to blame for the next one, if it is not to cross.
    pub refuse: Option<crate::marshal::Side>,
}

/// What a handle is on the other side.
pub fn renumbered(way: Way, handle: u32) -> u32 {
    match way {
        Way::ToCallee => handle.wrapping_mul(3) ^ 0x5555_5555,
        Way::ToCaller => handle.wrapping_mul(5) ^ 0x3333_3333,
    }
}

impl Handles for Renumbering {
    fn pass(&mut self, passing: Passing, handle: u32) -> Result<u32, HandleError> {
        if let Some(offender) = self.refuse {
            let reason = format!("passes handle {handle}, which it does not have").into();
            return Err(HandleError { offender, reason });
        }
        self.passed.push((passing, handle));
        Ok(renumbered(passing.way, handle))
    }

    fn end_of_call(&mut self) -> Result<(), HandleError> {
        self.ended += 1;
        Ok(())
    }
}
