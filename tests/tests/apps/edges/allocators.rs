//! Allocators that lie, and post-return functions that do more than clean up: of the module that is called, and of the
//! module that calls.
//!
//! What an allocator gets wrong within its own memory is its own affair. What else it does ends its module.

use super::canonical::Ty;
use super::*;

/// What comes of it.
#[derive(Clone, Copy, Debug)]
enum Comes {
    /// Its module dies, which the reason says in these words.
    Dies(&'static str),
    /// Nothing but what its own memory holds.
    Returns,
}

/// What the allocator is, and what comes of it. `$size` and `$align` are what it is asked for; `$calls` is how often it
/// was called before; `$honest` is what one that does not lie would answer.
const LIES: &[(&str, &str, Comes)] = &[
    ("tells the truth", "(call $honest (local.get $align) (local.get $size))", Comes::Returns),
    ("the same place twice", "(i32.const 65536)", Comes::Returns),
    ("places that overlap", "(i32.add (i32.const 65536) (i32.mul (global.get $calls) (i32.const 8)))", Comes::Returns),
    ("address 0", "(i32.const 0)", Comes::Returns),
    ("over what it passes or gets", "(i32.const 20000)", Comes::Returns),
    ("just within", "(i32.and (i32.sub (global.get $end) (local.get $size)) (i32.const -8))", Comes::Returns),
    (
        "behind the end",
        "(i32.and (i32.sub (global.get $end) (i32.sub (local.get $size) (local.get $align))) (i32.sub (i32.const 0) (local.get $align)))",
        Comes::Dies("beyond its memory"),
    ),
    ("the end", "(global.get $end)", Comes::Dies("beyond its memory")),
    ("a wrapping address", "(i32.const -8)", Comes::Dies("beyond its memory")),
    ("the last address", "(i32.sub (i32.const 0) (local.get $align))", Comes::Dies("beyond its memory")),
    ("the other half of the address space", "(i32.const 0x80000000)", Comes::Dies("beyond its memory")),
    (
        "misaligned, where that can be",
        "(i32.add (i32.const 65536) (i32.shr_u (local.get $align) (i32.const 1)))",
        Comes::Dies("which is no multiple of"),
    ),
    ("a trap", "(unreachable)", Comes::Dies("`unreachable`")),
    (
        "a trap at the third call",
        "(if (i32.eq (global.get $calls) (i32.const 2)) (then unreachable)) (call $honest (local.get $align) (local.get $size))",
        Comes::Dies("`unreachable`"),
    ),
    ("a loop", "(loop $for_ever (br $for_ever)) (i32.const 0)", Comes::Dies("took more than")),
    ("deep recursion", "(call $deep (i32.const 0))", Comes::Dies("stack")),
    ("an exit", "(call $exit (i32.const 0)) (i32.const 0)", Comes::Dies("exit status 0")),
    (
        "a memory that grows before",
        "(drop (memory.grow (i32.const 1))) (call $honest (local.get $align) (local.get $size))",
        Comes::Returns,
    ),
    (
        "a place that there is since now",
        "(drop (memory.grow (i32.const 1))) (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 65536))",
        Comes::Returns,
    ),
    (
        "a place that there is not yet",
        "(drop (memory.grow (i32.const 1))) (i32.shl (memory.size) (i32.const 16))",
        Comes::Dies("beyond its memory"),
    ),
    (
        "other elements in the list that is being carried",
        "(memory.fill (i32.const 20000) (i32.const 0xff) (i32.const 64)) (call $honest (local.get $align) (local.get $size))",
        Comes::Returns,
    ),
    // Neither an allocator nor a post-return function calls out (CanonicalABI.md, `may_leave`).
    ("a call to somebody", "(call $ping (i32.const 7) (i32.const 9000)) (i32.const 65536)", Comes::Dies("ping")),
];

/// What a post-return function does.
const POSTS: &[(&str, &str, Comes)] = &[
    ("nothing", "", Comes::Returns),
    ("a memory that grows", "(drop (memory.grow (i32.const 1)))", Comes::Returns),
    ("zeros where the result was", "(memory.fill (i32.const 0) (i32.const 0) (i32.const 65536))", Comes::Returns),
    ("a trap", "unreachable", Comes::Dies("`unreachable`")),
    ("a loop", "(loop $for_ever (br $for_ever))", Comes::Dies("took more than")),
    ("deep recursion", "(drop (call $deep (i32.const 0)))", Comes::Dies("stack")),
    ("an exit", "(call $exit (i32.const 7))", Comes::Dies("exit status 7")),
    ("a call to somebody", "(call $ping (i32.const 7) (i32.const 9000))", Comes::Dies("ping")),
];

/// The parts of a module with such an allocator, which `$lie` chooses.
fn liar() -> String {
    let mut text = String::from(
        "(memory (export \"memory\") 4)
        (global $lie (mut i32) (i32.const 0)) (global $calls (mut i32) (i32.const -1))
        (global $next (mut i32) (i32.const 65536)) (global $end i32 (i32.const 262144))
        (func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1)))
        (func $honest (param $align i32) (param $size i32) (result i32) (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
            (global.set $next (i32.add (local.get $at) (local.get $size)))
            (local.get $at))
        (type $allocator (func (param i32 i32) (result i32)))",
    );
    let names: String = (0..LIES.len()).map(|i| format!(" $l{i}")).collect();
    let _ = write!(text, "(table $lies funcref (elem{names}))");
    for (i, (_, body, _)) in LIES.iter().enumerate() {
        let _ = write!(text, "(func $l{i} (param $align i32) (param $size i32) (result i32) {body})");
    }
    text + "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32)
            (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (call_indirect $lies (type $allocator) (local.get 2) (local.get 3) (global.get $lie)))"
}

