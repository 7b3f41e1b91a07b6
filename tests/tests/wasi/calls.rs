//! The 46 functions as methods: arguments are put where a call expects them, results are read from where it left them.

use crate::abi::{
    DIRECTORY_RIGHTS, Entry, Errno, Event, FILE_RIGHTS, FOLLOW, FdStat, FileStat, Subscription, oflag, u32_in,
};
use crate::sys::{DATA, IOVS, OUT, OUT2, PATH, PATH2, Sys, call};
use bailiwick_loader::Error;

type Answer<T> = Result<T, Errno>;

/// How `path_open` is called.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    pub lookup: u32,
    pub oflags: u32,
    pub base: u64,
    pub inheriting: u64,
    pub fdflags: u32,
}

impl Open {
    /// With these rights, of the descriptor itself and to be inherited; links are followed.
    pub fn rights(rights: u64) -> Open {
        Open { lookup: FOLLOW, oflags: 0, base: rights, inheriting: rights, fdflags: 0 }
    }

    /// A directory, to be used for everything.
    pub fn directory() -> Open {
        let inheriting = DIRECTORY_RIGHTS | FILE_RIGHTS;
        Open { lookup: FOLLOW, oflags: oflag::DIRECTORY, base: DIRECTORY_RIGHTS, inheriting, fdflags: 0 }
    }

    /// A file, to be used for everything, and made if it is not there.
    pub fn file() -> Open {
        Open::rights(FILE_RIGHTS).oflags(oflag::CREAT)
    }

    pub fn oflags(self, oflags: u32) -> Open {
        Open { oflags, ..self }
    }

    pub fn fdflags(self, fdflags: u32) -> Open {
        Open { fdflags, ..self }
    }

    pub fn lookup(self, lookup: u32) -> Open {
        Open { lookup, ..self }
    }
}

/// Arguments and environment.
impl Sys {
    pub fn args_sizes_get(&mut self) -> Answer<(u32, u32)> {
        call!(self, args_sizes_get(OUT, OUT2))?;
        Ok((self.u32_at(OUT), self.u32_at(OUT2)))
    }

    pub fn args_get(&mut self) -> Answer<Vec<Vec<u8>>> {
        let (count, _) = self.args_sizes_get()?;
        call!(self, args_get(IOVS, DATA))?;
        Ok(self.strings_at(IOVS, count))
    }

    pub fn environ_sizes_get(&mut self) -> Answer<(u32, u32)> {
        call!(self, environ_sizes_get(OUT, OUT2))?;
        Ok((self.u32_at(OUT), self.u32_at(OUT2)))
    }

    pub fn environ_get(&mut self) -> Answer<Vec<Vec<u8>>> {
        let (count, _) = self.environ_sizes_get()?;
        call!(self, environ_get(IOVS, DATA))?;
        Ok(self.strings_at(IOVS, count))
    }
}

/// Clocks, random numbers, the process, waiting.
impl Sys {
    pub fn clock_res_get(&mut self, id: u32) -> Answer<u64> {
        call!(self, clock_res_get(id, OUT))?;
        Ok(self.u64_at(OUT))
    }

    pub fn clock_time_get(&mut self, id: u32) -> Answer<u64> {
        call!(self, clock_time_get(id, 0u64, OUT))?;
        Ok(self.u64_at(OUT))
    }

    pub fn random_get(&mut self, len: u32) -> Answer<Vec<u8>> {
        call!(self, random_get(DATA, len))?;
        Ok(self.get(DATA, len))
    }

    pub fn sched_yield(&mut self) -> Answer<()> {
        call!(self, sched_yield())
    }

    pub fn proc_raise(&mut self, signal: u32) -> Answer<()> {
        call!(self, proc_raise(signal))
    }

    /// Does not return to the guest; says how it ended.
    pub fn proc_exit(&mut self, code: u32) -> Error {
        self.try_call("proc_exit", &[crate::sys::Argument::val(code)]).expect_err("the guest has ended")
    }

