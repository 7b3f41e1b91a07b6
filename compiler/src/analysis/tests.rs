//! Facts of small modules.

use super::images::Run;
use super::webs::webs;
use super::{Facts, Uses, scan};
use crate::module::Module;
use crate::options::Options;
use crate::parse;
use bailiwick_runtime_abi::types::Arch;
use wasmparser::FuncValidatorAllocations;

/// Calls `f` with a module in the text format and its facts.
fn with<R>(wat: &str, arch: Arch, f: impl FnOnce(&Module<'_>, &Facts) -> R) -> R {
    let wasm = wat::parse_str(wat).unwrap();
    let (module, bodies) = parse::parse(&wasm, crate::parse::WasmFeatures::ALL).unwrap();
    let mut uses = Uses::default();
    for body in bodies {
        scan(&wasm, &module, body, &mut FuncValidatorAllocations::default(), &mut uses).unwrap();
    }
    let facts = Facts::new(&module, &uses, &Options { target: arch, ..Options::default() }).unwrap();
    f(&module, &facts)
}

fn facts<R>(wat: &str, f: impl FnOnce(&Facts) -> R) -> R {
    with(wat, Arch::X86_64, |_, facts| f(facts))
}

/// Runs as (offset, length).
fn runs(wat: &str, arch: Arch) -> Vec<(u64, u64)> {
    with(wat, arch, |_, facts| facts.images.runs.iter().map(|run| (run.offset, run.bytes.len() as u64)).collect())
}

#[test]
fn segments_that_are_near_share_a_run_and_begin_at_a_page() {
    let near = r#"(module (memory 20) (data (i32.const 5000) "a") (data (i32.const 9000) "bcd"))"#;
    assert_eq!(runs(near, Arch::X86_64), [(4096, 9003 - 4096)]);
    assert_eq!(runs(near, Arch::Aarch64), [(0, 9003)]);
    let far = r#"(module (memory 20) (data (i32.const 1000000) "z") (data (i32.const 5000) "a"))"#;
    assert_eq!(runs(far, Arch::X86_64), [(4096, 5001 - 4096), (999_424, 1_000_001 - 999_424)]);
}

#[test]
fn later_segments_overwrite_earlier_ones_with_zeros_too() {
    let wat = r#"(module (memory 1) (data (i32.const 0) "abcdef") (data (i32.const 1) "\00\00X\00"))"#;
    facts(wat, |facts| {
        assert_eq!(facts.images.runs, [Run { memory: 0, offset: 0, bytes: b"a\0\0X\0f".to_vec() }]);
        assert_eq!(facts.images.data_done, [true, true]);
    });
}

#[test]
fn zeros_take_up_no_place() {
    assert_eq!(runs(r#"(module (memory 1) (data (i32.const 9000) "\00\00\00"))"#, Arch::X86_64), []);
    assert_eq!(
        runs(r#"(module (memory 1) (data (i32.const 4090) "\00\00\00\00\00\00x\00"))"#, Arch::X86_64),
        [(4096, 1)]
    );
}

#[test]
fn what_is_not_known_or_out_of_bounds_is_left_to_instantiation() {
    for wat in [
        r#"(module (import "" "g" (global i32)) (memory 1) (data (global.get 0) "a") (data (i32.const 0) "b"))"#,
        r#"(module (memory 1) (data (i32.const 0) "b") (data (i32.const 65536) "a"))"#,
        r#"(module (memory 1) (data (i32.const 0) "b") (data (i32.const -1) "a"))"#,
        r#"(module (import "" "m" (memory 1)) (data (i32.const 0) "b") (data (i32.const 1) "a"))"#,
        // Functions that were put into an imported table can look at the memory after a failure.
        r#"(module (import "" "t" (table 1 funcref)) (memory 1) (func $f) (elem (i32.const 0) $f)
            (data (i32.const 0) "b") (data (i32.const 0) "c"))"#,
    ] {
        facts(wat, |facts| {
            assert_eq!(facts.images.runs, [], "{wat}");
            assert_eq!(facts.images.data_done, [false, false], "{wat}");
        });
    }
    // At the very end is in bounds.
    assert_eq!(runs(r#"(module (memory 1) (data (i32.const 65535) "a"))"#, Arch::X86_64), [(61440, 4096)]);
    facts(r#"(module (memory 1) (data (i32.const 65536) ""))"#, |facts| assert_eq!(facts.images.data_done, [true]));
}

#[test]
fn a_small_module_does_not_become_a_huge_image() {
    let mut wat = String::from("(module (memory 65536)");
    for i in 0..4000u64 {
        wat += &format!("(data (i32.const {}) \"x\")", (i << 20) as i64 as i32);
    }
    facts(&(wat + ")"), |facts| assert_eq!(facts.images.runs, []));
}

const PRIVATE: &str = "(type $t (func)) (func $a) (func $b (call_indirect (type $t) (i32.const 0)))";

#[test]
fn a_private_table_is_immutable() {
    for more in [
        "(table 3 funcref) (elem (i32.const 1) $b $a)",
        "(table 3 funcref) (elem (i32.const 1) $a $a) (elem (i32.const 1) $b)",
        "(table 3 funcref) (elem (i32.const 1) funcref (ref.func $b) (ref.func $a)) (func (drop (table.size 0)))",
    ] {
        facts(&format!("(module {PRIVATE} {more})"), |facts| {
            assert_eq!(facts.call_tables, [Some(vec![None, Some(1), Some(0), None])], "{more}");
            assert!(facts.images.elements_done.iter().all(|&done| done));
            assert_eq!(facts.escapes, [] as [u32; 0], "{more}");
        });
    }
}

#[test]
fn a_table_that_is_seen_or_touched_is_not_immutable() {
    for more in [
        "(table (export \"t\") 3 funcref)",
        "(import \"\" \"t\" (table 3 funcref))",
        "(table 3 funcref) (func (table.set (i32.const 0) (ref.null func)))",
        "(table 3 funcref) (func (drop (table.get (i32.const 0))))",
        "(table 3 funcref) (func (drop (table.grow (ref.null func) (i32.const 0))))",
        "(table 3 funcref) (func (table.fill (i32.const 0) (ref.null func) (i32.const 0)))",
        "(table 3 funcref) (func (table.copy (i32.const 0) (i32.const 0) (i32.const 0)))",
        "(table 3 funcref) (elem $e func $a) (func (table.init $e (i32.const 0) (i32.const 0) (i32.const 0)))",
        "(table 3 funcref) (elem (i32.const 3) $a)",
        "(import \"\" \"g\" (global i32)) (table 3 funcref) (elem (global.get 0) $a)",
        "(import \"\" \"g\" (global funcref)) (table 3 funcref) (elem (i32.const 0) funcref (global.get 0))",
        "(table 3 externref) (table 3 externref)",
        "(table 100000 funcref) (elem (i32.const 99999) $a)",
    ] {
        // Imports come first in the text.
        let wat = match more.strip_prefix("(import") {
            Some(_) => format!("(module {more} {PRIVATE})"),
            None => format!("(module {PRIVATE} {more})"),
        };
        let Ok(_) = wat::parse_str(&wat) else { panic!("{wat}") };
        if wat.contains("externref") {
            continue;
        }
        facts(&wat, |facts| assert_eq!(facts.call_tables, [None], "{more}"));
    }
}

#[test]
fn a_table_that_changes_still_has_an_image() {
    let wat = r#"(module (table (export "t") 9 funcref) (func $a) (func $b) (elem (i32.const 1) $b $a) (elem (i32.const 0) $a))"#;
    facts(wat, |facts| {
        assert_eq!(facts.images.tables, [Some(vec![Some(0), Some(1), Some(0)])]);
        assert_eq!(facts.images.elements_done, [true, true]);
        assert_eq!(facts.escapes, [0, 1]);
        assert_eq!(facts.table_lengths, [None]);
    });
}

#[test]
fn functions_escape_by_export_start_segment_and_ref_func_only() {
    let wat = r#"(module
        (import "" "used" (func $used)) (import "" "unused" (func))
        (func $exported (export "x")) (func $plain (call $plain)) (func $declared) (func $in_global) (func $passive)
        (func $by_ref (result funcref) (ref.func $by_ref))
        (elem declare func $declared $by_ref) (elem func $passive $used)
        (func $start) (start $start)
        (global funcref (ref.func $in_global)))"#;
    with(wat, Arch::X86_64, |_, facts| {
        assert_eq!(facts.escapes, [0, 2, 5, 6, 7, 8]);
        assert_eq!(facts.thunks, [0]);
        assert_eq!(facts.escape(5), Some(2));
        assert_eq!(facts.escape(3), None);
    });
}

#[test]
fn globals_that_nobody_writes_are_constants() {
    let wat = r#"(module (import "" "i" (global i32))
        (global i32 (i32.const -1)) (global (mut i64) (i64.const 2)) (global (mut i32) (i32.const 3))
        (global (export "e") (mut i32) (i32.const 4)) (global externref (ref.null extern))
        (global i32 (global.get 0)) (global i32 (i32.add (i32.const 1) (i32.const 1)))
        (func (global.set 3 (i32.const 0))))"#;
    facts(wat, |facts| {
        let expected = [None, Some(0xffff_ffff), Some(2), None, None, Some(0), None, None];
        assert_eq!(facts.constants, expected);
    });
}

#[test]
fn memories_that_nobody_grows_have_one_length() {
    let wat = r#"(module (import "" "m" (memory 2 2)) (import "" "n" (memory 1 2))
        (memory 3) (memory (export "e") 4) (memory 5) (memory 6 6)
        (func (drop (memory.grow 4 (i32.const 1))) (drop (memory.grow 5 (i32.const 1)))))"#;
    facts(wat, |facts| {
        let pages = |pages: u64| Some(pages << 16);
        assert_eq!(facts.memory_lengths, [pages(2), None, pages(3), None, None, pages(6)]);
    });
}

/// Of each steady loop, in order: the globals that variables hold, and how many operators it has if it is short.
fn loops(wat: &str) -> Vec<(Vec<u32>, Option<u32>)> {
    facts(wat, |facts| facts.loops.iter().map(|steady| (steady.globals.clone(), steady.short)).collect())
}

#[test]
fn loops_are_steady_if_nothing_else_runs_in_them() {
    let body = |body: &str| {
        loops(&format!(
            r#"(module (import "" "g" (global (mut i32))) (import "" "h" (global (mut i32))) (memory 1)
                (global $a (mut i64) (i64.const 0)) (global $c i32 (i32.const 1)) (global $r (mut externref) (ref.null extern))
                (table 1 funcref) (type $t (func)) (func $f) (func (local i32) {body}))"#
        ))
    };
    let (get, set) = (|g: u32| format!("(drop (global.get {g}))"), |g: u32| format!("(global.set {g} (i32.const 0))"));
    assert_eq!(body("(loop)"), [(vec![], Some(0))]);
    assert_eq!(body("(loop (block (nop)) (br 0))"), [(vec![], Some(3))]);
    assert_eq!(body(&format!("(loop {} (block {}) {})", get(2), get(0), get(2))), [(vec![0, 2], Some(7))]);
    // Constants and references are read where they are named.
    assert_eq!(body(&format!("(loop {} {})", get(3), get(4))), [(vec![], Some(4))]);
    // Two that may be one, of which one is written.
    assert_eq!(body(&format!("(loop {} {})", get(0), get(1))), [(vec![0, 1], Some(4))]);
    assert_eq!(body(&format!("(loop {} {})", get(0), set(0))), [(vec![0], Some(4))]);
    assert_eq!(body(&format!("(loop {} {} {})", get(2), get(0), set(1))), [(vec![2], Some(6))]);
    assert_eq!(body(&format!("(loop (block {}) (loop {}))", set(1), get(0))), [(vec![], None), (vec![0], Some(2))]);
    // One loop within another; the outer one calls.
    assert_eq!(body(&format!("(loop (loop {}) (call $f))", get(0))), [(vec![0], Some(2))]);
    assert_eq!(body("(loop (loop (call_indirect (type $t) (i32.const 0))) (loop))"), [(vec![], Some(0))]);
    assert_eq!(body("(loop (drop (memory.grow (i32.const 0))))"), []);
    // Many branches.
    let branches = |count| "(br_if 0 (local.get 0))".repeat(count);
    assert_eq!(body(&format!("(loop {})", branches(4))), [(vec![], Some(8))]);
    assert_eq!(body(&format!("(loop {})", branches(5))), [(vec![], None)]);
    assert_eq!(body("(loop (br_table 0 0 (local.get 0)))"), [(vec![], None)]);
}

#[test]
fn no_more_globals_are_held_than_there_is_room_for_and_imported_ones_count_all_the_same() {
    let mut wat = String::from("(module (import \"\" \"g\" (global (mut i32))) (import \"\" \"h\" (global (mut i32)))");
    wat += &"(global (mut i32) (i32.const 0))".repeat(20);
    wat += "(func (loop (drop (global.get 0))";
    for i in 2..20 {
        wat += &format!("(drop (global.get {i}))");
    }
    assert_eq!(loops(&(wat.clone() + ")))")), [((0..1).chain(2..9).collect(), Some(38))]);
    assert_eq!(loops(&(wat + "(global.set 1 (i32.const 1)))))")), [((2..9).collect(), Some(40))]);
}

/// What is known of a function that may be inlined.
fn summary(wat: &str, function: u32) -> Option<super::Summary> {
    facts(wat, |facts| facts.inlining.as_ref().unwrap().summary(function).copied())
}

#[test]
fn a_function_that_is_called_once_is_known_to_be() {
    let once = |wat: &str| summary(wat, 0).unwrap().once;
    assert!(once("(module (func $f) (func call $f))"));
    assert!(!once("(module (func $f) (func call $f call $f))"), "twice in a row");
    assert!(!once("(module (func $f) (func call $f) (func call $f))"));
    assert!(!once("(module (func $f) (func call $f call 1 call $f))"));
    assert!(!once("(module (func $f) (func return_call $f) (func call $f))"));
    assert!(!once(r#"(module (func $f (export "f")) (func call $f))"#));
    assert!(!once("(module (func $f) (func call $f) (table funcref (elem $f)))"));
    assert!(!once("(module (func $f) (elem declare func $f) (func call $f ref.func $f drop))"));
}

#[test]
fn what_needs_a_frame_of_its_own_or_is_large_is_not_inlined() {
    assert!(
        summary("(module (func (param i32 i64) (local f32) (local.set 2 (f32.const 1))))", 0).unwrap().written == 4
    );
    for body in [
        "try_table end",
        "return_call 0",
        "loop loop loop loop loop end end end end end",
        "global.get 0 i32.load drop global.get 0 i32.load drop",
    ] {
        let body = if body.contains("global") { format!("{body} ").repeat(40) } else { body.to_owned() };
        let wat = format!("(module (memory 1) (global (mut i32) (i32.const 0)) (func {body}))");
        assert_eq!(summary(&wat, 0), None, "{body}");
    }
    let locals = format!("(module (func {}))", "(local i32)".repeat(65));
    assert_eq!(summary(&locals, 0), None);
}

#[test]
fn a_function_that_never_comes_back_is_told_from_one_that_may() {
    let diverges = |body: &str| summary(&format!("(module (tag $e) (func {body}))"), 0).unwrap().diverges;
    for body in ["unreachable", "nop throw $e", "i32.const 1 drop unreachable"] {
        assert!(diverges(body), "{body}");
    }
    for body in ["nop", "i32.const 0 if unreachable end", "i32.const 0 if return end unreachable", "unreachable nop"] {
        assert!(!diverges(body), "{body}");
    }
}

#[test]
fn what_all_functions_may_take_in_is_bounded_by_what_there_is() {
    let budget = |functions: usize| {
        let wat = format!("(module {})", "(func)".repeat(functions));
        // Bodies of two bytes: no locals, `end`.
        facts(&wat, |facts| facts.inlining.as_ref().unwrap().budget(2))
    };
    assert_eq!(budget(10), 2 + 200);
    assert_eq!(budget(1 << 15), 2 + 2 + 2);
}

/// The webs of a local `$x` in a function of a parameter `$p`, one letter for each access in the order of the text.
fn webs_of_x(body: &str) -> String {
    let wat = format!("(module (func (param $p i32) (local $x i32) {body}))");
    let wasm = wat::parse_str(wat).unwrap();
    let (_, bodies) = parse::parse(&wasm, crate::parse::WasmFeatures::ALL).unwrap();
    let webs = webs(&bodies[0].body, 2, |_| false).unwrap().unwrap();
    let of_x = webs.accesses.iter().map(|&(_, web)| web).filter(|&web| webs.webs[web as usize].local == 1);
    let mut seen = Vec::new();
    let letter = |web| {
        let known = seen.iter().position(|&other| other == web);
        (b'a' + known.unwrap_or_else(|| (seen.len(), seen.push(web)).0) as u8) as char
    };
    of_x.map(letter).collect()
}

#[test]
fn a_local_that_is_written_anew_is_another_variable() {
    let (set, get) = ("(local.set $x (i32.const 1))", "(drop (local.get $x))");
    assert_eq!(webs_of_x(&format!("{set} {get} {get} {set} {get}")), "aaabb");
    // What nobody reads is one of its own.
    assert_eq!(webs_of_x(&format!("{set} {set} {set} {get}")), "abcc");
    // What can't be reached is none.
    assert_eq!(webs_of_x(&format!("{set} {get} return {get} {set}")), "aa");
}

#[test]
fn what_comes_together_and_is_read_is_one_variable() {
    let (set, get) = ("(local.set $x (i32.const 1))", "(drop (local.get $x))");
    let p = "(local.get $p)";
    for (body, expected) in [
        // Of both ways of an `if`, or of one and from before it.
        (format!("(if {p} (then {set}) (else {set})) {get}"), "aaa"),
        (format!("{set} (if {p} (then {set})) {get}"), "aaa"),
        (format!("{set} (if {p} (then {set} {get}) (else {get})) {set} {get}"), "abbacc"),
        (format!("{set} (if {p} (then {set} {get} return)) {get}"), "abba"),
        // By branches of each kind.
        (format!("(block {set} (br_if 0 {p}) {set} {get}) {get}"), "aaaa"),
        (format!("(block {set} (br_if 0 {p}) {set} {get} return) {get}"), "abba"),
        (format!("(block (block {set} (br_table 0 1 {p})) {set} {get}) {get}"), "aaaa"),
        (format!("(block (block {set} (br_table 1 0 {p})) {set} {get} return) {get}"), "abba"),
        (format!("(block {set} (if {p} (then {set} (br 1))) {get} {set}) {get}"), "ababb"),
        (format!("(block {set} (drop (br_on_null 0 (ref.null func))) {set}) {get}"), "aaa"),
        (
            format!(
                "(block (result funcref) {set} (br_on_non_null 0 (ref.null func)) {set} (ref.null func)) drop {get}"
            ),
            "aaa",
        ),
        // Around a loop, and behind one.
        (format!("{set} (loop {get} {set} (br_if 0 {p}))"), "aaa"),
        (format!("{set} (loop {set} {get} (br_if 0 {p})) {get}"), "abbb"),
        (format!("{set} (loop {get} (if {p} (then {set} (br 1))))"), "aaa"),
        (format!("{set} {get} (loop {set} {get} (br_if 0 {p}))"), "aabb"),
        // The first value.
        (format!("(if {p} (then {set})) {get} {set} {get}"), "aabb"),
    ] {
        assert_eq!(webs_of_x(&body), expected, "{body}");
    }
}

#[test]
fn a_function_that_catches_has_no_webs() {
    let wat = "(module (func (local i32) (block (try_table (catch_all 0)))))";
    let wasm = wat::parse_str(wat).unwrap();
    let (_, bodies) = parse::parse(&wasm, crate::parse::WasmFeatures::ALL).unwrap();
    assert!(webs(&bodies[0].body, 1, |_| false).unwrap().is_none());
}
