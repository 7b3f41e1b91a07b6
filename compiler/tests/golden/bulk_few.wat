;;! clif x86_64
;;! asm x86_64
;; A few bytes, of a number that the program says, are copied and filled in place: both ranges are checked first, and all is
;; read before anything is written. More are the loader's.
(module
  (memory (export "memory") 1)
  (func $copy (param i32 i32) (memory.copy (local.get 0) (local.get 1) (i32.const 24)))
  (func $fill (param i32 i32) (memory.fill (local.get 0) (local.get 1) (i32.const 7)))
  (func $none (param i32 i32) (memory.copy (local.get 0) (local.get 1) (i32.const 0)))
  (func $many (param i32) (memory.fill (local.get 0) (i32.const 0) (i32.const 129))))

;; ==== clif x86_64
;; -- copy
;;   function u0:0(i64, i32, i32) tail {
;;   region0 = 2 "memory lengths"
;;   region1 = 65536 "memory 0"
;; block0(v0: i64, v1: i32, v2: i32):
;;   v3 = iconst.i32 24
;;   v4 = uextend.i64 v2
;;   v5 = load.i64 notrap aligned region0 v0-0x0010_ffc8
;;   v6 = iconst.i64 24
;;   v7 = iadd v4, v6  ; v6 = 24
;;   v8 = icmp ugt v7, v5
;;   trapnz v8, heap_oob
;;   v9 = iadd v0, v4
;;   v10 = select_spectre_guard v8, v0, v9
;;   v11 = uextend.i64 v1
;;   v12 = load.i64 notrap aligned region0 v0-0x0010_ffc8
;;   v13 = iconst.i64 24
;;   v14 = iadd v11, v13  ; v13 = 24
;;   v15 = icmp ugt v14, v12
;;   trapnz v15, heap_oob
;;   v16 = iadd v0, v11
;;   v17 = select_spectre_guard v15, v0, v16
;;   v18 = load.i8x16 little region1 v10
;;   v19 = load.i8x16 little region1 v10+8
;;   store little region1 v18, v17
;;   store little region1 v19, v17+8
;;   jump block1
;; block1:
;;   return
;;   }
;; -- fill
;;   function u0:1(i64, i32, i32) tail {
;;   region0 = 2 "memory lengths"
;;   region1 = 65536 "memory 0"
;; block0(v0: i64, v1: i32, v2: i32):
;;   v3 = iconst.i32 7
;;   v4 = uextend.i64 v1
;;   v5 = load.i64 notrap aligned region0 v0-0x0010_ffc8
;;   v6 = iconst.i64 7
;;   v7 = iadd v4, v6  ; v6 = 7
;;   v8 = icmp ugt v7, v5
;;   trapnz v8, heap_oob
;;   v9 = iadd v0, v4
;;   v10 = select_spectre_guard v8, v0, v9
;;   v11 = ireduce.i8 v2
;;   v12 = uextend.i32 v11
;;   v13 = iconst.i32 0x0101_0101
;;   v14 = imul v12, v13  ; v13 = 0x0101_0101
;;   store little region1 v14, v10
;;   store little region1 v14, v10+3
;;   jump block1
;; block1:
;;   return
;;   }
;; -- none
;;   function u0:2(i64, i32, i32) tail {
;;   region0 = 2 "memory lengths"
;;   region1 = 65536 "memory 0"
;; block0(v0: i64, v1: i32, v2: i32):
;;   v3 = iconst.i32 0
;;   v4 = uextend.i64 v2
;;   v5 = load.i64 notrap aligned region0 v0-0x0010_ffc8
;;   v6 = iconst.i64 0
;;   v7 = iadd v4, v6  ; v6 = 0
;;   v8 = icmp ugt v7, v5
;;   trapnz v8, heap_oob
;;   v9 = iadd v0, v4
;;   v10 = select_spectre_guard v8, v0, v9
;;   v11 = uextend.i64 v1
;;   v12 = load.i64 notrap aligned region0 v0-0x0010_ffc8
;;   v13 = iconst.i64 0
;;   v14 = iadd v11, v13  ; v13 = 0
;;   v15 = icmp ugt v14, v12
;;   trapnz v15, heap_oob
;;   v16 = iadd v0, v11
;;   v17 = select_spectre_guard v15, v0, v16
;;   jump block1
;; block1:
;;   return
;;   }
;; -- many
;;   function u0:3(i64, i32) tail {
;;   region0 = 0 "context"
;;   sig0 = (i64, i64, i64, i64, i64) -> i64 system_v
;; block0(v0: i64, v1: i32):
;;   v2 = iconst.i32 0
;;   v3 = iconst.i32 129
;;   v4 = iconst.i64 0
;;   v5 = uextend.i64 v1
;;   v6 = uextend.i64 v2  ; v2 = 0
;;   v7 = uextend.i64 v3  ; v3 = 129
;;   v8 = load.i64 notrap aligned readonly can_move region0 v0-0x0010_ffe8
;;   v9 = load.i64 notrap aligned readonly can_move region0 v8+16
;;   v10 = iconst.i64 -1114112
;;   v11 = iadd v0, v10  ; v10 = -1114112
;;   v12 = call_indirect sig0, v9(v11, v4, v5, v6, v7)  ; v4 = 0
;;   jump block1
;; block1:
;;   return
;;   }
;; ==== asm x86_64
;; -- copy
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq %rsi, %rcx
;;   movq -0x10ffc8(%rdi), %rax
;;   movl %edx, %esi
;;   leaq 0x18(%rsi), %r8
;;   cmpq %rax, %r8
;;   jnbe #trap=heap_oob
;;   movl %ecx, %ecx
;;   leaq 0x18(%rcx), %rdx
;;   cmpq %rax, %rdx
;;   jnbe #trap=heap_oob
;;   leaq (%rdi, %rsi), %rsi
;;   cmpq %rax, %r8
;;   cmovaq %rdi, %rsi
;;   movdqu (%rsi), %xmm0
;;   movdqu 8(%rsi), %xmm1
;;   leaq (%rdi, %rcx), %rcx
;;   cmpq %rax, %rdx
;;   cmovaq %rdi, %rcx
;;   movdqu %xmm0, (%rcx)
;;   movdqu %xmm1, 8(%rcx)
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- fill
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq -0x10ffc8(%rdi), %r10
;;   movl %esi, %r11d
;;   leaq 7(%r11), %rax
;;   cmpq %r10, %rax
;;   jnbe #trap=heap_oob
;;   movzbl %dl, %ecx
;;   imull $0x1010101, %ecx, %ecx
;;   leaq (%rdi, %r11), %r11
;;   cmpq %r10, %rax
;;   cmovaq %rdi, %r11
;;   movl %ecx, (%r11)
;;   movl %ecx, 3(%r11)
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- none
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq %rsi, %r11
;;   movq -0x10ffc8(%rdi), %rsi
;;   movl %edx, %edi
;;   cmpq %rsi, %rdi
;;   jnbe #trap=heap_oob
;;   movl %r11d, %r8d
;;   cmpq %rsi, %r8
;;   jnbe #trap=heap_oob
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- many
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq -0x10ffe8(%rdi), %r10
;;   movq 0x10(%r10), %r10
;;   leaq -0x110000(%rdi), %rdi
;;   uninit  %rcx
;;   xorq %rcx, %rcx
;;   movl %esi, %edx
;;   movl $0x81, %r8d
;;   movq %rcx, %rsi
;;   call    *%r10
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
