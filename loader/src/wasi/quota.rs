//! How much a directory's guests may make grow, and have open.
//!
//! *What is counted.* The growth of files by their length, whoever's they were: a write, from where the file ended to
//! where the write ends, so holes count; an allocation and a new size likewise. For every name that is made, of a file,
//! directory or link, [`ENTRY_BYTES`]: so that empty files are bounded too. And the growth of directories, which on many
//! file systems keep their size when names in them are gone. It is counted before it happens, but for that of directories:
//! so the bytes of a grant are overrun by one step of a directory's growth at most.
//!
//! *What is credited* is what was charged, and nothing else: for each file the ledger of the tree knows who was charged how
//! much. A file that is cut gives back what it was charged for, at most; a file whose last name goes (unlinked, or replaced
//! by a rename), all of it, once nobody in this process has it open (see `inodes.rs`); a name that goes while others are
//! left, what one name costs. Whether a name was the last, the kernel says, of the file itself, after it is gone. So there
//! is nothing to gain from files that somebody else wrote, from hard links, or from files that are unlinked while open.
//! Room that was there before the grant is not given: cutting a file that nobody was charged for credits nothing.
//!
//! *What is not counted*: holes that were there before, when they are filled. And what a file system spends besides.
//!
//! *How.* Charges go to the account of the capability and of all that it was derived from, so that two that share a
//! hundred bytes can't write two hundred. The ledger of a tree is locked from looking at a file's length until what was
//! done is charged: two guests never count on the same last bytes. Where no limit applies, nothing is locked or looked at.

use super::errno::{Errno, Rule};
use super::grant::{DirLimits, DirUsage};
use super::inodes::{self, Inode};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a name costs: the file or directory behind it while it is empty, a symbolic link's target, the name itself. As much
/// as file systems commonly spend on one, and on what is lost in the last block of a file.
pub(super) const ENTRY_BYTES: u64 = 4096;

/// The most files of which an account knows what they were charged for, a tenth of a kilobyte each. What is charged for
/// more is not credited again.
const MAX_FILES: u32 = 1 << 17;

/// What a guest is told when there is nothing left.
pub(super) const EXHAUSTED: Errno = Errno::DQUOT.by(Rule::Bytes);

/// Whether there is any limit of bytes in this process.
static LIMITED: AtomicBool = AtomicBool::new(false);

/// Whether any credit was ever possible in this process.
pub(super) fn in_use() -> bool {
    LIMITED.load(Ordering::SeqCst)
}

/// What one capability spends, of its own and its ancestors' limits.
#[derive(Debug)]
pub(super) struct Account {
    parent: Option<Arc<Account>>,
    limits: DirLimits,
    /// Its own spending and its descendants'.
    bytes: AtomicU64,
    open: AtomicU32,
    /// In how many [`Charges`] it is, by itself.
    files: AtomicU32,
}

impl Account {
    /// One that has spent nothing.
    pub(super) fn new(parent: Option<&Arc<Account>>, limits: DirLimits) -> Arc<Account> {
        if limits.max_bytes.is_some() {
            LIMITED.store(true, Ordering::SeqCst);
        }
        Arc::new(Account {
            parent: parent.cloned(),
            limits,
            bytes: AtomicU64::new(0),
            open: AtomicU32::new(0),
            files: AtomicU32::new(0),
        })
    }

    /// Itself, its parent, and so on.
    fn lineage(&self) -> impl Iterator<Item = &Account> {
        std::iter::successors(Some(self), |account| account.parent.as_deref())
    }

    /// Whether bytes are limited.
    pub(super) fn counts_bytes(&self) -> bool {
        self.lineage().any(|account| account.limits.max_bytes.is_some())
    }

    /// What it and its descendants use.
    pub(super) fn usage(&self) -> DirUsage {
        DirUsage { bytes: self.bytes.load(Ordering::SeqCst), open: self.open.load(Ordering::SeqCst) }
    }

    /// How many bytes more it may spend. It gets less only under the lock of the ledger.
    fn room(&self) -> u64 {
        let room = |account: &Account| {
            account.limits.max_bytes.map_or(u64::MAX, |max| max.saturating_sub(account.bytes.load(Ordering::SeqCst)))
        };
        self.lineage().map(room).min().unwrap_or(u64::MAX)
    }

