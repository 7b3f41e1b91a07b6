//! Folders as handles: how a descriptor of one guest becomes a descriptor of another.
//!
//! What crosses is the capability, never the number: the receiver gets a number of its own for a capability that was
//! derived from the giver's, no wider than what the giver had kept of it.

use super::ctx::WasiCtx;
use super::descriptors::{Descriptor, Kind};
use super::dircap::{DeriveError, Dir};
use super::errno::{Errno, Rule};
use super::grant::{DirGrant, DirRights};
use super::open_file::Handed;
use super::types::Rights;

/// Why a folder was not passed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// It is no folder that the guest has open.
    #[error("it is no folder that the guest has open ({0})")]
    NoFolder(Errno),
    /// What is to be passed is not within what the guest holds.
    #[error(transparent)]
    Derive(#[from] DeriveError),
    /// The receiver has as many descriptors as it may.
    #[error("there is no room for another descriptor ({0})")]
    NoRoom(Errno),
    /// The receiver holds as many handles as it may.
    #[error("there may be no more than {0} handles at once")]
    NoMoreHandles(u32),
}

impl WasiCtx {
    /// How many handles the guest may hold at once, if that is limited.
    pub fn max_handles(&self) -> Option<u32> {
        self.max_handles
    }

    /// The folder that the guest has open as `fd`, with what the guest has kept of its rights: the giving end of a handle.
    /// It lives as long as the capability that it is derived from.
    ///
    /// # Errors
    /// If it is no folder, or was revoked.
    pub fn folder(&self, fd: u32) -> Result<Dir, HandleError> {
        let descriptor = self.descriptors.get(fd).map_err(HandleError::NoFolder)?;
        let folder = descriptor.dir().map_err(HandleError::NoFolder)?;
        let folder = Dir::of(folder).map_err(|_| HandleError::NoFolder(Errno::STALE.by(Rule::Revoked)))?;
        let held = folder.grant();
        let rights = held.rights.intersection(DirRights::kept(descriptor.base, descriptor.inheriting));
        Ok(folder.derive(".", DirGrant { rights, ..held })?)
    }

    /// Takes the folder that the guest has open as `fd` out of its hands, to be handed over for good. What it got in this
    /// way itself goes on as it is, so that a handle may go back and forth without end.
    ///
    /// # Errors
    /// If it is no folder, or was revoked.
    pub fn hand_over_folder(&mut self, fd: u32) -> Result<Dir, HandleError> {
        let descriptor = self.descriptors.get(fd).map_err(HandleError::NoFolder)?;
        let open = descriptor.dir().map_err(HandleError::NoFolder)?;
        let folder = if open.handed == Some(Handed::Over) {
            let folder = Dir::of(open).map_err(|_| HandleError::NoFolder(Errno::STALE.by(Rule::Revoked)))?;
            let kept = DirRights::kept(descriptor.base, descriptor.inheriting);
            Some(folder).filter(|folder| kept.contains(folder.grant().rights))
        } else {
            None
        };
        let folder = folder.map_or_else(|| self.folder(fd), Ok)?;
        self.drop_folder(fd)?;
        Ok(folder)
    }

    /// Closes the folder that the guest has open as `fd`: it has handed it over, or given it back.
    ///
    /// # Errors
    /// If it is no folder.
    pub fn drop_folder(&mut self, fd: u32) -> Result<(), HandleError> {
        self.descriptors.get(fd).and_then(Descriptor::dir).map_err(HandleError::NoFolder)?;
        self.descriptors.remove(fd).map(drop).map_err(HandleError::NoFolder)
    }

