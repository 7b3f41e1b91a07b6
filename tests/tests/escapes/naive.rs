//! The controls: preview 1 as somebody might write it over the standard library, each time with one defence absent.
//!
//! An attack that fails against the system interface proves something only if it succeeds here.

use bailiwick_loader::wasi::{Errno, Input, MODULE, Output, WasiCtx, add_to_imports};
use bailiwick_loader::{Caller, HostError, Imports};
use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// Which defence is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// Any: the guest's path is joined to the folder's.
    Anything,
    /// Symbolic links are followed. `..` and absolute paths are refused, as many programs do it.
    Links,
    /// Paths are checked as they come, and decoded afterwards: overlong slashes become slashes, and a NUL ends them.
    Encoding,
    /// A slash at the end, which makes the kernel follow a link that it was told not to. Links are refused otherwise.
    Slashes,
    /// Where a path leads, and whether it is a link, is found out first; what is done then walks it again.
    Atomicity,
    /// That two directories are two capabilities. Paths of each are kept beneath it, so long as nobody races.
    Separation,
}

/// One guest's descriptors, and what it was granted.
#[derive(Debug)]
struct Naive {
    without: Without,
    open: BTreeMap<u32, Open>,
    input: io::Cursor<Vec<u8>>,
    printed: Vec<u8>,
}

#[derive(Debug)]
enum Open {
    Dir { path: PathBuf, root: PathBuf },
    File(File),
}

/// What the guest has printed.
#[derive(Clone, Debug)]
pub struct Printed(Arc<Mutex<Naive>>);

impl Printed {
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("not poisoned").printed.clone()
    }
}

type Done = Result<(), Errno>;

fn failed(error: io::Error) -> Errno {
    match error.kind() {
        io::ErrorKind::NotFound => Errno::NOENT,
        io::ErrorKind::AlreadyExists => Errno::EXIST,
        io::ErrorKind::NotADirectory => Errno::NOTDIR,
        io::ErrorKind::IsADirectory => Errno::ISDIR,
        _ => Errno::IO,
    }
}

/// Guest memory at `at`.
fn range(memory: &mut [u8], at: u32, len: u32) -> Result<&mut [u8], Errno> {
    memory.get_mut(at as usize..at as usize + len as usize).ok_or(Errno::FAULT)
}

fn word(memory: &[u8], at: u32) -> Result<u32, Errno> {
    let bytes = memory.get(at as usize..at as usize + 4).ok_or(Errno::FAULT)?;
    Ok(u32::from_le_bytes(bytes.try_into().expect("four bytes")))
}

