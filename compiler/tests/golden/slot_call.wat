;;! asm x86_64
;;! asm aarch64
;; A call of an import loads code and context from its slot each time, within the loop: revocation holds at once.
(module
  (import "env" "f" (func $f (param i32)))
  (func $loop (param $n i32)
    loop $next
      (call $f (local.get $n))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end))

;; ==== asm x86_64
;; -- loop
;;   pushq %rbp
;;   movq %rsp, %rbp
;;   subq $0x10, %rsp
;;   movq %r12, (%rsp)
;;   movq %r13, 8(%rsp)
;; block0:
;;   movq %rdi, %r12
;;   jmp     label1
;; block1:
;;   movq 0x30(%r12), %r8
;;   movq 0x38(%r12), %rdi
;;   movq %rsi, %r13
;;   call    *%r8
;;   subl $0x1, %r13d
;;   testl %r13d, %r13d
;;   jnz     label2; j label3
;; block2:
;;   movq %r13, %rsi
;;   jmp     label1
;; block3:
;;   jmp     label4
;; block4:
;;   jmp     label5
;; block5:
;;   movq (%rsp), %r12
;;   movq 8(%rsp), %r13
;;   addq $0x10, %rsp
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; ==== asm aarch64
;; -- loop
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;;   stp x19, x20, [sp, #-16]!
;; block0:
;;   mov x19, x2
;;   b label1
;; block1:
;;   ldr x7, [x19, #48]
;;   ldr x2, [x19, #56]
;;   mov x20, x3
;;   blr x7
;;   sub w20, w20, #1
;;   cbnz w20, label2 ; b label3
;; block2:
;;   mov x3, x20
;;   b label1
;; block3:
;;   b label4
;; block4:
;;   b label5
;; block5:
;;   ldp x19, x20, [sp], #16
;;   ldp fp, lr, [sp], #16
;;   ret