    /// Whether more is spent than may be, as a directory's growth can.
    fn is_overdrawn(&self) -> bool {
        let over =
            |account: &Account| account.limits.max_bytes.is_some_and(|max| account.bytes.load(Ordering::SeqCst) > max);
        self.lineage().any(over)
    }

    /// Charges it and its ancestors.
    pub(super) fn spend(&self, bytes: u64) {
        for account in self.lineage() {
            account.bytes.fetch_add(bytes, Ordering::SeqCst);
        }
    }

    /// Credits it and its ancestors with what they were charged.
    fn give_back(&self, bytes: u64) {
        for account in self.lineage() {
            account.bytes.fetch_sub(bytes, Ordering::SeqCst);
        }
    }

    /// Counts a descriptor that is to be opened. `MFILE` if there may be no more.
    pub(super) fn open_one(self: &Arc<Account>) -> Result<OpenTicket, Errno> {
        for (counted, account) in self.lineage().enumerate() {
            let one_more = |open: u32| {
                let max = account.limits.max_open.unwrap_or(u32::MAX);
                (open < max).then(|| open + 1)
            };
            if account.open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).is_err() {
                for account in self.lineage().take(counted) {
                    account.open.fetch_sub(1, Ordering::SeqCst);
                }
                return Err(Errno::MFILE.by(Rule::Descriptors));
            }
        }
        Ok(OpenTicket(Arc::clone(self)))
    }
}

/// A descriptor that is counted.
#[derive(Debug)]
pub(super) struct OpenTicket(Arc<Account>);

