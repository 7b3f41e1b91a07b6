;;! asm x86_64
;;! asm aarch64
;;! optimisations: default
;;! functions: run
;;! link: library=linked.library
;; Functions of a module that is linked are inlined like any other, and reach its memory, which is the second here, and
;; its global. No call is left.
(module
  (import "library" "add" (func $add (param i32 i32) (result i32)))
  (import "library" "put" (func $put (param i32 i32)))
  (memory 1)
  (func $run (export "run") (param i32 i32)
    (i32.store (local.get 0) (call $add (local.get 0) (local.get 1)))
    (call $put (local.get 0) (local.get 1))))
