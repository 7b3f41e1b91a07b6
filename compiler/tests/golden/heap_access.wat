;;! clif x86_64
;;! asm x86_64
;;! asm aarch64
;; The address of a heap access: base + zero-extended index + constant. Largest offsets without a check, and smallest
;; with one: the guard has 0x7e000000 bytes.
(module
  (memory (export "memory") 1)
  (func $load_f64 (param i32) (result f64) (f64.load offset=8 (local.get 0)))
  (func $store_i64_as_16 (param i32 i64) (i64.store16 offset=2 (local.get 0) (local.get 1)))
  (func $constant_index (result i32) (i32.load offset=4 (i32.const 1024)))
  (func $last_without_check (param i32) (result i64) (i64.load offset=0x7dfffff8 (local.get 0)))
  (func $first_with_check (param i32) (result i64) (i64.load offset=0x7dfffff9 (local.get 0)))
  (func $largest_offset (param i32 i32) (i32.store8 offset=0xffffffff (local.get 0) (local.get 1))))

;; ==== clif x86_64
;; -- load_f64
;;   function u0:0(i64, i32) -> f64 tail {
;;   region0 = 65536 "memory 0"
;; block0(v0: i64, v1: i32):
;;   v3 = uextend.i64 v1
;;   v4 = iadd v0, v3
;;   v5 = load.f64 little region0 v4+8
;;   jump block1(v5)
;; block1(v2: f64):
;;   return v2
;;   }
;; -- store_i64_as_16
;;   function u0:1(i64, i32, i64) tail {
;;   region0 = 65536 "memory 0"
;; block0(v0: i64, v1: i32, v2: i64):
;;   v3 = uextend.i64 v1
;;   v4 = iadd v0, v3
;;   istore16 little region0 v2, v4+2
;;   jump block1
;; block1:
;;   return
;;   }
;; -- constant_index
;;   function u0:2(i64) -> i32 tail {
;;   region0 = 65536 "memory 0"
;; block0(v0: i64):
;;   v2 = iconst.i32 1024
;;   v3 = uextend.i64 v2  ; v2 = 1024
;;   v4 = iadd v0, v3
;;   v5 = load.i32 little region0 v4+4
;;   jump block1(v5)
;; block1(v1: i32):
;;   return v1
;;   }
;; -- last_without_check
;;   function u0:3(i64, i32) -> i64 tail {
;;   region0 = 65536 "memory 0"
;; block0(v0: i64, v1: i32):
;;   v3 = uextend.i64 v1
;;   v4 = iadd v0, v3
;;   v5 = load.i64 little region0 v4+0x7dff_fff8
;;   jump block1(v5)
;; block1(v2: i64):
;;   return v2
;;   }
;; -- first_with_check
;;   function u0:4(i64, i32) -> i64 tail {
;;   region0 = 2 "memory lengths"
;;   region1 = 65536 "memory 0"
;; block0(v0: i64, v1: i32):
;;   v3 = uextend.i64 v1
;;   v4 = iconst.i64 -1048576
;;   v5 = iadd v0, v4  ; v4 = -1048576
;;   v6 = load.i64 notrap aligned region0 v0-0x0010_ffc8
;;   v7 = iconst.i64 0x7e00_0001
;;   v8 = iadd v3, v7  ; v7 = 0x7e00_0001
;;   v9 = icmp ugt v8, v6
;;   v10 = iadd v0, v3
;;   v11 = iconst.i64 0x7dff_fff9
;;   v12 = iadd v10, v11  ; v11 = 0x7dff_fff9
;;   v13 = select_spectre_guard v9, v5, v12
;;   v14 = load.i64 little region1 v13
;;   jump block1(v14)
;; block1(v2: i64):
;;   return v2
;;   }
;; -- largest_offset
;;   function u0:5(i64, i32, i32) tail {
;;   region0 = 2 "memory lengths"
;;   region1 = 65536 "memory 0"
;; block0(v0: i64, v1: i32, v2: i32):
;;   v3 = uextend.i64 v1
;;   v4 = iconst.i64 -1048576
;;   v5 = iadd v0, v4  ; v4 = -1048576
;;   v6 = load.i64 notrap aligned region0 v0-0x0010_ffc8
;;   v7 = iconst.i64 0x0001_0000_0000
;;   v8 = iadd v3, v7  ; v7 = 0x0001_0000_0000
;;   v9 = icmp ugt v8, v6
;;   v10 = iadd v0, v3
;;   v11 = iconst.i64 0xffff_ffff
;;   v12 = iadd v10, v11  ; v11 = 0xffff_ffff
;;   v13 = select_spectre_guard v9, v5, v12
;;   istore8 little region1 v2, v13
;;   jump block1
;; block1:
;;   return
;;   }
;; ==== asm x86_64
;; -- load_f64
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movl %esi, %esi
;;   movsd 8(%rdi, %rsi), %xmm0
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- store_i64_as_16
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movl %esi, %esi
;;   movw %dx, 2(%rdi, %rsi)
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- constant_index
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movl 0x404(%rdi), %eax
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- last_without_check
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movl %esi, %esi
;;   movq 0x7dfffff8(%rdi, %rsi), %rax
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- first_with_check
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movl %esi, %r9d
;;   leaq 0x7e000001(%r9), %r10
;;   leaq -0x100000(%rdi), %r8
;;   leaq 0x7dfffff9(%rdi, %r9), %r9
;;   cmpq -0x10ffc8(%rdi), %r10
;;   cmovaq %r8, %r9
;;   movq (%r9), %rax
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- largest_offset
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movl %esi, %ecx
;;   movabsq $0x100000000, %r11
;;   leaq (%rcx, %r11), %rax
;;   leaq -0x100000(%rdi), %r11
;;   leaq (%rdi, %rcx), %rcx
;;   movl $0xffffffff, %esi
;;   leaq (%rcx, %rsi), %r10
;;   cmpq -0x10ffc8(%rdi), %rax
;;   cmovaq %r11, %r10
;;   movb %dl, (%r10)
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; ==== asm aarch64
;; -- load_f64
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   ldr x5, [x2, #48]
;;   add x5, x5, x3, UXTW
;;   ldr d0, [x5, #8]
;;   b label1
;; block1:
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- store_i64_as_16
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   ldr x5, [x2, #48]
;;   add x5, x5, x3, UXTW
;;   strh w4, [x5, #2]
;;   b label1
;; block1:
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- constant_index
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   ldr x3, [x2, #48]
;;   ldr w2, [x3, #1028]
;;   b label1
;; block1:
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- last_without_check
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   ldr x7, [x2, #48]
;;   movz w5, #65528
;;   movk w5, w5, #32255, LSL #16
;;   add x8, x7, x5
;;   ldr x2, [x8, w3, UXTW]
;;   b label1
;; block1:
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- first_with_check
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   ldr x14, [x2, #56]
;;   movz w15, #1
;;   movk w15, w15, #32256, LSL #16
;;   add x15, x15, x3, UXTW
;;   ldr x1, [x2, #48]
;;   sub x0, x1, #1048576
;;   add x1, x1, x3, UXTW
;;   movz w2, #65529
;;   movk w2, w2, #32255, LSL #16
;;   add x1, x1, x2
;;   subs xzr, x15, x14
;;   csel x15, x0, x1, hi
;;   ldr x2, [x15]
;;   b label1
;; block1:
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- largest_offset
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   ldr x12, [x2, #56]
;;   movz x13, #1, LSL #32
;;   add x13, x13, x3, UXTW
;;   ldr x15, [x2, #48]
;;   sub x14, x15, #1048576
;;   add x15, x15, x3, UXTW
;;   orr x0, xzr, #4294967295
;;   add x15, x15, x0
;;   subs xzr, x13, x12
;;   csel x13, x14, x15, hi
;;   strb w4, [x13]
;;   b label1
;; block1:
;;   ldp fp, lr, [sp], #16
;;   ret
