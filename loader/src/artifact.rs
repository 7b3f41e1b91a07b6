//! Opening an artifact: map it, check it, make its text executable. Nothing is copied, parsed or relocated.

use crate::cpu;
use crate::error::Error;
use crate::language;
use crate::value::FuncType;
use bailiwick_runtime_abi::convention::signature_tag;
use bailiwick_runtime_abi::format::{FLAG_POLLS, Header, TextKind};
use bailiwick_runtime_abi::types::Arch;
use bailiwick_runtime_abi::view::{FormatError, View, damaged};
use bailiwick_runtime_abi::wit::World;
use memmap2::{Mmap, MmapOptions};
use rustix::fs::{Access, AtFlags, MemfdFlags, Mode, OFlags, SealFlags, StatVfsMountFlags};
use rustix::mm::MprotectFlags;
use sha2::{Digest, Sha256};
use std::fs::{File, Metadata};
use std::io::{Seek, Write};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// A precompiled module, mapped. Cheap to clone; all instances share its text.
///
/// # Trust
/// An artifact is trusted like an executable: its machine code is not verified. Open only what a compiler that you
/// trust has written: this is the crate's one exception from the rule that safe calls can't break memory safety, as
/// running a program is. Everything else in the file may be damaged in any way; that is found and refused. What is mapped can't change: a file that this process could write is copied into a sealed memory
/// file first; one that it can't is mapped as it is, and its owner is trusted not to change it while it runs.
#[derive(Clone)]
pub struct Artifact {
    mapped: Arc<Mapped>,
}

