;;! clif x86_64 polls
;;! asm x86_64 polls
;;! asm aarch64 polls
;; Polls: one at the entry of a function that calls, one at each loop's header, none of them deleted where another one
;; dominates it. A leaf without loops has none.
(module
  (func $leaf (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func $entry_and_loop (param i32)
    loop $next
      (br_if $next (local.tee 0 (call $leaf (local.get 0))))
    end)
  (func $nested_loops (param i32 i32)
    loop $outer
      loop $inner
        (br_if $inner (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))
      end
      (br_if $outer (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))
    end)
  (func $endless loop br 0 end))

;; ==== clif x86_64 polls
;; -- leaf
;;   function u0:0(i64, i32) -> i32 tail {
;; block0(v0: i64, v1: i32):
;;   v3 = iconst.i32 1
;;   v4 = iadd v1, v3  ; v3 = 1
;;   jump block1(v4)
;; block1(v2: i32):
;;   return v2
;;   }
;; -- entry_and_loop
;;   function u0:1(i64, i32) tail {
;;   region0 = 9 "poll page"
;;   sig0 = (i64, i32) -> i32 tail
;;   fn0 = colocated u0:0 sig0
;; block0(v0: i64, v1: i32):
;;   sequence_point
;;   v2 = load.i8 user7 aligned region0 v0-4096
;;   jump block2(v1)
;; block2(v4: i32):
;;   sequence_point
;;   v3 = load.i8 user7 aligned region0 v0-4096
;;   v5 = call fn0(v0, v4)
;;   brif v5, block2(v5), block4
;; block4:
;;   jump block3
;; block3:
;;   jump block1
;; block1:
;;   return
;;   }
;; -- nested_loops
;;   function u0:2(i64, i32, i32) tail {
;;   region0 = 9 "poll page"
;; block0(v0: i64, v1: i32, v2: i32):
;;   jump block2(v2, v1)
;; block2(v8: i32, v10: i32):
;;   v9 -> v10
;;   sequence_point
;;   v3 = load.i8 user7 aligned region0 v0-4096
;;   jump block4(v8)
;; block4(v5: i32):
;;   sequence_point
;;   v4 = load.i8 user7 aligned region0 v0-4096
;;   v6 = iconst.i32 1
;;   v7 = isub v5, v6  ; v6 = 1
;;   brif v7, block4(v7), block6
;; block6:
;;   jump block5
;; block5:
;;   v11 = iconst.i32 1
;;   v12 = isub.i32 v10, v11  ; v11 = 1
;;   brif v12, block2(v7, v12), block7
;; block7:
;;   jump block3
;; block3:
;;   jump block1
;; block1:
;;   return
;;   }
;; -- endless
;;   function u0:3(i64) tail {
;;   region0 = 9 "poll page"
;; block0(v0: i64):
;;   jump block2
;; block2:
;;   sequence_point
;;   v1 = load.i8 user7 aligned region0 v0-4096
;;   jump block2
;;   }
;; ==== asm x86_64 polls
;; -- leaf
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   jmp     label1
;; block1:
;;   leal 1(%rsi), %eax
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- entry_and_loop
;;   pushq %rbp
;;   movq %rsp, %rbp
;;   subq $0x10, %rsp
;;   movq %r12, (%rsp)
;; block0:
;;   sequence_point
;;   movzbq -0x1000(%rdi), %r8
;;   jmp     label1
;; block1:
;;   sequence_point
;;   movq %rdi, %r12
;;   movzbq -0x1000(%r12), %r9
;;   call    User(userextname0)
;;   testl %eax, %eax
;;   jnz     label2; j label3
;; block2:
;;   movq %rax, %rsi
;;   movq %r12, %rdi
;;   jmp     label1
;; block3:
;;   jmp     label4
;; block4:
;;   jmp     label5
;; block5:
;;   movq (%rsp), %r12
;;   addq $0x10, %rsp
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- nested_loops
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   jmp     label1
;; block1:
;;   sequence_point
;;   movzbq -0x1000(%rdi), %rax
;;   jmp     label2
;; block2:
;;   sequence_point
;;   movzbq -0x1000(%rdi), %rax
;;   subl $0x1, %edx
;;   testl %edx, %edx
;;   jnz     label3; j label4
;; block3:
;;   jmp     label2
;; block4:
;;   jmp     label5
;; block5:
;;   subl $0x1, %esi
;;   testl %esi, %esi
;;   jnz     label6; j label7
;; block6:
;;   jmp     label1
;; block7:
;;   jmp     label8
;; block8:
;;   jmp     label9
;; block9:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- endless
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   jmp     label1
;; block1:
;;   sequence_point
;;   movzbq -0x1000(%rdi), %rsi
;;   jmp     label1
;; ==== asm aarch64 polls
;; -- leaf
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   b label1
;; block1:
;;   add w2, w3, #1
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- entry_and_loop
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;;   str x19, [sp, #-16]!
;; block0:
;;   sequence_point
;;   movn x8, #65535
;;   ldrb w10, [x2, x8]
;;   b label1
;; block1:
;;   sequence_point
;;   movn x10, #65535
;;   mov x19, x2
;;   ldrb w12, [x19, x10]
;;   bl 0
;;   cbnz w2, label2 ; b label3
;; block2:
;;   mov x3, x2
;;   mov x2, x19
;;   b label1
;; block3:
;;   b label4
;; block4:
;;   b label5
;; block5:
;;   ldr x19, [sp], #16
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- nested_loops
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   b label1
;; block1:
;;   sequence_point
;;   movn x13, #65535
;;   ldrb w15, [x2, x13]
;;   b label2
;; block2:
;;   sequence_point
;;   movn x15, #65535
;;   ldrb w0, [x2, x15]
;;   sub w4, w4, #1
;;   cbnz w4, label3 ; b label4
;; block3:
;;   b label2
;; block4:
;;   b label5
;; block5:
;;   sub w3, w3, #1
;;   cbnz w3, label6 ; b label7
;; block6:
;;   b label1
;; block7:
;;   b label8
;; block8:
;;   b label9
;; block9:
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- endless
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   b label1
;; block1:
;;   sequence_point
;;   movn x4, #65535
;;   ldrb w6, [x2, x4]
;;   b label1