impl Naive {
    /// Where a path of the guest's leads, as far as this one looks.
    fn place(&self, fd: u32, memory: &mut [u8], path: u32, len: u32) -> Result<PathBuf, Errno> {
        let Some(Open::Dir { path: dir, root }) = self.open.get(&fd) else { return Err(Errno::BADF) };
        let bytes = range(memory, path, len)?.to_vec();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let plain = |text: &str| {
            let path = Path::new(text);
            path.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir))
        };
        match self.without {
            Without::Anything => Ok(dir.join(text)),
            Without::Links if plain(&text) => Ok(dir.join(text)),
            Without::Encoding if plain(&text) => Ok(dir.join(decoded(&bytes))),
            Without::Slashes if plain(&text) => {
                let path = dir.join(&text);
                let before =
                    path.ancestors().skip(1).take_while(|before| before.starts_with(root) && *before != root.as_path());
                for before in before {
                    if fs::symlink_metadata(before).is_ok_and(|meta| meta.is_symlink()) {
                        return Err(Errno::NOTCAPABLE);
                    }
                }
                Ok(path)
            }
            Without::Atomicity | Without::Separation => {
                let path = dir.join(text);
                // What does not exist yet is to be made in a folder that does.
                let found = fs::canonicalize(&path).or_else(|_| fs::canonicalize(path.parent().unwrap_or(&path)));
                let root = fs::canonicalize(root).map_err(failed)?;
                if found.map_err(failed)?.starts_with(root) { Ok(path) } else { Err(Errno::NOTCAPABLE) }
            }
            _ => Err(Errno::NOTCAPABLE),
        }
    }

    fn insert(&mut self, open: Open) -> u32 {
        let fd = (100..).find(|fd| !self.open.contains_key(fd)).expect("a number");
        self.open.insert(fd, open);
        fd
    }

    fn file(&mut self, fd: u32) -> Result<&mut File, Errno> {
        match self.open.get_mut(&fd) {
            Some(Open::File(file)) => Ok(file),
            _ => Err(Errno::BADF),
        }
    }

    fn path_open(&mut self, memory: &mut [u8], a: &[u64; 9]) -> Done {
        let [fd, lookup, path, len, oflags, base, _, _, out] = a.map(|a| a as u32);
        let place = self.place(fd, memory, path, len)?;
        let root = match &self.open[&fd] {
            Open::Dir { root, .. } => root.clone(),
            Open::File(_) => return Err(Errno::NOTDIR),
        };
        let mut nofollow = if lookup & 1 == 0 { libc::O_NOFOLLOW } else { 0 };
        if self.without == Without::Atomicity && nofollow != 0 {
            if fs::symlink_metadata(&place).is_ok_and(|meta| meta.is_symlink()) {
                return Err(Errno::LOOP);
            }
            nofollow = 0;
        }
        let writes = base & (1 << 6) != 0;
        let mut options = File::options();
        options.read(true).write(writes).custom_flags(nofollow);
        if oflags & 1 != 0 {
            options.write(true).create(true);
        }
        if oflags & 8 != 0 {
            options.write(true).truncate(true);
        }
        let directory = oflags & 2 != 0;
        let file = if directory {
            File::options().read(true).custom_flags(nofollow).open(&place)
        } else {
            options.open(&place)
        };
        let file = file.map_err(failed)?;
        let is_dir = file.metadata().map_err(failed)?.is_dir();
        let opened = if is_dir {
            // It is known by the path that led there, as in many a library. After the check, nothing else is beneath.
            let root = if self.without == Without::Slashes { place.clone() } else { root };
            Open::Dir { path: place, root }
        } else {
            Open::File(file)
        };
        let fd = self.insert(opened);
        range(memory, out, 4)?.copy_from_slice(&fd.to_le_bytes());
        Ok(())
    }

    fn fd_write(&mut self, memory: &mut [u8], a: &[u64; 4]) -> Done {
        let [fd, iovs, count, out] = a.map(|a| a as u32);
        let mut written = 0;
        for i in 0..count {
            let (at, len) = (word(memory, iovs + 8 * i)?, word(memory, iovs + 8 * i + 4)?);
            let bytes = range(memory, at, len)?;
            match fd {
                1 | 2 => self.printed.extend_from_slice(bytes),
                fd => self.file(fd)?.write_all(bytes).map_err(failed)?,
            }
            written += len;
        }
        range(memory, out, 4)?.copy_from_slice(&written.to_le_bytes());
        Ok(())
    }

    fn fd_read(&mut self, memory: &mut [u8], a: &[u64; 4]) -> Done {
        let [fd, iovs, _, out] = a.map(|a| a as u32);
        let (at, len) = (word(memory, iovs)?, word(memory, iovs + 4)?);
        let room = range(memory, at, len)?;
        let read = if fd == 0 { self.input.read(room) } else { self.file(fd)?.read(room) }.map_err(failed)? as u32;
        range(memory, out, 4)?.copy_from_slice(&read.to_le_bytes());
        Ok(())
    }

    fn fd_seek(&mut self, memory: &mut [u8], a: &[u64; 4]) -> Done {
        let from = match a[2] {
            0 => SeekFrom::Start(a[1]),
            1 => SeekFrom::Current(a[1].cast_signed()),
            _ => SeekFrom::End(a[1].cast_signed()),
        };
        let at = self.file(a[0] as u32)?.seek(from).map_err(failed)?;
        range(memory, a[3] as u32, 8)?.copy_from_slice(&at.to_le_bytes());
        Ok(())
    }

    fn fd_close(&mut self, _: &mut [u8], a: &[u64; 1]) -> Done {
        self.open.remove(&(a[0] as u32)).map(drop).ok_or(Errno::BADF)
    }

    fn path_filestat_get(&mut self, memory: &mut [u8], a: &[u64; 5]) -> Done {
        let [fd, lookup, path, len, out] = a.map(|a| a as u32);
        let place = self.place(fd, memory, path, len)?;
        let meta = if lookup & 1 == 0 { fs::symlink_metadata(place) } else { fs::metadata(place) }.map_err(failed)?;
        let out = range(memory, out, 64)?;
        out.fill(0);
        out[8..16].copy_from_slice(&meta.ino().to_le_bytes());
        out[16] = if meta.is_dir() { 3 } else { 4 };
        out[24..32].copy_from_slice(&meta.nlink().to_le_bytes());
        out[32..40].copy_from_slice(&meta.len().to_le_bytes());
        Ok(())
    }

    fn path_filestat_set_times(&mut self, memory: &mut [u8], a: &[u64; 7]) -> Done {
        let [fd, lookup, path, len] = [a[0], a[1], a[2], a[3]].map(|a| a as u32);
        let place = self.place(fd, memory, path, len)?;
        let nofollow = if lookup & 1 == 0 { libc::O_NOFOLLOW } else { 0 };
        let file = File::options().read(true).custom_flags(nofollow).open(place).map_err(failed)?;
        let time = |ns| SystemTime::UNIX_EPOCH + Duration::from_nanos(ns);
        file.set_times(FileTimes::new().set_accessed(time(a[4])).set_modified(time(a[5]))).map_err(failed)
    }

    fn path_create_directory(&mut self, memory: &mut [u8], a: &[u64; 3]) -> Done {
        let [fd, path, len] = a.map(|a| a as u32);
        fs::create_dir(self.place(fd, memory, path, len)?).map_err(failed)
    }

    fn path_remove_directory(&mut self, memory: &mut [u8], a: &[u64; 3]) -> Done {
        let [fd, path, len] = a.map(|a| a as u32);
        fs::remove_dir(self.place(fd, memory, path, len)?).map_err(failed)
    }

    fn path_unlink_file(&mut self, memory: &mut [u8], a: &[u64; 3]) -> Done {
        let [fd, path, len] = a.map(|a| a as u32);
        fs::remove_file(self.place(fd, memory, path, len)?).map_err(failed)
    }

    fn path_rename(&mut self, memory: &mut [u8], a: &[u64; 6]) -> Done {
        let [fd, old, old_len, to, new, new_len] = a.map(|a| a as u32);
        let (old, new) = (self.place(fd, memory, old, old_len)?, self.place(to, memory, new, new_len)?);
        fs::rename(old, new).map_err(failed)
    }

    fn path_link(&mut self, memory: &mut [u8], a: &[u64; 7]) -> Done {
        let [fd, _, old, old_len, to, new, new_len] = a.map(|a| a as u32);
        let (old, new) = (self.place(fd, memory, old, old_len)?, self.place(to, memory, new, new_len)?);
        fs::hard_link(old, new).map_err(failed)
    }

    fn path_symlink(&mut self, memory: &mut [u8], a: &[u64; 5]) -> Done {
        let [target, target_len, fd, path, len] = a.map(|a| a as u32);
        let target = String::from_utf8_lossy(range(memory, target, target_len)?).into_owned();
        symlink(target, self.place(fd, memory, path, len)?).map_err(failed)
    }

    fn path_readlink(&mut self, memory: &mut [u8], a: &[u64; 6]) -> Done {
        let [fd, path, len, buf, room, out] = a.map(|a| a as u32);
        let target = fs::read_link(self.place(fd, memory, path, len)?).map_err(failed)?;
        let target = target.into_os_string().into_encoded_bytes();
        let fits = &target[..target.len().min(room as usize)];
        range(memory, buf, fits.len() as u32)?.copy_from_slice(fits);
        range(memory, out, 4)?.copy_from_slice(&(fits.len() as u32).to_le_bytes());
        Ok(())
    }
}

