//! What a guest uses of what it was granted, for whoever wants to learn how little would do.
//!
//! Nothing of it grants anything. A folder's use is noted where its capability is asked for a right and has it
//! (`dircap.rs`), so nothing that needs a right is missed; it counts for the folders that this one was derived from, too,
//! which must go on covering it. What the guest asks for and was granted is a use, whether or not the file is there: who
//! looks for a file today may find it tomorrow. The rest is noted as calls come in (`table.rs`).
//!
//! All of it is bounded by what the manifest says, but for names of the network, of which [`MAX_PLACES`] are kept.

use super::ctx::WasiCtx;
use super::grant::DirRights;
use super::memory::GuestMemory;
use super::types::Rights;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most places of the network that are kept of one guest.
pub const MAX_PLACES: usize = 4096;

/// The most calls that one folder is noted for besides its own slot.
const MAX_ALSO: usize = 64;

/// The bytes of a subscription of `poll_oneoff`, where its kind lies, and its descriptor.
const SUBSCRIPTION: (u32, u32, u32) = (48, 8, 16);

/// The most subscriptions that are looked at.
const MAX_SUBSCRIPTIONS: u32 = 4096;

/// How a folder was used, by its holder and through what was derived from it.
#[derive(Debug, Default)]
pub struct DirUse {
    /// Of preview 1, what it was asked for and had.
    rights: AtomicU64,
    /// The same by effect: a set of bits of [`DirRights`].
    effects: AtomicU32,
    touched: AtomicBool,
    /// What it was derived from.
    above: Option<Arc<DirUse>>,
    /// Calls that it was passed by.
    also: Mutex<Vec<Arc<DirUse>>>,
}

impl DirUse {
    /// Of a folder that is derived from one with the use `above`.
    pub(super) fn below(above: &Arc<DirUse>) -> DirUse {
        DirUse { above: Some(Arc::clone(above)), ..DirUse::default() }
    }

    /// The rights that were used.
    pub fn rights(&self) -> DirRights {
        let raw = Rights::from_raw(self.rights.load(Ordering::Relaxed));
        let effects = DirRights::from_bits(self.effects.load(Ordering::Relaxed) as u16);
        DirRights::taken_by(raw).union(effects)
    }

    /// Whether anything was done with it but finding its name.
    pub fn touched(&self) -> bool {
        self.touched.load(Ordering::Relaxed)
    }

    /// Notes these rights, here and above.
    pub fn note(&self, rights: DirRights) {
        let note = |used: &DirUse| {
            used.effects.fetch_or(rights.bits().into(), Ordering::Relaxed);
        };
        self.each(&note, 0);
    }

    pub(super) fn note_call(&self, rights: Rights) {
        let note = |used: &DirUse| {
            used.rights.fetch_or(rights.raw(), Ordering::Relaxed);
        };
        self.each(&note, 0);
    }

    /// Notes it for `other` as well from now on.
    pub fn note_for(&self, other: &Arc<DirUse>) {
        let mut also = self.also.lock().unwrap_or_else(PoisonError::into_inner);
        if also.len() < MAX_ALSO && !also.iter().any(|known| Arc::ptr_eq(known, other)) {
            also.push(Arc::clone(other));
        }
    }

    /// Whoever is noted for, this one first. What they are noted for in turn has no more above it than a chain is long.
    fn each(&self, note: &dyn Fn(&DirUse), depth: u32) {
        let mut at = Some(self);
        while let Some(used) = at {
            used.touched.store(true, Ordering::Relaxed);
            note(used);
            if depth == 0 {
                for other in used.also.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                    other.each(note, depth + 1);
                }
            }
            at = used.above.as_deref();
        }
    }
}

/// A kind of what a guest may use, besides folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Used {
    /// Standard input.
    Stdin = 1,
    /// Standard output.
    Stdout = 2,
    /// Standard error.
    Stderr = 4,
    /// The environment: all names at once, as programs read it.
    Environment = 8,
    /// The arguments.
    Arguments = 16,
    /// The time, or sleeping.
    Clock = 32,
    /// Random numbers.
    Random = 64,
}

