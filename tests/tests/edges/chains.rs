//! Four modules in a row, the last of which ends: who dies with it, what the others learn, and what is said of it. And
//! calls by who is not to make any.

use super::harness::{Application, Outcome, module};
use bailiwick_loader::Artifact;
use std::sync::OnceLock;

const WIT: &str = "package test:chain;
interface b { call: func(n: u32, text: string) -> result<string, string>; }
interface c { call: func(n: u32, text: string) -> result<string, string>; }
interface d { call: func(n: u32, text: string) -> result<string, string>; use bailiwick:fs/types.{dir}; take: func(it: dir); }
world a-world { import b; }
world b-world { import c; export b; }
world c-world { import d; export c; }
world d-world { export d; }";

/// Allocates behind what was allocated before, up to 32 KiB; `$text` is 13 bytes at 1024.
const COMMON: &str = r#"(memory (export "memory") 1)
    (data (i32.const 1024) "from the top.")
    (global $top (mut i32) (i32.const 2048))
    (func $bump (param $size i32) (result i32)
        (local $answer i32)
        (local.set $answer (global.get $top))
        (global.set $top (i32.and (i32.add (i32.add (global.get $top) (local.get $size)) (i32.const 7)) (i32.const -8)))
        (local.get $answer))"#;

const REALLOC: &str =
    r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (call $bump (local.get 3)))"#;

/// What the last module does, by the number that is passed.
const WAYS: [&str; 9] = [
    "returns",
    "traps",
    "exits",
    "gives a handle back that it does not have",
    "calls the host, deep below",
    "overflows its stack",
    "reads beyond its memory",
    "exits by 0",
    "does not end",
];
/// The last of them, which only a limit of time ends.
const LOOPS: usize = 8;

/// Passes its call on to the next module: `realloc` and `post` are what its allocator and its post-return function are.
fn middle(own: &str, next: &str, realloc: &str, post: &str) -> String {
    format!(
        r#"(module
        (import "test:chain/{next}" "call" (func $next (param i32 i32 i32 i32)))
        {COMMON}
        {realloc}
        (func $pass (param $n i32) (param $at i32) (param $len i32)
            (call $next (local.get $n) (local.get $at) (local.get $len) (i32.const 512)))
        (func (export "test:chain/{own}#call") (param i32 i32 i32) (result i32)
            (call $pass (local.get 0) (local.get 1) (local.get 2))
            (i32.const 512))
        (func (export "cabi_post_test:chain/{own}#call") (param i32) {post}))"#
    )
}

fn root(n: usize) -> String {
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (import "test:chain/b" "call" (func $next (param i32 i32 i32 i32)))
        {COMMON}
        {REALLOC}
        (func $once (param $n i32)
            (call $next (local.get $n) (i32.const 1024) (i32.const 13) (i32.const 512))
            (i32.store8 (i32.const 64) (i32.add (i32.const 48) (i32.load8_u (i32.const 512))))
            (i32.store (i32.const 0) (i32.const 64))
            (i32.store (i32.const 4) (i32.const 1))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))
            (i64.store (i32.const 0) (i64.load (i32.const 516)))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))
            (i32.store8 (i32.const 64) (i32.const 10))
            (i32.store (i32.const 0) (i32.const 64))
            (i32.store (i32.const 4) (i32.const 1))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32))))
        (func $start (export "_start") (call $once (i32.const {n})) (call $once (i32.const 0))))"#
    )
}

