;;! functions: sum two
;;! clif x86_64 polls
;;! asm x86_64
;;! asm aarch64
;; A loop without calls reads the globals that it names once, in front of it, and writes them each time: its code may trap.
;; Of two imported ones, if it writes one, neither: they may be the same.
(module
  (import "a" "g" (global $a (mut i32)))
  (import "a" "h" (global $b (mut i32)))
  (memory 1)
  (global $sum (mut i64) (i64.const 0))
  (func $sum (param $p i32)
    (loop $l
      (global.set $sum (i64.add (global.get $sum) (i64.load (local.get $p))))
      (br_if $l (local.tee $p (i32.sub (local.get $p) (i32.const 8))))
      ;; More than may be there twice.
      (i64.store (i32.const 0) (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1)
        (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1)
        (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1)
        (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1)
        (i64.load (i32.const 8))))))))))))))))))))))))
  (func $two (param $n i32)
    (loop $l
      (global.set $a (i32.mul (global.get $b) (i32.const 3)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