    /// Opens a folder for the guest, under the lowest free number: the receiving end of a handle, for a call if it is
    /// `lent`. It is found by its number alone, not by a name.
    ///
    /// # Errors
    /// If the guest may have no more descriptors or handles, or the folder was revoked.
    pub fn receive_folder(&mut self, folder: &Dir, lent: bool) -> Result<u32, HandleError> {
        if let Some(most) = self.max_handles
            && self.descriptors.handed() >= most as usize
        {
            return Err(HandleError::NoMoreHandles(most));
        }
        let stale = |_| HandleError::NoFolder(Errno::STALE.by(Rule::Revoked));
        let mut open = folder.preopened("").map_err(stale)?;
        open.preopen = None;
        open.handed = Some(if lent { Handed::Lent } else { Handed::Over });
        let descriptor = Descriptor {
            base: Rights::DIRECTORY.intersection(folder.grant().rights.preview1()),
            inheriting: Rights::FILE.union(Rights::DIRECTORY),
            flags: Default::default(),
            kind: Kind::Dir(open),
        };
        // Programs look for what is open from the beginning at the first numbers, and stop at one that is not.
        self.descriptors.insert_after(self.virt.expected(), descriptor).map_err(HandleError::NoRoom)
    }

    /// Takes back a folder that was lent as `fd`: closes it, if the guest has not closed or renumbered it itself.
    pub fn take_back_folder(&mut self, fd: u32, folder: &Dir) {
        let lent = self.descriptors.get(fd).and_then(Descriptor::dir).is_ok_and(|open| folder.is_of(open));
        if lent {
            let _ = self.descriptors.remove(fd);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{DIR, Guest, TempDir};
    use super::*;

    fn two(dir: &TempDir) -> (Guest, Guest) {
        dir.dir("in");
        dir.file("in/file", b"data");
        dir.file("secret", b"secret");
        (Guest::new(dir, DirGrant::all()), Guest::with(WasiCtx::inert()))
    }

    fn open_at(guest: &mut Guest, fd: u32, path: &str, rights: Rights) -> Result<u32, Errno> {
        let (ptr, len) = guest.put(1024, path.as_bytes());
        guest.call(|ctx, mem| {
            super::super::path_open::path_open(ctx, mem, fd, 1, ptr, len, 0, rights.raw(), rights.raw(), 0, 16)
        })?;
        Ok(guest.u32_at(16))
    }

    #[test]
    fn a_folder_that_is_passed_is_the_receivers_own_number_for_that_folder_and_no_more() {
        let dir = TempDir::new();
        let (mut giver, mut receiver) = two(&dir);
        let opened = giver.open("in", 2, Rights::DIRECTORY, 0).unwrap();
        let folder = giver.ctx.folder(opened).unwrap();
        let fd = receiver.ctx.receive_folder(&folder, true).unwrap();
        assert_eq!(fd, 3);
        let file = open_at(&mut receiver, fd, "file", Rights::FD_READ).unwrap();
        assert_eq!(receiver.read(file, 9).unwrap(), b"data");
        assert_eq!(open_at(&mut receiver, fd, "../secret", Rights::FD_READ), Err(Errno::NOTCAPABLE));
        let (ptr, len) = (0, 9);
        let named = receiver.call(|ctx, mem| super::super::fd::fd_prestat_dir_name(ctx, mem, fd, ptr, len));
        assert_eq!(named, Err(Errno::BADF), "it is no preopen");
    }

    #[test]
    fn what_the_giver_gave_up_does_not_come_back_with_the_handle() {
        let dir = TempDir::new();
        let (mut giver, mut receiver) = two(&dir);
        let opened = giver.open("in", 2, Rights::DIRECTORY, 0).unwrap();
        giver
            .call(|ctx, mem| {
                let base = Rights::DIRECTORY.difference(Rights::PATH_UNLINK_FILE | Rights::PATH_CREATE_FILE);
                let inheriting = Rights::FILE.difference(Rights::FD_WRITE);
                super::super::fd::fd_fdstat_set_rights(ctx, mem, opened, base.raw(), inheriting.raw())
            })
            .unwrap();
        let folder = giver.ctx.folder(opened).unwrap();
        let lost = DirRights::WRITE | DirRights::CREATE | DirRights::DELETE;
        assert_eq!(folder.grant().rights, DirRights::ALL.difference(lost));
        let fd = receiver.ctx.receive_folder(&folder, true).unwrap();
        assert!(open_at(&mut receiver, fd, "file", Rights::FD_READ).is_ok());
        assert_eq!(open_at(&mut receiver, fd, "file", Rights::FD_WRITE), Err(Errno::PERM));
    }

    #[test]
    fn what_was_lent_is_dead_afterwards_and_whatever_was_opened_through_it() {
        let dir = TempDir::new();
        let (mut giver, mut receiver) = two(&dir);
        let opened = giver.open("in", 2, Rights::DIRECTORY, 0).unwrap();
        let folder = giver.ctx.folder(opened).unwrap();
        let fd = receiver.ctx.receive_folder(&folder, true).unwrap();
        let file = open_at(&mut receiver, fd, "file", Rights::FD_READ).unwrap();
        folder.revoke();
        receiver.ctx.take_back_folder(fd, &folder);
        assert_eq!(receiver.read(file, 1), Err(Errno::STALE));
        assert_eq!(open_at(&mut receiver, fd, "file", Rights::FD_READ), Err(Errno::BADF));
        assert!(open_at(&mut giver, opened, "file", Rights::FD_READ).is_ok(), "the giver's own is its own");
    }

    #[test]
    fn what_was_handed_over_goes_on_without_end() {
        let dir = TempDir::new();
        let (mut giver, mut receiver) = two(&dir);
        let mut fd = giver.open("in", 2, Rights::DIRECTORY, 0).unwrap();
        for _ in 0..500 {
            let folder = giver.ctx.hand_over_folder(fd).unwrap();
            assert!(giver.ctx.folder(fd).is_err(), "it is the giver's no longer");
            fd = receiver.ctx.receive_folder(&folder, false).unwrap();
            std::mem::swap(&mut giver, &mut receiver);
        }
        let file = open_at(&mut giver, fd, "file", Rights::FD_READ).unwrap();
        assert_eq!(giver.read(file, 9).unwrap(), b"data");
    }

    #[test]
    fn what_was_given_up_before_it_was_handed_on_stays_so() {
        let dir = TempDir::new();
        let (mut giver, mut receiver) = two(&dir);
        let fd = giver.open("in", 2, Rights::DIRECTORY, 0).unwrap();
        let folder = giver.ctx.hand_over_folder(fd).unwrap();
        let fd = receiver.ctx.receive_folder(&folder, false).unwrap();
        receiver
            .call(|ctx, mem| {
                let base = Rights::DIRECTORY.difference(Rights::PATH_CREATE_FILE);
                let inheriting = Rights::FILE.difference(Rights::FD_WRITE);
                super::super::fd::fd_fdstat_set_rights(ctx, mem, fd, base.raw(), inheriting.raw())
            })
            .unwrap();
        let folder = receiver.ctx.hand_over_folder(fd).unwrap();
        let fd = giver.ctx.receive_folder(&folder, false).unwrap();
        assert_eq!(open_at(&mut giver, fd, "file", Rights::FD_WRITE), Err(Errno::PERM));
    }

    #[test]
    fn handles_have_a_limit_of_their_own() {
        let dir = TempDir::new();
        let (giver, _) = two(&dir);
        let mut builder = WasiCtx::builder();
        builder.max_handles(2);
        let mut receiver = Guest::with(builder.build().unwrap());
        let folder = giver.ctx.folder(DIR).unwrap();
        let first = receiver.ctx.receive_folder(&folder, true).unwrap();
        receiver.ctx.receive_folder(&folder, false).unwrap();
        assert!(matches!(receiver.ctx.receive_folder(&folder, true), Err(HandleError::NoMoreHandles(2))));
        receiver.ctx.drop_folder(first).unwrap();
        assert!(receiver.ctx.receive_folder(&folder, true).is_ok());
    }

    #[test]
    fn only_folders_are_handles() {
        let dir = TempDir::new();
        let (mut giver, _) = two(&dir);
        let file = giver.open("secret", 0, Rights::FD_READ, 0).unwrap();
        for fd in [0, 1, file, 99, u32::MAX] {
            assert!(matches!(giver.ctx.folder(fd), Err(HandleError::NoFolder(_))), "{fd}");
            assert!(giver.ctx.drop_folder(fd).is_err(), "{fd}");
        }
        assert!(giver.ctx.folder(DIR).is_ok());
        giver.ctx.drop_folder(DIR).unwrap();
        assert!(giver.ctx.folder(DIR).is_err());
    }
}
