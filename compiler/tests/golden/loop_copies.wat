;;! functions: sum
;;! optimisations: default,-inlining,-vectorisation
;;! clif x86_64 polls
;;! asm x86_64 polls
;;! asm aarch64 polls
;; A short innermost loop without calls is there twice, and polls once.
(module
  (memory 1)
  (func $sum (param $p i32) (param $n i32) (result i64) (local $sum i64)
    (loop $l
      (local.set $sum (i64.add (local.get $sum) (i64.load (local.get $p))))
      (local.set $p (i32.add (local.get $p) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))

;; ==== clif x86_64 polls
;; -- sum
;;   function u0:0(i64, i32, i32) -> i64 tail {
;;   region0 = 9 "poll page"
;;   region1 = 65536 "memory 0"
;; block0(v0: i64, v1: i32, v2: i32):
;;   v4 = iconst.i64 0
;;   jump block2(v4, v1, v2)  ; v4 = 0
;; block2(v6: i64, v7: i32, v14: i32):
;;   sequence_point
;;   v5 = load.i8 user7 aligned region0 v0-0x0011_1000
;;   v8 = uextend.i64 v7
;;   v9 = iadd.i64 v0, v8
;;   v10 = load.i64 little region1 v9
;;   v11 = iadd v6, v10
;;   v12 = iconst.i32 8
;;   v13 = iadd v7, v12  ; v12 = 8
;;   v15 = iconst.i32 1
;;   v16 = isub v14, v15  ; v15 = 1
;;   brif v16, block4, block5
;; block5:
;;   jump block3(v11)
;; block4:
;;   v17 = uextend.i64 v13
;;   v18 = iadd.i64 v0, v17
;;   v19 = load.i64 little region1 v18
;;   v20 = iadd.i64 v11, v19
;;   v21 = iconst.i32 8
;;   v22 = iadd.i32 v13, v21  ; v21 = 8
;;   v23 = iconst.i32 1
;;   v24 = isub.i32 v16, v23  ; v23 = 1
;;   brif v24, block2(v20, v22, v24), block6
;; block6:
;;   jump block3(v20)
;; block3(v25: i64):
;;   jump block1(v25)
;; block1(v3: i64):
;;   return v3
;;   }
;; ==== asm x86_64 polls
;; -- sum
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   uninit  %rax
;;   xorq %rax, %rax
;;   movl %esi, %r8d
;;   jmp     label1
;; block1:
;;   sequence_point
;;   movzbq -0x111000(%rdi), %rcx
;;   movq (%rdi, %r8), %rcx
;;   movq %rdx, %rsi
;;   subl $0x1, %esi
;;   testl %esi, %esi
;;   jnz     label3; j label2
;; block2:
;;   leaq (%rax, %rcx), %rax
;;   jmp     label6
;; block3:
;;   leal 8(%r8), %esi
;;   movq (%rdi, %rsi), %rsi
;;   subl $0x2, %edx
;;   leaq (%rax, %rcx), %rax
;;   leaq (%rax, %rsi), %rax
;;   leal 0x10(%r8), %r8d
;;   testl %edx, %edx
;;   jnz     label4; j label5
;; block4:
;;   jmp     label1
;; block5:
;;   jmp     label6
;; block6:
;;   jmp     label7
;; block7:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; ==== asm aarch64 polls
;; -- sum
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   mov x0, x2
;;   movz x2, #0
;;   ldr x1, [x0, #48]
;;   b label1
;; block1:
;;   sequence_point
;;   movn x5, #65535
;;   ldrb w5, [x0, x5]
;;   ldr x5, [x1, w3, UXTW]
;;   sub w6, w4, #1
;;   cbnz w6, label3 ; b label2
;; block2:
;;   add x2, x2, x5
;;   b label6
;; block3:
;;   add w6, w3, #8
;;   ldr x6, [x1, w6, UXTW]
;;   sub w4, w4, #2
;;   add x2, x2, x5
;;   add x2, x2, x6
;;   add w3, w3, #16
;;   cbnz w4, label4 ; b label5
;; block4:
;;   b label1
;; block5:
;;   b label6
;; block6:
;;   b label7
;; block7:
;;   ldp fp, lr, [sp], #16
;;   ret