    pub fn poll_oneoff(&mut self, subscriptions: &[Subscription]) -> Answer<Vec<Event>> {
        let count = subscriptions.len() as u32;
        self.put(IOVS, subscriptions.iter().flat_map(|subscription| subscription.0).collect::<Vec<u8>>());
        call!(self, poll_oneoff(IOVS, DATA, count, OUT))?;
        let events = self.u32_at(OUT);
        Ok((0..events).map(|index| Event::decode(&self.get(DATA + 32 * index, 32))).collect())
    }
}

/// Descriptors.
impl Sys {
    pub fn fd_advise(&mut self, fd: u32, offset: u64, len: u64, advice: u32) -> Answer<()> {
        call!(self, fd_advise(fd, offset, len, advice))
    }

    pub fn fd_allocate(&mut self, fd: u32, offset: u64, len: u64) -> Answer<()> {
        call!(self, fd_allocate(fd, offset, len))
    }

    pub fn fd_close(&mut self, fd: u32) -> Answer<()> {
        call!(self, fd_close(fd))
    }

    pub fn fd_datasync(&mut self, fd: u32) -> Answer<()> {
        call!(self, fd_datasync(fd))
    }

    pub fn fd_sync(&mut self, fd: u32) -> Answer<()> {
        call!(self, fd_sync(fd))
    }

    pub fn fd_fdstat_get(&mut self, fd: u32) -> Answer<FdStat> {
        call!(self, fd_fdstat_get(fd, OUT))?;
        Ok(FdStat::decode(&self.get(OUT, FdStat::SIZE)))
    }

    pub fn fd_fdstat_set_flags(&mut self, fd: u32, flags: u32) -> Answer<()> {
        call!(self, fd_fdstat_set_flags(fd, flags))
    }

    pub fn fd_fdstat_set_rights(&mut self, fd: u32, base: u64, inheriting: u64) -> Answer<()> {
        call!(self, fd_fdstat_set_rights(fd, base, inheriting))
    }

    pub fn fd_filestat_get(&mut self, fd: u32) -> Answer<FileStat> {
        call!(self, fd_filestat_get(fd, OUT))?;
        Ok(FileStat::decode(&self.get(OUT, FileStat::SIZE)))
    }

    pub fn fd_filestat_set_size(&mut self, fd: u32, size: u64) -> Answer<()> {
        call!(self, fd_filestat_set_size(fd, size))
    }

    pub fn fd_filestat_set_times(&mut self, fd: u32, atim: u64, mtim: u64, flags: u32) -> Answer<()> {
        call!(self, fd_filestat_set_times(fd, atim, mtim, flags))
    }

    /// The kind of preopen (0 for a directory) and the length of its name.
    pub fn fd_prestat_get(&mut self, fd: u32) -> Answer<(u8, u32)> {
        call!(self, fd_prestat_get(fd, OUT))?;
        Ok((self.get(OUT, 1)[0], self.u32_at(OUT + 4)))
    }

    pub fn fd_prestat_dir_name(&mut self, fd: u32) -> Answer<String> {
        let (_, len) = self.fd_prestat_get(fd)?;
        call!(self, fd_prestat_dir_name(fd, DATA, len))?;
        Ok(String::from_utf8(self.get(DATA, len)).expect("names are UTF-8"))
    }

    pub fn fd_renumber(&mut self, fd: u32, to: u32) -> Answer<()> {
        call!(self, fd_renumber(fd, to))
    }
}

/// Reading and writing.
impl Sys {
    /// `fd_read` into one buffer of `len` bytes.
    pub fn fd_read(&mut self, fd: u32, len: u32) -> Answer<Vec<u8>> {
        let (iovs, count) = self.put_iovs(&[(DATA, len)]);
        call!(self, fd_read(fd, iovs, count, OUT))?;
        let nread = self.u32_at(OUT);
        Ok(self.get(DATA, nread))
    }

    /// `fd_read` into these ranges of the memory; says how many bytes were read.
    pub fn fd_readv(&mut self, fd: u32, vectors: &[(u32, u32)]) -> Answer<u32> {
        let (iovs, count) = self.put_iovs(vectors);
        call!(self, fd_read(fd, iovs, count, OUT))?;
        Ok(self.u32_at(OUT))
    }

