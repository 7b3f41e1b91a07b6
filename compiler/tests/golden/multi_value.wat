;;! asm x86_64
;;! asm aarch64
;; More results than registers.
(module
  (func $ten (result i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
    (i32.const 0) (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4)
    (i32.const 5) (i32.const 6) (i32.const 7) (i32.const 8) (i32.const 9))
  (func $last_minus_first (result i32)
    (local i32)
    call $ten
    local.set 0 drop drop drop drop drop drop drop drop
    local.get 0 i32.sub))

;; ==== asm x86_64
;; -- ten
;;   pushq %rbp
;;   movq %rsp, %rbp
;;   subq $0x20, %rsp
;;   movq %rbx, (%rsp)
;;   movq %r13, 8(%rsp)
;;   movq %r14, 0x10(%rsp)
;; block0:
;;   movq %rdi, %r14
;;   jmp     label1
;; block1:
;;   uninit  %rax
;;   xorl %eax, %eax
;;   movl $0x1, %ecx
;;   movl $0x2, %edx
;;   movl $0x3, %esi
;;   movl $0x4, %edi
;;   movl $0x5, %r8d
;;   movl $0x6, %r9d
;;   movl $0x7, %r10d
;;   movl $0x8, %r11d
;;   movl $0x9, %r13d
;;   movq %r14, %rbx
;;   movl %r11d, (%rbx)
;;   movl %r13d, 8(%rbx)
;;   movq (%rsp), %rbx
;;   movq 8(%rsp), %r13
;;   movq 0x10(%rsp), %r14
;;   addq $0x20, %rsp
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- last_minus_first
;;   pushq %rbp
;;   movq %rsp, %rbp
;;   subq $0x20, %rsp
;;   movq %r12, 0x10(%rsp)
;;   movq %r13, 0x18(%rsp)
;; block0:
;;   movq %rdi, %rsi
;;   leaq (%rsp), %rdi
;;   call    User(userextname0)
;;   jmp     label1
;; block1:
;;   subl %r13d, %eax
;;   movq 0x10(%rsp), %r12
;;   movq 0x18(%rsp), %r13
;;   addq $0x20, %rsp
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; ==== asm aarch64
;; -- ten
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   b label1
;; block1:
;;   movz w2, #0
;;   movz w3, #1
;;   movz w4, #2
;;   movz w5, #3
;;   movz w6, #4
;;   movz w7, #5
;;   movz w12, #6
;;   movz w13, #7
;;   movz w14, #8
;;   movz w15, #9
;;   str w12, [x8]
;;   str w13, [x8, #8]
;;   str w14, [x8, #16]
;;   str w15, [x8, #24]
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- last_minus_first
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;;   stp x21, x22, [sp, #-16]!
;;   stp x19, x20, [sp, #-16]!
;;   sub sp, sp, #32
;; block0:
;;   mov x8, sp
;;   bl 0
;;   b label1
;; block1:
;;   sub w2, w2, w19
;;   add sp, sp, #32
;;   ldp x19, x20, [sp], #16
;;   ldp x21, x22, [sp], #16
;;   ldp fp, lr, [sp], #16
;;   ret