fn last() -> String {
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (import "bailiwick:fs/types" "[resource-drop]dir" (func $drop (param i32)))
        {COMMON}
        {REALLOC}
        (func $overflow (param i32) (result i32)
            (i32.add (call $overflow (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
        (func $work (param $n i32)
            (block $four (block $eight (block $seven (block $six (block $five (block $three (block $two (block $one (block $zero
                (br_table $zero $one $two $three $four $five $six $seven $eight (local.get $n)))
            (return)) unreachable) (call $exit (i32.const 7))) (call $drop (i32.const 99)))
            (drop (call $overflow (i32.const 1)))) (drop (i32.load (i32.const -8)))) (call $exit (i32.const 0)))
            (loop $ever (br $ever)))
            (i64.store (i32.const 0) (i64.const 0x0000000d00000400))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32))))
        (func $dig (param $n i32) (param $depth i32)
            (if (local.get $depth)
                (then (call $dig (local.get $n) (i32.sub (local.get $depth) (i32.const 1))))
                (else (call $work (local.get $n)))))
        (func (export "test:chain/d#take") (param i32))
        (func (export "test:chain/d#call") (param $n i32) (param $at i32) (param $len i32) (result i32)
            (call $dig (local.get $n) (i32.const 3))
            (i32.store (i32.const 512) (i32.const 0))
            (i32.store (i32.const 516) (local.get $at))
            (i32.store (i32.const 520) (local.get $len))
            (i32.const 512)))"#
    )
}

fn honest() -> &'static [Artifact; 3] {
    static HONEST: OnceLock<[Artifact; 3]> = OnceLock::new();
    HONEST.get_or_init(|| {
        [
            module(&middle("b", "c", REALLOC, ""), WIT, "b-world"),
            module(&middle("c", "d", REALLOC, ""), WIT, "c-world"),
            module(&last(), WIT, "d-world"),
        ]
    })
}

/// `errors`: whether the death of b, c and d is a value.
fn chain(a: &Artifact, b: &Artifact, errors: [bool; 3]) -> Application {
    limited(a, b, errors, None)
}

/// The same; the one of that number, counted from 0, has a limit of time.
fn limited(a: &Artifact, b: &Artifact, errors: [bool; 3], limit: Option<usize>) -> Application {
    let [_, c, d] = honest();
    let dep = |i: usize, name: &str, file: &str| {
        let on_fault = if errors[i] { "error" } else { "trap" };
        let time = if limit == Some(i) { "time = \"60ms/call\"" } else { "" };
        format!("[deps.{name}]\nmodule = \"{file}\"\non_fault = \"{on_fault}\"\nlimits = {{ {time} }}\n")
    };
    let library = |name: &str, dep: &str| format!("[package]\nname = \"{name}\"\nmodule = \"{name}.wasm\"\n{dep}");
    let manifest = format!(
        "[package]\nname = \"a\"\nmodule = \"a.wasm\"\n\
         [host]\nout = {{ kind = \"stdio\", stdout = \"capture\" }}\n[grants]\nout = \"out\"\n{}",
        dep(0, "b", "b.toml")
    );
    let b_toml = library("b", &dep(1, "c", "c.toml"));
    let c_toml = library("c", &dep(2, "d", "d.wasm"));
    let files = [("b.toml", b_toml.as_str()), ("c.toml", c_toml.as_str())];
    Application::with_files(&manifest, &files, &[("a", a), ("b", b), ("c", c), ("d", d)])
}

fn said(outcome: &Outcome) -> String {
    String::from_utf8_lossy(outcome.stream("a")).into_owned()
}

