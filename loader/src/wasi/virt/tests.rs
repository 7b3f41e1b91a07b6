//! What a guest is told, and what is asked on its behalf, with somebody who answers as a test says.

use super::super::ctx::WasiCtx;
use super::super::errno::{Errno, Rule};
use super::super::grant::DirGrant;
use super::super::net::{Ready, Reply, Request};
use super::super::testing::TempDir;
use super::super::types::{FileKind, FileStat, Rights};
use super::super::unstable::Layout;
use super::calls::*;
use super::front::Front;
use super::*;
use std::sync::Mutex;

/// One file of these bytes, 10, in the folder 1, which is preopened. It notes what it is asked, and lies on demand.
struct Mock {
    memory: Vec<u8>,
    interrupt: AtomicBool,
    file: Vec<u8>,
    asked: Vec<String>,
    lie: fn(&str) -> bool,
}

impl Mock {
    fn note(&mut self, call: String) {
        self.asked.push(call);
    }

    fn lies(&self, of: &str) -> bool {
        (self.lie)(of)
    }

    fn put(&mut self, offset: usize, data: &[u8]) -> u32 {
        let end = offset + data.len();
        self.file.resize(self.file.len().max(end), 0);
        self.file[offset..end].copy_from_slice(data);
        data.len() as u32
    }
}

