;;! asm x86_64
;;! asm aarch64
;;! optimisations: default,-inlining,-vectorisation
;; A tight loop over a 32-bit memory: no compare but the loop's own, and the base is loaded once, outside. A call, or
;; growing, does not make it be loaded again.
(module
  (import "env" "tick" (func $tick))
  (memory 1)
  (func $sum (param $p i32) (param $end i32) (result i32)
    (local $sum i32)
    loop $next
      (local.set $sum (i32.add (local.get $sum) (i32.load offset=16 (local.get $p))))
      (br_if $next (i32.ne (local.tee $p (i32.add (local.get $p) (i32.const 4))) (local.get $end)))
    end
    local.get $sum)
  (func $copy_across_calls (param $from i32) (param $to i32)
    loop $next
      (i32.store8 (local.get $to) (i32.load8_u (local.get $from)))
      call $tick
      (drop (memory.grow (i32.const 1)))
      (local.set $to (i32.add (local.get $to) (i32.const 1)))
      (br_if $next (local.tee $from (i32.sub (local.get $from) (i32.const 1))))
    end))

;; ==== asm x86_64
;; -- sum
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   uninit  %rax
;;   xorl %eax, %eax
;;   movl %esi, %r8d
;;   jmp     label1
;; block1:
;;   movl 0x10(%rdi, %r8), %ecx
;;   leal 4(%r8), %esi
;;   cmpl %edx, %esi
;;   jnz     label3; j label2
;; block2:
;;   leal (%rax, %rcx), %eax
;;   jmp     label6
;; block3:
;;   movl 0x10(%rdi, %rsi), %esi
;;   leal 8(%r8), %r8d
;;   leal (%rax, %rcx), %eax
;;   leal (%rax, %rsi), %eax
;;   cmpl %edx, %r8d
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
;; -- copy_across_calls
;;   pushq %rbp
;;   movq %rsp, %rbp
;;   subq $0x20, %rsp
;;   movq %rbx, (%rsp)
;;   movq %r12, 8(%rsp)
;;   movq %r13, 0x10(%rsp)
;;   movq %r14, 0x18(%rsp)
;; block0:
;;   movq -0x10ffe8(%rdi), %rax
;;   movq (%rax), %rbx
;;   movl %edx, %r12d
;;   movl %esi, %r13d
;;   movq %rdi, %r14
;;   jmp     label1
;; block1:
;;   movzbq (%r14, %r13), %rax
;;   movb %al, (%r14, %r12)
;;   movq -0x10ffc0(%r14), %rax
;;   movq -0x10ffb8(%r14), %rdi
;;   call    *%rax
;;   leaq -0x110000(%r14), %rdi
;;   uninit  %rsi
;;   xorq %rsi, %rsi
;;   movl $0x1, %edx
;;   call    *%rbx
;;   subl $0x1, %r13d
;;   leal 1(%r12), %r12d
;;   testl %r13d, %r13d
;;   jnz     label2; j label3
;; block2:
;;   jmp     label1
;; block3:
;;   jmp     label4
;; block4:
;;   jmp     label5
;; block5:
;;   movq (%rsp), %rbx
;;   movq 8(%rsp), %r12
;;   movq 0x10(%rsp), %r13
;;   movq 0x18(%rsp), %r14
;;   addq $0x20, %rsp
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; ==== asm aarch64
;; -- sum
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   movz w7, #0
;;   ldr x0, [x2, #48]
;;   b label1
;; block1:
;;   add x1, x0, x3, UXTW
;;   ldr w1, [x1, #16]
;;   add w5, w3, #4
;;   subs wzr, w5, w4
;;   b.ne label3 ; b label2
;; block2:
;;   mov x2, x7
;;   add w2, w2, w1
;;   b label6
;; block3:
;;   mov x2, x7
;;   add x5, x0, x5, UXTW
;;   ldr w5, [x5, #16]
;;   add w3, w3, #8
;;   add w1, w2, w1
;;   add w2, w1, w5
;;   subs wzr, w3, w4
;;   b.ne label4 ; b label5
;; block4:
;;   mov x7, x2
;;   b label1
;; block5:
;;   b label6
;; block6:
;;   b label7
;; block7:
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- copy_across_calls
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;;   str x27, [sp, #-16]!
;;   stp x21, x24, [sp, #-16]!
;;   stp x19, x20, [sp, #-16]!
;; block0:
;;   ldr x19, [x2, #48]
;;   ldr x0, [x2, #24]
;;   ldr x20, [x0]
;;   mov x21, x3
;;   b label1
;; block1:
;;   ldrb w0, [x19, w21, UXTW]
;;   mov x24, x4
;;   strb w0, [x19, w24, UXTW]
;;   mov x27, x2
;;   ldr x0, [x27, #64]
;;   ldr x2, [x27, #72]
;;   blr x0
;;   movz x1, #0
;;   movz x2, #1
;;   mov x0, x27
;;   blr x20
;;   sub w21, w21, #1
;;   add w24, w24, #1
;;   cbnz w21, label2 ; b label3
;; block2:
;;   mov x2, x27
;;   mov x4, x24
;;   b label1
;; block3:
;;   b label4
;; block4:
;;   b label5
;; block5:
;;   ldp x19, x20, [sp], #16
;;   ldp x21, x24, [sp], #16
;;   ldr x27, [sp], #16
;;   ldp fp, lr, [sp], #16
;;   ret
