;;! functions: bailiwick::entry[0] bailiwick::exit[0] bailiwick::thunk[0] bailiwick::denied
;;! clif x86_64
;;! asm x86_64
;;! asm aarch64
;; How control goes in, out and across. The import is exported, so that it needs a thunk.
(module
  (import "env" "f" (func $f (param i32 f64) (result i64 f32)))
  (export "f" (func $f)))

;; ==== clif x86_64
;; -- bailiwick::thunk[0]
;;   function u1:0(i64, i32, f64) -> i64, f32 tail {
;;   sig0 = (i64, i32, f64) -> i64, f32 tail
;; block0(v0: i64, v1: i32, v2: f64):
;;   v3 = load.i64 notrap aligned v0+48
;;   v4 = load.i64 notrap aligned v0+56
;;   return_call_indirect sig0, v3(v4, v1, v2)
;;   }
;; -- bailiwick::entry[0]
;;   function u2:0(i64, i64, i64) system_v {
;;   sig0 = (i64, i32, f64) -> i64, f32 tail
;; block0(v0: i64, v1: i64, v2: i64):
;;   v3 = load.i32 notrap aligned v2
;;   v4 = load.f64 notrap aligned v2+16
;;   v5, v6 = call_indirect sig0, v1(v0, v3, v4)
;;   store notrap aligned v5, v2
;;   store notrap aligned v6, v2+16
;;   return
;;   }
;; -- bailiwick::exit[0]
;;   function u3:0(i64, i32, f64) -> i64, f32 tail {
;;   ss0 = explicit_slot 32, align = 16
;;   sig0 = (i64, i64) system_v
;; block0(v0: i64, v1: i32, v2: f64):
;;   v3 = stack_addr.i64 ss0
;;   store notrap aligned v1, v3
;;   store notrap aligned v2, v3+16
;;   v4 = load.i64 notrap aligned v0+8
;;   call_indirect sig0, v4(v0, v3)
;;   v5 = load.i64 notrap aligned v3
;;   v6 = load.f32 notrap aligned v3+16
;;   return v5, v6
;;   }
;; -- bailiwick::denied
;;   function u4:0(i64) tail {
;; block0(v0: i64):
;;   trap user8
;;   }
;; ==== asm x86_64
;; -- bailiwick::thunk[0]
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq 0x30(%rdi), %r10
;;   movq 0x38(%rdi), %rdi
;;   return_call_unknown %r10 (0) tmp=%r11 %rdi=%rdi %rsi=%rsi %xmm0=%xmm0
;; -- bailiwick::entry[0]
;;   pushq %rbp
;;   movq %rsp, %rbp
;;   subq $0x10, %rsp
;;   movq %r12, (%rsp)
;; block0:
;;   movq %rsi, %rax
;;   movl (%rdx), %esi
;;   movsd 0x10(%rdx), %xmm0
;;   movq %rdx, %r12
;;   call    *%rax
;;   movq %r12, %rdx
;;   movq %rax, (%rdx)
;;   movss %xmm0, 0x10(%rdx)
;;   movq (%rsp), %r12
;;   addq $0x10, %rsp
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- bailiwick::exit[0]
;;   pushq %rbp
;;   movq %rsp, %rbp
;;   subq $0x20, %rsp
;; block0:
;;   leaq <offset:1>+(%rsp), %r8
;;   movl %esi, <offset:1>+(%rsp)
;;   movsd %xmm0, <offset:1>+0x10(%rsp)
;;   movq 8(%rdi), %r9
;;   movq %r8, %rsi
;;   call    *%r9
;;   movq <offset:1>+(%rsp), %rax
;;   movss <offset:1>+0x10(%rsp), %xmm0
;;   addq $0x20, %rsp
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- bailiwick::denied
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   ud2
;; ==== asm aarch64
;; -- bailiwick::thunk[0]
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   ldr x1, [x2, #48]
;;   ldr x2, [x2, #56]
;;   return_call_ind x1 new_stack_arg_size:0 x2=x2 x3=x3 v0=v0
;; -- bailiwick::entry[0]
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;;   str x19, [sp, #-16]!
;; block0:
;;   ldr w3, [x2]
;;   ldr d0, [x2, #16]
;;   mov x19, x2
;;   mov x2, x0
;;   blr x1
;;   mov x12, x19
;;   str x2, [x12]
;;   str s0, [x12, #16]
;;   ldr x19, [sp], #16
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- bailiwick::exit[0]
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;;   sub sp, sp, #32
;; block0:
;;   mov x1, sp
;;   str w3, [sp]
;;   str d0, [sp, #16]
;;   ldr x9, [x2, #8]
;;   mov x0, x2
;;   blr x9
;;   ldr x2, [sp]
;;   ldr s0, [sp, #16]
;;   add sp, sp, #32
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- bailiwick::denied
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   udf #0xc11f
