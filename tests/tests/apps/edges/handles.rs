//! Handles: of a folder that is lent, given, given back, forged, stale, foreign, moved, and used when it is no longer
//! there.
//!
//! The *lender* holds the folder; its cases lend and give it to the *keeper*, who holds nothing else.

use super::*;

const OK: u32 = 0;
/// WASI's `badf`: there is no such descriptor.
const BADF: u32 = 8;
/// WASI's `stale`: it was revoked.
const STALE: u32 = 72;

/// What the keeper exports besides what the judge asks for.
const KEEP: &str = "interface keep {
    use bailiwick:fs/types.{dir};
    // Remembers the handle, and opens a file by it.
    hold: func(d: borrow<dir>) -> result<u64, string>;
    take: func(d: dir) -> result<u64, string>;
    // Opens a file by what it remembers.
    try: func() -> result<u64, string>;
    // How many of so many numbers are open descriptors.
    count: func(numbers: u32) -> result<u64, string>;
    hold-and-count: func(d: borrow<dir>, numbers: u32) -> result<u64, string>;
    // Gives what it remembers, or anything.
    give-back: func() -> result<dir, string>;
    give: func(number: u32) -> result<dir, string>;
    give-lent: func(d: borrow<dir>) -> result<dir, string>;
    // Drops the handle before it returns.
    drop-lent: func(d: borrow<dir>) -> result<u64, string>;
    close-lent: func(d: borrow<dir>) -> result<u64, string>;
    two-lent: func(a: borrow<dir>, b: borrow<dir>) -> result<u64, string>;
    two-given: func(a: dir, b: dir) -> result<u64, string>;
    lent-and-given: func(a: borrow<dir>, b: dir) -> result<u64, string>;
    given-and-lent: func(a: dir, b: borrow<dir>) -> result<u64, string>;
    all: func(given: list<dir>) -> result<u64, string>;
    die-with: func(d: dir) -> result<u64, string>;
}";

