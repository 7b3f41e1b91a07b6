;;! functions: call maybe test refer
;;! clif x86_64
;;! asm x86_64
;;! asm aarch64
;; Calls by reference: code and context from the record, no look at the type; null is looked for unless the type, or a test
;; before, says that there is none. A record's address is at a constant distance, once the loader has filled it in.
(module
  (type $t (func (param i32) (result i32)))
  (export "f" (func $f))
  (func $f (type $t) (local.get 0))
  (func $call (param $r (ref $t)) (result i32)
    (call_ref $t (i32.const 7) (local.get $r)))
  (func $maybe (param $r (ref null $t)) (result i32)
    (call_ref $t (i32.const 7) (local.get $r)))
  (func $test (param $r (ref null $t)) (result i32)
    (block $null
      (return (call_ref $t (i32.const 7) (br_on_null $null (local.get $r)))))
    (i32.const 0))
  (func $refer (result (ref $t))
    (ref.func $f)))

;; ==== clif x86_64
;; -- call
;;   function u0:1(i64, i64) -> i32 tail {
;;   region0 = 4 "funcrefs"
;;   sig0 = (i64, i32) -> i32 tail
;; block0(v0: i64, v1: i64):
;;   v3 = iconst.i32 7
;;   v4 = load.i64 notrap aligned region0 v1
;;   v5 = load.i64 notrap aligned region0 v1+8
;;   v6 = call_indirect sig0, v4(v5, v3)  ; v3 = 7
;;   jump block1(v6)
;; block1(v2: i32):
;;   return v2
;;   }
;; -- maybe
;;   function u0:2(i64, i64) -> i32 tail {
;;   region0 = 4 "funcrefs"
;;   sig0 = (i64, i32) -> i32 tail
;; block0(v0: i64, v1: i64):
;;   v3 = iconst.i32 7
;;   trapz v1, user5
;;   v4 = load.i64 notrap aligned region0 v1
;;   v5 = load.i64 notrap aligned region0 v1+8
;;   v6 = call_indirect sig0, v4(v5, v3)  ; v3 = 7
;;   jump block1(v6)
;; block1(v2: i32):
;;   return v2
;;   }
;; -- test
;;   function u0:3(i64, i64) -> i32 tail {
;;   region0 = 4 "funcrefs"
;;   sig0 = (i64, i32) -> i32 tail
;; block0(v0: i64, v1: i64):
;;   v3 = iconst.i32 7
;;   brif v1, block3(v1), block2
;; block3(v4: i64):
;;   v5 = load.i64 notrap aligned region0 v4
;;   v6 = load.i64 notrap aligned region0 v4+8
;;   v7 = call_indirect sig0, v5(v6, v3)  ; v3 = 7
;;   return v7
;; block2:
;;   v8 = iconst.i32 0
;;   jump block1(v8)  ; v8 = 0
;; block1(v2: i32):
;;   return v2
;;   }
;; -- refer
;;   function u0:4(i64) -> i64 tail {
;;   region0 = 4 "funcrefs"
;;   region1 = 0 "context"
;;   sig0 = (i64, i64) -> i64 system_v
;; block0(v0: i64):
;;   v3 = iconst.i64 64
;;   v4 = iadd v0, v3  ; v3 = 64
;;   v5 = load.i64 notrap aligned region0 v4
;;   brif v5, block3(v4), block2
;; block2 cold:
;;   v6 = iconst.i64 0
;;   v7 = load.i64 notrap aligned readonly can_move region1 v0+24
;;   v8 = load.i64 notrap aligned readonly can_move region1 v7+88
;;   v9 = call_indirect sig0, v8(v0, v6)  ; v6 = 0
;;   jump block3(v9)
;; block3(v2: i64):
;;   jump block1(v2)
;; block1(v1: i64):
;;   return v1
;;   }
;; ==== asm x86_64
;; -- call
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq (%rsi), %r8
;;   movq 8(%rsi), %rdi
;;   movl $0x7, %esi
;;   call    *%r8
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- maybe
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   testq %rsi, %rsi
;;   jz #trap=user5
;;   movq (%rsi), %r8
;;   movq 8(%rsi), %rdi
;;   movl $0x7, %esi
;;   call    *%r8
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- test
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   testq %rsi, %rsi
;;   jnz     label3; j label1
;; block1:
;;   jmp     label2
;; block2:
;;   uninit  %rax
;;   xorl %eax, %eax
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; block3:
;;   movq (%rsi), %r11
;;   movq 8(%rsi), %rdi
;;   movl $0x7, %esi
;;   call    *%r11
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- refer
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   leaq 0x40(%rdi), %rax
;;   movq 0x40(%rdi), %r10
;;   testq %r10, %r10
;;   jnz     label1; j label2
;; block1:
;;   jmp     label3
;; block3:
;;   jmp     label4
;; block4:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; block2:
;;   movq 0x18(%rdi), %rax
;;   movq 0x58(%rax), %rax
;;   uninit  %rsi
;;   xorq %rsi, %rsi
;;   call    *%rax
;;   jmp     label3
;; ==== asm aarch64
;; -- call
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   ldr x5, [x3]
;;   ldr x2, [x3, #8]
;;   movz w3, #7
;;   blr x5
;;   b label1
;; block1:
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- maybe
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   cbz x3, #trap=user5
;;   ldr x6, [x3]
;;   ldr x2, [x3, #8]
;;   movz w3, #7
;;   blr x6
;;   b label1
;; block1:
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- test
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   cbnz x3, label3 ; b label1
;; block1:
;;   b label2
;; block2:
;;   movz w2, #0
;;   ldp fp, lr, [sp], #16
;;   ret
;; block3:
;;   ldr x9, [x3]
;;   ldr x2, [x3, #8]
;;   movz w3, #7
;;   blr x9
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- refer
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   add x3, x2, #64
;;   mov x12, x3
;;   ldr x9, [x2, #64]
;;   cbnz x9, label1 ; b label2
;; block1:
;;   b label3
;; block3:
;;   b label4
;; block4:
;;   mov x2, x12
;;   ldp fp, lr, [sp], #16
;;   ret
;; block2:
;;   ldr x11, [x2, #24]
;;   mov x0, x2
;;   ldr x11, [x11, #88]
;;   movz x1, #0
;;   blr x11
;;   mov x12, x0
;;   b label3
