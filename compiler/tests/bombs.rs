//! Modules that are small and would take much: each is compiled or refused soon, in little memory.
//!
//! Time is not asserted, only that the test ends: each of these took minutes or gigabytes before there was a bound.

use bailiwick_compiler::{Arch, CompileError, Options, binary, compile};

fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn section(id: u8, items: &[Vec<u8>]) -> Vec<u8> {
    let contents = [leb(items.len()), items.concat()].concat();
    [vec![id], leb(contents.len()), contents].concat()
}

/// A module whose functions all have type 0 of `types`; `sections` stand between the declarations and the code.
fn module(types: &[Vec<u8>], sections: &[u8], bodies: &[Vec<u8>]) -> Vec<u8> {
    let declared = vec![vec![0]; bodies.len()];
    let bodies: Vec<Vec<u8>> = bodies.iter().map(|body| [leb(body.len()), body.clone()].concat()).collect();
    let header = b"\0asm\x01\0\0\0".to_vec();
    [header, section(1, types), section(3, &declared), sections.to_vec(), section(10, &bodies)].concat()
}

const UNIT: &[u8] = b"\x60\0\0";
const I32_TO_UNIT: &[u8] = b"\x60\x01\x7f\0";

/// The type `() -> i32^results`, or `i32^results -> i32^results`.
fn many(results: usize, params: bool) -> Vec<u8> {
    let list = [leb(results), vec![0x7f; results]].concat();
    [vec![0x60], if params { list.clone() } else { vec![0] }, list].concat()
}

/// A function of one type and no further sections.
fn function(ty: &[u8], locals: &[u8], code: &[&[u8]]) -> Vec<u8> {
    module(&[ty.to_vec()], &[], &[[locals, &code.concat()[..], b"\x0b"].concat()])
}

fn both(wasm: &[u8]) -> Result<Vec<u8>, CompileError> {
    let for_target = |target| compile(wasm, &Options { target, jobs: Some(2), ..Options::default() });
    for_target(Arch::Aarch64)?;
    for_target(Arch::X86_64)
}

#[track_caller]
fn compiles(wasm: &[u8]) -> usize {
    both(wasm).unwrap_or_else(|error| panic!("{error}")).len()
}

