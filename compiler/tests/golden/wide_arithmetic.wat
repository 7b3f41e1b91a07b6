;;! asm x86_64
;;! asm aarch64
;;! functions: add multiply

;; Numbers of 128 bits: an addition with its carry, one multiplication.
(module
  (func $add (param i64 i64 i64 i64) (result i64 i64)
    (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func $multiply (param i64 i64) (result i64 i64)
    (i64.mul_wide_u (local.get 0) (local.get 1))))

;; ==== asm x86_64
;; -- add
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq %rsi, %rax
;;   addq %rcx, %rax
;;   movq %rdx, %rcx
;;   adcq %r8, %rcx
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- multiply
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq %rsi, %rax
;;   mulq %rdx ;; implicit: %rax, %rdx
;;   jmp     label1
;; block1:
;;   movq %rdx, %rcx
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; ==== asm aarch64
;; -- add
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   adds x2, x3, x5
;;   adc x3, x4, x6
;;   b label1
;; block1:
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- multiply
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   madd x2, x3, x4, xzr
;;   umulh x3, x3, x4
;;   b label1
;; block1:
;;   ldp fp, lr, [sp], #16
;;   ret