impl Drop for OpenTicket {
    fn drop(&mut self) {
        for account in self.0.lineage() {
            account.open.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// What was charged for one file, and to whom.
#[derive(Debug, Default)]
pub(super) struct Charges(Vec<Charge>);

#[derive(Debug)]
struct Charge {
    account: Arc<Account>,
    /// For its length.
    bytes: u64,
    /// How many of its names.
    names: u64,
}

impl Charges {
    /// Notes what `account` has spent; false if it was not noted, because the account knows of as many files as it may.
    pub(super) fn add(&mut self, account: &Arc<Account>, bytes: u64, names: u64) {
        let known = self.0.iter_mut().find(|charge| Arc::ptr_eq(&charge.account, account));
        if let Some(charge) = known {
            charge.bytes += bytes;
            charge.names += names;
        } else if account.files.fetch_add(1, Ordering::Relaxed) < MAX_FILES {
            self.0.push(Charge { account: Arc::clone(account), bytes, names });
        } else {
            account.files.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Adds those of `other`.
    pub(super) fn append(&mut self, mut other: Charges) {
        self.0.append(&mut other.0);
    }

    /// Credits what was charged for at most `bytes` of its length, last who was charged last.
    fn shrink(&mut self, mut bytes: u64) {
        for charge in self.0.iter_mut().rev() {
            let freed = charge.bytes.min(bytes);
            charge.account.give_back(freed);
            charge.bytes -= freed;
            bytes -= freed;
        }
        self.forget_empty();
    }

    /// Credits what was charged for its length beyond `len`: it has no more.
    fn cap(&mut self, len: u64) {
        let charged: u64 = self.0.iter().map(|charge| charge.bytes).sum();
        self.shrink(charged.saturating_sub(len));
    }

    /// Credits what was charged for one of its names.
    fn lose_name(&mut self) {
        if let Some(charge) = self.0.iter_mut().rev().find(|charge| charge.names > 0) {
            charge.account.give_back(ENTRY_BYTES);
            charge.names -= 1;
        }
        self.forget_empty();
    }

    /// Credits all of it.
    pub(super) fn credit(mut self) {
        for charge in &mut self.0 {
            charge.account.give_back(std::mem::take(&mut charge.bytes));
            charge.account.give_back(std::mem::take(&mut charge.names) * ENTRY_BYTES);
        }
        self.forget_empty();
    }

    fn forget_empty(&mut self) {
        self.0.retain(|charge| {
            let keeps = charge.bytes > 0 || charge.names > 0;
            if !keeps {
                charge.account.files.fetch_sub(1, Ordering::Relaxed);
            }
            keeps
        });
    }
}

/// What the capabilities of one derivation tree share.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// What was charged, for each file that has a name.
    ledger: Mutex<BTreeMap<Inode, Charges>>,
    /// Whether any of them limits bytes.
    limited: AtomicBool,
}

impl Tree {
    /// To be told of every account that is added.
    pub(super) fn note(&self, account: &Account) {
        if account.limits.max_bytes.is_some() {
            self.limited.store(true, Ordering::SeqCst);
        }
    }

    /// Locks the ledger for a call that makes something grow; `None` if nobody counts that.
    pub(super) fn growing<'a>(&'a self, account: &'a Arc<Account>) -> Option<Counting<'a>> {
        account.counts_bytes().then(|| self.counting(Some(account)))
    }

    /// Locks the ledger for a call that makes something less: others may have been charged for it. `None` if nobody counts.
    pub(super) fn shrinking<'a>(&'a self, account: &'a Arc<Account>) -> Option<Counting<'a>> {
        let limited = self.limited.load(Ordering::SeqCst);
        limited.then(|| self.counting(account.counts_bytes().then_some(account)))
    }

    fn counting<'a>(&'a self, account: Option<&'a Arc<Account>>) -> Counting<'a> {
        Counting { ledger: self.ledger.lock().unwrap_or_else(PoisonError::into_inner), account }
    }
}

/// The locked ledger, and who is to be charged, if anybody is.
#[derive(Debug)]
pub(super) struct Counting<'a> {
    ledger: MutexGuard<'a, BTreeMap<Inode, Charges>>,
    account: Option<&'a Arc<Account>>,
}

impl Counting<'_> {
    /// How many bytes there are to spend.
    pub(super) fn room(&self) -> u64 {
        self.account.map_or(u64::MAX, |account| account.room())
    }

    /// `DQUOT` if there are fewer than `bytes` to spend.
    pub(super) fn afford(&self, bytes: u64) -> Result<(), Errno> {
        if bytes <= self.room() { Ok(()) } else { Err(EXHAUSTED) }
    }

    /// `DQUOT` if more is spent than may be: then directories do not grow either.
    pub(super) fn solvent(&self) -> Result<(), Errno> {
        match self.account {
            Some(account) if account.is_overdrawn() => Err(EXHAUSTED),
            _ => Ok(()),
        }
    }

    /// Charges for the length of a file, and for names of it.
    pub(super) fn charge(&mut self, inode: Inode, bytes: u64, names: u64) {
        let Some(account) = self.account else { return };
        if bytes == 0 && names == 0 {
            return;
        }
        account.spend(bytes.saturating_add(names * ENTRY_BYTES));
        if inodes::with_owed(inode, |owed| owed.add(account, bytes, names)).is_none() {
            self.ledger.entry(inode).or_default().add(account, bytes, names);
            self.forget_if_empty(inode);
        }
    }

    /// Charges for what nobody will be credited for.
    pub(super) fn charge_for_good(&self, bytes: u64) {
        if let Some(account) = self.account {
            account.spend(bytes);
        }
    }

    /// Charges, or credits, for a length that has changed.
    pub(super) fn resized(&mut self, inode: Inode, before: u64, after: u64) {
        if after > before {
            self.charge(inode, after - before, 0);
        } else if after < before {
            self.change(inode, |charges| charges.shrink(before - after));
        }
    }

    /// Forgets charges for more than the `len` bytes that a file has: somebody else has cut it.
    pub(super) fn seen(&mut self, inode: Inode, len: u64) {
        self.change(inode, |charges| charges.cap(len));
    }

    /// Credits for a name that is gone, while the file has others.
    pub(super) fn lost_name(&mut self, inode: Inode) {
        self.change(inode, Charges::lose_name);
    }

    /// Credits for a file that has lost its last name.
    pub(super) fn lost_last_name(&mut self, inode: Inode) {
        let charges = self.ledger.remove(&inode).unwrap_or_default();
        inodes::nameless(inode, charges);
    }

    fn change(&mut self, inode: Inode, change: impl FnOnce(&mut Charges)) {
        match self.ledger.get_mut(&inode) {
            Some(charges) => {
                change(charges);
                self.forget_if_empty(inode);
            }
            None => drop(inodes::with_owed(inode, change)),
        }
    }

    fn forget_if_empty(&mut self, inode: Inode) {
        if self.ledger.get(&inode).is_some_and(|charges| charges.0.is_empty()) {
            self.ledger.remove(&inode);
        }
    }
}
