;;! clif x86_64
;; An imported memory is reached through the address of its owner's definition; both loads are pure.
(module
  (import "env" "memory" (memory 1))
  (func $load (param i32) (result i32) (i32.load (local.get 0)))
  (func $size (result i32) memory.size))

;; ==== clif x86_64
;; -- load
;;   function u0:0(i64, i32) -> i32 tail {
;;   region0 = 0 "context"
;;   region1 = 6 "imported memories"
;; block0(v0: i64, v1: i32):
;;   v3 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v4 = load.i64 notrap aligned readonly can_move region0 v3
;;   v5 = uextend.i64 v1
;;   v6 = iadd v4, v5
;;   v7 = load.i32 little region1 v6
;;   jump block1(v7)
;; block1(v2: i32):
;;   return v2
;;   }
;; -- size
;;   function u0:1(i64) -> i32 tail {
;;   region0 = 0 "context"
;;   region1 = 2 "memory lengths"
;; block0(v0: i64):
;;   v2 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v3 = load.i64 notrap aligned region1 v2+8
;;   v4 = iconst.i64 16
;;   v5 = ushr v3, v4  ; v4 = 16
;;   v6 = ireduce.i32 v5
;;   jump block1(v6)
;; block1(v1: i32):
;;   return v1
;;   }
