//! The lists of a pool's groups: one for each processor, each with its own lock, and the thread that cleans.
//!
//! A thread takes from its own list and a group goes back to the list that it was taken from, so two threads meet only if
//! there are more threads than lists, or a list is empty. The last one given back is the first to be handed out: it is still
//! in that processor's caches.

use super::pagemap::Pagemap;
use super::seat::{Returned, Seat};
use super::{PoolConfig, Stats};
use crate::group::new_ids;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::Thread;

/// Ids that a list takes at a time.
const IDS: u64 = 4096;

/// What all lists of a pool have in common. Nothing in it is written while groups come and go.
#[derive(Debug)]
pub(super) struct Shared {
    pub config: PoolConfig,
    pagemap: Option<Pagemap>,
    /// How many groups there are.
    pub groups: AtomicUsize,
    cleaner: OnceLock<Thread>,
    /// Whether the cleaner waits to be told.
    sleeping: AtomicBool,
    closed: AtomicBool,
    /// All lists.
    shards: Mutex<Vec<Weak<Shard>>>,
}

/// A group that is counted, until it is made or given up.
pub(super) struct Place<'a>(pub &'a Shared);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.groups.fetch_sub(1, Ordering::Relaxed);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub fn new(config: PoolConfig, pagemap: Option<Pagemap>) -> Shared {
        Shared {
            config,
            pagemap,
            groups: AtomicUsize::new(0),
            cleaner: OnceLock::new(),
            sleeping: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            shards: Mutex::default(),
        }
    }

    pub fn pagemap(&self) -> Option<&Pagemap> {
        self.pagemap.as_ref()
    }

    pub fn set_cleaner(&self, thread: Thread) {
        // There is one.
        let _ = self.cleaner.set(thread);
    }

    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        if let Some(cleaner) = self.cleaner.get() {
            cleaner.unpark();
        }
    }

    /// Tells the cleaner that there is work.
    fn call_cleaner(&self) {
        if let Some(cleaner) = self.cleaner.get()
            && self.sleeping.swap(false, Ordering::SeqCst)
        {
            cleaner.unpark();
        }
    }
}

#[derive(Default)]
#[allow(clippy::vec_box, reason = "a lease has the box, and a group that comes or goes is one word")]
struct Lists {
    clean: Vec<Box<Seat>>,
    unclean: Vec<Box<Seat>>,
    /// Not yet given to a lease.
    ids: Range<u64>,
    stats: Stats,
    closed: bool,
}

/// The groups of a few threads. A cache line of its own, and the next, which processors fetch with it.
#[repr(align(128))]
pub(super) struct Shard {
    lists: Mutex<Lists>,
    /// Most groups in them.
    most: usize,
    shared: Arc<Shared>,
}

impl Shard {
    /// The list `index` of `count`.
    pub fn new(shared: &Arc<Shared>, index: usize, count: usize) -> Arc<Shard> {
        let idle = shared.config.max_idle;
        let most = idle / count + usize::from(index < idle % count);
        let shard = Arc::new(Shard { lists: Mutex::default(), most, shared: Arc::clone(shared) });
        locked(&shared.shards).push(Arc::downgrade(&shard));
        shard
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        locked(&self.lists)
    }

    /// A clean group, if there is one, and the id of a lease.
    pub fn take(&self) -> (Option<Box<Seat>>, u64) {
        let mut lists = self.lists();
        lists.stats.leases += 1;
        let id = lists.ids.next().unwrap_or_else(|| {
            lists.ids = new_ids(IDS);
            lists.ids.next().unwrap_or_default()
        });
        (lists.clean.pop(), id)
    }

    pub fn take_clean(&self) -> Option<Box<Seat>> {
        self.lists().clean.pop()
    }

    pub fn take_unclean(&self) -> Option<Box<Seat>> {
        self.lists().unclean.pop()
    }

    pub fn count(&self, f: impl FnOnce(&mut Stats)) {
        f(&mut self.lists().stats);
    }

    /// A group that is as it was made.
    pub fn put_made(&self, seat: Box<Seat>) {
        if let Some(seat) = self.put(seat, false, |_| ()).and_then(|seat| self.put_elsewhere(seat, false)) {
            self.lose(seat);
        }
    }

