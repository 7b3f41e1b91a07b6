//! Handles of resources that modules define: lent, handed over, forged, stale, kept, dropped twice, and destroyed.
//!
//! The *maker* defines things; the *shelf* has some, and holds what it is lent, in ways good and bad; the *caller* uses
//! both. A thing's destructor does what its number says.

use super::harness::{Application, Outcome, adapted, module};

const WIT: &str = "package test:things;
interface things {
    resource thing {
        constructor(n: u32);
        value: func() -> u32;
    }
    resource knob { constructor(n: u32); }
    // Keeps it; answers with its number.
    take: func(it: thing) -> u32;
    take-and-drop: func(it: thing) -> u32;
    // Gives the kept one back.
    back: func() -> thing;
    // Makes so many for the caller, and for itself.
    many: func(n: u32) -> list<thing>;
    fill: func(n: u32);
    // How many there are, and the sum of the numbers of those that there were.
    alive: func() -> u32;
    destroyed: func() -> u32;
    die: func();
}
interface shelf {
    use things.{thing};
    hold: func(it: borrow<thing>, how: u32) -> result<u32, string>;
    put: func(it: thing) -> result<u32, string>;
    get: func() -> result<thing, string>;
    all: func(them: list<borrow<thing>>, last: thing) -> result<u32, string>;
    die: func() -> result<u32, string>;
}
world maker { export things; }
world keeper { import things; export shelf; }
world caller { import things; import shelf; }";

/// Destructors: 13 traps, 14 never returns, 15 drops the kept thing, 17 makes another and
/// drops it, 18 does so 100 000 times.
const MAKER: &str = r#"(module
    (import "[export]test:things/things" "[resource-new]thing" (func $new (param i32) (result i32)))
    (import "[export]test:things/things" "[resource-rep]thing" (func $rep (param i32) (result i32)))
    (import "[export]test:things/things" "[resource-drop]thing" (func $drop (param i32)))
    (import "[export]test:things/things" "[resource-new]knob" (func $new_knob (param i32) (result i32)))
    (memory (export "memory") 16)
    (global $alive (mut i32) (i32.const 0))
    (global $destroyed (mut i32) (i32.const 0))
    (global $kept (mut i32) (i32.const 0))
    (func $make (param i32) (result i32)
        (global.set $alive (i32.add (global.get $alive) (i32.const 1)))
        (call $new (local.get 0)))
    (func (export "test:things/things#[constructor]thing") (param i32) (result i32) (call $make (local.get 0)))
    (func (export "test:things/things#[constructor]knob") (param i32) (result i32) (call $new_knob (local.get 0)))
    (func (export "test:things/things#[method]thing.value") (param i32) (result i32) (local.get 0))
    (func (export "test:things/things#[dtor]thing") (param $n i32)
        (if (i32.eq (local.get $n) (i32.const 13)) (then unreachable))
        (if (i32.eq (local.get $n) (i32.const 14)) (then (loop $ever (br $ever))))
        (if (i32.eq (local.get $n) (i32.const 15)) (then (call $drop (global.get $kept))))
        (if (i32.eq (local.get $n) (i32.const 17)) (then (call $drop (call $make (i32.const 1)))))
        (if (i32.eq (local.get $n) (i32.const 18)) (then
            (global.set $destroyed (i32.add (global.get $destroyed) (i32.const 1)))
            (if (i32.lt_u (global.get $destroyed) (i32.const 100000)) (then (call $drop (call $make (i32.const 18)))))))
        (global.set $alive (i32.sub (global.get $alive) (i32.const 1)))
        (global.set $destroyed (i32.add (global.get $destroyed) (local.get $n))))
    (func (export "test:things/things#take") (param i32) (result i32)
        (global.set $kept (local.get 0))
        (call $rep (local.get 0)))
    (func (export "test:things/things#take-and-drop") (param i32) (result i32) (local $n i32)
        (local.set $n (call $rep (local.get 0)))
        (call $drop (local.get 0))
        (local.get $n))
    (func (export "test:things/things#back") (result i32) (global.get $kept))
    (func (export "test:things/things#many") (param $n i32) (result i32) (local $i i32)
        (loop $more
            (i32.store (i32.add (i32.const 64) (i32.mul (local.get $i) (i32.const 4))) (call $make (i32.const 1)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (local.get $n))))
        (i32.store (i32.const 16) (i32.const 64))
        (i32.store (i32.const 20) (local.get $n))
        (i32.const 16))
    (func (export "test:things/things#fill") (param $n i32)
        (loop $more
            (drop (call $make (i32.const 1)))
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (br_if $more (local.get $n))))
    (func (export "test:things/things#alive") (result i32) (global.get $alive))
    (func (export "test:things/things#destroyed") (result i32) (global.get $destroyed))
    (func (export "test:things/things#die") unreachable))"#;

