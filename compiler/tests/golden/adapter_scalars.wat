;;! wit: adapter.wit
;;! functions: bailiwick::adapter[0]
;;! clif x86_64
;;! asm x86_64
;;! asm aarch64

;; An adapter of a function that passes numbers alone: stack, gates and interrupts are checked, the callee is entered, its
;; post-return function is called if it has one. No memory is touched.
(module
  (import "a:b/i" "add" (func (param i32 i32) (result i32))))

;; ==== clif x86_64
;; -- bailiwick::adapter[0]
;;   function u6:0(i64, i32, i32) -> i32 tail {
;;   ss0 = explicit_slot 64, align = 16
;;   ss1 = explicit_slot 64, align = 16
;;   sig0 = (i64, i64, i64) -> i64 system_v
;;   sig1 = (i64) -> i64 system_v
;;   sig2 = (i64, i64, i64, i64, i64, i64) -> i64 system_v
;; block0(v0: i64, v1: i32, v2: i32):
;;   v6 = get_stack_pointer.i64
;;   v7 = load.i64 notrap aligned v0+96
;;   v8 = icmp ult v6, v7
;;   trapnz v8, stk_ovf
;;   v9 = iconst.i64 0
;;   v10 = load.i32 notrap aligned v0+104
;;   brif v10, block3, block4
;; block4:
;;   v11 = load.i64 notrap aligned v0+72
;;   v12 = load.i64 notrap aligned v0+64
;;   v13 = load.i32 notrap aligned v11
;;   v14 = load.i32 notrap aligned v12+4
;;   v15 = bor v13, v14
;;   v16 = load.i64 notrap aligned v0+80
;;   v17 = uload8.i32 notrap aligned v16
;;   v18 = bor v15, v17
;;   v19 = load.i64 notrap aligned v0+88
;;   v20 = uload8.i32 notrap aligned v19
;;   v21 = bor v18, v20
;;   brif v21, block3, block5
;; block3 cold:
;;   v22 = stack_addr.i64 ss0
;;   store.i32 notrap aligned v1, v22
;;   store.i32 notrap aligned v2, v22+16
;;   v23 = load.i64 notrap aligned v0+24
;;   v24 = load.i64 notrap aligned v23
;;   v25 = call_indirect sig0, v24(v0, v9, v22)  ; v9 = 0
;;   v26 = ireduce.i32 v25
;;   brif v26, block2, block5
;; block5:
;;   v27 = load.i64 notrap aligned v0+72
;;   v28 = iconst.i32 1
;;   store notrap aligned v28, v27  ; v28 = 1
;;   v29 = iconst.i32 255
;;   v30 = band.i32 v2, v29  ; v29 = 255
;;   v31 = stack_addr.i64 ss0
;;   store.i32 notrap aligned v1, v31
;;   store notrap aligned v30, v31+16
;;   v32 = iconst.i64 128
;;   v33 = stack_addr.i64 ss0
;;   v34 = load.i64 notrap aligned v0+24
;;   v35 = load.i64 notrap aligned v34+8
;;   v36 = call_indirect sig0, v35(v0, v32, v33)  ; v32 = 128
;;   v37 = ireduce.i32 v36
;;   brif v37, block6, block7
;; block6 cold:
;;   v38 = iconst.i64 0x0101_0001
;;   v39 = iconst.i64 0
;;   v40 = iconst.i64 0
;;   jump block1(v38, v39, v40)  ; v38 = 0x0101_0001, v39 = 0, v40 = 0
;; block7:
;;   v41 = stack_addr.i64 ss0
;;   v42 = load.i32 notrap aligned v41
;;   v43 = iconst.i32 0
;;   v44 = icmp ne v42, v43  ; v43 = 0
;;   v45 = uextend.i32 v44
;;   v46 = load.i64 notrap aligned v0+208
;;   brif v46, block8, block9
;; block8:
;;   v47 = load.i64 notrap aligned v0+72
;;   v48 = iconst.i32 1
;;   store notrap aligned v48, v47+4  ; v48 = 1
;;   v49 = iconst.i64 192
;;   v50 = stack_addr.i64 ss0
;;   v51 = load.i64 notrap aligned v0+24
;;   v52 = load.i64 notrap aligned v51+8
;;   v53 = call_indirect sig0, v52(v0, v49, v50)  ; v49 = 192
;;   v54 = ireduce.i32 v53
;;   v55 = load.i64 notrap aligned v0+72
;;   v56 = iconst.i32 0
;;   store notrap aligned v56, v55+4  ; v56 = 0
;;   brif v54, block10, block11
;; block10 cold:
;;   v57 = iconst.i64 0x0103_0001
;;   v58 = iconst.i64 2
;;   v59 = iconst.i64 0
;;   jump block1(v57, v58, v59)  ; v57 = 0x0103_0001, v58 = 2, v59 = 0
;; block11:
;;   jump block9
;; block9:
;;   v60 = load.i64 notrap aligned v0+72
;;   v61 = load.i32 notrap aligned v60
;;   v62 = iconst.i32 -2
;;   v63 = band v61, v62  ; v62 = -2
;;   store notrap aligned v63, v60
;;   v64 = load.i32 notrap aligned v0+104
;;   v65 = iconst.i32 2
;;   v66 = band v64, v65  ; v65 = 2
;;   brif v66, block12, block13
;; block12:
;;   v67 = load.i64 notrap aligned v0+24
;;   v68 = load.i64 notrap aligned v67+64
;;   v69 = call_indirect sig1, v68(v0)
;;   jump block13
;; block13:
;;   return v45
;; block1(v3: i64, v4: i64, v5: i64) cold:
;;   v70 = stack_addr.i64 ss0
;;   v71 = load.i64 notrap aligned v0+24
;;   v72 = load.i64 notrap aligned v71+56
;;   v73 = call_indirect sig2, v72(v0, v3, v4, v5, v9, v70)  ; v9 = 0
;;   jump block2
;; block2 cold:
;;   v74 = stack_addr.i64 ss0
;;   v75 = load.i32 notrap aligned v74
;;   return v75
;;   }
;; ==== asm x86_64
;; -- bailiwick::adapter[0]
;;   pushq %rbp
;;   movq %rsp, %rbp
;;   subq $0xb0, %rsp
;;   movq %rbx, 0x80(%rsp)
;;   movq %r12, 0x88(%rsp)
;;   movq %r13, 0x90(%rsp)
;;   movq %r14, 0x98(%rsp)
;;   movq %r15, 0xa0(%rsp)
;; block0:
;;   movq %rdx, %r14
;;   movq    %rsp, %rax
;;   cmpq 0x60(%rdi), %rax
;;   jb #trap=stk_ovf
;;   movl 0x68(%rdi), %eax
;;   testl %eax, %eax
;;   jnz     label1; j label2
;; block2:
;;   movq 0x48(%rdi), %rdx
;;   movq 0x40(%rdi), %r8
;;   movl (%rdx), %eax
;;   movl 4(%r8), %edx
;;   movq 0x50(%rdi), %r8
;;   movzbq (%r8), %r8
;;   movq 0x58(%rdi), %r9
;;   movzbq (%r9), %r9
;;   orl %edx, %eax
;;   orl %r8d, %eax
;;   orl %r9d, %eax
;;   testl %eax, %eax
;;   jnz     label3; j label4
;; block4:
;;   movq %rsi, %rbx
;;   movq %rdi, %r12
;;   jmp     label8
;; block7:
;;   movq %r12, %rdi
;;   jmp     label8
;; block8:
;;   movq 0x48(%rdi), %rax
;;   movl $0x1, (%rax)
;;   leaq <offset:1>+(%rsp), %r13
;;   movq %rbx, %rsi
;;   movl %esi, <offset:1>+(%rsp)
;;   movq %r14, %rdx
;;   andl $0xff, %edx
;;   movl %edx, <offset:1>+0x10(%rsp)
;;   movq %r12, %rdi
;;   movq 0x18(%rdi), %rcx
;;   movq 8(%rcx), %rcx
;;   movl $0x80, %esi
;;   movq %r13, %rdx
;;   call    *%rcx
;;   movq %r13, %r15
;;   testl %eax, %eax
;;   jnz     label18; j label9
;; block9:
;;   movl <offset:1>+(%rsp), %ebx
;;   movq %r12, %rdi
;;   movq 0xd0(%rdi), %rax
;;   testq %rax, %rax
;;   jnz     label11; j label10
;; block10:
;;   movq %r12, %rdi
;;   jmp     label13
;; block11:
;;   movq %r12, %rdi
;;   movq 0x48(%rdi), %rax
;;   movl $0x1, 4(%rax)
;;   movq 0x18(%rdi), %rax
;;   movq 8(%rax), %rax
;;   movl $0xc0, %esi
;;   movq %r15, %rdx
;;   call    *%rax
;;   movq %r12, %rdi
;;   movq 0x48(%rdi), %rcx
;;   movl $0x0, 4(%rcx)
;;   testl %eax, %eax
;;   jnz     label17; j label12
;; block12:
;;   movq %r12, %rdi
;;   jmp     label13
;; block13:
;;   movq %r12, %rdi
;;   movq 0x48(%rdi), %rax
;;   andl $0xfffffffe, (%rax)
;;   movl 0x68(%rdi), %eax
;;   testl $0x2, %eax
;;   jnz     label15; j label14
;; block14:
;;   jmp     label16
;; block15:
;;   movq %r12, %rdi
;;   movq 0x18(%rdi), %rax
;;   movq 0x40(%rax), %rax
;;   call    *%rax
;;   jmp     label16
;; block16:
;;   testl %ebx, %ebx
;;   setne %al
;;   movzbl %al, %eax
;;   movq 0x80(%rsp), %rbx
;;   movq 0x88(%rsp), %r12
;;   movq 0x90(%rsp), %r13
;;   movq 0x98(%rsp), %r14
;;   movq 0xa0(%rsp), %r15
;;   addq $0xb0, %rsp
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; block1:
;;   jmp     label5
;; block3:
;;   jmp     label5
;; block5:
;;   leaq <offset:1>+(%rsp), %rdx
;;   movl %esi, <offset:1>+(%rsp)
;;   movq %r14, %rax
;;   movq %rsi, %rbx
;;   movl %eax, <offset:1>+0x10(%rsp)
;;   movq 0x18(%rdi), %r8
;;   movq %rdi, %r12
;;   movq (%r8), %r8
;;   uninit  %rsi
;;   xorq %rsi, %rsi
;;   call    *%r8
;;   testl %eax, %eax
;;   jnz     label6; j label7
;; block6:
;;   jmp     label20
;; block17:
;;   movl $0x1030001, %esi
;;   movl $0x2, %edx
;;   uninit  %rcx
;;   xorq %rcx, %rcx
;;   movq %r12, %rdi
;;   jmp     label19
;; block18:
;;   movl $0x1010001, %esi
;;   uninit  %rdx
;;   xorq %rdx, %rdx
;;   movq %rdx, %rcx
;;   movq %r12, %rdi
;;   jmp     label19
;; block19:
;;   movq %r12, %rdi
;;   movq 0x18(%rdi), %rax
;;   movq 0x38(%rax), %rax
;;   uninit  %r8
;;   xorq %r8, %r8
;;   movq %r15, %r9
;;   call    *%rax
;;   jmp     label20
;; block20:
;;   movl <offset:1>+(%rsp), %eax
;;   movq 0x80(%rsp), %rbx
;;   movq 0x88(%rsp), %r12
;;   movq 0x90(%rsp), %r13
;;   movq 0x98(%rsp), %r14
;;   movq 0xa0(%rsp), %r15
;;   addq $0xb0, %rsp
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; ==== asm aarch64
;; -- bailiwick::adapter[0]
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;;   stp x21, x22, [sp, #-16]!
;;   stp x19, x20, [sp, #-16]!
;;   sub sp, sp, #128
;; block0:
;;   mov x19, x2
;;   ldr x1, [x2, #96]
;;   mov x2, sp
;;   subs xzr, x2, x1
;;   b.lo #trap=stk_ovf
;;   mov x2, x19
;;   ldr w5, [x2, #104]
;;   cbnz w5, label1 ; b label2
;; block2:
;;   mov x2, x19
;;   ldr x5, [x2, #72]
;;   ldr x6, [x2, #64]
;;   ldr w5, [x5]
;;   ldr w6, [x6, #4]
;;   ldr x7, [x2, #80]
;;   ldrb w7, [x7]
;;   ldr x8, [x2, #88]
;;   ldrb w8, [x8]
;;   orr w5, w5, w6
;;   orr w5, w5, w7
;;   orr w5, w5, w8
;;   cbnz w5, label3 ; b label4
;; block4:
;;   mov x21, x4
;;   mov x22, x3
;;   b label8
;; block7:
;;   b label8
;; block8:
;;   ldr x13, [x19, #72]
;;   movz w14, #1
;;   str w14, [x13]
;;   mov x20, sp
;;   mov x3, x22
;;   str w3, [sp]
;;   mov x4, x21
;;   and w15, w4, #255
;;   str w15, [sp, #16]
;;   ldr x0, [x19, #24]
;;   ldr x3, [x0, #8]
;;   movz x1, #128
;;   mov x0, x19
;;   mov x2, x20
;;   blr x3
;;   mov x21, x20
;;   cbnz w0, label18 ; b label9
;; block9:
;;   ldr w20, [sp]
;;   ldr x0, [x19, #208]
;;   cbnz x0, label11 ; b label10
;; block10:
;;   b label13
;; block11:
;;   ldr x0, [x19, #72]
;;   movz w1, #1
;;   str w1, [x0, #4]
;;   ldr x0, [x19, #24]
;;   ldr x3, [x0, #8]
;;   movz x1, #192
;;   mov x0, x19
;;   mov x2, x21
;;   blr x3
;;   ldr x1, [x19, #72]
;;   movz w2, #0
;;   str w2, [x1, #4]
;;   cbnz w0, label17 ; b label12
;; block12:
;;   b label13
;; block13:
;;   ldr x0, [x19, #72]
;;   ldr w1, [x0]
;;   and w1, w1, #4294967294
;;   str w1, [x0]
;;   ldr w0, [x19, #104]
;;   tbnz x0, #1, label15 ; b label14
;; block14:
;;   b label16
;; block15:
;;   ldr x0, [x19, #24]
;;   ldr x1, [x0, #64]
;;   mov x0, x19
;;   blr x1
;;   b label16
;; block16:
;;   subs wzr, w20, #0
;;   cset x0, ne
;;   uxtb w2, w0
;;   add sp, sp, #128
;;   ldp x19, x20, [sp], #16
;;   ldp x21, x22, [sp], #16
;;   ldp fp, lr, [sp], #16
;;   ret
;; block1:
;;   b label5
;; block3:
;;   b label5
;; block5:
;;   mov x2, sp
;;   str w3, [sp]
;;   mov x22, x3
;;   str w4, [sp, #16]
;;   mov x0, x19
;;   mov x21, x4
;;   ldr x10, [x0, #24]
;;   ldr x10, [x10]
;;   movz x1, #0
;;   blr x10
;;   cbnz w0, label6 ; b label7
;; block6:
;;   b label20
;; block17:
;;   mov x0, x19
;;   movz w1, #1
;;   movk w1, w1, #259, LSL #16
;;   movz x2, #2
;;   movz x3, #0
;;   b label19
;; block18:
;;   mov x0, x19
;;   movz w1, #1
;;   movk w1, w1, #257, LSL #16
;;   movz x2, #0
;;   mov x3, x2
;;   b label19
;; block19:
;;   ldr x4, [x0, #24]
;;   ldr x6, [x4, #56]
;;   movz x4, #0
;;   mov x5, x21
;;   blr x6
;;   b label20
;; block20:
;;   ldr w2, [sp]
;;   add sp, sp, #128
;;   ldp x19, x20, [sp], #16
;;   ldp x21, x22, [sp], #16
;;   ldp fp, lr, [sp], #16
;;   ret
