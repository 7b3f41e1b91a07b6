;;! functions: sum swap deeper early
;;! optimisations: default
;;! asm x86_64 polls
;;! asm aarch64 polls
;;! clif x86_64 polls
;; Small functions are translated where they are called: no call is left, hence no poll at the entry, and none of their own
;; code. What a constant argument decides is decided.
(module
  (memory 1)
  (func $at (param $base i32) (param $index i32) (result i32)
    (i32.load (i32.add (local.get $base) (i32.shl (local.get $index) (i32.const 2)))))
  (func $pair (param i32 i32) (result i32 i32) (local.get 1) (local.get 0))
  (func $when (param i32 i32) (result i32)
    (if (local.get 0) (then (return (i32.add (local.get 1) (i32.const 1)))))
    (i32.sub (local.get 1) (i32.const 1)))
  (func $sum (export "sum") (param $base i32) (param $count i32) (result i32) (local $sum i32)
    loop $next
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (local.set $sum (i32.add (local.get $sum) (call $at (local.get $base) (local.get $count))))
      (br_if $next (local.get $count))
    end
    (local.get $sum))
  (func $swap (export "swap") (param i32 i32) (result i32 i32)
    (call $pair (call $pair (call $pair (local.get 0) (local.get 1)))))
  (func $first (param i32) (result i32) (call $at (local.get 0) (i32.const 0)))
  (func $deeper (export "deeper") (param i32) (result i32) (call $first (call $first (local.get 0))))
  (func $early (export "early") (param i32) (result i32) (call $when (i32.const 1) (local.get 0))))
