;;! clif x86_64
;; Elements: null is 0 as an operand and 1 in a function table, where 0 is lazy; host references are as they are.
(module
  (table $functions 5 funcref)
  (table $hosts 5 externref)
  (func $get_function (param i32) (result funcref) (table.get $functions (local.get 0)))
  (func $set_function (param i32 funcref) (table.set $functions (local.get 0) (local.get 1)))
  (func $get_host (param i32) (result externref) (table.get $hosts (local.get 0)))
  (func $set_host (param i32 externref) (table.set $hosts (local.get 0) (local.get 1)))
  (func $sizes (result i32) (i32.add (table.size $functions) (table.size $hosts)))
  (func $grow (param i32) (result i32) (table.grow $hosts (ref.null extern) (local.get 0))))

;; ==== clif x86_64
;; -- get_function
;;   function u0:0(i64, i32) -> i64 tail {
;;   region0 = 0 "context"
;;   region1 = 131072 "table 0"
;;   sig0 = (i64, i64, i64) -> i64 system_v
;; block0(v0: i64, v1: i32):
;;   v3 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v4 = iconst.i64 5
;;   v5 = uextend.i64 v1
;;   v6 = icmp uge v5, v4  ; v4 = 5
;;   trapnz v6, user2
;;   v7 = iconst.i64 3
;;   v8 = ishl v5, v7  ; v7 = 3
;;   v9 = iadd v3, v8
;;   v10 = select_spectre_guard v6, v3, v9
;;   v11 = load.i64 notrap aligned region1 v10
;;   v13 = iconst.i64 1
;;   v14 = icmp ule v11, v13  ; v13 = 1
;;   brif v14, block2, block3(v11)
;; block2 cold:
;;   v15 = iconst.i64 1
;;   v16 = icmp.i64 eq v11, v15  ; v15 = 1
;;   v17 = iconst.i64 0
;;   brif v16, block3(v17), block4  ; v17 = 0
;; block4 cold:
;;   v18 = iconst.i64 0
;;   v19 = uextend.i64 v1
;;   v20 = load.i64 notrap aligned readonly can_move region0 v0+24
;;   v21 = load.i64 notrap aligned readonly can_move region0 v20+80
;;   v22 = call_indirect sig0, v21(v0, v18, v19)  ; v18 = 0
;;   jump block3(v22)
;; block3(v12: i64):
;;   jump block1(v12)
;; block1(v2: i64):
;;   return v2
;;   }
;; -- set_function
;;   function u0:1(i64, i32, i64) tail {
;;   region0 = 0 "context"
;;   region1 = 131072 "table 0"
;; block0(v0: i64, v1: i32, v2: i64):
;;   v3 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v4 = iconst.i64 5
;;   v5 = uextend.i64 v1
;;   v6 = icmp uge v5, v4  ; v4 = 5
;;   trapnz v6, user2
;;   v7 = iconst.i64 3
;;   v8 = ishl v5, v7  ; v7 = 3
;;   v9 = iadd v3, v8
;;   v10 = select_spectre_guard v6, v3, v9
;;   v11 = iconst.i64 0
;;   v12 = icmp eq v2, v11  ; v11 = 0
;;   v13 = iconst.i64 1
;;   v14 = select v12, v13, v2  ; v13 = 1
;;   store notrap aligned region1 v14, v10
;;   jump block1
;; block1:
;;   return
;;   }
;; -- get_host
;;   function u0:2(i64, i32) -> i64 tail {
;;   region0 = 0 "context"
;;   region1 = 3 "table lengths"
;;   region2 = 131073 "table 1"
;; block0(v0: i64, v1: i32):
;;   v3 = load.i64 notrap aligned readonly can_move region0 v0+64
;;   v4 = load.i64 notrap aligned region1 v0+72
;;   v5 = uextend.i64 v1
;;   v6 = icmp uge v5, v4
;;   trapnz v6, user2
;;   v7 = iconst.i64 3
;;   v8 = ishl v5, v7  ; v7 = 3
;;   v9 = iadd v3, v8
;;   v10 = select_spectre_guard v6, v3, v9
;;   v11 = load.i64 notrap aligned region2 v10
;;   jump block1(v11)
;; block1(v2: i64):
;;   return v2
;;   }
;; -- set_host
;;   function u0:3(i64, i32, i64) tail {
;;   region0 = 0 "context"
;;   region1 = 3 "table lengths"
;;   region2 = 131073 "table 1"
;; block0(v0: i64, v1: i32, v2: i64):
;;   v3 = load.i64 notrap aligned readonly can_move region0 v0+64
;;   v4 = load.i64 notrap aligned region1 v0+72
;;   v5 = uextend.i64 v1
;;   v6 = icmp uge v5, v4
;;   trapnz v6, user2
;;   v7 = iconst.i64 3
;;   v8 = ishl v5, v7  ; v7 = 3
;;   v9 = iadd v3, v8
;;   v10 = select_spectre_guard v6, v3, v9
;;   store notrap aligned region2 v2, v10
;;   jump block1
;; block1:
;;   return
;;   }
;; -- sizes
;;   function u0:4(i64) -> i32 tail {
;;   region0 = 3 "table lengths"
;; block0(v0: i64):
;;   v2 = iconst.i64 5
;;   v3 = ireduce.i32 v2  ; v2 = 5
;;   v4 = load.i64 notrap aligned region0 v0+72
;;   v5 = ireduce.i32 v4
;;   v6 = iadd v3, v5
;;   jump block1(v6)
;; block1(v1: i32):
;;   return v1
;;   }
;; -- grow
;;   function u0:5(i64, i32) -> i32 tail {
;;   region0 = 0 "context"
;;   sig0 = (i64, i64, i64, i64) -> i64 system_v
;; block0(v0: i64, v1: i32):
;;   v3 = iconst.i64 0
;;   v4 = iconst.i64 1
;;   v5 = uextend.i64 v1
;;   v6 = load.i64 notrap aligned readonly can_move region0 v0+24
;;   v7 = load.i64 notrap aligned readonly can_move region0 v6+40
;;   v8 = call_indirect sig0, v7(v0, v4, v5, v3)  ; v4 = 1, v3 = 0
;;   v9 = ireduce.i32 v8
;;   jump block1(v9)
;; block1(v2: i32):
;;   return v2
;;   }
