;;! clif x86_64
;; Branches by a number to few targets: one number among others, a number and all above, stretches; and one with too many.
(module
  (func $one (param i32) (result i32)
    (block $a (block $b (br_table $a $a $b $a (local.get 0))) (return (i32.const 1)))
    (i32.const 2))
  (func $stretches (param i32) (result i32)
    (block $a (block $b (block $c (br_table $a $a $b $b $b $c (local.get 0)))
      (return (i32.const 1)))
      (return (i32.const 2)))
    (i32.const 3))
  (func $truth (param i32) (result i32)
    (block $a (block $b (br_table $a $b (local.get 0))) (return (i32.const 1)))
    (i32.const 2))
  (func $value (param i32) (result i32)
    (block $a (result i32) (i32.add (block $b (result i32) (br_table $a $b (i32.const 7) (local.get 0))) (i32.const 1))))
  (func $many (param i32) (result i32)
    (block $a (block $b (br_table $a $b $a $b $a (local.get 0))) (return (i32.const 1)))
    (i32.const 2)))

;; ==== clif x86_64
;; -- one
;;   function u0:0(i64, i32) -> i32 tail {
;; block0(v0: i64, v1: i32):
;;   v3 = iconst.i32 2
;;   v4 = icmp eq v1, v3  ; v3 = 2
;;   brif v4, block3, block2
;; block3:
;;   v5 = iconst.i32 1
;;   return v5  ; v5 = 1
;; block2:
;;   v6 = iconst.i32 2
;;   jump block1(v6)  ; v6 = 2
;; block1(v2: i32):
;;   return v2
;;   }
;; -- stretches
;;   function u0:1(i64, i32) -> i32 tail {
;; block0(v0: i64, v1: i32):
;;   v3 = iconst.i32 5
;;   v4 = icmp uge v1, v3  ; v3 = 5
;;   brif v4, block4, block5
;; block5:
;;   v5 = iconst.i32 2
;;   v6 = icmp.i32 uge v1, v5  ; v5 = 2
;;   brif v6, block3, block2
;; block4:
;;   v7 = iconst.i32 1
;;   return v7  ; v7 = 1
;; block3:
;;   v8 = iconst.i32 2
;;   return v8  ; v8 = 2
;; block2:
;;   v9 = iconst.i32 3
;;   jump block1(v9)  ; v9 = 3
;; block1(v2: i32):
;;   return v2
;;   }
;; -- truth
;;   function u0:2(i64, i32) -> i32 tail {
;; block0(v0: i64, v1: i32):
;;   brif v1, block3, block2
;; block3:
;;   v3 = iconst.i32 1
;;   return v3  ; v3 = 1
;; block2:
;;   v4 = iconst.i32 2
;;   jump block1(v4)  ; v4 = 2
;; block1(v2: i32):
;;   return v2
;;   }
;; -- value
;;   function u0:3(i64, i32) -> i32 tail {
;; block0(v0: i64, v1: i32):
;;   v5 = iconst.i32 7
;;   brif v1, block5, block4
;; block5:
;;   jump block3(v5)  ; v5 = 7
;; block4:
;;   jump block2(v5)  ; v5 = 7
;; block3(v4: i32):
;;   v6 = iconst.i32 1
;;   v7 = iadd v4, v6  ; v6 = 1
;;   jump block2(v7)
;; block2(v3: i32):
;;   jump block1(v3)
;; block1(v2: i32):
;;   return v2
;;   }
;; -- many
;;   function u0:4(i64, i32) -> i32 tail {
;; block0(v0: i64, v1: i32):
;;   br_table v1, block2, [block2, block3, block2, block3]
;; block3:
;;   v3 = iconst.i32 1
;;   return v3  ; v3 = 1
;; block2:
;;   v4 = iconst.i32 2
;;   jump block1(v4)  ; v4 = 2
;; block1(v2: i32):
;;   return v2
;;   }
