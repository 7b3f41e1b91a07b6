;;! clif x86_64
;;! clif aarch64
;; On x86-64 a memory's bytes and the context's fields are reached from one address, of which nobody loads the one or the other.
(module
  (import "env" "tick" (func $tick))
  (memory 1)
  (global $g (export "g") (mut i32) (i32.const 0))
  (func (param $a i32)
    (i32.store offset=4 (local.get $a) (global.get $g))
    (call $tick)))

;; ==== clif x86_64
;; -- function[1]
;;   function u0:1(i64, i32) tail {
;;   region0 = 196608 "global 0"
;;   region1 = 65536 "memory 0"
;;   region2 = 1 "slots"
;;   sig0 = (i64) tail
;; block0(v0: i64, v1: i32):
;;   v2 = load.i32 notrap aligned region0 v0-0x0010_ffa0
;;   v3 = uextend.i64 v1
;;   v4 = iadd v0, v3
;;   store little region1 v2, v4+4
;;   v5 = load.i64 notrap aligned region2 v0-0x0010_ffc0
;;   v6 = load.i64 notrap aligned region2 v0-0x0010_ffb8
;;   call_indirect sig0, v5(v6)
;;   jump block1
;; block1:
;;   return
;;   }
;; ==== clif aarch64
;; -- function[1]
;;   function u0:1(i64, i32) tail {
;;   region0 = 196608 "global 0"
;;   region1 = 0 "context"
;;   region2 = 65536 "memory 0"
;;   region3 = 1 "slots"
;;   sig0 = (i64) tail
;; block0(v0: i64, v1: i32):
;;   v2 = load.i32 notrap aligned region0 v0+96
;;   v3 = load.i64 notrap aligned readonly can_move region1 v0+48
;;   v4 = uextend.i64 v1
;;   v5 = iadd v3, v4
;;   store little region2 v2, v5+4
;;   v6 = load.i64 notrap aligned region3 v0+64
;;   v7 = load.i64 notrap aligned region3 v0+72
;;   call_indirect sig0, v6(v7)
;;   jump block1
;; block1:
;;   return
;;   }
