//! A group that was handed out.

use super::seat::Seat;
use super::shard::Shard;
use crate::error::Error;
use crate::group::Group;
use crate::instance::Instance;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A group of a [`Pool`](super::Pool), until it is dropped: then it goes back.
///
/// It is used as a [`Group`] is. Whatever is made of it, handles and references, ends with it.
pub struct Pooled {
    /// There until it is dropped.
    seat: Option<Box<Seat>>,
    shard: Arc<Shard>,
}

impl std::fmt::Debug for Pooled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pooled").field("instance", &self.instance()).finish_non_exhaustive()
    }
}

impl Pooled {
    pub(super) fn new(mut seat: Box<Seat>, id: u64, shard: Arc<Shard>) -> Pooled {
        seat.hand_out(id);
        Pooled { seat: Some(seat), shard }
    }

    pub(super) fn begin(&mut self) -> Result<(), Error> {
        self.seat_mut().begin()
    }

    fn seat(&self) -> &Seat {
        self.seat.as_ref().expect("a lease has its group until it is dropped")
    }

    fn seat_mut(&mut self) -> &mut Seat {
        self.seat.as_mut().expect("a lease has its group until it is dropped")
    }

    /// The instance that the pool's groups have: of several, the one that was named when it was made.
    pub fn instance(&self) -> Instance {
        self.seat().instance()
    }
}

impl Deref for Pooled {
    type Target = Group;

    fn deref(&self) -> &Group {
        &self.seat().group
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Group {
        &mut self.seat_mut().group
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if let Some(seat) = self.seat.take() {
            self.shard.take_back(seat);
        }
    }
}
