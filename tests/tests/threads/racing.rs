//! Groups on several threads that use one memory at once.

use crate::common::times;
use crate::{memory, team, u32_at};
use bailiwick_loader::Val;

const HEAD: &str = "(module (memory (import \"env\" \"memory\") 1 40000 shared)";

fn run(guest: &mut bailiwick_tests::guest::Guest, arguments: &[i32]) -> i32 {
    let arguments: Vec<Val> = arguments.iter().map(|&v| Val::I32(v)).collect();
    match guest.call("run", &arguments).unwrap_or_else(|e| panic!("{e}"))[..] {
        [] => 0,
        [Val::I32(result)] => result,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn no_update_is_lost_whatever_the_width_and_the_operator() {
    let rounds = times(20_000, 2000);
    for (add, bits) in [
        ("i32.atomic.rmw.add", 32),
        ("i32.atomic.rmw8.add_u", 8),
        ("i32.atomic.rmw16.add_u", 16),
        ("i32.atomic.rmw.sub", 32),
        ("i32.atomic.rmw16.sub_u", 16),
    ] {
        let memory = memory(1, 40_000);
        let wat = format!(
            "{HEAD} (func (export \"run\") (param $n i32)
               (loop $l (drop ({add} (i32.const 64) (i32.const 1)))
                 (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"
        );
        team(&wat, &memory, 4, |_, guest| run(guest, &[rounds as i32]));
        let sum = (4 * rounds) as u32;
        let expected = if add.contains("sub") { sum.wrapping_neg() } else { sum };
        // The bytes behind stay as they are.
        let mask = u32::MAX >> (32 - bits);
        assert_eq!(u32_at(&memory, 64), expected & mask, "{add}");
    }
}

#[test]
fn an_exchange_loop_loses_nothing_either() {
    let rounds = times(10_000, 1000);
    for (load, cmpxchg) in [
        ("i64.atomic.load", "i64.atomic.rmw.cmpxchg"),
        ("i64.atomic.load32_u", "i64.atomic.rmw32.cmpxchg_u"),
        ("i64.atomic.load16_u", "i64.atomic.rmw16.cmpxchg_u"),
    ] {
        let memory = memory(1, 40_000);
        let wat = format!(
            "{HEAD} (func (export \"run\") (param $n i32) (local $old i64)
               (loop $l
                 (loop $again
                   (local.set $old ({load} (i32.const 8)))
                   (br_if $again (i64.ne (local.get $old)
                     ({cmpxchg} (i32.const 8) (local.get $old) (i64.add (local.get $old) (i64.const 1))))))
                 (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"
        );
        team(&wat, &memory, 4, |_, guest| run(guest, &[rounds as i32]));
        assert_eq!(u32_at(&memory, 8), (4 * rounds) as u32, "{cmpxchg}");
    }
}

#[test]
fn neighbouring_bytes_are_each_threads_own() {
    let memory = memory(1, 40_000);
    let wat = format!(
        "{HEAD} (func (export \"run\") (param $at i32) (param $n i32)
           (loop $l (drop (i32.atomic.rmw8.add_u (local.get $at) (i32.const 1)))
             (i32.atomic.store8 (local.get $at) (i32.add (i32.atomic.load8_u (local.get $at)) (i32.const 1)))
             (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"
    );
    let rounds = times(50_001, 5001);
    team(&wat, &memory, 4, |number, guest| run(guest, &[number as i32, rounds as i32]));
    let byte = (2 * rounds) as u8;
    assert_eq!(u32_at(&memory, 0), u32::from_le_bytes([byte; 4]));
}

#[test]
fn a_lock_of_exchange_wait_and_notify_keeps_plain_accesses_apart() {
    // 0: free, 1: taken, 2: taken, and somebody may wait (Drepper, "Futexes are tricky").
    let memory = memory(1, 40_000);
    let wat = format!(
        "{HEAD}
         (func $lock (local $c i32)
           (local.set $c (i32.atomic.rmw.cmpxchg (i32.const 0) (i32.const 0) (i32.const 1)))
           (if (local.get $c) (then
             (if (i32.ne (local.get $c) (i32.const 2))
               (then (local.set $c (i32.atomic.rmw.xchg (i32.const 0) (i32.const 2)))))
             (block $got (loop $again
               (br_if $got (i32.eqz (local.get $c)))
               (drop (memory.atomic.wait32 (i32.const 0) (i32.const 2) (i64.const -1)))
               (local.set $c (i32.atomic.rmw.xchg (i32.const 0) (i32.const 2)))
               (br $again))))))
         (func $unlock
           (if (i32.ne (i32.atomic.rmw.sub (i32.const 0) (i32.const 1)) (i32.const 1)) (then
             (i32.atomic.store (i32.const 0) (i32.const 0))
             (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))))
         (func (export \"run\") (param $n i32)
           (loop $l
             (call $lock)
             (i32.store (i32.const 128) (i32.add (i32.load (i32.const 128)) (i32.const 1)))
             (i32.store16 offset=2 (i32.const 256) (i32.add (i32.load16_u offset=2 (i32.const 256)) (i32.const 1)))
             (call $unlock)
             (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"
    );
    let rounds = times(5000, 500);
    team(&wat, &memory, 4, |_, guest| run(guest, &[rounds as i32]));
    assert_eq!(u32_at(&memory, 128), (4 * rounds) as u32);
    assert_eq!(u32_at(&memory, 256), (4 * rounds as u32) << 16);
    assert_eq!((u32_at(&memory, 0), memory.waiters()), (0, 0));
}

#[test]
fn two_threads_take_turns_by_waiting() {
    let memory = memory(1, 40_000);
    let wat = format!(
        "{HEAD} (func (export \"run\") (param $me i32) (param $n i32)
           (loop $l
             (block $mine (loop $wait
               (br_if $mine (i32.eq (i32.atomic.load (i32.const 0)) (local.get $me)))
               (drop (memory.atomic.wait32 (i32.const 0) (i32.xor (local.get $me) (i32.const 1)) (i64.const -1)))
               (br $wait)))
             (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1)))
             (i32.atomic.store (i32.const 0) (i32.xor (local.get $me) (i32.const 1)))
             (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))
             (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"
    );
    let rounds = times(2000, 200);
    team(&wat, &memory, 2, |number, guest| run(guest, &[number as i32, rounds as i32]));
    assert_eq!(u32_at(&memory, 64), 2 * rounds as u32);
}

#[test]
fn what_was_written_before_a_flag_is_there_after_it() {
    // Message passing: plain stores, an atomic flag; each round in places of its own.
    let memory = memory(1, 40_000);
    let wat = format!(
        "{HEAD} (func (export \"run\") (param $reads i32) (param $n i32) (result i32) (local $at i32) (local $wrong i32)
           (loop $l
             (local.set $at (i32.add (local.get $at) (i32.const 16)))
             (if (local.get $reads)
               (then
                 (loop $spin (br_if $spin (i32.eqz (i32.atomic.load offset=12 (local.get $at)))))
                 (if (i32.ne (i32.load (local.get $at)) (local.get $at))
                   (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
                 (if (i64.ne (i64.load offset=4 align=4 (local.get $at)) (i64.extend_i32_u (local.get $at)))
                   (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1))))))
               (else
                 (i32.store (local.get $at) (local.get $at))
                 (i64.store offset=4 align=4 (local.get $at) (i64.extend_i32_u (local.get $at)))
                 (i32.atomic.store offset=12 (local.get $at) (i32.const 1))))
             (br_if $l (i32.lt_u (local.get $at) (local.get $n))))
           (local.get $wrong))"
    ) + ")";
    assert_eq!(team(&wat, &memory, 2, |number, guest| run(guest, &[number as i32, 65_000])), [0, 0]);
}

#[test]
fn of_two_threads_that_store_and_then_look_one_sees_the_other() {
    // Store buffering, which sequential consistency forbids: with atomics, and with plain accesses around a fence.
    for (store, load, fence) in
        [("i32.atomic.store", "i32.atomic.load", ""), ("i32.store", "i32.load", "(atomic.fence)")]
    {
        let memory = memory(4, 40_000);
        let wat = format!(
            "{HEAD} (func (export \"run\") (param $mine i32) (param $other i32) (param $seen i32) (param $n i32)
               (loop $l
                 ({store} (local.get $mine) (i32.const 1))
                 {fence}
                 (i32.store (local.get $seen) ({load} (local.get $other)))
                 (local.set $mine (i32.add (local.get $mine) (i32.const 4)))
                 (local.set $other (i32.add (local.get $other) (i32.const 4)))
                 (local.set $seen (i32.add (local.get $seen) (i32.const 4)))
                 (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"
        );
        let rounds = 16_000;
        team(&wat, &memory, 2, |number, guest| {
            let (x, y) = (0, 65_536);
            let (mine, other) = if number == 0 { (x, y) } else { (y, x) };
            run(guest, &[mine, other, 131_072 + 65_536 * number as i32, rounds])
        });
        let seen = |number: u64, round: u64| u32_at(&memory, 131_072 + 65_536 * number + 4 * round);
        for round in 0..rounds as u64 {
            assert_ne!((seen(0, round), seen(1, round)), (0, 0), "{store}, round {round}");
        }
    }
}

#[test]
fn what_one_thread_has_grown_another_uses_at_once() {
    let memory = memory(1, 40_000);
    // The second function's offset is beyond what guards cover: it is checked against the length.
    let wat = format!(
        "{HEAD}
         (func (export \"grow\") (param $n i32) (local $old i32)
           (loop $l
             (local.set $old (memory.grow (i32.const 1)))
             (i32.store (i32.shl (local.get $old) (i32.const 16)) (local.get $old))
             (i32.atomic.store (i32.const 0) (i32.add (local.get $old) (i32.const 1)))
             (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))
             (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
         (func (export \"use\") (param $pages i32) (result i32) (local $now i32) (local $wrong i32)
           (loop $l
             (drop (memory.atomic.wait32 (i32.const 0) (local.get $now) (i64.const 1000000)))
             (local.set $now (i32.atomic.load (i32.const 0)))
             (if (local.get $now) (then
               (if (i32.lt_u (memory.size) (local.get $now)) (then (local.set $wrong (i32.const 1))))
               (if (i32.ne (i32.load (i32.shl (i32.sub (local.get $now) (i32.const 1)) (i32.const 16)))
                           (i32.sub (local.get $now) (i32.const 1)))
                 (then (local.set $wrong (i32.const 2))))
               (drop (i32.load8_u (i32.sub (i32.shl (local.get $now) (i32.const 16)) (i32.const 1))))))
             (br_if $l (i32.lt_u (local.get $now) (local.get $pages))))
           (local.get $wrong))
         (func (export \"far\") (param $flag i32) (result i32)
           (if (local.get $flag)
             (then (drop (memory.grow (i32.const 35000))) (i32.atomic.store (i32.const 4) (i32.const 1)))
             (else (loop $spin (br_if $spin (i32.eqz (i32.atomic.load (i32.const 4)))))))
           (i32.add (i32.load offset=0x80000000 (i32.const 0))
                    (i32.atomic.rmw.add offset=0x80000000 (i32.const 8) (i32.const 1)))))"
    );
    let pages = times(500, 100) as i32;
    let wrong = team(&wat, &memory, 3, |number, guest| {
        if number == 0 {
            guest.call("grow", &[Val::I32(pages)]).unwrap();
            return Val::I32(0);
        }
        guest.call("use", &[Val::I32(pages)]).unwrap()[0]
    });
    assert_eq!(wrong, [Val::I32(0); 3]);
    assert_eq!(memory.size() >> 16, pages as u64 + 1);
    team(&wat, &memory, 2, |number, guest| {
        guest.call("far", &[Val::I32(number as i32)]).unwrap_or_else(|e| panic!("{e}"))
    });
    assert_eq!(u32_at(&memory, 0x8000_0008), 2);
}

#[test]
fn threads_that_grow_at_once_get_pages_of_their_own() {
    const MOST: i64 = 40_000;
    let memory = memory(0, MOST as u64);
    // How often it got a page, and the sum of those that it got.
    let wat = "(module (memory (import \"env\" \"memory\") 0 40000 shared)
      (func (export \"run\") (param $n i32) (result i64 i64) (local $old i32) (local $count i64) (local $sum i64)
        (loop $l
          (if (i32.ne (local.tee $old (memory.grow (i32.const 1))) (i32.const -1)) (then
            (local.set $count (i64.add (local.get $count) (i64.const 1)))
            (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (local.get $old))))))
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $count) (local.get $sum)))";
    let results = team(wat, &memory, 4, |_, guest| match guest.call("run", &[Val::I32(11_000)]).unwrap()[..] {
        [Val::I64(count), Val::I64(sum)] => (count, sum),
        ref other => panic!("{other:?}"),
    });
    // Of 44000 that asked, 40000 got one each: no page was given twice.
    assert_eq!(results.iter().map(|(count, _)| count).sum::<i64>(), MOST);
    assert_eq!(results.iter().map(|(_, sum)| sum).sum::<i64>(), MOST * (MOST - 1) / 2);
    assert_eq!(memory.size() >> 16, MOST as u64);
}

#[test]
fn bulk_operations_beside_each_other_leave_only_bytes_that_somebody_wrote() {
    let memory = memory(32, 40_000);
    let wat = format!(
        "{HEAD} (data $d \"\\03\\03\\03\\03\\03\\03\\03\\03\\03\\03\\03\\03\\03\\03\\03\\03\\03\\03\\03\")
         (func (export \"run\") (param $who i32) (param $n i32)
           (loop $l
             (if (i32.eqz (local.get $who)) (then
               (memory.fill (i32.const 3) (i32.const 1) (i32.const 1000000))))
             (if (i32.eq (local.get $who) (i32.const 1)) (then
               (memory.fill (i32.const 5) (i32.const 2) (i32.const 999000))))
             (if (i32.eq (local.get $who) (i32.const 2)) (then
               (memory.copy (i32.const 11) (i32.const 4) (i32.const 900000))
               (memory.copy (i32.const 4) (i32.const 12) (i32.const 900000))))
             (if (i32.eq (local.get $who) (i32.const 3)) (then
               (memory.init $d (i32.const 777) (i32.const 0) (i32.const 19))
               (memory.fill (i32.const 100) (i32.const 3) (i32.const 37))
               (memory.copy (i32.const 200) (i32.const 777) (i32.const 19))))
             (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"
    );
    team(&wat, &memory, 4, |number, guest| run(guest, &[number as i32, times(20, 3) as i32]));
    let mut bytes = vec![0; 1_000_100];
    memory.read(0, &mut bytes).unwrap();
    assert_eq!((&bytes[..3], &bytes[1_000_003..]), (&[0; 3][..], &[0; 97][..]));
    // None of them need be anybody's last: a copy may bring back what was there before.
    assert!(bytes[3..1_000_003].iter().all(|byte| (0..4).contains(byte)));
}
