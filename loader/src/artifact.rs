//! Opening an artifact: map it, check it, make its text executable. Nothing is copied, parsed or relocated.

use crate::cpu;
use crate::error::Error;
use crate::value::FuncType;
use bailiwick_runtime_abi::convention::signature_tag;
use bailiwick_runtime_abi::format::{FLAG_POLLS, TextKind};
use bailiwick_runtime_abi::types::Arch;
use bailiwick_runtime_abi::view::{View, damaged};
use memmap2::{Mmap, MmapOptions};
use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A precompiled module, mapped. Cheap to clone; all instances share its text.
///
/// # Trust
/// An artifact is trusted like an executable: its machine code is not verified. Open only what a compiler that you
/// trust has written, from a file that nobody else can change: later changes of the file show through the mapping.
#[derive(Clone)]
pub struct Artifact {
    mapped: Arc<Mapped>,
}

struct Mapped {
    /// Borrows `map`, which is declared after it and hence dropped after it.
    view: View<'static>,
    map: Mmap,
    file: File,
    name: PathBuf,
}

impl std::fmt::Debug for Artifact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Artifact").field("name", &self.mapped.name).finish_non_exhaustive()
    }
}

impl Artifact {
    /// Maps the artifact at `path` and checks its header and table bounds, in time that does not grow with the module.
    ///
    /// # Errors
    /// [`Error::Io`] if the file can't be read or mapped, [`Error::Format`] if it is no artifact of this version or is
    /// damaged, [`Error::Architecture`] and [`Error::Features`] if this processor can't run it.
    ///
    /// # Example
    /// ```no_run
    /// let artifact = bailiwick_loader::Artifact::open("hello.bwk")?;
    /// # Ok::<(), bailiwick_loader::Error>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Artifact, Error> {
        let path = path.as_ref();
        let io =
            |what: &'static str| move |e: rustix::io::Errno| Error::Io { path: path.into(), what, source: e.into() };
        // Not blocking: a FIFO in the artifact's place must not hang the loader.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = rustix::fs::open(path, flags, Mode::empty()).map_err(io("can't open"))?;
        Artifact::from_file(file.into(), path)
    }

    /// As [`Artifact::open`], from an open file; `name` is for messages.
    pub fn from_file(file: File, name: impl AsRef<Path>) -> Result<Artifact, Error> {
        let name = name.as_ref().to_owned();
        let io = |what: &'static str, source: std::io::Error| Error::Io { path: name.clone(), what, source };
        let metadata = file.metadata().map_err(|e| io("can't stat", e))?;
        if metadata.is_dir() {
            return Err(io("can't open", std::io::ErrorKind::IsADirectory.into()));
        }
        if !metadata.is_file() {
            return Err(io("can't map", std::io::Error::other("not a regular file")));
        }
        let file_len = metadata.len();
        let len = usize::try_from(file_len).map_err(|_| io("can't map", std::io::ErrorKind::FileTooLarge.into()))?;
        if len == 0 {
            return Err(bailiwick_runtime_abi::view::FormatError::NotAnArtifact("the file is empty").into());
        }
        // SAFETY: a private, read-only mapping. That the file does not change is the trust that the type's documentation
        // asks for.
        let map = unsafe { MmapOptions::new().len(len).map_copy_read_only(&file) }.map_err(|e| io("can't map", e))?;
        let view = View::new(&map, file_len)?;
        let host = Arch::host().ok_or(damaged("header", "this machine's architecture is unknown"))?;
        if view.arch() != host {
            return Err(Error::Architecture { found: view.arch(), host });
        }
        let missing = view.header().features & !cpu::host_features();
        if missing != 0 {
            let mut names = cpu::feature_names(missing);
            if names.is_empty() {
                names.push("a feature that this loader does not know");
            }
            return Err(Error::Features(names));
        }
        let text = view.header().text;
        // SAFETY: the bytes of the mapping do not move when the `Mmap` does, and `Mapped` drops the view first.
        let view = unsafe { std::mem::transmute::<View<'_>, View<'static>>(view) };
        // SAFETY: `View::new` has found the text page-aligned and within the mapping, which is ours. It becomes readable
        // and executable, never writable.
        unsafe {
            let start = map.as_ptr().add(text.offset as usize);
            region::protect(start, text.len as usize, region::Protection::READ_EXECUTE)
        }
        .map_err(|e| {
            let source = match e {
                region::Error::SystemCall(libc::EACCES) => {
                    std::io::Error::other("it lies on a file system mounted noexec; move it to another")
                }
                region::Error::SystemCall(code) => std::io::Error::from_raw_os_error(code),
                other => std::io::Error::other(other.to_string()),
            };
            io("can't make its code executable", source)
        })?;
        Ok(Artifact { mapped: Arc::new(Mapped { view, map, file, name }) })
    }

    /// As [`Artifact::open`], from bytes: they are copied into a sealed memory file, which nobody can change.
    pub fn from_bytes(bytes: &[u8], name: impl AsRef<Path>) -> Result<Artifact, Error> {
        let name = name.as_ref();
        let io = |source: std::io::Error| Error::Io { path: name.into(), what: "can't copy to memory", source };
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let mut file = File::from(rustix::fs::memfd_create("bailiwick", flags).map_err(|e| io(e.into()))?);
        file.write_all(bytes).map_err(io)?;
        let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&file, seals).map_err(|e| io(e.into()))?;
        Artifact::from_file(file, name)
    }

    /// Its tables.
    pub fn view(&self) -> &View<'_> {
        &self.mapped.view
    }

    /// Whether its code polls, so that an [`InterruptHandle`](crate::InterruptHandle) can end it.
    pub fn interruptible(&self) -> bool {
        self.view().header().flags & FLAG_POLLS != 0
    }

    /// The name it was opened by.
    pub fn name(&self) -> &Path {
        &self.mapped.name
    }

    /// Addresses of the text.
    pub(crate) fn text(&self) -> Range<usize> {
        let text = self.mapped.view.header().text;
        let start = self.mapped.map.as_ptr() as usize + text.offset as usize;
        start..start + text.len as usize
    }

    /// Address of the code at an offset in the text, which must carry the tag of its kind and type.
    pub(crate) fn tagged_code(&self, offset: u32, kind: TextKind, ty: &FuncType) -> Result<usize, Error> {
        let tag = signature_tag(kind, ty.params().iter().copied(), ty.results().iter().copied());
        if !self.view().has_tag(offset, tag) {
            return Err(damaged("text", "a code offset does not lead to code of its kind and type").into());
        }
        Ok(self.text().start + offset as usize)
    }

    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.mapped.file.as_fd()
    }

    /// Whether both are the same mapping.
    pub(crate) fn same(&self, other: &Artifact) -> bool {
        Arc::ptr_eq(&self.mapped, &other.mapped)
    }
}