const SHELF: &str = r#"(module
    (import "test:things/things" "[method]thing.value" (func $value (param i32) (result i32)))
    (import "test:things/things" "take" (func $take (param i32) (result i32)))
    (import "test:things/things" "[resource-drop]thing" (func $drop (param i32)))
    (import "test:things/things" "[constructor]thing" (func $make (param i32) (result i32)))
    (memory (export "memory") 1)
    (global $kept (mut i32) (i32.const 0))
    (global $seen (mut i32) (i32.const 0))
    (global $cleanup (mut i32) (i32.const 0))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func $good (param i32) (result i32)
        (i32.store8 (i32.const 64) (i32.const 0)) (i32.store (i32.const 68) (local.get 0)) (i32.const 64))
    (func (export "test:things/shelf#hold") (param $it i32) (param $how i32) (result i32) (local $value i32)
        ;; 8: as 0, by what it was lent before.
        (if (i32.eq (local.get $how) (i32.const 8)) (then
            (call $drop (local.get $it))
            (return (call $good (call $value (global.get $seen))))))
        (global.set $seen (local.get $it))
        (local.set $value (call $value (local.get $it)))
        ;; 1: keeps it.
        (if (i32.eq (local.get $how) (i32.const 1)) (then (return (call $good (local.get $value)))))
        ;; 3: hands it over as its own.
        (if (i32.eq (local.get $how) (i32.const 3)) (then (drop (call $take (local.get $it)))))
        ;; 4: dies.
        (if (i32.eq (local.get $how) (i32.const 4)) (then unreachable))
        ;; 5: takes it for a number of its own.
        (if (i32.eq (local.get $how) (i32.const 5)) (then
            (drop (call $value (i32.add (local.get $it) (i32.const 1))))))
        (call $drop (local.get $it))
        ;; 2: twice.
        (if (i32.eq (local.get $how) (i32.const 2)) (then (call $drop (local.get $it))))
        ;; 9: drops again when it cleans up.
        (if (i32.eq (local.get $how) (i32.const 9)) (then (global.set $cleanup (call $make (i32.const 3)))))
        (call $good (local.get $value)))
    (func (export "cabi_post_test:things/shelf#hold") (param i32)
        (if (global.get $cleanup) (then (call $drop (global.get $cleanup)))))
    (func (export "test:things/shelf#put") (param i32) (result i32)
        (global.set $kept (local.get 0)) (call $good (call $value (local.get 0))))
    (func (export "test:things/shelf#get") (result i32) (call $good (global.get $kept)))
    (func (export "test:things/shelf#all") (param $them i32) (param $n i32) (param $last i32) (result i32) (local $sum i32)
        (local.set $sum (call $value (local.get $last)))
        (loop $more
            (local.set $sum (i32.add (local.get $sum) (call $value (i32.load (local.get $them)))))
            (call $drop (i32.load (local.get $them)))
            (local.set $them (i32.add (local.get $them) (i32.const 4)))
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (br_if $more (local.get $n)))
        (call $good (local.get $sum)))
    (func (export "test:things/shelf#die") (result i32) unreachable))"#;