    pub fn fd_pread(&mut self, fd: u32, len: u32, offset: u64) -> Answer<Vec<u8>> {
        let (iovs, count) = self.put_iovs(&[(DATA, len)]);
        call!(self, fd_pread(fd, iovs, count, offset, OUT))?;
        let nread = self.u32_at(OUT);
        Ok(self.get(DATA, nread))
    }

    /// `fd_write` of one buffer.
    pub fn fd_write(&mut self, fd: u32, data: impl AsRef<[u8]>) -> Answer<u32> {
        let buffer = self.put(DATA, data);
        self.fd_writev(fd, &[buffer])
    }

    /// `fd_write` of these ranges of the memory.
    pub fn fd_writev(&mut self, fd: u32, vectors: &[(u32, u32)]) -> Answer<u32> {
        let (iovs, count) = self.put_iovs(vectors);
        call!(self, fd_write(fd, iovs, count, OUT))?;
        Ok(self.u32_at(OUT))
    }

    pub fn fd_pwrite(&mut self, fd: u32, data: impl AsRef<[u8]>, offset: u64) -> Answer<u32> {
        let buffer = self.put(DATA, data);
        let (iovs, count) = self.put_iovs(&[buffer]);
        call!(self, fd_pwrite(fd, iovs, count, offset, OUT))?;
        Ok(self.u32_at(OUT))
    }

    pub fn fd_seek(&mut self, fd: u32, offset: i64, whence: u32) -> Answer<u64> {
        call!(self, fd_seek(fd, offset, whence, OUT))?;
        Ok(self.u64_at(OUT))
    }

    pub fn fd_tell(&mut self, fd: u32) -> Answer<u64> {
        call!(self, fd_tell(fd, OUT))?;
        Ok(self.u64_at(OUT))
    }

    /// `fd_readdir` with a buffer of `len` bytes: what was put into it.
    pub fn fd_readdir(&mut self, fd: u32, len: u32, cookie: u64) -> Answer<Vec<u8>> {
        call!(self, fd_readdir(fd, DATA, len, cookie, OUT))?;
        let used = self.u32_at(OUT);
        assert!(used <= len, "{used} bytes in a buffer of {len}");
        Ok(self.get(DATA, used))
    }

    /// A whole directory, in answers of `len` bytes, as a program reads it.
    pub fn list_by(&mut self, fd: u32, len: u32) -> Answer<Vec<Entry>> {
        let (mut all, mut cookie) = (Vec::new(), 0);
        loop {
            let answer = self.fd_readdir(fd, len, cookie)?;
            let (entries, _) = Entry::decode_all(&answer);
            assert!(!entries.is_empty() || answer.len() < len as usize, "no entry fits {len} bytes");
            cookie = entries.last().map_or(cookie, |entry| entry.next);
            all.extend(entries);
            if answer.len() < len as usize {
                return Ok(all);
            }
        }
    }

    /// The sorted names in a directory, but for `.` and `..`.
    pub fn names(&mut self, fd: u32) -> Answer<Vec<String>> {
        let mut names: Vec<String> = self.list_by(fd, 4096)?.into_iter().map(|entry| entry.name).collect();
        names.retain(|name| name != "." && name != "..");
        names.sort();
        Ok(names)
    }
}

/// Paths.
impl Sys {
    pub fn path_create_directory(&mut self, fd: u32, path: impl AsRef<[u8]>) -> Answer<()> {
        let (path, len) = self.put(PATH, path);
        call!(self, path_create_directory(fd, path, len))
    }

    pub fn path_filestat_get(&mut self, fd: u32, lookup: u32, path: impl AsRef<[u8]>) -> Answer<FileStat> {
        let (path, len) = self.put(PATH, path);
        call!(self, path_filestat_get(fd, lookup, path, len, OUT))?;
        Ok(FileStat::decode(&self.get(OUT, FileStat::SIZE)))
    }

