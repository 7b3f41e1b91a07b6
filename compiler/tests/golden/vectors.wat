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
;;   movq %rbx, (%rsp)
;;   movq %r12, 8(%rsp)
;;   movq %r13, 0x10(%rsp)
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
;;   movq %rax, %rbx
;;   andq $0xfffffffffffffff8, %rbx
;;   leaq (%r10, %rbx), %r8
;;   cmpq $0x10000, %r8
;;   setbe %r9b
;;   movl %edx, %r11d
;;   leaq (%r11, %rbx), %r12
;;   cmpq $0x10000, %r12
;;   setbe %r13b
;;   andl %r13d, %r9d
;;   cmpq %r11, %r8
;;   setbe %bl
;;   cmpq %r10, %r12
;;   setbe %r8b
;;   orl %r8d, %ebx
;;   testb %r9b, %bl
;;   jnz     label4; j label3
;; block3:
;;   jmp     label8
;; block4:
;;   uninit  %r8
;;   xorq %r8, %r8
;;   leaq (%rdi, %r10), %r12
;;   testb %r9b, %bl
;;   movq %rdi, %r10
;;   cmovneq %r12, %r10
;;   leaq (%rdi, %r11), %r12
;;   testb %r9b, %bl
;;   movq %rdi, %r11
;;   cmovneq %r12, %r11
;;   pshufd $0x44, %xmm0, %xmm1
;;   testb %r9b, %bl
;;   movq %r8, %r9
;;   cmovneq %rax, %r9
;;   jmp     label5
;; block5:
;;   sequence_point
;;   movzbq -0x111000(%rdi), %rax
;;   movdqu (%r10, %r8), %xmm2
;;   movdqu (%r11, %r8), %xmm3
;;   movdqa %xmm1, %xmm4
;;   mulpd %xmm2, %xmm4
;;   addpd %xmm3, %xmm4
;;   movupd %xmm4, (%r11, %r8)
;;   movdqu 0x10(%r10, %r8), %xmm2
;;   movdqu 0x10(%r11, %r8), %xmm3
;;   movdqa %xmm1, %xmm4
;;   mulpd %xmm2, %xmm4
;;   addpd %xmm3, %xmm4
;;   movupd %xmm4, 0x10(%r11, %r8)
;;   leaq 0x20(%r8), %r8
;;   cmpq %r9, %r8
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
;;   movl %edx, %r8d
;;   movl %esi, %r9d
;;   jmp     label9
;; block9:
;;   sequence_point
;;   movzbq -0x111000(%rdi), %rax
;;   movdqa %xmm0, %xmm1
;;   mulsd (%rdi, %r9), %xmm1
;;   addsd (%rdi, %r8), %xmm1
;;   movsd %xmm1, (%rdi, %r8)
;;   movq %rcx, %rax
;;   subl $0x1, %eax
;;   testl %eax, %eax
;;   jnz     label11; j label10
;; block10:
;;   jmp     label14
;; block11:
;;   leal 8(%r9), %eax
;;   leal 8(%r8), %edx
;;   movdqa %xmm0, %xmm1
;;   mulsd (%rdi, %rax), %xmm1
;;   addsd (%rdi, %rdx), %xmm1
;;   movsd %xmm1, (%rdi, %rdx)
;;   subl $0x2, %ecx
;;   leal 0x10(%r8), %r8d
;;   leal 0x10(%r9), %r9d
;;   testl %ecx, %ecx
;;   jnz     label12; j label13
;; block12:
;;   jmp     label9
;; block13:
;;   jmp     label14
;; block14:
;;   jmp     label15
;; block15:
;;   movq (%rsp), %rbx
;;   movq 8(%rsp), %r12
;;   movq 0x10(%rsp), %r13
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