/// The caller: `$say` writes a number down; `$r` is what a call of the shelf has returned, 99 if it is dead.
fn caller(body: &str) -> String {
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (import "test:things/things" "[constructor]thing" (func $make (param i32) (result i32)))
        (import "test:things/things" "[constructor]knob" (func $make_knob (param i32) (result i32)))
        (import "test:things/things" "[method]thing.value" (func $value (param i32) (result i32)))
        (import "test:things/things" "[resource-drop]thing" (func $drop (param i32)))
        (import "test:things/things" "take" (func $take (param i32) (result i32)))
        (import "test:things/things" "take-and-drop" (func $take_and_drop (param i32) (result i32)))
        (import "test:things/things" "back" (func $back (result i32)))
        (import "test:things/things" "many" (func $many (param i32 i32)))
        (import "test:things/things" "fill" (func $fill (param i32)))
        (import "test:things/things" "alive" (func $alive (result i32)))
        (import "test:things/things" "destroyed" (func $destroyed (result i32)))
        (import "test:things/things" "die" (func $die))
        (import "test:things/shelf" "hold" (func $hold (param i32 i32 i32)))
        (import "test:things/shelf" "put" (func $put (param i32 i32)))
        (import "test:things/shelf" "get" (func $get (param i32)))
        (import "test:things/shelf" "all" (func $all (param i32 i32 i32 i32)))
        (import "test:things/shelf" "die" (func $shelf_die (param i32)))
        (memory (export "memory") 16)
        (global $top (mut i32) (i32.const 8192))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8192))
        (func $say (param i32)
            (i32.store (i32.const 16) (local.get 0))
            (i64.store (i32.const 0) (i64.const 0x400000010))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
        (func $r (result i32)
            (if (result i32) (i32.load8_u (i32.const 64)) (then (i32.const 99)) (else (i32.load (i32.const 68)))))
        (func (export "_start") (local $a i32) (local $b i32) (local $i i32) {body}))"#
    )
}

fn run(body: &str, [of_caller, of_maker, of_shelf]: [&str; 3]) -> Outcome {
    let manifest = format!(
        "[package]\nname = \"caller\"\nmodule = \"caller.wasm\"\n\
         [host]\nout = {{ kind = \"stdio\", stdout = \"capture\" }}\n[grants]\nout = \"out\"\n\
         [limits]\n{of_caller}\n\
         [shared.maker]\nmodule = \"maker.wasm\"\nlimits = {{ {of_maker} }}\n\
         [deps.shelf]\nmodule = \"keeper.wasm\"\nshared = [\"maker\"]\non_fault = \"error\"\nlimits = {{ {of_shelf} }}\n"
    );
    let caller = caller(body);
    let modules = [(caller.as_str(), "caller"), (MAKER, "maker"), (SHELF, "keeper")];
    let modules = modules.map(|(wat, world)| (world, module(wat, WIT, world)));
    assert!(adapted(&modules[0].1, "test:things/shelf", "hold"));
    Application::new(&manifest, &modules.each_ref().map(|(name, artifact)| (*name, artifact))).both()
}

fn words(outcome: &Outcome) -> Vec<u32> {
    let stream = outcome.stream("caller");
    stream.chunks(4).map(|word| u32::from_le_bytes(word.try_into().expect("4 bytes"))).collect()
}

