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
;;   region0 = 0 "context"
;;   region1 = 2 "memory lengths"
;;   region2 = 65536 "memory 0"
;; block0(v0: i64, v1: i32, v2: i32):
;;   v3 = iconst.i32 24
;;   v4 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v5 = uextend.i64 v2
;;   v6 = load.i64 notrap aligned region1 v0+56
;;   v7 = iconst.i64 24
;;   v8 = iadd v5, v7  ; v7 = 24
;;   v9 = icmp ugt v8, v6
;;   trapnz v9, heap_oob
;;   v10 = iadd v4, v5
;;   v11 = select_spectre_guard v9, v4, v10
;;   v12 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v13 = uextend.i64 v1
;;   v14 = load.i64 notrap aligned region1 v0+56
;;   v15 = iconst.i64 24
;;   v16 = iadd v13, v15  ; v15 = 24
;;   v17 = icmp ugt v16, v14
;;   trapnz v17, heap_oob
;;   v18 = iadd v12, v13
;;   v19 = select_spectre_guard v17, v12, v18
;;   v20 = load.i8x16 little region2 v11
;;   v21 = load.i8x16 little region2 v11+8
;;   store little region2 v20, v19
;;   store little region2 v21, v19+8
;;   jump block1
;; block1:
;;   return
;;   }
;; -- fill
;;   function u0:1(i64, i32, i32) tail {
;;   region0 = 0 "context"
;;   region1 = 2 "memory lengths"
;;   region2 = 65536 "memory 0"
;; block0(v0: i64, v1: i32, v2: i32):
;;   v3 = iconst.i32 7
;;   v4 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v5 = uextend.i64 v1
;;   v6 = load.i64 notrap aligned region1 v0+56
;;   v7 = iconst.i64 7
;;   v8 = iadd v5, v7  ; v7 = 7
;;   v9 = icmp ugt v8, v6
;;   trapnz v9, heap_oob
;;   v10 = iadd v4, v5
;;   v11 = select_spectre_guard v9, v4, v10
;;   v12 = ireduce.i8 v2
;;   v13 = uextend.i32 v12
;;   v14 = iconst.i32 0x0101_0101
;;   v15 = imul v13, v14  ; v14 = 0x0101_0101
;;   store little region2 v15, v11
;;   store little region2 v15, v11+3
;;   jump block1
;; block1:
;;   return
;;   }
;; -- none
;;   function u0:2(i64, i32, i32) tail {
;;   region0 = 0 "context"
;;   region1 = 2 "memory lengths"
;;   region2 = 65536 "memory 0"
;; block0(v0: i64, v1: i32, v2: i32):
;;   v3 = iconst.i32 0
;;   v4 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v5 = uextend.i64 v2
;;   v6 = load.i64 notrap aligned region1 v0+56
;;   v7 = iconst.i64 0
;;   v8 = iadd v5, v7  ; v7 = 0
;;   v9 = icmp ugt v8, v6
;;   trapnz v9, heap_oob
;;   v10 = iadd v4, v5
;;   v11 = select_spectre_guard v9, v4, v10
;;   v12 = load.i64 notrap aligned readonly can_move region0 v0+48
;;   v13 = uextend.i64 v1
;;   v14 = load.i64 notrap aligned region1 v0+56
;;   v15 = iconst.i64 0
;;   v16 = iadd v13, v15  ; v15 = 0
;;   v17 = icmp ugt v16, v14
;;   trapnz v17, heap_oob
;;   v18 = iadd v12, v13
;;   v19 = select_spectre_guard v17, v12, v18
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
;;   v8 = load.i64 notrap aligned readonly can_move region0 v0+24
;;   v9 = load.i64 notrap aligned readonly can_move region0 v8+16
;;   v10 = call_indirect sig0, v9(v0, v4, v5, v6, v7)  ; v4 = 0
;;   jump block1
;; block1:
;;   return
;;   }
;; ==== asm x86_64
;; -- copy
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movq 0x38(%rdi), %rax
;;   movl %edx, %r9d
;;   leaq 0x18(%r9), %r8
;;   cmpq %rax, %r8
;;   jnbe #trap=heap_oob
;;   movl %esi, %ecx
;;   leaq 0x18(%rcx), %rdx
;;   cmpq %rax, %rdx
;;   jnbe #trap=heap_oob
;;   movq 0x30(%rdi), %rdi
;;   leaq (%rdi, %r9), %rsi
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
;;   movq 0x38(%rdi), %r11
;;   movl %esi, %eax
;;   leaq 7(%rax), %rcx
;;   cmpq %r11, %rcx
;;   jnbe #trap=heap_oob
;;   movzbl %dl, %edx
;;   imull $0x1010101, %edx, %edx
;;   movq 0x30(%rdi), %rsi
;;   leaq (%rsi, %rax), %rax
;;   cmpq %r11, %rcx
;;   cmovaq %rsi, %rax
;;   movl %edx, (%rax)
;;   movl %edx, 3(%rax)
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
;;   movq 0x38(%rdi), %rsi
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
;;   movq 0x18(%rdi), %r9
;;   movq 0x10(%r9), %r9
;;   uninit  %rcx
;;   xorq %rcx, %rcx
;;   movl %esi, %edx
;;   movl $0x81, %r8d
;;   movq %rcx, %rsi
;;   call    *%r9
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
