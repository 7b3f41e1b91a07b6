;;! functions: call
;;! clif x86_64
;;! asm x86_64
;;! asm aarch64
;; A table that others may change: bounds against its length, a lazy or null element on the cold way, then the type's id
;; within the group.
(module
  (type $t (func (param i32) (result i32)))
  (table (export "table") 5 funcref)
  (elem (i32.const 1) $a)
  (func $a (type $t) (local.get 0))
  (func $call (param $i i32) (result i32)
    (call_indirect (type $t) (i32.const 7) (local.get $i))))

;; ==== clif x86_64
;; -- call
;;   function u0:1(i64, i32) -> i32 tail {
;;   region0 = 0 "context"
;;   region1 = 3 "table lengths"
;;   region2 = 131072 "table 0"
;;   region3 = 4 "funcrefs"
;;   sig0 = (i64, i64, i64) -> i64 system_v
;;   sig1 = (i64, i32) -> i32 tail
;; block0(v0: i64, v1: i32):
;;   v3 = iconst.i32 7
;;   v4 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v5 = load.i64 notrap aligned region1 v0+56
;;   v6 = uextend.i64 v1
;;   v7 = icmp uge v6, v5
;;   trapnz v7, user2
;;   v8 = iconst.i64 3
;;   v9 = ishl v6, v8  ; v8 = 3
;;   v10 = iadd v4, v9
;;   v11 = select_spectre_guard v7, v4, v10
;;   v12 = load.i64 notrap aligned region2 v11
;;   v14 = iconst.i64 1
;;   v15 = icmp ule v12, v14  ; v14 = 1
;;   brif v15, block2, block3(v12)
;; block2 cold:
;;   v16 = iconst.i64 1
;;   v17 = icmp.i64 eq v12, v16  ; v16 = 1
;;   trapnz v17, user3
;;   v18 = iconst.i64 0
;;   v19 = uextend.i64 v1
;;   v20 = load.i64 notrap aligned readonly can_move region0 v0+24
;;   v21 = load.i64 notrap aligned readonly can_move region0 v20+80
;;   v22 = call_indirect sig0, v21(v0, v18, v19)  ; v18 = 0
;;   v23 = iconst.i64 0
;;   v24 = icmp eq v22, v23  ; v23 = 0
;;   trapnz v24, user3
;;   jump block3(v22)
;; block3(v13: i64):
;;   v25 = load.i32 notrap aligned readonly can_move region0 v0+64
;;   v26 = load.i32 notrap aligned region3 v13+16
;;   v27 = icmp ne v26, v25
;;   trapnz v27, user4
;;   v28 = load.i64 notrap aligned region3 v13
;;   v29 = load.i64 notrap aligned region3 v13+8
;;   v30 = call_indirect sig1, v28(v29, v3)  ; v3 = 7
;;   jump block1(v30)
;; block1(v2: i32):
;;   return v2
;;   }
;; ==== asm x86_64
;; -- call
;;   pushq %rbp
;;   movq %rsp, %rbp
;;   subq $0x10, %rsp
;;   movq %rbx, (%rsp)
;; block0:
;;   movq 0x38(%rdi), %rax
;;   movl %esi, %edx
;;   cmpq %rax, %rdx
;;   jnb #trap=user2
;;   movq 0x30(%rdi), %rcx
;;   leaq (%rcx, %rdx, 8), %rsi
;;   cmpq %rax, %rdx
;;   cmovaeq %rcx, %rsi
;;   movq (%rsi), %rax
;;   cmpq $0x1, %rax
;;   jbe     label2; j label1
;; block1:
;;   movq %rdi, %rbx
;;   jmp     label3
;; block3:
;;   movl 0x10(%rax), %ecx
;;   cmpl 0x40(%rbx), %ecx
;;   jnz #trap=user4
;;   movq (%rax), %rcx
;;   movq 8(%rax), %rdi
;;   movl $0x7, %esi
;;   call    *%rcx
;;   jmp     label4
;; block4:
;;   movq (%rsp), %rbx
;;   addq $0x10, %rsp
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; block2:
;;   cmpq $0x1, %rax
;;   jz #trap=user3
;;   movq 0x18(%rdi), %rax
;;   movq %rdi, %rbx
;;   movq 0x50(%rax), %rax
;;   uninit  %rsi
;;   xorq %rsi, %rsi
;;   call    *%rax
;;   testq %rax, %rax
;;   jz #trap=user3
;;   jmp     label3
;; ==== asm aarch64
;; -- call
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;;   str x20, [sp, #-16]!
;; block0:
;;   mov x20, x2
;;   ldr x0, [x2, #56]
;;   mov w2, w3
;;   subs xzr, x2, x0
;;   b.hs #trap=user2
;;   mov x1, x20
;;   ldr x1, [x1, #48]
;;   add x3, x1, x2, LSL 3
;;   subs xzr, x2, x0
;;   csel x0, x1, x3, hs
;;   ldr x0, [x0]
;;   subs xzr, x0, #1
;;   b.ls label2 ; b label1
;; block1:
;;   b label3
;; block3:
;;   ldr w1, [x0, #16]
;;   mov x2, x20
;;   ldr w2, [x2, #64]
;;   subs wzr, w1, w2
;;   b.ne #trap=user4
;;   ldr x1, [x0]
;;   ldr x2, [x0, #8]
;;   movz w3, #7
;;   blr x1
;;   b label4
;; block4:
;;   ldr x20, [sp], #16
;;   ldp fp, lr, [sp], #16
;;   ret
;; block2:
;;   subs xzr, x0, #1
;;   b.eq #trap=user3
;;   mov x0, x20
;;   ldr x0, [x0, #24]
;;   ldr x3, [x0, #80]
;;   movz x1, #0
;;   mov x0, x20
;;   blr x3
;;   cbz x0, #trap=user3
;;   b label3
