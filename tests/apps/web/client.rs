//! The HTTP/1.1 client once more, in Rust without a library: prints the body of what the URLs of its arguments name.
//!
//! The functions of `bailiwick:virt/net` are written by hand, as WIT's canonical ABI has them; with wit-bindgen they come
//! from the WIT text.

#![no_std]
#![no_main]

use core::panic::PanicInfo;
use core::ptr::{addr_of_mut, null_mut};
use core::slice;

#[link(wasm_import_module = "bailiwick:virt/net")]
unsafe extern "C" {
    fn connect(host: *const u8, len: usize, port: u32, wait: u32, result: *mut NumberOrErrno);
    fn send(socket: u32, data: *const u8, len: usize, wait: u32, result: *mut NumberOrErrno);
    fn receive(socket: u32, len: u32, peek: u32, wait: u32, result: *mut BytesOrErrno);
    fn close(socket: u32);
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn args_sizes_get(count: *mut usize, size: *mut usize) -> u16;
    fn args_get(argv: *mut *const u8, buffer: *mut u8) -> u16;
    fn fd_write(fd: u32, parts: *const Part, count: usize, written: *mut usize) -> u16;
    fn proc_exit(status: u32) -> !;
}

/// `ciovec`: bytes to write.
#[repr(C)]
struct Part {
    at: *const u8,
    len: usize,
}

/// `result<u32, errno>`
#[repr(C)]
#[derive(Default)]
struct NumberOrErrno {
    failed: u8,
    /// The number, or an errno of preview 1 in its first byte.
    value: u32,
}

/// `result<list<u8>, errno>`
#[repr(C)]
#[derive(Default)]
struct BytesOrErrno {
    failed: u8,
    /// The address, or an errno in its first byte.
    at: usize,
    len: usize,
}

/// What is received lies here, one piece after the other: nothing is kept.
const PIECE: usize = 4096;
static mut ROOM: [u64; PIECE / 8] = [0; PIECE / 8];

/// Where the loader puts what is received: never more than a piece.
#[unsafe(no_mangle)]
extern "C" fn cabi_realloc(_old: *mut u8, _old_size: usize, _align: usize, size: usize) -> *mut u8 {
    if size > PIECE { null_mut() } else { addr_of_mut!(ROOM).cast() }
}

fn print(fd: u32, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let mut written = 0;
        let part = Part { at: rest.as_ptr(), len: rest.len() };
        // SAFETY: both are there for as long as the call lasts.
        if unsafe { fd_write(fd, &part, 1, &mut written) } != 0 {
            return;
        }
        rest = rest.get(written..).unwrap_or_default();
    }
}

fn sent(socket: u32, mut data: &[u8]) -> bool {
    while !data.is_empty() {
        let mut result = NumberOrErrno::default();
        // SAFETY: both are there for as long as the call lasts.
        unsafe { send(socket, data.as_ptr(), data.len(), 1, &mut result) };
        if result.failed != 0 {
            return false;
        }
        data = data.get(result.value as usize..).unwrap_or_default();
    }
    true
}

/// Prints what comes behind the empty line.
fn body(socket: u32) -> bool {
    let end = b"\r\n\r\n";
    let mut matched = 0;
    loop {
        let mut result = BytesOrErrno::default();
        // SAFETY: it is there for as long as the call lasts.
        unsafe { receive(socket, PIECE as u32, 0, 1, &mut result) };
        if result.failed != 0 || result.len == 0 {
            return result.failed == 0 && matched == end.len();
        }
        // SAFETY: the loader has put so many bytes where `cabi_realloc` said, and nothing else is there until the next call.
        let piece = unsafe { slice::from_raw_parts(result.at as *const u8, result.len) };
        let mut at = 0;
        while at < piece.len() && matched < end.len() {
            matched = if piece[at] == end[matched] { matched + 1 } else { usize::from(piece[at] == end[0]) };
            at += 1;
        }
        print(1, &piece[at..]);
    }
}

fn get(url: &[u8]) -> bool {
    let Some(rest) = url.strip_prefix(b"http://") else { return false };
    let slash = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    let colon = authority.iter().position(|&byte| byte == b':');
    let host = &authority[..colon.unwrap_or(authority.len())];
    let digits = colon.map_or(&b"80"[..], |colon| &authority[colon + 1..]);
    let port = digits.iter().fold(0u32, |port, digit| port.wrapping_mul(10).wrapping_add(u32::from(digit.wrapping_sub(b'0'))));
    let mut result = NumberOrErrno::default();
    // SAFETY: both are there for as long as the call lasts.
    unsafe { connect(host.as_ptr(), host.len(), port, 1, &mut result) };
    if result.failed != 0 {
        return false;
    }
    let path = if path.is_empty() { &b"/"[..] } else { path };
    let parts = [&b"GET "[..], path, b" HTTP/1.1\r\nHost: ", authority, b"\r\nConnection: close\r\n\r\n"];
    let done = parts.iter().all(|part| sent(result.value, part)) && body(result.value);
    // SAFETY: it takes a number.
    unsafe { close(result.value) };
    done
}

/// Room for arguments.
const MOST_ARGUMENTS: usize = 32;
static mut ARGUMENTS: [*const u8; MOST_ARGUMENTS] = [null_mut(); MOST_ARGUMENTS];
static mut TEXT: [u8; 4096] = [0; 4096];

#[unsafe(no_mangle)]
extern "C" fn _start() {
    let (mut count, mut size) = (0, 0);
    // SAFETY: what is asked for fits into the room that there is, and nobody else uses that; the loader ends each argument
    // with a NUL.
    let failed = unsafe {
        args_sizes_get(&mut count, &mut size) != 0
            || count > MOST_ARGUMENTS
            || size > 4096
            || args_get(addr_of_mut!(ARGUMENTS).cast(), addr_of_mut!(TEXT).cast()) != 0
    };
    let mut status = u32::from(failed);
    for i in 1..if failed { 0 } else { count } {
        // SAFETY: as above.
        let url = unsafe {
            let at = *addr_of_mut!(ARGUMENTS).cast::<*const u8>().add(i);
            let len = (0..4096).position(|len| *at.add(len) == 0).unwrap_or(0);
            slice::from_raw_parts(at, len)
        };
        if !get(url) {
            print(2, b"client: can't get ");
            print(2, url);
            print(2, b"\n");
            status = 1;
        }
    }
    if status != 0 {
        // SAFETY: it takes a number.
        unsafe { proc_exit(status) }
    }
}

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
