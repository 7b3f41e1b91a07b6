;;! functions: open closed typed
;;! clif x86_64
;; Calls through a table by a type that others may be subtypes of: where the ids differ, the loader is asked, on the cold
;; way. A final type needs one comparison; a table whose type says enough needs none.
(module
  (type $open (sub (func (result i32))))
  (type $closed (sub final $open (func (result i32))))
  (table $any (export "any") 5 funcref)
  (table $typed (export "typed") 5 (ref null $closed))
  (func $open (result i32) (call_indirect $any (type $open) (i32.const 0)))
  (func $closed (result i32) (call_indirect $any (type $closed) (i32.const 0)))
  (func $typed (result i32) (call_indirect $typed (type $open) (i32.const 0))))

;; ==== clif x86_64
;; -- open
;;   function u0:0(i64) -> i32 tail {
;;   region0 = 0 "context"
;;   region1 = 3 "table lengths"
;;   region2 = 131072 "table 0"
;;   region3 = 4 "funcrefs"
;;   sig0 = (i64, i64, i64) -> i64 system_v
;;   sig1 = (i64) -> i32 tail
;; block0(v0: i64):
;;   v2 = iconst.i32 0
;;   v3 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v4 = load.i64 notrap aligned region1 v0+56
;;   v5 = uextend.i64 v2  ; v2 = 0
;;   v6 = icmp uge v5, v4
;;   trapnz v6, user2
;;   v7 = iconst.i64 3
;;   v8 = ishl v5, v7  ; v7 = 3
;;   v9 = iadd v3, v8
;;   v10 = select_spectre_guard v6, v3, v9
;;   v11 = load.i64 notrap aligned region2 v10
;;   v13 = iconst.i64 1
;;   v14 = icmp ule v11, v13  ; v13 = 1
;;   brif v14, block2, block3(v11)
;; block2 cold:
;;   v15 = iconst.i64 1
;;   v16 = icmp.i64 eq v11, v15  ; v15 = 1
;;   trapnz v16, user3
;;   v17 = iconst.i64 0
;;   v18 = uextend.i64 v2  ; v2 = 0
;;   v19 = load.i64 notrap aligned readonly can_move region0 v0+24
;;   v20 = load.i64 notrap aligned readonly can_move region0 v19+80
;;   v21 = call_indirect sig0, v20(v0, v17, v18)  ; v17 = 0
;;   v22 = iconst.i64 0
;;   v23 = icmp eq v21, v22  ; v22 = 0
;;   trapnz v23, user3
;;   jump block3(v21)
;; block3(v12: i64):
;;   v24 = load.i32 notrap aligned readonly can_move region0 v0+80
;;   v25 = load.i32 notrap aligned region3 v12+16
;;   v26 = icmp eq v25, v24
;;   brif v26, block5, block4
;; block4 cold:
;;   v27 = uextend.i64 v25
;;   v28 = uextend.i64 v24
;;   v29 = load.i64 notrap aligned readonly can_move region0 v0+24
;;   v30 = load.i64 notrap aligned readonly can_move region0 v29+136
;;   v31 = call_indirect sig0, v30(v0, v27, v28)
;;   trapz v31, user4
;;   jump block5
;; block5:
;;   v32 = load.i64 notrap aligned region3 v12
;;   v33 = load.i64 notrap aligned region3 v12+8
;;   v34 = call_indirect sig1, v32(v33)
;;   jump block1(v34)
;; block1(v1: i32):
;;   return v1
;;   }
;; -- closed
;;   function u0:1(i64) -> i32 tail {
;;   region0 = 0 "context"
;;   region1 = 3 "table lengths"
;;   region2 = 131072 "table 0"
;;   region3 = 4 "funcrefs"
;;   sig0 = (i64, i64, i64) -> i64 system_v
;;   sig1 = (i64) -> i32 tail
;; block0(v0: i64):
;;   v2 = iconst.i32 0
;;   v3 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v4 = load.i64 notrap aligned region1 v0+56
;;   v5 = uextend.i64 v2  ; v2 = 0
;;   v6 = icmp uge v5, v4
;;   trapnz v6, user2
;;   v7 = iconst.i64 3
;;   v8 = ishl v5, v7  ; v7 = 3
;;   v9 = iadd v3, v8
;;   v10 = select_spectre_guard v6, v3, v9
;;   v11 = load.i64 notrap aligned region2 v10
;;   v13 = iconst.i64 1
;;   v14 = icmp ule v11, v13  ; v13 = 1
;;   brif v14, block2, block3(v11)
;; block2 cold:
;;   v15 = iconst.i64 1
;;   v16 = icmp.i64 eq v11, v15  ; v15 = 1
;;   trapnz v16, user3
;;   v17 = iconst.i64 0
;;   v18 = uextend.i64 v2  ; v2 = 0
;;   v19 = load.i64 notrap aligned readonly can_move region0 v0+24
;;   v20 = load.i64 notrap aligned readonly can_move region0 v19+80
;;   v21 = call_indirect sig0, v20(v0, v17, v18)  ; v17 = 0
;;   v22 = iconst.i64 0
;;   v23 = icmp eq v21, v22  ; v22 = 0
;;   trapnz v23, user3
;;   jump block3(v21)
;; block3(v12: i64):
;;   v24 = load.i32 notrap aligned readonly can_move region0 v0+84
;;   v25 = load.i32 notrap aligned region3 v12+16
;;   v26 = icmp ne v25, v24
;;   trapnz v26, user4
;;   v27 = load.i64 notrap aligned region3 v12
;;   v28 = load.i64 notrap aligned region3 v12+8
;;   v29 = call_indirect sig1, v27(v28)
;;   jump block1(v29)
;; block1(v1: i32):
;;   return v1
;;   }
;; -- typed
;;   function u0:2(i64) -> i32 tail {
;;   region0 = 0 "context"
;;   region1 = 3 "table lengths"
;;   region2 = 131073 "table 1"
;;   region3 = 4 "funcrefs"
;;   sig0 = (i64, i64, i64) -> i64 system_v
;;   sig1 = (i64) -> i32 tail
;; block0(v0: i64):
;;   v2 = iconst.i32 0
;;   v3 = load.i64 notrap aligned readonly can_move region0 v0+64
;;   v4 = load.i64 notrap aligned region1 v0+72
;;   v5 = uextend.i64 v2  ; v2 = 0
;;   v6 = icmp uge v5, v4
;;   trapnz v6, user2
;;   v7 = iconst.i64 3
;;   v8 = ishl v5, v7  ; v7 = 3
;;   v9 = iadd v3, v8
;;   v10 = select_spectre_guard v6, v3, v9
;;   v11 = load.i64 notrap aligned region2 v10
;;   v13 = iconst.i64 1
;;   v14 = icmp ule v11, v13  ; v13 = 1
;;   brif v14, block2, block3(v11)
;; block2 cold:
;;   v15 = iconst.i64 1
;;   v16 = icmp.i64 eq v11, v15  ; v15 = 1
;;   trapnz v16, user3
;;   v17 = iconst.i64 1
;;   v18 = uextend.i64 v2  ; v2 = 0
;;   v19 = load.i64 notrap aligned readonly can_move region0 v0+24
;;   v20 = load.i64 notrap aligned readonly can_move region0 v19+80
;;   v21 = call_indirect sig0, v20(v0, v17, v18)  ; v17 = 1
;;   v22 = iconst.i64 0
;;   v23 = icmp eq v21, v22  ; v22 = 0
;;   trapnz v23, user3
;;   jump block3(v21)
;; block3(v12: i64):
;;   v24 = load.i64 notrap aligned region3 v12
;;   v25 = load.i64 notrap aligned region3 v12+8
;;   v26 = call_indirect sig1, v24(v25)
;;   jump block1(v26)
;; block1(v1: i32):
;;   return v1
;;   }
