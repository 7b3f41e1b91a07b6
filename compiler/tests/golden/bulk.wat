;;! clif x86_64
;; Bulk operations are builtins of the loader, in C convention.
(module
  (memory 1)
  (table 5 funcref)
  (data $d "data")
  (elem $e func $init)
  (func $copy (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func $init (param i32) (memory.init $d (local.get 0) (i32.const 1) (i32.const 2)) (data.drop $d))
  (func $fill_table (param i32) (table.fill (local.get 0) (ref.func $init) (i32.const 2))
    (table.init $e (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop $e)))

;; ==== clif x86_64
;; -- copy
;;   function u0:0(i64, i32, i32, i32) tail {
;;   region0 = 0 "context"
;;   sig0 = (i64, i64, i64, i64, i64, i64) -> i64 system_v
;; block0(v0: i64, v1: i32, v2: i32, v3: i32):
;;   v4 = iconst.i64 0
;;   v5 = iconst.i64 0
;;   v6 = uextend.i64 v1
;;   v7 = uextend.i64 v2
;;   v8 = uextend.i64 v3
;;   v9 = load.i64 notrap aligned readonly can_move region0 v0+24
;;   v10 = load.i64 notrap aligned readonly can_move region0 v9+8
;;   v11 = call_indirect sig0, v10(v0, v4, v5, v6, v7, v8)  ; v4 = 0, v5 = 0
;;   jump block1
;; block1:
;;   return
;;   }
;; -- init
;;   function u0:1(i64, i32) tail {
;;   region0 = 0 "context"
;;   sig0 = (i64, i64, i64, i64, i64, i64) -> i64 system_v
;;   sig1 = (i64, i64) -> i64 system_v
;; block0(v0: i64, v1: i32):
;;   v2 = iconst.i32 1
;;   v3 = iconst.i32 2
;;   v4 = iconst.i64 0
;;   v5 = iconst.i64 0
;;   v6 = uextend.i64 v1
;;   v7 = uextend.i64 v2  ; v2 = 1
;;   v8 = uextend.i64 v3  ; v3 = 2
;;   v9 = load.i64 notrap aligned readonly can_move region0 v0+24
;;   v10 = load.i64 notrap aligned readonly can_move region0 v9+24
;;   v11 = call_indirect sig0, v10(v0, v4, v5, v6, v7, v8)  ; v4 = 0, v5 = 0
;;   v12 = iconst.i64 0
;;   v13 = load.i64 notrap aligned readonly can_move region0 v0+24
;;   v14 = load.i64 notrap aligned readonly can_move region0 v13+32
;;   v15 = call_indirect sig1, v14(v0, v12)  ; v12 = 0
;;   jump block1
;; block1:
;;   return
;;   }
;; -- fill_table
;;   function u0:2(i64, i32) tail {
;;   region0 = 0 "context"
;;   sig0 = (i64, i64) -> i64 system_v
;;   sig1 = (i64, i64, i64, i64, i64) -> i64 system_v
;;   sig2 = (i64, i64, i64, i64, i64, i64) -> i64 system_v
;; block0(v0: i64, v1: i32):
;;   v2 = iconst.i64 1
;;   v3 = load.i64 notrap aligned readonly can_move region0 v0+24
;;   v4 = load.i64 notrap aligned readonly can_move region0 v3+88
;;   v5 = call_indirect sig0, v4(v0, v2)  ; v2 = 1
;;   v6 = iconst.i32 2
;;   v7 = iconst.i64 0
;;   v8 = uextend.i64 v1
;;   v9 = uextend.i64 v6  ; v6 = 2
;;   v10 = load.i64 notrap aligned readonly can_move region0 v0+24
;;   v11 = load.i64 notrap aligned readonly can_move region0 v10+48
;;   v12 = call_indirect sig1, v11(v0, v7, v8, v5, v9)  ; v7 = 0
;;   v13 = iconst.i32 0
;;   v14 = iconst.i32 0
;;   v15 = iconst.i32 1
;;   v16 = iconst.i64 0
;;   v17 = iconst.i64 0
;;   v18 = uextend.i64 v13  ; v13 = 0
;;   v19 = uextend.i64 v14  ; v14 = 0
;;   v20 = uextend.i64 v15  ; v15 = 1
;;   v21 = load.i64 notrap aligned readonly can_move region0 v0+24
;;   v22 = load.i64 notrap aligned readonly can_move region0 v21+64
;;   v23 = call_indirect sig2, v22(v0, v16, v17, v18, v19, v20)  ; v16 = 0, v17 = 0
;;   v24 = iconst.i64 0
;;   v25 = load.i64 notrap aligned readonly can_move region0 v0+24
;;   v26 = load.i64 notrap aligned readonly can_move region0 v25+72
;;   v27 = call_indirect sig0, v26(v0, v24)  ; v24 = 0
;;   jump block1
;; block1:
;;   return
;;   }