    pub fn path_filestat_set_times(
        &mut self,
        fd: u32,
        lookup: u32,
        path: impl AsRef<[u8]>,
        (atim, mtim): (u64, u64),
        flags: u32,
    ) -> Answer<()> {
        let (path, len) = self.put(PATH, path);
        call!(self, path_filestat_set_times(fd, lookup, path, len, atim, mtim, flags))
    }

    /// `path_link` without following.
    pub fn path_link(&mut self, fd: u32, old: impl AsRef<[u8]>, new_fd: u32, new: impl AsRef<[u8]>) -> Answer<()> {
        let ((old, old_len), (new, new_len)) = (self.put(PATH, old), self.put(PATH2, new));
        call!(self, path_link(fd, 0u32, old, old_len, new_fd, new, new_len))
    }

    pub fn path_open(&mut self, fd: u32, path: impl AsRef<[u8]>, open: Open) -> Answer<u32> {
        let (path, len) = self.put(PATH, path);
        let Open { lookup, oflags, base, inheriting, fdflags } = open;
        call!(self, path_open(fd, lookup, path, len, oflags, base, inheriting, fdflags, OUT))?;
        Ok(self.u32_at(OUT))
    }

    /// What a symbolic link says, as much as fits `room` bytes.
    pub fn path_readlink(&mut self, fd: u32, path: impl AsRef<[u8]>, room: u32) -> Answer<String> {
        let (path, len) = self.put(PATH, path);
        call!(self, path_readlink(fd, path, len, DATA, room, OUT))?;
        let used = self.u32_at(OUT);
        assert!(used <= room, "{used} bytes in a buffer of {room}");
        Ok(String::from_utf8(self.get(DATA, used)).expect("UTF-8"))
    }

    pub fn path_remove_directory(&mut self, fd: u32, path: impl AsRef<[u8]>) -> Answer<()> {
        let (path, len) = self.put(PATH, path);
        call!(self, path_remove_directory(fd, path, len))
    }

    pub fn path_rename(&mut self, fd: u32, old: impl AsRef<[u8]>, new_fd: u32, new: impl AsRef<[u8]>) -> Answer<()> {
        let ((old, old_len), (new, new_len)) = (self.put(PATH, old), self.put(PATH2, new));
        call!(self, path_rename(fd, old, old_len, new_fd, new, new_len))
    }

    pub fn path_symlink(&mut self, target: impl AsRef<[u8]>, fd: u32, path: impl AsRef<[u8]>) -> Answer<()> {
        let ((target, target_len), (path, len)) = (self.put(PATH, target), self.put(PATH2, path));
        call!(self, path_symlink(target, target_len, fd, path, len))
    }

    pub fn path_unlink_file(&mut self, fd: u32, path: impl AsRef<[u8]>) -> Answer<()> {
        let (path, len) = self.put(PATH, path);
        call!(self, path_unlink_file(fd, path, len))
    }
}

/// Sockets.
impl Sys {
    pub fn sock_accept(&mut self, fd: u32, fdflags: u32) -> Answer<u32> {
        call!(self, sock_accept(fd, fdflags, OUT))?;
        Ok(self.u32_at(OUT))
    }

    /// `sock_recv` into one buffer of `len` bytes: what was received, and the flags.
    pub fn sock_recv(&mut self, fd: u32, len: u32, riflags: u32) -> Answer<(Vec<u8>, u32)> {
        let (iovs, count) = self.put_iovs(&[(DATA, len)]);
        call!(self, sock_recv(fd, iovs, count, riflags, OUT, OUT2))?;
        let received = self.u32_at(OUT);
        let flags = u32_in(&self.get(OUT2, 4), 0) & 0xffff;
        Ok((self.get(DATA, received), flags))
    }

    pub fn sock_send(&mut self, fd: u32, data: impl AsRef<[u8]>, siflags: u32) -> Answer<u32> {
        let buffer = self.put(DATA, data);
        let (iovs, count) = self.put_iovs(&[buffer]);
        call!(self, sock_send(fd, iovs, count, siflags, OUT))?;
        Ok(self.u32_at(OUT))
    }

    pub fn sock_shutdown(&mut self, fd: u32, how: u32) -> Answer<()> {
        call!(self, sock_shutdown(fd, how))
    }
}
