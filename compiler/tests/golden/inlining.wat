;;! functions: sum swap deeper early
;;! optimisations: default
;;! asm x86_64 polls
;;! asm aarch64 polls
;;! clif x86_64 polls
;; Small functions are translated where they are called: no call is left, hence no poll at the entry, and none of their own
;; code. What a constant argument decides is decided.
(module
  (memory 1)
  (func $at (param $base i32) (param $index i32) (result i32)
    (i32.load (i32.add (local.get $base) (i32.shl (local.get $index) (i32.const 2)))))
  (func $pair (param i32 i32) (result i32 i32) (local.get 1) (local.get 0))
  (func $when (param i32 i32) (result i32)
    (if (local.get 0) (then (return (i32.add (local.get 1) (i32.const 1)))))
    (i32.sub (local.get 1) (i32.const 1)))
  (func $sum (export "sum") (param $base i32) (param $count i32) (result i32) (local $sum i32)
    loop $next
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (local.set $sum (i32.add (local.get $sum) (call $at (local.get $base) (local.get $count))))
      (br_if $next (local.get $count))
    end
    (local.get $sum))
  (func $swap (export "swap") (param i32 i32) (result i32 i32)
    (call $pair (call $pair (call $pair (local.get 0) (local.get 1)))))
  (func $first (param i32) (result i32) (call $at (local.get 0) (i32.const 0)))
  (func $deeper (export "deeper") (param i32) (result i32) (call $first (call $first (local.get 0))))
  (func $early (export "early") (param i32) (result i32) (call $when (i32.const 1) (local.get 0))))

;; ==== asm x86_64 polls
;; -- sum
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   uninit  %rax
;;   xorl %eax, %eax
;;   jmp     label1
;; block1:
;;   sequence_point
;;   movzbq -0x111000(%rdi), %rcx
;;   subl $0x1, %edx
;;   leal (%rsi, %rdx, 4), %ecx
;;   movl (%rdi, %rcx), %ecx
;;   leal (%rax, %rcx), %eax
;;   testl %edx, %edx
;;   jnz     label2; j label3
;; block2:
;;   jmp     label1
;; block3:
;;   jmp     label4
;; block4:
;;   jmp     label5
;; block5:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- swap
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   jmp     label1
;; block1:
;;   movq %rdx, %rax
;;   movq %rsi, %rcx
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- deeper
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movl %esi, %esi
;;   movl (%rdi, %rsi), %esi
;;   movl (%rdi, %rsi), %eax
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- early
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   jmp     label1
;; block1:
;;   leal 1(%rsi), %eax
;;   jmp     label2
;; block2:
;;   jmp     label3
;; block3:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; ==== asm aarch64 polls
;; -- sum
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   mov x14, x2
;;   movz w2, #0
;;   mov x15, x14
;;   ldr x13, [x15, #48]
;;   b label1
;; block1:
;;   sequence_point
;;   movn x14, #65535
;;   ldrb w0, [x15, x14]
;;   sub w4, w4, #1
;;   add w0, w3, w4, LSL 2
;;   ldr w0, [x13, w0, UXTW]
;;   add w2, w2, w0
;;   cbnz w4, label2 ; b label3
;; block2:
;;   b label1
;; block3:
;;   b label4
;; block4:
;;   b label5
;; block5:
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- swap
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   b label1
;; block1:
;;   mov x2, x4
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- deeper
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   ldr x5, [x2, #48]
;;   ldr w6, [x5, w3, UXTW]
;;   ldr w2, [x5, w6, UXTW]
;;   b label1
;; block1:
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- early
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   b label1
;; block1:
;;   add w2, w3, #1
;;   b label2
;; block2:
;;   b label3
;; block3:
;;   ldp fp, lr, [sp], #16
;;   ret
;; ==== clif x86_64 polls
;; -- sum
;;   function u0:3(i64, i32, i32) -> i32 tail {
;;   region0 = 9 "poll page"
;;   region1 = 65536 "memory 0"
;; block0(v0: i64, v1: i32, v2: i32):
;;   v11 -> v1
;;   v5 = iconst.i32 0
;;   jump block2(v2, v5)  ; v5 = 0
;; block2(v7: i32, v10: i32):
;;   sequence_point
;;   v6 = load.i8 user7 aligned region0 v0-0x0011_1000
;;   v8 = iconst.i32 1
;;   v9 = isub v7, v8  ; v8 = 1
;;   v13 = iconst.i32 2
;;   v14 = ishl v9, v13  ; v13 = 2
;;   v15 = iadd.i32 v11, v14
;;   v16 = uextend.i64 v15
;;   v17 = iadd.i64 v0, v16
;;   v18 = load.i32 little region1 v17
;;   v19 = iadd v10, v18
;;   brif v9, block2(v9, v19), block5
;; block5:
;;   jump block3
;; block3:
;;   jump block1(v19)
;; block1(v3: i32):
;;   return v3
;;   }
;; -- swap
;;   function u0:4(i64, i32, i32) -> i32, i32 tail {
;;   region0 = 9 "poll page"
;; block0(v0: i64, v1: i32, v2: i32):
;;   jump block1(v2, v1)
;; block1(v3: i32, v4: i32):
;;   return v3, v4
;;   }
;; -- deeper
;;   function u0:6(i64, i32) -> i32 tail {
;;   region0 = 9 "poll page"
;;   region1 = 65536 "memory 0"
;; block0(v0: i64, v1: i32):
;;   v5 = iconst.i32 0
;;   v7 = iconst.i32 2
;;   v8 = ishl v5, v7  ; v5 = 0, v7 = 2
;;   v9 = iadd v1, v8
;;   v10 = uextend.i64 v9
;;   v11 = iadd v0, v10
;;   v12 = load.i32 little region1 v11
;;   v14 = iconst.i32 0
;;   v16 = iconst.i32 2
;;   v17 = ishl v14, v16  ; v14 = 0, v16 = 2
;;   v18 = iadd v12, v17
;;   v19 = uextend.i64 v18
;;   v20 = iadd v0, v19
;;   v21 = load.i32 little region1 v20
;;   jump block1(v21)
;; block1(v2: i32):
;;   return v2
;;   }
;; -- early
;;   function u0:7(i64, i32) -> i32 tail {
;;   region0 = 9 "poll page"
;; block0(v0: i64, v1: i32):
;;   v4 = iconst.i32 1
;;   brif v4, block3, block4  ; v4 = 1
;; block3:
;;   v6 = iconst.i32 1
;;   v7 = iadd.i32 v1, v6  ; v6 = 1
;;   jump block2(v7)
;; block4:
;;   jump block5
;; block5:
;;   v8 = iconst.i32 1
;;   v9 = isub.i32 v1, v8  ; v8 = 1
;;   jump block2(v9)
;; block2(v5: i32):
;;   jump block1(v5)
;; block1(v2: i32):
;;   return v2
;;   }