/// What a lenient decoder makes of a path: overlong forms of `/` and `.` are those, and a NUL is the end.
fn decoded(bytes: &[u8]) -> String {
    let (mut out, mut at) = (String::new(), 0);
    while let Some(&byte) = bytes.get(at).filter(|&&byte| byte != 0) {
        let overlong = (byte == 0xc0).then(|| bytes.get(at + 1)).flatten();
        match overlong {
            Some(next) => out.push(char::from(next & 0x3f)),
            None => out.push(char::from(byte)),
        }
        at += 1 + usize::from(overlong.is_some());
    }
    out
}

/// Defines [`grant`]: a row is a function and its parameters.
macro_rules! functions {
    ($($name:ident($($param:ident: $type:ident),*);)*) => {
        fn register(imports: &mut Imports, naive: &Arc<Mutex<Naive>>) {
            $({
                let naive = Arc::clone(naive);
                imports.func(MODULE, stringify!($name), move |caller: &mut Caller<'_>, $($param: $type),*| {
                    let memory = caller.memory()?;
                    let mut naive = naive.lock().expect("not poisoned");
                    let done = naive.$name(memory, &[$($param.cast_unsigned().into()),*]);
                    Ok::<i32, HostError>(done.err().map_or(0, |errno| errno.raw().into()))
                });
            })*
        }
    };
}

