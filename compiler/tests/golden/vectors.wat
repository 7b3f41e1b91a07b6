;;! functions: axpy
;;! asm x86_64 polls
;;! asm aarch64 polls
;; A loop over arrays makes vectors of elements, once it is known that they are all in the memory, and that what is stored is not
;; what is loaded; what is left at the end, the loop itself makes.
(module
  (memory 1)
  (func $axpy (param $x i32) (param $y i32) (param $n i32) (param $a f64)
    (loop $l
      (f64.store (local.get $y)
        (f64.add (f64.mul (local.get $a) (f64.load (local.get $x))) (f64.load (local.get $y))))
      (local.set $x (i32.add (local.get $x) (i32.const 8)))
      (local.set $y (i32.add (local.get $y) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))

;; ==== asm x86_64 polls
;; -- axpy
;;   pushq %rbp
;;   movq %rsp, %rbp
;;   subq $0x20, %rsp
;;   movq %r12, (%rsp)
;;   movq %r13, 8(%rsp)
;;   movq %r14, 0x10(%rsp)
;; block0:
;;   leal -1(%rcx), %eax
;;   shrq $0x2, %rax
;;   cmpq $0x3, %rax
;;   jnb     label2; j label1
;; block1:
;;   jmp     label8
;; block2:
;;   movl %esi, %r10d
;;   shlq $0x5, %rax
;;   movq %rax, %r9
;;   andq $0xfffffffffffffff8, %r9
;;   leaq (%r10, %r9), %r8
;;   cmpq $0x10000, %r8
;;   setbe %r11b
;;   movl %edx, %r12d
;;   leaq (%r12, %r9), %r9
;;   cmpq $0x10000, %r9
;;   setbe %r13b
;;   andl %r13d, %r11d
;;   cmpq %r12, %r8
;;   setbe %r13b
;;   cmpq %r10, %r9
;;   setbe %r8b
;;   orl %r8d, %r13d
;;   testb %r11b, %r13b
;;   jnz     label4; j label3
;; block3:
;;   jmp     label8
;; block4:
;;   uninit  %r8
;;   xorq %r8, %r8
;;   movq 0x30(%rdi), %r9
;;   leaq (%r9, %r10), %r14
;;   testb %r11b, %r13b
;;   movq %r9, %r10
;;   cmovneq %r14, %r10
;;   leaq (%r9, %r12), %r12
;;   testb %r11b, %r13b
;;   cmovneq %r12, %r9
;;   pshufd $0x44, %xmm0, %xmm1
;;   testb %r11b, %r13b
;;   movq %r8, %r11
;;   cmovneq %rax, %r11
;;   jmp     label5
;; block5:
;;   sequence_point
;;   movzbq -0x1000(%rdi), %rax
;;   movdqu (%r10, %r8), %xmm2
;;   movdqu (%r9, %r8), %xmm3
;;   movdqa %xmm1, %xmm4
;;   mulpd %xmm2, %xmm4
;;   addpd %xmm3, %xmm4
;;   movupd %xmm4, (%r9, %r8)
;;   movdqu 0x10(%r10, %r8), %xmm2
;;   movdqu 0x10(%r9, %r8), %xmm3
;;   movdqa %xmm1, %xmm4
;;   mulpd %xmm2, %xmm4
;;   addpd %xmm3, %xmm4
;;   movupd %xmm4, 0x10(%r9, %r8)
;;   leaq 0x20(%r8), %r8
;;   cmpq %r11, %r8
;;   jb      label6; j label7
;; block6:
;;   jmp     label5
;; block7:
;;   leal -1(%rcx), %eax
;;   andl $0xfffffffc, %eax
;;   leal (%rdx, %rax, 8), %edx
;;   leal (%rsi, %rax, 8), %esi
;;   subl %eax, %ecx
;;   jmp     label8
;; block8:
;;   movq 0x30(%rdi), %rax
;;   jmp     label9
;; block9:
;;   sequence_point
;;   movzbq -0x1000(%rdi), %r8
;;   movl %esi, %r8d
;;   movl %edx, %r9d
;;   movdqa %xmm0, %xmm1
;;   mulsd (%rax, %r8), %xmm1
;;   addsd (%rax, %r9), %xmm1
;;   movsd %xmm1, (%rax, %r9)
;;   movq %rcx, %r8
;;   subl $0x1, %r8d
;;   testl %r8d, %r8d
;;   jnz     label11; j label10
;; block10:
;;   jmp     label14
;; block11:
;;   leal 8(%rsi), %r8d
;;   leal 8(%rdx), %r9d
;;   movdqa %xmm0, %xmm1
;;   mulsd (%rax, %r8), %xmm1
;;   addsd (%rax, %r9), %xmm1
;;   movsd %xmm1, (%rax, %r9)
;;   subl $0x2, %ecx
;;   leal 0x10(%rdx), %edx
;;   leal 0x10(%rsi), %esi
;;   testl %ecx, %ecx
;;   jnz     label12; j label13
;; block12:
;;   jmp     label9
;; block13:
;;   jmp     label14
;; block14:
;;   jmp     label15
;; block15:
;;   movq (%rsp), %r12
;;   movq 8(%rsp), %r13
;;   movq 0x10(%rsp), %r14
;;   addq $0x20, %rsp
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; ==== asm aarch64 polls
;; -- axpy
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   sub w9, w5, #1
;;   mov w9, w9
;;   lsr x9, x9, #2
;;   subs xzr, x9, #3
;;   b.hs label2 ; b label1
;; block1:
;;   b label8
;; block2:
;;   mov w13, w3
;;   lsl x12, x9, #5
;;   movn x14, #7
;;   and x15, x14, x9, LSL 5
;;   add x14, x15, x3, UXTW
;;   subs xzr, x14, #65536
;;   cset x0, ls
;;   mov w1, w4
;;   add x15, x15, x4, UXTW
;;   subs xzr, x15, #65536
;;   cset x6, ls
;;   and w0, w0, w6
;;   subs xzr, x14, x1
;;   cset x1, ls
;;   subs xzr, x15, x13
;;   cset x6, ls
;;   orr w1, w1, w6
;;   and w7, w0, w1
;;   ands wzr, w7, #255
;;   b.ne label4 ; b label3
;; block3:
;;   b label8
;; block4:
;;   movz x0, #0
;;   ldr x6, [x2, #48]
;;   add x1, x6, x3, UXTW
;;   ands wzr, w7, #255
;;   csel x1, x1, x6, ne
;;   add x8, x6, x4, UXTW
;;   ands wzr, w7, #255
;;   csel x6, x8, x6, ne
;;   dup v21.2d, v0.d[0]
;;   ands wzr, w7, #255
;;   csel x7, x12, x0, ne
;;   b label5
;; block5:
;;   sequence_point
;;   movn x8, #65535
;;   ldrb w8, [x2, x8]
;;   add x9, x1, x0
;;   ldr q24, [x1, x0]
;;   add x8, x6, x0
;;   ldr q25, [x6, x0]
;;   fmul v24.2d, v21.2d, v24.2d
;;   fadd v24.2d, v24.2d, v25.2d
;;   str q24, [x6, x0]
;;   ldr q25, [x9, #16]
;;   ldr q26, [x8, #16]
;;   fmul v25.2d, v21.2d, v25.2d
;;   fadd v25.2d, v25.2d, v26.2d
;;   str q25, [x8, #16]
;;   add x0, x0, #32
;;   subs xzr, x0, x7
;;   b.lo label6 ; b label7
;; block6:
;;   b label5
;; block7:
;;   sub w0, w5, #1
;;   and w0, w0, #4294967292
;;   add w4, w4, w0, LSL 3
;;   add w3, w3, w0, LSL 3
;;   sub w5, w5, w0
;;   b label8
;; block8:
;;   ldr x0, [x2, #48]
;;   b label9
;; block9:
;;   sequence_point
;;   movn x1, #65535
;;   ldrb w1, [x2, x1]
;;   ldr d1, [x0, w3, UXTW]
;;   ldr d2, [x0, w4, UXTW]
;;   fmul d1, d0, d1
;;   fadd d1, d1, d2
;;   str d1, [x0, w4, UXTW]
;;   sub w1, w5, #1
;;   cbnz w1, label11 ; b label10
;; block10:
;;   b label14
;; block11:
;;   add w1, w3, #8
;;   ldr d1, [x0, w1, UXTW]
;;   add w1, w4, #8
;;   ldr d2, [x0, w1, UXTW]
;;   fmul d1, d0, d1
;;   fadd d1, d1, d2
;;   str d1, [x0, w1, UXTW]
;;   sub w5, w5, #2
;;   add w4, w4, #16
;;   add w3, w3, #16
;;   cbnz w5, label12 ; b label13
;; block12:
;;   b label9
;; block13:
;;   b label14
;; block14:
;;   b label15
;; block15:
;;   ldp fp, lr, [sp], #16
;;   ret
