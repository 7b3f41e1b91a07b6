//! Folders that cross in one call after the other.

use super::harness::{Application, Outcome, adapted, module};

const WIT: &str = "package test:handles;
interface api {
    use bailiwick:fs/types.{dir};
    pass: func(it: dir, keep: bool) -> option<dir>;
    look: func(it: borrow<dir>) -> u32;
    look-again: func(number: u32) -> u32;
}
interface turns {
    use bailiwick:fs/types.{dir};
    turn: func(it: dir, letter: u32) -> result<tuple<dir, char>, string>;
}
world caller { import api; import turns; }
world callee { export api; }
world turner { export turns; }";

/// Passes back what it is passed, or keeps it; `look` says how the host answers, and keeps the number.
const CALLEE: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
    (memory (export "memory") 1)
    (func $list (param $fd i32) (result i32)
        (call $fd_readdir (local.get $fd) (i32.const 1024) (i32.const 1024) (i64.const 0) (i32.const 512)))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "test:handles/api#pass") (param i32 i32) (result i32)
        (i32.store (i32.const 64) (i32.eqz (local.get 1)))
        (i32.store (i32.const 68) (local.get 0))
        (i32.const 64))
    (func (export "test:handles/api#look") (param i32) (result i32)
        (i32.or (i32.shl (local.get 0) (i32.const 8)) (call $list (local.get 0))))
    (func (export "test:handles/api#look-again") (param i32) (result i32) (call $list (local.get 0))))"#;

/// Passes back what it is passed, with a letter.
const TURNER: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "test:handles/turns#turn") (param i32 i32) (result i32)
        (i32.store (i32.const 64) (i32.const 0))
        (i32.store (i32.const 68) (local.get 0))
        (i32.store (i32.const 72) (local.get 1))
        (i32.const 64)))"#;

/// Runs `body`, which has `$say` for a number that is written down, as 4 bytes.
fn run(body: &str, callee_limits: &str) -> Outcome {
    let caller = format!(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (import "test:handles/api" "pass" (func $pass (param i32 i32 i32)))
        (import "test:handles/turns" "turn" (func $turn (param i32 i32 i32)))
        (import "test:handles/api" "look" (func $look (param i32) (result i32)))
        (import "test:handles/api" "look-again" (func $look-again (param i32) (result i32)))
        (memory (export "memory") 1)
        (func $list (param $fd i32) (result i32)
            (call $fd_readdir (local.get $fd) (i32.const 1024) (i32.const 1024) (i64.const 0) (i32.const 512)))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
        (func $say (param i32)
            (i32.store (i32.const 16) (local.get 0))
            (i64.store (i32.const 0) (i64.const 0x400000010))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
        (func (export "_start") (local $i i32) (local $it i32) {body}))"#
    );
    let manifest = format!(
        "[package]\nname = \"caller\"\nmodule = \"caller.wasm\"\n\
         [host]\nout = {{ kind = \"stdio\", stdout = \"capture\" }}\n\
         a = {{ kind = \"dir\", path = \"a\", rights = [\"list\", \"read\"] }}\n\
         b = {{ kind = \"dir\", path = \"b\", rights = [\"list\", \"read\"] }}\n\
         c = {{ kind = \"dir\", path = \"c\", rights = [\"list\", \"read\"] }}\n\
         [grants]\na = \"a\"\nb = \"b\"\nc = \"c\"\nout = \"out\"\n\
         [deps.callee]\nmodule = \"callee.wasm\"\nlimits = {{ {callee_limits} }}\n\
         [deps.turner]\nmodule = \"turner.wasm\"\non_fault = \"error\"\n"
    );
    let modules = [(caller.as_str(), "caller"), (CALLEE, "callee"), (TURNER, "turner")];
    let modules = modules.map(|(wat, world)| (world, module(wat, WIT, world)));
    for (interface, name) in [("api", "pass"), ("turns", "turn"), ("api", "look"), ("api", "look-again")] {
        assert!(adapted(&modules[0].1, &format!("test:handles/{interface}"), name));
    }
    Application::new(&manifest, &modules.each_ref().map(|(name, artifact)| (*name, artifact))).both()
}

fn words(outcome: &Outcome) -> Vec<u32> {
    let stream = outcome.stream("caller");
    stream.chunks(4).map(|word| u32::from_le_bytes(word.try_into().expect("4 bytes"))).collect()
}

#[test]
fn a_folder_that_was_handed_over_stays_whatever_becomes_of_a_later_call() {
    // The second call returns a folder, and then a letter that is none.
    let body = "(call $turn (i32.const 3) (i32.const 97) (i32.const 64))
        (local.set $it (i32.load (i32.const 68)))
        (call $say (i32.load8_u (i32.const 64)))
        (call $say (call $list (local.get $it)))
        (call $turn (i32.const 4) (i32.const 0xd800) (i32.const 64))
        (call $say (i32.load8_u (i32.const 64)))
        (call $say (call $list (local.get $it)))
        (call $say (call $list (i32.const 5)))";
    let outcome = run(body, "");
    assert_eq!(words(&outcome), [0, 0, 1, 0, 0], "{outcome:?}");
    assert!(outcome.death("caller/turner").is_some_and(|reason| reason.ends_with("the callee has 0xd800 for a char")));
}

#[test]
fn whose_table_is_full_is_to_blame_however_many_calls_there_were() {
    let body = "(local.set $it (i32.const 3))
        (loop $more
            (call $pass (local.get $it) (i32.const 0) (i32.const 64))
            (local.set $it (i32.load (i32.const 68)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (i32.const 40))))
        (call $say (local.get $i))
        (call $pass (local.get $it) (i32.const 1) (i32.const 64))
        (call $pass (i32.const 4) (i32.const 1) (i32.const 64))
        (call $say (i32.const 1))
        (call $pass (i32.const 5) (i32.const 1) (i32.const 64))";
    let outcome = run(body, "descriptors = 5");
    assert_eq!(words(&outcome), [40, 1], "{outcome:?}");
    assert!(outcome.death("caller/callee").is_some_and(|reason| reason.contains("the callee can't take a handle")));
}

#[test]
fn what_was_lent_goes_back_with_each_call() {
    let body = "(loop $more
            (local.set $it (call $look (i32.const 3)))
            (call $say (i32.and (local.get $it) (i32.const 255)))
            (call $say (call $look-again (i32.shr_u (local.get $it) (i32.const 8))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (i32.const 30))))
        (call $say (call $list (i32.const 3)))";
    // 8 is the error of a descriptor that is none.
    let mut expected = [0, 8].repeat(30);
    expected.push(0);
    let outcome = run(body, "descriptors = 4");
    assert_eq!(words(&outcome), expected, "{outcome:?}");
}
