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
;;   region0 = 4 "funcrefs"
;;   region1 = 0 "context"
;;   sig0 = (i64, i64) -> i64 system_v
;;   sig1 = (i64, i64, i64, i64, i64) -> i64 system_v
;;   sig2 = (i64, i64, i64, i64, i64, i64) -> i64 system_v
;; block0(v0: i64, v1: i32):
;;   v3 = iconst.i64 96
;;   v4 = iadd v0, v3  ; v3 = 96
;;   v5 = load.i64 notrap aligned region0 v4
;;   brif v5, block3(v4), block2
;; block2 cold:
;;   v6 = iconst.i64 1
;;   v7 = load.i64 notrap aligned readonly can_move region1 v0+24
;;   v8 = load.i64 notrap aligned readonly can_move region1 v7+88
;;   v9 = call_indirect sig0, v8(v0, v6)  ; v6 = 1
;;   jump block3(v9)
;; block3(v2: i64):
;;   v10 = iconst.i32 2
;;   v11 = iconst.i64 0
;;   v12 = uextend.i64 v1
;;   v13 = uextend.i64 v10  ; v10 = 2
;;   v14 = load.i64 notrap aligned readonly can_move region1 v0+24
;;   v15 = load.i64 notrap aligned readonly can_move region1 v14+48
;;   v16 = call_indirect sig1, v15(v0, v11, v12, v2, v13)  ; v11 = 0
;;   v17 = iconst.i32 0
;;   v18 = iconst.i32 0
;;   v19 = iconst.i32 1
;;   v20 = iconst.i64 0
;;   v21 = iconst.i64 0
;;   v22 = uextend.i64 v17  ; v17 = 0
;;   v23 = uextend.i64 v18  ; v18 = 0
;;   v24 = uextend.i64 v19  ; v19 = 1
;;   v25 = load.i64 notrap aligned readonly can_move region1 v0+24
;;   v26 = load.i64 notrap aligned readonly can_move region1 v25+64
;;   v27 = call_indirect sig2, v26(v0, v20, v21, v22, v23, v24)  ; v20 = 0, v21 = 0
;;   v28 = iconst.i64 0
;;   v29 = load.i64 notrap aligned readonly can_move region1 v0+24
;;   v30 = load.i64 notrap aligned readonly can_move region1 v29+72
;;   v31 = call_indirect sig0, v30(v0, v28)  ; v28 = 0
;;   jump block1
;; block1:
;;   return
;;   }
