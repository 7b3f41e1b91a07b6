;;! asm x86_64
;;! asm aarch64
;;! functions: dot find

;; Vectors of floats that are multiplied and added, and a byte that is searched sixteen at a time. The base is loaded once;
;; that lanes are floats in one place and bytes in another costs nothing.
(module
  (memory 1)
  (func $dot (param $a i32) (param $b i32) (param $n i32) (result v128) (local $sum v128)
    (loop $next
      (local.set $sum
        (f32x4.add (local.get $sum) (f32x4.mul (v128.load (local.get $a)) (v128.load (local.get $b)))))
      (local.set $a (i32.add (local.get $a) (i32.const 16)))
      (local.set $b (i32.add (local.get $b) (i32.const 16)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 4)))))
    (local.get $sum))
  (func $find (param $at i32) (param $byte i32) (result i32) (local $bytes v128)
    (local.set $bytes (i8x16.splat (local.get $byte)))
    (loop $next
      (if (v128.any_true (i8x16.eq (v128.load (local.get $at)) (local.get $bytes)))
        (then (return (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br $next))
    (unreachable)))

;; ==== asm x86_64
;; -- dot
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   uninit  %xmm0
;;   pxor %xmm0, %xmm0
;;   movq 0x30(%rdi), %rax
;;   jmp     label1
;; block1:
;;   movl %esi, %edi
;;   movdqu (%rax, %rdi), %xmm1
;;   movl %edx, %edi
;;   movdqu (%rax, %rdi), %xmm2
;;   subl $0x4, %ecx
;;   mulps %xmm2, %xmm1
;;   addps %xmm1, %xmm0
;;   leal 0x10(%rsi), %esi
;;   leal 0x10(%rdx), %edx
;;   testl %ecx, %ecx
;;   jnz     label2; j label3
;; block2:
;;   jmp     label1
;; block3:
;;   jmp     label4
;; block4:
;;   jmp     label5
;; block5:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- find
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq 0x30(%rdi), %rcx
;;   movd %edx, %xmm0
;;   uninit  %xmm1
;;   pxor %xmm1, %xmm1
;;   pshufb %xmm1, %xmm0
;;   movq %rsi, %rax
;;   jmp     label1
;; block1:
;;   movl %eax, %edx
;;   movdqu (%rcx, %rdx), %xmm1
;;   pcmpeqb %xmm0, %xmm1
;;   ptest %xmm1, %xmm1
;;   jnz     label4; j label2
;; block2:
;;   jmp     label3
;; block3:
;;   leal 0x10(%rax), %eax
;;   jmp     label1
;; block4:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; ==== asm aarch64
;; -- dot
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   movi v0.16b, #0
;;   ldr x0, [x2, #48]
;;   b label1
;; block1:
;;   ldr q18, [x0, w3, UXTW]
;;   ldr q19, [x0, w4, UXTW]
;;   sub w5, w5, #4
;;   fmul v18.4s, v18.4s, v19.4s
;;   fadd v0.4s, v0.4s, v18.4s
;;   add w3, w3, #16
;;   add w4, w4, #16
;;   cbnz w5, label2 ; b label3
;; block2:
;;   b label1
;; block3:
;;   b label4
;; block4:
;;   b label5
;; block5:
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- find
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   ldr x12, [x2, #48]
;;   dup v16.16b, w4
;;   mov x2, x3
;;   b label1
;; block1:
;;   ldr q17, [x12, w2, UXTW]
;;   cmeq v17.16b, v17.16b, v16.16b
;;   umaxp v17.4s, v17.4s, v17.4s
;;   mov x13, v17.d[0]
;;   subs xzr, x13, #0
;;   cset x0, ne
;;   ands wzr, w0, #255
;;   b.ne label4 ; b label2
;; block2:
;;   b label3
;; block3:
;;   add w2, w2, #16
;;   b label1
;; block4:
;;   ldp fp, lr, [sp], #16
;;   ret