functions! {
    fd_close(a: i32);
    fd_read(a: i32, b: i32, c: i32, d: i32);
    fd_seek(a: i32, b: i64, c: i32, d: i32);
    fd_write(a: i32, b: i32, c: i32, d: i32);
    path_create_directory(a: i32, b: i32, c: i32);
    path_filestat_get(a: i32, b: i32, c: i32, d: i32, e: i32);
    path_filestat_set_times(a: i32, b: i32, c: i32, d: i32, e: i64, f: i64, g: i32);
    path_link(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32);
    path_open(a: i32, b: i32, c: i32, d: i32, e: i32, f: i64, g: i64, h: i32, i: i32);
    path_readlink(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32);
    path_remove_directory(a: i32, b: i32, c: i32);
    path_rename(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32);
    path_symlink(a: i32, b: i32, c: i32, d: i32, e: i32);
    path_unlink_file(a: i32, b: i32, c: i32);
}

/// Preview 1 over `dirs`, the first of which is descriptor 3, with a defence absent. Standard input is `input`,
/// standard output and error are [`Printed`]; the arguments are `args`.
pub fn imports(without: Without, dirs: &[&Path], input: Vec<u8>, args: &[&str]) -> (Imports, Printed) {
    let open = (3..).zip(dirs.iter().map(|dir| Open::Dir { path: dir.into(), root: dir.into() })).collect();
    let naive = Arc::new(Mutex::new(Naive { without, open, input: io::Cursor::new(input), printed: Vec::new() }));
    let mut builder = WasiCtx::builder();
    // The C library asks what the streams are.
    builder.args(args.iter().copied()).stdin(Input::Null).stdout(Output::Null).stderr(Output::Null);
    let mut imports = Imports::new();
    add_to_imports(&mut imports, Arc::new(Mutex::new(builder.build().expect("a context"))));
    register(&mut imports, &naive);
    (imports, Printed(naive))
}
