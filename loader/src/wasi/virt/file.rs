//! What a descriptor is open on that another module answers for.

use super::super::descriptors::{Descriptor, Kind};
use super::super::errno::Errno;
use super::super::poll::{Ready, State};
use super::super::types::{FdFlags, FileKind, Rights};
use super::{Preopen, Stream};
use std::sync::Arc;

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A file of some kind, but no folder.
    File(FileKind),
    /// A folder.
    Folder,
    /// Standard input.
    Input,
    /// Standard output or error.
    Output(Stream),
    /// A socket that listens.
    Listener,
    /// A connection.
    Connection,
    /// A socket for datagrams.
    Datagrams,
}

/// What a descriptor of such a kind knows.
#[derive(Clone, Debug)]
pub struct VirtualFile {
    pub what: What,
    /// The number by which the module that answers knows it.
    pub node: u32,
    /// Where the next read or write begins.
    pub position: u64,
    /// The name by which a folder is found that is open from the beginning.
    pub preopen: Option<Arc<[u8]>>,
    /// How many entries were listed since the listing began.
    pub listed: u32,
}

impl VirtualFile {
    pub fn new(what: What, node: u32) -> VirtualFile {
        VirtualFile { what, node, position: 0, preopen: None, listed: 0 }
    }

    /// As the guest is told. Standard streams are no terminals: what is written to them is what a pipe would get.
    pub fn kind(&self) -> FileKind {
        match self.what {
            What::File(kind) => kind,
            What::Folder => FileKind::Directory,
            What::Input | What::Output(_) => FileKind::Unknown,
            What::Listener | What::Connection => FileKind::SocketStream,
            What::Datagrams => FileKind::SocketDatagram,
        }
    }

    /// What a subscription to it waits for: files and streams are always ready.
    pub fn subscribed(&self) -> Result<State, Errno> {
        match self.what {
            What::Folder => Err(Errno::BADF),
            What::Listener | What::Connection | What::Datagrams => Ok(State::Socket(self.node)),
            What::File(_) | What::Input | What::Output(_) => Ok(State::Done(Ok(Ready::default()))),
        }
    }

    /// Whether it is the same to the module that answers.
    pub fn is_of(&self, other: &VirtualFile) -> bool {
        let socket = |file: &VirtualFile| matches!(file.what, What::Listener | What::Connection | What::Datagrams);
        let stream = |file: &VirtualFile| matches!(file.what, What::Input | What::Output(_));
        self.node == other.node && socket(self) == socket(other) && !stream(self) && !stream(other)
    }
}

impl Descriptor {
    /// A folder that is open from the beginning, with the rights of one that was granted with all.
    pub(in super::super) fn virtual_preopen(preopen: Preopen) -> Descriptor {
        let name = Some(preopen.name.into_bytes().into());
        Descriptor {
            kind: Kind::Virtual(VirtualFile { preopen: name, ..VirtualFile::new(What::Folder, preopen.folder) }),
            base: Rights::DIRECTORY,
            inheriting: Rights::FILE.union(Rights::DIRECTORY),
            flags: FdFlags::NONE,
        }
    }

    /// A standard stream, by its number.
    pub(in super::super) fn virtual_stream(number: u32) -> Descriptor {
        let (what, transfer) = match number {
            0 => (What::Input, Rights::FD_READ),
            1 => (What::Output(Stream::Out), Rights::FD_WRITE),
            _ => (What::Output(Stream::Error), Rights::FD_WRITE),
        };
        let base = transfer | Rights::FD_FDSTAT_SET_FLAGS | Rights::FD_FILESTAT_GET | Rights::POLL_FD_READWRITE;
        let kind = Kind::Virtual(VirtualFile::new(what, number));
        Descriptor { kind, base, inheriting: Rights::NONE, flags: FdFlags::NONE }
    }

    /// A socket that listens.
    pub(in super::super) fn virtual_listener(node: u32) -> Descriptor {
        let kind = Kind::Virtual(VirtualFile::new(What::Listener, node));
        Descriptor { kind, base: Rights::LISTENER, inheriting: Rights::CONNECTION, flags: FdFlags::NONE }
    }
}