impl Answers for Mock {
    fn memory(&mut self) -> Result<(&mut [u8], &AtomicBool), HostError> {
        Ok((&mut self.memory, &self.interrupt))
    }
    fn preopens(&mut self) -> Answer<Vec<Preopen>> {
        self.note("preopens".to_owned());
        let many = if self.lies("preopens") { 65 } else { 1 };
        Ok(vec![Preopen { folder: 1, name: "/data".to_owned() }; many])
    }
    fn open(&mut self, folder: u32, path: &str, follow: bool, how: u8, access: u8) -> Answer<u32> {
        self.note(format!("open {folder} {path} {follow} {how} {access}"));
        match path {
            "file" => Ok(10),
            "." => Ok(1),
            _ => Err(Errno::NOENT.into()),
        }
    }
    fn close(&mut self, file: u32) -> Answer<()> {
        self.note(format!("close {file}"));
        Ok(())
    }
    fn read(&mut self, file: u32, offset: u64, len: u32) -> Answer<Vec<u8>> {
        self.note(format!("read {file} {offset} {len}"));
        let more = usize::from(self.lies("read"));
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.file.len());
        let len = (len as usize).min(self.file.len() - from);
        Ok([&self.file[from..from + len], &vec![0; (1 << 20) * more]].concat())
    }
    fn write(&mut self, file: u32, offset: u64, data: &[u8]) -> Answer<u32> {
        self.note(format!("write {file} {offset} {}", data.len()));
        if self.lies("write") {
            return Ok(0);
        }
        Ok(self.put(offset as usize, data) + u32::from(self.lies("written")))
    }
    fn append(&mut self, file: u32, data: &[u8]) -> Answer<u32> {
        self.note(format!("append {file} {}", data.len()));
        let end = self.file.len();
        Ok(self.put(end, data))
    }
    fn stat(&mut self, file: u32) -> Answer<FileStat> {
        let size = if self.lies("size") { 1 << 63 } else { self.file.len() as u64 };
        let kind = if file == 1 { FileKind::Directory } else { FileKind::RegularFile };
        Ok(FileStat { kind, size, inode: 7, links: 2, ..FileStat::NOTHING })
    }
    fn set_size(&mut self, _file: u32, size: u64) -> Answer<()> {
        self.file.resize(size as usize, 0);
        Ok(())
    }
    fn set_times(&mut self, file: u32, accessed: NewTime, modified: NewTime) -> Answer<()> {
        self.note(format!("times {file} {accessed:?} {modified:?}"));
        Ok(())
    }
    fn entries(&mut self, _folder: u32, cursor: u64) -> Answer<Vec<Entry>> {
        let entry = |name: &str, next| Entry { name: name.to_owned(), inode: next, kind: 4, next };
        if self.lies("loop") {
            return Ok(vec![entry("again", 5)]);
        }
        if self.lies("slash") {
            return Ok(vec![entry("../up", 5)]);
        }
        let all = ["one", "two", "three"];
        Ok(all.iter().enumerate().skip(cursor as usize).map(|(i, name)| entry(name, i as u64 + 1)).collect())
    }
    fn rename_at(&mut self, from: (u32, &str), to: (u32, &str)) -> Answer<()> {
        self.note(format!("rename {from:?} {to:?}"));
        Ok(())
    }
    fn readlink_at(&mut self, _folder: u32, _path: &str) -> Answer<String> {
        Ok(if self.lies("link") { "x".repeat(5000) } else { "target".to_owned() })
    }
    fn now(&mut self, clock: u8) -> Answer<u64> {
        self.note(format!("now {clock}"));
        Ok(1_000)
    }
    fn sleep(&mut self, duration_ns: u64) -> Answer<()> {
        self.note(format!("sleep {duration_ns}"));
        Ok(())
    }
    fn random(&mut self, len: u32) -> Answer<Vec<u8>> {
        self.note(format!("random {len}"));
        Ok(vec![4; len as usize - usize::from(self.lies("random"))])
    }
    fn variables(&mut self) -> Answer<Vec<(String, String)>> {
        let name = if self.lies("name") { "A=B" } else { "HOME" };
        Ok(vec![(name.to_owned(), "/data".to_owned())])
    }
    fn resolve(&mut self, _name: &str) -> Answer<Vec<String>> {
        Ok(vec!["192.0.2.1".to_owned(); if self.lies("resolve") { 65 } else { 1 }])
    }
    fn connect(&mut self, host: &str, port: u16, wait: bool) -> Answer<u32> {
        self.note(format!("connect {host} {port} {wait}"));
        if port == 25 { Err(Errno::NOTCAPABLE.into()) } else { Ok(60) }
    }
    fn listeners(&mut self) -> Answer<Vec<u32>> {
        Ok(vec![50])
    }
    fn accept(&mut self, listener: u32, wait: bool) -> Answer<u32> {
        self.note(format!("accept {listener} {wait}"));
        Ok(61)
    }
    fn send(&mut self, socket: u32, data: &[u8], wait: bool) -> Answer<u32> {
        self.note(format!("send {socket} {} {wait}", data.len()));
        Ok(data.len() as u32 + u32::from(self.lies("sent")))
    }
    fn receive(&mut self, socket: u32, len: u32, peek: bool, wait: bool) -> Answer<Vec<u8>> {
        self.note(format!("receive {socket} {len} {peek} {wait}"));
        Ok(vec![7; len as usize + usize::from(self.lies("received"))])
    }
    fn shutdown(&mut self, socket: u32, receiving: bool, sending: bool) -> Answer<()> {
        self.note(format!("shutdown {socket} {receiving} {sending}"));
        Ok(())
    }
    fn close_socket(&mut self, socket: u32) -> Answer<()> {
        self.note(format!("close socket {socket}"));
        Ok(())
    }
    fn poll_sockets(&mut self, subscriptions: &[(u32, u8)], timeout_ns: Option<u64>) -> Answer<Vec<u8>> {
        self.note(format!("poll {subscriptions:?} {timeout_ns:?}"));
        let ready = if timeout_ns == Some(0) { 0 } else { bits::READ };
        Ok(vec![ready; subscriptions.len() + usize::from(self.lies("poll"))])
    }
    fn output(&mut self, to: Stream, data: &[u8]) -> Answer<u32> {
        self.note(format!("{to:?} {}", String::from_utf8_lossy(data)));
        Ok(data.len() as u32)
    }
}

const ALL: Parts = Parts { fs: true, clock: true, random: true, env: true, stdio: true, net: false };
const DATA: u32 = 3;

