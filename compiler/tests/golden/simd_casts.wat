;;! clif x86_64
;;! functions: chain merge

;; Operands of type v128 are bytes wherever blocks, locals and calls carry them. Between operators the cast to bytes and
;; back is looked through.
(module
  (func $chain (param v128 v128) (result v128)
    (f32x4.sqrt (f32x4.add (f32x4.mul (local.get 0) (local.get 1)) (local.get 1))))
  (func $merge (param i32 v128) (result v128)
    (if (result v128) (local.get 0)
      (then (f64x2.abs (local.get 1)))
      (else (i16x8.neg (local.get 1))))))

;; ==== clif x86_64
;; -- chain
;;   function u0:0(i64, i8x16, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i8x16, v2: i8x16):
;;   v4 = bitcast.f32x4 little v2
;;   v5 = bitcast.f32x4 little v1
;;   v6 = fmul v5, v4
;;   v7 = bitcast.i8x16 little v6
;;   v8 = bitcast.f32x4 little v2
;;   v9 = fadd v6, v8
;;   v10 = bitcast.i8x16 little v9
;;   v11 = sqrt v9
;;   v12 = bitcast.i8x16 little v11
;;   jump block1(v12)
;; block1(v3: i8x16):
;;   return v3
;;   }
;; -- merge
;;   function u0:1(i64, i32, i8x16) -> i8x16 tail {
;; block0(v0: i64, v1: i32, v2: i8x16):
;;   brif v1, block2, block3
;; block2:
;;   v5 = bitcast.f64x2 little v2
;;   v6 = fabs v5
;;   v7 = bitcast.i8x16 little v6
;;   jump block4(v7)
;; block3:
;;   v8 = bitcast.i16x8 little v2
;;   v9 = ineg v8
;;   v10 = bitcast.i8x16 little v9
;;   jump block4(v10)
;; block4(v4: i8x16):
;;   jump block1(v4)
;; block1(v3: i8x16):
;;   return v3
;;   }
