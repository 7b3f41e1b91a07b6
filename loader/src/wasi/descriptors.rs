//! A guest's descriptors: its own numbers, which say nothing of the host's.

use super::dircap::DirCap;
use super::errno::{Errno, Rule};
use super::open_file::{Entered, OpenDir, OpenFile};
use super::sock::Socket;
use super::stdio::{Sink, Source};
use super::types::{FdFlags, Rights};
use super::virt::VirtualFile;

/// The most descriptors that a guest holds at once, unless its embedder says otherwise.
pub const MAX_DESCRIPTORS: u32 = 1024;

/// The first number that an opened file gets; those below are the standard streams, granted or not, so that no file
/// becomes a guest's standard output by being opened.
const FIRST_FILE: usize = 3;

/// What a guest is told of a number that is none of its descriptors.
const NO_DESCRIPTOR: Errno = Errno::BADF.by(Rule::NoDescriptor);

/// What a descriptor is open on.
#[derive(Debug)]
pub(super) enum Kind {
    /// A stream to read.
    Input(Source),
    /// A stream to write.
    Output(Sink),
    /// A regular file.
    File(OpenFile),
    /// A directory.
    Dir(OpenDir),
    /// A listening socket, or a connection.
    Socket(Socket),
    /// What another module answers for.
    Virtual(VirtualFile),
}

/// One descriptor.
#[derive(Debug)]
pub(super) struct Descriptor {
    pub(super) kind: Kind,
    /// What the guest may use it for: narrower than or equal to what its capability allows.
    pub(super) base: Rights,
    /// What may be inherited from it.
    pub(super) inheriting: Rights,
    /// What the guest asked for. The host's descriptor has `APPEND` and the syncing flags too, `NONBLOCK` is ours.
    pub(super) flags: FdFlags,
}

impl Descriptor {
    /// A standard stream.
    pub(super) fn stream(kind: Kind) -> Descriptor {
        let transfer = match kind {
            Kind::Input(_) => Rights::FD_READ,
            _ => Rights::FD_WRITE,
        };
        let base = transfer | Rights::FD_FDSTAT_SET_FLAGS | Rights::FD_FILESTAT_GET | Rights::POLL_FD_READWRITE;
        Descriptor { kind, base, inheriting: Rights::NONE, flags: FdFlags::NONE }
    }

    /// Fails unless the guest may use the descriptor for `rights`: with `BADF` where a program would expect that, for a
    /// descriptor that is not open for reading or writing, else with `NOTCAPABLE`.
    pub(super) fn require(&self, rights: Rights) -> Result<(), Errno> {
        let missing = rights.difference(self.base);
        if missing == Rights::NONE {
            Ok(())
        } else if missing.intersects(Rights::FD_READ | Rights::FD_WRITE) {
            Err(Errno::BADF.by(Rule::Rights))
        } else {
            Err(Errno::NOTCAPABLE.by(Rule::Rights))
        }
    }

    /// Whether calls on it wait.
    pub(super) fn nonblock(&self) -> bool {
        self.flags.contains(FdFlags::NONBLOCK)
    }

    /// The file that is open, to be used for `rights` by one call; `otherwise` for a directory, `SPIPE` for a stream.
    pub(super) fn file(&self, rights: Rights, otherwise: Errno) -> Result<Entered<'_>, Errno> {
        match &self.kind {
            Kind::File(file) => {
                let file = file.enter()?;
                self.require(rights).map(|()| file)
            }
            Kind::Dir(_) => Err(otherwise),
            Kind::Input(_) | Kind::Output(_) | Kind::Socket(_) | Kind::Virtual(_) => Err(Errno::SPIPE),
        }
    }

    /// The directory that is open; `NOTDIR` for anything else.
    pub(super) fn dir(&self) -> Result<&OpenDir, Errno> {
        match &self.kind {
            Kind::Dir(dir) => Ok(dir),
            Kind::File(_) | Kind::Input(_) | Kind::Output(_) | Kind::Socket(_) | Kind::Virtual(_) => Err(Errno::NOTDIR),
        }
    }

    /// The directory that is open, to be used for `rights` by one call.
    pub(super) fn dir_for(&self, rights: Rights) -> Result<Entered<'_>, Errno> {
        let dir = self.dir()?.enter()?;
        self.allow(dir.cap(), rights).map(|()| dir)
    }

    /// Fails unless it may be used for `rights`, first asking its capability: so where that was granted without, it is
    /// `PERM`, and where the guest gave up the right, `NOTCAPABLE`.
    pub(super) fn allow(&self, cap: &DirCap, rights: Rights) -> Result<(), Errno> {
        cap.may_call(rights)?;
        self.require(rights)
    }
}