#[track_caller]
fn refused(wasm: &[u8], expected: &str) {
    match both(wasm) {
        Err(error @ CompileError::Limit { .. }) => assert!(error.to_string().contains(expected), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn locals_that_nobody_uses_cost_nothing() {
    let body = [&b"\x01"[..], &leb(49_999), b"\x7e\x0b"].concat();
    compiles(&module(&[UNIT.to_vec()], &[], &vec![body; 2000]));
}

#[test]
fn blocks_nest_deeply() {
    let depth = 100_000;
    for open in [&b"\x02\x40"[..], b"\x03\x40", b"\x20\0\x04\x40"] {
        compiles(&function(I32_TO_UNIT, b"\0", &[&open.repeat(depth), &b"\x0b".repeat(depth)]));
    }
    // Dead from the beginning, and with results that nobody computes.
    compiles(&function(I32_TO_UNIT, b"\0", &[b"\0", &b"\x02\x40".repeat(depth), &b"\x0b".repeat(depth)]));
}

#[test]
fn text_that_nests_deeply_is_no_stack_overflow() {
    let depth = 100_000;
    for (open, close) in [("(block ", ")"), ("(drop ", ")"), ("(if (i32.const 0) (then ", "))"), ("(", ")")] {
        let text = format!("(module (func {}{}))", open.repeat(depth), close.repeat(depth));
        let _ = binary(text.as_bytes()).map(|wasm| compile(&wasm, &Options::default()));
    }
}

#[test]
fn loops_with_many_locals_take_linear_time() {
    let count = 1000;
    let declared = [&b"\x01"[..], &leb(count), b"\x7f"].concat();
    let add = |i: usize| [&b"\x20"[..], &leb(i), b"\x41\x01\x6a\x21", &leb(i)].concat();
    let adds = (0..count).map(add).collect::<Vec<_>>().concat();
    let end = b"\x20\0\x0d\0\x0b".repeat(count);
    compiles(&function(I32_TO_UNIT, &declared, &[&b"\x03\x40".repeat(count), &adds, &end]));
}

#[test]
fn many_blocks_and_many_locals_take_linear_memory() {
    let count = 20_000;
    let declared = [&b"\x01"[..], &leb(count), b"\x7f"].concat();
    let gets = (0..count).map(|i| [&b"\x20"[..], &leb(i), b"\x1a"].concat()).collect::<Vec<_>>().concat();
    compiles(&function(I32_TO_UNIT, &declared, &[&b"\x02\x40\x0b".repeat(40_000), &gets]));
    compiles(&function(I32_TO_UNIT, &declared, &[&b"\x20\0\x04\x40\x0b".repeat(40_000), &gets]));
}

#[test]
fn conditional_assignments_in_a_row_take_linear_time() {
    compiles(&function(I32_TO_UNIT, b"\0", &[&b"\x20\0\x04\x40\x20\0\x41\x03\x6a\x21\0\x0b".repeat(40_000)]));
}

#[test]
fn many_operands_at_one_time() {
    let count = 100_000;
    let code = [&b"\x20\0".repeat(count)[..], &b"\x6a".repeat(count - 1), b"\x1a"].concat();
    compiles(&function(I32_TO_UNIT, b"\0", &[&code]));
    // Each is the result of a call, so that none can be computed again.
    compiles(&module(
        &[many(1, false)],
        &[],
        &[[&b"\0"[..], &b"\x10\0".repeat(20_000), &b"\x6a".repeat(19_999), b"\x0b"].concat()],
    ));
    let code = [&b"\x20\0".repeat(1_000_001)[..], &b"\x1a".repeat(1_000_001)].concat();
    refused(&function(I32_TO_UNIT, b"\0", &[&code]), "more operands at one time than that, and the limit is 1000000");
}

#[test]
fn operands_of_dead_code_are_counted_too() {
    let dead = [&b"\0\0"[..], &b"\x02\x01\0\x0b".repeat(2000), b"\0\x0b"].concat();
    refused(&module(&[UNIT.to_vec(), many(1000, false)], &[], &[dead]), "more operands at one time than that");
}

#[test]
fn br_table_with_many_targets() {
    let targets: Vec<u8> = (0..=1_000_000).map(|i| (i % 10) as u8).collect();
    let code = [&b"\x02\x40".repeat(10)[..], b"\x20\0\x0e", &leb(1_000_000), &targets, &b"\x0b".repeat(10)].concat();
    compiles(&function(I32_TO_UNIT, b"\0", &[&code]));
    // As many different targets as it has.
    let depth = 60_000;
    let targets = (0..=depth).map(leb).collect::<Vec<_>>().concat();
    let code = [&b"\x02\x40".repeat(depth)[..], b"\x20\0\x0e", &leb(depth), &targets, &b"\x0b".repeat(depth)].concat();
    compiles(&function(I32_TO_UNIT, b"\0", &[&code]));
}

/// A block with `values` results, and a table of `targets` branches to it.
fn br_table_with_values(values: usize, targets: usize) -> Vec<u8> {
    let push = b"\x41\x01".repeat(values);
    let table = [&b"\x41\0\x0e"[..], &leb(targets), &vec![0; targets + 1]].concat();
    let body = [&b"\0\x02\x01"[..], &push, &table, b"\x0b", &b"\x1a".repeat(values), b"\x0b"].concat();
    module(&[UNIT.to_vec(), many(values, false)], &[], &[body])
}

#[test]
fn br_table_with_values_writes_each_target_once() {
    let small = compiles(&br_table_with_values(900, 1));
    let large = compiles(&br_table_with_values(900, 8000));
    // Only the jump table grows: four bytes for each entry.
    assert!(large < small + 8000 * 4 + 10_000, "{small} {large}");
    refused(&br_table_with_values(900, 60_000), "more values than a module of this size may");
}

#[test]
fn operators_that_pass_on_many_values_are_bounded_together() {
    let push = b"\x41\x01".repeat(1000);
    let types = [UNIT.to_vec(), many(1000, true)];
    for operator in [&b"\x02\x01\x0b"[..], b"\x03\x01\x0b", b"\x41\0\x04\x01\x0b", b"\x10\x01", b"\xd0\x01\x14\x01"] {
        let body = |count| [&b"\0"[..], &push, &operator.repeat(count), &b"\x1a".repeat(1000), b"\x0b"].concat();
        let callee = vec![0, 0, 0x0b];
        let wasm = |count| {
            let mut wasm = module(&types, &[], &[body(count), callee.clone()]);
            // The second function has the second type.
            let at = wasm.windows(5).position(|bytes| bytes == b"\x03\x03\x02\0\0").unwrap();
            wasm[at + 4] = 1;
            wasm
        };
        compiles(&wasm(100));
        refused(&wasm(20_000), "more values than a module of this size may");
    }
    // Branches that are taken or not, each with 1000 values.
    for branch in [&b"\x41\0\x0d\0"[..], b"\xd0\x70\xd5\0\x1a"] {
        let body = [&b"\0\x02\x01"[..], &push, &branch.repeat(20_000), b"\x0b", &b"\x1a".repeat(1000), b"\x0b"];
        refused(&module(&[UNIT.to_vec(), many(1000, false)], &[], &[body.concat()]), "more values than a module");
    }
}

#[test]
fn functions_of_much_code() {
    for operators in [&b"\x20\0\x20\0\x6a\x21\0"[..], b"\x20\0\x10\0", b"\x20\0\x04\x40\x0b"] {
        compiles(&function(I32_TO_UNIT, b"\0", &[&operators.repeat((400 << 10) / operators.len())]));
    }
    let message = compile(&function(UNIT, b"\0", &[&b"\x01".repeat(8_000_000)]), &Options::default()).unwrap_err();
    assert!(message.to_string().contains("function body size"), "{message}");
}

#[test]
fn a_function_whose_values_are_too_many_is_refused() {
    // Each reading of a table is a dozen instructions.
    let table = section(4, &[b"\x70\0\x01".to_vec()]);
    let body = [&b"\0"[..], &b"\x41\0\x25\0\x1a".repeat(800_000), b"\x0b"].concat();
    refused(&module(&[UNIT.to_vec()], &table, &[body]), "computes more values than that");
}

/// A module with a function `f` that takes nothing, `h` that takes an exception, a global of one, and these bodies.
fn with_exceptions(bodies: &[&str]) -> Vec<u8> {
    let functions: Vec<String> = bodies.iter().map(|body| format!("(func {body})")).collect();
    let imports = r#"(import "" "f" (func $f)) (import "" "h" (func $h (param exnref)))"#;
    let text = format!("(module {imports} (global $e (mut exnref) (ref.null exn)) {})", functions.concat());
    binary(text.as_bytes()).unwrap().into_owned()
}

#[test]
fn references_to_exceptions_are_counted_where_they_are_needed() {
    // As destructors of C++ are: thousands of handlers, each of which calls and throws again.
    let handler = "(block $next
        (block $out (result exnref) (try_table (catch_all_ref $out) (call $f)) (br $next))
        (local.set 0) (call $f) (throw_ref (local.get 0)))";
    compiles(&with_exceptions(&[&format!("(local exnref) {}", handler.repeat(4000))]));
    // Thousands across each of thousands of calls.
    let many = ["(global.get $e)", "(call $f)", "(call $h)"].map(|code| code.repeat(6000)).concat();
    refused(&with_exceptions(&[&many]), "the references to exceptions of function 2, for each call");
}

#[test]
fn a_refused_function_leaves_nothing_behind_for_the_next() {
    // The larger one comes first, and its error is the only one.
    let many = ["(global.get $e)", "(call $f)", "(call $h)"].map(|code| code.repeat(6000)).concat();
    let small = "(local i32) (loop (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if 0 (local.get 0)))";
    refused(&with_exceptions(&[small, &many]), "of function 3");
}

#[test]
fn many_of_everything() {
    let empty = [0, 0x0b].to_vec();
    compiles(&module(&[UNIT.to_vec()], &[], &vec![empty.clone(); 50_000]));
    let types: Vec<Vec<u8>> = (0..20_000).map(|i| many(i % 40, i % 2 == 0)).collect();
    compiles(&module(&[&[UNIT.to_vec()], &types[..]].concat(), &[], std::slice::from_ref(&empty)));
    let globals = section(6, &vec![b"\x7f\x01\x41\0\x0b".to_vec(); 100_000]);
    compiles(&module(&[UNIT.to_vec()], &globals, std::slice::from_ref(&empty)));
    let export = |i: usize| [&leb(6)[..], format!("{i:06x}").as_bytes(), b"\0\0"].concat();
    let exports = section(7, &(0..100_000).map(export).collect::<Vec<_>>());
    compiles(&module(&[UNIT.to_vec()], &exports, std::slice::from_ref(&empty)));
    let table = section(4, &[[b"\x70\0".to_vec(), leb(10_000_000)].concat()]);
    let items = [&b"\0\x41\0\x0b"[..], &leb(1_000_000), &vec![0; 1_000_000]].concat();
    compiles(&module(&[UNIT.to_vec()], &[table.clone(), section(9, &[items])].concat(), std::slice::from_ref(&empty)));
    let items = [&b"\x04\x41\0\x0b"[..], &leb(300_000), &b"\xd2\0\x0b".repeat(300_000)].concat();
    compiles(&module(&[UNIT.to_vec()], &[table, section(9, &[items])].concat(), std::slice::from_ref(&empty)));
    // Many tables, each with its share of many segments.
    let tables = section(4, &vec![b"\x70\0\x01".to_vec(); 2000]);
    let segment = |i: usize| [&b"\x02"[..], &leb(i % 2000), b"\x41\0\x0b\0\x01\0"].concat();
    let segments = section(9, &(0..50_000).map(segment).collect::<Vec<_>>());
    compiles(&module(&[UNIT.to_vec()], &[tables, segments].concat(), &[empty]));
}

/// Functions that each call the one before twice, or many times, and are each small enough to be inlined: what all of them
/// would make of one another has no end.
#[test]
fn what_is_inlined_is_bounded_by_what_there_is() {
    let call = |function: usize| [&b"\x10"[..], &leb(function)].concat();
    let twice = |i: usize| [&b"\0"[..], &call(i.saturating_sub(1)).repeat(2), b"\x0b"].concat();
    let first = b"\0\x41\0\x28\x02\0\x1a\x0b".to_vec();
    let doubling: Vec<Vec<u8>> = std::iter::once(first.clone()).chain((1..20_000).map(twice)).collect();
    let many = [&b"\0"[..], &call(0).repeat(20_000), b"\x0b"].concat();
    let memory = section(5, &[b"\0\x01".to_vec()]);
    for bodies in [doubling, vec![first.clone(), many]] {
        let exports = section(7, &[[&b"\x03run\0"[..], &leb(bodies.len() - 1)].concat()]);
        let wasm = module(&[UNIT.to_vec()], &[memory.clone(), exports].concat(), &bodies);
        for target in [Arch::X86_64, Arch::Aarch64] {
            let size = |optimisations: &str| {
                let optimisations = optimisations.parse().unwrap();
                compile(&wasm, &Options { target, optimisations, jobs: Some(2), ..Options::default() }).unwrap().len()
            };
            let (with, without) = (size("default,inlining"), size("default,-inlining"));
            assert!(with < 2 * without, "{with} {without}");
        }
    }
}

#[test]
fn loops_that_name_many_globals_take_linear_memory() {
    let set = |i: u32| format!("(global.set {i} (i32.add (global.get {i}) (global.get {})))", (i + 1) % 8);
    let body = (0..8).map(set).collect::<String>();
    let text = format!(
        "(module {} (func {}))",
        "(global (mut i32) (i32.const 1))".repeat(8),
        format!("(loop {body} (br_if 0 (global.get 0)))").repeat(3000)
    );
    compiles(&binary(text.as_bytes()).unwrap());
}