#[test]
fn who_dies_of_the_last_one_is_who_does_not_take_its_death_as_a_value() {
    for (n, way) in WAYS.iter().enumerate().filter(|(n, _)| *n != LOOPS) {
        let a = module(&root(n), WIT, "a-world");
        for errors in 0..8 {
            let errors = [0, 1, 2].map(|i| errors >> i & 1 == 1);
            let outcome = chain(&a, &honest()[0], errors).both();
            let (out, all) = (said(&outcome), format!("{way} {errors:?} {outcome:#?}"));
            if matches!(n, 0 | 4) {
                assert_eq!((&outcome.ended, outcome.deaths.len()), (&Ok(0), 0), "{all}");
                assert_eq!(out, "0from the top.\n0from the top.\n", "{all}");
                continue;
            }
            // From the last one up to the first whose caller takes it as a value.
            let taken = errors.iter().rposition(|&error| error);
            let dead: Vec<&str> = ["a/b", "a/b/c", "a/b/c/d"][taken.unwrap_or(0)..].to_vec();
            let deaths: Vec<&str> = outcome.deaths.iter().map(|(path, _)| path.as_str()).collect();
            assert_eq!(deaths, dead, "{all}");
            assert_eq!(outcome.ended.is_ok(), taken.is_some(), "{all}");
            let reason = match n {
                1 => "wasm `unreachable` instruction executed",
                2 => "the guest ended with exit status 7",
                3 => "giving back handle 99",
                5 => "call stack exhausted",
                6 => "out of bounds memory access",
                _ => "the guest ended with exit status 0",
            };
            assert!(outcome.death("a/b/c/d").is_some_and(|death| death.contains(reason)), "{all}");
            match taken {
                // Whoever it is calls it again: it stays dead.
                Some(_) => {
                    let lines: Vec<&str> = out.lines().collect();
                    assert_eq!(lines.len(), 2, "{all}");
                    assert!(
                        lines[0].starts_with('1') && lines[0].contains("is dead: ") && lines[0] == lines[1],
                        "{all}"
                    );
                    assert!(lines[0].contains(reason), "{all}");
                }
                None => assert!(outcome.ended.as_ref().is_err_and(|error| error.contains(reason)), "{all}"),
            }
        }
    }
}

#[test]
fn whose_time_is_over_dies_with_whom_it_has_called() {
    let a = module(&root(LOOPS), WIT, "a-world");
    let paths = ["a/b", "a/b/c", "a/b/c/d"];
    for limit in 0..3 {
        for error in [false, true] {
            let errors = [0, 1, 2].map(|i| error && i == limit);
            let application = limited(&a, &honest()[0], errors, Some(limit));
            for interpreted in [true, false] {
                let outcome = application.run(interpreted);
                let all = format!("{limit} {error} {interpreted} {outcome:#?}");
                let dead: Vec<&str> = outcome.deaths.iter().map(|(path, _)| path.as_str()).collect();
                assert_eq!(dead, paths[if error { limit } else { 0 }..], "{all}");
                assert_eq!(outcome.death(paths[limit]), Some("a call of it took more than 60ms"), "{all}");
                assert_eq!(outcome.ended.is_ok(), error, "{all}");
                if error {
                    let out = said(&outcome);
                    assert_eq!(out.matches("is dead: a call of it took more than 60ms\n").count(), 2, "{all}");
                }
            }
        }
    }
}

#[test]
fn backtraces_name_the_functions_of_each_module() {
    let outcome = chain(&module(&root(1), WIT, "a-world"), &honest()[0], [false; 3]).both();
    let detail = |path: &str| &outcome.deaths.iter().find(|(known, _)| known == path).expect("a death").1[1];
    // The innermost function is the first.
    let in_order = |text: &str, names: &[&str]| {
        let mut rest = text;
        for name in names {
            rest = rest.split_once(name).unwrap_or_else(|| panic!("{name} is not where it should be:\n{text}")).1;
        }
    };
    let d = detail("a/b/c/d");
    in_order(d, &["work", "dig", "dig", "dig", "dig", "test:chain/d#call"]);
    assert!(!d.contains("pass") && !d.contains("start"), "{d}");
    for (path, own, next) in [("a/b/c", "c", "d"), ("a/b", "b", "c")] {
        let text = detail(path);
        in_order(text, &[&format!("→ {next}: call: {next} is dead"), "pass", &format!("test:chain/{own}#call")]);
    }
    in_order(outcome.ended.as_ref().unwrap_err(), &["→ b: call: b is dead", "once", "start"]);
}

