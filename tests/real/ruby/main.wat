;; Ruby's package is a library. This is a program of it: it loads /script/guest.rb, and ends with Ruby's verdict on
;; that, 0 if nothing was raised. What Ruby reads of memory is memory that it gave, so all texts go through
;; `cabi_realloc`.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "ruby" "memory" (memory 1))
  (import "ruby" "_initialize" (func $initialize))
  (import "ruby" "cabi_realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
  (import "ruby" "ruby-init: func(args: list<string>) -> ()" (func $init (param i32 i32)))
  (import "ruby" "ruby-init-loadpath: func() -> ()" (func $load_path))
  (import "ruby" "rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>"
    (func $eval (param i32 i32) (result i32)))
  (export "memory" (memory 0))

  (data $words "ruby\00" "-EUTF-8\00" "-W0\00" "-e_=0\00")
  (data $script
    "begin; load '/script/guest.rb'; rescue Exception; $stderr.puts $!.full_message; raise; "
    "ensure; $stdout.flush; end\00")

  ;; The next pair of a list: an address and a length without the last byte. Gives what is behind both.
  (func $word (param $pair i32) (param $at i32) (param $size i32) (result i32 i32)
    (i32.store (local.get $pair) (local.get $at))
    (i32.store offset=4 (local.get $pair) (i32.sub (local.get $size) (i32.const 1)))
    (i32.add (local.get $pair) (i32.const 8))
    (i32.add (local.get $at) (local.get $size)))

  (func (export "_start") (local $words i32) (local $list i32) (local $script i32)
    (call $initialize)
    (local.set $words (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 23)))
    (memory.init $words (local.get $words) (i32.const 0) (i32.const 23))
    (local.set $list (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 32)))
    (call $word (local.get $list) (local.get $words) (i32.const 5))
    (call $word (i32.const 8))
    (call $word (i32.const 4))
    (call $word (i32.const 6))
    drop
    drop
    (call $init (local.get $list) (i32.const 4))
    (call $load_path)
    (local.set $script (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 114)))
    (memory.init $script (local.get $script) (i32.const 0) (i32.const 114))
    ;; Of the pair behind the address, the second is 0 if nothing was raised.
    (call $exit (i32.load offset=4 (call $eval (local.get $script) (i32.const 113))))))
