//! Which files and directories the guests of this process have open.
//!
//! Bytes are on the disk until the last name *and* the last descriptor of a file are gone. So what was charged for a file
//! (see `quota.rs`) is credited when both are: a name's end is seen by the call that removes it, a descriptor's here. All
//! guests of the process are counted together, because what one tree of capabilities was charged for may be open through
//! another, where two grants overlap. What other processes have open is not known, and not a guest's doing.

use super::quota::Charges;
use rustix::fs::Stat;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A file or directory, whatever its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Inode {
    device: u64,
    number: u64,
}

#[allow(clippy::unnecessary_cast, reason = "the fields of `Stat` differ in width between architectures")]
impl From<&Stat> for Inode {
    fn from(stat: &Stat) -> Inode {
        Inode { device: stat.st_dev as u64, number: stat.st_ino as u64 }
    }
}

/// What is open.
#[derive(Debug)]
struct Open {
    descriptors: u32,
    /// If it has no name any more: what is credited when the last descriptor closes.
    owed: Option<Charges>,
}

type Shard = BTreeMap<Inode, Open>;

/// So that guests rarely wait for each other.
const SHARDS: usize = 32;

static OPEN: [Mutex<Shard>; SHARDS] = [const { Mutex::new(Shard::new()) }; SHARDS];

fn shard(inode: Inode) -> MutexGuard<'static, Shard> {
    // Numbers of files that are made one after the other differ in the low bits.
    OPEN[inode.number as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
}

/// One descriptor of a file, for as long as it is open. To be dropped after the descriptor itself.
#[derive(Debug)]
pub(super) struct Registered(Inode);

impl Registered {
    /// Counts a descriptor.
    pub(super) fn new(inode: Inode) -> Registered {
        shard(inode).entry(inode).or_insert(Open { descriptors: 0, owed: None }).descriptors += 1;
        Registered(inode)
    }

    /// Which file it is.
    pub(super) fn inode(&self) -> Inode {
        self.0
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut shard = shard(self.0);
        let Some(open) = shard.get_mut(&self.0) else { return };
        open.descriptors -= 1;
        if open.descriptors == 0
            && let Some(Open { owed: Some(owed), .. }) = shard.remove(&self.0)
        {
            owed.credit();
        }
    }
}

/// Takes what was charged for a file that has lost its last name: credited at once, or when it is closed.
pub(super) fn nameless(inode: Inode, charges: Charges) {
    match shard(inode).get_mut(&inode) {
        Some(open) => open.owed.get_or_insert_default().append(charges),
        None => charges.credit(),
    }
}

/// What is owed for a file without a name that is open; `None` for every other.
pub(super) fn with_owed<T>(inode: Inode, change: impl FnOnce(&mut Charges) -> T) -> Option<T> {
    shard(inode).get_mut(&inode).and_then(|open| open.owed.as_mut()).map(change)
}

#[cfg(test)]
mod tests {
    use super::super::grant::DirLimits;
    use super::super::quota::Account;
    use super::*;

    fn charged(inode: u64, bytes: u64) -> (Inode, std::sync::Arc<Account>, Charges) {
        let account = Account::new(None, DirLimits::default());
        let mut charges = Charges::default();
        account.spend(bytes);
        charges.add(&account, bytes, 0);
        // No device has this number.
        (Inode { device: u64::MAX, number: inode }, account, charges)
    }

    #[test]
    fn what_nobody_has_open_is_credited_at_once() {
        let (inode, account, charges) = charged(1, 10);
        nameless(inode, charges);
        assert_eq!(account.usage().bytes, 0);
    }

    #[test]
    fn what_is_open_is_credited_with_the_last_descriptor() {
        let (inode, account, charges) = charged(2, 10);
        let (one, other) = (Registered::new(inode), Registered::new(inode));
        nameless(inode, charges);
        drop(one);
        assert_eq!(account.usage().bytes, 10);
        // It can grow meanwhile.
        account.spend(5);
        assert!(with_owed(inode, |owed| owed.add(&account, 5, 0)).is_some());
        drop(other);
        assert_eq!(account.usage().bytes, 0);
        assert!(with_owed(inode, |_| ()).is_none());
        // Its number may be another file's by now, of which nothing is owed.
        let reused = Registered::new(inode);
        assert!(with_owed(inode, |_| ()).is_none());
        drop(reused);
    }
}