const IMPORTS: &str = "(import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
    (import \"test:near/ping\" \"ping\" (func $ping (param i32 i32)))";

/// What is passed: three strings, with longs behind them.
fn passed() -> Ty {
    Ty::Tuple(vec![Ty::String.list(), Ty::U64.list()])
}

/// Three strings and two longs in a memory, from `base` on: the elements of two lists, and a text.
fn data(base: u32) -> String {
    let words = [base + 48, 5, base + 48, 3, base + 48, 4, 0, 0, 1, 0, 2, 0];
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.extend(b"hello, what is this");
    format!("(data (i32.const {base}) {})", quoted(&bytes))
}

/// Where an attacked module has them: behind its allocations, where `clean` does not wipe them off.
const KEPT: u32 = 216_608;

/// The callee lies: an honest caller passes it strings. Post-return functions too.
fn callee() -> Bench {
    let take = "take: func(words: list<string>, longs: list<u64>) -> result<u64, string>;";
    let posts: String = (0..POSTS.len()).map(|i| format!("post{i}: func() -> result<string, string>;")).collect();
    let interface = format!("interface calls {{ lie: func(number: u32) -> result<u64, string>; {take} {posts} }}");
    let mut text = format!("(module {IMPORTS} {} {}", liar(), data(20_000));
    text += "(func (export \"test:liar/calls#lie\") (param i32) (result i32) (global.set $lie (local.get 0)) (i32.const 9216))
        (func (export \"test:liar/calls#take\") (param i32 i32 i32 i32) (result i32) (i32.const 9216))";
    for (i, (_, body, _)) in POSTS.iter().enumerate() {
        // The string is \"hello\", at 20048.
        let _ = write!(
            text,
            "(func (export \"test:liar/calls#post{i}\") (result i32)
                (i32.store (i32.const 9316) (i32.const 20048)) (i32.store (i32.const 9320) (i32.const 5)) (i32.const 9312))
            (func (export \"cabi_post_test:liar/calls#post{i}\") (param i32) {body})"
        );
    }
    let wit = format!("package test:liar; {interface} world liar {{ import test:near/ping; export calls; }}\n{NEAR}");
    let liar = Module { name: "liar", text: text + ")", wit };

    let mut imports = String::from(
        "(import \"test:liar/calls\" \"lie\" (func $lie (param i32 i32)))
        (import \"test:liar/calls\" \"take\" (func $take (param i32 i32 i32 i32 i32)))",
    );
    let mut cases = String::new();
    for i in 0..LIES.len() {
        let _ = write!(
            cases,
            "(func $c{i} (result i32) (call $lie (i32.const {i}) (i32.const 8448))
                (call $take (i32.const {KEPT}) (i32.const 3) (i32.const {}) (i32.const 2) (i32.const 8448))
                (call $called) (i32.load8_u (i32.const 8448)))",
            KEPT + 32
        );
    }
    for i in 0..POSTS.len() {
        let _ = write!(imports, "(import \"test:liar/calls\" \"post{i}\" (func $post{i} (param i32)))");
        // It has the string also if whoever gave it dies of cleaning up, or it has an error.
        let _ = write!(
            cases,
            "(func $c{} (result i32) (call $post{i} (i32.const 8448)) (call $called) (i32.load8_u (i32.const 8448)))",
            LIES.len() + i
        );
    }
    let text =
        format!("(module {imports} {ATTACKED} {} {ATTACK} {} {cases})", data(KEPT), table(LIES.len() + POSTS.len()));
    let wit = format!(
        "package test:tool; interface attack {{ attack: func(number: u32) -> result<u32, string>; }}
        world victim {{ import test:liar/calls; export attack; export test:desk/desk; }}\n{DESK}
        package test:liar {{ {interface} }}"
    );
    let victim = Module { name: "victim", text, wit };
    let tool = "[package]\nname = \"tool\"\nmodule = \"victim.bwk\"\n\
        [deps.liar]\nmodule = \"liar.bwk\"\non_fault = \"error\"\nlimits = { time = \"SHORT\", stack = \"256KiB\" }\nshared = [\"near\"]\n";
    let edges =
        "[deps.tool]\nmodule = \"tool.toml\"\non_fault = \"error\"\nlimits.time = \"5s/call\"\nshared = [\"near\"]\n";
    Bench::with(
        &manifest(edges),
        &[("tool.toml", &tool.replace("SHORT", super::SHORT))],
        &[judge(), near(), victim, liar],
    )
}

/// The caller lies: it asks an honest callee for strings.
fn caller() -> Bench {
    let give = "give: func() -> result<tuple<list<string>, list<u64>>, string>;";
    let mut text = format!(
        "(module {IMPORTS} (import \"test:desk/calls\" \"give\" (func $give (param i32))) {} {}",
        liar(),
        ATTACK
    );
    text += &table(LIES.len()).replace("(table funcref", "(table $cases funcref");
    for i in 0..LIES.len() {
        let _ = write!(
            text,
            "(func $c{i} (result i32) (global.set $lie (i32.const {i})) (call $give (i32.const 8448)) (i32.load8_u (i32.const 8448)))"
        );
    }
    let text = text.replace("(call_indirect (type $case)", "(call_indirect $cases (type $case)");
    let wit = format!(
        "package test:tool; interface attack {{ attack: func(number: u32) -> result<u32, string>; }}
        world hostile {{ import test:desk/calls; import test:near/ping; export attack; }}
        package test:desk {{ interface calls {{ {give} }} }}\n{NEAR}"
    );
    let hostile = Module { name: "hostile", text: text + ")", wit };
    let text = format!(
        "(module {ATTACKED} {} (func (export \"test:desk/calls#give\") (result i32) (call $called)
            (i32.store (i32.const 8452) (i32.const {KEPT})) (i32.store (i32.const 8456) (i32.const 3))
            (i32.store (i32.const 8460) (i32.const {})) (i32.store (i32.const 8464) (i32.const 2))
            (i32.const 8448)))",
        data(KEPT),
        KEPT + 32
    );
    let interfaces = DESK.replace("package test:desk {", "").replace("; } }", "; }");
    let wit = format!(
        "package test:desk; {interfaces} interface calls {{ {give} }} world victim {{ export desk; export calls; }}"
    );
    let victim = Module { name: "victim", text, wit };
    let edges = "[shared.desk]\nmodule = \"victim.bwk\"\non_fault = \"error\"\n\
        [deps.tool]\nmodule = \"hostile.bwk\"\nshared = [\"desk\", \"near\"]\non_fault = \"error\"\n\
        limits = { time = \"SHORT\", stack = \"256KiB\" }\n";
    Bench::new(&manifest(edges).replace("SHORT", super::SHORT), &[judge(), near(), victim, hostile])
}

#[track_caller]
fn hold(bench: &Bench, cases: &[(&str, &str, Comes)], first: usize, liar: &str, goes_on: &[&str]) {
    let mut wrong = Vec::new();
    for (i, (name, _, comes)) in cases.iter().enumerate() {
        let verdict = bench.judge(first + i);
        let dead = verdict.run.death(liar);
        let well = match comes {
            Comes::Dies(reason) => dead.is_some_and(|said| said.contains(reason)),
            Comes::Returns => dead.is_none() && verdict.attack == Ok(0),
        };
        let others = goes_on.iter().all(|path| verdict.run.death(path).is_none());
        let whole = verdict.before.is_ok() && verdict.before == verdict.after && verdict.ping == Ok(42);
        if !(well && others && whole) {
            wrong.push(format!("{name}: {comes:?}: {verdict:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
}

#[test]
fn attack_13_allocators_of_the_callee() {
    assert_eq!(passed().flat().len(), 4);
    hold(&callee(), LIES, 0, "judge/tool/liar", &["judge", "judge/tool", "judge/near"]);
}

#[test]
fn attack_13_post_return_functions() {
    hold(&callee(), POSTS, LIES.len(), "judge/tool/liar", &["judge", "judge/tool", "judge/near"]);
}

#[test]
fn attack_13_allocators_of_the_caller() {
    hold(&caller(), LIES, 0, "judge/tool", &["judge", "judge/desk", "judge/near"]);
}
