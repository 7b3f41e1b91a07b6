;;! functions: sum two
;;! clif x86_64 polls
;;! asm x86_64
;;! asm aarch64
;; A loop without calls reads the globals that it names once, in front of it, and writes them each time: its code may trap.
;; Of two imported ones, if it writes one, neither: they may be the same.
(module
  (import "a" "g" (global $a (mut i32)))
  (import "a" "h" (global $b (mut i32)))
  (memory 1)
  (global $sum (mut i64) (i64.const 0))
  (func $sum (param $p i32)
    (loop $l
      (global.set $sum (i64.add (global.get $sum) (i64.load (local.get $p))))
      (br_if $l (local.tee $p (i32.sub (local.get $p) (i32.const 8))))
      ;; More than may be there twice.
      (i64.store (i32.const 0) (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1)
        (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1)
        (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1)
        (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1) (i64.add (i64.const 1)
        (i64.load (i32.const 8))))))))))))))))))))))))
  (func $two (param $n i32)
    (loop $l
      (global.set $a (i32.mul (global.get $b) (i32.const 3)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))

;; ==== clif x86_64 polls
;; -- sum
;;   function u0:0(i64, i32) tail {
;;   region0 = 196608 "global 0"
;;   region1 = 9 "poll page"
;;   region2 = 65536 "memory 0"
;; block0(v0: i64, v1: i32):
;;   v2 = load.i64 notrap aligned region0 v0-0x0010_ffa0
;;   jump block2(v2, v1)
;; block2(v4: i64, v5: i32):
;;   sequence_point
;;   v3 = load.i8 user7 aligned region1 v0-0x0011_1000
;;   v6 = uextend.i64 v5
;;   v7 = iadd.i64 v0, v6
;;   v8 = load.i64 little region2 v7
;;   v9 = iadd v4, v8
;;   store notrap aligned region0 v9, v0-0x0010_ffa0
;;   v10 = iconst.i32 8
;;   v11 = isub v5, v10  ; v10 = 8
;;   brif v11, block2(v9, v11), block4
;; block4:
;;   v12 = iconst.i32 0
;;   v13 = iconst.i64 1
;;   v14 = iconst.i64 1
;;   v15 = iconst.i64 1
;;   v16 = iconst.i64 1
;;   v17 = iconst.i64 1
;;   v18 = iconst.i64 1
;;   v19 = iconst.i64 1
;;   v20 = iconst.i64 1
;;   v21 = iconst.i64 1
;;   v22 = iconst.i64 1
;;   v23 = iconst.i64 1
;;   v24 = iconst.i64 1
;;   v25 = iconst.i64 1
;;   v26 = iconst.i64 1
;;   v27 = iconst.i64 1
;;   v28 = iconst.i64 1
;;   v29 = iconst.i64 1
;;   v30 = iconst.i64 1
;;   v31 = iconst.i64 1
;;   v32 = iconst.i32 8
;;   v33 = uextend.i64 v32  ; v32 = 8
;;   v34 = iadd.i64 v0, v33
;;   v35 = load.i64 little region2 v34
;;   v36 = iadd v31, v35  ; v31 = 1
;;   v37 = iadd v30, v36  ; v30 = 1
;;   v38 = iadd v29, v37  ; v29 = 1
;;   v39 = iadd v28, v38  ; v28 = 1
;;   v40 = iadd v27, v39  ; v27 = 1
;;   v41 = iadd v26, v40  ; v26 = 1
;;   v42 = iadd v25, v41  ; v25 = 1
;;   v43 = iadd v24, v42  ; v24 = 1
;;   v44 = iadd v23, v43  ; v23 = 1
;;   v45 = iadd v22, v44  ; v22 = 1
;;   v46 = iadd v21, v45  ; v21 = 1
;;   v47 = iadd v20, v46  ; v20 = 1
;;   v48 = iadd v19, v47  ; v19 = 1
;;   v49 = iadd v18, v48  ; v18 = 1
;;   v50 = iadd v17, v49  ; v17 = 1
;;   v51 = iadd v16, v50  ; v16 = 1
;;   v52 = iadd v15, v51  ; v15 = 1
;;   v53 = iadd v14, v52  ; v14 = 1
;;   v54 = iadd v13, v53  ; v13 = 1
;;   v55 = uextend.i64 v12  ; v12 = 0
;;   v56 = iadd.i64 v0, v55
;;   store little region2 v54, v56
;;   jump block3
;; block3:
;;   jump block1
;; block1:
;;   return
;;   }
;; -- two
;;   function u0:1(i64, i32) tail {
;;   region0 = 9 "poll page"
;;   region1 = 0 "context"
;;   region2 = 8 "imported globals"
;; block0(v0: i64, v1: i32):
;;   jump block2(v1)
;; block2(v10: i32):
;;   sequence_point
;;   v2 = load.i8 user7 aligned region0 v0-0x0011_1000
;;   v3 = load.i64 notrap aligned readonly can_move region1 v0-0x0010_ffb8
;;   v4 = load.i32 notrap aligned region2 v3
;;   v5 = iconst.i32 3
;;   v6 = iconst.i32 1
;;   v7 = ishl v4, v6  ; v6 = 1
;;   v8 = iadd v4, v7
;;   v9 = load.i64 notrap aligned readonly can_move region1 v0-0x0010_ffc0
;;   store notrap aligned region2 v8, v9
;;   v11 = iconst.i32 1
;;   v12 = isub v10, v11  ; v11 = 1
;;   brif v12, block4, block5
;; block5:
;;   jump block3
;; block4:
;;   v13 = load.i64 notrap aligned readonly can_move region1 v0-0x0010_ffb8
;;   v14 = load.i32 notrap aligned region2 v13
;;   v15 = iconst.i32 3
;;   v16 = iconst.i32 1
;;   v17 = ishl v14, v16  ; v16 = 1
;;   v18 = iadd v14, v17
;;   v19 = load.i64 notrap aligned readonly can_move region1 v0-0x0010_ffc0
;;   store notrap aligned region2 v18, v19
;;   v20 = iconst.i32 1
;;   v21 = isub.i32 v12, v20  ; v20 = 1
;;   brif v21, block6, block7
;; block7:
;;   jump block3
;; block6:
;;   v22 = load.i64 notrap aligned readonly can_move region1 v0-0x0010_ffb8
;;   v23 = load.i32 notrap aligned region2 v22
;;   v24 = iconst.i32 3
;;   v25 = iconst.i32 1
;;   v26 = ishl v23, v25  ; v25 = 1
;;   v27 = iadd v23, v26
;;   v28 = load.i64 notrap aligned readonly can_move region1 v0-0x0010_ffc0
;;   store notrap aligned region2 v27, v28
;;   v29 = iconst.i32 1
;;   v30 = isub.i32 v21, v29  ; v29 = 1
;;   brif v30, block8, block9
;; block9:
;;   jump block3
;; block8:
;;   v31 = load.i64 notrap aligned readonly can_move region1 v0-0x0010_ffb8
;;   v32 = load.i32 notrap aligned region2 v31
;;   v33 = iconst.i32 3
;;   v34 = iconst.i32 1
;;   v35 = ishl v32, v34  ; v34 = 1
;;   v36 = iadd v32, v35
;;   v37 = load.i64 notrap aligned readonly can_move region1 v0-0x0010_ffc0
;;   store notrap aligned region2 v36, v37
;;   v38 = iconst.i32 1
;;   v39 = isub.i32 v30, v38  ; v38 = 1
;;   brif v39, block2(v39), block10
;; block10:
;;   jump block3
;; block3:
;;   jump block1
;; block1:
;;   return
;;   }
;; ==== asm x86_64
;; -- sum
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq -0x10ffa0(%rdi), %r9
;;   movl %esi, %r8d
;;   jmp     label1
;; block1:
;;   movq (%rdi, %r8), %rax
;;   leaq (%r9, %rax), %r9
;;   movq %r9, -0x10ffa0(%rdi)
;;   subl $0x8, %r8d
;;   testl %r8d, %r8d
;;   jnz     label2; j label3
;; block2:
;;   jmp     label1
;; block3:
;;   movl $0x13, %eax
;;   addq 8(%rdi), %rax
;;   movq %rax, (%rdi)
;;   jmp     label4
;; block4:
;;   jmp     label5
;; block5:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- two
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq -0x10ffb8(%rdi), %rax
;;   movq -0x10ffc0(%rdi), %rcx
;;   jmp     label1
;; block1:
;;   movl (%rax), %edx
;;   leal (%rdx, %rdx, 2), %edx
;;   movl %edx, (%rcx)
;;   movq %rsi, %rdx
;;   subl $0x1, %edx
;;   testl %edx, %edx
;;   jnz     label3; j label2
;; block2:
;;   jmp     label10
;; block3:
;;   movl (%rax), %edx
;;   leal (%rdx, %rdx, 2), %edx
;;   movl %edx, (%rcx)
;;   movq %rsi, %rdx
;;   subl $0x2, %edx
;;   testl %edx, %edx
;;   jnz     label5; j label4
;; block4:
;;   jmp     label10
;; block5:
;;   movl (%rax), %edx
;;   leal (%rdx, %rdx, 2), %edx
;;   movl %edx, (%rcx)
;;   movq %rsi, %rdx
;;   subl $0x3, %edx
;;   testl %edx, %edx
;;   jnz     label7; j label6
;; block6:
;;   jmp     label10
;; block7:
;;   movl (%rax), %edx
;;   leal (%rdx, %rdx, 2), %edx
;;   movl %edx, (%rcx)
;;   subl $0x4, %esi
;;   testl %esi, %esi
;;   jnz     label8; j label9
;; block8:
;;   jmp     label1
;; block9:
;;   jmp     label10
;; block10:
;;   jmp     label11
;; block11:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; ==== asm aarch64
;; -- sum
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   ldr x4, [x2, #96]
;;   ldr x11, [x2, #48]
;;   b label1
;; block1:
;;   ldr x12, [x11, w3, UXTW]
;;   add x4, x4, x12
;;   str x4, [x2, #96]
;;   sub w3, w3, #8
;;   cbnz w3, label2 ; b label3
;; block2:
;;   b label1
;; block3:
;;   ldr x15, [x11, #8]
;;   add x15, x15, #19
;;   str x15, [x11]
;;   b label4
;; block4:
;;   b label5
;; block5:
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- two
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   ldr x0, [x2, #72]
;;   ldr x1, [x2, #64]
;;   b label1
;; block1:
;;   ldr w2, [x0]
;;   add w2, w2, w2, LSL 1
;;   str w2, [x1]
;;   sub w2, w3, #1
;;   cbnz w2, label3 ; b label2
;; block2:
;;   b label10
;; block3:
;;   ldr w2, [x0]
;;   add w2, w2, w2, LSL 1
;;   str w2, [x1]
;;   sub w2, w3, #2
;;   cbnz w2, label5 ; b label4
;; block4:
;;   b label10
;; block5:
;;   ldr w2, [x0]
;;   add w2, w2, w2, LSL 1
;;   str w2, [x1]
;;   sub w2, w3, #3
;;   cbnz w2, label7 ; b label6
;; block6:
;;   b label10
;; block7:
;;   ldr w2, [x0]
;;   add w2, w2, w2, LSL 1
;;   str w2, [x1]
;;   sub w3, w3, #4
;;   cbnz w3, label8 ; b label9
;; block8:
;;   b label1
;; block9:
;;   b label10
;; block10:
;;   b label11
;; block11:
;;   ldp fp, lr, [sp], #16
;;   ret