    /// Takes the group of a lease back.
    pub fn take_back(&self, mut seat: Box<Seat>) {
        let returned = seat.take_back(&self.shared.config);
        if returned == Returned::Lost {
            return self.lose(seat);
        }
        let values = if returned == Returned::Untouched { Vec::new() } else { seat.host_values() };
        let unclean = returned == Returned::Unclean;
        let refused = self.put(seat, unclean, |stats| match returned {
            Returned::Untouched => stats.untouched += 1,
            Returned::Restored => stats.restored += 1,
            _ => {}
        });
        if let Some(seat) = refused
            && let Some(seat) = self.put_elsewhere(seat, unclean)
        {
            self.lose(seat);
        }
        if unclean {
            self.shared.call_cleaner();
        }
        // Destructors of the host's, which may take their time or panic: the group does not depend on them any more.
        drop(values);
    }

    /// Gives the group back if there is no room.
    fn put(&self, seat: Box<Seat>, unclean: bool, count: impl FnOnce(&mut Stats)) -> Option<Box<Seat>> {
        let mut lists = self.lists();
        count(&mut lists.stats);
        if lists.closed || lists.clean.len() + lists.unclean.len() >= self.most {
            return Some(seat);
        }
        if unclean { &mut lists.unclean } else { &mut lists.clean }.push(seat);
        None
    }

    #[cold]
    fn put_elsewhere(&self, mut seat: Box<Seat>, unclean: bool) -> Option<Box<Seat>> {
        let others: Vec<Arc<Shard>> = locked(&self.shared.shards).iter().filter_map(Weak::upgrade).collect();
        for other in others {
            seat = other.put(seat, unclean, |_| ())?;
        }
        Some(seat)
    }

    /// Drops a group.
    #[cold]
    pub fn lose(&self, seat: Box<Seat>) {
        let _place = Place(&self.shared);
        self.count(|stats| stats.dropped += 1);
        drop(seat);
    }

    /// Cleans what has to be; how many there were.
    pub fn clean(&self, pagemap: Option<&Pagemap>) -> usize {
        let mut count = 0;
        while let Some(mut seat) = self.take_unclean() {
            count += 1;
            match seat.clean(&self.shared.config, pagemap) {
                Ok(()) => {
                    let refused = self.put(seat, false, |stats| stats.cleaned += 1);
                    if let Some(seat) = refused.and_then(|seat| self.put_elsewhere(seat, false)) {
                        self.lose(seat);
                    }
                }
                Err(_) => self.lose(seat),
            }
        }
        count
    }

    pub fn add_to(&self, stats: &mut Stats) {
        let lists = self.lists();
        stats.clean += lists.clean.len();
        stats.unclean += lists.unclean.len();
        let own = &lists.stats;
        stats.leases += own.leases;
        stats.untouched += own.untouched;
        stats.restored += own.restored;
        stats.cleaned += own.cleaned;
        stats.cleaned_late += own.cleaned_late;
        stats.made += own.made;
        stats.dropped += own.dropped;
    }

    /// From now on nothing is kept.
    pub fn close(&self) {
        let (clean, unclean) = {
            let mut lists = self.lists();
            lists.closed = true;
            (std::mem::take(&mut lists.clean), std::mem::take(&mut lists.unclean))
        };
        for seat in clean.into_iter().chain(unclean) {
            self.lose(seat);
        }
    }
}

/// What the pool's thread does.
pub(super) fn cleaner(shared: &Shared, shards: &[Arc<Shard>]) {
    while !shared.closed.load(Ordering::SeqCst) {
        // Said first: whoever puts something there from now on wakes this thread.
        shared.sleeping.store(true, Ordering::SeqCst);
        let cleaned: usize = shards.iter().map(|shard| shard.clean(shared.pagemap())).sum();
        if cleaned == 0 && !shared.closed.load(Ordering::SeqCst) {
            std::thread::park();
        }
    }
}

/// A number of this thread's own, as long as there are not more threads than numbers.
pub(super) fn of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.with(|&number| number)
}
