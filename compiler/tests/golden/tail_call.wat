;;! functions: own slot table reference wider
;;! clif x86_64
;;! asm x86_64
;;! asm aarch64
;; Calls in place of the caller: the frame goes, then there is a jump. More arguments than the caller was given move its
;; return address.
(module
  (type $t (func (param i32) (result i32)))
  (import "m" "f" (func $f (type $t)))
  (table (export "table") 5 funcref)
  (func $own (type $t) (return_call $own (local.get 0)))
  (func $slot (type $t) (return_call $f (local.get 0)))
  (func $table (type $t) (return_call_indirect (type $t) (local.get 0) (i32.const 1)))
  (func $reference (param (ref $t)) (result i32) (return_call_ref $t (i32.const 2) (local.get 0)))
  (func $many (param i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i32) (i32.const 0))
  (func $wider (param i64) (result i32)
    (return_call $many (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0)
      (local.get 0) (local.get 0) (local.get 0) (i64.const 5))))

;; ==== clif x86_64
;; -- own
;;   function u0:1(i64, i32) -> i32 tail {
;;   sig0 = (i64, i32) -> i32 tail
;;   fn0 = colocated u0:1 sig0
;; block0(v0: i64, v1: i32):
;;   return_call fn0(v0, v1)
;;   }
;; -- slot
;;   function u0:2(i64, i32) -> i32 tail {
;;   region0 = 1 "slots"
;;   sig0 = (i64, i32) -> i32 tail
;; block0(v0: i64, v1: i32):
;;   v3 = load.i64 notrap aligned region0 v0+64
;;   v4 = load.i64 notrap aligned region0 v0+72
;;   return_call_indirect sig0, v3(v4, v1)
;;   }
;; -- table
;;   function u0:3(i64, i32) -> i32 tail {
;;   region0 = 0 "context"
;;   region1 = 3 "table lengths"
;;   region2 = 131072 "table 0"
;;   region3 = 4 "funcrefs"
;;   sig0 = (i64, i64, i64) -> i64 system_v
;;   sig1 = (i64, i32) -> i32 tail
;; block0(v0: i64, v1: i32):
;;   v3 = iconst.i32 1
;;   v4 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v5 = load.i64 notrap aligned region1 v0+56
;;   v6 = uextend.i64 v3  ; v3 = 1
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
;;   v19 = uextend.i64 v3  ; v3 = 1
;;   v20 = load.i64 notrap aligned readonly can_move region0 v0+24
;;   v21 = load.i64 notrap aligned readonly can_move region0 v20+80
;;   v22 = call_indirect sig0, v21(v0, v18, v19)  ; v18 = 0
;;   v23 = iconst.i64 0
;;   v24 = icmp eq v22, v23  ; v23 = 0
;;   trapnz v24, user3
;;   jump block3(v22)
;; block3(v13: i64):
;;   v25 = load.i32 notrap aligned readonly can_move region0 v0+80
;;   v26 = load.i32 notrap aligned region3 v13+16
;;   v27 = icmp ne v26, v25
;;   trapnz v27, user4
;;   v28 = load.i64 notrap aligned region3 v13
;;   v29 = load.i64 notrap aligned region3 v13+8
;;   return_call_indirect sig1, v28(v29, v1)
;;   }
;; -- reference
;;   function u0:4(i64, i64) -> i32 tail {
;;   region0 = 4 "funcrefs"
;;   sig0 = (i64, i32) -> i32 tail
;; block0(v0: i64, v1: i64):
;;   v3 = iconst.i32 2
;;   v4 = load.i64 notrap aligned region0 v1
;;   v5 = load.i64 notrap aligned region0 v1+8
;;   return_call_indirect sig0, v4(v5, v3)  ; v3 = 2
;;   }
;; -- wider
;;   function u0:6(i64, i64) -> i32 tail {
;;   sig0 = (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64) -> i32 tail
;;   fn0 = colocated u0:5 sig0
;; block0(v0: i64, v1: i64):
;;   v3 = iconst.i64 5
;;   return_call fn0(v0, v1, v1, v1, v1, v1, v1, v1, v1, v3)  ; v3 = 5
;;   }
;; ==== asm x86_64
;; -- own
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   return_call_known User(userextname0) (0) tmp=%r11 %rdi=%rdi %rsi=%rsi
;; -- slot
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq 0x40(%rdi), %r10
;;   movq 0x48(%rdi), %rdi
;;   return_call_unknown %r10 (0) tmp=%r11 %rdi=%rdi %rsi=%rsi
;; -- table
;;   pushq %rbp
;;   movq %rsp, %rbp
;;   subq $0x10, %rsp
;;   movq %rbx, (%rsp)
;;   movq %r12, 8(%rsp)
;; block0:
;;   movq %rsi, %r12
;;   movq 0x38(%rdi), %rax
;;   cmpq $0x1, %rax
;;   jbe #trap=user2
;;   movq 0x30(%rdi), %rcx
;;   leaq 8(%rcx), %rdx
;;   cmpq $0x1, %rax
;;   cmovbeq %rcx, %rdx
;;   movq (%rdx), %rax
;;   cmpq $0x1, %rax
;;   jbe     label2; j label1
;; block1:
;;   movq %rdi, %rbx
;;   jmp     label3
;; block3:
;;   movl 0x10(%rax), %ecx
;;   cmpl 0x50(%rbx), %ecx
;;   jnz #trap=user4
;;   movq (%rax), %r10
;;   movq 8(%rax), %rdi
;;   movq %r12, %rsi
;;   return_call_unknown %r10 (0) tmp=%r11 %rdi=%rdi %rsi=%rsi
;; block2:
;;   movl $0x1, %edx
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
;; -- reference
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq (%rsi), %r10
;;   movq 8(%rsi), %rdi
;;   movl $0x2, %esi
;;   return_call_unknown %r10 (0) tmp=%r11 %rdi=%rdi %rsi=%rsi
;; -- wider
;;   pushq %rbp
;;   movq %rsp, %rbp
;;   subq $0x20, %rsp
;;   movq %rsp, %rbp
;;   movq 0x20(%rsp), %r11
;;   movq %r11, (%rsp)
;;   movq 0x28(%rsp), %r11
;;   movq %r11, 8(%rsp)
;; block0:
;;   movl $0x5, %r8d
;;   movq %rsi, <offset:0>+-0x20(%rbp)
;;   movq %rsi, <offset:0>+-0x18(%rbp)
;;   movq %rsi, <offset:0>+-0x10(%rbp)
;;   movq %r8, <offset:0>+-8(%rbp)
;;   movq %rsi, %r9
;;   movq %r9, %rcx
;;   movq %r9, %rdx
;;   movq %r9, %r8
;;   return_call_known User(userextname0) (32) tmp=%r11 %rdi=%rdi %rsi=%rsi %rdx=%rdx %rcx=%rcx %r8=%r8 %r9=%r9
;; ==== asm aarch64
;; -- own
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   return_call User(userextname0) new_stack_arg_size:0 x2=x2 x3=x3
;; -- slot
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   ldr x1, [x2, #64]
;;   ldr x2, [x2, #72]
;;   return_call_ind x1 new_stack_arg_size:0 x2=x2 x3=x3
;; -- table
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;;   stp x19, x21, [sp, #-16]!
;; block0:
;;   mov x19, x3
;;   mov x21, x2
;;   ldr x0, [x2, #56]
;;   subs xzr, x0, #1
;;   b.ls #trap=user2
;;   ldr x1, [x2, #48]
;;   add x2, x1, #8
;;   subs xzr, x0, #1
;;   csel x0, x1, x2, ls
;;   ldr x0, [x0]
;;   subs xzr, x0, #1
;;   b.ls label2 ; b label1
;; block1:
;;   b label3
;; block3:
;;   ldr w1, [x0, #16]
;;   mov x2, x21
;;   ldr w2, [x2, #80]
;;   subs wzr, w1, w2
;;   b.ne #trap=user4
;;   ldr x1, [x0]
;;   ldr x2, [x0, #8]
;;   mov x3, x19
;;   return_call_ind x1 new_stack_arg_size:0 x2=x2 x3=x3
;; block2:
;;   movz x2, #1
;;   subs xzr, x0, #1
;;   b.eq #trap=user3
;;   mov x0, x21
;;   ldr x0, [x0, #24]
;;   ldr x3, [x0, #80]
;;   movz x1, #0
;;   mov x0, x21
;;   blr x3
;;   cbz x0, #trap=user3
;;   b label3
;; -- reference
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   ldr x1, [x3]
;;   ldr x2, [x3, #8]
;;   movz w3, #2
;;   return_call_ind x1 new_stack_arg_size:0 x2=x2 x3=x3
;; -- wider
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;;   sub sp, sp, #32
;;   ldr fp, [sp, #32]
;;   stp fp, lr, [sp]
;;   mov fp, sp
;; block0:
;;   movz x4, #5
;;   str x3, [sp, #16]
;;   str x3, [sp, #24]
;;   str x3, [sp, #32]
;;   str x4, [sp, #40]
;;   mov x7, x3
;;   mov x4, x7
;;   mov x5, x7
;;   mov x6, x7
;;   return_call User(userextname0) new_stack_arg_size:32 x2=x2 x3=x3 x4=x4 x5=x5 x6=x6 x7=x7
