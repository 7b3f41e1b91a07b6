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
;;   movl %esi, %r8d
;;   movl %edx, %r10d
;;   jmp     label1
;; block1:
;;   movdqu (%rdi, %r8), %xmm1
;;   movdqu (%rdi, %r10), %xmm2
;;   movq %rcx, %rax
;;   subl $0x4, %eax
;;   testl %eax, %eax
;;   jnz     label3; j label2
;; block2:
;;   mulps %xmm2, %xmm1
;;   addps %xmm1, %xmm0
;;   jmp     label6
;; block3:
;;   leal 0x10(%r8), %eax
;;   movdqu (%rdi, %rax), %xmm3
;;   leal 0x10(%r10), %eax
;;   movdqu (%rdi, %rax), %xmm4
;;   subl $0x8, %ecx
;;   mulps %xmm2, %xmm1
;;   addps %xmm1, %xmm0
;;   mulps %xmm4, %xmm3
;;   addps %xmm3, %xmm0
;;   leal 0x20(%r8), %r8d
;;   leal 0x20(%r10), %r10d
;;   testl %ecx, %ecx
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
;; -- find
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movd %edx, %xmm0
;;   uninit  %xmm1
;;   pxor %xmm1, %xmm1
;;   pshufb %xmm1, %xmm0
;;   movl %esi, %eax
;;   movq %rax, %rcx
;;   jmp     label1
;; block1:
;;   movdqu (%rdi, %rcx), %xmm1
;;   pcmpeqb %xmm0, %xmm1
;;   ptest %xmm1, %xmm1
;;   jnz     label8; j label2
;; block2:
;;   jmp     label3
;; block3:
;;   jmp     label4
;; block4:
;;   leal 0x10(%rcx), %eax
;;   movdqu (%rdi, %rax), %xmm1
;;   pcmpeqb %xmm0, %xmm1
;;   ptest %xmm1, %xmm1
;;   jnz     label7; j label5
;; block5:
;;   jmp     label6
;; block6:
;;   movq %rcx, %rax
;;   leal 0x20(%rax), %eax
;;   movq %rax, %rcx
;;   jmp     label1
;; block7:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; block8:
;;   movq %rcx, %rax
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
;;   ldr q29, [x0, w3, UXTW]
;;   ldr q30, [x0, w4, UXTW]
;;   sub w1, w5, #4
;;   cbnz w1, label3 ; b label2
;; block2:
;;   fmul v30.4s, v29.4s, v30.4s
;;   fadd v0.4s, v0.4s, v30.4s
;;   b label6
;; block3:
;;   add w1, w3, #16
;;   ldr q31, [x0, w1, UXTW]
;;   add w1, w4, #16
;;   ldr q1, [x0, w1, UXTW]
;;   sub w5, w5, #8
;;   fmul v2.4s, v29.4s, v30.4s
;;   fadd v0.4s, v0.4s, v2.4s
;;   fmul v31.4s, v31.4s, v1.4s
;;   fadd v0.4s, v0.4s, v31.4s
;;   add w3, w3, #32
;;   add w4, w4, #32
;;   cbnz w5, label4 ; b label5
;; block4:
;;   b label1
;; block5:
;;   b label6
;; block6:
;;   b label7
;; block7:
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- find
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   ldr x0, [x2, #48]
;;   dup v18.16b, w4
;;   mov x7, x3
;;   b label1
;; block1:
;;   ldr q19, [x0, w7, UXTW]
;;   cmeq v19.16b, v19.16b, v18.16b
;;   umaxp v17.4s, v19.4s, v19.4s
;;   mov x1, v17.d[0]
;;   subs xzr, x1, #0
;;   cset x1, ne
;;   ands wzr, w1, #255
;;   b.ne label8 ; b label2
;; block2:
;;   b label3
;; block3:
;;   b label4
;; block4:
;;   add w2, w7, #16
;;   mov x3, x7
;;   ldr q24, [x0, w2, UXTW]
;;   cmeq v24.16b, v24.16b, v18.16b
;;   umaxp v22.4s, v24.4s, v24.4s
;;   mov x1, v22.d[0]
;;   subs xzr, x1, #0
;;   cset x1, ne
;;   ands wzr, w1, #255
;;   b.ne label7 ; b label5
;; block5:
;;   b label6
;; block6:
;;   mov x2, x3
;;   add w2, w2, #32
;;   mov x7, x2
;;   b label1
;; block7:
;;   ldp fp, lr, [sp], #16
;;   ret
;; block8:
;;   mov x2, x7
;;   ldp fp, lr, [sp], #16
;;   ret
