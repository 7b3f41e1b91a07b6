;;! functions: call
;;! clif x86_64
;;! asm x86_64
;;! asm aarch64
;; A table that nobody changes or sees: bounds and type against constants, {distance, type} from read-only data beside
;; the code, and the callee gets our own context.
(module
  (type $t (func (param i32) (result i32)))
  (import "env" "imported" (func $imported (type $t)))
  (table 5 5 funcref)
  (elem (i32.const 1) $imported $a $b)
  (func $a (type $t) (local.get 0))
  (func $b (result i64) (i64.const 1))
  (func $call (param $i i32) (result i32)
    (call_indirect (type $t) (i32.const 7) (local.get $i))))

;; ==== clif x86_64
;; -- call
;;   function u0:3(i64, i32) -> i32 tail {
;;   region0 = 5 "call tables"
;;   gv0 = symbol colocated userextname0
;;   sig0 = (i64, i32) -> i32 tail
;; block0(v0: i64, v1: i32):
;;   v3 = iconst.i32 7
;;   v4 = symbol_value.i64 gv0
;;   v5 = uextend.i64 v1
;;   v6 = iconst.i64 5
;;   v7 = icmp uge v5, v6  ; v6 = 5
;;   v8 = select_spectre_guard v7, v6, v5  ; v6 = 5
;;   v9 = iconst.i64 3
;;   v10 = ishl v8, v9  ; v9 = 3
;;   v11 = iadd v4, v10
;;   v12 = load.i32 notrap aligned readonly region0 v11+4
;;   v13 = iconst.i32 0
;;   v14 = icmp eq v12, v13  ; v13 = 0
;;   brif v14, block2, block3
;; block3 cold:
;;   trapnz.i8 v7, user2
;;   v15 = iconst.i32 -1
;;   v16 = icmp.i32 eq v12, v15  ; v15 = -1
;;   trapnz v16, user3
;;   trap user4
;; block2:
;;   v17 = load.i32 notrap aligned readonly region0 v11
;;   v18 = sextend.i64 v17
;;   v19 = iadd.i64 v4, v18
;;   v20 = call_indirect sig0, v19(v0, v3)  ; v3 = 7
;;   jump block1(v20)
;; block1(v2: i32):
;;   return v2
;;   }
;; ==== asm x86_64
;; -- call
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   load_ext_name userextname0+0, %r11
;;   movl %esi, %eax
;;   movl $0x5, %ecx
;;   cmpq $0x5, %rax
;;   movq %rax, %rdx
;;   cmovaeq %rcx, %rdx
;;   movl 4(%r11, %rdx, 8), %ecx
;;   testl %ecx, %ecx
;;   jz      label2; j label1
;; block2:
;;   movslq (%r11, %rdx, 8), %rax
;;   leaq (%r11, %rax), %rax
;;   movl $0x7, %esi
;;   call    *%rax
;;   jmp     label3
;; block3:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; block1:
;;   cmpq $0x5, %rax
;;   jnb #trap=user2
;;   cmpl $0xffffffff, %ecx
;;   jz #trap=user3
;;   ud2
;; ==== asm aarch64
;; -- call
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   load_ext_name_near x14, User(userextname0)+0
;;   mov w15, w3
;;   movz x0, #5
;;   subs xzr, x15, #5
;;   csel x0, x0, x15, hs
;;   lsl x1, x0, #3
;;   add x0, x14, x0, LSL 3
;;   ldr w0, [x0, #4]
;;   cbz w0, label2 ; b label1
;; block2:
;;   ldr w0, [x14, x1]
;;   add x0, x14, x0, SXTW
;;   movz w3, #7
;;   blr x0
;;   b label3
;; block3:
;;   ldp fp, lr, [sp], #16
;;   ret
;; block1:
;;   subs xzr, x15, #5
;;   b.hs #trap=user2
;;   movn w1, #0
;;   subs wzr, w0, w1
;;   b.eq #trap=user3
;;   udf #0xc11f
