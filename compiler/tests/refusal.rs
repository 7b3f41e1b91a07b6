//! What is refused, with the words a user reads.

use bailiwick_compiler::{CompileError, Options, binary, compile};

fn message(wat: &str) -> String {
    let wasm = binary(wat.as_bytes()).unwrap_or_else(|e| panic!("{e}\n{wat}"));
    match compile(&wasm, &Options::default()) {
        Ok(_) => panic!("compiled: {wat}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_proposal_is_named_with_the_place() {
    let mut failures = String::new();
    for (wat, expected) in [
        (
            "(module (func (result v128) (v128.const i64x2 0 0)))",
            "SIMD (v128) is not supported yet (proposal simd) at offset 0xb",
        ),
        (
            "(module (func $f (return_call $f)))",
            "tail calls are not supported yet (proposal tail-call) at offset 0x17 in function 0",
        ),
        (
            "(module (memory 1) (memory 1))",
            "more than one memory is not supported yet (proposal multi-memory) at offset 0xa",
        ),
        (
            "(module (memory i64 1))",
            "64-bit memories and tables are not supported yet (proposal memory64) at offset 0xb",
        ),
        ("(module (tag))", "exception handling is not supported yet (proposal exception-handling) at offset 0x10"),
        (
            "(module (memory 1 1 shared))",
            "threads (atomics and shared memories) are not supported yet (proposal threads) at offset 0xb",
        ),
        (
            "(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))",
            "threads (atomics and shared memories) are not supported yet (proposal threads) at offset 0x1e in function 0",
        ),
        ("(module (type (struct)))", "garbage-collected types are not supported yet (proposal gc) at offset 0xb"),
        (
            "(module (type $t (func)) (func (param (ref $t)) (call_ref $t (local.get 0))))",
            "typed function references are not supported yet (proposal function-references)",
        ),
        (
            "(module (func (drop (drop (i64.mul_wide_u (i64.const 0) (i64.const 0))))))",
            "wide arithmetic is not supported yet (proposal wide-arithmetic) at offset 0x1b in function 0",
        ),
    ] {
        let message = message(wat);
        if !message.starts_with(expected) {
            failures += &format!("{wat}\n  was {message}\n  not {expected}\n");
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn invalid_modules_get_the_validator_s_words_with_offset_and_function() {
    assert_eq!(
        message("(module (func) (func (result i32)))"),
        "invalid WebAssembly at offset 0x1f in function 1: type mismatch: expected i32 but nothing on stack"
    );
    assert_eq!(
        message("(module (export \"f\" (func 3)))"),
        "invalid WebAssembly at offset 0xb: unknown function 3: exported function index out of bounds"
    );
    let cut = &wat::parse_str("(module (func (export \"f\")))").unwrap()[..20];
    let error = compile(cut, &Options::default()).unwrap_err();
    assert!(matches!(error, CompileError::Invalid { .. }), "{error}");
}

#[test]
fn text_components_and_other_files_have_their_own_words() {
    let text = binary(b"(module (func i32.foo))").unwrap_err();
    assert!(matches!(text, CompileError::Text { .. }));
    assert!(text.to_string().contains("unknown operator or unexpected token"), "{text}");
    assert_eq!(compile(&wat::parse_str("(component)").unwrap(), &Options::default()), Err(CompileError::Component));
    assert!(matches!(binary(b"\x7fELF\x02\x01\x01\0\xff\xfe"), Err(CompileError::Text { .. })));
    assert!(matches!(compile(b"", &Options::default()), Err(CompileError::Malformed { .. })));
}
