//! Groups that are used again: made once, handed out, and brought back to how they were made.
//!
//! ```text
//!             acquire                      drop
//!  clean ───────────────► Pooled ───────────────────────► clean
//!    ▲                       │  memory that is too large to be compared, memory that grew,
//!    │                       ▼  an interrupt, a stack that ran out
//!    └────── cleaner ◄──── unclean
//!            asks the kernel
//! ```
//!
//! What is kept is what is expensive and the same for all: the address range, contexts, slots, host functions, types. What a
//! tenant could change is brought back: memories (all bytes; what was grown is taken away), globals, tables, dropped segments,
//! exceptions, host values, limits that were run into, interrupts. A lease has an id of its own, so that handles of an earlier
//! one, [`InterruptHandle`](crate::InterruptHandle)s included, are refused or do nothing. A guest's stack is not cleaned:
//! compiled code reads nothing there that it has not written. A group that can't be brought back, because the host has
//! put modules, memories, tables, globals or tags into it, is dropped instead.
//!
//! Handing out and taking back make no system call and take one lock, that of the thread's own list, unless a memory is larger
//! than [`PoolConfig::compare`] or has grown: then the group waits until the kernel was asked which pages were written. That is
//! done by the pool's thread ([`PoolConfig::cleaner`]), by [`Pool::clean`], or, if there is no clean group left, by who acquires
//! one.
//!
//! | file | room |
//! |---|---|
//! | `mod.rs` | the pool |
//! | `lease.rs` | a group that was handed out |
//! | `shard.rs` | the lists of groups, one for a few threads |
//! | `seat.rs` | what was in a group, and bringing it back |
//! | `region.rs`, `pagemap.rs` | the same of memories; asking the kernel about them |

mod lease;
mod pagemap;
mod region;
mod seat;
mod shard;

use crate::artifact::Artifact;
use crate::error::Error;
use crate::group::{Group, GroupConfig, looked_at};
use crate::instance::Instance;
use crate::link::Imports;
pub use lease::Pooled;
use pagemap::Pagemap;
use seat::Seat;
use shard::{Shard, Shared};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

/// How a pool works.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PoolConfig {
    /// Most groups that there are at one time, handed out or not. Default 1000.
    pub max_groups: usize,
    /// Most groups that wait to be handed out. Default 100.
    pub max_idle: usize,
    /// Bytes of memories and large tables that a group may have to be brought back without asking the kernel: all of them
    /// are compared with what they were, which takes about 35 ns for 4 KiB. Above, the kernel is the faster one, but it is a
    /// system call. Default 128 KiB.
    pub compare: usize,
    /// Bytes of a group's memories that keep their memory after the kernel was asked, so that the next tenant need not be
    /// given it page by page. Default 1 MiB.
    pub keep: usize,
    /// Whether a thread of the pool does what needs the kernel. Default: no, who acquires a group does it.
    pub cleaner: bool,
    /// Whether the kernel is asked which pages were written (Linux 6.7). Else, and where it can't say, large memories are
    /// mapped anew. Default: yes.
    pub ask_kernel: bool,
}

impl Default for PoolConfig {
    fn default() -> Self {
        PoolConfig {
            max_groups: 1000,
            max_idle: 100,
            compare: 128 << 10,
            keep: 1 << 20,
            cleaner: false,
            ask_kernel: true,
        }
    }
}

/// Why a group can't be brought back to how it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotRecyclable {
    /// Other groups may have the memory, and go on with it.
    #[error("it has a shared memory, which other groups may go on using")]
    SharedMemory,
    /// It is joined to other groups.
    #[error("it calls other groups")]
    Edges,
    /// Guests that ran while it was made have left exceptions.
    #[error("there are exceptions in it")]
    Exceptions,
    /// Another module was instantiated after one with a start function, which runs when the group is handed out.
    #[error("a module with a start function must be the last one that is instantiated")]
    StartBeforeOthers,
    /// Parts of a memory's image lie over one another.
    #[error("the image of a memory overlaps itself")]
    Image,
}

/// What a pool has done, and has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Groups that there are, handed out or not.
    pub groups: usize,
    /// Of these, how many can be handed out at once.
    pub clean: usize,
    /// Of these, how many have to be cleaned first.
    pub unclean: usize,
    /// How often one was handed out.
    pub leases: u64,
    /// How often one was given back in which nothing had happened.
    pub untouched: u64,
    /// How often one was brought back without asking the kernel.
    pub restored: u64,
    /// How often the kernel was asked by the pool's thread or [`Pool::clean`].
    pub cleaned: u64,
    /// How often the kernel was asked by who acquired a group, because there was no clean one.
    pub cleaned_late: u64,
    /// How often a group was made.
    pub made: u64,
    /// How often one was dropped, because it could not be brought back or there were enough.
    pub dropped: u64,
}

