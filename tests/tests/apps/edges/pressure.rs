//! Callers that leave no room: at the end of their stack, at the end of their time, for ever. The callee, which others
//! call too, is to outlive them.

use super::*;

const CALLS: &str =
    "interface calls { quick: func(v: u32) -> result<u64, string>; text: func(v: string) -> result<u64, string>;
    }";

fn victim() -> Module {
    let function = |name: &str, params: &str, body: &str| {
        format!(
            "(func (export \"test:desk/calls#{name}\") (param {params}) (result i32) {body} (call $called)
                (i64.store (i32.const 8264) (i64.const 42)) (i32.const 8256))"
        )
    };
    let text = format!(
        "(module {ATTACKED} {} {})",
        function("quick", "i32", ""),
        // What it was sent, it forgets at once.
        function(
            "text",
            "i32 i32",
            "(i64.store (global.get $allocations) (i64.const 0)) (i64.store (i32.const 16384) (i64.const 0))
            (memory.fill (local.get 0) (i32.const 0) (local.get 1))
            (global.set $top (i32.const 65536)) (global.set $allocations (i32.const 16384))"
        ),
    );
    let interfaces = DESK.replace("package test:desk {", "").replace("; } }", "; }");
    let wit = format!("package test:desk; {interfaces} {CALLS} world victim {{ export desk; export calls; }}");
    Module { name: "victim", text, wit }
}

/// What the caller does; it never comes to an end by itself, but for case 0.
const CASES: &[(&str, &str)] = &[
    ("honest", "(call $quick (i32.const 1) (i32.const 8448))"),
    ("it calls at every depth of its stack", "(call $deep_quick (i64.const 0))"),
    ("it calls at every depth with larger frames", "(call $deep_wide (i64.const 0) (i64.const 1) (i64.const 2))"),
    ("it calls with a text at every depth", "(call $deep_text (i64.const 0))"),
    ("it calls and calls", "(loop $next (call $quick (i32.const 1) (i32.const 8448)) (br $next))"),
    (
        "it calls and calls, with a text",
        "(loop $next (call $text (i32.const 0) (i32.const 20) (i32.const 8448)) (br $next))",
    ),
];

fn hostile() -> Module {
    let mut text = format!(
        "(module (import \"test:desk/calls\" \"quick\" (func $quick (param i32 i32)))
        (import \"test:desk/calls\" \"text\" (func $text (param i32 i32 i32)))
        (memory (export \"memory\") 2)
        (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func $deep_quick (param i64)
            (call $quick (i32.const 1) (i32.const 8448)) (call $deep_quick (i64.add (local.get 0) (i64.const 1)))
            (call $quick (i32.const 1) (i32.const 8448)))
        (func $deep_wide (param i64 i64 i64)
            (call $deep_wide (i64.add (local.get 1) (i64.const 1)) (local.get 2) (local.get 0))
            (call $quick (i32.wrap_i64 (i64.add (local.get 0) (i64.add (local.get 1) (local.get 2)))) (i32.const 8448)))
        (func $deep_text (param i64)
            (call $text (i32.const 0) (i32.const 20) (i32.const 8448)) (call $deep_text (i64.add (local.get 0) (i64.const 1)))
            (call $text (i32.const 0) (i32.const 20) (i32.const 8448)))
        {ATTACK} {}",
        table(CASES.len())
    );
    for (i, (_, body)) in CASES.iter().enumerate() {
        let _ = write!(text, "(func $c{i} (result i32) {body} (i32.load8_u (i32.const 8448)))");
    }
    let wit = format!(
        "package test:tool; interface attack {{ attack: func(number: u32) -> result<u32, string>; }}
        world hostile {{ import test:desk/calls; export attack; }} package test:desk {{ {CALLS} }}"
    );
    Module { name: "hostile", text: text + ")", wit }
}

#[test]
fn attack_15_a_caller_without_room_ends_only_itself() {
    for stack in ["64KiB", "68KiB", "100KiB", "256KiB", "1MiB"] {
        let edges = format!(
            "[shared.desk]\nmodule = \"victim.bwk\"\non_fault = \"error\"\n\
             [deps.tool]\nmodule = \"hostile.bwk\"\nshared = [\"desk\"]\non_fault = \"error\"\n\
             limits = {{ time = \"{SHORT}\", stack = \"{stack}\" }}\n"
        );
        let bench = Bench::new(&manifest(&edges), &[judge(), near(), victim(), hostile()]);
        for (i, (name, _)) in CASES.iter().enumerate() {
            let verdict = bench.judge(i);
            let why = verdict.run.death("judge/tool");
            let ends = match i {
                0 => why.is_none(),
                1..=3 => why.is_some_and(|why| why.contains("stack")),
                _ => why.is_some_and(|why| why.contains("took more than")),
            };
            assert!(ends, "{stack}: {name}: {verdict:?}");
            // Whose time is over may be within a call at that moment: then that is interrupted too.
            let late = verdict.run.death("judge/desk").filter(|why| i > 3 && why.contains("interrupted"));
            if late.is_none() {
                assert_eq!(verdict.run.death("judge/desk"), None, "{stack}: {name}: {verdict:?}");
                assert!(verdict.after.is_ok() && verdict.after == verdict.before, "{stack}: {name}: {verdict:?}");
            }
            assert_eq!(verdict.ping, Ok(42), "{stack}: {name}: {verdict:?}");
        }
    }
}
