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
;;   v9 = load.i64 notrap aligned readonly can_move region0 v0-0x0010_ffe8
;;   v10 = load.i64 notrap aligned readonly can_move region0 v9+8
;;   v11 = iconst.i64 -1114112
;;   v12 = iadd v0, v11  ; v11 = -1114112
;;   v13 = call_indirect sig0, v10(v12, v4, v5, v6, v7, v8)  ; v4 = 0, v5 = 0
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
;;   v9 = load.i64 notrap aligned readonly can_move region0 v0-0x0010_ffe8
;;   v10 = load.i64 notrap aligned readonly can_move region0 v9+24
;;   v11 = iconst.i64 -1114112
;;   v12 = iadd v0, v11  ; v11 = -1114112
;;   v13 = call_indirect sig0, v10(v12, v4, v5, v6, v7, v8)  ; v4 = 0, v5 = 0
;;   v14 = iconst.i64 0
;;   v15 = load.i64 notrap aligned readonly can_move region0 v0-0x0010_ffe8
;;   v16 = load.i64 notrap aligned readonly can_move region0 v15+32
;;   v17 = iconst.i64 -1114112
;;   v18 = iadd v0, v17  ; v17 = -1114112
;;   v19 = call_indirect sig1, v16(v18, v14)  ; v14 = 0
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
;;   v3 = iconst.i64 -1114016
;;   v4 = iadd v0, v3  ; v3 = -1114016
;;   v5 = load.i64 notrap aligned region0 v4
;;   brif v5, block3(v4), block2
;; block2 cold:
;;   v6 = iconst.i64 1
;;   v7 = load.i64 notrap aligned readonly can_move region1 v0-0x0010_ffe8
;;   v8 = load.i64 notrap aligned readonly can_move region1 v7+88
;;   v9 = iconst.i64 -1114112
;;   v10 = iadd.i64 v0, v9  ; v9 = -1114112
;;   v11 = call_indirect sig0, v8(v10, v6)  ; v6 = 1
;;   jump block3(v11)
;; block3(v2: i64):
;;   v12 = iconst.i32 2
;;   v13 = iconst.i64 0
;;   v14 = uextend.i64 v1
;;   v15 = uextend.i64 v12  ; v12 = 2
;;   v16 = load.i64 notrap aligned readonly can_move region1 v0-0x0010_ffe8
;;   v17 = load.i64 notrap aligned readonly can_move region1 v16+48
;;   v18 = iconst.i64 -1114112
;;   v19 = iadd.i64 v0, v18  ; v18 = -1114112
;;   v20 = call_indirect sig1, v17(v19, v13, v14, v2, v15)  ; v13 = 0
;;   v21 = iconst.i32 0
;;   v22 = iconst.i32 0
;;   v23 = iconst.i32 1
;;   v24 = iconst.i64 0
;;   v25 = iconst.i64 0
;;   v26 = uextend.i64 v21  ; v21 = 0
;;   v27 = uextend.i64 v22  ; v22 = 0
;;   v28 = uextend.i64 v23  ; v23 = 1
;;   v29 = load.i64 notrap aligned readonly can_move region1 v0-0x0010_ffe8
;;   v30 = load.i64 notrap aligned readonly can_move region1 v29+64
;;   v31 = iconst.i64 -1114112
;;   v32 = iadd.i64 v0, v31  ; v31 = -1114112
;;   v33 = call_indirect sig2, v30(v32, v24, v25, v26, v27, v28)  ; v24 = 0, v25 = 0
;;   v34 = iconst.i64 0
;;   v35 = load.i64 notrap aligned readonly can_move region1 v0-0x0010_ffe8
;;   v36 = load.i64 notrap aligned readonly can_move region1 v35+72
;;   v37 = iconst.i64 -1114112
;;   v38 = iadd.i64 v0, v37  ; v37 = -1114112
;;   v39 = call_indirect sig0, v36(v38, v34)  ; v34 = 0
;;   jump block1
;; block1:
;;   return
;;   }
