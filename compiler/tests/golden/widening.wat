;;! asm x86_64
;; A pointer that is followed is loaded, and an address, with nothing between, whichever way it came. The lower bits of a
;; number are taken without another move.
(module
  (memory 1)
  (func $length (param $list i32) (result i32)
    (local $length i32)
    (block $end
      (br_if $end (i32.eqz (local.get $list)))
      (loop $next
        (local.set $length (i32.add (local.get $length) (i32.const 1)))
        (br_if $next (local.tee $list (i32.load offset=8 (local.get $list))))))
    (local.get $length))
  (func $either (param $a i32) (param $which i32) (result i32)
    (i32.load (select
      (i32.load (local.get $a))
      (i32.load offset=4 (local.get $a))
      (local.get $which))))
  (func $bytes (param $a i32) (result i32)
    (i32.add
      (i32.add (i32.and (local.get $a) (i32.const 255)) (local.get $a))
      (i32.and (i32.shr_u (local.get $a) (i32.const 4)) (i32.const 65535)))))

;; ==== asm x86_64
;; -- length
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   uninit  %rax
;;   xorl %eax, %eax
;;   testl %esi, %esi
;;   jz      label1; j label2
;; block1:
;;   jmp     label13
;; block2:
;;   uninit  %r8
;;   xorl %r8d, %r8d
;;   movl %esi, %r11d
;;   jmp     label3
;; block3:
;;   movl 8(%rdi, %r11), %eax
;;   testl %eax, %eax
;;   jnz     label5; j label4
;; block4:
;;   leal 1(%r8), %eax
;;   jmp     label12
;; block5:
;;   movl 8(%rdi, %rax), %eax
;;   testl %eax, %eax
;;   jnz     label7; j label6
;; block6:
;;   leal 2(%r8), %eax
;;   jmp     label12
;; block7:
;;   movl 8(%rdi, %rax), %eax
;;   testl %eax, %eax
;;   jnz     label9; j label8
;; block8:
;;   leal 3(%r8), %eax
;;   jmp     label12
;; block9:
;;   movl 8(%rdi, %rax), %r11d
;;   leal 4(%r8), %eax
;;   testl %r11d, %r11d
;;   jnz     label10; j label11
;; block10:
;;   movq %rax, %r8
;;   jmp     label3
;; block11:
;;   leal 4(%r8), %eax
;;   jmp     label12
;; block12:
;;   jmp     label13
;; block13:
;;   jmp     label14
;; block14:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- either
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   movl %esi, %r9d
;;   movl (%rdi, %r9), %r8d
;;   movl 4(%rdi, %r9), %r9d
;;   testl %edx, %edx
;;   cmovneq %r8, %r9
;;   movl (%rdi, %r9), %eax
;;   jmp     label1
;; block1:
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
;; -- bytes
;;   pushq %rbp
;;   movq %rsp, %rbp
;; block0:
;;   jmp     label1
;; block1:
;;   movzbl %sil, %edi
;;   leal (%rdi, %rsi), %edi
;;   shrl $0x4, %esi
;;   movzwl %si, %r8d
;;   leal (%rdi, %r8), %eax
;;   movq %rbp, %rsp
;;   popq %rbp
;;   retq
