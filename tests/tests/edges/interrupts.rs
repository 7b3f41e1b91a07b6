//! An application that is ended from outside, wherever it is.

use super::harness::{Application, module};
use std::time::{Duration, Instant};

const WIT: &str = "package test:interrupts;
interface api {
    nothing: func();
    text: func(n: u32, text: string) -> result<string, string>;
    many: func(lists: list<list<bool>>) -> result<_, string>;
    ever: func() -> result<_, string>;
}
world caller { import api; }
world callee { export api; }";

const CALLEE: &str = r#"(module
    (memory (export "memory") 2)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "test:interrupts/api#nothing"))
    (func (export "test:interrupts/api#text") (param i32 i32 i32) (result i32)
        (i32.store (i32.const 0) (i32.const 0))
        (i32.store (i32.const 4) (local.get 1))
        (i32.store (i32.const 8) (local.get 2))
        (i32.const 0))
    (func (export "test:interrupts/api#many") (param i32 i32) (result i32) (i32.const 0))
    (func (export "test:interrupts/api#ever") (result i32) (loop $more (br $more)) (i32.const 0)))"#;

/// Does `body` for ever; `error`: the callee's death is a value.
fn forever(body: &str, error: bool) -> Application {
    let wit = if error { WIT.replace("    nothing: func();\n", "") } else { WIT.to_owned() };
    let nothing = if error { "" } else { r#"(import "test:interrupts/api" "nothing" (func $nothing))"# };
    let caller = format!(
        r#"(module
        {nothing}
        (import "test:interrupts/api" "text" (func $text (param i32 i32 i32 i32)))
        (import "test:interrupts/api" "many" (func $many (param i32 i32 i32)))
        (import "test:interrupts/api" "ever" (func $ever (param i32)))
        (memory (export "memory") 2)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func $prepare (local $i i32)
            (loop $more
                (i32.store (i32.add (i32.const 4096) (i32.mul (local.get $i) (i32.const 8))) (i32.const 65536))
                (i32.store offset=4 (i32.add (i32.const 4096) (i32.mul (local.get $i) (i32.const 8))) (i32.const 65536))
                (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 250)))))
        (func (export "_start") (call $prepare) (loop $more {body} (br $more))))"#
    );
    let fault = if error { "error" } else { "trap" };
    let manifest = format!(
        "[package]\nname = \"caller\"\nmodule = \"caller.wasm\"\n\
         [deps.callee]\nmodule = \"callee.wasm\"\non_fault = \"{fault}\"\n"
    );
    let modules = [(caller.as_str(), "caller"), (CALLEE, "callee")];
    let modules = modules.map(|(wat, world)| (world, module(wat, &wit, world)));
    Application::new(&manifest, &modules.each_ref().map(|(name, artifact)| (*name, artifact)))
}

#[track_caller]
fn ends(body: &str, error: bool) {
    let application = forever(body, error);
    for interpreted in [true, false] {
        for limit in [0, 1, 5, 40] {
            let begun = Instant::now();
            let outcome = application.run_for(interpreted, Some(Duration::from_millis(limit)));
            assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
            let said = outcome.ended.expect_err("an error");
            assert!(said.contains("interrupted"), "{interpreted} {said}");
        }
    }
}

#[test]
fn in_a_loop_of_calls_of_nothing() {
    ends("(call $nothing)", false);
}

#[test]
fn in_a_loop_of_calls_that_carry_a_little() {
    for error in [false, true] {
        ends("(call $text (i32.const 1) (i32.const 2048) (i32.const 10) (i32.const 0))", error);
    }
}

#[test]
fn while_much_is_carried() {
    for error in [false, true] {
        ends("(call $many (i32.const 4096) (i32.const 250) (i32.const 0))", error);
    }
}

#[test]
fn in_a_callee_that_does_not_end() {
    for error in [false, true] {
        ends("(call $ever (i32.const 0))", error);
    }
}