type Renew = Box<dyn FnMut() -> Result<(), Error> + Send>;

/// What a pool's closure has made in a group.
pub struct Made {
    instance: Instance,
    renew: Option<Renew>,
}

impl std::fmt::Debug for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Made").field("instance", &self.instance).finish_non_exhaustive()
    }
}

impl From<Instance> for Made {
    fn from(instance: Instance) -> Made {
        Made { instance, renew: None }
    }
}

impl Made {
    /// With what is to be done before each lease of the group: state of its host functions, which the pool does not know,
    /// has to begin anew there. If it fails, the group is not handed out.
    pub fn renewing(instance: Instance, renew: impl FnMut() -> Result<(), Error> + Send + 'static) -> Made {
        Made { instance, renew: Some(Box::new(renew)) }
    }
}

type Make = Box<dyn Fn(&mut Group) -> Result<Made, Error> + Send + Sync>;

/// Groups with instances in them, ready to be used.
///
/// # Host functions
/// What a guest was granted stays, and host functions may have state of their own: what one tenant leaves there, the next
/// finds. A closure that makes a group with its own can have it begin anew ([`Made::renewing`]).
///
/// # Example
/// ```no_run
/// use bailiwick_loader::{Artifact, GroupConfig, Imports, Pool, PoolConfig};
/// let artifact = Artifact::open("handler.bwk")?;
/// let pool = Pool::new(&artifact, &Imports::new(), GroupConfig::default(), PoolConfig::default())?;
/// for request in 0..1000 {
///     let mut lease = pool.acquire()?;
///     let handle = lease.instance().typed_func::<i32, i32>(&mut lease, "handle")?;
///     println!("{}", handle.call(&mut lease, request)?);
///     // Dropped, the lease leaves nothing for the next one to see.
/// }
/// # Ok::<(), bailiwick_loader::Error>(())
/// ```
pub struct Pool {
    make: Make,
    group: GroupConfig,
    shared: Arc<Shared>,
    shards: Arc<[Arc<Shard>]>,
    cleaner: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("config", &self.shared.config)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool of groups with an instance of a module. One is made at once. A start function runs at the beginning of each
    /// lease.
    ///
    /// # Errors
    /// As for [`Group::with_config`] and [`Group::instantiate`]; [`Error::NotRecyclable`]; [`Error::Io`] if its thread can't be
    /// started.
    pub fn new(artifact: &Artifact, imports: &Imports, group: GroupConfig, config: PoolConfig) -> Result<Pool, Error> {
        let (artifact, imports) = (artifact.clone(), imports.clone());
        Pool::with(group, config, move |group| Ok(group.instantiate(&artifact, &imports)?.into()))
    }