/// Who ends, and of what.
#[derive(Debug)]
enum Ends {
    Nobody,
    Caller(&'static str),
    Shelf(&'static str),
    Maker(&'static str),
}
use Ends::{Caller, Maker, Nobody, Shelf};

#[track_caller]
fn check(name: &str, body: &str, limits: [&str; 3], expected: &[u32], ends: &Ends) {
    let outcome = run(body, limits);
    let ended = outcome.ended.as_ref().map_or_else(|reason| Some(reason.as_str()), |_| None);
    let found = [ended, outcome.death("caller/shelf"), outcome.death("caller/maker")];
    let wanted = match ends {
        Nobody => [None; 3],
        Caller(words) => [Some(*words), None, None],
        Shelf(words) => [None, Some(*words), None],
        Maker(words) => [None, None, Some(*words)],
    };
    let same = found.iter().zip(wanted).all(|pair| match pair {
        (None, None) => true,
        (Some(found), Some(wanted)) => found.contains(wanted),
        _ => false,
    });
    assert!(same, "{name}: {ends:?}, and not {outcome:#?}");
    assert_eq!(words(&outcome), expected, "{name}: {outcome:?}");
}

const A: &str = "(local.set $a (call $make (i32.const 7)))";
const COUNT: &str = "(call $say (call $alive)) (call $say (call $destroyed))";
/// What the definer looks up in vain.
const NONE: &str = "which it does not have";

#[test]
fn handles_go_where_they_are_passed_and_the_last_one_runs_the_destructor() {
    let cases: &[(&str, &str, &[u32])] = &[
        ("made, used and dropped", "(call $say (call $value (local.get $a))) (call $drop (local.get $a))", &[7, 0, 7]),
        ("made and kept", "(call $say (call $value (local.get $a)))", &[7, 1, 0]),
        ("lent", "(call $hold (local.get $a) (i32.const 0) (i32.const 64)) (call $say (call $r)) (call $drop (local.get $a))",
            &[7, 0, 7]),
        ("lent twice", "(call $hold (local.get $a) (i32.const 0) (i32.const 64))
            (call $hold (local.get $a) (i32.const 0) (i32.const 64)) (call $say (call $r))", &[7, 1, 0]),
        ("handed to the definer, which drops it", "(call $say (call $take_and_drop (local.get $a)))", &[7, 0, 7]),
        ("handed to the definer and back", "(call $say (call $take (local.get $a))) (local.set $a (call $back))
            (call $say (call $value (local.get $a))) (call $drop (local.get $a))", &[7, 7, 0, 7]),
        ("handed to the shelf and back", "(call $put (local.get $a) (i32.const 64)) (call $say (call $r))
            (call $get (i32.const 64)) (call $say (call $value (call $r))) (call $drop (call $r))", &[7, 7, 0, 7]),
        ("a list of borrows of one, and one of its own", "(i32.store (i32.const 128) (local.get $a))
            (i32.store (i32.const 132) (local.get $a)) (call $all (i32.const 128) (i32.const 2) (call $make (i32.const 5)) (i32.const 64))
            (call $say (call $r)) (call $drop (local.get $a))", &[19, 1, 7]),
        ("a list that is made", "(call $many (i32.const 100) (i32.const 64)) (local.set $b (i32.load (i32.const 64)))
            (loop $more (call $drop (i32.load (local.get $b))) (local.set $b (i32.add (local.get $b) (i32.const 4)))
                (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $more (i32.lt_u (local.get $i) (i32.const 100))))",
            &[1, 100]),
        ("dropped by a destructor", "(drop (call $take (local.get $a))) (call $drop (call $make (i32.const 15)))", &[0, 22]),
        ("made and dropped by a destructor", "(call $drop (call $make (i32.const 17)))", &[1, 18]),
    ];
    for (name, body, expected) in cases {
        check(name, &format!("{A} {body} {COUNT}"), ["", "", ""], expected, &Nobody);
    }
}

#[test]
fn attack_9_handles_of_resources() {
    let cases: &[(&str, &str, &[u32], Ends)] = &[
        ("a number that nobody has", "(drop (call $value (i32.const 99)))", &[], Caller(NONE)),
        ("no handle", "(drop (call $value (i32.const 0)))", &[], Caller(NONE)),
        ("the largest number", "(drop (call $value (i32.const -1)))", &[], Caller(NONE)),
        (
            "of another generation",
            "(drop (call $value (i32.or (local.get $a) (i32.const 0x100000))))",
            &[],
            Caller(NONE),
        ),
        ("a descriptor", "(drop (call $value (i32.const 2)))", &[], Caller(NONE)),
        (
            "another resource",
            "(drop (call $value (call $make_knob (i32.const 7))))",
            &[],
            Caller("of another resource"),
        ),
        (
            "another resource, handed over",
            "(drop (call $take (call $make_knob (i32.const 7))))",
            &[],
            Caller("of another resource"),
        ),
        (
            "another resource, given back",
            "(call $drop (call $make_knob (i32.const 7)))",
            &[],
            Caller("of another resource"),
        ),
        ("one that was dropped", "(call $drop (local.get $a)) (drop (call $value (local.get $a)))", &[], Caller(NONE)),
        ("dropped twice", "(call $drop (local.get $a)) (call $drop (local.get $a))", &[], Caller(NONE)),
        (
            "one whose place another has",
            "(call $drop (local.get $a)) (drop (call $make (i32.const 8)))
            (drop (call $value (local.get $a)))",
            &[],
            Caller(NONE),
        ),
        (
            "handed over, and used",
            "(drop (call $take (local.get $a))) (drop (call $value (local.get $a)))",
            &[],
            Caller(NONE),
        ),
        (
            "handed over twice",
            "(drop (call $take (local.get $a))) (drop (call $take (local.get $a)))",
            &[],
            Caller(NONE),
        ),
        (
            "handed over while it is lent",
            "(i32.store (i32.const 128) (local.get $a))
            (call $all (i32.const 128) (i32.const 1) (local.get $a) (i32.const 64))",
            &[],
            Caller("lent to a call that is under way"),
        ),
        (
            "a list of which the second is none",
            "(i32.store (i32.const 128) (local.get $a)) (i32.store (i32.const 132) (i32.const 77))
            (call $all (i32.const 128) (i32.const 2) (local.get $a) (i32.const 64))",
            &[],
            Caller(NONE),
        ),
        (
            "kept by whom it was lent to",
            "(call $hold (local.get $a) (i32.const 1) (i32.const 64)) (call $say (call $r)) (call $drop (local.get $a))",
            &[99, 0, 7],
            Shelf("keeps 1 of the handles that were lent to it"),
        ),
        (
            "dropped twice by whom it was lent to",
            "(call $hold (local.get $a) (i32.const 2) (i32.const 64)) (call $say (call $r)) (call $drop (local.get $a))",
            &[99, 0, 7],
            Shelf(NONE),
        ),
        (
            "handed on by whom it was lent to",
            "(call $hold (local.get $a) (i32.const 3) (i32.const 64)) (call $say (call $r)) (call $drop (local.get $a))",
            &[99, 0, 7],
            Shelf("only lent to it"),
        ),
        (
            "whom it was lent to dies",
            "(call $hold (local.get $a) (i32.const 4) (i32.const 64)) (call $say (call $r)) (call $drop (local.get $a))",
            &[99, 0, 7],
            Shelf("unreachable"),
        ),
        (
            "whom it was lent to counts on",
            "(call $hold (local.get $a) (i32.const 5) (i32.const 64)) (call $say (call $r))",
            &[99, 1, 0],
            Shelf(NONE),
        ),
        (
            "used after the call",
            "(call $hold (local.get $a) (i32.const 0) (i32.const 64)) (call $hold (local.get $a) (i32.const 8) (i32.const 64)) (call $say (call $r))",
            &[99, 1, 0],
            Shelf(NONE),
        ),
        (
            "dropped by who cleans up",
            "(call $hold (local.get $a) (i32.const 9) (i32.const 64)) (call $say (call $r))",
            &[99, 1, 3],
            Shelf("gives no handles back"),
        ),
        (
            "who has one dies",
            "(call $put (local.get $a) (i32.const 64)) (call $shelf_die (i32.const 64)) (call $say (call $r))",
            &[99, 0, 7],
            Shelf("unreachable"),
        ),
        (
            "the shelf's is used by the caller",
            "(call $put (local.get $a) (i32.const 64)) (drop (call $value (local.get $a)))",
            &[],
            Caller(NONE),
        ),
    ];
    for (name, body, expected, ends) in cases {
        check(name, &format!("{A} {body} {COUNT}"), ["", "", ""], expected, ends);
    }
}

#[test]
fn who_defines_pays_for_its_destructors() {
    let drop = |n: u32| format!("(call $drop (call $make (i32.const {n}))) (call $say (i32.const 1))");
    check("one that traps", &drop(13), ["", "", ""], &[1], &Maker("a destructor ended: wasm `unreachable`"));
    check(
        "one that never returns",
        &drop(14),
        ["", "time = \"50ms/call\"", ""],
        &[1],
        &Maker("a destructor took more than 50ms"),
    );
    // What was its own goes with it, and what others have is nothing any more.
    let body = format!("{A} {} (call $drop (local.get $a)) (call $say (i32.const 2))", drop(13));
    check("dropped when the definer is dead", &body, ["", "", ""], &[1, 2], &Maker("a destructor ended"));
    // Who drops it calls nobody else, and its own destructors wait for each other.
    check(
        "of a row of things",
        "(call $drop (call $make (i32.const 18))) (call $say (call $alive))",
        ["", "", ""],
        &[0],
        &Nobody,
    );
    // Of what a dead one had.
    let body =
        "(call $put (call $make (i32.const 13)) (i32.const 64)) (call $shelf_die (i32.const 64)) (call $say (call $r))";
    let outcome = run(body, ["", "", ""]);
    assert_eq!(words(&outcome), [99]);
    assert!(outcome.death("caller/maker").is_some_and(|reason| reason.contains("a destructor ended")), "{outcome:?}");
    assert!(outcome.death("caller/shelf").is_some_and(|reason| reason.contains("unreachable")), "{outcome:?}");
    assert_eq!(outcome.ended, Ok(0));
}

#[test]
fn attack_8_handles_are_bounded() {
    let row = |call: &str, n: u32| {
        format!(
            "(loop $more {call} (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $more (i32.lt_u (local.get $i) (i32.const {n})))) (call $say (local.get $i))"
        )
    };
    let make = row("(drop (call $make (i32.const 1)))", 100);
    check("the caller has too many", &make, ["handles = 20", "", ""], &[], &Caller("limits.handles allows no more"));
    check("the caller has just as many", &make, ["handles = 100", "", ""], &[100], &Nobody);
    let again = row("(call $drop (call $make (i32.const 1)))", 3000);
    check("places are used again", &again, ["handles = 1", "handles = 1", ""], &[3000], &Nobody);
    let fill = run("(call $fill (i32.const 5))", ["", "handles = 4", ""]);
    assert!(fill.death("caller/maker").is_some_and(|reason| reason.contains("limits.handles")), "{fill:?}");
    let fill = run("(call $fill (i32.const 70000))", ["", "", ""]);
    assert!(fill.death("caller/maker").is_some_and(|reason| reason.contains("65536 handles")), "{fill:?}");
    // Who keeps what he is given is to blame; who gives more at once than anybody has room for, is.
    let put = row("(call $put (call $make (i32.const 1)) (i32.const 64))", 5);
    check(
        "the shelf keeps too many",
        &format!("{put} (call $say (call $r))"),
        ["", "", "handles = 3"],
        &[5, 99],
        &Shelf("can't take a handle"),
    );
    let many = format!(
        "{A} (loop $more (i32.store (i32.add (i32.const 128) (i32.mul (local.get $i) (i32.const 4))) (local.get $a))
            (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $more (i32.lt_u (local.get $i) (i32.const 40))))
        (call $all (i32.const 128) (i32.const 40) (call $make (i32.const 5)) (i32.const 64)) (call $say (call $r))"
    );
    check("more at once than there is room for", &many, ["", "", "handles = 20"], &[], &Caller("can't take a handle"));
    check("as many as there is room for", &many, ["", "", "handles = 41"], &[285], &Nobody);
    check(
        "more than the caller has",
        &many,
        ["handles = 30", "", ""],
        &[],
        &Caller("lends more than 30 handles in one call"),
    );
}
