//! Guests that are made for one test.

/// A guest that does `body`, with `text` at address 1024 of its memory, where what it reads begins at 8192. It has:
///
/// * `$open oflags rights → errno`: opens the path `text` beneath descriptor 3; the new one is then at address 0;
/// * `$read fd len → errno`, `$write fd at len → errno`: how many bytes is then at address 4;
/// * `$say number`: sixteen hexadecimal digits and a line's end, on standard output;
/// * `$now → ns`, `$random → bits`, `$sleep ns`, `$accept fd → errno`, `$exit status`.
pub fn guest(text: &[u8], body: &str) -> String {
    let data: String = text.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let len = text.len();
    format!(
        r#"(module
    (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sock_accept" (func $sock_accept (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 4)
    (data (i32.const 1024) "{data}")
    (func $open (param $oflags i32) (param $rights i64) (result i32)
        (call $path_open (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const {len})
            (local.get $oflags) (local.get $rights) (i64.const 0) (i32.const 0) (i32.const 0)))
    (func $read (param $fd i32) (param $len i32) (result i32)
        (i32.store (i32.const 16) (i32.const 8192))
        (i32.store (i32.const 20) (local.get $len))
        (call $fd_read (local.get $fd) (i32.const 16) (i32.const 1) (i32.const 4)))
    (func $write (param $fd i32) (param $at i32) (param $len i32) (result i32)
        (i32.store (i32.const 16) (local.get $at))
        (i32.store (i32.const 20) (local.get $len))
        (call $fd_write (local.get $fd) (i32.const 16) (i32.const 1) (i32.const 4)))
    (func $say (param $number i64) (local $i i32) (local $digit i32)
        (local.set $i (i32.const 16))
        (i32.store8 (i32.const 80) (i32.const 10))
        (loop $next
            (local.set $i (i32.sub (local.get $i) (i32.const 1)))
            (local.set $digit (i32.and (i32.wrap_i64 (local.get $number)) (i32.const 15)))
            (i32.store8 (i32.add (i32.const 64) (local.get $i))
                (i32.add (local.get $digit)
                    (select (i32.const 87) (i32.const 48) (i32.gt_u (local.get $digit) (i32.const 9)))))
            (local.set $number (i64.shr_u (local.get $number) (i64.const 4)))
            (br_if $next (local.get $i)))
        (drop (call $write (i32.const 1) (i32.const 64) (i32.const 17))))
    (func $now (result i64)
        (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 8)))
        (i64.load (i32.const 8)))
    (func $random (result i64)
        (drop (call $random_get (i32.const 8) (i32.const 8)))
        (i64.load (i32.const 8)))
    (func $sleep (param $ns i64)
        (i32.store (i32.const 144) (i32.const 1))
        (i64.store (i32.const 152) (local.get $ns))
        (drop (call $poll_oneoff (i32.const 128) (i32.const 192) (i32.const 1) (i32.const 4))))
    (func $accept (param $fd i32) (result i32)
        (call $sock_accept (local.get $fd) (i32.const 0) (i32.const 0)))
    (func (export "_start") (local $n i32) (local $errno i32)
        {body}))"#
    )
}

/// Opens `text` beneath descriptor 3 for reading, and ends with the error's number.
pub const OPEN: &str = "(call $exit (call $open (i32.const 0) (i64.const 2)))";