#[test]
fn allocators_and_post_return_functions_make_no_calls() {
    let text = "(i32.const 1024) (i32.const 13) (i32.const 512)";
    let calls = format!("(call $next (i32.const 0) {text})");
    let realloc = REALLOC.replace("(call $bump", &format!("{calls} (call $bump"));
    let a = module(&root(0), WIT, "a-world");
    for (realloc, post) in [(realloc.as_str(), ""), (REALLOC, calls.as_str())] {
        for error in [false, true] {
            let b = module(&middle("b", "c", realloc, post), WIT, "b-world");
            let outcome = chain(&a, &b, [error, false, false]).both();
            let refusal = "its allocator and its post-return functions make no calls";
            assert!(outcome.death("a/b").is_some_and(|reason| reason.contains(refusal)), "{outcome:#?}");
            assert_eq!(outcome.ended.is_ok(), error, "{outcome:#?}");
            // The one that was not called is alive until its parent dies.
            assert!(
                outcome.death("a/b/c").is_some_and(|reason| reason.starts_with("its parent is dead")),
                "{outcome:#?}"
            );
        }
    }
}

/// Instances below each other, besides the root.
const LONG: usize = 60;

#[test]
fn sixty_modules_in_a_row() {
    let interfaces: String =
        (1..=LONG).map(|i| format!("interface i{i} {{ call: func(n: u32, text: string) -> string; }}\n")).collect();
    let worlds: String = (0..=LONG)
        .map(|i| {
            let import = if i < LONG { format!("import i{};", i + 1) } else { String::new() };
            let export = if i > 0 { format!("export i{i};") } else { String::new() };
            format!("world w{i} {{ {import} {export} }}\n")
        })
        .collect();
    let wit = format!("package test:chain;\n{interfaces}{worlds}");
    // Each passes the text on; the last one traps if it is told to.
    let one = |i: usize| {
        let next = format!(r#"(import "test:chain/i{}" "call" (func $next (param i32 i32 i32 i32)))"#, i + 1);
        if i == 0 {
            return format!(
                r#"(module {next} {COMMON} {REALLOC} (func (export "_start")
                (call $next (i32.const 0) (i32.const 1024) (i32.const 13) (i32.const 512))
                (if (i64.ne (i64.load (i32.load (i32.const 512))) (i64.load (i32.const 1024))) (then unreachable))
                (call $next (i32.const 1) (i32.const 1024) (i32.const 13) (i32.const 512))))"#
            );
        }
        let (next, body) = if i < LONG {
            (next.as_str(), "(call $next (local.get 0) (local.get 1) (local.get 2) (i32.const 512))")
        } else {
            let body = "(if (local.get 0) (then unreachable))
                (i32.store (i32.const 512) (local.get 1)) (i32.store (i32.const 516) (local.get 2))";
            ("", body)
        };
        format!(
            r#"(module {next} {COMMON} {REALLOC}
            (func (export "test:chain/i{i}#call") (param i32 i32 i32) (result i32) {body} (i32.const 512)))"#
        )
    };
    let modules: Vec<(String, Artifact)> =
        (0..=LONG).map(|i| (format!("w{i}"), module(&one(i), &wit, &format!("w{i}")))).collect();
    let manifests: Vec<(String, String)> = (0..=LONG)
        .map(|i| {
            let package = format!("[package]\nname = \"w{i}\"\nmodule = \"w{i}.wasm\"\n");
            let dep = format!("[deps.w{0}]\nmodule = \"w{0}.toml\"\n", i + 1);
            (format!("w{i}.toml"), if i < LONG { package + &dep } else { package })
        })
        .collect();
    let files: Vec<(&str, &str)> = manifests.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let modules: Vec<(&str, &Artifact)> = modules.iter().map(|(name, artifact)| (name.as_str(), artifact)).collect();
    let outcome = Application::with_files(&manifests[0].1, &files, &modules).both();
    assert_eq!(outcome.deaths.len(), LONG);
    assert!(outcome.ended.is_err_and(|error| error.contains("wasm `unreachable` instruction executed")));
}