    /// A pool of groups that a closure fills: with several modules, with what the host makes, with calls that prepare them.
    /// All that it leaves in the group is what each tenant begins with. Start functions run at the beginning of each lease,
    /// after all that, so only the last module may have one.
    ///
    /// # Errors
    /// As for [`Pool::new`], and what the closure returns.
    ///
    /// # Example
    /// ```no_run
    /// use bailiwick_loader::{Artifact, GroupConfig, Imports, Pool, PoolConfig};
    /// let (library, program) = (Artifact::open("library.bwk")?, Artifact::open("program.bwk")?);
    /// let pool = Pool::with(GroupConfig::default(), PoolConfig::default(), move |group| {
    ///     let library = group.instantiate(&library, &Imports::new())?;
    ///     let mut imports = Imports::new();
    ///     imports.instance("library", library);
    ///     let program = group.instantiate(&program, &imports)?;
    ///     // Once for all tenants.
    ///     program.typed_func::<(), ()>(group, "prepare")?.call(group, ())?;
    ///     Ok(program.into())
    /// })?;
    /// # Ok::<(), bailiwick_loader::Error>(())
    /// ```
    pub fn with(
        group: GroupConfig,
        config: PoolConfig,
        make: impl Fn(&mut Group) -> Result<Made, Error> + Send + Sync + 'static,
    ) -> Result<Pool, Error> {
        let pagemap = if config.ask_kernel { Pagemap::open() } else { None };
        let wants_cleaner = config.cleaner;
        let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get());
        let count = threads.next_power_of_two().min(MAX_SHARDS).min(config.max_idle.max(1));
        let shared = Arc::new(Shared::new(config, pagemap));
        let shards: Arc<[Arc<Shard>]> = (0..count).map(|index| Shard::new(&shared, index, count)).collect();
        let mut pool = Pool { make: Box::new(make), group, shared, shards, cleaner: None };
        let seat = pool.make()?;
        pool.shards[0].put_made(seat);
        if wants_cleaner {
            let (shared, shards) = (Arc::clone(&pool.shared), Arc::clone(&pool.shards));
            let thread = std::thread::Builder::new().name("pool cleaner".into());
            let thread = thread.spawn(move || shard::cleaner(&shared, &shards));
            let thread = thread.map_err(|source| Error::Io {
                path: PathBuf::from("pool cleaner"),
                what: "can't start the thread",
                source,
            })?;
            pool.shared.set_cleaner(thread.thread().clone());
            pool.cleaner = Some(thread);
        }
        Ok(pool)
    }

    /// Hands out a group in which no earlier tenant has left anything.
    ///
    /// # Errors
    /// [`Error::Limit`] if there are as many groups as there may be ([`PoolConfig::max_groups`]); if one has to be made, as for
    /// [`Pool::new`]; whatever ends the start function, or [`Made::renewing`] returns.
    pub fn acquire(&self) -> Result<Pooled, Error> {
        let own = self.shards[shard::of_this_thread() % self.shards.len()].clone();
        let (seat, id) = match own.take() {
            (Some(seat), id) => (seat, id),
            (None, id) => (self.find(&own)?, id),
        };
        let mut pooled = Pooled::new(seat, id, own);
        pooled.begin()?;
        Ok(pooled)
    }

    /// A clean group, though this thread's list has none.
    #[cold]
    fn find(&self, own: &Arc<Shard>) -> Result<Box<Seat>, Error> {
        for other in &*self.shards {
            if let Some(seat) = other.take_clean() {
                return Ok(seat);
            }
        }
        for from in std::iter::once(own).chain(&*self.shards) {
            while let Some(mut seat) = from.take_unclean() {
                match seat.clean(&self.shared.config, self.shared.pagemap()) {
                    Ok(()) => {
                        own.count(|stats| stats.cleaned_late += 1);
                        return Ok(seat);
                    }
                    Err(_) => own.lose(seat),
                }
            }
        }
        self.make()
    }

    fn make(&self) -> Result<Box<Seat>, Error> {
        let (groups, limit) = (&self.shared.groups, self.shared.config.max_groups);
        let more = |groups: usize| (groups < limit).then_some(groups + 1);
        if groups.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
            return Err(Error::Limit { what: "groups of a pool (PoolConfig::max_groups)", limit: limit as u64 });
        }
        // Given up, if it is not made.
        let place = shard::Place(&self.shared);
        let mut group = Group::with_config(self.group.clone())?;
        looked_at(&mut group).starts = Some(Vec::new());
        let made = (self.make)(&mut group)?;
        let seat = Seat::new(group, made.instance, made.renew, self.shared.pagemap())?;
        std::mem::forget(place);
        self.shards[0].count(|stats| stats.made += 1);
        Ok(Box::new(seat))
    }

    /// Makes groups until `count` of them wait, clean or not, or as many as may.
    ///
    /// # Errors
    /// As for [`Pool::acquire`].
    pub fn fill(&self, count: usize) -> Result<(), Error> {
        let stats = self.stats();
        let have = stats.clean + stats.unclean;
        for index in have..count.min(self.shared.config.max_idle) {
            let seat = self.make()?;
            self.shards[index % self.shards.len()].put_made(seat);
        }
        Ok(())
    }

    /// Cleans all groups that need it, so that no one who acquires one has to; how many there were.
    pub fn clean(&self) -> usize {
        self.shards.iter().map(|shard| shard.clean(self.shared.pagemap())).sum()
    }

    /// What it has done, and has.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats { groups: self.shared.groups.load(Ordering::Relaxed), ..Stats::default() };
        for shard in &*self.shards {
            shard.add_to(&mut stats);
        }
        stats
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for shard in &*self.shards {
            shard.close();
        }
        self.shared.close();
        if let Some(cleaner) = self.cleaner.take() {
            // It does not panic, and what it could say concerns nobody any more.
            let _ = cleaner.join();
        }
    }
}

/// Most lists: more threads than these share them.
const MAX_SHARDS: usize = 128;
