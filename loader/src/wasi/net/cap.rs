//! The capability of connections or datagrams, live: what was granted, derived from what it came from, and what it spends.
//!
//! Connections and bytes are charged to a capability and to all that it was derived from, before they happen: so two
//! children can't overdraw what their parent holds. What is reserved and not used is given back.

use super::super::errno::{Errno, Rule};
use super::policy::Net;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections, or datagrams, with a place in a tree of derivation.
#[derive(Clone, Debug)]
pub struct NetCap(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    grant: Net,
    parent: Option<Arc<Inner>>,
    revoked: AtomicBool,
    spent: Mutex<Spent>,
    /// Held by whoever reserves anywhere in the tree: looking at all limits on the way up and charging them is one step.
    tree: Arc<Mutex<()>>,
}

/// What a capability and its descendants have spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Spent {
    connections: u32,
    bytes: u64,
}

/// Why a capability could not be derived.
#[derive(Debug, thiserror::Error)]
#[error("what is asked for is more than what it is derived from")]
pub struct NotWithin;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl NetCap {
    /// The root of a tree.
    pub fn new(grant: Net) -> NetCap {
        NetCap::with(grant, None, Arc::default())
    }

    fn with(grant: Net, parent: Option<Arc<Inner>>, tree: Arc<Mutex<()>>) -> NetCap {
        NetCap(Arc::new(Inner { grant, parent, revoked: AtomicBool::new(false), spent: Mutex::default(), tree }))
    }

    /// One that grants less, or the same.
    ///
    /// # Errors
    /// [`NotWithin`] if it would grant more.
    pub fn derive(&self, grant: Net) -> Result<NetCap, NotWithin> {
        if !self.0.grant.covers(&grant) {
            return Err(NotWithin);
        }
        Ok(NetCap::with(grant, Some(Arc::clone(&self.0)), Arc::clone(&self.0.tree)))
    }

    /// What it grants.
    pub fn grant(&self) -> &Net {
        &self.0.grant
    }

    /// Ends it and all that was derived from it.
    pub fn revoke(&self) {
        self.0.revoked.store(true, Ordering::SeqCst);
    }

    fn lineage(&self) -> impl Iterator<Item = &Inner> {
        std::iter::successors(Some(&*self.0), |inner| inner.parent.as_deref())
    }

    /// Fails once it, or what it was derived from, was revoked.
    pub(in super::super) fn alive(&self) -> Result<(), Errno> {
        match self.lineage().any(|inner| inner.revoked.load(Ordering::SeqCst)) {
            true => Err(Errno::STALE.by(Rule::Revoked)),
            false => Ok(()),
        }
    }

    /// Counts a connection that is to be made. `MFILE` if there may be no more.
    pub(in super::super) fn connection(&self) -> Result<Ticket, Errno> {
        self.alive()?;
        let _tree = locked(&self.0.tree);
        let full =
            |inner: &Inner| inner.grant.max_connections.is_some_and(|most| locked(&inner.spent).connections >= most);
        if self.lineage().any(full) {
            return Err(Errno::MFILE.by(Rule::Connections));
        }
        for inner in self.lineage() {
            let mut spent = locked(&inner.spent);
            spent.connections = spent.connections.saturating_add(1);
        }
        Ok(Ticket(self.clone()))
    }

    /// Charges at most `bytes` that are to be sent or received. `DQUOT` if there are none left.
    pub(in super::super) fn reserve(&self, bytes: usize) -> Result<Reserved<'_>, Errno> {
        self.alive()?;
        let _tree = locked(&self.0.tree);
        let room = |inner: &Inner| {
            inner.grant.max_bytes.map_or(u64::MAX, |most| most.saturating_sub(locked(&inner.spent).bytes))
        };
        let room = self.lineage().map(room).min().unwrap_or(0);
        let granted = bytes.min(usize::try_from(room).unwrap_or(usize::MAX));
        if granted == 0 && bytes > 0 {
            return Err(Errno::DQUOT.by(Rule::Bytes));
        }
        for inner in self.lineage() {
            let mut spent = locked(&inner.spent);
            spent.bytes = spent.bytes.saturating_add(granted as u64);
        }
        Ok(Reserved { cap: self, bytes: granted, used: 0 })
    }
}

/// A connection that is counted.
#[derive(Debug)]
pub(in super::super) struct Ticket(NetCap);

impl Ticket {
    /// Whether it is counted by this capability.
    pub(in super::super) fn is_of(&self, cap: &NetCap) -> bool {
        Arc::ptr_eq(&self.0.0, &cap.0)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        for inner in self.0.lineage() {
            let mut spent = locked(&inner.spent);
            spent.connections = spent.connections.saturating_sub(1);
        }
    }
}

/// Bytes that are charged; those that were not used are given back.
#[derive(Debug)]
pub(in super::super) struct Reserved<'a> {
    cap: &'a NetCap,
    /// How many may be moved.
    pub(in super::super) bytes: usize,
    used: usize,
}

impl Reserved<'_> {
    /// Says how many of them were moved.
    pub(in super::super) fn used(mut self, bytes: usize) {
        self.used = bytes.min(self.bytes);
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        for inner in self.cap.lineage() {
            let mut spent = locked(&inner.spent);
            spent.bytes = spent.bytes.saturating_sub((self.bytes - self.used) as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(max_connections: u32, max_bytes: u64) -> Net {
        Net { max_connections: Some(max_connections), max_bytes: Some(max_bytes), ..Net::default() }
    }

    #[test]
    fn two_children_do_not_overdraw_their_parent() {
        let parent = NetCap::new(limited(2, 100));
        let (one, two) = (parent.derive(limited(2, 100)).unwrap(), parent.derive(limited(2, 80)).unwrap());
        let held = one.connection().unwrap();
        let _other = two.connection().unwrap();
        assert_eq!(one.connection().unwrap_err().rule(), Some(Rule::Connections));
        drop(held);
        assert!(two.connection().is_ok());

        one.reserve(60).unwrap().used(60);
        let reserved = two.reserve(60).unwrap();
        assert_eq!(reserved.bytes, 40, "what the parent has left");
        assert_eq!(one.reserve(1).unwrap_err(), Errno::DQUOT);
        reserved.used(10);
        assert_eq!(one.reserve(50).unwrap().bytes, 30, "what was not used was given back");
        assert_eq!(one.reserve(0).unwrap().bytes, 0);
    }

    #[test]
    fn what_is_revoked_above_is_revoked_below() {
        let parent = NetCap::new(Net::default());
        let child = parent.derive(Net::default()).unwrap();
        parent.revoke();
        assert_eq!(child.connection().unwrap_err().rule(), Some(Rule::Revoked));
        assert_eq!(child.reserve(1).unwrap_err().rule(), Some(Rule::Revoked));
    }

    #[test]
    fn nothing_widens() {
        let parent = NetCap::new(limited(1, 1));
        assert!(parent.derive(limited(2, 1)).is_err() && parent.derive(Net::default()).is_err());
    }
}
