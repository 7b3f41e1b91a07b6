;;! clif x86_64
;;! asm x86_64
;;! asm aarch64
;; The address of a heap access: base + zero-extended index + constant. Largest offsets without a check, and smallest
;; with one: the guard has 0x7e000000 bytes.
(module
  (memory 1)
  (func $load_f64 (param i32) (result f64) (f64.load offset=8 (local.get 0)))
  (func $store_i64_as_16 (param i32 i64) (i64.store16 offset=2 (local.get 0) (local.get 1)))
  (func $constant_index (result i32) (i32.load offset=4 (i32.const 1024)))
  (func $last_without_check (param i32) (result i64) (i64.load offset=0x7dfffff8 (local.get 0)))
  (func $first_with_check (param i32) (result i64) (i64.load offset=0x7dfffff9 (local.get 0)))
  (func $largest_offset (param i32 i32) (i32.store8 offset=0xffffffff (local.get 0) (local.get 1))))

;; ==== clif x86_64
;; -- load_f64
;;   function u0:0(i64, i32) -> f64 tail {
;;   region0 = 0 "context"
;;   region1 = 65536 "memory 0"
;; block0(v0: i64, v1: i32):
;;   v3 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v4 = uextend.i64 v1
;;   v5 = iadd v3, v4
;;   v6 = load.f64 little region1 v5+8
;;   jump block1(v6)
;; block1(v2: f64):
;;   return v2
;;   }
;; -- store_i64_as_16
;;   function u0:1(i64, i32, i64) tail {
;;   region0 = 0 "context"
;;   region1 = 65536 "memory 0"
;; block0(v0: i64, v1: i32, v2: i64):
;;   v3 = ireduce.i16 v2
;;   v4 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v5 = uextend.i64 v1
;;   v6 = iadd v4, v5
;;   store little region1 v3, v6+2
;;   jump block1
;; block1:
;;   return
;;   }
;; -- constant_index
;;   function u0:2(i64) -> i32 tail {
;;   region0 = 0 "context"
;;   region1 = 65536 "memory 0"
;; block0(v0: i64):
;;   v2 = iconst.i32 1024
;;   v3 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v4 = uextend.i64 v2  ; v2 = 1024
;;   v5 = iadd v3, v4
;;   v6 = load.i32 little region1 v5+4
;;   jump block1(v6)
;; block1(v1: i32):
;;   return v1
;;   }
;; -- last_without_check
;;   function u0:3(i64, i32) -> i64 tail {
;;   region0 = 0 "context"
;;   region1 = 65536 "memory 0"
;; block0(v0: i64, v1: i32):
;;   v3 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v4 = uextend.i64 v1
;;   v5 = iadd v3, v4
;;   v6 = load.i64 little region1 v5+0x7dff_fff8
;;   jump block1(v6)
;; block1(v2: i64):
;;   return v2
;;   }
;; -- first_with_check
;;   function u0:4(i64, i32) -> i64 tail {
;;   region0 = 0 "context"
;;   region1 = 2 "memory lengths"
;;   region2 = 65536 "memory 0"
;; block0(v0: i64, v1: i32):
;;   v3 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v4 = uextend.i64 v1
;;   v5 = iconst.i64 0x7e00_0001
;;   v6 = iadd v4, v5  ; v5 = 0x7e00_0001
;;   v7 = load.i64 notrap aligned region1 v0+56
;;   v8 = icmp ugt v6, v7
;;   trapnz v8, heap_oob
;;   v9 = iadd v3, v4
;;   v10 = iconst.i64 0x7dff_fff9
;;   v11 = iadd v9, v10  ; v10 = 0x7dff_fff9
;;   v12 = select_spectre_guard v8, v3, v11
;;   v13 = load.i64 little region2 v12
;;   jump block1(v13)
;; block1(v2: i64):
;;   return v2
;;   }
;; -- largest_offset
;;   function u0:5(i64, i32, i32) tail {
;;   region0 = 0 "context"
;;   region1 = 2 "memory lengths"
;;   region2 = 65536 "memory 0"
;; block0(v0: i64, v1: i32, v2: i32):
;;   v3 = ireduce.i8 v2
;;   v4 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v5 = uextend.i64 v1
;;   v6 = iconst.i64 0x0001_0000_0000
;;   v7 = iadd v5, v6  ; v6 = 0x0001_0000_0000
;;   v8 = load.i64 notrap aligned region1 v0+56
;;   v9 = icmp ugt v7, v8
;;   trapnz v9, heap_oob
;;   v10 = iadd v4, v5
;;   v11 = iconst.i64 0xffff_ffff
;;   v12 = iadd v10, v11  ; v11 = 0xffff_ffff
;;   v13 = select_spectre_guard v9, v4, v12
;;   store little region2 v3, v13
;;   jump block1
;; block1:
;;   return
;;   }
;; ==== asm x86_64
;; -- load_f64
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq %rsi, %r8
;;   movq 0x30(%rdi), %rsi
;;   movq %r8, %rdi
;;   movl %edi, %edi
;;   movsd 8(%rsi, %rdi), %xmm0
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- store_i64_as_16
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq %rsi, %r8
;;   movq 0x30(%rdi), %rsi
;;   movq %r8, %rdi
;;   movl %edi, %edi
;;   movw %dx, 2(%rsi, %rdi)
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- constant_index
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq 0x30(%rdi), %rsi
;;   movl 0x404(%rsi), %eax
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- last_without_check
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq %rsi, %r8
;;   movq 0x30(%rdi), %rsi
;;   movq %r8, %rdi
;;   movl %edi, %edi
;;   movq 0x7dfffff8(%rsi, %rdi), %rax
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- first_with_check
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq 0x38(%rdi), %r9
;;   movl %esi, %r10d
;;   leaq 0x7e000001(%r10), %r11
;;   cmpq %r9, %r11
;;   jnbe #trap=heap_oob
;;   movq 0x30(%rdi), %rax
;;   leaq 0x7dfffff9(%rax, %r10), %r10
;;   cmpq %r9, %r11
;;   cmovaq %rax, %r10
;;   movq (%r10), %rax
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- largest_offset
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq 0x38(%rdi), %rax
;;   movl %esi, %esi
;;   movabsq $0x100000000, %rcx
;;   leaq (%rsi, %rcx), %rcx
;;   cmpq %rax, %rcx
;;   jnbe #trap=heap_oob
;;   movq 0x30(%rdi), %rdi
;;   leaq (%rdi, %rsi), %rsi
;;   movl $0xffffffff, %r8d
;;   leaq (%rsi, %r8), %rsi
;;   cmpq %rax, %rcx
;;   cmovaq %rdi, %rsi
;;   movb %dl, (%rsi)
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
;;   ldr x13, [x2, #56]
;;   movz w14, #1
;;   movk w14, w14, #32256, LSL #16
;;   add x14, x14, x3, UXTW
;;   subs xzr, x14, x13
;;   b.hi #trap=heap_oob
;;   ldr x15, [x2, #48]
;;   add x0, x15, x3, UXTW
;;   movz w1, #65529
;;   movk w1, w1, #32255, LSL #16
;;   add x0, x0, x1
;;   subs xzr, x14, x13
;;   csel x0, x15, x0, hi
;;   ldr x2, [x0]
;;   b label1
;; block1:
;;   ldp fp, lr, [sp], #16
;;   ret
;; -- largest_offset
;;   stp fp, lr, [sp, #-16]!
;;   mov fp, sp
;; block0:
;;   ldr x11, [x2, #56]
;;   movz x12, #1, LSL #32
;;   add x12, x12, x3, UXTW
;;   subs xzr, x12, x11
;;   b.hi #trap=heap_oob
;;   ldr x13, [x2, #48]
;;   add x14, x13, x3, UXTW
;;   orr x15, xzr, #4294967295
;;   add x14, x14, x15
;;   subs xzr, x12, x11
;;   csel x14, x13, x14, hi
;;   strb w4, [x14]
;;   b label1
;; block1:
;;   ldp fp, lr, [sp], #16
;;   ret
