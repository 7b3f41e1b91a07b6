;;! clif x86_64
;; Immutable globals with a known value, and mutable ones that nobody writes, are constants. An immutable one whose value
;; comes from outside is a pure load.
(module
  (import "env" "base" (global $base i32))
  (import "env" "shared" (global $shared (mut i32)))
  (global $constant i32 (i32.const 42))
  (global $never_written (mut i64) (i64.const 43))
  (global $written (mut i32) (i32.const 44))
  (global $seen (export "seen") (mut f32) (f32.const 45))
  (global $from_outside i32 (i32.add (global.get $base) (i32.const 1)))
  (func $get (result i32 i64 i32 f32 i32 i32 i32)
    (global.get $constant) (global.get $never_written) (global.get $written) (global.get $seen)
    (global.get $from_outside) (global.get $base) (global.get $shared))
  (func $set (param i32)
    (global.set $written (local.get 0))
    (global.set $shared (global.get $written))))

;; ==== clif x86_64
;; -- get
;;   function u0:0(i64) -> i32, i64, i32, f32, i32, i32, i32 tail {
;;   region0 = 196610 "global 2"
;;   region1 = 196611 "global 3"
;;   region2 = 0 "context"
;;   region3 = 8 "imported globals"
;; block0(v0: i64):
;;   v8 = iconst.i32 42
;;   v9 = iconst.i64 43
;;   v10 = load.i32 notrap aligned region0 v0+112
;;   v11 = load.f32 notrap aligned region1 v0+128
;;   v12 = load.i32 notrap aligned readonly can_move region2 v0+144
;;   v13 = load.i64 notrap aligned readonly can_move region2 v0+48
;;   v14 = load.i32 notrap aligned readonly can_move region2 v13
;;   v15 = load.i64 notrap aligned readonly can_move region2 v0+56
;;   v16 = load.i32 notrap aligned region3 v15
;;   jump block1(v8, v9, v10, v11, v12, v14, v16)  ; v8 = 42, v9 = 43
;; block1(v1: i32, v2: i64, v3: i32, v4: f32, v5: i32, v6: i32, v7: i32):
;;   return v1, v2, v3, v4, v5, v6, v7
;;   }
;; -- set
;;   function u0:1(i64, i32) tail {
;;   region0 = 196610 "global 2"
;;   region1 = 0 "context"
;;   region2 = 8 "imported globals"
;; block0(v0: i64, v1: i32):
;;   store notrap aligned region0 v1, v0+112
;;   v2 = load.i32 notrap aligned region0 v0+112
;;   v3 = load.i64 notrap aligned readonly can_move region1 v0+56
;;   store notrap aligned region2 v2, v3
;;   jump block1
;; block1:
;;   return
;;   }