/// A guest's table.
#[derive(Debug)]
pub(super) struct Descriptors {
    slots: Vec<Option<Descriptor>>,
    /// All numbers are below.
    limit: u32,
}

impl Default for Descriptors {
    fn default() -> Descriptors {
        Descriptors { slots: Vec::new(), limit: MAX_DESCRIPTORS }
    }
}

impl Descriptors {
    /// Allows numbers below `limit` only. Fails if one is in use already that is not.
    pub(super) fn set_limit(&mut self, limit: u32) -> Result<(), Errno> {
        if self.slots.iter().skip(limit as usize).any(Option::is_some) {
            return Err(Errno::MFILE.by(Rule::Descriptors));
        }
        self.limit = limit;
        Ok(())
    }

    /// Puts the standard streams that were granted in the first places.
    pub(super) fn set_streams(&mut self, streams: [Option<Descriptor>; FIRST_FILE]) {
        if self.slots.len() < FIRST_FILE {
            self.slots.resize_with(FIRST_FILE, || None);
        }
        for (slot, stream) in self.slots.iter_mut().zip(streams) {
            *slot = stream;
        }
    }

    /// The descriptor with a number.
    pub(super) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.slots.get(fd as usize).and_then(Option::as_ref).ok_or(NO_DESCRIPTOR)
    }

    /// The descriptor with a number, to be changed.
    pub(super) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        self.slots.get_mut(fd as usize).and_then(Option::as_mut).ok_or(NO_DESCRIPTOR)
    }

    /// Whether any of them is such a one that another module answers for.
    pub(super) fn has_virtual(&self, is: impl Fn(&VirtualFile) -> bool) -> bool {
        self.slots.iter().flatten().any(|descriptor| matches!(&descriptor.kind, Kind::Virtual(file) if is(file)))
    }

    /// How many came from other guests.
    pub(super) fn handed(&self) -> usize {
        let handed = |descriptor: &&Descriptor| matches!(&descriptor.kind, Kind::Dir(dir) if dir.handed.is_some());
        self.slots.iter().flatten().filter(handed).count()
    }

    /// The bytes that are held for listings of directories.
    pub(super) fn held_bytes(&self) -> usize {
        let held = |descriptor: &Descriptor| match &descriptor.kind {
            Kind::Dir(dir) => dir.stream.held_bytes(),
            _ => 0,
        };
        self.slots.iter().flatten().map(held).sum()
    }

    /// All numbers that were ever in use are below this one.
    pub(super) fn high_water(&self) -> u32 {
        self.slots.len() as u32
    }

    /// The lowest number that is no descriptor's, but for those of the standard streams.
    pub(super) fn first_unused(&self) -> u32 {
        let free = self.slots.iter().skip(FIRST_FILE).position(Option::is_none);
        free.map_or(self.slots.len().max(FIRST_FILE), |index| index + FIRST_FILE) as u32
    }

    /// The number that [`Descriptors::insert`] will use next, so that a call can fail with `MFILE` before it acts.
    pub(super) fn vacancy(&self) -> Result<u32, Errno> {
        let fd = self.first_unused();
        if fd < self.limit { Ok(fd) } else { Err(Errno::MFILE.by(Rule::Descriptors)) }
    }

    /// Puts a descriptor under the lowest free number.
    pub(super) fn insert(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        let fd = self.vacancy()?;
        self.put(fd, descriptor);
        Ok(fd)
    }

    /// The same, and so that `kept` numbers stay free for those that are open from the beginning, if there are so many.
    pub(super) fn insert_after(&mut self, kept: usize, descriptor: Descriptor) -> Result<u32, Errno> {
        let first = FIRST_FILE + kept;
        let free = self.slots.iter().skip(first).position(Option::is_none);
        let fd = free.map_or(self.slots.len().max(first), |index| index + first) as u32;
        if fd >= self.limit {
            return self.insert(descriptor);
        }
        self.put(fd, descriptor);
        Ok(fd)
    }

    fn put(&mut self, fd: u32, descriptor: Descriptor) {
        if self.slots.len() <= fd as usize {
            self.slots.resize_with(fd as usize + 1, || None);
        }
        self.slots[fd as usize] = Some(descriptor);
    }

    /// Takes a descriptor out; dropping it closes the host's, except for the host's own standard streams.
    pub(super) fn remove(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        self.slots.get_mut(fd as usize).and_then(Option::take).ok_or(NO_DESCRIPTOR)
    }

    /// Moves `from` to the number `to`, which must be open and is closed.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(from)?;
        self.get(to)?;
        if from != to {
            let moved = self.remove(from)?;
            *self.get_mut(to)? = moved;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn null() -> Descriptor {
        Descriptor::stream(Kind::Output(Sink::Null))
    }

    #[test]
    fn the_table_is_limited() {
        let mut table = Descriptors::default();
        for expected in FIRST_FILE as u32..MAX_DESCRIPTORS {
            assert_eq!(table.insert(null()), Ok(expected));
        }
        assert_eq!(table.insert(null()).unwrap_err().rule(), Some(Rule::Descriptors));
        assert_eq!(table.vacancy(), Err(Errno::MFILE));
        table.remove(500).unwrap();
        assert_eq!(table.insert(null()), Ok(500));
        assert_eq!(table.set_limit(MAX_DESCRIPTORS - 1), Err(Errno::MFILE), "the last is in use");
        table.remove(MAX_DESCRIPTORS - 1).unwrap();
        assert_eq!(table.set_limit(MAX_DESCRIPTORS - 1), Ok(()));
        assert_eq!(table.insert(null()), Err(Errno::MFILE));
    }

    #[test]
    fn numbers_below_three_stay_free() {
        let mut table = Descriptors::default();
        table.set_streams([None, Some(null()), None]);
        assert_eq!(table.insert(null()), Ok(3));
        assert_eq!(table.get(0).unwrap_err(), Errno::BADF);
        assert_eq!(table.remove(0).unwrap_err(), Errno::BADF);
        assert_eq!(table.get(u32::MAX).unwrap_err(), Errno::BADF);
    }

    #[test]
    fn renumbering_needs_two_open_numbers() {
        let mut table = Descriptors::default();
        table.set_streams([None, Some(null()), None]);
        let file = table.insert(Descriptor { flags: FdFlags::APPEND, ..null() }).unwrap();
        assert_eq!(table.renumber(file, 7), Err(Errno::BADF));
        assert_eq!(table.renumber(7, file), Err(Errno::BADF));
        assert_eq!(table.renumber(file, u32::MAX), Err(Errno::BADF));
        assert_eq!(table.renumber(file, file), Ok(()));
        assert_eq!(table.get(file).unwrap().flags, FdFlags::APPEND, "renumbering to itself closes nothing");
        assert_eq!(table.renumber(file, 1), Ok(()));
        assert_eq!(table.get(file).unwrap_err(), Errno::BADF);
        assert_eq!(table.get(1).unwrap().flags, FdFlags::APPEND);
    }
}
