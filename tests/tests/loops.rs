//! Loops whose globals variables hold, and loops that are translated more than once: what may be seen of it is nothing.

use bailiwick_loader::{Imports, TrapCode, Val};
use bailiwick_tests::compile::artifact;
use bailiwick_tests::guest::Guest;

#[test]
fn a_global_that_a_loop_writes_is_as_it_was_written_last_when_the_loop_traps() {
    let mut guest = Guest::new(
        r#"(module (memory 1)
            (global $count (export "count") (mut i64) (i64.const 0))
            (global $address (mut i32) (i32.const 65500))
            (func (export "address") (result i32) (global.get $address))
            (func (export "run")
                (loop $more
                    (global.set $count (i64.add (global.get $count) (i64.const 1)))
                    (i32.store (global.get $address) (i32.const 7))
                    (global.set $address (i32.add (global.get $address) (i32.const 4)))
                    (br $more))))"#,
    );
    for (count, address) in [(10, 65536), (11, 65536)] {
        assert_eq!(guest.trap_code("run", &[]), TrapCode::MemoryOutOfBounds);
        let global = guest.instance.global(&mut guest.group, "count").unwrap();
        assert_eq!(global.get(&mut guest.group).unwrap(), Val::I64(count));
        assert_eq!(guest.i32("address"), address);
    }
}

#[test]
fn a_global_is_read_anew_behind_calls_and_other_loops() {
    let mut guest = Guest::new(
        r#"(module
            (global $g (mut i32) (i32.const 0))
            (func $other (global.set $g (i32.add (global.get $g) (i32.const 100))))
            (func (export "run") (result i32) (local $i i32) (local $j i32)
                (loop $outer
                    (local.set $j (i32.const 5))
                    (loop $inner
                        (global.set $g (i32.add (global.get $g) (i32.const 1)))
                        (br_if $inner (local.tee $j (i32.sub (local.get $j) (i32.const 1)))))
                    (call $other)
                    (br_if $outer (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
                (loop $last
                    (global.set $g (i32.mul (global.get $g) (i32.const 2)))
                    (if (i32.lt_u (global.get $g) (i32.const 1000)) (then (br $last))))
                (global.get $g)))"#,
    );
    assert_eq!(guest.i32("run"), 1260);
}

#[test]
fn imported_globals_may_be_one() {
    let mut guest = Guest::new(r#"(module (global (export "g") (mut i32) (i32.const 1)))"#);
    let mut imports = Imports::new();
    imports.instance("a", guest.instance);
    imports.instance("b", guest.instance);
    let second = artifact(
        r#"(module
            (import "a" "g" (global $a (mut i32))) (import "b" "g" (global $b (mut i32)))
            (func (export "run") (param $n i32) (result i32)
                (loop $l
                    (global.set $a (i32.mul (global.get $b) (i32.const 3)))
                    (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                (global.get $b)))"#,
    );
    let second = guest.group.instantiate(&second, &imports).unwrap();
    let run = second.typed_func::<i32, i32>(&mut guest.group, "run").unwrap();
    assert_eq!(run.call(&mut guest.group, 5).unwrap(), 243);
}

#[test]
fn short_loops_run_as_often_as_they_say() {
    let mut guest = Guest::new(
        r#"(module
            (func (export "down") (param $n i32) (result i32) (local $sum i32)
                (loop $l
                    (local.set $sum (i32.add (local.get $sum) (local.get $n)))
                    (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                (local.get $sum))
            (func (export "ways") (param $n i32) (result i32) (local $sum i32)
                (block $out
                    (loop $l
                        (br_if $out (i32.eqz (local.get $n)))
                        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                        (br_if $l (i32.and (local.get $n) (i32.const 1)))
                        (local.set $sum (i32.add (local.get $sum) (i32.const 1)))
                        (block $x (block $y (br_table $x $l $y (i32.rem_u (local.get $n) (i32.const 3)))) (br $l))
                        (local.set $sum (i32.add (local.get $sum) (i32.const 1000)))
                        (br $l)))
                (local.get $sum))
            (func (export "value") (param $n i32) (result i32) (local $sum i32)
                (loop $l (result i32)
                    (local.set $sum (i32.add (local.get $sum) (i32.const 2)))
                    (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
                    (i32.mul (local.get $sum) (i32.const 10))))
            (func (export "once") (param $n i32) (result i32)
                (loop $l (local.set $n (i32.add (local.get $n) (i32.const 1))))
                (loop $l (local.set $n (i32.add (local.get $n) (i32.const 1))) (return (local.get $n)))
                (unreachable))
            (func (export "dead") (param $n i32) (result i32)
                (loop $l
                    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                    (if (local.get $n) (then (br $l) (loop $m (br $m))) (else (return (i32.const 8)) (block))))
                (unreachable))
            (func (export "nested") (param $n i32) (result i32) (local $i i32) (local $sum i32)
                (loop $outer
                    (local.set $i (local.get $n))
                    (loop $inner
                        (local.set $sum (i32.add (local.get $sum) (i32.const 1)))
                        (br_if $inner (local.tee $i (i32.sub (local.get $i) (i32.const 1))))
                        (br_if $outer (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
                (local.get $sum)))"#,
    );
    for n in 1..20 {
        let mut call = |name: &str| guest.call(name, &[Val::I32(n)]).unwrap();
        assert_eq!(call("down"), [Val::I32(n * (n + 1) / 2)]);
        let sum = (0..n).filter(|i| i & 1 == 0).map(|i| if i % 3 == 0 { 1001 } else { 1 }).sum();
        assert_eq!(call("ways"), [Val::I32(sum)], "{n}");
        assert_eq!(call("value"), [Val::I32(20 * n)]);
        assert_eq!(call("once"), [Val::I32(n + 2)]);
        assert_eq!(call("dead"), [Val::I32(8)]);
        assert_eq!(call("nested"), [Val::I32(n * (n + 1) / 2)]);
    }
}

#[test]
fn a_memory_that_can_not_grow_has_its_size() {
    let mut guest = Guest::new(
        r#"(module (memory 3 3) (memory $private 2)
            (func (export "sizes") (result i32)
                (i32.add (memory.size 0) (i32.mul (i32.const 10) (memory.size $private))))
            (func (export "grow") (result i32) (memory.grow 0 (i32.const 1))))"#,
    );
    assert_eq!((guest.i32("grow"), guest.i32("sizes")), (-1, 23));
    let mut guest = Guest::new(
        r#"(module (memory 1) (memory $seen (export "m") 1)
            (func (export "sizes") (result i32)
                (i32.add (memory.size 0) (i32.mul (i32.const 10) (memory.size $seen))))
            (func (export "grow") (result i32) (memory.grow 0 (i32.const 1))))"#,
    );
    let memory = guest.instance.memory(&mut guest.group, "m").unwrap();
    memory.grow(&mut guest.group, 2).unwrap();
    assert_eq!((guest.i32("grow"), guest.i32("sizes")), (1, 32));
}
