;;! clif x86_64
;;! optimisations: default,-inlining,-switches
;; Blocks with parameters and results, `br_table`, and code behind an unconditional branch.
(module
  (func $if_without_else (param i32 i32) (result i32)
    local.get 0
    local.get 1
    if (param i32) (result i32)
      i32.const 1
      i32.add
    end)
  (func $switch (param i32) (result i32)
    block $c (result i32)
      block $b (result i32)
        block $a (result i32)
          i32.const 10
          local.get 0
          br_table $a $b $c $a
          i32.const 99
          drop
          loop br 0 end
        end
        i32.const 1
        i32.add
      end
      i32.const 2
      i32.add
    end)
  (func $loop_with_parameter (param i32) (result i32)
    local.get 0
    loop (param i32) (result i32)
      i32.const 1
      i32.sub
      local.tee 0
      local.get 0
      br_if 0
    end)
  (func $never_back (result i32)
    loop
      br 0
    end
    unreachable))

;; ==== clif x86_64
;; -- if_without_else
;;   function u0:0(i64, i32, i32) -> i32 tail {
;; block0(v0: i64, v1: i32, v2: i32):
;;   brif v2, block2, block3
;; block2:
;;   v5 = iconst.i32 1
;;   v6 = iadd.i32 v1, v5  ; v5 = 1
;;   jump block4(v6)
;; block3:
;;   jump block4(v1)
;; block4(v4: i32):
;;   jump block1(v4)
;; block1(v3: i32):
;;   return v3
;;   }
;; -- switch
;;   function u0:1(i64, i32) -> i32 tail {
;; block0(v0: i64, v1: i32):
;;   v6 = iconst.i32 10
;;   br_table v1, block5, [block5, block6, block7]
;; block5:
;;   jump block4(v6)  ; v6 = 10
;; block6:
;;   jump block3(v6)  ; v6 = 10
;; block7:
;;   jump block2(v6)  ; v6 = 10
;; block4(v5: i32):
;;   v7 = iconst.i32 1
;;   v8 = iadd v5, v7  ; v7 = 1
;;   jump block3(v8)
;; block3(v4: i32):
;;   v9 = iconst.i32 2
;;   v10 = iadd v4, v9  ; v9 = 2
;;   jump block2(v10)
;; block2(v3: i32):
;;   jump block1(v3)
;; block1(v2: i32):
;;   return v2
;;   }
;; -- loop_with_parameter
;;   function u0:2(i64, i32) -> i32 tail {
;; block0(v0: i64, v1: i32):
;;   jump block2(v1)
;; block2(v3: i32):
;;   v5 = iconst.i32 1
;;   v6 = isub v3, v5  ; v5 = 1
;;   brif v6, block2(v6), block4
;; block4:
;;   jump block3(v6)
;; block3(v4: i32):
;;   jump block1(v4)
;; block1(v2: i32):
;;   return v2
;;   }
;; -- never_back
;;   function u0:3(i64) -> i32 tail {
;; block0(v0: i64):
;;   jump block2
;; block2:
;;   jump block4
;; block4:
;;   jump block5
;; block5:
;;   jump block6
;; block6:
;;   jump block2
;;   }