/// Something of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A connection, to `HOST:PORT`.
    TcpConnect,
    /// Connections that are accepted at `ADDRESS:PORT`.
    TcpListen,
    /// Datagrams, to `HOST:PORT`.
    UdpConnect,
    /// Datagrams that are taken at `ADDRESS:PORT`.
    UdpListen,
    /// A name that is looked up.
    Name,
}

/// What one guest used.
#[derive(Debug, Default)]
pub struct GuestUse {
    used: AtomicU32,
    /// The most descriptors at once, the three streams included.
    descriptors: AtomicU32,
    /// Functions of the system interface that it called.
    system: Mutex<BTreeSet<&'static str>>,
    /// Functions of its own that others called.
    entered: Mutex<BTreeSet<String>>,
    /// Folders that calls brought, by function and parameter.
    lent: Mutex<BTreeMap<(String, String), Arc<DirUse>>>,
    places: Mutex<BTreeSet<(Place, String)>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl GuestUse {
    /// Whether it used any of that kind.
    pub fn has(&self, what: Used) -> bool {
        self.used.load(Ordering::Relaxed) & what as u32 != 0
    }

    /// Notes that it used some of that kind.
    pub fn note(&self, what: Used) {
        self.used.fetch_or(what as u32, Ordering::Relaxed);
    }

    /// The most descriptors that it had at once, the three standard streams included.
    pub fn descriptors(&self) -> u32 {
        self.descriptors.load(Ordering::Relaxed)
    }

    /// Whether it called that function of the system interface.
    pub fn called(&self, function: &str) -> bool {
        locked(&self.system).contains(function)
    }

    /// Notes that another guest called a function of this one.
    pub fn note_entered(&self, function: &str) {
        let mut entered = locked(&self.entered);
        if !entered.contains(function) {
            entered.insert(function.to_owned());
        }
    }

    /// The functions of it that others called.
    pub fn entered(&self) -> Vec<String> {
        locked(&self.entered).iter().cloned().collect()
    }

    /// The use of what comes by a parameter of a function.
    pub fn lent(&self, function: &str, parameter: &str) -> Arc<DirUse> {
        let key = (function.to_owned(), parameter.to_owned());
        Arc::clone(locked(&self.lent).entry(key).or_default())
    }

    /// Notes a place of the network: `HOST:PORT`, or a name.
    pub fn note_place(&self, kind: Place, place: &str) {
        let mut places = locked(&self.places);
        if places.len() < MAX_PLACES {
            places.insert((kind, place.to_owned()));
        }
    }

    /// The places of the network that it used. `None` if there were more than are kept: then nobody knows.
    pub fn places(&self) -> Option<Vec<(Place, String)>> {
        let places = locked(&self.places);
        (places.len() < MAX_PLACES).then(|| places.iter().cloned().collect())
    }
}

/// Notes a call, before it is made. `values`: its arguments.
#[cold]
pub(super) fn note(ctx: &WasiCtx, mem: &GuestMemory<'_>, function: &'static str, values: &[u64]) {
    let Some(recorder) = &ctx.recorder else { return };
    locked(&recorder.system).insert(function);
    recorder.descriptors.fetch_max(ctx.descriptors.high_water(), Ordering::Relaxed);
    let stream = |fd: u64| match fd {
        0 => recorder.note(Used::Stdin),
        1 => recorder.note(Used::Stdout),
        2 => recorder.note(Used::Stderr),
        _ => {}
    };
    let first = values.first().copied().unwrap_or(u64::MAX);
    match function {
        "args_get" | "args_sizes_get" => recorder.note(Used::Arguments),
        "environ_get" | "environ_sizes_get" => recorder.note(Used::Environment),
        "clock_res_get" | "clock_time_get" => recorder.note(Used::Clock),
        "random_get" => recorder.note(Used::Random),
        // A stream under another number is still that stream: which one, nobody follows.
        "fd_renumber" if values.iter().any(|&fd| fd < 3) => (0..3).for_each(stream),
        "fd_prestat_get" | "fd_prestat_dir_name" => {}
        "poll_oneoff" => {
            let (size, kind, descriptor) = SUBSCRIPTION;
            let count = values.get(2).map_or(0, |&count| u32::try_from(count).unwrap_or(u32::MAX));
            for index in 0..count.min(MAX_SUBSCRIPTIONS) {
                let at = index.checked_mul(size).and_then(|offset| (first as u32).checked_add(offset));
                let Some(Ok(bytes)) = at.map(|at| mem.slice(at, size)) else { break };
                match bytes[kind as usize] {
                    0 => recorder.note(Used::Clock),
                    _ => {
                        let fd = &bytes[descriptor as usize..][..4];
                        stream(fd.iter().rev().fold(0, |fd, &byte| fd << 8 | u64::from(byte)));
                    }
                }
            }
        }
        name if name.starts_with("fd_") || name.starts_with("sock_") => stream(first),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::grant::DirGrant;
    use super::super::testing::{Guest, TempDir};
    use super::super::{Dir, WasiCtx};
    use super::*;

    #[test]
    fn what_is_used_below_is_used_above_and_not_beside() {
        let dir = TempDir::new();
        dir.dir("a");
        dir.dir("b");
        dir.file("a/file", b"text");
        let root = dir.grant(DirGrant::all());
        let above = root.record();
        let (a, b) = (root.derive("a", DirGrant::all()).unwrap(), root.derive("b", DirGrant::all()).unwrap());
        let called = Arc::new(DirUse::default());
        a.record().note_for(&called);
        let mut guest = Guest::over(&a);
        assert!(!a.record().touched(), "it was only granted");
        guest.open("file", 0, Rights::FD_READ, 0).unwrap();
        assert_eq!(guest.open("gone", 0, Rights::FD_WRITE, 0), Err(super::super::Errno::NOENT));
        for used in [a.record(), above, called] {
            assert_eq!(used.rights(), DirRights::READ | DirRights::WRITE);
        }
        assert!(!b.record().touched());
    }

    #[test]
    fn what_is_denied_is_no_use() {
        let dir = TempDir::new();
        let root: Dir = dir.grant(DirGrant::read_only());
        let used = root.record();
        let mut guest = Guest::over(&root);
        assert!(guest.open("new", 1, Rights::FD_WRITE, 0).is_err());
        assert_eq!(used.rights(), DirRights::NONE);
    }

    #[test]
    fn subscriptions_are_read_wherever_they_are_said_to_lie() {
        let recorder = Arc::new(GuestUse::default());
        let mut ctx = WasiCtx::inert();
        ctx.recorder = Some(Arc::clone(&recorder));
        let mut bytes = [0; 96];
        bytes[48 + 8] = 2;
        bytes[48 + 16] = 1;
        let mem = GuestMemory::new(&mut bytes);
        note(&ctx, &mem, "poll_oneoff", &[u64::from(u32::MAX), 0, u64::from(u32::MAX), 0]);
        assert!(!recorder.has(Used::Clock));
        note(&ctx, &mem, "poll_oneoff", &[0, 0, u64::from(u32::MAX), 0]);
        assert!(recorder.has(Used::Clock) && recorder.has(Used::Stdout) && !recorder.has(Used::Stdin));
    }

    #[test]
    fn places_are_bounded_and_then_unknown() {
        let guest = GuestUse::default();
        guest.note_place(Place::Name, "a.example");
        assert_eq!(guest.places(), Some(vec![(Place::Name, "a.example".to_owned())]));
        (0..MAX_PLACES).for_each(|n| guest.note_place(Place::Name, &n.to_string()));
        assert_eq!(guest.places(), None);
    }
}
