;; Writes a line, and traps.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\0d\00\00\00")
  (data (i32.const 16) "here it comes")
  (func $divides (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
  (func $tells (result i32) (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
  (func $guest_begins (export "_start")
    (drop (call $divides (call $tells)))))
