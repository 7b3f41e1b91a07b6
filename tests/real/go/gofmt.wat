;; A command of a package that has gofmt as a library without any import: formats standard input. The package's memory
;; and this module's own are two.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "gofmt" "memory" (memory $theirs 1))
  (import "gofmt" "_initialize" (func $initialize))
  (import "gofmt" "alloc" (func $alloc (param i32) (result i32)))
  (import "gofmt" "format" (func $format (result i32)))
  (import "gofmt" "output_ptr" (func $output (result i32)))
  (import "gofmt" "output_len" (func $output_size (result i32)))
  (import "gofmt" "dispose" (func $dispose))
  ;; A vector of one buffer, what it came to, and the text.
  (memory $own (export "memory") 64)
  (global $text i32 (i32.const 1024))

  (func $buffer (param $at i32) (param $size i32)
    (i32.store $own (i32.const 0) (local.get $at))
    (i32.store $own (i32.const 4) (local.get $size)))

  (func $input (result i32) (local $size i32)
    (loop $more
      (call $buffer (i32.add (global.get $text) (local.get $size)) (i32.const 65536))
      (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
      (local.set $size (i32.add (local.get $size) (i32.load $own (i32.const 8))))
      (br_if $more (i32.load $own (i32.const 8))))
    (local.get $size))

  (func $print (param $file i32) (param $at i32) (param $size i32)
    (loop $more
      (call $buffer (local.get $at) (local.get $size))
      (if (call $write (local.get $file) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
      (local.set $at (i32.add (local.get $at) (i32.load $own (i32.const 8))))
      (local.tee $size (i32.sub (local.get $size) (i32.load $own (i32.const 8))))
      (br_if $more)))

  ;; 0: it was formatted before; 1: it is now; 2: an error, whose text there is instead.
  (func (export "_start") (local $size i32) (local $verdict i32)
    (call $initialize)
    (local.set $size (call $input))
    (memory.copy $theirs $own (call $alloc (local.get $size)) (global.get $text) (local.get $size))
    (local.set $verdict (call $format))
    (if (local.get $verdict)
      (then
        (local.set $size (call $output_size))
        (memory.copy $own $theirs (global.get $text) (call $output) (local.get $size))))
    (call $dispose)
    (call $print
      (select (i32.const 2) (i32.const 1) (i32.eq (local.get $verdict) (i32.const 2)))
      (global.get $text) (local.get $size))
    (call $exit (i32.eq (local.get $verdict) (i32.const 2)))))