struct Mapped {
    /// Whether the shape was found intact, which is looked at once.
    shape_checked: AtomicBool,
    /// Whether [`Header::frames_checksum`] was compared.
    frames_checked: AtomicBool,
    /// Its world, decoded once.
    world: OnceLock<Option<Arc<World>>>,
    /// Borrows `map`, which is declared after it and hence dropped after it.
    view: View<'static>,
    map: Mmap,
    file: File,
    name: PathBuf,
    copied: bool,
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
    /// damaged, [`Error::Architecture`] and [`Error::Features`] if this processor can't run it, [`Error::WasmFeatures`] if this loader
    /// was built without what it uses.
    ///
    /// # Example
    /// ```no_run
    /// let artifact = bailiwick_loader::Artifact::open("hello.bwk")?;
    /// # Ok::<(), bailiwick_loader::Error>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Artifact, Error> {
        let path = path.as_ref();
        Artifact::from_file(open_file(path)?, path)
    }

    /// As [`Artifact::open`], after hashing the whole file: every damaged byte is found.
    ///
    /// # Errors
    /// As for [`Artifact::open`]; [`Error::Format`] if the content is not what its hash says.
    pub fn open_checked(path: impl AsRef<Path>) -> Result<Artifact, Error> {
        let artifact = Artifact::open(path)?;
        artifact.verify()?;
        Ok(artifact)
    }

    /// Hashes the whole artifact.
    ///
    /// # Errors
    /// [`Error::Format`] if the content is not what its hash says.
    pub fn verify(&self) -> Result<(), Error> {
        Ok(verify_content(self.bytes())?)
    }

    /// As [`Artifact::open`], from an open file; `name` is for messages.
    pub fn from_file(file: File, name: impl AsRef<Path>) -> Result<Artifact, Error> {
        let name = name.as_ref();
        let metadata = check_kind(&file, name)?;
        let len = metadata.len();
        let changes = may_change(&file, &metadata);
        // A memory file is always its maker's to write, so another kind needs no question about seals.
        if changes && is_sealed(&file) {
            // SAFETY: it is sealed.
            return unsafe { Artifact::map_checked(file, name, len, true) };
        }
        check_mount(&file, name)?;
        let (file, len) = if changes { seal(&file, name, len)? } else { (file, len) };
        // SAFETY: the file is sealed, or this process has no right to write it.
        unsafe { Artifact::map_checked(file, name, len, changes) }
    }

    /// Whether it is mapped from a copy in memory, see *Trust*.
    pub fn is_copy(&self) -> bool {
        self.mapped.copied
    }

    /// Maps a file as it is, without a copy; `name` is for messages.
    ///
    /// # Safety
    /// Nobody changes or truncates the file while the artifact or an instance of it is alive.
    ///
    /// # Errors
    /// As for [`Artifact::open`].
    pub unsafe fn map(file: File, name: impl AsRef<Path>) -> Result<Artifact, Error> {
        let name = name.as_ref();
        let metadata = check_kind(&file, name)?;
        // A file with a name in a folder is no memory file.
        let copied = metadata.nlink() == 0 && is_sealed(&file);
        // SAFETY: the caller's promise.
        unsafe { Artifact::map_checked(file, name, metadata.len(), copied) }
    }

    /// Maps a regular file of `file_len` bytes.
    ///
    /// # Safety
    /// As for [`Artifact::map`].
    unsafe fn map_checked(file: File, name: &Path, file_len: u64, copied: bool) -> Result<Artifact, Error> {
        let name = name.to_owned();
        let io = |what: &'static str, source: std::io::Error| Error::Io { path: name.clone(), what, source };
        let len = usize::try_from(file_len).map_err(|_| io("can't map", std::io::ErrorKind::FileTooLarge.into()))?;
        if len == 0 {
            return Err(FormatError::NotAnArtifact("the file is empty").into());
        }
        // SAFETY: a private, read-only mapping of a file that the caller vouches for.
        let map = unsafe { MmapOptions::new().len(len).map_copy_read_only(&file) }.map_err(|e| io("can't map", e))?;
        let view = View::new(&map, file_len)?;
        let host = Arch::host().ok_or(damaged("header", "this machine's architecture is unknown"))?;
        if view.arch() != host {
            return Err(Error::Architecture { found: view.arch(), host });
        }
        let needed = view.header().features;
        let missing = needed & !cpu::supported(needed);
        if missing != 0 {
            let mut names = cpu::feature_names(missing);
            if names.is_empty() {
                names.push("a feature that this loader does not know");
            }
            return Err(Error::Features(names));
        }
        let missing = language::missing(view.header().wasm_features);
        if !missing.is_empty() {
            return Err(Error::WasmFeatures(missing));
        }
        let text = view.header().text;
        // SAFETY: the bytes of the mapping do not move when the `Mmap` does, and `Mapped` drops the view first.
        let view = unsafe { std::mem::transmute::<View<'_>, View<'static>>(view) };
        // SAFETY: `View::new` has found the text page-aligned and within the mapping, which is ours. It becomes readable
        // and executable, never writable.
        unsafe {
            let start = map.as_ptr().add(text.offset as usize);
            rustix::mm::mprotect(start.cast_mut().cast(), text.len as usize, MprotectFlags::READ | MprotectFlags::EXEC)
        }
        .map_err(|e| io("can't make its code executable", e.into()))?;
        Ok(Artifact {
            mapped: Arc::new(Mapped {
                shape_checked: AtomicBool::new(false),
                frames_checked: AtomicBool::new(false),
                world: OnceLock::new(),
                view,
                map,
                file,
                name,
                copied,
            }),
        })
    }

    /// As [`Artifact::open`], from bytes: they are copied into a sealed memory file, which nobody can change.
    pub fn from_bytes(bytes: &[u8], name: impl AsRef<Path>) -> Result<Artifact, Error> {
        let name = name.as_ref();
        let io = |source: std::io::Error| Error::Io { path: name.into(), what: "can't copy to memory", source };
        let mut file = memory_file().map_err(io)?;
        file.write_all(bytes).and_then(|()| add_seals(&file)).map_err(io)?;
        Artifact::from_file(file, name)
    }

    /// Checks what the code takes for granted of types, imports, memories, tables and globals, before it is first
    /// instantiated: in time that grows with these, not with the code.
    pub(crate) fn check_shape(&self) -> Result<(), Error> {
        if !self.mapped.shape_checked.load(Ordering::Relaxed) {
            let header = self.view().header();
            if header.shape_checksum(self.bytes()) != header.shape_checksum {
                return Err(damaged("shape", "types, imports, memories, tables or globals are not as compiled").into());
            }
            self.mapped.shape_checked.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Checks what is known of the frames of calls, before anything of it is used: once, in time that grows with the code.
    pub(crate) fn check_frames(&self) -> Result<(), Error> {
        if !self.mapped.frames_checked.load(Ordering::Relaxed) {
            let header = self.view().header();
            if header.frames_checksum(self.bytes()) != header.frames_checksum {
                return Err(
                    damaged("frames", "handlers of exceptions, or what frames hold, are not as compiled").into()
                );
            }
            self.mapped.frames_checked.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Its tables.
    pub fn view(&self) -> &View<'_> {
        &self.mapped.view
    }

    /// Whether its code polls, so that an [`InterruptHandle`](crate::InterruptHandle) can end it.
    pub fn interruptible(&self) -> bool {
        self.view().header().flags & FLAG_POLLS != 0
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        &self.mapped.map
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

    /// Address of the code at an offset in the text, which must carry the tag of its kind and type: `type_index` is the
    /// module's, `ty` the same with the group's ids.
    pub(crate) fn tagged_code(
        &self,
        offset: u32,
        kind: TextKind,
        type_index: u32,
        ty: &FuncType,
    ) -> Result<usize, Error> {
        let canonical = self.view().record("types", self.view().types(), type_index)?.canonical;
        let tag = signature_tag(kind, canonical, ty.params().iter().copied(), ty.results().iter().copied());
        if !self.view().has_tag(offset, tag) {
            return Err(damaged("text", "a code offset does not lead to code of its kind and type").into());
        }
        Ok(self.text().start + offset as usize)
    }

    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.mapped.file.as_fd()
    }

    /// The types of what crosses its module's bounds; `None` if it was compiled without.
    ///
    /// # Errors
    /// If they are damaged.
    pub fn world(&self) -> Result<Option<Arc<World>>, Error> {
        if let Some(world) = self.mapped.world.get() {
            return Ok(world.clone());
        }
        let world = self.view().world()?.map(Arc::new);
        Ok(self.mapped.world.get_or_init(|| world).clone())
    }

    /// Whether both are the same mapping.
    pub(crate) fn same(&self, other: &Artifact) -> bool {
        Arc::ptr_eq(&self.mapped, &other.mapped)
    }
}

/// Opens without blocking: a FIFO in the artifact's place must not hang the loader.
fn open_file(path: &Path) -> Result<File, Error> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::open(path, flags, Mode::empty());
    file.map(File::from).map_err(|e| Error::Io { path: path.into(), what: "can't open", source: e.into() })
}

/// What is known of the file, if it is a regular file.
fn check_kind(file: &File, name: &Path) -> Result<Metadata, Error> {
    let io = |what: &'static str, source: std::io::Error| Error::Io { path: name.into(), what, source };
    let metadata = file.metadata().map_err(|e| io("can't stat", e))?;
    if metadata.is_dir() {
        return Err(io("can't open", std::io::ErrorKind::IsADirectory.into()));
    }
    if !metadata.is_file() {
        return Err(io("can't map", std::io::Error::other("not a regular file")));
    }
    Ok(metadata)
}

/// Whether it is a memory file that nobody can change.
fn is_sealed(file: &File) -> bool {
    let wanted = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW;
    rustix::fs::fcntl_get_seals(file).is_ok_and(|seals| seals.contains(wanted))
}

/// Native code from a file system mounted noexec is not run, whether it would be mapped or copied.
fn check_mount(file: &File, name: &Path) -> Result<(), Error> {
    let io = |what: &'static str, source: std::io::Error| Error::Io { path: name.into(), what, source };
    let mount = rustix::fs::fstatvfs(file).map_err(|e| io("can't stat", e.into()))?;
    if mount.f_flag.contains(StatVfsMountFlags::NOEXEC) {
        let why = std::io::Error::other("it lies on a file system mounted noexec; move it to another");
        return Err(io("can't run its code", why));
    }
    Ok(())
}

/// Whether this process, or a guest that it grants a folder to, could change the file: then it is not mapped itself. A
/// private mapping shows later writes to the file, even in text that has run.
fn may_change(file: &File, metadata: &Metadata) -> bool {
    // The owner can give himself the right to write, whatever the mode says now.
    if metadata.uid() == rustix::process::geteuid().as_raw() {
        return true;
    }
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let writable = rustix::fs::accessat(rustix::fs::CWD, path, Access::WRITE_OK, AtFlags::EACCESS);
    // A read-only mount says nothing: the same file may be writable by another.
    writable != Err(rustix::io::Errno::ACCESS)
}

fn memory_file() -> std::io::Result<File> {
    Ok(File::from(rustix::fs::memfd_create("bailiwick", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?))
}

/// Each waits for some tenths of a second (`memfd_wait_for_pins` in Linux).
const SEAL_ATTEMPTS: usize = 10;

fn add_seals(file: &File) -> std::io::Result<()> {
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    // The kernel refuses while it has a page of the file in its own hands, be it only to move it.
    for _ in 0..SEAL_ATTEMPTS {
        match rustix::fs::fcntl_add_seals(file, seals) {
            Err(rustix::io::Errno::BUSY) => {}
            done => return Ok(done?),
        }
    }
    Err(rustix::io::Errno::BUSY.into())
}

/// A copy that nobody can change, and its length.
fn seal(file: &File, name: &Path, file_len: u64) -> Result<(File, u64), Error> {
    let io = |source: std::io::Error| Error::Io { path: name.into(), what: "can't copy to memory", source };
    // Anything can be called an artifact: look at its beginning before copying gigabytes.
    let mut first = [0u8; 4096];
    let read =
        file.read_at(&mut first, 0).map_err(|source| Error::Io { path: name.into(), what: "can't read", source })?;
    View::looks_like(&first[..read], file_len)?;
    let copy = memory_file().map_err(io)?;
    // From its beginning, wherever the file was read to; to its end, wherever that is by now.
    let mut at = 0;
    loop {
        match rustix::fs::sendfile(&copy, file, Some(&mut at), MOST_AT_ONCE) {
            Ok(0) => break,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            // A file system that can't.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if at == 0 => {
                let mut source = file;
                source.seek(std::io::SeekFrom::Start(0)).map_err(io)?;
                at = std::io::copy(&mut source, &mut &copy).map_err(io)?;
                break;
            }
            Err(e) => return Err(io(e.into())),
        }
    }
    add_seals(&copy).map_err(io)?;
    Ok((copy, at))
}

/// Bytes that the kernel copies at once (sendfile(2), NOTES).
const MOST_AT_ONCE: usize = 0x7fff_f000;

/// Hashes a whole artifact and compares with what its header says.
///
/// # Errors
/// [`FormatError`] if it is no artifact of this version, or damaged in any byte.
pub fn verify_content(bytes: &[u8]) -> Result<(), FormatError> {
    let view = View::new(bytes, bytes.len() as u64)?;
    let (checksum, content) = (Header::checksum_place(), Header::content_place());
    let mut hash = Sha256::new();
    let mut from = 0;
    for place in [checksum, content] {
        hash.update(&bytes[from..place.start]);
        hash.update(&[0u8; 32][..place.len()]);
        from = place.end;
    }
    hash.update(&bytes[from..]);
    if hash.finalize()[..] == view.header().content_sha256 {
        Ok(())
    } else {
        Err(damaged("content", "its SHA-256 is not the one that the header says"))
    }
}
