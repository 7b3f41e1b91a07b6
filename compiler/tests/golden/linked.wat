;;! asm x86_64
;;! asm aarch64
;;! optimisations: default
;;! functions: run
;;! link: library=linked.library
;; Functions of a module that is linked are inlined like any other, and reach its memory, which is the second here, and
;; its global. No call is left.
(module
  (import "library" "add" (func $add (param i32 i32) (result i32)))
  (import "library" "put" (func $put (param i32 i32)))
  (memory 1)
  (func $run (export "run") (param i32 i32)
    (i32.store (local.get 0) (call $add (local.get 0) (local.get 1)))
    (call $put (local.get 0) (local.get 1))))

;; ==== asm x86_64
;; -- run
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   leal (%rsi, %rdx), %r9d
;;   movl %esi, %r8d
;;   movl %r9d, (%rdi, %r8)
;;   leal 1(%rdx), %r9d
;;   movq -0x10ffc0(%rdi), %r10
;;   movl %r9d, (%r10, %r8)
;;   addl $0x1, -0x10ffa0(%rdi)
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; ==== asm aarch64
;; -- run
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   add w9, w3, w4
;;   ldr x10, [x2, #48]
;;   str w9, [x10, w3, UXTW]
;;   add w10, w4, #1
;;   ldr x11, [x2, #64]
;;   str w10, [x11, w3, UXTW]
;;   ldr w11, [x2, #96]
;;   add w11, w11, #1
;;   str w11, [x2, #96]
;;   b label1
;; block1:
;;   ldp fp, lr, [sp], #16
;;   ret