const SYSTEM: &str = "
    (import \"wasi_snapshot_preview1\" \"path_open\"
        (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import \"wasi_snapshot_preview1\" \"fd_close\" (func $close (param i32) (result i32)))
    (import \"wasi_snapshot_preview1\" \"fd_fdstat_get\" (func $stat (param i32 i32) (result i32)))
    (import \"wasi_snapshot_preview1\" \"fd_renumber\" (func $renumber (param i32 i32) (result i32)))
    (import \"bailiwick:fs/types\" \"[resource-drop]dir\" (func $drop (param i32)))";

/// The error of opening a file by a descriptor, and a new descriptor of the folder itself.
const OPENING: &str = "
    (data (i32.const 64) \"f\") (data (i32.const 72) \".\")
    (func $open (param i32) (result i32) (local $error i32)
        (local.set $error (call $path_open (local.get 0) (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 0)
            (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 80)))
        (if (i32.eqz (local.get $error)) (then (drop (call $close (i32.load (i32.const 80))))))
        (local.get $error))
    (func $folder (param i32) (result i32)
        ;; To open and to list, and to read files and links: what the grant has.
        (if (call $path_open (local.get 0) (i32.const 0) (i32.const 72) (i32.const 1) (i32.const 2)
            (i64.const 0xe000) (i64.const 2) (i32.const 0) (i32.const 80)) (then unreachable))
        (i32.load (i32.const 80)))
    (func $file (param i32) (result i32)
        (if (call $path_open (local.get 0) (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 0)
            (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 80)) (then unreachable))
        (i32.load (i32.const 80)))
    (func $counted (param $numbers i32) (result i32) (local $fd i32) (local $open i32)
        (loop $next
            (if (i32.eqz (call $stat (local.get $fd) (i32.const 512))) (then
                (local.set $open (i32.add (local.get $open) (i32.const 1)))))
            (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get $fd) (local.get $numbers))))
        (local.get $open))";

fn keeper() -> Module {
    let mut text = format!(
        "(module {SYSTEM} (memory (export \"memory\") 2) {OPENING} {BUMP}
        (global $held (mut i32) (i32.const -1))
        (func $number (param i32) (result i32)
            (i64.store (i32.const 1032) (i64.extend_i32_u (local.get 0))) (i32.const 1024))
        (func $handle (param i32) (result i32) (i32.store (i32.const 1060) (local.get 0)) (i32.const 1056))
        (func (export \"test:desk/desk#clean\") (result i32) (call $number (i32.const 0)))
        ;; What the judge sees after the attack: what opening says, and how many descriptors are open.
        (func (export \"test:desk/desk#seen\") (result i32)
            (i64.store (i32.const 2048) (i64.extend_i32_u (call $open (global.get $held))))
            (i64.store (i32.const 2056) (i64.extend_i32_u (call $counted (i32.const 100))))
            (i32.store (i32.const 1092) (i32.const 2048)) (i32.store (i32.const 1096) (i32.const 2))
            (i32.const 1088))"
    );
    for (name, params, body) in [
        ("hold", "i32", "(global.set $held (local.get 0)) (call $number (call $open (local.get 0)))"),
        ("take", "i32", "(global.set $held (local.get 0)) (call $number (call $open (local.get 0)))"),
        ("try", "", "(call $number (call $open (global.get $held)))"),
        ("count", "i32", "(call $number (call $counted (local.get 0)))"),
        ("hold-and-count", "i32 i32", "(call $number (call $counted (local.get 1)))"),
        ("give-back", "", "(call $handle (global.get $held))"),
        ("give", "i32", "(call $handle (local.get 0))"),
        ("give-lent", "i32", "(call $handle (local.get 0))"),
        ("drop-lent", "i32", "(call $drop (local.get 0)) (call $number (call $open (local.get 0)))"),
        ("close-lent", "i32", "(drop (call $close (local.get 0))) (call $number (call $open (local.get 0)))"),
        ("two-lent", "i32 i32", "(call $number (i32.or (call $open (local.get 0)) (call $open (local.get 1))))"),
        ("two-given", "i32 i32", "(call $number (i32.const 0))"),
        ("lent-and-given", "i32 i32", "(global.set $held (local.get 0)) (call $number (i32.const 0))"),
        ("given-and-lent", "i32 i32", "(global.set $held (local.get 1)) (call $number (i32.const 0))"),
        ("all", "i32 i32", "(call $number (call $open (i32.load (local.get 0))))"),
        ("die-with", "i32", "unreachable"),
    ] {
        let _ = write!(text, "(func (export \"test:desk/keep#{name}\") (param {params}) (result i32) {body})");
    }
    let interfaces = DESK.replace("package test:desk {", "").replace("; } }", "; }");
    let wit = format!("package test:desk; {interfaces} {KEEP} world keeper {{ export desk; export keep; }}");
    Module { name: "keeper", text: text + ")", wit }
}

/// What comes of a case.
#[derive(Clone, Copy, Debug)]
enum Comes {
    /// Everybody goes on, and the case gives that.
    Gives(u32),
    /// The lender dies, with these words.
    Lender(&'static str),
    /// The keeper dies, with these words; the lender has an error value.
    Keeper(&'static str),
}
use Comes::{Gives, Keeper, Lender};

/// What the lender does, what comes of it, and what the keeper has afterwards: what opening a file by the last handle
/// says, and how many descriptors are open. The folder is descriptor 3; `$n` is another one of it. `$r` gives the number
/// that the last call returned, or 99 for an error.
const CASES: &[(&str, &str, Comes, Option<[u32; 2]>)] = &[
    ("lent", "(call $hold (i32.const 3) (i32.const 1024)) (call $r)", Gives(OK), Some([BADF, 0])),
    (
        "lent, and used after that",
        "(call $hold (i32.const 3) (i32.const 1024)) (call $try (i32.const 1024)) (call $r)",
        Gives(BADF),
        Some([BADF, 0]),
    ),
    (
        "lent, and the lender still has it",
        "(call $hold (i32.const 3) (i32.const 1024)) (call $open (i32.const 3))",
        Gives(OK),
        Some([BADF, 0]),
    ),
    (
        "lent twice, the second time by another number",
        "(call $hold (i32.const 3) (i32.const 1024)) (call $hold (global.get $n) (i32.const 1024)) (call $r)",
        Gives(OK),
        Some([BADF, 0]),
    ),
    ("given", "(call $take (global.get $n) (i32.const 1024)) (call $r)", Gives(OK), Some([OK, 1])),
    (
        "given, and used by the giver",
        "(call $take (global.get $n) (i32.const 1024)) (call $open (global.get $n))",
        Gives(BADF),
        Some([OK, 1]),
    ),
    (
        "given, and lent by the giver",
        "(call $take (global.get $n) (i32.const 1024)) (call $hold (global.get $n) (i32.const 1024)) (call $r)",
        Lender("handle"),
        None,
    ),
    (
        "given twice",
        "(call $take (global.get $n) (i32.const 1024)) (call $take (global.get $n) (i32.const 1024)) (call $r)",
        Lender("handle"),
        None,
    ),
    (
        "given, and given back",
        "(call $take (global.get $n) (i32.const 1024)) (call $give_back (i32.const 1024)) (call $open (call $h))",
        Gives(OK),
        Some([BADF, 0]),
    ),
    (
        "given, given back, and used by the keeper",
        "(call $take (global.get $n) (i32.const 1024)) (call $give_back (i32.const 1024)) (call $try (i32.const 1024)) (call $r)",
        Gives(BADF),
        Some([BADF, 0]),
    ),
    (
        "given back twice",
        "(call $take (global.get $n) (i32.const 1024)) (call $give_back (i32.const 1024)) (call $give_back (i32.const 1024)) (call $r)",
        Keeper("handle"),
        None,
    ),
    ("a number that nobody has", "(call $hold (i32.const 9999) (i32.const 1024)) (call $r)", Lender("handle"), None),
    ("the largest number", "(call $hold (i32.const -1) (i32.const 1024)) (call $r)", Lender("handle"), None),
    ("a stream", "(call $hold (i32.const 1) (i32.const 1024)) (call $r)", Lender("handle"), None),
    ("a file", "(call $hold (call $file (i32.const 3)) (i32.const 1024)) (call $r)", Lender("handle"), None),
    ("a file, given", "(call $take (call $file (i32.const 3)) (i32.const 1024)) (call $r)", Lender("handle"), None),
    (
        "one that was closed",
        "(drop (call $close (global.get $n))) (call $hold (global.get $n) (i32.const 1024)) (call $r)",
        Lender("handle"),
        None,
    ),
    (
        "one that was dropped",
        "(call $drop (global.get $n)) (call $hold (global.get $n) (i32.const 1024)) (call $r)",
        Lender("handle"),
        None,
    ),
    (
        "a number that was another's",
        "(drop (call $renumber (call $file (i32.const 3)) (global.get $n))) (call $hold (global.get $n) (i32.const 1024)) (call $r)",
        Lender("handle"),
        None,
    ),
    (
        "no number of 10000 is anything to the keeper",
        "(call $count (i32.const 10000) (i32.const 1024)) (call $r)",
        Gives(0),
        Some([BADF, 0]),
    ),
    (
        "but one in a call that lends one",
        "(call $hold_and_count (i32.const 3) (i32.const 10000) (i32.const 1024)) (call $r)",
        Gives(1),
        Some([BADF, 0]),
    ),
    (
        "the keeper gives what it has not",
        "(call $give (i32.const 9999) (i32.const 1024)) (call $r)",
        Keeper("handle"),
        None,
    ),
    (
        "the keeper gives its caller's number",
        "(call $give (i32.const 3) (i32.const 1024)) (call $r)",
        Keeper("handle"),
        None,
    ),
    ("the keeper gives a stream", "(call $give (i32.const 0) (i32.const 1024)) (call $r)", Keeper("handle"), None),
    (
        "the keeper gives what it was lent",
        "(call $give_lent (i32.const 3) (i32.const 1024)) (call $r)",
        Keeper("handle"),
        None,
    ),
    (
        "the keeper drops what it was lent",
        "(call $drop_lent (i32.const 3) (i32.const 1024)) (i32.add (call $r) (call $open (i32.const 3)))",
        Gives(BADF),
        Some([BADF, 0]),
    ),
    (
        "the keeper closes what it was lent",
        "(call $close_lent (i32.const 3) (i32.const 1024)) (i32.add (call $r) (call $open (i32.const 3)))",
        Gives(BADF),
        Some([BADF, 0]),
    ),
    (
        "lent twice in one call",
        "(call $two_lent (i32.const 3) (i32.const 3) (i32.const 1024)) (call $r)",
        Gives(OK),
        Some([BADF, 0]),
    ),
    (
        "given twice in one call",
        "(call $two_given (global.get $n) (global.get $n) (i32.const 1024)) (call $r)",
        Lender("handle"),
        None,
    ),
    (
        "given, and lent, in one call",
        "(call $given_and_lent (global.get $n) (global.get $n) (i32.const 1024)) (call $r)",
        Lender("handle"),
        None,
    ),
    (
        "a list of which the second is none",
        "(i32.store (i32.const 2048) (global.get $n)) (i32.store (i32.const 2052) (i32.const 9999))
        (call $all (i32.const 2048) (i32.const 2) (i32.const 1024)) (call $r)",
        Lender("handle"),
        None,
    ),
    (
        "a list of one twice",
        "(i32.store (i32.const 2048) (global.get $n)) (i32.store (i32.const 2052) (global.get $n))
        (call $all (i32.const 2048) (i32.const 2) (i32.const 1024)) (call $r)",
        Lender("handle"),
        None,
    ),
    ("whoever gave it dies", "(call $take (global.get $n) (i32.const 1024)) unreachable", Lender("unreachable"), None),
    (
        "whoever was given it dies",
        "(call $die_with (global.get $n) (i32.const 1024)) (call $open (global.get $n))",
        Keeper("unreachable"),
        None,
    ),
];

fn lender() -> Module {
    let functions = [
        ("hold", 2),
        ("take", 2),
        ("try", 1),
        ("count", 2),
        ("hold-and-count", 3),
        ("give-back", 1),
        ("give", 2),
        ("give-lent", 2),
        ("drop-lent", 2),
        ("close-lent", 2),
        ("two-lent", 3),
        ("two-given", 3),
        ("lent-and-given", 3),
        ("given-and-lent", 3),
        ("all", 3),
        ("die-with", 2),
    ];
    let mut text = format!("(module {SYSTEM}");
    for (name, params) in functions {
        let (id, params) = (name.replace('-', "_"), " i32".repeat(params));
        let _ = write!(text, "(import \"test:desk/keep\" \"{name}\" (func ${id} (param{params})))");
    }
    let _ = write!(
        text,
        "(memory (export \"memory\") 2) {OPENING} {BUMP} {ATTACK} {} (global $n (mut i32) (i32.const 0))
        (func $r (result i32) (if (result i32) (i32.load8_u (i32.const 1024))
            (then (i32.const 99)) (else (i32.load (i32.const 1032)))))
        (func $h (result i32) (if (i32.load8_u (i32.const 1024)) (then unreachable)) (i32.load (i32.const 1028)))",
        table(CASES.len())
    );
    for (i, (_, body, _, _)) in CASES.iter().enumerate() {
        let _ = write!(text, "(func $c{i} (result i32) (global.set $n (call $folder (i32.const 3))) {body})");
    }
    let wit = format!(
        "package test:tool; interface attack {{ attack: func(number: u32) -> result<u32, string>; }}
        world lender {{ import test:desk/keep; import bailiwick:fs/types; export attack; }}
        package test:desk {{ {KEEP} }}"
    );
    Module { name: "lender", text: text + ")", wit }
}

fn bench() -> Bench {
    let edges = "[shared.desk]\nmodule = \"keeper.bwk\"\non_fault = \"error\"\n\
        [deps.tool]\nmodule = \"lender.bwk\"\nshared = [\"desk\"]\non_fault = \"error\"\ngrants.place = \"place\"\n";
    let manifest = manifest(edges)
        .replace("[host]\n", "[host]\nplace = { kind = \"dir\", path = \"place\", rights = [\"list\", \"read\"] }\n");
    let bench = Bench::new(&manifest, &[judge(), near(), keeper(), lender()]);
    fs::create_dir(bench.folder().join("place")).expect("a folder");
    fs::write(bench.folder().join("place/f"), "x").expect("a file");
    bench
}

#[test]
fn attack_9_handles() {
    let bench = bench();
    let mut wrong = Vec::new();
    for (i, (name, _, comes, after)) in CASES.iter().enumerate() {
        let verdict = bench.judge(i);
        let (lender, keeper) = (verdict.run.death("judge/tool"), verdict.run.death("judge/desk"));
        let said = |dead: Option<&str>, words: &str| dead.is_some_and(|reason| reason.contains(words));
        let well = match comes {
            Gives(number) => verdict.attack == Ok(*number) && lender.is_none() && keeper.is_none(),
            Lender(words) => said(lender, words) && verdict.attack.is_err() && keeper.is_none(),
            Keeper(words) => said(keeper, words) && verdict.attack.is_ok() && lender.is_none(),
        };
        let seen = verdict.seen.as_ref().ok();
        // Whatever a dead one lent or gave is dead.
        let kept = match (after, comes) {
            (Some(after), _) => seen.is_some_and(|seen| seen[..] == after.map(u64::from)),
            (None, Lender(_)) => seen.is_some_and(|seen| [BADF, STALE].contains(&(seen[0] as u32)) && seen[1] == 0),
            (None, _) => seen.is_none(),
        };
        if !(well && kept && verdict.ping == Ok(42)) {
            wrong.push(format!("{name}: {comes:?}, {after:?}: {verdict:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), CASES.len(), wrong.join("\n\n"));
}
