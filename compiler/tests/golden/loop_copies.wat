;;! functions: sum
;;! clif x86_64 polls
;;! asm x86_64 polls
;;! asm aarch64 polls
;; A short innermost loop without calls is there twice, and polls once.
(module
  (memory 1)
  (func $sum (param $p i32) (param $n i32) (result i64) (local $sum i64)
    (loop $l
      (local.set $sum (i64.add (local.get $sum) (i64.load (local.get $p))))
      (local.set $p (i32.add (local.get $p) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))
