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
;; block2(v14: i32, v17: i32):
;;   v15 -> v17
;;   v16 -> v17
;;   sequence_point
;;   v3 = load.i8 user7 aligned region0 v0-4096
;;   jump block4(v14)
;; block4(v5: i32):
;;   sequence_point
;;   v4 = load.i8 user7 aligned region0 v0-4096
;;   v6 = iconst.i32 1
;;   v7 = isub v5, v6  ; v6 = 1
;;   brif v7, block6, block7
;; block7:
;;   jump block5(v7)
;; block6:
;;   v8 = iconst.i32 1
;;   v9 = isub.i32 v7, v8  ; v8 = 1
;;   brif v9, block8, block9
;; block9:
;;   jump block5(v9)
;; block8:
;;   v10 = iconst.i32 1
;;   v11 = isub.i32 v9, v10  ; v10 = 1
;;   brif v11, block10, block11
;; block11:
;;   jump block5(v11)
;; block10:
;;   v12 = iconst.i32 1
;;   v13 = isub.i32 v11, v12  ; v12 = 1
;;   brif v13, block4(v13), block12
;; block12:
;;   jump block5(v13)
;; block5(v20: i32):
;;   v18 = iconst.i32 1
;;   v19 = isub.i32 v17, v18  ; v18 = 1
;;   brif v19, block2(v20, v19), block13
;; block13:
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
;;   jump block4
;; block4:
;;   jump block5
;; block5:
;;   jump block6
;; block6:
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
;;   movq %rdx, %rax
;;   subl $0x1, %eax
;;   testl %eax, %eax
;;   jnz     label4; j label3
;; block3:
;;   movq %rax, %rdx
;;   jmp     label11
;; block4:
;;   movq %rdx, %rax
;;   subl $0x2, %eax
;;   testl %eax, %eax
;;   jnz     label6; j label5
;; block5:
;;   movq %rax, %rdx
;;   jmp     label11
;; block6:
;;   movq %rdx, %rax
;;   subl $0x3, %eax
;;   testl %eax, %eax
;;   jnz     label8; j label7
;; block7:
;;   movq %rax, %rdx
;;   jmp     label11
;; block8:
;;   subl $0x4, %edx
;;   testl %edx, %edx
;;   jnz     label9; j label10
;; block9:
;;   jmp     label2
;; block10:
;;   jmp     label11
;; block11:
;;   subl $0x1, %esi
;;   testl %esi, %esi
;;   jnz     label12; j label13
;; block12:
;;   jmp     label1
;; block13:
;;   jmp     label14
;; block14:
;;   jmp     label15
;; block15:
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
;;   jmp     label2
;; block2:
;;   jmp     label3
;; block3:
;;   jmp     label4
;; block4:
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
;;   movn x0, #65535
;;   ldrb w0, [x2, x0]
;;   b label2
;; block2:
;;   sequence_point
;;   movn x0, #65535
;;   ldrb w0, [x2, x0]
;;   sub w0, w4, #1
;;   cbnz w0, label4 ; b label3
;; block3:
;;   mov x4, x0
;;   b label11
;; block4:
;;   sub w0, w4, #2
;;   cbnz w0, label6 ; b label5
;; block5:
;;   mov x4, x0
;;   b label11
;; block6:
;;   sub w0, w4, #3
;;   cbnz w0, label8 ; b label7
;; block7:
;;   mov x4, x0
;;   b label11
;; block8:
;;   sub w4, w4, #4
;;   cbnz w4, label9 ; b label10
;; block9:
;;   b label2
;; block10:
;;   b label11
;; block11:
;;   sub w3, w3, #1
;;   cbnz w3, label12 ; b label13
;; block12:
;;   b label1
;; block13:
;;   b label14
;; block14:
;;   b label15
;; block15:
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
;;   b label2
;; block2:
;;   b label3
;; block3:
;;   b label4
;; block4:
;;   b label1