/// A guest of a test.
struct Guest {
    ctx: Mutex<WasiCtx>,
    mock: Mock,
    layout: Layout,
}

impl Guest {
    fn new(lie: fn(&str) -> bool) -> Guest {
        Guest::with(WasiCtx::inert(), ALL, lie)
    }

    fn with(mut ctx: WasiCtx, parts: Parts, lie: fn(&str) -> bool) -> Guest {
        ctx.confine(parts);
        let mock = Mock {
            memory: vec![0; 1 << 16],
            interrupt: AtomicBool::new(false),
            file: b"0123456789".to_vec(),
            asked: Vec::new(),
            lie,
        };
        Guest { ctx: Mutex::new(ctx), mock, layout: Layout::Preview1 }
    }

    /// What the guest is told; `None`: it is a matter of the function that is there for all.
    fn call(&mut self, call: impl Fn(&mut Front<'_>) -> Answer<()>) -> Option<Result<(), Errno>> {
        let mut front = Front { answers: &mut self.mock, ctx: &self.ctx, layout: self.layout };
        match call(&mut front) {
            Ok(()) => Some(Ok(())),
            Err(Halt::Real) => None,
            Err(Halt::Errno(errno)) => Some(Err(errno)),
            Err(Halt::Broken(_)) => Some(Err(Errno::IO.by(Rule::Virtualizer))),
            Err(Halt::Ends(error)) => panic!("{error:?}"),
        }
    }

    #[track_caller]
    fn ok(&mut self, call: impl Fn(&mut Front<'_>) -> Answer<()>) {
        assert_eq!(self.call(call), Some(Ok(())));
    }

    /// It is an I/O error because somebody broke his contract.
    #[track_caller]
    fn broken(&mut self, call: impl Fn(&mut Front<'_>) -> Answer<()>) {
        let told = self.call(call).unwrap().unwrap_err();
        assert_eq!((told, told.rule()), (Errno::IO, Some(Rule::Virtualizer)));
    }

    #[track_caller]
    fn fails(&mut self, errno: Errno, call: impl Fn(&mut Front<'_>) -> Answer<()>) {
        assert_eq!(self.call(call), Some(Err(errno)));
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.mock.memory[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn vector(&mut self, len: u32) {
        self.put(32, &4096u32.to_le_bytes());
        self.put(36, &len.to_le_bytes());
    }

    fn u32_at(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.mock.memory[at..at + 4].try_into().unwrap())
    }

    fn u64_at(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.mock.memory[at..at + 8].try_into().unwrap())
    }

    fn open(&mut self, path: &[u8], oflags: u32, rights: Rights, fdflags: u32) -> Result<u32, Errno> {
        self.put(1024, path);
        let len = path.len() as u32;
        let (rights, inheriting) = (rights.raw(), Rights::ALL.raw());
        let told = self.call(|f| path_open(f, DATA, 1, 1024, len, oflags, rights, inheriting, fdflags, 16));
        told.unwrap().map(|()| self.u32_at(16))
    }

    fn file(&mut self) -> u32 {
        self.open(b"file", 0, Rights::FILE, 0).unwrap()
    }

    /// What it was asked since the last time.
    fn asked(&mut self) -> Vec<String> {
        std::mem::take(&mut self.mock.asked)
    }
}

fn honest(_: &str) -> bool {
    false
}

#[test]
fn positions_are_the_guests_and_not_those_of_who_answers() {
    let mut guest = Guest::new(honest);
    let (a, b) = (guest.file(), guest.file());
    guest.asked();
    guest.vector(4);
    guest.ok(|f| fd_read(f, a, 32, 1, 16));
    guest.ok(|f| fd_read(f, a, 32, 1, 16));
    assert_eq!((guest.u32_at(16), &guest.mock.memory[4096..4100]), (4, &b"4567"[..]));
    guest.ok(|f| fd_read(f, b, 32, 1, 16));
    guest.ok(|f| fd_pread(f, a, 32, 1, 8, 16));
    assert_eq!((guest.u32_at(16), &guest.mock.memory[4096..4098]), (2, &b"89"[..]));
    assert_eq!(guest.asked(), ["read 10 0 4", "read 10 4 4", "read 10 0 4", "read 10 8 4"]);
    for (offset, whence, expected) in [(2i64, 0, 2), (3, 1, 5), (-1, 2, 9)] {
        guest.ok(|f| fd_seek(f, a, offset.cast_unsigned(), whence, 64));
        assert_eq!(guest.u64_at(64), expected);
    }
    guest.fails(Errno::INVAL, |f| fd_seek(f, a, (-10i64).cast_unsigned(), 1, 64));
    guest.ok(|f| fd_tell(f, a, 64));
    assert_eq!(guest.u64_at(64), 9);
    guest.put(4096, b"WXYZ");
    guest.ok(|f| fd_write(f, a, 32, 1, 16));
    assert_eq!(guest.mock.file, b"012345678WXYZ");
    guest.ok(|f| fd_tell(f, a, 64));
    assert_eq!(guest.u64_at(64), 13);
    guest.fails(Errno::INVAL, |f| fd_pread(f, a, 32, 1, u64::MAX, 16));
    guest.fails(Errno::FAULT, |f| fd_read(f, a, 32, 1, 65_533));
}

#[test]
fn who_appends_does_so_at_the_end_and_is_there_then() {
    let mut guest = Guest::new(honest);
    let fd = guest.open(b"file", 0, Rights::FILE, 1).unwrap();
    guest.vector(2);
    guest.put(4096, b"ab");
    guest.asked();
    guest.ok(|f| fd_write(f, fd, 32, 1, 16));
    guest.ok(|f| fd_pwrite(f, fd, 32, 1, 0, 16));
    assert_eq!((guest.asked(), &guest.mock.file[..]), (vec!["append 10 2".to_owned(); 2], &b"0123456789abab"[..]));
    guest.ok(|f| fd_tell(f, fd, 64));
    assert_eq!(guest.u64_at(64), 12, "the second left it alone");
}

#[test]
fn opening_says_what_is_asked_for_and_rights_narrow() {
    let mut guest = Guest::new(honest);
    for (oflags, rights, expected) in [
        (0, Rights::FD_READ, "open 1 file true 0 1"),
        (1 | 8, Rights::FD_WRITE, "open 1 file true 9 2"),
        (1 | 4, Rights::FD_READ | Rights::FD_WRITE, "open 1 file true 5 3"),
        (0, Rights::NONE, "open 1 file true 0 0"),
    ] {
        guest.open(b"file", oflags, rights, 0).unwrap();
        assert_eq!(guest.asked().last().unwrap(), expected);
    }
    let reader = guest.open(b"file", 0, Rights::FD_READ, 0).unwrap();
    guest.vector(1);
    guest.fails(Errno::BADF, |f| fd_write(f, reader, 32, 1, 16));
    guest.fails(Errno::NOTCAPABLE, |f| fd_seek(f, reader, 1, 0, 64));
    guest.fails(Errno::NOTCAPABLE, |f| fd_filestat_set_size(f, reader, 0));
    guest.asked();
    // None of these is asked of anybody.
    let bad = [
        (&b""[..], Errno::NOENT),
        (b"/file", Errno::NOTCAPABLE),
        (b"fi\0le", Errno::INVAL),
        (b"\xff", Errno::ILSEQ),
        (&[b'x'; 5000], Errno::NAMETOOLONG),
    ];
    for (path, errno) in bad {
        assert_eq!(guest.open(path, 0, Rights::FD_READ, 0), Err(errno));
    }
    assert_eq!(guest.open(b"file", 1 | 2, Rights::FD_READ, 0), Err(Errno::INVAL), "creates a folder");
    assert_eq!(guest.asked(), Vec::<String>::new());
    assert_eq!(guest.open(b"file", 2, Rights::FD_READ, 0), Err(Errno::NOTDIR), "no folder, whatever it was told");
    assert_eq!(guest.asked().last().unwrap(), "open 1 file true 2 1");
}

#[test]
fn it_is_closed_once_when_the_last_number_goes() {
    let mut guest = Guest::new(honest);
    let (a, b) = (guest.file(), guest.file());
    guest.asked();
    guest.ok(|f| fd_renumber(f, a, b));
    assert_eq!(guest.asked(), Vec::<String>::new());
    assert_eq!(guest.call(|f| fd_close(f, a)), None, "nothing is there");
    guest.ok(|f| fd_close(f, b));
    assert_eq!(guest.asked(), ["close 10"]);
    guest.ok(|f| fd_close(f, 1));
    assert_eq!(guest.asked(), Vec::<String>::new(), "nobody closes a stream");
}

/// Whoever answers may have told others the same number.
#[test]
fn what_is_open_from_the_beginning_is_not_closed_for_others() {
    let mut guest = Guest::new(honest);
    let folder = guest.open(b".", 2, Rights::DIRECTORY, 0).unwrap();
    let file = guest.file();
    guest.asked();
    guest.ok(|f| fd_close(f, DATA));
    guest.ok(|f| fd_close(f, folder));
    assert_eq!(guest.asked(), Vec::<String>::new());
    assert_eq!(guest.call(|f| fd_close(f, DATA)), None, "it is the guest's no longer");
    guest.ok(|f| fd_close(f, file));
    assert_eq!(guest.asked(), ["close 10"]);

    let mut guest = Guest::with(WasiCtx::inert(), NET, honest);
    guest.ok(|f| fd_close(f, 3));
    assert_eq!(guest.asked(), Vec::<String>::new());
}

#[test]
fn a_folder_that_a_call_brings_takes_no_number_of_those_that_are_open_from_the_beginning() {
    let dir = TempDir::new();
    let folder = dir.grant(DirGrant::all());
    let mut guest = Guest::new(honest);
    let early = guest.ctx.lock().unwrap().receive_folder(&folder, false).unwrap();
    assert_eq!(guest.call(|f| fd_close(f, early)), None, "it is the host's");
    // A program looks here first.
    assert_eq!(guest.call(|f| fd_prestat_get(f, DATA, 0)), None);
    assert!(guest.file() > DATA);
    assert_eq!(guest.ctx.lock().unwrap().receive_folder(&folder, false).unwrap(), 5, "they are all there");
}

#[test]
fn what_is_open_from_the_beginning_is_asked_for_once() {
    let mut guest = Guest::new(honest);
    for _ in 0..2 {
        assert_eq!(guest.call(|f| fd_prestat_get(f, DATA, 0)), None);
    }
    assert_eq!(guest.asked(), ["preopens"]);
    let mut liar = Guest::new(|of| of == "preopens");
    liar.broken(|f| fd_prestat_get(f, DATA, 0));
    liar.fails(Errno::IO, |f| fd_prestat_get(f, DATA, 0));
    assert_eq!(liar.asked(), ["preopens"]);
}

#[test]
fn what_can_not_be_meant_is_an_error() {
    let mut guest = Guest::new(|of| of == "read");
    let fd = guest.file();
    guest.vector(4);
    guest.broken(|f| fd_read(f, fd, 32, 1, 16));
    for lie in [|of: &str| of == "write", |of: &str| of == "written"] {
        let mut guest = Guest::new(lie);
        let fd = guest.file();
        guest.vector(4);
        guest.broken(|f| fd_write(f, fd, 32, 1, 16));
    }
    let mut guest = Guest::new(|of| of == "size");
    let fd = guest.file();
    guest.fails(Errno::INVAL, |f| fd_seek(f, fd, 0, 2, 64));
    for lie in [|of: &str| of == "loop", |of: &str| of == "slash"] {
        let mut guest = Guest::new(lie);
        guest.broken(|f| fd_readdir(f, DATA, 4096, 400, 5, 16));
    }
    let mut guest = Guest::new(|of| of == "link");
    guest.put(1024, b"a");
    guest.broken(|f| path_readlink(f, DATA, 1024, 1, 4096, 64, 16));
    let mut guest = Guest::new(|of| of == "random");
    guest.broken(|f| random_get(f, 4096, 8));
    let mut guest = Guest::new(|of| of == "name");
    guest.broken(|f| environ_sizes_get(f, 0, 4));
}

#[test]
fn a_listing_goes_on_by_the_cookies_of_who_answers() {
    let mut guest = Guest::new(honest);
    guest.ok(|f| fd_readdir(f, DATA, 4096, 4096, 0, 16));
    assert_eq!(guest.u32_at(16), 3 * 24 + 11);
    assert_eq!((guest.u64_at(4096), guest.u32_at(4096 + 16)), (1, 3));
    assert_eq!(guest.mock.memory[4096 + 24..4096 + 27], *b"one");
    // An entry that does not fit is cut off, and the buffer full.
    guest.ok(|f| fd_readdir(f, DATA, 4096, 40, 1, 16));
    assert_eq!((guest.u32_at(16), guest.u64_at(4096)), (40, 2));
    guest.ok(|f| fd_readdir(f, DATA, 4096, 40, 3, 16));
    assert_eq!(guest.u32_at(16), 0);
    let fd = guest.file();
    guest.fails(Errno::NOTDIR, |f| fd_readdir(f, fd, 4096, 40, 0, 16));
}

#[test]
fn what_is_known_of_a_file_lies_as_each_definition_has_it() {
    let mut guest = Guest::new(honest);
    let fd = guest.file();
    guest.ok(|f| fd_filestat_get(f, fd, 4096));
    assert_eq!((guest.mock.memory[4096 + 16], guest.u64_at(4096 + 24), guest.u64_at(4096 + 32)), (4, 2, 10));
    guest.layout = Layout::Unstable;
    guest.ok(|f| fd_filestat_get(f, fd, 65_536 - 56));
    assert_eq!((guest.u32_at(65_536 - 36), guest.u64_at(65_536 - 32)), (2, 10));
    guest.layout = Layout::Preview1;
    guest.fails(Errno::FAULT, |f| fd_filestat_get(f, fd, 65_536 - 56));
    guest.ok(|f| fd_allocate(f, fd, 4, 20));
    assert_eq!(guest.mock.file.len(), 24);
    guest.ok(|f| fd_allocate(f, fd, 0, 5));
    assert_eq!(guest.mock.file.len(), 24, "it never shrinks");
    guest.fails(Errno::FBIG, |f| fd_allocate(f, fd, u64::MAX, 5));
    guest.ok(|f| fd_filestat_set_times(f, fd, 5, 6, 1 | 8));
    assert_eq!(guest.asked().last().unwrap(), "times 10 At(5) Now");
    guest.fails(Errno::INVAL, |f| fd_filestat_set_times(f, fd, 5, 6, 3));
}

#[test]
fn a_folder_of_the_host_and_one_of_somebody_elses_are_two() {
    let dir = TempDir::new();
    let mut builder = WasiCtx::builder();
    builder.preopen(&dir.grant(DirGrant::all()), "/real").unwrap();
    let mut guest = Guest::with(builder.build().unwrap(), ALL, honest);
    let (real, virt) = (3, 4);
    guest.put(1024, b"ab");
    guest.fails(Errno::XDEV, |f| path_rename(f, real, 1024, 1, virt, 1025, 1));
    guest.fails(Errno::XDEV, |f| path_link(f, virt, 0, 1024, 1, real, 1025, 1));
    guest.fails(Errno::BADF, |f| path_rename(f, virt, 1024, 1, 99, 1025, 1));
    assert_eq!(guest.call(|f| path_rename(f, real, 1024, 1, real, 1025, 1)), None);
    assert_eq!(guest.call(|f| path_unlink_file(f, real, 1024, 1)), None);
    guest.ok(|f| path_rename(f, virt, 1024, 1, virt, 1025, 1));
    assert_eq!(guest.asked(), ["preopens", r#"rename (1, "a") (1, "b")"#]);
}

#[test]
fn time_passes_as_whoever_has_the_clock_says() {
    let mut guest = Guest::new(honest);
    guest.ok(|f| clock_time_get(f, 0, 0, 64));
    assert_eq!(guest.u64_at(64), 1_000);
    guest.fails(Errno::INVAL, |f| clock_time_get(f, 4, 0, 64));
    guest.asked();
    // A length of time, and a time: 5000 from now, and 3000.
    for (at, timeout, flags) in [(100, 5_000u64, 0u16), (148, 4_000, 1)] {
        guest.put(at, &(at as u64).to_le_bytes());
        guest.put(at + 16, &1u32.to_le_bytes());
        guest.put(at + 24, &timeout.to_le_bytes());
        guest.put(at + 40, &flags.to_le_bytes());
    }
    guest.ok(|f| poll_oneoff(f, 100, 400, 2, 16));
    assert_eq!((guest.u32_at(16), guest.u64_at(400)), (1, 148), "the earlier one");
    assert_eq!(guest.asked(), ["preopens", "now 1", "sleep 3000"]);
    // Beside a file, which is ready at once.
    let fd = guest.file();
    guest.put(148 + 8, &[1]);
    guest.put(148 + 16, &fd.to_le_bytes());
    guest.asked();
    guest.ok(|f| poll_oneoff(f, 100, 400, 2, 16));
    assert_eq!((guest.u32_at(16), guest.u64_at(400), guest.mock.memory[410]), (1, 148, 1));
    assert_eq!(guest.asked(), Vec::<String>::new(), "nobody sleeps");
}

#[test]
fn streams_random_numbers_and_variables_are_asked_for() {
    let mut guest = Guest::new(honest);
    guest.vector(5);
    guest.put(4096, b"hello");
    guest.ok(|f| fd_write(f, 2, 32, 1, 16));
    guest.fails(Errno::BADF, |f| fd_read(f, 1, 32, 1, 16));
    guest.fails(Errno::SPIPE, |f| fd_seek(f, 1, 1, 0, 64));
    guest.mock.memory.resize(1 << 18, 0);
    guest.ok(|f| random_get(f, 0, 100_000));
    assert_eq!(guest.asked(), ["Error hello", "random 65536", "random 34464"]);
    assert_eq!(guest.call(|f| environ_sizes_get(f, 0, 4)), None);
    assert_eq!(guest.ctx.lock().unwrap().env, [b"HOME=/data"]);
}

const NET: Parts = Parts { fs: false, clock: false, random: false, env: false, stdio: false, net: true };

/// What the guest's own call of `bailiwick:virt/net` gives.
fn typed(guest: &mut Guest, request: &Request) -> Result<Reply, Errno> {
    let mut front = Front { answers: &mut guest.mock, ctx: &guest.ctx, layout: guest.layout };
    match super::net::forward(&mut front, request) {
        Ok(reply) => Ok(reply),
        Err(Halt::Errno(errno)) => Err(errno),
        Err(Halt::Broken(_)) => Err(Errno::IO.by(Rule::Virtualizer)),
        Err(halt) => panic!("{halt:?}"),
    }
}

#[test]
fn sockets_are_descriptors_whoever_answers_for_them() {
    let mut guest = Guest::with(WasiCtx::inert(), NET, honest);
    assert_eq!(typed(&mut guest, &Request::Listeners), Ok(Reply::Numbers(vec![3])));
    guest.ok(|f| sock_accept(f, 3, 0, 16));
    let accepted = guest.u32_at(16);
    let connect = |port| Request::Connect { host: "example".to_owned(), port, wait: false };
    assert_eq!(typed(&mut guest, &connect(25)), Err(Errno::NOTCAPABLE));
    let Ok(Reply::Number(made)) = typed(&mut guest, &connect(80)) else { panic!("no connection") };
    assert_eq!((accepted, made), (4, 5));
    guest.vector(3);
    guest.ok(|f| sock_send(f, accepted, 32, 1, 0, 16));
    guest.ok(|f| fd_write(f, made, 32, 1, 16));
    guest.ok(|f| sock_recv(f, accepted, 32, 1, 1, 16, 20));
    guest.fails(Errno::NOTCONN, |f| sock_send(f, 3, 32, 1, 0, 16));
    guest.fails(Errno::INVAL, |f| sock_accept(f, made, 0, 16));
    let send = Request::Send { socket: made, data: vec![1, 2], wait: true };
    assert_eq!(typed(&mut guest, &send), Ok(Reply::Number(2)));
    guest.ok(|f| sock_shutdown(f, accepted, 2));
    let close = Request::Close { socket: made };
    assert_eq!(typed(&mut guest, &close), Ok(Reply::Done));
    assert_eq!(typed(&mut guest, &close), Err(Errno::BADF));
    assert_eq!(
        guest.asked(),
        [
            "accept 50 true",
            "connect example 25 false",
            "connect example 80 false",
            "send 61 3 true",
            "send 60 3 false",
            "receive 61 3 true true",
            "send 60 2 true",
            "shutdown 61 false true",
            "close socket 60"
        ]
    );
}

#[test]
fn sockets_are_waited_for_by_whoever_answers_for_them() {
    let mut guest = Guest::with(WasiCtx::inert(), Parts { clock: true, ..NET }, honest);
    // A time of 5000, and what listens.
    guest.put(100, &1u64.to_le_bytes());
    guest.put(116, &1u32.to_le_bytes());
    guest.put(124, &5_000u64.to_le_bytes());
    guest.put(148, &2u64.to_le_bytes());
    guest.put(156, &[1]);
    guest.put(164, &3u32.to_le_bytes());
    guest.ok(|f| poll_oneoff(f, 100, 400, 2, 16));
    assert_eq!((guest.u32_at(16), guest.u64_at(400)), (1, 2));
    assert_eq!(guest.asked(), ["poll [(50, 1)] Some(0)", "poll [(50, 1)] Some(5000)"]);
}

#[test]
fn what_a_network_says_that_can_not_be_meant_is_an_error() {
    let refused = Err(Errno::IO.by(Rule::Virtualizer));
    let connect = Request::Connect { host: "example".to_owned(), port: 80, wait: true };
    for (lie, request) in [
        ((|of| of == "resolve") as fn(&str) -> bool, Request::Resolve { name: "x".to_owned() }),
        (|of| of == "sent", Request::Send { socket: 4, data: vec![1], wait: true }),
        (|of| of == "received", Request::Receive { socket: 4, len: 1, peek: false, wait: true }),
        (|of| of == "poll", Request::Poll { subscriptions: vec![(4, Ready::default())], timeout_ns: None }),
    ] {
        let mut guest = Guest::with(WasiCtx::inert(), NET, lie);
        assert_eq!(typed(&mut guest, &connect), Ok(Reply::Number(4)));
        assert_eq!(typed(&mut guest, &request), refused, "{request:?}");
    }
}

#[test]
fn what_nobody_else_answers_is_as_ever() {
    let mut guest = Guest::with(WasiCtx::inert(), Parts { env: true, ..Parts::default() }, honest);
    guest.vector(1);
    for call in [
        |f: &mut Front<'_>| fd_write(f, 1, 32, 1, 16),
        |f: &mut Front<'_>| fd_prestat_get(f, 3, 0),
        |f: &mut Front<'_>| clock_time_get(f, 0, 0, 64),
        |f: &mut Front<'_>| random_get(f, 0, 8),
        |f: &mut Front<'_>| poll_oneoff(f, 100, 400, 1, 16),
    ] {
        assert_eq!(guest.call(call), None);
    }
    assert_eq!(guest.asked(), Vec::<String>::new());
}
