;;! asm x86_64
;; Numbers that addresses are made of: a parameter, what a loop counts, what was loaded, what a call returned. None is moved to be
;; extended but the first and the last, once.
(module
  (memory 1)
  (func $length (param $at i32) (result i32)
    (local $end i32)
    (local.set $end (local.get $at))
    (loop $l
      (if (i32.load8_u (local.get $end))
        (then (local.set $end (i32.add (local.get $end) (i32.const 1))) (br $l))))
    (i32.sub (local.get $end) (local.get $at)))
  (func $last (param $node i32) (result i32)
    (local $next i32)
    (loop $l
      (if (local.tee $next (i32.load offset=4 (local.get $node)))
        (then (local.set $node (local.get $next)) (br $l))))
    (local.get $node))
  (func $through (result i32)
    (local $found i32)
    (local.set $found (call $last (i32.const 8)))
    (i32.store (local.get $found) (i32.const 1))
    (local.get $found)))

;; ==== asm x86_64
;; -- length
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movl %esi, %ecx
;;   movq 0x30(%rdi), %rdx
;;   movq %rcx, %rax
;;   jmp     label1
;; block1:
;;   movzbq (%rdx, %rax), %rsi
;;   testl %esi, %esi
;;   jnz     label4; j label2
;; block2:
;;   jmp     label3
;; block3:
;;   jmp     label16
;; block4:
;;   jmp     label5
;; block5:
;;   leal 1(%rax), %esi
;;   movzbq (%rdx, %rsi), %rsi
;;   testl %esi, %esi
;;   jnz     label8; j label6
;; block6:
;;   jmp     label7
;; block7:
;;   leal 1(%rax), %eax
;;   jmp     label16
;; block8:
;;   jmp     label9
;; block9:
;;   leal 2(%rax), %esi
;;   movzbq (%rdx, %rsi), %rsi
;;   testl %esi, %esi
;;   jnz     label12; j label10
;; block10:
;;   jmp     label11
;; block11:
;;   leal 2(%rax), %eax
;;   jmp     label16
;; block12:
;;   jmp     label13
;; block13:
;;   leal 3(%rax), %esi
;;   movzbq (%rdx, %rsi), %rsi
;;   testl %esi, %esi
;;   jnz     label18; j label14
;; block14:
;;   jmp     label15
;; block15:
;;   leal 3(%rax), %eax
;;   jmp     label16
;; block16:
;;   jmp     label17
;; block17:
;;   subl %ecx, %eax
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; block18:
;;   leal 4(%rax), %eax
;;   jmp     label1
;; -- last
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movl %esi, %eax
;;   movq 0x30(%rdi), %r11
;;   jmp     label1
;; block1:
;;   movl 4(%r11, %rax), %ecx
;;   testl %ecx, %ecx
;;   jnz     label4; j label2
;; block2:
;;   jmp     label3
;; block3:
;;   jmp     label16
;; block4:
;;   jmp     label5
;; block5:
;;   movl 4(%r11, %rcx), %eax
;;   testl %eax, %eax
;;   jnz     label8; j label6
;; block6:
;;   jmp     label7
;; block7:
;;   movq %rcx, %rax
;;   jmp     label16
;; block8:
;;   jmp     label9
;; block9:
;;   movl 4(%r11, %rax), %ecx
;;   testl %ecx, %ecx
;;   jnz     label12; j label10
;; block10:
;;   jmp     label11
;; block11:
;;   jmp     label16
;; block12:
;;   jmp     label13
;; block13:
;;   movl 4(%r11, %rcx), %eax
;;   testl %eax, %eax
;;   jnz     label18; j label14
;; block14:
;;   jmp     label15
;; block15:
;;   movq %rcx, %rax
;;   jmp     label16
;; block16:
;;   jmp     label17
;; block17:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; block18:
;;   jmp     label1
;; -- through
;;   pushq %rbp
;;   movq %rsp, %rbp
;;   subq $0x10, %rsp
;;   movq %r12, (%rsp)
;; block0:
;;   movl $0x8, %esi
;;   movq %rdi, %r12
;;   call    User(userextname0)
;;   movl %eax, %eax
;;   movq 0x30(%r12), %rsi
;;   movl $0x1, (%rsi, %rax)
;;   jmp     label1
;; block1:
;;   movq (%rsp), %r12
;;   addq $0x10, %rsp
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
